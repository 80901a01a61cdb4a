// SPDX-License-Identifier: MIT
// The expansion ROM, which holds the firmware of a display. Of the boot display the kernel shows
// the copy that the firmware left in memory at 0xc0000 (pci_fixup_video() in arch/x86/pci/fixup.c):
// changed while it ran, and without the image for UEFI. The ROM itself is not read, for that takes
// the device to do it.

#include "base/text.h"
#include "check/device.h"

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct device_rom *rom = &f->facts->rom;
	const char *path = device_path(v, f, "resource");

	(void)host;
	/* 3D controllers show no picture and need none */
	if (!pci_is_display(f) || f->class_code >> 8 != 0x0300)
		return;
	if (f->facts->detail.resource_error) {
		verdict_unknown(v, path, f->facts->detail.resource_error);
		return;
	}
	if (rom->error) {
		verdict_set(v, VERDICT_WARN,
			    "it has no expansion ROM: a guest shows no picture before its own "
			    "driver runs");
		verdict_evidence(v, path, "line 7 is empty");
		verdict_fix(v, NULL,
			    "Give the guest a ROM file for this card where one is needed at boot.");
		return;
	}
	if (rom->is_shadow) {
		verdict_set(v, VERDICT_WARN,
			    "of its ROM the host only has the copy that the firmware used: a guest "
			    "may show no picture with it");
		verdict_evidence(v, path, "the ROM lies at 0xc0000");
		verdict_fix(v, NULL,
			    "Give the guest a ROM file for this card, taken while another display "
			    "was the first one; or make another display the first one.");
		return;
	}
	verdict_set(v, VERDICT_PASS, "it has an expansion ROM of %s",
		    text_size(v->arena, rom->size_bytes));
	verdict_evidence(v, path, "line 7");
}

const struct check check_rom = {
	.id = "rom",
	.title = "Expansion ROM",
	.area = "device",
	.scope = CHECK_DEVICE,
	.judge = judge,
};
