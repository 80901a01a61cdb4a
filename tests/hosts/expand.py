#!/usr/bin/python3
"""Expands a fixture machine, one text file, into the tree that a kernel would show.

usage: expand.py FILE DIR

A line is a keyword and its words. An indented line continues the line above it: further options of a
`pci`, the content of a `file`. `#` in the first column begins a comment. `\\xNN` is that byte and `\\\\` a
backslash, everywhere. A PATH is relative to the root; `@ADDRESS/x` is x in that function's directory.

  include FILE                  the lines of another file of this folder: a board that several machines have
  pci ADDRESS OPTION=VALUE...   a PCI function with all that sysfs shows of it; see OPTIONS
  change ADDRESS OPTION=VALUE   other options for a function above, or OPTION= for none; ADDRESS * is all of them
  remove ADDRESS...             functions above that this machine does not have
  bus DOMAIN:BUS parent=X       a root bus below another function, or below a folder of sys/devices
  group NUMBER type=TYPE        the type of a group's domain, where it is not the usual one; NUMBER * is all of them
  driver NAME...                drivers that are registered and bound to nothing
  builtin NAME...               drivers that have no module
  file PATH [size=BYTES]        a file: the indented lines, or that many zero bytes; one that begins with #! is a program
  link PATH TARGET              a symbolic link
  dir PATH                      a folder
  absent PATH                   what a line above made is not there after all
  error PATH ERRNO              reading this path fails so (needs a program that reads passthru-snapshot.json)
  golden ARGUMENT...            one more command whose answer tests/golden compares

and, about the machine (machine.py) and who uses its devices (uses.py), where each is explained:

  cpu kernel cmdline table iommu interrupts modprobe memory lockdown secureboot parameter user
  block zpool net drm fb sound keyboard process iomem

Formats follow drivers/pci/pci-sysfs.c, pci_uevent() of drivers/pci/pci-driver.c and drivers/iommu/iommu.c
of Linux, with CONFIG_PCI_IOV. Configuration space: config_space.py. kernels/*.config: what distributions set,
as far as the program asks for it.
"""
import collections
import json
import os
import re
import sys

import acpi_tables
import config_space
from machine import DRIVER_MODULES, MachineWords
from uses import UseWords
from words import UNITS, Mistake, options, unescape

# Options of a `pci` line and what stands there without them.
OPTIONS = {
    "parent": None,      # the bridge above; none: on a root bus
    "id": None,          # vendor:device
    "sub": "0000:0000",  # subsystem vendor:device
    "class": None,       # six hex digits
    "rev": "00",
    "driver": None,
    "group": None,       # IOMMU group
    "irq": "0",
    "enable": None,      # 1 with a driver, else 0
    "numa": "-1",
    "boot_vga": None,    # a VGA controller says 0 or 1; 0 unless told
    "override": "(null)",
    "power": "D0",
    "runtime": "active",
    "control": "on",     # power/control
    "d3cold": "1",       # d3cold_allowed
    "link": None,        # 2.5x16/8.0x16: now/most; a conventional function has none
    "reset": None,       # flr,bus
    "rom": None,         # START+SIZE, or shadow
    "vfs": None,         # 2/64: sriov_numvfs/sriov_totalvfs
    "pf": None,          # of a virtual function: its physical function
    "config": None,      # bytes of configuration space that may be read: 64 as a user sees it; all unless told
    "type": None,        # of PCI Express, see config_space.TYPES; what `link` and the bridges above say unless told
    "acs": None,         # on, off, wide or SUPPORTED/ENABLED: config_space.acs_controls()
    "rebar": None,       # BAR:LEAST-MOST
    "silent": None,      # yes: the function does not answer, configuration space reads all ones
    "rcba": None,        # of an Intel LPC bridge: the register of that name
    # KIND@START+SIZE, START in hex or `unset`: the function's own, a physical function's VF ones (vfbar0...) and
    # a bridge's windows (window0 I/O, window1 memory, window2 prefetchable)
    **{"bar%d" % i: None for i in range(6)},
    **{"vfbar%d" % i: None for i in range(6)},
    **{"window%d" % i: None for i in range(4)},
}
FIRST_LINE = {"bar": 0, "rom": 6, "vfbar": 7, "window": 13}
# include/linux/ioport.h, with the low bits of the register itself
RESOURCE_FLAGS = {"io": 0x40101, "mem": 0x40200, "pref": 0x42208, "mem64": 0x140204, "pref64": 0x14220c}
WINDOW_FLAGS = {"io": 0x101, "mem": 0x200, "pref": 0x2200, "pref64": 0x102201}
UNSET = 0x20000000
ROM_FLAGS, SHADOW_ROM = 0x46200, (0xc0000, 0xdffff, 0x212)
PCI_DEVICES = "sys/bus/pci/devices/"


