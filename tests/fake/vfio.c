// SPDX-License-Identifier: MIT
// Descriptors, nodes, groups, regions and mappings of the fake VFIO. A mapping is a real one of a
// file in memory, so that the program's loads are real too: of an empty file when the device would
// not answer.

#include "tests/fake/vfio.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BAR_BYTES ((uint64_t)1 << 20)

static struct fake_vfio *of(struct vfio_kernel *k)
{
	return (struct fake_vfio *)k;
}

/* True when this call is the one that is to fail. */
static bool fails(struct fake_vfio *f, enum fake_vfio_kind kind, unsigned long request,
		  const char *node)
{
	bool now = ++f->calls == f->fail_at;

	if (f->fail_kind != FAKE_VFIO_CLOSED && kind == f->fail_kind &&
	    request == f->fail_request &&
	    (!node || !f->fail_node || strcmp(node, f->fail_node) == 0)) {
		f->fail_kind = FAKE_VFIO_CLOSED;
		now = true;
	}
	if (!now)
		return false;
	f->failed_call = f->calls;
	f->failed_kind = kind;
	f->failed_request = request;
	return true;
}

struct fake_vfio_file *fake_vfio_file(struct fake_vfio *f, int fd, enum fake_vfio_kind kind)
{
	int at = fd - FAKE_VFIO_FIRST_FD;

	if (at < 0 || at >= FAKE_VFIO_FDS || f->files[at].kind != kind)
		return NULL;
	return &f->files[at];
}

static int new_file(struct fake_vfio *f, struct fake_vfio_file file)
{
	for (int i = 0; i < FAKE_VFIO_FDS; i++) {
		if (f->files[i].kind != FAKE_VFIO_CLOSED)
			continue;
		f->files[i] = file;
		return FAKE_VFIO_FIRST_FD + i;
	}
	return -EMFILE;
}

static int open_group(struct fake_vfio *f, uint64_t group)
{
	bool with_vfio = false;

	for (size_t i = 0; i < f->n_devices; i++)
		with_vfio |= f->devices[i].group == group && !f->devices[i].host_driver;
	if (!with_vfio)
		return -ENOENT;
	for (size_t i = 0; i < FAKE_VFIO_FDS; i++) {
		const struct fake_vfio_file *file = &f->files[i];

		if (file->kind == FAKE_VFIO_GROUP && file->group == group)
			return -EBUSY;
	}
	return new_file(f, (struct fake_vfio_file){ .kind = FAKE_VFIO_GROUP, .group = group });
}

static enum fake_vfio_kind kind_of(const char *node)
{
	if (strcmp(node, "dev/vfio/vfio") == 0)
		return FAKE_VFIO_CONTAINER;
	if (strcmp(node, "dev/iommu") == 0)
		return FAKE_VFIO_IOMMUFD;
	return strncmp(node, "dev/vfio/devices/", 17) == 0 ? FAKE_VFIO_DEVICE : FAKE_VFIO_GROUP;
}

static int fake_open(struct vfio_kernel *k, const char *node)
{
	struct fake_vfio *f = of(k);
	enum fake_vfio_kind kind = kind_of(node);

	if (fails(f, kind, 0, node))
		return f->fail_with;
	if ((kind == FAKE_VFIO_CONTAINER && f->no_container) ||
	    (kind == FAKE_VFIO_IOMMUFD && f->no_iommufd))
		return -ENOENT;
	if (kind == FAKE_VFIO_CONTAINER || kind == FAKE_VFIO_IOMMUFD)
		return new_file(f, (struct fake_vfio_file){ .kind = kind });
	if (kind == FAKE_VFIO_GROUP)
		return open_group(f, strtoull(node + strlen("dev/vfio/"), NULL, 10));
	for (size_t i = 0; i < f->n_devices; i++) {
		if (strcmp(f->devices[i].node, node) == 0)
			return f->devices[i].host_driver ? -ENOENT
							 : new_file(f, (struct fake_vfio_file){
									       .kind = kind,
									       .device = i,
									       .by_node = true,
								       });
	}
	return -ENOENT;
}

