// SPDX-License-Identifier: MIT
// Why a group is what it is: paths with and without ACS, bridges, devices with several functions,
// and what is said when not everything could be read. That real kernels form these groups is shown
// by tests/config with groups that they made.

#include "tests/unit/isolation_host.h"

#define ENDPOINT PCI_EXP_TYPE_ENDPOINT
#define ROOT PCI_EXP_TYPE_ROOT_PORT
#define UP PCI_EXP_TYPE_UPSTREAM
#define DOWN PCI_EXP_TYPE_DOWNSTREAM

static void a_card_behind_a_port_with_acs(void **state)
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
		  .group = 2,
		  .type = ENDPOINT,
		  .multifunction = 1 },
		{ .name = "0000:00:02.0", .group = 3, .type = ROOT, .acs_supported = GOOD_ACS },
		{ .name = "0000:02:00.0", .parent = "0000:00:02.0", .group = 4, .type = ENDPOINT },
	};
	struct machine m;

	(void)state;
	MACHINE(&m, functions);
	expect(&m, "0000:01:00.1", ISOLATION_FUNCTIONS, "0000:01:00.0", "0000:01:00.0 0000:01:00.1",
	       ISOLATION_AGREES);
	assert_true(m.found.certain);
	assert_int_equal(m.found.n_steps, 2);
	expect_step(&m, 0, ISOLATION_FUNCTIONS_NO_ACS,
		    "endpoint with several functions, without ACS");
	expect_step(&m, 1, ISOLATION_ACS_ON, "ACS on: SV RR CR UF");
	expect(&m, "0000:02:00.0", ISOLATION_ALONE, "", "0000:02:00.0", ISOLATION_AGREES);
	expect_step(&m, 0, ISOLATION_SINGLE_FUNCTION, "endpoint with a single function");
	expect(&m, "0000:00:01.0", ISOLATION_ALONE, "", "0000:00:01.0", ISOLATION_AGREES);
	machine_free(&m);
}

static void a_port_without_acs(void **state)
{
	static const struct function functions[] = {
		{ .name = "0000:00:01.0", .group = 1, .type = ROOT },
		{ .name = "0000:01:00.0", .parent = "0000:00:01.0", .group = 1, .type = ENDPOINT },
		{ .name = "0000:00:02.0",
		  .group = 2,
		  .type = ROOT,
		  .acs_supported = GOOD_ACS,
		  .acs_enabled = PCI_ACS_SV | PCI_ACS_UF },
		{ .name = "0000:02:00.0", .parent = "0000:00:02.0", .group = 2, .type = ENDPOINT },
		/* what a port does not offer it need not switch on */
		{ .name = "0000:00:03.0", .group = 3, .type = ROOT, .acs_supported = PCI_ACS_SV },
		{ .name = "0000:03:00.0", .parent = "0000:00:03.0", .group = 4, .type = ENDPOINT },
	};
	struct machine m;

	(void)state;
	MACHINE(&m, functions);
	expect(&m, "0000:01:00.0", ISOLATION_PATH, "0000:00:01.0", "0000:00:01.0 0000:01:00.0",
	       ISOLATION_AGREES);
	expect_step(&m, 1, ISOLATION_NO_ACS, "root port without ACS");
	expect(&m, "0000:00:01.0", ISOLATION_PATH, "0000:00:01.0", "0000:00:01.0 0000:01:00.0",
	       ISOLATION_AGREES);
	expect(&m, "0000:02:00.0", ISOLATION_PATH, "0000:00:02.0", "0000:00:02.0 0000:02:00.0",
	       ISOLATION_AGREES);
	expect_step(&m, 1, ISOLATION_ACS_OFF, "ACS off: RR CR");
	assert_int_equal(m.found.steps[1].acs_missing, PCI_ACS_RR | PCI_ACS_CR);
	expect(&m, "0000:03:00.0", ISOLATION_ALONE, "", "0000:03:00.0", ISOLATION_AGREES);
	machine_free(&m);
}

