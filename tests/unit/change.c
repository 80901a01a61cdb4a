// SPDX-License-Identifier: MIT
// A plan is applied whole or not at all, and undone byte for byte.

#include "tests/change/machine.h"

#include <errno.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/wait.h>

struct fixture {
	struct machine m;
	char *before;
	unsigned number;
};

static int start(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	alarm(300);
	*state = f;
	machine_make(&f->m);
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

static const char *path_of(struct fixture *f, const char *name)
{
	return temporary_path(&f->m.t, name);
}

static void is_file(struct fixture *f, const char *name, const char *wanted)
{
	struct bytes data;

	assert_int_equal(root_read(f->m.host.root, &f->m.host.arena, name, &data), 0);
	assert_string_equal(data.data, wanted);
}

static void is_as_before(struct fixture *f)
{
	char *now = tree_text(f->m.t.path);

	assert_string_equal(now, f->before);
	free(now);
}

static bool exists(struct fixture *f, const char *name)
{
	struct stat st;

	return lstat(path_of(f, name), &st) == 0;
}

static void apply(struct fixture *f)
{
	int error = machine_apply(&f->m, &f->number);

	if (error < 0)
		print_message("# %s\n", f->m.e.text);
	assert_int_equal(error, 0);
}

static void undo(struct fixture *f)
{
	int error = machine_undo(&f->m, f->number);

	if (error < 0)
		print_message("# %s\n", f->m.e.text);
	assert_int_equal(error, 0);
}

/* Fails with a sentence that holds @says, and nothing is changed. */
static void fails(struct fixture *f, enum err_kind kind, const char *says)
{
	assert_true(machine_apply(&f->m, &f->number) < 0);
	if (!strstr(f->m.e.text, says))
		print_message("# %s\n", f->m.e.text);
	assert_non_null(strstr(f->m.e.text, says));
	assert_int_equal(f->m.e.kind, kind);
	is_as_before(f);
	assert_false(exists(f, "var/lib/passthru/changes/1"));
	assert_false(exists(f, "var/lib/passthru/changes/1.new"));
	assert_false(exists(f, "var/lib/passthru/changes/1.gone"));
}

/* ---- applying ---- */

static void test_apply_undo(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	apply(f);
	assert_int_equal(f->number, 1);
	is_file(f, "etc/made/deep/own.conf", "own\n");
	is_file(f, "usr/share/real", "through the link\n");
	is_file(f, "boot/grub/grub.cfg", "menu\nCMDLINE='quiet passthru'\n");
	is_file(f, "boot/new.img", "image\n");
	is_file(f, "boot/grub/grubenv", "next=passthru\n");
	assert_false(exists(f, "etc/old.conf"));
	assert_int_equal(lstat(path_of(f, "etc/linked"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat(path_of(f, "etc/script"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(stat(path_of(f, "etc/default/grub"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	is_file(f, "etc/twin2", "one of two\n");

	char *after = tree_text(f->m.t.path);
	unsigned again = 77;
	assert_int_equal(machine_apply(&f->m, &again), 0);
	assert_int_equal(again, 0);
	char *still = tree_text(f->m.t.path);
	assert_string_equal(after, still);
	free(after);
	free(still);

	undo(f);
	is_as_before(f);
	assert_int_equal(machine_undo(&f->m, 1), -EPERM);
	assert_non_null(strstr(f->m.e.text, "undone before"));
	assert_int_equal(machine_undo(&f->m, 0), -EPERM);
	assert_int_equal(machine_undo(&f->m, 9), -EPERM);
	assert_non_null(strstr(f->m.e.text, "no change 9"));
	apply(f);
	assert_int_equal(f->number, 2);
	undo(f);
	is_as_before(f);
}

static void test_keeps_attributes(void **state)
{
	struct fixture *f = *state;
	char value[16];

	if (!strstr(f->before, "user.note"))
		skip();
	apply(f);
	assert_int_equal(
		getxattr(path_of(f, "etc/default/grub"), "user.note", value, sizeof(value)), 4);
	undo(f);
	is_as_before(f);
}

static void test_command_fails(void **state)
{
	struct fixture *f = *state;

	temporary_file(&f->m.t, "fail", "");
	free(f->before);
	f->before = tree_text(f->m.t.path);
	fails(f, ERR_FAILED,
	      "sh ended with status 7 and says: no space for it; everything was put");
}

static void test_proof_fails(void **state)
{
	struct fixture *f = *state;

	temporary_file(&f->m.t, "idle", "");
	free(f->before);
	f->before = tree_text(f->m.t.path);
	fails(f, ERR_FAILED, "without its effect: there is no passthru in boot/grub/grub.cfg");
}

static void test_no_such_command(void **state)
{
	struct fixture *f = *state;
	static const char *const argv[] = { "no-such-generator", NULL };

	f->m.steps[5].argv = argv;
	f->m.steps[5].proof = NULL;
	fails(f, ERR_FAILED, "running no-such-generator: No such file");
}

/* The signal comes while a generator runs; that one is not cut short. */
static void test_interrupted(void **state)
{
	struct fixture *f = *state;
	static const char *argv[] = { "sh", "-c", NULL, NULL };

	argv[2] = arena_printf(&f->m.host.arena, "kill -INT %d; sleep 0.1; echo x >%s/done",
			       (int)getpid(), f->m.t.path);
	static const char *const writes[] = { "done", NULL };
	f->m.steps[5].argv = argv;
	f->m.steps[5].writes = writes;
	f->m.steps[5].proof = NULL;
	fails(f, ERR_FAILED, "interrupted (Interrupt); everything was put back");
}

/* ---- refusals ---- */

static void test_refused_kinds(void **state)
{
	struct fixture *f = *state;

	f->m.steps[7].path = "boot/grub";
	fails(f, ERR_REFUSED, "boot/grub is a directory");
	f->m.steps[7].path = "etc/old.conf/file";
	fails(f, ERR_REFUSED, "etc/old.conf has to be a directory");
	assert_int_equal(mkfifo(path_of(f, "etc/fifo"), 0600), 0);
	free(f->before);
	f->before = tree_text(f->m.t.path);
	f->m.steps[7].path = "etc/fifo";
	fails(f, ERR_REFUSED, "neither a file nor a link");
	f->m.steps[7].path = "/etc/x";
	fails(f, ERR_FAILED, "is no path");
	f->m.steps[7].path = "etc/../x";
	fails(f, ERR_FAILED, "is no path");
	f->m.steps[7].path = "var/lib/passthru/changes/1/journal.json";
	fails(f, ERR_FAILED, "is no path");
}

static void test_links(void **state)
{
	struct fixture *f = *state;

	temporary_link(&f->m.t, "etc/loop", "loop");
	temporary_link(&f->m.t, "etc/out", "../../../../../../usr/new/file");
	temporary_link(&f->m.t, "etc/store", "/var/lib/passthru/x");
	temporary_link(&f->m.t, "etc/gone.conf", "nowhere");
	tree_age(&f->m.t, "etc/gone.conf", 1234567);
	free(f->before);
	f->before = tree_text(f->m.t.path);
	f->m.steps[7].path = "etc/loop";
	fails(f, ERR_FAILED, "Too many levels");
	f->m.steps[7].path = "etc/store";
	fails(f, ERR_REFUSED, "leads to 'var/lib/passthru/x'");
	f->m.steps[7].path = "etc/out";
	f->m.steps[6] = (struct step){ .path = "etc/gone.conf", .absent = true };
	apply(f);
	is_file(f, "usr/new/file", "two\n");
	assert_false(exists(f, "etc/gone.conf"));
	undo(f);
	is_as_before(f);
}

static void test_immutable(void **state)
{
	struct fixture *f = *state;
	char command[700];

	snprintf(command, sizeof(command), "chattr +i %s 2>&1", path_of(f, "etc/default/grub"));
	if (system(command) != 0)
		skip();
	fails(f, ERR_REFUSED, "etc/default/grub must not be changed");
	snprintf(command, sizeof(command), "chattr -i %s", path_of(f, "etc/default/grub"));
	assert_int_equal(system(command), 0);
}

static void test_recorded_host(void **state)
{
	struct fixture *f = *state;
	struct root_ops ops = *f->m.host.root->ops;
	const struct root_ops *real = f->m.host.root->ops;

	ops.open = NULL;
	f->m.host.root->ops = &ops;
	fails(f, ERR_REFUSED, "record of a host");
	f->m.host.root->ops = real;
}

static void test_second_process(void **state)
{
	struct fixture *f = *state;
	struct change_session one, two;

	assert_int_equal(change_open(&f->m.host, NULL, &one, &f->m.e), 0);
	assert_int_equal(change_open(&f->m.host, NULL, &two, &f->m.e), -EPERM);
	assert_non_null(strstr(f->m.e.text, "another passthru"));
	change_close(&two);
	change_close(&one);
	apply(f);
}

/* ---- undoing ---- */

static void test_changed_since(void **state)
{
	struct fixture *f = *state;
	struct change_differences differences;

	apply(f);
	temporary_file(&f->m.t, "etc/default/grub", "CMDLINE='quiet passthru'\nTIMEOUT=1\n");
	assert_int_equal(unlink(path_of(f, "boot/grub/grubenv")), 0);
	/* that is what it was before, too: no difference that is in the way */
	assert_int_equal(unlink(path_of(f, "etc/script")), 0);
	temporary_file(&f->m.t, "etc/old.conf", "back\n");
	char *now = tree_text(f->m.t.path);
	assert_int_equal(machine_undo(&f->m, 1), -EPERM);
	assert_int_equal(f->m.e.kind, ERR_REFUSED);
	assert_non_null(strstr(f->m.e.text, "since change 1"));
	char *still = tree_text(f->m.t.path);
	assert_string_equal(now, still);
	free(now);
	free(still);

	assert_int_equal(change_differs(&f->m.host, 1, &differences, &f->m.e), 0);
	assert_int_equal(differences.n, 3);
	assert_string_equal(differences.list[0].path, "etc/default/grub");
	assert_string_equal(differences.list[0].diff,
			    "--- etc/default/grub\n+++ etc/default/grub\n@@ -1 +1,2 @@\n"
			    " CMDLINE='quiet passthru'\n+TIMEOUT=1\n");
	assert_string_equal(differences.list[1].path, "etc/old.conf");
	assert_string_equal(differences.list[1].what, "was made since");
	assert_string_equal(differences.list[2].path, "boot/grub/grubenv");
	assert_string_equal(differences.list[2].what, "was removed since");
}

static void test_keep_changed(void **state)
{
	struct fixture *f = *state;
	const struct change_undo_how keep = { .keep_changed = true };
	struct change_session session;
	unsigned number;

	apply(f);
	temporary_file(&f->m.t, "etc/script", "mine\n");
	assert_int_equal(change_open(&f->m.host, &keep, &session, &f->m.e), 0);
	assert_int_equal(change_undo(&session, 0, &keep, &number, &f->m.e), 0);
	change_close(&session);
	is_file(f, "etc/script", "mine\n");
	assert_int_equal(unlink(path_of(f, "etc/script")), 0);
	is_as_before(f);
}

/* A kernel came since: the menu is not the old one again, it is made from the old settings. */
static void test_regenerated(void **state)
{
	struct fixture *f = *state;
	struct change_differences differences;

	apply(f);
	temporary_file(&f->m.t, "boot/grub/grub.cfg", "menu of a new kernel, with passthru\n");
	assert_int_equal(change_differs(&f->m.host, 1, &differences, &f->m.e), 0);
	assert_int_equal(differences.n, 1);
	assert_true(differences.list[0].regenerated);
	undo(f);
	is_file(f, "boot/grub/grub.cfg", "menu\nCMDLINE=quiet\n");
	tree_age(&f->m.t, "boot/grub/grub.cfg", 1000000005);
	is_as_before(f);
}

static void test_trace_stays(void **state)
{
	struct fixture *f = *state;

	apply(f);
	temporary_file(&f->m.t, "boot/grub/grub.cfg", "menu with passthru\n");
	temporary_file(&f->m.t, "idle", "");
	assert_int_equal(machine_undo(&f->m, 1), -EIO);
	assert_non_null(strstr(f->m.e.text, "still holds 'passthru'"));
	assert_non_null(strstr(f->m.e.text, "undone in part"));
	/* what was in the way is gone: the next one completes it */
	assert_int_equal(unlink(path_of(f, "idle")), 0);
	assert_int_equal(machine_recover(&f->m), 0);
	tree_age(&f->m.t, "boot/grub/grub.cfg", 1000000005);
	is_as_before(f);
}

static void test_later_change(void **state)
{
	struct fixture *f = *state;
	struct step step = { .path = "etc/script", .content = MACHINE_BYTES("later\n") };
	unsigned second;

	apply(f);
	f->m.plan = (struct plan){ .steps = &step, .n_steps = 1 };
	assert_int_equal(machine_apply(&f->m, &second), 0);
	assert_int_equal(machine_undo(&f->m, 1), -EPERM);
	assert_non_null(strstr(f->m.e.text, "change 2 came after change 1 and touched etc/script"));
	assert_int_equal(machine_undo(&f->m, 2), 0);
	assert_int_equal(machine_undo(&f->m, 1), 0);
	is_as_before(f);
}

/* From a rescue shell: no command is run, the copies come back. */
static void test_undo_elsewhere(void **state)
{
	struct fixture *f = *state;

	apply(f);
	f->m.host.root->live = false;
	temporary_file(&f->m.t, "fail", "");
	undo(f);
	assert_int_equal(unlink(path_of(f, "fail")), 0);
	is_as_before(f);
	assert_int_equal(machine_apply(&f->m, &f->number), -EPERM);
	assert_non_null(strstr(f->m.e.text, "sh has to be run, and this is not the running"));
	is_as_before(f);
	f->m.plan.n_steps = 5;
	apply(f);
	undo(f);
	is_as_before(f);
}

static void test_damaged_copy(void **state)
{
	struct fixture *f = *state;

	apply(f);
	for (unsigned i = 0; i < 20; i++) {
		char name[64];
		struct stat st;

		snprintf(name, sizeof(name), "var/lib/passthru/changes/1/files/%u", i);
		/* a copy may be a name of a file that is in use */
		if (stat(path_of(f, name), &st) == 0 && unlink(path_of(f, name)) == 0)
			temporary_file(&f->m.t, name, "damaged");
	}
	char *now = tree_text(f->m.t.path);
	assert_int_equal(machine_undo(&f->m, 1), -EIO);
	assert_non_null(strstr(f->m.e.text, "is not what was there"));
	char *still = tree_text(f->m.t.path);
	assert_string_equal(now, still);
	free(now);
	free(still);
}

static void test_history(void **state)
{
	struct fixture *f = *state;
	struct change_session session;
	struct change_list list;

	assert_int_equal(change_history(&f->m.host, &list, &f->m.e), 0);
	assert_int_equal(list.n, 0);
	apply(f);
	assert_int_equal(change_open(&f->m.host, NULL, &session, &f->m.e), 0);
	assert_int_equal(change_confirm(&session, 1, &f->m.e), 0);
	change_close(&session);
	assert_int_equal(change_history(&f->m.host, &list, &f->m.e), 0);
	assert_int_equal(list.n, 1);
	assert_int_equal(list.changes[0].state, CHANGE_CONFIRMED);
	assert_string_equal(list.changes[0].title, "a test");
	assert_true(list.changes[0].time_s > 1000000000);
	assert_int_equal(list.changes[0].whys.n, 10);
	assert_int_equal(list.changes[0].paths.n, 13);
	undo(f);
	assert_int_equal(change_history(&f->m.host, &list, &f->m.e), 0);
	assert_int_equal(list.changes[0].state, CHANGE_UNDONE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_apply_undo, start, stop),
		cmocka_unit_test_setup_teardown(test_keeps_attributes, start, stop),
		cmocka_unit_test_setup_teardown(test_command_fails, start, stop),
		cmocka_unit_test_setup_teardown(test_proof_fails, start, stop),
		cmocka_unit_test_setup_teardown(test_no_such_command, start, stop),
		cmocka_unit_test_setup_teardown(test_interrupted, start, stop),
		cmocka_unit_test_setup_teardown(test_refused_kinds, start, stop),
		cmocka_unit_test_setup_teardown(test_links, start, stop),
		cmocka_unit_test_setup_teardown(test_immutable, start, stop),
		cmocka_unit_test_setup_teardown(test_recorded_host, start, stop),
		cmocka_unit_test_setup_teardown(test_second_process, start, stop),
		cmocka_unit_test_setup_teardown(test_changed_since, start, stop),
		cmocka_unit_test_setup_teardown(test_keep_changed, start, stop),
		cmocka_unit_test_setup_teardown(test_regenerated, start, stop),
		cmocka_unit_test_setup_teardown(test_trace_stays, start, stop),
		cmocka_unit_test_setup_teardown(test_later_change, start, stop),
		cmocka_unit_test_setup_teardown(test_undo_elsewhere, start, stop),
		cmocka_unit_test_setup_teardown(test_damaged_copy, start, stop),
		cmocka_unit_test_setup_teardown(test_history, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
