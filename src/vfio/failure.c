// SPDX-License-Identifier: MIT
// Where the kernel refused, and what its errno means at that step. The same number means different
// things along the way (EPERM when a group is opened, and when its IOMMU is set), so that
// strerror() alone sends people the wrong way. Sources, Linux 6.1 to 6.12: drivers/vfio/group.c,
// container.c, vfio_iommu_type1.c, device_cdev.c and vfio_main.c, pci/vfio_pci_core.c and
// vfio_pci_intrs.c, drivers/iommu/iommufd/device.c, drivers/iommu/iommu.c.

#include "vfio/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define INTERRUPTS                                                                                 \
	"the platform does not remap interrupts, or its firmware keeps memory for the device; "    \
	"the kernel log says which"

struct meaning {
	enum vfio_step step;
	int error;
	bool refused; /* a plain no, as opposed to a failure */
	const char *text;
};

static const struct meaning meanings[] = {
	{ VFIO_STEP_OPEN_CONTAINER, -ENOENT, true,
	  "the module vfio is not loaded, or the kernel is built without VFIO" },
	{ VFIO_STEP_OPEN_CONTAINER, -ENODEV, true,
	  "the module vfio is not loaded, or the kernel is built without VFIO" },
	{ VFIO_STEP_API_VERSION, -EPROTO, true, "this kernel speaks another version of VFIO" },
	{ VFIO_STEP_EXTENSION, -ENOTSUP, true,
	  "this kernel has no type 1 IOMMU: load the module vfio_iommu_type1" },
	{ VFIO_STEP_OPEN_GROUP, -ENOENT, true,
	  "no function of the group is with a VFIO driver: bind it first" },
	{ VFIO_STEP_OPEN_GROUP, -ENODEV, true,
	  "no function of the group is with a VFIO driver any more: bind it first" },
	{ VFIO_STEP_OPEN_GROUP, -EBUSY, true, "another program has the group: end that guest" },
	{ VFIO_STEP_OPEN_GROUP, -EPERM, true,
	  "the group has no IOMMU: the device could read and write all memory" },
	{ VFIO_STEP_GROUP_STATUS, -EINVAL, true,
	  "the group is not viable: a function in it has a driver of the host; bind it too" },
	{ VFIO_STEP_SET_CONTAINER, -EBUSY, true, "another program uses the group" },
	{ VFIO_STEP_SET_CONTAINER, -EPERM, true,
	  "a driver of the host or another program uses the group, or " INTERRUPTS },
	{ VFIO_STEP_SET_IOMMU, -EPERM, true, INTERRUPTS },
	{ VFIO_STEP_DEVICE_FD, -ENODEV, true, "the function is not with a VFIO driver: bind it" },
	{ VFIO_STEP_DEVICE_FD, -EBUSY, true, "another program has it" },
	{ VFIO_STEP_DEVICE_FD, -EPERM, true, INTERRUPTS },
	{ VFIO_STEP_DEVICE_FD, -EACCES, true,
	  "a virtual function whose physical one is with VFIO too needs a token from its user" },
	{ VFIO_STEP_OPEN_IOMMUFD, -ENOENT, true,
	  "the module iommufd is not loaded, or the kernel is built without it" },
	{ VFIO_STEP_OPEN_IOMMUFD, -ENODEV, true,
	  "the module iommufd is not loaded, or the kernel is built without it" },
	{ VFIO_STEP_OPEN_DEVICE, -ENOENT, true,
	  "the function is not with a VFIO driver, or the kernel has no device nodes for VFIO" },
	{ VFIO_STEP_OPEN_DEVICE, -ENODEV, true,
	  "the function is not with a VFIO driver any more: bind it" },
	{ VFIO_STEP_BIND_IOMMUFD, -EBUSY, true, "another program uses its group: end that guest" },
	{ VFIO_STEP_BIND_IOMMUFD, -EINVAL, true,
	  "another program has it, or its DMA is not coherent with the caches" },
	{ VFIO_STEP_BIND_IOMMUFD, -EPERM, true,
	  "a driver of the host or another program uses its group, or " INTERRUPTS },
	{ VFIO_STEP_BIND_IOMMUFD, -EACCES, true,
	  "a virtual function whose physical one is with VFIO too needs a token from its user" },
	{ VFIO_STEP_ATTACH_IOAS, -EPERM, true, INTERRUPTS },
	{ VFIO_STEP_SET_IRQS, -EBUSY, true,
	  "the line is shared with another device, and this one cannot be masked by itself" },
	{ VFIO_STEP_REGION_READ, -EIO, false,
	  "the device does not answer, or its memory is switched off" },
	{ VFIO_STEP_REGION_READ, -ENXIO, false, "outside of the region" },
	{ VFIO_STEP_REGION_READ, -ENOENT, true,
	  "it has no option ROM, or none that the kernel trusts" },
	{ VFIO_STEP_REGION_WRITE, -EIO, false, "the bits did not stay as they were written" },
	{ VFIO_STEP_RESET_DEVICE, -EINVAL, true, "the kernel has no method to reset it alone" },
	/* pci_dev_wait() in drivers/pci/pci.c says the same for one that does not come back */
	{ VFIO_STEP_RESET_DEVICE, -ENOTTY, false,
	  "no method worked, or the device did not answer any more afterwards" },
	{ VFIO_STEP_HOT_RESET, -ENOTTY, false,
	  "a device did not answer any more afterwards, or the slot cannot be reset" },
	{ VFIO_STEP_RESET_DEVICE, -EAGAIN, false, "somebody else works on the device; try again" },
	{ VFIO_STEP_HOT_RESET_INFO, -ENODEV, true, "neither its slot nor its bus can be reset" },
	{ VFIO_STEP_HOT_RESET, -EPERM, true,
	  "it would reset a function that is not with this program too" },
	{ VFIO_STEP_HOT_RESET, -EINVAL, true,
	  "it would reset a function that is not with this program too" },
	{ VFIO_STEP_MAP_DMA, -EINVAL, false,
	  "the address is reserved, or beyond what the IOMMU translates" },
	{ VFIO_STEP_MAP_DMA, -EADDRINUSE, false,
	  "the address is reserved, or beyond what the IOMMU translates" },
	{ VFIO_STEP_MAP_DMA, -EEXIST, false, "something is mapped there already" },
	{ VFIO_STEP_UNMAP_DMA, -EIO, false, "the kernel unmapped another number of bytes" },
	{ VFIO_STEP_RESTORE, -EIO, false, "the bits did not stay as they were written" },
};

