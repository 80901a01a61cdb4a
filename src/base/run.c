// SPDX-License-Identifier: MIT
// Commands whose answer is read. posix_spawn(3): no copy of this process's memory is made for them.

#include "base/run.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

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

static int read_output(int fd, void (*take)(void *closure, const char *data, size_t n),
		       void *closure)
{
	char piece[64 * 1024];

	for (;;) {
		ssize_t n = read(fd, piece, sizeof(piece));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		take(closure, piece, (size_t)n);
	}
}

int run_read(const char *const *argv, void (*take)(void *closure, const char *data, size_t n),
	     void *closure, struct err *e)
{
	int pipe_fd[2], status;
	pid_t pid;

	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return err_io(e, -errno, "running %s", argv[0]);
	CLEANUP_CLOSE int input = pipe_fd[0];
	int error = spawn(argv, pipe_fd[1], &pid);
	close(pipe_fd[1]);
	if (error < 0)
		return err_io(e, error, "running %s", argv[0]);
	error = read_output(input, take, closure);
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return err_io(e, -errno, "waiting for %s", argv[0]);
	}
	if (error < 0)
		return err_io(e, error, "reading what %s says", argv[0]);
	if (WIFSIGNALED(status))
		return err_fail(e, -EIO, "%s was ended by signal %d", argv[0], WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return err_fail(e, -EIO, "%s ended with status %d", argv[0], WEXITSTATUS(status));
	return 0;
}
