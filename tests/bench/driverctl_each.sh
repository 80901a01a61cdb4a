#!/bin/sh
# driverctl for several devices: driverctl_each.sh set|unset ADDRESS...
set -eu

what=$1
shift
for address; do
	case $what in
	set) driverctl --nosave set-override "$address" vfio-pci ;;
	unset) driverctl --nosave unset-override "$address" ;;
	esac
done
