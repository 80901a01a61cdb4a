// SPDX-License-Identifier: MIT
// What the processor, sys/class/iommu and the firmware's tables say. The units are read through
// their real paths: names in sys/class are links, and a snapshot holds what was asked for.
// Formats: show_cpuinfo() in arch/x86/kernel/cpu/proc.c; dmar*/intel-iommu in
// drivers/iommu/intel/iommu.c (hex without 0x); ivhd*/amd-iommu in drivers/iommu/amd/init.c
// ("features" is two registers, "%llx:%llx", since 6.7); chip names in kernel/irq/proc.c.

#include "host/platform.h"
#include "base/text.h"
#include "host/acpi.h"
#include "host/host.h"
#include "host/read.h"

#include <errno.h>
#include <string.h>

#define KVM "sys/class/misc/kvm"
#define KVM_DEVICE_NUMBER "sys/devices/virtual/misc/kvm/dev"
#define INTERRUPTS "proc/interrupts"
#define IRQS "sys/kernel/irq"

/* proc/cpuinfo has 1.5 KiB per processor, proc/interrupts eleven bytes per interrupt and one. */
#define CPUINFO_MAX ((size_t)8 * 1024 * 1024)
#define INTERRUPTS_MAX ((size_t)4 * 1024 * 1024)
#define TABLE_MAX ((size_t)1024 * 1024)
/* enough to meet a device's interrupt behind those of the timer, the RTC and ACPI */
#define IRQS_MAX 512

#define CAP_SAGAW_SHIFT 8
#define CAP_MGAW_SHIFT 16
#define ECAP_IR (UINT64_C(1) << 3)

/* ---- processor ---- */

static bool has_word(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = words; (at = strstr(at, word)); at += n) {
		if ((at == words || at[-1] == ' ') && (at[n] == ' ' || !at[n]))
			return true;
	}
	return false;
}

/* "39 bits physical, 48 bits virtual" */
static struct fact_number parse_physical(const char *value)
{
	struct fact_number bits = { .error = -EBADMSG };
	uint64_t number = 0;
	size_t n = strspn(value, "0123456789");

	for (size_t i = 0; i < n && number < 1000; i++)
		number = number * 10 + (uint64_t)(value[i] - '0');
	if (n && str_starts(value + n, " bits physical") && number <= 64)
		bits = (struct fact_number){ .value = number };
	return bits;
}

/* The first processor speaks for all. */
static void parse_cpuinfo(struct arena *a, struct bytes text, struct platform_facts *ret)
{
	const char *rest = text.data, *start;
	size_t n;

	ret->vendor.error = ret->physical_bits.error = -ENOENT;
	while (text_next_line(&rest, &start, &n) && n > 0) {
		const char *line = arena_strndup(a, start, n), *colon = strchr(line, ':');

		if (!colon)
			continue;
		const char *value = colon + 1 + strspn(colon + 1, " \t");
		if (str_starts(line, "vendor_id"))
			ret->vendor = (struct fact_text){ .value = value };
		else if (str_starts(line, "address sizes"))
			ret->physical_bits = parse_physical(value);
		else if (str_starts(line, "flags")) {
			ret->has_vmx = has_word(value, "vmx");
			ret->has_svm = has_word(value, "svm");
			ret->in_guest = has_word(value, "hypervisor");
		}
	}
}

static void read_processor(struct host *host, struct platform_facts *ret)
{
	struct bytes text;
	int error = root_read_max(host->root, &host->arena, "proc/cpuinfo", CPUINFO_MAX, &text);

	if (error == 0)
		parse_cpuinfo(&host->arena, text, ret);
	else
		ret->vendor.error = ret->physical_bits.error = error;
}

static void read_kvm(struct host *host, struct platform_facts *ret)
{
	const char *target;
	struct bytes number;
	int error = root_link(host->root, &host->arena, KVM, &target);

	ret->kvm = (struct fact_text){ .value = KVM };
	if (error < 0)
		error = root_read(host->root, &host->arena, KVM_DEVICE_NUMBER, &number);
	if (error == 0)
		return;
	ret->kvm = (struct fact_text){ .error = error };
}

/* ---- IOMMU units ---- */

static struct fact_number read_register(struct host *host, const struct iommu_unit *unit,
					const char *attribute)
{
	struct fact_text text =
		host_fact_text(host, arena_concat(&host->arena, unit->path, attribute));
	struct fact_number number = { .error = text.error };

	if (number.error)
		return number;
	size_t n = text_hex_prefix(text.value, 16, &number.value);
	if (n == 0 || (text.value[n] && text.value[n] != ':'))
		number = (struct fact_number){ .error = -EBADMSG };
	return number;
}

static void read_unit(struct host *host, const char *name, struct iommu_unit *unit)
{
	const struct fact_number none = { .error = -ENOENT };
	const char *link = arena_concat(&host->arena, IOMMU_UNITS "/", name);

	*unit = (struct iommu_unit){ .name = name, .path = link, .cap = none, .ecap = none };
	unit->features = none;
	unit->version.error = unit->address.error = -ENOENT;
	if (root_follow(host->root, &host->arena, link, &unit->path) < 0)
		unit->path = link;
	if (str_starts(name, "dmar")) {
		unit->kind = IOMMU_INTEL;
		unit->version = host_fact_text(
			host, arena_concat(&host->arena, unit->path, "/intel-iommu/version"));
		unit->address = host_fact_text(
			host, arena_concat(&host->arena, unit->path, "/intel-iommu/address"));
		unit->cap = read_register(host, unit, "/intel-iommu/cap");
		unit->ecap = read_register(host, unit, "/intel-iommu/ecap");
	} else if (str_starts(name, "ivhd")) {
		unit->kind = IOMMU_AMD;
		unit->cap = read_register(host, unit, "/amd-iommu/cap");
		unit->features = read_register(host, unit, "/amd-iommu/features");
	}
}

