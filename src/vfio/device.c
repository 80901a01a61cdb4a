// SPDX-License-Identifier: MIT
// What a device is, as the kernel tells a VMM: regions, interrupts, features. See struct
// vfio_device_info and what follows it in include/uapi/linux/vfio.h, and
// vfio_pci_ioctl_get_region_info() in drivers/vfio/pci/vfio_pci_core.c. Numbers that no device has
// are not believed: what they would lead to is left out, and `damaged` says so.

#include "vfio/internal.h"

#include <string.h>

static const char *region_name(struct arena *a, uint32_t index)
{
	static const char *const names[] = { "BAR 0", "BAR 1", "BAR 2", "BAR 3",
					     "BAR 4", "BAR 5", "ROM",   "configuration space",
					     "VGA" };

	return index < ARRAY_SIZE(names) ? names[index] : arena_printf(a, "region %u", index);
}

static bool area_fits(const struct vfio_region *r, struct vfio_area area)
{
	return area.size_bytes > 0 && area.offset < r->size_bytes &&
	       area.size_bytes <= r->size_bytes - area.offset;
}

static void take_areas(struct arena *a, const struct vfio_capability *c, struct vfio_region *r)
{
	struct vfio_region_info_cap_sparse_mmap head;

	r->sparse = true;
	r->n_areas = 0;
	if (c->n < sizeof(head)) {
		r->damaged = true;
		return;
	}
	memcpy(&head, c->bytes, sizeof(head));
	if (head.nr_areas > (c->n - sizeof(head)) / sizeof(struct vfio_region_sparse_mmap_area)) {
		r->damaged = true;
		return;
	}
	r->areas = arena_array(a, head.nr_areas, sizeof(*r->areas));
	for (size_t i = 0; i < head.nr_areas; i++) {
		struct vfio_region_sparse_mmap_area area;

		memcpy(&area, c->bytes + sizeof(head) + i * sizeof(area), sizeof(area));
		struct vfio_area taken = { area.offset, area.size };
		if (area_fits(r, taken))
			r->areas[r->n_areas++] = taken;
		else if (area.size > 0) /* an empty one is how "none" is told */
			r->damaged = true;
	}
}

static void take_region_chain(struct arena *a, const void *info, size_t n, uint32_t first,
			      struct vfio_region *r)
{
	struct vfio_region_info_cap_type type;
	struct vfio_capability capability;
	struct vfio_chain chain;

	vfio_chain_begin(&chain, info, n, first);
	while (vfio_chain_next(&chain, &capability)) {
		switch (capability.id) {
		case VFIO_REGION_INFO_CAP_SPARSE_MMAP:
			take_areas(a, &capability, r);
			break;
		case VFIO_REGION_INFO_CAP_TYPE:
			if (capability.n < sizeof(type)) {
				r->damaged = true;
				break;
			}
			memcpy(&type, capability.bytes, sizeof(type));
			r->typed = true;
			r->type = type.type;
			r->subtype = type.subtype;
			break;
		case VFIO_REGION_INFO_CAP_MSIX_MAPPABLE:
			r->msix_mappable = true;
			break;
		}
	}
	r->damaged |= chain.damaged;
}

int vfio_read_region(struct vfio_device *d, uint32_t index, struct vfio_region *ret)
{
	struct arena *a = d->v->arena;
	struct vfio_region_info head = { .index = index };
	void *info;
	size_t n;
	int error =
		vfio_info(d->v, d->fd, VFIO_DEVICE_GET_REGION_INFO, &head, sizeof(head), &info, &n);

	*ret = (struct vfio_region){
		.index = index,
		.name = region_name(a, index),
		.error = error,
	};
	if (error < 0)
		return error;
	memcpy(&head, info, sizeof(head));
	ret->size_bytes = head.size;
	ret->offset = head.offset;
	ret->readable = head.flags & VFIO_REGION_INFO_FLAG_READ;
	ret->writable = head.flags & VFIO_REGION_INFO_FLAG_WRITE;
	ret->mappable = head.flags & VFIO_REGION_INFO_FLAG_MMAP;
	/* offsets of files are signed */
	if (head.offset > INT64_MAX || head.size > INT64_MAX - head.offset) {
		ret->damaged = true;
		ret->size_bytes = 0;
		ret->mappable = false;
	}
	if (ret->mappable && ret->size_bytes > 0) {
		ret->areas = arena_array(a, 1, sizeof(*ret->areas));
		ret->areas[0] = (struct vfio_area){ 0, ret->size_bytes };
		ret->n_areas = 1;
	}
	if (head.flags & VFIO_REGION_INFO_FLAG_CAPS)
		take_region_chain(a, info, n, head.cap_offset, ret);
	return 0;
}

