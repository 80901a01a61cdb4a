// SPDX-License-Identifier: MIT
// Lines of the kernel's VFIO and iommufd drivers.
//
// Texts are those of drivers/vfio and drivers/iommu/iommufd of Linux 5.10, 6.1, 6.12 and 7.2;
// where they differ each form is a pattern. drivers/vfio/vfio.c is group.c and vfio_main.c today.

#include "check/explain_internal.h"

const struct explain_entry explain_kernel_vfio[] = {
	{
		.id = "vfio-module-loaded",
		.patterns = { "VFIO - User Level meta-driver version: " },
		.source = "Linux drivers/vfio/vfio_main.c",
		.severity = EXPLAIN_MISLEADING,
		.about_host = true,
		.cause = "The module vfio was loaded. That says nothing about the IOMMU, and not "
			 "that any device was handed over.",
		.next = "passthru list shows which driver has each device.",
		.evidence = { EVIDENCE_DRIVER, EVIDENCE_IOMMU },
	},
	{
		.id = "vfio-ids-read",
		.patterns = { "vfio_pci: add [" },
		.source = "Linux drivers/vfio/pci/vfio_pci.c",
		.severity = EXPLAIN_MISLEADING,
		.about_host = true,
		.cause = "vfio-pci has read its option ids=. A device that another driver had by "
			 "then stays with that driver, and the line comes all the same.",
		.next = "passthru list shows which driver has each device.",
		.evidence = { EVIDENCE_DRIVER, EVIDENCE_MODULE_OPTIONS },
	},
	{
		.id = "vfio-invalid-id-string",
		.patterns = { "vfio_pci: invalid id string \"%{parameter}\"" },
		.source = "Linux drivers/vfio/pci/vfio_pci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "An item of vfio-pci's option ids= is not of the form vendor:device in "
			 "hexadecimal digits, and was skipped.",
		.next = "Correct the item in modprobe.d or on the kernel command line; passthru "
			"list shows the ids of each device.",
		.evidence = { EVIDENCE_MODULE_OPTIONS, EVIDENCE_KERNEL_ARGUMENTS },
	},
	{
		.id = "vfio-id-not-added",
		.patterns = { "vfio_pci: failed to add dynamic id [" },
		.source = "Linux drivers/vfio/pci/vfio_pci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "vfio-pci could not add an item of its option ids=. The number at the end "
			 "of the line is the error; -17 means that it has that id already.",
		.next = "passthru bind %{address} hands over by address and needs no ids.",
		.evidence = { EVIDENCE_DRIVER, EVIDENCE_MODULE_OPTIONS },
	},
	{
		.id = "vfio-denylist",
		.patterns = { "exists in vfio-pci device denylist, driver probing disallowed." },
		.source = "Linux drivers/vfio/pci/vfio_pci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The kernel knows this device to be unsafe in the hands of a guest, and "
			 "vfio-pci refuses it.",
		.next = "Leave the device to the host. The option disable_denylist of vfio-pci "
			"overrides this, at the risk the kernel warns of.",
		.evidence = { EVIDENCE_DRIVER },
	},
	{
		.id = "vfio-probe-invalid",
		.patterns = { "probe with driver vfio-pci failed with error -22",
			      "vfio-pci: probe of %{address} failed with error -22" },
		.source = "Linux drivers/base/dd.c, drivers/vfio/pci/vfio_pci_core.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "vfio-pci refused the device. It does so when the device has no IOMMU "
			 "group, which means that the IOMMU is off, and for bridges and devices on "
			 "its denylist.",
		.next = "passthru check tells whether the IOMMU is in use; passthru show "
			"%{address} tells the group.",
		.evidence = { EVIDENCE_IOMMU, EVIDENCE_GROUP_MEMBERS, EVIDENCE_KERNEL_ARGUMENTS },
	},
	{
		.id = "vfio-pf-has-vfs",
		.patterns = { "Cannot bind to PF with SR-IOV enabled" },
		.source = "Linux drivers/vfio/pci/vfio_pci_core.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The device is a physical function whose virtual functions are enabled; "
			 "vfio-pci takes it only without them.",
		.next = "Write 0 to sriov_numvfs of %{address}, then passthru bind %{address}; or "
			"hand over a virtual function instead.",
		.evidence = { EVIDENCE_SRIOV },
	},
	{
		.id = "vfio-vf-without-pf",
		.patterns = { "VF %{address} bound to driver %{driver} while PF bound to driver " },
		.source = "Linux drivers/vfio/pci/vfio_pci_core.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "A virtual function went to a driver of the host although its physical "
			 "function is in the hands of a guest, which the host then has to trust.",
		.next = "passthru show %{address}; hand the virtual functions over as well, or "
			"none of them.",
		.evidence = { EVIDENCE_SRIOV, EVIDENCE_DRIVER },
	},
	{
		.id = "vfio-vf-token",
		.patterns = { "VF token required to access device",
			      "Incorrect VF token provided for device",
			      "VF token incorrectly provided, " },
		.source = "Linux drivers/vfio/pci/vfio_pci_core.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "Physical and virtual functions that are both with vfio-pci belong "
			 "together by a secret, the VF token; it was missing, wrong, or given for "
			 "a device that takes none.",
		.next = "Give every function of %{address} the same token (vf-token= of QEMU's "
			"vfio-pci), or none where the physical function is with a driver of the "
			"host.",
		.evidence = { EVIDENCE_SRIOV, EVIDENCE_DRIVER },
	},
	{
		.id = "vfio-waits-for-guest",
		.patterns = { "Relaying device request to user (#%{number})",
			      "No device request channel registered, blocked until released by "
			      "user",
			      "Device is currently in use, task \"%{task}\" (%{number}) blocked "
			      "until device is released" },
		.source = "Linux drivers/vfio/pci/vfio_pci_core.c, drivers/vfio/vfio_main.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "Somebody unbinds or removes the device while a guest has it. The writer "
			 "hangs until the guest, or whoever has the device open, lets go.",
		.next = "Shut the guest down or unplug the device from it; what waits then goes "
			"on.",
		.evidence = { EVIDENCE_GUESTS, EVIDENCE_DEVICE_USERS, EVIDENCE_STUCK_TASKS },
	},
	{
		.id = "vfio-bar-taken",
		.patterns = { "vfio-pci %{address}: BAR %{bar}: can't reserve [" },
		.source = "Linux drivers/pci/pci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause =
			"Something of the host still holds the memory of this BAR. On the card "
			"that showed the boot screen it is mostly the framebuffer of the firmware.",
		.next = "As root, /proc/iomem names who holds the range. Hand the card over before "
			"its framebuffer is used, or remove the framebuffer device first.",
		.evidence = { EVIDENCE_MEMORY_MAP, EVIDENCE_FRAMEBUFFER },
	},
	{
		.id = "vfio-bar-restored",
		.patterns = { "vfio_bar_restore: reset recovery - restoring BARs" },
		.source = "Linux drivers/vfio/pci/vfio_pci_config.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The addresses in the device's registers were gone: it was reset in a way "
			 "that the kernel does not follow, or no longer answers. Repeated many "
			 "times it means the latter.",
		.next = "passthru show %{address} tells whether the device answers and how it can "
			"be reset. When it does not, power the host off and on.",
		.evidence = { EVIDENCE_CONFIG_SPACE, EVIDENCE_RESET_METHODS, EVIDENCE_POWER_STATE },
	},
	{
		.id = "vfio-capability-hidden",
		.patterns = { "vfio_ecap_init: hiding ecap %{hex}",
			      "vfio_cap_init: hiding cap %{hex}" },
		.source = "Linux drivers/vfio/pci/vfio_pci_config.c",
		.severity = EXPLAIN_INFO,
		.about_host = true,
		.cause = "The device has a PCI capability that VFIO does not pass on, and the "
			 "guest will not see it. This is normal for many devices.",
		.next = "Nothing.",
	},
	{
		.id = "vfio-vga-decodes",
		.patterns = { "vgaarb: changed VGA decodes: olddecodes=",
			      "vgaarb: VGA decodes changed: olddecodes=" },
		.source = "Linux drivers/pci/vgaarb.c",
		.severity = EXPLAIN_INFO,
		.about_host = true,
		.cause = "The driver of a graphics card told the kernel which legacy VGA ranges it "
			 "uses.",
		.next = "Nothing.",
	},
	{
		.id = "vfio-intx-masked",
		.patterns = { "Masking broken INTx support" },
		.source = "Linux drivers/vfio/pci/vfio_pci_core.c",
		.severity = EXPLAIN_INFO,
		.cause = "The device is known to have no usable INTx interrupts; the guest has to "
			 "use MSI or MSI-X, which drivers of today do.",
		.next = "Nothing, unless the guest's driver is very old.",
	},
	{
		.id = "vfio-intx-shared",
		.patterns = { "genirq: Flags mismatch irq %{number}. %{hex} "
			      "(vfio-intx(%{address}))" },
		.source = "Linux kernel/irq/manage.c, drivers/vfio/pci/vfio_pci_intrs.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The device shares its interrupt line with a device of the host, and "
			 "cannot mask its own part of it.",
		.next = "Unbind the device named at the end of the line from its driver, or use a "
			"slot with another interrupt line.",
		.evidence = { EVIDENCE_DRIVER },
	},
	{
		.id = "vfio-igd-regions",
		.patterns = { "Failed to setup Intel IGD regions" },
		.source = "Linux drivers/vfio/pci/vfio_pci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "VFIO could not read the OpRegion, in which the firmware describes the "
			 "outputs of an Intel graphics device, or the bridges that belong to the "
			 "device.",
		.next = "passthru show %{address}. An update of the firmware may help; "
			"x-igd-opregion=off of QEMU does without.",
		.evidence = { EVIDENCE_FIRMWARE_TABLES, EVIDENCE_DRIVER },
	},
	{
		.id = "vfio-memlock-exceeded",
		.patterns = { "RLIMIT_MEMLOCK (%{bytes}) exceeded" },
		.source = "Linux drivers/vfio/vfio_iommu_type1.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "All memory of a guest with a device is locked, and its process may not "
			 "lock that much: the limit, in bytes, stands in the line.",
		.next = "Raise the limit of locked memory (ulimit -l, LimitMEMLOCK=) above the "
			"guest's memory; libvirt does so by itself.",
		.evidence = { EVIDENCE_MEMLOCK },
	},
	{
		.id = "vfio-no-interrupt-remapping",
		.patterns = { "No interrupt remapping support.%{text}\"allow_unsafe_interrupts\"" },
		.source = "Linux drivers/vfio/vfio_iommu_type1.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The platform does not isolate interrupts, so a guest could send any to "
			 "the host; VFIO refuses.",
		.next = "Turn on VT-d or IOMMU with interrupt remapping in the firmware. The "
			"option allow_unsafe_interrupts gives up the protection: only for guests "
			"that are trusted.",
		.evidence = { EVIDENCE_INTERRUPT_REMAPPING, EVIDENCE_FIRMWARE_TABLES,
			      EVIDENCE_KERNEL_ARGUMENTS },
	},
	{
		.id = "iommufd-unsafe-interrupts",
		.patterns = { "MSI interrupts are not secure, they cannot be isolated by the "
			      "platform." },
		.source = "Linux drivers/iommu/iommufd/device.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The platform does not isolate interrupts, and the option "
			 "allow_unsafe_interrupts of iommufd lets a guest have the device all the "
			 "same.",
		.next = "Turn on interrupt remapping in the firmware and drop the option, unless "
			"the guest is trusted like the host.",
		.evidence = { EVIDENCE_INTERRUPT_REMAPPING, EVIDENCE_MODULE_OPTIONS },
	},
	{
		.id = "iommufd-is-container",
		.patterns = { "IOMMUFD is providing /dev/vfio/vfio, not VFIO." },
		.source = "Linux drivers/iommu/iommufd/main.c",
		.severity = EXPLAIN_INFO,
		.about_host = true,
		.cause = "This kernel serves the older interface of VFIO through iommufd, which is "
			 "meant to behave the same.",
		.next = "Nothing.",
		.evidence = { EVIDENCE_KERNEL_CONFIG },
	},
	{
		.id = "vfio-no-iommu-mode",
		.patterns = { "Adding kernel taint for vfio-noiommu group on device",
			      "vfio-noiommu device opened by user " },
		.source = "Linux drivers/vfio/group.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "VFIO runs without an IOMMU because of enable_unsafe_noiommu_mode: the "
			 "device can reach all memory of the host. QEMU cannot use such a group.",
		.next = "Turn on the IOMMU and drop the option; passthru check tells what is "
			"missing.",
		.evidence = { EVIDENCE_IOMMU, EVIDENCE_MODULE_OPTIONS },
	},
	{
		.id = "vfio-resume-failed",
		.patterns = { "vfio-pci %{address}: runtime resume failed -",
			      "vfio: runtime resume failed -" },
		.source = "Linux drivers/vfio/pci/vfio_pci_core.c, drivers/vfio/vfio_main.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The device was asleep when it was opened and did not wake up.",
		.next = "passthru show %{address} tells its power state. The option "
			"disable_idle_d3=1 of vfio-pci keeps idle devices awake.",
		.evidence = { EVIDENCE_POWER_STATE, EVIDENCE_CONFIG_SPACE,
			      EVIDENCE_MODULE_OPTIONS },
	},
	{
		.id = "vfio-device-reset",
		.patterns = { "vfio-pci %{address}: reset done" },
		.source = "Linux drivers/pci/pci.c",
		.severity = EXPLAIN_INFO,
		.cause = "The kernel has reset the device before or after a guest.",
		.next = "Nothing.",
		.evidence = { EVIDENCE_RESET_METHODS },
	},
	{
		.id = "driver-probe-busy",
		.patterns = { "probe with driver %{driver} failed with error -16",
			      ": probe of %{address} failed with error -16" },
		.source = "Linux drivers/base/dd.c, drivers/pci/pci-driver.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "A driver could not have the device because something else has it. For "
			 "drivers of the host that is mostly a guest that owns the device's IOMMU "
			 "group.",
		.next = "passthru show %{address} tells the group and who has it; end the guest, "
			"then passthru release %{address}.",
		.evidence = { EVIDENCE_GROUP_MEMBERS, EVIDENCE_GUESTS, EVIDENCE_MEMORY_MAP },
	},
	{ 0 },
};
