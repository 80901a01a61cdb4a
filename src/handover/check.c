// SPDX-License-Identifier: MIT
// What a handover covers, and whether the kernel would let a guest have it afterwards. The rules of
// viability are those of iommu_group_claim_dma_owner() since Linux 5.19; they are a part of what
// older kernels allow.

#include "base/text.h"
#include "handover/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static bool contains(const struct handover *handover, const struct pci_function *f)
{
	for (size_t i = 0; i < handover->n; i++) {
		if (handover->functions[i].function == f)
			return true;
	}
	return false;
}

int handover_select(struct host *host, const char *const *arguments, size_t n, struct handover *ret,
		    struct err *e)
{
	struct selection named, together;

	*ret = (struct handover){
		.functions = arena_array(&host->arena, host->n_functions, sizeof(*ret->functions)),
	};
	for (size_t a = 0; a < n; a++) {
		int error = select_device(host, arguments[a], &named, e);
		if (error < 0)
			return error;
		for (size_t i = 0; i < named.n; i++) {
			host_companions(host, named.function[i], &together);
			for (size_t k = 0; k < together.n; k++) {
				if (!contains(ret, together.function[k]))
					ret->functions[ret->n++].function = together.function[k];
			}
		}
	}
	return 0;
}

static int refuse_without_group(const struct host *host, const struct pci_function *f,
				struct err *e)
{
	if (f->iommu_group.error != -ENOENT)
		return err_io(e, f->iommu_group.error, "reading the IOMMU group of %s", f->name);
	for (size_t i = 0; i < host->n_functions; i++) {
		if (host->functions[i].iommu_group.error == 0)
			return err_refuse(e, "%s is in no IOMMU group, so no guest can have it",
					  f->name);
	}
	return err_refuse(e,
			  "this host has no IOMMU groups: the IOMMU is off in the firmware (VT-d, "
			  "AMD-Vi) or in the kernel (intel_iommu=on turns it on), or not there");
}

static int check_function(struct host *host, const struct pci_function *f, struct err *e)
{
	struct bytes vfs;
	uint64_t n;

	if (f->error == PCI_MISSING || f->error == -EBADMSG)
		return err_fail(e, f->error, "what %s is cannot be told: its uevent is %s", f->name,
				f->error == -EBADMSG ? "not understood" : "not there");
	if (f->error)
		return err_io(e, f->error, "reading what %s is", f->name);
	if (pci_is_bridge(f))
		return err_refuse(e, "%s is a bridge: bridges stay with the host", f->name);
	if (f->iommu_group.error)
		return refuse_without_group(host, f, e);
	if (host_read_waiting(host, f, "/sriov_numvfs", &vfs) == 0 &&
	    text_number(text_trimmed(&host->arena, vfs), 10, UINT16_MAX, &n) == 0 && n > 0)
		return err_refuse(
			e, "%s has %s: remove them first, or hand over those", f->name,
			text_count(&host->arena, n, "virtual function", "virtual functions"));
	return 0;
}

/* A member of the group that is no PCI function: its driver, or NULL. */
static const char *foreign_driver(struct host *host, uint64_t group, const char *name)
{
	const char *target;
	const char *link = arena_printf(
		&host->arena, "sys/kernel/iommu_groups/%" PRIu64 "/devices/%s/driver", group, name);

	if (root_link(host->root, &host->arena, link, &target) < 0)
		return NULL;
	return text_last_part(target);
}

/* Every member that is not handed over must have no driver, or one that VFIO gets along with. */
static int check_group(struct host *host, const struct handover *handover,
		       const struct pci_function *f, struct err *e)
{
	struct iommu_group group;
	int error = host_group_of(host, f, &group);

	if (error < 0)
		return err_io(e, error, "listing IOMMU group %" PRIu64, f->iommu_group.value);
	for (size_t i = 0; i < group.n_members; i++) {
		const struct pci_function *member = group.members[i];

		if (contains(handover, member) || host_driver_permits_vfio(&member->driver))
			continue;
		if (member->driver.error)
			return err_io(e, member->driver.error,
				      "reading the driver of %s, which shares IOMMU group %" PRIu64
				      " with %s",
				      member->name, group.number, f->name);
		return err_refuse(
			e,
			"%s shares IOMMU group %" PRIu64
			" with %s, which driver %s holds: no guest could have one without "
			"the other; name both to hand both over",
			f->name, group.number, member->name, member->driver.value);
	}
	for (size_t i = 0; i < group.n_others; i++) {
		const char *driver = foreign_driver(host, group.number, group.others[i]);
		if (driver)
			return err_refuse(e,
					  "%s shares IOMMU group %" PRIu64
					  " with %s, which driver %s holds",
					  f->name, group.number, group.others[i], driver);
	}
	return 0;
}

/* Both rules for each function; a function that may not go is not asked about its group. */
static int check_one(struct host *host, const struct handover *handover,
		     const struct pci_function *f, struct err *e)
{
	int error = check_function(host, f, e);

	return error < 0 ? error : check_group(host, handover, f, e);
}

int handover_check(struct host *host, const struct handover *handover, struct err *e)
{
	int error = 0;

	host->groups = NULL; /* since the plan was shown the user may have thought for long */
	for (size_t i = 0; i < handover->n && error == 0; i++)
		error = check_function(host, handover->functions[i].function, e);
	for (size_t i = 0; i < handover->n && error == 0; i++)
		error = check_group(host, handover, handover->functions[i].function, e);
	return error;
}

int refuse_rules(struct host *host, const struct handover *handover, struct handover_refusals *ret,
		 struct err *e)
{
	ret->refusal = arena_array(&host->arena, handover->n, sizeof(*ret->refusal));
	for (size_t i = 0; i < handover->n; i++) {
		const struct pci_function *f = handover->functions[i].function;
		struct err refused = { 0 };
		int error = check_one(host, handover, f, &refused);

		if (error == 0)
			continue;
		if (refused.kind != ERR_REFUSED)
			return err_fail(e, error, "%s", refused.text);
		ret->refusal[ret->n++] = (struct handover_refusal){
			.function = f,
			.what = arena_strdup(&host->arena, refused.text),
		};
	}
	return 0;
}
