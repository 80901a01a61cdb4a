// SPDX-License-Identifier: MIT
// A host is set up, tried, confirmed and taken back; each plan that is made a second time is empty,
// and what is taken back is as it was.

#include "tests/setup/machine.h"

#include <errno.h>

static struct setup_state state_of(struct machine *m)
{
	struct setup_state state;

	machine_open(m);
	machine_ok(m, setup_read(&m->host, &state, &m->e));
	return state;
}

/* ---- the whole way ---- */

static void test_cycle(void **state)
{
	struct machine *m = *state;
	struct setup_arrivals arrivals;
	struct setup_undone undone;

	assert_int_equal(state_of(m).phase, SETUP_NONE);
	machine_ok(m, machine_setup(m));
	assert_int_equal(m->number, 1);
	assert_int_equal(m->plan.phase, SETUP_TRIAL);
	machine_holds(m, TRIAL_ENTRY, TRIAL_WORDS, true);
	machine_holds(m, TRIAL_ENTRY, "initrd.img-" OLD ".passthru", true);
	machine_holds(m, "boot/loader/entries/debian-" OLD ".conf", "passthru", false);
	machine_holds(m, "etc/passthru/devices", GPU, true);
	assert_true(machine_exists(m, "boot/initrd.img-" OLD ".passthru"));
	assert_true(machine_exists(m, ONE_SHOT));
	struct setup_state now = state_of(m);
	assert_int_equal(now.phase, SETUP_TRIAL);
	assert_int_equal(now.trial, 1);
	assert_int_equal(now.n_records, 2);
	assert_string_equal(now.kernel, OLD);
	assert_false(now.booted);
	machine_plan_is_empty(m);
	machine_says(m, machine_confirm(m, &arrivals), "this boot is not the trial");

	machine_boot(m, TRIAL_WORDS, true);
	assert_true(state_of(m).booted_trial);
	machine_plan_is_empty(m);
	machine_ok(m, machine_confirm(m, &arrivals));
	assert_int_equal(m->number, 2);
	assert_int_equal(arrivals.n, 2);
	assert_true(arrivals.all);
	machine_holds(m, "boot/loader/entries/debian-" OLD ".conf", "passthru.boot=1", true);
	machine_holds(m, "boot/loader/entries/debian-" NEW ".conf", "passthru.boot=1", true);
	machine_holds(m, "boot/loader/entries/debian-" OLD ".conf", "trial", false);
	assert_false(machine_exists(m, TRIAL_ENTRY));
	assert_false(machine_exists(m, "boot/initrd.img-" OLD ".passthru"));
	assert_true(machine_exists(m, "boot/initrd.img-" OLD ".passthru-old"));
	machine_boot(m, "passthru.boot=1", true);
	now = state_of(m);
	assert_int_equal(now.phase, SETUP_PERMANENT);
	assert_int_equal(now.trial, 1);
	assert_int_equal(now.permanent, 2);
	machine_plan_is_empty(m);
	machine_ok(m, machine_confirm(m, &arrivals));
	assert_int_equal(m->number, 0);

	machine_ok(m, machine_undo(m, &undone));
	assert_int_equal(undone.n, 2);
	assert_int_equal(undone.numbers[0], 2);
	assert_int_equal(undone.numbers[1], 1);
	machine_is_as_before(m);
	machine_says(m, machine_undo(m, &undone), "no change to undo");
	assert_int_equal(state_of(m).phase, SETUP_NONE);
}

/* ---- other ways ---- */

static void test_no_trial(void **state)
{
	struct machine *m = *state;
	struct setup_arrivals arrivals;
	struct setup_undone undone;

	m->wish.no_trial = true;
	machine_ok(m, machine_setup(m));
	assert_int_equal(m->number, 1);
	assert_int_equal(m->plan.phase, SETUP_PERMANENT);
	assert_int_equal(m->plan.later.n_steps, 0);
	machine_holds(m, "boot/loader/entries/debian-" NEW ".conf", "passthru.boot=1", true);
	machine_holds(m, "boot/loader/entries/debian-" NEW ".conf", "trial", false);
	assert_false(machine_exists(m, ONE_SHOT));
	struct setup_state now = state_of(m);
	assert_int_equal(now.phase, SETUP_PERMANENT);
	assert_int_equal(now.permanent, 1);
	assert_int_equal(now.trial, 0);
	machine_plan_is_empty(m);
	machine_boot(m, "passthru.boot=1", true);
	machine_plan_is_empty(m);
	machine_ok(m, machine_confirm(m, &arrivals));
	machine_ok(m, machine_undo(m, &undone));
	assert_int_equal(undone.n, 1);
	machine_is_as_before(m);
}