static const char *const names[VFIO_N_STEPS] = {
#define NAME(constant, name) [VFIO_STEP_##constant] = name,
	VFIO_STEPS(NAME)
};

const char *vfio_step_name(enum vfio_step step)
{
	return step > VFIO_STEP_NONE && step < VFIO_N_STEPS ? names[step] : "none";
}

const struct vfio_failure *vfio_failed(const struct vfio *v)
{
	return &v->failed;
}

static const struct meaning *meaning_of(enum vfio_step step, int error)
{
	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
		if (meanings[i].step == step && meanings[i].error == error)
			return &meanings[i];
	}
	return NULL;
}

/* The limit that stands behind nearly every ENOMEM of a mapping: vfio_lock_acct(),
 * do_update_pinned(). */
static int fail_locked(const char *what, const char *step, struct err *e)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return err_io(e, -ENOMEM, "%s: %s", what, step);
	return err_fail(e, -ENOMEM,
			"%s: %s (ENOMEM): the limit of locked memory, RLIMIT_MEMLOCK, is %" PRIu64
			" bytes; raise it, or run as root",
			what, step, (uint64_t)limit.rlim_cur);
}

int vfio_fail(struct vfio *v, enum vfio_step step, int error, const char *what, struct err *e)
{
	const struct meaning *meaning = meaning_of(step, error);
	const char *name = vfio_step_name(step), *number = strerrorname_np(-error);

	v->failed = (struct vfio_failure){
		.step = step,
		.error = error,
		.what = arena_strdup(v->arena, what),
	};
	if (step == VFIO_STEP_MAP_DMA && error == -ENOMEM)
		return fail_locked(what, name, e);
	if (!meaning)
		return err_io(e, error, "%s: %s", what, name);
	if (meaning->refused)
		(void)err_refuse(e, "%s: %s (%s): %s", what, name, number, meaning->text);
	else
		(void)err_fail(e, error, "%s: %s (%s): %s", what, name, number, meaning->text);
	return error;
}
