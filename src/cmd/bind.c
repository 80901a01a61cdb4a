// SPDX-License-Identifier: MIT
// passthru bind: hand devices to vfio-pci now, until the next boot or release.

#include "cmd/handover.h"

#include <stdint.h>

static int run_bind(struct request *request, struct err *e)
{
	return handover_command(request, handover_bind, e);
}

const struct command command_bind = {
	.name = "bind",
	.arguments = "DEVICE...",
	.summary = "hand devices to vfio-pci, until reboot or release",
	.help = "Takes each DEVICE, with the functions of its slot that belong to it, from its "
		"driver and gives it "
		"to vfio-pci, so that a guest can have it. Either all of them move or none does.",
	.min_arguments = 1,
	.max_arguments = SIZE_MAX,
	.flags = COMMAND_CHANGES_HOST,
	.run = run_bind,
};
