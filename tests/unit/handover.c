// SPDX-License-Identifier: MIT
// Handing over and giving back on a machine where nothing goes wrong, and everything that is
// refused before anything is changed. What happens when something does go wrong: handover_trouble.c

#include "tests/unit/machine.h"

#include <errno.h>
#include <signal.h>

static const struct fake_function desktop[] = {
	{ "0000:00:00.0", 0x8086, 0x191f, 0x060000, 0, NULL, NULL, NULL },
	MACHINE_PORT("01", 1),
	MACHINE_PORT("02", 2),
	MACHINE_CARD("01", 3, NULL),
	MACHINE_CARD("02", 4, NULL),
	{ "0000:00:1f.0", 0x8086, 0xa2d2, 0x0c0330, 5, "xhci_hcd", NULL, NULL },
	{ "0000:00:1e.0", 0x8086, 0xa2e7, 0x020000, 5, "e1000e", NULL, NULL },
	{ "0000:00:1d.0", 0x144d, 0xa804, 0x010802, FAKE_NO_GROUP, "nvme", NULL, NULL },
};

static int start(void **state)
{
	static struct machine m;

	machine_start(&m, desktop, ARRAY_SIZE(desktop));
	*state = &m;
	return 0;
}

static int stop(void **state)
{
	machine_stop(*state);
	return 0;
}

static void assert_refused(struct machine *m, const char *device, const char *words)
{
	assert_int_equal(machine_bind(m, device), -EPERM);
	assert_int_equal(m->e.kind, ERR_REFUSED);
	assert_says(m, words);
	assert_int_equal(m->k->changes, 0);
	assert_as_before(m);
}

/* ---- there and back ---- */

static void test_bind_pair(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_bind(m, "01:00.0"), 0);
	assert_int_equal(m->handover.n, 2);
	assert_string_equal(m->handover.functions[0].driver_before, "nvidia");
	assert_string_equal(m->handover.functions[1].driver_before, "snd_hda_intel");
	for (size_t i = 0; i < 2; i++) {
		const struct handover_function *f = &m->handover.functions[i];

		assert_int_equal(f->state, HANDOVER_DONE);
		assert_string_equal(f->driver_after, "vfio-pci");
		assert_string_equal(fake_driver_of(m->k, f->function->name), "vfio-pci");
		assert_string_equal(fake_override_of(m->k, f->function->name), "vfio-pci");
		assert_true(machine_has_record(m, f->function->name));
	}
	assert_string_equal(fake_driver_of(m->k, TWIN), "nvidia");
	assert_string_equal(fake_override_of(m->k, TWIN), "(null)");
	assert_string_equal(fake_driver_of(m->k, TWIN_AUDIO), "snd_hda_intel");
	assert_false(machine_has_record(m, TWIN));
}

static void test_bind_again(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_bind(m, "01:00.0"), 0);
	assert_int_equal(machine_bind(m, "01:00.0"), 0);
	assert_int_equal(m->k->changes, 6); /* two locks, what may be left behind, and back */
	assert_int_equal(m->handover.functions[0].state, HANDOVER_UNTOUCHED);
	assert_string_equal(m->handover.functions[0].driver_after, "vfio-pci");
	assert_int_equal(machine_release(m, "01:00.0"), 0);
	assert_as_before(m);
}

static void test_release(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_bind(m, "01:00"), 0);
	assert_int_equal(machine_release(m, "01:00"), 0);
	assert_int_equal(m->handover.functions[0].state, HANDOVER_DONE);
	assert_string_equal(m->handover.functions[0].driver_before, "vfio-pci");
	assert_string_equal(m->handover.functions[0].driver_after, "nvidia");
	assert_as_before(m);
}

static void test_release_untouched(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_release(m, "01:00"), 0);
	assert_int_equal(m->handover.functions[0].state, HANDOVER_UNTOUCHED);
	assert_string_equal(m->handover.functions[0].driver_after, "nvidia");
	assert_as_before(m);
}

