// SPDX-License-Identifier: MIT
// Journals that are torn, made by somebody else or made to harm: each is refused with a sentence
// and nothing is changed. And what a killed apply left, when others have gone on since.

#include "tests/change/machine.h"

#include <errno.h>
#include <time.h>

#define CHANGES "var/lib/passthru/changes"
#define JOURNAL CHANGES "/1/journal.json"

static char *journal_text(struct machine *m)
{
	struct bytes data;

	assert_int_equal(root_read_max(m->host.root, &m->host.arena, JOURNAL, 1 << 20, &data), 0);
	return arena_strdup(&m->host.arena, data.data);
}

static void journal_put(struct machine *m, const void *data, size_t n)
{
	assert_int_equal(root_replace(m->host.root, JOURNAL, data, n, 0600), 0);
}

/* The journal of an applied change with @from, which stands in it, made @to. */
static void journal_make(struct machine *m, const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	assert_non_null(at);
	const char *made = arena_printf(&m->host.arena, "%.*s%s%s", (int)(at - text), text, to,
					at + strlen(from));
	journal_put(m, made, strlen(made));
}

static void refuses(struct machine *m)
{
	char *before = tree_text(m->t.path);
	int undone = machine_undo(m, 1);

	if (undone == 0)
		print_message("# %.2000s\n", journal_text(m));
	assert_true(undone < 0);
	assert_true(strlen(m->e.text) > 20);
	assert_true(machine_recover(m) < 0);
	char *after = tree_text(m->t.path);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void test_torn(void **state)
{
	struct machine m;
	unsigned number;

	(void)state;
	machine_make(&m);
	assert_int_equal(machine_apply(&m, &number), 0);
	char *text = journal_text(&m);
	size_t n = strlen(text);
	for (size_t i = 0; i + 1 < n; i += 1 + n / 150) {
		journal_put(&m, text, i);
		refuses(&m);
	}
	journal_put(&m, text, n);
	assert_int_equal(machine_undo(&m, 1), 0);
	machine_remove(&m);
}

/* What is in a journal, and what somebody makes of it. */
static const char *const damages[][2] = {
	{ "\"etc/made/second\"", "\"../../etc/passwd\"" },
	{ "\"etc/made/second\"", "\"/etc/passwd\"" },
	{ "\"etc/made/second\"", "\"etc//passwd\"" },
	{ "\"etc/made/second\"", "\"\"" },
	{ "\"etc/made/second\"", "\"var/lib/passthru/changes/2/journal.json\"" },
	{ "\"etc/made/second\"", "7" },
	{ "\"saved\": \"name\"", "\"saved\": \"none\"" },
	{ "\"saved\": \"copy\"", "\"saved\": \"magic\"" },
	{ "\"kind\": \"file\"", "\"kind\": \"device\"" },
	{ "\"kind\": \"file\"", "\"kind\": \"link\"" },
	{ "\"mode\": ", "\"mode\": 99999" },
	{ "\"mode\": ", "\"mode\": -" },
	{ "\"uid\": ", "\"uid\": 99999999999" },
	{ "\"sha256\": \"", "\"sha256\": \"x" },
	{ "\"version\": 2", "\"version\": 3" },
	{ "\"version\": 2", "\"version\": 2, \"version\": 2" },
	{ "\"continues\": 0", "\"continues\": 1" },
	{ "\"continues\": 0", "\"continues\": -1" },
	{ "\"continues\": 0", "\"continues\": \"0\"" },
	{ "\"trace\": \"passthru\"", "\"output\": \"../x\"" },
	{ "\"trace\": \"passthru\"", "\"old\": \"var/lib/passthru/lock\"" },
	{ "\"takes_back\": [", "\"takes_back\": [[], " },
	{ "\"" MACHINE_STAGED "\"", "\"" CHANGES "/1/journal.json\"" },
	{ "\"" MACHINE_STAGED "\"", "\"" MACHINE_STAGED "/../1\"" },
	{ "\"" MACHINE_STAGED "\"", "null" },
	{ "\"first\": [", "\"last\": [" },
	{ "\"first\": [", "\"first\": [], \"last\": [" },
	{ "\"state\": \"applied\"", "\"state\": \"perfect\"" },
	{ "\"state\": \"applied\"", "\"state\": null" },
	{ "\"format\": \"passthru-change\"", "\"format\": \"other\"" },
	{ "\"after\": {", "\"later\": {" },
	{ "\"entries\": [", "\"entries\": {}, \"others\": [" },
};

static void test_hostile(void **state)
{
	struct machine m;
	unsigned number;

	(void)state;
	machine_make(&m);
	assert_int_equal(machine_apply(&m, &number), 0);
	char *text = journal_text(&m);
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		journal_make(&m, text, damages[i][0], damages[i][1]);
		refuses(&m);
	}
	journal_put(&m, text, strlen(text));
	assert_int_equal(chmod(temporary_path(&m.t, JOURNAL), 0622), 0);
	refuses(&m);
	assert_non_null(strstr(m.e.text, "only root can write"));
	assert_int_equal(chmod(temporary_path(&m.t, JOURNAL), 0600), 0);
	assert_int_equal(rename(temporary_path(&m.t, JOURNAL), temporary_path(&m.t, "aside")), 0);
	refuses(&m);
	assert_non_null(strstr(m.e.text, "move " CHANGES "/1 away"));
	temporary_link(&m.t, JOURNAL, "/aside");
	refuses(&m);

	struct change_list list;
	assert_int_equal(change_history(&m.host, &list, &m.e), 0);
	assert_int_equal(list.n, 1);
	assert_int_equal(list.changes[0].state, CHANGE_DAMAGED);
	assert_true(strlen(list.changes[0].problem) > 20);
	machine_remove(&m);
}