static void read_irq(struct vfio_device *d, uint32_t index, struct vfio_irq *ret)
{
	static const char *const names[] = { "INTx", "MSI", "MSI-X", "error", "release request" };
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = index };
	int error = vfio_ioctl(d->v, d->fd, VFIO_DEVICE_GET_IRQ_INFO, &info);

	*ret = (struct vfio_irq){
		.index = index,
		.name = index < ARRAY_SIZE(names)
				? names[index]
				: arena_printf(d->v->arena, "interrupt %u", index),
		.error = error < 0 ? error : 0,
	};
	if (error < 0)
		return;
	ret->count = info.count;
	ret->eventfd = info.flags & VFIO_IRQ_INFO_EVENTFD;
	ret->maskable = info.flags & VFIO_IRQ_INFO_MASKABLE;
	ret->automasked = info.flags & VFIO_IRQ_INFO_AUTOMASKED;
	ret->noresize = info.flags & VFIO_IRQ_INFO_NORESIZE;
}

static size_t believable(uint32_t count, size_t max, bool *damaged)
{
	if (count <= max)
		return count;
	*damaged = true;
	return max;
}

static void take_device_chain(const void *info, size_t n, uint32_t first, struct vfio_facts *ret)
{
	struct vfio_device_info_cap_pci_atomic_comp atomics;
	struct vfio_capability capability;
	struct vfio_chain chain;

	vfio_chain_begin(&chain, info, n, first);
	while (vfio_chain_next(&chain, &capability)) {
		if (capability.id != VFIO_DEVICE_INFO_CAP_PCI_ATOMIC_COMP)
			continue;
		if (capability.n < sizeof(atomics)) {
			ret->damaged = true;
			continue;
		}
		memcpy(&atomics, capability.bytes, sizeof(atomics));
		ret->atomics = (struct fact_number){ .value = atomics.flags };
	}
	ret->damaged |= chain.damaged;
}

int vfio_read_device(struct vfio_device *d, struct vfio_facts *ret, struct err *e)
{
	struct vfio *v = d->v;
	struct vfio_device_info head = { 0 };
	void *info;
	size_t n;
	int error = vfio_info(v, d->fd, VFIO_DEVICE_GET_INFO, &head, sizeof(head), &info, &n);

	*ret = (struct vfio_facts){ .atomics.error = -ENODATA };
	if (error < 0)
		return vfio_fail(v, VFIO_STEP_DEVICE_INFO, error, d->name, e);
	memcpy(&head, info, sizeof(head));
	ret->is_pci = head.flags & VFIO_DEVICE_FLAGS_PCI;
	ret->can_reset = head.flags & VFIO_DEVICE_FLAGS_RESET;
	if (head.flags & VFIO_DEVICE_FLAGS_CAPS)
		take_device_chain(info, n, head.cap_offset, ret);
	ret->n_regions = believable(head.num_regions, VFIO_REGIONS_MAX, &ret->damaged);
	ret->regions = arena_array(v->arena, ret->n_regions, sizeof(*ret->regions));
	for (uint32_t i = 0; i < ret->n_regions; i++) {
		/* the region itself keeps the error: that some are missing is usual */
		(void)!vfio_read_region(d, i, &ret->regions[i]);
	}
	ret->n_irqs = believable(head.num_irqs, VFIO_IRQS_MAX, &ret->damaged);
	ret->irqs = arena_array(v->arena, ret->n_irqs, sizeof(*ret->irqs));
	for (uint32_t i = 0; i < ret->n_irqs; i++)
		read_irq(d, i, &ret->irqs[i]);
	return 0;
}

const struct vfio_region *vfio_region_find(const struct vfio_facts *facts, uint32_t index)
{
	if (index >= facts->n_regions || facts->regions[index].error < 0 ||
	    facts->regions[index].size_bytes == 0)
		return NULL;
	return &facts->regions[index];
}

void vfio_read_features(struct vfio_device *d, struct vfio_feature **ret, size_t *ret_n)
{
	static const struct vfio_feature known[] = {
		{ VFIO_DEVICE_FEATURE_PCI_VF_TOKEN, "token for virtual functions", 0 },
		{ VFIO_DEVICE_FEATURE_MIGRATION, "migration", 0 },
		{ VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY, "low power", 0 },
		{ VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP, "low power with wake-up", 0 },
		{ VFIO_DEVICE_FEATURE_DMA_LOGGING_START, "DMA logging", 0 },
		{ VFIO_DEVICE_FEATURE_MIG_DATA_SIZE, "size of migration data", 0 },
		{ VFIO_DEVICE_FEATURE_DMA_BUF, "DMA buffers of regions", 0 },
	};
	struct vfio_feature *rows = arena_memdup(d->v->arena, known, sizeof(known));

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		struct vfio_device_feature ask = {
			.argsz = sizeof(ask),
			.flags = known[i].number | VFIO_DEVICE_FEATURE_PROBE,
		};
		int error = vfio_ioctl(d->v, d->fd, VFIO_DEVICE_FEATURE, &ask);

		rows[i].error = error < 0 ? error : 0;
	}
	*ret = rows;
	*ret_n = ARRAY_SIZE(known);
}
