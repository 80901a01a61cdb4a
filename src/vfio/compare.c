// SPDX-License-Identifier: MIT
// What a reset did to a configuration space. The kernel saves a set of registers around every reset
// and writes them back (pci_save_state() and pci_restore_state() in drivers/pci/pci.c and the
// functions they call for each capability): when one of those comes back different, the device did
// not take it, and a guest will find a broken device. Status bits say what happened and prove
// nothing; everything else may go to its default.

#include "vfio/internal.h"

#include <endian.h>
#include <linux/pci_regs.h>
#include <string.h>

/* A word of 32 bits within a capability: which of its bits the kernel restores, and which are
 * status. */
struct word {
	uint16_t capability;
	uint16_t offset;
	uint32_t restored, status;
};

static const struct word standard_words[] = {
	{ PCI_CAP_ID_PM, PCI_PM_CTRL, 0, PCI_PM_CTRL_PME_STATUS },
	{ PCI_CAP_ID_EXP, PCI_EXP_DEVCTL, 0x0000ffff, 0xffff0000 },
	{ PCI_CAP_ID_EXP, PCI_EXP_LNKCTL, 0x0000ffff, 0xffff0000 },
	{ PCI_CAP_ID_EXP, PCI_EXP_SLTCTL, 0x0000ffff, 0xffff0000 },
	{ PCI_CAP_ID_EXP, PCI_EXP_RTSTA, 0, 0xffffffff },
	{ PCI_CAP_ID_EXP, PCI_EXP_DEVCTL2, 0x0000ffff, 0xffff0000 },
	{ PCI_CAP_ID_EXP, PCI_EXP_LNKCTL2, 0x0000ffff, 0xffff0000 },
	{ PCI_CAP_ID_PCIX, 0, 0xffff0000, 0 },
	{ PCI_CAP_ID_PCIX, PCI_X_STATUS, 0, 0xffffffff },
};

static const struct word extended_words[] = {
	{ PCI_EXT_CAP_ID_ERR, PCI_ERR_UNCOR_STATUS, 0, 0xffffffff },
	{ PCI_EXT_CAP_ID_ERR, PCI_ERR_UNCOR_MASK, 0xffffffff, 0 },
	{ PCI_EXT_CAP_ID_ERR, PCI_ERR_UNCOR_SEVER, 0xffffffff, 0 },
	{ PCI_EXT_CAP_ID_ERR, PCI_ERR_COR_STATUS, 0, 0xffffffff },
	{ PCI_EXT_CAP_ID_ERR, PCI_ERR_COR_MASK, 0xffffffff, 0 },
	{ PCI_EXT_CAP_ID_ERR, PCI_ERR_CAP, PCI_ERR_CAP_ECRC_GENE | PCI_ERR_CAP_ECRC_CHKE, 0x1f },
	{ PCI_EXT_CAP_ID_ERR, PCI_ERR_HEADER_LOG, 0, 0xffffffff },
	{ PCI_EXT_CAP_ID_ERR, PCI_ERR_HEADER_LOG + 4, 0, 0xffffffff },
	{ PCI_EXT_CAP_ID_ERR, PCI_ERR_HEADER_LOG + 8, 0, 0xffffffff },
	{ PCI_EXT_CAP_ID_ERR, PCI_ERR_HEADER_LOG + 12, 0, 0xffffffff },
	{ PCI_EXT_CAP_ID_ACS, PCI_ACS_CAP, 0xffff0000, 0 },
	{ PCI_EXT_CAP_ID_ATS, PCI_ATS_CAP, 0xffff0000, 0 },
	{ PCI_EXT_CAP_ID_PRI, PCI_PRI_CTRL, 0x0000ffff, 0xffff0000 },
	{ PCI_EXT_CAP_ID_PASID, PCI_PASID_CAP, 0xffff0000, 0 },
	{ PCI_EXT_CAP_ID_LTR, PCI_LTR_MAX_SNOOP_LAT, 0xffffffff, 0 },
	{ PCI_EXT_CAP_ID_REBAR, PCI_REBAR_CTRL, PCI_REBAR_CTRL_BAR_SIZE, 0 },
	{ PCI_EXT_CAP_ID_PTM, PCI_PTM_CTRL, 0xffffffff, 0 },
};

struct name {
	uint16_t id;
	const char *text;
};

static const struct name standard_names[] = {
	{ PCI_CAP_ID_PM, "power management" },
	{ PCI_CAP_ID_VPD, "vital product data" },
	{ PCI_CAP_ID_MSI, "MSI" },
	{ PCI_CAP_ID_PCIX, "PCI-X" },
	{ PCI_CAP_ID_VNDR, "vendor-specific capability" },
	{ PCI_CAP_ID_EXP, "PCI Express" },
	{ PCI_CAP_ID_MSIX, "MSI-X" },
	{ PCI_CAP_ID_AF, "advanced features" },
};

