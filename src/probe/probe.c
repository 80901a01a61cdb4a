// SPDX-License-Identifier: MIT
// The order of a probe: each back end that the kernel offers in its own turn, a session that opens
// all functions as one VMM would, what is harmless first, resets last, and then whether everything
// is as before. The first back end that opens something is tried in full; of the other only what
// may differ: whether it opens, interrupts, memory, and what a reset would reach.

#include "base/text.h"
#include "probe/internal.h"

#include <linux/pci_regs.h>

/* ---- before anything is opened ---- */

static int require_driver(const struct pci_function *f, struct err *e)
{
	if (f->driver.error == 0 && host_is_vfio_driver(f->driver.value))
		return 0;
	if (f->driver.error && f->driver.error != -ENOENT)
		return err_fail(e, f->driver.error, "%s: its driver could not be read: %s", f->name,
				fact_reason(f->driver.error));
	if (pci_is_bridge(f))
		return err_refuse(e, "%s is a bridge: bridges stay with the host", f->name);
	return err_refuse(e,
			  "%s %s%s, and a guest needs it with vfio-pci: `passthru bind %s` hands "
			  "it over",
			  f->name, f->driver.error ? "has no driver" : "has the driver ",
			  f->driver.error ? "" : f->driver.value, f->name);
}

/* ---- opening ---- */

/* -EPERM (ERR_REFUSED) with its name when another process has the function open. */
static int refuse_user(struct session *s, const struct trial *t, struct err *e)
{
	const struct pci_function *f = t->probed->function;
	const char *user = host_vfio_user(s->host, f);

	/* of a group that another function of this session has opened, this process is one */
	if (!user || strstr(user, arena_printf(s->a, "(pid %d)", (int)getpid())))
		return 0;
	return err_refuse(e, "%s has %s open through VFIO: stop it first", user, f->name);
}

/* A refusal of the device is a step; only that somebody else has it ends the probe. */
static int attach(struct session *s, struct trial *t, struct err *e)
{
	struct err why = { 0 };

	if (sysfs_config_read(s->host, t->probed->function, &t->config_before) < 0)
		t->config_before = (struct bytes){ 0 };
	uint64_t start = clock_ns();
	int error = vfio_attach(s->v, &t->offer, &t->device, &why);
	uint64_t took = clock_ns() - start;
	if (error < 0) {
		t->device = NULL;
		const struct vfio_failure *failed = vfio_failed(s->v);
		/* a device that is bound already is -EINVAL (vfio_df_ioctl_bind_iommufd()) */
		bool taken = failed->error == -EBUSY || failed->step == VFIO_STEP_BIND_IOMMUFD;
		int refused = taken ? refuse_user(s, t, e) : 0;
		if (refused < 0)
			return refused;
	}
	struct probe_step *step =
		step_add(s->a, &t->probed->steps, "open", s->backend, PROBE_NEEDED);
	step_took(step, took);
	if (error < 0)
		step_fail(s->a, step, error, &why);
	else
		step_say(s->a, step, PROBE_YES, "%s", t->offer.way[s->kind].node);
	return 0;
}

static bool is_open(const struct session *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->trials[i].device)
			return true;
	}
	return false;
}

/* ---- trying ---- */

static void try_all(struct session *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->trials[i].device)
			device_try(s, &s->trials[i]);
	}
	memory_try(s);
	for (size_t i = 0; i < s->n && s->first; i++) {
		if (s->trials[i].device)
			reset_read_affected(&s->trials[i]);
	}
	if (s->first && !s->options->gentle)
		reset_try(s);
}

/*
 * Once closed, its power state may still be on its way: VFIO lets what nobody uses sleep, which
 * the kernel does on its own time.
 */
