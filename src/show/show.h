/* SPDX-License-Identifier: MIT */
/*
 * A document: the answer of a command, independent of its format. Commands
 * build one; main renders it as text or as JSON. It knows strings, numbers and
 * tables, and nothing of devices.
 *
 * Shape. A node is a list of fields, tables and sub-sections, in the order in
 * which they were added; every one has a key (its JSON name, once per node) and
 * a label (its text name; with NULL a field or column is in the JSON only, with
 * NULL or "" a section or table has no heading). A table has columns and rows; a
 * row may own child rows, whose cells stand under the columns of level 1: the
 * text repeats the parent's cells in front of each child, the JSON nests the
 * children as an array. A note is a sentence: a paragraph of the text, an
 * element of "notes" in the JSON.
 *
 * Values keep three things apart: a value, "does not have one" (doc_none) and
 * "could not find out" (doc_unknown), which the JSON writes as null and as
 * {"unknown": "<reason>"} and the text as "-" and "unknown", in a field with the
 * reason behind it.
 *
 * Strings may be of any origin. The text shows control characters and what is no
 * UTF-8 as \xNN (newlines too: a name cannot make a line of its own), the JSON
 * replaces what is no UTF-8 by U+FFFD.
 *
 * Everything lives in the arena of the document; strings are not copied and
 * must live as long.
 */
#pragma once

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum doc_value_kind {
	DOC_NONE,
	DOC_UNKNOWN,
	DOC_STRING,
	DOC_NUMBER,
	DOC_BOOL,
	DOC_LIST,  /* of strings */
	DOC_PAIRS, /* of strings that belong together: where something stands, and what */
};

struct doc_value {
	enum doc_value_kind kind;
	const char *string;       /* DOC_STRING; the reason for DOC_UNKNOWN */
	const char *text;         /* what people read instead, or NULL */
	int64_t number;           /* DOC_NUMBER, DOC_BOOL */
	const char *const *items; /* DOC_LIST; DOC_PAIRS: where, value, where, value ... */
	size_t n_items;
};

static inline struct doc_value doc_none(void)
{
	return (struct doc_value){ .kind = DOC_NONE };
}

static inline struct doc_value doc_unknown(const char *reason)
{
	return (struct doc_value){ .kind = DOC_UNKNOWN, .string = reason };
}

/* NULL gives doc_none(). */
static inline struct doc_value doc_string(const char *string)
{
	return (struct doc_value){ .kind = string ? DOC_STRING : DOC_NONE, .string = string };
}

static inline struct doc_value doc_number(int64_t number)
{
	return (struct doc_value){ .kind = DOC_NUMBER, .number = number };
}

static inline struct doc_value doc_bool(bool value)
{
	return (struct doc_value){ .kind = DOC_BOOL, .number = value };
}

static inline struct doc_value doc_list(const char *const *items, size_t n)
{
	return (struct doc_value){ .kind = DOC_LIST, .items = items, .n_items = n };
}

/*
 * Evidence: @items are n * 2 strings. A line "<where>: <value>" each in the text, an array of
 * {"where": ..., "value": ...} in the JSON. Only for fields.
 */
static inline struct doc_value doc_pairs(const char *const *items, size_t n)
{
	return (struct doc_value){ .kind = DOC_PAIRS, .items = items, .n_items = n };
}

/* The same value, shown to people as @text ("256 MiB" for 268435456). */
static inline struct doc_value doc_as(struct doc_value value, const char *text)
{
	value.text = text;
	return value;
}

enum doc_column_flags {
	DOC_RIGHT = 1 << 0,    /* numbers: aligned to the right */
	DOC_TRUNCATE = 1 << 1, /* may be cut when the terminal is narrow */
	DOC_LEVEL_1 = 1 << 2,  /* a column of child rows */
};

struct doc_column {
	const char *key;
	const char *label; /* NULL: in the JSON only */
	unsigned flags;
};

struct doc;
struct doc_node;
struct doc_table;
struct doc_row;

/* @schema: name and version of the JSON shape, "passthru.list/1". */
struct doc *doc_new(struct arena *a, const char *schema);
struct arena *doc_arena(struct doc *d);
struct doc_node *doc_root(struct doc *d);
/* Nothing was added: a command that has no answer, as the terminal was a guest's. */
bool doc_is_empty(const struct doc *d);

/* With @label NULL it is in the JSON only, with @key NULL in the text only. */
void doc_field(struct doc_node *node, const char *key, const char *label, struct doc_value value);
/* With @key NULL all that is in it is in the text only; so is a table. */
struct doc_node *doc_section(struct doc_node *node, const char *key, const char *label);
void doc_note(struct doc_node *node, const char *sentence);
/*
 * Lines that are to be copied as they are (a command, a file): not wrapped or indented, their
 * tabs and newlines kept. A string in the JSON.
 */
void doc_lines(struct doc_node *node, const char *key, const char *label, const char *lines);
/* The same for a unified diff of one file, whose lines have colours on a terminal. */
void doc_diff(struct doc_node *node, const char *key, const char *label, const char *lines);

/*
 * @columns is not copied. @children_key names the array of child rows in the JSON; NULL when
 * rows have none. An empty table is an empty array in the JSON and the sentence @empty in the text;
 * with @empty NULL the text leaves it out.
 */
struct doc_table *doc_table(struct doc_node *node, const char *key, const char *label,
			    const struct doc_column *columns, size_t n_columns,
			    const char *children_key, const char *empty);
struct doc_row *doc_row(struct doc_table *table);
struct doc_row *doc_child_row(struct doc_row *parent);
/* The next cell of the row, in the order of the columns of its level. Cells not given are none. */
void doc_cell(struct doc_row *row, struct doc_value value);

struct doc_style {
	bool colour;    /* terminal escapes for headings and unknown values */
	size_t columns; /* width of the terminal; 0: unlimited, as in a pipe */
};

/* Both write the whole answer; 0, or a negative errno when @out does not take it. */
MUST_CHECK int doc_render_text(struct doc *d, const struct doc_style *style, FILE *out);
MUST_CHECK int doc_render_json(struct doc *d, FILE *out);
/* The same on one line each; the text has the fields of the root that have a label, without it. */
MUST_CHECK int doc_render_line(struct doc *d, FILE *out);
MUST_CHECK int doc_render_json_line(struct doc *d, FILE *out);

/* @text as one line that is safe on a terminal: controls and what is no UTF-8 as \xNN. */
const char *doc_plain(struct arena *a, const char *text);
