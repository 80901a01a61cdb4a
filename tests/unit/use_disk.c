// SPDX-License-Identifier: MIT
// Disks in use: what is mounted, swap, and everything built on a disk, found from the controller
// up.

#include "tests/unit/uses.h"

#define NVME_DISK "/nvme/nvme0/nvme0n1"

static void put_nvme(struct uses *u, const char *type)
{
	uses_block(u, uses_path(u, NVME, NVME_DISK), "259:0", NULL);
	uses_block(u, uses_path(u, NVME, NVME_DISK "/nvme0n1p1"), "259:1", type);
}

static void mount_line(struct uses *u, const char *line)
{
	char text[1024];

	snprintf(text, sizeof(text), "22 1 0:21 / /proc rw,nosuid - proc proc rw\n%s\n", line);
	fake_file(&u->k->tree, "proc/self/mountinfo", text);
}

static void hold(struct uses *u, const char *name, const char *holder, const char *holder_number)
{
	char path[FAKE_PATH_MAX];

	snprintf(path, sizeof(path), "sys/devices/virtual/block/%s", holder);
	uses_block(u, path, holder_number, NULL);
	snprintf(path, sizeof(path), "%s/holders/%s", name, holder);
	fake_link(&u->k->tree, path, "../../x");
}

static void test_nothing(void **state)
{
	struct uses *u = *state;

	assert_no_use(u, NVME, USE_DISK);
	put_nvme(u, NULL);
	assert_no_use(u, NVME, USE_DISK);
	assert_no_use(u, NIC, USE_DISK);
}

static void test_mounted(void **state)
{
	struct uses *u = *state;

	put_nvme(u, "ext4");
	mount_line(u, "29 1 259:1 / /home\\040dir rw,relatime shared:1 - ext4 /dev/nvme0n1p1 rw");
	assert_use(u, NVME, USE_DISK, true, "/home dir is mounted from nvme0n1p1 (ext4");
	assert_int_equal(uses_count(u, NVME, USE_DISK), 1);
	assert_no_use(u, SATA, USE_DISK);
}

/* Data that nothing uses is worth a word and no more. */
static void test_data(void **state)
{
	struct uses *u = *state;

	put_nvme(u, "ext4");
	assert_use(u, NVME, USE_DISK, false, "nvme0n1p1 holds data (ext4)");
	put_nvme(u, "crypto_LUKS");
	assert_use(u, NVME, USE_DISK, false, "holds data (crypto_LUKS)");
}

static void test_swap(void **state)
{
	struct uses *u = *state;

	put_nvme(u, "swap");
	fake_file(&u->k->tree, "proc/swaps",
		  "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
		  "/dev/nvme0n1p1                          partition\t8388604\t\t0\t\t-2\n");
	assert_use(u, NVME, USE_DISK, true, "nvme0n1p1 is swap space");
	assert_int_equal(uses_count(u, NVME, USE_DISK), 1);
}

/* LUKS on a partition, LVM on it, one volume mounted: the chain is followed to the end. */
static void test_holders(void **state)
{
	struct uses *u = *state;

	put_nvme(u, "crypto_LUKS");
	hold(u, uses_path(u, NVME, NVME_DISK "/nvme0n1p1"), "dm-0", "254:0");
	fake_file(&u->k->tree, "sys/devices/virtual/block/dm-0/dm/name", "crypt\n");
	hold(u, "sys/devices/virtual/block/dm-0", "dm-1", "254:1");
	fake_file(&u->k->tree, "sys/devices/virtual/block/dm-1/dm/name", "vg-root\n");
	mount_line(u, "29 1 254:1 / / rw - xfs /dev/mapper/vg-root rw");
	assert_use(u, NVME, USE_DISK, true, "nvme0n1p1 is a part of dm-0 (crypt)");
	assert_use(u, NVME, USE_DISK, true, "dm-0 is a part of dm-1 (vg-root)");
	assert_use(u, NVME, USE_DISK, true, "/ is mounted from dm-1 (xfs");
	assert_int_equal(uses_count(u, NVME, USE_DISK), 3);
}

/* Several disks behind one controller; two of them are one md array. */
static void test_sata(void **state)
{
	struct uses *u = *state;

	for (int i = 0; i < 3; i++) {
		char path[128], number[8];

		snprintf(path, sizeof(path), "/ata%d/host%d/target%d:0:0/%d:0:0:0/block/sd%c",
			 i + 1, i, i, i, 'a' + i);
		snprintf(number, sizeof(number), "8:%d", 16 * i);
		uses_block(u, uses_path(u, SATA, path), number,
			   i < 2 ? "linux_raid_member" : "vfat");
		if (i < 2)
			hold(u, uses_path(u, SATA, path), "md127", "9:127");
	}
	mount_line(u, "30 1 9:127 / /srv rw - ext4 /dev/md127 rw");
	assert_use(u, SATA, USE_DISK, true, "sda is a part of md127");
	assert_use(u, SATA, USE_DISK, true, "sdb is a part of md127");
	assert_use(u, SATA, USE_DISK, true, "/srv is mounted from md127 (ext4, on sdb");
	assert_use(u, SATA, USE_DISK, false, "sdc holds data (vfat)");
	assert_no_use(u, NVME, USE_DISK);
}

