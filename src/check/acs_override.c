// SPDX-License-Identifier: MIT
// pcie_acs_override= belongs to a patch that Linux never took. Whether a kernel carries it cannot
// be known from its files; some distributions are known to. With it, groups are a claim and no
// longer what the hardware isolates. config_acs= and disable_acs_redir= of pci= are Linux's own.

#include "base/text.h"
#include "check/internal.h"

#include <errno.h>

/* Parts of releases whose kernels carry the patch. */
static const char *const carriers[] = { "-pve",   "zen",  "cachyos", "bazzite",
					"-fsync", "-lqx", "xanmod" };

static const char *carrier_of(const char *release)
{
	for (size_t i = 0; i < ARRAY_SIZE(carriers); i++) {
		if (strstr(release, carriers[i]))
			return carriers[i];
	}
	return NULL;
}

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct kernel_facts *facts = &host->facts->kernel;
	const struct kernel_parameter *p = kernel_parameter_last(facts, "pcie_acs_override");
	const char *release = facts->release.error ? NULL : facts->release.value;

	(void)f;
	if (facts->command_line.error == -ENOENT)
		return;
	if (facts->command_line.error) {
		verdict_unknown(v, KERNEL_COMMAND_LINE, facts->command_line.error);
		return;
	}
	if (!p) {
		verdict_evidence(v, KERNEL_COMMAND_LINE, "no pcie_acs_override");
		verdict_set(v, VERDICT_PASS, "the groups are those of the hardware");
		return;
	}
	verdict_evidence(v, KERNEL_COMMAND_LINE, "%s", p->text);
	if (release)
		verdict_evidence(v, "proc/sys/kernel/osrelease", "%s", release);
	if (release && carrier_of(release))
		verdict_set(v, VERDICT_WARN,
			    "this kernel is of a kind that carries the ACS override patch: groups "
			    "may be split that the hardware does not isolate, so that a guest's "
			    "device can reach other devices");
	else
		verdict_set(v, VERDICT_WARN,
			    "Linux does not know pcie_acs_override; unless this kernel was "
			    "patched it does nothing, and if it was, groups may be split that the "
			    "hardware does not isolate");
	verdict_fix(v, NULL,
		    "Remove %s from the kernel command line; another slot may give the device a "
		    "group of its own.",
		    p->text);
}

const struct check check_acs_override = {
	.id = "acs-override",
	.title = "ACS override",
	.area = "configuration",
	.scope = CHECK_HOST,
	.judge = judge,
};
