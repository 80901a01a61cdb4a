#!/bin/sh
# What the host uses a device for is named by check, and is what the host would lose.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../pci.sh"
. "$(dirname "$0")/../judge.sh"
plan 32

before=$(dump)
disk=$(basename "$(find "$(readlink -f "$pci/devices/$nvme")/" -name 'nvme*n1' -type d | head -n 1)")

# keeps DEVICE WORD PATTERN : bind refuses the device in one line that names its use and the way round, and leaves it
keeps() {
	was=$(driver "$1")
	run passthru bind "$1"
	is "$status" 1 "$2: bind refuses"
	one_line "$err" "$2: bind says it in one line"
	says "$err" "$3.*--allow $2" "$2: bind names the use and what would lift it"
	is "$(driver "$1")" "$was" "$2: the driver stays"
}

# ---- a disk ----

judge "$nvme"
is "$status $(said disk-in-use "$nvme" verdict)" "0 pass" "an empty disk is not in use"

printf '%s\n' n p 1 '' +24M n p 2 '' '' w | fdisk "/dev/$disk" >"$work/fdisk" 2>&1
check "the disk has two partitions" wait_for 10 test -b "/dev/${disk}p2"
mke2fs "/dev/${disk}p1" >"$work/mke2fs" 2>&1
mkswap "/dev/${disk}p2" >"$work/mkswap" 2>&1
mkdir -p '/tmp/important data'
mount -t ext4 "/dev/${disk}p1" '/tmp/important data'
judge "$nvme"
is "$status $(said disk-in-use "$nvme" verdict)" "1 fail" "a mounted file system: disk-in-use fails"
tells disk-in-use "$nvme" "/tmp/important data is mounted from ${disk}p1 .*ext4" "a mounted file system: the mount is named"

umount '/tmp/important data'
swapon "/dev/${disk}p2"
judge "$nvme"
is "$status $(said disk-in-use "$nvme" verdict)" "1 fail" "swap space: disk-in-use fails"
tells disk-in-use "$nvme" "${disk}p2 is swap space" "swap space: the partition is named"
swapoff "/dev/${disk}p2"
judge "$nvme"
is "$status" 0 "neither mounted nor swap: it can be handed over"
check "neither mounted nor swap: disk-in-use does not fail" test "$(said disk-in-use "$nvme" verdict)" != fail

# The kernel takes a disk from below a file system without a word of protest.
mount -t ext4 "/dev/${disk}p1" '/tmp/important data'
echo lost >'/tmp/important data/file'
judge "$nvme"
is "$(said disk-in-use "$nvme" verdict)" fail "mounted again: disk-in-use fails"
keeps "$nvme" disk '/tmp/important data is mounted'
is "$(cat '/tmp/important data/file')" lost "and the file is there"
echo "$nvme" >"$pci/drivers/nvme/unbind"
check "and what was written there is lost, when the disk goes all the same" sh -c "! sync -f '/tmp/important data/file'"
umount '/tmp/important data'
rmdir '/tmp/important data'
echo "$nvme" >"$pci/drivers_probe"
check "the disk is back" wait_for 10 test -b "/dev/${disk}p2"
dd if=/dev/zero of="/dev/$disk" bs=1M count=1 2>/dev/null

# ---- a network card ----

interface=$(basename "$(find "$pci/devices/$nic/net/" -mindepth 1 -maxdepth 1)")
judge "$nic"
is "$status $(said network-in-use "$nic" verdict)" "0 pass" "a network card without a route is not in use"
ip link set "$interface" up
ip address add 192.0.2.2/24 dev "$interface"
ip route add default via 192.0.2.1
judge "$nic"
is "$status $(said network-in-use "$nic" verdict)" "1 fail" "the default route: network-in-use fails"
tells network-in-use "$nic" "$interface.*default|default.*$interface" "the default route: interface and route are named"
keeps "$nic" network "$interface"
run passthru bind --allow disk "$nic"
is "$status" 1 "what is allowed to one kind of use is not to another"
judge "$old" "$old_other"
is "$(said network-in-use "$old" verdict)" pass "the default route: another card is not in use"
echo "$nic" >"$pci/drivers/e1000e/unbind"
is "$(ip route)" "" "and the route is lost, when the card goes all the same"
echo "$nic" >"$pci/drivers_probe"
judge "$nic"
is "$status $(said network-in-use "$nic" verdict)" "0 pass" "without the route it is not in use"

# ---- a display ----

card=$(basename "$(find "$pci/devices/$display/drm/" -mindepth 1 -maxdepth 1 -name 'card*')")
for console in /sys/class/vtconsole/*; do
	! grep -q 'frame buffer' "$console/name" || echo 0 >"$console/bind"
done
judge "$display"
is "$(told display-in-use "$display" | grep -c '\bproc/[0-9]')" 0 "a display that nobody has open: no process is named"
sleep 60 3<"/dev/dri/$card" &
holder=$!
sleeps "$holder"
judge "$display"
is "$status $(said display-in-use "$display" verdict)" "1 fail" "a display that a process has open: display-in-use fails"
tells display-in-use "$display" "sleep.*\b$holder\b|\b$holder\b.*sleep" "a display that a process has open: process and pid are named"
judge "$twin"
is "$(jq -r --arg about "$twin" '.devices[$about]["display-in-use"] | tostring' "$out" | grep -c "\b$holder\b")" 0 \
	"a display that a process has open: the other one does not name it"
kill "$holder"
wait "$holder" 2>/dev/null || true
for console in /sys/class/vtconsole/*; do
	! grep -q 'frame buffer' "$console/name" || echo 1 >"$console/bind"
done
is "$(dump)" "$before" "everything is as before"
