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

/* A plan on its way. */
struct work {
	struct change_session *session;
	struct change change;
	const struct step *steps;
	size_t n;
	const char **targets; /* of each STEP_FILE: its path without links */
};

/* ---- what there is to do ---- */

static int resolve(struct host *host, const struct step *step, const char **ret, struct err *e)
{
	if (!journal_path_valid(step->path))
		return err_fail(e, -EINVAL, "'%s' is no path of a file that may be changed",
				step->path);
	int error = root_resolve(host->root, &host->arena, step->path, !step->absent, ret);
	if (error == 0 && !journal_path_valid(*ret))
		return err_refuse(e, "%s leads to '%s', which must not be changed", step->path,
				  *ret);
	return error < 0 ? err_io(e, error, "reading %s", step->path) : 0;
}

static void sum_of(struct bytes content, char ret[SHA256_TEXT])
{
	struct sha256 sum;

	sha256_start(&sum);
	sha256_add(&sum, content.data, content.n);
	sha256_text(&sum, ret);
}

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
	sum_of(step->content, wanted);
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
	int error = resolve(host, step, &path, e);
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

/* ---- what it touches ---- */

static struct entry *find_entry(struct change *change, const char *path)
{
	for (size_t i = 0; i < change->n; i++) {
		if (str_eq(change->entries[i].path, path))
			return &change->entries[i];
	}
	return NULL;
}

/* The entry of @path as the last one: the order is that of the last step. */
static struct entry *touch(struct change *change, const char *path)
{
	struct entry *entry = find_entry(change, path), moved;

	if (entry) {
		size_t behind = change->n - 1 - (size_t)(entry - change->entries);

		moved = *entry;
		memmove(entry, entry + 1, behind * sizeof(*entry));
		change->entries[change->n - 1] = moved;
		return &change->entries[change->n - 1];
	}
	if (change->n == change->room) {
		size_t room = change->room ? 2 * change->room : 16;
		struct entry *larger = arena_array(&change->host->arena, room, sizeof(*larger));

		if (change->n > 0)
			memcpy(larger, change->entries, change->n * sizeof(*larger));
		change->entries = larger;
		change->room = room;
	}
	change->entries[change->n] = (struct entry){ .path = path };
	return &change->entries[change->n++];
}

/* The directories that have to be made for a file. */
static int touch_directories(struct change *change, const char *path, struct err *e)
{
	struct host *host = change->host;
	struct root_node node;

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		const char *directory = arena_strndup(&host->arena, path, (size_t)(slash - path));
		int error = root_node(host->root, &host->arena, directory, &node);

		if (error < 0)
			return err_io(e, error, "reading %s", directory);
		if (node.kind == ROOT_ABSENT && !find_entry(change, directory))
			touch(change, directory)->directory = true;
		else if (node.kind != ROOT_DIRECTORY && node.kind != ROOT_ABSENT)
			return err_refuse(e, "%s has to be a directory, for %s", directory, path);
	}
	return 0;
}

/* A command that writes through a link leaves the link, one that renames over it does not. */
static int touch_written(struct change *change, const struct step *step, const char *path,
			 struct err *e)
{
	struct host *host = change->host;
	const char *name, *target;

	if (!journal_path_valid(path))
		return err_fail(e, -EINVAL, "'%s' is no path of a file that may be changed", path);
	int error = root_resolve(host->root, &host->arena, path, false, &name);
	if (error == 0)
		error = root_resolve(host->root, &host->arena, path, true, &target);
	if (error < 0)
		return err_io(e, error, "reading %s", path);
	for (int i = 0; i < 2; i++) {
		const char *touched = i ? target : name;

		if (i && str_eq(target, name))
			break;
		if (!journal_path_valid(touched))
			return err_refuse(e, "%s leads to '%s', which must not be changed", path,
					  touched);
		struct entry *entry = touch(change, touched);
		entry->generated = true;
		entry->regenerate = step->regenerate;
		entry->trace = step->trace;
	}
	return 0;
}

static int collect(struct work *work, struct err *e)
{
	struct change *change = &work->change;
	struct arena *a = &change->host->arena;

	work->targets = arena_array(a, work->n, sizeof(*work->targets));
	change->whys.name = arena_array(a, work->n, sizeof(*change->whys.name));
	for (size_t i = 0; i < work->n; i++) {
		const struct step *step = &work->steps[i];
		int error = 0;

		change->whys.name[change->whys.n++] = step->why ? step->why : "";
		if (step->kind == STEP_FILE) {
			error = resolve(change->host, step, &work->targets[i], e);
			if (error == 0 && !step->absent)
				error = touch_directories(change, work->targets[i], e);
			if (error == 0)
				touch(change, work->targets[i]);
		} else if (!root_is_live(change->host->root)) {
			error = err_refuse(e,
					   "%s has to be run, and this is not the running system: "
					   "do it on the system itself",
					   step->argv[0]);
		}
		for (size_t k = 0; error == 0 && step->writes && step->writes[k]; k++)
			error = touch_written(change, step, step->writes[k], e);
		if (error < 0)
			return error;
	}
	return 0;
}

/* ---- saving ---- */

