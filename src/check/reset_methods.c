// SPDX-License-Identifier: MIT
// Whether the device can be reset between two guests. A function without a way of its own is reset
// with the bus that it stands on, by VFIO's hot reset, which needs all functions of that bus to be
// with the same guest. The attribute exists since Linux 5.15 and only where there is a method
// (drivers/pci/pci.c); before, what the configuration space offers decides.

#include "base/text.h"
#include "check/device.h"

#include <errno.h>

/* Whether a reset of the bus that @f stands on hits @other: it is there too, or below. */
static bool is_on_bus(const struct pci_function *f, const struct pci_function *other)
{
	for (const struct pci_function *at = other; at; at = at->parent) {
		if (at->parent == f->parent)
			return true;
	}
	return false;
}

/* The functions that a bus reset would hit besides the device itself. */
static size_t count_hit(const struct host *host, const struct pci_function *f, struct verdict *v,
			const char **ret_names)
{
	const char *names[4];
	size_t n = 0;

	for (size_t i = 0; i < host->n_functions; i++) {
		const struct pci_function *other = &host->functions[i];

		if (!is_on_bus(f, other) || device_is_together(f->facts, other))
			continue;
		if (n < ARRAY_SIZE(names))
			names[n] = device_with_driver(v, other);
		n++;
	}
	*ret_names =
		text_join(v->arena, names, n < ARRAY_SIZE(names) ? n : ARRAY_SIZE(names), ", ");
	return n;
}

/* Kernels before 5.15 have no such attribute, but the device says itself what it offers. */
static bool judge_config(const struct pci_function *f, struct verdict *v)
{
	const struct pci_config *config = f->facts->config;
	const char *path = device_path(v, f, "config"), *how = NULL;

	if (config->standard.error) {
		verdict_unknown(v, path, config->standard.error);
		return true;
	}
	if (config->express.error == 0 && config->express.flr)
		how = "function-level reset";
	else if (config->af.error == 0 && config->af.flr)
		how = "function-level reset (Advanced Features)";
	else if (config->power.error == 0 && !config->power.no_soft_reset)
		how = "reset by power management";
	verdict_evidence(v, path, "%s", how ? how : "no reset of its own");
	if (how)
		verdict_set(v, VERDICT_PASS, "it can be reset: %s", how);
	return how != NULL;
}

static void without_own(const struct host *host, const struct pci_function *f, struct verdict *v)
{
	const char *path = device_path(v, f, "reset_method"), *names;

	if (!device_kernel_at_least(host, 5, 15, true)) {
		if (judge_config(f, v))
			return;
	} else {
		verdict_evidence(v, path, "none");
	}
	if (!f->parent) {
		verdict_set(v, VERDICT_WARN,
			    "nothing can reset it: a second start of a guest may find it in the "
			    "state that the first one left");
		verdict_fix(v, NULL, "Expect to reboot the host between two guests.");
		return;
	}
	size_t n = count_hit(host, f, v, &names);
	verdict_evidence(v, f->parent->path, "%s", n ? names : "nothing else behind this bridge");
	if (n == 0) {
		verdict_set(v, VERDICT_PASS,
			    "it is reset with its bus behind %s, where nothing else is",
			    f->parent->name);
		return;
	}
	verdict_set(v, VERDICT_WARN,
		    "it can only be reset with its bus behind %s, and so with %s%s",
		    f->parent->name, names, n > 4 ? " and others" : "");
	verdict_fix(v, NULL,
		    "Give all of them to the same guest, or move the device to another slot; "
		    "otherwise expect to reboot the host between two guests.");
}

static void judge(struct host *host, struct pci_function *f, struct verdict *v)
{
	const struct fact_text *methods = &f->facts->detail.reset_methods;

	if (f->error || pci_is_bridge(f))
		return;
	if (methods->error == -ENOENT) {
		without_own(host, f, v);
		return;
	}
	if (methods->error) {
		verdict_unknown(v, device_path(v, f, "reset_method"), methods->error);
		return;
	}
	verdict_evidence(v, device_path(v, f, "reset_method"), "%s", methods->value);
	verdict_set(v, VERDICT_PASS, "it can be reset: %s", methods->value);
}

const struct check check_reset_methods = {
	.id = "reset-methods",
	.title = "Reset",
	.area = "device",
	.scope = CHECK_DEVICE,
	.judge = judge,
};
