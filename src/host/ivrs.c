// SPDX-License-Identifier: MIT
// Decodes the ACPI table IVRS, in which AMD's firmware describes its IOMMUs.
//
// Blocks of 10h, 11h and 40h describe the same IOMMU several times, for software of different age;
// all are kept, as the questions below choose. Device entries have no length field: it follows from
// the type. The walk is that of drivers/iommu/amd/init.c of Linux (ivhd_entry_length(),
// init_iommu_from_acpi(), init_unity_map_range()).

#include "host/acpi_read.h"

#include <errno.h>
#include <string.h>

#define TABLE_BYTES 48
#define BLOCK_BYTES 4
#define IVHD_10H_BYTES 24
#define IVHD_BYTES 40 /* of 11h and 40h */
#define IVMD_BYTES 32
#define HID_BYTES 22 /* before the UID */

static bool is_ivhd(uint8_t type)
{
	return type == IVRS_IVHD_10H || type == IVRS_IVHD_11H || type == IVRS_IVHD_40H;
}

static bool is_ivmd(uint8_t type)
{
	return type == IVRS_IVMD_ALL || type == IVRS_IVMD_ONE || type == IVRS_IVMD_RANGE;
}

static size_t ivhd_fixed_bytes(uint8_t type)
{
	return type == IVRS_IVHD_10H ? IVHD_10H_BYTES : IVHD_BYTES;
}

static int take_block(const struct acpi_part *table, size_t at, uint8_t *ret_type,
		      struct acpi_part *ret, struct err *e)
{
	struct acpi_part head;
	int error = acpi_take(table, at, table->n - at < BLOCK_BYTES ? table->n - at : BLOCK_BYTES,
			      BLOCK_BYTES, "block", &head, e);

	if (error < 0)
		return error;
	uint8_t type = *ret_type = acpi_u8(&head, 0);
	uint16_t length = acpi_u16(&head, 2);
	if (is_ivhd(type))
		return acpi_take(table, at, length, ivhd_fixed_bytes(type), "IVHD", ret, e);
	if (is_ivmd(type))
		return acpi_take(table, at, length, IVMD_BYTES, "IVMD", ret, e);
	return acpi_take(table, at, length, BLOCK_BYTES, "block of an unknown type", ret, e);
}

/* ---- device entries ---- */

static int take_entry(const struct acpi_part *block, size_t at, struct acpi_part *ret,
		      struct err *e)
{
	uint8_t type = acpi_u8(block, at);

	if (type < IVHD_ACPI_HID) {
		size_t length = (size_t)4 << (type >> 6);
		return acpi_take(block, at, length, length, "device entry", ret, e);
	}
	if (type != IVHD_ACPI_HID)
		return err_fail(e, -EBADMSG,
				"%s table: the device entry at offset 0x%zx has the type %u, whose "
				"length is not defined",
				block->signature, block->offset + at, type);
	int error = acpi_take(block, at, HID_BYTES, HID_BYTES, "device entry", ret, e);
	if (error < 0)
		return error;
	return acpi_take(block, at, HID_BYTES + (size_t)acpi_u8(ret, 21), HID_BYTES, "device entry",
			 ret, e);
}

static int parse_hid(struct arena *a, const struct acpi_part *p, struct ivhd_entry *ret,
		     struct err *e)
{
	acpi_text(p, 4, 8, ret->hid);
	acpi_text(p, 12, 8, ret->cid);
	ret->uid_format = acpi_u8(p, 20);
	ret->uid.n = p->n - HID_BYTES;
	ret->uid.data = arena_memdup(a, p->data + HID_BYTES, ret->uid.n);
	if (ret->uid_format != IVHD_UID_INTEGER)
		return 0;
	/* the specification says 8 bytes; there is firmware that takes 2 */
	if (ret->uid.n > sizeof(ret->uid_integer))
		return err_fail(e, -EBADMSG,
				"%s table: the UID of the device entry at offset 0x%zx is a number "
				"of %zu bytes",
				p->signature, p->offset, ret->uid.n);
	ret->uid_integer = acpi_number(p, HID_BYTES, ret->uid.n);
	return 0;
}

static bool is_defined(uint8_t type)
{
	return type <= IVHD_RANGE_END || type == IVHD_PAD8 || type == IVHD_ALIAS_SELECT ||
	       type == IVHD_ALIAS_RANGE_START || type == IVHD_EXTENDED_SELECT ||
	       type == IVHD_EXTENDED_RANGE_START || type == IVHD_SPECIAL || type == IVHD_ACPI_HID;
}

