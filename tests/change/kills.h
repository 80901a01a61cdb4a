/* SPDX-License-Identifier: MIT */
/*
 * A plan is applied and undone by a process that is killed, or told that the disk is full, at every
 * system call that changes something; its generators are too. After each: every file is the old or
 * the new one, the next session makes it whole, and then apply and undo work as if nothing had
 * been.
 */
#pragma once

#include "tests/change/held.h"

static inline int apply(struct machine *m)
{
	unsigned number;

	return machine_apply(m, &number);
}

static inline int undo(struct machine *m)
{
	return machine_undo(m, 0);
}

#define WHOLE_MAX 64

struct whole {
	char path[256];
	char *old, *new; /* NULL: not there */
};

struct fixture {
	struct machine m;
	char *old_text, *new_text;
	void (*make_plan)(struct machine *m); /* whose memory is the host's; NULL: it is not */
	unsigned stride; /* every how many calls; an odd number, so that what alternates does */
	const char *const *in_place; /* that a generator writes into, ends with NULL */
	struct whole whole[WHOLE_MAX];
	size_t n_whole;
};

/* Times of what is made anew differ from run to run. */
static inline char *without_times(const char *text)
{
	char *copy = strdup(text), *out = copy;

	for (const char *in = text; *in;) {
		const char *end = strchr(in, '\n');
		char name[512], mode[16], owner[64], sum[512] = "", rest[512] = "";

		if (sscanf(in, "%511s %15s %63s %511s %511s", name, mode, owner, sum, rest) >= 3)
			out += sprintf(out, "%s %s %s %s\n", name, mode, owner,
				       strchr(mode, '4') == mode ? "" : sum);
		in = end + 1;
	}
	*out = '\0';
	return copy;
}

static inline bool is_old(struct fixture *f)
{
	char *now = tree_text(f->m.t.path);
	bool same = str_eq(now, f->old_text);

	free(now);
	return same;
}

static inline bool is_new(struct fixture *f)
{
	char *text = tree_text(f->m.t.path), *now = without_times(text);
	bool same = str_eq(now, f->new_text);

	free(text);
	free(now);
	return same;
}

/* The whole trees are too long for a message. */
static inline void assert_same(const char *now, const char *wanted)
{
	size_t n = 0;

	while (now[n] && now[n] == wanted[n])
		n++;
	if (!now[n] && !wanted[n])
		return;
	while (n > 0 && now[n - 1] != '\n')
		n--;
	fail_msg("now:    %.*s\nwanted: %.*s", (int)strcspn(now + n, "\n"), now + n,
		 (int)strcspn(wanted + n, "\n"), wanted + n);
}

static inline void assert_old(struct fixture *f)
{
	char *now = tree_text(f->m.t.path);

	assert_same(now, f->old_text);
	free(now);
}

static inline void assert_new(struct fixture *f)
{
	char *text = tree_text(f->m.t.path), *now = without_times(text);

	assert_same(now, f->new_text);
	free(text);
	free(now);
}

/* ---- each file is whole ---- */

/* All files of the tree, what the engine keeps for itself left out. */
static inline size_t whole_read(struct fixture *f, struct whole *list, size_t room)
{
	char *text = tree_text(f->m.t.path);
	size_t n = 0;

	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		unsigned mode;
		char path[256];

		assert_int_equal(sscanf(line, "%255s %o", path, &mode), 2);
		if (!S_ISREG(mode))
			continue;
		CLEANUP_ARENA struct arena a = { 0 };
		struct bytes data;
		assert_true(n < room);
		assert_int_equal(root_read(f->m.host.root, &a, path, &data), 0);
		snprintf(list[n].path, sizeof(list[n].path), "%s", path);
		list[n].old = NULL;
		list[n++].new = strdup(data.data);
	}
	free(text);
	return n;
}

