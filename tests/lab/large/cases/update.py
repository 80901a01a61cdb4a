"""A kernel that is installed between setup and undo gets what the others have, and loses it with them. Undo is done from the entry without our words."""
SHORT = ()

# Whatever an entry, a drop-in or an image has of passthru.  An image is looked into by the generator's own program.
TRACES = """
grep -rlI passthru /boot /etc $(ls -d /efi 2>/dev/null) || true
for image in /boot/initrd.img-*; do
	if command -v lsinitramfs >/dev/null; then list=lsinitramfs; else list=lsinitrd; fi
	! $list "$image" | grep -q passthru || echo "$image has it inside"
done
"""


def plain_entry(host):
    """The entry without our words, for the next boot."""
    host.must("if [ -e /boot/grub/grub.cfg ]; then grub-reboot passthru-without; "
              "else bootctl set-oneshot passthru-without.conf; fi")


def run(lab):
    import os
    import shutil
    tap = lab.tap
    host = lab.fresh("update", base="permanent")
    shutil.copy(os.path.join(lab.base, "update.deb"), host.share)
    host.must("dpkg -i /run/lab/update.deb", 1200)
    release = host.must("dpkg-deb -f /run/lab/update.deb Package").strip().replace("linux-image-", "")
    entries = host.must("cat /boot/grub/grub.cfg 2>/dev/null; for e in $(find /boot /efi -path '*loader/entries/*.conf' 2>/dev/null); do tr '\\n' ' ' <$e; echo; done")
    new = [line for line in entries.splitlines() if release in line and ("linux\t" in line or "options" in line) and "single" not in line]
    tap.ok(new and all("passthru.boot=1" in line for line in new), "the new kernel's entries have the words", "\n".join(new))
    host.reboot()
    lab.reserved(host, "without trial")

    plain_entry(host)
    host.reboot()
    host.must("! [ -e /boot/grub/grubenv ] || grub-editenv - unset next_entry")  # GRUB leaves the empty name of what it was told
    tap.ok("passthru.boot=1" not in lab.words(host), "the entry without our words has none of them", " ".join(lab.words(host)))
    lab.devices(host, "bochs-drm snd_hda_intel bochs-drm ", "all have their drivers there")
    lab.passthru(host, "undo --yes", 0, "undo from there")
    tap.same(host.must(TRACES, 600), "", "nothing of it is left, in the new kernel's entries and image too")
    host.must("dpkg -P linux-image-%s" % release, 1200)
    lab.as_before(host, "without that kernel")
    host.reboot()
    lab.normal(host, "the boot after that")
    host.power_off()
