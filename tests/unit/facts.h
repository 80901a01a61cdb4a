/* SPDX-License-Identifier: MIT */
/* A host of a few files in memory, for tests of facts and checks. */
#pragma once

#include "base/text.h"
#include "host/host.h"
#include "tests/fake/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

struct tree_root {
	struct root root;
	struct fake_tree tree;
};

/* The one host of the test that runs. */
static struct tree_root machine;
static struct host host;

static inline int machine_read_file(struct root *r, struct arena *a, const char *path,
				    size_t max_bytes, struct bytes *ret)
{
	return fake_read(&((struct tree_root *)r)->tree, a, path, max_bytes, ret);
}

static inline int machine_link(struct root *r, struct arena *a, const char *path,
			       const char **ret_target)
{
	return fake_readlink(&((struct tree_root *)r)->tree, a, path, ret_target);
}

static inline int machine_list(struct root *r, struct arena *a, const char *path, struct names *ret)
{
	return fake_list(&((struct tree_root *)r)->tree, a, path, ret);
}

static inline void machine_close(struct root *r)
{
	(void)r;
}

static const struct root_ops machine_ops = {
	.read = machine_read_file,
	.link = machine_link,
	.list = machine_list,
	.close = machine_close,
};

static inline int machine_setup(void **state)
{
	(void)state;
	machine.root.ops = &machine_ops;
	host_init(&host, &machine.root);
	return 0;
}

static inline int machine_teardown(void **state)
{
	(void)state;
	host_done(&host);
	fake_tree_free(&machine.tree);
	return 0;
}

static inline void has(const char *path, const char *text)
{
	fake_file(&machine.tree, path, text);
}

static inline void denied(const char *path)
{
	fake_file(&machine.tree, path, "");
	fake_error(&machine.tree, path, -EACCES);
}

#define MACHINE_TEST(test) cmocka_unit_test_setup_teardown(test, machine_setup, machine_teardown)

/* The words of a command in one line; "" for none. */
static inline const char *argv_line(const char *const *argv)
{
	size_t n = 0;

	while (argv && argv[n])
		n++;
	return text_join(&host.arena, argv, n, " ");
}
