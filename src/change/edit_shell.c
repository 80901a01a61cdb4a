// SPDX-License-Identifier: MIT
// Words of a variable in a file that a shell sources. The file is a program, so that the question
// is not where the variable is written but whether what is written there is what the shell ends up
// with: see edit_shell_read.c. Edited is the last assignment; everything that could make another
// value of it afterwards is a reason to refuse, and so is another variable that is made from it.

#include "change/edit_shell.h"
#include "base/text.h"

#include <errno.h>

/* ---- values ---- */

/* The expansion at @at becomes one cooked byte. False where there is none, only the character. */
static bool cook_expansion(struct shell *s, struct edit_value *v, size_t *at,
			   enum edit_context context)
{
	size_t from = *at;
	char c = s->f->text[from];

	if (c == '`')
		*at = shell_skip_backquote(s, from);
	else
		*at = shell_skip_dollar(s, from, context == EDIT_DOUBLE);
	bool is_one = *at > from + 1;
	edit_cook(s->f, v, is_one ? EDIT_OPAQUE : c, from, *at, context);
	return is_one;
}

static size_t cook_double(struct shell *s, struct edit_value *v, size_t at)
{
	const char *t = s->f->text;

	for (at++; t[at] != '"';) {
		if (t[at] == '\\' && t[at + 1] == '\n') {
			at += 2;
		} else if (t[at] == '\\' && strchr("$`\"\\", t[at + 1])) {
			edit_cook(s->f, v, t[at + 1], at, at + 2, EDIT_DOUBLE);
			at += 2;
		} else if (t[at] == '$' || t[at] == '`') {
			(void)cook_expansion(s, v, &at, EDIT_DOUBLE); /* either way it is cooked */
		} else {
			edit_cook(s->f, v, t[at], at, at + 1, EDIT_DOUBLE);
			at++;
		}
	}
	return at + 1;
}

static size_t cook_single(struct shell *s, struct edit_value *v, size_t at)
{
	const char *t = s->f->text;

	for (at++; t[at] != '\''; at++)
		edit_cook(s->f, v, t[at], at, at + 1, EDIT_SINGLE);
	return at + 1;
}

/* A word of the shell that shell_skip_word() has been over, so that all quotes are closed. */
static void cook_word(struct shell *s, struct edit_value *v, size_t at, size_t end)
{
	const char *t = s->f->text;

	while (at < end) {
		char c = t[at];
		if ((c == '"' || c == '\'') && v->empty_context == EDIT_UNQUOTED) {
			v->empty_at = at + 1;
			v->empty_context = c == '"' ? EDIT_DOUBLE : EDIT_SINGLE;
		}
		if (c == '"') {
			at = cook_double(s, v, at);
		} else if (c == '\'') {
			at = cook_single(s, v, at);
		} else if (c == '$' || c == '`') {
			(void)cook_expansion(s, v, &at,
					     EDIT_UNQUOTED); /* either way it is cooked */
		} else if (c == '\\' && t[at + 1] == '\n') {
			at += 2;
		} else {
			size_t n = c == '\\' ? 2 : 1;
			edit_cook(s->f, v, t[at + n - 1], at, at + n, EDIT_UNQUOTED);
			at += n;
		}
	}
}

/* An element of a list is a word with its quotes; blanks in it do not end it. */
static void cook_element(struct shell *s, struct edit_value *v, size_t at, size_t end)
{
	size_t first = v->n;

	cook_word(s, v, at, end);
	if (v->n == first)
		edit_cook(s->f, v, EDIT_OPAQUE, at, end, EDIT_PLAIN);
	for (size_t i = first; i < v->n; i++) {
		v->context[i] = EDIT_PLAIN;
		if (v->c[i] == ' ' || (v->c[i] >= '\t' && v->c[i] <= '\r') || v->c[i] == 0xa0)
			v->c[i] = EDIT_OPAQUE;
	}
	v->from[first] = at;
	v->to[v->n - 1] = end;
}

static void cook_array(struct shell *s, struct edit_value *v, size_t at, size_t end)
{
	const char *t = s->f->text;

	v->empty_at = ++at;
	while (at < end - 1) {
		if (strchr(" \t\n", t[at])) {
			edit_cook(s->f, v, ' ', at, at + 1, EDIT_PLAIN);
			at++;
		} else if (t[at] == '\\' && t[at + 1] == '\n') {
			at += 2;
		} else if (t[at] == '#') {
			at = shell_skip_comment(s, at);
		} else {
			size_t word_end = shell_skip_word(s, at);
			cook_element(s, v, at, word_end);
			at = word_end;
		}
	}
	v->empty_context = EDIT_PLAIN;
}

/* Whether the assignment is a line that edit_add() appended. */
static bool is_marked(const struct shell *s, const struct shell_event *event)
{
	const struct edit_file *f = s->f;
	size_t at = edit_skip_blanks(f, event->end, f->n), end = shell_skip_comment(s, at);

	return (event->at == 0 || f->text[event->at - 1] == '\n') &&
	       edit_text_is(f, at, end, EDIT_MARK);
}

static void add_value(struct shell *s, const struct shell_event *event)
{
	struct edit_file *f = s->f;
	struct edit_value *v = edit_value_new(f, f->place->names ? EDIT_NAMES : EDIT_KERNEL);

	v->line_at = event->at;
	v->empty_at = event->value_at;
	v->empty_context = EDIT_UNQUOTED;
	v->appends = event->append && !event->array;
	v->own_line = is_marked(s, event);
	if (event->array)
		cook_array(s, v, event->value_at, event->end);
	else
		cook_word(s, v, event->value_at, event->end);
}

