// SPDX-License-Identifier: MIT
// A child that outlives this process by the one write that closing descriptors does not undo:
// reset_method. It waits on a pipe; a byte means that all is restored, the end of the pipe that
// this process has ended before that, by whatever signal. Signals that end a whole group of
// processes (Ctrl-C, systemd) find it with all of them blocked.

#include "base/text.h"
#include "probe/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* Only what has several methods is written to. */
static bool is_written(const struct trial *t)
{
	return t->methods && strchr(t->methods, ' ');
}

static void restore(struct session *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct trial *t = &s->trials[i];

		/* nobody is left who could be told */
		if (is_written(t))
			(void)!root_write(
				s->host->root,
				arena_concat(s->a, t->probed->function->path, "/reset_method"),
				t->methods);
	}
}

static _Noreturn void watch(struct session *s, int pipe)
{
	ssize_t n;
	char byte;

	do
		n = read(pipe, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		restore(s);
	_exit(0);
}

int guard_start(struct session *s, struct guard *ret, struct err *e)
{
	sigset_t all, before;
	bool needed = false;
	int pipe[2];

	*ret = (struct guard){ .session = s, .pipe = -1 };
	for (size_t i = 0; i < s->n; i++)
		needed |= is_written(&s->trials[i]);
	if (!needed)
		return 0;
	if (pipe2(pipe, O_CLOEXEC) < 0)
		return err_io(e, -errno, "making a pipe");
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	ret->child = fork();
	int error = ret->child < 0 ? -errno : 0;
	if (ret->child == 0) {
		close(pipe[1]);
		watch(s, pipe[0]);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(pipe[0]);
	if (error < 0) {
		close(pipe[1]);
		return err_io(e, error, "starting a child that restores reset_method");
	}
	ret->pipe = pipe[1];
	return 0;
}

void guard_end(struct guard *guard)
{
	ssize_t n;

	if (guard->pipe < 0)
		return;
	do
		n = write(guard->pipe, "", 1);
	while (n < 0 && errno == EINTR);
	close(guard->pipe);
	guard->pipe = -1;
	while (waitpid(guard->child, NULL, 0) < 0 && errno == EINTR)
		;
}
