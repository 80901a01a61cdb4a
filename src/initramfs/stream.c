// SPDX-License-Identifier: MIT
// An image as one stream of bytes.
//
// libarchive decompresses: its raw format with exactly one filter, the one that the first two
// bytes name as they do for the kernel (lib/decompress.c). How far that went in the file says
// archive_filter_bytes(); its filters for xz, zstd and lz4 however read on into what follows and
// fail there, so they are given no more than their part of the file (end.c).

#include "base/dl.h"
#include "initramfs/internal.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LIBRARY "libarchive.so.13"

/* clang-format off */
#define SYMBOLS(X) \
	X(archive_error_string) \
	X(archive_filter_bytes) \
	X(archive_read_append_filter) \
	X(archive_read_data_block) \
	X(archive_read_free) \
	X(archive_read_new) \
	X(archive_read_next_header) \
	X(archive_read_open) \
	X(archive_read_support_format_raw)

static struct {
	SYMBOLS(DL_POINTER)
} la;

#define ROW(symbol) DL_ROW(la, symbol)
static const struct dl_symbol symbols[] = { SYMBOLS(ROW) };
/* clang-format on */

/* In the order of enum compression. */
static const struct {
	const char *name;
	unsigned char magic[2];
	int filter; /* of libarchive; -1: it would start a program */
} methods[] = {
	[COMPRESSION_GZIP] = { "gzip", { 0x1f, 0x8b }, ARCHIVE_FILTER_GZIP },
	[COMPRESSION_BZIP2] = { "bzip2", { 0x42, 0x5a }, ARCHIVE_FILTER_BZIP2 },
	[COMPRESSION_LZMA] = { "lzma", { 0x5d, 0x00 }, ARCHIVE_FILTER_LZMA },
	[COMPRESSION_XZ] = { "xz", { 0xfd, 0x37 }, ARCHIVE_FILTER_XZ },
	[COMPRESSION_LZO] = { "lzo", { 0x89, 0x4c }, -1 },
	[COMPRESSION_LZ4] = { "lz4", { 0x02, 0x21 }, ARCHIVE_FILTER_LZ4 },
	[COMPRESSION_ZSTD] = { "zstd", { 0x28, 0xb5 }, ARCHIVE_FILTER_ZSTD },
};

int stream_open(struct stream *s, int fd, uint64_t start, uint64_t end, struct err *e)
{
	*s = (struct stream){ .fd = fd, .start = start, .end = end, .at = start };
	s->buffer = malloc(STREAM_BUFFER);
	s->feed = malloc(STREAM_BUFFER);
	if (!s->buffer || !s->feed) {
		stream_close(s);
		return err_io(e, -ENOMEM, "reading the image");
	}
	return 0;
}

void stream_close(struct stream *s)
{
	if (s->part)
		la.archive_read_free(s->part);
	free(s->buffer);
	free(s->feed);
	*s = (struct stream){ 0 };
}

static size_t at_most(uint64_t n, size_t most)
{
	return n < most ? (size_t)n : most;
}

static int fill_from_file(struct stream *s, struct err *e)
{
	size_t n = at_most(s->end - s->at, STREAM_BUFFER);

	if (n == 0)
		return 0;
	int error = file_read_at(s->fd, s->buffer, n, s->at);
	if (error < 0)
		return err_io(e, error, "reading the image at byte %llu",
			      (unsigned long long)s->at);
	s->at += n;
	s->data = s->buffer;
	s->n = n;
	return 1;
}

static int part_failed(struct stream *s, struct err *e)
{
	const char *why = la.archive_error_string(s->part);

	if (s->feed_error < 0)
		return err_io(e, s->feed_error, "reading the image");
	return err_fail(e, -EBADMSG, "the %s data at byte %llu of the image is damaged: %s",
			s->part_name, (unsigned long long)(s->part_start - s->start),
			why ? why : "no reason given");
}

static int fill_from_part(struct stream *s, struct err *e)
{
	const void *data;
	size_t n = 0;
	la_int64_t offset;

	while (n == 0) {
		int status = la.archive_read_data_block(s->part, &data, &n, &offset);

		if (status == ARCHIVE_EOF)
			return 0;
		if (status != ARCHIVE_OK)
			return part_failed(s, e);
	}
	s->unpacked += n;
	if (s->unpacked > INITRAMFS_MAX_UNPACKED)
		return err_fail(e, -EFBIG, "the image unpacks to more than %llu bytes",
				(unsigned long long)INITRAMFS_MAX_UNPACKED);
	s->data = data;
	s->n = n;
	return 1;
}

int stream_fill(struct stream *s, struct err *e)
{
	if (s->n > 0)
		return 1;
	return s->part ? fill_from_part(s, e) : fill_from_file(s, e);
}

