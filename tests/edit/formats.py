#!/usr/bin/python3
"""The editors of everything that is no shell file: files made by hand after real ones, each with what an edit makes of
it, or with the sentence that refuses it; GRUB's environment block against grub-editenv. One TAP test per format.

usage: formats.py APPLY      APPLY: the program built from apply.c
"""
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

import editor

W = ["iommu=pt", "vfio-pci.ids=10de:2204,10de:1aef"]
A = "iommu=pt vfio-pci.ids=10de:2204,10de:1aef"
M = ["vfio_pci", "vfio"]

BLS = """title Fedora Linux (6.9.5-200.fc40.x86_64) 40 (Workstation Edition)
version 6.9.5-200.fc40.x86_64
linux /vmlinuz-6.9.5-200.fc40.x86_64
initrd /initramfs-6.9.5-200.fc40.x86_64.img%s
options %s
grub_users $grub_users
grub_class fedora
"""
ARCH = """title\tArch Linux
linux\t/vmlinuz-linux
initrd\t/intel-ucode.img
initrd\t/initramfs-linux.img
options root=PARTLABEL="PRIMARY" rootfstype=xfs add_efi_memmap%s
#resume=PARTLABEL="SWAP" nomodeset i915.modeset=0
"""
EXTLINUX = """DEFAULT menu.c32
TIMEOUT 30
APPEND global=1%s

LABEL lts
  MENU LABEL Linux lts
  LINUX vmlinuz-lts
  INITRD initramfs-lts
  APPEND root=UUID=1-2 modules=sd-mod,usb-storage,ext4 quiet%s

label virt
  linux vmlinuz-virt
  append\troot=/dev/vda1%s
LABEL none
  APPEND -
LABEL bare
  LINUX vmlinuz
"""
LIMINE = """timeout: 5
# cmdline: none
/+Arch Linux
    //Linux (%%s)
    protocol: linux
    kernel_path: boot():/vmlinuz-linux
    cmdline: root=UUID=1-2 rw quiet%s
    //Fallback
    cmdline:root=UUID=1-2%s
/Empty
    cmdline: %s
"""
LIMINE_OLD = """TIMEOUT=5
:Arch
    PROTOCOL=linux
    KERNEL_PATH=boot:///vmlinuz
    CMDLINE=root=/dev/sda1 rw%s
:Memtest
    PROTOCOL=chainload
"""
REFIND = '''# made by mkrlconf
"Boot with standard options"  "root=/dev/sda1 ro quiet%s"
"Boot to single-user mode"    "root=/dev/sda1 ro single%s"
"With ""quotes"""  "root=LABEL=""my disk"" ro%s"  # initrd=%%v
'''
KERNELSTUB = """{
  "default": {
    "kernel_options": [
      "quiet",
      "splash"
    ],
    "esp_path": "/boot/efi"
  },
  "user": {
    "kernel_options": [
      "quiet",
      "loglevel=0",
      "splash"%s
    ],
    "esp_path": "/boot/efi",
    "setup_loader": true,
    "config_rev": 3
  }
}
"""
LIST = '{"user": {"x": [1, {"kernel_options": ["no"]}, "a\\"]"], "kernel_options": %s, "y": -1.5e3}}'
BOOSTER = "network:\n  interfaces: eth0\nuniversal: false\n%s\ncompression: zstd\n"

