#!/bin/sh
# Writes that the kernel does not come back from.  vfio-pci waits, when it is to let go of a device, for the last user
# to close it.  Here that is a process that has the device itself open and nothing else, as one has who was handed the
# descriptor: no link in /proc names a node, so that release cannot see it and runs into the wait for real.
#
# Then somebody else is in that wait, and holds the lock of the device: already reading driver_override does not come back.
# At last two handovers of one device at once, of which strace holds one back.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../pci.sh"
plan 46

before=$(dump)
native=$(driver "$nic")
unbind=$pci/drivers/vfio-pci/unbind

# hold : a process that no check sees has the card open
hold() {
	run passthru bind --yes "$nic"
	is "$status $(driver "$nic")" "0 vfio-pci" "$1: the card is with vfio-pci"
	rm -f "$work/user" # it says of the one before that the card is open
	vfio_open "$nic" 3600 alone >"$work/user" 2>&1 &
	user=$!
	check "$1: a process has it open" wait_for 20 grep -q '^opened' "$work/user"
}

let_go() {
	kill "$user"
	wait "$user" 2>/dev/null || true
}

no_child() {
	! pidof passthru
}

refused() {
	is "$status" 1 "$1: exit 1"
	one_line "$err" "$1: one line"
	says "$err" "$2" "$1: the line says why"
}

# ---- release runs into it ----

hold hang
began=$(date +%s)
command="passthru --json release --timeout 3 $nic | cat"
# A pipeline must end too: the child that is left behind has none of its descriptors.
# shellcheck disable=SC2016
timeout 60 sh -c '{ passthru --json release --timeout 3 "$1" 2>"$2"; echo $? >"$3"; } | cat >"$4"' - \
	"$nic" "$err" "$work/status" "$out" || true
took=$(($(date +%s) - began))
status=$(cat "$work/status")
is "$status" 3 "hang: exit 3"
check "hang: within the limit ($took s)" test "$took" -lt 30
one_line "$err" "hang: one line on standard error"
says "$err" "$nic: the kernel has not come back from writing" "hang: the line says what"

# stuck FIELD
stuck() {
	jq -r --arg address "$nic" --arg field "$1" '.stuck[$address][$field]' "$out"
}

is "$(jq -r '.functions[0].state' "$out")" stuck "hang: the state is stuck"
is "$(stuck file)" "sys/bus/pci/drivers/vfio-pci/unbind" "hang: the document names the write"
is "$(stuck value)" "$nic" "hang: and its value"
child=$(stuck process)
check "hang: and the process that is left waiting" test -d "/proc/$child"
stuck kernel_stack >"$work/stack"
says "$work/stack" vfio_unregister "hang: and where it waits"
is "$(stuck module)" vfio_pci "hang: and the module"
says "$out" 'No process is seen' "hang: and that nobody is seen"

run passthru release --timeout 3 "$nic"
refused "while it hangs: release" "$nic is locked by a write of passthru .*has ended"
run passthru bind --yes --timeout 3 "$nic"
refused "while it hangs: bind" "$nic is locked by a write of"
run passthru bind --yes "$nvme"
is "$status $(driver "$nvme")" "0 vfio-pci" "while it hangs: another card is handed over"
run passthru release "$nvme"
is "$status $(driver "$nvme")" "0 nvme" "while it hangs: and given back"

let_go
check "the user lets go: the write comes back and the child ends" wait_for 20 no_child
run passthru release "$nic"
is "$status $(driver "$nic")" "0 $native" "the user lets go: release completes"
is "$(dump)" "$before" "the user lets go: everything is as before"

# ---- killed while it waits, then bind ----

hold killed
passthru release "$nic" >/dev/null 2>&1 </dev/null &
program=$!
in_unbind() {
	grep -q vfio_unregister /proc/[0-9]*/stack
}
check "killed: it waits" wait_for 20 in_unbind
kill -9 "$program"
wait "$program" 2>/dev/null || true
run passthru release "$nic"
refused "killed: another release" "$nic is locked by a write of"
let_go
check "killed: the write comes back and the child ends" wait_for 20 no_child
run passthru bind --yes "$nic"
is "$status $(driver "$nic")" "0 vfio-pci" "killed: bind completes"
run passthru release "$nic"
is "$status $(dump)" "0 $before" "killed: release, and everything is as before"

# ---- somebody else is in it ----

hold "another one"
echo "$nic" 2>/dev/null >"$unbind" &
writer=$!
check "another one: it waits" wait_for 20 in_unbind
run passthru release --timeout 2 "$nic"
is "$status" 3 "another one: exit 3"
says "$err" 'has not come back from reading .*driver_override' "another one: already reading waits"
let_go
wait "$writer" || true
check "another one: the child ends" wait_for 20 no_child
run passthru release "$nic"
is "$status $(dump)" "0 $before" "another one: release, and everything is as before"

# ---- two at once ----

ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o "$work/trace" -P "$pci/drivers/$native/unbind" -e trace=write,pwrite64 \
	-e "inject=write,pwrite64:delay_enter=5000000:when=1" passthru bind --yes "$nic" >"$work/first" 2>&1 </dev/null &
first=$!
claimed() {
	[ "$(override "$nic")" = vfio-pci ]
}
check "two at once: the first is under way" wait_for 20 claimed
run passthru bind --yes "$nic"
refused "two at once: the second" "$nic is being handed over by passthru bind --yes $nic \(pid [0-9]+\)"
status=0
wait "$first" || status=$?
is "$status $(driver "$nic")" "0 vfio-pci" "two at once: the first one wins"
run passthru release "$nic"
is "$status $(dump)" "0 $before" "two at once: everything is as before"
