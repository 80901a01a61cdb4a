// SPDX-License-Identifier: MIT
// From a log to findings: cuts it into lines, asks the matcher what explains each, and keeps one
// finding per entry and subject (the function, the group, the module it is about), with how often
// and where it was seen.
//
// A log may be of any size and origin. Of a line that spans pieces at most LINE_MAX_BYTES are
// kept, of an entry at most SUBJECTS_MAX findings; everything else of the log is forgotten.

#include "base/text.h"
#include "check/explain_internal.h"

#include <stdlib.h>

#define LINE_MAX_BYTES 8192
#define SUBJECTS_MAX 64
#define SHOWN_MAX 400
#define VALUE_MAX 120

/* A finding and what tells it from others of its entry. */
struct subject {
	struct explain_finding finding;
	struct subject *next;
};

struct explain_log {
	struct arena *arena;
	struct explain_matcher *matcher;
	struct subject **first;       /* by the order of the entry */
	struct explain_finding **all; /* grows */
	size_t n, room;
	size_t n_lines, n_explained, n_cut;
	size_t pending; /* bytes of the line that has begun; more than fit when it is too long */
	char line[LINE_MAX_BYTES];
};

struct explain_log *explain_log_new(struct arena *a)
{
	struct explain_log *log = arena_alloc(a, sizeof(*log));

	log->arena = a;
	log->matcher = explain_matcher_new(a, explain_tables);
	log->first = arena_array(a, explain_matcher_size(log->matcher), sizeof(struct subject *));
	return log;
}

/* ---- findings ---- */

/* A copy without NUL bytes, at most @max bytes of it. */
static char *copy(struct arena *a, const char *text, size_t n, size_t max)
{
	char *copied = arena_memdup(a, text, n < max ? n : max);

	for (size_t i = 0; i < n && i < max; i++) {
		if (!copied[i])
			copied[i] = ' ';
	}
	return copied;
}

static bool same_value(const char *value, const struct explain_piece *piece)
{
	size_t n = piece->n < VALUE_MAX ? piece->n : VALUE_MAX;

	return strnlen(value, n + 1) == n && memcmp(value, piece->text, n) == 0;
}

static bool same_subject(const struct explain_finding *f, const struct explain_match *match)
{
	if (!str_eq(f->address ? f->address : "", match->address) ||
	    f->n_captures != match->n_pieces)
		return false;
	for (size_t i = 0; i < f->n_captures; i++) {
		const struct explain_piece *piece = &match->pieces[i];
		if (f->captures[i].name != piece->placeholder->name ||
		    (piece->placeholder->tells_apart && !same_value(f->captures[i].value, piece)))
			return false;
	}
	return true;
}

static void list(struct explain_log *log, struct explain_finding *finding)
{
	if (log->n == log->room) {
		size_t room = log->room ? log->room * 2 : 32;
		struct explain_finding **all = arena_array(log->arena, room, sizeof(*all));
		if (log->n)
			memcpy(all, log->all, log->n * sizeof(*all));
		log->all = all;
		log->room = room;
	}
	log->all[log->n++] = finding;
}

static struct subject *subject_new(struct explain_log *log, const struct explain_match *match,
				   const char *line, size_t n)
{
	struct subject *s = arena_alloc(log->arena, sizeof(*s));
	struct explain_finding *f = &s->finding;
	size_t prefix = explain_prefix(line, n);

	f->entry = match->entry;
	f->address = match->address[0] ? arena_strdup(log->arena, match->address) : NULL;
	for (size_t i = 0; i < match->n_pieces; i++)
		f->captures[f->n_captures++] = (struct explain_capture){
			match->pieces[i].placeholder->name,
			copy(log->arena, match->pieces[i].text, match->pieces[i].n, VALUE_MAX),
		};
	f->line = copy(log->arena, line + prefix, n - prefix, SHOWN_MAX);
	f->first_line = log->n_lines;
	list(log, f);
	return s;
}

static void explained(struct explain_log *log, const struct explain_match *match, const char *line,
		      size_t n)
{
	struct subject **at = &log->first[match->order], *s;
	size_t n_subjects = 0;

	log->n_explained++;
	for (; (s = *at); at = &s->next, n_subjects++) {
		if (same_subject(&s->finding, match))
			break;
	}
	if (!s && n_subjects == SUBJECTS_MAX) {
		log->first[match->order]->finding.n_others++;
		return;
	}
	if (!s)
		*at = s = subject_new(log, match, line, n);
	s->finding.count++;
	s->finding.last_line = log->n_lines;
}

/* Whether a log quotes a command here, and with it, perhaps, what somebody looked for. */
static bool quotes_command(const char *line, size_t n)
{
	return memmem(line, n, " COMMAND=", 9) || memmem(line, n, "type=EXECVE ", 12);
}

static void take_line(struct explain_log *log, const char *line, size_t n)
{
	struct explain_match match;

	log->n_lines++;
	if (n && line[n - 1] == '\r')
		n--;
	if (explain_matcher_line(log->matcher, line, n, &match) && !quotes_command(line, n))
		explained(log, &match, line, n);
}

/* ---- lines ---- */

/* Keeps what fits of a line that goes on in the next piece. */
static void keep(struct explain_log *log, const char *data, size_t n)
{
	if (log->pending < LINE_MAX_BYTES) {
		size_t room = LINE_MAX_BYTES - log->pending;
		memcpy(log->line + log->pending, data, n < room ? n : room);
	}
	log->pending = n < SIZE_MAX - log->pending ? log->pending + n : SIZE_MAX;
}

static void take_kept(struct explain_log *log)
{
	size_t n = log->pending;

	if (n > LINE_MAX_BYTES) {
		n = LINE_MAX_BYTES;
		log->n_cut++;
	}
	log->pending = 0;
	take_line(log, log->line, n);
}

void explain_log_feed(struct explain_log *log, const char *data, size_t n)
{
	while (n) {
		const char *newline = memchr(data, '\n', n);
		size_t length = newline ? (size_t)(newline - data) : n;

		if (!newline || log->pending || length > LINE_MAX_BYTES) {
			keep(log, data, length);
			if (!newline)
				return;
			take_kept(log);
		} else {
			take_line(log, data, length);
		}
		data += length + 1;
		n -= length + 1;
	}
}

static int by_weight(const void *a, const void *b)
{
	const struct explain_finding *x = *(struct explain_finding *const *)a;
	const struct explain_finding *y = *(struct explain_finding *const *)b;

	if (x->entry->severity != y->entry->severity)
		return x->entry->severity > y->entry->severity ? -1 : 1;
	return (x->first_line > y->first_line) - (x->first_line < y->first_line);
}

void explain_log_end(struct explain_log *log, struct explain_result *ret)
{
	if (log->pending)
		take_kept(log);
	if (log->n)
		qsort(log->all, log->n, sizeof(struct explain_finding *), by_weight);
	*ret = (struct explain_result){
		.findings = log->all,
		.n = log->n,
		.n_lines = log->n_lines,
		.n_explained = log->n_explained,
		.n_cut = log->n_cut,
	};
}
