// SPDX-License-Identifier: MIT
// passthru show: everything about one device.

#include "cmd/show.h"
#include "base/text.h"
#include "cmd/facts.h"
#include "handover/handover.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static void add_identity(struct request *request, const struct pci_function *f,
			 const struct pci_detail *detail)
{
	struct arena *arena = &request->host->arena;
	struct doc_node *node = doc_section(doc_root(request->doc), "device", "");
	struct doc_value subsystem = function_id(request, f, f->subsystem_vendor, 4);

	doc_field(node, "address", "Address", doc_string(f->name));
	doc_field(node, "selector", "Selector", function_selector(request, f));
	doc_field(node, "name", "Name", function_name(request, f));
	doc_field(node, "class", "Class", function_class(request, f));
	doc_field(node, "vendor", "Ids", function_ids(request, f));
	doc_field(node, "device", NULL, function_id(request, f, f->device, 4));
	if (!f->error)
		subsystem = doc_as(subsystem, arena_printf(arena, "%04x:%04x", f->subsystem_vendor,
							   f->subsystem_device));
	doc_field(node, "subsystem_vendor", "Subsystem", subsystem);
	doc_field(node, "subsystem_device", NULL, function_id(request, f, f->subsystem_device, 4));
	doc_field(node, "driver", "Driver", fact_text(f->driver));
	doc_field(node, "driver_override", "Driver override", fact_text(detail->driver_override));
	doc_field(node, "numa_node", "NUMA node", fact_number(detail->numa_node));
	doc_field(node, "boot_vga", "Boot display", fact_bool(detail->boot_vga));
	doc_field(node, "physical_function", "Virtual function of",
		  fact_text(detail->physical_function));
}

static void add_function_table(struct request *request, struct doc_node *node, const char *key,
			       const char *label, const struct selection *functions,
			       const char *empty)
{
	static const struct doc_column columns[] = {
		FUNCTION_COLUMNS(0),
		{ "iommu_group", "GROUP", DOC_RIGHT },
		{ "name", "NAME", DOC_TRUNCATE },
	};
	struct doc_table *table =
		doc_table(node, key, label, function_columns(request, columns, ARRAY_SIZE(columns)),
			  ARRAY_SIZE(columns), NULL, empty);

	for (size_t i = 0; i < functions->n; i++) {
		struct doc_row *row = doc_row(table);

		function_cells(request, row, functions->function[i]);
		doc_cell(row, fact_number(functions->function[i]->iommu_group));
		doc_cell(row, function_name(request, functions->function[i]));
	}
}

static void add_group(struct request *request, const struct pci_function *f,
		      const struct device_facts *facts)
{
	struct doc_node *node = doc_section(doc_root(request->doc), "group", "IOMMU group");
	struct selection members = { 0 };
	const struct iommu_group *group = &facts->group;

	doc_field(node, "number", "Number", fact_number(f->iommu_group));
	if (f->iommu_group.error)
		return;
	doc_field(node, "type", "Default domain",
		  fact_text(host_group_type(request->host, f->iommu_group.value)));
	if (facts->group_error) {
		doc_field(node, "members", "Members", doc_unknown(fact_reason(facts->group_error)));
		return;
	}
	if (group->n_others > 0)
		doc_field(node, "others", "Other members",
			  doc_list(group->others, group->n_others));
	members = (struct selection){ group->members, group->n_members };
	add_function_table(request, node, "members", "Members", &members, "None.");
}

/* Functions of the slot of which it is not known whether they belong to @f. */
static size_t count_unknown_mates(const struct host *host, const struct pci_function *f)
{
	size_t n = 0;

	for (size_t i = 0; i < host->n_functions; i++) {
		const struct pci_function *mate = &host->functions[i];
		int group = mate->iommu_group.error;

		if (mate != f && pci_same_slot(mate->address, f->address))
			n += mate->error || (group && group != -ENOENT);
	}
	return n;
}

static void add_closure(struct request *request, const struct pci_function *f,
			const struct device_facts *facts)
{
	struct arena *arena = &request->host->arena;
	const struct selection none = { 0 };
	size_t n_unknown = count_unknown_mates(request->host, f);

	add_function_table(request, doc_root(request->doc), "closure", "Goes to a guest together",
			   pci_is_bridge(f) ? &none : &facts->together,
			   "Nothing: bridges stay with the host.");
	if (n_unknown > 0)
		doc_note(doc_root(request->doc),
			 arena_printf(arena,
				      "%s of its slot could not be read and may belong to it.",
				      text_count(arena, n_unknown, "function", "functions")));
}

static void add_parents(struct request *request, const struct pci_function *f)
{
	struct host *host = request->host;
	struct selection parents = {
		.function = arena_array(&host->arena, host->n_functions, sizeof(*parents.function)),
	};

	for (struct pci_function *bridge = f->parent; bridge; bridge = bridge->parent)
		parents.function[parents.n++] = bridge;
	add_function_table(request, doc_root(request->doc), "parents", "Above it, nearest first",
			   &parents, "Nothing: it is on a root bus.");
}

static const char *resource_name(struct arena *arena, const struct pci_function *f, unsigned index)
{
	/* whether windows begin at 7 or at 13 depends on the configuration of the kernel */
	if (pci_is_bridge(f) && index > 6)
		return "window";
	if (index == 6)
		return "ROM";
	return index < 6 ? arena_printf(arena, "BAR %u", index)
			 : arena_printf(arena, "VF BAR %u", index - 7);
}

