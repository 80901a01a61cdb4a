// SPDX-License-Identifier: MIT
// What there is to use, and what file systems and swap use of it, read once for all devices:
// entries of sys/class with their real paths, mounts and swaps, now and by etc/fstab. The tables
// are read through the root and parsed from memory by libmount, which knows their quoting
// (mangle_path() of fs/seq_file.c, fstab(5)).

#include "base/dl.h"
#include "base/text.h"
#include "host/host.h"
#include "host/use_internal.h"

#include <errno.h>
#include <libmount/libmount.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#define LIBRARY "libmount.so.1"

/* clang-format off */
#define SYMBOLS(X) \
	X(mnt_new_table) \
	X(mnt_unref_table) \
	X(mnt_table_parse_stream) \
	X(mnt_new_iter) \
	X(mnt_free_iter) \
	X(mnt_table_next_fs) \
	X(mnt_fs_get_devno) \
	X(mnt_fs_get_source) \
	X(mnt_fs_get_target) \
	X(mnt_fs_get_fstype) \
	X(mnt_fs_get_options) \
	X(mnt_fs_get_tag)

static struct {
	SYMBOLS(DL_POINTER)
} lm;

#define ROW(symbol) DL_ROW(lm, symbol)
static const struct dl_symbol symbols[] = { SYMBOLS(ROW) };
/* clang-format on */

static const char *const classes[] = {
	"block", "net", "drm", "graphics", "vtconsole", "sound",
};

/* ---- sys/class ---- */

static void add_class(struct host *host, struct use_facts *use, const char *class_name)
{
	struct arena *a = &host->arena;
	struct names names;
	const char *directory = arena_concat(a, "sys/class/", class_name);
	int error = root_list(host->root, a, directory, &names);

	/* a class that is not there has no devices */
	if (error < 0) {
		if (error != -ENOENT && !use->device_error) {
			use->device_error = error;
			use->device_where = directory;
		}
		return;
	}
	struct class_device *grown = arena_array(a, use->n_devices + names.n, sizeof(*use->device));
	if (use->n_devices)
		memcpy(grown, use->device, use->n_devices * sizeof(*grown));
	use->device = grown;
	for (size_t i = 0; i < names.n; i++) {
		const char *link = arena_printf(a, "%s/%s", directory, names.name[i]);
		struct class_device *device = &use->device[use->n_devices];

		/* what is no link is no device: drm has a file "version" */
		*device = (struct class_device){ .class_name = class_name, .name = names.name[i] };
		error = root_follow(host->root, a, link, &device->path);
		if (error == 0)
			use->n_devices++;
		else if (error != -ENOENT && error != -EINVAL && !use->device_error) {
			use->device_error = error;
			use->device_where = link;
		}
	}
}

/* ---- mounts and swaps ---- */

static void free_table(struct libmnt_table **table)
{
	if (*table)
		lm.mnt_unref_table(*table);
}

static void free_iter(struct libmnt_iter **iter)
{
	lm.mnt_free_iter(*iter);
}

static void close_stream(FILE **stream)
{
	if (*stream)
		fclose(*stream);
}

/* The caller frees the table. Files of proc are read through the root and parsed from memory. */
static int parse_table(struct host *host, const char *path, struct libmnt_table **ret)
{
	struct bytes text;
	int error = root_read_max(host->root, &host->arena, path, USE_TABLE_MAX_BYTES, &text);

	if (error < 0)
		return error;
	/* a library that is missing is not a file that is missing */
	if (dl_load(LIBRARY, symbols, ARRAY_SIZE(symbols), NULL) < 0)
		return -ELIBACC;
	*ret = lm.mnt_new_table();
	if (!*ret)
		return -ENOMEM;
	if (text.n == 0)
		return 0;
	CLEANUP(close_stream)
	FILE *stream = fmemopen(arena_memdup(&host->arena, text.data, text.n), text.n, "re");
	return stream && lm.mnt_table_parse_stream(*ret, stream, path) == 0 ? 0 : -EBADMSG;
}

static const char *copy(struct host *host, const char *text)
{
	return arena_strdup(&host->arena, text ? text : "");
}

