#!/usr/bin/python3
"""Measures what a handover costs on a real kernel, side by side with the bare writes and with driverctl and dpdk-devbind.py.

usage: handover.py [PROGRAM [TURNS [PEER-TURNS]]]       build/passthru, when it is not named

The kernel is Debian's in the emulated host of tests/lab, and the programs take turns in one boot of it. 1 function is a card of
its own; 8 are a slot, 64 eight of them. A figure is the median of all turns, of wall time, since the kernel works in between.
An emulated processor is many times slower than a real one, for all of them: the ratios count. Aims are said to be met or
missed and change nothing.
"""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LAB = os.path.join(HERE, "../lab")
MACHINES = (("on", (1,)), ("many", (8, 64)))
TURNS, PEER_TURNS, LIMIT_S = 5, 2, 1500
MOST_PROBE_MS = 100
MOST_TIMES_BARE, LEAST_TIMES_OURS = 1.3, 10
OURS, BARE = "passthru", "bare"


def own_image(temp):
    """An initramfs with what only this needs."""
    root = os.path.join(temp, "root")
    os.makedirs(os.path.join(root, "usr/bin"))
    os.makedirs(os.path.join(root, "lab"))
    for name in ("bare_handover", "measure"):
        subprocess.run(["gcc", "-O2", "-D_GNU_SOURCE", "-o", os.path.join(root, "usr/bin", name), os.path.join(HERE, name + ".c")],
                       check=True)
    shutil.copy(os.path.join(HERE, "driverctl_each.sh"), os.path.join(root, "usr/bin/driverctl_each"))
    os.chmod(os.path.join(root, "usr/bin/driverctl_each"), 0o755)
    shutil.copy(os.path.join(HERE, "handover.sh"), os.path.join(root, "lab/handover.sh"))
    image = os.path.join(temp, "bench.cpio")
    names = "\n".join(os.path.relpath(os.path.join(at, name), root) for at, dirs, files in os.walk(root) for name in dirs + files)
    with open(image, "wb") as out:
        subprocess.run(["cpio", "--create", "--format=newc", "--owner=0:0", "--quiet"], cwd=root, input=names.encode(), stdout=out,
                       check=True)
    return image


def images(program):
    env = dict(os.environ, PASSTHRU=program)
    out = subprocess.run([os.path.join(LAB, "image.sh"), "base", "program", "peers"], env=env, stdout=subprocess.PIPE, text=True,
                         check=True).stdout
    return out.split()


def figures(machine, counts, turns, peer_turns, image_paths):
    """count -> program -> list of (way there in ms, way back in ms); and a list of (a reset in ms, probe in ms)"""
    found, probes = {count: {} for count in counts}, []
    script = ",".join(str(word) for word in ("handover", turns, min(turns, peer_turns), *counts))
    command = [os.path.join(LAB, "machine.sh"), "--machine", machine, "--limit", str(LIMIT_S), script, *image_paths]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        for line in running.stdout:
            word, *rest = line.split() or [""]
            print("# " + line.rstrip(), file=sys.stderr, flush=True)
            if word == "probe":
                probes.append(tuple(int(time) / 1000 for time in rest))
            if word == "figure":
                count, program, _turn, there, back = rest
                found[int(count)].setdefault(program, []).append((int(there) / 1000, int(back) / 1000))
    if running.returncode:
        sys.exit("handover.py: the machine %s ended with status %d" % (machine, running.returncode))
    return found, probes


def medians(runs):
    return [statistics.median(run[way] for run in runs) for way in (0, 1)]


def print_table(count, programs):
    turns = ", ".join("%s %d" % (program, len(runs)) for program, runs in programs.items())
    print("\n%d function%s; turns: %s" % (count, "" if count == 1 else "s", turns))
    print("%-18s %10s %10s %10s %10s" % ("", "bind ms", "x bare", "release ms", "x bare"))
    base = medians(programs[BARE])
    for program, runs in programs.items():
        bind, release = medians(runs)
        print("%-18s %10.1f %10.2f %10.1f %10.2f" % (program, bind, bind / base[0], release, release / base[1]))


def verdict(met, sentence):
    print("%-7s %s" % ("met" if met else "missed", sentence))


def print_aims(results):
    print("\nAims")
    for count, programs in results.items():
        total = {program: sum(medians(runs)) for program, runs in programs.items()}
        times = total[OURS] / total[BARE]
        verdict(times <= MOST_TIMES_BARE, "%d: there and back takes %.2f times the bare writes, at most %.1f" % (
            count, times, MOST_TIMES_BARE))
        for peer in sorted(set(total) - {OURS, BARE}):
            times = total[peer] / total[OURS]
            verdict(times >= LEAST_TIMES_OURS, "%d: %s takes %.1f times as long as passthru, at least %d" % (
                count, peer, times, LEAST_TIMES_OURS))


def main():
    program = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "../../build/passthru"))
    turns = int(sys.argv[2]) if len(sys.argv) > 2 else TURNS
    peer_turns = int(sys.argv[3]) if len(sys.argv) > 3 else PEER_TURNS
    results, probes = {}, []
    with tempfile.TemporaryDirectory(prefix="passthru-bench.") as temp:
        paths = [*images(program), own_image(temp)]
        for machine, counts in MACHINES:
            found, probed = figures(machine, counts, turns, peer_turns, paths)
            results.update(found)
            probes += probed
    print("Handover on an emulated host, median of wall times")
    for count, programs in results.items():
        print_table(count, programs)
    print_aims(results)
    if probes:
        reset, probe = medians(probes)
        verdict(probe < MOST_PROBE_MS, "probe of one device takes %.1f ms, below %d; one reset of it by the kernel %.1f ms" % (
            probe, MOST_PROBE_MS, reset))


if __name__ == "__main__":
    main()
