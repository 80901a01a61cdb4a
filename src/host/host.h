/* SPDX-License-Identifier: MIT */
/*
 * What a host is, read from its root. This layer reads and judges nothing: every
 * fact that could not be read keeps its errno beside it.
 *
 * Sources: Documentation/ABI/testing/sysfs-bus-pci, sysfs-kernel-iommu_groups and
 * drivers/pci/pci-sysfs.c of Linux.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/root.h"
#include "host/fact.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

/* Linux numbers domains with 32 bits (VMD and Hyper-V use numbers above 0xffff). */
struct pci_address {
	uint32_t domain;
	uint8_t bus;
	uint8_t device;
	uint8_t function;
};

/* "ffffffff:ff:1f.7" and a NUL */
#define PCI_ADDRESS_MAX 17

/* Why a function is not known: it is listed, and what every function has is not there. */
#define PCI_MISSING (-ENOMSG)

struct device_facts;

/* One function of a PCI device: what a listing needs. */
struct pci_function {
	struct pci_address address;
	const char *name; /* "0000:01:00.0" */
	const char *path; /* its directory in the root, "sys/devices/..." */
	int error;        /* of reading its identity; then the ids below are 0 */
	uint16_t vendor, device;
	uint16_t subsystem_vendor, subsystem_device;
	uint32_t class_code;            /* base class << 16 | sub class << 8 | interface */
	bool has_bridge_header;         /* asked of class 0680 only */
	struct fact_text driver;        /* -ENOENT: none */
	struct fact_number iommu_group; /* -ENOENT: none */
	struct pci_function *parent;    /* the bridge above; NULL on a root bus */
	struct device_facts *facts;     /* NULL before host_read_device() */
	bool has_physical;              /* whether host_is_virtual() knows: */
	bool is_virtual;
};

struct host_names;
struct host_facts;
struct host_devices;
struct use_facts;
struct known_group;

struct host {
	struct arena arena;
	struct root *root;
	struct pci_function *functions; /* by address */
	size_t n_functions;
	struct host_names *names; /* opened at the first lookup */
	struct host_facts *facts; /* NULL before host_read_facts() */
	/* what host_use() and host_read_device() have read, NULL before */
	struct use_facts *use;
	struct host_devices *devices;
	struct known_group *groups; /* that host_group_of() has read; NULL to read again */
};

/* Takes over @root. */
void host_init(struct host *host, struct root *root);
/* Closes the root and gives all memory back. */
void host_done(struct host *host);

/* ---- pci.c: the functions ---- */

/*
 * Reads all functions: per function its place (a link), its uevent and its group (a link). A
 * function that disappears meanwhile is left out. Touches nothing that wakes a device, and no
 * `config` but that of "other bridges".
 */
MUST_CHECK int host_read_pci(struct host *host, struct err *e);

/* NULL when there is none at that address. */
struct pci_function *host_find(const struct host *host, struct pci_address address);

int pci_address_compare(struct pci_address a, struct pci_address b);
/* The form of sysfs: domain of four digits at least. */
void pci_address_format(struct pci_address address, char text[PCI_ADDRESS_MAX]);
/* The form of sysfs, whole string. */
bool pci_address_parse(const char *text, struct pci_address *ret);
bool pci_same_slot(struct pci_address a, struct pci_address b);

static inline uint8_t pci_base_class(const struct pci_function *f)
{
	return (uint8_t)(f->class_code >> 16);
}

/* Base class 03: VGA, 3D and other display controllers. */
bool pci_is_display(const struct pci_function *f);
/*
 * Base class 06: they stay with the host. "Other bridges" (0680) are none when they have the header
 * of an endpoint: NVIDIA's NVSwitch, which a guest that manages the fabric is given. Another header
 * vfio-pci does not take.
 */
bool pci_is_bridge(const struct pci_function *f);

/* ---- detail.c: the rest about one function ---- */

enum pci_resource_kind { PCI_RESOURCE_IO, PCI_RESOURCE_MEMORY };

struct pci_resource {
	unsigned index; /* 0-5 BARs, 6 the expansion ROM, 7-12 SR-IOV BARs or bridge windows */
	enum pci_resource_kind kind;
	bool is_64bit;
	bool prefetchable;
	bool assigned;
	uint64_t start;
	uint64_t size_bytes;
};

/* Why a link is not known: reading it would wake the device. */
#define PCI_ASLEEP (-EHOSTDOWN)
/* Reading it waits for a handover that the kernel does not come back from. */
#define PCI_BUSY (-ETIMEDOUT)

