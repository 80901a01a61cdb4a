// SPDX-License-Identifier: MIT
// What one VMM holds, from opening to closing. The kernel wants the reverse order at the end: a
// group stays busy as long as one of its devices is open, and a container as long as it has groups
// (Documentation/driver-api/vfio.rst). Closing goes on after an error, so that nothing stays
// behind; the first error is the one reported.

#include "vfio/internal.h"

#include <time.h>

const char *vfio_backend_name(enum vfio_backend backend)
{
	return backend == VFIO_IOMMUFD ? "iommufd" : "group";
}

uint64_t vfio_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct vfio *vfio_new(struct vfio_kernel *kernel, struct arena *a)
{
	struct vfio *v = arena_alloc(a, sizeof(*v));

	*v = (struct vfio){ .kernel = kernel, .arena = a, .fd = -1 };
	v->failed.what = "";
	return v;
}

int vfio_close_fd(struct vfio *v, int *fd)
{
	int old = *fd;

	*fd = -1;
	return old < 0 ? 0 : v->kernel->close(v->kernel, old);
}

int vfio_open(struct vfio *v, enum vfio_backend backend, struct err *e)
{
	static const struct vfio_backend_ops *const ops[VFIO_BACKENDS] = {
		[VFIO_GROUP] = &vfio_group_ops,
		[VFIO_IOMMUFD] = &vfio_iommufd_ops,
	};

	if (v->ops)
		return err_fail(e, -EALREADY, "a VFIO session can be opened once only");
	v->backend = backend;
	int error = ops[backend]->open(v, e);
	if (error < 0)
		(void)vfio_close_fd(v, &v->fd); /* the failure before it is the one to tell */
	else
		v->ops = ops[backend];
	return error;
}

int vfio_attach(struct vfio *v, const struct vfio_offer *offer, struct vfio_device **ret,
		struct err *e)
{
	struct vfio_device *d = arena_alloc(v->arena, sizeof(*d));
	const struct vfio_way *way = &offer->way[v->backend];
	enum vfio_step step =
		v->backend == VFIO_GROUP ? VFIO_STEP_OPEN_GROUP : VFIO_STEP_OPEN_DEVICE;

	if (!v->ops)
		return err_fail(e, -EBADF, "the VFIO session is not open");
	if (way->error < 0)
		return vfio_fail(v, step, way->error, offer->function, e);
	*d = (struct vfio_device){
		.v = v,
		.next = v->devices,
		.name = arena_strdup(v->arena, offer->function),
		.fd = -1,
	};
	int error = v->ops->attach(d, offer, e);
	if (error < 0)
		return error;
	v->devices = d;
	*ret = d;
	return 0;
}

const char *vfio_device_name(const struct vfio_device *d)
{
	return d->name;
}

void vfio_read_hardware(struct vfio_device *d, struct vfio_hardware *ret)
{
	*ret = (struct vfio_hardware){ { .error = -ENODATA }, { .error = -ENODATA } };
	if (d->v->ops->read_hardware)
		d->v->ops->read_hardware(d, ret);
}

int vfio_read_iommu(struct vfio *v, struct vfio_iommu *ret, struct err *e)
{
	const struct fact_number unknown = { .error = -ENODATA };

	*ret = (struct vfio_iommu){
		.ranges_error = -ENODATA,
		.page_sizes = unknown,
		.alignment_bytes = unknown,
		.maps_left = unknown,
		.coherent = unknown,
		.dirty_page_sizes = unknown,
	};
	if (!v->devices)
		return err_fail(e, -EBADF, "no device is attached to the VFIO session");
	return v->ops->read_iommu(v, ret, e);
}

/* The first of several errors. */
static void note(int *first, int error)
{
	if (*first == 0 && error < 0)
		*first = error;
}

static void close_devices(struct vfio *v, int *first, struct err *e)
{
	for (struct vfio_device *d = v->devices; d; d = d->next) {
		int error = vfio_close_fd(v, &d->fd);

		if (error < 0 && *first == 0)
			*first = vfio_fail(v, VFIO_STEP_CLOSE, error, d->name, e);
	}
	v->devices = NULL;
}

static void close_files(struct vfio *v, int *first, struct err *e)
{
	for (struct vfio_open_group *g = v->groups; g; g = g->next) {
		int error = vfio_close_fd(v, &g->fd);

		if (error < 0 && *first == 0)
			*first = vfio_fail(v, VFIO_STEP_CLOSE, error, "the group", e);
	}
	v->groups = NULL;
	int error = vfio_close_fd(v, &v->fd);
	if (error < 0 && *first == 0)
		*first = vfio_fail(v, VFIO_STEP_CLOSE, error, vfio_backend_name(v->backend), e);
}

int vfio_close(struct vfio *v, struct err *e)
{
	struct err ignored;
	int first = 0;

	for (struct vfio_device *d = v->devices; d; d = d->next)
		note(&first, vfio_command_restore(d, first ? &ignored : e));
	while (v->memory)
		note(&first, vfio_memory_put(v, &v->memory->memory, first ? &ignored : e));
	close_devices(v, &first, e);
	close_files(v, &first, e);
	v->ops = NULL;
	v->iommu_set = false;
	return first;
}
