#!/bin/sh
# What check says of host and devices is what the kernel then does, and check itself changes nothing.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../pci.sh"
. "$(dirname "$0")/../judge.sh"
plan 49

before=$(dump)
platform="iommu-active interrupt-remapping kernel-config vfio-modules kvm-device"

# ---- the host ----

judge
is "$status $(jq .ready "$out")" "0 true" "the host is ready"
# shellcheck disable=SC2086
is "$(verdicts host $platform)" "pass pass pass pass pass" "platform and kernel pass"
for unit in /sys/class/iommu/*; do
	tells iommu-active host "${unit##*/}" "iommu-active names the kernel's unit ${unit##*/}"
done
is "$(said iommu-parameters host verdict)" pass "the parameter that turned this IOMMU on passes"

# ---- a card that can be handed over ----

judge "$display"
is "$(verdicts "$display" group-viability group-isolation) $(verdicts "$audio" group-viability group-isolation)" \
	"pass pass pass pass" "the pair: nothing else is in its group"
tells driver-binding "$display" "$(driver "$display")" "the pair: check names the driver that holds the display"
run passthru bind --allow display "$display"
is "$(vfio_open "$display") $(vfio_open "$audio")" "opened $display opened $audio" "the pair opens through VFIO"
judge "$display"
is "$status" 0 "the pair on vfio-pci is ready"
is "$(verdicts "$display" driver-binding group-viability guest-has-it) $(verdicts "$audio" driver-binding guest-has-it)" \
	"pass pass pass pass pass" "the pair on vfio-pci passes"

vfio_open "$display" 60 >"$work/holder" &
holder=$!
check "the pair is held open" wait_for 10 grep -q opened "$work/holder"
is "$(vfio_open "$audio")" "/dev/vfio/GROUP: EBUSY" "the pair held open: nobody else can open it"
judge "$audio"
is "$(said guest-has-it "$audio" verdict)" warn "the pair held open: guest-has-it warns"
tells guest-has-it "$audio" "vfio_open.*\b$holder\b" "the pair held open: guest-has-it names the process"
kill "$holder"
wait "$holder" 2>/dev/null || true
run passthru release "$display"
is "$status $(dump)" "0 $before" "the pair is given back"

# ---- cards that share a group ----

# by_hand ADDRESS : without asking passthru
by_hand() {
	echo vfio-pci >"$pci/devices/$1/driver_override"
	echo "$1" >"$pci/devices/$1/driver/unbind"
	echo "$1" >"$pci/drivers_probe"
}

back_by_hand() {
	echo >"$pci/devices/$1/driver_override"
	echo "$1" >"$pci/drivers/vfio-pci/unbind"
	echo "$1" >"$pci/drivers_probe"
}

judge "$old"
is "$status $(said group-viability "$old" verdict)" "1 fail" "one of two in a group: group-viability fails"
tells group-viability "$old" "$old_other.*$(driver "$old_other")" "one of two in a group: it names the other one and its driver"
run passthru bind "$old"
is "$status $(dump)" "1 $before" "one of two in a group: bind refuses"
modprobe vfio-pci
by_hand "$old"
is "$(driver "$old") $(vfio_open "$old")" "vfio-pci VFIO_GROUP_GET_STATUS: not viable" \
	"one of two in a group, bound by hand: the kernel does not open it"
judge "$old"
is "$status $(said group-viability "$old" verdict)" "1 fail" "one of two in a group, bound by hand: group-viability fails"
back_by_hand "$old"
judge "$old" "$old_other"
is "$(said group-viability "$old" verdict) $(said group-viability "$old_other" verdict)" "pass pass" \
	"both of a group: group-viability passes"
run passthru bind "$old" "$old_other"
is "$(vfio_open "$old") $(vfio_open "$old_other")" "opened $old opened $old_other" "both of a group open through VFIO"
run passthru release "$old" "$old_other"
is "$status $(dump)" "0 $before" "both of a group are given back"
judge "$bridge"
is "$status $(verdicts "$bridge" driver-binding group-viability)" "1 fail none" "a bridge is no device to hand over"

# ---- a user without privileges ----

