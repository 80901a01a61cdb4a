#!/usr/bin/python3
"""Images made by the real tools (cpio and all compressors, alone, in pairs, behind microcode, inside an EFI program), read
by the program: the same members, modes, sizes, links and bytes as in the trees that they were made of, and as
lsinitramfs and unmkinitramfs find where those can read the image. Then the same images damaged. TAP.

usage: oracle.py DUMP DAMAGED      the programs built from dump.c and damaged.c
"""
import hashlib
import os
import random
import shutil
import stat
import subprocess
import sys
import tempfile

RELEASE = "6.1.0-test"
MODULES = "usr/lib/modules/" + RELEASE
TOOLS = {
    "none": None,
    "gzip": ["gzip", "-9n"],
    "bzip2": ["bzip2"],
    "lzma": ["xz", "--format=lzma"],
    "xz": ["xz", "--check=crc32"],
    "lz4": ["lz4", "-l", "-q", "-c"],
    "zstd": ["zstd", "-q", "-19", "-c"],
}
VARIANTS = {
    "xz-blocks": ["xz", "-T2", "--block-size=30000"],
    "xz-unknown-sizes": ["xz", "--block-list=20000,40000,0", "-T1"],
    "xz-x86-sha256": ["xz", "--check=sha256", "--x86", "--lzma2"],
    "xz-no-check": ["xz", "--check=none"],
    "zstd-no-check": ["zstd", "-q", "-1", "--no-check", "-c"],
    "zstd-long": ["zstd", "-q", "--ultra", "-22", "-c"],
    "gzip-name": ["gzip", "-1"],
    "lzma-fast": ["xz", "--format=lzma", "-0"],
}

number = 0


def report(name, problem):
    global number
    number += 1
    print("%s %d - %s" % ("not ok" if problem else "ok", number, name))
    for line in str(problem or "").splitlines()[:20]:
        print("# " + line)
    sys.stdout.flush()


