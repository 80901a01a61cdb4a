// SPDX-License-Identifier: MIT
// A host that is started from the unified image of a preset is set up, tried, confirmed and taken
// back. mkinitcpio is a stand-in that takes the command line from where the real one does, and
// leaves the lists of modules out.

#include "tests/setup/unified.h"
#include "tests/unit/modules_index.h"

#define IMAGE "efi/EFI/Linux/arch-linux.efi"
#define INITRAMFS "boot/initramfs-linux.img"
#define PLAIN_ENTRY "efi/loader/entries/_-passthru-without.conf"

static const char mkinitcpio_text[] =
	"[ \"$1\" = -k ]\n"
	"release=$2 kind=$3 out=$4 work=$(mktemp -d)\n"
	"modules=$work/lib/modules/$release\n"
	"mkdir -p \"$modules/kernel/vfio\" \"$work/hooks\"\n"
	"cp \"$root/usr/lib/modules/$release/modules.dep.bin\" \"$modules/\"\n"
	"cp \"$root/usr/lib/modules/$release/kernel/vfio\"/*.ko \"$modules/kernel/vfio/\"\n"
	"if [ -e \"$root/etc/mkinitcpio.conf.d/zz-passthru.conf\" ]; then\n"
	"\tmkdir -p \"$work/etc/passthru\" \"$work/${helper%/*}\"\n"
	"\tcp \"$root/$helper\" \"$work/$helper\"\n"
	"\tcp \"$root/etc/passthru/devices\" \"$work/etc/passthru/devices\"\n"
	"\tcp \"$root/etc/initcpio/hooks/passthru\" \"$work/hooks/\"\n"
	"\techo 'EARLYHOOKS=\"udev passthru\"' >\"$work/config\"\n"
	"fi\n"
	"(cd \"$work\" && find . | LC_ALL=C sort | cpio -o -H newc --quiet) >\"$work.cpio\"\n"
	"rm -r \"$work\"\n"
	"if [ $kind = -g ]; then mv \"$work.cpio\" \"$root$out\"; exit 0; fi\n"
	"line=$(cat \"$root/etc/kernel/cmdline\" \"$root/etc/cmdline.d\"/*.conf 2>/dev/null || "
	"true)\n"
	"[ -n \"$line\" ] || line=$(cat \"$root/proc/cmdline\")\n"
	"mkdir -p \"$root/tmp\"\n"
	"mv \"$work.cpio\" \"$root/tmp/initrd\"\n"
	"ukify build --linux=/boot/vmlinuz-linux --initrd=/tmp/initrd --uname=\"$release\" "
	"--cmdline=\"$line\" --output=\"$out\"\n"
	"rm -r \"$root/tmp\"\n";

/* One kernel, which is named by its package. */
static int start(void **state)
{
	machine_start(state);
	struct machine *m = *state;

	unified_program(m);
	machine_program(m, "mkinitcpio", mkinitcpio_text);
	unified_run(m,
		    "cd %s && rm -r boot/initrd.img-* boot/loader boot/EFI usr/lib/modules/" NEW
		    " boot/vmlinuz-" NEW " usr/sbin/update-initramfs "
		    "etc/kernel/postinst.d/initramfs-tools && mv boot/vmlinuz-" OLD
		    " boot/vmlinuz-linux",
		    m->t.path);
	temporary_file(&m->t, "proc/self/mountinfo",
		       "22 1 8:2 / / rw - ext4 /dev/sda2 rw\n23 22 8:1 / /efi rw - vfat /dev/sda1 "
		       "rw\n");
	temporary_file(&m->t, "usr/lib/modules/" OLD "/pkgbase", "linux\n");
	temporary_bytes(&m->t, "usr/lib/modules/" OLD "/modules.dep.bin", modules_dep_bin,
			N_MODULES_DEP_BIN);
	temporary_file(&m->t, "usr/bin/mkinitcpio", "/etc/mkinitcpio.conf.d /etc/cmdline.d\n");
	temporary_file(&m->t, "usr/share/libalpm/hooks/90-mkinitcpio-install.hook", "");
	temporary_file(&m->t, "etc/mkinitcpio.conf", "HOOKS=(base udev autodetect)\n");
	temporary_file(&m->t, "etc/mkinitcpio.d/linux.preset", "default_uki=\"/" IMAGE "\"\n");
	temporary_file(&m->t, "efi/EFI/systemd/systemd-bootx64.efi", "boot loader");
	static const char *const folders[] = { "etc/mkinitcpio.conf.d/x", "etc/initcpio/x",
					       "etc/cmdline.d/x",         "etc/kernel/x",
					       "efi/loader/entries/x",    IMAGE };
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		temporary_directories(&m->t, folders[i]);
	unified_selected(m, "arch-linux.efi");
	unified_run(m, "%s/mkinitcpio -k " OLD " -U /" IMAGE, m->programs.path);
	machine_disk_is_now(m);
	return 0;
}

