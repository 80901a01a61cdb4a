// SPDX-License-Identifier: MIT
// Setup, confirm and undo, and all that they start, killed at system calls that change something:
// as in a power cut. After each the host boots as before or as it is to, no entry names an image
// that is not whole, and what was begun is completed or taken back.

#define HELD_MACHINE
#include "tests/setup/machine.h"

#include "tests/change/held.h"

static const char *const releases[] = { OLD, NEW };

static unsigned stride(unsigned wanted)
{
	return getenv("PASSTHRU_TEST_LONG") ? 1 : wanted;
}

/* ---- what a process does ---- */

static int do_setup(struct machine *m)
{
	return machine_setup(m);
}

static int do_confirm(struct machine *m)
{
	struct setup_arrivals arrivals;

	return machine_confirm(m, &arrivals);
}

static int do_undo(struct machine *m)
{
	struct setup_undone undone;

	return machine_undo(m, &undone);
}

static void whole(struct machine *m, int (*what)(struct machine *))
{
	machine_ok(m, what(m));
}

static unsigned count(struct machine *m, int (*what)(struct machine *))
{
	struct trial trial = { .fate = FATE_NONE };

	run(m, what, &trial);
	if (ended_with(&trial, EXIT_NO_SECCOMP)) {
		print_message("1..0 # SKIP the kernel does not let system calls be held back\n");
		exit(0);
	}
	assert_true(ended_with(&trial, EXIT_WORKED));
	print_message("# %u calls that change something\n", trial.n);
	return trial.n;
}

/* ---- what holds at every moment ---- */

static bool has_helper(struct machine *m, const char *path)
{
	CLEANUP_INITRAMFS struct initramfs_image *image = NULL;

	machine_ok(m, initramfs_open(m->host.root, path, &image, &m->e));
	return initramfs_find(image, setup_helper) != NULL;
}

/* Each entry is the old one, or has the words, and then its image has the helper. */
static void boots(struct machine *m)
{
	machine_open(m);
	for (size_t i = 0; i < ARRAY_SIZE(releases); i++) {
		struct arena *a = &m->host.arena;
		const char *entry =
			arena_printf(a, "boot/loader/entries/debian-%s.conf", releases[i]);
		const char *image = arena_printf(a, "boot/initrd.img-%s", releases[i]);
		struct bytes text;

		assert_int_equal(root_read(m->host.root, a, entry, &text), 0);
		assert_non_null(strstr(text.data, "options " COMMAND_LINE));
		bool helper = has_helper(m, image);
		if (strstr(text.data, "passthru"))
			assert_true(helper && strstr(text.data, " passthru.boot=1\n"));
	}
	if (machine_exists(m, TRIAL_ENTRY))
		assert_true(has_helper(m, "boot/initrd.img-" OLD ".passthru"));
}

static void killed(struct machine *m, int (*what)(struct machine *), unsigned at)
{
	struct trial trial = { .fate = FATE_KILL_ALL, .at = at };

	run(m, what, &trial);
	assert_true(trial.killed);
	boots(m);
}

/* ---- the tests ---- */

static void test_setup(void **state)
{
	struct machine *m = *state;

	/* the first one alone makes the folder of changes */
	whole(m, do_setup);
	whole(m, do_undo);
	unsigned n = count(m, do_setup);
	whole(m, do_undo);
	machine_is_as_before(m);
	for (unsigned i = 1; i <= n; i += stride(61)) {
		machine_boot(m, "", false);
		killed(m, do_setup, i);
		whole(m, do_setup);
		boots(m);
		whole(m, do_undo);
		machine_is_as_before(m);
	}
}

static void test_confirm(void **state)
{
	struct machine *m = *state;

	whole(m, do_setup);
	machine_boot(m, TRIAL_WORDS, true);
	unsigned n = count(m, do_confirm);
	whole(m, do_undo);
	machine_is_as_before(m);
	for (unsigned i = 1; i <= n; i += stride(151)) {
		machine_boot(m, "", false);
		whole(m, do_setup);
		machine_boot(m, TRIAL_WORDS, true);
		killed(m, do_confirm, i);
		if (i % 2)
			whole(m, do_confirm);
		whole(m, do_undo);
		machine_is_as_before(m);
	}
}

static void test_undo(void **state)
{
	struct machine *m = *state;
	unsigned n, i = 1;

	do {
		machine_boot(m, "", false);
		whole(m, do_setup);
		machine_boot(m, TRIAL_WORDS, true);
		whole(m, do_confirm);
		machine_boot(m, "passthru.boot=1", true);
		if (i == 1) {
			n = count(m, do_undo);
			machine_is_as_before(m);
			i++;
			continue;
		}
		killed(m, do_undo, i);
		/* what was killed behind its last change has nothing left to do */
		if (do_undo(m) < 0)
			machine_says(m, -1, "no change to undo");
		machine_is_as_before(m);
		i += stride(31);
	} while (i <= n);
}

static int start(void **state)
{
	machine_start(state);
	alarm(getenv("PASSTHRU_TEST_LONG") ? 7200 : 850);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_setup, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_confirm, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_undo, start, machine_stop),
	};

	if (access("/dev/shm", W_OK) == 0)
		assert_int_equal(setenv("TMPDIR", "/dev/shm", 0), 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
