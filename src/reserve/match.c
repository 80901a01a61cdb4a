// SPDX-License-Identifier: MIT
// Which function a record means. Ids say what it is, the slot says which of several; the address
// says nothing where a slot is recorded, because after a new numbering it can be that of a twin.
// Taking the wrong one costs a host its display or its disk, taking none costs a guest a start: in
// doubt none.
//
// "The only one of its kind" is no proof that it is the same one: the reserved drive may have died,
// and the one that is left be the host's own, bought later, with the root file system on it. So ids
// alone are enough only for what a host comes up and is reached without.

#include "reserve/reserve.h"

#include <string.h>

static bool same_model(const struct reserve_ids *a, const struct reserve_ids *b)
{
	return a->vendor == b->vendor && a->device == b->device &&
	       a->subsystem_vendor == b->subsystem_vendor &&
	       a->subsystem_device == b->subsystem_device;
}

static bool same_ids(const struct reserve_ids *a, const struct reserve_ids *b)
{
	return same_model(a, b) && a->class_code == b->class_code;
}

/*
 * Intel's graphics are a VGA controller (0300), or another display (0380) when the firmware is told
 * to begin with another card.
 */
static bool same_class(const struct reserve_ids *a, const struct reserve_ids *b)
{
	return a->class_code == b->class_code ||
	       (a->class_code >> 16 == 0x03 && b->class_code >> 16 == 0x03);
}

/* "0000:40/01.1/00.1": all but the last digit, which is the number of the function */
static bool same_card(const char *a, const char *b)
{
	size_t n = strlen(a);

	return n && n == strlen(b) && memcmp(a, b, n - 1) == 0;
}

/* True also where one of them is not known. */
static bool same_number(const char *a, const char *b)
{
	return !*a || !*b || a[strlen(a) - 1] == b[strlen(b) - 1];
}

static bool is_at_place(const struct reserve_function *was, const struct reserve_function *is)
{
	if (!same_model(&was->ids, &is->ids) || !same_class(&was->ids, &is->ids))
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

/* What a host needs to come up or to be reached (disks, network, USB, ...) is all the rest. */
static bool is_known_by_ids(const struct reserve_record *record)
{
	switch (record->function.ids.class_code >> 16) {
	case 0x03: /* displays */
	case 0x04: /* sound and video */
	case 0x0b: /* processors */
	case 0x12: /* accelerators */
		return record->twins == 0;
	default:
		return false;
	}
}

static bool has_number(const struct reserve_record *record)
{
	return record->function.has_serial && reserve_is_serial(record->function.serial);
}

/*
 * All ports of a card have one serial, so the number of the function says which of them it is. When
 * functions of two cards have it, it is the serial of neither.
 */
static void find_elsewhere(const struct reserve_record *record, const struct reserve_host *host,
			   const struct reserve_match *all, size_t n_all, struct reserve_match *ret)
{
	const struct reserve_function *was = &record->function, *card = NULL;
	bool number = has_number(record), two_cards = false;
	size_t candidates = 0, last = 0;

	for (size_t i = 0; i < host->n; i++) {
		struct reserve_function *f = &host->functions[i];

		if (!same_ids(&was->ids, &f->ids) || is_taken(all, n_all, i) ||
		    (number && !has_serial(record, host, f)))
			continue;
		two_cards |= card && !same_card(card->slot, f->slot);
		card = f;
		if (!same_number(was->slot, f->slot))
			continue;
		candidates++;
		last = i;
	}
	if (candidates > 0)
		*ret = (struct reserve_match){ .found = RESERVE_AMBIGUOUS,
					       .function = last,
					       .candidates = candidates };
	if (candidates == 1 && (number ? !two_cards : is_known_by_ids(record)))
		ret->found = RESERVE_MOVED;
}

/* ---- a card moves as a whole ---- */

/* Whether a function of the card that @record is of has moved to the card of @f. */
static bool has_moved_to(const struct reserve_record *record, const struct reserve_function *f,
			 const struct reserve_record *records, size_t n,
			 const struct reserve_host *host, const struct reserve_match *matches)
{
	for (size_t i = 0; i < n; i++) {
		if (matches[i].found == RESERVE_MOVED &&
		    same_card(records[i].function.slot, record->function.slot) &&
		    same_card(host->functions[matches[i].function].slot, f->slot))
			return true;
	}
	return false;
}

/* At the side of another function of its card that could be told: a display's USB controller. */
static void find_with_card(const struct reserve_record *records, size_t n, size_t which,
			   const struct reserve_host *host, struct reserve_match *ret)
{
	const struct reserve_record *record = &records[which];

	for (size_t i = 0; i < host->n; i++) {
		struct reserve_function *f = &host->functions[i];

		if (same_ids(&record->function.ids, &f->ids) &&
		    same_number(record->function.slot, f->slot) && !is_taken(ret, n, i) &&
		    has_moved_to(record, f, records, n, host, ret) &&
		    (!has_number(record) || has_serial(record, host, f))) {
			ret[which] =
				(struct reserve_match){ .found = RESERVE_MOVED, .function = i };
			return;
		}
	}
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
	for (size_t i = 0; i < n; i++) {
		if (ret[i].found == RESERVE_ABSENT || ret[i].found == RESERVE_AMBIGUOUS)
			find_with_card(records, n, i, host, ret);
	}
}
