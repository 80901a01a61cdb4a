/* SPDX-License-Identifier: MIT */
/* What the files of handover/ share. */
#pragma once

#include "handover/handover.h"

#include <signal.h>

#define VFIO_PCI "vfio-pci"

/* ---- sysfs.c ---- */

/*
 * What the functions below work for: one handover. They write and read through a child, and leave
 * in the function's `wait` what did not come back. -ETIMEDOUT then, and from then on for everything
 * that would touch this function.
 */
struct sysfs {
	struct host *host;
	unsigned limit_ms;
};

/* The driver of @f now; *@ret NULL when it has none. -ENODEV when the function has disappeared. */
MUST_CHECK int sysfs_driver(struct host *host, const struct pci_function *f, const char **ret,
			    struct err *e);
/*
 * Reads the overrides of all @functions, which sysfs_override() then knows. Ends at the first that
 * cannot be read, with its error; the others are read when they are asked for.
 */
MUST_CHECK int sysfs_read_overrides(struct sysfs *s, struct handover_function *functions, size_t n,
				    struct err *e);
/* The override of @f, as this transaction read or set it last; *@ret NULL when it has none. */
MUST_CHECK int sysfs_override(struct sysfs *s, struct handover_function *f, const char **ret,
			      struct err *e);
/* Sets them one after the other, NULL clears, and reads each back; ends at the first failure. */
MUST_CHECK int sysfs_set_overrides(struct sysfs *s, struct handover_function *const *functions,
				   const char *const *drivers, size_t n, struct err *e);
MUST_CHECK int sysfs_set_override(struct sysfs *s, struct handover_function *f, const char *driver,
				  struct err *e);

/* From one driver to another: what of these is asked for is done in this order. */
struct sysfs_way {
	bool aims; /* set the override to @aim, unless it is known to be that */
	const char *aim;
	const char *unbind; /* from this driver; NULL: from none */
	/* let the kernel choose; which driver it took is what sysfs_driver() says */
	bool probes;
	const char *after; /* what the override is set to behind a probe that was aimed */

	bool left;   /* it is unbound, or did not have to be */
	bool probed; /* the kernel was asked */
};

/* Ends at the first failure; @way says then how far it came. */
MUST_CHECK int sysfs_move(struct sysfs *s, struct handover_function *f, struct sysfs_way *way,
			  struct err *e);
/* Writes an attribute below the directory of @f. */
MUST_CHECK int sysfs_set(struct sysfs *s, struct handover_function *f, const char *name,
			 const char *value, struct err *e);
/* Whether the kernel has a PCI driver of that name. */
bool sysfs_has_driver(struct host *host, const char *name);

/* ---- settings.c: power/control and the like ---- */

/* Reads them into f->settings; what a function does not have is left out. */
void settings_read(struct host *host, struct handover_function *f);
/* Writes those that are not as in f->settings, and reads them back. -ETIMEDOUT when stuck. */
MUST_CHECK int settings_restore(struct sysfs *s, struct handover_function *f, struct err *e);
/* The first one that could not be restored; NULL when all are as before. */
const struct handover_setting *settings_lost(const struct handover_function *f);

/* ---- back.c: the way back, of a release and of a bind that failed ---- */

enum back_choice {
	BACK_DRIVER, /* to the driver that is named */
	BACK_ANY,    /* to the one that the kernel chooses; what a driver of the host has stays */
	BACK_NONE,   /* to no driver */
};

/*
 * From wherever @f is back to @driver, with f->override_before and f->settings. Fills
 * driver_after, which may be another driver than the one named, or none.
 */
MUST_CHECK int back_to_host(struct sysfs *s, struct handover_function *f, enum back_choice choice,
			    const char *driver, struct err *e);
/*
 * For the functions that are not stuck, which are back: disarms their timer and starts their units,
 * unless another function that is still handed over needs them so, and removes the records. With
 * handover->going the units are left, and named in it.
 */
MUST_CHECK int back_finish(struct host *host, struct handover *handover, struct err *e);

/* ---- stuck.c ---- */

