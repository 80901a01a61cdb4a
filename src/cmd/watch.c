// SPDX-License-Identifier: MIT
// passthru watch: changes of PCI functions as they happen.
//
// Drivers, additions and removals come as messages of the kernel; for overrides, power and links
// there are none, so these are read again every interval, without waking a device (host/state.c).
// When messages are lost, which netlink(7) says with ENOBUFS, everything is read again and the loss
// is told: a change may be summed up, it is never left out.

#include "cmd/watch.h"
#include "base/text.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/signalfd.h>
#include <time.h>

#define INTERVAL_MS 1000

struct watch_options {
	const char *interval, *count, *timeout;
};

struct watch {
	struct request *request;
	struct monitor *monitor;
	struct watched watched;
	int signals;
	uint64_t interval_ms; /* 0: messages only */
	uint64_t count;       /* changes to tell; 0: no end */
	uint64_t told;
	int64_t poll_at_ms, end_at_ms; /* CLOCK_MONOTONIC; INT64_MAX: never */
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* "2", "0.25": seconds, at most three decimals. */
static int parse_seconds(const char *option, const char *text, uint64_t *ret_ms, struct err *e)
{
	const char *point = strchr(text, '.');
	size_t decimals = point ? strlen(point + 1) : 0;
	char digits[32], fraction[4] = "000";
	uint64_t seconds, rest = 0;

	if (strlen(text) >= sizeof(digits) || decimals > 3 || (point && !decimals))
		return err_usage(e, "--%s takes seconds such as 2 or 0.5, not %s", option, text);
	strcpy(digits, text);
	if (point) {
		digits[point - text] = '\0';
		memcpy(fraction, point + 1, decimals);
	}
	if (text_number(digits, 10, INT_MAX / 1000, &seconds) < 0 ||
	    text_number(fraction, 10, 999, &rest) < 0)
		return err_usage(e, "--%s takes seconds such as 2 or 0.5, not %s", option, text);
	*ret_ms = seconds * 1000 + rest;
	return 0;
}

static int parse(struct watch *w, const struct watch_options *options, struct err *e)
{
	uint64_t timeout_ms;
	int error = 0;

	w->interval_ms = INTERVAL_MS;
	w->end_at_ms = INT64_MAX;
	if (options->interval)
		error = parse_seconds("interval", options->interval, &w->interval_ms, e);
	if (error == 0 && options->timeout) {
		error = parse_seconds("timeout", options->timeout, &timeout_ms, e);
		if (error == 0)
			w->end_at_ms = now_ms() + (int64_t)timeout_ms;
	}
	if (error == 0 && options->count &&
	    (text_number(options->count, 10, INT64_MAX, &w->count) < 0 || w->count == 0))
		error = err_usage(e, "--count takes how many changes, 1 or more, not %s",
				  options->count);
	return error;
}

/* Nobody reads any more: an end like any other. */
static bool is_hung_up(int error)
{
	return error == -EPIPE;
}

static bool has_told_enough(const struct watch *w)
{
	return w->count > 0 && w->told >= w->count;
}

static int tell(struct watch *w, struct host *round, const struct watch_changes *changes,
		struct err *e)
{
	for (size_t i = 0; i < changes->n && !has_told_enough(w); i++) {
		const struct watch_change *change = &changes->change[i];
		int error = w->request->emit(watch_answer(w->request, round, change), e);

		if (error < 0)
			return error;
		w->told += change->event != WATCH_STATE && change->event != WATCH_LOST;
	}
	return 0;
}

/* Messages came faster than they were read, or while this process was stopped. */
static int recover(struct watch *w, struct host *round, struct err *e)
{
	struct watch_changes changes = { .arena = &round->arena };

	watch_add(&changes, WATCH_LOST, NULL);
	int error = watched_read(&w->watched, &changes, e);
	return error < 0 ? error : tell(w, round, &changes, e);
}

/* All messages that are there. */
static int take_messages(struct watch *w, struct err *e)
{
	bool lost = false;
	int error = 0;

	while (error >= 0 && !has_told_enough(w)) {
		struct host round;
		struct uevent event;

		host_init(&round, w->request->host->root);
		struct watch_changes changes = { .arena = &round.arena };
		int got = monitor_next(w->monitor, &round.arena, &event);
		if (got > 0) {
			watched_message(&w->watched, &round, &event, &changes);
			error = tell(w, &round, &changes, e);
		} else if (got == -ENOBUFS) {
			lost = true;
		} else if (got < 0) {
			error = err_io(e, got, "reading the kernel's messages about devices");
		} else if (lost) {
			lost = false;
			error = recover(w, &round, e);
		} else {
			break;
		}
		arena_free(&round.arena);
	}
	return error;
}

static int poll_states(struct watch *w, struct err *e)
{
	struct host round;

	host_init(&round, w->request->host->root);
	struct watch_changes changes = { .arena = &round.arena };
	watched_poll(&w->watched, &round, &changes);
	int error = tell(w, &round, &changes, e);
	arena_free(&round.arena);
	w->poll_at_ms = now_ms() + (int64_t)w->interval_ms;
	return error;
}

/* What is there when it begins: known, and told of the functions that were named. */
static int begin(struct watch *w, struct err *e)
{
	struct host round;

	host_init(&round, w->request->host->root);
	struct watch_changes changes = { .arena = &round.arena };
	int error = watched_read(&w->watched, &changes, e);
	changes.n = 0;
	for (size_t i = 0; !w->watched.all && i < w->watched.n; i++)
		watch_add(&changes, WATCH_STATE, w->watched.function[i]);
	if (error == 0)
		error = tell(w, &round, &changes, e);
	arena_free(&round.arena);
	w->poll_at_ms = w->interval_ms ? now_ms() + (int64_t)w->interval_ms : INT64_MAX;
	return error;
}

static int wait_ms(const struct watch *w)
{
	int64_t until = w->poll_at_ms < w->end_at_ms ? w->poll_at_ms : w->end_at_ms;
	int64_t left = until - now_ms();

	if (until == INT64_MAX)
		return -1;
	return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

/* Until it is told to end; the answer. */
static int follow(struct watch *w, struct err *e)
{
	struct pollfd fds[] = {
		{ .fd = monitor_fd(w->monitor), .events = POLLIN },
		{ .fd = w->signals, .events = POLLIN },
		{ .fd = w->request->answer_fd }, /* POLLERR: the reader of the pipe is gone */
	};
	int error = begin(w, e);

	while (error == 0) {
		if (poll(fds, ARRAY_SIZE(fds), wait_ms(w)) < 0 && errno != EINTR)
			return err_io(e, -errno, "waiting for the kernel's messages");
		error = take_messages(w, e);
		if (error == 0 && !has_told_enough(w) && now_ms() >= w->poll_at_ms)
			error = poll_states(w, e);
		if (error < 0)
			break;
		if (has_told_enough(w) || fds[1].revents || fds[2].revents & (POLLERR | POLLHUP))
			return ANSWER_YES;
		if (now_ms() >= w->end_at_ms)
			return w->count ? ANSWER_NO : ANSWER_YES;
	}
	return is_hung_up(error) ? ANSWER_YES : error;
}

/* The signals that end it become readable, SIGPIPE becomes an error of the write; for good. */
static int take_signals(struct watch *w, struct err *e)
{
	sigset_t ending, blocked;

	sigemptyset(&ending);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGTERM);
	blocked = ending;
	sigaddset(&blocked, SIGPIPE);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	w->signals = signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK);
	return w->signals < 0 ? err_io(e, -errno, "preparing for signals") : 0;
}

