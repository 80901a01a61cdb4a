# How the cases about `check` read what it says.
# shellcheck shell=sh
# shellcheck disable=SC2154

# judge DEVICE... : what check says stands in $out afterwards
judge() {
	run passthru --json check "$@"
}

# said CHECK ADDRESS|host FIELD
said() {
	jq -r --arg check "$1" --arg about "$2" --arg field "$3" \
		'(if $about == "host" then .host else .devices[$about] end)[$check][$field] // "none"' "$out"
}

# verdicts ADDRESS|host CHECK... : one word each, on one line
verdicts() {
	about=$1
	shift
	for check; do
		said "$check" "$about" verdict
	done | paste -s -d ' ' -
}

# told CHECK ADDRESS|host : sentence, evidence and fix, line by line
told() {
	jq -r --arg check "$1" --arg about "$2" '(if $about == "host" then .host else .devices[$about] end)[$check]
		| .sentence, (.evidence[]? | .where + ": " + .value), .fix // empty, .command // empty' "$out"
}

# tells CHECK ADDRESS|host PATTERN DESCRIPTION : one of these lines has the pattern
tells() {
	told "$1" "$2" >"$work/told"
	says "$work/told" "$3" "$4"
}

# watched COMMAND... : runs it while strace writes down what it does to files and to the kernel
watched() {
	run env ASAN_OPTIONS=detect_leaks=0 strace -f --seccomp-bpf -qq -s 16 -e signal=none -o "$work/trace" \
		-e trace=%file,write,pwrite64,writev,ftruncate,fchmod,fchown,init_module,finit_module,delete_module,kill "$@"
}

# deeds FILE : the lines about files that were opened to be written, made or changed, modules that were loaded, signals,
# and writes to other places than standard output and error; none, when the program only looked
deeds() {
	grep -vE ' = -1 E|"/dev/null"| (read|stat|lstat|statx|newfstatat|access|faccessat2?|readlink|readlinkat|execve|chdir|getcwd|statfs)\(' "$1" |
		grep -vE ' write(v|64)?\([12],| open(at2?)?\(.*O_RDONLY| open(at2?)?\(.*O_PATH' || true
}
