// SPDX-License-Identifier: MIT
// The nodes stand in one unsorted array: a test machine has a few hundred, and a search that is
// plain to read is worth more here than a fast one.

#include "tests/fake/tree.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>

#define LINKS_MAX 40

static void check(bool fits, const char *what)
{
	if (fits)
		return;
	fprintf(stderr, "tests/fake: %s\n", what);
	abort();
}

struct fake_node *fake_find(struct fake_tree *tree, const char *path)
{
	for (size_t i = 0; i < tree->n; i++) {
		if (str_eq(tree->nodes[i].path, path))
			return &tree->nodes[i];
	}
	return NULL;
}

static bool is_below(const char *path, const char *directory)
{
	size_t n = strlen(directory);

	return n == 0 || (strncmp(path, directory, n) == 0 && path[n] == '/');
}

bool fake_exists(struct fake_tree *tree, const char *path)
{
	if (fake_find(tree, path))
		return true;
	for (size_t i = 0; i < tree->n; i++) {
		if (is_below(tree->nodes[i].path, path))
			return true;
	}
	return false;
}

static void put(struct fake_tree *tree, const char *path, enum fake_kind kind, const void *data,
		size_t n)
{
	struct fake_node *node = fake_find(tree, path);

	if (!node) {
		check(tree->n < FAKE_NODES_MAX, "too many nodes");
		check(strlen(path) < FAKE_PATH_MAX, "a path is too long");
		node = &tree->nodes[tree->n++];
		*node = (struct fake_node){ .path = strdup(path) };
	}
	char *copy = malloc(n + 1);
	check(copy && node->path, "out of memory");
	if (n)
		memcpy(copy, data, n);
	copy[n] = '\0';
	free(node->data);
	node->kind = kind;
	node->data = copy;
	node->n = n;
}

void fake_bytes(struct fake_tree *tree, const char *path, const void *data, size_t n)
{
	put(tree, path, FAKE_FILE, data, n);
}

void fake_file(struct fake_tree *tree, const char *path, const char *text)
{
	put(tree, path, FAKE_FILE, text, strlen(text));
}

void fake_link(struct fake_tree *tree, const char *path, const char *target)
{
	put(tree, path, FAKE_LINK, target, strlen(target));
}

void fake_directory(struct fake_tree *tree, const char *path)
{
	put(tree, path, FAKE_DIRECTORY, NULL, 0);
}

void fake_error(struct fake_tree *tree, const char *path, int error)
{
	struct fake_node *node = fake_find(tree, path);

	check(node, "an error for a path that is not there");
	node->error = error;
}

void fake_remove(struct fake_tree *tree, const char *path)
{
	for (size_t i = tree->n; i-- > 0;) {
		struct fake_node *node = &tree->nodes[i];

		if (!str_eq(node->path, path) && !is_below(node->path, path))
			continue;
		free(node->path);
		free(node->data);
		*node = tree->nodes[--tree->n];
	}
}

/* ---- resolving ---- */

/* Appends one component to @path; ".." removes one, never above the top. */
static void append(char path[FAKE_PATH_MAX], const char *part, size_t n)
{
	size_t length = strlen(path);

	if (n == 0 || (n == 1 && part[0] == '.'))
		return;
	if (n == 2 && part[0] == '.' && part[1] == '.') {
		char *slash = strrchr(path, '/');
		*(slash ? slash : path) = '\0';
		return;
	}
	check(length + n + 2 < FAKE_PATH_MAX, "a path is too long");
	snprintf(path + length, FAKE_PATH_MAX - length, "%s%.*s", length ? "/" : "", (int)n, part);
}

