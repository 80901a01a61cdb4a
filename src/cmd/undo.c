// SPDX-License-Identifier: MIT
// passthru undo: take a change back, byte for byte. It works on the running host, whichever entry
// of the boot loader started it, and, with --root, on a host that does not start any more and is
// mounted by a rescue system. What others have changed since is never overwritten unseen: it is
// shown, and refused.

#include "base/text.h"
#include "cmd/ask.h"
#include "cmd/setup_answer.h"

#include <stddef.h>
#include <unistd.h>

struct undo_options {
	bool keep_changed, dry_run, yes;
};

/* What would be taken back, the last first. */
struct undo_ask {
	const struct change_info **changes;
	size_t n;
	bool interrupted;                      /* one of them was, so that they are not known yet */
	struct change_differences differences; /* of all of them */
};

/* Left by a process that was killed: whoever changes something puts it right first. */
static bool is_interrupted(const struct change_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		if (list->changes[i].state == CHANGE_APPLYING ||
		    list->changes[i].state == CHANGE_UNDOING)
			return true;
	}
	return false;
}

static int choose(struct host *host, unsigned number, struct undo_ask *ret, struct err *e)
{
	const struct change_info *first;
	struct change_list *list = arena_alloc(&host->arena, sizeof(*list));
	int error = setup_read_history(host, list, e);

	if (error < 0)
		return error;
	first = number ? change_find(list, number) : change_first_of_last(list);
	ret->interrupted = is_interrupted(list);
	/* what is in place is known when that was put right; and an undo that was killed at its end
	 * has left what setup_undo() finds */
	if (ret->interrupted || (!first && !number))
		return 0;
	if (!first)
		return err_refuse(e, "there is no change %u; `passthru history` lists them",
				  number);
	if (first->state == CHANGE_UNDONE)
		return err_refuse(e, "change %u was undone before", number);
	ret->changes = arena_array(&host->arena, list->n, sizeof(*ret->changes));
	for (size_t i = list->n; i-- > 0;) {
		if (change_goes_with(list, &list->changes[i], first))
			ret->changes[ret->n++] = &list->changes[i];
	}
	return 0;
}

/* Of those that undo does not make anew. */
static size_t count_refusing(const struct change_differences *differences)
{
	size_t n = 0;

	for (size_t i = 0; i < differences->n; i++)
		n += !differences->list[i].regenerated;
	return n;
}

static void show(struct request *request, const struct undo_ask *ask, bool would_be_done)
{
	static const struct doc_column columns[] = {
		{ "number", "CHANGE", DOC_RIGHT },
		{ "title", "WHAT", 0 },
		{ "path", "FILE", DOC_LEVEL_1 },
	};
	struct doc_node *root = doc_root(request->doc);
	struct doc_table *table;

	doc_field(root, "would_be_done", NULL, doc_bool(would_be_done));
	table = doc_table(root, "changes", "What would be taken back", columns, ARRAY_SIZE(columns),
			  "files", "No change is in place.");
	for (size_t i = 0; i < ask->n; i++) {
		const struct change_info *change = ask->changes[i];
		struct doc_row *row = doc_row(table);

		doc_cell(row, doc_number(change->number));
		doc_cell(row, doc_string(change->title));
		for (size_t k = 0; k < change->paths.n; k++)
			doc_cell(doc_child_row(row), doc_string(change->paths.name[k]));
	}
	setup_show_differences(request, &ask->differences);
	if (ask->interrupted)
		doc_note(root, "A change was interrupted: that is put right first, and then the "
			       "last one that is in place is taken back.");
}

static void show_undone(struct request *request, const struct setup_undone *undone)
{
	struct arena *a = &request->host->arena;
	const char **numbers = arena_array(a, undone->n, sizeof(*numbers));

	for (size_t i = 0; i < undone->n; i++)
		numbers[i] = arena_printf(a, "%u", undone->numbers[i]);
	setup_show_names(request, &undone->recovered);
	doc_field(doc_root(request->doc), "undone", "Taken back", doc_list(numbers, undone->n));
	setup_show_names(request, &undone->also);
}

static int take_back(struct request *request, unsigned number, struct undo_ask *ask, struct err *e)
{
	const struct undo_options *options = request->options;
	struct host *host = request->host;
	struct setup_undone undone = { 0 };
	struct err failure = { 0 };
	int error = setup_undo(host, number, options->keep_changed, &undone, &failure);

	if (error < 0 && undone.n + undone.also.n + undone.recovered.n == 0) {
		if (failure.kind == ERR_REFUSED && ask->differences.n) {
			request->answers_with_error = true;
			setup_show_differences(request, &ask->differences);
		}
		*e = failure;
		return error;
	}
	show_undone(request, &undone);
	if (error < 0) {
		doc_note(doc_root(request->doc),
			 arena_printf(&host->arena, "Not all was taken back: %s.", failure.text));
		return ANSWER_PARTLY;
	}
	if (root_is_live(host->root))
		doc_note(doc_root(request->doc),
			 "The running kernel keeps what it was started with until the next boot; "
			 "devices are given back now by `passthru release`.");
	return ANSWER_YES;
}

static int run_undo(struct request *request, struct err *e)
{
	const struct undo_options *options = request->options;
	struct undo_ask ask = { 0 };
	uint64_t number = 0;
	int error;

	if (request->n_arguments &&
	    (text_number(request->argument[0], 10, UINT32_MAX, &number) < 0 || number == 0))
		return err_usage(e,
				 "undo %s: give the number of a change, as `passthru history` "
				 "lists them",
				 request->argument[0]);
	error = choose(request->host, (unsigned)number, &ask, e);
	if (error == 0)
		error = change_all_differ(request->host, ask.changes, ask.n, &ask.differences, e);
	if (error < 0)
		return error;
	bool refused = count_refusing(&ask.differences) > 0 && !options->keep_changed;
	bool nothing = ask.n == 0 && !ask.interrupted;
	if (options->dry_run) {
		show(request, &ask, !refused && !nothing);
		return refused || nothing ? ANSWER_NO : ANSWER_YES;
	}
	if (!refused && !nothing && !options->yes && isatty(STDIN_FILENO)) {
		show(request, &ask, true);
		error = ask_consent(request, "Take this back?", e);
		if (error < 0)
			return error;
	}
	return take_back(request, (unsigned)number, &ask, e);
}

static bool only_looks(const void *options)
{
	return ((const struct undo_options *)options)->dry_run;
}

#define OPTION(member) offsetof(struct undo_options, member)

static const struct option_row rows[] = {
	{ "dry-run", 0, OPTION_FLAG, NULL, "only show what would be taken back, and what differs",
	  OPTION(dry_run) },
	{ "yes", 'y', OPTION_FLAG, NULL, "do not ask", OPTION(yes) },
	{ "keep-changed", 0, OPTION_FLAG, NULL, "leave files alone that others have changed since",
	  OPTION(keep_changed) },
};

const struct command command_undo = {
	.name = "undo",
	.arguments = "[CHANGE]",
	.summary = "take back what setup changed, byte for byte",
	.help = "Takes back the change with that number, or the last one, with those that go on "
		"with it: every file is as it was before. Refused when a file was changed by "
		"others since, with the lines that differ. With --root: on a host that is mounted "
		"there and does not start.",
	.max_arguments = 1,
	.flags = COMMAND_CHANGES_ROOT,
	.options = rows,
	.n_options = ARRAY_SIZE(rows),
	.options_size = sizeof(struct undo_options),
	.run = run_undo,
	.only_looks = only_looks,
};
