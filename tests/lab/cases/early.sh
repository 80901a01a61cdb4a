#!/bin/sh
# kernel: debian 6.12
# The early helper against a real kernel: devices that drivers have are moved to vfio-pci, before and after its module is
# loaded, their twin and everything else stays, and release gives them back.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../pci.sh"
plan 23

undo() {
	umount /proc/cmdline 2>/dev/null || true
	rm -rf /etc/passthru /run/passthru/early
}

said() {
	dmesg | grep 'passthru: ' || true
}

before=$(dump)
display_driver=$(driver "$display")
nvme_driver=$(driver "$nvme")
modprobe -r vfio-pci 2>/dev/null || true
mkdir -p /etc/passthru
{
	echo "passthru-devices 1"
	reserved_line "$display" 1
	reserved_line "$nvme" 0
	reserved_line "$nic" 0 | sed 's/8086:10d3/8086:10d4/'
	reserved_line "$port" 0
} >/etc/passthru/devices

run passthru-early
is "$status $(cat "$out" "$err")" "0 " "without the word: no output"
is "$(dump)" "$before" "nothing is touched"
check "and nothing is reported" [ ! -e /run/passthru/early ]

sed 's/$/ passthru.boot=1/' /proc/cmdline >"$work/cmdline"
mount -o bind "$work/cmdline" /proc/cmdline
run passthru-early
is "$status $(cat "$out")" "0 vfio-pci" "with the word: names the module that is to be loaded"
is "$(drivers "$display" "$nvme")" "none none" "both are without a driver"
is "$(override "$display") $(override "$nvme")" "vfio-pci vfio-pci" "and are kept for vfio-pci"
modprobe vfio-pci
is "$(drivers "$display" "$nvme")" "vfio-pci vfio-pci" "the module takes them as soon as it is loaded"
is "$(driver "$twin") $(override "$twin")" "$display_driver (null)" "the twin of the display keeps its driver"
is "$(driver "$nic") $(override "$nic")" "e1000e (null)" "what has other ids at its address is left alone"
is "$(driver "$port") $(override "$port")" "pcieport (null)" "a bridge is left alone"
says /run/passthru/early "^$nvme $nvme reserved vfio-pci " "the report names the disk"
says /run/passthru/early "^$nic - absent " "the stranger"
says /run/passthru/early "^$port $port refused " "and the bridge"
is "$(jq -r '"\(.version) \(.driver) \(.owner.command)"' "/run/passthru/$nvme")" "2 $nvme_driver passthru-early" "the record of the disk"
run passthru release "$display" "$nvme"
is "$status $(drivers "$display" "$nvme")" "0 $display_driver $nvme_driver" "release gives them back"

run passthru-early
is "$status $(cat "$out")" "0 " "with the driver there: no module is missing"
is "$(drivers "$display" "$nvme")" "vfio-pci vfio-pci" "both are taken from their drivers at once"
says /run/passthru/early "^$nvme $nvme bound vfio-pci taken from $nvme_driver" "the report says so"
is "$(driver "$twin")" "$display_driver" "the twin stays"
run passthru-early
says /run/passthru/early "^$nvme $nvme kept vfio-pci" "once more changes nothing"
said >"$work/said"
says "$work/said" "passthru: $display: taken from $display_driver, given to vfio-pci" "the kernel's log has it"
says "$work/said" "2 of 4 reserved functions are for guests, in [0-9]+ us" "and how long it took"
sed -n 's/.*passthru: \(.* us\)$/# \1/p' "$work/said"
run passthru release "$display" "$nvme"
undo
is "$(dump)" "$before" "everything is as before"
