// SPDX-License-Identifier: MIT
// Kernel modules, through libkmod: soft dependencies (vfio_iommu_type1 comes as one) and blacklists
// hold as with modprobe. Only the running host can load modules; elsewhere the driver is there or
// it is not.

#include "base/dl.h"
#include "base/text.h"
#include "handover/internal.h"

#include <errno.h>
#include <libkmod.h>
#include <stdio.h>

#define LIBRARY "libkmod.so.2"

/* clang-format off */
#define SYMBOLS(X) \
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

static bool has_driver(struct host *host)
{
	struct names names;

	return root_list(host->root, &host->arena, "sys/bus/pci/drivers/" VFIO_PCI, &names) == 0;
}

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

/* Loads every module that @alias names. -ENOENT when there is none. */
static int load(const char *alias)
{
	struct kmod_list *item;
	int error = dl_load(LIBRARY, symbols, ARRAY_SIZE(symbols), NULL);

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
		int status = lk.kmod_module_probe_insert_module(
			module, KMOD_PROBE_APPLY_BLACKLIST_ALIAS_ONLY, NULL, NULL, NULL, NULL);
		lk.kmod_module_unref(module);
		if (status != 0 && error == 0)
			error = status > 0 ? -EPERM : status; /* positive: blacklisted */
	}
	return error;
}

int module_need_vfio(struct host *host, struct err *e)
{
	if (has_driver(host))
		return 0;
	if (!root_is_live(host->root))
		return err_fail(e, -ENOENT, "the driver " VFIO_PCI " is not loaded");
	int error = load(VFIO_PCI);
	if (error == -ENOENT)
		return err_fail(e, error,
				"this kernel has no module " VFIO_PCI
				": install the modules of the "
				"running kernel, or boot one with CONFIG_VFIO_PCI");
	if (error < 0)
		return err_io(e, error, "loading the module " VFIO_PCI);
	if (!has_driver(host))
		return err_fail(e, -ENOENT,
				"the module " VFIO_PCI " is loaded, but its driver is not there");
	return 0;
}

void module_load_native(struct host *host, const struct pci_function *f)
{
	char alias[64];

	if (!root_is_live(host->root))
		return;
	snprintf(alias, sizeof(alias), "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X", f->vendor,
		 f->device, f->subsystem_vendor, f->subsystem_device, f->class_code >> 16 & 0xff,
		 f->class_code >> 8 & 0xff, f->class_code & 0xff);
	/* whether it helped shows when the driver is read back */
	(void)!load(alias);
}
