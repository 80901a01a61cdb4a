// SPDX-License-Identifier: MIT
// Files of plain lines: command lines as a file, lists of modules, boot loader entries, booster's
// options, loader.conf.
//
// /etc/kernel/cmdline has no comments for kernel-install (90-loaderentry.install) and has them for
// mkinitcpio, so that a '#' in front of a line is refused. Of several options lines of an entry
// systemd-boot joins all (boot_entry_add_type1() in systemd's src/boot/boot.c), GRUB takes
// the first (bls_get_val() in the blscfg.c of Red Hat's grub2).

#include "base/text.h"
#include "change/edit.h"

#include <errno.h>

/* ---- command lines ---- */

static bool names_root(const struct edit_file *f, size_t end)
{
	const char *line = arena_strndup(f->a, f->text, end), *root = line;

	while ((root = strstr(root, "root=")) && root > line && !strchr(" \t", root[-1]))
		root++;
	return root;
}

int edit_find_cmdline(struct edit_file *f)
{
	struct edit_line line = { 0, 0, 0 };
	bool first_only = f->place->format == EDIT_CMDLINE_FIRST, any = false;
	size_t end = 0;

	for (size_t at = 0; edit_line_at(f, at, false, &line); at = line.next) {
		size_t text = edit_skip_blanks(f, line.at, line.end);
		if (text < line.end && f->text[text] == '#' && !f->removing)
			return edit_refused(
				f, line.at,
				"some readers of this file take a line with # as a comment, "
				"some as parameters: take the line away");
		any |= text < line.end;
		end = line.next;
		if (first_only) {
			end = line.end;
			break;
		}
	}
	if (!f->removing && !any)
		return edit_refused(f, 0,
				    "the command line is empty: write all of it first, with root=");
	if (!f->removing && first_only && !names_root(f, end))
		return edit_refused(f, 0,
				    "only the first line counts, and it has no root=: write it "
				    "there first");
	f->target = edit_value_plain(f, EDIT_KERNEL, 0, end);
	return 0;
}

/* ---- one name a line ---- */

int edit_find_modules(struct edit_file *f)
{
	struct edit_line line;

	for (size_t at = 0; edit_line_at(f, at, false, &line); at = line.next) {
		size_t from = edit_skip_blanks(f, line.at, line.end), end = from;
		while (end < line.end && !strchr(" \t", f->text[end]))
			end++;
		if (end == from || f->text[from] == '#')
			continue;
		struct edit_value *v = edit_value_plain(f, EDIT_MODULE, from, end);
		v->own_line = edit_skip_blanks(f, end, line.end) == line.end;
	}
	edit_append_last(f, false);
	f->line_prefix = f->line_suffix = "";
	f->line_separator = f->line_end;
	return 0;
}

/* ---- key and value ---- */

/* "key value" at the start of a line, blanks in front allowed: the value, or 0. */
static size_t value_of(const struct edit_file *f, const struct edit_line *line, const char *key)
{
	size_t at = edit_skip_blanks(f, line->at, line->end), n = strlen(key);

	if (line->end - at <= n || memcmp(f->text + at, key, n) != 0 ||
	    (f->text[at + n] != ' ' && f->text[at + n] != '\t'))
		return 0;
	return at + n + 1;
}

static size_t without_blanks(const struct edit_file *f, size_t at, size_t end)
{
	while (end > at && strchr(" \t", f->text[end - 1]))
		end--;
	return end;
}

int edit_find_bls(struct edit_file *f)
{
	bool own = f->place->format == EDIT_BLS_OWN_LINE;
	struct edit_line line;

	edit_append_last(f, false);
	for (size_t at = 0; edit_line_at(f, at, false, &line); at = line.next) {
		size_t value = value_of(f, &line, "options");
		if (!value)
			continue;
		size_t from = edit_skip_blanks(f, value, line.end),
		       end = without_blanks(f, from, line.end);
		/* systemd-boot takes quotes around the whole value off, GRUB does not */
		if (!f->removing && from < end && f->text[from] == '"' && f->text[end - 1] == '"')
			return edit_refused(
				f, line.at,
				"quotes around all options are read by some boot loaders "
				"only: take them out");
		struct edit_value *v = edit_value_plain(f, EDIT_KERNEL, value, line.end);
		v->own_line = own;
		int r = f->removing || !own ? 0 : edit_value_ends(f, v);
		if (r < 0)
			return r;
		if (r > 0)
			return edit_refused(
				f, line.at,
				"an options line of our own would stand behind this --, and "
				"not be the kernel's: write the words in front of it by hand");
		f->append_at = line.end;
	}
	f->line_prefix = "options ";
	f->line_separator = " ";
	f->line_suffix = "";
	if (own)
		return 0;
	if (f->n_values == 0)
		return edit_absent(f, "options line");
	f->target = f->values;
	return 0;
}

/* ---- booster.yaml ---- */

/*
 * Top-level "key: value" lines, their indented continuations, comments. What else YAML can say
 * (flow mappings, documents, anchors) is not read.
 */
