// SPDX-License-Identifier: MIT
// Others work on the host while a change is on its way: what they did stays, and is told.

#include "tests/change/machine.h"

#include <errno.h>

#define MINE "etc/default/grub"
#define MENU "boot/grub/grub.cfg"
#define IMAGE "boot/unified"

static int start(void **state)
{
	static struct machine m;

	alarm(120);
	*state = &m;
	machine_make(&m);
	m.plan.n_steps = 0;
	return 0;
}

static int stop(void **state)
{
	machine_remove(*state);
	return 0;
}

static void add(struct machine *m, struct step step)
{
	m->steps[m->plan.n_steps++] = step;
}

/* What others do, while a command of ours runs. */
static void meanwhile(struct machine *m, const char *deed)
{
	const char **argv = arena_array(&m->host.arena, 4, sizeof(*argv));

	argv[0] = "sh";
	argv[1] = "-c";
	argv[2] = arena_printf(&m->host.arena, "cd %s; %s", m->t.path, deed);
	add(m, (struct step){ .kind = STEP_COMMAND, .argv = argv });
}

static void write_mine(struct machine *m)
{
	add(m,
	    (struct step){ .path = MINE, .content = MACHINE_BYTES("CMDLINE='quiet passthru'\n") });
}

static void mkconfig(struct machine *m)
{
	static const char *argv[5] = { "sh", NULL, "mkconfig" };

	argv[1] = m->script;
	argv[3] = m->top;
	add(m, (struct step){ .kind = STEP_COMMAND,
			      .argv = argv,
			      .writes = machine_mkconfig_writes,
			      .regenerate = argv,
			      .trace = "passthru",
			      .proof = machine_proof });
}

static void works(struct machine *m, int error)
{
	if (error < 0)
		fail_msg("%s", m->e.text);
}

/* The first step is taken back, and nothing of the change is left. */
static void fails(struct machine *m, int error, const char *says)
{
	unsigned number;
	struct stat st;

	assert_int_equal(machine_apply(m, &number), error);
	if (!strstr(m->e.text, says))
		fail_msg("%s", m->e.text);
	assert_int_equal(lstat(temporary_path(&m->t, "etc/made"), &st), -1);
	works(m, machine_recover(m));
}

static void first_step(struct machine *m)
{
	add(m, (struct step){ .path = "etc/made/own.conf", .content = MACHINE_BYTES("own\n") });
}

static void test_edited_before(void **state)
{
	static const char *const deeds[] = { "echo mine >>" MINE,
					     "echo CMDLINE=quiet >n; echo mine >>n; mv n " MINE };
	struct machine *m = *state;

	for (size_t i = 0; i < ARRAY_SIZE(deeds); i++) {
		m->plan.n_steps = 0;
		temporary_file(&m->t, MINE, "CMDLINE=quiet\n");
		first_step(m);
		meanwhile(m, deeds[i]);
		write_mine(m);
		fails(m, -EBUSY,
		      MINE " was changed by others while this was under way: look at it, and begin "
			   "again; all else was put back");
		machine_is_file(m, MINE, "CMDLINE=quiet\nmine\n");
	}
}

static void test_removed_before(void **state)
{
	struct machine *m = *state;
	struct stat st;

	first_step(m);
	meanwhile(m, "rm " MINE);
	write_mine(m);
	fails(m, -EBUSY, MINE " was removed by others");
	assert_int_equal(lstat(temporary_path(&m->t, MINE), &st), -1);
}

/* Written by us, then by them, and then we have to go back. */
static void test_edited_after(void **state)
{
	struct machine *m = *state;

	first_step(m);
	write_mine(m);
	meanwhile(m, "echo mine >>" MINE "; exit 3");
	fails(m, -EIO, "; all else was put back");
	machine_is_file(m, MINE, "CMDLINE='quiet passthru'\nmine\n");
}

