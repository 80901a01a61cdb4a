// SPDX-License-Identifier: MIT
// Prints what dmar_parse() or ivrs_parse() made of a table, every field of it, as JSON; compare.py
// holds that against iasl. Numbers of 64 bits are texts in hex, as JSON's have a sign; texts are
// the hex of their bytes, since firmware may put any byte there.
//
// usage: dump TABLE

#include "host/acpi.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define NUMBER(object, s, field)                                                                   \
	json_object_set_new(object, #field, json_integer((json_int_t)(s)->field))
#define LONG(object, s, field) set_long(object, #field, (s)->field)
#define TEXT(object, s, field) set_bytes(object, #field, (s)->field, strlen((s)->field))
#define BOOL(object, s, field) json_object_set_new(object, #field, json_boolean((s)->field))

/* An array of what @dump makes of each of the @n elements at @list. */
#define ARRAY(object, key, list, n, dump)                                                          \
	do {                                                                                       \
		json_t *array = json_array();                                                      \
		for (size_t i = 0; i < (n); i++)                                                   \
			json_array_append_new(array, dump(&(list)[i]));                            \
		json_object_set_new(object, key, array);                                           \
	} while (0)

static void set_long(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_sprintf("0x%llx", (unsigned long long)value));
}

static void set_bytes(json_t *object, const char *key, const char *data, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	char text[1024] = "";

	for (size_t i = 0; i < n && 2 * i + 2 < sizeof(text); i++) {
		text[2 * i] = digits[(unsigned char)data[i] >> 4];
		text[2 * i + 1] = digits[data[i] & 0xf];
	}
	json_object_set_new(object, key, json_string(text));
}

static json_t *place(const struct acpi_place *p)
{
	return json_pack("{s:I, s:I}", "offset", (json_int_t)p->offset, "length",
			 (json_int_t)p->length);
}

static json_t *header(const struct acpi_header *h)
{
	json_t *o = json_object();

	TEXT(o, h, signature);
	NUMBER(o, h, length);
	NUMBER(o, h, revision);
	NUMBER(o, h, checksum);
	BOOL(o, h, checksum_ok);
	TEXT(o, h, oem_id);
	TEXT(o, h, oem_table_id);
	NUMBER(o, h, oem_revision);
	TEXT(o, h, creator_id);
	NUMBER(o, h, creator_revision);
	return o;
}

static json_t *unknown(const struct acpi_unknown *u)
{
	json_t *o = place(&u->place);

	NUMBER(o, u, type);
	return o;
}

/* ---- DMAR ---- */

static json_t *step(const struct dmar_step *s)
{
	return json_pack("[i, i]", s->device, s->function);
}

static json_t *scope(const struct dmar_scope *s)
{
	json_t *o = place(&s->place);

	NUMBER(o, s, type);
	NUMBER(o, s, flags);
	NUMBER(o, s, enumeration_id);
	NUMBER(o, s, start_bus_number);
	ARRAY(o, "path", s->path, s->n_path, step);
	return o;
}

static json_t *with_devices(const struct acpi_place *p, const struct dmar_devices *d)
{
	json_t *o = place(p);

	NUMBER(o, d, segment_number);
	ARRAY(o, "scopes", d->scopes, d->n_scopes, scope);
	return o;
}

static json_t *drhd(const struct dmar_drhd *s)
{
	json_t *o = with_devices(&s->place, &s->devices);

	NUMBER(o, s, flags);
	NUMBER(o, s, size);
	LONG(o, s, register_base_address);
	return o;
}

static json_t *rmrr(const struct dmar_rmrr *s)
{
	json_t *o = with_devices(&s->place, &s->devices);

	LONG(o, s, base_address);
	LONG(o, s, limit_address);
	return o;
}

static json_t *atsr(const struct dmar_atsr *s)
{
	json_t *o = with_devices(&s->place, &s->devices);

	NUMBER(o, s, flags);
	return o;
}

static json_t *rhsa(const struct dmar_rhsa *s)
{
	json_t *o = place(&s->place);

	LONG(o, s, register_base_address);
	NUMBER(o, s, proximity_domain);
	return o;
}

static json_t *andd(const struct dmar_andd *s)
{
	json_t *o = place(&s->place);

	NUMBER(o, s, acpi_device_number);
	TEXT(o, s, acpi_object_name);
	return o;
}

static json_t *satc(const struct dmar_satc *s)
{
	json_t *o = with_devices(&s->place, &s->devices);

	NUMBER(o, s, flags);
	return o;
}

static json_t *sidp(const struct dmar_sidp *s)
{
	return with_devices(&s->place, &s->devices);
}

