#!/bin/sh
# probe opens every kind of card that this machine has as a VMM would, resets it in every way, and leaves it as it was.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../pci.sh"
plan 59

usb=$(pci_find 1b36:000d)

# usable ADDRESS : yes, limited, no or unknown, from the answer in $out
usable() {
	jq -r --arg a "$1" '.functions[] | select(.address == $a) |
		if .usable == true and .limited then "limited" elif .usable == true then "yes"
		elif .usable == false then "no" else "unknown" end' "$out"
}

# step ADDRESS STEP : its answer
step() {
	jq -r --arg a "$1" --arg s "$2" '[.steps[] | select(.address == $a and .step == $s).answer] | first // "none"' "$out"
}

# together STEP : of what all functions share
together() {
	jq -r --arg s "$1" '[.steps[] | select(.address == null and .step == $s).answer] | first // "none"' "$out"
}

# registers ADDRESS... : what a probe must leave alone. Without the power state, which the kernel changes by itself when
# nobody uses a device, and without the bits of the command register that switch decoding on, which it leaves on.
registers() {
	for address; do
		echo "$address $(driver "$address") $(cat "$pci/devices/$address/reset_method" 2>/dev/null)"
		lspci -s "$address" -x | sed 's/^00: \(.. .. .. ..\) .. ../00: \1 -- --/'
	done
}

hand_over() {
	passthru bind --allow disk --allow network --allow display --allow input --allow open "$@" >/dev/null
}

run passthru probe "$nic"
is "$status" 1 "a card with its own driver: exit 1"
one_line "$err" "a card with its own driver: one line"
says "$err" "$nic.*e1000e.*passthru bind $nic" "a card with its own driver: what to do"

# ---- a card of two functions, which can be reset only together ----

hand_over "$display"
run passthru probe "$display"
first=$(registers "$display" "$audio")
run passthru --json probe "$display"
is "$status" 0 "the card of two functions: exit 0"
is "$(usable "$display") $(usable "$audio")" "yes yes" "a guest can use both"
is "$(step "$display" open) $(step "$audio" open)" "yes yes" "both open"
is "$(step "$display" 'BAR 0') $(step "$audio" 'BAR 0')" "yes yes" "their BARs answer"
is "$(step "$display" ROM)" yes "the display has a ROM"
is "$(jq -r '.rom_images[0] | "\(.code) \(.checksum) \(.fits)"' "$out")" "x86 true true" "for a PC, whole, and for it"
is "$(step "$audio" ROM)" no "the audio function has none"
is "$(step "$audio" MSI) $(step "$audio" INTx)" "yes yes" "its interrupts arrive"
is "$(step "$audio" reset)" no "it has no reset of its own"
is "$(step "$display" 'hot reset') $(step "$audio" 'hot reset')" "yes yes" "both are reset with their bus"
is "$(jq -r --arg a "$display" '[.reset_scope[] | select(.address == $a).resets] | join(" ")' "$out")" "$display $audio" \
	"a hot reset reaches both and no other"
is "$(together 'DMA, 4 KiB') $(together 'DMA, 2 MiB') $(together 'DMA, 32 MiB')" "yes yes yes" "memory is mapped"
is "$(jq -r '.memory.paces[0].tried_bytes' "$out")" 33554432 "and what that takes is told"
is "$(jq -r '[.steps[] | select(.backend == "iommufd").answer] | join(" ")' "$out")" "not tried" "this kernel has no iommufd"
is "$(jq -r '[.differences[] | select(.expected | not)] | length' "$out")" 0 "the configuration space has no surprise"
is "$(registers "$display" "$audio")" "$first" "the registers are as before"
is "$(drivers "$display" "$audio")" "vfio-pci vfio-pci" "they are still with vfio-pci"
is "$(jq -r '[.steps[] | select(.step == "as before").answer] | join(" ")' "$out")" "yes yes" "and probe says so"

run passthru probe --backend iommufd "$display"
is "$status" 1 "a back end that this kernel has not: exit 1"
run passthru probe --backend both "$display"
is "$status" 2 "a back end that nobody has: exit 2"

# ---- the others ----

hand_over "$nvme"
methods=$(cat "$pci/devices/$nvme/reset_method")
run passthru --json probe "$nvme"
is "$status $(usable "$nvme")" "0 yes" "the NVMe disk: a guest can use it"
is "$(step "$nvme" 'MSI-X')" yes "its interrupts arrive"
is "$(step "$nvme" 'reset: flr')" yes "it can be reset"
is "$(jq -r --arg a "$nvme" '[.steps[] | select(.address == $a and (.step | startswith("reset: "))).step[7:]] | join(" ")' "$out")" \
	"$methods" "each of its methods was tried"
