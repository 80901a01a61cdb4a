#!/bin/sh
# dracut, pre-udev: gives the reserved functions to VFIO.  It is read by a running script: no exit.
for module in $(@HELPER@); do
	modprobe -q "$module"
done
