// SPDX-License-Identifier: MIT
// Files that a command makes beside the ones that they are to be, and changes that go on with
// others.

#include "tests/change/machine.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>

#define IMAGE "boot/initrd.img"
#define KEPT "boot/initrd.img.old"
#define OUTPUT "boot/initrd.img.new"

/* In a namespace of its own, so that no mount is left behind. */
static bool can_mount;

struct fixture {
	struct machine m;
	char *before;
};

/* "made" makes an image of the settings; what a file with its name in it tells it to do else */
#define IMAGE_SCRIPT                                                                               \
	"set -eu\n"                                                                                \
	"cd \"$2\"\n"                                                                              \
	"if [ -e idle ]; then exit 0; fi\n"                                                        \
	"if [ -e half ]; then printf 'image' >" OUTPUT "; echo 'no space' >&2; exit 1; fi\n"       \
	"if [ -e empty ]; then : >" OUTPUT "; exit 0; fi\n"                                        \
	"if [ -e kind ]; then mkdir " OUTPUT "; exit 0; fi\n"                                      \
	"if [ -e " OUTPUT " ]; then echo 'there is one' >&2; exit 2; fi\n"                         \
	"if [ -e wrong ]; then echo image without it >" OUTPUT "; exit 0; fi\n"                    \
	"printf 'image of %s\\n' \"$(cat etc/default/grub)\" >" OUTPUT "\n"                        \
	"chmod 0600 " OUTPUT "\n"

static int image_proof(struct host *host, const struct step *step, const char *path, struct err *e)
{
	(void)step;
	return machine_holds(host, path, "passthru") ? 0
						     : err_fail(e, -EIO, "no helper in %s", path);
}

