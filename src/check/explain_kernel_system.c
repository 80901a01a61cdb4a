// SPDX-License-Identifier: MIT
// Lines of the kernel, and of the programs that load its modules, about the host as a whole:
// modules and parameters, KVM, memory, lockdown, and tasks that hang.
//
// Texts are those of Linux 5.10, 6.1, 6.12 and 7.2, of kmod 34.2, and of the programs named.

#include "check/explain_internal.h"

const struct explain_entry explain_kernel_system[] = {
	/* ---- modules and parameters ---- */
	{
		.id = "module-vfio-virqfd",
		.patterns = { "Failed to find module 'vfio_virqfd'",
			      "module not found: 'vfio_virqfd'",
			      "Module vfio_virqfd not found in directory " },
		.source =
			"systemd src/shared/module-util.c and dracut src/install/dracut-install.c; "
			"mkinitcpio functions; kmod tools/modprobe.c",
		.severity = EXPLAIN_MISLEADING,
		.about_host = true,
		.cause = "Since Linux 6.2 vfio_virqfd is a part of the module vfio. Old guides "
			 "list it still; nothing is missing.",
		.next = "Take vfio_virqfd out of the lists of modules (modules-load.d, "
			"mkinitcpio.conf, dracut.conf.d) and build the initramfs again.",
		.evidence = { EVIDENCE_KERNEL_VERSION, EVIDENCE_MODULES },
	},
	{
		.id = "module-vfio-missing",
		.patterns = { "Failed to find module 'vfio_pci'",
			      "Failed to find module 'vfio-pci'", "module not found: 'vfio_pci'",
			      "module not found: 'vfio-pci'",
			      "Module vfio_pci not found in directory ",
			      "Module vfio-pci not found in directory " },
		.source =
			"systemd src/shared/module-util.c and dracut src/install/dracut-install.c; "
			"mkinitcpio functions; kmod tools/modprobe.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "The kernel that runs has no module vfio-pci: it was built without, its "
			 "modules were removed by an update, or they stand in a package of their "
			 "own.",
		.next = "Reboot after an update of the kernel; else install the package with its "
			"further modules, or a kernel with CONFIG_VFIO_PCI.",
		.evidence = { EVIDENCE_MODULES, EVIDENCE_KERNEL_CONFIG, EVIDENCE_KERNEL_VERSION },
	},
	{
		.id = "module-builtin",
		.patterns = { "modprobe: FATAL: Module %{module} is builtin." },
		.source = "kmod tools/modprobe.c",
		.severity = EXPLAIN_INFO,
		.cause = "The driver is a part of the kernel and cannot be unloaded. Its options "
			 "are read from the kernel command line only, not from modprobe.d.",
		.next = "Set options as %{module}.NAME=VALUE on the kernel command line; passthru "
			"bind works with it as with a module.",
		.evidence = { EVIDENCE_MODULES, EVIDENCE_MODULE_OPTIONS },
	},
	{
		.id = "module-in-use",
		.patterns = { "FATAL: Module %{module} is in use",
			      "ERROR: Module %{module} is in use" },
		.source = "kmod tools/modprobe.c, tools/rmmod.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The module cannot be unloaded, because other modules or programs use it. "
			 "Unloading is not needed to take one device from a driver.",
		.next = "lsmod names the modules that use it. Take out the device instead: "
			"passthru bind DEVICE.",
		.evidence = { EVIDENCE_MODULES, EVIDENCE_DEVICE_USERS },
	},
	{
		.id = "module-unknown-parameter",
		.patterns = { ": unknown parameter '%{parameter}' ignored" },
		.source = "Linux kernel/module/main.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "An option of a module is misspelled, or not in this kernel. disable_vga "
			 "of vfio_pci is only there with CONFIG_VFIO_PCI_VGA.",
		.next = "modinfo -p lists the options of a module; correct modprobe.d or the "
			"kernel command line.",
		.evidence = { EVIDENCE_MODULE_OPTIONS, EVIDENCE_KERNEL_ARGUMENTS,
			      EVIDENCE_KERNEL_CONFIG },
	},
	{
		.id = "kernel-unknown-parameters",
		.patterns = { "Unknown kernel command line parameters \"%{text}\", will be passed "
			      "to user space." },
		.source = "Linux init/main.c",
		.severity = EXPLAIN_MISLEADING,
		.about_host = true,
		.cause = "The kernel names words of its command line that it does not use. "
			 "BOOT_IMAGE= and what is meant for systemd or dracut stands there "
			 "rightly; a misspelled option does too.",
		.next = "Look for misspelled words among them: vfio-pci-ids= (for vfio-pci.ids=), "
			"pcie_acs_override= on a kernel without the patch.",
		.evidence = { EVIDENCE_KERNEL_ARGUMENTS },
	},
	{
		.id = "module-signature",
		.patterns = { "Loading of unsigned module is rejected",
			      "Loading of module with unavailable key is rejected" },
		.source = "Linux kernel/module/signing.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "With Secure Boot the kernel loads signed modules only, and refused one. "
			 "Modules built on the host (nvidia, vendor-reset) are the usual ones.",
		.next = "Sign the module and enrol the key (mokutil), or do without it; passing "
			"devices through needs no such module.",
		.evidence = { EVIDENCE_LOCKDOWN, EVIDENCE_MODULES },
	},
	{
		.id = "module-other-kernel",
		.patterns = { ": disagrees about version of symbol " },
		.source = "Linux kernel/module/version.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The module was built for another kernel and was not loaded.",
		.next = "Build it for the kernel that runs (dkms autoinstall), or reboot into the "
			"kernel it was built for.",
		.evidence = { EVIDENCE_KERNEL_VERSION, EVIDENCE_MODULES },
	},
	/* ---- Secure Boot ---- */
	{
		.id = "lockdown-on",
		.patterns = { "Kernel is locked down from " },
		.source = "Linux security/lockdown/lockdown.c",
		.severity = EXPLAIN_INFO,
		.about_host = true,
		.cause = "The kernel protects itself from the administrator, as it does with "
			 "Secure Boot. VFIO works all the same.",
		.next = "Nothing. Writing PCI configuration space, unsigned modules and replaced "
			"ACPI tables do not work now.",
		.evidence = { EVIDENCE_LOCKDOWN },
	},
	{
		.id = "lockdown-refused",
		.patterns = { "Lockdown: %{task}: %{reason} is restricted; see man "
			      "kernel_lockdown.7" },
		.source = "Linux security/lockdown/lockdown.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "A program wanted something that the kernel does not allow while it is "
			 "locked down, as with Secure Boot: the line names both.",
		.next = "Do without it: giving devices to guests needs nothing that lockdown "
			"refuses. Else turn Secure Boot off in the firmware.",
		.evidence = { EVIDENCE_LOCKDOWN },
	},
	/* ---- KVM ---- */
	{
		.id = "kvm-off-in-firmware",
		.patterns = { "kvm: disabled by bios",
			      "kvm: support for '%{word}' disabled by bios",
			      "x86/cpu: VMX (%{word} TXT) disabled by BIOS",
			      "SVM disabled (by BIOS) in MSR_VM_CR",
			      "VMX not enabled (by BIOS) in MSR_IA32_FEAT_CTL" },
		.source = "Linux arch/x86/kvm/x86.c, arch/x86/kvm/vmx/vmx.c, "
			  "arch/x86/kernel/cpu/feat_ctl.c, arch/x86/kernel/cpu/amd.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "The firmware has turned the processor's virtualization off, so there is "
			 "no KVM.",
		.next = "Turn on VT-x (Intel) or SVM (AMD) in the firmware. It is another setting "
			"than VT-d or IOMMU; both are needed.",
		.evidence = { EVIDENCE_PROCESSOR, EVIDENCE_DEVICE_NODES },
	},
	{
		.id = "kvm-no-hardware",
		.patterns = { "kvm: no hardware support", "VMX not supported by CPU ",
			      "SVM not supported by CPU " },
		.source =
			"Linux arch/x86/kvm/x86.c, arch/x86/kvm/vmx/vmx.c, arch/x86/kvm/svm/svm.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "The processor that the kernel sees cannot virtualize. In a virtual "
			 "machine it means that nested virtualization is off; on a processor of "
			 "the other maker the line is harmless.",
		.next = "Inside a virtual machine: turn on nested virtualization on its host. Else "
			"compare the module (kvm_intel, kvm_amd) with the processor.",
		.evidence = { EVIDENCE_PROCESSOR, EVIDENCE_MODULES },
	},
	{
		.id = "kvm-msr-ignored",
		.patterns = { "ignored rdmsr: %{hex}", "ignored wrmsr: %{hex}" },
		.source = "Linux arch/x86/kvm/x86.c",
		.severity = EXPLAIN_MISLEADING,
		.about_host = true,
		.cause = "A guest used a register of the processor that KVM does not have, and "
			 "because of ignore_msrs=1 KVM let that pass. It has nothing to do with "
			 "devices.",
		.next = "Nothing; report_ignored_msrs=0 of the module kvm silences the line.",
	},
	/* ---- memory ---- */
	{
		.id = "huge-pages-short",
		.patterns = { "HugeTLB: allocating %{number} of page size " },
		.source = "Linux mm/hugetlb.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "The kernel could not reserve as many huge pages as it was told to.",
		.next = "Reserve fewer, or spread them over the NUMA nodes (hugepages=0:N,1:N). "
			"Pages of 1 GiB are only sure to be had at boot.",
		.evidence = { EVIDENCE_HUGE_PAGES, EVIDENCE_FREE_MEMORY },
	},
	{
		.id = "huge-pages-misspelled",
		.patterns = { " does not follow a valid hugepagesz, ignoring",
			      "HugeTLB: unsupported hugepagesz=",
			      "HugeTLB: unsupported default_hugepagesz=",
			      "HugeTLB: hugepagesz=%{word} specified twice, ignoring",
			      "hugepages= specified twice without interleaving hugepagesz=, "
			      "ignoring" },
		.source = "Linux mm/hugetlb.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "The options for huge pages on the kernel command line are in the wrong "
			 "order or of a size that the processor does not have, and were ignored.",
		.next = "Put each hugepagesz= right before its hugepages=; the sizes of x86 are 2M "
			"and 1G.",
		.evidence = { EVIDENCE_KERNEL_ARGUMENTS, EVIDENCE_HUGE_PAGES, EVIDENCE_PROCESSOR },
	},
	{
		.id = "qemu-killed-for-memory",
		.patterns = { "Out of memory: Killed process %{number} (qemu-",
			      "Out of memory: Killed process %{number} (kvm)",
			      "Memory cgroup out of memory: Killed process %{number} (qemu-",
			      "Memory cgroup out of memory: Killed process %{number} (kvm)" },
		.source = "Linux mm/oom_kill.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "The host, or the control group of the guest, ran out of memory and the "
			 "kernel ended QEMU. A guest with a device has all its memory locked, so "
			 "none can be swapped out.",
		.next = "Give the guest less memory, or the host more; raise the limit of the "
			"control group above guest memory plus some hundred MiB.",
		.evidence = { EVIDENCE_FREE_MEMORY, EVIDENCE_HUGE_PAGES, EVIDENCE_GUESTS },
	},
	/* ---- interrupts and tasks that hang ---- */
	{
		.id = "irq-nobody-cared",
		.patterns = { "irq %{number}: nobody cared (try booting with the \"irqpoll\" "
			      "option)" },
		.source = "Linux kernel/irq/spurious.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause =
			"A device kept sending INTx interrupts that no driver took, and the kernel "
			"turned the line off. A device that went to a guest or came back from one "
			"without a reset does that; other devices of the line stop with it.",
		.next = "The handlers in the lines that follow name the devices of the line. Reset "
			"the device or reboot; use MSI in the guest.",
		.evidence = { EVIDENCE_RESET_METHODS, EVIDENCE_DRIVER },
	},
	{
		.id = "task-hangs",
		.patterns = { "INFO: task %{task} blocked for more than %{number} seconds." },
		.source = "Linux kernel/hung_task.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "A task waits in the kernel and cannot be ended. When it writes to "
			 "unbind, remove or new_id, a driver does not let go of its device; the "
			 "lines that follow show where it waits.",
		.next = "Look for what uses the device. Do not write to sysfs for it again; when "
			"it stays, only a reboot helps.",
		.evidence = { EVIDENCE_STUCK_TASKS, EVIDENCE_DEVICE_USERS },
	},
	{
		.id = "kernel-recursive-fault",
		.patterns = { "Fixing recursive fault but reboot is needed!" },
		.source = "Linux kernel/exit.c",
		.severity = EXPLAIN_PROBLEM,
		.about_host = true,
		.cause = "A task crashed in the kernel while it was ending. The kernel is damaged "
			 "from here on.",
		.next = "Reboot soon. What crashed stands in the lines before, at the first BUG or "
			"Oops.",
		.evidence = { EVIDENCE_STUCK_TASKS },
	},
	/* ---- confinement of guests ---- */
	{
		.id = "apparmor-denied-guest",
		.patterns = { "apparmor=\"DENIED\"%{text}profile=\"libvirt-" },
		.source = "Linux security/apparmor/audit.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "AppArmor kept QEMU of a libvirt guest from a file, for instance a ROM "
			 "file or the memory of Looking Glass; QEMU then says that it is not "
			 "permitted.",
		.next = "Move the file to a place libvirt allows, or allow it in AppArmor's "
			"local/abstractions/libvirt-qemu.",
		.evidence = { EVIDENCE_DEVICE_NODES },
	},
	{ 0 },
};
