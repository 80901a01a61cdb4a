"""Rule: every C file begins with its licence and with a comment that says what it is and why."""
import re

import source

# As in the kernel: // in a .c file, /* */ in a .h file.
HEADS = {
    ".c": re.compile(r"// SPDX-License-Identifier: MIT\n(// ?\w|/\*)"),
    ".h": re.compile(r"/\* SPDX-License-Identifier: MIT \*/\n/\*"),
}
# Scripts say it in their first comment, after the line that names the interpreter.
SCRIPT_HEAD = re.compile(r'(#!.*\n)?\s*("""|#\s*\w)')


def complaints(top):
    for path in source.c_files(top):
        if not HEADS[path[-2:]].match(source.read(top, path)):
            yield "%s:1: does not begin with the licence line and a comment" % path
    for path in source.files(top, ("src", "tests", "man", ".ci")):
        is_script = path.endswith((".py", "meson.build")) or source.is_shell(top, path)
        if is_script and path not in WITHOUT and not SCRIPT_HEAD.match(source.read(top, path)):
            yield "%s:1: does not begin with a comment that says what it is" % path


# Folders' meson.build that only list their files.
WITHOUT = {"src/%s/meson.build" % folder for folder in ("base", "show", "host", "handover", "vm")}
