// SPDX-License-Identifier: MIT
// Addresses, uevent, resource: what is read of one PCI function, and what is done when it is not as
// the kernel writes it.

#include "base/text.h"
#include "host/host.h"
#include "host/internal.h"
#include "tests/fake/kernel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

static const struct fake_function functions[] = {
	{ "0000:00:00.0", 0x8086, 0x191f, 0x060000, 0, NULL, NULL, NULL },
	{ "0000:00:01.0", 0x8086, 0x1901, 0x060400, 1, "pcieport", NULL, NULL },
	{ "0000:01:00.0", 0x10de, 0x1c82, 0x030000, 2, "nvidia", "0000:00:01.0", NULL },
	{ "0000:01:00.1", 0x10de, 0x0fb9, 0x040300, 2, NULL, "0000:00:01.0", NULL },
	{ "10000:e0:06.0", 0x8086, 0x9a09, 0x060400, FAKE_NO_GROUP, NULL, NULL, NULL },
	{ "10000:e1:00.0", 0x144d, 0xa808, 0x010802, FAKE_NO_GROUP, "nvme", "10000:e0:06.0", NULL },
	{ "ffffffff:ff:1f.7", 0x1af4, 0x1041, 0x020000, 7, NULL, NULL, NULL },
};

struct fixture {
	struct fake_kernel *k;
	struct host host;
	struct err e;
	struct arena a;
};

static int start(void **state)
{
	static struct fixture f;

	f = (struct fixture){ .k = fake_kernel_new(functions, ARRAY_SIZE(functions)) };
	host_init(&f.host, fake_process(f.k));
	*state = &f;
	return 0;
}

static int stop(void **state)
{
	struct fixture *f = *state;

	host_done(&f->host);
	fake_kernel_free(f->k);
	arena_free(&f->a);
	return 0;
}

static struct bytes bytes_of(const char *text)
{
	return (struct bytes){ text, strlen(text) };
}

/* ---- addresses ---- */

static void test_address(void **state)
{
	static const char *const same[] = { "0000:00:00.0",    "0000:41:00.0",    "0001:ff:1f.7",
					    "ffff:00:00.0",    "10000:e1:00.0",   "fffff:00:00.0",
					    "abcdef0:00:00.0", "ffffffff:ff:1f.7" };
	static const char *const wrong[] = {
		"",
		"0",
		"41:00.0",
		"000:00:00.0",
		"0000:00:00",
		"0000:00:00.",
		"0000:00:00.8",
		"0000:00:20.0",
		"0000:0:00.0",
		"0000:00:0.0",
		"0000:000:00.0",
		"0000:00:000.0",
		"0000:00:00.00",
		"0000:00:00.0 ",
		" 0000:00:00.0",
		"0000:00:00.0\n",
		"0000.00.00.0",
		"0000:00:00:0",
		"g000:00:00.0",
		"0000:gg:00.0",
		"-000:00:00.0",
		"+000:00:00.0",
		"0x00:00:00.0",
		"100000000:00:00.0",
		"0000::00.0",
		":00:00.0",
		"0000:00:00.0/..",
		"pci0000:00",
	};
	struct pci_address address;
	char text[PCI_ADDRESS_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
		assert_true(pci_address_parse(same[i], &address));
		pci_address_format(address, text);
		assert_string_equal(text, same[i]);
	}
	assert_true(pci_address_parse("0000:AB:1F.7", &address));
	assert_int_equal(address.bus, 0xab);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		if (pci_address_parse(wrong[i], &address))
			fail_msg("\"%s\" is taken for an address", wrong[i]);
	}
}

