// SPDX-License-Identifier: MIT
// What a step finds. Images are made for minutes between the look at the host that a plan comes
// from and its last step, and others work on the host meanwhile: a package brings a kernel,
// somebody opens an editor. What they did is neither written over nor taken for ours.

#include "change/engine.h"

#include <errno.h>

static bool is_as_expected(const struct entry *entry, const struct entry_state *now)
{
	/* what a command of ours left is not known */
	if (entry->begun && !entry->left_known)
		return true;
	return entry_is(now, entry->begun ? &entry->left : &entry->before);
}

static int check(const struct change *change, const struct entry *entry, struct entry_state *ret,
		 struct err *e)
{
	int error = entry_look(change, entry, ret, e);

	if (error < 0 || is_as_expected(entry, ret))
		return error;
	return err_fail(e, -EBUSY,
			"%s was %s by others while this was under way: look at it, and begin again",
			entry->path, ret->node.kind == ROOT_ABSENT ? "removed" : "changed");
}

int found_check(const struct change *change, struct entry *entry, const struct entry_state *leaves,
		struct err *e)
{
	struct entry_state now;
	int error = check(change, entry, &now, e);

	if (error < 0)
		return error;
	entry->begun = true;
	entry->left_known = leaves;
	entry->found = now;
	if (leaves)
		entry->left = *leaves;
	return 0;
}

int found_look(const struct change *change, struct entry *entry, struct err *e)
{
	struct entry_state now;
	int error = entry_look(change, entry, &now, e);

	if (error < 0)
		return error;
	/* it is made from what is there: only what was kept of it is too old */
	entry->foreign = !entry_is(&now, &entry->before);
	return 0;
}

int found_before_writing(struct change *change, const struct step *step, struct err *e)
{
	int error = 0;

	if (change->looked || !step->writes)
		return 0;
	change->looked = true;
	for (size_t i = 0; error == 0 && i < change->n; i++) {
		struct entry *entry = &change->entries[i];

		if (entry->in_place && !entry->begun)
			error = found_look(change, entry, e);
	}
	return error;
}

bool found_is_ours(const struct entry *entry, const struct entry_state *now)
{
	/* what a command writes in place cannot be told from what others write there */
	if (entry->in_place)
		return true;
	if (!entry->begun)
		return false;
	return !entry->left_known || entry_is(now, &entry->left) || entry_is(now, &entry->found);
}
