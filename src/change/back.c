// SPDX-License-Identifier: MIT
// Taking a change back: one that failed, one that was killed, one that is undone.
//
// What has to be done is decided by what is there, never by what was recorded as done, so the same
// can be begun again after any kill. Everything is looked at before anything is touched. Then in
// reverse order: what uses a file goes before the file. Generated files that somebody made anew
// since (a kernel was installed) are made anew once more, at last, when all that they are made from
// is back: the copy of before would name kernels that are gone.

#include "base/text.h"
#include "change/engine.h"

#include <errno.h>
#include <string.h>

#define TRACED_MAX ((size_t)16 * 1024 * 1024)

/*
 * Whether a file that commands write in place can be the work of one of ours that was killed: from
 * this boot, or an earlier one than now, and not later than such a command may run.
 */
static bool is_ours(const struct change *change, const struct root_node *node)
{
	int64_t began_s = journal_boot_began_s(change->host);
	const char *boot = journal_boot(change->host);

	if (change->command_s == 0)
		return false;
	if (node->kind == ROOT_ABSENT)
		return true;
	if (node->ctime.tv_sec > change->command_s + CHANGE_COMMAND_LIMIT_S + 60)
		return false;
	return str_eq(boot, change->boot) || began_s == 0 || node->ctime.tv_sec < began_s;
}

static bool is_as_left(const struct change *change, const struct entry *entry,
		       const struct entry_state *now)
{
	if (change->state == CHANGE_APPLYING && entry->generated && !entry->noted &&
	    is_ours(change, &now->node))
		return true;
	return entry->after_known && entry_is(now, &entry->after);
}

/*
 * What a power cut leaves on FAT, which has no journal: a name that is there before its content, or
 * one that fsck.fat has cut to what it could find. There is nothing in it that could be lost.
 */
static bool is_torn(const struct change *change, const struct entry *entry,
		    const struct root_node *node)
{
	return (change->state == CHANGE_APPLYING || change->state == CHANGE_UNDOING) &&
	       !entry->kept && node->kind == ROOT_FILE && node->n_bytes == 0;
}

/* Of a kernel that was removed, with its folder: what was taken away there has no place any more.
 */
static bool lost_its_folder(const struct change *change, const struct entry *entry)
{
	struct arena *a = &change->host->arena;
	size_t n = (size_t)(text_last_part(entry->path) - entry->path);

	return entry->may_go && n > 0 &&
	       root_look(change->host->root, a, arena_strndup(a, entry->path, n - 1)) == -ENOENT;
}

/* This process has applied it, and knows what it has left where. */
static enum way decide_own(const struct entry *entry, const struct entry_state *now)
{
	return entry->scratch || found_is_ours(entry, now) ? WAY_RESTORE : WAY_KEEP;
}

static enum way decide(const struct change *change, const struct entry *entry,
		       const struct entry_state *now, bool own, bool keep_changed)
{
	if (entry_is(now, &entry->before))
		return root_node_same(&now->node, &entry->before.node) ? WAY_NONE : WAY_RESTORE;
	if (now->node.kind == ROOT_ABSENT && lost_its_folder(change, entry))
		return WAY_KEEP;
	if (entry->foreign && entry->regenerate && root_is_live(change->host->root))
		return WAY_REGENERATE;
	if (own)
		return decide_own(entry, now);
	if (entry->scratch || is_as_left(change, entry, now) || is_torn(change, entry, &now->node))
		return WAY_RESTORE;
	if (entry->may_go && now->node.kind == ROOT_ABSENT)
		return WAY_KEEP;
	if (entry->regenerate && root_is_live(change->host->root))
		return WAY_REGENERATE;
	return keep_changed || entry->kept ? WAY_KEEP : WAY_REFUSE;
}

/* What others have written into GRUB's environment block stays, and is no reason to refuse. */
static enum way decide_block(const struct change *change, const struct entry *entry,
			     enum way otherwise)
{
	struct entry_state then = { .node.kind = ROOT_FILE };
	struct err ignored = { 0 };
	struct bytes text;
	bool changed;

