// SPDX-License-Identifier: MIT
// One file of a change: looking at it, keeping it, putting it back.
//
// A file that we replace ourselves is kept by a second name (link(2)): that costs no space, so a
// full disk does not stand in the way back, and what comes back is the file itself, with its other
// names and all that belongs to it. What a command writes is copied, because generators write in
// place too (grub-mkconfig ends with `cat grub.cfg.new > grub.cfg`), and so is what lies on another
// file system.

#include "base/text.h"
#include "change/engine.h"

#include <errno.h>
#include <string.h>

const char *entry_copy(const struct change *change, const struct entry *entry, const char *suffix)
{
	return arena_printf(&change->host->arena, "%s/files/%zu%s", change->directory,
			    (size_t)(entry - change->entries), suffix);
}

const char *entry_temporary(const struct change *change, const struct entry *entry)
{
	return arena_printf(&change->host->arena, ".passthru-%u-%zu.new", change->number,
			    (size_t)(entry - change->entries));
}

struct entry *entry_find(const struct change *change, const char *path)
{
	for (size_t i = 0; i < change->n; i++) {
		if (str_eq(change->entries[i].path, path))
			return &change->entries[i];
	}
	return NULL;
}

const char *entry_ready(const struct change *change, const struct entry *entry)
{
	return arena_printf(&change->host->arena, ".passthru-%u-%zu.ready", change->number,
			    (size_t)(entry - change->entries));
}

const char *entry_beside(const struct change *change, const struct entry *entry, const char *name)
{
	size_t n = (size_t)(text_last_part(entry->path) - entry->path);

	return arena_printf(&change->host->arena, "%.*s%s", (int)n, entry->path, name);
}

/* ---- looking ---- */

static int look_at(struct host *host, const char *path, bool sum, struct entry_state *ret,
		   struct err *e)
{
	*ret = (struct entry_state){ 0 };
	int error = root_node(host->root, &host->arena, path, &ret->node);
	if (error == 0 && sum && ret->node.kind == ROOT_FILE)
		error = root_digest(host->root, path, ret->sum);
	return error < 0 ? err_io(e, error, "reading %s", path) : 0;
}

static bool may_be(const struct root_node *node, const struct entry_state *state)
{
	return state->node.kind == ROOT_FILE && state->node.n_bytes == node->n_bytes;
}

int entry_look(const struct change *change, const struct entry *entry, struct entry_state *ret,
	       struct err *e)
{
	int error = look_at(change->host, entry->path, false, ret, e);

	if (error < 0 || ret->node.kind != ROOT_FILE)
		return error;
	/* images are long: what has another size needs no digest to be another */
	if (!may_be(&ret->node, &entry->before) &&
	    !(entry->after_known && may_be(&ret->node, &entry->after)) &&
	    !(entry->left_known &&
	      (may_be(&ret->node, &entry->left) || may_be(&ret->node, &entry->found))))
		return 0;
	return look_at(change->host, entry->path, true, ret, e);
}

bool entry_is(const struct entry_state *a, const struct entry_state *b)
{
	if (a->node.kind != b->node.kind)
		return false;
	if (a->node.kind == ROOT_LINK)
		return str_eq(a->node.target, b->node.target);
	if (a->node.kind == ROOT_FILE)
		return *a->sum && str_eq(a->sum, b->sum);
	return a->node.kind == ROOT_ABSENT;
}

void entry_sum(struct bytes content, char ret[SHA256_TEXT])
{
	struct sha256 sum;

	sha256_start(&sum);
	sha256_add(&sum, content.data, content.n);
	sha256_text(&sum, ret);
}

static int device_of(struct host *host, const char *path, uint64_t *ret)
{
	struct root_node node;

	for (;;) {
		int error = root_node(host->root, &host->arena, path, &node);
		if (error < 0)
			return error;
		if (node.kind != ROOT_ABSENT) {
			*ret = node.device;
			return 0;
		}
		if (!*path)
			return -ENOENT;
		const char *slash = strrchr(path, '/');
		path = arena_strndup(&host->arena, path, slash ? (size_t)(slash - path) : 0);
	}
}