/* Whether something that is open still needs @fd. */
static bool needed(const struct fake_vfio *f, int fd, const struct fake_vfio_file *file)
{
	for (size_t i = 0; i < FAKE_VFIO_FDS; i++) {
		const struct fake_vfio_file *other = &f->files[i];

		if (other->kind == FAKE_VFIO_GROUP && other->container == fd)
			return true;
		if (other->kind == FAKE_VFIO_DEVICE && other->by_node && other->iommufd == fd)
			return true;
		if (other->kind == FAKE_VFIO_DEVICE && !other->by_node &&
		    file->kind == FAKE_VFIO_GROUP && f->devices[other->device].group == file->group)
			return true;
	}
	return false;
}

/* As vfio_group_detach_container(): the IOMMU goes with the last group. */
static void leave_container(struct fake_vfio *f, int container)
{
	for (size_t i = 0; i < FAKE_VFIO_FDS; i++) {
		if (f->files[i].kind == FAKE_VFIO_GROUP && f->files[i].container == container)
			return;
	}
	struct fake_vfio_file *file = fake_vfio_file(f, container, FAKE_VFIO_CONTAINER);
	if (file)
		file->iommu = false;
	f->n_maps = 0;
}

static int fake_close(struct vfio_kernel *k, int fd)
{
	struct fake_vfio *f = of(k);
	int at = fd - FAKE_VFIO_FIRST_FD;

	if (at < 0 || at >= FAKE_VFIO_FDS || f->files[at].kind == FAKE_VFIO_CLOSED) {
		f->wrong_order++;
		return -EBADF;
	}
	struct fake_vfio_file file = f->files[at];
	if (needed(f, fd, &file))
		f->wrong_order++;
	/* also when it fails, as close(2) */
	f->files[at] = (struct fake_vfio_file){ 0 };
	if (file.kind == FAKE_VFIO_GROUP && file.container)
		leave_container(f, file.container);
	if (file.kind == FAKE_VFIO_CONTAINER || file.kind == FAKE_VFIO_IOMMUFD)
		f->n_maps = 0;
	return fails(f, FAKE_VFIO_CLOSED, 0, NULL) ? f->fail_with : 0;
}

static int set_container(struct fake_vfio *f, struct fake_vfio_file *group, const int *fd)
{
	struct fake_vfio_file *container = fake_vfio_file(f, *fd, FAKE_VFIO_CONTAINER);

	if (!container)
		return -EBADF;
	if (group->container)
		return -EINVAL;
	for (size_t i = 0; i < f->n_devices; i++) {
		if (f->devices[i].group == group->group && f->devices[i].host_driver)
			return -EPERM;
	}
	group->container = *fd;
	return 0;
}

static int get_device(struct fake_vfio *f, const struct fake_vfio_file *group, const char *name)
{
	const struct fake_vfio_file *container =
		fake_vfio_file(f, group->container, FAKE_VFIO_CONTAINER);

	if (!container || !container->iommu)
		return -EINVAL;
	for (size_t i = 0; i < f->n_devices; i++) {
		if (f->devices[i].group == group->group && !f->devices[i].host_driver &&
		    strcmp(f->devices[i].name, name) == 0)
			return new_file(f, (struct fake_vfio_file){ .kind = FAKE_VFIO_DEVICE,
								    .device = i });
	}
	return -ENODEV;
}

static int group_ioctl(struct fake_vfio *f, struct fake_vfio_file *group, unsigned long request,
		       void *argument)
{
	struct vfio_group_status *status = argument;

	switch (request) {
	case VFIO_GROUP_GET_STATUS:
		if (status->argsz < sizeof(*status))
			return -EINVAL;
		status->flags = VFIO_GROUP_FLAGS_VIABLE;
		for (size_t i = 0; i < f->n_devices; i++) {
			if (f->devices[i].group == group->group && f->devices[i].host_driver)
				status->flags = 0;
		}
		return 0;
	case VFIO_GROUP_SET_CONTAINER:
		return set_container(f, group, argument);
	case VFIO_GROUP_GET_DEVICE_FD:
		return get_device(f, group, argument);
	}
	return -ENOTTY;
}

