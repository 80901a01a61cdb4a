// SPDX-License-Identifier: MIT
// Drivers that do not do as a handover expects them to, and records that do not tell what was
// there.

#include "tests/unit/machine.h"

#include <errno.h>

static const struct fake_function card[] = {
	MACHINE_PORT("01", 1),
	MACHINE_CARD("01", 2, NULL),
};

static void refuse_bind(bool before_probe)
{
	struct machine m;

	machine_start(&m, card, ARRAY_SIZE(card));
	if (before_probe)
		fake_driver(m.k, "vfio-pci", 0)->unready = true;
	else
		fake_driver(m.k, "vfio-pci", 0)->refuses = true;
	assert_int_equal(machine_bind(&m, "01:00.0"), -EIO);
	assert_says(&m, "the kernel did not give " GPU " to vfio-pci (its driver now: none)");
	assert_says(&m, "nothing was changed");
	assert_int_equal(m.handover.functions[0].state, HANDOVER_RESTORED);
	assert_as_before(&m);
	machine_stop(&m);
}

static void test_vfio_pci_refuses(void **state)
{
	(void)state;
	refuse_bind(false);
	refuse_bind(true);
}

/* Two drivers want it, and the kernel would choose the other one: it goes back to its own. */
static void test_comes_back_to_another(void **state)
{
	static const struct fake_function functions[] = {
		{ "0000:00:02.0", 0x10de, 0x0040, 0x030000, 1, "nouveau", NULL, NULL },
		MACHINE_PORT("01", 2),
		MACHINE_CARD("01", 3, NULL),
	};
	struct machine m;

	(void)state;
	machine_start(&m, functions, ARRAY_SIZE(functions));
	fake_driver(m.k, "nouveau", 0x10de1c82);
	fake_driver(m.k, "vfio-pci", 0)->refuses = true;
	assert_int_equal(machine_bind(&m, "01:00.0"), -EIO);
	assert_says(&m, "nothing was changed");
	assert_int_equal(m.handover.functions[0].state, HANDOVER_RESTORED);
	assert_as_before(&m);

	fake_driver(m.k, "vfio-pci", 0)->refuses = false;
	assert_int_equal(machine_bind(&m, "01:00.0"), 0);
	assert_int_equal(machine_release(&m, "01:00.0"), 0);
	assert_string_equal(m.handover.functions[0].driver_after, "nvidia");
	assert_string_equal(m.handover.functions[0].driver_host, "nvidia");
	assert_as_before(&m);

	/* the one that had it does not want it any more: the other one, and that is said */
	fake_driver(m.k, "vfio-pci", 0)->refuses = true;
	fake_driver(m.k, "nvidia", 0)->refuses = true;
	assert_int_equal(machine_bind(&m, "01:00.0"), -EIO);
	assert_says(&m, GPU " could not be put back (driver before: nvidia, now: nouveau)");
	assert_int_equal(m.handover.functions[0].state, HANDOVER_STUCK);
	assert_string_equal(m.handover.functions[0].driver_after, "nouveau");
	assert_string_equal(fake_override_of(m.k, GPU), "(null)");
	assert_string_equal(fake_override_of(m.k, AUDIO), "(null)");
	assert_string_equal(fake_driver_of(m.k, AUDIO), "snd_hda_intel");

	/* a release leaves what a driver of the host has */
	fake_driver(m.k, "vfio-pci", 0)->refuses = false;
	assert_int_equal(machine_release(&m, "01:00.0"), 0);
	assert_false(machine_has_record(&m, GPU));
	assert_int_equal(machine_bind(&m, "01:00.0"), 0);
	assert_int_equal(machine_release(&m, "01:00.0"), 0);
	assert_string_equal(m.handover.functions[0].driver_after, "nouveau");
	machine_stop(&m);
}

/* Nobody takes it back: said, and remembered until somebody does. */
static void test_native_driver_refuses(void **state)
{
	struct machine m;

	(void)state;
	machine_start(&m, card, ARRAY_SIZE(card));
	assert_int_equal(machine_bind(&m, "01:00.0"), 0);
	fake_driver(m.k, "nvidia", 0)->refuses = true;
	for (int i = 0; i < 2; i++) {
		assert_true(machine_release(&m, "01:00.0") < 0);
		assert_says(&m, "no driver took " GPU " back (before: nvidia)");
		assert_int_equal(m.handover.functions[0].state, HANDOVER_STUCK);
		assert_string_equal(fake_driver_of(m.k, GPU), "");
		assert_string_equal(fake_override_of(m.k, GPU), "(null)");
		assert_string_equal(fake_driver_of(m.k, AUDIO), "snd_hda_intel");
	}
	fake_driver(m.k, "nvidia", 0)->refuses = false;
	assert_int_equal(machine_release(&m, "01:00.0"), 0);
	assert_as_before(&m);
	machine_stop(&m);
}

