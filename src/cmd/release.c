// SPDX-License-Identifier: MIT
// passthru release: give devices back to the host, or clear what others left on them.

#include "base/text.h"
#include "cmd/ask.h"
#include "cmd/facts.h"
#include "cmd/handover.h"

#include <stddef.h>
#include <stdint.h>

struct release_options {
	const char *timeout;
	bool orphans, due, dry_run, yes;
};

/* ---- devices ---- */

/* Who has it open through VFIO, which would refuse the release; NULL: nobody. */
static const char *user_of(struct host *host, const struct pci_function *f)
{
	if (f->driver.error || !host_is_vfio_driver(f->driver.value))
		return NULL;
	return host_vfio_user(host, f);
}

static int show_plan(struct request *request, const struct handover *handover)
{
	static const struct doc_column columns[] = {
		{ "address", "ADDRESS", 0 },
		{ "driver", "DRIVER NOW", 0 },
		{ "driver_then", "DRIVER THEN", 0 },
		{ "handed_over_by", "HANDED OVER BY", DOC_TRUNCATE },
		{ "used_by", "USED BY", 0 },
	};
	struct doc_table *table = doc_table(doc_root(request->doc), "functions", "", columns,
					    ARRAY_SIZE(columns), NULL, "Nothing to do.");
	enum answer answer = ANSWER_YES;

	for (size_t i = 0; i < handover->n; i++) {
		const struct pci_function *f = handover->functions[i].function;
		const char *user = user_of(request->host, f);
		struct doc_row *row = doc_row(table);
		struct handover_past past;

		handover_past(request->host, f, &past);
		doc_cell(row, doc_string(f->name));
		doc_cell(row, fact_text(f->driver));
		doc_cell(row, past.driver ? doc_string(past.driver)
					  : doc_as(doc_none(), "as the kernel chooses"));
		doc_cell(row, doc_string(past.command));
		doc_cell(row, doc_string(user));
		if (user)
			answer = ANSWER_NO;
	}
	return (int)answer;
}

static int release_devices(struct request *request, unsigned limit_ms, struct err *e)
{
	const struct release_options *options = request->options;
	struct handover handover;
	int error = handover_select(request->host, request->argument, request->n_arguments,
				    &handover, e);

	if (error < 0)
		return error;
	handover.limit_ms = limit_ms;
	if (options->dry_run)
		return show_plan(request, &handover);
	return handover_answer(request, &handover, handover_release, e);
}

/* What the timers of `bind --for` run. */
static int release_due(struct request *request, unsigned limit_ms, struct err *e)
{
	const struct release_options *options = request->options;
	struct handover handover;
	int error = handover_due(request->host, &handover, e);

	if (error < 0)
		return error;
	handover.limit_ms = limit_ms;
	if (options->dry_run)
		return show_plan(request, &handover);
	return handover_answer(request, &handover, handover_release_each, e);
}

/* ---- orphans ---- */

static void show_orphans(struct request *request, const struct handover_orphan *orphans, size_t n)
{
	static const struct doc_column columns[] = {
		{ "address", "ADDRESS", 0 },
		{ "driver", "DRIVER", 0 },
		{ "driver_override", "OVERRIDE", 0 },
		{ "no_such_driver", NULL, 0 },
		{ "owner", "OWNER", 0 },
		{ "evidence", "SAYS", DOC_TRUNCATE },
	};
	struct doc_node *root = doc_root(request->doc);
	struct doc_table *table = doc_table(root, "orphans", "", columns, ARRAY_SIZE(columns), NULL,
					    "No override is without an owner.");

	for (size_t i = 0; i < n; i++) {
		const struct handover_orphan *orphan = &orphans[i];
		const struct pci_function *f = orphan->function;
		struct doc_row *row = doc_row(table);
		struct doc_value override = doc_string(orphan->override);

		if (orphan->no_such_driver)
			override = doc_as(override,
					  arena_printf(&request->host->arena, "%s (no such driver)",
						       orphan->override));
		doc_cell(row, doc_string(f->name));
		doc_cell(row, fact_text(f->driver));
		doc_cell(row, override);
		doc_cell(row, doc_bool(orphan->no_such_driver));
		doc_cell(row, doc_string(orphan->owner));
		doc_cell(row, doc_string(orphan->evidence));
	}
	if (n > 0)
		doc_note(root, "What has an owner is left alone. libvirt sets overrides for guests "
			       "that are to start, which cannot be seen from here.");
}