static void a_switch(void **state)
{
	static const struct function functions[] = {
		{ .name = "0000:00:01.0", .group = 1, .type = ROOT, .acs_supported = GOOD_ACS },
		{ .name = "0000:01:00.0", .parent = "0000:00:01.0", .group = 2, .type = UP },
		{ .name = "0000:02:00.0",
		  .parent = "0000:01:00.0",
		  .group = 3,
		  .type = DOWN,
		  .acs_supported = GOOD_ACS },
		{ .name = "0000:02:01.0", .parent = "0000:01:00.0", .group = 4, .type = DOWN },
		{ .name = "0000:03:00.0", .parent = "0000:02:00.0", .group = 5, .type = ENDPOINT },
		{ .name = "0000:04:00.0", .parent = "0000:02:01.0", .group = 4, .type = ENDPOINT },
	};
	struct machine m;

	(void)state;
	MACHINE(&m, functions);
	expect(&m, "0000:03:00.0", ISOLATION_ALONE, "", "0000:03:00.0", ISOLATION_AGREES);
	assert_int_equal(m.found.n_steps, 4);
	expect_step(&m, 2, ISOLATION_SINGLE_FUNCTION, "upstream port with a single function");
	expect(&m, "0000:04:00.0", ISOLATION_PATH, "0000:02:01.0", "0000:02:01.0 0000:04:00.0",
	       ISOLATION_AGREES);
	expect_step(&m, 1, ISOLATION_NO_ACS, "downstream port without ACS");
	machine_free(&m);
}

/* One root port without ACS, and a whole switch with ACS behind it is one group. */
static void a_switch_behind_a_port_without_acs(void **state)
{
	static const struct function functions[] = {
		{ .name = "0000:00:01.0", .group = 1, .type = ROOT },
		{ .name = "0000:01:00.0", .parent = "0000:00:01.0", .group = 1, .type = UP },
		{ .name = "0000:02:00.0",
		  .parent = "0000:01:00.0",
		  .group = 1,
		  .type = DOWN,
		  .acs_supported = GOOD_ACS },
		{ .name = "0000:02:01.0", .parent = "0000:01:00.0", .group = 1, .type = DOWN },
		{ .name = "0000:03:00.0", .parent = "0000:02:00.0", .group = 1, .type = ENDPOINT },
		{ .name = "0000:04:00.0", .parent = "0000:02:01.0", .group = 1, .type = ENDPOINT },
	};
	static const char all[] = "0000:00:01.0 0000:01:00.0 0000:02:00.0 0000:02:01.0 "
				  "0000:03:00.0 0000:04:00.0";
	struct machine m;

	(void)state;
	MACHINE(&m, functions);
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
		expect(&m, functions[i].name, ISOLATION_PATH, "0000:00:01.0", all,
		       ISOLATION_AGREES);
	machine_free(&m);
}

/* An upstream port that is one of several functions is no longer given the benefit of doubt. */
static void an_upstream_port_among_functions(void **state)
{
	static const struct function functions[] = {
		{ .name = "0000:00:01.0", .group = 1, .type = ROOT, .acs_supported = GOOD_ACS },
		{ .name = "0000:01:00.0",
		  .parent = "0000:00:01.0",
		  .group = 2,
		  .type = UP,
		  .multifunction = 1 },
		{ .name = "0000:01:00.1",
		  .parent = "0000:00:01.0",
		  .group = 2,
		  .type = ENDPOINT,
		  .multifunction = 1 },
		{ .name = "0000:02:00.0",
		  .parent = "0000:01:00.0",
		  .group = 2,
		  .type = DOWN,
		  .acs_supported = GOOD_ACS },
	};
	struct machine m;

	(void)state;
	MACHINE(&m, functions);
	expect(&m, "0000:02:00.0", ISOLATION_PATH, "0000:01:00.0",
	       "0000:01:00.0 0000:01:00.1 0000:02:00.0", ISOLATION_AGREES);
	expect(&m, "0000:01:00.1", ISOLATION_FUNCTIONS, "0000:01:00.0",
	       "0000:01:00.0 0000:01:00.1 0000:02:00.0", ISOLATION_AGREES);
	machine_free(&m);
}

