// SPDX-License-Identifier: MIT
// What of a configuration space VFIO shows otherwise than the device has it. Which bits it keeps a
// copy of and shows instead is in drivers/vfio/pci/vfio_pci_config.c of Linux: the
// init_pci_*_perm() functions, vfio_bar_fixup(), vfio_cap_init() and vfio_ecap_init(). A difference
// elsewhere is a surprise: another driver at work, or a device that does not hold still.

#include "base/text.h"
#include "probe/internal.h"

#include <linux/pci_regs.h>

/* Bits of the header, or of a capability at its offset, that are VFIO's own. */
struct virtual_bits {
	uint8_t id; /* of the capability; 0: the header */
	uint8_t offset;
	uint32_t mask;
	const char *name;
};

#define ALL 0xffffffffu

static const struct virtual_bits virtual_bits[] = {
	/* of a virtual function, whose own are all ones */
	{ 0, PCI_VENDOR_ID, ALL, "ids" },
	{ 0, PCI_COMMAND,
	  PCI_COMMAND_INTX_DISABLE | PCI_COMMAND_MEMORY | (uint32_t)PCI_STATUS_CAP_LIST << 16,
	  "command and status" },
	{ 0, PCI_BASE_ADDRESS_0, ALL, "BAR 0" },
	{ 0, PCI_BASE_ADDRESS_1, ALL, "BAR 1" },
	{ 0, PCI_BASE_ADDRESS_2, ALL, "BAR 2" },
	{ 0, PCI_BASE_ADDRESS_3, ALL, "BAR 3" },
	{ 0, PCI_BASE_ADDRESS_4, ALL, "BAR 4" },
	{ 0, PCI_BASE_ADDRESS_5, ALL, "BAR 5" },
	{ 0, PCI_ROM_ADDRESS, ALL, "ROM BAR" },
	{ 0, PCI_CAPABILITY_LIST, 0xff, "first capability" },
	{ 0, PCI_INTERRUPT_LINE, 0xffff, "interrupt line and pin" },
	{ PCI_CAP_ID_PM, 0, (uint32_t)PCI_PM_CAP_PME_MASK << 16, "power management: PME" },
	{ PCI_CAP_ID_PM, PCI_PM_CTRL, PCI_PM_CTRL_PME_ENABLE | PCI_PM_CTRL_PME_STATUS,
	  "power management: PME" },
	{ PCI_CAP_ID_VPD, 0, (uint32_t)0xffff << 16, "vital product data: address" },
	{ PCI_CAP_ID_VPD, PCI_VPD_DATA, ALL, "vital product data" },
	{ PCI_CAP_ID_EXP, PCI_EXP_DEVCTL,
	  PCI_EXP_DEVCTL_BCR_FLR | PCI_EXP_DEVCTL_PAYLOAD | PCI_EXP_DEVCTL_READRQ,
	  "PCI Express: device control" },
	{ PCI_CAP_ID_MSI, 0, (uint32_t)0xff << 16, "MSI: control" },
	{ PCI_CAP_ID_MSI, PCI_MSI_ADDRESS_LO, ALL, "MSI: address" },
	{ PCI_CAP_ID_MSI, PCI_MSI_ADDRESS_HI, ALL, "MSI: address or data" },
	{ PCI_CAP_ID_MSI, PCI_MSI_DATA_64, 0xffff, "MSI: data" },
	{ PCI_CAP_ID_AF, PCI_AF_CTRL, PCI_AF_CTRL_FLR, "advanced features: control" },
};

/* For every word of the space: the bits that may differ, and a name for the place. */
struct words {
	uint32_t mask[PCI_CONFIG_EXTENDED_BYTES / 4];
	const char *name[PCI_CONFIG_EXTENDED_BYTES / 4];
};

static uint32_t word_of(struct bytes config, size_t offset)
{
	const unsigned char *at = (const unsigned char *)config.data + offset;

	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void set_bits(struct words *w, size_t offset, uint32_t mask, const char *name)
{
	if (offset / 4 >= ARRAY_SIZE(w->mask))
		return;
	w->mask[offset / 4] |= mask;
	if (!w->name[offset / 4])
		w->name[offset / 4] = name;
}

static void set_rows(struct words *w, uint8_t id, size_t offset)
{
	for (size_t i = 0; i < ARRAY_SIZE(virtual_bits); i++) {
		const struct virtual_bits *row = &virtual_bits[i];

		if (row->id == id)
			set_bits(w, offset + row->offset, row->mask, row->name);
	}
}

/* The pointers too: a capability that VFIO hides is taken out of its list. */
static void set_list(struct arena *a, struct words *w, const struct pci_capabilities *list,
		     bool extended)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct pci_capability *c = &list->list[i];

		if (!extended)
			set_rows(w, (uint8_t)c->id, c->offset);
		set_bits(w, c->offset, extended ? ALL : 0xff00,
			 arena_printf(a, "list of capabilities, at %s 0x%x",
				      extended ? "extended" : "standard", c->id));
	}
}

static const char *place_name(struct arena *a, const struct words *w, size_t offset)
{
	const char *name = w->name[offset / 4];

	return name ? name : arena_printf(a, "offset 0x%zx", offset);
}

/* One difference, of the bits @differs of the word at @offset: from its first to its last byte. */
static void add(struct arena *a, struct probe_difference *d, const struct words *w, size_t offset,
		uint32_t differs, uint32_t device, uint32_t guest)
{
	unsigned first = (unsigned)__builtin_ctz(differs) / 8;
	unsigned last = (31 - (unsigned)__builtin_clz(differs)) / 8;
	uint32_t kept = ALL >> (8 * (3 - (last - first)));

	*d = (struct probe_difference){
		.offset = (uint16_t)(offset + first),
		.bytes = (uint8_t)(last - first + 1),
		.name = place_name(a, w, offset),
		.expected = !(differs & ~w->mask[offset / 4]),
		.device = device >> 8 * first & kept,
		.guest = guest >> 8 * first & kept,
	};
}

void probe_compare_config(struct arena *a, struct bytes device, struct bytes device_again,
			  struct bytes guest, struct probe_difference **ret, size_t *ret_n)
{
	struct words *w = arena_alloc(a, sizeof(*w));
	struct pci_config decoded;
	size_t n = device.n < guest.n ? device.n : guest.n, found = 0;

	if (device_again.n < n)
		n = device_again.n;
	pci_decode_config(a, (const uint8_t *)device.data, device.n, &decoded);
	set_rows(w, 0, 0);
	set_list(a, w, &decoded.standard, false);
	set_list(a, w, &decoded.extended, true);
	*ret = arena_array(a, n / 4 + 1, sizeof(**ret));
	for (size_t offset = 0; offset + 4 <= n; offset += 4) {
		uint32_t its = word_of(device, offset), shown = word_of(guest, offset);
		uint32_t moving = its ^ word_of(device_again, offset);
		uint32_t differs = (its ^ shown) & ~moving;

		if (differs)
			add(a, &(*ret)[found++], w, offset, differs, its, shown);
	}
	*ret_n = found;
}
