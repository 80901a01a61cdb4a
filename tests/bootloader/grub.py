#!/usr/bin/python3
"""GRUB's own generator (grub-mkconfig, 10_linux, grub-editenv, grub-script-check, as Debian packages them) on generated
hosts, with what the program plans for them done by hand. The menus are compared with those from before: everything that
is not ours is the same, byte for byte, and our entries differ from the distribution's in id, title, words and image only.

The generator runs in a mount namespace in which /boot, /etc/grub.d and /etc/default are those of the host under test;
only grub-probe and grub-mkrelpath, which ask the machine for its disks, answer what the variant says. TAP.

usage: grub.py STEPS [NAME]      the program built from steps.c; only variants with NAME in their name
"""
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

WORDS = ["passthru.boot=1", "iommu=pt", "hugepagesz=1G", "hugepages=4", "hugepagesz=2M", "hugepages=512"]
TRIAL = ["passthru.trial=1", "panic=30", "rd.shell=0"]
UUID = "0a1b2c3d-1111-2222-3333-444455556666"
KERNELS = ["6.1.0-37-amd64", "6.12.9+deb12-amd64", "5.10.0-9-amd64"]
OWN = "### BEGIN /etc/grub.d/42_passthru ###\n"
OWN_END = "### END /etc/grub.d/42_passthru ###\n"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

steps_program = None
number = 0


def report(name, problems):
    global number
    number += 1
    print("%s %d - %s" % ("not ok" if problems else "ok", number, name))
    for line in problems[:30]:
        print("# " + str(line))
    sys.stdout.flush()


# ---- hosts ----

PROBE = """#!/bin/sh
# what the disks of the variant are
target=
while [ $# -gt 0 ]; do
	case $1 in
	--target=*) target=${1#--target=} ;;
	-t) target=$2; shift ;;
	esac
	shift
done
case $target in
device) echo %(device)s ;;
fs_uuid) echo %(uuid)s ;;
partuuid) echo 11112222-01 ;;
fs) echo %(fs)s ;;
abstraction) %(abstraction)s ;;
partmap) echo gpt ;;
compatibility_hint) echo hd0,gpt2 ;;
hints_string) echo "--hint-bios=hd0,gpt2 --hint-efi=hd0,gpt2" ;;
fs_label) echo label ;;
esac
"""

RELATIVE = """#!/bin/sh
# where the path is on its file system
case $1 in
/) echo "%(root)s" ;;
/boot*) echo "%(boot)s${1#/boot}" ;;
*) echo "$1" ;;
esac
"""


