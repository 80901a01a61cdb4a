#!/bin/sh
# Runs lab cases and prints one TAP stream: run.sh [CASE...], all of tests/lab/cases when none is named.
#
# A case says in its first lines what it needs: "# machine: off none" the values of --iommu to run under, one
# boot each (on, when it says nothing), and "# images: qemu" what it needs besides the base.  Cases that need the
# same machine share one boot.  PASSTHRU names the program under test (build/passthru).
# PASSTHRU_LAB_LOG names a directory to keep the consoles' logs in.
set -eu

here=$(cd "$(dirname "$0")" && pwd)

wants() {
	sed -n "s/^# $2: //p" "$here/cases/$1.sh"
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
done

common=$("$here/image.sh" base program)
more=$(for name; do wants "$name" images; done | tr ' ' '\n' | sort -u)
# shellcheck disable=SC2086
[ -z "$more" ] || more=$("$here/image.sh" $more)

for iommu in on off none noremap amd; do
	cases=
	images=$common
	for name; do
		machines=$(wants "$name" machine)
		case " ${machines:-on} " in
		*" $iommu "*)
			cases=$cases,$name
			[ -z "$(wants "$name" images)" ] || images="$common $more"
			;;
		esac
	done
	[ -n "$cases" ] || continue
	echo "# machine with IOMMU $iommu: ${cases#,}"
	status=0
	# shellcheck disable=SC2086
	"$here/machine.sh" --iommu "$iommu" ${PASSTHRU_LAB_LOG:+--log "$PASSTHRU_LAB_LOG/console-$iommu"} \
		"suite$cases" $images || status=$?
	[ "$status" -eq 0 ] || echo "not ok - the machine with IOMMU $iommu came to its end (status $status)"
done | number
