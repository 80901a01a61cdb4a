# systemd-boot on UEFI with entries by kernel-install; images by initramfs-tools with the modules that are listed.
# shellcheck shell=sh disable=SC2034,SC2154
identify 2
firmware=uefi
packages="systemd-boot efibootmgr initramfs-tools busybox zstd dosfstools"
kernels=linux-image-amd64

prepare() {
	sed -i 's/^MODULES=.*/MODULES=list/' "$root/etc/initramfs-tools/initramfs.conf"
	printf '%s\n' virtio_pci virtio_blk ext4 crc32c bochs snd_hda_intel snd_hda_codec_generic \
		>>"$root/etc/initramfs-tools/modules"
	kernel_cmdline
	uuid_fstab / "$root_uuid" ext4
	uuid_fstab /boot/efi "$esp_uuid" vfat umask=0077
}

finish() {
	echo 'update-initramfs -u -k all'
	install_systemd_boot
}