static void test_compare(void **state)
{
	/* in order; each differs from the one before in one part */
	static const struct pci_address order[] = {
		{ 0, 0, 0, 0 },       { 0, 0, 0, 1 },          { 0, 0, 2, 0 },
		{ 0, 3, 0, 0 },       { 0, 0xff, 0, 0 },       { 0xffff, 0, 0, 0 },
		{ 0x10000, 0, 0, 0 }, { UINT32_MAX, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(order); k++)
			assert_int_equal(pci_address_compare(order[i], order[k]),
					 i < k ? -1 : i > k);
	}
	assert_true(pci_same_slot(order[0], order[1]));
	assert_false(pci_same_slot(order[0], order[2]));
	assert_false(pci_same_slot(order[0], order[3]));
	assert_false(pci_same_slot(order[5], order[6]));
}

/* ---- uevent ---- */

static void test_uevent(void **state)
{
	struct fixture *f = *state;
	struct pci_function function = { 0 };

	assert_int_equal(
		pci_parse_uevent(&f->a,
				 bytes_of("DRIVER=nvidia\nPCI_CLASS=30000\nPCI_ID=10DE:1C82\n"
					  "PCI_SUBSYS_ID=1B4C:11BF\n"
					  "PCI_SLOT_NAME=0000:01:00.0\n"
					  "MODALIAS=pci:v000010DEd00001C82\n"),
				 &function),
		0);
	assert_int_equal(function.driver.error, 0);
	assert_string_equal(function.driver.value, "nvidia");
	assert_int_equal(function.class_code, 0x030000);
	assert_int_equal(function.vendor, 0x10de);
	assert_int_equal(function.device, 0x1c82);
	assert_int_equal(function.subsystem_vendor, 0x1b4c);
	assert_int_equal(function.subsystem_device, 0x11bf);
	assert_true(pci_is_display(&function));
	assert_false(pci_is_bridge(&function));

	/* no driver, no last newline, lower case, unknown keys */
	function = (struct pci_function){ 0 };
	assert_int_equal(pci_parse_uevent(&f->a,
					  bytes_of("NEW=1\n=\n\nPCI_CLASS=60400\nPCI_ID=8086:a2e7"),
					  &function),
			 0);
	assert_int_equal(function.driver.error, -ENOENT);
	assert_int_equal(function.device, 0xa2e7);
	assert_true(pci_is_bridge(&function));
}

static void test_uevent_wrong(void **state)
{
	static const char *const wrong[] = {
		"",
		"\n",
		"DRIVER=nvidia\n",
		"PCI_CLASS=30000\n",
		"PCI_ID=10DE:1C82\n",
		"PCI_CLASS=\nPCI_ID=10DE:1C82\n",
		"PCI_CLASS=1000000\nPCI_ID=10DE:1C82\n",
		"PCI_CLASS=-1\nPCI_ID=10DE:1C82\n",
		"PCI_CLASS=30000\nPCI_ID=10DE:1C8\n",
		"PCI_CLASS=30000\nPCI_ID=10DE:1C823\n",
		"PCI_CLASS=30000\nPCI_ID=10DE-1C82\n",
		"PCI_CLASS=30000\nPCI_ID=:\n",
		"PCI_CLASS=30000\nPCI_ID=10DE:1C82\nPCI_SUBSYS_ID=\n",
		"PCI_CLASS=30000\nPCI_ID=10DE:1C82\nPCI_SUBSYS_ID=-1:+2\n",
		"PCI_CLASS 30000\nPCI_ID 10DE:1C82\n",
		"XPCI_CLASS=30000\nXPCI_ID=10DE:1C82\n",
		"PCI_CLASS=30000 PCI_ID=10DE:1C82\n",
	};
	struct fixture *f = *state;
	struct pci_function function;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		function = (struct pci_function){ 0 };
		if (pci_parse_uevent(&f->a, bytes_of(wrong[i]), &function) != -EBADMSG)
			fail_msg("\"%s\" is taken for a uevent", wrong[i]);
	}
	/* nothing after a NUL counts */
	assert_int_equal(pci_parse_uevent(&f->a,
					  (struct bytes){ "\0PCI_CLASS=3\nPCI_ID=1:2\n", 24 },
					  &function),
			 -EBADMSG);
}

/* ---- resource ---- */

