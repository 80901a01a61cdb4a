// SPDX-License-Identifier: MIT
// Entries of menus. The grammar is that of the loaders: ReadTokenLine() of rEFInd's config.c, whose
// first line is the default; keywords of syslinux have no case and a LABEL ends the one before
// (com32/menu/readconfig.c); a title of Limine is a line that begins with '/', of old files ':'
// (common/lib/config.c).

#include "bootloader/menu.h"
#include "base/text.h"
#include "host/host.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#define ENTRIES_MAX 1000

/* ---- reading ---- */

static struct menu_entry *entry_new(struct menu *menu, size_t at)
{
	if (menu->n == ENTRIES_MAX)
		return &menu->entries[menu->n - 1];
	struct menu_entry *entry = &menu->entries[menu->n++];

	entry->at = at;
	return entry;
}

/* What stands behind a keyword, without blanks around it; NULL: the line has another one. */
static const char *value_of(const char *line, const char *keyword)
{
	size_t n = strlen(keyword);

	line += strspn(line, " \t");
	if (strncasecmp(line, keyword, n) != 0)
		return NULL;
	/* "key value" and "key: value" */
	if (keyword[n - 1] != ':' && keyword[n - 1] != '=' && !strchr(" \t", line[n]))
		return NULL;
	line += n;
	return line + strspn(line, " \t");
}

static const char *last_word(struct arena *a, const char *options, const char *name)
{
	const char *found = NULL, *word;

	while (options && (word = text_next_word(a, &options))) {
		if (str_starts(word, name))
			found = word + strlen(name);
	}
	return found;
}

static void line_of_extlinux(struct arena *a, struct menu *menu, const char *line)
{
	struct menu_entry *entry = menu->n > 0 ? &menu->entries[menu->n - 1] : NULL;
	const char *value;

	if ((value = value_of(line, "default")) && !entry)
		menu->default_name = value;
	menu->includes |= value_of(line, "include") || value_of(line, "menu include");
	if (!entry)
		return;
	if (value_of(line, "menu default"))
		menu->default_name = entry->name;
	if ((value = value_of(line, "linux")) || (value = value_of(line, "kernel")))
		entry->kernel = value;
	if ((value = value_of(line, "initrd")))
		entry->image = value;
	if ((value = value_of(line, "append")))
		entry->options = value;
	if (!entry->image && entry->options)
		entry->image = last_word(a, entry->options, "initrd=");
}

static void line_of_limine(struct menu *menu, const char *line)
{
	static const char *const options[] = { "cmdline:", "kernel_cmdline:", "cmdline=",
					       "kernel_cmdline=" };
	static const char *const kernels[] = { "path:", "kernel_path:", "kernel_path=" };
	static const char *const images[] = { "module_path:", "module_path=" };
	struct menu_entry *entry = menu->n > 0 ? &menu->entries[menu->n - 1] : NULL;
	const char *value;

	for (size_t i = 0; entry && i < ARRAY_SIZE(options); i++) {
		if ((value = value_of(line, options[i])))
			entry->options = value;
	}
	for (size_t i = 0; entry && i < ARRAY_SIZE(kernels); i++) {
		if ((value = value_of(line, kernels[i])))
			entry->kernel = value;
	}
	for (size_t i = 0; entry && i < ARRAY_SIZE(images); i++) {
		if ((value = value_of(line, images[i])))
			entry->image = value;
	}
}

/* The string that opens at *@text, whose quotes are doubled inside; NULL: there is none. */
static const char *quoted(struct arena *a, const char **text)
{
	const char *from = *text + strspn(*text, " \t");
	char *value = arena_alloc(a, strlen(from) + 1);
	size_t n = 0;

	if (*from++ != '"')
		return NULL;
	for (; *from; from++) {
		if (*from == '"' && *++from != '"') {
			*text = from;
			return value;
		}
		value[n++] = *from;
	}
	return NULL;
}

static void line_of_refind(struct arena *a, struct menu *menu, const char *line, size_t at)
{
	const char *name = quoted(a, &line), *options = name ? quoted(a, &line) : NULL;

	if (!options)
		return;
	struct menu_entry *entry = entry_new(menu, at);
	entry->name = name;
	entry->options = options;
	entry->kernel = "";
	entry->image = last_word(a, options, "initrd=");
}

