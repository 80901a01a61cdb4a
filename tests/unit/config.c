// SPDX-License-Identifier: MIT
// Configuration space: what is decoded, and that nothing is said of what was not among the bytes.
// tests/config holds every field against lspci; here are the shapes that real devices have.

#include "tests/unit/config_space.h"

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

static void a_graphics_card(void **state)
{
	struct space s;

	(void)state;
	space_start_gpu(&s);
	struct pci_config c = decode(&s);
	assert_int_equal(c.error, 0);
	assert_int_equal(c.vendor, 0x10de);
	assert_int_equal(c.device, 0x2684);
	assert_int_equal(c.header, PCI_HEADER_FUNCTION);
	assert_true(c.multifunction);
	assert_int_equal(c.class_code, 0x030000);
	assert_int_equal(c.subsystem.vendor, 0x10de);
	assert_int_equal(c.subsystem.device, 0x16f3);

	assert_false(c.bars[0].is_64bit);
	assert_true(c.bars[1].is_64bit && c.bars[1].prefetchable);
	assert_int_equal(c.bars[1].address, UINT64_C(0x6000000000));
	assert_false(c.bars[2].decoded);
	assert_int_equal(c.bars[5].kind, PCI_RESOURCE_IO);
	assert_int_equal(c.bars[5].address, 0xe000);
	assert_int_equal(c.rom.error, 0);
	assert_false(c.rom.enabled);

	assert_int_equal(c.power.error, 0);
	assert_true(c.power.no_soft_reset);
	assert_int_equal(c.msi.vectors_max, 1);
	assert_true(c.msi.enabled && c.msi.is_64bit);
	assert_int_equal(c.express.type, PCI_EXP_TYPE_LEG_END);
	assert_true(c.express.flr);
	assert_string_equal(pci_link_speed_name(c.express.link.speed_max), "16.0 GT/s");
	assert_int_equal(c.express.link.width_max, 16);
	assert_string_equal(pci_link_speed_name(c.express.link.speed), "2.5 GT/s");
	assert_int_equal(c.express.link.width, 16);
	assert_int_equal(c.express.link.speeds, 0x0f);
	assert_int_equal(c.express.slot.error, -ENOENT);

	assert_int_equal(c.rebar.n_bars, 1);
	assert_int_equal(c.rebar.bars[0].bar, 1);
	/* 64 MiB to 16 GiB, 256 MiB now */
	assert_int_equal(c.rebar.bars[0].sizes, 0x7ffc);
	assert_int_equal(c.rebar.bars[0].size_log2, 8);
	assert_int_equal(c.serial, UINT64_C(0x0123456789abcdef));
	assert_int_equal(c.acs.error, -ENOENT);
	assert_int_equal(c.sriov.error, -ENOENT);
	assert_int_equal(c.bridge.error, -ENOENT);
}

/* What an ordinary user gets. */
static void the_first_64_bytes_only(void **state)
{
	struct space s;

	(void)state;
	space_start_gpu(&s);
	s.n = PCI_CONFIG_USER_BYTES;
	struct pci_config c = decode(&s);
	assert_int_equal(c.error, 0);
	assert_int_equal(c.bars[1].address, UINT64_C(0x6000000000));
	assert_int_equal(c.standard.error, -EACCES);
	assert_int_equal(c.extended.error, -EACCES);
	assert_int_equal(c.power.error, -EACCES);
	assert_int_equal(c.express.error, -EACCES);
	assert_int_equal(c.express.link.error, -EACCES);
	assert_int_equal(c.acs.error, -EACCES);
	assert_int_equal(c.rebar.error, -EACCES);
	assert_int_equal(c.aer_error, -EACCES);
	assert_int_equal(c.serial_error, -EACCES);
}

static void a_function_without_capabilities_needs_no_more_bytes(void **state)
{
	struct space s;

	(void)state;
	space_start(&s, 0x8086, 0x100e, 0x020000, 0);
	s.n = PCI_CONFIG_USER_BYTES;
	struct pci_config c = decode(&s);
	assert_int_equal(c.standard.error, 0);
	assert_int_equal(c.express.error, -ENOENT);
	assert_int_equal(c.acs.error, -ENOENT);

	/* but a host bridge may have an extended space all the same */
	space_start(&s, 0x8086, 0x29c0, 0x060000, 0);
	s.n = PCI_CONFIG_USER_BYTES;
	c = decode(&s);
	assert_int_equal(c.express.error, -ENOENT);
	assert_int_equal(c.acs.error, -EACCES);
	/* and so may PCI-X */
	space_start(&s, 0x8086, 0x1048, 0x020000, 0);
	(void)space_add(&s, PCI_CAP_ID_PCIX, 8);
	s.n = 128;
	c = decode(&s);
	assert_int_equal(c.standard.error, 0);
	assert_int_equal(c.acs.error, -EACCES);
}