struct pci_detail {
	/* -ENOENT: none, or the kernel says -1 */
	struct fact_number numa_node;
	/* -ENOENT: not a VGA device */
	struct fact_number boot_vga;
	/* -ENOENT: none */
	struct fact_text driver_override;
	/* in order of use, separated by blanks; -ENOENT: none */
	struct fact_text reset_methods;
	/* "8.0 GT/s PCIe" and a number of lanes; -ENOENT: not PCI Express, PCI_ASLEEP */
	struct fact_text link_speed, link_width, link_speed_max, link_width_max;
	/* D0 to D3cold */
	struct fact_text power_state;
	/* active, suspended, ... */
	struct fact_text runtime_status;
	struct fact_number d3cold_allowed;
	/* SR-IOV; -ENOENT: not capable */
	struct fact_number vfs, vfs_max;
	/* address of the physical function; -ENOENT: this is no virtual function */
	struct fact_text physical_function;
	/* 0: there is an expansion ROM; -ENOENT: none */
	int rom_error;
	int resource_error;
	struct pci_resource *resources;
	size_t n_resources;
};

/*
 * Reads an attribute whose reading takes the lock of the device, which a handover has that the
 * kernel does not come back from: PCI_BUSY then, after a second. driver_override does, and
 * sriov_numvfs in kernels from 5.5 to 6.8 (sriov_numvfs_show() of drivers/pci/iov.c).
 */
MUST_CHECK int host_read_waiting(struct host *host, const struct pci_function *f,
				 const char *attribute, struct bytes *ret);
/* Whether it may be that @f is being handed over; of a record never. */
bool host_is_locked(struct host *host, const struct pci_function *f);
/* Facts that could not be read keep their errno; a suspended device is not woken for its link. */
void host_read_detail(struct host *host, const struct pci_function *f, struct pci_detail *ret);

/* Whether the firmware used it for its display; -ENOENT: not a VGA device. One file, for listings.
 */
struct fact_number host_boot_vga(struct host *host, const struct pci_function *f);

/* ---- group.c: IOMMU groups ---- */

struct iommu_group {
	uint64_t number;
	struct fact_text type; /* "DMA", "DMA-FQ", "identity" */
	struct pci_function **members;
	size_t n_members;
	const char **others; /* names of members that are no PCI functions */
	size_t n_others;
};

/* All groups that PCI functions are in, by number; from the facts of host_read_pci(). */
void host_groups(struct host *host, struct iommu_group **ret, size_t *ret_n);
/* The group of @f as the kernel lists it; the errno of the fact when it has none or is not
 * readable. */
MUST_CHECK int host_group_of(struct host *host, const struct pci_function *f,
			     struct iommu_group *ret);
/* The type of a group's default domain. */
struct fact_text host_group_type(struct host *host, uint64_t number);

/* vfio-pci, or a variant for certain devices: mlx5_vfio_pci, nvgrace_gpu_vfio_pci, ... NULL is
 * none. */
bool host_is_vfio_driver(const char *driver);

/*
 * Whether the kernel lets VFIO have a group with this member in it: no driver, or one that
 * manages DMA itself (Linux 5.19: driver_managed_dma; the older list is a part of it).
 */
bool host_driver_permits_vfio(const struct fact_text *driver);

/* ---- select.c: which device a user means ---- */

struct selection {
	struct pci_function **function;
	size_t n;
};

/*
 * DEVICE: an address (0000:41:00.0, 41:00.0), a slot (41:00), ids (10de:1c82) or a class word
 * (gpu, nvme, nic, usb) with or without an index (gpu:1).
 *
 * Gives one function; for a slot all of its functions, a display controller first. Malformed
 * text, and ids or a word that fit several devices, are usage errors, the latter listing them;
 * -ENODEV when nothing fits.
 */
MUST_CHECK int select_device(struct host *host, const char *text, struct selection *ret,
			     struct err *e);
/* "gpu:0", "nvme:1", ...: the word that selects @f, or NULL when its class has none. */
const char *select_word(struct host *host, const struct pci_function *f);

/*
 * @f and what goes to a guest together with it, @f first: the functions of its slot that share its
 * IOMMU group, and, when a display controller is among them, those of the same vendor (GPU, audio,
 * USB-C, UCSI). Bridges never, nor a physical function with its virtual ones.
 */
void host_companions(struct host *host, struct pci_function *f, struct selection *ret);
/* Whether it is one that a physical function made; asked of the kernel once. */
bool host_is_virtual(struct host *host, struct pci_function *f);

/* ---- names.c: the hardware database of udev ---- */

/* NULL when the database or the entry is missing. */
const char *host_device_name(struct host *host, const struct pci_function *f);
const char *host_vendor_name(struct host *host, const struct pci_function *f);
const char *host_class_name(struct host *host, const struct pci_function *f);

/* ---- facts.c: what checks judge besides ---- */

/* Reads all of struct host_facts into host->facts. */
void host_read_facts(struct host *host);

#include "host/acpi.h"
#include "host/config.h"
#include "host/device.h"
#include "host/facts.h"
#include "host/isolation.h"
#include "host/monitor.h"
#include "host/reserved.h"
#include "host/rom.h"
#include "host/state.h"
#include "host/use.h"
