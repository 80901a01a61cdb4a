// SPDX-License-Identifier: MIT
// What stands against a setup: wishes that the host would not come up with, and generators, file
// systems and signals in the middle of it. Whatever it is, the host is as it was.

#include "tests/setup/machine.h"

#include <errno.h>
#include <sys/mount.h>

static void fails(struct machine *m, enum err_kind kind, const char *says)
{
	machine_says(m, machine_setup(m), says);
	assert_int_equal(m->e.kind, kind);
	machine_is_as_before(m);
	assert_false(machine_exists(m, "var/lib/passthru/changes/1"));
}

/* ---- the generator ---- */

static void test_generator(void **state)
{
	static const struct {
		const char *mode, *says;
	} cases[] = {
		{ "fail", "mkinitramfs ended with status 1 and says: no space left; everything" },
		{ "idle", "everything was put back" },
		{ "module", "vfio-pci" },
		{ "dependency", "the module vfio of " OLD " is not in it" },
		{ "order", "names udev before passthru" },
		{ "interrupt", "interrupted (Interrupt); everything was put back" },
	};
	struct machine *m = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		machine_mode(m, cases[i].mode);
		fails(m, ERR_FAILED, cases[i].says);
	}
	machine_mode(m, NULL);
	machine_ok(m, machine_setup(m));
}

/* The same when all images are made: those that were made before are put back. */
static void test_confirm_fails(void **state)
{
	struct machine *m = *state;
	struct setup_arrivals arrivals;

	machine_ok(m, machine_setup(m));
	machine_boot(m, TRIAL_WORDS, true);
	machine_disk_is_now(m);
	machine_mode(m, "dependency");
	machine_says(m, machine_confirm(m, &arrivals), "the module vfio");
	machine_is_as_before(m);
	machine_mode(m, NULL);
	machine_ok(m, machine_confirm(m, &arrivals));
	assert_int_equal(m->number, 2);
}

/* ---- file systems ---- */

static void mount_boot(struct machine *m, const char *options)
{
	char command[4096];

	if (geteuid() != 0)
		skip();
	snprintf(command, sizeof(command),
		 "set -e; cp -a %s/boot %s/boot; mount -t tmpfs -o %s none %s/boot 2>/dev/null; "
		 "cp -a %s/boot/. %s/boot/; rm -r %s/boot",
		 m->t.path, m->programs.path, options, m->t.path, m->programs.path, m->t.path,
		 m->programs.path);
	if (system(command) != 0)
		skip();
	machine_disk_is_now(m);
}

static void unmount_boot(struct machine *m)
{
	assert_int_equal(umount2(temporary_path(&m->t, "boot"), MNT_DETACH), 0);
}

static void test_no_room(void **state)
{
	struct machine *m = *state;

	mount_boot(m, "size=1m");
	fails(m, ERR_REFUSED, "boot has room for ");
	assert_non_null(strstr(m->e.text, "make room there first"));
	unmount_boot(m);
}

static void test_read_only(void **state)
{
	struct machine *m = *state;

	mount_boot(m, "size=64m");
	assert_int_equal(mount(NULL, temporary_path(&m->t, "boot"), NULL, MS_REMOUNT | MS_RDONLY,
			       "size=64m"),
			 0);
	fails(m, ERR_REFUSED, "mounted read-only");
	unmount_boot(m);
}

/* ---- what the host needs ---- */

static int plan_of(struct machine *m, const char *name)
{
	machine_wish(m, name, NULL);
	return machine_plan(m);
}

static bool has_note(const struct machine *m, enum note_kind kind, const char *text)
{
	for (size_t i = 0; i < m->plan.now.n_notes; i++) {
		const struct note *note = &m->plan.now.notes[i];

		if (note->kind == kind && strstr(note->text, text))
			return true;
	}
	return false;
}