static void cycle(struct machine *m)
{
	struct setup_arrivals arrivals;
	struct setup_undone undone;

	machine_ok(m, machine_setup(m));
	assert_int_equal(m->plan.phase, SETUP_TRIAL);
	assert_string_equal(m->plan.boot->chosen->loader->name, "uki");
	assert_true(unified_has_helper(m, IMAGE ".passthru"));
	machine_plan_is_empty(m);
	unified_boot(m, TRIAL_WORDS, "_-passthru-trial.conf");
	machine_plan_is_empty(m);
	machine_ok(m, machine_confirm(m, &arrivals));
	assert_true(arrivals.all);
	unified_line_is(m, IMAGE, COMMAND_LINE " passthru.boot=1");
	assert_true(unified_has_helper(m, IMAGE));
	/* modules of the kernel in the image of before go with the next update */
	machine_holds(m, PLAIN_ENTRY, "efi /EFI/Linux/arch-linux.efi\n options " COMMAND_LINE "\n",
		      true);
	assert_false(machine_exists(m, IMAGE ".passthru-old"));
	unified_boot(m, "passthru.boot=1", "arch-linux.efi");
	machine_plan_is_empty(m);
	machine_ok(m, machine_undo(m, &undone));
	machine_is_as_before(m);
}

static void test_cycle(void **state)
{
	cycle(*state);
}

static void test_directory_of_words(void **state)
{
	struct machine *m = *state;

	temporary_file(&m->t, "etc/cmdline.d/root.conf", COMMAND_LINE "\n");
	machine_disk_is_now(m);
	cycle(m);
}

/* The preset makes an initramfs image, too: the host is not started from that. */
static void test_both_images(void **state)
{
	struct machine *m = *state;

	temporary_file(&m->t, "etc/mkinitcpio.d/linux.preset",
		       "default_image=/" INITRAMFS "\ndefault_uki=\"/" IMAGE "\"\n");
	unified_run(m, "%s/mkinitcpio -k " OLD " -g /" INITRAMFS, m->programs.path);
	machine_disk_is_now(m);
	cycle(m);
}

/* The next kernel of the package takes the place of the one before, in the image, too. */
static void updated(struct machine *m)
{
	struct setup_undone undone;

	temporary_file(&m->t, "etc/cmdline.d/root.conf", COMMAND_LINE "\n");
	m->wish.no_trial = true;
	machine_ok(m, machine_setup(m));
	unified_boot(m, "passthru.boot=1", "arch-linux.efi");
	unified_run(m,
		    "cd %s/usr/lib/modules && mv " OLD " " NEW " && %s/mkinitcpio -k " NEW
		    " -U /" IMAGE,
		    m->t.path, m->programs.path);
	unified_line_is(m, IMAGE, COMMAND_LINE " passthru.boot=1");
	assert_true(unified_has_helper(m, IMAGE));
	machine_ok(m, machine_undo(m, &undone));
	assert_int_equal(undone.n, 1);
	unified_line_is(m, IMAGE, COMMAND_LINE);
	assert_false(unified_has_helper(m, IMAGE));
	machine_says(m, machine_undo(m, &undone), "no change to undo");
}

