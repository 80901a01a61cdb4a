// SPDX-License-Identifier: MIT
// What all roots share: the choice of the kind, and resolving links by name.
//
// Links are resolved here and not by the kernel wherever facts are read: the real path then
// stands in the snapshot, and openat2() with RESOLVE_IN_ROOT does not have to retry, which it
// must on any path with ".." while something is renamed on the machine (every /sys/bus link has
// one).

#include "base/root.h"
#include "base/root_dir.h"
#include "base/snapshot.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

int root_open_live(struct root **ret, struct err *e)
{
	return root_dir_open("/", true, ret, e);
}

int root_open(const char *path, struct root **ret, struct err *e)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_io(e, -errno, "opening root %s", path);
	if (S_ISREG(st.st_mode))
		return snapshot_open_file(path, ret, e);
	if (!S_ISDIR(st.st_mode))
		return err_fail(e, -EINVAL, "opening root %s: neither a directory nor a snapshot",
				path);

	struct root *dir;
	int r = root_dir_open(path, false, &dir, e);
	if (r < 0)
		return r;
	return snapshot_open_expanded(dir, path, ret, e);
}

void root_close(struct root *r)
{
	if (r)
		r->ops->close(r);
}

bool root_is_live(const struct root *r)
{
	return r->live;
}

int root_read_max(struct root *r, struct arena *a, const char *path, size_t max_bytes,
		  struct bytes *ret)
{
	return r->ops->read(r, a, path, max_bytes, ret);
}

int root_read(struct root *r, struct arena *a, const char *path, struct bytes *ret)
{
	return root_read_max(r, a, path, ROOT_READ_MAX, ret);
}

int root_link(struct root *r, struct arena *a, const char *path, const char **ret_target)
{
	return r->ops->link(r, a, path, ret_target);
}

/* Appends the components of @path to @out, which is a path without a leading slash. */
static char *append_components(char *out, const char *start, const char *path)
{
	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && path[0] == '.' && path[1] == '.') {
			while (out > start && *--out != '/')
				;
		} else if (n > 0 && !(n == 1 && path[0] == '.')) {
			if (out > start)
				*out++ = '/';
			memcpy(out, path, n);
			out += n;
		}
		path += n + (path[n] == '/');
	}
	return out;
}

int root_follow(struct root *r, struct arena *a, const char *path, const char **ret_path)
{
	const char *target;
	int error = root_link(r, a, path, &target);

	if (error < 0)
		return error;
	char *resolved = arena_alloc(a, strlen(path) + strlen(target) + 2), *end = resolved;
	const char *slash = strrchr(path, '/');
	if (target[0] != '/' && slash)
		end = append_components(end, resolved,
					arena_strndup(a, path, (size_t)(slash - path)));
	end = append_components(end, resolved, target);
	*end = '\0';
	*ret_path = resolved;
	return 0;
}

int root_list(struct root *r, struct arena *a, const char *path, struct names *ret)
{
	return r->ops->list(r, a, path, ret);
}

/* By a listing, because a file may be too large to read, or a program; and a record has it. */
int root_look(struct root *r, struct arena *a, const char *path)
{
	const char *name = text_last_part(path);
	const char *above = name > path ? arena_strndup(a, path, (size_t)(name - path) - 1) : "";
	struct names names;
	int error = root_list(r, a, above, &names);

	if (error < 0)
		return error == -ENOTDIR ? -ENOENT : error;
	for (size_t i = 0; i < names.n; i++) {
		if (str_eq(names.name[i], name))
			return 0;
	}
	return -ENOENT;
}

int root_write(struct root *r, const char *path, const char *text)
{
	return r->ops->write ? r->ops->write(r, path, text, strlen(text)) : -EROFS;
}

int root_replace(struct root *r, const char *path, const void *data, size_t n, mode_t mode)
{
	return r->ops->replace ? r->ops->replace(r, path, data, n, mode) : -EROFS;
}

int root_remove(struct root *r, const char *path)
{
	return r->ops->remove ? r->ops->remove(r, path) : -EROFS;
}

int root_mkdir(struct root *r, const char *path, mode_t mode)
{
	return r->ops->mkdir ? r->ops->mkdir(r, path, mode) : -EROFS;
}

int root_lock(struct root *r, const char *path, const char *text, int *ret_fd)
{
	return r->ops->lock ? r->ops->lock(r, path, text, ret_fd) : -EROFS;
}

void root_unlock(struct root *r, const char *path, int fd)
{
	r->ops->unlock(r, path, fd);
}

int root_write_watched(struct root *r, const char *path, const char *text, unsigned limit_ms,
		       pid_t *ret_child)
{
	if (!r->ops->write_watched)
		return -EROFS;
	return r->ops->write_watched(r, path, text, strlen(text), limit_ms, ret_child);
}

bool root_step_fits(const char *expected, const char *or_expected, struct bytes data)
{
	size_t n = data.n;

	while (n > 0 && strchr(" \t\n", data.data[n - 1]))
		n--;
	for (const char *text = expected; text; text = text == expected ? or_expected : NULL) {
		if (strlen(text) == n && memcmp(text, data.data, n) == 0)
			return true;
	}
	return !expected;
}

static int step_alone(struct root *r, struct arena *a, struct root_step *step, unsigned limit_ms,
		      pid_t *ret_child)
{
	if (step->text)
		return root_write_watched(r, step->path, step->text, limit_ms, ret_child);
	int error = root_read_watched(r, a, step->path, limit_ms, &step->data, ret_child);
	if (error == 0 && !root_step_fits(step->expected, step->or_expected, step->data))
		error = -EBADE;
	return error;
}

int root_watched(struct root *r, struct arena *a, struct root_step *steps, size_t n,
		 unsigned limit_ms, pid_t *ret_child)
{
	int error = 0;

	*ret_child = 0;
	for (size_t i = 0; i < n; i++) {
		steps[i].error = -ECANCELED;
		steps[i].data = (struct bytes){ 0 };
	}
	if (r->ops->watched)
		return r->ops->watched(r, a, steps, n, limit_ms, ret_child);
	for (size_t i = 0; i < n && error == 0; i++) {
		error = steps[i].error = step_alone(r, a, &steps[i], limit_ms, ret_child);
		if (error == steps[i].accepted)
			error = 0;
	}
	return error;
}

int root_read_watched(struct root *r, struct arena *a, const char *path, unsigned limit_ms,
		      struct bytes *ret, pid_t *ret_child)
{
	/* a root that is no machine's does not hang */
	if (!r->ops->read_watched)
		return root_read(r, a, path, ret);
	return r->ops->read_watched(r, a, path, limit_ms, ret, ret_child);
}