/* A holder chain that leads back to itself ends. */
static void test_loop(void **state)
{
	struct uses *u = *state;

	put_nvme(u, NULL);
	hold(u, uses_path(u, NVME, NVME_DISK "/nvme0n1p1"), "dm-0", "254:0");
	hold(u, "sys/devices/virtual/block/dm-0", "dm-1", "254:1");
	hold(u, "sys/devices/virtual/block/dm-1", "dm-0", "254:0");
	assert_use(u, NVME, USE_DISK, true, "dm-1 is a part of dm-0");
}

/* Only one of its devices stands among the mounts. */
static void test_btrfs(void **state)
{
	struct uses *u = *state;
	struct fake_tree *tree = &u->k->tree;

	put_nvme(u, "btrfs");
	uses_block(u, uses_path(u, SATA, "/ata1/block/sda"), "8:0", "btrfs");
	fake_file(tree, "sys/fs/btrfs/features/raid1c34", "0\n");
	fake_link(tree, "sys/fs/btrfs/1b2c/devices/nvme0n1p1", "x");
	fake_link(tree, "sys/fs/btrfs/1b2c/devices/sda", "x");
	mount_line(u, "29 1 0:30 /@ /data rw - btrfs /dev/sda rw");
	assert_use(u, NVME, USE_DISK, true, "nvme0n1p1 is one of 2 devices of a mounted btrfs");
	assert_use(u, SATA, USE_DISK, true, "/data is mounted from sda (btrfs");
}

/* With one device it shows a number of its own, and its volume by the name that it was mounted by.
 */
static void test_btrfs_on_volume(void **state)
{
	struct uses *u = *state;

	put_nvme(u, "crypto_LUKS");
	hold(u, uses_path(u, NVME, NVME_DISK "/nvme0n1p1"), "dm-0", "254:0");
	fake_file(&u->k->tree, "sys/devices/virtual/block/dm-0/dm/name", "luks-root\n");
	fake_link(&u->k->tree, "sys/fs/btrfs/1b2c/devices/dm-0", "x");
	mount_line(u, "29 1 0:32 / / rw - btrfs /dev/mapper/luks-root rw");
	assert_use(u, NVME, USE_DISK, true, "/ is mounted from dm-0 (btrfs");
	assert_int_equal(uses_count(u, NVME, USE_DISK), 2);
	/* by a name that nobody knows here */
	mount_line(u, "29 1 0:32 / / rw - btrfs /dev/disk/by-uuid/1b2c rw");
	assert_use(u, NVME, USE_DISK, true, "dm-0 is the device of a mounted btrfs");
}

static void test_zfs(void **state)
{
	struct uses *u = *state;

	put_nvme(u, "zfs_member");
	assert_use(u, NVME, USE_DISK, false, "holds data (zfs_member)");
	fake_file(&u->k->tree, "proc/spl/kstat/zfs/arcstats", "x");
	assert_use(u, NVME, USE_DISK, false, "holds data (zfs_member)");
	fake_file(&u->k->tree, "proc/spl/kstat/zfs/tank/state", "ONLINE\n");
	assert_use(u, NVME, USE_DISK, true, "belongs to a ZFS pool");
}

/* The disk hangs below the subsystem; the device has a hidden path only. */
static void test_multipath(void **state)
{
	struct uses *u = *state;
	static const char subsystem[] = "sys/devices/virtual/nvme-subsystem/nvme-subsys0";
	char path[FAKE_PATH_MAX], target[FAKE_PATH_MAX + 16];

	uses_class(u, "block", uses_path(u, NVME, "/nvme/nvme0/nvme0c0n1"));
	snprintf(path, sizeof(path), "%s/nvme0", subsystem);
	snprintf(target, sizeof(target), "../../../../../%s", uses_path(u, NVME, "/nvme/nvme0"));
	fake_link(&u->k->tree, path, target);
	snprintf(path, sizeof(path), "%s/nvme0n1", subsystem);
	uses_block(u, path, "259:0", NULL);
	snprintf(path, sizeof(path), "%s/nvme0n1/nvme0n1p1", subsystem);
	uses_block(u, path, "259:1", "ext4");
	mount_line(u, "29 1 259:1 / /home rw - ext4 /dev/nvme0n1p1 rw");
	assert_use(u, NVME, USE_DISK, true, "/home is mounted from nvme0n1p1");
	assert_no_use(u, SATA, USE_DISK);
}

