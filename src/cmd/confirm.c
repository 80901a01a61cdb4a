// SPDX-License-Identifier: MIT
// passthru confirm: keep what was handed over for a time only, make a setup permanent whose trial
// boot this is, or list what waits for that.

#include "base/text.h"
#include "cmd/bind_plan.h"
#include "cmd/confirm_setup.h"
#include "cmd/setup_answer.h"

#include <stddef.h>
#include <stdint.h>

struct confirm_options {
	bool automatic;
};

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
				     text_time(a, waiting[i].left_s)));
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

/* Whether there is a setup to confirm, or one whose confirmation was killed at its end. */
static bool is_due(struct host *host, const struct setup_state *state)
{
	struct change_list changes;

	if (state->phase != SETUP_PERMANENT || !state->booted)
		return state->phase == SETUP_TRIAL;
	/* what cannot be read there is said by `passthru history` */
	if (change_history(host, &changes, NULL) < 0)
		return false;
	for (size_t i = 0; i < changes.n; i++) {
		unsigned number = changes.changes[i].number;

		if ((number == state->trial || number == state->permanent) &&
		    changes.changes[i].state == CHANGE_APPLIED)
			return true;
	}
	return false;
}

static int run_confirm(struct request *request, struct err *e)
{
	const struct confirm_options *options = request->options;
	struct handover_waiting *waiting = NULL;
	struct names recovered;
	struct setup_state state;
	size_t n = 0;

	if (options->automatic && request->n_arguments)
		return err_usage(e, "confirm --auto is for a setup alone: name no device");
	int error = host_read_pci(request->host, e);
	if (error < 0)
		return error;
	if (request->n_arguments)
		return keep(request, e);
	error = setup_recover(request->host, &recovered, e);
	if (error == 0)
		error = setup_read(request->host, &state, e);
	if (error == 0 && !options->automatic)
		error = handover_waiting(request->host, &waiting, &n, e);
	if (error < 0)
		return error;
	setup_show_names(request, &recovered);
	bool due = is_due(request->host, &state) && (!options->automatic || state.confirm_auto);
	if (!options->automatic && (n > 0 || !due))
		list(request, waiting, n);
	else
		doc_field(doc_root(request->doc), "waiting", NULL, doc_list(NULL, 0));
	if (due)
		return confirm_setup(request, &state, options->automatic, n > 0 || recovered.n > 0,
				     e);
	if (options->automatic)
		doc_lines(doc_root(request->doc), "lines", NULL, "nothing waits for its trial\n");
	return ANSWER_YES;
}

static const struct option_row rows[] = {
	{ "auto", 0, OPTION_FLAG, NULL, "only a setup, in lines for a journal; for the unit",
	  offsetof(struct confirm_options, automatic) },
};

const struct command command_confirm = {
	.name = "confirm",
	.arguments = "[DEVICE...]",
	.summary = "make a setup permanent, or keep what bind --for handed over",
	.help = "In the trial boot of a setup: compares what came up with what was planned and, "
		"when all of it is there, makes it permanent. With a DEVICE: keeps what `bind "
		"--for` handed over, so that it is not given back by itself. When no setup waits: "
		"lists what does, and for how long.",
	.max_arguments = SIZE_MAX,
	.flags = COMMAND_CHANGES_HOST,
	.options = rows,
	.n_options = ARRAY_SIZE(rows),
	.options_size = sizeof(struct confirm_options),
	.run = run_confirm,
};
