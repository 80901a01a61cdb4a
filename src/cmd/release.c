// SPDX-License-Identifier: MIT
// passthru release: give devices back to the host.

#include "cmd/handover.h"

#include <stdint.h>

static int run_release(struct request *request, struct err *e)
{
	struct handover handover;
	int error = host_read_pci(request->host, e);

	if (error == 0)
		error = handover_select(request->host, request->argument, request->n_arguments,
					&handover, e);
	if (error == 0)
		error = handover_release(request->host, &handover, e);
	if (error < 0)
		return error;
	handover_answer(request, &handover);
	return ANSWER_YES;
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
