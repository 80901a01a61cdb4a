"""Shell files to be edited: made by hand, and put together at random from parts. V stands for the variable."""
import random

# ---- one assignment, in every way to write it ----

ASSIGNMENTS = [
    'V="quiet splash"', "V='quiet splash'", "V=quiet", "V=", 'V=""', "V=''", 'V="quiet"', 'V=" quiet  splash "', 'V=" "',
    'V="quiet"  # a comment', "V=quiet#no-comment", "V='quiet'\t# it's one", 'V="a b"\'c d\'e', "V=quiet\\ splash",
    'V="quiet \\\n  splash"', 'V="\\\nquiet\\\n"', 'V="quiet\nsplash\n"', "V='quiet\nsplash'", 'V=qui\\\net',
    'V="a=\\"x y\\" quiet"', "V='a=\"x -- y\" quiet'", 'V="quiet -- single"', 'V="-- single"', "V='  -- x'", 'V="quiet --"',
    'V="a \\\\ b \\$ c \\` d"', 'V="$HOME quiet"', 'V="quiet ${HOME}"', 'V=$HOME', 'V=${HOME}', 'V="$(echo quiet)"',
    'V=$(echo a; echo b)', 'V="a $(printf "%s" "x y") b"', "V=`echo quiet`", 'V="a `echo \\`echo x\\`` b"',
    'V="quiet${HOME:+ home}"', 'V="$((1+2)) quiet"', "export V='quiet splash'", 'export V="quiet"', 'V="quiet"; export V',
    "export V=", "readonly V=quiet", 'A=1 V="quiet" B=2', 'V="first"; V="second"', 'V="quiet";', '  V="quiet"',
    '\tV="quiet" ; true', 'V="quiet" && export V', 'V="quiet"; readonly V', 'time true; V="quiet"', ': ; V="quiet"', '{ :; }; V="x"', '(V=inner); V="outer"',
    'if true; then :; fi; V="quiet"', 'V="first"\nV="$V second"', 'V="first"\nV="${V} second"', "V='first'\nV=$V' second'",
    'V="iommu=pt"', 'V="quiet iommu=pt splash"', 'V="quiet"\nV="$V"', 'V="x=\\"open\\"close"', 'V=\\"x\\ y\\"',
    'V="caf\u00e9 \u2603"', 'V="a\tb"', 'V="!x #y ;z &a |b >c"', "V='$x `y` \\z'", "V='a'\\''b'", 'V="a"\\\n"b"',
    'V=~/x', 'V="intel_iommu=off"', 'unset V; V="quiet"', '[ -z "$V" ] || V="old"\nV="new"',
    'V="resume=UUID=0-1-2 rd.luks.options=discard,tries=3 console=ttyS0,115200n8"',
    'for V in a b; do :; done; V="quiet"', 'read V </dev/null; V="quiet"', 'cat <<E >/dev/null\nV="here"\nE\nV="quiet"',
]

BASH_ASSIGNMENTS = [
    'V+=" quiet"', 'V="a"\nV+=" b"', "V+=quiet", "V='a'; V+=' b'", "V=$'quiet\\tsplash'", "V=$'it\\'s'", 'declare V="quiet"',
    'V="a"; [[ a == b || ( c > d ) ]] ; V+=" c"', 'cat <<<"$HOME" >/dev/null\nV="quiet"', 'V="quiet"\nA+=(b c)',
    'A=(b c); V="quiet"', 'typeset V=quiet', 'V="${A[@]}x"', 'V="quiet" B=(1 2)',
]

ARRAYS = [
    "V=()", "V=( )", "V=(ext4)", "V=(ext4 xfs)", "V=( ext4 xfs )", 'V=("ext4" \'xfs\')', "V=(\n  ext4\n  xfs\n)",
    "V=(\n  ext4 # a comment (with parentheses)\n  # xfs\n)", "V=(ext4)  # behind", "V+=(ext4)", "V=(a)\nV+=(b)", "V+=()",
    'V=(a); V=("${V[@]}" b)', "V=(ext4 \\\n xfs)", 'V=("a b" c)', 'V=("")', "V=(a\\ b)", "V=($HOME)", 'V=("$(echo a b)" c)',
    "declare -x V2=1; V=(a)", "V=(\n)", "V=(\n\n  ext4\n\n)", "A=(1) V=(2) B=(3)", "V=(a 'it''s' \"x\"y)", "V=(vfio_pci a)",
    "V=(/etc/a.rules)", "V=(a) ; true", "V=([2]=x y)", "declare V=(a b)", "V=(a)\nfor x in \"${B[@]}\"; do :; done",
    "V=('') # x", "V=(a\tb)", "V=(base udev modconf kms keyboard block filesystems fsck)",
]

