// SPDX-License-Identifier: MIT
// Facts about the platform: processor, KVM, IOMMU units and their registers, firmware tables and
// the evidence for interrupt remapping.

#include "tests/unit/facts.h"

#include "base/text.h"

static const struct platform_facts *read_platform(void)
{
	host_read_facts(&host);
	return &host.facts->platform;
}

static void processor_intel(void **state)
{
	(void)state;
	has("proc/cpuinfo", "processor\t: 0\n"
			    "vendor_id\t: GenuineIntel\n"
			    "flags\t\t: fpu vme vmx est\n"
			    "vmx flags\t: vnmi preemption_timer\n"
			    "address sizes\t: 39 bits physical, 48 bits virtual\n\n"
			    "processor\t: 1\nvendor_id\t: Other\n");
	const struct platform_facts *p = read_platform();
	assert_string_equal(p->vendor.value, "GenuineIntel");
	assert_true(p->has_vmx);
	assert_false(p->has_svm);
	assert_false(p->in_guest);
	assert_int_equal(p->physical_bits.value, 39);
}

static void processor_amd_guest(void **state)
{
	(void)state;
	has("proc/cpuinfo", "vendor_id\t: AuthenticAMD\nflags\t\t: svm hypervisor\n"
			    "address sizes\t: about 40\n");
	const struct platform_facts *p = read_platform();
	assert_true(p->has_svm);
	assert_true(p->in_guest);
	assert_int_equal(p->physical_bits.error, -EBADMSG);
}

static void processor_flags_are_words(void **state)
{
	(void)state;
	has("proc/cpuinfo", "vendor_id\t: GenuineIntel\nflags\t\t: xvmx vmxx svm_lock\n");
	assert_false(read_platform()->has_vmx);
	assert_false(host.facts->platform.has_svm);
}

static void processor_of_another_kind(void **state)
{
	(void)state;
	has("proc/cpuinfo", "processor\t: 0\nCPU implementer\t: 0x41\n");
	assert_int_equal(read_platform()->vendor.error, -ENOENT);
}

static void processor_denied(void **state)
{
	(void)state;
	denied("proc/cpuinfo");
	assert_int_equal(read_platform()->vendor.error, -EACCES);
}

static void kvm_by_link_or_device(void **state)
{
	(void)state;
	assert_int_equal(read_platform()->kvm.error, -ENOENT);
	has("sys/devices/virtual/misc/kvm/dev", "10:232\n");
	assert_int_equal(read_platform()->kvm.error, 0);
	fake_remove(&machine.tree, "sys/devices");
	fake_link(&machine.tree, "sys/class/misc/kvm", "../../devices/virtual/misc/kvm");
	assert_int_equal(read_platform()->kvm.error, 0);
}

static void units_of_intel(void **state)
{
	static const char unit[] = "sys/devices/virtual/iommu/dmar0";

	(void)state;
	fake_link(&machine.tree, "sys/class/iommu/dmar0", "../../devices/virtual/iommu/dmar0");
	has("sys/devices/virtual/iommu/dmar0/intel-iommu/cap", "1c0000c40660462\n");
	has("sys/devices/virtual/iommu/dmar0/intel-iommu/ecap", "19e2ff0505e\n");
	has("sys/devices/virtual/iommu/dmar0/intel-iommu/version", "1:0\n");
	fake_directory(&machine.tree, "sys/kernel/iommu_groups/0");
	const struct platform_facts *p = read_platform();
	assert_int_equal(p->n_units, 1);
	assert_int_equal(p->units[0].kind, IOMMU_INTEL);
	assert_string_equal(p->units[0].path, unit);
	assert_true(p->units[0].cap.value == UINT64_C(0x1c0000c40660462));
	assert_int_equal(iommu_unit_width(&p->units[0]), 39);
	assert_true(iommu_unit_remaps_interrupts(&p->units[0]));
	assert_int_equal(p->n_groups.value, 1);
}

static void widths(void **state)
{
	struct iommu_unit unit = { .kind = IOMMU_INTEL };

	(void)state;
	unit.cap.value = UINT64_C(0xd2008c40660462); /* MGAW 39, three levels */
	assert_int_equal(iommu_unit_width(&unit), 39);
	unit.cap.value = UINT64_C(0x2f) << 16 | 0x4 << 8; /* 48, four levels */
	assert_int_equal(iommu_unit_width(&unit), 48);
	unit.cap.value = UINT64_C(0x38) << 16 | 0xc << 8; /* 57, four and five levels */
	assert_int_equal(iommu_unit_width(&unit), 57);
	unit.cap.value = UINT64_C(0x38) << 16 | 0x4 << 8; /* 57, but four levels only */
	assert_int_equal(iommu_unit_width(&unit), 48);
	unit.kind = IOMMU_AMD;
	assert_int_equal(iommu_unit_width(&unit), 0);
}

