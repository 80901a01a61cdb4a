// SPDX-License-Identifier: MIT
// Isolation where the kernel knows more than the registers say: its tables of devices, requester
// ids that are borrowed, virtual functions, Intel VMD.

#include "tests/unit/isolation_host.h"

#define ENDPOINT PCI_EXP_TYPE_ENDPOINT
#define ROOT PCI_EXP_TYPE_ROOT_PORT
#define DOWN PCI_EXP_TYPE_DOWNSTREAM
#define INTEGRATED PCI_EXP_TYPE_RC_END

#define INTEL 0x8086

static const struct function known_ports[] = {
	/* Cougar Point, of which every id is known, and Patsburg, every second */
	{ .name = "0000:00:01.0", .group = 1, .type = ROOT, .vendor = INTEL, .device = 0x1c14 },
	{ .name = "0000:01:00.0", .parent = "0000:00:01.0", .group = 2, .type = ENDPOINT },
	{ .name = "0000:00:02.0", .group = 3, .type = ROOT, .vendor = INTEL, .device = 0x1d12 },
	{ .name = "0000:02:00.0", .parent = "0000:00:02.0", .group = 4, .type = ENDPOINT },
	{ .name = "0000:00:03.0", .group = 5, .type = ROOT, .vendor = INTEL, .device = 0x1d11 },
	{ .name = "0000:03:00.0", .parent = "0000:00:03.0", .group = 5, .type = ENDPOINT },
	/* an id of the table on what is no root port */
	{ .name = "0000:00:04.0", .group = 6, .type = DOWN, .vendor = INTEL, .device = 0x1c15 },
	{ .name = "0000:04:00.0", .parent = "0000:00:04.0", .group = 6, .type = ENDPOINT },
	/* Cavium: only some of its root ports */
	{ .name = "0000:00:05.0", .group = 7, .type = ROOT, .vendor = 0x177d, .device = 0xa123 },
	{ .name = "0000:05:00.0", .parent = "0000:00:05.0", .group = 8, .type = ENDPOINT },
	{ .name = "0000:00:06.0", .group = 9, .type = ROOT, .vendor = 0x177d, .device = 0xa800 },
	{ .name = "0000:06:00.0", .parent = "0000:00:06.0", .group = 9, .type = ENDPOINT },
	/* Zhaoxin: for ports that it does not list the table says no, whatever they have */
	{ .name = "0000:00:07.0", .group = 10, .type = ROOT, .vendor = 0x1d17, .device = 0x0725 },
	{ .name = "0000:07:00.0", .parent = "0000:00:07.0", .group = 11, .type = ENDPOINT },
	{ .name = "0000:00:09.0", .group = 13, .type = DOWN, .vendor = 0x1d17, .device = 0x0752 },
	{ .name = "0000:09:00.0", .parent = "0000:00:09.0", .group = 14, .type = ENDPOINT },
	{ .name = "0000:00:08.0",
	  .group = 12,
	  .type = ROOT,
	  .vendor = 0x1d17,
	  .device = 0x0800,
	  .acs_supported = GOOD_ACS },
	{ .name = "0000:08:00.0", .parent = "0000:00:08.0", .group = 12, .type = ENDPOINT },
};

static void ports_known_to_isolate(void **state)
{
	struct machine m;

	(void)state;
	MACHINE(&m, known_ports);
	expect(&m, "0000:01:00.0", ISOLATION_ALONE, "", "0000:01:00.0", ISOLATION_AGREES);
	expect_step(&m, 1, ISOLATION_QUIRK_YES,
		    "isolates without ACS: Intel Cougar Point root port");
	for (size_t i = 0; i < ARRAY_SIZE(known_ports); i++) {
		isolation_explain(m.reader, machine_find(&m, known_ports[i].name), &m.found);
		assert_int_equal(m.found.agreement, ISOLATION_AGREES);
	}
	expect(&m, "0000:08:00.0", ISOLATION_PATH, "0000:00:08.0", "0000:00:08.0 0000:08:00.0",
	       ISOLATION_AGREES);
	expect_step(&m, 1, ISOLATION_QUIRK_NO, "does not isolate: other Zhaoxin port");
	machine_free(&m);
}

