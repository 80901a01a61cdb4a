// SPDX-License-Identifier: MIT
// systemd-boot: which entries are ours to change, the trial entry and its one-shot, what permanent
// leaves, and what a second look at the same host finds to do: nothing.
//
// The entries of kernel-install are those that Debian 12's makes (systemd 252, run on a scratch
// root), the static ones those of Arch's installation guide.

#include "tests/bootloader/bls_host.h"

#include <errno.h>

#define ESP "boot/efi/"
#define ENTRIES ESP "loader/entries/"
#define MACHINE "0123456789abcdef0123456789abcdef"
#define OLD "6.1.0-37-amd64"
#define NEW "6.1.0-40-amd64"
#define MOUNTS(esp)                                                                                \
	"21 1 8:2 / / rw - ext4 /dev/sda2 rw\n22 21 8:1 / /" esp " rw - vfat /dev/sda1 rw\n"

static const char *debian_entry(const char *release, const char *options)
{
	return arena_printf(&host.arena,
			    "title      Debian GNU/Linux 12 (bookworm)\n"
			    "version    %s\n"
			    "machine-id " MACHINE "\n"
			    "sort-key   debian\n"
			    "options    %s\n"
			    "linux      /" MACHINE "/%s/linux\n"
			    "initrd     /" MACHINE "/%s/initrd.img-%s\n",
			    release, options, release, release, release);
}

static const char *entry_of(const char *release)
{
	return arena_printf(&host.arena, ENTRIES MACHINE "-%s.conf", release);
}

static const char *copy_of(const char *release, const char *name)
{
	return arena_printf(&host.arena, ESP MACHINE "/%s/%s", release, name);
}

static void has_debian_kernel(const char *release)
{
	has_kernel(release, arena_concat(&host.arena, "boot/vmlinuz-", release),
		   arena_concat(&host.arena, "boot/initrd.img-", release));
	has(copy_of(release, "linux"), "kernel");
	has(copy_of(release, arena_concat(&host.arena, "initrd.img-", release)),
	    arena_concat(&host.arena, "image of ", release));
	has(entry_of(release),
	    debian_entry(release, "root=UUID=7 ro quiet systemd.machine_id=" MACHINE));
}

static void want(size_t kernel)
{
	change.words = words_of("passthru.boot=1 iommu=pt hugepagesz=1G hugepages=4");
	change.trial_words = words_of("passthru.trial=1 panic=30");
	change.kernel = &generator.kernels[kernel];
	change.trial_image = arena_concat(&host.arena, change.kernel->image, ".passthru");
	has(change.trial_image, "image with the helper");
}

static void has_debian(void)
{
	has("proc/self/mountinfo", MOUNTS("boot/efi"));
	has("proc/cmdline", "BOOT_IMAGE=/x initrd=\\a root=UUID=7 ro quiet\n");
	has("etc/machine-id", MACHINE "\n");
	has("usr/bin/bootctl", "");
	has("usr/bin/kernel-install", "");
	has(ESP "EFI/systemd/systemd-bootx64.efi", "");
	has(ESP "loader/loader.conf", "timeout 3\n#default x\n");
	has_variable("LoaderInfo", "systemd-boot 252.39-1~deb12u2");
	has_debian_kernel(OLD);
	has_debian_kernel(NEW);
	want(1);
}

static void has_arch(void)
{
	has("proc/self/mountinfo", MOUNTS("boot"));
	has("proc/cmdline", "root=/dev/sda2 rw\n");
	has("etc/machine-id", MACHINE "\n");
	has("usr/bin/bootctl", "");
	has("usr/bin/kernel-install", "");
	has("boot/EFI/systemd/systemd-bootx64.efi", "");
	has_variable("LoaderInfo", "systemd-boot 256.4-1-arch");
	has_kernel("6.10.3-arch1-1", "boot/vmlinuz-linux", "boot/initramfs-linux.img");
	has("boot/intel-ucode.img", "microcode");
	has("boot/initramfs-linux-fallback.img", "fallback");
	has("boot/loader/entries/arch.conf", "title   Arch Linux\n"
					     "linux   /vmlinuz-linux\n"
					     "initrd  /intel-ucode.img\n"
					     "initrd  /initramfs-linux.img\n"
					     "options root=/dev/sda2 rw\n");
	has("boot/loader/entries/arch-fallback.conf", "title   Arch Linux (fallback)\n"
						      "linux   /vmlinuz-linux\n"
						      "initrd  /initramfs-linux-fallback.img\n"
						      "options root=/dev/sda2 rw\n");
	want(0);
}

