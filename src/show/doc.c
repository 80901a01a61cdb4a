// SPDX-License-Identifier: MIT
// The model of a document. Nodes are small and tables large, so that a node may search its
// keys one by one and a row is a single allocation with its cells in it.

#include "show/doc.h"
#include "base/text.h"
#include "show/plain.h"

#include <assert.h>

static void node_init(struct doc_node *node, struct doc *d)
{
	node->doc = d;
	node->end = &node->items;
}

struct doc *doc_new(struct arena *a, const char *schema)
{
	struct doc *d = arena_alloc(a, sizeof(*d));

	d->arena = a;
	d->schema = schema;
	node_init(&d->root, d);
	return d;
}

struct arena *doc_arena(struct doc *d)
{
	return d->arena;
}

struct doc_node *doc_root(struct doc *d)
{
	return &d->root;
}

bool doc_is_empty(const struct doc *d)
{
	return !d->root.items;
}

static bool key_is_free(const struct doc_node *node, const char *key)
{
	/* what the JSON renderer adds by itself */
	if (str_eq(key, "notes") || (node == &node->doc->root && str_eq(key, "schema")))
		return false;
	for (const struct doc_item *item = node->items; item; item = item->next) {
		if (item->key && str_eq(item->key, key))
			return false;
	}
	return true;
}

static struct doc_item *node_add(struct doc_node *node, enum doc_item_kind kind, const char *key,
				 const char *label)
{
	struct doc_item *item = arena_alloc(node->doc->arena, sizeof(*item));

	if (key && !key_is_free(node, key))
		assert(!"a key twice in one node");
	item->kind = kind;
	item->key = key;
	item->label = label;
	*node->end = item;
	node->end = &item->next;
	return item;
}

void doc_field(struct doc_node *node, const char *key, const char *label, struct doc_value value)
{
	node_add(node, DOC_ITEM_FIELD, key, label)->value = value;
}

struct doc_node *doc_section(struct doc_node *node, const char *key, const char *label)
{
	struct doc_node *section = arena_alloc(node->doc->arena, sizeof(*section));

	node_init(section, node->doc);
	node_add(node, DOC_ITEM_SECTION, key, label)->section = section;
	return section;
}

void doc_note(struct doc_node *node, const char *sentence)
{
	node_add(node, DOC_ITEM_NOTE, NULL, NULL)->text = sentence;
	node->has_notes = true;
}

void doc_lines(struct doc_node *node, const char *key, const char *label, const char *lines)
{
	node_add(node, DOC_ITEM_LINES, key, label)->text = lines;
}

void doc_diff(struct doc_node *node, const char *key, const char *label, const char *lines)
{
	struct doc_item *item = node_add(node, DOC_ITEM_LINES, key, label);

	item->text = lines;
	item->is_diff = true;
}

static bool columns_are_valid(const struct doc_table *table)
{
	for (size_t i = 0; i < table->n_columns; i++) {
		const struct doc_column *column = &table->columns[i];
		unsigned level = doc_column_level(column);

		if (level == 1 && !table->children_key)
			return false;
		if (level == 0 && table->children_key && str_eq(column->key, table->children_key))
			return false;
		for (size_t j = 0; j < i; j++) {
			if (doc_column_level(&table->columns[j]) == level &&
			    str_eq(table->columns[j].key, column->key))
				return false;
		}
	}
	return true;
}

struct doc_table *doc_table(struct doc_node *node, const char *key, const char *label,
			    const struct doc_column *columns, size_t n_columns,
			    const char *children_key, const char *empty)
{
	struct doc_table *table = arena_alloc(node->doc->arena, sizeof(*table));

	table->doc = node->doc;
	table->columns = columns;
	table->n_columns = n_columns;
	for (size_t i = 0; i < n_columns; i++)
		table->level_columns[doc_column_level(&columns[i])]++;
	table->children_key = children_key;
	table->empty = empty;
	table->rows_end = &table->rows;
	if (!columns_are_valid(table))
		assert(!"a column key twice, or columns of children without a key for them");
	node_add(node, DOC_ITEM_TABLE, key, label)->table = table;
	return table;
}

static struct doc_row *row_new(struct doc_table *table, unsigned level)
{
	size_t cells = table->level_columns[level];
	struct doc_row *row =
		arena_alloc(table->doc->arena, sizeof(*row) + cells * sizeof(row->cell[0]));

	row->table = table;
	row->level = level;
	row->children_end = &row->children;
	return row;
}

struct doc_row *doc_row(struct doc_table *table)
{
	struct doc_row *row = row_new(table, 0);

	*table->rows_end = row;
	table->rows_end = &row->next;
	return row;
}

struct doc_row *doc_child_row(struct doc_row *parent)
{
	assert(parent->level == 0 && parent->table->children_key);

	struct doc_row *row = row_new(parent->table, 1);
	*parent->children_end = row;
	parent->children_end = &row->next;
	return row;
}

void doc_cell(struct doc_row *row, struct doc_value value)
{
	assert(row->n_cells < row->table->level_columns[row->level]);
	row->cell[row->n_cells++] = value;
}

const char *doc_plain(struct arena *a, const char *text)
{
	return plain_text(a, text);
}
