/* SPDX-License-Identifier: MIT */
/* The part of confirm that is about setups: the trial boot. */
#pragma once

#include "cmd/cmd.h"
#include "setup/setup.h"

/*
 * Confirms the setup @state in its trial, and answers with who has the reserved devices: a table,
 * or with @lines a line each, for a journal. An answer is given beside the
 * refusal too; @with_error: it has something else in it already.
 */
MUST_CHECK int confirm_setup(struct request *request, const struct setup_state *state, bool lines,
			     bool with_error, struct err *e);
