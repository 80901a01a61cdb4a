// SPDX-License-Identifier: MIT
// Which files a plan touches: all of them are known, without links, before anything is saved or
// done. Their order is that of the last step that touches each, because the way back is the other
// way round: what uses a file goes before the file.

#include "base/text.h"
#include "change/engine.h"

#include <errno.h>
#include <string.h>

int touch_resolve(struct host *host, const char *path, bool last, const char **ret, struct err *e)
{
	if (!journal_path_valid(path))
		return err_fail(e, -EINVAL, "'%s' is no path of a file that may be changed", path);
	int error = root_resolve(host->root, &host->arena, path, last, ret);
	if (error == 0 && !journal_path_valid(*ret))
		return err_refuse(e, "%s leads to '%s', which must not be changed", path, *ret);
	return error < 0 ? err_io(e, error, "reading %s", path) : 0;
}

/* The entry of @path as the last one: the order is that of the last step. */
static struct entry *touch(struct change *change, const char *path)
{
	struct entry *entry = entry_find(change, path), moved;

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
		if (node.kind == ROOT_ABSENT && !entry_find(change, directory))
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
		entry->in_place = true;
		entry->regenerate = step->regenerate;
		entry->trace = step->trace;
		entry->variable = step->variable;
	}
	return 0;
}

/* A command whose output becomes a file: that one is renamed over, never written into. */
static int touch_made(struct work *work, size_t i, struct err *e)
{
	const struct step *step = &work->steps[i];
	struct change *change = &work->change;
	const char *output, *old = NULL;

	if (step->first && !journal_staged_valid(step->staged))
		return err_fail(e, -EINVAL, "'%s' is no path of a file for a moment", step->staged);
	int error = touch_resolve(change->host, step->output, false, &output, e);

	if (error == 0)
		error = touch_resolve(change->host, step->becomes, true, &work->targets[i], e);
	if (error == 0 && step->keep)
		error = touch_resolve(change->host, step->keep, false, &old, e);
	if (error == 0)
		error = touch_directories(change, work->targets[i], e);
	if (error == 0)
		error = touch_directories(change, output, e);
	if (error == 0 && old)
		error = touch_directories(change, old, e);
	if (error < 0)
		return error;
	/* going back is the other way round: the file comes back from what is kept of it */
	if (old)
		touch(change, old)->generated = true;
	touch(change, output)->generated = true;
	entry_find(change, output)->scratch = true;
	struct entry *entry = touch(change, work->targets[i]);
	entry->generated = true;
	entry->may_go = step->may_go;
	entry->scratch = step->own;
	entry->regenerate = step->regenerate;
	entry->trace = step->trace;
	entry->output = output;
	entry->old = old;
	entry->first = step->first;
	entry->staged = step->first ? step->staged : NULL;
	return 0;
}

int touch_all(struct work *work, struct err *e)
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
			error = touch_resolve(change->host, step->path, !step->absent,
					      &work->targets[i], e);
			if (error == 0 && !step->absent)
				error = touch_directories(change, work->targets[i], e);
			if (error == 0)
				touch(change, work->targets[i])->may_go = step->may_go;
		} else if (!root_is_live(change->host->root)) {
			error = err_refuse(e,
					   "%s has to be run, and this is not the running system: "
					   "do it on the system itself",
					   step->argv[0]);
		}
		for (size_t k = 0; error == 0 && step->writes && step->writes[k]; k++)
			error = touch_written(change, step, step->writes[k], e);
		if (step->kind == STEP_COMMAND && step->takes_back)
			back_add(change, step->takes_back);
		if (error == 0 && step->kind == STEP_COMMAND && step->output)
			error = touch_made(work, i, e);
		if (error < 0)
			return error;
	}
	for (size_t i = 0; i < change->n; i++)
		change->entries[i].noted =
			change->entries[i].output && !change->entries[i].in_place;
	return 0;
}
