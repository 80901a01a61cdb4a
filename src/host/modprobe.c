// SPDX-License-Identifier: MIT
// modprobe.d as kmod reads it: files of all directories in one sequence by name, where a file hides
// those of the same name in later directories; a backslash at the end of a line continues it; a
// line is a comment only when its first byte is '#'. Lines keep their place, because a verdict
// about one has to name it. See kmod_config_parse() and conf_files_list() in kmod's
// libkmod/libkmod-config.c, freadline_wrapped() in shared/util.c.

#include "host/modprobe.h"
#include "base/text.h"
#include "host/host.h"
#include "host/kernel.h"
#include "host/read.h"

#include <errno.h>
#include <string.h>

/* in the order of their priority */
static const char *const directories[] = {
	"etc/modprobe.d",     "run/modprobe.d", "usr/local/lib/modprobe.d",
	"usr/lib/modprobe.d", "lib/modprobe.d",
};

#define FILES_MAX 1024

static const struct {
	const char *word;
	enum modprobe_command command;
} commands[] = {
	{ "options", MODPROBE_OPTIONS }, { "blacklist", MODPROBE_BLACKLIST },
	{ "softdep", MODPROBE_SOFTDEP }, { "install", MODPROBE_INSTALL },
	{ "remove", MODPROBE_REMOVE },   { "alias", MODPROBE_ALIAS },
};

/* ---- lines ---- */

/*
 * The next logical line of *@text, a backslash and what follows it being one byte, or none for the
 * end of a line. False at the end. Counts the physical lines.
 */
static bool next_logical(struct arena *a, const char **text, unsigned *number, const char **ret)
{
	const char *at = *text;

	if (!*at)
		return false;
	char *line = arena_alloc(a, strlen(at) + 1), *end = line;
	for (; *at && *at != '\n'; at++) {
		if (*at != '\\') {
			*end++ = *at;
			continue;
		}
		if (!*++at)
			break;
		if (*at == '\n')
			++*number;
		else
			*end++ = *at;
	}
	if (*at == '\n')
		at++;
	++*number;
	*text = at;
	*ret = line;
	return true;
}

static const char *rest_of(struct arena *a, const char *text)
{
	text += strspn(text, " \t");
	return text_trimmed(a, (struct bytes){ text, strlen(text) });
}

static bool parse_line(struct arena *a, const char *text, struct modprobe_line *ret)
{
	if (*text == '#')
		return false;
	const char *word = text_next_word(a, &text);
	const char *module = word ? text_next_word(a, &text) : NULL;

	if (!module)
		return false;
	ret->command = MODPROBE_OTHER;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (str_eq(word, commands[i].word))
			ret->command = commands[i].command;
	}
	ret->module = module;
	ret->rest = rest_of(a, text);
	return true;
}

static void add_line(struct arena *a, struct modprobe_facts *facts, size_t *size,
		     const struct modprobe_line *line)
{
	if (facts->n_lines == *size) {
		*size = *size ? *size * 2 : 64;
		struct modprobe_line *lines = arena_array(a, *size, sizeof(*lines));
		if (facts->n_lines)
			memcpy(lines, facts->lines, facts->n_lines * sizeof(*lines));
		facts->lines = lines;
	}
	facts->lines[facts->n_lines++] = *line;
}

static void parse_file(struct arena *a, const char *path, const char *text,
		       struct modprobe_facts *facts, size_t *size)
{
	unsigned number = 0;
	const char *logical;

	for (;;) {
		struct modprobe_line line = { .path = path, .number = number + 1 };
		if (!next_logical(a, &text, &number, &logical))
			break;
		if (parse_line(a, logical, &line))
			add_line(a, facts, size, &line);
	}
}

/* ---- files ---- */

static bool is_config(const char *name)
{
	size_t n = strlen(name);

	if (name[0] == '.' || n < 6)
		return false;
	return str_eq(name + n - 5, ".conf") || str_eq(name + n - 6, ".alias");
}

/* By name; of one name in the order of the directories, which is that of insertion. */
static void insert_file(struct modprobe_facts *facts, const char *path)
{
	const char *name = text_last_part(path);
	size_t at = facts->n_files;

	while (at > 0 && strcmp(text_last_part(facts->files[at - 1].path), name) > 0) {
		facts->files[at] = facts->files[at - 1];
		at--;
	}
	facts->files[at] = (struct modprobe_file){ .path = path };
	if (at > 0 && str_eq(text_last_part(facts->files[at - 1].path), name)) {
		const struct modprobe_file *before = &facts->files[at - 1];
		facts->files[at].masked_by = before->masked_by ? before->masked_by : before->path;
	}
	facts->n_files++;
}

static void note_error(struct modprobe_facts *facts, const char *path, int error)
{
	if (facts->error)
		return;
	facts->error = error;
	facts->error_path = path;
}

static void list_files(struct host *host, struct modprobe_facts *ret)
{
	const char *target;
	struct names names;

	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		/* where lib is a link, its files are those of usr/lib */
		if (str_starts(directories[i], "lib/") &&
		    root_link(host->root, &host->arena, "lib", &target) == 0)
			continue;
		int error = root_list(host->root, &host->arena, directories[i], &names);
		if (error < 0) {
			if (error != -ENOENT)
				note_error(ret, directories[i], error);
			continue;
		}
		for (size_t k = 0; k < names.n && ret->n_files < FILES_MAX; k++) {
			if (is_config(names.name[k]))
				insert_file(ret, arena_printf(&host->arena, "%s/%s", directories[i],
							      names.name[k]));
		}
	}
}

void host_read_modprobe(struct host *host, struct modprobe_facts *ret)
{
	size_t size = 0;

	*ret = (struct modprobe_facts){ 0 };
	ret->files = arena_array(&host->arena, FILES_MAX, sizeof(*ret->files));
	list_files(host, ret);
	for (size_t i = 0; i < ret->n_files; i++) {
		struct modprobe_file *file = &ret->files[i];
		struct bytes text;

		if (file->masked_by)
			continue;
		file->error = root_read_max(host->root, &host->arena, file->path,
					    (size_t)1024 * 1024, &text);
		if (file->error == 0)
			parse_file(&host->arena, file->path, text.data, ret, &size);
		else if (file->error != -ENOENT)
			note_error(ret, file->path, file->error);
	}
}

const struct modprobe_line *modprobe_next(const struct modprobe_facts *facts,
					  enum modprobe_command command, const char *module,
					  const struct modprobe_line *after)
{
	size_t i = after ? (size_t)(after - facts->lines) + 1 : 0;

	for (; i < facts->n_lines; i++) {
		const struct modprobe_line *line = &facts->lines[i];
		if (line->command == command && (!module || kernel_same_name(line->module, module)))
			return line;
	}
	return NULL;
}

const char *modprobe_place(struct arena *a, const struct modprobe_line *line)
{
	return arena_printf(a, "%s:%u", line->path, line->number);
}
