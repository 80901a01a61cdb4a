#!/bin/sh
# Runs lab cases and prints one TAP stream: run.sh [CASE...], all of tests/lab/cases when none is named.
#
# A case says in its first lines what it needs:
#   # machine: off none    the machines to run on, one boot each (machine.sh has the list; on, when it says nothing)
#   # images: qemu tools   what it needs besides the base (image.sh has the list)
#   # init: systemd        systemd as process 1; without it busybox's shell
#   # kernel: 6.12         the kernels, Debian's and others (kernel.sh has the list; debian, when it says nothing)
#   # lab: long            only where time does not count: make lab
# Cases that need the same machine, kernel and init share one boot.  Inside, tap.sh has what makes tests, pci.sh the
# cards, qmp.sh takes cards out and in, judge.sh reads answers of check.
#
# PASSTHRU names the program under test (build/passthru).  PASSTHRU_LAB_LONG=1 runs all, and makes a kernel that is not
# there; without it cases for such a kernel and long ones are skipped.  PASSTHRU_LAB_LOG names a directory to keep the
# consoles' logs in.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
long=${PASSTHRU_LAB_LONG:-}
kernels="debian 6.12"
inits="busybox systemd"
machines="on off none noremap amd sriov many"

# wants CASE WHAT DEFAULT
wants() {
	found=$(sed -n "s/^# $2: //p" "$here/cases/$1.sh")
	echo "${found:-$3}"
}

# known CASE WHAT LIST : a word that is in no list would be a case that never runs
known() {
	for word in $(wants "$1" "$2" ''); do
		case " $3 " in *" $word "*) ;; *) echo "run.sh: case $1: $2 $word: $3" >&2 && exit 2 ;; esac
	done
}

# Gives every test its number, counts, and says the plan at the end; succeeds when all tests were ok.
number() {
	made=0
	failed=0
	while IFS= read -r line; do
		case $line in
		'ok '* | 'not ok '*)
			made=$((made + 1))
			case $line in not*) failed=$((failed + 1)) ;; esac
			echo "${line%%ok *}ok $made ${line#*ok }"
			;;
		*) printf '%s\n' "$line" ;;
		esac
	done
	echo "1..$made"
	[ "$failed" -eq 0 ] && [ "$made" -gt 0 ]
}

# fits CASE KERNEL INIT MACHINE
fits() {
	case " $(wants "$1" kernel debian) " in *" $2 "*) ;; *) return 1 ;; esac
	case " $(wants "$1" machine on) " in *" $4 "*) ;; *) return 1 ;; esac
	case " $(wants "$1" init busybox) " in *" $3 "*) ;; *) return 1 ;; esac
}

# boot KERNEL INIT MACHINE CASE... : runs the cases that fit
boot() {
	kernel=$1
	init=$2
	machine=$3
	shift 3
	cases=
	images="base program"
	[ "$init" = busybox ] || images="$images $init"
	for name; do
		fits "$name" "$kernel" "$init" "$machine" || continue
		if [ -z "$long" ] && [ "$(wants "$name" lab short)" = long ]; then
			echo "ok - $name # SKIP only in make lab"
		elif [ "$kernel" != debian ] && [ -z "$long" ] && ! "$here/kernel.sh" --cached "$kernel" >/dev/null; then
			echo "ok - $name # SKIP kernel $kernel is not in the cache: make lab builds it"
		else
			cases=$cases,$name
			images="$images $(wants "$name" images '')"
		fi
	done
	[ -n "$cases" ] || return 0
	about="the machine \"$machine\" with kernel $kernel and $init"
	echo "# $about: ${cases#,}"
	images=$(echo "$images" | tr ' ' '\n' | awk '!seen[$0]++')
	tries=3
	status=0
	# shellcheck disable=SC2086
	images=$("$here/image.sh" --kernel "$kernel" $images) || status=$?
	# Status 4: QEMU crashed, and no case was run.  Status 5: it hung with a guest in the guest; that is tried once more.
	while [ "$status" -eq 0 ] || [ "$status" -ge 4 ] && [ "$tries" -gt 0 ]; do
		tries=$((tries - 1))
		[ "$status" -ne 5 ] || tries=0
		status=0
		# shellcheck disable=SC2086
		"$here/machine.sh" --machine "$machine" --kernel "$kernel" \
			${PASSTHRU_LAB_LOG:+--log "$PASSTHRU_LAB_LOG/console-$kernel-$init-$machine"} "suite$cases" $images || status=$?
		[ "$status" -ge 4 ] || break
	done
	[ "$status" -eq 0 ] || echo "not ok - $about came to its end (status $status)"
}

if [ $# -eq 0 ]; then
	for file in "$here"/cases/*.sh; do
		name=${file##*/}
		set -- "$@" "${name%.sh}"
	done
fi
for name; do
	[ -f "$here/cases/$name.sh" ] || {
		echo "run.sh: there is no case $name" >&2
		exit 2
	}
	known "$name" kernel "$kernels"
	known "$name" init "$inits"
	known "$name" machine "$machines"
done

for kernel in $kernels; do
	for init in $inits; do
		for machine in $machines; do
			boot "$kernel" "$init" "$machine" "$@"
		done
	done
done | number
