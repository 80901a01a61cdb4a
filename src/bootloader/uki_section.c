// SPDX-License-Identifier: MIT
// The command line in a unified kernel image: the section ".cmdline" of a PE file (UAPI Group,
// "Unified Kernel Image"). Where there are several profiles, the first is the one that boots.

#include "base/text.h"
#include "bootloader/uki.h"
#include "host/host.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define SECTIONS_MAX 96
#define CMDLINE_MAX 8192

struct section {
	unsigned char name[8];
	unsigned char size_in_memory[4], address[4], size_in_file[4], offset[4];
	unsigned char ignored[16];
};

static uint32_t word(const unsigned char *data)
{
	return data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
}

static int read_at(int fd, void *to, size_t n, uint64_t at)
{
	ssize_t done = pread(fd, to, n, (off_t)at);

	if (done < 0)
		return -errno;
	return (size_t)done == n ? 0 : -EBADMSG;
}

static int find_section(int fd, uint64_t *ret_at, size_t *ret_n)
{
	unsigned char dos[64], pe[24];
	unsigned profiles = 0;
	int error = read_at(fd, dos, sizeof(dos), 0);

	if (error == 0 && (dos[0] != 'M' || dos[1] != 'Z'))
		error = -EBADMSG;
	if (error == 0)
		error = read_at(fd, pe, sizeof(pe), word(dos + 60));
	if (error < 0)
		return error;
	unsigned n = pe[6] | (unsigned)pe[7] << 8;
	uint64_t at = word(dos + 60) + sizeof(pe) + (pe[20] | (unsigned)pe[21] << 8);
	if (memcmp(pe, "PE\0", 4) != 0 || n > SECTIONS_MAX)
		return -EBADMSG;
	error = -ENOENT;
	for (unsigned i = 0; i < n; i++, at += sizeof(struct section)) {
		struct section section;

		if (read_at(fd, &section, sizeof(section), at) < 0)
			return -EBADMSG;
		if (memcmp(section.name, ".profile", 8) == 0 && ++profiles == 2)
			break;
		if (memcmp(section.name, ".cmdline", 8) != 0)
			continue;
		uint32_t in_file = word(section.size_in_file), size = word(section.size_in_memory);
		*ret_at = word(section.offset);
		*ret_n = size < in_file ? size : in_file;
		error = 0;
	}
	return error;
}

int uki_command_line(struct host *host, const char *path, const char **ret, struct err *e)
{
	char text[CMDLINE_MAX];
	uint64_t at;
	size_t n;

	if (!host->root->ops->open)
		return err_io(e, -ENODATA, "reading %s", path);
	CLEANUP_CLOSE int fd = host->root->ops->open(host->root, path, O_RDONLY | O_NONBLOCK);
	int error = fd < 0 ? fd : find_section(fd, &at, &n);
	if (error == 0 && n > sizeof(text))
		error = -EFBIG;
	if (error == 0)
		error = read_at(fd, text, n, at);
	if (error == -EBADMSG)
		return err_fail(e, error, "%s is no EFI program, or a damaged one", path);
	if (error == -ENOENT && fd >= 0)
		return err_fail(e, error, "%s has no command line in it", path);
	if (error < 0)
		return err_io(e, error, "reading %s", path);
	*ret = text_trimmed(&host->arena, (struct bytes){ text, n });
	return 0;
}
