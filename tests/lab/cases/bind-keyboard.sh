#!/bin/sh
# machine: sriov
# The last keyboard of the host stays, unless that is allowed.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../pci.sh"
plan 9

before=$(dump)
usb=$(pci_find 1b36:000d)
keyboard() {
	grep -q 'Keyboard' /proc/bus/input/devices
}

check "there is a keyboard" wait_for 10 keyboard
run passthru bind --allow disk --allow network --allow display --allow open "$usb"
is "$status" 1 "the controller of the last keyboard is refused"
one_line "$err" "in one line"
says "$err" "keyboard .* there is no other.*--allow input" "that names the keyboard and what lifts it"
is "$(dump)" "$before" "nothing changed"
run passthru bind --allow input "$usb"
is "$status $(driver "$usb")" "0 vfio-pci" "--allow input takes it"
run passthru release "$usb"
is "$status" 0 "release gives it back"
check "and the keyboard is there again" wait_for 20 keyboard
is "$(dump)" "$before" "everything is as before"
