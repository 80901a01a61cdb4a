#!/bin/sh
# Starts the emulated host: machine.sh [--iommu on|off|none|noremap|amd] [--log FILE] [--limit SECONDS] NAME,ARGUMENT... IMAGE...
#
# A q35 machine with an Intel IOMMU whose cards pose the questions that passthru answers: a display with an
# audio function, its twin with the same ids, an NVMe disk, a network card, two old cards that share one group
# behind a bridge, USB.  --iommu off leaves the IOMMU to a kernel that is told not to use it, none takes it out, noremap
# has one that cannot remap interrupts.  amd is a machine of its own: an AMD IOMMU, and instead of the two displays one
# that firmware and boot loader show their picture on, with no driver but the kernel's for that picture.
# The IMAGES are laid behind one another as initramfs, and its init runs /lab/NAME.sh ARGUMENT...
# What the script says comes on standard output as it is said; the console goes to the log.  The exit status is the
# script's, read from the log.  When the machine did not come to an end the console's last lines are shown: status 3.
#
# Always TCG, with -cpu max: the emulated processor then has SVM and the host a working /dev/kvm for guests of its own.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
iommu=on
limit=300
log=
while [ $# -gt 0 ]; do
	case $1 in
	--iommu) iommu=$2 ;;
	--limit) limit=$2 ;;
	--log) log=$2 ;;
	*) break ;;
	esac
	shift 2
done
[ $# -ge 2 ] || {
	sed -n '2p' "$0" >&2
	exit 2
}
run=$1
shift

temp=$(mktemp -d "${TMPDIR:-/tmp}/lab.XXXXXX")
trap 'rm -rf "$temp"' EXIT
trap 'exit 1' HUP INT TERM
log=${log:-$temp/console}
: >"$log"
kernel=$("$here/kernel.sh")
cat "$@" >"$temp/initrd"
append="console=ttyS0 quiet panic=-1 init_on_alloc=0 tsc=reliable no_timer_check mitigations=off pcie_port_pm=force"
append="$append lab.run=$run"

set -- -nodefaults -no-user-config -display none -no-reboot -name lab \
	-machine q35,accel=tcg,kernel-irqchip=split -cpu max,erms=off,fsrm=off -smp 2 -m 1536
image=$kernel/vmlinux
pair=bus=rp1,addr=0
display=bochs-display
twin=bochs-display,bus=rp2
intel="intel-iommu,caching-mode=on,device-iotlb=on"
case $iommu in
on | noremap) append="$append intel_iommu=on" ;;
off) append="$append intel_iommu=off" ;;
amd)
	# The mode of the picture is set by the part of the kernel that vmlinux has not, and only of a card on the root bus.
	# QEMU's AMD IOMMU takes devices on other buses for one on the root bus, so that memory must not be translated.
	image=$kernel/vmlinuz
	append="$append iommu=pt vga=0x314 module_blacklist=bochs"
	pair=addr=a
	display=VGA
	twin=
	;;
none) ;;
*) echo "machine.sh: --iommu $iommu: on, off, none, noremap or amd" >&2 && exit 2 ;;
esac
case $iommu in
none) ;;
noremap) set -- "$@" -device "$intel,intremap=off" ;;
amd) set -- "$@" -device amd-iommu,intremap=on ;;
*) set -- "$@" -device "$intel,intremap=on" ;;
esac
truncate -s 64M "$temp/disk"
# The port of the network card may sleep when the card does: the kernel lets no port sleep that cards can be plugged into.
# As in a real card every function says that it is one of several: the kernel looks at that when it groups one that is
# plugged in again.
set -- "$@" \
	-device pcie-root-port,id=rp1,chassis=1,slot=1,addr=3 \
	-device "$display,$pair.0,multifunction=on" \
	-device "ich9-intel-hda,$pair.1,multifunction=on,id=hda" -audiodev none,id=sound -device hda-output,bus=hda.0,audiodev=sound \
	-device pcie-root-port,id=rp2,chassis=2,slot=2,addr=4 ${twin:+-device "$twin"} \
	-device pcie-root-port,id=rp3,chassis=3,slot=3,addr=5 \
	-blockdev "driver=file,node-name=disk,filename=$temp/disk" -device nvme,bus=rp3,drive=disk,serial=lab \
	-device pcie-root-port,id=rp4,chassis=4,slot=4,addr=6,hotplug=off \
	-netdev user,id=net0,restrict=on -device e1000e,bus=rp4,netdev=net0 \
	-device pcie-root-port,id=rp5,chassis=5,slot=5,addr=7 -device pcie-pci-bridge,bus=rp5,id=bridge \
	-netdev user,id=net1,restrict=on -device e1000,bus=bridge,addr=1,netdev=net1 \
	-netdev user,id=net2,restrict=on -device e1000,bus=bridge,addr=2,netdev=net2 \
	-device pcie-root-port,id=rp6,chassis=6,slot=6,addr=8 -device qemu-xhci,bus=rp6,id=xhci -device usb-tablet,bus=xhci.0

# QEMU makes its standard output non-blocking: it gets a pipe of its own, not the caller's.
mkfifo "$temp/out"
cat "$temp/out" &
reader=$!
timeout --foreground -k 5 "$limit" qemu-system-x86_64 "$@" -kernel "$image" -initrd "$temp/initrd" -append "$append" \
	-serial "file:$log" -serial stdio </dev/null >"$temp/out" 2>"$temp/stderr" &
machine=$!
trap 'kill "$machine"; exit 1' HUP INT TERM
ended=0
wait "$machine" || ended=$?
wait "$reader"

result=$(tr -d '\r' <"$log" | sed -n 's/^lab: result \([0-9]*\)$/\1/p')
if [ -z "$result" ]; then
	echo "# the machine did not come to an end: QEMU's status $ended, limit $limit s; its console:"
	tail -n 40 "$log" "$temp/stderr" | tr -d '\r' | sed 's/^/# /'
	exit 3
fi >&2
exit "$result"
