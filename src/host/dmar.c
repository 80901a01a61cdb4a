// SPDX-License-Identifier: MIT
// Decodes the ACPI table DMAR, in which Intel's firmware describes its IOMMUs (VT-d).
//
// The table is walked twice: first for the number of structures of each kind, so that each
// kind is one array, then for their contents. Which device a scope means is decided as
// dmar_match_pci_path() and device_to_iommu() of Linux do (drivers/iommu/intel/dmar.c, iommu.c):
// what counts is what the kernel will make of the table.

#include "host/acpi_read.h"

#include <errno.h>
#include <string.h>

#define TABLE_BYTES 48
#define SUBTABLE_BYTES 4
#define SCOPE_BYTES 6

/* The bytes that every structure of a type has, before its device scopes. */
static const struct {
	const char *name;
	size_t fixed_bytes;
} kinds[] = {
	[DMAR_DRHD] = { "DRHD", 16 }, [DMAR_RMRR] = { "RMRR", 24 }, [DMAR_ATSR] = { "ATSR", 8 },
	[DMAR_RHSA] = { "RHSA", 20 }, [DMAR_ANDD] = { "ANDD", 8 },  [DMAR_SATC] = { "SATC", 8 },
	[DMAR_SIDP] = { "SIDP", 8 },
};

/* The index behind those of kinds stands for all types that are not defined. */
#define UNKNOWN ARRAY_SIZE(kinds)

/* The structure of @table at @at; *@ret_kind is an index of kinds, or UNKNOWN. */
static int take_subtable(const struct acpi_part *table, size_t at, size_t *ret_kind,
			 struct acpi_part *ret, struct err *e)
{
	struct acpi_part head;
	int error = acpi_take(table, at,
			      table->n - at < SUBTABLE_BYTES ? table->n - at : SUBTABLE_BYTES,
			      SUBTABLE_BYTES, "structure", &head, e);

	if (error < 0)
		return error;
	uint16_t type = acpi_u16(&head, 0);
	*ret_kind = type < UNKNOWN ? type : UNKNOWN;
	if (*ret_kind == UNKNOWN)
		return acpi_take(table, at, acpi_u16(&head, 2), SUBTABLE_BYTES,
				 "structure of an unknown type", ret, e);
	return acpi_take(table, at, acpi_u16(&head, 2), kinds[type].fixed_bytes, kinds[type].name,
			 ret, e);
}

/* ---- device scopes ---- */

static int take_scope(const struct acpi_part *p, size_t at, struct acpi_part *ret, struct err *e)
{
	size_t left = p->n - at, length = left < 2 ? left : acpi_u8(p, at + 1);
	/* the steps of the path come in pairs of bytes, and without one it names no device */
	int error = acpi_take(p, at, length, SCOPE_BYTES + 2, "device scope", ret, e);

	if (error == 0 && length % 2 != 0)
		return err_fail(e, -EBADMSG,
				"%s table: the device scope at offset 0x%zx has the length "
				"%zu, which leaves half a step at the end of its path",
				p->signature, ret->offset, length);
	return error;
}

static void parse_scope(struct arena *a, const struct acpi_part *p, struct dmar_scope *ret)
{
	*ret = (struct dmar_scope){
		.place = acpi_place(p),
		.type = acpi_u8(p, 0),
		.flags = acpi_u8(p, 2),
		.enumeration_id = acpi_u8(p, 4),
		.start_bus_number = acpi_u8(p, 5),
		.n_path = (p->n - SCOPE_BYTES) / 2,
	};
	ret->path = arena_array(a, ret->n_path, sizeof(*ret->path));
	for (size_t i = 0; i < ret->n_path; i++) {
		ret->path[i].device = acpi_u8(p, SCOPE_BYTES + 2 * i);
		ret->path[i].function = acpi_u8(p, SCOPE_BYTES + 2 * i + 1);
	}
}

/* The segment, which stands at the same place in all structures, and the scopes from @at on. */
static int parse_devices(struct arena *a, const struct acpi_part *p, size_t first,
			 struct dmar_devices *ret, struct err *e)
{
	struct acpi_part scope;
	size_t n = 0;

	for (size_t at = first; at < p->n; at += scope.n, n++) {
		int error = take_scope(p, at, &scope, e);
		if (error < 0)
			return error;
	}
	*ret = (struct dmar_devices){ .segment_number = acpi_u16(p, 6) };
	ret->scopes = arena_array(a, n, sizeof(*ret->scopes));
	for (size_t at = first; ret->n_scopes < n; at += scope.n) {
		int error = take_scope(p, at, &scope, e);
		if (error < 0)
			return error;
		parse_scope(a, &scope, &ret->scopes[ret->n_scopes++]);
	}
	return 0;
}

