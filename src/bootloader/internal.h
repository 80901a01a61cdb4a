/* SPDX-License-Identifier: MIT */
/*
 * What the boot loaders of the table share: facts read once, files with their evidence, and the
 * usual steps. All paths are of the root; all results live in the host's arena.
 */
#pragma once

#include "bootloader/bootloader.h"

/* Menus that were generated may be long: a grub.cfg with forty kernels has 200 KiB. */
#define BOOT_FILE_MAX ((size_t)4 * 1024 * 1024)

/* Types of GPT partitions, as udev writes them. */
#define BOOT_TYPE_ESP "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
#define BOOT_TYPE_XBOOTLDR "bc13c2ff-59e6-4262-a352-b275fd6f7172"

/* ---- facts.c ---- */

void boot_facts_read(struct host *host, const struct kernel_facts *kernels,
		     const struct initramfs_setup *initramfs, struct boot_facts *ret);

/* What is mounted: of the running system its table, of another one its etc/fstab. */
struct boot_mount {
	const char *target; /* "boot/efi", "" for the root itself */
	const char *type;   /* "vfat" */
	const char *source; /* "/dev/sda1", "UUID=..." */
	const char *options;
	const char *device; /* "8:1"; NULL: not known, from etc/fstab */
	const char *where;  /* the table that says so, for evidence */
};

struct boot_mounts {
	struct boot_mount *list; /* in the order of the table: the last one of a place is seen */
	size_t n;
	const char *where;
	int error;
};

void boot_mounts_read(const struct boot_facts *facts, struct boot_mounts *ret);
/* The mount that @path lies on; NULL when it is not known. */
const struct boot_mount *boot_mount_of(const struct boot_mounts *mounts, const char *path);

/*
 * A variable that boot loaders leave for the system ("LoaderInfo", "StubInfo",
 * "LoaderEntrySelected", "LoaderDevicePartUUID"); NULL when there is none, or it could not be read.
 */
const char *boot_efi_text(const struct boot_facts *facts, const char *name);
/* LoaderInfo begins with @program, a word of its own: "GRUB", "systemd-boot", "Limine". */
bool boot_loader_is(const struct boot_facts *facts, const char *program);
/* The value of a word of the running kernel's command line: BOOT_IMAGE; NULL: there is none. */
const char *boot_word(const struct boot_facts *facts, const char *name);
/*
 * What says that neither GRUB nor kexec started the running kernel, as a sentence: the stub of the
 * kernel itself read the image that initrd= names, for systemd-boot, rEFInd or the firmware. GRUB
 * and SYSLINUX put BOOT_IMAGE= there. NULL: nothing says so.
 */
const char *boot_by_stub(const struct boot_facts *facts);

/* ---- files.c: looking ---- */

/* 0, -ENOENT, or why it cannot be said. Of a link, the link itself. */
int boot_look(const struct boot_facts *facts, const char *path);
/* It is there; what could not be looked at is not. */
bool boot_has(const struct boot_facts *facts, const char *path);
/* The first of a list, which ends with NULL, that is there; NULL: none. */
const char *boot_first(const struct boot_facts *facts, const char *const *paths);
/* A path below @directory on a FAT file system, as it is really spelled; NULL: it is not there. */
const char *boot_any_case(const struct boot_facts *facts, const char *directory, const char *path);
/* A program, wherever PATH has it: "usr/sbin/grub-mkconfig"; NULL: not installed. */
const char *boot_program(const struct boot_facts *facts, const char *name);

/* The whole file. The error names it. */
MUST_CHECK int boot_read(const struct boot_facts *facts, const char *path, struct bytes *ret,
			 struct err *e);
/* It could be read and has @text in it. */
bool boot_mentions(const struct boot_facts *facts, const char *path, const char *text);
/* The text of a short file without its newline; NULL when it could not be read or is empty. */
const char *boot_line(const struct boot_facts *facts, const char *path);
/* The paths of the files of a directory whose names end with @ending, in byte order. */
MUST_CHECK int boot_entries(const struct boot_facts *facts, const char *directory,
			    const char *ending, struct names *ret, struct err *e);

/*
 * The last plain assignment to @name in a file that a shell reads, without its quotes; NULL: there
 * is none, or only a shell knows (*@ret_line is its number then, else 0). @ret_line may be NULL.
 */
const char *boot_setting(const struct boot_facts *facts, const char *path, const char *name,
			 unsigned *ret_line);

/* One more sentence that speaks for a candidate: the file, and what it says. */
void boot_evidence(const struct boot_facts *facts, struct bootloader_candidate *candidate,
		   const char *format, ...) PRINTF_LIKE(3, 4);
void boot_name_add(struct arena *a, struct names *names, const char *name);

/* ---- steps.c: planning ---- */

/* It cannot be done on this host, and one sentence why: -EOPNOTSUPP, ERR_REFUSED. */
int boot_unsupported(struct err *e, const char *format, ...) PRINTF_LIKE(2, 3) MUST_CHECK;

/* What @path will hold after the steps that @plan has; -ENOENT when it will not be there. */
MUST_CHECK int boot_planned(const struct boot_facts *facts, const struct plan *plan,
			    const char *path, struct bytes *ret, struct err *e);
/* One step: @words in @place of @path. */
MUST_CHECK int boot_edit_in(const struct boot_facts *facts, struct plan *plan, const char *why,
			    const char *path, const struct edit_place *place,
			    const struct names *words, struct err *e);
/* One step: @words out of it; none when they are not there. */
MUST_CHECK int boot_edit_out(const struct boot_facts *facts, struct plan *plan, const char *why,
			     const char *path, const struct edit_place *place,
			     const struct names *words, struct err *e);
/* The path as commands take it, with a slash before it. */
const char *boot_absolute(struct arena *a, const char *path);

/* The words of the change, and behind them those of the trial. */
struct names boot_trial_words(struct arena *a, const struct boot_change *change);
/*
 * How often a command line has the word, compared as the kernel does: '-' is '_' in names. Words
 * behind " -- " are init's.
 */
unsigned boot_count_word(struct arena *a, const char *line, const char *word);
/* The words that do not stand in the line, compared like that; of a size and a number of huge pages
 * both or none. */
struct names boot_missing(struct arena *a, const char *line, const struct names *words);
