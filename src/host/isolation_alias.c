// SPDX-License-Identifier: MIT
// Functions that do DMA under the requester id of another one, and so cannot be told apart from it.
//
// Facts from drivers/pci/quirks.c (quirk_dma_func0_alias and its neighbours),
// arch/x86/pci/common.c (pci_real_dma_dev) and drivers/iommu/amd/iommu.c (setup_aliases) of Linux
// 6.1.192 and 6.12.117. Not here: Microsemi Switchtec NTBs, whose aliases stand in their memory.

#include "base/text.h"
#include "host/isolation_internal.h"

#include <errno.h>
#include <string.h>

#define ACPI_TABLES "sys/firmware/acpi/tables"
#define ANY_SUBSYSTEM 0

enum alias {
	FUNCTION_0,     /* function 0 of its own device */
	FUNCTION_1,     /* function 1, which may not even exist */
	FIXED,          /* the function in `number` */
	EVERY_DEVICE_5, /* functions 0 to 4 of every device of its bus */
	EVERY,          /* every function of its bus */
};

#define NUMBER(device, function) ((device) << 3 | (function))

static const struct row {
	uint16_t vendor, device, subsystem;
	uint8_t alias;
	uint8_t number;
} rows[] = {
	/* Ricoh, Glenfly */
	{ 0x1180, 0xe832, ANY_SUBSYSTEM, FUNCTION_0, 0 },
	{ 0x1180, 0xe476, ANY_SUBSYSTEM, FUNCTION_0, 0 },
	{ 0x6766, 0x3d40, ANY_SUBSYSTEM, FUNCTION_0, 0 },
	{ 0x6766, 0x3d41, ANY_SUBSYSTEM, FUNCTION_0, 0 },
	/* Marvell SATA controllers, and cards made of them */
	{ 0x1b4b, 0x9120, ANY_SUBSYSTEM, FUNCTION_1, 0 },
	{ 0x1b4b, 0x9123, ANY_SUBSYSTEM, FUNCTION_1, 0 },
	{ 0x1b4b, 0x9125, ANY_SUBSYSTEM, FUNCTION_1, 0 },
	{ 0x1b4b, 0x9128, ANY_SUBSYSTEM, FUNCTION_1, 0 },
	{ 0x1b4b, 0x9130, ANY_SUBSYSTEM, FUNCTION_1, 0 },
	{ 0x1b4b, 0x9170, ANY_SUBSYSTEM, FUNCTION_1, 0 },
	{ 0x1b4b, 0x9172, ANY_SUBSYSTEM, FUNCTION_1, 0 },
	{ 0x1b4b, 0x917a, ANY_SUBSYSTEM, FUNCTION_1, 0 },
	{ 0x1b4b, 0x9182, ANY_SUBSYSTEM, FUNCTION_1, 0 },
	{ 0x1b4b, 0x9183, ANY_SUBSYSTEM, FUNCTION_1, 0 },
	{ 0x1b4b, 0x91a0, ANY_SUBSYSTEM, FUNCTION_1, 0 },
	{ 0x1b4b, 0x9215, ANY_SUBSYSTEM, FUNCTION_1, 0 },
	{ 0x1b4b, 0x9220, ANY_SUBSYSTEM, FUNCTION_1, 0 },
	{ 0x1b4b, 0x9230, ANY_SUBSYSTEM, FUNCTION_1, 0 },
	{ 0x1b4b, 0x9235, ANY_SUBSYSTEM, FUNCTION_1, 0 },
	{ 0x1103, 0x0642, ANY_SUBSYSTEM, FUNCTION_1, 0 },
	{ 0x1103, 0x0645, ANY_SUBSYSTEM, FUNCTION_1, 0 },
	{ 0x1c28, 0x0122, ANY_SUBSYSTEM, FUNCTION_1, 0 },
	/* JMicron */
	{ 0x197b, 0x2392, ANY_SUBSYSTEM, FUNCTION_1, 0 },
	/* Adaptec 3405 and 3805: a hidden device of their inner bus */
	{ 0x9005, 0x0285, 0x02bb, FIXED, NUMBER(1, 0) },
	{ 0x9005, 0x0285, 0x02bc, FIXED, NUMBER(1, 0) },
	/* Intel Xeon Phi x200 */
	{ 0x8086, 0x2260, ANY_SUBSYSTEM, FIXED, NUMBER(0x10, 0) },
	{ 0x8086, 0x2260, ANY_SUBSYSTEM, FIXED, NUMBER(0x11, 0) },
	{ 0x8086, 0x2260, ANY_SUBSYSTEM, FIXED, NUMBER(0x12, 3) },
	{ 0x8086, 0x2264, ANY_SUBSYSTEM, FIXED, NUMBER(0x10, 0) },
	{ 0x8086, 0x2264, ANY_SUBSYSTEM, FIXED, NUMBER(0x11, 0) },
	{ 0x8086, 0x2264, ANY_SUBSYSTEM, FIXED, NUMBER(0x12, 3) },
	/* Intel Visual Compute Accelerator */
	{ 0x8086, 0x2954, ANY_SUBSYSTEM, EVERY_DEVICE_5, 0 },
	{ 0x8086, 0x2955, ANY_SUBSYSTEM, EVERY_DEVICE_5, 0 },
	{ 0x8086, 0x2956, ANY_SUBSYSTEM, EVERY_DEVICE_5, 0 },
	{ 0x8086, 0x2958, ANY_SUBSYSTEM, EVERY_DEVICE_5, 0 },
	{ 0x8086, 0x2959, ANY_SUBSYSTEM, EVERY_DEVICE_5, 0 },
	{ 0x8086, 0x295a, ANY_SUBSYSTEM, EVERY_DEVICE_5, 0 },
	/* PLX non-transparent bridges */
	{ 0x10b5, 0x87b0, ANY_SUBSYSTEM, EVERY, 0 },
	{ 0x10b5, 0x87b1, ANY_SUBSYSTEM, EVERY, 0 },
};

