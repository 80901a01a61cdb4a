// SPDX-License-Identifier: MIT
// Displays: monitors that show a picture of the host, text consoles, and processes that draw or
// compute on the card. Unbinding a driver while a process has its nodes open can hang for ever, so
// the processes are named before.

#include "check/device.h"

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct use_words words = {
		.kind = USE_DISPLAY,
		.active = VERDICT_FAIL,
		.idle = VERDICT_WARN,
		.nobody = pci_is_display(f) ? "the host shows nothing on it, and no process has it "
					      "open"
					    : NULL,
		.fix = "End what draws on it: stop these programs, or let them use another card.",
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
