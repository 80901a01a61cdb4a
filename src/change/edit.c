// SPDX-License-Identifier: MIT
// What all formats share: which words are missing, one patch, and the proof of it: every addition
// is read again and undone before it is handed out, so that an edit which could not be taken back
// exactly is refused instead of made.

#include "change/edit.h"
#include "base/text.h"

#include <errno.h>

static const struct {
	int (*find)(struct edit_file *f);
	int (*finish)(struct edit_file *f, struct bytes *text);
	enum edit_kind kind;
} formats[] = {
	[EDIT_SHELL] = { edit_find_shell },
	[EDIT_BASH] = { edit_find_shell },
	[EDIT_CMDLINE] = { edit_find_cmdline },
	[EDIT_CMDLINE_FIRST] = { edit_find_cmdline },
	[EDIT_BLS] = { edit_find_bls },
	[EDIT_BLS_OWN_LINE] = { edit_find_bls },
	[EDIT_GRUBENV] = { edit_find_grubenv, edit_grubenv_fill },
	[EDIT_REFIND] = { edit_find_refind },
	[EDIT_EXTLINUX] = { edit_find_extlinux },
	[EDIT_LIMINE] = { edit_find_limine },
	[EDIT_KERNELSTUB] = { edit_find_kernelstub },
	[EDIT_MODULES] = { edit_find_modules, NULL, EDIT_MODULE },
	[EDIT_BOOSTER] = { edit_find_booster, NULL, EDIT_COMMA },
};

static enum edit_kind kind_of(const struct edit_place *place)
{
	return place->names ? EDIT_NAMES : formats[place->format].kind;
}

/* ---- lines and refusals ---- */

bool edit_line_at(const struct edit_file *f, size_t at, bool only_lf, struct edit_line *ret)
{
	if (at >= f->n)
		return false;
	const char *newline = memchr(f->text + at, '\n', f->n - at);
	size_t end = newline ? (size_t)(newline - f->text) : f->n;

	*ret = (struct edit_line){ at, end, newline ? end + 1 : end };
	if (!only_lf && newline && end > at && f->text[end - 1] == '\r')
		ret->end--;
	return true;
}

static struct edit_line line_around(const struct edit_file *f, size_t at)
{
	struct edit_line line = { 0, 0, 0 };

	if (at > f->n)
		at = f->n;
	while (at > 0 && f->text[at - 1] != '\n')
		at--;
	if (!edit_line_at(f, at, false, &line))
		line = (struct edit_line){ at, at, at };
	return line;
}

int edit_error_at(const struct edit_file *f, size_t at, int error, const char *why)
{
	struct edit_line line = line_around(f, at);
	size_t number = 1;
	char shown[81];
	size_t n = 0;

	for (size_t i = 0; i < line.at; i++)
		number += f->text[i] == '\n';
	size_t from = edit_skip_blanks(f, line.at, line.end);
	for (; n + 1 < sizeof(shown) && from + n < line.end; n++) {
		unsigned char c = (unsigned char)f->text[from + n];
		shown[n] = c < ' ' || c == 0x7f ? ' ' : (char)c;
	}
	shown[n] = '\0';
	(void)err_refuse(f->e, "line %zu (%s): %s", number, shown, why);
	return error;
}

int edit_refused(const struct edit_file *f, size_t at, const char *why)
{
	return edit_error_at(f, at, -EOPNOTSUPP, why);
}

int edit_absent(const struct edit_file *f, const char *what)
{
	const char *name = f->place->name;

	if (f->removing)
		return 0;
	(void)err_refuse(f->e, "there is no %s%s%s", what, name ? " " : "", name ? name : "");
	return -ENOENT;
}

size_t edit_skip_blanks(const struct edit_file *f, size_t at, size_t end)
{
	while (at < end && (f->text[at] == ' ' || f->text[at] == '\t'))
		at++;
	return at;
}

bool edit_text_is(const struct edit_file *f, size_t at, size_t end, const char *text)
{
	return end - at == strlen(text) && memcmp(f->text + at, text, end - at) == 0;
}

/* The line goes in behind the content of another, so that a missing newline stays missing. */
void edit_append_last(struct edit_file *f, bool only_lf)
{
	struct edit_line line = { 0, 0, 0 };

	for (size_t at = 0; edit_line_at(f, at, only_lf, &line);)
		at = line.next;
	f->append_at = line.end;
	f->line_end = line.end + 2 == line.next ? "\r\n" : "\n";
}