/* A port that calls itself the wrong kind is taken for what it must be. */
static void ports_that_are_mistaken(void **state)
{
	static const struct function functions[] = {
		{ .name = "0000:00:01.0", .group = 1, .type = ROOT, .acs_supported = GOOD_ACS },
		{ .name = "0000:01:00.0", .parent = "0000:00:01.0", .group = 2, .type = DOWN },
		{ .name = "0000:02:00.0",
		  .parent = "0000:01:00.0",
		  .group = 3,
		  .type = DOWN,
		  .acs_supported = GOOD_ACS },
		{ .name = "0000:03:00.0", .parent = "0000:02:00.0", .group = 4, .type = DOWN },
		{ .name = "0000:04:00.0", .parent = "0000:03:00.0", .group = 5, .type = UP },
		{ .name = "0000:05:00.0", .parent = "0000:04:00.0", .group = 5, .type = ENDPOINT },
	};
	struct machine m;

	(void)state;
	MACHINE(&m, functions);
	expect(&m, "0000:05:00.0", ISOLATION_PATH, "0000:04:00.0", "0000:04:00.0 0000:05:00.0",
	       ISOLATION_AGREES);
	expect_step(&m, 1, ISOLATION_NO_ACS, "downstream port without ACS");
	expect_step(&m, 2, ISOLATION_SINGLE_FUNCTION, "upstream port with a single function");
	expect_step(&m, 3, ISOLATION_ACS_ON, "ACS on: SV RR CR UF");
	expect_step(&m, 4, ISOLATION_SINGLE_FUNCTION, "upstream port with a single function");
	machine_free(&m);
}

static void bridges_to_conventional_pci(void **state)
{
	static const struct function functions[] = {
		{ .name = "0000:00:01.0", .group = 1, .type = ROOT, .acs_supported = GOOD_ACS },
		{ .name = "0000:01:00.0",
		  .parent = "0000:00:01.0",
		  .group = 2,
		  .type = PCI_EXP_TYPE_PCI_BRIDGE },
		{ .name = "0000:02:01.0",
		  .parent = "0000:01:00.0",
		  .group = 2,
		  .type = CONVENTIONAL },
		{ .name = "0000:02:02.0",
		  .parent = "0000:01:00.0",
		  .group = 2,
		  .type = CONVENTIONAL_BRIDGE },
		{ .name = "0000:03:00.0",
		  .parent = "0000:02:02.0",
		  .group = 2,
		  .type = CONVENTIONAL },
		{ .name = "0000:00:1e.0", .group = 3, .type = CONVENTIONAL_BRIDGE },
		{ .name = "0000:04:00.0",
		  .parent = "0000:00:1e.0",
		  .group = 3,
		  .type = CONVENTIONAL },
		{ .name = "0000:00:1f.0", .group = 4, .type = CONVENTIONAL, .multifunction = 1 },
		{ .name = "0000:00:1f.2", .group = 4, .type = CONVENTIONAL, .multifunction = 1 },
		/* the other way round */
		{ .name = "0000:00:1d.0", .group = 5, .type = PCI_EXP_TYPE_PCIE_BRIDGE },
		{ .name = "0000:05:00.0", .parent = "0000:00:1d.0", .group = 5, .type = ENDPOINT },
	};
	static const char behind[] = "0000:01:00.0 0000:02:01.0 0000:02:02.0 0000:03:00.0";
	struct machine m;

	(void)state;
	MACHINE(&m, functions);
	expect(&m, "0000:03:00.0", ISOLATION_SHARED_ID, "0000:01:00.0", behind, ISOLATION_AGREES);
	expect_step(&m, 0, ISOLATION_CONVENTIONAL, "conventional PCI, which has no ACS");
	expect_step(&m, 2, ISOLATION_BRIDGE,
		    "bridge to conventional PCI: what is behind it shares a requester id");
	expect_step(&m, 3, ISOLATION_ACS_ON, "ACS on: SV RR CR UF");
	expect(&m, "0000:01:00.0", ISOLATION_SHARED_ID, "0000:01:00.0", behind, ISOLATION_AGREES);
	expect(&m, "0000:04:00.0", ISOLATION_SHARED_ID, "0000:00:1e.0", "0000:00:1e.0 0000:04:00.0",
	       ISOLATION_AGREES);
	expect(&m, "0000:00:1f.2", ISOLATION_FUNCTIONS, "0000:00:1f.0", "0000:00:1f.0 0000:00:1f.2",
	       ISOLATION_AGREES);
	expect(&m, "0000:05:00.0", ISOLATION_SHARED_ID, "0000:00:1d.0", "0000:00:1d.0 0000:05:00.0",
	       ISOLATION_AGREES);
	expect_step(&m, 1, ISOLATION_BRIDGE,
		    "bridge to conventional PCI: what is behind it shares a requester id");
	machine_free(&m);
}

