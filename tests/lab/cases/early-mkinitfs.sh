#!/bin/sh
# What an image of mkinitfs does before its own init, in a root where nothing is mounted: it mounts what the early helper needs,
# has the devices taken, leaves /run and nothing else behind, and init goes on.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../pci.sh"
plan 16

# The root of this host once more, without what is mounted in it, as the kernel unpacks an image.
image=$work/image
mkdir "$image"
mount -o bind / "$image"
# shellcheck disable=SC2016
helper=$(sed -n 's/.*\$(\(.*passthru-early\)).*/\1/p' /lab/mkinitfs-early)
mkdir -p "${helper%/*}" /etc/mkinitfs /etc/passthru
ln -s /usr/bin/passthru-early "$helper"
cp /lab/mkinitfs-early /etc/mkinitfs/passthru-early
cat >/init-of-image <<'END'
#!/bin/sh
[ ! -r /etc/mkinitfs/passthru-early ] || /bin/sh /etc/mkinitfs/passthru-early
echo "init goes on"
END
chmod 755 /init-of-image

mounts() {
	cut -d ' ' -f 2,3 /proc/mounts | sed "s|$image|IMAGE|"
}

{
	echo "passthru-devices 1"
	reserved_line "$display" 1
	reserved_line "$nvme" 0
} >/etc/passthru/devices
before=$(dump)
mounted=$(mounts)
files=$(cd "$image/dev" && ls)
display_driver=$(driver "$display")
nvme_driver=$(driver "$nvme")
modprobe -r vfio-pci 2>/dev/null || true

run chroot "$image" /init-of-image
is "$status $(cat "$out" "$err")" "0 init goes on" "without the word init goes on"
is "$(dump)" "$before" "nothing is touched"
is "$(mounts)" "$mounted" "nothing stays mounted"
is "$(cd "$image/dev" && ls)" "$files" "and no file is made"

mv "$helper" "$helper.away"
run chroot "$image" /init-of-image
is "$status $(cat "$out" "$err")" "0 init goes on" "nor is the helper missed"
mv "$helper.away" "$helper"

# with the word: a /proc whose command line has it
mount -o bind /proc "$image/proc"
sed 's/$/ passthru.boot=1/' /proc/cmdline >"$work/cmdline"
mount -o bind "$work/cmdline" "$image/proc/cmdline"
mounted=$(mounts)
mv "$helper" "$helper.away"
run chroot "$image" /init-of-image
is "$status $(cat "$out")" "0 init goes on" "with the word and without the helper init goes on"
is "$(mounts)" "$mounted" "nothing stays mounted then"
is "$(dump)" "$before" "nothing is touched then"
mv "$helper.away" "$helper"
run chroot "$image" /init-of-image
is "$status $(cat "$out" "$err")" "0 init goes on" "with the word init goes on"
is "$(drivers "$display" "$nvme")" "vfio-pci vfio-pci" "both devices are with vfio-pci"
is "$(driver "$twin")" "$display_driver" "the twin of the display keeps its driver"
is "$(mounts)" "$mounted
IMAGE/run tmpfs" "/run stays mounted and nothing else"
says "$image/run/passthru/early" "^$nvme $nvme " "the report is in it"
is "$(cd "$image/dev" && ls)" "$files" "and no file is made in /dev"

mkdir -p /run/passthru
cp "$image/run/passthru/"* /run/passthru/
run passthru release "$display" "$nvme"
is "$status $(drivers "$display" "$nvme")" "0 $display_driver $nvme_driver" "release gives them back with these records"
umount "$image/run" "$image/proc/cmdline" "$image/proc" "$image"
rm -rf /run/passthru/early /etc/passthru /etc/mkinitfs /init-of-image "${helper%/*}"
is "$(dump)" "$before" "everything is as before"
