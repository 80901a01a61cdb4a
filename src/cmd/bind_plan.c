// SPDX-License-Identifier: MIT
// What `passthru bind` would do: which functions move and why each belongs to it, what the host
// loses, which units are stopped, and what stands against it.

#include "cmd/bind_plan.h"
#include "base/text.h"
#include "cmd/facts.h"

#include <inttypes.h>

#define DAY_S 86400u

int bind_parse_time(const char *text, unsigned *ret_s, struct err *e)
{
	static const struct {
		char letter;
		unsigned seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', DAY_S } };
	struct arena digits = { 0 };
	uint64_t n = 0;
	size_t length = strlen(text);

	for (size_t i = 0; length > 1 && i < ARRAY_SIZE(units); i++) {
		if (text[length - 1] != units[i].letter)
			continue;
		int error = text_number(arena_strndup(&digits, text, length - 1), 10,
					30 * (uint64_t)DAY_S / units[i].seconds, &n);
		arena_free(&digits);
		*ret_s = (unsigned)n * units[i].seconds;
		if (error == 0 && n > 0)
			return 0;
		break;
	}
	return err_usage(e, "--for %s: give a time such as 90s, 30m, 2h or 1d, up to 30 days",
			 text);
}

/* The first function before it in the handover that it came with, or NULL: it was named. */
static const struct pci_function *came_with(struct request *request,
					    const struct handover *handover, size_t at)
{
	const struct pci_function *f = handover->functions[at].function;
	struct selection together;

	for (size_t i = 0; i < at; i++) {
		host_companions(request->host, handover->functions[i].function, &together);
		for (size_t k = 1; k < together.n; k++) {
			if (together.function[k] == f)
				return handover->functions[i].function;
		}
	}
	return NULL;
}

static const char *why(struct request *request, const struct handover *handover, size_t at)
{
	const struct pci_function *f = handover->functions[at].function;
	const struct pci_function *other = came_with(request, handover, at);
	struct arena *a = &request->host->arena;

	if (!other)
		return "named";
	if (f->iommu_group.error == 0 && other->iommu_group.error == 0 &&
	    f->iommu_group.value == other->iommu_group.value)
		return arena_printf(a, "shares slot and IOMMU group with %s", other->name);
	return arena_printf(a, "a part of the card at %s", other->name);
}

static bool is_there(const struct pci_function *f)
{
	return f->driver.error == 0 && host_is_vfio_driver(f->driver.value);
}

void bind_show_functions(struct request *request, const struct handover *handover, const char *key,
			 const char *label)
{
	static const struct doc_column columns[] = {
		{ "address", "ADDRESS", 0 },
		{ "name", "NAME", DOC_TRUNCATE },
		{ "iommu_group", "GROUP", DOC_RIGHT },
		{ "driver", "DRIVER NOW", 0 },
		{ "driver_wanted", "DRIVER THEN", 0 },
		{ "why", "WHY", 0 },
		{ "driver_why", NULL, 0 },
	};
	struct doc_table *table = doc_table(doc_root(request->doc), key, label,
					    function_columns(request, columns, ARRAY_SIZE(columns)),
					    ARRAY_SIZE(columns), NULL, "Nothing.");

	for (size_t i = 0; i < handover->n; i++) {
		const struct handover_function *f = &handover->functions[i];
		struct doc_row *row = doc_row(table);

		doc_cell(row, doc_string(f->function->name));
		doc_cell(row, function_name(request, f->function));
		doc_cell(row, fact_number(f->function->iommu_group));
		doc_cell(row, fact_text(f->function->driver));
		/* what is with VFIO stays with the driver that it has */
		doc_cell(row, doc_string(is_there(f->function) ? f->function->driver.value
							       : f->driver_wanted));
		doc_cell(row, doc_string(why(request, handover, i)));
		doc_cell(row, doc_string(f->driver_why));
	}
}

static void add_losses(struct request *request, const struct handover *handover)
{
	static const struct doc_column columns[] = {
		{ "address", "ADDRESS", 0 }, { "kind", "KIND", 0 }, { "active", "IN USE", 0 },
		{ "what", "WHAT", 0 },       { "where", NULL, 0 },  { "value", NULL, 0 },
		{ "stop", "TO STOP IT", 0 },
	};
	struct doc_table *table =
		doc_table(doc_root(request->doc), "losses", "What the host loses with it", columns,
			  ARRAY_SIZE(columns), NULL, "Nothing that is in use.");

	for (size_t i = 0; i < handover->n; i++) {
		struct pci_function *f = handover->functions[i].function;
		const struct device_uses *uses = host_read_uses(request->host, f);

		for (size_t k = 0; k < uses->n; k++) {
			struct doc_row *row = doc_row(table);

			doc_cell(row, doc_string(f->name));
			use_cells(row, &uses->use[k]);
		}
	}
}

void bind_show_refusals(struct request *request, const struct handover_refusals *refusals)
{
	static const struct doc_column columns[] = {
		{ "address", "ADDRESS", 0 }, { "what", "WHAT", 0 },
		{ "where", NULL, 0 },        { "value", NULL, 0 },
		{ "stop", "TO STOP IT", 0 }, { "allow", "LIFTED BY", 0 },
		{ "warning", NULL, 0 },
	};
	struct arena *a = &request->host->arena;
	struct doc_table *table = doc_table(doc_root(request->doc), "refusals", "Refused because",
					    columns, ARRAY_SIZE(columns), NULL, NULL);

	for (size_t i = 0; i < refusals->n; i++) {
		const struct handover_refusal *refusal = &refusals->refusal[i];
		struct doc_value allow = doc_string(refusal->allow);
		struct doc_row *row = doc_row(table);

		if (refusal->allow)
			allow = doc_as(allow, arena_concat(a, "--allow ", refusal->allow));
		doc_cell(row, doc_string(refusal->function->name));
		doc_cell(row, doc_string(refusal->what));
		doc_cell(row, doc_string(refusal->where));
		doc_cell(row, doc_string(refusal->value));
		doc_cell(row, doc_string(refusal->stop));
		doc_cell(row, allow);
		doc_cell(row, doc_string(refusal->warning));
	}
	for (size_t i = 0; i < refusals->n; i++) {
		const struct handover_refusal *refusal = &refusals->refusal[i];

		if (!refusal->warning)
			continue;
		doc_note(doc_root(request->doc),
			 arena_printf(a, "With --allow %s %s.", refusal->allow, refusal->warning));
		break;
	}
}

void bind_show_plan(struct request *request, const struct bind_plan *plan)
{
	const struct handover *handover = &plan->handover;
	struct arena *a = &request->host->arena;
	struct doc_node *root = doc_root(request->doc);

	doc_field(root, "would_be_done", NULL, doc_bool(plan->refusals.n == 0));
	bind_show_functions(request, handover, "plan", "What would move");
	add_losses(request, handover);
	if (handover->n_units)
		doc_field(root, "units", "Stopped before, started again on release",
			  doc_list(handover->units, handover->n_units));
	else
		doc_field(root, "units", NULL, doc_list(NULL, 0));
	if (handover->deadline_s)
		doc_field(root, "deadline_s", "Given back unless confirmed",
			  doc_as(doc_number(handover->deadline_s),
				 arena_printf(a, "after %s", text_time(a, handover->deadline_s))));
	else
		doc_field(root, "deadline_s", NULL, doc_none());
	bind_show_refusals(request, &plan->refusals);
	for (size_t i = 0; i < handover->n; i++) {
		const struct handover_function *f = &handover->functions[i];

		if (f->driver_why && !is_there(f->function))
			doc_note(root, arena_printf(a, "%s: %s is %s.", f->function->name,
						    f->driver_wanted, f->driver_why));
	}
}