modules=$(cut -d ' ' -f 1 /proc/modules)
watched /usr/bin/setpriv --reuid 65534 --regid 65534 --clear-groups passthru --json check "$display" "$nvme" "$nic"
check "a user: the exit status is 1 or 3" test "$status" -eq 1 -o "$status" -eq 3
is "$(jq -r '[.host, .devices[]] | map(to_entries[] | select(.value.verdict == "unknown")) | length > 0' "$out")" true \
	"a user: something is unknown"
is "$(jq -r '[.host, .devices[]] | map(to_entries[] | select(.value.verdict == "unknown")
	| select([.value.sentence, .value.evidence[].value, .value.fix] | join(" ") | test("root") | not).key) | join(" ")' "$out")" "" \
	"a user: whatever is unknown needs root"
# shellcheck disable=SC2086
is "$(verdicts host $platform | grep -c fail)" 0 "a user: platform and kernel do not fail"
is "$(deeds "$work/trace")" "" "a user: nothing was written"

# ---- nothing changes ----

watched sh -c "echo >$work/file; rm $work/file"
is "$(deeds "$work/trace" | wc -l | tr -d ' ')" 2 "what a program does to files is seen"
for what in "check $display $nvme $nic $old" "explain --boot" "show $nvme"; do
	# shellcheck disable=SC2086
	watched passthru --json $what
	check "$what: answers" test "$status" -le 1
	is "$(deeds "$work/trace")" "" "$what: writes to no file, makes and loads nothing"
done
is "$(cut -d ' ' -f 1 /proc/modules)" "$modules" "no module was loaded"
is "$(dump)" "$before" "no driver and no override was changed"

# sleep_times : how long the network card and the port above it have been awake, and whether they sleep
above=$(basename "$(dirname "$(readlink -f "$pci/devices/$nic")")")
sleep_times() {
	for address in "$nic" "$above"; do
		paste -s -d ' ' "$pci/devices/$address/power/runtime_status" "$pci/devices/$address/power/runtime_active_time"
	done
}

asleep() {
	[ "$(cat "$pci/devices/$nic/power/runtime_status" "$pci/devices/$above/power/runtime_status" | uniq)" = suspended ]
}

run passthru bind "$nic"
check "a card without a guest falls asleep, and the port above it" wait_for 10 asleep
slept=$(sleep_times)
for what in "check $nic" "check" "list" "show $nic"; do
	# shellcheck disable=SC2086
	run passthru $what
	is "$(sleep_times)" "$slept" "$what: the card and the port sleep on"
done
cat "$pci/devices/$nic/config" >"$work/config"
check "it is enough to read its configuration to wake the port" test "$(sleep_times)" != "$slept"
run passthru release "$nic"

# ---- the record and the log ----

# Free memory is never twice the same.
without_memory() {
	jq 'del(.host["guest-memory"])'
}

judge "$display" "$old" "$nvme" "$nic"
without_memory <"$out" >"$work/live"
run passthru snapshot /tmp/check.tar.gz
is "$status" 0 "snapshot exits 0"
run passthru --root /tmp/check.tar.gz --json check "$display" "$old" "$nvme" "$nic"
is "$status $(without_memory <"$out")" "1 $(cat "$work/live")" "check of a snapshot says what check of the machine says"
is "$(tar tvzf /tmp/check.tar.gz | awk '{ link = $1 ~ /^l/; sub(/^.*:[0-9][0-9] /, ""); sub(/ -> .*/, ""); name[NR] = $0; if (link) links[$0] }
	END { for (n in name) for (path = name[n]; sub(/\/[^\/]*$/, "", path);) if (path in links) print name[n] }')" "" \
	"nothing in the snapshot lies behind a link of it"
rm /tmp/check.tar.gz

run passthru --json explain --boot
is "$status" 0 "explain --boot exits 0"
dmesg | sed 's/^\[[^]]*\] //' >"$work/log"
is "$(jq -r '.findings[].line' "$out" | while IFS= read -r line; do
	grep -qxF "$line" "$work/log" || echo "$line"
done)" "" "explain --boot: every line that it explains stands in the log"
is "$(jq -r '.findings[] | select(.line | test("DMAR: IOMMU enabled")) | .here' "$out")" iommu-active \
	"explain --boot: the DMAR line is explained with what this host says to it"
