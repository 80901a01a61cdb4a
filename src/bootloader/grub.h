/* SPDX-License-Identifier: MIT */
/*
 * GRUB whose menu is generated from etc/default/grub: what both of its entries in the table share.
 * Menus that are made of the Boot Loader Specification's files are not its business.
 */
#pragma once

#include "bootloader/internal.h"

#define GRUB_DEFAULTS "etc/default/grub"
#define GRUB_DROPINS "etc/default/grub.d"
#define GRUB_OWN_DROPIN GRUB_DROPINS "/zz-passthru.cfg"
#define GRUB_SCRIPTS "etc/grub.d"
#define GRUB_OWN_SCRIPT GRUB_SCRIPTS "/42_passthru"
#define GRUB_LINUX_SCRIPT GRUB_SCRIPTS "/10_linux"
#define GRUB_ZFS_SCRIPT GRUB_SCRIPTS "/10_linux_zfs"
#define GRUB_VARIABLE "GRUB_CMDLINE_LINUX_DEFAULT"

/* ---- grub.c: how it is installed ---- */

struct grub {
	const char *mkconfig; /* "usr/sbin/grub-mkconfig" */
	const char *editenv;  /* "usr/bin/grub-editenv"; NULL: not installed */
	bool has_dropins;     /* the generator reads GRUB_DROPINS */
	const char *config;   /* "boot/grub/grub.cfg", without links */
	const char *env;      /* the environment block beside it, without links */
};

/*
 * Judges the host, as the loader with drop-ins or the one without; @candidate gets evidence only
 * from the one that the installed generator is.
 */
void grub_detect(const struct boot_facts *facts, bool has_dropins,
		 struct bootloader_candidate *candidate);

/* What the kernel's command line says against any GRUB. */
void grub_judge_stub(const struct boot_facts *facts, struct bootloader_candidate *candidate);

/* ---- grub_menu.c: the generated menu ---- */

struct grub_entry {
	const char *id;           /* "" when it has none */
	const char *title;        /* as written in the file, for messages */
	unsigned depth;           /* 0: at the top */
	size_t place;             /* at the top, submenus counted: what GRUB_DEFAULT=N counts */
	struct names linux_lines; /* what stands behind each linux command: the path first */
	struct names initrd_lines;
	unsigned line;
};

struct grub_menu {
	struct grub_entry *entries;
	size_t n;
	size_t n_top;              /* entries and submenus at the top */
	const char *default_entry; /* what the header makes the default; NULL: not found */
	bool once;                 /* the header lets next_entry act, and clears it */
	const char *later_default; /* a line behind the header that sets another default */
};

void grub_menu_read(struct arena *a, struct bytes text, struct grub_menu *ret);
/* The first with that id at the top; NULL. */
const struct grub_entry *grub_menu_find(const struct grub_menu *menu, const char *id);
/* It starts a kernel of this system as every boot does: no recovery, no other system, not ours. */
bool grub_entry_is_normal(const struct grub_entry *entry);

/* ---- grub_once.c: the entry for the next boot ---- */

/* 0, or -EOPNOTSUPP and why GRUB could not take its own choice back. */
MUST_CHECK int grub_once_check(const struct boot_facts *facts, const struct grub *grub,
			       struct err *e);
/* The step that has GRUB start @id once. */
MUST_CHECK int grub_once_step(const struct boot_facts *facts, const struct grub *grub,
			      const char *id, struct plan *plan, struct err *e);

/* ---- grub_steps.c: the menu with our entry ---- */

extern const char grub_script[];

/* What stands in our script, and has to stand in the menu then. */
struct grub_wish {
	struct arena *a;
	bool trial;          /* our entry is for the trial, else the one without words */
	const char *release; /* our entry's kernel */
	const char *kernel;  /* its file's name */
	const char *directory;
	const char *image;      /* in place of its own, a file's name; NULL: its own */
	const char *image_path; /* the same, of the root */
	struct names words;     /* trial: that our entry has; else: that every normal entry has */
	struct names own;       /* not trial: those of them that are ours alone */
};

/* Proof of the step that makes the menu; the data is the wish. */
int grub_prove_menu(struct host *host, const struct step *step, const char *path, struct err *e);

MUST_CHECK int grub_trial(const struct boot_setup *boot, const struct boot_change *change,
			  struct plan *plan, struct err *e);
/* Steps that put the words into the configuration; @ret_own are those that did not stand there. */
typedef int grub_place_words(const struct boot_facts *facts, const struct boot_change *change,
			     struct plan *plan, struct names *ret_own, struct err *e);
MUST_CHECK int grub_permanent(const struct boot_setup *boot, const struct boot_change *change,
			      grub_place_words *place_words, struct plan *plan, struct err *e);
/* It is one of those that were added now, or that our script, which is there already, takes out. */
bool grub_word_is_own(const struct boot_facts *facts, const struct names *added, const char *word);
