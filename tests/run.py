#!/usr/bin/python3
"""Builds the program in three ways, runs all tests, and says how many passed: what `make test` does.

usage: tests/run.py [--fast]        --fast leaves the lab (emulated hosts, minutes) out

A test that prints TAP counts as its sub-tests. What failed is named again at the end. The last line is "N passed, N failed[, N skipped]"; a build that
breaks, a test that crashes and a test suite that is missing count as one failure each.
"""
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# The emulated hosts: an initramfs for many small questions, a whole disk for those about booting.
LABS = ("tests/lab/run.sh", "tests/lab/large/run.py")
LAB_LIMIT_S = 3600
# A test that hangs must end; one on a machine that is busy with other things must not fail.
PATIENCE = "6"

# A sanitizer's complaint must not look like an exit status of the program.
SANITIZERS = {"ASAN_OPTIONS": "exitcode=99", "UBSAN_OPTIONS": "halt_on_error=1:exitcode=99:print_stacktrace=1"}

# directory, meson options, environment, what `meson test` runs there
BUILDS = (
    ("build", ["-Dwerror=true"], {"CC": "gcc"}, []),
    ("build-clang", ["-Dwerror=true"], {"CC": "clang"}, ["--suite", "unit"]),
    # gcc warns of what is not there when it has to sanitize it. Tests that are minutes of other programs (grub-mkconfig, grub-fstest)
    # show a sanitizer nothing that the unit tests do not.
    ("build-asan", ["-Db_sanitize=address,undefined"], dict(SANITIZERS, CC="gcc"), ["--no-suite", "lint", "--no-suite", "others-programs"]),
)


class Count:
    def __init__(self):
        self.passed = self.skipped = 0
        self.failures = []

    def line(self):
        skipped = ", %d skipped" % self.skipped if self.skipped else ""
        return "%d passed, %d failed%s" % (self.passed, len(self.failures), skipped)

    def failure(self, sentence):
        self.failures.append(sentence)
        print("FAILED: " + sentence, flush=True)


def run(words, env=None):
    print("$ " + " ".join(words), flush=True)
    return subprocess.run(words, env=dict(os.environ, **(env or {})), stdin=subprocess.DEVNULL).returncode


def build(directory, options, env):
    made = os.path.exists(os.path.join(directory, "build.ninja"))
    setup = ["meson", "configure"] if made else ["meson", "setup"]
    return run(setup + [directory] + options, env) == 0 and run(["ninja", "-C", directory], env) == 0


def count_meson(directory, count):
    """Adds up the logs of `meson test`: sub-tests, and tests that failed outside of them (a crash, a wrong plan)."""
    logs = os.path.join(directory, "meson-logs")
    cases = {}  # suite -> cases; a test without sub-tests is a case of the project's own suite
    for suite in xml.etree.ElementTree.parse(os.path.join(logs, "testlog.junit.xml")).getroot():
        cases[suite.get("name")] = suite.findall("testcase")
    n_tests = 0
    bad = []
    with open(os.path.join(logs, "testlog.json"), encoding="utf-8") as lines:
        for line in lines:
            test = json.loads(line)
            n_tests += 1
            inside = [suite for suite in cases if suite.endswith(("." + test["name"], "." + test["name"].split(" / ")[-1]))]
            results = []
            for case in [case for suite in inside for case in cases[suite]]:
                results.append(result_of(case))
                if results[-1] == "failed":
                    count.failures.append("%s: %s: %s" % (directory, test["name"], case.get("name")))
            count.passed += results.count("passed")
            count.skipped += results.count("skipped")
            if test["result"] in ("OK", "EXPECTEDFAIL"):
                count.passed += not results
            elif test["result"] == "SKIP" and (results or "1..0" in test.get("stdout", "")):
                count.skipped += not results
            else:
                bad.append(test)
                if "failed" not in results:
                    count.failure("%s: %s: %s" % (directory, test["name"], test["result"]))
    for test in bad:
        show_failure(directory, test)
    if not n_tests:
        count.failure("%s: no test was run" % directory)


def show_failure(directory, test):
    """What a failed test said: of TAP the tests that are not ok with the comments that follow them, else all."""
    print("\n==== %s: %s: %s" % (directory, test["name"], test["result"]))
    lines = test.get("stdout", "").splitlines()
    if any(line.startswith(("ok ", "not ok ")) for line in lines):
        about_failure = False
        for line in lines:
            about_failure = line.startswith("not ok ") or about_failure and line.startswith("#")
            if about_failure:
                print(line)
    else:
        print("\n".join(lines))
    print(test.get("stderr", ""), end="", flush=True)


def result_of(case):
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "skipped" if case.find("skipped") is not None else "passed"


def run_build(count, directory, options, env, selection):
    if not build(directory, options, env):
        count.failure("%s: does not build" % directory)
        return
    log = os.path.join(directory, "meson-logs", "testlog.json")
    if os.path.exists(log):
        os.unlink(log)
    run(["meson", "test", "-C", directory, "--no-rebuild", "--timeout-multiplier", PATIENCE] + selection, env)
    if os.path.exists(log):
        count_meson(directory, count)
    else:
        count.failure("%s: meson test did not run" % directory)


def run_tap(count, words, limit_s):
    """Runs a program that prints TAP, shows what it prints and counts; its status and its plan must agree."""
    print("$ " + " ".join(words), flush=True)
    tests = failed = 0
    plan = None
    about = ""
    process = subprocess.Popen(["timeout", str(limit_s)] + words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               text=True, errors="replace")
    for line in process.stdout:
        print(line, end="", flush=True)
        match = re.match(r"(not )?ok\b(.*)", line)
        if match:
            tests += 1
            skipped = re.search(r"# *skip", match[2], re.I)
            count.skipped += bool(skipped)
            if match[1]:
                failed += 1
                count.failures.append("%s: %s%s" % (words[0], match[2].strip(), about))
            count.passed += not match[1] and not skipped
        elif re.match(r"1\.\.\d+", line):
            plan = int(line[3:].split()[0])
        elif line.startswith("# the machine "):
            about = " (" + line[2:].split(":")[0] + ")"
    status = process.wait()
    if plan != tests:
        count.failure("%s: %d tests were planned and %d made" % (words[0], plan or 0, tests))
    elif tests == 0 or status != 0 and not failed:
        count.failure("%s: exit status %d after %d tests" % (words[0], status, tests))


def main():
    fast = sys.argv[1:] == ["--fast"]
    if sys.argv[1:] and not fast:
        sys.exit("usage: tests/run.py [--fast]")
    os.chdir(TOP)
    count = Count()
    for directory, options, env, selection in BUILDS:
        run_build(count, directory, options, env, selection)
    if fast:
        print("the lab was left out (--fast)")
    else:
        for lab in LABS:
            run_tap(count, [lab], LAB_LIMIT_S)
    if count.failures:
        print("\nwhat failed:")
        for sentence in count.failures:
            print("  " + sentence)
    print(count.line())
    sys.exit(bool(count.failures))


if __name__ == "__main__":
    main()