int fake_resolve(struct fake_tree *tree, const char *path, bool follow_last,
		 char ret[FAKE_PATH_MAX])
{
	char rest[2 * FAKE_PATH_MAX], longer[2 * FAKE_PATH_MAX], parent[FAKE_PATH_MAX];
	int links = 0;

	check((size_t)snprintf(rest, sizeof(rest), "%s", path) < sizeof(rest), "too long");
	ret[0] = '\0';
	for (char *part = rest; *part;) {
		size_t n = strcspn(part, "/");
		char *next = part + n + (part[n] == '/');

		snprintf(parent, sizeof(parent), "%s", ret);
		append(ret, part, n);
		struct fake_node *node = fake_find(tree, ret);
		if (!fake_exists(tree, ret))
			return -ENOENT;
		if (node && node->kind == FAKE_LINK && (*next || follow_last)) {
			if (node->error || ++links > LINKS_MAX)
				return node->error ? node->error : -ELOOP;
			int length = snprintf(longer, sizeof(longer), "%s/%s", node->data, next);
			check((size_t)length < sizeof(longer), "a path is too long");
			snprintf(ret, FAKE_PATH_MAX, "%s", node->data[0] == '/' ? "" : parent);
			memcpy(rest, longer, (size_t)length + 1);
			next = rest;
		} else if (node && node->kind == FAKE_FILE && *next) {
			return -ENOTDIR;
		}
		part = next;
	}
	return 0;
}

/* ---- reading ---- */

int fake_read(struct fake_tree *tree, struct arena *a, const char *path, size_t max_bytes,
	      struct bytes *ret)
{
	char real[FAKE_PATH_MAX];
	int error = fake_resolve(tree, path, true, real);

	if (error < 0)
		return error;
	const struct fake_node *node = fake_find(tree, real);
	if (!node || node->kind == FAKE_DIRECTORY)
		return -EISDIR;
	if (node->error)
		return node->error;
	if (node->n > max_bytes)
		return -EFBIG;
	*ret = (struct bytes){ arena_memdup(a, node->data, node->n), node->n };
	return 0;
}

int fake_readlink(struct fake_tree *tree, struct arena *a, const char *path, const char **ret)
{
	char real[FAKE_PATH_MAX];
	int error = fake_resolve(tree, path, false, real);

	if (error < 0)
		return error;
	const struct fake_node *node = fake_find(tree, real);
	if (node && node->error)
		return node->error;
	if (!node || node->kind != FAKE_LINK)
		return -EINVAL;
	*ret = arena_strdup(a, node->data);
	return 0;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int fake_list(struct fake_tree *tree, struct arena *a, const char *path, struct names *ret)
{
	char real[FAKE_PATH_MAX];
	int error = fake_resolve(tree, path, true, real);
	size_t n = 0, n_real;

	if (error < 0)
		return error;
	const struct fake_node *node = fake_find(tree, real);
	if (node && (node->error || node->kind != FAKE_DIRECTORY))
		return node->error ? node->error : -ENOTDIR;
	const char **name = arena_array(a, tree->n, sizeof(*name));
	n_real = strlen(real);
	for (size_t i = 0; i < tree->n; i++) {
		const char *below = tree->nodes[i].path;
		bool known = false;

		if (!is_below(below, real))
			continue;
		below += n_real + (n_real > 0);
		const char *first = arena_strndup(a, below, strcspn(below, "/"));
		for (size_t k = 0; k < n && !known; k++)
			known = str_eq(name[k], first);
		if (!known)
			name[n++] = first;
	}
	if (n)
		qsort(name, n, sizeof(*name), by_bytes);
	*ret = (struct names){ name, n };
	return 0;
}

/* ---- comparing ---- */

static int by_path(const void *a, const void *b)
{
	return strcmp((*(const struct fake_node *const *)a)->path,
		      (*(const struct fake_node *const *)b)->path);
}

char *fake_dump(struct fake_tree *tree, const char *prefix)
{
	static const char mark[] = { [FAKE_FILE] = '=', [FAKE_LINK] = '>', [FAKE_DIRECTORY] = '/' };
	const struct fake_node *nodes[FAKE_NODES_MAX];
	char *text = NULL;
	size_t size, n = 0;

	for (size_t i = 0; i < tree->n; i++) {
		if (is_below(tree->nodes[i].path, prefix))
			nodes[n++] = &tree->nodes[i];
	}
	if (n)
		qsort(nodes, n, sizeof(const struct fake_node *), by_path);
	FILE *stream = open_memstream(&text, &size);
	check(stream, "out of memory");
	for (size_t i = 0; i < n; i++)
		fprintf(stream, "%s %c %s\n", nodes[i]->path, mark[nodes[i]->kind], nodes[i]->data);
	fclose(stream);
	return text;
}

void fake_tree_free(struct fake_tree *tree)
{
	fake_remove(tree, "");
}
