// SPDX-License-Identifier: MIT
// The file format of snapshots, on libarchive and jansson.
//
// An archive may come from anyone: only tar is accepted, entries are counted and bounded, a path
// that is absolute or has ".." refuses the whole archive, and links are text that is never followed
// on this machine.

#include "base/dl.h"
#include "base/snapshot_store.h"
#include "base/text.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define LIBRARY "libarchive.so.13"

/* clang-format off */
#define SYMBOLS(X) \
	X(archive_entry_filetype) \
	X(archive_entry_free) \
	X(archive_entry_hardlink) \
	X(archive_entry_new) \
	X(archive_entry_pathname) \
	X(archive_entry_set_filetype) \
	X(archive_entry_set_mtime) \
	X(archive_entry_set_pathname) \
	X(archive_entry_set_perm) \
	X(archive_entry_set_size) \
	X(archive_entry_set_symlink) \
	X(archive_entry_size) \
	X(archive_entry_symlink) \
	X(archive_error_string) \
	X(archive_read_data) \
	X(archive_read_free) \
	X(archive_read_new) \
	X(archive_read_next_header) \
	X(archive_read_open_fd) \
	X(archive_read_support_filter_gzip) \
	X(archive_read_support_filter_xz) \
	X(archive_read_support_filter_zstd) \
	X(archive_read_support_format_tar) \
	X(archive_write_add_filter_gzip) \
	X(archive_write_add_filter_xz) \
	X(archive_write_add_filter_zstd) \
	X(archive_write_close) \
	X(archive_write_data) \
	X(archive_write_free) \
	X(archive_write_header) \
	X(archive_write_new) \
	X(archive_write_open_fd) \
	X(archive_write_set_format_gnutar)

static struct {
	SYMBOLS(DL_POINTER)
} la;

#define ROW(symbol) DL_ROW(la, symbol)
static const struct dl_symbol symbols[] = { SYMBOLS(ROW) };
/* clang-format on */

#define FORMAT_NAME "passthru-snapshot"
#define FORMAT_VERSION 1

/* ---- manifest ---- */

static int error_by_name(const char *name)
{
	for (int error = 1; error < 134; error++) {
		const char *known = strerrorname_np(error);
		if (known && str_eq(known, name))
			return -error;
	}
	return -EIO;
}

static void read_lists(struct snapshot *s, json_t *lists)
{
	const char *path;
	json_t *names, *name;
	size_t i;

	json_object_foreach(lists, path, names)
	{
		struct snapshot_entry *entry = snapshot_entry(s, path);
		entry->has_list = true;
		entry->list.n = 0;
		entry->list.name = arena_array(&s->arena, json_array_size(names), sizeof(char *));
		json_array_foreach(names, i, name)
		{
			if (json_is_string(name))
				entry->list.name[entry->list.n++] =
					arena_strdup(&s->arena, json_string_value(name));
		}
	}
}

/* The parser takes some hundred bytes for every "{}" and "[]"; a manifest has few of them. */
static bool is_bomb(struct bytes text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += text.data[i] == '{' || text.data[i] == '[';
	return n > SNAPSHOT_MAX_LISTS;
}

int snapshot_read_manifest(struct snapshot *s, struct bytes text, struct err *e)
{
	json_error_t json_error;
	const char *where;
	json_t *value;

	if (is_bomb(text))
		return err_fail(e, -EFBIG, "%s: more than %d lists", SNAPSHOT_MANIFEST,
				SNAPSHOT_MAX_LISTS);
	json_t *manifest = json_loadb(text.data, text.n, 0, &json_error);
	if (!manifest)
		return err_fail(e, -EBADMSG, "%s, line %d: %s", SNAPSHOT_MANIFEST, json_error.line,
				json_error.text);
	const char *format = json_string_value(json_object_get(manifest, "format"));
	json_int_t version = json_integer_value(json_object_get(manifest, "version"));
	int error = 0;
	if (!format || !str_eq(format, FORMAT_NAME))
		error = err_fail(e, -EBADMSG, "%s does not say \"format\": \"%s\"",
				 SNAPSHOT_MANIFEST, FORMAT_NAME);
	else if (version != FORMAT_VERSION)
		error = err_fail(e, -EBADMSG,
				 "snapshot version %lld, this passthru reads version %d",
				 (long long)version, FORMAT_VERSION);
	if (error == 0) {
		json_object_foreach(json_object_get(manifest, "errors"), where, value)
		{
			if (json_is_string(value))
				snapshot_entry(s, where)->error =
					error_by_name(json_string_value(value));
		}
		read_lists(s, json_object_get(manifest, "lists"));
		s->n_announced = json_integer_value(json_object_get(manifest, "entries"));
		s->complete = json_is_true(json_object_get(manifest, "complete"));
	}
	json_decref(manifest);
	return error;
}

