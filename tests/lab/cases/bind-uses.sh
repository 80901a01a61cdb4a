#!/bin/sh
# images: tools
# What the host really uses a device for refuses its handover, by name; its own word of --allow lifts it, no other does.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../pci.sh"
plan 86

before=$(dump)
words="disk network display input open"
disk=$(basename "$(find "$(readlink -f "$pci/devices/$nvme")/" -name 'nvme*n1' -type d | head -n 1)")

# refused WORD DEVICE WHAT PATTERN : in one line that names the use and the word, also when every other word is given, and
# nothing changes
refused() {
	others=$(for word in $words; do [ "$word" = "$1" ] || echo "--allow $word"; done)
	# shellcheck disable=SC2086
	run passthru bind $others "$2"
	is "$status" 1 "$3: refused"
	one_line "$err" "$3: in one line"
	says "$err" "$4.*--allow $1" "$3: the line names the use and what lifts it"
	is "$(dump)" "$before" "$3: nothing changed"
}

# taken DEVICE OPTION... : is handed over, and released as it was
taken() {
	device=$1
	shift
	run passthru bind "$@" "$device"
	is "$status $(driver "$device")" "0 vfio-pci" "${*:-idle}: $device is handed over"
	run passthru release "$device"
	is "$status" 0 "${*:-idle}: and given back"
	is "$(dump)" "$before" "${*:-idle}: as it was"
}

# would WANTED DESCRIPTION [OPTION...] DEVICE : --dry-run's status, whether it would be done, and how many refusals it lists
would() {
	wanted=$1
	description=$2
	shift 2
	run passthru --json bind --dry-run "$@"
	is "$status $(jq -r '"\(.would_be_done) \(.refusals | length)"' "$out")" "$wanted" "$description"
}

# tool COMMAND... : prepares something; says what went wrong
tool() {
	"$@" >"$work/tool" 2>&1 || {
		echo "# $*: status $?"
		note "$work/tool"
		exit 1
	}
}

ready() {
	wait_for 10 test -b "/dev/$disk"
}

# ---- a disk ----

would "0 true 0" "an idle disk would be handed over" "$nvme"
taken "$nvme"
check "the disk is back" ready

tool /usr/sbin/mkfs.ext4 -q "/dev/$disk"
mkdir -p '/tmp/important data'
mount -t ext4 "/dev/$disk" '/tmp/important data'
refused disk "$nvme" "a mounted file system" "/tmp/important data is mounted from $disk.*umount '/tmp/important data'"
would "1 false 1" "--dry-run lists it" "$nvme"
umount '/tmp/important data'
rmdir '/tmp/important data'
would "0 true 0" "unmounted, its data refuse nothing" "$nvme"

tool /usr/sbin/mkswap "/dev/$disk"
swapon "/dev/$disk"
refused disk "$nvme" "swap space" "$disk is swap space.*swapoff /dev/$disk"
swapoff "/dev/$disk"
dd if=/dev/zero of="/dev/$disk" bs=1M count=1 2>/dev/null

tool pvcreate -y "/dev/$disk"
tool vgcreate lab-vg "/dev/$disk"
tool lvcreate -y -n one -L 16M lab-vg
refused disk "$nvme" "a volume group" "$disk is a part of dm-[0-9]+ .lab--vg-one.*vgchange -an lab-vg"
tool vgchange -an lab-vg
would "0 true 0" "a volume group that was taken apart refuses nothing" "$nvme"
tool vgremove -y -f lab-vg
tool pvremove -y "/dev/$disk"

tool mdadm --create /dev/md9 --run --level 1 --raid-devices 2 --metadata 1.2 "/dev/$disk" missing
refused disk "$nvme" "an array" "$disk is a part of md9.*mdadm --stop /dev/md9"
tool mdadm --stop /dev/md9
tool mdadm --zero-superblock "/dev/$disk"

sleep 300 3<"/dev/$disk" &
holder=$!
sleeps "$holder"
would "0 true 0" "a process that only reads the disk refuses nothing" "$nvme"
kill "$holder"
wait "$holder" 2>/dev/null || true
sleep 300 3<>"/dev/$disk" &
holder=$!
sleeps "$holder"
refused disk "$nvme" "a process that writes to the disk" "sleep .pid $holder. has dev/$disk open"
run passthru bind --allow disk "$nvme"
is "$status $(driver "$nvme")" "0 vfio-pci" "--allow disk takes it from that process"
# as long as it is open, its name is taken
kill "$holder"
wait "$holder" 2>/dev/null || true
run passthru release "$nvme"
is "$status $(dump)" "0 $before" "and it is given back"
check "the disk is back again" ready

# ---- a network card ----

