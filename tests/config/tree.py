"""Dumps of configuration spaces as text, and the trees that they expand to.

A dump is the output of `lspci -D -xxxx` with a few facts of sysfs below the first line of a function:

  0000:01:00.0 VGA compatible controller: ...
  	iommu_group 3              links of sysfs, as their last component
  	physfn 0000:01:00.0
  	ids VENDOR:DEVICE SUBVENDOR:SUBDEVICE   as sysfs has them: a virtual function's are not in its registers
  	resource 0 START END FLAGS   a line of `resource` and its number
  00: 86 80 ...                sixteen bytes; a line of zeros may be left out

`#` begins a comment. A dump without such facts (somebody's `lspci -xxxx`) will do, the domain may be missing.
"""
import collections
import os
import re

DEVICES = "sys/bus/pci/devices"
ADDRESS = re.compile(r"(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])\b")
HEX = re.compile(r"([0-9a-f]{2,3}): ((?:[0-9a-f]{2} ?)+)\s*$")


class Function:
    def __init__(self, address):
        self.address = address
        self.config = bytearray()
        self.links = {}
        self.ids = None
        self.resources = {}

    def word(self, offset):
        return int.from_bytes(self.config[offset:offset + 2], "little")

    @property
    def is_bridge(self):
        return len(self.config) >= 64 and self.config[0x0e] & 0x7f == 1

    def resource(self):
        lines = [(0, 0, 0)] * (17 if self.is_bridge else 13)
        for index, values in self.resources.items():
            lines += [(0, 0, 0)] * (index + 1 - len(lines))
            lines[index] = values
        return "".join("0x%016x 0x%016x 0x%016x\n" % line for line in lines)


def parse(text):
    """The functions of a dump, by address, in its order."""
    found, function = collections.OrderedDict(), None
    for line in text.splitlines():
        match = ADDRESS.match(line)
        if match:
            function = Function("%s:%s:%s.%s" % (match[1] or "0000", *match.groups()[1:]))
            found[function.address] = function
            continue
        match = HEX.match(line)
        if match and function:
            data, offset = bytes.fromhex(match[2]), int(match[1], 16)
            function.config.extend(bytes(max(0, offset - len(function.config))))
            function.config[offset:offset + len(data)] = data
            continue
        words = line.split()
        if function and line.startswith("\t") and words:
            if words[0] == "resource":
                function.resources[int(words[1])] = tuple(int(word, 16) for word in words[2:5])
            elif words[0] == "ids":
                function.ids = [int(word, 16) for word in re.split("[: ]", line.split(None, 1)[1].strip())]
            elif words[0] in ("iommu_group", "physfn"):
                function.links[words[0]] = words[1]
    for function in found.values():
        if not function.ids:
            function.ids = [function.word(0), function.word(2), function.word(0x2c), function.word(0x2e)]
    return found


def hexdump(functions):
    """What `lspci -F` reads: every byte, in the address form that it writes itself."""
    text = []
    for address, function in functions.items():
        text.append("%s x" % address)
        text += ["%02x: %s" % (offset, function.config[offset:offset + 16].hex(" "))
                 for offset in range(0, len(function.config), 16)]
        text.append("")
    return "\n".join(text) + "\n"


def parents(functions):
    """address -> the bridge above: by the secondary bus numbers, as a kernel numbers them."""
    bridge_of = {}
    for function in functions.values():
        if len(function.config) >= 64 and function.config[0x0e] & 0x7f in (1, 2) and function.config[0x19]:
            bridge_of[function.address.rsplit(":", 2)[0], function.config[0x19]] = function.address
    above = {}
    for address, function in functions.items():
        of = function.links.get("physfn", address)
        domain, bus = of.rsplit(":", 2)[:2]
        parent = bridge_of.get((domain, int(bus, 16)))
        above[address] = parent if parent != address else None
    return above


def write(path, data):
    with open(path, "wb") as f:
        f.write(data if isinstance(data, (bytes, bytearray)) else data.encode())


def real_path(address, above):
    """The directory below sys/devices; a parent that is its own ancestor ends the chain."""
    chain, seen = [], set()
    while address and address not in seen:
        seen.add(address)
        chain.insert(0, address)
        address = above[address]
    domain, bus = chain[0].rsplit(":", 2)[:2]
    return "sys/devices/pci%s:%s/%s" % (domain, bus, "/".join(chain))


def expand(functions, top):
    """Writes what a kernel would show of these functions below the folder `top`."""
    above = parents(functions)
    os.makedirs(os.path.join(top, DEVICES))
    for address, function in functions.items():
        path = real_path(address, above)
        full = os.path.join(top, path)
        os.makedirs(full, exist_ok=True)
        os.symlink("../../../../" + path, os.path.join(top, DEVICES, address))
        class_code = int.from_bytes(function.config[9:12], "little")
        write(full + "/config", function.config)
        write(full + "/resource", function.resource())
        for name, number in zip(("vendor", "device"), function.ids):
            write(full + "/" + name, "0x%04x\n" % number)
        write(full + "/class", "0x%06x\n" % class_code)
        write(full + "/irq", "0\n")
        write(full + "/uevent", "PCI_CLASS=%X\nPCI_ID=%04X:%04X\nPCI_SUBSYS_ID=%04X:%04X\nPCI_SLOT_NAME=%s\n" % (
            class_code, *function.ids, address))
        depth = "../" * (path.count("/") + 1)
        group = function.links.get("iommu_group")
        if group:
            devices = os.path.join(top, "sys/kernel/iommu_groups", group, "devices")
            os.makedirs(devices, exist_ok=True)
            os.symlink("../../../../../" + path, os.path.join(devices, address))
            os.symlink(depth + "sys/kernel/iommu_groups/" + group, full + "/iommu_group")
        if "physfn" in function.links:
            os.symlink("../" + function.links["physfn"], full + "/physfn")
