// SPDX-License-Identifier: MIT
// Resets: of each function by each method that the kernel has for it, then of the bus or slot with
// everything on it. VFIO_DEVICE_RESET takes the first method of reset_method that works
// (pci_reset_function() in drivers/pci/pci.c), so a method is tried by leaving it alone in that
// list; the list is restored afterwards, by guard.c too when this process does not live so long.
//
// A reset is good when the kernel has put back what it saves around it (the header, BARs, the
// capabilities with controls) and the device answers again. What else has changed went to
// what the device starts with, which is the purpose.

#include "base/text.h"
#include "probe/internal.h"

#include <inttypes.h>

#define METHODS "/reset_method"

static const char *methods_path(struct session *s, const struct trial *t)
{
	return arena_concat(s->a, t->probed->function->path, METHODS);
}

void reset_read_methods(struct session *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct trial *t = &s->trials[i];
		struct bytes text;

		t->methods_error = root_read(s->host->root, s->a, methods_path(s, t), &text);
		if (t->methods_error == 0)
			t->methods = text_trimmed(s->a, text);
	}
}

/* ---- what a reset would reach ---- */

void reset_read_affected(struct trial *t)
{
	struct probe_function *probed = t->probed;
	struct err e = { 0 };

	probed->affected_error = vfio_read_hot_reset(t->device, &probed->affected, &e);
}

/* "0000:02:01.0, 0000:02:02.0": those that are not of this session. */
static const char *others_text(struct session *s, const struct vfio_hot_reset *affected)
{
	const char **names = arena_array(s->a, affected->n, sizeof(*names));
	size_t n = 0;

	for (size_t i = 0; i < affected->n; i++) {
		if (!affected->functions[i].owned)
			names[n++] = affected->functions[i].name;
	}
	return text_join(s->a, names, n, ", ");
}

/* ---- what came of one ---- */

static const char *changes_text(struct session *s, const struct vfio_change *changes, size_t n,
				enum vfio_change_kind kind)
{
	const char *names[4];
	size_t n_names = 0, n_all = 0;

	for (size_t i = 0; i < n; i++) {
		if (changes[i].kind != kind)
			continue;
		if (n_names < ARRAY_SIZE(names))
			names[n_names++] = arena_printf(
				s->a, "%s (0x%" PRIx32 ": 0x%08" PRIx32 " became 0x%08" PRIx32 ")",
				changes[i].name, changes[i].offset, changes[i].before,
				changes[i].after);
		n_all++;
	}
	if (n_all == 0)
		return NULL;
	const char *text = text_join(s->a, names, n_names, ", ");
	return n_all == n_names ? text
				: arena_printf(s->a, "%s and %zu more", text, n_all - n_names);
}

/* Whether the device is as it should be after a reset that the kernel says has worked. */
static void judge(struct session *s, struct trial *t, struct probe_step *step, struct bytes before)
{
	struct vfio_change *changes;
	struct bytes after;
	size_t n;

	int error = sysfs_config_read(s->host, t->probed->function, &after);
	if (error < 0 || before.n == 0) {
		step_say(s->a, step, PROBE_UNKNOWN,
			 "done, but whether the device is as before could not be read: %s",
			 fact_reason(error ? error : -EACCES));
		return;
	}
	if (config_is_silent(after)) {
		step_say(s->a, step, PROBE_NO, "the device does not answer after it");
		return;
	}
	vfio_config_compare(s->a, before, after, &changes, &n);
	const char *lost = changes_text(s, changes, n, VFIO_CHANGE_LOST);
	if (lost) {
		step_say(s->a, step, PROBE_NO, "its configuration is not restored: %s", lost);
		return;
	}
	const char *bar = device_lost_bar(s, t);
	if (bar) {
		step_say(s->a, step, PROBE_NO, "%s reads all ones after it", bar);
		return;
	}
	const char *defaults = changes_text(s, changes, n, VFIO_CHANGE_DEFAULT);
	step->answer = PROBE_YES;
	if (defaults)
		step_say(s->a, step, PROBE_YES, "set back: %s", defaults);
}

static void reset_once(struct session *s, struct trial *t, struct probe_step *step)
{
	struct err e = { 0 };
	struct bytes before;
	uint64_t ns;

	int error = sysfs_config_read(s->host, t->probed->function, &before);
	if (error < 0)
		before = (struct bytes){ 0 };
	error = vfio_reset(t->device, &ns, &e);
	if (error < 0) {
		step_fail(s->a, step, error, &e);
		return;
	}
	step_took(step, ns);
	judge(s, t, step, before);
}

/* ---- each function alone ---- */

/* Leaves @method alone in the list; @list: what is in it, so that nothing is written for nothing.
 */
static bool choose(struct session *s, struct trial *t, const char *method, struct probe_step *step)
{
	if (str_eq(method, t->methods))
		return true;
	int error = root_write(s->host->root, methods_path(s, t), method);
	if (error == 0)
		return true;
	step_say(s->a, step, PROBE_NOT_TRIED, "writing reset_method of %s: %s",
		 t->probed->function->name, strerror(-error));
	return false;
}

