// SPDX-License-Identifier: MIT
// The root of a process on the machine: counts the operations and makes go wrong what was asked.
// A process that was killed can do nothing any more, reading included, so that no code of its way
// back helps.

#include "tests/fake/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

struct fake_root {
	struct root root;
	struct fake_kernel *k;
	bool dead;
};

/* What every operation begins with. */
static int begin(struct root *r)
{
	struct fake_root *root = (struct fake_root *)r;
	struct fake_kernel *k = root->k;

	if (root->dead)
		return -EIO;
	if (++k->operations == k->trouble.vanish_at)
		fake_unplug(k, k->trouble.vanish);
	return 0;
}

static int begin_change(struct root *r)
{
	struct fake_root *root = (struct fake_root *)r;
	const struct fake_trouble *trouble = &root->k->trouble;
	int error = begin(r);

	if (error < 0)
		return error;
	unsigned n = ++root->k->changes;
	if (n == trouble->kill_at) {
		root->dead = true;
		return -EIO;
	}
	if (n == trouble->fail_at[0] || n == trouble->fail_at[1] ||
	    (trouble->fail_from && n >= trouble->fail_from))
		return trouble->fail_with;
	return 0;
}

static struct fake_tree *tree_of(struct root *r)
{
	return &((struct fake_root *)r)->k->tree;
}

static int op_read(struct root *r, struct arena *a, const char *path, size_t max_bytes,
		   struct bytes *ret)
{
	int error = begin(r);

	return error ? error : fake_read(tree_of(r), a, path, max_bytes, ret);
}

static int op_link(struct root *r, struct arena *a, const char *path, const char **ret_target)
{
	int error = begin(r);

	return error ? error : fake_readlink(tree_of(r), a, path, ret_target);
}

static int op_list(struct root *r, struct arena *a, const char *path, struct names *ret)
{
	int error = begin(r);

	return error ? error : fake_list(tree_of(r), a, path, ret);
}

static int op_write(struct root *r, const char *path, const void *data, size_t n)
{
	char real[FAKE_PATH_MAX];
	int error = begin_change(r);

	if (error == 0)
		error = fake_resolve(tree_of(r), path, true, real);
	if (error < 0)
		return error;
	const struct fake_node *node = fake_find(tree_of(r), real);
	if (!node || node->kind != FAKE_FILE)
		return -EISDIR;
	return node->error ? node->error : fake_store(((struct fake_root *)r)->k, real, data, n);
}

/* -ENOENT when the directory that @path is to stand in is missing. */
static int begin_entry(struct root *r, const char *path)
{
	char parent[FAKE_PATH_MAX], real[FAKE_PATH_MAX];
	const char *slash = strrchr(path, '/');
	int error = begin_change(r);

	if (error < 0 || !slash)
		return error;
	snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
	return fake_resolve(tree_of(r), parent, true, real);
}

static int op_replace(struct root *r, const char *path, const void *data, size_t n, mode_t mode)
{
	int error = begin_entry(r, path);

	(void)mode;
	if (error == 0)
		fake_bytes(tree_of(r), path, data, n);
	return error;
}

static int op_remove(struct root *r, const char *path)
{
	int error = begin_entry(r, path);

	if (error == 0 && !fake_find(tree_of(r), path))
		error = -ENOENT;
	if (error == 0)
		fake_remove(tree_of(r), path);
	return error;
}

static int op_mkdir(struct root *r, const char *path, mode_t mode)
{
	int error = begin_entry(r, path);

	(void)mode;
	if (error == 0 && !fake_exists(tree_of(r), path))
		fake_directory(tree_of(r), path);
	return error;
}

/* A descriptor of its own each time, so that two of them exclude each other as processes do. */
static int op_lock(struct root *r, const char *path, int *ret_fd)
{
	char itself[64];
	int error = begin_entry(r, path);

	if (error < 0)
		return error;
	snprintf(itself, sizeof(itself), "/proc/self/fd/%d", ((struct fake_root *)r)->k->lock);
	int fd = open(itself, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		error = -errno;
		close(fd);
		return error;
	}
	fake_file(tree_of(r), path, "");
	*ret_fd = fd;
	return 0;
}

static void op_close(struct root *r)
{
	free(r);
}

static const struct root_ops fake_ops = {
	.read = op_read,
	.link = op_link,
	.list = op_list,
	.write = op_write,
	.replace = op_replace,
	.remove = op_remove,
	.mkdir = op_mkdir,
	.lock = op_lock,
	.close = op_close,
};

struct root *fake_process(struct fake_kernel *k)
{
	struct fake_root *root = calloc(1, sizeof(*root));

	if (!root)
		abort();
	*root = (struct fake_root){ .root = { .ops = &fake_ops }, .k = k };
	k->trouble = (struct fake_trouble){ 0 };
	k->changes = k->operations = 0;
	k->hung = false;
	return &root->root;
}