def statements(text):
    """(line number, keyword, words, content lines) of every statement."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#") or not line.strip():
            continue
        if line[0] in " \t":
            if not found:
                raise Mistake("%d: an indented line continues nothing" % number)
            found[-1][3].append(line.strip())
            continue
        keyword, *words = line.split()
        found.append((number, keyword, words, []))
    return found


class Function:
    """One PCI function; `path` is its directory once its parents are known."""

    def __init__(self, address, words):
        match = re.fullmatch(r"([0-9a-f]{4,8}):([0-9a-f]{2}):([01][0-9a-f])\.([0-7])", address)
        if not match:
            raise Mistake("%s is no address" % address)
        self.address = address
        self.domain, self.bus = match[1], match[2]
        self.slot = address[:-2]
        self.option = options(words, OPTIONS)
        for needed in ("id", "class"):
            if self.option[needed] is None:
                raise Mistake("%s needs %s=" % (address, needed))
        self.vendor, self.device = (int(x, 16) for x in self.option["id"].split(":"))
        self.sub_vendor, self.sub_device = (int(x, 16) for x in self.option["sub"].split(":"))
        self.class_code = int(self.option["class"], 16)
        self.is_bridge = self.class_code >> 8 == 0x0604
        self.path = None
        self.express_type = None
        self.virtual_functions = []

    @staticmethod
    def number_of(f):
        """Bus, device and function in 16 bits, as requests carry them."""
        return int(f.bus, 16) << 8 | int(f.address[-4:-2], 16) << 3 | int(f.address[-1])

    def modalias(self):
        c = self.class_code
        return "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X" % (
            self.vendor, self.device, self.sub_vendor, self.sub_device, c >> 16, c >> 8 & 0xff, c & 0xff)

    def uevent(self):
        driver = self.option["driver"]
        return ("DRIVER=%s\n" % driver if driver else "") + (
            "PCI_CLASS=%04X\nPCI_ID=%04X:%04X\nPCI_SUBSYS_ID=%04X:%04X\nPCI_SLOT_NAME=%s\nMODALIAS=%s\n" % (
                self.class_code, self.vendor, self.device, self.sub_vendor, self.sub_device, self.address,
                self.modalias()))

    def resources(self):
        """(start, end, flags) per line of `resource`."""
        lines = [(0, 0, 0)] * (17 if self.is_bridge else 13)
        for name, value in self.option.items():
            match = re.fullmatch(r"(bar|vfbar|window|rom)(\d?)", name)
            if not match or value is None:
                continue
            kind = match[1]
            lines[FIRST_LINE[kind] + int(match[2] or 0)] = resource(kind, value)
        return lines


def resource(register, text):
    if text == "shadow":
        return SHADOW_ROM
    match = re.fullmatch(r"(?:(\w+)@)?([0-9a-f]+|unset)\+(\d+)([KMGT]?)", text)
    if not match:
        raise Mistake("%s is no resource" % text)
    size = int(match[3]) * UNITS[match[4]]
    flags = ROM_FLAGS if register == "rom" else \
        (WINDOW_FLAGS if register == "window" else RESOURCE_FLAGS)[match[1]]
    if match[2] == "unset":
        return 0, size - 1, flags | UNSET
    start = int(match[2], 16)
    return start, start + size - 1, flags


class Tree:
    """What will be written: path -> bytes (file), int (zero bytes), ("link", target) or None (folder)."""

    def __init__(self):
        self.entries = {}

    def file(self, path, text):
        self.entries[path] = os.fsencode(text)

    def link(self, path, target):
        """To a path of the tree, as sysfs does it: relative, and no longer than needed."""
        self.entries[path] = ("link", os.path.relpath(target, os.path.dirname(path)))

    def remove(self, path):
        gone = [p for p in self.entries if p == path or p.startswith(path + "/")]
        if not gone:
            raise Mistake("%s was never there" % path)
        for name in gone:
            del self.entries[name]

    def write(self, directory):
        made = set()

        def make(folder):
            if folder not in made:
                os.makedirs(os.path.join(directory, folder), exist_ok=True)
                made.add(folder)

        make("")
        for path, what in self.entries.items():
            if path.startswith("/") or ".." in path.split("/"):
                raise Mistake("%s leaves the tree" % path)
            make(path if what is None else os.path.dirname(path))
            full = os.path.join(directory, path)
            if isinstance(what, tuple):
                os.symlink(what[1], full)
            elif what is not None:
                with open(full, "wb") as out:
                    out.write(what) if isinstance(what, bytes) else out.truncate(what)
                    if isinstance(what, bytes) and what.startswith(b"#!"):
                        os.fchmod(out.fileno(), 0o755)


class Host(MachineWords, UseWords):
    def __init__(self, text):
        self.functions = {}
        self.buses = {}        # "10000:e0" -> parent
        self.group_types = {}
        self.idle_drivers, self.builtin = [], set()
        self.late = []         # (path, what) of file, link, dir and absent, in their order, after all functions
        self.errors = []       # (path, errno)
        self.golden = []       # argument lists
        self.init_machine()
        self.init_uses()
        self.read(text)
        self.place_functions()

    def read(self, text):
        for number, keyword, words, content in statements(text):
            try:
                getattr(self, "read_" + keyword, self.unknown)(words, content)
            except (Mistake, ValueError, TypeError, KeyError, OSError) as e:
                raise Mistake("line %d: %s: %s" % (number, keyword, e)) from e

    def unknown(self, words, content):
        raise Mistake("there is no such keyword")

    def read_pci(self, words, content):
        f = Function(words[0], words[1:] + [word for line in content for word in line.split()])
        if f.address in self.functions:
            raise Mistake("%s is there twice" % f.address)
        self.functions[f.address] = f

    def read_include(self, words, content):
        (name,) = words
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), name), encoding="utf-8") as f:
            self.read(f.read())

    def read_change(self, words, content):
        address, *changes = words + [word for line in content for word in line.split()]
        changed = self.functions.values() if address == "*" else [self.functions[address]]
        for f in changed:
            f.option = {name: value or None for name, value in options(changes, f.option).items()}

    def read_remove(self, words, content):
        for address in words:
            del self.functions[address]

    def read_bus(self, words, content):
        self.buses[words[0]] = options(words[1:], {"parent": None})["parent"]

    def read_group(self, words, content):
        self.group_types[words[0]] = options(words[1:], {"type": None})["type"]

    def read_driver(self, words, content):
        self.idle_drivers += words

    def read_builtin(self, words, content):
        self.builtin |= set(words)

    def read_file(self, words, content):
        if len(words) > 1:
            what = int(options(words[1:], {"size": None})["size"])
        else:
            what = os.fsencode("".join(unescape(line) + "\n" for line in content))
        self.late.append((words[0], what))

    def read_link(self, words, content):
        path, target = words
        self.late.append((path, ("link", unescape(target))))

    def read_dir(self, words, content):
        (path,) = words
        self.late.append((path, None))

    def read_absent(self, words, content):
        (path,) = words
        self.late.append((path, "absent"))

    def read_error(self, words, content):
        path, name = words
        self.errors.append((path, name))

    def read_golden(self, words, content):
        self.golden.append(words)

    def place_functions(self):
        self.slots = collections.Counter(f.slot for f in self.functions.values())
        self.children, self.virtual = collections.defaultdict(list), collections.defaultdict(list)
        for f in self.functions.values():
            f.path = self.place(f)
            self.children[f.option["parent"]].append(f)
            self.virtual[f.option["pf"]].append(f)
        for f in self.functions.values():
            f.virtual_functions = self.virtual[f.address]
            f.express_type = self.express_type(f)

    def express_type(self, f):
        """What a function with a link must be, by where it stands."""
        if f.option["type"]:
            return None if f.option["type"] == "conventional" else f.option["type"]
        if not f.option["link"] and not f.option["pf"]:
            return None
        if not f.is_bridge:
            return "endpoint"
        parent = self.functions.get(f.option["parent"])
        if not parent:
            return "root"
        return "downstream" if self.express_type(parent) == "upstream" else "upstream"

    def all_drivers(self):
        """Those that are registered and no part of the kernel."""
        names = [f.option["driver"] for f in self.functions.values() if f.option["driver"]] + self.idle_drivers
        return [name for name in dict.fromkeys(names) if name not in self.builtin]

    def group_of(self, f):
        return None if self.iommu_off else f.option["group"]

    def place(self, f):
        if f.path:
            return f.path
        parent = f.option["parent"]
        if parent:
            if parent not in self.functions:
                raise Mistake("%s: there is no parent %s" % (f.address, parent))
            return self.place(self.functions[parent]) + "/" + f.address
        bus = "%s:%s" % (f.domain, f.bus)
        above = self.buses.get(bus, "")
        above = self.place(self.functions[above]) if above in self.functions else "sys/devices/" + above
        return os.path.join(above, "pci" + bus, f.address)

    def path(self, text):
        """A PATH of the fixture as a path of the tree."""
        text = unescape(text)
        if not text.startswith("@"):
            return text
        address, slash, rest = text[1:].partition("/")
        return self.functions[address].path + slash + rest

    def last_bus(self, f):
        return max([int(f.bus, 16)] + [self.last_bus(c) for c in self.children[f.address]])

    def tree(self):
        tree = Tree()
        for f in self.functions.values():
            self.add_function(tree, f)
        for name in self.idle_drivers:
            self.add_driver(tree, name)
        self.add_groups(tree)
        self.add_machine(tree)
        self.add_uses(tree)
        for path, what in self.late:
            if what == "absent":
                tree.remove(self.path(path))
            else:
                tree.entries[self.path(path)] = what
        if self.errors:
            tree.file("passthru-snapshot.json", json.dumps(self.manifest(), indent=1) + "\n")
        return tree

    def manifest(self):
        errors = {}
        for path, name in self.errors:
            errors[self.path(path)] = name
            if path.startswith("@"):
                errors[PCI_DEVICES + path[1:]] = name
        return {"format": "passthru-snapshot", "version": 1, "complete": True, "errors": errors, "lists": {}}

    def add_driver(self, tree, name):
        folder = "sys/bus/pci/drivers/" + name
        tree.entries.setdefault(folder, None)
        if name not in self.builtin:
            module = "sys/module/" + (DRIVER_MODULES.get(name) or name.replace("-", "_"))
            tree.link(folder + "/module", module)
            tree.entries.setdefault(module, None)
        return folder

    def add_function(self, tree, f):
        o = f.option
        tree.link(PCI_DEVICES + f.address, f.path)
        tree.link(f.path + "/subsystem", "sys/bus/pci")
        for name, value in attributes(f).items():
            if value is not None:
                tree.file("%s/%s" % (f.path, name), value if name == "uevent" else value + "\n")
        tree.entries[f.path + "/config"] = self.config_bytes(f)
        for name in ("remove", "rescan"):
            tree.file("%s/%s" % (f.path, name), "")
        if f.resources()[6] != (0, 0, 0):
            tree.file(f.path + "/rom", "")
        if o["driver"]:
            folder = self.add_driver(tree, o["driver"])
            tree.link(f.path + "/driver", folder)
            tree.link("%s/%s" % (folder, f.address), f.path)
        if o["pf"]:
            pf = self.functions[o["pf"]]
            tree.link(f.path + "/physfn", pf.path)
            tree.link("%s/virtfn%d" % (pf.path, self.virtual[pf.address].index(f)), f.path)

    def add_groups(self, tree):
        regions = collections.defaultdict(set)
        for f in self.functions.values():
            number = self.group_of(f)
            if number is None:
                continue
            group = "sys/kernel/iommu_groups/" + number
            tree.link(f.path + "/iommu_group", group)
            tree.link("%s/devices/%s" % (group, f.address), f.path)
            usual = self.group_types.get("*", "DMA-FQ")
            tree.file(group + "/type", self.group_types.get(number, usual) + "\n")
            regions[group] |= set(acpi_tables.regions_of(self, f))
        for group, found in regions.items():
            tree.file(group + "/reserved_regions",
                      "".join("0x%016x 0x%016x %s\n" % region for region in sorted(found)))

    def config_bytes(self, f):
        readable = int(f.option["config"] or (64 if self.is_user else 4096))
        return config_space.compose(f, self.last_bus(f), self.children[f.address], self.slots[f.slot] > 1)[:readable]


def attributes(f):
    """Content per file of the function's directory, without the newline; None: the file is not there."""
    o = f.option
    now, most = (o["link"] or "/").split("/")
    numvfs, totalvfs = (o["vfs"] or "/").split("/")
    vga = f.class_code >> 8 == 0x0300

    def speed(text):
        return text and text.split("x")[0] + " GT/s PCIe"

    def width(text):
        return text and text.split("x")[1]

    values = {
        "ari_enabled": "0",
        "boot_vga": (o["boot_vga"] or "0") if vga else None,
        "broken_parity_status": "0",
        "class": "0x%06x" % f.class_code,
        "consistent_dma_mask_bits": "64" if o["driver"] else "32",
        "current_link_speed": speed(now),
        "current_link_width": width(now),
        "d3cold_allowed": o["d3cold"],
        "device": "0x%04x" % f.device,
        "dma_mask_bits": "64" if o["driver"] else "32",
        "driver_override": o["override"],
        "enable": o["enable"] or ("1" if o["driver"] else "0"),
        "irq": o["irq"],
        "max_link_speed": speed(most),
        "max_link_width": width(most),
        "modalias": f.modalias(),
        "msi_bus": "1",
        "numa_node": o["numa"],
        "power/control": o["control"],
        "power/runtime_status": o["runtime"],
        "power_state": o["power"],
        "reset_method": o["reset"] and o["reset"].replace(",", " "),
        "resource": "\n".join("0x%016x 0x%016x 0x%016x" % line for line in f.resources()),
        "revision": "0x" + o["rev"],
        "sriov_drivers_autoprobe": "1" if totalvfs else None,
        "sriov_numvfs": numvfs,
        "sriov_totalvfs": totalvfs,
        "subsystem_device": "0x%04x" % f.sub_device,
        "subsystem_vendor": "0x%04x" % f.sub_vendor,
        "uevent": f.uevent(),
        "vendor": "0x%04x" % f.vendor,
    }
    return {name: value or None for name, value in values.items()}


def read_host(path):
    with open(path, encoding="utf-8") as f:
        try:
            return Host(f.read())
        except Mistake as e:
            raise Mistake("%s: %s" % (path, e)) from e


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: expand.py FILE DIR")
    try:
        read_host(sys.argv[1]).tree().write(sys.argv[2])
    except (Mistake, OSError) as e:
        sys.exit("expand.py: %s" % e)


if __name__ == "__main__":
    main()
