/* SPDX-License-Identifier: MIT */
/*
 * Userspace VFIO as a VMM does it: the classic back end (a container and groups) and iommufd
 * (device nodes of their own) behind one set of functions, so that what is learned about
 * a device does not depend on the way to it.
 *
 *	struct vfio *v = vfio_new(vfio_kernel_live(), &arena);
 *
 *	vfio_offer_read(host, function, &offer);
 *	error = vfio_open(v, VFIO_GROUP, e);			the container, or the iommufd
 *	error = vfio_attach(v, &offer, &device, e);		once per function
 *	error = vfio_read_device(device, &facts, e); ...
 *	error = vfio_close(v, e);				always, also after errors
 *
 * Results live in the arena given to vfio_new(). A function that fails has undone what it began,
 * and the same session goes on; vfio_failed() says at which step the kernel refused and with which
 * errno, the sentence in @e says what that means.
 *
 * Sources: Documentation/driver-api/vfio.rst, Documentation/userspace-api/iommufd.rst,
 * include/uapi/linux/vfio.h and iommufd.h of Linux.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/root.h"
#include "host/host.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- the seam: what tests replace ---- */

/*
 * The kernel as this folder sees it; nothing else is called. Each returns a negative errno on
 * failure.
 */
struct vfio_kernel {
	/* @node: below the root, "dev/vfio/vfio"; read and write. Returns a descriptor. */
	int (*open)(struct vfio_kernel *k, const char *node);
	int (*close)(struct vfio_kernel *k, int fd);
	/* @argument: a pointer or a number, as @request wants. Returns what ioctl(2) does. */
	int (*ioctl)(struct vfio_kernel *k, int fd, unsigned long request, uintptr_t argument);
	/* As mmap(2); @fd -1 for anonymous memory. */
	int (*mmap)(struct vfio_kernel *k, int fd, size_t size_bytes, int protection, int flags,
		    uint64_t offset, void **ret);
	int (*munmap)(struct vfio_kernel *k, void *address, size_t size_bytes);
	ssize_t (*pread)(struct vfio_kernel *k, int fd, void *data, size_t n, uint64_t offset);
	ssize_t (*pwrite)(struct vfio_kernel *k, int fd, const void *data, size_t n,
			  uint64_t offset);
	/* An eventfd that does not block; and how often it was signalled since the last call. */
	int (*eventfd)(struct vfio_kernel *k);
	int (*signals)(struct vfio_kernel *k, int fd, uint64_t *ret);
};

/* The running kernel. Lives forever; only for a root that is live. */
struct vfio_kernel *vfio_kernel_live(void);

/* ---- steps: where an error happened ---- */

/* VFIO_STEP(constant, name): in the order of a VMM; the name is that of the uAPI where it has one
 */
