// SPDX-License-Identifier: MIT
// Whether firmware and boot loader show their picture on this card. A guest's driver may find it in
// a state that it does not expect, and the host boots without a picture after the card was
// reserved.

#include "check/device.h"

#include <errno.h>

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct fact_number boot = f->facts->detail.boot_vga;
	const char *path = device_path(v, f, "boot_vga");
	size_t displays = 0;

	if (!pci_is_display(f) || boot.error == -ENOENT)
		return;
	if (boot.error) {
		verdict_unknown(v, path, boot.error);
		return;
	}
	verdict_evidence(v, path, "%d", boot.value != 0);
	if (!boot.value) {
		verdict_set(v, VERDICT_PASS, "firmware and boot loader use another display");
		return;
	}
	for (size_t i = 0; i < host->n_functions; i++)
		displays += pci_is_display(&host->functions[i]);
	/* what vfio-pci holds the host has done without already */
	if (displays == 1 && f->driver.error == 0 && host_driver_permits_vfio(&f->driver)) {
		verdict_set(v, VERDICT_WARN,
			    "it is the only display of this host, which runs blind since %s holds "
			    "it",
			    f->driver.value);
		verdict_evidence(v, device_path(v, f, "driver"), "%s", f->driver.value);
		verdict_fix(v, NULL,
			    "Keep a way to the host over the network or a serial console.");
		return;
	}
	if (displays == 1) {
		verdict_set(v, VERDICT_FAIL,
			    "it is the only display of this host: without it the host boots and "
			    "runs blind");
		verdict_fix(v, NULL,
			    "Make sure that the host can be reached over the network or a serial "
			    "console before the card goes to a guest.");
		return;
	}
	verdict_set(v, VERDICT_WARN,
		    "firmware and boot loader show their picture on it, and so does the host "
		    "until vfio-pci takes it");
	verdict_fix(v, NULL,
		    "Choose another display as the first one in the firmware setup (primary "
		    "display, initial display output).");
}

const struct check check_boot_display = {
	.id = "boot-display",
	.title = "Boot display",
	.area = "device",
	.scope = CHECK_DEVICE,
	.judge = judge,
};
