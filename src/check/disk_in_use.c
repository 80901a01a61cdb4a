// SPDX-License-Identifier: MIT
// Disks behind a controller: what is mounted from them, swap, and what LVM, md, LUKS, btrfs or ZFS
// made of them. A guest that gets the controller writes to the disks as it likes.

#include "base/text.h"
#include "check/device.h"

/* Whether the host itself runs from it. */
static bool has_root(const struct device_uses *uses)
{
	for (size_t i = 0; i < uses->n; i++) {
		if (uses->use[i].kind == USE_DISK && str_starts(uses->use[i].what, "/ is mounted"))
			return true;
	}
	return false;
}

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
	if (v->kind == VERDICT_FAIL && has_root(&f->facts->uses))
		verdict_fix(v, NULL, "The host itself runs from it: it stays with the host.");
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
