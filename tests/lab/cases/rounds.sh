#!/bin/sh
# Handing over and back, again and again: nothing may be left behind, by passthru or by what it asks the kernel for.  200
# rounds where time does not count (make lab), 5 otherwise.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../pci.sh"
plan 10

rounds=5
! grep -qw lab.long /proc/cmdline || rounds=200

before=$(dump)
settings() {
	for address in "$display" "$audio" "$nic"; do
		for name in power/control d3cold_allowed reset_method; do
			echo "$address $name $(cat "$pci/devices/$address/$name" 2>/dev/null || echo none)"
		done
	done
}
# Not what the boot chose, so that restoring it is seen.
control=$(cat "$pci/devices/$nic/power/control")
echo auto >"$pci/devices/$nic/power/control"
set_before=$(settings)

# kib NAME FILE : "NAME:   1234 kB"
kib() {
	sed -n "s/^$1:[[:space:]]*\([0-9]*\) kB/\1/p" "$2"
}

# Without what can be given back at once.
unreclaimable() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	echo $(($(kib SUnreclaim /proc/meminfo) + $(kib Percpu /proc/meminfo)))
}

open_files() {
	cut -f 1 /proc/sys/fs/file-nr
}

failed=0
round() {
	run passthru bind --yes --allow display "$display" "$nic"
	[ "$status $(drivers "$display" "$audio" "$nic")" = "0 vfio-pci vfio-pci vfio-pci" ] || failed=$((failed + 1))
	run passthru release "$display" "$nic"
	[ "$status" = 0 ] || failed=$((failed + 1))
}

# The first ones load modules and fill caches.
round
round
slab=$(unreclaimable)
files=$(open_files)
count=0
while [ "$count" -lt "$rounds" ]; do
	round
	count=$((count + 1))
done
grown=$(($(unreclaimable) - slab))
is "$failed" 0 "$rounds rounds there and back"
is "$(dump)" "$before" "drivers and overrides are as before"
is "$(settings)" "$set_before" "settings are as before"
is "$(find /run/passthru -mindepth 1 2>/dev/null)" "" "nothing lies in /run/passthru"
is "$(pidof passthru || true)" "" "no process is left"
check "no file is left open (before $files, now $(open_files))" test "$(open_files)" -lt $((files + 64))
# Every probe of a driver leaves a little in the kernel of Debian 12; what passthru asks for must not.
check "the kernel's memory has not grown ($grown KiB in $rounds rounds)" test "$grown" -lt $((2048 + rounds * 64))

# All writes of a handover go through one child.
run env ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o "$work/trace" -e trace=openat,socket,fork,clone,clone3,vfork passthru bind --yes "$nic"
is "$status" 0 "a run that is watched"
check "it makes one child" test "$(grep -cE ' (v?fork|clone3?)\(' "$work/trace")" -eq 1
run passthru release "$nic"
echo "$control" >"$pci/devices/$nic/power/control"
is "$status $(dump)" "0 $before" "and back"
