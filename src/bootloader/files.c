// SPDX-License-Identifier: MIT
// Looking at files of boot loaders. Existence is asked of the directory, because a kernel or a
// program need not be read for that.

#include "base/text.h"
#include "bootloader/internal.h"
#include "host/host.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

void boot_name_add(struct arena *a, struct names *names, const char *name)
{
	/* these lists have a few elements */
	const char **more = arena_array(a, names->n + 1, sizeof(*more));

	if (names->n > 0)
		memcpy(more, names->name, names->n * sizeof(*more));
	more[names->n++] = name;
	names->name = more;
}

void boot_evidence(const struct boot_facts *facts, struct bootloader_candidate *candidate,
		   const char *format, ...)
{
	va_list args;

	va_start(args, format);
	boot_name_add(facts->arena, &candidate->evidence,
		      arena_vprintf(facts->arena, format, args));
	va_end(args);
}

/* ---- whether something is there ---- */

int boot_look(const struct boot_facts *facts, const char *path)
{
	return root_look(facts->host->root, facts->arena, path);
}

bool boot_has(const struct boot_facts *facts, const char *path)
{
	return boot_look(facts, path) == 0;
}

const char *boot_first(const struct boot_facts *facts, const char *const *paths)
{
	for (; *paths; paths++) {
		if (boot_has(facts, *paths))
			return *paths;
	}
	return NULL;
}

const char *boot_any_case(const struct boot_facts *facts, const char *directory, const char *path)
{
	struct arena *a = facts->arena;
	struct names names;

	while (*path) {
		size_t n = strcspn(path, "/"), i;

		if (root_list(facts->host->root, a, directory, &names) < 0)
			return NULL;
		for (i = 0; i < names.n; i++) {
			if (strlen(names.name[i]) == n && strncasecmp(names.name[i], path, n) == 0)
				break;
		}
		if (i == names.n)
			return NULL;
		directory = *directory ? arena_printf(a, "%s/%s", directory, names.name[i])
				       : names.name[i];
		path += n;
		path += *path == '/';
	}
	return directory;
}

const char *boot_program(const struct boot_facts *facts, const char *name)
{
	static const char *const places[] = { "usr/local/sbin", "usr/local/bin", "usr/sbin",
					      "usr/bin",        "sbin",          "bin" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		const char *path = arena_printf(facts->arena, "%s/%s", places[i], name);

		if (boot_has(facts, path))
			return path;
	}
	return NULL;
}

/* ---- what stands in it ---- */

int boot_read(const struct boot_facts *facts, const char *path, struct bytes *ret, struct err *e)
{
	int error = root_read_max(facts->host->root, facts->arena, path, BOOT_FILE_MAX, ret);

	return error < 0 ? err_io(e, error, "reading %s", path) : 0;
}

bool boot_mentions(const struct boot_facts *facts, const char *path, const char *text)
{
	struct bytes found;

	return boot_read(facts, path, &found, NULL) == 0 &&
	       memmem(found.data, found.n, text, strlen(text));
}

const char *boot_line(const struct boot_facts *facts, const char *path)
{
	struct bytes found;

	if (boot_read(facts, path, &found, NULL) < 0)
		return NULL;
	const char *text = text_trimmed(facts->arena, found);
	return *text ? text : NULL;
}

int boot_entries(const struct boot_facts *facts, const char *directory, const char *ending,
		 struct names *ret, struct err *e)
{
	struct arena *a = facts->arena;
	struct names names;
	int error = root_list(facts->host->root, a, directory, &names);

	*ret = (struct names){ 0 };
	if (error == -ENOENT || error == -ENOTDIR)
		return 0;
	if (error < 0)
		return err_io(e, error, "listing %s", directory);
	ret->name = arena_array(a, names.n, sizeof(*ret->name));
	for (size_t i = 0; i < names.n; i++) {
		size_t n = strlen(names.name[i]), m = strlen(ending);

		if (n > m && str_eq(names.name[i] + n - m, ending))
			ret->name[ret->n++] = arena_printf(a, "%s/%s", directory, names.name[i]);
	}
	return 0;
}

/* ---- settings ---- */

/* What a shell makes of a word that has no expansion in it; NULL when it has one. */
static const char *plain_value(struct arena *a, const char *text, size_t n)
{
	char *value = arena_alloc(a, n + 1), quote = '\0';
	size_t length = 0, i;

	for (i = 0; i < n; i++) {
		char c = text[i];

		if (quote && c == quote)
			quote = '\0';
		else if (!quote && (c == '"' || c == '\''))
			quote = c;
		else if (quote != '\'' && strchr("$`\\", c))
			return NULL;
		else if (!quote && (isspace((unsigned char)c) || c == ';'))
			break;
		else if (!quote && strchr("&|<>()", c))
			return NULL;
		else
			value[length++] = c;
	}
	if (quote)
		return NULL;
	for (; i < n && isspace((unsigned char)text[i]); i++)
		;
	/* a word behind it would make it the environment of a command */
	return i == n || text[i] == '#' || text[i] == ';' ? value : NULL;
}

const char *boot_setting(const struct boot_facts *facts, const char *path, const char *name,
			 unsigned *ret_line)
{
	size_t length = strlen(name), n;
	const char *value = NULL, *rest, *line;
	struct bytes text;
	unsigned number = 0, found = 0;

	if (ret_line)
		*ret_line = 0;
	if (boot_read(facts, path, &text, NULL) < 0)
		return NULL;
	rest = text.data;
	while (text_next_line(&rest, &line, &n)) {
		number++;
		for (; n > 0 && (*line == ' ' || *line == '\t'); line++)
			n--;
		if (n > 7 && str_starts(line, "export ")) {
			line += 7;
			n -= 7;
		}
		if (n <= length || strncmp(line, name, length) != 0 || line[length] != '=')
			continue;
		value = plain_value(facts->arena, line + length + 1, n - length - 1);
		found = number;
	}
	if (ret_line)
		*ret_line = found;
	return value;
}
