// SPDX-License-Identifier: MIT
// Attributes that do not survive a handover by themselves. vfio-pci allows runtime power management
// when it takes a function and forbids it when it lets go (pm_runtime_allow() and
// pm_runtime_forbid() in vfio_pci_core_register_device() and _unregister_device() of
// drivers/vfio/pci/vfio_pci_core.c), so power/control says "on" afterwards whatever it said before.
// d3cold_allowed and reset_method are what users and their hooks set for a guest.
//
// QEMU and libvirt write neither; what a guest does to configuration space the kernel puts back
// itself (vfio_pci_core_disable()).

#include "base/text.h"
#include "handover/internal.h"

#include <errno.h>

static const char *const names[] = { "power/control", "d3cold_allowed", "reset_method" };

/* NULL when it is not there or cannot be read: then it cannot be restored either. */
static const char *read_one(struct host *host, const struct pci_function *f, const char *name)
{
	struct bytes data;
	const char *path = arena_printf(&host->arena, "%s/%s", f->path, name);

	if (root_read(host->root, &host->arena, path, &data) < 0)
		return NULL;
	return text_trimmed(&host->arena, data);
}

void settings_read(struct host *host, struct handover_function *f)
{
	f->settings = arena_array(&host->arena, ARRAY_SIZE(names), sizeof(*f->settings));
	f->n_settings = 0;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = read_one(host, f->function, names[i]);
		if (value)
			f->settings[f->n_settings++] =
				(struct handover_setting){ .name = names[i], .before = value };
	}
}

static bool is_known(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (str_eq(names[i], name))
			return true;
	}
	return false;
}

static int restore_one(struct sysfs *s, struct handover_function *f,
		       struct handover_setting *setting, struct err *e)
{
	setting->now = read_one(s->host, f->function, setting->name);
	setting->error = 0;
	if (setting->now && str_eq(setting->now, setting->before)) {
		setting->now = NULL;
		return 0;
	}
	/* no value at all turns every reset method off; a store needs at least one byte */
	setting->error =
		sysfs_set(s, f, setting->name, *setting->before ? setting->before : "\n", e);
	if (setting->error == -ETIMEDOUT)
		return -ETIMEDOUT;
	const char *now = read_one(s->host, f->function, setting->name);
	setting->now = now ? now : "";
	if (str_eq(setting->now, setting->before))
		setting->now = NULL;
	if (!setting->now)
		setting->error = 0;
	else if (setting->error == 0)
		setting->error = -EIO;
	return 0;
}

int settings_restore(struct sysfs *s, struct handover_function *f, struct err *e)
{
	int error = 0;

	for (size_t i = 0; i < f->n_settings && error == 0; i++) {
		/* a record is a file: only these attributes are ever written */
		if (is_known(f->settings[i].name))
			error = restore_one(s, f, &f->settings[i], e);
	}
	return error;
}

const struct handover_setting *settings_lost(const struct handover_function *f)
{
	for (size_t i = 0; i < f->n_settings; i++) {
		if (f->settings[i].now)
			return &f->settings[i];
	}
	return NULL;
}
