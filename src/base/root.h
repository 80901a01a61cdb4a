/* SPDX-License-Identifier: MIT */
/*
 * The root: every file of the host is reached through one of these, by a path
 * relative to it without a leading slash ("sys/bus/pci/devices").
 *
 * A root is the live host, a mounted system or an expanded snapshot (a
 * directory), a snapshot file, a recorder around another root, or what a test
 * puts in its place. Nothing above this header can tell which, except
 * through root_is_live().
 *
 * Results live in the arena given. Errors are negative errno; three of them are
 * kept apart up to the verdict:
 *   -ENOENT            the host does not have it
 *   -EACCES, -EPERM    the host has it and did not let us read it
 *   -ENODATA           the snapshot did not record it
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

/* What root_read() accepts unless told otherwise. sysfs attributes are one page at most. */
#define ROOT_READ_MAX ((size_t)64 * 1024)

struct root;

/* @n bytes, followed by a NUL that is not counted. */
struct bytes {
	const char *data;
	size_t n;
};

struct names {
	const char **name;
	size_t n;
};

struct root_ops {
	int (*read)(struct root *r, struct arena *a, const char *path, size_t max_bytes,
		    struct bytes *ret);
	int (*link)(struct root *r, struct arena *a, const char *path, const char **ret_target);
	int (*list)(struct root *r, struct arena *a, const char *path, struct names *ret);
	/* NULL where the root cannot be changed */
	int (*write)(struct root *r, const char *path, const void *data, size_t n);
	int (*replace)(struct root *r, const char *path, const void *data, size_t n, mode_t mode);
	int (*remove)(struct root *r, const char *path);
	int (*mkdir)(struct root *r, const char *path, mode_t mode);
	int (*lock)(struct root *r, const char *path, int *ret_fd);
	void (*close)(struct root *r);
};

/* The first member of every kind of root. */
struct root {
	const struct root_ops *ops;
	bool live;
};

/* The running host. */
MUST_CHECK int root_open_live(struct root **ret, struct err *e);
/* A mounted system, an expanded snapshot or a snapshot file: --root. */
MUST_CHECK int root_open(const char *path, struct root **ret, struct err *e);
/* Closes and frees; accepts NULL. */
void root_close(struct root *r);

/* True only for the running host: external state (kernel, processes) belongs to these files. */
bool root_is_live(const struct root *r);

/* The whole file; -EFBIG when it is longer than @max_bytes. */
MUST_CHECK int root_read_max(struct root *r, struct arena *a, const char *path, size_t max_bytes,
			     struct bytes *ret);
MUST_CHECK int root_read(struct root *r, struct arena *a, const char *path, struct bytes *ret);
/* The target as stored. */
MUST_CHECK int root_link(struct root *r, struct arena *a, const char *path,
			 const char **ret_target);
/* The target as a path of this root: relative targets and ".." resolved by name, never above it. */
MUST_CHECK int root_follow(struct root *r, struct arena *a, const char *path,
			   const char **ret_path);
/* Names in a directory without "." and "..", in byte order. */
MUST_CHECK int root_list(struct root *r, struct arena *a, const char *path, struct names *ret);

/* One write(2) to a file that exists: how sysfs attributes are set. -EROFS on a snapshot. */
MUST_CHECK int root_write(struct root *r, const char *path, const char *text);
/* A whole file, atomically: temporary, fsync, rename, fsync of the directory. */
MUST_CHECK int root_replace(struct root *r, const char *path, const void *data, size_t n,
			    mode_t mode);
/* Removes a file or an empty directory. */
MUST_CHECK int root_remove(struct root *r, const char *path);
/* Creates one directory; one that exists already is no error. */
MUST_CHECK int root_mkdir(struct root *r, const char *path, mode_t mode);
/* Exclusive lock on a file, created when absent; -EWOULDBLOCK when another process has it. */
MUST_CHECK int root_lock(struct root *r, const char *path, int *ret_fd);

static inline void root_close_cleanup(struct root **r)
{
	root_close(*r);
}

#define CLEANUP_ROOT CLEANUP(root_close_cleanup)
