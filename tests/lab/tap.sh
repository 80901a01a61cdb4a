# Helpers for the cases: a case sources this file, announces its tests with plan, and makes them.
#
# Lines carry no numbers: run.sh counts over all cases and machines.  A case that ends before its plan is
# fulfilled, for whatever reason, yields one more line, not ok.  A test that fails says what the last command
# given to run was and what it answered.
# shellcheck shell=sh
set -eu

case=$(basename "$0" .sh)
work=$(mktemp -d)
out=$work/out
err=$work/err
planned=0
made=0
command=
status=
trap 'tap_end $?' EXIT

tap_end() {
	[ "$1" -eq 0 ] && [ "$made" -eq "$planned" ] ||
		echo "not ok - $case: made $made of $planned tests, ended with status $1"
	rm -rf "$work"
}

plan() {
	planned=$1
}

# note FILE... : shows files as diagnostics
note() {
	for file; do
		head -n 15 "$file" | sed "s/^/#   /"
	done
}

result() {
	made=$((made + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok - $case: $2"
		return
	fi
	echo "not ok - $case: $2"
	if [ -n "$command" ]; then
		echo "# last command: $command: status $status; standard output, standard error:"
		note "$out" "$err"
	fi
}

# run COMMAND... : leaves its answer in $status and in the files $out and $err
run() {
	command=$*
	status=0
	timeout 120 "$@" >"$out" 2>"$err" </dev/null || status=$?
}

# check DESCRIPTION COMMAND... : the command succeeds
check() {
	description=$1
	shift
	if "$@" >"$work/check" 2>&1; then
		result 0 "$description"
	else
		result 1 "$description"
		note "$work/check"
	fi
}

# is GOT WANTED DESCRIPTION
is() {
	if [ "$1" = "$2" ]; then
		result 0 "$3"
	else
		result 1 "$3"
		printf '%s\n' "$1" >"$work/got"
		printf '%s\n' "$2" >"$work/wanted"
		echo "# got (-) and wanted (+):"
		diff "$work/got" "$work/wanted" | sed '1,3d' | head -n 15 | sed 's/^/#   /' || true
	fi
}

# says FILE PATTERN DESCRIPTION : the file has a line that matches the extended regular expression
says() {
	check "$3" grep -Eiq -e "$2" "$1"
}

# one_line FILE DESCRIPTION
one_line() {
	is "$(wc -l <"$1" | tr -d ' ')" 1 "$2"
}

# skip COUNT REASON
skip() {
	skipped=0
	while [ "$skipped" -lt "$1" ]; do
		skipped=$((skipped + 1))
		made=$((made + 1))
		echo "ok - $case # SKIP $2"
	done
}

# rounds SHORT LONG : how often to do something, in make test and in make lab
rounds() {
	if grep -qw lab.long /proc/cmdline; then
		echo "$2"
	else
		echo "$1"
	fi
}

# wait_for SECONDS COMMAND... : until the command succeeds; fails when the time is over.  The seconds are those of a
# machine with nothing else to do: a busy one gets six times as many before that is called a failure.
wait_for() {
	tries=$(($1 * 6 * 20))
	shift
	while ! "$@" >/dev/null 2>&1; do
		[ "$tries" -gt 0 ] || return 1
		tries=$((tries - 1))
		sleep 0.05
	done
}

# sleeps PID : waits until it is the sleep that it is to become, and its descriptors are open
sleeps() {
	wait_for 10 grep -qx sleep "/proc/$1/comm"
}
