#!/usr/bin/python3
"""Holds our decoding of configuration spaces against lspci's, field by field, and our prediction of IOMMU groups
against those that the kernel made. Prints TAP.

usage: compare.py [--verbose] [--generated N] DUMP [FILE...]

DUMP is the program made of tests/config/dump.c, FILEs are dumps as tests/config/tree.py reads them (those of
tests/config/dumps when none is named). --generated: that many made-up functions besides (fixed seed).
"""
import argparse
import collections
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

import compose
import lspci
import tree

# Parts of our JSON, and by which words lspci begins theirs.
PARTS = {"power": "Power Management", "msi": "MSI:", "msix": "MSI-X:", "af": "PCI Advanced", "express": "Express",
         "acs": "Access Control", "ari": "Alternative", "sriov": "Single Root", "rebar": "Physical Resizable",
         "vf_rebar": "Virtual Resizable", "ats": "Address", "pasid": "Process", "pri": "Page Request",
         "serial": "Device Serial", "aer": "Advanced Error"}

HERE = os.path.dirname(os.path.abspath(__file__))


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, errors="replace")
    if done.returncode:
        raise SystemExit("%s: status %d: %s" % (command[0], done.returncode, done.stderr.strip()[-2000:]))
    return done.stdout


def path(ours, name):
    """The value at a path of our JSON, None when there is none."""
    for key in name.split("."):
        ours = ours.get(key) if isinstance(ours, dict) else None
    return ours


def unsigned(number):
    """JSON's integers are signed."""
    return number % (1 << 64) if isinstance(number, int) and not isinstance(number, bool) else number


def bar(ours, kind, index, field):
    bars = ours["bars"] if kind == "bar" else ours["sriov"].get("bars", [])
    for entry in bars:
        if entry["index"] == int(index):
            return unsigned(entry[field])
    return None


def speed_text(ours):
    """lspci shows a range up to the highest speed, and none that is newer than itself."""
    speeds = path(ours, "express.link.speeds") or 0
    names = {1: "2.5GT/s", 2: "5GT/s", 3: "8GT/s", 4: "16GT/s", 5: "32GT/s"}
    if speeds & 0x60:
        return "RsvdP"
    highest = max((n for n in names if speeds >> (n - 1) & 1), default=None)
    if highest is None:
        return "Unknown"
    return names[highest] if highest == 1 else "2.5-" + names[highest]


def value(ours, name):
    """Our value of a field that tests/config/lspci.py found."""
    first, _, rest = name.partition(".")
    if first == "command":
        return bool(ours["header"]["command"] >> int(rest) & 1)
    if name == "status.Cap":
        return bool(ours["header"]["status"] & 0x10)
    if first == "control":
        return bool(ours["bridge"]["control"] >> int(rest) & 1)
    if name == "header.class":
        return ours["header"]["class"] >> 8
    if first == "pme":
        return bool(ours["power"]["pme_states"] >> int(rest) & 1)
    if name.startswith("acs.supported.") or name.startswith("acs.enabled."):
        key, bit = rest.split(".")
        return bool(ours["acs"][key] >> int(bit) & 1)
    if first in ("bar", "vfbar"):
        return bar(ours, first, *rest.split("."))
    if first == "window":
        window = ours["bridge"][rest]
        return unsigned(window["base"]), unsigned(window["limit"]), window["open"]
    if name == "speeds":
        return speed_text(ours)
    if name == "target":
        # no target at all counts as the lowest
        return {0: "2.5GT/s", 1: "2.5GT/s", 2: "5GT/s", 3: "8GT/s", 4: "16GT/s", 5: "32GT/s", 6: "64GT/s"}.get(
            path(ours, "express.link.speed_target"), "Unknown")
    if name == "serial.value":
        return unsigned(ours["serial"]["value"])
    return path(ours, name)


def same(name, mine, theirs, resources):
    if name == "speeds" and mine == "Unknown" or name == "target" and mine == "Unknown":
        return theirs in ("Unknown", "RsvdP", "unknown")
    if name.startswith("window."):
        # a window that is not built in: zeros, which lspci takes for the first one of the address space; a closed one
        # has no meaningful limits, and with `resource` lspci shows what the kernel made of it
        if not mine[2]:
            return not theirs[2] or theirs[0] == 0
        return mine == theirs
    if theirs is None:  # a speed without a name
        return mine == 0 or mine > 6
    return mine == theirs


