// SPDX-License-Identifier: MIT
// Whether a generated menu has what our script and our words were to bring: generators end with
// status 0 without their effect, and a menu without kernels starts nothing.

#include "base/text.h"
#include "bootloader/grub.h"
#include "host/host.h"

#include <errno.h>
#include <string.h>

/* ---- one entry ---- */

/* "/vmlinuz-6.1 root=... ro quiet": what stands behind the path. */
static const char *words_of(const char *linux_line)
{
	return linux_line + strcspn(linux_line, " \t");
}

static const char *file_of(struct arena *a, const char *linux_line)
{
	return text_last_part(arena_strndup(a, linux_line, strcspn(linux_line, " \t")));
}

/* The last path of an initrd line: those before it are loaded in front of the image. */
static const char *image_of(const char *initrd_line)
{
	const char *blank = strrchr(initrd_line, ' ');

	return text_last_part(blank ? blank + 1 : initrd_line);
}

static unsigned times_in(const struct names *words, const char *word)
{
	unsigned n = 0;

	for (size_t i = 0; i < words->n; i++)
		n += str_eq(words->name[i], word);
	return n;
}

/* A number of pages says nothing without its size, and another size may have the same. */
static bool is_number_of_pages(const char *word)
{
	return str_starts(word, "hugepages=");
}

/* Every kernel of the entry has each word at least as often as @words, and @own no more often. */
static int check_words(const struct grub_wish *wish, const struct grub_entry *entry,
		       const struct names *own, const char *path, struct err *e)
{
	for (size_t l = 0; l < entry->linux_lines.n; l++) {
		for (size_t i = 0; i < wish->words.n; i++) {
			const char *word = wish->words.name[i];
			unsigned wanted = times_in(&wish->words, word);
			unsigned n = boot_count_word(wish->a, words_of(entry->linux_lines.name[l]),
						     word);

			if (n < wanted)
				return err_fail(e, -ENODATA,
						"the entry \"%s\" of %s (line %u) has no %s",
						entry->title, path, entry->line, word);
			if (n > wanted && times_in(own, word) > 0 && !is_number_of_pages(word))
				return err_fail(e, -EEXIST,
						"the entry \"%s\" of %s (line %u) has %s %u times",
						entry->title, path, entry->line, word, n);
		}
	}
	return 0;
}

static int check_without(const struct grub_wish *wish, const struct grub_entry *entry,
			 const char *path, struct err *e)
{
	for (size_t l = 0; l < entry->linux_lines.n; l++) {
		for (size_t i = 0; i < wish->own.n; i++) {
			const char *words = words_of(entry->linux_lines.name[l]);

			if (is_number_of_pages(wish->own.name[i]) ||
			    boot_count_word(wish->a, words, wish->own.name[i]) == 0)
				continue;
			return err_fail(e, -EEXIST, "the entry \"%s\" of %s (line %u) has %s",
					entry->title, path, entry->line, wish->own.name[i]);
		}
	}
	return 0;
}

static bool starts_kernel(const struct grub_wish *wish, const struct grub_entry *entry)
{
	for (size_t i = 0; i < entry->linux_lines.n; i++) {
		const char *file = file_of(wish->a, entry->linux_lines.name[i]);

		/* Ubuntu's signed one stands beside it, under a longer name */
		if (!str_eq(file, wish->kernel) &&
		    !str_eq(file, arena_concat(wish->a, wish->kernel, ".efi.signed")))
			return false;
	}
	return entry->linux_lines.n > 0;
}

static int check_image(const struct grub_wish *wish, const struct grub_entry *entry,
		       const char *path, struct err *e)
{
	if (!wish->image)
		return 0;
	for (size_t i = 0; i < entry->initrd_lines.n; i++) {
		if (!str_eq(image_of(entry->initrd_lines.name[i]), wish->image))
			return err_fail(e, -ENODATA, "the entry \"%s\" of %s loads %s, not %s",
					entry->title, path, entry->initrd_lines.name[i],
					wish->image);
	}
	if (entry->initrd_lines.n == 0)
		return err_fail(e, -ENODATA, "the entry \"%s\" of %s loads no initramfs image",
				entry->title, path);
	return 0;
}

/* ---- the menu ---- */

static int find_own(const struct grub_wish *wish, const struct grub_menu *menu, const char *path,
		    const struct grub_entry **ret, struct err *e)
{
	const char *id = wish->trial ? BOOTLOADER_TRIAL_ENTRY : BOOTLOADER_PLAIN_ENTRY;
	const char *other = wish->trial ? BOOTLOADER_PLAIN_ENTRY : BOOTLOADER_TRIAL_ENTRY;

	*ret = grub_menu_find(menu, id);
	if (!*ret || (*ret)->linux_lines.n == 0)
		return err_fail(e, -ENODATA,
				"%s has no entry \"%s\": " GRUB_LINUX_SCRIPT
				" makes no entry of Linux %s",
				path, id, wish->release);
	if (grub_menu_find(menu, other))
		return err_fail(e, -EEXIST, "%s has the entry \"%s\" still", path, other);
	return 0;
}