/* ---- which it is ---- */

static void test_seen(void **state)
{
	(void)state;
	has_debian();
	chosen("systemd-boot");
	assert_true(boot.chosen->seen);
	assert_int_equal(boot.chosen->evidence.n, 3);
	assert_string_equal(boot.chosen->evidence.name[2],
			    "boot/efi/loader/entries has 2 entries of this system");
}

static void test_left_behind(void **state)
{
	(void)state;
	has_debian();
	has_variable("LoaderInfo", "GRUB 2.12");
	read_boot();
	assert_null(boot.chosen);
	/* GRUB's own entries are no sign of it */
	gone(ESP "EFI/systemd/systemd-bootx64.efi");
	gone(VARIABLES "LoaderInfo" VENDOR);
	read_boot();
	assert_int_equal(boot.n_candidates, 0);
}

static void test_others_entries(void **state)
{
	(void)state;
	has_debian();
	has(ENTRIES "fedora.conf", "title Fedora\nmachine-id 99\nlinux /f\noptions x\n");
	has(ENTRIES "other.conf", "title Other\nlinux /o\noptions x\n");
	chosen("systemd-boot");
	permanent_planned();
	assert_null(step_for(ENTRIES "fedora.conf"));
	assert_null(step_for(ENTRIES "other.conf"));
	assert_non_null(step_for(entry_of(OLD)));
}

/* ---- the trial ---- */

static void test_trial(void **state)
{
	(void)state;
	has_debian();
	chosen("systemd-boot");
	trial_planned();
	assert_int_equal(plan.n_steps, 4);
	/* where it is missing kernel-install would take the trial's words, in the trial's boot */
	assert_string_equal(planned("etc/kernel/cmdline"),
			    "root=UUID=7 ro quiet systemd.machine_id=" MACHINE "\n");
	assert_string_equal(line_of(plan.steps[1].argv),
			    "cp --no-preserve=mode,ownership -- /boot/initrd.img-" NEW
			    ".passthru /boot/efi/" MACHINE "/" NEW "/initrd.img-" NEW
			    ".passthru.new");
	assert_string_equal(plan.steps[1].becomes, copy_of(NEW, "initrd.img-" NEW ".passthru"));
	/* no sort-key: behind those that have one */
	assert_string_equal(
		planned(ENTRIES "passthru-trial.conf"),
		"title Debian GNU/Linux 12 (bookworm) (trial of passthru)\n"
		"version " NEW "\n"
		"machine-id " MACHINE "\n"
		"linux /" MACHINE "/" NEW "/linux\n"
		"initrd /" MACHINE "/" NEW "/initrd.img-" NEW ".passthru\n"
		" options root=UUID=7 ro quiet systemd.machine_id=" MACHINE
		" passthru.boot=1 iommu=pt hugepagesz=1G hugepages=4 passthru.trial=1 panic=30\n");
	assert_string_equal(line_of(plan.steps[3].argv), "bootctl set-oneshot passthru-trial.conf");
}

/* Done, nothing is left; when the variable is used up only the choice is made again. */
static void test_trial_again(void **state)
{
	size_t n;

	(void)state;
	has_debian();
	chosen("systemd-boot");
	trial_planned();
	done(&n);
	assert_int_equal(n, 4);
	chosen("systemd-boot");
	trial_planned();
	done(&n);
	assert_int_equal(n, 0);
	gone(VARIABLES "LoaderEntryOneShot" VENDOR);
	chosen("systemd-boot");
	trial_planned();
	assert_int_equal(plan.steps[2].proof(&host, &plan.steps[2], NULL, &e), -EIO);
	assert_string_equal(e.text,
			    "the entry for the next boot is not set, not passthru-trial.conf");
	done(&n);
	assert_int_equal(n, 1);
}

