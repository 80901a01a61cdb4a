// SPDX-License-Identifier: MIT
// The one place where a check opens a file: images are too large to be read with the other facts at
// every start, and are asked for only when a boot has gone wrong. What is on the disk now may not
// be what was booted, so it is evidence and decides nothing by itself.

#include "check/reserved_image.h"
#include "base/text.h"
#include "check/internal.h"
#include "initramfs/initramfs.h"

#define HELPER "passthru-early"
/* setup puts the image of a trial beside the usual one */
#define TRIAL_NAME "passthru.trial"
#define TRIAL_SUFFIX ".passthru"

/* The image of the running kernel; NULL when that cannot be said. */
static const char *find_image(struct host *host)
{
	struct arena *a = &host->arena;
	const struct kernel_facts *kernels = &host->facts->kernel;
	const struct kernel_parameter *trial = kernel_parameter_last(kernels, TRIAL_NAME);
	struct initramfs_setup setup;

	if (!root_is_live(host->root) || kernels->release.error)
		return NULL;
	initramfs_read_setup(host->root, a, kernels, &setup);
	for (size_t i = 0; setup.chosen && i < setup.n_kernels; i++) {
		const struct initramfs_kernel *kernel = &setup.kernels[i];

		if (!kernel->image || !str_eq(kernel->release, kernels->release.value))
			continue;
		return trial ? arena_concat(a, kernel->image, TRIAL_SUFFIX) : kernel->image;
	}
	return NULL;
}

static bool has_helper(const struct initramfs_image *image)
{
	struct initramfs_list list = initramfs_list(image);

	for (size_t i = 0; i < list.n; i++) {
		if (str_eq(text_last_part(list.members[i].path), HELPER) &&
		    !list.members[i].replaced)
			return true;
	}
	return false;
}

/* Whether the image has the list that the host has; its errno when the host's cannot be read. */
static bool has_list(struct host *host, struct initramfs_image *image)
{
	struct initramfs_expected file = { .path = RESERVE_FILE };

	return root_read_max(host->root, &host->arena, RESERVE_FILE, RESERVE_BYTES_MAX,
			     &file.content) == 0 &&
	       initramfs_compare(image, &file, 1, NULL) == 0 && file.same == INITRAMFS_SAME;
}

static bool has_module(struct host *host, struct initramfs_image *image, const char *driver)
{
	struct initramfs_module module = { .name = driver };
	struct initramfs_modules modules = { .modules = &module, .n = 1 };

	return initramfs_find_modules(image, &host->arena, host->facts->kernel.release.value,
				      &modules, NULL) == 0 &&
	       module.state != INITRAMFS_MODULE_ABSENT;
}

/* NULL: nothing that could be looked for. */
static const char *find_missing(struct host *host, struct initramfs_image *image,
				const char *driver)
{
	if (!has_helper(image))
		return "the early helper";
	if (!has_list(host, image))
		return RESERVE_FILE " as it is now";
	if (!has_module(host, image, driver))
		return arena_concat(&host->arena, "the module ", driver);
	return NULL;
}

bool reserved_judge_image(struct host *host, const char *driver, struct verdict *v)
{
	const char *path = find_image(host);
	CLEANUP_INITRAMFS struct initramfs_image *image = NULL;

	if (!path)
		return false;
	int error = initramfs_open(host->root, path, &image, NULL);
	if (error < 0) {
		verdict_evidence(v, path, "%s", verdict_reason(error));
		return false;
	}
	const char *missing = find_missing(host, image, driver);
	verdict_evidence(v, path, "%s",
			 missing ? arena_printf(v->arena, "without %s", missing)
				 : "has helper, list and module");
	if (!missing)
		return false;
	v->sentence =
		arena_printf(v->arena, "%s: %s is not in the image %s", v->sentence, missing, path);
	verdict_fix(v, NULL, FIX_AGAIN);
	return true;
}
