/* SPDX-License-Identifier: MIT */
/*
 * The VFIO of a kernel in memory: struct vfio_kernel with the rules of Linux 6.1 (groups) and 6.7
 * (device nodes, iommufd), so far as a VMM can see them. Where they come from:
 *
 *   nodes       a group opens once (-EBUSY), and only with a function in it that VFIO has; a
 *               device node as often as one likes, but binds once (drivers/vfio/group.c,
 *               device_cdev.c)
 *   container   wants a viable group before its IOMMU (container.c); loses it with the last group
 *   argsz       too small for the fixed part: -EINVAL; too small for the capabilities: success
 *               without them, and what it would take (vfio_pci_core.c, vfio_iommu_type1.c)
 *   iommufd     -EMSGSIZE and the number of ranges; -ENOENT for an id it does not have
 *   memory off  a read is -EIO, a load from a mapping SIGBUS (vfio_pci_mmap_fault())
 *
 * Whatever is opened or mapped is counted, and closing in the wrong order is noted: here it would
 * only be untidy, while the kernel keeps a device busy.
 */
#pragma once

#include "vfio/internal.h"

#define FAKE_VFIO_FDS 32
#define FAKE_VFIO_FIRST_FD 1000
#define FAKE_VFIO_DEVICES 4
#define FAKE_VFIO_MAPS 8
#define FAKE_VFIO_REGION_SHIFT 40

enum fake_vfio_kind {
	FAKE_VFIO_CLOSED,
	FAKE_VFIO_CONTAINER,
	FAKE_VFIO_GROUP,
	FAKE_VFIO_IOMMUFD,
	FAKE_VFIO_DEVICE,
	FAKE_VFIO_EVENTFD,
};

struct fake_vfio_file {
	enum fake_vfio_kind kind;
	uint64_t group;   /* GROUP */
	int container;    /* GROUP: its container, 0 for none */
	bool iommu;       /* CONTAINER: it is set */
	size_t device;    /* DEVICE: its index */
	bool by_node;     /* DEVICE: opened by its own node */
	int iommufd;      /* DEVICE: bound to it, 0 for none */
	bool attached;    /* DEVICE: to the address space */
	uint64_t signals; /* EVENTFD */
};

struct fake_vfio_region {
	uint64_t size;
	uint32_t flags; /* VFIO_REGION_INFO_FLAG_* */
	bool sparse, msix, typed;
	struct vfio_region_sparse_mmap_area areas[4];
	uint32_t n_areas;
	uint32_t type, subtype;
};

struct fake_vfio_device {
	const char *name;
	const char *node; /* "dev/vfio/devices/vfio0" */
	uint64_t group;
	bool host_driver;       /* not with VFIO */
	bool absent;            /* its BARs do not answer: loads raise SIGBUS */
	uint16_t command_stuck; /* bits that do not take what is written */
	uint8_t config[4096];
	uint32_t config_bytes;
	struct fake_vfio_region regions[10];
	uint32_t n_regions;
	uint32_t irqs[VFIO_PCI_NUM_IRQS];
	int irq_enabled; /* index, or -1 */
	int irq_eventfd;
	uint32_t features; /* bits */
	bool resets;       /* can be reset alone */
	uint32_t n_resets, n_hot_resets;
	uint16_t bus;
	uint32_t atomics; /* of the capability; 0: none */
};

struct fake_vfio_map {
	uint64_t iova, size;
};

struct fake_vfio {
	struct vfio_kernel kernel; /* first: what the program is given */

	/* the machine; set before use */
	bool no_container, no_iommufd; /* this kernel lacks it */
	bool no_remapping;             /* of interrupts */
	bool no_hw_info;
	int version; /* of the API */
	bool no_type1v2;
	uint64_t page_sizes;
	struct vfio_range ranges[24];
	uint32_t n_ranges;
	bool no_ranges; /* an old kernel that does not say */
	uint32_t maps_left;
	uint64_t lock_bytes; /* how much may be locked */
	uint64_t huge_bytes; /* reserve of huge pages */
	bool no_slot_reset;
	const uint32_t *reads_as; /* what pread(2) of a BAR gives instead, or NULL */
	struct fake_vfio_device devices[FAKE_VFIO_DEVICES];
	size_t n_devices;

	/* what is to go wrong: the call of this number, from 1, fails */
	unsigned fail_at;
	int fail_with;
	/* and the first call of this kind with this request, or with 0 for opening @fail_node */
	enum fake_vfio_kind fail_kind;
	unsigned long fail_request;
	const char *fail_node;
	/* changes what an ioctl answers, after it has succeeded; NULL: nothing */
	void (*mangle)(struct fake_vfio *f, enum fake_vfio_kind kind, unsigned long request,
		       void *argument);

	/* what happened */
	unsigned calls, failed_call;
	enum fake_vfio_kind failed_kind;
	unsigned long failed_request;
	struct fake_vfio_file files[FAKE_VFIO_FDS];
	struct fake_vfio_map maps[FAKE_VFIO_MAPS];
	size_t n_maps;
	size_t n_mappings;    /* of memory, not yet unmapped */
	unsigned wrong_order; /* closed while something still needed it, or twice */
	int32_t proof[8];     /* descriptors of the last hot reset */
	uint32_t n_proof;
	int memory;  /* a file with the contents of all BARs */
	int nothing; /* an empty file: loads from it raise SIGBUS */
};

/*
 * Two functions of group 7 (a display with audio: BARs 0 to 3 and ROM; one BAR), one of group 8 on
 * another bus, all with VFIO.
 */
void fake_vfio_open(struct fake_vfio *f);
void fake_vfio_close(struct fake_vfio *f);
/* Descriptors that are still open. */
size_t fake_vfio_left(const struct fake_vfio *f);
/* What vfio_offer_read() would find for device @index. */
struct vfio_offer fake_vfio_offer(const struct fake_vfio *f, size_t index);
/* The first word of BAR @bar of device @index. */
uint32_t fake_vfio_word(size_t index, uint32_t bar);

/* ---- what the files of the fake share ---- */

struct fake_vfio_file *fake_vfio_file(struct fake_vfio *f, int fd, enum fake_vfio_kind kind);
int fake_vfio_device_ioctl(struct fake_vfio *f, struct fake_vfio_file *file, unsigned long request,
			   void *argument);
int fake_vfio_container_ioctl(struct fake_vfio *f, struct fake_vfio_file *file, int fd,
			      unsigned long request, uintptr_t argument);
int fake_vfio_iommufd_ioctl(struct fake_vfio *f, unsigned long request, void *argument);
/*
 * Answers as vfio_info_add_capability() and its users do: @caps are offset for @fixed bytes and
 * put behind it when argsz allows, else only argsz is told. @ret_offset: for cap_offset.
 */
void fake_vfio_add_caps(void *info, size_t fixed, uint8_t *caps, size_t n, uint32_t *ret_offset);
/* Appends a capability of @n bytes with header to @caps of *@used; returns where. */
void *fake_vfio_cap(uint8_t *caps, size_t *used, uint16_t id, size_t n);
extern const struct vfio_kernel fake_vfio_kernel;
