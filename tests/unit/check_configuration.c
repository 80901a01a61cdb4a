// SPDX-License-Identifier: MIT
// The checks about configuration and resources: for each of them what makes it warn or fail on a
// host that otherwise passes.

#include "tests/unit/check_host.h"

/* ---- configuration ---- */

static void iommu_parameters(void **state)
{
	(void)state;
	ready();
	command_line("intel_iommu=on,sm_on iommu=pt,nomerge iommu.strict=1 iommu.passthrough=off");
	expect("iommu-parameters", VERDICT_PASS, "", "proc/cmdline", "sm_on");
	command_line("intel_iommu=1");
	expect("iommu-parameters", VERDICT_WARN, "1 is no value of intel_iommu", "proc/cmdline",
	       "intel_iommu=1");
	command_line("intel_iommu=on iommu=1");
	expect("iommu-parameters", VERDICT_WARN, "no value of iommu", NULL, NULL);
	command_line("iommu=on");
	expect("iommu-parameters", VERDICT_WARN, "no value of iommu", NULL, NULL);
	command_line("amd_iommu=on");
	expect("iommu-parameters", VERDICT_WARN, "no value of amd_iommu", "proc/cmdline",
	       "GenuineIntel");
	command_line("intel_iommu");
	expect("iommu-parameters", VERDICT_WARN, "without a value", NULL, NULL);
	command_line("iommu.passthrough=pt");
	expect("iommu-parameters", VERDICT_WARN, "must be 0 or 1", NULL, NULL);
	/* a virtual machine with Intel's IOMMU on a processor of AMD */
	processor("AuthenticAMD", "svm", 48);
	command_line("intel_iommu=on");
	expect("iommu-parameters", VERDICT_PASS, "", NULL, NULL);
	ready_amd();
	command_line("intel_iommu=on");
	expect("iommu-parameters", VERDICT_WARN, "processor of AuthenticAMD", NULL, NULL);
	command_line("amd_iommu=pgtbl_v2,force_isolation");
	expect("iommu-parameters", VERDICT_PASS, "", NULL, NULL);
	denied("proc/cmdline");
	expect("iommu-parameters", VERDICT_UNKNOWN, "permission denied", NULL, NULL);
}

static void parameter_spelling(void **state)
{
	static const char *const wrong[][2] = {
		{ "vfio-pci-ids=10de:1c82", "vfio_pci.ids" },
		{ "vfio_pci.id=10de:1c82", "vfio_pci.ids" },
		{ "vfio-pci=10de:1c82", "vfio-pci.ids" },
		{ "vfiopci.ids=10de:1c82", "vfio_pci.ids" },
		{ "intel_iomm=on", "intel_iommu" },
		{ "intel_immou=on", "intel_iommu" },
		{ "iommu.passthru=1", "" },
		{ "pci_acs_override=downstream", "pcie_acs_override" },
		{ "hugepage=4", "hugepages" },
		{ "default_hugepagsz=1G", "default_hugepagesz" },
		{ "rd.drive.pre=vfio-pci", "rd.driver.pre" },
	};
	static const char fine[] =
		"intel-iommu=on vfio-pci.ids=10de:1c82 vfio_pci.disable_idle_d3=1 hugepagesz=1G "
		"hugepages=4 default_hugepagesz=1G iommu=pt amd_pstate=active nomodeset splash "
		"hugetlb_cma=1G rd.driver.post=x transparent_hugepage=never "
		"intel_idle.max_cstate=1 "
		"intel_pstate=disable pcie_aspm=off pci=realloc module.sig_enforce kvm.nx=1 "
		"rd.luks.uuid=x systemd.unit=x passthru.boot=1 iommu.forcedac=1 pcie_ports=native";

	(void)state;
	ready();
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		command_line(wrong[i][0]);
		if (*wrong[i][1])
			expect("parameter-spelling", VERDICT_WARN, wrong[i][1], "proc/cmdline",
			       wrong[i][0]);
	}
	command_line(fine);
	expect("parameter-spelling", VERDICT_PASS, "", NULL, NULL);
}

