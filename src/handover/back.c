// SPDX-License-Identifier: MIT
// The way back, for a release and for a bind that failed.
//
// Where a driver is known that had the function before, the override names it while the kernel
// looks for one: of two that would both take it (nouveau and nvidia) the kernel may choose the
// other, and taking a function from that again is another risk. Only then is the override put back.

#include "base/text.h"
#include "handover/internal.h"

#include <errno.h>

/* Writes only when it differs: what could not be written before would fail again. */
static int put_override(struct sysfs *s, struct handover_function *f, const char *driver,
			struct err *e)
{
	const char *now;
	int error = sysfs_override(s, f, &now, e);

	if (error < 0 || str_same(now, driver))
		return error;
	return sysfs_set_override(s, f, driver, e);
}

/*
 * Lets the kernel look for a driver, with the override on @aim, after taking it from the one that
 * it is to leave. Afterwards the override is as before again, whatever came of the probe.
 */
static int go(struct sysfs *s, struct handover_function *f, const char *aim, const char *leave,
	      bool probes, struct err *e)
{
	/* from the first step on vfio-pci must not get it again, by itself or by somebody's probe
	 */
	struct sysfs_way way = {
		.aims = true,
		.aim = aim,
		.unbind = leave,
		.probes = probes,
		.after = f->override_before,
	};
	int error = sysfs_move(s, f, &way, e);

	if (leave && way.left)
		f->driver_after = NULL;
	if (way.probed) {
		int failed = sysfs_driver(s->host, f->function, &f->driver_after, error ? NULL : e);
		error = error ? error : failed;
	}
	if (error < 0 && error != -ETIMEDOUT && error != -ENODEV && way.left && probes)
		(void)!put_override(s, f, f->override_before, NULL);
	return error;
}

/* Until a driver has it: the one that it had, the one that the kernel chooses, one not loaded. */
static int find_driver(struct sysfs *s, struct handover_function *f, const char *driver,
		       const char *leave, struct err *e)
{
	bool known = driver && sysfs_has_driver(s->host, driver);
	int error = go(s, f, known ? driver : f->override_before, leave, true, e);

	if (error < 0 || f->driver_after)
		return error;
	/* its module may never have been loaded, when the boot reserved it, or be gone since */
	module_load_native(s->host, f->function);
	if (driver && !known && sysfs_has_driver(s->host, driver))
		error = go(s, f, driver, NULL, true, e);
	if (error == 0 && !f->driver_after)
		error = go(s, f, f->override_before, NULL, true, e);
	return error;
}

int back_to_host(struct sysfs *s, struct handover_function *f, enum back_choice choice,
		 const char *driver, struct err *e)
{
	int error = sysfs_driver(s->host, f->function, &f->driver_after, e);
	const char *now = f->driver_after;
	bool there = choice == BACK_DRIVER ? str_same(now, driver) : choice == BACK_NONE && !now;

	/* what another driver of the host has taken meanwhile stays there, unless it is known whose
	 * it was */
	there |= choice == BACK_ANY && now && !host_is_vfio_driver(now);
	if (error == 0 && there)
		error = put_override(s, f, f->override_before, e);
	else if (error == 0 && choice == BACK_NONE)
		error = go(s, f, f->override_before, now, false, e);
	else if (error == 0)
		error = find_driver(s, f, driver, now, e);
	if (error == 0)
		error = settings_restore(s, f, e);
	return error;
}

/* ---- when all are back ---- */

/* Whether a function that is still handed over counts on it: then it is left as it is. */
static bool is_wanted(const struct record *others, size_t n, const char *unit, const char *timer)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; unit && k < others[i].n_units; k++) {
			if (str_eq(others[i].units[k], unit))
				return true;
		}
		if (timer && others[i].timer && str_eq(others[i].timer, timer))
			return true;
	}
	return false;
}

static bool is_back(const struct handover *handover, const char *name)
{
	for (size_t i = 0; i < handover->n; i++) {
		const struct handover_function *f = &handover->functions[i];
		if (str_eq(f->function->name, name))
			return f->state != HANDOVER_STUCK;
	}
	return false;
}

static int read_others(struct host *host, const struct handover *handover, struct record **ret,
		       size_t *ret_n, struct err *e)
{
	struct names names;
	int error = journal_list(host, &names, e);

	*ret_n = 0;
	if (error < 0)
		return error;
	*ret = arena_array(&host->arena, names.n, sizeof(**ret));
	for (size_t i = 0; i < names.n; i++) {
		if (!is_back(handover, names.name[i]) &&
		    journal_read_name(host, names.name[i], &(*ret)[*ret_n]))
			(*ret_n)++;
	}
	return 0;
}

/* What the records of functions that are back name, each once. */
struct names_once {
	const char **name;
	size_t n;
};

static void add_once(struct arena *a, struct names_once *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++) {
		if (str_eq(names->name[i], name))
			return;
	}
	const char **grown = arena_array(a, names->n + 1, sizeof(*grown));
	for (size_t i = 0; i < names->n; i++)
		grown[i] = names->name[i];
	grown[names->n++] = name;
	names->name = grown;
}

static void collect(struct host *host, const struct handover *handover, struct names_once *units,
		    struct names_once *timers)
{
	struct record record;

	for (size_t i = 0; i < handover->n; i++) {
		const struct handover_function *f = &handover->functions[i];

		if (f->state == HANDOVER_STUCK || !journal_read(host, f->function, &record))
			continue;
		for (size_t k = 0; k < record.n_units; k++)
			add_once(&host->arena, units, record.units[k]);
		if (record.timer)
			add_once(&host->arena, timers, record.timer);
	}
}

static int resume(struct host *host, struct handover *handover, const struct names_once *units,
		  const struct names_once *timers, struct err *e)
{
	const char **start = arena_array(&host->arena, units->n, sizeof(*start));
	struct record *others;
	size_t n_others, n = 0;
	int error = read_others(host, handover, &others, &n_others, e);

	for (size_t i = 0; i < timers->n && error == 0; i++) {
		if (!is_wanted(others, n_others, NULL, timers->name[i]))
			timer_disarm(host, timers->name[i]);
	}
	for (size_t i = 0; i < units->n && error == 0; i++) {
		if (!is_wanted(others, n_others, units->name[i], NULL))
			start[n++] = units->name[i];
	}
	if (!handover->going)
		return error == 0 && n > 0 ? units_start(host, start, n, e) : error;
	/* a mount would wait for its disk, or come up just before that goes */
	handover->units = start;
	handover->n_units = n;
	return error;
}

int back_finish(struct host *host, struct handover *handover, struct err *e)
{
	struct names_once units = { 0 }, timers = { 0 };
	int error = 0;

	collect(host, handover, &units, &timers);
	if (units.n > 0 || timers.n > 0)
		error = resume(host, handover, &units, &timers, e);
	/* a unit that does not start, a setting that is not restored: the next release tries again
	 */
	for (size_t i = 0; i < handover->n && error == 0; i++) {
		const struct handover_function *f = &handover->functions[i];
		if (f->state != HANDOVER_STUCK && !settings_lost(f))
			journal_forget(host, f->function);
	}
	return error;
}
