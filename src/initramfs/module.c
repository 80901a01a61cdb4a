// SPDX-License-Identifier: MIT
// Whether an image has a module of a kernel. What modprobe(8) in the image will do follows from the
// files below lib/modules/RELEASE there, modules.dep and modules.builtin or their indexes among
// them, whatever the host has: depmod(8), modules.builtin of Documentation/kbuild/kbuild.rst.
// Modules may be compressed (CONFIG_MODULE_COMPRESS_GZIP, _XZ, _ZSTD).

#include "base/text.h"
#include "initramfs/internal.h"

#include <string.h>
#include <sys/stat.h>

/* modules.dep of a distribution's kernel has 700 KiB */
#define LIST_MAX ((size_t)16 * 1024 * 1024)

/* "…/vfio-pci.ko.xz" is the module vfio_pci. */
static bool is_module(const char *path, size_t n, const char *name)
{
	static const char *const endings[] = { ".ko", ".ko.gz", ".ko.xz", ".ko.zst" };
	size_t start = n, length = strlen(name);

	while (start > 0 && path[start - 1] != '/')
		start--;
	path += start;
	n -= start;
	if (n <= length)
		return false;
	for (size_t i = 0; i < length; i++) {
		char a = path[i] == '-' ? '_' : path[i], b = name[i] == '-' ? '_' : name[i];
		if (a != b)
			return false;
	}
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		if (n - length == strlen(endings[i]) &&
		    memcmp(path + length, endings[i], n - length) == 0)
			return true;
	}
	return false;
}

/* Lines "kernel/a/b.ko: kernel/c.ko" or "kernel/a/b.ko"; the index where there is no list. */
static bool list_names(const struct initramfs_file *list, const struct initramfs_file *index,
		       const char *name)
{
	const char *rest = list->content.data, *line;
	size_t n;

	if (list->error)
		return index->error == 0 && index_names(index->content, name);
	while (text_next_line(&rest, &line, &n)) {
		const char *colon = memchr(line, ':', n);
		if (is_module(line, colon ? (size_t)(colon - line) : n, name))
			return true;
	}
	return false;
}

/* The file of the module below @directory; NULL: none. */
static const char *find_file(struct initramfs_image *image, const char *directory, const char *name)
{
	struct initramfs_list list = initramfs_list(image);
	size_t n = strlen(directory);

	for (size_t i = 0; i < list.n; i++) {
		const struct initramfs_member *m = &list.members[i];

		if (m->replaced || !m->place || strncmp(m->place, directory, n) != 0 ||
		    m->place[n] != '/' || !is_module(m->place, strlen(m->place), name))
			continue;
		if (S_ISLNK(m->mode))
			m = initramfs_find(image, m->place);
		if (m && S_ISREG(m->mode) && m->n_bytes > 0)
			return list.members[i].place;
	}
	return NULL;
}

/* Where the modules of the release are in the image. */
static const char *find_directory(struct initramfs_image *image, struct arena *a,
				  const char *release)
{
	static const char *const above[] = { "lib/modules", "usr/lib/modules" };

	for (size_t i = 0; i < ARRAY_SIZE(above); i++) {
		const struct initramfs_member *m =
			initramfs_find(image, arena_printf(a, "%s/%s", above[i], release));
		if (m && S_ISDIR(m->mode))
			return m->place;
	}
	return NULL;
}

int initramfs_find_modules(struct initramfs_image *image, struct arena *a, const char *release,
			   struct initramfs_modules *modules, struct err *e)
{
	CLEANUP_ARENA struct arena scratch = { 0 };

	modules->directory = find_directory(image, a, release);
	modules->knows_builtin = false;
	for (size_t i = 0; i < modules->n; i++) {
		struct initramfs_module *m = &modules->modules[i];
		*m = (struct initramfs_module){ .name = m->name };
	}
	if (!modules->directory)
		return 0;
	static const char *const names[] = { "modules.builtin", "modules.builtin.bin",
					     "modules.dep", "modules.dep.bin" };
	struct initramfs_file lists[ARRAY_SIZE(names)];
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		lists[i] = (struct initramfs_file){
			.path = arena_printf(a, "%s/%s", modules->directory, names[i]),
			.max_bytes = LIST_MAX,
		};
	int error = initramfs_read(image, &scratch, lists, ARRAY_SIZE(lists), e);
	if (error < 0)
		return error;
	modules->knows_builtin = lists[0].error == 0 || lists[1].error == 0;
	for (size_t i = 0; i < modules->n; i++) {
		struct initramfs_module *m = &modules->modules[i];

		m->path = find_file(image, modules->directory, m->name);
		if (m->path) {
			m->state = INITRAMFS_MODULE_LOADABLE;
			m->in_dep = list_names(&lists[2], &lists[3], m->name);
		} else if (list_names(&lists[0], &lists[1], m->name)) {
			m->state = INITRAMFS_MODULE_BUILTIN;
			m->path = lists[lists[0].error ? 1 : 0].path;
		}
	}
	return 0;
}
