# What the cases ask the kernel itself: the oracle against which passthru's answers and deeds are held.
#
# Nothing here goes through passthru.  The cards are found by their ids, because the numbers of buses and groups
# are the firmware's and the kernel's to choose: display and audio are the pair, the two functions of one card;
# twin has the ids of display; old and old_other share a group behind bridge; port is the root port above the pair.
# shellcheck shell=sh
# shellcheck disable=SC2034

pci=/sys/bus/pci

# pci_find VENDOR:DEVICE : addresses, in order
pci_find() {
	lspci -Dnd "$1" | cut -d ' ' -f 1
}

link_name() {
	if [ -L "$1" ]; then
		basename "$(readlink "$1")"
	else
		echo none
	fi
}

driver() {
	link_name "$pci/devices/$1/driver"
}

group() {
	link_name "$pci/devices/$1/iommu_group"
}

override() {
	cat "$pci/devices/$1/driver_override"
}

# drivers ADDRESS... : their drivers, on one line
drivers() {
	for address; do
		driver "$address"
	done | paste -s -d ' ' -
}

# reserved_line ADDRESS TWINS : its line in etc/passthru/devices
reserved_line() {
	cd "$pci/devices/$1" || exit
	slot=$(readlink -f . | sed 's|.*/pci\([^/]*\)|\1|; s|/[0-9a-f]*:[0-9a-f]*:|/|g')
	echo "$1 $(cat vendor):$(cat device) $(cat subsystem_vendor):$(cat subsystem_device) $(cat class) $slot - $2 vfio-pci" |
		sed 's/0x//g'
	cd / || exit
}

# Everything that a handover may change, in a form that can be compared; an empty file in the state directory
# is a lock.
dump() {
	for device in "$pci"/devices/*; do
		address=${device##*/}
		echo "$address driver $(driver "$address") override $(override "$address")"
	done
	find /dev/vfio -name '[0-9]*' 2>/dev/null || true
	find /run/passthru -type f -size +0 2>/dev/null || true
}

audio=$(pci_find 8086:293e)
display=${audio%.*}.0
twin=$(pci_find 1234:1111 | grep -v "$display" || true)
nvme=$(pci_find 1b36:0010)
nic=$(pci_find 8086:10d3)
old=$(pci_find 8086:100e | head -n 1)
old_other=$(pci_find 8086:100e | tail -n 1)
bridge=$(pci_find 1b36:000e)
port=$(basename "$(dirname "$(readlink -f "$pci/devices/$display")")")

# The command line of a nested guest: what makes Debian's kernel start quickly on an emulated processor.
guest_append="console=ttyS0 quiet panic=-1 pci=noearly tsc=reliable no_timer_check mitigations=off init_on_alloc=0"