/* vfio-pci with ids= on the kernel command line takes it without any override. */
static void test_vfio_pci_takes_again(void **state)
{
	struct machine m;

	(void)state;
	machine_start(&m, card, ARRAY_SIZE(card));
	fake_driver(m.k, "vfio-pci", 0x10de1c82);
	assert_int_equal(machine_bind(&m, "01:00.0"), 0);
	fake_driver(m.k, "nvidia", 0)->refuses = true;
	assert_int_equal(machine_release(&m, "01:00.0"), -EBUSY);
	assert_says(&m, "vfio-pci took " GPU " again");
	assert_int_equal(m.handover.functions[0].state, HANDOVER_STUCK);
	assert_string_equal(fake_driver_of(m.k, AUDIO), "snd_hda_intel");
	machine_stop(&m);
}

/* ---- records that are not what was there before ---- */

static void set_power(struct machine *m, const char *text)
{
	char path[FAKE_PATH_MAX], line[16];

	snprintf(path, sizeof(path), "%s/power/control", fake_directory_of(m->k, GPU));
	snprintf(line, sizeof(line), "%s\n", text);
	fake_file(&m->k->tree, path, line);
}

/* A record of an earlier handover that was left behind does not count for what is now. */
static void test_stale_record(void **state)
{
	struct machine m;

	(void)state;
	machine_start(&m, card, ARRAY_SIZE(card));
	fake_directory(&m.k->tree, "run/passthru");
	fake_file(&m.k->tree, "run/passthru/" GPU,
		  "{\"version\":1,\"driver\":\"nouveau\",\"driver_override\":\"nouveau\"}");
	assert_int_equal(machine_bind(&m, "01:00.0"), 0);
	assert_string_equal(m.handover.functions[0].driver_before, "nvidia");
	assert_null(m.handover.functions[0].override_before);
	assert_int_equal(machine_release(&m, "01:00.0"), 0);
	assert_as_before(&m);
	machine_stop(&m);
}

static void test_damaged_record(void **state)
{
	static const char *const damaged[] = {
		"",
		"{",
		"[]",
		"null",
		"{\"version\":3,\"driver\":\"x\"}",
		"{\"version\":2,\"driver\":\"../x\",\"units\":7,\"settings\":[\"y\"],\"owner\":1}",
		"{\"version\":2,\"settings\":{\"remove\":\"1\",\"../x\":\"1\"},\"units\":[1,{}]}",
		"\x80\x81",
		"{\"version\":1}",
		"{\"version\":1,\"driver\":7,\"driver_override\":{}}",
	};
	struct machine m;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(damaged); i++) {
		machine_start(&m, card, ARRAY_SIZE(card));
		assert_int_equal(machine_bind(&m, "01:00.0"), 0);
		fake_file(&m.k->tree, "run/passthru/" GPU, damaged[i]);
		assert_int_equal(machine_release(&m, "01:00.0"), 0);
		/* how it was set nobody knows any more */
		set_power(&m, "auto");
		assert_as_before(&m);
		machine_stop(&m);
	}
}

/* What the first version of the program recorded. */
static void test_version_1(void **state)
{
	struct machine m;

	(void)state;
	machine_start(&m, card, ARRAY_SIZE(card));
	fake_driver(m.k, "nouveau", 0x10de1c82);
	assert_int_equal(machine_bind(&m, "01:00.0"), 0);
	fake_file(&m.k->tree, "run/passthru/" GPU,
		  "{\"version\":1,\"driver\":\"nouveau\",\"driver_override\":\"nouveau\"}");
	assert_int_equal(machine_release(&m, "01:00.0"), 0);
	assert_string_equal(fake_driver_of(m.k, GPU), "nouveau");
	assert_string_equal(fake_override_of(m.k, GPU), "nouveau");
	assert_string_equal(fake_driver_of(m.k, AUDIO), "snd_hda_intel");
	assert_false(machine_has_record(&m, GPU));
	machine_stop(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vfio_pci_refuses),
		cmocka_unit_test(test_comes_back_to_another),
		cmocka_unit_test(test_native_driver_refuses),
		cmocka_unit_test(test_vfio_pci_takes_again),
		cmocka_unit_test(test_stale_record),
		cmocka_unit_test(test_damaged_record),
		cmocka_unit_test(test_version_1),
	};

	return cmocka_run_group_tests_name("handover_drivers", tests, NULL, NULL);
}
