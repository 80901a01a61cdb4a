// SPDX-License-Identifier: MIT
// Who else is in the group, and why. The reasons are those of host/isolation.h, which follows
// pci_device_group() of drivers/iommu/iommu.c; the group itself is what the kernel says.

#include "base/text.h"
#include "check/device.h"
#include "host/host.h"

#include <errno.h>
#include <inttypes.h>

/* Bridges stay with the host and are in nobody's way. */
static size_t count_strangers(const struct device_facts *facts, struct verdict *v)
{
	size_t n = 0;

	for (size_t i = 0; i < facts->group.n_members; i++) {
		const struct pci_function *member = facts->group.members[i];

		if (device_is_together(facts, member) || pci_is_bridge(member))
			continue;
		n++;
		if (n <= 6)
			verdict_evidence(v,
					 arena_printf(v->arena,
						      "sys/kernel/iommu_groups/%" PRIu64 "/devices",
						      facts->group.number),
					 "%s", device_with_driver(v, member));
	}
	return n;
}

static const char *step_of(struct verdict *v, const struct isolation *isolation)
{
	for (size_t i = 0; i < isolation->n_steps; i++) {
		if (isolation->steps[i].function == isolation->culprit)
			return isolation_step_text(v->arena, &isolation->steps[i]);
	}
	return NULL;
}

/* What joins them; NULL when it cannot be told. */
static const char *reason(struct verdict *v, const struct isolation *isolation)
{
	const char *name = isolation->culprit ? isolation->culprit->name : NULL;
	const char *step = step_of(v, isolation);
	const char *colon = step ? arena_printf(v->arena, " (%s)", step) : "";

	if (!name)
		return NULL;
	verdict_evidence(v, device_path(v, isolation->culprit, "config"), "%s",
			 step ? step : "its functions");
	switch (isolation->cause) {
	case ISOLATION_SHARED_ID:
		return arena_printf(v->arena, "all that is behind the bridge %s has its id%s", name,
				    colon);
	case ISOLATION_PATH:
		return arena_printf(v->arena, "the port %s does not keep apart what is behind it%s",
				    name, colon);
	case ISOLATION_FUNCTIONS:
		return arena_printf(v->arena, "the functions of %s are not kept apart%s", name,
				    colon);
	case ISOLATION_DMA_ALIAS:
		return arena_printf(v->arena, "%s uses the id of another device%s", name, colon);
	default:
		return NULL;
	}
}

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct device_facts *facts = f->facts;
	const struct isolation *isolation = facts->isolation;

	(void)host;
	if (f->error || pci_is_bridge(f) || f->iommu_group.error || facts->group_error)
		return;
	size_t strangers = count_strangers(facts, v);
	if (isolation->agreement == ISOLATION_DIFFERS && isolation->certain &&
	    isolation->n_members > facts->group.n_members) {
		verdict_set(v, VERDICT_WARN,
			    "IOMMU group %" PRIu64
			    " is smaller than the hardware keeps apart: guests may reach each "
			    "other and the host",
			    facts->group.number);
		(void)reason(v, isolation);
		verdict_fix(v, "passthru check",
			    "Look whether pcie_acs_override is in effect, and do without it.");
		return;
	}
	if (strangers == 0) {
		verdict_set(v, VERDICT_PASS,
			    "nothing else than the device and bridges is in IOMMU group %" PRIu64,
			    facts->group.number);
		verdict_evidence(v, device_path(v, f, "iommu_group"), "%" PRIu64,
				 facts->group.number);
		return;
	}
	const char *why = reason(v, isolation);
	verdict_set(v, VERDICT_WARN, "%s with it in IOMMU group %" PRIu64 ": %s",
		    text_count(v->arena, strangers, "other function is", "other functions are"),
		    facts->group.number,
		    why ? why : "why cannot be told, for a configuration space could not be read");
	verdict_fix(v, NULL,
		    "Try another slot, best one of the processor's own ports; or turn ACS on in "
		    "the firmware setup, where it has such an option.");
}

const struct check check_group_isolation = {
	.id = "group-isolation",
	.title = "IOMMU group isolation",
	.area = "device",
	.scope = CHECK_DEVICE,
	.judge = judge,
};