/* Its peer decoding can be turned off through a register block that the LPC bridge enables. */
static void a_chipset_that_could_not_be_set_up(void **state)
{
	static const struct function functions[] = {
		{ .name = "0000:00:1c.0",
		  .group = 1,
		  .type = ROOT,
		  .vendor = INTEL,
		  .device = 0x1e10 },
		{ .name = "0000:01:00.0", .parent = "0000:00:1c.0", .group = 1, .type = ENDPOINT },
		{ .name = "0000:00:1f.0",
		  .group = 2,
		  .type = CONVENTIONAL,
		  .vendor = INTEL,
		  .device = 0x1e44 },
	};
	struct machine m;
	struct space s;

	(void)state;
	MACHINE(&m, functions);
	expect(&m, "0000:01:00.0", ISOLATION_PATH, "0000:00:1c.0", "0000:00:1c.0 0000:01:00.0",
	       ISOLATION_AGREES);
	space_start(&s, INTEL, 0x1e44, 0x060100, 0);
	space_long(&s, 0xf0, 0xfed1c001);
	machine_file(&m, "0000:00:1f.0", "config", s.bytes, PCI_CONFIG_BYTES);
	machine_read(&m);
	expect(&m, "0000:01:00.0", ISOLATION_ALONE, "", "0000:01:00.0", ISOLATION_DIFFERS);
	machine_free(&m);
}

/* Intel's 100 and 200 series have the control register four bytes from where it belongs. */
static void ports_with_a_wide_control_register(void **state)
{
	static const struct function functions[] = {
		{ .name = "0000:00:1b.0",
		  .group = 1,
		  .type = ROOT,
		  .vendor = INTEL,
		  .device = 0xa167 },
		{ .name = "0000:01:00.0", .parent = "0000:00:1b.0", .group = 2, .type = ENDPOINT },
		{ .name = "0000:00:1d.0",
		  .group = 3,
		  .type = ROOT,
		  .vendor = INTEL,
		  .device = 0xa298 },
		{ .name = "0000:02:00.0", .parent = "0000:00:1d.0", .group = 3, .type = ENDPOINT },
		{ .name = "0000:00:1c.0",
		  .group = 4,
		  .type = ROOT,
		  .vendor = INTEL,
		  .device = 0xa29c },
		{ .name = "0000:03:00.0", .parent = "0000:00:1c.0", .group = 4, .type = ENDPOINT },
	};
	struct machine m;
	struct space s;

	(void)state;
	machine_build(&m, functions, ARRAY_SIZE(functions));
	space_start(&s, INTEL, 0xa167, 0x060400, 1);
	(void)space_express(&s, ROOT);
	uint16_t at = space_extend(&s, PCI_EXT_CAP_ID_ACS, 12);
	space_long(&s, at + 4u, 0x0f);
	space_long(&s, at + 8u, 0x0d);
	machine_file(&m, "0000:00:1b.0", "config", s.bytes, s.n);
	space_long(&s, at + 8u, 0x08);
	space_word(&s, PCI_DEVICE_ID, 0xa298);
	machine_file(&m, "0000:00:1d.0", "config", s.bytes, s.n);
	machine_read(&m);
	expect(&m, "0000:01:00.0", ISOLATION_ALONE, "", "0000:01:00.0", ISOLATION_AGREES);
	expect_step(&m, 1, ISOLATION_ACS_ON, "ACS on: SV RR CR");
	expect(&m, "0000:02:00.0", ISOLATION_PATH, "0000:00:1d.0", "0000:00:1d.0 0000:02:00.0",
	       ISOLATION_AGREES);
	expect_step(&m, 1, ISOLATION_ACS_OFF, "ACS off: SV RR");
	/* where firmware hides the capability there is nothing that could be on */
	expect(&m, "0000:03:00.0", ISOLATION_PATH, "0000:00:1c.0", "0000:00:1c.0 0000:03:00.0",
	       ISOLATION_AGREES);
	expect_step(&m, 1, ISOLATION_NO_ACS, "root port without ACS");
	machine_free(&m);
}

static void functions_known_to_keep_to_themselves(void **state)
{
	static const struct function functions[] = {
		{ .name = "0000:01:00.0",
		  .group = 1,
		  .type = ENDPOINT,
		  .vendor = INTEL,
		  .device = 0x1521,
		  .multifunction = 1 },
		{ .name = "0000:01:00.1",
		  .group = 2,
		  .type = ENDPOINT,
		  .vendor = INTEL,
		  .device = 0x1521,
		  .multifunction = 1 },
		/* integrated ones of Intel */
		{ .name = "0000:00:14.0",
		  .group = 3,
		  .type = INTEGRATED,
		  .vendor = INTEL,
		  .device = 0xa0ed,
		  .multifunction = 1 },
		{ .name = "0000:00:14.2",
		  .group = 4,
		  .type = INTEGRATED,
		  .vendor = INTEL,
		  .device = 0xa0ef,
		  .multifunction = 1 },
		/* and of others */
		{ .name = "0000:00:15.0", .group = 5, .type = INTEGRATED, .multifunction = 1 },
		{ .name = "0000:00:15.1", .group = 5, .type = INTEGRATED, .multifunction = 1 },
	};
	struct machine m;

	(void)state;
	MACHINE(&m, functions);
	expect(&m, "0000:01:00.1", ISOLATION_ALONE, "", "0000:01:00.1", ISOLATION_AGREES);
	expect(&m, "0000:00:14.2", ISOLATION_ALONE, "", "0000:00:14.2", ISOLATION_AGREES);
	expect_step(&m, 0, ISOLATION_QUIRK_YES,
		    "isolates without ACS: Intel endpoint in the root complex");
	expect(&m, "0000:00:15.1", ISOLATION_FUNCTIONS, "0000:00:15.0", "0000:00:15.0 0000:00:15.1",
	       ISOLATION_AGREES);
	machine_free(&m);
}

