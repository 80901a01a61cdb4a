// SPDX-License-Identifier: MIT
// Unified kernel images: a PE file with the initramfs image in its section ".initrd".
//
// The UAPI Group's specification "Unified Kernel Image (UKI)" and the PE format: the content of a
// section is what both of its sizes hold. Where there are several profiles, the one that boots
// when nothing is chosen is the first; what it lacks is that of the part before all profiles.

#include "initramfs/internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define SECTIONS_MAX 96

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

static int find_section(int fd, uint64_t at, unsigned n, uint64_t *ret_start, uint64_t *ret_end)
{
	unsigned profiles = 0;
	int error = -ENOENT;

	for (unsigned i = 0; i < n; i++, at += sizeof(struct section)) {
		struct section section;

		if (file_read_at(fd, &section, sizeof(section), at) < 0)
			return -EBADMSG;
		if (memcmp(section.name, ".profile", 8) == 0 && ++profiles == 2)
			break;
		if (memcmp(section.name, ".initrd", 8) != 0)
			continue;
		uint32_t in_file = word(section.size_in_file);
		uint32_t size = word(section.size_in_memory);
		*ret_start = word(section.offset);
		*ret_end = *ret_start + (size < in_file ? size : in_file);
		error = 0;
	}
	return error;
}

int uki_find(int fd, uint64_t size, uint64_t *ret_start, uint64_t *ret_end, struct err *e)
{
	unsigned char dos[64], pe[24];

	*ret_start = 0;
	*ret_end = size;
	if (size < sizeof(dos) || file_read_at(fd, dos, sizeof(dos), 0) < 0 || dos[0] != 'M' ||
	    dos[1] != 'Z')
		return 0;
	uint64_t at = word(dos + 60);
	int error = file_read_at(fd, pe, sizeof(pe), at);
	if (error == 0) {
		unsigned n = pe[6] | (unsigned)pe[7] << 8;
		uint64_t table = at + sizeof(pe) + (pe[20] | (unsigned)pe[21] << 8);

		error = memcmp(pe, "PE\0", 4) != 0 || n > SECTIONS_MAX
				? -EBADMSG
				: find_section(fd, table, n, ret_start, ret_end);
	}
	if (error == -ENOENT)
		return err_fail(e, -EBADMSG, "it is an EFI program without a section .initrd");
	if (error < 0 || *ret_end > size)
		return err_fail(e, -EBADMSG, "its EFI headers are damaged");
	return 0;
}
