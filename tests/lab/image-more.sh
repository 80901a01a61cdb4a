# The images that only some cases need: tools, systemd, peers.  image.sh sources this file.
#
# They are made of Debian packages that a machine for building passthru need not have installed.
# shellcheck shell=sh
# shellcheck disable=SC2154

# unpack NAME PACKAGE... : sets $unpacked to a directory with those that are not installed, and what they depend on
unpack() {
	unpacked=${cache%/images}/packages/$1-$(echo "$@" | sha256sum | cut -c 1-12)
	shift
	[ ! -d "$unpacked" ] || return 0
	mkdir -p "$temp/archives/partial" "$temp/unpacked" "${cache%/images}/packages"
	echo "image.sh: downloading what is missing of" "$@" >&2
	apt-get -qq -y --download-only --no-install-recommends -o Debug::NoLocking=true -o APT::Sandbox::User=root \
		-o Dir::Cache::archives="$temp/archives" install "$@" >"$temp/apt" 2>&1 || {
		cat "$temp/apt" >&2
		fail "could not download $*: run apt-get update and try again"
	}
	for archive in "$temp"/archives/*.deb; do
		[ ! -f "$archive" ] || dpkg-deb -x "$archive" "$temp/unpacked"
	done
	mv -T "$temp/unpacked" "$unpacked"
	rm -rf "$temp/archives"
}

# list_at PATH... : files of packages, unpacked or installed; $listed is where the last one lies
list_at() {
	for path; do
		listed=$unpacked$path
		[ -e "$listed" ] || listed=$path
		[ -e "$listed" ] || fail "there is no $path"
		list_file "$listed"
	done
}

manifest_tools() {
	unpack tools lvm2 dmsetup mdadm cryptsetup-bin e2fsprogs iproute2 nvme-cli
	list_program lvm usr/sbin/lvm
	for program in mdadm cryptsetup dmsetup mkfs.ext4; do
		list_program $program usr/sbin/$program
	done
	list_program mkswap usr/sbin/mkswap
	list_program ip usr/bin/ip iproute2
	list_program nvme usr/sbin/nvme
}

# LVM waits for udev unless it is told that there is none.
finish_tools() {
	for name in pvcreate pvremove pvs vgcreate vgremove vgchange vgs lvcreate lvremove lvchange lvs; do
		ln -s lvm "usr/sbin/$name"
	done
	mkdir -p etc/lvm
	cat >etc/lvm/lvm.conf <<'END'
activation {
	udev_sync = 0
	udev_rules = 0
	monitoring = 0
}
devices {
	obtain_device_list_from_udev = 0
	use_devicesfile = 0
}
END
}

# The units that start nothing but what the machine needs: no logins, no clock, no temporary files.
units='basic.target emergency.target final.target local-fs.target local-fs-pre.target multi-user.target network.target
	network-pre.target paths.target poweroff.target reboot.target remote-fs.target rescue.target shutdown.target slices.target
	sockets.target swap.target sysinit.target timers.target time-set.target time-sync.target umount.target
	systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket systemd-udevd.service
	systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udev-trigger.service systemd-udev-settle.service
	systemd-modules-load.service systemd-poweroff.service systemd-reboot.service systemd-fsck@.service'
rules='50-udev-default 60-block 60-drm 60-evdev 60-input-id 60-persistent-storage 60-serial 75-net-description 80-drivers
	80-net-setup-link 99-systemd'

manifest_systemd() {
	unpack systemd systemd udev
	for program in systemctl systemd-run systemd-escape systemd-notify systemd-analyze systemd-tmpfiles journalctl udevadm; do
		list_program $program
	done
	for name in systemd systemd-journald systemd-shutdown systemd-udevd systemd-fsck systemd-modules-load \
		system-generators/systemd-fstab-generator; do
		list_at "/lib/systemd/$name"
		list_libraries "${listed}"
	done
	for unit in $units; do
		list_at "/lib/systemd/system/$unit"
	done
	for rule in $rules; do
		list_at "/lib/udev/rules.d/$rule.rules"
	done
	list_at /lib/systemd/network/99-default.link
}

# The init of base hands over to systemd, which starts it again as a unit to run the cases.
finish_systemd() {
	mkdir -p etc/systemd/system/lab.target.wants
	echo 0123456789abcdef0123456789abcdef >etc/machine-id
	echo lab >etc/hostname
	printf '%s\n' ID=lab NAME=lab 'PRETTY_NAME="passthru lab"' >etc/os-release
	cat >etc/systemd/system/lab.service <<'END'
[Unit]
Description=the cases of the lab
After=sysinit.target basic.target systemd-udev-trigger.service
Requires=sysinit.target basic.target

[Service]
Type=simple
ExecStart=/init
StandardInput=null
StandardOutput=file:/dev/console
StandardError=file:/dev/console
END
	cat >etc/systemd/system/lab.target <<'END'
[Unit]
Description=the emulated host
Requires=basic.target
Wants=systemd-udevd.service systemd-udev-trigger.service systemd-journald.service lab.service
AllowIsolate=yes
END
	ln -s lab.target etc/systemd/system/default.target
}

# What the script imports, and what Python does before it starts.
list_python() {
	list_at /usr/bin/python3
	list_libraries "$listed"
	/usr/bin/python3 -I -c '
import importlib.util, shutil, signal, selectors, encodings.ascii, encodings.latin_1, sys
spec = importlib.util.spec_from_file_location("script", sys.argv[1])
spec.loader.exec_module(importlib.util.module_from_spec(spec))
for module in list(sys.modules.values()):
    if (getattr(module, "__file__", None) or "").startswith("/usr/lib"):
        print(module.__file__)
' "$1" >"$temp/imported" || fail "cannot import $1"
	while read -r file; do
		list_file "$file"
		case $file in *.so) list_libraries "$file" ;; esac
	done <"$temp/imported"
}

manifest_peers() {
	unpack peers driverctl dpdk
	list_at /usr/sbin/driverctl /usr/bin/dpdk-devbind.py
	list_python "$listed"
	list_program bash
}
