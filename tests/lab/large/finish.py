#!/usr/bin/python3
"""The first boot of a new disk, with its kernel from outside: it runs the script `finish` of its recipe. Called by disk.sh."""
import os
import signal
import subprocess
import sys

import machine


def main():
    folder, words = sys.argv[1:]
    path = lambda name: os.path.join(folder, name)
    firmware = open(path("firmware"), encoding="ascii").read().strip()
    os.makedirs(path("first"), exist_ok=True)
    machine.overlay(path("disk"), path("first/disk"), "raw")
    host = machine.Machine(path("first/disk"), firmware, path("first"))
    # the machine ends with this
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        host.start("-kernel", path("vmlinuz"), "-initrd", path("initrd"), "-append", words)
        host.up()
        print(host.must(open(path("finish"), encoding="utf-8").read(), 900), file=sys.stderr)
        host.power_off()
    except machine.Trouble as trouble:
        sys.exit("finish.py: %s" % trouble)
    finally:
        host.cut()
    subprocess.run(["qemu-img", "commit", "-q", path("first/disk")], check=True)
    if firmware == "uefi":
        os.replace(path("first/vars"), path("vars"))
    subprocess.run(["rm", "-r", path("first")], check=True)


if __name__ == "__main__":
    main()
