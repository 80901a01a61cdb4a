/* SPDX-License-Identifier: MIT */
/* What bind and release have in common. */
#pragma once

#include "cmd/cmd.h"
#include "handover/handover.h"

/*
 * Does @act to the devices that the request names, and answers with the driver of each function
 * before and now, and what happened to it.
 */
MUST_CHECK int handover_command(struct request *request,
				int (*act)(struct request *request, struct handover *handover,
					   struct err *e),
				struct err *e);
