#!/bin/sh
# Boots an emulated host and prints what its kernel reads from its devices, as tests/config/dumps holds it:
# capture.sh MACHINE > tests/config/dumps/MACHINE.lspci; MACHINE: cards, switches, conventional, amd, expander, random-SEED
#
# The bytes are those that Debian's kernel read and wrote in QEMU's devices, and the groups are the kernel's own:
# `lspci -D -xxxx`, and below the first line of each function a few facts of sysfs (tests/config/tree.py).
# Lines of sixteen zeros are left out, except a function's last. Needs what tests/lab needs, no KVM.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
lab=$here/../lab
machine=$1
append="console=ttyS0 quiet panic=-1 tsc=reliable no_timer_check mitigations=off lab.run=capture"

temp=$(mktemp -d "${TMPDIR:-/tmp}/capture.XXXXXX")
trap 'rm -rf "$temp"' EXIT
trap 'exit 1' HUP INT TERM

# Runs inside the machine.
mkdir "$temp/root" "$temp/root/lab"
cat >"$temp/root/lab/capture.sh" <<'GUEST'
for pf in /sys/bus/pci/devices/*/sriov_numvfs; do
	[ ! -e "$pf" ] || echo 2 >"$pf"
done
for device in /sys/bus/pci/devices/*; do
	lspci -D -xxxx -s "${device##*/}" >/tmp/one
	head -n 1 /tmp/one
	for link in iommu_group physfn; do
		[ ! -L "$device/$link" ] || echo "	$link $(basename "$(readlink "$device/$link")")"
	done
	echo "	ids $(cat "$device/vendor"):$(cat "$device/device") $(cat "$device/subsystem_vendor"):$(cat "$device/subsystem_device")" | sed 's/0x//g'
	index=0
	while read -r start end flags; do
		[ $((flags)) -eq 0 ] || echo "	resource $index $start $end $flags"
		index=$((index + 1))
	done <"$device/resource"
	sed '1d' /tmp/one
done
GUEST
(cd "$temp/root" && find . | cpio --create --format=newc --owner=0:0 --quiet) >"$temp/extra"

null_disk() {
	echo "-blockdev driver=null-co,node-name=$1,size=67108864,read-zeroes=on"
}

iommu="-device intel-iommu,intremap=on,caching-mode=on,device-iotlb=on"
cpu=max
case $machine in
cards) # one card of each kind behind root ports with ACS, and virtual functions
	devices="-device pcie-root-port,id=rp1,chassis=1,slot=1,addr=3,x-speed=16,x-width=16
		-device bochs-display,bus=rp1,addr=0.0,multifunction=on -device ich9-intel-hda,bus=rp1,addr=0.1
		-device pcie-root-port,id=rp2,chassis=2,slot=2,addr=4,x-speed=8,x-width=4
		$(null_disk d0) -device nvme-subsys,id=ss0
		-device nvme,serial=a,subsys=ss0,bus=rp2,id=nv0,max_ioqpairs=18,msix_qsize=18,sriov_max_vfs=4,sriov_vq_flexible=8,sriov_vi_flexible=4,sriov_max_vq_per_vf=2,sriov_max_vi_per_vf=1
		-device nvme-ns,drive=d0,bus=nv0,nsid=1,shared=on
		-device pcie-root-port,id=rp3,chassis=3,slot=3,addr=5,x-speed=2_5,x-width=1 -device e1000e,bus=rp3
		-device ioh3420,id=rp4,chassis=4,slot=4,addr=6 -device qemu-xhci,bus=rp4
		-device pcie-root-port,id=rp5,chassis=5,slot=5,addr=7 -device virtio-net-pci,bus=rp5,ats=on,iommu_platform=on,disable-legacy=on
		-device pcie-root-port,id=rp6,chassis=6,slot=6,addr=8 -device vmxnet3,bus=rp6
		-device pcie-root-port,id=rp7,chassis=7,slot=7,addr=9,hotplug=off -device megasas-gen2,bus=rp7
		-device e1000e,addr=a.0,multifunction=on -device e1000e,addr=a.1
		-device edu,addr=b -device virtio-gpu-pci,addr=c"
	;;
switches) # switches, ports without ACS, functions of one slot without ACS
	devices="-device pcie-root-port,id=rp1,chassis=1,slot=1,addr=3
		-device x3130-upstream,id=up1,bus=rp1
		-device xio3130-downstream,id=d1,bus=up1,chassis=11,slot=1 -device xio3130-downstream,id=d2,bus=up1,chassis=12,slot=2
		-device e1000e,bus=d1
		-device x3130-upstream,id=up2,bus=d2 -device xio3130-downstream,id=d3,bus=up2,chassis=13,slot=3 -device e1000e,bus=d3
		-device pcie-root-port,id=rp2,chassis=2,slot=2,addr=4,disable-acs=on -device nec-usb-xhci,bus=rp2
		-device pcie-root-port,id=rp3,chassis=3,slot=3,addr=5.0,multifunction=on -device e1000e,bus=rp3
		-device pcie-root-port,id=rp4,chassis=4,slot=4,addr=5.1 -device e1000e,bus=rp4
		-device pcie-root-port,id=rp5,chassis=5,slot=5,addr=6.0,multifunction=on,disable-acs=on -device e1000e,bus=rp5
		-device pcie-root-port,id=rp6,chassis=6,slot=6,addr=6.1,disable-acs=on -device e1000e,bus=rp6
		-device pcie-root-port,id=rp7,chassis=7,slot=7,addr=7.0,multifunction=on,disable-acs=on -device e1000e,bus=rp7
		-device pcie-root-port,id=rp8,chassis=8,slot=8,addr=7.1 -device e1000e,bus=rp8
		-device pcie-root-port,id=rp9,chassis=9,slot=9,addr=8 -device e1000e,bus=rp9,addr=0.0,multifunction=on -device e1000e,bus=rp9,addr=0.1 -device e1000e,bus=rp9,addr=0.2"
	;;
