/* SPDX-License-Identifier: MIT */
/* How a document is kept: lists in the order of addition. Inside of show/ only. */
#pragma once

#include "show/show.h"

#define DOC_LEVELS 2

enum doc_item_kind {
	DOC_ITEM_FIELD,
	DOC_ITEM_SECTION,
	DOC_ITEM_TABLE,
	DOC_ITEM_NOTE,
	DOC_ITEM_LINES
};

struct doc_item {
	struct doc_item *next;
	enum doc_item_kind kind;
	const char *key; /* NULL for a note */
	const char *label;
	bool is_diff; /* DOC_ITEM_LINES */
	union {
		struct doc_value value;
		struct doc_node *section;
		struct doc_table *table;
		const char *text; /* DOC_ITEM_NOTE, DOC_ITEM_LINES */
	};
};

struct doc_node {
	struct doc *doc;
	struct doc_item *items;
	struct doc_item **end;
	bool has_notes;
};

struct doc_row {
	struct doc_row *next;
	struct doc_table *table;
	struct doc_row *children;
	struct doc_row **children_end;
	unsigned level;
	size_t n_cells;
	struct doc_value cell[]; /* as many as the level has columns */
};

struct doc_table {
	struct doc *doc;
	const struct doc_column *columns;
	size_t n_columns;
	size_t level_columns[DOC_LEVELS];
	const char *children_key;
	const char *empty;
	struct doc_row *rows;
	struct doc_row **rows_end;
};

struct doc {
	struct arena *arena;
	const char *schema;
	struct doc_node root;
};

static inline unsigned doc_column_level(const struct doc_column *column)
{
	return column->flags & DOC_LEVEL_1 ? 1 : 0;
}
