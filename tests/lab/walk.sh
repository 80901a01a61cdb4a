#!/bin/sh
# The part of the demonstration that runs inside the emulated host: walk.sh COLUMNS TERM.
#
# Each step is announced, its command shown as it would be typed, and its real answer below it.  The first command that
# fails ends the walk, and so does a guest that lacks a driver for one of the card's two functions.
# Busybox, whose shell this runs under, has pipefail.
# shellcheck disable=SC3040
set -euo pipefail

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/pci.sh"
export TERM="$2"
stty -F /dev/ttyS1 cols "$1" rows 50
device=${display#0000:}

step() {
	printf '\n[%s/8] %s\n' "$1" "$2"
}

fail() {
	printf '\n%s\n' "$*"
	exit 1
}

# typed COMMAND... : as the user would type it
typed() {
	printf '$'
	for word; do
		case $word in
		*' '*) printf " '%s'" "$word" ;;
		*) printf ' %s' "$word" ;;
		esac
	done
	printf '\n'
	if [ "$TERM" = dumb ]; then
		"$@" 2>&1 | cat
	else
		"$@"
	fi || fail "that should have worked: status $?"
}

before=$(dump)
step 3 "two displays of the same make; the first one has an audio function and is to go to a guest"
typed passthru list gpus
step 4 "the whole card goes to VFIO, with the text console that is on it; its twin, with the same ids, stays"
typed passthru bind --allow display "$device"
typed passthru list gpus
[ "$(drivers "$display" "$audio")" = "vfio-pci vfio-pci" ] || fail "the card is not on vfio-pci"
step 5 "a guest starts with the card (about 15 s) and says what it sees"
typed passthru run --device "$device" --kernel /guest/vmlinux --initrd /guest/guest.cpio \
	--memory 256M --append "$guest_append" | tee /tmp/guest
step 6 "does the guest drive both functions, and does the card reach the guest's memory?"
for line in '1234:1111 class 038000 driver bochs' '8086:293e class 040300 driver snd_hda_intel' 'codec .* driver .* through memory'; do
	found=$(grep -E "^guest: .*$line" /tmp/guest) || fail "no: the guest did not say '$line'"
	echo "yes: ${found#guest: }" | tr -d '\r'
done
step 7 "the card goes back to the host"
typed passthru release "$device"
step 8 "everything is as it was"
typed passthru list gpus
[ "$(dump)" = "$before" ] || fail "no: drivers or overrides are not what they were"
