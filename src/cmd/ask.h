/* SPDX-License-Identifier: MIT */
/* Asking before something is changed. */
#pragma once

#include "cmd/cmd.h"

/*
 * Shows the document of the request, as text, and asks @question ("Clear these?") with "[y/N]" on
 * the controlling terminal. 0 when the answer is yes: the document is then empty again, for what
 * comes of it. -EPERM (ERR_REFUSED) for any other answer, and, with the document as answer, when
 * there is no terminal on standard input to ask on.
 */
MUST_CHECK int ask_consent(struct request *request, const char *question, struct err *e);
