#!/bin/sh
# kernel: 6.12
# Both ways to a device, container and iommufd, on a kernel that has both: what is learned does not depend on the way.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../pci.sh"
plan 24

# facts BACKEND ADDRESS... : what a probe of that back end says, without times and without what differs by nature
facts() {
	backend=$1
	shift
	passthru --json probe --backend "$backend" "$@" | jq -S '{
		functions: [.functions[] | {address, usable, limited}],
		steps: [.steps[] | select(.backend == "'"$backend"'" and .step != "back end" and .step != "open" and .step != "close") |
			{address, step, answer, weight}],
		addresses: .memory.addresses, regions, interrupts, rom_images, differences, reset_scope
	}'
}

for device in "$display" "$nvme" "$nic"; do
	passthru bind --allow disk --allow network --allow display --allow input --allow open "$device" >/dev/null
	run passthru --json probe "$device"
	is "$status" 0 "$device: exit 0"
	is "$(jq -r '[.functions[] | .usable, .limited] | unique | join(" ")' "$out")" "false true" "$device: a guest can use all of it"
	is "$(jq -r '[.steps[] | select(.step == "open") | "\(.backend) \(.answer)"] | unique | join(", ")' "$out")" \
		"group yes, iommufd yes" "$device: both ways open it"
	is "$(jq -r '[.steps[] | select(.step == "DMA, 4 KiB") | "\(.backend) \(.answer)"] | join(", ")' "$out")" \
		"group yes, iommufd yes" "$device: both map memory"
	is "$(facts group "$device")" "$(facts iommufd "$device")" "$device: both ways tell the same"
	passthru release "$device" >/dev/null
done
# the module comes with the first device
check "this kernel has iommufd" test -c /dev/iommu

passthru bind --allow network --allow open "$nic" >/dev/null
run passthru probe --backend iommufd --gentle "$nic"
is "$status" 0 "iommufd alone: exit 0"
says "$out" "dev/vfio/devices/vfio[0-9]+" "iommufd alone: by the node of the device"
is "$(grep -c ' group ' "$out")" 0 "iommufd alone: the other way is not touched"
vfio_open "$nic" 60 >"$work/guest" &
guest=$!
wait_for 20 grep -q opened "$work/guest"
run passthru probe --backend iommufd "$nic"
is "$status" 1 "a guest has it by its group: exit 1"
says "$err" "vfio_open \\(pid $guest\\)" "a guest has it by its group: it is named"
kill "$guest"
wait "$guest" 2>/dev/null || true
run passthru probe "$nic"
is "$status" 0 "afterwards: exit 0"
passthru release "$nic" >/dev/null
is "$(driver "$nic")" e1000e "the card is back"
is "$(drivers "$display" "$nvme" | tr ' ' '\n' | grep -c vfio)" 0 "so are the others"
