// SPDX-License-Identifier: MIT
// Steps on entries of the Boot Loader Specification that systemd-boot and GRUB share: the words in
// every normal entry, the trial entry, the entry without our words, and copies of images.
//
// A kernel's package writes its entry anew whenever it likes (update-initramfs runs kernel-install
// on Debian). Such a file is no longer what we left when undo comes, and what it was before may
// name a title that is outdated: so the step names a command that takes just the words out of it.

#include "base/text.h"
#include "bootloader/bls.h"
#include "host/host.h"

#include <errno.h>
#include <string.h>

#define CMDLINE "etc/kernel/cmdline"

/* ---- the words in entries ---- */

/* The word as a basic regular expression between '#': only '.' means something in one. */
static char *escaped(struct arena *a, const char *word)
{
	char *to = arena_alloc(a, 2 * strlen(word) + 1), *at = to;

	for (; *word; word++) {
		if (*word == '.')
			*at++ = '\\';
		*at++ = *word;
	}
	return to;
}

/* Commands of sed that take the last of each word out of a line, where a blank is before it. */
static const char *commands_of(struct arena *a, const struct names *words)
{
	char *script = arena_strdup(a, "");

	for (size_t i = words->n; i-- > 0;)
		script = arena_printf(
			a, "%ss#^\\(.*\\)[[:blank:]]%s\\([[:blank:]].*\\)\\{0,1\\}$#\\1\\2#;",
			script, escaped(a, words->name[i]));
	return script;
}

/* Out of the entry, whatever its boot counter has become, and when it is still there. */
static const char *const *take_out(struct arena *a, const struct bls_entry *entry,
				   const struct names *words)
{
	size_t n = (size_t)(text_last_part(entry->path) - entry->path);
	const char *directory = arena_strndup(a, entry->path, n ? n - 1 : 0);

	return text_list(
		a, "find", boot_absolute(a, directory), "-maxdepth", "1", "(", "-name",
		arena_concat(a, entry->name, ".conf"), "-o", "-name",
		arena_concat(a, entry->name, "+*.conf"), ")", "-exec", "sed", "-i", "-e",
		arena_printf(a, "/^[[:blank:]]*options[[:blank:]]/{%s}", commands_of(a, words)),
		"{}", ";", NULL);
}

static int check_words(const struct boot_facts *facts, enum bls_reader reader, const char *path,
		       struct bytes text, const struct names *words, struct err *e)
{
	struct bls_entry again = { .text = text };

	bls_parse(facts->arena, reader, &again);
	for (size_t i = 0; i < words->n; i++) {
		if (boot_count_word(facts->arena, again.options ? again.options : "",
				    words->name[i]) == 0)
			return boot_unsupported(
				e,
				"%s would not give the kernel '%s': the boot loader "
				"reads another options line of it",
				path, words->name[i]);
	}
	return 0;
}

int bls_edit(const struct boot_facts *facts, struct plan *plan, enum bls_reader reader,
	     const struct bls_entry *entry, const struct names *words, bool own_line, struct err *e)
{
	struct arena *a = facts->arena;
	struct edit_place place = { .format = own_line || !entry->options ? EDIT_BLS_OWN_LINE
									  : EDIT_BLS };
	struct edit edit;
	struct bytes text;
	int error = boot_planned(facts, plan, entry->path, &text, e);

	if (error == 0) {
		error = edit_add(a, text, &place, words, &edit, e);
		if (error < 0)
			return err_wrap(e, error, "%s", entry->path);
		error = check_words(facts, reader, entry->path, edit.text, words, e);
	}
	if (error < 0)
		return error;
	plan_file(a, plan,
		  arena_printf(a, "the words on the command line of the entry \"%s\"",
			       entry->title ? entry->title : entry->name),
		  entry->path, edit.text, 0);
	struct step *step = &plan->steps[plan->n_steps - 1];
	step->may_go = true;
	if (edit.added.n > 0 && !own_line) {
		step->writes = text_list(a, entry->path, NULL);
		step->regenerate = take_out(a, entry, &edit.added);
		step->trace = edit.added.name[0];
	}
	return 0;
}

