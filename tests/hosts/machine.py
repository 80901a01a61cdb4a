"""Words of fixtures about the machine itself: processor, kernel, firmware tables, IOMMU units, interrupts, memory.

Each read_<word> takes one statement; add_machine() writes what they said. Formats: arch/x86/kernel/cpu/proc.c,
kernel/irq/proc.c, fs/proc/meminfo.c, Documentation/ABI/testing/sysfs-class-iommu-*, depmod(8).
"""
import gzip
import os
import re
import struct

import acpi_tables
from words import Mistake, options, plain

HERE = os.path.dirname(os.path.abspath(__file__))
KERNELS = os.path.join(HERE, "kernels")
REAL_TABLES = os.path.join(HERE, "../acpi/tables")

COMMON_FLAGS = ("fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 ht "
                "syscall nx pdpe1gb rdtscp lm constant_tsc rep_good nopl nonstop_tsc cpuid pni pclmulqdq ssse3 fma cx16 "
                "sse4_1 sse4_2 movbe popcnt aes xsave avx f16c rdrand lahf_lm abm 3dnowprefetch bmi1 avx2 bmi2 rdseed adx")
VENDOR_FLAGS = {
    "GenuineIntel": "dts acpi ss tm pbe arch_perfmon pebs bts dtes64 monitor ds_cpl vmx est tm2 pcid tsc_deadline_timer "
                    "tpr_shadow flexpriority ept vpid",
    "AuthenticAMD": "mmxext fxsr_opt extd_apicid aperfmperf svm extapic cr8_legacy sse4a misalignsse osvw ibs skinit wdt tce "
                    "npt lbrv svm_lock nrip_save",
}

# The module of each driver whose name differs; None: it is never a module.
DRIVER_MODULES = {"pcieport": None, "xhci_hcd": "xhci_pci", "ehci-pci": "ehci_pci", "snd_hda_intel": "snd_hda_intel",
                  "virtio-pci": "virtio_pci", "skl_uncore": None, "hsw_uncore": None, "icl_uncore": None, "adl_uncore": None,
                  "snbep_uncore": None}

