// SPDX-License-Identifier: MIT
// The states of the functions that are watched, and when they are read.
//
// Messages and files are two clocks. A reading of everything is taken between two looks at the
// number of the newest message: when that did not move, the states hold every message up to it and
// none after it, and those that are still in the queue are passed over by their number.
//
// What is read lives in a host that lasts for the round; the states keep each distinct text once,
// and a machine has few of those, however long it is watched.

#include "base/text.h"
#include "cmd/facts.h"
#include "cmd/watch.h"
#include "handover/handover.h"

#include <errno.h>
#include <search.h>
#include <string.h>

/* A machine on which devices come and go all the time is described as well as can be. */
#define READ_TRIES 8

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void keep(void *word)
{
	(void)word; /* lives in the arena */
}

static const char *kept_word(struct watched *w, const char *text)
{
	if (!text)
		return NULL;
	const char *const *node = tfind(text, &w->words, by_text);
	if (node)
		return *node;
	char *word = arena_strdup(&w->request->host->arena, text);
	tsearch(word, &w->words, by_text); /* out of memory: kept again next time */
	return word;
}

static void keep_state(struct watched *w, struct function_state *state)
{
	for (size_t i = 0; i < STATE_FACTS; i++)
		state->fact[i].value = kept_word(w, state->fact[i].value);
}

static int by_address(const void *a, const void *b)
{
	return pci_address_compare(((const struct watch_function *)a)->function.address,
				   ((const struct watch_function *)b)->function.address);
}

static struct watch_function *find(const struct watched *w, struct pci_address address)
{
	const struct watch_function key = { .function.address = address };
	struct watch_function *const *node = tfind(&key, &w->by_address, by_address);

	return node ? *node : NULL;
}

static bool same_ids(const struct pci_function *a, const struct pci_function *b)
{
	return a->error == b->error && a->vendor == b->vendor && a->device == b->device &&
	       a->subsystem_vendor == b->subsystem_vendor &&
	       a->subsystem_device == b->subsystem_device && a->class_code == b->class_code;
}

/* What stands at its address now: after a removal it may be another device. */
static void set_function(struct watched *w, struct watch_function *kept,
			 const struct pci_function *f)
{
	bool is_new = !kept->function.name || !same_ids(&kept->function, f);

	kept->function = *f;
	kept->function.name = kept_word(w, f->name);
	kept->function.path = kept_word(w, f->path);
	kept->function.parent = NULL;
	kept->function.facts = NULL;
	kept->function.driver.value = kept_word(w, f->driver.value);
	if (is_new) {
		kept->ids = function_ids(w->request, &kept->function);
		kept->device = function_id(w->request, &kept->function, f->device, 4);
		kept->name = function_name(w->request, &kept->function);
	}
}

static struct watch_function *add(struct watched *w, const struct pci_function *f)
{
	struct arena *a = &w->request->host->arena;

	if (w->n == w->size) {
		size_t size = w->size ? w->size * 2 : 64;
		struct watch_function **larger =
			arena_array(a, size, sizeof(struct watch_function *));

		if (w->n)
			memcpy(larger, w->function, w->n * sizeof(struct watch_function *));
		w->function = larger;
		w->size = size;
	}
	struct watch_function *kept = arena_alloc(a, sizeof(*kept));
	w->function[w->n++] = kept;
	set_function(w, kept, f);
	tsearch(kept, &w->by_address, by_address); /* out of memory: found as new next time */
	return kept;
}

int watched_select(struct request *request, struct watched *ret, struct err *e)
{
	struct handover named;
	int error = host_read_pci(request->host, e);

	*ret = (struct watched){ .request = request, .all = request->n_arguments == 0 };
	if (error < 0 || ret->all)
		return error;
	error = handover_select(request->host, request->argument, request->n_arguments, &named, e);
	for (size_t i = 0; error == 0 && i < named.n; i++)
		add(ret, named.functions[i].function);
	return error;
}

void watched_done(struct watched *w)
{
	tdestroy(w->words, keep);
	tdestroy(w->by_address, keep);
}

/* ---- everything ---- */

/* Reads into a host of its own, which the caller gives back. */
static int read_round(struct watched *w, struct host *round, struct function_state **ret_states,
		      struct err *e)
{
	uint64_t before, after = 0;

	for (int i = 0; i < READ_TRIES; i++) {
		arena_free(&round->arena);
		host_init(round, w->request->host->root);
		int error = host_uevent_number(round, &before, e);
		if (error == 0)
			error = host_read_pci(round, e);
		if (error < 0)
			return error;
		*ret_states = arena_array(&round->arena, round->n_functions, sizeof(**ret_states));
		for (size_t f = 0; f < round->n_functions; f++) {
			struct pci_function *function = &round->functions[f];

			if (!w->all && !find(w, function->address))
				continue;
			/* what went away meanwhile is said by a message */
			if (host_read_state(round, function, &(*ret_states)[f]) < 0)
				function->error = -ENODEV;
		}
		error = host_uevent_number(round, &after, e);
		if (error < 0)
			return error;
		if (before == after)
			break;
	}
	/* messages that came while it was read may be told twice, but none is missed */
	w->known = before;
	return 0;
}

static void compare_round(struct watched *w, struct host *round, struct function_state *states,
			  struct watch_changes *changes)
{
	for (size_t i = 0; i < w->n; i++) {
		if (!host_find(round, w->function[i]->function.address))
			watch_compare(changes, w->function[i], NULL);
	}
	for (size_t i = 0; i < round->n_functions; i++) {
		const struct pci_function *f = &round->functions[i];
		struct watch_function *kept = find(w, f->address);

		if (f->error == -ENODEV || (!kept && !w->all))
			continue;
		if (kept)
			set_function(w, kept, f);
		else
			kept = add(w, f);
		keep_state(w, &states[i]);
		watch_compare(changes, kept, &states[i]);
	}
}

int watched_read(struct watched *w, struct watch_changes *changes, struct err *e)
{
	struct host round = { 0 };
	struct function_state *states;
	int error = read_round(w, &round, &states, e);

	if (error == 0)
		compare_round(w, &round, states, changes);
	arena_free(&round.arena); /* its root is not its own */
	return error;
}

/* ---- again ---- */

void watched_poll(struct watched *w, struct host *round, struct watch_changes *changes)
{
	for (size_t i = 0; i < w->n; i++) {
		struct watch_function *f = w->function[i];
		struct function_state now;

		if (!f->is_there || host_poll_state(round, &f->function, &f->state, &now) < 0)
			continue;
		keep_state(w, &now);
		watch_compare(changes, f, &now);
	}
}

void watched_message(struct watched *w, struct host *round, const struct uevent *event,
		     struct watch_changes *changes)
{
	struct watch_function *f = find(w, event->function.address);
	struct function_state now = { 0 };
	struct uevent kept = *event;

	if (event->number <= w->known || event->asked_for || (!f && !w->all))
		return;
	if (!f)
		f = add(w, &event->function);
	else if (!f->is_there)
		set_function(w, f, &event->function);
	int error = host_read_state(round, &f->function, &now);
	keep_state(w, &now);
	kept.function.driver.value = kept_word(w, event->function.driver.value);
	watch_message(changes, f, &kept, error < 0 ? NULL : &now);
}
