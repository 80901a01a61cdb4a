/* SPDX-License-Identifier: MIT */
/* What a snapshot holds in memory; shared by its replay and its file format. */
#pragma once

#include "base/snapshot.h"

#include <jansson.h>
#include <stdint.h>

/* What asking for one path gave. A member that was not asked for is not set. */
struct snapshot_entry {
	const char *path;
	int error; /* of whatever was asked; 0 when something was answered */
	bool has_file, has_link, has_list;
	struct bytes file;
	const char *target;
	struct names list;
};

struct snapshot {
	struct root root;
	struct arena arena; /* holds the entries */
	void *entries;      /* of tsearch(3), by path */
	struct root *inner; /* what is recorded, or the expanded tree; NULL for a file */
	bool complete;      /* what is not here does not exist */
	/* files and links: that were in the archive, and that its manifest speaks of, 0 for unknown
	 */
	int64_t n_loaded, n_announced;
};

struct snapshot *snapshot_new(const struct root_ops *ops, struct root *inner);
/* The entry of @path, added empty when there is none. */
struct snapshot_entry *snapshot_entry(struct snapshot *s, const char *path);
/* Takes the manifest in @text into @s. -EBADMSG with a sentence when it is not one. */
MUST_CHECK int snapshot_read_manifest(struct snapshot *s, struct bytes text, struct err *e);
/* The manifest of what @s has recorded; the caller owns it. */
json_t *snapshot_manifest(struct snapshot *s);
/* Reads an archive into @s. */
MUST_CHECK int snapshot_load(struct snapshot *s, const char *path, struct err *e);
/* Overwrites the passwords of a text, and hashes of them, each character by an x. */
void snapshot_cover_secrets(char *data, size_t n);