ELEMENTS = [
    'KERNEL_CMDLINE[default]="root=UUID=1-2 rw quiet"\n', 'KERNEL_CMDLINE[default]+=" quiet splash"\nKERNEL_CMDLINE[default]+=" initramfs_async=0"\n',
    "KERNEL_CMDLINE[\"default\"]='a'\nKERNEL_CMDLINE[lts]='b'\n", 'TARGET_OS_NAME="Omarchy"\nKERNEL_CMDLINE[fallback]="x"\nBOOT_ORDER="*, *fallback, Snapshots"\n',
    'ESP_PATH=/boot\nKERNEL_CMDLINE[default]+=" quiet rw root=UUID=test "', "ENABLE_UKI=yes", "KERNEL_CMDLINE['default']=a # x\n",
]
ELEMENTS_REFUSED = [
    ('KERNEL_CMDLINE="x"\n', "as a whole"), ('KERNEL_CMDLINE=([default]="x")\n', "as a whole"), ("KERNEL_CMDLINE[lts]=a\n", "there is no assignment"),
    ('KERNEL_CMDLINE[default]+= "x"\n', "for one command"), ('if true; then KERNEL_CMDLINE[default]="a"; fi\n', "inside of a condition"),
]

# ---- what may stand around it ----

BEFORE = [
    "", "# If you change this file, run 'update-grub' afterwards\n", "GRUB_DEFAULT=0\n", "GRUB_TIMEOUT=5\n\n",
    "GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`\n", '#V="commented out"\n', "W=\"V=no\"\n",
    'GRUB_DISTRIBUTOR="$(sed \'s, release .*$,,g\' /etc/issue)"\n', "if [ -f /nonexistent ]; then\n  X=1\nelse\n  X=2\nfi\n",
    "case $HOME in\n  /root|/home/*) X=a ;;\n  (*) X=b;;\nesac\n", "for i in 1 2 3; do X=$i; done\n", "X=1 && Y=2 || Z=3\n",
    "while false; do X=never; done\n", "cat <<END >/dev/null\nit's \"open\n  END\nEND\n", "cat <<-'E' >/dev/null\n\tV=x\n\tE\n",
    "X='multi\nline'\n", 'X="a \\"quoted\\" b"\n', "V_OTHER=1\nOTHER_V=2\n", "X=a;Y=b\n", "! false\n", "\n\n\n", "  \t \n",
    'GRUB_BADRAM="0x01234567,0xfefefefe,0x89abcdef,0xefefefef"\n', "{ X=1; Y=2; } >/dev/null 2>&1\n", "X=${Y:-z}\n",
    'X="${Y:+a}b"\n', "[ -d /nonexistent ] && X=1\n", "f() { Y=1; }\n", "(Y=1)\n", "echo x | cat >/dev/null\n",
    "test -n \"$X\" || X=default\n", "umask 022\n", "f() { Y=1; }\nf\nls / >/dev/null\n", "g ( )\n{\n  Y=2\n}\n", "X=\\\n1\n", "true & wait\n", "X=$#$?\n", "V=early\n",
]
AFTER = [
    "", "\n# the end\n", "\nGRUB_TERMINAL=console\n", "\n#V=off\n", "\nX=1\nY=\"$X\"\n", "\nGRUB_DISABLE_RECOVERY=\"true\"\n",
    "\n\n", "\nexport GRUB_DEFAULT\n", "\nif true; then X=1; fi\n", "\nVV=1; V1=2\n", "\nX='$V'\n", "\n# \"$V\"\n", "\nX=\\$V\n",
    "\nunset X Y\n", "\nread X </dev/null\n", "\ntrue\n", "\nls / >/dev/null\n" , "\nX=${Y#V}\n", "\nX=1",
]

WORDS = [
    ["iommu=pt"], ["intel_iommu=on", "iommu=pt", "vfio-pci.ids=10de:2204,10de:1aef"], ["passthru.boot=1"],
    ["default_hugepagesz=1G", "hugepagesz=1G", "hugepages=4", "hugepagesz=2M", "hugepages=4"],
    ["console=tty0", "console=ttyS0,115200n8", "rd.driver.pre=vfio_pci"],
]
MODULES = [["vfio_pci"], ["vfio_pci", "vfio", "vfio_iommu_type1"]]

