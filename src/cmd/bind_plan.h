/* SPDX-License-Identifier: MIT */
/* What `passthru bind` would do, as a document: before it asks, and for --dry-run. */
#pragma once

#include "cmd/cmd.h"
#include "handover/handover.h"

struct bind_plan {
	struct handover handover;
	struct handover_refusals refusals;
};

/* Adds the plan to the document of the request. */
void bind_show_plan(struct request *request, const struct bind_plan *plan);

/* Parts of it: the functions with their drivers now and then, and what refuses them. */
void bind_show_functions(struct request *request, const struct handover *handover, const char *key,
			 const char *label);
void bind_show_refusals(struct request *request, const struct handover_refusals *refusals);

/* "30s", "30m", "2h", "1d": from one second to 30 days. -EINVAL (ERR_USAGE) with the option's name.
 */
MUST_CHECK int bind_parse_time(const char *text, unsigned *ret_s, struct err *e);