static void forget_power_state(struct arena *a, struct bytes *config)
{
	struct pci_config decoded;

	pci_decode_config(a, config->data, config->n, &decoded);
	size_t at = decoded.power.offset + (size_t)PCI_PM_CTRL;
	if (decoded.power.error || at >= config->n)
		return;
	char *copy = arena_memdup(a, config->data, config->n);
	copy[at] &= ~PCI_PM_CTRL_STATE_MASK;
	config->data = copy;
}

static void compare_after(struct session *s, struct trial *t)
{
	struct bytes before = t->config_before, after;
	struct vfio_change *changes;
	size_t n, n_lost = 0;
	const char *lost = NULL;

	if (before.n == 0 || sysfs_config_read(s->host, t->probed->function, &after) < 0)
		return;
	forget_power_state(s->a, &before);
	forget_power_state(s->a, &after);
	vfio_config_compare(s->a, before, after, &changes, &n);
	for (size_t i = 0; i < n; i++) {
		if (changes[i].kind != VFIO_CHANGE_LOST)
			continue;
		if (!lost)
			lost = changes[i].name;
		n_lost++;
	}
	struct probe_step *step =
		step_add(s->a, &t->probed->steps, "as before", s->backend, PROBE_LIMITS);
	if (config_is_silent(after)) {
		step->weight = PROBE_NEEDED;
		step_say(s->a, step, PROBE_NO, "the device does not answer any more");
	} else if (lost)
		step_say(s->a, step, PROBE_NO, "%s not as before: %s",
			 text_count(s->a, n_lost, "place of its configuration space is",
				    "places of its configuration space are"),
			 lost);
	else
		step->answer = PROBE_YES;
}

static void close_all(struct session *s)
{
	struct err e = { 0 };
	uint64_t start = clock_ns();
	int error = vfio_close(s->v, &e);

	struct probe_step *step =
		step_add(s->a, &s->probe->steps, "close", s->backend, PROBE_LIMITS);
	step_took(step, clock_ns() - start);
	step->answer = PROBE_YES;
	if (error < 0)
		step_fail(s->a, step, error, &e);
	for (size_t i = 0; i < s->n; i++) {
		if (s->trials[i].device)
			compare_after(s, &s->trials[i]);
		s->trials[i].device = NULL;
	}
}

/* A back end that this kernel does not have, for these functions. */
static bool is_missing(const struct session *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->trials[i].offer.way[s->kind].error != -ENOENT)
			return false;
	}
	return true;
}

/* Negative only when the probe is to end: somebody else has a function. */
static int run_session(struct session *s, bool *first, struct err *e)
{
	struct probe_step *step =
		step_add(s->a, &s->probe->steps, "back end", s->backend, PROBE_LIMITS);
	struct err why = { 0 };
	int error = 0;

	if (is_missing(s)) {
		step->weight = PROBE_TOLD;
		step_say(s->a, step, PROBE_NOT_TRIED, "this kernel does not offer it");
		return 0;
	}
	s->v = vfio_new(s->options->kernel, s->a);
	uint64_t start = clock_ns();
	int opened = vfio_open(s->v, s->kind, &why);
	step_took(step, clock_ns() - start);
	if (opened < 0) {
		step_fail(s->a, step, opened, &why);
		return 0;
	}
	step->answer = PROBE_YES;
	for (size_t i = 0; i < s->n && error == 0; i++)
		error = attach(s, &s->trials[i], e);
	if (error == 0 && is_open(s)) {
		s->first = *first;
		*first = false;
		try_all(s);
	}
	if (error < 0)
		(void)vfio_close(s->v, NULL); /* that somebody has it is what is said */
	else
		close_all(s);
	return error;
}

/* ---- verdicts ---- */

static bool opened(const struct probe_steps *steps)
{
	for (size_t i = 0; i < steps->n; i++) {
		if (str_eq(steps->step[i].name, "open") && steps->step[i].answer == PROBE_YES)
			return true;
	}
	return false;
}

