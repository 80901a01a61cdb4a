/* SPDX-License-Identifier: MIT */
/* What the files of this folder, and its unit tests, share. */
#pragma once

#include "vfio/uapi.h"
#include "vfio/vfio.h"

/* More than any kernel gives; beyond these an answer is damaged. */
#define VFIO_INFO_MAX_BYTES ((size_t)1024 * 1024)
#define VFIO_REGIONS_MAX 256
#define VFIO_IRQS_MAX 64
#define VFIO_RANGES_MAX 4096
#define VFIO_AFFECTED_MAX 4096
/* The kernel may need more room between two calls; not more often than this. */
#define VFIO_TRIES 8

struct vfio_open_group {
	struct vfio_open_group *next;
	uint64_t number;
	int fd;
};

struct vfio_owned_memory {
	struct vfio_memory memory; /* first: the caller has a pointer to it */
	struct vfio_owned_memory *next;
};

struct vfio_device {
	struct vfio *v;
	struct vfio_device *next; /* the one that was attached before it */
	const char *name;
	int fd;
	uint32_t id; /* iommufd only */
	struct vfio_region config;
	bool config_known;
	bool command_changed;
	uint16_t command; /* before that */
};

/* One way to a device. Each function records its own failure. */
struct vfio_backend_ops {
	int (*open)(struct vfio *v, struct err *e);
	/* Sets fd and id of @d; undoes everything when it fails. */
	int (*attach)(struct vfio_device *d, const struct vfio_offer *offer, struct err *e);
	int (*read_iommu)(struct vfio *v, struct vfio_iommu *ret, struct err *e);
	void (*read_hardware)(struct vfio_device *d, struct vfio_hardware *ret);
	/* These two give the errno of the kernel. */
	int (*map)(struct vfio *v, const struct vfio_memory *memory, uint64_t iova);
	int (*unmap)(struct vfio *v, const struct vfio_memory *memory, uint64_t *ret_bytes);
};

extern const struct vfio_backend_ops vfio_group_ops, vfio_iommufd_ops;

struct vfio {
	struct vfio_kernel *kernel;
	struct arena *arena;
	enum vfio_backend backend;
	const struct vfio_backend_ops *ops; /* NULL before vfio_open() */
	struct vfio_failure failed;
	int fd;                         /* container or iommufd */
	uint32_t ioas;                  /* iommufd only */
	struct vfio_open_group *groups; /* group only */
	bool iommu_set;                 /* group only */
	struct vfio_device *devices;
	struct vfio_owned_memory *memory;
};

/* failure.c */

/*
 * Records the failure, puts what it means into @e and returns @error. @what: the node or function
 * that it is about.
 */
int vfio_fail(struct vfio *v, enum vfio_step step, int error, const char *what, struct err *e);

/* session.c */

static inline int vfio_ioctl(struct vfio *v, int fd, unsigned long request, void *argument)
{
	return v->kernel->ioctl(v->kernel, fd, request, (uintptr_t)argument);
}

/* Closes it when it is open, and forgets it. The errno of close(2), 0 when it was not open. */
int vfio_close_fd(struct vfio *v, int *fd);

/* info.c: answers that grow */

/*
 * Calls @request with a structure that begins with its size (argsz), and again with more room as
 * long as the kernel asks for it. @first: its fixed part as input, of @first_bytes. *@ret: the
 * whole answer in the arena, followed by zeros only as far as *@ret_bytes. -EMSGSIZE: it wants
 * more room than makes sense.
 */
MUST_CHECK int vfio_info(struct vfio *v, int fd, unsigned long request, const void *first,
			 size_t first_bytes, void **ret, size_t *ret_bytes);

/* A walk along the capabilities of such an answer. */
struct vfio_chain {
	const uint8_t *info;
	size_t info_bytes;
	uint32_t next; /* 0: at its end */
	bool damaged;  /* it led outside, or backwards */
};

struct vfio_capability {
	uint16_t id, version;
	const uint8_t *bytes; /* from its header on, unaligned */
	size_t n;             /* to the end of the answer */
};

/* @first: cap_offset of the answer. */
void vfio_chain_begin(struct vfio_chain *c, const void *info, size_t info_bytes, uint32_t first);
bool vfio_chain_next(struct vfio_chain *c, struct vfio_capability *ret);

/* region.c */

MUST_CHECK int vfio_read_region(struct vfio_device *d, uint32_t index, struct vfio_region *ret);
/* Bounds, then pread(2) until all of it is there. The errno of the kernel. */
MUST_CHECK int vfio_pread(struct vfio_device *d, const struct vfio_region *region, uint64_t offset,
			  void *data, size_t n);

/* load.c */

/* One load of 32 bits; -EFAULT when it raised SIGBUS. */
MUST_CHECK int vfio_load32(const volatile void *address, uint32_t *ret);

/* Nanoseconds of a clock that only runs forward. */
uint64_t vfio_now_ns(void);
