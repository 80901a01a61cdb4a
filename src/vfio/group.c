// SPDX-License-Identifier: MIT
// The classic back end: a container, which is an address space of the IOMMU, and groups in it. The
// order is that of "VFIO Usage Example" in Documentation/driver-api/vfio.rst, as QEMU and all other
// VMMs have it. A group can be opened once on the whole machine, so it is kept for all its
// functions. A container loses its IOMMU with its last group (vfio_group_detach_container() in
// drivers/vfio/container.c), which is why a failed attach forgets that it was set.

#include "vfio/internal.h"

#include <string.h>

static const char container_node[] = "dev/vfio/vfio";

static int group_open(struct vfio *v, struct err *e)
{
	v->fd = v->kernel->open(v->kernel, container_node);
	if (v->fd < 0)
		return vfio_fail(v, VFIO_STEP_OPEN_CONTAINER, v->fd, container_node, e);
	int version = vfio_ioctl(v, v->fd, VFIO_GET_API_VERSION, NULL);
	if (version < 0)
		return vfio_fail(v, VFIO_STEP_API_VERSION, version, container_node, e);
	if (version != VFIO_API_VERSION)
		return vfio_fail(v, VFIO_STEP_API_VERSION, -EPROTO, container_node, e);
	int has = v->kernel->ioctl(v->kernel, v->fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU);
	if (has <= 0)
		return vfio_fail(v, VFIO_STEP_EXTENSION, has ? has : -ENOTSUP, container_node, e);
	return 0;
}

