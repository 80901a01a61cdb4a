// SPDX-License-Identifier: MIT
// Capabilities of the first 256 bytes: power management, interrupts, PCI Express.
//
// The PCI Express capability has grown: which of its registers exist depends on its version and on
// the type of the function (PCI Express Base Specification 6.0, section 7.5.3), so each group of
// them has an error of its own.

#include "host/config_bytes.h"

#include <linux/pci_regs.h>

/* bytes of the capability up to the end of a group of registers */
#define EXPRESS_DEVICE_END (PCI_EXP_DEVSTA + 2)
#define EXPRESS_LINK_END (PCI_EXP_LNKSTA + 2)
#define EXPRESS_SLOT_END (PCI_EXP_SLTSTA + 2)
#define EXPRESS_DEVICE2_END (PCI_EXP_DEVSTA2 + 2)
#define EXPRESS_LINK2_END (PCI_EXP_LNKSTA2 + 2)

/* of linux/pci_regs.h since 6.13 */
#define DEVCAP2_TAG_10BIT_COMPLETER 0x00010000u
#define DEVCAP2_TAG_10BIT_REQUESTER 0x00020000u

static unsigned field(uint32_t value, uint32_t mask)
{
	return (value & mask) / (mask & -mask);
}

static void decode_power(const struct pci_config *c, struct pci_power *ret)
{
	ret->error = config_standard(c, PCI_CAP_ID_PM, 6, &ret->offset);
	if (ret->error)
		return;
	uint16_t capable = config_word(c, ret->offset + (size_t)PCI_PM_PMC);
	uint16_t control = config_word(c, ret->offset + (size_t)PCI_PM_CTRL);

	ret->version = capable & PCI_PM_CAP_VER_MASK;
	ret->d1 = capable & PCI_PM_CAP_D1;
	ret->d2 = capable & PCI_PM_CAP_D2;
	ret->pme_states = (uint8_t)field(capable, PCI_PM_CAP_PME_MASK);
	ret->state = control & PCI_PM_CTRL_STATE_MASK;
	ret->no_soft_reset = control & PCI_PM_CTRL_NO_SOFT_RESET;
	ret->pme_enabled = control & PCI_PM_CTRL_PME_ENABLE;
}

static void decode_msi(const struct pci_config *c, struct pci_msi *ret)
{
	ret->error = config_standard(c, PCI_CAP_ID_MSI, 4, &ret->offset);
	if (ret->error)
		return;
	uint16_t flags = config_word(c, ret->offset + (size_t)PCI_MSI_FLAGS);

	ret->enabled = flags & PCI_MSI_FLAGS_ENABLE;
	ret->vectors_max = 1u << field(flags, PCI_MSI_FLAGS_QMASK);
	ret->vectors = 1u << field(flags, PCI_MSI_FLAGS_QSIZE);
	ret->is_64bit = flags & PCI_MSI_FLAGS_64BIT;
	ret->maskable = flags & PCI_MSI_FLAGS_MASKBIT;
}

static void decode_msix(const struct pci_config *c, struct pci_msix *ret)
{
	ret->error = config_standard(c, PCI_CAP_ID_MSIX, PCI_CAP_MSIX_SIZEOF, &ret->offset);
	if (ret->error)
		return;
	uint16_t flags = config_word(c, ret->offset + (size_t)PCI_MSIX_FLAGS);
	uint32_t table = config_long(c, ret->offset + (size_t)PCI_MSIX_TABLE);
	uint32_t pending = config_long(c, ret->offset + (size_t)PCI_MSIX_PBA);

	ret->enabled = flags & PCI_MSIX_FLAGS_ENABLE;
	ret->masked = flags & PCI_MSIX_FLAGS_MASKALL;
	ret->vectors = (flags & PCI_MSIX_FLAGS_QSIZE) + 1u;
	ret->table_bar = table & PCI_MSIX_TABLE_BIR;
	ret->table_offset = table & PCI_MSIX_TABLE_OFFSET;
	ret->pending_bar = pending & PCI_MSIX_PBA_BIR;
	ret->pending_offset = pending & PCI_MSIX_PBA_OFFSET;
}

static void decode_af(const struct pci_config *c, struct pci_af *ret)
{
	ret->error = config_standard(c, PCI_CAP_ID_AF, PCI_CAP_AF_SIZEOF, &ret->offset);
	if (ret->error == 0)
		ret->flr = config_byte(c, ret->offset + (size_t)PCI_AF_CAP) & PCI_AF_CAP_FLR;
}

