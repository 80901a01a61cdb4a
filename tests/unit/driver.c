// SPDX-License-Identifier: MIT
// Which driver of VFIO takes a device: the one that the kernel's aliases name most closely, the one
// that was asked for, and vfio-pci when the module of a variant is not to be had.

#include "tests/unit/uses.h"

#include "handover/internal.h"

#define ALIASES "usr/lib/modules/6.12.0/modules.alias"

static void put_aliases(struct uses *u)
{
	fake_file(&u->k->tree, "proc/sys/kernel/osrelease", "6.12.0\n");
	fake_file(&u->k->tree, ALIASES,
		  "alias pci:v00008086d000015B8sv*sd*bc*sc*i* e1000e\n"
		  "alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\n"
		  "alias vfio_pci:v00008086d*sv*sd*bc02sc*i* intel_vfio_pci\n"
		  "alias vfio_pci:v00008086d000015B8sv*sd*bc*sc*i* e1000e_vfio_pci\n"
		  "alias vfio_pci:v0000144Dd0000A804sv*sd*bc*sc*i* nvme_vfio_pci\n");
}

static struct handover handover;
static struct err e;

static int choose(struct uses *u, const char *device, const char *named)
{
	(void)uses_of(u, device);
	e = (struct err){ 0 };
	assert_int_equal(handover_select(&u->host, &device, 1, &handover, &e), 0);
	return handover_choose_drivers(&u->host, &handover, named, &e);
}

static void test_best(void **state)
{
	struct uses *u = *state;

	assert_int_equal(choose(u, NIC, NULL), 0); /* no list of aliases */
	assert_string_equal(handover.functions[0].driver_wanted, "vfio-pci");
	put_aliases(u);
	assert_int_equal(choose(u, NIC, NULL), 0);
	assert_string_equal(handover.functions[0].driver_wanted, "e1000e_vfio_pci");
	assert_non_null(strstr(handover.functions[0].driver_why, "v00008086d000015B8"));
	assert_int_equal(choose(u, GPU, NULL), 0);
	assert_string_equal(handover.functions[0].driver_wanted, "vfio-pci");
	assert_null(handover.functions[0].driver_why);
}

static void test_named(void **state)
{
	struct uses *u = *state;

	put_aliases(u);
	assert_int_equal(choose(u, NIC, "vfio-pci"), 0);
	assert_string_equal(handover.functions[0].driver_wanted, "vfio-pci");
	assert_int_equal(choose(u, NIC, "vfio_pci"), 0);
	assert_string_equal(handover.functions[0].driver_wanted, "vfio-pci");
	assert_int_equal(choose(u, NIC, "intel_vfio_pci"), 0);
	assert_string_equal(handover.functions[0].driver_wanted, "intel_vfio_pci");
	assert_int_equal(choose(u, NIC, "nvme_vfio_pci"), -EPERM);
	assert_int_equal(e.kind, ERR_REFUSED);
	assert_non_null(strstr(e.text, "nvme_vfio_pci is not made for " NIC));
	assert_int_equal(choose(u, NIC, "e1000e"), -EPERM);
	assert_non_null(strstr(e.text, "e1000e is no driver of VFIO"));
}

/* The variant is there: it takes the device, and its name is that of the driver, not of the module.
 */
static void test_variant(void **state)
{
	struct uses *u = *state;

	put_aliases(u);
	fake_driver(u->k, "e1000e-vfio-pci", 0);
	assert_int_equal(choose(u, NIC, NULL), 0);
	assert_int_equal(handover_bind(&u->host, &handover, &e), 0);
	assert_string_equal(fake_driver_of(u->k, NIC), "e1000e-vfio-pci");
	assert_string_equal(fake_override_of(u->k, NIC), "e1000e-vfio-pci");
	(void)choose(u, NIC, NULL);
	assert_int_equal(handover_release(&u->host, &handover, &e), 0);
	assert_string_equal(fake_driver_of(u->k, NIC), "e1000e");
}

/* It is not: vfio-pci does what a guest needs at least, and the answer says why. */
static void test_variant_missing(void **state)
{
	struct uses *u = *state;

	put_aliases(u);
	assert_int_equal(choose(u, NIC, NULL), 0);
	assert_int_equal(handover_bind(&u->host, &handover, &e), 0);
	assert_string_equal(fake_driver_of(u->k, NIC), "vfio-pci");
	assert_non_null(strstr(handover.functions[0].driver_why,
			       "instead of e1000e_vfio_pci: the driver e1000e_vfio_pci is not"));
}

/* What was asked for by name is that or an error. */
static void test_named_missing(void **state)
{
	struct uses *u = *state;

	put_aliases(u);
	assert_int_equal(choose(u, NIC, "e1000e_vfio_pci"), 0);
	assert_int_equal(handover_bind(&u->host, &handover, &e), -ENOENT);
	assert_string_equal(fake_driver_of(u->k, NIC), "e1000e");
	assert_string_equal(fake_override_of(u->k, NIC), "(null)");
}

/* It is there and does not take the device: that says something about the device. */
static void test_variant_refuses(void **state)
{
	struct uses *u = *state;

	put_aliases(u);
	fake_driver(u->k, "e1000e_vfio_pci", 0)->refuses = true;
	assert_int_equal(choose(u, NIC, NULL), 0);
	assert_int_equal(handover_bind(&u->host, &handover, &e), -EIO);
	assert_non_null(strstr(e.text, "did not give " NIC " to e1000e_vfio_pci"));
	assert_string_equal(fake_driver_of(u->k, NIC), "e1000e");
	assert_int_equal(choose(u, NIC, "vfio-pci"), 0);
	assert_int_equal(handover_bind(&u->host, &handover, &e), 0);
	assert_string_equal(fake_driver_of(u->k, NIC), "vfio-pci");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		USES_TEST(best),          USES_TEST(named),
		USES_TEST(variant),       USES_TEST(variant_missing),
		USES_TEST(named_missing), USES_TEST(variant_refuses),
	};

	return cmocka_run_group_tests_name("driver", tests, NULL, NULL);
}
