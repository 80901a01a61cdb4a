// SPDX-License-Identifier: MIT
// GRUB's environment block, which GRUB and scripts of the distribution write between a change and
// its undo: undo takes out what is ours, on the running system and in one that is only mounted.

#include "tests/change/machine.h"

#include <errno.h>

#define BLOCK "boot/grub/grubenv"
#define SIGNATURE "# GRUB Environment Block\n"

static const char *const writes[] = { BLOCK, NULL };

static struct bytes block_of(struct machine *m, const char *variables)
{
	char *text = arena_alloc(&m->host.arena, 1025);
	size_t n = (size_t)snprintf(text, 1025, SIGNATURE "%s", variables);

	memset(text + n, '#', 1024 - n);
	return (struct bytes){ text, 1024 };
}

static void has_block(struct machine *m, const char *variables)
{
	temporary_bytes(&m->t, BLOCK, block_of(m, variables).data, 1024);
}

static void is_block(struct machine *m, const char *variables)
{
	machine_is_file(m, BLOCK, block_of(m, variables).data);
}

static void reopen(struct machine *m, bool live)
{
	struct root *root;

	host_done(&m->host);
	assert_int_equal(root_dir_open(m->t.path, live, &root, &m->e), 0);
	host_init(&m->host, root);
}

/* A change that sets @v; @after is the block that it leaves. By a command when it is a value. */
static void apply(struct machine *m, const struct step_variable *v, const char *before,
		  const char *after)
{
	const char **argv = arena_array(&m->host.arena, 4, sizeof(*argv));
	struct bytes text = block_of(m, after);
	unsigned number;

	has_block(m, before);
	tree_age(&m->t, BLOCK, 1000000000);
	argv[0] = "sh";
	argv[1] = "-c";
	argv[2] = arena_printf(&m->host.arena, "printf %%s '%s' >%s/" BLOCK, text.data, m->t.path);
	m->steps[0] = (struct step){ .path = "etc/own", .content = MACHINE_BYTES("own\n") };
	m->steps[1] = (struct step){ .writes = writes, .variable = v };
	m->steps[1].kind = v->value ? STEP_COMMAND : STEP_FILE;
	if (v->value)
		m->steps[1].argv = argv;
	else
		m->steps[1].path = BLOCK;
	m->steps[1].content = text;
	m->plan.n_steps = 2;
	if (machine_apply(m, &number) < 0)
		fail_msg("%s", m->e.text);
	is_block(m, after);
}

static void undo(struct machine *m)
{
	if (machine_undo(m, 0) < 0)
		fail_msg("%s", m->e.text);
}

static const struct step_variable next = { .name = "next_entry", .value = "passthru-trial" };
static const struct step_variable next_again = { .name = "next_entry",
						 .value = "passthru-trial",
						 .before = "" };
static const char *our_words[] = { "passthru.boot=1", "hugepagesz=1G", "hugepages=4" };
static const struct step_variable words = { .name = "kernelopts", .words = { our_words, 3 } };

/* What was there, what the change left, what there is now, and what has to be there in the end. */
static const struct {
	const struct step_variable *v;
	const char *before, *after, *now, *then;
} cases[] = {
	/* as GRUB leaves it */
	{ &next, "saved_entry=0\n", "saved_entry=0\nnext_entry=passthru-trial\n",
	  "saved_entry=0\nnext_entry=\n", "saved_entry=0\n" },
	{ &next_again, "next_entry=\nsaved_entry=0\n", "next_entry=passthru-trial\nsaved_entry=0\n",
	  "next_entry=\nsaved_entry=0\n", "next_entry=\nsaved_entry=0\n" },
	/* and not yet */
	{ &next, "saved_entry=0\n", "saved_entry=0\nnext_entry=passthru-trial\n",
	  "saved_entry=1\nnext_entry=passthru-trial\n", "saved_entry=1\n" },
	/* what others write */
	{ &next, "boot_success=0\n", "boot_success=0\nnext_entry=passthru-trial\n",
	  "boot_success=1\nnext_entry=\nboot_indeterminate=0\n",
	  "boot_success=1\nboot_indeterminate=0\n" },
	/* chosen since, and taken away since */
	{ &next, "", "next_entry=passthru-trial\n", "next_entry=2\n", "next_entry=2\n" },
	{ &next_again, "next_entry=\n", "next_entry=passthru-trial\n", "recordfail=1\n",
	  "recordfail=1\n" },
	{ &words, "kernelopts=root=/x iommu=pt hugepages=4\n",
	  "kernelopts=root=/x iommu=pt hugepages=4 passthru.boot=1 hugepagesz=1G hugepages=4\n",
	  "kernelopts=root=/y iommu=pt hugepages=4 passthru.boot=1 hugepagesz=1G hugepages=4 X "
	  "$Y\nboot_success=1\n",
	  "kernelopts=root=/y iommu=pt hugepages=4 X $Y\nboot_success=1\n" },
	{ &words, "kernelopts=root=/x\n",
	  "kernelopts=root=/x passthru.boot=1 hugepagesz=1G hugepages=4\n",
	  "boot_success=0\nkernelopts=passthru.boot=1 root=/x\n",
	  "boot_success=0\nkernelopts=root=/x\n" },
	{ &words, "kernelopts=root=/x\n",
	  "kernelopts=root=/x passthru.boot=1 hugepagesz=1G hugepages=4\n", "saved_entry=x\n",
	  "saved_entry=x\n" },
};

