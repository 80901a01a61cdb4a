// SPDX-License-Identifier: MIT
// Disks below a device, and what is built on them. Holders (device mapper, md, bcache) are followed
// up to what is mounted; btrfs with several devices and ZFS have no holders and are found by their
// own files. Signatures come from udev's database: a disk with data that nothing uses is worth a
// word, not a refusal.

#include "base/text.h"
#include "host/use_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HOLDER_DEPTH_MAX 8

static bool device_number(struct use_search *search, const char *name, uint32_t *ret_major,
			  uint32_t *ret_minor)
{
	const char *path =
		arena_printf(&search->host->arena, "%s/dev", use_class_path(search, "block", name));
	const char *text = use_text(search, path);

	return text && sscanf(text, "%u:%u", ret_major, ret_minor) == 2;
}

const char *use_mapped_name(struct use_search *search, const char *name)
{
	struct arena *a = &search->host->arena;

	if (!str_starts(name, "dm-"))
		return NULL;
	return use_text(search, arena_concat(a, use_class_path(search, "block", name), "/dm/name"));
}

static void add_mounts(struct use_search *search, const char *disk, const char *name)
{
	struct arena *a = &search->host->arena;
	const struct use_facts *facts = search->facts;
	uint32_t major, minor;
	bool numbered = device_number(search, name, &major, &minor);
	const char *node = arena_concat(a, "/dev/", name);
	const char *label = use_mapped_name(search, name);
	const char *mapped =
		label ? arena_concat(a, "/dev/", arena_concat(a, "mapper/", label)) : node;

	for (size_t i = 0; i < facts->n_mounts; i++) {
		const struct mount *mount = &facts->mount[i];

		/* btrfs and overlays show numbers of their own, so the source counts too */
		if (!(numbered && mount->major == major && mount->minor == minor) &&
		    !str_eq(mount->source, node) && !str_eq(mount->source, mapped))
			continue;
		use_add(search,
			(struct device_use){
				.kind = USE_DISK,
				.active = true,
				.what = arena_printf(a, "%s is mounted from %s (%s%s%s)",
						     mount->target, name, mount->type,
						     str_eq(disk, name) ? "" : ", on ",
						     str_eq(disk, name) ? "" : disk),
				.where = "proc/self/mountinfo",
				.value = arena_printf(a, "%u:%u %s", mount->major, mount->minor,
						      mount->target),
				/* what the host runs from stays where it is */
				.stop = str_eq(mount->target, "/")
						? NULL
						: arena_concat(a, "umount ",
							       text_shell_word(a, mount->target)),
				.unit = facts->has_systemd && !str_eq(mount->target, "/")
						? use_unit_name(a, mount->target, ".mount")
						: NULL,
			});
	}
}

static void add_swaps(struct use_search *search, const char *name)
{
	struct arena *a = &search->host->arena;
	const char *node = arena_concat(a, "dev/", name);

	for (size_t i = 0; i < search->facts->n_swaps; i++) {
		if (!str_eq(search->facts->swap[i], node))
			continue;
		use_add(search,
			(struct device_use){
				.kind = USE_DISK,
				.active = true,
				.what = arena_printf(a, "%s is swap space", name),
				.where = "proc/swaps",
				.value = node,
				.stop = arena_concat(a, "swapoff /", node),
				.unit = search->facts->has_systemd ? use_unit_name(a, node, ".swap")
								   : NULL,
			});
	}
}

/*
 * A btrfs is mounted when its UUID stands in sys/fs/btrfs. That counts for one with several
 * devices, of which only one stands among the mounts, and for one whose mount could not be told by
 * its source.
 */
