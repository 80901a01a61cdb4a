// SPDX-License-Identifier: MIT
// All functions, one after the other, in a child: a driver that does not let go of its device holds
// a process for good, no signal ends that, and the boot must not be that process. When a function
// has not answered in time its child is left behind and another one goes on with the next.

#include "early/early.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define COMMAND_LINE_MAX (64 * 1024)
#define PROBLEMS_MAX 32
#define REPORT_HEADER "passthru-early 1\n"

static struct reserve_record records[RESERVE_MAX];
static struct reserve_problem problems[PROBLEMS_MAX];
static struct reserve_function functions[RESERVE_FUNCTIONS_MAX];
static struct reserve_match matches[RESERVE_MAX];
static struct early_outcome outcomes[RESERVE_MAX];
static char text[RESERVE_BYTES_MAX];

/* What one is at work on. */
struct early {
	int root;
	const struct early_kernel *kernel;
	struct early_limits limits;
	struct reserve_file file;
	struct reserve_host host;
	long long began_us;
};

static long long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- reading ---- */

static bool is_asked(int root)
{
	long n = early_read(root, EARLY_COMMAND_LINE, text, COMMAND_LINE_MAX);

	return n > 0 && early_is_asked(text, (size_t)n);
}

static bool read_file(struct early *e)
{
	long n = early_read(e->root, RESERVE_FILE, text, sizeof(text));

	e->file = (struct reserve_file){ .records = records,
					 .problems = problems,
					 .max_problems = PROBLEMS_MAX };
	if (n < 0) {
		early_say(e->root, EARLY_WARNING, "%s cannot be read: %s: nothing is reserved",
			  RESERVE_FILE, strerror((int)-n));
		return false;
	}
	if ((size_t)n == sizeof(text) - 1) {
		early_say(e->root, EARLY_WARNING, "%s is too long: nothing is reserved",
			  RESERVE_FILE);
		return false;
	}
	if (reserve_parse(text, (size_t)n, &e->file) < 0) {
		early_say(e->root, EARLY_WARNING,
			  "%s is of a version that is not known: nothing is reserved",
			  RESERVE_FILE);
		return false;
	}
	for (size_t i = 0; i < e->file.n_problems; i++)
		early_say(e->root, EARLY_WARNING, "%s: line %u is left alone: %s", RESERVE_FILE,
			  problems[i].line, problems[i].what);
	return true;
}

static bool find(struct early *e)
{
	long n = reserve_read_host(e->root, functions, RESERVE_FUNCTIONS_MAX);

	if (n < 0) {
		early_say(e->root, EARLY_WARNING,
			  "the functions of this host cannot be read: %s: nothing is reserved",
			  strerror((int)-n));
		return false;
	}
	e->host = (struct reserve_host){ .functions = functions,
					 .n = (size_t)n,
					 .read_serial = reserve_read_serial,
					 .closure = &e->root };
	reserve_match(records, e->file.n_records, &e->host, matches);
	return true;
}

/* ---- acting ---- */

struct answer {
	size_t index;
	struct early_outcome outcome;
};

static const struct reserve_function *found(size_t i)
{
	bool is = matches[i].found == RESERVE_HERE || matches[i].found == RESERVE_MOVED;

	return is ? &functions[matches[i].function] : NULL;
}

static size_t next(const struct early *e, size_t i)
{
	while (i < e->file.n_records && !found(i))
		i++;
	return i;
}

static void child(const struct early *e, size_t i, int fd)
{
	/* who reads the standard output of this program waits for the last one that has it */
	for (int standard = STDIN_FILENO; standard <= STDERR_FILENO; standard++) {
		if (standard != fd && standard != e->root)
			close(standard);
	}
	for (; i < e->file.n_records; i = next(e, i + 1)) {
		struct answer answer = { .index = i };
		struct early_task task = { .record = &records[i], .function = found(i) };

		early_act(e->root, e->kernel, &task, &answer.outcome);
		/* shorter than PIPE_BUF: never in parts */
		if (write(fd, &answer, sizeof(answer)) != sizeof(answer))
			break;
	}
	_exit(0);
}

static pid_t begin(const struct early *e, size_t i, int *ret_fd)
{
	int fds[2];

	if (pipe(fds) < 0)
		return -errno;
	pid_t pid = fork();
	if (pid == 0) {
		close(fds[0]);
		child(e, i, fds[1]);
	}
	int error = -errno;
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return error;
	}
	*ret_fd = fds[0];
	return pid;
}

/* 0: it has answered, -ETIMEDOUT, -ECHILD: it has ended */
static int await(int fd, unsigned limit_ms, size_t i)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	struct answer answer;
	long long end = now_us() + limit_ms * 1000LL;
	int n;

	do {
		long long left_ms = (end - now_us() + 999) / 1000;
		n = poll(&poll_fd, 1, left_ms > 0 ? (int)left_ms : 0);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return -ETIMEDOUT;
	if (read(fd, &answer, sizeof(answer)) != sizeof(answer) || answer.index != i)
		return -ECHILD;
	outcomes[i] = answer.outcome;
	return 0;
}

PRINTF_LIKE(3, 4)
static void set(size_t i, enum early_result result, const char *format, ...)
{
	va_list arguments;

	outcomes[i].result = result;
	va_start(arguments, format);
	vsnprintf(outcomes[i].text, sizeof(outcomes[i].text), format, arguments);
	va_end(arguments);
}

