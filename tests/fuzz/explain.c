// SPDX-License-Identifier: MIT
// A log of any origin, once as a whole and once in pieces, whose sizes come from its first byte:
// both must say the same, and what is found must lie within the bounds that callers rely on.

#include "check/explain.h"
#include "base/text.h"
#include "tests/fuzz/target.h"

#include <string.h>

static void feed(struct explain_log *log, const uint8_t *data, size_t n, size_t step)
{
	for (size_t at = 0; at < n; at += step) {
		size_t length = n - at < step ? n - at : step;
		char *piece = malloc(length);

		memcpy(piece, data + at, length);
		explain_log_feed(log, piece, length);
		free(piece);
	}
}

static void check_finding(struct arena *a, const struct explain_finding *f, size_t n_lines)
{
	HOLDS(explain_find(f->entry->id) == f->entry && explain_origin(f->entry));
	HOLDS(f->count >= 1 && f->first_line >= 1);
	HOLDS(f->first_line <= f->last_line && f->last_line <= n_lines);
	HOLDS(strlen(f->line) <= 400 && !strchr(f->line, '\n'));
	HOLDS(f->n_captures <= EXPLAIN_CAPTURES_MAX);
	for (size_t i = 0; i < f->n_captures; i++)
		HOLDS(f->captures[i].name && strlen(f->captures[i].value) <= 120);
	if (f->address) {
		size_t n = strlen(f->address);
		HOLDS(n >= 12 && n <= 16 && f->address[n - 2] == '.');
		HOLDS(strspn(f->address, "0123456789abcdef:.") == n);
	}
	HOLDS(*explain_next(a, f));
	(void)explain_fault(a, f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena a = { 0 };
	struct explain_log *whole = explain_log_new(&a), *parts = explain_log_new(&a);
	struct explain_result one, other;

	if (n == 0)
		goto done;
	feed(whole, data + 1, n - 1, n);
	feed(parts, data + 1, n - 1, (size_t)data[0] + 1);
	explain_log_end(whole, &one);
	explain_log_end(parts, &other);
	HOLDS(one.n_lines == other.n_lines && one.n_explained == other.n_explained);
	HOLDS(one.n_cut == other.n_cut && one.n == other.n);
	HOLDS(one.n_explained <= one.n_lines && one.n <= one.n_explained);
	for (size_t i = 0; i < one.n; i++) {
		check_finding(&a, one.findings[i], one.n_lines);
		HOLDS(one.findings[i]->entry == other.findings[i]->entry);
		HOLDS(str_eq(one.findings[i]->line, other.findings[i]->line));
		HOLDS(one.findings[i]->count == other.findings[i]->count);
	}
done:
	arena_free(&a);
	return 0;
}