static void add_btrfs(struct use_search *search, const char *name, bool is_mounted)
{
	struct arena *a = &search->host->arena;
	struct names systems, devices;

	if (!use_list(search, "sys/fs/btrfs", &systems))
		return;
	for (size_t s = 0; s < systems.n; s++) {
		const char *path = arena_printf(a, "sys/fs/btrfs/%s/devices", systems.name[s]);

		/* "features" has no devices */
		if (!use_list(search, path, &devices) || (devices.n < 2 && is_mounted))
			continue;
		for (size_t d = 0; d < devices.n; d++) {
			if (!str_eq(devices.name[d], name))
				continue;
			use_add(search,
				(struct device_use){
					.kind = USE_DISK,
					.active = true,
					.what = devices.n > 1
							? arena_printf(a,
								       "%s is one of %zu devices "
								       "of a mounted btrfs",
								       name, devices.n)
							: arena_concat(a, name,
								       " is the device of a "
								       "mounted btrfs"),
					.where = path,
					.value = name,
				});
		}
	}
}

/* "E:ID_FS_TYPE=ext4" in run/udev/data/b259:1 */
static const char *signature(struct use_search *search, const char *name, const char **ret_where)
{
	struct arena *a = &search->host->arena;
	uint32_t major, minor;
	const char *line;
	size_t n;

	if (!device_number(search, name, &major, &minor))
		return NULL;
	*ret_where = arena_printf(a, "run/udev/data/b%u:%u", major, minor);
	const char *rest = use_text(search, *ret_where);
	while (rest && text_next_line(&rest, &line, &n)) {
		static const char key[] = "E:ID_FS_TYPE=";

		if (n > sizeof(key) - 1 && strncmp(line, key, sizeof(key) - 1) == 0)
			return arena_strndup(a, line + sizeof(key) - 1, n - sizeof(key) + 1);
	}
	return NULL;
}

/* How many pools are imported; the name of the first. Which disks are theirs stands nowhere. */
static size_t count_pools(struct use_search *search, const char **ret_first)
{
	struct host *host = search->host;
	struct names pools, entries;
	size_t n = 0;

	if (root_list(host->root, &host->arena, "proc/spl/kstat/zfs", &pools) < 0)
		return 0;
	for (size_t i = 0; i < pools.n; i++) {
		const char *path = arena_concat(&host->arena, "proc/spl/kstat/zfs/", pools.name[i]);
		/* pools are directories between the files of statistics */
		if (root_list(host->root, &host->arena, path, &entries) == 0 && n++ == 0)
			*ret_first = pools.name[i];
	}
	return n;
}

static void add_signature(struct use_search *search, const char *name)
{
	struct arena *a = &search->host->arena;
	const char *where, *type = signature(search, name, &where), *pool = NULL;

	if (!type)
		return;
	size_t n_pools = str_eq(type, "zfs_member") ? count_pools(search, &pool) : 0;
	bool zfs = n_pools > 0;
	use_add(search,
		(struct device_use){
			.kind = USE_DISK,
			.active = zfs,
			.what = zfs ? arena_printf(
					      a, "%s belongs to a ZFS pool, and pools are imported",
					      name)
				    : arena_printf(a, "%s holds data (%s)", name, type),
			.where = where,
			.value = arena_concat(a, "ID_FS_TYPE=", type),
			.stop = n_pools == 1
					? arena_concat(a, "zpool export ", text_shell_word(a, pool))
					: NULL,
		});
}

static void add_uses(struct use_search *search, const char *disk, const char *name, int depth);

/* "vg--data-lv_1": the group's name, in which a dash stands twice; see build_dm_name() of LVM. */
static const char *volume_group(struct arena *a, const char *name)
{
	char *group = arena_alloc(a, strlen(name) + 1);
	size_t n = 0;

	for (; *name; name++) {
		if (name[0] == '-' && *++name != '-')
			break;
		group[n++] = *name;
	}
	return group;
}

/* How to take apart what a disk is a part of; @label: its name as a mapped device, or NULL. */
static const char *stop_holder(struct use_search *search, const char *holder, const char *label)
{
	struct arena *a = &search->host->arena;
	const char *directory = use_class_path(search, "block", holder);

	if (!label)
		return str_starts(holder, "md") ? arena_concat(a, "mdadm --stop /dev/", holder)
						: NULL;
	const char *uuid = use_text(search, arena_concat(a, directory, "/dm/uuid"));
	if (uuid && str_starts(uuid, "LVM-"))
		return arena_concat(a, "vgchange -an ", text_shell_word(a, volume_group(a, label)));
	if (uuid && str_starts(uuid, "CRYPT-"))
		return arena_concat(a, "cryptsetup close ", text_shell_word(a, label));
	return arena_concat(a, "dmsetup remove ", text_shell_word(a, label));
}

