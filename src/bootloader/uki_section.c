// SPDX-License-Identifier: MIT
// The command line in a unified kernel image, where it has to have one.

#include "bootloader/uki.h"
#include "host/host.h"

#include <errno.h>

int uki_command_line(struct host *host, const char *path, const char **ret, struct err *e)
{
	struct initramfs_unified unified;
	int error = initramfs_read_unified(host->root, &host->arena, path, &unified, e);

	if (error < 0)
		return error;
	if (!unified.line)
		return err_fail(e, -ENOENT, "%s has no command line in it", path);
	*ret = unified.line;
	return 0;
}
