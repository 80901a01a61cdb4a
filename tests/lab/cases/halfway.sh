#!/bin/sh
# A bind that fails in the middle leaves everything as it was: the kernel itself is made to refuse.
#
# First a read-only file is mounted over a file that the program must write.  Then the card's second function is
# pulled out while the program is at work: strace holds one write back until that has happened.  At last
# the program, and then its child alone, is killed at such a write, and what it left is put right.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../pci.sh"
plan 48

before=$(dump)
native=$(drivers "$display" "$audio")
real=$(readlink -f "$pci/devices/$audio")
unbind=$(readlink -f "$real/driver")/unbind

# unwritable WHAT FILE
unwritable() {
	cat "$2" >"$work/file" 2>/dev/null || true
	mount --bind "$work/file" "$2"
	mount -o remount,ro,bind "$2"
	run passthru bind --allow display "$display"
	umount "$2"
	is "$status" 3 "$1 cannot be written: exit 3"
	one_line "$err" "$1 cannot be written: one line on standard error"
	says "$err" "read-only" "$1 cannot be written: the line has the kernel's reason"
	is "$(drivers "$display" "$audio")" "$native" "$1 cannot be written: both functions are on their drivers"
	is "$(dump)" "$before" "$1 cannot be written: everything is as before"
}

# held_back INJECTION FILE : starts a bind whose write to FILE meets that fate; the sanitizers cannot look for leaks
# under strace
held_back() {
	ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o "$work/trace" -P "$2" -e trace=write,pwrite64 -e "inject=write,pwrite64:$1" \
		passthru bind --allow display "$display" >"$out" 2>"$err" </dev/null &
	command="passthru bind --allow display $display"
}

claimed() {
	[ "$(override "$display")" = vfio-pci ]
}

handed_over() {
	[ "$(driver "$display")" = vfio-pci ]
}

# vanish WHAT FILE WHEN SIGN : the WHEN-th write to FILE waits while the second function goes away; it goes
# when SIGN says that the first one is under way
vanish() {
	held_back "delay_enter=3000000:when=$3" "$2"
	check "$1: the first function is under way when it happens" wait_for 10 "$4"
	sleep 0.5
	echo 1 >"$real/remove"
	status=0
	wait $! || status=$?
	check "$1: the exit status is not 0" test "$status" -ne 0
	one_line "$err" "$1: one line on standard error"
	is "$(driver "$display")" "${native%% *}" "$1: the first function is on its driver"
	is "$(override "$display")" "(null)" "$1: the first function has no override"

	echo 1 >"$pci/rescan"
	wait_for 5 test -e "$real/driver" || true
	is "$(drivers "$display" "$audio")" "$native" "$1: a rescan brings the second one back"
	run passthru bind --allow display "$display"
	is "$status $(drivers "$display" "$audio")" "0 vfio-pci vfio-pci" "$1: a bind after that works"
	run passthru release "$display"
	is "$status" 0 "$1: so does the release"
	is "$(dump)" "$before" "$1: and everything is as before"
}

unwritable "the second function's override" "$real/driver_override"
unwritable "the second driver's unbind" "$unbind"

vanish "gone before its override is written" "$real/driver_override" 1 claimed
vanish "gone before it is taken from its driver" "$unbind" 1 handed_over
vanish "gone before it is probed again" "$pci/drivers_probe" 2 handed_over

# The program, not the child that writes for it: the one whose parent is strace.
program() {
	for pid in $(pidof passthru); do
		parent=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status")
		[ "$(cat "/proc/$parent/comm")" != strace ] || echo "$pid"
	done
}

held_back delay_enter=3000000:when=1 "$unbind"
check "killed in the middle: the first function is under way" wait_for 10 handed_over
kill -9 "$(program)"
status=0
wait $! 2>/dev/null || status=$?
check "killed in the middle: it was" test "$status" -ne 0
is "$(driver "$display")" vfio-pci "killed in the middle: half of the card is handed over"
run passthru bind --allow display "$display"
is "$status $(drivers "$display" "$audio")" "0 vfio-pci vfio-pci" "killed in the middle: a second bind completes it"
run passthru release "$display"
is "$status" 0 "killed in the middle: release exits 0"
is "$(drivers "$display" "$audio")" "$native" "killed in the middle: both functions are on their drivers"
is "$(dump)" "$before" "killed in the middle: everything is as before"

held_back signal=KILL:when=1 "$unbind"
status=0
wait $! 2>/dev/null || status=$?
is "$status" 3 "the child killed: exit 3"
one_line "$err" "the child killed: one line on standard error"
is "$(drivers "$display" "$audio")" "$native" "the child killed: both functions are on their drivers"
is "$(dump)" "$before" "the child killed: everything is as before"
