// SPDX-License-Identifier: MIT
// A trial boot with a limit: the timer that restarts it, and that it never does so in the midst of
// a change, nor after one that has ended the trial.

#include "tests/setup/machine.h"

#include <errno.h>

#define UNITS "etc/systemd/system/"

static const char *const files[] = {
	UNITS "passthru-restart.service",
	UNITS "passthru-restart.timer",
	UNITS "sysinit.target.d/passthru-restart.conf",
};

/* The timer runs while there is the file "active"; what is asked of it is written down. */
#define SYSTEMCTL                                                                                  \
	"[ \"$*\" = \"--no-ask-password $2 -- passthru-restart.timer\" ]\n"                        \
	"case $2 in\n"                                                                             \
	"is-active) test -e \"$programs/active\" ;;\n"                                             \
	"stop) test ! -e \"$programs/stuck\"; rm \"$programs/active\"; echo stop "                 \
	">>\"$programs/told\" ;;\n"                                                                \
	"start) : >\"$programs/active\"; echo start >>\"$programs/told\" ;;\n"                     \
	"esac\n"

static int start(void **state)
{
	machine_start(state);
	struct machine *m = *state;
	machine_program(m, "systemctl", SYSTEMCTL);
	temporary_directories(&m->t, "run/systemd/system/");
	m->wish.limit_s = 1800;
	machine_disk_is_now(m);
	return 0;
}

static void trial(struct machine *m)
{
	machine_ok(m, machine_setup(m));
	machine_boot(m, TRIAL_WORDS, true);
	temporary_file(&m->programs, "active", "");
}

static bool is_active(struct machine *m)
{
	return access(temporary_path(&m->programs, "active"), F_OK) == 0;
}

static void was_told(struct machine *m, const char *words)
{
	char text[64] = "";
	FILE *f = fopen(temporary_path(&m->programs, "told"), "re");

	if (f) {
		text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
		fclose(f);
	}
	assert_string_equal(text, words);
}

static void are_there(struct machine *m, bool there)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		assert_int_equal(machine_exists(m, files[i]), there);
}

static void test_cycle(void **state)
{
	struct machine *m = *state;
	struct setup_arrivals arrivals;
	struct setup_undone undone;

	trial(m);
	are_there(m, true);
	machine_holds(m, files[1], "OnBootSec=1800\n", true);
	machine_holds(m, files[2], "Wants=passthru-restart.timer", true);
	machine_plan_is_empty(m);
	machine_ok(m, machine_confirm(m, &arrivals));
	assert_false(is_active(m));
	was_told(m, "stop\n");
	are_there(m, false);
	/* what is permanent has no limit, whatever is asked for */
	machine_boot(m, "passthru.boot=1", true);
	machine_plan_is_empty(m);
	machine_holds(m, SETUP_FILE, "limit", false);
	machine_ok(m, machine_undo(m, &undone));
	was_told(m, "stop\n");
	machine_is_as_before(m);
}

/* Longer, shorter and none are changes that go on with the first. */
static void test_another(void **state)
{
	struct machine *m = *state;
	struct setup_undone undone;

	machine_ok(m, machine_setup(m));
	m->wish.limit_s = 600;
	machine_ok(m, machine_setup(m));
	assert_int_equal(m->number, 2);
	machine_holds(m, files[1], "OnBootSec=600\n", true);
	m->wish.limit_s = 0;
	machine_ok(m, machine_setup(m));
	are_there(m, false);
	machine_plan_is_empty(m);
	machine_boot(m, "", false);
	machine_ok(m, machine_undo(m, &undone));
	machine_is_as_before(m);
}

static void test_not_as_planned(void **state)
{
	struct machine *m = *state;
	struct setup_arrivals arrivals;

	machine_ok(m, machine_setup(m));
	machine_boot(m, TRIAL_WORDS, false);
	temporary_file(&m->programs, "active", "");
	machine_says(m, machine_confirm(m, &arrivals), "did not come up as planned");
	assert_true(is_active(m));
	was_told(m, "");
}

static void test_confirm_fails(void **state)
{
	struct machine *m = *state;
	struct setup_arrivals arrivals;

	trial(m);
	machine_mode(m, "dependency");
	machine_says(m, machine_confirm(m, &arrivals), "the module vfio");
	assert_true(is_active(m));
	was_told(m, "stop\nstart\n");
}

/* One that cannot be stopped would come in the midst of it. */
static void test_timer_is_stuck(void **state)
{
	struct machine *m = *state;
	struct setup_arrivals arrivals;

	trial(m);
	temporary_file(&m->programs, "stuck", "");
	machine_disk_is_now(m);
	machine_says(m, machine_confirm(m, &arrivals), "holding back the restart");
	machine_is_as_before(m);
}

static void test_undo_in_the_trial(void **state)
{
	struct machine *m = *state;
	struct setup_undone undone;

	trial(m);
	machine_ok(m, machine_undo(m, &undone));
	assert_false(is_active(m));
	are_there(m, false);
}

static void test_armed_again_in_the_trial(void **state)
{
	struct machine *m = *state;

	machine_ok(m, machine_setup(m));
	machine_boot(m, TRIAL_WORDS, false);
	temporary_file(&m->programs, "active", "");
	m->wish.limit_s = 900;
	machine_ok(m, machine_setup(m));
	assert_false(is_active(m));
	machine_holds(m, files[1], "OnBootSec=900\n", true);
}

/* By what will read them. */
static void test_units_are_understood(void **state)
{
	struct machine *m = *state;
	char command[1024], said[512] = "";

	if (system("command -v systemd-analyze >/dev/null") != 0)
		skip();
	machine_ok(m, machine_setup(m));
	snprintf(command, sizeof(command), "cd %s && systemd-analyze verify --man=no %s %s 2>&1",
		 m->t.path, files[0], files[1]);
	FILE *stream = popen(command, "re");
	assert_non_null(stream);
	said[fread(said, 1, sizeof(said) - 1, stream)] = '\0';
	assert_int_equal(pclose(stream), 0);
	if (strstr(said, "passthru"))
		fail_msg("%s", said);
}

static void test_without_systemd(void **state)
{
	struct machine *m = *state;

	assert_int_equal(unlink(temporary_path(&m->t, "usr/lib/systemd/systemd")), 0);
	machine_says(m, machine_setup(m), "--for needs systemd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_cycle, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_another, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_not_as_planned, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_confirm_fails, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_timer_is_stuck, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_undo_in_the_trial, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_armed_again_in_the_trial, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_units_are_understood, start, machine_stop),
		cmocka_unit_test_setup_teardown(test_without_systemd, start, machine_stop),
	};

	return cmocka_run_group_tests_name("setup_limit", tests, NULL, NULL);
}
