// SPDX-License-Identifier: MIT
// Files below one directory descriptor.
//
// Nothing outside the directory is reachable, whatever links say: openat2() with RESOLVE_IN_ROOT
// takes every absolute link and ".." as inside. On the live host the root is "/" itself, where this
// holds by itself, so plain openat() serves there, also on kernels before 5.6.

#include "base/root_dir.h"
#include "base/root_tree.h"
#include "base/writer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* A rename anywhere on the machine makes one try fail; measured: three in a row at most. */
#define OPEN_TRIES 128

struct root_dir {
	struct root root;
	int fd;
	struct writer writer;
	/* a directory on whose path there is no link, as was just seen; "" for none */
	char plain_path[PATH_MAX];
};

/* The length of the directory of @path, without a slash at its end. */
static size_t directory_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) : 0;
}

static void remember_plain(struct root_dir *dir, const char *path)
{
	size_t n = directory_length(path);

	if (n >= sizeof(dir->plain_path) || path[0] == '/' || strstr(path, ".."))
		n = 0; /* outside of openat2() these would lead out of the root */
	memcpy(dir->plain_path, path, n);
	dir->plain_path[n] = '\0';
}

/* Whether the directory of @path is the one remembered: then the kernel may walk there as it does.
 */
static bool is_plain(const struct root_dir *dir, const char *path)
{
	size_t n = directory_length(path);

	return n > 0 && strncmp(dir->plain_path, path, n) == 0 && !dir->plain_path[n];
}

static int open_resolving(const struct root_dir *dir, const char *path, struct open_how *how)
{
	for (int i = 0; i < OPEN_TRIES; i++) {
		long fd = syscall(SYS_openat2, dir->fd, path, how, sizeof(*how));
		if (fd >= 0)
			return (int)fd;
		if (errno != EAGAIN)
			break;
	}
	return -errno;
}

static int open_in(struct root_dir *dir, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC),
		.mode = mode,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
	};

	if (!*path)
		path = ".";
	if (dir->root.live) {
		int fd = openat(dir->fd, path, flags | O_CLOEXEC, mode);
		return fd < 0 ? -errno : fd;
	}
	int fd = open_resolving(dir, path, &how);
	if (fd != -ELOOP) {
		if (fd >= 0)
			remember_plain(dir, path);
		return fd;
	}
	how.resolve &= ~(unsigned long long)RESOLVE_NO_SYMLINKS;
	return open_resolving(dir, path, &how);
}

