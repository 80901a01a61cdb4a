// SPDX-License-Identifier: MIT
// systemd units that use the functions: stopped before a handover, started again after a release or
// a handover that failed. Stopping a unit stops what requires it too, and what listens for it
// (sockets, paths, timers) would start it again: both are stopped with it, by name, so that they
// are shown before and started after. systemctl(1), systemd.unit(5): RequiredBy=, BoundBy=,
// ConsistsOf=, TriggeredBy=.

#include "base/run.h"
#include "base/text.h"
#include "handover/internal.h"

#include <errno.h>
#include <string.h>

/* DefaultTimeoutStopSec= and DefaultTimeoutStartSec= are 90 s */
#define JOB_LIMIT_MS 100000u
#define SHOW_LIMIT_MS 10000u
#define UNITS_MAX 64

struct unit_list {
	const char *name[UNITS_MAX];
	size_t n;
};

struct search {
	struct host *host;
	struct unit_list seen; /* so that circles end */
	struct unit_list stop; /* in the order of stopping */
	const char *own;       /* the unit that this program runs in, or NULL */
};

/* ---- what systemd says ---- */

struct output {
	struct arena *a;
	char *text;
	size_t n;
};

static void take(void *closure, const char *data, size_t n)
{
	struct output *out = closure;
	char *grown = arena_alloc(out->a, out->n + n + 1);

	if (out->n)
		memcpy(grown, out->text, out->n);
	memcpy(grown + out->n, data, n);
	out->text = grown;
	out->n += n;
}

/* `systemctl show`: lines "Property=value"; NULL when systemd does not answer. */
static const char *show(struct search *search, const char *unit)
{
	static const char properties[] =
		"--property=Id,ActiveState,FragmentPath,Transient,RefuseManualStop,"
		"RequiredBy,BoundBy,ConsistsOf,TriggeredBy,Following";
	const char *argv[] = { "systemctl", "show", properties, "--", unit, NULL };
	struct output out = { .a = &search->host->arena };

	if (run_read_within(argv, SHOW_LIMIT_MS, take, &out, NULL) < 0)
		return NULL;
	return out.text;
}

/* The value of @key in what show() gave; "" when it says nothing. */
static const char *property(struct arena *a, const char *shown, const char *key)
{
	size_t n_key = strlen(key), n;
	const char *line;

	while (text_next_line(&shown, &line, &n)) {
		if (n > n_key && strncmp(line, key, n_key) == 0 && line[n_key] == '=')
			return arena_strndup(a, line + n_key + 1, n - n_key - 1);
	}
	return "";
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), n_end = strlen(end);

	return n >= n_end && str_eq(text + n - n_end, end);
}

static bool contains(const struct unit_list *list, const char *unit)
{
	for (size_t i = 0; i < list->n; i++) {
		if (str_eq(list->name[i], unit))
			return true;
	}
	return false;
}

/* The unit in the last word of the path in proc/self/cgroup, or NULL. */
static const char *own_unit(struct host *host)
{
	struct bytes text;
	const char *line;
	size_t n;

	if (root_read(host->root, &host->arena, "proc/self/cgroup", &text) < 0)
		return NULL;
	for (const char *rest = text.data; text_next_line(&rest, &line, &n);) {
		const char *copy = arena_strndup(&host->arena, line, n);
		const char *name = text_last_part(copy);
		if (ends_with(name, ".service") || ends_with(name, ".scope"))
			return name;
	}
	return NULL;
}

/* ---- which units to stop ---- */

/* What the host cannot do without, and what this program is a part of. */
static bool is_vital(const struct search *search, const char *unit)
{
	static const char *const prefixes[] = {
		"systemd-", "dbus", "init.scope", "-.", "user@", "session-", "ssh", "polkit",
	};

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (str_starts(unit, prefixes[i]))
			return true;
	}
	return search->own && str_eq(search->own, unit);
}

static bool is_stoppable_kind(const char *unit)
{
	static const char *const kinds[] = { ".service", ".mount", ".swap",
					     ".socket",  ".path",  ".timer" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (ends_with(unit, kinds[i]))
			return true;
	}
	return false;
}

static bool is_active(const char *state)
{
	return str_eq(state, "active") || str_eq(state, "activating") || str_eq(state, "reloading");
}

/* Why @unit is not to be stopped, as the end of a sentence about it; NULL: it may be. */
static const char *objection(const struct search *search, const char *unit, const char *shown)
{
	struct arena *a = &search->host->arena;

	if (ends_with(unit, ".scope"))
		return "holds programs that systemd did not start and could not start again";
	if (is_vital(search, unit) || !is_stoppable_kind(unit))
		return "is not stopped, because this host or session needs it";
	if (!shown)
		return "is not known to systemctl";
	if (!is_active(property(a, shown, "ActiveState")))
		return "is not active";
	if (str_eq(property(a, shown, "RefuseManualStop"), "yes"))
		return "refuses to be stopped by hand";
	/* one that was mounted by hand has a source, proc/self/mountinfo, but no fragment */
	if (str_eq(property(a, shown, "Transient"), "yes") || !*property(a, shown, "FragmentPath"))
		return "has no file that it could be started again from";
	return NULL;
}

static const char *add_unit(struct search *search, const char *unit);

