"""Rule: no absolute path of the host in src. Files are reached through the root, by a path relative to it; a literal
"/sys/..." would read the live machine in the middle of a snapshot."""
import re

import source

HOST_PATH = re.compile(r"/(sys|proc|etc|boot|dev|run|lib|usr|var)(/|$)")

# (file, literal): why it is not a fact of the host
ALLOWED = {
    ("src/base/later.c", "/dev/null"): "what a command that runs later has for its standard descriptors",
    ("src/base/run.c", "/dev/null"): "what a command has for its standard input and error",
    ("src/base/writer.c", "/dev/null"): "what a child that may get stuck has for its standard descriptors",
    ("src/base/snapshot.c", "/dev/"): "what the link of an open descriptor says; it is compared, never opened",
    ("src/change/generator.c", "/dev/null"): "what a command has for its standard input",
    ("src/cmd/ask.c", "/dev/tty"): "the controlling terminal of this process, on whatever root it works",
    ("src/host/use_disk.c", "/dev/"): "what mountinfo says a source is; it is compared, never opened",
    ("src/main.c", "/dev/null"): "stands in for a standard descriptor that is closed",
    ("src/vm/kvm.c", "/dev/kvm"): "what QEMU opens, by this name, when it is started on this machine",
    ("src/vm/spawn.c", "/dev/null"): "what a child has for its standard input",
}


def complaints(top):
    for path in source.files(top, ("src",), (".c", ".h")):
        literals = source.strings(source.read(top, path))
        yield from source.stale(path, ALLOWED, {(path, literal) for _, literal in literals})
        for line, literal in literals:
            if HOST_PATH.match(literal) and (path, literal) not in ALLOWED:
                yield '%s:%d: "%s" is absolute: use a path relative to the root' % (path, line, literal)
