// SPDX-License-Identifier: MIT
// What a function was before it was handed over. It is written before the first change and removed
// after the last one of its release, so that a run that was killed leaves enough to go back. It
// lives under /run: a reboot undoes the handover, and this record with it.

#include "base/text.h"
#include "handover/internal.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#define DIRECTORY "run/passthru"
#define LOCK DIRECTORY "/lock"
#define VERSION 1

static const char *record_path(struct host *host, const struct pci_function *f)
{
	return arena_printf(&host->arena, DIRECTORY "/%s", f->name);
}

int journal_lock(struct host *host, struct err *e)
{
	int fd;
	int error = root_mkdir(host->root, DIRECTORY, 0755);

	if (error < 0)
		return err_io(e, error, "creating %s", DIRECTORY);
	error = root_lock(host->root, LOCK, &fd);
	if (error == -EWOULDBLOCK)
		return err_fail(e, error, "another passthru is handing devices over: try again");
	if (error < 0)
		return err_io(e, error, "locking %s", LOCK);
	return fd;
}

int journal_record(struct host *host, const struct handover_function *f, struct err *e)
{
	json_t *record = json_pack("{s:i, s:s?, s:s?}", "version", VERSION, "driver",
				   f->driver_before, "driver_override", f->override_before);
	CLEANUP_FREE char *text = record ? json_dumps(record, JSON_COMPACT) : NULL;

	json_decref(record);
	if (!text)
		return err_fail(e, -EINVAL, "the driver of %s has a name that is no text",
				f->function->name);
	const char *path = record_path(host, f->function);
	int error = root_replace(host->root, path, text, strlen(text), 0644);
	if (error < 0)
		return err_io(e, error, "writing %s", path);
	return 0;
}

static const char *recorded(struct host *host, json_t *record, const char *key)
{
	const char *value = json_string_value(json_object_get(record, key));

	return value ? arena_strdup(&host->arena, value) : NULL;
}

bool journal_recall(struct host *host, const struct pci_function *f, const char **ret_driver,
		    const char **ret_override)
{
	struct bytes text;

	if (root_read(host->root, &host->arena, record_path(host, f), &text) < 0)
		return false;
	json_t *record = json_loadb(text.data, text.n, 0, NULL);
	bool known = json_integer_value(json_object_get(record, "version")) == VERSION;
	if (known) {
		*ret_driver = recorded(host, record, "driver");
		*ret_override = recorded(host, record, "driver_override");
	}
	json_decref(record);
	return known;
}

void journal_forget(struct host *host, const struct pci_function *f)
{
	/* one that stays behind counts only for a function that bears the marks of a handover */
	(void)!root_remove(host->root, record_path(host, f));
}