/* The southbridge of AMD does not talk to itself, but only where AMD's IOMMU is. */
static void a_southbridge(void **state)
{
	static const struct function functions[] = {
		{ .name = "0000:00:14.0",
		  .group = 1,
		  .type = CONVENTIONAL,
		  .vendor = 0x1002,
		  .device = 0x4385,
		  .multifunction = 1 },
		{ .name = "0000:00:14.2",
		  .group = 2,
		  .type = CONVENTIONAL,
		  .vendor = 0x1002,
		  .device = 0x4383,
		  .multifunction = 1 },
	};
	struct machine m;

	(void)state;
	MACHINE(&m, functions);
	expect(&m, "0000:00:14.2", ISOLATION_FUNCTIONS, "0000:00:14.0", "0000:00:14.0 0000:00:14.2",
	       ISOLATION_DIFFERS);
	fake_file(&m.k->tree, "sys/firmware/acpi/tables/IVRS", "not a table");
	machine_read(&m);
	expect(&m, "0000:00:14.2", ISOLATION_ALONE, "", "0000:00:14.2", ISOLATION_AGREES);
	fake_error(&m.k->tree, "sys/firmware/acpi/tables/IVRS", -EACCES);
	machine_read(&m);
	expect(&m, "0000:00:14.2", ISOLATION_ALONE, "", "0000:00:14.2", ISOLATION_AGREES);
	machine_free(&m);
}

/* Its bridge counts as isolating too; what is behind it still has the bridge's requester id. */
static void behind_a_southbridge(void **state)
{
	static const struct function functions[] = {
		{ .name = "0000:00:14.0",
		  .group = 1,
		  .type = CONVENTIONAL,
		  .vendor = 0x1002,
		  .device = 0x4385,
		  .multifunction = 1 },
		{ .name = "0000:00:14.4",
		  .group = 2,
		  .type = CONVENTIONAL_BRIDGE,
		  .vendor = 0x1002,
		  .device = 0x4384,
		  .multifunction = 1 },
		{ .name = "0000:05:06.0",
		  .parent = "0000:00:14.4",
		  .group = 2,
		  .type = CONVENTIONAL },
	};
	struct machine m;

	(void)state;
	machine_build(&m, functions, ARRAY_SIZE(functions));
	fake_file(&m.k->tree, "sys/firmware/acpi/tables/IVRS", "not a table");
	machine_read(&m);
	expect(&m, "0000:05:06.0", ISOLATION_SHARED_ID, "0000:00:14.4", "0000:00:14.4 0000:05:06.0",
	       ISOLATION_AGREES);
	expect_step(&m, 1, ISOLATION_QUIRK_YES, "isolates without ACS: AMD SBx00 southbridge");
	machine_free(&m);
}

