// SPDX-License-Identifier: MIT
// GRUB whose generator reads etc/default/grub.d (Debian, Ubuntu and what is made of them): the
// words stand in a file of our own, which is read last and adds to what the others say. Cloud
// images have files there that assign anew, so editing etc/default/grub would come to nothing.

#include "base/text.h"
#include "bootloader/grub.h"
#include "host/host.h"

#include <string.h>

#define HEAD "# Words of passthru; \"passthru undo\" takes this file away again.\n"

static void detect(const struct boot_facts *facts, struct bootloader_candidate *ret)
{
	grub_detect(facts, true, ret);
}

/* ---- what the user's files say ---- */

static bool line_mentions(const char *line, const char *text)
{
	line += strspn(line, " \t");
	return *line != '#' && strstr(line, text);
}

static bool file_mentions(const struct boot_facts *facts, const char *path, const char *text)
{
	struct bytes content;
	const char *rest, *line;
	size_t n;

	if (boot_read(facts, path, &content, NULL) < 0)
		return false;
	rest = content.data;
	while (text_next_line(&rest, &line, &n)) {
		if (line_mentions(arena_strndup(facts->arena, line, n), text))
			return true;
	}
	return false;
}

/* In any file that the generator reads, ours left out and comments too. */
static bool is_mentioned(const struct boot_facts *facts, const char *text)
{
	struct names files;

	if (file_mentions(facts, GRUB_DEFAULTS, text))
		return true;
	if (boot_entries(facts, GRUB_DROPINS, ".cfg", &files, NULL) < 0)
		return false;
	for (size_t i = 0; i < files.n; i++) {
		if (!str_eq(files.name[i], GRUB_OWN_DROPIN) &&
		    file_mentions(facts, files.name[i], text))
			return true;
	}
	return false;
}

/* ---- our file ---- */

/* Only where it does not stand there already: whether it does is not known before it is run. */
static const char *conditional(struct arena *a, const char *words)
{
	return arena_printf(a,
			    "case \" $GRUB_CMDLINE_LINUX $" GRUB_VARIABLE " \" in\n"
			    "*\" %s \"*) ;;\n"
			    "*) " GRUB_VARIABLE "=\"$" GRUB_VARIABLE " %s\" ;;\n"
			    "esac\n",
			    words, words);
}

/* The word at @i, with the one behind it where both are one thing: a size of pages and their
 * number. */
static size_t unit_at(struct arena *a, const struct names *words, size_t i, const char **ret)
{
	size_t n = str_starts(words->name[i], "hugepagesz=") && i + 1 < words->n ? 2 : 1;

	*ret = text_join(a, words->name + i, n, " ");
	return n;
}

/*
 * Ubuntu's cloud images try to boot without an initramfs first, and so without the early helper:
 * 10_linux there makes no such entry when the variable is empty.
 */
static const char *initrdless_off(const struct boot_facts *facts)
{
	if (!facts->initramfs || !facts->initramfs->chosen ||
	    !boot_mentions(facts, GRUB_LINUX_SCRIPT, "GRUB_FORCE_PARTUUID") ||
	    !is_mentioned(facts, "GRUB_FORCE_PARTUUID"))
		return "";
	return "# the kernel starts with its initramfs, in which devices are reserved\n"
	       "GRUB_FORCE_PARTUUID=\n";
}

static int place_words(const struct boot_facts *facts, const struct boot_change *change,
		       struct plan *plan, struct names *ret_own, struct err *e)
{
	struct arena *a = facts->arena;
	const char *tests = "", *unit;
	struct bytes simple = { "", 0 };
	size_t n;
	int error = 0;

	for (size_t i = 0; i < change->words.n; i += n) {
		n = unit_at(a, &change->words, i, &unit);
		if (is_mentioned(facts, unit)) {
			tests = arena_concat(a, tests, conditional(a, unit));
			continue;
		}
		for (size_t k = i; k < i + n; k++)
			boot_name_add(a, ret_own, change->words.name[k]);
	}
	if (ret_own->n > 0)
		error = edit_dropin_text(a, EDIT_DROPIN_SHELL, GRUB_VARIABLE, ret_own, &simple, e);
	if (error < 0)
		return error;
	const char *text =
		arena_printf(a, HEAD "%s%s%s", simple.data, tests, initrdless_off(facts));
	plan_file(a, plan, "every kernel gets the words, those that are installed later too",
		  GRUB_OWN_DROPIN, (struct bytes){ text, strlen(text) }, 0);
	return 0;
}

static int permanent(const struct boot_setup *boot, const struct boot_change *change,
		     struct plan *plan, struct err *e)
{
	return grub_permanent(boot, change, place_words, plan, e);
}

const struct bootloader bootloader_grub_dropin = {
	.name = "grub-dropin",
	.title = "GRUB with " GRUB_DROPINS,
	.detect = detect,
	.trial = grub_trial,
	.permanent = permanent,
};
