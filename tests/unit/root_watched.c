// SPDX-License-Identifier: MIT
// Reads and writes by a child, on real files: a FIFO that nobody reads stands for a write that the
// kernel does not come back from, for as long as the test likes.

#include "base/root.h"
#include "base/text.h"
#include "tests/unit/temporary.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>

#define LIMIT_MS 100
#define PATIENCE_MS 20000

struct fixture {
	struct temporary t;
	struct root *root;
	struct arena arena;
};

static int start(void **state)
{
	static struct fixture f;

	f = (struct fixture){ 0 };
	assert_int_equal(temporary_make(&f.t), 0);
	temporary_file(&f.t, "folder/file", "before");
	temporary_file(&f.t, "locks/kept", "");
	assert_int_equal(mkfifo(temporary_path(&f.t, "fifo"), 0600), 0);
	assert_int_equal(root_open(f.t.path, &f.root, NULL), 0);
	*state = &f;
	return 0;
}

static int stop(void **state)
{
	struct fixture *f = *state;

	root_close(f->root);
	arena_free(&f->arena);
	return temporary_remove(&f->t);
}

static void pause_ms(unsigned ms)
{
	const struct timespec time = { .tv_nsec = ms * 1000000L };

	nanosleep(&time, NULL);
}

/* Until @pid is no more; it is a child of this process. */
static void assert_ends(pid_t pid)
{
	int status;

	for (unsigned ms = 0; ms < PATIENCE_MS; ms += 10) {
		if (waitpid(pid, &status, WNOHANG) == pid) {
			assert_true(WIFEXITED(status));
			return;
		}
		pause_ms(10);
	}
	fail_msg("the child has not ended");
}

