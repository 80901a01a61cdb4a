// SPDX-License-Identifier: MIT
// Lines of libvirt: its daemons' logs, virsh, virt-manager and virt-host-validate.
//
// Texts are those of libvirt 9.0 and 11.3, in English: libvirt translates its messages, and logs
// of a daemon in another language are not recognised.

#include "check/explain_internal.h"

const struct explain_entry explain_libvirt[] = {
	/* ---- PCI devices ---- */
	{
		.id = "libvirt-device-in-use",
		.patterns = { "PCI device %{address} is in use by driver %{word}, domain %{domain}",
			      "PCI device %{address} allocated from network %{word} is already in "
			      "use by domain %{domain}",
			      "PCI device %{address} is in use" },
		.source = "libvirt src/hypervisor/virhostdev.c, src/qemu/qemu_process.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "Another guest that runs has the device, or another device of its group.",
		.next = "virsh list names the guests that run; shut that one down or detach the "
			"device from it.",
		.evidence = { EVIDENCE_GUESTS, EVIDENCE_GROUP_MEMBERS },
	},
	{
		.id = "libvirt-not-detached",
		.patterns = { "Unmanaged PCI device %{address} must be manually detached from the "
			      "host" },
		.source = "libvirt src/hypervisor/virhostdev.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The guest's definition says managed='no', so libvirt expects the device "
			 "to be with vfio-pci already, and it is not.",
		.next = "passthru bind %{address}, or managed='yes' in the definition.",
		.evidence = { EVIDENCE_DRIVER },
	},
	{
		.id = "libvirt-no-passthrough",
		.patterns = { "host doesn't support passthrough of host PCI devices",
			      "host doesn't support VFIO PCI passthrough",
			      "VFIO device assignment is currently not supported on this system",
			      "VFIO device assignment is not available on this platform" },
		.source =
			"libvirt src/qemu/qemu_domain.c, src/qemu/qemu_driver.c, src/util/virpci.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "libvirt found no IOMMU group at all, or no device node of VFIO. So the "
			 "IOMMU is off, or the module vfio is not loaded.",
		.next = "passthru check tells which; modprobe vfio-pci loads the modules.",
		.evidence = { EVIDENCE_IOMMU, EVIDENCE_MODULES, EVIDENCE_DEVICE_NODES },
	},
	{
		.id = "libvirt-legacy-passthrough",
		.patterns = { "host doesn't support legacy PCI passthrough",
			      "pci backend driver '%{word}' is not supported",
			      "pci backend driver type '%{word}' is not supported" },
		.source = "libvirt src/qemu/qemu_domain.c, src/hypervisor/virhostdev.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "The guest's definition asks for another way than VFIO, which is gone; or "
			 "it asks for none, and libvirt found that this host cannot do VFIO.",
		.next = "Take driver name='kvm' out of the definition; passthru check tells "
			"whether the host can do VFIO.",
		.evidence = { EVIDENCE_IOMMU, EVIDENCE_DEVICE_NODES },
	},
	{
		.id = "libvirt-qemu-without-vfio",
		.patterns = { "VFIO PCI device assignment is not supported by this version of QEMU",
			      "VFIO PCI device assignment is not supported by this version of "
			      "qemu" },
		.source = "libvirt src/qemu/qemu_domain.c, src/qemu/qemu_validate.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "The QEMU that libvirt uses has no vfio-pci: it is a reduced build, or "
			 "the module of QEMU with it is not installed.",
		.next = "qemu-system-x86_64 -device help lists what it has; install the full "
			"package.",
	},
	{
		.id = "libvirt-not-assignable",
		.patterns = { "PCI device %{address} is not assignable",
			      "Device %{address} is behind a switch lacking ACS and cannot be "
			      "assigned" },
		.source = "libvirt src/hypervisor/virhostdev.c, src/util/virpci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "libvirt does not give the device away, because a PCIe switch above it "
			 "does not keep devices apart (ACS). It asks this only for devices that "
			 "are not with VFIO.",
		.next = "passthru bind %{address} and look at its group: passthru show %{address}.",
		.evidence = { EVIDENCE_GROUP_MEMBERS, EVIDENCE_DRIVER },
	},
	{
		.id = "libvirt-bridge",
		.patterns = { "Non-endpoint PCI devices cannot be assigned to guests",
			      "Invalid attempt to reset PCI device %{address}. Only PCI endpoint "
			      "devices can be reset" },
		.source = "libvirt src/hypervisor/virhostdev.c, src/util/virpci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "A PCI bridge was given to the guest. Bridges stay with the host, also "
			 "when they are in the device's IOMMU group.",
		.next = "Take the bridge out of the guest's definition; passthru list groups shows "
			"which devices are bridges.",
		.evidence = { EVIDENCE_GROUP_MEMBERS },
	},
	{
		.id = "libvirt-header-127",
		.patterns = { "Unknown PCI header type '127' for device '%{address}'" },
		.source = "libvirt src/util/virpci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The configuration space of the device reads as all ones: the device does "
			 "not answer, after a failed reset, or because it sleeps and cannot be "
			 "woken.",
		.next = "Power the host off and on. Then keep the device awake with the option "
			"disable_idle_d3=1 of vfio-pci.",
		.evidence = { EVIDENCE_CONFIG_SPACE, EVIDENCE_POWER_STATE, EVIDENCE_RESET_METHODS },
	},
	{
		.id = "libvirt-no-reset",
		.patterns = { "Unable to reset PCI device %{address}: no FLR, PM reset or bus "
			      "reset available" },
		.source = "libvirt src/util/virpci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "libvirt found no way to reset the device. It tries this itself only for "
			 "devices that are not with VFIO.",
		.next = "passthru show %{address} lists the reset methods; with vfio-pci the "
			"kernel resets, and knows more ways.",
		.evidence = { EVIDENCE_RESET_METHODS, EVIDENCE_DRIVER },
	},
	{
		.id = "libvirt-reset-needs-others",
		.patterns = { "Active %{address} devices on bus with %{address}, not doing bus "
			      "reset" },
		.source = "libvirt src/util/virpci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The device could only be reset together with another one of its bus, "
			 "which is in use.",
		.next = "Give both to the same guest, or none of them.",
		.evidence = { EVIDENCE_RESET_METHODS, EVIDENCE_GUESTS },
	},
	{
		.id = "libvirt-active-device",
		.patterns = { "Not detaching active device %{address}",
			      "Not reattaching active device %{address}",
			      "Not resetting active device %{address}" },
		.source = "libvirt src/util/virpci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "Somebody wanted to move or reset a device that a running guest has.",
		.next = "Shut the guest down first: virsh list.",
		.evidence = { EVIDENCE_GUESTS },
	},
	{
		.id = "libvirt-unbind-failed",
		.patterns = { "Failed to unbind PCI device '%{address}' from %{driver}" },
		.source = "libvirt src/util/virpci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The driver of the host did not give the device away.",
		.next = "End what uses the device; passthru bind %{address} says what that is.",
		.evidence = { EVIDENCE_DEVICE_USERS, EVIDENCE_DRIVER },
	},
	{
		.id = "libvirt-bind-failed",
		.patterns = { "Failed to trigger a probe for PCI device '%{address}'",
			      "Failed to add driver '%{driver}' to driver_override interface of "
			      "PCI device '%{address}'" },
		.source = "libvirt src/util/virpci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The kernel did not give the device to the driver that libvirt wanted for "
			 "it; its log of the same second says why.",
		.next = "passthru bind %{address} does the same and reads the result back.",
		.evidence = { EVIDENCE_DRIVER, EVIDENCE_IOMMU },
	},
	{
		.id = "libvirt-module-failed",
		.patterns = { "Failed to load PCI driver module %{module}: ",
			      "Failed to load PCI stub module %{module}" },
		.source = "libvirt src/util/virpci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The module vfio-pci could not be loaded: it is not there for this "
			 "kernel, or blacklisted in modprobe.d (administratively prohibited).",
		.next = "modprobe %{module} says why; look for blacklist and install lines in "
			"modprobe.d.",
		.evidence = { EVIDENCE_MODULES, EVIDENCE_MODULE_OPTIONS },
	},
	{
		.id = "libvirt-device-missing",
		.patterns = { "Device %{address} not found: could not access " },
		.source = "libvirt src/util/virpci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause =
			"There is no PCI function at the address in the guest's definition. "
			"Addresses change when cards are added or settings of the firmware change.",
		.next = "passthru list pci shows the addresses of today.",
		.evidence = { EVIDENCE_DRIVER },
	},
	/* ---- places in the guest ---- */
	{
		.id = "libvirt-no-pci-slot",
		.patterns = { "No PCI buses available", "No more available PCI slots",
			      "a PCI slot is needed to connect a PCI controller model='" },
		.source = "libvirt src/conf/domain_addr.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The guest has no free place for another PCI device, or a machine type "
			 "without PCI.",
		.next = "Use the machine type q35 and add root ports (controller "
			"model='pcie-root-port'); devices are plugged into spare ones only.",
	},
	{
		.id = "libvirt-address-twice",
		.patterns = { "Attempted double use of PCI Address %{address}" },
		.source = "libvirt src/conf/domain_addr.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "Two devices of the guest's definition have the same PCI address in the "
			 "guest, that of the line.",
		.next = "Take one address element out of the definition; libvirt then chooses a "
			"free one.",
	},
	{
		.id = "libvirt-unplug-multifunction",
		.patterns = { "device with multifunction PCI guest address: %{address}" },
		.source = "libvirt src/qemu/qemu_hotplug.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "One function of a slot with several cannot be unplugged from a running "
			 "guest.",
		.next = "Shut the guest down, or give the devices a root port each.",
	},
	/* ---- memory ---- */
	{
		.id = "libvirt-memlock",
		.patterns = { "cannot limit locked memory of process %{number} to %{bytes}: "
			      "Operation not permitted",
			      "cannot limit locked memory of process to %{bytes}: Operation not "
			      "permitted" },
		.source = "libvirt src/util/virprocess.c; the second form in "
			  "https://github.com/kubevirt/kubevirt/pull/17805",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "libvirt wanted to raise QEMU's limit of locked memory and may not, as in "
			 "a session of a user (qemu:///session) or in a container.",
		.next = "Raise the limit beforehand (LimitMEMLOCK= of user@.service, limits.d), or "
			"use qemu:///system.",
		.evidence = { EVIDENCE_MEMLOCK },
	},
	{
		.id = "libvirt-huge-pages",
		.patterns = { "hugetlbfs filesystem is not mounted or disabled by administrator "
			      "config",
			      "Unable to find any usable hugetlbfs mount for %{number} KiB" },
		.source = "libvirt src/qemu/qemu_conf.c, src/qemu/qemu_command.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "The guest wants huge pages and libvirt found no hugetlbfs of that size. "
			 "It looks for it when its daemon starts.",
		.next = "Mount hugetlbfs (for 1 GiB pages with pagesize=1G), then restart "
			"virtqemud or libvirtd.",
		.evidence = { EVIDENCE_HUGE_PAGES },
	},
	/* ---- USB ---- */
	{
		.id = "libvirt-usb-missing",
		.patterns = { "Did not find USB device %{device}",
			      "host usb device %{device} not found",
			      "host usb device vendor=%{device} product=%{word} not found" },
		.source = "libvirt src/util/virusb.c, src/qemu/qemu_hotplug.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The USB device is not plugged in, or has another address or other ids by "
			 "now, as during an update of its firmware.",
		.next = "lsusb shows what is there. Select by vendor and product, with "
			"startupPolicy='optional' if the guest may start without.",
		.evidence = { EVIDENCE_USB_DEVICES },
	},
	{
		.id = "libvirt-usb-ambiguous",
		.patterns = { "Multiple USB devices for %{device}, use <address> to specify one",
			      "Multiple USB devices for %{device} were found, but none of them is "
			      "at bus:" },
		.source = "libvirt src/hypervisor/virhostdev.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "Several USB devices have the ids in the guest's definition, and libvirt "
			 "cannot select by port or serial number.",
		.next = "Give bus and device in an address element, which change when the device "
			"is plugged in again; QEMU itself can select by port (hostport=).",
		.evidence = { EVIDENCE_USB_DEVICES },
	},
	{
		.id = "libvirt-usb-in-use",
		.patterns = { "USB device %{device} is in use by driver %{word}, domain %{domain}",
			      "USB device %{device} is already in use" },
		.source = "libvirt src/hypervisor/virhostdev.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "Another guest that runs has the USB device.",
		.next = "Detach it there first: virsh detach-device.",
		.evidence = { EVIDENCE_USB_DEVICES, EVIDENCE_GUESTS },
	},
	/* ---- hooks, locks, rights ---- */
	{
		.id = "libvirt-hook-failed",
		.patterns = { "Hook script execution failed: " },
		.source = "libvirt src/util/virerror.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "A script in libvirt's hooks directory ended with an error; at the start "
			 "of a guest that keeps the guest from starting. The end of the line has "
			 "what it wrote.",
		.next = "Run the script by hand with the same arguments. managed='yes', or "
			"passthru bind, does without hooks.",
	},
	{
		.id = "libvirt-lock",
		.patterns = { "cannot acquire state change lock" },
		.source = "libvirt src/conf/virdomainjob.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "A job of this guest did not end and blocks all others. A hook that calls "
			 "virsh does this to itself; so does an unbind that hangs.",
		.next = "End the virsh in the hook, and take it out of the script. Look for tasks "
			"that hang in the kernel's log.",
		.evidence = { EVIDENCE_STUCK_TASKS },
	},
	{
		.id = "libvirt-xattr",
		.patterns = { "Unable to set XATTR %{parameter} on ",
			      "Unable to remove XATTR %{parameter} on " },
		.source = "libvirt src/util/virfile.c",
		.severity = EXPLAIN_INFO,
		.cause = "libvirt could not note the former owner of a file beside it, because its "
			 "file system takes no such attributes, or libvirt is not root.",
		.next = "Nothing, unless files of the guest keep a wrong owner afterwards.",
	},
	/* ---- the host ---- */
	{
		.id = "libvirt-no-kvm",
		.patterns = { "could not find capabilities for %{text}domaintype=kvm" },
		.source = "libvirt src/conf/capabilities.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "libvirt found no QEMU with KVM for this kind of guest: there is no KVM, "
			 "or no QEMU for that architecture.",
		.next = "passthru check tells whether KVM is there; restart virtqemud or libvirtd "
			"after a change.",
		.evidence = { EVIDENCE_PROCESSOR, EVIDENCE_DEVICE_NODES },
	},
	{
		.id = "libvirt-validate-no-table",
		.patterns = { "No ACPI DMAR table found, IOMMU either disabled in BIOS or not "
			      "supported by this hardware platform",
			      "No ACPI IVRS table found, IOMMU either disabled in BIOS or not "
			      "supported by this hardware platform" },
		.source = "libvirt tools/virt-host-validate-common.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "virt-host-validate saw no description of an IOMMU by the firmware. In a "
			 "container it does not see the firmware's tables, and the line means "
			 "nothing.",
		.next = "Turn on VT-d or IOMMU in the firmware; passthru check on the host itself "
			"tells whether it is in use.",
		.evidence = { EVIDENCE_FIRMWARE_TABLES, EVIDENCE_IOMMU },
	},
	{
		.id = "libvirt-validate-iommu-off",
		.patterns = { "IOMMU appears to be disabled in kernel. Add %{text} to kernel "
			      "cmdline arguments" },
		.source = "libvirt tools/virt-host-validate-common.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "virt-host-validate found no IOMMU group. The option that it proposes for "
			 "AMD, iommu=pt iommu=1, does not turn an IOMMU on.",
		.next = "passthru check tells what is missing: intel_iommu=on on many Intel hosts, "
			"a setting of the firmware on AMD hosts.",
		.evidence = { EVIDENCE_IOMMU, EVIDENCE_FIRMWARE_TABLES, EVIDENCE_KERNEL_ARGUMENTS },
	},
	{
		.id = "libvirt-qemu-ended",
		.patterns = { "process exited while connecting to monitor",
			      "qemu unexpectedly closed the monitor",
			      "QEMU unexpectedly closed the monitor (vm='" },
		.source = "libvirt src/qemu/qemu_process.c, src/qemu/qemu_monitor.c",
		.severity = EXPLAIN_PROBLEM,
		.general = true,
		.about_host = true,
		.cause = "QEMU ended while the guest was starting. Why stands behind it, or in the "
			 "guest's own log.",
		.next = "Give the log of the guest (log/libvirt/qemu/NAME.log) to passthru explain "
			"--log.",
	},
	{ 0 },
};