# ---- files that are refused, and the sentence ----

REFUSED = [
    ('if true; then V="a"; fi\n', "inside of a condition"), ('V="a"\nif false; then V="b"; fi\n', "inside of a condition"),
    ('for i in 1; do V="$V x"; done\n', "inside of a condition, a loop"), ('f() { V="x"; }\nf\n', "inside of a condition, a loop or a function"),
    ('[ -f /x ] && V="a"\n', "on a condition"), ('V="a"\ntrue || V="b"\n', "on a condition"), ('V="a" true\n', "for one command"),
    ('V="a" | cat\n', "in a pipeline"), ('V="a" &\n', "in the background"), ('V="a"\n. /etc/other\n', "is not known"),
    ('V="a"\nsource /etc/other\n', "is not known"), ('V="a"\neval "V=b"\n', "is not known"), ('V="a"\n$X\n', "is not known"),
    ('V="a"\nunset V\n', "a command changes it"), ('V="a"\nread V\n', "a command changes it"), ('return\nV="a"\n', "may end here"),
    ('[ -f /x ] || exit 0\nV="a"\n', "may end here"), ('V="a"\nW="$V b"\n', "another value is made"), ('V="a"\n. /x; f\n', "is not known"),
    ('f() { eval x; }\nV="a"\nf\n', "may end here"), ('eval V=x; V="quiet"\n', "may end here"), ("V=~\n", "quotes behind it"), ("V=a$\n", "quotes behind it"),
    ("f() V=a\nV=b\n", "in braces"), ("; V=a\n", "no command in front"), ("()\nV=a\n", "nothing in the parentheses"), ("a[ b\nV=a\n", "bracket is not closed"), (">/dev/null (V=a)\n", "bash only"),
    ("$X exit\nV=a\n", "may end here"), ('f() { V=b; }\nV="a"\nf\n', "may be a function"), ('V="a"\nfor V in b; do :; done\n', "a loop sets it"), ('V="a"\nX=`echo $V`\n', "another value is made"),
    ('V="a"\nX=$(echo ${V})\n', "another value is made"), ('V="a"\ncat <<E\n$V\nE\n', "another value is made"), (': ${V:=a}\n', "a default"),
    ('V="a\n', "double quote is not closed"), ("V='a\n", "single quote is not closed"), ("V=`a\n", "backquote is not closed"),
    ("V=$(a\n", "parenthesis is not closed"), ("V=${a\n", "brace is not closed"), ("V=a\\", "ends in a backslash"), ('if true\n', "in the middle"),
    ('V="a" &&\n', "in the middle"), ("V=a\nfi\n", "was not begun"), ("cat <<E\nV=a\n", "does not end"), ('V="a=\\"open"\n', "double quote is open"),
    ('V="a"\nalias x=y\n', "is not known"), ('V="a"\nX=$(case a in a) echo;; esac)\n', "is not read"), ("V=--\n", "begins with --"),
    ('V="a"\nX=$(( $V + 1 ))\n', "another value is made"), ('V="a"\nX="${V}"\n', "another value is made"), ("X=1\n", "there is no assignment of V"),
    ("V='x -- '\nV=\"$V quiet\"\n", "stands behind its --"), ('V="a"\nset -- x; exit\nV="b"\n', "may end here"), ('V="\0"\n', "NUL byte"),
    ("V=a; ;; x\n", ";; belongs"), ("V=\"${x:-'}'}\"\n", "quotes inside"), ('V="a"\ndeclare V=b\n', "a command changes it"), ("V=a | | b\n", "no command"),
    ('V="a" > \n', "leads nowhere"), ("V=(a)\n", "bash only"), ("V=a\nV+=b\n", "understood by some shells"), ("V=$'a'\n", "bash only"), ("V=a\n((V=1))\n", "bash only"),
    ("V=$[1]\n", "different things"), ("V=a; cat <(x)\n", "bash only"), ("V=a\n&& b\n", "no command in front"), ("echo() { V=b; }\nV=a\n", "stands in for a command"), ("V=a\nX=$(cat <<E\nE\n)\n", "is not read"),
    (". /x\nV=a\nf\n", "may be a function"), ('V="a"\ntime V="b"\n', "some shells set it here"), ('V="a"\nwait -p V\n', "a command changes it"),
    ("trap 'V=b' DEBUG\nV=a\n", "run later on"), ("V=a\ntrap - EXIT\n", "run later on"), ("typeset -u V\nV=a\n", "with options"), ("declare -i V\nV=7\n", "with options"),
    ("readonly V=a\nV=b\n", "may end here"), ("V=a\nreadonly V\nV=b\n", "may end here"),
]
BASH_REFUSED = [
    ('V=a\nV[0]=b\n', "as a whole"), ("V+=''\n", "nothing of the kernel's"), ("V=(a)b\n", "ends in text"), ("V=(a)\n", "a list and no command line"), ("V=(a)\nV=b\n", "what was a list"), ("echo A=(a)\nV=b\n", "does not belong here"), ("V=(a; b)\n", "does not belong into a list"), ("V=(a\n", "parenthesis is not closed"),
    ("V=a\nX=${!Y}\n", "another value is made"), ("V=a\nmapfile V\n", "a command changes it"), ("V=a\nprintf -v V x\n", "a command changes it"),
    ("V=a\nprintf -v \"$X\" x\n", "not known"), ("V=a\ndeclare -n V=X\n", "with options"), ("declare -i V=1\nV=7\n", "with options"), ("V=a\n[[ x\n", "not closed"), ("V=a\nlet V=1\n", "not known"),
    ("if true; then V=(a); fi\n", "inside of a condition"), ("V=a\nX=\"${V[@]}\"\n", "another value is made"),
]


