// SPDX-License-Identifier: MIT
// Which driver of VFIO takes a function, and kernel modules, through libkmod: soft dependencies
// (vfio_iommu_type1 comes as one) and blacklists hold as with modprobe, so that a blacklist keeps
// nobody from asking for vfio-pci by name, and an "install" line does. Only the running host can
// load modules; elsewhere the driver is there or it is not.
//
// Variants: user space is to choose among the vfio_pci: aliases as modprobe would among those of
// other drivers, the fewest wildcards first (Documentation/driver-api/vfio.rst, file2alias.c). When
// the module of a variant cannot be loaded, vfio-pci does what a guest needs at least; when the
// variant takes the device and its probe fails, that is an error, because it says something about
// the device.

#include "base/dl.h"
#include "base/text.h"
#include "handover/internal.h"

#include <errno.h>
#include <libkmod.h>
#include <stdio.h>
#include <string.h>

#define LIBRARY "libkmod.so.2"

/* clang-format off */
#define SYMBOLS(X) \
	X(kmod_module_get_install_commands) \
	X(kmod_module_get_module) \
	X(kmod_module_new_from_lookup) \
	X(kmod_module_probe_insert_module) \
	X(kmod_module_unref) \
	X(kmod_module_unref_list) \
	X(kmod_new) \
	X(kmod_set_log_fn) \
	X(kmod_unref) \
	X(kmod_list_next)

static struct {
	SYMBOLS(DL_POINTER)
} lk;

#define ROW(symbol) DL_ROW(lk, symbol)
static const struct dl_symbol symbols[] = { SYMBOLS(ROW) };
/* clang-format on */

static void unref_list(struct kmod_list **list)
{
	lk.kmod_module_unref_list(*list);
}

static void unref_context(struct kmod_ctx **context)
{
	lk.kmod_unref(*context);
}

static void quiet(void *data, int priority, const char *file, int line, const char *function,
		  const char *format, va_list args)
{
	(void)data, (void)priority, (void)file, (void)line;
	(void)function, (void)format, (void)args;
}

/* The command of modprobe.d that stands for a module, or NULL. */
static const char *replaced_by(struct arena *a, struct kmod_module *module)
{
	const char *command = lk.kmod_module_get_install_commands(module);

	return command ? arena_strdup(a, command) : NULL;
}

/*
 * Loads every module that @alias names. -ENOENT when there is none. *@ret_command: what modprobe.d
 * has run in its place, or NULL.
 */
static int load(struct arena *a, const char *alias, const char **ret_command)
{
	struct kmod_list *item;
	int error = dl_load(LIBRARY, symbols, ARRAY_SIZE(symbols), NULL);

	*ret_command = NULL;
	if (error < 0)
		return -ELIBACC;
	CLEANUP(unref_context) struct kmod_ctx *context = lk.kmod_new(NULL, NULL);
	CLEANUP(unref_list) struct kmod_list *list = NULL;

	if (!context)
		return -ENOMEM;
	lk.kmod_set_log_fn(context, quiet, NULL); /* it prints to stderr otherwise */
	error = lk.kmod_module_new_from_lookup(context, alias, &list);
	if (error < 0)
		return error;
	if (!list)
		return -ENOENT;
	for (item = list; item; item = lk.kmod_list_next(list, item)) {
		struct kmod_module *module = lk.kmod_module_get_module(item);
		*ret_command = replaced_by(a, module);
		int status = lk.kmod_module_probe_insert_module(
			module, KMOD_PROBE_APPLY_BLACKLIST_ALIAS_ONLY, NULL, NULL, NULL, NULL);
		lk.kmod_module_unref(module);
		if (status != 0 && error == 0)
			error = status > 0 ? -EPERM : status; /* positive: blacklisted */
	}
	return error;
}

/* ---- why not ---- */

static bool says(struct host *host, const char *path, const char *words)
{
	struct bytes text;

	return root_read(host->root, &host->arena, path, &text) == 0 && strstr(text.data, words);
}

