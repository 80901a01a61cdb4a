"""Words of fixtures about who uses devices: disks, interfaces, displays, sound, keyboards, processes.

Each read_<word> takes one statement; add_uses() writes what they said. `of=` is the address of the function below which
the thing stands; without it the thing is a virtual one. Formats: proc(5), Documentation/ABI/testing/sysfs-block,
sysfs-class-net, fs/proc_namespace.c, net/ipv4/fib_trie.c, net/ipv4/tcp_ipv4.c, drivers/gpu/drm/drm_sysfs.c.
"""
import os
import socket
import struct

from words import Mistake, options

BLOCK = {"of": None, "via": None, "dev": None, "fs": None, "mount": None, "holder": None, "swap": "no", "name": None,
         "slaves": None, "btrfs": None}
NET = {"of": None, "via": None, "type": None, "state": "up", "route": None, "metric": "100", "master": None, "on": None,
       "ssh": None}
DRM = {"of": None, "at": None, "render": None, "connector": None, "dark": "no"}
KEYBOARD = {"of": None, "port": "1-1"}
MAJORS = {"nvme": 259, "sd": 8, "dm": 253, "md": 9, "vd": 252}

BASE_MOUNTS = ("22 1 0:21 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw\n"
               "23 1 0:22 / /proc rw,nosuid,nodev,noexec,relatime shared:14 - proc proc rw\n"
               "24 1 0:5 / /dev rw,nosuid,relatime shared:2 - devtmpfs udev rw,size=8073812k,nr_inodes=2018453,mode=755\n"
               "25 1 0:23 / /run rw,nosuid,nodev,noexec,relatime shared:5 - tmpfs tmpfs rw,size=1619272k,mode=755\n")
TCP_HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
TCP_LINE = "%4d: %s %s %02X 00000000:00000000 00:00000000 00000000     0        0 %d 1 0000000000000000 100 0 0 10 0\n"
# all keys of a PC keyboard
KEYS = "1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe"


def little(address):
    """An IPv4 address as a little-endian kernel prints it."""
    return "%08X" % struct.unpack("<I", socket.inet_aton(address))[0]