static unsigned limit_now(const struct early *e)
{
	long long left_ms = e->limits.all_ms - (now_us() - e->began_us) / 1000;

	if (left_ms <= 0)
		return 0;
	return left_ms < e->limits.one_ms ? (unsigned)left_ms : e->limits.one_ms;
}

/* From function @i on, until one does not answer; the one to go on with. */
static size_t act_some(const struct early *e, size_t i)
{
	int fd = -1, error = 0;
	pid_t pid = begin(e, i, &fd);

	if (pid < 0) {
		set(i, EARLY_FAILED, "left alone: no process can be made: %s", strerror(-pid));
		return next(e, i + 1);
	}
	while (i < e->file.n_records && error == 0) {
		error = await(fd, limit_now(e), i);
		if (error == -ETIMEDOUT)
			set(i, EARLY_STUCK,
			    "the kernel has not come back in time: its driver does "
			    "not let go of it");
		else if (error < 0)
			set(i, EARLY_FAILED, "the process that was at work on it has ended");
		i = next(e, i + 1);
	}
	close(fd);
	if (error != -ETIMEDOUT)
		waitpid(pid, NULL, 0);
	return i;
}

static void act(const struct early *e)
{
	size_t i = next(e, 0);

	while (i < e->file.n_records && limit_now(e) > 0)
		i = act_some(e, i);
	for (; i < e->file.n_records; i = next(e, i + 1))
		set(i, EARLY_FAILED, "left alone: others have taken all the time that there was");
}

/* ---- telling ---- */

static bool has_other_device(const struct early *e, const char *address)
{
	for (size_t i = 0; i < e->host.n; i++) {
		if (strcmp(functions[i].address, address) == 0)
			return true;
	}
	return false;
}

static void judge_unfound(const struct early *e)
{
	for (size_t i = 0; i < e->file.n_records; i++) {
		if (matches[i].found == RESERVE_AMBIGUOUS && matches[i].candidates == 1)
			set(i, EARLY_AMBIGUOUS,
			    "not at its place; one of its kind is at %s, but no serial number "
			    "tells whether it is the same one: not taken; if it is, undo and set "
			    "up again",
			    functions[matches[i].function].address);
		else if (matches[i].found == RESERVE_AMBIGUOUS)
			set(i, EARLY_AMBIGUOUS,
			    "not at its place; %zu of its kind are elsewhere: none is taken",
			    matches[i].candidates);
		else if (matches[i].found == RESERVE_ABSENT)
			set(i, EARLY_ABSENT, "not on this host%s",
			    has_other_device(e, records[i].function.address)
				    ? "; what has its address is another device, left alone"
				    : "");
	}
}

static bool is_good(size_t i)
{
	return outcomes[i].result <= EARLY_KEPT;
}

static void say(const struct early *e)
{
	size_t n_good = 0;

	for (size_t i = 0; i < e->file.n_records; i++) {
		const char *was = records[i].function.address;
		const char *is = found(i) ? found(i)->address : was;
		bool same = strcmp(was, is) == 0;

		n_good += is_good(i);
		early_say(e->root, is_good(i) ? EARLY_NOTICE : EARLY_WARNING, "%s: %s%s%s%s", was,
			  same                                ? ""
			  : matches[i].found == RESERVE_MOVED ? "moved to "
							      : "its address is now ",
			  same ? "" : is, same ? "" : ": ", outcomes[i].text);
	}
	early_say(e->root, EARLY_NOTICE, "%zu of %zu reserved functions are for guests, in %lld us",
		  n_good, e->file.n_records, now_us() - e->began_us);
}

/* As snprintf() into @text, which is not needed for the file any more. */
PRINTF_LIKE(2, 3)
static void append(size_t *at, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	int n = vsnprintf(text + *at, sizeof(text) - *at, format, arguments);
	va_end(arguments);
	if (n > 0 && (size_t)n < sizeof(text) - *at)
		*at += (size_t)n;
}

static void report(const struct early *e)
{
	size_t at = 0;

	append(&at, REPORT_HEADER);
	for (size_t i = 0; i < e->file.n_records; i++)
		append(&at, "%s %s %s %s %s\n", records[i].function.address,
		       found(i) ? found(i)->address : "-", early_word(outcomes[i].result),
		       records[i].driver, outcomes[i].text);
	for (size_t i = 0; i < e->file.n_problems; i++)
		append(&at, "- - damaged - line %u: %s\n", problems[i].line, problems[i].what);
	int error = early_replace(e->root, EARLY_REPORT, text, at);
	if (error < 0)
		early_say(e->root, EARLY_WARNING, "%s cannot be written: %s", EARLY_REPORT,
			  strerror(-error));
}

static void name_modules(const struct early *e, int fd)
{
	size_t at = 0;

	for (size_t i = 0; i < e->file.n_records; i++) {
		bool named = outcomes[i].result != EARLY_RESERVED;

		for (size_t k = 0; k < i && !named; k++)
			named = outcomes[k].result == EARLY_RESERVED &&
				strcmp(records[k].driver, records[i].driver) == 0;
		if (!named)
			append(&at, "%s\n", records[i].driver);
	}
	/* without a reader nothing is loaded: it is the reader that is broken then */
	if (at)
		(void)!write(fd, text, at);
}

void early_run(int root, const struct early_kernel *kernel, struct early_limits limits, int modules)
{
	struct early e = { .root = root, .kernel = kernel, .limits = limits, .began_us = now_us() };

	if (!is_asked(root) || !read_file(&e))
		return;
	if (e.file.n_records > 0 && !find(&e))
		return;
	act(&e);
	judge_unfound(&e);
	say(&e);
	report(&e);
	name_modules(&e, modules);
}
