"""Undo from another system, with the disk mounted: neither its kernel nor its boot loader is needed."""
SHORT = ()
MOUNT = {
    "grub-bios": "mount /dev/vdb3 /mnt",
    "grub-uefi-dracut": "mount /dev/vdb4 /mnt && mount /dev/vdb3 /mnt/boot && mount /dev/vdb2 /mnt/boot/efi",
    "sdboot-initramfs-tools": "mount /dev/vdb3 /mnt && mount /dev/vdb2 /mnt/boot/efi",
    "sdboot-dracut": "mount /dev/vdb3 /mnt && mount /dev/vdb2 /mnt/efi",
}


def run(lab):
    host = lab.fresh("patient", base="permanent")
    host.power_off()

    other = lab.rescue(host.disk)
    other.start()
    other.up()
    other.must("tar -C / -xf /run/lab/program.tar && %s" % MOUNT[lab.name])
    lab.passthru(other, "--root /mnt undo --yes", 0, "undo with --root")
    other.must("umount -R /mnt")
    other.power_off()

    host.start()
    host.up()
    lab.as_before(host, "undo with --root")
    lab.normal(host, "the next boot")
    host.power_off()
