// SPDX-License-Identifier: MIT
// passthru bind: hand devices to vfio-pci now, until the next boot or release.

#include "cmd/handover.h"

#include <stdint.h>

static const char *const state_names[] = {
	[HANDOVER_UNTOUCHED] = "unchanged", [HANDOVER_DONE] = "done",
	[HANDOVER_RESTORED] = "restored",   [HANDOVER_GONE] = "gone",
	[HANDOVER_STUCK] = "stuck",
};

void handover_answer(struct request *request, const struct handover *handover)
{
	static const struct doc_column columns[] = {
		{ "address", "ADDRESS", 0 },
		{ "driver_before", "DRIVER BEFORE", 0 },
		{ "driver", "DRIVER NOW", 0 },
		{ "state", "STATE", 0 },
	};
	struct doc_table *table = doc_table(doc_root(request->doc), "functions", "", columns,
					    ARRAY_SIZE(columns), NULL, "Nothing to do.");

	for (size_t i = 0; i < handover->n; i++) {
		const struct handover_function *f = &handover->functions[i];
		struct doc_row *row = doc_row(table);

		doc_cell(row, doc_string(f->function->name));
		doc_cell(row, doc_string(f->driver_before));
		doc_cell(row, doc_string(f->driver_after));
		doc_cell(row, doc_string(state_names[f->state]));
	}
}

static int run_bind(struct request *request, struct err *e)
{
	struct handover handover;
	int error = host_read_pci(request->host, e);

	if (error == 0)
		error = handover_select(request->host, request->argument, request->n_arguments,
					&handover, e);
	if (error == 0)
		error = handover_bind(request->host, &handover, e);
	if (error < 0)
		return error;
	handover_answer(request, &handover);
	return ANSWER_YES;
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
