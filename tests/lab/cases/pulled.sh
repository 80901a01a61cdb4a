#!/bin/sh
# A disk that is pulled out of the running machine, by QEMU's monitor, while it is being handed over or given back.
#
# strace holds one write of the handover back until the kernel has let go of the device.  The program must end, say in one
# line what happened, leave nothing behind, and hand the disk over when it is plugged in again.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../pci.sh"
. "$(dirname "$0")/../qmp.sh"
plan 28

real=$(readlink -f "$pci/devices/$nvme")

# held_back FILE COMMAND... : starts passthru COMMAND, whose first write to FILE waits
held_back() {
	file=$1
	shift
	ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o "$work/trace" -P "$file" -e trace=write,pwrite64 \
		-e inject=write,pwrite64:delay_enter=4000000:when=1 passthru "$@" >"$out" 2>"$err" </dev/null &
	command="passthru $*"
}

gone() {
	[ ! -e "$real" ]
}

# pulled WHAT SIGN : pulls the disk out once SIGN says that the handover is under way, and plugs it in again
pulled() {
	check "$1: it is under way when it happens" wait_for 10 "$2"
	qmp_remove nvme >/dev/null
	check "$1: the kernel has let go of it" wait_for 10 gone
	status=0
	wait $! || status=$?
	is "$status" 3 "$1: exit 3"
	one_line "$err" "$1: one line on standard error"
	is "$(find /run/passthru -type f -size +0 2>/dev/null)" "" "$1: nothing is left in the state directory"
	qmp_plug nvme >/dev/null
	check "$1: plugged in again it gets its driver" wait_for 20 test -e "$real/driver"
	is "$(driver "$nvme") $(override "$nvme")" "nvme (null)" "$1: and has no override"
}

claimed() {
	[ "$(override "$nvme")" = vfio-pci ]
}

bare() {
	[ -e "$real" ] && [ ! -e "$real/driver" ]
}

unclaimed() {
	[ "$(driver "$nvme")" = none ]
}

held_back "$pci/drivers/nvme/unbind" bind "$nvme"
pulled "before it is taken from its driver" claimed
held_back "$pci/drivers_probe" bind "$nvme"
pulled "between two drivers" bare

run passthru bind "$nvme"
is "$status $(driver "$nvme")" "0 vfio-pci" "afterwards: bind works"
held_back "$pci/drivers_probe" release "$nvme"
pulled "on the way back" unclaimed

run passthru bind "$nvme"
is "$status $(driver "$nvme")" "0 vfio-pci" "at last: bind works"
run passthru --json release "$nvme"
is "$status" 0 "at last: release works"
is "$(jq -r '.functions[].state' "$out")" "done" "at last: and says so"
is "$(driver "$nvme") $(override "$nvme")" "nvme (null)" "at last: everything is as before"
wait_for 10 test -b /dev/nvme0n1 || true
check "at last: the disk is there" test -b /dev/nvme0n1
is "$(find /run/passthru -type f -size +0 2>/dev/null)" "" "at last: nothing is left in the state directory"
