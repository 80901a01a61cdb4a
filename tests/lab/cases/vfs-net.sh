#!/bin/sh
# Virtual functions of a network card: addresses, VLANs and the like are with the card before any driver has the function.
# machine: sriov
# images: tools
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../pci.sh"
plan 26

igb=$(pci_find 8086:10c9)
if [ -z "$igb" ]; then
	skip 26 "this QEMU emulates no network card with virtual functions (igb: QEMU 8)"
	exit 0
fi
# As udev would: what the emulated host has no part of is loaded at its start only.
modprobe igbvf
before=$(dump)
attribute=$pci/devices/$igb
interface=$(ls "$attribute/net")
# The driver of a function asks the card for its address, which answers only while its own interface is up.
/usr/bin/ip link set "$interface" up

vf() {
	basename "$(readlink "$attribute/virtfn$1")"
}

# link VF : what the kernel says of one, in the words of ip
link() {
	/usr/bin/ip -details link show "$interface" | sed -n "s/^ *vf $1 *link.ether //p"
}

# ethernet VF : the address that the driver of the host found in the function
ethernet() {
	cat "$pci/devices/$(vf "$1")"/net/*/address
}

run passthru --json vfs "$igb"
is "$status $(jq -r '"\(.count) \(.total) \(.interface) \(.driver)"' "$out")" "0 0 7 $interface igb" "the card is shown"

run passthru vfs "$igb" 2 --mac 0=02:00:00:00:00:01 --mac 5=02:00:00:00:00:02
is "$status" 2 "an address for a function that there will not be: exit 2"
run passthru vfs "$igb" 2 --queues 2
is "$status" 2 "queues for a network card: exit 2"
run passthru vfs "$igb" 2 --mac-base ff:00:00:00:00:00
is "$status" 2 "an address of a group: exit 2"
is "$(dump)" "$before" "nothing changed by all that"

run passthru --json vfs "$igb" 3 --mac-base 02:00:00:00:10:00 --vlan 1=100:3 --spoof-check 2=off --trust 0=on
is "$status $(cat "$attribute/sriov_numvfs") $(cat "$attribute/sriov_drivers_autoprobe")" "0 3 1" "three with settings"
is "$(jq -r '[.virtual_functions[].mac] | join(" ")' "$out")" "02:00:00:00:10:00 02:00:00:00:10:01 02:00:00:00:10:02" "passthru says the addresses"
is "$(jq -r '.virtual_functions | "\(.[1].vlan) \(.[2].spoof_check) \(.[1].spoof_check) \(.[0].trust) \(.[1].trust)"' "$out")" \
	"100:3 off on on off" "passthru says the other settings"
link 0 >"$work/link"
says "$work/link" '02:00:00:00:10:00.*spoof checking on.*trust on' "the kernel says so: function 0"
link 1 >"$work/link"
says "$work/link" '02:00:00:00:10:01.*vlan 100, qos 3.*spoof checking on.*trust off' "the kernel says so: function 1"
link 2 >"$work/link"
says "$work/link" '02:00:00:00:10:02.*spoof checking off' "the kernel says so: function 2"
is "$(drivers "$(vf 0)" "$(vf 1)" "$(vf 2)")" "igbvf igbvf igbvf" "the driver of the host has them"
is "$(ethernet 0) $(ethernet 1) $(ethernet 2)" "02:00:00:00:10:00 02:00:00:00:10:01 02:00:00:00:10:02" \
	"and found the addresses in them"

# In place, and what the driver does not take.
run passthru vfs "$igb" --vlan 1=0 --vlan 0=7
is "$status" 0 "settings without a number: exit 0"
link 1 >"$work/link"
is "$(grep -c vlan "$work/link")" 0 "settings without a number: the VLAN is gone"
run passthru vfs "$igb" --vlan 1=9 --link 0=off
is "$status" 3 "a setting that the driver does not have: exit 3"
says "$err" 'nothing was changed.*link state off.*virtual function 0' "a setting that the driver does not have: the line names it"
link 1 >"$work/link"
is "$(grep -c vlan "$work/link")" 0 "and the one that it took before is taken back"

# In use by the host.
/usr/bin/ip link set "$(ls "$pci/devices/$(vf 0)/net")" up
/usr/bin/ip address add 192.0.2.2/24 dev "$(ls "$pci/devices/$(vf 0)/net")"
run passthru vfs "$igb" 0
is "$status $(cat "$attribute/sriov_numvfs")" "1 3" "removing them while one has a route is refused"
says "$err" "$(vf 0).*192\.0\.2\.0/24" "and the line names both"
/usr/bin/ip link set "$(ls "$pci/devices/$(vf 0)/net")" down

run passthru vfs "$igb" 2 --guests --mac-base 02:00:00:00:20:00
is "$status $(drivers "$(vf 0)" "$(vf 1)")" "0 vfio-pci vfio-pci" "two for guests"
link 1 >"$work/link"
says "$work/link" '02:00:00:00:20:01' "with an address"
run vfio_open "$(vf 1)"
is "$(cat "$out")" "opened $(vf 1)" "a guest can open one"
link 1 >"$work/link"
says "$work/link" '02:00:00:00:20:01' "and it keeps its address through the reset"
run passthru vfs "$igb" 0
is "$status" 0 "they are removed"
is "$(dump)" "$before" "everything is as before"
/usr/bin/ip link set "$interface" down
