// SPDX-License-Identifier: MIT
// IOMMU groups: who is in them, what else is, and which drivers VFIO gets along with.

#include "base/text.h"
#include "host/host.h"
#include "tests/fake/kernel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

static const struct fake_function functions[] = {
	{ "0000:00:01.0", 0x8086, 0x1901, 0x060400, 12, "pcieport", NULL, NULL },
	{ "0000:01:00.0", 0x10de, 0x1c82, 0x030000, 12, "nvidia", "0000:00:01.0", NULL },
	{ "0000:00:1f.0", 0x8086, 0xa2d2, 0x0c0330, 2, "xhci_hcd", NULL, NULL },
	{ "0000:00:1f.3", 0x8086, 0xa2d3, 0x040300, 2, NULL, NULL, NULL },
	{ "0000:00:1e.0", 0x8086, 0xa2e7, 0x020000, FAKE_NO_GROUP, "e1000e", NULL, NULL },
};

struct fixture {
	struct fake_kernel *k;
	struct host host;
	struct err e;
};

static int start(void **state)
{
	static struct fixture f;

	f = (struct fixture){ .k = fake_kernel_new(functions, ARRAY_SIZE(functions)) };
	host_init(&f.host, fake_process(f.k));
	*state = &f;
	return host_read_pci(&f.host, &f.e);
}

static int stop(void **state)
{
	struct fixture *f = *state;

	host_done(&f->host);
	fake_kernel_free(f->k);
	return 0;
}

static const struct pci_function *function(struct fixture *f, const char *name)
{
	struct pci_address address;

	assert_true(pci_address_parse(name, &address));
	const struct pci_function *found = host_find(&f->host, address);
	assert_non_null(found);
	return found;
}

static void test_groups(void **state)
{
	struct fixture *f = *state;
	struct iommu_group *groups;
	size_t n;

	host_groups(&f->host, &groups, &n);
	assert_int_equal(n, 2);
	assert_int_equal(groups[0].number, 2);
	assert_string_equal(groups[0].type.value, "DMA-FQ");
	assert_int_equal(groups[0].n_members, 2);
	assert_string_equal(groups[0].members[0]->name, "0000:00:1f.0");
	assert_string_equal(groups[0].members[1]->name, "0000:00:1f.3");
	assert_int_equal(groups[1].number, 12);
	assert_string_equal(groups[1].members[0]->name, "0000:00:01.0");
	assert_string_equal(groups[1].members[1]->name, "0000:01:00.0");
}

static void test_no_groups(void **state)
{
	struct host empty = { 0 };
	struct iommu_group *groups;
	size_t n = 7;

	(void)state;
	host_groups(&empty, &groups, &n);
	assert_int_equal(n, 0);
	arena_free(&empty.arena);
}

static void test_group_of(void **state)
{
	struct fixture *f = *state;
	struct iommu_group group;

	/* what is no function, what is a function but not on this bus, and what is neither */
	fake_link(&f->k->tree, "sys/kernel/iommu_groups/12/devices/ACPI0004:00", "../../x");
	fake_link(&f->k->tree, "sys/kernel/iommu_groups/12/devices/0000:77:00.0", "../../y");
	assert_int_equal(host_group_of(&f->host, function(f, "0000:01:00.0"), &group), 0);
	assert_int_equal(group.number, 12);
	assert_string_equal(group.type.value, "DMA-FQ");
	assert_int_equal(group.n_members, 2);
	assert_int_equal(group.n_others, 2);
	assert_string_equal(group.others[0], "0000:77:00.0");
	assert_string_equal(group.others[1], "ACPI0004:00");

	assert_int_equal(host_group_of(&f->host, function(f, "0000:00:1e.0"), &group), -ENOENT);
}

static void test_unreadable(void **state)
{
	struct fixture *f = *state;
	struct iommu_group group, *groups;
	size_t n;

	fake_error(&f->k->tree, "sys/kernel/iommu_groups/2/type", -EACCES);
	fake_remove(&f->k->tree, "sys/kernel/iommu_groups/12");
	host_groups(&f->host, &groups, &n);
	assert_int_equal(n, 2);
	assert_int_equal(groups[0].type.error, -EACCES);
	assert_int_equal(groups[1].type.error, -ENOENT);
	assert_int_equal(host_group_of(&f->host, function(f, "0000:01:00.0"), &group), -ENOENT);
	assert_int_equal(host_group_of(&f->host, function(f, "0000:00:1f.0"), &group), 0);
	assert_int_equal(group.type.error, -EACCES);
}

static void test_permits(void **state)
{
	static const struct {
		struct fact_text driver;
		bool permitted;
	} drivers[] = {
		{ { -ENOENT, NULL }, true },
		{ { -EACCES, NULL }, false },
		{ { -EBADMSG, NULL }, false },
		{ { 0, "vfio-pci" }, true },
		{ { 0, "mlx5_vfio_pci" }, true },
		{ { 0, "nvgrace_gpu_vfio_pci" }, true },
		{ { 0, "pcieport" }, true },
		{ { 0, "pci-stub" }, true },
		{ { 0, "nvidia" }, false },
		{ { 0, "vfio-pci-x" }, false },
		{ { 0, "vfio" }, false },
		{ { 0, "pci" }, false },
		{ { 0, "" }, false },
		{ { 0, "xpcieport" }, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		assert_int_equal(host_driver_permits_vfio(&drivers[i].driver),
				 drivers[i].permitted);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(groups), TEST(no_groups), TEST(group_of), TEST(unreadable), TEST(permits),
	};

	return cmocka_run_group_tests_name("group", tests, NULL, NULL);
}