/* The boot after a trial that did not come up is the old one; the next setup arms it again. */
static void test_failed_trial(void **state)
{
	struct machine *m = *state;
	struct setup_arrivals arrivals;
	struct setup_undone undone;

	machine_ok(m, machine_setup(m));
	machine_boot(m, "", false);
	machine_says(m, machine_confirm(m, &arrivals), "the boot after it");
	machine_wish(m, GPU, AUDIO, NULL);
	machine_ok(m, machine_plan(m));
	assert_int_equal(m->plan.now.n_steps, 1);
	assert_string_equal(m->plan.now.steps[0].argv[0], "bootctl");
	machine_ok(m, machine_setup(m));
	assert_int_equal(m->number, 2);
	assert_true(machine_exists(m, ONE_SHOT));
	machine_plan_is_empty(m);
	machine_boot(m, TRIAL_WORDS, true);
	machine_ok(m, machine_confirm(m, &arrivals));
	assert_int_equal(m->number, 3);
	machine_boot(m, "passthru.boot=1", true);
	machine_ok(m, machine_undo(m, &undone));
	assert_int_equal(undone.n, 3);
	machine_is_as_before(m);
}

static size_t steps_of(struct machine *m, const char *program)
{
	size_t n = 0;

	machine_wish(m, GPU, AUDIO, NULL);
	machine_ok(m, machine_plan(m));
	for (size_t i = 0; i < m->plan.now.n_steps; i++) {
		const struct step *step = &m->plan.now.steps[i];

		n += step->kind == STEP_COMMAND && strcmp(step->argv[0], program) == 0;
	}
	return n;
}

/* The words of a trial that was taken back say nothing of the one that is set up in its boot. */
static void test_another_setup_in_a_trial_boot(void **state)
{
	struct machine *m = *state;
	struct setup_arrivals arrivals;
	struct setup_undone undone;

	machine_ok(m, machine_setup(m));
	machine_boot(m, TRIAL_WORDS, true);
	machine_ok(m, machine_undo(m, &undone));
	assert_false(state_of(m).booted_trial);
	m->wish.iommu_pt = true;
	machine_ok(m, machine_setup(m));
	assert_int_equal(m->number, 2);
	assert_true(machine_exists(m, ONE_SHOT));
	assert_false(state_of(m).booted_trial);
	machine_plan_is_empty(m);
	assert_false(m->plan.under_way);
	machine_says(m, machine_confirm(m, &arrivals), "not the trial, which is the next one");
	machine_boot(m, TRIAL_WORDS " iommu=pt", true);
	assert_true(state_of(m).booted_trial);
	machine_plan_is_empty(m);
	assert_true(m->plan.under_way);
	machine_ok(m, machine_confirm(m, &arrivals));
}

/* A trial that came up otherwise than planned is armed again from there, with what it lacked. */
static void test_armed_again_in_the_trial_boot(void **state)
{
	struct machine *m = *state;
	struct setup_arrivals arrivals;
	struct bytes usual;

	machine_ok(m, machine_setup(m));
	machine_boot(m, TRIAL_WORDS, false);
	assert_int_equal(steps_of(m, "bootctl"), 1);
	assert_int_equal(steps_of(m, "mkinitramfs"), 0);
	assert_int_equal(root_read_max(m->host.root, &m->host.arena, "boot/initrd.img-" OLD,
				       1 << 20, &usual),
			 0);
	temporary_bytes(&m->t, "boot/initrd.img-" OLD ".passthru", usual.data, usual.n);
	assert_int_equal(steps_of(m, "mkinitramfs"), 1);
	machine_ok(m, machine_setup(m));
	assert_int_equal(m->number, 2);
	assert_true(machine_exists(m, ONE_SHOT));
	machine_plan_is_empty(m);
	machine_says(m, machine_confirm(m, &arrivals), "not the trial, which is the next one");
	machine_boot(m, TRIAL_WORDS, true);
	machine_plan_is_empty(m);
	machine_ok(m, machine_confirm(m, &arrivals));
	assert_int_equal(m->number, 3);
}

/* A trial boot in which the driver was faster, or a word is missing, is not kept. */
static void test_not_arrived(void **state)
{
	struct machine *m = *state;
	struct setup_arrivals arrivals;

	machine_ok(m, machine_setup(m));
	machine_boot(m, TRIAL_WORDS, false);
	temporary_file(&m->t, "run/passthru/early",
		       "passthru-early 1\n" GPU " " GPU
		       " failed vfio-pci nouveau does not let go\n");
	machine_says(m, machine_confirm(m, &arrivals), "did not come up as planned: " GPU);
	assert_non_null(strstr(m->e.text, "does not let go"));
	assert_non_null(strstr(m->e.text, "run/passthru/early"));
	assert_int_equal(arrivals.n, 2);
	assert_false(arrivals.list[0].arrived);
	assert_string_equal(arrivals.list[0].driver, "nouveau");
	assert_int_equal(state_of(m).phase, SETUP_TRIAL);
}

