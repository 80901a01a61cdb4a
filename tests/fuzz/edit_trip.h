/* SPDX-License-Identifier: MIT */
/* What holds of every edit that succeeds: it is made once, and taking it back gives the same bytes.
 */
#pragma once

#include "change/change.h"
#include "tests/fuzz/target.h"

#include <string.h>

static inline void same_bytes(struct bytes a, struct bytes b)
{
	HOLDS(a.n == b.n && (a.n == 0 || memcmp(a.data, b.data, a.n) == 0));
}

/* Returns whether there was an edit. */
static inline bool edit_round_trip(struct arena *a, struct bytes text,
				   const struct edit_place *place, const struct names *words)
{
	struct err e = { 0 };
	struct edit first, second;
	struct bytes back;

	if (edit_add(a, text, place, words, &first, &e) < 0) {
		HOLDS(e.kind != ERR_NONE && e.text[0]);
		return false;
	}
	HOLDS(edit_add(a, first.text, place, words, &second, &e) == 0);
	HOLDS(second.added.n == 0);
	same_bytes(second.text, first.text);
	if (first.added.n == 0)
		return false;
	HOLDS(edit_remove(a, first.text, place, &first.added, &back, &e) == 0);
	same_bytes(back, text);
	return true;
}
