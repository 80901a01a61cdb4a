// SPDX-License-Identifier: MIT
// The journal of a change: var/lib/passthru/changes/<N>/journal.json, beside files/<i>, what was
// there, and files/<i>.after, what was left. It is replaced whole, so it is never torn by us; one
// that is torn, or not ours, is refused, because what it says decides which files are overwritten
// and which commands are run.

#include "base/text.h"
#include "change/engine.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT "passthru-change"
/* 2: with files that commands make beside the ones that they are to be; 1 is read too */
#define VERSION 2
#define JOURNAL_MAX ((size_t)16 * 1024 * 1024)
#define ENTRIES_MAX 10000
#define WORDS_MAX 1000

static const char *const states[] = {
	[CHANGE_APPLYING] = "applying",   [CHANGE_APPLIED] = "applied",
	[CHANGE_CONFIRMED] = "confirmed", [CHANGE_UNDOING] = "undoing",
	[CHANGE_UNDONE] = "undone",
};

static const char *const saved_names[] = {
	[SAVED_NONE] = "none",
	[SAVED_NAME] = "name",
	[SAVED_COPY] = "copy",
};

const char *journal_directory(struct host *host, unsigned number)
{
	return arena_printf(&host->arena, CHANGE_DIRECTORY "/%u", number);
}

int64_t journal_now_s(void)
{
	return time(NULL);
}

const char *journal_boot(struct host *host)
{
	struct bytes data;

	if (root_read(host->root, &host->arena, "proc/sys/kernel/random/boot_id", &data) < 0)
		return "";
	return text_trimmed(&host->arena, data);
}

int64_t journal_boot_began_s(struct host *host)
{
	const size_t max_bytes =
		(size_t)4 * 1024 * 1024; /* a line for each interrupt and processor */
	struct bytes data;
	uint64_t value;

	if (root_read_max(host->root, &host->arena, "proc/stat", max_bytes, &data) < 0)
		return 0;
	const char *found = strstr(data.data, "\nbtime ");
	if (!found)
		return 0;
	found += strlen("\nbtime ");
	const char *text = arena_strndup(&host->arena, found, strcspn(found, "\n"));
	return text_number(text, 10, INT64_MAX, &value) == 0 ? (int64_t)value : 0;
}

/* ---- writing ---- */

static json_t *words_to_json(const char *const *words)
{
	json_t *array = json_array();

	for (; words && *words; words++)
		(void)json_array_append_new(array, json_string(*words));
	return array;
}

static json_t *names_to_json(const struct names *names)
{
	json_t *array = json_array();

	for (size_t i = 0; i < names->n; i++)
		(void)json_array_append_new(array, json_string(names->name[i]));
	return array;
}

static json_t *backs_to_json(const struct change *change)
{
	json_t *array = json_array();

	for (size_t i = 0; i < change->n_backs; i++)
		(void)json_array_append_new(array, words_to_json(change->backs[i]));
	return array;
}

static json_t *variable_to_json(const struct step_variable *v)
{
	return json_pack("{s:s, s:s*, s:s*, s:o*}", "name", v->name, "value", v->value, "before",
			 v->before, "words", v->value ? NULL : names_to_json(&v->words));
}

static json_t *entry_to_json(const struct entry *entry)
{
	if (entry->directory)
		return json_pack("{s:s, s:b, s:b}", "path", entry->path, "directory", 1, "mounted",
				 (int)entry->mounted);
	return json_pack("{s:s, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:s, s:o, s:o*, s:o, s:s*, "
			 "s:s*, s:s*, "
			 "s:o*, s:s*, s:o*}",
			 "path", entry->path, "scratch", (int)entry->scratch, "may_go",
			 (int)entry->may_go, "foreign", (int)entry->foreign, "mounted",
			 (int)entry->mounted, "generated", (int)entry->generated, "text",
			 (int)entry->text, "kept", (int)entry->kept, "noted", (int)entry->noted,
			 "saved", saved_names[entry->saved], "before",
			 journal_state_to_json(&entry->before), "after",
			 entry->after_known ? journal_state_to_json(&entry->after) : NULL,
			 "regenerate", words_to_json(entry->regenerate), "trace", entry->trace,
			 "output", entry->output, "old", entry->old, "first",
			 entry->first ? words_to_json(entry->first) : NULL, "staged", entry->staged,
			 "variable", entry->variable ? variable_to_json(entry->variable) : NULL);
}