# format: [(place, text before, words, text after)]; texts without a NUL are what the editor is for
EDITED = {
    "cmdline": [
        ({}, "root=UUID=1-2 ro quiet\n", W, "root=UUID=1-2 ro quiet " + A + "\n"),
        ({}, "root=/dev/sda1", W, "root=/dev/sda1 " + A), ({}, "root=/dev/sda1 rw  \r\n", W, "root=/dev/sda1 rw " + A + "  \r\n"),
        ({}, "root=/dev/sda1\nrw quiet\n\n", W, "root=/dev/sda1\nrw quiet " + A + "\n\n"),
        ({}, 'root=LABEL="a b" ro -- single\n', W, 'root=LABEL="a b" ro ' + A + " -- single\n"),
        ({}, "root=x vfio_pci.ids=10de:2204,10de:1aef\n", W, "root=x vfio_pci.ids=10de:2204,10de:1aef iommu=pt\n"),
        ({}, "-- root=x\n", W, A + " -- root=x\n"), ({}, "root=x\xa0rw\n", W, "root=x\xa0rw " + A + "\n"),
    ],
    "cmdline_first": [
        ({}, "root=ZFS=rpool/ROOT/pve-1 boot=zfs\n", W, "root=ZFS=rpool/ROOT/pve-1 boot=zfs " + A + "\n"),
        ({}, "root=ZFS=a boot=zfs\niommu=pt\n# x\n", W, "root=ZFS=a boot=zfs " + A + "\niommu=pt\n# x\n"),
        ({}, "ro root=x", W, "ro root=x " + A), ({}, "root=x\r\nold\r\n", W, "root=x " + A + "\r\nold\r\n"),
    ],
    "bls": [
        ({}, BLS % ("", "root=UUID=1-2 ro rhgb quiet"), W, BLS % ("", "root=UUID=1-2 ro rhgb quiet " + A)),
        ({}, BLS % (" $tuned_initrd", "$kernelopts $tuned_params"), W, BLS % (" $tuned_initrd", "$kernelopts $tuned_params " + A)),
        ({}, ARCH % "", W, ARCH % (" " + A)), ({}, "options a\noptions b\n", W, "options a " + A + "\noptions b\n"),
        ({}, "options a\noptions iommu=pt\n", W, "options a vfio-pci.ids=10de:2204,10de:1aef\noptions iommu=pt\n"),
        ({}, (BLS % ("", "root=x")).replace("\n", "\r\n"), W, (BLS % ("", "root=x " + A)).replace("\n", "\r\n")),
        ({}, "  options\t a b ", W, "  options\t a b " + A + " "), ({}, "options \ntitle x\n", W, "options " + A + "\ntitle x\n"),
        ({}, "options root=x -- 1", W, "options root=x " + A + " -- 1"), ({}, 'options a="x" b="y"', W, 'options a="x" b="y" ' + A),
    ],
    "bls_own_line": [
        ({}, ARCH % "", W, ARCH % ("\noptions " + A)), ({}, "title x\nlinux /y\n", W, "title x\nlinux /y\noptions " + A + "\n"),
        ({}, "title x\nefi /y.efi", W, "title x\nefi /y.efi\noptions " + A), ({}, "options a\noptions b\ntitle x\n", W,
         "options a\noptions b\noptions " + A + "\ntitle x\n"), ({}, "title x\r\noptions a\r\n", W, "title x\r\noptions a\r\noptions " + A + "\r\n"),
        ({}, "", W, "options " + A + "\n"), ({}, "options iommu=pt\n", W, "options iommu=pt\noptions vfio-pci.ids=10de:2204,10de:1aef\n"),
        ({}, "\n", W, "\noptions " + A + "\n"), ({}, "options a\n\n\n", W, "options a\noptions " + A + "\n\n\n"), ({}, "options", W, "options\noptions " + A),
    ],
    "refind": [
        ({"name": "Boot with standard options"}, REFIND % ("", "", ""), W, REFIND % (" " + A, "", "")),
        ({"name": "Boot to single-user mode"}, REFIND % ("", "", ""), W, REFIND % ("", " " + A, "")),
        ({"name": 'With ""quotes""'}, REFIND % ("", "", ""), W, REFIND % ("", "", " " + A)),
        ({"name": None}, '"a" "root=x"', W, '"a" "root=x ' + A + '"'), ({"name": None}, '\t"a"\t" "\r\n', W, '\t"a"\t"' + A + ' "\r\n'),
        ({"name": None}, '"a" "x=""-- "" -- 1"\n', W, '"a" "x=""-- "" ' + A + ' -- 1"\n'),
    ],
    "extlinux": [
        ({"name": "lts"}, EXTLINUX % ("", "", ""), W, EXTLINUX % ("", " " + A, "")),
        ({"name": "virt"}, EXTLINUX % ("", "", ""), W, EXTLINUX % ("", "", " " + A)),
        ({"name": None}, "LABEL x\nKERNEL y\nAPPEND \n", W, "LABEL x\nKERNEL y\nAPPEND " + A + "\n"),
        ({"name": "x"}, "label x\r\nappend initrd=i root=r\r\n", W, "label x\r\nappend initrd=i root=r " + A + "\r\n"),
    ],
    "limine": [
        ({"name": "Linux (%s)"}, LIMINE % ("", "", ""), W, LIMINE % (" " + A, "", "")),
        ({"name": "Fallback"}, LIMINE % ("", "", ""), W, LIMINE % ("", " " + A, "")),
        ({"name": "Empty"}, LIMINE % ("", "", ""), W, LIMINE % ("", "", A)),
        ({"name": "Arch"}, LIMINE_OLD % "", W, LIMINE_OLD % (" " + A)), ({"name": None}, LIMINE_OLD % "", W, LIMINE_OLD % (" " + A)),
    ],
    "kernelstub": [
        ({}, KERNELSTUB % "", W, KERNELSTUB % ''.join(',\n      "%s"' % w for w in W)),
        ({}, LIST % "[]", W, LIST % ('["%s", "%s"]' % tuple(W))), ({}, LIST % "[ ]", W, LIST % ('["%s", "%s" ]' % tuple(W))),
        ({}, LIST % '["quiet"]', W, LIST % ('["quiet", "%s", "%s"]' % tuple(W))), ({}, LIST % '[\n"a"\n]', W, LIST % ('[\n"a",\n"%s",\n"%s"\n]' % tuple(W))),
        ({}, LIST % '["a","b"]', W, LIST % ('["a","b","%s","%s"]' % tuple(W))), ({}, LIST % '["", "a b"]', W, LIST % ('["", "a b", "%s", "%s"]' % tuple(W))),
        ({}, LIST % '["iommu=pt", "x"]', W, LIST % ('["iommu=pt", "x", "%s"]' % W[1])), ({}, LIST % '["a", "--", "b"]', W,
         LIST % ('["a", "%s", "%s", "--", "b"]' % tuple(W))), ({}, LIST % '["a\\\\", "\\u00e9"]', W, LIST % ('["a\\\\", "\\u00e9", "%s", "%s"]' % tuple(W))),
    ],
    "modules": [
        ({}, "# List of modules\n#\nvfio\n", M, "# List of modules\n#\nvfio\nvfio_pci\n"), ({}, "", M, "vfio_pci\nvfio\n"),
        ({}, "# x", M, "# x\nvfio_pci\nvfio"), ({}, "vfio-pci\nkvm ignore_msrs=1\n", M, "vfio-pci\nkvm ignore_msrs=1\nvfio\n"),
        ({}, "a\r\nb\r\n", M, "a\r\nb\r\nvfio_pci\r\nvfio\r\n"), ({}, "\n", M, "\nvfio_pci\nvfio\n"), ({}, "#vfio_pci\n\n", M, "#vfio_pci\n\nvfio_pci\nvfio\n"),
        ({}, "vfio_pci ids=1:2\n", M, "vfio_pci ids=1:2\nvfio\n"), ({}, "  vfio  \n", M, "  vfio  \nvfio_pci\n"),
    ],
    "booster": [
        ({"name": "modules_force_load"}, BOOSTER % "modules_force_load: nvidia", M, BOOSTER % "modules_force_load: nvidia,vfio_pci,vfio"),
        ({"name": "modules_force_load"}, BOOSTER % "modules_force_load: 'a, b' # c", M, BOOSTER % "modules_force_load: 'a, b,vfio_pci,vfio' # c"),
        ({"name": "modules_force_load"}, BOOSTER % 'modules_force_load: ""', M, BOOSTER % 'modules_force_load: "vfio_pci,vfio"'),
        ({"name": "modules_force_load"}, BOOSTER % "modules_force_load:   a,vfio-pci  ", M, BOOSTER % "modules_force_load:   a,vfio-pci,vfio  "),
        ({"name": "modules_force_load", "create": True}, BOOSTER % "x: y", M, BOOSTER % "x: y" + "modules_force_load: vfio_pci,vfio # added by passthru\n"),
        ({"name": "modules_force_load", "create": True}, "", M, "modules_force_load: vfio_pci,vfio # added by passthru\n"),
        ({"name": "modules_force_load", "create": True}, "a: b", M, "a: b\nmodules_force_load: vfio_pci,vfio # added by passthru"),
    ],
}