static void test_missing_word(void **state)
{
	struct machine *m = *state;
	struct setup_arrivals arrivals;

	m->wish.iommu_pt = true;
	machine_ok(m, machine_setup(m));
	machine_boot(m, TRIAL_WORDS, true);
	machine_says(m, machine_confirm(m, &arrivals),
		     "iommu=pt is not on the kernel's command line");
	assert_int_equal(arrivals.missing.n, 1);
	machine_boot(m, TRIAL_WORDS " iommu=pt", true);
	machine_ok(m, machine_confirm(m, &arrivals));
}

static void test_confirm_auto(void **state)
{
	struct machine *m = *state;
	struct setup_undone undone;
	struct names recovered;

	m->wish.confirm_auto = true;
	machine_ok(m, machine_setup(m));
	machine_holds(m, "etc/systemd/system/passthru-confirm.service",
		      "ConditionKernelCommandLine=passthru.trial=1", true);
	machine_holds(m, "etc/systemd/system/multi-user.target.d/passthru.conf",
		      "Wants=passthru-confirm.service", true);
	assert_true(state_of(m).confirm_auto);
	machine_plan_is_empty(m);
	/* asked for differently, it is a change that goes on with the first */
	m->wish.confirm_auto = false;
	machine_wish(m, GPU, AUDIO, NULL);
	machine_ok(m, machine_plan(m));
	assert_true(m->plan.now.n_steps > 0);
	machine_ok(m, setup_apply(&m->host, &m->wish, &m->plan, &m->number, &recovered, &m->e));
	assert_false(state_of(m).confirm_auto);
	assert_false(machine_exists(m, "etc/systemd/system/passthru-confirm.service"));
	assert_false(machine_exists(m, "etc/systemd/system/multi-user.target.d/passthru.conf"));
	machine_boot(m, "", false);
	machine_ok(m, machine_undo(m, &undone));
	machine_is_as_before(m);
}

/* ---- kernels that come and go ---- */

/* An image that is named by a package would meet the kernel that takes the place of its own, or
 * find no modules. */
static void test_old_image_meets_its_kernel(void **state)
{
	static const struct {
		const char *image;
		bool is_kept;
	} images[] = { { "boot/initramfs-linux.img", false },
		       { "boot/initrd.img-" OLD, true },
		       { "boot/token/" OLD "/initrd", true },
		       { "boot/EFI/Linux/token-" OLD ".efi", true },
		       { "boot/EFI/Linux/arch-linux.efi", false } };
	struct machine *m = *state;
	struct setup_work work;

	machine_open(m);
	machine_ok(m, work_read(&m->host, &work, &m->e));
	machine_ok(m, work_check(&work, OLD, &m->e));
	struct initramfs_kernel kernel = *work.kernel;
	work.kernel = &kernel;
	for (size_t i = 0; i < ARRAY_SIZE(images); i++) {
		kernel.image = images[i].image;
		work.kept_image = NULL;
		work_look_at_image(&work);
		if (!work.kept_image == images[i].is_kept)
			fail_msg("%s", kernel.image);
	}
}

static void build(struct machine *m, const char *release)
{
	char command[1200];

	snprintf(command, sizeof(command), "%s/mkinitramfs -o /boot/initrd.img-%s %s",
		 m->programs.path, release, release);
	assert_int_equal(system(command), 0);
}

static void test_later_kernel(void **state)
{
	struct machine *m = *state;
	struct setup_arrivals arrivals;
	struct setup_undone undone;

	machine_ok(m, machine_setup(m));
	machine_boot(m, TRIAL_WORDS, true);
	machine_ok(m, machine_confirm(m, &arrivals));
	machine_boot(m, "passthru.boot=1", true);
	machine_kernel(m, "6.1.0-11");
	temporary_file(&m->t, "boot/loader/entries/debian-6.1.0-11.conf",
		       "title Debian\nversion 6.1.0-11\nlinux /vmlinuz-6.1.0-11\n"
		       "initrd /initrd.img-6.1.0-11\noptions " COMMAND_LINE " passthru.boot=1\n");
	machine_plan_is_empty(m);
	machine_ok(m, machine_undo(m, &undone));
	assert_int_equal(undone.n, 2);
	assert_true(undone.also.n >= 2);
	machine_holds(m, "boot/loader/entries/debian-6.1.0-11.conf", "passthru", false);
	machine_holds(m, "boot/loader/entries/debian-6.1.0-11.conf", COMMAND_LINE, true);
	machine_open(m);
	CLEANUP_INITRAMFS struct initramfs_image *image = NULL;
	machine_ok(m, initramfs_open(m->host.root, "boot/initrd.img-6.1.0-11", &image, &m->e));
	assert_null(initramfs_find(image, setup_helper));
	/* and nothing of that can be undone itself */
	machine_says(m, machine_undo(m, &undone), "no change to undo");
}

