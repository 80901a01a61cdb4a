// SPDX-License-Identifier: MIT
// Whether the modules of VFIO are there for each installed kernel, by its own lists and not by a
// list of names from a guide: vfio_virqfd went into vfio with Linux 6.2, and a distribution may
// package VFIO apart from the kernel (linux-modules-extra and the like).

#include "base/text.h"
#include "check/internal.h"

#include <errno.h>

enum presence { PRESENT, MISSING, NOT_KNOWN };

static enum presence find(const struct kernel_facts *facts, const struct kernel *kernel,
			  const char *name, const char *symbol)
{
	enum kernel_module module = kernel_module(kernel, name, NULL);

	/* a kernel without modules has no lists */
	if (kernel_symbol(&kernel->config, symbol) == KERNEL_SYMBOL_ON)
		return PRESENT;
	if (module == KERNEL_MODULE_LOADABLE || module == KERNEL_MODULE_BUILTIN ||
	    (kernel->running && kernel_module_loaded(facts, name)))
		return PRESENT;
	if (module == KERNEL_MODULE_UNKNOWN && kernel->config.error)
		return NOT_KNOWN;
	/* its lists are gone, but it was built with it: then they had it */
	if (module == KERNEL_MODULE_UNKNOWN &&
	    kernel_symbol(&kernel->config, symbol) == KERNEL_SYMBOL_MODULE)
		return NOT_KNOWN;
	return MISSING;
}

static size_t find_missing(const struct kernel_facts *facts, const struct kernel *kernel,
			   const char *missing[4], bool *ret_unknown)
{
	static const struct {
		const char *name, *symbol;
	} needed[] = { { "vfio", "VFIO" }, { "vfio_pci", "VFIO_PCI" } };
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		enum presence found = find(facts, kernel, needed[i].name, needed[i].symbol);
		*ret_unknown |= found == NOT_KNOWN;
		if (found == MISSING)
			missing[n++] = needed[i].name;
	}
	if (find(facts, kernel, "vfio_iommu_type1", "VFIO_IOMMU_TYPE1") == MISSING &&
	    find(facts, kernel, "iommufd", "IOMMUFD") == MISSING)
		missing[n++] = "vfio_iommu_type1";
	/* its own module until 6.1, and vfio_pci does not load without it */
	if (!kernel_at_least(kernel->release, 6, 2) &&
	    find(facts, kernel, "vfio_virqfd", "VFIO_VIRQFD") == MISSING &&
	    kernel_symbol(&kernel->config, "VFIO_VIRQFD") == KERNEL_SYMBOL_MODULE)
		missing[n++] = "vfio_virqfd";
	return n;
}

/* The files of a running kernel go away when its package is updated or removed. */
static bool is_gone(const struct kernel *kernel)
{
	return kernel->running && kernel->modules.error == -ENOENT &&
	       kernel->builtin.error == -ENOENT &&
	       kernel_symbol(&kernel->config, "MODULES") != KERNEL_SYMBOL_OFF;
}

static void judge_gone(struct verdict *v, const struct kernel_facts *facts,
		       const struct kernel *kernel)
{
	verdict_evidence(v, kernel->path, "not there");
	if (kernel_module_loaded(facts, "vfio_pci")) {
		verdict_raise(v, VERDICT_WARN,
			      "the modules of the running kernel are gone; "
			      "vfio_pci is loaded, others cannot be");
	} else {
		verdict_raise(v, VERDICT_FAIL,
			      "the modules of the running kernel are gone: none can be loaded");
	}
	verdict_fix(v, "reboot", "Reboot into an installed kernel.");
}

static void judge_kernel(struct verdict *v, const struct kernel_facts *facts,
			 const struct kernel *kernel)
{
	const char *missing[4], *where;
	bool unknown = false;

	if (is_gone(kernel)) {
		judge_gone(v, facts, kernel);
		return;
	}
	size_t n = find_missing(facts, kernel, missing, &unknown);
	if (n > 0) {
		const char *names = text_join(v->arena, missing, n, ", ");
		bool by_config = kernel->modules.error && kernel->config.path;
		where = by_config ? kernel->config.path : kernel->modules.path;
		verdict_evidence(v, where, "no %s", names);
		verdict_raise(v, kernel->running ? VERDICT_FAIL : VERDICT_WARN,
			      "the %s kernel %s has no %s",
			      kernel->running ? "running" : "installed", kernel->release, names);
		verdict_fix(v, NULL,
			    "Install the package with all modules of the kernel %s, or boot "
			    "another kernel.",
			    kernel->release);
		return;
	}
	if (unknown) {
		int error = kernel->modules.error ? kernel->modules.error : kernel->builtin.error;
		where = kernel->modules.error ? kernel->modules.path : kernel->builtin.path;
		verdict_evidence(v, where, "%s", verdict_reason(error));
		verdict_raise(v, VERDICT_UNKNOWN, "%s: %s", where, verdict_reason(error));
		return;
	}
	bool builtin = kernel_module(kernel, "vfio_pci", &where) == KERNEL_MODULE_BUILTIN;
	verdict_evidence(v, where, "vfio_pci is %s",
			 builtin                                                      ? "built in"
			 : kernel->running && kernel_module_loaded(facts, "vfio_pci") ? "loaded"
										      : "a module");
}

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct kernel_facts *facts = &host->facts->kernel;

	(void)f;
	if (facts->n_kernels == 0) {
		int error = facts->kernels_error ? facts->kernels_error : -ENOENT;
		verdict_unknown(v, "usr/lib/modules", error);
		return;
	}
	for (size_t i = 0; i < facts->n_kernels; i++)
		judge_kernel(v, facts, &facts->kernels[i]);
	verdict_raise(v, VERDICT_PASS, "all installed kernels have the modules of VFIO");
}

const struct check check_vfio_modules = {
	.id = "vfio-modules",
	.title = "Modules of VFIO",
	.area = "kernel",
	.scope = CHECK_HOST,
	.judge = judge,
};
