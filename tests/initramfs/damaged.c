// SPDX-License-Identifier: MIT
// Images cut at every 997th byte and images with bytes changed: the reader never crashes, and never
// says that a module is there which is not. A cut image is either refused, or what is found in it
// is the beginning of what is in the whole one.
//
//	damaged IMAGE...	each has vfio-pci of RELEASE and not nouveau

#include "base/text.h"
#include "initramfs/initramfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define RELEASE "6.1.0-test"
#define STEP 997
#define MUTATIONS 400

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* The image that is these bytes; NULL with a sentence when it is refused. */
static struct initramfs_image *open_bytes(struct root *root, int fd, const char *data, size_t n,
					  struct err *e)
{
	struct initramfs_image *image = NULL;
	char path[64];

	*e = (struct err){ 0 };
	snprintf(path, sizeof(path), "proc/self/fd/%d", fd);
	if (ftruncate(fd, 0) < 0 || pwrite(fd, data, n, 0) != (ssize_t)n)
		return NULL;
	int error = initramfs_open(root, path, &image, e);
	return error < 0 ? NULL : image;
}

static bool has_module(struct initramfs_image *image, const char *name)
{
	CLEANUP_ARENA struct arena arena = { 0 };
	struct initramfs_module module = { .name = name };
	struct initramfs_modules modules = { .modules = &module, .n = 1 };
	struct err e = { 0 };

	return initramfs_find_modules(image, &arena, RELEASE, &modules, &e) == 0 &&
	       module.state != INITRAMFS_MODULE_ABSENT;
}

/* The members of a cut image are the first ones of the whole image. */
static bool is_beginning(const struct initramfs_image *cut, const struct initramfs_image *whole)
{
	struct initramfs_list a = initramfs_list(cut), b = initramfs_list(whole);

	if (a.n > b.n)
		return false;
	for (size_t i = 0; i < a.n; i++) {
		/* of a hard link the content may have come later */
		if (!str_eq(a.members[i].path, b.members[i].path) ||
		    a.members[i].mode != b.members[i].mode)
			return false;
	}
	return true;
}

static const char *try_cuts(struct root *root, int fd, const char *data, size_t n,
			    const struct initramfs_image *whole)
{
	for (size_t length = 0; length < n; length += STEP) {
		struct err e;
		CLEANUP_INITRAMFS struct initramfs_image *image =
			open_bytes(root, fd, data, length, &e);

		if (!image && !*e.text)
			return "a cut image is refused without a sentence";
		if (image && (!is_beginning(image, whole) || has_module(image, "nouveau")))
			return "a cut image has what the whole one has not";
	}
	return NULL;
}

static const char *try_mutations(struct root *root, int fd, char *data, size_t n)
{
	uint32_t seed = 1;

	for (unsigned i = 0; i < MUTATIONS; i++) {
		size_t at[4];
		char was[4];
		struct err e;

		for (unsigned k = 0; k < 4; k++) {
			/* half of them where the headers of parts are */
			uint32_t where = next_random(&seed) << 8 ^ next_random(&seed);
			at[k] = where % (k & 1 ? n : n < 512 ? n : 512);
			was[k] = data[at[k]];
			data[at[k]] = (char)next_random(&seed);
		}
		CLEANUP_INITRAMFS struct initramfs_image *image = open_bytes(root, fd, data, n, &e);
		for (unsigned k = 4; k-- > 0;)
			data[at[k]] = was[k];
		if (!image && !*e.text)
			return "a damaged image is refused without a sentence";
		if (image && has_module(image, "nouveau"))
			return "a damaged image has a module that is not in it";
	}
	return NULL;
}

static const char *try_image(struct root *root, const char *path)
{
	struct stat st;
	struct err e;
	CLEANUP_CLOSE int from = open(path, O_RDONLY | O_CLOEXEC);
	CLEANUP_CLOSE int fd = memfd_create("image", MFD_CLOEXEC);
	CLEANUP_CLOSE int other = memfd_create("image", MFD_CLOEXEC);

	if (from < 0 || fd < 0 || other < 0 || fstat(from, &st) < 0)
		return "not readable";
	size_t n = (size_t)st.st_size;
	CLEANUP_FREE char *data = malloc(n + 1);
	if (!data || pread(from, data, n, 0) != (ssize_t)n)
		return "not readable";
	CLEANUP_INITRAMFS struct initramfs_image *whole = open_bytes(root, fd, data, n, &e);
	if (!whole)
		return "the whole image is refused";
	if (!has_module(whole, "vfio-pci") || has_module(whole, "nouveau"))
		return "the modules of the whole image are not what they are";
	const char *problem = try_cuts(root, other, data, n, whole);
	return problem ? problem : try_mutations(root, other, data, n);
}

int main(int argc, char **argv)
{
	CLEANUP_ROOT struct root *root = NULL;
	struct err e = { 0 };

	if (root_open_live(&root, &e) < 0)
		return 1;
	for (int i = 1; i < argc; i++) {
		const char *problem = try_image(root, argv[i]);

		printf("%s %s%s%s\n", problem ? "not ok" : "ok", text_last_part(argv[i]),
		       problem ? ": " : "", problem ? problem : "");
		fflush(stdout);
	}
	return 0;
}
