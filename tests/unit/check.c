// SPDX-License-Identifier: MIT
// The checks about platform and kernel, and what holds for all of them: one host that passes them
// all, and for each of them what makes it say something else, what it then says and on which
// evidence. What could not be read is unknown.

#include "tests/unit/check_host.h"

/* ---- all of them ---- */

static void all_pass(void **state)
{
	const struct selection none = { 0 };
	struct verdict *verdicts;
	struct err e = { 0 };
	size_t n;

	(void)state;
	ready();
	function("0000:03:00.0", "144d:a80a", "010802", "vfio-pci", 3);
	has(RESERVE_FILE,
	    RESERVE_HEADER "0000:03:00.0 144d:a80a 1043:8694 010802 - - 0 vfio-pci\n");
	assert_int_equal(host_read_pci(&host, &e), 0);
	host_read_facts(&host);
	check_run(&host, &none, &host.arena, &verdicts, &n);
	for (size_t i = 0; i < n; i++) {
		if (verdicts[i].kind != VERDICT_PASS)
			fail_msg("%s: %s", verdicts[i].check->id, verdicts[i].sentence);
		assert_true(*verdicts[i].sentence);
		assert_true(verdicts[i].n_evidence > 0 ||
			    str_eq(verdicts[i].check->id, "other-tools") ||
			    str_eq(verdicts[i].check->id, "stale-modules"));
		assert_null(verdicts[i].function);
	}
	for (const struct check *const *check = checks; *check; check++) {
		bool found = (*check)->scope == CHECK_DEVICE;
		for (size_t i = 0; i < n; i++)
			found |= verdicts[i].check == *check;
		if (!found)
			fail_msg("%s did not pass", (*check)->id);
	}
}

/* A tree without anything: nothing fails, nothing crashes. */
static void nothing_known(void **state)
{
	struct err e = { 0 };

	(void)state;
	fake_directory(&machine.tree, "sys/bus/pci/devices");
	assert_int_equal(host_read_pci(&host, &e), 0);
	host_read_facts(&host);
	for (const struct check *const *check = checks; *check; check++) {
		if ((*check)->scope == CHECK_DEVICE)
			continue;
		judge((*check)->id);
		if (verdict.kind == VERDICT_FAIL || verdict.kind == VERDICT_WARN)
			fail_msg("%s: %s", (*check)->id, verdict.sentence);
	}
}

static void registry(void **state)
{
	(void)state;
	for (const struct check *const *check = checks; *check; check++) {
		assert_ptr_equal(check_find((*check)->id), *check);
		assert_true(*(*check)->title && *(*check)->area);
	}
	assert_null(check_find("nothing"));
}

static void evidence_has_a_limit(void **state)
{
	struct verdict v = { .arena = &host.arena };

	(void)state;
	for (int i = 0; i < 3 * VERDICT_EVIDENCE_MAX; i++)
		verdict_evidence(&v, "x", "%d", i);
	assert_int_equal(v.n_evidence, VERDICT_EVIDENCE_MAX);
	verdict_unknown(&v, "x", -ENODATA);
	assert_string_equal(v.sentence, "x: not recorded");
	verdict_unknown(&v, "x", -EACCES);
	assert_string_equal(v.sentence, "x: permission denied, needs root");
	assert_non_null(v.fix);
}

/* ---- platform ---- */

static void cpu_virtualisation(void **state)
{
	(void)state;
	ready();
	processor("AuthenticAMD", "sse", 48);
	expect("cpu-virtualisation", VERDICT_FAIL, "off, or missing", "proc/cpuinfo", "neither");
	assert_non_null(strstr(verdict.fix, "SVM"));
	processor("GenuineIntel", "hypervisor", 48);
	expect("cpu-virtualisation", VERDICT_FAIL, "virtual machine", NULL, NULL);
	denied("proc/cpuinfo");
	expect("cpu-virtualisation", VERDICT_UNKNOWN, "permission denied", NULL, NULL);
	fake_error(&machine.tree, "proc/cpuinfo", 0);
	has("proc/cpuinfo", "CPU implementer\t: 0x41\n");
	expect("cpu-virtualisation", VERDICT_SKIP, "", NULL, NULL);
}

