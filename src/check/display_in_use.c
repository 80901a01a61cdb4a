// SPDX-License-Identifier: MIT
// Displays: monitors that show a picture of the host, text consoles, and processes that draw or
// compute on the card. Unbinding a driver while a process has its nodes open can hang for ever, so
// the processes are named before.

#include "check/device.h"

/* The firmware did not choose it for the host's display: the host has another. */
static bool is_spare(const struct pci_function *f)
{
	return f->facts->detail.boot_vga.error == 0 && f->facts->detail.boot_vga.value == 0;
}

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct use_words words = {
		.kind = USE_DISPLAY,
		.active = VERDICT_FAIL,
		.idle = VERDICT_WARN,
		.nobody = pci_is_display(f) ? "the host shows nothing on it, and no process has it "
					      "open"
					    : NULL,
		.fix = is_spare(f)
			       ? "End what draws on it: log out, stop these programs; or reserve "
				 "it from the next boot on, before anything can use it, with "
				 "passthru setup."
			       : "End what draws on it: stop these programs, or let them use "
				 "another card.",
	};

	(void)host;
	if (!f->error && !pci_is_bridge(f))
		device_judge_uses(v, f, &words);
}

const struct check check_display_in_use = {
	.id = "display-in-use",
	.title = "Display in use",
	.area = "device",
	.scope = CHECK_DEVICE,
	.judge = judge,
};