static inline void whole_old(struct fixture *f)
{
	f->n_whole = whole_read(f, f->whole, ARRAY_SIZE(f->whole));
	for (size_t i = 0; i < f->n_whole; i++) {
		f->whole[i].old = f->whole[i].new;
		f->whole[i].new = NULL;
	}
}

static inline void whole_new(struct fixture *f)
{
	struct whole now[WHOLE_MAX];
	size_t n = whole_read(f, now, ARRAY_SIZE(now));

	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < f->n_whole && !str_eq(f->whole[k].path, now[i].path))
			k++;
		assert_true(k < WHOLE_MAX);
		if (k == f->n_whole)
			f->whole[f->n_whole++] = now[i];
		else
			f->whole[k].new = now[i].new;
	}
}

static inline bool is_in_place(const struct fixture *f, const char *path)
{
	for (size_t i = 0; f->in_place[i]; i++) {
		if (str_eq(f->in_place[i], path))
			return true;
	}
	return false;
}

/* Each is whole: the old or the new one. What a generator writes in place is its own affair. */
static inline void assert_whole(struct fixture *f)
{
	for (size_t i = 0; i < f->n_whole; i++) {
		const struct whole *whole = &f->whole[i];
		CLEANUP_ARENA struct arena a = { 0 };
		struct bytes data = { NULL, 0 };

		if (is_in_place(f, whole->path))
			continue;
		int error = root_read(f->m.host.root, &a, whole->path, &data);
		if (error == -ENOENT && (!whole->old || !whole->new))
			continue;
		if (error < 0)
			fail_msg("%s: %s", whole->path, strerror(-error));
		if (!(whole->old && str_eq(data.data, whole->old)) &&
		    !(whole->new &&str_eq(data.data, whole->new)))
			fail_msg("%s holds '%s'", whole->path, data.data);
	}
}

static inline void recover(struct fixture *f)
{
	int error = machine_recover(&f->m);

	if (error < 0)
		fail_msg("%s", f->m.e.text);
	/* what commands make for one another is gone by now */
	assert_int_equal(access(temporary_path(&f->m.t, MACHINE_STAGED), F_OK), -1);
}

/* A recovery that is killed too, again and again, each time a little later. */
static inline void recover_with_kills(struct fixture *f, unsigned at)
{
	for (;; at += 2 + f->stride) {
		struct trial trial = { .fate = FATE_KILL_ALL, .at = at };

		run(&f->m, machine_recover, &trial);
		assert_whole(f);
		if (!trial.killed)
			break;
	}
	recover(f);
}

/* Every call takes minutes: PASSTHRU_TEST_LONG=1. */
static inline unsigned stride(const struct fixture *f)
{
	return getenv("PASSTHRU_TEST_LONG") ? 1 : f->stride;
}

/* Memory of the host does not grow with the number of trials. */
static inline void reopen(struct fixture *f)
{
	host_done(&f->m.host);
	machine_open(&f->m);
	if (f->make_plan)
		f->make_plan(&f->m);
}

static inline unsigned count(struct fixture *f, int (*what)(struct machine *))
{
	struct trial trial = { .fate = FATE_NONE };

	run(&f->m, what, &trial);
	assert_true(ended_with(&trial, EXIT_WORKED));
	print_message("# %u calls that change something\n", trial.n);
	return trial.n;
}

static inline void apply_whole(struct fixture *f)
{
	int error = apply(&f->m);

	if (error < 0)
		fail_msg("%s", f->m.e.text);
	assert_new(f);
}

static inline void undo_whole(struct fixture *f)
{
	int error = undo(&f->m);

	if (error < 0)
		fail_msg("%s", f->m.e.text);
	assert_old(f);
}