#define VFIO_STEPS(VFIO_STEP)                                                                      \
	VFIO_STEP(OPEN_CONTAINER, "open dev/vfio/vfio")                                            \
	VFIO_STEP(API_VERSION, "VFIO_GET_API_VERSION")                                             \
	VFIO_STEP(EXTENSION, "VFIO_CHECK_EXTENSION")                                               \
	VFIO_STEP(OPEN_GROUP, "open the group")                                                    \
	VFIO_STEP(GROUP_STATUS, "VFIO_GROUP_GET_STATUS")                                           \
	VFIO_STEP(SET_CONTAINER, "VFIO_GROUP_SET_CONTAINER")                                       \
	VFIO_STEP(SET_IOMMU, "VFIO_SET_IOMMU")                                                     \
	VFIO_STEP(DEVICE_FD, "VFIO_GROUP_GET_DEVICE_FD")                                           \
	VFIO_STEP(OPEN_IOMMUFD, "open dev/iommu")                                                  \
	VFIO_STEP(IOAS_ALLOC, "IOMMU_IOAS_ALLOC")                                                  \
	VFIO_STEP(OPEN_DEVICE, "open the device")                                                  \
	VFIO_STEP(BIND_IOMMUFD, "VFIO_DEVICE_BIND_IOMMUFD")                                        \
	VFIO_STEP(ATTACH_IOAS, "VFIO_DEVICE_ATTACH_IOMMUFD_PT")                                    \
	VFIO_STEP(IOMMU_INFO, "VFIO_IOMMU_GET_INFO")                                               \
	VFIO_STEP(IOVA_RANGES, "IOMMU_IOAS_IOVA_RANGES")                                           \
	VFIO_STEP(HW_INFO, "IOMMU_GET_HW_INFO")                                                    \
	VFIO_STEP(DEVICE_INFO, "VFIO_DEVICE_GET_INFO")                                             \
	VFIO_STEP(REGION_INFO, "VFIO_DEVICE_GET_REGION_INFO")                                      \
	VFIO_STEP(IRQ_INFO, "VFIO_DEVICE_GET_IRQ_INFO")                                            \
	VFIO_STEP(REGION_READ, "read a region")                                                    \
	VFIO_STEP(REGION_WRITE, "write a region")                                                  \
	VFIO_STEP(EVENTFD, "eventfd")                                                              \
	VFIO_STEP(SET_IRQS, "VFIO_DEVICE_SET_IRQS")                                                \
	VFIO_STEP(FEATURE, "VFIO_DEVICE_FEATURE")                                                  \
	VFIO_STEP(RESET_DEVICE, "VFIO_DEVICE_RESET")                                               \
	VFIO_STEP(HOT_RESET_INFO, "VFIO_DEVICE_GET_PCI_HOT_RESET_INFO")                            \
	VFIO_STEP(HOT_RESET, "VFIO_DEVICE_PCI_HOT_RESET")                                          \
	VFIO_STEP(MEMORY, "allocate memory")                                                       \
	VFIO_STEP(MAP_DMA, "map memory for DMA")                                                   \
	VFIO_STEP(UNMAP_DMA, "unmap memory for DMA")                                               \
	VFIO_STEP(RESTORE, "restore the command register")                                         \
	VFIO_STEP(CLOSE, "close")

enum vfio_step {
	VFIO_STEP_NONE,
#define VFIO_STEP_CONSTANT(constant, name) VFIO_STEP_##constant,
	VFIO_STEPS(VFIO_STEP_CONSTANT)
#undef VFIO_STEP_CONSTANT
		VFIO_N_STEPS
};

/* "VFIO_SET_IOMMU", "open the group", ...: lives forever. */
const char *vfio_step_name(enum vfio_step step);

struct vfio_failure {
	enum vfio_step step; /* VFIO_STEP_NONE: nothing has failed */
	int error;           /* negative errno of the kernel, or of what its answer lacked */
	const char *what;    /* the node or the function that it was about; never NULL after one */
};

/* ---- what the kernel offers for a function ---- */

enum vfio_backend {
	VFIO_GROUP,   /* dev/vfio/vfio and dev/vfio/<group> */
	VFIO_IOMMUFD, /* dev/iommu and dev/vfio/devices/vfio<n>; Linux 6.6 and later */
	VFIO_BACKENDS
};

/* "group", "iommufd" */
const char *vfio_backend_name(enum vfio_backend backend);

/*
 * The node of the function in each back end, or why there is none:
 *   -ENOENT  the kernel does not have it: no VFIO driver has the function, the kernel is older, or
 *            was built without it
 *   -EPERM   it is there without an IOMMU ("dev/vfio/noiommu-7"), which this layer refuses: the
 *            device could read and write all memory
 *   others   what reading sysfs gave
 */
struct vfio_way {
	int error;
	const char *node; /* also with -EPERM; else NULL after an error */
};

struct vfio_offer {
	const char *function; /* "0000:01:00.0" */
	struct fact_number group;
	struct vfio_way way[VFIO_BACKENDS];
};

/* Reads sysfs only; opens no node. */
void vfio_offer_read(struct host *host, const struct pci_function *f, struct vfio_offer *ret);

/* ---- a session: what one VMM holds ---- */

struct vfio;        /* container and groups, or iommufd and IO address space; and devices */
struct vfio_device; /* one function, open */

/* Opens nothing yet. Lives in @a, as all results do. */
struct vfio *vfio_new(struct vfio_kernel *kernel, struct arena *a);

/* The last failure of this session; its step is VFIO_STEP_NONE before the first. */
const struct vfio_failure *vfio_failed(const struct vfio *v);

/*
 * VFIO_GROUP: opens the container and asks it for its API version and for the type 1 v2 IOMMU.
 * VFIO_IOMMUFD: opens the iommufd and makes an IO address space. Once per session.
 * -ENOENT, -ENODEV: not in this kernel; -EACCES: the nodes belong to somebody else.
 */
