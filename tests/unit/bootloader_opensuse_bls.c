// SPDX-License-Identifier: MIT
// openSUSE's sdbootutil: recognised before the loader whose entries it makes, and what to do is
// said. Entries and images are of the form that its install_kernel() writes (2026): the image is on
// the firmware's partition alone, its name has the checksum of what is in it.

#include "tests/bootloader/bls_host.h"

#include <errno.h>

#define ESP "boot/efi/"
#define RELEASE "6.10.1-1-default"
#define TOKEN "opensuse-tumbleweed"
#define OPTIONS "root=UUID=7 quiet rootflags=subvol=@/.snapshots/5/snapshot"

static void has_host(const char *type)
{
	bool is_systemd = str_eq(type, "systemd-boot");

	has("proc/self/mountinfo", "21 1 8:2 / / rw - btrfs /dev/sda2 rw\n"
				   "22 21 8:1 / /boot/efi rw - vfat /dev/sda1 rw\n");
	has("proc/cmdline",
	    is_systemd ? "initrd=\\" TOKEN "\\" RELEASE "\\initrd-2222 " OPTIONS "\n"
		       : "BOOT_IMAGE=(hd0,gpt1)/" TOKEN "/" RELEASE "/linux-1111 " OPTIONS "\n");
	has("etc/sysconfig/bootloader", arena_printf(&host.arena, "LOADER_TYPE=\"%s\"\n", type));
	has("etc/machine-id", "0123456789abcdef0123456789abcdef\n");
	has("usr/bin/sdbootutil", "");
	has("usr/bin/bootctl", "");
	has(ESP "EFI/systemd/systemd-bootx64.efi", "");
	has(ESP TOKEN "/" RELEASE "/linux-1111", "kernel");
	has_kernel(RELEASE, "usr/lib/modules/" RELEASE "/vmlinuz",
		   ESP TOKEN "/" RELEASE "/initrd-2222");
	has_variable("LoaderInfo", is_systemd ? "systemd-boot 256" : "GRUB 2.12");
	has(ESP "loader/entries/" TOKEN "-" RELEASE "-5.conf",
	    "# Boot Loader Specification type#1 entry\n"
	    "title      openSUSE Tumbleweed\n"
	    "version    5@" RELEASE "\n"
	    "sort-key   opensuse-tumbleweed\n"
	    "options    " OPTIONS "\n"
	    "linux      /" TOKEN "/" RELEASE "/linux-1111\n"
	    "initrd     /" TOKEN "/" RELEASE "/initrd-2222\n");
	has("etc/kernel/cmdline", "root=UUID=7 quiet\n");
	change.words = words_of("passthru.boot=1 iommu=pt");
	change.trial_words = words_of("passthru.trial=1");
	change.ids = words_of("10de:1c82");
	change.kernel = &generator.kernels[0];
}

static const char *by_hand(void)
{
	const char *text = bootloader_by_hand(&boot, &change);

	assert_non_null(text);
	return text;
}

static void test_manages(void **state)
{
	(void)state;
	has_host("systemd-boot");
	chosen("sdbootutil");
	assert_true(boot.chosen->manages);
	has("etc/sysconfig/bootloader", "LOADER_TYPE=grub2-efi\n");
	chosen("systemd-boot");
}

static void test_transactional(void **state)
{
	(void)state;
	has_host("systemd-boot");
	has("usr/sbin/transactional-update", "");
	chosen("sdbootutil");
	has("proc/self/mountinfo", "21 1 8:2 / / ro,relatime - btrfs /dev/sda2 rw\n"
				   "22 21 8:1 / /boot/efi rw - vfat /dev/sda1 rw\n");
	read_boot();
	assert_null(boot.chosen);
	assert_non_null(strstr(boot.refusal, "transactional-update changes it"));
}

static void test_by_hand(void **state)
{
	static const char *const types[] = { "systemd-boot", "grub2-bls" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		has_host(types[i]);
		chosen("sdbootutil");
		const char *text = by_hand();
		assert_non_null(strstr(text, "\n  iommu=pt\n"));
		assert_non_null(strstr(text, "\n  sdbootutil update-all-entries\n"));
		assert_non_null(strstr(text, "\n  sdbootutil mkinitrd\n"));
		assert_non_null(strstr(text, "\n  vfio-pci.ids=10de:1c82\n"));
		assert_null(strstr(text, "/proc/cmdline"));
	}
	/* no program does half of it */
	trial_refused("no entry that is used for one boot only");
	assert_int_equal(bootloader_permanent(&boot, &change, &plan, &e), -EOPNOTSUPP);
	assert_int_equal(plan.n_steps, 0);
}

/* Without the file sdbootutil takes the line of the running kernel: the words alone would not do.
 */
static void test_no_cmdline(void **state)
{
	(void)state;
	has_host("systemd-boot");
	gone("etc/kernel/cmdline");
	chosen("sdbootutil");
	assert_non_null(strstr(by_hand(), "\n  cat /proc/cmdline > /etc/kernel/cmdline\n"));
	has("usr/lib/kernel/cmdline", "quiet\n");
	assert_non_null(
		strstr(by_hand(), "\n  cat /usr/lib/kernel/cmdline > /etc/kernel/cmdline\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BLS_TEST(test_manages),
		BLS_TEST(test_transactional),
		BLS_TEST(test_by_hand),
		BLS_TEST(test_no_cmdline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
