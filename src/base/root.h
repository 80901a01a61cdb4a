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

/* One of several reads and writes that root_watched() does one after the other. */
struct root_step {
	const char *path;
	const char *text; /* to be written; NULL: it is read */
	/* what a read has to say, blanks at its end left out: one of both; NULL: anything */
	const char *expected, *or_expected;
	int accepted;      /* an error that does not end the series */
	int error;         /* -EBADE: it says something else; -ECANCELED: it was not begun */
	struct bytes data; /* that was read */
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
	/* a descriptor, for base/root_tree.h */
	int (*open)(struct root *r, const char *path, int flags);
	int (*lock)(struct root *r, const char *path, const char *text, int *ret_fd);
	void (*unlock)(struct root *r, const char *path, int fd);
	/* as write and read, by a child that is waited for @limit_ms */
	int (*write_watched)(struct root *r, const char *path, const void *data, size_t n,
			     unsigned limit_ms, pid_t *ret_child);
	int (*read_watched)(struct root *r, struct arena *a, const char *path, unsigned limit_ms,
			    struct bytes *ret, pid_t *ret_child);
	/* NULL: root_watched() makes them out of these two */
	int (*watched)(struct root *r, struct arena *a, struct root_step *steps, size_t n,
		       unsigned limit_ms, pid_t *ret_child);
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
/* 0 when there is such a file, directory or link, -ENOENT, or why it cannot be said. */
MUST_CHECK int root_look(struct root *r, struct arena *a, const char *path);

/* One write(2) to a file that exists: how sysfs attributes are set. -EROFS on a snapshot. */
MUST_CHECK int root_write(struct root *r, const char *path, const char *text);
/* A whole file, atomically: temporary, fsync, rename, fsync of the directory. */
MUST_CHECK int root_replace(struct root *r, const char *path, const void *data, size_t n,
			    mode_t mode);
/* Removes a file or an empty directory. */
MUST_CHECK int root_remove(struct root *r, const char *path);
/* Creates one directory; one that exists already is no error. */
MUST_CHECK int root_mkdir(struct root *r, const char *path, mode_t mode);
/*
 * As root_write() and root_read(), for files that the kernel may not come back from: a child does
 * it, and this process waits for @limit_ms at most. -ETIMEDOUT then, with the child in *@ret_child:
 * it is left alone, because a process in such a call cannot be ended, and goes by itself when the
 * call does. The next call gets a new child. A child is made at the first call and kept, with the
 * signals that are blocked then blocked; it has no standard input, output or error, but the
 * locks that this process holds: what root_lock() locked stays locked while the child is stuck,
 * unless root_unlock() was called for it. root_read_watched() reads a page at most.
 */
MUST_CHECK int root_write_watched(struct root *r, const char *path, const char *text,
				  unsigned limit_ms, pid_t *ret_child);
MUST_CHECK int root_read_watched(struct root *r, struct arena *a, const char *path,
				 unsigned limit_ms, struct bytes *ret, pid_t *ret_child);
/*
 * The same for a series, which ends with the first step that fails and returns its error; each step
 * has @limit_ms of its own. The child is asked and answers once for many steps: to wake it and be
 * woken costs more than most of them do.
 */
MUST_CHECK int root_watched(struct root *r, struct arena *a, struct root_step *steps, size_t n,
			    unsigned limit_ms, pid_t *ret_child);
/* Whether what was read is what the step expects. */
bool root_step_fits(const char *expected, const char *or_expected, struct bytes data);
/*
 * Exclusive lock on a file, created when absent, with @text written into it; -EWOULDBLOCK when
 * another process has it. Closing *@ret_fd lets go of it, unless a child of root_write_watched()
 * is stuck, and leaves the file; root_unlock() removes the file and lets go in any case.
 */
MUST_CHECK int root_lock(struct root *r, const char *path, const char *text, int *ret_fd);
void root_unlock(struct root *r, const char *path, int fd);

static inline void root_close_cleanup(struct root **r)
{
	root_close(*r);
}

#define CLEANUP_ROOT CLEANUP(root_close_cleanup)
