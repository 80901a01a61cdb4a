// SPDX-License-Identifier: MIT
// The root of a process on the machine of sriov.h: that of fake_process(), which counts and makes
// go wrong what is written, with the attributes that it knows nothing of.

#include "base/text.h"
#include "tests/fake/sriov.h"

#include <errno.h>
#include <stdio.h>

struct fake_sriov_root {
	struct root root;
	struct root *inner;
	struct fake_sriov *f;
};

static struct root *inner(struct root *r)
{
	return ((struct fake_sriov_root *)r)->inner;
}

static int op_read(struct root *r, struct arena *a, const char *path, size_t max_bytes,
		   struct bytes *ret)
{
	return inner(r)->ops->read(inner(r), a, path, max_bytes, ret);
}

static int op_link(struct root *r, struct arena *a, const char *path, const char **ret)
{
	return inner(r)->ops->link(inner(r), a, path, ret);
}

static int op_list(struct root *r, struct arena *a, const char *path, struct names *ret)
{
	return inner(r)->ops->list(inner(r), a, path, ret);
}

static bool is_vf(const char *name)
{
	for (unsigned i = 0; i < FAKE_VFS; i++) {
		if (str_eq(fake_vf(i), name))
			return true;
	}
	return false;
}

static int op_write_watched(struct root *r, const char *path, const void *data, size_t n,
			    unsigned limit_ms, pid_t *ret_child)
{
	struct fake_sriov *f = ((struct fake_sriov_root *)r)->f;
	const char *name = text_last_part(path);
	char text[64];

	snprintf(text, sizeof(text), "%.*s", (int)n, (const char *)data);
	/* a function that no driver may have: the write succeeds and changes nothing */
	if (str_eq(name, "drivers_probe") && is_vf(text) && !f->autoprobe &&
	    str_eq(fake_override_of(f->k, text), "(null)"))
		return 0;
	int error = inner(r)->ops->write_watched(inner(r), path, data, n, limit_ms, ret_child);
	/* the machine knows the file and not what it does */
	return error == -EACCES ? fake_sriov_store(f, name, text) : error;
}

static int op_write(struct root *r, const char *path, const void *data, size_t n)
{
	pid_t child;

	return op_write_watched(r, path, data, n, 0, &child);
}

static int op_replace(struct root *r, const char *path, const void *data, size_t n, mode_t mode)
{
	return inner(r)->ops->replace(inner(r), path, data, n, mode);
}

static int op_remove(struct root *r, const char *path)
{
	return inner(r)->ops->remove(inner(r), path);
}

static int op_mkdir(struct root *r, const char *path, mode_t mode)
{
	return inner(r)->ops->mkdir(inner(r), path, mode);
}

static int op_lock(struct root *r, const char *path, const char *text, int *ret_fd)
{
	return inner(r)->ops->lock(inner(r), path, text, ret_fd);
}

static void op_unlock(struct root *r, const char *path, int fd)
{
	inner(r)->ops->unlock(inner(r), path, fd);
}

static int op_read_watched(struct root *r, struct arena *a, const char *path, unsigned limit_ms,
			   struct bytes *ret, pid_t *ret_child)
{
	return inner(r)->ops->read_watched(inner(r), a, path, limit_ms, ret, ret_child);
}

static void op_close(struct root *r)
{
	root_close(inner(r));
	free(r);
}

static const struct root_ops ops = {
	.read = op_read,
	.link = op_link,
	.list = op_list,
	.write = op_write,
	.write_watched = op_write_watched,
	.replace = op_replace,
	.remove = op_remove,
	.mkdir = op_mkdir,
	.lock = op_lock,
	.unlock = op_unlock,
	.read_watched = op_read_watched,
	.close = op_close,
};

struct root *fake_sriov_process(struct fake_sriov *f)
{
	struct fake_sriov_root *root = calloc(1, sizeof(*root));

	if (!root)
		abort();
	*root = (struct fake_sriov_root){ { .ops = &ops }, fake_process(f->k), f };
	f->calls = f->fail_call = 0;
	return &root->root;
}
