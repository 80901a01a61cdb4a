// SPDX-License-Identifier: MIT
// Capabilities of the extended space: what decides isolation (ACS, ARI), what a function splits
// into (SR-IOV), how its BARs can grow (Resizable BAR), and what it needs of the IOMMU (ATS, PASID,
// PRI). PCI Express Base Specification 6.0, sections 7.8 and 7.9.

#include "host/config_bytes.h"

#include <linux/pci_regs.h>

/* not in the linux/pci_regs.h of Debian 12 */
#define EXT_CAP_ID_VF_REBAR 0x24u
#define REBAR_CTRL_BAR_SIZE 0x00003f00u
#define PASID_WIDTH_SHIFT 8
#define PASID_WIDTH_MASK 0x1fu

/* sizes of the structures as far as they are decoded */
#define SRIOV_BYTES 0x40u
#define REBAR_ENTRY_BYTES 8u

static void decode_acs(const struct pci_config *c, struct pci_acs *ret)
{
	ret->error = config_extended(c, PCI_EXT_CAP_ID_ACS, 8, &ret->offset);
	if (ret->error)
		return;
	ret->supported = config_word(c, ret->offset + (size_t)PCI_ACS_CAP);
	ret->enabled = config_word(c, ret->offset + (size_t)PCI_ACS_CTRL);
	ret->egress_bits = (uint8_t)(ret->supported >> 8);
}

static void decode_ari(const struct pci_config *c, struct pci_ari *ret)
{
	ret->error = config_extended(c, PCI_EXT_CAP_ID_ARI, PCI_EXT_CAP_ARI_SIZEOF, &ret->offset);
	if (ret->error)
		return;
	uint16_t capable = config_word(c, ret->offset + (size_t)PCI_ARI_CAP);
	uint16_t control = config_word(c, ret->offset + (size_t)PCI_ARI_CTRL);

	ret->next_function = PCI_ARI_CAP_NFN(capable);
	ret->function_groups_mfvc = capable & PCI_ARI_CAP_MFVC;
	ret->function_groups_acs = capable & PCI_ARI_CAP_ACS;
	ret->function_group = PCI_ARI_CTRL_FG(control);
}

static void decode_sriov(const struct pci_config *c, struct pci_sriov *ret)
{
	ret->error = config_extended(c, PCI_EXT_CAP_ID_SRIOV, SRIOV_BYTES, &ret->offset);
	if (ret->error)
		return;
	size_t at = ret->offset;
	uint16_t control = config_word(c, at + PCI_SRIOV_CTRL);

	ret->enabled = control & PCI_SRIOV_CTRL_VFE;
	ret->memory_enabled = control & PCI_SRIOV_CTRL_MSE;
	ret->ari_hierarchy = control & PCI_SRIOV_CTRL_ARI;
	ret->initial = config_word(c, at + PCI_SRIOV_INITIAL_VF);
	ret->total = config_word(c, at + PCI_SRIOV_TOTAL_VF);
	ret->count = config_word(c, at + PCI_SRIOV_NUM_VF);
	ret->depends_on = config_byte(c, at + PCI_SRIOV_FUNC_LINK);
	ret->vf_offset = config_word(c, at + PCI_SRIOV_VF_OFFSET);
	ret->vf_stride = config_word(c, at + PCI_SRIOV_VF_STRIDE);
	ret->vf_device = config_word(c, at + PCI_SRIOV_VF_DID);
	ret->page_sizes = config_long(c, at + PCI_SRIOV_SUP_PGSIZE);
	ret->page_size = config_long(c, at + PCI_SRIOV_SYS_PGSIZE);
	config_decode_bars(c, at + PCI_SRIOV_BAR, PCI_SRIOV_NUM_BARS, false, ret->bars);
}

