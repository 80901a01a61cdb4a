// SPDX-License-Identifier: MIT
// What a kernel must have been built with to hand a PCI device over, for the running one and for
// those that may be booted next. Symbols: drivers/vfio/Kconfig, drivers/vfio/pci/Kconfig,
// drivers/iommu/Kconfig and drivers/iommu/iommufd/Kconfig. A symbol that is not mentioned is off,
// or this version does not have it: VFIO_GROUP and VFIO_DEVICE_CDEV exist since 6.6.

#include "base/text.h"
#include "check/internal.h"

#include <errno.h>

static bool has(const struct kernel *kernel, const char *symbol)
{
	enum kernel_symbol value = kernel_symbol(&kernel->config, symbol);

	return value == KERNEL_SYMBOL_ON || value == KERNEL_SYMBOL_MODULE;
}

#define MISSING_MAX 8

static size_t find_missing(const struct host_facts *facts, const struct kernel *kernel,
			   const char *missing[MISSING_MAX])
{
	size_t n = 0;

	if (!has(kernel, "VFIO"))
		missing[n++] = "VFIO";
	if (!has(kernel, "VFIO_PCI"))
		missing[n++] = "VFIO_PCI";
	if (!has(kernel, "VFIO_IOMMU_TYPE1") && !has(kernel, "IOMMUFD"))
		missing[n++] = "VFIO_IOMMU_TYPE1 or IOMMUFD";
	if (kernel_at_least(kernel->release, 6, 6) && !has(kernel, "VFIO_GROUP") &&
	    !has(kernel, "VFIO_DEVICE_CDEV"))
		missing[n++] = "VFIO_GROUP or VFIO_DEVICE_CDEV";
	if (iommu_is_intel(facts) && !has(kernel, "INTEL_IOMMU"))
		missing[n++] = "INTEL_IOMMU";
	if (iommu_is_amd(facts) && !has(kernel, "AMD_IOMMU"))
		missing[n++] = "AMD_IOMMU";
	if ((iommu_is_intel(facts) || iommu_is_amd(facts)) && !has(kernel, "IRQ_REMAP"))
		missing[n++] = "IRQ_REMAP";
	return n;
}

static void judge_kernel(struct verdict *v, const struct host_facts *facts,
			 const struct kernel *kernel)
{
	const char *missing[MISSING_MAX];
	size_t n;

	if (kernel->config.error) {
		const char *where = kernel->config.path ? kernel->config.path : kernel->path;
		verdict_evidence(v, where, "configuration %s",
				 verdict_reason(kernel->config.error));
		if (kernel->running)
			verdict_raise(v, VERDICT_UNKNOWN,
				      "the configuration of the running kernel: %s",
				      verdict_reason(kernel->config.error));
		return;
	}
	n = find_missing(facts, kernel, missing);
	if (n == 0) {
		verdict_evidence(v, kernel->config.path, "has all of them");
		return;
	}
	const char *names = text_join(v->arena, missing, n, ", ");
	verdict_evidence(v, kernel->config.path, "lacks %s", names);
	if (kernel->running) {
		verdict_raise(v, VERDICT_FAIL, "the running kernel was built without %s", names);
		verdict_fix(v, NULL, "Boot a kernel of the distribution that has %s.", names);
		return;
	}
	verdict_raise(v, VERDICT_WARN, "the installed kernel %s was built without %s",
		      kernel->release, names);
	if (!v->fix)
		verdict_fix(v, NULL, "Do not boot the kernel %s for guests with devices.",
			    kernel->release);
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
		judge_kernel(v, host->facts, &facts->kernels[i]);
	if (!kernel_running(facts) && facts->release.error != -ENOENT)
		verdict_raise(v, VERDICT_UNKNOWN, "which kernel is running: %s",
			      verdict_reason(facts->release.error));
	verdict_raise(v, VERDICT_PASS, "the kernels have VFIO and the IOMMU of this processor");
}

const struct check check_kernel_config = {
	.id = "kernel-config",
	.title = "Kernel configuration",
	.area = "kernel",
	.scope = CHECK_HOST,
	.judge = judge,
};