static void units_of_amd(void **state)
{
	(void)state;
	fake_link(&machine.tree, "sys/class/iommu/ivhd0",
		  "../../devices/pci0000:00/0000:00:00.2/iommu/ivhd0");
	has("sys/devices/pci0000:00/0000:00:00.2/iommu/ivhd0/amd-iommu/cap", "40f0190b\n");
	has("sys/devices/pci0000:00/0000:00:00.2/iommu/ivhd0/amd-iommu/features",
	    "246577efa2254afa:0\n");
	const struct platform_facts *p = read_platform();
	assert_int_equal(p->units[0].kind, IOMMU_AMD);
	assert_true(p->units[0].cap.value == 0x40f0190b);
	assert_true(p->units[0].features.value == UINT64_C(0x246577efa2254afa));
	assert_int_equal(p->units[0].ecap.error, -ENOENT);
}

static void units_spoilt(void **state)
{
	(void)state;
	has("sys/class/iommu/dmar0/intel-iommu/cap", "nothing\n");
	has("sys/class/iommu/smmu3.0x1/x", "");
	denied("sys/class/iommu/dmar0/intel-iommu/ecap");
	const struct platform_facts *p = read_platform();
	assert_int_equal(p->n_units, 2);
	assert_int_equal(p->units[0].cap.error, -EBADMSG);
	assert_int_equal(p->units[0].ecap.error, -EACCES);
	assert_int_equal(p->units[1].kind, IOMMU_OTHER);
}

static void units_absent(void **state)
{
	(void)state;
	assert_int_equal(read_platform()->units_error, -ENOENT);
	assert_int_equal(host.facts->platform.n_groups.error, -ENOENT);
}

static void tables(void **state)
{
	(void)state;
	denied("sys/firmware/acpi/tables/DMAR");
	has("sys/firmware/acpi/tables/IVRS", "IVRS");
	const struct platform_facts *p = read_platform();
	assert_int_equal(p->dmar_table.error, -EACCES);
	assert_int_equal(p->ivrs_table.error, -EBADMSG);
	assert_non_null(p->ivrs_table.problem);
	assert_null(p->ivrs);
}

static void interrupts(void **state)
{
	(void)state;
	has("proc/interrupts", "            CPU0\n   0:  9  IO-APIC   2-edge  timer\n"
			       "  24:  0  DMAR-MSI 0-edge dmar0\n");
	assert_int_equal(read_platform()->remapped.error, -ENOENT);
	has("proc/interrupts", "            CPU0\n   0:  9  IR-IO-APIC   2-edge  timer\n");
	assert_string_equal(read_platform()->remapped.value, "IR-IO-APIC");
	has("proc/interrupts", "           \n");
	assert_int_equal(read_platform()->remapped.error, -EBADMSG);
	denied("proc/interrupts");
	assert_int_equal(read_platform()->remapped.error, -EACCES);
}

/* The table of a machine with very many processors is not read. */
static void interrupts_one_by_one(void **state)
{
	size_t n = (size_t)5 * 1024 * 1024;
	char *much = test_malloc(n);

	(void)state;
	memset(much, ' ', n);
	fake_bytes(&machine.tree, "proc/interrupts", much, n);
	test_free(much);
	has("sys/kernel/irq/0/chip_name", "IO-APIC\n");
	assert_int_equal(read_platform()->remapped.error, -ENOENT);
	has("sys/kernel/irq/1/chip_name", "IR-PCI-MSI\n");
	assert_string_equal(read_platform()->remapped.value, "IR-PCI-MSI");
	assert_string_equal(host.facts->platform.remapped_path, "sys/kernel/irq/1/chip_name");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(processor_intel),
		MACHINE_TEST(processor_amd_guest),
		MACHINE_TEST(processor_flags_are_words),
		MACHINE_TEST(processor_of_another_kind),
		MACHINE_TEST(processor_denied),
		MACHINE_TEST(kvm_by_link_or_device),
		MACHINE_TEST(units_of_intel),
		cmocka_unit_test(widths),
		MACHINE_TEST(units_of_amd),
		MACHINE_TEST(units_spoilt),
		MACHINE_TEST(units_absent),
		MACHINE_TEST(tables),
		MACHINE_TEST(interrupts),
		MACHINE_TEST(interrupts_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
