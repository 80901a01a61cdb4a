// SPDX-License-Identifier: MIT
// Memory for devices: where in their address space it may be, getting it, mapping it. Mapping pins
// every page, which is what takes the time, and counts against the limit of locked memory
// (vfio_pin_pages_remote() in drivers/vfio/vfio_iommu_type1.c, iopt_pages in
// drivers/iommu/iommufd/pages.c).

#include "vfio/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>

int vfio_iova_find(const struct vfio_iommu *iommu, uint64_t size_bytes, uint64_t align_bytes,
		   uint64_t *ret_iova)
{
	if (iommu->ranges_error < 0)
		return iommu->ranges_error;
	if (size_bytes == 0 || align_bytes == 0 || (align_bytes & (align_bytes - 1)) != 0)
		return -EINVAL;
	for (size_t i = 0; i < iommu->n_ranges; i++) {
		const struct vfio_range *range = &iommu->ranges[i];
		uint64_t first = (range->first + align_bytes - 1) & ~(align_bytes - 1);

		/* rounded up beyond the end of 64 bits it is small again */
		if (first < range->first || first > range->last ||
		    range->last - first < size_bytes - 1)
			continue;
		*ret_iova = first;
		return 0;
	}
	return -ENOSPC;
}

/* Of a power of 2. */
static unsigned log2_of(uint64_t value)
{
	return 63 - (unsigned)__builtin_clzll(value);
}

static int get_pages(struct vfio *v, uint64_t size_bytes, uint64_t page_bytes, void **ret)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;

	if (page_bytes > (uint64_t)sysconf(_SC_PAGESIZE))
		flags |= MAP_HUGETLB | (int)(log2_of(page_bytes) << MAP_HUGE_SHIFT);
	return v->kernel->mmap(v->kernel, -1, size_bytes, PROT_READ | PROT_WRITE, flags, 0, ret);
}

int vfio_memory_get(struct vfio *v, uint64_t size_bytes, uint64_t page_bytes,
		    struct vfio_memory **ret, struct err *e)
{
	void *address;

	if (page_bytes == 0)
		page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	if (size_bytes == 0 || (page_bytes & (page_bytes - 1)) != 0 ||
	    size_bytes > SIZE_MAX - page_bytes)
		return err_fail(e, -EINVAL, "no memory of %" PRIu64 " bytes in pages of %" PRIu64,
				size_bytes, page_bytes);
	size_bytes = (size_bytes + page_bytes - 1) & ~(page_bytes - 1);
	int error = get_pages(v, size_bytes, page_bytes, &address);
	if (error < 0)
		return vfio_fail(v, VFIO_STEP_MEMORY, error,
				 arena_printf(v->arena, "%" PRIu64 " bytes in pages of %" PRIu64,
					      size_bytes, page_bytes),
				 e);
	struct vfio_owned_memory *owned = arena_alloc(v->arena, sizeof(*owned));
	*owned = (struct vfio_owned_memory){
		.memory = {
			.address = address,
			.size_bytes = size_bytes,
			.page_bytes = page_bytes,
		},
		.next = v->memory,
	};
	v->memory = owned;
	*ret = &owned->memory;
	return 0;
}

static void forget(struct vfio *v, const struct vfio_memory *memory)
{
	struct vfio_owned_memory **at = &v->memory;

	while (*at && &(*at)->memory != memory)
		at = &(*at)->next;
	if (*at)
		*at = (*at)->next;
}

int vfio_memory_put(struct vfio *v, struct vfio_memory *memory, struct err *e)
{
	uint64_t ns;
	int error = memory->mapped ? vfio_dma_unmap(v, memory, &ns, e) : 0;

	/* also when that failed: what stays pinned is given back with the container */
	forget(v, memory);
	int gone = v->kernel->munmap(v->kernel, memory->address, memory->size_bytes);
	memory->address = NULL;
	if (error == 0 && gone < 0)
		return vfio_fail(v, VFIO_STEP_MEMORY, gone, "memory for DMA", e);
	return error;
}

static const char *range_text(struct vfio *v, const struct vfio_memory *memory, uint64_t iova)
{
	return arena_printf(v->arena, "%" PRIu64 " bytes at 0x%" PRIx64, memory->size_bytes, iova);
}

int vfio_dma_map(struct vfio *v, struct vfio_memory *memory, uint64_t iova, uint64_t *ret_ns,
		 struct err *e)
{
	*ret_ns = 0;
	if (!v->ops || memory->mapped)
		return err_fail(e, -EBADF, "the VFIO session is not open, or the memory is mapped");
	uint64_t begin = vfio_now_ns();
	int error = v->ops->map(v, memory, iova);
	*ret_ns = vfio_now_ns() - begin;
	if (error < 0)
		return vfio_fail(v, VFIO_STEP_MAP_DMA, error, range_text(v, memory, iova), e);
	memory->iova = iova;
	memory->mapped = true;
	return 0;
}

int vfio_dma_unmap(struct vfio *v, struct vfio_memory *memory, uint64_t *ret_ns, struct err *e)
{
	uint64_t bytes = 0, begin;

	*ret_ns = 0;
	if (!v->ops || !memory->mapped)
		return err_fail(e, -EBADF, "the VFIO session is not open, or nothing is mapped");
	begin = vfio_now_ns();
	int error = v->ops->unmap(v, memory, &bytes);
	*ret_ns = vfio_now_ns() - begin;
	if (error == 0 && bytes != memory->size_bytes)
		error = -EIO;
	if (error < 0)
		return vfio_fail(v, VFIO_STEP_UNMAP_DMA, error, range_text(v, memory, memory->iova),
				 e);
	memory->mapped = false;
	return 0;
}
