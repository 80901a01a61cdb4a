// SPDX-License-Identifier: MIT
// Verdicts for people and programs: what is wrong comes first, with evidence and fix; what is right
// is named.

#include "cmd/verdicts.h"
#include "base/text.h"

const char *verdict_word(enum verdict_kind kind)
{
	static const char *const words[] = {
		[VERDICT_SKIP] = "skip",       [VERDICT_PASS] = "pass", [VERDICT_WARN] = "warn",
		[VERDICT_UNKNOWN] = "unknown", [VERDICT_FAIL] = "fail",
	};

	return words[kind];
}

struct doc_value verdict_pairs(struct arena *a, const struct verdict *v)
{
	const char **items = arena_array(a, v->n_evidence * 2, sizeof(*items));

	for (size_t i = 0; i < v->n_evidence; i++) {
		items[2 * i] = v->evidence[i].where;
		items[2 * i + 1] = v->evidence[i].what;
	}
	return doc_pairs(items, v->n_evidence);
}

size_t verdict_count(const struct verdict *verdicts, size_t n, enum verdict_kind kind)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += verdicts[i].kind == kind;
	return count;
}

static void add_section(struct request *request, struct doc_node *node, const struct verdict *v,
			bool visible)
{
	struct arena *a = &request->host->arena;
	const char *word = verdict_word(v->kind);
	struct doc_node *section =
		doc_section(node, v->check->id, arena_printf(a, "%s: %s", word, v->check->id));

	doc_field(section, "verdict", NULL, doc_string(word));
	doc_field(section, "title", NULL, doc_string(v->check->title));
	doc_field(section, "area", NULL, doc_string(v->check->area));
	doc_field(section, "sentence", visible ? "What" : NULL, doc_string(v->sentence));
	doc_field(section, "evidence", visible && v->n_evidence ? "Evidence" : NULL,
		  verdict_pairs(a, v));
	doc_field(section, "fix", visible && v->fix ? "Fix" : NULL, doc_string(v->fix));
	doc_field(section, "command", visible && v->command ? "Command" : NULL,
		  doc_string(v->command));
}

void verdict_sections(struct request *request, struct doc_node *node,
		      const struct verdict *verdicts, size_t n, bool with_passed)
{
	static const enum verdict_kind order[] = {
		VERDICT_FAIL,
		VERDICT_UNKNOWN,
		VERDICT_WARN,
		VERDICT_PASS,
	};
	const char **passed = arena_array(&request->host->arena, n, sizeof(*passed));
	size_t n_passed = 0;

	for (size_t k = 0; k < ARRAY_SIZE(order); k++) {
		for (size_t i = 0; i < n; i++) {
			if (verdicts[i].kind != order[k])
				continue;
			add_section(request, node, &verdicts[i],
				    order[k] != VERDICT_PASS || with_passed);
			if (order[k] == VERDICT_PASS)
				passed[n_passed++] = verdicts[i].check->id;
		}
	}
	if (n_passed > 0 && !with_passed)
		doc_field(node, NULL, "Passed", doc_list(passed, n_passed));
}