/* Switches of IDT get source validation wrong: newer kernels leave it off, and do without. */
static void source_validation_that_is_broken(void **state)
{
	static const struct function functions[] = {
		{ .name = "0000:00:01.0",
		  .group = 1,
		  .type = DOWN,
		  .vendor = 0x111d,
		  .device = 0x80b5,
		  .acs_supported = GOOD_ACS,
		  .acs_enabled = ALL_ON & ~PCI_ACS_SV },
		{ .name = "0000:01:00.0", .parent = "0000:00:01.0", .group = 2, .type = ENDPOINT },
		{ .name = "0000:00:02.0",
		  .group = 3,
		  .type = DOWN,
		  .vendor = 0x111d,
		  .device = 0x80b6,
		  .acs_supported = GOOD_ACS,
		  .acs_enabled = ALL_ON & ~PCI_ACS_SV },
		{ .name = "0000:02:00.0", .parent = "0000:00:02.0", .group = 3, .type = ENDPOINT },
		{ .name = "0000:00:03.0",
		  .group = 4,
		  .type = DOWN,
		  .vendor = 0x111d,
		  .device = 0x8090,
		  .acs_supported = GOOD_ACS,
		  .acs_enabled = PCI_ACS_SV },
		{ .name = "0000:03:00.0", .parent = "0000:00:03.0", .group = 4, .type = ENDPOINT },
	};
	struct machine m;

	(void)state;
	MACHINE(&m, functions);
	expect(&m, "0000:01:00.0", ISOLATION_ALONE, "", "0000:01:00.0", ISOLATION_AGREES);
	expect(&m, "0000:02:00.0", ISOLATION_PATH, "0000:00:02.0", "0000:00:02.0 0000:02:00.0",
	       ISOLATION_AGREES);
	expect(&m, "0000:03:00.0", ISOLATION_PATH, "0000:00:03.0", "0000:00:03.0 0000:03:00.0",
	       ISOLATION_AGREES);
	expect_step(&m, 1, ISOLATION_ACS_OFF, "ACS off: RR CR UF");
	machine_free(&m);
}

static void borrowed_requester_ids(void **state)
{
	static const struct function functions[] = {
		/* Marvell: SATA does DMA as function 1, the IDE controller */
		{ .name = "0000:00:01.0", .group = 1, .type = ROOT, .acs_supported = GOOD_ACS },
		{ .name = "0000:01:00.0",
		  .parent = "0000:00:01.0",
		  .group = 2,
		  .type = ENDPOINT,
		  .vendor = 0x1b4b,
		  .device = 0x9128,
		  .multifunction = 1,
		  .acs_supported = GOOD_ACS },
		{ .name = "0000:01:00.1",
		  .parent = "0000:00:01.0",
		  .group = 2,
		  .type = ENDPOINT,
		  .vendor = 0x1b4b,
		  .device = 0x91a3,
		  .multifunction = 1,
		  .acs_supported = GOOD_ACS },
		/* a PLX bridge may use any id of its bus */
		{ .name = "0000:00:02.0", .group = 3, .type = ROOT, .acs_supported = GOOD_ACS },
		{ .name = "0000:02:00.0",
		  .parent = "0000:00:02.0",
		  .group = 4,
		  .type = ENDPOINT,
		  .vendor = 0x10b5,
		  .device = 0x87b0 },
		{ .name = "0000:02:05.0", .parent = "0000:00:02.0", .group = 4, .type = ENDPOINT },
		/* the same ids on another bus mean nothing to each other */
		{ .name = "0000:03:00.0", .group = 5, .type = ENDPOINT },
	};
	struct machine m;

	(void)state;
	MACHINE(&m, functions);
	expect(&m, "0000:01:00.1", ISOLATION_DMA_ALIAS, "0000:01:00.0", "0000:01:00.0 0000:01:00.1",
	       ISOLATION_AGREES);
	expect(&m, "0000:01:00.0", ISOLATION_DMA_ALIAS, "0000:01:00.0", "0000:01:00.0 0000:01:00.1",
	       ISOLATION_AGREES);
	expect(&m, "0000:02:05.0", ISOLATION_DMA_ALIAS, "0000:02:00.0", "0000:02:00.0 0000:02:05.0",
	       ISOLATION_AGREES);
	expect(&m, "0000:03:00.0", ISOLATION_ALONE, "", "0000:03:00.0", ISOLATION_AGREES);
	machine_free(&m);
}

/* AMD's firmware can name an alias that no kernel knows of. */
static void an_id_that_firmware_says_is_borrowed(void **state)
{
	static const struct function functions[] = {
		{ .name = "0000:02:11.0", .group = 1, .type = CONVENTIONAL },
		{ .name = "0000:02:12.0", .group = 1, .type = CONVENTIONAL },
		{ .name = "0000:02:13.0", .group = 2, .type = CONVENTIONAL },
	};
	uint8_t ivrs[48 + 24 + 8] = { 'I', 'V', 'R', 'S', sizeof(ivrs) };
	uint8_t *ivhd = ivrs + 48, *entry = ivhd + 24;
	struct machine m;

	(void)state;
	ivrs[8] = 1;
	ivhd[0] = IVRS_IVHD_10H;
	ivhd[2] = 24 + 8;
	entry[0] = IVHD_ALIAS_SELECT;
	entry[1] = 0x11 << 3;
	entry[2] = 0x02;
	entry[5] = 0x12 << 3;
	entry[6] = 0x02;
	machine_build(&m, functions, ARRAY_SIZE(functions));
	fake_bytes(&m.k->tree, "sys/firmware/acpi/tables/IVRS", ivrs, sizeof(ivrs));
	machine_read(&m);
	expect(&m, "0000:02:12.0", ISOLATION_DMA_ALIAS, "0000:02:11.0", "0000:02:11.0 0000:02:12.0",
	       ISOLATION_AGREES);
	expect(&m, "0000:02:13.0", ISOLATION_ALONE, "", "0000:02:13.0", ISOLATION_AGREES);
	machine_free(&m);
}

