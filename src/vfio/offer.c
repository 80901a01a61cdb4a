// SPDX-License-Identifier: MIT
// Which way to a function the kernel offers, from sysfs: opening a node to find out would already
// take the device from others. Names as vfio_create_group() in drivers/vfio/group.c gives them
// ("7", "noiommu-7") and vfio_init_device() in vfio_main.c ("vfio3", which has a device number only
// when the kernel has device nodes for VFIO, CONFIG_VFIO_DEVICE_CDEV).

#include "base/text.h"
#include "vfio/internal.h"

#include <inttypes.h>

static void group_way(struct host *host, uint64_t group, struct vfio_way *ret)
{
	struct arena *a = &host->arena;
	const char *target, *path = arena_printf(a, "sys/class/vfio/%" PRIu64, group);

	ret->error = root_link(host->root, a, path, &target);
	if (ret->error == 0) {
		ret->node = arena_printf(a, "dev/vfio/%" PRIu64, group);
		return;
	}
	path = arena_printf(a, "sys/class/vfio/noiommu-%" PRIu64, group);
	if (ret->error == -ENOENT && root_link(host->root, a, path, &target) == 0) {
		ret->error = -EPERM;
		ret->node = arena_printf(a, "dev/vfio/noiommu-%" PRIu64, group);
	}
}

static void device_way(struct host *host, const struct pci_function *f, struct vfio_way *ret)
{
	struct arena *a = &host->arena;
	const char *directory = arena_concat(a, f->path, "/vfio-dev");
	struct names names;
	struct bytes number;

	ret->error = root_list(host->root, a, directory, &names);
	if (ret->error < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		const char *path = arena_printf(a, "%s/%s/dev", directory, names.name[i]);

		if (!str_starts(names.name[i], "vfio"))
			continue;
		ret->error = root_read(host->root, a, path, &number);
		if (ret->error == 0)
			ret->node = arena_concat(a, "dev/vfio/devices/", names.name[i]);
		return;
	}
	ret->error = -ENOENT;
}

void vfio_offer_read(struct host *host, const struct pci_function *f, struct vfio_offer *ret)
{
	struct vfio_way *group = &ret->way[VFIO_GROUP], *device = &ret->way[VFIO_IOMMUFD];

	*ret = (struct vfio_offer){ .function = f->name, .group = f->iommu_group };
	group->error = f->iommu_group.error;
	if (group->error == 0)
		group_way(host, f->iommu_group.value, group);
	device_way(host, f, device);
	/* the device node of a function without an IOMMU would only fail later, when it is bound */
	if (device->error == 0 && group->error == -EPERM)
		device->error = -EPERM;
}
