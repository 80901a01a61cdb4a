// SPDX-License-Identifier: MIT
// Drivers of VFIO that are made for one device: they can do more than vfio-pci, such as moving a
// running guest to another host. The kernel's list of aliases names them; the one with the fewest
// wildcards fits best.

#include "base/text.h"
#include "check/device.h"

#include <errno.h>

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct device_facts *facts = f->facts;

	(void)host;
	if (f->error || pci_is_bridge(f) || facts->variants_error == -ENOENT)
		return;
	if (facts->variants_error) {
		verdict_unknown(v, facts->variants_path, facts->variants_error);
		return;
	}
	if (facts->n_variants == 0)
		return;
	const struct variant_driver *best = &facts->variants[0];
	for (size_t i = 0; i < facts->n_variants; i++)
		verdict_evidence(v, facts->variants_path, "%s %s", facts->variants[i].alias,
				 facts->variants[i].module);
	if (f->driver.error == 0 && kernel_same_name(f->driver.value, best->module)) {
		verdict_set(v, VERDICT_PASS, "%s, made for this device, holds it", best->module);
		verdict_evidence(v, device_path(v, f, "driver"), "%s", f->driver.value);
		return;
	}
	if (f->driver.error == 0 && str_eq(f->driver.value, "vfio-pci")) {
		verdict_set(v, VERDICT_WARN,
			    "vfio-pci holds it, while this kernel has %s, which is made for it",
			    best->module);
		verdict_evidence(v, device_path(v, f, "driver"), "vfio-pci");
		verdict_fix(v, NULL,
			    "Use %s where its functions are wanted: live migration, for example.",
			    best->module);
		return;
	}
	verdict_set(v, VERDICT_PASS, "this kernel has %s, a driver of VFIO made for it",
		    best->module);
}

const struct check check_variant_driver = {
	.id = "variant-driver",
	.title = "Variant driver",
	.area = "device",
	.scope = CHECK_DEVICE,
	.judge = judge,
};
