// SPDX-License-Identifier: MIT
// Where the makers of unified images take the command line from, and how words get there.
//
// mkinitcpio (its script, version 41): etc/kernel/cmdline, and since version 36 etc/cmdline.d as
// well or alone, which the installed program is asked for; without both the running kernel's.
// kernel-install with ukify: etc/kernel/cmdline, usr/lib/kernel/cmdline, the running kernel's, in
// this order; 60-ukify.install gives that line to ukify, so that Cmdline= of uki.conf means nothing
// to it (systemd 254 to 260). dracut: kernel_cmdline= of its configuration; where that is not set,
// what it finds out of a hostonly system, and etc/kernel/cmdline never (dracut 059, dracut-ng 111).
// So there a line of ours has to be whole.

#include "base/text.h"
#include "bootloader/uki.h"
#include "host/host.h"

#include <errno.h>
#include <string.h>

#define DROPIN "etc/cmdline.d/zz-passthru.conf"
#define CMDLINE "etc/kernel/cmdline"
#define VENDOR_CMDLINE "usr/lib/kernel/cmdline"
#define DRACUT_DROPIN "etc/dracut.conf.d/zz-passthru.conf"
#define DRACUT_SETTING "kernel_cmdline"

/* ---- etc/kernel/cmdline ---- */

/* @line: all that is taken so far; @known: from a file, and not from the running kernel. */
static int common_words(const struct boot_facts *facts, const char *line, bool known,
			const char *why, const struct names *words, struct plan *plan,
			struct err *e)
{
	const struct edit_place place = { .format = EDIT_CMDLINE };

	if (known && boot_has(facts, CMDLINE))
		return boot_edit_in(facts, plan, why, CMDLINE, &place, words, e);
	/* a file with our words alone would not boot */
	line = bls_without_words(facts, line, words, e);
	line = line ? bls_with_words(facts, line, words, e) : NULL;
	if (!line)
		return err_wrap(e, -EOPNOTSUPP, "%s", CMDLINE);
	line = arena_concat(facts->arena, line, "\n");
	plan_file(facts->arena, plan, why, CMDLINE, (struct bytes){ line, strlen(line) }, 0);
	return 0;
}

static int ukify_words(const struct boot_facts *facts, const char *now, const struct names *words,
		       struct plan *plan, struct err *e)
{
	const char *vendor = boot_line(facts, VENDOR_CMDLINE);
	int error = boot_look(facts, CMDLINE);

	if (error < 0 && error != -ENOENT)
		return err_io(e, error, "reading %s", CMDLINE);
	return common_words(facts, vendor ? vendor : now, error == 0,
			    "the words for all unified images that kernel-install makes", words,
			    plan, e);
}

/* ---- mkinitcpio ---- */

/* Without the lines that mkinitcpio leaves out, as one. */
static const char *joined(struct arena *a, const char *text)
{
	const char *rest = text, *line, *all = "";
	size_t n;

	while (text_next_line(&rest, &line, &n)) {
		const char *trimmed = text_trimmed(a, (struct bytes){ line, n });
		if (*trimmed && *trimmed != '#')
			all = arena_printf(a, "%s%s%s", all, *all ? " " : "", trimmed);
	}
	return all;
}

static const char *base_line(const struct boot_facts *facts)
{
	const char *line = boot_line(facts, CMDLINE);

	if (!line)
		line = boot_line(facts, VENDOR_CMDLINE);
	return line ? joined(facts->arena, line) : NULL;
}

/* All that mkinitcpio puts into an image but what is ours. */
static const char *others_line(const struct boot_facts *facts, const char *base)
{
	struct names files;

	if (boot_entries(facts, "etc/cmdline.d", ".conf", &files, NULL) < 0)
		return base;
	for (size_t i = 0; i < files.n; i++) {
		const char *line = boot_line(facts, files.name[i]);
		const char *more = line ? joined(facts->arena, line) : "";
		if (*more && !str_eq(files.name[i], DROPIN))
			base = arena_printf(facts->arena, "%s%s%s", base, *base ? " " : "", more);
	}
	return base;
}

static int plan_dropin(const struct boot_facts *facts, const char *base, const struct names *words,
		       struct plan *plan, struct err *e)
{
	const struct edit_place whole = { .format = EDIT_CMDLINE };
	const char *line = others_line(facts, base);
	struct bytes text;
	struct edit edit;
	int error = edit_add(facts->arena, (struct bytes){ line, strlen(line) }, &whole, words,
			     &edit, e);

	if (error < 0 || edit.added.n == 0)
		return error;
	error = edit_dropin_text(facts->arena, EDIT_DROPIN_CMDLINE, NULL, &edit.added, &text, e);
	if (error == 0)
		plan_file(facts->arena, plan,
			  "the words for all unified images that mkinitcpio makes", DROPIN, text,
			  0);
	return error;
}