static int parse_entry(struct arena *a, const struct acpi_part *p, struct ivhd_entry *ret,
		       struct err *e)
{
	*ret = (struct ivhd_entry){ .place = acpi_place(p), .type = acpi_u8(p, 0) };
	if (!is_defined(ret->type))
		return 0;
	ret->device_id = acpi_u16(p, 1);
	ret->dte_setting = acpi_u8(p, 3);
	switch (ret->type) {
	case IVHD_SPECIAL:
		ret->handle = acpi_u8(p, 4);
		ret->variety = acpi_u8(p, 7);
		ret->source_device_id = acpi_u16(p, 5);
		break;
	case IVHD_ALIAS_SELECT:
	case IVHD_ALIAS_RANGE_START:
		ret->source_device_id = acpi_u16(p, 5);
		break;
	case IVHD_EXTENDED_SELECT:
	case IVHD_EXTENDED_RANGE_START:
		ret->extended_dte_setting = acpi_u32(p, 4);
		break;
	case IVHD_ACPI_HID:
		return parse_hid(a, p, ret, e);
	default:
		break;
	}
	return 0;
}

/* ---- blocks ---- */

/* IOMMU Feature Reporting (10h) or Attributes (11h, 40h): some fields are in both. */
static void parse_features(uint32_t info, struct ivhd *ret)
{
	ret->feature_info = info;
	ret->pn_counters = info >> 13 & 0xf;
	ret->pn_banks = info >> 17 & 0x3f;
	ret->msi_num_ppr = info >> 23 & 0x1f;
	if (ret->type != IVRS_IVHD_10H) {
		ret->hat_dis = info & 1;
		return;
	}
	ret->features = (struct ivhd_features){
		.xt_sup = info & 1 << 0,
		.nx_sup = info & 1 << 1,
		.gt_sup = info & 1 << 2,
		.glx_sup = info >> 3 & 3,
		.ia_sup = info & 1 << 5,
		.ga_sup = info & 1 << 6,
		.he_sup = info & 1 << 7,
		.pas_max = info >> 8 & 0x1f,
		.gats = info >> 28 & 3,
		.hats = info >> 30 & 3,
	};
}

static int parse_ivhd(struct arena *a, const struct acpi_part *p, struct ivhd *ret, struct err *e)
{
	struct acpi_part entry;
	size_t n = 0, first;

	*ret = (struct ivhd){
		.place = acpi_place(p),
		.type = acpi_u8(p, 0),
		.flags = acpi_u8(p, 1),
		.device_id = acpi_u16(p, 4),
		.capability_offset = acpi_u16(p, 6),
		.iommu_base_address = acpi_u64(p, 8),
		.pci_segment_group = acpi_u16(p, 16),
		.iommu_info = acpi_u16(p, 18),
		.msi_num = acpi_u16(p, 18) & 0x1f,
		.unit_id = acpi_u16(p, 18) >> 8 & 0x1f,
	};
	parse_features(acpi_u32(p, 20), ret);
	if (ret->type != IVRS_IVHD_10H) {
		ret->efr_image = acpi_u64(p, 24);
		ret->efr2_image = acpi_u64(p, 32);
	}
	first = ivhd_fixed_bytes(ret->type);
	for (size_t at = first; at < p->n; at += entry.n, n++) {
		int error = take_entry(p, at, &entry, e);
		if (error < 0)
			return error;
	}
	ret->entries = arena_array(a, n, sizeof(*ret->entries));
	for (size_t at = first; at < p->n; at += entry.n) {
		int error = take_entry(p, at, &entry, e);
		if (error == 0)
			error = parse_entry(a, &entry, &ret->entries[ret->n_entries++], e);
		if (error < 0)
			return error;
	}
	return 0;
}

static void parse_ivmd(const struct acpi_part *p, struct ivmd *ret)
{
	*ret = (struct ivmd){
		.place = acpi_place(p),
		.type = acpi_u8(p, 0),
		.flags = acpi_u8(p, 1),
		.device_id = acpi_u16(p, 4),
		.auxiliary_data = acpi_u16(p, 6),
		.pci_segment_group = acpi_u16(p, 8),
		.start_address = acpi_u64(p, 16),
		.memory_length = acpi_u64(p, 24),
	};
}

static int parse_block(struct arena *a, const struct acpi_part *p, uint8_t type, struct ivrs *ivrs,
		       struct err *e)
{
	if (is_ivhd(type))
		return parse_ivhd(a, p, &ivrs->ivhds[ivrs->n_ivhds++], e);
	if (is_ivmd(type))
		parse_ivmd(p, &ivrs->ivmds[ivrs->n_ivmds++]);
	else
		ivrs->unknowns[ivrs->n_unknowns++] = (struct acpi_unknown){ acpi_place(p), type };
	return 0;
}

