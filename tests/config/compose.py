"""Made-up configuration spaces: chains that are well formed, registers that hold anything.

Real devices fill few of the bits. Here every field of every capability takes many values, so that a wrong mask or
offset shows against lspci. The seed is fixed: the same functions every time.
"""
import random

import tree

PM, VPD, MSI, VNDR, SSVID, EXP, MSIX, AF = 0x01, 0x03, 0x05, 0x09, 0x0d, 0x10, 0x11, 0x13
EXP_BYTES = 0x3c
TYPES = (0, 1, 4, 5, 6, 7, 8, 9, 10)
BRIDGES = (4, 5, 6, 7, 8)
# extended id: bytes of the structure
EXTENDED = {0x01: 0x38, 0x03: 12, 0x0d: 8, 0x0e: 8, 0x0f: 8, 0x10: 0x40, 0x13: 16, 0x15: 4 + 6 * 8, 0x18: 8, 0x1b: 8,
            0x1e: 20, 0x24: 4 + 6 * 8, 0x25: 12, 0x26: 0x40}


def put(config, offset, data):
    config[offset:offset + len(data)] = data


def put_long(config, offset, value):
    put(config, offset, (value & 0xffffffff).to_bytes(4, "little"))


def standard(random_, config, express_type):
    """Lays a chain of capabilities into 0x40..0xff, in random order."""
    sizes = {PM: 8, MSI: 24, MSIX: 12, VNDR: random_.choice((8, 16)), AF: 8}
    if config[0x0e] & 0x7f == 1:
        sizes[SSVID] = 8
    chosen = [cap for cap in sizes if random_.random() < 0.7]
    random_.shuffle(chosen)
    if express_type is not None:
        chosen.insert(random_.randrange(len(chosen) + 1), EXP)
        sizes[EXP] = EXP_BYTES
    offset, previous = 0x40, 0x34
    for cap in chosen:
        if offset + sizes[cap] > 0x100:
            break
        config[previous] = offset
        put(config, offset, random_.randbytes(sizes[cap]))
        config[offset], config[offset + 1] = cap, 0
        if cap == VNDR:
            config[offset + 2] = sizes[cap]
        if cap == EXP:
            flags = random_.choice((1, 2, 2, 2)) | express_type << 4 | random_.getrandbits(1) << 8
            put(config, offset + 2, flags.to_bytes(2, "little"))
            for register in (0x0c, 0x12):  # mostly speeds and widths that exist
                config[offset + register] = random_.choice((1, 2, 3, 4, 5, 6, 9)) | random_.choice((1, 2, 4, 8)) << 4
        previous = offset + 1
        offset += (sizes[cap] + 3) & ~3
    config[6] |= 0x10 if config[0x34] else 0


def extended(random_, config):
    chosen = [cap for cap in EXTENDED if random_.random() < 0.4]
    random_.shuffle(chosen)
    for cap in (0x0b, 0x23):
        if random_.random() < 0.5:
            chosen.append(cap)
    offset, previous = 0x100, None
    for cap in chosen:
        n = EXTENDED.get(cap, 0x10)
        put(config, offset, random_.randbytes(n))
        put_long(config, offset, cap | random_.randrange(1, 4) << 16)
        if previous is not None:
            put_long(config, previous, int.from_bytes(config[previous:previous + 4], "little") & 0xfffff | offset << 20)
        if cap in (0x15, 0x24):
            config[offset + 8] = config[offset + 8] & 0x1f | random_.randrange(1, 7) << 5
            for entry in range(6):  # beyond 2^43 MiB lspci has no unit
                config[offset + 9 + 8 * entry] &= 0x1f
        if cap == 0x10:
            for register in range(6):  # memory of 32 or 64 bit
                config[offset + 0x24 + 4 * register] &= 0xf8 if register == 5 else 0xfc
        if cap == 0x0b or cap == 0x23:
            header = int.from_bytes(config[offset + 4:offset + 8], "little") & 0xfffff
            put_long(config, offset + 4, header | (0x00c if cap == 0x23 else 0x010) << 20)
        previous = offset
        offset += (n + random_.choice((0, 0, 16)) + 3) & ~3


def function(random_, address):
    made = tree.Function(address)
    express_type = random_.choice(TYPES) if random_.random() < 0.85 else None
    is_bridge = express_type in BRIDGES if express_type is not None else random_.random() < 0.3
    config = bytearray(4096 if express_type is not None else 256)
    put(config, 0, random_.randbytes(64))
    config[0:4] = bytes((0x36, 0x1b, random_.randrange(255), 0x10))
    config[0x0e] = is_bridge | random_.getrandbits(1) << 7
    config[0x34:0x3c] = bytes(8)
    config[0x3d] = random_.randrange(5)
    config[6] &= ~0x10
    config[9:12] = bytes((0, 4, 6)) if is_bridge else bytes((0, 0, random_.choice((1, 2, 3, 4, 12))))
    for bar in range(2 if is_bridge else 6):
        bits = random_.choice((0, 1, 0x0, 0x4, 0x8, 0xc))
        base = random_.getrandbits(28) << 4 if bits != 1 else random_.getrandbits(14) << 2
        put_long(config, 0x10 + 4 * bar, 0 if random_.random() < 0.2 else base | bits)
    if is_bridge:
        # secondary bus 0: no parent of anybody
        config[0x19] = 0
        for low in (0x1c, 0x1d):
            config[low] = config[low] & 0xf0 | config[0x1c] & 1
        for low in (0x20, 0x22):
            config[low] &= 0xf0
        for low in (0x24, 0x26):
            config[low] = config[low] & 0xf0 | config[0x24] & 1
        put_long(config, 0x38, random_.getrandbits(21) << 11 | random_.getrandbits(1))
    else:
        put_long(config, 0x30, random_.getrandbits(21) << 11 | random_.getrandbits(1))
    standard(random_, config, express_type)
    if express_type is not None:
        extended(random_, config)
    made.config = config
    made.ids = [made.word(0), made.word(2), 0, 0]
    return made


def functions(count, seed=20):
    random_ = random.Random(seed)
    addresses = ["%04x:%02x:%02x.0" % (n >> 13, n >> 5 & 0xff, n & 0x1f) for n in range(count)]
    return {address: function(random_, address) for address in addresses}