struct edit_patch edit_line_gone(const struct edit_file *f, size_t at)
{
	struct edit_line line = line_around(f, at);
	size_t from = line.at;

	if (from == 0)
		return (struct edit_patch){ 0, line.next, "" };
	from--;
	if (from > 0 && f->text[from - 1] == '\r' && line.end + 2 == line.next)
		from--;
	return (struct edit_patch){ from, line.end - from, "" };
}

/* ---- values ---- */

void *edit_grown(struct arena *a, void *list, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return list;
	*room = *room ? *room * 2 : 16;
	void *more = arena_array(a, *room, size);
	if (n)
		memcpy(more, list, n * size);
	return more;
}

struct edit_value *edit_value_new(struct edit_file *f, enum edit_kind kind)
{
	f->values = edit_grown(f->a, f->values, f->n_values, &f->room, sizeof(*f->values));
	struct edit_value *v = &f->values[f->n_values++];

	*v = (struct edit_value){ .kind = kind, .separator = kind == EDIT_COMMA ? "," : " " };
	return v;
}

void edit_cook(struct edit_file *f, struct edit_value *v, int c, size_t from, size_t to,
	       enum edit_context context)
{
	if (v->n == v->room) {
		size_t room = v->room;
		v->from = edit_grown(f->a, v->from, v->n, &room, sizeof(*v->from));
		room = v->room;
		v->to = edit_grown(f->a, v->to, v->n, &room, sizeof(*v->to));
		room = v->room;
		v->context = edit_grown(f->a, v->context, v->n, &room, 1);
		v->c = edit_grown(f->a, v->c, v->n, &v->room, 1);
	}
	v->c[v->n] = (unsigned char)c;
	v->from[v->n] = from;
	v->to[v->n] = to;
	v->context[v->n++] = (unsigned char)context;
}

struct edit_value *edit_value_plain(struct edit_file *f, enum edit_kind kind, size_t from,
				    size_t to)
{
	struct edit_value *v = edit_value_new(f, kind);

	v->empty_at = v->line_at = from;
	for (size_t i = from; i < to; i++)
		edit_cook(f, v, f->text[i], i, i + 1, EDIT_PLAIN);
	return v;
}

/* ---- adding and removing ---- */

static int open_file(struct arena *a, struct bytes text, const struct edit_place *place,
		     bool removing, struct err *e, struct edit_file *ret)
{
	*ret = (struct edit_file){ .a = a,
				   .place = place,
				   .text = arena_memdup(a, text.data, text.n),
				   .n = text.n,
				   .removing = removing,
				   .line_end = "\n",
				   .e = e };
	const char *nul = text.n ? memchr(text.data, '\0', text.n) : NULL;
	if (nul)
		return edit_refused(ret, (size_t)(nul - text.data),
				    "there is a NUL byte, so this is no text file");
	return formats[place->format].find(ret);
}

struct bytes edit_patched(struct arena *a, struct bytes text, const struct edit_patch *patch)
{
	size_t n_with = strlen(patch->with), n = text.n - patch->n + n_with;
	char *data = arena_alloc(a, n + 1);

	/* arena_memdup() for an empty text as well: its data may be NULL */
	if (patch->at)
		memcpy(data, text.data, patch->at);
	memcpy(data + patch->at, patch->with, n_with);
	size_t rest = text.n - patch->at - patch->n;
	if (rest)
		memcpy(data + patch->at + n_with, text.data + patch->at + patch->n, rest);
	return (struct bytes){ data, n };
}

static int unit_stands(const struct edit_file *f, const struct edit_unit *unit)
{
	for (size_t i = 0; i < f->n_values; i++) {
		int r = edit_value_has(f, &f->values[i], unit);
		if (r != 0)
			return r;
	}
	return 0;
}

static int find_missing(const struct edit_file *f, const struct names *words, struct names *ret)
{
	struct edit_unit *units;
	size_t n = edit_units(f->a, kind_of(f->place), words, &units);

	*ret = (struct names){ .name = arena_array(f->a, words->n, sizeof(*ret->name)) };
	for (size_t i = 0; i < n; i++) {
		int r = unit_stands(f, &units[i]);
		if (r < 0)
			return r;
		for (size_t k = 0; r == 0 && k < units[i].n; k++)
			ret->name[ret->n++] = units[i].words[k];
	}
	return 0;
}

