// SPDX-License-Identifier: MIT
// The tables of `explain`, by name: entries, their origin, the facts they ask for; and the
// sentences in which something of the log stands.
//
// A finding carries bytes of a log of any origin. What is put into a command to run is an address,
// a number, or a name without anything a shell would act on; else the placeholder's name stays.

#include "base/text.h"
#include "check/explain_internal.h"

#include <ctype.h>

/* In the order of matching: of two entries that fit a line, the first one explains it. */
const struct explain_table explain_tables[] = {
	{ "kernel", explain_kernel_vfio },
	{ "kernel", explain_kernel_iommu },
	{ "kernel", explain_kernel_pci },
	{ "kernel", explain_kernel_driver },
	{ "kernel", explain_kernel_system },
	{ "QEMU", explain_qemu },
	{ "QEMU", explain_qemu_guest },
	{ "libvirt", explain_libvirt },
	{ 0 },
};

const struct explain_entry *explain_find(const char *id)
{
	for (const struct explain_table *table = explain_tables; table->entries; table++) {
		for (const struct explain_entry *entry = table->entries; entry->id; entry++) {
			if (str_eq(entry->id, id))
				return entry;
		}
	}
	return NULL;
}

const char *explain_origin(const struct explain_entry *entry)
{
	for (const struct explain_table *table = explain_tables; table->entries; table++) {
		for (const struct explain_entry *other = table->entries; other->id; other++) {
			if (other == entry)
				return table->origin;
		}
	}
	return NULL;
}

/* ---- evidence ---- */

static const struct {
	const char *name, *text;
} evidence[EVIDENCE_COUNT] = {
	[EVIDENCE_NONE] = { "none", "nothing" },
	[EVIDENCE_IOMMU] = { "iommu", "the IOMMU units and groups that the kernel has set up" },
	[EVIDENCE_FIRMWARE_TABLES] = { "firmware-tables", "the firmware's DMAR or IVRS table" },
	[EVIDENCE_INTERRUPT_REMAPPING] = { "interrupt-remapping", "interrupt remapping" },
	[EVIDENCE_GROUP_MEMBERS] = { "group-members", "the IOMMU group and its drivers" },
	[EVIDENCE_DRIVER] = { "driver", "the driver of the device and its override" },
	[EVIDENCE_RESERVED_REGIONS] = { "reserved-regions", "the reserved regions of the group" },
	[EVIDENCE_RESET_METHODS] = { "reset-methods", "the reset methods of the device" },
	[EVIDENCE_POWER_STATE] = { "power-state", "the power state of the device" },
	[EVIDENCE_CONFIG_SPACE] = { "config-space", "whether the configuration space answers" },
	[EVIDENCE_BARS] = { "bars", "the sizes and addresses of the BARs" },
	[EVIDENCE_ROM] = { "rom", "the option ROM" },
	[EVIDENCE_LINK] = { "link", "the PCIe link and its error counters" },
	[EVIDENCE_SRIOV] = { "sriov", "the virtual functions" },
	[EVIDENCE_MEMORY_MAP] = { "memory-map", "who holds the address range of the BAR" },
	[EVIDENCE_FRAMEBUFFER] = { "framebuffer", "the framebuffer of the firmware" },
	[EVIDENCE_DEVICE_USERS] = { "device-users", "who uses the device" },
	[EVIDENCE_GUESTS] = { "guests", "the guests that have the device" },
	[EVIDENCE_STUCK_TASKS] = { "stuck-tasks", "tasks in uninterruptible sleep" },
	[EVIDENCE_MEMLOCK] = { "memlock", "the limit of locked memory" },
	[EVIDENCE_FREE_MEMORY] = { "free-memory", "free memory" },
	[EVIDENCE_HUGE_PAGES] = { "huge-pages", "reserved and free huge pages" },
	[EVIDENCE_ADDRESS_WIDTH] = { "address-width", "the address widths of IOMMU and processor" },
	[EVIDENCE_KERNEL_VERSION] = { "kernel-version", "the version of the kernel" },
	[EVIDENCE_KERNEL_ARGUMENTS] = { "kernel-arguments", "the kernel command line" },
	[EVIDENCE_KERNEL_CONFIG] = { "kernel-config", "the configuration of the kernel" },
	[EVIDENCE_MODULES] = { "modules", "the modules that are there, loaded and built in" },
	[EVIDENCE_MODULE_OPTIONS] = { "module-options", "the options in modprobe.d" },
	[EVIDENCE_LOCKDOWN] = { "lockdown", "Secure Boot and lockdown" },
	[EVIDENCE_PROCESSOR] = { "processor", "the flags of the processor" },
	[EVIDENCE_DEVICE_NODES] = { "device-nodes", "the device nodes and their owners" },
	[EVIDENCE_USB_DEVICES] = { "usb-devices", "the USB devices" },
};

