// SPDX-License-Identifier: MIT
// The archives of an image, member by member: the grammar is that of init/initramfs.c of Linux
// (unpack_to_rootfs(), flush_buffer(), do_header(), do_name()) and of
// Documentation/driver-api/early-userspace/buffer-format.rst.
//
// This is not libarchive's reader of cpio, because that accepts formats that the kernel does not,
// searches for the next header behind damage, and ends at the first trailer, while an image goes
// on there: what it lists is not what the kernel unpacks.

#include "initramfs/internal.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define HEADER_BYTES 110

struct reader {
	struct stream *s;
	const struct cpio_visitor *visitor;
	struct cpio_member member;
	uint64_t n_members;
	size_t name_bytes;
	/* a name, and the target of a link, each with what pads it */
	char name[PATH_MAX + 8], target[PATH_MAX + 8];
};

enum field { INODE, MODE, UID, GID, LINKS, TIME, SIZE, MAJOR, MINOR, RMAJOR, RMINOR, NAME, FIELDS };

/* N_ALIGN() of the kernel: header and name together fill words of four bytes. */
static uint64_t padded_name(uint64_t n)
{
	return ((n + 1) & ~(uint64_t)3) + 2;
}

static bool parse_fields(const char *header, uint32_t fields[FIELDS])
{
	for (int i = 0; i < FIELDS; i++) {
		uint32_t value = 0;

		for (int k = 0; k < 8; k++) {
			unsigned char c = (unsigned char)header[6 + i * 8 + k];
			if (!isxdigit(c))
				return false;
			value = value << 4 |
				(isdigit(c) ? c - (unsigned)'0' : (c | 0x20) - 'a' + 10u);
		}
		fields[i] = value;
	}
	return true;
}

static int damaged(const struct reader *r, struct err *e, const char *what)
{
	return err_fail(e, -EBADMSG, "member %llu of the image: %s",
			(unsigned long long)r->n_members + 1, what);
}

static int read_header(struct reader *r, uint32_t fields[FIELDS], struct err *e)
{
	char header[HEADER_BYTES];
	int error = stream_take(r->s, header, sizeof(header), e);

	if (error < 0)
		return error;
	/* the second one has checksums, and is read by Linux 6.2 and later */
	if (memcmp(header, "070701", 6) != 0 && memcmp(header, "070702", 6) != 0)
		return damaged(r, e, "it does not begin with the magic of newc");
	if (!parse_fields(header, fields))
		return damaged(r, e, "its header has a field that is no number");
	return 0;
}

/* 1 when the visitor wants no more */
static int visit(struct reader *r, struct err *e)
{
	if (r->n_members > INITRAMFS_MAX_MEMBERS || r->name_bytes > INITRAMFS_MAX_NAMES)
		return err_fail(e, -EFBIG,
				"the image has more than %d members or %zu bytes of names",
				INITRAMFS_MAX_MEMBERS, INITRAMFS_MAX_NAMES);
	return r->visitor->member(r->visitor->closure, &r->member, r->s, e);
}

/* Name, target and content. */
static int read_named(struct reader *r, const uint32_t fields[FIELDS], struct err *e)
{
	struct cpio_member *m = &r->member;
	uint64_t number = r->n_members;
	int error = stream_take(r->s, r->name, padded_name(fields[NAME]), e);

	if (error < 0)
		return error;
	if (r->name[fields[NAME] - 1])
		return damaged(r, e, "its name has no end");
	*m = (struct cpio_member){
		.number = number,
		.name = r->name,
		.mode = (mode_t)(fields[MODE] & 0xffff),
		.n_bytes = fields[SIZE],
		.inode = fields[INODE],
		.major = fields[MAJOR],
		.minor = fields[MINOR],
		.n_links = fields[LINKS],
		.archive = m->archive,
	};
	if (strcmp(m->name, "TRAILER!!!") == 0) {
		m->archive++;
		return 0;
	}
	if (S_ISLNK(m->mode)) {
		error = stream_take(r->s, r->target, fields[SIZE], e);
		if (error < 0)
			return error;
		r->target[fields[SIZE]] = '\0';
		m->target = r->target;
	}
	r->n_members++;
	r->name_bytes += strlen(m->name) + (m->target ? strlen(m->target) : 0);
	return visit(r, e);
}

static int read_member(struct reader *r, struct err *e)
{
	uint32_t fields[FIELDS];
	int error = read_header(r, fields, e);

	if (error < 0)
		return error;
	uint64_t after = r->s->passed + padded_name(fields[NAME]) + fields[SIZE];
	after = (after + 3) & ~(uint64_t)3;
	mode_t mode = (mode_t)(fields[MODE] & 0xffff); /* umode_t */
	/* do_header() passes over all others without a word */
	bool has_name = fields[NAME] > 0 && fields[NAME] <= PATH_MAX;
	bool is_taken =
		S_ISLNK(mode) ? fields[SIZE] <= PATH_MAX : S_ISREG(mode) || fields[SIZE] == 0;
	if (has_name && is_taken)
		error = read_named(r, fields, e);
	if (error != 0)
		return error;
	return stream_take(r->s, NULL, after - r->s->passed, e);
}

static void eat_zeros(struct stream *s)
{
	size_t n = 1;

	while (n < s->n && s->data[n] == '\0')
		n++;
	stream_eat(s, n);
}

int cpio_walk(struct stream *s, const struct cpio_visitor *visitor, struct err *e)
{
	struct reader r = { .s = s, .visitor = visitor };

	for (;;) {
		int more = stream_fill(s, e);

		if (more < 0)
			return more;
		if (more == 0 && !s->part)
			return 0;
		if (more == 0) {
			more = stream_leave(s, e);
			if (more < 0)
				return more;
			continue;
		}
		int error = 0;
		if (*s->data == '\0')
			eat_zeros(s);
		else if (*s->data == '0' && (s->passed & 3) == 0)
			error = read_member(&r, e);
		else if (!s->part)
			error = stream_enter(s, e);
		else
			error = damaged(&r, e, "what comes before it is no archive");
		if (error != 0)
			return error;
	}
}
