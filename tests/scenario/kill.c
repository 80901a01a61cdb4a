// SPDX-License-Identifier: MIT
// Kills, and full disks, at every system call that changes something, over all kinds of files that
// a setup changes.

#include "tests/scenario/formats.h"

static int start(void **state)
{
	static const char *const in_place[] = { "boot/grub/once", NULL };
	static struct fixture f;

	alarm(getenv("PASSTHRU_TEST_LONG") ? 7200 : 900);
	*state = &f;
	f.stride = 19;
	f.in_place = in_place;
	f.make_plan = formats_plan;
	kills_in_memory();
	formats_make(&f.m);
	return kills_start(&f);
}

/* Of a file system that gives no file a second name (FAT, and others through FUSE). */
static void test_without_links(void **state)
{
	struct fixture *f = *state;
	struct trial trial = { .fate = FATE_NO_LINKS };

	run(&f->m, apply, &trial);
	assert_true(ended_with(&trial, EXIT_WORKED));
	assert_true(trial.refused > 10);
	assert_new(f);
	run(&f->m, undo, &trial);
	assert_true(ended_with(&trial, EXIT_WORKED));
	assert_old(f);
	unsigned n = trial.n;
	for (unsigned i = 1; i <= n; i += 3 * stride(f)) {
		struct trial killed = { .fate = FATE_NO_LINKS, .at = i };

		reopen(f);
		run(&f->m, apply, &killed);
		assert_true(killed.killed);
		assert_whole(f);
		recover(f);
		if (!is_old(f))
			undo_whole(f);
		assert_old(f);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_apply_killed),  cmocka_unit_test(test_undo_killed),
		cmocka_unit_test(test_full_once),     cmocka_unit_test(test_full_for_good),
		cmocka_unit_test(test_without_links),
	};

	return cmocka_run_group_tests(tests, start, kills_stop);
}