REFUSED = [
    ("cmdline", {}, "", "is empty"), ("cmdline", {}, "\n \n", "is empty"), ("cmdline", {}, "# x\nroot=x\n", "line 1 (# x)"), ("cmdline", {}, 'a="b\n', "quote is open"),
    ("cmdline", {}, "root=x\0\n", "NUL"), ("cmdline", {}, "root=x " + "a" * 2000, "2047 bytes"), ("cmdline_first", {}, "quiet\nroot=x\n", "no root="),
    ("cmdline_first", {}, "notroot=x\n", "no root="), ("bls", {}, "title x\n", "there is no options line"), ("bls", {}, 'options "a b"\n', "quotes around"),
    ("bls", {}, "options\n", "there is no options"), ("bls_own_line", {}, "options a -- b\n", "of our own would stand behind"), ("refind", {"name": None}, REFIND % ("", "", ""), "name the entry"),
    ("refind", {"name": "x"}, REFIND % ("", "", ""), "there is no command line of the entry x"), ("refind", {"name": "a"}, '"a" "b"\n"a" "c"\n', "line 2"),
    ("refind", {"name": "a"}, '"a" b\n', "no pair"), ("refind", {"name": "a"}, '"a""b"\n', "no pair"), ("refind", {"name": "a"}, '"a" "b\n', "no pair"), ("refind", {"name": "a"}, '"a" ""\n', "no pair"),
    ("refind", {"name": "a"}, '"a" "b" "c"\n', "no pair"), ("extlinux", {"name": "none"}, EXTLINUX % ("", "", ""), "a dash"),
    ("extlinux", {"name": "bare"}, EXTLINUX % ("", "", ""), "there is no command line"), ("extlinux", {"name": None}, "LABEL a\nAPPEND x\nLABEL b\nAPPEND y\n", "name the entry"),
    ("extlinux", {"name": "x"}, "LABEL x\nAPPEND a\nAPPEND b\n", "several"), ("limine", {"name": None}, LIMINE % ("", "", ""), "name the entry"),
    ("limine", {"name": "x"}, LIMINE % ("", "", ""), "there is no"), ("limine", {"name": "Memtest"}, LIMINE_OLD % "", "there is no"), ("kernelstub", {}, "{", "not JSON"),
    ("kernelstub", {}, "{}", "there is no list"), ("kernelstub", {}, LIST % '["a", 1]', "there is no list"), ("kernelstub", {}, '{"us\\u0065r": {"kernel_options": []}}', "escapes"),
    ("kernelstub", {}, '{"user": {"kernel_options": [], "kernel_options": []}}', "not JSON"), ("booster", {"name": "a"}, "b: c\n", "there is no key a"), ("booster", {"name": "a"}, "a:\n", "not on one line"),
    ("booster", {"name": "a"}, "a: [b]\n", "not on one line"), ("booster", {"name": "a"}, "a: b,\n  c\n", "not on one line"), ("booster", {"name": "a"}, "{a: b}\n", "more YAML"),
    ("booster", {"name": "a"}, "a: b\na: c\n", "twice"), ("booster", {"name": "a"}, "---\na: b\n", "more YAML"), ("booster", {"name": "a"}, 'a: "b\\n"\n', "these quotes"), ("booster", {"name": "a"}, "- a: b\n", "more YAML"),
    ("booster", {"name": "a"}, "a: |\n  b\n", "not on one line"), ("booster", {"name": "a"}, "a: >-\n", "not on one line"),
]

