// SPDX-License-Identifier: MIT
// The picture that the firmware left, inside of a BAR of this card. Since Linux 6.0 vfio-pci
// removes the driver that shows it (aperture_remove_conflicting_pci_devices() in
// drivers/vfio/pci/vfio_pci_core.c); before, that driver keeps the memory of the BAR and a guest's
// start ends with "BAR 0: can't reserve".

#include "base/text.h"
#include "check/device.h"

static const struct device_use *find(const struct device_uses *uses)
{
	for (size_t i = 0; i < uses->n; i++) {
		if (uses->use[i].kind == USE_DISPLAY && str_eq(uses->use[i].where, "proc/iomem"))
			return &uses->use[i];
	}
	return NULL;
}

static bool is_unknown(const struct device_uses *uses, struct verdict *v)
{
	for (size_t i = 0; i < uses->n_gaps; i++) {
		if (uses->gap[i].kind != USE_DISPLAY || !str_eq(uses->gap[i].where, "proc/iomem"))
			continue;
		verdict_unknown(v, uses->gap[i].where, uses->gap[i].error);
		return true;
	}
	return false;
}

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct device_uses *uses = &f->facts->uses;

	if (!pci_is_display(f))
		return;
	const struct device_use *use = find(uses);
	if (!use) {
		if (is_unknown(uses, v))
			return;
		verdict_set(v, VERDICT_PASS, "no framebuffer of the firmware lies in its BARs");
		verdict_evidence(v, "proc/iomem", "none in its ranges");
		return;
	}
	verdict_evidence(v, use->where, "%s", use->value);
	if (device_kernel_at_least(host, 6, 0, false)) {
		verdict_set(v, VERDICT_WARN,
			    "%s: vfio-pci takes it away, and with it the text of the console",
			    use->what);
		return;
	}
	verdict_set(v, VERDICT_FAIL, "%s: on kernels before 6.0 it keeps a guest from starting",
		    use->what);
	verdict_fix(v, NULL,
		    "Boot with another display as the first one, or a kernel of 6.0 or later.");
}

const struct check check_firmware_framebuffer = {
	.id = "firmware-framebuffer",
	.title = "Framebuffer of the firmware",
	.area = "device",
	.scope = CHECK_DEVICE,
	.judge = judge,
};