MUST_CHECK int vfio_open(struct vfio *v, enum vfio_backend backend, struct err *e);

/*
 * Opens one function, behind the IOMMU. The functions of a session share its address space, as
 * those of a guest do.
 *
 * Refusals of the kernel (ERR_REFUSED when the answer is a plain no, else ERR_FAILED):
 *   GROUP_STATUS -EINVAL                  the group is not viable: a member has a host driver
 *   SET_CONTAINER, OPEN_GROUP -EBUSY      another VMM has the group
 *   SET_CONTAINER, SET_IOMMU, ATTACH_IOAS, BIND_IOMMUFD -EPERM
 *                                         the platform does not remap interrupts
 *   BIND_IOMMUFD, OPEN_DEVICE -EBUSY      another VMM has the device
 *   DEVICE_FD, OPEN_DEVICE -ENODEV        no VFIO driver has the function any more
 */
MUST_CHECK int vfio_attach(struct vfio *v, const struct vfio_offer *offer, struct vfio_device **ret,
			   struct err *e);

/* "0000:01:00.0" */
const char *vfio_device_name(const struct vfio_device *d);

/*
 * Restores the command registers that were changed, unmaps what was mapped for DMA, and closes
 * devices, groups and container (or iommufd) in this order. Closes everything even when a part of
 * that fails; returns the first error. Accepts a session that was never opened.
 */
int vfio_close(struct vfio *v, struct err *e);

/* ---- the IOMMU ---- */

struct vfio_range {
	uint64_t first, last; /* bytes, both included */
};

struct vfio_iommu {
	/* where devices may address memory: without the reserved regions of those attached */
	struct vfio_range *ranges;
	size_t n_ranges;
	int ranges_error;              /* -ENODATA: this kernel does not say */
	struct fact_number page_sizes; /* bit n: pages of 2^n bytes; -ENODATA: not said (iommufd) */
	struct fact_number alignment_bytes; /* the smallest page: of addresses and lengths */
	struct fact_number maps_left;       /* mappings that may still be made; group only */
	struct fact_number coherent; /* 1: the IOMMU keeps DMA coherent with caches; group only */
	struct fact_number dirty_page_sizes; /* as page_sizes: logs written pages, for migration */
};

/* Of the session: wants an attached device. */
MUST_CHECK int vfio_read_iommu(struct vfio *v, struct vfio_iommu *ret, struct err *e);

/* IOMMU_GET_HW_INFO of iommufd, Linux 6.7 and later: @type 0 none, 1 VT-d, 2 Arm SMMUv3, ... */
struct vfio_hardware {
	struct fact_number type;
	struct fact_number capabilities; /* enum iommufd_hw_capabilities */
};

/* Facts; -ENODATA in both with the group back end, -ENOTTY with an older kernel. */
void vfio_read_hardware(struct vfio_device *d, struct vfio_hardware *ret);

/* The lowest free piece in @iommu, aligned to @align_bytes (a power of 2); -ENOSPC: none. */
MUST_CHECK int vfio_iova_find(const struct vfio_iommu *iommu, uint64_t size_bytes,
			      uint64_t align_bytes, uint64_t *ret_iova);

/* ---- what a device is ---- */

struct vfio_area {
	uint64_t offset, size_bytes; /* within the region */
};

struct vfio_region {
	uint32_t index;
	const char *name;    /* "BAR 0", "ROM", "configuration space", "VGA", "region 9" */
	int error;           /* of asking; -EINVAL is how the kernel says "no such region" */
	uint64_t size_bytes; /* 0: not implemented */
	bool readable, writable, mappable;
	bool msix_mappable; /* the pages of the MSI-X table may be mapped too */
	/* what of a mappable region may be mapped: one area without a sparse list */
	struct vfio_area *areas;
	size_t n_areas;
	bool sparse;
	bool typed; /* device specific: the two numbers below */
	uint32_t type, subtype;
	bool damaged; /* its chain of capabilities made no sense, and is left out from there on */
	uint64_t offset; /* within the descriptor; for this layer */
};

struct vfio_irq {
	uint32_t index;
	const char *name; /* "INTx", "MSI", "MSI-X", "error", "release request" */
	int error;        /* as above */
	uint32_t count;   /* 0: none */
	bool eventfd, maskable, automasked, noresize;
};

