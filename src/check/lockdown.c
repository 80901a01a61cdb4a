// SPDX-License-Identifier: MIT
// Lockdown does not forbid VFIO: nothing in drivers/vfio or drivers/iommu asks for it. What it does
// forbid is in security/security.c (lockdown_reasons) and where security_locked_down() is called;
// of that, this names what handing over devices may run into.

#include "base/text.h"
#include "check/internal.h"

#include <errno.h>

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct kernel_facts *facts = &host->facts->kernel;
	const struct fact_text *state = &facts->lockdown;

	(void)f;
	if (facts->secure_boot.error == 0)
		verdict_evidence(v, KERNEL_SECURE_BOOT, "byte 4: %u (%s)",
				 (unsigned)facts->secure_boot.value,
				 facts->secure_boot.value ? "on" : "off");
	/* a root that is not running */
	if (state->error == -ENOENT && facts->release.error == -ENOENT)
		return;
	if (state->error == -ENOENT) {
		verdict_evidence(v, KERNEL_LOCKDOWN, "not there");
		verdict_set(v, VERDICT_PASS, "the kernel has no lockdown");
		return;
	}
	if (state->error) {
		verdict_unknown(v, KERNEL_LOCKDOWN, state->error);
		return;
	}
	verdict_evidence(v, KERNEL_LOCKDOWN, "%s", state->value);
	if (str_eq(state->value, "none")) {
		verdict_set(v, VERDICT_PASS, "the kernel is not locked down");
		return;
	}
	verdict_set(v, VERDICT_WARN,
		    "lockdown (%s): VFIO works, but not unsigned modules, patched firmware tables "
		    "from an initramfs, writes to a device's config file and mappings of its "
		    "resource files",
		    state->value);
	verdict_fix(v, NULL,
		    "Nothing needs to be done for VFIO. Modules that are built here must be "
		    "signed with a key that the firmware knows.");
}

const struct check check_lockdown = {
	.id = "lockdown",
	.title = "Lockdown and Secure Boot",
	.area = "kernel",
	.scope = CHECK_HOST,
	.judge = judge,
};
