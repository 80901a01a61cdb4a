/* SPDX-License-Identifier: MIT */
/* What bind and release have in common. */
#pragma once

#include "cmd/cmd.h"
#include "handover/handover.h"

/* The functions with the driver before and now, and what happened to each. */
void handover_answer(struct request *request, const struct handover *handover);