/* ---- whether the last assignment decides ---- */

static bool is_inside(const struct shell *s, size_t at)
{
	for (size_t i = 0; i < s->n_events; i++) {
		const struct shell_event *set = &s->events[i];
		if (set->what == SHELL_SET && set->at <= at && at < set->end)
			return true;
	}
	return false;
}

/*
 * Whether the command may be a function that changes the variable: one from an include, or one of
 * this file, where something does.
 */
static bool is_suspect(const struct shell *s, const struct shell_event *call)
{
	const char *t = s->f->text;
	size_t n = call->end - call->at;
	bool is_function = false, changes = false;

	for (size_t i = 0; i < s->n_events; i++) {
		const struct shell_event *event = &s->events[i];
		if (event->what == SHELL_ANY)
			return true;
		changes |= event->what == SHELL_UNSURE;
		is_function |= event->what == SHELL_FUNCTION && event->end - event->at == n &&
			       memcmp(t + event->at, t + call->at, n) == 0;
	}
	return is_function && changes;
}

static const char *objection(const struct shell *s, const struct shell_event *event,
			     const struct shell_event *last)
{
	bool later = !last || event->at > last->at;

	switch (event->what) {
	case SHELL_UNSURE:
		return later ? event->why : NULL;
	case SHELL_BINDS:
		return event->why;
	case SHELL_LEAVE:
		return !last || !later ? "the file may end here" : NULL;
	case SHELL_ANY:
		return later ? "what this does to the variable is not known" : NULL;
	case SHELL_CALL:
		return later && is_suspect(s, event)
			       ? "this may be a function that changes the variable"
			       : NULL;
	case SHELL_READ:
		if (!last || !later || is_inside(s, event->at))
			return NULL;
		return "another value is made from the variable";
	case SHELL_SET:
	case SHELL_FUNCTION:
		return NULL;
	}
	return NULL;
}

static int object(const struct shell *s, const struct shell_event *last)
{
	struct edit_file *f = s->f;

	for (size_t i = 0; i < s->n_events; i++) {
		const struct shell_event *event = &s->events[i];
		const char *why = objection(s, event, last);
		if (why)
			return edit_refused(
				f, event->at,
				arena_printf(f->a,
					     "%s is not edited, because here %s: write the words "
					     "into it by hand, or set it once more at the end of "
					     "the file",
					     f->place->name, why));
	}
	return 0;
}

/* The words of earlier assignments are in front of ours where the last is made from them. */
static int check_earlier(struct edit_file *f)
{
	for (size_t i = 0; i + 1 < f->n_values; i++) {
		int r = edit_value_ends(f, &f->values[i]);
		if (r < 0)
			return r;
		bool made_from_it = f->target->appends;
		for (size_t k = 0; k < f->target->n; k++)
			made_from_it |= f->target->c[k] == EDIT_OPAQUE;
		if (r > 0 && made_from_it)
			return edit_refused(
				f, f->values[i].line_at,
				"what is appended to this stands behind its --, and is "
				"not the kernel's: write the words in front of it by hand");
	}
	return 0;
}

static int append_line(struct shell *s)
{
	struct edit_file *f = s->f;
	const char *name = f->place->name;
	bool array = s->bash && f->place->names;

	if (!f->place->create)
		return edit_absent(f, "assignment of");
	size_t end = f->n;
	end -= end > 0 && f->text[end - 1] == '\n';
	if (end > 0 && f->text[end - 1] == '\\')
		return edit_refused(f, end - 1, "the last line is continued: end it first");
	edit_append_last(f, true);
	f->line_separator = " ";
	if (array) {
		f->line_prefix = arena_concat(f->a, name, "+=(");
		f->line_suffix = ") " EDIT_MARK;
	} else {
		f->line_prefix = arena_concat(f->a, name, s->bash ? "+=\" " : "=\"");
		f->line_suffix = "\" " EDIT_MARK;
	}
	return 0;
}

int edit_find_shell(struct edit_file *f)
{
	const char *name = f->place->name;
	struct shell s = { .f = f,
			   .bash = f->place->format == EDIT_BASH,
			   .name = name,
			   .n_name = strcspn(name, "[") };
	const struct shell_event *last = NULL;
	int r = shell_read(&s);

	if (r < 0)
		return r;
	s.quiet = true;
	for (size_t i = 0; i < s.n_events; i++) {
		if (s.events[i].what != SHELL_SET)
			continue;
		last = &s.events[i];
		add_value(&s, last);
	}
	if (f->removing)
		return 0;
	r = object(&s, last);
	if (r < 0)
		return r;
	if (!last)
		return append_line(&s);
	if (last->array && !f->place->names)
		return edit_refused(f, last->at, "this is a list and no command line");
	for (size_t i = 0; i < s.n_events; i++) {
		/* an assignment to a list changes its first element */
		if (s.events[i].what == SHELL_SET && s.events[i].array && !last->array)
			return edit_refused(f, last->at,
					    "what was a list is set like a text here: make it a "
					    "list as well");
	}
	f->target = &f->values[f->n_values - 1];
	return check_earlier(f);
}
