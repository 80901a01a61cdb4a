// SPDX-License-Identifier: MIT
// GRUB with entries: the trial entry and its one boot, and the three places of the words that
// belong together. Recorded forms: the header of the menu is what Fedora's 00_header and
// 08_fallback_counting print, the entries are those of Fedora 40, RHEL 9 with tuned, and RHEL 8.

#include "tests/bootloader/bls_host.h"

#include <errno.h>
#include <time.h>

#define ENTRIES "boot/loader/entries/"
#define CONFIG "boot/grub2/grub.cfg"
#define ENVIRONMENT "boot/grub2/grubenv"
#define MACHINE "0123456789abcdef0123456789abcdef"
#define OLD "5.14.0-362.el9.x86_64"
#define NEW "5.14.0-503.el9.x86_64"
#define OPTIONS "root=UUID=7 ro crashkernel=1G"
#define WORDS " passthru.boot=1 iommu=pt hugepagesz=1G hugepages=4"

static const char menu[] = "### BEGIN /etc/grub.d/00_header ###\n"
			   "set pager=1\n\n"
			   "if [ -f ${config_directory}/grubenv ]; then\n"
			   "  load_env -f ${config_directory}/grubenv\n"
			   "elif [ -s $prefix/grubenv ]; then\n"
			   "  load_env\n"
			   "fi\n\n"
			   "if [ \"${next_entry}\" ] ; then\n"
			   "   set default=\"${next_entry}\"\n"
			   "   set next_entry=\n"
			   "   if [ \"${env_block}\" ] ; then\n"
			   "     save_env -f \"${env_block}\" next_entry\n"
			   "   else\n"
			   "     save_env next_entry\n"
			   "   fi\n"
			   "   set boot_once=true\n"
			   "else\n"
			   "   set default=\"${saved_entry}\"\n"
			   "fi\n"
			   "### END /etc/grub.d/00_header ###\n\n"
			   "### BEGIN /etc/grub.d/08_fallback_counting ###\n"
			   "insmod increment\n"
			   "if [ -n \"${boot_counter}\" -a \"${boot_success}\" = \"0\" ]; then\n"
			   "  if  [ \"${boot_counter}\" = \"0\" ]; then\n"
			   "    set default=1\n"
			   "    set boot_counter=-1\n"
			   "  else\n"
			   "    decrement boot_counter\n"
			   "  fi\n"
			   "  save_env boot_counter\n"
			   "fi\n"
			   "### END /etc/grub.d/08_fallback_counting ###\n\n"
			   "### BEGIN /etc/grub.d/10_linux ###\n"
			   "insmod blscfg\n"
			   "blscfg\n"
			   "### END /etc/grub.d/10_linux ###\n";

static const char *entry_path(const char *release)
{
	return arena_printf(&host.arena, ENTRIES MACHINE "-%s.conf", release);
}

static const char *entry_text(const char *release, const char *options)
{
	return arena_printf(&host.arena,
			    "title Red Hat Enterprise Linux (%s) 9.5\n"
			    "version %s\n"
			    "linux /vmlinuz-%s\n"
			    "initrd /initramfs-%s.img $tuned_initrd\n"
			    "options %s\n"
			    "grub_users $grub_users\n"
			    "grub_arg --unrestricted\n"
			    "grub_class kernel\n",
			    release, release, release, release, options);
}

static void has_environment(const char *variables)
{
	char block[1024];

	memset(block, '#', sizeof(block));
	int n = snprintf(block, sizeof(block), "# GRUB Environment Block\n%s", variables);
	block[n] = '#';
	temporary_bytes(&top, ENVIRONMENT, block, sizeof(block));
}

