// SPDX-License-Identifier: MIT
// openSUSE's sdbootutil: words for the running snapshot's entries and for those that come later,
// and none for the snapshots that one goes back to. The entries are of the form that sdbootutil
// writes (install_kernel(), 2026); it is not packaged by Debian.

#include "tests/bootloader/bls_host.h"

#include <errno.h>

#define ESP "boot/efi/"
#define ENTRIES ESP "loader/entries/"
#define RELEASE "6.10.1-1-default"
#define TOKEN "opensuse-tumbleweed"

static const char *options_of(int snapshot, const char *words)
{
	return arena_printf(&host.arena,
			    "root=UUID=7 quiet rootflags=subvol=@/.snapshots/%d/snapshot%s",
			    snapshot, words);
}

static const char *entry_path(const char *prefix, int snapshot)
{
	return arena_printf(&host.arena, ENTRIES "%s" TOKEN "-" RELEASE "-%d.conf", prefix,
			    snapshot);
}

static const char *entry_text(int snapshot, const char *words)
{
	return arena_printf(&host.arena,
			    "# Boot Loader Specification type#1 entry\n"
			    "title      openSUSE Tumbleweed\n"
			    "version    %d@" RELEASE "\n"
			    "sort-key   opensuse-tumbleweed\n"
			    "options    %s\n"
			    "linux      /" TOKEN "/" RELEASE "/linux-1111\n"
			    "initrd     /" TOKEN "/" RELEASE "/initrd-2222\n",
			    snapshot, options_of(snapshot, words));
}

static void has_host(const char *type)
{
	bool is_systemd = str_eq(type, "systemd-boot");

	has("proc/self/mountinfo", "21 1 8:2 / / rw - btrfs /dev/sda2 rw\n"
				   "22 21 8:1 / /boot/efi rw - vfat /dev/sda1 rw\n");
	has("proc/cmdline", options_of(5, "\n"));
	has("etc/sysconfig/bootloader", arena_printf(&host.arena, "LOADER_TYPE=\"%s\"\n", type));
	has("etc/machine-id", "0123456789abcdef0123456789abcdef\n");
	has("usr/bin/sdbootutil", "");
	has("usr/bin/bootctl", "");
	has(ESP "EFI/systemd/systemd-bootx64.efi", "");
	has(ESP TOKEN "/" RELEASE "/linux-1111", "kernel");
	has(ESP TOKEN "/" RELEASE "/initrd-2222", "image");
	has_variable("LoaderInfo", is_systemd ? "systemd-boot 256" : "GRUB 2.12");
	has(entry_path(is_systemd ? "" : "system-", 5), entry_text(5, ""));
	has(entry_path(is_systemd ? "" : "snapper-", 4), entry_text(4, ""));
	has_kernel(RELEASE, "usr/lib/modules/" RELEASE "/vmlinuz", "boot/initrd-" RELEASE);
	has("etc/kernel/cmdline", "root=UUID=7 quiet\n");
	change.words = words_of("passthru.boot=1 iommu=pt");
	change.trial_words = words_of("passthru.trial=1");
	change.kernel = &generator.kernels[0];
	change.trial_image = "boot/initrd-" RELEASE ".passthru";
	has(change.trial_image, "with the helper");
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

static void test_trial(void **state)
{
	(void)state;
	has_host("systemd-boot");
	chosen("sdbootutil");
	trial_planned();
	assert_string_equal(planned(ENTRIES "passthru-trial.conf"),
			    arena_printf(&host.arena,
					 "title openSUSE Tumbleweed (trial of passthru)\n"
					 "version 5@" RELEASE "\n"
					 "linux /" TOKEN "/" RELEASE "/linux-1111\n"
					 "initrd /" TOKEN "/" RELEASE "/initrd-" RELEASE
					 ".passthru\n"
					 " options %s\n",
					 options_of(5, " passthru.boot=1 iommu=pt "
						       "passthru.trial=1")));
	assert_string_equal(plan.steps[plan.n_steps - 1].argv[0], "bootctl");
	has("var/lib/systemd/pcrlock.json", "{}");
	trial_refused("a disk is unlocked by what the boot was predicted to be");
}

static void test_trial_of_grub(void **state)
{
	(void)state;
	has_host("grub2-bls");
	chosen("sdbootutil");
	trial_refused("GRUB with entries of sdbootutil is not known");
}

static void permanent_of(const char *type, const char *prefix, const char *older)
{
	size_t n;

	has_host(type);
	chosen("sdbootutil");
	permanent_planned();
	/* in place: sdbootutil writes every options line with the same words */
	assert_string_equal(planned(entry_path(prefix, 5)),
			    entry_text(5, " passthru.boot=1 iommu=pt"));
	assert_null(step_for(entry_path(older, 4)));
	assert_string_equal(planned("etc/kernel/cmdline"),
			    "root=UUID=7 quiet passthru.boot=1 iommu=pt\n");
	done(NULL);
	chosen("sdbootutil");
	permanent_planned();
	done(&n);
	assert_int_equal(n, 0);
	/* a later kernel, with the words of that file */
	has(entry_path(prefix, 5), entry_text(5, " passthru.boot=1 iommu=pt"));
	chosen("sdbootutil");
	assert_int_equal(bootloader_leave(&boot, &change.words, &plan, &e), 0);
	done(NULL);
	assert_string_equal(text_of(entry_path(prefix, 5)), entry_text(5, ""));
}

static void test_permanent(void **state)
{
	(void)state;
	permanent_of("systemd-boot", "", "");
}

static void test_permanent_of_grub(void **state)
{
	(void)state;
	permanent_of("grub2-bls", "system-", "snapper-");
	/* behind those of the snapshots */
	assert_non_null(text_of(ENTRIES "passthru-without.conf"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BLS_TEST(test_manages),   BLS_TEST(test_transactional),
		BLS_TEST(test_trial),     BLS_TEST(test_trial_of_grub),
		BLS_TEST(test_permanent), BLS_TEST(test_permanent_of_grub),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
