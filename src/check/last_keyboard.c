// SPDX-License-Identifier: MIT
// Keyboards behind a USB controller: when the last one goes to a guest, nobody can type at the host
// any more.

#include "check/device.h"

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const bool is_usb = f->class_code >> 8 == 0x0c03;
	const struct use_words words = {
		.kind = USE_INPUT,
		.active = VERDICT_FAIL,
		.idle = VERDICT_PASS,
		.nobody = is_usb ? "no keyboard is plugged into it" : NULL,
		.fix = "Plug a keyboard into a port of another controller, or make sure that the "
		       "host can be reached over the network.",
	};

	(void)host;
	if (f->error || pci_is_bridge(f))
		return;
	device_judge_uses(v, f, &words);
	/* a device without ports has no keyboards, whatever could not be read elsewhere */
	if (v->kind == VERDICT_UNKNOWN && !is_usb)
		v->kind = VERDICT_SKIP;
}

const struct check check_last_keyboard = {
	.id = "last-keyboard",
	.title = "Last keyboard",
	.area = "device",
	.scope = CHECK_DEVICE,
	.judge = judge,
};
