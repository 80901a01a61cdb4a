// SPDX-License-Identifier: MIT
// mkinitcpio of Arch: a preset per kernel package names kernel, image, and with "_config" another
// configuration file, beside which the directory of drop-ins is not read (mkinitcpio v36, man page
// mkinitcpio(8)). The image of the preset "default" is the one that boots; those of others, the
// fallback, are left alone. Where it makes an initramfs image and a unified one, the boot loader
// says which of them that is.

#include "base/text.h"
#include "initramfs/config.h"

#include <string.h>

static const char *const programs[] = { "usr/bin/mkinitcpio", "usr/sbin/mkinitcpio", NULL };
static const char *const hooks[] = {
	"usr/share/libalpm/hooks/90-mkinitcpio-install.hook",
	"usr/share/libalpm/hooks/90-mkinitcpio.hook",
	"etc/kernel.d/post-install/20-mkinitcpio", /* Void */
	"usr/lib/kernel/install.d/50-mkinitcpio.install",
	NULL,
};

static void read_config(struct root *r, struct arena *a, struct initramfs_config *config)
{
	static const char *const directories[] = { "etc/mkinitcpio.conf.d", NULL };

	config_read_file(r, a, config, "etc/mkinitcpio.conf", '=');
	config_read_directories(r, a, config, directories, ".conf");
	config->scope_from = initramfs_setting(config, "HOOKS");
	if (config->scope_from)
		config->scope = config_has_word(config, "HOOKS", "autodetect")
					? INITRAMFS_SCOPE_HOST
					: INITRAMFS_SCOPE_ALL;
}

/* NULL: not set. What only a shell knows, or adds to a value, is a reason not to make an image. */
static const char *preset_value(struct arena *a, struct initramfs_kernel *kernel,
				const struct initramfs_config *preset, const char *name)
{
	const struct initramfs_setting *last = NULL;

	for (size_t i = 0; i < preset->n_settings; i++) {
		if (str_eq(preset->settings[i].name, name))
			last = &preset->settings[i];
	}
	if (last && (!last->value || last->added))
		kernel->refusal = arena_printf(a,
					       "%s sets %s in a way that only a shell can read: "
					       "write it in one line, in plain words",
					       last->path, name);
	return last && last->value && *last->value ? last->value : NULL;
}

static const char *rooted(const char *path)
{
	return path && *path == '/' ? path + 1 : path;
}

static void read_preset(struct root *r, struct arena *a, struct initramfs_kernel *kernel,
			const char *name)
{
	struct initramfs_config preset = { 0 };
	const char *path = arena_printf(a, "etc/mkinitcpio.d/%s.preset", name);

	config_read_file(r, a, &preset, path, '=');
	if (preset.files.n == 0)
		return;
	kernel->preset = name;
	kernel->preset_config = rooted(preset_value(a, kernel, &preset, "default_config"));
	if (!kernel->preset_config)
		kernel->preset_config = rooted(preset_value(a, kernel, &preset, "ALL_config"));
	kernel->preset_options = preset_value(a, kernel, &preset, "default_options");
	const char *image = rooted(preset_value(a, kernel, &preset, "default_image"));
	const char *unified = rooted(preset_value(a, kernel, &preset, "default_uki"));
	kernel->image = image ? image : unified;
	kernel->image_exists = kernel->image && root_look(r, a, kernel->image) == 0;
	if (image && unified && root_look(r, a, unified) == 0) {
		kernel->unified = unified;
		kernel->maker = INITRAMFS_MAKER_PRESET;
	}
}

static void locate(struct root *r, struct arena *a, const struct initramfs_setup *setup,
		   struct initramfs_kernel *kernel)
{
	static const char *const vmlinuz[] = { "boot/vmlinuz-%p", "boot/vmlinuz-%r",
					       "boot/kernel-%r", "%d/vmlinuz", NULL };
	static const char *const images[] = { "boot/initramfs-%p.img", "boot/initramfs-%r.img",
					      "boot/%t/%r/initrd", "efi/%t/%r/initrd", NULL };
	struct bytes text;

	(void)setup;
	if (root_read(r, a, arena_printf(a, "%s/pkgbase", kernel->directory), &text) == 0)
		read_preset(r, a, kernel, text_trimmed(a, text));
	if (kernel->preset) {
		static const char *const none[] = { NULL };
		kernel_locate(r, a, kernel, vmlinuz, none, false);
	} else {
		kernel_locate(r, a, kernel, vmlinuz, images, false);
	}
}

static const char *const *build(struct arena *a, const struct initramfs_kernel *kernel,
				const char *output)
{
	const char *words = kernel->preset_options, *word;
	bool is_uki = kernel->image && strlen(kernel->image) > 4 &&
		      str_eq(kernel->image + strlen(kernel->image) - 4, ".efi");
	size_t n = 0;
	/* the preset's options are split at blanks, as mkinitcpio does it */
	const char **argv = arena_array(a, 8 + (words ? strlen(words) : 0), sizeof(*argv));

	argv[n++] = "mkinitcpio";
	argv[n++] = "-k";
	argv[n++] = kernel->release;
	if (kernel->preset_config) {
		argv[n++] = "-c";
		argv[n++] = path_absolute(a, kernel->preset_config);
	}
	argv[n++] = is_uki ? "-U" : "-g";
	argv[n++] = output;
	while (words && (word = text_next_word(a, &words)))
		argv[n++] = word;
	return argv;
}

const struct initramfs_generator initramfs_mkinitcpio = {
	.name = "mkinitcpio",
	.command = "mkinitcpio",
	.programs = programs,
	.hooks = hooks,
	.read_config = read_config,
	.locate = locate,
	.build = build,
};