class Comparison:
    def __init__(self):
        self.counts = collections.Counter()
        self.failures = []

    def check(self, where, name, mine, theirs, good):
        kind = ".".join("N" if part.isdigit() else part for part in name.split("."))
        self.counts[kind] += 1
        if not good:
            self.failures.append("%s %s: ours %r, lspci %r" % (where, name, mine, theirs))

    def function(self, where, ours, block, resources):
        self.check(where, "header.revision", ours["header"]["revision"], block.fields["header.revision"],
                   ours["header"]["revision"] == block.fields["header.revision"])
        if block.unknown_header:
            self.check(where, "unknown header", ours["header"]["type"], 3, ours["header"]["type"] == 3)
            return
        for name, theirs in block.fields.items():
            if name in ("header.vendor", "header.device") and resources:
                continue  # the kernel's, which knows those of a virtual function
            if name.startswith("bar.") and name.endswith(".address") and resources:
                continue  # the kernel's address, which may be another one than the bus's
            mine = value(ours, name)
            self.check(where, name, mine, theirs, same(name, mine, theirs, resources))
        for chain in ("standard", "extended"):
            self.chain(where, chain, ours, block)
        # what lspci does not show must not be there for us either
        for part, kind in PARTS.items():
            listed = any(entry["kind"] == kind for entry in block.standard + block.extended)
            state = ours[part]["state"]
            self.check(where, part, state, listed, (state == "present") == listed or state == "broken")

    def chain(self, where, name, ours, block):
        mine, theirs = ours[name], getattr(block, name)
        if name == "extended" and not theirs and ours["express"]["state"] != "present":
            return  # lspci looks there with PCI Express or PCI-X only
        got = [(entry[1], entry[2]) for entry in mine["list"]]
        wanted = [(entry["offset"], entry["version"]) for entry in theirs]
        # where a chain leads out of its space we stop, as the kernel does; lspci goes on
        good = got == wanted or mine["state"] == "broken" and got == wanted[:len(got)]
        self.check(where, name + " list", got, wanted, good)
        self.check(where, name + " whole", mine["state"], block.broken[name], not block.broken[name] or mine["state"] == "broken")
        for entry, listed in zip(theirs, mine["list"]):
            for index, key in ((3, "length"), (4, "vendor"), (5, "vendor_id")):
                if key in entry:
                    self.check(where, "%s %s" % (name, key), listed[index], entry[key], listed[index] == entry[key])


def groups_of(functions):
    found = collections.defaultdict(set)
    for function in functions.values():
        if "iommu_group" in function.links:
            found[function.links["iommu_group"]].add(function.address)
    return found


def check_groups(functions, ours):
    """(number of groups, complaints): prediction against what the kernel did."""
    kernel, complaints = groups_of(functions), []
    for entry in ours:
        group = functions[entry["address"]].links.get("iommu_group")
        isolation = entry["isolation"]
        if group is None:
            if isolation["agreement"] != "no group":
                complaints.append("%s: is in no group, but that %s" % (entry["address"], isolation["agreement"]))
            continue
        members = set(isolation["members"])
        if members != kernel[group] or isolation["agreement"] != "agrees" or not isolation["certain"]:
            complaints.append("%s: predicted %s (%s), the kernel has %s" % (
                entry["address"], sorted(members), isolation["agreement"], sorted(kernel[group])))
        if (len(members) > 1) != bool(isolation["culprit"]):
            complaints.append("%s: %d members, joined by %s" % (entry["address"], len(members), isolation["culprit"]))
    return len(kernel), complaints


def ask_lspci(functions, top):
    """Its two ways: the registers as they are, and with what the kernel says beside them (sizes, windows)."""
    dumped = os.path.join(top, "hexdump")
    tree.write(dumped, tree.hexdump(functions))
    yield False, lspci.parse(run(["lspci", "-vvv", "-n", "-D", "-F", dumped]))
    if any(function.resources for function in functions.values()):
        yield True, lspci.parse(run(["lspci", "-vvv", "-n", "-D", "-A", "linux-sysfs", "-O",
                                     "sysfs.path=%s/sys/bus/pci" % top]))


def compare(functions, dump, comparison, where):
    """Expands, asks both, compares. Returns what check_groups() does."""
    top = tempfile.mkdtemp(prefix="passthru-config-")
    try:
        tree.expand(functions, top)
        ours = json.loads(run([dump, top]))
        for resources, theirs in ask_lspci(functions, top):
            for entry in ours:
                function = functions[entry["address"]]
                if entry["state"] != "present":
                    silent = not any(byte != 0xff for byte in function.config[:64])
                    comparison.check(entry["address"], "readable", entry["state"], "silent",
                                     silent and entry["state"] == "silent")
                    continue
                comparison.function("%s %s" % (where, entry["address"]), entry, theirs[entry["address"]], resources)
    finally:
        shutil.rmtree(top)
    return check_groups(functions, ours)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--generated", type=int, default=400)
    parser.add_argument("dump")
    parser.add_argument("file", nargs="*")
    arguments = parser.parse_args()
    files = arguments.file or sorted(glob.glob(os.path.join(HERE, "dumps", "*.lspci")))
    if not shutil.which("lspci"):
        print("1..0 # SKIP there is no lspci")
        return 0
    total, failed, number = collections.Counter(), False, 0
    functions_seen = 0

    def report(what, complaints):
        nonlocal number, failed
        number += 1
        print("%s %d - %s" % ("not ok" if complaints else "ok", number, what))
        for complaint in complaints[:None if arguments.verbose else 20]:
            print("# " + complaint)
        failed |= bool(complaints)

    for name in files:
        with open(name, encoding="utf-8", errors="replace") as f:
            functions = tree.parse(f.read())
        comparison = Comparison()
        n_groups, complaints = compare(functions, arguments.dump, comparison, os.path.basename(name))
        report("%s: %d functions, %d fields as lspci decodes them" % (
            os.path.basename(name), len(functions), sum(comparison.counts.values())), comparison.failures)
        if n_groups:
            report("%s: %d IOMMU groups predicted as the kernel made them" % (os.path.basename(name), n_groups), complaints)
        total += comparison.counts
        functions_seen += len(functions)
    if arguments.generated:
        comparison = Comparison()
        functions = compose.functions(arguments.generated)
        compare(functions, arguments.dump, comparison, "generated")
        report("%d generated functions, %d fields" % (len(functions), sum(comparison.counts.values())), comparison.failures)
        total += comparison.counts
        functions_seen += len(functions)
    print("1..%d" % number)
    print("# %d fields of %d kinds, of %d functions" % (sum(total.values()), len(total), functions_seen))
    if arguments.verbose:
        for kind, count in sorted(total.items()):
            print("# %7d %s" % (count, kind))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
