#!/usr/bin/python3
"""Shows every rule of the lint a bad example, which it must complain about at the right line, and a good tree, which
it must leave alone: a rule that has stopped to bite is a failure here. Prints TAP."""
import os
import sys
import tempfile

sys.dont_write_bytecode = True

import lint
import source

C_HEAD = "// SPDX-License-Identifier: MIT\n/* What it is. */\n"
H_HEAD = "/* SPDX-License-Identifier: MIT */\n/* What it is. */\n"
FLAGS = '[{"directory": "%s", "file": "../src/main.c", "command": "cc -I%s/src -DX=1 -std=gnu17 -c ../src/main.c"}]'

# A project without fault: what the bad examples are laid into.
GOOD = {
    "src/meson.build": "# Layers.\nlayers = ['base', 'host', 'cmd']\n",
    "src/cmd/meson.build": "# Commands.\ncommand_names = ['list']\n",
    "src/base/text.h": H_HEAD + "#pragma once\n\n#include <stddef.h>\n\nsize_t text(void);\n",
    "src/host/host.h": H_HEAD + '#pragma once\n\n#include "base/text.h"\n',
    "src/host/pci.c": C_HEAD + '#include "host/host.h"\n#include "host/internal.h"\n',
    "src/host/internal.h": H_HEAD + "#pragma once\n",
    "src/cmd/list.c": C_HEAD + '#include "host/host.h"\n\nconst char *path = "sys/bus/pci"; /* not "/sys/bus" */\n',
    "src/main.c": C_HEAD + '#include "host/host.h"\n\n#include <stdio.h>\n\nint main(void)\n{\n\tif (open("/dev/null", 2) >= 0)\n\t\tputs("hello");\n}\n',
    "tests/good.sh": "#!/bin/sh\n# Says hello.\nset -eu\necho hello\n",
    "man/passthru-list.8.scd.in": "passthru-list(8)\n",
    ".clang-format": source.read(os.path.join(os.path.dirname(__file__), "../.."), ".clang-format"),
}

LONG_FUNCTION = "int f(void)\n{\n" + "\tf();\n" * 61 + "}\n"

