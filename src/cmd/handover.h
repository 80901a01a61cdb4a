/* SPDX-License-Identifier: MIT */
/* What bind and release have in common. */
#pragma once

#include "cmd/cmd.h"
#include "handover/handover.h"

/* The row of --timeout; @member is a const char * of the options. */
#define HANDOVER_TIMEOUT_ROW(member)                                                               \
	{                                                                                          \
		"timeout", 0, OPTION_STRING, "SECONDS",                                            \
			"how long the kernel may take for one step (30)", member                   \
	}

/* --timeout: @text may be NULL. */
MUST_CHECK int handover_parse_timeout(const char *text, unsigned *ret_ms, struct err *e);

/*
 * Does @act and answers with the driver of each function before and now, what happened to it, what
 * could not be restored, and what is known of a write that the kernel does not come back from: that
 * is an answer beside the error.
 */
MUST_CHECK int handover_answer(struct request *request, struct handover *handover,
			       int (*act)(struct host *host, struct handover *handover,
					  struct err *e),
			       struct err *e);