static void kvm_device(void **state)
{
	(void)state;
	ready();
	fake_remove(&machine.tree, "sys/class/misc");
	has("proc/modules", "");
	expect("kvm-device", VERDICT_FAIL, "not running", MODULES, "no kvm_intel");
	has(MODULES "/modules.dep", "kernel/arch/x86/kvm/kvm-intel.ko:\n");
	expect("kvm-device", VERDICT_FAIL, "not running", "proc/modules", "no kvm_intel");
	assert_string_equal(verdict.command, "modprobe kvm_intel");
	fake_link(&machine.tree, "sys/class/misc/kvm", "x");
	fake_error(&machine.tree, "sys/class/misc/kvm", -EACCES);
	has("sys/devices/virtual/misc/kvm/dev", "");
	fake_error(&machine.tree, "sys/devices/virtual/misc/kvm/dev", -EACCES);
	expect("kvm-device", VERDICT_UNKNOWN, "permission denied", NULL, NULL);
}

static void iommu_off_by_parameter(void **state)
{
	(void)state;
	ready();
	without_iommu();
	command_line("intel_iommu=on,off");
	expect("iommu-active", VERDICT_FAIL, "turned off by the kernel parameter", "proc/cmdline",
	       "intel_iommu=on,off");
	command_line("intel_iommu=off intel_iommu=on iommu=soft,off");
	expect("iommu-active", VERDICT_FAIL, "iommu=soft,off", NULL, NULL);
	command_line("intel_iommu=off intel_iommu=on");
	expect("iommu-active", VERDICT_FAIL, "cannot be told", "proc/cmdline", "intel_iommu=on");
}

static void iommu_off_for_other_reasons(void **state)
{
	(void)state;
	ready();
	without_iommu();
	command_line("quiet");
	expect("iommu-active", VERDICT_FAIL, "was not told to use it", "proc/cmdline",
	       "no intel_iommu=on");
	denied("sys/firmware/acpi/tables/DMAR"); /* it is there, which is what counts */
	expect("iommu-active", VERDICT_FAIL, "was not told to use it", "DMAR", "there");
	has("boot/config-" RELEASE, CONFIG "CONFIG_INTEL_IOMMU_DEFAULT_ON=y\n");
	expect("iommu-active", VERDICT_FAIL, "cannot be told", NULL, NULL);
	fake_remove(&machine.tree, "sys/firmware");
	expect("iommu-active", VERDICT_FAIL, "firmware describes none", "DMAR", "not there");
	assert_non_null(strstr(verdict.fix, "VT-d"));
	has("boot/config-" RELEASE, "CONFIG_VFIO=m\n");
	expect("iommu-active", VERDICT_FAIL, "built without CONFIG_INTEL_IOMMU", "boot/config-",
	       "not set");
	has("boot/config-" RELEASE, CONFIG);
	processor("AuthenticAMD", "svm hypervisor", 48);
	expect("iommu-active", VERDICT_FAIL, "virtual machine", NULL, NULL);
}

static void iommu_off_by_checksum(void **state)
{
	struct fake_node *node;

	(void)state;
	ready_amd();
	without_iommu();
	node = fake_find(&machine.tree, "sys/firmware/acpi/tables/IVRS");
	node->data[9] ^= 1;
	expect("iommu-active", VERDICT_FAIL, "checksum", NULL, NULL);
	expect("firmware-tables", VERDICT_FAIL, "checksum", "IVRS", "wrong");
}

