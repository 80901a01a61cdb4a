// SPDX-License-Identifier: MIT
// Reads and writes that the kernel may not come back from: unbinding a driver waits for its users,
// and while it does whoever reads or writes driver_override waits for the same lock (device_lock()
// in driver_override_show() of drivers/pci/pci-sysfs.c). A process in such a call cannot be ended,
// not by SIGKILL either, so a child makes the call, forked once and asked over a socket. When it
// does not answer in time it is left behind: nothing is killed. It sees the closed socket when the
// call has come back, and goes.
//
// Fork and not a thread: a thread in such a call would keep the whole process from ending, its
// standard output open, and a pipeline waiting.

#include "base/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

/* Descriptors above this are not looked at one by one when a child begins. */
#define OWN_DESCRIPTORS 1024

/* What is asked: the path with its NUL, then the bytes to write. One message, so never in parts. */
struct question {
	bool write;
	char text[PATH_MAX + WRITER_BYTES_MAX];
};

struct answer {
	int error;
	char data[WRITER_BYTES_MAX];
};

static int hand_over(const struct writer_calls *calls, void *closure, const struct question *q,
		     size_t n_text, struct answer *ret, size_t *ret_n)
{
	size_t n_path = strnlen(q->text, n_text) + 1;

	*ret_n = 0;
	if (n_path > n_text)
		return -EPROTO;
	if (q->write)
		return calls->write(closure, q->text, q->text + n_path, n_text - n_path);
	return calls->read(closure, q->text, ret->data, sizeof(ret->data), ret_n);
}

/* The life of a child: it ends when the other side of its socket does. */
static void serve(const struct writer_calls *calls, void *closure, int fd)
{
	struct question question;
	struct answer answer;
	size_t n_data;

	for (;;) {
		ssize_t n = recv(fd, &question, sizeof(question), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= (ssize_t)offsetof(struct question, text))
			return;
		answer.error =
			hand_over(calls, closure, &question,
				  (size_t)n - offsetof(struct question, text), &answer, &n_data);
		if (send(fd, &answer, offsetof(struct answer, data) + n_data, MSG_NOSIGNAL) < 0)
			return;
	}
}

/*
 * Closes what has no FD_CLOEXEC. poll(2) says of all descriptors in one call which are open; it
 * takes no more of them than the limit of open files.
 */
static void close_inherited(void)
{
	struct pollfd at[OWN_DESCRIPTORS];
	struct rlimit limit;
	nfds_t n = OWN_DESCRIPTORS;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < n)
		n = (nfds_t)limit.rlim_cur;
	for (nfds_t fd = 0; fd < n; fd++)
		at[fd] = (struct pollfd){ .fd = fd > STDERR_FILENO ? (int)fd : -1 };
	bool told = poll(at, n, 0) >= 0;
	for (nfds_t fd = STDERR_FILENO + 1; fd < n; fd++) {
		if (told && at[fd].revents & POLLNVAL)
			continue;
		int flags = fcntl((int)fd, F_GETFD);
		if (flags >= 0 && !(flags & FD_CLOEXEC))
			close((int)fd);
	}
}

/*
 * A child that is stuck must not keep what the program was started with: a pipeline would not end,
 * a terminal not close. What this program opened itself has FD_CLOEXEC, and the locks among that
 * are to be kept.
 */
static void drop_inherited(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (null >= 0)
			(void)!dup2(null, fd);
		else
			close(fd);
	}
	close_inherited();
	(void)chdir("/"); /* nor a directory that is to be unmounted */
}

static int begin(struct writer *w, const struct writer_calls *calls, void *closure)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	pid_t child = fork();
	if (child < 0) {
		int error = -errno;
		close(fds[0]);
		close(fds[1]);
		return error;
	}
	if (child == 0) {
		close(fds[0]);
		drop_inherited();
		serve(calls, closure, fds[1]);
		_exit(0);
	}
	close(fds[1]);
	*w = (struct writer){ .child = child, .fd = fds[0] };
	return 0;
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* -ETIMEDOUT when nothing has come until @limit_ms have passed. */
static int wait_for_answer(int fd, unsigned limit_ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	long long end = now_ms() + limit_ms;

	for (;;) {
		long long left = end - now_ms();
		int n = poll(&poll_fd, 1, left > 0 ? (int)(left < INT_MAX ? left : INT_MAX) : 0);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0 && left <= 0)
			return -ETIMEDOUT;
	}
}

static int ask(struct writer *w, const char *path, const void *data, size_t n, bool write,
	       unsigned limit_ms, struct answer *ret, size_t *ret_n)
{
	struct question question = { .write = write };
	size_t n_path = strlen(path) + 1;

	if (n_path > PATH_MAX)
		return -ENAMETOOLONG;
	if (n > WRITER_BYTES_MAX)
		return -EFBIG;
	memcpy(question.text, path, n_path);
	if (n)
		memcpy(question.text + n_path, data, n);
	if (send(w->fd, &question, offsetof(struct question, text) + n_path + n, MSG_NOSIGNAL) < 0)
		return -errno;
	int error = wait_for_answer(w->fd, limit_ms);
	if (error < 0)
		return error;
	ssize_t got = recv(w->fd, ret, sizeof(*ret), 0);
	if (got < (ssize_t)offsetof(struct answer, data))
		return got < 0 ? -errno : -ECHILD; /* somebody ended the child */
	*ret_n = (size_t)got - offsetof(struct answer, data);
	return ret->error;
}

/* One question; a child that has not answered it is not asked again. */
static int call(struct writer *w, const struct writer_calls *calls, void *closure, const char *path,
		const void *data, size_t n, bool write, unsigned limit_ms, struct answer *ret,
		size_t *ret_n, pid_t *ret_child)
{
	int error = w->child ? 0 : begin(w, calls, closure);

	*ret_child = w->child;
	if (error < 0)
		return error;
	error = ask(w, path, data, n, write, limit_ms, ret, ret_n);
	if (error == -ETIMEDOUT) {
		close(w->fd);
		*w = (struct writer){ 0 };
	} else if (error == -ECHILD || error == -EPIPE) {
		writer_end(w);
	}
	return error;
}

int writer_write(struct writer *w, const struct writer_calls *calls, void *closure,
		 const char *path, const void *data, size_t n, unsigned limit_ms, pid_t *ret_child)
{
	struct answer answer;
	size_t n_answer;

	return call(w, calls, closure, path, data, n, true, limit_ms, &answer, &n_answer,
		    ret_child);
}

int writer_read(struct writer *w, const struct writer_calls *calls, void *closure, struct arena *a,
		const char *path, unsigned limit_ms, struct bytes *ret, pid_t *ret_child)
{
	struct answer answer;
	size_t n;
	int error = call(w, calls, closure, path, NULL, 0, false, limit_ms, &answer, &n, ret_child);

	if (error == 0)
		*ret = (struct bytes){ arena_memdup(a, answer.data, n), n };
	return error;
}

void writer_end(struct writer *w)
{
	if (!w->child)
		return;
	close(w->fd);
	while (waitpid(w->child, NULL, 0) < 0 && errno == EINTR)
		;
	*w = (struct writer){ 0 };
}
