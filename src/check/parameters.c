// SPDX-License-Identifier: MIT
// Parameters of the kernel's IOMMU code, read as it reads them: lists between commas, items
// compared by their beginning, the last word winning (intel_iommu_setup() in
// drivers/iommu/intel/iommu.c, parse_amd_iommu_options() in drivers/iommu/amd/init.c,
// iommu_setup() in arch/x86/kernel/pci-dma.c).

#include "base/text.h"
#include "check/internal.h"

const char *next_item(struct arena *a, const char **list)
{
	*list += strspn(*list, ",");
	size_t n = strcspn(*list, ",");
	if (n == 0)
		return NULL;
	const char *item = arena_strndup(a, *list, n);
	*list += n;
	return item;
}

bool is_known_item(const char *item, const char *const *known)
{
	for (; *known; known++) {
		if (str_starts(item, *known))
			return true;
	}
	return false;
}

static bool vendor_is(const struct host_facts *facts, const char *const *vendors)
{
	const struct fact_text *vendor = &facts->platform.vendor;

	for (; vendor->error == 0 && *vendors; vendors++) {
		if (str_eq(vendor->value, *vendors))
			return true;
	}
	return false;
}

/* Zhaoxin and Centaur processors have Intel's kind of IOMMU, and a DMAR table. */
bool is_intel(const struct host_facts *facts)
{
	static const char *const vendors[] = { "GenuineIntel", "CentaurHauls", "  Shanghai  ",
					       NULL };

	return vendor_is(facts, vendors);
}

bool is_amd(const struct host_facts *facts)
{
	static const char *const vendors[] = { "AuthenticAMD", "HygonGenuine", NULL };

	return vendor_is(facts, vendors);
}

bool iommu_is_intel(const struct host_facts *facts)
{
	if (firmware_table_is_there(&facts->platform.dmar_table))
		return true;
	return is_intel(facts) && !firmware_table_is_there(&facts->platform.ivrs_table);
}

bool iommu_is_amd(const struct host_facts *facts)
{
	if (firmware_table_is_there(&facts->platform.ivrs_table))
		return true;
	return is_amd(facts) && !firmware_table_is_there(&facts->platform.dmar_table);
}

/* Whether the items of @p turn it off (1) or on (0); -1: they say nothing about that. */
static int switch_of(const struct kernel_parameter *p, const char *on)
{
	int state = -1;

	for (const char *at = p->value; at && *at; at += *at == ',') {
		if (str_starts(at, "off"))
			state = 1;
		else if (on && str_starts(at, on))
			state = 0;
		at += strcspn(at, ",");
	}
	return state;
}

const struct kernel_parameter *iommu_switch(const struct host_facts *facts, bool *ret_off)
{
	const struct kernel_facts *kernel = &facts->kernel;
	const struct kernel_parameter *found = NULL, *p = NULL;
	bool amd = iommu_is_amd(facts);
	const char *own = amd ? "amd_iommu" : "intel_iommu";

	*ret_off = false;
	while ((p = kernel_parameter_next(kernel, own, p))) {
		int state = switch_of(p, amd ? "force_enable" : "on");
		if (state >= 0) {
			found = p;
			*ret_off = state;
		}
	}
	/* iommu=off turns off what the other turned on, and nothing takes it back */
	p = NULL;
	while ((p = kernel_parameter_next(kernel, "iommu", p))) {
		if (switch_of(p, NULL) > 0) {
			found = p;
			*ret_off = true;
		}
	}
	return found;
}
