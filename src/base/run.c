// SPDX-License-Identifier: MIT
// Commands whose answer is read. posix_spawn(3): no copy of this process's memory is made for them.

#include "base/run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static int spawn(const char *const *argv, int output, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	int error = -posix_spawn_file_actions_init(&actions);

	if (error < 0)
		return error;
	error = -posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (error == 0)
		error = -posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	if (error == 0)
		error = -posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null",
							  O_WRONLY, 0);
	if (error == 0) {
		/* posix_spawn() promises not to change what it takes without const */
		char *const *arguments;
		memcpy(&arguments, &argv, sizeof(arguments));
		error = -posix_spawnp(ret_pid, argv[0], &actions, NULL, arguments, environ);
	}
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Until there is something to read; -ETIMEDOUT at @end_ms, which 0 is not. */
static int wait_output(int fd, int64_t end_ms)
{
	struct pollfd wanted = { .fd = fd, .events = POLLIN };

	for (;;) {
		int64_t left = end_ms ? end_ms - now_ms() : -1;

		if (end_ms && left <= 0)
			return -ETIMEDOUT;
		int n = poll(&wanted, 1, left > INT_MAX ? INT_MAX : (int)left);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

static int read_output(int fd, int64_t end_ms,
		       void (*take)(void *closure, const char *data, size_t n), void *closure)
{
	char piece[64 * 1024];

	for (;;) {
		int error = wait_output(fd, end_ms);
		if (error < 0)
			return error;
		ssize_t n = read(fd, piece, sizeof(piece));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		take(closure, piece, (size_t)n);
	}
}

/* One that has closed its output and does not end is killed at @end_ms too. */
static int wait_end(pid_t pid, int64_t end_ms, int *ret_status)
{
	static const struct timespec pause = { .tv_nsec = 5000000 };

	for (;;) {
		pid_t ended = waitpid(pid, ret_status, end_ms ? WNOHANG : 0);

		if (ended == pid)
			return 0;
		if (ended < 0 && errno != EINTR)
			return -errno;
		if (ended == 0 && now_ms() >= end_ms)
			return -ETIMEDOUT;
		if (ended == 0)
			nanosleep(&pause, NULL);
	}
}

static int run(const char *const *argv, unsigned limit_ms,
	       void (*take)(void *closure, const char *data, size_t n), void *closure,
	       struct err *e)
{
	int64_t end_ms = limit_ms ? now_ms() + limit_ms : 0;
	int pipe_fd[2], status;
	pid_t pid;

	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return err_io(e, -errno, "running %s", argv[0]);
	CLEANUP_CLOSE int input = pipe_fd[0];
	int error = spawn(argv, pipe_fd[1], &pid);
	close(pipe_fd[1]);
	if (error < 0)
		return err_io(e, error, "running %s", argv[0]);
	error = read_output(input, end_ms, take, closure);
	int waited = error == -ETIMEDOUT ? error : wait_end(pid, end_ms, &status);
	if (waited == -ETIMEDOUT) {
		kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		return err_fail(e, -ETIMEDOUT, "%s has not come to an end within %u s", argv[0],
				limit_ms / 1000);
	}
	if (waited < 0)
		return err_io(e, waited, "waiting for %s", argv[0]);
	if (error < 0)
		return err_io(e, error, "reading what %s says", argv[0]);
	if (WIFSIGNALED(status))
		return err_fail(e, -EIO, "%s was ended by signal %d", argv[0], WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return err_fail(e, -EIO, "%s ended with status %d", argv[0], WEXITSTATUS(status));
	return 0;
}

int run_read(const char *const *argv, void (*take)(void *closure, const char *data, size_t n),
	     void *closure, struct err *e)
{
	return run(argv, 0, take, closure, e);
}

int run_read_within(const char *const *argv, unsigned limit_ms,
		    void (*take)(void *closure, const char *data, size_t n), void *closure,
		    struct err *e)
{
	return run(argv, limit_ms ? limit_ms : 1, take, closure, e);
}
