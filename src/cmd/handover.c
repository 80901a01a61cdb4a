// SPDX-License-Identifier: MIT
// The frame of bind and release.

#include "cmd/handover.h"

static const char *state_name(enum handover_state state)
{
	static const char *const names[] = {
		[HANDOVER_UNTOUCHED] = "unchanged", [HANDOVER_DONE] = "done",
		[HANDOVER_RESTORED] = "restored",   [HANDOVER_GONE] = "gone",
		[HANDOVER_STUCK] = "stuck",
	};

	return names[state];
}

static void answer(struct request *request, const struct handover *handover)
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
		doc_cell(row, doc_string(state_name(f->state)));
	}
}

int handover_command(struct request *request,
		     int (*act)(struct request *request, struct handover *handover, struct err *e),
		     struct err *e)
{
	struct handover handover;
	int error = host_read_pci(request->host, e);

	if (error == 0)
		error = handover_select(request->host, request->argument, request->n_arguments,
					&handover, e);
	if (error == 0)
		error = act(request, &handover, e);
	if (error < 0)
		return error;
	answer(request, &handover);
	return ANSWER_YES;
}
