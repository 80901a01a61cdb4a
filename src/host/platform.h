/* SPDX-License-Identifier: MIT */
/*
 * The platform: processor, KVM, and what kernel and firmware say about IOMMUs.
 *
 * Sources: arch/x86/kernel/cpu/proc.c, Documentation/ABI/testing/sysfs-class-iommu-intel-iommu
 * and -amd-iommu, drivers/iommu/intel/iommu.c and amd/init.c, kernel/irq/proc.c.
 */
#pragma once

#include "base/root.h"
#include "host/fact.h"

#include <stdbool.h>
#include <stddef.h>

struct dmar;
struct host;
struct ivrs;

enum iommu_kind { IOMMU_OTHER, IOMMU_INTEL, IOMMU_AMD };

/* One unit in sys/class/iommu. */
struct iommu_unit {
	const char *name; /* "dmar0", "ivhd1" */
	const char *path;
	enum iommu_kind kind;
	struct fact_text version, address; /* Intel */
	struct fact_number cap;            /* Intel: the CAP register; AMD: the capability header */
	struct fact_number ecap;           /* Intel */
	struct fact_number features;       /* AMD: the extended feature register */
};

/* A table in sys/firmware/acpi/tables. */
struct firmware_table {
	int error;           /* -EBADMSG: there, but malformed */
	const char *problem; /* then what is wrong, with the offset */
};

struct platform_facts {
	struct fact_text vendor;          /* "GenuineIntel"; -ENOENT: not x86 */
	bool has_vmx, has_svm;            /* good when vendor.error is 0 */
	bool in_guest;                    /* the processor says that it is a virtual one */
	struct fact_number physical_bits; /* of an address, -ENOENT: not said */
	struct fact_text kvm;             /* where its device stands; -ENOENT: none */

	int units_error; /* of listing sys/class/iommu; -ENOENT counts as none */
	struct iommu_unit *units;
	size_t n_units;
	struct fact_number n_groups; /* in sys/kernel/iommu_groups */

	struct firmware_table dmar_table, ivrs_table;
	struct dmar *dmar; /* NULL: see dmar_table */
	struct ivrs *ivrs;

	/* "IR-PCI-MSI": an interrupt that is remapped; -ENOENT: there are interrupts, none is */
	struct fact_text remapped;
	const char *remapped_path;
};

#define IOMMU_UNITS "sys/class/iommu"
#define IOMMU_GROUPS "sys/kernel/iommu_groups"
#define ACPI_TABLES "sys/firmware/acpi/tables"

void host_read_platform(struct host *host, struct platform_facts *ret);

/* Whether there is such a table, be it malformed, or for root alone to read. */
bool firmware_table_is_there(const struct firmware_table *table);
/* Bits of an address that the unit translates: MGAW and the widest page table of its CAP. */
unsigned iommu_unit_width(const struct iommu_unit *unit);
/* ECAP.IR: the unit can remap interrupts. */
bool iommu_unit_remaps_interrupts(const struct iommu_unit *unit);
