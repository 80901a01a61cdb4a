// SPDX-License-Identifier: MIT
// passthru bind: hand devices to VFIO now, until the next boot or release. Everything that stands
// against it is found before anything is changed, shown together with what would move, and asked
// for once on a terminal. Without a terminal nobody can answer: what guards a script are the
// refusals, which are the same.

#include "base/text.h"
#include "cmd/ask.h"
#include "cmd/bind_plan.h"
#include "cmd/handover.h"

#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

struct bind_options {
	struct option_list allow;
	const char *driver, *for_time, *timeout;
	bool dry_run, yes, stop_units;
};

static int make_plan(struct request *request, struct bind_plan *ret, struct err *e)
{
	const struct bind_options *options = request->options;
	struct handover *handover = &ret->handover;
	struct host *host = request->host;
	unsigned allowed = 0, deadline_s = 0, limit_ms = 0;
	int error = 0;

	for (size_t i = 0; i < options->allow.n && error == 0; i++)
		error = handover_allow(options->allow.value[i], &allowed, e);
	if (error == 0 && options->for_time)
		error = bind_parse_time(options->for_time, &deadline_s, e);
	if (error == 0)
		error = handover_parse_timeout(options->timeout, &limit_ms, e);
	if (error == 0)
		error = host_read_pci(host, e);
	if (error == 0)
		error = handover_select(host, request->argument, request->n_arguments, handover, e);
	if (error == 0)
		error = handover_check_free(host, handover, e);
	if (error < 0)
		return error;
	handover->allowed = allowed;
	handover->deadline_s = deadline_s;
	handover->limit_ms = limit_ms;
	error = handover_choose_drivers(host, handover, options->driver, e);
	if (error == 0)
		error = handover_refusals(host, handover, &ret->refusals, e);
	if (error == 0 && options->stop_units)
		handover_stop_units(host, handover, &ret->refusals);
	return error;
}

/* Nothing would move: there is nothing to ask about, and nothing to give back. */
static bool is_done(const struct handover *handover)
{
	for (size_t i = 0; i < handover->n; i++) {
		const struct pci_function *f = handover->functions[i].function;

		if (f->driver.error || !host_is_vfio_driver(f->driver.value))
			return false;
	}
	return true;
}

static int consent(struct request *request, const struct bind_plan *plan, struct err *e)
{
	const struct bind_options *options = request->options;

	if (options->yes || is_done(&plan->handover) || !isatty(STDIN_FILENO))
		return 0;
	bind_show_plan(request, plan);
	return ask_consent(request, "Hand these over?", e);
}

static void show_deadline(struct request *request, const struct handover *handover)
{
	struct arena *a = &request->host->arena;
	struct doc_node *root = doc_root(request->doc);
	size_t moved = 0;

	/* what was with VFIO before has another time limit, or none */
	while (moved + 1 < handover->n && handover->functions[moved].state != HANDOVER_DONE)
		moved++;
	if (handover->n_units)
		doc_note(root,
			 arena_printf(a, "Stopped, and started again on release: %s.",
				      text_join(a, handover->units, handover->n_units, ", ")));
	if (handover->deadline_s)
		doc_note(root,
			 arena_printf(a,
				      "Given back after %s, unless `passthru confirm %s` keeps it.",
				      text_time(a, handover->deadline_s),
				      handover->functions[moved].function->name));
}

static int run_bind(struct request *request, struct err *e)
{
	const struct bind_options *options = request->options;
	struct bind_plan plan = { 0 };
	int error = make_plan(request, &plan, e);

	if (error < 0)
		return error;
	if (options->dry_run) {
		bind_show_plan(request, &plan);
		return plan.refusals.n ? ANSWER_NO : ANSWER_YES;
	}
	error = handover_refuse(request->host, &plan.refusals, e);
	if (error == 0 && plan.handover.deadline_s && is_done(&plan.handover))
		error = err_refuse(e,
				   "%s is with VFIO already: --for is for what it hands over "
				   "itself, and this is done",
				   plan.handover.functions[0].function->name);
	if (error == 0)
		error = consent(request, &plan, e);
	if (error < 0)
		return error;
	int answer = handover_answer(request, &plan.handover, handover_bind, e);
	if (answer == ANSWER_YES)
		show_deadline(request, &plan.handover);
	return answer;
}

static bool only_looks(const void *options)
{
	return ((const struct bind_options *)options)->dry_run;
}

/* What --dry-run asks of a record, for every device that could be named. */
static void read_all(struct host *host)
{
	for (size_t i = 0; i < host->n_functions; i++) {
		const char *name = host->functions[i].name;
		struct bind_plan plan = { 0 };

		/* what cannot be read is recorded as that */
		if (handover_select(host, &name, 1, &plan.handover, NULL) < 0)
			continue;
		(void)!handover_choose_drivers(host, &plan.handover, NULL, NULL);
		(void)!handover_refusals(host, &plan.handover, &plan.refusals, NULL);
	}
}

#define OPTION(member) offsetof(struct bind_options, member)

static const struct option_row rows[] = {
	{ "dry-run", 0, OPTION_FLAG, NULL, "show what would be done and what refuses it",
	  OPTION(dry_run) },
	{ "yes", 'y', OPTION_FLAG, NULL, "do not ask", OPTION(yes) },
	{ "allow", 0, OPTION_LIST, "USE",
	  "take it although it is in use: disk, network, display, input or open; may be repeated",
	  OPTION(allow) },
	{ "stop-units", 0, OPTION_FLAG, NULL, "stop the systemd units that use it, until release",
	  OPTION(stop_units) },
	{ "for", 0, OPTION_STRING, "TIME", "give it back after 90s, 30m, 2h, 1d unless confirmed",
	  OPTION(for_time) },
	{ "driver", 0, OPTION_STRING, "NAME", "this driver of VFIO, not the one that fits best",
	  OPTION(driver) },
	HANDOVER_TIMEOUT_ROW(OPTION(timeout)),
};

const struct command command_bind = {
	.name = "bind",
	.arguments = "DEVICE...",
	.summary = "hand devices to VFIO, until reboot or release",
	.help = "Takes each DEVICE, with the functions of its slot that belong to it, from its "
		"driver and gives it to vfio-pci, or to the driver of VFIO made for it, so that a "
		"guest can have it. Either all of them move or none does. Refused while the host "
		"or a guest uses it. Asks once on a terminal.",
	.min_arguments = 1,
	.max_arguments = SIZE_MAX,
	.flags = COMMAND_CHANGES_HOST,
	.options = rows,
	.n_options = ARRAY_SIZE(rows),
	.options_size = sizeof(struct bind_options),
	.run = run_bind,
	.only_looks = only_looks,
	.read_all = read_all,
};
