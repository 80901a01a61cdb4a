#!/bin/sh
# watch tells what happens to functions: in order, at once, to everyone who listens, losing nothing silently.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../pci.sh"
plan 41

lines=$work/lines
watcher=

# It waits for something: poll(2) has number 7.
is_waiting() {
	read -r call rest <"/proc/$1/syscall" && [ "$call" = 7 ] && [ -n "$rest" ]
}

# listen FILE COMMAND... : runs it in the background, its lines into the file, until it waits for events
listen() {
	to=$1
	shift
	: >"$to"
	"$@" >>"$to" 2>"$to.err" </dev/null &
	watcher=$!
	wait_for 20 is_waiting "$watcher"
}

# stop PID... : ends watchers; the last one's answer is in $status
stop() {
	kill -TERM "$@"
	for pid; do
		status=0
		wait "$pid" || status=$?
	done
}

# told FILE ADDRESS [EVENT...] : the events of a function, one a line; only these, when some are named
told() {
	jq -r --arg address "$2" --arg only "${3:-}" 'select(.address == $address)
		| select($only == "" or ([.event] | inside($only / " ")))
		| "\(.event) \(.from // "none") \(.to // "none")"' "$1"
}

tells_soon() {
	wait_for 1 sh -c "jq -r '\"\(.address) \(.event) \(.to)\"' '$1' | grep -qxF '$2'"
}

empty() {
	: >"$lines"
}

native=$(driver "$display")
group=$(group "$display")

# The card, by hand and by passthru.
listen "$lines" passthru --json watch "$display"
is "$(jq -r '[.event, .address, .state.driver, .state.iommu_group, .state.runtime_status] | join(" ")' "$lines")" \
	"state $display $native $group active
state $audio $(driver "$audio") $group active" "the first lines say how both functions of the card are"
empty
passthru bind --allow display "$display" >"$out" 2>"$err"
check "the new driver is told at once" tells_soon "$lines" "$audio bind vfio-pci"
drives="driver_override unbind bind driver"
is "$(told "$lines" "$display" "$drives")" "driver_override none vfio-pci
unbind $native none
bind none vfio-pci" "bind: override, unbind and bind of the display, in order"
is "$(jq -r 'select(.event == "bind") | .address' "$lines" | sort)" "$display
$audio" "bind: both functions"
is "$(jq -r 'select(.record != null) | .event' "$lines" | sort -u)" "bind
driver_override
unbind" "bind: the lines know of the record"
empty
passthru release "$display" >"$out" 2>"$err"
check "the old driver is told at once" tells_soon "$lines" "$display bind $native"
is "$(told "$lines" "$display" "unbind bind")" "unbind vfio-pci none
bind none $native" "release: unbind and bind, in order"
wait_for 5 sh -c "jq -r 'select(.event == \"driver_override\") | .to' '$lines' | tail -n 1 | grep -qx null"
is "$(jq -r '[.address, .event] | join(" ")' "$lines" | grep -cv -e "$display" -e "$audio" || true)" 0 "nothing is told of other functions"
stop "$watcher"
is "$status" 0 "SIGTERM ends it with status 0"
is "$(cat "$lines.err")" "" "without a word"

# Everything, as an ordinary user.
listen "$lines" /usr/bin/setpriv --reuid=65534 --regid=65534 --clear-groups passthru --json watch --interval 0.2
is "$(cat "$lines")" "" "without DEVICE there are no first lines"
number=$(group "$nvme")
echo 1 >"$pci/devices/$nvme/remove"
check "a removal is told at once" tells_soon "$lines" "$nvme remove null"
is "$(told "$lines" "$nvme" "unbind iommu_group remove")" "unbind nvme none
iommu_group $number none
remove none none" "remove: the driver, the group and the function go, in order"
empty
echo 1 >"$pci/rescan"
check "what comes back is told at once" tells_soon "$lines" "$nvme iommu_group $(group "$nvme")"
wait_for 20 grep -q '"event":"bind"' "$lines"
is "$(told "$lines" "$nvme" "add iommu_group bind")" "add none none
iommu_group none $(group "$nvme")
bind none nvme" "rescan: the function, its group and its driver come, in order"
is "$(jq -r 'select(.event == "add") | [.vendor, .device] | join(":")' "$lines")" 1b36:0010 "it is known by its ids"

# No message comes for these.
empty
echo some-driver >"$pci/devices/$twin/driver_override"
check "an override is told at once" tells_soon "$lines" "$twin driver_override some-driver"
echo >"$pci/devices/$twin/driver_override"
check "and its end" tells_soon "$lines" "$twin driver_override null"
empty
run passthru bind "$nic"
check "falling asleep is told" wait_for 20 tells_soon "$lines" "$nic runtime_status suspended"
check "with the power state" tells_soon "$lines" "$nic power_state D3hot"
above=$(basename "$(dirname "$(readlink -f "$pci/devices/$nic")")")
sleep_times() {
	for address in "$nic" "$above"; do
		paste -s -d ' ' "$pci/devices/$address/power/runtime_status" "$pci/devices/$address/power/runtime_active_time"
	done
}
wait_for 20 grep -q suspended "$pci/devices/$above/power/runtime_status"
slept=$(sleep_times)
sleep 2
is "$(sleep_times)" "$slept" "watching wakes neither the card nor the port above it"
empty
echo on >"$pci/devices/$nic/power/control"
check "waking up is told" tells_soon "$lines" "$nic runtime_status active"
is "$(told "$lines" "$nic" "link_speed link_width")" "" "a link that is as it was before is no change"
passthru release "$nic" >"$out" 2>"$err"
stop "$watcher"
is "$status" 0 "SIGTERM ends it with status 0"