/* The title that a line opens; NULL: it opens none. */
static const char *title_of(enum edit_format format, const char *line)
{
	if (format == EDIT_EXTLINUX)
		return value_of(line, "label");
	line += strspn(line, " \t");
	if (format != EDIT_LIMINE || (*line != '/' && *line != ':'))
		return NULL;
	line += strspn(line, line[0] == '/' ? "/" : ":");
	line += *line == '+';
	return line + strspn(line, " \t");
}

void menu_read(struct arena *a, struct bytes text, enum edit_format format, struct menu *ret)
{
	const char *rest = text.data, *line;
	size_t n;

	*ret = (struct menu){ .format = format };
	ret->entries = arena_array(a, ENTRIES_MAX, sizeof(*ret->entries));
	while (text_next_line(&rest, &line, &n)) {
		size_t at = (size_t)(line - text.data);
		const char *copy = text_trimmed(a, (struct bytes){ line, n });
		const char *title = title_of(format, copy);

		if (title)
			entry_new(ret, at)->name = title;
		else if (format == EDIT_EXTLINUX)
			line_of_extlinux(a, ret, copy);
		else if (format == EDIT_LIMINE)
			line_of_limine(ret, copy);
		else
			line_of_refind(a, ret, copy, at);
		if (ret->n > 0)
			ret->entries[ret->n - 1].end = at + n + (line[n] == '\n');
	}
}

/* ---- judging ---- */

static bool mentions(const char *text, const char *what)
{
	return text && strcasestr(text, what);
}

bool menu_is_normal(struct arena *a, const struct menu_entry *entry)
{
	static const char *const rescue[] = { "single",
					      "s",
					      "S",
					      "1",
					      "rescue",
					      "emergency",
					      "recovery",
					      "systemd.unit=rescue.target",
					      "systemd.unit=emergency.target" };

	if (!entry->options || !entry->kernel || !entry->name ||
	    str_eq(entry->name, BOOTLOADER_PLAIN_ENTRY) || mentions(entry->kernel, ".c32") ||
	    mentions(entry->kernel, "memtest"))
		return false;
	if (mentions(entry->name, "fallback") || mentions(entry->name, "rescue") ||
	    mentions(entry->name, "recovery") || mentions(entry->image, "-fallback"))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(rescue); i++) {
		if (boot_count_word(a, entry->options, rescue[i]) > 0)
			return false;
	}
	return true;
}

bool menu_has_words(struct arena *a, const char *options, const struct names *words)
{
	for (size_t i = 0; i < words->n; i++) {
		if (boot_count_word(a, options, words->name[i]) == 0)
			return false;
	}
	return true;
}

static const struct menu_entry *find_entry(const struct menu *menu, const char *name)
{
	for (size_t i = 0; i < menu->n; i++) {
		if (str_same(menu->entries[i].name, name))
			return &menu->entries[i];
	}
	return NULL;
}

const struct menu_entry *menu_entry_of(struct arena *a, const struct menu *menu,
				       const struct initramfs_kernel *kernel)
{
	const char *name = kernel && kernel->vmlinuz ? text_last_part(kernel->vmlinuz) : NULL;
	const struct menu_entry *first = NULL, *by_default;

	for (size_t i = 0; i < menu->n; i++) {
		const struct menu_entry *entry = &menu->entries[i];

		if (!menu_is_normal(a, entry))
			continue;
		if (name && str_eq(text_last_part(entry->kernel), name))
			return entry;
		first = first ? first : entry;
	}
	by_default = menu->default_name ? find_entry(menu, menu->default_name) : NULL;
	return by_default && menu_is_normal(a, by_default) ? by_default : first;
}

/* ---- the entry without words ---- */

/*
 * The entry's line with the image as it was before in place of the usual one. Only where both lie
 * in one directory and the menu names the image by the name that it has there: a copy elsewhere,
 * on an ESP say, has no such image beside it.
 */
