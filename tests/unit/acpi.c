// SPDX-License-Identifier: MIT
// DMAR, and what it shares with IVRS: what the tables of real machines in tests/acpi do not have,
// every sentence about a malformed table, and which devices a scope means.

#include "tests/unit/acpi_build.h"

static struct build begin(void)
{
	struct build b = build_header("DMAR");

	put(&b, 1, 38);
	put(&b, 1, DMAR_INTR_REMAP | DMAR_DMA_CTRL_PLATFORM_OPT_IN);
	put_text(&b, "", 10);
	return b;
}

/* A device scope whose path has the steps given: 0x1c02 is device 1c, function 2. */
static void put_scope(struct build *b, uint8_t type, uint8_t flags, uint8_t id, uint8_t bus,
		      size_t n, const uint16_t *steps)
{
	put(b, 1, type);
	put(b, 1, 6 + 2 * n);
	put(b, 2, flags);
	put(b, 1, id);
	put(b, 1, bus);
	for (size_t i = 0; i < n; i++) {
		put(b, 1, steps[i] >> 8);
		put(b, 1, steps[i] & 0xff);
	}
}

#define SCOPE(b, type, bus, ...)                                                                   \
	put_scope(b, type, 0, 0, bus, sizeof((uint16_t[]){ __VA_ARGS__ }) / sizeof(uint16_t),      \
		  (const uint16_t[]){ __VA_ARGS__ })

static void put_head(struct build *b, uint16_t type, uint16_t length)
{
	put(b, 2, type);
	put(b, 2, length);
}

/* An RMRR of the segment, for @scope_bytes of scopes that follow. */
static void put_rmrr(struct build *b, uint16_t segment, uint64_t base, uint16_t scope_bytes)
{
	put_head(b, DMAR_RMRR, (uint16_t)(24 + scope_bytes));
	put(b, 2, 0);
	put(b, 2, segment);
	put(b, 8, base);
	put(b, 8, base + 0xfff);
}

static void put_drhd(struct build *b, uint8_t flags, uint16_t segment, uint16_t scope_bytes)
{
	put_head(b, DMAR_DRHD, (uint16_t)(16 + scope_bytes));
	put(b, 1, flags);
	put(b, 1, 4);
	put(b, 2, segment);
	put(b, 8, 0xfed9000012345678);
}

static void test_header(void **state)
{
	struct build b CLEANUP_BUILD = begin();
	struct dmar t;

	(void)state;
	assert_int_equal(dmar_parse(&b.arena, build_done(&b), &t, &b.e), 0);
	assert_string_equal(t.header.signature, "DMAR");
	assert_int_equal(t.header.length, 48);
	assert_int_equal(t.header.revision, 2);
	assert_int_equal(t.header.checksum, b.data[9]);
	assert_true(t.header.checksum_ok);
	assert_string_equal(t.header.oem_id, "OEMID");
	assert_string_equal(t.header.oem_table_id, "TABLE ID");
	assert_int_equal(t.header.oem_revision, 0x01072009);
	assert_string_equal(t.header.creator_id, "INTL");
	assert_int_equal(t.header.creator_revision, 0x20200925);
	assert_int_equal(t.host_address_width, 38);
	assert_int_equal(t.flags, DMAR_INTR_REMAP | DMAR_DMA_CTRL_PLATFORM_OPT_IN);
	assert_int_equal(t.n_drhds + t.n_rmrrs + t.n_unknowns, 0);
}

static void test_checksum_is_a_fact(void **state)
{
	struct build b CLEANUP_BUILD = begin();
	struct bytes bytes = build_done(&b);
	struct dmar t;

	(void)state;
	b.data[9]++;
	assert_int_equal(dmar_parse(&b.arena, bytes, &t, &b.e), 0);
	assert_false(t.header.checksum_ok);
	assert_int_equal(t.header.checksum, b.data[9]);
}

static void test_bytes_behind_are_ignored(void **state)
{
	struct build b CLEANUP_BUILD = begin();
	struct bytes bytes = build_done(&b);
	struct dmar t;

	(void)state;
	put_text(&b, "\1\2\3", 3);
	bytes.n = b.n;
	assert_int_equal(dmar_parse(&b.arena, bytes, &t, &b.e), 0);
	assert_int_equal(t.header.length, 48);
	assert_true(t.header.checksum_ok);
}