static void add_resources(struct request *request, const struct pci_function *f,
			  const struct pci_detail *detail)
{
	static const struct doc_column columns[] = {
		{ "name", "NAME", 0 },
		{ "kind", "KIND", 0 },
		{ "bits", "BITS", DOC_RIGHT },
		{ "prefetchable", "PREFETCHABLE", 0 },
		{ "address", "ADDRESS", DOC_RIGHT },
		{ "size_bytes", "SIZE", DOC_RIGHT },
	};
	struct arena *arena = &request->host->arena;
	struct doc_node *root = doc_root(request->doc);

	if (detail->resource_error) {
		doc_field(root, "bars", "BARs",
			  fact_text((struct fact_text){ .error = detail->resource_error }));
		return;
	}
	struct doc_table *table =
		doc_table(root, "bars", "BARs", columns, ARRAY_SIZE(columns), NULL, "None.");
	for (size_t i = 0; i < detail->n_resources; i++) {
		const struct pci_resource *bar = &detail->resources[i];
		bool memory = bar->kind == PCI_RESOURCE_MEMORY;
		struct doc_row *row = doc_row(table);

		doc_cell(row, doc_string(resource_name(arena, f, bar->index)));
		doc_cell(row, doc_string(memory ? "memory" : "io"));
		doc_cell(row, memory ? doc_number(bar->is_64bit ? 64 : 32) : doc_none());
		doc_cell(row, memory ? doc_bool(bar->prefetchable) : doc_none());
		/* an address is text: JSON readers keep 53 bits of a number */
		doc_cell(row, bar->assigned
				      ? doc_string(arena_printf(arena, "0x%" PRIx64, bar->start))
				      : doc_none());
		doc_cell(row, doc_as(doc_number((int64_t)bar->size_bytes),
				     text_size(arena, bar->size_bytes)));
	}
}

static struct doc_value lanes(struct fact_text width)
{
	uint64_t n;

	if (width.error)
		return fact_text(width);
	if (text_number(width.value, 10, 64, &n) < 0)
		return doc_unknown(fact_reason(-EBADMSG));
	return doc_number((int64_t)n);
}

/* "x16 at 8.0 GT/s PCIe" */
static struct doc_value link_text(struct arena *arena, struct fact_text speed,
				  struct fact_text width)
{
	struct doc_value value = fact_text(speed);

	if (value.kind == DOC_STRING && lanes(width).kind == DOC_NUMBER)
		value.text = arena_printf(arena, "x%s at %s", width.value, speed.value);
	return value;
}

static void add_behaviour(struct request *request, const struct pci_detail *detail)
{
	struct arena *arena = &request->host->arena;
	struct doc_node *root = doc_root(request->doc);
	struct doc_node *link = doc_section(root, "link", "Link");
	struct doc_node *power = doc_section(root, "power", "Power");
	struct doc_node *options = doc_section(root, "options", "Options");

	doc_field(link, "speed", "Now", link_text(arena, detail->link_speed, detail->link_width));
	doc_field(link, "width", NULL, lanes(detail->link_width));
	doc_field(link, "speed_max", "At most",
		  link_text(arena, detail->link_speed_max, detail->link_width_max));
	doc_field(link, "width_max", NULL, lanes(detail->link_width_max));
	doc_field(power, "state", "State", fact_text(detail->power_state));
	doc_field(power, "runtime_status", "Runtime status", fact_text(detail->runtime_status));
	doc_field(power, "d3cold_allowed", "D3cold allowed", fact_bool(detail->d3cold_allowed));
	doc_field(options, "reset_methods", "Reset methods",
		  fact_words(arena, detail->reset_methods));
	doc_field(options, "rom", "Expansion ROM",
		  detail->rom_error && detail->rom_error != -ENOENT
			  ? doc_unknown(fact_reason(detail->rom_error))
			  : doc_bool(detail->rom_error == 0));
	doc_field(options, "vfs", "Virtual functions", fact_number(detail->vfs));
	doc_field(options, "vfs_max", "Virtual functions at most", fact_number(detail->vfs_max));
}

static int run_show(struct request *request, struct err *e)
{
	struct host *host = request->host;
	struct selection selection;
	int error = host_read_pci(host, e);

	if (error == 0)
		error = select_device(host, request->argument[0], &selection, e);
	if (error < 0)
		return error;
	struct pci_function *f = selection.function[0];
	const struct device_facts *facts = host_read_device(host, f);
	add_identity(request, f, &facts->detail);
	add_group(request, f, facts);
	add_closure(request, f, facts);
	add_parents(request, f);
	add_resources(request, f, &facts->detail);
	add_behaviour(request, &facts->detail);
	show_explanations(request, facts);
	return ANSWER_YES;
}

static void read_all(struct host *host)
{
	for (size_t i = 0; i < host->n_functions; i++)
		(void)host_read_device(host, &host->functions[i]);
}

const struct command command_show = {
	.name = "show",
	.arguments = "DEVICE",
	.summary = "everything about one device",
	.help = "Shows identity, IOMMU group, what goes to a guest together with the device, the "
		"bridges above "
		"it, BARs, link, power, reset methods and options. Wakes no device.",
	.min_arguments = 1,
	.max_arguments = 1,
	.run = run_show,
	.read_all = read_all,
};