is "$(cat "$pci/devices/$nvme/reset_method")" "$methods" "reset_method is as before"
is "$(jq -r --arg a "$nvme" '.regions[] | select(.address == $a and .region == "BAR 0").size_bytes' "$out")" \
	"$(stat -c %s "$pci/devices/$nvme/resource0")" "BAR 0 has the size that sysfs has"
is "$(jq -r --arg a "$nvme" '.interrupts[] | select(.address == $a and .interrupt == "MSI-X").vectors' "$out")" \
	"$(lspci -vs "$nvme" | sed -n 's/.*MSI-X: .*Count=\([0-9]*\).*/\1/p')" "and as many vectors as lspci says"

run passthru --json probe --gentle "$nvme"
is "$status $(usable "$nvme")" "0 yes" "gently: a guest can use it"
is "$(jq -r '[.steps[] | select(.step | test("reset"))] | length' "$out")" 0 "gently: nothing is reset"
run strace -f -e trace=openat,write,ioctl -o "$work/trace" passthru probe --gentle "$nvme"
is "$status" 0 "gently, watched: exit 0"
is "$(grep -c VFIO_DEVICE_RESET "$work/trace")" 0 "gently, watched: no reset is asked for"
is "$(grep -c 'reset_method' "$work/trace")" 0 "gently, watched: reset_method is not touched"

run passthru --json probe --memory 64G "$nvme"
is "$(together 'DMA, 1 GiB')" "not tried" "a gibibyte that this host has not: not tried"
is "$(jq -r '.memory.guest_bytes' "$out")" 68719476736 "the guest's size is the one asked for"

passthru probe "$nvme" >/dev/null 2>&1 &
probe=$!
wait_for 60 sh -c "[ \"\$(cat $pci/devices/$nvme/reset_method)\" != '$methods' ]"
kill -9 "$probe"
wait "$probe" 2>/dev/null || true
check "killed in the middle: reset_method is restored" \
	wait_for 20 sh -c "[ \"\$(cat $pci/devices/$nvme/reset_method)\" = '$methods' ]"
run passthru probe --gentle "$nvme"
is "$status" 0 "killed in the middle: the next one finds nothing in its way"
passthru release "$nvme" >/dev/null

hand_over "$nic"
run passthru --json probe "$nic"
is "$status $(usable "$nic")" "0 yes" "the network card: a guest can use it"
is "$(step "$nic" 'MSI-X') $(step "$nic" MSI) $(step "$nic" INTx)" "yes yes yes" "its interrupts arrive"
is "$(jq -r '[.rom_images[] | "\(.code) \(.machine) \(.fits)"] | join(", ")' "$out")" "x86 null true, EFI x86-64 true" \
	"its ROM is for PC and UEFI, and for it"
is "$(step "$nic" 'reset: pm')" yes "it can be reset"

vfio_open "$nic" 60 >"$work/guest" &
guest=$!
wait_for 20 grep -q opened "$work/guest"
run passthru probe "$nic"
is "$status" 1 "a guest has it: exit 1"
one_line "$err" "a guest has it: one line"
says "$err" "vfio_open \\(pid $guest\\)" "a guest has it: it is named"
is "$(wc -c <"$out")" 0 "a guest has it: no answer besides"
kill "$guest"
wait "$guest" 2>/dev/null || true
passthru release "$nic" >/dev/null

hand_over "$old" "$old_other"
run passthru --json probe "$old" "$old_other"
is "$status $(usable "$old") $(usable "$old_other")" "0 yes yes" "two old cards in one group: a guest can use both"
is "$(step "$old" 'hot reset') $(step "$old_other" 'hot reset')" "yes yes" "they are reset together"
run passthru --json probe "$old"
is "$(jq -r --arg a "$old" '.steps[] | select(.address == $a and .step == "hot reset").answer' "$out")" yes \
	"one alone: its group is held, so the bus may be reset"
passthru release "$old" "$old_other" >/dev/null

hand_over "$usb"
run passthru --json probe --bus-master "$usb"
is "$status $(usable "$usb")" "0 yes" "the USB controller: a guest can use it"
is "$(step "$usb" 'MSI-X') $(step "$usb" 'reset: bus')" "yes yes" "its interrupts arrive, and it can be reset"
is "$(step "$usb" 'bus master')" yes "it can become bus master"
is "$(lspci -vvs "$usb" | grep -c 'BusMaster+')" 0 "and is none afterwards"
passthru release "$usb" >/dev/null

hand_over "$twin"
run passthru probe "$twin"
is "$status" 0 "the other display: exit 0"
says "$out" "^$twin .*yes" "people read it too"
says "$out" "reset: bus .*yes" "each step has a line"
is "$(awk '{ if (length($0) > n) n = length($0) } END { print n < 240 }' "$out")" 1 "of readable length"
passthru release "$twin" "$display" >/dev/null
is "$(driver "$nic") $(driver "$nvme") $(driver "$usb")" "e1000e nvme xhci_hcd" "all are back"
