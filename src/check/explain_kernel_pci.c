// SPDX-License-Identifier: MIT
// Lines of the kernel's PCI core: power, reset, option ROMs, BARs, virtual functions, errors of
// the link.
//
// Texts are those of drivers/pci of Linux 5.10, 6.1, 6.12 and 7.2; where they differ each form is
// a pattern.

#include "check/explain_internal.h"

const struct explain_entry explain_kernel_pci[] = {
	/* ---- power and reset ---- */
	{
		.id = "pci-device-gone",
		.patterns = { "Unable to change power state from %{word} to %{word}, device "
			      "inaccessible",
			      "can't change power state from %{word} to %{word} (config space "
			      "inaccessible)",
			      "Device config space inaccessible; unable to " },
		.source = "Linux drivers/pci/pci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The device does not answer any more: its configuration space reads as "
			 "all ones. It sleeps and cannot be woken, was reset without coming back, "
			 "or has lost its link.",
		.next = "Power the host off and on, a reboot may not be enough. Then keep the "
			"device awake: the option disable_idle_d3=1 of vfio-pci, and 0 in its "
			"d3cold_allowed.",
		.evidence = { EVIDENCE_CONFIG_SPACE, EVIDENCE_POWER_STATE, EVIDENCE_LINK },
	},
	{
		.id = "pci-power-refused",
		.patterns = { "Refused to change power state from %{word} to ",
			      "refused to change power state from %{word} to ",
			      "Refused to change power state, currently in D3" },
		.source = "Linux drivers/pci/pci.c; the third form before 5.10",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The device did not go into the power state it was told to. On its way to "
			 "D0 it means that the device is not usable.",
		.next = "passthru show %{address} tells whether the device answers. The option "
			"disable_idle_d3=1 of vfio-pci avoids the change.",
		.evidence = { EVIDENCE_POWER_STATE, EVIDENCE_CONFIG_SPACE },
	},
	{
		.id = "pci-slow-after-reset",
		.patterns = { "not ready %{number}ms after %{text}; waiting" },
		.source = "Linux drivers/pci/pci.c",
		.severity = EXPLAIN_INFO,
		.cause = "The device takes long to come back from a reset or from sleep; the "
			 "kernel waits up to a minute.",
		.next = "Nothing, unless a line says that the kernel gave up.",
		.evidence = { EVIDENCE_RESET_METHODS },
	},
	{
		.id = "pci-lost-after-reset",
		.patterns = { "not ready %{number}ms after %{text}; giving up" },
		.source = "Linux drivers/pci/pci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The device did not come back from a reset or from sleep within a minute. "
			 "Some devices claim a reset that they cannot do.",
		.next = "Power the host off and on. Then choose another reset: passthru show "
			"%{address} lists the methods, and reset_method of the device sets them.",
		.evidence = { EVIDENCE_RESET_METHODS, EVIDENCE_CONFIG_SPACE, EVIDENCE_POWER_STATE },
	},
	{
		.id = "pci-pending-transaction",
		.patterns = { "timed out waiting for pending transaction; performing " },
		.source = "Linux drivers/pci/pci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The device still had requests under way when it was reset, and did not "
			 "finish them. With other errors around it the device no longer answers.",
		.next = "passthru show %{address} tells whether the device answers and how it can "
			"be reset.",
		.evidence = { EVIDENCE_CONFIG_SPACE, EVIDENCE_RESET_METHODS },
	},
	{
		.id = "pci-unknown-header",
		.patterns = { "unknown header type 7f, ignoring device",
			      "!!! Unknown header type 7f" },
		.source = "Linux drivers/pci/probe.c; lspci, see "
			  "https://github.com/pciutils/pciutils/pull/91",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The configuration space of a device reads as all ones: it is there, but "
			 "does not answer. A device that the kernel finds in this state at boot is "
			 "left out.",
		.next = "Power the host off and on. When it comes back every time, look at the "
			"slot, the riser and the power of the card.",
		.evidence = { EVIDENCE_CONFIG_SPACE, EVIDENCE_LINK },
	},
	{
		.id = "pci-reset-method-refused",
		.patterns = { "Unsupported reset method '%{parameter}'",
			      "Invalid reset method '%{parameter}'" },
		.source = "Linux drivers/pci/pci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "A reset method was written to reset_method that the device does not "
			 "have; the methods stay as they were. device_specific needs kernel code "
			 "for that very device, as the module vendor-reset brings.",
		.next = "passthru show %{address} lists the methods it has.",
		.evidence = { EVIDENCE_RESET_METHODS, EVIDENCE_MODULES },
	},
	{
		.id = "pci-reset-turned-off",
		.patterns = { "All device reset methods disabled by user" },
		.source = "Linux drivers/pci/pci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "Somebody wrote an empty line to reset_method: the device is not reset "
			 "between guests.",
		.next = "Write default to reset_method of %{address}.",
		.evidence = { EVIDENCE_RESET_METHODS },
	},
	{
		.id = "pci-link-retrained",
		.patterns = { "broken device, retraining non-functional downstream link at "
			      "2.5GT/s" },
		.source = "Linux 6.12, 7.2 drivers/pci/quirks.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The link below this port does not work at full speed, or its device is "
			 "gone; the kernel tries the lowest speed.",
		.next = "passthru show of the device below the port tells its link. Look at slot "
			"and riser when the device was not just being reset.",
		.evidence = { EVIDENCE_LINK, EVIDENCE_CONFIG_SPACE },
	},
	{
		.id = "pci-link-down",
		.patterns = { "pciehp: Slot(%{word}): Link Down",
			      "pciehp: Slot(%{word}): Card not present" },
		.source = "Linux drivers/pci/hotplug/pciehp_ctrl.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "A slot lost its card. When nobody pulled it, the device went off the "
			 "bus, which a failed reset or missing power causes too.",
		.next = "passthru list tells what is left. Power the host off and on.",
		.evidence = { EVIDENCE_LINK, EVIDENCE_CONFIG_SPACE },
	},
	/* ---- option ROM ---- */
	{
		.id = "pci-rom-signature",
		.patterns = { "Invalid PCI ROM header signature: expecting 0xaa55, got %{hex}",
			      "Invalid PCI ROM data signature: expecting %{hex}" },
		.source = "Linux drivers/pci/rom.c",
		.severity = EXPLAIN_INFO,
		.cause = "The device shows no valid option ROM: integrated graphics have none of "
			 "their own, and cards that are asleep or in use do not answer there. A "
			 "guest's driver often does without.",
		.next = "Nothing when the guest works. Else give QEMU a ROM file (romfile=), or "
			"none (rombar=0).",
		.evidence = { EVIDENCE_ROM, EVIDENCE_POWER_STATE },
	},
	{
		.id = "pci-rom-incomplete",
		.patterns = { "No more images in PCI ROM", "No more image in the PCI ROM" },
		.source = "Linux drivers/pci/rom.c",
		.severity = EXPLAIN_INFO,
		.cause = "The option ROM ends sooner than its last image says; the images before "
			 "the end are used.",
		.next = "Nothing when the guest works. Else give QEMU a ROM file (romfile=).",
		.evidence = { EVIDENCE_ROM },
	},
	/* ---- BARs ---- */
	{
		.id = "pci-bar-no-space",
		.patterns = { ": can't assign; no space", "BAR %{bar}: no space for [",
			      "not assigned; can't enable device" },
		.source = "Linux drivers/pci/setup-res.c, drivers/pci/setup-bus.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The kernel found no address range for a BAR of this device: the window "
			 "of the port above it, or all of what the firmware left, is too small. "
			 "For a bridge window or an expansion ROM it rarely matters.",
		.next = "Turn on Above 4G Decoding in the firmware. passthru show %{address} lists "
			"the BARs.",
		.evidence = { EVIDENCE_BARS, EVIDENCE_MEMORY_MAP },
	},
	{
		.id = "pci-bar-above-4g",
		.patterns = { "can't handle BAR above 4GB (bus address ",
			      "can't handle BAR larger than 4GB (size " },
		.source = "Linux drivers/pci/probe.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "This kernel has 32-bit addresses and cannot use a BAR of the device.",
		.next = "Use a 64-bit kernel.",
		.evidence = { EVIDENCE_BARS, EVIDENCE_KERNEL_CONFIG },
	},
	{
		.id = "pci-bar-resize-failed",
		.patterns = { "Failed to resize BAR%{bar} to ", "Failed to resize BAR %{bar}: ",
			      "Not enough PCI address space for a large BAR.",
			      "Problem resizing BAR0 (",
			      "NVRM: No address space to allocate resized BAR1.",
			      "NVRM: BAR resizing failed with error `" },
		.source = "Linux drivers/gpu/drm (xe, i915, amdgpu), drivers/pci/rebar.c; NVIDIA "
			  "kernel-open/nvidia/nv-pci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "A graphics driver wanted to enlarge its BAR (Resizable BAR) and there "
			 "was no room for it. It works with the smaller BAR.",
		.next = "Turn on Above 4G Decoding and Resizable BAR in the firmware, if the "
			"larger BAR is wanted. passthru show %{address} lists the BARs.",
		.evidence = { EVIDENCE_BARS },
	},
	{
		.id = "pci-unassigned",
		.patterns = { "Some PCI device resources are unassigned, try booting with "
			      "pci=realloc" },
		.source = "Linux drivers/pci/setup-bus.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "The firmware left some BARs without addresses, mostly those of virtual "
			 "functions.",
		.next = "Boot with pci=realloc on the kernel command line when a device or its "
			"virtual functions do not work.",
		.evidence = { EVIDENCE_BARS, EVIDENCE_SRIOV, EVIDENCE_KERNEL_ARGUMENTS },
	},
	{
		.id = "pci-link-limited",
		.patterns = { "available PCIe bandwidth, limited by " },
		.source = "Linux drivers/pci/pci.c",
		.severity = EXPLAIN_INFO,
		.cause = "The device could be faster than its slot, or its link is slow at the "
			 "moment to save power.",
		.next = "passthru show %{address} tells link and slot. Use a slot with more lanes "
			"if bandwidth matters.",
		.evidence = { EVIDENCE_LINK },
	},
	/* ---- virtual functions ---- */
	{
		.id = "sriov-no-space",
		.patterns = { "not enough MMIO resources for SR-IOV",
			      "SR-IOV: IOV BARS not allocated" },
		.source = "Linux drivers/pci/iov.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "There are no addresses for the BARs of the virtual functions.",
		.next = "Turn on SR-IOV and Above 4G Decoding in the firmware, or boot with "
			"pci=realloc.",
		.evidence = { EVIDENCE_SRIOV, EVIDENCE_BARS, EVIDENCE_KERNEL_ARGUMENTS },
	},
	{
		.id = "sriov-no-driver",
		.patterns = { "no driver bound to device; cannot configure SR-IOV",
			      "driver does not support SR-IOV configuration via sysfs" },
		.source = "Linux drivers/pci/iov.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "Virtual functions are made by the driver of the physical function, and "
			 "there is none that does.",
		.next = "Bind %{address} to the vendor's driver, see passthru show %{address}.",
		.evidence = { EVIDENCE_DRIVER, EVIDENCE_SRIOV },
	},
	{
		.id = "sriov-already",
		.patterns = { "VFs already enabled. Disable before enabling " },
		.source = "Linux drivers/pci/iov.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The number of virtual functions can only be set while there are none.",
		.next = "Write 0 to sriov_numvfs of %{address} first; no guest may have one of "
			"them then.",
		.evidence = { EVIDENCE_SRIOV, EVIDENCE_GUESTS },
	},
	{
		.id = "sriov-in-use",
		.patterns = { "Cannot modify SR-IOV while VFs are assigned" },
		.source = "Linux drivers/pci/iov.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "Somebody changed the number of virtual functions while a guest has one "
			 "of them.",
		.next = "End the guests that have virtual functions of %{address} first.",
		.evidence = { EVIDENCE_SRIOV, EVIDENCE_GUESTS },
	},
	{
		.id = "sriov-left-enabled",
		.patterns = { "driver left SR-IOV enabled after remove" },
		.source = "Linux drivers/pci/iov.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The driver of a physical function was unbound while virtual functions "
			 "exist. They stay, with nobody to manage them.",
		.next = "Bind %{address} to its driver again, write 0 to sriov_numvfs, and only "
			"then unbind.",
		.evidence = { EVIDENCE_SRIOV, EVIDENCE_DRIVER },
	},
	/* ---- errors of the link ---- */
	{
		.id = "aer-corrected",
		.patterns = { "PCIe Bus Error: severity=Corrected",
			      "PCIe Bus Error: severity=Correctable" },
		.source = "Linux drivers/pci/pcie/aer.c",
		.severity = EXPLAIN_INFO,
		.cause =
			"The link repaired a transfer by itself. Some are normal; thousands mean a "
			"bad contact, riser or cable, or power saving that the device cannot do.",
		.next = "When there are many: seat the card again, try another slot, or boot with "
			"pcie_aspm=off.",
		.evidence = { EVIDENCE_LINK },
	},
	{
		.id = "aer-uncorrected",
		.patterns = { "PCIe Bus Error: severity=Uncorrected (",
			      "PCIe Bus Error: severity=Uncorrectable (" },
		.source = "Linux drivers/pci/pcie/aer.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "A transfer to or from this device was lost. Right after a reset or the "
			 "end of a guest it may be the device not answering any more; else it is "
			 "the hardware.",
		.next = "passthru show %{address} tells whether the device answers. Else look at "
			"slot, riser and power.",
		.evidence = { EVIDENCE_LINK, EVIDENCE_CONFIG_SPACE },
	},
	{
		.id = "aer-not-recovered",
		.patterns = { "can't recover (no error_detected callback)" },
		.source = "Linux drivers/pci/pcie/err.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "After an error of the link the kernel cannot bring the device back, "
			 "because its driver does not take part in that.",
		.next = "passthru show %{address} tells whether the device answers; power the host "
			"off and on when it does not.",
		.evidence = { EVIDENCE_CONFIG_SPACE, EVIDENCE_DRIVER },
	},
	{
		.id = "dpc-contained",
		.patterns = { "DPC: containment event, status:%{hex}" },
		.source = "Linux drivers/pci/pcie/dpc.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "After a fatal error the port has cut its devices off, to protect the "
			 "rest of the host.",
		.next = "passthru list tells whether they came back. Look at slot, riser and power "
			"of what is below %{address}.",
		.evidence = { EVIDENCE_LINK, EVIDENCE_CONFIG_SPACE },
	},
	{ 0 },
};