class UseWords:
    def init_uses(self):
        self.blocks, self.nets, self.drms, self.fbs = [], [], [], []
        self.sounds, self.keyboards, self.processes, self.pools = [], [], [], []
        self.iomem = None

    # ---- statements ----

    def read_block(self, words, content):
        """NAME OPTION=VALUE..., then a line for each partition: its name's ending and options"""
        name, *rest = words
        self.blocks.append((name, options(rest, BLOCK), None))
        for line in content:
            ending, *more = line.split()
            self.blocks.append((name + ending, options(more, BLOCK), name))

    def read_zpool(self, words, content):
        """NAME [MOUNT...]: an imported pool"""
        self.pools.append(words)

    def read_net(self, words, content):
        self.nets.append((words[0], options(words[1:] + " ".join(content).split(), NET)))

    def read_drm(self, words, content):
        self.drms.append((words[0], options(words[1:], DRM)))

    def read_fb(self, words, content):
        """NAME of=ADDRESS, or at=PLATFORM-DEVICE, since Linux 6.9 below the function (both), and name=DRIVER"""
        self.fbs.append((words[0], options(words[1:], {"of": None, "at": None, "name": None, "console": "yes"})))

    def read_sound(self, words, content):
        self.sounds.append((words[0], options(words[1:], {"of": None, "id": None})))

    def read_keyboard(self, words, content):
        """INPUT of=ADDRESS port=BUS-PORT and its name; without `of` the one of the i8042"""
        self.keyboards.append((words[0], options(words[1:], KEYBOARD), (content or ["AT Translated Set 2 keyboard"])[0]))

    def read_process(self, words, content):
        """PID NAME OPTION=VALUE...: open=NODE,NODE unit=NAME"""
        self.processes.append((words[0], words[1], options(words[2:], {"open": "", "unit": None})))

    def read_iomem(self, words, content):
        """Lines START-END : NAME besides those of functions, as proc/iomem has them"""
        self.iomem = [tuple(part.strip() for part in line.split(" : ", 1)) for line in content]

    # ---- the tree ----

    def add_uses(self, tree):
        self.add_blocks(tree)
        self.add_nets(tree)
        self.add_displays(tree)
        for name, o in self.sounds:
            folder = "%s/sound/%s" % (self.functions[o["of"]].path, name)
            number = name[len("card"):]
            tree.link("sys/class/sound/" + name, folder)
            tree.file(folder + "/id", (o["id"] or "Card") + "\n")
            for node in ("controlC%s" % number, "pcmC%sD0p" % number, "hwC%sD0" % number):
                tree.link("sys/class/sound/" + node, "%s/%s" % (folder, node))
                tree.entries["%s/%s" % (folder, node)] = None
        self.add_keyboards(tree)
        self.add_processes(tree)
        if self.iomem is not None:
            self.add_iomem(tree)

    # ---- disks ----

    def block_folder(self, name, o, disk):
        if disk:
            parent = next((d, p) for d, p, _ in self.blocks if d == disk)
            return self.block_folder(*parent, None) + "/" + name
        if not o["of"]:
            return "sys/devices/virtual/block/" + name
        via = o["via"] or {"nv": "nvme/" + name.rsplit("n", 1)[0], "sd": "ata1/host0/target0:0:0/0:0:0:0/block",
                           "vd": "virtio1/block"}[name[:2]]
        return "%s/%s/%s" % (self.functions[o["of"]].path, via, name)

    def device_number(self, name, o, seen):
        if o["dev"]:
            return o["dev"]
        major = next(number for prefix, number in MAJORS.items() if name.startswith(prefix))
        if name.startswith(("dm-", "md")):
            return "%d:%s" % (major, name.lstrip("dm-"))
        seen[major] = seen.get(major, -1) + 1
        return "%d:%d" % (major, seen[major])

    def add_blocks(self, tree):
        mounts, swaps, seen = [BASE_MOUNTS], "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n", {}
        anonymous = 32
        for name, o, disk in self.blocks:
            folder = self.block_folder(name, o, disk)
            number = self.device_number(name, o, seen)
            tree.link("sys/class/block/" + name, folder)
            tree.file(folder + "/dev", number + "\n")
            tree.entries[folder + "/holders"] = None
            if disk:
                tree.file(folder + "/partition", name[len(disk):].lstrip("p") + "\n")
            for holder in (o["holder"] or "").split(","):
                if holder:
                    tree.link("%s/holders/%s" % (folder, holder), "sys/devices/virtual/block/" + holder)
                    tree.link("sys/devices/virtual/block/%s/slaves/%s" % (holder, name), folder)
            if o["name"]:
                tree.file(folder + "/dm/name", o["name"] + "\n")
            tree.file("run/udev/data/b" + number, "S:disk/by-diskseq/1\nI:2912345\n" +
                      ("E:ID_FS_TYPE=%s\nE:ID_FS_USAGE=%s\n" % (o["fs"], "raid" if o["fs"].endswith("_member") else "filesystem")
                       if o["fs"] else "") + "G:systemd\nV:1\n")
            source = "/dev/mapper/" + o["name"] if o["name"] else "/dev/" + name
            if o["btrfs"] or (o["fs"] == "btrfs" and o["mount"]):
                tree.link("sys/fs/btrfs/%s/devices/%s" % (o["btrfs"] or "8f4c0a2e-5f3d-4a77-9b0e-0c6f4d2a91b3", name), folder)
                tree.entries["sys/fs/btrfs/features"] = None
            for target in (o["mount"] or "").split(","):
                if not target:
                    continue
                shown = number
                if o["fs"] == "btrfs":
                    shown = "0:%d" % anonymous
                mounts.append("%d 1 %s / %s rw,relatime shared:1 - %s %s rw\n" % (
                    26 + len(mounts), shown, target, o["fs"] or "ext4", source))
            if o["swap"] == "yes":
                swaps += "%-40s%s\t%d\t\t0\t\t-2\n" % ("/dev/" + name, "partition", 8388604)
        for pool, *targets in self.pools:
            tree.entries["proc/spl/kstat/zfs/" + pool] = None
            tree.file("proc/spl/kstat/zfs/%s/state" % pool, "ONLINE\n")
            tree.file("proc/spl/kstat/zfs/arcstats", "9 1 0x01 147 39984 4862384811 2912345678\n")
            for target in targets:
                mounts.append("%d 1 0:%d / %s rw,relatime shared:1 - zfs %s rw,xattr,posixacl\n" % (
                    26 + len(mounts), 50 + len(mounts), target, pool))
        if self.blocks:
            tree.file("proc/self/mountinfo", "".join(mounts))
            tree.file("proc/swaps", swaps)

    # ---- interfaces ----

    def add_nets(self, tree):
        if not self.nets:
            return
        folders = {}
        for name, o in self.nets:
            base = self.functions[o["of"]].path + "/" + (o["via"] + "/" if o["via"] else "") if o["of"] else "sys/devices/virtual/"
            folders[name] = base + "net/" + name
        routes = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
        ipv6 = "00000000000000000000000000000001 80 " + "0" * 32 + " 00 " + "0" * 32 + " 00000000 00000002 00000000 80200001       lo\n"
        tcp = [TCP_LINE % (0, "00000000:0016", "00000000:0000", 10, 20123)]
        for i, (name, o) in enumerate(self.nets):
            folder = folders[name]
            tree.link("sys/class/net/" + name, folder)
            tree.file(folder + "/uevent", ("DEVTYPE=%s\n" % o["type"] if o["type"] else "") + "INTERFACE=%s\nIFINDEX=%d\n" % (name, i + 2))
            tree.file(folder + "/operstate", o["state"] + "\n")
            for upper in [u for u in (o["master"], o["on"]) if u]:
                low, high = (name, upper) if upper == o["master"] else (upper, name)
                tree.link("%s/upper_%s" % (folders[low], high), folders[high])
                tree.link("%s/lower_%s" % (folders[high], low), folders[low])
            if o["master"]:
                tree.link(folder + "/master", folders[o["master"]])
            for route in (o["route"] or "").split(","):
                if route == "default":
                    routes += "%s\t00000000\t%s\t0003\t0\t0\t%s\t00000000\t0\t0\t0\n" % (name, little("192.168.1.1"), o["metric"])
                elif route:
                    network, _, bits = route.partition("/")
                    mask = socket.inet_ntoa(struct.pack(">I", 0xffffffff << 32 - int(bits) & 0xffffffff))
                    routes += "%s\t%s\t00000000\t0001\t0\t0\t%s\t%s\t0\t0\t0\n" % (name, little(network), o["metric"], little(mask))
                    ipv6 += "fe80000000000000" + "0" * 16 + " 40 " + "0" * 32 + " 00 " + "0" * 32 + \
                        " 00000100 00000001 00000000 00000001 %8s\n" % name
            if o["ssh"]:
                own, _, other = o["ssh"].partition("-")
                tcp.append(TCP_LINE % (len(tcp), little(own) + ":0016", little(other) + ":D431", 1, 30000 + i))
        tree.link("sys/class/net/lo", "sys/devices/virtual/net/lo")
        tree.file("sys/devices/virtual/net/lo/uevent", "INTERFACE=lo\nIFINDEX=1\n")
        tree.file("sys/devices/virtual/net/lo/operstate", "unknown\n")
        tree.file("proc/net/route", routes)
        tree.file("proc/net/ipv6_route", ipv6)
        tree.file("proc/net/tcp", TCP_HEAD + "".join(tcp))
        tree.file("proc/net/tcp6", TCP_HEAD.replace("rem_address  ", "rem_address                        "))

    # ---- displays ----

    def place_of(self, o):
        if not o["of"]:
            return "sys/devices/platform/" + o["at"]
        return self.functions[o["of"]].path + ("/" + o["at"] if o["at"] else "")

    def add_displays(self, tree):
        for name, o in self.drms:
            place = self.place_of(o) + "/drm/"
            for node in (name, o["render"]):
                if node:
                    tree.link("sys/class/drm/" + node, place + node)
                    tree.entries.setdefault(place + node, None)
            for connector in (o["connector"] or "").split(","):
                if not connector:
                    continue
                output, _, status = connector.rpartition(":")
                folder = "%s%s/%s-%s" % (place, name, name, output)
                tree.link("sys/class/drm/%s-%s" % (name, output), folder)
                tree.file(folder + "/status", status + "\n")
                shows = status == "connected" and o["dark"] == "no"
                tree.file(folder + "/enabled", ("enabled" if shows else "disabled") + "\n")
        if self.drms:
            tree.file("sys/class/drm/version", "drm 1.1.0 20060810\n")
        for name, o in self.fbs:
            folder = "%s/graphics/%s" % (self.place_of(o), name)
            tree.link("sys/class/graphics/" + name, folder)
            tree.file(folder + "/name", o["name"] + "\n")
        if self.running:
            bound = any(o["console"] == "yes" for _, o in self.fbs)
            consoles = [("(S) dummy device" if bound else "(S) VGA+", not bound)] + ([("(M) frame buffer device", True)] if bound else [])
            for i, (name, is_bound) in enumerate(consoles):
                folder = "sys/devices/virtual/vtconsole/vtcon%d" % i
                tree.link("sys/class/vtconsole/vtcon%d" % i, folder)
                tree.file(folder + "/name", name + "\n")
                tree.file(folder + "/bind", "%d\n" % is_bound)
        if self.fbs:
            tree.file("proc/fb", "".join("%s %s\n" % (name[2:], o["name"]) for name, o in self.fbs))

    def add_keyboards(self, tree):
        for name, o, title in self.keyboards:
            if o["of"]:
                port = o["port"]
                folder = "%s/usb%s/%s/%s:1.0/0003:046D:C31C.0001/input/%s" % (
                    self.functions[o["of"]].path, port.split("-")[0], port, port, name)
            else:
                folder = "sys/devices/platform/i8042/serio0/input/" + name
            tree.link("sys/class/input/" + name, folder)
            tree.file(folder + "/name", title + "\n")
            tree.file(folder + "/capabilities/key", KEYS + "\n")
        if self.running:
            tree.entries.setdefault("sys/class/input", None)

    def add_processes(self, tree):
        for pid, name, o in ([("1", "systemd", {"open": "/dev/null", "unit": "init.scope"})] if self.running else []) + self.processes:
            tree.file("proc/%s/comm" % pid, name + "\n")
            tree.file("proc/%s/cgroup" % pid, "0::/init.scope\n" if pid == "1" else
                      "0::/system.slice/%s\n" % o["unit"] if o["unit"] else "0::/user.slice/user-1000.slice/session-2.scope\n")
            for i, node in enumerate(["/dev/null"] + [n for n in o["open"].split(",") if n]):
                tree.entries["proc/%s/fd/%d" % (pid, i)] = ("link", node)
            if self.is_user:
                self.errors.append(("proc/%s/fd" % pid, "EACCES"))

    # ---- addresses ----

    def add_iomem(self, tree):
        ranges = [(0x0, 0xfff, 0, "Reserved"), (0x1000, 0x9ffff, 0, "System RAM"), (0xa0000, 0xfffff, 0, "Reserved"),
                  (0x100000, 0x7fffffff, 0, "System RAM"), (0x100000000, 0x47fffffff, 0, "System RAM")]
        for f in self.functions.values():
            for start, end, flags in f.resources()[:6]:
                if flags & 0x200 and not flags & 0x20000000:
                    ranges.append((start, end, 1, f.address))
                    if f.option["driver"] in ("vfio-pci", "nvme", "ahci", "e1000e", "i40e", "igb"):
                        ranges.append((start, end, 2, f.option["driver"]))
        for place, name in self.iomem:
            start, end = (int(n, 16) for n in place.split("-"))
            ranges.append((start, end, 2 if any(r[2] == 1 and r[0] <= start and end <= r[1] for r in ranges) else 0, name))
        ranges.sort(key=lambda r: (r[0], -r[1], r[2]))
        if self.is_user:
            ranges = [(0, 0, depth, name) for _, _, depth, name in ranges]
        tree.file("proc/iomem", "".join("%s%08x-%08x : %s\n" % ("  " * depth, start, end, name) for start, end, depth, name in ranges))