# opened ADDRESS FILE TIMES : the trace has it so often at least
opened() {
	[ "$(grep -c "$1/$2" "$work/trace")" -ge "$3" ]
}

# asked ADDRESS : how often its link was asked for while it was looked at four times; a change ends the watching
asked() {
	: >"$work/trace"
	before=$(override "$1")
	ASAN_OPTIONS=detect_leaks=0 strace -o "$work/trace" -e trace=openat passthru watch --interval 0.1 --count 1 "$1" >"$out" 2>"$err" &
	watcher=$!
	wait_for 60 opened "$1" power/runtime_status 4
	echo some-driver >"$pci/devices/$1/driver_override"
	wait "$watcher"
	echo "${before#"(null)"}" >"$pci/devices/$1/driver_override"
	grep -c "$1/current_link_speed" "$work/trace" || true
}
passthru bind "$nic" >"$out" 2>"$err"
wait_for 20 grep -q suspended "$pci/devices/$nic/power/runtime_status"
is "$(asked "$nic")" 0 "the link of a card that sleeps is not asked"
passthru release "$nic" >"$out" 2>"$err"
check "the link of a card that stays awake is asked again and again" test "$(asked "$nvme")" -gt 2
echo auto >"$pci/devices/$nvme/power/control"
is "$(asked "$nvme")" 1 "of one that may fall asleep it is asked once"
echo on >"$pci/devices/$nvme/power/control"

# A burst, and more than one listener.
echo vfio-pci >"$pci/devices/$twin/driver_override"
echo "$twin" >"$pci/devices/$twin/driver/unbind"
listen "$work/first" passthru --json watch "$twin"
first=$watcher
listen "$work/second" passthru --json watch
second=$watcher
times=50
while [ "$times" -gt 0 ]; do
	echo "$twin" >"$pci/drivers_probe"
	echo "$twin" >"$pci/drivers/vfio-pci/unbind"
	times=$((times - 1))
done
wanted=$(yes 'bind none vfio-pci
unbind vfio-pci none' | head -n 100)
all_told() {
	[ "$(told "$1" "$twin" "$drives" | wc -l)" -eq 100 ]
}
check "the last of 100 changes is told" wait_for 1 all_told "$work/first"
wait_for 5 all_told "$work/second"
is "$(told "$work/first" "$twin" "$drives")" "$wanted" "one listener has all of them, in order"
is "$(told "$work/second" "$twin" "$drives")" "$wanted" "and so has the other"
is "$(cat "$work/first" "$work/second" | jq -r 'select(.event == "lost") | .event')" "" "none says that it lost any"
stop "$first" "$second"

# More messages than can wait while it does not read; those asked for by hand are no changes.
listen "$lines" /usr/bin/setpriv --reuid=65534 --regid=65534 --clear-groups passthru --json watch
kill -STOP "$watcher"
times=4000
while [ "$times" -gt 0 ]; do
	echo change
	times=$((times - 1))
done | while read -r word; do echo "$word" >"$pci/devices/$nic/uevent"; done
echo >"$pci/devices/$twin/driver_override"
echo "$twin" >"$pci/drivers_probe"
kill -CONT "$watcher"
check "lost messages are told" wait_for 5 grep -q '"event":"lost"' "$lines"
check "and what happened meanwhile" wait_for 5 tells_soon "$lines" "$twin bind $native"
empty
echo "$twin" >"$pci/drivers/$native/unbind"
echo "$twin" >"$pci/drivers_probe"
wait_for 5 tells_soon "$lines" "$twin bind $native"
is "$(told "$lines" "$twin" "$drives")" "unbind $native none
bind none $native" "afterwards every message counts again"
stop "$watcher"

# Its ends.
run passthru watch --count 1 --timeout 0.5 "$twin"
is "$status" 1 "--count with no change before --timeout: the answer is no"
run passthru watch --timeout 0.5 "$twin"
is "$status" 0 "--timeout alone is no failure"
listen "$lines" passthru watch --count 2 "$twin"
echo "$twin" >"$pci/drivers/$native/unbind"
echo "$twin" >"$pci/drivers_probe"
status=0
wait "$watcher" || status=$?
is "$status" 0 "--count ends it"
is "$(wc -l <"$lines")" 3 "after one line for the state and two for the changes"
says "$lines" "^[0-9T:.+-]{29}  $twin  unbind  *$native -> none  " "a line has the time, the address, what changed and the name"
{
	ended=0
	passthru watch "$twin" || ended=$?
	echo "$ended" >"$work/status"
} | head -n 1 >"$out"
is "$(cat "$work/status")" 0 "when nobody reads any more it ends"
run passthru --root "$work" watch
is "$status" 2 "--root is refused"