# rule, file, content, what the complaint begins with
BAD = (
    ("layers", "src/base/up.c", C_HEAD + '#include "host/host.h"\n', "src/base/up.c:3: includes host/host.h: host stands above"),
    ("layers", "src/cmd/back.c", C_HEAD + '#include "host/internal.h"\n', "src/cmd/back.c:3: includes host/internal.h: enter host"),
    ("layers", "src/main2.c", C_HEAD + '# include "host/internal.h"\n', "src/main2.c:3: includes host/internal.h: enter host"),
    ("layers", "src/cmd/out.c", C_HEAD + '#include "../host/host.h"\n', "src/cmd/out.c:3: includes ../host/host.h: ../host is no"),
    ("layers", "src/extra/x.c", C_HEAD, "src/extra/x.c:1: the folder extra is no layer"),
    ("layers", "src/meson.build", "# Layers.\n", "src/meson.build:1: no `layers"),
    ("paths", "src/host/bad.c", C_HEAD + 'const char *p =\n\t"/sys/bus/pci";\n', 'src/host/bad.c:4: "/sys/bus/pci" is absolute'),
    ("paths", "src/host/bad.h", H_HEAD + '#define P "/proc"\n', 'src/host/bad.h:3: "/proc" is absolute'),
    ("paths", "src/host/bad.c", C_HEAD + '/* " */ const char *p = "\\"", *q = "/etc/fstab";\n', 'src/host/bad.c:3: "/etc/fstab"'),
    ("headers", "src/host/bad.h", H_HEAD + "#pragma once\n\nsize_t n(void);\n", "src/host/bad.h:1: does not compile alone"),
    ("size", "src/host/long.c", C_HEAD + "\n" * 500, "src/host/long.c:1: 502 lines"),
    ("size", "src/host/long.c", C_HEAD + LONG_FUNCTION, "src/host/long.c:3: f() has 61 lines"),
    ("heads", "src/host/bare.c", "int x;\n", "src/host/bare.c:1: does not begin"),
    ("heads", "src/host/bare.c", "// SPDX-License-Identifier: MIT\nint x;\n", "src/host/bare.c:1: does not begin"),
    ("heads", "src/host/bare.h", "#pragma once\n", "src/host/bare.h:1: does not begin"),
    ("heads", "tests/bare.sh", "#!/bin/sh\nset -eu\n", "tests/bare.sh:1: does not begin"),
    ("heads", "tests/bare.py", "#!/usr/bin/python3\nimport os\n", "tests/bare.py:1: does not begin"),
    ("printing", "src/host/loud.c", C_HEAD + '\nvoid f(void)\n{\n\tprintf("x");\n}\n', "src/host/loud.c:6: printf()"),
    ("printing", "src/host/loud.c", C_HEAD + "void f(void)\n{\n\tfwrite (a, 1, 1, stderr);\n}\n", "src/host/loud.c:5: fwrite()"),
    ("printing", "src/show/text.c", C_HEAD, "src/show/text.c:1: needs no exception"),
    ("paths", "src/vm/kvm.c", C_HEAD, "src/vm/kvm.c:1: needs no exception"),
    ("commands", "src/cmd/meson.build", "# Commands.\ncommand_names = ['list', 'show']\n", "src/cmd/meson.build:1: the command show has no page"),
    ("commands", "src/cmd/meson.build", "# Commands.\n", "src/cmd/meson.build:1: no `command_names"),
    ("commands", "completion/passthru.bash", "# Completion.\n", "completion/passthru.bash:1: says nothing about the command list"),
    ("shell", "tests/bad.sh", "#!/bin/sh\n# Says.\necho $1\n", "tests/bad.sh:3:6: note: Double quote"),
    ("shell", "tests/init", "#!/bin/sh\n# Says.\necho $1\n", "tests/init:3:6: note: Double quote"),
    ("blanks", "docs/x.md", "# X\n\nText. \n", "docs/x.md:3: blanks"),
    ("blanks", "docs/x.md", "# X\r\n", "docs/x.md:1: blanks"),
    ("blanks", "docs/x.md", "# X", "docs/x.md:0: does not end"),
    ("blanks", "docs/x.md", "# X\n\n", "docs/x.md:2: does not end"),
    ("layout", "src/host/bad.c", C_HEAD + "int f( void ) { return 1; }\n", "src/host/bad.c:3:7: error"),
)


def complaints(name, changes):
    """(reason for not judging, complaints) of a rule about the good project with changed files."""
    rule = next(r for r in lint.RULES if r.__name__ == name)
    with tempfile.TemporaryDirectory() as top:
        build = os.path.join(top, "build")
        for path, content in {**GOOD, "build/compile_commands.json": FLAGS % (build, top), **changes}.items():
            os.makedirs(os.path.dirname(os.path.join(top, path)), exist_ok=True)
            with open(os.path.join(top, path), "w", encoding="utf-8", newline="") as f:
                f.write(content)
        _, directive, found = lint.judge(rule, top, build)
        return directive, found


def main():
    tests = [(rule.__name__, None, None, None) for rule in lint.RULES] + list(BAD)
    print("1..%d" % len(tests))
    failed = False
    for number, (name, path, content, wanted) in enumerate(tests, 1):
        directive, found = complaints(name, {path: content} if path else {})
        ok = bool(directive) or (any(c.startswith(wanted) for c in found) if path else not found)
        title = "%s complains about %s" % (name, wanted.split(": ")[0]) if path else "%s is content with a good project" % name
        print("%s %d - %s%s" % ("ok" if ok else "not ok", number, title, directive))
        if not ok:
            failed = True
            for line in ["wanted: " + str(wanted)] + ["got: " + c for c in found]:
                print("# " + line)
    unshown = {r.__name__ for r in lint.RULES} - {test[0] for test in BAD}
    if unshown:
        print("Bail out! no bad example for: " + ", ".join(sorted(unshown)))
    sys.exit(failed or bool(unshown))


if __name__ == "__main__":
    main()
