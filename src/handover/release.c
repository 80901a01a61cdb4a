// SPDX-License-Identifier: MIT
// Giving back. One function that does not go back is no reason to keep the others.

#include "base/text.h"
#include "handover/internal.h"

#include <errno.h>

/* ---- refusals ---- */

static int refuse_while_open(struct host *host, const struct handover_function *f,
			     const struct open_nodes *open, struct err *e)
{
	const char *node[2];
	size_t n = host_vfio_nodes(host, f->function, node);

	for (size_t i = 0; i < open->n; i++) {
		const struct open_node *held = &open->node[i];

		if ((n > 0 && str_eq(held->node, node[0])) ||
		    (n > 1 && str_eq(held->node, node[1])))
			return err_refuse(e, "%s is in use by %s (pid %s): end that guest first",
					  f->function->name,
					  *held->command ? held->command : "a process", held->pid);
	}
	return 0;
}

/* Reads once who has nodes open, and only when a function is with VFIO. */
static int refuse_while_used(struct host *host, const struct handover *handover, struct err *e)
{
	struct open_nodes open;
	bool read = false;
	int error = 0;

	for (size_t i = 0; i < handover->n && error == 0; i++) {
		const struct handover_function *f = &handover->functions[i];

		if (!host_is_vfio_driver(f->driver_before))
			continue;
		if (!read)
			host_read_open(host, &open);
		read = true;
		error = refuse_while_open(host, f, &open, e);
	}
	return error;
}

/* ---- one function ---- */

/* What there is to do for it. */
struct state_now {
	struct record record;
	bool recorded;
	bool held;    /* VFIO has it */
	bool claimed; /* its override is that of a handover, or names the driver on its way back */
	bool lost;    /* it has no driver, and had one */
};

static int look(struct sysfs *s, struct handover_function *f, struct state_now *ret, struct err *e)
{
	const char *override;
	int error = sysfs_override(s, f, &override, e);

	*ret = (struct state_now){ 0 };
	ret->recorded = journal_read(s->host, f->function, &ret->record);
	const struct record *record = &ret->record;
	if (error < 0)
		return error;
	bool aimed = override && record->driver && str_eq(override, record->driver) &&
		     !str_same(override, record->override);
	ret->held = host_is_vfio_driver(f->driver_before);
	ret->claimed = host_is_vfio_driver(override) || aimed || (override && f->orphan);
	ret->lost = !f->driver_before && (ret->claimed || record->driver);
	f->override_before = override;
	if (ret->held || ret->claimed || ret->lost) {
		bool known = ret->recorded && !host_is_vfio_driver(record->override);
		f->override_before = known ? record->override : NULL;
	}
	if (ret->recorded) {
		f->driver_host = record->driver;
		f->settings = record->settings;
		f->n_settings = record->n_settings;
	}
	return 0;
}

static int judge(const struct handover_function *f, struct err *e)
{
	const char *name = f->function->name;

	if (host_is_vfio_driver(f->driver_after))
		return err_fail(e, -EBUSY,
				"%s took %s again: it is configured to, by ids= in modprobe.d or "
				"on the kernel command line",
				f->driver_after, name);
	if (!f->driver_after && f->driver_host)
		return err_fail(e, -EIO,
				"no driver took %s back (before: %s): the kernel log says why",
				name, f->driver_host);
	return 0;
}

static int give_back(struct sysfs *s, struct handover_function *f, bool going, struct err *e)
{
	struct state_now now;
	int error = look(s, f, &now, e);

	if (error < 0)
		return error;
	bool changes = now.held || now.claimed || now.lost;
	/* what a driver of the host has is there, or somebody gave it to that driver meanwhile */
	bool there = f->driver_before && !now.held;
	if (!changes && !(now.recorded && str_same(f->driver_before, f->driver_host)))
		return 0;
	if (changes)
		f->state = HANDOVER_STUCK;
	enum back_choice choice = f->driver_host && !there ? BACK_DRIVER : BACK_ANY;
	if (going && !there)
		choice = BACK_NONE;
	error = back_to_host(s, f, choice, choice == BACK_DRIVER ? f->driver_host : NULL, e);
	if (error == 0 && changes && choice != BACK_NONE)
		error = judge(f, e);
	if (error == 0 && changes)
		f->state = HANDOVER_DONE;
	return error;
}

static int release_one(struct sysfs *s, struct handover_function *f, bool going, struct err *e)
{
	int error = give_back(s, f, going, e);

	if (error < 0 && !f->wait &&
	    sysfs_driver(s->host, f->function, &f->driver_after, NULL) == -ENODEV)
		f->state = HANDOVER_GONE;
	else if (error < 0)
		f->state = HANDOVER_STUCK;
	return error;
}

/* ---- all of them ---- */

static int transact(struct sysfs *s, struct handover *handover, struct err *e)
{
	int error = 0;

	for (size_t i = 0; i < handover->n; i++) {
		struct handover_function *f = &handover->functions[i];

		*f = (struct handover_function){ .function = f->function, .orphan = f->orphan };
		int gone = sysfs_driver(s->host, f->function, &f->driver_before, NULL);
		f->state = gone == -ENODEV ? HANDOVER_GONE : HANDOVER_UNTOUCHED;
		f->driver_after = f->driver_before;
	}
	error = refuse_while_used(s->host, handover, e);
	if (error < 0)
		return error;
	/* what cannot be read now is read, and fails, when it is its turn */
	(void)!sysfs_read_overrides(s, handover->functions, handover->n, NULL);
	for (size_t i = 0; i < handover->n; i++) {
		int failed =
			release_one(s, &handover->functions[i], handover->going, error ? NULL : e);
		if (error == 0)
			error = failed;
	}
	int failed = back_finish(s->host, handover, error ? NULL : e);
	return error ? error : failed;
}

int handover_release(struct host *host, struct handover *handover, struct err *e)
{
	struct sysfs s = { host, handover->limit_ms ? handover->limit_ms : HANDOVER_LIMIT_MS };
	struct locks locks;
	sigset_t before;

	for (size_t i = 0; i < handover->n; i++) {
		if (pci_is_bridge(handover->functions[i].function))
			return err_refuse(e, "%s is a bridge: bridges stay with the host",
					  handover->functions[i].function->name);
	}
	signals_hold(&before);
	int error = locks_take(host, handover, &locks, e);
	if (error == 0) {
		error = transact(&s, handover, e);
		locks_drop(&locks);
	}
	signals_release(&before);
	return error;
}

int handover_release_each(struct host *host, struct handover *handover, struct err *e)
{
	int error = 0;

	for (size_t i = 0; i < handover->n; i++) {
		struct handover one = *handover;

		one.functions = &handover->functions[i];
		one.n = 1;
		int failed = handover_release(host, &one, error ? NULL : e);
		error = error ? error : failed;
	}
	return error;
}
