// SPDX-License-Identifier: MIT
// Who has a device open through VFIO. Unbinding vfio-pci then blocks until that process lets go,
// which for a guest may be never; so it is looked for before. A process whose descriptors cannot be
// read is not found; handing over needs root, which can read them all.

#include "base/text.h"
#include "handover/internal.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

/* The nodes under which VFIO offers @f, as links in proc/PID/fd show them: group and cdev. */
static size_t vfio_nodes(struct host *host, const struct pci_function *f, const char *node[2])
{
	struct names names;
	size_t n = 0;
	const char *cdevs = arena_printf(&host->arena, "%s/vfio-dev", f->path);

	if (f->iommu_group.error == 0)
		node[n++] = arena_printf(&host->arena, "dev/vfio/%" PRIu64, f->iommu_group.value);
	if (root_list(host->root, &host->arena, cdevs, &names) == 0 && names.n > 0)
		node[n++] = arena_printf(&host->arena, "dev/vfio/devices/%s", names.name[0]);
	return n;
}

static bool has_open(struct host *host, const char *pid, const char *const *node, size_t n)
{
	struct names fds;
	const char *target;
	const char *directory = arena_printf(&host->arena, "proc/%s/fd", pid);

	if (root_list(host->root, &host->arena, directory, &fds) < 0)
		return false;
	for (size_t i = 0; i < fds.n; i++) {
		const char *link = arena_printf(&host->arena, "%s/%s", directory, fds.name[i]);

		if (root_link(host->root, &host->arena, link, &target) < 0 || *target != '/')
			continue;
		for (size_t k = 0; k < n; k++) {
			if (str_eq(target + 1, node[k]))
				return true;
		}
	}
	return false;
}

static const char *describe(struct host *host, const char *pid)
{
	struct bytes comm;
	const char *path = arena_printf(&host->arena, "proc/%s/comm", pid);

	if (root_read(host->root, &host->arena, path, &comm) < 0)
		return arena_printf(&host->arena, "process %s", pid);
	return arena_printf(&host->arena, "%s (pid %s)", text_trimmed(&host->arena, comm), pid);
}

const char *vfio_user(struct host *host, const struct pci_function *f)
{
	struct names pids;
	const char *node[2];
	size_t n = vfio_nodes(host, f, node);

	if (n == 0 || root_list(host->root, &host->arena, "proc", &pids) < 0)
		return NULL;
	for (size_t i = 0; i < pids.n; i++) {
		if (isdigit((unsigned char)pids.name[i][0]) &&
		    has_open(host, pids.name[i], node, n))
			return describe(host, pids.name[i]);
	}
	return NULL;
}
