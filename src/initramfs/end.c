// SPDX-License-Identifier: MIT
// Where a compressed part of an image ends, from the lengths that its blocks say they have: the
// kernel goes on right there with the next archive.
//
// Formats: "The .xz File Format" 1.1.0 and the chunks of LZMA2 as lib/xz/xz_dec_lzma2.c reads
// them; RFC 8878 (zstd), of which the kernel takes one frame at a time (lib/decompress_unzstd.c);
// lib/decompress_unlz4.c, which ends at a block of length 0 or when less than a length is left.

#include "initramfs/internal.h"

#include <errno.h>
#include <string.h>

/* "xz -9" takes half of it; libzstd takes no more by itself, liblzma whatever a header says. */
#define DICTIONARY_MAX ((uint64_t)128 * 1024 * 1024)
#define LZ4_BLOCK_MAX ((uint64_t)8 * 1024 * 1024)

struct walk {
	int fd;
	uint64_t at, end;
	unsigned char window[4096];
	uint64_t window_at;
	size_t n;
	bool is_too_large; /* more memory is asked for than an image may */
};

/* The next @n bytes, at most 16; NULL when they are not there. */
static const unsigned char *next(struct walk *w, size_t n)
{
	if (n > w->end - w->at)
		return NULL;
	if (w->at < w->window_at || w->at + n > w->window_at + w->n) {
		uint64_t left = w->end - w->at;
		w->n = left < sizeof(w->window) ? (size_t)left : sizeof(w->window);
		w->window_at = w->at;
		if (file_read_at(w->fd, w->window, w->n, w->at) < 0) {
			w->n = 0;
			return NULL;
		}
	}
	const unsigned char *data = w->window + (w->at - w->window_at);
	w->at += n;
	return data;
}

static bool skip(struct walk *w, uint64_t n)
{
	if (n > w->end - w->at)
		return false;
	w->at += n;
	return true;
}

static uint64_t little(const unsigned char *data, size_t n)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n; i++)
		value |= (uint64_t)data[i] << (8 * i);
	return value;
}

/* ---- xz ---- */

static bool skip_padding(struct walk *w, uint64_t start)
{
	return skip(w, -(w->at - start) & 3);
}

static bool lzma2(struct walk *w)
{
	for (;;) {
		const unsigned char *control = next(w, 1), *sizes;

		if (!control)
			return false;
		unsigned c = *control;
		if (c == 0)
			return true;
		if (c > 2 && c < 0x80)
			return false;
		/* the bytes of an uncompressed chunk, or those of both sizes of a compressed one */
		sizes = next(w, c < 0x80 ? 2 : 4);
		if (!sizes)
			return false;
		sizes += c < 0x80 ? 0 : 2;
		uint64_t size = (uint64_t)(sizes[0] << 8 | sizes[1]) + 1 + (c >= 0xc0);
		if (!skip(w, size))
			return false;
	}
}

static bool number(struct walk *w, uint64_t *ret)
{
	*ret = 0;
	for (unsigned i = 0; i < 9; i++) {
		const unsigned char *byte = next(w, 1);

		if (!byte)
			return false;
		*ret |= (uint64_t)(*byte & 0x7f) << (7 * i);
		if (!(*byte & 0x80))
			return true;
	}
	return false;
}

static bool xz_index(struct walk *w, uint64_t start)
{
	uint64_t records, ignored;

	if (!number(w, &records))
		return false;
	for (; records > 0; records--) {
		if (!number(w, &ignored) || !number(w, &ignored))
			return false;
	}
	/* its checksum, and the footer but its magic */
	if (!skip_padding(w, start) || !skip(w, 4 + 10))
		return false;
	const unsigned char *magic = next(w, 2);
	return magic && magic[0] == 'Y' && magic[1] == 'Z';
}

