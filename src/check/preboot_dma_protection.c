// SPDX-License-Identifier: MIT
// Firmware that remaps DMA before the system boots says so in its tables. On AMD boards it then
// often declares regions that devices need untranslated (IVMD) for whole ranges of devices. Since
// commit a48ce36e2786 ("iommu: Prevent RESV_DIRECT devices from blocking domains", Linux 6.6) the
// kernel keeps every such device from VFIO.

#include "base/text.h"
#include "check/internal.h"

#include <errno.h>
#include <inttypes.h>

#define IVRS ACPI_TABLES "/IVRS"
#define DMAR ACPI_TABLES "/DMAR"
#define REGIONS_SHOWN 8

static void judge_amd(struct verdict *v, const struct host_facts *facts)
{
	const struct ivrs *ivrs = facts->platform.ivrs;

	verdict_evidence(v, IVRS, "IVinfo 0x%08x: DMA protection %s", ivrs->iv_info,
			 ivrs->dma_guard_opt_in ? "on" : "off");
	for (size_t i = 0; i < ivrs->n_ivmds && i < REGIONS_SHOWN; i++)
		verdict_evidence(v, IVRS, "offset %u: region 0x%" PRIx64 "+0x%" PRIx64,
				 ivrs->ivmds[i].place.offset, ivrs->ivmds[i].start_address,
				 ivrs->ivmds[i].memory_length);
	if (ivrs->n_ivmds == 0) {
		verdict_set(v, VERDICT_PASS, "the firmware keeps no region for devices");
		return;
	}
	const struct fact_text *release = &facts->kernel.release;
	bool refuses = release->error == 0 && kernel_at_least(release->value, 6, 6);
	if (release->error == 0)
		verdict_evidence(v, "proc/sys/kernel/osrelease", "%s", release->value);
	verdict_set(v, VERDICT_WARN, "the firmware keeps %s for devices: %s",
		    text_count(v->arena, ivrs->n_ivmds, "region", "regions"),
		    refuses ? "the kernel refuses to hand those devices over"
			    : "kernels since 6.6 refuse to hand those devices over");
	verdict_fix(v, NULL,
		    "Turn Pre-boot DMA Protection off in the firmware setup, or set IOMMU to "
		    "Enabled instead of Auto; otherwise update the firmware.");
}

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct platform_facts *p = &host->facts->platform;

	(void)f;
	if (p->ivrs) {
		judge_amd(v, host->facts);
		return;
	}
	if (p->dmar) {
		bool opt_in = p->dmar->flags & DMAR_DMA_CTRL_PLATFORM_OPT_IN;
		verdict_evidence(v, DMAR, "flags 0x%02x", p->dmar->flags);
		verdict_set(v, VERDICT_PASS,
			    opt_in ? "the firmware protects memory from devices before the "
				     "system boots; that does not hinder VFIO"
				   : "the firmware does not remap DMA before the system boots");
		return;
	}
	if (iommu_is_amd(host->facts) && p->ivrs_table.error != -ENOENT)
		verdict_unknown(v, IVRS, p->ivrs_table.error);
}

const struct check check_preboot_dma_protection = {
	.id = "preboot-dma-protection",
	.title = "Pre-boot DMA protection",
	.area = "platform",
	.scope = CHECK_HOST,
	.judge = judge,
};
