// SPDX-License-Identifier: MIT
// Giving back. The override goes first, so that the probe after the unbind finds the driver that
// the kernel would choose by itself.

#include "base/text.h"
#include "handover/internal.h"

#include <errno.h>

static int refuse_while_used(struct host *host, const struct handover_function *f, struct err *e)
{
	const char *user = host_vfio_user(host, f->function);

	if (!user)
		return 0;
	return err_refuse(e, "%s is in use by %s: end that guest first", f->function->name, user);
}

static bool has_our_override(struct host *host, const struct handover_function *f)
{
	const char *now;

	return sysfs_override(host, f->function, &now, NULL) == 0 && now && str_eq(now, VFIO_PCI);
}

/* Lets the kernel choose; @recorded is the driver that had it before, or NULL. */
static int find_driver(struct host *host, struct handover_function *f, const char *recorded,
		       struct err *e)
{
	int error = sysfs_probe(host, f->function, e);

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
	if (host_is_vfio_driver(f->driver_after))
		return err_fail(
			e, -EBUSY,
			"%s took %s again: it is configured to, by ids= in modprobe.d or on "
			"the kernel command line",
			f->driver_after, f->function->name);
	if (!f->driver_after && recorded)
		return err_fail(e, -EIO,
				"no driver took %s back (before: %s): the kernel log says why",
				f->function->name, recorded);
	return 0;
}

static int give_back(struct host *host, struct handover_function *f, struct err *e)
{
	const char *driver = NULL, *override = NULL;
	(void)journal_recall(host, f->function, &driver, &override);
	bool held = host_is_vfio_driver(f->driver_before);
	/* what a run that was killed or failed may leave: our override, and no driver at all */
	bool claimed = has_our_override(host, f);
	bool lost = !f->driver_before && (claimed || driver);
	int error = 0;

	if (held || claimed || lost)
		f->state = HANDOVER_STUCK;
	if (override && !str_eq(override, VFIO_PCI))
		f->override_before = override;
	if (held || claimed)
		error = sysfs_set_override(host, f->function, f->override_before, e);
	if (error == 0 && held)
		error = sysfs_unbind(host, f->function, f->driver_before, e);
	if (error == 0 && (held || lost))
		error = find_driver(host, f, driver, e);
	if (error < 0)
		return error;
	if (f->state == HANDOVER_STUCK)
		f->state = HANDOVER_DONE;
	journal_forget(host, f->function);
	return 0;
}

static int release_one(struct host *host, struct handover_function *f, struct err *e)
{
	*f = (struct handover_function){ .function = f->function };
	int error = sysfs_driver(host, f->function, &f->driver_before, e);
	f->driver_after = f->driver_before;
	if (error == 0)
		error = give_back(host, f, e);
	if (error < 0 && sysfs_driver(host, f->function, &f->driver_after, NULL) == -ENODEV) {
		f->state = HANDOVER_GONE;
		journal_forget(host, f->function);
	}
	return error;
}

/* One function that does not go back is no reason to keep the others. */
static int transact(struct host *host, struct handover *handover, struct err *e)
{
	int error = 0;

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