/* The installed one takes a line from the directory, with others' words in a file or there. */
static bool reads_directory(const struct boot_facts *facts, const char *base)
{
	const char *program = boot_program(facts, "mkinitcpio");

	return program && boot_mentions(facts, program, "cmdline.d") &&
	       *others_line(facts, base ? base : "");
}

/* @now is what the image has that starts the host. */
static int mkinitcpio_words(const struct boot_facts *facts, const char *now,
			    const struct names *words, struct plan *plan, struct err *e)
{
	static const char why[] = "the words for all unified images that mkinitcpio makes";
	const char *base = base_line(facts);

	if (reads_directory(facts, base))
		return plan_dropin(facts, base ? base : "", words, plan, e);
	return common_words(facts, base ? base : now, base != NULL, why, words, plan, e);
}

/* ---- dracut ---- */

bool uki_dracut_has_line(const struct boot_facts *facts, bool own)
{
	const struct initramfs_config *config = &facts->initramfs->config;

	for (size_t i = 0; i < config->n_settings; i++) {
		const struct initramfs_setting *setting = &config->settings[i];

		if (str_eq(setting->name, DRACUT_SETTING) &&
		    (own || !str_eq(setting->path, DRACUT_DROPIN)) &&
		    (!setting->value || setting->value[strspn(setting->value, " \t")]))
			return true;
	}
	return false;
}

/* The whole line, as a shell reads it. */
static int plan_whole(const struct boot_facts *facts, const char *line, const char *why,
		      struct plan *plan, struct err *e)
{
	struct arena *a = facts->arena;

	if (strpbrk(line, "\"$`\\\n"))
		return boot_unsupported(e,
					"the command line of its images has quotes or other signs "
					"that mean something to a shell: set " DRACUT_SETTING
					"= in etc/dracut.conf.d to it first");
	const char *text = arena_printf(a, DRACUT_SETTING "=\" %s \"\n", line);
	plan_file(a, plan, why, DRACUT_DROPIN, (struct bytes){ text, strlen(text) }, 0);
	plan_note(a, plan, NOTE_LOSS,
		  "dracut takes the command line of its images from " DRACUT_DROPIN
		  " as long as this is set up, and does not look for root= and the like itself");
	return 0;
}

/* What dracut is configured with but ours; where a shell has to say that, what the image has. */
static const char *configured_line(const struct boot_facts *facts, const char *now,
				   const struct names *words, struct err *e)
{
	const struct initramfs_config *config = &facts->initramfs->config;
	const char *line = "";

	for (size_t i = 0; i < config->n_settings; i++) {
		const struct initramfs_setting *setting = &config->settings[i];

		if (!str_eq(setting->name, DRACUT_SETTING) || str_eq(setting->path, DRACUT_DROPIN))
			continue;
		if (!setting->value)
			return bls_without_words(facts, now, words, e);
		line = arena_printf(facts->arena, "%s %s", setting->added ? line : "",
				    setting->value);
	}
	return line;
}

static int dracut_words(const struct boot_facts *facts, const char *now, const struct names *words,
			struct plan *plan, struct err *e)
{
	static const char why[] = "the words for all unified images that dracut makes";
	struct names missing;
	struct bytes text;

	if (!uki_dracut_has_line(facts, false)) {
		const char *line = bls_with_words(facts, now, words, e);

		return line ? plan_whole(facts, line, why, plan, e)
			    : err_wrap(e, -EOPNOTSUPP, "%s", DRACUT_DROPIN);
	}
	now = configured_line(facts, now, words, e);
	if (!now)
		return err_wrap(e, -EOPNOTSUPP, "%s", DRACUT_DROPIN);
	missing = boot_missing(facts->arena, now, words);
	if (missing.n == 0)
		return 0;
	int error = edit_dropin_text(facts->arena, EDIT_DROPIN_BASH, DRACUT_SETTING, &missing,
				     &text, e);
	if (error == 0)
		plan_file(facts->arena, plan, why, DRACUT_DROPIN, text, 0);
	return error;
}

/* ---- all of them ---- */

int uki_plan_words(const struct boot_facts *facts, const struct uki *uki, const struct names *words,
		   struct plan *plan, struct err *e)
{
	switch (uki->maker) {
	case UKI_MKINITCPIO:
		return mkinitcpio_words(facts, uki->now.line, words, plan, e);
	case UKI_DRACUT:
		return dracut_words(facts, uki->now.line, words, plan, e);
	case UKI_UKIFY:
		break;
	}
	return ukify_words(facts, uki->now.line, words, plan, e);
}

int uki_keep_usual(const struct boot_facts *facts, const struct uki *uki, struct plan *plan,
		   struct err *e)
{
	if (uki->maker == UKI_MKINITCPIO && reads_directory(facts, base_line(facts)))
		return 0;
	if (uki->maker != UKI_DRACUT)
		return bls_keep_cmdline(facts, uki->now.line, plan, e);
	if (uki_dracut_has_line(facts, false))
		return 0;
	return plan_whole(facts, uki->now.line,
			  "the command line as it is: without it an image that dracut makes in the "
			  "trial's boot might take over the trial's",
			  plan, e);
}
