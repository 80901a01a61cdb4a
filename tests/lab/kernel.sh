#!/bin/sh
# Brings a kernel into the cache and prints the directory it lies in: kernel.sh [--update|--cached] [NAME]
#
#   debian   Debian's stock kernel (when no name is given).  The lab boots the kernel that users run, not one built for
#            tests.  The package behind linux-image-amd64 is downloaded and unpacked, never installed on this machine.
#   6.12     built from Debian's package linux-source-6.12 with kernel-6.12.config, because Debian's kernels have
#            neither IOMMUFD nor the character devices of VFIO: ten minutes on two processors, once.
#
# The directory holds vmlinuz, vmlinux (uncompressed, with the PVH entry that lets QEMU start
# it without a boot loader: nested guests save the time to decompress) and lib/modules.
# A directory of that name is complete: it is filled under another name and then renamed.
# Once there is one the network is left alone; --update looks for a newer kernel, --cached only looks into the cache.
set -eu

# depmod is needed, root is not.
PATH=$PATH:/usr/sbin:/sbin
here=$(cd "$(dirname "$0")" && pwd)
cache=${PASSTHRU_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/passthru}/kernel

fail() {
	echo "kernel.sh: $*" >&2
	exit 1
}

# newest PATTERN
newest() {
	# shellcheck disable=SC2231
	for dir in "$cache"/$1/; do
		[ ! -f "$dir/vmlinux" ] || echo "${dir%/}"
	done | sort -V | tail -n 1
}

# Cuts the kernel out of a bzImage: Documentation/arch/x86/boot.rst, setup_sects, payload_offset and
# payload_length.
bzimage_payload() {
	set -- "$1" "$(od -An -tu1 -j 497 -N 1 "$1")" "$(od -An -tu4 -j 584 -N 4 "$1")" "$(od -An -tu4 -j 588 -N 4 "$1")"
	tail -c "+$((($2 + 1) * 512 + $3 + 1))" "$1" | head -c "$4"
}

# The payload ends in four bytes that hold its length, which the decompressors need not understand.
decompress() {
	case $(bzimage_payload "$1" | od -An -tx1 -N 4 | tr -d ' ') in
	fd377a58) bzimage_payload "$1" | xz -dc --single-stream ;;
	28b52ffd) bzimage_payload "$1" | head -c -4 | zstd -dcq ;;
	1f8b*) bzimage_payload "$1" | gzip -dcq || [ $? -eq 2 ] ;;
	*) fail "$1 is compressed in a way that is not known here" ;;
	esac
}

# candidate PACKAGE : its version, as apt would take it
candidate() {
	LC_ALL=C apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: \([0-9].*\)$/\1/p'
}

# fetch PACKAGE VERSION : unpacks it into $temp/unpacked
fetch() {
	size=$(apt-cache show "$1=$2" | sed -n 's/^Size: //p' | head -n 1)
	echo "kernel.sh: downloading $1 $2 ($((size / 1000000)) MB)" >&2
	(cd "$temp" && apt-get -qq -o APT::Sandbox::User=root download "$1=$2") >&2 ||
		fail "could not download $1: run apt-get update and try again"
	dpkg-deb -x "$temp/$1"_*.deb "$temp/unpacked"
	rm "$temp/$1"_*.deb
}

make_debian() {
	package=linux-image-$release
	fetch "$package" "$version"
	[ -d "$temp/unpacked/lib/modules" ] || mv "$temp/unpacked/usr/lib/modules" "$temp/unpacked/lib/"
	mv "$temp/unpacked/lib/modules" "$temp/kernel/lib/modules"
	mv "$temp/unpacked/boot/vmlinuz-$release" "$temp/kernel/vmlinuz"
	mv "$temp/unpacked/boot/config-$release" "$temp/kernel/config"
	# Images are not compressed, and neither are the modules in them: the emulated processor is slow.
	find "$temp/kernel/lib/modules" -name '*.ko.xz' -exec xz -d {} +
	decompress "$temp/kernel/vmlinuz" >"$temp/kernel/vmlinux"
}

