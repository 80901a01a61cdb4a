// SPDX-License-Identifier: MIT
// Random plans on random trees: applied and undone the tree is the same, and a plan that was
// applied has nothing left to do. And the differences of random texts, which must lead from one to
// the other.

#include "tests/change/machine.h"

#include <errno.h>
#include <sys/mount.h>

static uint64_t state;

static unsigned below(unsigned n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % n;
}

/* ---- plans ---- */

static const char *const directories[] = { "", "a/", "a/b/", "c/", "new/", "new/deep/", "c/d/e/" };
static const char *const names[] = { "one", "two", "three", ".four", "five.conf" };

static const char *random_path(struct arena *a)
{
	return arena_printf(a, "%s%s", directories[below(ARRAY_SIZE(directories))],
			    names[below(ARRAY_SIZE(names))]);
}

static struct bytes random_content(struct arena *a)
{
	size_t n = below(4) ? below(200) : below(30000);
	char *data = arena_alloc(a, n + 1);

	for (size_t i = 0; i < n; i++)
		data[i] = below(9) ? (char)('a' + below(26)) : (char)below(256);
	return (struct bytes){ data, n };
}

static void random_file(struct temporary *t, struct arena *a, const char *path)
{
	const char *first = temporary_path(t, path);
	struct bytes content = random_content(a);
	static char last[1024];

	if (below(6) == 0) {
		temporary_link(t, path, arena_printf(a, "/%s", random_path(a)));
	} else if (below(6) == 0 && *last && access(last, F_OK) == 0) {
		temporary_directories(t, path);
		assert_int_equal(link(last, first), 0);
	} else {
		temporary_bytes(t, path, content.data, content.n);
		first = temporary_path(t, path);
		assert_int_equal(chmod(first, 01 + below(07777)), 0);
		if (geteuid() == 0 && below(2))
			assert_int_equal(chown(first, below(1000), below(1000)), 0);
		snprintf(last, sizeof(last), "%s", first);
	}
	tree_age(t, path, 500000000 + (long)below(1000000000));
}

/* Directories that random_path() never names as files, some of them there. */
static void random_tree(struct machine *m, struct arena *a)
{
	for (unsigned i = 3 + below(8); i-- > 0;) {
		const char *path = random_path(a);
		struct stat st;

		if (!str_starts(path, "new/") && lstat(temporary_path(&m->t, path), &st) < 0)
			random_file(&m->t, a, path);
	}
}

static void random_plan(struct machine *m, struct arena *a)
{
	m->plan.n_steps = 1 + below(8);
	m->plan.steps = arena_array(a, m->plan.n_steps, sizeof(*m->plan.steps));
	for (size_t i = 0; i < m->plan.n_steps; i++) {
		struct step *step = &m->plan.steps[i];
		bool twice;

		*step = (struct step){ .content = random_content(a), .mode = 0600 + below(0177) };
		/* a plan does not want two things of one file */
		do {
			step->path = random_path(a);
			twice = false;
			for (size_t k = 0; k < i; k++)
				twice |= str_eq(step->path, m->plan.steps[k].path);
		} while (twice);
		step->absent = below(4) == 0;
	}
}

static void one_round(unsigned seed, unsigned *applied)
{
	CLEANUP_ARENA struct arena a = { 0 };
	struct machine m = { 0 };
	unsigned number, again;

	state = seed;
	assert_int_equal(temporary_make(&m.t), 0);
	temporary_directories(&m.t, "var/lib/x");
	random_tree(&m, &a);
	machine_open(&m);
	random_plan(&m, &a);
	char *before = tree_text(m.t.path);
	int error = machine_apply(&m, &number);
	/* two names for one file, or a link to itself, are no plan; but then nothing is changed */
	char *after = tree_text(m.t.path);
	if (error < 0 || number == 0) {
		assert_string_equal(before, after);
	} else {
		struct plan needed;

		++*applied;
		assert_string_not_equal(before, after);
		assert_int_equal(change_needed(&m.host, &m.plan, &needed, &m.e), 0);
		again = 1;
		if (needed.n_steps == 0)
			assert_int_equal(machine_apply(&m, &again), 0);
		assert_int_equal(again, needed.n_steps != 0);
		if (machine_undo(&m, number) < 0)
			fail_msg("seed %u: %s", seed, m.e.text);
		char *undone = tree_text(m.t.path);
		if (!str_eq(before, undone))
			print_message("# seed %u\n", seed);
		assert_string_equal(before, undone);
		free(undone);
	}
	free(before);
	free(after);
	machine_remove(&m);
}

