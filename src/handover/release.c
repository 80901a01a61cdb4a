// SPDX-License-Identifier: MIT
// Giving back. The override goes first, so that the probe after the unbind finds the driver that
// the kernel would choose by itself.

#include "base/text.h"
#include "handover/internal.h"

#include <errno.h>

static int look(struct host *host, struct handover_function *f, struct err *e)
{
	const char *driver = NULL, *override = NULL;
	int error = sysfs_driver(host, f->function, &f->driver_before, e);

	if (error < 0)
		return error;
	f->driver_after = f->driver_before;
	f->state = HANDOVER_UNTOUCHED;
	if (journal_recall(host, f->function, &driver, &override) && override &&
	    !str_eq(override, VFIO_PCI))
		f->override_before = override;
	return 0;
}

static int refuse_while_used(struct host *host, const struct handover_function *f, struct err *e)
{
	const char *user = vfio_user(host, f->function);

	if (!user)
		return 0;
	return err_refuse(e, "%s is in use by %s: end that guest first", f->function->name, user);
}

/* True when the override of a function that vfio-pci does not hold is one of ours. */
static bool is_left_over(struct host *host, const struct handover_function *f)
{
	const char *now;

	return sysfs_override(host, f->function, &now, NULL) == 0 && now && str_eq(now, VFIO_PCI);
}

static int give_back(struct host *host, struct handover_function *f, struct err *e)
{
	int error = sysfs_unbind(host, f->function, f->driver_before, e);

	if (error == 0)
		error = sysfs_probe(host, f->function, e);
	if (error == 0)
		error = sysfs_driver(host, f->function, &f->driver_after, e);
	if (error == 0 && !f->driver_after) {
		/* the module of its driver may never have been loaded, when the boot reserved it */
		module_load_native(host, f->function);
		error = sysfs_probe(host, f->function, e);
		if (error == 0)
			error = sysfs_driver(host, f->function, &f->driver_after, e);
	}
	if (error < 0)
		return error;
	if (handover_is_vfio_driver(f->driver_after))
		return err_fail(
			e, -EBUSY,
			"%s took %s again: it is configured to, by ids= in modprobe.d or on "
			"the kernel command line",
			f->driver_after, f->function->name);
	return 0;
}

static int release_one(struct host *host, struct handover_function *f, struct err *e)
{
	bool held = handover_is_vfio_driver(f->driver_before);

	if (!held && !is_left_over(host, f))
		return 0;
	f->state = HANDOVER_STUCK;
	int error = sysfs_set_override(host, f->function, f->override_before, e);
	if (error == 0 && held)
		error = give_back(host, f, e);
	if (error < 0)
		return error;
	f->state = HANDOVER_DONE;
	journal_forget(host, f->function);
	return 0;
}

/* One function that does not go back is no reason to keep the others. */
static int transact(struct host *host, struct handover *handover, struct err *e)
{
	int error = 0;

	for (size_t i = 0; i < handover->n && error == 0; i++)
		error = look(host, &handover->functions[i], e);
	for (size_t i = 0; i < handover->n && error == 0; i++)
		error = refuse_while_used(host, &handover->functions[i], e);
	if (error < 0)
		return error;
	for (size_t i = 0; i < handover->n; i++) {
		int failed = release_one(host, &handover->functions[i], error ? NULL : e);
		if (error == 0)
			error = failed;
	}
	return error;
}

int handover_release(struct host *host, struct handover *handover, struct err *e)
{
	sigset_t before;

	for (size_t i = 0; i < handover->n; i++) {
		if (pci_is_bridge(handover->functions[i].function))
			return err_refuse(e, "%s is a bridge: bridges stay with the host",
					  handover->functions[i].function->name);
	}
	CLEANUP_CLOSE int lock = journal_lock(host, e);
	if (lock < 0)
		return lock;
	signals_hold(&before);
	int error = transact(host, handover, e);
	signals_release(&before);
	return error;
}