/* What could not be looked at is no answer. */
static void test_gaps(void **state)
{
	struct uses *u = *state;
	struct fake_tree *tree = &u->k->tree;

	put_nvme(u, "ext4");
	fake_error(tree, "proc/self/mountinfo", -EACCES);
	assert_gap(u, NVME, USE_DISK, -EACCES);
	/* it has no disks: nothing that a mount could change */
	assert_no_use(u, NIC, USE_DISK);
	fake_remove(tree, "proc/self/mountinfo");
	assert_gap(u, NVME, USE_DISK, -ENODATA);
	fake_file(tree, "proc/self/mountinfo", "");
	fake_file(tree, "proc/swaps", "");
	fake_error(tree, "proc/swaps", -ENODATA);
	assert_gap(u, NVME, USE_DISK, -ENODATA);
	fake_remove(tree, "proc/swaps");
	assert_null(device_uses_gap(uses_of(u, NVME), USE_DISK));
	fake_error(tree, "run/udev/data/b259:1", -EACCES);
	assert_gap(u, NVME, USE_DISK, -EACCES);
	fake_remove(tree, "sys/class/block");
	fake_directory(tree, "sys/class/block");
	fake_error(tree, "sys/class/block", -EACCES);
	assert_gap(u, NVME, USE_DISK, -EACCES);
}

static const char *stop_of(struct uses *u, const char *function, const char *words)
{
	const struct device_use *use = uses_find(uses_of(u, function), USE_DISK, words);

	assert_non_null(use);
	return use->stop ? use->stop : "";
}

/* Each layer is taken apart by its own command. */
static void test_stop(void **state)
{
	struct uses *u = *state;

	put_nvme(u, "LVM2_member");
	hold(u, uses_path(u, NVME, NVME_DISK "/nvme0n1p1"), "dm-0", "254:0");
	fake_file(&u->k->tree, "sys/devices/virtual/block/dm-0/dm/name", "vg--data-lv_1\n");
	fake_file(&u->k->tree, "sys/devices/virtual/block/dm-0/dm/uuid", "LVM-x\n");
	assert_string_equal(stop_of(u, NVME, "a part of dm-0"), "vgchange -an vg-data");
	fake_file(&u->k->tree, "sys/devices/virtual/block/dm-0/dm/uuid", "CRYPT-LUKS2-x\n");
	assert_string_equal(stop_of(u, NVME, "a part of dm-0"), "cryptsetup close vg--data-lv_1");
	fake_file(&u->k->tree, "sys/devices/virtual/block/dm-0/dm/uuid", "mpath-x\n");
	assert_string_equal(stop_of(u, NVME, "a part of dm-0"), "dmsetup remove vg--data-lv_1");
	hold(u, uses_path(u, NVME, NVME_DISK), "md127", "9:127");
	assert_string_equal(stop_of(u, NVME, "a part of md127"), "mdadm --stop /dev/md127");
}

/* A process that writes to the disk itself, as a database or QEMU does. */
static void test_raw(void **state)
{
	struct uses *u = *state;

	put_nvme(u, NULL);
	fake_open(u->k, "812", "qemu-system-x86", "/dev/nvme0n1");
	fake_file(&u->k->tree, "proc/812/fdinfo/17", "pos:\t0\nflags:\t02140002\nmnt_id:\t27\n");
	assert_use(u, NVME, USE_DISK, true, "qemu-system-x86 (pid 812) has dev/nvme0n1 open");
	assert_true(uses_find(&u->found, USE_DISK, "qemu")->held);
	fake_file(&u->k->tree, "proc/812/fdinfo/17", "pos:\t0\nflags:\t02100000\nmnt_id:\t27\n");
	assert_use(u, NVME, USE_DISK, false, "has dev/nvme0n1 open for reading");
	/* what cannot be told counts as writing */
	fake_remove(&u->k->tree, "proc/812/fdinfo");
	assert_use(u, NVME, USE_DISK, true, "has dev/nvme0n1 open");
	assert_no_use(u, SATA, USE_DISK);
}

/* Units are named where systemd is the init only. */
static void test_units(void **state)
{
	struct uses *u = *state;

	put_nvme(u, "ext4");
	mount_line(u, "29 1 259:1 / /srv/my\\040data rw - ext4 /dev/nvme0n1p1 rw");
	assert_null(uses_find(uses_of(u, NVME), USE_DISK, "/srv")->unit);
	fake_directory(&u->k->tree, "run/systemd/system");
	assert_string_equal(uses_find(uses_of(u, NVME), USE_DISK, "/srv")->unit,
			    "srv-my\\x20data.mount");
	fake_file(&u->k->tree, "proc/swaps",
		  "Filename\tType\tSize\tUsed\tPriority\n/dev/nvme0n1p1 partition 8 0 -2\n");
	assert_string_equal(uses_find(uses_of(u, NVME), USE_DISK, "swap")->unit,
			    "dev-nvme0n1p1.swap");
	mount_line(u, "29 1 259:1 / / rw - ext4 /dev/nvme0n1p1 rw");
	assert_null(uses_find(uses_of(u, NVME), USE_DISK, "/ is mounted")->unit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		USES_TEST(nothing),   USES_TEST(mounted), USES_TEST(data),
		USES_TEST(swap),      USES_TEST(holders), USES_TEST(sata),
		USES_TEST(loop),      USES_TEST(btrfs),   USES_TEST(zfs),
		USES_TEST(multipath), USES_TEST(gaps),    USES_TEST(stop),
		USES_TEST(raw),       USES_TEST(units),   USES_TEST(btrfs_on_volume),
	};

	return cmocka_run_group_tests_name("use_disk", tests, NULL, NULL);
}
