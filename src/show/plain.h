/* SPDX-License-Identifier: MIT */
/*
 * Strings of unknown origin (names in a snapshot of another machine, strings that a device
 * reports) in a form that is safe on a terminal, and their width there.
 */
#pragma once

#include "base/arena.h"

#include <stdint.h>

/*
 * The character at @text, a string that ends in NUL. Returns its length in bytes, 0 when the
 * bytes are no valid UTF-8 (overlong forms and surrogates are not).
 */
size_t utf8_decode(const char *text, uint32_t *ret);

/* @text itself where it is plain already; the rest, and bytes that are no UTF-8, as \xNN. */
const char *plain_text(struct arena *a, const char *text);
/* The same without blanks at its end. */
const char *plain_trimmed(struct arena *a, const char *text);

/* Of a plain text: how many bytes of it fit into @limit columns of a terminal, and their width. */
size_t plain_start(const char *text, size_t limit, size_t *ret_width);
/* Columns that a plain text takes on a terminal. */
size_t plain_width(const char *text);
