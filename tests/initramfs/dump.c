// SPDX-License-Identifier: MIT
// Says what the reader finds in an image, for comparison with what real tools find there. A line a
// member, or the sentence of the failure and status 1:
//
//	dump IMAGE				TYPE MODE BYTES PATH [-> TARGET]
//	dump IMAGE read PATH...			DIGEST or errno, of each
//	dump IMAGE module RELEASE NAME...	STATE DEP PATH, of each

#include "base/sha256.h"
#include "base/text.h"
#include "initramfs/initramfs.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static char type_of(mode_t mode)
{
	return S_ISREG(mode) ? 'f' : S_ISDIR(mode) ? 'd' : S_ISLNK(mode) ? 'l' : 'o';
}

static void print_list(const struct initramfs_image *image)
{
	struct initramfs_list list = initramfs_list(image);

	for (size_t i = 0; i < list.n; i++) {
		const struct initramfs_member *m = &list.members[i];

		printf("%c %04o %llu %s%s%s\n", type_of(m->mode), m->mode & 07777,
		       (unsigned long long)m->n_bytes, m->path, m->target ? " -> " : "",
		       m->target ? m->target : "");
	}
}

static int print_files(struct initramfs_image *image, struct arena *a, char **paths, size_t n,
		       struct err *e)
{
	struct initramfs_file *files = arena_array(a, n, sizeof(*files));

	for (size_t i = 0; i < n; i++)
		files[i] = (struct initramfs_file){ .path = paths[i], .max_bytes = 64 << 20 };
	int error = initramfs_read(image, a, files, n, e);
	for (size_t i = 0; error == 0 && i < n; i++) {
		char digest[SHA256_TEXT];
		struct sha256 sum;

		sha256_start(&sum);
		sha256_add(&sum, files[i].content.data, files[i].content.n);
		sha256_text(&sum, digest);
		if (files[i].error)
			printf("%d %s\n", files[i].error, paths[i]);
		else
			printf("%s %s\n", digest, paths[i]);
	}
	return error;
}

static int print_modules(struct initramfs_image *image, struct arena *a, const char *release,
			 char **names, size_t n, struct err *e)
{
	static const char *const states[] = { "absent", "loadable", "builtin" };
	struct initramfs_modules modules = { .n = n };

	modules.modules = arena_array(a, n, sizeof(*modules.modules));
	for (size_t i = 0; i < n; i++)
		modules.modules[i].name = names[i];
	int error = initramfs_find_modules(image, a, release, &modules, e);
	for (size_t i = 0; error == 0 && i < n; i++) {
		const struct initramfs_module *m = &modules.modules[i];

		printf("%s %s %s %s\n", m->name, states[m->state], m->in_dep ? "dep" : "-",
		       m->path ? m->path : "-");
	}
	return error;
}

int main(int argc, char **argv)
{
	CLEANUP_ARENA struct arena arena = { 0 };
	CLEANUP_ROOT struct root *root = NULL;
	CLEANUP_INITRAMFS struct initramfs_image *image = NULL;
	struct err e = { 0 };

	if (argc < 2)
		return 2;
	int error = root_open_live(&root, &e);
	if (error == 0)
		error = initramfs_open(root, argv[1] + (argv[1][0] == '/'), &image, &e);
	if (error == 0 && argc == 2)
		print_list(image);
	else if (error == 0 && str_eq(argv[2], "read"))
		error = print_files(image, &arena, argv + 3, (size_t)argc - 3, &e);
	else if (error == 0 && str_eq(argv[2], "module") && argc > 3)
		error = print_modules(image, &arena, argv[3], argv + 4, (size_t)argc - 4, &e);
	if (error < 0)
		printf("%s\n", e.text);
	return error < 0;
}
