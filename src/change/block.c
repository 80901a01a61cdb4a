// SPDX-License-Identifier: MIT
// One variable of GRUB's environment block as a step has set it. GRUB itself writes the block at
// every start (it takes its choice for one boot back, and leaves "next_entry="), so do scripts of
// the distribution (boot_success, recordfail): it is hardly ever what a step left. So the way back
// edits the block that is there, in a rescue system as on the running one: our variable is as it
// was, all others stay as they are.

#include "base/text.h"
#include "change/change.h"
#include "change/engine.h"

#include <errno.h>
#include <string.h>

/* A block has 1024 bytes. */
#define BLOCK_MAX 4096

/* A value that is neither ours nor what GRUB makes of ours is somebody's choice since. */
static int choice_back(struct arena *a, struct bytes text, const struct step_variable *v,
		       struct bytes *ret, struct err *e)
{
	const char *now, *ignored;
	struct bytes unset;
	int error = edit_grubenv_set(a, text, v->name, NULL, &unset, &now, e);

	*ret = text;
	if (error < 0 || !now || (*now && !str_eq(now, v->value)))
		return error;
	return edit_grubenv_set(a, text, v->name, v->before, ret, &ignored, e);
}

int block_taken_back(const struct change *change, const struct entry *entry, struct bytes *ret,
		     bool *ret_changed, struct err *e)
{
	struct host *host = change->host;
	const struct step_variable *v = entry->variable;
	const struct edit_place place = { .format = EDIT_GRUBENV, .name = v->name };
	struct bytes text;
	int error = root_read_max(host->root, &host->arena, entry->path, BLOCK_MAX, &text);

	if (error < 0)
		return err_io(e, error, "reading %s", entry->path);
	error = v->value ? choice_back(&host->arena, text, v, ret, e)
			 : edit_remove(&host->arena, text, &place, &v->words, ret, e);
	if (error < 0)
		return err_wrap(e, error, "%s", entry->path);
	*ret_changed = ret->n != text.n || memcmp(ret->data, text.data, text.n) != 0;
	return 0;
}

int block_restore(const struct change *change, const struct entry *entry,
		  const struct entry_state *now, struct err *e)
{
	struct bytes text;
	bool changed;
	int error = block_taken_back(change, entry, &text, &changed, e);
	const struct root_place place = { .path = entry->path,
					  .temporary = entry_temporary(change, entry),
					  .content = text,
					  .node = &now->node };

	if (error < 0 || !changed)
		return error;
	return entry_place(change, entry, &place, e);
}
