// SPDX-License-Identifier: MIT
// The writes of a handover, one function each, and the reads that prove them.
// Documentation/ABI/testing/sysfs-bus-pci; drivers/base/bus.c for what drivers_probe answers.
//
// Whatever takes the lock of the device may wait for ever, and does while another process unbinds a
// driver that waits for its users: all writes, and reading driver_override. These go through a
// child (root_write_watched()); links and other attributes are read directly.

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

static int already_stuck(const struct handover_function *f, struct err *e)
{
	return err_fail(e, -ETIMEDOUT,
			"the kernel has not come back from %s yet: nothing more is done to %s",
			f->wait->file, f->function->name);
}

static int stuck(struct sysfs *s, struct handover_function *f, const char *path, const char *value,
		 pid_t child, struct err *e)
{
	struct arena *a = &s->host->arena;
	const char *what =
		value ? arena_printf(a, "writing %s to", *value == '\n' ? "nothing" : value)
		      : "reading";

	f->wait = stuck_describe(s->host, f->function, path, value, s->limit_ms, child);
	f->state = HANDOVER_STUCK;
	return err_fail(e, -ETIMEDOUT,
			"%s: the kernel has not come back from %s %s within %u s, where process %d "
			"is left waiting",
			f->function->name, what, path, s->limit_ms / 1000, (int)child);
}

static int write_to(struct sysfs *s, struct handover_function *f, const char *path,
		    const char *value, struct err *e)
{
	pid_t child = 0;

	if (f->wait)
		return already_stuck(f, e);
	int error = root_write_watched(s->host->root, path, value, s->limit_ms, &child);
	return error == -ETIMEDOUT ? stuck(s, f, path, value, child, e) : error;
}

int sysfs_override(struct sysfs *s, struct handover_function *f, const char **ret, struct err *e)
{
	struct arena *a = &s->host->arena;
	const char *path = attribute(s->host, f->function, "driver_override");
	struct bytes data;
	pid_t child = 0;

	*ret = NULL;
	if (f->wait)
		return already_stuck(f, e);
	int error = root_read_watched(s->host->root, a, path, s->limit_ms, &data, &child);
	if (error == -ETIMEDOUT)
		return stuck(s, f, path, NULL, child, e);
	if (error == -ENOENT && is_gone(s->host, f->function))
		return err_fail(e, -ENODEV, "%s does not exist any more", f->function->name);
	if (error < 0)
		return err_io(e, error, "reading driver_override of %s", f->function->name);
	const char *text = text_trimmed(a, data);
	if (*text && !str_eq(text, "(null)"))
		*ret = text;
	return 0;
}

int sysfs_set_override(struct sysfs *s, struct handover_function *f, const char *driver,
		       struct err *e)
{
	const char *now, *name = f->function->name;
	int error = write_to(s, f, attribute(s->host, f->function, "driver_override"),
			     driver ? driver : "\n", e);

	if (error == -ETIMEDOUT)
		return error;
	if (error == -ENOENT && is_gone(s->host, f->function))
		return err_fail(e, -ENODEV, "%s does not exist any more", name);
	if (error < 0)
		return err_io(e, error, "writing driver_override of %s", name);
	error = sysfs_override(s, f, &now, e);
	if (error < 0)
		return error;
	if (driver ? !now || !str_eq(now, driver) : now != NULL)
		return err_fail(e, -EIO, "driver_override of %s says %s after %s was written", name,
				now ? now : "nothing", driver ? driver : "nothing");
	return 0;
}

int sysfs_unbind(struct sysfs *s, struct handover_function *f, const char *driver, struct err *e)
{
	const char *path = arena_printf(&s->host->arena, "sys/bus/pci/drivers/%s/unbind", driver);
	int error = write_to(s, f, path, f->function->name, e);

	if (error < 0 && error != -ETIMEDOUT)
		return err_io(e, error, "unbinding %s from %s", f->function->name, driver);
	return error;
}

int sysfs_probe(struct sysfs *s, struct handover_function *f, struct err *e)
{
	int error = write_to(s, f, "sys/bus/pci/drivers_probe", f->function->name, e);

	/* EINVAL: a driver was tried and did not want it; the read back tells which one has it */
	if (error == 0 || error == -EINVAL || error == -ETIMEDOUT)
		return error == -EINVAL ? 0 : error;
	return err_io(e, error, "asking the kernel for a driver for %s", f->function->name);
}

int sysfs_set(struct sysfs *s, struct handover_function *f, const char *name, const char *value,
	      struct err *e)
{
	int error = write_to(s, f, attribute(s->host, f->function, name), value, e);

	if (error < 0 && error != -ETIMEDOUT)
		return err_io(e, error, "writing %s of %s", name, f->function->name);
	return error;
}
