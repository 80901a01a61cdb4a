// SPDX-License-Identifier: MIT
// booster of Arch: one YAML file, images named after the kernel's package
// (packaging/arch/regenerate_images and generator/config.go of booster).

#include "base/text.h"
#include "initramfs/config.h"

static const char *const programs[] = { "usr/bin/booster", NULL };
static const char *const hooks[] = {
	"usr/share/libalpm/hooks/90-booster-install.hook",
	"usr/share/libalpm/hooks/90-booster.hook",
	"usr/lib/kernel/install.d/50-booster.install",
	"usr/lib/kernel/install.d/60-booster.install",
	NULL,
};

static void read_config(struct root *r, struct arena *a, struct initramfs_config *config)
{
	config_read_file(r, a, config, "etc/booster.yaml", ':');
	config->scope_from = initramfs_setting(config, "universal");
	config->scope = config->scope_from && str_eq(config->scope_from->value, "true")
				? INITRAMFS_SCOPE_ALL
				: INITRAMFS_SCOPE_HOST;
}

static void locate(struct root *r, struct arena *a, const struct initramfs_setup *setup,
		   struct initramfs_kernel *kernel)
{
	static const char *const vmlinuz[] = { "boot/vmlinuz-%p", "boot/vmlinuz-%r",
					       "boot/kernel-%r", "%d/vmlinuz", NULL };
	static const char *const images[] = { "boot/booster-%p.img", "boot/%t/%r/initrd",
					      "efi/%t/%r/initrd", NULL };

	(void)setup;
	kernel_locate(r, a, kernel, vmlinuz, images, false);
}

static const char *const *build(struct arena *a, const struct initramfs_kernel *kernel,
				const char *output)
{
	return text_list(a, "booster", "build", "--force", "--kernel-version", kernel->release,
			 output, NULL);
}

const struct initramfs_generator initramfs_booster = {
	.name = "booster",
	.command = "booster",
	.programs = programs,
	.hooks = hooks,
	.read_config = read_config,
	.locate = locate,
	.build = build,
};
