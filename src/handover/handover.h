/* SPDX-License-Identifier: MIT */
/*
 * Handing functions over to vfio-pci and back, through sysfs, as a transaction:
 * either every function ends with vfio-pci, or every function ends where it was.
 *
 * driver_override is written to all functions before any of them is unbound: no other driver can
 * take one in between, and a function that cannot be handed over shows while nothing has
 * happened yet. Each is then unbound and probed, and its driver is read back. What was
 * there before is recorded under run/passthru first. What a run that was killed left, overrides,
 * functions without a driver, records, the next bind or release of the same functions puts right.
 *
 * SIGINT, SIGTERM and SIGHUP wait until a transaction has ended.
 */
#pragma once

#include "base/err.h"
#include "host/host.h"

enum handover_state {
	HANDOVER_UNTOUCHED, /* not changed, or it was there already */
	HANDOVER_DONE,
	HANDOVER_RESTORED, /* tried, failed, put back */
	HANDOVER_GONE,     /* the device disappeared meanwhile */
	HANDOVER_STUCK,    /* could not be put back */
};

struct handover_function {
	struct pci_function *function;
	const char *driver_before; /* NULL: none */
	const char *driver_after;
	const char *override_before; /* NULL: none */
	enum handover_state state;
};

struct handover {
	struct handover_function *functions;
	size_t n;
};

/* The devices of @arguments with their companions, each function once, in the order given. */
MUST_CHECK int handover_select(struct host *host, const char *const *arguments, size_t n,
			       struct handover *ret, struct err *e);

/*
 * Whether these functions could go to a guest: -EPERM (ERR_REFUSED) for a bridge, a function in no
 * IOMMU group, one with virtual functions, or a group that would stay not viable, with the
 * function and the driver in the way.
 */
MUST_CHECK int handover_check(struct host *host, const struct handover *handover, struct err *e);

/*
 * -EPERM (ERR_REFUSED) when the host would lose something that is in use with one of the functions
 * that are not with VFIO yet: a disk, a network connection or the last keyboard. The sentence names
 * it and how to stop it. @allowed: bits 1 << enum use_kind that may be lost. Reads what uses the
 * functions.
 */
MUST_CHECK int handover_check_uses(struct host *host, const struct handover *handover,
				   unsigned allowed, struct err *e);

/*
 * Hands the functions to vfio-pci. Refuses as handover_check() does; after any other error
 * everything was put back, except what is HANDOVER_STUCK.
 */
MUST_CHECK int handover_bind(struct host *host, struct handover *handover, struct err *e);

/*
 * Gives the functions back: restores the override that was there before bind, unbinds vfio-pci and
 * lets the kernel choose the driver. -EPERM (ERR_REFUSED) while a process has one of them open
 * through VFIO; -EIO when no driver takes back what had one before, which the next release tries
 * again. One function that does not go back is no reason to keep the others.
 */
MUST_CHECK int handover_release(struct host *host, struct handover *handover, struct err *e);
