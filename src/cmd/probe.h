/* SPDX-License-Identifier: MIT */
/* The answer of `probe`, apart from its options. */
#pragma once

#include "cmd/cmd.h"
#include "probe/probe.h"

/* Fills the document. @all: what the JSON has is in the text too. */
void probe_answer(struct request *request, const struct probe *probe, bool all);

/* The exit status: enum answer, or 3 when it could not be found out. */
int probe_exit(const struct probe *probe);
