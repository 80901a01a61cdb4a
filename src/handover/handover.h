/* SPDX-License-Identifier: MIT */
/*
 * Handing functions over to VFIO and back, through sysfs, as a transaction:
 * either every function ends with its VFIO driver, or every function ends where it was.
 *
 * driver_override is written to all functions before any of them is unbound: no other driver can
 * take one in between, and a function that cannot be handed over shows while nothing has
 * happened yet. Each is then unbound and probed, and its driver is read back. What was
 * there before is recorded under run/passthru first. What a run that was killed left, overrides,
 * functions without a driver, records, the next bind or release of the same functions puts right.
 *
 * Every write goes through a child (root_write_watched()): one that the kernel does not come back
 * from leaves the child behind, not this program. Its function is then HANDOVER_STUCK and stays
 * locked, its record stays, and nothing more is written to it.
 *
 * Each function has a lock of its own, so that handovers of different devices do not disturb each
 * other. SIGINT, SIGTERM and SIGHUP wait until a transaction has ended.
 */
#pragma once

#include "base/err.h"
#include "host/host.h"

/* How long one write may take before it is said to be stuck, unless told otherwise. */
#define HANDOVER_LIMIT_MS 30000

enum handover_state {
	HANDOVER_UNTOUCHED, /* not changed, or it was there already */
	HANDOVER_DONE,
	HANDOVER_RESTORED, /* tried, failed, put back */
	HANDOVER_GONE,     /* the device disappeared meanwhile */
	HANDOVER_STUCK, /* could not be put back, or the kernel does not come back from a write */
};

/* A process that has a device node open which is, or was, the device's. */
struct handover_user {
	const char *process; /* "qemu-system-x86 (pid 812)" */
	const char *node;    /* "dev/vfio/7" */
	bool certain; /* false: the node's device is gone from sysfs, so it may be this one */
};

/* A read or write of sysfs that the kernel has not come back from, and what is known of it. */
struct handover_wait {
	const char *file;
	const char *value; /* what was written; NULL: it was read */
	unsigned waited_ms;
	pid_t writer;                  /* the process that is in it; 0 unknown */
	struct fact_text writer_state; /* "D (disk sleep)" */
	struct fact_text kernel_stack; /* lines; of proc/<pid>/stack, or wchan in one line */
	const struct handover_user *user;
	size_t n_users;
	const char *module; /* of the driver that holds the function; NULL: none */
	struct fact_text module_references;
	const char *const *module_holder;
	size_t n_module_holders;
	const char *advice; /* what can still be done */
};

/* An attribute that a handover changes as a side effect, or a user while a guest has the device. */
struct handover_setting {
	const char *name;   /* "power/control" */
	const char *before; /* as recorded */
	const char *now;    /* after a release, when it is not as recorded; NULL: it is */
	int error;          /* of restoring it */
};

struct handover_function {
	struct pci_function *function;
	const char *driver_before; /* NULL: none */
	const char *driver_after;
	const char *driver_wanted;   /* of a bind: "vfio-pci", or a variant made for it */
	const char *driver_why;      /* what chose that one: alias, option, failure; or NULL */
	const char *driver_host;     /* of a release: as recorded; NULL: the kernel chooses */
	const char *override_before; /* NULL: none */
	struct handover_setting *settings;
	size_t n_settings;
	enum handover_state state;
	struct handover_wait *wait; /* NULL unless the kernel does not come back */
	bool orphan;                /* of a release: its override belongs to nobody, clear it */
	/* of sysfs.c: what was read or proven last in this transaction */
	const char *override_now; /* NULL: none */
	bool override_known;
};

struct handover {
	struct handover_function *functions;
	size_t n;
	const char *const *units; /* systemd units to stop first; release starts them again */
	size_t n_units;
	unsigned deadline_s; /* until it is given back by itself unless confirmed; 0: none */
	unsigned limit_ms;   /* for one write; 0: HANDOVER_LIMIT_MS */
	unsigned allowed;    /* enum handover_allow: uses that the host may lose */
	/* of a release: they are about to be removed, and no driver is to have them; what would be
	 * started again is in units afterwards, and is left to the caller */
	bool going;
};

/* ---- check.c: what a handover covers, and whether it may be ---- */

/* The devices of @arguments with their companions, each function once, in the order given. */
MUST_CHECK int handover_select(struct host *host, const char *const *arguments, size_t n,
			       struct handover *ret, struct err *e);

/*
 * Whether these functions could go to a guest: -EPERM (ERR_REFUSED) for a bridge, a function in no
 * IOMMU group, one with virtual functions, or a group that would stay not viable, with the
 * function and the driver in the way.
 */
MUST_CHECK int handover_check(struct host *host, const struct handover *handover, struct err *e);

/* ---- refuse.c: what the host would lose that is in use ---- */

/* Uses that may be lost, one bit for each word of --allow. A guest's use is never. */
enum handover_allow {
	HANDOVER_ALLOW_DISK = 1 << 0,
	HANDOVER_ALLOW_NETWORK = 1 << 1,
	HANDOVER_ALLOW_DISPLAY = 1 << 2, /* consoles, framebuffers, pictures, the only display */
	HANDOVER_ALLOW_INPUT = 1 << 3,
	HANDOVER_ALLOW_OPEN = 1 << 4, /* nodes of graphics, sound, USB ... that processes hold */
};

/* Adds the bit of that word to @allowed; -EINVAL (ERR_USAGE) for another word. */
MUST_CHECK int handover_allow(const char *word, unsigned *allowed, struct err *e);

