"""setup --confirm auto: the trial boot makes itself permanent when it came up as planned, and only then."""
from lab import BUILD_S, spoil_trial

SHORT = ()
# Result of a unit that has ended, and what it said
CONFIRMED = """
while systemctl is-active -q passthru-confirm.service || [ "$(systemctl is-active passthru-confirm.service)" = activating ] ||
	[ -n "$(systemctl list-jobs --no-legend passthru-confirm.service)" ]; do sleep 1; done
systemctl show -P Result passthru-confirm.service
journalctl -b -u passthru-confirm.service --no-pager
"""


def confirmed(host):
    result, _, said = host.must(CONFIRMED, BUILD_S).partition("\n")
    return result, said


def as_planned(lab):
    host = lab.fresh("auto")
    lab.passthru(host, "setup --yes --confirm auto " + lab.pair, 0, "setup --confirm auto")
    host.reboot()
    result, said = confirmed(host)
    lab.tap.ok(result == "success", "the unit has confirmed the trial", said)
    lab.reserved(host, "trial")
    lab.nothing_to_do(host, "after the trial")
    host.reboot()
    lab.tap.ok("passthru.trial=1" not in lab.words(host), "the next boot is no trial", " ".join(lab.words(host)))
    lab.reserved(host, "the next boot")
    lab.passthru(host, "undo --yes", 0, "undo")
    lab.as_before(host, "undo")
    host.power_off()


def not_as_planned(lab):
    """The trial boots an image without the helper: the host comes up, and the pair stays with its drivers."""
    host = lab.fresh("not-as-planned")
    lab.passthru(host, "setup --yes --confirm auto " + lab.pair, 0, "without the helper: setup --confirm auto")
    spoil_trial(host, 'cat /boot/initrd.img-$(uname -r) >"$image"')
    host.reboot()
    lab.tap.ok("passthru.trial=1" in lab.words(host), "without the helper: the trial comes up", " ".join(lab.words(host)))
    result, said = confirmed(host)
    lab.tap.ok(result == "exit-code", "without the helper: the unit does not confirm it", result + said)
    lab.tap.ok("did not come up as planned" in said, "without the helper: and says so", said)
    host.reboot()
    lab.normal(host, "without the helper: the next boot")
    lab.passthru(host, "undo --yes", 0, "without the helper: undo")
    lab.as_before(host, "without the helper")
    host.power_off()


def run(lab):
    as_planned(lab)
    not_as_planned(lab)
