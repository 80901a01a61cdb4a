#!/usr/bin/python3
"""Makes the sysfs tree of a machine with about N PCI functions, to measure reading it.

usage: tree.py N DIR

The mix is that of large servers: root ports, below them GPUs with their audio function, NVMe drives, network cards
with eight virtual functions, USB controllers and storage adapters, 62 distinct ids, one IOMMU group per card or function.
Around them stands what `check` looks at besides: processor, kernel, IOMMU, firmware tables, and processes with open files.
"""
import itertools
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../hosts"))

import expand

PORTS = "8086:2030 8086:347a 1022:1483 1022:14ab".split()
GPUS = "10de:1eb8 10de:20b5 10de:2236 10de:2330 10de:1db6 10de:26b9 1002:73bf 1002:744c 1002:67df 1002:699f 8086:56c0 8086:0bd5"
AUDIO = "10de:10f8 10de:1aef 10de:22ba 1002:ab28 1002:aaf0 8086:4f92"
NVME = "144d:a80a 144d:a824 8086:0a54 8086:0b60 1344:51a2 1344:51c0 1987:5016 1c5c:1327 1e0f:0007 15b7:5030 c0a9:540a 126f:2263"
NICS = "8086:1583 8086:1592 8086:10fb 15b3:1017 15b3:101d 14e4:16d7 14e4:1750 1077:8070"
VFS = "8086:154c 8086:1889 8086:10ed 15b3:1018 15b3:101e 14e4:16dc 14e4:1806 1077:8090"
USB = "8086:a1af 8086:43ed 1022:149c 1022:43ee 1b21:2142 1912:0014"
STORAGE = "1000:0097 1000:00ac 1000:10e2 9005:028f 1077:2261 10df:f400"
N_VFS = 8
PROCESSES, FILES = 300, 12
HOST = """cpu GenuineIntel count=32 physbits=46 model=85
kernel 6.1.0-37-amd64 config=debian-12
cmdline BOOT_IMAGE=/vmlinuz-6.1.0-37-amd64 root=/dev/mapper/srv-root ro quiet intel_iommu=on
table DMAR width=46 flags=1
iommu dmar0 address=92ffc000 cap=8d2078c106f0466 ecap=f020df
interrupts remapped
memory total=128G free=120G
"""
SLOTS = 31  # root ports of one root bus; every slot has a bus of its own below it


def cards():
    """The functions of one card after the other: (slot and function, id, class, driver, is a virtual function)."""
    gpu, audio, nvme, nic, vf, usb, storage = (itertools.cycle(x.split()) for x in (GPUS, AUDIO, NVME, NICS, VFS, USB, STORAGE))
    while True:
        yield [("00.0", next(gpu), "030200", "vfio-pci", False), ("00.1", next(audio), "040300", "snd_hda_intel", False)]
        yield [("00.0", next(nvme), "010802", "nvme", False)]
        virtual = next(vf)
        yield [("00.0", next(nic), "020000", "i40e", False)] + [
            ("%02x.%d" % (2 + i // 8, i % 8), virtual, "020000", "iavf" if i % 2 else "vfio-pci", True) for i in range(N_VFS)]
        yield [("00.0", next(usb), "0c0330", "xhci_hcd", False)]
        yield [("00.0", next(storage), "010700", "mpt3sas", False)]


def lines(n):
    """At least n `pci` lines: whole cards only."""
    port_ids = itertools.cycle(PORTS)
    made = group = 0
    for number, card in enumerate(cards()):
        if made >= n:
            return
        domain, slot = divmod(number, SLOTS)
        port, bus = "%04x:00:%02x.0" % (domain, slot), "%04x:%02x" % (domain, slot + 1)
        yield "pci %s id=%s class=060400 driver=pcieport group=%d link=8.0x16/16.0x16 numa=0" % (port, next(port_ids), group)
        group += 1
        for where, ids, class_code, driver, virtual in card:
            yield ("pci %s:%s parent=%s id=%s sub=15d9:095d class=%s driver=%s group=%d numa=0 irq=40 %s"
                   " bar0=mem64@%x+16K" % (bus, where, port, ids, class_code, driver, group,
                                           "pf=%s:00.0" % bus if virtual else "link=8.0x4/8.0x4 reset=flr,bus",
                                           0x10000000000 + made * 0x100000))
            group += virtual or where != "00.0" or len(card) != 2
            made += 1
        made += 1


def make(n, directory):
    """Writes the tree and returns how many functions it has: exactly n, unless a card had to be cut for that."""
    statements = list(lines(n))[:n]
    expand.Host(HOST + "\n".join(statements) + "\n").tree().write(directory)
    for pid in range(1000, 1000 + PROCESSES):
        process = os.path.join(directory, "proc", str(pid))
        os.makedirs(os.path.join(process, "fd"))
        with open(os.path.join(process, "comm"), "w", encoding="ascii") as comm:
            comm.write("worker\n")
        for number in range(FILES):
            os.symlink("/dev/null" if number < 3 else "socket:[%d]" % (pid * FILES + number), os.path.join(process, "fd", str(number)))
    return len(statements)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: tree.py N DIR")
    make(int(sys.argv[1]), sys.argv[2])
