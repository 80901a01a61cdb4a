#!/bin/sh
# Hosts that cannot hand a device over: check says why, and it is so.
# machine: off none noremap
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../pci.sh"
. "$(dirname "$0")/../judge.sh"
plan 8

before=$(dump)
judge "$display"
is "$status $(jq .ready "$out")" "1 false" "the host is not ready"
if [ ! -d /sys/firmware/acpi/tables ] || [ ! -e /sys/firmware/acpi/tables/DMAR ]; then
	is "$(said iommu-active host verdict)" fail "no IOMMU: iommu-active fails"
	tells iommu-active host "tables/DMAR: not there" "no IOMMU: the table that is missing is the evidence"
elif grep -q intel_iommu=off /proc/cmdline; then
	is "$(said iommu-active host verdict)" fail "turned off: iommu-active fails"
	tells iommu-active host "proc/cmdline: intel_iommu=off" "turned off: the parameter is the evidence"
else
	is "$(verdicts host iommu-active interrupt-remapping)" "pass fail" \
		"no interrupt remapping: the IOMMU is in use, interrupt-remapping fails"
	tells interrupt-remapping host "tables/DMAR.*INTR_REMAP" "no interrupt remapping: the firmware's flag is the evidence"
fi

run passthru bind --allow display "$display"
if [ -d /sys/class/iommu ] && [ -n "$(ls /sys/class/iommu)" ]; then
	is "$(vfio_open "$display")" "VFIO_SET_IOMMU: EPERM" "VFIO refuses the device"
	run passthru release "$display"
	is "$status" 0 "release exits 0"
	echo 1 >/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts
	judge
	is "$status $(said interrupt-remapping host verdict)" "0 warn" "told to accept that: interrupt-remapping warns"
	echo 0 >/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts
else
	is "$status" 1 "bind is refused"
	is "$(vfio_open "$display")" "iommu_group: ENOENT" "there is no group to open"
	judge "$display"
	is "$(said group-viability "$display" verdict)" none "nothing is said of groups"
fi
run passthru --json explain --boot
is "$status" 0 "explain --boot exits 0"
is "$(dump)" "$before" "everything is as before"