def run(argv, data=None, cwd=None):
    return subprocess.run(argv, input=data, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout


def write(path, data, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
    os.chmod(path, mode)


def make_tree(top, seed):
    noise = random.Random(seed)
    os.makedirs(top + "/usr/lib")
    os.symlink("usr/lib", top + "/lib")
    write(top + "/init", b"#!/bin/sh\nexec sh\n", 0o755)
    write(top + "/etc/empty", b"")
    write(top + "/etc/secret", b"x" * 5, 0o600)
    write(top + "/usr/lib/noise", noise.randbytes(70000 + seed))
    write(top + "/usr/lib/zeros", bytes(300000))
    write(top + "/usr/lib/text", b"".join(b"line %d of it\n" % i for i in range(2000)))
    module = "/kernel/drivers/vfio/pci/vfio-pci.ko.xz"
    write(top + "/" + MODULES + module, noise.randbytes(1234))
    write(top + "/" + MODULES + "/modules.dep", (module[1:] + ": kernel/vfio.ko\n").encode())
    write(top + "/" + MODULES + "/modules.builtin", b"kernel/drivers/vfio/vfio.ko\n")
    os.symlink("../etc/secret", top + "/usr/link")
    os.link(top + "/usr/lib/text", top + "/usr/lib/text-again")
    os.link(top + "/usr/lib/text", top + "/etc/a-first-name")
    os.mkdir(top + "/dev", 0o755)
    write(top + "/usr/share/" + "n" * 200 + "/" + "m" * 100, b"long")


def members(top):
    """TYPE MODE BYTES PATH [-> TARGET] of a tree, as dump says it."""
    lines = []
    for folder, below, names in os.walk(top):
        for name in below + names:
            path = os.path.join(folder, name)
            st = os.lstat(path)
            kind = {stat.S_IFDIR: "d", stat.S_IFREG: "f", stat.S_IFLNK: "l"}[stat.S_IFMT(st.st_mode)]
            size = 0 if kind == "d" else st.st_size
            target = " -> " + os.readlink(path) if kind == "l" else ""
            lines.append("%s %04o %d %s%s" % (kind, stat.S_IMODE(st.st_mode), size, os.path.relpath(path, top), target))
    return sorted(lines)


def digests(top):
    found = {}
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                with open(path, "rb") as f:
                    found[os.path.relpath(path, top)] = hashlib.sha256(f.read()).hexdigest()
    return found


def archive(top):
    names = "\n".join(sorted(os.path.relpath(os.path.join(folder, name), top)
                             for folder, below, files in os.walk(top) for name in below + files))
    return run(["cpio", "-o", "-H", "newc", "--quiet", "-R", "0:0"], names.encode(), top)


def dump(program, *args):
    done = subprocess.run([program, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def judge(program, image, trees):
    """What is wrong with what the program finds in an image of these trees, the later ones over the earlier."""
    status, text = dump(program, image)
    if status:
        return text
    wanted = sorted(line for top in trees for line in members(top))
    found = sorted(line for line in text.splitlines())
    if found != wanted:
        return "\n".join(sorted(set(found) ^ set(wanted))) or "a different number of equal members"
    content = {}
    for top in trees:
        content.update(digests(top))
    status, text = dump(program, image, "read", *content)
    if status or text.splitlines() != ["%s %s" % (digest, path) for path, digest in content.items()]:
        return "contents differ:\n" + text
    modules = dump(program, image, "module", RELEASE, "vfio_pci", "vfio", "nouveau", "vfio-pc")[1].split("\n")
    if modules != ["vfio_pci loadable dep %s/kernel/drivers/vfio/pci/vfio-pci.ko.xz" % MODULES,
                   "vfio builtin - %s/modules.builtin" % MODULES, "nouveau absent - -", "vfio-pc absent - -", ""]:
        return "modules: %r" % modules
    return None


def judge_tools(program, image, folder):
    """Whether lsinitramfs lists and unmkinitramfs unpacks the same."""
    listed = sorted(run(["lsinitramfs", image]).decode().split("\n"))
    own = sorted([line.split(" ", 3)[3].split(" -> ")[0] for line in dump(program, image)[1].splitlines()] + [""])
    if listed != own:
        return "lsinitramfs: " + "\n".join(sorted(set(listed) ^ set(own)))
    run(["unmkinitramfs", image, folder])
    main = folder + "/main" if os.path.isdir(folder + "/main") else folder
    wanted = digests(main)
    text = dump(program, image, "read", *wanted)[1]
    if not wanted or text.splitlines() != ["%s %s" % (digest, path) for path, digest in wanted.items()]:
        return "unmkinitramfs: contents differ:\n" + text
    return None


def make_efi(folder, image):
    """An EFI program with the image in a section, made by ld and objcopy as ukify and dracut make theirs."""
    source, program, uki = folder + "/stub.c", folder + "/stub.efi", folder + "/uki.efi"
    write(source, b"int start(void) { return 0; }\n")
    run(["gcc", "-c", "-ffreestanding", "-fno-asynchronous-unwind-tables", "-o", source + ".o", source])
    run(["objcopy", "-O", "pe-x86-64", "-R", ".note.gnu.property", source + ".o", source + ".pe.o"])
    run(["ld", "-m", "i386pep", "--subsystem", "10", "-e", "start", "-o", program, source + ".pe.o"])
    run(["objcopy", "--add-section", ".initrd=" + image, "--change-section-vma", ".initrd=0x150000000",
         "--set-section-flags", ".initrd=data,readonly", program, uki])
    return uki


def refused(program, folder, name, data, sentence):
    path = folder + "/refused"
    write(path, data)
    status, text = dump(program, path)
    report("refused: " + name, None if status == 1 and sentence in text else "%d %s" % (status, text))


def test_images(program, work, trees, archives):
    early = archive(work + "/early")
    microcode = work + "/early"
    packed = {name: [run(tool, data) if tool else data for data in archives] for name, tool in TOOLS.items()}
    packed.update({name: [run(tool, data) for data in archives] for name, tool in VARIANTS.items()})
    for name, (first, second) in packed.items():
        path = work + "/" + name
        write(path, first)
        report(name, judge(program, path, trees[:1]))
        write(path + "-early", early + first)
        report(name + " behind microcode", judge(program, path + "-early", [microcode, trees[0]]))
        for other, (_, behind) in packed.items():
            if (other in VARIANTS and name != "gzip") or (name in VARIANTS and other != "gzip"):
                continue
            # an archive begins at a word; lz4 ends at a length of 0 (lib/decompress_unlz4.c)
            padding = bytes(-len(first) % 4 + (512 if other == "none" else 4 if name == "lz4" else 0))
            if name == other == "lz4":
                padding = b""
            write(work + "/pair", first + padding + behind + bytes(1000))
            report("%s, then %s" % (name, other), judge(program, work + "/pair", trees))
    for name in list(TOOLS)[1:]:  # they take an archive behind the first for a part of it
        report("%s, as initramfs-tools reads it" % name,
               judge_tools(program, work + "/" + name + "-early", work + "/unpacked-" + name))
    path = make_efi(work, work + "/zstd-early")
    report("a unified kernel image", judge(program, path, [microcode, trees[0]]))
    data = archives[0]
    refused(program, work, "lz4 with its own frame", run(["lz4", "-q", "-c"], data), "nothing that the kernel unpacks")
    refused(program, work, "old portable format", run(["cpio", "-o", "-H", "odc", "--quiet"], b".", trees[0]), "magic of newc")
    refused(program, work, "compressed twice", run(["gzip"], packed["gzip"][0]), "no archive")
    refused(program, work, "an archive that does not begin at a word", b"\0" + data, "nothing that the kernel unpacks")
    refused(program, work, "lzo", b"\x89LZO\0\r\n\x1a\n", "lzo")
    refused(program, work, "text", b"menuentry 'Debian' {\n}\n", "nothing that the kernel unpacks")
    refused(program, work, "nothing", b"", "nothing in it")
    refused(program, work, "only zeros", bytes(5000), "nothing in it")


def main():
    program, damaged = sys.argv[1:3]
    work = tempfile.mkdtemp(prefix="passthru-initramfs-")
    os.umask(0o022)
    try:
        trees = [work + "/tree-1", work + "/tree-2"]
        for i, top in enumerate(trees):
            make_tree(top, i)
        write(work + "/early/kernel/x86/microcode/GenuineIntel.bin", random.Random(9).randbytes(20000))
        archives = [archive(top) for top in trees]
        test_images(program, work, trees, archives)
        images = [work + "/" + name + "-early" for name in list(TOOLS) + ["xz-blocks"]] + [work + "/uki.efi", work + "/pair"]
        done = subprocess.run([damaged, *images], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        lines = done.stdout.splitlines()
        report("damaged images", None if done.returncode == 0 and len(lines) == len(images) and
               all(line.startswith("ok ") for line in lines) else done.stdout)
    finally:
        shutil.rmtree(work)
    print("1..%d" % number)


main()