int entry_is_mounted(struct host *host, const char *path, bool *ret, struct err *e)
{
	const char *slash = strrchr(path, '/');
	uint64_t own, root;
	int error = device_of(
		host, arena_strndup(&host->arena, path, slash ? (size_t)(slash - path) : 0), &own);

	if (error == 0)
		error = device_of(host, "", &root);
	if (error < 0)
		return err_io(e, error, "reading %s", path);
	*ret = own != root;
	return 0;
}

int entry_check_writable(struct host *host, const char *path, struct err *e)
{
	size_t n = (size_t)(text_last_part(path) - path);
	const char *parent = arena_strndup(&host->arena, path, n ? n - 1 : 0);
	bool read_only = false;
	int error = root_is_read_only(host->root, &host->arena, parent, &read_only);

	if (error < 0)
		return err_io(e, error, "reading %s", parent);
	if (read_only)
		return err_refuse(e, "%s lies on a file system that is mounted read-only", path);
	return 0;
}

int entry_check_unlocked(const char *path, const struct root_node *node, struct err *e)
{
	if (!node->immutable)
		return 0;
	return err_refuse(e,
			  "%s must not be changed, says its attribute: take that away with 'chattr "
			  "-i -a' first",
			  path);
}

/* ---- keeping ---- */

/* What cannot be replaced is found before anything is done. */
static int check_kind(const struct entry *entry, struct err *e)
{
	const struct root_node *node = &entry->before.node;

	if (node->kind == ROOT_DIRECTORY)
		return err_refuse(e, "%s is a directory, a file is to be there", entry->path);
	if (node->kind == ROOT_OTHER)
		return err_refuse(e, "%s is neither a file nor a link", entry->path);
	return entry_check_unlocked(entry->path, node, e);
}

static int copy_file(const struct change *change, const struct entry *entry, const char *to,
		     struct err *e)
{
	const struct root_place place = {
		.path = to, .temporary = ".copy", .from = entry->path, .mode = 0600
	};
	int error = root_place(change->host->root, &change->host->arena, &place);

	return error < 0 ? err_io(e, error, "keeping a copy of %s in %s", entry->path, to) : 0;
}

/* Also finds what changes while we read it: the copy has to be what was looked at. */
static int check_copy(const struct change *change, const struct entry *entry, const char *copy,
		      struct err *e)
{
	char sum[SHA256_TEXT];
	int error = root_digest(change->host->root, copy, sum);

	if (error < 0)
		return err_io(e, error, "reading %s, the copy of %s", copy, entry->path);
	if (!str_eq(sum, entry->before.sum))
		return err_fail(e, -EIO, "%s, the copy of %s, is not what was there", copy,
				entry->path);
	return 0;
}

int entry_save(const struct change *change, struct entry *entry, struct err *e)
{
	struct host *host = change->host;
	const char *copy = entry_copy(change, entry, "");
	int error = look_at(host, entry->path, true, &entry->before, e);

	if (error == 0)
		error = check_kind(entry, e);
	if (error < 0 || entry->before.node.kind != ROOT_FILE)
		return error;
	entry->saved = SAVED_NAME;
	if (!entry->in_place && root_hard_link(host->root, entry->path, copy) == 0)
		return check_copy(change, entry, copy, e);
	entry->saved = SAVED_COPY;
	if (!entry->in_place && entry->before.node.n_links > 1)
		return err_refuse(
			e,
			"%s has %zu names, and lies on another file system than %s: "
			"replacing it could not be undone exactly; give it one name first",
			entry->path, (size_t)entry->before.node.n_links, CHANGE_HOME);
	error = copy_file(change, entry, copy, e);
	return error < 0 ? error : check_copy(change, entry, copy, e);
}