static void read_units(struct host *host, struct platform_facts *ret)
{
	struct names names;

	ret->units_error = root_list(host->root, &host->arena, IOMMU_UNITS, &names);
	if (ret->units_error == 0) {
		ret->units = arena_array(&host->arena, names.n, sizeof(*ret->units));
		for (size_t i = 0; i < names.n; i++)
			read_unit(host, names.name[i], &ret->units[ret->n_units++]);
	}
	ret->n_groups.error = root_list(host->root, &host->arena, IOMMU_GROUPS, &names);
	if (ret->n_groups.error == 0)
		ret->n_groups.value = names.n;
}

unsigned iommu_unit_width(const struct iommu_unit *unit)
{
	if (unit->kind != IOMMU_INTEL || unit->cap.error)
		return 0;
	unsigned mgaw = (unsigned)(unit->cap.value >> CAP_MGAW_SHIFT & 0x3f) + 1, table = 0;
	unsigned sagaw = (unsigned)(unit->cap.value >> CAP_SAGAW_SHIFT & 0x1f);

	/* bit 1: 39 bits in three levels, bit 2: 48 in four, bit 3: 57 in five */
	for (unsigned bit = 1; bit <= 3; bit++) {
		if (sagaw >> bit & 1)
			table = 30 + 9 * bit;
	}
	return table && table < mgaw ? table : mgaw;
}

bool iommu_unit_remaps_interrupts(const struct iommu_unit *unit)
{
	return unit->kind == IOMMU_INTEL && unit->ecap.error == 0 && unit->ecap.value & ECAP_IR;
}

/* ---- firmware ---- */

bool firmware_table_is_there(const struct firmware_table *table)
{
	return table->error == 0 || table->error == -EBADMSG || table->error == -EACCES ||
	       table->error == -EPERM;
}

static void read_tables(struct host *host, struct platform_facts *ret)
{
	struct arena *a = &host->arena;
	struct bytes table;
	struct err e = { 0 };

	ret->dmar_table.error =
		root_read_max(host->root, a, ACPI_TABLES "/DMAR", TABLE_MAX, &table);
	if (ret->dmar_table.error == 0) {
		struct dmar *dmar = arena_alloc(a, sizeof(*dmar));
		ret->dmar_table.error = dmar_parse(a, table, dmar, &e);
		if (ret->dmar_table.error == 0)
			ret->dmar = dmar;
		else
			ret->dmar_table.problem = arena_strdup(a, e.text);
	}
	ret->ivrs_table.error =
		root_read_max(host->root, a, ACPI_TABLES "/IVRS", TABLE_MAX, &table);
	if (ret->ivrs_table.error == 0) {
		struct ivrs *ivrs = arena_alloc(a, sizeof(*ivrs));
		ret->ivrs_table.error = ivrs_parse(a, table, ivrs, &e);
		if (ret->ivrs_table.error == 0)
			ret->ivrs = ivrs;
		else
			ret->ivrs_table.problem = arena_strdup(a, e.text);
	}
}

/* ---- interrupts ---- */

static const char *find_remapped(struct arena *a, const char *text)
{
	const char *found = strstr(text, " IR-");

	return found ? arena_strndup(a, found + 1, strcspn(found + 1, " \n")) : NULL;
}

/* The same chip names one file each, where the table is too long to be read. */
static void read_remapped_by_irq(struct host *host, struct platform_facts *ret)
{
	struct names names;

	ret->remapped_path = IRQS;
	ret->remapped.error = root_list(host->root, &host->arena, IRQS, &names);
	if (ret->remapped.error)
		return;
	ret->remapped.error = -ENOENT;
	for (size_t i = 0; i < names.n && i < IRQS_MAX; i++) {
		const char *path = arena_printf(&host->arena, IRQS "/%s/chip_name", names.name[i]);
		struct fact_text chip = host_fact_text(host, path);

		if (chip.error == 0 && str_starts(chip.value, "IR-")) {
			ret->remapped = chip;
			ret->remapped_path = path;
			return;
		}
	}
}

static void read_remapped(struct host *host, struct platform_facts *ret)
{
	struct bytes text;
	int error = root_read_max(host->root, &host->arena, INTERRUPTS, INTERRUPTS_MAX, &text);

	if (error == -EFBIG) {
		read_remapped_by_irq(host, ret);
		return;
	}
	ret->remapped_path = INTERRUPTS;
	ret->remapped = (struct fact_text){ .error = error };
	if (error < 0)
		return;
	ret->remapped.value = find_remapped(&host->arena, text.data);
	ret->remapped.error = ret->remapped.value ? 0 : -ENOENT;
	/* an empty table is no statement: a guest's or a container's */
	if (!strchr(text.data, ':'))
		ret->remapped.error = -EBADMSG;
}

void host_read_platform(struct host *host, struct platform_facts *ret)
{
	*ret = (struct platform_facts){ 0 };
	read_processor(host, ret);
	read_kvm(host, ret);
	read_units(host, ret);
	read_tables(host, ret);
	read_remapped(host, ret);
}
