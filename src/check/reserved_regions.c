// SPDX-License-Identifier: MIT
// Memory that the firmware wants this device to reach untranslated. A `direct` region of the group
// means that the kernel refuses it to guests: Intel always (RMRR), others since Linux 6.6, when the
// core took the rule over. `direct-relaxable` ones, those of graphics and USB, are no obstacle. A
// device that is in no group yet is looked up in the firmware's tables, which the kernel would take
// the regions from.

#include "base/text.h"
#include "check/device.h"

#include <errno.h>
#include <inttypes.h>

/* device_rmrr_is_relaxable() in drivers/iommu/intel/iommu.c: graphics and USB */
static bool is_relaxable(const struct pci_function *f)
{
	return pci_is_display(f) || f->class_code >> 8 == 0x0c03;
}

static void refuse(struct host *host, struct verdict *v, bool intel)
{
	if (intel || device_kernel_at_least(host, 6, 6, true))
		verdict_set(v, VERDICT_FAIL,
			    "the firmware wants it to reach memory untranslated, so the kernel "
			    "gives it to no guest");
	else
		verdict_set(v, VERDICT_WARN,
			    "the firmware wants it to reach memory untranslated: from Linux 6.6 on "
			    "the kernel gives it to no guest");
	verdict_fix(v, NULL,
		    "Look in the firmware setup for what needs the region (pre-boot DMA "
		    "protection, remote management, a RAID mode), or update the firmware. "
		    "Nothing on this host can lift it.");
}

static void judge_group(struct host *host, const struct device_facts *facts, struct verdict *v)
{
	size_t direct = 0;

	for (size_t i = 0; i < facts->n_regions; i++) {
		const struct reserved_region *region = &facts->regions[i];

		if (!str_starts(region->type, "direct"))
			continue;
		direct += str_eq(region->type, "direct");
		verdict_evidence(v, facts->regions_path, "%s", region->text);
	}
	if (direct) {
		refuse(host, v, iommu_is_intel(host->facts));
		return;
	}
	if (v->n_evidence == 0)
		verdict_evidence(v, facts->regions_path, "no direct region");
	verdict_set(v, VERDICT_PASS, "the firmware reserves no memory for it that is in the way");
}

/* What the tables say of @f; true when they say anything. */
static bool judge_tables(struct host *host, const struct pci_function *f, struct verdict *v)
{
	const struct platform_facts *p = &host->facts->platform;
	const struct dmar_rmrr *rmrr = p->dmar ? dmar_next_rmrr(p->dmar, f, NULL) : NULL;
	const struct ivmd *ivmd = p->ivrs ? ivrs_next_ivmd(p->ivrs, f->address, NULL) : NULL;

	if (rmrr)
		verdict_evidence(v, ACPI_TABLES "/DMAR", "RMRR 0x%" PRIx64 "-0x%" PRIx64,
				 rmrr->base_address, rmrr->limit_address);
	if (ivmd)
		verdict_evidence(v, ACPI_TABLES "/IVRS", "IVMD 0x%" PRIx64 " of %" PRIu64 " bytes",
				 ivmd->start_address, ivmd->memory_length);
	if (rmrr && is_relaxable(f) && !ivmd) {
		verdict_set(v, VERDICT_PASS,
			    "the firmware reserves memory for it, which is no obstacle for this "
			    "class of device");
		return true;
	}
	if (rmrr || ivmd)
		refuse(host, v, rmrr != NULL);
	return rmrr || ivmd;
}

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct device_facts *facts = f->facts;

	if (f->error || pci_is_bridge(f))
		return;
	if (f->iommu_group.error == -ENOENT) {
		(void)judge_tables(host, f, v);
		return;
	}
	if (facts->regions_error == -ENOENT)
		return;
	if (facts->regions_error)
		verdict_unknown(v,
				facts->regions_path ? facts->regions_path
						    : device_path(v, f, "iommu_group"),
				facts->regions_error);
	else
		judge_group(host, facts, v);
}

const struct check check_reserved_regions = {
	.id = "reserved-regions",
	.title = "Memory reserved by the firmware",
	.area = "device",
	.scope = CHECK_DEVICE,
	.judge = judge,
};
