"""What the cases of the large lab work with: a disk with the program in it, tests as TAP, and comparisons of whole hosts."""
import difflib
import hashlib
import json
import os
import shutil
import subprocess
import time

import machine
from machine import AUDIO, DISPLAY, TWIN, Machine, Trouble, overlay

# The pair's display shows the console.
PAIR = "--allow display %s %s" % (DISPLAY, AUDIO)
ALL = "%s %s %s" % (DISPLAY, AUDIO, TWIN)
ON, OFF = "vfio-pci vfio-pci bochs-drm ", "bochs-drm snd_hda_intel bochs-drm "
BUILD_S = 600  # images are built by emulated processors
# A busy machine makes the emulated one stand still: what systemd waits 90 s for is there all the same, later.
PATIENT = "mkdir -p /etc/systemd/system.conf.d && printf '[Manager]\\nDefaultDeviceTimeoutSec=10min\\n' >/etc/systemd/system.conf.d/lab.conf && sync"
# What more than one case begins with: a state of the machine, and what of the program leads there.
STATES = {"trial": "setup --yes " + PAIR, "permanent": "setup --yes --no-trial " + PAIR}


class Tap:
    """One stream for all cases; run.py numbers nothing, it counts."""

    def __init__(self):
        self.made = self.failed = 0
        self.about = ""

    def ok(self, good, sentence, why=""):
        self.made += 1
        self.failed += not good
        print("%sok %d - %s: %s" % ("" if good else "not ", self.made, self.about, sentence), flush=True)
        if not good and why:
            self.note(why)
        return bool(good)

    def same(self, got, wanted, sentence):
        diff = "\n".join(list(difflib.unified_diff(wanted.splitlines(), got.splitlines(), "wanted", "got", n=0, lineterm=""))[:40])
        return self.ok(got == wanted, sentence, diff)

    def skip(self, sentence, reason):
        self.made += 1
        print("ok %d - %s: %s # SKIP %s" % (self.made, self.about, sentence, reason), flush=True)

    @staticmethod
    def note(text):
        for line in str(text).splitlines()[-60:]:
            print("#   " + line, flush=True)


