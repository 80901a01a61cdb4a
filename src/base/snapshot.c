// SPDX-License-Identifier: MIT
// Roots that record and roots that replay. Paths are compared as they were asked for: facts are
// read by real paths (root_follow), so no link has to be resolved here.

#include "base/snapshot.h"
#include "base/snapshot_store.h"
#include "base/text.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct snapshot_entry *)a)->path,
		      ((const struct snapshot_entry *)b)->path);
}

static struct snapshot_entry *find(const struct snapshot *s, const char *path)
{
	const struct snapshot_entry key = { .path = path };
	void *node = tfind(&key, &s->entries, by_path);

	return node ? *(struct snapshot_entry **)node : NULL;
}

struct snapshot_entry *snapshot_entry(struct snapshot *s, const char *path)
{
	struct snapshot_entry *entry = find(s, path);

	if (entry)
		return entry;
	entry = arena_alloc(&s->arena, sizeof(*entry));
	entry->path = arena_strdup(&s->arena, path);
	if (!tsearch(entry, &s->entries, by_path))
		abort(); /* out of memory, like the arena */
	return entry;
}

struct snapshot *snapshot_new(const struct root_ops *ops, struct root *inner)
{
	struct arena arena = { 0 };
	struct snapshot *s = arena_alloc(&arena, sizeof(*s));

	s->root = (struct root){ .ops = ops, .live = inner && inner->live };
	s->inner = inner;
	s->arena = arena;
	return s;
}

static void keep_entry(void *entry)
{
	(void)entry; /* lives in the arena */
}

static void snapshot_close(struct root *r)
{
	struct snapshot *s = (struct snapshot *)r;
	struct arena arena = s->arena;

	tdestroy(s->entries, keep_entry);
	root_close(s->inner);
	arena_free(&arena);
}

/* ---- recording ---- */

/* What follows "proc/<pid>/fd" in @path, a slash or the end; NULL when it is another path. */
static const char *behind_fd(const char *path)
{
	static const char proc[] = "proc/", fd[] = "/fd";

	if (strncmp(path, proc, sizeof(proc) - 1) != 0)
		return NULL;
	path += sizeof(proc) - 1;
	size_t n = strspn(path, "0123456789");
	if (n == 0 || strncmp(path + n, fd, sizeof(fd) - 1) != 0)
		return NULL;
	path += n + sizeof(fd) - 1;
	return *path == '/' || *path == '\0' ? path : NULL;
}

/*
 * Which files people have open is nobody's business: of what processes have open, a record holds
 * devices only. What programs share through files stands below dev as well, but is no device.
 */
static bool is_private(const char *target)
{
	static const char dev[] = "/dev/";
	static const char *const files[] = { "shm/", "mqueue/", "hugepages" };

	if (strncmp(target, dev, sizeof(dev) - 1) != 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (strncmp(target + sizeof(dev) - 1, files[i], strlen(files[i])) == 0)
			return true;
	}
	return false;
}

/* Whether the descriptor @name of the process, proc/<pid>/fd being @directory, may be recorded. */
static bool is_recorded_fd(struct snapshot *s, struct arena *a, const char *directory,
			   const char *name)
{
	const char *path = arena_printf(a, "%s/%s", directory, name), *target;

	return root_link(s->inner, a, path, &target) == 0 && !is_private(target);
}

static int record_read_result(struct snapshot *s, const char *path, int error,
			      const struct bytes *ret)
{
	struct snapshot_entry *entry = snapshot_entry(s, path);

	if (error < 0) {
		entry->error = error;
		return error;
	}
	entry->has_file = true;
	char *copy = arena_memdup(&s->arena, ret->data, ret->n);
	/* what the kernel says of hardware has none, and is most of a record */
	if (!str_starts(path, "sys/"))
		snapshot_cover_secrets(copy, ret->n);
	entry->file.data = copy;
	entry->file.n = ret->n;
	return 0;
}

static int record_read(struct root *r, struct arena *a, const char *path, size_t max_bytes,
		       struct bytes *ret)
{
	struct snapshot *s = (struct snapshot *)r;

	return record_read_result(s, path, root_read_max(s->inner, a, path, max_bytes, ret), ret);
}

static int record_read_watched(struct root *r, struct arena *a, const char *path, unsigned limit_ms,
			       struct bytes *ret, pid_t *ret_child)
{
	struct snapshot *s = (struct snapshot *)r;
	int error = root_read_watched(s->inner, a, path, limit_ms, ret, ret_child);

	return record_read_result(s, path, error, ret);
}

static int record_link(struct root *r, struct arena *a, const char *path, const char **ret_target)
{
	struct snapshot *s = (struct snapshot *)r;
	int error = root_link(s->inner, a, path, ret_target);

	if (behind_fd(path) && (error < 0 || is_private(*ret_target)))
		return error;
	struct snapshot_entry *entry = snapshot_entry(s, path);
	if (error < 0) {
		entry->error = error;
		return error;
	}
	entry->has_link = true;
	entry->target = arena_strdup(&s->arena, *ret_target);
	return 0;
}

