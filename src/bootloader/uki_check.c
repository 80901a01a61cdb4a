// SPDX-License-Identifier: MIT
// Whether another image like the one that starts the host can be made: who signs it, what is in it
// besides kernel, initramfs image and command line, what lies beside it.
//
// systemd-stub takes add-ons, credentials and extensions from a folder that is called like the file
// that was started (IMAGE.efi.extra.d, systemd-stub(7)). An image of our own for the trial, and the
// old one under another name, would come up without them.

#include "base/text.h"
#include "bootloader/uki.h"
#include "host/host.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static bool has_ending(const char *text, const char *ending)
{
	size_t n = strlen(text), m = strlen(ending);

	return n > m && strcasecmp(text + n - m, ending) == 0;
}

bool uki_of(const struct initramfs_kernel *kernel, struct uki *ret)
{
	*ret = (struct uki){ .kernel = kernel };
	if (kernel->unified) {
		ret->path = kernel->unified;
		ret->maker = kernel->maker == INITRAMFS_MAKER_DRACUT   ? UKI_DRACUT
			     : kernel->maker == INITRAMFS_MAKER_PRESET ? UKI_MKINITCPIO
								       : UKI_UKIFY;
		return true;
	}
	if (!kernel->image || !kernel->preset || !has_ending(kernel->image, ".efi"))
		return false;
	ret->path = kernel->image;
	ret->maker = UKI_MKINITCPIO;
	return kernel->image_exists;
}

const char *uki_base(const struct boot_facts *facts, const char *path)
{
	const char *bases[] = { facts->boot, facts->esp };

	for (size_t i = 0; i < ARRAY_SIZE(bases); i++) {
		size_t n = bases[i] ? strlen(bases[i]) : 0;
		if (n > 0 && strncmp(path, bases[i], n) == 0 && path[n] == '/')
			return bases[i];
	}
	return NULL;
}

bool uki_secure_boot(const struct boot_facts *facts)
{
	return facts->kernels->secure_boot.error == 0 && facts->kernels->secure_boot.value;
}

int uki_read(struct host *host, const char *path, struct initramfs_unified *ret, struct err *e)
{
	int error = initramfs_read_unified(host->root, &host->arena, path, ret, e);

	if (error == 0 && !ret->line)
		error = err_fail(e, -ENOENT, "%s has no command line in it", path);
	return error;
}

/* A command line that the preset names is the only one that mkinitcpio reads. */
static int check_preset(const struct boot_facts *facts, const struct initramfs_kernel *kernel,
			struct err *e)
{
	const char *path = arena_printf(facts->arena, "etc/mkinitcpio.d/%s.preset", kernel->preset);

	if (!boot_mentions(facts, path, "_cmdline=") &&
	    !(kernel->preset_options && strstr(kernel->preset_options, "--cmdline")))
		return 0;
	return boot_unsupported(e,
				"%s names a command line of its own, so no other is read: take "
				"it out, and write it to etc/kernel/cmdline",
				path);
}

/* "[UKI]" of uki.conf has the key, with a value. */
static bool has_key(const struct boot_facts *facts, const char *path, const char *key)
{
	struct bytes text;
	const char *rest, *line;
	size_t n, length = strlen(key);

	if (!path || boot_read(facts, path, &text, NULL) < 0)
		return false;
	rest = text.data;
	while (text_next_line(&rest, &line, &n)) {
		const char *at = text_trimmed(facts->arena, (struct bytes){ line, n });

		if (!str_starts(at, key))
			continue;
		at += length + strspn(at + length, " \t");
		if (*at == '=' && at[1 + strspn(at + 1, " \t")])
			return true;
	}
	return false;
}

/* An image that nobody signs again would not start where the old one does. */
static int check_signing(const struct boot_facts *facts, const struct uki *uki, struct err *e)
{
	const struct initramfs_setup *setup = facts->initramfs;

	if (!uki->now.is_signed || uki->maker == UKI_MKINITCPIO)
		return 0;
	if (uki->maker == UKI_UKIFY) {
		if (has_key(facts, setup->ukify_config, "SecureBootPrivateKey") ||
		    has_key(facts, setup->ukify_config, "SecureBootCertificateName"))
			return 0;
		return boot_unsupported(e,
					"%s is signed, and %s names no key: a new image would not "
					"be signed, so name it in etc/kernel/uki.conf "
					"(SecureBootPrivateKey=)",
					uki->path,
					setup->ukify_config ? setup->ukify_config
							    : "etc/kernel/uki.conf");
	}
	if (initramfs_setting(&setup->config, "uefi_secureboot_key"))
		return 0;
	return boot_unsupported(
		e,
		"%s is signed, and dracut's configuration names no key: a new image "
		"would not be signed, so name it there (uefi_secureboot_key=)",
		uki->path);
}

static int check_beside(const struct boot_facts *facts, const struct uki *uki, struct err *e)
{
	const char *directory = arena_concat(facts->arena, uki->path, ".extra.d");
	struct names names;
	int error = root_list(facts->host->root, facts->arena, directory, &names);

	if (error == -ENOENT || error == -ENOTDIR || (error == 0 && names.n == 0))
		return 0;
	if (error < 0)
		return err_io(e, error, "reading %s", directory);
	return boot_unsupported(e,
				"%s has %s, which goes to an image of just that name: the image of "
				"a trial, and the old one as a way back, would start without it",
				directory, names.name[0]);
}

static int check_content(const struct boot_facts *facts, const struct uki *uki, struct err *e)
{
	const struct initramfs_kernel *kernel = uki->kernel;

	for (size_t i = 0; uki->maker != UKI_MKINITCPIO && i < uki->now.sections.n; i++) {
		if (str_eq(uki->now.sections.name[i], ".profile"))
			return boot_unsupported(e,
						"%s has several profiles, of which only one would "
						"get the words",
						uki->path);
	}
	if (strstr(uki->now.line, "{}"))
		return boot_unsupported(e, "%s has {} on its command line", uki->path);
	if (uki->maker != UKI_UKIFY)
		return 0;
	if (!kernel->vmlinuz)
		return boot_unsupported(e, "the kernel of %s was not found", uki->path);
	if (kernel->unified_alone || !kernel->image)
		return 0;
	int same = initramfs_unified_holds(facts->host->root, uki->path, kernel->image, e);
	if (same != 0)
		return same < 0 ? same : 0;
	return boot_unsupported(e,
				"the initramfs image in %s is not %s alone: run kernel-install for "
				"this kernel; when that changes nothing, it is made in a way that "
				"is not supported",
				uki->path, kernel->image);
}

int uki_check(const struct boot_facts *facts, const struct initramfs_kernel *kernel,
	      struct uki *ret, struct err *e)
{
	int error = 0;

	if (!uki_of(kernel, ret))
		return boot_unsupported(e,
					"no preset of mkinitcpio makes a unified image of the "
					"kernel %s, and neither kernel-install nor dracut",
					kernel->release);
	if (!uki_base(facts, ret->path))
		return boot_unsupported(e, "%s is not where systemd-boot can read it", ret->path);
	if (ret->maker == UKI_MKINITCPIO)
		error = check_preset(facts, kernel, e);
	if (error == 0)
		error = initramfs_read_unified(facts->host->root, facts->arena, ret->path,
					       &ret->now, e);
	if (error < 0)
		return error;
	if (!ret->now.line)
		return boot_unsupported(e, "%s has no command line in it", ret->path);
	error = check_signing(facts, ret, e);
	if (error == 0)
		error = check_beside(facts, ret, e);
	return error < 0 ? error : check_content(facts, ret, e);
}
