// SPDX-License-Identifier: MIT
// What a function was before it was handed over. It is written before the first change and removed
// after the last one of its release, so that a run that was killed leaves enough to go back. It
// lives under /run: a reboot undoes the handover, and this record with it.
//
// Version 1 had the driver and the override only. A record of a version that is not known counts as
// none: the function then goes back as one that somebody else has reserved.

#include "base/text.h"
#include "handover/internal.h"
#include "handover/owner.h"

#include <errno.h>
#include <string.h>

#define DIRECTORY "run/passthru"
#define VERSION 2

static const char *record_path(struct host *host, const struct pci_function *f)
{
	return arena_printf(&host->arena, DIRECTORY "/%s", f->name);
}

/* ---- writing ---- */

static json_t *settings_to_json(const struct record *record)
{
	json_t *object = json_object();

	for (size_t i = 0; i < record->n_settings; i++)
		(void)json_object_set_new(object, record->settings[i].name,
					  json_string(record->settings[i].before));
	return object;
}

static json_t *units_to_json(const struct record *record)
{
	json_t *array = json_array();

	for (size_t i = 0; i < record->n_units; i++)
		(void)json_array_append_new(array, json_string(record->units[i]));
	return array;
}

int journal_write(struct host *host, const struct pci_function *f, const struct record *record,
		  struct err *e)
{
	json_t *object = json_pack(
		"{s:i, s:o, s:s?, s:s?, s:s?, s:o, s:o, s:s?}", "version", VERSION, "owner",
		owner_to_json(&record->owner), "driver", record->driver, "driver_override",
		record->override, "driver_wanted", record->wanted, "settings",
		settings_to_json(record), "units", units_to_json(record), "timer", record->timer);
	CLEANUP_FREE char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	json_decref(object);
	if (!text)
		return err_fail(e, -EINVAL, "the driver of %s has a name that is no text", f->name);
	const char *path = record_path(host, f);
	int error = root_replace(host->root, path, text, strlen(text), 0644);
	if (error < 0)
		return err_io(e, error, "writing %s", path);
	return 0;
}

/* ---- reading ---- */

static const char *recorded(struct host *host, json_t *record, const char *key)
{
	const char *value = json_string_value(json_object_get(record, key));

	return value ? arena_strdup(&host->arena, value) : NULL;
}

static void read_settings(struct host *host, json_t *settings, struct record *ret)
{
	const char *name;
	json_t *value;

	ret->settings =
		arena_array(&host->arena, json_object_size(settings), sizeof(*ret->settings));
	json_object_foreach(settings, name, value)
	{
		if (json_is_string(value))
			ret->settings[ret->n_settings++] = (struct handover_setting){
				.name = arena_strdup(&host->arena, name),
				.before = arena_strdup(&host->arena, json_string_value(value)),
			};
	}
}

static void read_units(struct host *host, json_t *units, struct record *ret)
{
	const char **unit = arena_array(&host->arena, json_array_size(units), sizeof(*unit));
	size_t i;
	json_t *value;

	json_array_foreach(units, i, value)
	{
		if (json_is_string(value))
			unit[ret->n_units++] = arena_strdup(&host->arena, json_string_value(value));
	}
	ret->units = unit;
}

static bool read_record(struct host *host, const char *path, struct record *ret)
{
	struct bytes text;

	*ret = (struct record){ 0 };
	if (root_read(host->root, &host->arena, path, &text) < 0)
		return false;
	json_t *record = json_loadb(text.data, text.n, 0, NULL);
	json_int_t version = json_integer_value(json_object_get(record, "version"));
	bool known = version == 1 || version == VERSION;
	if (known) {
		ret->driver = recorded(host, record, "driver");
		ret->override = recorded(host, record, "driver_override");
	}
	if (version == VERSION) {
		ret->owner = owner_from_json(host, json_object_get(record, "owner"));
		ret->wanted = recorded(host, record, "driver_wanted");
		ret->timer = recorded(host, record, "timer");
		read_settings(host, json_object_get(record, "settings"), ret);
		read_units(host, json_object_get(record, "units"), ret);
	}
	json_decref(record);
	return known;
}

bool journal_read(struct host *host, const struct pci_function *f, struct record *ret)
{
	return read_record(host, record_path(host, f), ret);
}

void journal_forget(struct host *host, const struct pci_function *f)
{
	/* one that stays behind counts only for a function that bears the marks of a handover */
	(void)!root_remove(host->root, record_path(host, f));
}

int journal_list(struct host *host, struct names *ret, struct err *e)
{
	struct pci_address address;
	struct names all;
	int error = root_list(host->root, &host->arena, DIRECTORY, &all);

	*ret = (struct names){ 0 };
	if (error == -ENOENT)
		return 0;
	if (error < 0)
		return err_io(e, error, "listing %s", DIRECTORY);
	const char **name = arena_array(&host->arena, all.n, sizeof(*name));
	for (size_t i = 0; i < all.n; i++) {
		if (pci_address_parse(all.name[i], &address))
			name[ret->n++] = all.name[i];
	}
	ret->name = name;
	return 0;
}

bool journal_read_name(struct host *host, const char *name, struct record *ret)
{
	return read_record(host, arena_printf(&host->arena, DIRECTORY "/%s", name), ret);
}

void handover_past(struct host *host, const struct pci_function *f, struct handover_past *ret)
{
	struct record record;

	*ret = (struct handover_past){ .recorded = journal_read(host, f, &record) };
	if (!ret->recorded)
		return;
	ret->driver = record.driver;
	ret->override = record.override;
	ret->command = record.owner.command;
	ret->pid = record.owner.pid;
}