static json_t *names_to_json(struct names names)
{
	json_t *array = json_array();

	for (size_t i = 0; i < names.n; i++)
		json_array_append_new(array, json_string(names.name[i]));
	return array;
}

struct manifest_walk {
	json_t *errors, *lists;
	json_int_t n_entries;
};

static void add_to_manifest(const void *node, VISIT visit, void *closure)
{
	const struct snapshot_entry *entry = *(const struct snapshot_entry *const *)node;
	struct manifest_walk *walk = closure;

	if (visit != postorder && visit != leaf)
		return;
	walk->n_entries += entry->has_file || entry->has_link;
	if (entry->has_list)
		json_object_set_new(walk->lists, entry->path, names_to_json(entry->list));
	if (entry->error && !entry->has_file && !entry->has_link && !entry->has_list) {
		const char *name = strerrorname_np(-entry->error);
		json_object_set_new(walk->errors, entry->path, json_string(name ? name : "EIO"));
	}
}

json_t *snapshot_manifest(struct snapshot *s)
{
	struct manifest_walk walk = { json_object(), json_object(), 0 };

	twalk_r(s->entries, add_to_manifest, &walk);
	return json_pack("{s:s, s:i, s:I, s:o, s:o}", "format", FORMAT_NAME, "version",
			 FORMAT_VERSION, "entries", walk.n_entries, "errors", walk.errors, "lists",
			 walk.lists);
}

/* ---- reading an archive ---- */

/* The path of an entry as this program writes it, or NULL when it leads out of the tree. */
static const char *inner_path(const char *path)
{
	if (!path)
		return NULL;
	while (str_starts(path, "./"))
		path += 2;
	if (*path == '/')
		return NULL;
	for (const char *part = path; *part;) {
		size_t n = strcspn(part, "/");
		if (n == 2 && part[0] == '.' && part[1] == '.')
			return NULL;
		part += n + (part[n] == '/');
	}
	return path;
}

static int archive_failed(struct archive *archive, struct err *e)
{
	const char *text = la.archive_error_string(archive);

	return err_fail(e, -EBADMSG, "%s", text ? text : "not an archive");
}

static int count_bytes(size_t *total, size_t more, struct err *e)
{
	*total += more;
	if (*total > SNAPSHOT_MAX_BYTES)
		return err_fail(e, -EFBIG, "more than %zu bytes", SNAPSHOT_MAX_BYTES);
	return 0;
}

static int load_file(struct snapshot *s, struct archive *archive, struct archive_entry *entry,
		     const char *path, size_t *total, struct err *e)
{
	/* the archive's word on the size is not trusted, only what it delivers within the bound */
	int64_t claimed = la.archive_entry_size(entry);
	size_t have = 0;

	if (claimed < 0 || (uint64_t)claimed > SNAPSHOT_MAX_FILE_BYTES)
		return err_fail(e, -EFBIG, "%s: larger than %zu bytes", path,
				SNAPSHOT_MAX_FILE_BYTES);
	int error = count_bytes(total, (size_t)claimed, e);
	if (error < 0)
		return error;
	char *data = arena_alloc(&s->arena, (size_t)claimed + 1);
	while (have < (size_t)claimed) {
		la_ssize_t n = la.archive_read_data(archive, data + have, (size_t)claimed - have);
		if (n < 0)
			return archive_failed(archive, e);
		if (n == 0)
			return err_fail(e, -EBADMSG, "%s: cut short", path);
		have += (size_t)n;
	}
	struct snapshot_entry *stored = snapshot_entry(s, path);
	s->n_loaded++;
	stored->has_file = true;
	stored->file = (struct bytes){ data, have };
	return 0;
}

