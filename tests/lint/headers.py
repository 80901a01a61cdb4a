"""Rule: every header of src compiles alone, so that the order of includes never matters. The flags are those of the
build directory that the test runs in."""
import concurrent.futures
import json
import os
import shlex
import subprocess

import source


def flags(build):
    """Include paths, macros and the language of the first C file that was compiled for the program."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as f:
        commands = json.load(f)
    words = next(shlex.split(c["command"]) for c in commands if c["file"].endswith(".c") and "/src/" in "/" + c["file"])
    return [word for word in words if word.startswith(("-I", "-D", "-std=", "-pthread"))]


def compiles(top, build, path, words):
    found = subprocess.run(["gcc", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", *words, "-x", "c",
                            "-include", os.path.join(top, path), os.devnull], cwd=build, capture_output=True, text=True,
                           check=False)
    return found.stderr.strip().splitlines() if found.returncode else []


def complaints(top, build=None):
    if not build:
        return
    words = flags(build)
    paths = source.files(top, ("src",), (".h",))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, errors in zip(paths, pool.map(lambda p: compiles(top, build, p, words), paths)):
            if errors:
                yield "%s:1: does not compile alone: %s" % (path, next((e for e in errors if "error" in e), errors[0]))