/* Those of the list that are active, before the one they are about. */
static const char *add_others(struct search *search, const char *shown, const char *key)
{
	struct arena *a = &search->host->arena;
	const char *rest = property(a, shown, key), *name, *bad;

	while ((name = text_next_word(a, &rest))) {
		/* targets end with what they are made of and come back with it */
		if (!is_stoppable_kind(name) || contains(&search->seen, name))
			continue;
		const char *other = show(search, name);
		if (!other || !is_active(property(a, other, "ActiveState")))
			continue;
		bad = add_unit(search, name);
		if (bad)
			return arena_printf(a, "would take %s with it, which %s", name, bad);
	}
	return NULL;
}

/* Adds @unit behind what has to be stopped before it; else why not. */
static const char *add_unit(struct search *search, const char *unit)
{
	static const char *const lists[] = { "TriggeredBy", "RequiredBy", "BoundBy", "ConsistsOf" };
	struct arena *a = &search->host->arena;

	if (contains(&search->stop, unit))
		return NULL;
	const char *shown = show(search, unit);
	/* a swap or device has several names, of which only one has a file */
	const char *following = shown ? property(a, shown, "Following") : "";
	if (*following && !contains(&search->seen, following))
		return add_unit(search, following);
	const char *bad = objection(search, unit, shown);
	if (bad)
		return bad;
	if (search->seen.n == UNITS_MAX)
		return "has more units that depend on it than this program follows";
	search->seen.name[search->seen.n++] = unit;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		bad = add_others(search, shown, lists[i]);
		if (bad)
			return bad;
	}
	search->stop.name[search->stop.n++] = unit;
	return NULL;
}

/* On a record nobody can be asked: the unit is what the record says. */
static const char *try_unit(struct search *search, const char *unit)
{
	if (root_is_live(search->host->root)) {
		struct search before = *search;
		const char *bad = add_unit(search, unit);

		if (bad)
			*search = before;
		return bad;
	}
	if (ends_with(unit, ".scope") || is_vital(search, unit))
		return objection(search, unit, "");
	if (!contains(&search->stop, unit) && search->stop.n < UNITS_MAX)
		search->stop.name[search->stop.n++] = unit;
	return NULL;
}

void handover_stop_units(struct host *host, struct handover *handover,
			 struct handover_refusals *refusals)
{
	struct search search = { .host = host, .own = own_unit(host) };
	struct arena *a = &host->arena;
	size_t n = 0;

	for (size_t i = 0; i < refusals->n; i++) {
		struct handover_refusal refusal = refusals->refusal[i];
		/* a guest is not a unit to stop: it ends by its own means */
		const char *bad = NULL;

		if (refusal.unit && refusal.allow) {
			bad = try_unit(&search, refusal.unit);
			if (!bad)
				continue;
			refusal.what =
				arena_printf(a, "%s, and %s %s", refusal.what, refusal.unit, bad);
		}
		refusals->refusal[n++] = refusal;
	}
	refusals->n = n;
	const char **names = arena_array(a, search.stop.n, sizeof(*names));
	if (search.stop.n)
		memcpy(names, search.stop.name, search.stop.n * sizeof(*names));
	handover->units = names;
	handover->n_units = search.stop.n;
}

/* ---- stopping and starting ---- */

static void ignore(void *closure, const char *data, size_t n)
{
	(void)closure, (void)data, (void)n;
}

static int job(const char *verb, const char *unit, struct err *e)
{
	const char *argv[] = { "systemctl", "--no-ask-password", verb, "--", unit, NULL };

	return run_read_within(argv, JOB_LIMIT_MS, ignore, NULL, e);
}

int units_stop(struct host *host, struct handover *handover, struct err *e)
{
	struct handover_refusals refusals = { 0 };

	if (handover->n_units == 0)
		return 0;
	for (size_t i = 0; i < handover->n_units; i++) {
		int error = job("stop", handover->units[i], e);

		if (error < 0)
			return err_wrap(e, error, "stopping %s", handover->units[i]);
	}
	/* what was read is from before */
	host->use = NULL;
	for (size_t i = 0; i < handover->n; i++)
		handover->functions[i].function->facts = NULL;
	refuse_uses(host, handover, handover->allowed, &refusals);
	int error = handover_refuse(host, &refusals, e);
	return error < 0 ? err_wrap(e, error, "after its units were stopped") : 0;
}

/* In which round a unit is started: what is mounted, what listens, what runs. A socket does not
 * start when its service is there already (socket_start() of systemd). */
static int round_of(const char *unit)
{
	if (ends_with(unit, ".mount") || ends_with(unit, ".swap"))
		return 0;
	return ends_with(unit, ".service") ? 2 : 1;
}

int units_start(struct host *host, const char *const *units, size_t n, struct err *e)
{
	int error = 0;

	(void)host;
	for (int round = 0; round <= 2; round++) {
		for (size_t i = n; i-- > 0;) {
			if (round_of(units[i]) != round)
				continue;
			int failed = job("start", units[i], error ? NULL : e);

			/* one that does not start is no reason to leave the others */
			if (failed < 0 && error == 0)
				error = err_wrap(e, failed, "starting %s again", units[i]);
		}
	}
	return error;
}
