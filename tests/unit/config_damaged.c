// SPDX-License-Identifier: MIT
// Configuration space that cannot be believed: of a device that is gone or asleep, with chains that
// loop or leave their space, damaged anywhere. Nothing is read beyond the end, everything ends, and
// what was not found is not called absent.

#include "tests/fake/kernel.h"
#include "tests/unit/config_space.h"

#include <stdio.h>

static struct arena arena;

static int forget(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct pci_config decode(const struct space *s)
{
	struct pci_config c;

	space_decode(&arena, s, &c);
	return c;
}

static void a_device_that_is_gone(void **state)
{
	struct space s;

	(void)state;
	memset(s.bytes, 0xff, sizeof(s.bytes));
	for (s.n = 1; s.n <= sizeof(s.bytes); s.n *= 4) {
		struct pci_config c = decode(&s);
		assert_int_equal(c.error, PCI_SILENT);
		assert_int_equal(c.express.error, PCI_SILENT);
		assert_int_equal(c.sriov.error, PCI_SILENT);
		assert_int_equal(c.rom.error, PCI_SILENT);
	}
	/* a virtual function has no ids in its registers, and is there */
	space_start_gpu(&s);
	space_long(&s, PCI_VENDOR_ID, UINT32_MAX);
	struct pci_config c = decode(&s);
	assert_int_equal(c.error, 0);
	assert_int_equal(c.vendor, 0xffff);
}

static void less_than_a_header(void **state)
{
	struct space s;

	(void)state;
	space_start_gpu(&s);
	for (s.n = 0; s.n < PCI_STD_HEADER_SIZEOF; s.n++) {
		struct pci_config c = decode(&s);
		assert_int_equal(c.error, -EBADMSG);
		assert_int_equal(c.express.error, -EBADMSG);
		assert_int_equal(c.bridge.error, -EBADMSG);
	}
}

static void chains_that_never_end(void **state)
{
	struct space s;

	(void)state;
	space_start_gpu(&s);
	/* back from the last to the first */
	s.bytes[s.link] = 0x40;
	space_word(&s, s.link_extended + 2u, 0x1001);
	struct pci_config c = decode(&s);
	assert_int_equal(c.standard.n, 3);
	assert_int_equal(c.standard.error, -EBADMSG);
	assert_int_equal(c.extended.n, 2);
	assert_int_equal(c.extended.error, -EBADMSG);
	assert_int_equal(c.express.error, 0);
	assert_int_equal(c.rebar.error, 0);
	/* not found, and not known to be absent */
	assert_int_equal(c.msix.error, -EBADMSG);
	assert_int_equal(c.acs.error, -EBADMSG);
}

static void chains_that_leave_their_space(void **state)
{
	struct space s;

	(void)state;
	space_start_gpu(&s);
	s.bytes[s.link] = 0x10;
	space_word(&s, s.link_extended + 2u, 0x0801);
	struct pci_config c = decode(&s);
	assert_int_equal(c.standard.n, 3);
	assert_int_equal(c.standard.error, -EBADMSG);
	assert_int_equal(c.extended.n, 2);
	assert_int_equal(c.extended.error, -EBADMSG);
}

static void structures_that_leave_their_space(void **state)
{
	struct space s;

	(void)state;
	space_start(&s, 0x1af4, 0x1041, 0x020000, 0);
	s.next = 0xf8;
	(void)space_add(&s, PCI_CAP_ID_EXP, 4);
	s.next_extended = 0xff8;
	(void)space_extend(&s, PCI_EXT_CAP_ID_SRIOV, 4);
	space_long(&s, 0x100, 0xff810003);
	struct pci_config c = decode(&s);
	assert_int_equal(c.standard.n, 1);
	assert_int_equal(c.express.error, -EBADMSG);
	assert_int_equal(c.express.link.error, -EBADMSG);
	assert_int_equal(c.extended.n, 2);
	assert_int_equal(c.sriov.error, -EBADMSG);
	assert_int_equal(c.serial_error, 0);
}

/* One byte less than a structure has, and nothing is said of it. */
static void a_structure_is_whole_or_not_known(void **state)
{
	static const struct {
		uint16_t id;
		uint16_t n_bytes;
		size_t error; /* in struct pci_config */
	} extended[] = {
		{ PCI_EXT_CAP_ID_ERR, 4, offsetof(struct pci_config, aer_error) },
		{ PCI_EXT_CAP_ID_ACS, 8, offsetof(struct pci_config, acs.error) },
		{ PCI_EXT_CAP_ID_ARI, 8, offsetof(struct pci_config, ari.error) },
		{ PCI_EXT_CAP_ID_ATS, 8, offsetof(struct pci_config, ats.error) },
		{ PCI_EXT_CAP_ID_PASID, 8, offsetof(struct pci_config, pasid.error) },
		{ PCI_EXT_CAP_ID_PRI, 16, offsetof(struct pci_config, pri.error) },
		{ PCI_EXT_CAP_ID_DSN, 12, offsetof(struct pci_config, serial_error) },
		{ PCI_EXT_CAP_ID_REBAR, 12, offsetof(struct pci_config, rebar.error) },
		{ PCI_EXT_CAP_ID_SRIOV, 64, offsetof(struct pci_config, sriov.error) },
	}, standard[] = {
		{ PCI_CAP_ID_PM, 6, offsetof(struct pci_config, power.error) },
		{ PCI_CAP_ID_MSI, 4, offsetof(struct pci_config, msi.error) },
		{ PCI_CAP_ID_MSIX, 12, offsetof(struct pci_config, msix.error) },
		{ PCI_CAP_ID_AF, 6, offsetof(struct pci_config, af.error) },
		{ PCI_CAP_ID_EXP, 12, offsetof(struct pci_config, express.error) },
	};
	struct space s;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(extended); i++) {
		space_start(&s, 0x1af4, 0x1041, 0x020000, 0);
		(void)space_express(&s, PCI_EXP_TYPE_ENDPOINT);
		uint16_t at = space_extend(&s, extended[i].id, extended[i].n_bytes);
		s.bytes[at + 8] = extended[i].id == PCI_EXT_CAP_ID_REBAR ? 0x20 : 0;
		for (uint16_t less = 0; less < 2; less++) {
			s.n = at + extended[i].n_bytes - less;
			struct pci_config c = decode(&s);
			assert_int_equal(*(int *)((char *)&c + extended[i].error),
					 less ? -ENODATA : 0);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(standard); i++) {
		space_start(&s, 0x1af4, 0x1041, 0x020000, 0);
		uint16_t at = space_add(&s, (uint8_t)standard[i].id, standard[i].n_bytes);
		for (uint16_t less = 0; less < 2; less++) {
			s.n = at + standard[i].n_bytes - less;
			struct pci_config c = decode(&s);
			assert_int_equal(*(int *)((char *)&c + standard[i].error),
					 less ? -EACCES : 0);
		}
	}
}

/* ---- reading ---- */

static const struct fake_function functions[] = {
	{ "0000:01:00.0", 0x10de, 0x2684, 0x030000, 1, NULL, NULL, NULL },
};

static void the_file_is_read(void **state)
{
	struct fake_kernel *k = fake_kernel_new(functions, ARRAY_SIZE(functions));
	const char *directory = fake_directory_of(k, functions[0].name);
	char config[FAKE_PATH_MAX], status[FAKE_PATH_MAX];
	struct err e = { 0 };
	struct pci_config c;
	struct host host;
	struct space s;

	(void)state;
	snprintf(config, sizeof(config), "%s/config", directory);
	snprintf(status, sizeof(status), "%s/power/runtime_status", directory);
	host_init(&host, fake_process(k));
	assert_int_equal(host_read_pci(&host, &e), 0);
	struct pci_function *f = &host.functions[0];
	fake_remove(&k->tree, config);
	assert_int_equal(host_read_config(&host, f, &c), -ENOENT);
	assert_int_equal(c.express.error, -ENOENT);

	space_start_gpu(&s);
	fake_bytes(&k->tree, config, s.bytes, sizeof(s.bytes));
	assert_int_equal(host_read_config(&host, f, &c), 0);
	assert_int_equal(c.rebar.n_bars, 1);
	fake_file(&k->tree, status, "active\n");
	assert_int_equal(host_read_config(&host, f, &c), 0);

	/* asleep: the file is not touched, which here would fail */
	fake_error(&k->tree, config, -EIO);
	fake_file(&k->tree, status, "suspended\n");
	assert_int_equal(host_read_config(&host, f, &c), PCI_ASLEEP);
	assert_int_equal(c.acs.error, PCI_ASLEEP);
	assert_int_equal(c.express.link.error, PCI_ASLEEP);
	fake_file(&k->tree, status, "suspending\n");
	assert_int_equal(host_read_config(&host, f, &c), PCI_ASLEEP);
	fake_file(&k->tree, status, "unsupported\n");
	assert_int_equal(host_read_config(&host, f, &c), -EIO);
	fake_error(&k->tree, config, -EACCES);
	assert_int_equal(host_read_config(&host, f, &c), -EACCES);
	assert_int_equal(c.bridge.error, -EACCES);
	host_done(&host);
	fake_kernel_free(k);
}

/* ---- mutation ---- */

static uint32_t random_state;

static uint32_t random_below(uint32_t n)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(random_state >> 4) * n >> 28);
}

