#!/usr/bin/python3
"""The scripts for mkinitfs: what its settings get, what an image's init becomes, and that init goes on whatever happens before it.

usage: mkinitfs.py FOLDER     FOLDER: the scripts as they are installed

They run in the shells that there are; busybox, which mounts, is stood in for by one that says so and makes what a mount brings.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

from tap import end, put, test

FOLDER = sys.argv[1]
SHELLS = [["sh"]] + ([["busybox", "sh"]] if shutil.which("busybox") else [])
INIT = "#!/bin/sh\n# its own\necho init goes on\n"


def text(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as f:
        return f.read()


HELPER = re.search(r"\$\((\S+/passthru-early)\)", text("mkinitfs-early"))[1]
SCRIPT = "/etc/mkinitfs/passthru-early"


def run(shell, script, **more):
    found = subprocess.run([*shell, "-c", script], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=20,
                           env={"PATH": os.environ["PATH"], **more})
    return found.stdout + found.stderr


# ---- the settings ----

# What mkinitfs is when it reads them: it has a function of that name, and copies the file that "init" names.
MKINITFS = """
initfs_base() { :; }
features="base ext4" init=%(top)s/init
%(before)s
. %(top)s/conf
echo "features: $features"
cat "$init"
"""


def settings(shell, top, before="", **more):
    put(top + "/conf", text("mkinitfs-conf").replace(HELPER, top + HELPER).replace("-e /etc", "-e %s/etc" % top).replace(
        "/tmp/passthru-init", top + "/tmp/passthru-init"))
    saw = run(shell, MKINITFS % {"top": top, "before": before}, **more)
    left = os.listdir(top + "/tmp") if os.path.isdir(top + "/tmp") else []
    return saw.replace(top, "") + ("left: %s" % left if left else "")


def composes(shell):
    said = " (%s)" % " ".join(shell)
    plain = "features: base ext4\n" + INIT
    line = "[ ! -r %s ] || /bin/sh %s\n" % (SCRIPT, SCRIPT)
    top = tempfile.mkdtemp()
    os.mkdir(top + "/tmp")
    put(top + "/init", INIT)
    put(top + HELPER, "")
    saw = settings(shell, top)
    test(saw == plain, "nothing is reserved: mkinitfs gets nothing" + said, saw)
    put(top + "/etc/passthru/devices", "")
    saw = settings(shell, top)
    test(saw == "features: base ext4 passthru\n#!/bin/sh\n" + line + INIT, "a feature and one line before its init, and no file stays behind" + said, saw)
    saw = settings(shell, top, "basedir=/mnt")
    test(saw == plain, "an image for another root gets nothing" + said, saw)
    saw = settings(shell, top, "unset -f initfs_base; init=")
    test(saw.startswith("features: base ext4\n"), "nor does another program that reads the settings" + said, saw)
    os.rename(top + "/tmp", top + "/elsewhere")
    saw = settings(shell, top)
    test(saw.startswith("features: base ext4 passthru\n" + INIT), "no place for a file leaves its init as it is" + said, saw)
    os.rename(top + "/elsewhere", top + "/tmp")
    put(top + "/bin/cat", "#!/bin/sh\n[ \"$1\" != - ] || exit 1\nexec %s \"$@\"\n" % shutil.which("cat"))
    if shell == ["sh"]:  # busybox has its own
        saw = settings(shell, top, PATH=top + "/bin:" + os.environ["PATH"])
        test(saw == "features: base ext4 passthru\n" + INIT, "so does one that cannot be written", saw)
    put(top + "/init", INIT.replace("/bin/sh", "/bin/lua"))
    saw = settings(shell, top)
    test("/bin/lua\n" in saw and line not in saw, "and an init that is no script of sh stays" + said, saw)
    shutil.rmtree(top)


# ---- init ----

def goes_on(shell):
    said = " (%s)" % " ".join(shell)
    top = tempfile.mkdtemp()
    first = re.search(r"^\[ ! -r /etc.*?(?=\")", text("mkinitfs-conf"), re.M)[0].replace(SCRIPT, top + SCRIPT)
    put(top + "/init", "#!/bin/sh\n" + first + "\n" + INIT)
    for what, script in (("is not there", None), ("cannot be parsed", "case fi ((\n"), ("ends", "exit 3\n"), ("fails", "set -eu\n. /nowhere/at/all\n"),
                         ("is killed", "kill -9 $$\n"), ("changes what it can", "cd /; exec 0<&- 1>&- 2>&-; trap '' TERM; init=x\n")):
        if script:
            put(top + SCRIPT, script)
        saw = subprocess.run([*shell, top + "/init"], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=20)
        test(saw.returncode == 0 and saw.stdout == "init goes on\n", "init goes on when what is before it %s%s" % (what, said), saw)
    shutil.rmtree(top)


# ---- what is run before it ----

BUSYBOX = """#!/bin/sh
top=%(top)s
words=$(echo "$*" | sed "s|$top||g; s/ -o [^ ]*//")
case $1 in
mount | umount) echo "$words" >>$top/log ;;
esac
case "$words" in
"$(cat $top/fails 2>/dev/null)"*) echo "mount: failed" >&2; exit 1 ;;
"mount -t proc"*) cp $top/cmdline $top/proc/cmdline ;;
"mount -t sysfs"*) mkdir -p $top/sys/bus ;;
"umount -l /proc") rm $top/proc/cmdline ;;
"umount -l /sys") rm -r $top/sys/bus ;;
"cat "*) cat $top/proc/cmdline ;;
"mkdir "*) mkdir -p "$3" ;;
esac
"""
PROC = ["mount -t proc proc /proc"]
ALL = PROC + ["mount -t sysfs sysfs /sys", "mount -t devtmpfs devtmpfs /dev", "mount -t tmpfs tmpfs /run"]
BACK = ["umount -l /dev", "umount -l /sys", "umount -l /proc"]
LOADED = ["modprobe -q vfio-pci", "modprobe -q mlx5_vfio_pci"]


def before_init(shell):
    said = " (%s)" % " ".join(shell)
    top = tempfile.mkdtemp()
    script = text("mkinitfs-early")
    for path in ("/bin/busybox", "/sbin/modprobe", HELPER):
        script = script.replace(path, top + path)
    script = re.sub(r"(?<=[ ])(/(?:proc|sys|dev|run)\b)", top + r"\1", script)
    put(top + "/bin/busybox", BUSYBOX % {"top": top})
    put(top + "/sbin/modprobe", "#!/bin/sh\necho modprobe $* >>%s/log\n" % top)
    good = "#!/bin/sh\nmkdir -p %s/run/passthru; : >%s/run/passthru/early\necho vfio-pci\necho mlx5_vfio_pci\n" % (top, top)

    def deeds(words="quiet passthru.boot=1", helper=good, fails="nothing"):
        for name in ("proc", "sys", "dev", "run", HELPER.lstrip("/").split("/", maxsplit=1)[0]):
            shutil.rmtree(top + "/" + name, ignore_errors=True)
        os.mkdir(top + "/proc")
        put(top + "/cmdline", words + "\n")
        put(top + "/fails", fails)
        put(top + "/log", "")
        if helper:
            put(top + HELPER, helper)
        run(shell, script)
        with open(top + "/log", encoding="utf-8") as f:
            return f.read().split("\n")[:-1]

    for words in ("quiet", "passthru.trial=1 quiet"):
        saw = deeds(words)
        test(saw == PROC + ["umount -l /proc"], "without the word (%s) nothing but that is looked at%s" % (words, said), saw)
        test(not os.path.exists(top + "/run") and not os.path.exists(top + "/sys"), "and nothing is made" + said)
    saw = deeds()
    test(saw == ALL + LOADED + BACK, "with it, the helper finds all that it needs; /run stays" + said, saw)
    saw = deeds(helper="#!/bin/sh\n")
    test(saw == ALL + ["umount -l /run"] + BACK, "it reserves nothing: /run goes, too" + said, saw)
    saw = deeds(helper=None)
    test(saw == ALL + ["umount -l /run"] + BACK, "there is no helper" + said, saw)
    saw = deeds(helper="#!/bin/sh\nkill -9 $$\n")
    test(saw == ALL + ["umount -l /run"] + BACK, "the helper is killed" + said, saw)
    for i, line in enumerate(ALL):
        saw = deeds(fails=line)
        mounted = sorted(mount.split()[-1] for mount in saw if mount.startswith("mount") and mount != line)
        gone = sorted(mount.split()[-1] for mount in saw if mount.startswith("umount"))
        test(sorted(gone + ["/run"] * ("/run" not in gone and "/run" in mounted)) == mounted and (i not in (0, 3) or LOADED[0] not in saw), "%s fails: all others go%s" % (line, said), saw)
    shutil.rmtree(top)


for sh in SHELLS:
    composes(sh)
    goes_on(sh)
    before_init(sh)
end()