static void put_disk(struct machine *m, const char *target)
{
	char text[512];

	(void)unlink(temporary_path(&m->t, "sys/class/block/nvme0n1"));
	temporary_link(&m->t, "sys/class/block/nvme0n1",
		       "../../devices/pci0000:00/" BRIDGE "/" DISK "/nvme/nvme0/nvme0n1");
	machine_file(m, "259:0\n", "sys/devices/pci0000:00/%s/%s/nvme/nvme0/nvme0n1/dev", BRIDGE,
		     DISK);
	snprintf(text, sizeof(text),
		 "22 1 8:2 / / rw - ext4 /dev/sda2 rw\n23 22 8:1 / /boot rw - vfat /dev/sda1 rw\n"
		 "24 22 259:0 / %s rw - ext4 /dev/nvme0n1 rw\n",
		 target);
	temporary_file(&m->t, "proc/self/mountinfo", text);
}

static void test_disk(void **state)
{
	static const char *allowed[] = { "disk" };
	struct machine *m = *state;

	put_disk(m, "/srv");
	machine_ok(m, plan_of(m, DISK));
	assert_true(has_note(m, NOTE_LOSS, "/srv is mounted from nvme0n1"));
	temporary_file(&m->t, "etc/fstab", "/dev/nvme0n1 /srv ext4 defaults,nofail 0 2\n");
	machine_ok(m, plan_of(m, DISK));
	temporary_file(&m->t, "etc/fstab", "# x\n/dev/nvme0n1 /srv ext4 defaults 0 2\n");
	machine_says(m, plan_of(m, DISK), "etc/fstab has it mounted at boot; --allow disk");
	/* as the boot reads it: slashes, quoting and links do not make it another place */
	temporary_file(&m->t, "etc/fstab", "/dev/nvme0n1 //srv/ ext4 defaults 0 2\n");
	machine_says(m, plan_of(m, DISK), "etc/fstab has it mounted at boot");
	temporary_link(&m->t, "data", "/mnt/../my disk");
	temporary_directories(&m->t, "my disk/x");
	temporary_file(&m->t, "etc/fstab", "LABEL=\"d\" /data/a\\040b ext4 defaults 0 2\n");
	put_disk(m, "/my\\040disk/a\\040b");
	machine_says(m, plan_of(m, DISK), "etc/fstab has it mounted at boot");
	put_disk(m, "/srv");
	/* one that cannot be read is not one that does not name it */
	assert_int_equal(unlink(temporary_path(&m->t, "etc/fstab")), 0);
	temporary_directories(&m->t, "etc/fstab/x");
	machine_says(m, plan_of(m, DISK), "etc/fstab could not be read (Is a directory)");
	machine_wish(m, DISK, NULL);
	m->host.root->live = false;
	machine_ok(m, machine_plan(m));
	assert_true(has_note(m, NOTE_LOSS, "is not known: etc/fstab could not be read"));
	assert_int_equal(rmdir(temporary_path(&m->t, "etc/fstab")), 0);
	machine_ok(m, plan_of(m, DISK));
	temporary_file(&m->t, "etc/fstab", "/dev/nvme0n1 /srv ext4 defaults 0 2\n");
	put_disk(m, "/");
	machine_says(m, plan_of(m, DISK), "the host does not start without it");
	assert_int_equal(m->e.kind, ERR_REFUSED);
	m->wish.allowed = (struct names){ allowed, 1 };
	machine_ok(m, plan_of(m, DISK));
	assert_true(has_note(m, NOTE_LOSS, "/ is mounted from nvme0n1"));
	m->wish.allowed.n = 0;
	put_disk(m, "/x");
	temporary_file(&m->t, "proc/swaps",
		       "Filename Type Size Used Priority\n/dev/nvme0n1 partition 1 0 -2\n");
	machine_ok(m, plan_of(m, DISK));
	temporary_file(&m->t, "etc/fstab", "UUID=2 none swap sw 0 0\n");
	machine_says(m, plan_of(m, DISK), "nvme0n1 is swap space");
}