/* Lets a write to the FIFO go on; what it wrote. */
static const char *let_go(struct fixture *f)
{
	static char text[64];
	int fd = open(temporary_path(&f->t, "fifo"), O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	assert_true(n >= 0);
	text[n] = '\0';
	close(fd);
	return text;
}

static void test_write(void **state)
{
	struct fixture *f = *state;
	struct bytes data;
	pid_t child = 0, same = 0;

	assert_int_equal(root_write_watched(f->root, "folder/file", "AFTER", 10000, &child), 0);
	assert_int_not_equal(child, 0);
	assert_int_not_equal(child, getpid());
	assert_int_equal(root_read(f->root, &f->arena, "folder/file", &data), 0);
	assert_string_equal(data.data, "AFTERe"); /* one write, nothing else */
	assert_int_equal(root_read_watched(f->root, &f->arena, "folder/file", 10000, &data, &same),
			 0);
	assert_int_equal(data.n, 6);
	assert_string_equal(data.data, "AFTERe");
	assert_int_equal(child, same);
}

static void test_errors(void **state)
{
	struct fixture *f = *state;
	struct bytes data;
	pid_t child;
	char *longest = calloc(1, 8193);

	assert_non_null(longest);
	memset(longest, 'x', 8192);
	assert_int_equal(root_write_watched(f->root, "none", "x", 10000, &child), -ENOENT);
	assert_int_equal(root_write_watched(f->root, "folder", "x", 10000, &child), -EISDIR);
	assert_int_equal(root_write_watched(f->root, longest, "x", 10000, &child), -ENAMETOOLONG);
	assert_int_equal(root_write_watched(f->root, "folder/file", longest, 10000, &child),
			 -EFBIG);
	assert_int_equal(root_read_watched(f->root, &f->arena, "none", 10000, &data, &child),
			 -ENOENT);
	assert_int_equal(root_write_watched(f->root, "folder/file", "x", 10000, &child), 0);
	free(longest);
}

/* It does not come back: said in time, another child does the rest, and the first goes by itself.
 */
static void test_hangs(void **state)
{
	struct fixture *f = *state;
	struct timespec before, after;
	pid_t child, other;

	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_int_equal(root_write_watched(f->root, "fifo", "late", LIMIT_MS, &child), -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &after);
	long ms =
		(after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
	assert_true(ms >= LIMIT_MS - 1);
	assert_true(ms < PATIENCE_MS);
	assert_int_equal(kill(child, 0), 0);

	assert_int_equal(root_write_watched(f->root, "folder/file", "x", 10000, &other), 0);
	assert_int_not_equal(child, other);
	assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
	assert_string_equal(let_go(f), "late");
	assert_ends(child);
}

/* A child that somebody ended is an error, and the next call has a new one. */
static void test_ended(void **state)
{
	struct fixture *f = *state;
	pid_t child, other;

	assert_int_equal(root_write_watched(f->root, "folder/file", "x", 10000, &child), 0);
	assert_int_equal(kill(child, SIGKILL), 0);
	siginfo_t info;
	assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
	int error = root_write_watched(f->root, "folder/file", "y", 10000, &other);
	assert_true(error == -ECHILD || error == -EPIPE || error == -ECONNRESET);
	assert_int_equal(root_write_watched(f->root, "folder/file", "z", 10000, &other), 0);
	assert_int_not_equal(child, other);
}

static bool is_free(struct fixture *f, const char *path)
{
	int fd;
	int error = root_lock(f->root, path, "", &fd);

	if (error < 0) {
		assert_int_equal(error, -EWOULDBLOCK);
		return false;
	}
	close(fd);
	return true;
}

/* What is locked stays locked with the child that is stuck, but for what is unlocked explicitly. */
static void test_locks(void **state)
{
	struct fixture *f = *state;
	int stuck, other;
	pid_t child;

	assert_int_equal(root_lock(f->root, "locks/stuck", "who", &stuck), 0);
	assert_int_equal(root_lock(f->root, "locks/other", "who", &other), 0);
	/* somebody who is about to lock it */
	int early = open(temporary_path(&f->t, "locks/other"), O_RDWR | O_CLOEXEC);
	assert_int_equal(root_write_watched(f->root, "fifo", "x", LIMIT_MS, &child), -ETIMEDOUT);
	close(stuck);
	root_unlock(f->root, "locks/other", other);
	assert_int_equal(flock(early, LOCK_EX | LOCK_NB), 0);
	close(early);
	assert_int_not_equal(access(temporary_path(&f->t, "locks/other"), F_OK), 0);
	assert_true(is_free(f, "locks/other"));
	assert_false(is_free(f, "locks/stuck"));
	(void)let_go(f);
	assert_ends(child);
	assert_true(is_free(f, "locks/stuck"));
}

/* The file that was locked was removed meanwhile: the lock is for the one that is there now. */
static void test_lock_of_removed(void **state)
{
	struct fixture *f = *state;
	int first, second;
	struct bytes data;

	assert_int_equal(root_lock(f->root, "locks/one", "a longer text", &first), 0);
	root_unlock(f->root, "locks/one", first);
	assert_int_equal(root_lock(f->root, "locks/one", "short", &second), 0);
	assert_int_equal(root_read(f->root, &f->arena, "locks/one", &data), 0);
	assert_string_equal(data.data, "short");
	assert_int_equal(root_lock(f->root, "locks/one", "x", &first), -EWOULDBLOCK);
	root_unlock(f->root, "locks/one", second);
}

/* A pipeline ends with the program, though its child is stuck. */
static void test_lets_go_of_descriptors(void **state)
{
	struct fixture *f = *state;
	int fds[2], status;

	assert_int_equal(pipe(fds), 0); /* without FD_CLOEXEC: as if inherited */
	pid_t program = fork();
	if (program == 0) {
		pid_t child;
		dup2(fds[1], STDOUT_FILENO);
		int error = root_write_watched(f->root, "fifo", "x", LIMIT_MS, &child);
		_exit(error == -ETIMEDOUT ? 0 : 1);
	}
	assert_true(program > 0);
	close(fds[1]);
	struct pollfd end = { .fd = fds[0], .events = POLLIN };
	assert_int_equal(poll(&end, 1, PATIENCE_MS), 1);
	assert_true(end.revents & POLLHUP);
	close(fds[0]);
	assert_int_equal(waitpid(program, &status, 0), program);
	assert_int_equal(status, 0);
	assert_string_equal(let_go(f), "x"); /* the child was still there */
}

/* ---- several at a time ---- */

static void test_series(void **state)
{
	struct fixture *f = *state;
	struct root_step steps[] = {
		{ .path = "folder/file", .text = "after" },
		{ .path = "folder/file", .expected = "none", .or_expected = "aftere" },
		{ .path = "none", .text = "x", .accepted = -ENOENT },
		{ .path = "folder/file" },
	};
	pid_t child;

	assert_int_equal(root_watched(f->root, &f->arena, steps, ARRAY_SIZE(steps), 10000, &child),
			 0);
	assert_int_equal(steps[0].error, 0);
	assert_int_equal(steps[1].error, 0);
	assert_int_equal(steps[2].error, -ENOENT);
	assert_int_equal(steps[3].error, 0);
	assert_string_equal(steps[3].data.data, "aftere");
	assert_int_equal(steps[3].data.n, strlen("aftere"));
}

/* What comes behind a failure is not begun; what was read is there to be said. */
static void test_series_ends(void **state)
{
	struct fixture *f = *state;
	struct root_step steps[] = {
		{ .path = "folder/file" },
		{ .path = "folder/file", .expected = "else" },
		{ .path = "folder/file", .text = "never" },
	};
	struct bytes data;
	pid_t child;

	assert_int_equal(root_watched(f->root, &f->arena, steps, ARRAY_SIZE(steps), 10000, &child),
			 -EBADE);
	assert_int_equal(steps[0].error, 0);
	assert_int_equal(steps[1].error, -EBADE);
	assert_string_equal(steps[1].data.data, "before");
	assert_int_equal(steps[2].error, -ECANCELED);
	assert_int_equal(root_read(f->root, &f->arena, "folder/file", &data), 0);
	assert_string_equal(data.data, "before");
	/* one that cannot be asked for at all, in its turn */
	char *longest = arena_alloc(&f->arena, 8193);
	memset(longest, 'x', 8192);
	steps[1] = (struct root_step){ .path = "folder/file", .text = longest };
	assert_int_equal(root_watched(f->root, &f->arena, steps, ARRAY_SIZE(steps), 10000, &child),
			 -EFBIG);
	assert_int_equal(steps[0].error, 0);
	assert_int_equal(steps[1].error, -EFBIG);
	assert_int_equal(steps[2].error, -ECANCELED);
}

/* Which one is stuck is known, and of the reads before it that nothing is known. */
static void test_series_hangs(void **state)
{
	struct fixture *f = *state;
	struct root_step steps[] = {
		{ .path = "folder/file" },
		{ .path = "folder/file", .text = "x" },
		{ .path = "fifo", .text = "late" },
		{ .path = "folder/file", .text = "never" },
	};
	pid_t child;

	assert_int_equal(
		root_watched(f->root, &f->arena, steps, ARRAY_SIZE(steps), LIMIT_MS, &child),
		-ETIMEDOUT);
	assert_int_equal(steps[0].error, -ECANCELED);
	assert_int_equal(steps[1].error, 0);
	assert_int_equal(steps[2].error, -ETIMEDOUT);
	assert_int_equal(steps[3].error, -ECANCELED);
	/* the next child is asked for what is done first, the other is where it was */
	struct root_step again = { .path = "folder/file", .expected = "xefore" };
	pid_t other;
	assert_int_equal(root_watched(f->root, &f->arena, &again, 1, 10000, &other), 0);
	assert_int_not_equal(child, other);
	assert_string_equal(let_go(f), "late");
	assert_ends(child);
}

/* Each step has the whole limit: a slow one does not make the next late. */
static void test_series_limit(void **state)
{
	struct fixture *f = *state;
	const unsigned slow_ms = 900, limit_ms = 1600;
	/* two, so that no reader gets what is meant for the next */
	struct root_step steps[2] = { { .path = "fifo", .text = "1" },
				      { .path = "fifo2", .text = "2" } };
	pid_t child;

	assert_int_equal(mkfifo(temporary_path(&f->t, "fifo2"), 0600), 0);
	pid_t reader = fork();
	if (reader == 0) {
		for (int i = 0; i < 2; i++) {
			char byte;
			pause_ms(slow_ms);
			int fd = open(temporary_path(&f->t, steps[i].path), O_RDONLY | O_CLOEXEC);
			(void)!read(fd, &byte, 1);
			close(fd);
		}
		_exit(0);
	}
	/* together they take longer than the limit */
	assert_int_equal(root_watched(f->root, &f->arena, steps, 2, limit_ms, &child), 0);
	assert_int_equal(waitpid(reader, NULL, 0), reader);
}

/* More than one question holds. */
static void test_series_is_long(void **state)
{
	struct fixture *f = *state;
	enum { N = 500 };
	struct root_step *steps = arena_array(&f->arena, N, sizeof(*steps));
	char name[32];
	pid_t child;

	for (size_t i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "folder/%zu", i);
		temporary_file(&f->t, name, name);
		steps[i].path = arena_strdup(&f->arena, name);
	}
	assert_int_equal(root_watched(f->root, &f->arena, steps, N, 10000, &child), 0);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(steps[i].error, 0);
		assert_string_equal(steps[i].data.data, steps[i].path);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(write),
		TEST(errors),
		TEST(hangs),
		TEST(ended),
		TEST(locks),
		TEST(lock_of_removed),
		TEST(lets_go_of_descriptors),
		TEST(series),
		TEST(series_ends),
		TEST(series_hangs),
		TEST(series_limit),
		TEST(series_is_long),
	};

	return cmocka_run_group_tests_name("root_watched", tests, NULL, NULL);
}
