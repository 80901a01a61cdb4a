/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables in which the firmware describes its IOMMUs, decoded completely.
 *
 *   DMAR  Intel Virtualization Technology for Directed I/O, Architecture Specification,
 *         chapter 8 "BIOS Considerations"; SATC and SIDP are in its newer revisions only
 *   IVRS  AMD I/O Virtualization Technology (IOMMU) Specification, publication 48882,
 *         section "I/O Virtualization ACPI Table"
 *
 * Fields are named as there; bits of a field of flags have a constant each. What a revision calls
 * reserved is not kept. Numbers may have any value: whether they make sense is not judged here.
 *
 * Malformed is a structure that does not fit into what holds it, or whose length contradicts its
 * contents. Then no result is given, but -EBADMSG and a sentence that names the offset: half a
 * table could lack the very region that keeps a device from a guest. Structures of a type that
 * these specifications do not define are skipped by their length, and listed.
 *
 * A wrong checksum is no error but a fact, acpi_header.checksum_ok, because its meaning differs
 * between the tables: of DMAR, Linux warns and uses it; for IVRS it leaves the IOMMU off
 * (check_ivrs_checksum() in drivers/iommu/amd/init.c).
 */
#pragma once

#include "host/host.h"

/* What every ACPI table begins with. Texts end at the first NUL and may hold any other byte. */
struct acpi_header {
	char signature[5];
	uint32_t length; /* of the table, in bytes */
	uint8_t revision;
	uint8_t checksum;
	bool checksum_ok; /* all bytes add up to 0 */
	char oem_id[7];
	char oem_table_id[9];
	uint32_t oem_revision;
	char creator_id[5]; /* of the compiler */
	uint32_t creator_revision;
};

/* Where a structure lies in its table, in bytes: the evidence for what it says. */
struct acpi_place {
	uint32_t offset;
	uint32_t length;
};

/* A structure that the specifications above do not define. */
struct acpi_unknown {
	struct acpi_place place;
	uint16_t type;
};

/* ---- dmar.c: DMA Remapping Reporting Structure (Intel) ---- */

enum dmar_flag {
	DMAR_INTR_REMAP = 1 << 0,
	DMAR_X2APIC_OPT_OUT = 1 << 1,
	DMAR_DMA_CTRL_PLATFORM_OPT_IN = 1 << 2,
};

enum dmar_type {
	DMAR_DRHD = 0,
	DMAR_RMRR = 1,
	DMAR_ATSR = 2,
	DMAR_RHSA = 3,
	DMAR_ANDD = 4,
	DMAR_SATC = 5,
	DMAR_SIDP = 6,
};

/* Others are possible. */
enum dmar_scope_type {
	DMAR_SCOPE_ENDPOINT = 1,
	DMAR_SCOPE_SUB_HIERARCHY = 2, /* a bridge and all that is below */
	DMAR_SCOPE_IOAPIC = 3,
	DMAR_SCOPE_HPET = 4,
	DMAR_SCOPE_ACPI_NAMESPACE = 5, /* see dmar_andd; its path is the source id that it uses */
};

/* Of a device scope within a SIDP. */
enum dmar_scope_flag {
	DMAR_SCOPE_REQ_WO_PASID_NESTED_NOTALLOWED = 1 << 0,
	DMAR_SCOPE_REQ_WO_PASID_PWSNP_NOTALLOWED = 1 << 1,
	DMAR_SCOPE_REQ_WO_PASID_PGSNP_NOTALLOWED = 1 << 2,
	DMAR_SCOPE_ATC_HARDENED = 1 << 3,
	DMAR_SCOPE_ATC_REQUIRED = 1 << 4,
};

struct dmar_step {
	uint8_t device;
	uint8_t function;
};

/* Device scope structure: from the root bus over the bridges to one device. */
struct dmar_scope {
	struct acpi_place place;
	uint8_t type;
	uint8_t flags;
	uint8_t enumeration_id;
	uint8_t start_bus_number;
	struct dmar_step *path; /* all but the last are bridges */
	size_t n_path;          /* 1 or more */
};

/* The devices that a structure is about. */
struct dmar_devices {
	uint16_t segment_number;
	struct dmar_scope *scopes;
	size_t n_scopes;
};

enum { DMAR_DRHD_INCLUDE_PCI_ALL = 1 << 0 };

/* DMA Remapping Hardware Unit Definition */
struct dmar_drhd {
	struct acpi_place place;
	uint8_t flags;
	uint8_t size; /* bits 3:0: its registers take 2^n pages of 4 KiB */
	uint64_t register_base_address;
	struct dmar_devices devices;
};

/* Reserved Memory Region Reporting: an identity mapping that these devices need */
struct dmar_rmrr {
	struct acpi_place place;
	uint64_t base_address;
	uint64_t limit_address; /* of its last byte */
	struct dmar_devices devices;
};

enum { DMAR_ATSR_ALL_PORTS = 1 << 0 };

/* Root Port ATS Capability Reporting: the root ports that support it */
struct dmar_atsr {
	struct acpi_place place;
	uint8_t flags;
	struct dmar_devices devices;
};

