#!/usr/bin/python3
"""Cuts the power at every write of a change to the disk, and asks GRUB's own file system driver what it finds there.

A disk in a file of a FUSE file system of ours, behind a loop device, so that each write is seen, in its order, with the
flushes between them. Then the disk is made again from every prefix of these writes, and from the state of each flush with
each single write behind it, for a disk may do those in any order; and grub-fstest, which replays no journal, reads the
files that a boot loader needs: each has to be the old or the new one, whole, and a new menu finds its new image.

usage: power.py DRIVE [NAME]    DRIVE: the program built from drive.c; NAME: that file system only; TAP on standard output
"""
import ctypes
import os
import shutil
import struct
import subprocess
import sys
import tempfile

MiB = 1 << 20
WATCHED = ["boot/grub/grub.cfg", "boot/loader/entries/old-6.1.conf", "boot/extlinux/extlinux.conf", "boot/initrd-6.1",
           "boot/initrd-6.1.passthru"]
HEADER = struct.Struct("<IIQQIIII")
RECORD = struct.Struct("<cQI")
INIT, LOOKUP, FORGET, GETATTR, OPEN, READ, WRITE, STATFS, RELEASE, FSYNC, FLUSH, OPENDIR, RELEASEDIR, INTERRUPT, DESTROY, BATCH_FORGET = (
    26, 1, 2, 3, 14, 15, 16, 17, 18, 20, 25, 27, 29, 36, 38, 42)
ENOENT, ENOSYS = 2, 38


def call(*words, quiet=False, **more):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False, **more)
    if done.returncode and not quiet:
        raise RuntimeError("%s: %s" % (" ".join(words), done.stdout.decode(errors="replace")))
    return done


# ---- the disk ----

def attributes(node, size):
    mode, links = (0o100600, 1) if node == 2 else (0o040700, 2)
    return struct.pack("<QQQQQQIIIIIIIIII", node, size if node == 2 else 0, size // 512 if node == 2 else 0, 0, 0, 0, 0, 0, 0, mode, links, 0, 0, 0,
                       4096, 0)


