# GRUB on UEFI, /boot a file system of its own, so that paths in grub.cfg begin below it; images by dracut for this
# machine alone (hostonly).
# shellcheck shell=sh disable=SC2034,SC2154
identify 1
firmware=uefi
packages="grub-efi-amd64 efibootmgr dracut zstd dosfstools"
kernels=linux-image-amd64
boot_mib=400
# GRUB for UEFI wants a time stamp counter; why the kernel is to have none says machine.py.
words="$words clearcpuid=tsc"

prepare() {
	printf '%s\n' 'hostonly="yes"' 'compress="zstd"' >"$root/etc/dracut.conf.d/lab.conf"
	echo 'add_drivers+=" bochs snd_hda_intel snd_hda_codec_generic "' >>"$root/etc/dracut.conf.d/lab.conf"
	grub_default
	uuid_fstab / "$root_uuid" ext4
	uuid_fstab /boot "$boot_uuid" ext4
	uuid_fstab /boot/efi "$esp_uuid" vfat umask=0077
}

finish() {
	cat <<-'END'
		grub-install --target=x86_64-efi --efi-directory=/boot/efi
		for image in /boot/initrd.img-*; do
			dracut --force "$image" "${image#*/initrd.img-}"
		done
		update-grub
	END
}
