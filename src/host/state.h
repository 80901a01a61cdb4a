/* SPDX-License-Identifier: MIT */
/*
 * What changes about a function while the machine runs, in a form that can be read every second and
 * compared.
 */
#pragma once

#include "host/host.h"

enum state_fact {
	STATE_DRIVER,
	STATE_OVERRIDE,
	STATE_GROUP,
	STATE_RUNTIME, /* active, suspended, ... */
	STATE_POWER,   /* D0 to D3cold; -ENOENT: the kernel does not know */
	STATE_SPEED,   /* as in struct pci_detail */
	STATE_WIDTH,
	STATE_FACTS, /* how many */
};

/* All as text; -ENOENT: none. */
struct function_state {
	struct fact_text fact[STATE_FACTS];
	bool has_link; /* it may be down: then speed and width are -ENOENT all the same */
};

/*
 * Reads all but the driver, which is that of @f. -ENODEV when the function is not there any more.
 * The link stays PCI_ASLEEP where asking would wake the device.
 */
MUST_CHECK int host_read_state(struct host *host, const struct pci_function *f,
			       struct function_state *ret);

/*
 * The same again, for each second: what comes with a uevent (driver, group) is taken from @before,
 * a link that the function does not have is not looked for, and neither is one of a device that may
 * fall asleep: asking would keep it awake.
 */
MUST_CHECK int host_poll_state(struct host *host, const struct pci_function *f,
			       const struct function_state *before, struct function_state *ret);
