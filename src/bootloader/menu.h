/* SPDX-License-Identifier: MIT */
/*
 * Menus that a boot loader reads as text, each entry with a command line of its own: rEFInd's
 * refind_linux.conf, the files of syslinux and extlinux, limine.conf. The editors of change/ change
 * one entry; here is which entries there are, and the one that stays without our words.
 */
#pragma once

#include "bootloader/internal.h"

struct menu_entry {
	const char *name;           /* the label, title or first string; NULL: it has none */
	const char *options;        /* NULL: none */
	const char *kernel, *image; /* as they are written; NULL: not said */
	size_t at, end;             /* its lines in the text */
};

struct menu {
	enum edit_format format;
	struct menu_entry *entries;
	size_t n;
	const char *default_name; /* extlinux: DEFAULT; NULL: not said */
	bool includes;            /* extlinux: a part of it stands in another file */
};

/* EDIT_REFIND, EDIT_EXTLINUX, EDIT_LIMINE. */
void menu_read(struct arena *a, struct bytes text, enum edit_format format, struct menu *ret);
/* An entry that starts Linux for everyday use: no rescue, no fallback, not ours without words. */
bool menu_is_normal(struct arena *a, const struct menu_entry *entry);
/* All of @words are in @options. */
bool menu_has_words(struct arena *a, const char *options, const struct names *words);
/* The normal entry of the kernel, the default one, or the first; NULL: there is none. */
const struct menu_entry *menu_entry_of(struct arena *a, const struct menu *menu,
				       const struct initramfs_kernel *kernel);

/* A text with the words in every normal entry, and an entry without them. */
struct menu_change {
	const char *path;
	enum edit_format format;
	const struct boot_change *change;
	bool own_menu;     /* the entry without words stands elsewhere */
	const char *image; /* of menu_plan() itself */
};

/*
 * One step for the file. -EOPNOTSUPP where its entries cannot be told from one another, or one
 * cannot be edited. *@ret_plain, which may be NULL, is the entry without words, as text.
 */
MUST_CHECK int menu_plan(const struct boot_facts *facts, const struct menu_change *change,
			 struct plan *plan, struct bytes *ret_plain, struct err *e);
/*
 * What a generator wrote: @words are in every normal entry of @path, and the entry without them is
 * there. -EIO and what is missing.
 */
MUST_CHECK int menu_check(struct host *host, const char *path, enum edit_format format,
			  const struct names *words, struct err *e);

/* ---- for those that say what to do instead of doing it ---- */

/* The words that mean something without the early helper. */
const char *menu_words_by_hand(struct arena *a, const struct boot_change *change);
/* What these leave out, and how the functions are reserved without it. */
const char *menu_devices_by_hand(struct arena *a, const struct boot_change *change);
