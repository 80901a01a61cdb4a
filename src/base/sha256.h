/* SPDX-License-Identifier: MIT */
/* SHA-256 (FIPS 180-4), so that a file is known again without a copy of it, as sha256sum names it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* 64 hex digits and a NUL */
#define SHA256_TEXT 65

struct sha256 {
	uint32_t state[8];
	uint64_t n_bytes;
	unsigned char block[64];
};

void sha256_start(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t n);
/* Ends it: @s has to be started again. */
void sha256_text(struct sha256 *s, char ret_text[SHA256_TEXT]);
