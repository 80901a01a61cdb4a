#!/usr/bin/python3
"""Gives the program requests and snapshots that make no sense, by mistake or on purpose.

usage: bad.py PROGRAM

Each must end in exactly one sentence on stderr, nothing on stdout and the right exit status: 2 for a request that is wrong in itself,
3 for what could not be found, read or written. A crash, a hang, a sanitizer's complaint or a terminal escape is a failure.
Prints TAP.
"""
import gzip
import io
import json
import os
import resource
import stat
import subprocess
import sys
import tarfile
import tempfile

sys.dont_write_bytecode = True

import tap

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../hosts"))

import expand

USAGE, FAILED = 2, 3
# The program promises to hold at most 256 MiB of a snapshot; a sanitizer keeps as much again of what was freed.
MOST_MEMORY_KIB = (1024 if "ASAN_OPTIONS" in os.environ else 512) << 10

HOST = "hostile"  # has escapes, gpu:0 and more, and 10de:1c82 twice

REQUESTS = (
    ("an unknown command", ["frobnicate"]),
    ("a command with escapes in it", ["\x1b]0;x\x07\x1b[2J"]),
    ("an unknown option", ["list", "--frobnicate"]),
    ("an option without its value", ["list", "--root"]),
    ("a list that is none", ["list", "toasters"]),
    ("a list with escapes in it", ["list", "\x1b[31m\nsecond line"]),
    ("too many arguments", ["list", "pci", "gpus"]),
    ("too few arguments", ["show"]),
    ("several devices where one is meant, by class", ["show", "gpu"]),
    ("several devices where one is meant, by ids", ["show", "10de:1c82"]),
    ("a command that changes the host, on a record", ["bind", "0000:00:01.0"]),
    ("another command that changes the host, on a record", ["release", "0000:00:01.0"]),
    ("a setup of a record", ["setup", "--yes", "0000:00:01.0"]),
    ("a confirmation in a record", ["confirm"]),
    ("a plan without a device", ["plan"]),
    ("a size of pages that is none", ["plan", "--hugepages", "3M=2", "0000:00:01.0"]),
    ("no number of pages", ["plan", "--hugepages", "1G=0", "0000:00:01.0"]),
    ("pages on a node that is none", ["plan", "--hugepages", "1G=1@x", "0000:00:01.0"]),
    ("a parameter with a blank in it", ["plan", "--kvm", "a=b c", "0000:00:01.0"]),
    ("a parameter of another module", ["plan", "--kvm", "vfio.x=1", "0000:00:01.0"]),
    ("processors in falling order", ["plan", "--isolate", "3-2", "0000:00:01.0"]),
    ("processors with escapes in them", ["plan", "--isolate", "1,\x1b[31m", "0000:00:01.0"]),
    ("a driver with a path in it", ["plan", "--blacklist", "../x", "0000:00:01.0"]),
    ("the driver of VFIO as one that is not to load", ["plan", "--blacklist", "vfio-pci", "0000:00:01.0"]),
    ("a use that there is not", ["plan", "--allow", "everything", "0000:00:01.0"]),
    ("a way to confirm that there is not", ["plan", "--confirm", "never", "0000:00:01.0"]),
    ("a time that is none", ["plan", "--for", "soon", "0000:00:01.0"]),
    ("a time that no boot takes", ["plan", "--for", "5s", "0000:00:01.0"]),
    ("a change that is no number", ["history", "first"]),
    ("a change with a sign", ["undo", "--dry-run", "+1"]),
)
# What a script gives whose variable was never set: the sentence must not have a hole in it.
EMPTY = (
    [""], ["list", ""], ["show", ""], ["explain", ""], ["history", ""], ["undo", "--dry-run", ""], ["snapshot", ""], ["vfs", "nic:0", ""],
    ["list", "--root", ""], ["explain", "--log", ""], ["bind", "--dry-run", "--for=", "gpu:0"], ["plan", "--isolate", "", "gpu:0"],
)
# Answers of every kind, for nobody.
ANSWERS = (
    ["--help"], ["list", "--help"], ["--version"], ["list"], ["list", "--json"], ["check"], ["show", "gpu:0"], ["explain", "iommu-active"],
    ["history"],
)
# What is no device at all.
NO_DEVICES = (
    "", " ", "x", ":", "::", ".", "0", "0000", "00:01.", "00:01.8", "00:01.00", "00:20.0", "100:00.0", "0:0:0:0.0", "00:01.0 ",
    " 00:01.0", "00:01.0x", "-1:00.0", "+0:00.0", "0x0:00.0", "123456789:00:00.0", "10de:", ":1c82", "10de:1c82:0", "gpu:",
    "gpu:-1", "gpu:+0", "gpu:0x1", "gpu: 0", "gpu:99999999999999999999", "gpu0", "GPU", "toaster", "../../etc/passwd",
    "/sys/bus/pci/devices/0000:00:01.0", "\x1b[31m", "a\nb", "\udcff\udcfe", "%s%n", "A" * 100000, "\u202egpu",
)
# What is a device, but not of this host.
ABSENT_DEVICES = ("0000:ff:00.0", "ffffffff:ff:1f.7", "ff:1f", "ffff:ffff", "1234:5678", "gpu:999", "nvme", "nvme:0")