static void virtual_functions(void **state)
{
	static const struct function functions[] = {
		{ .name = "0000:00:01.0", .group = 1, .type = ROOT, .acs_supported = GOOD_ACS },
		{ .name = "0000:01:00.0",
		  .parent = "0000:00:01.0",
		  .group = 2,
		  .type = ENDPOINT,
		  .multifunction = 1 },
		{ .name = "0000:01:00.1",
		  .parent = "0000:00:01.0",
		  .group = 3,
		  .type = ENDPOINT,
		  .multifunction = 1 },
	};
	struct machine m;
	char path[FAKE_PATH_MAX];

	(void)state;
	machine_build(&m, functions, ARRAY_SIZE(functions));
	snprintf(path, sizeof(path), "%s/physfn", fake_directory_of(m.k, "0000:01:00.1"));
	fake_link(&m.k->tree, path, "../0000:01:00.0");
	machine_read(&m);
	expect(&m, "0000:01:00.1", ISOLATION_ALONE, "", "0000:01:00.1", ISOLATION_AGREES);
	expect_step(&m, 0, ISOLATION_SINGLE_FUNCTION, "virtual function");
	machine_free(&m);
}

/* All that is behind a VMD controller does DMA in its name. */
static void behind_vmd(void **state)
{
	static const struct function functions[] = {
		{ .name = "0000:00:0e.0",
		  .group = 5,
		  .type = INTEGRATED,
		  .vendor = INTEL,
		  .device = 0x9a0b },
		{ .name = "0000:00:0f.0", .group = 6, .type = INTEGRATED, .vendor = INTEL },
	};
	static const char *const behind[] = { "10000:e0:06.0", "10000:e0:06.0/10000:e1:00.0" };
	static const char uevent[] = "PCI_CLASS=10802\nPCI_ID=8086:9A09\nPCI_SUBSYS_ID=8086:0000\n";
	char directory[FAKE_PATH_MAX], path[FAKE_PATH_MAX * 2];
	struct machine m;

	(void)state;
	machine_build(&m, functions, ARRAY_SIZE(functions));
	for (size_t i = 0; i < ARRAY_SIZE(behind); i++) {
		snprintf(directory, sizeof(directory), "%s/pci10000:e0/%s",
			 fake_directory_of(m.k, "0000:00:0e.0"), behind[i]);
		snprintf(path, sizeof(path), "%s/uevent", directory);
		fake_file(&m.k->tree, path, uevent);
		snprintf(path, sizeof(path), "%s/iommu_group", directory);
		fake_link(&m.k->tree, path, "../../../../kernel/iommu_groups/5");
		snprintf(path, sizeof(path), "../../../../%s", directory);
		snprintf(directory, sizeof(directory), "sys/bus/pci/devices/%s",
			 strrchr(behind[i], '/') ? strrchr(behind[i], '/') + 1 : behind[i]);
		fake_link(&m.k->tree, directory, path);
	}
	machine_read(&m);
	expect(&m, "10000:e1:00.0", ISOLATION_DMA_ALIAS, "0000:00:0e.0",
	       "0000:00:0e.0 10000:e0:06.0 10000:e1:00.0", ISOLATION_AGREES);
	expect(&m, "0000:00:0e.0", ISOLATION_DMA_ALIAS, "0000:00:0e.0",
	       "0000:00:0e.0 10000:e0:06.0 10000:e1:00.0", ISOLATION_AGREES);
	expect(&m, "0000:00:0f.0", ISOLATION_ALONE, "", "0000:00:0f.0", ISOLATION_AGREES);
	machine_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_known_to_isolate),
		cmocka_unit_test(a_chipset_that_could_not_be_set_up),
		cmocka_unit_test(ports_with_a_wide_control_register),
		cmocka_unit_test(functions_known_to_keep_to_themselves),
		cmocka_unit_test(a_southbridge),
		cmocka_unit_test(behind_a_southbridge),
		cmocka_unit_test(source_validation_that_is_broken),
		cmocka_unit_test(borrowed_requester_ids),
		cmocka_unit_test(an_id_that_firmware_says_is_borrowed),
		cmocka_unit_test(virtual_functions),
		cmocka_unit_test(behind_vmd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
