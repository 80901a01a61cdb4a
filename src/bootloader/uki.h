/* SPDX-License-Identifier: MIT */
/* Unified kernel images, as far as a boot loader is concerned: the command line in them. */
#pragma once

#include "bootloader/systemd_boot.h"

/*
 * The section ".cmdline" of the file, without what stands behind its text; -ENOENT when it has
 * none, -EBADMSG when it is no EFI program.
 */
MUST_CHECK int uki_command_line(struct host *host, const char *path, const char **ret,
				struct err *e);
