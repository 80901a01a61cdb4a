// SPDX-License-Identifier: MIT
// Whether the kernel drives an IOMMU, by what it drives and not by what was asked of it: units in
// sys/class/iommu and groups with devices. The command line, the firmware's tables and the
// kernel's configuration only explain why there are none. The kernel log is not asked: it is lost
// with time, may be denied, and "IOMMU enabled" in it is the echo of a parameter.

#include "base/text.h"
#include "check/internal.h"

#include <errno.h>

static const char *unit_names(struct arena *a, const struct platform_facts *p)
{
	const char **names = arena_array(a, p->n_units, sizeof(*names));

	for (size_t i = 0; i < p->n_units; i++)
		names[i] = p->units[i].name;
	return text_join(a, names, p->n_units, ", ");
}

static void in_use(struct verdict *v, const struct platform_facts *p)
{
	const char *units = text_count(v->arena, p->n_units, "IOMMU unit", "IOMMU units");

	verdict_evidence(v, IOMMU_UNITS, "%s", unit_names(v->arena, p));
	if (p->n_groups.error)
		verdict_evidence(v, IOMMU_GROUPS, "%s", verdict_reason(p->n_groups.error));
	else
		verdict_evidence(v, IOMMU_GROUPS, "%s",
				 text_count(v->arena, p->n_groups.value, "group", "groups"));
	if (p->n_groups.error == 0 && p->n_groups.value == 0) {
		verdict_set(v, VERDICT_FAIL, "%s, but no device is in a group", units);
		verdict_fix(v, NULL, "Look into the kernel log for why the IOMMU was not set up.");
		return;
	}
	verdict_set(v, VERDICT_PASS, "%s in use", units);
}

static void without_units(struct verdict *v, const struct host_facts *facts)
{
	const struct fact_text *mode = &facts->kernel.unsafe_noiommu;

	verdict_evidence(v, IOMMU_UNITS, "none");
	verdict_evidence(v, IOMMU_GROUPS, "%s",
			 text_count(v->arena, facts->platform.n_groups.value, "group", "groups"));
	if (mode->error == 0 && str_eq(mode->value, "Y")) {
		verdict_evidence(v, KERNEL_UNSAFE_NOIOMMU, "Y");
		verdict_set(v, VERDICT_FAIL,
			    "no IOMMU: the groups are those of VFIO's no-IOMMU mode, in which a "
			    "guest's device can write to all of memory");
		verdict_fix(v, NULL, "Turn the no-IOMMU mode off, and the IOMMU on.");
		return;
	}
	verdict_set(v, VERDICT_UNKNOWN, "there are IOMMU groups, but no unit that could be theirs");
}

/* ---- why there is none ---- */

static const char *firmware_name(const struct host_facts *facts)
{
	return iommu_is_amd(facts) ? "IOMMU (AMD-Vi)" : "VT-d";
}

static bool off_by_parameter(struct verdict *v, const struct host_facts *facts)
{
	bool off;
	const struct kernel_parameter *p = iommu_switch(facts, &off);

	if (!p || !off)
		return false;
	verdict_evidence(v, KERNEL_COMMAND_LINE, "%s", p->text);
	verdict_set(v, VERDICT_FAIL, "the IOMMU is turned off by the kernel parameter %s", p->text);
	verdict_fix(v, NULL, "Remove %s from the kernel command line and reboot.", p->text);
	return true;
}

static bool built_without(struct verdict *v, const struct host_facts *facts)
{
	const char *symbol = iommu_is_amd(facts) ? "AMD_IOMMU" : "INTEL_IOMMU";
	const struct kernel *kernel = kernel_running(&facts->kernel);
	enum kernel_symbol value =
		kernel ? kernel_symbol(&kernel->config, symbol) : KERNEL_SYMBOL_UNKNOWN;

	if (facts->platform.vendor.error ||
	    (value != KERNEL_SYMBOL_OFF && value != KERNEL_SYMBOL_ABSENT))
		return false;
	verdict_evidence(v, kernel->config.path, "CONFIG_%s is not set", symbol);
	verdict_set(v, VERDICT_FAIL, "the running kernel was built without CONFIG_%s", symbol);
	verdict_fix(v, NULL, "Boot a kernel that was built with CONFIG_%s.", symbol);
	return true;
}

