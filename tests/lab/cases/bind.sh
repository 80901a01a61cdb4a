#!/bin/sh
# bind hands a whole card over and nothing else; release gives it back exactly as it was.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../pci.sh"
plan 25

before=$(dump)
native=$(drivers "$display" "$audio")

run passthru bind 1234:1111
is "$status" 2 "ids that fit two cards: exit 2"
one_line "$err" "ids that fit two cards: one line"
says "$err" "${display#0000:}.*${twin#0000:}" "ids that fit two cards: the line names both"
is "$(dump)" "$before" "ids that fit two cards: nothing changed"

run passthru bind --allow display "$display"
is "$status" 0 "bind exits 0"
is "$(drivers "$display" "$audio")" "vfio-pci vfio-pci" "both functions of the card are on vfio-pci"
check "/dev/vfio has the group" test -c "/dev/vfio/$(group "$display")"
is "$(driver "$twin")" "${native%% *}" "the twin kept its driver"
is "$(override "$twin")" "(null)" "the twin has no override"
run passthru --json list pci
is "$(jq -r --arg address "$audio" '.pci[] | select(.address == $address).driver' "$out")" vfio-pci "list shows the new driver"

bound=$(dump)
run passthru bind --allow display "$display"
is "$status" 0 "bind again exits 0"
is "$(dump)" "$bound" "bind again changes nothing"

run passthru release "$display"
is "$status" 0 "release exits 0"
is "$(drivers "$display" "$audio")" "$native" "both functions are back on their drivers"
is "$(override "$display") $(override "$audio")" "(null) (null)" "no override is left"
is "$(dump)" "$before" "everything is as before"
run passthru release "$display"
is "$(dump)" "$before" "release again changes nothing"

# The other function, a short address, several devices in one call, ids that fit one card.
run passthru bind --allow display "${audio#0000:}"
is "$status $(drivers "$display" "$audio")" "0 vfio-pci vfio-pci" "bind by the short address of function 1 takes the card"
run passthru bind "$nvme" 8086:10d3
is "$status $(drivers "$nvme" "$nic")" "0 vfio-pci vfio-pci" "bind of two cards, one by its ids"
is "$(drivers "$display" "$audio")" "vfio-pci vfio-pci" "the first card is untouched by that"
run passthru release "$display" "$nvme" "$nic"
is "$status" 0 "release of three cards exits 0"
is "$(dump)" "$before" "everything is as before"

run passthru bind "$old" "$old_other"
is "$status $(drivers "$old" "$old_other")" "0 vfio-pci vfio-pci" "bind of both cards that share a group"
run passthru release "$old" "$old_other"
is "$status" 0 "release of both exits 0"
is "$(dump)" "$before" "everything is as before"
