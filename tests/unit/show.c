// SPDX-License-Identifier: MIT
// The show layer: every kind of value and every shape of a document, as text and as JSON.

#include "tests/unit/show_fixture.h"

#include <jansson.h>

static const char *const two[] = { "one", "two" };

static void add_every_kind(struct doc_node *node)
{
	doc_field(node, "none", "None", doc_none());
	doc_field(node, "unknown", "Unknown", doc_unknown("permission denied"));
	doc_field(node, "unknown_why", "No reason", doc_unknown(NULL));
	doc_field(node, "string", "A long label", doc_string("word"));
	doc_field(node, "empty", "Empty", doc_string(""));
	doc_field(node, "null", "Null", doc_string(NULL));
	doc_field(node, "number", "Number", doc_number(-5));
	doc_field(node, "yes", "Yes", doc_bool(true));
	doc_field(node, "no", "No", doc_bool(false));
	doc_field(node, "list", "List", doc_list(two, 2));
	doc_field(node, "list_empty", "Empty list", doc_list(NULL, 0));
	doc_field(node, "as", "As", doc_as(doc_number(268435456), "256 MiB"));
	doc_field(node, "hidden", NULL, doc_number(1));
}

static void test_fields_text(void **state)
{
	struct fixture *f = *state;

	add_every_kind(f->root);
	assert_string_equal(text_of(f, WIDE), "None:          -\n"
					      "Unknown:       unknown (permission denied)\n"
					      "No reason:     unknown\n"
					      "A long label:  word\n"
					      "Empty:\n"
					      "Null:          -\n"
					      "Number:        -5\n"
					      "Yes:           yes\n"
					      "No:            no\n"
					      "List:          one, two\n"
					      "Empty list:    none\n"
					      "As:            256 MiB\n");
}

static void test_fields_json(void **state)
{
	struct fixture *f = *state;

	add_every_kind(f->root);
	assert_string_equal(json_of(f), "{\n"
					"  \"schema\": \"passthru.test/1\",\n"
					"  \"none\": null,\n"
					"  \"unknown\": {\n"
					"    \"unknown\": \"permission denied\"\n"
					"  },\n"
					"  \"unknown_why\": {\n"
					"    \"unknown\": \"\"\n"
					"  },\n"
					"  \"string\": \"word\",\n"
					"  \"empty\": \"\",\n"
					"  \"null\": null,\n"
					"  \"number\": -5,\n"
					"  \"yes\": true,\n"
					"  \"no\": false,\n"
					"  \"list\": [\n"
					"    \"one\",\n"
					"    \"two\"\n"
					"  ],\n"
					"  \"list_empty\": [],\n"
					"  \"as\": 268435456,\n"
					"  \"hidden\": 1\n"
					"}\n");
}

static void test_wide_gap(void **state)
{
	static const char label[] =
		"A label that is longer than the blanks which are written at once";
	struct fixture *f = *state;

	doc_field(f->root, "long", label, doc_none());
	doc_field(f->root, "short", "Short", doc_none());
	assert_string_equal(text_of(f, WIDE), arena_printf(&f->arena, "%s:  -\nShort:%*s  -\n",
							   label, (int)strlen(label) - 5, ""));
}

static void test_cells(void **state)
{
	static const struct doc_column columns[] = { { "a", "Left", 0 },
						     { "b", "Right", DOC_RIGHT },
						     { "c", NULL, 0 },
						     { "d", "Last", 0 } };
	struct fixture *f = *state;
	struct doc_table *table = doc_table(f->root, "t", NULL, columns, 4, NULL, "None.");
	const struct doc_value cells[][4] = {
		{ doc_string("a longer one"), doc_number(7), doc_bool(true), doc_none() },
		{ doc_unknown("why"), doc_number(1000000), doc_bool(false), doc_string("") },
		{ doc_list(two, 2), doc_bool(true), doc_none(), doc_string("blanks  ") },
		{ doc_list(two, 0), doc_as(doc_number(1024), "1 KiB"), doc_none(), doc_none() },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cells); i++) {
		struct doc_row *row = doc_row(table);
		for (size_t c = 0; c < 4; c++)
			doc_cell(row, cells[i][c]);
	}
	doc_cell(doc_row(table), doc_string("alone"));
	assert_string_equal(text_of(f, WIDE), "LEFT            RIGHT  LAST\n"
					      "a longer one        7  -\n"
					      "unknown       1000000\n"
					      "one, two          yes  blanks\n"
					      "-               1 KiB  -\n"
					      "alone               -  -\n");
}

static void test_shape(void **state)
{
	static const struct doc_column columns[] = { { "k", "Key", 0 } };
	static const struct doc_column hidden[] = { { "k", NULL, 0 } };
	struct fixture *f = *state;

	doc_note(f->root, "First.");
	doc_field(f->root, "a", "A", doc_number(1));
	struct doc_node *section = doc_section(f->root, "section", "Section");
	doc_field(section, "bb", "BB", doc_number(2));
	doc_cell(doc_row(doc_table(section, "rows", "Rows", columns, 1, NULL, NULL)), doc_none());
	doc_field(doc_section(section, "inner", "Inner"), "c", "C", doc_number(3));
	doc_cell(doc_row(doc_table(f->root, "hidden", "H", hidden, 1, NULL, NULL)), doc_none());
	doc_field(doc_section(f->root, "json_only", "J"), "x", NULL, doc_none());
	doc_table(f->root, "left_out", "Left out", columns, 1, NULL, NULL);
	doc_table(f->root, "none", "Nothing", columns, 1, NULL, "Nothing here.");
	doc_field(doc_section(f->root, "plain", ""), "y", "Y", doc_number(4));
	doc_note(f->root, "Last.");

	assert_string_equal(text_of(f, WIDE), "First.\n\nA:  1\n\n"
					      "Section\n  BB:  2\n\n"
					      "  Rows\n    KEY\n    -\n\n"
					      "  Inner\n    C:  3\n\n"
					      "Nothing\n  Nothing here.\n\n"
					      "Y:  4\n\n"
					      "Last.\n");
	json_t *json = json_loads(json_of(f), JSON_REJECT_DUPLICATES, NULL);
	char *compact = json_dumps(json, JSON_COMPACT);
	assert_string_equal(compact, "{\"schema\":\"passthru.test/1\",\"a\":1,"
				     "\"section\":{\"bb\":2,\"rows\":[{\"k\":null}],"
				     "\"inner\":{\"c\":3}},\"hidden\":[{\"k\":null}],"
				     "\"json_only\":{\"x\":null},\"left_out\":[],\"none\":[],"
				     "\"plain\":{\"y\":4},\"notes\":[\"First.\",\"Last.\"]}");
	free(compact);
	json_decref(json);
}