BAD_WORDS = ["a b", "", 'a"b', "a'b", "a\\b", "a$b", "a`b", "a;b", "a{b", "a}", "a&b", "a|b", "a<b", "a>b", "#a", "a(b", "a)", "a*", "a?", "[a]", "!a", "~", "a%v", "a\n", "a\t", "\u00e9", "--", "-"]


def place(kind, more):
    return {"format": editor.FORMATS.index(kind), "names": False, "create": False, "name": None, **more}


def edits(tool, kind):
    complaints = []
    for more, before, words, after in EDITED[kind]:
        before, after = before.encode("latin-1"), after.encode("latin-1")
        answer, found = editor.round_trip(tool, before, words, place(kind, more))
        if answer["result"] or answer["text"] != after:
            found.append("became %s %s" % (answer["text"], answer["error"]))
        complaints += ["%r: %s" % (before, sentence) for sentence in found]
    return complaints, len(EDITED[kind])


def menus_apart(tool):
    """Words of another entry do not count: they do nothing for this one."""
    complaints = []
    for kind, name, text in (("refind", "b", '"a" "iommu=pt"\n"b" "x"\n'), ("extlinux", "b", "LABEL a\nAPPEND iommu=pt\nLABEL b\nAPPEND x\n"),
                             ("limine", "b", "/a\ncmdline: iommu=pt\n/b\ncmdline: x\n")):
        answer, found = editor.round_trip(tool, text.encode(), ["iommu=pt"], place(kind, {"name": name}))
        complaints += found + ([] if b"x iommu=pt" in answer["text"] else ["%s: %s" % (text, answer)])
    return complaints, 3