static json_t *dmar(const struct dmar *t)
{
	json_t *o = json_object();

	json_object_set_new(o, "header", header(&t->header));
	NUMBER(o, t, host_address_width);
	NUMBER(o, t, flags);
	ARRAY(o, "drhds", t->drhds, t->n_drhds, drhd);
	ARRAY(o, "rmrrs", t->rmrrs, t->n_rmrrs, rmrr);
	ARRAY(o, "atsrs", t->atsrs, t->n_atsrs, atsr);
	ARRAY(o, "rhsas", t->rhsas, t->n_rhsas, rhsa);
	ARRAY(o, "andds", t->andds, t->n_andds, andd);
	ARRAY(o, "satcs", t->satcs, t->n_satcs, satc);
	ARRAY(o, "sidps", t->sidps, t->n_sidps, sidp);
	ARRAY(o, "unknowns", t->unknowns, t->n_unknowns, unknown);
	return o;
}

/* ---- IVRS ---- */

static json_t *entry(const struct ivhd_entry *s)
{
	json_t *o = place(&s->place);

	NUMBER(o, s, type);
	NUMBER(o, s, device_id);
	NUMBER(o, s, dte_setting);
	NUMBER(o, s, source_device_id);
	NUMBER(o, s, extended_dte_setting);
	NUMBER(o, s, handle);
	NUMBER(o, s, variety);
	TEXT(o, s, hid);
	TEXT(o, s, cid);
	NUMBER(o, s, uid_format);
	set_bytes(o, "uid", s->uid.data, s->uid.n);
	LONG(o, s, uid_integer);
	return o;
}

static json_t *features(const struct ivhd_features *s)
{
	json_t *o = json_object();

	BOOL(o, s, xt_sup);
	BOOL(o, s, nx_sup);
	BOOL(o, s, gt_sup);
	BOOL(o, s, ia_sup);
	BOOL(o, s, ga_sup);
	BOOL(o, s, he_sup);
	NUMBER(o, s, glx_sup);
	NUMBER(o, s, pas_max);
	NUMBER(o, s, gats);
	NUMBER(o, s, hats);
	return o;
}

static json_t *ivhd(const struct ivhd *s)
{
	json_t *o = place(&s->place);

	NUMBER(o, s, type);
	NUMBER(o, s, flags);
	NUMBER(o, s, device_id);
	NUMBER(o, s, capability_offset);
	LONG(o, s, iommu_base_address);
	NUMBER(o, s, pci_segment_group);
	NUMBER(o, s, iommu_info);
	NUMBER(o, s, msi_num);
	NUMBER(o, s, unit_id);
	NUMBER(o, s, feature_info);
	NUMBER(o, s, pn_counters);
	NUMBER(o, s, pn_banks);
	NUMBER(o, s, msi_num_ppr);
	BOOL(o, s, hat_dis);
	json_object_set_new(o, "features", features(&s->features));
	LONG(o, s, efr_image);
	LONG(o, s, efr2_image);
	ARRAY(o, "entries", s->entries, s->n_entries, entry);
	return o;
}

static json_t *ivmd(const struct ivmd *s)
{
	json_t *o = place(&s->place);

	NUMBER(o, s, type);
	NUMBER(o, s, flags);
	NUMBER(o, s, device_id);
	NUMBER(o, s, auxiliary_data);
	NUMBER(o, s, pci_segment_group);
	LONG(o, s, start_address);
	LONG(o, s, memory_length);
	return o;
}

static json_t *ivrs(const struct ivrs *t)
{
	json_t *o = json_object();

	json_object_set_new(o, "header", header(&t->header));
	NUMBER(o, t, iv_info);
	BOOL(o, t, efr_sup);
	BOOL(o, t, dma_guard_opt_in);
	NUMBER(o, t, gva_size);
	NUMBER(o, t, pa_size_bits);
	NUMBER(o, t, va_size_bits);
	BOOL(o, t, ht_ats_resv);
	ARRAY(o, "ivhds", t->ivhds, t->n_ivhds, ivhd);
	ARRAY(o, "ivmds", t->ivmds, t->n_ivmds, ivmd);
	ARRAY(o, "unknowns", t->unknowns, t->n_unknowns, unknown);
	return o;
}

int main(int argc, char **argv)
{
	static char data[64 * 1024];
	struct arena arena CLEANUP_ARENA = { 0 };
	struct err e = { 0 };
	struct dmar d;
	struct ivrs i;
	json_t *answer = NULL;
	FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;

	if (!file) {
		fprintf(stderr, "usage: dump TABLE\n");
		return 2;
	}
	struct bytes table = { data, fread(data, 1, sizeof(data), file) };
	fclose(file);
	if (table.n >= 4 && memcmp(data, "IVRS", 4) == 0) {
		if (ivrs_parse(&arena, table, &i, &e) == 0)
			answer = ivrs(&i);
	} else if (dmar_parse(&arena, table, &d, &e) == 0) {
		answer = dmar(&d);
	}
	if (!answer) {
		fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	json_dumpf(answer, stdout, JSON_INDENT(1));
	json_decref(answer);
	return 0;
}
