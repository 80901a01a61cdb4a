// SPDX-License-Identifier: MIT
// What the fake VFIO answers about devices and the IOMMU: fixed parts, capabilities behind them,
// and the sizes that both sides negotiate.

#include "tests/fake/vfio.h"

#include <errno.h>
#include <string.h>

void *fake_vfio_cap(uint8_t *caps, size_t *used, uint16_t id, size_t n)
{
	uint8_t *at = caps + *used;
	struct vfio_info_cap_header header = { .id = id, .version = 1 };

	memset(at, 0, n);
	memcpy(at, &header, sizeof(header));
	*used += (n + 7) & ~(size_t)7;
	header.next = (uint32_t)*used; /* cut off behind the last one by fake_vfio_add_caps() */
	memcpy(at, &header, sizeof(header));
	return at;
}

void fake_vfio_add_caps(void *info, size_t fixed, uint8_t *caps, size_t n, uint32_t *ret_offset)
{
	struct vfio_info_cap_header header;
	uint32_t argsz;

	memcpy(&argsz, info, sizeof(argsz));
	*ret_offset = 0;
	if (argsz < fixed + n) {
		argsz = (uint32_t)(fixed + n);
		memcpy(info, &argsz, sizeof(argsz));
		return;
	}
	for (size_t at = 0; at < n;) {
		memcpy(&header, caps + at, sizeof(header));
		size_t next = header.next;
		header.next = next < n ? (uint32_t)(next + fixed) : 0;
		memcpy(caps + at, &header, sizeof(header));
		at = next;
	}
	memcpy((uint8_t *)info + fixed, caps, n);
	*ret_offset = (uint32_t)fixed;
}

static int device_info(const struct fake_vfio_device *d, struct vfio_device_info *info)
{
	uint8_t caps[64];
	size_t n = 0;

	if (info->argsz < offsetof(struct vfio_device_info, cap_offset))
		return -EINVAL;
	info->flags = VFIO_DEVICE_FLAGS_PCI | (d->resets ? VFIO_DEVICE_FLAGS_RESET : 0);
	info->num_regions = d->n_regions;
	info->num_irqs = VFIO_PCI_NUM_IRQS;
	if (d->atomics) {
		struct vfio_device_info_cap_pci_atomic_comp *cap =
			fake_vfio_cap(caps, &n, VFIO_DEVICE_INFO_CAP_PCI_ATOMIC_COMP, sizeof(*cap));

		cap->flags = d->atomics;
		info->flags |= VFIO_DEVICE_FLAGS_CAPS;
		fake_vfio_add_caps(info, 24, caps, n, &info->cap_offset);
	}
	return 0;
}

static size_t region_caps(const struct fake_vfio_region *r, uint8_t *caps)
{
	size_t n = 0;

	if (r->sparse) {
		struct vfio_region_info_cap_sparse_mmap *cap =
			fake_vfio_cap(caps, &n, VFIO_REGION_INFO_CAP_SPARSE_MMAP,
				      sizeof(*cap) + r->n_areas * sizeof(r->areas[0]));

		cap->nr_areas = r->n_areas;
		memcpy(cap->areas, r->areas, r->n_areas * sizeof(r->areas[0]));
	}
	if (r->msix)
		(void)fake_vfio_cap(caps, &n, VFIO_REGION_INFO_CAP_MSIX_MAPPABLE,
				    sizeof(struct vfio_info_cap_header));
	if (r->typed) {
		struct vfio_region_info_cap_type *cap =
			fake_vfio_cap(caps, &n, VFIO_REGION_INFO_CAP_TYPE, sizeof(*cap));

		cap->type = r->type;
		cap->subtype = r->subtype;
	}
	return n;
}

