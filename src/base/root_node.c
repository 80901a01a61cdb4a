// SPDX-License-Identifier: MIT
// What stands under a path of a root, and where a path leads. Reads only.
//
// Extended attributes need a descriptor that is open for reading (xattr(7): not one of O_PATH), so
// a link's are not read: nothing but a label can be there, which the policy gives a new link too.
// Reading must not be seen in the access time that is recorded: O_NOATIME.

#include "base/root_tree.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#define LINKS_MAX 40

static int open_at(struct root *r, const char *path, int flags)
{
	return r->ops->open ? r->ops->open(r, path, flags) : -EROFS;
}

static int open_file(struct root *r, const char *path)
{
	int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	int fd = open_at(r, path, flags | O_NOATIME);

	/* EPERM: the file is somebody else's, and we are not root */
	return fd == -EPERM ? open_at(r, path, flags) : fd;
}

static int read_xattr(int fd, struct arena *a, const char *name, struct root_xattr *ret)
{
	ssize_t n = fgetxattr(fd, name, NULL, 0);

	if (n < 0)
		return -errno;
	char *value = arena_alloc(a, (size_t)n + 1);
	n = fgetxattr(fd, name, value, (size_t)n);
	if (n < 0)
		return -errno;
	*ret = (struct root_xattr){ arena_strdup(a, name), { value, (size_t)n } };
	return 0;
}

/*
 * Whether the file system has a place for labels. Of a file on FAT a kernel with SELinux tells one
 * all the same, its own for the whole file system, and one without it tells none; neither would
 * take it. So a name is asked for that no security module answers (vfs_getxattr()). NFS answers for
 * the label in use alone (nfs4_xattr_get_nfs4_label()).
 */
static bool has_labels(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) == 0 && fs.f_type == NFS_SUPER_MAGIC)
		return true;
	return fgetxattr(fd, "security.passthru", NULL, 0) >= 0 || errno != EOPNOTSUPP;
}

static bool is_label(const char *name)
{
	return str_starts(name, "security.");
}

/*
 * security.evm is made by the kernel from the inode, and valid for no other; a list of POSIX ACLs
 * is one attribute.
 */
static int read_xattrs(int fd, struct arena *a, struct root_node *node)
{
	ssize_t n = flistxattr(fd, NULL, 0);

	if (n < 0)
		return errno == EOPNOTSUPP ? 0 : -errno;
	char *names = arena_alloc(a, (size_t)n + 1);
	n = flistxattr(fd, names, (size_t)n);
	if (n < 0)
		return -errno;
	size_t count = 0;
	for (ssize_t i = 0; i < n; i += (ssize_t)strlen(names + i) + 1)
		count++;
	node->xattrs = arena_array(a, count, sizeof(*node->xattrs));
	for (ssize_t i = 0; i < n; i += (ssize_t)strlen(names + i) + 1) {
		if (str_eq(names + i, "security.evm") || (node->no_labels && is_label(names + i)))
			continue;
		int error = read_xattr(fd, a, names + i, &node->xattrs[node->n_xattrs]);
		if (error < 0 && error != -ENODATA)
			return error;
		node->n_xattrs += error == 0;
	}
	return 0;
}

static int read_file(struct root *r, struct arena *a, const char *path, struct root_node *node)
{
	int flags = 0;

	CLEANUP_CLOSE int fd = open_file(r, path);
	if (fd < 0)
		return fd;
	/* not every file system has them */
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0)
		node->immutable = flags & (FS_IMMUTABLE_FL | FS_APPEND_FL);
	node->no_labels = !has_labels(fd);
	return read_xattrs(fd, a, node);
}

static enum root_kind kind_of(mode_t mode)
{
	if (S_ISREG(mode))
		return ROOT_FILE;
	if (S_ISLNK(mode))
		return ROOT_LINK;
	return S_ISDIR(mode) ? ROOT_DIRECTORY : ROOT_OTHER;
}

int root_node(struct root *r, struct arena *a, const char *path, struct root_node *ret)
{
	struct stat st;

	*ret = (struct root_node){ .kind = ROOT_ABSENT };
	CLEANUP_CLOSE int fd = open_at(r, path, O_PATH | O_NOFOLLOW);
	if (fd == -ENOENT || fd == -ENOTDIR)
		return 0;
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	*ret = (struct root_node){
		.kind = kind_of(st.st_mode),
		.mode = st.st_mode & 07777,
		.uid = st.st_uid,
		.gid = st.st_gid,
		.n_bytes = (uint64_t)st.st_size,
		.atime = st.st_atim,
		.mtime = st.st_mtim,
		.ctime = st.st_ctim,
		.device = st.st_dev,
		.inode = st.st_ino,
		.n_links = st.st_nlink,
	};
	if (ret->kind == ROOT_LINK)
		return root_link(r, a, path, &ret->target);
	if (ret->kind == ROOT_FILE)
		return read_file(r, a, path, ret);
	return 0;
}

