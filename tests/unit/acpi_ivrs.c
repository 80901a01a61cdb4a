// SPDX-License-Identifier: MIT
// IVRS: what the tables of real machines in tests/acpi do not have, every sentence about a
// malformed table, and which devices an entry means.

#include "tests/unit/acpi_build.h"

static struct build begin(uint32_t iv_info)
{
	struct build b = build_header("IVRS");

	put(&b, 4, iv_info);
	put(&b, 8, 0);
	return b;
}

/* An IVHD for @entry_bytes of device entries that follow. */
static void put_ivhd(struct build *b, uint8_t type, uint16_t segment, uint32_t features,
		     uint16_t entry_bytes)
{
	put(b, 1, type);
	put(b, 1, IVHD_COHERENT | IVHD_PPR_SUP);
	put(b, 2, (uint64_t)(type == IVRS_IVHD_10H ? 24 : 40) + entry_bytes);
	put(b, 2, 0x0002);
	put(b, 2, 0x0040);
	put(b, 8, 0xfedcba9876543210);
	put(b, 2, segment);
	put(b, 2, 0x1307);
	put(b, 4, features);
	if (type != IVRS_IVHD_10H) {
		put(b, 8, 0x246577efa2254afa);
		put(b, 8, 0x8000000000000010);
	}
}

static void put_entry4(struct build *b, uint8_t type, uint16_t id, uint8_t dte)
{
	put(b, 1, type);
	put(b, 2, id);
	put(b, 1, dte);
}

/* @rest: the four bytes behind the device id and the DTE setting */
static void put_entry8(struct build *b, uint8_t type, uint16_t id, uint8_t dte, uint32_t rest)
{
	put_entry4(b, type, id, dte);
	put(b, 4, rest);
}

static void put_hid(struct build *b, uint8_t format, const char *uid, uint8_t n)
{
	put_entry4(b, IVHD_ACPI_HID, 0x00a5, 0x40);
	put_text(b, "AMDI0020", 8);
	put_text(b, "PNPD0040", 8);
	put(b, 1, format);
	put(b, 1, n);
	put_text(b, uid, n);
}

static void put_ivmd(struct build *b, uint8_t type, uint16_t id, uint16_t aux, uint16_t segment)
{
	put(b, 1, type);
	put(b, 1, IVMD_UNITY | IVMD_IR);
	put(b, 2, 32);
	put(b, 2, id);
	put(b, 2, aux);
	put(b, 2, segment);
	put_text(b, "", 6);
	put(b, 8, 0x8000000075e00000);
	put(b, 8, 0x20000);
}

static void parse(struct build *b, struct ivrs *t)
{
	assert_int_equal(ivrs_parse(&b->arena, build_done(b), t, &b->e), 0);
}

static void test_iv_info(void **state)
{
	struct build b CLEANUP_BUILD = begin(0x00203043);
	struct build c CLEANUP_BUILD = begin(0x00400000);
	struct ivrs t;

	(void)state;
	parse(&b, &t);
	assert_string_equal(t.header.signature, "IVRS");
	assert_true(t.header.checksum_ok);
	assert_int_equal(t.iv_info, 0x00203043);
	assert_true(t.efr_sup);
	assert_true(t.dma_guard_opt_in);
	assert_int_equal(t.gva_size, 2);
	assert_int_equal(t.pa_size_bits, 48);
	assert_int_equal(t.va_size_bits, 64);
	assert_false(t.ht_ats_resv);
	parse(&c, &t);
	assert_false(t.efr_sup);
	assert_false(t.dma_guard_opt_in);
	assert_int_equal(t.gva_size + t.pa_size_bits + t.va_size_bits, 0);
	assert_true(t.ht_ats_resv);
}