static void test_resources(void **state)
{
	struct fixture *f = *state;
	struct pci_detail d = { 0 };

	assert_int_equal(
		pci_parse_resources(
			&f->a,
			bytes_of("0x00000000f6000000 0x00000000f6ffffff 0x0000000000040200\n"
				 "0x00000000e0000000 0x00000000efffffff 0x000000000014220c\n"
				 "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
				 "0x000000000000e000 0x000000000000e07f 0x0000000000040101\n"
				 "0x0000000000000000 0x0000000000000fff 0x0000000020040200\n"
				 "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
				 "0x00000000000c0000 0x00000000000dffff 0x0000000000000212\n"),
			&d),
		0);
	assert_int_equal(d.n_resources, 5);
	assert_int_equal(d.resources[0].index, 0);
	assert_int_equal(d.resources[0].kind, PCI_RESOURCE_MEMORY);
	assert_int_equal(d.resources[0].start, 0xf6000000);
	assert_int_equal(d.resources[0].size_bytes, 16 << 20);
	assert_false(d.resources[0].is_64bit);
	assert_true(d.resources[0].assigned);
	assert_int_equal(d.resources[1].index, 1);
	assert_int_equal(d.resources[1].size_bytes, 256 << 20);
	assert_true(d.resources[1].is_64bit);
	assert_true(d.resources[1].prefetchable);
	assert_int_equal(d.resources[2].index, 3);
	assert_int_equal(d.resources[2].kind, PCI_RESOURCE_IO);
	assert_int_equal(d.resources[2].size_bytes, 128);
	assert_int_equal(d.resources[3].index, 4);
	assert_false(d.resources[3].assigned);
	assert_int_equal(d.resources[4].index, 6);

	assert_int_equal(pci_parse_resources(&f->a, bytes_of(""), &d), 0);
	assert_int_equal(d.n_resources, 0);
	/* as short as a line can be, many times, without an end */
	assert_int_equal(
		pci_parse_resources(&f->a, bytes_of("0x0 0x0 0x200\n0x0 0x0 0x100\n0x1 0x0 0x200"),
				    &d),
		0);
	assert_int_equal(d.n_resources, 2);
}

static void test_resources_wrong(void **state)
{
	static const char *const wrong[] = {
		"\n",
		"0x0 0x0\n",
		"0x0 0x0 0x0 0x0\n",
		"0x0 0x0 0x0 \n",
		"0 0 0\n",
		"0x 0x0 0x0\n",
		"0x0  0x0 0x0\n",
		"0x0\t0x0\t0x0\n",
		"0x00000000000000000 0x0 0x0\n",
		"0x0 0x0 0x0\ngarbage\n",
		"0x-1 0x0 0x0\n",
		"0X0 0X0 0X0\n",
	};
	struct fixture *f = *state;
	struct pci_detail d;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		if (pci_parse_resources(&f->a, bytes_of(wrong[i]), &d) != -EBADMSG)
			fail_msg("\"%s\" is taken for a resource", wrong[i]);
	}
}

/* ---- the list ---- */

static void test_list(void **state)
{
	struct fixture *f = *state;
	struct host *host = &f->host;

	/* what is no address is no function */
	fake_link(&f->k->tree, "sys/bus/pci/devices/other", "../../../devices/pci0000:00");
	assert_int_equal(host_read_pci(host, &f->e), 0);
	assert_int_equal(host->n_functions, ARRAY_SIZE(functions));
	for (size_t i = 0; i < host->n_functions; i++) {
		const struct pci_function *function = &host->functions[i];

		assert_string_equal(function->name, functions[i].name);
		assert_int_equal(function->error, 0);
		assert_int_equal(function->vendor, functions[i].vendor);
		assert_int_equal(function->device, functions[i].device);
		assert_int_equal(function->subsystem_vendor, 0x1af4);
		assert_int_equal(function->class_code, functions[i].class_code);
		assert_string_equal(function->path, fake_directory_of(f->k, function->name));
		if (functions[i].driver)
			assert_string_equal(function->driver.value, functions[i].driver);
		else
			assert_int_equal(function->driver.error, -ENOENT);
		if (functions[i].group == FAKE_NO_GROUP)
			assert_int_equal(function->iommu_group.error, -ENOENT);
		else
			assert_int_equal(function->iommu_group.value, functions[i].group);
		if (functions[i].parent)
			assert_string_equal(function->parent->name, functions[i].parent);
		else
			assert_null(function->parent);
		assert_ptr_equal(host_find(host, function->address), function);
	}
	assert_null(host_find(host, (struct pci_address){ 0, 9, 9, 0 }));
	assert_null(host_find(host, (struct pci_address){ 0x10000, 0, 0, 0 }));
}