/* Collects what is known about the write that @writer is in, after the limit. */
struct handover_wait *stuck_describe(struct host *host, const struct pci_function *f,
				     const char *file, const char *value, unsigned waited_ms,
				     pid_t writer);

/* ---- lock.c: one lock for each function, in run/passthru/<address>.lock ---- */

struct locks {
	struct host *host;
	size_t n;
	const char **path;
	int *fd;
	struct handover_function **function;
};

/*
 * Takes the locks of all functions in the order of their addresses, without waiting: ERR_REFUSED
 * when another process has one, which the sentence names.
 */
MUST_CHECK int locks_take(struct host *host, struct handover *handover, struct locks *ret,
			  struct err *e);
/* Lets go of all, but for those of functions that are stuck: their locks are the child's now. */
void locks_drop(struct locks *locks);

/* Who hands over: a process with the time that it started, in clock ticks since boot. */
struct owner {
	const char *pid; /* NULL: not known */
	const char *started;
	const char *command; /* words with blanks between them */
};

/* This process. */
struct owner owner_self(struct host *host);
/* Whether that process, and not another one with its number, is still there. */
bool owner_is_alive(struct host *host, const struct owner *owner);

/* ---- journal.c: what was there before, in run/passthru/<address> ---- */

struct record {
	struct owner owner;
	const char *driver;   /* NULL: none */
	const char *override; /* NULL: none */
	const char *wanted; /* the VFIO driver that a bind gave it; NULL: vfio-pci, of version 1 */
	struct handover_setting *settings;
	size_t n_settings;
	const char *const *units; /* stopped for it, to be started again when all are back */
	size_t n_units;
	const char *timer; /* that gives it back unless confirmed; NULL: none */
};

/* Writes the record of @f: the whole of it, atomically. */
MUST_CHECK int journal_write(struct host *host, const struct pci_function *f,
			     const struct record *record, struct err *e);
/* False when nothing is recorded, or nothing that is understood. */
bool journal_read(struct host *host, const struct pci_function *f, struct record *ret);
/* The same for a name that journal_list() gave: its function may be gone. */
bool journal_read_name(struct host *host, const char *name, struct record *ret);
void journal_forget(struct host *host, const struct pci_function *f);
/* Addresses that have a record, in order; nothing recorded is an empty list. */
MUST_CHECK int journal_list(struct host *host, struct names *ret, struct err *e);

/* ---- module.c ---- */

/*
 * Fills driver_wanted of every function and makes these drivers available: -ENOENT with a sentence
 * when the kernel has none.
 */
MUST_CHECK int module_choose(struct host *host, struct handover *handover, struct err *e);
/* Loads what the kernel's aliases name for @f, as udev does. Not finding any is no error. */
void module_load_native(struct host *host, const struct pci_function *f);

/* ---- check.c, refuse.c ---- */

/* Adds what the rules of handover_check() say against each function. */
MUST_CHECK int refuse_rules(struct host *host, const struct handover *handover,
			    struct handover_refusals *ret, struct err *e);
/* Adds the uses of the functions, those in @allowed left out. */
void refuse_uses(struct host *host, const struct handover *handover, unsigned allowed,
		 struct handover_refusals *ret);

/* ---- units.c: systemd units that use the functions ---- */

/* Stops handover->units, then looks again who uses the functions: refuses as before. */
MUST_CHECK int units_stop(struct host *host, struct handover *handover, struct err *e);
MUST_CHECK int units_start(struct host *host, const char *const *units, size_t n, struct err *e);

/* ---- timer.c: giving back by itself ---- */

MUST_CHECK int timer_arm(struct host *host, const struct handover *handover, const char **ret_timer,
			 struct err *e);
void timer_disarm(struct host *host, const char *timer);

/* ---- signals held back during a transaction ---- */

static inline void signals_hold(sigset_t *ret_before)
{
	sigset_t held;

	sigemptyset(&held);
	sigaddset(&held, SIGINT);
	sigaddset(&held, SIGTERM);
	sigaddset(&held, SIGHUP);
	sigprocmask(SIG_BLOCK, &held, ret_before);
}

static inline void signals_release(const sigset_t *before)
{
	sigprocmask(SIG_SETMASK, before, NULL);
}
