// SPDX-License-Identifier: MIT
// Unified images of mkinitcpio: the words go where it takes them from, before the images are made,
// and an image that came out without them is none. mkinitcpio itself is not packaged by Debian; the
// presets are Arch's. The section of the command line is also read from an image that objcopy made
// from systemd's stub, where both are installed.

#include "tests/bootloader/bls_host.h"

#include "bootloader/uki.h"

#include <errno.h>

#define IMAGE "efi/EFI/Linux/arch-linux.efi"
#define OPTIONS "root=/dev/sda2 rw quiet"

static void number(unsigned char *to, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		to[i] = (unsigned char)(value >> (8 * i));
}

/* A PE file with ".initrd" and ".cmdline", and those of a second profile. */
static void has_image(const char *path, const char *line)
{
	unsigned char file[1024] = { 'M', 'Z' };
	static const char *const names[] = { ".initrd", ".cmdline", ".profile", ".profile",
					     ".cmdline" };
	const char *const contents[] = { "cpio", line, "", "", "other" };
	unsigned char *section = file + 64 + 24;
	uint32_t at = 512;

	number(file + 60, 64);
	memcpy(file + 64, "PE\0", 4);
	file[64 + 6] = ARRAY_SIZE(names);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++, section += 40) {
		uint32_t n = (uint32_t)strlen(contents[i]);

		strncpy((char *)section, names[i], 8);
		number(section + 8, n + 1);
		/* padded in the file */
		number(section + 16, n + 20);
		number(section + 20, at);
		memcpy(file + at, contents[i], n);
		at += n + 20;
	}
	temporary_bytes(&top, path, file, sizeof(file));
}

static void has_arch(void)
{
	has("proc/self/mountinfo", "21 1 8:2 / / rw - ext4 /dev/sda2 rw\n"
				   "22 21 8:1 / /efi rw - vfat /dev/sda1 rw\n");
	has("proc/cmdline", OPTIONS "\n");
	has("usr/bin/bootctl", "");
	has("usr/bin/mkinitcpio", "#!/bin/bash\n: /etc/cmdline.d/*.conf\n");
	has("etc/mkinitcpio.d/linux.preset", "PRESETS=('default')\ndefault_uki=\"/" IMAGE "\"\n");
	has("efi/EFI/systemd/systemd-bootx64.efi", "");
	has_variable("LoaderInfo", "systemd-boot 256.4-1-arch");
	has_variable("StubInfo", "systemd-stub 256.4-1-arch");
	has_variable("LoaderEntrySelected", "arch-linux.efi");
	has_kernel("6.10.3-arch1-1", "boot/vmlinuz-linux", IMAGE)->preset = "linux";
	has_image(IMAGE, OPTIONS);
	change.words = words_of("passthru.boot=1 iommu=pt");
	change.trial_words = words_of("passthru.trial=1");
	change.kernel = &generator.kernels[0];
	change.trial_image = IMAGE ".passthru";
	has_image(change.trial_image, OPTIONS);
}

/* What confirm has in its plan before the boot loader is asked: a file, and the image's command. */
static int proved;

static int prove_image(struct host *h, const struct step *step, const char *path, struct err *ret)
{
	(void)h, (void)path, (void)ret;
	assert_string_equal(step->data, "data of the image");
	proved++;
	return 0;
}

static void has_image_step(void)
{
	static const struct initramfs_kernel *kernels_made[1];
	static const char *const argv[] = { "mkinitcpio", NULL };

	kernels_made[0] = &generator.kernels[0];
	change.rebuilt = kernels_made;
	change.n_rebuilt = 1;
	change.plain_image = IMAGE ".passthru-old";
	plan_file(&host.arena, &plan, "hook", "etc/initcpio/hooks/passthru",
		  (struct bytes){ "x", 1 }, 0);
	struct step *step = plan_step(&host.arena, &plan, STEP_COMMAND, "image");
	step->argv = argv;
	step->becomes = IMAGE;
	step->proof = prove_image;
	step->data = "data of the image";
	plan_file(&host.arena, &plan, "later", "etc/later", (struct bytes){ "x", 1 }, 0);
}

/* ---- the section ---- */

static void test_section(void **state)
{
	struct initramfs_unified image;

	(void)state;
	has_image(IMAGE, OPTIONS "\n");
	assert_int_equal(uki_read(&host, IMAGE, &image, &e), 0);
	assert_string_equal(image.line, OPTIONS);
	has("x", "MZ and no more");
	assert_int_equal(uki_read(&host, "x", &image, &e), -EBADMSG);
	assert_int_equal(uki_read(&host, "y", &image, &e), -ENOENT);
}