/* The dictionary of LZMA2 in the header of a block, behind its length. */
static bool xz_filters(struct walk *w)
{
	const unsigned char *byte = next(w, 1);
	uint64_t id, n, ignored;

	if (!byte)
		return false;
	unsigned flags = *byte;
	if ((flags & 0x40 && !number(w, &ignored)) || (flags & 0x80 && !number(w, &ignored)))
		return false;
	for (unsigned i = 0; i <= (flags & 3); i++) {
		if (!number(w, &id) || !number(w, &n))
			return false;
		if (id != 0x21) {
			if (!skip(w, n))
				return false;
			continue;
		}
		byte = next(w, 1);
		if (n != 1 || !byte || *byte > 40)
			return false;
		uint64_t size = (uint64_t)(2 | (*byte & 1)) << (*byte / 2 + 11);
		w->is_too_large |= size > DICTIONARY_MAX;
	}
	return true;
}

static bool xz(struct walk *w)
{
	static const unsigned char check_sizes[] = { 0,  4,  4,  4,  8,  8,  8,  16,
						     16, 16, 32, 32, 32, 64, 64, 64 };
	uint64_t start = w->at;
	const unsigned char *header = next(w, 12);

	static const char magic[6] = { (char)0xfd, '7', 'z', 'X', 'Z', '\0' };
	if (!header || memcmp(header, magic, sizeof(magic)) != 0)
		return false;
	unsigned check = check_sizes[header[7] & 0xf];
	for (;;) {
		const unsigned char *size = next(w, 1);

		if (!size)
			return false;
		if (*size == 0)
			return xz_index(w, start);
		uint64_t data = w->at - 1 + ((uint64_t)*size + 1) * 4;
		if (!xz_filters(w) || w->at > data || !skip(w, data - w->at) || !lzma2(w) ||
		    !skip_padding(w, start) || !skip(w, check))
			return false;
	}
}

/* ---- zstd ---- */

static bool zstd(struct walk *w)
{
	static const unsigned char id_sizes[] = { 0, 1, 2, 4 }, content_sizes[] = { 0, 2, 4, 8 };
	const unsigned char *header = next(w, 5), *block;

	if (!header || memcmp(header, "\x28\xb5\x2f\xfd", 4) != 0)
		return false;
	unsigned flags = header[4];
	bool single = flags & 0x20, has_checksum = flags & 0x04;
	unsigned content = content_sizes[flags >> 6];
	if (content == 0 && single)
		content = 1;
	if (!skip(w, (single ? 0u : 1u) + id_sizes[flags & 3] + content))
		return false;
	do {
		block = next(w, 3);
		if (!block)
			return false;
		uint64_t value = little(block, 3), type = value >> 1 & 3;
		/* one byte, repeated, says a block of type 1 */
		if (type == 3 || !skip(w, type == 1 ? 1 : value >> 3))
			return false;
		if (value & 1)
			return skip(w, has_checksum ? 4 : 0);
	} while (true);
}

/* ---- lz4 ---- */

static bool lz4(struct walk *w)
{
	static const uint32_t magic = 0x184c2102;
	const unsigned char *data = next(w, 4);

	if (!data || little(data, 4) != magic)
		return false;
	for (;;) {
		uint64_t before = w->at;

		data = next(w, 4);
		if (!data)
			return w->end - before < 4;
		uint64_t size = little(data, 4);
		if (size == magic)
			continue;
		if (size == 0) {
			w->at = before;
			return true;
		}
		/* LZ4_COMPRESSBOUND of <linux/lz4.h> */
		if (size > LZ4_BLOCK_MAX + LZ4_BLOCK_MAX / 255 + 16 || !skip(w, size))
			return false;
	}
}

/* Its end is nowhere said. */
static bool lzma(struct walk *w)
{
	const unsigned char *header = next(w, 5);

	if (header)
		w->is_too_large = little(header + 1, 4) > DICTIONARY_MAX;
	w->at = 0;
	return header;
}

int end_find(int fd, enum compression compression, uint64_t start, uint64_t end, uint64_t *ret)
{
	struct walk w = { .fd = fd, .at = start, .end = end };
	bool found;

	switch (compression) {
	case COMPRESSION_XZ:
		found = xz(&w);
		break;
	case COMPRESSION_ZSTD:
		found = zstd(&w);
		break;
	case COMPRESSION_LZ4:
		found = lz4(&w);
		break;
	case COMPRESSION_LZMA:
		found = lzma(&w);
		break;
	default: /* libarchive finds it */
		w.at = 0;
		found = true;
	}
	*ret = w.at;
	return w.is_too_large ? -EFBIG : found ? 0 : -EBADMSG;
}
