/* SPDX-License-Identifier: MIT */
/*
 * A small tree of files in memory: files, links, directories, and paths that
 * answer with an errno. Directories above a node are there by themselves.
 * Links are followed inside the tree only, wherever they point, as a root does.
 */
#pragma once

#include "base/root.h"

#define FAKE_PATH_MAX 512
#define FAKE_NODES_MAX 2048

enum fake_kind { FAKE_FILE, FAKE_LINK, FAKE_DIRECTORY };

struct fake_node {
	char *path;
	enum fake_kind kind;
	char *data; /* of a file; the target of a link */
	size_t n;
	int error; /* what reading it gives instead, or 0 */
};

struct fake_tree {
	struct fake_node nodes[FAKE_NODES_MAX];
	size_t n;
};

/* Each replaces what stands at @path. */
void fake_file(struct fake_tree *tree, const char *path, const char *text);
void fake_bytes(struct fake_tree *tree, const char *path, const void *data, size_t n);
void fake_link(struct fake_tree *tree, const char *path, const char *target);
void fake_directory(struct fake_tree *tree, const char *path);

/* What exists at @path answers with @error from now on, 0 as before. */
void fake_error(struct fake_tree *tree, const char *path, int error);

/* Removes @path and everything below it. */
void fake_remove(struct fake_tree *tree, const char *path);

/* The node at @path itself, or NULL; links on the way are not followed. */
struct fake_node *fake_find(struct fake_tree *tree, const char *path);
/* Whether @path is a node or above one. */
bool fake_exists(struct fake_tree *tree, const char *path);

/*
 * @path with the links in it resolved, that of its last part only when @follow_last. -ENOENT when
 * it leads to nothing, -ELOOP, or the errno of a node on the way.
 */
int fake_resolve(struct fake_tree *tree, const char *path, bool follow_last,
		 char ret[FAKE_PATH_MAX]);

/* The reading half of struct root_ops. */
int fake_read(struct fake_tree *tree, struct arena *a, const char *path, size_t max_bytes,
	      struct bytes *ret);
int fake_readlink(struct fake_tree *tree, struct arena *a, const char *path, const char **ret);
int fake_list(struct fake_tree *tree, struct arena *a, const char *path, struct names *ret);

/* Everything below @prefix, sorted, one line per node: to compare two states. The caller frees it.
 */
char *fake_dump(struct fake_tree *tree, const char *prefix);

void fake_tree_free(struct fake_tree *tree);
