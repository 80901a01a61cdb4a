// SPDX-License-Identifier: MIT
// The checks of one device, about its driver, its group, its firmware and its hardware: for each a
// machine that passes, one that does not, with sentence and evidence, and one where what decides it
// could not be read.

#include "tests/unit/check_device.h"

static void join_group(struct uses *u, const char *function, int group)
{
	char path[FAKE_PATH_MAX], target[64];

	snprintf(path, sizeof(path), "sys/kernel/iommu_groups/%d/devices/%s", group, function);
	fake_link(&u->k->tree, path, "x");
	snprintf(target, sizeof(target), "../../../kernel/iommu_groups/%d", group);
	fake_link(&u->k->tree, uses_path(u, function, "/iommu_group"), target);
}

static void leave_group(struct uses *u, const char *function, int group)
{
	char path[128];

	snprintf(path, sizeof(path), "sys/kernel/iommu_groups/%d/devices/%s", group, function);
	fake_remove(&u->k->tree, path);
	fake_remove(&u->k->tree, uses_path(u, function, "/iommu_group"));
}

/* 4096 bytes with a PCI Express capability and no extended ones. */
static void put_config(struct uses *u, const char *function, uint8_t express_type, uint8_t header)
{
	unsigned char data[4096] = { 0x86, 0x80, 0x01, 0x19, [6] = 0x10 };

	data[14] = header;
	data[0x34] = 0x40;
	data[0x40] = 0x10;
	data[0x42] = (unsigned char)(express_type << 4 | 2);
	fake_bytes(&u->k->tree, uses_path(u, function, "/config"), data, sizeof(data));
}

static void test_driver_binding(void **state)
{
	struct uses *u = *state;

	fake_link(&u->k->tree, "sys/bus/pci/drivers/nvidia/module", "../../../../module/nvidia");
	expect(u, "driver-binding", GPU, VERDICT_WARN, "the host's driver nvidia holds it",
	       "driver", "nvidia");
	assert_string_equal(verdict.command, "passthru bind " GPU);
	/* no command that would take away what is in use */
	fake_open(u->k, "1200", "qemu-system-x86", "/dev/vfio/5");
	judge_device(u, "driver-binding", GPU);
	assert_null(verdict.command);
	fake_remove(&u->k->tree, "proc/1200");
	expect(u, "driver-binding", NVME, VERDICT_WARN, "being built into the kernel",
	       "sys/bus/pci/drivers/nvme/module", "not there");
	uses_file(u, GPU, "/driver_override", "vfio-pci\n");
	expect(u, "driver-binding", GPU, VERDICT_WARN, "its override names vfio-pci, and nvidia",
	       "driver_override", "vfio-pci");
	uses_file(u, GPU, "/uevent",
		  "DRIVER=vfio-pci\nPCI_CLASS=30000\nPCI_ID=10DE:1C82\nPCI_SUBSYS_ID=0000:0000\n");
	expect(u, "driver-binding", GPU, VERDICT_PASS, "vfio-pci holds it", "driver", "vfio-pci");
	expect(u, "driver-binding", PORT, VERDICT_FAIL, "bridges stay with the host", "class",
	       "0x0604");
}

static void test_group_viability(void **state)
{
	struct uses *u = *state;

	/* audio and port are with it, and in nobody's way */
	expect(u, "group-viability", GPU, VERDICT_PASS, "no other device of IOMMU group 5",
	       "iommu_groups/5/devices", "3 functions");
	join_group(u, NVME, 5);
	expect(u, "group-viability", GPU, VERDICT_FAIL,
	       NVME " is in the same IOMMU group 5, and driver nvme", NVME "/driver", "nvme");
	assert_null(verdict.command);
	assert_non_null(strstr(verdict.fix, "passthru bind " GPU " " NVME));
	fake_error(&u->k->tree, uses_path(u, NVME, "/uevent"), -EACCES);
	expect(u, "group-viability", GPU, VERDICT_UNKNOWN, "permission denied", NVME, "denied");
	leave_group(u, GPU, 5);
	expect(u, "group-viability", GPU, VERDICT_FAIL, "no IOMMU group, while", "iommu_group",
	       "not there");
	fake_remove(&u->k->tree, "sys/kernel/iommu_groups/2");
	fake_directory(&u->k->tree, "sys/kernel/iommu_groups/2/devices");
	fake_error(&u->k->tree, "sys/kernel/iommu_groups/2/devices", -EACCES);
	expect(u, "group-viability", SATA, VERDICT_UNKNOWN, "permission denied",
	       "iommu_groups/2/devices", "denied");
}