/* The first entry says how many there are; sizes above 128 TiB stand in the control register. */
static void decode_rebar(const struct pci_config *c, uint16_t id, struct pci_rebar *ret)
{
	ret->error = config_extended(c, id, 4 + REBAR_ENTRY_BYTES, &ret->offset);
	if (ret->error)
		return;
	size_t at = ret->offset;
	size_t n = (config_long(c, at + PCI_REBAR_CTRL) & PCI_REBAR_CTRL_NBAR_MASK) >>
		   PCI_REBAR_CTRL_NBAR_SHIFT;

	ret->error = n < 1 || n > ARRAY_SIZE(ret->bars)
			     ? -EBADMSG
			     : config_bounds(c, at, 4 + n * REBAR_ENTRY_BYTES,
					     PCI_CONFIG_EXTENDED_BYTES);
	if (ret->error)
		return;
	for (ret->n_bars = 0; ret->n_bars < n; ret->n_bars++, at += REBAR_ENTRY_BYTES) {
		uint32_t capable = config_long(c, at + PCI_REBAR_CAP);
		uint32_t control = config_long(c, at + PCI_REBAR_CTRL);

		ret->bars[ret->n_bars] = (struct pci_resizable_bar){
			.bar = control & PCI_REBAR_CTRL_BAR_IDX,
			.sizes = capable >> 4 | (uint64_t)(control >> 16) << 28,
			.size_log2 = (control & REBAR_CTRL_BAR_SIZE) >> PCI_REBAR_CTRL_BAR_SHIFT,
		};
	}
}

static void decode_ats(const struct pci_config *c, struct pci_ats *ret)
{
	ret->error = config_extended(c, PCI_EXT_CAP_ID_ATS, PCI_EXT_CAP_ATS_SIZEOF, &ret->offset);
	if (ret->error)
		return;
	uint16_t capable = config_word(c, ret->offset + (size_t)PCI_ATS_CAP);
	uint16_t control = config_word(c, ret->offset + (size_t)PCI_ATS_CTRL);

	ret->queue_depth = PCI_ATS_CAP_QDEP(capable);
	ret->page_aligned = capable & PCI_ATS_CAP_PAGE_ALIGNED;
	ret->enabled = control & PCI_ATS_CTRL_ENABLE;
	ret->smallest_unit = PCI_ATS_CTRL_STU(control);
}

static void decode_pasid(const struct pci_config *c, struct pci_pasid *ret)
{
	ret->error =
		config_extended(c, PCI_EXT_CAP_ID_PASID, PCI_EXT_CAP_PASID_SIZEOF, &ret->offset);
	if (ret->error)
		return;
	uint16_t capable = config_word(c, ret->offset + (size_t)PCI_PASID_CAP);

	ret->execute = capable & PCI_PASID_CAP_EXEC;
	ret->privileged = capable & PCI_PASID_CAP_PRIV;
	ret->width_max_bits = capable >> PASID_WIDTH_SHIFT & PASID_WIDTH_MASK;
	ret->enabled = config_word(c, ret->offset + (size_t)PCI_PASID_CTRL) & PCI_PASID_CTRL_ENABLE;
}

static void decode_pri(const struct pci_config *c, struct pci_pri *ret)
{
	ret->error = config_extended(c, PCI_EXT_CAP_ID_PRI, PCI_EXT_CAP_PRI_SIZEOF, &ret->offset);
	if (ret->error)
		return;
	size_t at = ret->offset;
	uint16_t status = config_word(c, at + PCI_PRI_STATUS);

	ret->enabled = config_word(c, at + PCI_PRI_CTRL) & PCI_PRI_CTRL_ENABLE;
	ret->stopped = status & PCI_PRI_STATUS_STOPPED;
	ret->pasid_required = status & PCI_PRI_STATUS_PASID;
	ret->capacity = config_long(c, at + PCI_PRI_MAX_REQ);
	ret->allocation = config_long(c, at + PCI_PRI_ALLOC_REQ);
}

static void decode_serial(struct pci_config *c)
{
	uint16_t at;

	c->serial_error = config_extended(c, PCI_EXT_CAP_ID_DSN, PCI_EXT_CAP_DSN_SIZEOF, &at);
	if (c->serial_error == 0)
		c->serial = config_long(c, at + 4u) | (uint64_t)config_long(c, at + 8u) << 32;
}

void config_decode_extended(struct pci_config *c)
{
	uint16_t offset;

	c->aer_error = config_extended(c, PCI_EXT_CAP_ID_ERR, 4, &offset);
	decode_acs(c, &c->acs);
	decode_ari(c, &c->ari);
	decode_sriov(c, &c->sriov);
	decode_rebar(c, PCI_EXT_CAP_ID_REBAR, &c->rebar);
	decode_rebar(c, EXT_CAP_ID_VF_REBAR, &c->vf_rebar);
	decode_ats(c, &c->ats);
	decode_pasid(c, &c->pasid);
	decode_pri(c, &c->pri);
	decode_serial(c);
}