static int run_watch(struct request *request, struct err *e)
{
	struct watch w = { .request = request, .signals = -1 };
	int answer = parse(&w, request->options, e);

	if (answer == 0)
		answer = watched_select(request, &w.watched, e);
	if (answer < 0)
		return answer;
	answer = take_signals(&w, e);
	if (answer == 0)
		answer = monitor_open(&w.monitor, e);
	if (answer == 0)
		answer = follow(&w, e);
	monitor_close(w.monitor);
	if (w.signals >= 0)
		close(w.signals);
	watched_done(&w.watched);
	return answer;
}

static const struct option_row rows[] = {
	{ "interval", 0, OPTION_STRING, "SECONDS",
	  "how often power, link and override are looked at (1); 0: never",
	  offsetof(struct watch_options, interval) },
	{ "count", 0, OPTION_STRING, "N", "end after N changes",
	  offsetof(struct watch_options, count) },
	{ "timeout", 0, OPTION_STRING, "SECONDS",
	  "end when the time is over; with --count the answer is then no",
	  offsetof(struct watch_options, timeout) },
};

const struct command command_watch = {
	.name = "watch",
	.arguments = "[DEVICE...]",
	.summary = "tell changes of drivers, power, links and groups as they happen",
	.help = "Prints a line for every function that comes or goes, every driver that lets go or "
		"takes over, and every change of driver override, IOMMU group, power state and "
		"link, of each DEVICE with the functions that belong to it, or of all. With DEVICE "
		"the lines begin with how it is now. Wakes no device. Ends with SIGINT or SIGTERM.",
	.max_arguments = SIZE_MAX,
	.flags = COMMAND_NEEDS_LIVE,
	.options = rows,
	.n_options = ARRAY_SIZE(rows),
	.options_size = sizeof(struct watch_options),
	.run = run_watch,
};
