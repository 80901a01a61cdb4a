// SPDX-License-Identifier: MIT
// A lock for each function, so that two handovers of different devices do not disturb each other.
// All locks of a handover are taken in the order of the addresses and none is waited for: two
// handovers of overlapping devices cannot wait for one another, one wins and the other is refused.
//
// flock(2): the lock goes with the last descriptor, so it does not outlive its processes, and a
// file that a killed one left locks nothing. A child that is stuck in a write has the descriptors
// too (base/writer.c): its function stays locked until the kernel comes back.

#include "base/text.h"
#include "handover/internal.h"
#include "handover/owner.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define DIRECTORY "run/passthru"

/* How long the child of a process that was killed may take to see that and go. */
#define CHILD_GOES_MS 1000
#define LOOK_AGAIN_MS 10

/* ---- who hands over ---- */

/* Field @n of proc/<pid>/stat, from 3 on: the name in brackets before may hold anything. */
static const char *stat_field(struct host *host, const char *pid, int n)
{
	struct arena *a = &host->arena;
	struct bytes data;

	if (root_read(host->root, a, arena_printf(a, "proc/%s/stat", pid), &data) < 0)
		return NULL;
	const char *text = strrchr(text_trimmed(a, data), ')'), *word = NULL;
	if (!text)
		return NULL;
	text++;
	for (int i = 3; i <= n; i++)
		word = text_next_word(a, &text);
	return word;
}

struct owner owner_self(struct host *host)
{
	struct arena *a = &host->arena;
	struct owner owner = { .command = "passthru" };
	struct bytes data;

	if (root_read(host->root, a, "proc/self/stat", &data) == 0) {
		const char *text = text_trimmed(a, data);
		owner.pid = text_next_word(a, &text);
		owner.started = stat_field(host, "self", 22);
	}
	if (root_read(host->root, a, "proc/self/cmdline", &data) == 0 && data.n > 0) {
		char *words = arena_memdup(a, data.data, data.n);
		for (size_t i = 0; i + 1 < data.n; i++) {
			if (!words[i])
				words[i] = ' ';
		}
		owner.command = words;
	}
	return owner;
}

bool owner_is_alive(struct host *host, const struct owner *owner)
{
	if (!owner->pid || !owner->started)
		return false;
	const char *started = stat_field(host, owner->pid, 22);
	const char *state = started ? stat_field(host, owner->pid, 3) : NULL;

	return state && str_eq(started, owner->started) && *state != 'Z' && *state != 'X';
}

static const char *member(struct host *host, json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? arena_strdup(&host->arena, value) : NULL;
}

struct owner owner_from_json(struct host *host, json_t *object)
{
	return (struct owner){ .pid = member(host, object, "pid"),
			       .started = member(host, object, "started"),
			       .command = member(host, object, "command") };
}

json_t *owner_to_json(const struct owner *owner)
{
	return json_pack("{s:s?, s:s?, s:s?}", "pid", owner->pid, "started", owner->started,
			 "command", owner->command);
}

/* ---- locks ---- */

static struct owner read_owner(struct host *host, const char *path)
{
	struct bytes text;

	if (root_read(host->root, &host->arena, path, &text) < 0)
		return (struct owner){ 0 };
	json_t *object = json_loadb(text.data, text.n, 0, NULL);
	struct owner owner = owner_from_json(host, object);
	json_decref(object);
	return owner;
}

static int refuse(struct host *host, const struct pci_function *f, const char *path, struct err *e)
{
	struct owner owner = read_owner(host, path);

	if (!owner.pid)
		return err_refuse(e, "%s is being handed over by another process: try again later",
				  f->name);
	if (owner_is_alive(host, &owner))
		return err_refuse(e,
				  "%s is being handed over by %s (pid %s): wait for it to end and "
				  "try again",
				  f->name, owner.command ? owner.command : "passthru", owner.pid);
	return err_refuse(e,
			  "%s is locked by a write of %s (pid %s), which has ended, that the "
			  "kernel has not come back from: nothing can be done to it until it has",
			  f->name, owner.command ? owner.command : "passthru", owner.pid);
}

