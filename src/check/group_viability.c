// SPDX-License-Identifier: MIT
// Whether the kernel would give the group to a guest: every other member must have no driver, or
// one that leaves DMA to the guest. The rule is that of iommu_group_claim_dma_owner() since
// Linux 5.19, and a part of what older kernels allow. What is handed over together with the device
// does not count.

#include "base/text.h"
#include "check/device.h"

#include <errno.h>
#include <inttypes.h>

static void without_group(const struct host *host, const struct pci_function *f, struct verdict *v)
{
	const char *path = device_path(v, f, "iommu_group");

	if (f->iommu_group.error != -ENOENT) {
		verdict_unknown(v, path, f->iommu_group.error);
		return;
	}
	for (size_t i = 0; i < host->n_functions; i++) {
		if (host->functions[i].iommu_group.error)
			continue;
		verdict_set(v, VERDICT_FAIL,
			    "it is in no IOMMU group, while other devices are: the IOMMU does not "
			    "cover it");
		verdict_evidence(v, path, "not there");
		verdict_fix(v, NULL,
			    "Processor graphics of Intel may need intel_iommu=on; for anything "
			    "else look for an update of the firmware.");
		return;
	}
	/* no groups at all: that is about the host, not about this device */
}

struct offenders {
	const struct pci_function *first; /* NULL: none */
	const char **names;
	size_t n;
	const struct pci_function *unread; /* whose driver is not known */
};

/* The members that the kernel would refuse. */
static void find_offenders(const struct device_facts *facts, struct verdict *v,
			   struct offenders *ret)
{
	*ret = (struct offenders){
		.names = arena_array(v->arena, facts->group.n_members, sizeof(*ret->names)),
	};
	for (size_t i = 0; i < facts->group.n_members; i++) {
		const struct pci_function *member = facts->group.members[i];

		if (device_is_together(facts, member) || host_driver_permits_vfio(&member->driver))
			continue;
		if (member->driver.error) {
			ret->unread = member;
			continue;
		}
		verdict_evidence(v, device_path(v, member, "driver"), "%s", member->driver.value);
		if (!ret->first)
			ret->first = member;
		ret->names[ret->n++] = member->name;
	}
}

static void fix_offenders(const struct pci_function *f, const struct offenders *offenders,
			  struct verdict *v)
{
	if (pci_is_bridge(offenders->first)) {
		verdict_fix(v, NULL,
			    "A bridge stays with the host: its driver %s has to go, or the device "
			    "into another slot.",
			    offenders->first->driver.value);
		return;
	}
	/* what the host does with the others is not looked at here */
	const char *all = text_join(v->arena, offenders->names, offenders->n, " ");
	if (offenders->n == 1)
		verdict_fix(v, NULL,
			    "Hand both over, passthru bind %s %s, if the host can do without %s; "
			    "or move the device to another slot.",
			    f->name, all, all);
	else
		verdict_fix(v, NULL,
			    "Hand all of them over, passthru bind %s %s, if the host can do "
			    "without them; or move the device to another slot.",
			    f->name, all);
}

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct device_facts *facts = f->facts;
	struct offenders offenders;

	if (f->error || pci_is_bridge(f))
		return;
	if (f->iommu_group.error) {
		without_group(host, f, v);
		return;
	}
	const char *path = arena_printf(v->arena, "sys/kernel/iommu_groups/%" PRIu64 "/devices",
					f->iommu_group.value);
	if (facts->group_error) {
		verdict_unknown(v, path, facts->group_error);
		return;
	}
	find_offenders(facts, v, &offenders);
	if (offenders.n == 1)
		verdict_set(v, VERDICT_FAIL,
			    "%s is in the same IOMMU group %" PRIu64 ", and driver %s holds it",
			    offenders.first->name, facts->group.number,
			    offenders.first->driver.value);
	else if (offenders.n > 1)
		verdict_set(v, VERDICT_FAIL,
			    "%s and %zu more are in the same IOMMU group %" PRIu64
			    ", and drivers of the host hold them",
			    offenders.first->name, offenders.n - 1, facts->group.number);
	if (offenders.n > 0) {
		fix_offenders(f, &offenders, v);
		return;
	}
	if (offenders.unread) {
		verdict_unknown(v, device_path(v, offenders.unread, "driver"),
				offenders.unread->driver.error);
		return;
	}
	if (facts->group.n_others) {
		verdict_set(v, VERDICT_UNKNOWN,
			    "%s is in the same IOMMU group and no PCI function: whether its driver "
			    "is in the way cannot be told",
			    facts->group.others[0]);
		verdict_evidence(v, path, "%s", facts->group.others[0]);
		return;
	}
	verdict_evidence(v, path, "%s",
			 text_count(v->arena, facts->group.n_members, "function", "functions"));
	verdict_set(v, VERDICT_PASS,
		    "no other device of IOMMU group %" PRIu64 " is in the way of a guest",
		    facts->group.number);
}

const struct check check_group_viability = {
	.id = "group-viability",
	.title = "IOMMU group viable",
	.area = "device",
	.scope = CHECK_DEVICE,
	.judge = judge,
};