static void add_holders(struct use_search *search, const char *disk, const char *name, int depth)
{
	struct host *host = search->host;
	struct names holders;
	const char *path =
		arena_concat(&host->arena, use_class_path(search, "block", name), "/holders");

	if (depth >= HOLDER_DEPTH_MAX || !use_list(search, path, &holders))
		return;
	for (size_t i = 0; i < holders.n; i++) {
		const char *label = use_mapped_name(search, holders.name[i]);

		use_add(search,
			(struct device_use){
				.kind = USE_DISK,
				.active = true,
				.what = arena_printf(&host->arena, "%s is a part of %s%s%s%s", name,
						     holders.name[i], label ? " (" : "",
						     label ? label : "", label ? ")" : ""),
				.where = path,
				.value = holders.name[i],
				.stop = stop_holder(search, holders.name[i], label),
			});
		add_uses(search, disk, holders.name[i], depth + 1);
	}
}

static void add_block(struct use_search *search, const char *name)
{
	struct names *blocks = &search->found->blocks;

	if (use_has_name(blocks, name))
		return;
	blocks->name = use_grown(&search->host->arena, blocks->name, blocks->n, &search->block_size,
				 sizeof(*blocks->name));
	blocks->name[blocks->n++] = name;
}

static void add_uses(struct use_search *search, const char *disk, const char *name, int depth)
{
	size_t before = search->found->n;

	add_block(search, name);

	add_mounts(search, disk, name);
	add_btrfs(search, name, search->found->n > before);
	add_swaps(search, name);
	add_holders(search, disk, name, depth);
	use_add_holders(search, USE_DISK, arena_concat(&search->host->arena, "dev/", name), true);
	if (search->found->n == before)
		add_signature(search, name);
}

/*
 * With native multipath the visible nvme0n1 hangs below sys/devices/virtual/nvme-subsystem; only
 * its hidden paths nvme0c0n1 are below the device. The subsystem has a link to each of its
 * controllers.
 */
static bool is_multipath_of(struct use_search *search, const struct class_device *disk)
{
	struct host *host = search->host;
	static const char marker[] = "/nvme-subsystem/";
	const char *subsystem = strstr(disk->path, marker), *controller;
	struct names names;

	if (!subsystem)
		return false;
	const char *end = strchr(subsystem + sizeof(marker) - 1, '/');
	if (!end)
		return false;
	const char *directory = arena_strndup(&host->arena, disk->path, (size_t)(end - disk->path));
	if (root_list(host->root, &host->arena, directory, &names) < 0)
		return false;
	for (size_t i = 0; i < names.n; i++) {
		if (!str_starts(names.name[i], "nvme"))
			continue;
		const char *link = arena_printf(&host->arena, "%s/%s", directory, names.name[i]);
		if (root_follow(host->root, &host->arena, link, &controller) == 0 &&
		    use_is_below(search, controller))
			return true;
	}
	return false;
}

void use_find_disks(struct use_search *search)
{
	const struct use_facts *facts = search->facts;
	bool any = false;

	for (size_t i = 0; i < facts->n_devices; i++) {
		const struct class_device *disk = &facts->device[i];

		if (!str_eq(disk->class_name, "block") ||
		    (!use_is_below(search, disk->path) && !is_multipath_of(search, disk)))
			continue;
		any = true;
		(void)host_use_mounts(search->host);
		add_uses(search, disk->name, disk->name, 0);
	}
	if (any && facts->mount_error)
		use_unknown(search, "proc/self/mountinfo", facts->mount_error);
	if (any && facts->swap_error)
		use_unknown(search, "proc/swaps", facts->swap_error);
	if (any)
		use_unknown_holders(search);
}
