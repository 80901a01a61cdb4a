// SPDX-License-Identifier: MIT
// The record of a function that was handed over, as handover/journal.c writes and reads it, version
// 2: so a release gives back what the boot has reserved like anything else. Its owner is a command
// without a process: that one has ended when anybody reads it.

#include "early/early.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define OWNER "passthru-early"

long early_read(int root, const char *path, char *ret, size_t size)
{
	ssize_t n = reserve_read(root, path, ret, size - 1);

	ret[n < 0 ? 0 : n] = '\0';
	return n;
}

static int write_all(int fd, const char *text, size_t n)
{
	while (n > 0) {
		ssize_t written = write(fd, text, n);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written < 0 ? -errno : -EIO;
		text += written;
		n -= (size_t)written;
	}
	return 0;
}

/* The directory and what a run that was killed has left are the exception: looked at when in the
 * way. */
static int create(int root, const char *path)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
	int fd = openat(root, path, flags, 0644);

	if (fd < 0 && errno == ENOENT && mkdirat(root, EARLY_RECORDS, 0755) == 0)
		fd = openat(root, path, flags, 0644);
	else if (fd < 0 && errno == EEXIST && unlinkat(root, path, 0) == 0)
		fd = openat(root, path, flags, 0644);
	return fd < 0 ? -errno : fd;
}

int early_replace(int root, const char *path, const char *text, size_t n)
{
	char temporary[128];

	if ((size_t)snprintf(temporary, sizeof(temporary), "%s.new", path) >= sizeof(temporary))
		return -ENAMETOOLONG;
	CLEANUP_CLOSE int fd = create(root, temporary);
	if (fd < 0)
		return fd;
	int error = write_all(fd, text, n);
	if (error == 0 && renameat(root, temporary, root, path) < 0)
		error = -errno;
	if (error < 0)
		(void)unlinkat(root, temporary, 0);
	return error;
}

/* As a JSON string, or null. A name that would have to be escaped is none that a driver has. */
static int quote(const char *name, char *ret, size_t size)
{
	for (const char *c = name; *c; c++) {
		if (*c < ' ' || *c > '~' || *c == '"' || *c == '\\')
			return -EINVAL;
	}
	int n = *name ? snprintf(ret, size, "\"%s\"", name) : snprintf(ret, size, "null");
	return (size_t)n < size ? 0 : -EINVAL;
}

static void record_path(const struct early_task *task, char ret[64])
{
	snprintf(ret, 64, EARLY_RECORDS "/%s", task->function->address);
}

int early_record(int root, const struct early_task *task, const char *driver, const char *override)
{
	char path[64], driver_text[128], override_text[128], text[512];

	if (quote(driver, driver_text, sizeof(driver_text)) < 0 ||
	    quote(override, override_text, sizeof(override_text)) < 0)
		return -EINVAL;
	int n = snprintf(
		text, sizeof(text),
		"{\"version\":2,\"owner\":{\"pid\":null,\"started\":null,\"command\":\"" OWNER
		"\"},\"driver\":%s,\"driver_override\":%s,\"driver_wanted\":\"%s\","
		"\"settings\":{},\"units\":[],\"timer\":null}",
		driver_text, override_text, task->record->driver);
	record_path(task, path);
	return early_replace(root, path, text, (size_t)n);
}

bool early_has_record(int root, const struct early_task *task)
{
	char path[64];
	struct stat st;

	record_path(task, path);
	return fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

void early_forget(int root, const struct early_task *task)
{
	char path[64];

	record_path(task, path);
	(void)unlinkat(root, path, 0); /* one that stays counts only for a function that VFIO has */
}