static int record_list(struct root *r, struct arena *a, const char *path, struct names *ret)
{
	struct snapshot *s = (struct snapshot *)r;
	struct snapshot_entry *entry = snapshot_entry(s, path);
	int error = root_list(s->inner, a, path, ret);

	if (error < 0) {
		entry->error = error;
		return error;
	}
	const char *behind = behind_fd(path);
	bool is_fd = behind && *behind == '\0';
	entry->has_list = true;
	entry->list.n = 0;
	entry->list.name = arena_array(&s->arena, ret->n, sizeof(*entry->list.name));
	for (size_t i = 0; i < ret->n; i++) {
		if (is_fd && !is_recorded_fd(s, a, path, ret->name[i]))
			continue;
		entry->list.name[entry->list.n++] = arena_strdup(&s->arena, ret->name[i]);
	}
	return 0;
}

static const struct root_ops record_ops = {
	.read = record_read,
	.read_watched = record_read_watched,
	.link = record_link,
	.list = record_list,
	.close = snapshot_close,
};

struct root *snapshot_record(struct root *inner)
{
	return &snapshot_new(&record_ops, inner)->root;
}

/* ---- replaying ---- */

static int missing(const struct snapshot *s, const struct snapshot_entry *entry)
{
	if (entry && entry->error)
		return entry->error;
	return s->complete ? -ENOENT : -ENODATA;
}

static int replay_read(struct root *r, struct arena *a, const char *path, size_t max_bytes,
		       struct bytes *ret)
{
	const struct snapshot *s = (const struct snapshot *)r;
	const struct snapshot_entry *entry = find(s, path);

	if (!entry || !entry->has_file)
		return entry && entry->has_list ? -EISDIR : missing(s, entry);
	if (entry->file.n > max_bytes)
		return -EFBIG;
	ret->data = arena_memdup(a, entry->file.data, entry->file.n);
	ret->n = entry->file.n;
	return 0;
}

static int replay_link(struct root *r, struct arena *a, const char *path, const char **ret_target)
{
	const struct snapshot *s = (const struct snapshot *)r;
	const struct snapshot_entry *entry = find(s, path);

	if (!entry || !entry->has_link)
		return missing(s, entry);
	*ret_target = arena_strdup(a, entry->target);
	return 0;
}

static int replay_list(struct root *r, struct arena *a, const char *path, struct names *ret)
{
	const struct snapshot *s = (const struct snapshot *)r;
	const struct snapshot_entry *entry = find(s, path);

	if (!entry || !entry->has_list)
		return entry && entry->has_file ? -ENOTDIR : missing(s, entry);
	ret->n = entry->list.n;
	ret->name = arena_array(a, ret->n, sizeof(*ret->name));
	for (size_t i = 0; i < ret->n; i++)
		ret->name[i] = arena_strdup(a, entry->list.name[i]);
	return 0;
}

static const struct root_ops file_ops = {
	.read = replay_read,
	.link = replay_link,
	.list = replay_list,
	.close = snapshot_close,
};

int snapshot_open_file(const char *path, struct root **ret, struct err *e)
{
	struct snapshot *s = snapshot_new(&file_ops, NULL);
	int error = snapshot_load(s, path, e);

	if (error < 0) {
		snapshot_close(&s->root);
		return err_wrap(e, error, "reading snapshot %s", path);
	}
	*ret = &s->root;
	return 0;
}

/* ---- an expanded snapshot: the tree answers, the manifest knows the rest ---- */

/* The errno that @path was recorded with, or 0. */
static int recorded_error(const struct snapshot *s, const char *path)
{
	const struct snapshot_entry *entry = find(s, path);

	return entry ? entry->error : 0;
}

static int absent(const struct snapshot *s, int error)
{
	return error == -ENOENT && !s->complete ? -ENODATA : error;
}

static int expanded_read(struct root *r, struct arena *a, const char *path, size_t max_bytes,
			 struct bytes *ret)
{
	const struct snapshot *s = (const struct snapshot *)r;
	int error = recorded_error(s, path);

	return error ? error : absent(s, root_read_max(s->inner, a, path, max_bytes, ret));
}

static int expanded_link(struct root *r, struct arena *a, const char *path, const char **ret_target)
{
	const struct snapshot *s = (const struct snapshot *)r;
	int error = recorded_error(s, path);

	return error ? error : absent(s, root_link(s->inner, a, path, ret_target));
}

static int expanded_list(struct root *r, struct arena *a, const char *path, struct names *ret)
{
	const struct snapshot *s = (const struct snapshot *)r;
	const struct snapshot_entry *entry = find(s, path);

	/* the tree holds what was read, which may be less than what was there */
	if (!s->complete || entry)
		return replay_list(r, a, path, ret);
	return root_list(s->inner, a, path, ret);
}

static const struct root_ops expanded_ops = {
	.read = expanded_read,
	.link = expanded_link,
	.list = expanded_list,
	.close = snapshot_close,
};

int snapshot_open_expanded(struct root *dir, const char *path, struct root **ret, struct err *e)
{
	CLEANUP_ARENA struct arena scratch = { 0 };
	struct bytes text;
	int error = root_read_max(dir, &scratch, SNAPSHOT_MANIFEST, SNAPSHOT_MAX_FILE_BYTES, &text);

	if (error == -ENOENT) {
		*ret = dir;
		return 0;
	}
	if (error < 0) {
		root_close(dir);
		return err_io(e, error, "reading %s/%s", path, SNAPSHOT_MANIFEST);
	}
	struct snapshot *s = snapshot_new(&expanded_ops, dir);
	error = snapshot_read_manifest(s, text, e);
	if (error < 0) {
		snapshot_close(&s->root);
		return err_wrap(e, error, "reading %s", path);
	}
	*ret = &s->root;
	return 0;
}
