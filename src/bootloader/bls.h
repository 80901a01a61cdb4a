/* SPDX-License-Identifier: MIT */
/*
 * Entries of the Boot Loader Specification (type 1: loader/entries/NAME.conf), as the two programs
 * read them that boot from them, and entries of our own made from one.
 *
 * The readers differ. systemd-boot (boot_entry_add_type1() and line_get_key_value() in its
 * src/boot/boot.c) joins all options lines, takes quotes around a value off, skips what it does not
 * know, and sorts by sort-key, machine-id, version and name. GRUB (blscfg.c of Red Hat's grub2)
 * takes the first options line, ends reading at a line without a value, an empty one too, and
 * sorts by the name alone.
 */
#pragma once

#include "bootloader/internal.h"

enum bls_reader {
	BLS_SYSTEMD,
	BLS_GRUB,
};

struct bls_pair {
	const char *key, *value;
};

struct bls_entry {
	const char *base; /* where its partition is mounted, "boot/efi"; "" the root itself */
	const char *path; /* "boot/efi/loader/entries/debian-6.1.0-37-amd64+3.conf" */
	const char *file; /* "debian-6.1.0-37-amd64+3.conf" */
	const char *name; /* "debian-6.1.0-37-amd64": what GRUB calls it has a counter too */
	int tries_left;   /* boot counting of systemd-boot; -1: none */
	struct bytes text;
	struct bls_pair *pairs; /* in the order of the file */
	size_t n_pairs;
	/* NULL where it has no such line */
	const char *title, *version, *sort_key, *machine_id, *kernel, *efi, *options;
	struct names initrds;
};

struct bls_list {
	enum bls_reader reader;
	struct bls_entry *entries; /* in the order of the menu */
	size_t n, room;
	struct names unified; /* files of EFI/Linux, which are entries too */
	const char *usual;    /* what the configuration names as default, a pattern; NULL */
};

/* ---- bls.c: reading ---- */

void bls_parse(struct arena *a, enum bls_reader reader, struct bls_entry *entry);
/* The entries of the partition mounted at @base, added to @list and sorted into it. */
MUST_CHECK int bls_read(const struct boot_facts *facts, const char *base, struct bls_list *list,
			struct err *e);
/* Entries that this program has made. */
bool bls_is_own(const struct bls_entry *entry);
/* An entry that stays as it is, because it is a way back already: of a rescue or fallback image. */
bool bls_is_way_back(const struct bls_entry *entry);
/* A file that the entry names, as a path of the root. */
const char *bls_file(const struct boot_facts *facts, const struct bls_entry *entry,
		     const char *value);
/* Whether the entry boots that kernel: by its file, or its version. */
bool bls_boots(const struct boot_facts *facts, const struct bls_entry *entry,
	       const struct initramfs_kernel *kernel);
/* The installed kernel that the entry boots; NULL: none of this system. */
const struct initramfs_kernel *bls_kernel(const struct boot_facts *facts,
					  const struct bls_entry *entry);
/*
 * Whether the entry is of this system, boots a kernel, and is to get the words: not our own, not a
 * way back, not another system's on the same partition.
 */
bool bls_is_normal(const struct boot_facts *facts, const struct bls_entry *entry);
/* kernel-install has made it, or sdbootutil: "<token>-<version>.conf", and may write it anew. */
bool bls_is_installed(const struct bls_entry *entry);
/*
 * The entry that our own ones are made from: of those of the kernel the usual one, else the first
 * in the menu. -EOPNOTSUPP when there is none.
 */
MUST_CHECK int bls_origin(const struct boot_facts *facts, const struct bls_list *list,
			  const struct initramfs_kernel *kernel, const struct bls_entry **ret,
			  struct err *e);
/* Which of its initrd lines is the generator's image of the kernel; NULL: it cannot be said. */
const char *bls_initrd(const struct boot_facts *facts, const struct bls_entry *entry,
		       const struct initramfs_kernel *kernel);

/* ---- bls_order.c: the menu ---- */

/* Negative when @a stands before @b. */
int bls_compare(enum bls_reader reader, const struct bls_entry *a, const struct bls_entry *b);
/*
 * The name for an entry of our own, @wanted or one made of it, under which it stands behind all
 * others in the menu, so that no boot loader takes it by itself. NULL: there is none.
 */
const char *bls_last_name(struct arena *a, const struct bls_list *list, const char *wanted);
/* All names that bls_last_name() may give for @wanted; ends with NULL. */
const char *const *bls_own_names(struct arena *a, enum bls_reader reader, const char *wanted);

/* ---- bls_make.c: entries of our own, and images for them ---- */

