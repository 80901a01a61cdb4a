/* SPDX-License-Identifier: MIT */
/* What the kernel says about PCI functions while it happens: its uevents, by libudev's monitor. */
#pragma once

#include "host/host.h"

struct monitor;

/* One message of the kernel about one function. Lives in the arena given to monitor_next(). */
struct uevent {
	const char *action; /* add, remove, bind, unbind, change, ... */
	/* place, ids and driver as the message has them; its group is not in there */
	struct pci_function function;
	const char *recovery; /* BEGIN_RECOVERY, ...: of a change after a bus error; or NULL */
	uint64_t number;      /* of all messages of this boot, rising */
	bool asked_for;       /* somebody wrote to the file uevent: nothing has changed */
};

/* Every user may listen. Messages from now on are kept until they are read. */
MUST_CHECK int monitor_open(struct monitor **ret, struct err *e);
/* Accepts NULL. */
void monitor_close(struct monitor *m);
/* Readable when there may be a message. */
int monitor_fd(const struct monitor *m);

/*
 * The next message about a PCI function. 1; 0 when there is none now; -ENOBUFS when messages were
 * lost, which is said once, before those that came earlier; another negative errno.
 */
MUST_CHECK int monitor_next(struct monitor *m, struct arena *a, struct uevent *ret);

/* The number of the newest message: what is read from now on is not older than it. */
MUST_CHECK int host_uevent_number(struct host *host, uint64_t *ret, struct err *e);