int bls_edit_all(const struct boot_facts *facts, struct plan *plan, const struct bls_list *list,
		 const struct names *words, size_t *ret_n, struct err *e)
{
	*ret_n = 0;
	for (size_t i = 0; i < list->n; i++) {
		const struct bls_entry *entry = &list->entries[i];

		if (!bls_is_normal(facts, entry))
			continue;
		/* a line of our own only where nobody but systemd-boot reads or writes it */
		bool own_line = list->reader == BLS_SYSTEMD && !bls_is_installed(entry);
		int error = bls_edit(facts, plan, list->reader, entry, words, own_line, e);
		if (error < 0)
			return error;
		(*ret_n)++;
	}
	return 0;
}

/* The user's own: they stand in the entry without our words, or in what entries are made from. */
static const char *users_words(const struct boot_facts *facts, const struct bls_list *list,
			       const struct names *words)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct bls_entry *entry = &list->entries[i];

		if (strstr(entry->name, BOOTLOADER_PLAIN_ENTRY))
			return entry->options ? entry->options : "";
	}
	const char *line = boot_line(facts, CMDLINE);
	if (line && words->n > 0 && boot_count_word(facts->arena, line, words->name[0]) == 0)
		return line;
	return "";
}

int bls_leave(const struct boot_facts *facts, const struct bls_list *list,
	      const struct names *words, struct plan *plan, struct err *e)
{
	struct arena *a = facts->arena;
	const struct edit_place place = { .format = EDIT_BLS_OWN_LINE };
	const char *users = users_words(facts, list, words);
	const struct names ours = boot_missing(a, users, words);

	for (size_t i = 0; ours.n > 0 && i < list->n; i++) {
		const struct bls_entry *entry = &list->entries[i];

		if (bls_is_own(entry) || !entry->options || words->n == 0 ||
		    boot_count_word(a, entry->options, words->name[0]) == 0)
			continue;
		int error = boot_edit_out(facts, plan,
					  arena_printf(a, "the words out of the entry \"%s\"",
						       entry->title ? entry->title : entry->name),
					  entry->path, &place, &ours, e);
		if (error < 0)
			return error;
	}
	return 0;
}

/* ---- entries of our own ---- */

int bls_own_name(const struct boot_facts *facts, const struct bls_list *list, const char *wanted,
		 const char **ret, struct err *e)
{
	*ret = bls_last_name(facts->arena, list, wanted);
	return *ret ? 0
		    : boot_unsupported(e,
				       "an entry of this program would not stand behind all others "
				       "in the menu (%s does), and might be started by itself",
				       list->n ? list->entries[list->n - 1].file : "none");
}

static const char *entry_path(const struct boot_facts *facts, const struct bls_entry *from,
			      const char *name)
{
	const char *directory = arena_strndup(facts->arena, from->path,
					      (size_t)(text_last_part(from->path) - from->path));

	return arena_printf(facts->arena, "%s%s.conf", directory, name);
}

static int find_initrd(const struct boot_facts *facts, const struct bls_entry *from,
		       const struct initramfs_kernel *kernel, const char **ret, struct err *e)
{
	*ret = bls_initrd(facts, from, kernel);
	return *ret ? 0
		    : boot_unsupported(e,
				       "%s does not say which of its initrd lines is the initramfs "
				       "image of the kernel %s",
				       from->path, kernel->release);
}

int bls_trial(const struct boot_facts *facts, const struct bls_list *list,
	      const struct boot_change *change, struct plan *plan, const char **ret_file,
	      struct err *e)
{
	struct arena *a = facts->arena;
	struct bls_own own = { .title = "trial of passthru" };
	struct names words = boot_trial_words(a, change);
	const char *name = NULL;
	int error = bls_origin(facts, list, change->kernel, &own.from, e);

	if (error == 0)
		error = bls_own_name(facts, list, BOOTLOADER_TRIAL_ENTRY, &name, e);
	if (error == 0 && change->trial_image)
		error = find_initrd(facts, own.from, change->kernel, &own.instead, e);
	if (error < 0)
		return error;
	if (change->trial_image) {
		struct bls_image image;

		bls_place(facts, own.from, own.instead, change->trial_image, &image);
		own.initrd = image.value;
		if (image.source)
			bls_copy(facts, plan, "the trial's image where the boot loader can read it",
				 image.source, image.path, true);
	}
	own.options = bls_with_words(facts, own.from->options, &words, e);
	if (!own.options)
		return err_wrap(e, -EOPNOTSUPP, "%s", own.from->path);
	plan_file(a, plan, "the entry that is used for one boot only, the last one of the menu",
		  entry_path(facts, own.from, name), bls_make(a, list->reader, &own), 0);
	*ret_file = arena_concat(a, name, ".conf");
	return 0;
}

