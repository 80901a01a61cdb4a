// SPDX-License-Identifier: MIT
// Applying a plan: save everything, say in the journal what is going to be done, do it step by
// step, look at each, and only then say that it is done. The rename of <N>.new to <N> is the
// beginning, the state "applied" in the journal the end; whatever stops us between them is taken
// back.

#include "change/engine.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- what there is to do ---- */

/* Whether the file is as the step wants it. */
static int holds(struct host *host, const struct step *step, const char *path, bool *ret,
		 struct err *e)
{
	char wanted[SHA256_TEXT], sum[SHA256_TEXT];
	struct root_node node;
	int error = root_node(host->root, &host->arena, path, &node);

	if (error < 0)
		return err_io(e, error, "reading %s", path);
	*ret = step->absent && node.kind == ROOT_ABSENT;
	if (step->absent || node.kind != ROOT_FILE || node.n_bytes != step->content.n)
		return 0;
	error = root_digest(host->root, path, sum);
	if (error < 0)
		return err_io(e, error, "reading %s", path);
	entry_sum(step->content, wanted);
	*ret = str_eq(sum, wanted);
	return 0;
}

static int is_needed(struct host *host, const struct step *step, bool acted, bool *ret,
		     struct err *e)
{
	const char *path;
	struct err missing = { 0 };
	bool as_wanted = false;

	if (step->kind == STEP_COMMAND) {
		*ret = acted ||
		       (step->proof && step->proof(host, step, step->becomes, &missing) < 0);
		return 0;
	}
	int error = touch_resolve(host, step->path, !step->absent, &path, e);
	if (error == 0)
		error = holds(host, step, path, &as_wanted, e);
	*ret = !as_wanted;
	return error;
}

int change_needed(struct host *host, const struct plan *plan, struct plan *ret, struct err *e)
{
	*ret = *plan;
	ret->steps = arena_array(&host->arena, plan->n_steps, sizeof(*ret->steps));
	ret->n_steps = 0;
	for (size_t i = 0; i < plan->n_steps; i++) {
		bool needed = false;
		int error = is_needed(host, &plan->steps[i], ret->n_steps > 0, &needed, e);

		if (error < 0)
			return error;
		if (needed)
			ret->steps[ret->n_steps++] = plan->steps[i];
	}
	return 0;
}

/* ---- saving ---- */

static mode_t mode_of(const struct step *step)
{
	return step->mode ? step->mode : 0644;
}

/* What a step leaves of a file. */
static struct entry_state state_after(const struct step *step, const struct entry *entry)
{
	struct entry_state after = { .node.kind = ROOT_ABSENT };

	if (step->absent)
		return after;
	after.node = entry->before.node.kind == ROOT_FILE
			     ? entry->before.node
			     : (struct root_node){ .mode = mode_of(step) };
	after.node.kind = ROOT_FILE;
	after.node.n_bytes = step->content.n;
	entry_sum(step->content, after.sum);
	return after;
}

static int expect(struct work *work, struct err *e)
{
	for (size_t i = 0; i < work->n; i++) {
		const struct step *step = &work->steps[i];
		struct entry *entry =
			work->targets[i] ? entry_find(&work->change, work->targets[i]) : NULL;

		if (!entry || entry->generated)
			continue;
		/* the last step's stays */
		entry->after = state_after(step, entry);
		entry->after_known = true;
		entry->text = false;
		if (step->absent)
			continue;
		int error = entry_keep_text(&work->change, entry, step->content, e);
		if (error < 0)
			return error;
	}
	return 0;
}

static int save_into(struct work *work, struct err *e)
{
	struct change *change = &work->change;
	struct root *root = change->host->root;
	struct arena *a = &change->host->arena;
	const char *files = arena_printf(a, "%s/files", change->directory);
	int error = root_make_directory(root, change->directory, 0700);

	if (error == 0)
		error = root_make_directory(root, files, 0700);
	if (error < 0)
		return err_io(e, error, "making %s", change->directory);
	for (size_t i = 0; error == 0 && i < change->n; i++) {
		error = entry_check_writable(change->host, change->entries[i].path, e);
		if (error == 0)
			error = entry_is_mounted(change->host, change->entries[i].path,
						 &change->entries[i].mounted, e);
		if (error == 0 && !change->entries[i].directory)
			error = entry_save(change, &change->entries[i], e);
	}
	if (error == 0)
		error = expect(work, e);
	if (error == 0)
		error = journal_save(change, e);
	if (error < 0)
		return error;
	const char *directory = journal_directory(change->host, change->number);
	error = root_rename(root, change->directory, directory);
	if (error < 0)
		return err_io(e, error, "making %s", directory);
	change->directory = directory;
	return 0;
}

