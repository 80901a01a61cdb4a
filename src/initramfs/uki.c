// SPDX-License-Identifier: MIT
// Unified kernel images: a PE file with the initramfs image in its section ".initrd" and the
// command line in ".cmdline".
//
// The UAPI Group's specification "Unified Kernel Image (UKI)" and the PE format: the content of a
// section is what both of its sizes hold. Where there are several profiles, the one that boots
// when nothing is chosen is the first; what it lacks is that of the part before all profiles.

#include "base/text.h"
#include "initramfs/generator.h"
#include "initramfs/internal.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTIONS_MAX 96
#define LINE_MAX_BYTES ((size_t)8192)

int file_read_at(int fd, void *to, size_t n, uint64_t offset)
{
	char *next = to;

	while (n > 0) {
		ssize_t done = pread(fd, next, n, (off_t)offset);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		if (done == 0)
			return -EBADMSG;
		next += done;
		offset += (uint64_t)done;
		n -= (size_t)done;
	}
	return 0;
}

static uint32_t word(const unsigned char *data)
{
	return data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
}

struct section {
	unsigned char name[8];
	unsigned char size_in_memory[4], address[4], size_in_file[4], offset[4];
	unsigned char ignored[16];
};

/* ---- the headers ---- */

/* What is kept of a PE file; all sections in front of the second profile. */
struct headers {
	struct section sections[SECTIONS_MAX];
	unsigned n;
	bool is_signed;
};

/* The fifth of the data directories is that of signatures, and empty where there are none. */
static int read_signed(int fd, uint64_t at, unsigned n, bool *ret)
{
	unsigned char optional[112 + 5 * 8] = { 0 };
	size_t start;

	if (n > sizeof(optional))
		n = sizeof(optional);
	if (n < 2 || file_read_at(fd, optional, n, at) < 0)
		return n < 2 ? 0 : -EBADMSG;
	/* PE32+, PE32 */
	start = optional[0] == 0x0b && optional[1] == 0x02 ? 112 : 96;
	*ret = word(optional + start - 4) > 4 && word(optional + start + 4 * 8 + 4) > 0;
	return 0;
}

static int read_sections(int fd, uint64_t at, unsigned n, struct headers *ret)
{
	unsigned profiles = 0;

	for (unsigned i = 0; i < n; i++, at += sizeof(struct section)) {
		struct section *section = &ret->sections[ret->n];

		if (file_read_at(fd, section, sizeof(*section), at) < 0)
			return -EBADMSG;
		if (memcmp(section->name, ".profile", 8) == 0 && ++profiles == 2)
			break;
		ret->n++;
	}
	return 0;
}

/* -ENOEXEC when it does not even begin as such a program does. */
static int read_headers(int fd, struct headers *ret)
{
	unsigned char dos[64], pe[24];

	*ret = (struct headers){ 0 };
	int error = file_read_at(fd, dos, sizeof(dos), 0);
	if (error == -EBADMSG || (error == 0 && (dos[0] != 'M' || dos[1] != 'Z')))
		return -ENOEXEC;
	uint64_t at = error < 0 ? 0 : word(dos + 60);
	if (error == 0)
		error = file_read_at(fd, pe, sizeof(pe), at);
	if (error < 0)
		return error;
	unsigned n = pe[6] | (unsigned)pe[7] << 8, optional = pe[20] | (unsigned)pe[21] << 8;
	if (memcmp(pe, "PE\0", 4) != 0 || n > SECTIONS_MAX)
		return -EBADMSG;
	error = read_signed(fd, at + sizeof(pe), optional, &ret->is_signed);
	return error < 0 ? error : read_sections(fd, at + sizeof(pe) + optional, n, ret);
}

/* The last of that name, without what only fills the file up. */
static int find_section(const struct headers *headers, const char *name, uint64_t *ret_start,
			uint64_t *ret_end)
{
	int error = -ENOENT;

	for (unsigned i = 0; i < headers->n; i++) {
		const struct section *section = &headers->sections[i];
		uint32_t in_file = word(section->size_in_file);
		uint32_t size = word(section->size_in_memory);

		if (strncmp((const char *)section->name, name, sizeof(section->name)) != 0)
			continue;
		*ret_start = word(section->offset);
		*ret_end = *ret_start + (size < in_file ? size : in_file);
		error = 0;
	}
	return error;
}

