// SPDX-License-Identifier: MIT
// Reading entries of the Boot Loader Specification, each as its boot loader does, and finding out
// which kernel and which system an entry belongs to.
//
// systemd's line_get_key_value(), config_entry_parse_tries() (v252; boot_entry_parse_tries() in
// later ones); GRUB's read_entry() and bls_get_val() in Red Hat's grub-core/commands/blscfg.c.
// kernel-install names entries <token>-<version>.conf, puts the kernel to <token>/<version>/linux
// (90-loaderentry.install), and machine-id says whose it is where several systems share $BOOT.

#include "bootloader/bls.h"
#include "base/text.h"
#include "host/host.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include <strings.h>

#define BLANKS " \t"

/* ---- one file ---- */

static void add_pair(struct arena *a, struct bls_entry *entry, const char *key, const char *value)
{
	struct bls_pair *more = arena_array(a, entry->n_pairs + 1, sizeof(*more));

	/* an entry has ten lines */
	if (entry->n_pairs > 0)
		memcpy(more, entry->pairs, entry->n_pairs * sizeof(*more));
	more[entry->n_pairs++] = (struct bls_pair){ key, value };
	entry->pairs = more;
}

/* Ends at CR too, as systemd-boot's lines do. */
static void parse_systemd(struct arena *a, struct bls_entry *entry)
{
	const char *rest = arena_strndup(a, entry->text.data, entry->text.n);

	while (*rest) {
		size_t n = strcspn(rest, "\r\n");
		char *line = arena_strndup(a, rest, n);

		rest += n + (rest[n] != '\0');
		line += strspn(line, BLANKS);
		n = strlen(line);
		while (n > 0 && strchr(BLANKS, line[n - 1]))
			line[--n] = '\0';
		size_t key = strcspn(line, BLANKS);
		if (*line == '#' || line[key] == '\0')
			continue;
		char *value = line + key + strspn(line + key, BLANKS);
		line[key] = '\0';
		if (value[0] == '"' && value[1] && value[strlen(value) - 1] == '"') {
			value[strlen(value) - 1] = '\0';
			value++;
		}
		add_pair(a, entry, line, value);
	}
}

/* Nothing behind a line without a value is read, and a tab ends a key only where no blank does. */
static void parse_grub(struct arena *a, struct bls_entry *entry)
{
	const char *rest = entry->text.data, *text;
	size_t n;

	while (text_next_line(&rest, &text, &n)) {
		char *line = arena_strndup(a, text, n);

		n = strlen(line);
		if (n > 0 && line[n - 1] == '\r')
			line[n - 1] = '\0';
		line += strspn(line, BLANKS);
		if (*line == '#')
			continue;
		char *separator = strchr(line, ' ');
		if (!separator)
			separator = strchr(line, '\t');
		if (!separator || separator[1] == '\0')
			return;
		*separator++ = '\0';
		add_pair(a, entry, line, separator + strspn(separator, BLANKS));
	}
}

static void set(enum bls_reader reader, const char **field, const char *value)
{
	/* of several lines systemd-boot keeps the last, GRUB looks for the first */
	if (reader == BLS_SYSTEMD || !*field)
		*field = value;
}

void bls_parse(struct arena *a, enum bls_reader reader, struct bls_entry *entry)
{
	entry->pairs = NULL;
	entry->n_pairs = 0;
	if (reader == BLS_SYSTEMD)
		parse_systemd(a, entry);
	else
		parse_grub(a, entry);
	for (size_t i = 0; i < entry->n_pairs; i++) {
		const char *key = entry->pairs[i].key, *value = entry->pairs[i].value;

		if (str_eq(key, "title"))
			set(reader, &entry->title, value);
		else if (str_eq(key, "version"))
			set(reader, &entry->version, value);
		else if (str_eq(key, "sort-key"))
			set(reader, &entry->sort_key, value);
		else if (str_eq(key, "machine-id"))
			set(reader, &entry->machine_id, value);
		else if (str_eq(key, "linux"))
			set(reader, &entry->kernel, value);
		else if (str_eq(key, "efi"))
			set(reader, &entry->efi, value);
		else if (str_eq(key, "initrd"))
			boot_name_add(a, &entry->initrds, value);
		else if (str_eq(key, "options") && entry->options && reader == BLS_SYSTEMD)
			entry->options = arena_printf(a, "%s %s", entry->options, value);
		else if (str_eq(key, "options"))
			set(reader, &entry->options, value);
	}
}