# name: path below kernel/, symbol, what it needs
MODULES = {
    "irqbypass": ("virt/lib/irqbypass", "IRQ_BYPASS_MANAGER", ""),
    "kvm": ("arch/x86/kvm/kvm", "KVM", "irqbypass"),
    "kvm_intel": ("arch/x86/kvm/kvm-intel", "KVM_INTEL", "kvm"),
    "kvm_amd": ("arch/x86/kvm/kvm-amd", "KVM_AMD", "kvm"),
    "drm": ("drivers/gpu/drm/drm", "DRM", ""),
    "i915": ("drivers/gpu/drm/i915/i915", "DRM_I915", "drm"),
    "kvmgt": ("drivers/gpu/drm/i915/kvmgt", "DRM_I915_GVT_KVMGT", "mdev vfio i915 kvm"),
    "xe": ("drivers/gpu/drm/xe/xe", "DRM_XE", "drm"),
    "amdgpu": ("drivers/gpu/drm/amd/amdgpu/amdgpu", "DRM_AMDGPU", "drm"),
    "radeon": ("drivers/gpu/drm/radeon/radeon", "DRM_RADEON", "drm"),
    "nouveau": ("drivers/gpu/drm/nouveau/nouveau", "DRM_NOUVEAU", "drm"),
    "ast": ("drivers/gpu/drm/ast/ast", "DRM_AST", "drm"),
    "mgag200": ("drivers/gpu/drm/mgag200/mgag200", "DRM_MGAG200", "drm"),
    "virtio_gpu": ("drivers/gpu/drm/virtio/virtio-gpu", "DRM_VIRTIO_GPU", "drm"),
    "simpledrm": ("drivers/gpu/drm/tiny/simpledrm", "DRM_SIMPLEDRM", "drm"),
    "nvme": ("drivers/nvme/host/nvme", "BLK_DEV_NVME", ""),
    "ahci": ("drivers/ata/ahci", "SATA_AHCI", ""),
    "hpsa": ("drivers/scsi/hpsa", "SCSI_HPSA", ""),
    "vmd": ("drivers/pci/controller/vmd", "VMD", ""),
    "xhci_pci": ("drivers/usb/host/xhci-pci", "USB_XHCI_PCI", ""),
    "ehci_pci": ("drivers/usb/host/ehci-pci", "USB_EHCI_PCI", ""),
    "uhci_hcd": ("drivers/usb/host/uhci-hcd", "USB_UHCI_HCD", ""),
    "dm_mod": ("drivers/md/dm-mod", "BLK_DEV_DM", ""),
    "dm_crypt": ("drivers/md/dm-crypt", "DM_CRYPT", "dm_mod"),
    "raid1": ("drivers/md/raid1", "MD_RAID1", ""),
    "e1000e": ("drivers/net/ethernet/intel/e1000e/e1000e", "E1000E", ""),
    "igb": ("drivers/net/ethernet/intel/igb/igb", "IGB", ""),
    "igc": ("drivers/net/ethernet/intel/igc/igc", "IGC", ""),
    "ixgbe": ("drivers/net/ethernet/intel/ixgbe/ixgbe", "IXGBE", ""),
    "i40e": ("drivers/net/ethernet/intel/i40e/i40e", "I40E", ""),
    "iavf": ("drivers/net/ethernet/intel/iavf/iavf", "IAVF", ""),
    "bnx2": ("drivers/net/ethernet/broadcom/bnx2", "BNX2", ""),
    "r8169": ("drivers/net/ethernet/realtek/r8169", "R8169", ""),
    "mlx5_core": ("drivers/net/ethernet/mellanox/mlx5/core/mlx5_core", "MLX5_CORE", ""),
    "iwlwifi": ("drivers/net/wireless/intel/iwlwifi/iwlwifi", "IWLWIFI", ""),
    "mt7921e": ("drivers/net/wireless/mediatek/mt76/mt7921/mt7921e", "MT7921E", ""),
    "virtio_pci": ("drivers/virtio/virtio_pci", "VIRTIO_PCI", ""),
    "virtio_net": ("drivers/net/virtio_net", "VIRTIO_NET", ""),
    "virtio_blk": ("drivers/block/virtio_blk", "VIRTIO_BLK", ""),
    "snd_hda_intel": ("sound/pci/hda/snd-hda-intel", "SND_HDA_INTEL", ""),
    "snd_hda_codec_hdmi": ("sound/pci/hda/snd-hda-codec-hdmi", "SND_HDA_CODEC_HDMI", ""),
    "vfio": ("drivers/vfio/vfio", "VFIO", ""),
    "vfio_iommu_type1": ("drivers/vfio/vfio_iommu_type1", "VFIO_IOMMU_TYPE1", "vfio"),
    "vfio_virqfd": ("drivers/vfio/vfio_virqfd", "VFIO_VIRQFD", ""),
    "vfio_pci_core": ("drivers/vfio/pci/vfio-pci-core", "VFIO_PCI_CORE", "vfio_virqfd vfio irqbypass"),
    "vfio_pci": ("drivers/vfio/pci/vfio-pci", "VFIO_PCI", "vfio_pci_core vfio_virqfd vfio irqbypass"),
    "mlx5_vfio_pci": ("drivers/vfio/pci/mlx5/mlx5-vfio-pci", "MLX5_VFIO_PCI", "mlx5_core vfio_pci_core vfio irqbypass"),
    "mdev": ("drivers/vfio/mdev/mdev", "VFIO_MDEV", ""),
    "iommufd": ("drivers/iommu/iommufd/iommufd", "IOMMUFD", ""),
}


def module_name(text):
    return text.replace("-", "_")