static void test_ivhd(void **state)
{
	struct build b CLEANUP_BUILD = begin(0);
	struct ivrs t;

	(void)state;
	put_ivhd(&b, IVRS_IVHD_10H, 1, 0x9a848f6e, 0);
	put_ivhd(&b, IVRS_IVHD_11H, 0, 0x8a848f6d, 0);
	put_ivhd(&b, IVRS_IVHD_40H, 0, 2, 0);
	parse(&b, &t);
	assert_int_equal(t.n_ivhds, 3);
	const struct ivhd *h = &t.ivhds[0];
	assert_int_equal(h->type, IVRS_IVHD_10H);
	assert_int_equal(h->flags, IVHD_COHERENT | IVHD_PPR_SUP);
	assert_int_equal(h->place.length, 24);
	assert_int_equal(h->device_id, 2);
	assert_int_equal(h->capability_offset, 0x40);
	assert_int_equal(h->iommu_base_address, 0xfedcba9876543210);
	assert_int_equal(h->pci_segment_group, 1);
	assert_int_equal(h->iommu_info, 0x1307);
	assert_int_equal(h->msi_num, 7);
	assert_int_equal(h->unit_id, 0x13);
	assert_int_equal(h->feature_info, 0x9a848f6e);
	assert_int_equal(h->pn_counters, 4);
	assert_int_equal(h->pn_banks, 2);
	assert_int_equal(h->msi_num_ppr, 0x15);
	assert_false(h->hat_dis || h->features.xt_sup || h->features.he_sup);
	assert_true(h->features.nx_sup && h->features.gt_sup && h->features.ga_sup &&
		    h->features.ia_sup);
	assert_int_equal(h->features.glx_sup, 1);
	assert_int_equal(h->features.pas_max, 15);
	assert_int_equal(h->features.gats, 1);
	assert_int_equal(h->features.hats, 2);
	assert_int_equal(h->efr_image + h->efr2_image, 0);
	h++;
	assert_int_equal(h->place.offset, 72);
	assert_int_equal(h->place.length, 40);
	assert_int_equal(h->pn_banks, 2);
	assert_true(h->hat_dis);
	assert_false(h->features.nx_sup);
	assert_int_equal(h->features.hats, 0);
	assert_int_equal(h->efr_image, 0x246577efa2254afa);
	assert_int_equal(h->efr2_image, 0x8000000000000010);
	assert_int_equal(h[1].type, IVRS_IVHD_40H);
	assert_false(h[1].hat_dis);
	assert_int_equal(h[1].place.offset, 112);
}

static void test_entries(void **state)
{
	struct build b CLEANUP_BUILD = begin(0);
	struct ivrs t;

	(void)state;
	put_ivhd(&b, IVRS_IVHD_10H, 0, 0, 4 + 4 + 8 + 8 + 8 + 4 + 8 + 16 + 32);
	put_entry4(&b, IVHD_ALL, 0, 0x30);
	put_entry4(&b, IVHD_SELECT, 0x00a0, 0xd7);
	put_entry8(&b, IVHD_ALIAS_SELECT, 0x0300, 1, 0x0000a400);
	put_entry8(&b, IVHD_EXTENDED_SELECT, 0x0400, 2, 0x80000001);
	put_entry8(&b, IVHD_SPECIAL, 0, 0xd7, 0x0100a021);
	put_entry4(&b, 5, 0xffff, 0xff);
	put_entry8(&b, 65, 0xffff, 0xff, 0xffffffff);
	put(&b, 1, 128);
	put_text(&b, "", 15);
	put(&b, 1, 239);
	put_text(&b, "", 31);
	parse(&b, &t);
	assert_int_equal(t.ivhds->n_entries, 9);
	const struct ivhd_entry *x = t.ivhds->entries;
	assert_int_equal(x[0].type, IVHD_ALL);
	assert_int_equal(x[0].dte_setting, IVHD_DTE_SYS_MGT);
	assert_int_equal(x[1].device_id, 0xa0);
	assert_int_equal(x[1].dte_setting, 0xd7);
	assert_int_equal(x[2].device_id, 0x300);
	assert_int_equal(x[2].source_device_id, 0xa4);
	assert_int_equal(x[3].extended_dte_setting, IVHD_EXTENDED_ATS_DISABLED | 1);
	assert_int_equal(x[3].source_device_id, 0);
	assert_int_equal(x[4].handle, 0x21);
	assert_int_equal(x[4].source_device_id, 0xa0);
	assert_int_equal(x[4].variety, IVHD_VARIETY_IOAPIC);
	/* of what is not defined only that it is there */
	for (size_t i = 5; i < 9; i++)
		assert_int_equal(x[i].device_id + x[i].dte_setting, 0);
	assert_int_equal(x[5].place.length, 4);
	assert_int_equal(x[6].place.length, 8);
	assert_int_equal(x[7].type, 128);
	assert_int_equal(x[7].place.length, 16);
	assert_int_equal(x[8].type, 239);
	assert_int_equal(x[8].place.length, 32);
	assert_int_equal(x[8].place.offset, b.n - 32);
}

