#!/bin/sh
# Inside the emulated host: hands functions over and back with each program in turn, and says how long each way took.
#
# usage: handover.sh TURNS PEER-TURNS COUNT...    the first COUNT network functions of the machine
#
# A line is "figure COUNT PROGRAM TURN BIND RELEASE", microseconds of wall time.  driverctl takes one device a call, so
# its figure is a loop of calls, of a shell that does nothing else.  After each turn the drivers are looked at: a
# program that does not do the work has no figure.
# shellcheck shell=sh disable=SC1091,SC2154
set -eu

# that of tests/lab, beside which this lies in the emulated host
. "$(dirname "$0")/pci.sh"
turns=$1
peer_turns=$2
shift 2

# The functions that can be taken: of a network class, with a driver.
cards=$(for device in "$pci"/devices/*; do
	case $(cat "$device/class") in 0x02*) [ ! -e "$device/driver" ] || echo "${device##*/}" ;; esac
done)

fail() {
	echo "handover.sh: $*" >&2
	exit 1
}

# took COMMAND... : its wall time in microseconds
took() {
	figures=$(measure "$@")
	[ "${figures##* }" = 0 ] || {
		"$@" >&2 || true
		fail "status ${figures##* }: $*"
	}
	echo "$figures" | cut -d ' ' -f 2
}

expect() {
	wanted=$1
	shift
	for address; do
		[ "$(driver "$address")" = "$wanted" ] || fail "$address: $(driver "$address"), not $wanted"
	done
}


# turn PROGRAM NATIVE ADDRESS... : prints both times
turn() {
	program=$1
	native=$2
	shift 2
	case $program in
	bare) bind=$(took bare_handover bind "$@") ;;
	passthru) bind=$(took passthru bind --yes "$@") ;;
	driverctl) bind=$(took driverctl_each set "$@") ;;
	dpdk-devbind.py) bind=$(took dpdk-devbind.py -b vfio-pci "$@") ;;
	esac
	expect vfio-pci "$@"
	case $program in
	bare) release=$(took bare_handover release "$@") ;;
	passthru) release=$(took passthru release "$@") ;;
	driverctl) release=$(took driverctl_each unset "$@") ;;
	dpdk-devbind.py) release=$(took dpdk-devbind.py -b "$native" "$@") ;;
	esac
	expect "$native" "$@"
	echo "$bind $release"
}

# probes NATIVE ADDRESS : lines "probe RESET PROBE": a reset by the kernel alone, and what probe takes with its resets
probes() {
	bare_handover bind "$2"
	expect vfio-pci "$2"
	number=0
	while [ "$number" -lt "$turns" ]; do
		# shellcheck disable=SC2016
		reset=$(took sh -c 'echo 1 >"$1"' sh "$pci/devices/$2/reset")
		probe=$(took passthru probe "$2")
		echo "probe $reset $probe"
		number=$((number + 1))
	done
	bare_handover release "$2"
	expect "$1" "$2"
}

modprobe -a vfio-pci vfio_iommu_type1
for count; do
	# shellcheck disable=SC2046
	set -- $(echo "$cards" | head -n "$count")
	[ $# -eq "$count" ] || fail "$count functions of $#"
	native=$(driver "$1")
	[ "$count" -gt 1 ] || probes "$native" "$1"
	number=0
	while [ "$number" -lt "$turns" ]; do
		for program in bare passthru driverctl dpdk-devbind.py; do
			case $program in
			driverctl | dpdk-devbind.py) [ "$number" -lt "$peer_turns" ] || continue ;;
			esac
			times=$(turn "$program" "$native" "$@")
			echo "figure $count $program $number $times"
		done
		number=$((number + 1))
	done
done
