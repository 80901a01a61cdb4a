// SPDX-License-Identifier: MIT
// The show layer: what strings of unknown origin can put into an output, narrow terminals, large
// documents, and streams that do not take it.

#include "show/plain.h"
#include "tests/unit/show_fixture.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <sys/wait.h>

/* What an origin puts in, what the terminal gets, what a program gets (NULL: the same as came). */
static const struct {
	const char *in, *text, *json;
} hostile[] = {
	{ "\033[2J\033]0;t\a", "\\x1b[2J\\x1b]0;t\\x07", NULL },
	{ "a\nb\rc\td\x7f", "a\\x0ab\\x0dc\\x09d\\x7f", NULL },
	{ "csi \xc2\x9b"
	  "31m",
	  "csi \\xc2\\x9b31m", NULL },
	{ "bidi \xe2\x80\xae"
	  "txt",
	  "bidi \\xe2\\x80\\xaetxt", NULL },
	{ "isolate \xe2\x81\xa6"
	  "txt",
	  "isolate \\xe2\\x81\\xa6txt", NULL },
	{ "line \xe2\x80\xa8 sep", "line \\xe2\\x80\\xa8 sep", NULL },
	{ "\"quoted\" \\ back", "\"quoted\" \\ back", NULL },
	{ "as if \\x1b", "as if \\x1b", NULL },
	{ "caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80",
	  "caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80", NULL },
	{ "latin \xe9.", "latin \\xe9.", "latin \xef\xbf\xbd." },
	{ "cut \xe2\x82", "cut \\xe2\\x82", "cut \xef\xbf\xbd\xef\xbf\xbd" },
	{ "long \xc0\xaf", "long \\xc0\\xaf", "long \xef\xbf\xbd\xef\xbf\xbd" },
	{ "half \xed\xa0\x80", "half \\xed\\xa0\\x80",
	  "half \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ "\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80",
	  "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ "\xff", "\\xff", "\xef\xbf\xbd" },
};

static void test_hostile_strings(void **state)
{
	static const struct doc_column columns[] = { { "cell", "Cell", 0 } };
	static const char *const locales[] = { "C.UTF-8", "C" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(hostile) * 2; i++) {
		const char *in = hostile[i / 2].in, *text = hostile[i / 2].text;

		assert_non_null(setlocale(LC_CTYPE, locales[i % 2]));
		f->doc = doc_new(&f->arena, in);
		f->root = doc_root(f->doc);
		doc_field(f->root, "field", "Field", doc_string(in));
		doc_field(f->root, "why", "Why", doc_unknown(in));
		doc_note(f->root, in);
		doc_cell(doc_row(doc_table(f->root, "t", in, columns, 1, NULL, NULL)),
			 doc_list(&in, 1));
		assert_string_equal(text_of(f, WIDE),
				    arena_printf(&f->arena,
						 "Field:  %s\nWhy:    unknown (%s)\n\n%s\n\n"
						 "%s\n  CELL\n  %s\n",
						 text, text, text, text, text));

		json_t *json = json_loads(json_of(f), 0, NULL);
		assert_non_null(json);
		const char *want = hostile[i / 2].json ? hostile[i / 2].json : in;
		const char *field, *note, *cell;
		assert_int_equal(json_unpack(json, "{s:s, s:[s], s:[{s:[s]}]}", "field", &field,
					     "notes", &note, "t", "cell", &cell),
				 0);
		assert_string_equal(field, want);
		assert_string_equal(note, want);
		assert_string_equal(cell, want);
		json_decref(json);
	}
}

/*
 * Every sequence of two bytes: the JSON is JSON in ASCII and without controls (but DEL, which
 * jansson does not count among them), the text has nothing that acts.
 */
static void test_all_bytes(void **state)
{
	struct fixture *f = *state;
	char(*in)[4] = arena_array(&f->arena, 0x10000, sizeof(*in));

	for (unsigned i = 0; i < 0x10000; i++) {
		in[i][0] = (char)(i >> 8);
		in[i][1] = (char)i;
		in[i][2] = 'x';
		doc_note(f->root, in[i]);
	}
	const char *text = json_of(f);
	json_t *json = json_loads(text, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(json, "notes")), 0x10000);
	json_decref(json);
	for (; *text; text++)
		assert_true((*text >= ' ' && *text <= 0x7f) || *text == '\n');

	size_t width = 0;
	for (text = text_of(f, WIDE); *text; text += width) {
		uint32_t c;
		width = utf8_decode(text, &c);
		assert_true(width > 0 && (c == '\n' || (c >= ' ' && c < 0x7f) || c > 0x9f));
	}
}

