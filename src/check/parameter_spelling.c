// SPDX-License-Identifier: MIT
// A misspelt parameter is ignored in silence: unknown words without a dot are handed to init, those
// with a dot wait for a module that never asks (kernel/params.c, init/main.c). Words that are one
// or two slips away from one that handing devices over needs are taken for it; exact names, also
// of parameters that are only near it, are not.

#include "base/text.h"
#include "check/internal.h"

#include <errno.h>

/* Names that matter here; '-' and '_' are the same. */
static const char *const wanted[] = {
	"intel_iommu",
	"amd_iommu",
	"iommu.passthrough",
	"iommu.strict",
	"intremap",
	"vfio_pci.ids",
	"vfio_pci.disable_vga",
	"vfio_pci.disable_idle_d3",
	"vfio_pci.nointxmask",
	"vfio_pci.enable_sriov",
	"vfio_pci.disable_denylist",
	"vfio_iommu_type1.allow_unsafe_interrupts",
	"vfio.enable_unsafe_noiommu_mode",
	"pcie_acs_override",
	"default_hugepagesz",
	"hugepagesz",
	"hugepages",
	"initcall_blacklist",
	"modprobe.blacklist",
	"module_blacklist",
	"rd.driver.pre",
	"rd.driver.blacklist",
	"kvm.ignore_msrs",
};

/* Names of their own that are near one of the above. */
static const char *const others[] = {
	"iommu",
	"iommu.forcedac",
	"amd_iommu_dump",
	"amd_iommu_intr",
	"nointremap",
	"hugetlb_cma",
	"rd.driver.post",
	"kvm.report_ignored_msrs",
	"vfio_pci.disable_denylist",
	"vfio_pci_core.disable_idle_d3",
	"vfio_iommu_type1.dma_entry_limit",
	"vfio_iommu_type1.disable_hugepages",
	"vfio.dma_entry_limit",
	"blacklist",
};

#define NAME_MAX_LENGTH 64

static char plain(char c)
{
	return c == '-' ? '_' : c;
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	a = a < b ? a : b;
	return a < c ? a : c;
}

/* Letters to add, drop, replace or swap until @a is @b. */
static unsigned distance(const char *a, const char *b)
{
	unsigned rows[3][NAME_MAX_LENGTH + 1] = { 0 }, *two = rows[0], *one = rows[1],
					   *now = rows[2];
	size_t n_a = strlen(a), n_b = strlen(b);

	if (n_a > NAME_MAX_LENGTH || n_b > NAME_MAX_LENGTH)
		return NAME_MAX_LENGTH;
	for (size_t k = 0; k <= n_b; k++)
		one[k] = (unsigned)k;
	for (size_t i = 1; i <= n_a; i++) {
		now[0] = (unsigned)i;
		for (size_t k = 1; k <= n_b; k++) {
			bool same = plain(a[i - 1]) == plain(b[k - 1]);
			now[k] = least(one[k] + 1, now[k - 1] + 1, one[k - 1] + !same);
			if (i > 1 && k > 1 && plain(a[i - 1]) == plain(b[k - 2]) &&
			    plain(a[i - 2]) == plain(b[k - 1]) && two[k - 2] + 1 < now[k])
				now[k] = two[k - 2] + 1;
		}
		unsigned *oldest = two;
		two = one;
		one = now;
		now = oldest;
	}
	return one[n_b];
}

static bool is_exact(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (kernel_same_name(name, names[i]))
			return true;
	}
	return false;
}

/* What @name was meant to be; NULL: nothing of ours. */
static const char *meant(const char *name)
{
	const char *best = NULL;
	unsigned nearest = 3;

	if (is_exact(name, wanted, ARRAY_SIZE(wanted)) ||
	    is_exact(name, others, ARRAY_SIZE(others)))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		/* two slips in a short word make another word */
		unsigned most = strlen(wanted[i]) < 10 ? 1 : 2;
		unsigned found = distance(name, wanted[i]);
		if (found <= most && found < nearest) {
			nearest = found;
			best = wanted[i];
		}
	}
	if (best)
		return best;
	/* no parameter of the kernel itself begins so; "vfio-pci=", "vfio_ids=" */
	if (str_starts(name, "vfio") && !strchr(name, '.'))
		return "vfio-pci.ids";
	return NULL;
}

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct kernel_facts *facts = &host->facts->kernel;

	(void)f;
	if (facts->command_line.error == -ENOENT)
		return;
	if (facts->command_line.error) {
		verdict_unknown(v, KERNEL_COMMAND_LINE, facts->command_line.error);
		return;
	}
	for (size_t i = 0; i < facts->n_parameters; i++) {
		const struct kernel_parameter *p = &facts->parameters[i];
		const char *name = meant(p->name);

		if (!name)
			continue;
		verdict_evidence(v, KERNEL_COMMAND_LINE, "%s: meant to be %s?", p->text, name);
		verdict_raise(v, VERDICT_WARN, "the kernel ignores %s; is %s meant?", p->name,
			      name);
		if (!v->fix)
			verdict_fix(v, NULL, "Write %s%s%s on the kernel command line.", name,
				    p->value ? "=" : "", p->value ? p->value : "");
	}
	if (v->kind != VERDICT_SKIP)
		return;
	verdict_evidence(v, KERNEL_COMMAND_LINE, "%s", facts->command_line.value);
	verdict_set(v, VERDICT_PASS, "no parameter looks like a misspelt one");
}

const struct check check_parameter_spelling = {
	.id = "parameter-spelling",
	.title = "Spelling of parameters",
	.area = "configuration",
	.scope = CHECK_HOST,
	.judge = judge,
};
