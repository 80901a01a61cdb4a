// SPDX-License-Identifier: MIT
// Disks behind a controller: what is mounted from them, swap, and what LVM, md, LUKS, btrfs or ZFS
// made of them. A guest that gets the controller writes to the disks as it likes.

#include "check/device.h"

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct use_words words = {
		.kind = USE_DISK,
		.active = VERDICT_FAIL,
		.idle = VERDICT_WARN,
		.nobody = pci_base_class(f) == 0x01 ? "no disk behind it is in use or holds data"
						    : NULL,
		.fix = "Unmount what is on it, and take volumes and arrays apart, before a guest "
		       "gets it.",
	};

	(void)host;
	if (f->error || pci_is_bridge(f))
		return;
	device_judge_uses(v, f, &words);
	if (v->kind == VERDICT_WARN)
		verdict_fix(v, NULL,
			    "Make sure that nobody needs these data: a guest can "
			    "overwrite them.");
}

const struct check check_disk_in_use = {
	.id = "disk-in-use",
	.title = "Disks in use",
	.area = "device",
	.scope = CHECK_DEVICE,
	.judge = judge,
};
