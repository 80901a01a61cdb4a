// SPDX-License-Identifier: MIT
// Which boot loader a tree is of: each is recognised as one, what manages others before those, and
// what is left of two is refused. And what is said where a program may not do it.

#include "tests/unit/bootloader_vendors.h"

static void refind(void)
{
	efi("boot/efi", "");
	file("boot/efi/EFI/refind/refind_x64.efi", "MZ");
	file("boot/efi/EFI/refind/refind.conf", "timeout 20\n");
	file("boot/refind_linux.conf", "\"a\" \"root=UUID=1 ro quiet\"\n");
}

static void extlinux(void)
{
	file("boot/extlinux/extlinux.conf",
	     "LABEL a\nLINUX /boot/vmlinuz-" RELEASE "\nAPPEND root=UUID=1 ro quiet\n");
	file("boot/extlinux/ldlinux.sys", "");
}

static void alpine(void)
{
	file("boot/extlinux.conf", "DEFAULT menu.c32\nLABEL lts\nLINUX vmlinuz-lts\nAPPEND ro\n");
	file("boot/ldlinux.sys", "");
	file("etc/update-extlinux.conf", "overwrite=1\n");
	program("update-extlinux", "#!/bin/sh\n");
}

static void limine(void)
{
	char text[300];

	efi("boot", "Limine 9.3.0");
	memset(text, '0', sizeof(text));
	memcpy(text, "++CONFIG_B2SUM_SIGNATURE++", 26);
	temporary_bytes(&v.t, "boot/EFI/limine/limine_x64.efi", text, sizeof(text));
	file("boot/limine.conf", "/a\nprotocol: linux\npath: boot():/v\ncmdline: ro\n");
}

static void pop(void)
{
	efi("boot/efi", "systemd-boot 249");
	program("kernelstub", "#!/usr/bin/python3\n");
	file("etc/kernelstub/configuration",
	     "{\"user\": {\"kernel_options\": [\"quiet\"], \"esp_path\": \"/boot/efi\", "
	     "\"setup_loader\": true, \"manage_mode\": true, \"live_mode\": false}}");
	file("boot/efi/EFI/systemd/systemd-bootx64.efi", "MZ");
	file("boot/efi/loader/entries/Pop_OS-current.conf",
	     "title Pop!_OS\nlinux /EFI/Pop_OS-1/vmlinuz.efi\noptions root=UUID=1\n");
	/* that makes it a complete systemd-boot, too */
	file("boot/efi/loader/entries/mine.conf",
	     "title mine\nversion " RELEASE "\nlinux /v\noptions root=UUID=1\n");
}

static void proxmox(void)
{
	file("etc/kernel/proxmox-boot-uuids", "1234-ABCD\n");
	file("etc/kernel/postinst.d/zz-proxmox-boot", "#!/bin/sh\n");
	program("proxmox-boot-tool", "#!/bin/sh\n");
}

static void ostree(void)
{
	temporary_directories(&v.t, "ostree/repo/x");
	program("rpm-ostree", "#!/bin/sh\n");
	file("boot/loader/entries/ostree-1.conf",
	     "title Fedora\nversion 1\nlinux /ostree/a/vmlinuz\noptions root=UUID=1\n");
}

static void zfsbootmenu(void)
{
	efi("boot/efi", "");
	file("proc/self/mountinfo", "20 1 0:20 / / rw - zfs zroot/ROOT/void rw\n"
				    "21 20 8:1 / /boot/efi rw - vfat /dev/sda1 rw\n");
	file("boot/efi/EFI/zbm/vmlinuz.EFI", "MZ");
}

static void nixos(void)
{
	file("etc/NIXOS", "");
}

/* Each tree with what else lies about there by nature. */
static const struct {
	const char *name;
	void (*make)(void);
} trees[] = {
	{ "refind", refind }, { "extlinux", extlinux },       { "extlinux", alpine },
	{ "limine", limine }, { "kernelstub", pop },          { "proxmox", proxmox },
	{ "ostree", ostree }, { "zfsbootmenu", zfsbootmenu }, { "nixos", nixos },
};

static void test_each_is_one(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(trees); i++) {
		trees[i].make();
		is_chosen(trees[i].name);
		size_t n = 0;
		for (size_t k = 0; k < v.boot.n_candidates; k++)
			n += v.boot.candidates[k].counts;
		assert_int_equal(n, trees[i].make == pop ? 2 : 1);
		assert_int_equal(vendor_stop(state), 0);
		assert_int_equal(vendor_start(state), 0);
	}
}

static void test_nothing(void **state)
{
	(void)state;
	is_refused("no boot loader was found");
	/* parts without the rest */
	file("boot/refind_linux.conf", "\"a\" \"b\"\n");
	is_refused("has all that starting this host");
	file("boot/extlinux/extlinux.conf", "LABEL a\n");
	is_refused("no boot loader that reads boot/extlinux/extlinux.conf is there");
}

/* Two that could each start it, and nothing that says which does. */
static void test_two(void **state)
{
	(void)state;
	refind();
	extlinux();
	command_line("root=UUID=2 ro\n");
	is_refused("more than one boot loader may start this host");
	/* the kernel says which: no loader has put a word in front of the line of rEFInd */
	command_line("root=UUID=1 ro quiet initrd=boot\\initrd.img\n");
	is_chosen("refind");
	command_line("BOOT_IMAGE=/boot/vmlinuz-" RELEASE
		     " root=UUID=1 ro quiet initrd=/boot/initrd.img\n");
	is_chosen("extlinux");
}

