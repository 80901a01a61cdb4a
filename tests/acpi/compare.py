#!/usr/bin/python3
"""Holds what the program makes of DMAR and IVRS tables against iasl, the compiler and disassembler of ACPICA: every
field of every structure, one TAP test per table.

usage: compare.py DUMP TABLE... [--as-is]      DUMP: the program built from dump.c; TABLE: a file or a folder of *.bin

The iasl of Debian 12 stops at what is younger than it. It is therefore shown a copy of the table in which younger types
stand as older ones of the same layout: SATC and SIDP as ATSR, IVHD 40h as 11h. Only the device entries with an ACPI HID
have no older form: they are left out of the copy, and decoded here. --as-is gives the table to iasl unchanged, for one
that knows all of it (2025 or later; IASL=/path/to/iasl names another one).
"""
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

IASL = os.environ.get("IASL", "iasl")
FIELD = re.compile(r"^\[([0-9A-F]{3,})h \d+\s+[0-9A-F]+h?\]\s+(.*?)(?: \(decoded below\))? : (.*)$")
HEADER, TABLE_HEADER = 36, 48
HID_ENTRY = 240


class Surprise(Exception):
    """iasl says something that this program does not understand."""


# ---- the table as iasl is to see it ----

def structures(table):
    """(offset, type, length) of each structure or block."""
    at = TABLE_HEADER
    while at < len(table):
        kind, _, length = struct.unpack_from("<BBH", table, at)
        if length < 4:
            raise Surprise("no length at 0x%x" % at)
        yield at, kind, length
        at += length


def entries(table, at, kind, length):
    """(offset, type, length) of each device entry of an IVHD."""
    end = at + length
    at += 24 if kind == 0x10 else 40
    while at < end:
        kind = table[at]
        size = 22 + table[at + 21] if kind == HID_ENTRY else 4 << (kind >> 6)
        yield at, kind, size
        at += size


class Copy:
    """What iasl gets, and for each byte of it where it is in the table."""

    def __init__(self, table, as_is):
        self.table, self.bytes, self.origin = table, bytearray(table), list(range(len(table)))
        self.hidden = []  # offsets of the device entries that were left out
        if as_is:
            return
        for at, kind, length in list(structures(table)):
            if table[:4] == b"DMAR" and kind in (5, 6):
                self.bytes[at] = 2
            if table[:4] == b"IVRS" and kind == 0x40:
                self.bytes[at] = 0x11
                self.hide(at, kind, length)

    def hide(self, at, kind, length):
        found = [e for e in entries(self.table, at, kind, length) if e[1] == HID_ENTRY]
        size = sum(e[2] for e in found)
        place = self.origin.index(at)
        struct.pack_into("<H", self.bytes, place + 2, length - size)
        struct.pack_into("<I", self.bytes, 4, struct.unpack_from("<I", self.bytes, 4)[0] - size)
        for offset, _, n in found:
            first = self.origin.index(offset)
            del self.bytes[first:first + n]
            del self.origin[first:first + n]
            self.hidden.append(offset)

    def hidden_bytes(self, first, end):
        return sum(22 + self.table[at + 21] for at in self.hidden if first <= at < end)


# ---- what iasl says ----

