// SPDX-License-Identifier: MIT
// The answer of bind and release. It is given beside an error too when a function is stuck: what is
// known then is what somebody needs who has to deal with it.

#include "cmd/handover.h"
#include "base/text.h"
#include "cmd/facts.h"

#define TIMEOUT_MAX_S 86400

static const char *state_name(enum handover_state state)
{
	static const char *const names[] = {
		[HANDOVER_UNTOUCHED] = "unchanged", [HANDOVER_DONE] = "done",
		[HANDOVER_RESTORED] = "restored",   [HANDOVER_GONE] = "gone",
		[HANDOVER_STUCK] = "stuck",
	};

	return names[state];
}

static void show_functions(struct request *request, const struct handover *handover)
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

/* ---- what is not as before ---- */

static size_t count_lost(const struct handover *handover)
{
	size_t n = 0;

	for (size_t i = 0; i < handover->n; i++) {
		for (size_t k = 0; k < handover->functions[i].n_settings; k++)
			n += handover->functions[i].settings[k].now != NULL;
	}
	return n;
}

static void show_settings(struct request *request, const struct handover *handover)
{
	static const struct doc_column columns[] = {
		{ "address", "ADDRESS", 0 }, { "setting", "NOT RESTORED", 0 },
		{ "before", "BEFORE", 0 },   { "now", "NOW", 0 },
		{ "reason", "REASON", 0 },
	};

	if (count_lost(handover) == 0)
		return;
	struct doc_table *table = doc_table(doc_root(request->doc), "settings", "", columns,
					    ARRAY_SIZE(columns), NULL, NULL);
	for (size_t i = 0; i < handover->n; i++) {
		const struct handover_function *f = &handover->functions[i];

		for (size_t k = 0; k < f->n_settings; k++) {
			const struct handover_setting *setting = &f->settings[k];
			if (!setting->now)
				continue;
			struct doc_row *row = doc_row(table);
			doc_cell(row, doc_string(f->function->name));
			doc_cell(row, doc_string(setting->name));
			doc_cell(row, doc_string(setting->before));
			doc_cell(row, doc_string(setting->now));
			doc_cell(row, doc_string(fact_reason(setting->error)));
		}
	}
}

/* Another driver has it than had it before the handover. */
static bool has_another_driver(const struct handover_function *f)
{
	return f->state == HANDOVER_DONE && f->driver_host && f->driver_after &&
	       !str_eq(f->driver_host, f->driver_after);
}

static void note_drivers(struct request *request, const struct handover *handover)
{
	for (size_t i = 0; i < handover->n; i++) {
		const struct handover_function *f = &handover->functions[i];

		if (has_another_driver(f))
			doc_note(doc_root(request->doc),
				 arena_printf(&request->host->arena,
					      "%s was with %s before the handover, which did not "
					      "take it back; %s did.",
					      f->function->name, f->driver_host, f->driver_after));
	}
}

/* ---- what is stuck ---- */

static void show_users(struct doc_node *section, const struct handover_wait *wait)
{
	static const struct doc_column columns[] = {
		{ "process", "PROCESS", 0 },
		{ "node", "HAS OPEN", 0 },
		{ "certain", NULL, 0 },
	};
	struct doc_table *table =
		doc_table(section, "users", "", columns, ARRAY_SIZE(columns), NULL, NULL);

	for (size_t i = 0; i < wait->n_users; i++) {
		const struct handover_user *user = &wait->user[i];
		struct doc_row *row = doc_row(table);

		doc_cell(row, doc_string(user->process));
		doc_cell(row, doc_string(user->node));
		doc_cell(row, doc_bool(user->certain));
	}
}

static void show_wait(struct request *request, struct doc_node *section,
		      const struct handover_wait *wait)
{
	const char *deed = wait->value ? "Written to" : "Read";

	doc_field(section, "file", deed, doc_string(wait->file));
	doc_field(section, "value", wait->value && *wait->value != '\n' ? "Value" : NULL,
		  doc_string(wait->value));
	doc_field(section, "waited_ms", "Waited",
		  doc_as(doc_number(wait->waited_ms),
			 arena_printf(&request->host->arena, "%u s", wait->waited_ms / 1000)));
	doc_field(section, "process", "Process", doc_number(wait->writer));
	doc_field(section, "process_state", "Its state", fact_text(wait->writer_state));
	doc_field(section, "module", "Driver's module", doc_string(wait->module));
	doc_field(section, "module_references", "References to it",
		  fact_text(wait->module_references));
	doc_field(section, "module_holders", wait->n_module_holders ? "Modules on it" : NULL,
		  doc_list(wait->module_holder, wait->n_module_holders));
	show_users(section, wait);
	if (wait->kernel_stack.error)
		doc_field(section, "kernel_stack", "Where in the kernel",
			  fact_text(wait->kernel_stack));
	else
		doc_lines(section, "kernel_stack", "Where in the kernel it waits",
			  wait->kernel_stack.value);
	doc_note(section, wait->advice);
}

static void show_stuck(struct request *request, const struct handover *handover)
{
	struct doc_node *all = NULL;

	for (size_t i = 0; i < handover->n; i++) {
		const struct handover_function *f = &handover->functions[i];

		if (!f->wait)
			continue;
		if (!all)
			all = doc_section(doc_root(request->doc), "stuck", NULL);
		show_wait(request,
			  doc_section(all, f->function->name,
				      arena_printf(&request->host->arena, "%s is stuck",
						   f->function->name)),
			  f->wait);
	}
}

/* ---- the frame ---- */

static bool has_stuck(const struct handover *handover)
{
	for (size_t i = 0; i < handover->n; i++) {
		if (handover->functions[i].state == HANDOVER_STUCK)
			return true;
	}
	return false;
}

static enum answer judge(const struct handover *handover)
{
	for (size_t i = 0; i < handover->n; i++) {
		if (has_another_driver(&handover->functions[i]))
			return ANSWER_PARTLY;
	}
	return count_lost(handover) ? ANSWER_PARTLY : ANSWER_YES;
}

int handover_answer(struct request *request, struct handover *handover,
		    int (*act)(struct host *host, struct handover *handover, struct err *e),
		    struct err *e)
{
	int error = act(request->host, handover, e);

	if (error < 0 && !has_stuck(handover))
		return error;
	request->answers_with_error = error < 0;
	show_functions(request, handover);
	show_settings(request, handover);
	show_stuck(request, handover);
	note_drivers(request, handover);
	return error < 0 ? error : (int)judge(handover);
}

int handover_parse_timeout(const char *text, unsigned *ret_ms, struct err *e)
{
	uint64_t seconds;

	*ret_ms = 0;
	if (!text)
		return 0;
	if (text_number(text, 10, TIMEOUT_MAX_S, &seconds) < 0 || seconds == 0)
		return err_usage(e, "--timeout %s: give seconds, from 1 to %d", text,
				 TIMEOUT_MAX_S);
	*ret_ms = (unsigned)seconds * 1000;
	return 0;
}
