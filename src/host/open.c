// SPDX-License-Identifier: MIT
// Which processes have device nodes open: the links in proc/<pid>/fd, in one pass. An ordinary user
// can read those of its own processes only, so "nobody" is an answer for root alone. The unit comes
// from proc/<pid>/cgroup, because stopping the unit is what ends the use for good; see cgroups(7).
// Whether a disk is open for writing is in the flags of proc/<pid>/fdinfo (octal, as in open(2)).

#include "base/text.h"
#include "host/host.h"
#include "host/use_internal.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

/* Nodes of devices: who reads a disk loses nothing that reading again would not bring back. */
static const struct {
	const char *prefix;
	bool is_disk;
} nodes[] = {
	{ "dev/dri/", false },        { "dev/snd/", false },     { "dev/nvidia", false },
	{ "dev/fb", false },          { "dev/vfio/", false },    { "dev/input/", false },
	{ "dev/hidraw", false },      { "dev/ttyUSB", false },   { "dev/ttyACM", false },
	{ "dev/ttyS", false },        { "dev/bus/usb/", false }, { "dev/usb/", false },
	{ "dev/cdc-wdm", false },     { "dev/video", false },    { "dev/accel/", false },
	{ "dev/infiniband/", false }, { "dev/uio", false },      { "dev/ptp", false },
	{ "dev/st", false },          { "dev/nvme", true },      { "dev/ng", true },
	{ "dev/sg", true },           { "dev/sd", true },        { "dev/sr", true },
	{ "dev/vd", true },           { "dev/xvd", true },       { "dev/hd", true },
	{ "dev/mmcblk", true },       { "dev/md", true },        { "dev/dm-", true },
	{ "dev/bcache", true },
};

static bool is_interesting(const char *node, bool *ret_disk)
{
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		if (!str_starts(node, nodes[i].prefix))
			continue;
		*ret_disk = nodes[i].is_disk;
		return true;
	}
	return false;
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), n_end = strlen(end);

	return n >= n_end && str_eq(text + n - n_end, end);
}

/*
 * "0::/system.slice/system-getty.slice/getty@tty1.service": the first unit that is no slice, or
 * NULL. What stands below user.slice and machine.slice is not the system's to stop: sessions,
 * programs of a user, guests.
 */
static const char *unit_of(struct host *host, const char *pid)
{
	struct arena *a = &host->arena;
	struct bytes text;
	const char *path = arena_printf(a, "proc/%s/cgroup", pid), *line;
	size_t n;

	if (root_read(host->root, a, path, &text) < 0)
		return NULL;
	for (const char *rest = text.data; text_next_line(&rest, &line, &n);) {
		const char *slice = strchr(arena_strndup(a, line, n), '/');

		if (!slice || str_starts(slice, "/user.slice") ||
		    str_starts(slice, "/machine.slice"))
			continue;
		for (const char *part = slice; part; part = strchr(part, '/')) {
			part++;
			const char *unit = arena_strndup(a, part, strcspn(part, "/"));
			if (ends_with(unit, ".service") || ends_with(unit, ".scope"))
				return unit;
		}
	}
	return NULL;
}

/* "flags:\t0100002": the access mode; what cannot be read counts as writing. */
static bool is_for_writing(struct host *host, const char *pid, const char *fd)
{
	static const char key[] = "flags:";
	struct bytes text;
	uint64_t flags;
	const char *path = arena_printf(&host->arena, "proc/%s/fdinfo/%s", pid, fd), *line;
	size_t n;

	if (root_read(host->root, &host->arena, path, &text) < 0)
		return true;
	for (const char *rest = text.data; text_next_line(&rest, &line, &n);) {
		if (n < sizeof(key) || strncmp(line, key, sizeof(key) - 1) != 0)
			continue;
		const char *value =
			arena_strndup(&host->arena, line + sizeof(key) - 1, n - sizeof(key) + 1);
		value += strspn(value, " \t");
		return text_number(value, 8, UINT32_MAX, &flags) < 0 ||
		       (flags & O_ACCMODE) != O_RDONLY;
	}
	return true;
}

static void add_open(struct host *host, struct open_nodes *ret, size_t *size, struct open_node open)
{
	struct bytes command = { "", 0 };
	const char *path = arena_printf(&host->arena, "proc/%s/comm", open.pid);

	for (size_t i = ret->n; i-- > 0 && str_eq(ret->node[i].pid, open.pid);) {
		if (!str_eq(ret->node[i].node, open.node))
			continue;
		ret->node[i].writes |= open.writes;
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
		bool is_disk;

		if (root_link(host->root, a, link, &target) < 0 || *target != '/' ||
		    !is_interesting(target + 1, &is_disk))
			continue;
		add_open(host, ret, size,
			 (struct open_node){
				 .node = target + 1,
				 .pid = pid,
				 .link = link,
				 .writes = !is_disk || is_for_writing(host, pid, fds.name[i]),
			 });
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

const char *use_unit_of(const struct open_node *open)
{
	/* the session manager holds nodes for others, and a host without it has no sessions */
	if (!open->unit || str_starts(open->unit, "systemd-") || str_starts(open->unit, "dbus"))
		return NULL;
	return open->unit;
}

void use_add_holder(struct use_search *search, enum use_kind kind, const struct open_node *held,
		    bool active)
{
	struct arena *a = &search->host->arena;
	const char *unit = use_unit_of(held);

	use_add(search,
		(struct device_use){
			.kind = kind,
			.active = active && held->writes,
			.held = true,
			.what = arena_printf(a, "%s (pid %s) has %s open%s", held->command,
					     held->pid, held->node,
					     held->writes ? "" : " for reading"),
			.where = held->link,
			.value = held->node,
			.stop = unit ? arena_concat(a, "systemctl stop ", text_shell_word(a, unit))
				     : NULL,
			.unit = unit,
		});
}

void use_add_holders(struct use_search *search, enum use_kind kind, const char *node, bool active)
{
	const struct open_nodes *open = &search->facts->open;

	for (size_t i = 0; i < open->n; i++) {
		if (str_eq(open->node[i].node, node))
			use_add_holder(search, kind, &open->node[i], active);
	}
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
