// SPDX-License-Identifier: MIT
// For hosts without a service manager that could do it. Two forks and a session: init becomes the
// parent and no terminal can end it, daemon(7). All descriptors are closed, because a lock that
// this process holds would stay locked as long as a copy of it is open, flock(2).

#include "base/later.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

static void sleep_s(unsigned seconds)
{
	struct timespec end;

	clock_gettime(CLOCK_BOOTTIME, &end);
	end.tv_sec += seconds;
	while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &end, NULL) == EINTR)
		;
}

static bool succeeds(char *const *argv)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execv(argv[0], argv);
		_exit(127);
	}
	if (pid < 0)
		return false;
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return false;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Signals as a program expects them, and nothing open but /dev/null and @keep. */
static void detach(int keep)
{
	struct sigaction usual = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		sigaction(i, &usual, NULL); /* fails for those that cannot be changed */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	if (keep > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, (unsigned)keep - 1, 0);
	close_range((unsigned)keep + 1, ~0U, 0);
	if (chdir("/") < 0)
		return; /* it stays where it is and keeps a file system busy */
}

static _Noreturn void wait_and_run(int answer, char *const *argv, unsigned delay_s,
				   unsigned again_s)
{
	pid_t pid = getpid();

	detach(answer);
	if (write(answer, &pid, sizeof(pid)) != (ssize_t)sizeof(pid))
		_exit(1); /* nobody knows of it, so nobody could end it */
	close(answer);
	sleep_s(delay_s);
	while (!succeeds(argv))
		sleep_s(again_s);
	_exit(0);
}

int later_run(const char *const *argv, unsigned delay_s, unsigned again_s, pid_t *ret_pid,
	      struct err *e)
{
	int answer[2], status;
	char *const *arguments;

	/* execv() promises not to change what it takes without const */
	memcpy(&arguments, &argv, sizeof(arguments));
	if (pipe2(answer, O_CLOEXEC) < 0)
		return err_io(e, -errno, "starting what runs %s later", argv[0]);
	CLEANUP_CLOSE int input = answer[0];
	pid_t pid = fork();
	if (pid == 0) {
		if (setsid() < 0 || (pid = fork()) < 0)
			_exit(1);
		if (pid == 0)
			wait_and_run(answer[1], arguments, delay_s, again_s);
		_exit(0);
	}
	int error = pid < 0 ? -errno : 0;
	close(answer[1]);
	if (error < 0)
		return err_io(e, error, "starting what runs %s later", argv[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (read(input, ret_pid, sizeof(*ret_pid)) != (ssize_t)sizeof(*ret_pid))
		return err_fail(e, -EIO, "what would run %s later did not start", argv[0]);
	return 0;
}
