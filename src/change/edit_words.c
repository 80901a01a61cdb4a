// SPDX-License-Identifier: MIT
// Words of a value: splitting, comparing, where new ones go and which bytes an old one takes with
// it. Kernel words as next_arg() and parse_args() split them (lib/cmdline.c, kernel/params.c):
// white space outside of double quotes separates, a parameter "--" without a value ends what is the
// kernel's, and names are compared with '-' as '_' (parameq()). White space is that of lib/ctype.c,
// where 0xa0 is a blank.

#include "base/text.h"
#include "change/edit.h"

#include <errno.h>

/* COMMAND_LINE_SIZE of x86, with the NUL: arch/x86/include/asm/setup.h */
#define KERNEL_LINE_MAX_BYTES 2048

struct word {
	size_t at, n; /* cooked */
};

struct split {
	struct word *words;
	size_t n, room;
	bool ends;      /* there is a "--" */
	size_t ends_at; /* and it stands here */
};

static bool is_blank(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xa0;
}

static bool separates(enum edit_kind kind, unsigned char c)
{
	return kind == EDIT_COMMA ? c == ',' || c == ' ' || c == '\t' : is_blank(c);
}

static bool dashed(enum edit_kind kind)
{
	return kind == EDIT_MODULE || kind == EDIT_COMMA;
}

/* ---- the words of a request ---- */

int edit_words_check(const struct names *words, struct err *e)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
		"_-.,:=+/@";

	if (words->n == 0)
		return err_usage(e, "there are no words to write");
	for (size_t i = 0; i < words->n; i++) {
		const char *word = words->name[i];
		if (!*word || word[strspn(word, allowed)])
			return err_usage(
				e,
				"\"%s\" is not written into boot configuration: only letters, "
				"digits and _-.,:=+/@ mean the same to every reader of it",
				word);
		if (word[strspn(word, "-")] == '\0')
			return err_usage(e, "\"%s\" is no parameter of the kernel", word);
	}
	return 0;
}

static bool same_unit(const struct edit_unit *a, const struct edit_unit *b)
{
	for (size_t i = 0; i < a->n && i < b->n; i++) {
		if (!str_eq(a->words[i], b->words[i]))
			return false;
	}
	return a->n == b->n;
}

/* admin-guide/mm/hugetlbpage.rst */
bool edit_is_pair(const struct names *words, size_t at)
{
	return at + 1 < words->n && str_starts(words->name[at], "hugepagesz=") &&
	       str_starts(words->name[at + 1], "hugepages=");
}

size_t edit_units(struct arena *a, enum edit_kind kind, const struct names *words,
		  struct edit_unit **ret)
{
	struct edit_unit *units = arena_array(a, words->n, sizeof(*units));
	size_t n = 0;

	for (size_t i = 0; i < words->n;) {
		struct edit_unit unit = { (const char *const *)words->name + i, 1 };
		if (kind == EDIT_KERNEL && edit_is_pair(words, i))
			unit.n = 2;
		i += unit.n;
		size_t k = 0;
		while (k < n && !same_unit(&units[k], &unit))
			k++;
		if (k == n)
			units[n++] = unit;
	}
	*ret = units;
	return n;
}

/* ---- splitting ---- */

static void add_word(struct arena *a, struct split *s, size_t at, size_t end)
{
	s->words = edit_grown(a, s->words, s->n, &s->room, sizeof(*s->words));
	s->words[s->n++] = (struct word){ at, end - at };
}

/* A word without the quotes that next_arg() takes off: those around it, or around its value. */
static const char *kernel_text(struct arena *a, const struct edit_value *v, const struct word *w)
{
	char *text = arena_strndup(a, (const char *)v->c + w->at, w->n), *value;
	size_t n = strlen(text);

	if (text[0] == '"') {
		if (n > 1 && text[n - 1] == '"')
			text[n - 1] = '\0';
		text++;
	}
	value = strchr(text, '=');
	if (!value || value[1] != '"')
		return text;
	memmove(value + 1, value + 2, strlen(value + 2) + 1);
	n = strlen(text);
	if (n > 0 && text[n - 1] == '"')
		text[n - 1] = '\0';
	return text;
}

