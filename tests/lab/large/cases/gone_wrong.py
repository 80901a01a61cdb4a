"""A trial boot that goes wrong ends, without a hand on the keyboard, with the host as it was; undo then takes all back."""
import os
import subprocess

from lab import spoil_trial
from machine import DISK

SHORT = ()


def idle_init(folder):
    """An archive whose init does nothing for ever, to be laid behind the image's own."""
    root = os.path.join(folder, "idle")
    os.makedirs(root, exist_ok=True)
    with open(os.path.join(root, "init"), "w", encoding="ascii") as f:
        f.write("#!/bin/sh\necho 'lab: nothing happens any more'\nwhile :; do sleep 1000; done\n")
    os.chmod(os.path.join(root, "init"), 0o755)
    archive = subprocess.run(["cpio", "--create", "--format=newc", "--owner=0:0", "--quiet"], cwd=root, input=b"init\n", stdout=subprocess.PIPE, check=True)
    return archive.stdout


def old_host(lab, host, what):
    """It is up again by its old entry."""
    tap = lab.tap
    tap.same(host.must("cat /proc/cmdline"), lab.before_words, what + ": the old entry comes up by itself")
    lab.devices(host, "bochs-drm snd_hda_intel bochs-drm ", what + ": all have their drivers")
    lab.passthru(host, "undo --yes", 0, what + ": undo")
    lab.as_before(host, what)
    host.power_off()


def panics(lab):
    """The image is torn: the kernel finds no init and no root, and panics."""
    host = lab.fresh("panics", base="trial")
    spoil_trial(host, "truncate -s 1000000 \"$image\"")
    host.post("systemctl reboot")
    lab.tap.ok(host.says("Kernel panic"), "panic: the trial panics", host.last_words())
    host.up()
    old_host(lab, host, "panic")


def root_is_taken(lab):
    """The controller of the disk with the root file system is reserved: the trial has no root."""
    host = lab.fresh("root")
    lab.passthru(host, "setup --yes --allow disk " + DISK, 0, "no root: setup")
    host.post("systemctl reboot")
    # initramfs-tools and dracut both say so, and start again because of the trial's words
    host.up(400)
    said = open(host.console, encoding="utf-8", errors="replace").read()
    lab.tap.ok("does not exist" in said, "no root: the trial finds no root, and ends by itself", host.last_words())
    old_host(lab, host, "no root")


def hangs(lab):
    """The trial stands still in its initramfs; somebody presses the button."""
    host = lab.fresh("hangs", base="trial")
    with open(os.path.join(host.share, "idle.cpio"), "wb") as f:
        f.write(idle_init(host.folder))
    spoil_trial(host, "size=$(stat -c %s \"$image\"); truncate -s $(((size + 511) / 512 * 512)) \"$image\"; cat /run/lab/idle.cpio >>\"$image\"")
    host.post("systemctl reboot")
    lab.tap.ok(host.says("lab: nothing happens any more"), "hang: the trial hangs", host.last_words())
    host.reset()
    host.up()
    old_host(lab, host, "hang")


def run(lab):
    panics(lab)
    hangs(lab)
    root_is_taken(lab)
