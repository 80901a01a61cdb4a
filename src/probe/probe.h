/* SPDX-License-Identifier: MIT */
/*
 * Trying a device as a VMM would use it: open it through VFIO, look at all that it offers, map
 * memory for its DMA, trigger its interrupts, reset it, and put everything back. What came of each
 * step is kept, so that "a guest can use it" has its evidence.
 *
 * Opening a device is not without effect, and closing it neither: the kernel resets it both times
 * where it can (vfio_pci_core_enable() and vfio_pci_core_disable() in
 * drivers/vfio/pci/vfio_pci_core.c of Linux). Bus mastering stays off unless asked for, so a
 * device cannot write to memory while it is looked at.
 */
#pragma once

#include "handover/handover.h"
#include "vfio/vfio.h"

enum probe_answer {
	PROBE_YES,
	PROBE_NO,
	PROBE_UNKNOWN,   /* could not find out */
	PROBE_NOT_TRIED, /* what it says tells why */
};

/* What a `no` means for a guest. */
enum probe_weight {
	PROBE_TOLD,   /* nothing: a property of the device */
	PROBE_LIMITS, /* it works, but not everything */
	PROBE_NEEDED, /* without it nothing works */
};

struct probe_step {
	const char *name;    /* "open", "BAR 0", "reset: flr" */
	const char *backend; /* "group", "iommufd"; NULL: has nothing to do with either */
	enum probe_answer answer;
	enum probe_weight weight;
	const char *what; /* what was seen, or why not; NULL: nothing to say */
	bool timed;
	uint64_t ns;
};

struct probe_steps {
	struct probe_step *step;
	size_t n;
};

/* A part of the configuration space that is not the same for a guest as for the host. */
struct probe_difference {
	uint16_t offset;  /* of a byte, the first of `bytes` */
	uint8_t bytes;    /* 1 to 4, within a word of 32 bits */
	const char *name; /* "command register", "BAR 0", "capability 0x10 (PCI Express)" */
	bool expected;    /* VFIO is known to show something else there */
	uint32_t device, guest;
};

struct probe_function {
	const struct pci_function *function;
	struct probe_steps steps;
	/* of the first back end that opened it; NULL: none did */
	const struct vfio_facts *facts;
	const struct vfio_feature *features;
	size_t n_features;
	bool has_rom;
	struct rom rom;
	struct probe_difference *differences;
	size_t n_differences;
	int affected_error; /* -ENODEV: no reset of bus or slot; -ENODATA: not asked */
	struct vfio_hot_reset affected;

	enum probe_answer answer; /* whether a guest can use it: yes, no, unknown */
	bool limited;             /* it can, but not everything works */
	const char *because;      /* the first step that stands against it; NULL: none does */
};

/* How long a guest's memory takes to be made available to devices, by the size of its pages. */
struct probe_pace {
	uint64_t page_bytes;
	uint64_t tried_bytes;
	uint64_t map_ns, unmap_ns;
	uint64_t guest_ns; /* of all memory of a guest of that size */
};

struct probe {
	struct probe_function *functions;
	size_t n;
	struct probe_steps steps; /* of all functions together: the address space they share */
	struct vfio_iommu iommu;  /* of the first back end */
	bool has_iommu;
	uint64_t guest_bytes;
	struct probe_pace *paces;
	size_t n_paces;
	struct fact_number lock_bytes; /* RLIMIT_MEMLOCK of this process; MEMORY_UNLIMITED */
};

struct probe_options {
	struct vfio_kernel *kernel;
	unsigned backends; /* bits 1 << enum vfio_backend */
	bool gentle;       /* nothing that resets, beyond opening and closing */
	bool bus_master;   /* try whether the device may become master of the bus */
	uint64_t guest_bytes;
	bool much_memory; /* map 1 GiB, not only what is quick */
};

/*
 * Tries the functions of @handover, which must be with a VFIO driver: -EPERM (ERR_REFUSED) when
 * one is not, and while another process has one of them open. Whatever a step says is no error.
 *
 * Changes reset_method of the functions and restores it, also when this process is killed: a child
 * waits for its end.
 */
MUST_CHECK int probe_run(struct host *host, const struct handover *handover,
			 const struct probe_options *options, struct probe *ret, struct err *e);

/* ---- for tests ---- */

/*
 * What differs between a configuration space as the device has it (`config` of sysfs, read before
 * and after) and as VFIO shows it. What changed meanwhile by itself is left out.
 */
void probe_compare_config(struct arena *a, struct bytes device, struct bytes device_again,
			  struct bytes guest, struct probe_difference **ret, size_t *ret_n);