static void test_lines(void **state)
{
	struct fixture *f = *state;

	doc_lines(f->root, "command", NULL, "run \\\n\t-a 'b  ' \\\n\t-c\n");
	doc_lines(f->root, "other", "Other", "no \033 end");
	assert_string_equal(text_of(f, COLUMNS(4)), "run \\\n\t-a 'b  ' \\\n\t-c\n\n"
						    "Other\nno \\x1b end\n");
	json_t *json = json_loads(json_of(f), 0, NULL);
	assert_string_equal(json_string_value(json_object_get(json, "command")),
			    "run \\\n\t-a 'b  ' \\\n\t-c\n");
	json_decref(json);
}

static void test_diff(void **state)
{
	static const char diff[] = "--- f\n+++ f\n@@ -1,2 +1,3 @@\n \tx\n-old\n+new\033\n+\n";
	struct fixture *f = *state;

	doc_diff(f->root, "diff", NULL, diff);
	assert_string_equal(text_of(f, WIDE), "--- f\n+++ f\n@@ -1,2 +1,3 @@\n \tx\n-old\n"
					      "+new\\x1b\n+\n");
	assert_string_equal(text_of(f, (struct doc_style){ .colour = true }),
			    "\033[1m--- f\n\033[0m\033[1m+++ f\n\033[0m\033[36m@@ -1,2 +1,3 "
			    "@@\n\033[0m \tx\n\033[0m\033[31m-old\n\033[0m\033[32m+new\\x1b\n"
			    "\033[0m\033[32m+\n\033[0m");
	json_t *json = json_loads(json_of(f), 0, NULL);
	assert_string_equal(json_string_value(json_object_get(json, "diff")), diff);
	json_decref(json);
}

/* What has no key is for people alone. */
static void test_text_only(void **state)
{
	static const struct doc_column columns[] = { { "a", "A", 0 } };
	struct fixture *f = *state;
	struct doc_node *section = doc_section(f->root, NULL, "Shown");

	doc_note(section, "In it.");
	doc_field(section, "field", "Field", doc_number(1));
	doc_cell(doc_row(doc_table(f->root, NULL, NULL, columns, 1, NULL, NULL)), doc_number(2));
	assert_string_equal(text_of(f, WIDE), "Shown\n  In it.\n\n  Field:  1\n\nA\n2\n");
	json_t *json = json_loads(json_of(f), 0, NULL);
	assert_int_equal(json_object_size(json), 1); /* the schema */
	json_decref(json);
}

static void test_widths(void **state)
{
	static const struct doc_column columns[] = { { "a", "A", DOC_TRUNCATE }, { "b", "B", 0 } };
	struct fixture *f = *state;
	struct doc_table *table = doc_table(f->root, "t", NULL, columns, 2, NULL, NULL);
	static const char *const names[] = { "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", /* 3 wide */
					     "e\xcc\x81t\xc3\xa9",                   /* combining */
					     "plain" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct doc_row *row = doc_row(table);
		doc_cell(row, doc_string(names[i]));
		doc_cell(row, doc_string("|"));
	}
	assert_string_equal(text_of(f, WIDE), "A       B\n"
					      "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e  |\n"
					      "e\xcc\x81t\xc3\xa9     |\n"
					      "plain   |\n");
	/* four columns: one wide character, the mark, and the column that half of one would need */
	assert_string_equal(text_of(f, COLUMNS(7)), "A     B\n"
						    "\xe6\x97\xa5\xe2\x80\xa6   |\n"
						    "e\xcc\x81t\xc3\xa9   |\n"
						    "pla\xe2\x80\xa6  |\n");
	/* a locale that knows no widths is left aside, and stays what it is */
	const char *text = text_of(f, WIDE);
	assert_non_null(setlocale(LC_CTYPE, "C"));
	assert_string_equal(text_of(f, WIDE), text);
	assert_int_equal(MB_CUR_MAX, 1);
}

