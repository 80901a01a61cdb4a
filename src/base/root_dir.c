// SPDX-License-Identifier: MIT
// Files below one directory descriptor.
//
// Nothing outside the directory is reachable, whatever links say: openat2() with RESOLVE_IN_ROOT
// takes every absolute link and ".." as inside. On the live host the root is "/" itself, where this
// holds by itself, so plain openat() serves there, also on kernels before 5.6.

#include "base/root_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
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
	/* the directory looked into last, as an O_PATH descriptor; -1: none */
	int recent;
	char recent_path[PATH_MAX];
};

static int open_in(const struct root_dir *dir, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC),
		.mode = mode,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	if (dir->root.live) {
		int fd = openat(dir->fd, *path ? path : ".", flags | O_CLOEXEC, mode);
		return fd < 0 ? -errno : fd;
	}
	for (int i = 0; i < OPEN_TRIES; i++) {
		long fd = syscall(SYS_openat2, dir->fd, *path ? path : ".", &how, sizeof(how));
		if (fd >= 0)
			return (int)fd;
		if (errno != EAGAIN)
			break;
	}
	return -errno;
}

static int write_all(int fd, const void *data, size_t n)
{
	const char *next = data;

	while (n > 0) {
		ssize_t done = write(fd, next, n);
		if (done < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		next += done;
		n -= (size_t)done;
	}
	return 0;
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

/* Whoever changes the tree must not meet a directory that was there before. */
static void forget_recent(struct root_dir *dir)
{
	if (dir->recent >= 0)
		close(dir->recent);
	dir->recent = -1;
}

/*
 * Facts are read several per directory. Looking up the last name only is safe without openat2(), as
 * long as it is no link. Returns -ENOENT when @path has no directory or the directory is not there.
 */
static int recent_directory(struct root_dir *dir, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;

	if (n == 0 || n >= sizeof(dir->recent_path))
		return -ENOENT;
	*ret_name = slash + 1;
	if (dir->recent >= 0 && strncmp(dir->recent_path, path, n) == 0 && !dir->recent_path[n])
		return dir->recent;
	forget_recent(dir);
	memcpy(dir->recent_path, path, n);
	dir->recent_path[n] = '\0';
	dir->recent = open_in(dir, dir->recent_path, O_PATH | O_DIRECTORY, 0);
	return dir->recent;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* A descriptor to read @path with, or a negative errno. */
static int open_to_read(struct root_dir *dir, const char *path)
{
	/* O_NONBLOCK: a FIFO in a tree that somebody sent must not hang the reader */
	const int flags = O_RDONLY | O_NOCTTY | O_NONBLOCK;
	const char *name;

	if (!dir->root.live) {
		int parent = recent_directory(dir, path, &name);
		if (parent >= 0 && *name && !is_dots(name)) {
			int fd = openat(parent, name, flags | O_NOFOLLOW | O_CLOEXEC);
			if (fd >= 0)
				return fd;
		}
	}
	/* a link, or a failure whose reason counts */
	return open_in(dir, path, flags, 0);
}

static int dir_read(struct root *r, struct arena *a, const char *path, size_t max_bytes,
		    struct bytes *ret)
{
	/* one page holds every sysfs attribute; a short read is its end */
	char page[4096];
	ssize_t n;

	CLEANUP_CLOSE int fd = open_to_read((struct root_dir *)r, path);
	if (fd < 0)
		return fd;
	do
		n = read(fd, page, sizeof(page));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;

	if ((size_t)n < sizeof(page)) {
		if ((size_t)n > max_bytes)
			return -EFBIG;
		*ret = (struct bytes){ arena_memdup(a, page, (size_t)n), (size_t)n };
		return 0;
	}
	CLEANUP_FREE char *data = NULL;
	size_t total = 0;
	int error = read_long(fd, page, (size_t)n, max_bytes, &data, &total);
	if (error < 0)
		return error;
	if (total > max_bytes)
		return -EFBIG;
	*ret = (struct bytes){ arena_memdup(a, data, total), total };
	return 0;
}

/* readlinkat() follows links in the directories of @path, so these are opened first. */
static ssize_t read_link(struct root_dir *dir, const char *path, char *target, size_t size)
{
	const char *name;

	if (dir->root.live)
		return readlinkat(dir->fd, path, target, size);
	int parent = recent_directory(dir, path, &name);
	if (parent >= 0 && *name && !is_dots(name)) {
		ssize_t n = readlinkat(parent, name, target, size);
		if (n >= 0)
			return n;
	}
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

static void close_stream(DIR **stream)
{
	if (*stream)
		closedir(*stream);
}

static int dir_list(struct root *r, struct arena *a, const char *path, struct names *ret)
{
	const struct root_dir *dir = (const struct root_dir *)r;
	size_t n = 0, size = 64;

	int fd = open_in(dir, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	CLEANUP(close_stream) DIR *stream = fdopendir(fd);
	if (!stream) {
		int error = -errno;
		close(fd);
		return error;
	}
	const char **name = arena_array(a, size, sizeof(*name));
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(stream);
		if (!entry)
			break;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (n == size) {
			const char **larger = arena_array(a, size * 2, sizeof(*name));
			memcpy(larger, name, size * sizeof(*name));
			name = larger;
			size *= 2;
		}
		name[n++] = arena_strdup(a, entry->d_name);
	}
	if (errno)
		return -errno;
	qsort(name, n, sizeof(*name), by_bytes);
	*ret = (struct names){ name, n };
	return 0;
}

static int dir_write(struct root *r, const char *path, const void *data, size_t n)
{
	struct root_dir *dir = (struct root_dir *)r;
	ssize_t done;

	forget_recent(dir);
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

	forget_recent(dir);
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
	int error = write_all(fd, data, n);
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

static int dir_lock(struct root *r, const char *path, int *ret_fd)
{
	int fd = open_in((const struct root_dir *)r, path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);

	if (fd < 0)
		return fd;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int error = -errno;
		close(fd);
		return error;
	}
	*ret_fd = fd;
	return 0;
}

static void dir_close(struct root *r)
{
	struct root_dir *dir = (struct root_dir *)r;

	forget_recent(dir);
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
	.lock = dir_lock,
	.close = dir_close,
};

int root_dir_open(const char *path, bool live, struct root **ret, struct err *e)
{
	struct root_dir *dir = calloc(1, sizeof(*dir));

	if (!dir)
		return err_io(e, -ENOMEM, "opening root %s", path);
	dir->root = (struct root){ .ops = &dir_ops, .live = live };
	dir->recent = -1;
	dir->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir->fd < 0) {
		int error = -errno;
		free(dir);
		return err_io(e, error, "opening root %s", path);
	}
	*ret = &dir->root;
	return 0;
}
