// SPDX-License-Identifier: MIT
// Which function a record means. Ids say what it is, the slot says which of several; the address
// says nothing where a slot is recorded, because after a new numbering it can be that of a twin.
// Taking the wrong one costs a host its display or its disk, taking none costs a guest a start: in
// doubt none.

#include "reserve/reserve.h"

#include <string.h>

static bool same_ids(const struct reserve_ids *a, const struct reserve_ids *b)
{
	return a->vendor == b->vendor && a->device == b->device &&
	       a->subsystem_vendor == b->subsystem_vendor &&
	       a->subsystem_device == b->subsystem_device && a->class_code == b->class_code;
}

static bool is_at_place(const struct reserve_function *was, const struct reserve_function *is)
{
	if (!same_ids(&was->ids, &is->ids))
		return false;
	return *was->slot ? strcmp(was->slot, is->slot) == 0
			  : strcmp(was->address, is->address) == 0;
}

static bool is_taken(const struct reserve_match *matches, size_t n, size_t function)
{
	for (size_t i = 0; i < n; i++) {
		if ((matches[i].found == RESERVE_HERE || matches[i].found == RESERVE_MOVED) &&
		    matches[i].function == function)
			return true;
	}
	return false;
}

static void find_at_place(const struct reserve_record *record, const struct reserve_host *host,
			  const struct reserve_match *before, size_t n_before,
			  struct reserve_match *ret)
{
	*ret = (struct reserve_match){ .found = RESERVE_ABSENT };
	for (size_t i = 0; i < host->n; i++) {
		if (is_at_place(&record->function, &host->functions[i]) &&
		    !is_taken(before, n_before, i)) {
			*ret = (struct reserve_match){ .found = RESERVE_HERE, .function = i };
			return;
		}
	}
}

static bool has_serial(const struct reserve_record *record, const struct reserve_host *host,
		       struct reserve_function *f)
{
	if (host->read_serial && !f->has_serial)
		host->read_serial(host->closure, f);
	return f->has_serial && f->serial == record->function.serial;
}

static void find_elsewhere(const struct reserve_record *record, const struct reserve_host *host,
			   const struct reserve_match *all, size_t n_all, struct reserve_match *ret)
{
	size_t candidates = 0, last = 0;

	for (size_t i = 0; i < host->n; i++) {
		struct reserve_function *f = &host->functions[i];

		if (!same_ids(&record->function.ids, &f->ids) || is_taken(all, n_all, i))
			continue;
		if (record->function.has_serial && !has_serial(record, host, f))
			continue;
		candidates++;
		last = i;
	}
	if (candidates == 1 && (record->function.has_serial || !record->twins))
		*ret = (struct reserve_match){ .found = RESERVE_MOVED, .function = last };
	else if (candidates > 0)
		*ret = (struct reserve_match){ .found = RESERVE_AMBIGUOUS,
					       .candidates = candidates };
}

void reserve_match(const struct reserve_record *records, size_t n, const struct reserve_host *host,
		   struct reserve_match *ret)
{
	for (size_t i = 0; i < n; i++)
		find_at_place(&records[i], host, ret, i, &ret[i]);
	for (size_t i = 0; i < n; i++) {
		if (ret[i].found == RESERVE_ABSENT)
			find_elsewhere(&records[i], host, ret, n, &ret[i]);
	}
}