static void test_narrow_terminal(void **state)
{
	static const struct doc_column columns[] = { { "a", "Address", 0 },
						     { "n", "Name", DOC_TRUNCATE },
						     { "u", "Use", DOC_TRUNCATE | DOC_RIGHT } };
	struct fixture *f = *state;
	struct doc_row *row = doc_row(doc_table(f->root, "t", NULL, columns, 3, NULL, NULL));

	doc_cell(row, doc_string("0000:01:00.0"));
	doc_cell(row, doc_string("A graphics card"));
	doc_cell(row, doc_string("display"));
	assert_string_equal(text_of(f, WIDE), "ADDRESS       NAME                 USE\n"
					      "0000:01:00.0  A graphics card  display\n");
	assert_string_equal(text_of(f, COLUMNS(38)), text_of(f, WIDE));
	/* which column loses how much is left to the library */
	char *text = text_of(f, COLUMNS(30));
	assert_memory_equal(text, "ADDRESS       NAME", 18);
	text = strchr(text, '\n');
	assert_memory_equal(text, "\n0000:01:00.0  A g", 18);
	assert_non_null(strstr(text, "\xe2\x80\xa6"));
	assert_int_equal(plain_width(strtok(text, "\n")), 30);
	/* no column below its heading, and what may not be cut stays */
	assert_string_equal(text_of(f, COLUMNS(5)),
			    "ADDRESS       NAME  USE\n"
			    "0000:01:00.0  A g\xe2\x80\xa6  di\xe2\x80\xa6\n");
	assert_non_null(setlocale(LC_CTYPE, "C"));
	assert_string_equal(text_of(f, COLUMNS(5)), "ADDRESS       NAME  USE\n"
						    "0000:01:00.0  A g~  di~\n");
}

static void test_notes_wrap(void **state)
{
	struct fixture *f = *state;

	doc_note(f->root, "The caf\xc3\xa9 is  open till ten_in_the_evening now.");
	doc_note(doc_section(f->root, "s", "S"), "Two words.");
	assert_string_equal(text_of(f, WIDE),
			    "The caf\xc3\xa9 is open till ten_in_the_evening now.\n\n"
			    "S\n  Two words.\n");
	assert_string_equal(text_of(f, COLUMNS(11)), "The caf\xc3\xa9 is\nopen till\n"
						     "ten_in_the_evening\nnow.\n\n"
						     "S\n  Two\n  words.\n");
}

static void test_colour(void **state)
{
	static const struct doc_column columns[] = { { "a", "A", 0 }, { "b", "B", 0 } };
	struct fixture *f = *state;

	doc_field(f->root, "u", "U", doc_unknown("why"));
	struct doc_table *table = doc_table(f->root, "t", "T", columns, 2, NULL, NULL);
	struct doc_row *row = doc_row(table);
	doc_cell(row, doc_unknown("why"));
	doc_cell(row, doc_string("x"));
	row = doc_row(table);
	doc_cell(row, doc_string("a longer"));
	doc_cell(row, doc_unknown("why"));
	assert_string_equal(text_of(f, (struct doc_style){ .colour = true }),
			    "U:  \033[33munknown (why)\033[0m\n\n"
			    "\033[1mT\033[0m\n"
			    "  A         B\n"
			    "  \033[33munknown \033[0m  x\n"
			    "  a longer  \033[33munknown\033[0m\n");
}

/* More than the buffer of the output, a string longer than it among it. */
static const char *add_large(struct fixture *f)
{
	static const struct doc_column columns[] = { { "n", "N", DOC_RIGHT }, { "s", "S", 0 } };
	struct doc_table *table = doc_table(f->root, "t", NULL, columns, 2, NULL, NULL);
	char *giant = arena_alloc(&f->arena, 100001);

	memset(giant, 'g', 100000);
	for (int i = 0; i < 5000; i++) {
		struct doc_row *row = doc_row(table);
		doc_cell(row, doc_number(i));
		doc_cell(row, doc_string(i == 2500 ? giant : "small"));
	}
	return giant;
}

static void test_large(void **state)
{
	struct fixture *f = *state;
	const char *giant = add_large(f);
	int64_t number;
	size_t n = 0;

	json_t *json = json_loads(json_of(f), 0, NULL), *item;
	size_t at;
	json_array_foreach(json_object_get(json, "t"), at, item)
	{
		assert_int_equal(json_integer_value(json_object_get(item, "n")), at);
		assert_string_equal(json_string_value(json_object_get(item, "s")),
				    at == 2500 ? giant : "small");
	}
	assert_int_equal(at, 5000);
	json_decref(json);

	const char *rest = text_of(f, WIDE), *line;
	for (number = -1; text_next_line(&rest, &line, &n); number++) {
		if (number >= 0) {
			assert_int_equal(strtoll(line, NULL, 10), number);
			assert_int_equal(n, number == 2500 ? 100006 : 11);
		}
	}
	assert_int_equal(number, 5000);
}

