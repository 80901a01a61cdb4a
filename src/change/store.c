// SPDX-License-Identifier: MIT
// The folder of all changes. A change is made as <N>.new and renamed to <N> when its journal says
// all that is needed to go back; one that is to be no more is renamed to <N>.gone first. So a
// folder <N> always has a whole journal, and the others are known to be litter; so are files that a
// step staged.

#include "base/text.h"
#include "change/engine.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

static int by_number(const void *a, const void *b)
{
	const unsigned *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

int store_numbers(struct host *host, unsigned **ret, size_t *ret_n, struct err *e)
{
	struct names names;
	uint64_t number;
	int error = root_list(host->root, &host->arena, CHANGE_DIRECTORY, &names);

	*ret_n = 0;
	*ret = NULL;
	if (error == -ENOENT)
		return 0;
	if (error < 0)
		return err_io(e, error, "reading %s", CHANGE_DIRECTORY);
	*ret = arena_array(&host->arena, names.n, sizeof(**ret));
	for (size_t i = 0; i < names.n; i++) {
		/* "01" is no name that we give */
		if (*names.name[i] != '0' && text_number(names.name[i], 10, INT_MAX, &number) == 0)
			(*ret)[(*ret_n)++] = (unsigned)number;
	}
	if (*ret_n > 0)
		qsort(*ret, *ret_n, sizeof(**ret), by_number);
	return 0;
}

int store_make(struct host *host, struct err *e)
{
	static const struct {
		const char *path;
		mode_t mode;
	} directories[] = {
		{ "var", 0755 },
		{ "var/lib", 0755 },
		{ CHANGE_HOME, 0755 },
		/* copies of files that may hold secrets: a boot loader's password */
		{ CHANGE_DIRECTORY, 0700 },
	};
	struct root_node node;

	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		const char *path = directories[i].path;
		int error = root_node(host->root, &host->arena, path, &node);

		if (error == 0 && node.kind == ROOT_ABSENT)
			error = root_make_directory(host->root, path, directories[i].mode);
		if (error < 0)
			return err_io(e, error, "making %s", path);
	}
	return 0;
}

static int empty_directory(struct host *host, const char *path)
{
	struct names names;
	int error = root_list(host->root, &host->arena, path, &names);

	for (size_t i = 0; error == 0 && i < names.n; i++)
		error = root_unlink(host->root,
				    arena_printf(&host->arena, "%s/%s", path, names.name[i]));
	return error;
}

static int remove_litter(struct host *host, const char *path, struct err *e)
{
	const char *files = arena_printf(&host->arena, "%s/files", path);
	int error = empty_directory(host, files);

	if (error == 0 || error == -ENOENT)
		error = root_remove_directory(host->root, files);
	if (error == 0)
		error = empty_directory(host, path);
	if (error == 0)
		error = root_remove_directory(host->root, path);
	return error < 0 && error != -ENOENT ? err_io(e, error, "removing %s", path) : 0;
}

int store_drop(struct change *change, struct err *e)
{
	struct host *host = change->host;
	const char *gone = arena_printf(&host->arena, CHANGE_DIRECTORY "/%u.gone", change->number);
	int error = root_rename(host->root, change->directory, gone);

	if (error < 0)
		return err_io(e, error, "removing %s", change->directory);
	change->directory = gone;
	return remove_litter(host, gone, e);
}

static bool is_litter(const char *name)
{
	size_t n = strspn(name, "0123456789");

	return n > 0 && (str_eq(name + n, ".new") || str_eq(name + n, ".gone"));
}

int store_sweep(struct host *host, struct err *e)
{
	struct names names;
	int error = root_list(host->root, &host->arena, CHANGE_DIRECTORY, &names);

	if (error == -ENOENT)
		return 0;
	if (error < 0)
		return err_io(e, error, "reading %s", CHANGE_DIRECTORY);
	for (size_t i = 0; error == 0 && i < names.n; i++) {
		const char *path =
			arena_printf(&host->arena, CHANGE_DIRECTORY "/%s", names.name[i]);

		if (is_litter(names.name[i]))
			error = remove_litter(host, path, e);
		else if (journal_staged_valid(path) && (error = root_unlink(host->root, path)) < 0)
			error = err_io(e, error, "removing %s", path);
	}
	return error;
}

int store_empty(const struct change *change, struct err *e)
{
	const char *files = arena_printf(&change->host->arena, "%s/files", change->directory);
	int error = empty_directory(change->host, files);

	return error < 0 && error != -ENOENT ? err_io(e, error, "removing what is in %s", files)
					     : 0;
}