def disassemble(data):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "table")
        with open(path + ".bin", "wb") as f:
            f.write(data)
        done = subprocess.run([IASL, "-p", path, "-d", path + ".bin"], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Surprise("iasl failed: " + done.stderr.strip())
        with open(path + ".dsl", encoding="latin-1") as f:
            return f.read()


class Said:
    """The fields that iasl names, one after the other; a field with another name than expected is a surprise."""

    def __init__(self, text, copy):
        self.copy, self.at = copy, 0
        self.fields = [(int(m[1], 16), m[2].strip(), m[3]) for m in map(FIELD.match, text.splitlines()) if m]

    def next(self):
        return self.fields[self.at] if self.at < len(self.fields) else (len(self.copy.bytes), None, None)

    def place(self):
        """Offset of the next field in the copy."""
        return self.next()[0]

    def offset(self):
        """Offset of the next field in the table."""
        return self.copy.origin[self.place()] if self.place() < len(self.copy.origin) else len(self.copy.table)

    def sees(self, *names):
        return self.next()[1] in names

    def take(self, *names):
        _, name, value = self.next()
        if name not in names:
            raise Surprise("iasl has %r where %s belongs" % (name, " or ".join(names)))
        self.at += 1
        return value

    def number(self, *names):
        return int(self.take(*names).split()[0], 16)

    def long(self, *names):
        return "0x%x" % self.number(*names)

    def text(self, name, size):
        """Hex of the bytes. iasl shows those that cannot be printed as blanks: they are taken from the table."""
        at = self.offset()
        said = re.match('"(.*)"', self.take(name))[1].encode("latin-1")
        there = self.copy.table[at:at + size].split(b"\0")[0]
        return (there if bytes(c if 32 <= c < 127 else 32 for c in there) == said else said).hex()


def header(said):
    copy = said.copy
    return {
        "signature": said.text("Signature", 4),
        "length": said.number("Table Length") + copy.hidden_bytes(0, len(copy.table)),
        "revision": said.number("Revision"),
        "checksum": said.number("Checksum"),
        "checksum_ok": sum(copy.table) % 256 == 0,
        "oem_id": said.text("Oem ID", 6),
        "oem_table_id": said.text("Oem Table ID", 8),
        "oem_revision": said.number("Oem Revision"),
        "creator_id": said.text("Asl Compiler ID", 4),
        "creator_revision": said.number("Asl Compiler Revision"),
    }


# ---- DMAR ----

def scope(said):
    s = {"offset": said.offset(), "type": said.number("Device Scope Type"), "length": said.number("Entry Length")}
    # two bytes, of which later specifications made the first one flags
    s["flags"] = said.number("Flags", "Reserved") & 0xFF
    if said.sees("Reserved"):
        said.take("Reserved")
    s["enumeration_id"] = said.number("Enumeration ID")
    s["start_bus_number"] = said.number("PCI Bus Number")
    s["path"] = []
    while said.sees("PCI Path"):
        s["path"].append([int(n, 16) for n in said.take("PCI Path").split(",")])
    return s


def devices(said, s):
    s["segment_number"] = said.number("PCI Segment Number")
    for key, name in (("register_base_address", "Register Base Address"), ("base_address", "Base Address"),
                      ("limit_address", "End Address (limit)")):
        if said.sees(name):
            s[key] = said.long(name)
    s["scopes"] = []
    while said.sees("Device Scope Type"):
        s["scopes"].append(scope(said))


def dmar_structure(said):
    """(name of its array, the structure)"""
    s = {"offset": said.offset()}
    said.take("Subtable Type")
    kind = struct.unpack_from("<H", said.copy.table, s["offset"])[0]
    s["length"] = said.number("Length")
    if kind in (0, 2, 5):
        s["flags"] = said.number("Flags")
        size = said.number("Size", "Reserved")
        if kind == 0:
            s["size"] = size
    elif kind == 6:  # shown as ATSR, whose flags and reserved byte are here reserved
        said.take("Flags", "Reserved")
        if said.sees("Reserved"):
            said.take("Reserved")
    elif kind in (1, 3, 4):
        said.take("Reserved")
    if kind in (0, 1, 2, 5, 6):
        devices(said, s)
    elif kind == 3:
        s["register_base_address"] = said.long("Base Address")
        s["proximity_domain"] = said.number("Proximity Domain")
    elif kind == 4:
        s["acpi_device_number"] = said.number("Device Number")
        s["acpi_object_name"] = said.text("Device Name", s["length"] - 8)
    else:
        raise Surprise("structure of type %d" % kind)
    return ("drhds", "rmrrs", "atsrs", "rhsas", "andds", "satcs", "sidps")[kind], s


def dmar(said):
    t = {"header": header(said), "host_address_width": said.number("Host Address Width"), "flags": said.number("Flags")}
    said.take("Reserved")
    for key in ("drhds", "rmrrs", "atsrs", "rhsas", "andds", "satcs", "sidps", "unknowns"):
        t[key] = []
    while said.next()[1]:
        key, s = dmar_structure(said)
        t[key].append(s)
    return t


# ---- IVRS ----

def blank_entry(offset, kind, length):
    return {"offset": offset, "length": length, "type": kind, "device_id": 0, "dte_setting": 0, "source_device_id": 0,
            "extended_dte_setting": 0, "handle": 0, "variety": 0, "hid": "", "cid": "", "uid_format": 0, "uid": "",
            "uid_integer": "0x0"}


def hid_entry(table, at):
    """The one structure that iasl does not help with, decoded by the specification."""
    kind, device_id, dte, hid, cid, form, n = struct.unpack_from("<BHB8s8sBB", table, at)
    uid = table[at + 22:at + 22 + n]
    s = blank_entry(at, kind, 22 + n)
    s.update(device_id=device_id, dte_setting=dte, hid=hid.split(b"\0")[0].hex(), cid=cid.split(b"\0")[0].hex(),
             uid_format=form, uid=uid.hex())
    if form == 1:
        s["uid_integer"] = "0x%x" % int.from_bytes(uid, "little")
    return s


def entry(said):
    at = said.offset()
    kind = said.number("Entry Type", "Subtable Type")
    s = hid_entry(said.copy.table, at) if kind == HID_ENTRY else blank_entry(at, kind, 4 << (kind >> 6))
    s["device_id"] = said.number("Device ID")
    s["dte_setting"] = said.number("Data Setting")
    if kind in (66, 67):
        said.take("Reserved")
        s["source_device_id"] = said.number("Source Used Device ID")
        said.take("Reserved")
    elif kind in (70, 71):
        s["extended_dte_setting"] = said.number("Extended Data")
    elif kind == 72:
        s["handle"] = said.number("Handle")
        s["source_device_id"] = said.number("Source Used Device ID")
        s["variety"] = said.number("Variety")
    elif kind == HID_ENTRY:
        if said.next()[2].startswith('"'):
            s["hid"] = said.text("ACPI HID", 8)
        while said.sees("ACPI HID", "ACPI CID", "UID Format", "UID Length", "UID"):
            said.at += 1
    elif kind > 4:
        raise Surprise("device entry of type %d" % kind)
    return s


def bits(value, low, n):
    return value >> low & (1 << n) - 1


def ivhd(said, s, end):
    s["capability_offset"] = said.number("Capability Offset")
    s["iommu_base_address"] = said.long("Base Address")
    s["pci_segment_group"] = said.number("PCI Segment Group")
    s["iommu_info"] = info = said.number("Virtualization Info")
    s["msi_num"], s["unit_id"] = bits(info, 0, 5), bits(info, 8, 5)
    old = s["type"] == 0x10
    s["feature_info"] = f = said.number("Feature Reporting" if old else "Attributes")
    s["pn_counters"], s["pn_banks"], s["msi_num_ppr"] = bits(f, 13, 4), bits(f, 17, 6), bits(f, 23, 5)
    s["hat_dis"] = not old and bool(f & 1)
    s["efr_image"] = "0x0" if old else said.long("EFR Image")
    s["efr2_image"] = "0x0" if old else said.long("Reserved")
    f = f if old else 0
    s["features"] = {"xt_sup": bool(f & 1), "nx_sup": bool(f & 2), "gt_sup": bool(f & 4), "glx_sup": bits(f, 3, 2),
                     "ia_sup": bool(f & 0x20), "ga_sup": bool(f & 0x40), "he_sup": bool(f & 0x80),
                     "pas_max": bits(f, 8, 5), "gats": bits(f, 28, 2), "hats": bits(f, 30, 2)}
    s["entries"] = []
    while said.place() < end:
        s["entries"].append(entry(said))
    s["entries"] += [hid_entry(said.copy.table, at) for at in said.copy.hidden
                     if s["offset"] <= at < s["offset"] + s["length"]]
    s["entries"].sort(key=lambda e: e["offset"])


def ivrs_block(said):
    """(name of its array, the block); None for one of an unknown type"""
    place, s = said.place(), {"offset": said.offset()}
    said.take("Subtable Type")
    s["type"] = said.copy.table[s["offset"]]
    s["flags"] = said.number("Flags")
    length = said.number("Length")
    s["length"] = struct.unpack_from("<H", said.copy.table, s["offset"] + 2)[0]
    if s["length"] != length + said.copy.hidden_bytes(s["offset"], s["offset"] + s["length"]):
        raise Surprise("the length of the block at 0x%x" % s["offset"])
    s["device_id"] = said.number("DeviceId")
    if s["type"] in (0x10, 0x11, 0x40):
        ivhd(said, s, place + length)
        return "ivhds", s
    if s["type"] in (0x20, 0x21, 0x22):
        s["auxiliary_data"] = said.number("Auxiliary Data")
        s["pci_segment_group"] = said.number("Reserved") & 0xFFFF
        s["start_address"] = said.long("Start Address")
        s["memory_length"] = said.long("Memory Length")
        return "ivmds", s
    return None, s


def ivrs(said):
    t = {"header": header(said), "iv_info": said.number("Virtualization Info"), "ivhds": [], "ivmds": [], "unknowns": []}
    said.take("Reserved")
    info = t["iv_info"]
    t.update(efr_sup=bool(info & 1), dma_guard_opt_in=bool(info & 2), gva_size=bits(info, 5, 3),
             pa_size_bits=bits(info, 8, 7), va_size_bits=bits(info, 15, 7), ht_ats_resv=bool(info & 1 << 22))
    while said.next()[1]:
        key, s = ivrs_block(said)
        if key:
            t[key].append(s)
    # of these iasl shows the first fields, or nothing
    t["unknowns"] = [{"offset": at, "type": kind, "length": length} for at, kind, length in structures(said.copy.table)
                     if kind not in (0x10, 0x11, 0x40, 0x20, 0x21, 0x22)]
    return t


# ---- comparing ----

def differences(where, expected, found, count):
    """Complaints; count[0] grows by the fields that were compared."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in sorted(set(expected) | set(found)):
            yield from differences("%s.%s" % (where, key), expected.get(key, "nothing"), found.get(key, "nothing"), count)
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for number, pair in enumerate(zip(expected, found)):
            yield from differences("%s[%d]" % (where, number), *pair, count)
    else:
        count[0] += 1
        if expected != found:
            yield "%s: iasl says %s, the program %s" % (where, expected, found)


def compare(program, path, as_is, count):
    """Complaints about one table."""
    with open(path, "rb") as f:
        table = f.read()
    done = subprocess.run([program, path], capture_output=True, text=True, check=False)
    if done.returncode:
        return ["the program fails: " + done.stderr.strip()]
    try:
        copy = Copy(table, as_is)
        said = Said(disassemble(bytes(copy.bytes)), copy)
        expected = {b"DMAR": dmar, b"IVRS": ivrs}[table[:4]](said)
    except Surprise as e:
        return [str(e)]
    return list(differences("", expected, json.loads(done.stdout), count))


def main():
    words = [word for word in sys.argv[1:] if word != "--as-is"]
    paths = []
    for word in words[1:]:
        paths += sorted(os.path.join(word, name) for name in os.listdir(word) if name.endswith(".bin")) \
            if os.path.isdir(word) else [word]
    if not shutil.which(IASL):
        print("1..0 # SKIP there is no iasl (package acpica-tools)")
        return
    print("1..%d" % len(paths))
    total, failed = 0, False
    for number, path in enumerate(paths, 1):
        count = [0]
        complaints = compare(words[0], path, "--as-is" in sys.argv, count)
        print("%s %d - %s: %d fields" % ("not ok" if complaints else "ok", number, os.path.basename(path)[:-4], count[0]))
        for complaint in complaints:
            print("# " + complaint)
        total, failed = total + count[0], failed or bool(complaints)
    print("# %d fields of %d tables" % (total, len(paths)))
    sys.exit(failed)


if __name__ == "__main__":
    main()
