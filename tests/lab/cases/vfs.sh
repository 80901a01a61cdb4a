#!/bin/sh
# Virtual functions of an NVMe drive: created with queues and interrupts of their own, changed, given to guests, removed.
# machine: sriov
# images: tools
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../pci.sh"
plan 60

before=$(dump)
attribute=$pci/devices/$nvme

vf() {
	basename "$(readlink "$attribute/virtfn$1")"
}

# vfs COUNT : the addresses of the first COUNT of them
vfs() {
	number=0
	while [ "$number" -lt "$1" ]; do
		vf "$number"
		number=$((number + 1))
	done
}

# state : number of virtual functions and the switch for drivers
state() {
	echo "$(cat "$attribute/sriov_numvfs") $(cat "$attribute/sriov_drivers_autoprobe")"
}

# drive COUNT : what the drive itself says of its first COUNT secondary controllers, by nvme-cli
drive() {
	nvme list-secondary "/dev/$(ls "$attribute/nvme")" -o json |
		jq -r --argjson n "$1" '[to_entries[0].value, .["secondary-controllers"]] | map(arrays) | first
			| .[:$n][] | "\(."virtual-function-number") \(."secondary-controller-state" | if . == 1 or . == "Online" then "online" else "offline" end) \(."num-virtual-queues") \(."num-virtual-interrupts")"' |
		paste -s -d , -
}

# answered FIELD... : of each virtual function, one line for all
answered() {
	jq -r "[.virtual_functions[] | [$1] | map(tostring) | join(\" \")] | join(\",\")" "$out"
}

# all_live COUNT : the driver of the host works with each, through queues of its own, and sees the disk
all_live() {
	for address in $(vfs "$1"); do
		grep -q '^live$' "$pci/devices/$address"/nvme/nvme*/state || return 1
		find "$pci/devices/$address/nvme/" -mindepth 2 -maxdepth 2 -name 'nvme*n1' | grep -q . || return 1
	done
}

# probes : how often the driver of the host has begun to work with a controller
probes() {
	dmesg | grep -c 'nvme nvme.*: pci function'
}

# ---- what is refused ----

run passthru --json vfs "$nvme"
is "$status $(jq -r '"\(.count) \(.total) \(.autoprobe) \(.driver) \(.nvme.queues.total) \(.nvme.vectors.total) \(.nvme.queues.max)"' "$out")" \
	"0 0 4 true nvme 8 4 2" "the device is shown"
run passthru vfs "$nvme" 5
is "$status" 2 "more than there can be: exit 2"
says "$err" '4 virtual functions at most' "more than there can be: the line names the maximum"
run passthru vfs "$nic" 1
is "$status" 1 "a card without SR-IOV: exit 1"
says "$err" 'no SR-IOV' "a card without SR-IOV: the line says so"
run passthru vfs "$nvme" 2 --mac 0=02:00:00:00:00:01
is "$status" 2 "a MAC address for a drive: exit 2"
run passthru vfs "$nvme" 2 --queues 3
is "$status" 2 "more queues than a controller takes: exit 2"
is "$(state) $(dump)" "0 1 $before" "nothing changed by all that"

# A drive may have all queues and interrupts for itself, as this one is made to, and lets go of them by a reset only.
controller=$(ls "$attribute/nvme")
nvme virt-mgmt "/dev/$controller" -c 0 -r 0 -a 1 -n 8 >"$work/keep" 2>&1
nvme virt-mgmt "/dev/$controller" -c 0 -r 1 -a 1 -n 4 >>"$work/keep" 2>&1
echo 1 >"$attribute/reset"
disk=$(basename "$(find /sys/class/block/ -name 'nvme*n1' | grep -v 'nvme[0-9]*c' | head -n 1)")
check "the drive has its disk again" wait_for 20 grep -q '^live$' "$attribute/nvme/$controller/state"
mke2fs "/dev/$disk" >"$work/mke2fs" 2>&1
mkdir -p /tmp/mounted
mount -t ext4 "/dev/$disk" /tmp/mounted
run passthru --json vfs "$nvme"
is "$(jq -r '"\(.nvme.queues.primary) \(.nvme.vectors.primary)"' "$out")" "8 4" "the drive has all for itself"
run passthru vfs "$nvme" 4
is "$status" 1 "it would have to be reset under a file system: exit 1"
says "$err" 'reset.*/tmp/mounted' "it would have to be reset under a file system: the line names it"
is "$(state) $(dump)" "0 1 $before" "and nothing changed"
umount /tmp/mounted

run passthru vfs "$nvme" 4 --dry-run
is "$status" 0 "dry run: exit 0"
says "$out" 'reset nvme' "dry run: it says that the drive is reset"
is "$(state) $(dump)" "0 1 $before" "dry run: nothing changed"

# ---- for the host ----

