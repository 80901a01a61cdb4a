// SPDX-License-Identifier: MIT
// From the verdicts on single functions to the group of one of them.
//
// The kernel forms groups one function after the other, each joining a group that it finds on its
// way. Every such step connects two functions that can be named without knowing the order: a
// function and the bridge above it, two functions of a bus, two of a device. A group is what these
// connections hold together, so it is found by following them from the function in question; only
// configuration spaces that matter are read. What could not be read is assumed to isolate once
// and not to isolate once: when both give the same group, nothing hangs on it.

#include "host/isolation.h"
#include "base/text.h"
#include "host/isolation_internal.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

enum answer { NO, YES, MAYBE };

static enum answer not_isolating(const struct isolation_step *step)
{
	return step->verdict == ISOLATION_YES ? NO : step->verdict == ISOLATION_NO ? YES : MAYBE;
}

/* Whether requests from behind @bridge carry its id: pci_for_each_dma_alias(). */
static enum answer shares_id(struct isolation_reader *r, struct pci_function *bridge)
{
	uint8_t type;
	int error = isolation_express_type(r, bridge, &type);

	if (error)
		return error == -ENOENT ? YES : MAYBE;
	return type == PCI_EXP_TYPE_PCI_BRIDGE || type == PCI_EXP_TYPE_PCIE_BRIDGE ? YES : NO;
}

static enum answer either(enum answer a, enum answer b)
{
	if (a == YES || b == YES)
		return YES;
	return a == MAYBE || b == MAYBE ? MAYBE : NO;
}

/* Whether @f is in the group of the bridge above it. */
static enum answer joins_parent(struct isolation_reader *r, struct pci_function *f)
{
	enum answer answer = NO;

	for (struct pci_function *bridge = f->parent; bridge; bridge = bridge->parent)
		answer = either(answer, shares_id(r, bridge));
	for (struct pci_function *bridge = f->parent; bridge && answer != YES;
	     bridge = bridge->parent)
		answer = either(answer, not_isolating(isolation_judge(r, bridge)));
	return answer;
}

static bool same_bus(const struct pci_function *a, const struct pci_function *b)
{
	return a->address.domain == b->address.domain && a->address.bus == b->address.bus &&
	       a->parent == b->parent;
}

static enum answer functions_joined(struct isolation_reader *r, struct pci_function *a,
				    struct pci_function *b)
{
	if (!pci_same_slot(a->address, b->address) ||
	    (!isolation_is_multifunction(r, a) && !isolation_is_multifunction(r, b)))
		return NO;
	enum answer first = not_isolating(isolation_judge(r, a));
	if (first == NO)
		return NO;
	enum answer second = not_isolating(isolation_judge(r, b));
	return second == NO ? NO : first == YES && second == YES ? YES : MAYBE;
}

static struct pci_function *dma_device(const struct isolation_reader *r,
				       const struct pci_function *f)
{
	return r->dma_device[f - r->host->functions];
}

/* Whether the kernel puts @a and @b into one group, by a direct connection. */
static enum answer connected(struct isolation_reader *r, struct pci_function *a,
			     struct pci_function *b)
{
	if (a->parent == b)
		return joins_parent(r, a);
	if (b->parent == a)
		return joins_parent(r, b);
	if (same_bus(a, b)) {
		if (isolation_is_alias(r, a, b) || isolation_is_alias(r, b, a))
			return YES;
		return functions_joined(r, a, b);
	}
	if (a->address.domain != b->address.domain)
		return dma_device(r, a) == b || dma_device(r, b) == a ? YES : NO;
	return NO;
}

/*
 * All that hangs together with @f, in r->found, by address; returns how many. A MAYBE counts as
 * @maybe; @ret_doubt: there was one.
 */
static size_t find_members(struct isolation_reader *r, struct pci_function *f, bool maybe,
			   bool *ret_doubt)
{
	struct host *host = r->host;
	bool *in = r->in;
	struct pci_function **queue = r->queue;
	size_t n_queued = 0, n = 0;

	*ret_doubt = false;
	memset(in, 0, host->n_functions * sizeof(*in));
	in[f - host->functions] = true;
	queue[n_queued++] = f;
	for (size_t i = 0; i < n_queued; i++) {
		for (size_t j = 0; j < host->n_functions; j++) {
			struct pci_function *other = &host->functions[j];

			if (in[j])
				continue;
			enum answer answer = connected(r, queue[i], other);
			*ret_doubt |= answer == MAYBE;
			if (answer == NO || (answer == MAYBE && !maybe))
				continue;
			in[j] = true;
			queue[n_queued++] = other;
		}
	}
	/* what has no group while others have is behind no IOMMU, and in nobody's group */
	for (size_t j = 0; j < host->n_functions; j++) {
		struct pci_function *other = &host->functions[j];

		if (in[j] && (other == f || f->iommu_group.error || other->iommu_group.error == 0))
			r->found[n++] = other;
	}
	return n;
}

