#!/bin/sh
# Without an IOMMU the host can be looked at, and nothing can be handed over.
# machine: off none
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../pci.sh"
plan 9

before=$(dump)
run passthru --json list pci
is "$status" 0 "list pci exits 0"
is "$(jq '.pci | length' "$out")" "$(find "$pci/devices/" -mindepth 1 | wc -l | tr -d ' ')" "list pci has every function"
is "$(jq '[.pci[].iommu_group] | unique == [null]' "$out")" true "no function has a group"
run passthru --json list groups
is "$(jq '.groups | length' "$out")" 0 "list groups has none"
run passthru show "$display"
is "$status" 0 "show exits 0"

run passthru bind "$display"
is "$status" 1 "bind is refused: exit 1"
one_line "$err" "bind is refused: one line on standard error"
says "$err" "IOMMU" "bind is refused: the line says that the IOMMU is off"
is "$(dump)" "$before" "bind is refused: nothing changed"