static void test_section_of_a_real_one(void **state)
{
	const char *stub = getenv("EFI_STUB") ? getenv("EFI_STUB")
					      : "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";
	struct initramfs_unified image;

	(void)state;
	if (access(stub, R_OK) < 0 || system("objcopy --version >/dev/null 2>&1") != 0) {
		print_message("# no stub of systemd-boot-efi, or no objcopy\n");
		skip();
	}
	has("line", OPTIONS);
	const char *command = arena_printf(
		&host.arena,
		"objcopy --add-section .cmdline=%s/line --change-section-vma .cmdline=0x30000 "
		"%s %s/real.efi",
		top.path, stub, top.path);
	assert_int_equal(system(command), 0);
	assert_int_equal(uki_read(&host, "real.efi", &image, &e), 0);
	assert_string_equal(image.line, OPTIONS);
	/* a stub alone has none */
	assert_int_equal(system(arena_printf(&host.arena, "cp %s %s/stub.efi", stub, top.path)), 0);
	assert_int_equal(uki_read(&host, "stub.efi", &image, &e), -ENOENT);
}

/* ---- which it is ---- */

static void test_chosen(void **state)
{
	(void)state;
	has_arch();
	chosen("uki");
	assert_true(boot.chosen->seen);
	assert_string_equal(boot.chosen->evidence.name[0], "the preset linux makes " IMAGE);
	/* beside entries in files, what was selected decides */
	has("efi/loader/entries/arch.conf",
	    "title a\nlinux /vmlinuz\nversion 6.10.3-arch1-1\noptions a\n");
	has("efi/vmlinuz", "");
	chosen("uki");
	has_variable("LoaderEntrySelected", "arch.conf");
	chosen("systemd-boot");
}

/* The preset makes an initramfs image, too. */
static void test_both_images(void **state)
{
	(void)state;
	has_arch();
	generator.kernels[0].image = "boot/initramfs-linux.img";
	generator.kernels[0].unified = IMAGE;
	generator.kernels[0].maker = INITRAMFS_MAKER_PRESET;
	chosen("uki");
	assert_string_equal(boot.chosen->evidence.name[0], "the preset linux makes " IMAGE);
	generator.kernels[0].image = IMAGE;
	trial_planned();
	assert_string_equal(planned("etc/kernel/cmdline"), OPTIONS "\n");
}

static void test_others_images(void **state)
{
	(void)state;
	has_arch();
	generator.kernels[0].preset = NULL;
	read_boot();
	assert_null(boot.chosen);
	assert_non_null(strstr(boot.refusal, "no preset of mkinitcpio makes it"));
}

/* ---- the trial ---- */

static void test_trial(void **state)
{
	size_t n;

	(void)state;
	has_arch();
	chosen("uki");
	trial_planned();
	assert_string_equal(planned("efi/loader/entries/_-passthru-trial.conf"),
			    "title arch-linux.efi (trial of passthru)\n"
			    "efi /EFI/Linux/arch-linux.efi.passthru\n"
			    " options " OPTIONS " passthru.boot=1 iommu=pt passthru.trial=1\n");
	/* else an image that is made in the trial's boot would have the trial's words */
	assert_string_equal(planned("etc/kernel/cmdline"), OPTIONS "\n");
	done(&n);
	assert_int_equal(n, 3);
	/* in the trial boot */
	has_variable("LoaderEntrySelected", "_-passthru-trial.conf");
	has("proc/cmdline", OPTIONS " passthru.trial=1\n");
	chosen("uki");
	trial_planned();
	done(&n);
	assert_int_equal(n, 0);
}

static void test_trial_refused(void **state)
{
	static const unsigned char on[] = { 6, 0, 0, 0, 1 };

	(void)state;
	has_arch();
	temporary_bytes(&top, KERNEL_SECURE_BOOT, on, sizeof(on));
	trial_refused("Secure Boot is on");
	has("etc/mkinitcpio.d/linux.preset", "ALL_cmdline=/etc/x\n");
	trial_refused("names a command line of its own");
}

/* ---- permanent ---- */

