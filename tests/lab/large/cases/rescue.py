"""Undo from another system, with the disk mounted: neither its kernel nor its boot loader is needed."""
SHORT = ()
# By the ids that disk.sh gives: which of two disks is vda depends on the order in which the kernel finds them.
ROOT, BOOT, ESP = "mount UUID=7a550000-0000-4000-8000-0000000000%d1 /mnt", "mount UUID=7a550000-0000-4000-8000-0000000000%d2 /mnt/boot", "mount UUID=7A55-00%d3 "
MOUNT = {
    "grub-bios": ROOT % 0,
    "grub-uefi-dracut": " && ".join((ROOT % 1, BOOT % 1, ESP % 1 + "/mnt/boot/efi")),
    "sdboot-initramfs-tools": " && ".join((ROOT % 2, ESP % 2 + "/mnt/boot/efi")),
    "sdboot-dracut": " && ".join((ROOT % 3, ESP % 3 + "/mnt/efi")),
}


def undone(lab, host, what):
    """The host that has ended is taken back from the other system, and starts as before."""
    other = lab.rescue(host.disk)
    other.start()
    other.up()
    other.must("tar -C / -xf /run/lab/program.tar && %s" % MOUNT[lab.name])
    lab.passthru(other, "--root /mnt undo --yes", 0, what)
    other.must("umount -R /mnt")
    other.power_off()

    host.start()
    host.up()
    lab.as_before(host, what)
    lab.normal(host, what + ": the next boot")
    host.power_off()


def without_trial(lab):
    host = lab.fresh("patient", base="permanent")
    host.power_off()
    undone(lab, host, "undo with --root")


def used_up(lab):
    """GRUB has started the trial, and written that into its environment block."""
    host = lab.fresh("used-up", base="trial")
    host.reboot()
    lab.reserved(host, "trial")
    lab.passthru(host, "confirm", 0, "confirm")
    host.power_off()
    undone(lab, host, "undo with --root after a trial")


def run(lab):
    without_trial(lab)
    if lab.name.startswith("grub-"):
        used_up(lab)
