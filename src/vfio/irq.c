// SPDX-License-Identifier: MIT
// Whether an interrupt can be enabled, and arrives: the kernel triggers it in place of the device
// (loopback, see struct vfio_irq_set in include/uapi/linux/vfio.h). That the device could raise
// it is not shown; that vectors can be allocated, and that a line can be shared, is what fails in
// practice (drivers/vfio/pci/vfio_pci_intrs.c).

#include "vfio/internal.h"

#include <string.h>

static int set_irq(struct vfio_device *d, uint32_t index, uint32_t flags, uint32_t count,
		   const int32_t *eventfd)
{
	union {
		struct vfio_irq_set set;
		uint8_t bytes[sizeof(struct vfio_irq_set) + sizeof(int32_t)];
	} u = {
		.set = {
			.argsz = sizeof(struct vfio_irq_set) + (eventfd ? sizeof(*eventfd) : 0),
			.flags = flags | VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = index,
			.count = count,
		},
	};

	if (eventfd)
		memcpy(u.bytes + sizeof(u.set), eventfd, sizeof(*eventfd));
	return vfio_ioctl(d->v, d->fd, VFIO_DEVICE_SET_IRQS, &u);
}

static int trigger(struct vfio_device *d, uint32_t index, int fd, uint64_t *ret_signals)
{
	struct vfio_kernel *k = d->v->kernel;
	int32_t event = fd;
	int error = set_irq(d, index, VFIO_IRQ_SET_DATA_EVENTFD, 1, &event);

	if (error < 0)
		return error;
	error = set_irq(d, index, VFIO_IRQ_SET_DATA_NONE, 1, NULL);
	if (error == 0)
		error = k->signals(k, fd, ret_signals);
	int disabled = set_irq(d, index, VFIO_IRQ_SET_DATA_NONE, 0, NULL);
	return error < 0 ? error : disabled;
}

int vfio_try_irq(struct vfio_device *d, uint32_t index, uint64_t *ret_signals, struct err *e)
{
	struct vfio *v = d->v;
	int fd = v->kernel->eventfd(v->kernel);

	if (fd < 0)
		return vfio_fail(v, VFIO_STEP_EVENTFD, fd, d->name, e);
	int error = trigger(d, index, fd, ret_signals);
	(void)vfio_close_fd(v, &fd); /* an eventfd has nothing left to say */
	if (error < 0)
		return vfio_fail(v, VFIO_STEP_SET_IRQS, error, d->name, e);
	return 0;
}