def whole(parts, name, crlf=False):
    text = "".join(parts)
    # V as a name of its own, not as part of another
    out, at = [], 0
    for i, c in enumerate(text):
        around = (text[i - 1] if i else " ") + (text[i + 1] if i + 1 < len(text) else " ")
        if c == "V" and not any(a.isalnum() or a == "_" for a in around):
            out.append(text[at:i] + name)
            at = i + 1
    text = "".join(out) + text[at:]
    return text.replace("\n", "\r\n").encode() if crlf else text.encode()


def generated(assignments, name, words, n, seed):
    """(text, words), each assignment alone and many with company."""
    dice = random.Random(seed)
    for assignment in assignments:
        for end in ("", "\n"):
            yield whole([assignment, end], name), dice.choice(words)
    for _ in range(n):
        before = [dice.choice(BEFORE) for _ in range(dice.randrange(5))]
        after = dice.choice(AFTER)
        if "exit" in "".join(before):
            continue
        yield whole(before + [dice.choice(assignments), after], name), dice.choice(words)


# ---- soup: tokens in any order; most of it is no sensible file, and what an edit makes of it has to be right ----

SOUP = ["V=", "V=", "V=quiet", '"', '"', "'", "'", "a", "quiet", " ", " ", " ", "\n", "\n", "\n", "\\\n", "\\", "\\'", '\\"', "$V", "${V}",
        "${X:-b}", "$X", "X=1", "W=", "$(", ")", "`", "`echo b`", "$(echo c)", "#", " # x", "--", " -- ", ";", "; ", " && ", " || ", " | ",
        " &\n", "if true; then ", "; fi", "\nfi\n", "else ", "{ ", "; }", "(", ")", "()", "f() { ", "f", "export ", "unset ", "readonly ",
        "true", "false", "echo ", "case a in ", "a) ", ";;", " esac", "for V in a; do ", "for i in a b; do ", "; done", "while false; do ",
        "<<E\n", "E\n", "\nE\n", "\t", "~", "!", "! ", "[ ", " ]", "$", "=", "=(", "+=", "return", "eval ", ": ", "${V:=d}", "$((1+1))", " 2>&1", "\r"]
BASH_SOUP = SOUP + ["V=(", "V+=(", "V=(a b)", "V+=c", "[[ ", " ]]", "<<<a", "$'", "declare ", "declare -a ", "V[0]=", "${V[@]}", '"${V[@]}"', "local "]


def soup(tokens, n, seed):
    """(text, words): half of them with an assignment that may be edited, and little else."""
    dice = random.Random(seed)
    for number in range(n):
        parts = [dice.choice(tokens) for _ in range(dice.randrange(1, 12 if number % 2 else 6))]
        if number % 2:
            parts.insert(dice.randrange(len(parts) + 1), "\nV=\"quiet splash\"\n")
        if "$$" not in "".join(parts):  # the number of a process
            yield "".join(parts).encode(), dice.choice(WORDS)
