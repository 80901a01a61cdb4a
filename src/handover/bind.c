// SPDX-License-Identifier: MIT
// Handing over. First all records, then two rounds: every override, which changes nothing by
// itself, then unbind and probe function by function. A failure takes back in the reverse order.

#include "base/text.h"
#include "handover/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct transaction {
	struct sysfs sysfs;
	struct handover *handover;
	struct record *record; /* one for each function */
	size_t n_recorded;
	const char *timer;
};

static const char *wanted_by(const struct handover_function *f)
{
	return f->driver_wanted ? f->driver_wanted : VFIO_PCI;
}

/* ---- what is there ---- */

/* What a run that was killed left its marks on: what that one found is what was there before. */
static void take_over(struct handover_function *f, const struct record *old, bool *ret_marked)
{
	const char *override = f->override_before;
	bool ours = override && (host_is_vfio_driver(override) ||
				 (old->wanted && str_eq(override, old->wanted)));
	/* the override names the old driver while that is looked for, see back.c */
	bool aimed = override && old->driver && str_eq(override, old->driver) &&
		     !str_same(override, old->override);

	/* or it is back, but for its settings and units */
	bool back = str_same(f->driver_before, old->driver) && str_same(override, old->override);

	*ret_marked = ours || aimed || back || !f->driver_before;
	if (ours || aimed)
		f->override_before = old->override;
	if (!f->driver_before)
		f->driver_before = old->driver;
}

static int look_at_driver(struct transaction *t, struct handover_function *f, struct err *e)
{
	int error = sysfs_driver(t->sysfs.host, f->function, &f->driver_before, e);

	f->state = HANDOVER_UNTOUCHED;
	f->driver_after = f->driver_before;
	f->override_known = false;
	return error;
}

static int look(struct transaction *t, size_t i, struct err *e)
{
	struct handover_function *f = &t->handover->functions[i];
	struct host *host = t->sysfs.host;
	struct record old;
	bool marked = false;
	int error = sysfs_override(&t->sysfs, f, &f->override_before, e);

	if (error < 0)
		return error;
	bool recorded = journal_read(host, f->function, &old);
	if (recorded && host_is_vfio_driver(f->driver_before)) {
		t->record[i] = old;
		return 0;
	}
	if (recorded)
		take_over(f, &old, &marked);
	if (marked) {
		t->record[i] = old;
		f->settings = old.settings;
		f->n_settings = old.n_settings;
	} else {
		settings_read(host, f);
	}
	return 0;
}

static bool is_there_already(const struct handover_function *f)
{
	return host_is_vfio_driver(f->driver_before);
}

/* A release that was killed may have cleared the override of one that is there already. */
static int keep(struct transaction *t, size_t i, struct err *e)
{
	struct handover_function *f = &t->handover->functions[i];

	if (!t->record[i].wanted || str_same(f->override_before, f->driver_before))
		return 0;
	return sysfs_set_override(&t->sysfs, f, f->driver_before, e);
}

/* ---- the way there ---- */

/* The units of a run that was killed are still to be started. */
static void add_units(struct arena *a, struct record *record, const struct handover *handover)
{
	const char **unit = arena_array(a, record->n_units + handover->n_units, sizeof(*unit));
	size_t n = 0;

	for (size_t i = 0; i < handover->n_units; i++)
		unit[n++] = handover->units[i];
	for (size_t i = 0; i < record->n_units; i++) {
		bool known = false;
		for (size_t k = 0; k < handover->n_units; k++)
			known |= str_eq(record->units[i], handover->units[k]);
		if (!known)
			unit[n++] = record->units[i];
	}
	record->units = unit;
	record->n_units = n;
}

/* From here on the function counts as changed. */
static int record_one(struct transaction *t, size_t i, const struct owner *owner, struct err *e)
{
	struct handover_function *f = &t->handover->functions[i];
	struct record *record = &t->record[i];

	f->state = HANDOVER_DONE;
	record->owner = *owner;
	record->driver = f->driver_before;
	record->override = f->override_before;
	record->wanted = wanted_by(f);
	record->settings = f->settings;
	record->n_settings = f->n_settings;
	if (t->timer)
		record->timer = t->timer;
	add_units(&t->sysfs.host->arena, record, t->handover);
	int error = journal_write(t->sysfs.host, f->function, record, e);
	if (error == 0)
		t->n_recorded++;
	return error;
}

/* Round one: every override, which changes nothing by itself. */
static int aim(struct transaction *t, struct err *e)
{
	struct arena *a = &t->sysfs.host->arena;
	struct handover *handover = t->handover;
	struct handover_function **f =
		arena_array(a, handover->n, sizeof(struct handover_function *));
	const char **driver = arena_array(a, handover->n, sizeof(*driver));
	size_t n = 0;

	for (size_t i = 0; i < handover->n; i++) {
		if (handover->functions[i].state != HANDOVER_DONE)
			continue;
		f[n] = &handover->functions[i];
		driver[n] = wanted_by(f[n]);
		n++;
	}
	return sysfs_set_overrides(&t->sysfs, f, driver, n, e);
}