static int take(struct host *host, const char *path, const char *text, unsigned limit_ms,
		int *ret_fd)
{
	const struct timespec pause = { .tv_nsec = LOOK_AGAIN_MS * 1000000L };
	int error = root_lock(host->root, path, text, ret_fd);

	if (error == -ENOENT) {
		error = root_mkdir(host->root, DIRECTORY, 0755);
		if (error == 0)
			error = root_lock(host->root, path, text, ret_fd);
	}
	if (error != -EWOULDBLOCK)
		return error;
	/* a process that was killed: its child may not have seen it yet */
	struct owner owner = read_owner(host, path);
	if (!owner.pid || owner_is_alive(host, &owner))
		return error;
	for (unsigned ms = 0; ms < limit_ms && error == -EWOULDBLOCK; ms += LOOK_AGAIN_MS) {
		nanosleep(&pause, NULL);
		error = root_lock(host->root, path, text, ret_fd);
	}
	return error;
}

static int take_one(struct locks *locks, struct handover_function *f, const char *text,
		    unsigned limit_ms, struct err *e)
{
	struct host *host = locks->host;
	const char *name = f->function->name;
	const char *path = arena_printf(&host->arena, DIRECTORY "/%s.lock", name);
	int fd;
	int error = take(host, path, text, limit_ms, &fd);

	if (error == -EWOULDBLOCK)
		return refuse(host, f->function, path, e);
	if (error < 0)
		return err_io(e, error, "locking %s", path);
	locks->path[locks->n] = path;
	locks->fd[locks->n] = fd;
	locks->function[locks->n++] = f;
	/* what a run that was killed left while it wrote the record; seldom there */
	(void)!root_remove(host->root, arena_printf(&host->arena, DIRECTORY "/.%s.new", name));
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const struct handover_function *const *left = a, *const *right = b;

	return pci_address_compare((*left)->function->address, (*right)->function->address);
}

int locks_take(struct host *host, struct handover *handover, struct locks *ret, struct err *e)
{
	struct arena *a = &host->arena;
	struct owner owner = owner_self(host);
	struct handover_function **sorted =
		arena_array(a, handover->n, sizeof(struct handover_function *));
	unsigned limit_ms = handover->limit_ms && handover->limit_ms < CHILD_GOES_MS
				    ? handover->limit_ms
				    : CHILD_GOES_MS;
	int error = 0;

	*ret = (struct locks){ .host = host,
			       .path = arena_array(a, handover->n, sizeof(*ret->path)),
			       .fd = arena_array(a, handover->n, sizeof(*ret->fd)),
			       .function = arena_array(a, handover->n,
						       sizeof(struct handover_function *)) };
	for (size_t i = 0; i < handover->n; i++)
		sorted[i] = &handover->functions[i];
	qsort(sorted, handover->n, sizeof(struct handover_function *), by_address);
	json_t *object = owner_to_json(&owner);
	CLEANUP_FREE char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	json_decref(object);
	for (size_t i = 0; i < handover->n && error == 0; i++)
		error = take_one(ret, sorted[i], text ? text : "", limit_ms, e);
	if (error < 0)
		locks_drop(ret);
	return error;
}

void locks_drop(struct locks *locks)
{
	while (locks->n > 0) {
		size_t i = --locks->n;

		if (locks->function[i]->wait)
			close(locks->fd[i]);
		else
			root_unlock(locks->host->root, locks->path[i], locks->fd[i]);
	}
}

int handover_check_free(struct host *host, const struct handover *handover, struct err *e)
{
	for (size_t i = 0; i < handover->n; i++) {
		struct handover one = { .functions = &handover->functions[i],
					.n = 1,
					.limit_ms = handover->limit_ms };
		const char *path = arena_printf(&host->arena, DIRECTORY "/%s.lock",
						one.functions->function->name);
		struct err held = { 0 };
		struct locks locks;
		struct bytes text;

		if (root_read(host->root, &host->arena, path, &text) < 0)
			continue;
		int error = locks_take(host, &one, &locks, &held);
		if (error == 0)
			locks_drop(&locks);
		if (held.kind == ERR_REFUSED)
			return err_refuse(e, "%s", held.text);
	}
	return 0;
}