const struct bls_entry *bls_own_whole(const struct boot_facts *facts, const struct bls_list *list,
				      const char *wanted)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct bls_entry *entry = &list->entries[i];
		const char *program = entry->efi ? entry->efi : entry->kernel;
		bool whole = strstr(entry->name, wanted) && program &&
			     boot_has(facts, bls_file(facts, entry, program));

		for (size_t k = 0; whole && k < entry->initrds.n; k++)
			whole = boot_has(facts, bls_file(facts, entry, entry->initrds.name[k]));
		if (whole)
			return entry;
	}
	return NULL;
}

int bls_plain(const struct boot_facts *facts, const struct bls_list *list,
	      const struct boot_change *change, struct plan *plan, struct err *e)
{
	struct arena *a = facts->arena;
	struct bls_own own = { .title = "without passthru" };
	const char *name = NULL;

	const struct bls_entry *there = bls_own_whole(facts, list, BOOTLOADER_PLAIN_ENTRY);
	if (there && (change->words.n == 0 || !there->options ||
		      boot_count_word(a, there->options, change->words.name[0]) == 0))
		return 0;
	int error = bls_origin(facts, list, change->kernel, &own.from, e);
	if (error == 0)
		error = bls_own_name(facts, list, BOOTLOADER_PLAIN_ENTRY, &name, e);
	if (error == 0 && change->plain_image)
		error = find_initrd(facts, own.from, change->kernel, &own.instead, e);
	if (error < 0)
		return error;
	if (change->plain_image) {
		struct bls_image image;

		bls_place(facts, own.from, own.instead, change->plain_image, &image);
		own.initrd = image.value;
		if (image.source)
			bls_copy(facts, plan,
				 "the image as it was, where the boot loader can read it",
				 image.source, image.path, true);
	}
	/* none of them is there but after another hand has taken this entry away */
	own.options = own.from->options ? own.from->options : "";
	if (change->words.n > 0 && boot_count_word(a, own.options, change->words.name[0]) > 0)
		own.options = bls_without_words(facts, own.options, &change->words, e);
	if (!own.options)
		return err_wrap(e, -EOPNOTSUPP, "%s", own.from->path);
	plan_file(a, plan, "an entry that starts the host as it was, the last one of the menu",
		  entry_path(facts, own.from, name), bls_make(a, list->reader, &own), 0);
	return 0;
}

/* ---- images ---- */

static bool is_copied(const struct plan *plan, const char *path)
{
	for (size_t i = 0; i < plan->n_steps; i++) {
		if (str_same(plan->steps[i].becomes, path))
			return true;
	}
	return false;
}

int bls_copy_rebuilt(const struct boot_facts *facts, const struct bls_list *list,
		     const struct boot_change *change, struct plan *plan, struct err *e)
{
	struct arena *a = facts->arena;

	for (size_t i = 0; i < change->n_rebuilt; i++) {
		const struct initramfs_kernel *kernel = change->rebuilt[i];

		for (size_t k = 0; k < list->n; k++) {
			const struct bls_entry *entry = &list->entries[k];
			const char *value;

			if (!bls_is_normal(facts, entry) || !bls_boots(facts, entry, kernel) ||
			    entry->initrds.n == 0)
				continue;
			int error = find_initrd(facts, entry, kernel, &value, e);
			if (error < 0)
				return error;
			const char *path = bls_file(facts, entry, value);
			if (str_eq(path, kernel->image) || is_copied(plan, path))
				continue;
			bls_copy(facts, plan,
				 arena_printf(a,
					      "the new image of the kernel %s where the boot "
					      "loader reads it",
					      kernel->release),
				 kernel->image, path, false);
		}
	}
	return 0;
}

void bls_drop_trial(const struct boot_facts *facts, const struct bls_list *list,
		    const struct boot_change *change, struct plan *plan)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct bls_entry *entry = &list->entries[i];
		const struct bls_entry *from;

		if (!strstr(entry->name, BOOTLOADER_TRIAL_ENTRY))
			continue;
		plan_absent(facts->arena, plan, "the trial is over: its entry goes", entry->path);
		if (bls_origin(facts, list, change->kernel, &from, NULL) < 0)
			continue;
		/* the lines that the trial's entry has and the one it was made from has not */
		for (size_t k = 0; k < entry->initrds.n; k++) {
			const char *path = bls_file(facts, entry, entry->initrds.name[k]);
			bool theirs = str_same(path, change->trial_image) ||
				      str_same(path, change->plain_image);

			for (size_t m = 0; m < from->initrds.n; m++)
				theirs |= str_eq(from->initrds.name[m], entry->initrds.name[k]);
			if (theirs)
				continue;
			plan_absent(facts->arena, plan, "the copy of the trial's image goes", path);
			/* it lies in the kernel's folder */
			plan->steps[plan->n_steps - 1].may_go = true;
		}
	}
}