def refusals(tool):
    complaints = []
    for kind, more, text, reason in REFUSED:
        answer = tool.ask("add", text.encode(), ["iommu=pt"] if len(text) < 2000 else ["iommu=pt" * 6], **place(kind, more))
        if answer["result"] == 0 or reason not in answer["error"]:
            complaints.append("%s %r: %s %r, expected: %s" % (kind, text, answer["result"], answer["error"], reason))
    return complaints, len(REFUSED)


def bad_words(tool):
    complaints = []
    for word in BAD_WORDS:
        for do in ("add", "remove"):
            answer = tool.ask(do, b"root=x\n", ["quiet", word], **place("cmdline", {}))
            if answer["result"] == 0 or not answer["error"]:
                complaints.append("%s %r: %s" % (do, word, answer))
    return complaints, len(BAD_WORDS)


# ---- what somebody changed between an edit and its undoing stays ----

def changed_between(tool):
    complaints = []
    for kind, more, after, user, expected in (
            ("cmdline", {}, "root=x iommu=pt a=1", "root=x iommu=pt a=1 later", "root=x later"), ("cmdline", {}, "root=x iommu=pt a=1", "root=x a=1 quiet iommu=pt", "root=x quiet"),
            ("cmdline", {}, "root=x iommu=pt a=1", "root=x", "root=x"), ("cmdline", {}, "root=x iommu=pt a=1", "iommu=pt root=x iommu=pt a=1", "iommu=pt root=x"),
            ("bls_own_line", {}, "", "title x\noptions iommu=pt mine a=1\n", "title x\noptions mine\n"), ("modules", {}, "", "iommu=pt\nmine\na=1\n", "mine\n"),
            ("shell", {"name": "V"}, "", 'V="a iommu=pt"\nV="$V b a=1"\n', 'V="a"\nV="$V b"\n'), ("shell", {"name": "V"}, "", 'if true; then V="a=1 b iommu=pt"; fi\n', 'if true; then V="a=1 b iommu=pt"; fi\n'),
            ("shell", {"name": "V"}, "", 'V="iommu=pt a=1" # added by passthru\n', ""), ("shell", {"name": "V"}, "", 'X=1\nV="iommu=pt mine a=1" # added by passthru\n', 'X=1\nV="mine" # added by passthru\n')):
        answer = tool.ask("remove", user.encode(), ["iommu=pt", "a=1"], **place(kind, more))
        if answer["result"] or answer["text"] != expected.encode():
            complaints.append("%r: %s, expected %r" % (user, answer, expected))
    return complaints, 10


