#!/bin/sh
# Brings Debian's stock kernel into the cache and prints the directory it lies in.
#
# The lab boots the kernel that users run, not one built for tests.  The package behind
# linux-image-amd64 is downloaded and unpacked; it is never installed on this machine.
# The directory holds vmlinuz, vmlinux (uncompressed, with the PVH entry that lets QEMU start
# it without a boot loader: nested guests save the time to decompress) and lib/modules.
# A directory of that name is complete: it is filled under another name and then renamed.
# Once there is one the network is left alone; --update looks for a newer kernel.
set -eu

# depmod is needed, root is not.
PATH=$PATH:/usr/sbin:/sbin
cache=${PASSTHRU_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/passthru}/kernel

fail() {
	echo "kernel.sh: $*" >&2
	exit 1
}

newest() {
	for dir in "$cache"/*/; do
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

if [ "${1:-}" != --update ]; then
	dir=$(newest)
	if [ -n "$dir" ]; then
		echo "$dir"
		exit 0
	fi
fi

package=$(apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1)
[ -n "$package" ] || fail "apt knows no linux-image-amd64: run apt-get update on a Debian system"
release=${package#linux-image-}
version=$(apt-cache show --no-all-versions "$package" | sed -n 's/^Version: //p')
dir=$cache/$version
if [ -f "$dir/vmlinux" ]; then
	echo "$dir"
	exit 0
fi

mkdir -p "$cache"
temp=$(mktemp -d "$cache/.new.XXXXXX")
trap 'rm -rf "$temp"' EXIT
trap 'exit 1' HUP INT TERM
size=$(apt-cache show --no-all-versions "$package" | sed -n 's/^Size: //p')
echo "kernel.sh: downloading $package $version ($((size / 1000000)) MB)" >&2
(cd "$temp" && apt-get -qq -o APT::Sandbox::User=root download "$package=$version") >&2 ||
	fail "could not download $package: run apt-get update and try again"
dpkg-deb -x "$temp"/linux-image-*.deb "$temp/unpacked"

mkdir -p "$temp/kernel/lib"
[ -d "$temp/unpacked/lib/modules" ] || mv "$temp/unpacked/usr/lib/modules" "$temp/unpacked/lib/"
mv "$temp/unpacked/lib/modules" "$temp/kernel/lib/modules"
mv "$temp/unpacked/boot/vmlinuz-$release" "$temp/kernel/vmlinuz"
mv "$temp/unpacked/boot/config-$release" "$temp/kernel/config"
echo "$release" >"$temp/kernel/release"
# Images are not compressed, and neither are the modules in them: the emulated processor is slow.
find "$temp/kernel/lib/modules" -name '*.ko.xz' -exec xz -d {} +
depmod -b "$temp/kernel" "$release"
decompress "$temp/kernel/vmlinuz" >"$temp/kernel/vmlinux"
[ "$(head -c 4 "$temp/kernel/vmlinux" | tail -c 3)" = ELF ] || fail "no ELF image in $package"
[ -f "$dir/vmlinux" ] || mv -T "$temp/kernel" "$dir"
echo "$dir"
