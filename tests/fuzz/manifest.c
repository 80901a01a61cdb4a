// SPDX-License-Identifier: MIT
// The manifest of a snapshot: what is in it can be asked for, and comes back.

#include "base/snapshot_store.h"
#include "base/text.h"
#include "tests/fuzz/target.h"

#include <errno.h>
#include <search.h>

static void close_snapshot(struct root *r);

static const struct root_ops ops = { .close = close_snapshot };

static void keep_entry(void *entry)
{
	(void)entry; /* lives in the arena */
}

static void close_snapshot(struct root *r)
{
	struct snapshot *s = (struct snapshot *)r;
	struct arena arena = s->arena;

	tdestroy(s->entries, keep_entry);
	arena_free(&arena);
}

static void check_entry(const void *node, VISIT visit, void *closure)
{
	const struct snapshot_entry *entry = *(const struct snapshot_entry *const *)node;

	if (visit != postorder && visit != leaf)
		return;
	HOLDS(snapshot_entry(closure, entry->path) == entry);
	HOLDS(entry->error <= 0 && entry->error > -4096);
	HOLDS(!entry->has_file && !entry->has_link);
	for (size_t i = 0; i < entry->list.n; i++)
		HOLDS(entry->has_list && entry->list.name[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena a = { 0 };
	struct err e = { 0 };
	struct snapshot *s = snapshot_new(&ops, NULL);
	const struct bytes text = { arena_memdup(&a, data, n), n };
	int error = snapshot_read_manifest(s, text, &e);

	HOLDS(error == 0 || ((error == -EBADMSG || error == -EFBIG) && *e.text));
	twalk_r(s->entries, check_entry, s);
	root_close(&s->root);
	arena_free(&a);
	return 0;
}