/* ---- structures ---- */

static int parse_drhd(struct arena *a, const struct acpi_part *p, struct dmar_drhd *ret,
		      struct err *e)
{
	*ret = (struct dmar_drhd){
		.place = acpi_place(p),
		.flags = acpi_u8(p, 4),
		.size = acpi_u8(p, 5),
		.register_base_address = acpi_u64(p, 8),
	};
	return parse_devices(a, p, kinds[DMAR_DRHD].fixed_bytes, &ret->devices, e);
}

static int parse_rmrr(struct arena *a, const struct acpi_part *p, struct dmar_rmrr *ret,
		      struct err *e)
{
	*ret = (struct dmar_rmrr){
		.place = acpi_place(p),
		.base_address = acpi_u64(p, 8),
		.limit_address = acpi_u64(p, 16),
	};
	return parse_devices(a, p, kinds[DMAR_RMRR].fixed_bytes, &ret->devices, e);
}

static int parse_atsr(struct arena *a, const struct acpi_part *p, struct dmar_atsr *ret,
		      struct err *e)
{
	*ret = (struct dmar_atsr){ .place = acpi_place(p), .flags = acpi_u8(p, 4) };
	return parse_devices(a, p, kinds[DMAR_ATSR].fixed_bytes, &ret->devices, e);
}

static int parse_rhsa(const struct acpi_part *p, struct dmar_rhsa *ret)
{
	*ret = (struct dmar_rhsa){
		.place = acpi_place(p),
		.register_base_address = acpi_u64(p, 8),
		.proximity_domain = acpi_u32(p, 16),
	};
	return 0;
}

static int parse_andd(struct arena *a, const struct acpi_part *p, struct dmar_andd *ret,
		      struct err *e)
{
	size_t first = kinds[DMAR_ANDD].fixed_bytes, n = 0;

	while (first + n < p->n && p->data[first + n] != '\0')
		n++;
	/* Linux refuses the whole table then (dmar_parse_one_andd()) */
	if (first + n == p->n)
		return err_fail(e, -EBADMSG,
				"%s table: the object name of the ANDD at offset 0x%zx does not "
				"end with a NUL",
				p->signature, p->offset);
	char *name = arena_alloc(a, n + 1);
	acpi_text(p, first, n, name);
	*ret = (struct dmar_andd){
		.place = acpi_place(p),
		.acpi_device_number = acpi_u8(p, 7),
		.acpi_object_name = name,
	};
	return 0;
}

static int parse_satc(struct arena *a, const struct acpi_part *p, struct dmar_satc *ret,
		      struct err *e)
{
	*ret = (struct dmar_satc){ .place = acpi_place(p), .flags = acpi_u8(p, 4) };
	return parse_devices(a, p, kinds[DMAR_SATC].fixed_bytes, &ret->devices, e);
}

static int parse_sidp(struct arena *a, const struct acpi_part *p, struct dmar_sidp *ret,
		      struct err *e)
{
	*ret = (struct dmar_sidp){ .place = acpi_place(p) };
	return parse_devices(a, p, kinds[DMAR_SIDP].fixed_bytes, &ret->devices, e);
}

static int parse_subtable(struct arena *a, const struct acpi_part *p, size_t kind,
			  struct dmar *dmar, struct err *e)
{
	switch (kind) {
	case DMAR_DRHD:
		return parse_drhd(a, p, &dmar->drhds[dmar->n_drhds++], e);
	case DMAR_RMRR:
		return parse_rmrr(a, p, &dmar->rmrrs[dmar->n_rmrrs++], e);
	case DMAR_ATSR:
		return parse_atsr(a, p, &dmar->atsrs[dmar->n_atsrs++], e);
	case DMAR_RHSA:
		return parse_rhsa(p, &dmar->rhsas[dmar->n_rhsas++]);
	case DMAR_ANDD:
		return parse_andd(a, p, &dmar->andds[dmar->n_andds++], e);
	case DMAR_SATC:
		return parse_satc(a, p, &dmar->satcs[dmar->n_satcs++], e);
	case DMAR_SIDP:
		return parse_sidp(a, p, &dmar->sidps[dmar->n_sidps++], e);
	default:
		dmar->unknowns[dmar->n_unknowns++] =
			(struct acpi_unknown){ acpi_place(p), acpi_u16(p, 0) };
		return 0;
	}
}

