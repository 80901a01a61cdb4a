// SPDX-License-Identifier: MIT
// GRUB on hosts that are laid out in ways of their own: links, and files in the hand of others.

#include "base/text.h"
#include "bootloader/grub.h"
#include "tests/unit/grub_host.h"

#include <errno.h>

static struct plan plan;
static struct err e;

static struct boot_change wanted(void)
{
	static struct initramfs_kernel kernel;
	static const char *words[] = { "passthru.boot=1" }, *trial[] = { BOOTLOADER_TRIAL_WORD };

	kernel =
		(struct initramfs_kernel){ .release = RELEASE, .vmlinuz = "boot/vmlinuz-" RELEASE };
	return (struct boot_change){ .words = { words, 1 },
				     .kernel = &kernel,
				     .trial_image = "boot/initrd.img-" RELEASE ".passthru",
				     .trial_words = { trial, 1 } };
}

static int trial(void)
{
	struct boot_change change = wanted();

	return plan_anew(bootloader_trial, &change, &plan, &e);
}

static int permanent(void)
{
	struct boot_change change = wanted();

	return plan_anew(bootloader_permanent, &change, &plan, &e);
}

static void refuses_trial(const char *sentence)
{
	assert_int_equal(trial(), -EOPNOTSUPP);
	if (!strstr(e.text, sentence))
		fail_msg("\"%s\" is not in: %s", sentence, e.text);
}

/* / on btrfs, /boot on a partition that GRUB writes to */
static void has_disks(void)
{
	has("proc/self/mountinfo", "21 1 0:30 / / rw - btrfs /dev/sda3 rw\n"
				   "22 21 8:2 / /boot rw - ext4 /dev/sda2 rw\n");
	has_partition();
}

/* GRUB would find its choice at every boot, and could never take it back. */
static void directory_is_a_link(void **state)
{
	(void)state;
	has_disks();
	has("usr/sbin/grub-mkconfig", "for x in ${sysconfdir}/default/grub.d/*.cfg ; do\n");
	has("usr/bin/grub-editenv", "");
	has("etc/grub.d/10_linux", "#!/bin/sh\n");
	has("srv/grub/grub.cfg", MENU(ENTRY(RELEASE)));
	has_block("srv/grub/grubenv", "");
	fake_link(&machine.tree, "boot/grub", "../srv/grub");
	refuses_trial("srv/grub/grubenv lies on btrfs");
	/* and the other way round */
	fake_remove(&machine.tree, "boot/grub");
	has("boot/real/grub.cfg", MENU(ENTRY(RELEASE)));
	has_block("boot/real/grubenv", "");
	fake_link(&machine.tree, "boot/grub", "real");
	if (trial() < 0)
		fail_msg("%s", e.text);
	assert_string_equal(plan.steps[1].becomes, "boot/real/grub.cfg");
}

/* What is to be run is called as it is on this host. */
static void names_of_programs(void **state)
{
	(void)state;
	has_disks();
	has("usr/sbin/grub2-mkconfig", "if test -f ${sysconfdir}/default/grub ; then\n");
	has("usr/bin/grub2-editenv", "");
	has("etc/default/grub", "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\n");
	has("boot/grub2/grub.cfg", MENU(ENTRY(RELEASE)));
	refuses_trial("\"grub2-editenv /boot/grub2/grubenv create\" makes it");
	fake_remove(&machine.tree, "usr/bin/grub2-editenv");
	refuses_trial("grub2-editenv is not installed");
}

/* However it is written, it is the variable of normal entries that gets the words. */
static void variable_of_normal_entries(void **state)
{
	static const char *const lines[] = { "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"",
					     "  GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"",
					     "export GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"" };

	(void)state;
	has_disks();
	has_arch_grub();
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		has("etc/default/grub",
		    arena_printf(&host.arena, "GRUB_CMDLINE_LINUX=\"\"\n%s\n", lines[i]));
		if (permanent() < 0)
			fail_msg("%s", e.text);
		if (!strstr(plan.steps[0].content.data, "_DEFAULT=\"quiet passthru.boot=1\""))
			fail_msg("%s", plan.steps[0].content.data);
	}
}

/* Neither the firmware nor rEFInd says who it is; they leave initrd=, and GRUB leaves BOOT_IMAGE=.
 */
static void started_by_another(void **state)
{
	(void)state;
	has_disks();
	has_debian_grub();
	has("proc/cmdline", "initrd=\\EFI\\Gentoo\\initrd.img root=UUID=1 ro quiet\n");
	refuses_trial("the kernel's command line has initrd=\\EFI\\Gentoo\\initrd.img and no "
		      "BOOT_IMAGE=");
	has("proc/cmdline", "BOOT_IMAGE=/boot/vmlinuz-" RELEASE " initrd=/x root=UUID=1 ro\n");
	read_all();
	assert_non_null(boot.chosen);
	/* as kexec leaves it */
	has("proc/cmdline", "root=UUID=1 ro\n");
	read_all();
	assert_non_null(boot.chosen);
}

/* Ubuntu: 10_linux leaves a root on ZFS to another script, and our entry with it. */
static void root_on_zfs(void **state)
{
	(void)state;
	has_debian_grub();
	has("proc/self/mountinfo", "21 1 0:30 / / rw - zfs rpool/ROOT/ubuntu_x rw\n"
				   "22 21 0:31 / /boot rw - zfs bpool/BOOT/ubuntu_x rw\n");
	has("boot/grub/grub.cfg", MENU("menuentry 'Ubuntu' --class ubuntu ${menuentry_id_option} "
				       "'gnulinux-rpool/ROOT/ubuntu_x-" RELEASE
				       "' {\n\tlinux /BOOT/ubuntu_x@/vmlinuz-" RELEASE
				       " root=ZFS=\"rpool/ROOT/ubuntu_x\" ro quiet\n}\n"));
	has("etc/grub.d/10_linux_zfs", "#!/bin/sh\n");
	refuses_trial("etc/grub.d/10_linux_zfs makes the entries of a root on ZFS");
	/* it is there on every Ubuntu */
	has_disks();
	has("boot/grub/grub.cfg", MENU(ENTRY(RELEASE)));
	read_all();
	assert_non_null(boot.chosen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(directory_is_a_link),
		MACHINE_TEST(names_of_programs),
		MACHINE_TEST(variable_of_normal_entries),
		MACHINE_TEST(started_by_another),
		MACHINE_TEST(root_on_zfs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