	/* it is a block no more */
	if (block_taken_back(change, entry, &text, &changed, &ignored) < 0)
		return otherwise;
	entry_sum(text, then.sum);
	if (entry_is(&then, &entry->before))
		return WAY_RESTORE;
	return changed ? WAY_EDIT : WAY_KEEP;
}

static int check_mounted(const struct change *change, const struct entry *entry, struct err *e)
{
	bool mounted;
	int error = entry->mounted ? entry_is_mounted(change->host, entry->path, &mounted, e) : 0;

	if (error < 0 || !entry->mounted || mounted)
		return error;
	return err_refuse(e, "the file system that %s lies on is not mounted: mount it first",
			  entry->path);
}

int back_decide(const struct change *change, bool own, bool keep_changed, struct way_back *ret,
		struct err *e)
{
	struct arena *a = &change->host->arena;

	ret->ways = arena_array(a, change->n, sizeof(*ret->ways));
	ret->now = arena_array(a, change->n, sizeof(*ret->now));
	for (size_t i = 0; i < change->n; i++) {
		const struct entry *entry = &change->entries[i];
		int error = check_mounted(change, entry, e);

		if (error == 0 && !entry->directory)
			error = entry_look(change, entry, &ret->now[i], e);
		if (error < 0)
			return error;
		if (entry->directory)
			continue;
		ret->ways[i] = decide(change, entry, &ret->now[i], own, keep_changed);
		if (entry->variable && ret->now[i].node.kind == ROOT_FILE &&
		    !entry_is(&ret->now[i], &entry->before))
			ret->ways[i] = decide_block(change, entry, ret->ways[i]);
	}
	return 0;
}

/* What its commands did elsewhere can be taken back by commands alone. */
static int check_backs(const struct change *change, struct err *e)
{
	if (change->command_s == 0 || change->n_backs == 0 || root_is_live(change->host->root))
		return 0;
	return err_refuse(e,
			  "%s has to be run to take change %u back, and this is not the running "
			  "system: do it there, or with chroot",
			  change->backs[0][0], change->number);
}

int back_check(const struct change *change, const struct way_back *way, struct err *e)
{
	int error = check_backs(change, e);

	if (error < 0)
		return error;
	for (size_t i = 0; i < change->n; i++) {
		const struct entry *entry = &change->entries[i];

		if (way->ways[i] == WAY_REFUSE)
			return err_refuse(
				e, "%s %s since change %u: put it right, or keep it as it is",
				entry->path,
				way->now[i].node.kind == ROOT_ABSENT ? "was removed"
								     : "was changed",
				change->number);
		if (way->ways[i] == WAY_RESTORE && !entry_is(&way->now[i], &entry->before))
			error = entry_check(change, entry, e);
		if (way->ways[i] == WAY_NONE || way->ways[i] == WAY_KEEP)
			continue;
		if (error == 0)
			error = entry_check_writable(change->host, entry->path, e);
		if (error == 0)
			error = entry_check_unlocked(entry->path, &way->now[i].node, e);
		if (error < 0)
			return error;
	}
	return 0;
}

/* ---- doing it ---- */

static int remove_directory(const struct change *change, const struct entry *entry, struct err *e)
{
	int error = root_remove_directory(change->host->root, entry->path);

	/* somebody else has come to use it */
	if (error == -ENOTEMPTY || error == -EEXIST || error == -ENOTDIR || error == -EBUSY)
		return 0;
	return error < 0 ? err_io(e, error, "removing %s", entry->path) : 0;
}

/* What was being made beside a file when we were killed. */
static int remove_temporary(const struct change *change, const struct entry *entry, struct err *e)
{
	const char *const names[] = { entry_temporary(change, entry), entry_ready(change, entry) };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *path = entry_beside(change, entry, names[i]);
		int error = root_unlink(change->host->root, path);

		if (error < 0)
			return err_io(e, error, "removing %s", path);
	}
	return 0;
}

static bool same_words(const char *const *a, const char *const *b)
{
	for (; *a && *b; a++, b++) {
		if (!str_eq(*a, *b))
			return false;
	}
	return *a == *b;
}