static int save(struct work *work, struct err *e)
{
	struct host *host = work->change.host;
	int error = save_into(work, e);

	if (error < 0 && store_sweep(host, NULL) < 0)
		return error; /* the next one to come here does it */
	return error;
}

/* ---- doing ---- */

static int make_directories(const struct change *change, const char *path, struct err *e)
{
	for (size_t i = 0; i < change->n; i++) {
		const char *directory = change->entries[i].path;

		if (!change->entries[i].directory || !str_starts(path, directory) ||
		    path[strlen(directory)] != '/')
			continue;
		int error = root_make_directory(change->host->root, directory, 0755);
		if (error < 0)
			return err_io(e, error, "making %s", directory);
	}
	return 0;
}

/* @step as it is to be done with what is there now. */
static int find_out(struct work *work, struct step *step, struct entry *entry, struct err *e)
{
	struct change *change = &work->change;
	struct entry_state after = state_after(step, entry);

	if (!step->remake || entry->begun)
		return found_check(change, entry, &after, e);
	int error = found_look(change, entry, e);
	entry->begun = true;
	if (error < 0 || !entry->foreign)
		return error;
	error = step->remake(change->host, step, &step->content, e);
	if (error < 0)
		return err_wrap(e, error, "%s", entry->path);
	/* whoever takes it back after a kill has to know that what was kept is too old */
	return journal_save(change, e);
}

static int act_file(struct work *work, size_t i, struct err *e)
{
	struct change *change = &work->change;
	struct host *host = change->host;
	struct step now = work->steps[i];
	const struct step *step = &now;
	struct entry *entry = entry_find(change, work->targets[i]);
	struct root_node node;
	bool as_wanted;

	int error = find_out(work, &now, entry, e);
	if (error == 0 && !step->absent)
		error = make_directories(change, entry->path, e);
	if (error < 0)
		return error;
	error = root_node(host->root, &host->arena, entry->path, &node);
	const struct root_place place = { .path = entry->path,
					  .temporary = entry_temporary(change, entry),
					  .content = step->content,
					  .node = node.kind == ROOT_FILE ? &node : NULL,
					  .mode = mode_of(step) };
	if (error < 0)
		return err_io(e, error, "reading %s", entry->path);
	error = step->absent ? entry_unlink(change, entry, e)
			     : entry_place(change, entry, &place, e);
	if (error < 0)
		return error;
	error = holds(host, step, entry->path, &as_wanted, e);
	if (error == 0 && !as_wanted)
		error = err_fail(e, -EIO, "%s was written, and holds something else", entry->path);
	return error;
}

/* What comes after may rest on it: an entry of a menu on its image. */
static int flush_written(struct host *host, const struct step *step, struct err *e)
{
	const char *target;
	int error = 0;

	for (size_t i = 0; error == 0 && step->writes && step->writes[i]; i++) {
		error = root_resolve(host->root, &host->arena, step->writes[i], true, &target);
		if (error < 0)
			return err_io(e, error, "reading %s", step->writes[i]);
		error = entry_flush(host, target, e);
		/* a link, or what has taken its place */
		if (error == 0 && !str_eq(target, step->writes[i]))
			error = entry_flush(host, step->writes[i], e);
	}
	return error;
}

static int act_command(struct work *work, size_t i, struct err *e)
{
	struct change *change = &work->change;
	const struct step *step = &work->steps[i];
	struct entry *made = work->targets[i] ? entry_find(change, work->targets[i]) : NULL;
	struct err missing = { 0 };
	int error = found_before_writing(change, step, e);

	change->command_s = journal_now_s();
	if (error == 0)
		error = journal_save(change, e);
	if (error == 0 && made)
		error = make_directories(change, made->path, e);
	if (error == 0 && made)
		error = make_directories(change, made->output, e);
	if (error == 0 && made && made->old)
		error = make_directories(change, made->old, e);
	if (error == 0)
		error = made ? become_run(change, made, step->argv, work->session->lock_fd, e)
			     : generator_run(step->argv, work->session->lock_fd, e);
	change->held->dirty = true;
	if (error < 0)
		return error;
	if (step->proof)
		error = step->proof(change->host, step, step->output, &missing);
	if (error < 0)
		return err_fail(e, error, "%s ended with status 0, without its effect: %s",
				step->argv[0], missing.text);
	error = flush_written(change->host, step, e);
	if (error == 0 && made)
		error = found_check(change, made, NULL, e);
	if (error == 0 && made && made->old)
		error = found_check(change, entry_find(change, made->old), NULL, e);
	if (error == 0 && made)
		error = entry_note(change, made, e);
	return error < 0 || !made ? error : become_end(change, made, step->keep != NULL, e);
}

