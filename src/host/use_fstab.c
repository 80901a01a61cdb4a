// SPDX-License-Identifier: MIT
// What the lines of etc/fstab mean, read as systemd-fstab-generator(8) does: the boot waits for
// the node that udev names after a tag, and mounts where the links of a path lead. Which nodes a
// device has stands in udev's database (S: of run/udev/data), also where several have the same.

#include "base/text.h"
#include "host/use_internal.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define LINKS_MAX 40 /* MAXSYMLINKS */

const char *use_tag_node(struct arena *a, const char *tag, const char *value)
{
	static const char directory[] = "dev/disk/by-";
	char *node = arena_alloc(a, sizeof(directory) + strlen(tag) + 4 * strlen(value) + 1);
	char *end = stpcpy(node, directory);

	for (; *tag; tag++)
		*end++ = (char)tolower((unsigned char)*tag);
	*end++ = '/';
	/* as udev writes them: encode_devnode_name() of systemd */
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;

		if (isalnum(c) || c >= 0x80 || strchr("#+-.:=@_", c))
			*end++ = *value;
		else
			end += sprintf(end, "\\x%02x", c);
	}
	*end = '\0';
	return node;
}

const char *use_mount_point(struct host *host, const char *path)
{
	struct arena *a = &host->arena;
	const char *found = "", *rest = path, *to;

	for (int links = 0; *rest;) {
		size_t n = strcspn(rest, "/");
		const char *part = arena_strndup(a, rest, n);

		rest += n + (rest[n] == '/');
		if (n == 0 || str_eq(part, "."))
			continue;
		if (str_eq(part, "..")) {
			const char *slash = strrchr(found, '/');

			found = slash ? arena_strndup(a, found, (size_t)(slash - found)) : "";
			continue;
		}
		const char *next = *found ? arena_printf(a, "%s/%s", found, part) : part;
		/* what does not exist is mounted where it says */
		if (links == LINKS_MAX || root_link(host->root, a, next, &to) < 0) {
			found = next;
			continue;
		}
		links++;
		found = *to == '/' ? "" : found;
		rest = arena_printf(a, "%s/%s", to, rest);
	}
	return arena_concat(a, "/", found);
}

/* ---- which device it is ---- */

static void add_node(struct arena *a, struct block_names *block, size_t *size, const char *node)
{
	block->node.name =
		use_grown(a, block->node.name, block->node.n, size, sizeof(*block->node.name));
	block->node.name[block->node.n++] = arena_concat(a, "dev/", node);
}

/* The text of an attribute, or NULL. */
static const char *attribute(struct host *host, const char *directory, const char *name)
{
	struct bytes data;
	const char *path = arena_printf(&host->arena, "%s/%s", directory, name);

	return root_read(host->root, &host->arena, path, &data) < 0
		       ? NULL
		       : text_trimmed(&host->arena, data);
}

static void read_udev(struct host *host, const char *number, struct block_names *block,
		      size_t *size)
{
	static const char type[] = "E:ID_FS_TYPE=";
	struct arena *a = &host->arena;
	struct bytes data;
	const char *start;
	size_t n;

	if (root_read(host->root, a, arena_concat(a, "run/udev/data/b", number), &data) < 0)
		return;
	block->is_known = true;
	for (const char *rest = data.data; text_next_line(&rest, &start, &n);) {
		const char *line = arena_strndup(a, start, n);

		if (str_starts(line, "S:"))
			add_node(a, block, size, line + 2);
		if (str_starts(line, type))
			block->fs_type = line + sizeof(type) - 1;
	}
}

void use_read_block_names(struct host *host, struct use_facts *ret)
{
	struct arena *a = &host->arena;

	ret->block = arena_array(a, ret->n_devices, sizeof(*ret->block));
	for (size_t i = 0; i < ret->n_devices; i++) {
		const struct class_device *device = &ret->device[i];
		struct block_names *block = &ret->block[ret->n_blocks];
		size_t size = 0;

		if (!str_eq(device->class_name, "block"))
			continue;
		ret->n_blocks++;
		*block = (struct block_names){ .name = device->name, .fs_type = "" };
		add_node(a, block, &size, device->name);
		const char *label = str_starts(device->name, "dm-")
					    ? attribute(host, device->path, "dm/name")
					    : NULL;
		if (label)
			add_node(a, block, &size, arena_concat(a, "mapper/", label));
		const char *number = attribute(host, device->path, "dev");
		if (number)
			read_udev(host, number, block, &size);
	}
}

static bool is_mounted(const struct use_facts *facts, const char *target)
{
	for (size_t i = 0; i < facts->n_mounts; i++) {
		if (str_eq(facts->mount[i].target, target))
			return true;
	}
	return false;
}

/* Whether what is on the device may hold another one, which has no name until it is opened. */
static bool can_hide(const struct block_names *block, const struct fstab_line *line)
{
	static const char *const types[] = { "crypto_LUKS", "BitLocker", "bcache", "stratis" };
	static const char member[] = "_member"; /* LVM2_member, linux_raid_member */
	size_t n = strlen(block->fs_type);

	if (str_eq(line->type, "zfs") || str_eq(block->fs_type, "zfs_member"))
		return str_eq(line->type, "zfs") && str_eq(block->fs_type, "zfs_member");
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (str_eq(block->fs_type, types[i]))
			return true;
	}
	return !block->is_known ||
	       (n >= sizeof(member) && str_eq(block->fs_type + n - sizeof(member) + 1, member));
}

enum fstab_place host_fstab_place(struct host *host, const struct device_uses *uses,
				  const struct fstab_line *line, const char **ret_block)
{
	const struct use_facts *facts = host_use_mounts(host);
	bool is_there = false;

	for (size_t i = 0; i < facts->n_blocks; i++) {
		const struct block_names *block = &facts->block[i];

		if (!use_has_name(&block->node, line->source))
			continue;
		is_there = true;
		*ret_block = block->name;
		if (use_has_name(&uses->blocks, block->name))
			return FSTAB_HERE;
	}
	if (is_there || is_mounted(facts, line->target) ||
	    !(str_starts(line->source, "dev/") || str_eq(line->type, "zfs")))
		return FSTAB_ELSEWHERE;
	for (size_t i = 0; i < facts->n_blocks; i++) {
		const struct block_names *block = &facts->block[i];

		if (!use_has_name(&uses->blocks, block->name) || !can_hide(block, line))
			continue;
		*ret_block = block->name;
		return FSTAB_HIDDEN;
	}
	return FSTAB_NOWHERE;
}