int dmar_parse(struct arena *a, struct bytes table, struct dmar *ret, struct err *e)
{
	size_t counts[UNKNOWN + 1] = { 0 }, kind;
	struct acpi_part all, p;
	struct dmar dmar = { 0 };
	int error = acpi_take_table(table, "DMAR", TABLE_BYTES, &dmar.header, &all, e);

	for (size_t at = TABLE_BYTES; error == 0 && at < all.n; at += p.n) {
		error = take_subtable(&all, at, &kind, &p, e);
		if (error == 0)
			counts[kind]++;
	}
	if (error < 0)
		return error;

	dmar.host_address_width = acpi_u8(&all, 36);
	dmar.flags = acpi_u8(&all, 37);
	dmar.drhds = arena_array(a, counts[DMAR_DRHD], sizeof(*dmar.drhds));
	dmar.rmrrs = arena_array(a, counts[DMAR_RMRR], sizeof(*dmar.rmrrs));
	dmar.atsrs = arena_array(a, counts[DMAR_ATSR], sizeof(*dmar.atsrs));
	dmar.rhsas = arena_array(a, counts[DMAR_RHSA], sizeof(*dmar.rhsas));
	dmar.andds = arena_array(a, counts[DMAR_ANDD], sizeof(*dmar.andds));
	dmar.satcs = arena_array(a, counts[DMAR_SATC], sizeof(*dmar.satcs));
	dmar.sidps = arena_array(a, counts[DMAR_SIDP], sizeof(*dmar.sidps));
	dmar.unknowns = arena_array(a, counts[UNKNOWN], sizeof(*dmar.unknowns));
	for (size_t at = TABLE_BYTES; at < all.n; at += p.n) {
		error = take_subtable(&all, at, &kind, &p, e);
		if (error == 0)
			error = parse_subtable(a, &p, kind, &dmar, e);
		if (error < 0)
			return error;
	}
	*ret = dmar;
	return 0;
}

/* ---- which devices are meant ---- */

/* Whether the path leads to @f itself. */
static bool names(const struct dmar_scope *s, const struct pci_function *f)
{
	const struct pci_function *last = NULL;

	/* one step on the bus of the device: right on a root bus, and tolerated elsewhere */
	if (s->n_path == 1)
		return f->address.bus == s->start_bus_number &&
		       f->address.device == s->path[0].device &&
		       f->address.function == s->path[0].function;
	for (size_t i = s->n_path; i > 0; i--, f = f->parent) {
		if (!f || f->address.device != s->path[i - 1].device ||
		    f->address.function != s->path[i - 1].function)
			return false;
		last = f;
	}
	return !f && last->address.bus == s->start_bus_number;
}

bool dmar_scope_covers(const struct dmar_scope *scope, const struct pci_function *f)
{
	if (scope->type == DMAR_SCOPE_ENDPOINT)
		return names(scope, f);
	if (scope->type != DMAR_SCOPE_SUB_HIERARCHY)
		return false;
	for (; f; f = f->parent)
		if (names(scope, f))
			return true;
	return false;
}

bool dmar_devices_cover(const struct dmar_devices *devices, const struct pci_function *f)
{
	if (f->address.domain != devices->segment_number)
		return false;
	for (size_t i = 0; i < devices->n_scopes; i++)
		if (dmar_scope_covers(&devices->scopes[i], f))
			return true;
	return false;
}

const struct dmar_drhd *dmar_drhd_of(const struct dmar *dmar, const struct pci_function *f)
{
	for (size_t i = 0; i < dmar->n_drhds; i++)
		if (dmar_devices_cover(&dmar->drhds[i].devices, f))
			return &dmar->drhds[i];
	for (size_t i = 0; i < dmar->n_drhds; i++)
		if (dmar->drhds[i].flags & DMAR_DRHD_INCLUDE_PCI_ALL &&
		    dmar->drhds[i].devices.segment_number == f->address.domain)
			return &dmar->drhds[i];
	return NULL;
}

const struct dmar_rmrr *dmar_next_rmrr(const struct dmar *dmar, const struct pci_function *f,
				       const struct dmar_rmrr *after)
{
	for (size_t i = after ? (size_t)(after - dmar->rmrrs) + 1 : 0; i < dmar->n_rmrrs; i++)
		if (dmar_devices_cover(&dmar->rmrrs[i].devices, f))
			return &dmar->rmrrs[i];
	return NULL;
}