static void bytes_of_256(void **state)
{
	struct space s;

	(void)state;
	space_start_gpu(&s);
	s.n = PCI_CONFIG_BYTES;
	struct pci_config c = decode(&s);
	assert_int_equal(c.express.error, 0);
	assert_int_equal(c.express.link.width_max, 16);
	assert_int_equal(c.rebar.error, -ENODATA);
	assert_int_equal(c.extended.error, -ENODATA);

	space_start(&s, 0x8086, 0x100e, 0x020000, 0);
	(void)space_add(&s, PCI_CAP_ID_PM, 8);
	s.n = PCI_CONFIG_BYTES;
	c = decode(&s);
	assert_int_equal(c.power.error, 0);
	assert_int_equal(c.express.error, -ENOENT);
	assert_int_equal(c.acs.error, -ENOENT);
}

/* 4096 bytes of which the kernel got an answer for the first 256 only. */
static void an_extended_space_that_does_not_answer(void **state)
{
	struct space s;

	(void)state;
	space_start_gpu(&s);
	memset(s.bytes + PCI_CONFIG_BYTES, 0xff, sizeof(s.bytes) - PCI_CONFIG_BYTES);
	struct pci_config c = decode(&s);
	assert_int_equal(c.express.error, 0);
	assert_int_equal(c.extended.n, 0);
	assert_int_equal(c.acs.error, -ENODATA);
}

static void registers_that_a_version_or_a_type_does_not_have(void **state)
{
	struct space s;

	(void)state;
	space_start(&s, 0x8086, 0x10d3, 0x020000, 0);
	uint16_t at = space_express(&s, PCI_EXP_TYPE_RC_END);
	space_word(&s, at + (size_t)PCI_EXP_LNKSTA, 0x1043);
	struct pci_config c = decode(&s);
	assert_int_equal(c.express.link.error, -ENOENT);
	assert_int_equal(c.express.second_error, 0);
	space_word(&s, at + 2u, 2 | PCI_EXP_TYPE_RC_EC << 4);
	c = decode(&s);
	assert_int_equal(c.express.link.error, -ENOENT);
	assert_int_equal(c.express.link.second_error, -ENOENT);

	space_start(&s, 0x8086, 0x10d3, 0x020000, 0);
	at = space_express(&s, PCI_EXP_TYPE_ENDPOINT);
	space_word(&s, at + 2u, 0x0101); /* version 1, with the bit for a slot */
	c = decode(&s);
	assert_int_equal(c.express.version, 1);
	assert_int_equal(c.express.link.error, 0);
	assert_int_equal(c.express.link.second_error, -ENOENT);
	assert_int_equal(c.express.second_error, -ENOENT);
	assert_int_equal(c.express.slot.error, -ENOENT);

	/* a capability of version 1 at the very end has no room for what it does not have */
	space_start(&s, 0x8086, 0x10d3, 0x020000, 0);
	s.next = 0xec;
	at = space_express(&s, PCI_EXP_TYPE_ENDPOINT);
	c = decode(&s);
	assert_int_equal(c.express.error, 0);
	assert_int_equal(c.express.link.error, 0);
	assert_int_equal(c.express.second_error, -EBADMSG);
}

