"""The whole way: set up, tried once, kept, taken back; the host is then what it was."""
SHORT = ("sdboot-initramfs-tools",)


def run(lab):
    tap, pair = lab.tap, lab.pair
    host = lab.fresh("handover", base="trial")
    manifest = host.must("manifest")
    lab.nothing_to_do(host, "after setup")
    lab.passthru(host, "setup --yes " + pair, 0, "setup once more")
    tap.same(host.must("manifest"), manifest, "changes nothing")

    host.reboot()
    tap.ok({"passthru.boot=1", "passthru.trial=1"} <= set(lab.words(host)), "the trial has its words", " ".join(lab.words(host)))
    lab.reserved(host, "trial")
    lab.passthru(host, "confirm", 0, "confirm")
    lab.nothing_to_do(host, "after confirm")

    host.reboot()
    words = set(lab.words(host))
    tap.ok("passthru.boot=1" in words and "passthru.trial=1" not in words, "the next boot has the words, those of the trial not", words)
    lab.reserved(host, "confirmed")
    lab.passthru(host, "undo --yes", 0, "undo")
    lab.as_before(host, "undo")
    host.reboot()
    lab.normal(host, "after undo")
    lab.as_before(host, "after undo and a boot")
    host.power_off()