/* The signal was heeded: it must not end us too before we have said so. */
static int interrupted(struct err *e)
{
	static const struct timespec no_time;
	sigset_t set;
	int last = 0, next;

	sigpending(&set);
	while ((next = sigtimedwait(&set, NULL, &no_time)) > 0)
		last = next;
	return err_fail(e, -EINTR, "interrupted (%s)", strsignal(last));
}

static int act(struct work *work, struct err *e)
{
	struct change *change = &work->change;
	int error = 0;

	for (size_t i = 0; error == 0 && i < work->n; i++) {
		error = work->steps[i].kind == STEP_FILE ? act_file(work, i, e)
							 : act_command(work, i, e);
		if (error == 0 && generator_interrupted())
			error = interrupted(e);
	}
	for (size_t i = 0; error == 0 && i < change->n; i++) {
		if (change->entries[i].generated)
			error = entry_left(change, &change->entries[i], e);
	}
	if (error < 0)
		return error;
	error = settle_all(change, e);
	if (error < 0)
		return error;
	change->state = work->settled ? CHANGE_UNDONE : CHANGE_APPLIED;
	error = journal_save(change, e);
	if (error < 0)
		change->state = CHANGE_APPLYING;
	else if (work->settled)
		(void)!store_empty(change, NULL); /* copies that nobody needs */
	return error;
}

static int take_back(struct work *work, int cause, struct err *e)
{
	struct change *change = &work->change;
	struct err why = { 0 };
	struct way_back way;
	int error = back_decide(change, true, false, &way, &why);
	bool all = error == 0;

	for (size_t i = 0; error == 0 && i < change->n; i++)
		all = all && way.ways[i] != WAY_KEEP;
	if (error == 0)
		error = back_check(change, &way, &why);
	if (error == 0)
		error = back_go(change, &way, NULL, work->session->lock_fd, &why);
	if (error == 0)
		error = store_drop(change, &why);
	if (!e)
		return cause;
	size_t n = strlen(e->text);
	if (error == 0)
		snprintf(e->text + n, sizeof(e->text) - n, "; %s was put back",
			 all ? "everything" : "all else");
	else
		snprintf(e->text + n, sizeof(e->text) - n,
			 "; not everything was put back (%.400s): what changes this host next "
			 "tries again",
			 why.text);
	return cause;
}

/* A change can go on with one that is in force. */
static int check_continued(struct host *host, unsigned number, struct err *e)
{
	struct change change;
	int error = number ? journal_load(host, number, &change, e) : 0;

	if (error < 0 || number == 0)
		return error;
	if (change.state != CHANGE_APPLIED && change.state != CHANGE_CONFIRMED)
		return err_refuse(e, "change %u, which this one is to go on with, was undone",
				  number);
	return 0;
}

int change_apply(struct change_session *session, const struct plan *plan, const char *title,
		 unsigned *ret_number, struct err *e)
{
	struct host *host = session->host;
	struct plan needed;
	unsigned *numbers;
	size_t n;

	*ret_number = 0;
	int error = change_needed(host, plan, &needed, e);
	if (error < 0 || needed.n_steps == 0)
		return error;
	error = check_continued(host, plan->continues, e);
	if (error == 0)
		error = store_numbers(host, &numbers, &n, e);
	if (error < 0)
		return error;
	struct work work = {
		.session = session,
		.steps = needed.steps,
		.n = needed.n_steps,
		.settled = plan->settled,
		.change = { .host = host,
			    .number = n > 0 ? numbers[n - 1] + 1 : 1,
			    .title = title,
			    .continues = plan->continues,
			    .time_s = journal_now_s(),
			    .boot = journal_boot(host),
			    .held = arena_alloc(&host->arena, sizeof(struct held)) },
	};
	work.change.directory =
		arena_printf(&host->arena, CHANGE_DIRECTORY "/%u.new", work.change.number);
	error = touch_all(&work, e);
	if (error == 0)
		error = save(&work, e);
	if (error < 0)
		return error;
	error = act(&work, e);
	if (error < 0)
		return take_back(&work, error, e);
	*ret_number = work.change.number;
	return 0;
}
