// SPDX-License-Identifier: MIT
// rEFInd finds kernels by itself and takes their options from refind_linux.conf beside them: pairs
// of strings, the first one is what the menu starts, the others are in its submenu (F2). It is read
// at every start, nothing is made from it. Of the images of a kernel rEFInd takes the one with the
// shortest name (FindInitrd() in its linux.c), so those that are kept beside are not taken.
//
// An entry that is used once it has not: what it starts by default is the last choice or a name.

#include "base/text.h"
#include "bootloader/menu.h"
#include "host/host.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define USUAL "boot/refind_linux.conf"

struct refind {
	const char *options; /* refind_linux.conf */
	const char *program; /* refind_x64.efi */
	const char *folder;  /* of refind.conf */
};

/* refind_x64.efi in a directory of EFI/, or renamed as what the firmware starts by itself. */
static void find_program(const struct boot_facts *facts, struct refind *ret)
{
	static const char *const folders[] = { "EFI/refind", "EFI/BOOT", "EFI/Microsoft/Boot" };

	for (size_t i = 0; facts->esp && i < ARRAY_SIZE(folders); i++) {
		const char *folder = boot_any_case(facts, facts->esp, folders[i]);
		struct names files;

		if (!folder || !boot_any_case(facts, folder, "refind.conf") ||
		    boot_entries(facts, folder, "", &files, NULL) < 0)
			continue;
		for (size_t k = 0; k < files.n; k++) {
			const char *name = text_last_part(files.name[k]);
			size_t n = strlen(name);

			if (n < 4 || strcasecmp(name + n - 4, ".efi") != 0)
				continue;
			ret->program = files.name[k];
			ret->folder = folder;
			return;
		}
	}
}

/* Where the kernels are; the file counts for those of its directory only. */
static const char *find_options(const struct boot_facts *facts)
{
	const struct initramfs_setup *setup = facts->initramfs;

	for (size_t i = 0; setup && i < setup->n_kernels; i++) {
		const char *kernel = setup->kernels[i].vmlinuz;

		if (!kernel)
			continue;
		const char *path = arena_printf(facts->arena, "%.*srefind_linux.conf",
						(int)(text_last_part(kernel) - kernel), kernel);
		if (boot_has(facts, path))
			return path;
	}
	return boot_has(facts, USUAL) ? USUAL : NULL;
}

static const char *running_line(const struct boot_facts *facts)
{
	const struct kernel_facts *kernels = facts->kernels;

	return facts->live && kernels ? boot_line(facts, "proc/cmdline") : NULL;
}

/*
 * The kernel runs with the options of one of the lines, and no boot loader has put a word of its
 * own in front of them (rEFInd leaves LoaderInfo alone).
 */
static bool was_seen(const struct boot_facts *facts, const char *path)
{
	const char *line = running_line(facts);
	struct bytes text;
	struct menu menu;

	if (!line || facts->loader || boot_word(facts, "BOOT_IMAGE") ||
	    boot_read(facts, path, &text, NULL) < 0)
		return false;
	menu_read(facts->arena, text, EDIT_REFIND, &menu);
	for (size_t i = 0; i < menu.n; i++) {
		const char *options = menu.entries[i].options, *word;
		bool all = true;

		while (all && (word = text_next_word(facts->arena, &options)))
			all = strstr(word, "%v") || boot_count_word(facts->arena, line, word) > 0;
		if (all)
			return true;
	}
	return false;
}

static void detect(const struct boot_facts *facts, struct bootloader_candidate *ret)
{
	struct refind *found = arena_alloc(facts->arena, sizeof(*found));

	find_program(facts, found);
	found->options = find_options(facts);
	if (found->program)
		boot_evidence(facts, ret, "%s and refind.conf beside it exist", found->program);
	if (found->options)
		boot_evidence(facts, ret, "%s exists", found->options);
	ret->counts = found->program && found->options;
	ret->seen = ret->counts && was_seen(facts, found->options);
	ret->data = found;
}

