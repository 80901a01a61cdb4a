// SPDX-License-Identifier: MIT
// Whether the firmware's description of its IOMMUs can be relied on. Linux uses a DMAR with a
// wrong checksum after a warning, and ignores such an IVRS (check_ivrs_checksum() in
// drivers/iommu/amd/init.c).

#include "base/text.h"
#include "check/internal.h"

#include <errno.h>

static const char *count(struct verdict *v, size_t n, const char *one, const char *more)
{
	return text_count(v->arena, n, one, more);
}

static void judge_dmar(struct verdict *v, const struct dmar *dmar)
{
	verdict_evidence(v, ACPI_TABLES "/DMAR", "%s, %s, %u-bit host addresses",
			 count(v, dmar->n_drhds, "unit", "units"),
			 count(v, dmar->n_rmrrs, "reserved region", "reserved regions"),
			 dmar->host_address_width + 1u);
	if (dmar->header.checksum_ok)
		return;
	verdict_evidence(v, ACPI_TABLES "/DMAR", "checksum 0x%02x is wrong", dmar->header.checksum);
	verdict_raise(v, VERDICT_WARN, "the checksum of the firmware's DMAR is wrong");
}

static void judge_ivrs(struct verdict *v, const struct ivrs *ivrs)
{
	verdict_evidence(v, ACPI_TABLES "/IVRS", "%s, %s",
			 count(v, ivrs->n_ivhds, "block of a unit", "blocks of units"),
			 count(v, ivrs->n_ivmds, "reserved region", "reserved regions"));
	if (ivrs->header.checksum_ok)
		return;
	verdict_evidence(v, ACPI_TABLES "/IVRS", "checksum 0x%02x is wrong", ivrs->header.checksum);
	verdict_raise(v, VERDICT_FAIL,
		      "the checksum of the firmware's IVRS is wrong: Linux ignores the table");
}

/* True when it could be read. */
static bool judge_table(struct verdict *v, const struct firmware_table *table, const char *path)
{
	if (table->error == -EBADMSG) {
		verdict_evidence(v, path, "%s", table->problem);
		verdict_raise(v, VERDICT_WARN, "malformed: %s", table->problem);
		return false;
	}
	if (table->error && table->error != -ENOENT) {
		verdict_evidence(v, path, "%s", verdict_reason(table->error));
		verdict_raise(v, VERDICT_UNKNOWN, "%s: %s", path, verdict_reason(table->error));
		if (table->error == -EACCES || table->error == -EPERM)
			verdict_fix(v, NULL, "Run the check as root.");
	}
	return table->error == 0;
}

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct platform_facts *p = &host->facts->platform;

	(void)f;
	if (judge_table(v, &p->dmar_table, ACPI_TABLES "/DMAR"))
		judge_dmar(v, p->dmar);
	if (judge_table(v, &p->ivrs_table, ACPI_TABLES "/IVRS"))
		judge_ivrs(v, p->ivrs);
	if (v->kind >= VERDICT_WARN && !v->fix)
		verdict_fix(v, NULL, "Update the firmware.");
	/* none at all is the subject of iommu-active */
	if (p->dmar || p->ivrs)
		verdict_raise(v, VERDICT_PASS, "the firmware's tables about its IOMMUs are sound");
}

const struct check check_firmware_tables = {
	.id = "firmware-tables",
	.title = "Firmware tables",
	.area = "platform",
	.scope = CHECK_HOST,
	.judge = judge,
};
