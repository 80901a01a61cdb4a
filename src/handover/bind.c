// SPDX-License-Identifier: MIT
// Handing over. Two rounds: first every override, which changes nothing by itself, then unbind and
// probe function by function. A failure takes back in the reverse order.

#include "base/text.h"
#include "handover/internal.h"

#include <errno.h>
#include <stdio.h>

static int look(struct host *host, struct handover_function *f, struct err *e)
{
	const char *driver, *override;
	int error = sysfs_driver(host, f->function, &f->driver_before, e);

	if (error < 0)
		return error;
	f->driver_after = f->driver_before;
	f->state = HANDOVER_UNTOUCHED;
	error = sysfs_override(host, f->function, &f->override_before, e);
	if (error < 0 || !journal_recall(host, f->function, &driver, &override))
		return error;
	/* a run that was killed left its marks: what it found is what was there before */
	if (f->override_before && str_eq(f->override_before, VFIO_PCI))
		f->override_before = override;
	if (!f->driver_before)
		f->driver_before = driver;
	return 0;
}

static bool is_there_already(const struct handover_function *f)
{
	return host_is_vfio_driver(f->driver_before);
}

/* Round one. From here on the function counts as changed. */
static int claim(struct host *host, struct handover_function *f, struct err *e)
{
	f->state = HANDOVER_DONE;
	int error = journal_record(host, f, e);
	if (error < 0)
		return error;
	return sysfs_set_override(host, f->function, VFIO_PCI, e);
}

/* Round two. */
static int move(struct host *host, struct handover_function *f, struct err *e)
{
	const char *now;
	int error = sysfs_driver(host, f->function, &now, e);

	if (error == 0 && now && !str_eq(now, VFIO_PCI))
		error = sysfs_unbind(host, f->function, now, e);
	if (error == 0)
		error = sysfs_probe(host, f->function, e);
	if (error == 0)
		error = sysfs_driver(host, f->function, &f->driver_after, e);
	if (error < 0)
		return error;
	if (f->driver_after && str_eq(f->driver_after, VFIO_PCI))
		return 0;
	return err_fail(e, -EIO,
			"the kernel did not give %s to " VFIO_PCI
			" (its driver now: %s): the kernel log says why",
			f->function->name, f->driver_after ? f->driver_after : "none");
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? str_eq(a, b) : a == b;
}

/* Writes only when it differs: what could not be written before would fail again. */
static int restore_override(struct host *host, const struct handover_function *f)
{
	const char *now;
	int error = sysfs_override(host, f->function, &now, NULL);

	if (error < 0 || same_text(now, f->override_before))
		return error;
	return sysfs_set_override(host, f->function, f->override_before, NULL);
}

/* Puts one function back as it was. Its own failures show in the state only. */
static void restore(struct host *host, struct handover_function *f)
{
	const char *now = NULL;
	int error = sysfs_driver(host, f->function, &now, NULL);

	if (error == -ENODEV) {
		f->state = HANDOVER_GONE;
		f->driver_after = NULL;
		journal_forget(host, f->function);
		return;
	}
	bool moved = error == 0 && !same_text(now, f->driver_before);
	if (error == 0)
		error = restore_override(host, f);
	if (error == 0 && moved && now)
		error = sysfs_unbind(host, f->function, now, NULL);
	if (error == 0 && moved && f->driver_before)
		error = sysfs_probe(host, f->function, NULL);
	if (error == 0)
		error = sysfs_driver(host, f->function, &now, NULL);
	f->driver_after = now;
	f->state =
		error == 0 && same_text(now, f->driver_before) ? HANDOVER_RESTORED : HANDOVER_STUCK;
	if (f->state == HANDOVER_RESTORED)
		journal_forget(host, f->function);
}

/* What could not be put back is a part of the sentence: the user has to act on it. */
static int take_back(struct host *host, struct handover *handover, int error, struct err *e)
{
	const struct handover_function *stuck = NULL;

	for (size_t i = handover->n; i-- > 0;) {
		struct handover_function *f = &handover->functions[i];

		if (f->state != HANDOVER_DONE)
			continue;
		restore(host, f);
		if (f->state == HANDOVER_STUCK)
			stuck = f;
	}
	if (stuck)
		return err_wrap(e, error,
				"%s could not be put back (driver before: %s, now: %s) after this",
				stuck->function->name,
				stuck->driver_before ? stuck->driver_before : "none",
				stuck->driver_after ? stuck->driver_after : "none");
	return err_wrap(e, error, "nothing was changed");
}

static int transact(struct host *host, struct handover *handover, struct err *e)
{
	int error = 0;

	for (size_t i = 0; i < handover->n && error == 0; i++)
		error = look(host, &handover->functions[i], e);
	if (error < 0)
		return error;
	for (size_t i = 0; i < handover->n && error == 0; i++) {
		if (!is_there_already(&handover->functions[i]))
			error = claim(host, &handover->functions[i], e);
	}
	for (size_t i = 0; i < handover->n && error == 0; i++) {
		if (handover->functions[i].state == HANDOVER_DONE)
			error = move(host, &handover->functions[i], e);
	}
	return error < 0 ? take_back(host, handover, error, e) : 0;
}

int handover_bind(struct host *host, struct handover *handover, struct err *e)
{
	sigset_t before;
	int error = handover_check(host, handover, e);

	if (error < 0)
		return error;
	CLEANUP_CLOSE int lock = journal_lock(host, e);
	if (lock < 0)
		return lock;
	error = module_need_vfio(host, e);
	if (error < 0)
		return error;
	signals_hold(&before);
	error = transact(host, handover, e);
	signals_release(&before);
	return error;
}
