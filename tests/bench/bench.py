#!/usr/bin/python3
"""Measures what a listing and a check cost, side by side with the least it can cost and with lspci: what `make bench` does.

usage: bench.py [PROGRAM]       build/passthru, when it is not named

Trees of 64, 512 and 4096 functions stand in memory. The programs take turns, so that a busy moment hits all of
them; a figure is the median of all turns. The check is of all functions but the bridges; beside it runs the loop of the
guides, lspci -nns for each member of each group, once per size and not at the largest, where it takes many minutes. Aims are said to be met or missed and change nothing: figures of one run
on one machine are no test. lspci gets no modules to look up (that needs those of the running kernel), which makes it faster.
"""
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

import tree

HERE = os.path.dirname(os.path.abspath(__file__))
SIZES = (64, 512, 4096)
TURNS = {64: 60, 512: 40, 4096: 20}
LOOP_SIZES = (64, 512)
MOST_CHECK_MS = {64: 50, 4096: 1000}
LOOP = """for group in "$1"/sys/kernel/iommu_groups/*; do
	echo "IOMMU group ${group##*/}:"
	for device in "$group"/devices/*; do
		echo "	$(lspci -A linux-sysfs -O sysfs.path="$1/sys/bus/pci" -nns "${device##*/}")"
	done
done"""
MOST_TIMES_FLOOR, LEAST_TIMES_LSPCI, MOST_RSS_MIB = 1.5, 5, 32


def contestants(program, floor, root):
    """name -> command; all read the same tree"""
    lspci = ["lspci", "-A", "linux-sysfs", "-O", "sysfs.path=%s/sys/bus/pci" % root]
    return {
        "floor": [floor, root],
        "passthru list": [program, "--root", root, "list"],
        "passthru list --numeric": [program, "--root", root, "list", "--numeric"],
        "passthru list --json": [program, "--root", root, "list", "--json"],
        "lspci -nnk": lspci + ["-nnk"],
        "lspci -n": lspci + ["-n"],
    }


def cards(root):
    """addresses of all functions but bridges"""
    devices = os.path.join(root, "sys/bus/pci/devices")
    for address in sorted(os.listdir(devices)):
        with open(os.path.join(devices, address, "class"), encoding="ascii") as text:
            if not text.read().startswith("0x0604"):
                yield address


def checks(program, root):
    """name -> command; an exit status of 1 or 3 is an answer"""
    check = [program, "--root", root, "check"]
    devices = list(cards(root))
    return {
        "passthru check": check,
        "passthru check, all": check + devices,
        "passthru check --json, all": [program, "--root", root, "--json", "check"] + devices,
    }


class Figures:
    """Medians of one program at one size."""

    def __init__(self, runs, calls):
        self.cpu_ms = statistics.median(run[0] for run in runs) / 1000
        self.wall_ms = statistics.median(run[1] for run in runs) / 1000
        self.rss_mib = max(run[2] for run in runs) / 1024
        self.calls = calls


def measure(launcher, command, answers=(0,)):
    out = subprocess.run([launcher, *command], capture_output=True, text=True, check=True).stdout
    *figures, status = (int(word) for word in out.split())
    if status not in answers:
        sys.exit("bench.py: exit status %d: %s" % (status, " ".join(command)))
    return figures