static int region_info(const struct fake_vfio_device *d, struct vfio_region_info *info)
{
	uint8_t caps[256];

	if (info->argsz < sizeof(*info) || info->index >= d->n_regions ||
	    info->index == VFIO_PCI_VGA_REGION_INDEX)
		return -EINVAL;
	const struct fake_vfio_region *r = &d->regions[info->index];
	info->flags = r->flags;
	info->size = r->size;
	info->offset = (uint64_t)info->index << FAKE_VFIO_REGION_SHIFT;
	size_t n = region_caps(r, caps);
	if (n > 0) {
		info->flags |= VFIO_REGION_INFO_FLAG_CAPS;
		fake_vfio_add_caps(info, sizeof(*info), caps, n, &info->cap_offset);
	}
	return 0;
}

static int irq_info(const struct fake_vfio_device *d, struct vfio_irq_info *info)
{
	if (info->argsz < sizeof(*info) || info->index >= VFIO_PCI_NUM_IRQS)
		return -EINVAL;
	info->count = d->irqs[info->index];
	info->flags = VFIO_IRQ_INFO_EVENTFD;
	info->flags |= info->index == VFIO_PCI_INTX_IRQ_INDEX
			       ? VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED
			       : VFIO_IRQ_INFO_NORESIZE;
	return 0;
}

/* One index at a time is enabled, as vfio_pci_set_irqs_ioctl() has it. */
static int set_irqs(struct fake_vfio *f, struct fake_vfio_device *d, struct vfio_irq_set *set)
{
	int32_t eventfd;

	if (set->argsz < sizeof(*set) || set->index >= VFIO_PCI_NUM_IRQS ||
	    set->start + set->count > d->irqs[set->index])
		return -EINVAL;
	if (set->flags == (VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER)) {
		if (set->argsz < sizeof(*set) + sizeof(eventfd) || d->irq_enabled >= 0)
			return -EINVAL;
		memcpy(&eventfd, set->data, sizeof(eventfd));
		if (!fake_vfio_file(f, eventfd, FAKE_VFIO_EVENTFD))
			return -EBADF;
		d->irq_enabled = (int)set->index;
		d->irq_eventfd = eventfd;
		return 0;
	}
	if (set->flags != (VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER) ||
	    d->irq_enabled != (int)set->index)
		return -EINVAL;
	if (set->count == 0)
		d->irq_enabled = -1;
	else
		fake_vfio_file(f, d->irq_eventfd, FAKE_VFIO_EVENTFD)->signals++;
	return 0;
}

/* By iommufd: its id, "owned" for the others of a group it has a device of, or not owned. */
static uint32_t device_id(const struct fake_vfio *f, size_t index, int iommufd)
{
	uint32_t id = (uint32_t)VFIO_PCI_DEVID_NOT_OWNED;

	for (size_t i = 0; i < FAKE_VFIO_FDS; i++) {
		const struct fake_vfio_file *file = &f->files[i];

		if (file->kind != FAKE_VFIO_DEVICE || file->iommufd != iommufd)
			continue;
		if (file->device == index)
			return (uint32_t)index + 1;
		if (f->devices[file->device].group == f->devices[index].group)
			id = VFIO_PCI_DEVID_OWNED;
	}
	return f->devices[index].host_driver ? (uint32_t)VFIO_PCI_DEVID_NOT_OWNED : id;
}

static int hot_reset_info(const struct fake_vfio *f, const struct fake_vfio_file *file,
			  struct vfio_pci_hot_reset_info *info)
{
	const struct fake_vfio_device *d = &f->devices[file->device];
	uint32_t n = 0;

	if (info->argsz < sizeof(*info))
		return -EINVAL;
	if (f->no_slot_reset)
		return -ENODEV;
	info->flags = file->by_node ? VFIO_PCI_HOT_RESET_FLAG_DEV_ID |
					      VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED
				    : 0;
	for (size_t i = 0; i < f->n_devices; i++)
		n += f->devices[i].bus == d->bus;
	info->count = n;
	if (info->argsz < sizeof(*info) + n * sizeof(info->devices[0]))
		return -ENOSPC;
	n = 0;
	for (size_t i = 0; i < f->n_devices; i++) {
		if (f->devices[i].bus != d->bus)
			continue;
		uint32_t id = file->by_node ? device_id(f, i, file->iommufd)
					    : (uint32_t)f->devices[i].group;
		if (file->by_node && id == (uint32_t)VFIO_PCI_DEVID_NOT_OWNED)
			info->flags &= ~(uint32_t)VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED;
		info->devices[n++] = (struct vfio_pci_dependent_device){
			.group_id = id,
			.bus = (uint8_t)f->devices[i].bus,
			.devfn = (uint8_t)(f->devices[i].name[11] - '0'),
		};
	}
	return 0;
}

