/* SPDX-License-Identifier: MIT */
/*
 * The parts of `watch`: from two states, or from a state and a message of the kernel, to changes
 * (watch_diff.c, which reads nothing); keeping the states (watch_read.c); the line for a change
 * (watch_answer.c).
 */
#pragma once

#include "cmd/cmd.h"

enum watch_event {
	WATCH_STATE, /* no change: how it is at the start */
	WATCH_ADD,
	WATCH_REMOVE,
	WATCH_BIND,
	WATCH_UNBIND,
	WATCH_DRIVER, /* from one driver to another; what was in between was not seen */
	WATCH_OVERRIDE,
	WATCH_GROUP,
	WATCH_RUNTIME,
	WATCH_POWER,
	WATCH_SPEED,
	WATCH_WIDTH,
	WATCH_RECOVERY, /* after an error on the bus */
	WATCH_LOST,     /* messages of the kernel were lost */
};

/* A function that is watched. */
struct watch_function {
	struct pci_function function;
	struct function_state state;
	bool is_there;
	struct doc_value ids, device, name; /* how it is shown */
};

struct watch_change {
	enum watch_event event;
	const struct watch_function *function; /* NULL: WATCH_LOST */
	struct fact_text from, to;
	struct function_state state; /* behind WATCH_STATE and WATCH_ADD */
};

/* Changes in the order in which they are told. */
struct watch_changes {
	struct arena *arena;
	struct watch_change *change;
	size_t n, size;
};

/* ---- watch_diff.c ---- */

/* @event of @f, with no more to say about it than its state. */
void watch_add(struct watch_changes *changes, enum watch_event event,
	       const struct watch_function *f);

/*
 * @f was read again; @now NULL: it is not there. What differs becomes changes, and the state of
 * @f. That the power state or the link cannot be said now is no change, and neither is the first
 * time that it can.
 */
void watch_compare(struct watch_changes *changes, struct watch_function *f,
		   const struct function_state *now);

/*
 * The kernel says @event about @f, and @now was read after it (NULL: could not be). An override is
 * written before the driver changes, and is told before it.
 */
void watch_message(struct watch_changes *changes, struct watch_function *f,
		   const struct uevent *event, const struct function_state *now);

/* ---- watch_read.c ---- */

struct watched {
	struct request *request;
	bool all; /* every function, also those to come */
	struct watch_function **function;
	size_t n, size;
	uint64_t known; /* messages up to this number are in the states */
	/* of tsearch(3): the functions by address, and each text of a state, kept once */
	void *by_address, *words;
};

/* Which functions: those that the request names with what belongs to them, or all. */
MUST_CHECK int watched_select(struct request *request, struct watched *ret, struct err *e);
void watched_done(struct watched *w);

/* Reads everything, and says what differs from the states so far. */
MUST_CHECK int watched_read(struct watched *w, struct watch_changes *changes, struct err *e);
/* Reads again what no message comes for. @round is a host for what lasts no longer than this. */
void watched_poll(struct watched *w, struct host *round, struct watch_changes *changes);
/* Takes one message. */
void watched_message(struct watched *w, struct host *round, const struct uevent *event,
		     struct watch_changes *changes);

/* ---- watch_answer.c ---- */

/* The document of one change, in the arena of @round, a host for this round. */
struct doc *watch_answer(struct request *request, struct host *round,
			 const struct watch_change *change);