static int fake_ioctl(struct vfio_kernel *k, int fd, unsigned long request, uintptr_t argument)
{
	struct fake_vfio *f = of(k);
	int at = fd - FAKE_VFIO_FIRST_FD, result = -ENOTTY;

	if (at < 0 || at >= FAKE_VFIO_FDS || f->files[at].kind == FAKE_VFIO_CLOSED)
		return -EBADF;
	struct fake_vfio_file *file = &f->files[at];
	if (fails(f, file->kind, request, NULL))
		return f->fail_with;
	if (file->kind == FAKE_VFIO_CONTAINER)
		result = fake_vfio_container_ioctl(f, file, fd, request, argument);
	else if (file->kind == FAKE_VFIO_GROUP)
		result = group_ioctl(f, file, request, (void *)argument);
	else if (file->kind == FAKE_VFIO_IOMMUFD)
		result = fake_vfio_iommufd_ioctl(f, request, (void *)argument);
	else if (file->kind == FAKE_VFIO_DEVICE)
		result = fake_vfio_device_ioctl(f, file, request, (void *)argument);
	if (result >= 0 && f->mangle)
		f->mangle(f, file->kind, request, (void *)argument);
	return result;
}

static bool memory_on(const struct fake_vfio_device *d)
{
	return d->config[PCI_COMMAND] & PCI_COMMAND_MEMORY;
}

/* Region, and offset in the file that holds the BARs. */
static uint32_t region_of(const struct fake_vfio_file *file, uint64_t offset, uint64_t *ret)
{
	uint32_t index = (uint32_t)(offset >> FAKE_VFIO_REGION_SHIFT);

	*ret = (file->device * 16 + index) * BAR_BYTES +
	       (offset & (((uint64_t)1 << FAKE_VFIO_REGION_SHIFT) - 1));
	return index;
}

static int fake_mmap(struct vfio_kernel *k, int fd, size_t size_bytes, int protection, int flags,
		     uint64_t offset, void **ret)
{
	struct fake_vfio *f = of(k);
	const struct fake_vfio_file *file = fake_vfio_file(f, fd, FAKE_VFIO_DEVICE);
	uint64_t at = 0;
	int from = -1;

	if (fails(f, fd < 0 ? FAKE_VFIO_CLOSED : FAKE_VFIO_DEVICE, 1, NULL))
		return f->fail_with;
	if (flags & MAP_HUGETLB && size_bytes > f->huge_bytes)
		return -ENOMEM;
	if (fd >= 0) {
		const struct fake_vfio_device *d = &f->devices[file->device];
		uint32_t index = region_of(file, offset, &at);

		if (index >= d->n_regions || !(flags & MAP_SHARED) ||
		    !(d->regions[index].flags & VFIO_REGION_INFO_FLAG_MMAP))
			return -EINVAL;
		from = memory_on(d) && !d->absent ? f->memory : f->nothing;
		if (from == f->nothing)
			at = 0;
	} else {
		flags &= ~MAP_HUGETLB;
	}
	void *address = mmap(NULL, size_bytes, protection, flags & 0xff, from, (off_t)at);
	if (address == MAP_FAILED)
		return -errno;
	f->n_mappings++;
	*ret = address;
	return 0;
}

static int fake_munmap(struct vfio_kernel *k, void *address, size_t size_bytes)
{
	struct fake_vfio *f = of(k);

	if (munmap(address, size_bytes) < 0)
		return -errno;
	f->n_mappings--;
	return fails(f, FAKE_VFIO_CLOSED, 2, NULL) ? f->fail_with : 0;
}

