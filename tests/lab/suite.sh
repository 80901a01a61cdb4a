#!/bin/sh
# Runs cases inside the emulated host, one after the other: suite.sh CASE...
#
# After each one the machine must be as it was before the first: that is a test of its own, and when it
# fails the machine is put right, so that the next case can be believed.  At the end the kernel's log must hold no
# complaint.  The status says whether the cases were run, not what they found.
# shellcheck shell=sh
set -u

# A program built with sanitizers: a complaint must not look like a status of the program's own.
export ASAN_OPTIONS=exitcode=99 UBSAN_OPTIONS=halt_on_error=1:exitcode=99

lab=$(dirname "$0")
. "$lab/pci.sh"

repair() {
	for device in "$pci"/devices/*; do
		[ "$(override "${device##*/}")" = "(null)" ] || echo >"$device/driver_override"
		[ "$(driver "${device##*/}")" != vfio-pci ] || echo "${device##*/}" >"$pci/drivers/vfio-pci/unbind"
	done
	rm -rf /run/passthru
	echo 1 >"$pci/rescan"
	for device in "$pci"/devices/*; do
		[ -e "$device/driver" ] || echo "${device##*/}" >"$pci/drivers_probe"
	done
}

dump >/tmp/before
for name; do
	echo "# $name begins"
	began=$(date +%s)
	sh "$lab/cases/$name.sh"
	echo "# $name took $(($(date +%s) - began)) s"
	dump >/tmp/after
	if cmp -s /tmp/before /tmp/after; then
		echo "ok - $name: leaves the machine as it was"
	else
		echo "not ok - $name: leaves the machine as it was"
		diff /tmp/before /tmp/after | sed '1,3d; s/^/#   /'
		repair
	fi
done
dmesg | grep -E 'BUG:|Oops|WARNING:|general protection|Call Trace|blocked for more than' >/tmp/complaints
if [ -s /tmp/complaints ]; then
	echo "not ok - the kernel has no complaint"
	sed 's/^/#   /' /tmp/complaints
else
	echo "ok - the kernel has no complaint"
fi
exit 0