/* Reads to the end, growing the buffer; the caller frees *@ret. */
static int read_long(int fd, const char *start, size_t have, size_t max, char **ret, size_t *ret_n)
{
	size_t size = 64 * 1024;
	CLEANUP_FREE char *data = malloc(size);

	if (!data)
		return -ENOMEM;
	memcpy(data, start, have);
	for (;;) {
		if (have > max)
			return -EFBIG;
		if (have == size) {
			char *larger = realloc(data, size *= 2);
			if (!larger)
				return -ENOMEM;
			data = larger;
		}
		ssize_t n = read(fd, data + have, size - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	*ret = data;
	*ret_n = have;
	data = NULL;
	return 0;
}

static int dir_read(struct root *r, struct arena *a, const char *path, size_t max_bytes,
		    struct bytes *ret)
{
	/* one page holds every attribute of sysfs: there a short read is the end, in proc not */
	bool short_is_end = strncmp(path, "sys/", strlen("sys/")) == 0;
	char page[4096];
	ssize_t n;

	/* O_NONBLOCK: a FIFO in a tree that somebody sent must not hang the reader */
	CLEANUP_CLOSE int fd =
		open_in((struct root_dir *)r, path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
	if (fd < 0)
		return fd;
	size_t have = 0;
	do {
		n = read(fd, page + have, sizeof(page) - have);
		if (n < 0 && errno != EINTR)
			return -errno;
		have += n > 0 ? (size_t)n : 0;
	} while (n < 0 || (n > 0 && have < sizeof(page) && !short_is_end));

	if (have < sizeof(page)) {
		if (have > max_bytes)
			return -EFBIG;
		*ret = (struct bytes){ arena_memdup(a, page, have), have };
		return 0;
	}
	CLEANUP_FREE char *data = NULL;
	size_t total = 0;
	int error = read_long(fd, page, have, max_bytes, &data, &total);
	if (error < 0)
		return error;
	if (total > max_bytes)
		return -EFBIG;
	*ret = (struct bytes){ arena_memdup(a, data, total), total };
	return 0;
}

/*
 * readlinkat() follows links in the directories of @path, so these must be known to be none. Facts
 * are read several per directory, and most paths of sysfs are plain: it is seldom opened for this.
 */
static ssize_t read_link(struct root_dir *dir, const char *path, char *target, size_t size)
{
	if (dir->root.live || is_plain(dir, path))
		return readlinkat(dir->fd, path, target, size);
	CLEANUP_CLOSE int fd = open_in(dir, path, O_PATH | O_NOFOLLOW, 0);
	if (fd < 0) {
		errno = -fd;
		return -1;
	}
	ssize_t n = readlinkat(fd, "", target, size);
	/* what readlinkat says of a descriptor that is no link */
	if (n < 0 && errno == ENOENT)
		errno = EINVAL;
	return n;
}

static int dir_link(struct root *r, struct arena *a, const char *path, const char **ret_target)
{
	char target[PATH_MAX];
	ssize_t n = read_link((struct root_dir *)r, path, target, sizeof(target));

	if (n < 0)
		return -errno;
	if ((size_t)n == sizeof(target))
		return -ENAMETOOLONG;
	*ret_target = arena_strndup(a, target, (size_t)n);
	return 0;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct name_list {
	const char **name;
	size_t n, size;
};

/* All that one getdents64() has given. */
static void add_names(struct arena *a, struct name_list *list, const char *entries, size_t n_bytes)
{
	for (size_t at = 0; at < n_bytes;) {
		const struct dirent64 *entry = (const void *)(entries + at);

		at += entry->d_reclen;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (list->n == list->size) {
			list->size = list->size ? list->size * 2 : 16;
			const char **larger = arena_array(a, list->size, sizeof(*larger));
			if (list->n)
				memcpy(larger, list->name, list->n * sizeof(*larger));
			list->name = larger;
		}
		list->name[list->n++] = arena_strdup(a, entry->d_name);
	}
}

/*
 * Without a stream of readdir(3), which asks the kernel three things more and takes 32 KiB from
 * malloc each time: the descriptors of every process are listed before a device is taken.
 */
static int dir_list(struct root *r, struct arena *a, const char *path, struct names *ret)
{
	alignas(struct dirent64) char entries[32 * 1024];
	struct name_list list = { 0 };
	ssize_t n;

	CLEANUP_CLOSE int fd = open_in((struct root_dir *)r, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	while ((n = getdents64(fd, entries, sizeof(entries))) > 0)
		add_names(a, &list, entries, (size_t)n);
	if (n < 0)
		return -errno;
	if (list.n > 1)
		qsort(list.name, list.n, sizeof(*list.name), by_bytes);
	*ret = (struct names){ list.name, list.n };
	return 0;
}

static int dir_write(struct root *r, const char *path, const void *data, size_t n)
{
	struct root_dir *dir = (struct root_dir *)r;
	ssize_t done;

	CLEANUP_CLOSE int fd = open_in(dir, path, O_WRONLY | O_NOCTTY, 0);
	if (fd < 0)
		return fd;
	/* exactly one write: a store function of sysfs sees the whole value or nothing */
	do
		done = write(fd, data, n);
	while (done < 0 && errno == EINTR);
	if (done < 0)
		return -errno;
	return (size_t)done == n ? 0 : -EIO;
}

/* Splits @path; the descriptor of its directory, or a negative errno. */
static int open_parent(struct root_dir *dir, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH_MAX];

	*ret_name = slash ? slash + 1 : path;
	if ((size_t)snprintf(parent, sizeof(parent), "%.*s", slash ? (int)(slash - path) : 0,
			     path) >= sizeof(parent))
		return -ENAMETOOLONG;
	return open_in(dir, parent, O_RDONLY | O_DIRECTORY, 0);
}

static int replace_at(int parent, const char *name, const void *data, size_t n, mode_t mode)
{
	char temporary[NAME_MAX + 1];

	if ((size_t)snprintf(temporary, sizeof(temporary), ".%s.new", name) >= sizeof(temporary))
		return -ENAMETOOLONG;
	CLEANUP_CLOSE int fd = openat(parent, temporary,
				      O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	int error = root_write_all(fd, data, n);
	if (error == 0 && fsync(fd) < 0)
		error = -errno;
	if (error == 0 && renameat(parent, temporary, parent, name) < 0)
		error = -errno;
	if (error < 0) {
		unlinkat(parent, temporary, 0);
		return error;
	}
	return fsync(parent) < 0 ? -errno : 0;
}

static int dir_replace(struct root *r, const char *path, const void *data, size_t n, mode_t mode)
{
	const char *name;
	CLEANUP_CLOSE int parent = open_parent((struct root_dir *)r, path, &name);

	return parent < 0 ? parent : replace_at(parent, name, data, n, mode);
}

static int dir_remove(struct root *r, const char *path)
{
	const char *name;
	CLEANUP_CLOSE int parent = open_parent((struct root_dir *)r, path, &name);

	if (parent < 0)
		return parent;
	if (unlinkat(parent, name, 0) == 0)
		return 0;
	if (errno == EISDIR && unlinkat(parent, name, AT_REMOVEDIR) == 0)
		return 0;
	return -errno;
}

static int dir_mkdir(struct root *r, const char *path, mode_t mode)
{
	const char *name;
	CLEANUP_CLOSE int parent = open_parent((struct root_dir *)r, path, &name);

	if (parent < 0)
		return parent;
	return mkdirat(parent, name, mode) < 0 && errno != EEXIST ? -errno : 0;
}

static int dir_open(struct root *r, const char *path, int flags)
{
	return open_in((struct root_dir *)r, path, flags, 0);
}

static int lock_fd(int fd, const char *text)
{
	struct stat here;

	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	/* whoever had it may have removed it meanwhile: then it locks nothing any more */
	if (fstat(fd, &here) < 0)
		return -errno;
	if (here.st_nlink == 0)
		return -EAGAIN;
	size_t n = strlen(text);
	if (ftruncate(fd, 0) < 0)
		return -errno;
	return pwrite(fd, text, n, 0) == (ssize_t)n ? 0 : -EIO;
}

static int dir_lock(struct root *r, const char *path, const char *text, int *ret_fd)
{
	int error = -EAGAIN;

	for (int i = 0; i < OPEN_TRIES && error == -EAGAIN; i++) {
		int fd = open_in((struct root_dir *)r, path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
		if (fd < 0)
			return fd;
		error = lock_fd(fd, text);
		if (error == 0)
			*ret_fd = fd;
		else
			close(fd);
	}
	return error;
}

static void dir_unlock(struct root *r, const char *path, int fd)
{
	/* removed while it is locked: nobody can have taken it in between */
	(void)!dir_remove(r, path);
	/* a child that is stuck has it open too */
	flock(fd, LOCK_UN);
	close(fd);
}

/* ---- by a child ---- */

static int child_write(void *closure, const char *path, const void *data, size_t n)
{
	return dir_write(closure, path, data, n);
}

static int child_read(void *closure, const char *path, char *data, size_t size, size_t *ret_n)
{
	ssize_t n;

	CLEANUP_CLOSE int fd = open_in(closure, path, O_RDONLY | O_NOCTTY, 0);
	if (fd < 0)
		return fd;
	do
		n = read(fd, data, size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	*ret_n = (size_t)n;
	return 0;
}

static const struct writer_calls calls = { child_write, child_read };

static int dir_watched(struct root *r, struct arena *a, struct root_step *steps, size_t n,
		       unsigned limit_ms, pid_t *ret_child)
{
	struct root_dir *dir = (struct root_dir *)r;

	return writer_do(&dir->writer, &calls, dir, a, steps, n, limit_ms, ret_child);
}

static int dir_write_watched(struct root *r, const char *path, const void *data, size_t n,
			     unsigned limit_ms, pid_t *ret_child)
{
	struct arena scratch = { 0 };
	struct root_step step = { .path = path, .text = arena_strndup(&scratch, data, n) };
	int error = dir_watched(r, &scratch, &step, 1, limit_ms, ret_child);

	arena_free(&scratch);
	return error;
}

static int dir_read_watched(struct root *r, struct arena *a, const char *path, unsigned limit_ms,
			    struct bytes *ret, pid_t *ret_child)
{
	struct root_step step = { .path = path };
	int error = dir_watched(r, a, &step, 1, limit_ms, ret_child);

	if (error == 0)
		*ret = step.data;
	return error;
}

static void dir_close(struct root *r)
{
	struct root_dir *dir = (struct root_dir *)r;

	writer_end(&dir->writer);
	close(dir->fd);
	free(dir);
}

static const struct root_ops dir_ops = {
	.read = dir_read,
	.link = dir_link,
	.list = dir_list,
	.write = dir_write,
	.replace = dir_replace,
	.remove = dir_remove,
	.mkdir = dir_mkdir,
	.open = dir_open,
	.lock = dir_lock,
	.unlock = dir_unlock,
	.write_watched = dir_write_watched,
	.read_watched = dir_read_watched,
	.watched = dir_watched,
	.close = dir_close,
};

static bool has_openat2(const struct root_dir *dir)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	CLEANUP_CLOSE int fd = open_resolving(dir, ".", &how);

	return fd != -ENOSYS;
}

int root_dir_open(const char *path, bool live, struct root **ret, struct err *e)
{
	struct root_dir *dir = calloc(1, sizeof(*dir));

	if (!dir)
		return err_io(e, -ENOMEM, "opening root %s", path);
	dir->root = (struct root){ .ops = &dir_ops, .live = live };
	dir->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir->fd < 0) {
		int error = -errno;
		free(dir);
		return err_io(e, error, "opening root %s", path);
	}
	if (!live && !has_openat2(dir)) {
		dir_close(&dir->root);
		return err_fail(e, -ENOSYS,
				"this kernel has no openat2(), which came with Linux 5.6, and "
				"without it a link in %s could lead out of it: take a newer rescue "
				"system, or run 'chroot %s' and leave --root out",
				path, path);
	}
	*ret = &dir->root;
	return 0;
}
