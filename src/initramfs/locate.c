// SPDX-License-Identifier: MIT
// Where kernels and their images are: names are made from what the kernel's own files say, and
// count when the file is there.

#include "base/text.h"
#include "initramfs/config.h"

#include <string.h>

/* Where kernel-install(8) puts files: its token, or the machine's id. */
static const char *read_token(struct root *r, struct arena *a)
{
	static const char *const places[] = { "etc/kernel/entry-token", "etc/machine-id" };
	struct bytes text;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (root_read(r, a, places[i], &text) == 0 && text.n > 1)
			return text_trimmed(a, text);
	}
	return NULL;
}

static const char *read_pkgbase(struct root *r, struct arena *a,
				const struct initramfs_kernel *kernel)
{
	struct bytes text;

	if (root_read(r, a, arena_printf(a, "%s/pkgbase", kernel->directory), &text) < 0)
		return NULL;
	const char *name = text_trimmed(a, text);
	return *name && !strchr(name, '/') ? name : NULL;
}

static const char *value_of(struct root *r, struct arena *a, const struct initramfs_kernel *kernel,
			    char letter)
{
	const char *dash;

	switch (letter) {
	case 'r':
		return kernel->release;
	case 'd':
		return kernel->directory;
	case 'p':
		return read_pkgbase(r, a, kernel);
	case 'f':
		dash = strrchr(kernel->release, '-');
		return dash ? dash + 1 : NULL;
	default:
		return read_token(r, a);
	}
}

/* NULL when the host has not what the template needs. */
static const char *fill_in(struct root *r, struct arena *a, const struct initramfs_kernel *kernel,
			   const char *template)
{
	const char *path = "";

	for (const char *percent; (percent = strchr(template, '%')); template = percent + 2) {
		const char *value = value_of(r, a, kernel, percent[1]);

		if (!value)
			return NULL;
		path = arena_printf(a, "%s%.*s%s", path, (int)(percent - template), template,
				    value);
	}
	return arena_concat(a, path, template);
}

void kernel_locate(struct root *r, struct arena *a, struct initramfs_kernel *kernel,
		   const char *const *vmlinuz, const char *const *images, bool has_default)
{
	for (; *vmlinuz && !kernel->vmlinuz; vmlinuz++) {
		const char *path = fill_in(r, a, kernel, *vmlinuz);
		if (path && root_look(r, a, path) == 0)
			kernel->vmlinuz = path;
	}
	if (has_default)
		kernel->image = fill_in(r, a, kernel, *images);
	for (; *images; images++) {
		const char *path = fill_in(r, a, kernel, *images);
		if (!path || root_look(r, a, path) != 0)
			continue;
		if (!kernel->image_exists)
			kernel->image = path;
		else if (!kernel->other_image)
			kernel->other_image = path;
		kernel->image_exists = true;
	}
}
