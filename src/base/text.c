// SPDX-License-Identifier: MIT
// strtoull() takes signs, blanks and trailing bytes; what comes from a kernel file or a user must
// not.

#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

int text_number(const char *text, int base, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (base == 0) {
		base = 10;
		if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
			base = 16;
			text += 2;
		}
	}
	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		int digit = digit_value(*text);
		if (digit >= base)
			return -EINVAL;
		if (__builtin_mul_overflow(value, (uint64_t)base, &value) ||
		    __builtin_add_overflow(value, (uint64_t)digit, &value))
			return -ERANGE;
	}
	if (value > max)
		return -ERANGE;
	*ret = value;
	return 0;
}

size_t text_hex_prefix(const char *text, size_t max_digits, uint64_t *ret)
{
	uint64_t value = 0;
	size_t n = 0;

	for (; n < max_digits && digit_value(text[n]) < 16; n++)
		value = value << 4 | (uint64_t)digit_value(text[n]);
	*ret = value;
	return n;
}

char *text_trimmed(struct arena *a, struct bytes data)
{
	size_t n = strnlen(data.data, data.n);

	while (n > 0 && isspace((unsigned char)data.data[n - 1]))
		n--;
	return arena_strndup(a, data.data, n);
}

bool text_next_line(const char **rest, const char **ret_line, size_t *ret_n)
{
	if (!**rest)
		return false;
	size_t n = strcspn(*rest, "\n");
	*ret_line = *rest;
	*ret_n = n;
	*rest += n;
	if (**rest == '\n')
		(*rest)++;
	return true;
}

const char *text_next_word(struct arena *a, const char **text)
{
	*text += strspn(*text, " \t");
	size_t n = strcspn(*text, " \t");
	if (n == 0)
		return NULL;
	const char *word = arena_strndup(a, *text, n);
	*text += n;
	return word;
}

const char *text_last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

const char *text_size(struct arena *a, uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	size_t unit = 0;
	uint64_t whole = bytes, tenths = 0;

	while (whole >= 1024) {
		tenths = whole % 1024 * 10 / 1024;
		whole /= 1024;
		unit++;
	}
	if (tenths)
		return arena_printf(a, "%" PRIu64 ".%" PRIu64 " %s", whole, tenths, units[unit]);
	return arena_printf(a, "%" PRIu64 " %s", whole, units[unit]);
}

const char *text_time(struct arena *a, uint64_t seconds)
{
	if (seconds < 120)
		return arena_printf(a, "%" PRIu64 " s", seconds);
	if (seconds < 120 * 60)
		return arena_printf(a, "%" PRIu64 " min", seconds / 60);
	return arena_printf(a, "%" PRIu64 " h %" PRIu64 " min", seconds / 3600,
			    seconds % 3600 / 60);
}

const char *text_count(struct arena *a, size_t n, const char *singular, const char *plural)
{
	return arena_printf(a, "%zu %s", n, n == 1 ? singular : plural);
}

char *text_join(struct arena *a, const char *const *strings, size_t n, const char *separator)
{
	size_t total = 0, gap = strlen(separator);

	for (size_t i = 0; i < n; i++)
		total += strlen(strings[i]) + gap;
	char *joined = arena_alloc(a, total + 1), *end = joined;
	for (size_t i = 0; i < n; i++) {
		if (i)
			end = stpcpy(end, separator);
		end = stpcpy(end, strings[i]);
	}
	return joined;
}

const char *const *text_list(struct arena *a, ...)
{
	va_list args, again;
	size_t n = 0;

	va_start(args, a);
	va_copy(again, args);
	while (va_arg(args, const char *))
		n++;
	const char **list = arena_array(a, n + 1, sizeof(*list));
	for (size_t i = 0; i < n; i++)
		list[i] = va_arg(again, const char *);
	va_end(again);
	va_end(args);
	return list;
}

const char *text_shell_word(struct arena *a, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "@%+=:,./-_";
	size_t quotes = 0;

	if (*text && text[strspn(text, plain)] == '\0')
		return text;
	for (const char *c = text; *c; c++)
		quotes += *c == '\'';
	char *word = arena_alloc(a, strlen(text) + quotes * 3 + 3), *end = word;
	*end++ = '\'';
	for (const char *c = text; *c; c++) {
		if (*c == '\'')
			end = stpcpy(end, "'\\''");
		else
			*end++ = *c;
	}
	*end = '\'';
	return word;
}