static void test_plans(void **unused)
{
	unsigned applied = 0;

	(void)unused;
	for (unsigned seed = 1; seed <= 150; seed++)
		one_round(seed, &applied);
	print_message("# %u of 150 plans were applied\n", applied);
	assert_true(applied > 75);
}

/* ---- differences ---- */

static const char *random_lines(struct arena *a, unsigned n)
{
	const char *text = "";

	for (unsigned i = 0; i < n; i++)
		text = arena_printf(a, "%s%c%s", text, (char)('a' + below(4)),
				    i + 1 == n && below(3) == 0 ? "" : "\n");
	return text;
}

static void test_diff(void **unused)
{
	struct temporary t;

	(void)unused;
	assert_int_equal(temporary_make(&t), 0);
	for (unsigned i = 0; i < 100; i++) {
		CLEANUP_ARENA struct arena a = { 0 };
		char command[2048];
		const char *before, *after;

		state = i;
		before = random_lines(&a, below(30));
		after = random_lines(&a, below(30));
		const char *diff = change_diff(&a, "x", (struct bytes){ before, strlen(before) },
					       (struct bytes){ after, strlen(after) });
		assert_non_null(diff);
		assert_int_equal(*diff == '\0', str_eq(before, after));
		if (!*diff)
			continue;
		temporary_file(&t, "x", before);
		temporary_file(&t, "wanted", after);
		temporary_file(&t, "diff", diff);
		snprintf(command, sizeof(command),
			 "cd '%s' && patch -s -F0 x diff && { cmp x wanted || "
			 "[ ! -s wanted ]; }",
			 t.path);
		if (system(command) != 0)
			fail_msg("%s\nof\n%s\nto\n%s", diff, before, after);
	}
	assert_int_equal(temporary_remove(&t), 0);
}

static void test_diff_no_text(void **unused)
{
	CLEANUP_ARENA struct arena a = { 0 };

	(void)unused;
	assert_null(change_diff(&a, "x", (struct bytes){ "a\0b", 3 }, (struct bytes){ "", 0 }));
	assert_string_equal(change_diff(&a, "x", (struct bytes){ "", 0 }, (struct bytes){ "a", 1 }),
			    "--- x\n+++ x\n@@ -0,0 +1 @@\n+a\n\\ No newline at end of file\n");
	assert_string_equal(
		change_diff(&a, "x", (struct bytes){ "a\n", 2 }, (struct bytes){ "a\n", 2 }), "");
	/* more than is searched for: replaced whole */
	char *one = arena_alloc(&a, 6001), *other = arena_alloc(&a, 6001);
	for (size_t i = 0; i < 6000; i += 2) {
		memcpy(one + i, "a\n", 2);
		memcpy(other + i, "b\n", 2);
	}
	const char *diff =
		change_diff(&a, "x", (struct bytes){ one, 6000 }, (struct bytes){ other, 6000 });
	assert_true(str_starts(diff, "--- x\n+++ x\n@@ -1,3000 +1,3000 @@\n-a\n"));
	assert_int_equal(strlen(diff), strlen("--- x\n+++ x\n@@ -1,3000 +1,3000 @@\n") + 18000);
}

/* ---- real file systems ---- */

static int mount_on(struct machine *m, const char *type, const char *options)
{
	temporary_directories(&m->t, "esp/x");
	return mount("none", temporary_path(&m->t, "esp"), type, 0, options);
}

