# systemd-boot on UEFI with entries by kernel-install, the ESP at /efi; images by dracut for any machine.
# shellcheck shell=sh disable=SC2034,SC2154
identify 3
firmware=uefi
packages="systemd-boot efibootmgr dracut zstd dosfstools"
kernels=linux-image-amd64

prepare() {
	echo 'hostonly="no"' >"$root/etc/dracut.conf.d/lab.conf"
	kernel_cmdline
	mkdir -p "$root/efi"
	uuid_fstab / "$root_uuid" ext4
	uuid_fstab /efi "$esp_uuid" vfat umask=0077
}

finish() {
	install_systemd_boot
}