static void test_hid(void **state)
{
	struct build b CLEANUP_BUILD = begin(0);
	struct ivrs t;

	(void)state;
	put_ivhd(&b, IVRS_IVHD_40H, 0, 0, 22 + 24 + 30 + 31);
	put_hid(&b, IVHD_UID_NONE, "", 0);
	put_hid(&b, IVHD_UID_INTEGER, "\1\2", 2);
	put_hid(&b, IVHD_UID_INTEGER, "\1\2\3\4\5\6\7\x88", 8);
	put_hid(&b, IVHD_UID_STRING, "\\_SB.FUR0", 9);
	parse(&b, &t);
	assert_int_equal(t.ivhds->n_entries, 4);
	const struct ivhd_entry *x = t.ivhds->entries;
	assert_int_equal(x->device_id, 0xa5);
	assert_int_equal(x->dte_setting, 0x40);
	assert_string_equal(x->hid, "AMDI0020");
	assert_string_equal(x->cid, "PNPD0040");
	assert_int_equal(x->uid_format, IVHD_UID_NONE);
	assert_int_equal(x->uid.n, 0);
	assert_int_equal(x[1].uid_integer, 0x201);
	assert_int_equal(x[1].uid.n, 2);
	assert_int_equal(x[1].place.length, 24);
	assert_int_equal(x[2].uid_integer, 0x8807060504030201);
	assert_string_equal(x[3].cid, "PNPD0040");
	assert_int_equal(x[3].uid.n, 9);
	assert_string_equal(x[3].uid.data, "\\_SB.FUR0");
	assert_int_equal(x[3].uid_integer, 0);
}

static void test_ivmd_and_unknown(void **state)
{
	struct build b CLEANUP_BUILD = begin(0);
	struct ivrs t;

	(void)state;
	put_ivmd(&b, IVRS_IVMD_RANGE, 0x0100, 0x01ff, 2);
	put(&b, 4, 0x00060851);
	put(&b, 2, 0);
	put_ivmd(&b, IVRS_IVMD_ALL, 0, 0, 0);
	parse(&b, &t);
	assert_int_equal(t.n_ivmds, 2);
	assert_int_equal(t.ivmds->type, IVRS_IVMD_RANGE);
	assert_int_equal(t.ivmds->flags, IVMD_UNITY | IVMD_IR);
	assert_int_equal(t.ivmds->device_id, 0x100);
	assert_int_equal(t.ivmds->auxiliary_data, 0x1ff);
	assert_int_equal(t.ivmds->pci_segment_group, 2);
	assert_int_equal(t.ivmds->start_address, 0x8000000075e00000);
	assert_int_equal(t.ivmds->memory_length, 0x20000);
	assert_int_equal(t.ivmds[1].place.offset, 86);
	assert_int_equal(t.n_unknowns, 1);
	assert_int_equal(t.unknowns->type, 0x51);
	assert_int_equal(t.unknowns->place.offset, 80);
	assert_int_equal(t.unknowns->place.length, 6);
}

/* ---- malformed tables ---- */

static void refuses(struct build *b, const char *sentence)
{
	struct ivrs t = { .iv_info = 0x55 };

	assert_int_equal(ivrs_parse(&b->arena, build_done(b), &t, &b->e), -EBADMSG);
	assert_string_equal(b->e.text, sentence);
	assert_int_equal(t.iv_info, 0x55);
}

