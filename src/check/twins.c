// SPDX-License-Identifier: MIT
// Other functions with the same ids. vfio-pci's ids= takes every one of them, so a device with a
// twin can be reserved by its address only.

#include "base/text.h"
#include "check/device.h"

static bool is_twin(const struct pci_function *f, const struct pci_function *other)
{
	return other != f && other->error == 0 && other->vendor == f->vendor &&
	       other->device == f->device;
}

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct pci_function *first = NULL;
	size_t n = 0;

	/* virtual functions have twins by design */
	if (f->error || pci_is_bridge(f) || f->facts->detail.physical_function.error == 0)
		return;
	verdict_evidence(v, device_path(v, f, "uevent"), "PCI_ID=%04X:%04X", f->vendor, f->device);
	for (size_t i = 0; i < host->n_functions; i++) {
		const struct pci_function *other = &host->functions[i];

		if (!is_twin(f, other))
			continue;
		verdict_evidence(v, device_path(v, other, "uevent"), "PCI_ID=%04X:%04X",
				 other->vendor, other->device);
		if (!first)
			first = other;
		n++;
	}
	if (!first) {
		verdict_set(v, VERDICT_PASS, "no other device has the ids %04x:%04x", f->vendor,
			    f->device);
		return;
	}
	verdict_set(v, VERDICT_WARN, "%s%s the same ids: vfio-pci.ids=%04x:%04x takes %s",
		    first->name, n > 1 ? " and others have" : " has", f->vendor, f->device,
		    n > 1 ? "them all" : "both");
	/* one that no guest could have yet is not offered, nor one that a guest can have already */
	bool offer = !device_is_in_use(f) && f->iommu_group.error == 0 &&
		     (f->driver.error || !host_driver_permits_vfio(&f->driver));
	verdict_fix(v, offer ? arena_printf(v->arena, "passthru bind %s", f->name) : NULL,
		    "Reserve the device by its address, never by its ids.");
}

const struct check check_twins = {
	.id = "twins",
	.title = "Twins",
	.area = "device",
	.scope = CHECK_DEVICE,
	.judge = judge,
};