int journal_save(const struct change *change, struct err *e)
{
	const char *path = arena_printf(&change->host->arena, "%s/journal.json", change->directory);
	json_t *entries = json_array();
	int error = 0;

	for (size_t i = 0; i < change->n; i++) {
		if (json_array_append_new(entries, entry_to_json(&change->entries[i])) < 0)
			error = err_fail(e, -EILSEQ, "%s has a name that is no text",
					 change->entries[i].path);
	}
	json_t *object =
		json_pack("{s:s, s:i, s:s, s:s, s:i, s:I, s:I, s:s, s:o, s:o, s:o}", "format",
			  FORMAT, "version", VERSION, "state", states[change->state], "title",
			  change->title, "continues", (int)change->continues, "time",
			  (json_int_t)change->time_s, "command_time", (json_int_t)change->command_s,
			  "boot", change->boot, "why", names_to_json(&change->whys), "takes_back",
			  backs_to_json(change), "entries", entries);
	CLEANUP_FREE char *text = object ? json_dumps(object, JSON_INDENT(1)) : NULL;

	json_decref(object);
	if (error < 0)
		return error;
	if (!text)
		return err_fail(e, -EILSEQ, "the title of the change is no text");
	error = root_replace(change->host->root, path, text, strlen(text), 0600);
	return error < 0 ? err_io(e, error, "writing %s", path) : 0;
}

/* ---- reading ---- */

