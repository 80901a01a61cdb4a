/* SPDX-License-Identifier: MIT */
/*
 * A snapshot: the recording of what reading a host asked for, as a tar archive.
 *
 * Files and links stand in it under the paths that were asked for, so that the
 * archive, once expanded, is a tree like any other. What a tree cannot hold, the
 * errors and the listings, stands in its first entry:
 *
 *   passthru-snapshot.json
 *     {"format": "passthru-snapshot", "version": 1, "entries": <files and links>,
 *      "errors": {"<path>": "EACCES"}, "lists": {"<directory>": ["<name>"]}}
 *
 * A path that is neither there nor in the tree was not asked for: -ENODATA. With
 * "complete": true, which trees made by hand may say, it does not exist: -ENOENT.
 */
#pragma once

#include "base/root.h"

#define SNAPSHOT_MANIFEST "passthru-snapshot.json"

/* Bounds on what an archive of unknown origin may ask of this machine. */
#define SNAPSHOT_MAX_ENTRIES 1000000
#define SNAPSHOT_MAX_LISTS 200000
#define SNAPSHOT_MAX_BYTES ((size_t)256 * 1024 * 1024)
#define SNAPSHOT_MAX_FILE_BYTES ((size_t)16 * 1024 * 1024)

MUST_CHECK int snapshot_open_file(const char *path, struct root **ret, struct err *e);
/* Takes over @dir, and gives it back as it is when it holds no manifest. */
MUST_CHECK int snapshot_open_expanded(struct root *dir, const char *path, struct root **ret,
				      struct err *e);

/* A root that answers from @inner, which it takes over, and remembers every answer. */
struct root *snapshot_record(struct root *inner);

struct snapshot_size {
	size_t files, links, lists, errors;
	size_t bytes;
};

/*
 * Writes what @recorder, made by snapshot_record(), has seen: compressed as the name of @path says
 * (.tar, .tar.xz, .tar.zst, else gzip), readable by the owner only, complete or not at all.
 */
MUST_CHECK int snapshot_save(struct root *recorder, const char *path, struct snapshot_size *ret,
			     struct err *e);
