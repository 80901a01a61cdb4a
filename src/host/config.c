// SPDX-License-Identifier: MIT
// The header of a configuration space, and reading the file.
//
// The bytes come from a device that may be broken, gone or asleep, through a kernel that may cut
// them short; so every structure is decoded only when all of its bytes are there, and the reason
// is kept where they are not. Layout of the header: PCI Local Bus Specification 3.0, section 6.1,
// PCI-to-PCI Bridge Architecture 1.2, section 3.2.

#include "host/config.h"
#include "base/text.h"
#include "host/config_bytes.h"
#include "host/internal.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

/* PCI_ROM_ADDRESS_MASK of linux/pci_regs.h needs a long of the kernel */
#define ROM_ADDRESS_MASK 0xfffff800u
#define WINDOW_WIDE 0x01u

/* The reason for every part at once. */
static void set_errors(struct pci_config *c, int error)
{
	c->error = error;
	c->rom.error = c->subsystem.error = c->bridge.error = error;
	c->standard.error = c->extended.error = error;
	c->power.error = c->msi.error = c->msix.error = c->af.error = error;
	c->express.error = c->express.link.error = c->express.slot.error = error;
	c->express.second_error = c->express.link.second_error = error;
	c->aer_error = c->acs.error = c->ari.error = c->sriov.error = error;
	c->rebar.error = c->vf_rebar.error = error;
	c->ats.error = c->pasid.error = c->pri.error = c->serial_error = error;
}

/* Only the whole header tells: the vendor of a virtual function is ffff as well. */
static bool is_silent(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n && i < PCI_STD_HEADER_SIZEOF; i++) {
		if (bytes[i] != 0xff)
			return false;
	}
	return n > 0;
}

void config_decode_bars(const struct pci_config *c, size_t offset, size_t n, bool has_io,
			struct pci_bar *bars)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t value = config_long(c, offset + 4 * i);
		struct pci_bar *bar = &bars[i];

		if (value == 0 || value == UINT32_MAX)
			continue;
		bar->decoded = true;
		if (has_io && value & PCI_BASE_ADDRESS_SPACE_IO) {
			bar->kind = PCI_RESOURCE_IO;
			bar->address = value & ~(uint32_t)0x03;
			continue;
		}
		bar->kind = PCI_RESOURCE_MEMORY;
		bar->prefetchable = value & PCI_BASE_ADDRESS_MEM_PREFETCH;
		bar->is_64bit =
			(value & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64;
		bar->address = value & ~(uint32_t)0x0f;
		if (bar->is_64bit && ++i < n)
			bar->address |= (uint64_t)config_long(c, offset + 4 * i) << 32;
	}
}

static void decode_rom(struct pci_config *c, size_t offset)
{
	uint32_t value = config_long(c, offset);

	if (value == 0 || value == UINT32_MAX) {
		c->rom.error = -ENOENT;
		return;
	}
	c->rom = (struct pci_rom){
		.enabled = value & PCI_ROM_ADDRESS_ENABLE,
		.address = value & ROM_ADDRESS_MASK,
	};
}

/* Base and limit of @granularity_log2 aligned windows; a pair of zeros is a window not built in. */
static struct pci_window window(uint64_t base, uint64_t limit, unsigned granularity_log2, bool wide,
				bool zero)
{
	return (struct pci_window){
		.open = base <= limit && !zero,
		.wide = wide,
		.base = base,
		.limit = limit | ((UINT64_C(1) << granularity_log2) - 1),
	};
}

