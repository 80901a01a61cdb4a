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

/* The members that the kernel would refuse; the first of them. */
static const struct pci_function *find_offender(const struct device_facts *facts, struct verdict *v,
						const struct pci_function **ret_unread)
{
	const struct pci_function *first = NULL;

	*ret_unread = NULL;
	for (size_t i = 0; i < facts->group.n_members; i++) {
		const struct pci_function *member = facts->group.members[i];

		if (device_is_together(facts, member) || host_driver_permits_vfio(&member->driver))
			continue;
		if (member->driver.error) {
			*ret_unread = member;
			continue;
		}
		verdict_evidence(v, device_path(v, member, "driver"), "%s", member->driver.value);
		if (!first)
			first = member;
	}
	return first;
}

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct device_facts *facts = f->facts;
	const struct pci_function *unread;

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
	const struct pci_function *offender = find_offender(facts, v, &unread);
	if (offender) {
		verdict_set(v, VERDICT_FAIL,
			    "%s is in the same IOMMU group %" PRIu64 ", and driver %s holds it",
			    offender->name, facts->group.number, offender->driver.value);
		if (pci_is_bridge(offender))
			verdict_fix(v, NULL,
				    "A bridge stays with the host: its driver %s has to go, or the "
				    "device into another slot.",
				    offender->driver.value);
		else
			/* what the host does with the other one is not looked at here */
			verdict_fix(
				v, NULL,
				"Hand both over, passthru bind %s %s, if the host can do without "
				"%s; or move the device to another slot.",
				f->name, offender->name, offender->name);
		return;
	}
	if (unread) {
		verdict_unknown(v, device_path(v, unread, "driver"), unread->driver.error);
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
