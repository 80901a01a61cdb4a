// SPDX-License-Identifier: MIT
// Whether the device answers. One that reads all ones while the kernel takes it for awake has
// fallen off the bus: after a guest that let it drop into D3cold, for example.

#include "base/text.h"
#include "check/device.h"

#include <errno.h>

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct device_facts *facts = f->facts;
	const struct fact_text *state = &facts->detail.power_state;

	(void)host;
	if (f->error || pci_is_bridge(f))
		return;
	if (facts->config->error == PCI_SILENT) {
		verdict_set(v, VERDICT_FAIL,
			    "it does not answer: its configuration space reads all ones");
		verdict_evidence(v, device_path(v, f, "config"), "all ones");
		if (state->error == 0)
			verdict_evidence(v, device_path(v, f, "power_state"), "%s", state->value);
		verdict_fix(v, NULL,
			    "Switch the host off and on again; a reboot does not always help. "
			    "Write 0 to d3cold_allowed of the device when it happens after a guest "
			    "was shut down.");
		return;
	}
	if (state->error == -ENOENT)
		return;
	if (state->error) {
		verdict_unknown(v, device_path(v, f, "power_state"), state->error);
		return;
	}
	verdict_evidence(v, device_path(v, f, "power_state"), "%s", state->value);
	if (str_eq(state->value, "error")) {
		verdict_set(v, VERDICT_FAIL, "the kernel cannot say in which power state it is");
		verdict_fix(v, NULL, "Switch the host off and on again.");
		return;
	}
	if (facts->config->error == PCI_ASLEEP)
		verdict_set(v, VERDICT_PASS, "it sleeps (%s) and wakes when it is used",
			    state->value);
	else
		verdict_set(v, VERDICT_PASS, "it is in power state %s", state->value);
}

const struct check check_power_state = {
	.id = "power-state",
	.title = "Power state",
	.area = "device",
	.scope = CHECK_DEVICE,
	.judge = judge,
};
