// SPDX-License-Identifier: MIT
// Network interfaces of a device: routes, bridges, bonds, VLANs and SSH connections that go through
// them. Whoever administrates the host from afar loses it with the card.

#include "check/device.h"

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct use_words words = {
		.kind = USE_NETWORK,
		.active = VERDICT_FAIL,
		.idle = VERDICT_PASS,
		.nobody = pci_base_class(f) == 0x02 ? "no interface of it is in use" : NULL,
		.fix = "Move routes and bridges to another interface first; check from the "
		       "console, not through this card.",
	};

	(void)host;
	if (!f->error && !pci_is_bridge(f))
		device_judge_uses(v, f, &words);
}

const struct check check_network_in_use = {
	.id = "network-in-use",
	.title = "Network in use",
	.area = "device",
	.scope = CHECK_DEVICE,
	.judge = judge,
};