static int check_writable(struct change *change, struct entry *entry, struct err *e)
{
	struct host *host = change->host;
	size_t n = (size_t)(text_last_part(entry->path) - entry->path);
	const char *parent = arena_strndup(&host->arena, entry->path, n ? n - 1 : 0);
	bool read_only = false;
	int error = root_is_read_only(host->root, &host->arena, parent, &read_only);

	if (error < 0)
		return err_io(e, error, "reading %s", parent);
	if (read_only)
		return err_refuse(e, "%s lies on a file system that is mounted read-only",
				  entry->path);
	return entry_is_mounted(host, entry->path, &entry->mounted, e);
}

static mode_t mode_of(const struct step *step)
{
	return step->mode ? step->mode : 0644;
}

static int expect(struct work *work, struct err *e)
{
	for (size_t i = 0; i < work->n; i++) {
		const struct step *step = &work->steps[i];
		struct entry *entry =
			work->targets[i] ? find_entry(&work->change, work->targets[i]) : NULL;

		if (!entry || entry->generated)
			continue;
		/* the last step's stays */
		entry->after = (struct entry_state){ .node.kind = ROOT_ABSENT };
		entry->after_known = true;
		entry->text = false;
		if (step->absent)
			continue;
		entry->after.node = entry->before.node.kind == ROOT_FILE
					    ? entry->before.node
					    : (struct root_node){ .mode = mode_of(step) };
		entry->after.node.kind = ROOT_FILE;
		entry->after.node.n_bytes = step->content.n;
		sum_of(step->content, entry->after.sum);
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
		error = check_writable(change, &change->entries[i], e);
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

static int act_file(struct work *work, size_t i, struct err *e)
{
	struct change *change = &work->change;
	struct host *host = change->host;
	const struct step *step = &work->steps[i];
	const struct entry *entry = find_entry(change, work->targets[i]);
	struct root_node node;
	bool as_wanted;

	for (size_t k = 0; !step->absent && k < change->n; k++) {
		const char *directory = change->entries[k].path;

		if (!change->entries[k].directory || !str_starts(entry->path, directory) ||
		    entry->path[strlen(directory)] != '/')
			continue;
		int error = root_make_directory(host->root, directory, 0755);
		if (error < 0)
			return err_io(e, error, "making %s", directory);
	}
	int error = root_node(host->root, &host->arena, entry->path, &node);
	const struct root_place place = { .path = entry->path,
					  .temporary = entry_temporary(change, entry),
					  .content = step->content,
					  .node = node.kind == ROOT_FILE ? &node : NULL,
					  .mode = mode_of(step) };
	if (error == 0)
		error = step->absent ? root_unlink(host->root, entry->path)
				     : root_place(host->root, &host->arena, &place);
	if (error < 0)
		return err_io(e, error, "%s %s", step->absent ? "removing" : "writing",
			      entry->path);
	error = holds(host, step, entry->path, &as_wanted, e);
	if (error == 0 && !as_wanted)
		error = err_fail(e, -EIO, "%s was written, and holds something else", entry->path);
	return error;
}

static int act_command(struct work *work, const struct step *step, struct err *e)
{
	struct err missing = { 0 };

	work->change.command_s = journal_now_s();
	int error = journal_save(&work->change, e);
	if (error == 0)
		error = generator_run(step->argv, work->session->lock_fd, e);
	if (error < 0 || !step->proof)
		return error;
	error = step->proof(work->change.host, step, step->output, &missing);
	if (error < 0)
		return err_fail(e, error, "%s ended with status 0, without its effect: %s",
				step->argv[0], missing.text);
	return 0;
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
							 : act_command(work, &work->steps[i], e);
		if (error == 0 && generator_interrupted())
			error = interrupted(e);
	}
	for (size_t i = 0; error == 0 && i < change->n; i++) {
		if (change->entries[i].generated)
			error = entry_left(change, &change->entries[i], e);
	}
	if (error < 0)
		return error;
	change->state = CHANGE_APPLIED;
	error = journal_save(change, e);
	if (error < 0)
		change->state = CHANGE_APPLYING;
	return error;
}

static int take_back(struct work *work, int cause, struct err *e)
{
	struct change *change = &work->change;
	struct err why = { 0 };
	struct way_back way;
	int error = back_decide(change, true, false, &way, &why);

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
		snprintf(e->text + n, sizeof(e->text) - n, "; everything was put back");
	else
		snprintf(e->text + n, sizeof(e->text) - n,
			 "; not everything was put back (%.400s): what changes this host next "
			 "tries again",
			 why.text);
	return cause;
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
	error = store_numbers(host, &numbers, &n, e);
	if (error < 0)
		return error;
	struct work work = {
		.session = session,
		.steps = needed.steps,
		.n = needed.n_steps,
		.change = { .host = host,
			    .number = n > 0 ? numbers[n - 1] + 1 : 1,
			    .title = title,
			    .time_s = journal_now_s(),
			    .boot = journal_boot(host) },
	};
	work.change.directory =
		arena_printf(&host->arena, CHANGE_DIRECTORY "/%u.new", work.change.number);
	error = collect(&work, e);
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