# ---- GRUB's environment block ----

def editenv(folder, *words):
    return subprocess.run(["grub-editenv", os.path.join(folder, "env"), *words], capture_output=True, text=True, check=True).stdout


def block(folder, *settings):
    path = os.path.join(folder, "env")
    if os.path.exists(path):
        os.unlink(path)
    editenv(folder, "create")
    for setting in settings:
        editenv(folder, "set", setting)
    with open(path, "rb") as f:
        return f.read()


def listed(folder, data):
    with open(os.path.join(folder, "env"), "wb") as f:
        f.write(data)
    return editenv(folder, "list")


def grubenv(tool):
    dice, complaints, count = random.Random(4), [], 0
    names = ["saved_entry", "next_entry", "kernelopts", "boot_success", "x", "x_y", "next"]
    values = ["0", "", "a b", "gnulinux-advanced>gnulinux-6.1", "back\\slash", "two\nlines", "end\\", "##", "a=b", "\u00e9"]
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(60):
            settings = ["%s=%s" % (name, dice.choice(values)) for name in dice.sample(names, dice.randrange(len(names)))]
            before = block(folder, *settings)
            name, value = dice.choice(names), dice.choice(values + [None])
            answer = tool.ask("grubenv", before, name=name, value=value)
            editenv(folder, *(["unset", name] if value is None else ["set", "%s=%s" % (name, value)]))
            with open(os.path.join(folder, "env"), "rb") as f:
                expected = f.read()
            had = dict(s.split("=", 1) for s in settings).get(name)
            count += 1
            if answer["result"] or answer["text"] != expected or answer["before"] != had:
                complaints.append("%s, %s=%r: %s, expected %s" % (settings, name, value, answer, expected))
            back = tool.ask("grubenv", answer["text"], name=name, value=had)
            if sorted(listed(folder, back["text"])) != sorted(listed(folder, before)):
                complaints.append("%s, %s=%r: not undone" % (settings, name, value))
        complaints += grubenv_words(tool, folder)
    return complaints, count + 5


def grubenv_words(tool, folder):
    where, complaints = place("grubenv", {"name": "kernelopts"}), []
    for value, expected in (("root=x ro", "root=x ro " + A), ("", A), ("a=\\b -- c", "a=\\b " + A + " -- c"), ("iommu=pt b", "iommu=pt b " + W[1])):
        before = block(folder, "saved_entry=1", "kernelopts=" + value, "x=#")
        answer, found = editor.round_trip(tool, before, W, where, fixed_size=True)
        complaints += ["%r: %s" % (value, sentence) for sentence in found]
        said = listed(folder, answer["text"])
        if said != "saved_entry=1\nkernelopts=%s\nx=#\n" % expected:
            complaints.append("%r: %s" % (value, said))
    full = block(folder, "kernelopts=" + "a" * 880)
    for text, reason in ((full, "no room"), (full + b"#", "1024 bytes"), (full.replace(b"###", b"#x#", 1), "1024 bytes"), (b"", "1024 bytes"),
                         (block(folder, "y=1"), "there is no variable kernelopts"), (full.replace(b"a" * 20, b"\nkernelopts=b\ncccccc", 1), "set twice")):
        answer = tool.ask("add", text, W, **where)
        if answer["result"] == 0 or reason not in answer["error"]:
            complaints.append("%r: %s, expected %s" % (text[:40], answer["error"], reason))
    return complaints


# ---- loader.conf ----