static void check_list(const struct pci_config *c, const struct pci_capabilities *list,
		       size_t first, size_t end)
{
	bool seen[PCI_CONFIG_EXTENDED_BYTES] = { false };

	for (size_t i = 0; i < list->n; i++) {
		size_t offset = list->list[i].offset;

		assert_in_range(offset, first, end - 1);
		assert_true(offset < c->n_bytes && !seen[offset]);
		seen[offset] = true;
	}
	assert_true(list->error <= 0);
}

static void check_any(const struct pci_config *c)
{
	if (c->error)
		return;
	check_list(c, &c->standard, PCI_STD_HEADER_SIZEOF, PCI_CONFIG_BYTES);
	check_list(c, &c->extended, PCI_CONFIG_BYTES, PCI_CONFIG_EXTENDED_BYTES);
	assert_true(c->rebar.n_bars <= 6 && c->vf_rebar.n_bars <= 6);
	assert_true(c->rebar.error == 0 || c->rebar.n_bars == 0);
	if (c->sriov.error == 0)
		assert_in_range(c->sriov.offset + 0x40, 0x140, c->n_bytes);
	if (c->acs.error == 0)
		assert_in_range(c->acs.offset + 8, 0x108, c->n_bytes);
	if (c->express.error == 0)
		assert_in_range(c->express.offset, 0x40, 0xf4);
	if (c->express.error)
		assert_int_equal(c->express.link.error, c->express.error);
}