static void test_group_isolation(void **state)
{
	struct uses *u = *state;

	put_config(u, PORT, 4, 1);
	put_config(u, GPU, 0, 0x80);
	put_config(u, AUDIO, 0, 0x80);
	expect(u, "group-isolation", GPU, VERDICT_PASS, "nothing else than the device and bridges",
	       "iommu_group", "5");
	join_group(u, NVME, 5);
	expect(u, "group-isolation", GPU, VERDICT_WARN,
	       "1 other function is with it in IOMMU group 5: the port " PORT, "iommu_groups/5",
	       NVME " (nvme)");
	assert_true(has_evidence(PORT "/config", "without ACS"));
	/* the kernel keeps apart what the port does not */
	leave_group(u, PORT, 5);
	join_group(u, PORT, 9);
	leave_group(u, NVME, 5);
	expect(u, "group-isolation", GPU, VERDICT_WARN, "smaller than the hardware keeps apart",
	       PORT "/config", "without ACS");
	fake_remove(&u->k->tree, uses_path(u, PORT, "/config"));
	join_group(u, NVME, 5);
	expect(u, "group-isolation", GPU, VERDICT_WARN, "with it in IOMMU group 5", NULL, NULL);
}

static void test_reserved_regions(void **state)
{
	struct uses *u = *state;
	static const char path[] = "sys/kernel/iommu_groups/5/reserved_regions";
	struct fake_tree *tree = &u->k->tree;

	set_release(u, "6.12.9\n");
	fake_file(tree, path, "0x00000000fee00000 0x00000000feefffff msi\n");
	expect(u, "reserved-regions", GPU, VERDICT_PASS, "no memory for it", path, "no direct");
	fake_file(tree, path,
		  "0x000000007b800000 0x000000007fffffff direct-relaxable\n"
		  "0x00000000fee00000 0x00000000feefffff msi\n");
	expect(u, "reserved-regions", GPU, VERDICT_PASS, "no memory for it", path, "relaxable");
	fake_file(tree, path, "0x000000007b800000 0x000000007fffffff direct\n");
	expect(u, "reserved-regions", GPU, VERDICT_FAIL, "gives it to no guest", path, "direct");
	/* an AMD host with an older kernel */
	set_release(u, "6.1.0-37-amd64\n");
	expect(u, "reserved-regions", GPU, VERDICT_WARN, "from Linux 6.6 on", path, "direct");
	fake_file(tree, "proc/cpuinfo", "vendor_id\t: GenuineIntel\nflags\t: vmx\n");
	expect(u, "reserved-regions", GPU, VERDICT_FAIL, "gives it to no guest", path, "direct");
	fake_file(tree, path, "0x7b80 direct\n");
	expect(u, "reserved-regions", GPU, VERDICT_UNKNOWN, "not understood", path, "");
	fake_remove(tree, path);
	expect_skip(u, "reserved-regions", GPU);
}

static void test_twins(void **state)
{
	struct uses *u = *state;

	expect(u, "twins", GPU, VERDICT_PASS, "no other device has the ids 10de:1c82", "uevent",
	       "10DE:1C82");
	uses_file(u, IGPU, "/uevent",
		  "PCI_CLASS=30000\nPCI_ID=10DE:1C82\nPCI_SUBSYS_ID=0000:0000\n");
	expect(u, "twins", GPU, VERDICT_WARN, IGPU " has the same ids", IGPU "/uevent", "10DE");
}

