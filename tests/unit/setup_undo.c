// SPDX-License-Identifier: MIT
// Undoing when somebody has touched what belongs to a setup, and after one that was killed: a
// refusal changes nothing, and what is kept as it is stands in no way.

#include "tests/setup/machine.h"

#include <errno.h>

#define LATER "6.1.0-11"
#define LATER_ENTRY "boot/loader/entries/debian-" LATER ".conf"
#define HOOK "etc/initramfs-tools/hooks/passthru"

static void set_up(struct machine *m)
{
	m->wish.no_trial = true;
	machine_ok(m, machine_setup(m));
	machine_boot(m, "passthru.boot=1", true);
}

/* A kernel came later, and its entry has got our words. */
static void install_later(struct machine *m)
{
	machine_kernel(m, LATER);
	temporary_file(&m->t, LATER_ENTRY,
		       "title Debian\nversion " LATER "\nlinux /vmlinuz-" LATER
		       "\ninitrd /initrd.img-" LATER "\noptions " COMMAND_LINE
		       " passthru.boot=1\n");
}

static int undo(struct machine *m, unsigned number, bool keep_changed, struct setup_undone *ret)
{
	machine_open(m);
	return setup_undo(&m->host, number, keep_changed, ret, &m->e);
}

static void test_refused(void **state)
{
	struct machine *m = *state;
	struct setup_undone undone;

	set_up(m);
	install_later(m);
	temporary_file(&m->t, HOOK, "#!/bin/sh\n# mine\n");
	machine_disk_is_now(m);
	machine_says(m, undo(m, 0, false, &undone), HOOK " was changed since change 1");
	assert_int_equal(m->e.kind, ERR_REFUSED);
	assert_int_equal(undone.also.n, 0);
	machine_is_as_before(m);
	machine_holds(m, LATER_ENTRY, "passthru.boot=1", true);
}

/* A change before it, with a file that the later one has changed as well, stands in no way. */
static void test_both_changes(void **state)
{
	struct machine *m = *state;
	struct setup_arrivals arrivals;
	struct setup_undone undone;
	char *before = m->disk;

	m->disk = NULL;
	machine_ok(m, machine_setup(m));
	machine_boot(m, TRIAL_WORDS, true);
	machine_ok(m, machine_confirm(m, &arrivals));
	temporary_file(&m->t, HOOK, "#!/bin/sh\n# mine\n");
	machine_disk_is_now(m);
	machine_says(m, undo(m, 0, false, &undone), HOOK " was changed since change 1");
	assert_int_equal(undone.n, 0);
	machine_is_as_before(m);
	free(m->disk);
	m->disk = before;
	machine_ok(m, undo(m, 0, true, &undone));
	assert_int_equal(undone.n, 2);
	assert_int_equal(unlink(temporary_path(&m->t, HOOK)), 0);
	machine_is_as_before(m);
}

/* There was none before either. */
static void test_devices_removed(void **state)
{
	struct machine *m = *state;
	struct setup_undone undone;

	set_up(m);
	assert_int_equal(unlink(temporary_path(&m->t, RESERVE_FILE)), 0);
	machine_ok(m, undo(m, 0, false, &undone));
	assert_int_equal(undone.n, 1);
	machine_is_as_before(m);
}

static void test_devices_damaged(void **state)
{
	struct machine *m = *state;
	struct setup_undone undone;

	set_up(m);
	temporary_file(&m->t, RESERVE_FILE, "mine\n");
	machine_says(m, undo(m, 0, false, &undone), RESERVE_FILE " was changed since change 1");
	assert_int_equal(m->e.kind, ERR_REFUSED);
	machine_ok(m, undo(m, 0, true, &undone));
	assert_int_equal(undone.n, 1);
	machine_holds(m, RESERVE_FILE, "mine", true);
	assert_false(machine_exists(m, SETUP_FILE));
}

static void test_record_damaged(void **state)
{
	struct machine *m = *state;
	struct setup_undone undone;

	set_up(m);
	install_later(m);
	temporary_file(&m->t, SETUP_FILE, "");
	machine_says(m, undo(m, 0, false, &undone), SETUP_FILE " was changed since change 1");
	assert_int_equal(m->e.kind, ERR_REFUSED);
	machine_ok(m, undo(m, 0, true, &undone));
	assert_int_equal(undone.n, 1);
	assert_int_equal(undone.also.n, 1);
	assert_non_null(strstr(undone.also.name[0], "entries and images of kernels"));
	assert_non_null(strstr(undone.also.name[0], SETUP_FILE));
	machine_holds(m, LATER_ENTRY, "passthru.boot=1", true);
	assert_false(machine_exists(m, RESERVE_FILE));
}

/* As a process leaves it that is killed while the change is in @state. */
static void killed_in(struct machine *m, const char *state)
{
	static const char journal[] = "var/lib/passthru/changes/1/journal.json";
	static const char was[] = "\"state\": \"applied\"";
	struct bytes text;

	set_up(m);
	machine_open(m);
	assert_int_equal(root_read_max(m->host.root, &m->host.arena, journal, 1 << 20, &text), 0);
	const char *at = strstr(text.data, was);
	assert_non_null(at);
	temporary_file(&m->t, journal,
		       arena_printf(&m->host.arena, "%.*s\"state\": \"%s\"%s",
				    (int)(at - text.data), text.data, state, at + strlen(was)));
	machine_boot(m, "", false);
}

/* What was asked for has come about before the command could begin. */
static void comes_about(struct machine *m, const char *says, const char *then)
{
	struct setup_undone undone;

	machine_ok(m, undo(m, 1, false, &undone));
	assert_int_equal(undone.recovered.n, 1);
	if (!strstr(undone.recovered.name[0], says))
		fail_msg("%s", undone.recovered.name[0]);
	machine_is_as_before(m);
	machine_says(m, undo(m, 1, false, &undone), then);
	assert_int_equal(m->e.kind, ERR_REFUSED);
}

static void test_setup_killed(void **state)
{
	killed_in(*state, "applying");
	comes_about(*state, "is taken back", "there is no change 1");
}

static void test_undo_killed(void **state)
{
	killed_in(*state, "undoing");
	comes_about(*state, "is undone now", "was undone before");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_refused, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_both_changes, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_devices_removed, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_devices_damaged, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_record_damaged, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_setup_killed, machine_start, machine_stop),
		cmocka_unit_test_setup_teardown(test_undo_killed, machine_start, machine_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
