#!/bin/sh
# What must not be handed over is refused in one line that says why, and nothing changes.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../pci.sh"
plan 20

before=$(dump)

# refused WANTED_STATUS PATTERN WHAT : four tests about the command that just ran
refused() {
	is "$status" "$1" "$3: exit $1"
	one_line "$err" "$3: one line on standard error"
	says "$err" "$2" "$3: the line says why"
	is "$(dump)" "$before" "$3: nothing changed"
}

run passthru bind "$old"
refused 1 "${old_other#0000:}.*$(driver "$old_other")" "a card that shares its group with another one"
run passthru bind "$bridge"
refused 1 'bridge' "a bridge"
run passthru bind 0000:7f:1f.7
refused 3 '7f:1f\.7' "an address where nothing is"
run passthru bind 'no:such.thing'
refused 2 'no:such\.thing' "a word that is no device"
run /usr/bin/setpriv --reuid 65534 --regid 65534 --clear-groups passthru bind "$display"
refused 3 'permission|root|privilege' "a user without privileges"
