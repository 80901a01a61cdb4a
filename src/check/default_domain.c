// SPDX-License-Identifier: MIT
// How the host's own devices reach memory: the type of each group's default domain. VFIO attaches
// a domain of its own to what it takes, so a guest needs neither; iommu=pt only takes the host's
// devices out of the IOMMU. Documentation/ABI/testing/sysfs-kernel-iommu_groups.

#include "base/text.h"
#include "check/internal.h"

#include <errno.h>

static const struct kernel_parameter *asked_for(const struct kernel_facts *facts)
{
	static const char *const names[] = { "iommu.passthrough", "iommu" };
	const struct kernel_parameter *p;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		for (p = NULL; (p = kernel_parameter_next(facts, names[i], p));) {
			if (p->value && (i == 0 || strstr(p->value, "pt")))
				return p;
		}
	}
	return NULL;
}

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct kernel_parameter *p = asked_for(&host->facts->kernel);
	size_t n_groups, translated = 0, identity = 0;
	struct iommu_group *groups;

	(void)f;
	host_groups(host, &groups, &n_groups);
	if (n_groups == 0)
		return;
	for (size_t i = 0; i < n_groups; i++) {
		if (groups[i].type.error)
			continue;
		identity += str_eq(groups[i].type.value, "identity");
		translated += str_starts(groups[i].type.value, "DMA");
	}
	/* kernels before 4.19 do not say, nor does the no-IOMMU mode of VFIO */
	if (identity + translated == 0 && groups[0].type.error == -ENOENT)
		return;
	/* a guest's groups have none of these types while it runs */
	if (identity + translated == 0) {
		verdict_unknown(v, IOMMU_GROUPS "/*/type", groups[0].type.error);
		return;
	}
	verdict_evidence(v, IOMMU_GROUPS "/*/type", "%s translated, %s not",
			 text_count(v->arena, translated, "group", "groups"),
			 text_count(v->arena, identity, "group", "groups"));
	if (p)
		verdict_evidence(v, KERNEL_COMMAND_LINE, "%s", p->text);
	/* a few are the kernel's own choice: the graphics of the processor, say */
	if (identity <= translated) {
		verdict_set(v, VERDICT_PASS, "the devices of the host are confined by the IOMMU");
		return;
	}
	verdict_set(v, VERDICT_WARN,
		    "most devices of the host reach all of its memory; handing over does not "
		    "need that");
	if (p)
		verdict_fix(v, NULL,
			    "Remove %s from the kernel command line, unless a measurement says "
			    "that it is needed.",
			    p->text);
	else
		verdict_fix(v, NULL, "Add iommu.passthrough=0 to the kernel command line.");
}

const struct check check_default_domain = {
	.id = "default-domain",
	.title = "Default domain",
	.area = "platform",
	.scope = CHECK_HOST,
	.judge = judge,
};