class Lab:
    """One disk, and the machines that start from it."""
    pair = PAIR

    def __init__(self, name, base, program, folder, tap, long):
        self.name, self.base, self.program, self.folder, self.tap, self.long = name, base, program, folder, tap, long
        self.firmware = open(os.path.join(base, "firmware"), encoding="ascii").read().strip()
        self.machines = []
        self.inject = False
        self.before = self.before_times = self.before_words = None
        self.took_s = {}  # what each of STATES took

    # ---- machines ----

    def new(self, what, base, base_format="qcow2", safe=False):
        folder = os.path.join(self.folder, what)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        overlay(base, os.path.join(folder, "disk"), base_format)
        made = Machine(os.path.join(folder, "disk"), self.firmware, folder, safe)
        if self.name.startswith("grub-uefi"):
            made.processor = made.processor.replace("tsc=off", "tsc=on")  # GRUB for UEFI needs one; the disk hides it from the kernel
        self.machines.append(made)
        return made

    def prepare(self, again=False):
        """Boots the disk, puts the program in, and saves the state of the machine as it is then. @again: takes the one that is there already."""
        facts = os.path.join(self.folder, "prepared.json")
        if again and os.path.exists(facts):
            with open(facts, encoding="utf-8") as f:
                self.before, self.before_times, self.before_words = json.load(f)
            self.inject = True
            return
        host = self.new("prepared", os.path.join(self.base, "disk"), "raw")
        shutil.copy(self.program, os.path.join(host.share, "program.tar"))
        host.start()
        host.up()
        self.before_words = host.must("cat /proc/cmdline")
        self.tap.ok("BOOT_IMAGE=" in self.before_words or "initrd=" in self.before_words, "its own boot loader starts it", self.before_words)
        self.tap.same(host.must("drivers " + ALL).strip() + " ", OFF, "the pair and its twin have their drivers")
        host.must("tar -C / -xf /run/lab/program.tar && sync")
        host.must(PATIENT)
        self.before = host.must("manifest")
        self.before_times = host.must("mtimes")
        host.save(os.path.join(self.folder, "prepared.state"))
        with open(facts, "w", encoding="utf-8") as f:
            json.dump([self.before, self.before_times, self.before_words], f)

    def fresh(self, what, safe=False, base="prepared"):
        """A machine as prepare() left it, running, with the program; or as in one of STATES, which is made by its first user."""
        if base in STATES and base not in self.took_s and not (self.inject and self.has_state(base)):
            self.make(base)
        host = self.new(what, os.path.join(self.folder, base, "disk"), safe=safe)
        host.resume(os.path.join(self.folder, base + ".state"))
        if self.inject:
            shutil.copy(self.program, os.path.join(host.share, "program.tar"))
            host.must("tar -C / -xf /run/lab/program.tar && sync")
        return host

    def make(self, state):
        host = self.fresh(state)
        began = time.monotonic()
        self.passthru(host, STATES[state], 0, STATES[state].partition(" --allow")[0])
        self.took_s[state] = time.monotonic() - began
        host.must("sync")
        host.save(os.path.join(self.folder, state + ".state"))
        with open(os.path.join(self.folder, state + ".json"), "w", encoding="utf-8") as f:
            json.dump([digest(self.program), self.took_s[state]], f)

    def has_state(self, state):
        """Whether an earlier run has left it, made by the same program."""
        path = os.path.join(self.folder, state + ".json")
        if not os.path.exists(path):
            return False
        with open(path, encoding="utf-8") as f:
            program, took_s = json.load(f)
        if program == digest(self.program):
            self.took_s[state] = took_s
        return state in self.took_s

    def rescue(self, disk):
        """Another system, not yet started, that has @disk as its second one."""
        name = "grub-bios" if self.name != "grub-bios" else "sdboot-initramfs-tools"
        built = subprocess.run([os.path.join(machine.HERE, "disk.sh"), name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True)
        base = built.stdout.strip()
        host = self.new("rescue", os.path.join(base, "disk"), "raw")
        host.firmware = open(os.path.join(base, "firmware"), encoding="ascii").read().strip()
        host.second = disk
        shutil.copy(self.program, os.path.join(host.share, "program.tar"))
        return host

    def end(self):
        for host in self.machines:
            host.cut()
        self.machines = []

    # ---- questions that many cases ask ----

    def passthru(self, host, words, status=0, sentence=None):
        """Runs the program; the answer's text. A test when there is a sentence."""
        began = time.monotonic()
        answer = host.run("passthru " + words, BUILD_S)
        print("# passthru %s: status %d after %d s" % (words, answer.status, time.monotonic() - began), flush=True)
        if sentence:
            self.tap.ok(answer.status == status, sentence, answer.text)
        elif answer.status != status:
            raise Trouble("passthru %s: status %d\n%s" % (words, answer.status, answer.text))
        return answer.text

    def nothing_to_do(self, host, what):
        plan = self.passthru(host, "--json plan " + PAIR)
        answer = json.loads(plan)
        self.tap.ok(answer["steps"] == [] and answer["refused"] is None, what + ": the plan is empty", plan)

    def devices(self, host, wanted, sentence):
        return self.tap.same(host.must("drivers " + ALL).strip() + " ", wanted, sentence)

    def words(self, host):
        return host.must("cat /proc/cmdline").split()

    def reserved(self, host, what):
        """The pair went to vfio-pci before its drivers could have it; its twin did not."""
        self.devices(host, ON, what + ": the pair is on vfio-pci, its twin is not")
        log = host.must("dmesg")
        drivers = [line for line in log.splitlines() if "passthru" not in line and
                   ("bochs-drm " + DISPLAY in line or "snd_hda_intel " + AUDIO in line)]
        self.tap.ok(not drivers, what + ": no other driver had the pair", "\n".join(drivers))
        self.tap.ok("passthru: " + DISPLAY in log, what + ": the early helper has said so",
                    "\n".join(line for line in log.splitlines() if "passthru" in line))

    def as_before(self, host, what):
        """Everything that starts the host is what it was; times that differ are told."""
        good = self.tap.same(host.must("manifest"), self.before, what + ": etc, /boot and the ESP are as before")
        before, after = self.before_times.splitlines(), host.must("mtimes").splitlines()
        differ = sorted(set(after) - set(before))
        print("# %d times differ" % len(differ))
        self.tap.note("\n".join(line.replace("|", " ") for line in differ))
        return good

    def normal(self, host, what):
        self.tap.same(host.must("cat /proc/cmdline"), self.before_words, what + ": the command line is that of before")
        self.devices(host, OFF, what + ": all have their drivers")


def spoil_trial(host, script):
    """Changes the image of the trial, and only that."""
    # On the boot loader's own file system, when there is a copy there: that is the one that is started.
    return host.must("images=$(ls -d $(find /efi /boot -type f -size +1M -name '*passthru*' 2>/dev/null)); "
                     "[ -n \"$images\" ]; for image in $images; do echo \"$image\"; %s; done; sync" % script)


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def program_tar(build, folder):
    """What `meson install` would put on a host."""
    root = os.path.join(folder, "program")
    shutil.rmtree(root, ignore_errors=True)
    subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--destdir", root], check=True, stdout=subprocess.DEVNULL)
    path = os.path.join(folder, "program.tar")
    subprocess.run(["tar", "-C", root, "--owner=0", "--group=0", "--sort=name", "--mtime=@0", "-cf", path, "."], check=True)
    return path
