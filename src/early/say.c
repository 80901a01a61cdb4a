// SPDX-License-Identifier: MIT
// Words for the kernel's log: it is the only one there is so early, and `journalctl -k` has it
// later.

#include "early/early.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOG "dev/kmsg"

void early_say(int root, enum early_level level, const char *format, ...)
{
	char line[512];
	va_list arguments;
	int n = snprintf(line, sizeof(line), "<%d>passthru: ", (int)level);

	va_start(arguments, format);
	vsnprintf(line + n, sizeof(line) - (size_t)n - 1, format, arguments);
	va_end(arguments);
	/* a host's file may be quoted in it */
	for (char *c = line; *c; c++) {
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
	strcat(line, "\n");
	/* opened each time: the kernel drops all but ten lines in five seconds of one that opened
	 * it (devkmsg_open() in kernel/printk/printk.c) */
	CLEANUP_CLOSE int fd = openat(root, LOG, O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK);
	/* nobody to tell that there is nobody to tell */
	if (fd >= 0)
		(void)!write(fd, line, strlen(line));
}
