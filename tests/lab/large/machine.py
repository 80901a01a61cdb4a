"""A machine of the large lab: QEMU with a whole disk, driven from outside.

The disk's own boot loader starts it. Inside, `agent` (started by systemd) runs scripts that are asked for over the second serial port; they
come and answer through a shared folder. The console goes to a file, QEMU's monitor is a socket. Everything has a limit. The hardware is that of
tests/lab/machine.sh's machine "on", as far as the large lab needs it, with the disk behind a root port of its own.
"""
import collections
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
DISPLAY, AUDIO, TWIN, DISK = "0000:01:00.0", "0000:01:00.1", "0000:02:00.0", "0000:03:00.0"
# A machine with other things to do must not fail.
PATIENCE = float(os.environ.get("PASSTHRU_LAB_PATIENCE", "4"))
UP_S = 120
JOB_S = 240

Answer = collections.namedtuple("Answer", "status text")


class Trouble(Exception):
    """The machine did not do what every machine does."""


class Lines(threading.Thread):
    """Reads a socket all the time: a full one would make the machine stand still."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.sock = socket.socket(socket.AF_UNIX)
        for _ in range(200):
            try:
                self.sock.connect(path)
                break
            except OSError:
                time.sleep(0.05)
        else:
            raise Trouble("QEMU did not open %s" % path)
        self.lines = collections.deque()
        self.more = threading.Condition()
        self.ended = False
        self.start()

    def run(self):
        rest = b""
        while True:
            try:
                data = self.sock.recv(65536)
            except OSError:
                data = b""
            with self.more:
                if not data:
                    self.ended = True
                    self.more.notify_all()
                    return
                *lines, rest = (rest + data).split(b"\n")
                self.lines.extend(line.decode(errors="replace").strip() for line in lines)
                self.more.notify_all()

    def next(self, limit_s):
        """The next line, or None when there is none in time or the other side is gone."""
        with self.more:
            self.more.wait_for(lambda: self.lines or self.ended, limit_s)
            return self.lines.popleft() if self.lines else None

    def say(self, text):
        self.sock.sendall(text.encode() + b"\n")


def end_with_parent():
    """PR_SET_PDEATHSIG: no machine outlives who started it."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Machine:
    def __init__(self, disk, firmware, folder, safe=False):
        """@disk: a qcow2 overlay; UEFI's variables lie beside it. @safe: writes reach it as on a real disk."""
        self.disk = disk
        self.variables = variables_of(disk)
        self.firmware = firmware
        self.folder = folder
        self.cache = "writeback" if safe else "unsafe"
        self.share = os.path.join(folder, "share")
        self.console = os.path.join(folder, "console")
        self.process = self.agent = self.monitor = None
        self.second = None  # another disk, behind the first
        # One alone: with two, QEMU 7.2 now and then goes on with an int3 that the kernel has long taken out of its code again, and both
        # take that exception for ever. Without tsc: a busy machine makes the kernel measure a wrong frequency, and then all its time
        # limits are wrong.
        self.processor = "max,erms=off,fsrm=off,tsc=off"
        self.jobs = self.layers = 0
        os.makedirs(self.share, exist_ok=True)
        shutil.copy(os.path.join(HERE, "guest.sh"), self.share)

    def arguments(self):
        words = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-name", "large-lab",
                 "-machine", "q35,accel=tcg,kernel-irqchip=split,smm=off", "-cpu", self.processor, "-smp", "1", "-m", "1024"]
        if self.firmware == "uefi":
            words += ["-drive", "if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd",
                      "-drive", "if=pflash,unit=1,format=raw,cache=%s,file=%s" % (self.cache, self.variables)]
        for word in (
                "intel-iommu,caching-mode=on,device-iotlb=on,intremap=on",
                "pcie-root-port,id=rp1,chassis=1,slot=1,addr=3",
                "pcie-root-port,id=rp2,chassis=2,slot=2,addr=4",
                "pcie-root-port,id=rp3,chassis=3,slot=3,addr=5",
                "bochs-display,bus=rp1,addr=0.0,multifunction=on,id=display",
                "ich9-intel-hda,bus=rp1,addr=0.1,multifunction=on,id=audio",
                "hda-output,bus=audio.0,audiodev=sound,id=codec",
                "bochs-display,bus=rp2,id=twin",
                "virtio-blk-pci,bus=rp3,drive=root,bootindex=1,id=disk",
                "virtio-9p-pci,fsdev=share,mount_tag=lab,addr=6"):
            words += ["-device", word]
        if self.second:
            words += ["-drive", "if=none,id=second,format=qcow2,file=" + self.second, "-device", "virtio-blk-pci,drive=second,addr=7"]
        return words + ["-audiodev", "none,id=sound",
                        "-drive", "if=none,id=root,format=qcow2,discard=unmap,cache=%s,file=%s" % (self.cache, self.disk),
                        "-fsdev", "local,id=share,security_model=none,path=" + self.share,
                        "-chardev", "file,id=console,append=on,path=" + self.console, "-serial", "chardev:console",
                        "-chardev", "socket,id=agent,server=on,wait=off,path=%s/agent" % self.folder, "-serial", "chardev:agent",
                        "-chardev", "socket,id=monitor,server=on,wait=off,path=%s/monitor" % self.folder,
                        "-mon", "chardev=monitor,mode=control"]

    # ---- power ----

    def start(self, *more):
        """Switches it on. QEMU 7.2 without KVM crashes once in some fifty starts: that counts only when the machine had said something."""
        for _ in range(3):
            open(self.console, "w").close()
            for name in ("agent", "monitor"):
                if os.path.exists(os.path.join(self.folder, name)):
                    os.unlink(os.path.join(self.folder, name))
            with open(os.path.join(self.folder, "stderr"), "w") as stderr:
                self.process = subprocess.Popen(self.arguments() + list(more), stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
                                                preexec_fn=end_with_parent)
            try:
                self.agent = Lines(os.path.join(self.folder, "agent"))
                self.monitor = Lines(os.path.join(self.folder, "monitor"))
                self.ask("qmp_capabilities")
                time.sleep(1)
            except Trouble:
                pass
            if self.process.poll() is None:
                return
        raise Trouble("QEMU ended: " + open(os.path.join(self.folder, "stderr")).read())

    def ask(self, command, **arguments):
        """A command to QEMU's monitor."""
        self.monitor.say(json.dumps({"execute": command, "arguments": arguments}))
        while True:
            line = self.monitor.next(30)
            if line is None:
                raise Trouble("QEMU does not answer to " + command)
            answer = json.loads(line)
            if "error" in answer:
                raise Trouble("%s: %s" % (command, answer["error"]["desc"]))
            if "return" in answer:
                return answer["return"]

    def cut(self):
        """The power is gone."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def freeze(self):
        """The disk stays as it is now, and its path is the answer; what is written from now on goes into an overlay."""
        was = self.disk
        self.layers += 1
        self.disk = "%s/disk-%d" % (self.folder, self.layers)
        self.ask("blockdev-snapshot-sync", device="root", **{"snapshot-file": self.disk, "format": "qcow2"})
        if self.firmware == "uefi":
            shutil.copy(self.variables, was + ".vars")
        return was

    def reset(self):
        self.ask("system_reset")

    def ended(self, limit_s=90):
        """Waits until it has switched itself off."""
        try:
            self.process.wait(limit_s * PATIENCE)
        except subprocess.TimeoutExpired:
            raise Trouble("it does not switch itself off:\n" + self.last_words()) from None

    def power_off(self):
        self.post("systemctl poweroff")
        self.ended()

    def save(self, path):
        """Its state as a file, to go on from with start("-incoming", "exec:cat PATH"); the machine is gone then."""
        self.ask("stop")
        self.ask("migrate-set-parameters", **{"max-bandwidth": 1 << 32})
        self.ask("migrate", uri="exec:cat >" + path)
        for _ in range(int(60 * PATIENCE)):
            state = self.ask("query-migrate").get("status")
            if state == "completed":
                self.ask("quit")
                self.process.wait(30)
                return
            if state == "failed":
                break
            time.sleep(1)
        raise Trouble("the state could not be saved: %s" % state)

    def resume(self, path):
        self.start("-incoming", "exec:cat " + path)
        for _ in range(int(60 * PATIENCE)):
            if self.ask("query-status")["status"] in ("running", "paused", "postmigrate"):
                self.ask("cont")
                return
            time.sleep(0.5)
        raise Trouble("the saved state does not run")

    # ---- what runs in it ----

    def up(self, limit_s=UP_S):
        """Waits until systemd has started the agent; the id of this boot."""
        until = time.monotonic() + limit_s * PATIENCE
        while True:
            line = self.agent.next(max(0, until - time.monotonic()))
            if line is None:
                raise Trouble("it did not come up:\n" + self.last_words())
            # firmware and boot loader may have left the cursor in this line
            found = re.search(r"up ([0-9a-f-]{36})$", line)
            if found:
                return found[1]

    def says(self, words, limit_s=UP_S):
        """Whether the console does, in time; to come up instead is trouble."""
        until = time.monotonic() + limit_s * PATIENCE
        while time.monotonic() < until:
            with open(self.console, encoding="utf-8", errors="replace") as f:
                if words in f.read():
                    return True
            line = self.agent.next(1)
            if line and "up " in line:
                raise Trouble("it came up instead of: " + words)
        return False

    def post(self, script):
        """Has a script run without waiting for its end; its number."""
        self.jobs += 1
        with open("%s/job-%d" % (self.share, self.jobs), "w", encoding="utf-8") as f:
            f.write(". /run/lab/guest.sh\n" + script + "\n")
        self.agent.say("job %d" % self.jobs)
        return self.jobs

    def answer(self, number, limit_s=JOB_S):
        until = time.monotonic() + limit_s * PATIENCE
        while True:
            line = self.agent.next(max(0, until - time.monotonic()))
            if line is None:
                raise Trouble("no answer to a script:\n%s\n%s" % (self.text(number)[-2000:], self.last_words()))
            found = re.match(r"done (\d+) (\d+)$", line)
            if found and int(found[1]) == number:
                return Answer(int(found[2]), self.text(number))

    def text(self, number):
        try:
            with open("%s/out-%d" % (self.share, number), encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def run(self, script, limit_s=JOB_S):
        """Runs a script: its status and what it said. guest.sh has been read when it begins."""
        return self.answer(self.post(script), limit_s)

    def must(self, script, limit_s=JOB_S):
        answer = self.run(script, limit_s)
        if answer.status:
            raise Trouble("status %d of a script: %s\n%s" % (answer.status, script, answer.text[-4000:]))
        return answer.text

    def reboot(self, limit_s=UP_S):
        self.post("systemctl reboot")
        return self.up(limit_s)

    def last_words(self, lines=40):
        with open(self.console, encoding="utf-8", errors="replace") as f:
            return "\n".join(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", f.read()).replace("\r", "").splitlines()[-lines:])


def variables_of(disk):
    return os.path.join(os.path.dirname(disk), "vars")


def overlay(base, path, base_format="qcow2"):
    """A fresh disk that begins as @base; UEFI's variables with it."""
    if os.path.exists(path):
        os.unlink(path)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", os.path.abspath(base), "-F", base_format, path], check=True)
    for variables in (base + ".vars", variables_of(base)):
        if os.path.exists(variables):
            shutil.copy(variables, variables_of(path))
            break