static void test_updated(void **state)
{
	updated(*state);
}

/* The kernel in the image of the trial has lost its modules: setup again makes one of the next. */
static void test_trial_updated(void **state)
{
	struct machine *m = *state;
	struct setup_undone undone;

	machine_ok(m, machine_setup(m));
	unified_run(m,
		    "cd %s/usr/lib/modules && mv " OLD " " NEW " && %s/mkinitcpio -k " NEW
		    " -U /" IMAGE,
		    m->t.path, m->programs.path);
	machine_ok(m, machine_setup(m));
	assert_int_equal(m->number, 2);
	CLEANUP_INITRAMFS struct initramfs_image *image = NULL;
	machine_open(m);
	machine_ok(m, initramfs_open(m->host.root, IMAGE ".passthru", &image, &m->e));
	assert_non_null(initramfs_find(image, "lib/modules/" NEW "/modules.dep.bin"));
	machine_plan_is_empty(m);
	machine_ok(m, machine_undo(m, &undone));
	assert_int_equal(undone.n, 2);
	assert_false(unified_has_helper(m, IMAGE));
}

/* No file has words, so mkinitcpio takes those of the boot: what it has made is told. */
static void test_updated_without_words(void **state)
{
	struct machine *m = *state;
	struct setup_undone undone;

	m->wish.no_trial = true;
	machine_ok(m, machine_setup(m));
	unified_boot(m, "passthru.boot=1", "arch-linux.efi");
	temporary_file(&m->t, "usr/lib/modules/" OLD "/kernel/vfio/vfio.ko", "rebuilt");
	unified_run(m, "%s/mkinitcpio -k " OLD " -U /" IMAGE, m->programs.path);
	machine_ok(m, machine_undo(m, &undone));
	assert_int_equal(undone.also.n, 1);
	if (!strstr(undone.also.name[0], IMAGE " was made anew with passthru.boot=1 and what else"))
		fail_msg("%s", undone.also.name[0]);
	assert_false(unified_has_helper(m, IMAGE));
}

static void test_both_updated(void **state)
{
	struct machine *m = *state;

	temporary_file(&m->t, "etc/mkinitcpio.d/linux.preset",
		       "default_image=/" INITRAMFS "\ndefault_uki=\"/" IMAGE "\"\n");
	unified_run(m, "%s/mkinitcpio -k " OLD " -g /" INITRAMFS, m->programs.path);
	updated(m);
}

/* No entry could leave the words of an image out, so that of before stays. */
static void test_secure_boot(void **state)
{
	static const unsigned char on[] = { 6, 0, 0, 0, 1 };
	struct machine *m = *state;
	struct setup_undone undone;

	temporary_bytes(&m->t, SECURE_BOOT, on, sizeof(on));
	machine_says(m, machine_setup(m), "Secure Boot is on");
	machine_is_as_before(m);
	m->wish.no_trial = true;
	machine_ok(m, machine_setup(m));
	machine_holds(m, PLAIN_ENTRY, "efi /EFI/Linux/arch-linux.efi.passthru-old\n", true);
	unified_line_is(m, IMAGE ".passthru-old", COMMAND_LINE);
	machine_plan_is_empty(m);
	machine_ok(m, machine_undo(m, &undone));
	machine_is_as_before(m);
}

#define PRESET_TEST(test) cmocka_unit_test_setup_teardown(test, start, machine_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PRESET_TEST(test_cycle),         PRESET_TEST(test_directory_of_words),
		PRESET_TEST(test_both_images),   PRESET_TEST(test_updated),
		PRESET_TEST(test_trial_updated), PRESET_TEST(test_updated_without_words),
		PRESET_TEST(test_both_updated),  PRESET_TEST(test_secure_boot),
	};

	if (!getenv("PASSTHRU_TEST_UKIFY"))
		return 99;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
