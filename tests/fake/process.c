// SPDX-License-Identifier: MIT
// The root of a process on the machine: counts the operations and makes go wrong what was asked.
// A process that was killed can do nothing any more, reading included, so that no code of its way
// back helps.

#include "base/text.h"
#include "tests/fake/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>

struct held_lock {
	char path[64];
	int fd;
};

struct fake_root {
	struct root root;
	struct fake_kernel *k;
	bool dead;
	char pid[16];
	struct held_lock locks[8];
	size_t n_locks;
};

static void show_process(struct fake_root *root)
{
	char path[64], text[128];

	if (!root->k->shows_processes)
		return;
	snprintf(path, sizeof(path), "proc/%s/stat", root->pid);
	snprintf(text, sizeof(text),
		 "%s (pass) thru) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 77%s 1 1\n", root->pid,
		 root->pid);
	fake_file(&root->k->tree, path, text);
	snprintf(path, sizeof(path), "proc/%s/cmdline", root->pid);
	fake_bytes(&root->k->tree, path,
		   "passthru\0bind\0"
		   "01:00",
		   20);
}

static void hide_process(struct fake_root *root)
{
	char path[64];

	snprintf(path, sizeof(path), "proc/%s", root->pid);
	fake_remove(&root->k->tree, path);
}

/* proc/self is another one for each. */
static const char *own_path(struct root *r, const char *path, char text[FAKE_PATH_MAX])
{
	static const char self[] = "proc/self/";
	struct fake_root *root = (struct fake_root *)r;

	if (!root->k->shows_processes || strncmp(path, self, strlen(self)) != 0)
		return path;
	snprintf(text, FAKE_PATH_MAX, "proc/%s/%s", root->pid, path + strlen(self));
	return fake_find(&root->k->tree, text) ? text : path;
}

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
		hide_process(root);
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
	char text[FAKE_PATH_MAX];
	int error = begin(r);

	path = own_path(r, path, text);
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

/* The file that a write goes to, with links resolved. */
static int resolve_file(struct root *r, const char *path, char real[FAKE_PATH_MAX])
{
	int error = fake_resolve(tree_of(r), path, true, real);

	if (error < 0)
		return error;
	const struct fake_node *node = fake_find(tree_of(r), real);
	if (!node || node->kind != FAKE_FILE)
		return -EISDIR;
	return node->error;
}

static int op_write(struct root *r, const char *path, const void *data, size_t n)
{
	struct fake_kernel *k = ((struct fake_root *)r)->k;
	char real[FAKE_PATH_MAX];
	int error = begin_change(r);

	if (error == 0)
		error = resolve_file(r, path, real);
	if (error == 0 && fake_is_stuck(k, real, data, n))
		error = -EDEADLK;
	if (error == 0)
		error = fake_store(k, real, data, n);
	k->hung |= error == -EDEADLK;
	return error;
}

static int hang(struct root *r, const char *real, const void *data, size_t n, pid_t *ret_child)
{
	struct fake_root *root = (struct fake_root *)r;
	int fds[ARRAY_SIZE(root->locks)];

	for (size_t i = 0; i < root->n_locks; i++)
		fds[i] = root->locks[i].fd;
	return fake_hang(root->k, real, data, n, fds, root->n_locks, ret_child);
}

static int op_write_watched(struct root *r, const char *path, const void *data, size_t n,
			    unsigned limit_ms, pid_t *ret_child)
{
	struct fake_kernel *k = ((struct fake_root *)r)->k;
	char real[FAKE_PATH_MAX];
	int error = begin_change(r);

	(void)limit_ms;
	*ret_child = 0;
	if (error == 0)
		error = resolve_file(r, path, real);
	if (error < 0)
		return error;
	if (fake_is_stuck(k, real, data, n)) {
		k->touched_stuck++;
		return hang(r, real, data, n, ret_child);
	}
	if (k->changes == k->trouble.hang_at[0] || k->changes == k->trouble.hang_at[1])
		return hang(r, real, data, n, ret_child);
	error = fake_store(k, real, data, n);
	return error == -EDEADLK ? hang(r, real, data, n, ret_child) : error;
}

static int op_read_watched(struct root *r, struct arena *a, const char *path, unsigned limit_ms,
			   struct bytes *ret, pid_t *ret_child)
{
	struct fake_kernel *k = ((struct fake_root *)r)->k;
	char real[FAKE_PATH_MAX];
	int error = begin(r);

	(void)limit_ms;
	*ret_child = 0;
	if (error == 0)
		error = fake_resolve(tree_of(r), path, true, real);
	if (error < 0)
		return error;
	if (fake_is_stuck(k, real, "", 0))
		return hang(r, real, "", 0, ret_child);
	return fake_read(tree_of(r), a, real, 4096, ret);
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
	char temporary[FAKE_PATH_MAX];
	bool was_dead = ((struct fake_root *)r)->dead;
	int error = begin_entry(r, path);
	const char *slash = strrchr(path, '/');

	(void)mode;
	if (error == 0)
		fake_bytes(tree_of(r), path, data, n);
	/* killed between the file and its name */
	if (!was_dead && ((struct fake_root *)r)->dead && slash) {
		snprintf(temporary, sizeof(temporary), "%.*s.%s.new", (int)(slash + 1 - path), path,
			 slash + 1);
		fake_bytes(tree_of(r), temporary, data, n);
	}
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

static int memory_file(struct fake_kernel *k, const char *path)
{
	for (size_t i = 0; i < k->n_locks; i++) {
		if (strcmp(k->locks[i].path, path) == 0)
			return k->locks[i].fd;
	}
	if (k->n_locks == ARRAY_SIZE(k->locks))
		abort();
	struct fake_lock *lock = &k->locks[k->n_locks++];
	snprintf(lock->path, sizeof(lock->path), "%s", path);
	lock->fd = memfd_create("lock", MFD_CLOEXEC);
	return lock->fd;
}

/* A descriptor of its own each time, so that two of them exclude each other as processes do. */
static int op_lock(struct root *r, const char *path, const char *text, int *ret_fd)
{
	struct fake_root *root = (struct fake_root *)r;
	char itself[64];
	int error = begin_entry(r, path);

	if (error < 0)
		return error;
	snprintf(itself, sizeof(itself), "/proc/self/fd/%d", memory_file(root->k, path));
	int fd = open(itself, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		error = -errno;
		close(fd);
		return error;
	}
	if (root->n_locks == ARRAY_SIZE(root->locks))
		abort();
	struct held_lock *lock = &root->locks[root->n_locks++];
	snprintf(lock->path, sizeof(lock->path), "%s", path);
	lock->fd = fd;
	fake_file(tree_of(r), path, text);
	*ret_fd = fd;
	return 0;
}

static void op_unlock(struct root *r, const char *path, int fd)
{
	struct fake_root *root = (struct fake_root *)r;

	for (size_t i = 0; i < root->n_locks; i++) {
		if (root->locks[i].fd == fd)
			root->locks[i] = root->locks[--root->n_locks];
	}
	/* it may be killed here; what removing it fails with is nobody's concern */
	(void)begin_change(r);
	if (!root->dead) {
		fake_remove(tree_of(r), path);
		flock(fd, LOCK_UN);
	}
	close(fd);
}

static void op_close(struct root *r)
{
	hide_process((struct fake_root *)r);
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
	.unlock = op_unlock,
	.write_watched = op_write_watched,
	.read_watched = op_read_watched,
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
	snprintf(root->pid, sizeof(root->pid), "%u", ++k->last_pid + 1000);
	show_process(root);
	return &root->root;
}
