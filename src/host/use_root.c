// SPDX-License-Identifier: MIT
// Whether the host's own root file system comes over the network: a network card may then be what
// it runs from. Disks of the network are known by where sysfs has them: below a session of iSCSI
// (drivers/scsi/scsi_transport_iscsi.c), as nbd, rbd or AoE, or with a controller of NVMe over
// fabrics.

#include "base/text.h"
#include "host/use_internal.h"

#include <ctype.h>
#include <string.h>

#define BELOW_MAX 8 /* LVM on LUKS on md on ... */

static bool is_session(const char *path)
{
	static const char part[] = "/session";

	for (const char *at = strstr(path, part); at; at = strstr(at + 1, part)) {
		if (isdigit((unsigned char)at[sizeof(part) - 1]))
			return true;
	}
	return false;
}

/* Of several paths to an NVMe drive one is enough. */
static bool has_fabric(struct host *host, const char *path)
{
	static const char marker[] = "/nvme-subsystem/";
	const char *subsystem = strstr(path, marker), *to;
	struct names names;

	if (strstr(path, "/nvme-fabrics/"))
		return true;
	const char *end = subsystem ? strchr(subsystem + sizeof(marker) - 1, '/') : NULL;
	if (!end)
		return false;
	const char *directory = arena_strndup(&host->arena, path, (size_t)(end - path));
	if (root_list(host->root, &host->arena, directory, &names) < 0)
		return false;
	for (size_t i = 0; i < names.n; i++) {
		const char *link = arena_printf(&host->arena, "%s/%s", directory, names.name[i]);

		if (str_starts(names.name[i], "nvme") &&
		    root_follow(host->root, &host->arena, link, &to) == 0 &&
		    strstr(to, "/nvme-fabrics/"))
			return true;
	}
	return false;
}

/* Whether the block device, or one that it is made of, is on the network. */
static bool is_remote(struct use_search *search, const char *name, int depth)
{
	static const char *const places[] = { "/virtual/block/nbd", "/devices/rbd/", "/etherd!" };
	struct host *host = search->host;
	const char *path = use_class_path(search, "block", name);
	struct names slaves;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (strstr(path, places[i]))
			return true;
	}
	if (is_session(path) || has_fabric(host, path))
		return true;
	path = arena_concat(&host->arena, path, "/slaves");
	if (depth == BELOW_MAX || root_list(host->root, &host->arena, path, &slaves) < 0)
		return false;
	for (size_t i = 0; i < slaves.n; i++) {
		if (is_remote(search, slaves.name[i], depth + 1))
			return true;
	}
	return false;
}

static bool is_network_type(const char *type)
{
	static const char *const types[] = {
		"nfs", "nfs4", "cifs", "smb3", "ceph", "fuse.glusterfs"
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (str_eq(type, types[i]))
			return true;
	}
	return false;
}

/* Whether @mount is of that block device: by its number, or by its name where that says nothing. */
static bool is_mount_of(struct use_search *search, const struct mount *mount,
			const struct class_device *block)
{
	struct arena *a = &search->host->arena;
	const char *source = text_last_part(mount->source);
	const char *number = use_text(search, arena_printf(a, "%s/dev", block->path));

	if (number && str_eq(number, arena_printf(a, "%u:%u", mount->major, mount->minor)))
		return true;
	if (str_eq(source, block->name))
		return true;
	const char *label = use_mapped_name(search, block->name);
	return label && str_eq(source, label);
}

/* What is mounted last at a place is what is seen there. */
static const struct mount *mount_of_root(const struct use_facts *facts)
{
	for (size_t i = facts->n_mounts; i > 0; i--) {
		if (str_eq(facts->mount[i - 1].target, "/"))
			return &facts->mount[i - 1];
	}
	return NULL;
}

static const struct mount *network_root(struct use_search *search)
{
	const struct use_facts *facts = host_use_mounts(search->host);
	struct use_facts *kept = search->host->use;
	const struct mount *mount = mount_of_root(facts);

	if (kept->has_root || !mount)
		return kept->network_root;
	kept->has_root = true;
	if (is_network_type(mount->type))
		kept->network_root = mount;
	for (size_t i = 0; i < facts->n_devices && !kept->network_root; i++) {
		const struct class_device *device = &facts->device[i];

		if (str_eq(device->class_name, "block") && is_mount_of(search, mount, device) &&
		    is_remote(search, device->name, 0))
			kept->network_root = mount;
	}
	return kept->network_root;
}

void use_add_network_root(struct use_search *search, const struct names *interfaces, size_t before)
{
	const struct device_uses *found = search->found;
	bool is_active = false;

	for (size_t i = before; i < found->n; i++)
		is_active = is_active || found->use[i].active;
	if (!is_active)
		return;
	const struct mount *mount = network_root(search);
	use_unknown(search, "proc/self/mountinfo", search->facts->mount_error);
	if (!mount)
		return;
	use_add(search, (struct device_use){
				.kind = USE_NETWORK,
				.active = true,
				.what = arena_printf(&search->host->arena,
						     "/ is mounted over the network (%s), which "
						     "may be through %s",
						     mount->source, interfaces->name[0]),
				.where = "proc/self/mountinfo",
				.value = arena_printf(&search->host->arena, "%s %s", mount->target,
						      mount->source),
			});
}
