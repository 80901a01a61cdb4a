/* SPDX-License-Identifier: MIT */
/* What the files of this folder, and its unit tests, share. */
#pragma once

#include "vm/vm.h"

#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <sys/types.h>
#include <termios.h>

/* argv.c: an argument vector that grows */

struct vm_argv {
	struct arena *arena;
	char **word;
	size_t n, size;
};

void vm_argv_add(struct vm_argv *v, const char *word);
/* @option and @object as JSON; takes over @object. @what names it when it is NULL: not UTF-8. */
MUST_CHECK int vm_argv_add_json(struct vm_argv *v, const char *option, json_t *object,
				const char *what, struct err *e);

/* slots.c: the PCI topology */

/* Slots 0x1 to 0x1e of pcie.0, eight root ports in each. */
#define VM_PORTS_MAX 240

/* The root ports that the slots and disks of @config need, and the functions behind them. */
MUST_CHECK int vm_slots_add(struct vm_argv *v, const struct vm_config *config,
			    size_t *ret_first_disk_port, struct err *e);

/* disk.c */

/* -EINVAL or another error with a sentence unless @path is a file that can be read. */
MUST_CHECK int vm_file_check(const char *what, const char *path, struct err *e);
/* Disk @index on root port @port. */
MUST_CHECK int vm_disk_add(struct vm_argv *v, const char *path, size_t index, size_t port,
			   struct err *e);

/* spawn.c: the process */

struct vm_process {
	pid_t pid;
	int pidfd; /* readable when it has ended */
	int qmp;   /* our ends of its two sockets */
	int console;
	int output; /* what it prints on its standard output and error */
};

/* Signals are unblocked as in @mask, and it ends when this process does. */
MUST_CHECK int vm_spawn(char *const *argv, const sigset_t *mask, struct vm_process *ret,
			struct err *e);
void vm_process_close(struct vm_process *p);

/* said.c: the last message among what a program prints */

#define SAID_MAX 400

struct said {
	const char *program; /* "qemu-system-x86_64": begins its messages */
	char line[SAID_MAX]; /* the line that is not finished */
	size_t n;
	char message[SAID_MAX]; /* printable, "" when there was none */
	bool ours;              /* the message began with the program's name */
};

void said_add(struct said *s, const char *data, size_t n);
void said_end(struct said *s);

/* qmp.c */

/* The longest message accepted. */
#define QMP_MESSAGE_MAX ((size_t)256 * 1024)

enum qmp_state {
	QMP_GREETING,    /* waiting for it */
	QMP_NEGOTIATING, /* qmp_capabilities sent */
	QMP_READY,
	QMP_CLOSED,
};

struct qmp {
	int fd;
	enum qmp_state state;
	bool shutting_down; /* event SHUTDOWN: QEMU is about to end */
	char run_state[32]; /* why the guest stopped ("io-error"); "" while it runs */
	char *buffer;
	size_t n;
};

MUST_CHECK int qmp_open(struct qmp *q, int fd, struct err *e);
/*
 * Takes what has arrived, without blocking: the number of bytes, 0 when there was nothing or the
 * other side has closed. -EPROTO: not QMP, or too long; it is closed then.
 */
MUST_CHECK int qmp_receive(struct qmp *q, struct err *e);
/* Sends a command without arguments; false when it cannot be sent. */
bool qmp_execute(struct qmp *q, const char *command);
/* Frees; the descriptor stays with its owner. */
void qmp_close(struct qmp *q);

/* console.c */

#define CONSOLE_CHUNK 4096

struct console_flow {
	char data[CONSOLE_CHUNK];
	size_t at, n; /* what is left: n bytes from at */
};

struct console {
	int in, out, socket; /* -1 once it has ended */
	int terminal;        /* in, when it is one; else -1 */
	int own_out;         /* out opened again, so that it may be non-blocking; else -1 */
	struct termios saved;
	struct console_flow to_guest, from_guest;
};

enum { CONSOLE_IN, CONSOLE_OUT, CONSOLE_SOCKET, CONSOLE_FDS };

void console_open(struct console *c, int in, int out, int socket);
/* Makes the terminal raw; again after the process was stopped and continued. */
void console_raw(struct console *c);
/* What to wait for. */
void console_want(const struct console *c, struct pollfd fds[CONSOLE_FDS]);
/* Moves what can be moved. */
void console_move(struct console *c, const struct pollfd fds[CONSOLE_FDS]);
/* The guest has ended: true while output of it is left that somebody reads. */
bool console_left(struct console *c);
/* Restores the terminal. */
void console_close(struct console *c);

/* run.c: vm_run() with what a test changes */

struct vm_session {
	int in, out;
	int powerdown_ms; /* from asking the guest to quitting QEMU */
	int quit_ms;      /* from there to killing it */
};

MUST_CHECK int vm_run_session(const struct vm_command *command, const struct vm_session *session,
			      int *ret_status, struct err *e);