/* "name+3-1.conf": three boots left, one done. */
static void parse_name(struct arena *a, struct bls_entry *entry)
{
	size_t n = strlen(entry->file) - strlen(".conf");
	const char *plus = memrchr(entry->file, '+', n);

	entry->name = arena_strndup(a, entry->file, n);
	entry->tries_left = -1;
	if (!plus)
		return;
	const char *counter = arena_strndup(a, plus + 1, n - (size_t)(plus + 1 - entry->file));
	const char *dash = strchr(counter, '-');
	const char *left = dash ? arena_strndup(a, counter, (size_t)(dash - counter)) : counter;
	uint64_t tries, done = 0;

	if (text_number(left, 10, INT32_MAX, &tries) < 0 ||
	    (dash && text_number(dash + 1, 10, INT32_MAX, &done) < 0))
		return;
	entry->tries_left = (int)tries;
	entry->name = arena_strndup(a, entry->file, (size_t)(plus - entry->file));
}

/* ---- a directory of them ---- */

static void insert(struct arena *a, struct bls_list *list, const struct bls_entry *entry)
{
	if (list->n == list->room) {
		list->room = list->room ? 2 * list->room : 16;
		struct bls_entry *more = arena_array(a, list->room, sizeof(*more));
		if (list->n > 0)
			memcpy(more, list->entries, list->n * sizeof(*more));
		list->entries = more;
	}
	size_t at = list->n++;
	for (; at > 0 && bls_compare(list->reader, entry, &list->entries[at - 1]) < 0; at--)
		list->entries[at] = list->entries[at - 1];
	list->entries[at] = *entry;
}

static const char *below(struct arena *a, const char *base, const char *path)
{
	return *base ? arena_printf(a, "%s/%s", base, path) : path;
}

int bls_read(const struct boot_facts *facts, const char *base, struct bls_list *list, struct err *e)
{
	struct arena *a = facts->arena;
	struct names paths;
	int error = boot_entries(facts, below(a, base, "loader/entries"), ".conf", &paths, e);

	for (size_t i = 0; error == 0 && i < paths.n; i++) {
		struct bls_entry entry = { .base = base,
					   .path = paths.name[i],
					   .file = text_last_part(paths.name[i]) };

		if (entry.file[0] == '.' || str_starts(entry.file, "auto-"))
			continue;
		error = boot_read(facts, entry.path, &entry.text, e);
		if (error < 0)
			break;
		parse_name(a, &entry);
		bls_parse(a, list->reader, &entry);
		if (entry.kernel || entry.efi)
			insert(a, list, &entry);
	}
	if (error < 0 || list->reader != BLS_SYSTEMD)
		return error;
	const char *unified = boot_any_case(facts, base, "EFI/Linux");
	error = unified ? boot_entries(facts, unified, ".efi", &paths, e) : 0;
	for (size_t i = 0; unified && error == 0 && i < paths.n; i++)
		boot_name_add(a, &list->unified, text_last_part(paths.name[i]));
	return error;
}

/* ---- whose it is ---- */

bool bls_is_own(const struct bls_entry *entry)
{
	return strstr(entry->name, BOOTLOADER_TRIAL_ENTRY) ||
	       strstr(entry->name, BOOTLOADER_PLAIN_ENTRY);
}

bool bls_is_way_back(const struct bls_entry *entry)
{
	static const char *const signs[] = { "rescue", "fallback" };

	for (size_t i = 0; i < ARRAY_SIZE(signs); i++) {
		if (strstr(entry->name, signs[i]))
			return true;
		for (size_t k = 0; k < entry->initrds.n; k++) {
			if (strstr(entry->initrds.name[k], signs[i]))
				return true;
		}
	}
	return false;
}

const char *bls_file(const struct boot_facts *facts, const struct bls_entry *entry,
		     const char *value)
{
	struct arena *a = facts->arena;

	/* "/initramfs-5.14.0.img $tuned_initrd" */
	const char *variable = strstr(value, " $");

	value += strspn(value, "/");
	if (variable)
		value = arena_strndup(a, value, (size_t)(variable - value));
	const char *path = below(a, entry->base, value);
	if (boot_has(facts, path))
		return path;
	/* GRUB names files from the root of the file system, which may be that of boot/ */
	if (boot_has(facts, value))
		return value;
	const char *spelled = boot_any_case(facts, entry->base, value);
	return spelled ? spelled : path;
}