static struct edit_patch new_line(const struct edit_file *f, const struct names *words)
{
	const char *line = arena_printf(f->a, "%s%s%s", f->line_prefix,
					text_join(f->a, words->name, words->n, f->line_separator),
					f->line_suffix);
	if (f->n == 0)
		return (struct edit_patch){ 0, 0, arena_concat(f->a, line, f->line_end) };
	return (struct edit_patch){ f->append_at, 0, arena_concat(f->a, f->line_end, line) };
}

/* Reads the result: the words have to stand there, and to go without a trace. */
static int prove(const struct edit_file *f, struct bytes text, const struct edit *result)
{
	struct names still;
	struct bytes undone;
	struct edit_file again;
	struct err ignored;
	int r = open_file(f->a, result->text, f->place, false, &ignored, &again);

	if (r == 0)
		r = find_missing(&again, &result->added, &still);
	if (r == 0)
		r = edit_remove(f->a, result->text, f->place, &result->added, &undone, &ignored);
	if (r == 0 && still.n == 0 && undone.n == text.n &&
	    (text.n == 0 || memcmp(undone.data, text.data, text.n) == 0))
		return 0;
	return edit_refused(f, f->target ? f->target->line_at : f->append_at,
			    "words that are added here could not be taken away again without a "
			    "trace: write this part in a simpler way");
}

int edit_add(struct arena *a, struct bytes text, const struct edit_place *place,
	     const struct names *words, struct edit *ret, struct err *e)
{
	struct edit_file f;
	struct edit_patch patch;
	struct edit result = { text, { NULL, 0 } };
	int r = edit_words_check(words, e);

	if (r == 0)
		r = open_file(a, text, place, false, e, &f);
	if (r == 0)
		r = find_missing(&f, words, &result.added);
	if (r < 0)
		return r;
	if (result.added.n > 0) {
		if (f.target)
			r = edit_value_insert(&f, f.target, &result.added, &patch);
		else
			patch = new_line(&f, &result.added);
		if (r < 0)
			return r;
		result.text = edit_patched(a, text, &patch);
		if (formats[place->format].finish)
			r = formats[place->format].finish(&f, &result.text);
		if (r == 0)
			r = prove(&f, text, &result);
		if (r < 0)
			return r;
	}
	*ret = result;
	return 0;
}

static int take_unit(struct edit_file *f, const struct edit_unit *unit, struct bytes *text)
{
	for (size_t i = f->n_values; i-- > 0;) {
		struct edit_patch patch;
		int r = edit_value_take(f, &f->values[i], unit, &patch);
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		*text = edit_patched(f->a, *text, &patch);
		return formats[f->place->format].finish ? formats[f->place->format].finish(f, text)
							: 0;
	}
	return 0;
}

int edit_remove(struct arena *a, struct bytes text, const struct edit_place *place,
		const struct names *words, struct bytes *ret, struct err *e)
{
	struct edit_unit *units;
	int r = edit_words_check(words, e);
	size_t n = r < 0 ? 0 : edit_units(a, kind_of(place), words, &units);

	/* the last first: each leaves the text as it was before it came */
	while (r == 0 && n-- > 0) {
		struct edit_file f;
		r = open_file(a, text, place, true, e, &f);
		if (r == 0)
			r = take_unit(&f, &units[n], &text);
	}
	if (r == 0)
		*ret = text;
	return r;
}

/* ---- files of our own ---- */

int edit_dropin_text(struct arena *a, enum edit_dropin kind, const char *name,
		     const struct names *words, struct bytes *ret, struct err *e)
{
	const char *text = NULL;
	int r = edit_words_check(words, e);

	if (r < 0)
		return r;
	const char *blanks = text_join(a, words->name, words->n, " ");
	switch (kind) {
	case EDIT_DROPIN_SHELL:
		text = arena_printf(a, "%s=\"$%s %s\"\n", name, name, blanks);
		break;
	case EDIT_DROPIN_BASH:
		text = arena_printf(a, "%s+=\" %s \"\n", name, blanks);
		break;
	case EDIT_DROPIN_ARRAY:
		text = arena_printf(a, "%s+=(%s)\n", name, blanks);
		break;
	case EDIT_DROPIN_CMDLINE:
		text = arena_printf(a, "%s\n", blanks);
		break;
	case EDIT_DROPIN_LINES:
		text = arena_printf(a, "%s\n", text_join(a, words->name, words->n, "\n"));
		break;
	}
	*ret = (struct bytes){ text, strlen(text) };
	return 0;
}
