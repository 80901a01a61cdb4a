// SPDX-License-Identifier: MIT
// Words of a shell: quoting and expansions, skipped as dash and bash both read them (POSIX, XCU 2.2
// and 2.6). Where the two differ, or where reading on would need all of the grammar (a case or
// a comment inside of a command substitution), the file is refused instead.

#include "base/text.h"
#include "change/edit_shell.h"

static char at_of(const struct shell *s, size_t at)
{
	return at < s->f->n ? s->f->text[at] : '\0';
}

static bool is_name_start(char c)
{
	return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name_char(char c)
{
	return is_name_start(c) || (c >= '0' && c <= '9');
}

size_t shell_fail(struct shell *s, size_t at, const char *why)
{
	if (s->error == 0)
		s->error = edit_refused(s->f, at, why);
	return s->f->n;
}

void shell_note(struct shell *s, struct shell_event event)
{
	if (s->quiet)
		return;
	s->events = edit_grown(s->f->a, s->events, s->n_events, &s->room, sizeof(event));
	s->events[s->n_events++] = event;
}

size_t shell_name_end(const struct shell *s, size_t at)
{
	if (!is_name_start(at_of(s, at)))
		return at;
	while (is_name_char(at_of(s, at)))
		at++;
	return at;
}

bool shell_is_name(const struct shell *s, size_t at, size_t end)
{
	return end - at == s->n_name && memcmp(s->f->text + at, s->name, s->n_name) == 0;
}

bool shell_mentions(const struct shell *s, size_t at, size_t end)
{
	while (at < end) {
		size_t name_end = at;
		while (name_end < end && is_name_char(s->f->text[name_end]))
			name_end++;
		if (name_end > at && shell_is_name(s, at, name_end))
			return true;
		at = name_end > at ? name_end : at + 1;
	}
	return false;
}

size_t shell_assigned(const struct shell *s, size_t at, size_t end, size_t *ret_name_end,
		      bool *ret_append)
{
	const char *t = s->f->text;
	size_t i = shell_name_end(s, at);

	*ret_name_end = i;
	*ret_append = false;
	if (i == at)
		return 0;
	if (s->bash && i < end && t[i] == '[') {
		const char *close = memchr(t + i, ']', end - i);
		if (!close)
			return 0;
		i = (size_t)(close - t) + 1;
		*ret_name_end = i;
	}
	if (i + 1 < end && t[i] == '+' && t[i + 1] == '=') {
		*ret_append = true;
		i++;
	}
	return i < end && t[i] == '=' ? i + 1 : 0;
}

size_t shell_skip_comment(const struct shell *s, size_t at)
{
	while (at < s->f->n && s->f->text[at] != '\n')
		at++;
	return at;
}

size_t shell_skip_blanks(const struct shell *s, size_t at)
{
	for (;;) {
		char c = at_of(s, at);
		if (c == ' ' || c == '\t')
			at++;
		else if (c == '\\' && at_of(s, at + 1) == '\n')
			at += 2;
		else
			return at;
	}
}

/* ---- quotes ---- */

size_t shell_skip_single(struct shell *s, size_t at)
{
	const char *close = memchr(s->f->text + at + 1, '\'', s->f->n - at - 1);

	if (!close)
		return shell_fail(s, at, "a single quote is not closed");
	return (size_t)(close - s->f->text) + 1;
}

static size_t skip_double(struct shell *s, size_t at)
{
	size_t open = at++;

	while (at < s->f->n && s->f->text[at] != '"') {
		char c = s->f->text[at];
		if (c == '\\')
			at += 2;
		else if (c == '$')
			at = shell_skip_dollar(s, at, true);
		else if (c == '`')
			at = shell_skip_backquote(s, at);
		else
			at++;
	}
	return at < s->f->n ? at + 1 : shell_fail(s, open, "a double quote is not closed");
}

size_t shell_skip_backquote(struct shell *s, size_t at)
{
	size_t open = at++;

	while (at < s->f->n && s->f->text[at] != '`')
		at += s->f->text[at] == '\\' ? 2 : 1;
	if (at >= s->f->n)
		return shell_fail(s, open, "a backquote is not closed");
	if (shell_mentions(s, open, at))
		shell_note(s, (struct shell_event){ SHELL_READ, open });
	return at + 1;
}

/* ---- expansions ---- */

static bool begins_word(const struct shell *s, size_t at)
{
	return strchr(" \t\n;|&(", s->f->text[at - 1]) != NULL;
}

/* A command substitution or an arithmetic expansion, from its parenthesis. */
static size_t skip_parens(struct shell *s, size_t at)
{
	size_t open = at, level = 0;

	while (at < s->f->n && s->error == 0) {
		const char *t = s->f->text + at;
		size_t name_end = shell_name_end(s, at);
		if (begins_word(s, at) &&
		    (*t == '#' || (name_end - at == 4 && str_starts(t, "case"))))
			return shell_fail(
				s, at,
				"a comment or a case inside of a command substitution is not "
				"read: move it out of there");
		if (name_end > at) {
			if (shell_is_name(s, at, name_end))
				shell_note(s, (struct shell_event){ SHELL_READ, at });
			at = name_end;
		} else if (*t == '\\') {
			at += 2;
		} else if (*t == '\'') {
			at = shell_skip_single(s, at);
		} else if (*t == '"') {
			at = skip_double(s, at);
		} else if (*t == '$') {
			at = shell_skip_dollar(s, at, false);
		} else if (*t == '`') {
			at = shell_skip_backquote(s, at);
		} else if (*t == '<' && t[1] == '<') {
			return shell_fail(s, at,
					  "a here-document inside of a command substitution is "
					  "not read: move it out of there");
		} else {
			level += *t == '(';
			level -= *t == ')';
			at++;
			if (level == 0)
				return at;
		}
	}
	return shell_fail(s, open, "a parenthesis is not closed");
}

static void note_parameter(struct shell *s, size_t at)
{
	bool length = at_of(s, at) == '#' || at_of(s, at) == '!';
	size_t name = at + length, end = shell_name_end(s, name);

	if (at_of(s, at) == '!') /* through another variable: of which name, is not known */
		shell_note(s, (struct shell_event){ SHELL_READ, at });
	if (end == name || !shell_is_name(s, name, end))
		return;
	shell_note(s, (struct shell_event){ SHELL_READ, at });
	end += at_of(s, end) == ':';
	if (at_of(s, end) == '=')
		shell_note(s, (struct shell_event){ .what = SHELL_UNSURE,
						    .at = at,
						    .why = "an expansion gives it a default" });
}

static size_t skip_braces(struct shell *s, size_t at, bool in_double)
{
	size_t open = at++;

	note_parameter(s, at);
	while (at < s->f->n && s->f->text[at] != '}') {
		char c = s->f->text[at];
		if (in_double && (c == '\'' || c == '"'))
			return shell_fail(
				s, at,
				"quotes inside of a quoted expansion mean different things "
				"to different shells: take them out");
		if (c == '\\')
			at += 2;
		else if (c == '\'')
			at = shell_skip_single(s, at);
		else if (c == '"')
			at = skip_double(s, at);
		else if (c == '$')
			at = shell_skip_dollar(s, at, in_double);
		else if (c == '`')
			at = shell_skip_backquote(s, at);
		else
			at++;
	}
	return at < s->f->n ? at + 1 : shell_fail(s, open, "a brace is not closed");
}

/* bash's $'...', where a backslash protects the quote */
static size_t skip_escaped(struct shell *s, size_t at)
{
	size_t open = at;

	if (!s->bash)
		return shell_fail(s, at, "$'...' is read by bash only: use other quotes");
	for (at += 2; at < s->f->n && s->f->text[at] != '\'';)
		at += s->f->text[at] == '\\' ? 2 : 1;
	return at < s->f->n ? at + 1 : shell_fail(s, open, "a single quote is not closed");
}

size_t shell_skip_dollar(struct shell *s, size_t at, bool in_double)
{
	char next = at_of(s, at + 1);
	size_t end = shell_name_end(s, at + 1);

	if (++s->depth > SHELL_DEPTH_MAX)
		return shell_fail(s, at, "expansions are nested too deeply");
	if (end > at + 1) {
		if (shell_is_name(s, at + 1, end))
			shell_note(s, (struct shell_event){ SHELL_READ, at });
	} else if (next == '(') {
		end = skip_parens(s, at + 1);
	} else if (next == '{') {
		end = skip_braces(s, at + 1, in_double);
	} else if (next == '\'' && !in_double) {
		end = skip_escaped(s, at);
	} else if (next == '[') {
		end = shell_fail(s, at, "$[ means different things to different shells: use $((");
	} else if (next && strchr("0123456789@*#?-$!", next)) {
		end = at + 2;
	} else {
		end = at + 1;
	}
	s->depth--;
	return end;
}

/* ---- words ---- */

/* bash's list in parentheses, from the first of them. */
static size_t skip_array(struct shell *s, size_t at)
{
	size_t open = at++;

	while (at < s->f->n && s->error == 0) {
		at = shell_skip_blanks(s, at);
		char c = at_of(s, at);
		if (c == ')')
			return at + 1;
		if (c == '\n') {
			at++;
		} else if (c == '#') {
			at = shell_skip_comment(s, at);
		} else if (c && strchr(";&|<>(", c)) {
			return shell_fail(s, at, "this does not belong into a list in parentheses");
		} else if (at < s->f->n) {
			at = shell_skip_word(s, at);
		}
	}
	return shell_fail(s, open, "a parenthesis is not closed");
}

size_t shell_skip_word(struct shell *s, size_t at)
{
	size_t start = at, name_end;
	bool append;

	while (at < s->f->n && s->error == 0) {
		char c = s->f->text[at];
		if (c == '(' && s->bash && shell_assigned(s, start, at, &name_end, &append) == at) {
			if (++s->depth > SHELL_DEPTH_MAX)
				return shell_fail(s, at, "lists are nested too deeply");
			at = skip_array(s, at);
			s->depth--;
			if (at < s->f->n && !strchr(" \t\n;&|<>()", s->f->text[at]))
				return shell_fail(s, at, "a list in parentheses ends in text");
		} else if (strchr(" \t\n;&|<>()", c)) {
			break;
		} else if (c == '\\') {
			at += 2;
		} else if (c == '\'') {
			at = shell_skip_single(s, at);
		} else if (c == '"') {
			at = skip_double(s, at);
		} else if (c == '$') {
			at = shell_skip_dollar(s, at, false);
		} else if (c == '`') {
			at = shell_skip_backquote(s, at);
		} else {
			at++;
		}
	}
	if (at > s->f->n)
		return shell_fail(s, start, "the file ends in a backslash");
	/* bash reads on for the key of an element, over blanks and lines */
	name_end = shell_name_end(s, start);
	if (name_end > start && name_end < at && s->f->text[name_end] == '[' &&
	    !memchr(s->f->text + name_end, ']', at - name_end))
		return shell_fail(s, start, "a bracket is not closed");
	return at;
}