static void list_steps(struct isolation_reader *r, struct pci_function *f, struct isolation *ret)
{
	size_t n = 0;

	for (struct pci_function *at = f; at; at = at->parent)
		n++;
	struct isolation_step *steps = arena_array(&r->host->arena, n, sizeof(*steps));
	for (struct pci_function *at = f; at; at = at->parent)
		steps[ret->n_steps++] = *isolation_judge(r, at);
	ret->steps = steps;
}

static bool is_member(const struct isolation *group, const struct pci_function *f)
{
	for (size_t i = 0; i < group->n_members; i++) {
		if (group->members[i] == f)
			return true;
	}
	return false;
}

/* The bridge that joins what is behind it, the uppermost when there are several; or NULL. */
static struct pci_function *joining_bridge(struct isolation_reader *r, struct pci_function *f,
					   const struct isolation *group, enum isolation_cause *ret)
{
	struct pci_function *found = NULL;

	for (struct pci_function *bridge = f; bridge; bridge = bridge->parent) {
		bool behind = bridge != f && joins_parent(r, f) == YES;

		for (size_t i = 0; i < group->n_members && bridge == f; i++)
			behind |= group->members[i]->parent == f;
		if (!behind)
			continue;
		if (shares_id(r, bridge) == YES) {
			*ret = ISOLATION_SHARED_ID;
			found = bridge;
		} else if (isolation_judge(r, bridge)->verdict == ISOLATION_NO) {
			*ret = ISOLATION_PATH;
			found = bridge;
		}
	}
	return found;
}

static struct pci_function *joining_alias(struct isolation_reader *r, const struct isolation *group,
					  struct pci_function *f)
{
	for (size_t i = 0; i < group->n_members; i++) {
		struct pci_function *other = group->members[i];

		if (other == f || !same_bus(f, other))
			continue;
		if (isolation_is_alias(r, f, other))
			return f;
		if (isolation_is_alias(r, other, f))
			return other;
	}
	return NULL;
}

/* The first of the functions of @f's device, when there are several in the group; or NULL. */
static struct pci_function *first_of_device(const struct isolation *group,
					    const struct pci_function *f)
{
	struct pci_function *first = NULL;

	for (size_t i = 0; i < group->n_members; i++) {
		if (!pci_same_slot(group->members[i]->address, f->address))
			continue;
		if (first)
			return first;
		first = group->members[i];
	}
	return NULL;
}

static void find_cause(struct isolation_reader *r, struct pci_function *f, struct isolation *ret)
{
	struct pci_function *device = dma_device(r, f);

	ret->cause = ISOLATION_CAUSE_UNKNOWN;
	if (!ret->certain)
		return;
	ret->cause = ISOLATION_ALONE;
	if (ret->n_members < 2)
		return;
	ret->cause = ISOLATION_DMA_ALIAS;
	if (device && is_member(ret, device)) {
		ret->culprit = device;
		return;
	}
	ret->culprit = joining_bridge(r, f, ret, &ret->cause);
	if (!ret->culprit)
		ret->culprit = joining_alias(r, ret, f);
	if (!ret->culprit) {
		ret->cause = ISOLATION_FUNCTIONS;
		ret->culprit = first_of_device(ret, f);
	}
	/* members that are joined to it on their side: what a VMD has behind it */
	if (!ret->culprit) {
		ret->cause = ISOLATION_DMA_ALIAS;
		ret->culprit = f;
	}
}

static enum isolation_agreement compare(const struct host *host, const struct pci_function *f,
					const struct isolation *group)
{
	if (f->iommu_group.error)
		return ISOLATION_NO_GROUP;
	if (!group->certain)
		return ISOLATION_UNDECIDED;
	for (size_t i = 0; i < host->n_functions; i++) {
		const struct pci_function *other = &host->functions[i];
		bool together = other->iommu_group.error == 0 &&
				other->iommu_group.value == f->iommu_group.value;

		if (together != is_member(group, other))
			return ISOLATION_DIFFERS;
	}
	return ISOLATION_AGREES;
}

struct isolation_reader *isolation_open(struct host *host)
{
	struct isolation_reader *r = arena_alloc(&host->arena, sizeof(*r));

	r->host = host;
	r->functions = arena_array(&host->arena, host->n_functions, sizeof(*r->functions));
	r->dma_device = arena_array(&host->arena, host->n_functions, sizeof(*r->dma_device));
	r->in = arena_array(&host->arena, host->n_functions, sizeof(*r->in));
	r->queue = arena_array(&host->arena, host->n_functions, sizeof(*r->queue));
	r->found = arena_array(&host->arena, host->n_functions, sizeof(*r->found));
	for (size_t i = 0; i < host->n_functions; i++)
		r->dma_device[i] = isolation_dma_device(host, &host->functions[i]);
	return r;
}

void isolation_explain(struct isolation_reader *reader, struct pci_function *f,
		       struct isolation *ret)
{
	struct host *host = reader->host;
	bool doubt;

	*ret = (struct isolation){ .n_members = find_members(reader, f, false, &doubt) };
	ret->members =
		arena_memdup(&host->arena, reader->found, ret->n_members * sizeof(*reader->found));
	list_steps(reader, f, ret);
	ret->certain = !doubt || find_members(reader, f, true, &doubt) == ret->n_members;
	find_cause(reader, f, ret);
	ret->agreement = compare(host, f, ret);
}
