// SPDX-License-Identifier: MIT
// Menus with one command line for each entry: refind_linux.conf, syslinux and extlinux, Limine.
//
// rEFInd reads a line as tokens; double quotes hold one together and two of them are one of it
// (ReadTokenLine() and KeepReading() in refind/config.c). A LABEL of syslinux ends the one before;
// keywords have no case. Limine names an entry by "/Title" since version 8 and by ":Title" before,
// and its command line by "cmdline:" or "CMDLINE=" (CONFIG.md).

#include "base/text.h"
#include "change/edit.h"

#include <errno.h>
#include <strings.h>

/* One command line; @at is its line, of which the sentence speaks. */
struct found {
	size_t n;
	size_t at;
};

/* After all lines were read: one of them is to be edited. */
static int choose(struct edit_file *f, const struct found *found)
{
	if (found->n == 0)
		return edit_absent(f,
				   f->place->name ? "command line of the entry" : "command line");
	if (found->n > 1)
		return edit_refused(f, found->at,
				    f->place->name
					    ? "there are several command lines of this name: "
					      "give one of them another name"
					    : "there are several command lines: name the entry");
	f->target = f->values;
	return 0;
}

static bool is_wanted(const struct edit_file *f, const char *title)
{
	return !f->place->name || (title && str_eq(title, f->place->name));
}

static const char *trimmed(const struct edit_file *f, size_t at, size_t end)
{
	at = edit_skip_blanks(f, at, end);
	return text_trimmed(f->a, (struct bytes){ f->text + at, end - at });
}

/* ---- rEFInd ---- */

/* The end of the string that opens at @at, its closing quote; 0 when it does not end. */
static size_t quoted_end(const struct edit_file *f, size_t at, size_t end)
{
	for (at++; at < end; at++) {
		if (f->text[at] != '"')
			continue;
		if (at + 1 == end || f->text[at + 1] != '"')
			return at;
		at++;
	}
	return 0;
}

static void cook_doubled(struct edit_file *f, size_t at, size_t end)
{
	struct edit_value *v = edit_value_new(f, EDIT_KERNEL);

	v->empty_at = v->line_at = at;
	while (at < end) {
		size_t n = f->text[at] == '"' ? 2 : 1;
		edit_cook(f, v, f->text[at], at, at + n, EDIT_PLAIN);
		at += n;
	}
}

int edit_find_refind(struct edit_file *f)
{
	struct edit_line line;
	struct found found = { 0 };

	for (size_t at = 0; edit_line_at(f, at, false, &line); at = line.next) {
		size_t from = edit_skip_blanks(f, at, line.end), end, value;
		if (from == line.end || f->text[from] == '#')
			continue;
		end = f->text[from] == '"' ? quoted_end(f, from, line.end) : 0;
		value = end ? edit_skip_blanks(f, end + 1, line.end) : 0;
		size_t value_end = value > end + 1 && value < line.end && f->text[value] == '"'
					   ? quoted_end(f, value, line.end)
					   : 0;
		size_t behind = value_end ? edit_skip_blanks(f, value_end + 1, line.end) : 0;
		if (!value_end || (behind < line.end && f->text[behind] != '#') ||
		    value_end == value + 1)
			return edit_refused(f, at,
					    "this is no pair of quoted strings: write it as "
					    "\"label\" \"options\"");
		if (!is_wanted(f, arena_strndup(f->a, f->text + from + 1, end - from - 1)))
			continue;
		cook_doubled(f, value + 1, value_end);
		found = (struct found){ found.n + 1, at };
	}
	return choose(f, &found);
}

/* ---- syslinux, extlinux ---- */

/* What stands behind the keyword of a line; 0 when it is another one. */
static size_t behind_keyword(const struct edit_file *f, const struct edit_line *line,
			     const char *keyword)
{
	size_t at = edit_skip_blanks(f, line->at, line->end), n = strlen(keyword);

	if (line->end - at <= n || strncasecmp(f->text + at, keyword, n) != 0 ||
	    !strchr(" \t", f->text[at + n]))
		return 0;
	return at + n + 1;
}

int edit_find_extlinux(struct edit_file *f)
{
	const char *label = NULL;
	struct edit_line line;
	struct found found = { 0 };

	for (size_t at = 0; edit_line_at(f, at, false, &line); at = line.next) {
		size_t value = behind_keyword(f, &line, "label");
		if (value)
			label = trimmed(f, value, line.end);
		value = behind_keyword(f, &line, "append");
		if (!value || !is_wanted(f, label))
			continue;
		if (str_eq(trimmed(f, value, line.end), "-") && !f->removing)
			return edit_refused(f, at,
					    "a dash says that there are no options: write "
					    "options there first");
		(void)edit_value_plain(f, EDIT_KERNEL, value, line.end);
		found = (struct found){ found.n + 1, at };
	}
	return choose(f, &found);
}

/* ---- Limine ---- */

/* "/+Title", "//Title", ":Title": the title; NULL for other lines. */
static const char *limine_title(const struct edit_file *f, const struct edit_line *line)
{
	size_t at = edit_skip_blanks(f, line->at, line->end);
	char first = at < line->end ? f->text[at] : '\0';

	if (first != '/' && first != ':')
		return NULL;
	while (at < line->end && f->text[at] == first)
		at++;
	at += at < line->end && f->text[at] == '+';
	return trimmed(f, at, line->end);
}

static size_t limine_value(const struct edit_file *f, const struct edit_line *line)
{
	static const char *const keys[] = { "cmdline:", "kernel_cmdline:", "cmdline=",
					    "kernel_cmdline=" };
	size_t at = edit_skip_blanks(f, line->at, line->end);

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		size_t n = strlen(keys[i]);
		if (line->end - at >= n && strncasecmp(f->text + at, keys[i], n) == 0)
			return at + n;
	}
	return 0;
}

int edit_find_limine(struct edit_file *f)
{
	const char *title = NULL;
	struct edit_line line;
	struct found found = { 0 };

	for (size_t at = 0; edit_line_at(f, at, false, &line); at = line.next) {
		const char *begins = limine_title(f, &line);
		size_t value = limine_value(f, &line);
		if (begins)
			title = begins;
		if (!value || !is_wanted(f, title))
			continue;
		/* a value that is empty needs the blank behind the key */
		value += value < line.end && f->text[value] == ' ';
		(void)edit_value_plain(f, EDIT_KERNEL, value, line.end);
		found = (struct found){ found.n + 1, at };
	}
	return choose(f, &found);
}
