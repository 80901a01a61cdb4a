// SPDX-License-Identifier: MIT
// The writes of a handover, one function each, and the reads that prove them.
// Documentation/ABI/testing/sysfs-bus-pci; drivers/base/bus.c for what drivers_probe answers.

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

int sysfs_override(struct host *host, const struct pci_function *f, const char **ret, struct err *e)
{
	struct bytes data;
	int error =
		root_read(host->root, &host->arena, attribute(host, f, "driver_override"), &data);

	*ret = NULL;
	if (error < 0)
		return err_io(e, error, "reading driver_override of %s", f->name);
	const char *text = text_trimmed(&host->arena, data);
	if (*text && !str_eq(text, "(null)"))
		*ret = text;
	return 0;
}

int sysfs_set_override(struct host *host, const struct pci_function *f, const char *driver,
		       struct err *e)
{
	const char *now;
	int error = root_write(host->root, attribute(host, f, "driver_override"),
			       driver ? driver : "\n");

	if (error == -ENOENT && is_gone(host, f))
		return err_fail(e, -ENODEV, "%s does not exist any more", f->name);
	if (error < 0)
		return err_io(e, error, "writing driver_override of %s", f->name);
	error = sysfs_override(host, f, &now, e);
	if (error < 0)
		return error;
	if (driver ? !now || !str_eq(now, driver) : now != NULL)
		return err_fail(e, -EIO, "driver_override of %s says %s after %s was written",
				f->name, now ? now : "nothing", driver ? driver : "nothing");
	return 0;
}

int sysfs_unbind(struct host *host, const struct pci_function *f, const char *driver, struct err *e)
{
	const char *path = arena_printf(&host->arena, "sys/bus/pci/drivers/%s/unbind", driver);
	int error = root_write(host->root, path, f->name);

	if (error < 0)
		return err_io(e, error, "unbinding %s from %s", f->name, driver);
	return 0;
}

int sysfs_probe(struct host *host, const struct pci_function *f, struct err *e)
{
	int error = root_write(host->root, "sys/bus/pci/drivers_probe", f->name);

	/* EINVAL: a driver was tried and did not want it; the read back tells which one has it */
	if (error < 0 && error != -EINVAL)
		return err_io(e, error, "asking the kernel for a driver for %s", f->name);
	return 0;
}
