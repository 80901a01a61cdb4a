# What scripts inside a disk of the large lab begin with.
# shellcheck shell=sh
export LC_ALL=C PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin

# drivers ADDRESS... : on one line
drivers() {
	for address; do
		driver=none
		[ ! -e "/sys/bus/pci/devices/$address/driver" ] || driver=$(basename "$(readlink "/sys/bus/pci/devices/$address/driver")")
		printf '%s ' "$driver"
	done
	echo
}

# Everything that starts this host, a line for each file: path, type, mode, owner, links, target, hash of its content.
# systemd-boot writes the seed itself, at every boot.
manifest() {
	# shellcheck disable=SC2046
	find /etc /boot $(ls -d /efi 2>/dev/null) ! -path '*/loader/random-seed' -printf '%p|%y|%m|%U:%G|%n|%l|\n' |
		sed 's/^\(.*|d|[^|]*|[^|]*|\)[0-9]*|/\1|/' | sort >/run/manifest
	# shellcheck disable=SC2046
	find /etc /boot $(ls -d /efi 2>/dev/null) -type f ! -path '*/loader/random-seed' -exec sha256sum {} + |
		sed 's/^\([0-9a-f]*\)  \(.*\)$/\2|\1/' | sort >/run/hashes
	cat /run/manifest /run/hashes
}

# Their times.
mtimes() {
	# shellcheck disable=SC2046
	find /etc /boot $(ls -d /efi 2>/dev/null) ! -path '*/loader/random-seed' -printf '%p|%y|%TY-%Tm-%Td %TH:%TM:%TS\n' | sort
}