static void test_permanent(void **state)
{
	(void)state;
	has_arch();
	has("etc/kernel/cmdline", "# mine\n" OPTIONS "\n");
	has("etc/cmdline.d/10.conf", "iommu=pt\n");
	chosen("uki");
	has_image_step();
	permanent_planned();
	/* in front of the command that reads it, behind what was there */
	assert_int_equal(plan.n_steps, 5);
	assert_string_equal(plan.steps[0].path, "etc/initcpio/hooks/passthru");
	assert_string_equal(plan.steps[1].path, "etc/cmdline.d/zz-passthru.conf");
	assert_string_equal(plan.steps[1].content.data, "passthru.boot=1\n");
	assert_string_equal(plan.steps[2].becomes, IMAGE);
	assert_string_equal(plan.steps[3].path, "etc/later");
	assert_string_equal(planned("efi/loader/entries/_-passthru-without.conf"),
			    "title arch-linux.efi (without passthru)\n"
			    "efi /EFI/Linux/arch-linux.efi.passthru-old\n");
	/* the image has to have the words, and what was asked of it before */
	const struct step *step = &plan.steps[2];
	proved = 0;
	assert_int_equal(step->proof(&host, step, IMAGE, &e), -EIO);
	assert_string_equal(e.text, "the command line in " IMAGE " lacks passthru.boot=1");
	has_image(IMAGE, OPTIONS " passthru.boot=1 iommu=pt");
	assert_int_equal(step->proof(&host, step, IMAGE, &e), 0);
	assert_int_equal(proved, 2);
	/* made with the words, and of another line */
	has_image(IMAGE, "root=/dev/sdb1 rw quiet passthru.boot=1 iommu=pt");
	assert_int_equal(step->proof(&host, step, IMAGE, &e), -EIO);
	assert_string_equal(e.text,
			    "the command line in " IMAGE " lacks root=/dev/sda2, which that "
			    "of before has; when this is meant, run mkinitcpio -P first");
}

/* So far mkinitcpio has taken the running kernel's: with a file, that has to be whole. */
static void test_permanent_without_file(void **state)
{
	(void)state;
	has_arch();
	chosen("uki");
	permanent_planned();
	assert_null(step_for("etc/cmdline.d/zz-passthru.conf"));
	assert_string_equal(planned("etc/kernel/cmdline"), OPTIONS " passthru.boot=1 iommu=pt\n");
	plan = (struct plan){ 0 };
	/* before version 36 */
	has("usr/bin/mkinitcpio", "#!/bin/bash\n");
	has("usr/lib/kernel/cmdline", "root=/dev/vendor\n");
	permanent_planned();
	assert_string_equal(planned("etc/kernel/cmdline"),
			    "root=/dev/vendor passthru.boot=1 iommu=pt\n");
}

/* Since version 36 the directory alone is enough: a copy of the line would hide later edits. */
static void test_directory_alone(void **state)
{
	size_t n;

	(void)state;
	has_arch();
	has("etc/cmdline.d/root.conf", "root=/dev/sda2 rw\n");
	has("etc/cmdline.d/quiet.conf", "# mine\nquiet iommu=pt\n");
	chosen("uki");
	trial_planned();
	assert_null(step_for("etc/kernel/cmdline"));
	plan = (struct plan){ 0 };
	permanent_planned();
	assert_null(step_for("etc/kernel/cmdline"));
	assert_string_equal(planned("etc/cmdline.d/zz-passthru.conf"), "passthru.boot=1\n");
	done(&n);
	permanent_planned();
	assert_null(step_for("etc/kernel/cmdline"));
	/* before version 36 nobody reads it */
	has("usr/bin/mkinitcpio", "#!/bin/bash\n");
	plan = (struct plan){ 0 };
	trial_planned();
	assert_string_equal(planned("etc/kernel/cmdline"), OPTIONS "\n");
}

/* A number of huge pages is one with the size before it: of dracut, which gets what is missing. */
static void test_pairs(void **state)
{
	struct initramfs_setting configured = {
		.name = "kernel_cmdline",
		.value = "root=/dev/sda2 hugepagesz=2M hugepages=16",
		.path = "etc/dracut.conf.d/10.conf",
	};
	struct uki uki = { .maker = UKI_DRACUT };
	struct names words = words_of("passthru.boot=1 hugepagesz=1G hugepages=16");

	(void)state;
	has_arch();
	chosen("uki");
	generator.config = (struct initramfs_config){ .settings = &configured, .n_settings = 1 };
	assert_int_equal(uki_plan_words(&boot.facts, &uki, &words, &plan, &e), 0);
	assert_string_equal(planned("etc/dracut.conf.d/zz-passthru.conf"),
			    "kernel_cmdline+=\" passthru.boot=1 hugepagesz=1G hugepages=16 \"\n");
	configured.value = "hugepagesz=1G hugepages=16 hugepagesz=2M hugepages=16";
	plan = (struct plan){ 0 };
	assert_int_equal(uki_plan_words(&boot.facts, &uki, &words, &plan, &e), 0);
	assert_string_equal(planned("etc/dracut.conf.d/zz-passthru.conf"),
			    "kernel_cmdline+=\" passthru.boot=1 \"\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BLS_TEST(test_section),
		BLS_TEST(test_section_of_a_real_one),
		BLS_TEST(test_chosen),
		BLS_TEST(test_others_images),
		BLS_TEST(test_both_images),
		BLS_TEST(test_pairs),
		BLS_TEST(test_directory_alone),
		BLS_TEST(test_trial),
		BLS_TEST(test_trial_refused),
		BLS_TEST(test_permanent),
		BLS_TEST(test_permanent_without_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
