/* SPDX-License-Identifier: MIT */
/*
 * PCI configuration space, decoded from the bytes of sysfs `config`.
 *
 * What was not among the bytes is not absent: every part carries an `error` beside it.
 *   0           it is there and decoded
 *   -ENOENT     the function does not have it
 *   -EACCES     the kernel cut the file short: an ordinary user gets 64 bytes
 *   -ENODATA    the file ends before the extended space of a PCI Express function
 *   -EBADMSG    the bytes make no sense: a list with a loop, a structure that leaves its space
 *   PCI_SILENT, PCI_ASLEEP or the errno of reading the file: nothing is known at all
 *
 * Registers and bits: PCI Express Base Specification 6.0, names from linux/pci_regs.h. Fields that
 * are kept as registers (command, ACS control, ...) are to be read with its constants.
 */
#pragma once

#include "host/host.h"

/* All ones: the function does not answer; it was removed or is in D3cold. */
#define PCI_SILENT (-ENODEV)

#define PCI_CONFIG_USER_BYTES 64
#define PCI_CONFIG_BYTES 256
#define PCI_CONFIG_EXTENDED_BYTES 4096

struct pci_capability {
	uint16_t id; /* PCI_CAP_ID_* in the standard list, PCI_EXT_CAP_ID_* in the extended one */
	uint16_t offset;
	uint8_t version; /* of an extended one */
	/* of the vendor-specific ones (VNDR in both lists, DVSEC), else 0 */
	uint16_t length_bytes;
	uint16_t vendor;    /* DVSEC: whose it is */
	uint16_t vendor_id; /* extended VNDR and DVSEC: the vendor's number of it */
};

struct pci_capabilities {
	/* 0: the list is whole; otherwise why what is not in it may still be there */
	int error;
	const struct pci_capability *list; /* in the order of the chain */
	size_t n;
};

enum pci_header {
	PCI_HEADER_FUNCTION,
	PCI_HEADER_BRIDGE,
	PCI_HEADER_CARDBUS,
	PCI_HEADER_UNKNOWN,
};

struct pci_bar {
	bool decoded; /* its register is neither zero nor the upper half of the one before */
	enum pci_resource_kind kind;
	bool is_64bit;
	bool prefetchable;
	uint64_t address;
	uint64_t size_bytes; /* 0 until pci_config_set_sizes(); of one VF */
};

struct pci_rom {
	int error;
	bool enabled;
	uint32_t address;
	uint64_t size_bytes; /* as above */
};

struct pci_subsystem {
	int error;
	uint16_t vendor, device;
};

struct pci_window {
	bool open; /* base is not above limit, and the registers are not all zero */
	bool wide; /* 32 bit for I/O, 64 bit for prefetchable memory */
	uint64_t base, limit;
};

struct pci_bridge {
	int error;
	uint8_t primary, secondary, subordinate;
	struct pci_window io, memory, prefetchable;
	uint16_t control; /* PCI_BRIDGE_CTL_* */
};

struct pci_power {
	int error;
	uint16_t offset;
	uint8_t version;
	uint8_t state; /* 0 for D0 to 3 for D3hot */
	bool d1, d2;
	uint8_t pme_states; /* bit n: PME from Dn, bit 4 from D3cold */
	bool no_soft_reset;
	bool pme_enabled;
};

struct pci_msi {
	int error;
	uint16_t offset;
	bool enabled;
	unsigned vectors, vectors_max;
	bool is_64bit, maskable;
};

struct pci_msix {
	int error;
	uint16_t offset;
	bool enabled, masked;
	unsigned vectors;
	uint8_t table_bar, pending_bar;
	uint32_t table_offset, pending_offset;
};

/* Function-level reset of conventional functions. */
struct pci_af {
	int error;
	uint16_t offset;
	bool flr;
};

/* Speeds are the numbers of the specification: 1 is 2.5 GT/s, ... 6 is 64 GT/s; 0: no link. */
struct pci_link {
	int error; /* -ENOENT: integrated into the root complex */
	uint8_t speed_max, speed;
	uint8_t width_max, width;
	uint8_t aspm_supported, aspm_enabled; /* bit 0 L0s, bit 1 L1 */
	uint8_t port;
	bool active, reports_active;
	bool training;
	bool clock_pm;
	/* second registers, capability version 2: */
	int second_error;
	uint8_t speeds; /* bit n: speed n + 1 */
	uint8_t speed_target;
};

struct pci_slot {
	int error; /* -ENOENT: the port has no slot */
	uint16_t number;
	bool hotplug, surprise, power_controller, attention_button;
	bool occupied;
	bool power_off;
};

