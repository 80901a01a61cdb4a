// SPDX-License-Identifier: MIT
// Files of the guest. QEMU can find out the format of an image by looking at its first bytes, which
// the guest itself may have written: a raw disk turned into a qcow2 header can name any file of the
// host as its backing file. So the format follows from the name, QEMU is told it and never
// guesses, and a content that contradicts the name is refused.
//
// Sources: QEMU's docs/interop/qcow2.txt, qapi/block-core.json (BlockdevOptions).

#include "base/text.h"
#include "vm/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static const char qcow2_magic[] = { 'Q', 'F', 'I', '\xfb' };

/* O_NONBLOCK: a FIFO must not hang us. */
static int open_file(const char *what, const char *path, int flags, struct stat *ret_stat,
		     struct err *e)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | flags);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_usage(e, "%s %s does not exist", what, path);
	if (fd < 0 || fstat(fd, ret_stat) < 0) {
		int error = -errno;
		if (fd >= 0)
			close(fd);
		return err_io(e, error, "opening %s %s", what, path);
	}
	return fd;
}

int vm_file_check(const char *what, const char *path, struct err *e)
{
	struct stat st;
	CLEANUP_CLOSE int fd = open_file(what, path, 0, &st, e);

	if (fd < 0)
		return fd;
	if (!S_ISREG(st.st_mode))
		return err_usage(e, "%s %s is not a regular file", what, path);
	return 0;
}

/* The kernel lets nobody open a block device exclusively that is mounted, swapped on or held. */
static int check_unused(const char *path, struct err *e)
{
	struct stat st;
	struct err cause;
	CLEANUP_CLOSE int fd = open_file("disk", path, O_EXCL, &st, &cause);

	if (fd == -EBUSY)
		return err_usage(e, "disk %s is in use on this host", path);
	if (fd < 0 && e)
		*e = cause;
	return fd < 0 ? fd : 0;
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), n_end = strlen(end);

	return n >= n_end && str_eq(text + n - n_end, end);
}

static int disk_format(int fd, const char *path, const char **ret_format, struct err *e)
{
	char first[sizeof(qcow2_magic)];
	bool named = ends_with(path, ".qcow2");

	ssize_t n = pread(fd, first, sizeof(first), 0);
	if (n < 0)
		return err_io(e, -errno, "reading disk %s", path);
	bool is = n == sizeof(first) && memcmp(first, qcow2_magic, sizeof(first)) == 0;
	if (is && !named)
		return err_usage(
			e,
			"disk %s begins like a qcow2 image, which a guest can write into a "
			"raw disk to reach other files; if it is one, name it .qcow2",
			path);
	if (named && !is)
		return err_usage(e, "disk %s is named like a qcow2 image and is none", path);
	*ret_format = named ? "qcow2" : "raw";
	return 0;
}

static int disk_protocol(const char *path, const struct stat *st, const char **ret_protocol,
			 struct err *e)
{
	if (S_ISREG(st->st_mode)) {
		*ret_protocol = "file";
		return 0;
	}
	if (S_ISBLK(st->st_mode)) {
		*ret_protocol = "host_device";
		return check_unused(path, e);
	}
	return err_usage(e, "disk %s is neither a file nor a block device", path);
}

int vm_disk_add(struct vm_argv *v, const char *path, size_t index, size_t port, struct err *e)
{
	const char *what = arena_printf(v->arena, "disk %s", path);
	const char *node = arena_printf(v->arena, "disk%zu", index + 1);
	const char *protocol = NULL, *format = NULL;
	struct stat st;

	CLEANUP_CLOSE int fd = open_file("disk", path, 0, &st, e);
	if (fd < 0)
		return fd;
	int error = disk_protocol(path, &st, &protocol, e);
	if (error == 0)
		error = disk_format(fd, path, &format, e);
	if (error == 0)
		error = vm_argv_add_json(v, "-blockdev",
					 json_pack("{s:s, s:s, s:{s:s, s:s}}", "driver", format,
						   "node-name", node, "file", "driver", protocol,
						   "filename", path),
					 what, e);
	if (error < 0)
		return error;
	/* from 1: QEMU gives 0 to the kernel it loads itself */
	return vm_argv_add_json(v, "-device",
				json_pack("{s:s, s:s, s:s, s:s, s:s, s:i}", "driver",
					  "virtio-blk-pci", "id",
					  arena_printf(v->arena, "%s-device", node), "drive", node,
					  "bus", arena_printf(v->arena, "port%zu", port + 1),
					  "addr", "0x0", "bootindex", (int)index + 1),
				what, e);
}
