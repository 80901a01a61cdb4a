"""The power fails in the middle of setup and of undo: the disk boots every time, and undo brings it back to what it was."""
import os
import random
import time

from machine import Trouble

SHORT = ()
ROUNDS = 20


def one(lab, base, command, at_s, n):
    """Cuts the power @at_s into @command; true when all was well."""
    host = lab.fresh("cut", safe=True, base=base)
    try:
        job = host.post("passthru " + command)
        began = time.monotonic()
        while time.monotonic() - began < at_s and not host.agent.lines:
            time.sleep(0.02)
        said = host.text(job)
        host.cut()
        host.start()
        host.up()
        state = host.run("passthru history; passthru")
        words = " ".join(lab.words(host))
        undone = host.run("passthru undo --yes", 600)
        after = host.must("manifest")
        good = after == lab.before
        if not good:
            lab.tap.same(after, lab.before, "round %d: power cut %.1f s into %s" % (n, at_s, command))
            lab.tap.note("\n".join([said, state.text, words, undone.text]))
        else:
            lab.tap.ok(True, "round %d: power cut %.1f s into %s; undo then: %d" % (n, at_s, command, undone.status))
        host.power_off()
    except Trouble as trouble:
        lab.tap.ok(False, "round %d: power cut %.1f s into %s" % (n, at_s, command), trouble)
    finally:
        lab.end()


def run(lab):
    seed = int(os.environ.get("PASSTHRU_LAB_SEED", random.randrange(1 << 30)))
    rounds = int(os.environ.get("PASSTHRU_LAB_ROUNDS", ROUNDS))
    print("# PASSTHRU_LAB_SEED=%d" % seed, flush=True)
    dice = random.Random(seed)
    setup = "setup --yes --no-trial " + lab.pair
    host = lab.fresh("done")
    began = time.monotonic()
    lab.passthru(host, setup, 0, "setup without a trial")
    setup_s = time.monotonic() - began
    host.must("sync")
    host.save(os.path.join(lab.folder, "done.state"))
    for n in range(rounds):
        one(lab, "prepared", setup, dice.uniform(0, setup_s), n)
    host = lab.fresh("undone", base="done")
    began = time.monotonic()
    lab.passthru(host, "undo --yes", 0, "undo")
    undo_s = time.monotonic() - began
    lab.end()
    for n in range(rounds):
        one(lab, "done", "undo --yes", dice.uniform(0, undo_s), n)
