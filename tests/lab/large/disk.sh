#!/bin/sh
# Makes a whole Debian disk of the large lab and prints the directory it lies in: disk.sh NAME
#
# disks/NAME.sh says what is special about it.  mmdebstrap fetches Debian from the sources that apt has on this machine, mkfs
# and sfdisk write files, so that neither a loop device nor a mount is needed.  Needs root.  Then the disk is booted once, with its own kernel from outside, and finishes itself: its own
# grub-install or bootctl, its own images.  From then on nothing but its own boot loader starts it.
#
# The directory holds disk (raw, sparse: tests write to an overlay), vars (variables of UEFI), release and update.deb, a kernel that
# is not installed yet.  It is named by the hash of the recipe; once there, the network is left alone.
set -eu

PATH=$PATH:/usr/sbin:/sbin
here=$(cd "$(dirname "$0")" && pwd)
cache=${PASSTHRU_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/passthru}/large
name=${1:?disk.sh NAME}
[ -f "$here/disks/$name.sh" ] || {
	echo "disk.sh: there is no disk $name: $(cd "$here/disks" && echo *.sh)" >&2
	exit 2
}

stamp=$(cat "$here/disk.sh" "$here/disks/$name.sh" "$here/agent" | sha256sum | cut -c 1-16)
made=$cache/$name-$stamp
if [ -d "$made" ]; then
	touch "$made"
	echo "$made"
	exit 0
fi

fail() {
	echo "disk.sh: $*" >&2
	exit 1
}

[ "$(id -u)" = 0 ] || fail "needs root: the files of a disk have owners"

# What the disks share.  Drivers that no emulated machine has are left out: depmod and the generators of images read all
# that there is.
# systemd-sysv makes systemd process 1; the libraries are those of passthru.
common="systemd-sysv udev kmod e2fsprogs libpopt0 libjansson4 libsmartcols1 libkmod2 libudev1 libarchive13 libnl-3-200
	libnl-route-3-200 libmount1"
left_out="net/wireless net/ethernet/mellanox media gpu/drm/amd gpu/drm/i915 gpu/drm/nouveau gpu/drm/radeon infiniband
	staging isdn scsi/lpfc scsi/qla2xxx iio hwmon"

# A busy machine makes the emulated processors stand still: that is no fault of the kernel.
words="console=ttyS0 tsc=reliable no_timer_check mitigations=off init_on_alloc=0 nowatchdog
	rcupdate.rcu_cpu_stall_suppress=1 pcie_port_pm=force"
words=$(echo "$words" | tr -s '\n\t ' ' ')
boot_mib=0
firmware='' packages='' kernels=''

grub_default() {
	mkdir -p "$root/boot/grub"
	cat >"$root/etc/default/grub" <<-END
		GRUB_DEFAULT=0
		GRUB_TIMEOUT=1
		GRUB_DISTRIBUTOR=Debian
		GRUB_CMDLINE_LINUX_DEFAULT="quiet"
		GRUB_CMDLINE_LINUX="$words"
		GRUB_TERMINAL=serial
		GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"
		GRUB_DISABLE_OS_PROBER=true
	END
}

# For kernel-install, where there is no GRUB.
kernel_cmdline() {
	mkdir -p "$root/etc/kernel"
	echo "root=UUID=$root_uuid ro quiet $words" >"$root/etc/kernel/cmdline"
}