static int start(void **state)
{
	static const char *argv[] = { "sh", NULL, "made", NULL, NULL };
	struct fixture *f = calloc(1, sizeof(*f));

	alarm(300);
	*state = f;
	machine_make(&f->m);
	temporary_file(&f->m.t, "script", IMAGE_SCRIPT);
	temporary_file(&f->m.t, IMAGE, "image of before\n");
	assert_int_equal(chmod(temporary_path(&f->m.t, IMAGE), 0640), 0);
	(void)!setxattr(temporary_path(&f->m.t, IMAGE), "user.note", "kept", 4, 0);
	tree_age(&f->m.t, IMAGE, 1000000000);
	argv[1] = f->m.script;
	argv[3] = f->m.top;
	struct step steps[] = {
		{ .path = "etc/default/grub", .content = MACHINE_BYTES("passthru\n") },
		{ .kind = STEP_COMMAND,
		  .argv = argv,
		  .output = OUTPUT,
		  .becomes = IMAGE,
		  .keep = KEPT,
		  .regenerate = argv,
		  .trace = "passthru",
		  .proof = image_proof },
		{ .path = "etc/old.conf", .content = MACHINE_BYTES("entry\n") },
	};
	memcpy(f->m.steps, steps, sizeof(steps));
	f->m.plan.n_steps = ARRAY_SIZE(steps);
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

static unsigned apply(struct fixture *f)
{
	unsigned number = 0;
	int error = machine_apply(&f->m, &number);

	if (error < 0)
		print_message("# %s\n", f->m.e.text);
	assert_int_equal(error, 0);
	return number;
}

static void undo(struct fixture *f, unsigned number)
{
	int error = machine_undo(&f->m, number);

	if (error < 0)
		print_message("# %s\n", f->m.e.text);
	assert_int_equal(error, 0);
}

static void fails(struct fixture *f, const char *how, const char *says)
{
	unsigned number;

	temporary_file(&f->m.t, how, "");
	assert_true(machine_apply(&f->m, &number) < 0);
	if (!strstr(f->m.e.text, says))
		print_message("# %s\n", f->m.e.text);
	assert_non_null(strstr(f->m.e.text, says));
	assert_non_null(strstr(f->m.e.text, "everything was put back"));
	assert_int_equal(unlink(path_of(f, how)), 0);
	is_as_before(f);
}

/* ---- one file becomes another ---- */

static void is_done(struct fixture *f)
{
	struct stat new, old;
	char value[8];

	is_file(f, IMAGE, "image of passthru\n");
	is_file(f, KEPT, "image of before\n");
	assert_false(exists(f, OUTPUT));
	assert_int_equal(stat(path_of(f, IMAGE), &new), 0);
	assert_int_equal(stat(path_of(f, KEPT), &old), 0);
	assert_int_equal(new.st_mode & 07777, 0640);
	assert_int_equal(old.st_mode & 07777, 0640);
	assert_int_equal(old.st_mtime, 1000000000);
	assert_true(new.st_mtime > 1000000000);
	if (getxattr(path_of(f, KEPT), "user.note", value, sizeof(value)) == 4)
		assert_int_equal(getxattr(path_of(f, IMAGE), "user.note", value, sizeof(value)), 4);
}

static void test_becomes(void **state)
{
	struct fixture *f = *state;
	unsigned number = apply(f), again;

	is_done(f);
	assert_int_equal(machine_apply(&f->m, &again), 0);
	assert_int_equal(again, 0);
	undo(f, number);
	is_as_before(f);
}

static void test_becomes_new(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(unlink(path_of(f, IMAGE)), 0);
	/* kept from another time: it is not what was there, so it does not stay */
	temporary_file(&f->m.t, KEPT, "of another time\n");
	tree_age(&f->m.t, KEPT, 1000000001);
	free(f->before);
	f->before = tree_text(f->m.t.path);
	unsigned number = apply(f);
	assert_int_equal(stat(path_of(f, IMAGE), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_false(exists(f, KEPT));
	undo(f, number);
	is_as_before(f);
}

static void test_becomes_in_new_directory(void **state)
{
	struct fixture *f = *state;

	f->m.steps[1].becomes = "boot/own/initrd.img";
	f->m.steps[1].keep = NULL;
	unsigned number = apply(f);
	is_file(f, "boot/own/initrd.img", "image of passthru\n");
	is_file(f, IMAGE, "image of before\n");
	undo(f, number);
	is_as_before(f);
}

/* What others have left under the names that the command uses is not taken for its work. */
static void test_stale(void **state)
{
	struct fixture *f = *state;

	temporary_file(&f->m.t, OUTPUT, "passthru from another time\n");
	temporary_file(&f->m.t, KEPT, "kept at another time\n");
	tree_age(&f->m.t, OUTPUT, 1000000001);
	tree_age(&f->m.t, KEPT, 1000000002);
	free(f->before);
	f->before = tree_text(f->m.t.path);
	fails(f, "idle", "has not made " OUTPUT);
	unsigned number = apply(f);
	is_done(f);
	undo(f, number);
	is_as_before(f);
}

/* The link stays a link. */
static void test_through_link(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(rename(path_of(f, IMAGE), path_of(f, "boot/grub/real")), 0);
	temporary_link(&f->m.t, IMAGE, "grub/real");
	free(f->before);
	f->before = tree_text(f->m.t.path);
	unsigned number = apply(f);
	is_file(f, "boot/grub/real", "image of passthru\n");
	is_file(f, KEPT, "image of before\n");
	undo(f, number);
	is_as_before(f);
}

static void test_fails(void **state)
{
	struct fixture *f = *state;

	fails(f, "idle", "sh ended with status 0, and has not made " OUTPUT);
	fails(f, "empty", "sh ended with status 0, and left " OUTPUT " empty");
	fails(f, "half", "sh ended with status 1 and says: no space");
	fails(f, "wrong", "sh ended with status 0, without its effect: no helper in " OUTPUT);
}

/* A directory is nobody's image: it is in the way, and is named. */
static void test_wrong_kind(void **state)
{
	struct fixture *f = *state;
	unsigned number;

	temporary_file(&f->m.t, "kind", "");
	assert_true(machine_apply(&f->m, &number) < 0);
	assert_non_null(strstr(f->m.e.text, "made " OUTPUT ", which is no file"));
	assert_non_null(strstr(f->m.e.text, "not everything was put back"));
	assert_int_equal(rmdir(path_of(f, OUTPUT)), 0);
	assert_int_equal(machine_recover(&f->m), 0);
	assert_int_equal(unlink(path_of(f, "kind")), 0);
	is_as_before(f);
}

/* On a file system of its own nothing can have a second name where changes are kept. */
static void test_other_file_system(void **state)
{
	struct fixture *f = *state;
	char boot[600];

	snprintf(boot, sizeof(boot), "%s/boot", f->m.t.path);
	if (!can_mount || mount("none", boot, "tmpfs", 0, "size=1m") < 0)
		skip();
	temporary_file(&f->m.t, IMAGE, "image of before\n");
	assert_int_equal(chmod(path_of(f, IMAGE), 0640), 0);
	tree_age(&f->m.t, IMAGE, 1000000000);
	free(f->before);
	f->before = tree_text(f->m.t.path);
	unsigned number = apply(f);
	is_done(f);
	/* full, so that the copy has no room: the kept one comes back */
	FILE *full = fopen(path_of(f, "boot/full"), "we");
	static char page[4096];
	assert_non_null(full);
	setbuf(full, NULL);
	while (fwrite(page, sizeof(page), 1, full) == 1)
		;
	fclose(full);
	undo(f, number);
	assert_int_equal(unlink(path_of(f, "boot/full")), 0);
	is_as_before(f);
	assert_int_equal(umount2(boot, MNT_DETACH), 0);
}

/* ---- others came since ---- */

static void test_regenerated(void **state)
{
	struct fixture *f = *state;
	struct change_differences differences;
	struct stat st;
	unsigned number = apply(f);

	temporary_file(&f->m.t, IMAGE, "another image with passthru\n");
	/* a killed one, or the hand of somebody, has left this */
	temporary_file(&f->m.t, OUTPUT, "half an ima");
	assert_int_equal(change_differs(&f->m.host, number, &differences, &f->m.e), 0);
	assert_int_equal(differences.n, 1);
	assert_string_equal(differences.list[0].path, IMAGE);
	assert_true(differences.list[0].regenerated);
	undo(f, number);
	is_file(f, IMAGE, "image of CMDLINE=quiet\n");
	assert_int_equal(stat(path_of(f, IMAGE), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_false(exists(f, KEPT));
	assert_false(exists(f, OUTPUT));
}

/* What it makes anew still holds our words: it does not take the place of what is there. */
static void test_regenerated_with_trace(void **state)
{
	struct fixture *f = *state;
	unsigned number;

	f->m.steps[0] = (struct step){ .path = "etc/made/x", .content = MACHINE_BYTES("x") };
	temporary_file(&f->m.t, "etc/default/grub", "passthru stays\n");
	number = apply(f);
	temporary_file(&f->m.t, IMAGE, "another image\n");
	assert_int_equal(machine_undo(&f->m, number), -EIO);
	assert_non_null(strstr(f->m.e.text, "still holds 'passthru'"));
	is_file(f, IMAGE, "another image\n");
	temporary_file(&f->m.t, "etc/default/grub", "nothing\n");
	assert_int_equal(machine_recover(&f->m), 0);
	is_file(f, IMAGE, "image of nothing\n");
}

static void test_removed_since(void **state)
{
	struct fixture *f = *state;

	for (int may_go = 0; may_go < 2; may_go++) {
		f->m.steps[1].regenerate = NULL;
		f->m.steps[1].may_go = may_go;
		f->m.steps[2].may_go = may_go;
		unsigned number = apply(f);
		assert_int_equal(unlink(path_of(f, IMAGE)), 0);
		assert_int_equal(unlink(path_of(f, "etc/old.conf")), 0);
		if (may_go) {
			undo(f, number);
			assert_false(exists(f, IMAGE));
			assert_false(exists(f, KEPT));
			assert_false(exists(f, "etc/old.conf"));
		} else {
			assert_int_equal(machine_undo(&f->m, number), -EPERM);
			assert_non_null(strstr(f->m.e.text, "was removed since"));
			temporary_file(&f->m.t, IMAGE, "image of passthru\n");
			temporary_file(&f->m.t, "etc/old.conf", "entry\n");
			undo(f, number);
			is_as_before(f);
		}
	}
}

/* ---- changes that go on with others ---- */

static void test_continues(void **state)
{
	struct fixture *f = *state;
	struct step step = { .path = "etc/second", .content = MACHINE_BYTES("two\n") };
	struct change_list list;
	unsigned first = apply(f), second;

	f->m.plan = (struct plan){ .steps = &step, .n_steps = 1, .continues = first };
	second = apply(f);
	assert_int_equal(change_history(&f->m.host, &list, &f->m.e), 0);
	assert_int_equal(list.changes[0].continues, 0);
	assert_int_equal(list.changes[1].continues, first);
	assert_int_equal(machine_undo(&f->m, first), -EPERM);
	assert_non_null(strstr(f->m.e.text, "change 2 (a test) goes on with change 1: undo that"));
	undo(f, second);
	undo(f, first);
	is_as_before(f);
	assert_int_equal(machine_apply(&f->m, &second), -EPERM);
	assert_non_null(
		strstr(f->m.e.text, "change 1, which this one is to go on with, was undone"));
	f->m.plan.continues = 77;
	assert_true(machine_apply(&f->m, &second) < 0);
	is_as_before(f);
}

/* ---- what no file tells of ---- */

/* Its effect is taken back by a command, which finds the files as they were. */
static void test_takes_back(void **state)
{
	struct fixture *f = *state;
	static const char *argv[] = { "sh", "-c", NULL, NULL },
			  *back[] = { "sh", "-c", NULL, NULL };
	struct arena *a = &f->m.host.arena;

	argv[2] = arena_printf(a, "cd %s && echo on >elsewhere && [ ! -e fail ]", f->m.t.path);
	back[2] = arena_printf(a, "cd %s && rm -f elsewhere && cp etc/default/grub seen",
			       f->m.t.path);
	f->m.steps[3] = (struct step){ .kind = STEP_COMMAND, .argv = argv, .takes_back = back };
	f->m.plan.n_steps = 4;
	unsigned number = apply(f);
	is_file(f, "elsewhere", "on\n");
	f->m.host.root->live = false;
	assert_int_equal(machine_undo(&f->m, number), -EPERM);
	assert_non_null(strstr(f->m.e.text, "sh has to be run to take change 1 back"));
	f->m.host.root->live = true;
	undo(f, number);
	is_file(f, "seen", "CMDLINE=quiet\n");
	assert_int_equal(unlink(path_of(f, "seen")), 0);
	is_as_before(f);
	/* and when it fails itself */
	temporary_file(&f->m.t, "fail", "");
	assert_true(machine_apply(&f->m, &number) < 0);
	assert_non_null(strstr(f->m.e.text, "everything was put back"));
	is_file(f, "seen", "CMDLINE=quiet\n");
	assert_int_equal(unlink(path_of(f, "seen")), 0);
	assert_int_equal(unlink(path_of(f, "fail")), 0);
	is_as_before(f);
}

/* A change that completes an undo is nothing to take back. */
static void test_settled(void **state)
{
	struct fixture *f = *state;
	struct change_list list;

	f->m.plan.settled = true;
	unsigned number = apply(f);
	is_done(f);
	assert_int_equal(change_history(&f->m.host, &list, &f->m.e), 0);
	assert_int_equal(list.changes[0].state, CHANGE_UNDONE);
	assert_int_equal(machine_undo(&f->m, number), -EPERM);
	assert_int_equal(machine_undo(&f->m, 0), -EPERM);
	is_done(f);
	char *kept = tree_text(f->m.t.path);
	assert_int_equal(machine_recover(&f->m), 0);
	char *still = tree_text(f->m.t.path);
	assert_string_equal(kept, still);
	free(kept);
	free(still);
}

/* A journal of before there were outputs. */
static void test_first_version(void **state)
{
	struct fixture *f = *state;
	char command[1200];

	f->m.plan.n_steps = 1;
	unsigned number = apply(f);
	snprintf(command, sizeof(command),
		 "cd %s/var/lib/passthru/changes/%u && "
		 "sed -i -e 's/\"version\": 2/\"version\": 1/' -e '/\"continues\"/d' "
		 "-e '/\"takes_back\"/d' -e '/\"scratch\"/d' -e '/\"may_go\"/d' journal.json && "
		 "grep -q '\"version\": 1' journal.json",
		 f->m.t.path, number);
	assert_int_equal(system(command), 0);
	undo(f, number);
	is_as_before(f);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_becomes, start, stop),
		cmocka_unit_test_setup_teardown(test_becomes_new, start, stop),
		cmocka_unit_test_setup_teardown(test_becomes_in_new_directory, start, stop),
		cmocka_unit_test_setup_teardown(test_stale, start, stop),
		cmocka_unit_test_setup_teardown(test_through_link, start, stop),
		cmocka_unit_test_setup_teardown(test_fails, start, stop),
		cmocka_unit_test_setup_teardown(test_wrong_kind, start, stop),
		cmocka_unit_test_setup_teardown(test_other_file_system, start, stop),
		cmocka_unit_test_setup_teardown(test_regenerated, start, stop),
		cmocka_unit_test_setup_teardown(test_regenerated_with_trace, start, stop),
		cmocka_unit_test_setup_teardown(test_removed_since, start, stop),
		cmocka_unit_test_setup_teardown(test_continues, start, stop),
		cmocka_unit_test_setup_teardown(test_takes_back, start, stop),
		cmocka_unit_test_setup_teardown(test_settled, start, stop),
		cmocka_unit_test_setup_teardown(test_first_version, start, stop),
	};

	can_mount =
		unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
