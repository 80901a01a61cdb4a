// SPDX-License-Identifier: MIT
// initramfs-tools of Debian: mkinitramfs(8) 0.142 reads initramfs.conf, then the files of its own
// conf.d that /etc does not have as well, then those of /etc. dracut of Ubuntu may bring an
// update-initramfs too, so the program has to belong to the package.

#include "base/text.h"
#include "initramfs/config.h"

#define OWN "usr/share/initramfs-tools/conf.d"
#define ETC "etc/initramfs-tools/conf.d"

static const char *const programs[] = { "usr/sbin/update-initramfs", NULL };
static const char *const packages[] = { "initramfs-tools", NULL };
static const char *const hooks[] = { "etc/kernel/postinst.d/initramfs-tools",
				     "usr/share/kernel/postinst.d/initramfs-tools", NULL };

static void read_config(struct root *r, struct arena *a, struct initramfs_config *config)
{
	static const char *const etc[] = { ETC, NULL };
	struct names names;

	config_read_file(r, a, config, "etc/initramfs-tools/initramfs.conf", '=');
	if (root_list(r, a, OWN, &names) < 0)
		names.n = 0;
	for (size_t i = 0; i < names.n; i++) {
		if (root_look(r, a, arena_concat(a, ETC "/", names.name[i])) != 0)
			config_read_file(r, a, config, arena_concat(a, OWN "/", names.name[i]),
					 '=');
	}
	config_read_directories(r, a, config, etc, "");
	const struct initramfs_setting *modules = initramfs_setting(config, "MODULES");
	config->scope_from = modules;
	if (!modules)
		return;
	if (str_eq(modules->value, "most") || str_eq(modules->value, "netboot"))
		config->scope = INITRAMFS_SCOPE_ALL;
	else if (str_eq(modules->value, "dep"))
		config->scope = INITRAMFS_SCOPE_HOST;
	else if (str_eq(modules->value, "list"))
		config->scope = INITRAMFS_SCOPE_LISTED;
}

static void locate(struct root *r, struct arena *a, const struct initramfs_setup *setup,
		   struct initramfs_kernel *kernel)
{
	static const char *const vmlinuz[] = { "boot/vmlinuz-%r", NULL };
	static const char *const images[] = { "boot/initrd.img-%r", NULL };

	(void)setup;
	kernel_locate(r, a, kernel, vmlinuz, images, true);
}

static const char *const *build(struct arena *a, const struct initramfs_kernel *kernel,
				const char *output)
{
	return text_list(a, "mkinitramfs", "-o", output, kernel->release, NULL);
}

const struct initramfs_generator initramfs_initramfs_tools = {
	.name = "initramfs-tools",
	.command = "mkinitramfs",
	.programs = programs,
	.packages = packages,
	.hooks = hooks,
	.read_config = read_config,
	.locate = locate,
	.build = build,
};
