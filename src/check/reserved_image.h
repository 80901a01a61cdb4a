/* SPDX-License-Identifier: MIT */
/* Inside of check/: what the initramfs image of the running kernel lacks. */
#pragma once

#include "check/check.h"

#define FIX_AGAIN "Run `passthru setup` again with the same devices: it makes what is missing anew."

/*
 * Looks into the image that this kernel was started with, as it is now, for the early helper, its
 * list and the module @driver. True when something is missing: then the sentence of @v says so, and
 * it has a fix. Only on the running host; elsewhere there are no images, and nothing is added.
 */
bool reserved_judge_image(struct host *host, const char *driver, struct verdict *v);