static void test_both_cards(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_bind(m, "01:00.0"), 0);
	assert_int_equal(machine_bind(m, "02:00.0"), 0);
	assert_int_equal(machine_release(m, "01:00.0"), 0);
	assert_string_equal(fake_driver_of(m->k, GPU), "nvidia");
	assert_string_equal(fake_driver_of(m->k, TWIN), "vfio-pci");
	assert_int_equal(machine_release(m, "02:00.0"), 0);
	assert_as_before(m);
}

/* A function that had no driver: after its release the kernel chooses, and here finds none. */
static void test_without_driver(void **state)
{
	static const struct fake_function lone[] = {
		{ "0000:00:05.0", 0x1af4, 0x1000, 0x020000, 1, NULL, NULL, NULL },
	};
	struct machine m;

	(void)state;
	machine_start(&m, lone, 1);
	assert_int_equal(machine_bind(&m, "00:05.0"), 0);
	assert_null(m.handover.functions[0].driver_before);
	assert_string_equal(fake_driver_of(m.k, "0000:00:05.0"), "vfio-pci");
	assert_int_equal(machine_release(&m, "00:05.0"), 0);
	assert_null(m.handover.functions[0].driver_after);
	assert_as_before(&m);
	machine_stop(&m);
}

static void test_foreign_override(void **state)
{
	static const struct fake_function card[] = {
		MACHINE_PORT("01", 1),
		MACHINE_CARD("01", 2, "nvidia"),
	};
	struct machine m;

	(void)state;
	machine_start(&m, card, ARRAY_SIZE(card));
	assert_int_equal(machine_bind(&m, "01:00.0"), 0);
	assert_string_equal(m.handover.functions[0].override_before, "nvidia");
	assert_string_equal(fake_override_of(m.k, GPU), "vfio-pci");
	assert_int_equal(machine_release(&m, "01:00.0"), 0);
	assert_string_equal(fake_override_of(m.k, GPU), "nvidia");
	assert_as_before(&m);
	machine_stop(&m);
}

/* Reserved by something else, at boot say: a release gives it to the host all the same. */
static void test_release_of_reserved(void **state)
{
	static const struct fake_function reserved[] = {
		{ "0000:00:05.0", 0x8086, 0x10d3, 0x020000, 1, "vfio-pci", NULL, "vfio-pci" },
		{ "0000:00:06.0", 0x8086, 0x10d3, 0x020000, 2, "e1000e", NULL, NULL },
	};
	struct machine m;

	(void)state;
	machine_start(&m, reserved, ARRAY_SIZE(reserved));
	assert_int_equal(machine_bind(&m, "00:05.0"), 0);
	assert_int_equal(m.handover.functions[0].state, HANDOVER_UNTOUCHED);
	assert_false(machine_has_record(&m, "0000:00:05.0"));
	assert_int_equal(machine_release(&m, "00:05.0"), 0);
	assert_string_equal(fake_driver_of(m.k, "0000:00:05.0"), "e1000e");
	assert_string_equal(fake_override_of(m.k, "0000:00:05.0"), "(null)");
	machine_stop(&m);
}

/* ---- refusals ---- */

static void test_bridge(void **state)
{
	struct machine *m = *state;

	assert_refused(m, "00:01.0", "0000:00:01.0 is a bridge");
	assert_int_equal(machine_release(m, "00:01.0"), -EPERM);
	assert_says(m, "0000:00:01.0 is a bridge");
	assert_int_equal(m->k->changes, 0);
}

static void test_no_group(void **state)
{
	assert_refused(*state, "00:1d.0", "0000:00:1d.0 is in no IOMMU group");
}

