// SPDX-License-Identifier: MIT
// Entries of our own, made from one that boots, and images where a boot loader can read them.
//
// An own entry has all lines of the one it is made from, in the same order, but its title, its
// options, and one initrd line; no sort-key, which would put it among the others, and no
// grub_hotkey or id, which are the other's. Everything is written so that both readers of entries
// understand the same: one blank between key and value, one options line, no empty line. A blank
// stands before "options": Fedora's grub2-mkconfig and grubby rewrite the options of every entry,
// but only where a line begins with that word (update_bls_cmdline() in Red Hat's
// util/grub.d/10_linux.in, set_bls_value() of grubby-bls), and these are to stay what they are.

#include "base/root_tree.h"
#include "base/text.h"
#include "bootloader/bls.h"
#include "host/host.h"

#include <errno.h>
#include <string.h>

/* ---- entries ---- */

static bool is_dropped(const char *key)
{
	static const char *const keys[] = { "options", "sort-key", "grub_hotkey", "id" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (str_eq(key, keys[i]))
			return true;
	}
	return false;
}

/* "/initramfs-5.14.0.img $tuned_initrd": what GRUB loads on top of the image, for ours as well. */
static const char *variables_behind(const char *value)
{
	const char *variable = strstr(value, " $");

	return variable ? variable : "";
}

struct bytes bls_make(struct arena *a, enum bls_reader reader, const struct bls_own *own)
{
	const struct bls_entry *from = own->from;
	const char *title = from->title ? from->title : from->name;
	char *text = arena_printf(a, "title %s (%s)\n", title, own->title);

	for (size_t i = 0; i < from->n_pairs; i++) {
		const char *key = from->pairs[i].key, *value = from->pairs[i].value;
		bool is_initrd = str_eq(key, "initrd"), is_kernel = str_eq(key, "linux");

		if (is_dropped(key) || str_eq(key, "title") ||
		    (own->efi && (is_initrd || is_kernel || str_eq(key, "efi"))))
			continue;
		if (is_initrd && own->instead && str_eq(value, own->instead))
			value = arena_concat(a, own->initrd, variables_behind(value));
		/* of several GRUB takes the first, systemd-boot the last, which parse() has */
		if (is_kernel && (reader == BLS_SYSTEMD) && !str_eq(value, from->kernel))
			continue;
		text = arena_printf(a, "%s%s %s\n", text, key, value);
	}
	if (own->efi)
		text = arena_printf(a, "%sefi %s\n", text, own->efi);
	if (own->options && *own->options)
		text = arena_printf(a, "%s options %s\n", text, own->options);
	return (struct bytes){ text, strlen(text) };
}

/* ---- images ---- */

static bool lies_on(const struct boot_facts *facts, const char *base, const char *path)
{
	struct boot_mounts mounts;
	size_t n = strlen(base);

	if (n > 0 && (strncmp(path, base, n) != 0 || path[n] != '/'))
		return false;
	boot_mounts_read(facts, &mounts);
	const struct boot_mount *m = boot_mount_of(&mounts, path);
	return !m || str_eq(m->target, base);
}

static const char *directory_of(struct arena *a, const char *path)
{
	return arena_strndup(a, path, (size_t)(text_last_part(path) - path));
}

void bls_place(const struct boot_facts *facts, const struct bls_entry *entry, const char *beside,
	       const char *image, struct bls_image *ret)
{
	struct arena *a = facts->arena;
	const char *base = entry->base;

	*ret = (struct bls_image){ 0 };
	const char *there = bls_file(facts, entry, beside);
	ret->path = arena_concat(a, directory_of(a, there), text_last_part(image));
	/* a path of the boot loader begins where the one that works does */
	ret->value = arena_concat(a, directory_of(a, beside), text_last_part(image));
	if (str_eq(ret->path, image))
		return;
	ret->source = image;
	if (!lies_on(facts, base, image))
		return;
	ret->value = arena_concat(a, "/", *base ? image + strlen(base) + 1 : image);
	ret->path = image;
	ret->source = NULL;
}

/* The data of the step is the path of the source. */
static int copy_proof(struct host *host, const struct step *step, const char *path, struct err *e)
{
	char wanted[SHA256_TEXT], found[SHA256_TEXT];
	const char *source = step->data;
	int error = root_digest(host->root, source, wanted);

	if (error < 0)
		return err_io(e, error, "reading %s", source);
	error = root_digest(host->root, path, found);
	if (error < 0)
		return err_io(e, error, "reading %s", path);
	return str_eq(wanted, found) ? 0 : err_fail(e, -EIO, "%s is no copy of %s", path, source);
}

void bls_copy(const struct boot_facts *facts, struct plan *plan, const char *why, const char *from,
	      const char *to, bool own)
{
	struct arena *a = facts->arena;

	if (str_eq(from, to))
		return;
	struct step *step = plan_step(a, plan, STEP_COMMAND, why);
	step->output = arena_concat(a, to, ".new");
	step->becomes = to;
	/* what owner and mode mean on FAT is said by its mount, so none are copied */
	step->argv = text_list(a, "cp", "--no-preserve=mode,ownership", "--",
			       boot_absolute(a, from), boot_absolute(a, step->output), NULL);
	if (!own)
		step->regenerate = step->argv;
	step->own = own;
	step->proof = copy_proof;
	step->data = from;
	/* beside a kernel, with which it is removed */
	step->may_go = true;
}

/* ---- command lines ---- */

static const struct edit_place whole_line = { .format = EDIT_CMDLINE };

const char *bls_with_words(const struct boot_facts *facts, const char *options,
			   const struct names *words, struct err *e)
{
	struct arena *a = facts->arena;
	struct edit edit;

	/* a kernel without root= may find its root itself (discoverable partitions) */
	if (!options || !*options)
		return text_join(a, words->name, words->n, " ");
	if (edit_add(a, (struct bytes){ options, strlen(options) }, &whole_line, words, &edit, e) <
	    0)
		return NULL;
	return text_trimmed(a, edit.text);
}

const char *bls_without_words(const struct boot_facts *facts, const char *options,
			      const struct names *words, struct err *e)
{
	struct arena *a = facts->arena;
	struct bytes text;

	if (!options || !*options)
		return "";
	if (edit_remove(a, (struct bytes){ options, strlen(options) }, &whole_line, words, &text,
			e) < 0)
		return NULL;
	return text_trimmed(a, text);
}