static int fail_missing(struct host *host, const char *module, struct err *e)
{
	static const char *const places[] = { "usr/lib/modules", "lib/modules" };
	struct arena *a = &host->arena;
	struct bytes release = { "?", 1 };
	struct names names;

	(void)!root_read(host->root, a, "proc/sys/kernel/osrelease", &release);
	const char *name = text_trimmed(a, release);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		const char *path = arena_printf(a, "%s/%s", places[i], name);
		if (root_list(host->root, a, path, &names) == 0)
			return err_fail(e, -ENOENT,
					"the kernel %s has no module %s: install the package with "
					"all of its modules (linux-modules-extra-%s on Ubuntu, "
					"kernel-modules on Fedora, kernel-default on openSUSE), "
					"or boot a kernel with CONFIG_VFIO_PCI",
					name, module, name);
	}
	return err_fail(e, -ENOENT,
			"the module %s is not there, nor is any of the running kernel %s: it was "
			"upgraded or removed; reboot into an installed kernel",
			module, name);
}

/* finit_module(2); module_sig_check() and module_enforce_rwx_sections() in kernel/module. */
static int fail_load(struct host *host, const char *module, const char *command, int error,
		     struct err *e)
{
	if (error == -ENOENT)
		return fail_missing(host, module, e);
	if (command)
		return err_fail(e, error,
				"modprobe.d has `%s` run instead of loading the module %s: take "
				"that install line away",
				command, module);
	if (error == -ENOKEY || error == -EKEYREJECTED || error == -EBADMSG)
		return err_fail(e, error,
				"the kernel takes only modules with a signature that it trusts "
				"(Secure Boot, module.sig_enforce), and %s has none: sign it with "
				"an enrolled key, or install the distribution's kernel",
				module);
	if (error == -EPERM && says(host, "proc/sys/kernel/modules_disabled", "1"))
		return err_fail(e, error,
				"the kernel loads no modules any more "
				"(kernel.modules_disabled=1): load %s at boot, before that is set",
				module);
	if (error == -EPERM && (says(host, "sys/kernel/security/lockdown", "[integrity]") ||
				says(host, "sys/kernel/security/lockdown", "[confidentiality]")))
		return err_fail(e, error,
				"the lockdown of this kernel does not let it load the module %s: "
				"it is not signed as it has to be",
				module);
	return err_io(e, error, "loading the module %s", module);
}

/* The name that the driver of a module has with the kernel; NULL when there is none. */
static const char *driver_of(struct host *host, const char *module)
{
	struct names names;

	if (root_list(host->root, &host->arena, "sys/bus/pci/drivers", &names) < 0)
		return NULL;
	for (size_t i = 0; i < names.n; i++) {
		if (kernel_same_name(names.name[i], module))
			return names.name[i];
	}
	return NULL;
}

/* Makes the driver of @module available; its name in *@ret. */
static int need(struct host *host, const char *module, const char **ret, struct err *e)
{
	const char *command;

	*ret = driver_of(host, module);
	if (*ret)
		return 0;
	if (!root_is_live(host->root))
		return err_fail(e, -ENOENT, "the driver %s is not loaded", module);
	int error = load(&host->arena, module, &command);
	*ret = error < 0 ? NULL : driver_of(host, module);
	if (*ret)
		return 0;
	/* an install line that does nothing succeeds all the same */
	if (error < 0 || command)
		return fail_load(host, module, command, error < 0 ? error : -ENOENT, e);
	return err_fail(e, -ENOENT, "the module %s is loaded, but its driver is not there", module);
}

/* ---- which driver ---- */

static const struct variant_driver *find_variant(const struct device_variants *variants,
						 const char *named)
{
	for (size_t i = 0; i < variants->n; i++) {
		if (kernel_same_name(named, variants->driver[i].module))
			return &variants->driver[i];
	}
	return NULL;
}