def loader(tool):
    complaints, count = [], 0
    for before, key, value, after, had in (
            ("timeout 3\n", "default", "a.conf", "timeout 3\ndefault a.conf\n", None), ("timeout 3", "default", "a", "timeout 3\ndefault a", None),
            ("", "default", "a", "default a\n", None), ("#default x\ndefault   arch-*.conf  \ntimeout 3\n", "default", "a", "#default x\ndefault   a  \ntimeout 3\n", "arch-*.conf"),
            ("default x\r\ntimeout 3\r\n", "editor", "no", "default x\r\ntimeout 3\r\neditor no\r\n", None), ("default\n", "default", "a", "default\ndefault a\n", None),
            ("\tdefault\tx y\n", "default", "z", "\tdefault\tz\n", "x y"), ("default x\n", "default", "x", "default x\n", "x"), ("defaults x\n", "default", None, "defaults x\n", None)):
        answer = tool.ask("loader", before.encode(), name=key, value=value)
        count += 1
        if answer["result"] or answer["text"] != after.encode() or answer["before"] != had:
            complaints.append("%r: %s, expected %r" % (before, answer, after))
            continue
        back = tool.ask("loader", answer["text"], name=key, value=answer["before"])
        if back["text"] != before.encode():
            complaints.append("%r: undone to %r" % (before, back["text"]))
    for before, key, value in (("default a\ndefault b\n", "default", "c"), ('default "a"\n', "default", "c"), ("", "default", "a\nb"), ("", "de fault", "a"), ("", "default", " a"), ("", "default", "")):
        answer = tool.ask("loader", before.encode(), name=key, value=value)
        if answer["result"] == 0 or not answer["error"]:
            complaints.append("%r %r: %s" % (before, value, answer))
    gone = tool.ask("loader", b"a 1\ndefault x\nb 2\n", name="default", value=None)
    if gone["text"] != b"a 1\nb 2\n" or gone["before"] != "x":
        complaints.append("taking a line away: %s" % gone)
    return complaints, count + 7


def json_stays(tool):
    """kernelstub's options as Python reads them, over many layouts."""
    dice, complaints = random.Random(5), []
    for _ in range(60):
        options = dice.sample(["quiet", "a b", "", "x=\"y z\"", "\u00e9", "\\", "splash", "console=tty0"], dice.randrange(6))
        data = {"live": {"kernel_options": ["no"]}, "user": {"a": [[], {}], "kernel_options": options, "b": None}}
        text = json.dumps(data, indent=dice.choice([None, 0, 1, 2, "\t"]), ensure_ascii=dice.choice([True, False]),
                          separators=dice.choice([(",", ":"), (", ", ": "), (" , ", " : ")])).encode()
        answer, found = editor.round_trip(tool, text, W, place("kernelstub", {}))
        data["user"]["kernel_options"] = options + W
        if answer["result"] or json.loads(answer["text"]) != data:
            found.append("%s" % answer)
        complaints += ["%r: %s" % (text, sentence) for sentence in found]
    return complaints, 60


def main():
    tool = editor.Editor(sys.argv[1])
    results = [(kind, edits(tool, kind)) for kind in EDITED]
    results += [("menus, one entry of them", menus_apart(tool)), ("what is refused", refusals(tool)), ("words that are no words", bad_words(tool)),
                ("changed in between", changed_between(tool)), ("loader.conf", loader(tool)), ("JSON in many layouts", json_stays(tool))]
    skipped = not shutil.which("grub-editenv")
    results.append(("grubenv", ([], 0) if skipped else grubenv(tool)))
    failed = bool(tool.close())
    print("1..%d" % len(results))
    for number, (name, (complaints, n)) in enumerate(results, 1):
        skip = " # SKIP there is no grub-editenv (package grub-common)" if skipped and name == "grubenv" else ""
        print("%s %d - %s: %d files%s" % ("not ok" if complaints else "ok", number, name, n, skip))
        for complaint in complaints[:20]:
            print("# " + complaint)
        failed |= bool(complaints)
    sys.exit(failed)


if __name__ == "__main__":
    main()