static inline void test_apply_killed(void **state)
{
	struct fixture *f = *state;
	unsigned n = count(f, apply);

	undo_whole(f);
	for (unsigned i = 1; i <= n; i += stride(f)) {
		struct trial trial = { .fate = i % 2 ? FATE_KILL : FATE_KILL_ALL, .at = i };

		run(&f->m, apply, &trial);
		assert_true(trial.killed);
		assert_whole(f);
		if (i % 3 == 1)
			recover_with_kills(f, 1 + i % 5);
		else
			recover(f);
		/* what was killed behind its end is done */
		if (!is_old(f))
			undo_whole(f);
		assert_old(f);
		if (i % 4 == 0) {
			apply_whole(f);
			undo_whole(f);
		}
		reopen(f);
	}
}

static inline void test_undo_killed(void **state)
{
	struct fixture *f = *state;

	apply_whole(f);
	unsigned n = count(f, undo);
	for (unsigned i = 1; i <= n; i += stride(f)) {
		struct trial trial = { .fate = FATE_KILL_ALL, .at = i };

		apply_whole(f);
		run(&f->m, undo, &trial);
		assert_true(trial.killed);
		assert_whole(f);
		if (i % 3 == 1)
			recover_with_kills(f, 1 + i % 5);
		else
			recover(f);
		/* killed before it began */
		if (is_new(f))
			undo_whole(f);
		assert_old(f);
		reopen(f);
	}
}

/* One call finds the disk full: all is old, or, when the call was of no consequence, new. */
static inline void test_full_once(void **state)
{
	struct fixture *f = *state;
	unsigned n = count(f, apply), failed = 0;

	undo_whole(f);
	for (unsigned i = 1; i <= n; i += stride(f)) {
		struct trial trial = { .fate = FATE_FULL, .at = i };

		run(&f->m, apply, &trial);
		if (ended_with(&trial, EXIT_WORKED)) {
			undo_whole(f);
		} else {
			assert_true(ended_with(&trial, EXIT_FAILED));
			failed++;
		}
		assert_old(f);
		reopen(f);
	}
	assert_true(failed > n / stride(f) / 8);
}

/* It stays full: all is old, or whole, and old as soon as there is space again. */
static inline void test_full_for_good(void **state)
{
	struct fixture *f = *state;
	unsigned n = count(f, apply), old = 0, failed = 0;

	undo_whole(f);
	for (unsigned i = 1; i <= n; i += stride(f)) {
		struct trial trial = { .fate = FATE_FULL_ON, .at = i };

		run(&f->m, apply, &trial);
		assert_whole(f);
		if (!ended_with(&trial, EXIT_WORKED)) {
			failed++;
			old += is_old(f);
			recover(f);
		} else {
			undo_whole(f);
		}
		assert_old(f);
		reopen(f);
	}
	print_message("# %u of %u failures were taken back on the full disk\n", old, failed);
	/* until the first generator has written, nothing has to be copied back */
	assert_true(old > failed / 2);
}

/* Where nothing waits for a disk. A process is killed, not a machine: that makes no difference. */
static inline void kills_in_memory(void)
{
	if (access("/dev/shm", W_OK) == 0)
		assert_int_equal(setenv("TMPDIR", "/dev/shm", 0), 0);
}

static inline int kills_start(struct fixture *f)
{
	struct trial trial = { .fate = FATE_NONE };

	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	f->old_text = tree_text(f->m.t.path);
	whole_old(f);
	run(&f->m, apply, &trial);
	if (ended_with(&trial, EXIT_NO_SECCOMP)) {
		print_message("1..0 # SKIP the kernel does not let system calls be held back\n");
		exit(0);
	}
	if (!ended_with(&trial, EXIT_WORKED))
		apply_whole(f); /* says why */
	assert_true(ended_with(&trial, EXIT_WORKED));
	char *text = tree_text(f->m.t.path);
	f->new_text = without_times(text);
	free(text);
	whole_new(f);
	undo_whole(f);
	return 0;
}

static inline int kills_stop(void **state)
{
	struct fixture *f = *state;

	machine_remove(&f->m);
	for (size_t i = 0; i < f->n_whole; i++) {
		free(f->whole[i].old);
		free(f->whole[i].new);
	}
	free(f->old_text);
	free(f->new_text);
	return 0;
}
