// SPDX-License-Identifier: MIT
// What a guest sees of a configuration space beside what the device has: what VFIO is known to
// change, and what it is not.

#include "tests/unit/config_space.h"

#include "probe/probe.h"

struct views {
	struct arena a;
	struct space device, again, guest;
	uint16_t power, express, extended;
	struct probe_difference *d;
	size_t n;
};

static int start(void **state)
{
	static struct views v;

	v = (struct views){ 0 };
	space_start(&v.device, 0x10de, 0x1c82, 0x030000, PCI_HEADER_TYPE_NORMAL);
	v.power = space_add(&v.device, PCI_CAP_ID_PM, PCI_PM_SIZEOF);
	v.express = space_add(&v.device, PCI_CAP_ID_EXP, PCI_CAP_EXP_ENDPOINT_SIZEOF_V2);
	v.extended = space_extend(&v.device, PCI_EXT_CAP_ID_SRIOV, 0x40);
	v.again = v.guest = v.device;
	*state = &v;
	return 0;
}

static int stop(void **state)
{
	struct views *v = *state;

	arena_free(&v->a);
	return 0;
}

static struct bytes bytes_of(const struct space *s)
{
	return (struct bytes){ (const char *)s->bytes, s->n };
}

static void compare(struct views *v)
{
	probe_compare_config(&v->a, bytes_of(&v->device), bytes_of(&v->again), bytes_of(&v->guest),
			     &v->d, &v->n);
}

static void test_same(void **state)
{
	struct views *v = *state;

	compare(v);
	assert_int_equal(v->n, 0);
}

static void test_expected(void **state)
{
	struct views *v = *state;

	space_long(&v->device, PCI_BASE_ADDRESS_1, 0xfe000000);
	space_word(&v->device, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE);
	v->device.bytes[PCI_INTERRUPT_LINE] = 11;
	space_word(&v->device, v->power + PCI_PM_PMC, PCI_PM_CAP_PME_D3hot);
	v->device.bytes[v->express + 1] = 0x80; /* a capability that is taken out of the list */
	space_word(&v->device, v->express + PCI_EXP_DEVCTL, 0x2000);
	v->device.bytes[v->extended + 2] ^= 0x70; /* and an extended one */
	v->again = v->device;
	compare(v);
	assert_int_equal(v->n, 7);
	for (size_t i = 0; i < v->n; i++) {
		if (!v->d[i].expected)
			fail_msg("0x%x (%s) is no surprise", v->d[i].offset, v->d[i].name);
	}
	assert_int_equal(v->d[0].offset, PCI_COMMAND + 1);
	assert_int_equal(v->d[1].offset, PCI_BASE_ADDRESS_1 + 3);
	assert_int_equal(v->d[1].bytes, 1);
	assert_int_equal(v->d[1].device, 0xfe);
	assert_int_equal(v->d[1].guest, 0);
	assert_string_equal(v->d[1].name, "BAR 1");
	assert_string_equal(v->d[2].name, "interrupt line and pin");
}

static void test_surprise(void **state)
{
	struct views *v = *state;

	space_word(&v->guest, PCI_COMMAND, PCI_COMMAND_MASTER);
	v->guest.bytes[PCI_REVISION_ID] = 1;
	space_word(&v->guest, v->power + PCI_PM_CTRL, 3);
	space_long(&v->guest, 0x800, 0x12345678);
	compare(v);
	assert_int_equal(v->n, 4);
	for (size_t i = 0; i < v->n; i++)
		assert_false(v->d[i].expected);
	assert_int_equal(v->d[3].bytes, 4);
	assert_int_equal(v->d[3].guest, 0x12345678);
	assert_string_equal(v->d[3].name, "offset 0x800");
}

/* What changes by itself between two looks is no difference. */
static void test_moving(void **state)
{
	struct views *v = *state;

	space_long(&v->device, 0x800, 1);
	space_long(&v->guest, 0x800, 2);
	space_long(&v->again, 0x800, 3);
	compare(v);
	assert_int_equal(v->n, 1); /* bit 0 held still */
	space_long(&v->again, 0x800, 2);
	compare(v);
	assert_int_equal(v->n, 0);
}

/* Only as far as both go: an ordinary user reads 64 bytes of sysfs. */
static void test_short(void **state)
{
	struct views *v = *state;

	space_long(&v->guest, 0x800, 2);
	v->device.n = v->again.n = 64;
	compare(v);
	assert_int_equal(v->n, 0);
	v->device.n = 0;
	compare(v);
	assert_int_equal(v->n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_same, start, stop),
		cmocka_unit_test_setup_teardown(test_expected, start, stop),
		cmocka_unit_test_setup_teardown(test_surprise, start, stop),
		cmocka_unit_test_setup_teardown(test_moving, start, stop),
		cmocka_unit_test_setup_teardown(test_short, start, stop),
	};

	return cmocka_run_group_tests_name("probe_config", tests, NULL, NULL);
}
