/* SPDX-License-Identifier: MIT */
/* Builds ACPI tables byte by byte, for the tests of what decodes them. */
#pragma once

#include "host/acpi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

struct build {
	unsigned char data[1024];
	size_t n;
	struct arena arena;
	struct err e;
};

static inline void put(struct build *b, size_t size, uint64_t value)
{
	assert_true(b->n + size <= sizeof(b->data));
	for (; size > 0; size--, value >>= 8)
		b->data[b->n++] = (unsigned char)value;
}

static inline void put_text(struct build *b, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		put(b, 1, i < strlen(text) ? (unsigned char)text[i] : 0);
}

/* Length and checksum of the table as it is now. */
static inline struct bytes build_done(struct build *b)
{
	unsigned char sum = 0;

	for (size_t i = 0; i < 4; i++)
		b->data[4 + i] = (unsigned char)(b->n >> 8 * i);
	b->data[9] = 0;
	for (size_t i = 0; i < b->n; i++)
		sum = (unsigned char)(sum + b->data[i]);
	b->data[9] = (unsigned char)(0x100 - sum);
	return (struct bytes){ (char *)b->data, b->n };
}

/* The 36 bytes that all tables have. */
static inline struct build build_header(const char *signature)
{
	struct build b = { 0 };

	put_text(&b, signature, 4);
	put(&b, 4, 0);
	put(&b, 1, 2);
	put(&b, 1, 0);
	put_text(&b, "OEMID", 6);
	put_text(&b, "TABLE ID", 8);
	put(&b, 4, 0x01072009);
	put_text(&b, "INTL", 4);
	put(&b, 4, 0x20200925);
	return b;
}

static inline void build_free(struct build *b)
{
	arena_free(&b->arena);
}

#define CLEANUP_BUILD CLEANUP(build_free)
