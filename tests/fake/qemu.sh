#!/bin/sh
# A QEMU that behaves as its first argument says, for tests/unit/vm_run.c: its monitor is descriptor 3,
# its console descriptor 4, as src/vm/vm.h has it. What it is told on the monitor it prints on the console.
set -u

greet()
{
	printf '{"QMP": {"version": {"qemu": {"major": 9}}, "capabilities": []}}\r\n' >&3
	read -r _ <&3
	printf '{"return": {}}\r\n' >&3
	# so that the answer is there before what stands on the console
	sleep 0.1
	echo ready >&4
}

# Prints commands until the one given arrives.
until_told()
{
	while read -r line <&3; do
		command=${line#*\"execute\": \"}
		command=${command%%\"*}
		echo "told $command" >&4
		case $command in
		query-status)
			printf '{"return": {"running": false, "status": "internal-error"}, "id": "%s"}\r\n' "$command" >&3
			;;
		*)
			printf '{"return": {}, "id": "%s"}\r\n' "$command" >&3
			;;
		esac
		[ "$command" = "$1" ] && return
	done
}

event()
{
	printf '{"event": "%s", "timestamp": {"seconds": 1, "microseconds": 2}, "data": {}}\r\n' "$1" >&3
}

case $1 in
ends)
	greet
	echo 'the last words of the guest' >&4
	event SHUTDOWN
	;;
much)
	greet
	head -c 300000 /dev/zero | tr '\0' x >&4
	;;
refuses)
	echo 'qemu.sh: warning: a processor feature is missing' >&2
	echo 'qemu.sh: -device vfio-pci: vfio 0000:01:00.0: group 2 is not viable' >&2
	echo 'Please ensure all devices are bound.' >&2
	echo 'qemu.sh: warning: and another one' >&2
	exit 1
	;;
mute)
	exit 1
	;;
obeys)
	greet
	until_told system_powerdown
	event POWERDOWN
	event SHUTDOWN
	# longer than the test gives a guest that does not obey
	sleep 0.5
	echo 'disks written' >&4
	;;
stubborn)
	greet
	until_told quit
	;;
deaf)
	trap '' TERM
	greet
	until_told never
	;;
silent)
	echo here >&4
	read -r _ <&3
	;;
stops)
	greet
	echo 'qemu.sh: KVM internal error. Suberror: 1' >&2
	event STOP
	until_told quit
	;;
fails)
	greet
	echo 'qemu.sh: something broke' >&2
	exit 3
	;;
crashes)
	greet
	kill -SEGV $$
	;;
garbage)
	printf 'SSH-2.0-OpenSSH_9.2\r\n' >&3
	until_told never
	;;
flood)
	tr '\0' '[' </dev/zero | head -c 400000 >&3
	until_told never
	;;
echoes)
	greet
	read -r line <&4
	echo "heard $line" >&4
	;;
waits)
	greet
	sleep 0.5
	echo 'still here' >&4
	;;
looks)
	greet
	{
		echo "pid $$"
		readlink /proc/self/fd/0
		# the last one is its own
		ls /proc/self/fd
		grep -E 'Sig(Blk|Ign)' /proc/self/status
		echo "group $(cut -d ' ' -f 5 /proc/$$/stat)"
		echo looked
	} >&4
	until_told never
	;;
esac
