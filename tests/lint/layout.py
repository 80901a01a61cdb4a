"""Rule: C files are laid out as clang-format does it by .clang-format. Versions differ in details: the one of Debian 12
decides, and where there is none the rule is skipped."""
import shutil
import subprocess

import source

PROGRAM = "clang-format"
VERSION = "version 14."


def skipped():
    """Why the rule cannot be judged here, or None."""
    if not shutil.which(PROGRAM):
        return "there is no %s" % PROGRAM
    version = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=False).stdout
    return None if VERSION in version else "%s is not %s" % (PROGRAM, VERSION.rstrip("."))


def complaints(top):
    paths = source.c_files(top)
    if paths:
        found = subprocess.run([PROGRAM, "--dry-run", "-Werror", *paths], cwd=top, capture_output=True, text=True, check=False)
        yield from (line for line in found.stderr.splitlines() if ": error: " in line)
