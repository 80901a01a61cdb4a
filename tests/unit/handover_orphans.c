// SPDX-License-Identifier: MIT
// Overrides that nobody owns: which are found, whose are left alone, and that a release clears the
// others and nothing else.

#include "tests/unit/machine.h"

#include <errno.h>

#define NVME "0000:00:1d.0"
#define NIC "0000:00:1e.0"

static const struct fake_function host_functions[] = {
	MACHINE_PORT("01", 1),
	MACHINE_PORT("02", 2),
	MACHINE_CARD("01", 3, "nvidia"), /* of somebody, and in order: the driver exists */
	MACHINE_CARD("02", 4, NULL),
	{ NVME, 0x144d, 0xa804, 0x010802, 5, NULL, NULL, "vfio-pci" },
	{ NIC, 0x8086, 0xa2e7, 0x020000, 6, "e1000e", NULL, "no-driver" },
	{ "0000:00:1f.0", 0x144d, 0xa804, 0x010802, 7, "nvme", NULL, NULL },
};

static struct handover_orphan *orphans;
static size_t n_orphans;

static void start_here(struct machine *m)
{
	machine_start(m, host_functions, ARRAY_SIZE(host_functions));
}

static void find(struct machine *m)
{
	assert_int_equal(machine_read(m), 0);
	assert_int_equal(handover_orphans(&m->host, 20, &orphans, &n_orphans, &m->e), 0);
	assert_int_equal(m->k->changes, 0);
}

static const struct handover_orphan *orphan_of(const char *name)
{
	for (size_t i = 0; i < n_orphans; i++) {
		if (strcmp(orphans[i].function->name, name) == 0)
			return &orphans[i];
	}
	return NULL;
}

static void test_found(void **state)
{
	struct machine m;

	(void)state;
	start_here(&m);
	find(&m);
	assert_int_equal(n_orphans, 2);
	assert_string_equal(orphan_of(NVME)->override, "vfio-pci");
	assert_false(orphan_of(NVME)->no_such_driver);
	assert_null(orphan_of(NVME)->owner);
	assert_string_equal(orphan_of(NIC)->override, "no-driver");
	assert_true(orphan_of(NIC)->no_such_driver);
	machine_stop(&m);
}

/* Ours, and a guest's, are no orphans. */
static void test_owned(void **state)
{
	struct machine m;

	(void)state;
	start_here(&m);
	assert_int_equal(machine_bind(&m, "02:00.0"), 0);
	find(&m);
	assert_null(orphan_of(TWIN));
	fake_open(m.k, "812", "qemu", "/dev/vfio/5");
	find(&m);
	assert_null(orphan_of(NVME));
	assert_non_null(orphan_of(NIC));
	machine_stop(&m);
}

static void test_owner(void **state)
{
	struct machine m;

	(void)state;
	start_here(&m);
	fake_file(&m.k->tree, "etc/driverctl.d/pci-" NVME, "vfio-pci\n");
	fake_file(&m.k->tree, "etc/udev/rules.d/10-other.rules", "KERNEL==\"" NIC "\"\n");
	find(&m);
	assert_string_equal(orphan_of(NVME)->owner, "driverctl");
	assert_string_equal(orphan_of(NVME)->evidence, "etc/driverctl.d/pci-" NVME);
	assert_null(orphan_of(NIC)->owner);
	fake_file(&m.k->tree, "etc/udev/rules.d/20-vfio.rules",
		  "KERNEL==\"" NIC "\", ATTR{driver_override}=\"no-driver\"\n");
	find(&m);
	assert_string_equal(orphan_of(NIC)->evidence, "etc/udev/rules.d/20-vfio.rules");
	/* what cannot be read is not nobody's */
	fake_error(&m.k->tree, "etc/driverctl.d/pci-" NVME, -EACCES);
	find(&m);
	assert_string_equal(orphan_of(NVME)->owner, "driverctl");
	machine_stop(&m);
}

static void test_cleared(void **state)
{
	struct handover_function functions[2] = { 0 };
	struct machine m;

	(void)state;
	start_here(&m);
	fake_driver(m.k, "nvme", 0x144da804);
	find(&m);
	for (size_t i = 0; i < 2; i++) {
		functions[i].function = orphans[i].function;
		functions[i].orphan = true;
	}
	m.handover = (struct handover){ .functions = functions, .n = 2 };
	assert_int_equal(handover_release(&m.host, &m.handover, &m.e), 0);
	assert_string_equal(fake_override_of(m.k, NVME), "(null)");
	assert_string_equal(fake_driver_of(m.k, NVME), "nvme");
	assert_string_equal(fake_override_of(m.k, NIC), "(null)");
	assert_string_equal(fake_driver_of(m.k, NIC), "e1000e");
	assert_string_equal(fake_override_of(m.k, GPU), "nvidia");
	find(&m);
	assert_int_equal(n_orphans, 0);
	machine_stop(&m);
}

/* A release that was not asked to clear it leaves the override of somebody else. */
static void test_not_cleared_by_release(void **state)
{
	struct machine m;

	(void)state;
	start_here(&m);
	assert_int_equal(machine_release(&m, NIC), 0);
	assert_int_equal(m.handover.functions[0].state, HANDOVER_UNTOUCHED);
	assert_as_before(&m);
	machine_stop(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_owned),
		cmocka_unit_test(test_owner),
		cmocka_unit_test(test_cleared),
		cmocka_unit_test(test_not_cleared_by_release),
	};

	return cmocka_run_group_tests_name("handover_orphans", tests, NULL, NULL);
}
