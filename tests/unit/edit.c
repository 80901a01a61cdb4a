// SPDX-License-Identifier: MIT
// The editors of boot configuration: what callers rely on, kinds of errors, sentences, limits. That
// what they write is what shells and tools read, tests/edit proves.

#include "change/change.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;
static struct err e;

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct bytes bytes_of(const char *text)
{
	return (struct bytes){ text, strlen(text) };
}

static void assert_bytes(struct bytes bytes, const char *text)
{
	assert_string_equal(arena_strndup(&arena, bytes.data, bytes.n), text);
	assert_int_equal(bytes.n, strlen(text));
}

static int add(const char *text, enum edit_format format, const char *name, const char *word,
	       struct edit *ret)
{
	struct edit_place place = { format, name, false, false };
	const char *words[] = { "quiet", word };

	memset(&e, 0, sizeof(e));
	return edit_add(&arena, bytes_of(text), &place, &(struct names){ words, 2 }, ret, &e);
}

static void assert_refused(int r, int error, enum err_kind kind, const char *sentence)
{
	assert_int_equal(r, error);
	assert_int_equal(e.kind, kind);
	assert_string_equal(e.text, sentence);
}

static void only_new_words_are_added(void **state)
{
	struct edit edit;

	(void)state;
	assert_int_equal(add("V=\"quiet\"\n", EDIT_SHELL, "V", "iommu=pt", &edit), 0);
	assert_bytes(edit.text, "V=\"quiet iommu=pt\"\n");
	assert_int_equal(edit.added.n, 1);
	assert_string_equal(edit.added.name[0], "iommu=pt");
	/* what the user wrote is not taken away with ours */
	struct edit_place place = { EDIT_SHELL, "V", false, false };
	struct bytes back;
	assert_int_equal(edit_remove(&arena, edit.text, &place, &edit.added, &back, &e), 0);
	assert_bytes(back, "V=\"quiet\"\n");
}

static void bytes_behind_the_text_are_not_read(void **state)
{
	struct edit_place place = { EDIT_CMDLINE, NULL, false, false };
	const char *words[] = { "a" };
	struct edit edit;

	(void)state;
	assert_int_equal(edit_add(&arena, (struct bytes){ "root=x b", 6 }, &place,
				  &(struct names){ words, 1 }, &edit, &e),
			 0);
	assert_bytes(edit.text, "root=x a");
}

static void sentences(void **state)
{
	struct edit edit;

	(void)state;
	assert_refused(add("X=1\n\tif true; then V=a; fi\n", EDIT_SHELL, "V", "a", &edit),
		       -EOPNOTSUPP, ERR_REFUSED,
		       "line 2 (if true; then V=a; fi): V is not edited, because here it is set "
		       "inside of a condition, a loop or a function: write the words into it by "
		       "hand, or set it once more at the end of the file");
	assert_refused(add("X=1\n", EDIT_SHELL, "V", "a", &edit), -ENOENT, ERR_REFUSED,
		       "there is no assignment of V");
	assert_refused(add("title x\n", EDIT_BLS, NULL, "a", &edit), -ENOENT, ERR_REFUSED,
		       "there is no options line");
	assert_refused(add("root=x\n", EDIT_CMDLINE, NULL, "a;b", &edit), -EINVAL, ERR_USAGE,
		       "\"a;b\" is not written into boot configuration: only letters, digits and "
		       "_-.,:=+/@ mean the same to every reader of it");
}

static void a_long_line_is_shown_in_part(void **state)
{
	char text[300];
	struct edit edit;

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "V='", 3);
	text[299] = '\0';
	assert_int_equal(add(text, EDIT_SHELL, "V", "a", &edit), -EOPNOTSUPP);
	assert_true(strlen(e.text) < 200);
}

