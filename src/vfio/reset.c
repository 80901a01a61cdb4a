// SPDX-License-Identifier: MIT
// Resets: of one function, and of a slot or bus with everything on it. Who may do the latter is
// proven in the group back end with the descriptors of all groups concerned, and in iommufd by
// the devices bound to the same iommufd; see VFIO_DEVICE_GET_PCI_HOT_RESET_INFO in
// include/uapi/linux/vfio.h. The kernel saves and restores what configuration space needs
// (pci_dev_save_and_disable() in drivers/pci/pci.c).

#include "vfio/internal.h"

#include <string.h>

int vfio_reset(struct vfio_device *d, uint64_t *ret_ns, struct err *e)
{
	uint64_t begin = vfio_now_ns();
	int error = vfio_ioctl(d->v, d->fd, VFIO_DEVICE_RESET, NULL);

	*ret_ns = vfio_now_ns() - begin;
	if (error < 0)
		return vfio_fail(d->v, VFIO_STEP_RESET_DEVICE, error, d->name, e);
	return 0;
}

/* The answer of the kernel, with @ret_n functions; it says -ENOSPC and how many until they fit. */
static int ask(struct vfio_device *d, struct vfio_pci_hot_reset_info **ret)
{
	size_t room = 0;

	for (int i = 0; i < VFIO_TRIES; i++) {
		size_t size = sizeof(**ret) + room * sizeof((*ret)->devices[0]);
		struct vfio_pci_hot_reset_info *info = arena_alloc(d->v->arena, size);

		info->argsz = (uint32_t)size;
		int error = vfio_ioctl(d->v, d->fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, info);
		if (error == 0 && info->count <= room) {
			*ret = info;
			return 0;
		}
		/* -EAGAIN: a device came while the kernel was counting */
		if (error < 0 && error != -ENOSPC && error != -EAGAIN)
			return error;
		if (info->count > VFIO_AFFECTED_MAX)
			return -EMSGSIZE;
		if (info->count > room)
			room = info->count;
	}
	return -EAGAIN;
}

static const struct vfio_open_group *group_of(const struct vfio *v, uint64_t number)
{
	const struct vfio_open_group *g = v->groups;

	while (g && g->number != number)
		g = g->next;
	return g;
}

static void take_affected(struct vfio *v, const struct vfio_pci_dependent_device *from, bool by_id,
			  struct vfio_affected *ret)
{
	struct pci_address address = {
		.domain = from->segment,
		.bus = from->bus,
		.device = from->devfn >> 3,
		.function = from->devfn & 7,
	};
	char name[PCI_ADDRESS_MAX];
	uint32_t number = from->group_id; /* in newer headers a union with devid */

	pci_address_format(address, name);
	*ret = (struct vfio_affected){
		.name = arena_strdup(v->arena, name),
		.group.error = -ENODATA,
		.id.error = -ENODATA,
	};
	if (!by_id) {
		ret->group = (struct fact_number){ .value = number };
		ret->owned = group_of(v, number);
	} else if (number == (uint32_t)VFIO_PCI_DEVID_NOT_OWNED) {
		ret->id.error = -ENODEV;
	} else {
		ret->id = (struct fact_number){ .value = number };
		ret->owned = true;
	}
}

int vfio_read_hot_reset(struct vfio_device *d, struct vfio_hot_reset *ret, struct err *e)
{
	struct vfio *v = d->v;
	struct vfio_pci_hot_reset_info *info;
	int error = ask(d, &info);

	*ret = (struct vfio_hot_reset){ .owned = true };
	if (error < 0) {
		ret->owned = false;
		return vfio_fail(v, VFIO_STEP_HOT_RESET_INFO, error, d->name, e);
	}
	bool by_id = info->flags & VFIO_PCI_HOT_RESET_FLAG_DEV_ID;
	ret->n = info->count;
	ret->functions = arena_array(v->arena, ret->n, sizeof(*ret->functions));
	for (size_t i = 0; i < ret->n; i++) {
		take_affected(v, &info->devices[i], by_id, &ret->functions[i]);
		ret->owned &= ret->functions[i].owned;
	}
	/* here the kernel knows more: a function without a VFIO driver spoils it */
	if (by_id)
		ret->owned = info->flags & VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED;
	return 0;
}

/* The descriptors of the groups concerned, each once; none in iommufd. */
static size_t proof(const struct vfio *v, const struct vfio_hot_reset *reset, int32_t *fds)
{
	size_t n = 0;

	for (const struct vfio_open_group *g = v->groups; g; g = g->next) {
		bool concerned = false;

		for (size_t i = 0; i < reset->n; i++)
			concerned |= reset->functions[i].group.error == 0 &&
				     reset->functions[i].group.value == g->number;
		if (concerned)
			fds[n++] = g->fd;
	}
	return n;
}

int vfio_hot_reset(struct vfio_device *d, uint64_t *ret_ns, struct err *e)
{
	struct vfio *v = d->v;
	struct vfio_hot_reset reset;
	int error = vfio_read_hot_reset(d, &reset, e);

	*ret_ns = 0;
	if (error < 0)
		return error;
	if (!reset.owned)
		return vfio_fail(v, VFIO_STEP_HOT_RESET, -EPERM, d->name, e);
	size_t size = sizeof(struct vfio_pci_hot_reset) + reset.n * sizeof(int32_t);
	struct vfio_pci_hot_reset *command = arena_alloc(v->arena, size);
	command->argsz = (uint32_t)size;
	command->count = (uint32_t)proof(v, &reset, command->group_fds);
	uint64_t begin = vfio_now_ns();
	error = vfio_ioctl(v, d->fd, VFIO_DEVICE_PCI_HOT_RESET, command);
	*ret_ns = vfio_now_ns() - begin;
	if (error < 0)
		return vfio_fail(v, VFIO_STEP_HOT_RESET, error, d->name, e);
	return 0;
}
