// SPDX-License-Identifier: MIT
// Replacing, naming and removing files so that after a power cut each is the old or the new one.
//
// The order of a replacement: temporary beside it, content, owner, mode (a change of owner takes
// set-user-ID away: chown(2)), attributes, times, fsync, rename, fsync of the file once more, and
// of the directory (fsync(2) says that the file's own does not cover its name). On FAT the new name
// says where the content lies only when the file's inode is written (vfat_rename()): the directory
// alone on the disk would be a name without content, and content without a name. Attributes are set
// only where they differ from what the new file has by itself: so nothing is asked of FAT that it
// cannot hold, as long as it holds the old file too.

#include "base/root_tree.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

/* The directory of @path, and its last part. */
static int open_parent(struct root *r, const char *path, const char **ret_name)
{
	const char *name = text_last_part(path);
	size_t n = (size_t)(name - path);
	char parent[PATH_MAX];

	if (!r->ops->open)
		return -EROFS;
	if (n >= sizeof(parent))
		return -ENAMETOOLONG;
	memcpy(parent, path, n);
	parent[n > 0 ? n - 1 : 0] = '\0';
	*ret_name = name;
	return r->ops->open(r, parent, O_RDONLY | O_DIRECTORY);
}

static int sync_fd(int fd)
{
	return fsync(fd) < 0 ? -errno : 0;
}

/* A file that has this name since now; a link has nothing of its own to be written. */
static int sync_named(int parent, const char *name)
{
	CLEANUP_CLOSE int fd =
		openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return errno == ELOOP ? 0 : -errno;
	return sync_fd(fd);
}

/* ---- content ---- */

