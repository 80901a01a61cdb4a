// SPDX-License-Identifier: MIT
// The session of a process that changes the host, and undoing. A session begins with what a killed
// one left: an apply is taken back, an undo completed, before anybody reads the host to make a
// plan.

#include "base/text.h"
#include "change/engine.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define LOCK CHANGE_HOME "/lock"

/* ---- undoing ---- */

/* From "undoing" to "undone"; can be begun again after any kill. */
static int complete(struct change *change, const struct way_back *way,
		    const struct change_undo_how *how, int lock_fd, struct err *e)
{
	int error = back_go(change, way, how, lock_fd, e);

	if (error == 0) {
		change->state = CHANGE_UNDONE;
		error = journal_save(change, e);
	}
	if (error < 0)
		return err_wrap(e, error,
				"change %u is undone in part, and what changes this host next "
				"completes that",
				change->number);
	return store_empty(change, e);
}

static int undo(struct change *change, const struct change_undo_how *how, int lock_fd,
		struct err *e)
{
	struct way_back way;
	int error = back_decide(change, false, how && how->keep_changed, &way, e);

	if (error == 0)
		error = back_check(change, &way, e);
	if (error < 0)
		return error;
	for (size_t i = 0; i < change->n; i++)
		change->entries[i].kept = way.ways[i] == WAY_KEEP;
	change->state = CHANGE_UNDOING;
	error = journal_save(change, e);
	return error < 0 ? error : complete(change, &way, how, lock_fd, e);
}

static bool is_in_force(const struct change *change)
{
	return change->state == CHANGE_APPLIED || change->state == CHANGE_CONFIRMED;
}

static const char *common_path(const struct change *a, const struct change *b)
{
	for (size_t i = 0; i < a->n; i++) {
		for (size_t k = 0; !a->entries[i].directory && k < b->n; k++) {
			if (!b->entries[k].directory &&
			    str_eq(a->entries[i].path, b->entries[k].path))
				return a->entries[i].path;
		}
	}
	return NULL;
}

static int load(struct host *host, unsigned number, struct change *ret, struct err *e)
{
	int error = journal_load(host, number, ret, e);

	return error == -ENOENT ? err_refuse(e, "there is no change %u", number) : error;
}

static bool is_one_of(const unsigned *numbers, size_t n, unsigned number)
{
	for (size_t i = 0; i < n; i++) {
		if (numbers[i] == number)
			return true;
	}
	return false;
}

/* The change @number, 0 for the last in force. @gone: changes that are undone before it. */
static int choose(struct host *host, unsigned number, const unsigned *gone, size_t n_gone,
		  struct change *ret, struct err *e)
{
	struct change later;
	unsigned *numbers;
	size_t n;
	int error = store_numbers(host, &numbers, &n, e);

	while (error == 0 && number == 0 && n > 0) {
		error = journal_load(host, numbers[--n], ret, e);
		if (error == 0 && is_in_force(ret))
			return 0;
	}
	if (error < 0)
		return error;
	if (number == 0)
		return err_refuse(e, "there is no change to undo");
	error = load(host, number, ret, e);
	if (error == 0 && ret->state == CHANGE_UNDONE)
		error = err_refuse(e, "change %u was undone before", number);
	for (size_t i = 0; error == 0 && i < n; i++) {
		if (numbers[i] <= number || is_one_of(gone, n_gone, numbers[i]))
			continue;
		error = journal_load(host, numbers[i], &later, e);
		if (error < 0 || !is_in_force(&later))
			continue;
		const char *path = common_path(ret, &later);
		if (later.continues == number)
			error = err_refuse(
				e, "change %u (%s) goes on with change %u: undo that one first",
				numbers[i], later.title, number);
		else if (path)
			error = err_refuse(e,
					   "change %u came after change %u and touched %s too: "
					   "undo that one first",
					   numbers[i], number, path);
	}
	return error;
}

int change_undo(struct change_session *session, unsigned number, const struct change_undo_how *how,
		unsigned *ret_number, struct err *e)
{
	struct change change;
	int error = choose(session->host, number, NULL, 0, &change, e);

	if (error < 0)
		return error;
	*ret_number = change.number;
	return undo(&change, how, session->lock_fd, e);
}

/* What one that is undone before it has touched as well is then as this one has left it. */
static void leave_overtaken(const struct change *change, const struct change *before,
			    struct way_back *way)
{
	for (size_t i = 0; i < change->n; i++) {
		const struct entry *other = entry_find(before, change->entries[i].path);

		if (other && !other->directory)
			way->ways[i] = WAY_NONE;
	}
}