static int hot_reset(struct fake_vfio *f, const struct fake_vfio_file *file,
		     const struct vfio_pci_hot_reset *reset)
{
	struct fake_vfio_device *d = &f->devices[file->device];

	if (reset->argsz < sizeof(*reset) + reset->count * sizeof(int32_t) || reset->flags ||
	    reset->count > ARRAY_SIZE(f->proof))
		return -EINVAL;
	/* device nodes: no proof; groups: a descriptor of each */
	if ((reset->count == 0) != file->by_node)
		return -EINVAL;
	f->n_proof = reset->count;
	memcpy(f->proof, reset->group_fds, reset->count * sizeof(int32_t));
	for (uint32_t i = 0; i < reset->count; i++) {
		if (!fake_vfio_file(f, f->proof[i], FAKE_VFIO_GROUP))
			return -EBADF;
	}
	d->n_hot_resets++;
	return 0;
}

static int feature(const struct fake_vfio_device *d, const struct vfio_device_feature *ask)
{
	uint32_t number = ask->flags & VFIO_DEVICE_FEATURE_MASK;

	if (ask->argsz < sizeof(*ask) || !(ask->flags & VFIO_DEVICE_FEATURE_PROBE))
		return -EINVAL;
	return number < 32 && d->features & 1u << number ? 0 : -ENOTTY;
}

static int bind(struct fake_vfio *f, struct fake_vfio_file *file,
		struct vfio_device_bind_iommufd *bind)
{
	if (bind->argsz < 16 || bind->flags || !file->by_node || file->iommufd)
		return -EINVAL;
	if (!fake_vfio_file(f, bind->iommufd, FAKE_VFIO_IOMMUFD))
		return -EBADF;
	for (size_t i = 0; i < FAKE_VFIO_FDS; i++) {
		if (f->files[i].kind == FAKE_VFIO_DEVICE && f->files[i].iommufd &&
		    f->files[i].device == file->device)
			return -EINVAL;
	}
	if (f->no_remapping)
		return -EPERM;
	file->iommufd = bind->iommufd;
	bind->out_devid = (uint32_t)file->device + 1;
	return 0;
}

int fake_vfio_device_ioctl(struct fake_vfio *f, struct fake_vfio_file *file, unsigned long request,
			   void *argument)
{
	struct fake_vfio_device *d = &f->devices[file->device];
	struct vfio_device_attach_iommufd_pt *attach = argument;

	if (request == VFIO_DEVICE_BIND_IOMMUFD)
		return bind(f, file, argument);
	if (file->by_node && !file->iommufd)
		return -EINVAL;
	switch (request) {
	case VFIO_DEVICE_ATTACH_IOMMUFD_PT:
		if (attach->argsz < 12 || attach->flags || !file->by_node)
			return -EINVAL;
		if (attach->pt_id != 1)
			return -ENOENT;
		file->attached = true;
		return 0;
	case VFIO_DEVICE_GET_INFO:
		return device_info(d, argument);
	case VFIO_DEVICE_GET_REGION_INFO:
		return region_info(d, argument);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return irq_info(d, argument);
	case VFIO_DEVICE_SET_IRQS:
		return set_irqs(f, d, argument);
	case VFIO_DEVICE_FEATURE:
		return feature(d, argument);
	case VFIO_DEVICE_RESET:
		d->n_resets += d->resets;
		return d->resets ? 0 : -EINVAL;
	case VFIO_DEVICE_GET_PCI_HOT_RESET_INFO:
		return hot_reset_info(f, file, argument);
	case VFIO_DEVICE_PCI_HOT_RESET:
		return hot_reset(f, file, argument);
	}
	return -ENOTTY;
}
