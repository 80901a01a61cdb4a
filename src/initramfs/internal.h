/* SPDX-License-Identifier: MIT */
/* The parts of an image's reader: the file as a stream, the archives in it, the places of members.
 */
#pragma once

#include "initramfs/image.h"

#include <stdint.h>

struct archive;

/* The compressions of lib/decompress.c. */
enum compression {
	COMPRESSION_NONE, /* not one that the kernel knows */
	COMPRESSION_GZIP,
	COMPRESSION_BZIP2,
	COMPRESSION_LZMA,
	COMPRESSION_XZ,
	COMPRESSION_LZO,
	COMPRESSION_LZ4,
	COMPRESSION_ZSTD,
};

#define STREAM_BUFFER ((size_t)64 * 1024)

/* The bytes of an image, those of compressed parts decompressed. */
struct stream {
	int fd;
	uint64_t start, end; /* of the image in the file */
	uint64_t at;         /* in the file, behind the window of a part that is not compressed */
	const char *data;    /* the window */
	size_t n;
	uint64_t passed;      /* since the start of the image, or of the compressed part */
	struct archive *part; /* what decompresses; NULL: none */
	const char *part_name;
	uint64_t part_start, part_end, fed; /* part_end 0: the decompressor finds out */
	uint64_t unpacked;                  /* by all parts */
	int feed_error;
	char *buffer, *feed; /* STREAM_BUFFER each */
};

MUST_CHECK int stream_open(struct stream *s, int fd, uint64_t start, uint64_t end, struct err *e);
void stream_close(struct stream *s);
/* Makes the window not empty. 1, or 0 at the end of the part or image. */
MUST_CHECK int stream_fill(struct stream *s, struct err *e);
/* Takes @n bytes out of the window. */
void stream_eat(struct stream *s, size_t n);
/* Exactly @n bytes to @to, or past them when it is NULL; -EBADMSG when there are fewer. */
MUST_CHECK int stream_take(struct stream *s, char *to, uint64_t n, struct err *e);
/* What stands at the window is compressed: decompresses from here on. */
MUST_CHECK int stream_enter(struct stream *s, struct err *e);
/* The compressed part has come to its end: goes on behind it. */
MUST_CHECK int stream_leave(struct stream *s, struct err *e);

/*
 * Where the xz stream, zstd frame or legacy lz4 stream that begins at @start ends, 0 for other
 * compressions; -EBADMSG when it does not before @end, -EFBIG when decompressing takes too much
 * memory. Nothing is decompressed: all three say how long their blocks are.
 */
MUST_CHECK int end_find(int fd, enum compression compression, uint64_t start, uint64_t end,
			uint64_t *ret);

/* Where the image stands in a file: all of it, or the section of a unified kernel image. */
MUST_CHECK int uki_find(int fd, uint64_t size, uint64_t *ret_start, uint64_t *ret_end,
			struct err *e);
/* Exactly @n bytes at @offset; -EBADMSG when the file is shorter. */
MUST_CHECK int file_read_at(int fd, void *to, size_t n, uint64_t offset);

/* One member, as its header says. */
struct cpio_member {
	uint64_t number; /* from 0 */
	const char *name;
	const char *target; /* of a link */
	mode_t mode;
	uint64_t n_bytes;
	uint32_t inode, major, minor, n_links;
	unsigned archive; /* which of the archives, from 0: hard links do not reach over their ends
			   */
};

struct cpio_visitor {
	/* may take up to n_bytes of the stream; 1 ends the walk */
	int (*member)(void *closure, const struct cpio_member *m, struct stream *s, struct err *e);
	void *closure;
};

/* All members of an image. 0, or what the visitor returned, or -EBADMSG, -EFBIG. */
MUST_CHECK int cpio_walk(struct stream *s, const struct cpio_visitor *visitor, struct err *e);

/* Where the members are in the unpacked image. */
struct places {
	void *tree; /* of tsearch(3), by place */
	uint64_t steps;
};

#define PLACES_STEPS_MAX ((uint64_t)10 * 1000 * 1000)

/* The member is there from now on. */
void places_add(struct places *p, struct initramfs_member *member);
/* Whether there is a directory for it: the kernel makes none by itself. */
bool places_has_parent(const struct places *p, const char *place);
/* The member at exactly that place. */
struct initramfs_member *places_at(const struct places *p, const char *place);
/*
 * @path without links: in its directories, and with @last at its end. NULL for a loop, and for
 * what is too long.
 */
const char *places_resolve(struct places *p, struct arena *a, const char *path, bool last);
void places_free(struct places *p);

/* Whether an index of depmod(8) names the module, '-' and '_' being the same. */
bool index_names(struct bytes index, const char *name);