const char *explain_evidence_name(enum explain_evidence which)
{
	return evidence[which].name;
}

const char *explain_evidence_text(enum explain_evidence which)
{
	return evidence[which].text;
}

/* ---- what to do ---- */

static bool is_harmless(const char *value)
{
	for (const char *c = value; *c; c++) {
		if (!isalnum((unsigned char)*c) && !strchr("_.+:@/", *c) &&
		    (*c != '-' || c == value))
			return false;
	}
	return *value;
}

static const char *captured(const struct explain_finding *finding, const char *name)
{
	if (str_eq(name, "address") && finding->address)
		return finding->address;
	for (size_t i = 0; i < finding->n_captures; i++) {
		if (str_eq(finding->captures[i].name, name))
			return finding->captures[i].value;
	}
	return NULL;
}

/* What stands for a placeholder whose value is not known: "DEVICE", "GROUP". */
static const char *metavariable(struct arena *a, const char *name)
{
	char *upper = arena_strdup(a, str_eq(name, "address") ? "device" : name);

	for (char *c = upper; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	return upper;
}

const char *explain_next(struct arena *a, const struct explain_finding *finding)
{
	const char *text = finding->entry->next, *done = "";

	while (*text) {
		size_t plain = strcspn(text, "%"), used = 0;
		const struct explain_placeholder *placeholder =
			explain_placeholder(text + plain, &used);

		if (!placeholder)
			return arena_printf(a, "%s%s", done, text);
		const char *value = captured(finding, placeholder->name);
		if (!value || !is_harmless(value))
			value = metavariable(a, placeholder->name);
		done = arena_printf(a, "%s%.*s%s", done, (int)plain, text, value);
		text += plain + used;
	}
	return done;
}

/* ---- faults of the IOMMU ---- */

/* Of the AMD I/O Virtualization Technology specification, IO_PAGE_FAULT event log entry. */
#define AMD_INTERRUPT 0x008
#define AMD_PRESENT 0x010
#define AMD_WRITE 0x020
#define AMD_TRANSLATION 0x080

static const char *amd_fault(uint64_t flags)
{
	if (flags & AMD_INTERRUPT)
		return "sent an interrupt to";
	if (!(flags & AMD_PRESENT))
		return "used, without it being mapped,";
	if (flags & AMD_TRANSLATION)
		return "asked for a translation of";
	return flags & AMD_WRITE ? "wrote, without being allowed to, to"
				 : "read, without being allowed to,";
}

const char *explain_fault(struct arena *a, const struct explain_finding *finding)
{
	const char *iova = captured(finding, "iova"), *access = captured(finding, "access");
	const char *hex = captured(finding, "flags"), *reason = captured(finding, "reason");
	const char *who = finding->address ? finding->address : "A device", *did = NULL;
	uint64_t flags;

	if (!iova)
		return NULL;
	if (str_starts(iova, "0x"))
		iova += 2;
	if (hex && text_number(hex, 0, UINT16_MAX, &flags) == 0)
		did = amd_fault(flags);
	else if (access)
		did = str_starts(access, "Read") ? "tried to read" : "tried to write to";
	if (!did)
		return NULL;
	return arena_printf(a, "%s %s address 0x%s%s%s.", who, did, iova, reason ? ": " : "",
			    reason ? reason : "");
}
