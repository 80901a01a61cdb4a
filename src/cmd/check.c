// SPDX-License-Identifier: MIT
// passthru check: is the host ready, and these devices.

#include "base/text.h"
#include "cmd/facts.h"
#include "cmd/verdicts.h"
#include "handover/handover.h"

#include <stddef.h>
#include <stdint.h>

struct check_options {
	bool all;
};

/* Those of @f, or of the host, stand next in @verdicts; how many they are. */
static size_t answer_part(struct request *request, struct doc_node *node,
			  const struct verdict *verdicts, size_t n, const struct pci_function *f)
{
	const struct check_options *options = request->options;
	size_t n_own = 0;

	while (n_own < n && verdicts[n_own].function == f)
		n_own++;
	verdict_sections(request, node, verdicts, n_own, options->all);
	return n_own;
}

static void answer(struct request *request, const struct handover *devices,
		   const struct verdict *verdicts, size_t n)
{
	struct arena *a = &request->host->arena;
	struct doc_node *root = doc_root(request->doc);
	size_t n_failed = verdict_count(verdicts, n, VERDICT_FAIL);
	size_t n_unknown = verdict_count(verdicts, n, VERDICT_UNKNOWN);
	size_t n_warned = verdict_count(verdicts, n, VERDICT_WARN);
	const char *counts =
		arena_printf(a, "%zu failed, %zu unknown, %zu with a warning, %zu passed", n_failed,
			     n_unknown, n_warned, verdict_count(verdicts, n, VERDICT_PASS));
	struct doc_value ready = doc_bool(n_failed == 0);

	if (n_failed == 0 && n_unknown > 0)
		ready = doc_unknown("some checks could not find out");
	doc_field(root, "ready", "Ready", ready);
	doc_field(root, NULL, "Checks", doc_string(counts));
	size_t at = answer_part(request, doc_section(root, "host", "Host"), verdicts, n, NULL);
	struct doc_node *node = doc_section(root, "devices", "");
	for (size_t i = 0; i < devices->n; i++) {
		const struct pci_function *f = devices->functions[i].function;
		struct doc_value name = function_name(request, f);
		const char *label = name.kind == DOC_STRING
					    ? arena_printf(a, "%s %s", f->name, name.string)
					    : f->name;

		at += answer_part(request, doc_section(node, f->name, label), &verdicts[at], n - at,
				  f);
	}
}

static int run_check(struct request *request, struct err *e)
{
	struct host *host = request->host;
	struct handover devices = { 0 };
	struct verdict *verdicts;
	size_t n;

	int error = host_read_pci(host, e);
	if (error == 0)
		error = handover_select(host, request->argument, request->n_arguments, &devices, e);
	if (error < 0)
		return error;
	struct selection functions = {
		.function = arena_array(&host->arena, devices.n, sizeof(*functions.function)),
		.n = devices.n,
	};
	for (size_t i = 0; i < devices.n; i++) {
		functions.function[i] = devices.functions[i].function;
		(void)host_read_device(host, functions.function[i]);
	}
	/* what one command names is handed over together */
	for (size_t i = 0; i < functions.n; i++)
		functions.function[i]->facts->together = functions;
	host_read_facts(host);
	check_run(host, &functions, &host->arena, &verdicts, &n);
	answer(request, &devices, verdicts, n);
	if (verdict_count(verdicts, n, VERDICT_FAIL) > 0)
		return ANSWER_NO;
	return verdict_count(verdicts, n, VERDICT_UNKNOWN) > 0 ? ANSWER_UNKNOWN : ANSWER_YES;
}

static void read_all(struct host *host)
{
	host_read_facts(host);
	for (size_t i = 0; i < host->n_functions; i++)
		(void)host_read_device(host, &host->functions[i]);
}

static const struct option_row rows[] = {
	{ "all", 'a', OPTION_FLAG, NULL, "show the evidence of what passes too",
	  offsetof(struct check_options, all) },
};

const struct command command_check = {
	.name = "check",
	.arguments = "[DEVICE...]",
	.summary = "is this host ready, and these devices",
	.help = "Judges platform, kernel, configuration and resources of the host and, of each "
		"DEVICE and what goes to "
		"a guest with it, whether it can be handed over and what the host would lose. Each "
		"verdict has its "
		"evidence and, where there is one, the fix. Changes nothing and wakes no device. "
		"Exit status: 0 "
		"ready, 1 not ready, 3 could not find out.",
	.max_arguments = SIZE_MAX,
	.options = rows,
	.n_options = ARRAY_SIZE(rows),
	.options_size = sizeof(struct check_options),
	.run = run_check,
	.read_all = read_all,
};
