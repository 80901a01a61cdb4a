// SPDX-License-Identifier: MIT
// passthru-rescue in a root that holds nothing but itself, as in the shell of an initramfs: it
// lists and takes back what was changed in the system mounted below.

#include "tests/scenario/formats.h"

#include <sched.h>
#include <sys/mount.h>

/* ---- a machine with two changes, and a root without anything ---- */

struct scene {
	struct machine m;
	struct temporary bare;
	char *before;
	bool alone; /* in the bare root; else where its libraries are */
};

static bool can_mount;

static struct scene *start_scene(void)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct step step = { .path = "etc/second", .content = MACHINE_BYTES("two\n") };
	const char *program = getenv("PASSTHRU_RESCUE");
	char command[2048];
	unsigned first, second;

	alarm(300);
	assert_non_null(program);
	formats_make(&s->m);
	assert_int_equal(temporary_make(&s->bare), 0);
	s->before = tree_text(s->m.t.path);
	int error = machine_apply(&s->m, &first);
	if (error < 0)
		fail_msg("%s", s->m.e.text);
	s->m.plan = (struct plan){ .steps = &step, .n_steps = 1, .continues = first };
	assert_int_equal(machine_apply(&s->m, &second), 0);
	s->alone = can_mount && getenv("PASSTHRU_RESCUE_STATIC");
	if (!s->alone)
		return s;
	temporary_directories(&s->bare, "mnt/x");
	snprintf(command, sizeof(command), "cp %s %s/passthru-rescue", program, s->bare.path);
	assert_int_equal(system(command), 0);
	assert_int_equal(mount(s->m.t.path, temporary_path(&s->bare, "mnt"), NULL, MS_BIND, NULL),
			 0);
	return s;
}

static int start(void **state)
{
	*state = start_scene();
	return 0;
}

static int stop(void **state)
{
	struct scene *s = *state;

	if (s->alone)
		assert_int_equal(umount2(temporary_path(&s->bare, "mnt"), MNT_DETACH), 0);
	assert_int_equal(temporary_remove(&s->bare), 0);
	machine_remove(&s->m);
	free(s->before);
	free(s);
	return 0;
}

static void child(struct scene *s, int output, const char *const *words)
{
	const char *program = s->alone ? "/passthru-rescue" : getenv("PASSTHRU_RESCUE");
	const char *argv[8] = { "passthru-rescue", "--root", s->alone ? "/mnt" : s->m.t.path };
	static char *const no_environment[] = { NULL };
	char *const *arguments;

	for (size_t i = 0; words[i]; i++)
		argv[3 + i] = words[i];
	memcpy(&arguments, &(const char *const *){ argv }, sizeof(arguments));
	if (dup2(output, 1) < 0 || dup2(output, 2) < 0)
		_exit(98);
	if (s->alone && (chroot(s->bare.path) < 0 || chdir("/") < 0))
		_exit(97);
	execve(program, arguments, no_environment);
	_exit(96);
}