static void iommu_groups_without_unit(void **state)
{
	(void)state;
	ready();
	fake_remove(&machine.tree, "sys/class/iommu");
	expect("iommu-active", VERDICT_UNKNOWN, "no unit", "iommu_groups", "3 groups");
	has("sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n");
	expect("iommu-active", VERDICT_FAIL, "no-IOMMU mode", "enable_unsafe_noiommu_mode", "Y");
	fake_remove(&machine.tree, "sys/kernel/iommu_groups");
	fake_directory(&machine.tree, "sys/kernel/iommu_groups");
	has(UNIT "cap", "1c0000c40660462\n");
	expect("iommu-active", VERDICT_FAIL, "no device is in a group", NULL, NULL);
}

static void iommu_not_known(void **state)
{
	(void)state;
	ready();
	without_iommu();
	fake_directory(&machine.tree, "sys/class/iommu");
	fake_error(&machine.tree, "sys/class/iommu", -EACCES);
	expect("iommu-active", VERDICT_UNKNOWN, "permission denied", NULL, NULL);
	fake_error(&machine.tree, "sys/class/iommu", -ENODATA);
	expect("iommu-active", VERDICT_UNKNOWN, "not recorded", NULL, NULL);
	fake_remove(&machine.tree, "sys/class/iommu");
	fake_remove(&machine.tree, "proc/sys");
	expect("iommu-active", VERDICT_UNKNOWN, "not running", NULL, NULL);
}

static void firmware_tables(void **state)
{
	(void)state;
	ready();
	fake_find(&machine.tree, "sys/firmware/acpi/tables/DMAR")->data[9] ^= 1;
	expect("firmware-tables", VERDICT_WARN, "checksum", "DMAR", "wrong");
	fake_find(&machine.tree, "sys/firmware/acpi/tables/DMAR")->data[50] = 1;
	expect("firmware-tables", VERDICT_WARN, "malformed", "DMAR", "0x30");
	denied("sys/firmware/acpi/tables/DMAR");
	expect("firmware-tables", VERDICT_UNKNOWN, "permission denied", NULL, NULL);
	fake_remove(&machine.tree, "sys/firmware");
	expect("firmware-tables", VERDICT_SKIP, "", NULL, NULL);
}