def system_calls(command):
    """How many it makes, or None without strace."""
    if not shutil.which("strace"):
        return None
    done = subprocess.run(["strace", "-f", "-c", "-U", "calls,name", *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True, check=False)
    total = re.search(r"^ *(\d+) total$", done.stderr, re.M)
    return int(total[1]) if total else None


def race(launcher, commands, turns, answers=(0,)):
    for command in commands.values():
        measure(launcher, command, answers)  # brings everything into memory
    runs = {name: [] for name in commands}
    for _ in range(turns):
        for name, command in commands.items():
            runs[name].append(measure(launcher, command, answers))
    return {name: Figures(runs[name], system_calls(command)) for name, command in commands.items()}


def check_race(launcher, program, root, n):
    figures = race(launcher, checks(program, root), TURNS[n], (0, 1, 3))
    if n in LOOP_SIZES:
        figures["lspci -nns, in a loop"] = Figures([measure(launcher, ["sh", "-c", LOOP, "sh", root])], None)
    return figures


def print_table(title, figures, base, base_word):
    print("\n" + title)
    print("%-26s %10s %10s %9s %9s %9s" % ("", "CPU ms", "x " + base_word, "wall ms", "RSS MiB", "syscalls"))
    for name, f in figures.items():
        print("%-26s %10.2f %10.2f %9.2f %9.1f %9s" % (
            name, f.cpu_ms, f.cpu_ms / figures[base].cpu_ms, f.wall_ms, f.rss_mib, "-" if f.calls is None else f.calls))


def validate_race(launcher, program):
    """libvirt's own check looks at the running machine only, and at less of it."""
    if not shutil.which("virt-host-validate"):
        print("\nvirt-host-validate is not installed: not compared")
        return
    figures = race(launcher, {"passthru check": [program, "check"], "virt-host-validate qemu": ["virt-host-validate", "qemu"]},
                   TURNS[64], (0, 1, 3))
    print_table("This machine, median of %d turns" % TURNS[64], figures, "passthru check", "check")


def verdict(met, sentence):
    print("%-7s %s" % ("met" if met else "missed", sentence))


def print_check_aims(results):
    for n, figures in results.items():
        ours = figures["passthru check, all"]
        if n in MOST_CHECK_MS:
            verdict(ours.cpu_ms < MOST_CHECK_MS[n], "%d functions: check of all takes %.1f ms of CPU, below %d" % (
                n, ours.cpu_ms, MOST_CHECK_MS[n]))
        loop = figures.get("lspci -nns, in a loop")
        if loop:
            print("%-7s %d functions: the loop of lspci -nns takes %.1f times our CPU" % ("", n, loop.cpu_ms / ours.cpu_ms))


def print_aims(results):
    print("\nAims")
    largest = max(SIZES)
    for n, figures in results.items():
        ours = figures["passthru list"]
        times_floor = ours.cpu_ms / figures["floor"].cpu_ms
        if n == largest:
            verdict(times_floor <= MOST_TIMES_FLOOR, "%d functions: CPU %.2f x floor, at most %.1f" % (n, times_floor, MOST_TIMES_FLOOR))
            lspci = figures["lspci -nnk"].cpu_ms / ours.cpu_ms
            verdict(lspci >= LEAST_TIMES_LSPCI, "%d functions: lspci -nnk takes %.1f times our CPU, at least %d" % (
                n, lspci, LEAST_TIMES_LSPCI))
        verdict(ours.rss_mib < MOST_RSS_MIB, "%d functions: peak memory %.1f MiB, below %d" % (n, ours.rss_mib, MOST_RSS_MIB))


def main():
    program = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "../../build/passthru"))
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    results, check_results = {}, {}
    with tempfile.TemporaryDirectory(prefix="passthru-bench.", dir=memory) as temp:
        floor, launcher = os.path.join(temp, "floor"), os.path.join(temp, "measure")
        for name in (floor, launcher):
            subprocess.run(["gcc", "-O2", "-D_GNU_SOURCE", "-o", name, os.path.join(HERE, os.path.basename(name) + ".c")], check=True)
        for n in SIZES:
            root = os.path.join(temp, str(n))
            tree.make(n, root)
            results[n] = race(launcher, contestants(program, floor, root), TURNS[n])
            title = "%d functions, median of %d turns" % (n, TURNS[n])
            print_table(title, results[n], "floor", "floor")
            check_results[n] = check_race(launcher, program, root, n)
            print_table(title + ": check", check_results[n], "passthru check, all", "all")
        validate_race(launcher, program)
    print_aims(results)
    print_check_aims(check_results)


if __name__ == "__main__":
    main()
