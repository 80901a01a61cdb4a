#!/usr/bin/python3
"""`passthru explain` as a whole: the fixture lines as one log, the page of every check, and what it does not know.

usage: explain.py PROGRAM

Prints TAP.
"""
import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

import tap
from run import against_schema

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
LINES = os.path.join(TOP, "tests/explain/lines.txt")
SECTIONS = ("## Why it matters", "## How it is measured", "## How to fix it", "## References")


def fixture():
    """How many lines of the fixture are to be explained, and by which entries."""
    with open(LINES, encoding="utf-8", errors="replace") as lines:
        rows = [line.split("\t") for line in lines if line.strip() and not line.startswith("#")]
    return len(rows), {name for row in rows for name in row[0].split("+")}


def log(program):
    wanted, ids = fixture()
    status, out, err = tap.run(program, "--json", "explain", "--log", LINES)
    if status != 0 or err:
        return ["status %d, stderr %s" % (status, err)]
    answer = json.loads(out)
    found = {finding["id"] for finding in answer["findings"].values()}
    complaints = ["explained %d lines of %d" % (answer["explained"], wanted)] * (answer["explained"] != wanted)
    complaints += against_schema(out)
    complaints += ["not found: %s" % name for name in sorted(ids - found)]
    complaints += ["%s has no %s" % (finding["id"], key) for finding in answer["findings"].values()
                   for key in ("cause", "next", "line") if not finding.get(key)]
    return complaints


def page(program, name):
    status, out, err = tap.run(program, "explain", name)
    return ["status %d, stderr %s" % (status, err)] * (status != 0) + [
        "no %s" % section for section in SECTIONS if section not in out]


def as_json(program, *words):
    status, out, err = tap.run(program, "--json", "explain", *words)
    return ["status %d, stderr %s" % (status, err)] * (status != 0) + against_schema(out)


def unreadable(program, option):
    """A user whom dmesg and journalctl refuse is told who may."""
    with tempfile.TemporaryDirectory() as temp:
        for name in ("dmesg", "journalctl"):
            with open(os.path.join(temp, name), "w", encoding="utf-8") as script:
                script.write("#!/bin/sh\nexit 1\n")
            os.chmod(script.name, 0o755)
        done = subprocess.run([program, "explain", option], env={"PATH": temp + ":/bin"}, capture_output=True, text=True, check=False)
    complaints = ["status %d" % done.returncode] * (done.returncode != 3)
    if done.stdout or done.stderr.count("\n") != 1 or "root" not in done.stderr:
        complaints.append("stderr: " + done.stderr)
    return complaints


def main():
    program = os.path.abspath(sys.argv[1])
    results = tap.Tap()

    results.result("every fixture line is explained", log(program))
    _, out, _ = tap.run(program, "explain", "--log", LINES)
    results.result("a log brings no controls to a terminal", ["control"] * bool(tap.CONTROL.search(out)))
    for name in sorted(os.listdir(os.path.join(TOP, "docs/checks"))):
        if name != "README.md":
            results.result("the page of " + name[:-3], page(program, name[:-3]))
    results.result("a page as JSON", as_json(program, "iommu-active"))
    results.result("a message as JSON", as_json(program, "vfio-module-loaded"))
    results.result("a log without any, as JSON", as_json(program, "--log", os.devnull))
    for option in ("--boot", "--last-boot"):
        results.result("a log that may not be read: " + option, unreadable(program, option))
    for words in (("explain",), ("explain", "no-such-check"), ("explain", "--boot", "iommu-active")):
        status, out, err = tap.run(program, *words)
        results.result("%s is wrong usage" % " ".join(words),
                       ["status %d" % status] * (status != 2) + ["stderr: " + err] * (err.count("\n") != 1))
    status, _, err = tap.run(program, "explain", "--log", "/nonexistent")
    results.result("a log that is not there", ["status %d" % status] * (status != 3))
    results.end()


main()