static void test_boot_display(void **state)
{
	struct uses *u = *state;

	expect_skip(u, "boot-display", GPU);
	uses_file(u, GPU, "/boot_vga", "0\n");
	expect(u, "boot-display", GPU, VERDICT_PASS, "another display", "boot_vga", "0");
	uses_file(u, GPU, "/boot_vga", "1\n");
	expect(u, "boot-display", GPU, VERDICT_WARN, "show their picture on it", "boot_vga", "1");
	fake_unplug(u->k, IGPU);
	expect(u, "boot-display", GPU, VERDICT_FAIL, "the only display", "boot_vga", "1");
	fake_error(&u->k->tree, uses_path(u, GPU, "/boot_vga"), -ENODATA);
	expect(u, "boot-display", GPU, VERDICT_UNKNOWN, "not recorded", "boot_vga", "");
}

static void test_reset(void **state)
{
	struct uses *u = *state;

	set_release(u, "6.12.9\n");
	uses_file(u, NVME, "/reset_method", "flr bus\n");
	expect(u, "reset-methods", NVME, VERDICT_PASS, "flr bus", "reset_method", "flr bus");
	/* none of its own, but nothing else on the bus */
	expect(u, "reset-methods", GPU, VERDICT_PASS, "with its bus behind " PORT, PORT, "nothing");
	/* a stranger in the same slot: a bridge-less function of another vendor */
	uses_file(u, AUDIO, "/uevent",
		  "DRIVER=foo\nPCI_CLASS=20000\nPCI_ID=14E4:1639\nPCI_SUBSYS_ID=0000:0000\n");
	join_group(u, AUDIO, 8);
	expect(u, "reset-methods", GPU, VERDICT_WARN, "and so with " AUDIO " (foo)", PORT, AUDIO);
	expect(u, "reset-methods", SATA, VERDICT_WARN, "nothing can reset it", "reset_method",
	       "none");
	set_release(u, "5.10.0\n");
	expect(u, "reset-methods", SATA, VERDICT_UNKNOWN, "config: not there", "config",
	       "not there");
}

static void test_rom(void **state)
{
	struct uses *u = *state;
	static const char none[] = "0x0000000000000000 0x0000000000000000 0x0000000000000000\n";
	char text[1024];

	expect(u, "rom", GPU, VERDICT_UNKNOWN, "not there", "resource", "not there");
	snprintf(text, sizeof(text), "%s%s%s%s%s%s%s", none, none, none, none, none, none,
		 "0x00000000f7000000 0x00000000f707ffff 0x0000000000046200\n");
	uses_file(u, GPU, "/resource", text);
	expect(u, "rom", GPU, VERDICT_PASS, "512 KiB", "resource", "line 7");
	snprintf(text, sizeof(text), "%s%s%s%s%s%s%s", none, none, none, none, none, none,
		 "0x00000000000c0000 0x00000000000dffff 0x0000000000000212\n");
	uses_file(u, GPU, "/resource", text);
	expect(u, "rom", GPU, VERDICT_WARN, "only has the copy", "resource", "0xc0000");
	uses_file(u, GPU, "/resource", none);
	expect(u, "rom", GPU, VERDICT_WARN, "no expansion ROM", "resource", "empty");
	expect_skip(u, "rom", NVME);
}

