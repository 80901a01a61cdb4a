// SPDX-License-Identifier: MIT
// The guest's serial console on standard input and output. One buffer each way, and a side is read
// only when its buffer is empty: a reader that is slow slows the guest down and costs no memory.
//
// Descriptors that came from the caller are shared with other processes, a shell for one, so
// O_NONBLOCK is never set on them. Instead: a terminal is opened once more; a pipe that is writable
// takes PIPE_BUF bytes; a socket has MSG_DONTWAIT. Without that one stalled reader would keep this
// process from its signals. Terminal modes: termios(3).

#include "vm/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

_Static_assert(CONSOLE_CHUNK <= PIPE_BUF, "a writable pipe takes a chunk without blocking");

void console_open(struct console *c, int in, int out, int socket)
{
	char name[PATH_MAX];

	*c = (struct console){ .in = in, .out = out, .socket = socket };
	c->terminal = -1;
	c->own_out = -1;
	if (ttyname_r(out, name, sizeof(name)) == 0)
		c->own_out = open(name, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (c->own_out >= 0)
		c->out = c->own_out;
	if (tcgetattr(in, &c->saved) == 0)
		c->terminal = in;
	console_raw(c);
}

/* Ctrl-C stays a signal: it is the way out. */
void console_raw(struct console *c)
{
	struct termios raw = c->saved;

	/* in the background the terminal belongs to somebody else */
	if (c->terminal < 0 || tcgetpgrp(c->terminal) != getpgrp())
		return;
	cfmakeraw(&raw);
	raw.c_lflag |= ISIG;
	raw.c_cc[VQUIT] = _POSIX_VDISABLE;
	raw.c_cc[VSUSP] = _POSIX_VDISABLE;
	(void)tcsetattr(c->terminal, TCSANOW, &raw);
}

void console_close(struct console *c)
{
	sigset_t ttou, before;

	if (c->terminal >= 0) {
		/* from the background this signal would stop the process instead */
		sigemptyset(&ttou);
		sigaddset(&ttou, SIGTTOU);
		sigprocmask(SIG_BLOCK, &ttou, &before);
		(void)tcsetattr(c->terminal, TCSANOW, &c->saved);
		sigprocmask(SIG_SETMASK, &before, NULL);
	}
	cleanup_close(&c->own_out);
	c->terminal = -1;
	c->own_out = -1;
}

void console_want(const struct console *c, struct pollfd fds[CONSOLE_FDS])
{
	short socket_events =
		(short)((c->to_guest.n > 0 ? POLLOUT : 0) | (c->from_guest.n == 0 ? POLLIN : 0));

	/* a side with nothing to do is left out, since its hang-up would be reported for ever */
	fds[CONSOLE_IN] = (struct pollfd){ c->to_guest.n == 0 ? c->in : -1, POLLIN, 0 };
	fds[CONSOLE_SOCKET] = (struct pollfd){ socket_events ? c->socket : -1, socket_events, 0 };
	/* but for this one: that nobody reads our output any more has to be noticed */
	fds[CONSOLE_OUT] = (struct pollfd){ c->out, (short)(c->from_guest.n > 0 ? POLLOUT : 0), 0 };
}

static bool is_transient(int error)
{
	return error == EAGAIN || error == EINTR;
}

/* Reads into an empty buffer; false at the end of @fd. */
static bool fill(struct console_flow *f, int fd, bool is_socket)
{
	ssize_t n = is_socket ? recv(fd, f->data, sizeof(f->data), MSG_DONTWAIT)
			      : read(fd, f->data, sizeof(f->data));

	if (n < 0)
		return is_transient(errno);
	f->at = 0;
	f->n = (size_t)n;
	return n > 0;
}

/* Writes what @fd takes; false when it takes nothing any more. */
static bool flush(struct console_flow *f, int fd)
{
	ssize_t n = send(fd, f->data + f->at, f->n, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno == ENOTSOCK)
		n = write(fd, f->data + f->at, f->n);
	if (n < 0)
		return is_transient(errno);
	f->at += (size_t)n;
	f->n -= (size_t)n;
	return true;
}

void console_move(struct console *c, const struct pollfd fds[CONSOLE_FDS])
{
	if (fds[CONSOLE_IN].revents && !fill(&c->to_guest, c->in, false))
		c->in = -1;
	if (fds[CONSOLE_SOCKET].revents && c->to_guest.n > 0 && !flush(&c->to_guest, c->socket))
		c->to_guest.n = 0;
	if (fds[CONSOLE_SOCKET].revents && c->from_guest.n == 0 &&
	    !fill(&c->from_guest, c->socket, true))
		c->socket = -1;
	if (fds[CONSOLE_OUT].revents & POLLOUT && !flush(&c->from_guest, c->out))
		c->out = -1;
	else if (fds[CONSOLE_OUT].revents & (POLLERR | POLLHUP | POLLNVAL))
		c->out = -1;
	/* a guest that powers down must not wait for a reader that is gone */
	if (c->out < 0)
		c->from_guest.n = 0;
	/* nowhere to go to; its end was no end of ours */
	if (c->socket < 0)
		c->to_guest.n = 0;
}

bool console_left(struct console *c)
{
	if (c->socket >= 0 && c->from_guest.n == 0 && !fill(&c->from_guest, c->socket, true))
		c->socket = -1;
	return c->out >= 0 && c->from_guest.n > 0;
}
