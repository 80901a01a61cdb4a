// SPDX-License-Identifier: MIT
// GRUB's environment block: a signature line, name=value lines in which a backslash protects a
// backslash or a newline, and '#' up to the end of exactly 1024 bytes, which GRUB writes into the
// blocks of the file without a file system. See grub_envblk_set() in grub-core/lib/envblk.c.

#include "base/text.h"
#include "change/edit.h"

#include <errno.h>

#define SIGNATURE "# GRUB Environment Block\n"
#define BLOCK_BYTES 1024

/* Behind the last newline there is nothing but '#'. */
static size_t used_bytes(const char *text, size_t n)
{
	while (n > 0 && text[n - 1] == '#')
		n--;
	return n;
}

static int check(struct edit_file *f)
{
	size_t used = used_bytes(f->text, f->n);

	if (f->n != BLOCK_BYTES || memcmp(f->text, SIGNATURE, strlen(SIGNATURE)) != 0 ||
	    f->text[used - 1] != '\n')
		return edit_refused(f, 0,
				    "this is no environment block of GRUB, which has 1024 bytes: "
				    "make a new one with grub-editenv");
	return 0;
}

/* The end of the value at @at: a newline that no backslash protects. */
static size_t value_end(const struct edit_file *f, size_t at)
{
	while (at < f->n && f->text[at] != '\n')
		at += f->text[at] == '\\' ? 2 : 1;
	return at < f->n ? at : f->n;
}

/* The lines of the variable; *@ret_at is the start of the last of them. */
static size_t find_variable(const struct edit_file *f, const char *name, size_t *ret_at)
{
	size_t n_name = strlen(name), count = 0;

	for (size_t at = strlen(SIGNATURE); at < f->n; at = value_end(f, at) + 1) {
		if (at + n_name >= f->n || memcmp(f->text + at, name, n_name) != 0 ||
		    f->text[at + n_name] != '=')
			continue;
		*ret_at = at;
		count++;
	}
	return count;
}

static int find_once(struct edit_file *f, const char *name, size_t *ret_at)
{
	int r = check(f);

	if (r < 0)
		return r;
	size_t count = find_variable(f, name, ret_at);
	if (count > 1)
		return edit_refused(f, *ret_at, "the variable is set twice: unset it first");
	return (int)count;
}

int edit_find_grubenv(struct edit_file *f)
{
	size_t line;
	int r = find_once(f, f->place->name, &line);

	if (r < 0)
		return r;
	if (r == 0)
		return edit_absent(f, "variable");
	size_t at = line + strlen(f->place->name) + 1, end = value_end(f, at);
	struct edit_value *v = edit_value_new(f, EDIT_KERNEL);

	v->empty_at = at;
	v->line_at = line;
	while (at < end) {
		size_t n = f->text[at] == '\\' ? 2 : 1;
		edit_cook(f, v, f->text[at + n - 1], at, at + n, EDIT_PLAIN);
		at += n;
	}
	f->target = v;
	return 0;
}

int edit_grubenv_fill(struct edit_file *f, struct bytes *text)
{
	size_t used = used_bytes(text->data, text->n);

	if (used > BLOCK_BYTES)
		return edit_error_at(
			f, 0, -ENOSPC,
			"GRUB's environment block has no room for these words: put them "
			"into the entries of the boot loader");
	char *data = arena_alloc(f->a, BLOCK_BYTES + 1);
	memcpy(data, text->data, used);
	memset(data + used, '#', BLOCK_BYTES - used);
	*text = (struct bytes){ data, BLOCK_BYTES };
	return 0;
}

/* ---- one variable as a whole ---- */

static const char *escaped(struct arena *a, const char *value)
{
	char *text = arena_alloc(a, strlen(value) * 2 + 1), *to = text;

	for (; *value; value++) {
		if (*value == '\\' || *value == '\n')
			*to++ = '\\';
		*to++ = *value;
	}
	return text;
}

static const char *unescaped(struct arena *a, const char *from, size_t n)
{
	char *text = arena_alloc(a, n + 1), *to = text;

	for (size_t i = 0; i < n; i++) {
		i += from[i] == '\\' && i + 1 < n;
		*to++ = from[i];
	}
	return text;
}

int edit_grubenv_set(struct arena *a, struct bytes text, const char *name, const char *value,
		     struct bytes *ret, const char **ret_before, struct err *e)
{
	struct edit_file f = {
		.a = a, .text = arena_memdup(a, text.data, text.n), .n = text.n, .e = e
	};
	const char *before = NULL;
	size_t line = 0;

	if (!*name || strpbrk(name, "=\n\\#"))
		return err_usage(e, "\"%s\" is no name of a variable of GRUB", name);
	int r = find_once(&f, name, &line);
	if (r < 0)
		return r;
	struct edit_patch patch = { used_bytes(f.text, f.n), 0, "" };
	if (r > 0) {
		size_t at = line + strlen(name) + 1, end = value_end(&f, at);
		before = unescaped(a, f.text + at, end - at);
		patch = value ? (struct edit_patch){ at, end - at, escaped(a, value) }
			      : (struct edit_patch){ line, end + 1 - line, "" };
	} else if (value) {
		patch.with = arena_printf(a, "%s=%s\n", name, escaped(a, value));
	}
	text = edit_patched(a, text, &patch);
	r = edit_grubenv_fill(&f, &text);
	if (r < 0)
		return r;
	*ret = text;
	*ret_before = before;
	return 0;
}