/* What works on one back end is only less when the other does not. */
static void excuse_backends(struct probe_steps *steps)
{
	for (size_t i = 0; i < steps->n && opened(steps); i++) {
		struct probe_step *step = &steps->step[i];

		if (str_eq(step->name, "open") && step->answer != PROBE_YES)
			step->weight = PROBE_LIMITS;
	}
}

static const char *because(struct arena *a, const struct probe_step *step)
{
	return arena_printf(a, "%s%s%s: %s", step->name, step->backend ? ", " : "",
			    step->backend ? step->backend : "",
			    step->what ? step->what : "without a reason");
}

static void weigh(struct arena *a, struct probe_function *f, const struct probe_steps *steps)
{
	for (size_t i = 0; i < steps->n; i++) {
		const struct probe_step *step = &steps->step[i];
		enum probe_answer worse = f->answer;

		if (step->answer != PROBE_NO && step->answer != PROBE_UNKNOWN)
			continue;
		if (step->weight == PROBE_NEEDED && f->answer != PROBE_NO)
			worse = step->answer;
		bool limits = step->weight == PROBE_LIMITS && f->answer == PROBE_YES && !f->limited;
		if (worse != f->answer || limits)
			f->because = because(a, step);
		f->limited |= step->weight == PROBE_LIMITS;
		f->answer = worse;
	}
}

/* Whether a back end could not even be asked. */
static bool is_unknown(const struct probe_steps *steps)
{
	for (size_t i = 0; i < steps->n; i++) {
		if (steps->step[i].answer == PROBE_UNKNOWN)
			return true;
	}
	return false;
}

static void conclude(struct arena *a, struct probe *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct probe_function *f = &p->functions[i];

		excuse_backends(&f->steps);
		weigh(a, f, &f->steps);
		weigh(a, f, &p->steps);
		if (f->answer == PROBE_YES && !opened(&f->steps)) {
			f->answer = is_unknown(&p->steps) ? PROBE_UNKNOWN : PROBE_NO;
			if (!f->because)
				f->because = "the kernel offers no way to open it";
		}
	}
}

static struct trial *make_trials(struct host *host, struct probe *p)
{
	struct trial *trials = arena_array(&host->arena, p->n, sizeof(*trials));

	for (size_t i = 0; i < p->n; i++) {
		trials[i].probed = &p->functions[i];
		vfio_offer_read(host, p->functions[i].function, &trials[i].offer);
		for (size_t k = 0; k < VFIO_REGION_BARS; k++)
			trials[i].bar[k] = UINT32_MAX;
	}
	return trials;
}

int probe_run(struct host *host, const struct handover *handover,
	      const struct probe_options *options, struct probe *ret, struct err *e)
{
	struct arena *a = &host->arena;
	struct guard guard = { .pipe = -1 };
	bool first = true;
	int error = 0;

	*ret = (struct probe){ .n = handover->n, .guest_bytes = options->guest_bytes };
	ret->lock_bytes.error = -ENODATA;
	ret->functions = arena_array(a, ret->n, sizeof(*ret->functions));
	for (size_t i = 0; i < ret->n && error == 0; i++) {
		ret->functions[i].function = handover->functions[i].function;
		ret->functions[i].affected_error = -ENODATA;
		error = require_driver(ret->functions[i].function, e);
	}
	if (error < 0)
		return error;
	struct session s = { .host = host,
			     .a = a,
			     .options = options,
			     .probe = ret,
			     .trials = make_trials(host, ret),
			     .n = ret->n };
	if (!options->gentle) {
		reset_read_methods(&s);
		error = guard_start(&s, &guard, e);
	}
	for (unsigned kind = 0; kind < VFIO_BACKENDS && error == 0; kind++) {
		if (!(options->backends & 1u << kind))
			continue;
		s.kind = (enum vfio_backend)kind;
		s.backend = vfio_backend_name(s.kind);
		s.first = false;
		error = run_session(&s, &first, e);
	}
	guard_end(&guard);
	conclude(a, ret);
	return error;
}