conventional) # bridges to conventional PCI, with and without a PCI Express capability
	devices="-device i82801b11-bridge,id=dmi,addr=1e -device pci-bridge,id=b1,bus=dmi,chassis_nr=1,addr=1
		-device e1000,bus=b1,addr=2 -device rtl8139,bus=b1,addr=3 -device e1000,bus=dmi,addr=2
		-device pci-bridge,id=b2,chassis_nr=2,addr=3 -device lsi53c895a,bus=b2,addr=1 -device rtl8139,bus=b2,addr=2
		-device pcie-root-port,id=rp1,chassis=1,slot=1,addr=4 -device pcie-pci-bridge,id=b3,bus=rp1
		-device e1000,bus=b3,addr=1 -device pci-bridge,id=b4,bus=b3,chassis_nr=4,addr=2 -device e1000,bus=b4,addr=1
		-device pcie-pci-bridge,id=b5,addr=5 -device am53c974,bus=b5,addr=1
		-device ich9-usb-ehci1,id=usb,addr=1d.7,multifunction=on -device ich9-usb-uhci1,masterbus=usb.0,firstport=0,addr=1d.0,multifunction=on
		-device ich9-usb-uhci2,masterbus=usb.0,firstport=2,addr=1d.1
		-device e1000,addr=6 -device sdhci-pci,addr=7 -device rtl8139,addr=8.0,multifunction=on -device rtl8139,addr=8.1"
	;;
amd) # the same questions put to the driver of AMD's IOMMU
	iommu="-device amd-iommu,intremap=on"
	cpu=EPYC
	devices="-device pcie-root-port,id=rp1,chassis=1,slot=1,addr=3 -device e1000e,bus=rp1,addr=0.0,multifunction=on -device e1000e,bus=rp1,addr=0.1
		-device pcie-root-port,id=rp2,chassis=2,slot=2,addr=4,disable-acs=on -device e1000e,bus=rp2
		-device pcie-root-port,id=rp3,chassis=3,slot=3,addr=5 -device pcie-pci-bridge,id=b,bus=rp3 -device e1000,bus=b,addr=1 -device e1000,bus=b,addr=2
		-device e1000e,addr=6"
	;;
expander) # a second root bus, and a switch and CXL port below it
	devices="-machine cxl=on -device pxb-pcie,id=pxb,bus_nr=32,bus=pcie.0,addr=5
		-device pcie-root-port,id=rp1,bus=pxb,chassis=1,slot=1,addr=0 -device e1000e,bus=rp1
		-device pcie-root-port,id=rp2,bus=pxb,chassis=2,slot=2,addr=1,disable-acs=on -device e1000e,bus=rp2
		-device pxb-cxl,id=cxl,bus_nr=64,bus=pcie.0,addr=6 -device cxl-rp,id=crp,bus=cxl,chassis=3,slot=3"
	;;
random-*) # one of many, to be sure that the others were not chosen with the answer in mind
	devices=$(/usr/bin/python3 "$here/topology.py" "${machine#random-}")
	;;
*)
	sed -n '3p' "$0" >&2
	exit 2
	;;
esac

kernel=$("$lab/kernel.sh")
base=$("$lab/image.sh" base)
cat "$base" "$temp/extra" >"$temp/initrd"
# shellcheck disable=SC2086
timeout -k 5 "${CAPTURE_LIMIT:-240}" qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot \
	-machine q35,accel=tcg,kernel-irqchip=split -cpu $cpu -smp 1 -m 1024 $iommu $devices \
	-kernel "$kernel/vmlinux" -initrd "$temp/initrd" -append "$append intel_iommu=on" \
	-serial "file:$temp/console" -serial "file:$temp/out" </dev/null >&2
grep -q '^lab: result 0' "$temp/console" || {
	tail -n 20 "$temp/console" >&2
	exit 1
}
echo "# $machine: read inside an emulated host by tests/config/capture.sh $machine"
echo "# $(qemu-system-x86_64 --version | head -n 1), Linux $(cat "$kernel/release")"
tr -d '\r' <"$temp/out" | sed -E '/^[0-9a-f]{2,3}: 00( 00){15}$/{/^(f0|ff0):/!d}'