/* Names that are no change of ours stay where they are. */
static void test_strangers(void **state)
{
	struct machine m;
	unsigned number;

	(void)state;
	machine_make(&m);
	temporary_file(&m.t, CHANGES "/notes", "x");
	temporary_file(&m.t, CHANGES "/07/journal.json", "{");
	temporary_file(&m.t, CHANGES "/3.new/files/0", "litter");
	temporary_file(&m.t, CHANGES "/4.gone/journal.json", "litter");
	assert_int_equal(machine_apply(&m, &number), 0);
	assert_int_equal(number, 1);
	assert_int_equal(access(temporary_path(&m.t, CHANGES "/notes"), F_OK), 0);
	assert_int_equal(access(temporary_path(&m.t, CHANGES "/07"), F_OK), 0);
	assert_int_equal(access(temporary_path(&m.t, CHANGES "/3.new"), F_OK), -1);
	assert_int_equal(access(temporary_path(&m.t, CHANGES "/4.gone"), F_OK), -1);
	assert_int_equal(machine_undo(&m, 0), 0);
	machine_remove(&m);
}

/* An apply that was killed while its command ran. */
static void leave_half(struct machine *m, int64_t command_s)
{
	unsigned number;

	assert_int_equal(machine_apply(m, &number), 0);
	char *text = journal_text(m);
	const char *key = "\"command_time\": ";
	const char *at = strstr(text, key);
	assert_non_null(at);
	const char *was = arena_strndup(&m->host.arena, at, strcspn(at, ","));
	journal_make(m, text, "\"applied\"", "\"applying\"");
	text = journal_text(m);
	journal_make(m, text, was,
		     arena_printf(&m->host.arena, "%s%lld", key, (long long)command_s));
}

/* The next session makes it what it was; @before is freed. */
static void goes_back(struct machine *m, char *before)
{
	assert_int_equal(machine_recover(m), 0);
	char *after = tree_text(m->t.path);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void test_killed_just_now(void **state)
{
	struct machine m;

	(void)state;
	machine_make(&m);
	char *before = tree_text(m.t.path);
	leave_half(&m, time(NULL));
	temporary_file(&m.t, "boot/grub/grub.cfg", "half a me");
	goes_back(&m, before);
	machine_remove(&m);
}

/* On FAT a new name is on the disk before its content; fsck.fat makes the file an empty one. */
static void test_empty(void **state)
{
	static const char *const torn[] = { "etc/made/second", "etc/default/grub", "etc/old.conf" };
	struct machine m;

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(torn); i++) {
		const char *path = torn[i / 2];
		const bool undoing = i % 2;

		machine_make(&m);
		char *before = tree_text(m.t.path);
		leave_half(&m, time(NULL));
		if (undoing)
			journal_make(&m, journal_text(&m), "\"applying\"", "\"undoing\"");
		temporary_file(&m.t, path, "");
		goes_back(&m, before);
		machine_remove(&m);
	}
	/* applied whole, an empty file is somebody's */
	unsigned number;
	machine_make(&m);
	assert_int_equal(machine_apply(&m, &number), 0);
	temporary_file(&m.t, torn[0], "");
	assert_int_equal(machine_undo(&m, number), -EPERM);
	machine_remove(&m);
}