/* Remapping Hardware Static Affinity */
struct dmar_rhsa {
	struct acpi_place place;
	uint64_t register_base_address;
	uint32_t proximity_domain;
};

/* ACPI Name-space Device Declaration */
struct dmar_andd {
	struct acpi_place place;
	uint8_t acpi_device_number; /* the enumeration id of its device scope */
	const char *acpi_object_name;
};

enum { DMAR_SATC_ATC_REQUIRED = 1 << 0 };

/* SoC Integrated Address Translation Cache */
struct dmar_satc {
	struct acpi_place place;
	uint8_t flags;
	struct dmar_devices devices;
};

/* SoC Integrated Device Property: the flags of the device scopes */
struct dmar_sidp {
	struct acpi_place place;
	struct dmar_devices devices;
};

/* The structures of each kind are in the order of the table. */
struct dmar {
	struct acpi_header header;
	uint8_t host_address_width; /* as stored: bits of an address of the host, minus 1 */
	uint8_t flags;
	struct dmar_drhd *drhds;
	struct dmar_rmrr *rmrrs;
	struct dmar_atsr *atsrs;
	struct dmar_rhsa *rhsas;
	struct dmar_andd *andds;
	struct dmar_satc *satcs;
	struct dmar_sidp *sidps;
	struct acpi_unknown *unknowns;
	size_t n_drhds, n_rmrrs, n_atsrs, n_rhsas, n_andds, n_satcs, n_sidps, n_unknowns;
};

/*
 * @table: the file; bytes behind the length that it states are ignored. Results live in @a; @ret is
 * set on success only.
 */
MUST_CHECK int dmar_parse(struct arena *a, struct bytes table, struct dmar *ret, struct err *e);

/*
 * Whether the structure is about @f: it names the function, or a bridge above it as a
 * sub-hierarchy. Bridges are found by the parents of @f, so that no bus number has to be read.
 * Firmware that gives the device's own bus where the root bus belongs is understood as Linux does
 * (dmar_match_pci_path() in drivers/iommu/intel/dmar.c).
 *
 * Ask with the physical function for a virtual one, and with the VMD controller for what is
 * behind it: these are what the IOMMU sees. INCLUDE_PCI_ALL and ALL_PORTS are not looked at.
 */
bool dmar_devices_cover(const struct dmar_devices *devices, const struct pci_function *f);
/* The same for one device scope, on whatever segment. */
bool dmar_scope_covers(const struct dmar_scope *scope, const struct pci_function *f);

/* The unit that remaps the DMA of @f: by device scope, else by INCLUDE_PCI_ALL. NULL: none. */
const struct dmar_drhd *dmar_drhd_of(const struct dmar *dmar, const struct pci_function *f);

/* The first RMRR behind @after (NULL: of all) that is about @f; NULL when there is no more. */
const struct dmar_rmrr *dmar_next_rmrr(const struct dmar *dmar, const struct pci_function *f,
				       const struct dmar_rmrr *after);

/* ---- ivrs.c: I/O Virtualization Reporting Structure (AMD) ---- */

/* DeviceID: bus << 8 | device << 3 | function, also called requester id. */

enum ivrs_type {
	IVRS_IVHD_10H = 0x10,
	IVRS_IVHD_11H = 0x11,
	IVRS_IVHD_40H = 0x40,
	IVRS_IVMD_ALL = 0x20,
	IVRS_IVMD_ONE = 0x21,
	IVRS_IVMD_RANGE = 0x22,
};

enum ivhd_flag {
	IVHD_HT_TUN_EN = 1 << 0,
	IVHD_PASS_PW = 1 << 1,
	IVHD_RES_PASS_PW = 1 << 2,
	IVHD_ISOC = 1 << 3,
	IVHD_IOTLB_SUP = 1 << 4,
	IVHD_COHERENT = 1 << 5,
	IVHD_PREF_SUP = 1 << 6, /* type 10h only */
	IVHD_PPR_SUP = 1 << 7,  /* type 10h only */
};

enum ivhd_entry_type {
	IVHD_PAD4 = 0,
	IVHD_ALL = 1,
	IVHD_SELECT = 2,
	IVHD_RANGE_START = 3,
	IVHD_RANGE_END = 4,
	IVHD_PAD8 = 64,
	IVHD_ALIAS_SELECT = 66,
	IVHD_ALIAS_RANGE_START = 67,
	IVHD_EXTENDED_SELECT = 70,
	IVHD_EXTENDED_RANGE_START = 71,
	IVHD_SPECIAL = 72,
	IVHD_ACPI_HID = 240,
};

/* The DTE setting of a device entry: what reaches the host untranslated. */
enum ivhd_dte {
	IVHD_DTE_INIT_PASS = 1 << 0,
	IVHD_DTE_EINT_PASS = 1 << 1,
	IVHD_DTE_NMI_PASS = 1 << 2,
	IVHD_DTE_SYS_MGT = 3 << 4, /* a number of two bits */
	IVHD_DTE_LINT0_PASS = 1 << 6,
	IVHD_DTE_LINT1_PASS = 1 << 7,
};

