// SPDX-License-Identifier: MIT
// The SSH session that this program runs in, whatever port its server listens on: the sockets of
// the servers among its ancestors, which stand as "socket:[inode]" in proc/<pid>/fd and with the
// same number in proc/net/tcp (sockfs_dname() in net/socket.c). A terminal multiplexer or a
// detached process has lost its ancestors; for those the usual port has to do.

#include "base/text.h"
#include "host/host.h"
#include "host/use_internal.h"

#include <stdio.h>
#include <string.h>

#define ANCESTORS_MAX 32

static bool is_server(const char *command)
{
	return str_starts(command, "sshd") || str_eq(command, "dropbear");
}

/* "812 (sshd-session) S 700 ...": the name may hold anything. */
static bool parse_stat(struct arena *a, struct bytes text, const char **ret_command,
		       unsigned *ret_parent)
{
	const char *begin = strchr(text.data, '('), *end = strrchr(text.data, ')');

	if (!begin || !end || end < begin)
		return false;
	*ret_command = arena_strndup(a, begin + 1, (size_t)(end - begin) - 1);
	return sscanf(end, ") %*c %u", ret_parent) == 1;
}

static void add_sockets(struct host *host, const char *pid, struct session *ret)
{
	struct arena *a = &host->arena;
	const char *directory = arena_printf(a, "proc/%s/fd", pid), *target;
	struct names fds;

	if (root_list(host->root, a, directory, &fds) < 0)
		return;
	for (size_t i = 0; i < fds.n && ret->n < ARRAY_SIZE(ret->inode); i++) {
		unsigned long inode;

		if (root_link(host->root, a, arena_printf(a, "%s/%s", directory, fds.name[i]),
			      &target) == 0 &&
		    sscanf(target, "socket:[%lu]", &inode) == 1)
			ret->inode[ret->n++] = inode;
	}
}

void use_read_session(struct host *host, struct session *ret)
{
	struct arena *a = &host->arena;
	const char *pid = "self", *command;
	struct bytes text;
	unsigned parent;

	*ret = (struct session){ 0 };
	for (int i = 0; i < ANCESTORS_MAX; i++) {
		if (root_read(host->root, a, arena_printf(a, "proc/%s/stat", pid), &text) < 0 ||
		    !parse_stat(a, text, &command, &parent))
			return;
		if (is_server(command))
			add_sockets(host, pid, ret);
		if (parent <= 1)
			return;
		pid = arena_printf(a, "%u", parent);
	}
}

bool use_is_session(const struct session *session, unsigned long inode)
{
	for (size_t i = 0; i < session->n; i++) {
		if (session->inode[i] == inode)
			return true;
	}
	return false;
}