static void test_no_list(void **state)
{
	struct fixture *f = *state;

	fake_error(&f->k->tree, "sys/bus/pci/devices", -EACCES);
	assert_int_equal(host_read_pci(&f->host, &f->e), -EACCES);
	assert_string_equal(f->e.text, "listing sys/bus/pci/devices: Permission denied");
	fake_remove(&f->k->tree, "sys");
	assert_int_equal(host_read_pci(&f->host, &f->e), -ENOENT);
	assert_null(host_find(&f->host, (struct pci_address){ 0 }));
}

/* Whatever one function's files are, the others are read. */
static void test_odd_functions(void **state)
{
	struct fixture *f = *state;
	char path[FAKE_PATH_MAX];

	snprintf(path, sizeof(path), "%s/uevent", fake_directory_of(f->k, "0000:01:00.1"));
	fake_file(&f->k->tree, path, "garbage\n");
	snprintf(path, sizeof(path), "%s/iommu_group", fake_directory_of(f->k, "0000:00:01.0"));
	fake_link(&f->k->tree, path, "../../../kernel/iommu_groups/seven");
	snprintf(path, sizeof(path), "%s/iommu_group", fake_directory_of(f->k, "0000:00:00.0"));
	fake_error(&f->k->tree, path, -EACCES);
	fake_link(&f->k->tree, "sys/bus/pci/devices/0000:09:00.0", "../../../devices/nothing");
	fake_error(&f->k->tree, "sys/bus/pci/devices/10000:e1:00.0", -EACCES);

	assert_int_equal(host_read_pci(&f->host, &f->e), 0);
	const struct pci_function *function = &f->host.functions[3];
	assert_string_equal(function->name, "0000:01:00.1");
	assert_int_equal(function->error, -EBADMSG);
	assert_int_equal(function->driver.error, -EBADMSG);
	assert_false(pci_is_display(function));
	assert_int_equal(f->host.functions[1].iommu_group.error, -EBADMSG);
	assert_int_equal(f->host.functions[0].iommu_group.error, -EACCES);
	/* a link to nothing, which no kernel makes: not taken for a function that has just gone */
	function = host_find(&f->host, (struct pci_address){ 0, 9, 0, 0 });
	assert_non_null(function);
	assert_int_equal(function->error, PCI_MISSING);
	assert_int_equal(function->driver.error, PCI_MISSING);
	assert_int_equal(function->iommu_group.error, PCI_MISSING);
	/* its place is not known, so neither is anything else; but it is there */
	function = host_find(&f->host, (struct pci_address){ 0x10000, 0xe1, 0, 0 });
	assert_non_null(function);
	assert_null(function->parent);
}

/* ---- detail ---- */

