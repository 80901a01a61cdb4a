# The monitor of the emulated machine, from inside it: a case takes cards out and puts them in again.
#
#   qmp_remove ID    asks for the card to be taken out; the kernel is told and removes it, or waits until its user lets go
#   qmp_plug ID      puts it in again as it was
#   qmp COMMAND ARGUMENTS    any command of QMP; the answer stands in $answer
#
# The IDs are those of the cards in pci.sh; /lab/cards has them all.  display and audio, the pair, go together.  The network
# card (nic) cannot be taken out, its port has no hotplug.  QEMU aborts when a display comes back to where one was
# ("RAMBlock already registered", 7.2), so that display and twin can be taken out but not put in again: a case that does
# this leaves the machine changed.  The NVMe disk comes back as it was.
# They return as soon as QEMU has answered: wait_for what the kernel makes of it.  They fail when QEMU says no.
# shellcheck shell=sh

qmp_port=/dev/ttyS2
qmp_last=0

# qmp COMMAND ARGUMENTS : the first byte cannot be JSON, and makes the monitor forget what came before it
qmp() {
	qmp_last=$((qmp_last + 1))
	qmp_id=$$-$qmp_last
	answer=
	exec 9<>"$qmp_port"
	stty raw -echo 115200 <&9
	printf '\377\n{"execute": "qmp_capabilities"}\n{"execute": "%s", "arguments": %s, "id": "%s"}\n' "$1" "$2" "$qmp_id" >&9
	# shellcheck disable=SC3045
	while IFS= read -r -t 60 qmp_line <&9; do
		case $qmp_line in *"\"id\": \"$qmp_id\""*) answer=$qmp_line && break ;; esac
	done
	exec 9>&-
	case $answer in
	*'"error":'*) echo "qmp: $answer" >&2 && return 1 ;;
	'') echo "qmp: no answer to $1" >&2 && return 1 ;;
	esac
}

qmp_remove() {
	qmp device_del "{\"id\": \"$1\"}"
}

# The human monitor takes a device as the command line has it; it answers only when it objects.  The kernel is done with
# a card a moment before QEMU is.
qmp_plug() {
	! grep -q "^$1 bochs-display" /lab/cards || {
		echo "qmp: QEMU cannot put $1 in again" >&2
		return 1
	}
	qmp_tries=60
	while qmp human-monitor-command "{\"command-line\": \"device_add $(sed -n "s/^$1 //p" /lab/cards)\"}"; do
		case $answer in
		*'"return": ""'*) return 0 ;;
		*uplicate*' ID'* | *'in use'*) qmp_tries=$((qmp_tries - 1)) ;;
		*) qmp_tries=0 ;;
		esac
		[ "$qmp_tries" -gt 0 ] || break
		sleep 0.5
	done
	echo "qmp: $answer" >&2
	return 1
}