static void test_written_since(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		const size_t n = i / 2;
		struct machine m;
		struct change_differences differences;

		machine_make(&m);
		apply(&m, cases[n].v, cases[n].before, cases[n].after);
		has_block(&m, cases[n].now);
		reopen(&m, i % 2);
		assert_int_equal(change_differs(&m.host, 1, &differences, &m.e), 0);
		assert_int_equal(differences.n, str_eq(cases[n].now, cases[n].before) ? 0 : 1);
		assert_true(differences.n == 0 || differences.list[0].regenerated);
		undo(&m);
		is_block(&m, cases[n].then);
		machine_remove(&m);
	}
}

/* Where nobody else has written anything, everything is as before, times and all. */
static void test_as_before(void **state)
{
	struct machine m;

	(void)state;
	machine_make(&m);
	has_block(&m, "saved_entry=0\n");
	tree_age(&m.t, BLOCK, 1000000000);
	char *before = tree_text(m.t.path);
	apply(&m, &next, "saved_entry=0\n", "saved_entry=0\nnext_entry=passthru-trial\n");
	has_block(&m, "saved_entry=0\nnext_entry=\n");
	reopen(&m, false);
	undo(&m);
	char *after = tree_text(m.t.path);
	assert_string_equal(after, before);
	free(before);
	free(after);
	machine_remove(&m);
}

/* What is no block can only be put right by somebody who knows what it is. */
static void test_no_block(void **state)
{
	const struct change_undo_how keep = { .keep_changed = true };
	struct change_differences differences;
	struct change_session session;
	struct machine m;
	unsigned number;

	(void)state;
	machine_make(&m);
	apply(&m, &next, "", "next_entry=passthru-trial\n");
	temporary_file(&m.t, BLOCK, "next_entry=passthru-trial\n");
	assert_int_equal(change_differs(&m.host, 1, &differences, &m.e), 0);
	assert_int_equal(differences.n, 1);
	assert_false(differences.list[0].regenerated);
	assert_int_equal(machine_undo(&m, 1), -EPERM);
	assert_non_null(strstr(m.e.text, BLOCK " was changed since change 1"));
	assert_int_equal(change_open(&m.host, NULL, &session, &m.e), 0);
	assert_int_equal(change_undo(&session, 1, &keep, &number, &m.e), 0);
	change_close(&session);
	machine_is_file(&m, BLOCK, "next_entry=passthru-trial\n");
	machine_remove(&m);
}

/* What a journal may not say of a variable. */
static void test_damaged(void **state)
{
	static const char journal[] = "var/lib/passthru/changes/1/journal.json";
	static const char value[] = "\"value\": \"passthru-trial\"";
	static const char *const damages[] = { "\"value\": 7", "\"words\": []", "\"words\": [7]",
					       "\"value\": \"x\", \"words\": [\"y\"]" };
	struct machine m;
	struct bytes data;

	(void)state;
	machine_make(&m);
	apply(&m, &next, "", "next_entry=passthru-trial\n");
	assert_int_equal(root_read(m.host.root, &m.host.arena, journal, &data), 0);
	const char *at = strstr(data.data, value);
	assert_non_null(at);
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		const char *text = arena_printf(&m.host.arena, "%.*s%s%s", (int)(at - data.data),
						data.data, damages[i], at + strlen(value));

		assert_int_equal(root_replace(m.host.root, journal, text, strlen(text), 0600), 0);
		assert_int_equal(machine_undo(&m, 1), -EBADMSG);
		is_block(&m, "next_entry=passthru-trial\n");
	}
	machine_remove(&m);
}

/* A trial that GRUB has used up, and what goes on with it, one behind the other. */
static void test_chain(void **state)
{
	struct machine m;

	(void)state;
	machine_make(&m);
	apply(&m, &next, "kernelopts=root=/x\n", "kernelopts=root=/x\nnext_entry=passthru-trial\n");
	m.plan.continues = 1;
	assert_int_equal(unlink(temporary_path(&m.t, "etc/own")), 0);
	apply(&m, &words, "kernelopts=root=/x\nnext_entry=\n",
	      "kernelopts=root=/x passthru.boot=1 hugepagesz=1G hugepages=4\nnext_entry=\n");
	temporary_file(&m.t, "etc/own", "own\n");
	has_block(&m, "kernelopts=root=/x passthru.boot=1 hugepagesz=1G "
		      "hugepages=4\nnext_entry=\nboot_success=1\n");
	reopen(&m, false);
	undo(&m);
	is_block(&m, "kernelopts=root=/x\nnext_entry=\nboot_success=1\n");
	temporary_file(&m.t, "etc/own", "own\n");
	undo(&m);
	is_block(&m, "kernelopts=root=/x\nboot_success=1\n");
	machine_remove(&m);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written_since), cmocka_unit_test(test_as_before),
		cmocka_unit_test(test_no_block),      cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_chain),
	};

	alarm(300);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