/* What udev knows of the disk, on which nothing is mounted. */
static void unmount_disk(struct machine *m, const char *database)
{
	put_disk(m, "x");
	temporary_file(&m->t, "proc/self/mountinfo",
		       "22 1 8:2 / / rw - ext4 /dev/sda2 rw\n"
		       "23 22 8:1 / /boot rw - vfat /dev/sda1 rw\n");
	temporary_file(&m->t, "run/udev/data/b259:0", database);
}

/* A boot waits for what fstab names, whether it is mounted when the plan is made or not. */
static void test_fstab(void **state)
{
	static const char *const lines[] = {
		"/dev/nvme0n1 /data ext4 defaults 0 2\n",
		"UUID=1b2c /data ext4 defaults 0 2\n",
		"LABEL=my\\040data /data ext4 defaults 0 2\n",
		"/dev/disk/by-id/nvme-x /data ext4 defaults 0 2\n",
		"/dev/mapper/vg-data /data ext4 defaults 0 2\n",
	};
	struct machine *m = *state;

	unmount_disk(m, "S:disk/by-uuid/1b2c\nS:disk/by-label/my\\x20data\n"
			"S:disk/by-id/nvme-x\nS:mapper/vg-data\nE:ID_FS_TYPE=ext4\n");
	machine_ok(m, plan_of(m, DISK));
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		temporary_file(&m->t, "etc/fstab", lines[i]);
		machine_says(m, plan_of(m, DISK), "nvme0n1 holds /data (etc/fstab), and etc/fstab");
		machine_ok(m, plan_of(m, NIC));
	}
	temporary_file(&m->t, "etc/fstab", "UUID=1b2c /data ext4 nofail 0 2\n");
	machine_ok(m, plan_of(m, DISK));
	temporary_file(&m->t, "etc/fstab", "UUID=1b2c /data ext4 ro,x-systemd.automount 0 2\n");
	machine_ok(m, plan_of(m, DISK));
	temporary_file(&m->t, "etc/fstab", "UUID=3d4e /data ext4 defaults 0 2\nx:/y /z nfs\n");
	machine_ok(m, plan_of(m, DISK));
	/* without its swap the host comes up, later */
	temporary_file(&m->t, "etc/fstab", "UUID=1b2c none swap sw 0 0\n");
	machine_ok(m, plan_of(m, DISK));
	assert_true(has_note(m, NOTE_LOSS, "nvme0n1 is turned on as swap at boot"));
}

/* What LUKS, LVM or an array holds has no name until it is opened. */
static void test_fstab_hidden(void **state)
{
	struct machine *m = *state;

	temporary_file(&m->t, "etc/fstab", "/dev/mapper/data /data ext4 defaults 0 2\n");
	unmount_disk(m, "E:ID_FS_TYPE=crypto_LUKS\n");
	machine_says(m, plan_of(m, DISK),
		     "nvme0n1 may hold /data (etc/fstab), and dev/mapper/data");
	unmount_disk(m, "E:ID_FS_TYPE=LVM2_member\n");
	machine_says(m, plan_of(m, DISK), "nvme0n1 may hold /data");
	unmount_disk(m, "E:ID_PART_TABLE_TYPE=gpt\n");
	machine_ok(m, plan_of(m, DISK));
	unmount_disk(m, "E:ID_FS_TYPE=zfs_member\n");
	machine_ok(m, plan_of(m, DISK));
	temporary_file(&m->t, "etc/fstab", "tank/data /data zfs defaults 0 0\n");
	machine_says(m, plan_of(m, DISK), "nvme0n1 may hold /data");
	/* it is elsewhere: opened, or mounted */
	unmount_disk(m, "E:ID_FS_TYPE=crypto_LUKS\n");
	temporary_file(&m->t, "etc/fstab", "/dev/mapper/data /data ext4 defaults 0 2\n");
	temporary_link(&m->t, "sys/class/block/dm-0", "../../devices/virtual/block/dm-0");
	temporary_file(&m->t, "sys/devices/virtual/block/dm-0/dm/name", "data\n");
	machine_ok(m, plan_of(m, DISK));
	/* opened here */
	temporary_link(&m->t,
		       "sys/devices/pci0000:00/" BRIDGE "/" DISK "/nvme/nvme0/nvme0n1/holders/dm-0",
		       "../../x");
	machine_says(m, plan_of(m, DISK), "dm-0 holds /data (etc/fstab), and etc/fstab has it");
}

