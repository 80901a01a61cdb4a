#!/bin/sh
# A host with AMD's IOMMU, whose firmware and boot loader left a picture on the only display.
# machine: amd
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../pci.sh"
. "$(dirname "$0")/../judge.sh"
plan 18

before=$(dump)
judge
is "$status" 0 "the host is ready"
is "$(verdicts host iommu-active firmware-tables interrupt-remapping kernel-config iommu-parameters)" "pass pass pass pass pass" \
	"platform and kernel pass"
tells iommu-active host "sys/class/iommu: $(ls /sys/class/iommu)" "iommu-active names the kernel's unit"
tells firmware-tables host "IVRS" "firmware-tables has read the IVRS"
tells default-domain host "iommu=pt" "default-domain names the parameter that leaves memory open to the host's devices"
run passthru --json list groups
is "$(jq '.groups | length' "$out")" "$(find /sys/kernel/iommu_groups/ -mindepth 1 -maxdepth 1 | wc -l | tr -d ' ')" \
	"list groups has every group"

# shown : the picture of the firmware in the kernel's map of memory
shown() {
	grep -c vesafb /proc/iomem || true
}

is "$(shown) $(cat "$pci/devices/$display/boot_vga")" "1 1" "the kernel shows text in the firmware's picture"
judge "$display"
is "$status $(verdicts "$display" display-in-use boot-display firmware-framebuffer)" "1 fail fail warn" \
	"display-in-use and boot-display fail, firmware-framebuffer warns"
tells firmware-framebuffer "$display" "proc/iomem: .*vesafb" "firmware-framebuffer: the evidence is the kernel's map of memory"
tells boot-display "$display" "only display" "boot-display says that it is the only one"
is "$(said display-in-use "$audio" verdict)" none "the audio function is no display"

run passthru bind --allow display "$display"
is "$status $(drivers "$display" "$audio")" "0 vfio-pci vfio-pci" "bind hands it over"
is "$(shown)" 0 "and the picture is gone, as firmware-framebuffer said"
is "$(vfio_open "$display")" "opened $display" "it opens through VFIO"
judge "$display"
is "$(said firmware-framebuffer "$display" verdict)" pass "firmware-framebuffer passes after that"
run passthru release "$display"
is "$status" 0 "release exits 0"
run passthru --json explain --boot
is "$status $(jq -r '.findings[] | select(.line | test("AMD-Vi: Interrupt remapping enabled")) | .here' "$out")" \
	"0 interrupt-remapping" "explain --boot explains the line of the AMD IOMMU"
is "$(dump)" "$before" "everything is as before"
