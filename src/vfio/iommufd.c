// SPDX-License-Identifier: MIT
// The back end of Linux 6.6 and later: every function has a node of its own, which is bound to an
// iommufd and attached to an IO address space (IOAS) in it. The order is that of "IOMMUFD and
// vfio_device cdev" in Documentation/driver-api/vfio.rst; closing a device unbinds and detaches it.

#include "vfio/internal.h"

#include <string.h>

static const char iommufd_node[] = "dev/iommu";

static int iommufd_open(struct vfio *v, struct err *e)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };

	v->fd = v->kernel->open(v->kernel, iommufd_node);
	if (v->fd < 0)
		return vfio_fail(v, VFIO_STEP_OPEN_IOMMUFD, v->fd, iommufd_node, e);
	int error = vfio_ioctl(v, v->fd, IOMMU_IOAS_ALLOC, &alloc);
	if (error < 0)
		return vfio_fail(v, VFIO_STEP_IOAS_ALLOC, error, iommufd_node, e);
	v->ioas = alloc.out_ioas_id;
	return 0;
}

static int bind_and_attach(struct vfio_device *d, struct err *e)
{
	struct vfio *v = d->v;
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind), .iommufd = v->fd };
	struct vfio_device_attach_iommufd_pt attach = { .argsz = sizeof(attach), .pt_id = v->ioas };
	int error = vfio_ioctl(v, d->fd, VFIO_DEVICE_BIND_IOMMUFD, &bind);

	if (error < 0)
		return vfio_fail(v, VFIO_STEP_BIND_IOMMUFD, error, d->name, e);
	d->id = bind.out_devid;
	error = vfio_ioctl(v, d->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
	if (error < 0)
		return vfio_fail(v, VFIO_STEP_ATTACH_IOAS, error, d->name, e);
	return 0;
}

static int iommufd_attach(struct vfio_device *d, const struct vfio_offer *offer, struct err *e)
{
	struct vfio *v = d->v;
	const char *node = offer->way[VFIO_IOMMUFD].node;

	d->fd = v->kernel->open(v->kernel, node);
	if (d->fd < 0)
		return vfio_fail(v, VFIO_STEP_OPEN_DEVICE, d->fd, node, e);
	int error = bind_and_attach(d, e);
	if (error < 0)
		(void)vfio_close_fd(v, &d->fd); /* the failure before it is the one to tell */
	return error;
}

/* The count first with little room, as the kernel says how much it wants (-EMSGSIZE). */
static int read_ranges(struct vfio *v, struct iommu_iova_range **ret, size_t *ret_n,
		       uint64_t *ret_alignment_bytes)
{
	uint32_t room = 16;

	for (int i = 0; i < VFIO_TRIES; i++) {
		struct iommu_iova_range *ranges = arena_array(v->arena, room, sizeof(*ranges));
		struct iommu_ioas_iova_ranges ask = {
			.size = sizeof(ask),
			.ioas_id = v->ioas,
			.num_iovas = room,
			.allowed_iovas = (uintptr_t)ranges,
		};
		int error = vfio_ioctl(v, v->fd, IOMMU_IOAS_IOVA_RANGES, &ask);

		if (error < 0 && error != -EMSGSIZE)
			return error;
		if (error == 0 && ask.num_iovas <= room) {
			*ret = ranges;
			*ret_n = ask.num_iovas;
			*ret_alignment_bytes = ask.out_iova_alignment;
			return 0;
		}
		if (ask.num_iovas <= room || ask.num_iovas > VFIO_RANGES_MAX)
			return -EMSGSIZE;
		room = ask.num_iovas;
	}
	return -EMSGSIZE;
}

static int iommufd_read_iommu(struct vfio *v, struct vfio_iommu *ret, struct err *e)
{
	struct iommu_iova_range *ranges;
	uint64_t alignment_bytes;
	size_t n;
	int error = read_ranges(v, &ranges, &n, &alignment_bytes);

	if (error < 0)
		return vfio_fail(v, VFIO_STEP_IOVA_RANGES, error, iommufd_node, e);
	ret->ranges = arena_array(v->arena, n, sizeof(*ret->ranges));
	for (size_t i = 0; i < n; i++)
		ret->ranges[i] = (struct vfio_range){ ranges[i].start, ranges[i].last };
	ret->n_ranges = n;
	ret->ranges_error = 0;
	ret->alignment_bytes = (struct fact_number){ .value = alignment_bytes };
	return 0;
}

static void iommufd_read_hardware(struct vfio_device *d, struct vfio_hardware *ret)
{
	struct iommu_hw_info info = { .size = sizeof(info), .dev_id = d->id };
	int error = vfio_ioctl(d->v, d->v->fd, IOMMU_GET_HW_INFO, &info);

	ret->type = (struct fact_number){ error < 0 ? error : 0, info.out_data_type };
	ret->capabilities = (struct fact_number){ error < 0 ? error : 0, info.out_capabilities };
}

static int iommufd_map(struct vfio *v, const struct vfio_memory *memory, uint64_t iova)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_WRITEABLE |
			 IOMMU_IOAS_MAP_READABLE,
		.ioas_id = v->ioas,
		.user_va = (uintptr_t)memory->address,
		.length = memory->size_bytes,
		.iova = iova,
	};

	return vfio_ioctl(v, v->fd, IOMMU_IOAS_MAP, &map);
}

static int iommufd_unmap(struct vfio *v, const struct vfio_memory *memory, uint64_t *ret_bytes)
{
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap),
		.ioas_id = v->ioas,
		.iova = memory->iova,
		.length = memory->size_bytes,
	};
	int error = vfio_ioctl(v, v->fd, IOMMU_IOAS_UNMAP, &unmap);

	*ret_bytes = unmap.length;
	return error;
}

const struct vfio_backend_ops vfio_iommufd_ops = {
	.open = iommufd_open,
	.attach = iommufd_attach,
	.read_iommu = iommufd_read_iommu,
	.read_hardware = iommufd_read_hardware,
	.map = iommufd_map,
	.unmap = iommufd_unmap,
};