class Host:
    def __init__(self, top, variant):
        self.top = pathlib.Path(top)
        self.variant = variant
        self.write("etc/default/grub", variant.get("defaults", 'GRUB_DEFAULT=0\nGRUB_TIMEOUT=5\n'
                   'GRUB_DISTRIBUTOR=Debian\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX=""\n'))
        for name, text in variant.get("dropins", {}).items():
            self.write("etc/default/grub.d/" + name, text)
        shutil.copytree("/etc/grub.d", self.top / "etc/grub.d")
        mkconfig = pathlib.Path("/usr/sbin/grub-mkconfig").read_text()
        if not variant.get("has_dropins", True):
            # as GRUB's own, which Debian adds the loop to
            mkconfig = re.sub(r"for x in \$\{sysconfdir\}/default/grub\.d.*?\ndone\n", "", mkconfig, flags=re.S)
            assert "default/grub.d" not in mkconfig
        self.write("usr/sbin/grub-mkconfig", mkconfig, 0o755)
        self.write("usr/bin/grub-editenv", "")
        if "pkgbase" not in variant:
            self.write("usr/sbin/update-initramfs", "")
            self.write("etc/kernel/postinst.d/initramfs-tools", "")
        for release in variant.get("kernels", KERNELS[:1]):
            self.kernel(release)
        for name in variant.get("early", []):
            self.write("boot/" + name, "early")
        self.write("proc/self/mountinfo", "22 1 8:2 / / rw,relatime shared:1 - %s /dev/sda2 rw\n" % variant.get("type", "ext4"))
        os.makedirs(self.top / "sys/dev/block")
        os.symlink("../../devices/" + variant.get("disk", "pci0000:00/0000:00:1f.2/ata1/block/sda/sda2"),
                   self.top / "sys/dev/block/8:2")
        self.write("sys/devices/" + variant.get("disk", "pci0000:00/0000:00:1f.2/ata1/block/sda/sda2") + "/dev", "8:2\n")
        os.makedirs(self.top / "boot/grub")
        values = {"device": variant.get("device", "/dev/sda2"), "uuid": UUID, "fs": variant.get("fs", "ext2"),
                  "abstraction": "echo lvm" if variant.get("lvm") else ":"}
        self.write("stub/grub-probe", PROBE % values, 0o755)
        self.write("stub/grub-mkrelpath", RELATIVE % {"root": variant.get("root", "/"), "boot": variant.get("boot", "/boot")}, 0o755)
        self.write("dev/disk/by-uuid/" + UUID, "")
        self.write("dev/null", "")
        self.write("dev/sda2", "")
        self.inside(["/usr/bin/grub-editenv", "/boot/grub/grubenv", "create"])
        for entry in variant.get("prepare", []):
            entry(self)

    def write(self, path, text, mode=0o644):
        path = self.top / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def read(self, path):
        return (self.top / path).read_text()

    def kernel(self, release):
        name = self.variant.get("pkgbase")
        if name:
            # the kernel's file is named by its package, not by its release (Arch, Manjaro)
            self.write("usr/lib/modules/%s/pkgbase" % release, name + "\n")
            self.write("usr/bin/mkinitcpio", "")
            self.write("usr/share/libalpm/hooks/90-mkinitcpio-install.hook", "")
            self.write("boot/vmlinuz-" + name, "kernel")
            self.write("boot/initramfs-%s.img" % name, "image")
            self.write("usr/lib/modules/%s/modules.builtin" % release, "")
            return
        self.write("boot/vmlinuz-" + release, "kernel")
        self.write("boot/initrd.img-" + release, "image")
        self.write("boot/config-" + release, "CONFIG_X=y\n")
        self.write("usr/lib/modules/%s/modules.builtin" % release, "")

    def inside(self, argv, check=True, more=()):
        """Runs a command where the host's files are in their places."""
        script = ["set -e"]
        for here, there in (("boot", "/boot"), ("etc/grub.d", "/etc/grub.d"), ("etc/default", "/etc/default"),
                            ("stub/grub-probe", "/usr/sbin/grub-probe"), ("stub/grub-mkrelpath", "/usr/bin/grub-mkrelpath"),
                            ("usr/sbin/grub-mkconfig", "/usr/sbin/grub-mkconfig"), *more):
            script.append("mount --bind %s %s" % (shlex.quote(str(self.top / here)), there))
        dev = shlex.quote(str(self.top / "dev"))
        script.append("mount --bind /dev/null %s/null" % dev)
        script.append("mount --rbind %s /dev" % dev)
        script.append('exec "$@"')
        how = ["unshare", "-m"] if os.getuid() == 0 else ["unshare", "-rm"]
        environment = {"PATH": PATH, "HOME": "/", "LANG": self.variant.get("language", "C")}
        if self.variant.get("language"):
            environment["LANGUAGE"] = self.variant["language"]
        done = subprocess.run(how + ["sh", "-c", "\n".join(script), "sh"] + argv, env=environment, capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            raise RuntimeError("%s ended with %d: %s" % (argv[0], done.returncode, done.stderr))
        return done

    def generate(self):
        self.inside(["/usr/sbin/grub-mkconfig", "-o", "/boot/grub/grub.cfg"])
        return self.read("boot/grub/grub.cfg")

    def ask(self, *args):
        done = subprocess.run([steps_program, str(self.top), *args], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return json.loads(done.stdout)

    def apply(self, *args):
        """What the program plans, done; an error's text, or the proofs that do not hold then."""
        answer = self.ask(*args)
        if answer.get("error"):
            return answer, [answer["error"]]
        problems = []
        for step in answer["steps"]:
            if "argv" not in step:
                self.write(step["path"], step["content"], step["mode"] or 0o644)
                continue
            if step.get("holds") == "yes":
                problems.append("before: %s holds" % step["why"])
            self.inside(step["argv"])
            if step["output"]:
                again = self.ask(*args)
                made = next(s for s in again["steps"] if s.get("output"))["made"]
                if made != "yes":
                    problems.append(made)
                os.rename(self.top / step["output"], self.top / step["becomes"])
        for step in self.ask(*args)["steps"]:
            if "argv" in step and step["holds"] != "yes":
                problems.append("after: " + step["holds"])
            elif "path" in step and self.read(step["path"]) != step["content"]:
                problems.append("another plan has another " + step["path"])
        return answer, problems


# ---- menus ----

def without_own(menu):
    before, found, rest = menu.partition("\n" + OWN)
    if not found:
        return menu
    return before + rest.partition(OWN_END)[2]


def own_section(menu):
    return menu.partition(OWN)[2].partition(OWN_END)[0]


def entries(menu):
    """Id -> lines of the entry, without indentation that all have."""
    found = {}
    lines = menu.splitlines()
    for at, line in enumerate(lines):
        match = re.match(r"(\s*)menuentry .*\$menuentry_id_option '([^']*)' \{$", line)
        if not match:
            continue
        indent = match.group(1)
        block = []
        for inner in lines[at:]:
            block.append(inner[len(indent):] if inner.startswith(indent) else inner)
            if inner == indent + "}":
                break
        assert match.group(2) not in found, match.group(2)
        found[match.group(2)] = block
    return found


def line_of(block, command):
    return next((line for line in block if re.match(r"\s*%s\s" % command, line)), None)


def differences(before, after, what):
    if before == after:
        return []
    import difflib
    return ["%s:" % what] + list(difflib.unified_diff(before, after, lineterm="", n=1))


def expected_own(block, entry, title, words, drop, image, early):
    """The distribution's entry as ours is to be."""
    want = []
    for line in block:
        bare = line.strip()
        if bare.startswith("menuentry '"):
            behind = re.sub(r"^menuentry '(?:[^']|'\\'')*'", "", bare)
            line = "menuentry '%s'%s" % (title, re.sub(r"'[^']*' \{$", "'%s' {" % entry, behind))
        elif bare == "savedefault":
            continue
        elif re.match(r"linux(16|efi)?\s", bare):
            have = bare.split()
            for word in drop:
                at = len(have) - 1 - have[::-1].index(word)
                del have[at]
            at = have.index("--") if "--" in have else len(have)
            line = " ".join(have[:at] + words + have[at:])
        elif re.match(r"initrd(16|efi)?\s", bare) and image:
            command, *paths = bare.split()
            line = " ".join([command] + [p for p in paths if p.rsplit("/", 1)[-1] in early] + [paths[-1].rsplit("/", 1)[0] + "/" + image])
        want.append(" ".join(line.split()))
    return want


def squeezed(block):
    return [" ".join(line.split()) for line in block]


def compare_own(name, before, menu, entry, title, words, drop, image, early, release):
    source = next((block for id_, block in entries(before).items() if id_.startswith("gnulinux-%s-advanced-" % release)), None)
    own = entries(own_section(menu)).get(entry)
    if not own:
        return ["%s: no entry %s" % (name, entry)]
    if entry not in entries(menu) or own[0].startswith((" ", "\t")):
        return ["%s: not at the top" % name]
    return differences(expected_own(source, entry, title, words, drop, image, early), squeezed(own), name)


def check_normal(before, after, words, already=()):
    """Normal entries have the words once, behind their own; all other entries are as they were."""
    problems = []
    old, new = entries(before), entries(after)
    for id_, block in old.items():
        now = new.get(id_)
        if now is None:
            problems.append("%s is gone" % id_)
        elif "-recovery-" in id_ or not id_.startswith("gnulinux-"):
            problems += differences(block, now, id_)
        else:
            line = line_of(block, "linux(16|efi)?")
            problems += differences([x for x in block if x != line], [x for x in now if x != line_of(now, "linux(16|efi)?")], id_)
            want = line.split() + [word for word in words if word not in already]
            if sorted(line_of(now, "linux(16|efi)?").split()) != sorted(want):
                problems.append("%s: %s" % (id_, line_of(now, "linux(16|efi)?")))
    return problems


# ---- tests ----

def run_variant(name, variant):
    with tempfile.TemporaryDirectory(prefix="passthru-grub-") as top:
        host = Host(top, variant)
        release = variant.get("release", KERNELS[0])
        # what 10_linux makes of the kernel's file name
        named = variant.get("named", release)
        early = variant.get("early", [])
        already = variant.get("already", [])
        before = host.generate()
        files = {path: path.read_bytes() for path in host.top.glob("etc/**/*") if path.is_file()}
        problems = []
        answer = host.ask("detect")
        if answer["chosen"] != variant.get("chosen", "grub-dropin"):
            report(name, ["chosen: %s, %s" % (answer["chosen"], answer["refusal"])])
            return
        # the trial
        host.write("boot/initrd.img-%s.passthru" % release, "trial image")
        trial, found = host.apply("trial", release, "boot/initrd.img-%s.passthru" % release, *WORDS, "--", *TRIAL)
        problems += found
        if not found:
            menu = host.read("boot/grub/grub.cfg")
            problems += differences(before.splitlines(), without_own(menu).splitlines(), "trial: the rest of the menu")
            add = [word for word in WORDS + TRIAL if word not in already]
            problems += compare_own("trial", before, menu, "passthru-trial", "Trial boot of passthru, with Linux " + named, add, [],
                                    "initrd.img-%s.passthru" % release, early, named)
            if "next_entry=passthru-trial\n" not in host.read("boot/grub/grubenv"):
                problems.append("next_entry is not set")
        # kept
        host.write("boot/initrd.img-%s.passthru-old" % release, "old image")
        answer, found = host.apply("permanent", release, "boot/initrd.img-%s.passthru-old" % release, *WORDS)
        problems += found
        if not found:
            menu = host.read("boot/grub/grub.cfg")
            problems += check_normal(before, without_own(menu), WORDS, already)
            problems += compare_own("plain", before, menu, "passthru-without", "Without passthru, with Linux " + named, [], [],
                                    "initrd.img-%s.passthru-old" % release, early, named)
        # and back
        for step in answer.get("steps", []) + trial.get("steps", []):
            if "path" in step:
                path = host.top / step["path"]
                if path in files:
                    path.write_bytes(files[path])
                elif path.exists():
                    path.unlink()
        for step in trial.get("steps", []):
            if step.get("output"):
                host.inside(step["regenerate"])
                os.rename(host.top / step["output"], host.top / step["becomes"])
        problems += differences(before.splitlines(), host.read("boot/grub/grub.cfg").splitlines(), "undone")
        report(name, problems)


def sed_linux(*changes):
    def change(host):
        text = host.read("etc/grub.d/10_linux")
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        host.write("etc/grub.d/10_linux", text, 0o755)
    return change


def other_script(name, text):
    return lambda host: host.write("etc/grub.d/" + name, text, 0o755)


DISTRIBUTOR = "GRUB_DEFAULT=0\nGRUB_TIMEOUT=5\nGRUB_DISTRIBUTOR=%s\n" + 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX=""\n'
USUAL = DISTRIBUTOR % "Debian"

IN_PLACE = {"has_dropins": False, "chosen": "grub"}
# Arch's 10_linux takes all of the kernel's name
ARCH = [sed_linux(("s,^[^0-9]*-,,g", "s,vmlinuz-,,g"))]
RHEL7 = [sed_linux(("\tlinux\t", "\tlinux16 "), ("\tinitrd\t", "\tinitrd16 "), ('CLASS="--class gnu-linux', 'CLASS="--unrestricted --class gnu-linux'))]

VARIANTS = {
    "Debian as installed": {},
    "several kernels, the trial's is not the newest": {"kernels": KERNELS, "release": KERNELS[2]},
    "no words of one's own": {"defaults": ""},
    "single quotes, for all entries too": {"defaults": "GRUB_CMDLINE_LINUX_DEFAULT='quiet splash'\nGRUB_CMDLINE_LINUX='net.ifnames=0'\n"},
    "own variables, substitution, continuation": {"defaults": 'GRUB_DISTRIBUTOR=`echo Debian`\nMY="quiet \\\n  loglevel=3"\n'
                                                  'GRUB_CMDLINE_LINUX_DEFAULT="$MY"\nGRUB_CMDLINE_LINUX_DEFAULT="${GRUB_CMDLINE_LINUX_DEFAULT} a.b=c $(echo d)"\n'},
    "quoted kernel words": {"defaults": "GRUB_CMDLINE_LINUX_DEFAULT='quiet dyndbg=\"file a.c +p\"'\n"},
    "a cloud image assigns anew": {"dropins": {"50-cloudimg-settings.cfg": 'GRUB_CMDLINE_LINUX_DEFAULT="console=tty1 console=ttyS0"\nGRUB_TIMEOUT=0\n'}},
    "a word is there already": {"defaults": USUAL.replace("quiet", "quiet iommu=pt"), "already": ["iommu=pt"]},
    "a word is there already, for all entries": {"defaults": USUAL.replace('LINUX=""', 'LINUX="iommu=pt"'), "already": ["iommu=pt"]},
    "other pages are there, a word in a comment": {"defaults": USUAL.replace("quiet", "hugepages=4") + "#GRUB_CMDLINE_LINUX_DEFAULT=\"iommu=pt\"\n"},
    "saved default, no recovery": {"defaults": USUAL.replace("DEFAULT=0", "DEFAULT=saved") + "GRUB_SAVEDEFAULT=true\nGRUB_DISABLE_RECOVERY=true\n"},
    "no submenu, no UUID": {"kernels": KERNELS[:2], "defaults": USUAL + "GRUB_DISABLE_SUBMENU=y\nGRUB_DISABLE_UUID=true\n"},
    "quotes in the title": {"defaults": DISTRIBUTOR % "\"It's 'mine' --class\""},
    "German, umlauts": {"language": "de_DE.UTF-8", "defaults": DISTRIBUTOR % '"Löwe"'},
    "early images, boot is a partition": {"boot": "", "early": ["intel-ucode.img", "mine.cpio"], "defaults": USUAL + 'GRUB_EARLY_INITRD_LINUX_CUSTOM="mine.cpio"\n'},
    "btrfs, text console": {"fs": "btrfs", "root": "/@", "boot": "/@/boot", "defaults": USUAL + "GRUB_TERMINAL=console\nGRUB_GFXPAYLOAD_LINUX=text\n"},
    "LVM, entries of one's own": {"lvm": True, "device": "/dev/mapper/vg-root", "prepare": [
        other_script("40_custom", "#!/bin/sh\nexec tail -n +3 $0\nmenuentry 'Mine' --id mine {\n  linux /boot/mine root=/dev/sda3 ro\n  initrd /boot/mine.img\n}\n")]},
    "without drop-ins": dict(IN_PLACE),
    "without drop-ins, a word is there already": dict(IN_PLACE, defaults=USUAL.replace("quiet", "quiet iommu=pt"), already=["iommu=pt"]),
    "without drop-ins, an assignment from another": dict(IN_PLACE, defaults="GRUB_CMDLINE_LINUX_DEFAULT='quiet splash'\nGRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT a.b=c\"\n"),
    "without drop-ins, no file": dict(IN_PLACE, defaults="", prepare=[lambda host: (host.top / "etc/default/grub").unlink()]),
    "Arch: a kernel named by its package": dict(IN_PLACE, pkgbase="linux", kernels=["6.10.3-arch1-1"], release="6.10.3-arch1-1", named="linux"),
    "Arch: linux-lts": dict(IN_PLACE, pkgbase="linux-lts", kernels=["6.6.44-1-lts"], release="6.6.44-1-lts", named="linux-lts", prepare=ARCH),
    "Manjaro: a name with a part of the release": dict(IN_PLACE, pkgbase="6.6-x86_64", kernels=["6.6.44-1-MANJARO"], release="6.6.44-1-MANJARO", named="6.6-x86_64"),
    "RHEL 7: words for all entries": dict(IN_PLACE, prepare=RHEL7, defaults='GRUB_DISTRIBUTOR="Red Hat"\nGRUB_DEFAULT=saved\nGRUB_DISABLE_SUBMENU=true\n'
                                          'GRUB_CMDLINE_LINUX="crashkernel=auto rd.lvm.lv=rhel/root rhgb quiet"\nGRUB_DISABLE_RECOVERY="true"\n'),
}

MORE = {
    "several kernels, the newest": {"kernels": KERNELS, "release": KERNELS[1]},
    "no default words": {"defaults": "GRUB_DISTRIBUTOR=Debian\n"},
    "pages are there already": {"defaults": USUAL.replace("quiet", "hugepagesz=1G hugepages=4"), "already": ["hugepagesz=1G", "hugepages=4"]},
    "no UUID of Linux": {"defaults": USUAL + "GRUB_DISABLE_LINUX_UUID=true\n"},
    "a backslash in the title": {"defaults": DISTRIBUTOR % "'a\\\\b'"},
    "serial console": {"defaults": USUAL + 'GRUB_TERMINAL="serial console"\nGRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"\n'},
    "unrestricted entries": {"prepare": [sed_linux(('CLASS="--class gnu-linux', 'CLASS="--unrestricted --users "" --class gnu-linux'))]},
    "a default further down": {"kernels": KERNELS, "defaults": USUAL.replace("DEFAULT=0", "DEFAULT='1>2'")},
    "without drop-ins, own variables": dict(IN_PLACE, defaults='MY="quiet loglevel=3"\nGRUB_CMDLINE_LINUX_DEFAULT="$MY"\n'),
    "without drop-ins, several kernels": dict(IN_PLACE, kernels=KERNELS, release=KERNELS[1]),
}


# ---- what is refused, and what is survived ----

def plan_of(variant, *args, prepare=None):
    with tempfile.TemporaryDirectory(prefix="passthru-grub-") as top:
        host = Host(top, variant)
        host.generate()
        if prepare:
            prepare(host)
        return host.ask(*args)


TRIAL_ARGS = ["trial", KERNELS[0], "boot/initrd.img-%s.passthru" % KERNELS[0], *WORDS, "--", *TRIAL]
PERMANENT_ARGS = ["permanent", KERNELS[0], "-", *WORDS]


def refusals():
    for name, variant, prepare, sentence in (
            ("the block is on btrfs", {"type": "btrfs"}, None, "lies on btrfs (proc/self/mountinfo), which GRUB does not write to"),
            ("the block is on ZFS", {"type": "zfs"}, None, "lies on zfs"),
            ("the block is on LVM", {"disk": "virtual/block/dm-0"}, None, "lies on /dev/sda2 (dm-0), which GRUB does not write to"),
            ("the block is on md", {"disk": "virtual/block/md127"}, None, "(md127), which GRUB does not write to"),
            ("there is no block", {}, lambda host: (host.top / "boot/grub/grubenv").unlink(), "boot/grub/grubenv is not there"),
            ("the block is damaged", {}, lambda host: host.write("boot/grub/grubenv", "x"), "boot/grub/grubenv: "),
            ("another entry is chosen", {}, lambda host: host.inside(["grub-editenv", "/boot/grub/grubenv", "set", "next_entry=other"]),
             "another entry was chosen for the next boot already: boot/grub/grubenv has next_entry=other"),
            ("the header knows no next_entry", {}, lambda host: host.write("boot/grub/grub.cfg", host.read("boot/grub/grub.cfg").replace("next_entry", "other")),
             "does not load an environment block and take next_entry back"),
            ("a default of one's own comes later", {"prepare": [other_script("40_custom", "#!/bin/sh\necho 'set default=0'\n")]}, None,
             "sets its own default behind the choice"),
            ("custom.cfg sets a default", {}, lambda host: host.write("boot/grub/custom.cfg", "set default=1\n"), "boot/grub/custom.cfg sets its own default"),
    ):
        answer = plan_of(variant, *TRIAL_ARGS, prepare=prepare)
        problems = [] if answer["result"] < 0 and sentence in answer["error"] and not answer["steps"] else [answer["result"], answer["error"]]
        report("no trial: " + name, problems)


def multipath(host):
    host.write("sys/devices/virtual/block/dm-3/dm/uuid", "part2-mpath-36001405abcdef\n")


def failures():
    """Menus without the effect, which the proof has to find."""
    for name, variant, args, prepare, sentence in (
            ("10_linux is gone", {}, TRIAL_ARGS, lambda host: (host.top / "etc/grub.d/10_linux").unlink(), "has no entry of a kernel of this system"),
            ("10_linux fails the second time", {}, TRIAL_ARGS, lambda host: host.write("etc/grub.d/10_linux", '[ "$GRUB_DISABLE_SUBMENU" != y ] || exit 1\n'.join(
                ["#!/bin/sh\n", host.read("etc/grub.d/10_linux")]), 0o755), 'has no entry "passthru-trial"'),
            ("the settings were changed, and the menu was not made since", {}, TRIAL_ARGS,
             lambda host: host.write("etc/default/grub", host.read("etc/default/grub").replace("quiet", "quiet a.b=c")), "is not what its generator makes now"),
            ("a kernel was installed, and the menu was not made since", {}, TRIAL_ARGS, lambda host: host.kernel("7.0.1-amd64"), "is not what its generator makes now"),
            ("the kernel is gone", {"kernels": KERNELS}, TRIAL_ARGS, lambda host: (host.top / ("boot/vmlinuz-" + KERNELS[0])).unlink(), "was not found"),
            ("the words do not arrive", {}, PERMANENT_ARGS, lambda host: host.write("etc/default/grub.d/zzz.cfg", 'GRUB_CMDLINE_LINUX_DEFAULT=quiet\n'),
             "has no passthru.boot=1"),
            ("the words go to init", {"defaults": USUAL.replace("quiet", "quiet -- single")}, PERMANENT_ARGS, None, "has no passthru.boot=1"),
            ("the default is counted", {"defaults": USUAL.replace("DEFAULT=0", "DEFAULT=3"), "prepare": [
                other_script("45_more", "#!/bin/sh\necho \"menuentry 'a' { true\n}\"\necho \"menuentry 'b' { true\n}\"\n")]}, TRIAL_ARGS, None,
             "has the default 3, a number"),
    ):
        with tempfile.TemporaryDirectory(prefix="passthru-grub-") as top:
            host = Host(top, variant)
            host.generate()
            host.write("boot/initrd.img-%s.passthru" % KERNELS[0], "trial image")
            if prepare:
                prepare(host)
            _, found = host.apply(*args)
            report("seen: " + name, [] if any(sentence in problem for problem in found) else ["found: %s" % found])


def later():
    """Our script long after: kernels come and go, and the menu is always made."""
    with tempfile.TemporaryDirectory(prefix="passthru-grub-") as top:
        host = Host(top, {"kernels": KERNELS[:2]})
        host.generate()
        old = "boot/initrd.img-%s.passthru-old" % KERNELS[0]
        host.write(old, "old")
        host.apply("permanent", KERNELS[0], old, *WORDS)
        problems = []
        host.kernel(KERNELS[2])
        found = entries(host.generate())
        fresh = next(block for id_, block in found.items() if id_.startswith("gnulinux-%s-advanced" % KERNELS[2]))
        if not all(word in line_of(fresh, "linux").split() for word in WORDS):
            problems.append("a new kernel has not the words: " + line_of(fresh, "linux"))
        if KERNELS[0] + ".passthru-old" not in line_of(found["passthru-without"], "initrd"):
            problems.append("the image is another: " + line_of(found["passthru-without"], "initrd"))
        (host.top / old).unlink()
        if not line_of(entries(host.generate())["passthru-without"], "initrd").endswith("/initrd.img-" + KERNELS[0]):
            problems.append("the usual image is not taken")
        (host.top / ("boot/vmlinuz-" + KERNELS[0])).unlink()
        block = entries(host.generate())["passthru-without"]
        if KERNELS[1] not in line_of(block, "linux") or "passthru" in line_of(block, "linux"):
            problems.append("not the newest kernel: " + line_of(block, "linux"))
        (host.top / "etc/grub.d/10_linux").unlink()
        if "passthru-without" in host.generate():
            problems.append("an entry without 10_linux")
        report("kernels come and go", problems)
        host = Host(top + "/2", {"kernels": KERNELS[:2]})
        host.generate()
        image = "boot/initrd.img-%s.passthru" % KERNELS[0]
        host.write(image, "trial image")
        host.apply(*TRIAL_ARGS)
        problems = []
        (host.top / image).unlink()
        if "passthru-trial" in host.generate():
            problems.append("a trial without its image")
        host.write(image, "trial image")
        if "passthru-trial" not in host.generate():
            problems.append("no trial with its image")
        (host.top / ("boot/vmlinuz-" + KERNELS[0])).unlink()
        if "passthru-trial" in host.generate():
            problems.append("a trial without its kernel")
        report("the trial's kernel and image go", problems)


def armed_again():
    """GRUB has used its choice up: only the step that makes it is left to do."""
    with tempfile.TemporaryDirectory(prefix="passthru-grub-") as top:
        host = Host(top, {})
        host.generate()
        host.write("boot/initrd.img-%s.passthru" % KERNELS[0], "trial image")
        problems = host.apply(*TRIAL_ARGS)[1]
        # what save_env leaves
        host.inside(["grub-editenv", "/boot/grub/grubenv", "set", "next_entry="])
        held = [step.get("holds") for step in host.ask(*TRIAL_ARGS)["steps"]]
        if held[:2] != [None, "yes"] or held[2] == "yes":
            problems.append("to do: %s" % held)
        report("a trial is armed again", problems)
        answer = plan_of({"disk": "virtual/block/dm-3"}, *TRIAL_ARGS, prepare=multipath)
        report("a disk with several paths is a disk", [answer["error"]] if answer["error"] else [])


def state(top):
    """Every file of the host that a change may touch, with its mode."""
    found = {}
    for part in ("boot", "etc/default", "etc/grub.d"):
        for path in sorted((top / part).rglob("*")):
            if path.is_file():
                found[str(path.relative_to(top))] = (path.stat().st_mode, path.read_bytes(), path.stat().st_mtime_ns)
    return found


def by_engine(name, variant, used_up):
    """Both changes done and taken back by the program's engine, where its commands really run."""
    with tempfile.TemporaryDirectory(prefix="passthru-grub-") as top:
        host = Host(top, variant)
        host.generate()
        host.write("boot/initrd.img-%s.passthru" % KERNELS[0], "trial image")
        (host.top / "boot/grub/grub.cfg").chmod(0o444)
        os.makedirs(host.top / "var")
        os.makedirs(host.top / "run")
        before = state(host.top)
        places = [("var", "/var/lib"), ("run", "/run"), ("usr/lib/modules", "/usr/lib/modules"), ("usr/sbin/update-initramfs", "/usr/sbin/update-initramfs")]
        places = [(here, there) for here, there in places if os.path.exists(there)]
        problems = []

        def engine(*args):
            done = host.inside([steps_program, "/", *args], check=False, more=places)
            if done.returncode != 0:
                raise RuntimeError(done.stderr + done.stdout)
            answer = json.loads(done.stdout)
            if answer["result"] < 0:
                problems.append("%s: %s" % (args[0], answer["error"]))
            return answer

        answer = engine("apply-" + TRIAL_ARGS[0], *TRIAL_ARGS[1:])
        if "GRUB does not write to" in (answer["error"] or "") or "GRUB may not be able" in (answer["error"] or ""):
            report("by the engine: %s # SKIP the file system of temporary files: %s" % (name, answer["error"]), [])
            return
        trial = state(host.top)
        if "passthru-trial" not in host.read("boot/grub/grub.cfg") or trial["boot/grub/grub.cfg"][0] != before["boot/grub/grub.cfg"][0]:
            problems.append("the menu has no trial, or another mode")
        if engine("apply-" + TRIAL_ARGS[0], *TRIAL_ARGS[1:]).get("number") != 0:
            problems.append("the same again is another change")
        if used_up:
            host.inside(["grub-editenv", "/boot/grub/grubenv", "set", "next_entry="])
        engine("apply-" + PERMANENT_ARGS[0], *PERMANENT_ARGS[1:])
        if "passthru-without" not in host.read("boot/grub/grub.cfg") or "passthru-trial" in host.read("boot/grub/grub.cfg"):
            problems.append("the menu is not the permanent one")
        if used_up:
            host.kernel(KERNELS[1])
            host.generate()
        for _ in range(2):
            engine("undo")
        if used_up:
            for path in ("boot/vmlinuz-", "boot/initrd.img-", "boot/config-"):
                (host.top / (path + KERNELS[1])).unlink()
            host.generate()
        after = state(host.top)
        for path in sorted(set(before) | set(after)):
            made = used_up and path in ("boot/grub/grub.cfg", "boot/grub/grubenv")
            if path not in before or path not in after or before[path][:2 if made else 3] != after[path][:2 if made else 3]:
                problems.append("undone, and %s is another: %s, %s" % (path, before.get(path, "none")[0], after.get(path, "none")[0]))
        report("by the engine: " + name, problems)


def main():
    global steps_program
    steps_program = sys.argv[1]
    if subprocess.run(["unshare", "-m" if os.getuid() == 0 else "-rm", "true"], check=False).returncode != 0:
        print("1..0 # SKIP a mount namespace is not allowed here")
        return
    variants = dict(VARIANTS, **(MORE if os.environ.get("PASSTHRU_TEST_LONG") else {}))
    if len(sys.argv) > 2:
        variants = {name: variant for name, variant in dict(VARIANTS, **MORE).items() if sys.argv[2] in name}
    for name, variant in variants.items():
        run_variant(name, variant)
    if len(sys.argv) == 2:
        refusals()
        failures()
        later()
        armed_again()
        by_engine("both changes and back", {}, False)
        by_engine("a trial was booted, and a kernel came", {}, True)
        by_engine("without drop-ins", IN_PLACE, True)
    print("1..%d" % number)


main()