static void put(struct fixture *f, const char *attribute, const char *text)
{
	char path[FAKE_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", fake_directory_of(f->k, "0000:01:00.0"), attribute);
	fake_file(&f->k->tree, path, text);
}

static void read_detail(struct fixture *f, struct pci_detail *ret)
{
	assert_int_equal(host_read_pci(&f->host, &f->e), 0);
	host_read_detail(&f->host, &f->host.functions[2], ret);
}

static void test_detail(void **state)
{
	struct fixture *f = *state;
	struct pci_detail d;

	put(f, "numa_node", "1\n");
	put(f, "boot_vga", "1\n");
	put(f, "driver_override", "vfio-pci\n");
	put(f, "reset_method", "flr bus\n");
	put(f, "power_state", "D0\n");
	put(f, "power/runtime_status", "active\n");
	put(f, "d3cold_allowed", "1\n");
	put(f, "current_link_speed", "8.0 GT/s PCIe\n");
	put(f, "current_link_width", "16\n");
	put(f, "max_link_speed", "16.0 GT/s PCIe\n");
	put(f, "max_link_width", "255\n");
	put(f, "sriov_numvfs", "2\n");
	put(f, "sriov_totalvfs", "64\n");
	put(f, "resource",
	    "0xf6000000 0xf6ffffff 0x40200\n0x0 0x0 0x0\n0x0 0x0 0x0\n0x0 0x0 0x0\n"
	    "0x0 0x0 0x0\n0x0 0x0 0x0\n0xc0000 0xdffff 0x212\n");
	read_detail(f, &d);
	assert_int_equal(d.numa_node.value, 1);
	assert_int_equal(d.boot_vga.value, 1);
	assert_string_equal(d.driver_override.value, "vfio-pci");
	assert_string_equal(d.reset_methods.value, "flr bus");
	assert_string_equal(d.power_state.value, "D0");
	assert_string_equal(d.runtime_status.value, "active");
	assert_int_equal(d.d3cold_allowed.value, 1);
	assert_string_equal(d.link_speed.value, "8.0 GT/s PCIe");
	assert_string_equal(d.link_width.value, "16");
	assert_string_equal(d.link_speed_max.value, "16.0 GT/s PCIe");
	assert_int_equal(d.link_width_max.error, -ENOENT);
	assert_int_equal(d.vfs.value, 2);
	assert_int_equal(d.vfs_max.value, 64);
	assert_int_equal(d.physical_function.error, -ENOENT);
	assert_int_equal(d.n_resources, 2);
	assert_int_equal(d.rom_error, 0);
}

static void test_detail_absent(void **state)
{
	struct fixture *f = *state;
	struct pci_detail d;

	put(f, "numa_node", "-1\n");
	put(f, "reset_method", "\n");
	put(f, "boot_vga", "yes\n");
	put(f, "power/runtime_status", "suspended\n");
	put(f, "current_link_speed", "must not be asked for\n");
	put(f, "resource", "garbage\n");
	read_detail(f, &d);
	assert_int_equal(d.numa_node.error, -ENOENT);
	assert_int_equal(d.driver_override.error, -ENOENT);
	assert_int_equal(d.reset_methods.error, -ENOENT);
	assert_int_equal(d.boot_vga.error, -EBADMSG);
	assert_int_equal(d.link_speed.error, PCI_ASLEEP);
	assert_int_equal(d.link_width_max.error, PCI_ASLEEP);
	assert_int_equal(d.vfs.error, -ENOENT);
	assert_int_equal(d.resource_error, -EBADMSG);
	assert_int_equal(d.rom_error, -EBADMSG);

	fake_remove(&f->k->tree, "sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/resource");
	read_detail(f, &d);
	assert_int_equal(d.resource_error, -ENOENT);
	assert_int_equal(d.n_resources, 0);
}

static void test_virtual(void **state)
{
	struct fixture *f = *state;
	struct pci_detail d;

	fake_link(&f->k->tree, "sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/physfn",
		  "../0000:01:00.1");
	read_detail(f, &d);
	assert_int_equal(d.physical_function.error, 0);
	assert_string_equal(d.physical_function.value, "0000:01:00.1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(address),       TEST(compare),         TEST(uevent),        TEST(uevent_wrong),
		TEST(resources),     TEST(resources_wrong), TEST(list),          TEST(no_list),
		TEST(odd_functions), TEST(detail),          TEST(detail_absent), TEST(virtual),
	};

	return cmocka_run_group_tests_name("pci", tests, NULL, NULL);
}