class Kernel:
    """An installed kernel: its configuration decides which modules it has, and where."""

    def __init__(self, release, o):
        self.release, self.o = release, o
        self.version = tuple(int(n) for n in re.match(r"(\d+)\.(\d+)", release).groups())
        self.config = {}
        self.head = ""
        if o["config"]:
            with open(os.path.join(KERNELS, o["config"] + ".config"), encoding="ascii") as f:
                self.read_config(f.read())
        for change in (o["set"] or "").split(","):
            name, _, value = change.partition("=")
            if name:
                self.config[name] = value
        self.modules, self.built_in = {}, {}
        for name, (path, symbol, needs) in MODULES.items():
            if name == "vfio_virqfd" and self.version >= (6, 2):  # a part of vfio since
                continue
            value = self.config.get(symbol, "n")
            if value in "my":
                (self.modules if value == "m" else self.built_in)[name] = (path, needs)

    def read_config(self, text):
        for line in text.splitlines():
            match = re.fullmatch(r"CONFIG_(\w+)=(.*)|# CONFIG_(\w+) is not set", line)
            if match:
                self.config[match[1] or match[3]] = match[2] or "n"
            elif not self.config:
                self.head += line + "\n"

    def config_text(self):
        # the release in the head is that of the configuration's own kernel; a kernel has its own
        head = re.sub(r"Linux/x86 \S+", "Linux/x86 " + self.release.split("-")[0], self.head)
        return head + "".join("# CONFIG_%s is not set\n" % name if value == "n" else "CONFIG_%s=%s\n" % (name, value)
                              for name, value in self.config.items())

    def file_of(self, path):
        return "kernel/%s.ko%s" % (path, self.o["suffix"] or "")

    def lists(self):
        """(modules.dep, modules.builtin, modules.alias)"""
        def needed(names):
            found = []
            for name in names:
                for one in [name, *needed(self.modules[name][1].split())] if name in self.modules else []:
                    if one not in found:
                        found.append(one)
            return found

        dep = "".join("%s:%s\n" % (self.file_of(path), "".join(" " + self.file_of(self.modules[n][0]) for n in needed(needs.split())))
                      for path, needs in self.modules.values())
        extra = [path for path in (self.o["extra"] or "").split(",") if path]
        dep += "".join("%s%s:\n" % (path, self.o["suffix"] or "") for path in extra)
        builtin = "".join("kernel/%s.ko\n" % path for path, _ in self.built_in.values())
        alias = "# Aliases extracted from modules themselves.\n"
        if "nouveau" in self.modules:
            alias += "alias pci:v000010DEd*sv*sd*bc03sc*i* nouveau\n"
        if self.version >= (5, 16) and "vfio_pci" in self.modules:
            alias += "alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\n"
        if "mlx5_vfio_pci" in self.modules:
            alias += "alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_vfio_pci\n"
        return dep, builtin, alias


KERNEL_OPTIONS = {
    "config": None,     # a file of tests/hosts/kernels
    "set": None,        # SYMBOL=y,SYMBOL=n,...: where it differs from that file
    "at": "boot",       # where the configuration stands: boot, proc (config.gz), modules, ostree, src, nowhere
    "modules": "here",  # or gone: the package was updated or removed
    "suffix": None,     # .xz, .zst
    "extra": None,      # modules built outside: updates/dkms/nvidia.ko,...
    "loaded": None,     # modules that are loaded, besides those of drivers
    "usr": "yes",       # lib is a link to usr/lib
    "idle": "no",       # installed and not running
}