static void test_drhd_rmrr_atsr(void **state)
{
	struct build b CLEANUP_BUILD = begin();
	struct dmar t;

	(void)state;
	put_drhd(&b, DMAR_DRHD_INCLUDE_PCI_ALL, 0x1234, 18);
	put_scope(&b, DMAR_SCOPE_IOAPIC, 0, 9, 0xf0, 1, (const uint16_t[]){ 0x1f07 });
	put_scope(&b, DMAR_SCOPE_ENDPOINT, 0, 0, 0x80, 2, (const uint16_t[]){ 0x0102, 0x0003 });
	put_rmrr(&b, 0xfffe, 0xfedcba9876543000, 0);
	put_head(&b, DMAR_ATSR, 8);
	put(&b, 1, DMAR_ATSR_ALL_PORTS);
	put(&b, 1, 0);
	put(&b, 2, 3);

	assert_int_equal(dmar_parse(&b.arena, build_done(&b), &t, &b.e), 0);
	assert_int_equal(t.n_drhds, 1);
	assert_int_equal(t.drhds->place.offset, 48);
	assert_int_equal(t.drhds->place.length, 34);
	assert_int_equal(t.drhds->flags, DMAR_DRHD_INCLUDE_PCI_ALL);
	assert_int_equal(t.drhds->size, 4);
	assert_int_equal(t.drhds->register_base_address, 0xfed9000012345678);
	assert_int_equal(t.drhds->devices.segment_number, 0x1234);
	assert_int_equal(t.drhds->devices.n_scopes, 2);
	const struct dmar_scope *s = t.drhds->devices.scopes;
	assert_int_equal(s->type, DMAR_SCOPE_IOAPIC);
	assert_int_equal(s->enumeration_id, 9);
	assert_int_equal(s->start_bus_number, 0xf0);
	assert_int_equal(s->n_path, 1);
	assert_int_equal(s->path->device, 0x1f);
	assert_int_equal(s->path->function, 7);
	s++;
	assert_int_equal(s->place.offset, 72);
	assert_int_equal(s->place.length, 10);
	assert_int_equal(s->n_path, 2);
	assert_int_equal(s->path[1].device, 0);
	assert_int_equal(s->path[1].function, 3);
	assert_int_equal(t.n_rmrrs, 1);
	assert_int_equal(t.rmrrs->devices.segment_number, 0xfffe);
	assert_int_equal(t.rmrrs->base_address, 0xfedcba9876543000);
	assert_int_equal(t.rmrrs->limit_address, 0xfedcba9876543fff);
	assert_int_equal(t.rmrrs->devices.n_scopes, 0);
	assert_int_equal(t.n_atsrs, 1);
	assert_int_equal(t.atsrs->flags, DMAR_ATSR_ALL_PORTS);
	assert_int_equal(t.atsrs->devices.segment_number, 3);
}

static void test_other_structures(void **state)
{
	struct build b CLEANUP_BUILD = begin();
	struct dmar t;

	(void)state;
	put_head(&b, DMAR_RHSA, 20);
	put(&b, 4, 0);
	put(&b, 8, 0xdfffc000);
	put(&b, 4, 0x89abcdef);
	put_head(&b, 0xffff, 6);
	put(&b, 2, 0);
	put_head(&b, DMAR_ANDD, 15);
	put(&b, 3, 0);
	put(&b, 1, 5);
	put_text(&b, "\\_SB\0x", 7);
	put_head(&b, DMAR_ANDD, 9);
	put(&b, 4, 0);
	put(&b, 1, 0);
	put_head(&b, DMAR_SATC, 16);
	put(&b, 1, DMAR_SATC_ATC_REQUIRED);
	put(&b, 1, 0);
	put(&b, 2, 7);
	SCOPE(&b, DMAR_SCOPE_ENDPOINT, 0, 0x0200);
	put_head(&b, DMAR_SIDP, 16);
	put(&b, 2, 0);
	put(&b, 2, 8);
	put_scope(&b, DMAR_SCOPE_ENDPOINT, DMAR_SCOPE_ATC_REQUIRED, 0, 0, 1,
		  (const uint16_t[]){ 0x0500 });
	put_head(&b, 7, 4);

	assert_int_equal(dmar_parse(&b.arena, build_done(&b), &t, &b.e), 0);
	assert_int_equal(t.n_rhsas, 1);
	assert_int_equal(t.rhsas->register_base_address, 0xdfffc000);
	assert_int_equal(t.rhsas->proximity_domain, 0x89abcdef);
	assert_int_equal(t.n_andds, 2);
	assert_int_equal(t.andds->acpi_device_number, 5);
	assert_string_equal(t.andds->acpi_object_name, "\\_SB");
	assert_string_equal(t.andds[1].acpi_object_name, "");
	assert_int_equal(t.n_satcs, 1);
	assert_int_equal(t.satcs->flags, DMAR_SATC_ATC_REQUIRED);
	assert_int_equal(t.satcs->devices.segment_number, 7);
	assert_int_equal(t.satcs->devices.n_scopes, 1);
	assert_int_equal(t.n_sidps, 1);
	assert_int_equal(t.sidps->devices.segment_number, 8);
	assert_int_equal(t.sidps->devices.scopes->flags, DMAR_SCOPE_ATC_REQUIRED);
	assert_int_equal(t.n_unknowns, 2);
	assert_int_equal(t.unknowns[0].type, 0xffff);
	assert_int_equal(t.unknowns[0].place.offset, 68);
	assert_int_equal(t.unknowns[0].place.length, 6);
	assert_int_equal(t.unknowns[1].type, 7);
}