int root_write_all(int fd, const void *data, size_t n)
{
	for (const char *next = data; n > 0;) {
		ssize_t done = write(fd, next, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		next += done;
		n -= (size_t)done;
	}
	return 0;
}

static int copy_all(int from, int to)
{
	const size_t size = (size_t)256 * 1024;

	/* btrfs, xfs, bcachefs: the copy shares the blocks */
	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	CLEANUP_FREE char *piece = malloc(size);
	if (!piece)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(from, piece, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		int error = root_write_all(to, piece, (size_t)n);
		if (error < 0)
			return error;
	}
}

static int fill(struct root *r, const struct root_place *place, int fd)
{
	if (!place->from)
		return root_write_all(fd, place->content.data, place->content.n);
	CLEANUP_CLOSE int from = r->ops->open(r, place->from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	return from < 0 ? from : copy_all(from, fd);
}

/* ---- what belongs to a file besides ---- */

/* FAT has no owners and few modes, and refuses to be asked (fs/fat/file.c, fat_setattr()). */
static int unless_fat(int fd, int error)
{
	struct statfs fs;

	if (error != -EPERM && error != -EOPNOTSUPP)
		return error;
	if (fstatfs(fd, &fs) < 0)
		return error;
	return fs.f_type == MSDOS_SUPER_MAGIC || fs.f_type == EXFAT_SUPER_MAGIC ? 0 : error;
}

static int set_owner_and_mode(int fd, const struct root_node *node)
{
	struct stat st;
	int error = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	bool other_owner = st.st_uid != node->uid || st.st_gid != node->gid;
	if (other_owner && fchown(fd, node->uid, node->gid) < 0)
		error = unless_fat(fd, -errno);
	if (error == 0 && (other_owner || (st.st_mode & 07777) != node->mode) &&
	    fchmod(fd, node->mode) < 0)
		error = unless_fat(fd, -errno);
	return error;
}

static const struct bytes *xattr_of(const struct root_xattr *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (str_eq(list[i].name, name))
			return &list[i].value;
	}
	return NULL;
}

/* @has: what the file has now, by itself */
static int set_xattrs(int fd, const struct root_node *has, const struct root_node *node, bool same)
{
	for (size_t i = 0; i < has->n_xattrs; i++) {
		const char *name = has->xattrs[i].name;

		/* ENODATA: the other name of a list that went before; XFS has two for one */
		if (!xattr_of(node->xattrs, node->n_xattrs, name) && fremovexattr(fd, name) < 0 &&
		    errno != ENODATA && !str_starts(name, "security."))
			return -errno;
	}
	for (size_t i = 0; i < node->n_xattrs; i++) {
		const struct root_xattr *x = &node->xattrs[i];
		const struct bytes *old = xattr_of(has->xattrs, has->n_xattrs, x->name);

		if (old && old->n == x->value.n && memcmp(old->data, x->value.data, old->n) == 0)
			continue;
		/* a digest of the content, which is another one now */
		if (!same && str_eq(x->name, "security.ima"))
			continue;
		/* a label that was recorded where the kernel only told one, or tells another: a
		 * mount with context= */
		if (fsetxattr(fd, x->name, x->value.data, x->value.n, 0) < 0 &&
		    !(errno == EOPNOTSUPP && str_starts(x->name, "security.")))
			return -errno;
	}
	return 0;
}

static int dress_fd(int fd, const struct root_node *has, const struct root_node *node, bool times)
{
	const struct timespec both[2] = { node->atime, node->mtime };
	int error = set_owner_and_mode(fd, node);

	if (error == 0)
		error = set_xattrs(fd, has, node, times);
	if (error == 0 && times && futimens(fd, both) < 0)
		error = -errno;
	return error;
}

int root_dress(struct root *r, struct arena *a, const char *path, const struct root_node *node)
{
	struct root_node has;
	const char *name;

	CLEANUP_CLOSE int parent = open_parent(r, path, &name);
	if (parent < 0)
		return parent;
	if (node->kind == ROOT_LINK) {
		const struct timespec both[2] = { node->atime, node->mtime };

		if (fchownat(parent, name, node->uid, node->gid, AT_SYMLINK_NOFOLLOW) < 0 ||
		    utimensat(parent, name, both, AT_SYMLINK_NOFOLLOW) < 0)
			return -errno;
		return 0;
	}
	int error = root_node(r, a, path, &has);
	if (error < 0)
		return error;
	CLEANUP_CLOSE int fd =
		openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	error = dress_fd(fd, &has, node, true);
	return error < 0 ? error : sync_fd(fd);
}

/* ---- placing ---- */

static int make_link(struct root *r, struct arena *a, int parent, const struct root_place *place,
		     const char *temporary_path)
{
	if (symlinkat(place->node->target, parent, place->temporary) < 0)
		return -errno;
	return root_dress(r, a, temporary_path, place->node);
}

static int make_file(struct root *r, struct arena *a, int parent, const struct root_place *place,
		     const char *temporary_path)
{
	struct root_node has;
	/* nobody may read what is to become a secret file before it is one */
	CLEANUP_CLOSE int fd = openat(parent, place->temporary,
				      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	int error = fill(r, place, fd);
	if (error < 0)
		return error;
	if (place->node) {
		error = root_node(r, a, temporary_path, &has);
		if (error == 0)
			error = dress_fd(fd, &has, place->node, place->times);
	} else if (fchmod(fd, place->mode) < 0) {
		error = unless_fat(fd, -errno);
	}
	return error < 0 ? error : sync_fd(fd);
}

int root_place(struct root *r, struct arena *a, const struct root_place *place)
{
	const char *name;
	bool is_link = place->node && place->node->kind == ROOT_LINK;
	CLEANUP_CLOSE int parent = open_parent(r, place->path, &name);

	if (parent < 0)
		return parent;
	if (unlinkat(parent, place->temporary, 0) < 0 && errno != ENOENT)
		return -errno;
	const char *path =
		arena_printf(a, "%.*s%s", (int)(name - place->path), place->path, place->temporary);
	int error = is_link ? make_link(r, a, parent, place, path)
			    : make_file(r, a, parent, place, path);
	if (error == 0 && renameat(parent, place->temporary, parent, name) < 0)
		error = -errno;
	if (error < 0) {
		/* when this does not work either, the next one to come here removes it */
		(void)unlinkat(parent, place->temporary, 0);
		return error;
	}
	error = sync_named(parent, name);
	return error < 0 ? error : sync_fd(parent);
}

/* ---- names ---- */

static int two_names(struct root *r, const char *from, const char *to,
		     int (*act)(int, const char *, int, const char *))
{
	const char *from_name, *to_name;
	CLEANUP_CLOSE int from_parent = open_parent(r, from, &from_name);
	CLEANUP_CLOSE int to_parent = open_parent(r, to, &to_name);

	if (from_parent < 0 || to_parent < 0)
		return from_parent < 0 ? from_parent : to_parent;
	if (act(from_parent, from_name, to_parent, to_name) < 0)
		return -errno;
	int error = sync_fd(to_parent);
	return error < 0 ? error : sync_fd(from_parent);
}

static int link_names(int from_parent, const char *from, int to_parent, const char *to)
{
	return linkat(from_parent, from, to_parent, to, 0);
}

int root_hard_link(struct root *r, const char *from, const char *to)
{
	return two_names(r, from, to, link_names);
}

static int rename_names(int from_parent, const char *from, int to_parent, const char *to)
{
	if (renameat(from_parent, from, to_parent, to) < 0)
		return -1;
	int error = sync_named(to_parent, to);
	errno = -error;
	return error < 0 ? -1 : 0;
}

int root_rename(struct root *r, const char *from, const char *to)
{
	return two_names(r, from, to, rename_names);
}

static int take_away(struct root *r, const char *path, int flags)
{
	const char *name;
	CLEANUP_CLOSE int parent = open_parent(r, path, &name);

	if (parent == -ENOENT || parent == -ENOTDIR)
		return 0;
	if (parent < 0)
		return parent;
	if (unlinkat(parent, name, flags) < 0)
		return errno == ENOENT ? 0 : -errno;
	return sync_fd(parent);
}

int root_unlink(struct root *r, const char *path)
{
	return take_away(r, path, 0);
}

int root_remove_directory(struct root *r, const char *path)
{
	return take_away(r, path, AT_REMOVEDIR);
}

int root_make_directory(struct root *r, const char *path, mode_t mode)
{
	const char *name;
	CLEANUP_CLOSE int parent = open_parent(r, path, &name);

	if (parent < 0)
		return parent;
	if (mkdirat(parent, name, mode) < 0)
		return errno == EEXIST ? 0 : -errno;
	/* what the umask of whoever calls us took away; FAT has none to give */
	if (fchmodat(parent, name, mode, 0) < 0 && errno != EPERM)
		return -errno;
	return sync_fd(parent);
}

int root_sync(struct root *r, const char *path)
{
	if (!r->ops->open)
		return -EROFS;
	CLEANUP_CLOSE int fd = r->ops->open(r, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	return fd < 0 ? fd : sync_fd(fd);
}
