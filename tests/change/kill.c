// SPDX-License-Identifier: MIT
// Kills at every system call, of the small host's plan.
//
// The kernel itself holds each such call back (seccomp_unotify(2)): this program counts them and
// decides, before the call is done. So nothing in the engine knows of the test, and no call is
// missed that the engine's author did not think of.

#include "tests/change/kills.h"

static int start(void **state)
{
	static const char *const in_place[] = { "boot/grub/grubenv", "boot/grub/.cfg",
						"boot/new.img", NULL };
	static struct fixture f;

	alarm(getenv("PASSTHRU_TEST_LONG") ? 7200 : 600);
	*state = &f;
	f.stride = 5;
	f.in_place = in_place;
	kills_in_memory();
	machine_make(&f.m);
	return kills_start(&f);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_apply_killed),
		cmocka_unit_test(test_undo_killed),
		cmocka_unit_test(test_full_once),
		cmocka_unit_test(test_full_for_good),
	};

	return cmocka_run_group_tests(tests, start, kills_stop);
}
