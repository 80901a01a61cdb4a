// SPDX-License-Identifier: MIT
// The lines in which two texts differ, in the unified form of diff(1) (POSIX.1-2017, "Diff -u
// Output Format"), for a refusal and for a plan.
//
// Written out here because a rescue shell need not have diff, and a process for each file of a plan
// is slow. The shortest script after E. Myers, "An O(ND) Difference Algorithm" (1986), section 4b;
// where two texts differ in more than DISTANCE_MAX lines, what lies between their common ends is
// shown as replaced whole.

#include "base/text.h"
#include "change/step.h"

#include <string.h>

#define TEXT_MAX ((size_t)1024 * 1024)
#define LINES_MAX 100000
#define DISTANCE_MAX 1000
#define CONTEXT 3

struct line {
	const char *at;
	size_t n; /* without the newline */
};

struct lines {
	struct line *line;
	size_t n;
	bool open; /* the last one does not end */
};

/* ' ', '-' or '+' and the line of the text that has it */
struct edit_op {
	char what;
	size_t before, after;
};

struct script {
	struct arena *a;
	struct lines before, after;
	struct edit_op *ops; /* enough for all lines of both */
	size_t n;
};

static bool split(struct arena *a, struct bytes text, struct lines *ret)
{
	const char *at = text.data, *end = text.data + text.n;
	size_t n = 0;

	if (text.n > TEXT_MAX || (text.n > 0 && memchr(text.data, '\0', text.n)))
		return false;
	for (size_t i = 0; i < text.n; i++)
		n += text.data[i] == '\n';
	if (n >= LINES_MAX)
		return false;
	*ret = (struct lines){ .line = arena_array(a, n + 1, sizeof(*ret->line)) };
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *stop = newline ? newline : end;

		ret->line[ret->n++] = (struct line){ at, (size_t)(stop - at) };
		ret->open = !newline;
		at = stop + 1;
	}
	return true;
}

static bool same(const struct script *s, size_t before, size_t after)
{
	const struct line *a = &s->before.line[before], *b = &s->after.line[after];
	bool a_open = s->before.open && before + 1 == s->before.n;
	bool b_open = s->after.open && after + 1 == s->after.n;

	return a_open == b_open && a->n == b->n && memcmp(a->at, b->at, a->n) == 0;
}

static void add(struct script *s, char what, size_t before, size_t after)
{
	s->ops[s->n++] = (struct edit_op){ what, before, after };
}

/* ---- the shortest script ---- */

/* The furthest points of each distance, so that the way to the end can be walked back. */
struct search {
	size_t from, n_before, n_after; /* what lies between the common ends */
	int *furthest;                  /* of the diagonals of one distance */
	int **kept;                     /* of each distance */
};

static int next_furthest(const int *v, int d, int k)
{
	return k == -d || (k != d && v[k - 1] < v[k + 1]) ? v[k + 1] : v[k - 1] + 1;
}

/* The distance, or -1 when it is above the bound. */
static int find_distance(const struct script *s, struct search *search)
{
	size_t size = 2 * DISTANCE_MAX + 3;
	int *v = (int *)arena_array(s->a, size, sizeof(int)) + DISTANCE_MAX + 1;
	int n = (int)search->n_before, m = (int)search->n_after;

	search->kept = arena_array(s->a, DISTANCE_MAX + 1, sizeof(*search->kept));
	for (int d = 0; d <= DISTANCE_MAX; d++) {
		search->kept[d] =
			(int *)arena_memdup(s->a, v - d - 1, (2 * (size_t)d + 3) * sizeof(int)) +
			d + 1;
		for (int k = -d; k <= d; k += 2) {
			int x = next_furthest(v, d, k), y = x - k;

			while (x < n && y >= 0 && y < m &&
			       same(s, search->from + (size_t)x, search->from + (size_t)y))
				x++, y++;
			v[k] = x;
			if (x >= n && y >= m)
				return d;
		}
	}
	return -1;
}