static void test_no_groups(void **state)
{
	struct fake_function functions[ARRAY_SIZE(desktop)];
	struct machine m;

	(void)state;
	memcpy(functions, desktop, sizeof(functions));
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
		functions[i].group = FAKE_NO_GROUP;
	machine_start(&m, functions, ARRAY_SIZE(functions));
	assert_refused(&m, "01:00.0", "this host has no IOMMU groups");
	machine_stop(&m);
}

static void test_group_unreadable(void **state)
{
	struct machine *m = *state;
	char path[FAKE_PATH_MAX];

	snprintf(path, sizeof(path), "%s/iommu_group", fake_directory_of(m->k, GPU));
	fake_error(&m->k->tree, path, -EACCES);
	assert_int_equal(machine_bind(m, "01:00.0"), -EACCES);
	assert_int_equal(m->e.kind, ERR_FAILED);
	assert_says(m, "reading the IOMMU group of " GPU ": Permission denied");
	assert_as_before(m);
}

static void test_group_member(void **state)
{
	struct machine *m = *state;
	const char *both[] = { "00:1f.0", "00:1e.0" };

	assert_refused(m, "00:1f.0", "with 0000:00:1e.0, which driver e1000e holds");
	assert_refused(m, "00:1e.0", "with 0000:00:1f.0, which driver xhci_hcd holds");

	assert_int_equal(machine_read(m), 0);
	assert_int_equal(handover_select(&m->host, both, 2, &m->handover, &m->e), 0);
	assert_int_equal(handover_bind(&m->host, &m->handover, &m->e), 0);
	assert_string_equal(fake_driver_of(m->k, "0000:00:1f.0"), "vfio-pci");
	assert_string_equal(fake_driver_of(m->k, "0000:00:1e.0"), "vfio-pci");
}

static void test_group_member_no_function(void **state)
{
	struct machine *m = *state;

	fake_link(&m->k->tree, "sys/devices/platform/spi/driver", "../../../bus/spi/drivers/spi");
	fake_directory(&m->k->tree, "sys/bus/spi/drivers/spi");
	fake_link(&m->k->tree, "sys/kernel/iommu_groups/3/devices/spi",
		  "../../../../devices/platform/spi");
	assert_int_equal(machine_bind(m, "01:00.0"), -EPERM);
	assert_says(m, GPU " shares IOMMU group 3 with spi, which driver spi holds");
}

static void put_attribute(struct machine *m, const char *function, const char *name,
			  const char *text)
{
	char path[FAKE_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", fake_directory_of(m->k, function), name);
	fake_file(&m->k->tree, path, text);
	free(m->before);
	m->before = fake_dump(&m->k->tree, "sys");
}

static void test_virtual_functions(void **state)
{
	struct machine *m = *state;

	put_attribute(m, GPU, "sriov_numvfs", "2\n");
	assert_refused(m, "01:00.0", GPU " has 2 virtual functions");
	put_attribute(m, GPU, "sriov_numvfs", "0\n");
	assert_int_equal(machine_bind(m, "01:00.0"), 0);
}

/* What is not known about one function: neither a yes nor a no. */
static void test_unreadable_uevent(void **state)
{
	struct machine *m = *state;
	char path[FAKE_PATH_MAX];

	snprintf(path, sizeof(path), "%s/uevent", fake_directory_of(m->k, AUDIO));
	fake_error(&m->k->tree, path, -EACCES);
	assert_int_equal(machine_read(m), 0);
	const struct pci_function *f = host_find(&m->host, (struct pci_address){ 0, 1, 0, 1 });
	assert_non_null(f);
	assert_int_equal(f->error, -EACCES);
	assert_int_equal(f->driver.error, -EACCES);
	assert_int_equal(f->vendor, 0);
	assert_int_equal(f->class_code, 0);

	assert_int_equal(machine_bind(m, "01:00.0"), -EACCES);
	assert_int_equal(m->e.kind, ERR_FAILED);
	assert_says(m, "reading what " AUDIO " is: Permission denied");
	assert_int_equal(m->k->changes, 0);
	assert_as_before(m);
}

static void test_odd_uevent(void **state)
{
	struct machine *m = *state;
	char path[FAKE_PATH_MAX];

	snprintf(path, sizeof(path), "%s/uevent", fake_directory_of(m->k, GPU));
	fake_file(&m->k->tree, path, "garbage");
	assert_int_equal(machine_bind(m, "01:00.0"), -EBADMSG);
	assert_says(m, "what " GPU " is cannot be told: its uevent is not understood");
	fake_remove(&m->k->tree, path);
	assert_int_equal(machine_bind(m, "01:00.0"), PCI_MISSING);
	assert_says(m, "what " GPU " is cannot be told: its uevent is not there");
	assert_int_equal(m->k->changes, 0);
}

static void test_guest(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_bind(m, "01:00.0"), 0);
	fake_open(m->k, "99", "other", "/dev/vfio/33");
	fake_open(m->k, "812", "qemu-system-x86", "/dev/vfio/3");
	assert_int_equal(machine_release(m, "01:00.0"), -EPERM);
	assert_int_equal(m->e.kind, ERR_REFUSED);
	assert_says(m, "is in use by qemu-system-x86 (pid 812)");
	assert_string_equal(fake_driver_of(m->k, GPU), "vfio-pci");
	assert_string_equal(fake_override_of(m->k, GPU), "vfio-pci");

	fake_remove(&m->k->tree, "proc/812");
	assert_int_equal(machine_release(m, "01:00.0"), 0);
	assert_as_before(m);
}

