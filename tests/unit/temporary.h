/* SPDX-License-Identifier: MIT */
/* A directory for one test, with helpers to put files into it, removed with all that is in it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct temporary {
	char path[512];
};

static inline int temporary_make(struct temporary *t)
{
	const char *where = getenv("TMPDIR");

	snprintf(t->path, sizeof(t->path), "%s/passthru-XXXXXX", where ? where : "/tmp");
	return mkdtemp(t->path) ? 0 : -1;
}

static inline int temporary_remove_one(const char *path, const struct stat *st, int type,
				       struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static inline int temporary_remove(struct temporary *t)
{
	return nftw(t->path, temporary_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline const char *temporary_path(struct temporary *t, const char *name)
{
	static char path[4][1024];
	static unsigned n;
	char *next = path[n++ % 4];

	snprintf(next, sizeof(path[0]), "%s/%s", t->path, name);
	return next;
}

/* The directories that @name needs are made with it. */
static inline void temporary_directories(struct temporary *t, const char *name)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s/%s", t->path, name);
	for (char *slash = path + strlen(t->path) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
}

static inline void temporary_bytes(struct temporary *t, const char *name, const void *data,
				   size_t n)
{
	temporary_directories(t, name);
	FILE *stream = fopen(temporary_path(t, name), "w");
	assert_non_null(stream);
	if (n)
		assert_int_equal(fwrite(data, 1, n, stream), n);
	assert_int_equal(fclose(stream), 0);
}

static inline void temporary_file(struct temporary *t, const char *name, const char *text)
{
	temporary_bytes(t, name, text, strlen(text));
}

static inline void temporary_link(struct temporary *t, const char *name, const char *target)
{
	temporary_directories(t, name);
	assert_int_equal(symlink(target, temporary_path(t, name)), 0);
}
