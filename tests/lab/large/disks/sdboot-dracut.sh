# systemd-boot on UEFI with entries by kernel-install, the ESP at /efi; images by dracut for any machine,
# with the drivers that are listed.
# shellcheck shell=sh disable=SC2034,SC2154
identify 3
firmware=uefi
packages="systemd-boot efibootmgr dracut zstd dosfstools"
kernels=linux-image-amd64

prepare() {
	printf '%s\n' 'hostonly="no"' 'compress="zstd"' \
		'drivers=" virtio_pci virtio_blk ext4 crc32c bochs snd_hda_intel snd_hda_codec_generic "' >"$root/etc/dracut.conf.d/lab.conf"
	kernel_cmdline
	mkdir -p "$root/efi"
	uuid_fstab / "$root_uuid" ext4
	uuid_fstab /efi "$esp_uuid" vfat umask=0077
}

finish() {
	install_systemd_boot
}
