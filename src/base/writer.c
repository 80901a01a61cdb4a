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
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

/* Descriptors above this are not looked at one by one when a child begins. */
#define OWN_DESCRIPTORS 1024

/* How many steps one message asks for at most, and how long what it asks or answers may be. */
#define STEPS_MAX 64
#define TEXT_MAX (16 * 1024)

/* Written by the child: the step that it is in, and since when. */
struct writer_progress {
	atomic_uint step;
	atomic_llong began_ms;
};

/* A step on its way: what it points to follows in the text, each with a NUL. */
struct asked {
	int accepted;
	bool write, expects, or_expects;
	size_t n_data; /* of what is written */
};

/* One message each, so never in parts; what is not used of the arrays is not sent. */
struct question {
	size_t n;
	struct asked step[STEPS_MAX];
	size_t n_text;
	char text[TEXT_MAX];
};

struct answer {
	size_t n; /* steps that were begun */
	struct {
		int error;
		size_t n_data;
	} step[STEPS_MAX];
	size_t n_data;
	char data[TEXT_MAX];
};

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the child ---- */

/* The next string of the question. */
static const char *take(const struct question *q, size_t *at, size_t n)
{
	const char *text = q->text + *at;

	*at += n + 1;
	return text;
}

static const char *take_string(const struct question *q, size_t *at)
{
	return take(q, at, strlen(q->text + *at));
}

static int do_step(const struct writer_calls *calls, void *closure, const struct question *q,
		   const struct asked *step, size_t *at, char *data, size_t *ret_n)
{
	const char *path = take_string(q, at);
	const char *text = step->write ? take(q, at, step->n_data) : NULL;
	const char *expected = step->expects ? take_string(q, at) : NULL;
	const char *or_expected = step->or_expects ? take_string(q, at) : NULL;

	*ret_n = 0;
	if (step->write)
		return calls->write(closure, path, text, step->n_data);
	int error = calls->read(closure, path, data, WRITER_BYTES_MAX, ret_n);
	if (error == 0 && !root_step_fits(expected, or_expected, (struct bytes){ data, *ret_n }))
		error = -EBADE;
	return error;
}

/* Ends early when the answer has no room for a page more: the rest is asked for again. */
static void do_steps(const struct writer_calls *calls, void *closure, const struct question *q,
		     struct writer_progress *progress, struct answer *ret)
{
	size_t at = 0;
	bool go_on = true;

	ret->n = ret->n_data = 0;
	while (go_on && ret->n < q->n && ret->n_data + WRITER_BYTES_MAX <= sizeof(ret->data)) {
		const struct asked *step = &q->step[ret->n];
		size_t n;

		atomic_store(&progress->began_ms, now_ms());
		atomic_store(&progress->step, (unsigned)ret->n);
		int error = do_step(calls, closure, q, step, &at, ret->data + ret->n_data, &n);
		ret->step[ret->n].error = error;
		ret->step[ret->n].n_data = n;
		ret->n_data += n;
		ret->n++;
		go_on = error == 0 || error == step->accepted;
	}
}

/* The life of a child: it ends when the other side of its socket does. */
static void serve(const struct writer_calls *calls, void *closure, int fd,
		  struct writer_progress *progress)
{
	static struct question question;
	static struct answer answer;