/* A day later the menu is another one: the old copy would name kernels that are gone. */
static void test_killed_long_ago(void **state)
{
	struct machine m;

	(void)state;
	machine_make(&m);
	char *before = tree_text(m.t.path);
	leave_half(&m, time(NULL) - 86400);
	temporary_file(&m.t, "boot/grub/grub.cfg", "menu of a new kernel");
	/* no command makes this one anew: nothing may be touched before somebody has said what */
	temporary_file(&m.t, "boot/grub/grubenv", "saved=new\n");
	char *half = tree_text(m.t.path);
	assert_int_equal(machine_recover(&m), -EPERM);
	assert_non_null(strstr(m.e.text, "boot/grub/grubenv was changed since change 1"));
	assert_non_null(strstr(m.e.text, "was interrupted"));
	char *still = tree_text(m.t.path);
	assert_string_equal(half, still);

	const struct change_undo_how keep = { .keep_changed = true };
	struct change_session session;
	struct bytes data;
	assert_int_equal(change_open(&m.host, &keep, &session, &m.e), 0);
	assert_int_equal(session.recovered.n, 1);
	change_close(&session);
	assert_int_equal(root_read(m.host.root, &m.host.arena, "boot/grub/grub.cfg", &data), 0);
	assert_string_equal(data.data, "menu\nCMDLINE=quiet\n");
	assert_int_equal(root_read(m.host.root, &m.host.arena, "boot/grub/grubenv", &data), 0);
	assert_string_equal(data.data, "saved=new\n");
	free(half);
	free(still);
	free(before);
	machine_remove(&m);
}

/* A file of a plan that somebody edited after the kill is not overwritten. */
static void test_edited_after_kill(void **state)
{
	struct machine m;

	(void)state;
	machine_make(&m);
	leave_half(&m, time(NULL));
	temporary_file(&m.t, "etc/default/grub", "CMDLINE=mine\n");
	assert_int_equal(machine_recover(&m), -EPERM);
	assert_non_null(strstr(m.e.text, "etc/default/grub was changed since"));
	machine_remove(&m);
}

static void test_not_mounted(void **state)
{
	struct machine m;

	(void)state;
	machine_make(&m);
	unsigned number;
	assert_int_equal(machine_apply(&m, &number), 0);
	char *text = journal_text(&m);
	const char *at = strstr(text, "\"path\": \"boot/grub/grubenv\"");
	const char *mounted = "\"mounted\": false";
	assert_non_null(at);
	const char *flag = strstr(at, mounted);
	assert_non_null(flag);
	const char *made = arena_printf(&m.host.arena, "%.*s\"mounted\": true%s",
					(int)(flag - text), text, flag + strlen(mounted));
	journal_put(&m, made, strlen(made));
	assert_int_equal(machine_undo(&m, 1), -EPERM);
	assert_non_null(strstr(m.e.text, "that boot/grub/grubenv lies on is not mounted"));
	machine_remove(&m);
}

/* As restorecon(8) and chmod(1) do below var, where files of etc have their second names. */
static void test_attributes_of_copies(void **state)
{
	struct machine m;
	unsigned number;

	(void)state;
	machine_make(&m);
	char *before = tree_text(m.t.path);
	assert_int_equal(machine_apply(&m, &number), 0);
	for (unsigned i = 0; i < 20; i++) {
		char name[64];

		snprintf(name, sizeof(name), CHANGES "/1/files/%u", i);
		const char *path = temporary_path(&m.t, name);
		if (access(path, F_OK) < 0)
			continue;
		assert_int_equal(chmod(path, 0604), 0);
		(void)setxattr(path, "user.note", "another", 7, 0);
		(void)setxattr(path, "user.more", "x", 1, 0);
	}
	if (machine_undo(&m, 1) < 0)
		fail_msg("%s", m.e.text);
	char *after = tree_text(m.t.path);
	assert_string_equal(before, after);
	free(before);
	free(after);
	machine_remove(&m);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_killed_just_now),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_killed_long_ago),
		cmocka_unit_test(test_edited_after_kill),
		cmocka_unit_test(test_not_mounted),
		cmocka_unit_test(test_attributes_of_copies),
	};

	alarm(300);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