static void test_network(void **state)
{
	static const char *allowed[] = { "network" };
	struct machine *m = *state;

	temporary_link(&m->t, "sys/class/net/eth0",
		       "../../devices/pci0000:00/" BRIDGE "/" NIC "/net/eth0");
	machine_file(m, "up\n", "sys/devices/pci0000:00/%s/%s/net/eth0/operstate", BRIDGE, NIC);
	machine_ok(m, plan_of(m, NIC));
	assert_true(has_note(m, NOTE_LOSS, "no eth0 any more"));
	temporary_file(&m->t, "proc/net/route",
		       "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\t"
		       "Window\tIRTT\neth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0"
		       "\n");
	machine_says(m, plan_of(m, NIC), "eth0 has the default route");
	assert_non_null(strstr(m->e.text, "--allow network"));
	m->wish.allowed = (struct names){ allowed, 1 };
	machine_ok(m, plan_of(m, NIC));
}

static void test_functions(void **state)
{
	struct machine *m = *state;

	machine_says(m, plan_of(m, BRIDGE), "bridges stay with the host");
	machine_says(m, plan_of(m, GPU), AUDIO);
	m->wish.n_functions = 0;
	machine_says(m, machine_plan(m), "no device is named");
	machine_ok(m, plan_of(m, TWIN));
}

/* ---- what is there already ---- */

static void test_other_setup(void **state)
{
	struct machine *m = *state;

	machine_ok(m, machine_setup(m));
	machine_says(m, plan_of(m, TWIN), "another setup is in place (change 1): it has other");
	m->wish.iommu_pt = true;
	machine_wish(m, GPU, AUDIO, NULL);
	machine_says(m, machine_plan(m), "it has the words passthru.boot=1");
	assert_int_equal(m->e.kind, ERR_REFUSED);
}

static void test_stray_file(void **state)
{
	struct machine *m = *state;

	temporary_file(&m->t, "etc/passthru/devices", "passthru-devices 1\n");
	machine_disk_is_now(m);
	fails(m, ERR_REFUSED, "no setup has made it");
}

static void test_no_helper(void **state)
{
	struct machine *m = *state;

	assert_int_equal(chmod(temporary_path(&m->t, setup_helper), 0644), 0);
	machine_disk_is_now(m);
	fails(m, ERR_REFUSED, "the early helper is not installed");
}

static void test_unknown_generator(void **state)
{
	struct machine *m = *state;

	assert_int_equal(unlink(temporary_path(&m->t, "etc/kernel/postinst.d/initramfs-tools")), 0);
	machine_disk_is_now(m);
	fails(m, ERR_REFUSED, "no generator of initramfs images is in charge");
}

static void test_old_generator(void **state)
{
	struct machine *m = *state;

	temporary_file(&m->t, "usr/sbin/update-initramfs",
		       "altered_check()\n\ntakeover=0\nsha1sum \"${initramfs}\"\n");
	machine_disk_is_now(m);
	fails(m, ERR_REFUSED, "upgrade initramfs-tools to 0.132 or later");
	/* Ubuntu 18.04 */
	temporary_file(&m->t, "usr/sbin/update-initramfs",
		       "altered_check()\n\ntakeover=1\nsha1sum \"${initramfs}\"\n");
	machine_disk_is_now(m);
	machine_ok(m, machine_setup(m));
}

static void test_no_module(void **state)
{
	struct machine *m = *state;

	temporary_file(&m->t, "usr/lib/modules/" OLD "/modules.dep", "kernel/ext4.ko:\n");
	machine_disk_is_now(m);
	fails(m, ERR_REFUSED, "the kernel " OLD " has no module vfio-pci");
}

