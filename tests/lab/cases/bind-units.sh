#!/bin/sh
# images: tools
# init: systemd
# Units that use a device are stopped for its handover and started again, and what was handed over for a time comes back.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../pci.sh"
plan 46

before=$(dump)
disk=$(basename "$(find "$(readlink -f "$pci/devices/$nvme")/" -name 'nvme*n1' -type d | head -n 1)")
units=/run/systemd/system

active() {
	for unit; do
		systemctl is-active "$unit" 2>/dev/null || true
	done | paste -s -d ' ' -
}

active_again() {
	[ "$(active "$@")" = "$(for unit; do echo active; done | paste -s -d ' ' -)" ]
}

# unit NAME LINE...
unit() {
	file=$units/$1
	shift
	printf '%s\n' "$@" >"$file"
}

check "the disk has a file system" /usr/sbin/mkfs.ext4 -q "/dev/$disk"
mkdir -p /tmp/lab-data
unit tmp-lab\\x2ddata.mount '[Mount]' "What=/dev/$disk" Where=/tmp/lab-data Type=ext4
unit lab-web.service '[Unit]' 'RequiresMountsFor=/tmp/lab-data' '[Service]' 'ExecStart=/usr/bin/sleep 1000' 'WorkingDirectory=/tmp/lab-data'
unit lab-raw.service '[Service]' "ExecStart=/usr/bin/sh -c 'exec 3<>/dev/$disk; exec sleep 1000'"
unit lab-stubborn.service '[Unit]' RefuseManualStop=yes '[Service]' "ExecStart=/usr/bin/sh -c 'exec 3<>/dev/$disk; exec sleep 1000'"
systemctl daemon-reload

# ---- a mount and what requires it ----

run systemctl start lab-web.service
is "$status $(active lab-web.service tmp-lab\\x2ddata.mount)" "0 active active" "a service runs on the disk"
run passthru bind "$nvme"
is "$status" 1 "without --stop-units it is refused"
is "$(dump)" "$before" "nothing changed"
is "$(active lab-web.service tmp-lab\\x2ddata.mount)" "active active" "and nothing was stopped"
run passthru --json bind --dry-run --stop-units "$nvme"
is "$status" 0 "with --stop-units it would be done"
is "$(jq -r '.units | join(" ")' "$out")" "lab-web.service tmp-lab\\x2ddata.mount" "the units are named in their order"
is "$(active lab-web.service tmp-lab\\x2ddata.mount)" "active active" "and --dry-run stops none"
run passthru bind --stop-units "$nvme"
is "$status $(driver "$nvme")" "0 vfio-pci" "it is handed over"
is "$(active lab-web.service tmp-lab\\x2ddata.mount)" "inactive inactive" "the units were stopped"
says "$out" 'lab-web\.service' "and the answer names them"
run passthru release "$nvme"
is "$status $(driver "$nvme")" "0 nvme" "it is given back"
check "and the units run again" active_again lab-web.service tmp-lab\\x2ddata.mount
is "$(dump)" "$before" "everything is as before"

# ---- what cannot be stopped ----

run systemctl start lab-stubborn.service
run passthru bind --stop-units "$nvme"
is "$status" 1 "a unit that must not be stopped by hand refuses"
says "$err" 'lab-stubborn\.service refuses to be stopped' "and the line says so"
is "$(active lab-web.service tmp-lab\\x2ddata.mount lab-stubborn.service)" "active active active" "and no other unit is stopped"
is "$(dump)" "$before" "nothing changed"
systemctl kill lab-stubborn.service
systemctl stop lab-web.service 'tmp-lab\x2ddata.mount'
mkdir /tmp/lab-hand
mount -t ext4 "/dev/$disk" /tmp/lab-hand
run passthru bind --stop-units "$nvme"
is "$status" 1 "what was mounted by hand could not be mounted again"
says "$err" "has no file that it could be started again from.*umount /tmp/lab-hand" "and the line says that, and what to do"
umount /tmp/lab-hand
rmdir /tmp/lab-hand

# ---- a service that has the disk open ----

run systemctl start lab-raw.service
check "a service has the disk open" wait_for 10 sh -c "ls -l /proc/\$(systemctl show -P MainPID lab-raw.service)/fd | grep -q '$disk'"
run passthru bind "$nvme"
is "$status" 1 "it is refused"
says "$err" 'systemctl stop lab-raw\.service' "and the line says how to stop it"
run passthru bind --stop-units "$nvme"
is "$status $(driver "$nvme") $(active lab-raw.service)" "0 vfio-pci inactive" "--stop-units stops it and takes the disk"
run passthru release "$nvme"
is "$status" 0 "release exits 0"
check "and the service runs again" active_again lab-raw.service
systemctl stop lab-raw.service

# ---- a handover that fails starts them again ----

systemctl start lab-raw.service
sleep 300 3<>"/dev/$disk" &
holder=$!
sleeps "$holder"
run passthru bind --stop-units "$nvme"
is "$status" 1 "a process beside the service refuses all the same"
is "$(active lab-raw.service)" active "and the service is not stopped for nothing"
kill "$holder"
wait "$holder" 2>/dev/null || true
systemctl stop lab-raw.service

# ---- for a time ----

# the name has the time at which it is due
timer_of() {
	systemctl list-units --all --plain --no-legend "passthru-release-$nvme-*.timer" | cut -d ' ' -f 1
}
given_back() {
	[ "$(dump)" = "$before" ]
}
systemctl start lab-raw.service
run passthru bind --stop-units --for 4s "$nvme"
is "$status $(driver "$nvme")" "0 vfio-pci" "--for hands over"
timer=$(timer_of)
is "$(active "$timer")" active "a timer of systemd waits"
run passthru --json confirm
is "$(jq -r '.waiting[0] | "\(.address) \(.by)"' "$out")" "$nvme $timer" "confirm lists it"
check "it is given back by itself" wait_for 30 given_back
check "with the unit that was stopped" active_again lab-raw.service
is "$(active "$timer")" inactive "and the timer is gone"
systemctl stop lab-raw.service

run passthru bind --for 4s "$nvme"
is "$status" 0 "once more for a time"
timer=$(timer_of)
run passthru confirm "$nvme"
is "$status $(active "$timer")" "0 inactive" "confirm ends the timer"
sleep 6
is "$(driver "$nvme")" vfio-pci "and it is kept"
run passthru --json confirm
is "$(jq -r '.waiting | length' "$out")" 0 "nothing waits any more"
run passthru release "$nvme"
is "$status" 0 "release gives it back"

# ---- the one that handed over is gone, and so is its session ----

# systemd-run comes back when a unit of that type has ended
run systemd-run --quiet --collect --unit=lab-session --property=Type=oneshot passthru bind --yes --for 10s "$nvme"
is "$status $(driver "$nvme")" "0 vfio-pci" "a session that has ended handed it over"
check "and it is given back" wait_for 30 given_back

# ---- while a guest has it the release is tried again ----

run passthru bind --for 3s "$nvme"
vfio_open "$nvme" 12 >"$work/holder" &
check "a guest has it" wait_for 10 grep -q opened "$work/holder"
sleep 6
is "$(driver "$nvme")" vfio-pci "what a guest has is not taken at the deadline"
wait
check "and is given back when the guest has ended" wait_for 30 given_back

rm -f $units/tmp-lab\\x2ddata.mount $units/lab-*.service
systemctl daemon-reload
rmdir /tmp/lab-data
check "the disk is there" wait_for 10 test -b "/dev/$disk"
is "$(dump)" "$before" "everything is as before"
