// SPDX-License-Identifier: MIT
// A process that is killed while an image is made, or when it has just got its name; and a package
// that brings a kernel and makes that image anew before anybody takes the change back.

#include "tests/change/machine.h"

#include <errno.h>
#include <sys/wait.h>

#define SETTINGS "etc/default/grub"
#define IMAGE "boot/initrd.img"
#define OUTPUT "boot/initrd.img.new"
#define JOURNAL "var/lib/passthru/changes/1/journal.json"

#define BEFORE "image of before\n"
#define OF_OTHERS "image for a new kernel\n"

struct fixture {
	struct machine m;
	char *before;
};

static int start(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	alarm(300);
	*state = f;
	machine_make(&f->m);
	temporary_file(&f->m.t, IMAGE, BEFORE);
	tree_age(&f->m.t, IMAGE, 1000000000);
	f->before = tree_text(f->m.t.path);
	return 0;
}

static int stop(void **state)
{
	struct fixture *f = *state;

	machine_remove(&f->m);
	free(f->before);
	free(f);
	return 0;
}

/* As generators do: a new file of that name. */
static void put(struct fixture *f, const char *text)
{
	assert_int_equal(unlink(temporary_path(&f->m.t, IMAGE)), 0);
	temporary_file(&f->m.t, IMAGE, text);
}

static const char *const deaths[] = {
	"kill -9 $PPID", /* as the image is being made */
	"true",
};

/* An apply ends so, in the second command at the latest. */
static void get_killed(struct fixture *f, size_t death)
{
	const char **argv = arena_array(&f->m.host.arena, 4, sizeof(*argv));
	static const char *const last[] = { "sh", "-c", "kill -9 $PPID", NULL };
	unsigned number;
	int status;

	argv[0] = "sh";
	argv[1] = "-c";
	argv[2] = arena_printf(&f->m.host.arena,
			       "cd '%s'; { echo image; cat " SETTINGS "; } >" OUTPUT
			       "; grep -q passthru " SETTINGS " && %s; true",
			       f->m.t.path, deaths[death]);
	f->m.steps[0] = (struct step){ .path = SETTINGS, .content = MACHINE_BYTES("passthru\n") };
	f->m.steps[1] = (struct step){ .kind = STEP_COMMAND,
				       .argv = argv,
				       .output = OUTPUT,
				       .becomes = IMAGE,
				       .regenerate = argv };
	f->m.steps[2] = (struct step){ .kind = STEP_COMMAND, .argv = last };
	f->m.plan.n_steps = 3;
	pid_t pid = fork();
	if (pid == 0)
		_exit(machine_apply(&f->m, &number) == 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	machine_is_file(&f->m, IMAGE, death ? "image\npassthru\n" : BEFORE);
}

/* What the killed one's command holds goes with it. */
static int recover(struct fixture *f)
{
	int error;

	while ((error = machine_recover(&f->m)) < 0 && strstr(f->m.e.text, "still at work"))
		usleep(1000);
	return error;
}

static void recovers(struct fixture *f)
{
	struct stat st;

	if (recover(f) < 0)
		fail_msg("%s", f->m.e.text);
	machine_is_file(&f->m, SETTINGS, "CMDLINE=quiet\n");
	assert_int_equal(lstat(temporary_path(&f->m.t, OUTPUT), &st), -1);
}

static void test_killed(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(deaths); i++) {
		get_killed(f, i);
		recovers(f);
		char *now = tree_text(f->m.t.path);
		assert_string_equal(now, f->before);
		free(now);
	}
}

/* The image of before is not for that kernel. */
static void test_updated(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(deaths); i++) {
		put(f, BEFORE);
		get_killed(f, i);
		put(f, OF_OTHERS);
		recovers(f);
		machine_is_file(&f->m, IMAGE, "image\nCMDLINE=quiet\n");
	}
}

/* Where no command can be run it stays theirs. */
static void test_updated_and_not_live(void **state)
{
	struct fixture *f = *state;
	struct root *root;

	get_killed(f, 1);
	put(f, OF_OTHERS);
	host_done(&f->m.host);
	assert_int_equal(root_dir_open(f->m.t.path, false, &root, &f->m.e), 0);
	host_init(&f->m.host, root);
	assert_int_equal(recover(f), -EPERM);
	assert_non_null(strstr(f->m.e.text, IMAGE " was changed since change 1: "));
	machine_is_file(&f->m, IMAGE, OF_OTHERS);
}

/* In the journal of an older program it is not noted: then what was written in that hour is ours.
 */
static void test_not_noted(void **state)
{
	struct fixture *f = *state;
	struct arena *a = &f->m.host.arena;
	static const char noted[] = "\"noted\": true";
	struct bytes data;

	get_killed(f, 0);
	assert_int_equal(root_read(f->m.host.root, a, JOURNAL, &data), 0);
	const char *at = strstr(data.data, noted);
	assert_non_null(at);
	const char *text = arena_printf(a, "%.*s\"noted\": false%s", (int)(at - data.data),
					data.data, at + strlen(noted));
	assert_int_equal(root_replace(f->m.host.root, JOURNAL, text, strlen(text), 0600), 0);
	put(f, "half an im");
	recovers(f);
	machine_is_file(&f->m, IMAGE, BEFORE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_killed, start, stop),
		cmocka_unit_test_setup_teardown(test_updated, start, stop),
		cmocka_unit_test_setup_teardown(test_updated_and_not_live, start, stop),
		cmocka_unit_test_setup_teardown(test_not_noted, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
