// SPDX-License-Identifier: MIT
// Which processes have device nodes open: the links in proc/<pid>/fd. An ordinary user can read
// those of its own processes only, so "nobody" is an answer for root alone. The unit comes from
// proc/<pid>/cgroup, because stopping the unit is what ends the use for good; see cgroups(7).

#include "base/text.h"
#include "host/host.h"
#include "host/use_internal.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Nodes of devices that a guest, a display server or a sound server would have open. */
static bool is_interesting(const char *node)
{
	static const char *const prefixes[] = {
		"dev/dri/", "dev/snd/", "dev/nvidia", "dev/fb", "dev/vfio/",
	};

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (str_starts(node, prefixes[i]))
			return true;
	}
	return false;
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), n_end = strlen(end);

	return n >= n_end && str_eq(text + n - n_end, end);
}

/* "0::/system.slice/gdm.service": the unit below system.slice, or NULL. */
static const char *unit_of(struct host *host, const char *pid)
{
	static const char key[] = ":/system.slice/";
	struct bytes text;
	const char *path = arena_printf(&host->arena, "proc/%s/cgroup", pid), *line;
	size_t n;

	if (root_read(host->root, &host->arena, path, &text) < 0)
		return NULL;
	for (const char *rest = text.data; text_next_line(&rest, &line, &n);) {
		const char *unit = strstr(arena_strndup(&host->arena, line, n), key);

		if (!unit)
			continue;
		unit += sizeof(key) - 1;
		unit = arena_strndup(&host->arena, unit, strcspn(unit, "/"));
		if (ends_with(unit, ".service") || ends_with(unit, ".scope"))
			return unit;
	}
	return NULL;
}

static void add_open(struct host *host, struct open_nodes *ret, size_t *size, struct open_node open)
{
	struct bytes command = { "", 0 };
	const char *path = arena_printf(&host->arena, "proc/%s/comm", open.pid);

	for (size_t i = ret->n; i-- > 0 && str_eq(ret->node[i].pid, open.pid);) {
		if (str_eq(ret->node[i].node, open.node))
			return;
	}
	/* it may have ended since; its number still says which it was */
	(void)!root_read(host->root, &host->arena, path, &command);
	open.command = text_trimmed(&host->arena, command);
	open.unit = unit_of(host, open.pid);
	ret->node = use_grown(&host->arena, ret->node, ret->n, size, sizeof(*ret->node));
	ret->node[ret->n++] = open;
}

static void read_process(struct host *host, struct open_nodes *ret, size_t *size, const char *pid)
{
	struct arena *a = &host->arena;
	struct names fds;
	const char *target;
	const char *directory = arena_printf(a, "proc/%s/fd", pid);
	int error = root_list(host->root, a, directory, &fds);

	/* -ESRCH, -ENOENT: it has ended */
	if (error < 0 && error != -ENOENT && error != -ESRCH && !ret->error) {
		ret->error = error;
		ret->where = directory;
	}
	for (size_t i = 0; error == 0 && i < fds.n; i++) {
		const char *link = arena_printf(a, "%s/%s", directory, fds.name[i]);

		if (root_link(host->root, a, link, &target) == 0 && *target == '/' &&
		    is_interesting(target + 1))
			add_open(
				host, ret, size,
				(struct open_node){ .node = target + 1, .pid = pid, .link = link });
	}
}

void host_read_open(struct host *host, struct open_nodes *ret)
{
	struct names pids;
	size_t size = 0, n_processes = 0;
	int error = root_list(host->root, &host->arena, "proc", &pids);

	*ret = (struct open_nodes){ .where = "proc", .error = error };
	if (error < 0)
		return;
	for (size_t i = 0; i < pids.n; i++) {
		if (!isdigit((unsigned char)pids.name[i][0]))
			continue;
		n_processes++;
		read_process(host, ret, &size, pids.name[i]);
	}
	/* a root that does not run, such as a mounted system, says nothing about processes */
	if (n_processes == 0)
		ret->error = -ENODATA;
}

const char *use_stop_unit(struct host *host, const struct open_node *open)
{
	/* the session manager holds nodes for others, and a host without it has no sessions */
	if (!open->unit || str_starts(open->unit, "systemd-"))
		return NULL;
	return arena_printf(&host->arena, "systemctl stop %s",
			    text_shell_word(&host->arena, open->unit));
}

size_t host_vfio_nodes(struct host *host, const struct pci_function *f, const char *ret_node[2])
{
	struct names names;
	size_t n = 0;
	const char *cdevs = arena_concat(&host->arena, f->path, "/vfio-dev");

	if (f->iommu_group.error == 0)
		ret_node[n++] =
			arena_printf(&host->arena, "dev/vfio/%" PRIu64, f->iommu_group.value);
	if (root_list(host->root, &host->arena, cdevs, &names) == 0 && names.n > 0)
		ret_node[n++] = arena_printf(&host->arena, "dev/vfio/devices/%s", names.name[0]);
	return n;
}

const char *host_vfio_user(struct host *host, const struct pci_function *f)
{
	struct open_nodes open;
	const char *node[2];
	size_t n = host_vfio_nodes(host, f, node);

	if (n == 0)
		return NULL;
	host_read_open(host, &open);
	for (size_t i = 0; i < open.n; i++) {
		const struct open_node *held = &open.node[i];

		if (!str_eq(held->node, node[0]) && !(n > 1 && str_eq(held->node, node[1])))
			continue;
		if (!*held->command)
			return arena_printf(&host->arena, "process %s", held->pid);
		return arena_printf(&host->arena, "%s (pid %s)", held->command, held->pid);
	}
	return NULL;
}