class MachineWords:
    def init_machine(self):
        self.cpu, self.kernels, self.running = None, [], None
        self.command_line, self.interrupt_kind, self.memory = None, None, None
        self.tables, self.table_files, self.units = {}, {}, []
        self.iommu_off, self.parameters, self.raw_files = False, {}, {}
        self.is_user = False

    # ---- statements ----

    def read_cpu(self, words, content):
        self.cpu = options(words[1:], {"count": "4", "physbits": "39", "virtbits": "48", "family": "6", "model": "94",
                                       "flags": "", "kvm": "yes"})
        self.cpu["vendor"], self.cpu["name"] = words[0], (content or ["Processor"])[0]

    def read_kernel(self, words, content):
        kernel = Kernel(words[0], options(words[1:] + " ".join(content).split(), KERNEL_OPTIONS))
        self.kernels.append(kernel)
        if kernel.o["idle"] == "no":
            self.running = kernel

    def read_cmdline(self, words, content):
        self.command_line = " ".join(words + content)

    def read_table(self, words, content):
        """SIGNATURE FILE of tests/acpi/tables, or SIGNATURE OPTION=VALUE... and its parts, one a line"""
        signature, *rest = words
        if len(rest) == 1 and "=" not in rest[0]:
            with open(os.path.join(REAL_TABLES, rest[0]), "rb") as f:
                self.tables[signature] = f.read()
            return
        known = {"flags": "1", "width": "39", "ivinfo": "203041", "checksum": "right"}
        self.tables[signature] = acpi_tables.compose(signature, options(rest, known), content)

    def read_iommu(self, words, content):
        """NAME OPTION=VALUE..., or `off`: the kernel drives none, whatever groups are said"""
        if words == ["off"]:
            self.iommu_off = True
            return
        self.units.append((words[0], options(words[1:] + " ".join(content).split(), {
            "version": "1:0", "address": "fed90000", "cap": None, "ecap": None, "features": None, "of": None, "for": None})))

    def read_interrupts(self, words, content):
        (self.interrupt_kind,) = words

    def read_modprobe(self, words, content):
        """NAME and its lines: etc/modprobe.d/NAME.conf, or a PATH"""
        (name,) = words
        path = name if "/" in name else "etc/modprobe.d/%s.conf" % name
        self.raw_files[path] = "".join(line + "\n" for line in content)

    def read_memory(self, words, content):
        self.memory = options(words, {"total": "16G", "free": "12G", "huge2m": "0/0", "huge1g": "0/0", "nodes": "1",
                                      "lock": "8M", "cached": "2G"})

    def read_lockdown(self, words, content):
        (state,) = words
        self.raw_files["sys/kernel/security/lockdown"] = " ".join(
            "[%s]" % s if s == state else s for s in ("none", "integrity", "confidentiality")) + "\n"

    def read_secureboot(self, words, content):
        (state,) = words
        self.raw_files["sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"] = \
            b"\x06\0\0\0" + bytes([state == "on"])

    def read_parameter(self, words, content):
        """MODULE.NAME=VALUE of a loaded module"""
        for word in words:
            name, _, value = word.partition("=")
            self.raw_files["sys/module/%s/parameters/%s" % tuple(name.split("."))] = value + "\n"

    def read_user(self, words, content):
        """What an ordinary user sees: 64 bytes of a function, no firmware tables, no addresses, no foreign processes"""
        self.is_user = True

    # ---- the tree ----

    def add_machine(self, tree):
        for path, text in self.raw_files.items():
            tree.entries[path] = text if isinstance(text, bytes) else os.fsencode(text)
        if self.cpu:
            self.add_cpu(tree)
        for kernel in self.kernels:
            self.add_kernel(tree, kernel)
        if self.running:
            self.add_running(tree)
        if self.command_line is not None:
            tree.file("proc/cmdline", self.command_line + "\n")
        for signature, table in self.tables.items():
            tree.entries["sys/firmware/acpi/tables/" + signature] = table
        for signature in ("APIC", "FACP", "MCFG", "SSDT1") if self.cpu else ():
            tree.entries["sys/firmware/acpi/tables/" + signature] = signature[:4].encode() + bytes(32)
        self.add_units(tree)
        if self.interrupt_kind:
            self.add_interrupts(tree)
        if self.memory:
            self.add_memory(tree)
        if self.is_user:
            for signature in self.tables or ("DMAR",):
                self.errors.append(("sys/firmware/acpi/tables/" + signature, "EACCES"))

    def add_cpu(self, tree):
        c = self.cpu
        changes = [flag for flag in c["flags"].split(",") if flag]
        flags = [f for f in (COMMON_FLAGS + " " + VENDOR_FLAGS.get(c["vendor"], "")).split() if "-" + f not in changes]
        flags += [f for f in changes if not f.startswith("-")]
        block = ("processor\t: %d\nvendor_id\t: %s\ncpu family\t: %s\nmodel\t\t: %s\nmodel name\t: %s\n"
                 "cpu cores\t: %d\nflags\t\t: %s\naddress sizes\t: %s bits physical, %s bits virtual\npower management:\n\n")
        tree.file("proc/cpuinfo", "".join(
            block % (i, c["vendor"], c["family"], c["model"], c["name"], max(int(c["count"]) // 2, 1), " ".join(flags),
                     c["physbits"], c["virtbits"]) for i in range(int(c["count"]))))
        if c["kvm"] == "yes":
            tree.link("sys/class/misc/kvm", "sys/devices/virtual/misc/kvm")
            tree.file("sys/devices/virtual/misc/kvm/dev", "10:232\n")

    def add_kernel(self, tree, kernel):
        o = kernel.o
        top = ("usr/" if o["usr"] == "yes" else "") + "lib/modules/" + kernel.release
        if o["usr"] == "yes":
            tree.entries["lib"] = ("link", "usr/lib")
        if o["modules"] == "here":
            for name, text in zip(("dep", "builtin", "alias"), kernel.lists()):
                tree.file("%s/modules.%s" % (top, name), text)
        place = {"boot": "boot/config-" + kernel.release, "modules": top + "/config",
                 "ostree": "usr/lib/ostree-boot/config-" + kernel.release,
                 "src": "usr/src/linux-%s/.config" % kernel.release, "proc": "proc/config.gz", "nowhere": None}[o["at"]]
        if place and kernel.config:
            text = os.fsencode(kernel.config_text())
            tree.entries[place] = gzip.compress(text, mtime=0) if place.endswith(".gz") else text

    def add_running(self, tree):
        kernel = self.running
        tree.file("proc/sys/kernel/osrelease", kernel.release + "\n")
        wanted = [DRIVER_MODULES.get(d, module_name(d)) for d in self.all_drivers()]
        if self.cpu and self.cpu["kvm"] == "yes":
            wanted += ["kvm_intel" if self.cpu["vendor"] == "GenuineIntel" else "kvm_amd", "kvm", "irqbypass"]
        wanted += (kernel.o["loaded"] or "").split(",")
        if "vfio_pci" in wanted:
            wanted += ["vfio_pci_core", "vfio_iommu_type1", "vfio", "irqbypass"]
            if kernel.version < (6, 2):
                wanted.append("vfio_virqfd")
        loaded = []
        for name in wanted:
            outside = any(module_name(os.path.basename(p)).startswith(str(name) + ".") for p in (kernel.o["extra"] or "").split(","))
            if name and name not in loaded and (name in kernel.modules or outside or name not in MODULES):
                loaded.append(name)
        tree.file("proc/modules", "".join("%s %d 1 - Live 0x0000000000000000\n" % (name, 16384 + 4096 * (len(name) % 9))
                                          for name in loaded))
        if "vfio_iommu_type1" in loaded or "vfio_iommu_type1" in kernel.built_in:
            tree.entries.setdefault("sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", b"N\n")
        if ("vfio" in loaded or "vfio" in kernel.built_in) and kernel.config.get("VFIO_NOIOMMU") == "y":
            tree.entries.setdefault("sys/module/vfio/parameters/enable_unsafe_noiommu_mode", b"N\n")

    def add_units(self, tree):
        if self.running:
            tree.entries.setdefault("sys/class/iommu", None)
            tree.entries.setdefault("sys/kernel/iommu_groups", None)
        for name, o in self.units:
            folder = self.functions[o["of"]].path + "/iommu/" + name if o["of"] else "sys/devices/virtual/iommu/" + name
            tree.link("sys/class/iommu/" + name, folder)
            kind, attributes = ("intel-iommu", ("version", "address", "cap", "ecap")) if name.startswith("dmar") else \
                ("amd-iommu", ("cap", "features"))
            for attribute in attributes:
                tree.file("%s/%s/%s" % (folder, kind, attribute), o[attribute] + "\n")
            if name.startswith("dmar"):
                tree.file("%s/%s/domains_supported" % (folder, kind), "65536\n")
            for f in self.functions.values():
                if self.group_of(f) is not None and self.unit_of(f) == name:
                    tree.link(f.path + "/iommu", folder)
                    tree.link("%s/devices/%s" % (folder, f.address), f.path)

    def unit_of(self, f):
        """The unit whose `for` names the beginning of the address; else the last one without."""
        for name, o in self.units:
            if o["for"] and any(f.address.startswith(part) for part in o["for"].split(",")):
                return name
        return next((name for name, o in reversed(self.units) if not o["for"]), None)

    def add_interrupts(self, tree):
        ir = "IR-" if self.interrupt_kind == "remapped" else ""
        n = min(int(self.cpu["count"]) if self.cpu else 1, 8)
        lines = ["           " + "".join("CPU%-8d" % i for i in range(n))]

        def line(number, chip, what):
            lines.append("%4s: %s %s" % (number, " ".join("%10d" % (7 * (i == 0)) for i in range(n)), chip + what))

        for number, what in ((0, "   2-edge      timer"), (8, "   8-edge      rtc0"), (9, "   9-fasteoi   acpi")):
            line(number, " %sIO-APIC" % ir, what)
        for f in sorted(self.functions.values(), key=lambda f: int(f.option["irq"])):
            if f.option["irq"] == "0" or not f.option["driver"]:
                continue
            if self.running and self.running.version >= (6, 6):
                chip, rest = " %sPCI-MSI-%s" % (ir, f.address), "    0-edge      "
            else:
                bus, slot, function = int(f.bus, 16), int(f.address[-4:-2], 16), int(f.address[-1])
                chip, rest = " %sPCI-MSI" % ir, " %d-edge      " % ((bus << 8 | slot << 3 | function) << 11)
            line(f.option["irq"], chip, rest + f.option["driver"])
        lines.append(" NMI: " + " ".join("%10d" % 0 for _ in range(n)) + "   Non-maskable interrupts")
        tree.file("proc/interrupts", "\n".join(lines) + "\n")

    def add_memory(self, tree):
        m = self.memory
        total, free, cached = (plain(m[name]) // 1024 for name in ("total", "free", "cached"))
        huge = {2048: m["huge2m"], 1048576: m["huge1g"]}
        nodes = int(m["nodes"])
        taken = sum(int(text.split("/")[1]) * kib for kib, text in huge.items())
        tree.file("proc/meminfo", "".join("%-16s%8d kB\n" % (name + ":", value) for name, value in (
            ("MemTotal", total), ("MemFree", max(free - cached, 0)), ("MemAvailable", free), ("Buffers", 204800),
            ("Cached", cached), ("SwapTotal", 0), ("SwapFree", 0))) +
            "HugePages_Total:   %5d\nHugePages_Free:    %5d\nHugepagesize:       2048 kB\nHugetlb:        %8d kB\n" % (
                *(int(n) for n in reversed(m["huge2m"].split("/"))), taken))
        for kib, text in huge.items():
            unused, there = text.split("/")
            folder = "sys/kernel/mm/hugepages/hugepages-%dkB/" % kib
            for name, value in (("nr_hugepages", there), ("free_hugepages", unused), ("resv_hugepages", "0"),
                                ("nr_overcommit_hugepages", "0"), ("surplus_hugepages", "0")):
                tree.file(folder + name, value + "\n")
            for node in range(nodes):
                folder = "sys/devices/system/node/node%d/hugepages/hugepages-%dkB/" % (node, kib)
                for name, value in (("nr_hugepages", there), ("free_hugepages", unused)):
                    tree.file(folder + name, "%d\n" % (int(value) // nodes))
        for node in range(nodes):
            tree.file("sys/devices/system/node/node%d/meminfo" % node,
                      "Node %d MemTotal:       %8d kB\nNode %d MemFree:        %8d kB\n" % (
                          node, total // nodes, node, max(free - cached, 0) // nodes))
        lock = "unlimited" if m["lock"] == "unlimited" else str(plain(m["lock"]))
        tree.file("proc/self/limits", "%-26s%-21s%-21s%s\n%-26s%-21s%-21sbytes\n%-26s%-21s%-21sfiles\n" % (
            "Limit", "Soft Limit", "Hard Limit", "Units", "Max locked memory", lock, lock, "Max open files", "1024", "1048576"))
