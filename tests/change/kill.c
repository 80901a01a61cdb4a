// SPDX-License-Identifier: MIT
// A plan is applied and undone by a process that is killed, or told that the disk is full, at every
// system call that changes something; its generators are too. After each: every file is the old or
// the new one, the next session makes it whole, and then apply and undo work as if nothing had
// been.
//
// The kernel itself holds each such call back (seccomp_unotify(2)): this program counts them and
// decides, before the call is done. So nothing in the engine knows of the test, and no call is
// missed that the engine's author did not think of.

#include "tests/change/held.h"

/* ---- what is tried ---- */

static int apply(struct machine *m)
{
	unsigned number;

	return machine_apply(m, &number);
}

static int undo(struct machine *m)
{
	return machine_undo(m, 0);
}

struct fixture {
	struct machine m;
	char *old_text, *new_text;
};

/* Times of what is made anew differ from run to run. */
static char *without_times(const char *text)
{
	char *copy = strdup(text), *out = copy;

	for (const char *in = text; *in;) {
		const char *end = strchr(in, '\n');
		char name[512], mode[16], owner[64], sum[512] = "", rest[512] = "";

		if (sscanf(in, "%511s %15s %63s %511s %511s", name, mode, owner, sum, rest) >= 3)
			out += sprintf(out, "%s %s %s %s\n", name, mode, owner,
				       strchr(mode, '4') == mode ? "" : sum);
		in = end + 1;
	}
	*out = '\0';
	return copy;
}

static bool is_old(struct fixture *f)
{
	char *now = tree_text(f->m.t.path);
	bool same = str_eq(now, f->old_text);

	free(now);
	return same;
}

static bool is_new(struct fixture *f)
{
	char *text = tree_text(f->m.t.path), *now = without_times(text);
	bool same = str_eq(now, f->new_text);

	free(text);
	free(now);
	return same;
}

static void assert_old(struct fixture *f)
{
	char *now = tree_text(f->m.t.path);

	assert_string_equal(now, f->old_text);
	free(now);
}

static void assert_new(struct fixture *f)
{
	char *text = tree_text(f->m.t.path), *now = without_times(text);

	assert_string_equal(now, f->new_text);
	free(text);
	free(now);
}