static void test_trial_arch(void **state)
{
	(void)state;
	has_arch();
	chosen("systemd-boot");
	trial_planned();
	/* the image lies on $BOOT already, and without sort-keys the name has to be the lowest */
	assert_int_equal(plan.n_steps, 2);
	assert_string_equal(planned("boot/loader/entries/_-passthru-trial.conf"),
			    "title Arch Linux (trial of passthru)\n"
			    "linux /vmlinuz-linux\n"
			    "initrd /intel-ucode.img\n"
			    "initrd /initramfs-linux.img.passthru\n"
			    " options root=/dev/sda2 rw passthru.boot=1 iommu=pt hugepagesz=1G "
			    "hugepages=4 passthru.trial=1 panic=30\n");
	assert_string_equal(line_of(plan.steps[1].argv),
			    "bootctl set-oneshot _-passthru-trial.conf");
}

static void test_trial_of_the_usual(void **state)
{
	(void)state;
	has_arch();
	has("boot/loader/entries/zz.conf", "title Z\nlinux /vmlinuz-linux\n"
					   "initrd /initramfs-linux.img\noptions root=/dev/z\n");
	chosen("systemd-boot");
	trial_planned();
	assert_non_null(strstr(planned("boot/loader/entries/_-passthru-trial.conf"), "/dev/z"));
	plan = (struct plan){ 0 };
	has("boot/loader/loader.conf", "default ARCH*\n");
	chosen("systemd-boot");
	trial_planned();
	assert_non_null(strstr(planned("boot/loader/entries/_-passthru-trial.conf"), "/dev/sda2"));
}

static void test_trial_refused(void **state)
{
	static const unsigned char features[] = { 6, 0, 0, 0, 0x07, 0, 0, 0, 0, 0, 0, 0 };

	(void)state;
	has_debian();
	temporary_bytes(&top, VARIABLES "LoaderFeatures" VENDOR, features, sizeof(features));
	trial_refused("has no entry for one boot only (LoaderFeatures)");
	gone(VARIABLES "LoaderFeatures" VENDOR);
	has(ESP "loader/loader.conf", "default passthru-*\n");
	trial_refused("is \"passthru-*\", which fits no entry but the one");
	has(ESP "loader/loader.conf", "default *\n");
	gone("usr/bin/bootctl");
	trial_refused("bootctl is not installed");
	gone(VARIABLES "LoaderInfo" VENDOR);
	trial_refused("the variables of the firmware cannot be read");
}

static void test_trial_unclear_image(void **state)
{
	(void)state;
	has_arch();
	has("boot/loader/entries/arch.conf", "title Arch\nlinux /vmlinuz-linux\n"
					     "initrd /one.img\ninitrd /two.img\noptions a\n");
	trial_refused("does not say which of its initrd lines is the initramfs image");
}

/* ---- permanent ---- */

static void now_permanent(void)
{
	done(NULL);
	chosen("systemd-boot");
	rebuilt();
	permanent_planned();
}

static void test_permanent(void **state)
{
	size_t n;

	(void)state;
	has_debian();
	chosen("systemd-boot");
	trial_planned();
	now_permanent();
	assert_string_equal(planned(ENTRIES "passthru-without.conf"),
			    "title Debian GNU/Linux 12 (bookworm) (without passthru)\n"
			    "version " NEW "\n"
			    "machine-id " MACHINE "\n"
			    "linux /" MACHINE "/" NEW "/linux\n"
			    "initrd /" MACHINE "/" NEW "/initrd.img-" NEW ".passthru-old\n"
			    " options root=UUID=7 ro quiet systemd.machine_id=" MACHINE "\n");
	/* it was missing: whole, as kernel-install needs it */
	assert_string_equal(planned("etc/kernel/cmdline"),
			    "root=UUID=7 ro quiet systemd.machine_id=" MACHINE
			    " passthru.boot=1 iommu=pt hugepagesz=1G hugepages=4\n");
	assert_string_equal(planned(entry_of(OLD)),
			    debian_entry(OLD, "root=UUID=7 ro quiet systemd.machine_id=" MACHINE
					      " passthru.boot=1 iommu=pt hugepagesz=1G "
					      "hugepages=4"));
	assert_true(step_for(ENTRIES "passthru-trial.conf")->absent);
	assert_true(step_for(copy_of(NEW, "initrd.img-" NEW ".passthru"))->absent);
	done(&n);
	assert_int_equal(n, 9);
	has_words_once(BLS_SYSTEMD, entry_of(OLD), &change.words);
	has_words_once(BLS_SYSTEMD, entry_of(NEW), &change.words);
	assert_string_equal(text_of(copy_of(OLD, "initrd.img-" OLD)), "rebuilt");
	assert_string_equal(text_of(copy_of(NEW, "initrd.img-" NEW)), "rebuilt");
	assert_string_equal(text_of(copy_of(NEW, "initrd.img-" NEW ".passthru-old")),
			    "image of before");
	chosen("systemd-boot");
	permanent_planned();
	done(&n);
	assert_int_equal(n, 0);
}