static void try_method(struct session *s, struct trial *t, const char *method, bool first)
{
	const struct probe_function *probed = t->probed;
	struct probe_step *step =
		step_add(s->a, &t->probed->steps, arena_printf(s->a, "reset: %s", method),
			 s->backend, first ? PROBE_LIMITS : PROBE_TOLD);

	/* the kernel has this method only for a function that is alone on its bus; to be sure */
	if ((str_eq(method, "bus") || str_eq(method, "cxl_bus")) && probed->affected_error == 0 &&
	    !probed->affected.owned)
		step_say(s->a, step, PROBE_NOT_TRIED, "it would reset too: %s",
			 others_text(s, &probed->affected));
	else if (choose(s, t, method, step))
		reset_once(s, t, step);
}

static void restore_methods(struct session *s, struct trial *t)
{
	struct bytes text;
	const char *path = methods_path(s, t);
	int error = root_read(s->host->root, s->a, path, &text);

	if (error == 0 && str_eq(text_trimmed(s->a, text), t->methods))
		return;
	if (error == 0)
		error = root_write(s->host->root, path, t->methods);
	if (error == 0)
		return;
	struct probe_step *step = step_add(s->a, &t->probed->steps, "reset methods restored",
					   s->backend, PROBE_LIMITS);
	step_say(s->a, step, PROBE_NO, "writing %s to reset_method: %s", t->methods,
		 strerror(-error));
}

static void try_function(struct session *s, struct trial *t)
{
	const char *rest = t->methods, *method;
	bool first = true;

	if (!t->methods || !*t->methods) {
		struct probe_step *step =
			step_add(s->a, &t->probed->steps, "reset", s->backend, PROBE_LIMITS);

		/* before Linux 5.15 the attribute is not there, the resets are */
		if (t->facts->can_reset)
			reset_once(s, t, step);
		else
			step_say(s->a, step, PROBE_NO, "the kernel has no reset for it alone");
		return;
	}
	for (; (method = text_next_word(s->a, &rest)); first = false)
		try_method(s, t, method, first);
	restore_methods(s, t);
}

/* ---- all functions of a bus or slot ---- */

static struct trial *trial_of(struct session *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++) {
		if (str_eq(s->trials[i].probed->function->name, name))
			return s->trials[i].device ? &s->trials[i] : NULL;
	}
	return NULL;
}

static bool is_reset(const struct probe_step *step)
{
	return str_starts(step->name, "reset") || str_eq(step->name, "hot reset");
}

/*
 * One way to reset it is enough: what the kernel then refuses to do in another way is no loss. A
 * reset that was done and went wrong stays one.
 */
static void excuse_refusals(struct trial *t)
{
	const struct probe_steps *steps = &t->probed->steps;
	bool works = false;

	for (size_t i = 0; i < steps->n; i++)
		works |= is_reset(&steps->step[i]) && steps->step[i].answer == PROBE_YES;
	for (size_t i = 0; i < steps->n && works; i++) {
		if (is_reset(&steps->step[i]) && !steps->step[i].timed)
			steps->step[i].weight = PROBE_TOLD;
	}
}

static void reset_all(struct session *s, struct trial *t)
{
	const struct vfio_hot_reset *affected = &t->probed->affected;
	struct bytes *before = arena_array(s->a, affected->n, sizeof(*before));
	struct err e = { 0 };
	uint64_t ns = 0;

	for (size_t i = 0; i < affected->n; i++) {
		struct trial *one = trial_of(s, affected->functions[i].name);

		if (!one || sysfs_config_read(s->host, one->probed->function, &before[i]) < 0)
			before[i] = (struct bytes){ 0 };
	}
	int error = vfio_hot_reset(t->device, &ns, &e);
	for (size_t i = 0; i < affected->n; i++) {
		struct trial *one = trial_of(s, affected->functions[i].name);

		if (!one)
			continue;
		struct probe_step *step =
			step_add(s->a, &one->probed->steps, "hot reset", s->backend, PROBE_LIMITS);
		if (error < 0) {
			step_fail(s->a, step, error, &e);
			continue;
		}
		step_took(step, ns);
		judge(s, one, step, before[i]);
	}
}

static void try_hot_reset(struct session *s, struct trial *t)
{
	const struct probe_function *probed = t->probed;

	if (step_find(&probed->steps, "hot reset"))
		return; /* with another function of its bus */
	if (probed->affected_error == 0 && probed->affected.owned) {
		reset_all(s, t);
		return;
	}
	struct probe_step *step =
		step_add(s->a, &t->probed->steps, "hot reset", s->backend, PROBE_TOLD);
	if (probed->affected_error == -ENODEV)
		step_say(s->a, step, PROBE_NOT_TRIED, "neither its bus nor its slot can be reset");
	else if (probed->affected_error)
		step_say(s->a, step, PROBE_NOT_TRIED, "what it would reset: %s",
			 strerror(-probed->affected_error));
	else
		step_say(s->a, step, PROBE_NOT_TRIED, "it would reset too: %s",
			 others_text(s, &probed->affected));
}

void reset_try(struct session *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->trials[i].device && s->trials[i].facts)
			try_function(s, &s->trials[i]);
	}
	for (size_t i = 0; i < s->n; i++) {
		if (s->trials[i].device && s->trials[i].facts)
			try_hot_reset(s, &s->trials[i]);
	}
	for (size_t i = 0; i < s->n; i++)
		excuse_refusals(&s->trials[i]);
}
