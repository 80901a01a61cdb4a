#!/usr/bin/python3
"""Runs cases of the large lab on whole disks and prints one TAP stream: run.py [--long] [--keep FOLDER [--again]] [CASE[@DISK]...]

A case is cases/NAME.py with run(lab); DISKS names the disks that it is for (all, when it does not say), SHORT those on which `make test` runs it.
Without names: with --long (make lab) every case on each of its disks, else those of SHORT. PASSTHRU names the program under test
(build/passthru); what `meson install` of its build would install is put into the disk. One machine runs at a time. --keep leaves disks and consoles in FOLDER;
--again goes on from the machines that were prepared there, with a newer program; what the same program had set up is taken as it is.
"""
import argparse
import glob
import importlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab as lab_module  # noqa: E402
import machine  # noqa: E402

HERE = machine.HERE
DISKS = sorted(os.path.basename(path)[:-3] for path in glob.glob(os.path.join(HERE, "disks", "*.sh")))
CASES = sorted(os.path.basename(path)[:-3] for path in glob.glob(os.path.join(HERE, "cases", "*.py")))


def wanted(names, long):
    """disk -> cases, in the order in which they are run"""
    pairs = []
    for name in names or CASES:
        case, _, disk = name.partition("@")
        if case not in CASES or disk and disk not in DISKS:
            sys.exit("run.py: there is no %s: the cases are %s; the disks %s" % (name, " ".join(CASES), " ".join(DISKS)))
        module = importlib.import_module("cases." + case)
        disks = [disk] if disk else getattr(module, "DISKS", DISKS) if long or names else getattr(module, "SHORT", ())
        pairs += [(one, case) for one in disks]
    return {disk: [case for one, case in pairs if one == disk] for disk in DISKS if disk in dict(pairs)}


def processor_s():
    """What the machines that have ended took."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run_case(lab, tap, case):
    tap.about = "%s on %s" % (case, lab.name)
    began, used = time.monotonic(), processor_s()
    print("# %s begins" % tap.about, flush=True)
    try:
        importlib.import_module("cases." + case).run(lab)
    except machine.Trouble as trouble:
        tap.ok(False, "comes to its end", trouble)
    finally:
        lab.end()
    print("# %s took %d s, %d s of a processor" % (tap.about, time.monotonic() - began, processor_s() - used), flush=True)


def run_disk(name, cases, program, folder, tap, asked):
    tap.about = name
    built = subprocess.run([os.path.join(HERE, "disk.sh"), name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    if not tap.ok(built.returncode == 0, "the disk is there"):
        return
    folder = os.path.join(folder, name)
    lab = lab_module.Lab(name, built.stdout.strip(), program, folder, tap, asked.long)
    try:
        lab.prepare(asked.again)
    except machine.Trouble as trouble:
        tap.ok(False, "starts and takes the program", trouble)
        return
    finally:
        lab.end()
    for case in cases:
        run_case(lab, tap, case)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--long", action="store_true", default=bool(os.environ.get("PASSTHRU_LAB_LONG")))
    parser.add_argument("--keep")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    program = os.environ.get("PASSTHRU", os.path.join(HERE, "../../../build/passthru"))
    tap = lab_module.Tap()
    if os.geteuid() != 0:
        tap.about = "large lab"
        tap.skip("whole disks", "making one needs root: its files have owners")
        print("1..1")
        return
    folder = asked.keep or tempfile.mkdtemp(prefix="large.")
    os.makedirs(folder, exist_ok=True)
    try:
        archive = lab_module.program_tar(os.path.dirname(os.path.abspath(program)), folder)
        for disk, cases in wanted(asked.names, asked.long).items():
            run_disk(disk, cases, archive, folder, tap, asked)
    finally:
        if not asked.keep:
            shutil.rmtree(folder)
    print("1..%d" % tap.made)
    sys.exit(bool(tap.failed or not tap.made))


if __name__ == "__main__":
    main()