static int split_value(const struct edit_file *f, const struct edit_value *v, struct split *ret)
{
	struct split s = { 0 };

	for (size_t i = 0; i < v->n;) {
		if (separates(v->kind, v->c[i])) {
			i++;
			continue;
		}
		size_t at = i;
		bool quoted = false;
		for (; i < v->n && (quoted || !separates(v->kind, v->c[i])); i++)
			quoted ^= v->kind == EDIT_KERNEL && v->c[i] == '"';
		struct word word = { at, i - at };
		if (v->kind == EDIT_KERNEL && str_eq(kernel_text(f->a, v, &word), "--")) {
			s.ends = true;
			s.ends_at = at;
			break;
		}
		if (quoted)
			return edit_refused(f, v->from[at],
					    "a double quote is open at the end, words behind it "
					    "would belong to it: close it first");
		add_word(f->a, &s, at, i);
	}
	*ret = s;
	return 0;
}

/* ---- comparing ---- */

static bool same_text(const char *a, const char *b, bool dashes_in_name, bool dashes)
{
	for (; *a && *b; a++, b++) {
		bool alike = dashes || dashes_in_name;
		char x = alike && *a == '-' ? '_' : *a, y = alike && *b == '-' ? '_' : *b;
		if (x != y)
			return false;
		if (x == '=')
			dashes_in_name = false;
	}
	return *a == *b;
}

/* @exactly: byte for byte, for what is taken away. */
static bool word_is(const struct edit_file *f, const struct edit_value *v, const struct word *w,
		    const char *text, bool exactly)
{
	if (exactly)
		return strlen(text) == w->n && memcmp(v->c + w->at, text, w->n) == 0;
	if (v->kind == EDIT_KERNEL)
		return same_text(kernel_text(f->a, v, w), text, true, false);
	return same_text(arena_strndup(f->a, (const char *)v->c + w->at, w->n), text, false,
			 dashed(v->kind));
}

/* The index of the last occurrence, or -1. */
static ssize_t last_of(const struct edit_file *f, const struct edit_value *v, const struct split *s,
		       const struct edit_unit *unit, bool exactly)
{
	for (size_t i = s->n; i-- > 0;) {
		size_t k = 0;
		while (k < unit->n && i + k < s->n &&
		       word_is(f, v, &s->words[i + k], unit->words[k], exactly))
			k++;
		if (k == unit->n)
			return (ssize_t)i;
	}
	return -1;
}

int edit_value_has(const struct edit_file *f, const struct edit_value *v,
		   const struct edit_unit *unit)
{
	struct split s;
	int r = split_value(f, v, &s);

	return r < 0 ? r : last_of(f, v, &s, unit, false) >= 0;
}

int edit_value_ends(const struct edit_file *f, const struct edit_value *v)
{
	struct split s;
	int r = split_value(f, v, &s);

	return r < 0 ? r : s.ends;
}

/* ---- changing ---- */

static const char *joined(struct arena *a, const struct edit_value *v, enum edit_context context,
			  const struct names *words)
{
	const char **texts = arena_array(a, words->n, sizeof(*texts));

	for (size_t i = 0; i < words->n; i++)
		texts[i] = context == EDIT_JSON ? arena_printf(a, "\"%s\"", words->name[i])
						: words->name[i];
	return text_join(a, texts, words->n, v->separator);
}

static int check_length(const struct edit_file *f, const struct edit_value *v, const char *with)
{
	size_t n = v->n + strlen(with);

	if (v->kind != EDIT_KERNEL || n < KERNEL_LINE_MAX_BYTES)
		return 0;
	return edit_error_at(f, v->line_at, -E2BIG,
			     "the kernel reads no more than 2047 bytes of its command line: take "
			     "words away that are not needed");
}

