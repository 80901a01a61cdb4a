#!/bin/sh
# A guest started with the card drives both of its functions; nothing is given back while it runs.
# images: qemu
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../pci.sh"
plan 20

before=$(dump)
set -- run --device "$display" --kernel /guest/vmlinux --initrd /guest/guest.cpio --append "$guest_append" --memory 256M

run passthru "$@"
is "$status" 1 "a device that is not bound: exit 1"
one_line "$err" "a device that is not bound: one line on standard error"
says "$err" "passthru bind" "a device that is not bound: the line names the next step"
is "$(dump)" "$before" "a device that is not bound: nothing changed"

run passthru bind --allow display "$display"
is "$status" 0 "bind exits 0"
run passthru "$@" --print
is "$status" 0 "run --print exits 0"
tr -d '\\\n' <"$out" >"$work/line"
says "$work/line" "qemu-system-x86_64.*vfio-pci.*${display#0000:}" "run --print shows a command line with the device"
check "run --print started nothing" sh -c '! pidof qemu-system-x86_64'

run passthru "$@"
is "$status" 0 "run exits 0 when the guest powers off"
says "$out" "^guest: .* 1234:1111 class 038000 driver bochs-drm" "the guest drives the display"
says "$out" "^guest: .* 8086:293e class 040300 driver snd_hda_intel" "the guest drives its audio function"
says "$out" "^guest: codec .* snd_hda_codec_generic through memory" "the audio function reads and writes the guest's memory"
says "$out" "^guest: done" "the guest came to its end"

# The shell starts what runs in the background with SIGINT ignored.
/usr/bin/env --default-signal=INT passthru "$@" >"$out" 2>"$err" </dev/null &
guest=$!
command="passthru $*, in the background"
in_use() {
	for file in "/proc/$(pidof qemu-system-x86_64)"/fd/*; do
		[ "$(readlink "$file")" != "/dev/vfio/$(group "$display")" ] || return 0
	done
	return 1
}
check "the guest has opened the card" wait_for 20 in_use
timeout 20 passthru release "$display" >"$work/release" 2>&1 && status=0 || status=$?
is "$status" 1 "release while the guest runs: exit 1"
says "$work/release" "qemu" "release while the guest runs: the line names the process"
is "$(drivers "$display" "$audio")" "vfio-pci vfio-pci" "release while the guest runs: nothing changed"
kill -INT "$guest"
sleep 0.5
kill -INT "$guest" 2>/dev/null || true
check "SIGINT ends the guest, at the latest the second one" wait_for 10 sh -c '! pidof qemu-system-x86_64'
wait "$guest" || true

run passthru release "$display"
is "$status" 0 "release after that exits 0"
is "$(dump)" "$before" "everything is as before"
