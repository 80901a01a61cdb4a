/* SPDX-License-Identifier: MIT */
/* The answers of plan, setup, confirm, undo and history, as documents. */
#pragma once

#include "cmd/setup_wish.h"

/* Adds the plan of @ask to the document of the request, with what refuses it. */
void setup_show_plan(struct request *request, const struct setup_ask *ask);

/* The reserved functions after a boot: who has each, and why. */
void setup_show_arrivals(struct request *request, const struct setup_arrivals *arrivals);

/* What was found half done and put right, and what was done besides, as notes. */
void setup_show_names(struct request *request, const struct names *names);

/*
 * Where a setup of this host stands, for people: "waits for its trial boot". @ret_word, for
 * programs: "none", "waiting", "replaced", "trial", "failed", "permanent", "without". @ret_next:
 * the next step, or NULL when there is none. host_read_facts() has been called.
 */
const char *setup_standing(struct host *host, const struct setup_state *state,
			   const char **ret_word, const char **ret_next);

/* change_history(); who may not read it is told who may. */
MUST_CHECK int setup_read_history(struct host *host, struct change_list *ret, struct err *e);

/* "trial", "permanent", "none" */
const char *setup_phase_word(enum setup_phase phase);

/* @path beside its diff: what others have changed since a change. */
void setup_show_differences(struct request *request, const struct change_differences *differences);
