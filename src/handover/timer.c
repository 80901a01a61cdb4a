// SPDX-License-Identifier: MIT
// Handovers with a deadline: given back by themselves unless confirmed, so that an administrator
// who took the network card that he came through gets it back. What gives back is `passthru
// release`, run by systemd where it is the init, which no session can end (systemd-run(1),
// transient timers), else by a process of its own. It tries again until it succeeds: a handover
// that hangs at the deadline still holds its locks.
//
// The record names it: "systemd UNIT DUE" or "process PID STARTED DUE", where DUE is in seconds
// since boot (proc/uptime).

#include "base/later.h"
#include "base/run.h"
#include "base/text.h"
#include "handover/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#define AGAIN_S 10
#define LIMIT_MS 20000u

static void ignore(void *closure, const char *data, size_t n)
{
	(void)closure, (void)data, (void)n;
}

static bool has_systemd(struct host *host)
{
	struct names names;

	return root_list(host->root, &host->arena, "run/systemd/system", &names) == 0;
}

/* Seconds since boot, as CLOCK_BOOTTIME counts them; uptime_proc_show() in fs/proc/uptime.c. */
static int uptime(struct host *host, uint64_t *ret_s, struct err *e)
{
	struct bytes text;
	int error = root_read(host->root, &host->arena, "proc/uptime", &text);

	if (error < 0)
		return err_io(e, error, "reading proc/uptime");
	const char *whole = arena_strndup(&host->arena, text.data, strcspn(text.data, "."));
	error = text_number(whole, 10, UINT32_MAX, ret_s);
	return error < 0 ? err_io(e, error, "reading proc/uptime") : 0;
}

/* This program, by its path: a package that was upgraded meanwhile has left its place to another.
 */
static int own_path(struct host *host, const char **ret, struct err *e)
{
	static const char deleted[] = " (deleted)";
	const char *target;
	int error = root_link(host->root, &host->arena, "proc/self/exe", &target);

	if (error < 0)
		return err_io(e, error, "finding this program in proc/self/exe");
	size_t n = strlen(target), n_deleted = sizeof(deleted) - 1;
	if (n > n_deleted && str_eq(target + n - n_deleted, deleted))
		n -= n_deleted;
	*ret = arena_strndup(&host->arena, target, n);
	return 0;
}

/* The 22nd word of proc/<pid>/stat, start time in ticks; the name before may hold anything. */
static const char *start_of(struct host *host, pid_t pid)
{
	struct bytes text;
	const char *path = arena_printf(&host->arena, "proc/%d/stat", (int)pid), *word = NULL;

	if (root_read(host->root, &host->arena, path, &text) < 0)
		return NULL;
	const char *rest = strrchr(text.data, ')');
	for (int i = 2; rest && i <= 22; i++)
		word = text_next_word(&host->arena, &rest);
	return word;
}

/* ---- starting ---- */

/* What is due stands in the records: those of a handover may be other functions by then. */
static const char **command(struct host *host, const char *const *before, size_t n_before,
			    const char *program)
{
	const char **argv = arena_array(&host->arena, n_before + 4, sizeof(*argv));
	size_t n = n_before;

	if (n_before)
		memcpy(argv, before, n_before * sizeof(*argv));
	argv[n++] = program;
	argv[n++] = "release";
	argv[n++] = "--due";
	return argv;
}

static void stop_unit(struct host *host, const char *unit)
{
	const char *argv[] = { "systemctl",
			       "stop",
			       "--",
			       arena_concat(&host->arena, unit, ".timer"),
			       arena_concat(&host->arena, unit, ".service"),
			       NULL };
	struct bytes own;

	/* the release at the deadline runs in that service: stopping it would end the release */
	if (root_read(host->root, &host->arena, "proc/self/cgroup", &own) == 0 &&
	    strstr(own.data, argv[4]))
		argv[4] = NULL;
	/* one that does not end gives back too early what can be handed over again */
	(void)!run_read_within(argv, LIMIT_MS, ignore, NULL, NULL);
}

static const struct pci_function *first_to_move(const struct handover *handover)
{
	size_t i = 0;

	while (i + 1 < handover->n && host_is_vfio_driver(handover->functions[i].driver_before))
		i++;
	return handover->functions[i].function;
}

static int arm_systemd(struct host *host, const struct handover *handover, const char *program,
		       uint64_t due_s, const char **ret_timer, struct err *e)
{
	struct arena *a = &host->arena;
	/* its own: a handover before may have had the same device, and others that still wait */
	const char *unit = arena_printf(a, "passthru-release-%s-%" PRIu64,
					first_to_move(handover)->name, due_s);
	const char *before[] = {
		"systemd-run",
		"--quiet",
		"--no-ask-password",
		"--collect",
		arena_concat(a, "--unit=", unit),
		"--description=Gives devices back to the host unless that is confirmed",
		arena_printf(a, "--on-active=%u", handover->deadline_s),
		"--timer-property=AccuracySec=1s",
		"--property=Restart=on-failure",
		arena_printf(a, "--property=RestartSec=%d", AGAIN_S),
		"--",
	};

	int error = run_read_within(command(host, before, ARRAY_SIZE(before), program), LIMIT_MS,
				    ignore, NULL, e);
	if (error < 0)
		return err_wrap(e, error, "arming the timer that gives back");
	*ret_timer = arena_printf(a, "systemd %s %" PRIu64, unit, due_s);
	return 0;
}