static void test_malformed_blocks(void **state)
{
	static const struct {
		uint8_t type, length, n; /* as stated, and what is there */
		const char *sentence;
	} cases[] = {
		{ 0x10, 24, 3,
		  "block at offset 0x30 has the length 3, which is less than the 4 bytes" },
		{ 0x10, 23, 24,
		  "IVHD at offset 0x30 has the length 23, which is less than the 24 bytes" },
		{ 0x11, 39, 40,
		  "IVHD at offset 0x30 has the length 39, which is less than the 40 bytes" },
		{ 0x40, 24, 40,
		  "IVHD at offset 0x30 has the length 24, which is less than the 40 bytes" },
		{ 0x20, 31, 32,
		  "IVMD at offset 0x30 has the length 31, which is less than the 32 bytes" },
		{ 0x51, 0, 32,
		  "block of an unknown type at offset 0x30 has the length 0, which is less than "
		  "the 4 bytes" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct build b CLEANUP_BUILD = begin(0);
		char sentence[200] = "IVRS table: the ";

		put(&b, 2, cases[i].type);
		put(&b, 2, cases[i].length);
		put_text(&b, "", 60);
		b.n = 48u + cases[i].n;
		strcat(sentence, cases[i].sentence);
		strcat(sentence, " that every one has");
		refuses(&b, sentence);
	}
	struct build b CLEANUP_BUILD = begin(0);
	put_ivmd(&b, IVRS_IVMD_ONE, 0, 0, 0);
	b.n--;
	refuses(&b, "IVRS table: the IVMD at offset 0x30 has the length 32, but only 31 bytes are "
		    "left in what holds it");
}

static void test_malformed_entries(void **state)
{
	struct build over CLEANUP_BUILD = begin(0), undefined CLEANUP_BUILD = begin(0);
	struct build hid CLEANUP_BUILD = begin(0), uid CLEANUP_BUILD = begin(0);
	struct build number CLEANUP_BUILD = begin(0);

	(void)state;
	/* what follows the block must not be taken for a part of it */
	put_ivhd(&over, IVRS_IVHD_10H, 0, 0, 4);
	put_entry8(&over, IVHD_SPECIAL, 0, 0, 0x00040051);
	refuses(&over, "IVRS table: the device entry at offset 0x48 has the length 8, but only 4 "
		       "bytes are left in what holds it");
	put_ivhd(&undefined, IVRS_IVHD_10H, 0, 0, 4);
	put_entry4(&undefined, 241, 0, 0);
	refuses(&undefined, "IVRS table: the device entry at offset 0x48 has the type 241, whose "
			    "length is not defined");
	put_ivhd(&hid, IVRS_IVHD_40H, 0, 0, 21);
	put_hid(&hid, IVHD_UID_NONE, "", 0);
	hid.n--;
	refuses(&hid, "IVRS table: the device entry at offset 0x58 has the length 22, but only 21 "
		      "bytes are left in what holds it");
	put_ivhd(&uid, IVRS_IVHD_40H, 0, 0, 24);
	put_hid(&uid, IVHD_UID_STRING, "abc", 3);
	uid.n--;
	refuses(&uid, "IVRS table: the device entry at offset 0x58 has the length 25, but only 24 "
		      "bytes are left in what holds it");
	put_ivhd(&number, IVRS_IVHD_40H, 0, 0, 31);
	put_hid(&number, IVHD_UID_INTEGER, "123456789", 9);
	refuses(&number,
		"IVRS table: the UID of the device entry at offset 0x58 is a number of 9 bytes");
}

/* ---- which devices are meant ---- */

static void test_next_entry(void **state)
{
	struct build b CLEANUP_BUILD = begin(0);
	struct ivrs t;

	(void)state;
	put_ivhd(&b, IVRS_IVHD_10H, 1, 0, 4 + 4 + 8 + 4 + 4 + 8 + 8 + 4 + 4);
	put_entry4(&b, IVHD_RANGE_START, 0x0003, 0);
	put_entry4(&b, IVHD_RANGE_END, 0x02ff, 0);
	put_entry8(&b, IVHD_ALIAS_RANGE_START, 0x0200, 0, 0x0000a400);
	put_entry4(&b, IVHD_RANGE_END, 0x02ff, 0);
	put_entry4(&b, IVHD_RANGE_END, 0xffff, 0); /* ends nothing */
	put_entry8(&b, IVHD_EXTENDED_SELECT, 0x0400, 0, 0);
	put_entry8(&b, IVHD_SPECIAL, 0x0500, 0, 0x01050000);
	put_entry4(&b, IVHD_SELECT, 0x06a3, 0);
	put_entry4(&b, IVHD_RANGE_START, 0x0700, 0); /* has no end */
	parse(&b, &t);
	const struct ivhd *h = t.ivhds;
	const struct ivhd_entry *x = h->entries;
	const struct pci_address two = { 1, 2, 3, 4 };
	assert_null(ivhd_next_entry(h, (struct pci_address){ 1, 0, 0, 2 }, NULL));
	assert_ptr_equal(ivhd_next_entry(h, (struct pci_address){ 1, 0, 0, 3 }, NULL), x);
	assert_ptr_equal(ivhd_next_entry(h, (struct pci_address){ 1, 1, 0x1f, 7 }, NULL), x);
	assert_null(ivhd_next_entry(h, (struct pci_address){ 1, 1, 0x1f, 7 }, x));
	assert_ptr_equal(ivhd_next_entry(h, two, NULL), x);
	assert_ptr_equal(ivhd_next_entry(h, two, x), x + 2);
	assert_null(ivhd_next_entry(h, two, x + 2));
	/* the last one of a range belongs to it */
	assert_ptr_equal(ivhd_next_entry(h, (struct pci_address){ 1, 2, 0x1f, 7 }, NULL), x);
	assert_null(ivhd_next_entry(h, (struct pci_address){ 1, 3, 0, 0 }, NULL));
	assert_null(ivhd_next_entry(h, (struct pci_address){ 0, 2, 3, 4 }, NULL));
	assert_null(ivhd_next_entry(h, (struct pci_address){ 0x10001, 2, 3, 4 }, NULL));
	assert_ptr_equal(ivhd_next_entry(h, (struct pci_address){ 1, 4, 0, 0 }, NULL), x + 5);
	assert_null(ivhd_next_entry(h, (struct pci_address){ 1, 5, 0, 0 }, NULL));
	assert_ptr_equal(ivhd_next_entry(h, (struct pci_address){ 1, 6, 0x14, 3 }, NULL), x + 7);
	assert_null(ivhd_next_entry(h, (struct pci_address){ 1, 6, 0x14, 2 }, NULL));
	assert_null(ivhd_next_entry(h, (struct pci_address){ 1, 7, 0, 0 }, NULL));
}

static void test_ivhd_of(void **state)
{
	struct build b CLEANUP_BUILD = begin(0);
	struct ivrs t;

	(void)state;
	put_ivhd(&b, IVRS_IVHD_10H, 0, 0, 4);
	put_entry4(&b, IVHD_ALL, 0, 0);
	put_ivhd(&b, IVRS_IVHD_40H, 0, 0, 4);
	put_entry4(&b, IVHD_SELECT, 0x0100, 0);
	put_ivhd(&b, IVRS_IVHD_11H, 0, 0, 4);
	put_entry4(&b, IVHD_SELECT, 0x0100, 0);
	put_ivhd(&b, IVRS_IVHD_40H, 0, 0, 8);
	put_entry4(&b, IVHD_SELECT, 0x0100, 0);
	put_entry4(&b, IVHD_SELECT, 0x0100, 1);
	parse(&b, &t);
	/* two entries in a row are two answers */
	const struct pci_address twice = { 0, 1, 0, 0 };
	const struct ivhd_entry *first = ivhd_next_entry(&t.ivhds[3], twice, NULL);
	assert_ptr_equal(first, &t.ivhds[3].entries[0]);
	assert_ptr_equal(ivhd_next_entry(&t.ivhds[3], twice, first), first + 1);
	assert_ptr_equal(ivrs_ivhd_of(&t, (struct pci_address){ 0, 1, 0, 0 }), &t.ivhds[1]);
	assert_ptr_equal(ivrs_ivhd_of(&t, (struct pci_address){ 0, 1, 0, 1 }), &t.ivhds[0]);
	assert_null(ivrs_ivhd_of(&t, (struct pci_address){ 1, 1, 0, 0 }));
}

static void test_next_ivmd(void **state)
{
	struct build b CLEANUP_BUILD = begin(0);
	struct ivrs t;

	(void)state;
	put_ivmd(&b, IVRS_IVMD_ONE, 0xc407, 0, 0);
	put_ivmd(&b, IVRS_IVMD_RANGE, 0x0000, 0x0fff, 0);
	put_ivmd(&b, IVRS_IVMD_ALL, 0, 0, 0);
	put_ivmd(&b, IVRS_IVMD_ALL, 0, 0, 1);
	parse(&b, &t);
	const struct pci_address low = { 0, 0xf, 0x1f, 7 }, one = { 0, 0xc4, 0, 7 };
	assert_ptr_equal(ivrs_next_ivmd(&t, low, NULL), &t.ivmds[1]);
	assert_ptr_equal(ivrs_next_ivmd(&t, low, &t.ivmds[1]), &t.ivmds[2]);
	assert_null(ivrs_next_ivmd(&t, low, &t.ivmds[2]));
	assert_ptr_equal(ivrs_next_ivmd(&t, one, NULL), &t.ivmds[0]);
	assert_ptr_equal(ivrs_next_ivmd(&t, one, &t.ivmds[0]), &t.ivmds[2]);
	assert_true(ivmd_covers(&t.ivmds[1], (struct pci_address){ 0, 0, 0, 0 }));
	assert_false(ivmd_covers(&t.ivmds[1], (struct pci_address){ 0, 0x10, 0, 0 }));
	assert_true(ivmd_covers(&t.ivmds[3], (struct pci_address){ 1, 0x10, 0, 0 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_iv_info),           cmocka_unit_test(test_ivhd),
		cmocka_unit_test(test_entries),           cmocka_unit_test(test_hid),
		cmocka_unit_test(test_ivmd_and_unknown),  cmocka_unit_test(test_malformed_blocks),
		cmocka_unit_test(test_malformed_entries), cmocka_unit_test(test_next_entry),
		cmocka_unit_test(test_ivhd_of),           cmocka_unit_test(test_next_ivmd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
