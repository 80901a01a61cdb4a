"""What `lspci -vvv -n -D` says of a function, as field -> value: the other side of tests/config/compare.py.

The names of the fields are paths in the JSON of tests/config/dump.c; registers that lspci shows flag by flag
are fields of one flag each ("command.Mem").
"""
import re

COMMAND = {"I/O": 0, "Mem": 1, "BusMaster": 2, "SpecCycle": 3, "MemWINV": 4, "VGASnoop": 5, "ParErr": 6, "Stepping": 7,
           "SERR": 8, "FastB2B": 9, "DisINTx": 10}
BRIDGE_CONTROL = {"Parity": 0, "SERR": 1, "NoISA": 2, "VGA": 3, "VGA16": 4, "MAbort": 5, ">Reset": 6, "FastB2B": 7}
ACS = {"SrcValid": 0, "TransBlk": 1, "ReqRedir": 2, "CmpltRedir": 3, "UpstreamFwd": 4, "EgressCtrl": 5, "DirectTrans": 6}
SPEEDS = {"unknown": None, "2.5GT/s": 1, "5GT/s": 2, "8GT/s": 3, "16GT/s": 4, "32GT/s": 5, "64GT/s": 6}
TYPES = {"Endpoint": 0, "Legacy Endpoint": 1, "Root Port": 4, "Upstream Port": 5, "Downstream Port": 6,
         "PCI-Express to PCI/PCI-X Bridge": 7, "PCI/PCI-X to PCI-Express Bridge": 8,
         "Root Complex Integrated Endpoint": 9, "Root Complex Event Collector": 10}
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
MIB = {"MB": 0, "GB": 10, "TB": 20, "PB": 30, "EB": 40}

FLAG = r"([+-])"
NUMBER = r"(\d+)"
HEXES = r"([0-9a-f]+)"


def number(text):
    return int(text)


def hexadecimal(text):
    return int(text, 16)


def flag(text):
    return text == "+"


def speed(text):
    return SPEEDS[text]


def aspm(text):
    return ("L0s" in text) + 2 * ("L1" in text)


def size(text):
    match = re.fullmatch(r"(\d+)([KMGT]?)", text)
    return int(match[1]) * UNITS[match[2]]