void stream_eat(struct stream *s, size_t n)
{
	s->data += n;
	s->n -= n;
	s->passed += n;
}

/* Past what the window does not hold without reading it, where that is possible. */
static uint64_t seek(struct stream *s, uint64_t n)
{
	if (s->part || s->n > 0)
		return 0;
	uint64_t there = s->end - s->at;
	if (there > n)
		there = n;
	s->at += there;
	s->passed += there;
	return there;
}

int stream_take(struct stream *s, char *to, uint64_t n, struct err *e)
{
	while (n > 0) {
		if (!to)
			n -= seek(s, n);
		if (n == 0)
			return 0;
		int more = stream_fill(s, e);
		if (more < 0)
			return more;
		if (more == 0)
			return err_fail(e, -EBADMSG, "the image is cut short");
		size_t piece = at_most(n, s->n);
		if (to) {
			memcpy(to, s->data, piece);
			to += piece;
		}
		stream_eat(s, piece);
		n -= piece;
	}
	return 0;
}

/* ---- compressed parts ---- */

static la_ssize_t feed_part(struct archive *archive, void *closure, const void **ret)
{
	struct stream *s = closure;
	uint64_t left = (s->part_end ? s->part_end : s->end) - s->fed;
	size_t n = at_most(left, STREAM_BUFFER);

	(void)archive;
	*ret = s->feed;
	if (n == 0)
		return 0;
	s->feed_error = file_read_at(s->fd, s->feed, n, s->fed);
	if (s->feed_error < 0)
		return -1;
	s->fed += n;
	return (la_ssize_t)n;
}

static enum compression which_compression(const unsigned char *magic)
{
	for (size_t i = COMPRESSION_NONE + 1; i < ARRAY_SIZE(methods); i++) {
		if (memcmp(methods[i].magic, magic, 2) == 0)
			return (enum compression)i;
	}
	return COMPRESSION_NONE;
}

static int decompress(struct stream *s, enum compression method, struct err *e)
{
	struct archive_entry *entry;

	int error = dl_load(LIBRARY, symbols, ARRAY_SIZE(symbols), e);
	if (error < 0)
		return error;
	s->fed = s->part_start;
	s->feed_error = 0;
	s->part = la.archive_read_new();
	if (!s->part)
		return err_io(e, -ENOMEM, "reading the image");
	/* no other status: a warning says that it will start a program */
	if (la.archive_read_support_format_raw(s->part) != ARCHIVE_OK ||
	    la.archive_read_append_filter(s->part, methods[method].filter) != ARCHIVE_OK)
		return err_fail(e, -EOPNOTSUPP, "%s was built without %s, which the image needs",
				LIBRARY, s->part_name);
	if (la.archive_read_open(s->part, s, NULL, feed_part, NULL) != ARCHIVE_OK ||
	    la.archive_read_next_header(s->part, &entry) != ARCHIVE_OK)
		return part_failed(s, e);
	return 0;
}

int stream_enter(struct stream *s, struct err *e)
{
	unsigned char magic[2];
	uint64_t at = s->at - s->n, offset = at - s->start;
	enum compression method = COMPRESSION_NONE;

	if (s->end - at >= sizeof(magic)) {
		int error = file_read_at(s->fd, magic, sizeof(magic), at);
		if (error < 0)
			return err_io(e, error, "reading the image");
		method = which_compression(magic);
	}
	if (method == COMPRESSION_NONE)
		return err_fail(e, -EBADMSG,
				"at byte %llu of the image is nothing that the kernel unpacks",
				(unsigned long long)offset);
	if (methods[method].filter < 0)
		return err_fail(e, -EOPNOTSUPP,
				"the image is compressed with %s, which this "
				"program cannot read",
				methods[method].name);
	s->part_name = methods[method].name;
	s->part_start = at;
	int error = end_find(s->fd, method, at, s->end, &s->part_end);
	if (error < 0)
		return err_fail(e, error, "the %s data at byte %llu of the image %s", s->part_name,
				(unsigned long long)offset,
				error == -EFBIG ? "takes more than 128 MiB to decompress"
						: "is damaged or cut short");
	s->n = 0;
	s->passed = 0;
	return decompress(s, method, e);
}

int stream_leave(struct stream *s, struct err *e)
{
	/* of the lowest filter, which is the file: what those above it have used */
	uint64_t used = (uint64_t)la.archive_filter_bytes(s->part, -1);

	s->at = s->part_end ? s->part_end : s->part_start + used;
	if (s->at > s->end)
		s->at = s->end;
	s->passed = s->at - s->start;
	s->n = 0;
	la.archive_read_free(s->part);
	s->part = NULL;
	if (s->at <= s->part_start)
		return err_fail(e, -EBADMSG, "the %s data at byte %llu of the image is empty",
				s->part_name, (unsigned long long)(s->part_start - s->start));
	return 0;
}