static ssize_t fake_pread(struct vfio_kernel *k, int fd, void *data, size_t n, uint64_t offset)
{
	struct fake_vfio *f = of(k);
	const struct fake_vfio_file *file = fake_vfio_file(f, fd, FAKE_VFIO_DEVICE);
	uint64_t at;

	if (!file)
		return -EBADF;
	if (fails(f, FAKE_VFIO_DEVICE, 3, NULL))
		return f->fail_with;
	const struct fake_vfio_device *d = &f->devices[file->device];
	uint32_t index = region_of(file, offset, &at);
	uint64_t within = offset & (((uint64_t)1 << FAKE_VFIO_REGION_SHIFT) - 1);
	if (index >= d->n_regions || within >= d->regions[index].size)
		return -EINVAL;
	if (n > d->regions[index].size - within)
		n = (size_t)(d->regions[index].size - within);
	if (index == VFIO_PCI_CONFIG_REGION_INDEX) {
		n = n > 64 ? 64 : n; /* in pieces, as the kernel may */
		memcpy(data, d->config + within, n);
		return (ssize_t)n;
	}
	if (!memory_on(d) || d->absent)
		return -EIO;
	if (f->reads_as && n == sizeof(*f->reads_as)) {
		memcpy(data, f->reads_as, n);
		return (ssize_t)n;
	}
	return pread(f->memory, data, n, (off_t)at);
}

static ssize_t fake_pwrite(struct vfio_kernel *k, int fd, const void *data, size_t n,
			   uint64_t offset)
{
	struct fake_vfio *f = of(k);
	const struct fake_vfio_file *file = fake_vfio_file(f, fd, FAKE_VFIO_DEVICE);
	uint64_t at;

	if (!file)
		return -EBADF;
	if (fails(f, FAKE_VFIO_DEVICE, 4, NULL))
		return f->fail_with;
	struct fake_vfio_device *d = &f->devices[file->device];
	uint32_t index = region_of(file, offset, &at);
	uint64_t within = offset & (((uint64_t)1 << FAKE_VFIO_REGION_SHIFT) - 1);
	if (index != VFIO_PCI_CONFIG_REGION_INDEX || within != PCI_COMMAND || n != 2)
		return -EINVAL; /* nothing else is to be written */
	for (size_t i = 0; i < 2; i++) {
		uint8_t stuck = (uint8_t)(d->command_stuck >> (8 * i));
		uint8_t byte = ((const uint8_t *)data)[i];

		d->config[PCI_COMMAND + i] =
			(uint8_t)((d->config[PCI_COMMAND + i] & stuck) | (byte & ~stuck));
	}
	return (ssize_t)n;
}

static int fake_eventfd(struct vfio_kernel *k)
{
	struct fake_vfio *f = of(k);

	if (fails(f, FAKE_VFIO_EVENTFD, 0, NULL))
		return f->fail_with;
	return new_file(f, (struct fake_vfio_file){ .kind = FAKE_VFIO_EVENTFD });
}

static int fake_signals(struct vfio_kernel *k, int fd, uint64_t *ret)
{
	struct fake_vfio *f = of(k);
	struct fake_vfio_file *file = fake_vfio_file(f, fd, FAKE_VFIO_EVENTFD);

	if (!file)
		return -EBADF;
	if (fails(f, FAKE_VFIO_EVENTFD, 1, NULL))
		return f->fail_with;
	*ret = file->signals;
	file->signals = 0;
	return 0;
}

size_t fake_vfio_left(const struct fake_vfio *f)
{
	size_t n = 0;

	for (size_t i = 0; i < FAKE_VFIO_FDS; i++)
		n += f->files[i].kind != FAKE_VFIO_CLOSED;
	return n;
}

const struct vfio_kernel fake_vfio_kernel = {
	.open = fake_open,
	.close = fake_close,
	.ioctl = fake_ioctl,
	.mmap = fake_mmap,
	.munmap = fake_munmap,
	.pread = fake_pread,
	.pwrite = fake_pwrite,
	.eventfd = fake_eventfd,
	.signals = fake_signals,
};
