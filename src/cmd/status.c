// SPDX-License-Identifier: MIT
// passthru, without a command: where this host stands, in a few lines, and the next step.

#include "base/text.h"
#include "cmd/facts.h"
#include "cmd/setup_answer.h"
#include "cmd/verdicts.h"
#include "handover/handover.h"

#include <errno.h>
#include <unistd.h>

static const struct verdict *find_verdict(const struct verdict *verdicts, size_t n, const char *id)
{
	for (size_t i = 0; i < n; i++) {
		if (str_eq(verdicts[i].check->id, id))
			return &verdicts[i];
	}
	return NULL;
}

static bool is_with_vfio(const struct pci_function *f)
{
	return f->driver.error == 0 && host_is_vfio_driver(f->driver.value);
}

/* "gpu:0 nouveau (boot display)" */
static struct doc_value gpus(struct host *host)
{
	struct arena *a = &host->arena;
	const char **text = arena_array(a, host->n_functions, sizeof(*text));
	size_t n = 0;

	for (size_t i = 0; i < host->n_functions; i++) {
		const struct pci_function *f = &host->functions[i];

		if (!pci_is_display(f))
			continue;
		struct fact_number boot = host_boot_vga(host, f);
		text[n++] = arena_printf(a, "%s %s%s", select_word(host, f),
					 f->driver.error == -ENOENT ? "without driver"
					 : f->driver.error          ? "unknown driver"
								    : f->driver.value,
					 boot.error == 0 && boot.value ? " (boot display)" : "");
	}
	return doc_list(text, n);
}

static struct doc_value with_vfio(struct host *host)
{
	const char **names = arena_array(&host->arena, host->n_functions, sizeof(*names));
	size_t n = 0;

	for (size_t i = 0; i < host->n_functions; i++) {
		if (is_with_vfio(&host->functions[i]))
			names[n++] = host->functions[i].name;
	}
	return doc_list(names, n);
}

static struct doc_value of_kind(struct arena *a, const struct verdict *verdicts, size_t n,
				enum verdict_kind kind)
{
	const char **ids = arena_array(a, n, sizeof(*ids));
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		if (verdicts[i].kind == kind)
			ids[found++] = verdicts[i].check->id;
	}
	return doc_list(ids, found);
}

/* The display that a user with two would give away: not the one that the firmware used. */
static const struct pci_function *spare_gpu(struct host *host)
{
	for (size_t i = 0; i < host->n_functions; i++) {
		const struct pci_function *f = &host->functions[i];

		if (!pci_is_display(f))
			continue;
		struct fact_number boot = host_boot_vga(host, f);
		if (boot.error || !boot.value)
			return f;
	}
	return NULL;
}

static const char *next_step(struct host *host, const struct verdict *verdicts, size_t n)
{
	struct arena *a = &host->arena;
	const struct pci_function *gpu = spare_gpu(host);

	if (verdict_count(verdicts, n, VERDICT_FAIL) > 0)
		return "passthru check";
	/* of a record, or as root already, the page of the check says what is missing */
	if (verdict_count(verdicts, n, VERDICT_UNKNOWN) > 0)
		return root_is_live(host->root) && geteuid() != 0 ? "passthru check, as root"
								  : "passthru check";
	if (gpu && is_with_vfio(gpu))
		return arena_printf(a, "passthru run --device %s ...", select_word(host, gpu));
	return gpu ? arena_printf(a, "passthru check %s", select_word(host, gpu)) : "passthru list";
}

/* The next step that it asks for; NULL: none. */
static const char *add_setup(struct request *request)
{
	struct doc_node *root = doc_root(request->doc);
	const char *word, *next, *text;
	struct setup_state state;
	struct err problem = { 0 };

	if (setup_read(request->host, &state, &problem) < 0) {
		doc_field(root, "setup", "Setup",
			  doc_unknown(arena_strdup(&request->host->arena, problem.text)));
		return NULL;
	}
	text = setup_standing(request->host, &state, &word, &next);
	doc_field(root, "setup", state.phase == SETUP_NONE ? NULL : "Setup",
		  doc_as(doc_string(word), text));
	return next;
}

/* A system that a rescue system has mounted shows no devices; what was set up stands in its files.
 */
static bool is_mounted_with_setup(struct host *host)
{
	struct setup_state state;

	return !root_is_live(host->root) &&
	       (setup_read(host, &state, NULL) < 0 || state.phase != SETUP_NONE);
}

static void answer_mounted(struct request *request, const char *problem)
{
	static const char *const lists[] = { "gpus", "vfio", "failed", "unknown", "warnings" };
	struct doc_node *root = doc_root(request->doc);

	host_read_facts(request->host);
	doc_field(root, "functions", "PCI functions",
		  doc_unknown(arena_strdup(&request->host->arena, problem)));
	doc_field(root, "iommu", NULL, doc_none());
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		doc_field(root, lists[i], NULL, doc_none());
	(void)add_setup(request);
	doc_field(root, "next", "Next step",
		  doc_string("passthru history and passthru undo, with the same --root"));
}

static int run_status(struct request *request, struct err *e)
{
	struct host *host = request->host;
	struct doc_node *root = doc_root(request->doc);
	const struct selection none = { 0 };
	struct verdict *verdicts;
	struct err problem = { 0 };
	size_t n;

	int error = host_read_pci(host, &problem);
	if (error == -ENOENT && is_mounted_with_setup(host)) {
		answer_mounted(request, problem.text);
		return ANSWER_YES;
	}
	if (error < 0) {
		*e = problem;
		return error;
	}
	host_read_facts(host);
	check_run(host, &none, &host->arena, &verdicts, &n);
	const struct verdict *iommu = find_verdict(verdicts, n, "iommu-active");
	doc_field(root, "functions", "PCI functions", doc_number((int64_t)host->n_functions));
	doc_field(root, "iommu", "IOMMU", doc_string(iommu ? iommu->sentence : NULL));
	doc_field(root, "gpus", "GPUs", gpus(host));
	doc_field(root, "vfio", "With VFIO", with_vfio(host));
	const char *next = add_setup(request);
	doc_field(root, "failed", "Failed", of_kind(&host->arena, verdicts, n, VERDICT_FAIL));
	doc_field(root, "unknown", "Unknown", of_kind(&host->arena, verdicts, n, VERDICT_UNKNOWN));
	doc_field(root, "warnings", "Warnings", of_kind(&host->arena, verdicts, n, VERDICT_WARN));
	doc_field(root, "next", "Next step",
		  doc_string(next ? next : next_step(host, verdicts, n)));
	return ANSWER_YES;
}

/* The rest is what check asks. */
static void read_all(struct host *host)
{
	const char *word, *next;
	struct setup_state state;

	host_read_facts(host);
	if (setup_read(host, &state, NULL) == 0)
		(void)setup_standing(host, &state, &word, &next);
}

const struct command command_status = {
	.name = "status",
	.summary = "where this host stands, and the next step; also without a command",
	.help = "Says in a few lines whether this host could hand a device to a guest, which GPUs "
		"it has and who "
		"holds them, and what to do next.",
	.run = run_status,
	.read_all = read_all,
};
