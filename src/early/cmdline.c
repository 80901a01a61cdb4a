// SPDX-License-Identifier: MIT
// The one switch. Words are cut as next_arg() of lib/cmdline.c cuts them: a quote begins or ends a
// part in which blanks do not count, anywhere in a word; one pair around the word or around its
// value is no part of it; nothing escapes a quote. parse_args() of kernel/params.c ends at "--".

#include "early/early.h"

#include <string.h>

#define NAME "passthru.boot="

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static size_t word_length(const char *text, size_t n)
{
	bool quoted = false;
	size_t i = 0;

	for (; i < n && (quoted || !is_blank(text[i])); i++) {
		if (text[i] == '"')
			quoted = !quoted;
	}
	return i;
}

/* Takes one quote off both ends; the kernel wants none at the end. */
static void unquote(const char **word, size_t *n)
{
	if (*n == 0 || **word != '"')
		return;
	(*word)++;
	(*n)--;
	if (*n && (*word)[*n - 1] == '"')
		(*n)--;
}

bool early_is_asked(const char *text, size_t n)
{
	bool asked = false;

	n = strnlen(text, n);
	for (size_t at = 0; at < n;) {
		if (is_blank(text[at])) {
			at++;
			continue;
		}
		const char *word = text + at;
		size_t length = word_length(word, n - at);
		at += length;
		unquote(&word, &length);
		if (length == 2 && memcmp(word, "--", 2) == 0)
			break;
		if (length < strlen(NAME) || memcmp(word, NAME, strlen(NAME)) != 0)
			continue;
		word += strlen(NAME);
		length -= strlen(NAME);
		unquote(&word, &length);
		asked = length == 1 && *word == '1';
	}
	return asked;
}
