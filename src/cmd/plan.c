// SPDX-License-Identifier: MIT
// passthru plan: what `passthru setup` would do to this host, or to one that was recorded
// elsewhere. Changes nothing.

#include "cmd/setup_answer.h"

#include <stddef.h>
#include <stdint.h>

static int run_plan(struct request *request, struct err *e)
{
	struct setup_ask ask;
	int error = setup_ask(request, request->options, &ask, e);

	if (error < 0)
		return error;
	setup_show_plan(request, &ask);
	return setup_is_refused(&ask) ? ANSWER_NO : ANSWER_YES;
}

static const struct option_row rows[] = {
	SETUP_ROWS,
};

const struct command command_plan = {
	.name = "plan",
	.arguments = "DEVICE...",
	.summary = "what setup would change so that devices are for guests at every boot",
	.help = "Shows what `passthru setup` would do for each DEVICE and the functions that "
		"belong to it: every step with its reason, the lines of every file, what the host "
		"loses, and what happens at the next boots. Changes nothing. Nothing is left to do "
		"once it is set up. Exit status: 0 it could be done, 1 it would be refused.",
	.min_arguments = 1,
	.max_arguments = SIZE_MAX,
	.options = rows,
	.n_options = ARRAY_SIZE(rows),
	.options_size = sizeof(struct setup_options),
	.run = run_plan,
	.read_all = setup_ask_all,
};