static int load_entry(struct snapshot *s, struct archive *archive, struct archive_entry *entry,
		      size_t *total, struct err *e)
{
	const char *name = la.archive_entry_pathname(entry);
	const char *path = inner_path(name);

	if (!path)
		return err_fail(e, -EBADMSG, "entry %s leads out of the snapshot",
				name ? name : "without a name");
	if (la.archive_entry_hardlink(entry))
		return err_fail(e, -EBADMSG, "entry %s is a hard link", path);
	int error = count_bytes(total, strlen(path), e);
	if (error < 0)
		return error;
	switch (la.archive_entry_filetype(entry)) {
	case AE_IFDIR:
		return 0;
	case AE_IFREG:
		return load_file(s, archive, entry, path, total, e);
	case AE_IFLNK: {
		const char *target = la.archive_entry_symlink(entry);
		if (!target)
			return err_fail(e, -EBADMSG, "entry %s is a link without a target", path);
		error = count_bytes(total, strlen(target), e);
		if (error < 0)
			return error;
		struct snapshot_entry *stored = snapshot_entry(s, path);
		s->n_loaded++;
		stored->has_link = true;
		stored->target = arena_strdup(&s->arena, target);
		return 0;
	}
	default:
		return err_fail(e, -EBADMSG, "entry %s is neither a file nor a link", path);
	}
}

static int load_entries(struct snapshot *s, struct archive *archive, struct err *e)
{
	struct archive_entry *entry;
	size_t total = 0;

	for (size_t n = 0; n < SNAPSHOT_MAX_ENTRIES; n++) {
		int status = la.archive_read_next_header(archive, &entry);
		if (status == ARCHIVE_EOF)
			return 0;
		if (status != ARCHIVE_OK)
			return archive_failed(archive, e);
		int error = load_entry(s, archive, entry, &total, e);
		if (error < 0)
			return error;
	}
	return err_fail(e, -EFBIG, "more than %d entries", SNAPSHOT_MAX_ENTRIES);
}

int snapshot_load(struct snapshot *s, const char *path, struct err *e)
{
	int error = dl_load(LIBRARY, symbols, ARRAY_SIZE(symbols), e);

	if (error < 0)
		return error;
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_io(e, -errno, "opening it");
	struct archive *archive = la.archive_read_new();
	la.archive_read_support_format_tar(archive);
	la.archive_read_support_filter_gzip(archive);
	la.archive_read_support_filter_xz(archive);
	la.archive_read_support_filter_zstd(archive);
	error = la.archive_read_open_fd(archive, fd, 64 * 1024) == ARCHIVE_OK
			? load_entries(s, archive, e)
			: archive_failed(archive, e);
	la.archive_read_free(archive);
	if (error < 0)
		return error;

	struct snapshot_entry *manifest = snapshot_entry(s, SNAPSHOT_MANIFEST);
	if (!manifest->has_file)
		return err_fail(e, -EBADMSG, "no %s in it: not a snapshot of passthru",
				SNAPSHOT_MANIFEST);
	error = snapshot_read_manifest(s, manifest->file, e);
	/* a tar that was cut between two entries looks whole; the manifest itself does not count */
	if (error == 0 && s->n_loaded - 1 < s->n_announced)
		error = err_fail(e, -EBADMSG, "cut short: %" PRId64 " of %" PRId64 " entries",
				 s->n_loaded - 1, s->n_announced);
	return error;
}

/* ---- writing an archive ---- */

struct save_walk {
	struct archive *archive;
	struct snapshot_size size;
	time_t now;
	int status; /* of libarchive; nothing more is written after a failure */
};

static void save_entry(struct save_walk *save, const char *path, const void *data, size_t n,
		       const char *target)
{
	struct archive_entry *entry = la.archive_entry_new();

	la.archive_entry_set_pathname(entry, path);
	la.archive_entry_set_perm(entry, target ? 0777 : 0644);
	la.archive_entry_set_filetype(entry, target ? AE_IFLNK : AE_IFREG);
	la.archive_entry_set_mtime(entry, save->now, 0);
	if (target)
		la.archive_entry_set_symlink(entry, target);
	la.archive_entry_set_size(entry, target ? 0 : (la_int64_t)n);
	save->status = la.archive_write_header(save->archive, entry);
	if (save->status == ARCHIVE_OK && n > 0 &&
	    la.archive_write_data(save->archive, data, n) < 0)
		save->status = ARCHIVE_FATAL;
	la.archive_entry_free(entry);
}

