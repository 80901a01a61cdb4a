// SPDX-License-Identifier: MIT
// dracut: dracut.conf, then the files of its directories by name, those of /etc before others of
// the same name (dropindirs_sort of dracut 059). Its own default name for an image is not that of
// every distribution, so the name comes from who runs it, and is passed in every command.

#include "base/text.h"
#include "initramfs/config.h"

#define DEBIAN_HOOK "etc/kernel/postinst.d/dracut"
#define DEBIAN_HOOK_NEW "usr/share/kernel/postinst.d/dracut"
#define ARCH_HOOK "usr/share/libalpm/hooks/90-dracut-install.hook"

static const char *const programs[] = { "usr/bin/dracut", "usr/sbin/dracut", "sbin/dracut", NULL };
static const char *const packages[] = { "dracut-core", "dracut", NULL };
static const char *const hooks[] = {
	DEBIAN_HOOK,
	DEBIAN_HOOK_NEW,
	"usr/lib/module-init-tools/regenerate-initrd-posttrans", /* suse-module-tools */
	"etc/kernel.d/post-install/20-dracut",                   /* Void */
	ARCH_HOOK,
	"usr/lib/kernel/install.d/50-dracut.install",
	"usr/lib/kernel/install.d/52-dracut.install", /* Gentoo's own, of installkernel */
	NULL,
};

static void read_config(struct root *r, struct arena *a, struct initramfs_config *config)
{
	static const char *const directories[] = { "run/initramfs/dracut.conf.d",
						   "etc/dracut.conf.d",
						   "usr/lib/dracut/dracut.conf.d", NULL };

	config_read_file(r, a, config, "etc/dracut.conf", '=');
	config_read_directories(r, a, config, directories, ".conf");
	/* without a word it is "no" before version 109, "yes" since */
	const struct initramfs_setting *hostonly = initramfs_setting(config, "hostonly");
	config->scope_from = hostonly;
	if (hostonly)
		config->scope =
			str_eq(hostonly->value, "yes") ? INITRAMFS_SCOPE_HOST : INITRAMFS_SCOPE_ALL;
}

static void locate(struct root *r, struct arena *a, const struct initramfs_setup *setup,
		   struct initramfs_kernel *kernel)
{
	/* kernel-%r: Gentoo's; the last is what all others were copied from */
	static const char *const vmlinuz[] = { "boot/vmlinuz-%r", "boot/%t/%r/linux",
					       "efi/%t/%r/linux", "boot/efi/%t/%r/linux",
					       "boot/vmlinuz-%p", "boot/kernel-%r",
					       "%d/vmlinuz",      NULL };
	static const char *const debian[] = { "boot/initrd.img-%r", NULL };
	static const char *const arch[] = { "boot/initramfs-%p.img", "boot/initramfs-%r.img",
					    NULL };
	static const char *const others[] = { "boot/initramfs-%r.img", "boot/initrd-%r",
					      "boot/%t/%r/initrd",     "efi/%t/%r/initrd",
					      "boot/efi/%t/%r/initrd", NULL };
	const char *hook = setup->chosen->hook;
	bool is_debian = str_eq(hook, DEBIAN_HOOK) || str_eq(hook, DEBIAN_HOOK_NEW);

	if (is_debian)
		kernel_locate(r, a, kernel, vmlinuz, debian, true);
	else
		kernel_locate(r, a, kernel, vmlinuz, str_eq(hook, ARCH_HOOK) ? arch : others,
			      false);
}

static const char *const *build(struct arena *a, const struct initramfs_kernel *kernel,
				const char *output)
{
	/* as 50-dracut.install does it, whatever dracut.conf says of uefi= */
	if (kernel->maker == INITRAMFS_MAKER_UKIFY && kernel->unified_alone)
		return text_list(a, "dracut", "--force", "--no-uefi", output, kernel->release,
				 NULL);
	return text_list(a, "dracut", "--force", output, kernel->release, NULL);
}

const struct initramfs_generator initramfs_dracut = {
	.name = "dracut",
	.command = "dracut",
	.programs = programs,
	.packages = packages,
	.hooks = hooks,
	.read_config = read_config,
	.locate = locate,
	.build = build,
};
