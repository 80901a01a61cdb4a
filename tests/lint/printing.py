"""Rule: library code never prints. Commands build a document, main prints it once; only renderers write to a stream."""
import re

import source

CALL = re.compile(r"\b((?:v?f?|vd?|d)printf|puts|putchar|fputs|fputc|putc|fwrite|perror|psignal|warnx?|errx)(?:_unlocked)?\s*\(")

# file: why it writes to a stream
ALLOWED = {
    "src/cmd/ask.c": "asks on the controlling terminal",
    "src/main.c": "prints the answer or the error, once",
    "src/rescue.c": "prints the answer or the error, for a root with nothing else in it",
    "src/show/json.c": "writes to the stream it is given",
    "src/show/line.c": "writes to the stream it is given",
    "src/show/text.c": "writes to the stream it is given",
}


def complaints(top):
    for path in source.files(top, ("src",), (".c", ".h")):
        lines = enumerate(source.code(source.read(top, path)).splitlines(), 1)
        calls = [(number, match) for number, line in lines if (match := CALL.search(line))]
        yield from source.stale(path, ALLOWED, {path} if calls else set())
        for number, match in calls:
            if path not in ALLOWED:
                yield "%s:%d: %s(): library code does not print" % (path, number, match[1])
