// SPDX-License-Identifier: MIT
// The IOMMU of the fake VFIO, as a container (drivers/vfio/vfio_iommu_type1.c) and as an iommufd
// (drivers/iommu/iommufd/ioas.c) have it: ranges that may be mapped, and what is mapped.

#include "tests/fake/vfio.h"

#include <errno.h>
#include <string.h>

static int map(struct fake_vfio *f, uint64_t iova, uint64_t size, int outside)
{
	uint64_t page = f->page_sizes & -f->page_sizes, locked = size;
	bool inside = false;

	if (size == 0 || iova % page || size % page || iova + size - 1 < iova)
		return -EINVAL;
	for (uint32_t i = 0; i < f->n_ranges; i++)
		inside |= iova >= f->ranges[i].first && iova + size - 1 <= f->ranges[i].last;
	if (!inside)
		return outside;
	for (size_t i = 0; i < f->n_maps; i++) {
		locked += f->maps[i].size;
		if (iova < f->maps[i].iova + f->maps[i].size && f->maps[i].iova < iova + size)
			return -EEXIST;
	}
	if (locked > f->lock_bytes || f->n_maps == FAKE_VFIO_MAPS)
		return -ENOMEM;
	f->maps[f->n_maps++] = (struct fake_vfio_map){ iova, size };
	return 0;
}

/* Bytes unmapped: a mapping as it was made, or nothing. */
static uint64_t unmap(struct fake_vfio *f, uint64_t iova, uint64_t size)
{
	for (size_t i = 0; i < f->n_maps; i++) {
		if (f->maps[i].iova != iova || f->maps[i].size != size)
			continue;
		f->maps[i] = f->maps[--f->n_maps];
		return size;
	}
	return 0;
}

static int iommu_info(const struct fake_vfio *f, struct vfio_iommu_type1_info *info)
{
	uint8_t caps[1024];
	size_t n = 0;

	if (info->argsz < offsetof(struct vfio_iommu_type1_info, cap_offset))
		return -EINVAL;
	info->flags = VFIO_IOMMU_INFO_PGSIZES;
	info->iova_pgsizes = f->page_sizes;
	struct vfio_iommu_type1_info_cap_migration *migration =
		fake_vfio_cap(caps, &n, VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION, sizeof(*migration));
	migration->pgsize_bitmap = 0x1000;
	struct vfio_iommu_type1_info_dma_avail *left =
		fake_vfio_cap(caps, &n, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, sizeof(*left));
	left->avail = f->maps_left - (uint32_t)f->n_maps;
	if (!f->no_ranges) {
		struct vfio_iommu_type1_info_cap_iova_range *cap =
			fake_vfio_cap(caps, &n, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE,
				      sizeof(*cap) + f->n_ranges * sizeof(f->ranges[0]));

		cap->nr_iovas = f->n_ranges;
		memcpy(cap->iova_ranges, f->ranges, f->n_ranges * sizeof(f->ranges[0]));
	}
	info->flags |= VFIO_IOMMU_INFO_CAPS;
	fake_vfio_add_caps(info, sizeof(*info), caps, n, &info->cap_offset);
	return 0;
}

static int set_iommu(struct fake_vfio *f, struct fake_vfio_file *container, int fd, uintptr_t type)
{
	bool has_group = false;

	for (size_t i = 0; i < FAKE_VFIO_FDS; i++)
		has_group |= f->files[i].kind == FAKE_VFIO_GROUP && f->files[i].container == fd;
	if (!has_group || container->iommu || type != VFIO_TYPE1v2_IOMMU)
		return -EINVAL;
	if (f->no_remapping)
		return -EPERM;
	container->iommu = true;
	return 0;
}

int fake_vfio_container_ioctl(struct fake_vfio *f, struct fake_vfio_file *container, int fd,
			      unsigned long request, uintptr_t argument)
{
	if (request == VFIO_GET_API_VERSION)
		return f->version;
	if (request == VFIO_CHECK_EXTENSION)
		return (argument == VFIO_TYPE1v2_IOMMU && !f->no_type1v2) ||
		       (argument == VFIO_DMA_CC_IOMMU && container->iommu);
	if (request == VFIO_SET_IOMMU)
		return set_iommu(f, container, fd, argument);
	if (!container->iommu)
		return -EINVAL;
	if (request == VFIO_IOMMU_GET_INFO)
		return iommu_info(f, (void *)argument);
	if (request == VFIO_IOMMU_MAP_DMA) {
		struct vfio_iommu_type1_dma_map *m = (void *)argument;

		if (m->argsz < sizeof(*m) ||
		    m->flags != (VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE))
			return -EINVAL;
		return map(f, m->iova, m->size, -EINVAL);
	}
	if (request == VFIO_IOMMU_UNMAP_DMA) {
		struct vfio_iommu_type1_dma_unmap *u = (void *)argument;

		if (u->argsz < offsetof(struct vfio_iommu_type1_dma_unmap, data) || u->flags)
			return -EINVAL;
		u->size = unmap(f, u->iova, u->size);
		return 0;
	}
	return -ENOTTY;
}

static int iova_ranges(const struct fake_vfio *f, struct iommu_ioas_iova_ranges *ask)
{
	struct iommu_iova_range *to = (void *)(uintptr_t)ask->allowed_iovas;
	uint32_t room = ask->num_iovas;

	if (ask->ioas_id != 1)
		return -ENOENT;
	for (uint32_t i = 0; i < f->n_ranges && i < room; i++)
		to[i] = (struct iommu_iova_range){ f->ranges[i].first, f->ranges[i].last };
	ask->num_iovas = f->n_ranges;
	ask->out_iova_alignment = f->page_sizes & -f->page_sizes;
	return room < f->n_ranges ? -EMSGSIZE : 0;
}

static int unmap_ioas(struct fake_vfio *f, struct iommu_ioas_unmap *u)
{
	if (u->ioas_id != 1)
		return -ENOENT;
	u->length = unmap(f, u->iova, u->length);
	return u->length > 0 ? 0 : -ENOENT;
}

int fake_vfio_iommufd_ioctl(struct fake_vfio *f, unsigned long request, void *argument)
{
	/* each begins with its size; none that a kernel knows is shorter than this */
	uint32_t size;

	memcpy(&size, argument, sizeof(size));
	if (size < 12)
		return -EINVAL;
	if (request == IOMMU_IOAS_ALLOC) {
		((struct iommu_ioas_alloc *)argument)->out_ioas_id = 1;
		return 0;
	}
	if (request == IOMMU_IOAS_IOVA_RANGES)
		return iova_ranges(f, argument);
	if (request == IOMMU_IOAS_MAP) {
		struct iommu_ioas_map *m = argument;

		if (m->ioas_id != 1 || !(m->flags & IOMMU_IOAS_MAP_FIXED_IOVA))
			return m->ioas_id != 1 ? -ENOENT : -EINVAL;
		return map(f, m->iova, m->length, -EINVAL);
	}
	if (request == IOMMU_IOAS_UNMAP)
		return unmap_ioas(f, argument);
	if (request == IOMMU_GET_HW_INFO && !f->no_hw_info) {
		struct iommu_hw_info *info = argument;

		info->out_data_type = 1;
		info->out_capabilities = 1;
		return info->dev_id > 0 && info->dev_id <= f->n_devices ? 0 : -ENOENT;
	}
	return -ENOTTY;
}