static void has_host(const char *options)
{
	has("proc/self/mountinfo", "21 1 8:3 / / rw - xfs /dev/sda3 rw\n"
				   "22 21 8:2 / /boot rw - xfs /dev/sda2 rw\n");
	temporary_directories(&top, "sys/devices/pci0000:00/sda/sda2/x");
	temporary_link(&top, "sys/dev/block/8:2", "../../devices/pci0000:00/sda/sda2");
	has("proc/cmdline", "BOOT_IMAGE=(hd0,gpt2)/vmlinuz-" NEW " " OPTIONS "\n");
	has("etc/machine-id", MACHINE "\n");
	has("usr/bin/grub2-editenv", "");
	has("usr/sbin/grub2-mkconfig", "");
	has("etc/default/grub",
	    "GRUB_DEFAULT=saved\nGRUB_CMDLINE_LINUX=\"crashkernel=1G\"\nGRUB_ENABLE_BLSCFG=true\n");
	has(CONFIG, menu);
	has_environment("saved_entry=" MACHINE "-" NEW "\n");
	has_kernel(OLD, "boot/vmlinuz-" OLD, "boot/initramfs-" OLD ".img");
	has_kernel(NEW, "boot/vmlinuz-" NEW, "boot/initramfs-" NEW ".img");
	has(entry_path(OLD), entry_text(OLD, options));
	has(entry_path(NEW), entry_text(NEW, options));
	has(entry_path("0-rescue"), entry_text("0-rescue", OPTIONS));
	change.words = words_of("passthru.boot=1 iommu=pt hugepagesz=1G hugepages=4");
	change.trial_words = words_of("passthru.trial=1");
	change.kernel = &generator.kernels[1];
	change.trial_image = "boot/initramfs-" NEW ".img.passthru";
	change.plain_image = "boot/initramfs-" NEW ".img.passthru-old";
	has(change.trial_image, "with the helper");
}

static void test_chosen(void **state)
{
	(void)state;
	has_host(OPTIONS);
	chosen("grub-bls");
	assert_true(boot.chosen->seen);
	assert_string_equal(boot.chosen->evidence.name[0],
			    "boot/grub2/grub.cfg reads entries with blscfg");
	assert_string_equal(boot.chosen->evidence.name[2],
			    "boot/loader/entries has 2 entries of this system");
	/* a file, and a variable of GRUB behind it */
	const struct bls_entry entry = { .base = "boot" };
	assert_string_equal(bls_file(&boot.facts, &entry, "/initramfs-" OLD ".img $tuned_initrd"),
			    "boot/initramfs-" OLD ".img");
}

/* rEFInd and entries of the firmware, which say nowhere else who they are. */
static void test_started_by_another(void **state)
{
	(void)state;
	has_host(OPTIONS);
	has("proc/cmdline", "initrd=\\initramfs.img " OPTIONS "\n");
	read_boot();
	assert_null(boot.chosen);
	if (!strstr(boot.refusal, "has initrd=\\initramfs.img and no BOOT_IMAGE="))
		fail_msg("%s", boot.refusal);
	/* in a boot of theirs words can be taken out of its entries all the same */
	has(entry_path(OLD), entry_text(OLD, OPTIONS WORDS));
	read_boot();
	assert_int_equal(bootloader_leave(&boot, &change.words, &plan, &e), 0);
	assert_string_equal(planned(entry_path(OLD)), entry_text(OLD, OPTIONS));
}

static void test_trial(void **state)
{
	(void)state;
	has_host(OPTIONS " $tuned_params");
	chosen("grub-bls");
	trial_planned();
	assert_int_equal(plan.n_steps, 3);
	/* kernel-install would take the trial's from the running kernel; without GRUB's variables
	 */
	assert_string_equal(planned("etc/kernel/cmdline"), OPTIONS "\n");
	/* Fedora's generator writes anew what begins with "options" */
	assert_string_equal(planned(ENTRIES "passthru-trial.conf"),
			    "title Red Hat Enterprise Linux (" NEW ") 9.5 (trial of passthru)\n"
			    "version " NEW "\n"
			    "linux /vmlinuz-" NEW "\n"
			    "initrd /initramfs-" NEW ".img.passthru $tuned_initrd\n"
			    "grub_users $grub_users\n"
			    "grub_arg --unrestricted\n"
			    "grub_class kernel\n"
			    " options " OPTIONS " $tuned_params" WORDS " passthru.trial=1\n");
	assert_string_equal(line_of(plan.steps[2].argv), "/usr/bin/grub2-editenv /" ENVIRONMENT
							 " set next_entry=passthru-trial");
}

/* A machine-id of letters is older than "passthru" for GRUB: another name is the last. */
static void test_trial_is_last(void **state)
{
	(void)state;
	has_host(OPTIONS);
	has(ENTRIES "fedcba-" NEW ".conf", entry_text(NEW, OPTIONS));
	chosen("grub-bls");
	trial_planned();
	assert_non_null(step_for(ENTRIES "~passthru-trial.conf"));
	assert_string_equal(plan.steps[2].argv[3], "next_entry=~passthru-trial");
	/* and it is no other's choice when it is looked at again */
	has_environment("next_entry=~passthru-trial\n");
	plan = (struct plan){ 0 };
	chosen("grub-bls");
	trial_planned();
}