interface=$(basename "$(find "$pci/devices/$nic/net/" -mindepth 1 -maxdepth 1)")
# the router that QEMU plays would add routes by itself
echo 1 >"/proc/sys/net/ipv6/conf/$interface/disable_ipv6"
/usr/bin/ip link set "$interface" up
/usr/bin/ip address add 192.0.2.2/24 dev "$interface"
/usr/bin/ip route add default via 192.0.2.1
refused network "$nic" "the default route" "$interface has the default route"
/usr/bin/ip route del default
/usr/bin/ip address flush dev "$interface"
/usr/bin/ip link add lab-br type bridge
/usr/bin/ip link set "$interface" master lab-br
refused network "$nic" "a port of a bridge" "$interface is a port of lab-br .bridge.*nomaster"
taken "$nic" --allow network
/usr/bin/ip link del lab-br
check "the interface is back" wait_for 10 test -e "$pci/devices/$nic/net"

# ---- displays ----

card=$(basename "$(find "$pci/devices/$display/drm/" -mindepth 1 -maxdepth 1 -name 'card*')")
refused display "$display" "a display with a console" "is in use"
would "0 true 0" "--allow display lifts all of that" --allow display "$display"
# What is never done here is to take it all the same: the kernel may crash.
sleep 300 3<"/dev/dri/$card" &
holder=$!
sleeps "$holder"
run passthru bind --allow display "$display"
is "$status" 1 "a display that a process has open is refused"
says "$err" "sleep .pid $holder. has dev/dri/$card open.*--allow open.*kernel may crash" "and the line says what may follow"
would "0 true 0" "--allow open lifts it" --allow display --allow open "$display"
is "$(dump)" "$before" "nothing changed"
kill "$holder"
wait "$holder" 2>/dev/null || true
run passthru bind --allow display "$display"
is "$status $(drivers "$display" "$audio")" "0 vfio-pci vfio-pci" "the card is handed over"
run passthru bind "$twin"
is "$status" 1 "its twin is the last display now"
run passthru --json bind --dry-run "$twin"
check "and --dry-run says so" sh -c "jq -e '[.refusals[].what] | any(. == \"no other display is left to this host\")' '$out'"

# ---- another guest ----

vfio_open "$display" 300 >"$work/holder" &
holder=$!
check "a guest has it" wait_for 10 grep -q opened "$work/holder"
run passthru bind --allow disk --allow network --allow display --allow input --allow open "$display"
is "$status" 1 "what a guest has is refused, whatever is allowed"
says "$err" "vfio_open .pid $holder. has dev/vfio/$(group "$display") open" "and the guest is named"
is "$(drivers "$display" "$audio")" "vfio-pci vfio-pci" "and keeps it"
kill "$holder"
wait "$holder" 2>/dev/null || true
run passthru release "$display"
is "$status $(dump)" "0 $before" "given back when the guest has ended"

# ---- sound ----

pcm=$(basename "$(find "$pci/devices/$audio/sound/" -name 'pcm*p' | head -n 1)")
sleep 300 3<>"/dev/snd/$pcm" &
holder=$!
sleeps "$holder"
refused open "$audio" "a process that plays" "sleep .pid $holder. has dev/snd/$pcm open"
kill "$holder"
wait "$holder" 2>/dev/null || true

# ---- a driver of one's own choice ----

run passthru bind --driver nvme "$nvme"
is "$status" 1 "a driver that is none of VFIO is refused"
run passthru bind --driver mlx5_vfio_pci "$nvme"
is "$status" 1 "a driver of VFIO for other devices is refused"
says "$err" "mlx5_vfio_pci is not made for $nvme" "and the line says so"
taken "$nvme" --driver vfio-pci
check "the disk is there" ready

# ---- for a time ----

run passthru bind --for 2s "$nvme"
is "$status $(driver "$nvme")" "0 vfio-pci" "--for hands over"
run passthru --json confirm
is "$(jq -r '.waiting[0].address' "$out")" "$nvme" "confirm lists what waits"
given_back() {
	[ "$(dump)" = "$before" ]
}
check "and it is given back by itself" wait_for 20 given_back
check "with the disk" ready
run passthru bind --for 2s "$nvme"
run passthru confirm "$nvme"
is "$status" 0 "confirm exits 0"
sleep 5
is "$(driver "$nvme")" vfio-pci "what is confirmed is kept"
run passthru confirm "$nvme"
is "$status" 1 "there is nothing to confirm twice"
run passthru release "$nvme"
is "$status" 0 "and release gives it back"
check "with its disk" ready

# ---- on a record ----

run passthru snapshot "$work/host.tar"
is "$status" 0 "a record is made"
run passthru --json bind --dry-run "$display"
jq -S . "$out" >"$work/live"
run passthru --json --root "$work/host.tar" bind --dry-run "$display"
is "$status" 1 "--dry-run works on it"
is "$(jq -S . "$out")" "$(cat "$work/live")" "and answers as on the host"
run passthru --root "$work/host.tar" bind "$display"
is "$status" 2 "which nothing can be handed over on"
is "$(dump)" "$before" "everything is as before"
