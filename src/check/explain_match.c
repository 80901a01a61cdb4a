// SPDX-License-Identifier: MIT
// Which entry explains a line.
//
// A pattern is literal text with placeholders, compiled once into tokens. Matching takes every
// placeholder as far as the literal behind it and never goes back, so its cost is bounded by the
// length of the line; what that gives up against regular expressions no message here needs.
//
// Hardly any line of a log matches anything, so eight bytes of each pattern, the rarest of its
// literals by a rough measure, stand in a filter of 64 Kibit: one multiplication and one look per
// byte of the log decide that there is nothing to do.

#include "base/text.h"
#include "check/explain_internal.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>

#define GRAM 8
#define TOKENS_MAX 16
#define SLOTS 2048 /* a power of two, several times the number of patterns */
#define FILTER_BITS 16
#define TEXT_MAX 512 /* what %{text} may span */
#define STARTS_MAX 32

enum syntax { SYNTAX_ADDRESS, SYNTAX_DIGITS, SYNTAX_HEX, SYNTAX_NAME, SYNTAX_WORD, SYNTAX_TEXT };

static const struct explain_placeholder placeholders[] = {
	{ "address", SYNTAX_ADDRESS, true, true }, { "group", SYNTAX_DIGITS, true, true },
	{ "driver", SYNTAX_NAME, true, true },     { "module", SYNTAX_NAME, true, true },
	{ "parameter", SYNTAX_WORD, true, true },  { "domain", SYNTAX_TEXT, true, true },
	{ "path", SYNTAX_WORD, true, true },       { "device", SYNTAX_WORD, true, true },
	{ "task", SYNTAX_WORD, true, true },       { "bar", SYNTAX_DIGITS, true, true },
	{ "access", SYNTAX_WORD, true, false },    { "iova", SYNTAX_HEX, true, false },
	{ "flags", SYNTAX_HEX, true, false },      { "bytes", SYNTAX_DIGITS, true, false },
	{ "reason", SYNTAX_TEXT, true, false },    { "number", SYNTAX_DIGITS, false, false },
	{ "hex", SYNTAX_HEX, false, false },       { "word", SYNTAX_WORD, false, false },
	{ "text", SYNTAX_TEXT, false, false },
};

/* A literal when placeholder is NULL. */
struct token {
	const struct explain_placeholder *placeholder;
	const char *text;
	size_t n;
};

struct pattern {
	const struct explain_entry *entry;
	size_t order;
	struct token tokens[TOKENS_MAX];
	size_t n;
	struct pattern *same_gram;
	size_t tried; /* the line it was last tried on */
};

struct slot {
	uint64_t gram;
	struct pattern *patterns; /* NULL: free */
};

struct explain_matcher {
	size_t n_entries;
	size_t line;
	uint8_t filter[(1 << FILTER_BITS) / 8];
	struct slot slots[SLOTS];
};

static uint64_t gram_at(const char *text)
{
	uint64_t gram;

	memcpy(&gram, text, sizeof(gram));
	return gram;
}

static uint32_t gram_hash(uint64_t gram)
{
	return (uint32_t)((gram * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - FILTER_BITS));
}

/* ---- patterns ---- */

const struct explain_placeholder *explain_placeholder(const char *text, size_t *ret_n)
{
	if (text[0] != '%' || text[1] != '{')
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(placeholders); i++) {
		size_t n = strlen(placeholders[i].name);
		if (strncmp(text + 2, placeholders[i].name, n) == 0 && text[2 + n] == '}') {
			*ret_n = n + 3;
			return &placeholders[i];
		}
	}
	return NULL;
}

static bool parse(struct pattern *p, const char *text)
{
	while (*text) {
		struct token token = { .text = text };

		token.placeholder = explain_placeholder(text, &token.n);
		if (!token.placeholder) {
			do
				token.n++;
			while (text[token.n] && strncmp(text + token.n, "%{", 2) != 0);
			if (strncmp(text, "%{", 2) == 0)
				return false;
		}
		if (p->n == TOKENS_MAX)
			return false;
		p->tokens[p->n++] = token;
		text += token.n;
	}
	return p->n > 0 && !p->tokens[0].placeholder;
}

