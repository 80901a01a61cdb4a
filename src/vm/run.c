// SPDX-License-Identifier: MIT
// A guest from start to end: one poll loop over its process, its monitor, its console, what QEMU
// prints, and the signals of this process as a descriptor (signalfd(2)), so that nothing happens in
// a signal handler and nothing is global.
//
// The end comes in stages, each with its time: the guest is asked to power down, QEMU is told to
// quit, QEMU is killed. What QEMU prints is kept from the terminal, which shows the guest, and its
// last message stands in the error.

#include "base/text.h"
#include "vm/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>

#define POWERDOWN_MS 30000
#define QUIT_MS 5000
#define NEVER INT64_MAX

enum stage {
	STAGE_RUNNING,
	STAGE_ASKED, /* to power down */
	STAGE_QUIT,  /* QEMU was told to end */
	STAGE_KILLED,
};

enum { FD_SIGNAL, FD_PROCESS, FD_MONITOR, FD_OUTPUT, FD_CONSOLE, FDS = FD_CONSOLE + CONSOLE_FDS };

/* How signals were before. */
struct signals {
	int fd;
	sigset_t mask;
	struct sigaction pipe, child;
};

struct guest {
	const struct vm_session *session;
	struct vm_process process;
	struct signals signals;
	struct qmp qmp;
	struct console console;
	struct said said;
	enum stage stage;
	int64_t deadline_ms;
	bool asked_by_signal;
	bool was_ready; /* its monitor answered */
	int error;      /* of the monitor, with its sentence */
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int signals_take(struct signals *s, struct err *e)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCONT };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	const struct sigaction normal = { .sa_handler = SIG_DFL };
	sigset_t wanted;

	sigemptyset(&wanted);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct sigaction now;
		/* signalfd would report what nohup or a shell has made us ignore */
		if (sigaction(numbers[i], NULL, &now) == 0 &&
		    (now.sa_handler != SIG_IGN || numbers[i] == SIGCONT))
			sigaddset(&wanted, numbers[i]);
	}
	s->fd = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->fd < 0)
		return err_io(e, -errno, "waiting for signals");
	sigprocmask(SIG_BLOCK, &wanted, &s->mask);
	sigaction(SIGPIPE, &ignore, &s->pipe);
	/* ignored, it would take the exit status of QEMU with it */
	sigaction(SIGCHLD, &normal, &s->child);
	return 0;
}

