#!/bin/sh
# Shows passthru at work on an emulated host: a display goes from its driver to a guest and back.
#
# Needs no card, no privileges and no virtualization: the host is QEMU with an emulated IOMMU, the kernel is Debian's,
# and the guest inside it sees the card through VFIO.  What is shown is what the commands really answered.  Ends with
# status 0 only when the guest drove both functions of the card and every step did what it should.
# PASSTHRU names the program (build/passthru).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
term=dumb
columns=100
if [ -t 1 ]; then
	term=${TERM:-dumb}
	columns=$(stty -F /dev/tty size 2>/dev/null | cut -d ' ' -f 2)
	[ "${columns:-0}" -gt 0 ] || columns=100
fi
began=$(date +%s)
echo "[1/8] Debian's kernel and the images to boot"
images=$("$here/image.sh" base program qemu)
echo "[2/8] an emulated host starts (about 8 s): a display with an audio function, a second display of the same make, an IOMMU"
status=0
# shellcheck disable=SC2086
"$here/machine.sh" --limit 170 "walk,$columns,$term" $images || status=$?
if [ "$status" -eq 0 ]; then
	echo "The demonstration took $(($(date +%s) - began)) s."
else
	echo "The demonstration failed with status $status." >&2
fi
exit "$status"
