/* SPDX-License-Identifier: MIT */
/*
 * A child that reads and writes files which the kernel may not come back from; what a root that is
 * a directory has behind root_write_watched().
 */
#pragma once

#include "base/arena.h"
#include "base/root.h"

#include <sys/types.h>

/* A page: no attribute of sysfs is longer. */
#define WRITER_BYTES_MAX 4096

struct writer_progress;

struct writer {
	pid_t child; /* 0: none yet */
	int fd;
	struct writer_progress *progress; /* shared with the child */
};

/* What the child does, in its own process. Each returns 0 or a negative errno. */
struct writer_calls {
	int (*write)(void *closure, const char *path, const void *data, size_t n);
	int (*read)(void *closure, const char *path, char *data, size_t size, size_t *ret_n);
};

/* See root_watched(); the errors of @steps are -ECANCELED before. */
MUST_CHECK int writer_do(struct writer *w, const struct writer_calls *calls, void *closure,
			 struct arena *a, struct root_step *steps, size_t n, unsigned limit_ms,
			 pid_t *ret_child);
/* Ends a child that is not in a call, and waits for that. */
void writer_end(struct writer *w);