# Said to the disk itself.
install_systemd_boot() {
	cat <<-'END'
		bootctl install
		for image in /boot/vmlinuz-*; do
			release=${image#*/vmlinuz-}
			kernel-install add "$release" "$image" "/boot/initrd.img-$release"
		done
	END
}

# uuid_fstab WHERE UUID TYPE [OPTIONS]
uuid_fstab() {
	mkdir -p "$root$1"
	echo "UUID=$2 $1 $3 ${4:-defaults} 0 $(if [ "$1" = / ]; then echo 1; else echo 2; fi)" >>"$root/etc/fstab"
}

# Of the ABIs in the archive the oldest two of the small kernel for clouds: older than the one that boots by default.
older=$(apt-cache search --names-only '^linux-image-6\.1\.0-[0-9]+-cloud-amd64$' | cut -d ' ' -f 1 | sort -V | head -n 2)
older_kernel=$(echo "$older" | head -n 1)
update_kernel=$(echo "$older" | tail -n 1)
[ "$older_kernel" != "$update_kernel" ] || fail "apt knows fewer than two kernels linux-image-6.1.0-*-cloud-amd64: apt-get update"
# Two disks may meet in one machine, hence a number in their ids.
identify() {
	root_uuid=7a550000-0000-4000-8000-0000000000${1}1
	boot_uuid=7a550000-0000-4000-8000-0000000000${1}2
	esp_uuid=7A55-00${1}3
}
# shellcheck source=/dev/null
. "$here/disks/$name.sh"

mkdir -p "$cache"
temp=$(mktemp -d "$cache/.new.XXXXXX")
trap 'rm -rf "$temp"' EXIT
trap 'exit 1' HUP INT TERM
chmod 0755 "$temp"
root=$temp/root

echo "disk.sh: making $name: about 200 MB to download, five to ten minutes" >&2
# shellcheck disable=SC2016
apt-get indextargets --format 'deb $(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' |
	sort -u >"$temp/sources.list"
[ -s "$temp/sources.list" ] || fail "apt has no sources of Debian"
include=$(echo "$common $packages $kernels" | tr -s '\n\t ' ',')
set --
for part in $left_out; do
	set -- "$@" --dpkgopt="path-exclude=/lib/modules/*/kernel/drivers/$part/*"
done
mmdebstrap --quiet --variant=minbase --format=tar --include="$include" \
	--aptopt='Apt::Install-Recommends "false"' --dpkgopt=force-unsafe-io \
	--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
	--dpkgopt='path-exclude=/usr/share/locale/*' "$@" \
	bookworm "$temp/root.tar" "$temp/sources.list" >"$temp/log" 2>&1 || {
	tail -n 30 "$temp/log" >&2
	fail "mmdebstrap failed"
}
(cd "$temp" && apt-get -qq -o APT::Sandbox::User=root download "$update_kernel") >&2
mv "$temp"/linux-image-*.deb "$temp/update.deb"

# Everything that needs root's view of the files, in one go.
mkdir "$root"
assemble() {
	tar -x -f "$temp/root.tar" -C "$root" --numeric-owner
	rm -f "$temp/root.tar" "$root/etc/apt/sources.list" "$root"/var/cache/apt/archives/*.deb
	echo lab >"$root/etc/hostname"
	: >"$root/etc/fstab"
	mkdir -p "$root/etc/systemd/journald.conf.d" "$root/etc/systemd/system/multi-user.target.wants" "$root/usr/local/sbin"
	printf '[Journal]\nStorage=volatile\n' >"$root/etc/systemd/journald.conf.d/lab.conf"
	install -m 0755 "$here/agent" "$root/usr/local/sbin/lab-agent"
	cat >"$root/etc/systemd/system/lab.service" <<-'END'
		[Unit]
		Description=Runs what the lab asks for
		After=systemd-udev-settle.service
		Wants=systemd-udev-settle.service

		[Service]
		ExecStart=/usr/local/sbin/lab-agent
		Restart=always

		[Install]
		WantedBy=multi-user.target
	END
	ln -s /etc/systemd/system/lab.service "$root/etc/systemd/system/multi-user.target.wants/lab.service"
	for unit in apt-daily.timer apt-daily-upgrade.timer fstrim.timer e2scrub_all.timer dpkg-db-backup.timer; do
		ln -sf /dev/null "$root/etc/systemd/system/$unit"
	done
	prepare
	find "$root/boot" -name 'vmlinuz-*' | sed 's/.*vmlinuz-//' | sort -V | tail -n 1 >"$temp/release"
	cp "$root/boot/vmlinuz-$(cat "$temp/release")" "$temp/vmlinuz"
	cp "$root/boot/initrd.img-$(cat "$temp/release")" "$temp/initrd"

	# In MiB: BIOS boot 1 to 2, ESP to 512, /boot where it is a file system of its own, root.
	[ "$boot_mib" = 0 ] || {
		mkdir "$temp/boot"
		mv "$root"/boot/* "$temp/boot/"
		rm -rf "$temp/boot/efi"
	}
	total=4096
	truncate -s "${total}M" "$temp/disk"
	{
		echo 'label: gpt'
		echo 'start=1MiB, size=1MiB, type=21686148-6449-6E6F-744E-656564454649, name=bios'
		echo 'start=2MiB, size=510MiB, type=U, name=esp'
		[ "$boot_mib" = 0 ] || echo "start=512MiB, size=${boot_mib}MiB, type=L, name=boot"
		echo "start=$((512 + boot_mib))MiB, size=$((total - 513 - boot_mib))MiB, type=L, name=root"
	} | sfdisk -q "$temp/disk"
	ext4 "$root" "$root_uuid" $((512 + boot_mib)) $((total - 513 - boot_mib))
	[ "$boot_mib" = 0 ] || ext4 "$temp/boot" "$boot_uuid" 512 "$boot_mib"
	mkfs.vfat -F 32 -i "$(echo "$esp_uuid" | tr -d -)" --offset $((2 * 2048)) "$temp/disk" $((510 * 1024)) >/dev/null 2>&1
	rm -rf "$root" "${temp:?}/boot"
}

# ext4 FOLDER UUID START SIZE, in MiB
ext4() {
	mkfs.ext4 -q -F -U "$2" -E "offset=$(($3 * 1048576)),lazy_itable_init=0,lazy_journal_init=0" -d "$1" "$temp/disk" "$4M"
}

assemble

case $firmware in
uefi) cp /usr/share/OVMF/OVMF_VARS_4M.fd "$temp/vars" ;;
esac
echo "$firmware" >"$temp/firmware"
{
	echo 'set -ex; export DEBIAN_FRONTEND=noninteractive'
	finish
} >"$temp/finish"
/usr/bin/python3 "$here/finish.py" "$temp" "root=UUID=$root_uuid ro $words" || fail "the disk did not finish itself"
rm -f "$temp/vmlinuz" "$temp/initrd" "$temp/log" "$temp/sources.list"
mv "$temp" "$made"
find "$cache" -mindepth 1 -maxdepth 1 ! -path "$made" -mtime +7 -exec rm -rf {} +
echo "$made"