static void test_write_error(void **state)
{
	struct fixture *f = *state;
	FILE *out = fopen("/dev/full", "w");

	assert_non_null(out);
	doc_field(f->root, "a", "A", doc_number(1));
	assert_int_equal(doc_render_text(f->doc, &WIDE, out), -ENOSPC);
	fclose(out);
	out = fopen("/dev/full", "w");
	assert_int_equal(doc_render_json(f->doc, out), -ENOSPC);
	/* a stream that failed before has lost something */
	FILE *null = freopen("/dev/null", "w", out);
	assert_int_equal(doc_render_json(f->doc, null), 0);
	fclose(null);

	out = fopen("/dev/null", "r");
	assert_int_equal(doc_render_text(f->doc, &WIDE, out), -EIO);
	fclose(out);
}

/* The failure comes long before the end. */
static void test_large_write_error(void **state)
{
	struct fixture *f = *state;
	FILE *out = fopen("/dev/full", "w");

	assert_non_null(out);
	add_large(f);
	assert_int_equal(doc_render_text(f->doc, &WIDE, out), -ENOSPC);
	fclose(out);
	out = fopen("/dev/full", "w");
	assert_int_equal(doc_render_json(f->doc, out), -ENOSPC);
	fclose(out);
}

static int allocations;

static void *fail_at_last(size_t size)
{
	return allocations-- > 0 ? malloc(size) : NULL;
}

/* Whichever allocation of jansson's fails, a part of the answer never passes for the whole. */
static void test_json_out_of_memory(void **state)
{
	static const struct doc_column columns[] = { { "a", "A", 0 } };
	struct fixture *f = *state;
	const char *list[] = { "one", "\xff" };
	FILE *out = fopen("/dev/null", "w");
	int error = -ENOMEM, n;

	doc_field(doc_section(f->root, "s", NULL), "u", NULL, doc_unknown("why"));
	doc_cell(doc_row(doc_table(f->root, "t", NULL, columns, 1, NULL, NULL)), doc_list(list, 2));
	doc_note(f->root, "A note.");
	for (n = 0; error == -ENOMEM; n++) {
		allocations = n;
		json_set_alloc_funcs(fail_at_last, free);
		error = doc_render_json(f->doc, out);
		json_set_alloc_funcs(malloc, free);
	}
	assert_int_equal(error, 0);
	assert_true(n > 30);
	fclose(out);
}

static void test_every_failure_is_noticed(void **state)
{
	struct fixture *f = *state;
	FILE *out = fopen("/dev/full", "w");

	setvbuf(out, NULL, _IONBF, 0);
	assert_int_equal(fputc('x', out), EOF);
	/* nothing to write any more, but what came before is missing */
	assert_int_equal(doc_render_text(f->doc, &WIDE, out), -EIO);
	fclose(out);
}

#ifndef NDEBUG
static void add_twice(struct doc_node *node)
{
	doc_field(node, "key", NULL, doc_none());
	doc_section(node, "key", NULL);
}

static void add_schema(struct doc_node *node)
{
	doc_field(node, "schema", NULL, doc_none());
}

static void add_notes(struct doc_node *node)
{
	doc_field(doc_section(node, "s", NULL), "notes", NULL, doc_none());
}

static void add_same_columns(struct doc_node *node)
{
	static const struct doc_column columns[] = { { "k", NULL, 0 }, { "k", NULL, 0 } };

	doc_table(node, "t", NULL, columns, 2, NULL, NULL);
}

static void add_cell_too_many(struct doc_node *node)
{
	doc_cell(doc_row(doc_table(node, "t", NULL, NULL, 0, NULL, NULL)), doc_none());
}

static void test_programming_errors(void **state)
{
	static void (*const wrong[])(struct doc_node *) = { add_twice, add_schema, add_notes,
							    add_same_columns, add_cell_too_many };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		pid_t child = fork();
		int status;

		if (child == 0) {
			/* cmocka would make a failed test of the signal */
			signal(SIGABRT, SIG_DFL);
			close(STDERR_FILENO);
			wrong[i](f->root);
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	}
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_hostile_strings),
		TEST(test_all_bytes),
		TEST(test_lines),
		TEST(test_widths),
		TEST(test_narrow_terminal),
		TEST(test_notes_wrap),
		TEST(test_colour),
		TEST(test_diff),
		TEST(test_text_only),
		TEST(test_large),
		TEST(test_write_error),
		TEST(test_large_write_error),
		TEST(test_json_out_of_memory),
		TEST(test_every_failure_is_noticed),
#ifndef NDEBUG
		TEST(test_programming_errors),
#endif
	};

	return cmocka_run_group_tests_name("show_output", tests, NULL, NULL);
}
