#!/usr/bin/python3
"""The scripts that run the early helper in an initramfs: what they put into an image, what they load, and when.

usage: hooks.py FOLDER [INITRAMFS-TOOLS]     FOLDER: the scripts as they are installed; INITRAMFS-TOOLS: an unpacked
package initramfs-tools-core; without it the installed one, and without that its order is not tested

The functions of the generators are stood in for by ones that say how they were called.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

from tap import end, put, test

FOLDER = sys.argv[1]
TOOLS = os.path.join(sys.argv[2] if len(sys.argv) > 2 else "/", "usr/share/initramfs-tools")


def script(name, top):
    """Its text, with the paths of the host below `top`."""
    with open(os.path.join(FOLDER, name), encoding="utf-8") as f:
        text = f.read()
    helper = re.search(r"[^\s()]+/passthru-early(?=[\s)])", text)[0]
    assert helper.startswith("/"), name
    for path in (helper, "/etc/passthru/devices", "/proc/cmdline", "/usr/share/initramfs-tools/hook-functions"):
        text = text.replace(path, top + path)
    return text, top + helper


def run(top, text, shell="sh"):
    env = dict(os.environ, PATH=top + "/bin:" + os.environ["PATH"], moddir="/module", BUILDROOT=top + "/image")
    found = subprocess.run([shell, "-c", text], env=env, capture_output=True, text=True, check=False)
    return found.stdout + found.stderr


def loads():
    for name, call in (("initramfs-tools-init-top", ""), ("dracut-pre-udev.sh", ""), ("mkinitcpio-hook", "run_earlyhook")):
        top = tempfile.mkdtemp()
        text, helper = script(name, top)
        put(top + "/bin/modprobe", "#!/bin/sh\necho modprobe $* | sed 's/ -q//'\n")
        put(helper, "#!/bin/sh\necho vfio-pci\necho mlx5_vfio_pci\n")
        saw = run(top, text + "\n" + call)
        test(saw == "modprobe vfio-pci\nmodprobe mlx5_vfio_pci\n", name + " loads what the helper names", saw)
        put(helper, "#!/bin/sh\n")
        saw = run(top, text + "\n" + call)
        test(saw == "", name + " loads nothing when it names nothing", saw)
        os.unlink(helper)
        saw = run(top, text + "\n" + call + "\necho goes on")
        test("goes on\n" in saw and "modprobe" not in saw, name + " goes on without the helper", saw)
        shutil.rmtree(top)


def unit_loads():
    """What the unit starts behind the helper."""
    top = tempfile.mkdtemp()
    put(top + "/bin/modprobe", "#!/bin/sh\necho modprobe $* | sed 's/ -q//'\n")
    put(top + "/etc/passthru/devices", "passthru-devices 1\n# address ids subsystem class slot serial twins driver\n0 1 2 3 4 5 6 vfio-pci\n0 1 2 3 4 5 6 mlx5_vfio_pci\n")
    with open(os.path.join(FOLDER, "passthru-early.service"), encoding="utf-8") as f:
        commands = re.findall(r"^ExecStartPost=-(.*)$", f.read(), re.M)
    saw = run(top, "\n".join(commands).replace("$$", "$").replace("/etc/passthru/devices", top + "/etc/passthru/devices"))
    test(saw == "modprobe vfio-pci\nmodprobe mlx5_vfio_pci\n", "the unit loads what is reserved for", saw)
    shutil.rmtree(top)


SAY = "%s() { echo %s $*; }\n"


def gives_up():
    """Where init of mkinitcpio opens a shell: functions stand in for what would restart this machine."""
    top = tempfile.mkdtemp()
    text, _ = script("mkinitcpio-hook", top)
    text = SAY % ("sleep", "sleep") + SAY % ("reboot", "reboot") + text + "\nrun_emergencyhook"
    for words, restarts in (("quiet passthru.boot=1 passthru.trial=1 panic=30\n", True), ("passthru.trial=1", True),
                            ("quiet passthru.boot=1\n", False), ("not.passthru.trial=1\n", False), ("", False)):
        put(top + "/proc/cmdline", words)
        saw = run(top, text)
        test(saw.endswith("\nsleep 30\nreboot -f\n") if restarts else saw == "", "mkinitcpio-hook %s with '%s'" %
             ("restarts" if restarts else "leaves the shell", words.strip()), saw)
    shutil.rmtree(top)


def units_are_sound():
    """As the generator puts them into an image."""
    name = "systemd understands the units of the trial"
    if not shutil.which("systemd-analyze"):
        test(True, name + " # SKIP systemd-analyze is not installed")
        return
    top = tempfile.mkdtemp()
    for unit in ("passthru-trial.timer", "passthru-trial.service"):
        shutil.copy(os.path.join(FOLDER, unit), top)
    found = subprocess.run(["systemd-analyze", "verify", "--man=no", top + "/passthru-trial.timer", top + "/passthru-trial.service"],
                           capture_output=True, text=True, check=False)
    test(found.returncode == 0 and "passthru" not in found.stderr, name, found.stderr)
    shutil.rmtree(top)


def fills():
    for name, functions, call, shell in (
            ("initramfs-tools-hook", (), "", "sh"),
            ("dracut-module-setup.sh", ("instmods", "inst_binary", "inst_simple", "inst_hook"), "check && installkernel && install", "bash"),
            ("mkinitcpio-install", ("add_binary", "add_file", "add_module", "add_runscript", "add_symlink"), "build", "bash")):
        top = tempfile.mkdtemp()
        text, helper = script(name, top)
        put(top + "/usr/share/initramfs-tools/hook-functions", "".join(SAY % (f, f) for f in ("copy_exec", "copy_file", "manual_add_modules")))
        text = "".join(SAY % (f, f) for f in functions) + text + "\n" + call
        put(helper, "#!/bin/sh\n")
        saw = run(top, text, shell)
        test(saw == "", name + " adds nothing when nothing is reserved", saw)
        put(top + "/etc/passthru/devices", "passthru-devices 1\n# a b c d e f g vfio-pci\n0 1 2 3 4 5 6 vfio-pci\n0 1 2 3 4 5 6 mlx5_vfio_pci\n")
        saw = run(top, text, shell)
        added = saw.replace(top, "").split()
        test(added.count(helper[len(top):]) == 1 and added.count("/etc/passthru/devices") == 1 and added.count("vfio-pci") == 1 and
             added.count("mlx5_vfio_pci") == 1, name + " adds the helper, the file and the modules", saw)
        if name == "mkinitcpio-install":
            test("add_runscript" in saw and "add_symlink" not in saw, "an image with a shell gets the hook", saw)
            put(top + "/image/usr/lib/systemd/system/sysinit.target", "")
            saw = run(top, text, shell)
            test("add_runscript" not in saw and "sysinit.target.wants/passthru-early.service" in saw, "one with systemd gets the unit", saw)
            test("emergency.target.wants/passthru-trial.timer" in saw and "add_file /usr/share/passthru/early/passthru-trial.service " in
                 saw.replace("/usr/local/", "/usr/"), "and what restarts a trial that stops", saw)
        os.unlink(helper)
        saw = run(top, text, shell)
        test(saw == "", name + " does not fail without the helper", saw)
        shutil.rmtree(top)


def order():
    name = "initramfs-tools runs it before udev"
    functions = TOOLS + "/hook-functions"
    if not os.path.exists(functions):
        test(True, name + " # SKIP initramfs-tools is not installed")
        return
    top = tempfile.mkdtemp()
    scripts = top + "/image/scripts/init-top/"
    with open(os.path.join(FOLDER, "initramfs-tools-init-top"), encoding="utf-8") as f:
        put(scripts + "passthru", f.read())
    put(scripts + "udev", "#!/bin/sh\n[ \"$1\" != prereqs ] || exit 0\n")
    put(scripts + "a_driver", "#!/bin/sh\n[ \"$1\" != prereqs ] || { echo udev; exit 0; }\n")
    shutil.copytree(top + "/image/scripts", top + "/conf/scripts")
    subprocess.run(["sh", "-c", ". %s; verbose=n; CONFDIR=%s/conf; cache_run_scripts %s/image /scripts/init-top" % (functions, top, top)], check=True)
    with open(scripts + "ORDER", encoding="utf-8") as f:
        saw = re.findall(r"^/scripts/init-top/(\w+)", f.read(), re.M)
    test(saw == ["passthru", "udev", "a_driver"], name, saw)
    shutil.rmtree(top)


loads()
unit_loads()
gives_up()
units_are_sound()
fills()
order()
end()
