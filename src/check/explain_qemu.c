// SPDX-License-Identifier: MIT
// Lines of QEMU about opening a device through VFIO and mapping the guest's memory for it, as it
// writes them to its standard error, where libvirt and others log them.
//
// Texts are those of QEMU 5.2, 7.2 and 10.0, and of libusb; where they differ each form is a
// pattern. Other sources name the report.

#include "check/explain_internal.h"

const struct explain_entry explain_qemu[] = {
	/* ---- opening the device ---- */
	{
		.id = "qemu-group-not-viable",
		.patterns = { "group %{group} is not viable" },
		.source = "QEMU hw/vfio/container.c, before 9.0 hw/vfio/common.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "Another device of the same IOMMU group still has a driver of the host. A "
			 "guest gets a group only as a whole; bridges do not count.",
		.next = "passthru list groups shows group %{group}; passthru bind its other "
			"devices too, or unbind them, or use a slot with a group of its own.",
		.evidence = { EVIDENCE_GROUP_MEMBERS },
	},
	{
		.id = "qemu-group-missing",
		.patterns = { "failed to open /dev/vfio/%{group}: No such file or directory",
			      "Could not open '/dev/vfio/%{group}': No such file or directory" },
		.source = "QEMU hw/vfio/container.c, before 9.0 hw/vfio/common.c; util/osdep.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "No device of the IOMMU group is with vfio-pci, so the group has no "
			 "device node; or the kernel has no such nodes (VFIO_GROUP off) or QEMU "
			 "does not see them, as in a container.",
		.next = "passthru bind %{address}",
		.evidence = { EVIDENCE_DRIVER, EVIDENCE_DEVICE_NODES, EVIDENCE_KERNEL_CONFIG },
	},
	{
		.id = "qemu-group-busy",
		.patterns = { "failed to open /dev/vfio/%{group}: Device or resource busy",
			      "Could not open '/dev/vfio/%{group}': Device or resource busy" },
		.source = "QEMU hw/vfio/container.c, before 9.0 hw/vfio/common.c; util/osdep.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "Another process has the IOMMU group open, mostly a guest that was not "
			 "ended.",
		.next = "As root, fuser -v /dev/vfio/%{group} names the process.",
		.evidence = { EVIDENCE_GUESTS, EVIDENCE_DEVICE_USERS },
	},
	{
		.id = "qemu-group-denied",
		.patterns = { "failed to open /dev/vfio/%{group}: Permission denied",
			      "failed to open /dev/vfio/%{group}: Operation not permitted",
			      "Could not open '/dev/vfio/%{group}': Permission denied",
			      "Could not open '/dev/vfio/%{group}': Operation not permitted" },
		.source = "QEMU hw/vfio/container.c, before 9.0 hw/vfio/common.c; util/osdep.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "QEMU may not open the device node of the group: it belongs to root, or a "
			 "control group, SELinux or AppArmor keeps QEMU from it.",
		.next = "Give the node to the user that runs QEMU (a udev rule for SUBSYSTEM "
			"vfio), and to the container if it runs in one.",
		.evidence = { EVIDENCE_DEVICE_NODES },
	},
	{
		.id = "qemu-group-empty",
		.patterns = { "failed to open /dev/vfio/%{group}: No such device",
			      "Could not open '/dev/vfio/%{group}': No such device" },
		.source = "QEMU hw/vfio/container.c, before 9.0 hw/vfio/common.c; util/osdep.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The group has a device node, and no device in it is with a VFIO driver "
			 "any more.",
		.next = "passthru bind %{address}",
		.evidence = { EVIDENCE_DRIVER, EVIDENCE_GROUP_MEMBERS },
	},
	{
		.id = "qemu-container-open",
		.patterns = { "failed to open /dev/vfio/vfio: ",
			      "Could not open '/dev/vfio/vfio': " },
		.source = "QEMU hw/vfio/container.c, before 9.0 hw/vfio/common.c; util/osdep.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "QEMU cannot open VFIO's own device node: the module vfio is not loaded, "
			 "or QEMU may not open it, as in a container.",
		.next = "modprobe vfio_iommu_type1 vfio_pci; else look at the owner and mode of "
			"the node.",
		.evidence = { EVIDENCE_MODULES, EVIDENCE_DEVICE_NODES },
	},
	{
		.id = "qemu-no-group",
		.patterns = { "no iommu_group found: " },
		.source = "QEMU hw/vfio/pci.c, hw/vfio/container.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The device has no IOMMU group: the IOMMU is off in the firmware or in "
			 "the kernel, or not there.",
		.next = "passthru check tells what is missing.",
		.evidence = { EVIDENCE_IOMMU, EVIDENCE_FIRMWARE_TABLES, EVIDENCE_KERNEL_ARGUMENTS },
	},
	{
		.id = "qemu-no-device",
		.patterns = { "no such host device: " },
		.source = "QEMU hw/vfio/pci.c, hw/vfio/helpers.c",
		.severity = EXPLAIN_PROBLEM,
		.cause =
			"There is no PCI function with the address that was given to QEMU. "
			"Addresses change when cards are added or settings of the firmware change.",
		.next = "passthru list pci shows the addresses of today.",
		.evidence = { EVIDENCE_DRIVER },
	},
	{
		.id = "qemu-device-of-group",
		.patterns = { "error getting device from group %{group}: %{reason}" },
		.source = "QEMU hw/vfio/container.c, before 9.0 hw/vfio/common.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The group was opened, and the device in it was not: it is not with "
			 "vfio-pci, is in use, did not wake up, or is a virtual function that "
			 "wants a token.",
		.next = "passthru show %{address}; the kernel's log of the same second often has "
			"the reason.",
		.evidence = { EVIDENCE_DRIVER, EVIDENCE_POWER_STATE, EVIDENCE_GUESTS },
	},
	{
		.id = "qemu-two-address-spaces",
		.patterns = { "group %{group} used in multiple address spaces" },
		.source = "QEMU hw/vfio/container.c, before 9.0 hw/vfio/common.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "Two devices of one IOMMU group stand behind a virtual IOMMU at different "
			 "places of the guest; one group can only have one address space.",
		.next = "Put the devices of group %{group} behind one PCIe-to-PCI bridge of the "
			"guest, pass through only one of them, or do without the virtual IOMMU.",
		.evidence = { EVIDENCE_GROUP_MEMBERS },
	},
	{
		.id = "qemu-container-denied",
		.patterns = { "Failed to set iommu for container: Operation not permitted",
			      "Failed to set group container: Operation not permitted" },
		.source = "QEMU hw/vfio/container.c, before 9.0 hw/vfio/common.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The kernel refuses the group because the platform does not isolate "
			 "interrupts, or because its devices may not be given away.",
		.next = "passthru check tells whether interrupt remapping is in use; the kernel's "
			"log of the same second names the reason.",
		.evidence = { EVIDENCE_INTERRUPT_REMAPPING, EVIDENCE_RESERVED_REGIONS },
	},
	{
		.id = "qemu-container-invalid",
		.patterns = { "Failed to set group container: Invalid argument",
			      "Failed to set iommu for container: Invalid argument" },
		.source = "QEMU hw/vfio/container.c, before 9.0 hw/vfio/common.c",
		.severity = EXPLAIN_PROBLEM,
		.cause =
			"The kernel refuses the group. Mostly the firmware wants memory mapped one "
			"to one for a device in it (RMRR, IVMD), which the kernel's log says then.",
		.next = "passthru show %{address} lists the reserved regions. Update the firmware, "
			"and look there for pre-boot DMA protection.",
		.evidence = { EVIDENCE_RESERVED_REGIONS, EVIDENCE_FIRMWARE_TABLES },
	},
	{
		.id = "qemu-no-iommu-model",
		.patterns = { "No available IOMMU models" },
		.source = "QEMU hw/vfio/container.c, before 9.0 hw/vfio/common.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The kernel offers QEMU no way to map memory for devices: the module "
			 "vfio_iommu_type1 is not loaded, or VFIO runs without an IOMMU.",
		.next = "modprobe vfio_iommu_type1; passthru check tells whether the IOMMU is in "
			"use.",
		.evidence = { EVIDENCE_MODULES, EVIDENCE_IOMMU, EVIDENCE_KERNEL_CONFIG },
	},
	{
		.id = "qemu-container-failed",
		.patterns = { "failed to setup container for group %{group}: " },
		.source = "QEMU hw/vfio/container.c, before 9.0 hw/vfio/common.c",
		.severity = EXPLAIN_PROBLEM,
		.general = true,
		.cause = "QEMU opened the IOMMU group and could not make it ready for the guest; "
			 "the end of the line says at which step.",
		.next = "passthru check %{address} looks for the usual reasons. The kernel's log "
			"of the same second often has the reason.",
		.evidence = { EVIDENCE_RESERVED_REGIONS, EVIDENCE_MEMLOCK, EVIDENCE_IOMMU },
	},
	/* ---- iommufd ---- */
	{
		.id = "qemu-iommufd-open",
		.patterns = { "Could not open '/dev/iommu': " },
		.source = "QEMU backends/iommufd.c, util/osdep.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "QEMU was told to use iommufd and cannot open it: the kernel is older "
			 "than 6.2 or built without, or QEMU may not open the node.",
		.next = "modprobe iommufd, or leave out iommufd= to use the older way.",
		.evidence = { EVIDENCE_KERNEL_CONFIG, EVIDENCE_DEVICE_NODES,
			      EVIDENCE_KERNEL_VERSION },
	},
	{
		.id = "qemu-iommufd-no-node",
		.patterns = { "failed to find vfio-dev/vfioX/dev",
			      "Failed to open /dev/vfio/devices/" },
		.source = "QEMU hw/vfio/iommufd.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "For iommufd QEMU opens a node of the device itself. There is none: the "
			 "device is not with vfio-pci, or the kernel is built without "
			 "CONFIG_VFIO_DEVICE_CDEV; or QEMU may not open it.",
		.next = "passthru bind %{address}, or leave out iommufd= to use the older way.",
		.evidence = { EVIDENCE_DRIVER, EVIDENCE_KERNEL_CONFIG, EVIDENCE_DEVICE_NODES },
	},
	{
		.id = "qemu-iommufd-attach",
		.patterns = { "error bind device fd=%{number} to iommufd=%{number}: %{reason}",
			      "] error attach %{address} (%{number}) to id=%{number}: %{reason}" },
		.source = "QEMU hw/vfio/iommufd.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The kernel refuses the device: another device of its group has a driver "
			 "of the host, interrupts are not isolated, or the firmware has reserved "
			 "memory for it.",
		.next = "passthru show %{address}; the kernel's log of the same second often has "
			"the reason.",
		.evidence = { EVIDENCE_GROUP_MEMBERS, EVIDENCE_INTERRUPT_REMAPPING,
			      EVIDENCE_RESERVED_REGIONS },
	},
	/* ---- mapping memory ---- */
	{
		.id = "qemu-p2p-missing",
		.patterns = { "warning: vfio_container_dma_map(%{text}) = -",
			      "failed to vfio_dma_map. pci p2p may not work",
			      "PCI peer-to-peer transactions on BARs are not supported.",
			      "IOMMU_IOAS_MAP failed: Bad address, PCI BAR?" },
		.source = "QEMU hw/vfio/common.c, today hw/vfio/listener.c; backends/iommufd.c",
		.severity = EXPLAIN_MISLEADING,
		.cause = "A BAR could not be mapped for the other devices of the guest. Only "
			 "direct transfers from device to device are lost; errors of vfio_dma_map "
			 "next to it belong to it.",
		.next = "Nothing, unless several GPUs of the guest are to exchange data directly.",
		.evidence = { EVIDENCE_ADDRESS_WIDTH, EVIDENCE_BARS },
	},
	{
		.id = "qemu-dma-no-memory",
		.patterns = { "VFIO_MAP_DMA failed: Cannot allocate memory",
			      "vfio_dma_map(%{text}) = -12 (Cannot allocate memory)",
			      "vfio_container_dma_map(%{text}) = -12 (Cannot allocate memory)" },
		.source = "QEMU hw/vfio/common.c, today hw/vfio/listener.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The guest's memory could not be locked. Nearly always the limit of "
			 "locked memory is smaller than the guest; then the kernel's log says "
			 "RLIMIT_MEMLOCK. Else memory is short.",
		.next = "Raise the limit above the guest's memory (ulimit -l, LimitMEMLOCK=), for "
			"each device once when there is a virtual IOMMU.",
		.evidence = { EVIDENCE_MEMLOCK, EVIDENCE_FREE_MEMORY },
	},
	{
		.id = "qemu-dma-invalid",
		.patterns = { "VFIO_MAP_DMA failed: Invalid argument",
			      "vfio_dma_map(%{text}) = -22 (Invalid argument)",
			      "vfio_container_dma_map(%{text}) = -22 (Invalid argument)" },
		.source = "QEMU hw/vfio/common.c, today hw/vfio/listener.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The IOMMU cannot translate addresses as high as the guest uses them, or "
			 "they hit a reserved region. When the guest starts all the same it is "
			 "about a BAR, and only direct transfers between devices are lost.",
		.next = "Limit the guest's addresses to the width of the IOMMU: "
			"host-phys-bits-limit=39 of QEMU's -cpu, maxphysaddr in libvirt.",
		.evidence = { EVIDENCE_ADDRESS_WIDTH, EVIDENCE_RESERVED_REGIONS },
	},
	{
		.id = "qemu-dma-bad-address",
		.patterns = { "VFIO_MAP_DMA failed: Bad address",
			      "vfio_dma_map(%{text}) = -14 (Bad address)",
			      "vfio_container_dma_map(%{text}) = -14 (Bad address)" },
		.source = "QEMU hw/vfio/common.c, today hw/vfio/listener.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "Memory of the guest could not be locked: its file or device does not "
			 "allow that, or huge pages ran out. For a BAR, when the guest starts all "
			 "the same, only direct transfers between devices are lost.",
		.next = "Look at the region the line names, and at the kind of memory behind it "
			"(memory-backend-file, DAX, SGX).",
		.evidence = { EVIDENCE_HUGE_PAGES, EVIDENCE_FREE_MEMORY, EVIDENCE_BARS },
	},
	{
		.id = "qemu-dma-no-space",
		.patterns = { "VFIO_MAP_DMA failed: No space left on device",
			      "vfio_dma_map(%{text}) = -28 (No space left on device)",
			      "vfio_container_dma_map(%{text}) = -28 (No space left on device)",
			      ": possibly running out of DMA mappings." },
		.source = "QEMU hw/vfio/common.c, today hw/vfio/listener.c; Linux "
			  "drivers/vfio/vfio_iommu_type1.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The guest's memory is in more pieces than the kernel maps for one guest "
			 "(65535 unless changed). A virtual IOMMU or virtio-mem with small blocks "
			 "does that.",
		.next = "Raise the option dma_entry_limit of vfio_iommu_type1, or use larger "
			"blocks (block-size= of virtio-mem).",
		.evidence = { EVIDENCE_MODULE_OPTIONS },
	},
	/* ---- the device itself ---- */
	{
		.id = "qemu-region",
		.patterns = { "failed to get region %{number} info: " },
		.source = "QEMU hw/vfio/pci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The kernel does not describe a BAR of the device. Mostly the device does "
			 "not answer.",
		.next = "passthru show %{address} tells whether the device answers.",
		.evidence = { EVIDENCE_CONFIG_SPACE, EVIDENCE_BARS, EVIDENCE_POWER_STATE },
	},
	{
		.id = "qemu-stuck-asleep",
		.patterns = { "vfio: Unable to power on device, stuck in D%{number}" },
		.source = "QEMU hw/vfio/pci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The device sleeps and cannot be woken: mostly it does not answer at all, "
			 "and its power state reads as D3 because everything does.",
		.next = "Power the host off and on. Then keep the device awake with the option "
			"disable_idle_d3=1 of vfio-pci.",
		.evidence = { EVIDENCE_POWER_STATE, EVIDENCE_CONFIG_SPACE,
			      EVIDENCE_MODULE_OPTIONS },
	},
	{
		.id = "qemu-pci-irq-assertion",
		.patterns = { "pci_irq_handler: Assertion `0 <= irq_num && irq_num < PCI_NUM_PINS' "
			      "failed" },
		.source = "QEMU hw/pci/pci.c; "
			  "https://github.com/kata-containers/kata-containers/issues/11708",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The configuration space of a device reads as all ones, which QEMU takes "
			 "for an interrupt pin that does not exist: the device does not answer.",
		.next = "Power the host off and on. passthru list shows the devices that vfio-pci "
			"has.",
		.evidence = { EVIDENCE_CONFIG_SPACE, EVIDENCE_POWER_STATE },
	},
	{
		.id = "qemu-device-error",
		.patterns = { "Unrecoverable error detected. Please collect any data possible and "
			      "then kill the guest" },
		.source = "QEMU hw/vfio/pci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The host reported a fatal error of the device's link, and QEMU stopped "
			 "the guest.",
		.next = "Look for AER lines of %{address} in the kernel's log; end the guest.",
		.evidence = { EVIDENCE_LINK, EVIDENCE_CONFIG_SPACE },
	},
	{
		.id = "qemu-no-reset",
		.patterns = { "vfio: Cannot reset device %{address}, no available reset "
			      "mechanism." },
		.source = "QEMU hw/vfio/pci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The device cannot be reset by itself. The guest starts, but gets the "
			 "device in the state that was left, and may fail at its second start.",
		.next = "passthru show %{address} lists the reset methods. Do not pass the "
			"function through when the guest can do without it.",
		.evidence = { EVIDENCE_RESET_METHODS },
	},
	{
		.id = "qemu-reset-needs-others",
		.patterns = { "vfio: Cannot reset device %{address}, depends on group %{group} "
			      "which is not owned.",
			      "vfio: Cannot reset device %{address}, depends on device " },
		.source = "QEMU hw/vfio/container.c, hw/vfio/iommufd.c, before 9.0 hw/vfio/pci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The device can only be reset together with others on its bus, and the "
			 "guest does not have them.",
		.next = "Give the guest the other functions of the slot as well (audio, USB-C); "
			"passthru show %{address} names them.",
		.evidence = { EVIDENCE_RESET_METHODS, EVIDENCE_GROUP_MEMBERS },
	},
	{
		.id = "qemu-bar-not-mapped",
		.patterns = { "Failed to mmap %{address} BAR %{bar}. Performance may be slow" },
		.source = "QEMU hw/vfio/pci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "QEMU cannot map a BAR of the device directly. Mostly something of the "
			 "host holds it, and the kernel's log says that it can't reserve the BAR; "
			 "a graphics card is then hardly usable.",
		.next = "As root, /proc/iomem names who holds the range.",
		.evidence = { EVIDENCE_MEMORY_MAP, EVIDENCE_FRAMEBUFFER, EVIDENCE_BARS },
	},
	{
		.id = "qemu-interrupt",
		.patterns = { "eventfd signaling for interrupt %{word}: VFIO_DEVICE_SET_IRQS "
			      "failure: %{reason}" },
		.source = "QEMU hw/vfio/device.c, before hw/vfio/helpers.c and hw/vfio/common.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "An interrupt of the device could not be set up. For INTX and busy it is "
			 "shared with a device of the host, which the kernel's log names (Flags "
			 "mismatch).",
		.next = "Unbind the other device from its driver, or use another slot. passthru "
			"show %{address}.",
		.evidence = { EVIDENCE_DRIVER, EVIDENCE_INTERRUPT_REMAPPING },
	},
	{
		.id = "qemu-igd-legacy",
		.patterns = { "IGD legacy mode disabled", ", legacy mode disabled",
			      " cannot support legacy mode due to existing devices at address 1f.0",
			      " is unsupported in legacy mode, try SandyBridge or newer" },
		.source = "QEMU hw/vfio/igd.c",
		.severity = EXPLAIN_INFO,
		.cause = "An Intel graphics device is passed through without the legacy mode, "
			 "which is for i440fx machines with SeaBIOS. Newer guests with OVMF do not "
			 "want it.",
		.next = "Nothing, unless the guest needs the VBIOS for its screen.",
	},
	{ 0 },
};
