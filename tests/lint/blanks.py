"""Rule: text files have no blanks at the end of a line and end in one newline. What was recorded is left alone."""
import re

import source

TRAILING = re.compile(r"[ \t\r]+$", re.M)
BINARY = (".png", ".gz", ".xz", ".zst", ".tar", ".bin", ".rom", ".xml.gz")
RECORDED = ("tests/golden/", "tests/fuzz/", "tests/config/dumps/", "tests/acpi/")


def complaints(top):
    for path in source.files(top, ("",)):
        if path.endswith(BINARY) or path.startswith(RECORDED) and not path.endswith((".py", ".c", ".sh", ".build")):
            continue
        text = source.read(top, path)
        match = TRAILING.search(text)
        if match:
            yield "%s:%d: blanks at the end of the line" % (path, text.count("\n", 0, match.start()) + 1)
        if text and (not text.endswith("\n") or text.endswith("\n\n")):
            yield "%s:%d: does not end in exactly one newline" % (path, text.count("\n"))
