/* SPDX-License-Identifier: MIT */
/* A document per test, and what its renderers make of it. */
#pragma once

#include "base/text.h"
#include "show/show.h"

#include <locale.h>
#include <setjmp.h>

#include <cmocka.h>

struct fixture {
	struct arena arena;
	struct doc *doc;
	struct doc_node *root;
};

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return -1;
	f->doc = doc_new(&f->arena, "passthru.test/1");
	f->root = doc_root(f->doc);
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	arena_free(&f->arena);
	free(f);
	return 0;
}

static inline char *text_of(struct fixture *f, struct doc_style style)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	assert_int_equal(doc_render_text(f->doc, &style, out), 0);
	fclose(out);
	char *copy = arena_strndup(&f->arena, text, n);
	free(text);
	return copy;
}

static inline char *json_of(struct fixture *f)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	assert_int_equal(doc_render_json(f->doc, out), 0);
	fclose(out);
	char *copy = arena_strndup(&f->arena, text, n);
	free(text);
	return copy;
}

#define WIDE ((struct doc_style){ 0 })
#define COLUMNS(n) ((struct doc_style){ .columns = (n) })

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
