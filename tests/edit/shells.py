"""What real shells make of a file: every variable that it names, in a clean environment, with dash, bash and busybox."""
import os
import re
import subprocess
import tempfile

# Each shell runs once over all files; a subshell per file keeps them apart. `e` is the end mark: a file that left
# early has none. The names of the variables stand beside the file.
POSIX = r'''
for f in "$1"/*.file; do (
  . "$f" >/dev/null 2>&1
  printf '\036%s\037' "${f##*/}"
  while read -r v; do
    eval "[ -z \"\${$v+x}\" ] || printf '%s\035%s\037' \"\$v\" \"\${$v}\""
  done <"${f%.file}.names"
  printf e
); done
'''
BASH = r'''
for f in "$1"/*.file; do (
  declare -A KERNEL_CMDLINE
  . "$f" >/dev/null 2>&1
  printf '\036%s\037' "${f##*/}"
  while read -r v; do
    declare -p "$v" >/dev/null 2>&1 || continue
    declare -n ref=$v
    d=$(declare -p "$v"); d=${d#declare }
    printf '%s\035%s\035' "$v" "${d%% *}"
    for k in "${!ref[@]}"; do printf '%s\034%s\033' "$k" "${ref[$k]}"; done
    printf '\037'
    unset -n ref
  done <"${f%.file}.names"
  printf e
); done
'''
SHELLS = {"dash": (["dash", "-c", POSIX, "dash"]), "bash": ["bash", "--posix", "-c", POSIX, "bash"],
          "busybox": ["busybox", "sh", "-c", POSIX, "sh"]}
BASH_ONLY = {"bash": ["bash", "-c", BASH, "bash"]}
NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")
NOT_OURS = {b"v", b"f", b"k", b"d", b"ref", b"e", b"_", b"IFS", b"PATH", b"PWD", b"SHLVL", b"OLDPWD", b"LINENO", b"RANDOM",
            b"BASHPID", b"SECONDS", b"EPOCHSECONDS", b"PPID"}


def run_all(shells, texts):
    """{shell: [{variable: value} or None for a file that left early]}"""
    with tempfile.TemporaryDirectory() as folder:
        for number, text in enumerate(texts):
            with open(os.path.join(folder, "%05d.file" % number), "wb") as f:
                f.write(text)
            with open(os.path.join(folder, "%05d.names" % number), "wb") as f:
                names = set(NAME.findall(text)) - NOT_OURS
                f.write(b"".join(name + b"\n" for name in sorted(names)))
        return {name: read(run(argv + [folder]), len(texts)) for name, argv in shells.items()}


def run(argv):
    return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"}, cwd="/", timeout=300, check=False).stdout


def read(output, n):
    found = [None] * n
    for part in output.split(b"\036")[1:]:
        name, *fields = part.split(b"\037")
        if fields and fields[-1] == b"e":
            found[int(name.split(b".")[0])] = dict(field.split(b"\035", 1) for field in fields[:-1])
    return found


def elements(value):
    """bash's value by BASH: (attributes, {key: value})"""
    attributes, _, rest = value.partition(b"\035")
    pairs = [pair.split(b"\034", 1) for pair in rest.split(b"\033")[:-1]]
    return attributes, dict(pairs)