bool journal_path_valid(const char *path)
{
	static const char home[] = CHANGE_HOME "/";
	size_t n;

	if (!*path || strlen(path) >= PATH_MAX || strncmp(path, home, sizeof(home) - 1) == 0)
		return false;
	for (const char *part = path;; part += n + 1) {
		n = strcspn(part, "/");
		if (n == 0 || n > NAME_MAX || (n == 1 && part[0] == '.') ||
		    (n == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		if (!part[n])
			return true;
	}
}

bool journal_staged_valid(const char *path)
{
	const size_t n = strlen(CHANGE_STAGED);

	return str_starts(path, CHANGE_STAGED) && path[n] && !strchr(path + n, '/') &&
	       strlen(path) < NAME_MAX;
}

/* A list that ends with NULL; no words is NULL itself. */
static bool words_of(struct arena *a, const json_t *array, const char *const **ret, size_t *ret_n)
{
	size_t n = json_array_size(array);
	const char **words = arena_array(a, n + 1, sizeof(*words));

	if (!json_is_array(array) || n > WORDS_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		const char *word = json_string_value(json_array_get(array, i));
		if (!word)
			return false;
		words[i] = arena_strdup(a, word);
	}
	*ret = n > 0 ? words : NULL;
	*ret_n = n;
	return true;
}

static bool flag_of(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

static bool find_word(const char *const *words, size_t n, const char *word, size_t *ret)
{
	for (*ret = 0; word && *ret < n; ++*ret) {
		if (str_eq(words[*ret], word))
			return true;
	}
	return false;
}

/* A path that need not be there. */
static bool other_path(struct arena *a, const json_t *object, const char *key, const char **ret)
{
	const json_t *value = json_object_get(object, key);
	const char *path = json_string_value(value);

	*ret = path ? arena_strdup(a, path) : NULL;
	return !value || (path && journal_path_valid(path));
}

/* Both or neither. */
static bool first_of(struct arena *a, const json_t *object, struct entry *ret)
{
	const json_t *first = json_object_get(object, "first");
	const json_t *staged = json_object_get(object, "staged");
	size_t n = 0;

	if (!first && !staged)
		return true;
	if (!words_of(a, first, &ret->first, &n) || n == 0 || !json_is_string(staged))
		return false;
	ret->staged = arena_strdup(a, json_string_value(staged));
	return journal_staged_valid(ret->staged);
}

/* A value or words. */
static bool variable_of(struct arena *a, const json_t *object, struct entry *ret)
{
	const json_t *from = json_object_get(object, "variable");
	const char *name = json_string_value(json_object_get(from, "name"));
	const char *value = json_string_value(json_object_get(from, "value"));
	const char *before = json_string_value(json_object_get(from, "before"));
	const json_t *words = json_object_get(from, "words");
	const char *const *list = NULL;
	size_t n = 0;

	if (!from)
		return true;
	struct step_variable *v = arena_alloc(a, sizeof(*v));
	ret->variable = v;
	if (!name || (value != NULL) == (words != NULL) ||
	    (words && (!words_of(a, words, &list, &n) || n == 0)))
		return false;
	v->words = (struct names){ .name = arena_array(a, n, sizeof(*v->words.name)), .n = n };
	for (size_t i = 0; i < n; i++)
		v->words.name[i] = list[i];
	v->name = arena_strdup(a, name);
	v->value = value ? arena_strdup(a, value) : NULL;
	v->before = before ? arena_strdup(a, before) : NULL;
	return true;
}

/* What was saved is what there is to go back to. */
static bool saved_fits(const struct entry *entry)
{
	return (entry->saved != SAVED_NONE) == (entry->before.node.kind == ROOT_FILE);
}

static bool entry_from_json(struct arena *a, const json_t *object, struct entry *ret)
{
	const char *path = json_string_value(json_object_get(object, "path"));
	const char *trace = json_string_value(json_object_get(object, "trace"));
	const json_t *after = json_object_get(object, "after");
	size_t saved, n;

	if (!path || !journal_path_valid(path))
		return false;
	*ret = (struct entry){ .path = arena_strdup(a, path),
			       .directory = flag_of(object, "directory"),
			       .mounted = flag_of(object, "mounted"),
			       .generated = flag_of(object, "generated"),
			       .scratch = flag_of(object, "scratch"),
			       .may_go = flag_of(object, "may_go"),
			       .foreign = flag_of(object, "foreign"),
			       .text = flag_of(object, "text"),
			       .kept = flag_of(object, "kept"),
			       .noted = flag_of(object, "noted"),
			       .after_known = after != NULL,
			       .trace = trace ? arena_strdup(a, trace) : NULL };
	if (ret->directory)
		return true;
	if (!other_path(a, object, "output", &ret->output) ||
	    !other_path(a, object, "old", &ret->old) || !first_of(a, object, ret) ||
	    !variable_of(a, object, ret))
		return false;
	if (!find_word(saved_names, ARRAY_SIZE(saved_names),
		       json_string_value(json_object_get(object, "saved")), &saved) ||
	    !words_of(a, json_object_get(object, "regenerate"), &ret->regenerate, &n))
		return false;
	ret->saved = (enum entry_saved)saved;
	return journal_state_from_json(a, json_object_get(object, "before"), &ret->before) == 0 &&
	       (!after || journal_state_from_json(a, after, &ret->after) == 0) && saved_fits(ret);
}

static bool entries_from_json(struct arena *a, const json_t *array, struct change *change)
{
	change->n = json_array_size(array);
	if (!json_is_array(array) || change->n > ENTRIES_MAX)
		return false;
	change->entries = arena_array(a, change->n, sizeof(*change->entries));
	for (size_t i = 0; i < change->n; i++) {
		struct entry *entry = &change->entries[i];

		if (!entry_from_json(a, json_array_get(array, i), entry))
			return false;
		/* undo relies on what was left being known as soon as all was done */
		if (!entry->directory && !entry->after_known && change->state != CHANGE_APPLYING)
			return false;
	}
	return true;
}

static bool backs_from_json(struct arena *a, const json_t *array, struct change *change)
{
	const char *const *words;
	size_t n;

	if (array && (!json_is_array(array) || json_array_size(array) > WORDS_MAX))
		return false;
	for (size_t i = 0; i < json_array_size(array); i++) {
		if (!words_of(a, json_array_get(array, i), &words, &n) || n == 0)
			return false;
		back_add(change, words);
	}
	return true;
}

static bool change_from_json(struct arena *a, const json_t *object, struct change *change)
{
	const char *format = json_string_value(json_object_get(object, "format"));
	const char *title = json_string_value(json_object_get(object, "title"));
	const char *boot = json_string_value(json_object_get(object, "boot"));
	const json_t *time_s = json_object_get(object, "time");
	const json_t *command_s = json_object_get(object, "command_time");
	const json_t *continues = json_object_get(object, "continues");
	const char *const *whys;
	size_t state;

	if (!format || !str_eq(format, FORMAT) || !title || !boot || !json_is_integer(time_s) ||
	    !json_is_integer(command_s) || (continues && !json_is_integer(continues)) ||
	    json_integer_value(continues) < 0 || json_integer_value(continues) >= change->number ||
	    !find_word(states, ARRAY_SIZE(states),
		       json_string_value(json_object_get(object, "state")), &state) ||
	    !words_of(a, json_object_get(object, "why"), &whys, &change->whys.n))
		return false;
	change->state = (enum change_state)state;
	change->title = arena_strdup(a, title);
	change->boot = arena_strdup(a, boot);
	change->time_s = json_integer_value(time_s);
	change->command_s = json_integer_value(command_s);
	change->continues = (unsigned)json_integer_value(continues);
	change->whys.name = arena_array(a, change->whys.n, sizeof(*change->whys.name));
	for (size_t i = 0; i < change->whys.n; i++)
		change->whys.name[i] = whys[i];
	return backs_from_json(a, json_object_get(object, "takes_back"), change) &&
	       entries_from_json(a, json_object_get(object, "entries"), change);
}

/* It says which files are overwritten and which commands are run: nobody else may have written it.
 */
static int check_owner(struct host *host, const char *path, struct err *e)
{
	struct root_node node;
	int error = root_node(host->root, &host->arena, path, &node);

	if (error == 0 && node.kind == ROOT_ABSENT)
		error = -ENOENT;
	if (error < 0)
		return err_io(e, error, "reading %s", path);
	if (node.kind != ROOT_FILE || (node.uid != 0 && node.uid != geteuid()) || node.mode & 022)
		return err_fail(e, -EBADMSG, "%s is not a file that only root can write", path);
	return 0;
}

int journal_load(struct host *host, unsigned number, struct change *ret, struct err *e)
{
	struct arena *a = &host->arena;
	const char *directory = journal_directory(host, number);
	const char *path = arena_printf(a, "%s/journal.json", directory);
	struct bytes data;
	json_error_t where;

	*ret = (struct change){ .host = host,
				.number = number,
				.directory = directory,
				.held = arena_alloc(a, sizeof(struct held)) };
	int error = check_owner(host, path, e);
	if (error < 0)
		return error;
	error = root_read_max(host->root, a, path, JOURNAL_MAX, &data);
	if (error < 0)
		return err_io(e, error, "reading %s", path);
	json_t *object = json_loadb(data.data, data.n, JSON_REJECT_DUPLICATES, &where);
	if (!object)
		return err_fail(e, -EBADMSG, "%s is damaged at line %d", path, where.line);
	const json_t *version = json_object_get(object, "version");
	if (json_is_integer(version) && json_integer_value(version) > VERSION)
		error = err_fail(e, -EBADMSG, "%s is of a newer passthru", path);
	else if (!change_from_json(a, object, ret))
		error = err_fail(e, -EBADMSG, "%s is damaged", path);
	json_decref(object);
	return error;
}