/* How common the bytes are in logs, roughly: small letters most, capitals and signs least. */
static int commonness(const char *gram)
{
	int sum = 0;

	for (size_t i = 0; i < GRAM; i++)
		sum += strchr(" etaoinsr", gram[i]) ? 3 : islower((unsigned char)gram[i]) ? 2 : 1;
	return sum;
}

static const char *rarest_gram(const struct pattern *p)
{
	const char *rarest = NULL;
	int lowest = INT_MAX;

	for (size_t i = 0; i < p->n; i++) {
		const struct token *token = &p->tokens[i];
		for (size_t at = 0; !token->placeholder && at + GRAM <= token->n; at++) {
			int common = commonness(token->text + at);
			if (common < lowest) {
				lowest = common;
				rarest = token->text + at;
			}
		}
	}
	return rarest;
}

static struct slot *slot_of(struct explain_matcher *m, uint64_t gram)
{
	size_t i = gram_hash(gram) % SLOTS;

	while (m->slots[i].patterns && m->slots[i].gram != gram)
		i = (i + 1) % SLOTS;
	return &m->slots[i];
}

static void add(struct explain_matcher *m, struct arena *a, const struct explain_entry *entry,
		const char *text)
{
	struct pattern *p = arena_alloc(a, sizeof(*p));
	const char *rarest;

	if (!parse(p, text) || !(rarest = rarest_gram(p)))
		abort();
	p->entry = entry;
	p->order = m->n_entries;
	uint64_t gram = gram_at(rarest);
	uint32_t hash = gram_hash(gram);
	m->filter[hash / 8] |= (uint8_t)(1u << hash % 8);
	struct slot *slot = slot_of(m, gram);
	slot->gram = gram;
	p->same_gram = slot->patterns;
	slot->patterns = p;
}

struct explain_matcher *explain_matcher_new(struct arena *a, const struct explain_table *tables)
{
	struct explain_matcher *m = arena_alloc(a, sizeof(*m));

	for (const struct explain_table *table = tables; table->entries; table++) {
		for (const struct explain_entry *e = table->entries; e->id; e++) {
			for (size_t i = 0; i < EXPLAIN_PATTERNS_MAX && e->patterns[i]; i++)
				add(m, a, e, e->patterns[i]);
			m->n_entries++;
		}
	}
	return m;
}

size_t explain_matcher_size(const struct explain_matcher *m)
{
	return m->n_entries;
}

/* ---- matching ---- */

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("_.+:@/-", c));
}

static size_t span_hex(const char *text, size_t n)
{
	size_t i = n > 1 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 2 : 0;
	size_t begin = i;

	while (i < n && isxdigit((unsigned char)text[i]))
		i++;
	return i > begin ? i : 0;
}

static size_t span_digits(const char *text, size_t n)
{
	size_t i = 0;

	while (i < n && isdigit((unsigned char)text[i]))
		i++;
	return i;
}

/* Up to where @stop begins, or the syntax or @n ends; SIZE_MAX when @stop does not follow. */
static size_t span_until(uint8_t syntax, const char *text, size_t n, const struct token *stop)
{
	size_t i = 0;

	if (syntax == SYNTAX_TEXT) {
		n = n < TEXT_MAX ? n : TEXT_MAX;
		const char *found = stop ? memmem(text, n, stop->text, stop->n) : NULL;
		return !stop ? n : found ? (size_t)(found - text) : SIZE_MAX;
	}
	for (; i < n; i++) {
		if (stop && i > 0 && n - i >= stop->n && memcmp(text + i, stop->text, stop->n) == 0)
			return i;
		if (syntax == SYNTAX_NAME ? !is_name(text[i]) : (unsigned char)text[i] <= ' ')
			break;
	}
	return stop || i == 0 ? SIZE_MAX : i;
}

static size_t span(const struct token *token, const struct token *next, const char *text, size_t n)
{
	char address[EXPLAIN_ADDRESS_MAX];
	size_t used;

	switch (token->placeholder->syntax) {
	case SYNTAX_ADDRESS:
		used = explain_address(text, n, address);
		break;
	case SYNTAX_DIGITS:
		used = span_digits(text, n);
		break;
	case SYNTAX_HEX:
		used = span_hex(text, n);
		break;
	default:
		return span_until(token->placeholder->syntax, text, n, next);
	}
	return used ? used : SIZE_MAX;
}