# What building a kernel needs beyond the packages that building passthru needs.
install_build_packages() {
	set --
	for package in make flex bison bc libelf-dev libssl-dev; do
		[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || set -- "$@" "$package"
	done
	[ $# -gt 0 ] || return 0
	as_root=
	[ "$(id -u)" = 0 ] || as_root=sudo
	echo "kernel.sh: installing with apt-get:" "$@" >&2
	DEBIAN_FRONTEND=noninteractive $as_root apt-get install -qq -y --no-install-recommends "$@" >&2 ||
		fail "could not install what building a kernel needs: $*"
}

# configure FRAGMENT : every line of it must stand in the configuration that comes out
configure() {
	make -s tinyconfig && cat "$1" >>.config && make -s olddefconfig || return 1
	grep -E '^CONFIG_|^# CONFIG_.* is not set$' "$1" | while read -r line; do
		case $line in
		'#'*) word=${line#\# } && ! grep -q "^${word% is not set}=" .config ;;
		*) grep -qxF "$line" .config ;;
		esac || echo "$line"
	done >"$temp/refused"
	[ ! -s "$temp/refused" ] || fail "the configuration does not take: $(paste -s -d ' ' "$temp/refused")"
}

make_built() {
	install_build_packages
	fetch "linux-source-$name" "$version"
	mkdir "$temp/source"
	tar -xf "$temp/unpacked/usr/src/linux-source-$name.tar.xz" -C "$temp/source" --strip-components 1
	echo "kernel.sh: building $version" >&2
	(
		cd "$temp/source" && configure "$here/kernel-$name.config" &&
			nice make -s -j "$(nproc)" bzImage modules &&
			nice make -s INSTALL_MOD_PATH="$temp/kernel" DEPMOD=true modules_install &&
			make -s kernelrelease >"$temp/kernel/release" &&
			cp .config "$temp/kernel/config" &&
			cp arch/x86/boot/bzImage "$temp/kernel/vmlinuz" &&
			strip -o "$temp/kernel/vmlinux" vmlinux
	) >"$temp/log" 2>&1 || {
		tail -n 20 "$temp/log" >&2
		fail "kernel $version does not build"
	}
	release=$(cat "$temp/kernel/release")
	find "$temp/kernel/lib/modules" -name build -type l -delete
}

wanted=
case ${1:-} in
--update | --cached)
	wanted=$1
	shift
	;;
esac
name=${1:-debian}
case $name in
debian)
	pattern='*'
	package=$(apt-cache depends linux-image-amd64 2>/dev/null |
		sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1)
	;;
6.12)
	cache=$cache-$name
	package=linux-source-$name
	pattern="*-$(sha256sum <"$here/kernel-$name.config" | cut -c 1-12)"
	;;
*) fail "there is no kernel $name" ;;
esac

if [ "$wanted" != --update ]; then
	dir=$(newest "$pattern")
	[ -n "$dir" ] || [ "$wanted" != --cached ] || exit 1
	if [ -n "$dir" ]; then
		echo "$dir"
		exit 0
	fi
fi

version=$(candidate "${package:-linux-image-amd64}")
[ -n "$version" ] || fail "apt knows no ${package:-linux-image-amd64}: run apt-get update on a Debian system"
release=${package#linux-image-}
dir=$cache/$version${pattern#\*}
if [ -f "$dir/vmlinux" ]; then
	echo "$dir"
	exit 0
fi

mkdir -p "$cache"
temp=$(mktemp -d "$cache/.new.XXXXXX")
trap 'rm -rf "$temp"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$temp/kernel/lib"
if [ "$name" = debian ]; then
	make_debian
else
	make_built
fi
echo "$release" >"$temp/kernel/release"
depmod -b "$temp/kernel" "$release"
[ "$(head -c 4 "$temp/kernel/vmlinux" | tail -c 3)" = ELF ] || fail "no ELF image in $package"
[ -f "$dir/vmlinux" ] || mv -T "$temp/kernel" "$dir"
echo "$dir"