static bool has_link(uint8_t type)
{
	return type != PCI_EXP_TYPE_RC_END && type != PCI_EXP_TYPE_RC_EC;
}

static bool has_slot(uint16_t flags, uint8_t type)
{
	return flags & PCI_EXP_FLAGS_SLOT &&
	       (type == PCI_EXP_TYPE_ROOT_PORT || type == PCI_EXP_TYPE_DOWNSTREAM ||
		type == PCI_EXP_TYPE_PCIE_BRIDGE);
}

static void decode_link(const struct pci_config *c, size_t at, struct pci_link *ret)
{
	uint32_t capable = config_long(c, at + PCI_EXP_LNKCAP);
	uint16_t control = config_word(c, at + PCI_EXP_LNKCTL);
	uint16_t status = config_word(c, at + PCI_EXP_LNKSTA);

	ret->speed_max = capable & PCI_EXP_LNKCAP_SLS;
	ret->width_max = (uint8_t)field(capable, PCI_EXP_LNKCAP_MLW);
	ret->aspm_supported = (uint8_t)field(capable, PCI_EXP_LNKCAP_ASPMS);
	ret->aspm_enabled = control & PCI_EXP_LNKCTL_ASPMC;
	ret->port = (uint8_t)field(capable, PCI_EXP_LNKCAP_PN);
	ret->reports_active = capable & PCI_EXP_LNKCAP_DLLLARC;
	ret->clock_pm = capable & PCI_EXP_LNKCAP_CLKPM;
	ret->speed = status & PCI_EXP_LNKSTA_CLS;
	ret->width = (uint8_t)field(status, PCI_EXP_LNKSTA_NLW);
	ret->active = status & PCI_EXP_LNKSTA_DLLLA;
	ret->training = status & PCI_EXP_LNKSTA_LT;
}

static void decode_slot(const struct pci_config *c, size_t at, struct pci_slot *ret)
{
	uint32_t capable = config_long(c, at + PCI_EXP_SLTCAP);

	ret->number = (uint16_t)field(capable, PCI_EXP_SLTCAP_PSN);
	ret->hotplug = capable & PCI_EXP_SLTCAP_HPC;
	ret->surprise = capable & PCI_EXP_SLTCAP_HPS;
	ret->power_controller = capable & PCI_EXP_SLTCAP_PCP;
	ret->attention_button = capable & PCI_EXP_SLTCAP_ABP;
	ret->occupied = config_word(c, at + PCI_EXP_SLTSTA) & PCI_EXP_SLTSTA_PDS;
	ret->power_off = config_word(c, at + PCI_EXP_SLTCTL) & PCI_EXP_SLTCTL_PCC;
}

static void decode_second(const struct pci_config *c, size_t at, struct pci_express *ret)
{
	uint32_t capable = config_long(c, at + PCI_EXP_DEVCAP2);
	uint16_t control = config_word(c, at + PCI_EXP_DEVCTL2);

	ret->ari_forwarding = capable & PCI_EXP_DEVCAP2_ARI;
	ret->ari_forwarding_enabled = control & PCI_EXP_DEVCTL2_ARI;
	ret->atomic_routing = capable & PCI_EXP_DEVCAP2_ATOMIC_ROUTE;
	ret->atomic_32 = capable & PCI_EXP_DEVCAP2_ATOMIC_COMP32;
	ret->atomic_64 = capable & PCI_EXP_DEVCAP2_ATOMIC_COMP64;
	ret->atomic_128 = capable & PCI_EXP_DEVCAP2_ATOMIC_COMP128;
	ret->atomic_request_enabled = control & PCI_EXP_DEVCTL2_ATOMIC_REQ;
	ret->ltr = capable & PCI_EXP_DEVCAP2_LTR;
	ret->ltr_enabled = control & PCI_EXP_DEVCTL2_LTR_EN;
	ret->tag_10bit_completer = capable & DEVCAP2_TAG_10BIT_COMPLETER;
	ret->tag_10bit_requester = capable & DEVCAP2_TAG_10BIT_REQUESTER;
}

static int express_bounds(const struct pci_config *c, size_t at, size_t n)
{
	return config_bounds(c, at, n, PCI_CONFIG_BYTES);
}