/* Fills the operations from the end to the beginning, then turns them round. */
static void walk_back(struct script *s, const struct search *search, int distance)
{
	int x = (int)search->n_before, y = (int)search->n_after;
	size_t first = s->n, from = search->from;

	for (int d = distance; d >= 0; d--) {
		const int *v = search->kept[d];
		int k = x - y;
		bool down = k == -d || (k != d && v[k - 1] < v[k + 1]);
		int start_x = d == 0 ? 0 : next_furthest(v, d, k), start_y = start_x - k;

		while (x > start_x && y > start_y) {
			x--, y--;
			add(s, ' ', from + (size_t)x, from + (size_t)y);
		}
		if (d == 0)
			break;
		if (down)
			y--;
		else
			x--;
		add(s, down ? '+' : '-', from + (size_t)x, from + (size_t)y);
	}
	for (size_t i = first, k = s->n; i + 1 < k; i++) {
		struct edit_op op = s->ops[i];

		s->ops[i] = s->ops[--k];
		s->ops[k] = op;
	}
}

static void make_script(struct script *s)
{
	size_t n = s->before.n, m = s->after.n, head = 0, tail = 0;

	s->ops = arena_array(s->a, n + m, sizeof(*s->ops));
	for (; head < n && head < m && same(s, head, head); head++)
		add(s, ' ', head, head);
	while (tail < n - head && tail < m - head && same(s, n - tail - 1, m - tail - 1))
		tail++;
	struct search search = { .from = head,
				 .n_before = n - head - tail,
				 .n_after = m - head - tail };
	int distance = find_distance(s, &search);
	if (distance >= 0) {
		walk_back(s, &search, distance);
	} else {
		for (size_t i = 0; i < search.n_before; i++)
			add(s, '-', head + i, head);
		for (size_t i = 0; i < search.n_after; i++)
			add(s, '+', n - tail, head + i);
	}
	for (size_t i = 0; i < tail; i++)
		add(s, ' ', n - tail + i, m - tail + i);
}

/* ---- showing it ---- */

struct output {
	struct arena *a;
	const char **piece;
	size_t n;
};

static void put(struct output *out, const char *piece)
{
	out->piece[out->n++] = piece;
}

static char *range(struct arena *a, size_t first, size_t n)
{
	/* a range without lines names the line before it */
	size_t at = n > 0 ? first + 1 : first;

	return n == 1 ? arena_printf(a, "%zu", at) : arena_printf(a, "%zu,%zu", at, n);
}

static void show_line(const struct script *s, const struct edit_op *op, struct output *out)
{
	bool is_after = op->what == '+';
	const struct lines *lines = is_after ? &s->after : &s->before;
	size_t i = is_after ? op->after : op->before;
	const struct line *line = &lines->line[i];

	put(out,
	    arena_printf(s->a, "%c%.*s\n%s", op->what, (int)line->n, line->at,
			 lines->open && i + 1 == lines->n ? "\\ No newline at end of file\n" : ""));
}

static void show_hunk(const struct script *s, size_t from, size_t to, struct output *out)
{
	size_t n_before = 0, n_after = 0;

	for (size_t i = from; i < to; i++) {
		n_before += s->ops[i].what != '+';
		n_after += s->ops[i].what != '-';
	}
	put(out, arena_printf(s->a, "@@ -%s +%s @@\n", range(s->a, s->ops[from].before, n_before),
			      range(s->a, s->ops[from].after, n_after)));
	for (size_t i = from; i < to; i++)
		show_line(s, &s->ops[i], out);
}

/* The end of the hunk whose first change is at @i: behind it are more unchanged lines than two
 * hunks have around them. */
static size_t hunk_end(const struct script *s, size_t i)
{
	size_t last = i;

	for (; i < s->n && i - last <= 2 * CONTEXT; i++) {
		if (s->ops[i].what != ' ')
			last = i;
	}
	return last + 1;
}

const char *change_diff(struct arena *a, const char *path, struct bytes before, struct bytes after)
{
	struct script s = { .a = a };

	if (!split(a, before, &s.before) || !split(a, after, &s.after))
		return NULL;
	make_script(&s);
	/* each line is one piece, and each hunk one more */
	struct output out = { .a = a, .piece = arena_array(a, 2 * s.n + 2, sizeof(*out.piece)) };
	for (size_t i = 0; i < s.n; i++) {
		if (s.ops[i].what == ' ')
			continue;
		if (out.n == 0)
			put(&out, arena_printf(a, "--- %s\n+++ %s\n", path, path));
		size_t end = hunk_end(&s, i);
		size_t to = s.n - end < CONTEXT ? s.n : end + CONTEXT;
		show_hunk(&s, i < CONTEXT ? 0 : i - CONTEXT, to, &out);
		i = end;
	}
	return text_join(a, out.piece, out.n, "");
}
