// SPDX-License-Identifier: MIT
// Starts QEMU with its two sockets. Not posix_spawn(): the child asks the kernel to be told when
// this process dies (PR_SET_PDEATHSIG), which has no spawn attribute, and without which a guest
// would run on with nobody at its console and monitor and keep its devices. QEMU has an option for
// it only since 10.2 (-run-with exit-with-parent=on).
//
// A process group of its own keeps Ctrl-C away from it: QEMU would take it as an order to end at
// once. See prctl(2), pidfd_open(2).

#include "base/text.h"
#include "vm/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* Above every number that the child arranges. */
#define FD_ABOVE (VM_FD_CONSOLE + 1)

enum { OURS, ITS };

struct pipes {
	int qmp[2], console[2], output[2], report[2];
};

static void pipes_close(struct pipes *p)
{
	const int fds[] = { p->qmp[OURS],    p->qmp[ITS],    p->console[OURS], p->console[ITS],
			    p->output[OURS], p->output[ITS], p->report[OURS],  p->report[ITS] };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		cleanup_close(&fds[i]);
}

static int pipes_open(struct pipes *p)
{
	*p = (struct pipes){ { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p->qmp) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p->console) < 0 ||
	    pipe2(p->output, O_CLOEXEC) < 0 || pipe2(p->report, O_CLOEXEC) < 0 ||
	    fcntl(p->output[OURS], F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

/* Only calls that are safe between fork and exec. */
_Noreturn static void child(char *const *argv, const sigset_t *mask, const struct pipes *p,
			    pid_t parent)
{
	/* first out of the way of the numbers they will get */
	int report = fcntl(p->report[ITS], F_DUPFD_CLOEXEC, FD_ABOVE);
	int qmp = fcntl(p->qmp[ITS], F_DUPFD_CLOEXEC, FD_ABOVE);
	int console = fcntl(p->console[ITS], F_DUPFD_CLOEXEC, FD_ABOVE);
	int output = fcntl(p->output[ITS], F_DUPFD_CLOEXEC, FD_ABOVE);
	int null = fcntl(open("/dev/null", O_RDONLY | O_CLOEXEC), F_DUPFD_CLOEXEC, FD_ABOVE);

	if (prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && setpgid(0, 0) == 0 &&
	    dup2(null, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0 &&
	    dup2(output, STDERR_FILENO) >= 0 && dup2(qmp, VM_FD_QMP) >= 0 &&
	    dup2(console, VM_FD_CONSOLE) >= 0) {
		/* it may have died before the prctl() */
		if (getppid() != parent)
			_exit(1);
		/* what we were started with by mistake is nothing for a guest; old kernels refuse
		 */
		(void)close_range(FD_ABOVE, ~0u, CLOSE_RANGE_CLOEXEC);
		signal(SIGPIPE, SIG_DFL);
		sigprocmask(SIG_SETMASK, mask, NULL);
		execvp(argv[0], argv);
	}
	(void)!write(report, &errno, sizeof(errno));
	_exit(1);
}

static int explain(const char *program, int error, struct err *e)
{
	if (error == -ENOENT && !strchr(program, '/'))
		return err_fail(e, error,
				"%s is not installed: no directory of PATH has it (Debian: package "
				"qemu-system-x86)",
				program);
	return err_io(e, error, "starting %s", program);
}

/* 0 once the program runs; what the child could not do otherwise. */
static int wait_for_exec(int report)
{
	int error;
	ssize_t n;

	do
		n = read(report, &error, sizeof(error));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == sizeof(error) ? -error : 0;
}

static void take(int *from, int *to)
{
	*to = *from;
	*from = -1;
}

int vm_spawn(char *const *argv, const sigset_t *mask, struct vm_process *ret, struct err *e)
{
	CLEANUP(pipes_close) struct pipes pipes;
	pid_t parent = getpid();

	int error = pipes_open(&pipes);
	if (error < 0)
		return explain(argv[0], error, e);
	pid_t pid = fork();
	if (pid < 0)
		return explain(argv[0], -errno, e);
	if (pid == 0)
		child(argv, mask, &pipes, parent);
	/* so that the end of the child is the end of what is read */
	cleanup_close(&pipes.report[ITS]);
	pipes.report[ITS] = -1;
	error = wait_for_exec(pipes.report[OURS]);
	int pidfd = error < 0 ? -1 : pidfd_open(pid, 0);
	if (error == 0 && pidfd < 0) {
		error = -errno;
		kill(pid, SIGKILL);
	}
	if (error < 0) {
		waitpid(pid, NULL, 0);
		return explain(argv[0], error, e);
	}
	*ret = (struct vm_process){ .pid = pid, .pidfd = pidfd };
	take(&pipes.qmp[OURS], &ret->qmp);
	take(&pipes.console[OURS], &ret->console);
	take(&pipes.output[OURS], &ret->output);
	return 0;
}

void vm_process_close(struct vm_process *p)
{
	cleanup_close(&p->pidfd);
	cleanup_close(&p->qmp);
	cleanup_close(&p->console);
	cleanup_close(&p->output);
}