struct pci_express {
	int error;
	uint16_t offset;
	uint8_t version;
	uint8_t type; /* PCI_EXP_TYPE_* */
	uint16_t payload_max_bytes, payload_bytes, read_request_bytes;
	bool flr;
	bool extended_tag;
	bool transactions_pending;
	struct pci_link link;
	struct pci_slot slot;
	/* device capabilities 2: */
	int second_error;
	bool ari_forwarding, ari_forwarding_enabled;
	bool atomic_routing, atomic_32, atomic_64, atomic_128;
	bool atomic_request_enabled;
	bool ltr, ltr_enabled;
	bool tag_10bit_completer, tag_10bit_requester;
};

struct pci_acs {
	int error;
	uint16_t offset;
	uint16_t supported, enabled; /* PCI_ACS_* */
	uint8_t egress_bits;
};

struct pci_ari {
	int error;
	uint16_t offset;
	uint8_t next_function;
	bool function_groups_mfvc, function_groups_acs;
	uint8_t function_group;
};

struct pci_sriov {
	int error;
	uint16_t offset;
	bool enabled, memory_enabled, ari_hierarchy;
	uint16_t initial, total, count;
	uint8_t depends_on; /* function dependency link */
	uint16_t vf_offset, vf_stride;
	uint16_t vf_device;
	uint32_t page_sizes, page_size; /* bit n: 2^(n + 12) bytes */
	struct pci_bar bars[6];
};

struct pci_resizable_bar {
	uint8_t bar;
	uint64_t sizes;    /* bit n: 2^n MiB can be chosen */
	uint8_t size_log2; /* now: 2^size_log2 MiB */
};

struct pci_rebar {
	int error;
	uint16_t offset;
	struct pci_resizable_bar bars[6];
	size_t n_bars;
};

struct pci_ats {
	int error;
	uint16_t offset;
	bool enabled;
	uint8_t queue_depth; /* 0 stands for 32 */
	uint8_t smallest_unit;
	bool page_aligned;
};

struct pci_pasid {
	int error;
	uint16_t offset;
	bool enabled, execute, privileged;
	uint8_t width_max_bits;
};

struct pci_pri {
	int error;
	uint16_t offset;
	bool enabled, stopped, pasid_required;
	uint32_t capacity, allocation;
};

struct pci_config {
	/* 0, or why nothing is known; then every other error says the same */
	int error;
	const uint8_t *bytes;
	size_t n_bytes;

	/* Virtual functions have ffff:ffff here and their ids in sysfs. */
	uint16_t vendor, device;
	uint16_t command, status; /* PCI_COMMAND_*, PCI_STATUS_* */
	uint8_t revision;
	uint32_t class_code;
	enum pci_header header;
	bool multifunction;
	uint8_t interrupt_line, interrupt_pin; /* pin 0: none, 1: INTA */
	struct pci_bar bars[6];
	struct pci_rom rom;
	struct pci_subsystem subsystem;
	struct pci_bridge bridge;

	struct pci_capabilities standard, extended;
	struct pci_power power;
	struct pci_msi msi;
	struct pci_msix msix;
	struct pci_af af;
	struct pci_express express;
	/* advanced error reporting: only whether it is there */
	int aer_error;
	struct pci_acs acs;
	struct pci_ari ari;
	struct pci_sriov sriov;
	struct pci_rebar rebar, vf_rebar;
	struct pci_ats ats;
	struct pci_pasid pasid;
	struct pci_pri pri;
	/* device serial number */
	int serial_error;
	uint64_t serial;
};

/*
 * Decodes @n bytes: 64, 128, 256 or 4096 from a kernel, any number from elsewhere. Copies them and
 * gives the lists from @a. Never fails: what is not known says so.
 */
void pci_decode_config(struct arena *a, const void *bytes, size_t n, struct pci_config *ret);

/*
 * Reads `config` of @f and decodes it. Returns ret->error. A function that runtime power management
 * has suspended is left alone (PCI_ASLEEP): the kernel wakes one that is in D3cold, and its port,
 * for this file (pci_config_pm_runtime_get() of drivers/pci/pci.c).
 */
int host_read_config(struct host *host, const struct pci_function *f, struct pci_config *ret);

/* Puts the sizes that the kernel found (sysfs `resource`) beside BARs, ROM and VF BARs. */
void pci_config_set_sizes(struct pci_config *config, const struct pci_detail *detail);

/*
 * The first capability @id of a list: 0 and it, -ENOENT when there is none, or the error of the
 * list when that cannot be said.
 */
int pci_find_capability(const struct pci_capabilities *list, uint16_t id,
			const struct pci_capability **ret);

/* "endpoint", "root port", ...; PCI_EXP_TYPE_* */
const char *pci_express_type_name(uint8_t type);
/* "8.0 GT/s" of a speed's number, NULL for one that is not known. */
const char *pci_link_speed_name(uint8_t speed);