struct bls_own {
	const struct bls_entry *from;
	const char *title;   /* "trial of passthru": stands behind the title in brackets */
	const char *options; /* its whole command line; NULL: none is said */
	/* in place of the file that the initrd line @instead names; NULL: all as they are */
	const char *initrd, *instead;
	/* a unified image in place of kernel and initrd; NULL: none */
	const char *efi;
};

struct bytes bls_make(struct arena *a, enum bls_reader reader, const struct bls_own *own);

/* An image where the boot loader can read it. */
struct bls_image {
	const char *value;  /* for the entry: "/debian/6.1.0-37-amd64/initrd.img.passthru" */
	const char *path;   /* of the root */
	const char *source; /* it has to be copied from there; NULL: it is there itself */
};

/*
 * Where the file @image is for an entry of the partition of @entry: where it is, when it lies on
 * that partition, else beside @beside, a value of the entry.
 */
void bls_place(const struct boot_facts *facts, const struct bls_entry *entry, const char *beside,
	       const char *image, struct bls_image *ret);
/* An entry of ours whose name is @wanted, or made of it, and all whose files are there; else NULL.
 */
const struct bls_entry *bls_own_whole(const struct boot_facts *facts, const struct bls_list *list,
				      const char *wanted);
/*
 * The step that makes @to a copy of @from; nothing where both are the same file. @own: @to is a
 * file of ours alone.
 */
void bls_copy(const struct boot_facts *facts, struct plan *plan, const char *why, const char *from,
	      const char *to, bool own);
/* The words in a command line, and without them. NULL, and an error, when that cannot be. */
const char *bls_with_words(const struct boot_facts *facts, const char *options,
			   const struct names *words, struct err *e) MUST_CHECK;
const char *bls_without_words(const struct boot_facts *facts, const char *options,
			      const struct names *words, struct err *e) MUST_CHECK;

/* ---- bls_steps.c: steps that systemd-boot and GRUB share ---- */

/*
 * The words in one entry. Its file may be written anew by others while they are in it
 * (kernel-install, grubby): then undo takes them out of what those have made.
 */
MUST_CHECK int bls_edit(const struct boot_facts *facts, struct plan *plan, enum bls_reader reader,
			const struct bls_entry *entry, const struct names *words, bool own_line,
			struct err *e);
/* The words in all normal entries; *@ret_n is how many there are. */
MUST_CHECK int bls_edit_all(const struct boot_facts *facts, struct plan *plan,
			    const struct bls_list *list, const struct names *words, size_t *ret_n,
			    struct err *e);
/* The trial entry; *@ret_file is its file's name. */
MUST_CHECK int bls_trial(const struct boot_facts *facts, const struct bls_list *list,
			 const struct boot_change *change, struct plan *plan, const char **ret_file,
			 struct err *e);
/* The entry without our words, unless there is one that still boots. */
MUST_CHECK int bls_plain(const struct boot_facts *facts, const struct bls_list *list,
			 const struct boot_change *change, struct plan *plan, struct err *e);
/* Copies of images that were made anew in their places. */
MUST_CHECK int bls_copy_rebuilt(const struct boot_facts *facts, const struct bls_list *list,
				const struct boot_change *change, struct plan *plan, struct err *e);
/* The name for an entry of our own, or a refusal: see bls_last_name(). */
MUST_CHECK int bls_own_name(const struct boot_facts *facts, const struct bls_list *list,
			    const char *wanted, const char **ret, struct err *e);
/* The trial entry and its image go. */
void bls_drop_trial(const struct boot_facts *facts, const struct bls_list *list,
		    const struct boot_change *change, struct plan *plan);
/* The words out of entries that others have made; those that the user has himself stay. */
MUST_CHECK int bls_leave(const struct boot_facts *facts, const struct bls_list *list,
			 const struct names *words, struct plan *plan, struct err *e);
/*
 * etc/kernel/cmdline with the words. Where it is missing it is made whole, of what kernel-install
 * would take without it: usr/lib/kernel/cmdline, or what the entries have. -EOPNOTSUPP when no
 * whole command line is known.
 */
MUST_CHECK int bls_kernel_cmdline(const struct boot_facts *facts, const struct bls_list *list,
				  const struct names *words, struct plan *plan, struct err *e);
/*
 * For the trial: etc/kernel/cmdline as it would be taken now, where it is missing. Else a kernel
 * that is installed in the trial's boot would get the trial's words from proc/cmdline, for ever.
 */
MUST_CHECK int bls_keep_usual(const struct boot_facts *facts, const struct bls_list *list,
			      const struct names *words, struct plan *plan, struct err *e);
/* The same with @line. */
MUST_CHECK int bls_keep_cmdline(const struct boot_facts *facts, const char *line, struct plan *plan,
				struct err *e);
