"""Rule: a folder includes only itself and folders before it in src/meson.build, and another folder only by its
front door x/x.h. `base` has no front door; main.c stands above all layers."""
import os
import re

import source

LOWEST = "base"


def layers(top):
    match = re.search(r"^layers = \[(.*?)\]", source.read(top, "src/meson.build"), re.M | re.S)
    return re.findall(r"'([^']+)'", match[1]) if match else []


def complaints(top):
    order = layers(top)
    if not order or order[0] != LOWEST:
        yield "src/meson.build:1: no `layers = [...]` that begins with '%s'" % LOWEST
        return
    for path in source.files(top, ("src",), (".c", ".h")):
        parts = path.split(os.sep)[1:]
        own = parts[0] if len(parts) > 1 else None
        if own and own not in order:
            yield "%s:1: the folder %s is no layer of src/meson.build" % (path, own)
            continue
        for line, name in source.included(source.read(top, path)):
            problem = judge(order, own, name)
            if problem:
                yield "%s:%d: %s" % (path, line, problem)


def judge(order, own, name):
    """What is wrong with including `name` in a file of folder `own` (None: src itself)."""
    folder, slash, file = name.rpartition("/")
    if not slash:
        return None  # a generated file, or a neighbour in src itself; the compiler finds no other
    if folder == own:
        return None
    if folder not in order:
        return "includes %s: %s is no layer" % (name, folder)
    if own and order.index(folder) > order.index(own):
        return "includes %s: %s stands above %s" % (name, folder, own)
    if folder != LOWEST and file != folder + ".h":
        return "includes %s: enter %s by %s/%s.h" % (name, folder, folder, folder)
    return None
