// SPDX-License-Identifier: MIT
// A process that has the device, or its group, open through VFIO: a guest has it now. Nothing is
// wrong with that, but no other guest can have it, and it cannot be given back before the guest
// lets go.

#include "check/device.h"

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	static const struct use_words words = {
		.kind = USE_GUEST,
		.active = VERDICT_WARN,
		.idle = VERDICT_PASS,
		.nobody = "no process has it open through VFIO",
		.fix = "Shut the guest down before the device is given back or handed to another.",
	};

	(void)host;
	if (f->error || pci_is_bridge(f) || f->iommu_group.error)
		return;
	device_judge_uses(v, f, &words);
}

const struct check check_guest_has_it = {
	.id = "guest-has-it",
	.title = "Held by a guest",
	.area = "device",
	.scope = CHECK_DEVICE,
	.judge = judge,
};