static void test_permanent_cmdline(void **state)
{
	(void)state;
	has_debian();
	has("etc/kernel/cmdline", "root=UUID=7 ro\nquiet\n");
	chosen("systemd-boot");
	permanent_planned();
	assert_string_equal(
		planned("etc/kernel/cmdline"),
		"root=UUID=7 ro\nquiet passthru.boot=1 iommu=pt hugepagesz=1G hugepages=4\n");
	/* that of the system is taken over when there is none of the host */
	plan = (struct plan){ 0 };
	gone("etc/kernel/cmdline");
	has("usr/lib/kernel/cmdline", "root=UUID=8\n");
	permanent_planned();
	assert_string_equal(planned("etc/kernel/cmdline"),
			    "root=UUID=8 passthru.boot=1 iommu=pt hugepagesz=1G hugepages=4\n");
}

static void test_permanent_arch(void **state)
{
	size_t n;

	(void)state;
	has_arch();
	chosen("systemd-boot");
	trial_planned();
	now_permanent();
	/* a line of our own, no word in the fallback's entry, nothing for kernel-install */
	assert_string_equal(planned("boot/loader/entries/arch.conf"),
			    "title   Arch Linux\n"
			    "linux   /vmlinuz-linux\n"
			    "initrd  /intel-ucode.img\n"
			    "initrd  /initramfs-linux.img\n"
			    "options root=/dev/sda2 rw\n"
			    "options passthru.boot=1 iommu=pt hugepagesz=1G hugepages=4\n");
	assert_null(step_for("boot/loader/entries/arch-fallback.conf"));
	assert_null(step_for("etc/kernel/cmdline"));
	assert_non_null(strstr(planned("boot/loader/entries/_-passthru-without.conf"),
			       "initrd /initramfs-linux.img.passthru-old\n"));
	done(&n);
	assert_int_equal(n, 3);
	has_words_once(BLS_SYSTEMD, "boot/loader/entries/arch.conf", &change.words);
	chosen("systemd-boot");
	permanent_planned();
	done(&n);
	assert_int_equal(n, 0);
}

/* What the user has himself is neither added nor taken. */
static void test_users_words(void **state)
{
	size_t n;

	(void)state;
	has_debian();
	has("etc/kernel/cmdline", "root=UUID=7 iommu=pt\n");
	has(entry_of(OLD), debian_entry(OLD, "root=UUID=7 iommu=pt"));
	has(entry_of(NEW), debian_entry(NEW, "root=UUID=7 iommu=pt"));
	chosen("systemd-boot");
	permanent_planned();
	assert_string_equal(planned(entry_of(OLD)),
			    debian_entry(OLD, "root=UUID=7 iommu=pt passthru.boot=1 hugepagesz=1G "
					      "hugepages=4"));
	done(NULL);
	has_words_once(BLS_SYSTEMD, entry_of(OLD), &change.words);
	/* a kernel that came later, from that file */
	has_debian_kernel("6.1.0-41-amd64");
	has(entry_of("6.1.0-41-amd64"), debian_entry("6.1.0-41-amd64", text_of("etc/kernel/"
									       "cmdline")));
	chosen("systemd-boot");
	assert_int_equal(bootloader_leave(&boot, &change.words, &plan, &e), 0);
	assert_non_null(
		strstr(planned(entry_of("6.1.0-41-amd64")), "options    root=UUID=7 iommu=pt\n"));
	assert_null(step_for(ENTRIES "passthru-without.conf"));
	done(&n);
	assert_int_equal(n, 3);
	assert_string_equal(text_of(entry_of(OLD)), debian_entry(OLD, "root=UUID=7 iommu=pt"));
}