static const struct root_xattr *find_xattr(const struct root_node *node, const char *name)
{
	for (size_t i = 0; i < node->n_xattrs; i++) {
		if (str_eq(node->xattrs[i].name, name))
			return &node->xattrs[i];
	}
	return NULL;
}

static bool has_all(const struct root_node *a, const struct root_node *b, bool labels)
{
	for (size_t i = 0; i < b->n_xattrs; i++) {
		const struct root_xattr *x = &b->xattrs[i], *y = find_xattr(a, x->name);

		if (!labels && is_label(x->name))
			continue;
		if (!y || x->value.n != y->value.n ||
		    memcmp(x->value.data, y->value.data, x->value.n) != 0)
			return false;
	}
	return true;
}

static bool same_xattrs(const struct root_node *a, const struct root_node *b)
{
	const bool labels = !a->no_labels && !b->no_labels;

	return has_all(a, b, labels) && has_all(b, a, labels);
}

bool root_node_same(const struct root_node *a, const struct root_node *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == ROOT_ABSENT)
		return true;
	if (a->uid != b->uid || a->gid != b->gid || a->mtime.tv_sec != b->mtime.tv_sec ||
	    a->mtime.tv_nsec != b->mtime.tv_nsec)
		return false;
	if (a->kind == ROOT_LINK)
		return str_eq(a->target, b->target);
	return a->mode == b->mode && a->n_bytes == b->n_bytes && same_xattrs(a, b);
}

/* ---- where a path leads ---- */

/* Takes the first part of *@rest away; *@ret_n is its length. */
static const char *next_part(const char **rest, size_t *ret_n)
{
	const char *part = *rest + strspn(*rest, "/");

	*ret_n = strcspn(part, "/");
	*rest = part + *ret_n;
	return part;
}

int root_resolve(struct root *r, struct arena *a, const char *path, bool last,
		 const char **ret_path)
{
	const char *done = "", *rest = path, *target;
	unsigned links = 0;
	size_t n;

	for (;;) {
		const char *part = next_part(&rest, &n);
		bool at_end = rest[strspn(rest, "/")] == '\0';

		if (n == 0)
			break;
		if (n == 1 && part[0] == '.')
			continue;
		if (n == 2 && part[0] == '.' && part[1] == '.') {
			const char *slash = strrchr(done, '/');
			done = slash ? arena_strndup(a, done, (size_t)(slash - done)) : "";
			continue;
		}
		const char *next =
			arena_printf(a, "%s%s%.*s", done, *done ? "/" : "", (int)n, part);
		int error = at_end && !last ? -EINVAL : root_link(r, a, next, &target);
		if (error == -EINVAL || error == -ENOENT || error == -ENOTDIR) {
			done = next; /* no link, or nothing there */
			continue;
		}
		if (error < 0)
			return error;
		if (++links > LINKS_MAX)
			return -ELOOP;
		if (*target == '/')
			done = "";
		rest = arena_printf(a, "%s%s", target, rest);
		if (strlen(rest) > PATH_MAX)
			return -ENAMETOOLONG;
	}
	*ret_path = done;
	return 0;
}

int root_is_read_only(struct root *r, struct arena *a, const char *directory, bool *ret)
{
	struct statvfs fs;

	for (;;) {
		CLEANUP_CLOSE int fd = open_at(r, directory, O_PATH | O_DIRECTORY);
		if (fd == -ENOENT && *directory) {
			const char *slash = strrchr(directory, '/');
			size_t n = slash ? (size_t)(slash - directory) : 0;
			directory = arena_strndup(a, directory, n);
			continue;
		}
		if (fd < 0)
			return fd;
		if (fstatvfs(fd, &fs) < 0)
			return -errno;
		*ret = fs.f_flag & ST_RDONLY;
		return 0;
	}
}

int root_free_space(struct root *r, const char *directory, uint64_t *ret_bytes)
{
	struct statvfs fs;
	CLEANUP_CLOSE int fd = open_at(r, directory, O_PATH | O_DIRECTORY);

	if (fd < 0)
		return fd;
	if (fstatvfs(fd, &fs) < 0)
		return -errno;
	*ret_bytes = (uint64_t)fs.f_bfree * fs.f_frsize;
	return 0;
}

int root_digest(struct root *r, const char *path, char ret[SHA256_TEXT])
{
	const size_t size = (size_t)256 * 1024;
	struct sha256 sum;

	CLEANUP_CLOSE int fd = open_file(r, path);
	if (fd < 0)
		return fd;
	CLEANUP_FREE char *piece = malloc(size);
	if (!piece)
		return -ENOMEM;
	sha256_start(&sum);
	for (;;) {
		ssize_t n = read(fd, piece, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		sha256_add(&sum, piece, (size_t)n);
	}
	sha256_text(&sum, ret);
	return 0;
}