static void test_limine_and_extlinux(void **state)
{
	(void)state;
	limine();
	extlinux();
	is_chosen("limine");
	/* the same, started by what neither is */
	efi("boot", "GRUB 2.12");
	is_refused("more than one boot loader");
	assert_int_equal(unlink(temporary_path(&v.t, "boot/extlinux/ldlinux.sys")), 0);
	is_refused("was started by \"GRUB 2.12\"");
}

/* Files of the managed one are complete, but the program that makes them decides. */
static void test_managers(void **state)
{
	(void)state;
	extlinux();
	proxmox();
	is_chosen("proxmox");
	assert_int_equal(unlink(temporary_path(&v.t, "usr/sbin/proxmox-boot-tool")), 0);
	is_refused("Proxmox (proxmox-boot-tool)");
	program("proxmox-boot-tool", "#!/bin/sh\n");
	ostree();
	is_refused("more than one boot loader");
}

static void test_by_hand(void **state)
{
	(void)state;
	nixos();
	look();
	const char *text = by_hand();
	assert_non_null(strstr(text, "boot.kernelParams = [ \"iommu=pt\" \"hugepagesz=2M\" "
				     "\"hugepages=64\" ];\n"));
	assert_non_null(
		strstr(text, "\n    for address in 0000:01:00.0 0000:01:00.1 0000:02:00.0; do\n"));
	assert_non_null(strstr(text, "takes whatever is at an address then"));
	permanent_refused("can only be changed by hand");
	trial_refused("one boot only");
}

static void test_by_hand_zfs(void **state)
{
	(void)state;
	zfsbootmenu();
	look();
	const char *text = by_hand();
	assert_non_null(strstr(text, "zfs set org.zfsbootmenu:commandline=\"%{parent} iommu=pt "
				     "hugepagesz=2M hugepages=64\" zroot/ROOT/void\n"));
	assert_non_null(strstr(text, "zfs inherit org.zfsbootmenu:commandline zroot/ROOT/void\n"));
	assert_non_null(strstr(text, "\n  vfio-pci.ids=10de:1c82,10de:0fb9\n"));
	/* the same root, started by the firmware: kexec has no word for the image */
	command_line("initrd=\\initrd.img root=ZFS=zroot/ROOT/void\n");
	is_refused("the kernel's command line has initrd=\\initrd.img");
	/* GRUB on the same pool names the kernel */
	command_line("BOOT_IMAGE=/boot/vmlinuz root=ZFS=zroot/ROOT/void\n");
	is_refused("has all that starting this host");
}

/* CachyOS, Manjaro: with each kernel all entries are made anew, ours would be gone. */
static void test_by_hand_sdboot_manage(void **state)
{
	(void)state;
	efi("boot", "systemd-boot 257");
	file("boot/EFI/systemd/systemd-bootx64.efi", "MZ");
	file("boot/loader/entries/linux-cachyos.conf",
	     "title Linux Cachyos\noptions root=UUID=7 rw quiet\nlinux /vmlinuz-" RELEASE
	     "\ninitrd /initrd.img-" RELEASE "\n");
	is_chosen("systemd-boot");
	assert_null(bootloader_by_hand(&v.boot, &v.change));
	program("sdboot-manage", "#!/bin/bash\n");
	is_chosen("systemd-boot");
	const char *text = by_hand();
	assert_non_null(strstr(text, "LINUX_OPTIONS in /etc/sdboot-manage.conf"));
	assert_non_null(strstr(text, "\n  iommu=pt hugepagesz=2M hugepages=64\n"));
	assert_non_null(strstr(text, "\n  sdboot-manage gen\n"));
	assert_non_null(strstr(text, "\n  vfio-pci.ids=10de:1c82,10de:0fb9\n"));
	permanent_refused("usr/sbin/sdboot-manage makes all entries anew");
	trial_refused("usr/sbin/sdboot-manage makes all entries anew");
	/* who has it do nothing when a kernel comes writes entries himself */
	file("etc/sdboot-manage.conf", "LINUX_OPTIONS=\"quiet\"\nNO_AUTOGEN=\"yes\"\n");
	look();
	assert_null(bootloader_by_hand(&v.boot, &v.change));
}

static void test_by_hand_uboot(void **state)
{
	(void)state;
	extlinux();
	program("u-boot-update", "#!/bin/sh\n");
	is_chosen("extlinux");
	const char *text = by_hand();
	assert_non_null(strstr(text, "\n  iommu=pt hugepagesz=2M hugepages=64\n"));
	assert_non_null(strstr(text, "U_BOOT_PARAMETERS in /etc/default/u-boot"));
	assert_non_null(strstr(text, "\n  vfio-pci.ids=10de:1c82,10de:0fb9\n"));
	permanent_refused("none would stay without the words");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		VENDOR_TEST(test_each_is_one),
		VENDOR_TEST(test_nothing),
		VENDOR_TEST(test_two),
		VENDOR_TEST(test_limine_and_extlinux),
		VENDOR_TEST(test_managers),
		VENDOR_TEST(test_by_hand),
		VENDOR_TEST(test_by_hand_zfs),
		VENDOR_TEST(test_by_hand_uboot),
		VENDOR_TEST(test_by_hand_sdboot_manage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
