// SPDX-License-Identifier: MIT
// The least that a listing can cost: the system calls of `passthru list` and nothing around them.
// Lists sys/bus/pci/devices; per function reads where its link leads, uevent by its real path and
// where iommu_group leads; prints one line per function as it comes, neither sorted nor parsed nor
// laid out.
//
// usage: floor ROOT

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEVICES "sys/bus/pci/devices"

/* The content without its newlines, so that one function stays one line. */
static void print_uevent(int root, const char *path)
{
	char text[4096];
	int fd = openat(root, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[n < 0 ? 0 : n] = '\0';
	for (char *newline = text; (newline = strchr(newline, '\n'));)
		*newline = ' ';
	fputs(text, stdout);
}

static void print_function(int root, const char *name)
{
	char path[4096], target[2048];
	snprintf(path, sizeof(path), DEVICES "/%s", name);
	ssize_t n = readlinkat(root, path, target, sizeof(target) - 1);

	if (n < 0)
		return;
	target[n] = '\0';
	/* "../../../devices/..." is seen from sys/bus/pci/devices */
	const char *real = strncmp(target, "../../../", 9) == 0 ? target + 9 : target;
	snprintf(path, sizeof(path), "sys/%s/uevent", real);
	printf("%s ", name);
	print_uevent(root, path);
	snprintf(path, sizeof(path), "sys/%s/iommu_group", real);
	n = readlinkat(root, path, target, sizeof(target) - 1);
	target[n < 0 ? 0 : n] = '\0';
	puts(target);
}

int main(int argc, char **argv)
{
	int root = open(argc == 2 ? argv[1] : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = openat(root, DEVICES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fdopendir(fd);

	if (!dir)
		return 1;
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (entry->d_name[0] != '.')
			print_function(root, entry->d_name);
	}
	closedir(dir);
	return 0;
}
