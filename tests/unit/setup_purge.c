// SPDX-License-Identifier: MIT
// The kernel of the trial is removed, by its package, by kernel-install(8), or by hand, while a
// setup is in place: undo takes back all but that kernel, which stays gone.

#include "tests/setup/machine.h"

#define COPY                                                                                       \
	"[ \"$1\" = --no-preserve=mode,ownership ] || exec /bin/cp \"$@\"\n"                       \
	"exec /bin/cp -- \"$root$3\" \"$root$4\"\n"

static void purge_old(struct machine *m)
{
	char command[2048];

	snprintf(command, sizeof(command),
		 "cd %s && rm -r boot/vmlinuz-" OLD " boot/initrd.img-" OLD " usr/lib/modules/" OLD
		 " boot/loader/entries/debian-" OLD ".conf",
		 m->t.path);
	assert_int_equal(system(command), 0);
	temporary_file(&m->t, "proc/sys/kernel/osrelease", NEW "\n");
}

/* All but that kernel is as it was, and that is gone. */
static void without_old(struct machine *m)
{
	char *now = machine_text(m), *to = m->disk;

	for (char *line = m->disk, *next; *line; line = next) {
		size_t n = strcspn(line, "\n");
		char *old = memmem(line, n, OLD, strlen(OLD));

		next = line + n + 1;
		if (old)
			continue;
		memmove(to, line, n + 1);
		to += n + 1;
	}
	*to = '\0';
	assert_string_equal(now, m->disk);
	free(now);
}

static void test_purged(void **state)
{
	struct machine *m = *state;
	struct setup_arrivals arrivals;
	struct setup_undone undone;

	machine_ok(m, machine_setup(m));
	machine_boot(m, TRIAL_WORDS, true);
	machine_ok(m, machine_confirm(m, &arrivals));
	machine_boot(m, "passthru.boot=1", true);
	purge_old(m);
	/* the entry without our words named that kernel */
	machine_wish(m, GPU, AUDIO, NULL);
	machine_ok(m, machine_plan(m));
	assert_int_equal(m->plan.now.n_steps, 2);
	assert_non_null(strstr(m->plan.now.steps[0].path, "passthru-without"));
	assert_string_equal(m->plan.now.steps[1].path, SETUP_FILE);
	machine_ok(m, machine_setup(m));
	assert_int_equal(m->number, 3);
	machine_plan_is_empty(m);
	machine_ok(m, machine_undo(m, &undone));
	assert_int_equal(undone.n, 3);
	without_old(m);
}

/* Before it was tried: nothing but what is ours is left of the trial. */
static void test_purged_in_trial(void **state)
{
	struct machine *m = *state;
	struct setup_undone undone;

	machine_ok(m, machine_setup(m));
	purge_old(m);
	machine_ok(m, machine_undo(m, &undone));
	assert_int_equal(undone.n, 1);
	without_old(m);
}

/* What is ours of it is gone too: all files of its name were. */
static void test_purged_wholly(void **state)
{
	struct machine *m = *state;
	struct setup_arrivals arrivals;
	struct setup_undone undone;

	machine_ok(m, machine_setup(m));
	machine_boot(m, TRIAL_WORDS, true);
	machine_ok(m, machine_confirm(m, &arrivals));
	machine_boot(m, "passthru.boot=1", true);
	purge_old(m);
	assert_int_equal(unlink(temporary_path(&m->t, "boot/initrd.img-" OLD ".passthru-old")), 0);
	machine_ok(m, machine_undo(m, &undone));
	assert_int_equal(undone.n, 2);
	without_old(m);
}

static void test_purged_trial_image(void **state)
{
	struct machine *m = *state;
	struct setup_undone undone;

	machine_ok(m, machine_setup(m));
	purge_old(m);
	assert_int_equal(unlink(temporary_path(&m->t, "boot/initrd.img-" OLD ".passthru")), 0);
	machine_ok(m, machine_undo(m, &undone));
	without_old(m);
}

/* kernel-install(8) keeps copies in a folder of the kernel, which goes with it. */
static void use_folder(struct machine *m, const char *release)
{
	char text[512], command[2048];

	snprintf(text, sizeof(text),
		 "title Debian\nversion %s\nlinux /debian/%s/linux\ninitrd "
		 "/debian/%s/initrd.img\noptions " COMMAND_LINE "\n",
		 release, release, release);
	machine_file(m, text, "boot/loader/entries/debian-%s.conf", release);
	snprintf(command, sizeof(command),
		 "cd %s/boot && mkdir -p debian/%s && cp vmlinuz-%s debian/%s/linux && cp "
		 "initrd.img-%s debian/%s/initrd.img",
		 m->t.path, release, release, release, release, release);
	assert_int_equal(system(command), 0);
}

static void test_purged_folder(void **state)
{
	struct machine *m = *state;
	struct setup_arrivals arrivals;
	struct setup_undone undone;
	char command[1200];

	machine_program(m, "cp", COPY);
	use_folder(m, OLD);
	use_folder(m, NEW);
	machine_disk_is_now(m);
	machine_ok(m, machine_setup(m));
	machine_boot(m, TRIAL_WORDS, true);
	machine_ok(m, machine_confirm(m, &arrivals));
	machine_boot(m, "passthru.boot=1", true);
	purge_old(m);
	snprintf(command, sizeof(command), "rm -r %s/boot/debian/" OLD, m->t.path);
	assert_int_equal(system(command), 0);
	machine_ok(m, machine_undo(m, &undone));
	assert_int_equal(undone.n, 2);
	without_old(m);
}

/* The same where the boot loader cannot read the file system of boot: the trial's image is there.
 */
static void test_purged_folder_of_esp(void **state)
{
	struct machine *m = *state;
	struct setup_arrivals arrivals;
	struct setup_undone undone;
	char command[2048];

	machine_program(m, "cp", COPY);
	use_folder(m, OLD);
	use_folder(m, NEW);
	snprintf(command, sizeof(command),
		 "cd %s && mkdir efi && mv boot/loader boot/EFI boot/debian efi/", m->t.path);
	assert_int_equal(system(command), 0);
	machine_file(m,
		     "22 1 8:2 / / rw - ext4 /dev/sda2 rw\n23 22 8:1 / /efi rw - vfat "
		     "/dev/sda1 rw\n",
		     "proc/self/mountinfo");
	machine_disk_is_now(m);
	machine_ok(m, machine_setup(m));
	machine_boot(m, TRIAL_WORDS, true);
	machine_ok(m, machine_confirm(m, &arrivals));
	machine_boot(m, "passthru.boot=1", true);
	snprintf(command, sizeof(command),
		 "cd %s && rm -r efi/debian/" OLD " efi/loader/entries/debian-" OLD
		 ".conf boot/vmlinuz-" OLD " boot/initrd.img-" OLD " usr/lib/modules/" OLD,
		 m->t.path);
	assert_int_equal(system(command), 0);
	machine_ok(m, machine_undo(m, &undone));
	assert_int_equal(undone.n, 2);
	without_old(m);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_purged, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_purged_in_trial, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_purged_wholly, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_purged_trial_image, machine_start,
						machine_stop),
		cmocka_unit_test_setup_teardown(test_purged_folder, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_purged_folder_of_esp, machine_start,
						machine_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
