// SPDX-License-Identifier: MIT
// A plan for people: every step with its reason and all that it will write, before anything is
// written. Diffs stand at the left margin, so that they can be taken as they are.

#include "cmd/setup_answer.h"
#include "base/text.h"
#include "cmd/bind_plan.h"

#include <errno.h>

const char *setup_phase_word(enum setup_phase phase)
{
	static const char *const words[] = {
		[SETUP_NONE] = "none",
		[SETUP_TRIAL] = "trial",
		[SETUP_PERMANENT] = "permanent",
	};

	return words[phase];
}

int setup_read_history(struct host *host, struct change_list *ret, struct err *e)
{
	int error = change_history(host, ret, e);

	/* the copies of files in there may hold secrets */
	return error == -EACCES ? err_wrap(e, error, "the changes may be read by root only")
				: error;
}

/* ---- steps ---- */

/* What one step comes to, from the host as it is. */
struct shown_step {
	const struct step *step;
	const char *kind; /* "file", "remove", "command" */
	bool is_new;
	struct doc_value diff;
	const char *command;
	struct names writes;
};

static const char *command_text(struct arena *a, const char *const *argv)
{
	const char *text = NULL;

	for (; *argv; argv++) {
		const char *word = text_shell_word(a, *argv);
		text = text ? arena_printf(a, "%s %s", text, word) : word;
	}
	return text;
}

static size_t count(const char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

static void read_writes(struct arena *a, const struct step *step, struct names *ret)
{
	const char *const own[] = { step->staged, step->output, step->becomes, step->keep };
	size_t n = count(step->writes);

	ret->name = arena_array(a, n + ARRAY_SIZE(own), sizeof(*ret->name));
	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		if (own[i])
			ret->name[ret->n++] = own[i];
	}
	for (size_t i = 0; i < n; i++)
		ret->name[ret->n++] = step->writes[i];
}

static struct doc_value diff_of(struct host *host, const struct step *step, bool *ret_new)
{
	struct bytes before = { "", 0 }, after = { "", 0 };
	int error = root_read_max(host->root, &host->arena, step->path, SETUP_FILE_MAX, &before);

	*ret_new = error == -ENOENT && !step->absent;
	if (error < 0 && error != -ENOENT)
		return doc_unknown(fact_reason(error));
	if (error < 0)
		before = (struct bytes){ "", 0 };
	if (!step->absent)
		after = step->content;
	return doc_string(change_diff(&host->arena, step->path, before, after));
}

static struct shown_step look(struct host *host, const struct step *step)
{
	struct shown_step s = { .step = step };

	if (step->kind == STEP_COMMAND) {
		s.kind = "command";
		s.command = command_text(&host->arena, step->argv);
		read_writes(&host->arena, step, &s.writes);
		return s;
	}
	s.kind = step->absent ? "remove" : "file";
	s.diff = diff_of(host, step, &s.is_new);
	return s;
}

static void add_row(struct doc_table *table, const struct shown_step *s)
{
	const struct step *step = s->step;
	struct doc_row *row = doc_row(table);

	doc_cell(row, doc_string(s->kind));
	doc_cell(row, doc_string(step->why));
	doc_cell(row, doc_string(step->path));
	doc_cell(row, doc_bool(s->is_new));
	doc_cell(row, s->diff);
	doc_cell(row, step->argv ? doc_list(step->argv, count(step->argv)) : doc_none());
	doc_cell(row, step->argv ? doc_list(s->writes.name, s->writes.n) : doc_none());
	doc_cell(row, doc_string(step->becomes));
	doc_cell(row, step->first ? doc_list(step->first, count(step->first)) : doc_none());
}

static const char *file_text(struct arena *a, const struct shown_step *s)
{
	const struct step *step = s->step;

	if (step->absent)
		return arena_concat(a, step->path, ", removed");
	if (!s->is_new)
		return step->path;
	return step->mode && step->mode != 0644
		       ? arena_printf(a, "%s, a new file, mode %04o", step->path, step->mode)
		       : arena_concat(a, step->path, ", a new file");
}

/* One path a line: a list of them is too long for a line. */
static const char *path_lines(struct arena *a, const struct names *paths)
{
	const char *text = "";

	for (size_t i = 0; i < paths->n; i++)
		text = arena_printf(a, "%s      %s\n", text, paths->name[i]);
	return text;
}

