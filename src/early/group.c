// SPDX-License-Identifier: MIT
// Whether VFIO can have a function at all. vfio-pci refuses what is in no IOMMU group, and when its
// module is loaded nobody is left who could give the function back to its driver.
//
// Groups are there before the first program runs where the IOMMU's driver is built in, as Intel's
// and AMD's always are (pci_iommu_init() is a rootfs_initcall; devices that come later have theirs
// before they are announced). Drivers that may be modules are those of IOMMUs which IORT (ARM),
// RIMT (RISC-V), VIOT (virtio) or a device tree describe: there the groups may be yet to come.
// Without any IOMMU vfio makes groups of its own when enable_unsafe_noiommu_mode is on.

#include "early/early.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define NO_IOMMU "enable_unsafe_noiommu_mode"
#define TEXT_MAX (64 * 1024)

static char text[TEXT_MAX];

static bool is_there(int root, const char *path)
{
	struct stat st;

	return fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool may_come_later(int root)
{
	static const char *const descriptions[] = {
		"sys/firmware/acpi/tables/IORT",
		"sys/firmware/acpi/tables/RIMT",
		"sys/firmware/acpi/tables/VIOT",
		/* without it the tree is one that the kernel made for itself, and empty */
		"sys/firmware/devicetree/base/compatible",
	};

	for (size_t i = 0; i < ARRAY_SIZE(descriptions); i++) {
		if (is_there(root, descriptions[i]))
			return true;
	}
	return false;
}

/* With which value does not matter: who names it has thought of it. */
static bool names_no_iommu(int root, const char *path)
{
	return early_read(root, path, text, sizeof(text)) > 0 && strstr(text, NO_IOMMU);
}

static bool is_named_in(int root, const char *folder)
{
	int fd = openat(root, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	bool is = false;

	if (!stream) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	for (struct dirent *entry; !is && (entry = readdir(stream));)
		is = entry->d_name[0] != '.' && names_no_iommu(fd, entry->d_name);
	closedir(stream);
	return is;
}

/* Where an image has the options of a module that is yet to be loaded. */
static bool goes_without_iommu(int root)
{
	static const char *const files[] = { "proc/cmdline", "conf/modules" };
	static const char *const folders[] = { "etc/modprobe.d", "run/modprobe.d",
					       "usr/local/lib/modprobe.d", "usr/lib/modprobe.d",
					       "lib/modprobe.d" };

	if (early_read(root, "sys/module/vfio/parameters/" NO_IOMMU, text, sizeof(text)) > 0 &&
	    (*text == 'Y' || *text == '1'))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (names_no_iommu(root, files[i]))
			return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		if (is_named_in(root, folders[i]))
			return true;
	}
	return false;
}

bool early_may_have_group(int root, const char *address)
{
	char path[64], link[PATH_MAX];

	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/iommu_group", address);
	if (readlinkat(root, path, link, sizeof(link)) >= 0 || errno != ENOENT)
		return true;
	return may_come_later(root) || goes_without_iommu(root);
}
