// SPDX-License-Identifier: MIT
// passthru explain: the page of a check, a known message by its id, or what the lines of a log
// mean, with what this host says to it. The evidence for a message is the verdict of a check: they
// know where to look.

#include "base/run.h"
#include "base/text.h"
#include "cmd/facts.h"
#include "cmd/verdicts.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>

struct explain_options {
	const char *log;
	bool boot, last_boot;
};

/* ---- one thing by its id ---- */

static int explain_id(struct request *request, const char *id, struct err *e)
{
	struct doc_node *root = doc_root(request->doc);
	const struct explain_entry *entry = explain_find(id);

	for (const struct check_page *page = check_pages; page->id; page++) {
		if (!str_eq(page->id, id))
			continue;
		doc_field(root, "id", NULL, doc_string(id));
		doc_lines(root, "text", "", page->text);
		return ANSWER_YES;
	}
	if (!entry)
		return err_usage(
			e,
			"there is no check and no message %s: `passthru check --all` names the "
			"checks, `passthru explain --log FILE` the messages",
			id);
	doc_field(root, "id", "Message", doc_string(entry->id));
	doc_field(root, "origin", "From", doc_string(explain_origin(entry)));
	doc_field(root, "pattern", "Looks like", doc_string(entry->patterns[0]));
	doc_field(root, "cause", "Cause", doc_string(entry->cause));
	const struct explain_finding any = { .entry = entry };
	doc_field(root, "next", "Next", doc_string(explain_next(&request->host->arena, &any)));
	return ANSWER_YES;
}

/* ---- evidence: which check knows the fact ---- */

static const char *const evidence_checks[EVIDENCE_COUNT] = {
	[EVIDENCE_IOMMU] = "iommu-active",
	[EVIDENCE_FIRMWARE_TABLES] = "firmware-tables",
	[EVIDENCE_INTERRUPT_REMAPPING] = "interrupt-remapping",
	[EVIDENCE_GROUP_MEMBERS] = "group-viability",
	[EVIDENCE_DRIVER] = "driver-binding",
	[EVIDENCE_RESERVED_REGIONS] = "reserved-regions",
	[EVIDENCE_RESET_METHODS] = "reset-methods",
	[EVIDENCE_POWER_STATE] = "power-state",
	[EVIDENCE_CONFIG_SPACE] = "power-state",
	[EVIDENCE_BARS] = "bars",
	[EVIDENCE_ROM] = "rom",
	[EVIDENCE_LINK] = "link-width",
	[EVIDENCE_SRIOV] = "sriov",
	[EVIDENCE_MEMORY_MAP] = "firmware-framebuffer",
	[EVIDENCE_FRAMEBUFFER] = "firmware-framebuffer",
	[EVIDENCE_GUESTS] = "guest-has-it",
	[EVIDENCE_DEVICE_USERS] = "display-in-use",
	[EVIDENCE_MEMLOCK] = "memory-lock",
	[EVIDENCE_FREE_MEMORY] = "guest-memory",
	[EVIDENCE_HUGE_PAGES] = "huge-pages",
	[EVIDENCE_ADDRESS_WIDTH] = "iommu-address-width",
	[EVIDENCE_KERNEL_ARGUMENTS] = "iommu-parameters",
	[EVIDENCE_KERNEL_CONFIG] = "kernel-config",
	[EVIDENCE_MODULES] = "vfio-modules",
	[EVIDENCE_MODULE_OPTIONS] = "vfio-ids",
	[EVIDENCE_LOCKDOWN] = "lockdown",
	[EVIDENCE_PROCESSOR] = "cpu-virtualisation",
};

/* What this host says to it: the first piece of evidence that a check has a verdict on. */
static bool judge_here(struct request *request, const struct explain_finding *finding,
		       struct verdict *ret)
{
	struct host *host = request->host;
	struct pci_address address;
	struct pci_function *f = NULL;

	if (finding->address && pci_address_parse(finding->address, &address))
		f = host_find(host, address);
	for (size_t i = 0; i < EXPLAIN_EVIDENCE_MAX && finding->entry->evidence[i]; i++) {
		const char *id = evidence_checks[finding->entry->evidence[i]];
		const struct check *check = id ? check_find(id) : NULL;

		if (!check || (check->scope == CHECK_DEVICE && !f))
			continue;
		if (check->scope == CHECK_DEVICE)
			(void)host_read_device(host, f);
		*ret = (struct verdict){
			.check = check,
			.function = f,
			.sentence = "",
			.arena = &host->arena,
		};
		check->judge(host, check->scope == CHECK_DEVICE ? f : NULL, ret);
		if (ret->kind != VERDICT_SKIP)
			return true;
	}
	return false;
}

/* ---- a log ---- */

static const char *severity_word(enum explain_severity severity)
{
	static const char *const words[] = {
		[EXPLAIN_INFO] = "harmless",
		[EXPLAIN_MISLEADING] = "misleading",
		[EXPLAIN_PROBLEM] = "problem",
	};

	return words[severity];
}

