#!/bin/sh
# Starts the emulated host: machine.sh [--machine NAME] [--kernel NAME] [--log FILE] [--limit S] [--silence S] SCRIPT,ARGUMENT... IMAGE...
#
# A q35 machine with an Intel IOMMU whose cards pose the questions that passthru answers: a display with an
# audio function, its twin with the same ids, an NVMe disk, a network card with an EFI ROM, two old cards that share one
# group behind a bridge, USB with a keyboard and a tablet beside the PS/2 keyboard of the board.  The machines:
#
#   on       this one, with the IOMMU in use
#   off      its kernel is told not to use the IOMMU
#   none     without an IOMMU
#   noremap  its IOMMU cannot remap interrupts
#   amd      an AMD IOMMU, and instead of the two displays one that firmware and boot loader show their picture on,
#            with no driver but the kernel's for that picture
#   sriov    the NVMe disk has four virtual functions; the keyboard on USB is the only one
#   many     instead of all that 64 network functions, eight at each of eight ports
#
# The IMAGES are laid behind one another as initramfs, and its init runs /lab/SCRIPT.sh ARGUMENT...
# What the script says comes on standard output as it is said; the console goes to the log.  The exit status is the
# script's, read from the log.  When the machine did not come to an end, within the limit and without being silent
# for too long, the console's last lines are shown: status 3, or 4 when QEMU itself crashed before the script said a word
# (QEMU 7.2 without KVM does, once in some fifty starts), or 5 when it was silent in a case that runs guests of its own (QEMU's
# emulated SVM now and then does not come back from one).  PASSTHRU_LAB_LONG=1 asks for the long versions of tests.
#
# Inside, /lab/cards names what can be taken out and put in again: "ID DEVICE", as given to QEMU.  The third serial port is
# QEMU's monitor: qmp.sh.  Always TCG, with -cpu max: the emulated processor then has SVM and the host a working
# /dev/kvm for guests of its own.  One processor: with two, each in a thread, QEMU 7.2 now and then goes on with
# an int3 that the kernel has long taken out of its code again, and both take that exception for ever.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
machine=on
kernel=debian
limit=1800
silence=300
[ -z "${PASSTHRU_LAB_LONG:-}" ] || {
	limit=7200
	silence=1200
}
log=
while [ $# -gt 0 ]; do
	case $1 in
	--machine) machine=$2 ;;
	--kernel) kernel=$2 ;;
	--limit) limit=$2 ;;
	--silence) silence=$2 ;;
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
cat "$@" >"$temp/initrd"
kernel=$("$here/kernel.sh" "$kernel")
image=$kernel/vmlinux
# A busy machine makes the emulated processors stand still: that is no fault of the kernel in it.
append="console=ttyS0 quiet panic=-1 init_on_alloc=0 tsc=reliable no_timer_check mitigations=off pcie_port_pm=force"
append="$append nowatchdog rcupdate.rcu_cpu_stall_suppress=1 ${PASSTHRU_LAB_LONG:+lab.long }lab.run=$run"

board=q35,kernel-irqchip=split
iommu="intel-iommu,caching-mode=on,device-iotlb=on,intremap=on"
pair=bus=rp1,addr=0
display=bochs-display
twin=bochs-display,bus=rp2,id=twin
disk=drive=disk
case $machine in
on | many) append="$append intel_iommu=on" ;;
noremap)
	append="$append intel_iommu=on"
	iommu=${iommu%on}off
	;;
off) append="$append intel_iommu=off" ;;
none) iommu= ;;
amd)
	# The mode of the picture is set by the part of the kernel that vmlinux has not, and only of a card on the root bus.
	# QEMU's AMD IOMMU takes devices on other buses for one on the root bus, so that memory must not be translated.
	image=$kernel/vmlinuz
	append="$append iommu=pt vga=0x314 module_blacklist=bochs"
	iommu=amd-iommu,intremap=on
	pair=addr=a
	display=VGA
	twin=
	;;
sriov)
	append="$append intel_iommu=on"
	board=$board,i8042=off
	# Queues and interrupts of its own for each virtual function: nvme virt-mgmt gives them out.
	disk=subsys=subsystem,max_ioqpairs=18,msix_qsize=18,sriov_max_vfs=4
	disk=$disk,sriov_vq_flexible=8,sriov_vi_flexible=4,sriov_max_vq_per_vf=2,sriov_max_vi_per_vf=1
	;;
*) echo "machine.sh: --machine $machine: on, off, none, noremap, amd, sriov or many" >&2 && exit 2 ;;
esac

set -- -nodefaults -no-user-config -display none -no-reboot -name lab \
	-machine "$board" -accel tcg,thread=single -cpu max,erms=off,fsrm=off -m 1536 ${iommu:+-device "$iommu"}
truncate -s 64M "$temp/disk"
if [ "$machine" = many ]; then
	for port in 1 2 3 4 5 6 7 8; do
		set -- "$@" -device "pcie-root-port,id=rp$port,chassis=$port,slot=$port,addr=$((port + 2))"
		for function in 0 1 2 3 4 5 6 7; do
			set -- "$@" -device "virtio-net-pci,bus=rp$port,addr=0.$function,multifunction=on,romfile="
		done
	done
