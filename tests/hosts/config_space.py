"""Composes the configuration space of a fixture's function: header, capabilities, as far as the `pci` line tells them.

A function with `link` or `type` is PCI Express: power management, MSI and the Express capability stand in the first
256 bytes, the extended ones follow as options ask for them. Offsets of registers: linux/pci_regs.h.
"""
import struct

# PCI_EXP_TYPE_*
TYPES = {"endpoint": 0, "legacy": 1, "root": 4, "upstream": 5, "downstream": 6, "pcie-pci": 7, "pci-pcie": 8,
         "integrated": 9, "collector": 10}
PORTS = ("root", "downstream")
ACS = {"SV": 0x01, "TB": 0x02, "RR": 0x04, "CR": 0x08, "UF": 0x10, "EC": 0x20, "DT": 0x40}
ACS_REQUIRED = ACS["SV"] | ACS["RR"] | ACS["CR"] | ACS["UF"]
SPEEDS = {"2.5": 1, "5.0": 2, "8.0": 3, "16.0": 4, "32.0": 5, "64.0": 6}
POWER = {"D0": 0, "D1": 1, "D2": 2, "D3hot": 3}
PM_AT, MSI_AT, EXPRESS_AT = 0x40, 0x50, 0x80
PM, MSI, EXPRESS = 0x01, 0x05, 0x10
EXT_AER, EXT_ACS, EXT_ARI, EXT_ATS, EXT_SRIOV, EXT_REBAR = 0x01, 0x0d, 0x0e, 0x0f, 0x10, 0x15


def acs_controls(text):
    """(supported, enabled) of `acs=`: on, off, or names as in SV,RR/SV (supported/enabled)."""
    if text in ("on", "wide"):
        return 0x5f, ACS_REQUIRED
    if text == "off":
        return 0x5f, 0
    supported, _, enabled = text.partition("/")
    return tuple(sum(ACS[name] for name in part.split(",") if name) for part in (supported, enabled or supported))


def link_field(text):
    """"8.0x16" as the low bits of a link register; zero for what no register can say."""
    speed, _, width = text.partition("x")
    return SPEEDS[speed] | int(width) << 4 if speed in SPEEDS and width.isdecimal() else 0


def express(f, data):
    """Power management, MSI and PCI Express: what every function of PCI Express has."""
    o, kind = f.option, f.express_type
    no_soft_reset = 0 if "pm" in (o["reset"] or "").split(",") else 8
    data[6] |= 0x10
    data[0x34] = PM_AT
    struct.pack_into("<BBHH", data, PM_AT, PM, MSI_AT, 0xc803, POWER.get(o["power"], 0) | no_soft_reset)
    struct.pack_into("<BBH", data, MSI_AT, MSI, EXPRESS_AT, 0x0080 | (o["irq"] != "0"))
    slot = kind in PORTS and o["link"] is not None
    struct.pack_into("<BBH", data, EXPRESS_AT, EXPRESS, 0, 2 | TYPES[kind] << 4 | slot << 8)
    flr = "flr" in (o["reset"] or "").split(",")
    struct.pack_into("<IH", data, EXPRESS_AT + 4, 0x8001 | flr << 28, 0x2810)
    if o["link"]:
        now, most = (link_field(part) for part in o["link"].split("/"))
        struct.pack_into("<I", data, EXPRESS_AT + 12, most | 0xc00 | (1 << 20 if kind in PORTS else 0))
        struct.pack_into("<HH", data, EXPRESS_AT + 16, 0x40, now | (0x2000 if kind in PORTS else 0))
        struct.pack_into("<I", data, EXPRESS_AT + 44, (1 << (most & 15) + 1) - 2)
        data[EXPRESS_AT + 48] = most & 15
    if slot:
        struct.pack_into("<IHH", data, EXPRESS_AT + 20, 0, 0, 0x40)
    # atomic operations, LTR; of ports ARI forwarding
    struct.pack_into("<I", data, EXPRESS_AT + 36, 0x800 | (0x20 if kind in PORTS else 0))


