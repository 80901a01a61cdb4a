#!/bin/sh
# What the list commands say agrees with what the kernel says, function by function.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../pci.sh"
plan 15

# The oracle reads sysfs with nothing but the shell.
kernel_says() {
	for device in "$pci"/devices/*; do
		address=${device##*/}
		echo "$address $(for field in vendor device subsystem_vendor subsystem_device class; do
			sed 's/^0x//' "$device/$field"
		done | paste -s -d ' ' -) $(driver "$address") $(group "$address")"
	done
}

run passthru --json list pci
is "$status" 0 "list pci --json exits 0"
is "$(jq -r .schema "$out")" passthru.list/1 "list pci --json names its schema"
is "$(jq -r '.pci[] | [.address, .vendor, .device, .subsystem_vendor // "0000", .subsystem_device // "0000", .class,
	.driver // "none", .iommu_group // "none"] | join(" ")' "$out")" "$(kernel_says)" \
	"ids, class, driver and group of every function are the kernel's"

run passthru list pci --json
is "$status" 0 "--json is understood behind the command too"

run passthru list pci
is "$status" 0 "list pci exits 0"
is "$(lspci -D | cut -d ' ' -f 1 | while read -r address; do
	grep -qF "${address#0000:}" "$out" || echo "$address"
done)" "" "list pci as text shows every function"

run passthru --json list gpus
is "$status" 0 "list gpus --json exits 0"
is "$(jq -r '.gpus[].address' "$out" | paste -s -d ' ' -)" "$display $twin" "list gpus --json holds both displays and nothing else"
run passthru list gpus
is "$status" 0 "list gpus exits 0"
is "$(grep -cE "${display#0000:}|${twin#0000:}" "$out")" 2 "list gpus as text shows both displays"

run passthru --json list groups
is "$status" 0 "list groups --json exits 0"
is "$(jq -r '.groups[] | [.group, .devices[].address] | join(" ")' "$out" | sort)" \
	"$(for directory in /sys/kernel/iommu_groups/*; do
		echo "${directory##*/} $(find "$directory/devices/" -mindepth 1 | sed 's|.*/||' | sort | paste -s -d ' ' -)"
	done | sort)" "list groups --json has the kernel's groups, the display with its audio function"
run passthru list groups
is "$status" 0 "list groups exits 0"

run passthru show "$display"
is "$status" 0 "show exits 0"
says "$out" 'bochs' "show names the driver"
