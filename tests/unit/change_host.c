// SPDX-License-Identifier: MIT
// Changes on hosts that are kept in ways of their own: a PATH without system programs, files that
// somebody has locked with chattr(1), access lists.

#include "tests/change/machine.h"

#include <errno.h>
#include <stdlib.h>

static int start(void **state)
{
	struct machine *m = calloc(1, sizeof(*m));

	alarm(300);
	*state = m;
	machine_make(m);
	return 0;
}

static int stop(void **state)
{
	machine_remove(*state);
	free(*state);
	return 0;
}

static const char *text_of(struct machine *m, const char *path)
{
	struct bytes data;

	assert_int_equal(root_read(m->host.root, &m->host.arena, path, &data), 0);
	return data.data;
}

/* ---- programs ---- */

static const char *path_of_command(struct machine *m)
{
	const char *argv[] = { "env", "sh", "-c",
			       arena_printf(&m->host.arena, "echo \":$PATH:\" >%s/seen", m->t.path),
			       NULL };
	static const char *const writes[] = { "seen", NULL };
	struct step steps[] = { { .path = "etc/made/second", .content = MACHINE_BYTES("two\n") },
				{ .kind = STEP_COMMAND, .argv = argv, .writes = writes } };
	unsigned number;

	m->plan = (struct plan){ .steps = steps, .n_steps = ARRAY_SIZE(steps) };
	int error = machine_apply(m, &number);
	if (error < 0)
		fail_msg("%s", m->e.text);
	const char *seen = text_of(m, "seen");
	assert_int_equal(machine_undo(m, number), 0);
	return seen;
}

/* That of "su" on Debian, of cron, and none. */
static void test_path(void **state)
{
	static const char *const paths[] = { "/usr/local/bin:/usr/bin:/bin:/usr/games",
					     "relative::/sbin", "", NULL };
	const char *before = getenv("PATH");
	char *kept = before ? strdup(before) : NULL;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		if (paths[i])
			setenv("PATH", paths[i], 1);
		else
			unsetenv("PATH");
		const char *seen = path_of_command(*state);
		if (!strstr(seen, ":/usr/sbin:") || !strstr(seen, ":/sbin:") ||
		    !strstr(seen, ":/usr/bin:"))
			fail_msg("%s", seen);
		/* what was there stands first */
		if (paths[i] && strncmp(seen + 1, paths[i], strlen(paths[i])) != 0)
			fail_msg("%s", seen);
	}
	if (kept)
		setenv("PATH", kept, 1);
	free(kept);
}

/* ---- files ---- */

static bool lock(struct machine *m, const char *how, const char *path)
{
	char command[900];

	snprintf(command, sizeof(command), "chattr %s %s 2>&1", how, temporary_path(&m->t, path));
	return system(command) == 0;
}

/* Since the change: it is found before anything is put back. */
static void test_locked_since(void **state)
{
	static const char *const paths[] = { "etc/default/grub", "boot/grub/grub.cfg",
					     "etc/made/second" };
	struct machine *m = *state;
	char *first = tree_text(m->t.path);
	unsigned number;

	if (!lock(m, "+i", "etc/twin2") || !lock(m, "-i", "etc/twin2"))
		skip();
	assert_int_equal(machine_apply(m, &number), 0);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		assert_true(lock(m, "+i", paths[i]));
		char *now = tree_text(m->t.path);
		int error = machine_undo(m, number);
		char *still = tree_text(m->t.path);
		assert_true(lock(m, "-i", paths[i]));
		if (error != -EPERM || m->e.kind != ERR_REFUSED ||
		    !strstr(m->e.text,
			    arena_printf(&m->host.arena, "%s must not be changed", paths[i])))
			fail_msg("%d %s", error, m->e.text);
		assert_string_equal(now, still);
		free(now);
		free(still);
	}
	assert_int_equal(machine_undo(m, number), 0);
	char *last = tree_text(m->t.path);
	assert_string_equal(first, last);
	free(first);
	free(last);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_path, start, stop),
		cmocka_unit_test_setup_teardown(test_locked_since, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
