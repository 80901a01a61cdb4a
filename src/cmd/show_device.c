// SPDX-License-Identifier: MIT
// The parts of `show` that explain: what the host loses with the device, why its IOMMU group is
// what it is, and what stands in the way of a guest. The facts are those of host_read_device(),
// which checks judge too.

#include "base/text.h"
#include "cmd/facts.h"
#include "cmd/show.h"

#include <errno.h>
#include <inttypes.h>

static void add_losses(struct request *request, const struct device_facts *facts)
{
	static const struct doc_column columns[] = {
		{ "kind", "KIND", 0 }, { "active", "IN USE", 0 }, { "what", "WHAT", 0 },
		{ "where", NULL, 0 },  { "value", NULL, 0 },      { "stop", "TO STOP IT", 0 },
	};
	struct arena *a = &request->host->arena;
	const struct device_uses *uses = &facts->uses;
	struct doc_node *root = doc_root(request->doc);
	struct doc_table *table = doc_table(
		root, "losses", "What the host loses with it", columns, ARRAY_SIZE(columns), NULL,
		uses->n_gaps ? "Nothing that could be seen." : "Nothing that is in use.");

	for (size_t i = 0; i < uses->n; i++)
		use_cells(doc_row(table), &uses->use[i]);
	for (size_t i = 0; i < uses->n_gaps; i++)
		doc_note(root, arena_printf(a, "There may be more (%s): %s could not be read, %s.",
					    use_kind_word(uses->gap[i].kind), uses->gap[i].where,
					    fact_reason(uses->gap[i].error)));
}

/* Why others are in the group, and what would help against it. */
static const char *cause_sentence(struct arena *a, const struct isolation *isolation)
{
	const char *culprit = isolation->culprit ? isolation->culprit->name : "a function";

	switch (isolation->cause) {
	case ISOLATION_ALONE:
		return "It is alone in its group.";
	case ISOLATION_SHARED_ID:
		return arena_printf(
			a,
			"Everything behind the bridge %s reaches the IOMMU under one id. "
			"Another slot helps; no setting does.",
			culprit);
	case ISOLATION_PATH:
		return arena_printf(
			a,
			"The port %s does not keep apart what is behind it. A slot below "
			"another port helps, or a firmware setting named ACS; binding "
			"differently does not.",
			culprit);
	case ISOLATION_FUNCTIONS:
		return arena_printf(
			a,
			"The functions of the device at %s are not kept apart. They go to "
			"a guest together or not at all.",
			culprit);
	case ISOLATION_DMA_ALIAS:
		return arena_printf(
			a, "%s is known to use the id of another function. No setting helps.",
			culprit);
	case ISOLATION_CAUSE_UNKNOWN:
		break;
	}
	return "It depends on configuration spaces that could not be read.";
}

static void add_isolation(struct request *request, const struct device_facts *facts)
{
	static const struct doc_column columns[] = {
		{ "address", "ADDRESS", 0 },
		{ "isolates", "ISOLATES", 0 },
		{ "why", "WHY", 0 },
	};
	struct arena *a = &request->host->arena;
	const struct isolation *isolation = facts->isolation;
	struct doc_node *node =
		doc_section(doc_root(request->doc), "isolation", "Why the group is what it is");

	if (!isolation) {
		doc_field(node, "cause", "Cause", doc_none());
		return;
	}
	doc_field(node, "cause", "Cause", doc_string(cause_sentence(a, isolation)));
	doc_field(node, "culprit", NULL,
		  doc_string(isolation->culprit ? isolation->culprit->name : NULL));
	doc_field(node, "differs",
		  isolation->agreement == ISOLATION_DIFFERS ? "Group differs" : NULL,
		  doc_as(doc_bool(isolation->agreement == ISOLATION_DIFFERS),
			 "from what these registers say: a patched or newer kernel, or its "
			 "parameters"));
	struct doc_table *table = doc_table(node, "steps", "On the way up", columns,
					    ARRAY_SIZE(columns), NULL, "Nothing.");
	for (size_t i = 0; i < isolation->n_steps; i++) {
		const struct isolation_step *step = &isolation->steps[i];
		struct doc_row *row = doc_row(table);

		doc_cell(row, doc_string(step->function->name));
		doc_cell(row, step->verdict == ISOLATION_UNKNOWN
				      ? doc_unknown(fact_reason(step->error))
				      : doc_bool(step->verdict == ISOLATION_YES));
		doc_cell(row, doc_string(isolation_step_text(a, step)));
	}
}

static void add_regions(struct request *request, const struct device_facts *facts)
{
	static const struct doc_column columns[] = {
		{ "type", "TYPE", 0 },
		{ "start", "START", DOC_RIGHT },
		{ "end", "END", DOC_RIGHT },
	};
	struct arena *a = &request->host->arena;
	struct doc_node *root = doc_root(request->doc);

	if (facts->regions_error) {
		doc_field(root, "reserved_regions", "Reserved regions",
			  fact_text((struct fact_text){ .error = facts->regions_error }));
		return;
	}
	struct doc_table *table = doc_table(root, "reserved_regions", "Reserved regions", columns,
					    ARRAY_SIZE(columns), NULL, "None.");
	for (size_t i = 0; i < facts->n_regions; i++) {
		struct doc_row *row = doc_row(table);

		doc_cell(row, doc_string(facts->regions[i].type));
		doc_cell(row, doc_string(arena_printf(a, "0x%" PRIx64, facts->regions[i].start)));
		doc_cell(row, doc_string(arena_printf(a, "0x%" PRIx64, facts->regions[i].end)));
	}
}

void show_explanations(struct request *request, const struct device_facts *facts)
{
	add_losses(request, facts);
	add_isolation(request, facts);
	add_regions(request, facts);
}