/* Another file system that is really full; and nothing of it can be kept by a second name. */
static void test_full(void **unused)
{
	struct machine m = { 0 };
	unsigned number;
	static char large[300000];
	struct step steps[] = {
		{ .path = "esp/first", .content = MACHINE_BYTES("new first\n") },
		{ .path = "etc/other", .content = MACHINE_BYTES("other\n") },
		{ .path = "esp/large", .content = { large, sizeof(large) } },
	};

	(void)unused;
	memset(large, 'x', sizeof(large));
	assert_int_equal(temporary_make(&m.t), 0);
	if (mount_on(&m, "tmpfs", "size=128k") < 0) {
		assert_int_equal(temporary_remove(&m.t), 0);
		/* cmocka's own word for it, "not ok # SKIP", counts as a failure */
		print_message("# test_fat: this machine mounts no FAT file system\n");
		return;
	}
	machine_open(&m);
	temporary_file(&m.t, "esp/first", "first\n");
	tree_age(&m.t, "esp/first", 900000000);
	char *before = tree_text(m.t.path);
	m.plan = (struct plan){ .steps = steps, .n_steps = 3 };
	assert_int_equal(machine_apply(&m, &number), -ENOSPC);
	assert_non_null(strstr(m.e.text, "esp/large: No space left on device; everything was put"));
	char *after = tree_text(m.t.path);
	/* the directories of the store itself are ours */
	assert_non_null(strstr(after, "esp/first"));
	steps[2].content.n = 1000;
	assert_int_equal(machine_apply(&m, &number), 0);
	assert_int_equal(machine_undo(&m, 0), 0);
	char *undone = tree_text(m.t.path);
	assert_string_equal(after, undone);
	assert_null(strstr(undone, "esp/large"));
	/* read-only: found before anything is done */
	assert_int_equal(
		mount(NULL, temporary_path(&m.t, "esp"), NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	assert_int_equal(machine_apply(&m, &number), -EPERM);
	assert_non_null(
		strstr(m.e.text, "esp/first lies on a file system that is mounted read-only"));
	assert_int_equal(umount(temporary_path(&m.t, "esp")), 0);
	free(before);
	free(after);
	free(undone);
	machine_remove(&m);
}

/* No owners, no modes, no second names: as an EFI system partition is. */
static void test_fat(void **unused)
{
	struct machine m = { 0 };
	unsigned number;
	char command[2048];
	struct step steps[] = {
		{ .path = "esp/loader/entries/own.conf", .content = MACHINE_BYTES("own\n") },
		{ .path = "esp/loader.conf", .content = MACHINE_BYTES("timeout 5\n") },
		{ .path = "esp/gone", .absent = true },
	};

	(void)unused;
	assert_int_equal(temporary_make(&m.t), 0);
	temporary_directories(&m.t, "esp/x");
	snprintf(command, sizeof(command),
		 "cd '%s' && truncate -s 1M fat && mkfs.vfat fat >fat.log 2>&1 && "
		 "mount -o loop,umask=0077 fat esp 2>fat.log",
		 m.t.path);
	if (system(command) != 0) {
		assert_int_equal(temporary_remove(&m.t), 0);
		/* cmocka's own word for it, "not ok # SKIP", counts as a failure */
		print_message("# test_fat: this machine mounts no FAT file system\n");
		return;
	}
	machine_open(&m);
	temporary_file(&m.t, "var/lib/x", "");
	temporary_file(&m.t, "esp/loader.conf", "timeout 3\n");
	temporary_file(&m.t, "esp/gone", "was here\n");
	assert_int_equal(remove(temporary_path(&m.t, "fat.log")), 0);
	char *before = tree_text(temporary_path(&m.t, "esp"));
	m.plan = (struct plan){ .steps = steps, .n_steps = 3 };
	int error = machine_apply(&m, &number);
	if (error == 0) {
		char *after = tree_text(temporary_path(&m.t, "esp"));
		assert_string_not_equal(before, after);
		free(after);
		error = machine_undo(&m, 0);
	}
	char *undone = tree_text(temporary_path(&m.t, "esp"));
	assert_int_equal(umount(temporary_path(&m.t, "esp")), 0);
	if (error < 0)
		fail_msg("%s", m.e.text);
	assert_string_equal(before, undone);
	free(before);
	free(undone);
	machine_remove(&m);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plans),        cmocka_unit_test(test_diff),
		cmocka_unit_test(test_diff_no_text), cmocka_unit_test(test_full),
		cmocka_unit_test(test_fat),
	};

	alarm(300);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
