"""The firmware's tables about IOMMUs: bytes composed from a few words, and what the kernel reserves because of them.

Formats: Intel VT-d specification, chapter 8; AMD IOMMU specification, "I/O Virtualization ACPI Table". Reserved regions
follow intel_iommu_get_resv_regions() of drivers/iommu/intel/iommu.c and amd_iommu_get_resv_regions() of
drivers/iommu/amd/iommu.c.
"""
import struct

SCOPES = {"endpoint": 1, "bridge": 2, "ioapic": 3, "hpet": 4}
MSI = (0xfee00000, 0xfeefffff, "msi")
HYPERTRANSPORT = (0xfd00000000, 0xffffffffff, "reserved")


def words_of(line):
    kind, *words = line.split()
    return kind, [word for word in words if "=" not in word], dict(word.split("=", 1) for word in words if "=" in word)


def scope(text):
    """KIND@BUS:DEV.FN/DEV.FN... as bytes; an I/O APIC or HPET has its number: ioapic2@f0:1f.0"""
    kind, _, path = text.partition("@")
    name = kind.rstrip("0123456789")
    bus, _, steps = path.partition(":")
    pairs = b"".join(bytes((int(s[:2], 16), int(s[3]))) for s in steps.split("/"))
    return struct.pack("<BBHBB", SCOPES[name], 6 + len(pairs), 0, int(kind[len(name):] or 0), int(bus, 16)) + pairs


def dmar_part(line):
    """drhd ADDRESS [all] SCOPE...; rmrr START-END SCOPE...; atsr SCOPE..."""
    kind, words, _ = words_of(line)
    if kind == "drhd":
        scopes = b"".join(scope(w) for w in words[1:] if w != "all")
        body = struct.pack("<BBHQ", "all" in words, 0, 0, int(words[0], 16)) + scopes
        return struct.pack("<HH", 0, 4 + len(body)) + body
    if kind == "rmrr":
        start, end = (int(n, 16) for n in words[0].split("-"))
        body = struct.pack("<HHQQ", 0, 0, start, end) + b"".join(scope(w) for w in words[1:])
        return struct.pack("<HH", 1, 4 + len(body)) + body
    if kind == "atsr":
        body = struct.pack("<BBH", 0, 0, 0) + b"".join(scope(w) for w in words)
        return struct.pack("<HH", 2, 4 + len(body)) + body
    raise ValueError("there is no %s in a DMAR" % kind)


def ivrs_part(line):
    """ivhd ADDRESS device=ID [features=HEX]: all devices of a segment; ivmd START+LENGTH first=ID last=ID flags=HEX"""
    kind, words, options = words_of(line)
    if kind == "ivhd":
        entries = struct.pack("<BHB", 1, 0, 0)  # all devices
        length = 40 + len(entries)
        return struct.pack("<BBHHHQHHIQQ", 0x11, 0xb0, length, int(options["device"], 16), 0x40, int(words[0], 16), 0, 0,
                           0, int(options.get("features", "0"), 16), 0) + entries
    if kind == "ivmd":
        start, length = (int(n, 16) for n in words[0].split("+"))
        return struct.pack("<BBHHHQQQ", 0x22, int(options.get("flags", "8"), 16), 32, int(options["first"], 16),
                           int(options["last"], 16), 0, start, length)
    raise ValueError("there is no %s in an IVRS" % kind)


def compose(signature, options, lines):
    """The table; `checksum=wrong` spoils its checksum."""
    if signature == "DMAR":
        body = struct.pack("<BB10x", int(options.get("width", "39")) - 1, int(options.get("flags", "1"), 16))
        body += b"".join(dmar_part(line) for line in lines)
    else:
        body = struct.pack("<I8x", int(options.get("ivinfo", "203041"), 16)) + b"".join(ivrs_part(line) for line in lines)
    head = struct.pack("<4sIBB6s8sI4sI", signature.encode(), 36 + len(body), 1, 0, b"ALASKA", b"A M I   ", 1, b"INTL", 1)
    table = bytearray(head + body)
    table[9] = (-sum(table) + (options.get("checksum") == "wrong")) & 0xff
    return bytes(table)


# ---- what the kernel reserves ----

def rmrrs(table):
    """(start, end, [(start bus, ((device, function), ...))]) of each RMRR."""
    at = 48
    while at + 4 <= len(table):
        kind, length = struct.unpack_from("<HH", table, at)
        if kind == 1:
            scopes, place = [], at + 24
            while place + 6 <= at + length:
                n = table[place + 1]
                pairs = table[place + 6:place + n]
                scopes.append((table[place + 5], tuple(zip(pairs[::2], pairs[1::2]))))
                place += n
            yield (*struct.unpack_from("<QQ", table, at + 8), scopes)
        at += max(length, 4)


def ivmds(table):
    """(start, end, first id, last id) of each region, ends included."""
    at = 48
    while at + 4 <= len(table):
        kind, _, length, first, aux = struct.unpack_from("<BBHHH", table, at)
        if kind in (0x20, 0x21, 0x22):
            start, size = struct.unpack_from("<QQ", table, at + 16)
            last = {0x20: 0xffff, 0x21: first, 0x22: aux}[kind]
            yield (start + 0xfff & ~0xfff, (start + 0xfff & ~0xfff) + (size + 0xfff & ~0xfff) - 1,
                   0 if kind == 0x20 else first, last)
        at += max(length, 4)


def scope_means(host, scope_, f):
    """Whether the path of a device scope ends at that function: every step but the last is a bridge to walk."""
    bus, path = scope_
    if f.domain != "0000":
        return False
    for device, function in path[:-1]:
        bridge = host.functions.get("0000:%02x:%02x.%d" % (bus, device, function))
        below = host.children[bridge.address] if bridge else []
        if not below:
            return False
        bus = int(below[0].bus, 16)
    return f.address == "0000:%02x:%02x.%d" % (bus, *path[-1])


def regions_of(host, f):
    """What reserved_regions of the group has because of this function."""
    found = []
    dmar, ivrs = host.tables.get("DMAR"), host.tables.get("IVRS")
    if dmar:
        relaxable = f.class_code >> 8 == 0x0c03 or f.class_code >> 16 == 0x03
        found += [(start, end, "direct-relaxable" if relaxable else "direct") for start, end, scopes in rmrrs(dmar)
                  if any(scope_means(host, s, f) for s in scopes)]
        if f.class_code >> 8 == 0x0601:
            found.append((0, 0xffffff, "direct-relaxable"))
    if ivrs:
        found += [(start, end, "direct") for start, end, first, last in ivmds(ivrs)
                  if first <= f.number_of(f) <= last]
        found.append(HYPERTRANSPORT)
    return found + [MSI]