/* The driver that was asked for, where it is made for the function; else false. */
static bool choose_named(struct host *host, struct handover_function *f, const char *named)
{
	struct device_variants variants;

	host_read_variants(host, f->function, &variants);
	const struct variant_driver *variant = find_variant(&variants, named);
	/* without a list of aliases the user is the only one who knows */
	if (!variant && !kernel_same_name(named, VFIO_PCI) && variants.error == 0)
		return false;
	f->driver_wanted = variant                             ? variant->module
			   : kernel_same_name(named, VFIO_PCI) ? VFIO_PCI
							       : named;
	f->driver_why = "as asked for";
	return true;
}

static void choose_best(struct host *host, struct handover_function *f)
{
	struct device_variants variants;

	host_read_variants(host, f->function, &variants);
	f->driver_wanted = VFIO_PCI;
	f->driver_why = NULL;
	if (variants.n == 0)
		return;
	f->driver_wanted = variants.driver[0].module;
	f->driver_why = arena_printf(&host->arena, "made for it: %s", variants.driver[0].alias);
}

int handover_choose_drivers(struct host *host, struct handover *handover, const char *named,
			    struct err *e)
{
	size_t n_named = 0;

	if (named && !host_is_vfio_driver(named))
		return err_refuse(e,
				  "%s is no driver of VFIO: vfio-pci is, and those whose name ends "
				  "in vfio_pci",
				  named);
	for (size_t i = 0; i < handover->n; i++) {
		if (named && choose_named(host, &handover->functions[i], named))
			n_named++;
		else
			choose_best(host, &handover->functions[i]);
	}
	if (named && n_named == 0)
		return err_refuse(e,
				  "%s is not made for %s: the kernel's modules.alias has no "
				  "vfio_pci: line that fits",
				  named, handover->functions[0].function->name);
	return 0;
}

static int choose(struct host *host, struct handover_function *f, struct err *e)
{
	const char *driver;
	struct err variant = { 0 };
	bool fixed = !f->driver_wanted || kernel_same_name(f->driver_wanted, VFIO_PCI) ||
		     (f->driver_why && str_eq(f->driver_why, "as asked for"));
	int error = need(host, f->driver_wanted ? f->driver_wanted : VFIO_PCI, &driver,
			 fixed ? e : &variant);

	if (error < 0 && !fixed) {
		f->driver_why = arena_printf(&host->arena, "instead of %s: %s", f->driver_wanted,
					     variant.text);
		error = need(host, VFIO_PCI, &driver, e);
	}
	if (error == 0)
		f->driver_wanted = driver;
	return error;
}

/*
 * Guests that do not use iommufd need it. It is a soft dependency of vfio, and libkmod loads those
 * of dependencies too (__kmod_module_get_probe_list()), but vfio-pci may have been there before, by
 * other means: in the lab it was without type 1, and VFIO_CHECK_EXTENSION said so. A
 * kernel whose iommufd serves the containers of VFIO has none, hence no failure of it counts.
 */
static void load_type1(struct host *host)
{
	struct names names;
	const char *command;

	if (!root_is_live(host->root) ||
	    root_list(host->root, &host->arena, "sys/module", &names) < 0)
		return;
	/* it has parameters, so it stands there when it is built in as well */
	for (size_t i = 0; i < names.n; i++) {
		if (str_eq(names.name[i], "vfio_iommu_type1"))
			return;
	}
	(void)!load(&host->arena, "vfio_iommu_type1", &command);
}

int module_choose(struct host *host, struct handover *handover, struct err *e)
{
	int error = 0;

	for (size_t i = 0; i < handover->n && error == 0; i++)
		error = choose(host, &handover->functions[i], e);
	if (error == 0)
		load_type1(host);
	return error;
}

void module_load_native(struct host *host, const struct pci_function *f)
{
	const char *command;
	char alias[64];

	if (!root_is_live(host->root))
		return;
	snprintf(alias, sizeof(alias), "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X", f->vendor,
		 f->device, f->subsystem_vendor, f->subsystem_device, f->class_code >> 16 & 0xff,
		 f->class_code >> 8 & 0xff, f->class_code & 0xff);
	/* whether it helped shows when the driver is read back */
	(void)!load(&host->arena, alias, &command);
}