# In whose lines: the word by which lspci calls a capability ("" for none), a pattern, field and converter per group.
RULES = [
    ("", r"\tStatus: Cap" + FLAG, [("status.Cap", flag)]),
    ("", r"\tInterrupt: pin ([A-D?])", [("header.interrupt_pin", lambda c: "?ABCD".find(c))]),
    ("", r"\tSubsystem: " + HEXES + ":" + HEXES, [("subsystem.vendor", hexadecimal), ("subsystem.device", hexadecimal)]),
    ("", r"\tBus: primary=" + HEXES + ", (?:secondary|secondary)=" + HEXES + ", subordinate=" + HEXES,
     [("bridge.primary", hexadecimal), ("bridge.secondary", hexadecimal), ("bridge.subordinate", hexadecimal)]),
    ("Power", r"Power Management version " + NUMBER, [("power.version", number)]),
    ("Power", r"\t\tFlags: .* D1" + FLAG + " D2" + FLAG, [("power.d1", flag), ("power.d2", flag)]),
    ("Power", r"\t\tFlags: .*PME\(D0(.),D1(.),D2(.),D3hot(.),D3cold(.)\)", [("pme.%d" % i, flag) for i in range(5)]),
    ("Power", r"\t\tStatus: D" + NUMBER + " NoSoftRst" + FLAG + " PME-Enable" + FLAG,
     [("power.state_number", number), ("power.no_soft_reset", flag), ("power.pme_enabled", flag)]),
    ("MSI:", r"MSI: Enable" + FLAG + " Count=" + NUMBER + "/" + NUMBER + " Maskable" + FLAG + " 64bit" + FLAG,
     [("msi.enabled", flag), ("msi.vectors", number), ("msi.vectors_max", number), ("msi.maskable", flag),
      ("msi.64bit", flag)]),
    ("MSI-X:", r"MSI-X: Enable" + FLAG + " Count=" + NUMBER + " Masked" + FLAG,
     [("msix.enabled", flag), ("msix.vectors", number), ("msix.masked", flag)]),
    ("MSI-X:", r"\t\tVector table: BAR=" + NUMBER + " offset=" + HEXES,
     [("msix.table_bar", number), ("msix.table_offset", hexadecimal)]),
    ("MSI-X:", r"\t\tPBA: BAR=" + NUMBER + " offset=" + HEXES,
     [("msix.pending_bar", number), ("msix.pending_offset", hexadecimal)]),
    ("PCI Advanced", r"\t\tAFCap: TP. FLR" + FLAG, [("af.flr", flag)]),
    ("Express", r"Express(?: \(v(\d+)\))? ", [("express.version", lambda v: int(v or 1))]),
    ("Express", r"\t\tDevCap:\tMaxPayload " + NUMBER + " bytes", [("express.payload_max", number)]),
    ("Express", r"\t\t\tExtTag" + FLAG, [("express.extended_tag", flag)]),
    ("Express", r"\t\t\tExtTag.* FLReset" + FLAG, [("express.flr", flag)]),
    ("Express", r"\t\t\tMaxPayload " + NUMBER + " bytes, MaxReadReq " + NUMBER + " bytes",
     [("express.payload", number), ("express.read_request", number)]),
    ("Express", r"\t\tDevSta:.*TransPend" + FLAG, [("express.transactions_pending", flag)]),
    ("Express", r"\t\tLnkCap:\tPort #" + NUMBER + r", Speed (\S+), Width x" + NUMBER + ", ASPM (not supported|L0s L1|L0s|L1)",
     [("express.link.port", number), ("express.link.speed_max", speed), ("express.link.width_max", number),
      ("express.link.aspm_supported", aspm)]),
    ("Express", r"\t\t\tClockPM" + FLAG + " Surprise. LLActRep" + FLAG,
     [("express.link.clock_pm", flag), ("express.link.reports_active", flag)]),
    ("Express", r"\t\tLnkCtl:\tASPM ([^;]*)", [("express.link.aspm_enabled", aspm)]),
    ("Express", r"\t\tLnkSta:\tSpeed (\S+?)(?: \(\w+\))?, Width x" + NUMBER,
     [("express.link.speed", speed), ("express.link.width", number)]),
    ("Express", r"\t\t\tTrErr. Train" + FLAG + " SlotClk. DLActive" + FLAG,
     [("express.link.training", flag), ("express.link.active", flag)]),
    ("Express", r"\t\tSltCap:\tAttnBtn" + FLAG + " PwrCtrl" + FLAG + ".* HotPlug" + FLAG + " Surprise" + FLAG,
     [("express.slot.attention_button", flag), ("express.slot.power_controller", flag), ("express.slot.hotplug", flag),
      ("express.slot.surprise", flag)]),
    ("Express", r"\t\t\tSlot #" + NUMBER, [("express.slot.number", number)]),
    ("Express", r"\t\t\tControl: .* Power" + FLAG, [("express.slot.power_off", flag)]),
    ("Express", r"\t\tSltSta:.* PresDet" + FLAG, [("express.slot.occupied", flag)]),
    ("Express", r"\t\tDevCap2: .* LTR" + FLAG, [("express.ltr", flag)]),
    ("Express", r"\t\t\t 10BitTagComp" + FLAG + " 10BitTagReq" + FLAG,
     [("express.tag_10bit_completer", flag), ("express.tag_10bit_requester", flag)]),
    ("Express", r"\t\t\t FRS.* ARIFwd" + FLAG, [("express.ari_forwarding", flag)]),
    ("Express", r"\t\t\t AtomicOpsCap: .*Routing" + FLAG, [("express.atomic_routing", flag)]),
    ("Express", r"\t\t\t AtomicOpsCap: .*32bit" + FLAG + " 64bit" + FLAG + " 128bitCAS" + FLAG,
     [("express.atomic_32", flag), ("express.atomic_64", flag), ("express.atomic_128", flag)]),
    ("Express", r"\t\tDevCtl2: .* LTR" + FLAG, [("express.ltr_enabled", flag)]),
    ("Express", r"\t\tDevCtl2: .* ARIFwd" + FLAG, [("express.ari_forwarding_enabled", flag)]),
    ("Express", r"\t\t\t AtomicOpsCtl: .*ReqEn" + FLAG, [("express.atomic_request_enabled", flag)]),
    ("Express", r"\t\tLnkCap2: Supported Link Speeds: ([^,]*),", [("speeds", lambda text: text)]),
    ("Express", r"\t\tLnkCtl2: Target Link Speed: ([^,]*),", [("target", lambda text: text)]),
    ("Alternative", r"\t\tARICap:\tMFVC" + FLAG + " ACS" + FLAG + ", Next Function: " + NUMBER,
     [("ari.function_groups_mfvc", flag), ("ari.function_groups_acs", flag), ("ari.next_function", number)]),
    ("Alternative", r"\t\tARICtl:.*Function Group: " + NUMBER, [("ari.function_group", number)]),
    ("Single", r"\t\tIOVCtl:\tEnable" + FLAG + " .* MSE" + FLAG + " ARIHierarchy" + FLAG,
     [("sriov.enabled", flag), ("sriov.memory_enabled", flag), ("sriov.ari_hierarchy", flag)]),
    ("Single", r"\t\tInitial VFs: " + NUMBER + ", Total VFs: " + NUMBER + ", Number of VFs: " + NUMBER
     + ", Function Dependency Link: " + HEXES,
     [("sriov.initial", number), ("sriov.total", number), ("sriov.count", number), ("sriov.depends_on", hexadecimal)]),
    ("Single", r"\t\tVF offset: " + NUMBER + ", stride: " + NUMBER + ", Device ID: " + HEXES,
     [("sriov.vf_offset", number), ("sriov.vf_stride", number), ("sriov.vf_device", hexadecimal)]),
    ("Single", r"\t\tSupported Page Size: " + HEXES + ", System Page Size: " + HEXES,
     [("sriov.page_sizes", hexadecimal), ("sriov.page_size", hexadecimal)]),
    ("Address", r"\t\tATSCap:\tInvalidate Queue Depth: " + HEXES, [("ats.queue_depth", hexadecimal)]),
    ("Address", r"\t\tATSCtl:\tEnable" + FLAG + ", Smallest Translation Unit: " + HEXES,
     [("ats.enabled", flag), ("ats.smallest_unit", hexadecimal)]),
    ("Page", r"\t\tPRICtl: Enable" + FLAG, [("pri.enabled", flag)]),
    ("Page", r"\t\tPRISta: RF. UPRGI. Stopped" + FLAG, [("pri.stopped", flag)]),
    ("Page", r"\t\tPage Request Capacity: " + HEXES + ", Page Request Allocation: " + HEXES,
     [("pri.capacity", hexadecimal), ("pri.allocation", hexadecimal)]),
    ("Process", r"\t\tPASIDCap: Exec" + FLAG + " Priv" + FLAG + ", Max PASID Width: " + HEXES,
     [("pasid.execute", flag), ("pasid.privileged", flag), ("pasid.width_max", hexadecimal)]),
    ("Process", r"\t\tPASIDCtl: Enable" + FLAG, [("pasid.enabled", flag)]),
    ("Device Serial", r"Device Serial Number (\S+)", [("serial.value", lambda text: int(text.replace("-", ""), 16))]),
]
RULES = [(context, re.compile(pattern), fields) for context, pattern, fields in RULES]

