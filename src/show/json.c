// SPDX-License-Identifier: MIT
// A document for programs: a tree of jansson, written in one go. Strings go into it as they are
// where they are UTF-8; bytes that are not become U+FFFD, because a reader rejects the whole
// document for one bad name. The output is ASCII, so that no locale, pipe or terminal on the way
// has a say in it.

#include "show/print.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

/* Without memory jansson gives NULL, and takes NULL without harm: asking once is enough. */
struct tree {
	bool failed;
};

static void tree_set(struct tree *t, json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new_nocheck(object, key, value) < 0)
		t->failed = true;
}

static void tree_append(struct tree *t, json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) < 0)
		t->failed = true;
}

static json_t *repaired(const char *text)
{
	static const char replacement[] = "\xef\xbf\xbd";
	CLEANUP_ARENA struct arena scratch = { 0 };
	char *copy = arena_alloc(&scratch, strlen(text) * strlen(replacement) + 1), *end = copy;

	while (*text) {
		uint32_t c;
		size_t n = utf8_decode(text, &c);

		end = n ? mempcpy(end, text, n) : stpcpy(end, replacement);
		text += n ? n : 1;
	}
	return json_string(copy);
}

static json_t *tree_string(const char *text)
{
	json_t *string = json_string(text);

	return string ? string : repaired(text);
}

static json_t *tree_value(struct tree *t, const struct doc_value *value)
{
	json_t *json = NULL;

	switch (value->kind) {
	case DOC_NONE:
		return json_null();
	case DOC_UNKNOWN:
		json = json_object();
		tree_set(t, json, "unknown", tree_string(value->string ? value->string : ""));
		break;
	case DOC_STRING:
		return tree_string(value->string);
	case DOC_NUMBER:
		return json_integer(value->number);
	case DOC_BOOL:
		return json_boolean(value->number);
	case DOC_LIST:
		json = json_array();
		for (size_t i = 0; i < value->n_items; i++)
			tree_append(t, json, tree_string(value->items[i]));
		break;
	case DOC_PAIRS:
		json = json_array();
		for (size_t i = 0; i < value->n_items; i++) {
			json_t *pair = json_object();

			tree_set(t, pair, "where", tree_string(value->items[2 * i]));
			tree_set(t, pair, "value", tree_string(value->items[2 * i + 1]));
			tree_append(t, json, pair);
		}
		break;
	}
	return json;
}

static json_t *tree_rows(struct tree *t, const struct doc_table *table, const struct doc_row *row)
{
	json_t *rows = json_array();

	for (; row; row = row->next) {
		json_t *object = json_object();
		size_t cell = 0;

		for (size_t i = 0; i < table->n_columns; i++) {
			if (doc_column_level(&table->columns[i]) == row->level)
				tree_set(t, object, table->columns[i].key,
					 tree_value(t, &row->cell[cell++]));
		}
		if (row->level == 0 && table->children_key)
			tree_set(t, object, table->children_key,
				 tree_rows(t, table, row->children));
		tree_append(t, rows, object);
	}
	return rows;
}

static json_t *tree_notes(struct tree *t, const struct doc_node *node)
{
	json_t *notes = json_array();

	for (const struct doc_item *item = node->items; item; item = item->next) {
		if (item->kind == DOC_ITEM_NOTE)
			tree_append(t, notes, tree_string(item->text));
	}
	return notes;
}

static json_t *tree_node(struct tree *t, const struct doc_node *node)
{
	json_t *object = json_object();

	if (node == &node->doc->root)
		tree_set(t, object, "schema", tree_string(node->doc->schema));
	for (const struct doc_item *item = node->items; item; item = item->next) {
		switch (item->kind) {
		case DOC_ITEM_FIELD:
			if (item->key)
				tree_set(t, object, item->key, tree_value(t, &item->value));
			break;
		case DOC_ITEM_SECTION:
			if (item->key)
				tree_set(t, object, item->key, tree_node(t, item->section));
			break;
		case DOC_ITEM_TABLE:
			if (item->key)
				tree_set(t, object, item->key,
					 tree_rows(t, item->table, item->table->rows));
			break;
		case DOC_ITEM_LINES:
			if (item->key)
				tree_set(t, object, item->key, tree_string(item->text));
			break;
		case DOC_ITEM_NOTE:
			break;
		}
	}
	if (node->has_notes)
		tree_set(t, object, "notes", tree_notes(t, node));
	return object;
}

static int render(struct doc *d, size_t flags, FILE *out)
{
	struct tree t = { 0 };
	json_t *root = tree_node(&t, &d->root);
	int error;

	flags |= JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII;
	error = t.failed || json_dumpf(root, out, flags) < 0 ? -ENOMEM : 0;
	json_decref(root);
	putc('\n', out);
	return print_finish(out, error);
}

int doc_render_json(struct doc *d, FILE *out)
{
	return render(d, JSON_INDENT(2), out);
}

int doc_render_json_line(struct doc *d, FILE *out)
{
	return render(d, JSON_COMPACT, out);
}
