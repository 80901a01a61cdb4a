#!/usr/bin/python3
"""Devices of a random emulated host, as QEMU's arguments: topology.py SEED

For capture.sh: ports with and without ACS and with several functions, switches, bridges to conventional PCI, and
cards with one or more functions below them. The same seed gives the same host.
"""
import random
import sys


class Host:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.devices = []
        self.left = self.random.randrange(18, 34)
        self.names = 0

    def number(self):
        self.names += 1
        return self.names

    def add(self, text):
        self.devices.append("-device " + text)
        self.left -= 1

    def functions(self, count, kinds, place):
        """`count` functions of one device; QEMU wants the first to say that there are more."""
        for function in range(count):
            more = ",multifunction=on" if count > 1 and function == 0 else ""
            self.add("%s,%s.%d%s" % (self.random.choice(kinds), place, function, more))

    def conventional(self, bus, depth=0):
        for slot in self.random.sample(range(1, 8), self.random.randrange(1, 4)):
            what = self.random.random()
            if depth < 2 and what < 0.3:
                bridge = "c%d" % self.number()
                self.add("pci-bridge,id=%s,bus=%s,chassis_nr=%d,addr=%d" % (bridge, bus, self.number(), slot))
                self.conventional(bridge, depth + 1)
            else:
                self.functions(2 if what > 0.8 else 1, ("e1000", "rtl8139"), "bus=%s,addr=%d" % (bus, slot))

    def below(self, port, depth=0):
        what = self.random.random()
        if what < 0.25 and depth < 2:
            upstream = "u%d" % self.number()
            self.add("x3130-upstream,id=%s,bus=%s" % (upstream, port))
            for _ in range(self.random.randrange(1, 4)):
                downstream, chassis = "d%d" % self.number(), self.number()
                self.add("xio3130-downstream,id=%s,bus=%s,chassis=%d,slot=%d" % (downstream, upstream, chassis, chassis))
                self.below(downstream, depth + 1)
        elif what < 0.45:
            bridge = "b%d" % self.number()
            self.add("pcie-pci-bridge,id=%s,bus=%s" % (bridge, port))
            self.conventional(bridge)
        elif what < 0.95:
            self.functions(self.random.choice((1, 1, 2, 3)), ("e1000e", "bochs-display", "nec-usb-xhci", "edu"),
                           "bus=%s,addr=0" % port)

    def ports(self, slot):
        count = self.random.choice((1, 1, 2, 3))
        for function in range(count):
            port, chassis = "p%d" % self.number(), self.number()
            kind = self.random.choice(("pcie-root-port", "pcie-root-port", "pcie-root-port,disable-acs=on", "ioh3420"))
            more = ",multifunction=on" if count > 1 and function == 0 else ""
            self.add("%s,id=%s,chassis=%d,slot=%d,addr=%x.%d%s" % (kind, port, chassis, chassis, slot, function, more))
            self.below(port)

    def fill(self):
        for slot in range(3, 0x1d):
            if self.left <= 0:
                break
            what = self.random.random()
            if what < 0.6:
                self.ports(slot)
            elif what < 0.75:
                self.functions(self.random.choice((1, 2, 2)), ("e1000e", "e1000", "bochs-display"), "addr=%x" % slot)
            elif what < 0.9:
                bridge = "r%d" % self.number()
                self.add("%s,id=%s,addr=%x" % (self.random.choice(
                    ("i82801b11-bridge", "pci-bridge,chassis_nr=%d" % self.number(), "pcie-pci-bridge")), bridge, slot))
                self.conventional(bridge)


if __name__ == "__main__":
    host = Host(int(sys.argv[1]))
    host.fill()
    print("\n".join(host.devices))