MANIFEST = {"format": "passthru-snapshot", "version": 1, "errors": {}, "lists": {"sys/bus/pci/devices": []}}


def archive(*entries, manifest=json.dumps(MANIFEST).encode()):
    """A tar: of the manifest, and of (name, content) files or TarInfo."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for entry in ([("passthru-snapshot.json", manifest)] if manifest is not None else []) + list(entries):
            info, content = (entry, b"") if isinstance(entry, tarfile.TarInfo) else (tarfile.TarInfo(entry[0]), entry[1])
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


# A manifest, and then whatever is laid behind it: without the end of the archive.
PREFIX = archive()[:1024]


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def header(name, size):
    """The header of a file of which nothing follows."""
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


def repeated(chunk, times):
    """gzip of a chunk many times over, made of equal members: large only for who unpacks it."""
    return gzip.compress(chunk) * times


def without(key, **changes):
    return json.dumps({k: v for k, v in {**MANIFEST, **changes}.items() if k != key}).encode()


def bad_snapshots():
    """(what is wrong, bytes of the file)"""
    good = archive(("sys/x", b"x" * 2000))
    packed = gzip.compress(good)
    zeros = bytes(1 << 20)
    yield "an empty file", b""
    yield "one byte", b"x"
    yield "a text", b"This is not an archive.\n" * 100
    yield "zeros", bytes(10240)
    yield "a zip archive", b"PK\x03\x04" + bytes(100)
    yield "a shell script", b"#!/bin/sh\necho hello\n"
    yield "a tar without a manifest", archive(("sys/x", b"x"), manifest=None)
    yield "a tar cut in a file", good[:1600]
    yield "a gzip cut in the middle", packed[:len(packed) // 2]
    yield "a gzip with a wrong byte", packed[:40] + bytes([packed[40] ^ 0xff]) + packed[41:]
    yield "an absolute name", archive(("/etc/passwd", b"x"))
    yield "a name with ..", archive(("sys/../../etc/passwd", b"x"))
    yield "a name that is ..", archive(("..", b"x"))
    yield "a name with .. and escapes", archive(("../\x1b[31mred\x1b[0m\nsecond line", b"x"))
    yield "a hard link", archive(special("sys/x", tarfile.LNKTYPE, "passthru-snapshot.json"))
    yield "a character device", archive(special("sys/x", tarfile.CHRTYPE))
    yield "a block device", archive(special("sys/x", tarfile.BLKTYPE))
    yield "a named pipe", archive(special("sys/x", tarfile.FIFOTYPE))
    yield "a manifest that is a link", archive(special("passthru-snapshot.json", tarfile.SYMTYPE, "/etc/passwd"), manifest=None)
    yield "a file that claims 8 GiB", PREFIX + header("sys/x", (8 << 30) - 1)
    yield "a file that claims 2^62 bytes", PREFIX + header("sys/x", 1 << 62)
    yield "a gzip bomb: one file", gzip.compress(PREFIX + header("sys/x", 1 << 30)) + repeated(zeros, 1024)
    yield "a gzip bomb: many files", gzip.compress(PREFIX) + repeated(header("sys/x", 15 << 20) + zeros * 15, 40)
    yield "a gzip bomb: a million entries", gzip.compress(PREFIX) + repeated(header("sys/x", 0) * 1000, 1010)
    yield "a gzip bomb: an endless name", gzip.compress(endless_name()) + repeated(b"a" * (1 << 20), 512)
    for title, manifest in bad_manifests():
        yield "a manifest that " + title, archive(manifest=manifest)
    yield "a gzip bomb: long links", gzip.compress(PREFIX) + repeated(long_link(1 << 20), 1500)


def endless_name():
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 29
    return PREFIX + info.tobuf(tarfile.GNU_FORMAT)


def long_link(length):
    """One symbolic link whose target is almost `length` bytes."""
    return special("sys/x", tarfile.SYMTYPE, "x" * (length - 1)).tobuf(tarfile.GNU_FORMAT)


def bad_manifests():
    yield "is empty", b""
    yield "is cut", json.dumps(MANIFEST).encode()[:-10]
    yield "is no object", b"[]"
    yield "is nested without end", b"[" * 1000000
    yield "is not UTF-8", b'{"format": "\xff\xfe"}'
    yield "has no format", without("format")
    yield "has another format", without(None, format="tarball")
    yield "has a number for a format", without(None, format=7)
    yield "has no version", without("version")
    yield "has a later version", without(None, version=2)
    yield "has an enormous version", b'{"format": "passthru-snapshot", "version": 99999999999999999999}'
    yield "is a bomb of objects", b'{"format": "passthru-snapshot", "version": 2, "x": [{}' + b",{}" * 5000000 + b"]}"
    yield "has escapes in its error", b'{"format": "passthru-snapshot", "\x1b[31m": }'


def odd_snapshots():
    """Snapshots that are strange and no reason to refuse: (what is strange, bytes). They show no function."""
    def with_uevent(kind, target):
        lists = {"sys/bus/pci/devices": ["0000:00:01.0"]}
        return archive(special("sys/bus/pci/devices/0000:00:01.0", tarfile.SYMTYPE, "../../../devices/pci0000:00/0000:00:01.0"),
                       special("sys/devices/pci0000:00/0000:00:01.0/uevent", kind, target), manifest=without(None, lists=lists))
    yield "an absolute link out of the record", with_uevent(tarfile.SYMTYPE, "/etc/passwd")
    yield "a relative link out of the record", with_uevent(tarfile.SYMTYPE, "../../../../../../../../etc/passwd")
    yield "a link to itself", with_uevent(tarfile.SYMTYPE, "uevent")
    yield "entries with ./ in front", archive(("./sys/x", b"x"))
    yield "the same file twice", archive(("sys/x", b"x"), ("sys/x", b"y"))
    yield "a file below a file", archive(("sys/x", b"x"), ("sys/x/y", b"y"))
    yield "lists of what is no list", archive(manifest=without(None, lists={"sys/bus/pci/devices": {"a": 1}, "x": None}))
    yield "errors that are none", archive(manifest=without(None, errors={"sys/x": 7, "sys/y": "EFANCY", "": "EIO", "/": "0"}))
    yield "names that are none", archive(manifest=without(None, lists={"sys/bus/pci/devices": ["", ".", "..", "/", 7, None, "x" * 9999]}))


class Bench:
    """Runs the program and judges how it failed."""

    def __init__(self, program, results):
        self.program = program
        self.results = results
        self.most_kib = MOST_MEMORY_KIB

    def memory(self):
        """Complaints when the last run used more than any before it, and too much."""
        used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        if used <= self.most_kib:
            return []
        self.most_kib = used
        return ["used %d MiB, more than %d" % (used >> 10, MOST_MEMORY_KIB >> 10)]

    def refused(self, title, status, *words):
        got, out, err = tap.run(self.program, *words)
        complaints = tap.unsafe(err) + self.memory()
        if got != status:
            complaints.append("exit status %d, not %d" % (got, status))
        if out:
            complaints.append("stdout: " + out[:200])
        if err.count("\n") != 1 or not err.startswith("passthru: ") or len(err) > 2000:
            complaints.append("stderr is not one sentence: " + err[:2000])
        self.results.result(title, complaints)

    def empty(self, words, *options):
        _, _, err = tap.run(self.program, *options, *words)
        self.refused("an empty argument: %s" % words, USAGE, *options, *words)
        self.results.result("an empty argument is said to be: %s" % words, [] if " is empty" in err else [err])

    def unwritten(self, title, words, **how):
        """The answer goes where nothing can be written."""
        done = subprocess.run([self.program, *words], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False,
                              timeout=tap.LIMIT_S, **how)
        err = done.stderr.decode("utf-8", "backslashreplace")
        complaints = ["exit status %d, not %d" % (done.returncode, FAILED)] * (done.returncode != FAILED)
        if err.count("\n") != 1 or "writing the answer: " not in err:
            complaints.append("stderr: " + err[:2000])
        self.results.result("%s: %s" % (title, " ".join(words)), complaints)

    def answered(self, title, forbidden, *words):
        got, out, err = tap.run(self.program, *words)
        complaints = tap.unsafe(out + err) + self.memory()
        if got != 0 or err:
            complaints.append("exit status %d: %s" % (got, err[:2000]))
        if forbidden in out:
            complaints.append("the answer has %s" % forbidden)
        self.results.result(title, complaints)


def bad_requests(bench, root):
    for title, words in REQUESTS:
        bench.refused(title, USAGE, *([] if words[-1] == "--root" else ["--root", root]), *words)
    for text in NO_DEVICES:
        bench.refused("no device: %s" % ascii(text[:40]), USAGE, "--root", root, "show", "--", text)
    for text in ABSENT_DEVICES:
        bench.refused("not there: %s" % text, FAILED, "--root", root, "show", text)
    for words in EMPTY:
        bench.empty(words, *([] if "--root" in words else ["--root", root]))
    bench.refused("not there, as JSON", FAILED, "--root", root, "--json", "show", "gpu:999")


def bad_outputs(bench, root):
    for words in ANSWERS:
        with open("/dev/full", "wb") as full:
            bench.unwritten("a full disk", ["--root", root, *words], stdout=full)
        bench.unwritten("a closed output", ["--root", root, *words], preexec_fn=lambda: os.close(1))


def bad_roots(bench, temp):
    def path(name):
        return os.path.join(temp, name)

    os.makedirs(path("empty"))
    os.mkfifo(path("pipe"))
    os.symlink("loop", path("loop"))
    expand.Host("pci 0000:00:01.0 id=8086:10d3 class=020000\n").tree().write(path("pipes"))
    for name in ("modalias", "uevent", "resource"):
        file = path("pipes/sys/bus/pci/devices/0000:00:01.0/" + name)
        os.unlink(file)
        os.mkfifo(file)
    expand.Host("file passthru-snapshot.json\n    {}\n").tree().write(path("wrong"))
    bench.refused("a root that is not there", FAILED, "--root", path("nothing"), "list")
    bench.refused("a root with escapes in its name", FAILED, "--root", path("\x1b[31m\n"), "list")
    bench.refused("a root whose name is too long", FAILED, "--root", "x" * 5000, "list")
    bench.refused("a root that is a loop of links", FAILED, "--root", path("loop"), "list")
    bench.refused("a root that is a pipe", FAILED, "--root", path("pipe"), "list")
    bench.refused("a root that is a device", FAILED, "--root", os.devnull, "list")
    bench.refused("a root without PCI devices", FAILED, "--root", path("empty"), "list")
    bench.refused("a root with a wrong manifest", FAILED, "--root", path("wrong"), "list")
    bench.answered("a root with pipes for files: list", "8086", "--root", path("pipes"), "list")
    bench.answered("a root with pipes for files: show", "8086", "--root", path("pipes"), "show", "0000:00:01.0")


def snapshots(bench, temp):
    file = os.path.join(temp, "snapshot")

    def write(content):
        with open(file, "wb") as f:
            f.write(content)

    for title, content in bad_snapshots():
        write(content)
        bench.refused("snapshot: " + title, FAILED, "--root", file, "list")
    for title, content in odd_snapshots():
        write(content)
        bench.answered("snapshot: " + title, "root:", "--root", file, "list")
        bench.answered("snapshot: %s, groups" % title, "root:", "--root", file, "list", "groups")
    write(archive())
    os.mkfifo(os.path.join(temp, "fifo"))
    os.symlink("fifo", os.path.join(temp, "link"))
    write(archive(manifest=without(None, errors={"var/lib/passthru/changes": "EACCES"})))
    for words in (["history"], ["undo", "--dry-run"]):
        _, _, err = tap.run(bench.program, "--root", file, *words)
        bench.refused("changes that may not be read: %s" % words[0], FAILED, "--root", file, *words)
        bench.results.result("changes that may not be read, and who may: %s" % words[0], [] if "by root only" in err else [err])
    write(archive())
    for name in ("fifo", "link"):
        bench.refused("snapshot: over a %s" % name, FAILED, "--root", file, "snapshot", os.path.join(temp, name))
    bench.results.result("snapshot: what is no file is left alone",
                         [] if stat.S_ISFIFO(os.stat(os.path.join(temp, "link")).st_mode) else ["it is gone"])
    bench.refused("snapshot: into a folder that is not there", FAILED, "--root", file, "snapshot", os.path.join(temp, "no/x.tar"))


def main():
    results = tap.Tap()
    bench = Bench(os.path.abspath(sys.argv[1]), results)
    with tempfile.TemporaryDirectory() as temp:
        root = os.path.join(temp, "host")
        expand.read_host(os.path.join(HERE, "../hosts", HOST + ".host")).tree().write(root)
        bad_requests(bench, root)
        bad_outputs(bench, root)
        bad_roots(bench, temp)
        snapshots(bench, temp)
    results.end()


if __name__ == "__main__":
    main()
