/* SPDX-License-Identifier: MIT */
/* A command that is run later, by a process that outlives this one and its session. */
#pragma once

#include "base/err.h"

#include <sys/types.h>

/*
 * Starts a process in a session of its own, with nothing open, that runs @argv (a path, not looked
 * up) after @delay_s seconds, time in which the host sleeps included, and again every @again_s
 * seconds until it ends with status 0. It is nobody's child; SIGTERM to *@ret_pid ends it.
 */
MUST_CHECK int later_run(const char *const *argv, unsigned delay_s, unsigned again_s,
			 pid_t *ret_pid, struct err *e);