/* Entries are counted from 0 where GRUB_DEFAULT is a number: ours must not come before that one. */
static int check_default(const struct grub_menu *menu, const struct grub_entry *own,
			 const char *path, struct err *e)
{
	const char *text = menu->default_entry;
	uint64_t number = 0;
	char digits[8];

	if (!text)
		return 0;
	size_t n = strcspn(text, ">");
	if (n == 0 || n >= sizeof(digits))
		return 0;
	memcpy(digits, text, n);
	digits[n] = '\0';
	if (text_number(digits, 10, UINT32_MAX, &number) < 0 || number < own->place)
		return 0;
	return err_fail(
		e, -EEXIST,
		"%s has the default %s, a number, which the entry \"%s\" in front of it changes; "
		"name the entry in GRUB_DEFAULT instead",
		path, text, own->title);
}

static int check_normal(const struct grub_wish *wish, const struct grub_menu *menu,
			const char *path, struct err *e)
{
	size_t n = 0;

	for (size_t i = 0; i < menu->n; i++) {
		const struct grub_entry *entry = &menu->entries[i];

		if (!grub_entry_is_normal(entry))
			continue;
		n++;
		int error = wish->trial ? 0 : check_words(wish, entry, &wish->own, path, e);
		if (error < 0)
			return error;
	}
	if (n == 0)
		return err_fail(e, -ENODATA, "%s has no entry of a kernel of this system", path);
	return 0;
}

static const struct grub_entry *find_same(const struct grub_menu *menu, const struct grub_entry *as)
{
	for (size_t i = 0; i < menu->n; i++) {
		if (menu->entries[i].depth == as->depth && str_eq(menu->entries[i].id, as->id))
			return &menu->entries[i];
	}
	return NULL;
}

static bool names_equal(const struct names *a, const struct names *b)
{
	for (size_t i = 0; i < a->n && i < b->n; i++) {
		if (!str_eq(a->name[i], b->name[i]))
			return false;
	}
	return a->n == b->n;
}

/*
 * A trial leaves what the host starts by itself as it is. Where the menu was not made since the
 * settings or the kernels changed, making it for the trial would bring that along, untried.
 */
static int check_unchanged(const struct boot_facts *facts, const struct grub_menu *menu,
			   const char *config, struct err *e)
{
	struct grub_menu old;
	struct bytes text;
	int error = boot_read(facts, config, &text, e);

	if (error < 0)
		return error;
	grub_menu_read(facts->arena, text, &old);
	for (size_t i = 0; i < old.n; i++) {
		const struct grub_entry *was = &old.entries[i], *is = find_same(menu, was);

		if (!grub_entry_is_normal(was) || !is ||
		    (names_equal(&was->linux_lines, &is->linux_lines) &&
		     names_equal(&was->initrd_lines, &is->initrd_lines)))
			continue;
		return err_fail(
			e, -ESTALE,
			"%s is not what its generator makes now: the entry \"%s\" has \"%s\" and "
			"would have \"%s\"; make it anew, see that the host starts, and try again",
			config, was->title, was->linux_lines.name[0],
			is->linux_lines.n ? is->linux_lines.name[0] : "nothing");
	}
	return 0;
}

int grub_prove_menu(struct host *host, const struct step *step, const char *path, struct err *e)
{
	const struct grub_wish *wish = step->data;
	const struct boot_facts facts = { .host = host, .arena = &host->arena };
	const struct grub_entry *own;
	struct grub_menu menu;
	struct bytes text;
	int error = boot_read(&facts, path, &text, e);

	if (error < 0)
		return error;
	grub_menu_read(wish->a, text, &menu);
	error = check_normal(wish, &menu, path, e);
	if (error == 0 && wish->trial && !str_eq(path, step->becomes))
		error = check_unchanged(&facts, &menu, step->becomes, e);
	if (error == 0)
		error = find_own(wish, &menu, path, &own, e);
	if (error == 0)
		error = check_default(&menu, own, path, e);
	if (error == 0 && wish->trial) {
		error = check_words(wish, own, &(struct names){ 0 }, path, e);
		if (error == 0 && !starts_kernel(wish, own))
			error = err_fail(e, -ENODATA, "the entry \"%s\" of %s starts %s, not %s",
					 own->title, path, own->linux_lines.name[0], wish->kernel);
	} else if (error == 0) {
		error = check_without(wish, own, path, e);
	}
	/* the entry without words makes do with the usual one where the old one was not kept */
	if (error == 0 && starts_kernel(wish, own) &&
	    (wish->trial || (wish->image && boot_has(&facts, wish->image_path))))
		error = check_image(wish, own, path, e);
	return error;
}