static void interrupt_remapping(void **state)
{
	(void)state;
	ready();
	has("proc/interrupts", " CPU0\n 0: 9 IO-APIC 2-edge timer\n");
	expect("interrupt-remapping", VERDICT_FAIL, "VFIO refuses", "proc/interrupts", "IR-");
	command_line("intremap=off");
	expect("interrupt-remapping", VERDICT_FAIL, "VFIO refuses", "proc/cmdline", "intremap=off");
	command_line("");
	dmar(0);
	expect("interrupt-remapping", VERDICT_FAIL, "VFIO refuses", "DMAR", "INTR_REMAP");
	dmar(DMAR_INTR_REMAP);
	has(UNIT "ecap", "2\n");
	expect("interrupt-remapping", VERDICT_FAIL, "VFIO refuses", "dmar0", "bit 3");
	has("sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "Y\n");
	expect("interrupt-remapping", VERDICT_WARN, "accept", "allow_unsafe", "Y");
	denied("proc/interrupts");
	expect("interrupt-remapping", VERDICT_UNKNOWN, "permission denied", NULL, NULL);
	without_iommu();
	expect("interrupt-remapping", VERDICT_SKIP, "", NULL, NULL);
}

static void iommu_address_width(void **state)
{
	(void)state;
	ready();
	processor("GenuineIntel", "vmx", 46);
	expect("iommu-address-width", VERDICT_WARN, "39 bits", "dmar0", "1c0000c40660462");
	assert_non_null(strstr(verdict.fix, "host-phys-bits-limit=39"));
	denied(UNIT "cap");
	expect("iommu-address-width", VERDICT_UNKNOWN, "permission denied", NULL, NULL);
	fake_remove(&machine.tree, "sys/class/iommu");
	expect("iommu-address-width", VERDICT_SKIP, "", NULL, NULL);
}

static void preboot_dma_protection(void **state)
{
	(void)state;
	ready_amd();
	expect("preboot-dma-protection", VERDICT_PASS, "no region", "IVRS", "off");
	ivrs(true, true);
	expect("preboot-dma-protection", VERDICT_WARN, "the kernel refuses", "IVRS", "offset 72");
	has("proc/sys/kernel/osrelease", "6.1.0\n");
	expect("preboot-dma-protection", VERDICT_WARN, "kernels since 6.6", NULL, NULL);
	denied("sys/firmware/acpi/tables/IVRS");
	expect("preboot-dma-protection", VERDICT_UNKNOWN, "permission denied", NULL, NULL);
}

static void default_domain(void **state)
{
	(void)state;
	ready();
	command_line("intel_iommu=on iommu=pt");
	for (int i = 0; i < 3; i++) {
		char path[64];
		snprintf(path, sizeof(path), "sys/kernel/iommu_groups/%d/type", i);
		has(path, "identity\n");
	}
	expect("default-domain", VERDICT_WARN, "reach all", "proc/cmdline", "iommu=pt");
	has("sys/kernel/iommu_groups/0/type", "DMA\n");
	has("sys/kernel/iommu_groups/1/type", "DMA-FQ\n");
	expect("default-domain", VERDICT_PASS, "confined", NULL, NULL);
}

/* ---- kernel ---- */

static void kernel_config(void **state)
{
	(void)state;
	ready();
	has("boot/config-6.18.1", "CONFIG_VFIO=m\n");
	has("usr/lib/modules/6.18.1/modules.builtin", "");
	expect("kernel-config", VERDICT_WARN, "installed kernel 6.18.1", "boot/config-6.18.1",
	       "VFIO_PCI");
	has("boot/config-" RELEASE, "CONFIG_VFIO=m\nCONFIG_VFIO_PCI=m\nCONFIG_VFIO_IOMMU_TYPE1=m\n"
				    "# CONFIG_VFIO_GROUP is not set\n# CONFIG_INTEL_IOMMU is not "
				    "set\nCONFIG_IRQ_REMAP=y\n");
	expect("kernel-config", VERDICT_FAIL, "INTEL_IOMMU", "boot/config-" RELEASE,
	       "VFIO_GROUP or VFIO_DEVICE_CDEV");
	denied("boot/config-" RELEASE);
	fake_remove(&machine.tree, "boot/config-6.18.1");
	expect("kernel-config", VERDICT_UNKNOWN, "permission denied", NULL, NULL);
	fake_remove(&machine.tree, "boot");
	expect("kernel-config", VERDICT_UNKNOWN, "not there", NULL, NULL);
	fake_remove(&machine.tree, "proc/sys");
	fake_remove(&machine.tree, "usr");
	expect("kernel-config", VERDICT_UNKNOWN, "usr/lib/modules", NULL, NULL);
}

static void kernel_config_before_groups(void **state)
{
	(void)state;
	ready();
	has("proc/sys/kernel/osrelease", "6.1.0\n");
	has("boot/config-6.1.0", "CONFIG_VFIO=m\nCONFIG_VFIO_PCI=m\nCONFIG_VFIO_IOMMU_TYPE1=m\n"
				 "CONFIG_INTEL_IOMMU=y\nCONFIG_IRQ_REMAP=y\n");
	has("usr/lib/modules/6.1.0/modules.builtin", "");
	expect("kernel-config", VERDICT_PASS, "", "boot/config-6.1.0", "all");
}

static void vfio_modules(void **state)
{
	(void)state;
	ready();
	has("usr/lib/modules/6.18.1/modules.dep", "kernel/drivers/vfio/vfio.ko:\n");
	has("usr/lib/modules/6.18.1/modules.builtin", "");
	expect("vfio-modules", VERDICT_WARN, "installed kernel 6.18.1 has no vfio_pci",
	       "6.18.1/modules.dep", "no vfio_pci");
	has("proc/modules", "");
	has(MODULES "/modules.dep", "kernel/drivers/vfio/vfio.ko:\n");
	expect("vfio-modules", VERDICT_FAIL, "running kernel", NULL, NULL);
	denied(MODULES "/modules.dep");
	fake_remove(&machine.tree, "usr/lib/modules/6.18.1");
	expect("vfio-modules", VERDICT_UNKNOWN, "permission denied", NULL, NULL);
	fake_remove(&machine.tree, MODULES);
	expect("vfio-modules", VERDICT_FAIL, "are gone", MODULES, "not there");
	has("proc/modules", "vfio_pci 1 0 - Live 0x0\n");
	expect("vfio-modules", VERDICT_WARN, "vfio_pci is loaded", NULL, NULL);
	has("boot/config-" RELEASE, "CONFIG_VFIO=y\nCONFIG_VFIO_PCI=y\nCONFIG_VFIO_IOMMU_TYPE1=y\n"
				    "# CONFIG_MODULES is not set\n");
	expect("vfio-modules", VERDICT_PASS, "", NULL, NULL);
	has("proc/modules", "");
	has("boot/config-" RELEASE, "CONFIG_VFIO=y\n# CONFIG_MODULES is not set\n");
	expect("vfio-modules", VERDICT_FAIL, "vfio_pci", "boot/config", "vfio_pci");
}

static void vfio_modules_without_a_list(void **state)
{
	(void)state;
	ready();
	has("proc/modules", "");
	fake_remove(&machine.tree, MODULES "/modules.dep");
	fake_remove(&machine.tree, "boot");
	expect("vfio-modules", VERDICT_FAIL, "no vfio", MODULES "/modules.dep", "no vfio");
}

static void vfio_modules_before_6_2(void **state)
{
	(void)state;
	ready();
	has("usr/lib/modules/6.1.0/modules.dep", MODULES_DEP);
	has("usr/lib/modules/6.1.0/modules.builtin", "");
	has("boot/config-6.1.0", CONFIG "CONFIG_VFIO_VIRQFD=m\n");
	expect("vfio-modules", VERDICT_WARN, "vfio_virqfd", NULL, NULL);
	has("usr/lib/modules/6.1.0/modules.dep",
	    MODULES_DEP "kernel/drivers/vfio/vfio_virqfd.ko:\n");
	expect("vfio-modules", VERDICT_PASS, "", NULL, NULL);
}

static void lockdown(void **state)
{
	(void)state;
	ready();
	has("sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	fake_bytes(&machine.tree, KERNEL_SECURE_BOOT, "\6\0\0\0\1", 5);
	expect("lockdown", VERDICT_WARN, "VFIO works", "SecureBoot", "byte 4: 1");
	denied("sys/kernel/security/lockdown");
	expect("lockdown", VERDICT_UNKNOWN, "permission denied", NULL, NULL);
	fake_remove(&machine.tree, "sys/kernel/security");
	expect("lockdown", VERDICT_PASS, "no lockdown", NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(all_pass),
		MACHINE_TEST(nothing_known),
		cmocka_unit_test(registry),
		MACHINE_TEST(evidence_has_a_limit),
		MACHINE_TEST(cpu_virtualisation),
		MACHINE_TEST(kvm_device),
		MACHINE_TEST(iommu_off_by_parameter),
		MACHINE_TEST(iommu_off_for_other_reasons),
		MACHINE_TEST(iommu_off_by_checksum),
		MACHINE_TEST(iommu_groups_without_unit),
		MACHINE_TEST(iommu_not_known),
		MACHINE_TEST(firmware_tables),
		MACHINE_TEST(interrupt_remapping),
		MACHINE_TEST(iommu_address_width),
		MACHINE_TEST(preboot_dma_protection),
		MACHINE_TEST(default_domain),
		MACHINE_TEST(kernel_config),
		MACHINE_TEST(kernel_config_before_groups),
		MACHINE_TEST(vfio_modules),
		MACHINE_TEST(vfio_modules_without_a_list),
		MACHINE_TEST(vfio_modules_before_6_2),
		MACHINE_TEST(lockdown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
