// SPDX-License-Identifier: MIT
// The running kernel behind struct vfio_kernel. Nodes are opened relative to the root directory of
// the process, as everything is named here; a mounted system or a snapshot has no devices, so that
// there is no other root to open them in.

#include "vfio/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static int result(long value)
{
	return value < 0 ? -errno : (int)value;
}

static int live_open(struct vfio_kernel *k, const char *node)
{
	CLEANUP_CLOSE int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)k;
	if (root < 0)
		return -errno;
	return result(openat(root, node, O_RDWR | O_CLOEXEC));
}

static int live_close(struct vfio_kernel *k, int fd)
{
	(void)k;
	return result(close(fd));
}

static int live_ioctl(struct vfio_kernel *k, int fd, unsigned long request, uintptr_t argument)
{
	(void)k;
	return result(ioctl(fd, request, argument));
}

static int live_mmap(struct vfio_kernel *k, int fd, size_t size_bytes, int protection, int flags,
		     uint64_t offset, void **ret)
{
	void *address = mmap(NULL, size_bytes, protection, flags, fd, (off_t)offset);

	(void)k;
	if (address == MAP_FAILED)
		return -errno;
	*ret = address;
	return 0;
}

static int live_munmap(struct vfio_kernel *k, void *address, size_t size_bytes)
{
	(void)k;
	return result(munmap(address, size_bytes));
}

static ssize_t live_pread(struct vfio_kernel *k, int fd, void *data, size_t n, uint64_t offset)
{
	ssize_t done = pread(fd, data, n, (off_t)offset);

	(void)k;
	return done < 0 ? -errno : done;
}

static ssize_t live_pwrite(struct vfio_kernel *k, int fd, const void *data, size_t n,
			   uint64_t offset)
{
	ssize_t done = pwrite(fd, data, n, (off_t)offset);

	(void)k;
	return done < 0 ? -errno : done;
}

static int live_eventfd(struct vfio_kernel *k)
{
	(void)k;
	return result(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

static int live_signals(struct vfio_kernel *k, int fd, uint64_t *ret)
{
	ssize_t n = read(fd, ret, sizeof(*ret));

	(void)k;
	if (n == (ssize_t)sizeof(*ret))
		return 0;
	if (n < 0 && errno != EAGAIN)
		return -errno;
	*ret = 0;
	return 0;
}

struct vfio_kernel *vfio_kernel_live(void)
{
	static struct vfio_kernel live = {
		.open = live_open,
		.close = live_close,
		.ioctl = live_ioctl,
		.mmap = live_mmap,
		.munmap = live_munmap,
		.pread = live_pread,
		.pwrite = live_pwrite,
		.eventfd = live_eventfd,
		.signals = live_signals,
	};

	return &live;
}