# Those that are decoded: by how lspci calls them.
KINDS = ("Power Management", "MSI:", "MSI-X:", "PCI Advanced", "Express", "Alternative", "Single Root", "Address", "Page Request",
         "Process", "Device Serial", "Access Control", "Advanced Error", "Physical Resizable", "Virtual Resizable")

CAPABILITY = re.compile(r"\tCapabilities: \[([0-9a-f]+)(?: v(\d+))?\] (.*)")
REGION = re.compile(r"\t(\t?)Region (\d): (?:(I/O ports|Memory) at (\S+))(?: \((32|64|low-1M)-bit, (non-)?prefetchable\))?(.*)")
WINDOW = re.compile(r"\t(I/O|Memory|Prefetchable memory) behind bridge: ([0-9a-f]+)-([0-9a-f]+)(.*)")
ROM = re.compile(r"\tExpansion ROM at ([0-9a-f]+)(.*)")
REBAR = re.compile(r"\t\tBAR (\d): current size: (\S+?)(?:, supported: (.*))?$")
VSEC = re.compile(r"Vendor Specific Information: ID=([0-9a-f]+) Rev=\d+ Len=([0-9a-f]+)")
DVSEC = re.compile(r"Designated Vendor-Specific: Vendor=([0-9a-f]+) ID=([0-9a-f]+) Rev=\d+ Len=(\d+)")
VENDOR = re.compile(r"Vendor Specific Information: Len=([0-9a-f]+)")
SIZE = re.compile(r"\[size=(\w+)\]")


def log2_mib(text):
    match = re.fullmatch(r"(\d+)([MGTPE]B)", text)
    return int(match[1]).bit_length() - 1 + MIB[match[2]]


def flags(prefix, text, bits):
    found = dict(re.findall(r"(\S+?)([+-])(?=\s|$)", text))
    return {"%s.%d" % (prefix, bit): found[name] == "+" for name, bit in bits.items() if name in found}