static int arm_process(struct host *host, const struct handover *handover, const char *program,
		       uint64_t due_s, const char **ret_timer, struct err *e)
{
	pid_t pid;
	int error =
		later_run(command(host, NULL, 0, program), handover->deadline_s, AGAIN_S, &pid, e);

	if (error < 0)
		return err_wrap(e, error, "arming the timer that gives back");
	const char *started = start_of(host, pid);
	*ret_timer = arena_printf(&host->arena, "process %d %s %" PRIu64, (int)pid,
				  started ? started : "0", due_s);
	return 0;
}

int timer_arm(struct host *host, const struct handover *handover, const char **ret_timer,
	      struct err *e)
{
	const char *program = NULL;
	uint64_t now_s = 0;

	*ret_timer = NULL;
	if (handover->deadline_s == 0)
		return 0;
	int error = own_path(host, &program, e);
	if (error == 0)
		error = uptime(host, &now_s, e);
	if (error < 0)
		return error;
	return (has_systemd(host) ? arm_systemd : arm_process)(
		host, handover, program, now_s + handover->deadline_s, ret_timer, e);
}

/* ---- ending ---- */

struct timer {
	const char *unit; /* NULL: a process */
	const char *pid, *started;
	uint64_t due_s;
};

static bool parse(struct arena *a, const char *text, struct timer *ret)
{
	const char *kind = text_next_word(a, &text), *due;

	*ret = (struct timer){ 0 };
	if (!kind)
		return false;
	if (str_eq(kind, "systemd")) {
		ret->unit = text_next_word(a, &text);
	} else {
		ret->pid = text_next_word(a, &text);
		ret->started = text_next_word(a, &text);
	}
	due = text_next_word(a, &text);
	return due && text_number(due, 10, UINT64_MAX, &ret->due_s) == 0;
}

void timer_disarm(struct host *host, const char *timer)
{
	struct timer parsed;
	uint64_t pid;

	if (!timer || !parse(&host->arena, timer, &parsed))
		return;
	if (parsed.unit) {
		stop_unit(host, parsed.unit);
		return;
	}
	if (text_number(parsed.pid, 10, INT32_MAX, &pid) < 0 || pid <= 1)
		return;
	const char *started = start_of(host, (pid_t)pid);
	/* another process may have its number by now */
	if (started && str_eq(started, parsed.started))
		kill((pid_t)pid, SIGTERM);
}

/* ---- keeping ---- */

/* All functions of one handover have the same timer. */
static int forget_timer(struct host *host, const char *timer, struct err *e)
{
	struct names names;
	struct pci_address address;
	struct record record;
	int error = journal_list(host, &names, e);

	for (size_t i = 0; i < names.n && error == 0; i++) {
		const struct pci_function *f = pci_address_parse(names.name[i], &address)
						       ? host_find(host, address)
						       : NULL;
		if (!f || !journal_read(host, f, &record) || !record.timer ||
		    !str_eq(record.timer, timer))
			continue;
		record.timer = NULL;
		error = journal_write(host, f, &record, e);
	}
	return error;
}

int handover_confirm(struct host *host, struct handover *handover, struct err *e)
{
	struct locks locks;
	struct record record;
	size_t n = 0;
	int error = locks_take(host, handover, &locks, e);

	if (error < 0)
		return error;
	for (size_t i = 0; i < handover->n && error == 0; i++) {
		struct handover_function *f = &handover->functions[i];

		if (!journal_read(host, f->function, &record) || !record.timer)
			continue;
		/* ended first: a record that still names it says so, and is corrected by trying
		 * again */
		timer_disarm(host, record.timer);
		error = forget_timer(host, record.timer, e);
		f->state = HANDOVER_DONE;
		n++;
	}
	locks_drop(&locks);
	if (error == 0 && n == 0)
		return err_refuse(e, "%s is not waiting to be given back: nothing to confirm",
				  handover->functions[0].function->name);
	return error;
}

int handover_due(struct host *host, struct handover *ret, struct err *e)
{
	struct handover_waiting *waiting;
	size_t n;
	int error = handover_waiting(host, &waiting, &n, e);

	*ret = (struct handover){ 0 };
	if (error < 0)
		return error;
	ret->functions = arena_array(&host->arena, n, sizeof(*ret->functions));
	for (size_t i = 0; i < n; i++) {
		if (waiting[i].left_s == 0)
			ret->functions[ret->n++].function = waiting[i].function;
	}
	return 0;
}

int handover_waiting(struct host *host, struct handover_waiting **ret, size_t *ret_n, struct err *e)
{
	struct pci_address address;
	struct record record;
	struct names names;
	struct timer timer;
	uint64_t now_s;

	*ret_n = 0;
	int error = journal_list(host, &names, e);
	if (error == 0)
		error = uptime(host, &now_s, e);
	if (error < 0)
		return error;
	*ret = arena_array(&host->arena, names.n, sizeof(**ret));
	for (size_t i = 0; i < names.n; i++) {
		struct pci_function *f = pci_address_parse(names.name[i], &address)
						 ? host_find(host, address)
						 : NULL;
		if (!f || !journal_read(host, f, &record) || !record.timer ||
		    !parse(&host->arena, record.timer, &timer))
			continue;
		(*ret)[(*ret_n)++] = (struct handover_waiting){
			.function = f,
			.left_s = timer.due_s > now_s ? timer.due_s - now_s : 0,
			.by = timer.unit ? arena_concat(&host->arena, timer.unit, ".timer")
					 : arena_concat(&host->arena, "process ", timer.pid),
		};
	}
	return 0;
}