int entry_keep_text(const struct change *change, struct entry *entry, struct bytes text,
		    struct err *e)
{
	const struct root_place place = { .path = entry_copy(change, entry, ".after"),
					  .temporary = ".copy",
					  .content = text,
					  .mode = 0600 };

	if (text.n > CHANGE_TEXT_MAX || memchr(text.data, '\0', text.n))
		return 0;
	int error = root_place(change->host->root, &change->host->arena, &place);
	if (error < 0)
		return err_io(e, error, "writing %s", place.path);
	entry->text = true;
	return 0;
}

static int keep_left(const struct change *change, struct entry *entry, struct err *e)
{
	struct bytes text;

	if (entry->after.node.n_bytes > CHANGE_TEXT_MAX)
		return 0;
	int error = root_read_max(change->host->root, &change->host->arena, entry->path,
				  CHANGE_TEXT_MAX, &text);
	if (error < 0)
		return err_io(e, error, "reading %s", entry->path);
	return entry_keep_text(change, entry, text, e);
}

int entry_note(const struct change *change, struct entry *entry, struct err *e)
{
	if (!entry->noted)
		return 0;
	/* the second that becomes it: after a kill it may be the first */
	entry->noted = !entry->after_known;
	int error = entry->noted ? look_at(change->host, entry->output, true, &entry->after, e) : 0;
	if (error < 0)
		return error;
	entry->after_known = true;
	return journal_save(change, e);
}

/* The file itself, which nobody has written to since; images take long to read. */
static bool is_noted(const struct entry *entry, const struct root_node *now)
{
	const struct root_node *then = &entry->after.node;

	return entry->noted && entry->after_known && now->kind == ROOT_FILE &&
	       now->device == then->device && now->inode == then->inode &&
	       now->n_bytes == then->n_bytes && now->mtime.tv_sec == then->mtime.tv_sec &&
	       now->mtime.tv_nsec == then->mtime.tv_nsec;
}

int entry_left(const struct change *change, struct entry *entry, struct err *e)
{
	struct host *host = change->host;
	struct entry_state now;
	int error = look_at(host, entry->path, false, &now, e);

	if (error == 0 && is_noted(entry, &now.node))
		memcpy(now.sum, entry->after.sum, sizeof(now.sum));
	else if (error == 0)
		error = look_at(host, entry->path, true, &now, e);
	if (error < 0)
		return error;
	entry->after = now;
	if (entry->after.node.kind == ROOT_DIRECTORY || entry->after.node.kind == ROOT_OTHER)
		return err_fail(e, -EIO, "a command made %s, which is no file", entry->path);
	entry->after_known = true;
	return entry->after.node.kind == ROOT_FILE ? keep_left(change, entry, e) : 0;
}

int entry_flush(struct host *host, const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	const char *parent = arena_strndup(&host->arena, path, slash ? (size_t)(slash - path) : 0);
	int error = root_sync(host->root, path);

	/* it may have removed it; a link is flushed with its directory */
	if (error < 0 && error != -ENOENT && error != -ENOTDIR && error != -ELOOP)
		return err_io(e, error, "synchronising %s", path);
	error = root_sync(host->root, parent);
	if (error == -ENOENT || error == -ENOTDIR)
		return 0;
	return error < 0 ? err_io(e, error, "synchronising %s", parent) : 0;
}

/* ---- replacing ---- */

/* What stands under the entry's name stays whole until the new file is, also for a boot loader. */
static int rename_over(const struct change *change, const struct entry *entry, const char *from,
		       struct err *e)
{
	int error = settle_hold(change, entry, e);

	if (error < 0)
		return error;
	error = root_rename(change->host->root, from, entry->path);
	/* seen through other mounts than when it was kept: the caller has another way */
	if (error == -EXDEV)
		return error;
	return error < 0 ? err_io(e, error, "renaming %s to %s", from, entry->path) : 0;
}