/* Each is whole: the old or the new one. The generator's own file in place is its own affair. */
static void assert_whole(struct fixture *f)
{
	static const char *const each[][3] = {
		{ "etc/default/grub", "CMDLINE=quiet\n", "CMDLINE='quiet passthru'\n" },
		{ "usr/share/real", "real\n", "through the link\n" },
		{ "etc/twin", "one of two\n", "alone\n" },
		{ "etc/twin2", "one of two\n", "one of two\n" },
		{ "boot/grub/grub.cfg", "menu\nCMDLINE=quiet\n",
		  "menu\nCMDLINE='quiet passthru'\n" },
		{ "etc/old.conf", "old\nlines\n", NULL },
		{ "etc/made/deep/own.conf", NULL, "own\n" },
		{ "etc/made/second", NULL, "two\n" },
		{ "etc/script", NULL, "#!/bin/sh\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(each); i++) {
		CLEANUP_ARENA struct arena a = { 0 };
		struct bytes data = { NULL, 0 };
		int error = root_read(f->m.host.root, &a, each[i][0], &data);

		if (error == -ENOENT && (!each[i][1] || !each[i][2]))
			continue;
		assert_int_equal(error, 0);
		if ((each[i][1] && str_eq(data.data, each[i][1])) ||
		    (each[i][2] && str_eq(data.data, each[i][2])))
			continue;
		fail_msg("%s holds '%s'", each[i][0], data.data);
	}
}

static void recover(struct fixture *f)
{
	int error = machine_recover(&f->m);

	if (error < 0)
		fail_msg("%s", f->m.e.text);
}

/* A recovery that is killed too, again and again, each time a little later. */
static void recover_with_kills(struct fixture *f, unsigned at)
{
	for (;; at += 7) {
		struct trial trial = { .fate = FATE_KILL_ALL, .at = at };

		run(&f->m, machine_recover, &trial);
		assert_whole(f);
		if (!trial.killed)
			break;
	}
	recover(f);
}

/* Every call takes a minute or two: PASSTHRU_TEST_LONG=1. An odd number, so that what alternates
 * does. */
static unsigned stride(void)
{
	return getenv("PASSTHRU_TEST_LONG") ? 1 : 5;
}

/* Memory of the host does not grow with the number of trials. */
static void reopen(struct fixture *f)
{
	host_done(&f->m.host);
	machine_open(&f->m);
}

static unsigned count(struct fixture *f, int (*what)(struct machine *))
{
	struct trial trial = { .fate = FATE_NONE };

	run(&f->m, what, &trial);
	assert_true(ended_with(&trial, EXIT_WORKED));
	print_message("# %u calls that change something\n", trial.n);
	return trial.n;
}

static void apply_whole(struct fixture *f)
{
	int error = apply(&f->m);

	if (error < 0)
		fail_msg("%s", f->m.e.text);
	assert_new(f);
}

static void undo_whole(struct fixture *f)
{
	int error = undo(&f->m);

	if (error < 0)
		fail_msg("%s", f->m.e.text);
	assert_old(f);
}

static void test_apply_killed(void **state)
{
	struct fixture *f = *state;
	unsigned n = count(f, apply);

	undo_whole(f);
	for (unsigned i = 1; i <= n; i += stride()) {
		struct trial trial = { .fate = i % 2 ? FATE_KILL : FATE_KILL_ALL, .at = i };

		run(&f->m, apply, &trial);
		assert_true(trial.killed);
		assert_whole(f);
		if (i % 3 == 1)
			recover_with_kills(f, 1 + i % 5);
		else
			recover(f);
		/* what was killed behind its end is done */
		if (!is_old(f))
			undo_whole(f);
		assert_old(f);
		if (i % 4 == 0) {
			apply_whole(f);
			undo_whole(f);
		}
		reopen(f);
	}
}

static void test_undo_killed(void **state)
{
	struct fixture *f = *state;

	apply_whole(f);
	unsigned n = count(f, undo);
	for (unsigned i = 1; i <= n; i += stride()) {
		struct trial trial = { .fate = FATE_KILL_ALL, .at = i };

		apply_whole(f);
		run(&f->m, undo, &trial);
		assert_true(trial.killed);
		assert_whole(f);
		if (i % 3 == 1)
			recover_with_kills(f, 1 + i % 5);
		else
			recover(f);
		/* killed before it began */
		if (is_new(f))
			undo_whole(f);
		assert_old(f);
		reopen(f);
	}
}

/* One call finds the disk full: all is old, or, when the call was of no consequence, new. */
static void test_full_once(void **state)
{
	struct fixture *f = *state;
	unsigned n = count(f, apply), failed = 0;

	undo_whole(f);
	for (unsigned i = 1; i <= n; i += stride()) {
		struct trial trial = { .fate = FATE_FULL, .at = i };

		run(&f->m, apply, &trial);
		if (ended_with(&trial, EXIT_WORKED)) {
			undo_whole(f);
		} else {
			assert_true(ended_with(&trial, EXIT_FAILED));
			failed++;
		}
		assert_old(f);
		reopen(f);
	}
	assert_true(failed > n / stride() / 4);
}

/* It stays full: all is old, or whole, and old as soon as there is space again. */
static void test_full_for_good(void **state)
{
	struct fixture *f = *state;
	unsigned n = count(f, apply), old = 0, failed = 0;

	undo_whole(f);
	for (unsigned i = 1; i <= n; i += stride()) {
		struct trial trial = { .fate = FATE_FULL_ON, .at = i };

		run(&f->m, apply, &trial);
		assert_whole(f);
		if (!ended_with(&trial, EXIT_WORKED)) {
			failed++;
			old += is_old(f);
			recover(f);
		} else {
			undo_whole(f);
		}
		assert_old(f);
		reopen(f);
	}
	print_message("# %u of %u failures were taken back on the full disk\n", old, failed);
	/* until the first generator has written, nothing has to be copied back */
	assert_true(old > failed / 2);
}

static int start(void **state)
{
	static struct fixture f;

	alarm(600);
	*state = &f;
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	machine_make(&f.m);
	f.old_text = tree_text(f.m.t.path);
	struct trial trial = { .fate = FATE_NONE };
	run(&f.m, apply, &trial);
	if (ended_with(&trial, EXIT_NO_SECCOMP)) {
		print_message("1..0 # SKIP the kernel does not let system calls be held back\n");
		exit(0);
	}
	assert_true(ended_with(&trial, EXIT_WORKED));
	char *text = tree_text(f.m.t.path);
	f.new_text = without_times(text);
	free(text);
	undo_whole(&f);
	return 0;
}

static int stop(void **state)
{
	struct fixture *f = *state;

	machine_remove(&f->m);
	free(f->old_text);
	free(f->new_text);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_apply_killed),
		cmocka_unit_test(test_undo_killed),
		cmocka_unit_test(test_full_once),
		cmocka_unit_test(test_full_for_good),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