/* The number of the next signal, 0 when there is none. */
static int signals_next(const struct signals *s)
{
	struct signalfd_siginfo info;

	return read(s->fd, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : 0;
}

static void signals_give(struct signals *s)
{
	/* one more Ctrl-C while QEMU ended must not end us before the caller has said how it went
	 */
	while (signals_next(s))
		;
	sigaction(SIGCHLD, &s->child, NULL);
	sigaction(SIGPIPE, &s->pipe, NULL);
	sigprocmask(SIG_SETMASK, &s->mask, NULL);
	cleanup_close(&s->fd);
}

static void stage_enter(struct guest *g, enum stage stage, int ms)
{
	g->stage = stage;
	g->deadline_ms = ms < 0 ? NEVER : now_ms() + ms;
}

/* The next stage. The process is a child not waited for, so its number is still its own. */
static void escalate(struct guest *g)
{
	bool ready = g->qmp.state == QMP_READY;

	if (g->stage >= STAGE_QUIT) {
		kill(g->process.pid, SIGKILL);
		stage_enter(g, STAGE_KILLED, -1);
		return;
	}
	/* before the monitor answers there is no guest that could power down */
	if (g->stage == STAGE_RUNNING && ready && qmp_execute(&g->qmp, "system_powerdown")) {
		stage_enter(g, STAGE_ASKED, g->session->powerdown_ms);
		return;
	}
	if (!ready || !qmp_execute(&g->qmp, "quit"))
		kill(g->process.pid, SIGTERM);
	stage_enter(g, STAGE_QUIT, g->session->quit_ms);
}

static void ask(struct guest *g)
{
	if (g->stage == STAGE_RUNNING)
		escalate(g);
}

/* For a guest that cannot go on, and so cannot power down. */
static void quit(struct guest *g)
{
	if (g->stage == STAGE_RUNNING)
		g->stage = STAGE_ASKED;
	if (g->stage == STAGE_ASKED)
		escalate(g);
}

static void on_signals(struct guest *g)
{
	int number;

	while ((number = signals_next(&g->signals))) {
		if (number == SIGCONT) {
			console_raw(&g->console);
		} else if (number == SIGHUP) {
			/* a session that ends sends it with SIGTERM: that is no second request */
			ask(g);
		} else if (!g->asked_by_signal) {
			g->asked_by_signal = true;
			ask(g);
		} else {
			quit(g);
		}
	}
}

static void on_monitor(struct guest *g, struct err *e)
{
	int n = qmp_receive(&g->qmp, e);

	if (n < 0) {
		g->error = n;
		quit(g);
	}
	if (g->qmp.state == QMP_READY)
		g->was_ready = true;
	if (g->qmp.run_state[0])
		quit(g);
	/* it obeyed, and QEMU is writing back its disks: that takes what it takes */
	if (g->qmp.shutting_down && g->stage == STAGE_ASKED)
		g->deadline_ms = NEVER;
}

/* False at its end. */
static bool on_output(struct guest *g)
{
	char data[1024];
	ssize_t n = read(g->process.output, data, sizeof(data));

	if (n > 0)
		said_add(&g->said, data, (size_t)n);
	return n > 0;
}

static int timeout_ms(const struct guest *g)
{
	if (g->deadline_ms == NEVER)
		return -1;
	int64_t left = g->deadline_ms - now_ms();
	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

/* Returns when the process has ended. */
static int loop(struct guest *g, struct err *e)
{
	bool output = true;

	for (;;) {
		struct pollfd fds[FDS] = {
			[FD_SIGNAL] = { g->signals.fd, POLLIN, 0 },
			[FD_PROCESS] = { g->process.pidfd, POLLIN, 0 },
			[FD_MONITOR] = { g->qmp.state == QMP_CLOSED ? -1 : g->qmp.fd, POLLIN, 0 },
			[FD_OUTPUT] = { output ? g->process.output : -1, POLLIN, 0 },
		};
		console_want(&g->console, fds + FD_CONSOLE);
		if (poll(fds, FDS, timeout_ms(g)) < 0) {
			if (errno == EINTR)
				continue;
			return err_io(e, -errno, "waiting for the guest");
		}
		if (fds[FD_MONITOR].revents)
			on_monitor(g, e);
		if (fds[FD_SIGNAL].revents)
			on_signals(g);
		if (fds[FD_OUTPUT].revents)
			output = on_output(g);
		console_move(&g->console, fds + FD_CONSOLE);
		if (fds[FD_PROCESS].revents)
			return 0;
		if (g->console.out < 0)
			ask(g);
		if (timeout_ms(g) == 0)
			escalate(g);
	}
}

/* What it sent before it ended is still in the buffers of the kernel. */
static void drain(struct guest *g, struct err *e)
{
	while (g->error == 0 && (g->error = qmp_receive(&g->qmp, e)) > 0)
		g->error = 0;
	if (g->qmp.state == QMP_READY)
		g->was_ready = true;
	while (on_output(g))
		;
	said_end(&g->said);
	while (console_left(&g->console)) {
		struct pollfd fds[CONSOLE_FDS + 1];
		console_want(&g->console, fds);
		fds[CONSOLE_IN].fd = -1;
		fds[CONSOLE_SOCKET].fd = -1;
		fds[CONSOLE_FDS] = (struct pollfd){ g->signals.fd, POLLIN, 0 };
		/* whoever ended it by force does not want to wait for whoever reads */
		int n = poll(fds, ARRAY_SIZE(fds),
			     g->stage >= STAGE_QUIT ? g->session->quit_ms : -1);
		if (n == 0 || (n < 0 && errno != EINTR))
			break;
		if (fds[CONSOLE_FDS].revents && signals_next(&g->signals))
			break;
		console_move(&g->console, fds);
	}
}

static int verdict(const struct guest *g, int how, int *ret_status, struct err *e)
{
	const char *program = g->said.program, *message = g->said.message;
	const char *colon = *message ? ": " : "";

	if (g->error < 0)
		return g->error;
	if (g->qmp.run_state[0])
		return err_fail(e, -EIO, "%s stopped the guest (%s)%s%s", program, g->qmp.run_state,
				colon, message);
	if (g->stage == STAGE_KILLED && WIFSIGNALED(how))
		return err_fail(e, -ETIMEDOUT, "%s did not end and was killed%s%s", program, colon,
				message);
	if (!g->was_ready && g->stage == STAGE_QUIT)
		return err_fail(e, -EINTR, "%s was ended before the guest ran", program);
	if (WIFSIGNALED(how))
		return err_fail(e, -EIO, "%s was killed by signal %d (%s)%s%s", program,
				WTERMSIG(how), strsignal(WTERMSIG(how)), colon, message);
	*ret_status = WEXITSTATUS(how);
	if (*ret_status == 0)
		return 0;
	if (!g->was_ready)
		return err_fail(e, -EIO, "%s did not start the guest%s%s", program, colon,
				*message ? message : ", and did not say why");
	return err_fail(e, -EIO, "%s ended with status %d%s%s", program, *ret_status, colon,
			message);
}

static int run(struct guest *g, int *ret_status, struct err *e)
{
	int how = 0;

	int error = qmp_open(&g->qmp, g->process.qmp, e);
	if (error == 0) {
		console_open(&g->console, g->session->in, g->session->out, g->process.console);
		error = loop(g, e);
		if (error == 0)
			drain(g, e);
		console_close(&g->console);
	}
	if (error < 0)
		kill(g->process.pid, SIGKILL);
	while (waitpid(g->process.pid, &how, 0) < 0 && errno == EINTR)
		;
	qmp_close(&g->qmp);
	return error < 0 ? error : verdict(g, how, ret_status, e);
}

int vm_run_session(const struct vm_command *command, const struct vm_session *session,
		   int *ret_status, struct err *e)
{
	struct vm_session own = *session;
	struct guest g = { .session = &own, .deadline_ms = NEVER };
	const char *slash = strrchr(command->argv[0], '/');

	/* before a descriptor of ours can get the number of one that is closed */
	if (fcntl(session->out, F_GETFD) < 0)
		return err_usage(e, "the console of a guest needs a standard output");
	if (fcntl(session->in, F_GETFD) < 0)
		own.in = -1;
	g.said.program = slash ? slash + 1 : command->argv[0];
	int error = signals_take(&g.signals, e);
	if (error < 0)
		return error;
	error = vm_spawn(command->argv, &g.signals.mask, &g.process, e);
	if (error == 0) {
		error = run(&g, ret_status, e);
		vm_process_close(&g.process);
	}
	signals_give(&g.signals);
	return error;
}

int vm_run(const struct vm_command *command, int *ret_status, struct err *e)
{
	const struct vm_session session = { STDIN_FILENO, STDOUT_FILENO, POWERDOWN_MS, QUIT_MS };

	return vm_run_session(command, &session, ret_status, e);
}
