// SPDX-License-Identifier: MIT
// GRUB whose generator reads etc/default/grub alone (as GRUB's own does: Arch, Gentoo, Void,
// openSUSE, RHEL 7): the one assignment there is edited. Kernels that are installed later get the
// words with the next menu, and on RHEL 7, where new-kernel-pkg copies the default entry, with
// that.

#include "base/text.h"
#include "bootloader/grub.h"
#include "host/host.h"

#include <errno.h>
#include <string.h>

static void detect(const struct boot_facts *facts, struct bootloader_candidate *ret)
{
	grub_detect(facts, false, ret);
}

/*
 * The variable of normal entries; where only that of all entries is used (RHEL 7 has no other),
 * that one, so that the file stays as its owner knows it.
 */
static const char *variable_of(const struct boot_facts *facts, const struct plan *plan)
{
	struct bytes text;
	const char *rest, *line;
	size_t n;
	bool has_all = false;

	if (boot_planned(facts, plan, GRUB_DEFAULTS, &text, NULL) < 0)
		return GRUB_VARIABLE;
	rest = text.data;
	while (text_next_line(&rest, &line, &n)) {
		line += strspn(line, " \t");
		if (str_starts(line, "export "))
			line += strlen("export ") + strspn(line + strlen("export "), " \t");
		if (str_starts(line, GRUB_VARIABLE "="))
			return GRUB_VARIABLE;
		has_all = has_all || str_starts(line, "GRUB_CMDLINE_LINUX=");
	}
	return has_all ? "GRUB_CMDLINE_LINUX" : GRUB_VARIABLE;
}

static int place_words(const struct boot_facts *facts, const struct boot_change *change,
		       struct plan *plan, struct names *ret_own, struct err *e)
{
	const struct edit_place place = { .format = EDIT_SHELL,
					  .name = variable_of(facts, plan),
					  .create = true };
	struct bytes text;
	struct edit edit;
	int error = boot_planned(facts, plan, GRUB_DEFAULTS, &text, NULL);

	if (error == -ENOENT)
		text = (struct bytes){ "", 0 }; /* the generator does without it */
	else if (error < 0)
		return boot_planned(facts, plan, GRUB_DEFAULTS, &text, e);
	error = edit_add(facts->arena, text, &place, &change->words, &edit, e);
	if (error < 0)
		return err_wrap(e, error, "%s", GRUB_DEFAULTS);
	for (size_t i = 0; i < change->words.n; i++) {
		if (grub_word_is_own(facts, &edit.added, change->words.name[i]))
			boot_name_add(facts->arena, ret_own, change->words.name[i]);
	}
	plan_file(facts->arena, plan,
		  "every kernel gets the words, those that are installed later too", GRUB_DEFAULTS,
		  edit.text, 0);
	return 0;
}

static int permanent(const struct boot_setup *boot, const struct boot_change *change,
		     struct plan *plan, struct err *e)
{
	return grub_permanent(boot, change, place_words, plan, e);
}

const struct bootloader bootloader_grub_in_place = {
	.name = "grub",
	.title = "GRUB with " GRUB_DEFAULTS,
	.detect = detect,
	.trial = grub_trial,
	.permanent = permanent,
};