static void a_port(void **state)
{
	struct space s;

	(void)state;
	space_start(&s, 0x8086, 0xa340, 0x060400, 0x81);
	space_long(&s, PCI_PRIMARY_BUS, 0x00040200);
	space_word(&s, PCI_IO_BASE, 0x30f0);              /* closed */
	space_long(&s, PCI_MEMORY_BASE, 0xf7e0f6f0);      /* 17 MiB */
	space_long(&s, PCI_PREF_MEMORY_BASE, 0x0ff10001); /* 64 bit */
	space_long(&s, PCI_PREF_BASE_UPPER32, 0x60);
	space_long(&s, PCI_PREF_LIMIT_UPPER32, 0x67);
	space_word(&s, PCI_BRIDGE_CONTROL, PCI_BRIDGE_CTL_VGA);
	uint16_t at = space_express(&s, PCI_EXP_TYPE_ROOT_PORT);
	s.bytes[at + 3] |= 1;
	space_long(&s, at + (size_t)PCI_EXP_SLTCAP, 12u << 19 | PCI_EXP_SLTCAP_HPC);
	space_word(&s, at + (size_t)PCI_EXP_SLTSTA, PCI_EXP_SLTSTA_PDS);
	space_long(&s, at + (size_t)PCI_EXP_DEVCAP2, PCI_EXP_DEVCAP2_ARI);
	at = space_add(&s, PCI_CAP_ID_SSVID, 8);
	space_long(&s, at + 4u, 0x86941043);
	(void)space_acs(&s, 0x1f, 0x1d);
	struct pci_config c = decode(&s);
	assert_int_equal(c.header, PCI_HEADER_BRIDGE);
	assert_int_equal(c.bridge.secondary, 2);
	assert_int_equal(c.bridge.subordinate, 4);
	assert_false(c.bridge.io.open);
	assert_true(c.bridge.memory.open);
	assert_int_equal(c.bridge.memory.base, 0xf6f00000);
	assert_int_equal(c.bridge.memory.limit, 0xf7efffff);
	assert_true(c.bridge.prefetchable.wide);
	assert_int_equal(c.bridge.prefetchable.base, UINT64_C(0x6000000000));
	assert_int_equal(c.bridge.prefetchable.limit, UINT64_C(0x670fffffff));
	assert_int_equal(c.subsystem.vendor, 0x1043);
	assert_int_equal(c.subsystem.device, 0x8694);
	assert_int_equal(c.express.slot.number, 12);
	assert_true(c.express.slot.hotplug && c.express.slot.occupied);
	assert_true(c.express.ari_forwarding);
	assert_int_equal(c.acs.supported, 0x1f);
	assert_int_equal(c.acs.enabled, 0x1d);
	assert_int_equal(c.rom.error, -ENOENT);
}

/* A pair of zeros is no window at the bottom of memory; one zero alone may be a window's edge. */
static void windows(void **state)
{
	struct space s;

	(void)state;
	space_start(&s, 0x8086, 0xa340, 0x060400, 1);
	struct pci_config c = decode(&s);
	assert_false(c.bridge.io.open || c.bridge.memory.open || c.bridge.prefetchable.open);
	space_word(&s, PCI_IO_BASE, 0x1000);
	space_word(&s, PCI_MEMORY_LIMIT, 0x0010);
	space_word(&s, PCI_PREF_MEMORY_LIMIT, 0x0010);
	c = decode(&s);
	assert_true(c.bridge.io.open && c.bridge.memory.open && c.bridge.prefetchable.open);
	assert_int_equal(c.bridge.io.limit, 0x1fff);
	assert_int_equal(c.bridge.memory.limit, 0x1fffff);
}

static void names_of_numbers(void **state)
{
	(void)state;
	assert_null(pci_link_speed_name(0));
	assert_string_equal(pci_link_speed_name(6), "64.0 GT/s");
	assert_null(pci_link_speed_name(7));
	assert_string_equal(pci_express_type_name(PCI_EXP_TYPE_DOWNSTREAM), "downstream port");
	assert_string_equal(pci_express_type_name(3), "unknown type");
}

/* 128 bytes are what an ordinary user gets of these. */
static void a_cardbus_bridge(void **state)
{
	struct space s;

	(void)state;
	space_start(&s, 0x104c, 0xac56, 0x060700, 2);
	space_long(&s, PCI_CB_PRIMARY_BUS, 0xb0060502);
	space_long(&s, PCI_CB_SUBSYSTEM_VENDOR_ID, 0x05571014);
	s.bytes[PCI_STATUS] = PCI_STATUS_CAP_LIST;
	s.bytes[PCI_CB_CAPABILITY_LIST] = 0xa0;
	s.bytes[0xa0] = PCI_CAP_ID_PM;
	s.n = 128;
	struct pci_config c = decode(&s);
	assert_int_equal(c.header, PCI_HEADER_CARDBUS);
	assert_int_equal(c.bridge.secondary, 5);
	assert_int_equal(c.subsystem.vendor, 0x1014);
	assert_int_equal(c.power.error, -EACCES);
	s.n = 64;
	c = decode(&s);
	assert_int_equal(c.subsystem.error, -EACCES);
	s.n = 256;
	c = decode(&s);
	assert_int_equal(c.power.error, 0);

	s.bytes[PCI_HEADER_TYPE] = 0x7f;
	c = decode(&s);
	assert_int_equal(c.header, PCI_HEADER_UNKNOWN);
	assert_int_equal(c.power.error, -EBADMSG);
	assert_int_equal(c.bridge.error, -EBADMSG);
	assert_int_equal(c.subsystem.error, -EBADMSG);
}