int uki_find(int fd, uint64_t size, uint64_t *ret_start, uint64_t *ret_end, struct err *e)
{
	struct headers headers;

	*ret_start = 0;
	*ret_end = size;
	int error = read_headers(fd, &headers);
	if (error == -ENOEXEC)
		return 0;
	if (error == 0)
		error = find_section(&headers, ".initrd", ret_start, ret_end);
	if (error == -ENOENT)
		return err_fail(e, -EBADMSG, "it is an EFI program without a section .initrd");
	if (error < 0 || *ret_end > size)
		return err_fail(e, -EBADMSG, "its EFI headers are damaged");
	return 0;
}

/* ---- what else is in it ---- */

static int open_file(struct root *r, const char *path)
{
	return r->ops->open ? r->ops->open(r, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -ENODATA;
}

static int read_line(int fd, struct arena *a, const struct headers *headers, const char **ret)
{
	char text[LINE_MAX_BYTES];
	uint64_t start, end;

	*ret = NULL;
	if (find_section(headers, ".cmdline", &start, &end) < 0)
		return 0;
	if (end - start > sizeof(text))
		return -EFBIG;
	int error = file_read_at(fd, text, (size_t)(end - start), start);
	if (error < 0)
		return error;
	size_t n = strnlen(text, (size_t)(end - start)), blanks = 0;
	/* dracut puts some around it */
	while (blanks < n && isspace((unsigned char)text[blanks]))
		blanks++;
	*ret = text_trimmed(a, (struct bytes){ text + blanks, n - blanks });
	return 0;
}

int initramfs_read_unified(struct root *r, struct arena *a, const char *path,
			   struct initramfs_unified *ret, struct err *e)
{
	struct headers headers;

	*ret = (struct initramfs_unified){ 0 };
	CLEANUP_CLOSE int fd = open_file(r, path);
	int error = fd < 0 ? fd : read_headers(fd, &headers);
	if (error == 0)
		error = read_line(fd, a, &headers, &ret->line);
	if (error == -EBADMSG || error == -ENOEXEC)
		return err_fail(e, -EBADMSG, "%s is no EFI program, or a damaged one", path);
	if (error < 0)
		return err_io(e, error, "reading %s", path);
	const char **names = arena_array(a, headers.n, sizeof(*names));
	for (unsigned i = 0; i < headers.n; i++)
		names[i] = arena_strndup(a, (const char *)headers.sections[i].name,
					 strnlen((const char *)headers.sections[i].name, 8));
	ret->sections = (struct names){ names, headers.n };
	ret->is_signed = headers.is_signed;
	return 0;
}

/* 1: the same; a file that is joined with others is filled up to four bytes. */
static int compare(int one, uint64_t start, uint64_t end, int other)
{
	char a[4096], b[4096];
	struct stat st;

	if (fstat(other, &st) < 0)
		return -errno;
	uint64_t n = (uint64_t)st.st_size;
	if (n > end - start || end - start - n > 3)
		return 0;
	for (uint64_t at = 0; at < n;) {
		size_t piece = n - at < sizeof(a) ? (size_t)(n - at) : sizeof(a);
		int error = file_read_at(one, a, piece, start + at);
		if (error == 0)
			error = file_read_at(other, b, piece, at);
		if (error < 0)
			return error;
		if (memcmp(a, b, piece) != 0)
			return 0;
		at += piece;
	}
	return 1;
}

int initramfs_unified_holds(struct root *r, const char *path, const char *image, struct err *e)
{
	struct headers headers;
	uint64_t start, end;

	CLEANUP_CLOSE int fd = open_file(r, path);
	CLEANUP_CLOSE int other = open_file(r, image);
	if (fd < 0)
		return err_io(e, fd, "reading %s", path);
	if (other < 0)
		return err_io(e, other, "reading %s", image);
	int error = read_headers(fd, &headers);
	if (error == 0)
		error = find_section(&headers, ".initrd", &start, &end);
	if (error == -ENOENT)
		return 0;
	if (error == 0)
		error = compare(fd, start, end, other);
	return error < 0 ? err_fail(e, error, "%s and %s cannot be compared", path, image) : error;
}