else
	# The port of the network card may sleep when the card does: the kernel lets no port sleep that cards can be plugged
	# into.  As in a real card every function says that it is one of several: the kernel looks at that when it groups one
	# that is plugged in again.
	set -- "$@" \
		-device pcie-root-port,id=rp1,chassis=1,slot=1,addr=3 -device "$display,$pair.0,multifunction=on,id=display" \
		-device "ich9-intel-hda,$pair.1,multifunction=on,id=audio" -audiodev none,id=sound \
		-device hda-output,bus=audio.0,audiodev=sound,id=codec \
		-device pcie-root-port,id=rp2,chassis=2,slot=2,addr=4 ${twin:+-device "$twin"} \
		-device pcie-root-port,id=rp3,chassis=3,slot=3,addr=5 -blockdev "driver=file,node-name=disk,filename=$temp/disk"
	[ "$machine" != sriov ] || set -- "$@" -device nvme-subsys,id=subsystem
	set -- "$@" -device "nvme,bus=rp3,serial=lab,$disk,id=nvme"
	[ "$machine" != sriov ] || set -- "$@" -device nvme-ns,drive=disk,bus=nvme,nsid=1,shared=on
	set -- "$@" \
		-device pcie-root-port,id=rp4,chassis=4,slot=4,addr=6,hotplug=off \
		-netdev user,id=net0,restrict=on -device e1000e,bus=rp4,netdev=net0,romfile=efi-e1000e.rom,id=nic \
		-device pcie-root-port,id=rp5,chassis=5,slot=5,addr=7 -device pcie-pci-bridge,bus=rp5,id=bridge \
		-netdev user,id=net1,restrict=on -device e1000,bus=bridge,addr=1,netdev=net1,id=old \
		-netdev user,id=net2,restrict=on -device e1000,bus=bridge,addr=2,netdev=net2,id=old_other \
		-device pcie-root-port,id=rp6,chassis=6,slot=6,addr=8 -device qemu-xhci,bus=rp6,id=usb \
		-device usb-tablet,bus=usb.0,id=tablet -device usb-kbd,bus=usb.0,id=keyboard
fi

# What lies on a port or a bridge; its id ends each line.
mkdir "$temp/lab"
before=
for word; do
	case $before,$word in -device,*bus=*,id=*) echo "${word##*,id=} $word" ;; esac
	before=$word
done >"$temp/lab/cards"
(cd "$temp" && find lab | cpio --create --format=newc --owner=0:0 --quiet) >>"$temp/initrd"
# QEMU lays the end of the images below the 160 KiB that it leaves to the firmware, which takes more on a machine with
# many devices and goes on writing there for the USB keyboard: files at the end came out torn, or not at all.  So the
# end is one more file that nobody reads, of zeros; it says that it is longer than it is, so that nothing has to follow.
{
	printf '070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s' \
		1 33188 0 0 1 0 4194304 0 0 0 0 11 0 lab/unused
	head -c 1048576 /dev/zero
} >>"$temp/initrd"

# QEMU makes its standard output non-blocking: it gets a pipe of its own, not the caller's.
mkfifo "$temp/out"
tee "$temp/said" <"$temp/out" &
reader=$!
# The third serial port speaks to the monitor of the machine that it is in.
timeout --foreground -k 5 "$limit" qemu-system-x86_64 "$@" -kernel "$image" -initrd "$temp/initrd" -append "$append" \
	-serial "file:$log" -serial stdio \
	-chardev "socket,id=monitor,path=$temp/monitor,server=on,wait=off" -mon chardev=monitor,mode=control \
	-chardev "socket,id=remote,path=$temp/monitor" -serial chardev:remote \
	</dev/null >"$temp/out" 2>"$temp/stderr" &
machine=$!
trap 'kill "$machine" 2>/dev/null || true; exit 1' HUP INT TERM

# A machine that has hung says nothing.
: >>"$temp/said"
while kill -0 "$machine" 2>/dev/null; do
	if [ $(($(date +%s) - $(stat -c %Y "$temp/said"))) -gt "$silence" ]; then
		echo "it was silent for more than $silence s" >"$temp/why"
		kill "$machine"
	fi
	sleep 1
done &
watch=$!
ended=0
wait "$machine" || ended=$?
wait "$reader" "$watch"

result=$(tr -d '\r' <"$log" | sed -n 's/^lab: result \([0-9]*\)$/\1/p')
if [ -z "$result" ]; then
	why="QEMU's status $ended, limit $limit s"
	[ ! -s "$temp/why" ] || why=$(cat "$temp/why")
	echo "# the machine did not come to an end: $why; its console:"
	tail -n 40 "$log" "$temp/stderr" | tr -d '\r' | sed 's/^/# /'
	case $ended in 134 | 139) [ -s "$temp/said" ] || exit 4 ;; esac
	last=$(sed -n 's/^# \(.*\) begins$/\1/p' "$temp/said" | tail -n 1)
	[ ! -s "$temp/why" ] || ! grep -q '^# images:.*\<qemu\>' "$here/cases/$last.sh" 2>/dev/null || exit 5
	exit 3
fi >&2
exit "$result"