static void a_function_that_splits(void **state)
{
	struct pci_resource resources[] = {
		{ .index = 0, .size_bytes = 0x20000 },
		{ .index = 6, .size_bytes = 0x80000 },
		{ .index = 7, .size_bytes = 8 * 0x4000, .is_64bit = true, .start = 0xfb000000 },
		{ .index = 10,
		  .size_bytes = 8 * 0x8000,
		  .prefetchable = true,
		  .start = 0xfc000000 },
	};
	const struct pci_detail detail = { .resources = resources,
					   .n_resources = ARRAY_SIZE(resources) };
	struct space s;

	(void)state;
	space_start(&s, 0x8086, 0x10fb, 0x020000, 0);
	space_long(&s, PCI_BASE_ADDRESS_0, 0xfa000000);
	(void)space_express(&s, PCI_EXP_TYPE_ENDPOINT);
	uint16_t at = space_extend(&s, PCI_EXT_CAP_ID_ARI, 8);
	space_long(&s, at + 4u, 0x00000100);
	at = space_extend(&s, PCI_EXT_CAP_ID_SRIOV, 0x40);
	space_long(&s, at + 8u, 0x00000019);
	space_long(&s, at + 0x0cu, 0x00080008);
	space_word(&s, at + 0x10u, 2);
	space_long(&s, at + 0x14u, 0x00020080);
	space_word(&s, at + 0x1au, 0x10ed);
	space_long(&s, at + 0x24u, 0xfb000004);
	struct pci_config c = decode(&s);
	assert_int_equal(c.sriov.error, 0);
	assert_true(c.sriov.enabled && c.sriov.memory_enabled && c.sriov.ari_hierarchy);
	assert_int_equal(c.sriov.total, 8);
	assert_int_equal(c.sriov.count, 2);
	assert_int_equal(c.sriov.vf_offset, 0x80);
	assert_int_equal(c.sriov.vf_stride, 2);
	assert_int_equal(c.sriov.vf_device, 0x10ed);
	assert_int_equal(c.ari.next_function, 1);
	pci_config_set_sizes(&c, &detail);
	assert_int_equal(c.bars[0].size_bytes, 0x20000);
	assert_int_equal(c.rom.size_bytes, 0x80000);
	/* of one virtual function */
	assert_int_equal(c.sriov.bars[0].size_bytes, 0x4000);
	assert_true(c.sriov.bars[0].decoded);
	/* the device says nothing of this one, the kernel does */
	assert_false(c.sriov.bars[3].decoded);
	assert_int_equal(c.sriov.bars[3].address, 0xfc000000);
	assert_true(c.sriov.bars[3].prefetchable);
}

static void what_a_function_asks_of_the_iommu(void **state)
{
	struct space s;

	(void)state;
	space_start(&s, 0x8086, 0x0b25, 0x088000, 0);
	(void)space_express(&s, PCI_EXP_TYPE_RC_END);
	uint16_t at = space_extend(&s, PCI_EXT_CAP_ID_ATS, 8);
	space_long(&s, at + 4u, 0x80000020);
	at = space_extend(&s, PCI_EXT_CAP_ID_PASID, 8);
	space_long(&s, at + 4u, 0x00011404);
	at = space_extend(&s, PCI_EXT_CAP_ID_PRI, 16);
	space_long(&s, at + 4u, 0x80000001);
	space_long(&s, at + 8u, 512);
	space_long(&s, at + 12u, 32);
	struct pci_config c = decode(&s);
	assert_true(c.ats.enabled && c.ats.page_aligned);
	assert_int_equal(c.ats.queue_depth, 0);
	assert_true(c.pasid.enabled && c.pasid.privileged && !c.pasid.execute);
	assert_int_equal(c.pasid.width_max_bits, 20);
	assert_true(c.pri.enabled && c.pri.pasid_required && !c.pri.stopped);
	assert_int_equal(c.pri.capacity, 512);
	assert_int_equal(c.pri.allocation, 32);
}