/* The package makes an image anew in between: undo makes that again, without the helper. */
static void test_image_made_since(void **state)
{
	struct machine *m = *state;
	struct setup_arrivals arrivals;
	struct setup_undone undone;

	machine_ok(m, machine_setup(m));
	build(m, NEW);
	machine_boot(m, TRIAL_WORDS, true);
	machine_ok(m, machine_confirm(m, &arrivals));
	build(m, OLD);
	machine_boot(m, "passthru.boot=1", true);
	machine_plan_is_empty(m);
	machine_ok(m, machine_undo(m, &undone));
	machine_open(m);
	for (int i = 0; i < 2; i++) {
		CLEANUP_INITRAMFS struct initramfs_image *image = NULL;

		machine_ok(m, initramfs_open(m->host.root,
					     i ? "boot/initrd.img-" OLD : "boot/initrd.img-" NEW,
					     &image, &m->e));
		assert_null(initramfs_find(image, setup_helper));
	}
}

/* From a rescue system nothing is run: copies come back, and what remains is said. */
static void test_undo_elsewhere(void **state)
{
	struct machine *m = *state;
	struct setup_arrivals arrivals;
	struct setup_undone undone;

	machine_ok(m, machine_setup(m));
	machine_boot(m, TRIAL_WORDS, true);
	machine_ok(m, machine_confirm(m, &arrivals));
	machine_mode(m, "fail");
	machine_open(m);
	m->host.root->live = false;
	machine_ok(m, setup_undo(&m->host, 0, false, &undone, &m->e));
	assert_int_equal(undone.n, 2);
	machine_is_as_before(m);
}

/* There nothing says which of two boot loaders it is that starts the host. */
static void test_undo_elsewhere_two_loaders(void **state)
{
	struct machine *m = *state;
	struct setup_arrivals arrivals;
	struct setup_undone undone;

	machine_ok(m, machine_setup(m));
	machine_boot(m, TRIAL_WORDS, true);
	machine_ok(m, machine_confirm(m, &arrivals));
	machine_kernel(m, "6.1.0-11");
	temporary_file(&m->t, "boot/loader/entries/debian-6.1.0-11.conf",
		       "title Debian\nversion 6.1.0-11\nlinux /vmlinuz-6.1.0-11\n"
		       "initrd /initrd.img-6.1.0-11\noptions " COMMAND_LINE " passthru.boot=1\n");
	temporary_file(&m->t, "usr/sbin/grub-mkconfig", ". ${sysconfdir}/default/grub.d/x\n");
	temporary_file(&m->t, "boot/grub/grub.cfg",
		       "# It is automatically generated by grub-mkconfig\n"
		       "menuentry 'Debian' $menuentry_id_option 'gnulinux-simple-1' {\n\tlinux "
		       "/vmlinuz-" OLD " root=UUID=1\n"
		       "\tinitrd /initrd.img-" OLD "\n}\n");
	assert_int_equal(unlink(temporary_path(&m->t, LOADER_INFO)), 0);
	machine_open(m);
	m->host.root->live = false;
	struct setup_work work;
	machine_ok(m, work_read(&m->host, &work, &m->e));
	assert_null(work.boot->chosen);
	machine_ok(m, setup_undo(&m->host, 0, false, &undone, &m->e));
	assert_int_equal(undone.n, 2);
	machine_holds(m, "boot/loader/entries/debian-6.1.0-11.conf", "passthru", false);
	machine_holds(m, "boot/loader/entries/debian-6.1.0-11.conf", COMMAND_LINE, true);
	machine_holds(m, "boot/loader/entries/debian-" NEW ".conf", "passthru", false);
	assert_false(machine_exists(m, SETUP_FILE));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_cycle, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_no_trial, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_failed_trial, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_another_setup_in_a_trial_boot, machine_start,
						machine_stop),
		cmocka_unit_test_setup_teardown(test_armed_again_in_the_trial_boot, machine_start,
						machine_stop),
		cmocka_unit_test_setup_teardown(test_not_arrived, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_missing_word, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_confirm_auto, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_later_kernel, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_image_made_since, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_old_image_meets_its_kernel, machine_start,
						machine_stop),
		cmocka_unit_test_setup_teardown(test_undo_elsewhere, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_undo_elsewhere_two_loaders, machine_start,
						machine_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
