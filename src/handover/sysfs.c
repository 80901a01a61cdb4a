// SPDX-License-Identifier: MIT
// The writes of a handover, one function each, and the reads that prove them.
// Documentation/ABI/testing/sysfs-bus-pci; drivers/base/bus.c for what drivers_probe answers.
//
// Whatever takes the lock of the device may wait for ever, and does while another process unbinds a
// driver that waits for its users: all writes, and reading driver_override. These go through a
// child (root_watched()); links and other attributes are read directly. The child is asked for as
// much at a time as may be done without looking in between: waking it costs more than a write.

#include "base/text.h"
#include "handover/internal.h"

#include <errno.h>
#include <string.h>

static const char *attribute(struct host *host, const struct pci_function *f, const char *name)
{
	return arena_printf(&host->arena, "%s/%s", f->path, name);
}

static bool is_gone(struct host *host, const struct pci_function *f)
{
	const char *target;
	const char *link = arena_printf(&host->arena, "sys/bus/pci/devices/%s", f->name);

	return root_link(host->root, &host->arena, link, &target) == -ENOENT;
}

bool sysfs_has_driver(struct host *host, const char *name)
{
	struct names names;
	const char *path = arena_printf(&host->arena, "sys/bus/pci/drivers/%s", name);

	/* a name out of a record or an override need not be one */
	if (!*name || strchr(name, '/') || *name == '.')
		return false;
	return root_list(host->root, &host->arena, path, &names) == 0;
}

int sysfs_driver(struct host *host, const struct pci_function *f, const char **ret, struct err *e)
{
	const char *target;
	int error = root_link(host->root, &host->arena, attribute(host, f, "driver"), &target);

	*ret = NULL;
	if (error == -ENOENT && is_gone(host, f))
		return err_fail(e, -ENODEV, "%s does not exist any more", f->name);
	if (error == -ENOENT)
		return 0;
	if (error < 0)
		return err_io(e, error, "reading the driver of %s", f->name);
	*ret = text_last_part(target);
	return 0;
}

/* ---- through the child ---- */

/* Each further attempt says the same as the first: nothing more is done to it. */
static int already_stuck(const struct handover_function *f, struct err *e)
{
	const struct handover_wait *wait = f->wait;

	return err_fail(e, -ETIMEDOUT,
			"%s: the kernel has not come back from %s%s%s %s within %u s, where "
			"process %d is left waiting; nothing more is done to %s",
			f->function->name, wait->value ? "writing " : "reading",
			!wait->value           ? ""
			: *wait->value == '\n' ? "nothing"
					       : wait->value,
			wait->value ? " to" : "", wait->file, wait->waited_ms / 1000,
			(int)wait->writer, f->function->name);
}

static int stuck(struct sysfs *s, struct handover_function *f, const struct root_step *step,
		 pid_t child, struct err *e)
{
	f->wait = stuck_describe(s->host, f->function, step->path, step->text, s->limit_ms, child);
	f->state = HANDOVER_STUCK;
	return already_stuck(f, e);
}

enum deed { DEED_READ, DEED_OVERRIDE, DEED_PROOF, DEED_UNBIND, DEED_PROBE };

/* A read or write for one function, with what a sentence about its failure needs. */
struct task {
	struct handover_function *f;
	enum deed deed;
	const char *driver; /* NULL: none */
};

/* Room for the tasks of one series. */
struct series {
	struct sysfs *sysfs;
	struct task *task;
	struct root_step *step;
	size_t n;
};

static struct series series_new(struct sysfs *s, size_t size)
{
	return (struct series){
		.sysfs = s,
		.task = arena_array(&s->host->arena, size, sizeof(struct task)),
		.step = arena_array(&s->host->arena, size, sizeof(struct root_step)),
	};
}

static void add(struct series *series, struct task task, struct root_step step)
{
	series->task[series->n] = task;
	series->step[series->n++] = step;
}

static void add_read(struct series *series, struct handover_function *f)
{
	const char *path = attribute(series->sysfs->host, f->function, "driver_override");

	add(series, (struct task){ f, DEED_READ, NULL }, (struct root_step){ .path = path });
}

/* Sets it and reads it back: until it is what was asked for nothing else is done. */
static void add_override(struct series *series, struct handover_function *f, const char *driver)
{
	const char *path = attribute(series->sysfs->host, f->function, "driver_override");

	f->override_known = false;
	add(series, (struct task){ f, DEED_OVERRIDE, driver },
	    (struct root_step){ .path = path, .text = driver ? driver : "\n" });
	add(series, (struct task){ f, DEED_PROOF, driver },
	    (struct root_step){ .path = path,
				.expected = driver ? driver : "(null)",
				.or_expected = driver ? NULL : "" });
}

static void add_unbind(struct series *series, struct handover_function *f, const char *driver)
{
	add(series, (struct task){ f, DEED_UNBIND, driver },
	    (struct root_step){
		    .path = arena_printf(&series->sysfs->host->arena,
					 "sys/bus/pci/drivers/%s/unbind", driver),
		    .text = f->function->name,
	    });
}

static void add_probe(struct series *series, struct handover_function *f)
{
	add(series, (struct task){ f, DEED_PROBE, NULL },
	    (struct root_step){
		    .path = "sys/bus/pci/drivers_probe",
		    .text = f->function->name,
		    /* a driver was tried and did not want it; which one has it is looked at */
		    .accepted = -EINVAL,
	    });
}

