// SPDX-License-Identifier: MIT
// What goes wrong while a host is set up: generators that fail, write nothing or half, a signal, a
// /boot that cannot be written. After each all is as it was, and the sentence says why.

#include "tests/scenario/formats.h"

#include <sched.h>
#include <sys/mount.h>

/* In a namespace of its own, so that no mount is left behind. */
static bool can_mount;

struct scene {
	struct machine m;
	char *before;
};

static int start(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	alarm(300);
	*state = s;
	formats_make(&s->m);
	s->before = tree_text(s->m.t.path);
	return 0;
}

static int stop(void **state)
{
	struct scene *s = *state;

	machine_remove(&s->m);
	free(s->before);
	free(s);
	return 0;
}

static void is_as_before(struct scene *s)
{
	char *now = tree_text(s->m.t.path);

	assert_same(now, s->before);
	free(now);
}

static void fails(struct scene *s, enum err_kind kind, const char *says)
{
	unsigned number;

	assert_true(machine_apply(&s->m, &number) < 0);
	if (!strstr(s->m.e.text, says))
		print_message("# %s\n", s->m.e.text);
	assert_non_null(strstr(s->m.e.text, says));
	assert_int_equal(s->m.e.kind, kind);
}

static void with_file(struct scene *s, const char *name, const char *says)
{
	temporary_file(&s->m.t, name, "");
	fails(s, ERR_FAILED, says);
	assert_non_null(strstr(s->m.e.text, "; everything was put back"));
	assert_int_equal(unlink(temporary_path(&s->m.t, name)), 0);
	is_as_before(s);
}

static void test_generator(void **state)
{
	struct scene *s = *state;

	with_file(s, "fail", "sh ended with status 9 and says: no module vfio-pci");
	with_file(s, "idle", "ended with status 0, and has not made boot/initrd-6.12.new");
	with_file(s, "half", "without its effect: boot/initrd-6.12.new is not whole");
}

/* The last of several: what the others made goes back too. */
static void test_last_generator(void **state)
{
	struct scene *s = *state;
	static const char *const argv[] = { "sh", "-c", "echo no disk; exit 3", NULL };

	s->m.plan.steps[s->m.plan.n_steps - 1].argv = argv;
	s->m.plan.steps[s->m.plan.n_steps - 1].proof = NULL;
	fails(s, ERR_FAILED, "sh ended with status 3 and says: no disk; everything was put back");
	is_as_before(s);
}

/* Each of the signals, in a child: it ends by itself, after all was put back. */
static void test_signal(void **state)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct scene *s = *state;
	int status;

	temporary_file(&s->m.t, "slow", "");
	free(s->before);
	s->before = tree_text(s->m.t.path);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		pid_t child = fork();
		unsigned number;

		if (child == 0) {
			int error = machine_apply(&s->m, &number);
			_exit(error == -EINTR && strstr(s->m.e.text, "interrupted") &&
					      strstr(s->m.e.text, "everything was put back")
				      ? EXIT_WORKED
				      : EXIT_FAILED);
		}
		formats_wait(&s->m, 1);
		usleep(100000); /* in the first or second generator */
		assert_int_equal(kill(child, signals[i]), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_WORKED);
		is_as_before(s);
	}
}

/* A real mount: the kernel refuses each write to it. */
static void read_only(struct scene *s, const char *name, enum err_kind kind, const char *says)
{
	char path[700];

	snprintf(path, sizeof(path), "%s/%s", s->m.t.path, name);
	if (mount(path, path, NULL, MS_BIND, NULL) < 0)
		skip();
	assert_int_equal(mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), 0);
	fails(s, kind, says);
	is_as_before(s);
	assert_int_equal(umount2(path, MNT_DETACH), 0);
}

static void test_read_only(void **state)
{
	struct scene *s = *state;

	if (!can_mount)
		skip();
	read_only(s, "boot", ERR_REFUSED, "lies on a file system that is mounted read-only");
	read_only(s, "boot/loader", ERR_REFUSED,
		  "boot/loader/entries/old-6.1.conf lies on a file system");
	read_only(s, "etc/default", ERR_REFUSED, "etc/default/grub lies on a file system");
	/* where what is changed is kept */
	read_only(s, "var/lib", ERR_FAILED, "var/lib");
}

/* It became so since: undo says it, and goes on when it can be written again. */
static void test_read_only_undo(void **state)
{
	struct scene *s = *state;
	unsigned number;
	char path[700];

	if (!can_mount)
		skip();
	int error = machine_apply(&s->m, &number);
	if (error < 0)
		fail_msg("%s", s->m.e.text);
	char *applied = tree_text(s->m.t.path);
	snprintf(path, sizeof(path), "%s/boot", s->m.t.path);
	if (mount(path, path, NULL, MS_BIND, NULL) < 0)
		skip();
	assert_int_equal(mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), 0);
	assert_true(machine_undo(&s->m, number) < 0);
	if (!strstr(s->m.e.text, "read-only"))
		print_message("# %s\n", s->m.e.text);
	assert_non_null(strstr(s->m.e.text, "mounted read-only"));
	assert_int_equal(s->m.e.kind, ERR_REFUSED);
	char *now = tree_text(s->m.t.path);
	assert_same(now, applied);
	free(now);
	free(applied);
	assert_int_equal(umount2(path, MNT_DETACH), 0);
	assert_int_equal(machine_undo(&s->m, number), 0);
	is_as_before(s);
}

/* Twice is once; and the other way round. */
static void test_twice(void **state)
{
	struct scene *s = *state;
	struct plan needed;
	unsigned first, second;

	assert_int_equal(machine_apply(&s->m, &first), 0);
	assert_int_equal(change_needed(&s->m.host, &s->m.plan, &needed, &s->m.e), 0);
	assert_int_equal(needed.n_steps, 0);
	char *applied = tree_text(s->m.t.path);
	assert_int_equal(machine_apply(&s->m, &second), 0);
	assert_int_equal(second, 0);
	char *now = tree_text(s->m.t.path);
	assert_same(now, applied);
	free(now);
	free(applied);
	assert_int_equal(machine_undo(&s->m, first), 0);
	is_as_before(s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_generator, start, stop),
		cmocka_unit_test_setup_teardown(test_last_generator, start, stop),
		cmocka_unit_test_setup_teardown(test_signal, start, stop),
		cmocka_unit_test_setup_teardown(test_read_only, start, stop),
		cmocka_unit_test_setup_teardown(test_read_only_undo, start, stop),
		cmocka_unit_test_setup_teardown(test_twice, start, stop),
	};

	can_mount =
		unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