/* One of our own steps after another is nobody else's. */
static void test_twice(void **state)
{
	struct machine *m = *state;
	unsigned number;

	first_step(m);
	write_mine(m);
	add(m, (struct step){ .path = MINE, .content = MACHINE_BYTES("CMDLINE=passthru\n") });
	meanwhile(m, "exit 3");
	fails(m, -EIO, "; everything was put back");
	machine_is_file(m, MINE, "CMDLINE=quiet\n");
	m->plan.n_steps--;
	works(m, machine_apply(m, &number));
	machine_is_file(m, MINE, "CMDLINE=passthru\n");
	works(m, machine_undo(m, number));
	machine_is_file(m, MINE, "CMDLINE=quiet\n");
}

static int add_ours(struct host *host, const struct step *step, struct bytes *ret, struct err *e)
{
	struct bytes text;

	(void)e;
	assert_int_equal(root_read(host->root, &host->arena, step->path, &text), 0);
	ret->data = arena_concat(&host->arena, text.data, step->data);
	ret->n = strlen(ret->data);
	return 0;
}

/* What is written at any time is made from what it is then. */
static void test_made_from_it(void **state)
{
	static const char env[] = "boot/grub/grubenv";
	struct machine *m = *state;
	const char **argv = arena_array(&m->host.arena, 5, sizeof(*argv));
	unsigned number;

	argv[0] = "sed";
	argv[1] = "-i";
	argv[2] = "/ours/d";
	argv[3] = arena_printf(&m->host.arena, "%s/%s", m->t.path, env);
	temporary_file(&m->t, env, "next=\n");
	first_step(m);
	meanwhile(m, "echo success=1 >>boot/grub/grubenv");
	add(m, (struct step){ .path = env,
			      .content = MACHINE_BYTES("next=\nours\n"),
			      .writes = machine_setenv_writes,
			      .regenerate = argv,
			      .trace = "ours",
			      .remake = add_ours,
			      .data = "ours\n" });
	works(m, machine_apply(m, &number));
	machine_is_file(m, env, "next=\nsuccess=1\nours\n");
	works(m, machine_undo(m, number));
	machine_is_file(m, env, "next=\nsuccess=1\n");
	m->steps[0] = m->steps[2];
	m->plan.n_steps = 1;
	temporary_file(&m->t, env, "next=\n");
	works(m, machine_apply(m, &number));
	machine_is_file(m, env, "next=\nours\n");
	works(m, machine_undo(m, number));
	machine_is_file(m, env, "next=\n");
}

static void test_image(void **state)
{
	struct machine *m = *state;
	const char **argv = arena_array(&m->host.arena, 4, sizeof(*argv));

	argv[0] = "sh";
	argv[1] = "-c";
	argv[2] = arena_printf(&m->host.arena,
			       "cd %s; echo passthru >" IMAGE ".new; echo of a package >" IMAGE,
			       m->t.path);
	first_step(m);
	add(m, (struct step){ .kind = STEP_COMMAND,
			      .argv = argv,
			      .output = IMAGE ".new",
			      .becomes = IMAGE,
			      .regenerate = argv });
	fails(m, -EBUSY, IMAGE " was changed by others");
	machine_is_file(m, IMAGE, "of a package\n");
}

/* A menu of before them names kernels that they have removed: what was kept of it is no use. */
static void test_menu(void **state)
{
	struct machine *m = *state;
	unsigned number;

	temporary_file(&m->t, MENU, "of old kernels\n");
	first_step(m);
	write_mine(m);
	meanwhile(m, "echo of new kernels >" MENU);
	mkconfig(m);
	works(m, machine_apply(m, &number));
	works(m, machine_undo(m, number));
	machine_is_file(m, MENU, "menu\nCMDLINE=quiet\n");

	temporary_file(&m->t, MENU, "of old kernels\n");
	meanwhile(m, "exit 3");
	fails(m, -EIO, "; everything was put back");
	machine_is_file(m, MENU, "menu\nCMDLINE=quiet\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_edited_before, start, stop),
		cmocka_unit_test_setup_teardown(test_removed_before, start, stop),
		cmocka_unit_test_setup_teardown(test_edited_after, start, stop),
		cmocka_unit_test_setup_teardown(test_twice, start, stop),
		cmocka_unit_test_setup_teardown(test_made_from_it, start, stop),
		cmocka_unit_test_setup_teardown(test_image, start, stop),
		cmocka_unit_test_setup_teardown(test_menu, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