/* The same through the device node that kernels since 6.6 have. */
static void test_guest_on_device_node(void **state)
{
	struct machine *m = *state;
	struct arena a = { 0 };
	struct names nodes;
	char path[FAKE_PATH_MAX];

	assert_int_equal(machine_bind(m, "01:00.0"), 0);
	snprintf(path, sizeof(path), "%s/vfio-dev", fake_directory_of(m->k, GPU));
	assert_int_equal(fake_list(&m->k->tree, &a, path, &nodes), 0);
	snprintf(path, sizeof(path), "/dev/vfio/devices/%s", nodes.name[0]);
	fake_open(m->k, "7", "crosvm", path);
	assert_int_equal(machine_release(m, "01:00.0"), -EPERM);
	assert_says(m, GPU " is in use by crosvm (pid 7)");
	arena_free(&a);
}

static void test_no_vfio_pci(void **state)
{
	struct machine *m = *state;

	fake_driver_unload(m->k, "vfio-pci");
	free(m->before);
	m->before = fake_dump(&m->k->tree, "sys");
	assert_int_equal(machine_bind(m, "01:00.0"), -ENOENT);
	assert_says(m, "the driver vfio-pci is not loaded");
	assert_as_before(m);
}

/* A root that cannot be changed, as a snapshot is. */
static void test_read_only(void **state)
{
	struct machine *m = *state;
	struct root_ops ops;

	assert_int_equal(machine_read(m), 0);
	ops = *m->host.root->ops;
	ops.write = NULL;
	ops.replace = NULL;
	ops.mkdir = NULL;
	ops.lock = NULL;
	m->host.root->ops = &ops;
	const char *device = "01:00.0";
	assert_int_equal(handover_select(&m->host, &device, 1, &m->handover, &m->e), 0);
	assert_int_equal(handover_bind(&m->host, &m->handover, &m->e), -EROFS);
	assert_as_before(m);
	host_done(&m->host);
}

static void test_select(void **state)
{
	struct machine *m = *state;
	const char *twice[] = { "01:00.1", "01:00", "02:00.0" };

	assert_int_equal(machine_read(m), 0);
	assert_int_equal(handover_select(&m->host, twice, 3, &m->handover, &m->e), 0);
	assert_int_equal(m->handover.n, 4);
	assert_string_equal(m->handover.functions[0].function->name, AUDIO);
	assert_string_equal(m->handover.functions[1].function->name, GPU);
	assert_string_equal(m->handover.functions[2].function->name, TWIN);

	const char *wrong[] = { "01:00.0", "ff:00.0" };
	assert_int_equal(handover_select(&m->host, wrong, 2, &m->handover, &m->e), -ENODEV);
}

