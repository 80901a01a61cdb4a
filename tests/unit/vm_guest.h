/* SPDX-License-Identifier: MIT */
/*
 * A guest under test: vm_run_session() in a process of its own, with pipes or a terminal for its
 * standard input and output, so that it can get signals and be killed. Nothing waits for ever.
 */
#pragma once

#include "vm/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* after the headers it relies on */
#include <cmocka.h>

#define PATIENCE_MS 60000

struct outcome {
	int result;
	int status;
	struct err e;
};

struct vm_guest {
	pid_t pid;
	int in, out;          /* our ends */
	int terminal;         /* the guest's end of the terminal; else -1 */
	struct termios modes; /* of the terminal, after the end */
	struct outcome *outcome;
	char seen[8192];
	size_t n;
};

/* The top of the source, from the path of this file as the compiler saw it. */
static inline const char *source_top(void)
{
	static char top[PATH_MAX];

	if (!top[0]) {
		char path[] = __FILE__;
		char *end = strstr(path, "tests/unit/");
		assert_non_null(end);
		strcpy(end, ".");
		assert_non_null(realpath(path, top));
	}
	return top;
}

_Noreturn static inline void guest_child(struct vm_guest *g, char *const *argv, int in, int out,
					 int powerdown_ms, int quit_ms)
{
	const struct vm_session session = { in, out, powerdown_ms, quit_ms };
	struct vm_command command = { .argv = (char **)(uintptr_t)argv };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(2 * PATIENCE_MS / 1000);
	if (g->terminal >= 0) {
		setsid();
		ioctl(in, TIOCSCTTY, 0);
	}
	close(g->in);
	if (g->out != g->in)
		close(g->out);
	g->outcome->result =
		vm_run_session(&command, &session, &g->outcome->status, &g->outcome->e);
	_exit(0);
}

static inline void guest_start(struct vm_guest *g, char *const *argv, bool terminal,
			       int powerdown_ms, int quit_ms)
{
	int in[2], out[2];

	*g = (struct vm_guest){ .terminal = -1 };
	g->outcome = mmap(NULL, sizeof(*g->outcome), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(g->outcome, MAP_FAILED);
	g->outcome->result = 1;
	if (terminal) {
		assert_int_equal(openpty(&g->in, &g->terminal, NULL, NULL, NULL), 0);
		in[0] = out[1] = g->terminal;
		g->out = g->in;
	} else {
		assert_int_equal(pipe2(in, O_CLOEXEC), 0);
		assert_int_equal(pipe2(out, O_CLOEXEC), 0);
		g->in = in[1];
		g->out = out[0];
	}
	g->pid = fork();
	assert_true(g->pid >= 0);
	if (g->pid == 0)
		guest_child(g, argv, in[0], out[1], powerdown_ms, quit_ms);
	if (!terminal) {
		close(in[0]);
		close(out[1]);
	}
}

static inline void guest_close_in(struct vm_guest *g)
{
	close(g->in);
	g->in = -1;
}

static inline void guest_type(struct vm_guest *g, const char *text)
{
	assert_int_equal(write(g->in, text, strlen(text)), strlen(text));
}

static inline void wait_readable(int fd, const char *what)
{
	struct pollfd p = { fd, POLLIN, 0 };

	if (poll(&p, 1, PATIENCE_MS) != 1)
		fail_msg("waited too long for %s", what);
}

/* Reads until @text has been printed since the last call. */
static inline void guest_expect(struct vm_guest *g, const char *text)
{
	for (;;) {
		char *found = memmem(g->seen, g->n, text, strlen(text));
		if (found) {
			size_t used = (size_t)(found - g->seen) + strlen(text);
			memmove(g->seen, g->seen + used, g->n -= used);
			return;
		}
		assert_true(g->n < sizeof(g->seen) - 1);
		wait_readable(g->out, text);
		ssize_t n = read(g->out, g->seen + g->n, sizeof(g->seen) - 1 - g->n);
		if (n <= 0)
			fail_msg("ended without printing \"%s\", after \"%.*s\": %s", text,
				 (int)g->n, g->seen, g->outcome->e.text);
		g->n += (size_t)n;
	}
}

/* Waits for the end; what vm_run_session() returned. */
static inline int guest_end(struct vm_guest *g)
{
	int how, pidfd = pidfd_open(g->pid, 0);

	wait_readable(pidfd, "the end of the guest");
	close(pidfd);
	assert_int_equal(waitpid(g->pid, &how, 0), g->pid);
	assert_true(WIFEXITED(how));
	assert_int_equal(WEXITSTATUS(how), 0);
	/* before our end goes, with which it hangs up */
	if (g->terminal >= 0)
		assert_int_equal(tcgetattr(g->terminal, &g->modes), 0);
	if (g->in >= 0)
		close(g->in);
	if (g->out != g->in && g->out >= 0)
		close(g->out);
	if (g->terminal >= 0)
		close(g->terminal);
	return g->outcome->result;
}

static inline void guest_free(struct vm_guest *g)
{
	munmap(g->outcome, sizeof(*g->outcome));
}

static inline void assert_says(const char *text, const char *part)
{
	assert_non_null(text);
	if (text && !strstr(text, part))
		fail_msg("\"%s\" does not say \"%s\"", text, part);
}
