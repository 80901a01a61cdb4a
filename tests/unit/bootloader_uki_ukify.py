#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A stand-in for ukify and for dracut's objcopy: a PE file with sections, as far as they are read.

ukify.py ROOT MODE build --linux=/... --initrd=/... --uname=... --cmdline=... [--config=/...] --output=/...
"""
import os
import struct
import sys


def main():
    root, mode, verb, *rest = sys.argv[1:]
    if verb != "build" or mode == "fail":
        sys.exit("no such verb, or no room")
    said = dict(argument.lstrip("-").split("=", 1) for argument in rest)

    def read(name):
        with open(root + said[name], "rb") as file:
            return file.read()

    config = read("config").decode() if "config" in said else ""
    # as ukify joins the blanks of what is given on its command line
    sections = [(b".osrel", b"ID=test\n"), (b".cmdline", " ".join(said["cmdline"].split()).encode()),
                (b".uname", said["uname"].encode()), (b".initrd", read("initrd")), (b".linux", read("linux"))]
    sections = [s for s in sections if s[1]]
    if mode == "section":
        sections = [s for s in sections if s[0] != b".uname"]
    if mode == "profile":
        sections.append((b".profile", b"ID=main"))
    signed = "SecureBootPrivateKey=" in config and mode != "unsigned"
    optional = bytearray(112 + 16 * 8)
    struct.pack_into("<H", optional, 0, 0x20b)
    struct.pack_into("<I", optional, 108, 16)
    if signed:
        struct.pack_into("<II", optional, 112 + 4 * 8, 1, 8)
    at = 4096
    table, content = b"", b""
    for name, data in sections:
        padded = data + b"\0" * (-len(data) % 512)
        table += struct.pack("<8sIIII16x", name, len(data), at, len(padded), at)
        content += padded
        at += len(padded)
    head = b"MZ" + b"\0" * 58 + struct.pack("<I", 64)
    head += struct.pack("<4sHHIIIHH", b"PE", 0x8664, len(sections), 0, 0, 0, len(optional), 0)
    file = (head + optional + table).ljust(4096, b"\0") + content
    output = root + said["output"]
    with open(output + ".part", "wb") as to:
        to.write(file)
    os.rename(output + ".part", output)


main()