static void add_text(struct arena *a, struct doc_node *node, size_t number,
		     const struct shown_step *s)
{
	const struct step *step = s->step;
	struct doc_node *section =
		doc_section(node, NULL, arena_printf(a, "%zu. %s", number, step->why));

	if (step->kind == STEP_COMMAND) {
		if (step->first)
			doc_field(section, NULL, "Runs first",
				  doc_string(command_text(a, step->first)));
		doc_field(section, NULL, "Runs", doc_string(s->command));
		if (step->becomes)
			doc_field(section, NULL, "Then",
				  doc_string(arena_printf(a, "looked at, and renamed to %s",
							  step->becomes)));
		if (s->writes.n)
			doc_lines(section, NULL, "It may write", path_lines(a, &s->writes));
		return;
	}
	doc_field(section, NULL, step->absent ? "Removes" : "Writes", doc_string(file_text(a, s)));
	if (s->diff.kind == DOC_UNKNOWN)
		doc_field(section, NULL, "Differs", s->diff);
	else if (s->diff.kind != DOC_STRING)
		doc_note(section, "What it has now is no text, or too long to be shown.");
	else if (*s->diff.string)
		doc_diff(section, NULL, NULL, s->diff.string);
}

static void add_steps(struct request *request, const struct setup_plan *plan)
{
	static const struct doc_column columns[] = {
		{ "kind", NULL, 0 },   { "why", NULL, 0 },     { "path", NULL, 0 },
		{ "is_new", NULL, 0 }, { "diff", NULL, 0 },    { "command", NULL, 0 },
		{ "writes", NULL, 0 }, { "becomes", NULL, 0 }, { "first", NULL, 0 },
	};
	struct arena *a = &request->host->arena;
	struct doc_node *root = doc_root(request->doc);
	struct doc_table *table =
		doc_table(root, "steps", "Steps", columns, ARRAY_SIZE(columns), NULL,
			  plan->by_hand     ? NULL
			  : plan->under_way ? "Nothing to do but `passthru confirm`: this boot is "
					      "the trial, and it came up as planned."
					    : "Nothing to do: all of it is there.");
	struct doc_node *text = doc_section(root, NULL, "Steps");

	for (size_t i = 0; i < plan->now.n_steps; i++) {
		struct shown_step s = look(request->host, &plan->now.steps[i]);

		add_row(table, &s);
		add_text(a, text, i + 1, &s);
	}
}

/* The steps of confirm: what they write is shown then, for it depends on what is there then. */
static void add_later(struct request *request, const struct plan *plan)
{
	struct arena *a = &request->host->arena;
	const char **whys = arena_array(a, plan->n_steps, sizeof(*whys));
	const char *text = "";

	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct step *step = &plan->steps[i];
		const char *file = step->path ? step->path : step->becomes;

		whys[i] = step->why;
		text = arena_printf(a, "%s  %zu. %s\n%s%s%s", text, i + 1, whys[i],
				    file ? "     " : "", file ? file : "", file ? "\n" : "");
	}
	doc_field(doc_root(request->doc), "later", NULL, doc_list(whys, plan->n_steps));
	if (plan->n_steps)
		doc_lines(doc_root(request->doc), NULL, "What `passthru confirm` does then", text);
}

/* ---- the rest of a plan ---- */

static void add_notes(struct request *request, const struct plan *plan, enum note_kind kind,
		      const char *key, const char *label)
{
	struct arena *a = &request->host->arena;
	struct doc_node *root = doc_root(request->doc), *section = NULL;
	const char **texts = arena_array(a, plan->n_notes, sizeof(*texts));
	size_t n = 0;

	for (size_t i = 0; i < plan->n_notes; i++) {
		if (plan->notes[i].kind != kind)
			continue;
		texts[n++] = plan->notes[i].text;
		if (!section)
			section = doc_section(root, NULL, label);
		doc_note(section, plan->notes[i].text);
	}
	doc_field(root, key, NULL, doc_list(texts, n));
}

static void add_words(struct request *request, const struct setup_plan *plan)
{
	static const struct doc_column columns[] = {
		{ "word", "WORD", 0 },
		{ "boots", "IN", 0 },
	};
	const struct names *lists[] = { &plan->words, &plan->trial_words };
	struct doc_table *table = doc_table(doc_root(request->doc), "words", "Words for the kernel",
					    columns, ARRAY_SIZE(columns), NULL, NULL);

	for (size_t k = 0; k < ARRAY_SIZE(lists); k++) {
		for (size_t i = 0; i < lists[k]->n; i++) {
			struct doc_row *row = doc_row(table);

			doc_cell(row, doc_string(lists[k]->name[i]));
			doc_cell(row, k ? doc_as(doc_string("trial"), "the trial boot alone")
					: doc_as(doc_string("all"), "every boot"));
		}
	}
}

static void add_system(struct request *request, const struct setup_plan *plan)
{
	struct doc_node *root = doc_root(request->doc);
	const struct bootloader_candidate *loader = plan->boot ? plan->boot->chosen : NULL;
	const struct initramfs_candidate *generator =
		plan->initramfs ? plan->initramfs->chosen : NULL;

	doc_field(root, "boot_loader", loader ? "Boot loader" : NULL,
		  loader ? doc_as(doc_string(loader->loader->name), loader->loader->title)
			 : doc_none());
	doc_field(root, "initramfs", generator ? "Initramfs" : NULL,
		  doc_string(generator ? generator->generator->name : NULL));
	doc_field(root, "phase", NULL, doc_string(setup_phase_word(plan->phase)));
}

