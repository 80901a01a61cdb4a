#!/usr/bin/python3
"""Holds the source against the project's rules, one TAP test per rule.

usage: lint.py TOP [BUILD]       BUILD: a build directory, for the rule that compiles

A rule is a file of this folder with complaints(top), which yields "file:line: sentence", and its name in RULES.
selftest.py shows each of them a bad example.
"""
import os
import sys

sys.dont_write_bytecode = True

import blanks
import commands
import headers
import heads
import layers
import layout
import paths
import printing
import shell
import size

RULES = (layers, paths, headers, size, heads, printing, commands, shell, blanks, layout)


def judge(rule, top, build):
    """(TAP result, complaints)"""
    reason = rule.skipped() if hasattr(rule, "skipped") else None
    if rule is headers and not build:
        reason = "no build directory"
    if reason:
        return "ok", " # SKIP " + reason, []
    found = list(rule.complaints(top, build) if rule is headers else rule.complaints(top))
    return ("not ok" if found else "ok"), "", found


def main():
    top, build = (os.path.abspath(path) if path else None for path in (*sys.argv[1:], None)[:2])
    print("1..%d" % len(RULES))
    failed = False
    for number, rule in enumerate(RULES, 1):
        result, directive, found = judge(rule, top, build)
        print("%s %d - %s%s" % (result, number, rule.__name__, directive))
        for complaint in found:
            print("# " + complaint)
        failed |= bool(found)
    sys.exit(failed)


if __name__ == "__main__":
    main()
