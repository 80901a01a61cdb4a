// SPDX-License-Identifier: MIT
// Configuration files of generators. All but one are programs of a shell, and only a shell knows
// what they come to; here are the plain assignments, in order, and of all others that they are not
// plain.

#include "initramfs/config.h"
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define SETTINGS_MAX 10000

/* ---- paths ---- */

const char *path_first(struct root *r, struct arena *a, const char *const *paths)
{
	for (; *paths; paths++) {
		if (root_look(r, a, *paths) == 0)
			return *paths;
	}
	return NULL;
}

const char *path_absolute(struct arena *a, const char *path)
{
	return arena_concat(a, "/", path);
}

/* ---- assignments ---- */

static void add_setting(struct arena *a, struct initramfs_config *config,
			const struct initramfs_setting *setting)
{
	if (config->n_settings == SETTINGS_MAX)
		return;
	if (config->n_settings == config->room) {
		size_t room = config->room ? 2 * config->room : 64;
		struct initramfs_setting *more = arena_array(a, room, sizeof(*more));
		if (config->n_settings)
			memcpy(more, config->settings, config->n_settings * sizeof(*more));
		config->settings = more;
		config->room = room;
	}
	config->settings[config->n_settings++] = *setting;
}

/* The elements of an array without their quotes; NULL when one of them is empty or has blanks. */
static const char *plain_elements(struct arena *a, const char *text)
{
	char *plain = arena_strdup(a, text), *to = plain, quote = '\0';

	for (; *text; text++) {
		bool ends = quote && *text == quote;

		if (!ends && (quote || !strchr("\"'", *text))) {
			if (quote && isspace((unsigned char)*text))
				return NULL;
			*to++ = *text;
			continue;
		}
		if (ends && text[-1] == quote)
			return NULL;
		quote = ends ? '\0' : *text;
	}
	*to = '\0';
	return quote ? NULL : plain;
}

/* The text of a value that needs no shell; NULL when it does. */
static const char *plain_value(struct arena *a, const char *text, size_t n)
{
	char quote = n > 0 ? *text : '\0';
	const char *close = NULL;

	if (quote == '"' || quote == '\'')
		close = memchr(text + 1, quote, n - 1);
	else if (quote == '(')
		close = memchr(text + 1, ')', n - 1);
	size_t end = close ? (size_t)(close - text) : strcspn(text, " \t#\n");
	if (!close && (quote == '"' || quote == '\'' || quote == '('))
		return NULL;
	if (end > n)
		end = n;
	const char *start = close ? text + 1 : text;
	size_t length = close ? end - 1 : end;
	/* what follows may only be a comment */
	size_t behind = close ? end + 1 : end;
	while (behind < n && (text[behind] == ' ' || text[behind] == '\t'))
		behind++;
	if (behind < n && text[behind] != '#')
		return NULL;
	for (size_t i = 0; i < length && quote != '\''; i++) {
		if (strchr("$`\\", start[i]) || (!close && strchr("\"';&|<>()", start[i])))
			return NULL;
	}
	const char *value = arena_strndup(a, start, length);
	return quote == '(' ? plain_elements(a, value) : value;
}

static void read_line(struct arena *a, struct initramfs_config *config, const char *line, size_t n,
		      struct initramfs_setting at, char sign)
{
	size_t name = 0;

	for (; n > 0 && isspace((unsigned char)*line); line++)
		n--;
	while (name < n && (isalnum((unsigned char)line[name]) || line[name] == '_'))
		name++;
	size_t equal = name;
	at.added = sign == '=' && equal < n && line[equal] == '+';
	equal += at.added;
	if (name == 0 || equal >= n || line[equal] != sign)
		return;
	const char *value = line + equal + 1;
	n -= equal + 1;
	for (; sign == ':' && n > 0 && *value == ' '; value++)
		n--;
	for (; n > 0 && isspace((unsigned char)value[n - 1]); n--)
		;
	at.name = arena_strndup(a, line, name);
	at.value = sign == ':' ? arena_strndup(a, value, n)
			       : plain_value(a, arena_strndup(a, value, n), n);
	add_setting(a, config, &at);
}

static void add_file(struct arena *a, struct initramfs_config *config, const char *path)
{
	const char **more = arena_array(a, config->files.n + 1, sizeof(*more));

	if (config->files.n)
		memcpy(more, config->files.name, config->files.n * sizeof(*more));
	more[config->files.n++] = path;
	config->files.name = more;
}

void config_read_file(struct root *r, struct arena *a, struct initramfs_config *config,
		      const char *path, char sign)
{
	struct bytes text;
	const char *rest, *line;
	size_t n;
	struct initramfs_setting at = { .path = arena_strdup(a, path) };
	int error = root_read(r, a, path, &text);

	if (error == -ENOENT || error == -EISDIR)
		return;
	if (error < 0) {
		if (config->error == 0) {
			config->error = error;
			config->error_path = at.path;
		}
		return;
	}
	add_file(a, config, at.path);
	rest = text.data;
	while (text_next_line(&rest, &line, &n)) {
		at.line++;
		read_line(a, config, line, n, at, sign);
	}
}

static bool has_ending(const char *name, const char *ending)
{
	size_t n = strlen(name), m = strlen(ending);

	return n > m && str_eq(name + n - m, ending);
}

/* The first name of any directory behind @after that is wanted, with its directory. */
static const char *next_name(const struct names *names, const char *const *directories,
			     const char *ending, const char *after, const char **ret_directory)
{
	const char *best = NULL;

	for (size_t d = 0; directories[d]; d++) {
		for (size_t i = 0; i < names[d].n; i++) {
			const char *name = names[d].name[i];
			if (!has_ending(name, ending) || (after && strverscmp(name, after) <= 0) ||
			    (best && strverscmp(name, best) >= 0))
				continue;
			best = name;
			*ret_directory = directories[d];
		}
	}
	return best;
}

void config_read_directories(struct root *r, struct arena *a, struct initramfs_config *config,
			     const char *const *directories, const char *ending)
{
	size_t n = 0;
	const char *name = NULL, *directory;

	while (directories[n])
		n++;
	struct names *names = arena_array(a, n, sizeof(*names));
	for (size_t i = 0; i < n; i++) {
		int error = root_list(r, a, directories[i], &names[i]);
		if (error < 0)
			names[i] = (struct names){ 0 };
		if (error < 0 && error != -ENOENT && config->error == 0) {
			config->error = error;
			config->error_path = directories[i];
		}
	}
	while ((name = next_name(names, directories, ending, name, &directory)))
		config_read_file(r, a, config, arena_printf(a, "%s/%s", directory, name), '=');
}

const struct initramfs_setting *initramfs_setting(const struct initramfs_config *config,
						  const char *name)
{
	for (size_t i = config->n_settings; i-- > 0;) {
		const struct initramfs_setting *setting = &config->settings[i];
		if (str_eq(setting->name, name) && (!setting->added || !setting->value))
			return setting->value ? setting : NULL;
	}
	return NULL;
}

bool config_has_word(const struct initramfs_config *config, const char *name, const char *word)
{
	const struct initramfs_setting *from = initramfs_setting(config, name);
	size_t n = strlen(word);

	for (size_t i = 0; i < config->n_settings; i++) {
		const struct initramfs_setting *setting = &config->settings[i];
		if (setting < from || !str_eq(setting->name, name) || !setting->value)
			continue;
		for (const char *at = setting->value; (at = strstr(at, word)); at += n) {
			if ((at == setting->value || isspace((unsigned char)at[-1])) &&
			    (!at[n] || isspace((unsigned char)at[n])))
				return true;
		}
	}
	return false;
}