int change_undo_check(struct change_session *session, const unsigned *numbers, size_t n,
		      const struct change_undo_how *how, struct err *e)
{
	struct host *host = session->host;
	struct change *changes = arena_array(&host->arena, n, sizeof(*changes));
	int error = 0;

	for (size_t i = 0; error == 0 && i < n; i++) {
		struct way_back way;

		error = choose(host, numbers[i], numbers, i, &changes[i], e);
		if (error == 0)
			error = back_decide(&changes[i], false, how && how->keep_changed, &way, e);
		for (size_t k = 0; error == 0 && k < i; k++)
			leave_overtaken(&changes[i], &changes[k], &way);
		if (error == 0)
			error = back_check(&changes[i], &way, e);
	}
	return error;
}

int change_confirm(struct change_session *session, unsigned number, struct err *e)
{
	struct change change;
	int error = load(session->host, number, &change, e);

	if (error < 0)
		return error;
	if (!is_in_force(&change))
		return err_refuse(e, "change %u was undone", number);
	change.state = CHANGE_CONFIRMED;
	return journal_save(&change, e);
}

/* ---- the session ---- */

static int recover_one(struct change_session *session, struct change *change,
		       const struct change_undo_how *how, struct err *e)
{
	struct way_back way;
	int error = back_decide(change, false, how && how->keep_changed, &way, e);

	if (error == 0)
		error = back_check(change, &way, e);
	if (error < 0)
		return error;
	if (change->state == CHANGE_UNDOING)
		return complete(change, &way, how, session->lock_fd, e);
	error = back_go(change, &way, how, session->lock_fd, e);
	return error < 0 ? error : store_drop(change, e);
}

static int recover(struct change_session *session, const struct change_undo_how *how, struct err *e)
{
	struct host *host = session->host;
	unsigned *numbers;
	size_t n;
	int error = store_sweep(host, e);

	if (error == 0)
		error = store_numbers(host, &numbers, &n, e);
	if (error < 0)
		return error;
	session->recovered.name = arena_array(&host->arena, n, sizeof(*session->recovered.name));
	/* there is one at most; but the last first, should there be more */
	for (size_t i = n; i-- > 0;) {
		struct change change;

		error = journal_load(host, numbers[i], &change, e);
		if (error < 0)
			return err_wrap(e, error,
					"whether change %u is whole cannot be told (when the host "
					"is as you want it, move " CHANGE_DIRECTORY "/%u away)",
					numbers[i], numbers[i]);
		bool undoing = change.state == CHANGE_UNDOING;
		if (!undoing && change.state != CHANGE_APPLYING)
			continue;
		error = recover_one(session, &change, how, e);
		if (error < 0)
			return err_wrap(e, error, "change %u (%s) was interrupted", numbers[i],
					change.title);
		session->recovered_number = numbers[i];
		session->recovered.name[session->recovered.n++] = arena_printf(
			&host->arena, "change %u (%s) was interrupted, and is %s", numbers[i],
			change.title, undoing ? "undone now" : "taken back");
	}
	return 0;
}

static int take_lock(struct host *host, int *ret_fd, struct err *e)
{
	const char *text = arena_printf(&host->arena, "%d\n", (int)getpid());
	int error = root_lock(host->root, LOCK, text, ret_fd);

	if (error == -EWOULDBLOCK)
		return err_refuse(e, "another passthru is changing this host, or a command that "
				     "one started is still at work: try again when it has ended");
	return error < 0 ? err_io(e, error, "locking %s", LOCK) : 0;
}

int change_open(struct host *host, const struct change_undo_how *how, struct change_session *ret,
		struct err *e)
{
	*ret = (struct change_session){ .host = host, .lock_fd = -1 };
	generator_hold_signals(&ret->signals);
	if (!host->root->ops->open)
		return err_refuse(e, "this is a record of a host: it cannot be changed");
	int error = store_make(host, e);
	if (error == 0)
		error = take_lock(host, &ret->lock_fd, e);
	return error < 0 ? error : recover(ret, how, e);
}

void change_close(struct change_session *session)
{
	if (session->lock_fd >= 0)
		root_unlock(session->host->root, LOCK, session->lock_fd);
	session->lock_fd = -1;
	sigprocmask(SIG_SETMASK, &session->signals, NULL);
}
