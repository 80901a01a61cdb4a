// SPDX-License-Identifier: MIT
// The 39-bit trap: many IOMMUs of Intel's client processors translate addresses of 39 bits while
// the processor has more. A guest with the processor's width puts large BARs above the IOMMU's,
// and mapping them for the device fails with EINVAL. Widths: CAP.MGAW and CAP.SAGAW (Intel VT-d
// specification, 11.4.2), "address sizes" of proc/cpuinfo.

#include "check/internal.h"

#include <errno.h>

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct platform_facts *p = &host->facts->platform;
	const struct iommu_unit *narrow = NULL;
	unsigned width = 0;

	(void)f;
	for (size_t i = 0; i < p->n_units; i++) {
		const struct iommu_unit *unit = &p->units[i];
		if (unit->kind != IOMMU_INTEL)
			continue;
		if (unit->cap.error) {
			verdict_unknown(v, unit->path, unit->cap.error);
			return;
		}
		unsigned bits = iommu_unit_width(unit);
		if (!narrow || bits < width) {
			narrow = unit;
			width = bits;
		}
	}
	if (!narrow)
		return;
	if (p->physical_bits.error) {
		verdict_unknown(v, "proc/cpuinfo", p->physical_bits.error);
		return;
	}
	verdict_evidence(v, narrow->path, "cap %llx: %u bits",
			 (unsigned long long)narrow->cap.value, width);
	verdict_evidence(v, "proc/cpuinfo", "address sizes: %u bits physical",
			 (unsigned)p->physical_bits.value);
	if (width >= p->physical_bits.value) {
		verdict_set(v, VERDICT_PASS, "the IOMMU translates all addresses of the processor");
		return;
	}
	verdict_set(v, VERDICT_WARN,
		    "the IOMMU translates %u bits of an address, the processor has %u: a guest "
		    "that uses more than %u cannot map its devices",
		    width, (unsigned)p->physical_bits.value, width);
	verdict_fix(v, NULL,
		    "Limit the guest's addresses: -cpu host,host-phys-bits-limit=%u for QEMU, "
		    "<maxphysaddr mode='passthrough' limit='%u'/> for libvirt.",
		    width, width);
}

const struct check check_iommu_address_width = {
	.id = "iommu-address-width",
	.title = "Address width of the IOMMU",
	.area = "platform",
	.scope = CHECK_HOST,
	.judge = judge,
};