/* ---- malformed tables ---- */

static void refuses(struct build *b, struct bytes bytes, const char *sentence)
{
	struct dmar t = { .flags = 0x55 };

	assert_int_equal(dmar_parse(&b->arena, bytes, &t, &b->e), -EBADMSG);
	assert_string_equal(b->e.text, sentence);
	assert_int_equal(b->e.kind, ERR_FAILED);
	/* no result on failure */
	assert_int_equal(t.flags, 0x55);
}

static void test_malformed_header(void **state)
{
	struct build b CLEANUP_BUILD = begin();
	struct bytes bytes = build_done(&b);

	(void)state;
	refuses(&b, (struct bytes){ NULL, 0 },
		"DMAR table: the bytes at offset 0x0 are not its signature");
	refuses(&b, (struct bytes){ bytes.data, 47 },
		"DMAR table: it ends at offset 0x2f, within the 48 bytes of its header");
	b.data[4] = 49;
	refuses(&b, bytes,
		"DMAR table: the length at offset 0x4 is 49, but there are only 48 bytes");
	b.data[4] = 47;
	refuses(&b, bytes,
		"DMAR table: the length at offset 0x4 is 47, which is less than the 48 bytes of "
		"its header");
	memcpy(b.data, "DMAZ", 4);
	refuses(&b, bytes, "DMAR table: the bytes at offset 0x0 are not its signature");
}

