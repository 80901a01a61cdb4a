// SPDX-License-Identifier: MIT
// passthru list: what is there. Reads what a listing needs and nothing more, see host/pci.c.

#include "base/text.h"
#include "cmd/facts.h"

#include <errno.h>

static void list_pci(struct request *request)
{
	static const struct doc_column columns[] = {
		FUNCTION_COLUMNS(0),
		{ "iommu_group", "GROUP", DOC_RIGHT },
		{ "name", "NAME", DOC_TRUNCATE },
	};
	struct host *host = request->host;
	struct doc_table *table = doc_table(doc_root(request->doc), "pci", "",
					    function_columns(request, columns, ARRAY_SIZE(columns)),
					    ARRAY_SIZE(columns), NULL, "No PCI devices.");

	for (size_t i = 0; i < host->n_functions; i++) {
		const struct pci_function *f = &host->functions[i];
		struct doc_row *row = doc_row(table);

		function_cells(request, row, f);
		doc_cell(row, fact_number(f->iommu_group));
		doc_cell(row, function_name(request, f));
	}
}

/* What is not known to belong into a list would be missing without a word. */
static void note_unknown(struct request *request, size_t n, const char *what)
{
	struct arena *arena = &request->host->arena;

	if (n > 0)
		doc_note(doc_root(request->doc),
			 arena_printf(arena, "The %s of %s could not be read.", what,
				      text_count(arena, n, "function", "functions")));
}

static void list_gpus(struct request *request)
{
	static const struct doc_column columns[] = {
		{ "selector", "DEVICE", 0 },           FUNCTION_COLUMNS(0),
		{ "iommu_group", "GROUP", DOC_RIGHT }, { "boot_vga", "BOOT", 0 },
		{ "name", "NAME", DOC_TRUNCATE },
	};
	struct host *host = request->host;
	size_t n_unknown = 0;
	struct doc_table *table = doc_table(doc_root(request->doc), "gpus", "",
					    function_columns(request, columns, ARRAY_SIZE(columns)),
					    ARRAY_SIZE(columns), NULL, "No display controllers.");

	for (size_t i = 0; i < host->n_functions; i++) {
		const struct pci_function *f = &host->functions[i];

		n_unknown += f->error != 0;
		if (!pci_is_display(f))
			continue;
		struct doc_row *row = doc_row(table);
		doc_cell(row, function_selector(request, f));
		function_cells(request, row, f);
		doc_cell(row, fact_number(f->iommu_group));
		doc_cell(row, fact_bool(host_boot_vga(host, f)));
		doc_cell(row, function_name(request, f));
	}
	note_unknown(request, n_unknown, "class");
}

static void list_groups(struct request *request)
{
	static const struct doc_column columns[] = {
		{ "group", "GROUP", DOC_RIGHT },
		{ "type", "TYPE", 0 },
		FUNCTION_COLUMNS(DOC_LEVEL_1),
		{ "name", "NAME", DOC_LEVEL_1 | DOC_TRUNCATE },
	};
	struct doc_table *table = doc_table(doc_root(request->doc), "groups", "",
					    function_columns(request, columns, ARRAY_SIZE(columns)),
					    ARRAY_SIZE(columns), "devices",
					    "No IOMMU groups: the IOMMU is off or not there.");
	struct host *host = request->host;
	struct iommu_group *groups;
	size_t n, n_unknown = 0;

	host_groups(host, &groups, &n);
	for (size_t g = 0; g < n; g++) {
		struct doc_row *row = doc_row(table);

		doc_cell(row, doc_number((int64_t)groups[g].number));
		doc_cell(row, fact_text(groups[g].type));
		for (size_t i = 0; i < groups[g].n_members; i++) {
			struct doc_row *child = doc_child_row(row);
			function_cells(request, child, groups[g].members[i]);
			doc_cell(child, function_name(request, groups[g].members[i]));
		}
	}
	for (size_t i = 0; i < host->n_functions; i++) {
		int error = host->functions[i].iommu_group.error;
		n_unknown += error != 0 && error != -ENOENT;
	}
	note_unknown(request, n_unknown, "group");
}

static const struct {
	const char *name;
	void (*list)(struct request *request);
} subjects[] = {
	{ "pci", list_pci },
	{ "gpus", list_gpus },
	{ "groups", list_groups },
};

static int run_list(struct request *request, struct err *e)
{
	const char *name = request->n_arguments ? request->argument[0] : "pci";

	for (size_t i = 0; i < ARRAY_SIZE(subjects); i++) {
		if (!str_eq(subjects[i].name, name))
			continue;
		int error = host_read_pci(request->host, e);
		if (error < 0)
			return error;
		subjects[i].list(request);
		return ANSWER_YES;
	}
	return err_usage(e, "list knows pci, gpus and groups, not %s", name);
}

static void read_all(struct host *host)
{
	struct iommu_group *groups;
	size_t n;

	host_groups(host, &groups, &n);
	for (size_t i = 0; i < host->n_functions; i++) {
		if (pci_is_display(&host->functions[i]))
			(void)host_boot_vga(host, &host->functions[i]);
	}
}

const struct command command_list = {
	.name = "list",
	.arguments = "[pci|gpus|groups]",
	.summary = "PCI functions, GPUs or IOMMU groups with their drivers",
	.help = "Lists PCI functions (the default), display controllers, or IOMMU groups with what "
		"is in "
		"them. Reads no configuration space and wakes no device.",
	.max_arguments = 1,
	.run = run_list,
	.read_all = read_all,
};