static void parse_iv_info(uint32_t info, struct ivrs *ret)
{
	ret->iv_info = info;
	ret->efr_sup = info & 1 << 0;
	ret->dma_guard_opt_in = info & 1 << 1;
	ret->gva_size = info >> 5 & 7;
	ret->pa_size_bits = info >> 8 & 0x7f;
	ret->va_size_bits = info >> 15 & 0x7f;
	ret->ht_ats_resv = info & 1 << 22;
}

int ivrs_parse(struct arena *a, struct bytes table, struct ivrs *ret, struct err *e)
{
	size_t n_ivhds = 0, n_ivmds = 0, n_unknowns = 0;
	struct acpi_part all, p;
	struct ivrs ivrs = { 0 };
	uint8_t type;
	int error = acpi_take_table(table, "IVRS", TABLE_BYTES, &ivrs.header, &all, e);

	for (size_t at = TABLE_BYTES; error == 0 && at < all.n; at += p.n) {
		error = take_block(&all, at, &type, &p, e);
		if (error == 0)
			(*(is_ivhd(type) ? &n_ivhds : is_ivmd(type) ? &n_ivmds : &n_unknowns))++;
	}
	if (error < 0)
		return error;

	parse_iv_info(acpi_u32(&all, 36), &ivrs);
	ivrs.ivhds = arena_array(a, n_ivhds, sizeof(*ivrs.ivhds));
	ivrs.ivmds = arena_array(a, n_ivmds, sizeof(*ivrs.ivmds));
	ivrs.unknowns = arena_array(a, n_unknowns, sizeof(*ivrs.unknowns));
	for (size_t at = TABLE_BYTES; at < all.n; at += p.n) {
		error = take_block(&all, at, &type, &p, e);
		if (error == 0)
			error = parse_block(a, &p, type, &ivrs, e);
		if (error < 0)
			return error;
	}
	*ret = ivrs;
	return 0;
}

/* ---- which devices are meant ---- */

static uint16_t device_id_of(struct pci_address address)
{
	return (uint16_t)(address.bus << 8 | address.device << 3 | address.function);
}

const struct ivhd_entry *ivhd_next_entry(const struct ivhd *ivhd, struct pci_address address,
					 const struct ivhd_entry *after)
{
	const struct ivhd_entry *start = NULL;
	uint16_t id = device_id_of(address);

	if (address.domain != ivhd->pci_segment_group)
		return NULL;
	for (size_t i = after ? (size_t)(after - ivhd->entries) + 1 : 0; i < ivhd->n_entries; i++) {
		const struct ivhd_entry *entry = &ivhd->entries[i];

		switch (entry->type) {
		case IVHD_ALL:
			return entry;
		case IVHD_SELECT:
		case IVHD_ALIAS_SELECT:
		case IVHD_EXTENDED_SELECT:
			if (entry->device_id == id)
				return entry;
			break;
		case IVHD_RANGE_START:
		case IVHD_ALIAS_RANGE_START:
		case IVHD_EXTENDED_RANGE_START:
			start = entry;
			break;
		case IVHD_RANGE_END:
			if (start && start->device_id <= id && id <= entry->device_id)
				return start;
			start = NULL;
			break;
		default:
			break;
		}
	}
	return NULL;
}

const struct ivhd *ivrs_ivhd_of(const struct ivrs *ivrs, struct pci_address address)
{
	const struct ivhd *best = NULL;

	for (size_t i = 0; i < ivrs->n_ivhds; i++)
		if ((!best || ivrs->ivhds[i].type > best->type) &&
		    ivhd_next_entry(&ivrs->ivhds[i], address, NULL))
			best = &ivrs->ivhds[i];
	return best;
}

bool ivmd_covers(const struct ivmd *ivmd, struct pci_address address)
{
	uint16_t id = device_id_of(address);

	if (address.domain != ivmd->pci_segment_group)
		return false;
	if (ivmd->type == IVRS_IVMD_RANGE)
		return ivmd->device_id <= id && id <= ivmd->auxiliary_data;
	return ivmd->type == IVRS_IVMD_ALL || ivmd->device_id == id;
}

const struct ivmd *ivrs_next_ivmd(const struct ivrs *ivrs, struct pci_address address,
				  const struct ivmd *after)
{
	for (size_t i = after ? (size_t)(after - ivrs->ivmds) + 1 : 0; i < ivrs->n_ivmds; i++)
		if (ivmd_covers(&ivrs->ivmds[i], address))
			return &ivrs->ivmds[i];
	return NULL;
}