def serve(fd, disk, log):
    """Answers for the one file, until it is unmounted. include/uapi/linux/fuse.h, version 7.31."""
    size = len(disk)
    while True:
        try:
            request = os.read(fd, MiB + 65536)
        except OSError:
            return
        _, opcode, unique, node, *_ = HEADER.unpack_from(request)
        body, answer, error = request[HEADER.size:], b"", 0
        if opcode == INIT:
            answer = struct.pack("<IIIIHHIIHHIIIIIIII", 7, 31, 65536, 0, 12, 10, 131072, 1, 32, 0, *[0] * 8)
        elif opcode == LOOKUP:
            if body.rstrip(b"\0") == b"disk":
                answer = struct.pack("<QQQQII", 2, 0, 3600, 3600, 0, 0) + attributes(2, size)
            else:
                error = -ENOENT
        elif opcode == GETATTR:
            answer = struct.pack("<QII", 3600, 0, 0) + attributes(node, size)
        elif opcode in (OPEN, OPENDIR):
            answer = struct.pack("<QII", 0, 0, 0)
        elif opcode == READ:
            _, offset, n = struct.unpack_from("<QQI", body)
            answer = bytes(disk[offset:offset + n])
        elif opcode == WRITE:
            _, offset, n = struct.unpack_from("<QQI", body)
            data = body[40:40 + n]
            disk[offset:offset + n] = data
            log.write(RECORD.pack(b"w", offset, n) + data)
            log.flush()
            answer = struct.pack("<II", n, 0)
        elif opcode == FSYNC:
            log.write(RECORD.pack(b"f", 0, 0))
            log.flush()
        elif opcode == STATFS:
            answer = struct.pack("<QQQQQIIII6I", size // 512, 0, 0, 2, 0, 512, 255, 512, 0, *[0] * 6)
        elif opcode in (FORGET, BATCH_FORGET, INTERRUPT):
            continue
        elif opcode == DESTROY:
            return
        elif opcode not in (RELEASE, RELEASEDIR, FLUSH):
            error = -ENOSYS
        os.write(fd, struct.pack("<IiQ", 16 + len(answer), error, unique) + answer)


class Disk:
    """Mounted at .root; .log is the file with all writes."""

    def __init__(self, where, size, mkfs):
        self.where, self.log = where, os.path.join(where, "log")
        self.fuse, self.root, self.loop = os.path.join(where, "fuse"), os.path.join(where, "root"), None
        image = os.path.join(where, "image")
        for path in (self.fuse, self.root):
            os.mkdir(path)
        with open(image, "wb") as out:
            out.truncate(size)
        call(*mkfs, image)
        with open(image, "rb") as stream:
            self.first = stream.read()
        fd = os.open("/dev/fuse", os.O_RDWR)
        libc = ctypes.CDLL(None, use_errno=True)
        options = "fd=%d,rootmode=40000,user_id=0,group_id=0" % fd
        if libc.mount(b"passthru", self.fuse.encode(), b"fuse", 6, options.encode()) < 0:
            raise OSError(ctypes.get_errno(), "mounting FUSE")
        self.server = os.fork()
        if self.server == 0:
            with open(self.log, "wb") as log:
                serve(fd, bytearray(self.first), log)
            os._exit(0)
        os.close(fd)
        try:
            self.loop = call("losetup", "-f", "--show", os.path.join(self.fuse, "disk")).stdout.decode().strip()
        except RuntimeError:
            self.close()
            raise

    def mount(self):
        call("mount", self.loop, self.root)

    def unmount(self):
        call("umount", self.root)

    def here(self):
        return os.path.getsize(self.log)

    def close(self):
        call("umount", self.root, quiet=True)
        if self.loop:
            call("losetup", "-d", self.loop, quiet=True)
        call("umount", self.fuse, quiet=True)
        os.waitpid(self.server, 0)

    def writes(self):
        """(end in the log, offset, data), data None for a flush."""
        with open(self.log, "rb") as stream:
            at = 0
            while head := stream.read(RECORD.size):
                kind, offset, n = RECORD.unpack(head)
                data = stream.read(n)
                at += RECORD.size + n
                yield at, offset, data if kind == b"w" else None


# ---- what GRUB sees ----

def contents(root):
    found = {}
    for path in WATCHED:
        full = os.path.join(root, path)
        found[path] = open(full, "rb").read() if os.path.exists(full) else None
    return found


def seen(image, path):
    done = subprocess.run(["grub-fstest", image, "cat", "(loop0)/" + path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
    if done.returncode:
        return None if b"not found" in done.stderr else done.stderr
    return done.stdout


class Judge:
    def __init__(self, image, old, new, menu):
        self.image, self.old, self.new, self.menu = image, old, new, menu
        self.checks, self.changed, self.wrong = 0, 0, []

    def look(self, where):
        self.checks += 1
        now = {path: seen(self.image, path) for path in WATCHED}
        self.changed += now != self.old
        for path in WATCHED:
            if now[path] not in (self.old[path], self.new[path]):
                self.wrong.append("%s: GRUB finds %s as %r" % (where, path, now[path]))
        if now["boot/grub/grub.cfg"] == self.menu and now["boot/initrd-6.1.passthru"] is None:
            self.wrong.append("%s: the new menu has no image" % where)


def journal_ranges(replay):
    """Where on the disk the journal is: GRUB does not read it. fs/xfs/libxfs/xfs_format.h, struct xfs_dsb."""
    if replay.get(0, 4) == b"XFSB":
        block, = struct.unpack(">I", replay.get(4, 4))
        start, = struct.unpack(">Q", replay.get(48, 8))
        (group, _, _, count), shift = struct.unpack(">IIII", replay.get(84, 16)), replay.get(124, 1)[0]
        first = (start >> shift) * group + (start & ((1 << shift) - 1))
        return [(first * block, (first + count) * block)]
    block = 1024 << struct.unpack("<I", replay.get(1024 + 24, 4))[0]
    done = call("debugfs", "-R", "stat <8>", replay.image, quiet=True).stdout.decode()
    ranges = []
    for part in done.partition("EXTENTS:")[2].replace("\n", " ").split(","):
        first, _, last = part.strip().rpartition(":")[2].partition("-")
        if first.isdigit():
            ranges.append((int(first) * block, (int(last or first) + 1) * block))
    return ranges


class Replay:
    """The disk as it was at one place of the log, in a file."""

    def __init__(self, disk, image):
        self.disk, self.image = disk, image
        with open(image, "wb") as out:
            out.write(disk.first)
        self.fd = os.open(image, os.O_RDWR)

    def put(self, offset, data):
        os.pwrite(self.fd, data, offset)

    def get(self, offset, n):
        return os.pread(self.fd, n, offset)


def is_in(ranges, offset, n):
    return any(first <= offset and offset + n <= last for first, last in ranges)


def cut_everywhere(disk, start, end, old, new, menu):
    replay = Replay(disk, os.path.join(disk.where, "replay"))
    judge = Judge(replay.image, old, new, menu)
    ranges, epoch = None, []
    for at, offset, data in disk.writes():
        if at > end:
            break
        if data is None:
            epoch = []
            continue
        if at <= start or is_in(ranges := ranges if ranges is not None else journal_ranges(replay), offset, len(data)):
            replay.put(offset, data)
            continue
        before = replay.get(offset, len(data))
        if before == data:
            continue
        # this one alone behind the last flush
        for o, _, b in reversed(epoch):
            replay.put(o, b)
        without = replay.get(offset, len(data))
        replay.put(offset, data)
        if epoch:
            judge.look("write %d at %#x alone" % (at, offset))
        replay.put(offset, without)
        # with those before it
        for o, d, _ in epoch:
            replay.put(o, d)
        replay.put(offset, data)
        judge.look("up to write %d at %#x" % (at, offset))
        epoch.append((offset, data, before))
    return judge


# ---- tests ----

def drive(program, what, disk):
    call(program, what, disk.root, env={**os.environ, "CMOCKA_MESSAGE_OUTPUT": "STDOUT"})


def cuts(program, mkfs, size):
    where = tempfile.mkdtemp(prefix="passthru-power-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    disk = Disk(where, size, mkfs)
    try:
        disk.mount()
        drive(program, "make", disk)
        disk.unmount()
        disk.mount()
        old, marks = contents(disk.root), [disk.here()]
        drive(program, "apply", disk)
        new = contents(disk.root)
        # with all that is written later by itself
        disk.unmount()
        marks.append(disk.here())
        disk.mount()
        drive(program, "undo", disk)
        undone = contents(disk.root)
        disk.unmount()
        marks.append(disk.here())
        menu = new["boot/grub/grub.cfg"]
        judges = [cut_everywhere(disk, marks[0], marks[1], old, new, menu), cut_everywhere(disk, marks[1], marks[2], new, old, menu)]
    finally:
        disk.close()
        shutil.rmtree(where)
    problems = [line for judge in judges for line in judge.wrong]
    if undone != old:
        problems.append("undo has not given the old files")
    for judge in judges:
        print("# %d cuts, after %d of them GRUB finds something new" % (judge.checks, judge.changed))
        if judge.changed == 0:
            problems.append("nothing has ever changed")
    return problems


def thaws(program, mkfs, size):
    where = tempfile.mkdtemp(prefix="passthru-power-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    disk = Disk(where, size, mkfs)
    try:
        disk.mount()
        drive(program, "make", disk)
        old = contents(disk.root)
        drive(program, "frozen", disk)
        return [] if contents(disk.root) == old else ["what was killed is not taken back"]
    finally:
        call("fsfreeze", "-u", disk.root, quiet=True)
        disk.close()
        shutil.rmtree(where)


def main():
    tests = [("ext4", ["mkfs.ext4", "-q", "-F", "-b", "4096"], 24 * MiB), ("ext4 with small blocks", ["mkfs.ext4", "-q", "-F", "-b", "1024"], 16 * MiB),
             ("xfs", ["mkfs.xfs", "-q", "--unsupported"], 64 * MiB), ("killed while frozen", ["mkfs.xfs", "-q", "--unsupported"], 64 * MiB)]
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse") or not shutil.which("grub-fstest") or not shutil.which("losetup"):
        print("1..0 # SKIP this needs root, FUSE, loop devices and grub-fstest")
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x20000) < 0 or libc.mount(b"none", b"/", None, 0x44000, None) < 0:
        print("1..0 # SKIP no mounts of our own can be made")
        return 0
    failed = 0
    print("1..%d" % len(tests))
    for i, (name, mkfs, size) in enumerate(tests, 1):
        wanted = name in sys.argv[2:] if sys.argv[2:] else i != 2 or os.getenv("PASSTHRU_TEST_LONG")
        if not wanted:
            print("ok %d - %s # SKIP only with PASSTHRU_TEST_LONG=1" % (i, name))
            continue
        if not shutil.which(mkfs[0]):
            print("ok %d - %s # SKIP there is no %s" % (i, name, mkfs[0]))
            continue
        try:
            problems = (thaws if name == "killed while frozen" else cuts)(sys.argv[1], mkfs, size)
        except (OSError, RuntimeError) as error:
            problems = [str(error)]
        print("%s %d - %s" % ("not ok" if problems else "ok", i, name), flush=True)
        for line in problems[:20]:
            print("# " + line)
        failed += bool(problems)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