static bool row_names(const struct row *row, const struct pci_function *f,
		      const struct pci_function *alias)
{
	bool same_device = f->address.device == alias->address.device;

	switch (row->alias) {
	case FUNCTION_0:
		return same_device && alias->address.function == 0;
	case FUNCTION_1:
		return same_device && alias->address.function == 1;
	case FIXED:
		return NUMBER(alias->address.device, alias->address.function) == row->number;
	case EVERY_DEVICE_5:
		return alias->address.function < 5;
	case EVERY:
		return true;
	}
	return false;
}

int isolation_has_ivrs(struct isolation_reader *r)
{
	struct host *host = r->host;
	struct names names;
	struct bytes table;

	if (r->ivrs_read)
		return r->has_ivrs;
	r->ivrs_read = true;
	r->has_ivrs = root_list(host->root, &host->arena, ACPI_TABLES, &names);
	if (r->has_ivrs)
		return r->has_ivrs == -ENOENT ? (r->has_ivrs = 0) : r->has_ivrs;
	for (size_t i = 0; i < names.n && !r->has_ivrs; i++)
		r->has_ivrs = str_eq(names.name[i], "IVRS");
	if (r->has_ivrs && root_read(host->root, &host->arena, ACPI_TABLES "/IVRS", &table) == 0) {
		struct ivrs *ivrs = arena_alloc(&host->arena, sizeof(*ivrs));

		if (ivrs_parse(&host->arena, table, ivrs, NULL) == 0)
			r->ivrs = ivrs;
	}
	return r->has_ivrs;
}

/* The firmware's word: an alias entry for @f that names a function of its own bus. */
static bool firmware_names(struct isolation_reader *r, const struct pci_function *f,
			   const struct pci_function *alias)
{
	const struct ivhd_entry *entry = NULL;
	uint16_t id = 0;

	if (isolation_has_ivrs(r) <= 0 || !r->ivrs)
		return false;
	const struct ivhd *ivhd = ivrs_ivhd_of(r->ivrs, f->address);
	/* the last one that is about it counts */
	while (ivhd && (entry = ivhd_next_entry(ivhd, f->address, entry))) {
		if (entry->type == IVHD_ALIAS_SELECT || entry->type == IVHD_ALIAS_RANGE_START)
			id = entry->source_device_id;
	}
	return id && id == (alias->address.bus << 8 |
			    NUMBER(alias->address.device, alias->address.function));
}

bool isolation_is_alias(struct isolation_reader *r, const struct pci_function *f,
			const struct pci_function *alias)
{
	if (firmware_names(r, f, alias))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];

		if (row->vendor != f->vendor || row->device != f->device)
			continue;
		if (row->subsystem != ANY_SUBSYSTEM &&
		    (f->subsystem_vendor != f->vendor || f->subsystem_device != row->subsystem))
			continue;
		if (row_names(row, f, alias))
			return true;
	}
	return false;
}

/* The path of a function on a root bus below another function: ".../0000:00:0e.0/pci10000:00/..."
 */
struct pci_function *isolation_dma_device(const struct host *host, const struct pci_function *f)
{
	char name[PCI_ADDRESS_MAX];
	struct pci_address address;

	while (f->parent)
		f = f->parent;
	const char *end = strrchr(f->path, '/');
	for (int up = 0; end && up < 2; up++) {
		const char *start = end;

		while (start > f->path && start[-1] != '/')
			start--;
		size_t n = (size_t)(end - start);
		if (up == 1) {
			if (n >= sizeof(name))
				return NULL;
			memcpy(name, start, n);
			name[n] = '\0';
			return pci_address_parse(name, &address) ? host_find(host, address) : NULL;
		}
		if (strncmp(start, "pci", 3) != 0)
			return NULL;
		end = start > f->path ? start - 1 : NULL;
	}
	return NULL;
}