static void resizable_bars_that_make_no_sense(void **state)
{
	struct space s;

	(void)state;
	for (uint32_t n = 0; n < 8; n++) {
		space_start(&s, 0x1002, 0x73bf, 0x030000, 0);
		(void)space_express(&s, PCI_EXP_TYPE_LEG_END);
		s.next_extended = 0x100;
		uint16_t at = space_extend(&s, PCI_EXT_CAP_ID_REBAR, 52);
		space_long(&s, at + 8u, n << 5);
		struct pci_config c = decode(&s);
		assert_int_equal(c.rebar.error, n == 0 || n == 7 ? -EBADMSG : 0);
		assert_int_equal(c.rebar.n_bars, n == 0 || n == 7 ? 0 : n);
	}
}

static void vendor_specific_structures(void **state)
{
	const struct pci_capability *found;
	struct space s;

	(void)state;
	space_start(&s, 0x1af4, 0x1041, 0x020000, 0);
	uint16_t at = space_add(&s, PCI_CAP_ID_VNDR, 16);
	s.bytes[at + 2] = 16;
	(void)space_express(&s, PCI_EXP_TYPE_ENDPOINT);
	at = space_extend(&s, PCI_EXT_CAP_ID_VNDR, 16);
	space_long(&s, at + 4u, 0x01020007);
	at = space_extend(&s, PCI_EXT_CAP_ID_DVSEC, 16);
	space_long(&s, at + 4u, 0x03c11e98);
	space_word(&s, at + 8u, 8);
	struct pci_config c = decode(&s);
	assert_int_equal(pci_find_capability(&c.standard, PCI_CAP_ID_VNDR, &found), 0);
	assert_int_equal(found->length_bytes, 16);
	assert_int_equal(pci_find_capability(&c.extended, PCI_EXT_CAP_ID_VNDR, &found), 0);
	assert_int_equal(found->length_bytes, 0x10);
	assert_int_equal(found->vendor_id, 7);
	assert_int_equal(pci_find_capability(&c.extended, PCI_EXT_CAP_ID_DVSEC, &found), 0);
	assert_int_equal(found->vendor, 0x1e98);
	assert_int_equal(found->length_bytes, 0x3c);
	assert_int_equal(found->vendor_id, 8);
	assert_int_equal(pci_find_capability(&c.extended, PCI_EXT_CAP_ID_ACS, &found), -ENOENT);
	/* cut before the last field of the header */
	s.n = at + 9u;
	c = decode(&s);
	assert_int_equal(pci_find_capability(&c.extended, PCI_EXT_CAP_ID_DVSEC, &found), 0);
	assert_int_equal(found->vendor, 0);
	s.n = at + 10u;
	c = decode(&s);
	assert_int_equal(pci_find_capability(&c.extended, PCI_EXT_CAP_ID_DVSEC, &found), 0);
	assert_int_equal(found->vendor_id, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_graphics_card, forget),
		cmocka_unit_test_teardown(the_first_64_bytes_only, forget),
		cmocka_unit_test_teardown(a_function_without_capabilities_needs_no_more_bytes,
					  forget),
		cmocka_unit_test_teardown(bytes_of_256, forget),
		cmocka_unit_test_teardown(an_extended_space_that_does_not_answer, forget),
		cmocka_unit_test_teardown(registers_that_a_version_or_a_type_does_not_have, forget),
		cmocka_unit_test_teardown(a_port, forget),
		cmocka_unit_test_teardown(windows, forget),
		cmocka_unit_test(names_of_numbers),
		cmocka_unit_test_teardown(a_cardbus_bridge, forget),
		cmocka_unit_test_teardown(a_function_that_splits, forget),
		cmocka_unit_test_teardown(what_a_function_asks_of_the_iommu, forget),
		cmocka_unit_test_teardown(resizable_bars_that_make_no_sense, forget),
		cmocka_unit_test_teardown(vendor_specific_structures, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