static void test_bars(void **state)
{
	struct uses *u = *state;

	uses_file(u, GPU, "/resource",
		  "0x00000000f6000000 0x00000000f6ffffff 0x0000000000040200\n"
		  "0x00000000e0000000 0x00000000efffffff 0x000000000014220c\n");
	expect(u, "bars", GPU, VERDICT_PASS, "272 MiB", "resource", "BAR 1: 256 MiB at 0xe0000000");
	uses_file(u, GPU, "/resource",
		  "0x00000000f6000000 0x00000000f6ffffff 0x0000000000040200\n"
		  "0x0000004000000000 0x0000004fffffffff 0x000000000014220c\n");
	expect(u, "bars", GPU, VERDICT_WARN, "more than a guest's firmware", "resource", "64 GiB");
	uses_file(u, GPU, "/resource",
		  "0x0000000000000000 0x0000000fffffffff 0x000000002014220c\n");
	expect(u, "bars", GPU, VERDICT_FAIL, "BAR 0 of 64 GiB has no address", "resource", "64");
	fake_error(&u->k->tree, uses_path(u, GPU, "/resource"), -EACCES);
	expect(u, "bars", GPU, VERDICT_UNKNOWN, "permission denied", "resource", "");
}

static void put_link(struct uses *u, const char *speed, const char *width)
{
	uses_file(u, GPU, "/max_link_speed", "8.0 GT/s PCIe\n");
	uses_file(u, GPU, "/max_link_width", "16\n");
	uses_file(u, GPU, "/current_link_speed", speed);
	uses_file(u, GPU, "/current_link_width", width);
}

static void test_link(void **state)
{
	struct uses *u = *state;

	expect_skip(u, "link-width", GPU);
	put_link(u, "8.0 GT/s PCIe\n", "16\n");
	expect(u, "link-width", GPU, VERDICT_PASS, "x16, 8.0 GT/s", "link_width", "x16 of x16");
	put_link(u, "2.5 GT/s PCIe\n", "16\n");
	expect(u, "link-width", GPU, VERDICT_PASS, "links slow down", "link_speed", "2.5");
	put_link(u, "8.0 GT/s PCIe\n", "4\n");
	expect(u, "link-width", GPU, VERDICT_WARN, "x4 and could run at x16", "link_width",
	       "x4 of x16");
	uses_file(u, GPU, "/power/runtime_status", "suspended\n");
	/* a card that sleeps is not asked, and does not make the host count as not ready */
	expect_skip(u, "link-width", GPU);
}

static void test_power(void **state)
{
	struct uses *u = *state;
	unsigned char ones[64];

	expect_skip(u, "power-state", GPU);
	put_config(u, GPU, 0, 0);
	uses_file(u, GPU, "/power_state", "D0\n");
	expect(u, "power-state", GPU, VERDICT_PASS, "D0", "power_state", "D0");
	uses_file(u, GPU, "/power_state", "D3cold\n");
	uses_file(u, GPU, "/power/runtime_status", "suspended\n");
	expect(u, "power-state", GPU, VERDICT_PASS, "it sleeps (D3cold)", "power_state", "D3cold");
	uses_file(u, GPU, "/power/runtime_status", "active\n");
	memset(ones, 0xff, sizeof(ones));
	fake_bytes(&u->k->tree, uses_path(u, GPU, "/config"), ones, sizeof(ones));
	expect(u, "power-state", GPU, VERDICT_FAIL, "does not answer", "config", "all ones");
}

static void test_numa(void **state)
{
	struct uses *u = *state;
	struct fake_tree *tree = &u->k->tree;

	uses_file(u, GPU, "/numa_node", "1\n");
	fake_file(tree, "sys/devices/system/node/node0/meminfo", "Node 0 MemTotal: 1 kB\n");
	expect_skip(u, "numa-node", GPU);
	fake_file(tree, "sys/devices/system/node/node1/meminfo", "Node 1 MemTotal: 1 kB\n");
	expect(u, "numa-node", GPU, VERDICT_PASS, "NUMA node 1", "numa_node", "1");
	uses_file(u, GPU, "/numa_node", "-1\n");
	expect(u, "numa-node", GPU, VERDICT_WARN, "does not say which", "numa_node", "-1");
}

