/* SPDX-License-Identifier: MIT */
/*
 * Files with everything that belongs to them: what a change to a host needs so that it can be
 * taken back exactly.
 *
 * Nothing follows a link in the last part of a path; root_resolve() says where one leads. Nothing
 * that stands under a path is ever half written: a new file is made beside it under a temporary
 * name, synchronised, and renamed over it. -EROFS on a root that cannot be changed.
 */
#pragma once

#include "base/root.h"
#include "base/sha256.h"

#include <stdint.h>
#include <time.h>

enum root_kind {
	ROOT_ABSENT,
	ROOT_FILE,
	ROOT_LINK,
	ROOT_DIRECTORY,
	ROOT_OTHER, /* a device, a FIFO, a socket */
};

struct root_xattr {
	const char *name;
	struct bytes value;
};

struct root_node {
	enum root_kind kind;
	mode_t mode; /* permissions only */
	uid_t uid;
	gid_t gid;
	uint64_t n_bytes;
	struct timespec atime, mtime, ctime;
	const char *target; /* of a link */
	struct root_xattr *xattrs;
	size_t n_xattrs;
	/* its file system has no place for security.*, so there are none of these in the list */
	bool no_labels;
	/* of this boot: they say nothing later */
	uint64_t device, inode, n_links;
	bool immutable; /* or append-only: chattr(1) */
};

/* What is there; ROOT_ABSENT, and no error, when nothing is, nor a directory for it. */
MUST_CHECK int root_node(struct root *r, struct arena *a, const char *path, struct root_node *ret);
/*
 * Kind, content's size, owner, mode, time of change and extended attributes are the same; labels
 * count where both can have some.
 */
bool root_node_same(const struct root_node *a, const struct root_node *b);
/*
 * The path without any link in it, in the directories and, with @last, at its end. What does not
 * exist resolves to itself. -ELOOP after 40 links.
 */
MUST_CHECK int root_resolve(struct root *r, struct arena *a, const char *path, bool last,
			    const char **ret_path);
/* Of a regular file's content. */
MUST_CHECK int root_digest(struct root *r, const char *path, char ret[SHA256_TEXT]);
/* Whether a directory, or the nearest one above that exists, is on a read-only file system. */
MUST_CHECK int root_is_read_only(struct root *r, struct arena *a, const char *directory, bool *ret);

/* How much can be written to the file system of a directory that exists, by the superuser. */
MUST_CHECK int root_free_space(struct root *r, const char *directory, uint64_t *ret_bytes);

/* What a path is to be. */
struct root_place {
	const char *path;
	const char *temporary; /* a name in the same directory; what stands there goes */
	struct bytes content;
	const char *from; /* or a file whose content is copied, as one extent where that works */
	/*
	 * What the file is to have: owner, mode, attributes, and times when @times. NULL for a new
	 * file with @mode. A link is made when this is one.
	 */
	const struct root_node *node;
	bool times;
	mode_t mode;
};

MUST_CHECK int root_place(struct root *r, struct arena *a, const struct root_place *place);
/* Owner, mode, attributes and times of a file whose content is right already. */
MUST_CHECK int root_dress(struct root *r, struct arena *a, const char *path,
			  const struct root_node *node);
/* A second name for a file or link; -EXDEV, -EPERM, -EMLINK where there cannot be one. */
MUST_CHECK int root_hard_link(struct root *r, const char *from, const char *to);
/* Both directories are synchronised. */
MUST_CHECK int root_rename(struct root *r, const char *from, const char *to);
/* Removes what is no directory, and synchronises its directory; what is not there is no error. */
MUST_CHECK int root_unlink(struct root *r, const char *path);
/* Makes or removes (-ENOTEMPTY) one directory, and synchronises the one above. */
MUST_CHECK int root_make_directory(struct root *r, const char *path, mode_t mode);
MUST_CHECK int root_remove_directory(struct root *r, const char *path);
/* What was written to a file or a directory by others is on the disk after this. */
MUST_CHECK int root_sync(struct root *r, const char *path);
/* All @n bytes, in as many calls as that takes. */
MUST_CHECK int root_write_all(int fd, const void *data, size_t n);
