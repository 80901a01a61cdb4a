"""Rule: every command has its manual page, and its place in the completion as soon as there is one."""
import os
import re

import source

PAGE = "man/passthru-%s.8.scd.in"


def commands(top):
    match = re.search(r"^command_names = \[(.*?)\]", source.read(top, "src/cmd/meson.build"), re.M | re.S)
    return re.findall(r"'([^']+)'", match[1]) if match else []


def complaints(top):
    names = commands(top)
    if not names:
        yield "src/cmd/meson.build:1: no `command_names = [...]`"
    completions = source.files(top, ("completion",))
    text = "\n".join(source.read(top, path) for path in completions)
    for name in names:
        if not os.path.exists(os.path.join(top, PAGE % name)):
            yield "src/cmd/meson.build:1: the command %s has no page %s" % (name, PAGE % name)
        if completions and not re.search(r"\b%s\b" % re.escape(name), text):
            yield "%s:1: says nothing about the command %s" % (completions[0], name)