static const char *with_plain_image(struct arena *a, const struct menu_change *c, const char *line)
{
	const struct initramfs_kernel *kernel = c->change->kernel;
	const char *plain = c->image, *usual = kernel ? kernel->image : NULL;

	if (!plain || !usual || str_starts(text_last_part(line), text_last_part(plain)))
		return line;
	size_t n = (size_t)(text_last_part(usual) - usual);
	const char *name = usual + n, *found = strstr(line, name);
	if (strncmp(plain, usual, n) != 0 || !str_eq(text_last_part(plain), plain + n) || !found)
		return line;
	char behind = found[strlen(name)];
	if (behind && !strchr(" \t\r\"", behind))
		return line;
	return arena_printf(a, "%.*s%s%s", (int)(found - line), line, plain + n,
			    found + strlen(name));
}

/* Lines of an entry that mean the same in another one. */
static bool is_copied(enum edit_format format, const char *line)
{
	static const char *const extlinux[] = { "linux",       "kernel",       "initrd",
						"append",      "fdt",          "fdtdir",
						"devicetree",  "ipappend",     "sysappend",
						"fdtoverlays", "devicetreedir" };

	line += strspn(line, " \t");
	if (format == EDIT_LIMINE)
		return *line && *line != '#' && !value_of(line, "comment:");
	for (size_t i = 0; i < ARRAY_SIZE(extlinux); i++) {
		const char *value = value_of(line, extlinux[i]);

		if (value && *value)
			return true;
	}
	return false;
}

static const char *doubled(struct arena *a, const char *text)
{
	char *copy = arena_alloc(a, 2 * strlen(text) + 1);
	size_t n = 0;

	for (; *text; text++) {
		copy[n++] = *text;
		if (*text == '"')
			copy[n++] = '"';
	}
	return copy;
}

static struct bytes plain_text(struct arena *a, const struct menu_change *c, struct bytes text,
			       const struct menu_entry *entry)
{
	const char *opens = c->format == EDIT_EXTLINUX ? "LABEL " : "/", *made;
	const char *rest = arena_strndup(a, text.data + entry->at, entry->end - entry->at), *line;
	size_t n;

	if (c->format == EDIT_REFIND) {
		made = arena_printf(a, "\"%s\" \"%s\"\n", BOOTLOADER_PLAIN_ENTRY,
				    with_plain_image(a, c, doubled(a, entry->options)));
		return (struct bytes){ made, strlen(made) };
	}
	if (c->format == EDIT_LIMINE && text.data[entry->at] == ':')
		opens = ":";
	made = arena_printf(a, "%s%s\n", opens, BOOTLOADER_PLAIN_ENTRY);
	while (text_next_line(&rest, &line, &n)) {
		const char *copy = arena_strndup(a, line, n);

		if (!is_copied(c->format, copy) || title_of(c->format, copy))
			continue;
		made = arena_printf(a, "%s%s\n", made, with_plain_image(a, c, copy));
	}
	return (struct bytes){ made, strlen(made) };
}

/* Words that stand there from an earlier plan are not those of the entry. */
static int plain_of(const struct boot_facts *facts, const struct menu_change *c, struct bytes text,
		    struct bytes *ret, struct err *e)
{
	struct arena *a = facts->arena;
	const struct names *words = &c->change->words;
	const struct menu_entry *entry;
	struct menu menu;

	menu_read(a, text, c->format, &menu);
	entry = menu_entry_of(a, &menu, c->change->kernel);
	if (words->n > 0 && boot_count_word(a, entry->options, words->name[0]) > 0) {
		const struct edit_place place = { .format = c->format, .name = entry->name };
		int error = edit_remove(a, text, &place, words, &text, e);

		if (error < 0)
			return err_wrap(e, error, "%s", c->path);
		menu_read(a, text, c->format, &menu);
		entry = menu_entry_of(a, &menu, c->change->kernel);
	}
	*ret = plain_text(a, c, text, entry);
	return 0;
}

/* ---- planning ---- */

static int edit_entries(const struct boot_facts *facts, const struct menu_change *c,
			const struct menu *menu, struct bytes *text, struct err *e)
{
	size_t n = 0;

	for (size_t i = 0; i < menu->n; i++) {
		const struct menu_entry *entry = &menu->entries[i];
		const struct edit_place place = { .format = c->format, .name = entry->name };
		struct edit edit;

		if (!menu_is_normal(facts->arena, entry))
			continue;
		int error = edit_add(facts->arena, *text, &place, &c->change->words, &edit, e);
		if (error < 0)
			return err_wrap(e, error, "%s", c->path);
		*text = edit.text;
		n++;
	}
	return n > 0 ? 0
		     : boot_unsupported(e,
					"%s has no entry that starts Linux with options: write "
					"one first",
					c->path);
}

