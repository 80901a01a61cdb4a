// SPDX-License-Identifier: MIT
// A file that one command makes for the next, and that is there no longer than that.

#include "tests/change/machine.h"

#include <errno.h>

static int start(void **state)
{
	static struct machine m;

	alarm(120);
	*state = &m;
	machine_make(&m);
	/* the last step alone, behind the one that it reads the words from */
	m.steps[0] = m.steps[1];
	m.steps[1] = m.steps[9];
	m.plan.n_steps = 2;
	return 0;
}

static int stop(void **state)
{
	machine_remove(*state);
	return 0;
}

static void nothing_staged(struct machine *m)
{
	struct stat st;

	assert_int_equal(lstat(temporary_path(&m->t, MACHINE_STAGED), &st), -1);
}

static void works(struct machine *m, int error)
{
	if (error < 0)
		fail_msg("%s", m->e.text);
	nothing_staged(m);
}

/* @how: a file that tells the commands so. */
static void fails(struct machine *m, const char *how, const char *says)
{
	unsigned number;

	temporary_file(&m->t, how, "");
	assert_true(machine_apply(m, &number) < 0);
	if (!strstr(m->e.text, says))
		fail_msg("%s", m->e.text);
	machine_is_file(m, "boot/unified", "unified\nCMDLINE=quiet\n");
	machine_is_file(m, "etc/default/grub", "CMDLINE=quiet\n");
	nothing_staged(m);
	assert_int_equal(unlink(temporary_path(&m->t, how)), 0);
}

static void test_staged(void **state)
{
	struct machine *m = *state;
	unsigned number;

	works(m, machine_apply(m, &number));
	machine_is_file(m, "boot/unified", "unified\nCMDLINE='quiet passthru'\n");
	works(m, machine_undo(m, number));
	machine_is_file(m, "boot/unified", "unified\nCMDLINE=quiet\n");
}

static void test_fails(void **state)
{
	struct machine *m = *state;

	fails(m, "stage-fails", "ended with status 3 and says: no; everything was put back");
	fails(m, "stage-idle", "has not made " MACHINE_STAGED);
	fails(m, "unify-fails", "ended with status 4 and says: no; everything was put back");
}

/* What another process left, or somebody laid there, is not taken for what was made. */
static void test_stale(void **state)
{
	struct machine *m = *state;
	unsigned number;

	works(m, machine_apply(m, &number));
	works(m, machine_undo(m, number));
	temporary_file(&m->t, MACHINE_STAGED, "passthru of yesterday\n");
	temporary_file(&m->t, CHANGE_STAGED "other", "of a kernel that is gone\n");
	works(m, machine_recover(m));
	assert_int_equal(access(temporary_path(&m->t, CHANGE_STAGED "other"), F_OK), -1);
}

/* Undo makes anew what somebody else made since, with what runs first. */
static void test_made_anew(void **state)
{
	struct machine *m = *state;
	unsigned number;

	works(m, machine_apply(m, &number));
	temporary_file(&m->t, "boot/unified", "passthru by a kernel's package\n");
	temporary_file(&m->t, "stage-fails", "");
	assert_true(machine_undo(m, number) < 0);
	nothing_staged(m);
	assert_int_equal(unlink(temporary_path(&m->t, "stage-fails")), 0);
	works(m, machine_recover(m));
	machine_is_file(m, "boot/unified", "unified\nCMDLINE=quiet\n");
	machine_is_file(m, "etc/default/grub", "CMDLINE=quiet\n");
}

static void test_path(void **state)
{
	static const char *const paths[] = { "boot/staged", CHANGE_STAGED, CHANGE_STAGED "a/b",
					     "var/lib/passthru/changes/1/journal.json" };
	struct machine *m = *state;
	unsigned number;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		m->steps[1].staged = paths[i];
		assert_int_equal(machine_apply(m, &number), -EINVAL);
		machine_is_file(m, "etc/default/grub", "CMDLINE=quiet\n");
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_staged, start, stop),
		cmocka_unit_test_setup_teardown(test_fails, start, stop),
		cmocka_unit_test_setup_teardown(test_stale, start, stop),
		cmocka_unit_test_setup_teardown(test_made_anew, start, stop),
		cmocka_unit_test_setup_teardown(test_path, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
