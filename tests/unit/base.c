// SPDX-License-Identifier: MIT
// The ground everything stands on: errors, arenas, numbers, lines, sizes, words of a shell.

#include "base/arena.h"
#include "base/dl.h"
#include "base/err.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdalign.h>
#include <stdio.h>
#include <sys/wait.h>

static struct arena arena;

static int free_arena(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

/* ---- numbers ---- */

static void assert_number(const char *text, int base, uint64_t max, uint64_t expected)
{
	uint64_t value = 4711;

	assert_int_equal(text_number(text, base, max, &value), 0);
	assert_true(value == expected);
}

static void assert_no_number(const char *text, int base, uint64_t max, int error)
{
	uint64_t value = 4711;

	if (text_number(text, base, max, &value) != error)
		fail_msg("\"%s\" in base %d is not refused with %d", text, base, error);
	assert_true(value == 4711);
}

static void test_number(void **state)
{
	(void)state;
	assert_number("0", 10, 0, 0);
	assert_number("000", 10, 0, 0);
	assert_number("65535", 10, 65535, 65535);
	assert_number("18446744073709551615", 10, UINT64_MAX, UINT64_MAX);
	assert_number("fFfFfFfFfFfFfFfF", 16, UINT64_MAX, UINT64_MAX);
	assert_number("0777", 8, 511, 511);
	assert_number("0x10", 0, 16, 16);
	assert_number("0X1f", 0, 31, 31);
	assert_number("10", 0, 10, 10);
	/* only base 0 knows prefixes, and a leading 0 is no octal */
	assert_number("010", 0, 10, 10);
	assert_no_number("0x10", 16, 16, -EINVAL);
}

static void test_no_number(void **state)
{
	static const char *const texts[] = {
		"",      " ", "-1", "+1",   " 1",   "1 ", "1\n", "1.0", "1,",   "1e3", "a",
		"1_000", "٣", "0x", "0x-1", "0x 1", "-0", "0b1", "1\t", "\x01", "9:",  "1/2",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_no_number(texts[i], 0, UINT64_MAX, -EINVAL);
	assert_no_number("8", 8, 8, -EINVAL);
	assert_no_number("g", 16, 100, -EINVAL);
	assert_no_number("256", 10, 255, -ERANGE);
	assert_no_number("18446744073709551616", 10, UINT64_MAX, -ERANGE);
	assert_no_number("99999999999999999999999999", 10, UINT64_MAX, -ERANGE);
	assert_no_number("0x10000000000000000", 0, UINT64_MAX, -ERANGE);
	/* too large and wrong: it is no number */
	assert_no_number("256x", 10, 255, -EINVAL);
}

static void test_hex_prefix(void **state)
{
	uint64_t value;

	(void)state;
	assert_int_equal(text_hex_prefix("1fg", 8, &value), 2);
	assert_int_equal(value, 0x1f);
	assert_int_equal(text_hex_prefix("12345", 4, &value), 4);
	assert_int_equal(value, 0x1234);
	assert_int_equal(text_hex_prefix("ffffffffffffffff", 16, &value), 16);
	assert_true(value == UINT64_MAX);
	assert_int_equal(text_hex_prefix("", 4, &value), 0);
	assert_int_equal(text_hex_prefix("-1", 4, &value), 0);
	assert_int_equal(text_hex_prefix("1", 0, &value), 0);
}

/* ---- texts ---- */

static void test_trimmed(void **state)
{
	static const char with_nul[] = "ab \0cd";

	(void)state;
	assert_string_equal(text_trimmed(&arena, (struct bytes){ "word\n", 5 }), "word");
	assert_string_equal(text_trimmed(&arena, (struct bytes){ " a b \t\r\n", 8 }), " a b");
	assert_string_equal(text_trimmed(&arena, (struct bytes){ "", 0 }), "");
	assert_string_equal(text_trimmed(&arena, (struct bytes){ "\n\n", 2 }), "");
	assert_string_equal(text_trimmed(&arena, (struct bytes){ with_nul, 6 }), "ab");
	assert_string_equal(text_trimmed(&arena, (struct bytes){ "not all", 3 }), "not");
	assert_string_equal(text_trimmed(&arena, (struct bytes){ "\xff\n", 2 }), "\xff");
}

static void test_lines(void **state)
{
	const char *rest = "one\n\nthree\nlast", *line;
	size_t n;

	(void)state;
	assert_true(text_next_line(&rest, &line, &n));
	assert_int_equal(n, 3);
	assert_memory_equal(line, "one", 3);
	assert_true(text_next_line(&rest, &line, &n));
	assert_int_equal(n, 0);
	assert_true(text_next_line(&rest, &line, &n));
	assert_int_equal(n, 5);
	assert_true(text_next_line(&rest, &line, &n));
	assert_string_equal(line, "last");
	assert_int_equal(n, 4);
	assert_false(text_next_line(&rest, &line, &n));
	assert_false(text_next_line(&rest, &line, &n));
	rest = "\n";
	assert_true(text_next_line(&rest, &line, &n));
	assert_int_equal(n, 0);
	assert_false(text_next_line(&rest, &line, &n));
}

static void test_size(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} sizes[] = {
		{ 0, "0 B" },
		{ 1, "1 B" },
		{ 1023, "1023 B" },
		{ 1024, "1 KiB" },
		{ 1536, "1.5 KiB" },
		{ 4096, "4 KiB" },
		{ 16 << 20, "16 MiB" },
		{ (256ull << 20) - 1, "255.9 MiB" },
		{ 256ull << 20, "256 MiB" },
		{ 1ull << 30, "1 GiB" },
		{ 3ull << 29, "1.5 GiB" },
		{ 1ull << 40, "1 TiB" },
		{ 1ull << 50, "1 PiB" },
		{ 1ull << 60, "1 EiB" },
		{ UINT64_MAX, "15.9 EiB" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		assert_string_equal(text_size(&arena, sizes[i].bytes), sizes[i].text);
}

static void test_count_and_join(void **state)
{
	static const char *const words[] = { "a", "", "ccc" };

	(void)state;
	assert_string_equal(text_time(&arena, 119), "119 s");
	assert_string_equal(text_time(&arena, 120), "2 min");
	assert_string_equal(text_time(&arena, 7199), "119 min");
	assert_string_equal(text_time(&arena, 7860), "2 h 11 min");
	assert_string_equal(text_count(&arena, 0, "function", "functions"), "0 functions");
	assert_string_equal(text_count(&arena, 1, "function", "functions"), "1 function");
	assert_string_equal(text_count(&arena, 2, "function", "functions"), "2 functions");
	assert_string_equal(text_join(&arena, words, 3, ", "), "a, , ccc");
	assert_string_equal(text_join(&arena, words, 3, ""), "accc");
	assert_string_equal(text_join(&arena, words, 1, ", "), "a");
	assert_string_equal(text_join(&arena, NULL, 0, ", "), "");
}

/* What a real shell makes of it is the word again, to the byte. */
static void assert_shell_gives(const char *text)
{
	const char *word = text_shell_word(&arena, text);
	const char *command = arena_printf(&arena, "printf '%%s' %s", word);
	char got[1024];

	FILE *shell = popen(command, "r");
	assert_non_null(shell);
	size_t n = fread(got, 1, sizeof(got) - 1, shell);
	got[n] = '\0';
	assert_int_equal(pclose(shell), 0);
	assert_string_equal(got, text);
}

static void test_shell_word(void **state)
{
	static const char *const texts[] = {
		"",      "plain", "a b",   "'",    "''",       "it's", "\"",   "\\",     "$HOME",
		"`id`",  "$(id)", "*",     "a\nb", "\ttab",    "~",    "#",    "!",      "a;b",
		"a&b|c", "<x>",   "{a,b}", "[a]",  "file=x,y", "-rf",  "%s",   "\x1b[m", "ü",
		"'\\''", "end\\", "?",     "a=b",  "\xff",     "\n",   "''''",
	};
	char all[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_shell_gives(texts[i]);
	for (int i = 1; i < 256; i++)
		all[i - 1] = (char)i;
	all[255] = '\0';
	assert_shell_gives(all);

	assert_string_equal(text_shell_word(&arena, "host=01:00.0,x-vga=on"),
			    "host=01:00.0,x-vga=on");
	assert_string_equal(text_shell_word(&arena, ""), "''");
	assert_string_equal(text_shell_word(&arena, "a b"), "'a b'");
	assert_string_equal(text_shell_word(&arena, "it's"), "'it'\\''s'");
}

/* ---- errors ---- */

static void test_err(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(err_io(&e, -ENOENT, "reading %s", "x"), -ENOENT);
	assert_int_equal(e.kind, ERR_FAILED);
	assert_string_equal(e.text, "reading x: No such file or directory");
	assert_int_equal(err_fail(&e, -EIO, "no %d", 7), -EIO);
	assert_string_equal(e.text, "no 7");
	assert_int_equal(err_usage(&e, "what is %s", "x"), -EINVAL);
	assert_int_equal(e.kind, ERR_USAGE);
	assert_int_equal(err_refuse(&e, "%s stays", "x"), -EPERM);
	assert_int_equal(e.kind, ERR_REFUSED);
	assert_int_equal(err_wrap(&e, -EBUSY, "binding %s", "y"), -EBUSY);
	assert_int_equal(e.kind, ERR_REFUSED);
	assert_string_equal(e.text, "binding y: x stays");

	struct err nothing = { 0 };
	assert_int_equal(err_wrap(&nothing, -EIO, "outer"), -EIO);
	assert_int_equal(nothing.kind, ERR_FAILED);
}

static void test_err_without_place(void **state)
{
	(void)state;
	assert_int_equal(err_io(NULL, -ENOENT, "x"), -ENOENT);
	assert_int_equal(err_fail(NULL, -EIO, "x"), -EIO);
	assert_int_equal(err_usage(NULL, "x"), -EINVAL);
	assert_int_equal(err_refuse(NULL, "x"), -EPERM);
	assert_int_equal(err_wrap(NULL, -EBUSY, "x"), -EBUSY);
}

static void test_err_long(void **state)
{
	struct err e = { 0 };
	char longer[2 * ERR_TEXT_MAX];

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(err_io(&e, -EIO, "%s", longer), -EIO);
	assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(err_wrap(&e, -EIO, "again"), -EIO);
	assert_true(str_starts(e.text, "again: again: again: xxx"));
	assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
	assert_int_equal(err_wrap(&e, -EIO, "%s", longer), -EIO);
	assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
}

/* ---- arenas ---- */

static void test_arena(void **state)
{
	(void)state;
	for (size_t i = 0; i < 5000; i++) {
		size_t size = i * 7 % 1000;
		unsigned char *memory = arena_alloc(&arena, size);

		assert_int_equal((uintptr_t)memory % alignof(max_align_t), 0);
		for (size_t k = 0; k < size; k++) {
			assert_int_equal(memory[k], 0);
			memory[k] = 0xa5;
		}
	}
	unsigned char *large = arena_alloc(&arena, (size_t)5 << 20);
	assert_int_equal(large[0], 0);
	assert_int_equal(large[((size_t)5 << 20) - 1], 0);
	large[((size_t)5 << 20) - 1] = 1;
	arena_free(&arena);
	arena_free(&arena);
	assert_non_null(arena_alloc(&arena, 0));
	assert_non_null(arena_array(&arena, 0, 8));
}

static void test_arena_copies(void **state)
{
	(void)state;
	assert_string_equal(arena_strdup(&arena, "text"), "text");
	assert_string_equal(arena_strndup(&arena, "text", 2), "te");
	assert_string_equal(arena_strndup(&arena, "te", 10), "te");
	assert_string_equal(arena_concat(&arena, "ab", "cd"), "abcd");
	assert_string_equal(arena_concat(&arena, "", ""), "");
	assert_memory_equal(arena_memdup(&arena, "a\0b", 3), "a\0b", 4);
	assert_string_equal(arena_memdup(&arena, NULL, 0), "");
}

/* Every length around the end of every block, and zeroed memory after it. */
static void test_arena_printf(void **state)
{
	(void)state;
	for (int n = 0; n < 3000; n++) {
		char *text = arena_printf(&arena, "%*s|", n, "x");
		char *next = arena_alloc(&arena, 64);

		assert_int_equal(strlen(text), (n < 1 ? 1 : n) + 1);
		for (size_t i = 0; i < 64; i++)
			assert_int_equal(next[i], 0);
		memset(next, 0xa5, 64);
	}
	char *large = arena_printf(&arena, "%*s", 3 << 20, "x");
	assert_int_equal(strlen(large), 3 << 20);
	assert_string_equal(arena_printf(&arena, "%s", ""), "");
}

static void test_arena_too_large(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		pid_t child = fork();
		if (child == 0) {
			(void)!freopen("/dev/null", "w", stderr);
			if (i)
				arena_alloc(&arena, SIZE_MAX - 8);
			else
				arena_array(&arena, SIZE_MAX / 2, 3);
			_exit(0);
		}
		int status;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 3);
	}
}

/* ---- libraries ---- */

static void test_dl(void **state)
{
	void *address = NULL;
	const struct dl_symbol missing = { "no_such_symbol_at_all", &address };
	const struct dl_symbol there = { "strlen", &address };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(dl_load("libnothing.so.99", &there, 1, &e), -ENOENT);
	assert_string_equal(e.text, "this needs libnothing.so.99, which is not installed");
	assert_int_equal(dl_load("libc.so.6", &missing, 1, &e), -ENXIO);
	assert_int_equal(dl_load("libc.so.6", &there, 1, &e), 0);
	assert_non_null(address);
	assert_int_equal(dl_load("libnothing.so.99", &there, 1, &e), 0);
}

#define TEST(name) cmocka_unit_test_teardown(test_##name, free_arena)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(number),
		TEST(no_number),
		TEST(hex_prefix),
		TEST(trimmed),
		TEST(lines),
		TEST(size),
		TEST(count_and_join),
		TEST(shell_word),
		TEST(err),
		TEST(err_without_place),
		TEST(err_long),
		TEST(arena),
		TEST(arena_copies),
		TEST(arena_printf),
		TEST(arena_too_large),
		TEST(dl),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
