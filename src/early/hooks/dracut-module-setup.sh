#!/bin/bash
# dracut: puts the early helper, the reserved functions and the modules for them into the image.
check() {
	[[ -x @HELPER@ && -e /etc/passthru/devices ]]
}

installkernel() {
	# shellcheck disable=SC2046
	hostonly='' instmods $(sed -n '/^#/!s/.*[[:blank:]]\([a-z0-9_-]*vfio[-_]pci\)$/\1/p' /etc/passthru/devices)
}

install() {
	inst_binary @HELPER@
	inst_simple /etc/passthru/devices
	# shellcheck disable=SC2154
	inst_hook pre-udev 02 "$moddir/passthru.sh"
}
