// SPDX-License-Identifier: MIT
// What changes about a function while the machine runs.
//
// power_state, power/runtime_status and driver_override are memory of the kernel and cost the
// device nothing. current_link_speed and current_link_width are read from its configuration space,
// and since Linux 6.17 (and in stable kernels that took the change) between
// pci_config_pm_runtime_get() and _put(). That resumes the bridge above and a device in D3cold; and
// its end runs the idle callback of the driver, which in nouveau and amdgpu marks the device as
// just used: asked every second, such a card would never fall asleep. Hence links are asked of
// devices that are awake, and every second only of those whose power/control forbids them to sleep.

#include "base/text.h"
#include "host/host.h"
#include "host/internal.h"
#include "host/read.h"

#include <errno.h>

/* Empty, or what the kernel says instead, counts as not there. */
static struct fact_text unless(struct fact_text fact, const char *none)
{
	if (fact.error == 0 && (!*fact.value || str_eq(fact.value, none)))
		fact = (struct fact_text){ .error = -ENOENT };
	return fact;
}

static struct fact_text read_fact(struct host *host, const struct pci_function *f,
				  const char *attribute, const char *none)
{
	return unless(host_fact_text(host, host_path(host, f, attribute)), none);
}

static struct fact_text read_group(struct host *host, const struct pci_function *f)
{
	struct fact_text fact;
	const char *target;

	fact.error =
		root_link(host->root, &host->arena, host_path(host, f, "/iommu_group"), &target);
	fact.value = fact.error ? NULL : text_last_part(target);
	return fact;
}

/* One that has waited is not asked again while it is locked: each time would leave a child there.
 */
static struct fact_text read_override(struct host *host, const struct pci_function *f, int before)
{
	struct fact_text fact = { .error = PCI_BUSY };
	struct bytes text;

	if (before == PCI_BUSY && host_is_locked(host, f))
		return fact;
	fact.error = host_read_waiting(host, f, "/driver_override", &text);
	if (fact.error == 0)
		fact.value = text_trimmed(&host->arena, text);
	return unless(fact, "(null)");
}

static void read_power(struct host *host, const struct pci_function *f, struct function_state *ret)
{
	ret->fact[STATE_OVERRIDE] = read_override(host, f, ret->fact[STATE_OVERRIDE].error);
	ret->fact[STATE_RUNTIME] = read_fact(host, f, "/power/runtime_status", "");
	ret->fact[STATE_POWER] = read_fact(host, f, "/power_state", "unknown");
}

static bool is_awake(const struct function_state *state)
{
	const struct fact_text *runtime = &state->fact[STATE_RUNTIME];
	const struct fact_text *power = &state->fact[STATE_POWER];

	/* "unsupported": without runtime power management nothing sleeps but by the system */
	if (runtime->error == 0 && !str_eq(runtime->value, "active") &&
	    !str_eq(runtime->value, "unsupported"))
		return false;
	return power->error || str_eq(power->value, "D0");
}

static bool may_fall_asleep(struct host *host, const struct pci_function *f)
{
	struct fact_text control = read_fact(host, f, "/power/control", "");

	return control.error == 0 && str_eq(control.value, "auto");
}

static void set_asleep(struct function_state *ret)
{
	ret->has_link = true; /* not known until it was asked once */
	ret->fact[STATE_SPEED] = ret->fact[STATE_WIDTH] = (struct fact_text){ .error = PCI_ASLEEP };
}

static void read_link(struct host *host, const struct pci_function *f, struct function_state *ret)
{
	struct fact_text speed = host_fact_text(host, host_path(host, f, "/current_link_speed"));

	ret->has_link = speed.error != -ENOENT;
	ret->fact[STATE_SPEED] = unless(speed, "Unknown");
	ret->fact[STATE_WIDTH] = read_fact(host, f, "/current_link_width", "0");
}

/* Its link goes before its directory does: bus_remove_device() in drivers/base/bus.c. */
static int is_there(struct host *host, const struct pci_function *f)
{
	const char *target;
	const char *link = arena_concat(&host->arena, "sys/bus/pci/devices/", f->name);
	int error = root_link(host->root, &host->arena, link, &target);

	return error == -ENOENT ? -ENODEV : 0;
}

int host_read_state(struct host *host, const struct pci_function *f, struct function_state *ret)
{
	*ret = (struct function_state){ 0 };
	ret->fact[STATE_DRIVER] = f->driver;
	ret->fact[STATE_GROUP] = read_group(host, f);
	read_power(host, f, ret);
	if (is_awake(ret))
		read_link(host, f, ret);
	else
		set_asleep(ret);
	return is_there(host, f);
}

int host_poll_state(struct host *host, const struct pci_function *f,
		    const struct function_state *before, struct function_state *ret)
{
	*ret = *before;
	read_power(host, f, ret);
	if (before->has_link) {
		if (is_awake(ret) && !may_fall_asleep(host, f))
			read_link(host, f, ret);
		else
			set_asleep(ret);
	}
	/* of a directory that goes away meanwhile the facts mean nothing */
	for (size_t i = 0; i < STATE_FACTS; i++) {
		if (ret->fact[i].error && ret->fact[i].error != before->fact[i].error)
			return is_there(host, f);
	}
	return 0;
}