run passthru --json vfs "$nvme" 4
is "$status $(state)" "0 4 1" "four are created, and drivers get new ones as before"
is "$(jq -r '"\(.nvme.queues.primary) \(.nvme.vectors.primary)"' "$out")" "0 0" "the drive has let go"
mount -t ext4 "/dev/$disk" /tmp/mounted
is "$(answered '.index, .state, .queues, .vectors')" "0 online 2 1,1 online 2 1,2 online 2 1,3 online 2 1" \
	"each controller is online with its share"
is "$(drive 4)" "1 online 2 1,2 online 2 1,3 online 2 1,4 online 2 1" "and the drive says so itself"
is "$(answered .address)" "$(vfs 4 | paste -s -d , -)" "the addresses are those of the kernel"
is "$(answered .iommu_group)" "$(for v in $(vfs 4); do group "$v"; done | paste -s -d , -)" "and so are the groups"
# shellcheck disable=SC2046
is "$(drivers $(vfs 4))" "nvme nvme nvme nvme" "the driver of the host has them"
check "and each works and leads to the disk" wait_for 20 all_live 4
echo kept >/tmp/mounted/file
run passthru vfs "$nvme" 4
is "$status" 0 "once more: exit 0"
says "$out" 'Nothing to do' "once more: nothing to do"
run passthru vfs "$(vf 1)" 1
is "$status" 1 "of a virtual function: exit 1"
says "$err" "$nvme" "of a virtual function: the line names the one it belongs to"

run passthru vfs "$nvme" 2
is "$status $(state)" "0 2 1" "from four to two"
is "$(drive 4)" "1 online 2 1,2 online 2 1,3 offline 0 0,4 offline 0 0" "the others have nothing any more"
check "the two work" wait_for 20 all_live 2
echo 3 >/proc/sys/vm/drop_caches
is "$(cat /tmp/mounted/file) $(sync -f /tmp/mounted/file && echo synced)" "kept synced" "the file system, to which the drive itself leads too, stays"
umount /tmp/mounted

# ---- in use ----

run passthru bind "$(vf 0)"
is "$status $(drivers "$(vf 0)" "$(vf 1)")" "0 vfio-pci nvme" "one is handed over"
vfio_open "$(vf 0)" 60 >"$work/holder" 2>&1 &
holder=$!
check "a process has it open" wait_for 10 grep -q opened "$work/holder"
run passthru vfs "$nvme" 0
is "$status $(state)" "1 2 1" "removing it under the process is refused"
says "$err" "$(vf 0).*vfio_open .pid $holder" "and the line names both"
run passthru vfs "$nvme" 3
is "$status $(state)" "1 2 1" "so is changing their number"
kill "$holder"
wait "$holder" 2>/dev/null || true
probed=$(probes)
run passthru vfs "$nvme" 0
is "$status $(state)" "0 0 1" "without the process they go"
is "$(probes)" "$probed" "and the driver that had the one does not begin to work with it before"
is "$(dump)" "$before" "and everything is as before, records too"

# ---- for guests ----

run passthru --json vfs "$nvme" 3 --guests --queues 2 --vectors 1
is "$status $(state)" "0 3 1" "three are created for guests"
is "$(answered '.driver, .state')" "vfio-pci online,vfio-pci online,vfio-pci online" "with the driver of guests"
opened=$(for v in $(vfs 3); do vfio_open "$v"; done | sort | paste -s -d ' ' -)
is "$opened" "$(for v in $(vfs 3); do echo "opened $v"; done | sort | paste -s -d ' ' -)" "each can be opened as a guest does"
is "$(drive 3)" "1 online 2 1,2 online 2 1,3 online 2 1" "and is online after that"
run passthru release "$(vf 1)"
is "$status $(drivers "$(vf 0)" "$(vf 1)" "$(vf 2)")" "0 vfio-pci nvme vfio-pci" "one is given back to the host"
check "and works there" wait_for 20 grep -q '^live$' "$pci/devices/$(vf 1)"/nvme/nvme*/state
run passthru vfs "$nvme" --guests
is "$status $(drivers "$(vf 0)" "$(vf 1)" "$(vf 2)")" "0 vfio-pci vfio-pci vfio-pci" "and taken again, without a number"
run passthru vfs "$nvme" 0
is "$status $(state)" "0 0 1" "the three are removed"
is "$(dump)" "$before" "everything is as before"

# ---- one by one ----

run passthru vfs "$nvme" 4
for v in $(vfs 4); do
	run passthru bind "$v"
	is "$status $(driver "$v")" "0 vfio-pci" "$v is handed over by itself"
done
for v in $(vfs 4); do
	run passthru release "$v"
	is "$status $(driver "$v")" "0 nvme" "$v is given back"
done
check "and each works again" wait_for 20 all_live 4
run passthru vfs "$nvme" 0
is "$status $(state)" "0 0 1" "they are removed"
is "$(dump)" "$before" "everything is as before"
