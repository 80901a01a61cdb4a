// SPDX-License-Identifier: MIT
// Lines about the IOMMU: what the kernel says when it starts it, which of that is proof and which
// only looks like it, what it refuses, and the faults it reports.
//
// Texts are those of drivers/iommu and arch/x86 of Linux 5.10, 6.1, 6.12 and 7.2; where they
// differ each form is a pattern.

#include "check/explain_internal.h"

const struct explain_entry explain_kernel_iommu[] = {
	/* ---- starting ---- */
	{
		.id = "iommu-intel-option-read",
		.patterns = { "DMAR: IOMMU enabled", "Intel-IOMMU: enabled" },
		.source = "Linux drivers/iommu/intel/iommu.c",
		.severity = EXPLAIN_MISLEADING,
		.about_host = true,
		.cause = "The kernel has read intel_iommu=on from its command line. It says so on "
			 "machines without an IOMMU too, and does not say it where the IOMMU is on "
			 "by default.",
		.next = "passthru check tells whether the IOMMU is in use.",
		.evidence = { EVIDENCE_IOMMU, EVIDENCE_KERNEL_ARGUMENTS },
	},
	{
		.id = "iommu-intel-active",
		.patterns = { "DMAR: Intel(R) Virtualization Technology for Directed I/O" },
		.source = "Linux drivers/iommu/intel/iommu.c",
		.severity = EXPLAIN_INFO,
		.about_host = true,
		.cause = "The Intel IOMMU is in use.",
		.next = "Nothing.",
		.evidence = { EVIDENCE_IOMMU },
	},
	{
		.id = "iommu-intel-off",
		.patterns = { "DMAR: IOMMU disabled" },
		.source = "Linux drivers/iommu/intel/iommu.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "intel_iommu=off stands on the kernel command line.",
		.next = "Take the option off the command line, or replace it by intel_iommu=on.",
		.evidence = { EVIDENCE_KERNEL_ARGUMENTS, EVIDENCE_IOMMU },
	},
	{
		.id = "iommu-intel-table-read",
		.patterns = { "DMAR: DRHD base: %{hex}", "DMAR: Host address width %{number}" },
		.source = "Linux drivers/iommu/intel/dmar.c",
		.severity = EXPLAIN_MISLEADING,
		.about_host = true,
		.cause = "The firmware describes an IOMMU and the kernel has read the description, "
			 "which it does even when it then leaves the IOMMU off.",
		.next = "passthru check tells whether the IOMMU is in use.",
		.evidence = { EVIDENCE_IOMMU, EVIDENCE_FIRMWARE_TABLES },
	},
	{
		.id = "iommu-forced-on",
		.patterns = { "Intel-IOMMU force enabled due to platform opt in" },
		.source = "Linux drivers/iommu/intel/iommu.c",
		.severity = EXPLAIN_INFO,
		.about_host = true,
		.cause = "The firmware asks for protection against devices at external ports, so "
			 "the kernel has turned the IOMMU on although it would be off by default.",
		.next = "Nothing.",
		.evidence = { EVIDENCE_IOMMU, EVIDENCE_FIRMWARE_TABLES },
	},
	{
		.id = "iommu-amd-active",
		.patterns = { "AMD-Vi: Found IOMMU cap %{hex}", "AMD-Vi: Found IOMMU at " },
		.source = "Linux drivers/iommu/amd/init.c, before 5.10 "
			  "drivers/iommu/amd_iommu_init.c",
		.severity = EXPLAIN_INFO,
		.about_host = true,
		.cause = "The AMD IOMMU is there and the kernel has set it up.",
		.next = "Nothing.",
		.evidence = { EVIDENCE_IOMMU },
	},
	{
		.id = "iommu-unknown-option",
		.patterns = { "AMD-Vi: Unknown option - '%{parameter}'",
			      "DMAR: Unknown option - '%{parameter}'" },
		.source = "Linux drivers/iommu/amd/init.c, drivers/iommu/intel/iommu.c",
		.severity = EXPLAIN_MISLEADING,
		.cause = "A value of amd_iommu= or intel_iommu= does not exist and was ignored. "
			 "amd_iommu=on is such a one: the AMD IOMMU is on without it.",
		.next = "Take the value off the kernel command line; passthru check tells whether "
			"the IOMMU is in use.",
		.evidence = { EVIDENCE_KERNEL_ARGUMENTS, EVIDENCE_IOMMU },
	},
	{
		.id = "iommu-agp-aperture",
		.patterns = { "Please enable the IOMMU option in the BIOS setup" },
		.source = "Linux arch/x86/kernel/aperture_64.c",
		.severity = EXPLAIN_MISLEADING,
		.about_host = true,
		.cause = "The line is about the AGP aperture of old AMD processors (GART), not "
			 "about the IOMMU that guests need.",
		.next = "passthru check tells whether the IOMMU is in use.",
		.evidence = { EVIDENCE_IOMMU },
	},
	{
		.id = "iommu-amd-v2-missing",
		.patterns = { "AMD IOMMUv2 functionality not available on this system" },
		.source = "Linux 6.1 drivers/iommu/amd/iommu_v2.c",
		.severity = EXPLAIN_MISLEADING,
		.about_host = true,
		.cause = "The line is about page requests of AMD APUs, comes on Intel machines "
			 "too, and has nothing to do with giving devices to guests.",
		.next = "Nothing.",
	},
	{
		.id = "iommu-domain-type",
		.patterns = { "iommu: Default domain type: " },
		.source = "Linux drivers/iommu/iommu.c",
		.severity = EXPLAIN_MISLEADING,
		.about_host = true,
		.cause = "This is how devices of the host would be mapped, Translated or "
			 "Passthrough (iommu=pt). It comes without an IOMMU too, and guests get "
			 "mappings of their own either way.",
		.next = "passthru check tells whether the IOMMU is in use.",
		.evidence = { EVIDENCE_IOMMU },
	},
	{
		.id = "iommu-group-joined",
		.patterns = { ": Adding to iommu group %{group}" },
		.source = "Linux drivers/iommu/iommu.c",
		.severity = EXPLAIN_INFO,
		.about_host = true,
		.cause = "The IOMMU is in use for this device, unless VFIO was told to do without "
			 "one; the number is that of its group in this boot.",
		.next = "passthru list groups shows all groups.",
		.evidence = { EVIDENCE_GROUP_MEMBERS },
	},
	{
		.id = "iommu-swiotlb",
		.patterns = { "PCI-DMA: Using software bounce buffering for IO (SWIOTLB)" },
		.source = "Linux arch/x86/kernel/pci-dma.c",
		.severity = EXPLAIN_MISLEADING,
		.about_host = true,
		.cause = "The kernel has set up buffers for devices that cannot reach all memory. "
			 "The line comes with and without an IOMMU.",
		.next = "passthru check tells whether the IOMMU is in use.",
		.evidence = { EVIDENCE_IOMMU },
	},
	{
		.id = "iommu-sme",
		.patterns = { "AMD-Vi: IOMMU not currently supported when SME is active" },
		.source = "Linux drivers/iommu/amd/init.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "Memory encryption (SME) is on and this IOMMU cannot work with it, so it "
			 "stays off.",
		.next = "Turn SME off: mem_encrypt=off on the kernel command line, or in the "
			"firmware.",
		.evidence = { EVIDENCE_KERNEL_ARGUMENTS, EVIDENCE_IOMMU },
	},
	{
		.id = "iommu-acs-override",
		.patterns = { "Warning: PCIe ACS overrides enabled" },
		.source = "The ACS override patch, which is not in Linux itself: "
			  "https://github.com/truenas/linux/pull/170",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "A patched kernel was told to take devices for isolated that are not. "
			 "Groups look small, but guests may reach each other's devices and the "
			 "host's.",
		.next = "Prefer a slot whose group is small by itself; keep the option only where "
			"all guests are trusted.",
		.evidence = { EVIDENCE_KERNEL_ARGUMENTS, EVIDENCE_GROUP_MEMBERS },
	},
	/* ---- interrupt remapping ---- */
	{
		.id = "irq-remapping-on",
		.patterns = { "DMAR-IR: Enabled IRQ remapping in ",
			      "AMD-Vi: Interrupt remapping enabled" },
		.source = "Linux drivers/iommu/intel/irq_remapping.c, drivers/iommu/amd/init.c",
		.severity = EXPLAIN_INFO,
		.about_host = true,
		.cause = "Interrupts are isolated, as VFIO wants it.",
		.next = "Nothing.",
		.evidence = { EVIDENCE_INTERRUPT_REMAPPING },
	},
	{
		.id = "irq-remapping-x2apic-opt-out",
		.patterns = { "x2apic is disabled because BIOS sets x2apic opt out bit.",
			      "Use 'intremap=no_x2apic_optout' to override the BIOS setting." },
		.source = "Linux drivers/iommu/intel/irq_remapping.c",
		.severity = EXPLAIN_INFO,
		.about_host = true,
		.cause = "The firmware does not want x2APIC mode. Interrupt remapping works in "
			 "xAPIC mode as well.",
		.next = "Nothing, as long as passthru check finds interrupt remapping in use.",
		.evidence = { EVIDENCE_INTERRUPT_REMAPPING },
	},
	{
		.id = "irq-remapping-no-x2apic",
		.patterns = { "x2apic: IRQ remapping doesn't support X2APIC mode" },
		.source = "Linux arch/x86/kernel/apic/apic.c",
		.severity = EXPLAIN_MISLEADING,
		.about_host = true,
		.cause = "x2APIC mode is not used, because interrupt remapping is off or does not "
			 "support it. Which of them the line does not say.",
		.next = "passthru check tells whether interrupt remapping is in use.",
		.evidence = { EVIDENCE_INTERRUPT_REMAPPING, EVIDENCE_KERNEL_CONFIG },
	},
	{
		.id = "irq-remapping-failed",
		.patterns = { "Failed to enable irq remapping. You are vulnerable to irq-injection "
			      "attacks.",
			      "AMD-Vi: Disabling interrupt remapping" },
		.source = "Linux drivers/iommu/intel/irq_remapping.c, drivers/iommu/amd/init.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "Interrupt remapping could not be turned on. VFIO refuses to give devices "
			 "to guests without it.",
		.next = "Update the firmware and look there for VT-d, IOMMU and x2APIC; the lines "
			"before this one say what was wrong.",
		.evidence = { EVIDENCE_INTERRUPT_REMAPPING, EVIDENCE_FIRMWARE_TABLES },
	},
	{
		.id = "irq-remapping-erratum",
		.patterns = { "This system BIOS has enabled interrupt remapping" },
		.source = "Linux drivers/iommu/intel/irq_remapping.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "The chipset (early steppings of Intel 5500, 5520 and X58) has a fault in "
			 "interrupt remapping, so the kernel leaves it off.",
		.next = "No setting repairs the chipset. Without interrupt remapping only trusted "
			"guests should have devices (allow_unsafe_interrupts).",
		.evidence = { EVIDENCE_INTERRUPT_REMAPPING },
	},
	{
		.id = "iommu-firmware-ioapic",
		.patterns = { "No southbridge IOAPIC found",
			      "IOAPIC[%{number}] not in IVRS table" },
		.source = "Linux drivers/iommu/amd/init.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "The firmware's description of the AMD IOMMU misses an interrupt "
			 "controller, so the kernel turns interrupt remapping off.",
		.next = "Update the firmware, or give the missing part on the kernel command line "
			"(ivrs_ioapic=).",
		.evidence = { EVIDENCE_INTERRUPT_REMAPPING, EVIDENCE_FIRMWARE_TABLES },
	},
	{
		.id = "iommu-firmware-bug",
		.patterns = { "Your BIOS is broken; DMAR reported at address",
			      "Your BIOS is broken; bad RMRR [",
			      "No firmware reserved region can cover this RMRR [" },
		.source = "Linux drivers/iommu/intel/dmar.c, drivers/iommu/intel/iommu.c, "
			  "arch/x86/include/asm/iommu.h",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "The firmware's description of the IOMMU is wrong. Depending on what is "
			 "wrong in it the IOMMU stays off, or works all the same.",
		.next = "Update the firmware; passthru check tells whether the IOMMU is in use.",
		.evidence = { EVIDENCE_FIRMWARE_TABLES, EVIDENCE_IOMMU },
	},
	/* ---- devices that the IOMMU does not give away ---- */
	{
		.id = "iommu-rmrr",
		.patterns = { "Device is ineligible for IOMMU domain attach due to platform RMRR "
			      "requirement." },
		.source = "Linux 5.10, 6.1 drivers/iommu/intel/iommu.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The firmware has reserved memory that it shares with this device (RMRR), "
			 "so no guest may have the device. No way of binding changes that.",
		.next = "Look in the firmware for a setting that releases the device, or use "
			"another slot or device. passthru show %{address} lists the regions.",
		.evidence = { EVIDENCE_RESERVED_REGIONS, EVIDENCE_FIRMWARE_TABLES },
	},
	{
		.id = "iommu-one-to-one",
		.patterns = { "Firmware has requested this device have a 1:1 IOMMU mapping" },
		.source = "Linux 6.12, 7.2 drivers/iommu/iommu.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The firmware wants memory mapped one to one for this device (RMRR or "
			 "IVMD), so no guest may have it. Older kernels let some such devices "
			 "through; an update then makes a working guest fail.",
		.next = "Update the firmware, and look there for pre-boot DMA protection. passthru "
			"show %{address} lists the regions.",
		.evidence = { EVIDENCE_RESERVED_REGIONS, EVIDENCE_FIRMWARE_TABLES,
			      EVIDENCE_KERNEL_VERSION },
	},
	{
		.id = "iommu-too-narrow",
		.patterns = { "iommu width (%{number}) is not sufficient for the mapped address "
			      "(" },
		.source = "Linux drivers/iommu/intel/iommu.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The guest was given addresses beyond what this IOMMU can translate; "
			 "IOMMUs of desktop processors often have 39 bits.",
		.next = "Limit the guest's addresses: host-phys-bits-limit=39 of QEMU's -cpu, "
			"maxphysaddr in libvirt.",
		.evidence = { EVIDENCE_ADDRESS_WIDTH },
	},
	/* ---- faults ---- */
	{
		.id = "iommu-fault-intel",
		.patterns = { "DMAR: [DMA %{access} NO_PASID] Request device [%{address}] fault "
			      "addr %{iova} [fault reason %{hex}] %{reason}",
			      "DMAR: [DMA %{access}] Request device [%{address}] PASID %{hex} "
			      "fault addr %{iova} [fault reason %{hex}] %{reason}",
			      "DMAR: [DMA %{access}] Request device [%{address}] fault addr "
			      "%{iova} [fault reason %{hex}] %{reason}",
			      "DMAR: [DMA %{access} PASID %{hex}] Request device [%{address}] "
			      "fault addr %{iova} [fault reason %{hex}] %{reason}" },
		.source = "Linux drivers/iommu/intel/dmar.c; the third form in "
			  "https://github.com/opencomputeproject/OpenNetworkLinux/pull/897",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The device used an address that nobody has mapped for it, and the IOMMU "
			 "stopped it. Some at boot come from firmware that left a graphics device "
			 "running; many, while a guest runs, from a driver in trouble or a device "
			 "that was not reset.",
		.next = "passthru show %{address} tells driver, group and reset methods. Faults "
			"after the end of a guest call for a reset.",
		.evidence = { EVIDENCE_DRIVER, EVIDENCE_RESET_METHODS, EVIDENCE_GUESTS },
	},
	{
		.id = "iommu-fault-amd",
		.patterns = { "AMD-Vi: Event logged [IO_PAGE_FAULT domain=%{hex} address=%{iova} "
			      "flags=%{flags}]",
			      "AMD-Vi: Event logged [IO_PAGE_FAULT device=%{address} domain=%{hex} "
			      "address=%{iova} flags=%{flags}]",
			      "IO_PAGE_FAULT device=%{address} domain=%{hex} address=%{iova} "
			      "flags=%{flags}]" },
		.source = "Linux drivers/iommu/amd/iommu.c; the third form in "
			  "https://github.com/pcengines/apu2-documentation/issues/240",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The device used an address in a way that nobody has allowed it, and the "
			 "IOMMU stopped it. Many of them, while a guest runs, come from a driver "
			 "in trouble or a device that was not reset.",
		.next = "passthru show %{address} tells driver, group and reset methods. Faults "
			"after the end of a guest call for a reset.",
		.evidence = { EVIDENCE_DRIVER, EVIDENCE_RESET_METHODS, EVIDENCE_GUESTS },
	},
	{
		.id = "iommu-fault-interrupt",
		.patterns = { "DMAR: [INTR-REMAP] Request device [%{address}] fault index " },
		.source = "Linux drivers/iommu/intel/dmar.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The device sent an interrupt that it may not send, and the IOMMU stopped "
			 "it. It happens when a device is taken from its driver while it works.",
		.next = "passthru show %{address}. A single one while a device changes hands is "
			"harmless; many call for a reset of the device.",
		.evidence = { EVIDENCE_DRIVER, EVIDENCE_RESET_METHODS },
	},
	{
		.id = "iommu-fault-request",
		.patterns = { "INVALID_DEVICE_REQUEST device=%{address}",
			      "ILLEGAL_DEV_TABLE_ENTRY device=%{address}" },
		.source = "Linux drivers/iommu/amd/iommu.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The AMD IOMMU got a request from this device that it cannot serve: a "
			 "reserved address, or a device the kernel has not set up.",
		.next = "passthru show %{address}. Update the firmware when the device is one of "
			"the board.",
		.evidence = { EVIDENCE_DRIVER, EVIDENCE_FIRMWARE_TABLES },
	},
	{
		.id = "iommu-timeout",
		.patterns = { "Completion-Wait loop timed out",
			      "IOTLB_INV_TIMEOUT device=%{address}",
			      "VT-d detected Invalidation Time-out Error: SID" },
		.source = "Linux drivers/iommu/amd/iommu.c, drivers/iommu/intel/dmar.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "The IOMMU waited in vain for an answer; mostly a device has fallen off "
			 "the bus while it held translations (ATS).",
		.next = "Look for the device that stopped answering right before; passthru list. "
			"The host may need a power cycle.",
		.evidence = { EVIDENCE_CONFIG_SPACE, EVIDENCE_LINK },
	},
	{ 0 },
};