/* The image as it was before, where the menu can name it: both lie on one file system. */
static const char *plain_image(const struct boot_facts *facts, const struct menu_change *c)
{
	const char *image = c->change->plain_image;
	struct boot_mounts mounts;

	boot_mounts_read(facts, &mounts);
	return image && boot_mount_of(&mounts, image) == boot_mount_of(&mounts, c->path) ? image
											 : NULL;
}

int menu_plan(const struct boot_facts *facts, const struct menu_change *request, struct plan *plan,
	      struct bytes *ret_plain, struct err *e)
{
	struct arena *a = facts->arena;
	struct menu_change own = *request, *c = &own;
	struct bytes text, edited, plain;
	struct menu menu;

	own.image = plain_image(facts, c);
	int error = boot_planned(facts, plan, c->path, &text, e);

	if (error < 0)
		return error;
	menu_read(a, text, c->format, &menu);
	if (menu.includes)
		return boot_unsupported(e, "%s includes another file: entries may stand there too",
					c->path);
	edited = text;
	error = edit_entries(facts, c, &menu, &edited, e);
	if (error < 0)
		return error;
	error = plain_of(facts, c, text, &plain, e);
	if (error < 0)
		return error;
	if (ret_plain)
		*ret_plain = plain;
	if (!c->own_menu && !find_entry(&menu, BOOTLOADER_PLAIN_ENTRY)) {
		bool ends = edited.n > 0 && edited.data[edited.n - 1] == '\n';
		const char *all = arena_printf(a, "%s%s%s%s", edited.data, ends ? "" : "\n",
					       c->format == EDIT_REFIND ? "" : "\n", plain.data);
		edited = (struct bytes){ all, strlen(all) };
	}
	plan_file(a, plan, "the words in every normal entry, and an entry without them", c->path,
		  edited, 0);
	return 0;
}

int menu_check(struct host *host, const char *path, enum edit_format format,
	       const struct names *words, struct err *e)
{
	struct arena *a = &host->arena;
	struct bytes text;
	struct menu menu;
	size_t n = 0;
	int error = root_read_max(host->root, a, path, BOOT_FILE_MAX, &text);

	if (error < 0)
		return err_io(e, error, "reading %s", path);
	menu_read(a, text, format, &menu);
	for (size_t i = 0; i < menu.n; i++) {
		if (!menu_is_normal(a, &menu.entries[i]))
			continue;
		n++;
		if (!menu_has_words(a, menu.entries[i].options, words))
			return err_fail(e, -EIO, "the entry %s of %s is without the words",
					menu.entries[i].name, path);
	}
	if (n == 0)
		return err_fail(e, -EIO, "%s has no entry that starts Linux", path);
	if (!find_entry(&menu, BOOTLOADER_PLAIN_ENTRY))
		return err_fail(e, -EIO, "%s has no entry %s", path, BOOTLOADER_PLAIN_ENTRY);
	return 0;
}

/* ---- by hand ---- */

const char *menu_words_by_hand(struct arena *a, const struct boot_change *change)
{
	const char **words = arena_array(a, change->words.n, sizeof(*words));
	size_t n = 0;

	for (size_t i = 0; i < change->words.n; i++) {
		if (!str_starts(change->words.name[i], "passthru."))
			words[n++] = change->words.name[i];
	}
	return text_join(a, words, n, " ");
}

const char *menu_devices_by_hand(struct arena *a, const struct boot_change *change)
{
	return arena_printf(
		a,
		"These words set up memory and the IOMMU alone: the helper that reserves devices\n"
		"by their identity is not put in place by hand. Devices are reserved by kind\n"
		"then, with one more word:\n"
		"  vfio-pci.ids=%s\n"
		"It takes every card with these ids, the twin of one too, and vfio_pci has to be\n"
		"loaded in the initramfs before the drivers of the devices.\n",
		text_join(a, change->ids.name, change->ids.n, ","));
}