/* Functions of one slot that have ACS keep to themselves, and one without is alone too. */
static void functions_of_which_one_lacks_acs(void **state)
{
	static const struct function functions[] = {
		{ .name = "0000:00:1c.0",
		  .group = 1,
		  .type = ROOT,
		  .multifunction = 1,
		  .acs_supported = GOOD_ACS },
		{ .name = "0000:00:1c.4", .group = 2, .type = ROOT, .multifunction = 1 },
		{ .name = "0000:00:1d.0", .group = 3, .type = ROOT, .multifunction = 1 },
		{ .name = "0000:00:1d.1", .group = 3, .type = ROOT, .multifunction = 1 },
		{ .name = "0000:03:00.0", .parent = "0000:00:1d.1", .group = 3, .type = ENDPOINT },
	};
	struct machine m;

	(void)state;
	MACHINE(&m, functions);
	expect(&m, "0000:00:1c.0", ISOLATION_ALONE, "", "0000:00:1c.0", ISOLATION_AGREES);
	expect(&m, "0000:00:1c.4", ISOLATION_ALONE, "", "0000:00:1c.4", ISOLATION_AGREES);
	expect(&m, "0000:00:1d.0", ISOLATION_FUNCTIONS, "0000:00:1d.0",
	       "0000:00:1d.0 0000:00:1d.1 0000:03:00.0", ISOLATION_AGREES);
	expect(&m, "0000:03:00.0", ISOLATION_PATH, "0000:00:1d.1",
	       "0000:00:1d.0 0000:00:1d.1 0000:03:00.0", ISOLATION_AGREES);
	machine_free(&m);
}

static void what_an_ordinary_user_can_say(void **state)
{
	static const struct function functions[] = {
		{ .name = "0000:00:01.0",
		  .group = 1,
		  .type = ROOT,
		  .acs_supported = GOOD_ACS,
		  .n_bytes = PCI_CONFIG_USER_BYTES },
		{ .name = "0000:01:00.0",
		  .parent = "0000:00:01.0",
		  .group = 2,
		  .type = ENDPOINT,
		  .n_bytes = PCI_CONFIG_USER_BYTES },
		{ .name = "0000:00:02.0",
		  .group = 3,
		  .type = ROOT,
		  .acs_supported = GOOD_ACS,
		  .n_bytes = PCI_CONFIG_USER_BYTES },
		/* the ids are readable, and the kernel's table needs no more of this one */
		{ .name = "0000:00:03.0",
		  .group = 4,
		  .type = ENDPOINT,
		  .vendor = 0x8086,
		  .device = 0x1521,
		  .multifunction = 1,
		  .n_bytes = PCI_CONFIG_USER_BYTES },
		{ .name = "0000:00:03.1",
		  .group = 5,
		  .type = ENDPOINT,
		  .vendor = 0x8086,
		  .device = 0x1521,
		  .multifunction = 1,
		  .n_bytes = PCI_CONFIG_USER_BYTES },
	};
	struct machine m;

	(void)state;
	MACHINE(&m, functions);
	expect(&m, "0000:01:00.0", ISOLATION_CAUSE_UNKNOWN, "", "0000:01:00.0",
	       ISOLATION_UNDECIDED);
	assert_false(m.found.certain);
	expect_step(&m, 1, ISOLATION_NOT_READ,
		    "unknown: its configuration space is readable in full by root only");
	/* nothing could join this one, whatever it is */
	expect(&m, "0000:00:02.0", ISOLATION_ALONE, "", "0000:00:02.0", ISOLATION_AGREES);
	expect(&m, "0000:00:03.0", ISOLATION_ALONE, "", "0000:00:03.0", ISOLATION_AGREES);
	expect_step(&m, 0, ISOLATION_QUIRK_YES, "isolates without ACS: Intel I350 network card");
	machine_free(&m);
}