static const char *override_in(struct host *host, struct bytes data)
{
	const char *text = text_trimmed(&host->arena, data);

	return *text && !str_eq(text, "(null)") ? text : NULL;
}

/* What the steps that were done say. */
static void learn(const struct series *series)
{
	for (size_t i = 0; i < series->n; i++) {
		const struct task *task = &series->task[i];

		if (series->step[i].error || (task->deed != DEED_READ && task->deed != DEED_PROOF))
			continue;
		task->f->override_now =
			task->deed == DEED_PROOF
				? task->driver
				: override_in(series->sysfs->host, series->step[i].data);
		task->f->override_known = true;
	}
}

static int failure(const struct series *series, size_t i, int error, struct err *e)
{
	const struct task *task = &series->task[i];
	const char *name = task->f->function->name;
	struct host *host = series->sysfs->host;

	switch (task->deed) {
	case DEED_READ:
	case DEED_OVERRIDE:
	case DEED_PROOF:
		if (error == -ENOENT && is_gone(host, task->f->function))
			return err_fail(e, -ENODEV, "%s does not exist any more", name);
		break;
	case DEED_UNBIND:
		return err_io(e, error, "unbinding %s from %s", name, task->driver);
	case DEED_PROBE:
		return err_io(e, error, "asking the kernel for a driver for %s", name);
	}
	if (error == -EBADE) {
		const char *now = override_in(host, series->step[i].data);
		return err_fail(e, -EIO, "driver_override of %s says %s after %s was written", name,
				now ? now : "nothing", task->driver ? task->driver : "nothing");
	}
	return err_io(e, error, "%s driver_override of %s",
		      task->deed == DEED_OVERRIDE ? "writing" : "reading", name);
}

/* *@ret_failed: the one that failed, of the functions that are not stuck already. */
static int run(struct series *series, struct task *ret_failed, struct err *e)
{
	struct sysfs *s = series->sysfs;
	pid_t child = 0;

	for (size_t i = 0; i < series->n; i++) {
		*ret_failed = series->task[i];
		if (series->task[i].f->wait)
			return already_stuck(series->task[i].f, e);
	}
	int error = root_watched(s->host->root, &s->host->arena, series->step, series->n,
				 s->limit_ms, &child);
	learn(series);
	for (size_t i = 0; i < series->n && error < 0; i++) {
		const struct root_step *step = &series->step[i];

		if (!step->error || step->error == step->accepted || step->error == -ECANCELED)
			continue;
		*ret_failed = series->task[i];
		return step->error == -ETIMEDOUT ? stuck(s, series->task[i].f, step, child, e)
						 : failure(series, i, step->error, e);
	}
	return error;
}

int sysfs_read_overrides(struct sysfs *s, struct handover_function *functions, size_t n,
			 struct err *e)
{
	struct series series = series_new(s, n);
	struct task failed;

	for (size_t i = 0; i < n; i++)
		add_read(&series, &functions[i]);
	return run(&series, &failed, e);
}

int sysfs_override(struct sysfs *s, struct handover_function *f, const char **ret, struct err *e)
{
	int error = f->override_known && !f->wait ? 0 : sysfs_read_overrides(s, f, 1, e);

	*ret = error < 0 ? NULL : f->override_now;
	return error;
}

int sysfs_set_overrides(struct sysfs *s, struct handover_function *const *functions,
			const char *const *drivers, size_t n, struct err *e)
{
	struct series series = series_new(s, 2 * n);
	struct task failed;

	for (size_t i = 0; i < n; i++)
		add_override(&series, functions[i], drivers[i]);
	return run(&series, &failed, e);
}

int sysfs_set_override(struct sysfs *s, struct handover_function *f, const char *driver,
		       struct err *e)
{
	return sysfs_set_overrides(s, &f, &driver, 1, e);
}

int sysfs_move(struct sysfs *s, struct handover_function *f, struct sysfs_way *way, struct err *e)
{
	struct series series = series_new(s, 6);
	struct task failed = { 0 };
	const char *now = f->override_known ? f->override_now : NULL;

	if (way->aims && !(f->override_known && str_same(now, way->aim)))
		add_override(&series, f, way->aim);
	if (way->unbind)
		add_unbind(&series, f, way->unbind);
	if (way->probes)
		add_probe(&series, f);
	if (way->aims && way->probes && !str_same(way->aim, way->after))
		add_override(&series, f, way->after);
	int error = series.n > 0 ? run(&series, &failed, e) : 0;
	way->left = error == 0;
	for (size_t i = 0; i < series.n; i++)
		way->left |= series.task[i].deed == DEED_UNBIND && series.step[i].error == 0;
	way->probed = way->probes && error == 0;
	for (size_t i = 0; i < series.n; i++)
		way->probed |=
			series.task[i].deed == DEED_PROBE && series.step[i].error != -ECANCELED;
	return error;
}

int sysfs_set(struct sysfs *s, struct handover_function *f, const char *name, const char *value,
	      struct err *e)
{
	struct root_step step = { .path = attribute(s->host, f->function, name), .text = value };
	pid_t child = 0;

	if (f->wait)
		return already_stuck(f, e);
	int error = root_watched(s->host->root, &s->host->arena, &step, 1, s->limit_ms, &child);
	if (error == -ETIMEDOUT)
		return stuck(s, f, &step, child, e);
	return error < 0 ? err_io(e, error, "writing %s of %s", name, f->function->name) : 0;
}
