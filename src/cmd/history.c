// SPDX-License-Identifier: MIT
// passthru history: what this program has changed on this host for its next boots, and whether it
// is still in place.

#include "base/text.h"
#include "cmd/setup_answer.h"

#include <time.h>

static const char *state_word(enum change_state state)
{
	static const char *const words[] = {
		[CHANGE_APPLYING] = "interrupted", [CHANGE_APPLIED] = "in place",
		[CHANGE_CONFIRMED] = "confirmed",  [CHANGE_UNDOING] = "interrupted undo",
		[CHANGE_UNDONE] = "undone",        [CHANGE_DAMAGED] = "damaged",
	};

	return words[state];
}

/* Local time, as the user's clock had it. */
static struct doc_value time_value(struct arena *a, const struct change_info *change)
{
	time_t seconds = (time_t)change->time_s;
	char text[32];
	struct tm local;

	if (change->state == CHANGE_DAMAGED)
		return doc_none();
	if (!localtime_r(&seconds, &local) ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local) == 0)
		return doc_number(change->time_s);
	return doc_as(doc_number(change->time_s), arena_strdup(a, text));
}

static struct doc_value continues_value(const struct change_info *change)
{
	return change->continues ? doc_number(change->continues) : doc_none();
}

static void list(struct request *request, const struct change_list *changes)
{
	static const struct doc_column columns[] = {
		{ "number", "CHANGE", DOC_RIGHT }, { "time_s", "WHEN", 0 },
		{ "state", "STATE", 0 },           { "continues", "AFTER", DOC_RIGHT },
		{ "title", "WHAT", DOC_TRUNCATE }, { "problem", NULL, 0 },
	};
	struct doc_node *root = doc_root(request->doc);
	struct doc_table *table = doc_table(root, "changes", "", columns, ARRAY_SIZE(columns), NULL,
					    "Nothing was changed.");

	for (size_t i = 0; i < changes->n; i++) {
		const struct change_info *change = &changes->changes[i];
		struct doc_row *row = doc_row(table);

		doc_cell(row, doc_number(change->number));
		doc_cell(row, time_value(&request->host->arena, change));
		doc_cell(row, doc_string(state_word(change->state)));
		doc_cell(row, continues_value(change));
		doc_cell(row, doc_string(change->title));
		doc_cell(row, doc_string(change->problem));
	}
	for (size_t i = 0; i < changes->n; i++) {
		const struct change_info *change = &changes->changes[i];

		if (change->problem)
			doc_note(root, change->problem);
		if (change->state == CHANGE_APPLYING || change->state == CHANGE_UNDOING)
			doc_note(root, arena_printf(&request->host->arena,
						    "Change %u was interrupted: the next setup, "
						    "confirm or undo puts that right first.",
						    change->number));
	}
}

static void add_lines(struct request *request, const char *key, const char *label,
		      const struct names *lines)
{
	struct arena *a = &request->host->arena;
	struct doc_node *root = doc_root(request->doc);
	const char *text = "";

	for (size_t i = 0; i < lines->n; i++)
		text = arena_printf(a, "%s  %s\n", text, lines->name[i]);
	doc_field(root, key, NULL, doc_list(lines->name, lines->n));
	if (lines->n)
		doc_lines(root, NULL, label, text);
}

static int show(struct request *request, const struct change_list *changes, unsigned number,
		struct err *e)
{
	struct doc_node *root = doc_root(request->doc);
	const struct change_info *change = NULL;
	struct change_differences differences = { 0 };
	int error = 0;

	for (size_t i = 0; i < changes->n; i++) {
		if (changes->changes[i].number == number)
			change = &changes->changes[i];
	}
	if (!change)
		return err_refuse(e, "there is no change %u; `passthru history` lists them",
				  number);
	doc_field(root, "number", "Change", doc_number(number));
	doc_field(root, "time_s", "When", time_value(&request->host->arena, change));
	doc_field(root, "state", "State", doc_string(state_word(change->state)));
	doc_field(root, "title", "What", doc_string(change->title));
	doc_field(root, "continues", change->continues ? "Goes on with" : NULL,
		  continues_value(change));
	doc_field(root, "problem", change->problem ? "Problem" : NULL, doc_string(change->problem));
	add_lines(request, "steps", "Steps", &change->whys);
	add_lines(request, "files", "Files", &change->paths);
	if (change->state == CHANGE_APPLIED || change->state == CHANGE_CONFIRMED)
		error = change_differs(request->host, number, &differences, e);
	if (error == 0)
		setup_show_differences(request, &differences);
	return error < 0 ? error : (int)ANSWER_YES;
}

static int run_history(struct request *request, struct err *e)
{
	struct change_list changes;
	uint64_t number = 0;
	int error;

	if (request->n_arguments &&
	    (text_number(request->argument[0], 10, UINT32_MAX, &number) < 0 || number == 0))
		return err_usage(e, "history %s: give the number of a change",
				 request->argument[0]);
	error = setup_read_history(request->host, &changes, e);
	if (error < 0)
		return error;
	if (number)
		return show(request, &changes, (unsigned)number, e);
	list(request, &changes);
	return ANSWER_YES;
}

/* The list: what a change has copied is no part of a record. */
static void read_all(struct host *host)
{
	struct change_list changes;

	/* what cannot be read is recorded as that */
	(void)!change_history(host, &changes, NULL);
}

const struct command command_history = {
	.name = "history",
	.arguments = "[CHANGE]",
	.summary = "what setup has changed on this host, and what is still in place",
	.help = "Lists the changes that setup and confirm have made to this host, with their "
		"state. With a number: the steps and files of that change, and what others have "
		"changed in them since.",
	.max_arguments = 1,
	.run = run_history,
	.read_all = read_all,
};
