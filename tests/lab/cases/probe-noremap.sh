#!/bin/sh
# machine: noremap
# Without interrupt remapping VFIO gives no device away: probe says which call was refused, and why.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../pci.sh"
plan 6

passthru bind --allow network --allow open "$nic" >/dev/null
run passthru --json probe "$nic"
is "$status" 1 "exit 1"
is "$(jq -r '.functions[0].usable' "$out")" false "a guest cannot use it"
is "$(jq -r '.steps[] | select(.step == "open").answer' "$out")" no "it cannot be opened"
says "$out" '"what": ".*VFIO_SET_IOMMU.*EPERM' "the call and its error are named"
says "$out" '"because": ".*interrupt' "and what is missing"
passthru release "$nic" >/dev/null
is "$(driver "$nic")" e1000e "the card is back"