static int check_yaml(const struct edit_file *f, const struct edit_line *line)
{
	size_t at = line->at, end = line->end;

	if (edit_skip_blanks(f, at, end) == end || strchr("# \t", f->text[at]))
		return 0;
	const char *colon = memchr(f->text + at, ':', end - at);
	size_t key_end = colon ? (size_t)(colon - f->text) : end;
	bool plain = colon && (key_end + 1 == end || f->text[key_end + 1] == ' ');
	for (; at < key_end; at++) {
		char c = f->text[at];
		plain &= c == '_' || c == '-' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
	}
	return plain && f->text[line->at] != '-'
		       ? 0
		       : edit_refused(f, line->at,
				      "this is more YAML than booster.yaml needs: write "
				      "it as lines of key: value");
}

static int add_yaml(struct edit_file *f, const struct edit_line *line, size_t at)
{
	size_t end = line->end, from = edit_skip_blanks(f, at, end);
	const char *comment = NULL;
	char quote = from < end ? f->text[from] : '\0';

	for (size_t i = from; i < end && !comment; i++) {
		if (f->text[i] == '#' && i > 0 && strchr(" \t", f->text[i - 1]))
			comment = f->text + i;
	}
	size_t mark = comment ? (size_t)(comment - f->text) : end;
	struct edit_line next;
	bool continued = edit_line_at(f, line->next, false, &next) && next.end > next.at &&
			 strchr(" \t", f->text[next.at]) &&
			 edit_skip_blanks(f, next.at, next.end) < next.end;
	end = without_blanks(f, from, mark);
	if (from == end || continued || strchr("|>[]{}&*!%@`,?-", quote))
		return edit_refused(f, line->at,
				    "the list is not on one line: write it as names with commas");
	if (quote == '"' || quote == '\'') {
		from++;
		end--;
		if (end < from || f->text[end] != quote ||
		    memchr(f->text + from, quote, end - from) ||
		    memchr(f->text + from, '\\', end - from))
			return edit_refused(f, line->at,
					    "these quotes are not read: leave them out");
	}
	struct edit_value *v = edit_value_plain(f, EDIT_COMMA, from, end);
	v->own_line = edit_text_is(f, mark, line->end, EDIT_MARK);
	f->target = v;
	return 0;
}

int edit_find_booster(struct edit_file *f)
{
	size_t n = strlen(f->place->name);
	struct edit_line line;
	int r = 0;

	for (size_t at = 0; r == 0 && edit_line_at(f, at, false, &line); at = line.next) {
		r = check_yaml(f, &line);
		if (r < 0 || line.end - at <= n || memcmp(f->text + at, f->place->name, n) != 0 ||
		    f->text[at + n] != ':')
			continue;
		if (f->target)
			return edit_refused(f, at, "the key stands there twice");
		r = add_yaml(f, &line, at + n + 1);
	}
	if (r < 0 || f->target)
		return r;
	if (!f->place->create)
		return edit_absent(f, "key");
	edit_append_last(f, false);
	f->line_prefix = arena_concat(f->a, f->place->name, ": ");
	f->line_separator = ",";
	f->line_suffix = " " EDIT_MARK;
	return 0;
}

/* ---- loader.conf ---- */

static bool is_line_value(const char *value)
{
	size_t n = strlen(value);

	if (n == 0 || strpbrk(value, "\r\n\"") || strchr(" \t", value[0]))
		return false;
	return !strchr(" \t", value[n - 1]);
}

int edit_loader_set(struct arena *a, struct bytes text, const char *key, const char *value,
		    struct bytes *ret, const char **ret_before, struct err *e)
{
	struct edit_file f = {
		.a = a, .text = arena_memdup(a, text.data, text.n), .n = text.n, .e = e
	};
	struct edit_patch patch = { 0, 0, "" };
	const char *before = NULL;
	struct edit_line line;

	if (!*key || strpbrk(key, " \t\r\n#") || (value && !is_line_value(value)))
		return err_usage(e, "\"%s %s\" is no line of loader.conf", key, value ? value : "");
	for (size_t at = 0; edit_line_at(&f, at, false, &line); at = line.next) {
		size_t from = value_of(&f, &line, key);
		from = from ? edit_skip_blanks(&f, from, line.end) : line.end;
		size_t end = without_blanks(&f, from, line.end);
		if (from == end)
			continue;
		if (before)
			return edit_refused(&f, at, "the key stands there twice: take one away");
		if (f.text[from] == '"' || memchr(f.text + from, '\0', end - from))
			return edit_refused(&f, at, "this value is quoted: take the quotes out");
		before = arena_strndup(a, f.text + from, end - from);
		patch = value ? (struct edit_patch){ from, end - from, value }
			      : edit_line_gone(&f, at);
	}
	if (value && !before) {
		const char *added = arena_printf(a, "%s %s", key, value);
		edit_append_last(&f, false);
		patch = (struct edit_patch){ f.append_at, 0, arena_concat(a, f.line_end, added) };
		if (f.n == 0)
			patch.with = arena_concat(a, added, f.line_end);
	}
	*ret = edit_patched(a, text, &patch);
	*ret_before = before;
	return 0;
}