#define IVHD_EXTENDED_ATS_DISABLED (UINT32_C(1) << 31)

enum ivhd_variety { IVHD_VARIETY_IOAPIC = 1, IVHD_VARIETY_HPET = 2 };
enum ivhd_uid_format { IVHD_UID_NONE = 0, IVHD_UID_INTEGER = 1, IVHD_UID_STRING = 2 };

/*
 * One device entry. Types that the specification does not define have their place and type only;
 * which of the others have what:
 */
struct ivhd_entry {
	struct acpi_place place;
	uint8_t type;
	uint16_t device_id;            /* all */
	uint8_t dte_setting;           /* all */
	uint16_t source_device_id;     /* alias: the id the IOMMU sees; special: the id it uses */
	uint32_t extended_dte_setting; /* extended */
	uint8_t handle;                /* special: id of the IOAPIC, number of the HPET */
	uint8_t variety;               /* special */
	char hid[9], cid[9];           /* ACPI HID; they end at the first NUL */
	uint8_t uid_format;            /* ACPI HID */
	struct bytes uid;              /* ACPI HID: as stored */
	uint64_t uid_integer;          /* ACPI HID: the same as a number, when that is its format */
};

/* IOMMU Feature Reporting of type 10h. In types 11h and 40h the EFR image replaces most of it. */
struct ivhd_features {
	bool xt_sup, nx_sup, gt_sup, ia_sup, ga_sup, he_sup;
	uint8_t glx_sup;
	uint8_t pas_max;
	uint8_t gats, hats;
};

/* I/O Virtualization Hardware Definition: one IOMMU, and the devices that it translates */
struct ivhd {
	struct acpi_place place;
	uint8_t type;
	uint8_t flags;
	uint16_t device_id; /* of the IOMMU itself */
	uint16_t capability_offset;
	uint64_t iommu_base_address;
	uint16_t pci_segment_group;
	uint16_t iommu_info; /* msi_num and unit_id, as stored */
	uint8_t msi_num, unit_id;
	uint32_t feature_info; /* as stored: feature reporting (10h) or attributes (11h, 40h) */
	uint8_t pn_counters, pn_banks, msi_num_ppr; /* of feature_info, all types */
	bool hat_dis;                               /* of the attributes: no host translation */
	struct ivhd_features features;              /* type 10h */
	uint64_t efr_image, efr2_image;             /* types 11h and 40h */
	struct ivhd_entry *entries;
	size_t n_entries;
};

enum ivmd_flag {
	IVMD_UNITY = 1 << 0,
	IVMD_IR = 1 << 1, /* readable by the device */
	IVMD_IW = 1 << 2, /* writable by the device */
	IVMD_EXCLUSION_RANGE = 1 << 3,
};

/* I/O Virtualization Memory Definition: a region that devices need untranslated */
struct ivmd {
	struct acpi_place place;
	uint8_t type;
	uint8_t flags;
	uint16_t device_id;         /* type 21h; the first one of type 22h */
	uint16_t auxiliary_data;    /* type 22h: the last one */
	uint16_t pci_segment_group; /* 0 in tables of before it was defined */
	uint64_t start_address;
	uint64_t memory_length; /* in bytes */
};

/* The blocks of each kind are in the order of the table. */
struct ivrs {
	struct acpi_header header;
	uint32_t iv_info; /* as stored; the next six are its fields */
	bool efr_sup;
	bool dma_guard_opt_in;              /* the firmware remaps DMA before it boots a system */
	uint8_t gva_size;                   /* guest virtual addresses; 2: 48 bits */
	uint8_t pa_size_bits, va_size_bits; /* physical and virtual addresses */
	bool ht_ats_resv;
	struct ivhd *ivhds;
	struct ivmd *ivmds;
	struct acpi_unknown *unknowns;
	size_t n_ivhds, n_ivmds, n_unknowns;
};

/* As dmar_parse(). A device entry of a type above 240 is an error: its length is not defined. */
MUST_CHECK int ivrs_parse(struct arena *a, struct bytes table, struct ivrs *ret, struct err *e);

/*
 * The first device entry behind @after (NULL: of all) that is about the function at @address; of a
 * range the entry that starts it. NULL when there is no more.
 */
const struct ivhd_entry *ivhd_next_entry(const struct ivhd *ivhd, struct pci_address address,
					 const struct ivhd_entry *after);

/*
 * The IOMMU that translates for the function at @address: where several blocks describe it, the one
 * of the highest type. NULL: none.
 */
const struct ivhd *ivrs_ivhd_of(const struct ivrs *ivrs, struct pci_address address);

bool ivmd_covers(const struct ivmd *ivmd, struct pci_address address);
/* The first IVMD behind @after (NULL: of all) that is about it; NULL when there is no more. */
const struct ivmd *ivrs_next_ivmd(const struct ivrs *ivrs, struct pci_address address,
				  const struct ivmd *after);
