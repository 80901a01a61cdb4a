#!/bin/sh
# A snapshot answers every reading command as the live machine does, packed or unpacked.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../pci.sh"
plan 39

run passthru snapshot /tmp/s.tar.gz
is "$status" 0 "snapshot exits 0"
check "the snapshot is a file" test -s /tmp/s.tar.gz
mkdir /tmp/s
check "it is an archive that tar can unpack" tar xzf /tmp/s.tar.gz -C /tmp/s

same() {
	command="passthru $*"
	status=0
	passthru "$@" >"$work/live" || status=$?
	is "$status" 0 "$*: exits 0 on the live machine"
	for from in /tmp/s.tar.gz /tmp/s; do
		passthru --root "$from" "$@" >"$work/recorded" 2>"$err" || status=$?
		is "$(cat "$work/recorded")" "$(cat "$work/live")" "$*: same answer from ${from##*/}"
	done
}

for what in pci groups gpus; do
	same list "$what"
	same --json list "$what"
done
for device in "$display" "$nvme" "$old"; do
	same show "$device"
	same --json show "$device"
done
rm -rf /tmp/s /tmp/s.tar.gz
