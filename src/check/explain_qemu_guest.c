// SPDX-License-Identifier: MIT
// Lines of QEMU about the rest of a guest: option ROMs, KVM, memory, places on buses, USB.
//
// Texts are those of QEMU 5.2, 7.2 and 10.0, and of libusb; where they differ each form is a
// pattern. Other sources name the report.

#include "check/explain_internal.h"

const struct explain_entry explain_qemu_guest[] = {
	/* ---- option ROM ---- */
	{
		.id = "qemu-rom-unreadable",
		.patterns = { "vfio-pci: Cannot read device rom at %{address}",
			      "Device option ROM contents are probably invalid (check dmesg)." },
		.source = "QEMU hw/vfio/pci.c",
		.severity = EXPLAIN_INFO,
		.cause = "The device shows no option ROM: it has none, sleeps, or it is the card "
			 "of the boot screen, whose ROM the firmware has replaced. The guest's "
			 "driver often does without.",
		.next = "Nothing when the guest works. Else give QEMU a ROM file of this very card "
			"(romfile=), or none (rombar=0).",
		.evidence = { EVIDENCE_ROM },
	},
	{
		.id = "qemu-romfile",
		.patterns = { "failed to find romfile \"", "failed to load romfile \"",
			      "romfile \"%{path}\" is empty", "romfile \"%{path}\" too large ",
			      "romfile \"%{path}\" (%{number} bytes) is too large for ROM size " },
		.source = "QEMU hw/pci/pci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The ROM file given with romfile= is not there, may not be read, or is "
			 "not a ROM. In libvirt AppArmor or SELinux may keep QEMU from it.",
		.next = "Check the path and its rights, and look for apparmor=\"DENIED\" or avc in "
			"the kernel's log. Most cards need no ROM file.",
		.evidence = { EVIDENCE_ROM },
	},
	/* ---- KVM and memory ---- */
	{
		.id = "qemu-kvm-missing",
		.patterns = { "Could not access KVM kernel module: No such file or directory",
			      "Could not access KVM kernel module: No such device" },
		.source = "QEMU accel/kvm/kvm-all.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "There is no KVM: its module is not loaded, or virtualization is turned "
			 "off in the firmware.",
		.next = "modprobe kvm_intel or kvm_amd; when that fails the kernel's log says why. "
			"Turn on VT-x or SVM in the firmware.",
		.evidence = { EVIDENCE_PROCESSOR, EVIDENCE_MODULES, EVIDENCE_DEVICE_NODES },
	},
	{
		.id = "qemu-kvm-denied",
		.patterns = { "Could not access KVM kernel module: Permission denied",
			      "Could not access KVM kernel module: Operation not permitted" },
		.source = "QEMU accel/kvm/kvm-all.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "QEMU may not open KVM's device node: the user is not allowed to, or a "
			 "container or rented server does not have it.",
		.next = "Add the user to the group kvm and log in again.",
		.evidence = { EVIDENCE_DEVICE_NODES },
	},
	{
		.id = "qemu-kvm-failed",
		.patterns = { "failed to initialize kvm: %{reason}",
			      "failed to initialize KVM: %{reason}" },
		.source = "QEMU softmmu/vl.c, system/vl.c; the second form in "
			  "https://github.com/foxlet/macOS-Simple-KVM/issues/191",
		.severity = EXPLAIN_PROBLEM,
		.general = true,
		.about_host = true,
		.cause = "QEMU could not start KVM; the line before says why.",
		.next = "passthru check tells whether the processor and KVM are ready.",
		.evidence = { EVIDENCE_PROCESSOR, EVIDENCE_DEVICE_NODES },
	},
	{
		.id = "qemu-memory-locking",
		.patterns = { "mlockall: Cannot allocate memory",
			      "mlockall: Operation not permitted",
			      "qemu-system-x86_64: locking memory failed" },
		.source = "QEMU os-posix.c, softmmu/vl.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "QEMU was told to lock all its memory (mem-lock=on, <locked/>) and may "
			 "not: the limit of locked memory is smaller.",
		.next = "Raise the limit (ulimit -l, LimitMEMLOCK=, hard_limit in libvirt), or "
			"drop the option: VFIO locks the guest's memory by itself.",
		.evidence = { EVIDENCE_MEMLOCK },
	},
	{
		.id = "qemu-memory-short",
		.patterns = { "cannot set up guest memory '%{word}': Cannot allocate memory",
			      "preallocating memory failed: ",
			      "os_mem_prealloc: Insufficient free host memory pages available to "
			      "allocate guest RAM",
			      "unable to map backing store for guest RAM: Cannot allocate memory" },
		.source = "QEMU softmmu/physmem.c, system/physmem.c, util/oslib-posix.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "There is not enough memory for the guest. With huge pages: not enough of "
			 "them are free, on the NUMA node that was asked for.",
		.next = "Compare the guest's memory with free memory, or with the free huge pages "
			"of each node; reserve huge pages at boot.",
		.evidence = { EVIDENCE_FREE_MEMORY, EVIDENCE_HUGE_PAGES },
	},
	{
		.id = "qemu-memory-path",
		.patterns = { "can't open backing store %{path} for guest RAM: %{reason}" },
		.source = "QEMU softmmu/physmem.c, system/physmem.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The file or directory for the guest's memory is not there, or QEMU may "
			 "not write to it. For huge pages hugetlbfs has to be mounted there.",
		.next = "Mount hugetlbfs and give the directory to the user that runs QEMU, or use "
			"memory-backend-memfd with hugetlb=on, which needs no mount.",
		.evidence = { EVIDENCE_HUGE_PAGES, EVIDENCE_DEVICE_NODES },
	},
	/* ---- places on buses ---- */
	{
		.id = "qemu-slot-taken",
		.patterns = { "PCI: slot %{number} function %{number} not available for ",
			      "PCI: no slot/function available for " },
		.source = "QEMU hw/pci/pci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The place in the guest that was given to the device is taken; the end of "
			 "the line says by what. A PCIe root port has one slot only.",
		.next = "Give the device another addr=, or a root port of its own.",
	},
	{
		.id = "qemu-multifunction",
		.patterns = { "PCI: single function device can't be populated in function ",
			      "indicates single function, but " },
		.source = "QEMU hw/pci/pci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "Several functions share a slot of the guest and function 0 does not say "
			 "so.",
		.next = "Add multifunction=on to the device at function 0.",
	},
	{
		.id = "qemu-hotplug-function-0",
		.patterns = { "function 0 already occupied by %{word}, new func %{word} cannot be "
			      "exposed to guest." },
		.source = "QEMU hw/pci/pci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "A function was plugged into a slot of the running guest whose function 0 "
			 "is there already; the guest would not notice it.",
		.next = "Plug function 0 last, or give the device a root port of its own.",
	},
	{
		.id = "qemu-no-bus",
		.patterns = { "Bus '%{word}' not found", "Bus '%{word}' is full",
			      "Bus '%{word}' does not support hotplugging" },
		.source = "QEMU softmmu/qdev-monitor.c, system/qdev-monitor.c, "
			  "hw/core/qdev-hotplug.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The bus given with bus= does not exist, is full, or takes no device "
			 "while the guest runs (pcie.0 does not).",
		.next = "Define the root port (pcie-root-port) before the device, with a chassis "
			"number of its own, and plug into that.",
	},
	/* ---- USB ---- */
	{
		.id = "qemu-usb-missing",
		.patterns = { "failed to find host usb device %{device}" },
		.source = "QEMU hw/usb/host-libusb.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The USB device is not at the bus and address that were given. Addresses "
			 "change each time a device is plugged in or reset.",
		.next = "Select it by port (hostbus= and hostport=), or by vendorid= and "
			"productid=; lsusb -t shows the ports.",
		.evidence = { EVIDENCE_USB_DEVICES },
	},
	{
		.id = "qemu-usb-denied",
		.patterns = { "failed to open host usb device %{device}",
			      "couldn't open USB device %{path}, errno=13",
			      "libusb requires write access to USB device nodes" },
		.source = "QEMU hw/usb/host-libusb.c; libusb libusb/os/linux_usbfs.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "QEMU may not open the device node of the USB device, or another guest "
			 "has it.",
		.next = "Give the node to the user that runs QEMU (a udev rule for the device's "
			"ids); libvirt does so by itself.",
		.evidence = { EVIDENCE_DEVICE_NODES, EVIDENCE_USB_DEVICES },
	},
	{
		.id = "qemu-usb-speed",
		.patterns = { "Warning: speed mismatch trying to attach usb device \"" },
		.source = "QEMU hw/usb/bus.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The USB controller of the guest is not made for the speed of the device: "
			 "a USB 3 device wants qemu-xhci.",
		.next = "Add -device qemu-xhci (model qemu-xhci in libvirt) and attach the device "
			"to it.",
	},
	{ 0 },
};
