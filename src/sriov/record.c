// SPDX-License-Identifier: MIT
// What a run that is killed leaves to be put back: the switch that keeps drivers away from new
// virtual functions. It is written before the first change and removed after the last one, below
// /run, because a reboot takes the virtual functions and the switch with it.

#include "base/text.h"
#include "sriov/internal.h"

#include <errno.h>
#include <jansson.h>

#define DIRECTORY "run/passthru"
#define VERSION 1

static const char *record_path(struct sriov *s)
{
	return arena_printf(&s->host->arena, DIRECTORY "/vfs-%s", s->pf->name);
}

static const char *lock_path(struct sriov *s)
{
	return arena_concat(&s->host->arena, record_path(s), ".lock");
}

void record_unlock(struct sriov *s, int fd)
{
	root_unlock(s->host->root, lock_path(s), fd);
}

int record_lock(struct sriov *s, int *ret_fd, struct err *e)
{
	const char *path = lock_path(s);
	int error = root_mkdir(s->host->root, DIRECTORY, 0755);

	if (error < 0)
		return err_io(e, error, "creating %s", DIRECTORY);
	error = root_lock(s->host->root, path, "", ret_fd);
	if (error == -EWOULDBLOCK)
		return err_refuse(e,
				  "another passthru changes the virtual functions of %s: try again "
				  "when it has ended",
				  s->pf->name);
	return error < 0 ? err_io(e, error, "locking %s", path) : 0;
}

int record_write(struct sriov *s, const struct sriov_record *record, struct err *e)
{
	json_t *object = json_pack("{s:i, s:s?, s:I}", "version", VERSION, "autoprobe",
				   record->autoprobe, "count", (json_int_t)record->count);
	CLEANUP_FREE char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	const char *path = record_path(s);

	json_decref(object);
	if (!text)
		return err_fail(e, -EINVAL, "what sriov_drivers_autoprobe says is no text");
	int error = root_replace(s->host->root, path, text, strlen(text), 0644);
	return error < 0 ? err_io(e, error, "writing %s", path) : 0;
}

bool record_read(struct sriov *s, struct sriov_record *ret)
{
	struct bytes text;

	if (root_read(s->host->root, &s->host->arena, record_path(s), &text) < 0)
		return false;
	json_t *object = json_loadb(text.data, text.n, 0, NULL);
	bool known = json_integer_value(json_object_get(object, "version")) == VERSION;
	if (known) {
		const char *autoprobe = json_string_value(json_object_get(object, "autoprobe"));
		json_int_t count = json_integer_value(json_object_get(object, "count"));

		*ret = (struct sriov_record){
			.autoprobe = autoprobe ? arena_strdup(&s->host->arena, autoprobe) : NULL,
			.count = count > 0 ? (uint64_t)count : 0,
		};
	}
	json_decref(object);
	return known;
}

void record_remove(struct sriov *s)
{
	/* one that stays behind names what the switch is then: putting that back changes nothing */
	(void)!root_remove(s->host->root, record_path(s));
}