struct vfio_facts {
	bool is_pci;
	bool can_reset; /* VFIO_DEVICE_RESET works */
	struct vfio_region *regions;
	size_t n_regions;
	struct vfio_irq *irqs;
	size_t n_irqs;
	struct fact_number atomics; /* bits 0, 1, 2: AtomicOps of 32, 64, 128; -ENODATA: not said */
	bool damaged; /* as above, or more regions or interrupts than any device has */
};

MUST_CHECK int vfio_read_device(struct vfio_device *d, struct vfio_facts *ret, struct err *e);

/* NULL when @facts has none of that index, or it has no bytes. */
const struct vfio_region *vfio_region_find(const struct vfio_facts *facts, uint32_t index);
/* Indexes of vfio-pci: 0 to 5 are the BARs. */
enum { VFIO_REGION_BARS = 6, VFIO_REGION_ROM = 6, VFIO_REGION_CONFIG = 7, VFIO_REGION_VGA = 8 };
enum { VFIO_IRQ_INTX, VFIO_IRQ_MSI, VFIO_IRQ_MSIX, VFIO_IRQ_ERROR, VFIO_IRQ_REQUEST };

struct vfio_feature {
	uint32_t number;
	const char *name; /* "migration", "low power", "DMA logging", ... lives forever */
	int error; /* 0: the device has it; -ENOTTY: it has not; others: what the kernel said */
};

/* VFIO_DEVICE_FEATURE, asked for each feature known, used for none. Every row in *@ret is set. */
void vfio_read_features(struct vfio_device *d, struct vfio_feature **ret, size_t *ret_n);

/* ---- registers ---- */

/*
 * Exactly @n bytes at @offset of @region through the descriptor, in pieces as large as the kernel
 * takes. -ENXIO outside of the region; -EIO among others when the device does not answer or its
 * memory is off.
 */
MUST_CHECK int vfio_read(struct vfio_device *d, const struct vfio_region *region, uint64_t offset,
			 void *data, size_t n, struct err *e);

/* The first 32 bits of a BAR, on both ways. */
struct vfio_bar {
	uint64_t offset; /* where: 0, or the start of the first area that may be mapped */
	int map_error;   /* of mapping and loading: -EFAULT for a SIGBUS; -ENODEV: not mappable */
	uint32_t mapped;
	int read_error; /* of pread(2) */
	uint32_t read;
	/*
	 * Both were read and are not the same: a register that counts, or something is wrong. Not
	 * for the table of MSI-X, which the kernel shows as all ones to pread(2).
	 */
	bool differ;
};

/*
 * Reads @region, a BAR of memory or I/O ports, when it has 4 bytes at least. Memory (or I/O)
 * decoding must be on: vfio_command_set(). A load that the kernel cannot serve raises SIGBUS, which
 * is caught for this load only.
 */
void vfio_read_bar(struct vfio_device *d, const struct vfio_region *region, struct vfio_bar *ret);

/* The whole configuration space as a guest would see it: 256 or 4096 bytes. */
MUST_CHECK int vfio_read_config(struct vfio_device *d, struct bytes *ret, struct err *e);

/*
 * The option ROM, @max_bytes at most. Wants memory decoding. -ENOENT: the device has none, or the
 * kernel found none that it trusts.
 */
MUST_CHECK int vfio_read_rom(struct vfio_device *d, size_t max_bytes, struct bytes *ret,
			     struct err *e);

/* PCI_COMMAND as it is now. */
MUST_CHECK int vfio_command_read(struct vfio_device *d, uint16_t *ret, struct err *e);
/*
 * Sets and clears bits of PCI_COMMAND (<linux/pci_regs.h>: PCI_COMMAND_MEMORY, ...) and reads them
 * back: -EIO when they did not stay. vfio_close() restores what was there at the first call.
 */
MUST_CHECK int vfio_command_set(struct vfio_device *d, uint16_t set, uint16_t clear, struct err *e);
/* What stood there before the first vfio_command_set(); no error when nothing was changed. */
MUST_CHECK int vfio_command_restore(struct vfio_device *d, struct err *e);

/* ---- interrupts ---- */