static void test_empty(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(text_of(f, WIDE), "");
	assert_string_equal(json_of(f), "{\n  \"schema\": \"passthru.test/1\"\n}\n");
	assert_true(doc_is_empty(f->doc));
	doc_section(f->root, "empty", "Empty");
	assert_false(doc_is_empty(f->doc));
	assert_string_equal(text_of(f, WIDE), "");
	assert_string_equal(json_of(f),
			    "{\n  \"schema\": \"passthru.test/1\",\n  \"empty\": {}\n}\n");
}

static void add_groups(struct fixture *f, bool visible)
{
	static const struct doc_column shown[] = { { "group", "Group", DOC_RIGHT },
						   { "device", "Device", DOC_LEVEL_1 },
						   { "type", "Type", 0 },
						   { "name", "Name", DOC_LEVEL_1 } };
	static const struct doc_column hidden[] = { { "group", "Group", DOC_RIGHT },
						    { "device", NULL, DOC_LEVEL_1 },
						    { "type", "Type", 0 },
						    { "name", NULL, DOC_LEVEL_1 } };
	struct doc_table *table =
		doc_table(f->root, "groups", NULL, visible ? shown : hidden, 4, "devices", "None.");
	struct doc_row *row = doc_row(table);

	doc_cell(row, doc_number(1));
	doc_cell(row, doc_string("DMA"));
	for (int i = 0; i < 2; i++) {
		struct doc_row *child = doc_child_row(row);
		doc_cell(child, doc_string(i ? "01:00.1" : "01:00.0"));
		doc_cell(child, doc_string(i ? "audio" : "gpu"));
	}
	row = doc_row(table);
	doc_cell(row, doc_number(12));
	doc_cell(row, doc_string("identity"));
}

static void test_children(void **state)
{
	struct fixture *f = *state;

	add_groups(f, true);
	assert_string_equal(text_of(f, WIDE), "GROUP  DEVICE   TYPE      NAME\n"
					      "    1  01:00.0  DMA       gpu\n"
					      "    1  01:00.1  DMA       audio\n"
					      "   12  -        identity  -\n");
	json_t *json = json_loads(json_of(f), JSON_REJECT_DUPLICATES, NULL);
	char *compact = json_dumps(json_object_get(json, "groups"), JSON_COMPACT);
	assert_string_equal(compact, "[{\"group\":1,\"type\":\"DMA\",\"devices\":["
				     "{\"device\":\"01:00.0\",\"name\":\"gpu\"},"
				     "{\"device\":\"01:00.1\",\"name\":\"audio\"}]},"
				     "{\"group\":12,\"type\":\"identity\",\"devices\":[]}]");
	free(compact);
	json_decref(json);
}

/* Children that only the JSON shows do not repeat their parent. */
static void test_hidden_children(void **state)
{
	struct fixture *f = *state;

	add_groups(f, false);
	assert_string_equal(text_of(f, WIDE), "GROUP  TYPE\n"
					      "    1  DMA\n"
					      "   12  identity\n");
}

static void test_children_first(void **state)
{
	static const struct doc_column columns[] = { { "c", "C", DOC_LEVEL_1 }, { "p", "P", 0 } };
	struct fixture *f = *state;
	struct doc_row *row = doc_row(doc_table(f->root, "t", NULL, columns, 2, "cs", NULL));

	doc_cell(row, doc_string("p"));
	doc_cell(doc_child_row(row), doc_number(1));
	doc_cell(doc_child_row(row), doc_number(2));
	assert_string_equal(text_of(f, WIDE), "C  P\n1  p\n2  p\n");
}

static void test_numbers_are_exact(void **state)
{
	struct fixture *f = *state;

	doc_field(f->root, "min", "Min", doc_number(INT64_MIN));
	doc_field(f->root, "max", "Max", doc_number(INT64_MAX));
	assert_string_equal(text_of(f, WIDE), "Min:  -9223372036854775808\n"
					      "Max:  9223372036854775807\n");
	json_t *json = json_loads(json_of(f), 0, NULL);
	assert_true(json_integer_value(json_object_get(json, "min")) == INT64_MIN);
	assert_true(json_integer_value(json_object_get(json, "max")) == INT64_MAX);
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_fields_text),    TEST(test_fields_json),
		TEST(test_wide_gap),       TEST(test_cells),
		TEST(test_shape),          TEST(test_empty),
		TEST(test_children),       TEST(test_hidden_children),
		TEST(test_children_first), TEST(test_numbers_are_exact),
	};

	return cmocka_run_group_tests_name("show", tests, NULL, NULL);
}