static void the_kernel_reads_2047_bytes(void **state)
{
	char text[2048];
	struct edit edit;

	(void)state;
	memset(text, 'x', sizeof(text));
	/* " quiet a" makes it 2047 */
	text[2039] = '\0';
	assert_int_equal(add(text, EDIT_CMDLINE, NULL, "a", &edit), 0);
	assert_int_equal(edit.text.n, 2047);
	assert_int_equal(add(text, EDIT_CMDLINE, NULL, "ab", &edit), -E2BIG);
	assert_int_equal(e.kind, ERR_REFUSED);
}

static void one_thing_of_two_words(void **state)
{
	const char *words[] = { "hugepagesz=1G", "hugepages=4", "hugepagesz=2M", "hugepages=4" };
	struct edit_place place = { EDIT_CMDLINE, NULL, false, false };
	struct names names = { words, 4 };
	struct edit edit;
	struct bytes back;

	(void)state;
	assert_int_equal(edit_add(&arena, bytes_of("root=x hugepagesz=1G hugepages=8"), &place,
				  &names, &edit, &e),
			 0);
	assert_bytes(edit.text, "root=x hugepagesz=1G hugepages=8 hugepagesz=1G hugepages=4 "
				"hugepagesz=2M hugepages=4");
	assert_int_equal(edit.added.n, 4);
	assert_int_equal(edit_remove(&arena, edit.text, &place, &edit.added, &back, &e), 0);
	assert_bytes(back, "root=x hugepagesz=1G hugepages=8");
}

static void a_result_is_set_on_success_only(void **state)
{
	struct edit edit = { { "before", 6 }, { NULL, 7 } };
	struct edit_place place = { EDIT_GRUBENV, "kernelopts", false, false };
	const char *words[] = { "a" }, *had = "before";
	struct bytes text = { "before", 6 };

	(void)state;
	assert_int_equal(
		edit_add(&arena, bytes_of("short"), &place, &(struct names){ words, 1 }, &edit, &e),
		-EOPNOTSUPP);
	assert_bytes(edit.text, "before");
	assert_int_equal(edit.added.n, 7);
	assert_int_equal(edit_grubenv_set(&arena, bytes_of("short"), "x", "y", &text, &had, &e),
			 -EOPNOTSUPP);
	assert_bytes(text, "before");
	assert_string_equal(had, "before");
	assert_int_equal(edit_loader_set(&arena, bytes_of("a 1\na 2\n"), "a", "3", &text, &had, &e),
			 -EOPNOTSUPP);
	assert_string_equal(had, "before");
}

static void files_of_our_own(void **state)
{
	const char *words[] = { "vfio_pci", "vfio" };
	const struct names names = { words, 2 };
	static const struct {
		enum edit_dropin kind;
		const char *text;
	} expected[] = {
		{ EDIT_DROPIN_SHELL, "V=\"$V vfio_pci vfio\"\n" },
		{ EDIT_DROPIN_BASH, "V+=\" vfio_pci vfio \"\n" },
		{ EDIT_DROPIN_ARRAY, "V+=(vfio_pci vfio)\n" },
		{ EDIT_DROPIN_CMDLINE, "vfio_pci vfio\n" },
		{ EDIT_DROPIN_LINES, "vfio_pci\nvfio\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		struct bytes text;
		assert_int_equal(edit_dropin_text(&arena, expected[i].kind, "V", &names, &text, &e),
				 0);
		assert_bytes(text, expected[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(only_new_words_are_added, teardown),
		cmocka_unit_test_teardown(bytes_behind_the_text_are_not_read, teardown),
		cmocka_unit_test_teardown(sentences, teardown),
		cmocka_unit_test_teardown(a_long_line_is_shown_in_part, teardown),
		cmocka_unit_test_teardown(the_kernel_reads_2047_bytes, teardown),
		cmocka_unit_test_teardown(one_thing_of_two_words, teardown),
		cmocka_unit_test_teardown(a_result_is_set_on_success_only, teardown),
		cmocka_unit_test_teardown(files_of_our_own, teardown),
	};

	return cmocka_run_group_tests_name("edit", tests, NULL, NULL);
}