static int release_orphans(struct request *request, unsigned limit_ms, struct err *e)
{
	const struct release_options *options = request->options;
	struct host *host = request->host;
	struct handover_orphan *orphans;
	size_t n;
	int error = handover_orphans(host, limit_ms, &orphans, &n, e);

	if (error < 0)
		return error;
	struct handover handover = {
		.functions = arena_array(&host->arena, n, sizeof(*handover.functions)),
		.limit_ms = limit_ms,
	};
	for (size_t i = 0; i < n; i++) {
		if (!orphans[i].owner)
			handover.functions[handover.n++] = (struct handover_function){
				.function = orphans[i].function,
				.orphan = true,
			};
	}
	show_orphans(request, orphans, n);
	if (options->dry_run || handover.n == 0)
		return ANSWER_YES;
	if (!options->yes) {
		error = ask_consent(request,
				    "Clear those without an owner, and let the kernel choose the "
				    "drivers?",
				    e);
		if (error < 0)
			return error;
	}
	request->doc = doc_new(&host->arena, request->schema);
	return handover_answer(request, &handover, handover_release, e);
}

/* ---- the command ---- */

static int run_release(struct request *request, struct err *e)
{
	const struct release_options *options = request->options;
	unsigned limit_ms;

	bool finds = options->orphans || options->due;

	if (options->orphans && options->due)
		return err_usage(e, "release --orphans and --due: give one of them");
	if (finds && request->n_arguments > 0)
		return err_usage(e, "release --%s finds the devices itself: name none",
				 options->due ? "due" : "orphans");
	if (!finds && request->n_arguments == 0)
		return err_usage(e, "release needs DEVICE..., or --orphans; `passthru release "
				    "--help` explains it");
	int error = handover_parse_timeout(options->timeout, &limit_ms, e);
	if (error == 0)
		error = host_read_pci(request->host, e);
	if (error < 0)
		return error;
	if (options->due)
		return release_due(request, limit_ms, e);
	return options->orphans ? release_orphans(request, limit_ms, e)
				: release_devices(request, limit_ms, e);
}

static bool only_looks(const void *options)
{
	return ((const struct release_options *)options)->dry_run;
}

/* What --dry-run asks of a record. */
static void read_all(struct host *host)
{
	struct handover_orphan *orphans;
	struct handover_past past;
	size_t n;

	for (size_t i = 0; i < host->n_functions; i++) {
		handover_past(host, &host->functions[i], &past);
		(void)user_of(host, &host->functions[i]);
	}
	/* what cannot be read is recorded as that */
	(void)!handover_orphans(host, 0, &orphans, &n, NULL);
}

#define OPTION(member) offsetof(struct release_options, member)

static const struct option_row rows[] = {
	{ "dry-run", 0, OPTION_FLAG, NULL, "only show what would be done", OPTION(dry_run) },
	{ "orphans", 0, OPTION_FLAG, NULL, "clear driver overrides that nobody owns",
	  OPTION(orphans) },
	{ "due", 0, OPTION_FLAG, NULL,
	  "give back what `bind --for` handed over and is past its time", OPTION(due) },
	{ "yes", 'y', OPTION_FLAG, NULL, "do not ask before clearing them", OPTION(yes) },
	HANDOVER_TIMEOUT_ROW(OPTION(timeout)),
};

const struct command command_release = {
	.name = "release",
	.arguments = "[DEVICE...]",
	.summary = "give devices back to the drivers of the host",
	.help = "Takes each DEVICE, with the functions that belong to it, from VFIO and gives it "
		"back to the driver that had it, with its override and settings as before. Refused "
		"while a guest has it. With --orphans: clears driver overrides that name a VFIO "
		"driver, or none that exists, and that nobody owns; asks once on a terminal.",
	.max_arguments = SIZE_MAX,
	.flags = COMMAND_CHANGES_HOST,
	.options = rows,
	.n_options = ARRAY_SIZE(rows),
	.options_size = sizeof(struct release_options),
	.run = run_release,
	.only_looks = only_looks,
	.read_all = read_all,
};
