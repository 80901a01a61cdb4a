// SPDX-License-Identifier: MIT
// The steps for GRUB: words into its configuration, our script beside the distribution's, and the
// menu made anew by the distribution's generator. That one copies the new menu over the old one
// (cat in util/grub-mkconfig.in), so it writes a file of our own, which is renamed when it has been
// looked at.

#include "base/text.h"
#include "bootloader/grub.h"
#include "host/host.h"

#include <errno.h>
#include <string.h>

#define SAFE "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.,:=+/@~"

/* ---- our script ---- */

/* Its line "name=..." gets the value. Values have nothing in them that a shell takes for anything.
 */
static const char *fill_in(struct arena *a, const char *script, const char *name, const char *value)
{
	const char *line = strstr(script, arena_printf(a, "\n%s=", name)) + 1;
	const char *behind = line + strcspn(line, "\n");

	return arena_printf(a, "%.*s%s='%s'%s", (int)(line - script), script, name,
			    value ? value : "", behind);
}

static const char *joined(struct arena *a, const struct names *words)
{
	return text_join(a, words->name, words->n, " ");
}

static void plan_script(const struct boot_facts *facts, const struct grub_wish *wish,
			struct plan *plan)
{
	struct arena *a = facts->arena;
	const struct names *add = wish->trial ? &wish->words : &(struct names){ 0 };
	const char *text = grub_script;

	text = fill_in(a, text, "entry",
		       wish->trial ? BOOTLOADER_TRIAL_ENTRY : BOOTLOADER_PLAIN_ENTRY);
	text = fill_in(a, text, "title",
		       wish->trial ? "Trial boot of passthru, with Linux"
				   : "Without passthru, with Linux");
	text = fill_in(a, text, "release", wish->release);
	text = fill_in(a, text, "kernel", wish->kernel);
	text = fill_in(a, text, "directory", wish->directory);
	text = fill_in(a, text, "image", wish->image);
	text = fill_in(a, text, "add", joined(a, add));
	text = fill_in(a, text, "drop", joined(a, &wish->own));
	plan_file(a, plan,
		  wish->trial ? "the trial has an entry of its own in GRUB's menu"
			      : "an entry without the reserved devices stays in GRUB's menu",
		  GRUB_OWN_SCRIPT, (struct bytes){ text, strlen(text) }, 0755);
}

/* Our entry takes the words out again that were ours: what the script says of them. */
static bool is_own_of_script(const struct boot_facts *facts, const char *word)
{
	static const char drop[] = "\ndrop='";
	struct bytes text;
	const char *at, *next;

	if (boot_read(facts, GRUB_OWN_SCRIPT, &text, NULL) < 0 || !(at = strstr(text.data, drop)))
		return false;
	at += strlen(drop);
	const char *list = arena_strndup(facts->arena, at, strcspn(at, "'\n"));
	while ((next = text_next_word(facts->arena, &list))) {
		if (str_eq(next, word))
			return true;
	}
	return false;
}

bool grub_word_is_own(const struct boot_facts *facts, const struct names *added, const char *word)
{
	for (size_t i = 0; i < added->n; i++) {
		if (str_eq(added->name[i], word))
			return true;
	}
	return is_own_of_script(facts, word);
}

/* ---- the menu ---- */

static void plan_menu(const struct boot_facts *facts, const struct grub *grub,
		      const struct grub_wish *wish, struct plan *plan)
{
	struct arena *a = facts->arena;
	const char *output = arena_concat(a, grub->config, ".passthru");
	struct step *step = plan_step(
		a, plan, STEP_COMMAND,
		wish->trial
			? "GRUB's menu gets the trial entry; its default stays as it is"
			: "the entries of GRUB's menu get the words, and one stays without them");

	step->argv = text_list(a, boot_absolute(a, grub->mkconfig), "-o", boot_absolute(a, output),
			       NULL);
	step->writes = text_list(a, arena_concat(a, output, ".new"), NULL);
	step->regenerate = step->argv;
	step->trace = wish->trial ? BOOTLOADER_TRIAL_ENTRY : BOOTLOADER_PLAIN_ENTRY;
	step->output = output;
	step->becomes = grub->config;
	step->proof = grub_prove_menu;
	step->data = wish;
}

static const char *directory_of(struct arena *a, const char *path)
{
	return arena_strndup(a, path, (size_t)(text_last_part(path) - path) - 1);
}

static int check_safe(const char *text, const char *what, struct err *e)
{
	if (!text || (*text && text[strspn(text, SAFE)] == '\0'))
		return 0;
	return boot_unsupported(e, "%s \"%s\" has characters that must not stand in GRUB's menu",
				what, text);
}