static void vfio_ids_that_nothing_has(void **state)
{
	(void)state;
	ready();
	has("etc/modprobe.d/vfio.conf", "options vfio-pci ids=10de:1c82,10de:ffff\n");
	expect("vfio-ids", VERDICT_WARN, "10de:ffff", "etc/modprobe.d/vfio.conf:1", "no device");
	has("etc/modprobe.d/vfio.conf", "options vfio-pci ids=10de:1c82:1043:8694:030000:ff0000\n");
	expect("vfio-ids", VERDICT_PASS, "", "vfio.conf:1", "0000:01:00.0");
	has("etc/modprobe.d/vfio.conf", "options vfio-pci ids=10de:1c82:1043:0001\n");
	expect("vfio-ids", VERDICT_WARN, "no device", NULL, NULL);
	has("etc/modprobe.d/vfio.conf", "options vfio-pci ids=10de:1c82:ffffffff:ffffffff:040000:"
					"ff0000\n");
	expect("vfio-ids", VERDICT_WARN, "no device", NULL, NULL);
}

static void vfio_ids_malformed(void **state)
{
	static const char *const wrong[] = { "10de", "10de-1c82",    "10de:1c82:",
					     "zz:1", "0000:01:00.0", "1:2:3:4:5:6:7" };
	char line[2048];

	(void)state;
	ready();
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		snprintf(line, sizeof(line), "options vfio-pci ids=%s\n", wrong[i]);
		has("etc/modprobe.d/vfio.conf", line);
		expect("vfio-ids", VERDICT_FAIL, wrong[i], "vfio.conf:1", "malformed");
	}
	has("etc/modprobe.d/vfio.conf", "options vfio-pci ids=\n");
	expect("vfio-ids", VERDICT_WARN, "empty", NULL, NULL);
	int n = snprintf(line, sizeof(line), "options vfio-pci ids=10de:1c82");
	while (n < 1200)
		n += snprintf(line + n, sizeof(line) - (size_t)n, ",10de:1c82");
	has("etc/modprobe.d/vfio.conf", line);
	expect("vfio-ids", VERDICT_FAIL, "longer than 1023", NULL, NULL);
}

static void vfio_ids_in_several_places(void **state)
{
	(void)state;
	ready();
	has("etc/modprobe.d/a.conf", "options vfio-pci ids=10de:0fb9 disable_vga=1\n");
	expect("vfio-ids", VERDICT_WARN, "only the last one", "a.conf:1", "replaced");
	fake_remove(&machine.tree, "etc/modprobe.d/a.conf");
	command_line("vfio-pci.ids=10de:1c82");
	expect("vfio-ids", VERDICT_WARN, "proc/cmdline", "vfio.conf:1", "replaced");
	fake_remove(&machine.tree, "etc/modprobe.d");
	expect("vfio-ids", VERDICT_PASS, "", "proc/cmdline", "0000:01:00.0");
	command_line("");
	expect("vfio-ids", VERDICT_SKIP, "", NULL, NULL);
	denied("etc/modprobe.d/x.conf");
	expect("vfio-ids", VERDICT_UNKNOWN, "permission denied", NULL, NULL);
}

static void vfio_ids_of_twins_and_displays(void **state)
{
	(void)state;
	ready();
	function("0000:03:00.0", "10de:1c82", "030000", NULL, 3);
	expect("vfio-ids", VERDICT_WARN, "more than one device", "vfio.conf:1", "0000:03:00.0");
	has("etc/modprobe.d/vfio.conf", "options vfio-pci ids=8086:1912\n");
	expect("vfio-ids", VERDICT_WARN, "boot messages", "vfio.conf:1", "0000:00:02.0");
	fake_remove(&machine.tree, "sys/bus/pci/devices/0000:01:00.0");
	fake_remove(&machine.tree, "sys/bus/pci/devices/0000:03:00.0");
	expect("vfio-ids", VERDICT_FAIL, "only display", "vfio.conf:1", "0000:00:02.0");
}

static void vfio_ids_for_a_built_in_driver(void **state)
{
	(void)state;
	ready();
	has(MODULES "/modules.builtin", "kernel/drivers/vfio/pci/vfio-pci.ko\n");
	expect("vfio-ids", VERDICT_FAIL, "built into the kernel", "vfio.conf:1", "no effect");
	assert_non_null(strstr(verdict.fix, "vfio-pci.ids=10de:1c82,10de:0fb9"));
	command_line("vfio-pci.ids=10de:1c82");
	expect("vfio-ids", VERDICT_WARN, "built into the kernel", NULL, NULL);
}

