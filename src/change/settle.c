// SPDX-License-Identifier: MIT
// What a boot loader sees after a power cut. The kernel replays the journal of a file system, GRUB
// does not: its ext2 driver counts a journal that needs recovery among the features to be ignored
// (grub-core/fs/ext2.c, EXT2_DRIVER_IGNORED_INCOMPAT), and its XFS driver knows of no log. After
// fsync(2) and a rename a change is in the journal; the blocks that GRUB reads are written later,
// one by one, in any order. So for a while GRUB may find the new name in a directory and no inode
// behind it yet, or the old name and an inode that was freed, whose blocks hold another file, or
// the new menu and not the image that it names, although that was there first.
//
// So for files that a boot loader reads: the new file is written under a name that nobody reads,
// and the journal is written back (checkpointed) before it is renamed, so that what the new name
// means is in its place first. The rename changes an inode number in one block of the directory
// (ext4_rename(), ext4_setent()). The old file is held open until the journal is written back once
// more, with or without a second name: it is not freed (ext4_evict_inode()), so the old name means
// the old file until then. In between GRUB sees one or the other, whole. And each such file is
// written back before the next one is touched, so that GRUB sees them change in our order.
//
// ext4 is asked for that (EXT4_IOC_CHECKPOINT, Linux 5.14). XFS, and ext4 before, write it back
// when they are frozen (xfs_fs_freeze(), ext4_freeze()), which is done for a moment, as ostree does
// it for the same reason; another process thaws should this one end in that moment. btrfs and f2fs
// are consistent as they lie on the disk, FAT has no journal: for them syncfs(2) is all that there
// is.

#include "base/text.h"
#include "change/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

/* fs/ext4/ext4.h; in linux/ext4.h since 6.0 */
#define CHECKPOINT _IOW('f', 43, __u32)
/* A freeze waits for all writes that are under way; behind it nothing may take long. */
#define FROZEN_LIMIT_MS 10000

bool settle_wanted(const struct entry *entry)
{
	return str_starts(entry->path, "boot/") || str_starts(entry->path, "efi/") ||
	       entry->mounted;
}

/* ---- one file system ---- */

/* In another process: thaws, unless this one says in time that it has done so. */
static void guard(int fd, int end)
{
	struct pollfd wait = { .fd = end, .events = POLLIN };
	sigset_t all;
	char byte;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	/* a process group of its own: what ends ours does not end this */
	(void)setsid();
	if (recv(end, &byte, 1, 0) != 1)
		_exit(0); /* it never came to freezing */
	/* stopped, or in a freeze that has not come about yet: then there is nothing to thaw, and
	 * the next look is a second later */
	for (int wait_ms = FROZEN_LIMIT_MS; poll(&wait, 1, wait_ms) != 1; wait_ms = 1000)
		(void)ioctl(fd, FITHAW, 0); /* there is nobody to be told when it fails */
	if (recv(end, &byte, 1, 0) != 1)
		(void)ioctl(fd, FITHAW, 0);
	_exit(0);
}

static int freeze_once(int fd, int end)
{
	int error = 0;

	if (send(end, "f", 1, MSG_NOSIGNAL) != 1)
		return -errno;
	if (ioctl(fd, FIFREEZE, 0) < 0)
		error = -errno;
	/* EINVAL: the other process was faster */
	else if (ioctl(fd, FITHAW, 0) < 0 && errno != EINVAL)
		error = -errno;
	/* without this byte the other one thaws, which is right when we could not */
	if ((error == 0 || error == -EOPNOTSUPP || error == -EPERM || error == -EBUSY) &&
	    send(end, "t", 1, MSG_NOSIGNAL) != 1 && error == 0)
		error = -errno;
	return error;
}

static int freeze_and_thaw(int fd)
{
	int ends[2], status;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	pid_t child = fork();
	if (child == 0) {
		close(ends[1]);
		guard(fd, ends[0]);
	}
	CLEANUP_CLOSE int end = ends[1];
	close(ends[0]);
	if (child < 0)
		return -errno;
	int error = freeze_once(fd, end);
	close(end);
	end = -1;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return error;
}

/*
 * Whether the journal of this file system is ours to write back: that of the system that is
 * changed. A root that is a directory of the system that we run on is a test, or somebody's copy.
 */