static void test_signals(void **state)
{
	sigset_t before, after;

	assert_int_equal(sigprocmask(SIG_BLOCK, NULL, &before), 0);
	assert_int_equal(machine_bind(*state, "01:00.0"), 0);
	assert_int_equal(machine_release(*state, "01:00.0"), 0);
	assert_int_equal(sigprocmask(SIG_BLOCK, NULL, &after), 0);
	assert_int_equal(sigismember(&before, SIGTERM), sigismember(&after, SIGTERM));
}

static void test_vfio_drivers(void **state)
{
	(void)state;
	assert_true(host_is_vfio_driver("vfio-pci"));
	assert_true(host_is_vfio_driver("mlx5_vfio_pci"));
	assert_true(host_is_vfio_driver("nvgrace_gpu_vfio_pci"));
	assert_false(host_is_vfio_driver("pcieport"));
	assert_false(host_is_vfio_driver("pci-stub"));
	assert_false(host_is_vfio_driver("vfio"));
	assert_false(host_is_vfio_driver("vfio-pci2"));
	assert_false(host_is_vfio_driver(NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, start, stop)

static int check_uses(struct host *host, struct handover *handover, struct err *e)
{
	return handover_check_uses(host, handover, 0, e);
}

/* What is mounted from a disk behind the card keeps it, unless that was allowed. */
static void test_in_use(void **state)
{
	struct machine m;
	const char *text = "36 1 8:1 / /srv rw - ext4 /dev/sda1 rw\n";
	const char *disk = "../../devices/pci0000:00/0000:00:01.0/0000:01:00.0/ata1/block/sda/sda1";

	(void)state;
	machine_start(&m, desktop, ARRAY_SIZE(desktop));
	fake_link(&m.k->tree, "sys/class/block/sda1", disk);
	fake_file(&m.k->tree, "proc/self/mountinfo", text);
	fake_file(&m.k->tree, "proc/iomem", "00001000-0009ffff : System RAM\n");
	fake_directory(&m.k->tree, "proc/1/fd");
	assert_int_equal(machine_do(&m, check_uses, "01:00.0", (struct fake_trouble){ 0 }), -EPERM);
	assert_says(&m, GPU " is in use: /srv is mounted from sda1 (ext4)");
	assert_says(&m, "--allow disk");
	assert_int_equal(m.e.kind, ERR_REFUSED);
	assert_int_equal(handover_check_uses(&m.host, &m.handover, 1u << USE_NETWORK, &m.e),
			 -EPERM);
	assert_int_equal(handover_check_uses(&m.host, &m.handover, 1u << USE_DISK, &m.e), 0);
	assert_string_equal(fake_driver_of(m.k, GPU), "nvidia");
	machine_stop(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_use),
		TEST(bind_pair),
		TEST(bind_again),
		TEST(release),
		TEST(release_untouched),
		TEST(both_cards),
		TEST(without_driver),
		TEST(foreign_override),
		TEST(release_of_reserved),
		TEST(bridge),
		TEST(no_group),
		TEST(no_groups),
		TEST(group_unreadable),
		TEST(group_member),
		TEST(group_member_no_function),
		TEST(virtual_functions),
		TEST(unreadable_uevent),
		TEST(odd_uevent),
		TEST(guest),
		TEST(guest_on_device_node),
		TEST(no_vfio_pci),
		TEST(read_only),
		TEST(select),
		TEST(signals),
		TEST(vfio_drivers),
	};

	return cmocka_run_group_tests_name("handover", tests, NULL, NULL);
}