int entry_place(const struct change *change, const struct entry *entry,
		const struct root_place *place, struct err *e)
{
	struct root_place ready = *place;

	if (settle_wanted(entry))
		ready.path = entry_beside(change, entry, entry_ready(change, entry));
	int error = root_place(change->host->root, &change->host->arena, &ready);
	if (error < 0)
		return err_io(e, error, "writing %s", entry->path);
	if (!settle_wanted(entry))
		return 0;
	change->held->dirty = true;
	return rename_over(change, entry, ready.path, e);
}

int entry_unlink(const struct change *change, const struct entry *entry, struct err *e)
{
	int error = settle_hold(change, entry, e);

	if (error < 0)
		return error;
	error = root_unlink(change->host->root, entry->path);
	return error < 0 ? err_io(e, error, "removing %s", entry->path) : 0;
}

/* ---- putting back ---- */

int entry_check(const struct change *change, const struct entry *entry, struct err *e)
{
	if (entry->saved == SAVED_NONE)
		return 0;
	return check_copy(change, entry, entry_copy(change, entry, ""), e);
}

/*
 * What was replaced still stands beside it, under the name that the change has given it: then it is
 * that again, without the space that a copy needs where there may be none.
 */
static int take_old(const struct change *change, const struct entry *entry, bool *ret,
		    struct err *e)
{
	struct host *host = change->host;
	const struct entry *old = entry->old ? entry_find(change, entry->old) : NULL;
	struct root_node node;
	char sum[SHA256_TEXT];

	*ret = false;
	/* where something else was before, that has to come back there, also after a kill */
	if (!old || old->before.node.kind != ROOT_ABSENT)
		return 0;
	int error = root_node(host->root, &host->arena, old->path, &node);
	if (error == 0 && (node.kind != ROOT_FILE || !root_node_same(&node, &entry->before.node)))
		return 0;
	if (error == 0)
		error = root_digest(host->root, old->path, sum);
	if (error < 0)
		return err_io(e, error, "reading %s", old->path);
	if (!str_eq(sum, entry->before.sum))
		return 0;
	error = rename_over(change, entry, old->path, e);
	*ret = error != -EXDEV;
	return *ret ? error : 0;
}

static int place_before(const struct change *change, const struct entry *entry, struct err *e)
{
	const char *copy = entry_copy(change, entry, "");
	bool back;
	const struct root_place place = { .path = entry->path,
					  .temporary = entry_temporary(change, entry),
					  .from = entry->before.node.kind == ROOT_FILE ? copy
										       : NULL,
					  .node = &entry->before.node,
					  .times = true };

	if (entry->before.node.kind == ROOT_ABSENT)
		return entry_unlink(change, entry, e);
	if (entry->saved == SAVED_NAME) {
		int error = rename_over(change, entry, copy, e);
		if (error != -EXDEV)
			return error;
	}
	int error = take_old(change, entry, &back, e);
	return error < 0 || back ? error : entry_place(change, entry, &place, e);
}

static int dress_before(struct host *host, const struct entry *entry, struct err *e)
{
	int error = root_dress(host->root, &host->arena, entry->path, &entry->before.node);

	return error < 0 ? err_io(e, error, "changing its owner, mode or times") : 0;
}

int entry_restore(const struct change *change, const struct entry *entry,
		  const struct entry_state *now, struct err *e)
{
	struct host *host = change->host;
	struct entry_state then;
	int error = 0;

	if (!entry_is(now, &entry->before))
		error = place_before(change, entry, e);
	else if (!root_node_same(&now->node, &entry->before.node))
		error = dress_before(host, entry, e);
	if (error < 0)
		return err_wrap(e, error, "putting back %s", entry->path);
	error = look_at(host, entry->path, true, &then, e);
	/* the file itself, which restorecon(8) has met under its second name */
	if (error == 0 && entry->saved == SAVED_NAME && entry_is(&then, &entry->before) &&
	    !root_node_same(&then.node, &entry->before.node))
		error = dress_before(host, entry, e);
	if (error == 0 && !entry_is(&then, &entry->before))
		error = err_fail(e, -EIO, "%s is not what it was, although it was put back",
				 entry->path);
	return error;
}
