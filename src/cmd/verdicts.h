/* SPDX-License-Identifier: MIT */
/* Verdicts of checks as parts of a document. */
#pragma once

#include "check/check.h"
#include "cmd/cmd.h"

/* "pass", "warn", "fail", "unknown" */
const char *verdict_word(enum verdict_kind kind);

/*
 * One section per verdict under its id, worst first. The text of those that pass is one line with
 * their ids, unless @with_passed.
 */
void verdict_sections(struct request *request, struct doc_node *node,
		      const struct verdict *verdicts, size_t n, bool with_passed);

/* "<path>: <value>" of each piece of evidence. */
struct doc_value verdict_pairs(struct arena *a, const struct verdict *v);

size_t verdict_count(const struct verdict *verdicts, size_t n, enum verdict_kind kind);