static void save_recorded(const void *node, VISIT visit, void *closure)
{
	const struct snapshot_entry *entry = *(const struct snapshot_entry *const *)node;
	struct save_walk *save = closure;

	if ((visit != postorder && visit != leaf) || save->status != ARCHIVE_OK)
		return;
	save->size.lists += entry->has_list;
	if (entry->has_file) {
		save_entry(save, entry->path, entry->file.data, entry->file.n, NULL);
		save->size.files++;
		save->size.bytes += entry->file.n;
	} else if (entry->has_link) {
		save_entry(save, entry->path, NULL, 0, entry->target);
		save->size.links++;
	} else if (entry->error) {
		save->size.errors++;
	}
}

static void set_filter(struct archive *archive, const char *path)
{
	const char *dot = strrchr(path, '.');

	if (dot && str_eq(dot, ".xz"))
		la.archive_write_add_filter_xz(archive);
	else if (dot && str_eq(dot, ".zst"))
		la.archive_write_add_filter_zstd(archive);
	else if (!dot || !str_eq(dot, ".tar"))
		la.archive_write_add_filter_gzip(archive);
}

static int write_archive(struct snapshot *s, int fd, const char *path, struct snapshot_size *ret,
			 struct err *e)
{
	struct save_walk save = { .archive = la.archive_write_new(), .now = time(NULL) };
	json_t *manifest = snapshot_manifest(s);
	CLEANUP_FREE char *text = json_dumps(manifest, JSON_INDENT(1) | JSON_SORT_KEYS);

	json_decref(manifest);
	/* here names are bytes; pax would have to translate them, and fail, by the locale */
	la.archive_write_set_format_gnutar(save.archive);
	set_filter(save.archive, path);
	save.status = la.archive_write_open_fd(save.archive, fd);
	if (save.status == ARCHIVE_OK)
		save_entry(&save, SNAPSHOT_MANIFEST, text, text ? strlen(text) : 0, NULL);
	twalk_r(s->entries, save_recorded, &save);
	if (save.status == ARCHIVE_OK)
		save.status = la.archive_write_close(save.archive);

	int error = 0;
	if (!text || save.status != ARCHIVE_OK) {
		const char *why = la.archive_error_string(save.archive);
		error = err_fail(e, -EIO, "writing %s: %s", path, why ? why : "out of memory");
	}
	la.archive_write_free(save.archive);
	*ret = save.size;
	return error;
}

/* What is renamed over is gone: that may be an old record, but neither a device, a pipe nor a link.
 */
static int check_target(const char *path, struct err *e)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_io(e, -errno, "writing %s", path);
	if (S_ISDIR(st.st_mode))
		return err_io(e, -EISDIR, "writing %s", path);
	return S_ISREG(st.st_mode)
		       ? 0
		       : err_fail(e, -EEXIST,
				  "writing %s: it is no regular file and stays as it is; give the "
				  "name of a new file",
				  path);
}

int snapshot_save(struct root *recorder, const char *path, struct snapshot_size *ret, struct err *e)
{
	CLEANUP_FREE char *temporary = NULL;
	int error = check_target(path, e);

	if (error == 0)
		error = dl_load(LIBRARY, symbols, ARRAY_SIZE(symbols), e);
	if (error < 0)
		return error;
	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return err_io(e, -ENOMEM, "writing %s", path);
	CLEANUP_CLOSE int fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
	if (fd < 0)
		return err_io(e, -errno, "creating %s", path);
	error = write_archive((struct snapshot *)recorder, fd, path, ret, e);
	if (error == 0 && (fsync(fd) < 0 || rename(temporary, path) < 0))
		error = err_io(e, -errno, "writing %s", path);
	if (error < 0)
		unlink(temporary);
	return error;
}