/*
 * Enables interrupt 0 of @index with an eventfd, lets the kernel trigger it as the device would
 * (loopback: the device is not asked), and disables it again. *@ret_signals: how often it came, 1
 * when all is well. -EBUSY for INTx: the line is shared with another device and this one cannot be
 * masked by itself.
 */
MUST_CHECK int vfio_try_irq(struct vfio_device *d, uint32_t index, uint64_t *ret_signals,
			    struct err *e);

/* ---- reset ---- */

/*
 * Resets this function only, by the first method in its reset_method that the kernel can use.
 * -EINVAL: none; -ENOTTY: none worked, or the device did not come back. *@ret_ns: how long the
 * kernel took. Registers that vfio_command_set()
 * has changed are as before it.
 */
MUST_CHECK int vfio_reset(struct vfio_device *d, uint64_t *ret_ns, struct err *e);

enum vfio_change_kind {
	VFIO_CHANGE_STATUS, /* a status bit: says what happened, and may change at any time */
	VFIO_CHANGE_LOST, /* the kernel saves and restores it around a reset, and it is different */
	VFIO_CHANGE_DEFAULT, /* the rest: went to what the device starts with */
};

struct vfio_change {
	uint32_t offset;  /* of a 32-bit word */
	const char *name; /* "BAR 0", "PCI Express capability", ... */
	enum vfio_change_kind kind;
	uint32_t before, after;
};

/*
 * What is different between two copies of a configuration space, in words of 32 bits. What
 * vfio_read_config() gives hides some of it: BARs and parts of the command register are
 * the kernel's copy there, not the device's; `config` of sysfs is the device's own.
 */
void vfio_config_compare(struct arena *a, struct bytes before, struct bytes after,
			 struct vfio_change **ret, size_t *ret_n);

struct vfio_affected {
	const char *name;         /* "0000:01:00.1" */
	bool owned;               /* this session has its group, or the device */
	struct fact_number group; /* group back end; else -ENODATA */
	struct fact_number id;    /* iommufd: device id; -ENODEV: not bound to this iommufd */
};

struct vfio_hot_reset {
	struct vfio_affected *functions;
	size_t n;
	bool owned; /* all of them: the reset would be allowed */
};

/*
 * The functions that a reset of the bus or slot would reset. -ENODEV: neither can be reset, as on a
 * root bus. Those of the session count as owned.
 */
MUST_CHECK int vfio_read_hot_reset(struct vfio_device *d, struct vfio_hot_reset *ret,
				   struct err *e);

/*
 * Resets the bus or slot of @d, with all functions that vfio_read_hot_reset() names. -EPERM
 * (ERR_REFUSED), without asking the kernel, when this session does not own them all.
 */
MUST_CHECK int vfio_hot_reset(struct vfio_device *d, uint64_t *ret_ns, struct err *e);

/* ---- DMA ---- */

struct vfio_memory {
	void *address;
	uint64_t size_bytes;
	uint64_t page_bytes;
	uint64_t iova; /* while it is mapped for DMA */
	bool mapped;
};

/*
 * Memory of this process: zeroed and anonymous, of pages of @page_bytes: 0 for the usual ones, or
 * 2 MiB, 1 GiB, ... from the reserve of huge pages. -ENOMEM: not so much is left there. It
 * belongs to the session, which gives it back in vfio_close() at the latest.
 */
MUST_CHECK int vfio_memory_get(struct vfio *v, uint64_t size_bytes, uint64_t page_bytes,
			       struct vfio_memory **ret, struct err *e);
/* Unmaps it for DMA first when it is mapped. */
MUST_CHECK int vfio_memory_put(struct vfio *v, struct vfio_memory *memory, struct err *e);

/*
 * Maps @memory at @iova for the devices of this session, readable and writable. -ENOMEM: mostly
 * the limit of locked memory (RLIMIT_MEMLOCK), which the sentence names with its value; -EINVAL:
 * @iova is not in the ranges of vfio_read_iommu(); -EEXIST: something is there. *@ret_ns: how long
 * the kernel took, pinning included.
 */
MUST_CHECK int vfio_dma_map(struct vfio *v, struct vfio_memory *memory, uint64_t iova,
			    uint64_t *ret_ns, struct err *e);
/* -EIO when the kernel has unmapped another number of bytes. */
MUST_CHECK int vfio_dma_unmap(struct vfio *v, struct vfio_memory *memory, uint64_t *ret_ns,
			      struct err *e);