static void read_mount_table(struct host *host, struct use_facts *use)
{
	CLEANUP(free_table) struct libmnt_table *table = NULL;
	struct libmnt_fs *row;
	size_t size = 0;

	use->mount_error = parse_table(host, "proc/self/mountinfo", &table);
	/* every kernel has it: this root does not run, and what it would mount is not known */
	if (use->mount_error == -ENOENT)
		use->mount_error = -ENODATA;
	if (use->mount_error)
		return;
	CLEANUP(free_iter) struct libmnt_iter *iter = lm.mnt_new_iter(MNT_ITER_FORWARD);
	while (iter && lm.mnt_table_next_fs(table, iter, &row) == 0) {
		dev_t number = lm.mnt_fs_get_devno(row);

		use->mount = use_grown(&host->arena, use->mount, use->n_mounts, &size,
				       sizeof(*use->mount));
		use->mount[use->n_mounts++] = (struct mount){
			.major = major(number),
			.minor = minor(number),
			.source = copy(host, lm.mnt_fs_get_source(row)),
			.target = copy(host, lm.mnt_fs_get_target(row)),
			.type = copy(host, lm.mnt_fs_get_fstype(row)),
		};
	}
}

static void read_swaps(struct host *host, struct use_facts *use)
{
	CLEANUP(free_table) struct libmnt_table *table = NULL;
	struct libmnt_fs *row;
	size_t size = 0;

	use->swap_error = parse_table(host, "proc/swaps", &table);
	if (use->swap_error)
		return;
	CLEANUP(free_iter) struct libmnt_iter *iter = lm.mnt_new_iter(MNT_ITER_FORWARD);
	while (iter && lm.mnt_table_next_fs(table, iter, &row) == 0) {
		const char *source = copy(host, lm.mnt_fs_get_source(row));

		use->swap =
			use_grown(&host->arena, use->swap, use->n_swaps, &size, sizeof(*use->swap));
		use->swap[use->n_swaps++] = *source == '/' ? source + 1 : source;
	}
}

static bool has_option(const char *options, const char *option)
{
	size_t n = strlen(option);

	for (const char *at = options; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, option, n) == 0 && (!at[n] || at[n] == ','))
			return true;
	}
	return false;
}

static void add_fstab_line(struct host *host, struct use_facts *use, size_t *size,
			   struct libmnt_fs *row)
{
	struct arena *a = &host->arena;
	const char *options = lm.mnt_fs_get_options(row), *target = lm.mnt_fs_get_target(row);
	/* what no boot waits for */
	static const char *const later[] = { "nofail", "noauto", "x-systemd.automount",
					     "comment=systemd.automount" };
	const char *tag, *value;

	for (size_t i = 0; i < ARRAY_SIZE(later); i++) {
		if (has_option(options, later[i]))
			return;
	}
	bool has_tag = lm.mnt_fs_get_tag(row, &tag, &value) == 0;
	const char *source = copy(host, lm.mnt_fs_get_source(row));
	use->fstab = use_grown(a, use->fstab, use->n_fstab, size, sizeof(*use->fstab));
	use->fstab[use->n_fstab++] = (struct fstab_line){
		.source = has_tag ? use_tag_node(a, tag, value) : source + (*source == '/'),
		.target = target && *target == '/' ? use_mount_point(host, target)
						   : copy(host, target),
		.type = copy(host, lm.mnt_fs_get_fstype(row)),
	};
}

void use_read_fstab(struct host *host, struct use_facts *ret)
{
	CLEANUP(free_table) struct libmnt_table *table = NULL;
	struct libmnt_fs *row;
	size_t size = 0;
	int error = parse_table(host, USE_FSTAB, &table);

	ret->fstab_error = error == -ENOENT ? 0 : error;
	if (error)
		return;
	CLEANUP(free_iter) struct libmnt_iter *iter = lm.mnt_new_iter(MNT_ITER_FORWARD);
	while (iter && lm.mnt_table_next_fs(table, iter, &row) == 0)
		add_fstab_line(host, ret, &size, row);
}

void use_read_classes(struct host *host, struct use_facts *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
		add_class(host, ret, classes[i]);
}

void use_read_mounts(struct host *host, struct use_facts *ret)
{
	read_mount_table(host, ret);
	read_swaps(host, ret);
}