static void what_is_asleep_is_left_alone(void **state)
{
	static const struct function functions[] = {
		{ .name = "0000:00:01.0",
		  .group = 1,
		  .type = ROOT,
		  .acs_supported = GOOD_ACS,
		  .sleep = "suspended\n" },
		{ .name = "0000:01:00.0",
		  .parent = "0000:00:01.0",
		  .group = 1,
		  .type = ENDPOINT,
		  .multifunction = 1,
		  .sleep = "suspended\n" },
		{ .name = "0000:01:00.1",
		  .parent = "0000:00:01.0",
		  .group = 1,
		  .type = ENDPOINT,
		  .multifunction = 1,
		  .sleep = "suspended\n" },
	};
	struct machine m;

	(void)state;
	MACHINE(&m, functions);
	expect(&m, "0000:01:00.0", ISOLATION_CAUSE_UNKNOWN, "", "0000:01:00.0",
	       ISOLATION_UNDECIDED);
	expect_step(&m, 1, ISOLATION_NOT_READ, "unknown: it is asleep, and reading would wake it");
	machine_free(&m);
}

/* pcie_acs_override, or a kernel with other rules. */
static void groups_that_are_not_as_they_should_be(void **state)
{
	static const struct function functions[] = {
		{ .name = "0000:00:01.0", .group = 1, .type = ROOT },
		{ .name = "0000:01:00.0", .parent = "0000:00:01.0", .group = 2, .type = ENDPOINT },
		{ .name = "0000:00:02.0", .group = 3, .type = ROOT, .acs_supported = GOOD_ACS },
		{ .name = "0000:00:03.0", .group = 3, .type = ROOT, .acs_supported = GOOD_ACS },
	};
	struct machine m;

	(void)state;
	MACHINE(&m, functions);
	expect(&m, "0000:01:00.0", ISOLATION_PATH, "0000:00:01.0", "0000:00:01.0 0000:01:00.0",
	       ISOLATION_DIFFERS);
	expect(&m, "0000:00:02.0", ISOLATION_ALONE, "", "0000:00:02.0", ISOLATION_DIFFERS);
	machine_free(&m);
}

/* Without an IOMMU, or with one that is off: what the groups would be. */
static void a_host_without_groups(void **state)
{
	static const struct function functions[] = {
		{ .name = "0000:00:01.0", .group = FAKE_NO_GROUP, .type = ROOT },
		{ .name = "0000:01:00.0",
		  .parent = "0000:00:01.0",
		  .group = FAKE_NO_GROUP,
		  .type = ENDPOINT },
	};
	struct machine m;

	(void)state;
	MACHINE(&m, functions);
	expect(&m, "0000:01:00.0", ISOLATION_PATH, "0000:00:01.0", "0000:00:01.0 0000:01:00.0",
	       ISOLATION_NO_GROUP);
	machine_free(&m);
}

/* A function that no IOMMU is in charge of is in nobody's group, whatever it could reach. */
static void a_neighbour_without_a_group(void **state)
{
	static const struct function functions[] = {
		{ .name = "0000:00:1f.0",
		  .group = FAKE_NO_GROUP,
		  .type = CONVENTIONAL,
		  .multifunction = 1 },
		{ .name = "0000:00:1f.2", .group = 1, .type = CONVENTIONAL, .multifunction = 1 },
		{ .name = "0000:00:1f.3", .group = 1, .type = CONVENTIONAL, .multifunction = 1 },
	};
	struct machine m;

	(void)state;
	MACHINE(&m, functions);
	expect(&m, "0000:00:1f.3", ISOLATION_FUNCTIONS, "0000:00:1f.2", "0000:00:1f.2 0000:00:1f.3",
	       ISOLATION_AGREES);
	machine_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_card_behind_a_port_with_acs),
		cmocka_unit_test(a_port_without_acs),
		cmocka_unit_test(a_switch),
		cmocka_unit_test(a_switch_behind_a_port_without_acs),
		cmocka_unit_test(an_upstream_port_among_functions),
		cmocka_unit_test(ports_that_are_mistaken),
		cmocka_unit_test(bridges_to_conventional_pci),
		cmocka_unit_test(functions_of_which_one_lacks_acs),
		cmocka_unit_test(what_an_ordinary_user_can_say),
		cmocka_unit_test(what_is_asleep_is_left_alone),
		cmocka_unit_test(groups_that_are_not_as_they_should_be),
		cmocka_unit_test(a_host_without_groups),
		cmocka_unit_test(a_neighbour_without_a_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