static void test_sriov(void **state)
{
	struct uses *u = *state;

	expect_skip(u, "sriov", NIC);
	uses_file(u, NIC, "/sriov_totalvfs", "63\n");
	uses_file(u, NIC, "/sriov_numvfs", "0\n");
	expect(u, "sriov", NIC, VERDICT_PASS, "no virtual functions", "sriov_totalvfs", "63");
	uses_file(u, NIC, "/sriov_numvfs", "2\n");
	expect(u, "sriov", NIC, VERDICT_FAIL, "2 virtual functions", "sriov_numvfs", "2");
	fake_link(&u->k->tree, uses_path(u, USB2, "/physfn"), "../0000:02:00.0");
	expect(u, "sriov", USB2, VERDICT_PASS, "a virtual function of " NIC, "physfn", NIC);
	expect_skip(u, "twins", USB2);
}

static void test_variant(void **state)
{
	struct uses *u = *state;
	static const char path[] = "lib/modules/6.12.9/modules.alias";

	expect_skip(u, "variant-driver", NIC);
	set_release(u, "6.12.9\n");
	fake_file(&u->k->tree, path,
		  "# Aliases extracted from modules themselves.\n"
		  "alias pci:v00008086d000015B8sv*sd*bc*sc*i* e1000e\n"
		  "alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\n"
		  "alias vfio_pci:v00008086d*sv*sd*bc*sc*i* some_vfio_pci\n"
		  "alias vfio_pci:v00008086d000015B8sv*sd*bc*sc*i* best_vfio_pci\n"
		  "alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_vfio_pci\n");
	expect(u, "variant-driver", NIC, VERDICT_PASS, "this kernel has best_vfio_pci", path,
	       "some_vfio_pci");
	expect_skip(u, "variant-driver", GPU);
	uses_file(u, NIC, "/uevent",
		  "DRIVER=vfio-pci\nPCI_CLASS=20000\nPCI_ID=8086:15B8\nPCI_SUBSYS_ID=0000:0000\n");
	expect(u, "variant-driver", NIC, VERDICT_WARN, "has best_vfio_pci", path, "best");
	uses_file(u, NIC, "/uevent",
		  "DRIVER=best-vfio-pci\nPCI_CLASS=20000\nPCI_ID=8086:15B8\n"
		  "PCI_SUBSYS_ID=0000:0000\n");
	expect(u, "variant-driver", NIC, VERDICT_PASS, "made for this device", path, "best");
	fake_error(&u->k->tree, path, -ENODATA);
	expect(u, "variant-driver", NIC, VERDICT_UNKNOWN, "not recorded", path, "not recorded");
}

/* Bridges are nobody's device, and all of them survive a machine that says nothing. */
static void test_all(void **state)
{
	struct uses *u = *state;

	for (const struct check *const *check = checks; *check; check++) {
		if ((*check)->scope != CHECK_DEVICE)
			continue;
		if (strcmp((*check)->id, "driver-binding") != 0)
			expect_skip(u, (*check)->id, PORT);
		for (size_t i = 0; i < u->host.n_functions; i++) {
			char name[PCI_ADDRESS_MAX];

			pci_address_format(u->host.functions[i].address, name);
			judge_device(u, (*check)->id, name);
			if (verdict.kind != VERDICT_SKIP)
				assert_true(*verdict.sentence && verdict.n_evidence > 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		USES_TEST(driver_binding),
		USES_TEST(group_viability),
		USES_TEST(group_isolation),
		USES_TEST(reserved_regions),
		USES_TEST(twins),
		USES_TEST(boot_display),
		USES_TEST(reset),
		USES_TEST(rom),
		USES_TEST(bars),
		USES_TEST(link),
		USES_TEST(power),
		USES_TEST(numa),
		USES_TEST(sriov),
		USES_TEST(variant),
		USES_TEST(all),
	};

	return cmocka_run_group_tests_name("check_device", tests, NULL, NULL);
}
