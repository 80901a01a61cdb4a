#!/bin/sh
# The emulated host has what other cases build on: virtual functions, a ROM, one keyboard, cards that come and go.
# machine: sriov
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../pci.sh"
. "$(dirname "$0")/../qmp.sh"
plan 9

refused() {
	! "$@"
}

before=$(dump)
disk=$pci/devices/$nvme
is "$(cat "$disk/sriov_totalvfs")" 4 "the disk has four virtual functions"
echo 0 >"$disk/sriov_drivers_autoprobe"
echo 4 >"$disk/sriov_numvfs"
functions=$(for link in "$disk"/virtfn*; do link_name "$link"; done)
is "$(for function in $functions; do group "$function"; done | grep -v none | sort -u | wc -l | tr -d ' ')" 4 "each has a group of its own"
echo 0 >"$disk/sriov_numvfs"
echo 1 >"$disk/sriov_drivers_autoprobe"

rom=$pci/devices/$nic/rom
echo 1 >"$rom"
is "$(od -An -tx1 -N 2 "$rom")" " 55 aa" "the network card has a ROM"
echo 0 >"$rom"

is "$(grep -i 'name=.*keyboard' /proc/bus/input/devices)" 'N: Name="QEMU QEMU USB Keyboard"' "the only keyboard is on USB"

qmp_remove nvme
check "a disk that is taken out is gone" wait_for 10 test ! -e "$disk"
check "what is not there cannot be taken out" refused qmp_remove nvme
check "a display cannot be put in again" refused qmp_plug display
qmp_plug nvme
check "a disk that is put in again gets its driver" wait_for 10 test -e "$disk/driver"
is "$(dump)" "$before" "everything is as before"
