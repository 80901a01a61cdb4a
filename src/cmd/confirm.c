// SPDX-License-Identifier: MIT
// passthru confirm: keep what was handed over for a time only, or list what waits for that.

#include "base/text.h"
#include "cmd/bind_plan.h"
#include "cmd/cmd.h"

#include <stdint.h>

static void list(struct request *request, const struct handover_waiting *waiting, size_t n)
{
	static const struct doc_column columns[] = {
		{ "address", "ADDRESS", 0 },
		{ "left_s", "GIVEN BACK IN", DOC_RIGHT },
		{ "by", "BY", 0 },
	};
	struct arena *a = &request->host->arena;
	struct doc_table *table =
		doc_table(doc_root(request->doc), "waiting", "", columns, ARRAY_SIZE(columns), NULL,
			  "Nothing waits to be confirmed.");

	for (size_t i = 0; i < n; i++) {
		struct doc_row *row = doc_row(table);

		doc_cell(row, doc_string(waiting[i].function->name));
		doc_cell(row, doc_as(doc_number((int64_t)waiting[i].left_s),
				     bind_time_text(a, waiting[i].left_s)));
		doc_cell(row, doc_string(waiting[i].by));
	}
}

static int keep(struct request *request, struct err *e)
{
	struct handover handover;
	size_t n = 0;
	int error = handover_select(request->host, request->argument, request->n_arguments,
				    &handover, e);

	if (error == 0)
		error = handover_confirm(request->host, &handover, e);
	if (error < 0)
		return error;
	const char **names = arena_array(&request->host->arena, handover.n, sizeof(*names));
	for (size_t i = 0; i < handover.n; i++) {
		if (handover.functions[i].state == HANDOVER_DONE)
			names[n++] = handover.functions[i].function->name;
	}
	doc_field(doc_root(request->doc), "kept", "Kept until released", doc_list(names, n));
	return ANSWER_YES;
}

static int run_confirm(struct request *request, struct err *e)
{
	struct handover_waiting *waiting;
	size_t n;
	int error = host_read_pci(request->host, e);

	if (error < 0)
		return error;
	if (request->n_arguments)
		return keep(request, e);
	error = handover_waiting(request->host, &waiting, &n, e);
	if (error < 0)
		return error;
	list(request, waiting, n);
	return ANSWER_YES;
}

const struct command command_confirm = {
	.name = "confirm",
	.arguments = "[DEVICE...]",
	.summary = "keep what bind --for handed over",
	.help = "Keeps each DEVICE that `bind --for` handed over: it is not given back by itself "
		"any more. Without a DEVICE: what waits, and for how long.",
	.max_arguments = SIZE_MAX,
	.flags = COMMAND_CHANGES_HOST,
	.run = run_confirm,
};