static void test_malformed_structures(void **state)
{
	static const struct {
		uint16_t type, length, n; /* as stated, and what is there */
		const char *sentence;
	} cases[] = {
		{ 0, 4, 3,
		  "the structure at offset 0x30 has the length 3, which is less than the 4 bytes "
		  "that every one has" },
		{ 0, 0, 16,
		  "the DRHD at offset 0x30 has the length 0, which is less than the 16 bytes that "
		  "every one has" },
		{ 1, 23, 24,
		  "the RMRR at offset 0x30 has the length 23, which is less than the 24 bytes that "
		  "every one has" },
		{ 2, 20, 19,
		  "the ATSR at offset 0x30 has the length 20, but only 19 bytes are left in what "
		  "holds it" },
		{ 3, 19, 20,
		  "the RHSA at offset 0x30 has the length 19, which is less than the 20 bytes that "
		  "every one has" },
		{ 4, 9, 9, "the object name of the ANDD at offset 0x30 does not end with a NUL" },
		{ 5, 65535, 20,
		  "the SATC at offset 0x30 has the length 65535, but only 20 bytes are left in "
		  "what holds it" },
		{ 9, 3, 8,
		  "the structure of an unknown type at offset 0x30 has the length 3, which is less "
		  "than the 4 bytes that every one has" },
		{ 9, 9, 8,
		  "the structure of an unknown type at offset 0x30 has the length 9, but only 8 "
		  "bytes are left in what holds it" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct build b CLEANUP_BUILD = begin();
		char sentence[200] = "DMAR table: ";

		put_head(&b, cases[i].type, cases[i].length);
		while (b.n < 48u + cases[i].n)
			put(&b, 1, '.');
		b.n = 48u + cases[i].n;
		strcat(sentence, cases[i].sentence);
		refuses(&b, build_done(&b), sentence);
	}
}

static void test_malformed_scopes(void **state)
{
	static const struct {
		uint8_t length, n;
		const char *sentence;
	} cases[] = {
		{ 0, 1, "1, which is less than the 8 bytes that every one has" },
		{ 0, 8, "0, which is less than the 8 bytes that every one has" },
		{ 6, 8, "6, which is less than the 8 bytes that every one has" },
		{ 9, 9, "9, which leaves half a step at the end of its path" },
		{ 10, 8, "10, but only 8 bytes are left in what holds it" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct build b CLEANUP_BUILD = begin();
		char sentence[200] = "DMAR table: the device scope at offset 0x48 has the length ";

		put_rmrr(&b, 0, 0, cases[i].n);
		put(&b, 1, DMAR_SCOPE_ENDPOINT);
		put(&b, 1, cases[i].length);
		put_text(&b, "", 8);
		b.n = 48u + 24 + cases[i].n;
		/* what follows must not be taken for a part of the scope */
		put_head(&b, 9, 4);
		strcat(sentence, cases[i].sentence);
		refuses(&b, build_done(&b), sentence);
	}
}

/* ---- which devices are meant ---- */

/* 00:1c.2 leads to bus 3, and 03:00.0 there to bus 4 */
static struct pci_function port = { .address = { 0, 0, 0x1c, 2 } };
static struct pci_function upper = { .address = { 0, 3, 0, 0 }, .parent = &port };
static struct pci_function lower = { .address = { 0, 4, 5, 1 }, .parent = &upper };
static struct pci_function alone = { .address = { 0, 0, 0x14, 0 } };
static struct pci_function elsewhere = { .address = { 1, 0, 0x14, 0 } };

static bool scope_covers(uint8_t type, uint8_t bus, size_t n, const uint16_t *steps,
			 const struct pci_function *f)
{
	struct build b CLEANUP_BUILD = begin();
	struct dmar t;

	put_rmrr(&b, 0, 0, (uint16_t)(6 + 2 * n));
	put_scope(&b, type, 0, 0, bus, n, steps);
	assert_int_equal(dmar_parse(&b.arena, build_done(&b), &t, &b.e), 0);
	assert_ptr_equal(dmar_next_rmrr(&t, f, NULL),
			 dmar_devices_cover(&t.rmrrs->devices, f) ? t.rmrrs : NULL);
	return dmar_devices_cover(&t.rmrrs->devices, f);
}

#define COVERS(type, bus, f, ...)                                                                  \
	scope_covers(DMAR_SCOPE_##type, bus,                                                       \
		     sizeof((uint16_t[]){ __VA_ARGS__ }) / sizeof(uint16_t),                       \
		     (const uint16_t[]){ __VA_ARGS__ }, f)

static void test_scope_covers(void **state)
{
	(void)state;
	assert_true(COVERS(ENDPOINT, 0, &alone, 0x1400));
	assert_false(COVERS(ENDPOINT, 0, &alone, 0x1401));
	assert_false(COVERS(ENDPOINT, 0x80, &alone, 0x1400));
	assert_false(COVERS(ENDPOINT, 0, &elsewhere, 0x1400));
	assert_false(COVERS(IOAPIC, 0, &alone, 0x1400));
	assert_false(COVERS(ACPI_NAMESPACE, 0, &alone, 0x1400));

	assert_true(COVERS(ENDPOINT, 0, &upper, 0x1c02, 0x0000));
	assert_true(COVERS(ENDPOINT, 0, &lower, 0x1c02, 0x0000, 0x0501));
	assert_false(COVERS(ENDPOINT, 0, &lower, 0x1c02, 0x0001, 0x0501));
	assert_false(COVERS(ENDPOINT, 0, &lower, 0x0000, 0x0501));
	assert_false(COVERS(ENDPOINT, 1, &lower, 0x1c02, 0x0000, 0x0501));
	assert_false(COVERS(ENDPOINT, 0, &upper, 0x0100, 0x1c02, 0x0000));

	/* the own bus of the device in place of the root bus, as many boards have it */
	assert_true(COVERS(ENDPOINT, 4, &lower, 0x0501));
	assert_false(COVERS(ENDPOINT, 3, &lower, 0x0501));

	/* an endpoint has nothing below it, a sub-hierarchy itself and all that is */
	assert_false(COVERS(ENDPOINT, 0, &upper, 0x1c02));
	assert_true(COVERS(SUB_HIERARCHY, 0, &port, 0x1c02));
	assert_true(COVERS(SUB_HIERARCHY, 0, &upper, 0x1c02));
	assert_true(COVERS(SUB_HIERARCHY, 0, &lower, 0x1c02));
	assert_true(COVERS(SUB_HIERARCHY, 0, &lower, 0x1c02, 0x0000));
	assert_false(COVERS(SUB_HIERARCHY, 0, &port, 0x1c02, 0x0000));
	assert_false(COVERS(SUB_HIERARCHY, 0, &alone, 0x1c02));
}

static void test_drhd_of(void **state)
{
	struct build b CLEANUP_BUILD = begin(), one CLEANUP_BUILD = begin();
	struct pci_function other = { .address = { 0, 0, 2, 0 } };
	struct pci_function third = { .address = { 3, 0, 0x14, 0 } };
	struct dmar t;

	(void)state;
	put_drhd(&b, 0, 0, 8);
	SCOPE(&b, DMAR_SCOPE_ENDPOINT, 0, 0x1400);
	put_drhd(&b, DMAR_DRHD_INCLUDE_PCI_ALL, 0, 8);
	SCOPE(&b, DMAR_SCOPE_IOAPIC, 0xf0, 0x1f00);
	put_drhd(&b, 0, 0, 8);
	SCOPE(&b, DMAR_SCOPE_SUB_HIERARCHY, 0, 0x1c02);
	put_drhd(&b, DMAR_DRHD_INCLUDE_PCI_ALL, 1, 0);
	assert_int_equal(dmar_parse(&b.arena, build_done(&b), &t, &b.e), 0);
	assert_ptr_equal(dmar_drhd_of(&t, &alone), &t.drhds[0]);
	assert_ptr_equal(dmar_drhd_of(&t, &other), &t.drhds[1]);
	/* a device scope comes before INCLUDE_PCI_ALL, wherever they stand */
	assert_ptr_equal(dmar_drhd_of(&t, &lower), &t.drhds[2]);
	assert_ptr_equal(dmar_drhd_of(&t, &elsewhere), &t.drhds[3]);
	assert_null(dmar_drhd_of(&t, &third));

	put_drhd(&one, DMAR_DRHD_INCLUDE_PCI_ALL, 0, 0);
	assert_int_equal(dmar_parse(&one.arena, build_done(&one), &t, &one.e), 0);
	assert_ptr_equal(dmar_drhd_of(&t, &lower), &t.drhds[0]);
}

static void test_next_rmrr(void **state)
{
	struct build b CLEANUP_BUILD = begin();
	struct dmar t;

	(void)state;
	put_rmrr(&b, 0, 0x1000, 16);
	SCOPE(&b, DMAR_SCOPE_ENDPOINT, 0, 0x1a00);
	SCOPE(&b, DMAR_SCOPE_ENDPOINT, 0, 0x1400);
	put_rmrr(&b, 0, 0x2000, 8);
	SCOPE(&b, DMAR_SCOPE_ENDPOINT, 0, 0x0200);
	put_rmrr(&b, 1, 0x3000, 8);
	SCOPE(&b, DMAR_SCOPE_ENDPOINT, 0, 0x1400);
	put_rmrr(&b, 0, 0x4000, 8);
	SCOPE(&b, DMAR_SCOPE_ENDPOINT, 0, 0x1400);
	put_rmrr(&b, 0, 0x5000, 8);
	SCOPE(&b, DMAR_SCOPE_ENDPOINT, 0, 0x1400);
	assert_int_equal(dmar_parse(&b.arena, build_done(&b), &t, &b.e), 0);
	assert_int_equal(t.n_rmrrs, 5);
	const struct dmar_rmrr *found = dmar_next_rmrr(&t, &alone, NULL);
	assert_ptr_equal(found, &t.rmrrs[0]);
	found = dmar_next_rmrr(&t, &alone, found);
	assert_ptr_equal(found, &t.rmrrs[3]);
	found = dmar_next_rmrr(&t, &alone, found);
	assert_ptr_equal(found, &t.rmrrs[4]);
	assert_null(dmar_next_rmrr(&t, &alone, found));
	assert_null(dmar_next_rmrr(&t, &lower, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_checksum_is_a_fact),
		cmocka_unit_test(test_bytes_behind_are_ignored),
		cmocka_unit_test(test_drhd_rmrr_atsr),
		cmocka_unit_test(test_other_structures),
		cmocka_unit_test(test_malformed_header),
		cmocka_unit_test(test_malformed_structures),
		cmocka_unit_test(test_malformed_scopes),
		cmocka_unit_test(test_scope_covers),
		cmocka_unit_test(test_drhd_of),
		cmocka_unit_test(test_next_rmrr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