/* Round two. */
static int move(struct transaction *t, struct handover_function *f, struct err *e)
{
	const char *now, *wanted = wanted_by(f);
	int error = sysfs_driver(t->sysfs.host, f->function, &now, e);

	struct sysfs_way way = { .probes = true };

	if (error == 0 && now && !str_eq(now, wanted))
		way.unbind = now;
	if (error == 0)
		error = sysfs_move(&t->sysfs, f, &way, e);
	if (error == 0)
		error = sysfs_driver(t->sysfs.host, f->function, &f->driver_after, e);
	if (error < 0)
		return error;
	if (f->driver_after && str_eq(f->driver_after, wanted))
		return 0;
	return err_fail(e, -EIO,
			"the kernel did not give %s to %s (its driver now: %s): the kernel log "
			"says why",
			f->function->name, wanted, f->driver_after ? f->driver_after : "none");
}

/* ---- the way back ---- */

/* Puts one function back as it was. Its own failures show in the state only. */
static void restore(struct transaction *t, struct handover_function *f)
{
	enum back_choice choice = f->driver_before ? BACK_DRIVER : BACK_NONE;
	int error = back_to_host(&t->sysfs, f, choice, f->driver_before, NULL);

	if (error < 0 && !f->wait)
		(void)!sysfs_driver(t->sysfs.host, f->function, &f->driver_after, NULL);
	if (error == -ENODEV) {
		f->state = HANDOVER_GONE;
		f->driver_after = NULL;
		return;
	}
	bool same = error == 0 && str_same(f->driver_after, f->driver_before) && !settings_lost(f);
	f->state = same ? HANDOVER_RESTORED : HANDOVER_STUCK;
}

/* Units, timer and records of the functions that this transaction has put back. */
static int finish(struct transaction *t, bool all, struct err *e)
{
	struct handover back = {
		.functions =
			arena_array(&t->sysfs.host->arena, t->handover->n, sizeof(*back.functions)),
	};

	for (size_t i = 0; i < t->handover->n; i++) {
		const struct handover_function *f = &t->handover->functions[i];
		if (f->state == HANDOVER_RESTORED || f->state == HANDOVER_GONE)
			back.functions[back.n++] = *f;
	}
	if (all && t->timer && t->n_recorded == 0)
		timer_disarm(t->sysfs.host, t->timer);
	return back_finish(t->sysfs.host, &back, e);
}

/* What could not be put back is a part of the sentence: the user has to act on it. */
static int take_back(struct transaction *t, int error, struct err *e)
{
	const struct handover_function *stuck = NULL, *waiting = NULL;
	struct err second = { 0 };

	for (size_t i = t->handover->n; i-- > 0;) {
		struct handover_function *f = &t->handover->functions[i];

		if (f->state == HANDOVER_DONE)
			restore(t, f);
		if (f->wait)
			waiting = f;
		else if (f->state == HANDOVER_STUCK)
			stuck = f;
	}
	int failed = finish(t, !stuck && !waiting, &second);
	if (stuck)
		return err_wrap(e, error,
				"%s could not be put back (driver before: %s, now: %s) after this",
				stuck->function->name,
				stuck->driver_before ? stuck->driver_before : "none",
				stuck->driver_after ? stuck->driver_after : "none");
	if (failed < 0)
		return err_wrap(e, error, "all functions are as before, but %s", second.text);
	if (waiting)
		return error;
	return err_wrap(e, error, "nothing was changed");
}

static int go(struct transaction *t, struct err *e)
{
	struct handover *handover = t->handover;
	struct owner owner = owner_self(t->sysfs.host);
	int error = 0;

	if (handover->deadline_s > 0)
		error = timer_arm(t->sysfs.host, handover, &t->timer, e);
	for (size_t i = 0; i < handover->n && error == 0; i++) {
		if (!is_there_already(&handover->functions[i]))
			error = record_one(t, i, &owner, e);
	}
	if (error == 0 && handover->n_units > 0)
		error = units_stop(t->sysfs.host, handover, e);
	if (error == 0)
		error = aim(t, e);
	for (size_t i = 0; i < handover->n && error == 0; i++) {
		if (handover->functions[i].state == HANDOVER_DONE)
			error = move(t, &handover->functions[i], e);
	}
	return error < 0 ? take_back(t, error, e) : 0;
}

static int transact(struct transaction *t, struct err *e)
{
	struct handover *handover = t->handover;
	bool all_there = true;
	int error = 0;

	for (size_t i = 0; i < handover->n && error == 0; i++)
		error = look_at_driver(t, &handover->functions[i], e);
	if (error == 0)
		error = sysfs_read_overrides(&t->sysfs, handover->functions, handover->n, e);
	for (size_t i = 0; i < handover->n && error == 0; i++)
		error = look(t, i, e);
	for (size_t i = 0; i < handover->n && error == 0; i++) {
		if (is_there_already(&handover->functions[i]))
			error = keep(t, i, e);
		else
			all_there = false;
	}
	return error < 0 || all_there ? error : go(t, e);
}

int handover_bind(struct host *host, struct handover *handover, struct err *e)
{
	struct transaction t = {
		.sysfs = { host, handover->limit_ms ? handover->limit_ms : HANDOVER_LIMIT_MS },
		.handover = handover,
		.record = arena_array(&host->arena, handover->n, sizeof(*t.record)),
	};
	struct locks locks;
	sigset_t before;
	int error = handover_check(host, handover, e);

	if (error < 0)
		return error;
	signals_hold(&before);
	error = locks_take(host, handover, &locks, e);
	if (error == 0) {
		error = module_choose(host, handover, e);
		if (error == 0)
			error = transact(&t, e);
		locks_drop(&locks);
	}
	signals_release(&before);
	return error;
}
