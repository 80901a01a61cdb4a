"""The power fails in the middle of setup and of undo: the disk boots every time, and undo brings it back to what it was.

The disk is frozen at random moments of one run (QEMU goes on writing into a new overlay), and at the last of them QEMU is killed; what was frozen is then
started like any disk whose machine lost its power. Half of the moments are near the end: before that a setup makes images for minutes, and then puts all in
its place within seconds.
"""
import os
import random
import re
import time

from lab import STATES
from machine import Trouble

SHORT = ()
MOMENTS = 20
NEAR_END = 0.9  # of the time that it takes


def frozen(lab, base, command, dice, took_s):
    """The disks as they were at moments of @command, which takes about @took_s: [(seconds, disk)]"""
    moments = sorted(dice.uniform(n % 2 * NEAR_END * took_s, took_s) for n in range(int(os.environ.get("PASSTHRU_LAB_MOMENTS", MOMENTS))))
    host = lab.fresh("cut", safe=True, base=base)
    host.post("passthru " + command)
    began = time.monotonic()
    disks = []
    for at_s in moments:
        while time.monotonic() - began < at_s:
            time.sleep(0.02)
        really_s = time.monotonic() - began
        if at_s == moments[-1]:
            host.cut()
        disks.append((really_s, host.disk if at_s == moments[-1] else host.freeze()))
    return disks


def one(lab, command, at_s, disk, n):
    """Starts from what was frozen, and takes it back."""
    sentence = "round %d: power cut %.1f s into %s" % (n, at_s, command)
    try:
        host = lab.new("after", disk)
        host.start()
        host.up()
        state = host.run("passthru history; passthru")
        undone = host.run("passthru undo --yes", 600)
        # what fsck.fat calls what it finds without a name; it is nobody's, and so nobody takes it away
        after = re.sub(r"^\S*/FSCK\d{4}\.REC\|.*\n", "", host.must("manifest"), flags=re.M)
        if after == lab.before:
            lab.tap.ok(True, "%s: undo: %d" % (sentence, undone.status))
        else:
            lab.tap.same(after, lab.before, sentence)
            lab.tap.note("\n".join([state.text, " ".join(lab.words(host)), undone.text]))
    except Trouble as trouble:
        lab.tap.ok(False, sentence, trouble)
    finally:
        lab.end()


def all_moments(lab, base, command, dice, took_s):
    for n, (at_s, disk) in enumerate(frozen(lab, base, command, dice, took_s)):
        one(lab, command, at_s, disk, n)


def run(lab):
    seed = int(os.environ.get("PASSTHRU_LAB_SEED", random.randrange(1 << 30)))
    print("# PASSTHRU_LAB_SEED=%d" % seed, flush=True)
    dice = random.Random(seed)
    host = lab.fresh("undone", base="permanent")
    began = time.monotonic()
    lab.passthru(host, "undo --yes", 0, "undo")
    undo_s = time.monotonic() - began
    lab.end()
    all_moments(lab, "prepared", STATES["permanent"], dice, lab.took_s["permanent"])
    all_moments(lab, "permanent", "undo --yes", dice, undo_s)
