// SPDX-License-Identifier: MIT
// Confirming a setup: what came up in its trial boot is compared with what was planned, and only
// when all of it is there it is made permanent. The unit passthru-confirm.service calls the same.

#include "cmd/confirm_setup.h"
#include "base/text.h"
#include "cmd/setup_answer.h"

static void show_lines(struct request *request, const struct setup_arrivals *arrivals)
{
	struct arena *a = &request->host->arena;
	const char *text = "";

	for (size_t i = 0; i < arrivals->n; i++)
		text = arena_printf(a, "%s%s: %s\n", text,
				    arrivals->list[i].record->function.address,
				    arrivals->list[i].why);
	for (size_t i = 0; i < arrivals->missing.n; i++)
		text = arena_printf(a, "%s%s is not on the kernel's command line\n", text,
				    arrivals->missing.name[i]);
	doc_lines(doc_root(request->doc), "lines", NULL, text);
}

int confirm_setup(struct request *request, const struct setup_state *state, bool lines,
		  bool with_error, struct err *e)
{
	struct doc_node *root = doc_root(request->doc);
	struct setup_arrivals arrivals = { 0 };
	unsigned number = 0;
	int error = setup_confirm(request->host, &arrivals, &number, e);

	if (arrivals.n && lines)
		show_lines(request, &arrivals);
	else if (arrivals.n)
		setup_show_arrivals(request, &arrivals);
	if (error < 0) {
		request->answers_with_error = arrivals.n > 0 || with_error;
		return error;
	}
	doc_field(root, "setup", NULL, doc_number(state->trial));
	doc_field(root, "change", number ? "Permanent by change" : NULL,
		  number ? doc_number(number) : doc_none());
	doc_note(root, number ? "Every boot reserves these devices now. `passthru undo` takes it "
				"back."
			      : "It was permanent before.");
	return ANSWER_YES;
}
