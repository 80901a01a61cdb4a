// SPDX-License-Identifier: MIT
// Lines of the drivers that a device is taken from, or given back to.
//
// Texts are those of Linux 5.10, 6.1, 6.12 and 7.2, of NVIDIA's open kernel modules 595.45.04
// (NVIDIA/open-gpu-kernel-modules) and of gnif/vendor-reset; others name the report.

#include "check/explain_internal.h"

const struct explain_entry explain_kernel_driver[] = {
	/* ---- NVIDIA ---- */
	{
		.id = "nvidia-still-used",
		.patterns = { "NVRM: Attempting to remove device %{address} with non-zero usage "
			      "count!" },
		.source = "NVIDIA kernel-open/nvidia/nv-pci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The card was unbound from nvidia while a program has it open. The unbind "
			 "hangs until the program ends, with some driver versions for ever.",
		.next = "End what uses the card: display server, nvidia-persistenced, containers, "
			"monitors. When the unbind still hangs, only a reboot helps. passthru bind "
			"refuses before it comes to that.",
		.evidence = { EVIDENCE_DEVICE_USERS, EVIDENCE_STUCK_TASKS },
	},
	{
		.id = "nvidia-off-the-bus",
		.patterns = { "GPU has fallen off the bus",
			      "fallen off the bus and is not responding to commands." },
		.source = "NVIDIA src/nvidia/arch/nvalloc/unix/src/osinit.c, osapi.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The card does not answer any more: it sleeps and cannot be woken, a "
			 "reset failed, or it has lost power or link.",
		.next = "Power the host off and on. passthru show %{address} tells whether the "
			"card answers.",
		.evidence = { EVIDENCE_CONFIG_SPACE, EVIDENCE_POWER_STATE, EVIDENCE_LINK },
	},
	{
		.id = "nvidia-not-probed",
		.patterns = { "NVRM: The NVIDIA probe routine was not called for " },
		.source = "NVIDIA kernel-open/nvidia/nv.c",
		.severity = EXPLAIN_INFO,
		.cause = "The nvidia driver was loaded while another driver has a card of NVIDIA. "
			 "With a card that was handed over that is as it should be.",
		.next = "passthru list gpus shows which driver has each card.",
		.evidence = { EVIDENCE_DRIVER },
	},
	{
		.id = "nvidia-no-card",
		.patterns = { "NVRM: No NVIDIA GPU found.", "NVRM: No NVIDIA devices probed.",
			      "NVRM: None of the NVIDIA devices were initialized." },
		.source = "NVIDIA kernel-open/nvidia/nv.c",
		.severity = EXPLAIN_INFO,
		.cause = "The nvidia driver has no card. That is as it should be when all of them "
			 "are handed over.",
		.next = "passthru list gpus shows which driver has each card.",
		.evidence = { EVIDENCE_DRIVER },
	},
	{
		.id = "nvidia-bar-invalid",
		.patterns = { "NVRM: This PCI I/O region assigned to your NVIDIA device is "
			      "invalid:" },
		.source = "NVIDIA kernel-open/nvidia/nv-pci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "A BAR of the card has no address. In a guest it means that the guest's "
			 "firmware has no room for it.",
		.next = "On the host turn on Above 4G Decoding in the firmware. For a guest "
			"enlarge its window for 64-bit BARs.",
		.evidence = { EVIDENCE_BARS },
	},
	{
		.id = "nvidia-memory-taken",
		.patterns = { "NVRM: request_mem_region failed for " },
		.source = "NVIDIA kernel-open/nvidia/nv-pci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "Something else holds the registers of the card: another driver, or the "
			 "framebuffer of the firmware.",
		.next = "As root, /proc/iomem names who holds them. passthru show %{address} tells "
			"the driver.",
		.evidence = { EVIDENCE_MEMORY_MAP, EVIDENCE_FRAMEBUFFER, EVIDENCE_DRIVER },
	},
	{
		.id = "nvidia-init-failed",
		.patterns = { "RmInitAdapter failed! (%{hex}" },
		.source = "NVIDIA src/nvidia/arch/nvalloc/unix/src/osinit.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The nvidia driver could not start the card. After a guest had it, the "
			 "card often was not reset; else driver and card do not fit, or the card "
			 "does not answer.",
		.next = "passthru show %{address} tells whether the card answers and how it can be "
			"reset.",
		.evidence = { EVIDENCE_CONFIG_SPACE, EVIDENCE_RESET_METHODS, EVIDENCE_POWER_STATE },
	},
	/* ---- nouveau ---- */
	{
		.id = "nouveau-took-card",
		.patterns = { "nouveau %{address}: NVIDIA " },
		.source = "Linux drivers/gpu/drm/nouveau/nvkm/engine/device/base.c",
		.severity = EXPLAIN_INFO,
		.cause = "nouveau has taken the card for the host.",
		.next = "If it was to go to a guest: passthru bind %{address}, and reserve it "
			"earlier at the next boot.",
		.evidence = { EVIDENCE_DRIVER, EVIDENCE_MODULE_OPTIONS },
	},
	{
		.id = "nouveau-unknown-card",
		.patterns = { "nouveau %{address}: unknown chipset (" },
		.source = "Linux drivers/gpu/drm/nouveau/nvkm/engine/device/base.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "nouveau does not know the card, or read all ones from it (ffffffff): "
			 "then the card does not answer.",
		.next = "passthru show %{address} tells whether the card answers.",
		.evidence = { EVIDENCE_CONFIG_SPACE, EVIDENCE_POWER_STATE },
	},
	/* ---- AMD ---- */
	{
		.id = "amdgpu-reset-failed",
		.patterns = { "GPU reset(%{number}) failed", "GPU Recovery Failed: -",
			      "GPU reset end with ret = -" },
		.source = "Linux drivers/gpu/drm/amd/amdgpu/amdgpu_device.c, amdgpu_job.c",
		.severity = EXPLAIN_PROBLEM,
		.cause =
			"amdgpu could not reset the card. Several generations cannot be reset once "
			"a guest has used them, and then work for one guest per boot of the host.",
		.next = "Power the host off and on. passthru show %{address} lists the reset "
			"methods; the module vendor-reset knows some cards from Polaris to Navi "
			"14.",
		.evidence = { EVIDENCE_RESET_METHODS, EVIDENCE_CONFIG_SPACE, EVIDENCE_MODULES },
	},
	{
		.id = "amdgpu-start-failed",
		.patterns = { "PSP load %{word} failed!", "PSP create ring failed!",
			      "hw_init of IP block <%{word}> failed -",
			      "resume of IP block <%{word}> failed -",
			      "amdgpu_device_ip_init failed", "Fatal error during GPU init" },
		.source = "Linux drivers/gpu/drm/amd/amdgpu/amdgpu_psp.c, amdgpu_device.c, "
			  "amdgpu_kms.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "amdgpu could not start the card. After a guest had it, the card often "
			 "was not reset properly.",
		.next = "Power the host off and on. passthru show %{address} lists the reset "
			"methods.",
		.evidence = { EVIDENCE_RESET_METHODS, EVIDENCE_CONFIG_SPACE, EVIDENCE_POWER_STATE },
	},
	{
		.id = "amdgpu-ring-timeout",
		.patterns = { "ring %{word} timeout, signaled seq=" },
		.source = "Linux drivers/gpu/drm/amd/amdgpu/amdgpu_job.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The card did not finish its work, and amdgpu will try to reset it.",
		.next = "Look whether the reset worked, in the lines that follow. In a guest the "
			"cause may be the card's state from before.",
		.evidence = { EVIDENCE_RESET_METHODS },
	},
	{
		.id = "amdgpu-smu",
		.patterns = { "SMU: I'm not done with your previous command" },
		.source = "Linux 6.1, 6.12 drivers/gpu/drm/amd/pm/swsmu/smu_cmn.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The controller of the card that does power management does not answer: "
			 "the card hangs.",
		.next = "Power the host off and on. passthru show %{address} lists the reset "
			"methods.",
		.evidence = { EVIDENCE_RESET_METHODS, EVIDENCE_POWER_STATE },
	},
	{
		.id = "amdgpu-no-rom",
		.patterns = { "Unable to locate a BIOS ROM" },
		.source = "Linux drivers/gpu/drm/amd/amdgpu/amdgpu_bios.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "amdgpu found no VBIOS, without which it does not start the card. In a "
			 "guest it means that QEMU shows none, as for integrated graphics.",
		.next = "Give QEMU a ROM file of this very card (romfile=).",
		.evidence = { EVIDENCE_ROM },
	},
	{
		.id = "vendor-reset-failed",
		.patterns = { "AMD_%{word}: failed to reset device" },
		.source = "vendor-reset src/vendor-reset-dev.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The module vendor-reset knows the card and could not reset it.",
		.next = "Power the host off and on.",
		.evidence = { EVIDENCE_MODULES, EVIDENCE_RESET_METHODS },
	},
	/* ---- Intel ---- */
	{
		.id = "i915-hang",
		.patterns = { "GPU HANG: ecode " },
		.source = "Linux drivers/gpu/drm/i915/i915_gpu_error.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "The Intel graphics device of the host hung and is being reset.",
		.next = "When it began with handing over a part of the device (virtual functions, "
			"GVT-g), undo that to tell the two apart.",
		.evidence = { EVIDENCE_DRIVER, EVIDENCE_SRIOV },
	},
	{
		.id = "i915-start-failed",
		.patterns = { "i915 %{address}: %{text}Device initialization failed (-" },
		.source = "Linux drivers/gpu/drm/i915/i915_driver.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "i915 could not start the graphics device. After a guest had it, the "
			 "device may be in a state that i915 does not expect.",
		.next = "Reboot the host to have the device back.",
		.evidence = { EVIDENCE_RESET_METHODS, EVIDENCE_DRIVER },
	},
	{
		.id = "i915-iommu",
		.patterns = { "VT-d active for gfx access" },
		.source = "Linux drivers/gpu/drm/i915/gt/intel_ggtt.c",
		.severity = EXPLAIN_INFO,
		.about_host = true,
		.cause = "The Intel graphics device works through an IOMMU. In a virtual machine "
			 "i915 only supposes so.",
		.next = "Nothing.",
		.evidence = { EVIDENCE_IOMMU },
	},
	/* ---- display of the firmware ---- */
	{
		.id = "efifb-on-bar",
		.patterns = { "BAR %{bar}: assigned to efifb" },
		.source = "Linux 5.10, 6.1 drivers/video/fbdev/efifb.c",
		.severity = EXPLAIN_INFO,
		.cause = "The boot screen is on this card: the framebuffer of the firmware lies in "
			 "its BAR.",
		.next = "passthru show %{address} tells what the host loses with the card.",
		.evidence = { EVIDENCE_FRAMEBUFFER },
	},
	{
		.id = "vga-boot-device",
		.patterns = { "vgaarb: setting as boot VGA device" },
		.source = "Linux drivers/pci/vgaarb.c",
		.severity = EXPLAIN_INFO,
		.cause = "The kernel takes this card for the one that the firmware has used.",
		.next = "passthru list gpus marks the card.",
		.evidence = { EVIDENCE_FRAMEBUFFER },
	},
	/* ---- companions of a card, USB, disks ---- */
	{
		.id = "hda-no-answer",
		.patterns = { "No response from codec, resetting bus: last cmd=",
			      "azx_get_response timeout, switching to ", "CORB reset timeout#" },
		.source = "Linux sound/pci/hda/hda_controller.c, sound/hda/hdac_controller.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "A sound device does not answer. When it is the audio function of a "
			 "graphics card, the card is asleep, gone, or in the middle of a reset.",
		.next = "passthru show %{address} tells slot and power state; hand over card and "
			"audio function together.",
		.evidence = { EVIDENCE_POWER_STATE, EVIDENCE_CONFIG_SPACE, EVIDENCE_DRIVER },
	},
	{
		.id = "xhci-dead",
		.patterns = { "xHCI host controller not responding, assume dead",
			      "HC died; cleaning up" },
		.source = "Linux drivers/usb/host/xhci-ring.c, drivers/usb/core/hcd.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "A USB controller of the host does not answer. When it is one of a "
			 "graphics card, the card is asleep or gone.",
		.next = "passthru show %{address} tells slot and power state.",
		.evidence = { EVIDENCE_POWER_STATE, EVIDENCE_CONFIG_SPACE },
	},
	{
		.id = "nvme-down",
		.patterns = { "controller is down; will reset: CSTS=%{hex}",
			      "Device not ready; aborting " },
		.source = "Linux drivers/nvme/host/pci.c, drivers/nvme/host/core.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "An NVMe controller does not answer. With CSTS=0xffffffff it has left the "
			 "bus, by power saving or a failed reset.",
		.next = "passthru list tells who has the controller. Back up the disk when it "
			"stays with the host.",
		.evidence = { EVIDENCE_CONFIG_SPACE, EVIDENCE_POWER_STATE, EVIDENCE_DRIVER },
	},
	{
		.id = "nvme-timeout",
		.patterns = { "QID %{number} timeout, aborting",
			      "QID %{number} timeout, reset controller",
			      "QID %{number} timeout, disable controller",
			      "QID %{number} timeout, completion polled" },
		.source = "Linux drivers/nvme/host/pci.c",
		.severity = EXPLAIN_PROBLEM,
		.cause = "A request to an NVMe disk took too long. In a guest with the controller "
			 "it may mean that its interrupts do not arrive.",
		.next = "Look for faults of the IOMMU and of interrupt remapping near it in the "
			"log.",
		.evidence = { EVIDENCE_INTERRUPT_REMAPPING, EVIDENCE_LINK },
	},
	{ 0 },
};