/* ---- what kernels that are installed later get ---- */

static bool is_loaders(const char *word)
{
	return str_starts(word, "BOOT_IMAGE=") || str_starts(word, "initrd=");
}

/* As kernel-install takes it from the running kernel, and without our words. */
static const char *running_line(const struct boot_facts *facts, const struct names *words,
				struct err *e)
{
	struct arena *a = facts->arena;
	const struct names trial = { (const char *[]){ BOOTLOADER_TRIAL_WORD }, 1 };
	const char *line = boot_line(facts, "proc/cmdline"), *word;
	const char *kept = "";

	while (line && (word = text_next_word(a, &line))) {
		if (!is_loaders(word))
			kept = arena_printf(a, "%s%s%s", kept, *kept ? " " : "", word);
	}
	kept = bls_without_words(facts, kept, &trial, e);
	return kept ? bls_without_words(facts, kept, words, e) : NULL;
}

/* Without GRUB's variables; NULL where one of them is the command line ($kernelopts). */
static const char *entry_line(const struct boot_facts *facts, const struct bls_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct bls_entry *entry = &list->entries[i];
		const char *rest = entry->options, *word, *line = "";

		if (!bls_is_normal(facts, entry) || !rest || strstr(rest, "$kernelopts"))
			continue;
		while ((word = text_next_word(facts->arena, &rest))) {
			if (*word != '$')
				line = arena_printf(facts->arena, "%s%s%s", line, *line ? " " : "",
						    word);
		}
		if (*line)
			return line;
	}
	return NULL;
}

/* What is taken where there is no etc/kernel/cmdline. */
static const char *line_so_far(const struct boot_facts *facts, const struct bls_list *list,
			       const struct names *words, struct err *e)
{
	const char *line = boot_line(facts, "usr/lib/kernel/cmdline");

	if (!line)
		line = entry_line(facts, list);
	return line ? line : running_line(facts, words, e);
}

int bls_keep_cmdline(const struct boot_facts *facts, const char *line, struct plan *plan,
		     struct err *e)
{
	int error = boot_look(facts, CMDLINE);

	if (error == 0 || boot_has(facts, "usr/lib/kernel/cmdline"))
		return 0;
	if (error != -ENOENT)
		return err_io(e, error, "reading %s", CMDLINE);
	if (!line || !*line)
		return 0;
	line = arena_concat(facts->arena, line, "\n");
	plan_file(facts->arena, plan,
		  "the command line as it is: without this file a kernel that is installed in the "
		  "trial's boot would take over the trial's",
		  CMDLINE, (struct bytes){ line, strlen(line) }, 0);
	return 0;
}

int bls_keep_usual(const struct boot_facts *facts, const struct bls_list *list,
		   const struct names *words, struct plan *plan, struct err *e)
{
	const char *line = line_so_far(facts, list, words, e);

	return line ? bls_keep_cmdline(facts, line, plan, e) : -EOPNOTSUPP;
}

int bls_kernel_cmdline(const struct boot_facts *facts, const struct bls_list *list,
		       const struct names *words, struct plan *plan, struct err *e)
{
	static const char path[] = "etc/kernel/cmdline",
			  why[] = "the words for kernels that are installed later";
	const struct edit_place place = { .format = EDIT_CMDLINE };
	int error = boot_look(facts, path);

	if (error == 0)
		return boot_edit_in(facts, plan, why, path, &place, words, e);
	if (error != -ENOENT)
		return err_io(e, error, "reading %s", path);
	const char *line = line_so_far(facts, list, words, e);
	if (!line || !*line)
		return boot_unsupported(e,
					"%s does not exist, and no entry says what the whole "
					"command line is: write it there first, with root=",
					path);
	line = bls_with_words(facts, line, words, e);
	if (!line)
		return err_wrap(e, -EOPNOTSUPP, "%s", path);
	line = arena_concat(facts->arena, line, "\n");
	plan_file(facts->arena, plan, why, path, (struct bytes){ line, strlen(line) }, 0);
	return 0;
}