/* What stands behind a keyword; NULL: the line has another one. */
static const char *behind(const char *line, const char *keyword)
{
	size_t n = strlen(keyword);

	if (strncasecmp(line, keyword, n) != 0 || (line[n] && !strchr(" \t=", line[n])))
		return NULL;
	return line + n + strspn(line + n, " \t=");
}

/* A file that is named beside refind.conf; NULL: it was not found. *@ret_name is how. */
static const char *find_included(const struct boot_facts *facts, const struct refind *found,
				 const char *text, const char **ret_name)
{
	bool quoted = *text == '"';
	char *name = arena_strndup(facts->arena, text + quoted,
				   strcspn(text + quoted, quoted ? "\"" : " \t#"));

	for (char *at = name; *at; at++)
		*at = *at == '\\' ? '/' : *at;
	*ret_name = name;
	return boot_any_case(facts, found->folder, name);
}

/* A stanza, in which others stand for its submenu, and whether it has options that count. */
struct stanza {
	unsigned depth;
	bool disabled, options;
};

static void read_stanza(struct stanza *s, const char *line)
{
	if (s->depth == 0 && behind(line, "menuentry"))
		*s = (struct stanza){ .depth = 1 };
	else if (s->depth > 0 && behind(line, "submenuentry"))
		s->depth++;
	else if (s->depth > 0 && *line == '}')
		s->depth--;
	s->disabled |= s->depth == 1 && behind(line, "disabled");
	s->options |= s->depth > 0 && (behind(line, "options") || behind(line, "add_options"));
}

/*
 * Stanzas have options of their own. Those of the example that rEFInd comes with are disabled. An
 * included file may have some too, but no further include: ScanUserConfigured() in config.c.
 */
static int check_stanzas(const struct boot_facts *facts, const struct refind *found,
			 const char *path, bool included, struct err *e)
{
	struct stanza stanza = { 0 };
	const char *rest, *line, *name, *inner;
	struct bytes text;
	size_t n;
	int error = boot_read(facts, path, &text, e);

	rest = error < 0 ? "" : text.data;
	while (error == 0 && text_next_line(&rest, &line, &n)) {
		const char *copy = text_trimmed(facts->arena, (struct bytes){ line, n });

		copy += strspn(copy, " \t");
		read_stanza(&stanza, copy);
		/* one that is not closed ends with the file */
		if (stanza.options && !stanza.disabled && (stanza.depth == 0 || !*rest))
			return boot_unsupported(e,
						"%s has a menuentry with options of its own: add "
						"the words there by hand, or disable it",
						path);
		const char *what = included ? NULL : behind(copy, "include");
		inner = what ? find_included(facts, found, what, &name) : NULL;
		if (what && !inner)
			return boot_unsupported(e, "%s includes %s, which was not found", path,
						name);
		if (inner)
			error = check_stanzas(facts, found, inner, true, e);
	}
	return error;
}

static int permanent(const struct boot_setup *boot, const struct boot_change *change,
		     struct plan *plan, struct err *e)
{
	const struct refind *found = boot->chosen->data;
	const struct menu_change menu = { .path = found->options,
					  .format = EDIT_REFIND,
					  .change = change };
	const char *path = boot_any_case(&boot->facts, found->folder, "refind.conf");
	int error = check_stanzas(&boot->facts, found, path, false, e);

	if (error == 0)
		error = menu_plan(&boot->facts, &menu, plan, NULL, e);
	if (error == 0)
		plan_note(boot->facts.arena, plan, NOTE_NEXT_BOOT,
			  "to start without the words: F2 on the entry of rEFInd's menu, "
			  "then " BOOTLOADER_PLAIN_ENTRY);
	return error;
}

static int trial(const struct boot_setup *boot, const struct boot_change *change, struct plan *plan,
		 struct err *e)
{
	(void)boot, (void)change, (void)plan;
	return boot_unsupported(e, "rEFInd has no entry that is used for one boot only: what is "
				   "chosen once becomes its default");
}

const struct bootloader bootloader_refind = {
	.name = "refind",
	.title = "rEFInd",
	.detect = detect,
	.trial = trial,
	.permanent = permanent,
};