class Block:
    """The lines about one function."""

    def __init__(self, lines):
        self.fields = {}
        self.standard, self.extended = [], []
        self.broken = {"standard": False, "extended": False}
        self.context = ""
        self.unknown_header = any("Unknown header type" in line for line in lines)
        match = re.match(r"(\S+) ([0-9a-f]{4}): ([0-9a-f]{4}):([0-9a-f]{4})(?: \(rev ([0-9a-f]+)\))?", lines[0])
        self.address = match[1]
        self.fields["header.class"] = int(match[2], 16)
        self.fields["header.vendor"] = int(match[3], 16)
        self.fields["header.device"] = int(match[4], 16)
        self.fields["header.revision"] = int(match[5] or "0", 16)
        for line in lines[1:]:
            self.line(line)

    def line(self, line):
        text = line
        match = CAPABILITY.match(line)
        if match:
            self.capability(int(match[1], 16), match[2], match[3])
            text = match[3]
        elif not line.startswith("\t\t"):
            self.context = ""
        if self.special(line):
            return
        for context, pattern, fields in RULES:
            if self.context.startswith(context) and bool(context) == bool(self.context):
                match = pattern.match(text)
                if match:
                    for (name, convert), value in zip(fields, match.groups()):
                        self.fields[name] = convert(value)

    def capability(self, offset, version, text):
        chain = "standard" if version is None else "extended"
        if "<chain" in text:
            self.broken[chain] = True
            self.context = "-"
            return
        self.context = text
        # a second one of a kind is listed, but the first is the one that is decoded
        mine = getattr(self, chain)
        entry = {"offset": offset, "version": int(version or 0)}
        for pattern, names in ((VSEC, ("vendor_id", "length")), (DVSEC, ("vendor", "vendor_id", "dlength")), (VENDOR, ("length",))):
            match = pattern.match(text)
            if match:
                for name, value in zip(names, match.groups()):
                    entry["length" if name == "dlength" else name] = int(value, 10 if name == "dlength" else 16)
        kind = next((kind for kind in KINDS if text.startswith(kind)), None)
        if kind and any(other["kind"] == kind for other in mine):
            self.context = "-"
        entry["kind"] = kind
        mine.append(entry)
        if kind == "Express":
            name = re.sub(r"^Express (\(v\d+\) )?", "", text)
            name = re.sub(r"( \(Slot[+-]\))?, MSI .*", "", name)
            if name in TYPES and self.context != "-":
                self.fields["express.type"] = TYPES[name]

    def special(self, line):
        """Lines that are more than one field each. True when it was one."""
        if line.startswith("\tControl: "):
            self.fields.update(flags("command", line, COMMAND))
        elif line.startswith("\tBridgeCtl: "):
            self.fields.update(flags("control", line, BRIDGE_CONTROL))
        elif self.context.startswith("Access") and line.startswith(("\t\tACSCap:", "\t\tACSCtl:")):
            self.fields.update(flags("acs.supported" if "ACSCap" in line else "acs.enabled", line, ACS))
        elif self.context.startswith(("Physical Resizable", "Virtual Resizable")) and REBAR.match(line):
            self.resizable(REBAR.match(line))
        elif REGION.match(line):
            self.region(REGION.match(line))
        elif WINDOW.match(line):
            self.window(WINDOW.match(line))
        elif ROM.match(line) and "virtual" not in line:
            match = ROM.match(line)
            self.fields["rom.address"] = int(match[1], 16)
            self.sized("rom", match[2])
        else:
            return False
        return True

    def sized(self, name, rest):
        match = SIZE.search(rest)
        if match:
            self.fields[name + ".size"] = size(match[1])

    def resizable(self, match):
        name = "rebar" if self.context.startswith("Physical") else "vf_rebar"
        sizes = sum(1 << log2_mib(word) for word in (match[3] or "").split())
        self.fields.setdefault(name + ".bars", []).append([int(match[1]), sizes, log2_mib(match[2])])

    def region(self, match):
        nested, index, kind, address, width, non, rest = match.groups()
        name = "%s.%s" % ("vfbar" if nested else "bar", index)
        # the upper half of the one before, which lspci shows as one more when it reads a file
        upper_half = self.fields.get("%s.%d.64bit" % (name.split(".")[0], int(index) - 1))
        if "[virtual]" in rest or upper_half:
            return
        self.fields[name + ".kind"] = "io" if kind == "I/O ports" else "memory"
        if re.fullmatch("[0-9a-f]+", address):
            self.fields[name + ".address"] = int(address, 16)
        if width:
            self.fields[name + ".64bit"] = width == "64"
            self.fields[name + ".prefetchable"] = not non
        self.sized(name, rest)

    def window(self, match):
        name = "window." + {"I": "io", "M": "memory", "P": "prefetchable"}[match[1][0]]
        self.fields[name] = (int(match[2], 16), int(match[3], 16), "[disabled]" not in match[4])


def parse(text):
    blocks = [Block(block.splitlines()) for block in re.split(r"\n\n+", text.strip()) if block]
    return {block.address: block for block in blocks}