static void add_finding(struct request *request, struct doc_node *node,
			const struct explain_finding *finding, bool judged)
{
	struct arena *a = &request->host->arena;
	const struct explain_entry *entry = finding->entry;
	const char *word = severity_word(entry->severity);
	struct doc_node *section =
		doc_section(node, arena_printf(a, "%s %zu", entry->id, finding->first_line),
			    arena_printf(a, "%s: %s", word, entry->id));
	const char *lines = finding->count > 1 ? arena_printf(a, "%zu, %zu times to line %zu",
							      finding->first_line, finding->count,
							      finding->last_line)
					       : arena_printf(a, "%zu", finding->first_line);
	const char *fault = explain_fault(a, finding);
	struct verdict v;

	doc_field(section, "id", NULL, doc_string(entry->id));
	doc_field(section, "severity", NULL, doc_string(word));
	doc_field(section, "address", finding->address ? "Device" : NULL,
		  doc_string(finding->address));
	doc_field(section, "line", "Says", doc_string(finding->line));
	doc_field(section, "line_number", "Line",
		  doc_as(doc_number((int64_t)finding->first_line), lines));
	doc_field(section, "count", NULL, doc_number((int64_t)finding->count));
	doc_field(section, "fault", fault ? "Fault" : NULL, doc_string(fault));
	doc_field(section, "cause", "Cause", doc_string(entry->cause));
	if (judged && judge_here(request, finding, &v)) {
		doc_field(section, "here", "This host",
			  doc_as(doc_string(v.check->id),
				 arena_printf(a, "%s: %s", v.check->id, v.sentence)));
		doc_field(section, "evidence", v.n_evidence ? "Evidence" : NULL,
			  verdict_pairs(a, &v));
	}
	doc_field(section, "next", "Next", doc_string(explain_next(a, finding)));
}

static void feed(void *log, const char *data, size_t n)
{
	explain_log_feed(log, data, n);
}

static int feed_file(struct explain_log *log, const char *path, struct err *e)
{
	char piece[64 * 1024];
	bool standard_input = str_eq(path, "-");
	CLEANUP_CLOSE int opened = standard_input ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	int fd = standard_input ? STDIN_FILENO : opened;

	if (fd < 0)
		return err_io(e, -errno, "opening %s", path);
	for (;;) {
		ssize_t n = read(fd, piece, sizeof(piece));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_io(e, -errno, "reading %s", path);
		if (n == 0)
			return 0;
		explain_log_feed(log, piece, (size_t)n);
	}
}

static int feed_log(struct explain_log *log, const struct explain_options *options, struct err *e)
{
	static const char *const this_boot[] = { "dmesg", NULL };
	static const char *const last_boot[] = { "journalctl", "--dmesg",    "--boot=-1",
						 "--quiet",    "--no-pager", NULL };

	if (options->log)
		return feed_file(log, options->log, e);
	int error = run_read(options->last_boot ? last_boot : this_boot, feed, log, e);
	if (error < 0 && options->last_boot)
		return err_wrap(e, error,
				"the kernel's log of the boot before is not there or not readable: "
				"it takes root, and a journal that outlives the boot (Storage= of "
				"journald.conf)");
	return error < 0 ? err_wrap(e, error, "the kernel's log may be readable by root only") : 0;
}

static int explain_log(struct request *request, const struct explain_options *options,
		       struct err *e)
{
	struct host *host = request->host;
	struct explain_log *log = explain_log_new(&host->arena);
	struct doc_node *root = doc_root(request->doc);
	struct explain_result result;

	int error = feed_log(log, options, e);
	if (error < 0)
		return error;
	explain_log_end(log, &result);
	/* a log may be from another machine, or be read where there is no PCI bus */
	bool judged = result.n > 0 && host_read_pci(host, NULL) == 0;
	if (judged)
		host_read_facts(host);
	doc_field(root, "lines", "Lines", doc_number((int64_t)result.n_lines));
	doc_field(root, "explained", "Explained", doc_number((int64_t)result.n_explained));
	struct doc_node *node = doc_section(root, "findings", "");
	for (size_t i = 0; i < result.n; i++)
		add_finding(request, node, result.findings[i], judged);
	if (result.n == 0)
		doc_note(root, "No line that passthru knows.");
	return ANSWER_YES;
}

static int run_explain(struct request *request, struct err *e)
{
	const struct explain_options *options = request->options;
	int n_logs = (options->log != NULL) + options->boot + options->last_boot;

	if (n_logs > 1 || (n_logs == 1) == (request->n_arguments == 1))
		return err_usage(e, "explain takes one thing: a check, a message, or a log (--log "
				    "FILE, --boot, --last-boot)");
	return n_logs ? explain_log(request, options, e)
		      : explain_id(request, request->argument[0], e);
}

#define OPTION(member) offsetof(struct explain_options, member)

static const struct option_row rows[] = {
	{ "log", 0, OPTION_STRING, "FILE", "explain the lines of this log; - for standard input",
	  OPTION(log) },
	{ "boot", 0, OPTION_FLAG, NULL, "explain the kernel's log of this boot", OPTION(boot) },
	{ "last-boot", 0, OPTION_FLAG, NULL, "explain the kernel's log of the boot before",
	  OPTION(last_boot) },
};

const struct command command_explain = {
	.name = "explain",
	.arguments = "[CHECK|MESSAGE]",
	.summary = "the page of a check, or what the lines of a log mean",
	.help = "Prints the documentation of a check; or finds the lines of the kernel, QEMU and "
		"libvirt that it knows "
		"in a log, and says of each what causes it, what on this host confirms it, and "
		"what to do next.",
	.max_arguments = 1,
	.options = rows,
	.n_options = ARRAY_SIZE(rows),
	.options_size = sizeof(struct explain_options),
	.run = run_explain,
};
