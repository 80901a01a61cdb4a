// SPDX-License-Identifier: MIT
// A file that a command makes beside the one that it is to be. Generators write for minutes, some
// leave half a file behind when they fail, and some say that all is well: what the host starts from
// is not to be theirs before somebody has looked at it.
//
// The old file keeps its name until the rename, and what it says of owner, mode and label goes over
// to the new one: an image holds keys now and then, and its generator's mode is that of its umask.

#include "base/text.h"
#include "change/engine.h"

#include <errno.h>
#include <string.h>

static int check_made(const struct change *change, const char *path, const char *program,
		      struct err *e)
{
	struct host *host = change->host;
	struct root_node node;
	int error = root_node(host->root, &host->arena, path, &node);

	if (error < 0)
		return err_io(e, error, "reading %s", path);
	if (node.kind == ROOT_ABSENT)
		return err_fail(e, -EIO, "%s ended with status 0, and has not made %s", program,
				path);
	if (node.kind != ROOT_FILE)
		return err_fail(e, -EIO, "%s made %s, which is no file", program, path);
	if (node.n_bytes == 0)
		return err_fail(e, -EIO, "%s ended with status 0, and left %s empty", program,
				path);
	return 0;
}

/* What was left there by others is not to be taken for what the command makes. */
static int make(const struct change *change, const char *path, const char *const *argv, int lock_fd,
		struct err *e)
{
	int error = root_unlink(change->host->root, path);

	if (error < 0)
		return err_io(e, error, "removing %s", path);
	error = generator_run(argv, lock_fd, e);
	return error < 0 ? error : check_made(change, path, argv[0], e);
}

int become_run(const struct change *change, const struct entry *entry, const char *const *argv,
	       int lock_fd, struct err *e)
{
	int error = 0;

	if (entry->first)
		error = make(change, entry->staged, entry->first, lock_fd, e);
	if (error == 0)
		error = make(change, entry->output, argv, lock_fd, e);
	if (!entry->first)
		return error;
	int gone = root_unlink(change->host->root, entry->staged);
	if (error == 0 && gone < 0)
		error = err_io(e, gone, "removing %s", entry->staged);
	return error;
}

/* These are of the content. */
static bool of_content(const struct root_xattr *x)
{
	return str_eq(x->name, "security.ima") || str_eq(x->name, "security.evm");
}

/* What the new file is to have of the old one; its times are its own. */
static int dress(struct host *host, const char *output, const struct root_node *old)
{
	struct root_node node = *old, made;
	int error = root_node(host->root, &host->arena, output, &made);

	if (error < 0)
		return error;
	node.atime = made.atime;
	node.mtime = made.mtime;
	node.xattrs =
		arena_array(&host->arena, old->n_xattrs + made.n_xattrs, sizeof(*node.xattrs));
	node.n_xattrs = 0;
	for (size_t i = 0; i < old->n_xattrs; i++) {
		if (!of_content(&old->xattrs[i]))
			node.xattrs[node.n_xattrs++] = old->xattrs[i];
	}
	for (size_t i = 0; i < made.n_xattrs; i++) {
		if (of_content(&made.xattrs[i]))
			node.xattrs[node.n_xattrs++] = made.xattrs[i];
	}
	return root_dress(host->root, &host->arena, output, &node);
}

/* The old file as entry->old: a second name for it, or a copy where there are none (FAT). */
static int keep_old(const struct change *change, const struct entry *entry,
		    const struct root_node *node)
{
	struct root *root = change->host->root;
	struct arena *a = &change->host->arena;
	const struct entry *old = entry_find(change, entry->old);
	const char *temporary = entry_temporary(change, old);
	const char *path = entry_beside(change, old, temporary);
	const struct root_place place = { .path = entry->old,
					  .temporary = temporary,
					  .from = entry->path,
					  .node = node,
					  .times = true };

	/* nothing was there before this time, so nothing of it stays from another one */
	if (node->kind != ROOT_FILE)
		return root_unlink(root, entry->old);
	int error = root_unlink(root, path);
	if (error < 0)
		return error;
	if (root_hard_link(root, entry->path, path) < 0)
		return root_place(root, a, &place);
	error = root_rename(root, path, entry->old);
	/* two names of one file: rename(2) does nothing then */
	return error < 0 ? error : root_unlink(root, path);
}

int become_end(const struct change *change, const struct entry *entry, bool keep, struct err *e)
{
	struct host *host = change->host;
	struct root_node old;
	int error = root_node(host->root, &host->arena, entry->path, &old);

	if (error < 0)
		return err_io(e, error, "reading %s", entry->path);
	if (old.kind == ROOT_FILE)
		error = dress(host, entry->output, &old);
	if (error < 0)
		return err_io(e, error, "giving %s the owner and mode of %s", entry->output,
			      entry->path);
	error = entry_flush(host, entry->output, e);
	if (error < 0)
		return error;
	keep = keep && entry->old;
	if (keep)
		error = settle_hold(change, entry_find(change, entry->old), e);
	if (error < 0)
		return error;
	if (keep)
		error = keep_old(change, entry, &old);
	if (error < 0)
		return err_io(e, error, "keeping %s as %s", entry->path, entry->old);
	change->held->dirty = true;
	error = settle_hold(change, entry, e);
	if (error < 0)
		return error;
	error = root_rename(host->root, entry->output, entry->path);
	return error < 0 ? err_io(e, error, "renaming %s to %s", entry->output, entry->path) : 0;
}
