// SPDX-License-Identifier: MIT
// A document for people. Blocks (the fields of a node, a table, a note, a section) have a blank
// line between them; a heading stands directly on what it heads, which is indented below it, so
// that the structure is seen without colour too.
//
// What a pipe gets is never cut or wrapped: it is read by grep.

#include "base/text.h"
#include "show/print.h"

#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <string.h>

const char *print_value(struct printer *p, const struct doc_value *value)
{
	const char *text = "-";

	if (value->text)
		return plain_trimmed(&p->scratch, value->text);
	switch (value->kind) {
	case DOC_NONE:
		break;
	case DOC_UNKNOWN:
		text = "unknown";
		break;
	case DOC_STRING:
		text = value->string;
		break;
	case DOC_NUMBER:
		return arena_printf(&p->scratch, "%" PRId64, value->number);
	case DOC_BOOL:
		text = value->number ? "yes" : "no";
		break;
	case DOC_PAIRS:
		break;
	case DOC_LIST:
		if (value->n_items > 0)
			text = text_join(&p->scratch, value->items, value->n_items, ", ");
		break;
	}
	return plain_trimmed(&p->scratch, text);
}

/* Beside its label there is room to say more than in a cell. */
static const char *field_value(struct printer *p, const struct doc_value *value)
{
	if (value->text)
		return print_value(p, value);
	if (value->kind == DOC_UNKNOWN && value->string && *value->string)
		return plain_trimmed(&p->scratch,
				     arena_printf(&p->scratch, "unknown (%s)", value->string));
	if (value->kind == DOC_LIST && value->n_items == 0)
		return "none";
	return print_value(p, value);
}

void print_blanks(struct printer *p, size_t n)
{
	fprintf(p->out, "%*s", (int)n, "");
}

static void print_coloured(struct printer *p, const char *text, const char *escape)
{
	if (p->style->colour && escape)
		fprintf(p->out, "%s%s" PRINT_RESET, escape, text);
	else
		fputs(text, p->out);
}

static void print_heading(struct printer *p, const char *label, size_t indent)
{
	print_blanks(p, indent);
	print_coloured(p, plain_trimmed(&p->scratch, label), PRINT_BOLD);
	putc('\n', p->out);
}

/* Breaks at blanks; a word that is wider than the terminal stays whole. */
static void print_paragraph(struct printer *p, const char *sentence, size_t indent)
{
	const char *at = plain_trimmed(&p->scratch, sentence);
	size_t column = 0;

	while (*at) {
		at += strspn(at, " ");
		size_t n = strcspn(at, " ");
		const char *word = arena_strndup(&p->scratch, at, n);
		size_t width = plain_width(word);
		bool fits = !p->style->columns || column + 1 + width <= p->style->columns;

		at += n;
		if (column > 0 && fits) {
			putc(' ', p->out);
			column++;
		} else {
			if (column > 0)
				putc('\n', p->out);
			print_blanks(p, indent);
			column = indent;
		}
		fputs(word, p->out);
		column += width;
	}
	putc('\n', p->out);
}

static size_t label_width(struct printer *p, const struct doc_node *node)
{
	size_t widest = 0;

	for (const struct doc_item *item = node->items; item; item = item->next) {
		if (item->kind != DOC_ITEM_FIELD || !item->label)
			continue;
		size_t width = plain_width(plain_trimmed(&p->scratch, item->label));
		if (width > widest)
			widest = width;
	}
	return widest;
}

/* One below the other, at the column where values stand. */
static void print_pairs(struct printer *p, const struct doc_value *value, size_t column)
{
	for (size_t i = 0; i < value->n_items; i++) {
		const char *where = value->items[2 * i], *what = value->items[2 * i + 1];

		if (i > 0) {
			putc('\n', p->out);
			print_blanks(p, column);
		}
		fputs(plain_text(&p->scratch, arena_printf(&p->scratch, "%s: %s", where, what)),
		      p->out);
	}
}

static void print_field(struct printer *p, const struct doc_item *item, size_t indent, size_t width)
{
	const char *label = plain_trimmed(&p->scratch, item->label);
	const char *value = field_value(p, &item->value);

	print_blanks(p, indent);
	fprintf(p->out, "%s:", label);
	if (item->value.kind == DOC_PAIRS || *value) {
		print_blanks(p, width - plain_width(label));
		fputs(PRINT_GAP, p->out);
	}
	if (item->value.kind == DOC_PAIRS) {
		print_pairs(p, &item->value, indent + width + 1 + strlen(PRINT_GAP));
	} else if (*value) {
		print_coloured(p, value, item->value.kind == DOC_UNKNOWN ? PRINT_YELLOW : NULL);
	}
	putc('\n', p->out);
}

static void print_lines(struct printer *p, const char *lines)
{
	while (*lines) {
		size_t n = strcspn(lines, "\n\t");

		fputs(plain_text(&p->scratch, arena_strndup(&p->scratch, lines, n)), p->out);
		lines += n;
		putc(*lines ? *lines++ : '\n', p->out);
	}
}

/* The first two lines name the file. */
static const char *diff_colour(const char *line, size_t number)
{
	if (number < 2)
		return PRINT_BOLD;
	return *line == '+'   ? PRINT_GREEN
	       : *line == '-' ? PRINT_RED
	       : *line == '@' ? PRINT_CYAN
			      : "";
}