static void test_trial_refused(void **state)
{
	(void)state;
	has_host(OPTIONS);
	has_environment("boot_counter=2\n");
	trial_refused("sets its own default behind the choice for one boot");
}

static void test_permanent(void **state)
{
	size_t n;

	(void)state;
	has_host(OPTIONS " $tuned_params");
	has(ENTRIES "passthru-trial.conf",
	    "title t\nlinux /vmlinuz-" NEW "\n"
	    "initrd /initramfs-" NEW ".img.passthru $tuned_initrd\n");
	has(change.plain_image, "image of before");
	chosen("grub-bls");
	permanent_planned();
	assert_string_equal(planned(ENTRIES "passthru-without.conf"),
			    "title Red Hat Enterprise Linux (" NEW ") 9.5 (without passthru)\n"
			    "version " NEW "\n"
			    "linux /vmlinuz-" NEW "\n"
			    "initrd /initramfs-" NEW ".img.passthru-old $tuned_initrd\n"
			    "grub_users $grub_users\n"
			    "grub_arg --unrestricted\n"
			    "grub_class kernel\n"
			    " options " OPTIONS " $tuned_params\n");
	assert_string_equal(planned(entry_path(OLD)),
			    entry_text(OLD, OPTIONS " $tuned_params" WORDS));
	assert_null(step_for(entry_path("0-rescue")));
	assert_non_null(strstr(planned("etc/default/grub"),
			       "GRUB_CMDLINE_LINUX=\"crashkernel=1G" WORDS "\"\n"));
	/* it was missing; without variables of GRUB */
	assert_string_equal(planned("etc/kernel/cmdline"), OPTIONS WORDS "\n");
	assert_true(step_for(ENTRIES "passthru-trial.conf")->absent);
	/* the usual image is no copy */
	assert_null(step_for("boot/initramfs-" NEW ".img"));
	done(&n);
	has_words_once(BLS_GRUB, entry_path(NEW), &change.words);
	has_words_once(BLS_GRUB, entry_path(OLD), &change.words);
	chosen("grub-bls");
	permanent_planned();
	for (size_t i = 0; i < plan.n_steps; i++) {
		const struct step *step = &plan.steps[i];
		assert_true(step->kind == STEP_COMMAND ||
			    str_eq(text_of(step->path), step->content.data));
	}
}

