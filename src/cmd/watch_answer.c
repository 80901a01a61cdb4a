// SPDX-License-Identifier: MIT
// The line for a change. Programs get an object with the same members for every event, people what
// changed in columns that stay put from line to line.

#include "base/text.h"
#include "cmd/facts.h"
#include "cmd/watch.h"
#include "handover/handover.h"

#include <errno.h>
#include <time.h>

/* Of the longest word, "runtime_status" or "driver_override". */
#define WORD_COLUMNS 15

static const char *const words[] = {
	[WATCH_STATE] = "state",
	[WATCH_ADD] = "add",
	[WATCH_REMOVE] = "remove",
	[WATCH_BIND] = "bind",
	[WATCH_UNBIND] = "unbind",
	[WATCH_DRIVER] = "driver",
	[WATCH_OVERRIDE] = "driver_override",
	[WATCH_GROUP] = "iommu_group",
	[WATCH_RUNTIME] = "runtime_status",
	[WATCH_POWER] = "power_state",
	[WATCH_SPEED] = "link_speed",
	[WATCH_WIDTH] = "link_width",
	[WATCH_RECOVERY] = "recovery",
	[WATCH_LOST] = "lost",
};

/* RFC 3339 with the offset of this place: the clock on the wall and the moment, in one. */
static const char *time_text(struct arena *a, const struct timespec *when)
{
	char day[32], offset[8];
	struct tm local;

	localtime_r(&when->tv_sec, &local);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &local);
	strftime(offset, sizeof(offset), "%z", &local);
	return arena_printf(a, "%s.%03ld%.3s:%s", day, when->tv_nsec / 1000000, offset, offset + 3);
}

static struct doc_value fact_value(enum watch_event event, struct fact_text fact)
{
	uint64_t number;

	if ((event == WATCH_GROUP || event == WATCH_WIDTH) && fact.error == 0)
		return text_number(fact.value, 10, INT32_MAX, &number) < 0
			       ? doc_unknown(fact_reason(-EBADMSG))
			       : doc_number((int64_t)number);
	return fact_text(fact);
}

static const char *fact_word(struct fact_text fact)
{
	if (fact.error)
		return fact.error == -ENOENT ? "none" : "unknown";
	return fact.value;
}

/* "driver bochs, group 12, active, D0, 2.5 GT/s PCIe x1" */
static const char *state_text(struct arena *a, const struct function_state *state)
{
	const char *items[6];
	size_t n = 0;

	items[n++] = arena_concat(a, "driver ", fact_word(state->fact[STATE_DRIVER]));
	if (state->fact[STATE_OVERRIDE].error != -ENOENT)
		items[n++] = arena_concat(a, "override ", fact_word(state->fact[STATE_OVERRIDE]));
	items[n++] = arena_concat(a, "group ", fact_word(state->fact[STATE_GROUP]));
	if (state->fact[STATE_RUNTIME].error == 0)
		items[n++] = state->fact[STATE_RUNTIME].value;
	if (state->fact[STATE_POWER].error == 0)
		items[n++] = state->fact[STATE_POWER].value;
	if (state->fact[STATE_SPEED].error == 0)
		items[n++] = arena_printf(a, "%s x%s", state->fact[STATE_SPEED].value,
					  fact_word(state->fact[STATE_WIDTH]));
	return text_join(a, items, n, ", ");
}

static const char *change_text(struct arena *a, const struct watch_change *change)
{
	const char *word = words[change->event];

	switch (change->event) {
	case WATCH_ADD:
	case WATCH_REMOVE:
		return arena_printf(a, "%-*s", WORD_COLUMNS, word);
	case WATCH_STATE:
		return arena_printf(a, "%-*s  %s", WORD_COLUMNS, word,
				    state_text(a, &change->state));
	case WATCH_RECOVERY:
		return arena_printf(a, "%-*s  %s", WORD_COLUMNS, word, change->to.value);
	case WATCH_LOST:
		return arena_printf(a,
				    "%-*s  messages of the kernel were lost; what differs now "
				    "follows",
				    WORD_COLUMNS, word);
	default:
		return arena_printf(a, "%-*s  %s -> %s", WORD_COLUMNS, word,
				    fact_word(change->from), fact_word(change->to));
	}
}

static void add_state(struct doc_node *root, const struct watch_change *change)
{
	static const struct {
		enum state_fact fact;
		enum watch_event event;
	} members[] = {
		{ STATE_DRIVER, WATCH_DRIVER }, { STATE_OVERRIDE, WATCH_OVERRIDE },
		{ STATE_GROUP, WATCH_GROUP },   { STATE_RUNTIME, WATCH_RUNTIME },
		{ STATE_POWER, WATCH_POWER },   { STATE_SPEED, WATCH_SPEED },
		{ STATE_WIDTH, WATCH_WIDTH },
	};

	if (change->event != WATCH_STATE && change->event != WATCH_ADD) {
		doc_field(root, "state", NULL, doc_none());
		return;
	}
	struct doc_node *node = doc_section(root, "state", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		doc_field(node, words[members[i].event], NULL,
			  fact_value(members[i].event, change->state.fact[members[i].fact]));
}

/* Whether a handover could be behind it. */
static bool is_of_handovers(enum watch_event event)
{
	return event == WATCH_STATE || event == WATCH_BIND || event == WATCH_UNBIND ||
	       event == WATCH_DRIVER || event == WATCH_OVERRIDE;
}

/* A driver that changes by a handover of ours has its record while it does. */
static void add_record(struct host *host, struct doc_node *root, const struct watch_change *change)
{
	struct handover_past past = { 0 };

	if (is_of_handovers(change->event))
		handover_past(host, &change->function->function, &past);
	if (!past.recorded) {
		doc_field(root, "record", NULL, doc_none());
		return;
	}
	struct doc_node *node = doc_section(root, "record", NULL);
	doc_field(node, "command", NULL, doc_string(past.command));
	doc_field(node, "pid", NULL, doc_string(past.pid));
	doc_field(root, NULL, "Record",
		  doc_string(past.command ? arena_printf(&host->arena,
							 "(handed over by: %s, process %s)",
							 past.command, past.pid)
					  : "(handed over)"));
}

struct doc *watch_answer(struct request *request, struct host *round,
			 const struct watch_change *change)
{
	const struct watch_function *f = change->function;
	struct arena *a = &round->arena;
	struct doc *doc = doc_new(a, "passthru.watch/1");
	struct doc_node *root = doc_root(doc);
	struct timespec now, up;

	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_MONOTONIC, &up);
	doc_field(root, "event", NULL, doc_string(words[change->event]));
	doc_field(root, "time", "Time", doc_string(time_text(a, &now)));
	doc_field(root, "monotonic_us", NULL,
		  doc_number((int64_t)up.tv_sec * 1000000 + up.tv_nsec / 1000));
	doc_field(root, "address", f ? "Address" : NULL, doc_string(f ? f->function.name : NULL));
	doc_field(root, NULL, "Change", doc_string(change_text(a, change)));
	doc_field(root, "vendor",
		  f && (request->numeric || f->name.kind != DOC_STRING) ? "Ids" : NULL,
		  f ? f->ids : doc_none());
	doc_field(root, "device", NULL, f ? f->device : doc_none());
	doc_field(root, "name", f && f->name.kind == DOC_STRING ? "Name" : NULL,
		  f ? f->name : doc_none());
	doc_field(root, "from", NULL, fact_value(change->event, change->from));
	doc_field(root, "to", NULL, fact_value(change->event, change->to));
	add_state(root, change);
	add_record(round, root, change);
	return doc;
}
