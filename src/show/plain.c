// SPDX-License-Identifier: MIT
// Text is UTF-8 in and out whatever the locale says: files of the kernel and the hardware
// database are, and so are terminals, also where a script left LANG=C. The locale (LC_CTYPE, see
// doc_render_text) only tells the width of characters beyond ASCII, through wcwidth(3).

#include "show/plain.h"

#include <stdbool.h>
#include <string.h>
#include <wchar.h>

static bool is_ascii_print(char c)
{
	return c >= ' ' && c <= '~';
}

size_t utf8_decode(const char *text, uint32_t *ret)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *at = (const unsigned char *)text;
	size_t n;
	uint32_t c;

	if (at[0] < 0x80) {
		*ret = at[0];
		return 1;
	}
	if (at[0] >= 0xf8 || at[0] < 0xc0)
		return 0;
	n = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	c = at[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (at[i] & 0x3f);
	}
	if (c < smallest[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return n;
}

/*
 * Controls that a terminal acts on (C0, DEL, C1), and those with which a name could make its
 * line read as something else: line separators and changes of the direction of writing.
 */
static bool is_unsafe(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x061c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static const char *plain_escaped(struct arena *a, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	char *copy = arena_alloc(a, strlen(text) * 4 + 1), *end = copy;

	while (*text) {
		uint32_t c = 0;
		size_t n = utf8_decode(text, &c);

		if (n > 0 && !is_unsafe(c)) {
			memcpy(end, text, n);
			end += n;
			text += n;
			continue;
		}
		for (size_t i = 0; i < (n ? n : 1); i++) {
			unsigned char byte = (unsigned char)*text++;
			*end++ = '\\';
			*end++ = 'x';
			*end++ = hex[byte >> 4];
			*end++ = hex[byte & 15];
		}
	}
	return copy;
}

const char *plain_text(struct arena *a, const char *text)
{
	const char *at = text;

	while (is_ascii_print(*at))
		at++;
	return *at ? plain_escaped(a, text) : text;
}

const char *plain_trimmed(struct arena *a, const char *text)
{
	const char *plain = plain_text(a, text);
	size_t n = strlen(plain);

	if (n == 0 || plain[n - 1] != ' ')
		return plain;
	while (n > 0 && plain[n - 1] == ' ')
		n--;
	return arena_strndup(a, plain, n);
}

size_t plain_start(const char *text, size_t limit, size_t *ret_width)
{
	const char *at = text;
	size_t width = 0;

	while (*at) {
		uint32_t c = 0;
		size_t n = utf8_decode(at, &c);
		int w = c < 0x7f ? 1 : wcwidth((wchar_t)c);

		if (w < 0)
			w = 1;
		if (width + (size_t)w > limit)
			break;
		width += (size_t)w;
		at += n;
	}
	*ret_width = width;
	return (size_t)(at - text);
}

size_t plain_width(const char *text)
{
	size_t width;

	plain_start(text, SIZE_MAX, &width);
	return width;
}