static const struct name extended_names[] = {
	{ PCI_EXT_CAP_ID_ERR, "advanced error reporting" },
	{ PCI_EXT_CAP_ID_VC, "virtual channel" },
	{ PCI_EXT_CAP_ID_DSN, "device serial number" },
	{ PCI_EXT_CAP_ID_VNDR, "extended vendor-specific capability" },
	{ PCI_EXT_CAP_ID_ACS, "ACS" },
	{ PCI_EXT_CAP_ID_ARI, "ARI" },
	{ PCI_EXT_CAP_ID_ATS, "ATS" },
	{ PCI_EXT_CAP_ID_SRIOV, "SR-IOV" },
	{ PCI_EXT_CAP_ID_PRI, "page requests" },
	{ PCI_EXT_CAP_ID_REBAR, "resizable BARs" },
	{ PCI_EXT_CAP_ID_LTR, "latency tolerance reporting" },
	{ PCI_EXT_CAP_ID_SECPCI, "secondary PCI Express" },
	{ PCI_EXT_CAP_ID_PASID, "PASID" },
	{ PCI_EXT_CAP_ID_L1SS, "L1 substates" },
	{ PCI_EXT_CAP_ID_PTM, "precision time measurement" },
};

static const char *const header_names[PCI_STD_HEADER_SIZEOF / 4] = {
	"vendor and device",
	"command and status",
	"class",
	"header type",
	"BAR 0",
	"BAR 1",
	"BAR 2",
	"BAR 3",
	"BAR 4",
	"BAR 5",
	"CardBus",
	"subsystem",
	"ROM",
	"capability list",
	"reserved",
	"interrupt line",
};

static const struct pci_capability *capability_at(const struct pci_config *c, uint32_t offset)
{
	const struct pci_capabilities *list =
		offset < PCI_CONFIG_BYTES ? &c->standard : &c->extended;
	const struct pci_capability *found = NULL;

	for (size_t i = 0; i < list->n; i++) {
		if (list->list[i].offset <= offset &&
		    (!found || list->list[i].offset > found->offset))
			found = &list->list[i];
	}
	return found;
}

static const char *capability_name(struct arena *a, bool extended, uint16_t id)
{
	const struct name *names = extended ? extended_names : standard_names;
	size_t n = extended ? ARRAY_SIZE(extended_names) : ARRAY_SIZE(standard_names);

	for (size_t i = 0; i < n; i++) {
		if (names[i].id == id)
			return names[i].text;
	}
	return arena_printf(a, "%scapability 0x%02x", extended ? "extended " : "", id);
}

/* The word in the tables that @offset is, as a capability of @c or of the header. */
static struct word word_at(const struct pci_capability *capability, uint32_t offset)
{
	bool extended = offset >= PCI_CONFIG_BYTES;
	const struct word *words = extended ? extended_words : standard_words;
	size_t n = extended ? ARRAY_SIZE(extended_words) : ARRAY_SIZE(standard_words);

	if (offset == PCI_COMMAND)
		return (struct word){ .restored = 0x0000ffff, .status = 0xffff0000 };
	if (offset < PCI_STD_HEADER_SIZEOF)
		return (struct word){ .restored = 0xffffffff };
	for (size_t i = 0; capability && i < n; i++) {
		if (words[i].capability == capability->id &&
		    words[i].offset == offset - capability->offset)
			return words[i];
	}
	return (struct word){ 0 };
}

static void add(struct arena *a, const struct pci_config *c, struct vfio_change change,
		struct vfio_change *ret)
{
	const struct pci_capability *capability = capability_at(c, change.offset);
	struct word word = word_at(capability, change.offset);
	uint32_t bits = change.before ^ change.after;

	if (change.offset < PCI_STD_HEADER_SIZEOF)
		change.name = header_names[change.offset / 4];
	else if (capability)
		change.name = capability_name(a, change.offset >= PCI_CONFIG_BYTES, capability->id);
	else
		change.name = "outside of all capabilities";
	if (bits & word.restored)
		change.kind = VFIO_CHANGE_LOST;
	else if ((bits & ~word.status) == 0)
		change.kind = VFIO_CHANGE_STATUS;
	else
		change.kind = VFIO_CHANGE_DEFAULT;
	*ret = change;
}

static uint32_t word_of(struct bytes config, size_t offset)
{
	uint32_t word;

	memcpy(&word, config.data + offset, sizeof(word));
	return le32toh(word);
}

void vfio_config_compare(struct arena *a, struct bytes before, struct bytes after,
			 struct vfio_change **ret, size_t *ret_n)
{
	size_t n = before.n < after.n ? before.n : after.n;
	struct vfio_change *changes = arena_array(a, n / 4, sizeof(*changes));
	struct pci_config config;
	size_t n_changes = 0;

	pci_decode_config(a, before.data, before.n, &config);
	for (size_t offset = 0; offset + 4 <= n; offset += 4) {
		struct vfio_change change = {
			.offset = (uint32_t)offset,
			.before = word_of(before, offset),
			.after = word_of(after, offset),
		};

		if (change.before != change.after)
			add(a, &config, change, &changes[n_changes++]);
	}
	*ret = changes;
	*ret_n = n_changes;
}
