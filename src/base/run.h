/* SPDX-License-Identifier: MIT */
/* External commands: an argument vector, never a shell. */
#pragma once

#include "base/err.h"

#include <stddef.h>

/*
 * Runs @argv (looked up in PATH) with nothing on standard input, and hands what it writes to
 * standard output to @take, piece by piece; its standard error is dropped. Returns when it has
 * ended. -ENOENT when there is no such program; -EIO when it was killed or ended with another
 * status than 0, which the sentence names.
 */
MUST_CHECK int run_read(const char *const *argv,
			void (*take)(void *closure, const char *data, size_t n), void *closure,
			struct err *e);

/*
 * The same for a command that may not come to an end: after @limit_ms it is killed, -ETIMEDOUT.
 * What it asked of others, a job of systemd say, goes on.
 */
MUST_CHECK int run_read_within(const char *const *argv, unsigned limit_ms,
			       void (*take)(void *closure, const char *data, size_t n),
			       void *closure, struct err *e);