/* What it says, and its exit status. */
static int rescue(struct scene *s, const char *const *words, char *said, size_t size)
{
	int status, ends[2];
	size_t n = 0;
	ssize_t more;

	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		child(s, ends[1], words);
	close(ends[1]);
	while ((more = read(ends[0], said + n, size - 1 - n)) > 0)
		n += (size_t)more;
	said[n] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void says(const char *said, const char *what)
{
	if (!strstr(said, what))
		fail_msg("'%s' is not in:\n%s", what, said);
}

static void is_as_before(struct scene *s)
{
	char *now = tree_text(s->m.t.path);

	assert_same(now, s->before);
	free(now);
}

/* ---- tests ---- */

static const char *const undo_words[] = { "undo", NULL };
static const char *const list_words[] = { "list", NULL };

static void test_undo(void **state)
{
	struct scene *s = *state;
	char said[8192];

	assert_int_equal(rescue(s, list_words, said, sizeof(said)), 0);
	says(said, "1  in place");
	says(said, "a test");
	says(said, "      boot/grub/grub.cfg\n");
	assert_int_equal(rescue(s, undo_words, said, sizeof(said)), 0);
	says(said, "change 2 (a test) is undone\nchange 1 (a test) is undone\n");
	is_as_before(s);
	assert_int_equal(rescue(s, undo_words, said, sizeof(said)), 1);
	says(said, "there is no change to undo");
	assert_int_equal(rescue(s, list_words, said, sizeof(said)), 0);
	says(said, "1  undone");
}

/* A file system that was not mounted is no host without changes. */
static void test_var_is_elsewhere(void **state)
{
	struct scene *s = *state;
	char said[8192];

	assert_int_equal(rename(temporary_path(&s->m.t, "var"), temporary_path(&s->m.t, "v")), 0);
	assert_int_equal(mkdir(temporary_path(&s->m.t, "var"), 0755), 0);
	assert_int_equal(rescue(s, list_words, said, sizeof(said)), 0);
	says(said, "there is no change in var/lib/passthru/changes: is all mounted");
	assert_int_equal(rescue(s, undo_words, said, sizeof(said)), 1);
	says(said, "there is no change to undo in var/lib/passthru/changes: is all mounted");
}

/* What was killed, in the middle of an image, is taken back first. */
static void test_interrupted(void **state)
{
	struct scene *s = *state;
	char said[8192];
	int status;

	assert_int_equal(rescue(s, undo_words, said, sizeof(said)), 0);
	formats_plan(&s->m);
	temporary_file(&s->m.t, "slow", "");
	pid_t pid = fork();
	if (pid == 0) {
		unsigned number;
		_exit(machine_apply(&s->m, &number) < 0);
	}
	formats_wait(&s->m, 3);
	usleep(100000);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	/* its generator lives on for a while, and has the lock */
	int answer;
	while ((answer = rescue(s, undo_words, said, sizeof(said))) == 1 &&
	       strstr(said, "still at work"))
		usleep(50000);
	assert_int_equal(answer, 0);
	says(said, "change 3 (a test) was interrupted, and is taken back");
	assert_int_equal(unlink(temporary_path(&s->m.t, "slow")), 0);
	is_as_before(s);
}

/* In a file of the first of two changes: neither is undone. */
static void test_changed_since(void **state)
{
	static const char *const keep[] = { "--keep-changed", "undo", "1", NULL };
	struct scene *s = *state;
	char said[8192], *changed, *now;

	temporary_file(&s->m.t, "etc/kernel/cmdline", "root=UUID=1-2 mine\n");
	changed = tree_text(s->m.t.path);
	assert_int_equal(rescue(s, undo_words, said, sizeof(said)), 1);
	now = tree_text(s->m.t.path);
	assert_same(now, changed);
	free(now);
	free(changed);
	assert_null(strstr(said, "is undone"));
	says(said, "etc/kernel/cmdline was changed since");
	says(said, "+root=UUID=1-2 mine\n");
	assert_int_equal(rescue(s, keep, said, sizeof(said)), 0);
	temporary_file(&s->m.t, "etc/kernel/cmdline", "root=UUID=1-2 ro quiet\n");
	tree_age(&s->m.t, "etc/kernel/cmdline", 1000000003);
	is_as_before(s);
}

static void test_usage(void **state)
{
	static const char *const wrong[][4] = {
		{ NULL },
		{ "undo", "x", NULL },
		{ "undo", "0", NULL },
		{ "list", "1", NULL },
		{ "undo", "1", "2", NULL },
		{ "--nothing", NULL },
		{ "redo", NULL },
	};
	static const char *const other[] = { "undo", "7", NULL };
	struct scene *s = *state;
	char said[8192];

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(rescue(s, wrong[i], said, sizeof(said)), 2);
		says(said, "passthru-rescue: ");
	}
	assert_int_equal(rescue(s, other, said, sizeof(said)), 1);
	says(said, "there is no change 7");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_undo, start, stop),
		cmocka_unit_test_setup_teardown(test_var_is_elsewhere, start, stop),
		cmocka_unit_test_setup_teardown(test_interrupted, start, stop),
		cmocka_unit_test_setup_teardown(test_changed_since, start, stop),
		cmocka_unit_test_setup_teardown(test_usage, start, stop),
	};

	can_mount =
		unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
