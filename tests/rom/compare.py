"""Holds the program's reading of real expansion ROMs against that of romheaders (Debian's fcode-utils), image by image:
compare.py ROM-DUMP. The files are those that ipxe-qemu and seabios install. What romheaders does not decode (the EFI
header, checksums) is computed here from the bytes that it prints and from the file."""
import glob
import json
import re
import struct
import subprocess
import sys

FILES = sorted(glob.glob("/usr/lib/ipxe/*.rom") + glob.glob("/usr/lib/ipxe/qemu/*.rom") + glob.glob("/usr/share/seabios/vgabios*.bin"))
LEAST = 20  # that many ROMs at least: an oracle that finds nothing to say is none

FIELDS = {
    "vendor": r"Vendor ID: 0x(\w+)", "device": r"Device ID: 0x(\w+)", "data_revision": r"Structure Revision: 0x(\w+)",
    "class": r"Class Code: 0x(\w+)", "code_revision": r"Revision Level of Code/Data: 0x(\w+)",
    "code": r"Code Type: 0x(\w+)",
}


def oracle(path):
    """The images as romheaders sees them, with the fields of the program."""
    text = subprocess.run(["romheaders", path], capture_output=True, encoding="latin-1", check=False).stdout
    with open(path, "rb") as f:
        data = f.read()
    images, offset = [], 0
    for part in re.split(r"^Image \d+:$", text, flags=re.M)[1:]:
        raw = data[offset:]
        image = {"offset": offset, "has_data": "'PCIR' (Ok)" in part}
        if image["has_data"]:
            image |= {key: int(re.search(pattern, part)[1], 16) for key, pattern in FIELDS.items()}
            image["size"] = int(re.search(r"Image Length: .*\((\d+) bytes\)", part)[1])
            image["last"] = "(last image in rom)" in part
        else:
            image |= {"size": raw[2] * 512, "last": True, "code": 0}
        if image["code"] == 0:
            image["checksum_ok"] = sum(raw[:raw[2] * 512]) & 0xff == 0
        unique = bytes(int(b, 16) for b in re.search(r"CPU unique data: ([\sx0-9a-f]+)", part)[1].split())
        if image["code"] == 3:
            signature, image["subsystem"], image["machine"], image["compression"] = struct.unpack_from("<IHHH", unique, 2)
            image["efi"] = signature == 0xef1
            image["driver_offset"] = struct.unpack_from("<H", raw, 0x16)[0]
        images.append(image)
        offset += image["size"]
    return images


def compare(dump, path):
    """What differs, as sentences."""
    ours = json.loads(subprocess.run([dump, path], capture_output=True, text=True, check=True).stdout)
    theirs = oracle(path)
    if ours["error"]:
        yield "not read: %s" % ours["problem"]
    if len(ours["images"]) != len(theirs) or not theirs:
        yield "%d images, romheaders has %d" % (len(ours["images"]), len(theirs))
    for number, (our, their) in enumerate(zip(ours["images"], theirs), 1):
        for key, value in their.items():
            if our[key] != value:
                yield "image %d, %s: %r, romheaders has %r" % (number, key, our[key], value)


def main(dump):
    failed = len(FILES) < LEAST
    print("1..%d" % (len(FILES) + 1))
    print("%sok 1 - %d expansion ROMs to look at" % ("not " if failed else "", len(FILES)))
    for number, path in enumerate(FILES, 2):
        found = list(compare(dump, path))
        failed |= bool(found)
        print("%sok %d - %s" % ("not " if found else "", number, path))
        for line in found:
            print("#   " + line)
    return failed


sys.exit(main(sys.argv[1]))