void back_add(struct change *change, const char *const *argv)
{
	for (size_t i = 0; i < change->n_backs; i++) {
		if (same_words(change->backs[i], argv))
			return;
	}
	if (change->n_backs == change->backs_room) {
		size_t room = change->backs_room ? 2 * change->backs_room : 4;
		const char *const **larger =
			arena_array(&change->host->arena, room, sizeof(*larger));

		for (size_t i = 0; i < change->n_backs; i++)
			larger[i] = change->backs[i];
		change->backs = larger;
		change->backs_room = room;
	}
	change->backs[change->n_backs++] = argv;
}

/* The last first; those of commands that were never begun find nothing to do. */
static int run_backs(const struct change *change, int lock_fd, struct err *e)
{
	int error = 0;

	for (size_t i = change->command_s ? change->n_backs : 0; error == 0 && i-- > 0;)
		error = generator_run(change->backs[i], lock_fd, e);
	return error;
}

static bool was_run(const struct change *change, const struct way_back *way, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (way->ways[i] == WAY_REGENERATE &&
		    same_words(change->entries[i].regenerate, change->entries[n].regenerate))
			return true;
	}
	return false;
}

static int check_trace(const struct change *change, const struct entry *entry, struct err *e)
{
	const char *path = entry->output ? entry->output : entry->path;
	struct bytes data;

	if (!entry->trace)
		return 0;
	int error =
		root_read_max(change->host->root, &change->host->arena, path, TRACED_MAX, &data);

	if (error == -ENOENT)
		return 0;
	if (error < 0)
		return err_io(e, error, "reading %s", path);
	if (!memmem(data.data, data.n, entry->trace, strlen(entry->trace)))
		return 0;
	return err_fail(e, -EIO, "%s was made anew by %s, and still holds '%s'", entry->path,
			entry->regenerate[0], entry->trace);
}

static int make_anew(const struct change *change, const struct entry *entry,
		     const struct change_undo_how *how, int lock_fd, struct err *e)
{
	const char *const *argv = entry->regenerate;

	if (!entry->output)
		return generator_run(argv, lock_fd, e);
	if (how && how->anew)
		argv = how->anew(change->host, entry->path, entry->output, argv);
	if (!argv)
		return 0;
	int error = become_run(change, entry, argv, lock_fd, e);
	if (error == 0)
		error = check_trace(change, entry, e);
	return error < 0 ? error : become_end(change, entry, false, e);
}

static int regenerate(const struct change *change, const struct way_back *way,
		      const struct change_undo_how *how, int lock_fd, struct err *e)
{
	int error = 0;

	for (size_t i = 0; error == 0 && i < change->n; i++) {
		if (way->ways[i] == WAY_REGENERATE && !was_run(change, way, i))
			error = make_anew(change, &change->entries[i], how, lock_fd, e);
	}
	for (size_t i = 0; error == 0 && i < change->n; i++) {
		const struct entry *entry = &change->entries[i];

		if (way->ways[i] != WAY_REGENERATE)
			continue;
		if (!entry->output)
			error = check_trace(change, entry, e);
		if (error == 0 && !entry->output)
			error = entry_flush(change->host, entry->path, e);
	}
	return error;
}

int back_go(const struct change *change, const struct way_back *way,
	    const struct change_undo_how *how, int lock_fd, struct err *e)
{
	int error = 0;

	for (size_t i = change->n; error == 0 && i-- > 0;) {
		const struct entry *entry = &change->entries[i];

		if (entry->directory) {
			error = remove_directory(change, entry, e);
			continue;
		}
		error = remove_temporary(change, entry, e);
		if (error == 0 && way->ways[i] == WAY_RESTORE)
			error = entry_restore(change, entry, &way->now[i], e);
		if (error == 0 && way->ways[i] == WAY_EDIT)
			error = block_restore(change, entry, &way->now[i], e);
	}
	if (error == 0)
		error = regenerate(change, way, how, lock_fd, e);
	if (error == 0)
		error = run_backs(change, lock_fd, e);
	if (error == 0)
		error = settle_all(change, e);
	settle_let_go(change);
	return error;
}
