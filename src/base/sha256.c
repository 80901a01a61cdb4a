// SPDX-License-Identifier: MIT
// SHA-256 after FIPS 180-4, sections 4.1.2 (functions), 4.2.2 (constants), 5.3.3 (start) and 6.2.
//
// Written out here because none of the libraries that this program needs has it, and a library of
// ciphers for one function would be one more thing that has to be there in a rescue shell.

#include "base/sha256.h"

#include <string.h>

#define BLOCK sizeof(((struct sha256 *)0)->block)

static const uint32_t round_constant[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static uint32_t rotate(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static void schedule(const unsigned char *block, uint32_t w[64])
{
	for (size_t i = 0; i < 16; i++, block += 4)
		w[i] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 |
		       (uint32_t)block[2] << 8 | block[3];
	for (size_t i = 16; i < 64; i++) {
		uint32_t early = w[i - 15], late = w[i - 2];

		w[i] = w[i - 16] + w[i - 7] + (rotate(early, 7) ^ rotate(early, 18) ^ early >> 3) +
		       (rotate(late, 17) ^ rotate(late, 19) ^ late >> 10);
	}
}

static void compress(struct sha256 *s, const unsigned char *block)
{
	uint32_t w[64], v[8];

	schedule(block, w);
	memcpy(v, s->state, sizeof(v));
	for (size_t i = 0; i < 64; i++) {
		uint32_t a = v[0], e = v[4];
		uint32_t first = v[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
				 ((e & v[5]) ^ (~e & v[6])) + round_constant[i] + w[i];
		uint32_t second = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +
				  ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));

		memmove(v + 1, v, 7 * sizeof(*v));
		v[4] += first;
		v[0] = first + second;
	}
	for (size_t i = 0; i < 8; i++)
		s->state[i] += v[i];
}

void sha256_start(struct sha256 *s)
{
	static const uint32_t start[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
					   0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

	*s = (struct sha256){ 0 };
	memcpy(s->state, start, sizeof(start));
}

void sha256_add(struct sha256 *s, const void *data, size_t n)
{
	const unsigned char *next = data;
	size_t have = s->n_bytes % BLOCK;

	s->n_bytes += n;
	if (have > 0) {
		size_t part = n < BLOCK - have ? n : BLOCK - have;

		memcpy(s->block + have, next, part);
		if (have + part < BLOCK)
			return;
		compress(s, s->block);
		next += part;
		n -= part;
	}
	for (; n >= BLOCK; next += BLOCK, n -= BLOCK)
		compress(s, next);
	if (n > 0)
		memcpy(s->block, next, n);
}

void sha256_text(struct sha256 *s, char ret_text[SHA256_TEXT])
{
	static const unsigned char padding[BLOCK] = { 0x80 };
	static const char digit[] = "0123456789abcdef";
	uint64_t n_bits = s->n_bytes * 8;
	size_t have = s->n_bytes % BLOCK;
	unsigned char length[8];

	for (size_t i = 0; i < sizeof(length); i++)
		length[i] = (unsigned char)(n_bits >> (56 - 8 * i));
	sha256_add(s, padding, (have < 56 ? 56 : 120) - have);
	sha256_add(s, length, sizeof(length));
	for (size_t i = 0; i < SHA256_TEXT - 1; i++)
		ret_text[i] = digit[s->state[i / 8] >> (28 - 4 * (i % 8)) & 15];
	ret_text[SHA256_TEXT - 1] = '\0';
}
