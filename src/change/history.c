// SPDX-License-Identifier: MIT
// What was changed on this host, and what others have changed since. Reads only, without the lock:
// a journal is replaced whole, so what is read is one state of it.

#include "base/text.h"
#include "change/engine.h"

#include <errno.h>

static void describe(const struct change *change, struct change_info *ret)
{
	struct arena *a = &change->host->arena;

	*ret = (struct change_info){ .number = change->number,
				     .state = change->state,
				     .title = change->title,
				     .time_s = change->time_s,
				     .boot = change->boot,
				     .continues = change->continues,
				     .whys = change->whys };
	ret->paths.name = arena_array(a, change->n, sizeof(*ret->paths.name));
	for (size_t i = 0; i < change->n; i++) {
		if (!change->entries[i].directory)
			ret->paths.name[ret->paths.n++] = change->entries[i].path;
	}
}

int change_history(struct host *host, struct change_list *ret, struct err *e)
{
	struct err problem = { 0 };
	struct change change;
	unsigned *numbers;
	size_t n;
	int error = store_numbers(host, &numbers, &n, e);

	if (error < 0)
		return error;
	*ret = (struct change_list){ .changes = arena_array(&host->arena, n, sizeof(*ret->changes)),
				     .n = n };
	for (size_t i = 0; i < n; i++) {
		struct change_info *info = &ret->changes[i];

		if (journal_load(host, numbers[i], &change, &problem) == 0)
			describe(&change, info);
		else
			*info = (struct change_info){ .number = numbers[i],
						      .state = CHANGE_DAMAGED,
						      .title = "",
						      .problem = arena_strdup(&host->arena,
									      problem.text) };
	}
	return 0;
}

int change_of_this_boot(struct host *host, const struct change_info *change)
{
	const char *now = journal_boot(host);

	if (!change->boot || !*change->boot || !*now)
		return -ENODATA;
	return str_eq(change->boot, now);
}

bool change_in_place(const struct change_info *change)
{
	return change->state == CHANGE_APPLIED || change->state == CHANGE_CONFIRMED;
}

const struct change_info *change_find(const struct change_list *list, unsigned number)
{
	for (size_t i = 0; i < list->n; i++) {
		if (list->changes[i].number == number)
			return &list->changes[i];
	}
	return NULL;
}

/* A change goes on with an earlier one only: the journal of another is no journal. */
static const struct change_info *before(const struct change_list *list,
					const struct change_info *change)
{
	return change->continues ? change_find(list, change->continues) : NULL;
}

const struct change_info *change_first_of_last(const struct change_list *list)
{
	const struct change_info *first = NULL, *earlier;

	for (size_t i = 0; i < list->n; i++) {
		if (change_in_place(&list->changes[i]))
			first = &list->changes[i];
	}
	while (first && (earlier = before(list, first)) && change_in_place(earlier))
		first = earlier;
	return first;
}

bool change_goes_with(const struct change_list *list, const struct change_info *change,
		      const struct change_info *first)
{
	if (change == first)
		return true;
	if (!change_in_place(change))
		return false;
	while (change && change != first)
		change = before(list, change);
	return change != NULL;
}

static const char *say_what(const struct entry *entry, const struct entry_state *now)
{
	if (now->node.kind == ROOT_ABSENT)
		return "was removed since";
	if (entry->after.node.kind == ROOT_ABSENT)
		return "was made since";
	return entry->after.node.kind == now->node.kind ? "was changed since"
							: "is of another kind since";
}

/* NULL when one of them is not there to be read. */
static const char *lines_of(const struct change *change, const struct entry *entry,
			    const struct entry_state *now)
{
	struct host *host = change->host;
	struct bytes left = { "", 0 }, is = { "", 0 };

	if (entry->text &&
	    root_read_max(host->root, &host->arena, entry_copy(change, entry, ".after"),
			  CHANGE_TEXT_MAX, &left) < 0)
		return NULL;
	if (!entry->text && entry->after.node.kind != ROOT_ABSENT)
		return NULL;
	if (now->node.kind == ROOT_FILE &&
	    root_read_max(host->root, &host->arena, entry->path, CHANGE_TEXT_MAX, &is) < 0)
		return NULL;
	if (now->node.kind != ROOT_FILE && now->node.kind != ROOT_ABSENT)
		return NULL;
	return change_diff(&host->arena, entry->path, left, is);
}

int change_differs(struct host *host, unsigned number, struct change_differences *ret,
		   struct err *e)
{
	struct err ignored = { 0 };
	struct change change;
	struct entry_state now;
	struct bytes text;
	bool differs;
	int error = journal_load(host, number, &change, e);

	if (error < 0)
		return error;
	*ret = (struct change_differences){ .list = arena_array(&host->arena, change.n,
								sizeof(*ret->list)) };
	for (size_t i = 0; i < change.n; i++) {
		const struct entry *entry = &change.entries[i];

		if (entry->directory || entry->scratch || !entry->after_known ||
		    change.state == CHANGE_UNDONE)
			continue;
		error = entry_look(&change, entry, &now, e);
		if (error < 0)
			return error;
		if (entry_is(&now, &entry->after) || entry_is(&now, &entry->before) ||
		    (entry->may_go && now.node.kind == ROOT_ABSENT))
			continue;
		const bool is_edited =
			entry->variable && now.node.kind == ROOT_FILE &&
			block_taken_back(&change, entry, &text, &differs, &ignored) == 0;
		ret->list[ret->n++] = (struct change_difference){
			.path = entry->path,
			.what = say_what(entry, &now),
			.diff = lines_of(&change, entry, &now),
			.regenerated = is_edited || (entry->regenerate && root_is_live(host->root)),
		};
	}
	return 0;
}

/* A file that one of those before @at has changed as well is judged by that one. */
static bool is_overtaken(const struct change_info *const *changes, size_t at, const char *path)
{
	for (size_t i = 0; i < at; i++) {
		const struct names *paths = &changes[i]->paths;

		for (size_t k = 0; k < paths->n; k++) {
			if (str_eq(paths->name[k], path))
				return true;
		}
	}
	return false;
}

int change_all_differ(struct host *host, const struct change_info *const *changes, size_t n,
		      struct change_differences *ret, struct err *e)
{
	struct change_differences *some = arena_array(&host->arena, n, sizeof(*some));
	size_t n_all = 0;

	for (size_t i = 0; i < n; i++) {
		int error = change_differs(host, changes[i]->number, &some[i], e);
		if (error < 0)
			return error;
		n_all += some[i].n;
	}
	*ret = (struct change_differences){ .list = arena_array(&host->arena, n_all,
								sizeof(*ret->list)) };
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < some[i].n; k++) {
			if (!is_overtaken(changes, i, some[i].list[k].path))
				ret->list[ret->n++] = some[i].list[k];
		}
	}
	return 0;
}