/* Of the kernel and its image; the words are the caller's. */
static int make_wish(const struct boot_facts *facts, const struct boot_change *change,
		     const char *image, struct grub_wish *ret, struct err *e)
{
	struct arena *a = facts->arena;
	const struct initramfs_kernel *kernel = change->kernel;

	if (!kernel->vmlinuz || !strchr(kernel->vmlinuz, '/'))
		return boot_unsupported(e, "the file of the kernel %s was not found",
					kernel->release);
	const char *directory = directory_of(a, kernel->vmlinuz);
	if (image && !str_eq(directory_of(a, image), directory))
		return boot_unsupported(e, "%s does not lie beside %s, as GRUB's entries need it",
					image, kernel->vmlinuz);
	*ret = (struct grub_wish){ .a = a,
				   .release = kernel->release,
				   .kernel = text_last_part(kernel->vmlinuz),
				   .directory = boot_absolute(a, directory),
				   .image = image ? text_last_part(image) : NULL,
				   .image_path = image };
	int error = check_safe(ret->release, "the release", e);
	if (error == 0)
		error = check_safe(ret->kernel, "the kernel", e);
	if (error == 0)
		error = check_safe(ret->directory, "the directory", e);
	if (error == 0)
		error = check_safe(ret->image, "the image", e);
	for (size_t i = 0; error == 0 && i < change->words.n; i++)
		error = check_safe(change->words.name[i], "the word", e);
	for (size_t i = 0; error == 0 && i < change->trial_words.n; i++)
		error = check_safe(change->trial_words.name[i], "the word", e);
	return error;
}

/* ---- what the table has ---- */

int grub_trial(const struct boot_setup *boot, const struct boot_change *change, struct plan *plan,
	       struct err *e)
{
	const struct boot_facts *facts = &boot->facts;
	const struct grub *grub = boot->chosen->data;
	struct grub_wish *wish = arena_alloc(facts->arena, sizeof(*wish));
	int error = grub_once_check(facts, grub, e);

	if (error == 0)
		error = make_wish(facts, change, change->trial_image, wish, e);
	if (error < 0)
		return error;
	if (boot_mentions(facts, grub->config, "set timeout=-1"))
		plan_note(
			facts->arena, plan, NOTE_NEXT_BOOT,
			"GRUB waits for a key at every start (GRUB_TIMEOUT=-1), at the trial too");
	wish->trial = true;
	wish->words = boot_trial_words(facts->arena, change);
	plan_script(facts, wish, plan);
	plan_menu(facts, grub, wish, plan);
	return grub_once_step(facts, grub, BOOTLOADER_TRIAL_ENTRY, plan, e);
}

/* Other systems have their own words, and Xen's entries their own variables. */
static bool is_foreign(const struct grub_entry *entry)
{
	return str_starts(entry->id, "gnulinux-") || str_starts(entry->id, "osprober-") ||
	       str_starts(entry->id, "xen-") || str_starts(entry->id, "passthru-");
}

static void note_other_entries(const struct boot_facts *facts, const struct grub *grub,
			       struct plan *plan)
{
	struct grub_menu menu;
	struct bytes text;

	if (boot_read(facts, grub->config, &text, NULL) < 0)
		return;
	grub_menu_read(facts->arena, text, &menu);
	for (size_t i = 0; i < menu.n; i++) {
		const struct grub_entry *entry = &menu.entries[i];

		if (entry->linux_lines.n == 0 || is_foreign(entry))
			continue;
		plan_note(facts->arena, plan, NOTE_NEXT_BOOT,
			  arena_printf(facts->arena,
				       "the entry \"%s\" of %s is not made from " GRUB_DEFAULTS
				       " and stays without the words",
				       entry->title, grub->config));
	}
}

int grub_permanent(const struct boot_setup *boot, const struct boot_change *change,
		   grub_place_words *place_words, struct plan *plan, struct err *e)
{
	const struct boot_facts *facts = &boot->facts;
	const struct grub *grub = boot->chosen->data;
	struct grub_wish *wish = arena_alloc(facts->arena, sizeof(*wish));
	int error = make_wish(facts, change, change->plain_image, wish, e);

	if (error == 0)
		error = place_words(facts, change, plan, &wish->own, e);
	if (error < 0)
		return error;
	wish->words = change->words;
	note_other_entries(facts, grub, plan);
	plan_script(facts, wish, plan);
	plan_menu(facts, grub, wish, plan);
	return 0;
}