/* update-initramfs writes the entry anew: undo takes just the words out of that. */
static void test_written_anew(void **state)
{
	(void)state;
	has_debian();
	has(entry_of(OLD), debian_entry(OLD, "root=UUID=7 hugepagesz=1G hugepages=4"));
	chosen("systemd-boot");
	permanent_planned();
	const struct step *step = step_for(entry_of(OLD));
	assert_string_equal(step->trace, "passthru.boot=1");
	assert_string_equal(step->writes[0], entry_of(OLD));
	assert_true(step->may_go);
	has(entry_of(OLD),
	    "title passthru.boot=1\noptions hugepagesz=1G hugepages=4 passthru.boot=1x  "
	    "passthru.boot=1 iommu=pt xiommu=pt hugepages=4 passthruxboot=1\n");
	/* it may have been renamed by a boot counter */
	assert_int_equal(rename(temporary_path(&top, entry_of(OLD)),
				temporary_path(&top, ENTRIES MACHINE "-" OLD "+3-1.conf")),
			 0);
	const char *argv[32] = { 0 };
	for (size_t i = 0; step->regenerate[i]; i++)
		argv[i] = step->regenerate[i];
	assert_string_equal(argv[1], "/boot/efi/loader/entries");
	argv[1] = temporary_path(&top, ENTRIES);
	const char *line = "";
	for (size_t i = 0; argv[i]; i++)
		line = arena_printf(&host.arena, "%s %s", line,
				    text_shell_word(&host.arena, argv[i]));
	assert_int_equal(system(line), 0);
	assert_string_equal(text_of(ENTRIES MACHINE "-" OLD "+3-1.conf"),
			    "title passthru.boot=1\noptions hugepagesz=1G hugepages=4 "
			    "passthru.boot=1x  xiommu=pt hugepages=4 passthruxboot=1\n");
	gone(ENTRIES MACHINE "-" OLD "+3-1.conf");
	assert_int_equal(system(line), 0);
}

/* The engine: an entry that was written anew since, one that is as it was left, one that is gone.
 */
static void test_undone(void **state)
{
	const char *third = "6.1.0-9-amd64", *before;
	struct change_session session;
	unsigned number;

	(void)state;
	has_debian();
	has_debian_kernel(third);
	want(1);
	before = text_of(entry_of(OLD));
	chosen("systemd-boot");
	permanent_planned();
	struct plan edits = { .steps =
				      arena_array(&host.arena, plan.n_steps, sizeof(struct step)) };
	for (size_t i = 0; i < plan.n_steps; i++) {
		if (!plan.steps[i].path || !strstr(plan.steps[i].path, MACHINE))
			continue;
		struct step *step = &edits.steps[edits.n_steps++];
		*step = plan.steps[i];
		/* the program's commands are for the root of the machine that it runs on */
		const char **argv = arena_array(&host.arena, 32, sizeof(*argv));
		for (size_t k = 0; step->regenerate[k]; k++)
			argv[k] = k == 1 ? arena_printf(&host.arena, "%s/" ENTRIES, top.path)
					 : step->regenerate[k];
		step->regenerate = argv;
	}
	assert_int_equal(edits.n_steps, 3);
	assert_int_equal(change_open(&host, NULL, &session, &e), 0);
	int error = change_apply(&session, &edits, "test", &number, &e);
	assert_int_equal(error, 0);
	has_words_once(BLS_SYSTEMD, entry_of(OLD), &change.words);
	has(entry_of(NEW), debian_entry(NEW, "root=UUID=9 passthru.boot=1 iommu=pt hugepagesz=1G "
					     "hugepages=4 x"));
	gone(entry_of(third));
	error = change_undo(&session, number, NULL, &number, &e);
	if (error < 0)
		fail_msg("%s", e.text);
	change_close(&session);
	assert_string_equal(text_of(entry_of(OLD)), before);
	assert_string_equal(text_of(entry_of(NEW)), debian_entry(NEW, "root=UUID=9 x"));
	assert_null(text_of(entry_of(third)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BLS_TEST(test_seen),
		BLS_TEST(test_left_behind),
		BLS_TEST(test_others_entries),
		BLS_TEST(test_trial),
		BLS_TEST(test_trial_again),
		BLS_TEST(test_trial_arch),
		BLS_TEST(test_trial_of_the_usual),
		BLS_TEST(test_trial_refused),
		BLS_TEST(test_trial_unclear_image),
		BLS_TEST(test_permanent),
		BLS_TEST(test_permanent_cmdline),
		BLS_TEST(test_permanent_arch),
		BLS_TEST(test_users_words),
		BLS_TEST(test_written_anew),
		BLS_TEST(test_undone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
