// SPDX-License-Identifier: MIT
// Sound cards: the audio function of a graphics card goes to the guest with it, and its driver
// waits for processes that play when it is taken away (snd_card_free() in sound/core/init.c).

#include "check/device.h"

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	static const struct use_words words = {
		.kind = USE_SOUND,
		.active = VERDICT_FAIL,
		.idle = VERDICT_PASS,
		.fix = "Let these programs play on another sound card, or end them.",
	};

	(void)host;
	if (!f->error && !pci_is_bridge(f))
		device_judge_uses(v, f, &words);
}

const struct check check_sound_in_use = {
	.id = "sound-in-use",
	.title = "Sound in use",
	.area = "device",
	.scope = CHECK_DEVICE,
	.judge = judge,
};
