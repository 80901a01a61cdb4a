/* SPDX-License-Identifier: MIT */
/*
 * Holds back every system call of a child, and of what it starts, that changes something, and
 * decides before it is done: it goes on, its process is killed, or it finds the disk full
 * (seccomp_unotify(2)).
 */
#pragma once

/* who has a struct machine already includes nothing */
#ifndef HELD_MACHINE
#include "tests/change/machine.h"
#endif

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* ---- the calls that change something ---- */

static const int changing[] = {
	SYS_write,     SYS_pwrite64, SYS_renameat,  SYS_renameat2, SYS_linkat,       SYS_symlinkat,
	SYS_unlinkat,  SYS_mkdirat,  SYS_fchmod,    SYS_fchmodat,  SYS_fchown,       SYS_fchownat,
	SYS_fsetxattr, SYS_fsync,    SYS_utimensat, SYS_ftruncate, SYS_fremovexattr,
#ifdef SYS_rename
	SYS_rename,    SYS_unlink,   SYS_mkdir,     SYS_rmdir,
#endif
};

/* What a full disk refuses: what needs a new block. */
static const int growing[] = { SYS_write, SYS_pwrite64, SYS_mkdirat, SYS_symlinkat, SYS_openat };

static inline bool is_one_of(const int *list, size_t n, int nr)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i] == nr)
			return true;
	}
	return false;
}

/* All calls of @changing, openat() that makes or empties a file, and what ends a freeze. */
static inline int listen_to_myself(void)
{
	struct sock_filter filter[12 + 2 * ARRAY_SIZE(changing)];
	size_t n = 0;

	filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						   offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < ARRAY_SIZE(changing); i++) {
		filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							   (unsigned)changing[i], 0, 1);
		filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	}
	filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 4);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						   offsetof(struct seccomp_data, args[1]));
	filter[n++] =
		(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)FITHAW, 0, 1);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						   offsetof(struct seccomp_data, args[2]));
	filter[n++] =
		(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_CREAT | O_TRUNC, 0, 1);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { (unsigned short)n, filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			    &program);
}

/* sendmsg() and recvmsg() are not held back. */
static inline void send_fd(int socket, int fd)
{
	char byte = 0;
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec io = { &byte, 1 };
	struct msghdr m = { .msg_iov = &io,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	if (sendmsg(socket, &m, 0) != 1)
		_exit(99);
}

static inline int receive_fd(int socket)
{
	char byte;
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec io = { &byte, 1 };
	struct msghdr m = { .msg_iov = &io,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	int fd = -1;

	if (recvmsg(socket, &m, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&m))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

/* ---- what happens to them ---- */

enum fate {
	FATE_NONE,
	FATE_KILL,     /* the program dies, a generator of it lives on */
	FATE_KILL_ALL, /* all of it dies, as in a power cut */
	FATE_FULL,     /* this call finds no space */
	FATE_FULL_ON,  /* and all after it */
	FATE_NO_LINKS, /* no file gets a second name; killed when @at is not 0 */
	FATE_FROZEN,   /* the program dies before it thaws a file system that it has frozen */
};

struct trial {
	enum fate fate;
	unsigned at; /* from 1 */
	unsigned n;  /* how many there were */
	bool killed;
	unsigned refused; /* second names */
	int status;
};

#define EXIT_WORKED 40
#define EXIT_FAILED 41
#define EXIT_NO_SECCOMP 42

static inline void answer(int listener, const struct seccomp_notif *call, int error)
{
	struct seccomp_notif_resp response = {
		.id = call->id,
		.error = error,
		.flags = error ? 0 : SECCOMP_USER_NOTIF_FLAG_CONTINUE,
	};

	/* ENOENT: who made the call is gone */
	(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

static inline void judge(struct trial *trial, pid_t pid, int listener,
			 const struct seccomp_notif *call)
{
	bool now = ++trial->n == trial->at;
	bool full = (trial->fate == FATE_FULL && now) ||
		    (trial->fate == FATE_FULL_ON && trial->n >= trial->at);

	if (trial->fate == FATE_FROZEN)
		now = call->data.nr == SYS_ioctl && !trial->killed;
	if (now && trial->fate != FATE_FULL && trial->fate != FATE_FULL_ON) {
		kill(pid, SIGKILL);
		trial->killed = true;
	}
	if (now && trial->fate == FATE_FROZEN)
		return; /* an answer could still come before the end, and the call be done */
	if (trial->fate == FATE_NO_LINKS && call->data.nr == SYS_linkat && !trial->killed) {
		trial->refused++;
		answer(listener, call, -EPERM);
		return;
	}
	if (trial->killed && trial->fate != FATE_KILL && trial->fate != FATE_FROZEN) {
		kill((pid_t)call->pid, SIGKILL);
		answer(listener, call, -EIO);
		return;
	}
	answer(listener, call,
	       full && is_one_of(growing, ARRAY_SIZE(growing), call->data.nr) ? -ENOSPC : 0);
}

/* Until nobody is left who could make a call. */
static inline void supervise(struct trial *trial, pid_t pid, int listener)
{
	for (;;) {
		struct pollfd wanted = { .fd = listener, .events = POLLIN };
		struct seccomp_notif call = { 0 };

		if (poll(&wanted, 1, -1) < 0 || !(wanted.revents & POLLIN))
			break;
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) == 0)
			judge(trial, pid, listener, &call);
	}
}

static inline void run(struct machine *m, int (*what)(struct machine *), struct trial *trial)
{
	int pair[2];

	trial->n = 0;
	trial->refused = 0;
	trial->killed = false;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int listener = listen_to_myself();
		if (listener < 0)
			_exit(EXIT_NO_SECCOMP);
		send_fd(pair[1], listener);
		close(listener);
		_exit(what(m) == 0 ? EXIT_WORKED : EXIT_FAILED);
	}
	close(pair[1]);
	int listener = receive_fd(pair[0]);
	close(pair[0]);
	if (listener >= 0) {
		supervise(trial, pid, listener);
		close(listener);
	}
	assert_int_equal(waitpid(pid, &trial->status, 0), pid);
	while (waitpid(-1, NULL, 0) > 0)
		; /* generators that outlived it are ours now */
}

static inline bool ended_with(const struct trial *trial, int status)
{
	return WIFEXITED(trial->status) && WEXITSTATUS(trial->status) == status;
}