static void decode_express_device(const struct pci_config *c, size_t at, struct pci_express *ret)
{
	uint32_t capable = config_long(c, at + PCI_EXP_DEVCAP);
	uint16_t control = config_word(c, at + PCI_EXP_DEVCTL);

	ret->payload_max_bytes = (uint16_t)(128u << field(capable, PCI_EXP_DEVCAP_PAYLOAD));
	ret->payload_bytes = (uint16_t)(128u << field(control, PCI_EXP_DEVCTL_PAYLOAD));
	ret->read_request_bytes = (uint16_t)(128u << field(control, PCI_EXP_DEVCTL_READRQ));
	ret->flr = capable & PCI_EXP_DEVCAP_FLR;
	ret->extended_tag = capable & PCI_EXP_DEVCAP_EXT_TAG;
	ret->transactions_pending = config_word(c, at + PCI_EXP_DEVSTA) & PCI_EXP_DEVSTA_TRPND;
}

static void decode_express(const struct pci_config *c, struct pci_express *ret)
{
	struct pci_link *link = &ret->link;

	ret->error = config_standard(c, PCI_CAP_ID_EXP, EXPRESS_DEVICE_END, &ret->offset);
	link->error = link->second_error = ret->slot.error = ret->second_error = ret->error;
	if (ret->error)
		return;
	size_t at = ret->offset;
	uint16_t flags = config_word(c, at + PCI_EXP_FLAGS);
	ret->version = flags & PCI_EXP_FLAGS_VERS;
	ret->type = (uint8_t)field(flags, PCI_EXP_FLAGS_TYPE);
	decode_express_device(c, at, ret);

	link->error = has_link(ret->type) ? express_bounds(c, at, EXPRESS_LINK_END) : -ENOENT;
	if (link->error == 0)
		decode_link(c, at, link);
	ret->slot.error =
		has_slot(flags, ret->type) ? express_bounds(c, at, EXPRESS_SLOT_END) : -ENOENT;
	if (ret->slot.error == 0)
		decode_slot(c, at, &ret->slot);

	ret->second_error =
		ret->version >= 2 ? express_bounds(c, at, EXPRESS_DEVICE2_END) : -ENOENT;
	if (ret->second_error == 0)
		decode_second(c, at, ret);
	link->second_error = ret->version >= 2 && has_link(ret->type)
				     ? express_bounds(c, at, EXPRESS_LINK2_END)
				     : -ENOENT;
	if (link->second_error == 0) {
		link->speeds = (uint8_t)field(config_long(c, at + PCI_EXP_LNKCAP2), 0x000000feu);
		link->speed_target = config_word(c, at + PCI_EXP_LNKCTL2) & PCI_EXP_LNKCTL2_TLS;
	}
}

void config_decode_standard(struct pci_config *c)
{
	decode_power(c, &c->power);
	decode_msi(c, &c->msi);
	decode_msix(c, &c->msix);
	decode_af(c, &c->af);
	decode_express(c, &c->express);
}

const char *pci_express_type_name(uint8_t type)
{
	switch (type) {
	case PCI_EXP_TYPE_ENDPOINT:
		return "endpoint";
	case PCI_EXP_TYPE_LEG_END:
		return "legacy endpoint";
	case PCI_EXP_TYPE_ROOT_PORT:
		return "root port";
	case PCI_EXP_TYPE_UPSTREAM:
		return "upstream port";
	case PCI_EXP_TYPE_DOWNSTREAM:
		return "downstream port";
	case PCI_EXP_TYPE_PCI_BRIDGE:
		return "PCIe-to-PCI bridge";
	case PCI_EXP_TYPE_PCIE_BRIDGE:
		return "PCI-to-PCIe bridge";
	case PCI_EXP_TYPE_RC_END:
		return "root complex integrated endpoint";
	case PCI_EXP_TYPE_RC_EC:
		return "root complex event collector";
	default:
		return "unknown type";
	}
}

const char *pci_link_speed_name(uint8_t speed)
{
	/* the words of the kernel's max_link_speed */
	static const char *const names[] = { NULL,        "2.5 GT/s",  "5.0 GT/s", "8.0 GT/s",
					     "16.0 GT/s", "32.0 GT/s", "64.0 GT/s" };

	return speed < ARRAY_SIZE(names) ? names[speed] : NULL;
}
