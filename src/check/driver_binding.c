// SPDX-License-Identifier: MIT
// Which driver holds the device, and whether that is what was asked for. A driver that is built
// into the kernel takes the device before any module can: then only driver_override, or unbinding,
// gives it to VFIO.

#include "base/text.h"
#include "check/device.h"

#include <errno.h>

/* An override that no driver of that name follows, or that another driver was faster than. */
static bool is_overridden(const struct pci_function *f, struct verdict *v)
{
	const struct fact_text *override = &f->facts->detail.driver_override;

	if (override->error || (f->driver.error == 0 && str_eq(override->value, f->driver.value)))
		return false;
	verdict_evidence(v, device_path(v, f, "driver_override"), "%s", override->value);
	verdict_set(v, VERDICT_WARN, "its override names %s, and %s", override->value,
		    f->driver.error ? "no driver holds it"
				    : arena_printf(v->arena, "%s holds it", f->driver.value));
	verdict_fix(v,
		    arena_printf(v->arena, "passthru %s %s",
				 str_eq(override->value, "vfio-pci") ? "bind" : "release", f->name),
		    "Load the driver that the override names, or take the override back.");
	return true;
}

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const char *path = device_path(v, f, "driver");

	(void)host;
	/* the other checks pass over what they do not know; it must not look ready for that */
	if (f->error) {
		verdict_unknown(v, device_path(v, f, "uevent"), f->error);
		return;
	}
	if (pci_is_bridge(f)) {
		verdict_set(v, VERDICT_FAIL, "it is a bridge: bridges stay with the host");
		verdict_evidence(v, device_path(v, f, "class"), "0x%06x", f->class_code);
		verdict_fix(v, NULL, "Name the device behind it.");
		return;
	}
	if (f->driver.error && f->driver.error != -ENOENT) {
		verdict_unknown(v, path, f->driver.error);
		return;
	}
	verdict_evidence(v, path, "%s", f->driver.error ? "none" : f->driver.value);
	if (is_overridden(f, v))
		return;
	if (f->driver.error) {
		verdict_set(v, VERDICT_PASS, "no driver holds it: vfio-pci can take it");
		return;
	}
	if (host_is_vfio_driver(f->driver.value)) {
		verdict_set(v, VERDICT_PASS, "%s holds it, ready for a guest", f->driver.value);
		return;
	}
	verdict_set(v, VERDICT_WARN, "the host's driver %s holds it", f->driver.value);
	if (f->facts->driver_module.error == -ENOENT) {
		verdict_evidence(
			v, arena_printf(v->arena, "sys/bus/pci/drivers/%s/module", f->driver.value),
			"not there: built into the kernel");
		verdict_set(v, VERDICT_WARN,
			    "the host's driver %s holds it, and being built into the kernel it "
			    "does so at every boot",
			    f->driver.value);
	}
	if (device_is_in_use(f))
		verdict_fix(v, NULL, "End what uses it first, then hand it over.");
	else if (f->iommu_group.error == -ENOENT)
		verdict_fix(v, NULL,
			    "Hand it over once it is in an IOMMU group: see iommu-active.");
	else
		verdict_fix(v, arena_printf(v->arena, "passthru bind %s", f->name),
			    "Hand it over.");
}

const struct check check_driver_binding = {
	.id = "driver-binding",
	.title = "Driver",
	.area = "device",
	.scope = CHECK_DEVICE,
	.judge = judge,
};