static int check_viable(struct vfio *v, int fd, const char *name, struct err *e)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int error = vfio_ioctl(v, fd, VFIO_GROUP_GET_STATUS, &status);

	if (error == 0 && !(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		error = -EINVAL;
	if (error < 0)
		return vfio_fail(v, VFIO_STEP_GROUP_STATUS, error, name, e);
	return 0;
}

static int join(struct vfio *v, int fd, const char *name, struct err *e)
{
	int error = check_viable(v, fd, name, e);

	if (error < 0)
		return error;
	error = vfio_ioctl(v, fd, VFIO_GROUP_SET_CONTAINER, &v->fd);
	if (error < 0)
		return vfio_fail(v, VFIO_STEP_SET_CONTAINER, error, name, e);
	if (v->iommu_set)
		return 0;
	error = v->kernel->ioctl(v->kernel, v->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
	if (error < 0)
		return vfio_fail(v, VFIO_STEP_SET_IOMMU, error, name, e);
	v->iommu_set = true;
	return 0;
}

static struct vfio_open_group *find_group(const struct vfio *v, uint64_t number)
{
	struct vfio_open_group *g = v->groups;

	while (g && g->number != number)
		g = g->next;
	return g;
}

static int open_group(struct vfio *v, const struct vfio_offer *offer, struct err *e)
{
	const char *node = offer->way[VFIO_GROUP].node;
	int fd = v->kernel->open(v->kernel, node);

	if (fd < 0)
		return vfio_fail(v, VFIO_STEP_OPEN_GROUP, fd, node, e);
	int error = join(v, fd, offer->function, e);
	if (error < 0) {
		(void)vfio_close_fd(v, &fd); /* the failure before it is the one to tell */
		return error;
	}
	struct vfio_open_group *g = arena_alloc(v->arena, sizeof(*g));
	*g = (struct vfio_open_group){
		.next = v->groups,
		.number = offer->group.value,
		.fd = fd,
	};
	v->groups = g;
	return 0;
}

/* Takes back open_group(): the group is the first of the list. */
static void leave_group(struct vfio *v)
{
	(void)vfio_close_fd(v, &v->groups->fd); /* a failure led here, which is the one to tell */
	v->groups = v->groups->next;
	if (!v->groups)
		v->iommu_set = false;
}

static int group_attach(struct vfio_device *d, const struct vfio_offer *offer, struct err *e)
{
	struct vfio *v = d->v;
	bool opened = false;

	if (!find_group(v, offer->group.value)) {
		int error = open_group(v, offer, e);
		if (error < 0)
			return error;
		opened = true;
	}
	const struct vfio_open_group *g = find_group(v, offer->group.value);
	int fd = v->kernel->ioctl(v->kernel, g->fd, VFIO_GROUP_GET_DEVICE_FD, (uintptr_t)d->name);
	if (fd >= 0) {
		d->fd = fd;
		return 0;
	}
	if (opened)
		leave_group(v);
	return vfio_fail(v, VFIO_STEP_DEVICE_FD, fd, d->name, e);
}

static void take_ranges(struct vfio *v, const struct vfio_capability *c, struct vfio_iommu *ret)
{
	struct vfio_iommu_type1_info_cap_iova_range head;

	ret->ranges_error = -EBADMSG;
	if (c->n < sizeof(head))
		return;
	memcpy(&head, c->bytes, sizeof(head));
	if (head.nr_iovas > (c->n - sizeof(head)) / sizeof(struct vfio_iova_range))
		return;
	ret->ranges = arena_array(v->arena, head.nr_iovas, sizeof(*ret->ranges));
	for (size_t i = 0; i < head.nr_iovas; i++) {
		struct vfio_iova_range range;

		memcpy(&range, c->bytes + sizeof(head) + i * sizeof(range), sizeof(range));
		ret->ranges[i] = (struct vfio_range){ range.start, range.end };
	}
	ret->n_ranges = head.nr_iovas;
	ret->ranges_error = 0;
}

static void take_capability(struct vfio *v, const struct vfio_capability *c, struct vfio_iommu *ret)
{
	struct vfio_iommu_type1_info_dma_avail left;
	struct vfio_iommu_type1_info_cap_migration migration;

	if (c->id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE) {
		take_ranges(v, c, ret);
	} else if (c->id == VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL && c->n >= sizeof(left)) {
		memcpy(&left, c->bytes, sizeof(left));
		ret->maps_left = (struct fact_number){ .value = left.avail };
	} else if (c->id == VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION && c->n >= sizeof(migration)) {
		memcpy(&migration, c->bytes, sizeof(migration));
		ret->dirty_page_sizes = (struct fact_number){ .value = migration.pgsize_bitmap };
	}
}

static int group_read_iommu(struct vfio *v, struct vfio_iommu *ret, struct err *e)
{
	struct vfio_iommu_type1_info head = { 0 };
	struct vfio_capability capability;
	struct vfio_chain chain;
	void *info;
	size_t n;
	int error = vfio_info(v, v->fd, VFIO_IOMMU_GET_INFO, &head, sizeof(head), &info, &n);

	if (error < 0)
		return vfio_fail(v, VFIO_STEP_IOMMU_INFO, error, container_node, e);
	memcpy(&head, info, sizeof(head));
	if (head.flags & VFIO_IOMMU_INFO_PGSIZES && head.iova_pgsizes) {
		ret->page_sizes = (struct fact_number){ .value = head.iova_pgsizes };
		ret->alignment_bytes.value = head.iova_pgsizes & -head.iova_pgsizes;
		ret->alignment_bytes.error = 0;
	}
	vfio_chain_begin(&chain, info, n, head.flags & VFIO_IOMMU_INFO_CAPS ? head.cap_offset : 0);
	while (vfio_chain_next(&chain, &capability))
		take_capability(v, &capability, ret);
	if (chain.damaged && ret->ranges_error == -ENODATA)
		ret->ranges_error = -EBADMSG;
	int coherent = v->kernel->ioctl(v->kernel, v->fd, VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU);
	ret->coherent = coherent < 0 ? (struct fact_number){ .error = coherent }
				     : (struct fact_number){ .value = coherent > 0 };
	return 0;
}

static int group_map(struct vfio *v, const struct vfio_memory *memory, uint64_t iova)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)memory->address,
		.iova = iova,
		.size = memory->size_bytes,
	};

	return vfio_ioctl(v, v->fd, VFIO_IOMMU_MAP_DMA, &map);
}

static int group_unmap(struct vfio *v, const struct vfio_memory *memory, uint64_t *ret_bytes)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = memory->iova,
		.size = memory->size_bytes,
	};
	int error = vfio_ioctl(v, v->fd, VFIO_IOMMU_UNMAP_DMA, &unmap);

	*ret_bytes = unmap.size;
	return error;
}

const struct vfio_backend_ops vfio_group_ops = {
	.open = group_open,
	.attach = group_attach,
	.read_iommu = group_read_iommu,
	.map = group_map,
	.unmap = group_unmap,
};
