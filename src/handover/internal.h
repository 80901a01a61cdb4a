/* SPDX-License-Identifier: MIT */
/* What the files of handover/ share. */
#pragma once

#include "handover/handover.h"

#include <signal.h>

#define VFIO_PCI "vfio-pci"

/* ---- sysfs.c ---- */

/* The driver of @f now; *@ret NULL when it has none. -ENODEV when the function has disappeared. */
MUST_CHECK int sysfs_driver(struct host *host, const struct pci_function *f, const char **ret,
			    struct err *e);
/* The override of @f now; *@ret NULL when it has none. */
MUST_CHECK int sysfs_override(struct host *host, const struct pci_function *f, const char **ret,
			      struct err *e);
/* Sets it, NULL clears it, and reads it back. */
MUST_CHECK int sysfs_set_override(struct host *host, const struct pci_function *f,
				  const char *driver, struct err *e);
MUST_CHECK int sysfs_unbind(struct host *host, const struct pci_function *f, const char *driver,
			    struct err *e);
/* Asks the kernel to choose a driver; whether one was found shows sysfs_driver(). */
MUST_CHECK int sysfs_probe(struct host *host, const struct pci_function *f, struct err *e);

/* ---- journal.c: what was there before, in run/passthru/<address> ---- */

/* Holds the lock of all handovers; the descriptor to close, or a negative errno. */
MUST_CHECK int journal_lock(struct host *host, struct err *e);
MUST_CHECK int journal_record(struct host *host, const struct handover_function *f, struct err *e);
/* Fills driver_before and override_before; false when nothing is recorded. */
bool journal_recall(struct host *host, const struct pci_function *f, const char **ret_driver,
		    const char **ret_override);
void journal_forget(struct host *host, const struct pci_function *f);

/* ---- module.c ---- */

/* Makes the driver vfio-pci available: -ENOENT with a sentence when the kernel has none. */
MUST_CHECK int module_need_vfio(struct host *host, struct err *e);
/* Loads what the kernel's aliases name for @f, as udev does. Not finding any is no error. */
void module_load_native(struct host *host, const struct pci_function *f);

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
