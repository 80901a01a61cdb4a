// SPDX-License-Identifier: MIT
// An initramfs image of unknown origin: opened, listed, and asked for files and modules.

#include "initramfs/initramfs.h"
#include "base/text.h"
#include "tests/fuzz/target.h"

#include <stdio.h>
#include <sys/mman.h>

static void ask(struct initramfs_image *image)
{
	CLEANUP_ARENA struct arena arena = { 0 };
	struct initramfs_module module = { .name = "vfio-pci" };
	struct initramfs_modules modules = { .modules = &module, .n = 1 };
	struct initramfs_list list = initramfs_list(image);
	struct err e = { 0 };

	HOLDS(list.n > 0 && list.n <= INITRAMFS_MAX_MEMBERS);
	for (size_t i = 0; i < list.n && i < 4; i++) {
		struct initramfs_file file = { .path = list.members[i].path, .max_bytes = 4096 };

		HOLDS(*list.members[i].path);
		HOLDS(initramfs_read(image, &arena, &file, 1, &e) == 0 || *e.text);
		HOLDS(file.content.n <= file.max_bytes);
	}
	HOLDS(initramfs_find_modules(image, &arena, "6.1.0-test", &modules, &e) == 0 || *e.text);
	HOLDS((module.state == INITRAMFS_MODULE_ABSENT) == !module.path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct root *root;
	struct initramfs_image *image = NULL;
	struct err e = { 0 };
	char path[64];
	CLEANUP_CLOSE int fd = memfd_create("image", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, n) != (ssize_t)n)
		return 0;
	if (!root && root_open_live(&root, &e) < 0)
		return 0;
	snprintf(path, sizeof(path), "proc/self/fd/%d", fd);
	if (initramfs_open(root, path, &image, &e) < 0)
		HOLDS(!image && *e.text);
	else
		ask(image);
	initramfs_close(image);
	return 0;
}