/* Damaged a little or a lot, cut anywhere: nothing is read beyond the end, every list ends. */
static void whatever_the_bytes_are(void **state)
{
	struct space good, s;
	struct pci_config c;

	(void)state;
	space_start_gpu(&good);
	(void)space_add(&good, PCI_CAP_ID_MSIX, 12);
	(void)space_acs(&good, 0x1f, 0x1d);
	(void)space_extend(&good, PCI_EXT_CAP_ID_SRIOV, 0x40);
	(void)space_extend(&good, PCI_EXT_CAP_ID_VNDR, 16);
	random_state = 1;
	for (int round = 0; round < 20000; round++) {
		uint32_t damages = 1 + random_below(20);

		s = good;
		for (uint32_t i = 0; i < damages; i++) {
			uint32_t where = random_below(3);
			uint32_t offset = where == 0   ? random_below(0x40)
					  : where == 1 ? 0x40 + random_below(0xc0)
						       : 0x100 + random_below(0x100);
			s.bytes[offset] = (uint8_t)random_below(256);
		}
		if (random_below(4) == 0)
			s.n = random_below(sizeof(s.bytes) + 1);
		space_decode(&arena, &s, &c);
		check_any(&c);
		if (round % 1000 == 0)
			arena_free(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_device_that_is_gone, forget),
		cmocka_unit_test_teardown(less_than_a_header, forget),
		cmocka_unit_test_teardown(chains_that_never_end, forget),
		cmocka_unit_test_teardown(chains_that_leave_their_space, forget),
		cmocka_unit_test_teardown(structures_that_leave_their_space, forget),
		cmocka_unit_test_teardown(a_structure_is_whole_or_not_known, forget),
		cmocka_unit_test_teardown(whatever_the_bytes_are, forget),
		cmocka_unit_test(the_file_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