/* "/debian/6.1.0-37-amd64/linux", "/vmlinuz-6.1.0-37-amd64" */
static bool names_release(const char *value, const char *release)
{
	size_t n = strlen(release);

	for (const char *at = value; (at = strstr(at, release)); at++) {
		bool begins = at > value && (at[-1] == '/' || at[-1] == '-');

		if (begins && (at[n] == '\0' || at[n] == '/'))
			return true;
	}
	return false;
}

bool bls_boots(const struct boot_facts *facts, const struct bls_entry *entry,
	       const struct initramfs_kernel *kernel)
{
	if (!entry->kernel)
		return false;
	if (kernel->vmlinuz && str_eq(bls_file(facts, entry, entry->kernel), kernel->vmlinuz))
		return true;
	return (entry->version && str_eq(entry->version, kernel->release)) ||
	       names_release(entry->kernel, kernel->release);
}

const struct initramfs_kernel *bls_kernel(const struct boot_facts *facts,
					  const struct bls_entry *entry)
{
	const struct initramfs_setup *setup = facts->initramfs;

	for (size_t i = 0; setup && i < setup->n_kernels; i++) {
		if (bls_boots(facts, entry, &setup->kernels[i]))
			return &setup->kernels[i];
	}
	return NULL;
}

bool bls_is_normal(const struct boot_facts *facts, const struct bls_entry *entry)
{
	if (!entry->kernel || bls_is_own(entry) || bls_is_way_back(entry))
		return false;
	if (entry->machine_id && facts->machine_id && !str_eq(entry->machine_id, facts->machine_id))
		return false;
	if (entry->machine_id && facts->machine_id)
		return true;
	/* "<machine-id>-<version>.conf" */
	if (facts->machine_id && str_starts(entry->name, facts->machine_id))
		return true;
	return bls_kernel(facts, entry);
}

bool bls_is_installed(const struct bls_entry *entry)
{
	/* sdbootutil puts the snapshot in front: "5@6.10.1-1-default" */
	const char *at = entry->version ? strchr(entry->version, '@') : NULL;
	const char *version = at ? at + 1 : entry->version;

	return version && *version && strstr(entry->name, version);
}

int bls_origin(const struct boot_facts *facts, const struct bls_list *list,
	       const struct initramfs_kernel *kernel, const struct bls_entry **ret, struct err *e)
{
	const struct bls_entry *found = NULL, *usual = NULL;

	for (size_t i = 0; i < list->n; i++) {
		const struct bls_entry *entry = &list->entries[i];

		if (!bls_is_normal(facts, entry) || !bls_boots(facts, entry, kernel))
			continue;
		if (!found)
			found = entry;
		if (!usual && list->usual && fnmatch(list->usual, entry->file, FNM_CASEFOLD) == 0)
			usual = entry;
	}
	*ret = usual ? usual : found;
	return found ? 0
		     : boot_unsupported(e,
					"no entry of the boot loader starts the kernel %s: nothing "
					"to make a trial entry from",
					kernel->release);
}

/* ---- its images ---- */

static bool is_microcode(const char *value)
{
	const char *name = text_last_part(value);

	return strstr(name, "ucode") || strstr(name, "microcode");
}

const char *bls_initrd(const struct boot_facts *facts, const struct bls_entry *entry,
		       const struct initramfs_kernel *kernel)
{
	const char *only = NULL;
	size_t n = 0;

	for (size_t i = 0; i < entry->initrds.n; i++) {
		const char *value = entry->initrds.name[i];

		if (kernel->image && str_eq(bls_file(facts, entry, value), kernel->image))
			return value;
		if (is_microcode(value))
			continue;
		only = value;
		n++;
	}
	for (size_t i = 0; kernel->image && i < entry->initrds.n; i++) {
		if (str_eq(text_last_part(entry->initrds.name[i]), text_last_part(kernel->image)))
			return entry->initrds.name[i];
	}
	return n == 1 ? only : NULL;
}
