// SPDX-License-Identifier: MIT
// Overrides that were left behind: a function that bears one cannot return to its driver, not after
// a reload of the module and not after an unplug of it. Tools set them for a guest and are killed,
// or never take them back.
//
// An override that names a driver which does not exist is also how a function is kept from every
// driver (Documentation/ABI/testing/sysfs-bus-pci); who did that on purpose is asked before.

#include "base/text.h"
#include "handover/internal.h"

#include <errno.h>
#include <string.h>

#define DRIVERCTL "etc/driverctl.d"
#define UDEV_RULES "etc/udev/rules.d"

/* driverctl keeps one file for each device, pci-<address>, and sets its override at each boot. */
static bool is_of_driverctl(struct host *host, struct handover_orphan *orphan)
{
	struct bytes content;
	const char *path = arena_printf(&host->arena, DRIVERCTL "/pci-%s", orphan->function->name);

	/* one that is there and cannot be read is driverctl's too */
	if (root_read(host->root, &host->arena, path, &content) == -ENOENT)
		return false;
	orphan->owner = "driverctl";
	orphan->evidence = path;
	return true;
}

static bool is_of_udev_rule(struct host *host, struct handover_orphan *orphan)
{
	struct names rules;
	struct bytes text;

	if (root_list(host->root, &host->arena, UDEV_RULES, &rules) < 0)
		return false;
	for (size_t i = 0; i < rules.n; i++) {
		const char *path = arena_printf(&host->arena, UDEV_RULES "/%s", rules.name[i]);

		if (root_read(host->root, &host->arena, path, &text) < 0 ||
		    !strstr(text.data, orphan->function->name) ||
		    !strstr(text.data, "driver_override"))
			continue;
		orphan->owner = "a udev rule";
		orphan->evidence = path;
		return true;
	}
	return false;
}

static bool is_open(struct host *host, const struct pci_function *f, const struct open_nodes *open)
{
	const char *node[2];
	size_t n = host_vfio_nodes(host, f, node);

	for (size_t i = 0; i < open->n; i++) {
		for (size_t k = 0; k < n; k++) {
			if (str_eq(open->node[i].node, node[k]))
				return true;
		}
	}
	return false;
}

static int look(struct sysfs *s, struct handover_function *function, struct handover_orphan *ret,
		bool *ret_is, struct err *e)
{
	struct pci_function *f = function->function;
	struct record record;
	const char *override;
	int error = sysfs_override(s, function, &override, e);

	*ret_is = false;
	if (error == -ENODEV)
		return 0;
	if (error < 0 || !override)
		return error;
	*ret = (struct handover_orphan){ .function = f, .override = override };
	ret->no_such_driver = !sysfs_has_driver(s->host, override);
	*ret_is = (ret->no_such_driver || host_is_vfio_driver(override)) &&
		  !journal_read(s->host, f, &record);
	return 0;
}

int handover_orphans(struct host *host, unsigned limit_ms, struct handover_orphan **ret,
		     size_t *ret_n, struct err *e)
{
	struct sysfs s = { host, limit_ms ? limit_ms : HANDOVER_LIMIT_MS };
	struct handover_orphan *orphans =
		arena_array(&host->arena, host->n_functions, sizeof(*orphans));
	struct handover_function *functions =
		arena_array(&host->arena, host->n_functions, sizeof(*functions));
	struct open_nodes open = { 0 };
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < host->n_functions; i++)
		functions[i].function = &host->functions[i];
	/* what cannot be read now is read, and fails, when it is its turn */
	(void)!sysfs_read_overrides(&s, functions, host->n_functions, NULL);

	for (size_t i = 0; i < host->n_functions; i++) {
		bool is_orphan;
		int error = look(&s, &functions[i], &orphans[n], &is_orphan, e);

		if (error < 0)
			return error;
		n += is_orphan;
	}
	if (n > 0)
		host_read_open(host, &open);
	for (size_t i = 0; i < n; i++) {
		if (is_open(host, orphans[i].function, &open))
			continue;
		orphans[kept] = orphans[i];
		if (!is_of_driverctl(host, &orphans[kept]))
			(void)is_of_udev_rule(host, &orphans[kept]);
		kept++;
	}
	*ret = orphans;
	*ret_n = kept;
	return 0;
}