static void blacklist_effect(void **state)
{
	(void)state;
	ready();
	has("proc/modules", "nouveau 1 0 - Live 0x0\n");
	expect("blacklist-effect", VERDICT_WARN, "loaded all the same", "proc/modules", "nouveau");
	has("proc/modules", "");
	has("etc/modprobe.d/b.conf", "softdep vfio-pci post: nouveau\n");
	expect("blacklist-effect", VERDICT_WARN, "soft dependency of vfio-pci", "b.conf:1",
	       "nouveau");
	has("etc/modprobe.d/b.conf", "blacklist pcspkr\nblacklist ahci\n");
	expect("blacklist-effect", VERDICT_WARN, "built into the kernel", "modules.builtin",
	       "ahci");
	has("etc/modprobe.d/b.conf", "install snd-hda-intel /usr/bin/false\n");
	expect("blacklist-effect", VERDICT_WARN, "nor what needs it", "modules.dep",
	       "snd-hda-codec-hdmi");
	has("etc/modprobe.d/b.conf", "install snd-hda-intel /sbin/modprobe --ignore-install x\n");
	expect("blacklist-effect", VERDICT_PASS, "", NULL, NULL);
	has("proc/modules", "i915 1 0 - Live 0x0\n");
	command_line("modprobe.blacklist=pcspkr,i915");
	expect("blacklist-effect", VERDICT_WARN, "i915", "proc/cmdline", "i915");
	command_line("");
	fake_remove(&machine.tree, "etc/modprobe.d");
	expect("blacklist-effect", VERDICT_SKIP, "", NULL, NULL);
}

static void acs_override(void **state)
{
	(void)state;
	ready();
	command_line("pcie_acs_override=downstream,multifunction");
	expect("acs-override", VERDICT_WARN, "Linux does not know", "proc/cmdline", "downstream");
	has("proc/sys/kernel/osrelease", "6.8.12-4-pve\n");
	expect("acs-override", VERDICT_WARN, "carries the ACS override patch", "osrelease", "pve");
}

static void framebuffer_parameters(void **state)
{
	(void)state;
	ready();
	command_line("video=efifb:off");
	expect("framebuffer-parameters", VERDICT_WARN, "not needed", "osrelease", RELEASE);
	has("boot/config-" RELEASE, CONFIG "CONFIG_SYSFB_SIMPLEFB=y\n");
	expect("framebuffer-parameters", VERDICT_WARN, "does nothing", "boot/config", "SIMPLEFB");
	has("boot/config-" RELEASE, "# CONFIG_FB_EFI is not set\n");
	expect("framebuffer-parameters", VERDICT_WARN, "no efifb", NULL, NULL);
	command_line("video=vesafb:off,efifb:off");
	expect("framebuffer-parameters", VERDICT_WARN, "says nothing to efifb", NULL, NULL);
	command_line("initcall_blacklist=a,sysfb_init");
	expect("framebuffer-parameters", VERDICT_WARN, "rescue prompt", NULL, NULL);
	command_line("video=HDMI-A-1:1920x1080 initcall_blacklist=acpi_cpufreq_init");
	expect("framebuffer-parameters", VERDICT_PASS, "", NULL, NULL);
}

static void stale_modules(void **state)
{
	(void)state;
	ready();
	has("etc/initramfs-tools/modules", "# x\nvfio\nvfio-virqfd\n");
	expect("stale-modules", VERDICT_WARN, "no installed kernel has",
	       "etc/initramfs-tools/modules:3", "vfio-virqfd");
	has("usr/lib/modules/6.1.0/modules.dep", "kernel/drivers/vfio/vfio_virqfd.ko:\n");
	has("usr/lib/modules/6.1.0/modules.builtin", "");
	expect("stale-modules", VERDICT_PASS, "6.1.0", NULL, NULL);
	fake_remove(&machine.tree, "etc/initramfs-tools");
	denied("etc/dracut.conf");
	expect("stale-modules", VERDICT_UNKNOWN, "permission denied", NULL, NULL);
}

