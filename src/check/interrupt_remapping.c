// SPDX-License-Identifier: MIT
// Without interrupt remapping a device can raise any interrupt of the host by writing to memory,
// and VFIO refuses it (vfio_iommu_type1_attach_group() in drivers/vfio/vfio_iommu_type1.c). The
// proof is an interrupt whose chip is remapped, "IR-...": every user may read that.

#include "base/text.h"
#include "check/internal.h"

#include <errno.h>

static const char *unit_without(const struct platform_facts *p)
{
	for (size_t i = 0; i < p->n_units; i++) {
		const struct iommu_unit *unit = &p->units[i];
		if (unit->kind == IOMMU_INTEL && unit->ecap.error == 0 &&
		    !iommu_unit_remaps_interrupts(unit))
			return unit->path;
	}
	return NULL;
}

/* The parameter that turned it off, or NULL. */
static const struct kernel_parameter *turned_off(const struct kernel_facts *kernel)
{
	const struct kernel_parameter *p = kernel_parameter_last(kernel, "intremap");

	if (p && p->value && str_starts(p->value, "off"))
		return p;
	return kernel_parameter_last(kernel, "nointremap");
}

static void explain(struct verdict *v, const struct host_facts *facts)
{
	const struct platform_facts *p = &facts->platform;
	const struct kernel_parameter *off = turned_off(&facts->kernel);
	const struct kernel *kernel = kernel_running(&facts->kernel);

	if (off) {
		verdict_evidence(v, KERNEL_COMMAND_LINE, "%s", off->text);
		verdict_fix(v, NULL, "Remove %s from the kernel command line and reboot.",
			    off->text);
	} else if (p->dmar && !(p->dmar->flags & DMAR_INTR_REMAP)) {
		verdict_evidence(v, ACPI_TABLES "/DMAR", "flags 0x%02x: no INTR_REMAP",
				 p->dmar->flags);
		verdict_fix(v, NULL,
			    "Turn interrupt remapping on in the firmware setup, or "
			    "update the firmware.");
	} else if (unit_without(p)) {
		verdict_evidence(v, unit_without(p), "intel-iommu/ecap: bit 3 (IR) is 0");
		verdict_fix(v, NULL,
			    "This IOMMU cannot remap interrupts. Only for guests that "
			    "are trusted: vfio_iommu_type1.allow_unsafe_interrupts=1.");
	} else if (kernel && kernel_symbol(&kernel->config, "IRQ_REMAP") == KERNEL_SYMBOL_OFF) {
		verdict_evidence(v, kernel->config.path, "CONFIG_IRQ_REMAP is not set");
		verdict_fix(v, NULL, "Boot a kernel that was built with CONFIG_IRQ_REMAP.");
	} else {
		verdict_fix(v, "journalctl -k -b -g 'DMAR-IR|AMD-Vi'",
			    "Look into the kernel log for why interrupts are not remapped.");
	}
}

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct platform_facts *p = &host->facts->platform;
	const struct fact_text *unsafe = &host->facts->kernel.unsafe_interrupts;

	(void)f;
	/* other architectures remap with their interrupt controller */
	if (p->vendor.error || p->n_units == 0)
		return;
	if (p->remapped.error == 0) {
		verdict_set(v, VERDICT_PASS, "interrupts are remapped");
		verdict_evidence(v, p->remapped_path, "%s", p->remapped.value);
		return;
	}
	if (p->remapped.error != -ENOENT) {
		verdict_unknown(v, p->remapped_path, p->remapped.error);
		return;
	}
	verdict_evidence(v, p->remapped_path, "no interrupt of a chip IR-*");
	if (unsafe->error == 0 && str_eq(unsafe->value, "Y")) {
		verdict_evidence(v, KERNEL_UNSAFE_INTERRUPTS, "Y");
		verdict_set(v, VERDICT_WARN,
			    "interrupts are not remapped: VFIO is told to accept "
			    "that a guest can raise any interrupt of the host");
	} else {
		verdict_set(v, VERDICT_FAIL,
			    "interrupts are not remapped: VFIO refuses every device");
	}
	explain(v, host->facts);
}

const struct check check_interrupt_remapping = {
	.id = "interrupt-remapping",
	.title = "Interrupt remapping",
	.area = "platform",
	.scope = CHECK_HOST,
	.judge = judge,
};
