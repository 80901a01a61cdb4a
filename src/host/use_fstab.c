// SPDX-License-Identifier: MIT
// What the lines of etc/fstab mean, read as systemd-fstab-generator(8) does: the boot waits for
// the node that udev names after a tag, and mounts where the links of a path lead.

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
