// SPDX-License-Identifier: MIT
// Extended attributes as file systems have them: labels that a kernel with SELinux tells of files
// that cannot hold one, and access lists that one file system tells twice.

#include "base/root_tree.h"
#include "tests/change/machine.h"

#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sched.h>
#include <sys/mount.h>

#define JOURNAL "var/lib/passthru/changes/1/journal.json"

/* What the kernel says of each file on FAT, in hex. */
#define LABEL "73797374656d5f753a6f626a6563745f723a646f7366735f743a733000"

/* In a namespace of its own, so that no mount is left behind. */
static bool can_mount;

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
	struct machine *m = *state;

	(void)!umount2(temporary_path(&m->t, "esp"), MNT_DETACH);
	machine_remove(m);
	free(m);
	return 0;
}

/* cmocka's own word for it, "not ok # SKIP", counts as a failure. */
static bool is_mounted(struct machine *m, const char *command)
{
	temporary_directories(&m->t, "esp/x");
	if (can_mount && system(arena_printf(&m->host.arena, "cd '%s' && { %s; } >log 2>&1",
					     m->t.path, command)) == 0)
		return true;
	print_message("# this machine does not: %s\n", command);
	return false;
}

static void works(struct machine *m, int error)
{
	if (error < 0)
		fail_msg("%s", m->e.text);
}

/* Two files of the file system at esp: one that is changed, and one whose content stays. */
static void apply(struct machine *m)
{
	unsigned number;

	temporary_file(&m->t, "esp/changed", "before\n");
	temporary_file(&m->t, "etc/first", "before\n");
	m->steps[0] = (struct step){ .path = "esp/changed", .content = MACHINE_BYTES("after\n") };
	m->steps[1] = (struct step){ .path = "etc/first", .content = MACHINE_BYTES("after\n") };
	m->plan.n_steps = 2;
	works(m, machine_apply(m, &number));
}

/* As the journal has it that was written while SELinux was active. */
static void label_journal(struct machine *m)
{
	struct arena *a = &m->host.arena;
	static const char none[] = "\"xattrs\": {}";
	struct bytes data;

	assert_int_equal(root_read(m->host.root, a, JOURNAL, &data), 0);
	const char *rest = strstr(data.data, "esp/changed");
	assert_non_null(rest);
	const char *text = arena_strndup(a, data.data, (size_t)(rest - data.data));
	for (int i = 0; i < 2; i++) {
		const char *at = strstr(rest, none);

		assert_non_null(at);
		text = arena_printf(a, "%s%.*s\"xattrs\": {\"security.selinux\": \"" LABEL "\"}",
				    text, (int)(at - rest), rest);
		rest = at + strlen(none);
	}
	text = arena_concat(a, text, rest);
	assert_int_equal(root_replace(m->host.root, JOURNAL, text, strlen(text), 0600), 0);
}

/* An undo where the kernel has no SELinux, for which the file system has no place for a label. */
static void test_label_without_a_place(void **state)
{
	struct machine *m = *state;

	if (!is_mounted(m, "mount -t ramfs none esp"))
		return;
	for (int i = 0; i < 2; i++) {
		apply(m);
		label_journal(m);
		if (i == 1)
			temporary_file(&m->t, "esp/changed", "before\n");
		works(m, machine_undo(m, 1));
		machine_is_file(m, "esp/changed", "before\n");
		machine_is_file(m, "etc/first", "before\n");
		assert_int_equal(rename(temporary_path(&m->t, "var/lib/passthru/changes/1"),
					temporary_path(&m->t, i ? "one" : "two")),
				 0);
	}
	struct root_xattr label = { "security.selinux", { "x", 1 } };
	struct root_node now, recorded;
	assert_int_equal(root_node(m->host.root, &m->host.arena, "esp/changed", &now), 0);
	recorded = now;
	recorded.xattrs = &label;
	recorded.n_xattrs = 1;
	recorded.no_labels = false;
	assert_true(root_node_same(&now, &recorded));
	assert_true(root_node_same(&recorded, &now));
	label.name = "user.note";
	assert_false(root_node_same(&now, &recorded));
}

/* New files of the directory get u::rwx u:1000:r-x g::r-x m::r-x o::r-x. */
static void give_list(const char *directory)
{
	const struct {
		uint32_t version;
		struct posix_acl_xattr_entry entries[5];
	} list = { POSIX_ACL_XATTR_VERSION,
		   { { ACL_USER_OBJ, 7, ACL_UNDEFINED_ID },
		     { ACL_USER, 5, 1000 },
		     { ACL_GROUP_OBJ, 5, ACL_UNDEFINED_ID },
		     { ACL_MASK, 5, ACL_UNDEFINED_ID },
		     { ACL_OTHER, 5, ACL_UNDEFINED_ID } } };

	assert_int_equal(setxattr(directory, "system.posix_acl_default", &list, sizeof(list), 0),
			 0);
}

/* A new file gets the list of its directory, which XFS names twice: gone are both at once. */
static void test_list_with_two_names(void **state)
{
	struct machine *m = *state;

	if (!is_mounted(m, "truncate -s 320M disk && mkfs.xfs -q disk && mount -o loop disk esp"))
		return;
	temporary_file(&m->t, "esp/changed", "before\n");
	give_list(temporary_path(&m->t, "esp"));
	apply(m);
	machine_is_file(m, "esp/changed", "after\n");
	works(m, machine_undo(m, 1));
	machine_is_file(m, "esp/changed", "before\n");
	assert_int_equal(listxattr(temporary_path(&m->t, "esp/changed"), NULL, 0), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_label_without_a_place, start, stop),
		cmocka_unit_test_setup_teardown(test_list_with_two_names, start, stop),
	};

	can_mount =
		unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
