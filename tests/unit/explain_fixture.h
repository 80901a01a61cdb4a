/* SPDX-License-Identifier: MIT */
/* What the tests of `explain` share: the fixtures in tests/explain, and logs in one piece. */
#pragma once

#include "base/text.h"
#include "check/explain_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

static struct arena arena;

static inline int free_arena(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

/* The whole of tests/explain/@name. */
static inline struct bytes fixture(const char *name)
{
	char file[] = __FILE__, *end = strstr(file, "unit/explain_fixture.h");
	struct bytes bytes = { 0 };

	assert_non_null(end);
	*end = '\0';
	char *path = arena_printf(&arena, "%sexplain/%s", file, name);
	FILE *stream = fopen(path, "rb");
	if (!stream)
		fail_msg("%s is not readable", path);
	char *data = arena_alloc(&arena, 1 << 20);
	bytes.n = fread(data, 1, 1 << 20, stream);
	assert_true(bytes.n < 1 << 20);
	bytes.data = data;
	fclose(stream);
	return bytes;
}

struct record {
	char *field[3];
};

/* The lines of a fixture that are no comments, cut at the first tabs. */
static inline size_t records(const char *name, size_t n_fields, struct record **ret)
{
	struct bytes bytes = fixture(name);
	const char *rest = bytes.data, *line;
	struct record *list = arena_array(&arena, 1000, sizeof(*list));
	size_t n, count = 0;

	while (text_next_line(&rest, &line, &n)) {
		if (n == 0 || line[0] == '#')
			continue;
		assert_true(count < 1000);
		char *at = arena_strndup(&arena, line, n);
		for (size_t i = 0; i < n_fields; i++) {
			list[count].field[i] = at;
			if (i + 1 < n_fields && !(at = strchr(at, '\t')))
				fail_msg("too few tabs: %s", list[count].field[0]);
			if (i + 1 < n_fields)
				*at++ = '\0';
		}
		count++;
	}
	*ret = list;
	return count;
}

static inline struct explain_result explain(const char *text, size_t n)
{
	struct explain_log *log = explain_log_new(&arena);
	struct explain_result result;

	explain_log_feed(log, text, n);
	explain_log_end(log, &result);
	return result;
}

static inline struct explain_finding *only_finding(const char *text)
{
	struct explain_result result = explain(text, strlen(text));

	if (result.n != 1)
		fail_msg("%zu findings, not one: %s", result.n, text);
	return result.findings[0];
}