	for (;;) {
		ssize_t n = recv(fd, &question, sizeof(question), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < (ssize_t)offsetof(struct question, text))
			return;
		do_steps(calls, closure, &question, progress, &answer);
		if (send(fd, &answer, offsetof(struct answer, data) + answer.n_data, MSG_NOSIGNAL) <
		    0)
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
	struct writer_progress *progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE,
						MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child = progress == MAP_FAILED ? -1 : fork();
	if (child < 0) {
		int error = -errno;
		close(fds[0]);
		close(fds[1]);
		if (progress != MAP_FAILED)
			munmap(progress, sizeof(*progress));
		return error;
	}
	if (child == 0) {
		close(fds[0]);
		drop_inherited();
		serve(calls, closure, fds[1], progress);
		_exit(0);
	}
	close(fds[1]);
	*w = (struct writer){ .child = child, .fd = fds[0], .progress = progress };
	return 0;
}

/* ---- asking ---- */

static void put(struct question *q, const void *text, size_t n)
{
	memcpy(q->text + q->n_text, text, n);
	q->text[q->n_text + n] = '\0';
	q->n_text += n + 1;
}

static size_t room_for(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

/* Adds @step to the question. -ENOSPC: it is full. */
static int add_step(struct question *q, const struct root_step *step)
{
	size_t n = room_for(step->path) + room_for(step->text) + room_for(step->expected) +
		   room_for(step->or_expected);

	if (strlen(step->path) >= PATH_MAX)
		return -ENAMETOOLONG;
	if (step->text && strlen(step->text) > WRITER_BYTES_MAX)
		return -EFBIG;
	if (q->n == STEPS_MAX || n > sizeof(q->text) - q->n_text)
		return q->n ? -ENOSPC : -EFBIG;
	q->step[q->n++] = (struct asked){
		.accepted = step->accepted,
		.write = step->text,
		.expects = step->expected,
		.or_expects = step->or_expected,
		.n_data = step->text ? strlen(step->text) : 0,
	};
	put(q, step->path, strlen(step->path));
	if (step->text)
		put(q, step->text, strlen(step->text));
	if (step->expected)
		put(q, step->expected, strlen(step->expected));
	if (step->or_expected)
		put(q, step->or_expected, strlen(step->or_expected));
	return 0;
}

/* -ETIMEDOUT when the child has been in one step for @limit_ms. */
static int wait_for_answer(const struct writer *w, unsigned limit_ms)
{
	struct pollfd poll_fd = { .fd = w->fd, .events = POLLIN };

	for (;;) {
		/* of the step that it is in now */
		long long end = atomic_load(&w->progress->began_ms) + limit_ms;
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

/* What the answer says of the steps that were begun; how many these are, or an error. */
static ssize_t take_answer(struct arena *a, const struct answer *answer, struct root_step *steps)
{
	size_t at = 0;

	for (size_t i = 0; i < answer->n; i++) {
		steps[i].error = answer->step[i].error;
		steps[i].data = (struct bytes){
			arena_memdup(a, answer->data + at, answer->step[i].n_data),
			answer->step[i].n_data,
		};
		at += answer->step[i].n_data;
	}
	return (ssize_t)answer->n;
}

/*
 * The child is stuck: in which step the shared page says. What the reads before it gave is not
 * known, as if they had not been begun; of the writes before it that they were done is.
 */
static void mark_stuck(const struct writer *w, struct root_step *steps, size_t n)
{
	unsigned at = atomic_load(&w->progress->step);

	for (unsigned i = 0; i < at && i < n; i++)
		steps[i].error = steps[i].text ? 0 : -ECANCELED;
	if (at < n)
		steps[at].error = -ETIMEDOUT;
}

/* Asks for as many of @steps as fit into one question. Returns how many were begun, or an error. */
static ssize_t ask(struct writer *w, struct arena *a, struct root_step *steps, size_t n,
		   unsigned limit_ms)
{
	struct question question;
	struct answer answer;
	int error = 0;

	question.n = question.n_text = 0;
	for (size_t i = 0; i < n && error == 0; i++)
		error = add_step(&question, &steps[i]);
	/* a step that cannot be asked for fails when it is its turn */
	if (error < 0 && question.n == 0) {
		steps[0].error = error;
		return 1;
	}
	atomic_store(&w->progress->step, 0);
	atomic_store(&w->progress->began_ms, now_ms());
	if (send(w->fd, &question, offsetof(struct question, text) + question.n_text,
		 MSG_NOSIGNAL) < 0)
		return -errno;
	error = wait_for_answer(w, limit_ms);
	if (error == -ETIMEDOUT)
		mark_stuck(w, steps, question.n);
	if (error < 0)
		return error;
	ssize_t got = recv(w->fd, &answer, sizeof(answer), 0);
	if (got < (ssize_t)offsetof(struct answer, data))
		return got < 0 ? -errno : -ECHILD; /* somebody ended the child */
	return take_answer(a, &answer, steps);
}

/* A child that has not answered is not asked again. */
static int give_up(struct writer *w, int error)
{
	if (error == -ETIMEDOUT) {
		close(w->fd);
		munmap(w->progress, sizeof(*w->progress));
		*w = (struct writer){ 0 };
	} else if (error == -ECHILD || error == -EPIPE) {
		writer_end(w);
	}
	return error;
}

int writer_do(struct writer *w, const struct writer_calls *calls, void *closure, struct arena *a,
	      struct root_step *steps, size_t n, unsigned limit_ms, pid_t *ret_child)
{
	for (size_t i = 0; i < n;) {
		int error = w->child ? 0 : begin(w, calls, closure);

		*ret_child = w->child;
		ssize_t begun = error < 0 ? error : ask(w, a, &steps[i], n - i, limit_ms);
		if (begun < 0) {
			if (begun != -ETIMEDOUT)
				steps[i].error = (int)begun;
			return give_up(w, (int)begun);
		}
		i += (size_t)begun;
		const struct root_step *last = &steps[i - 1];
		if (last->error && last->error != last->accepted)
			return last->error;
	}
	return 0;
}

void writer_end(struct writer *w)
{
	if (!w->child)
		return;
	close(w->fd);
	while (waitpid(w->child, NULL, 0) < 0 && errno == EINTR)
		;
	munmap(w->progress, sizeof(*w->progress));
	*w = (struct writer){ 0 };
}
