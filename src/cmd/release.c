// SPDX-License-Identifier: MIT
// passthru release: give devices back to the host.

#include "cmd/handover.h"

#include <stdint.h>

static int release(struct request *request, struct handover *handover, struct err *e)
{
	return handover_release(request->host, handover, e);
}

static int run_release(struct request *request, struct err *e)
{
	return handover_command(request, release, e);
}

const struct command command_release = {
	.name = "release",
	.arguments = "DEVICE...",
	.summary = "give devices back to the drivers of the host",
	.help = "Takes each DEVICE, with the functions that belong to it, from vfio-pci and lets "
		"the kernel choose "
		"its driver. Refused while a guest has it.",
	.min_arguments = 1,
	.max_arguments = SIZE_MAX,
	.flags = COMMAND_CHANGES_HOST,
	.run = run_release,
};
