// SPDX-License-Identifier: MIT
// Kernels that go by one file: Arch and Alpine name kernel and image by the package, so the next
// release takes the place of the one before. That one is known for as long as it runs, or its
// modules are kept, and would get the image that the other one boots with.
//
// Which release a file is says the kernel itself on x86 (kernel_version in the kernel's
// Documentation/arch/x86/boot.rst); elsewhere it is the only one whose modules are there.

#include "base/cleanup.h"
#include "base/text.h"
#include "host/host.h"
#include "initramfs/config.h"
#include "initramfs/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define MAGIC 0x202
#define VERSION 0x20e
#define BASE 0x200
#define VERSION_MAX 256

/* "6.6.32-0-lts (buildozer@build) #1-Alpine SMP": the first word; NULL: the file does not say. */
static const char *read_release(struct root *r, struct arena *a, const char *path)
{
	unsigned char head[VERSION + 2 - MAGIC], text[VERSION_MAX] = { 0 };

	if (!r->ops->open)
		return NULL;
	CLEANUP_CLOSE int fd = r->ops->open(r, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || file_read_at(fd, head, sizeof(head), MAGIC) < 0 ||
	    memcmp(head, "HdrS", 4) != 0)
		return NULL;
	unsigned at = head[VERSION - MAGIC] | (unsigned)head[VERSION - MAGIC + 1] << 8;
	if (at == 0 || file_read_at(fd, text, sizeof(text) - 1, BASE + at) < 0)
		return NULL;
	const char *rest = (const char *)text;
	return text_next_word(a, &rest);
}

static bool share(const struct initramfs_kernel *a, const struct initramfs_kernel *b)
{
	return (a->vmlinuz && str_same(a->vmlinuz, b->vmlinuz)) ||
	       (a->image && str_same(a->image, b->image));
}

/* A directory that a removed kernel left behind has no list of what was built in. */
static bool has_modules(const struct kernel *kernel)
{
	return kernel->builtin.error != -ENOENT;
}

/* Nothing boots it any more. */
static void drop(struct initramfs_kernel *kernel)
{
	kernel->vmlinuz = kernel->image = kernel->other_image = kernel->unified = NULL;
	kernel->image_exists = false;
	kernel->maker = INITRAMFS_MAKER_NONE;
}

/* The release that the one kernel of them all is; NULL: it cannot be told from the file. */
static const char *release_of(struct root *r, struct arena *a, struct initramfs_kernel *const *list,
			      size_t n)
{
	for (size_t i = 1; i < n; i++) {
		if (!str_same(list[0]->vmlinuz, list[i]->vmlinuz))
			return NULL;
	}
	return list[0]->vmlinuz ? read_release(r, a, list[0]->vmlinuz) : NULL;
}

/* Leaves the files to one of the kernels, which share them; @facts: of each. */
static void judge(struct root *r, struct arena *a, struct initramfs_kernel **list,
		  const struct kernel *const *facts, size_t n)
{
	const char *release = release_of(r, a, list, n), *names = "";
	const char *path = list[0]->vmlinuz ? list[0]->vmlinuz : list[0]->image;
	size_t n_left = 0;

	for (size_t i = 0; i < n; i++) {
		bool is_it = release ? str_eq(list[i]->release, release) : has_modules(facts[i]);

		if (!is_it) {
			drop(list[i]);
			continue;
		}
		names = arena_printf(a, "%s%s%s", names, n_left ? " and " : "", list[i]->release);
		list[n_left++] = list[i];
	}
	for (size_t i = 0; n_left > 1 && i < n_left; i++) {
		drop(list[i]);
		list[i]->refusal = arena_printf(
			a,
			"the kernels %s go by the same name, and which of them is in %s cannot be "
			"told: reboot, and when that does not help, remove the modules of the one "
			"that is gone",
			names, path);
	}
}

void kernel_tell_apart(struct root *r, struct arena *a, const struct kernel_facts *facts,
		       struct initramfs_setup *setup)
{
	struct initramfs_kernel **list = arena_array(a, setup->n_kernels, sizeof(*list));
	const struct kernel **theirs = arena_array(a, setup->n_kernels, sizeof(*theirs));

	for (size_t first = 0; first < setup->n_kernels; first++) {
		size_t n = 0;

		for (size_t i = first; i < setup->n_kernels; i++) {
			if (i != first && !share(&setup->kernels[first], &setup->kernels[i]))
				continue;
			list[n] = &setup->kernels[i];
			theirs[n++] = &facts->kernels[i];
		}
		if (n > 1)
			judge(r, a, list, theirs, n);
	}
}
