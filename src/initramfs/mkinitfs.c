// SPDX-License-Identifier: MIT
// mkinitfs of Alpine: a trigger of its package runs it, so its configuration stands for a hook. The
// image is named after what stands behind the last dash of the release (mkinitfs.in).

#include "base/text.h"
#include "initramfs/config.h"

static const char *const programs[] = { "sbin/mkinitfs", "usr/sbin/mkinitfs", NULL };
static const char *const hooks[] = { "etc/mkinitfs/mkinitfs.conf", NULL };

static void read_config(struct root *r, struct arena *a, struct initramfs_config *config)
{
	config_read_file(r, a, config, "etc/mkinitfs/mkinitfs.conf", '=');
	config->scope_from = initramfs_setting(config, "features");
	if (config->scope_from)
		config->scope = INITRAMFS_SCOPE_LISTED;
}

static void locate(struct root *r, struct arena *a, const struct initramfs_setup *setup,
		   struct initramfs_kernel *kernel)
{
	static const char *const vmlinuz[] = { "boot/vmlinuz-%f", NULL };
	static const char *const images[] = { "boot/initramfs-%f", NULL };

	(void)setup;
	kernel_locate(r, a, kernel, vmlinuz, images, true);
}

static const char *const *build(struct arena *a, const struct initramfs_kernel *kernel,
				const char *output)
{
	return text_list(a, "mkinitfs", "-o", output, kernel->release, NULL);
}

const struct initramfs_generator initramfs_mkinitfs = {
	.name = "mkinitfs",
	.command = "mkinitfs",
	.programs = programs,
	.hooks = hooks,
	.read_config = read_config,
	.locate = locate,
	.build = build,
};