/* One reason against a handover. */
struct handover_refusal {
	const struct pci_function *function;
	const char *what;  /* "/home is mounted from nvme0n1p2 (ext4)" */
	bool used;         /* in use now; false: the last of its kind, or nobody can tell */
	const char *where; /* the file that says so; NULL: a rule of the kernel, `what` says all */
	const char *value; /* and what it says, or NULL */
	const char *stop;  /* a command that ends the use, or NULL */
	const char *unit;  /* of systemd, that ends the use when it is stopped, or NULL */
	const char *allow; /* the word of --allow that lifts it; NULL: nothing does */
	const char *warning; /* what may follow from lifting it, or NULL */
};

struct handover_refusals {
	struct handover_refusal *refusal;
	size_t n;
};

/*
 * All that stands against the handover of functions that are not with VFIO yet, handover->allowed
 * left out: the rules of handover_check(), what the host uses, and guests. 0 however many there
 * are; negative when it could not be found out. Reads what uses the functions once per host.
 */
MUST_CHECK int handover_refusals(struct host *host, const struct handover *handover,
				 struct handover_refusals *ret, struct err *e);
/* One refusal as a sentence that says how to go on. */
const char *handover_refusal_text(struct host *host, const struct handover_refusal *refusal);
/* -EPERM (ERR_REFUSED) with the first of them and the number of the others; 0 when there is none.
 */
MUST_CHECK int handover_refuse(struct host *host, const struct handover_refusals *refusals,
			       struct err *e);

/* Whether uses stand against it, with the first of them in @e; @allowed: enum handover_allow. */
MUST_CHECK int handover_check_uses(struct host *host, const struct handover *handover,
				   unsigned allowed, struct err *e);

/* ---- lock.c ---- */

/*
 * -EPERM (ERR_REFUSED) when another process hands one of them over, or a write of one that has
 * ended is stuck; the sentence names it. To be asked before anything else is read of them: reading
 * some attributes of a function that is stuck does not come back either.
 */
MUST_CHECK int handover_check_free(struct host *host, const struct handover *handover,
				   struct err *e);

/* ---- bind.c, release.c ---- */

/*
 * Hands the functions to VFIO. Refuses as handover_check() does, and while another process hands
 * one of them over; after any other error everything was put back, except what is HANDOVER_STUCK:
 * -ETIMEDOUT when a write did not come back.
 */
MUST_CHECK int handover_bind(struct host *host, struct handover *handover, struct err *e);

/*
 * Gives the functions back: the recorded driver takes each, or the one that the kernel chooses when
 * none is recorded, and override and settings are as before bind. -EPERM (ERR_REFUSED) while a
 * process has one of them open through VFIO; -EIO when no driver takes back what had one before,
 * which the next release tries again. One function that does not go back is no reason to keep the
 * others. A setting that could not be restored is in the settings of its function, and no error;
 * the record then stays, for the next release.
 */
MUST_CHECK int handover_release(struct host *host, struct handover *handover, struct err *e);

/*
 * The same as a release for each function: one that a guest has, or that another process hands
 * over, does not keep the others. The first error.
 */
MUST_CHECK int handover_release_each(struct host *host, struct handover *handover, struct err *e);

/* ---- journal.c: what was before, of a function that is handed over ---- */

struct handover_past {
	bool recorded;        /* false: nothing is known, and the rest is NULL */
	const char *driver;   /* NULL: none */
	const char *override; /* NULL: none */
	const char *command;  /* that handed it over, its words; NULL: not known */
	const char *pid;
};

void handover_past(struct host *host, const struct pci_function *f, struct handover_past *ret);

/* ---- orphan.c: overrides that nobody owns ---- */

struct handover_orphan {
	struct pci_function *function;
	const char *override;
	bool no_such_driver; /* the override names a driver that the kernel does not have */
	const char
		*owner; /* who may have set it, by what is configured: "driverctl"; NULL: nobody */
	const char *evidence; /* the file that says so */
};

/*
 * Functions whose override is a VFIO driver, or one that does not exist, without a record of ours
 * and without a process that has them open. Reads the override of every function.
 */
MUST_CHECK int handover_orphans(struct host *host, unsigned limit_ms, struct handover_orphan **ret,
				size_t *ret_n, struct err *e);

/* ---- module.c: which driver ---- */

/*
 * Fills driver_wanted and driver_why of every function from the kernel's list of aliases: the
 * variant driver that names the device most closely, or vfio-pci. @named: the driver to take, NULL
 * for that choice; -EPERM (ERR_REFUSED) when it is none of VFIO or made for none of these devices.
 * Changes nothing.
 */
MUST_CHECK int handover_choose_drivers(struct host *host, struct handover *handover,
				       const char *named, struct err *e);

/* ---- units.c: systemd units that use the functions ---- */

/*
 * Fills handover->units with what has to be stopped so that uses in @refusals end, and takes these
 * out of the list; a unit that cannot be stopped leaves its refusal there, with the reason.
 */
void handover_stop_units(struct host *host, struct handover *handover,
			 struct handover_refusals *refusals);

/* ---- timer.c: handovers with a deadline ---- */

/*
 * Keeps the handover of these functions: it is not given back by itself any more. -EPERM
 * (ERR_REFUSED) when none of them has a deadline. Those that had one are HANDOVER_DONE.
 */
MUST_CHECK int handover_confirm(struct host *host, struct handover *handover, struct err *e);

struct handover_waiting {
	struct pci_function *function;
	uint64_t left_s; /* until it is given back */
	const char *by;  /* "passthru-release-0000:01:00.0-2800.timer", "process 812" */
};

/* The functions that wait to be confirmed. */
MUST_CHECK int handover_waiting(struct host *host, struct handover_waiting **ret, size_t *ret_n,
				struct err *e);
/* Those whose time is over, in @ret. What is recorded of functions that are gone is passed over. */
MUST_CHECK int handover_due(struct host *host, struct handover *ret, struct err *e);