static void decode_windows(const struct pci_config *c, struct pci_bridge *bridge)
{
	uint8_t io_base = config_byte(c, PCI_IO_BASE), io_limit = config_byte(c, PCI_IO_LIMIT);
	uint64_t base = (uint64_t)(io_base & 0xf0) << 8, limit = (uint64_t)(io_limit & 0xf0) << 8;
	bool wide = (io_base & PCI_IO_RANGE_TYPE_MASK) == WINDOW_WIDE;

	if (wide) {
		base |= (uint64_t)config_word(c, PCI_IO_BASE_UPPER16) << 16;
		limit |= (uint64_t)config_word(c, PCI_IO_LIMIT_UPPER16) << 16;
	}
	bridge->io = window(base, limit, 12, wide, io_base == 0 && io_limit == 0);

	uint16_t memory_base = config_word(c, PCI_MEMORY_BASE);
	uint16_t memory_limit = config_word(c, PCI_MEMORY_LIMIT);
	bridge->memory = window((uint64_t)(memory_base & 0xfff0) << 16,
				(uint64_t)(memory_limit & 0xfff0) << 16, 20, false,
				memory_base == 0 && memory_limit == 0);

	memory_base = config_word(c, PCI_PREF_MEMORY_BASE);
	memory_limit = config_word(c, PCI_PREF_MEMORY_LIMIT);
	base = (uint64_t)(memory_base & 0xfff0) << 16;
	limit = (uint64_t)(memory_limit & 0xfff0) << 16;
	wide = (memory_base & PCI_PREF_RANGE_TYPE_MASK) == WINDOW_WIDE;
	if (wide) {
		base |= (uint64_t)config_long(c, PCI_PREF_BASE_UPPER32) << 32;
		limit |= (uint64_t)config_long(c, PCI_PREF_LIMIT_UPPER32) << 32;
	}
	bridge->prefetchable = window(base, limit, 20, wide, memory_base == 0 && memory_limit == 0);
}

/* Types 1 and 2 have these registers at the same places. */
static void decode_bridge(struct pci_config *c)
{
	c->bridge = (struct pci_bridge){
		.primary = config_byte(c, PCI_PRIMARY_BUS),
		.secondary = config_byte(c, PCI_SECONDARY_BUS),
		.subordinate = config_byte(c, PCI_SUBORDINATE_BUS),
		.control = config_word(c, PCI_BRIDGE_CONTROL),
	};
	if (c->header == PCI_HEADER_BRIDGE)
		decode_windows(c, &c->bridge);
}

static void decode_subsystem(struct pci_config *c)
{
	uint16_t offset = PCI_SUBSYSTEM_VENDOR_ID;

	switch (c->header) {
	case PCI_HEADER_FUNCTION:
		c->subsystem.error = 0;
		break;
	case PCI_HEADER_BRIDGE:
		c->subsystem.error = config_standard(c, PCI_CAP_ID_SSVID, 8, &offset);
		offset += PCI_SSVID_VENDOR_ID;
		break;
	case PCI_HEADER_CARDBUS:
		offset = PCI_CB_SUBSYSTEM_VENDOR_ID;
		c->subsystem.error = config_bounds(c, offset, 4, PCI_CONFIG_BYTES);
		break;
	case PCI_HEADER_UNKNOWN:
		c->subsystem.error = -EBADMSG;
		break;
	}
	if (c->subsystem.error)
		return;
	c->subsystem.vendor = config_word(c, offset);
	c->subsystem.device = config_word(c, offset + 2);
	if (c->subsystem.vendor == 0 && c->subsystem.device == 0)
		c->subsystem.error = -ENOENT;
}