static bool off_in_firmware(struct verdict *v, const struct host_facts *facts)
{
	const struct platform_facts *p = &facts->platform;

	if (p->dmar_table.error != -ENOENT || p->ivrs_table.error != -ENOENT)
		return false;
	verdict_evidence(v, ACPI_TABLES "/DMAR", "not there");
	verdict_evidence(v, ACPI_TABLES "/IVRS", "not there");
	if (p->in_guest) {
		verdict_set(v, VERDICT_FAIL, "no IOMMU: this is a virtual machine without one");
		verdict_fix(v, NULL, "Give this virtual machine an emulated IOMMU.");
		return true;
	}
	verdict_set(v, VERDICT_FAIL,
		    "no IOMMU: the firmware describes none; it is turned off there, or missing");
	verdict_fix(v, NULL, "Turn %s on in the firmware setup.", firmware_name(facts));
	return true;
}

/* Debian has a third choice: on, but not for the graphics of the processor. */
static bool is_on_by_default(const struct host_facts *facts)
{
	const struct kernel *kernel = kernel_running(&facts->kernel);

	return kernel &&
	       (kernel_symbol(&kernel->config, "INTEL_IOMMU_DEFAULT_ON") == KERNEL_SYMBOL_ON ||
		kernel_symbol(&kernel->config, "INTEL_IOMMU_DEFAULT_ON_INTGPU_OFF") ==
			KERNEL_SYMBOL_ON);
}

static void off_by_default(struct verdict *v, const struct host_facts *facts)
{
	const struct platform_facts *p = &facts->platform;
	bool off, has_dmar = firmware_table_is_there(&p->dmar_table),
		  has_ivrs = firmware_table_is_there(&p->ivrs_table);
	const struct kernel_parameter *on = iommu_switch(facts, &off);

	if (has_dmar || has_ivrs)
		verdict_evidence(v, has_dmar ? ACPI_TABLES "/DMAR" : ACPI_TABLES "/IVRS", "there");
	if (p->ivrs && !p->ivrs->header.checksum_ok) {
		verdict_set(v, VERDICT_FAIL,
			    "no IOMMU: the checksum of the firmware's IVRS is wrong, so that Linux "
			    "leaves it off");
		verdict_fix(v, NULL, "Update the firmware.");
		return;
	}
	if (has_dmar && !on && facts->kernel.command_line.error == 0 && !is_on_by_default(facts)) {
		verdict_set(v, VERDICT_FAIL,
			    "the firmware has an IOMMU, and the kernel was not told to use it");
		verdict_evidence(v, KERNEL_COMMAND_LINE, "no intel_iommu=on");
		verdict_fix(v, NULL, "Add intel_iommu=on to the kernel command line and reboot.");
		return;
	}
	if (on)
		verdict_evidence(v, KERNEL_COMMAND_LINE, "%s", on->text);
	verdict_set(v, VERDICT_FAIL, "no IOMMU is in use, and why cannot be told from here");
	verdict_fix(v, "journalctl -k -b -g 'DMAR|AMD-Vi'",
		    "Look into the kernel log for why the IOMMU was not set up.");
}

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct platform_facts *p = &host->facts->platform;

	(void)f;
	if (p->units_error && p->units_error != -ENOENT) {
		verdict_unknown(v, IOMMU_UNITS, p->units_error);
		return;
	}
	if (p->n_units > 0) {
		in_use(v, p);
		return;
	}
	if (p->n_groups.error && p->n_groups.error != -ENOENT) {
		verdict_unknown(v, IOMMU_GROUPS, p->n_groups.error);
		return;
	}
	if (p->n_groups.error == 0 && p->n_groups.value > 0) {
		without_units(v, host->facts);
		return;
	}
	if (host->facts->kernel.release.error == -ENOENT && p->units_error) {
		verdict_set(v, VERDICT_UNKNOWN, "the system in this root is not running");
		verdict_evidence(v, IOMMU_UNITS, "not there");
		return;
	}
	verdict_evidence(v, IOMMU_UNITS, "none");
	if (!off_by_parameter(v, host->facts) && !built_without(v, host->facts) &&
	    !off_in_firmware(v, host->facts))
		off_by_default(v, host->facts);
}

const struct check check_iommu_active = {
	.id = "iommu-active",
	.title = "IOMMU in use",
	.area = "platform",
	.scope = CHECK_HOST,
	.judge = judge,
};
