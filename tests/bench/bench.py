#!/usr/bin/python3
"""Measures what a listing costs, side by side with the least it can cost and with lspci: what `make bench` does.

usage: bench.py [PROGRAM]       build/passthru, when it is not named

Trees of 64, 512 and 4096 functions stand in memory. The programs take turns, so that a busy moment hits all of
them; a figure is the median of all turns. Aims are said to be met or missed and change nothing: figures of one run
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


class Figures:
    """Medians of one program at one size."""

    def __init__(self, runs, calls):
        self.cpu_ms = statistics.median(run[0] for run in runs) / 1000
        self.wall_ms = statistics.median(run[1] for run in runs) / 1000
        self.rss_mib = max(run[2] for run in runs) / 1024
        self.calls = calls


def measure(launcher, command):
    out = subprocess.run([launcher, *command], capture_output=True, text=True, check=True).stdout
    *figures, status = (int(word) for word in out.split())
    if status:
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


def race(launcher, commands, turns):
    for command in commands.values():
        measure(launcher, command)  # brings everything into memory
    runs = {name: [] for name in commands}
    for _ in range(turns):
        for name, command in commands.items():
            runs[name].append(measure(launcher, command))
    return {name: Figures(runs[name], system_calls(command)) for name, command in commands.items()}


def print_table(n, figures):
    floor = figures["floor"]
    print("\n%d functions, median of %d turns" % (n, TURNS[n]))
    print("%-26s %10s %10s %9s %9s %9s" % ("", "CPU ms", "x floor", "wall ms", "RSS MiB", "syscalls"))
    for name, f in figures.items():
        print("%-26s %10.2f %10.2f %9.2f %9.1f %9s" % (
            name, f.cpu_ms, f.cpu_ms / floor.cpu_ms, f.wall_ms, f.rss_mib, "-" if f.calls is None else f.calls))


def print_aims(results):
    def verdict(met, sentence):
        print("%-7s %s" % ("met" if met else "missed", sentence))

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
    results = {}
    with tempfile.TemporaryDirectory(prefix="passthru-bench.", dir=memory) as temp:
        floor, launcher = os.path.join(temp, "floor"), os.path.join(temp, "measure")
        for name in (floor, launcher):
            subprocess.run(["gcc", "-O2", "-D_GNU_SOURCE", "-o", name, os.path.join(HERE, os.path.basename(name) + ".c")], check=True)
        for n in SIZES:
            root = os.path.join(temp, str(n))
            tree.make(n, root)
            results[n] = race(launcher, contestants(program, floor, root), TURNS[n])
            print_table(n, results[n])
    print_aims(results)


if __name__ == "__main__":
    main()
