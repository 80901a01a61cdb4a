/* SPDX-License-Identifier: MIT */
/*
 * Scope-bound release of the few things that do not live in an arena, and the
 * attributes used on prototypes. Every cleanup function accepts the empty value.
 */
#pragma once

#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(with) __attribute__((cleanup(with)))
#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(at, first) __attribute__((format(printf, at, first)))

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static inline void cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

static inline void cleanup_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define CLEANUP_FREE CLEANUP(cleanup_free)
#define CLEANUP_CLOSE CLEANUP(cleanup_close)