/* grub2-mkconfig would write etc/kernel/cmdline anew. */
static void test_newer(void **state)
{
	const struct timespec early[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	const struct timespec late[2] = { { .tv_sec = 1000, .tv_nsec = 1 },
					  { .tv_sec = 1000, .tv_nsec = 1 } };
	const struct step *step = NULL;

	(void)state;
	has_host(OPTIONS);
	has("etc/kernel/cmdline", OPTIONS WORDS "\n");
	chosen("grub-bls");
	permanent_planned();
	for (size_t i = 0; i < plan.n_steps; i++) {
		if (plan.steps[i].kind == STEP_COMMAND)
			step = &plan.steps[i];
	}
	assert_string_equal(line_of(step->argv), "touch --no-create /etc/kernel/cmdline");
	/* behind the step that makes the other one new */
	assert_true(step > step_for("etc/default/grub"));
	utimensat(AT_FDCWD, temporary_path(&top, "etc/kernel/cmdline"), early, 0);
	utimensat(AT_FDCWD, temporary_path(&top, "etc/default/grub"), late, 0);
	assert_int_equal(step->proof(&host, step, NULL, &e), -EIO);
	assert_string_equal(e.text, "etc/kernel/cmdline is older than etc/default/grub");
	utimensat(AT_FDCWD, temporary_path(&top, "etc/default/grub"), early, 0);
	assert_int_equal(step->proof(&host, step, NULL, &e), 0);
}

static void test_kernelopts(void **state)
{
	(void)state;
	has_host("$kernelopts $tuned_params");
	has_environment("saved_entry=x\nkernelopts=" OPTIONS "\nboot_success=0\n");
	chosen("grub-bls");
	permanent_planned();
	/* literal: the variable gets the words */
	assert_non_null(strstr(planned(ENTRIES "passthru-without.conf"),
			       " options " OPTIONS " $tuned_params\n"));
	assert_non_null(strstr(planned(ENVIRONMENT), "\nkernelopts=" OPTIONS WORDS "\n"));
	assert_int_equal(step_for(ENVIRONMENT)->content.n, 1024);
	assert_null(step_for(entry_path(OLD)));
	assert_null(step_for("etc/kernel/cmdline"));
	assert_non_null(step_for("etc/default/grub"));

	const struct step_variable *variable = step_for(ENVIRONMENT)->variable;
	assert_string_equal(variable->name, "kernelopts");
	assert_null(variable->value);
	assert_int_equal(variable->words.n, 4);
}

/* The block of when it is written, minutes after the plan: a word that is there by then, too. */
static void test_kernelopts_remade(void **state)
{
	struct bytes text;

	(void)state;
	has_host("$kernelopts");
	has_environment("kernelopts=" OPTIONS "\n");
	chosen("grub-bls");
	permanent_planned();
	const struct step *step = step_for(ENVIRONMENT);
	has_environment("kernelopts=" OPTIONS " mine\nboot_success=1\n");
	assert_int_equal(step->remake(&host, step, &text, &e), 0);
	assert_non_null(
		strstr(text.data, "\nkernelopts=" OPTIONS " mine" WORDS "\nboot_success=1\n#"));
}

/* grubby --update-kernel=DEFAULT has written one entry out: it gets the words itself. */
static void test_kernelopts_mixed(void **state)
{
	(void)state;
	has_host("$kernelopts $tuned_params");
	has(entry_path(NEW), entry_text(NEW, OPTIONS " $tuned_params mitigations=off"));
	has_environment("kernelopts=" OPTIONS "\n");
	chosen("grub-bls");
	permanent_planned();
	assert_non_null(strstr(planned(ENVIRONMENT), "\nkernelopts=" OPTIONS WORDS "\n"));
	assert_string_equal(planned(entry_path(NEW)),
			    entry_text(NEW, OPTIONS " $tuned_params mitigations=off" WORDS));
	assert_null(step_for(entry_path(OLD)));
	assert_null(step_for(entry_path("0-rescue")));
	/* it is not what kernels that come later get */
	assert_null(step_for("etc/kernel/cmdline"));
}

static void test_kernelopts_unset(void **state)
{
	(void)state;
	has_host("$kernelopts");
	chosen("grub-bls");
	assert_int_equal(bootloader_permanent(&boot, &change, &plan, &e), -EOPNOTSUPP);
	assert_string_equal(e.text,
			    "the entries have $kernelopts, and boot/grub2/grubenv does not set it");
}

/* The shell's file cannot be edited: nothing at all is planned. */
static void test_all_or_none(void **state)
{
	(void)state;
	has_host(OPTIONS);
	has("etc/default/grub", "GRUB_CMDLINE_LINUX=\"$(cat /x)\"\nif x; then\n"
				"GRUB_CMDLINE_LINUX=y\nfi\n");
	chosen("grub-bls");
	assert_int_equal(bootloader_permanent(&boot, &change, &plan, &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.text, "etc/default/grub"));
}

static void test_leave(void **state)
{
	size_t n;

	(void)state;
	/* pages of another size, as many */
	has_host("root=UUID=7 iommu=pt hugepagesz=2M hugepages=4" WORDS);
	has(ENTRIES "passthru-without.conf",
	    "title t\nlinux /vmlinuz-" NEW "\n"
	    " options root=UUID=7 iommu=pt hugepagesz=2M hugepages=4\n");
	chosen("grub-bls");
	assert_int_equal(bootloader_leave(&boot, &change.words, &plan, &e), 0);
	assert_int_equal(plan.n_steps, 2);
	done(&n);
	assert_string_equal(text_of(entry_path(NEW)),
			    entry_text(NEW, "root=UUID=7 iommu=pt hugepagesz=2M hugepages=4 "
					    "iommu=pt"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BLS_TEST(test_chosen),
		BLS_TEST(test_started_by_another),
		BLS_TEST(test_trial),
		BLS_TEST(test_trial_is_last),
		BLS_TEST(test_trial_refused),
		BLS_TEST(test_permanent),
		BLS_TEST(test_newer),
		BLS_TEST(test_kernelopts),
		BLS_TEST(test_kernelopts_unset),
		BLS_TEST(test_all_or_none),
		BLS_TEST(test_leave),
		BLS_TEST(test_kernelopts_remade),
		BLS_TEST(test_kernelopts_mixed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
