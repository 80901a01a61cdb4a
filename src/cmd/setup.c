// SPDX-License-Identifier: MIT
// passthru setup: reserve devices for guests from the boot on. The plan is shown before anything is
// changed, and asked for once on a terminal; without a terminal nobody can answer, and what guards
// a script are the refusals, which are the same.

#include "base/text.h"
#include "cmd/ask.h"
#include "cmd/setup_answer.h"

#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

static int consent(struct request *request, const struct setup_ask *ask, struct err *e)
{
	const struct setup_options *options = request->options;

	if (options->yes || ask->plan.now.n_steps == 0 || !isatty(STDIN_FILENO))
		return 0;
	setup_show_plan(request, ask);
	return ask_consent(request, "Do all this?", e);
}

/* NULL: there is none. */
static const char *next_step(struct arena *a, const struct setup_plan *plan, unsigned number)
{
	if (plan->under_way)
		return "passthru confirm";
	if (!number)
		return NULL;
	if (plan->phase != SETUP_TRIAL)
		return arena_printf(a, "reboot; `passthru undo %u` takes it back", number);
	return arena_printf(a,
			    "reboot: that boot is the trial, and the one after it is as before "
			    "unless `passthru confirm` has made it permanent; `passthru undo %u` "
			    "takes it back",
			    number);
}

static void answer(struct request *request, const struct setup_ask *ask, unsigned number,
		   const struct names *recovered)
{
	struct doc_node *root = doc_root(request->doc);
	const char *next = next_step(&request->host->arena, &ask->plan, number);

	setup_show_names(request, recovered);
	doc_field(root, "change", number ? "Change" : NULL,
		  number ? doc_number(number) : doc_none());
	doc_field(root, "phase", NULL, doc_string(setup_phase_word(ask->plan.phase)));
	doc_field(root, "next", next ? "Next" : NULL, doc_string(next));
	if (!number)
		doc_note(root, ask->plan.under_way
				       ? "There was nothing to do: this boot is the trial, and it "
					 "came up as planned."
				       : "There was nothing to do: all of it is there.");
}

/* What was put right is said beside the refusal too. */
static int fail(struct request *request, const struct names *recovered, int error)
{
	if (recovered->n) {
		setup_show_names(request, recovered);
		request->answers_with_error = true;
	}
	return error;
}

static int run_setup(struct request *request, struct err *e)
{
	const struct setup_options *options = request->options;
	struct names recovered = { 0 };
	struct setup_ask ask;
	unsigned number;
	int error = options->dry_run ? 0 : setup_recover(request->host, &recovered, e);

	if (error == 0)
		error = setup_ask(request, options, &ask, e);
	if (error < 0)
		return fail(request, &recovered, error);
	if (options->dry_run) {
		setup_show_plan(request, &ask);
		return setup_is_refused(&ask) ? ANSWER_NO : ANSWER_YES;
	}
	error = setup_refuse(request, &ask, e);
	if (error == 0)
		error = consent(request, &ask, e);
	if (error == 0)
		error = setup_apply(request->host, &ask.wish, &ask.plan, &number, &recovered, e);
	if (error < 0)
		return fail(request, &recovered, error);
	answer(request, &ask, number, &recovered);
	return ANSWER_YES;
}

static bool only_looks(const void *options)
{
	return ((const struct setup_options *)options)->dry_run;
}

static const struct option_row rows[] = {
	{ "dry-run", 0, OPTION_FLAG, NULL, "only show what would be done, as `passthru plan`",
	  SETUP_OPTION(dry_run) },
	{ "yes", 'y', OPTION_FLAG, NULL, "do not ask", SETUP_OPTION(yes) },
	SETUP_ROWS,
};

const struct command command_setup = {
	.name = "setup",
	.arguments = "DEVICE...",
	.summary = "reserve devices for guests at every boot, after a trial boot",
	.help = "Sets this host up so that each DEVICE, with the functions that belong to it, is "
		"with VFIO from the boot on, before any driver. The next boot is a trial and used "
		"once; the boot after it is as before unless `passthru confirm` has made it "
		"permanent. All is done or nothing, and `passthru undo` takes it back. Asks once "
		"on a terminal.",
	.min_arguments = 1,
	.max_arguments = SIZE_MAX,
	.flags = COMMAND_CHANGES_HOST,
	.options = rows,
	.n_options = ARRAY_SIZE(rows),
	.options_size = sizeof(struct setup_options),
	.run = run_setup,
	.only_looks = only_looks,
};