static void decode_header(struct pci_config *c)
{
	static const size_t n_bars[] = {
		[PCI_HEADER_FUNCTION] = 6,
		[PCI_HEADER_BRIDGE] = 2,
		[PCI_HEADER_CARDBUS] = 1,
		[PCI_HEADER_UNKNOWN] = 0,
	};
	uint8_t type = config_byte(c, PCI_HEADER_TYPE);

	c->vendor = config_word(c, PCI_VENDOR_ID);
	c->device = config_word(c, PCI_DEVICE_ID);
	c->command = config_word(c, PCI_COMMAND);
	c->status = config_word(c, PCI_STATUS);
	c->revision = config_byte(c, PCI_REVISION_ID);
	c->class_code = config_long(c, PCI_CLASS_REVISION) >> 8;
	c->header = (type & 0x7f) <= PCI_HEADER_CARDBUS ? (enum pci_header)(type & 0x7f)
							: PCI_HEADER_UNKNOWN;
	c->multifunction = type & 0x80;
	c->interrupt_line = config_byte(c, PCI_INTERRUPT_LINE);
	c->interrupt_pin = config_byte(c, PCI_INTERRUPT_PIN);
	config_decode_bars(c, PCI_BASE_ADDRESS_0, n_bars[c->header], true, c->bars);
	if (c->header == PCI_HEADER_UNKNOWN)
		c->rom.error = c->bridge.error = -EBADMSG;
	else if (c->header == PCI_HEADER_FUNCTION)
		decode_rom(c, PCI_ROM_ADDRESS);
	else if (c->header == PCI_HEADER_BRIDGE)
		decode_rom(c, PCI_ROM_ADDRESS1);
	if (c->header == PCI_HEADER_BRIDGE || c->header == PCI_HEADER_CARDBUS)
		decode_bridge(c);
}

void pci_decode_config(struct arena *a, const void *bytes, size_t n, struct pci_config *ret)
{
	*ret = (struct pci_config){ .bytes = arena_memdup(a, bytes, n), .n_bytes = n };
	if (is_silent(ret->bytes, n)) {
		set_errors(ret, PCI_SILENT);
		return;
	}
	if (n < PCI_STD_HEADER_SIZEOF) {
		set_errors(ret, -EBADMSG);
		return;
	}
	set_errors(ret, -ENOENT);
	ret->error = 0;
	decode_header(ret);
	config_read_lists(a, ret);
	decode_subsystem(ret);
	config_decode_standard(ret);
	config_decode_extended(ret);
}

/* Suspended, or about to be: the kernel would wait, and then wake it. */
static bool is_asleep(struct host *host, const struct pci_function *f)
{
	struct bytes status;

	if (root_read(host->root, &host->arena, host_path(host, f, "/power/runtime_status"),
		      &status) < 0)
		return false;
	return str_starts(status.data, "suspend");
}

int host_read_config(struct host *host, const struct pci_function *f, struct pci_config *ret)
{
	struct bytes bytes;
	int error = PCI_ASLEEP;

	*ret = (struct pci_config){ 0 };
	if (!is_asleep(host, f))
		error = root_read_max(host->root, &host->arena, host_path(host, f, "/config"),
				      PCI_CONFIG_EXTENDED_BYTES, &bytes);
	if (error < 0)
		set_errors(ret, error);
	else
		pci_decode_config(&host->arena, bytes.data, bytes.n, ret);
	return ret->error;
}

/*
 * A BAR that the function itself says nothing of (a virtual one's) is described by the kernel. The
 * resource of a VF BAR has room for @share of them.
 */
static void set_size(struct pci_bar *bar, const struct pci_resource *resource, unsigned share)
{
	bar->size_bytes = resource->size_bytes / (share ? share : 1);
	if (bar->decoded)
		return;
	bar->kind = resource->kind;
	bar->is_64bit = resource->is_64bit;
	bar->prefetchable = resource->prefetchable;
	bar->address = resource->start;
}

void pci_config_set_sizes(struct pci_config *config, const struct pci_detail *detail)
{
	/* lines of `resource`: enum in include/linux/pci.h */
	const unsigned rom = 6, sriov = 7;

	for (size_t i = 0; i < detail->n_resources; i++) {
		const struct pci_resource *resource = &detail->resources[i];
		unsigned index = resource->index;

		if (index < rom)
			set_size(&config->bars[index], resource, 1);
		else if (index == rom)
			config->rom.size_bytes = resource->size_bytes;
		else if (index < sriov + PCI_SRIOV_NUM_BARS && config->sriov.error == 0)
			set_size(&config->sriov.bars[index - sriov], resource, config->sriov.total);
	}
}