static void add_way_back(struct request *request, const struct setup_plan *plan)
{
	struct doc_node *root = doc_root(request->doc);

	if (plan->no_trial_reason)
		doc_note(root, arena_printf(&request->host->arena, "There is no trial boot: %s.",
					    plan->no_trial_reason));
	if (plan->now.n_steps)
		doc_note(root, "`passthru undo` takes all of it back, byte for byte; so it does "
			       "from the entry without these words, and from a rescue system with "
			       "--root.");
}

void setup_show_plan(struct request *request, const struct setup_ask *ask)
{
	const struct setup_plan *plan = &ask->plan;
	struct doc_node *root = doc_root(request->doc);

	doc_field(root, "would_be_done", NULL, doc_bool(!setup_is_refused(ask)));
	doc_field(root, "refused", NULL, doc_string(ask->refused));
	if (ask->refused)
		doc_note(doc_section(root, NULL, NULL),
			 arena_printf(&request->host->arena, "Refused: %s.", ask->refused));
	if (!ask->refused)
		add_system(request, plan);
	bind_show_functions(request, &ask->handover, "functions", "Reserved for guests");
	bind_show_refusals(request, &ask->refusals);
	if (ask->refused)
		return;
	add_notes(request, &plan->now, NOTE_LOSS, "losses", "What the host loses");
	add_words(request, plan);
	add_steps(request, plan);
	add_notes(request, &plan->now, NOTE_NEXT_BOOT, "boots", "What happens at the next boots");
	add_later(request, &plan->later);
	if (plan->by_hand)
		doc_lines(root, "by_hand", "To be put in place by hand", plan->by_hand);
	else
		doc_field(root, "by_hand", NULL, doc_none());
	add_way_back(request, plan);
}

/* ---- after a boot ---- */

void setup_show_arrivals(struct request *request, const struct setup_arrivals *arrivals)
{
	static const struct doc_column columns[] = {
		{ "address", "ADDRESS", 0 },    { "now", "IS NOW", 0 }, { "driver", "DRIVER", 0 },
		{ "arrived", "FOR GUESTS", 0 }, { "why", NULL, 0 },
	};
	struct arena *arena = &request->host->arena;
	struct doc_node *root = doc_root(request->doc);
	struct doc_table *table = doc_table(root, "reserved", "Reserved devices", columns,
					    ARRAY_SIZE(columns), NULL, NULL);
	struct doc_node *reasons = doc_section(root, NULL, "Why not");

	for (size_t i = 0; i < arrivals->n; i++) {
		const struct setup_arrival *a = &arrivals->list[i];
		const char *address = a->record->function.address;
		struct doc_row *row = doc_row(table);

		doc_cell(row, doc_string(address));
		doc_cell(row, doc_string(a->function ? a->function->name : NULL));
		doc_cell(row, doc_string(a->driver));
		doc_cell(row, doc_bool(a->arrived));
		doc_cell(row, doc_string(a->why));
		if (!a->arrived)
			doc_note(reasons, arena_printf(arena, "%s: %s", address, a->why));
	}
	doc_field(root, "missing_words",
		  arrivals->missing.n ? "Not on the kernel's command line" : NULL,
		  doc_list(arrivals->missing.name, arrivals->missing.n));
}

void setup_show_names(struct request *request, const struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		doc_note(doc_root(request->doc), names->name[i]);
}

void setup_show_differences(struct request *request, const struct change_differences *differences)
{
	static const struct doc_column columns[] = {
		{ "path", "FILE", 0 },
		{ "what", "SINCE", 0 },
		{ "regenerated", "MADE ANEW", 0 },
		{ "diff", NULL, 0 },
	};
	struct doc_node *root = doc_root(request->doc);
	struct doc_table *table = doc_table(root, "differences", "What others have changed since",
					    columns, ARRAY_SIZE(columns), NULL, NULL);

	for (size_t i = 0; i < differences->n; i++) {
		const struct change_difference *d = &differences->list[i];
		struct doc_row *row = doc_row(table);

		doc_cell(row, doc_string(d->path));
		doc_cell(row, doc_string(d->what));
		doc_cell(row, doc_bool(d->regenerated));
		doc_cell(row, doc_string(d->diff));
	}
	for (size_t i = 0; i < differences->n; i++) {
		if (differences->list[i].diff && *differences->list[i].diff)
			doc_diff(root, NULL, NULL, differences->list[i].diff);
	}
}