static void print_diff(struct printer *p, const char *lines)
{
	for (size_t number = 0; *lines; number++) {
		size_t n = strcspn(lines, "\n");

		fputs(diff_colour(lines, number), p->out);
		if (n > 0)
			print_lines(p, arena_strndup(&p->scratch, lines, n));
		else
			putc('\n', p->out);
		fputs(PRINT_RESET, p->out);
		lines += n + (lines[n] == '\n');
	}
}

static void print_table(struct printer *p, const struct doc_table *table, size_t indent)
{
	if (!table->rows)
		print_paragraph(p, table->empty, indent);
	else
		print_rows(p, table, indent);
}

static bool is_visible(const struct doc_item *item)
{
	const struct doc_table *table;

	switch (item->kind) {
	case DOC_ITEM_FIELD:
		return item->label;
	case DOC_ITEM_SECTION:
		for (const struct doc_item *in = item->section->items; in; in = in->next) {
			if (is_visible(in))
				return true;
		}
		return false;
	case DOC_ITEM_TABLE:
		table = item->table;
		if (!table->rows)
			return table->empty;
		for (size_t i = 0; i < table->n_columns; i++) {
			if (table->columns[i].label)
				return true;
		}
		return false;
	case DOC_ITEM_NOTE:
	case DOC_ITEM_LINES:
		break;
	}
	return true;
}

static void print_node(struct printer *p, const struct doc_node *node, size_t indent);

static void print_item(struct printer *p, const struct doc_item *item, size_t indent, size_t width)
{
	if (item->kind != DOC_ITEM_FIELD && item->label && *item->label) {
		print_heading(p, item->label, indent);
		indent += PRINT_INDENT;
	}
	switch (item->kind) {
	case DOC_ITEM_FIELD:
		print_field(p, item, indent, width);
		break;
	case DOC_ITEM_SECTION:
		print_node(p, item->section, indent);
		break;
	case DOC_ITEM_TABLE:
		print_table(p, item->table, indent);
		break;
	case DOC_ITEM_NOTE:
		print_paragraph(p, item->text, indent);
		break;
	case DOC_ITEM_LINES:
		if (item->is_diff && p->style->colour)
			print_diff(p, item->text);
		else
			print_lines(p, item->text);
		break;
	}
}

static void print_node(struct printer *p, const struct doc_node *node, size_t indent)
{
	const struct doc_item *above = NULL;
	size_t width = label_width(p, node);

	for (const struct doc_item *item = node->items; item; item = item->next) {
		if (!is_visible(item))
			continue;
		if (above && (above->kind != DOC_ITEM_FIELD || item->kind != DOC_ITEM_FIELD))
			putc('\n', p->out);
		above = item;
		print_item(p, item, indent, width);
	}
}

int print_finish(FILE *out, int error)
{
	if (fflush(out) != 0)
		return -errno;
	return ferror(out) ? -EIO : error;
}

/* ---- whether it needs a locale ---- */

static bool is_ascii(const char *text)
{
	for (; text && *text; text++) {
		if ((unsigned char)*text > 0x7f)
			return false;
	}
	return true;
}

static bool value_is_ascii(const struct doc_value *value)
{
	bool ascii = is_ascii(value->string) && is_ascii(value->text);

	for (size_t i = 0; i < value->n_items; i++)
		ascii &= is_ascii(value->items[i]);
	return ascii;
}

static bool rows_are_ascii(const struct doc_row *row)
{
	bool ascii = true;

	for (; row && ascii; row = row->next) {
		for (size_t i = 0; i < row->n_cells; i++)
			ascii &= value_is_ascii(&row->cell[i]);
		ascii &= rows_are_ascii(row->children);
	}
	return ascii;
}

static bool node_is_ascii(const struct doc_node *node)
{
	bool ascii = true;

	for (const struct doc_item *item = node->items; item && ascii; item = item->next) {
		ascii = is_ascii(item->label);
		if (item->kind == DOC_ITEM_FIELD)
			ascii &= value_is_ascii(&item->value);
		else if (item->kind == DOC_ITEM_SECTION)
			ascii &= node_is_ascii(item->section);
		else if (item->kind == DOC_ITEM_TABLE)
			ascii &= rows_are_ascii(item->table->rows);
		else
			ascii &= is_ascii(item->text);
	}
	return ascii;
}

int doc_render_text(struct doc *d, const struct doc_style *style, FILE *out)
{
	bool is_utf8 = str_eq(nl_langinfo(CODESET), "UTF-8");
	/* opening a locale costs more than a short answer; 0 leaves it as it is */
	locale_t utf8 = is_utf8 || node_is_ascii(&d->root)
				? (locale_t)0
				: newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	locale_t before = uselocale(utf8);
	struct printer p = {
		.out = out,
		.style = style,
		/* without a locale for UTF-8 the terminal may have no such character */
		.cut_mark = is_utf8 ? "\xe2\x80\xa6" : "~",
	};

	print_node(&p, &d->root, 0);
	arena_free(&p.scratch);
	uselocale(before);
	if (utf8)
		freelocale(utf8);
	return print_finish(out, p.error);
}