def acs(f):
    supported, enabled = acs_controls(f.option["acs"])
    if f.option["acs"] == "wide":  # Intel's 100 and 200 series: registers of 32 bits
        return struct.pack("<II", supported, enabled)
    return struct.pack("<HH", supported, enabled)


def sriov(f):
    numvfs, totalvfs = (int(n) for n in f.option["vfs"].split("/"))
    below = f.virtual_functions
    offset = f.number_of(below[0]) - f.number_of(f) if below else 0x10
    device = below[0].device if below else f.device
    body = bytearray(0x3c)
    struct.pack_into("<IHHHHHBB", body, 0, 2, 0x9 if numvfs else 0, 0, totalvfs, totalvfs, numvfs, 0, 0)
    struct.pack_into("<HHHHII", body, 0x10, offset, 1, 0, device, 0x553, 1)
    for i, (start, _, flags) in enumerate(f.resources()[7:13]):
        if flags:
            struct.pack_into("<I", body, 0x20 + 4 * i, (start | flags & 15) & 0xffffffff)
            if flags & 0x100000:
                struct.pack_into("<I", body, 0x24 + 4 * i, start >> 32)
    return bytes(body)


def rebar(f):
    """BAR:LEAST-MOST in MiB, as powers of two: 1:8-13 is 256 MiB to 8 GiB of BAR 1."""
    bar, _, sizes = f.option["rebar"].partition(":")
    least, most = (int(n) for n in sizes.split("-"))
    start, end, _ = f.resources()[int(bar)]
    now = (end - start + 1).bit_length() - 21
    return struct.pack("<II", sum(1 << n + 4 for n in range(least, most + 1)), int(bar) | 1 << 5 | now << 8)


def extended(f, data):
    o, found = f.option, []
    if f.express_type != "collector":
        found.append((EXT_AER, 1, bytes(0x34)))
    if o["acs"]:
        found.append((EXT_ACS, 1, acs(f)))
    if o["vfs"] or o["pf"]:
        found.append((EXT_ARI, 1, bytes(4)))
    if o["vfs"]:
        found.append((EXT_SRIOV, 1, sriov(f)))
    if o["rebar"]:
        found.append((EXT_REBAR, 1, rebar(f)))
    at = 0x100
    for i, (kind, version, body) in enumerate(found):
        following = at + (4 + len(body) + 15 & ~15) if i + 1 < len(found) else 0
        struct.pack_into("<I", data, at, kind | version << 16 | following << 20)
        data[at + 4:at + 4 + len(body)] = body
        at = following


def compose(f, last_bus, children, is_multifunction):
    """All bytes that the kernel knows; what a user may read of them is cut by the caller."""
    data = bytearray(4096 if f.express_type else 256)
    if f.option["silent"]:
        return b"\xff" * len(data)
    vendor, device = (0xffff, 0xffff) if f.option["pf"] else (f.vendor, f.device)
    struct.pack_into("<HHHHBBBBB", data, 0, vendor, device, 7, 0, int(f.option["rev"], 16),
                     f.class_code & 0xff, f.class_code >> 8 & 0xff, f.class_code >> 16, 16)
    data[14] = f.is_bridge | is_multifunction << 7
    lines = f.resources()
    for i in range(0 if f.option["pf"] else 2 if f.is_bridge else 6):
        start, _, flags = lines[i]
        if flags:
            struct.pack_into("<I", data, 16 + 4 * i, (start | flags & 15) & 0xffffffff)
            if flags & 0x100000:
                struct.pack_into("<I", data, 20 + 4 * i, start >> 32)
    if f.is_bridge:
        below = [int(c.bus, 16) for c in children]
        data[24:27] = int(f.bus, 16), min(below, default=0), last_bus if below else 0
    else:
        struct.pack_into("<HH", data, 44, f.sub_vendor, f.sub_device)
    data[60] = int(f.option["irq"]) & 0xff
    data[61] = f.option["irq"] != "0"
    if f.option["rcba"]:
        struct.pack_into("<I", data, 0xf0, int(f.option["rcba"], 16))
    if f.express_type:
        express(f, data)
        extended(f, data)
    return bytes(data)
