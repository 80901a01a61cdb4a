#!/bin/sh
# Builds the lab's initramfs images out of this machine's own programs: image.sh [--kernel NAME] [NAME...]
#
#   base     busybox, kmod and the tools that the cases look with; the modules of the emulated host
#   qemu     QEMU with its firmware, and what a nested guest boots: /guest/vmlinux, /guest/guest.cpio
#   program  the passthru under test and the lab's own scripts and programs; made anew at every call
#   tools    lvm, mdadm, cryptsetup, dmsetup, mkfs.ext4, mkswap, ip, nvme
#   systemd  systemd as process 1, with udev and journal: a case gets it by "# init: systemd"
#   peers    driverctl and dpdk-devbind.py, with bash and python3
#
# The shell of the emulated host prefers busybox's applets to programs of the same name: of tools, ip, mkswap and
# mkfs.ext4 are called by their paths, /usr/bin/ip, /usr/sbin/mkswap, /usr/sbin/mkfs.ext4.  Packages that are not installed
# on this machine are downloaded and unpacked into the cache, never installed.
#
# A program brings the libraries that ldd finds, as in the initramfs generators.  An image is first a
# manifest of SOURCE DESTINATION lines; its name in the cache carries the hash of all that the manifest
# names, so what changed is built again and nothing else.  Prints the images' paths, one a line.
# Nothing is compressed: the emulated processor is slow, the memory next to it is not.
set -eu

# ldconfig, modprobe and depmod are needed, root is not.
PATH=$PATH:/usr/sbin:/sbin
here=$(cd "$(dirname "$0")" && pwd)
cache=${PASSTHRU_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/passthru}/images
program=${PASSTHRU:-$here/../../build/passthru}

host_modules='bochs snd-hda-intel snd-hda-codec-generic nvme e1000e e1000 xhci-pci usbhid hid-generic
	vfio-pci vfio_iommu_type1 kvm-amd kvm-intel virtio_pci virtio_blk virtio_net ext4
	dm-mod dm-crypt xts ecb raid1 loop dummy bridge bonding 9p 9pnet_virtio'
guest_modules='bochs snd-hda-intel snd-hda-codec-generic nvme e1000e e1000 virtio_pci virtio_blk'

# Only in kernels built for the lab.
built_modules='iommufd netdevsim'

fail() {
	echo "image.sh: $*" >&2
	exit 1
}