/* Of several drivers each may be missing from a kernel, whichever function is the first. */
static void test_kernel_without_one(void **state)
{
	struct machine *m = *state;

	temporary_file(&m->t, "usr/lib/modules/" OLD "/modules.alias",
		       "alias vfio_pci:v000010DEd00000FB9sv*sd*bc*sc*i* some_vfio_pci\n");
	temporary_file(&m->t, "usr/lib/modules/" OLD "/kernel/vfio/some-vfio-pci.ko", "");
	temporary_file(&m->t, "usr/lib/modules/" OLD "/modules.dep",
		       "kernel/vfio/some-vfio-pci.ko:\nkernel/vfio/vfio-pci.ko:\n");
	machine_wish(m, GPU, AUDIO, NULL);
	machine_ok(m, machine_plan(m));
	assert_true(has_note(m, NOTE_NEXT_BOOT,
			     "The kernel " NEW " has no module some_vfio_pci: under it no driver "
			     "has " AUDIO "."));
	assert_false(has_note(m, NOTE_NEXT_BOOT, "has no module vfio-pci"));
	temporary_file(&m->t, "usr/lib/modules/" NEW "/modules.dep", "");
	machine_wish(m, GPU, AUDIO, NULL);
	machine_ok(m, machine_plan(m));
	assert_true(has_note(m, NOTE_NEXT_BOOT, "The kernel " NEW " has no module vfio-pci"));
	assert_true(has_note(m, NOTE_NEXT_BOOT, "under it no driver has " GPU "."));
}

/* What made the trial fail is in nobody's way when it is taken back. */
static void test_trial_image_damaged(void **state)
{
	struct machine *m = *state;
	struct setup_undone undone;

	machine_ok(m, machine_setup(m));
	temporary_file(&m->t, "boot/initrd.img-" OLD ".passthru", "torn");
	machine_boot(m, "", false);
	machine_ok(m, machine_undo(m, &undone));
	machine_is_as_before(m);
}

static void test_not_running(void **state)
{
	struct machine *m = *state;
	struct names recovered;

	machine_wish(m, GPU, AUDIO, NULL);
	m->host.root->live = false;
	machine_ok(m, machine_plan(m));
	assert_true(m->plan.now.n_steps > 0);
	machine_says(m, setup_apply(&m->host, &m->wish, &m->plan, &m->number, &recovered, &m->e),
		     "this is not the running system");
	machine_is_as_before(m);
}

static void test_damaged_record(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "passthru-setup 2\n", "another version" },
		{ "passthru-setup 1\nphase trial\nconfirm ask\n", "it has no words" },
		{ "passthru-setup 1\nconfirm ask\nword x\n", "it has no phase" },
		{ "passthru-setup 1\nphase trial\nword x\n", "it has no word on confirming" },
		{ "passthru-setup 1\nphase later\n", "line 2 is not understood: phase later" },
		{ "passthru-setup 1\nphase trial\nphase trial\n", "line 3" },
		{ "passthru-setup 1\nword a b\n", "line 2" },
		{ "passthru-setup 1\nword\n", "line 2" },
		{ "passthru-setup 1\nphase trial\nconfirm ask\nword x\n", "etc/passthru/devices" },
	};
	struct machine *m = *state;
	struct setup_state read;

	machine_open(m);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		temporary_file(&m->t, SETUP_FILE, cases[i].text);
		machine_says(m, setup_read(&m->host, &read, &m->e), cases[i].says);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_generator, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_confirm_fails, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_no_room, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_read_only, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_disk, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_fstab, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_fstab_hidden, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_network, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_functions, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_other_setup, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_stray_file, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_no_helper, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_unknown_generator, machine_start,
						machine_stop),
		cmocka_unit_test_setup_teardown(test_old_generator, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_kernel_without_one, machine_start,
						machine_stop),
		cmocka_unit_test_setup_teardown(test_no_module, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_trial_image_damaged, machine_start,
						machine_stop),
		cmocka_unit_test_setup_teardown(test_not_running, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_damaged_record, machine_start, machine_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