/* Whether the tokens behind the first one fit @text, which follows it; takes what they stand for.
 */
static bool fits(const struct pattern *p, const char *text, size_t n, struct explain_match *ret)
{
	ret->n_pieces = 0;
	ret->address[0] = '\0';
	for (size_t i = 1; i < p->n; i++) {
		const struct token *token = &p->tokens[i];
		const struct explain_placeholder *placeholder = token->placeholder;
		size_t used = token->n;

		if (placeholder)
			used = span(token, i + 1 < p->n ? token + 1 : NULL, text, n);
		if (used > n || (!placeholder && memcmp(text, token->text, used) != 0))
			return false;
		if (placeholder && placeholder->syntax == SYNTAX_ADDRESS && !ret->address[0])
			(void)explain_address(text, n, ret->address);
		else if (placeholder && placeholder->captured &&
			 ret->n_pieces < EXPLAIN_CAPTURES_MAX)
			ret->pieces[ret->n_pieces++] =
				(struct explain_piece){ placeholder, text, used };
		text += used;
		n -= used;
	}
	/* Neither word nor number may go on. */
	const struct token *last = &p->tokens[p->n - 1];
	return n == 0 || last->placeholder || !is_word(last->text[last->n - 1]) || !is_word(*text);
}

/* The whole address nearest before @at, else the first behind it. */
static void find_address(const char *line, size_t n, size_t at, char ret[EXPLAIN_ADDRESS_MAX])
{
	char address[EXPLAIN_ADDRESS_MAX];

	for (size_t i = 0; i < n && (i < at || !ret[0]); i++) {
		if (!isxdigit((unsigned char)line[i]) || (i > 0 && is_word(line[i - 1])))
			continue;
		size_t digits = span_hex(line + i, n - i);
		if (digits < 4 || i + digits >= n || line[i + digits] != ':')
			continue;
		if (explain_address(line + i, n - i, address))
			memcpy(ret, address, sizeof(address));
	}
}

static bool matches(const struct pattern *p, const char *line, size_t n, struct explain_match *ret)
{
	const struct token *first = &p->tokens[0];
	const char *at = line, *end = line + n;

	for (size_t i = 0; i < STARTS_MAX; i++) {
		at = memmem(at, (size_t)(end - at), first->text, first->n);
		if (!at)
			return false;
		const char *behind = at + first->n;
		bool begins = at == line || !is_word(first->text[0]) || !is_word(at[-1]);
		if (begins && fits(p, behind, (size_t)(end - behind), ret)) {
			if (p->entry->about_host) {
				ret->address[0] = '\0';
				ret->n_pieces = 0;
			} else if (!ret->address[0]) {
				find_address(line, n, (size_t)(at - line), ret->address);
			}
			ret->entry = p->entry;
			ret->order = p->order;
			return true;
		}
		at++;
	}
	return false;
}

/* Specific before general, then in the order of the tables. */
static bool is_better(const struct explain_match *a, const struct explain_match *b)
{
	if (a->entry->general != b->entry->general)
		return b->entry->general;
	return a->order < b->order;
}

static void take(struct explain_match *best, const struct explain_match *match)
{
	const struct explain_entry *loser = match->entry;

	if (!best->entry || is_better(match, best)) {
		loser = best->entry;
		const struct explain_entry *also = best->also;
		*best = *match;
		best->also = also;
	}
	if (loser && loser != best->entry && loser->general == best->entry->general)
		best->also = loser;
}

bool explain_matcher_line(struct explain_matcher *m, const char *line, size_t n,
			  struct explain_match *ret)
{
	struct explain_match match = { 0 };

	*ret = match;
	m->line++;
	for (size_t i = 0; i + GRAM <= n; i++) {
		uint64_t gram = gram_at(line + i);
		uint32_t hash = gram_hash(gram);

		if (!(m->filter[hash / 8] >> hash % 8 & 1))
			continue;
		for (struct pattern *p = slot_of(m, gram)->patterns; p; p = p->same_gram) {
			if (p->tried == m->line)
				continue;
			p->tried = m->line;
			if (matches(p, line, n, &match))
				take(ret, &match);
		}
	}
	if (ret->also && ret->also->general != ret->entry->general)
		ret->also = NULL;
	return ret->entry;
}