static bool is_of_root(struct root *root, int fd)
{
	struct stat own, here, top;

	if (stat("/", &own) < 0 || fstat(fd, &here) < 0)
		return false;
	if (here.st_dev != own.st_dev)
		return true;
	CLEANUP_CLOSE int top_fd = root->ops->open(root, "", O_RDONLY | O_DIRECTORY);
	return top_fd >= 0 && fstat(top_fd, &top) == 0 && top.st_dev == own.st_dev &&
	       top.st_ino == own.st_ino;
}

static int write_back(struct root *root, int fd)
{
	__u32 flags = 0;
	struct statfs fs;

	if (!is_of_root(root, fd))
		return 0;
	/* before a freeze, too: then little is left to do in it */
	if (syncfs(fd) < 0 || fstatfs(fd, &fs) < 0)
		return -errno;
	if (fs.f_type != EXT4_SUPER_MAGIC && fs.f_type != XFS_SUPER_MAGIC)
		return 0;
	if (fs.f_type == EXT4_SUPER_MAGIC) {
		/* ENODEV: it has no journal; EPERM: not root of this file system */
		if (ioctl(fd, CHECKPOINT, &flags) == 0 || errno == ENODEV || errno == EPERM)
			return 0;
		if (errno != ENOTTY)
			return -errno;
	}
	int error = freeze_and_thaw(fd);
	/* EBUSY: frozen by somebody else, for a snapshot */
	return error == -EOPNOTSUPP || error == -EPERM || error == -EBUSY ? 0 : error;
}

static int open_directory(struct root *root, const char *path)
{
	size_t n = (size_t)(text_last_part(path) - path);
	char parent[PATH_MAX];

	/* the nearest that there is: a directory may have gone with its last file */
	for (;;) {
		memcpy(parent, path, n);
		parent[n > 0 ? n - 1 : 0] = '\0';
		int fd = root->ops->open(root, parent, O_RDONLY | O_DIRECTORY);

		if (fd != -ENOENT || n == 0)
			return fd;
		const char *slash = memrchr(parent, '/', n - 1);
		n = slash ? (size_t)(slash - parent) + 1 : 0;
	}
}

/* ---- all of a change ---- */

void settle_let_go(const struct change *change)
{
	for (size_t i = 0; i < change->held->n; i++)
		close(change->held->fd[i]);
	change->held->n = 0;
}

/* The file system of @path, unless it is one of the @n that were seen before. */
static int write_back_new(struct root *root, const char *path, dev_t *seen, size_t *n)
{
	struct stat st;
	CLEANUP_CLOSE int fd = open_directory(root, path);

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	for (size_t i = 0; i < *n; i++) {
		if (seen[i] == st.st_dev)
			return 0;
	}
	seen[(*n)++] = st.st_dev;
	return write_back(root, fd);
}

int settle_all(const struct change *change, struct err *e)
{
	struct root *root = change->host->root;
	dev_t *seen = arena_array(&change->host->arena, change->n, sizeof(*seen));
	size_t n = 0;
	int error = 0;

	for (size_t i = 0; error == 0 && i < change->n; i++) {
		const struct entry *entry = &change->entries[i];

		if (entry->directory || !settle_wanted(entry))
			continue;
		error = write_back_new(root, entry->path, seen, &n);
		if (error < 0)
			error = err_io(e, error, "writing back the file system of %s", entry->path);
	}
	if (error == 0)
		change->held->dirty = false;
	settle_let_go(change);
	return error;
}

int settle_hold(const struct change *change, const struct entry *entry, struct err *e)
{
	struct root *root = change->host->root;
	const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

	if (!settle_wanted(entry))
		return 0;
	if (change->held->dirty || change->held->n == ARRAY_SIZE(change->held->fd)) {
		int error = settle_all(change, e);
		if (error < 0)
			return error;
	}
	change->held->dirty = true;
	int fd = root->ops->open(root, entry->path, flags);
	/* nothing there, or a link, which has no blocks that another file could get */
	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
		return 0;
	if (fd < 0)
		return err_io(e, fd, "reading %s", entry->path);
	change->held->fd[change->held->n++] = fd;
	return 0;
}
