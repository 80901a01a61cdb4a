/* SPDX-License-Identifier: MIT */
/* Strict reading of numbers and lines, and the few string operations libc lacks. */
#pragma once

#include "base/arena.h"
#include "base/root.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline bool str_eq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* As str_eq(); NULL is the same as NULL only. */
static inline bool str_same(const char *a, const char *b)
{
	return a && b ? str_eq(a, b) : a == b;
}

static inline bool str_starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/*
 * The whole of @text as a number: digits only, no sign, no blanks around them.
 * @base 0 accepts a 0x prefix. 0, -EINVAL when it is no such number, -ERANGE above @max.
 */
MUST_CHECK int text_number(const char *text, int base, uint64_t max, uint64_t *ret);

/*
 * Hex digits at the start of @text, at most @max_digits. Returns how many were used, 0 when
 * there is none.
 */
size_t text_hex_prefix(const char *text, size_t max_digits, uint64_t *ret);

/* @data without trailing white space, as a string of the arena; stops at an embedded NUL. */
char *text_trimmed(struct arena *a, struct bytes data);

/*
 * The next line of a text, without its newline. Start with *@rest = the text; false at its end.
 * *@ret_line is not terminated by NUL: use *@ret_n.
 */
bool text_next_line(const char **rest, const char **ret_line, size_t *ret_n);

/*
 * The word at *@text, behind blanks and tabs, which is moved behind it; NULL at its end. Copied.
 */
const char *text_next_word(struct arena *a, const char **text);

/* What stands behind the last slash of a path. */
const char *text_last_part(const char *path);

/* "4 KiB", "16 MiB", "1.5 GiB": binary units, at most one decimal. */
const char *text_size(struct arena *a, uint64_t bytes);

/* "90 s", "30 min", "2 h 10 min": exact below two minutes, then without the rest. */
const char *text_time(struct arena *a, uint64_t seconds);

/* "1 function", "2 functions". */
const char *text_count(struct arena *a, size_t n, const char *singular, const char *plural);

/* The strings with @separator between them. */
char *text_join(struct arena *a, const char *const *strings, size_t n, const char *separator);

/* The strings up to NULL, not copied, with NULL behind them: argument vectors, lists of paths. */
const char *const *text_list(struct arena *a, ...) __attribute__((sentinel));

/*
 * @text as one word of a POSIX shell: unchanged when it needs no quoting. For showing
 * command lines to people; nothing is ever run through a shell.
 */
const char *text_shell_word(struct arena *a, const char *text);