# Where a file belongs in the image, wherever it was unpacked: everything under usr, as on a merged system, because a later
# archive that has a real directory lib would replace the symbolic link of an earlier one.
merged() {
	destination=${1#"$unpacked"}
	case $destination in
	/bin/* | /sbin/* | /lib/* | /lib64/*) echo "usr$destination" ;;
	*) echo "${destination#/}" ;;
	esac
}

list_file() {
	[ -f "$1" ] || return 0
	echo "$1 ${2:-$(merged "$1")}"
}

list_libraries() {
	libraries ldd "$1" >"$temp/ldd" 2>/dev/null || true
	! grep 'not found' "$temp/ldd" >&2 || fail "$1 lacks a library"
	sed -n 's/^.* => \(\/[^ ]*\) .*/\1/p; s/^[[:space:]]*\(\/[^ ]*\) (.*/\1/p' "$temp/ldd" |
		while read -r library; do
			list_file "$library"
		done
}

list_program() {
	path=$(PATH=$unpacked/usr/sbin:$unpacked/usr/bin:$unpacked/sbin:$unpacked/bin:$PATH && command -v "$1") || fail "$1 is missing: install ${3:-the Debian package of that name}"
	echo "$path ${2:-usr/bin/${path##*/}}"
	list_libraries "$path"
}

# Libraries that a program opens only when it needs them: their names stand in its text.
list_opened_libraries() {
	ldconfig -p >"$temp/libraries"
	grep -aoE 'lib[A-Za-z0-9_+-]+\.so\.[0-9]+' "$1" | sort -u | while read -r name; do
		library=$(sed -n "s|^[[:space:]]*$name (.*x86-64.*) => ||p" "$temp/libraries" | head -n 1)
		[ -n "$library" ] || continue
		list_file "$library"
		list_libraries "$library"
	done
}

list_modules() {
	for file in "$modules"/modules.order "$modules"/modules.builtin "$modules"/modules.builtin.modinfo; do
		list_file "$file" "usr/lib/modules/$release/${file##*/}"
	done
	for module; do
		modprobe -d "$kernel" -S "$release" -D "$module" || fail "no module $module in $kernel"
	done >"$temp/modules"
	sed -n 's/^insmod \([^ ]*\).*/\1/p' "$temp/modules" | sort -u | while read -r file; do
		echo "$file usr/lib/modules/$release/${file#"$modules/"}"
	done
}

manifest_base() {
	list_program busybox usr/bin/busybox busybox-static
	list_program kmod
	list_program lspci usr/bin/lspci pciutils
	list_program setpriv usr/bin/setpriv util-linux
	list_program env usr/bin/env coreutils
	list_program strace
	list_program jq
	list_file /usr/share/misc/pci.ids
	list_file /lib/udev/hwdb.bin
	list_file "$kernel/config" "boot/config-$release"
	list_file "$here/init" init
	[ "$kernel_name" = debian ] || host_modules="$host_modules $built_modules"
	# shellcheck disable=SC2086
	list_modules $host_modules
}

# The nested guest runs Debian's kernel, whatever its host runs.
manifest_guest() {
	list_program busybox usr/bin/busybox busybox-static
	list_file "$here/guest-init" init
	# shellcheck disable=SC2086
	list_modules $guest_modules
}

manifest_qemu() {
	list_program qemu-system-x86_64 usr/bin/qemu-system-x86_64 qemu-system-x86
	for file in bios-256k.bin vgabios-bochs-display.bin vgabios-stdvga.bin kvmvapic.bin linuxboot_dma.bin pvh.bin; do
		for dir in /usr/share/seabios /usr/share/qemu; do
			[ ! -f "$dir/$file" ] || echo "$dir/$file usr/share/qemu/$file"
		done
	done | sort -u -k 2
	list_file "$("$here/kernel.sh")/vmlinux" guest/vmlinux
	list_file "$guest_image" guest/guest.cpio
}

# Compiles one of the lab's own programs, unless that was done, and lists it.
list_compiled() {
	compiled=$cache/$1-$(sha256sum <"$here/$1.c" | cut -c 1-16)
	[ -x "$compiled" ] || {
		gcc -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -o "$temp/$1" "$here/$1.c" || fail "$1.c does not compile"
		mv "$temp/$1" "$compiled"
	}
	touch "$compiled"
	echo "$compiled usr/bin/$1"
	list_libraries "$compiled"
}

manifest_program() {
	[ -x "$program" ] || fail "no program at $program: build it, or name it in PASSTHRU"
	list_program "$(cd "$(dirname "$program")" && pwd)/$(basename "$program")" usr/bin/passthru
	early=$(cd "$(dirname "$program")" && pwd)/src/early/passthru-early
	[ ! -x "$early" ] || list_program "$early" usr/bin/passthru-early
	[ ! -x "$early" ] || list_file "${early%/*}/hooks/mkinitfs-early" lab/mkinitfs-early
	list_opened_libraries "$program"
	list_compiled vfio_open
	for file in "$here"/*.sh "$here"/cases/*.sh; do
		list_file "$file" "lab/${file#"$here/"}"
	done
}

# libraries COMMAND... : with those of packages that were unpacked
libraries() {
	LD_LIBRARY_PATH=${unpacked:+$unpacked/usr/lib/x86_64-linux-gnu:$unpacked/lib/x86_64-linux-gnu:$unpacked/lib/x86_64-linux-gnu/systemd} "$@"
}

links() {
	for dir in bin sbin lib lib64; do
		mkdir -p "usr/$dir"
		ln -s "usr/$dir" "$dir"
	done
	mkdir -p dev etc proc run sys tmp
	# The kernel calls /sbin/modprobe by itself.
	tool=kmod
	[ -e usr/bin/kmod ] || tool=busybox
	for name in modprobe insmod rmmod lsmod modinfo depmod; do
		ln -s "../bin/$tool" "usr/sbin/$name"
	done
	busybox --list | while read -r name; do
		[ -e "usr/bin/$name" ] || [ -e "usr/sbin/$name" ] || ln -s busybox "usr/bin/$name"
	done
	printf '%s\n' root:x:0:0:root:/:/bin/sh nobody:x:65534:65534:nobody:/:/bin/sh >etc/passwd
	printf '%s\n' root:x:0: nogroup:x:65534: >etc/group
	depmod -b usr "$release"
}

# Makes image NAME with the stamp of its manifest, unless it is there already, and prints its path.
image() {
	unpacked=
	"manifest_$1" >"$temp/unsorted"
	sort -u -k 2 "$temp/unsorted" >"$temp/manifest"
	stamp=$({
		cat "$0" "$here/image-more.sh" "$temp/manifest"
		cut -d ' ' -f 1 "$temp/manifest" | xargs sha256sum
	} | sha256sum | cut -c 1-16)
	path=$cache/$1-$stamp.cpio
	if [ ! -f "$path" ]; then
		rm -rf "$temp/root"
		mkdir -p "$temp/root"
		cut -d ' ' -f 2 "$temp/manifest" | sed "s|^|$temp/root/|; s|/[^/]*\$||" | sort -u | xargs mkdir -p
		while read -r source destination; do
			cp -L --preserve=mode,timestamps "$source" "$temp/root/$destination"
		done <"$temp/manifest"
		(
			cd "$temp/root"
			case $1 in
			base | guest) links ;;
			tools | systemd) "finish_$1" ;;
			esac
			find . -mindepth 1 | sort | cpio --create --format=newc --owner=0:0 --quiet
		) >"$temp/image"
		mv "$temp/image" "$path"
	else
		touch "$path"
	fi
	echo "$path"
}

kernel_name=debian
if [ "${1:-}" = --kernel ]; then
	kernel_name=$2
	shift 2
fi
kernel=$("$here/kernel.sh" "$kernel_name")
release=$(cat "$kernel/release")
modules=$kernel/lib/modules/$release
mkdir -p "$cache"
temp=$(mktemp -d "$cache/.new.XXXXXX")
trap 'rm -rf "$temp"' EXIT
trap 'exit 1' HUP INT TERM

. "$here/image-more.sh"
for name in "${@:-base}"; do
	case $name in
	qemu) guest_image=$("$0" guest) ;;
	base | guest | program | tools | systemd | peers) ;;
	*) fail "there is no image $name" ;;
	esac
	image "$name"
done
find "$cache" -mindepth 1 -maxdepth 1 -mtime +1 -exec rm -rf {} +
find "$cache" -name 'program-*.cpio' -mmin +60 -delete
