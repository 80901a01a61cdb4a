# GRUB on BIOS: its core in the BIOS boot partition, /boot in the root file system, images by initramfs-tools with the
# modules that this machine uses.  The drivers of the reserved cards are in the image, so that they and the early helper
# meet there.  Two kernels.
# shellcheck shell=sh disable=SC2034,SC2154
identify 0
firmware=bios
packages="grub-pc initramfs-tools busybox zstd"
kernels="linux-image-amd64 $older_kernel"

prepare() {
	printf '%s\n' bochs snd_hda_intel snd_hda_codec_generic >>"$root/etc/initramfs-tools/modules"
	grub_default
	uuid_fstab / "$root_uuid" ext4
}

finish() {
	cat <<-'END'
		sed -i 's/^MODULES=.*/MODULES=dep/' /etc/initramfs-tools/initramfs.conf
		grub-install --target=i386-pc /dev/vda
		update-initramfs -u -k all
		update-grub
	END
}