/* What quotes right behind would change: $" is one thing to bash, ~ stands for a folder. */
static int check_unquoted_end(const struct edit_file *f, const struct edit_value *v, size_t at)
{
	size_t i = v->n;
	bool changes = v->c[i - 1] == '$' && f->text[at - 1] == '$';

	while (i > 0 && v->c[i - 1] != '/' && v->context[i - 1] == EDIT_UNQUOTED) {
		i--;
		changes |= v->c[i] == '~';
	}
	return changes ? edit_refused(f, at - 1,
				      "quotes behind it would change what this means: "
				      "put it into quotes first")
		       : 0;
}

int edit_value_insert(const struct edit_file *f, const struct edit_value *v,
		      const struct names *words, struct edit_patch *ret)
{
	enum edit_context context;
	struct split s;
	int r = split_value(f, v, &s);

	if (r < 0)
		return r;
	if (s.n == 0 && v->appends)
		return edit_refused(
			f, v->line_at,
			"nothing of the kernel's is appended here: take the line away, or "
			"give it a word of your own");
	if (s.n > 0) {
		const struct word *last = &s.words[s.n - 1];
		size_t i = last->at + last->n - 1;
		context = v->context[i];
		*ret = (struct edit_patch){ v->to[i], 0,
					    arena_concat(f->a, v->separator,
							 joined(f->a, v, context, words)) };
	} else if (s.ends) {
		context = v->context[s.ends_at];
		if (context == EDIT_UNQUOTED)
			return edit_refused(f, v->from[s.ends_at],
					    "the value begins with --: put it into quotes first");
		*ret = (struct edit_patch){ v->from[s.ends_at], 0,
					    arena_concat(f->a, joined(f->a, v, context, words),
							 " ") };
	} else {
		context = v->empty_context;
		/* the blank says that the quotes are ours, see edit_value_take() */
		*ret = (struct edit_patch){ v->empty_at, 0,
					    arena_concat(f->a, context == EDIT_UNQUOTED ? " " : "",
							 joined(f->a, v, context, words)) };
	}
	if (context == EDIT_UNQUOTED && v->n > 0) {
		r = check_unquoted_end(f, v, ret->at);
		if (r < 0)
			return r;
	}
	if (context == EDIT_UNQUOTED)
		ret->with = arena_printf(f->a, "\"%s\"", ret->with);
	return check_length(f, v, ret->with);
}

/* Whether the cooked bytes stand side by side in the file, under the same quoting. */
static bool is_solid(const struct edit_value *v, size_t at, size_t end)
{
	for (size_t i = at + 1; i < end; i++) {
		if (v->from[i] != v->to[i - 1] || v->context[i] != v->context[at])
			return false;
	}
	return true;
}

int edit_value_take(const struct edit_file *f, const struct edit_value *v,
		    const struct edit_unit *unit, struct edit_patch *ret)
{
	struct split s;
	int r = split_value(f, v, &s);
	ssize_t i = r < 0 ? -1 : last_of(f, v, &s, unit, true);

	if (i < 0)
		return r;
	size_t first = (size_t)i, last = first + unit->n - 1;
	size_t at = s.words[first].at, end = s.words[last].at + s.words[last].n;
	bool before = at > 0 && separates(v->kind, v->c[at - 1]) && is_solid(v, at - 1, end);

	if (!is_solid(v, at, end))
		return edit_refused(f, v->from[at],
				    "the words that are to go are quoted piece by piece: take them "
				    "away by hand");
	if (v->own_line && s.n == unit->n && !s.ends) {
		*ret = edit_line_gone(f, v->line_at);
		return 1;
	}
	if (before)
		at--;
	else if (end < v->n && (last + 1 < s.n || s.ends) && is_solid(v, at, end + 1))
		end++;
	*ret = (struct edit_patch){ v->from[at], v->to[end - 1] - v->from[at], "" };
	/* quotes that edit_value_insert() put around its words go with the last of them */
	if (before && v->context[at] == EDIT_DOUBLE && ret->at > 0 && f->text[ret->at - 1] == '"' &&
	    f->text[ret->at + ret->n] == '"') {
		ret->at--;
		ret->n += 2;
	}
	return 1;
}
