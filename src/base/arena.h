/* SPDX-License-Identifier: MIT */
/*
 * Memory that is given back all at once. Facts, documents and plans live in an
 * arena each; pointers into it stay valid until arena_free().
 *
 * Allocation does not fail: when memory runs out the program ends with exit
 * status 3, as if killed. Sizes that come from input are bounded by the reader
 * of that input, and every change to a host is safe against being killed.
 */
#pragma once

#include "base/cleanup.h"

#include <stdarg.h>
#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *newest;
};

/* Zeroed memory, aligned for any type. @size 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t size);
/* Zeroed memory for @count elements; ends the program when the product overflows. */
void *arena_array(struct arena *a, size_t count, size_t size);
char *arena_strdup(struct arena *a, const char *text);
char *arena_strndup(struct arena *a, const char *text, size_t n);
/* One after the other: for paths, which are many. */
char *arena_concat(struct arena *a, const char *first, const char *second);
char *arena_printf(struct arena *a, const char *format, ...) PRINTF_LIKE(2, 3);
char *arena_vprintf(struct arena *a, const char *format, va_list args) PRINTF_LIKE(2, 0);
/* A copy of @n bytes followed by a NUL that is not counted. */
void *arena_memdup(struct arena *a, const void *data, size_t n);
/* Gives everything back; the arena is empty and usable again. Accepts an empty one. */
void arena_free(struct arena *a);

#define CLEANUP_ARENA CLEANUP(arena_free)
