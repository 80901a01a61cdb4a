"""setup --for: a trial boot that nobody confirms restarts into the old host by itself, also where systemd stops in its emergency mode."""
from lab import BUILD_S

SHORT = ()
LIMIT_S = 360
# Something that the root file system's start waits for fails, in the trial alone.
BROKEN = """
cat >/etc/systemd/system/lab-broken.service <<'END'
[Unit]
DefaultDependencies=no
Before=local-fs.target
ConditionKernelCommandLine=passthru.trial=1
[Service]
Type=oneshot
ExecStart=/bin/false
END
mkdir -p /etc/systemd/system/local-fs.target.requires
ln -s ../lab-broken.service /etc/systemd/system/local-fs.target.requires/
sync
"""
MENDED = "rm -r /etc/systemd/system/lab-broken.service /etc/systemd/system/local-fs.target.requires && sync"
# Since its kernel has started
WAIT = "while [ \"$(cut -d . -f 1 /proc/uptime)\" -lt %d ]; do sleep 1; done" % (LIMIT_S + 20)


def setup(lab, host, what):
    lab.passthru(host, "setup --yes --for %ds %s" % (LIMIT_S, lab.pair), 0, what + ": setup --for")


def restarts(lab, host, what):
    """It does, and what is up then is the old host; undo has all to take back."""
    host.up(LIMIT_S)
    lab.normal(host, what)
    lab.tap.ok("used up and not confirmed" in lab.passthru(host, "status"), what + ": and says that the trial was used up")


def timer(host):
    return host.run("systemctl is-active passthru-restart.timer").text.strip()


def nobody_confirms(lab):
    host = lab.fresh("limit")
    setup(lab, host, "not confirmed")
    host.reboot()
    lab.reserved(host, "not confirmed: the trial")
    lab.tap.same(timer(host), "active", "not confirmed: the timer waits")
    lab.tap.ok("which ends 6 min after its start" in lab.passthru(host, "status"), "not confirmed: the program says when")
    restarts(lab, host, "not confirmed")
    return host


def in_time(lab, host):
    setup(lab, host, "confirmed in time")
    host.reboot()
    lab.reserved(host, "confirmed in time: the trial")
    lab.passthru(host, "confirm", 0, "confirmed in time: confirm")
    lab.tap.same(timer(host), "inactive", "confirmed in time: the timer waits no more")
    host.must(WAIT, BUILD_S)
    lab.tap.ok("passthru.trial=1" in lab.words(host), "confirmed in time: the boot goes on")
    host.reboot()
    lab.reserved(host, "confirmed in time: the next boot")
    lab.passthru(host, "undo --yes", 0, "confirmed in time: undo")
    lab.as_before(host, "confirmed in time")
    host.power_off()


def emergency(lab):
    host = lab.fresh("emergency")
    setup(lab, host, "emergency")
    host.must(BROKEN)
    host.post("systemctl reboot")
    lab.tap.ok(host.says("You are in emergency mode"), "emergency: the trial stops there", host.last_words())
    restarts(lab, host, "emergency")
    host.must(MENDED)
    lab.passthru(host, "undo --yes", 0, "emergency: undo")
    lab.as_before(host, "emergency")
    host.power_off()


def run(lab):
    in_time(lab, nobody_confirms(lab))
    emergency(lab)