static void other_tools(void **state)
{
	static const struct {
		const char *path, *text, *sentence;
	} rows[] = {
		{ "etc/driverctl.d/pci-0000:01:00.0", "vfio-pci\n", "driverctl binds" },
		{ "etc/pve/qemu-server/100.conf", "memory: 4096\nhostpci0: 01:00\n", "Proxmox" },
		{ "etc/vfio-gpu-passthrough.conf", "GUEST_GPU_BDF=x\n", "vfio.sh" },
		{ "etc/modprobe.d/x.conf", "install vfio-pci /usr/bin/vfio-pci-override.sh\n",
		  "script of a guide" },
		{ "etc/udev/rules.d/99-x.rules", "RUN+=\"sh -c 'echo 1 2 > .../new_id'\"\n",
		  "new_id" },
		{ "etc/systemd/system/x.service", "ExecStart=sh -c 'echo 1 2 > new_id'\n",
		  "new_id" },
		{ "etc/libvirt/hooks/qemu", "#!/bin/sh\nvirsh nodedev-detach x\n", "virsh" },
		{ "etc/libvirt/hooks/qemu.d/win/prepare/begin/start.sh", "virsh list\n", "virsh" },
	};

	(void)state;
	ready();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		has(rows[i].path, rows[i].text);
		expect("other-tools", VERDICT_WARN, rows[i].sentence, rows[i].path, "");
		fake_remove(&machine.tree, rows[i].path);
	}
	has("etc/libvirt/hooks/qemu", "#!/bin/sh\n# no virsh here\n");
	has("etc/kernel/proxmox-boot-uuids", "x\n");
	expect("other-tools", VERDICT_PASS, "Proxmox", "proxmox-boot-uuids", "there");
	fake_remove(&machine.tree, "etc/kernel");
	denied("etc/libvirt/hooks/qemu");
	expect("other-tools", VERDICT_UNKNOWN, "permission denied", NULL, NULL);
}

/* ---- resources ---- */

static void huge_pages(void **state)
{
	(void)state;
	ready();
	command_line("hugepagesz=1G hugepages=4");
	expect("huge-pages", VERDICT_WARN, "no huge pages of 1 GiB", "proc/cmdline", "hugepages=4");
	has("sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "3\n");
	has("sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", "3\n");
	expect("huge-pages", VERDICT_WARN, "of 4 huge pages of 1 GiB only 3", "1048576kB",
	       "3 pages");
	has("sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "4\n");
	command_line("hugepagesz=1G hugepages=0:2,1:2");
	expect("huge-pages", VERDICT_PASS, "3 GiB", NULL, NULL);
	command_line("default_hugepagesz=1G hugepages=8");
	expect("huge-pages", VERDICT_WARN, "of 8", NULL, NULL);
	denied("sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages");
	expect("huge-pages", VERDICT_UNKNOWN, "permission denied", NULL, NULL);
}

static void memory_lock(void **state)
{
	(void)state;
	ready();
	has("proc/self/limits",
	    "Max locked memory         8388608              8388608    bytes\n");
	expect("memory-lock", VERDICT_WARN, "8 MiB", "proc/self/limits", "8 MiB");
	has("proc/self/limits", "Max locked memory  17179869184  17179869184    bytes\n");
	expect("memory-lock", VERDICT_PASS, "16 GiB", NULL, NULL);
	denied("proc/self/limits");
	expect("memory-lock", VERDICT_UNKNOWN, "permission denied", NULL, NULL);
}

static void guest_memory(void **state)
{
	(void)state;
	ready();
	has("proc/meminfo", "MemTotal: 16000000 kB\nMemAvailable: 1048576 kB\n");
	expect("guest-memory", VERDICT_WARN, "only 1 GiB", "proc/meminfo", "MemAvailable");
	has("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "4096\n");
	expect("guest-memory", VERDICT_PASS, "8 GiB", "hugepages", "8 GiB");
	denied("proc/meminfo");
	expect("guest-memory", VERDICT_UNKNOWN, "permission denied", NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(iommu_parameters),
		MACHINE_TEST(parameter_spelling),
		MACHINE_TEST(vfio_ids_that_nothing_has),
		MACHINE_TEST(vfio_ids_malformed),
		MACHINE_TEST(vfio_ids_in_several_places),
		MACHINE_TEST(vfio_ids_of_twins_and_displays),
		MACHINE_TEST(vfio_ids_for_a_built_in_driver),
		MACHINE_TEST(blacklist_effect),
		MACHINE_TEST(acs_override),
		MACHINE_TEST(framebuffer_parameters),
		MACHINE_TEST(stale_modules),
		MACHINE_TEST(other_tools),
		MACHINE_TEST(huge_pages),
		MACHINE_TEST(memory_lock),
		MACHINE_TEST(guest_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
