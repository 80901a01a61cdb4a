/* SPDX-License-Identifier: MIT */
/*
 * What starts this host, and how the kernel gets words from it: one file each, in the table
 * BOOTLOADER(x).
 *
 * A boot loader is found by evidence, never by the name of the distribution, and only when exactly
 * one candidate counts. It turns a wish into steps of a plan (change/step.h); nothing here changes
 * anything. Words go into every normal entry, those of kernels that are installed later too; one
 * entry without them stays.
 */
#pragma once

#include "change/change.h"
#include "initramfs/initramfs.h"

#include <stdbool.h>

struct bootloader;
struct kernel_facts;

/* The entry that is used once, and the one that stays without our words. */
#define BOOTLOADER_TRIAL_ENTRY "passthru-trial"
#define BOOTLOADER_PLAIN_ENTRY "passthru-without"
/* Only the trial entry has this word. */
#define BOOTLOADER_TRIAL_WORD "passthru.trial=1"

/* What several loaders look at, read once. */
struct boot_facts {
	struct host *host;
	struct arena *arena; /* the host's */
	const struct kernel_facts *kernels;
	const struct initramfs_setup *initramfs;
	bool live;
	bool efi;           /* sys/firmware/efi is there; of a mounted system never known */
	const char *loader; /* LoaderInfo, "systemd-boot 252.39-1"; NULL: not said */
	const char *stub;   /* StubInfo; NULL: not said */
	const char *esp;    /* where the EFI system partition is mounted; NULL: not found */
	const char *boot;   /* $BOOT of the Boot Loader Specification: XBOOTLDR or the ESP; NULL */
	const char *machine_id; /* NULL: none */
	const char *os_id;      /* ID= of os-release; NULL */
};

struct bootloader_candidate {
	const struct bootloader *loader;
	/* what speaks for it: "boot/grub/grub.cfg exists", with the file and the value */
	struct names evidence;
	/* all that starting this host by it needs is there */
	bool counts;
	/* what it was seen to be that started the running kernel (LoaderInfo, BOOT_IMAGE=) */
	bool seen;
	/* that was something else, as the evidence says: never chosen, but undo knows its files */
	bool contradicted;
	/* manages the others: its files look like theirs (rpm-ostree, Proxmox, kernelstub) */
	bool manages;
	const void *data; /* of the loader: what detect() found out for trial() and permanent() */
};

struct boot_setup {
	struct boot_facts facts;
	struct bootloader_candidate *candidates;
	size_t n_candidates;
	const struct bootloader_candidate *chosen; /* NULL: none, or more than one remain */
	const char *refusal;                       /* why not, one sentence */
};

/* What is wanted of the boot loader. Paths are of the root. */
struct boot_change {
	struct names words; /* for every normal entry, in this order */
	/* the trial: its kernel, its image with the early helper (a file of our own, which the plan
	 * has made by then; NULL: the host has no initramfs) and words for it alone */
	const struct initramfs_kernel *kernel;
	const char *trial_image;
	struct names trial_words;
	/* the kernel's image as it was before, for the entry without our words; NULL: the usual */
	const char *plain_image;
	/* of the functions, for by_hand(): "0000:41:00.0", and "10de:1c82" once for each kind */
	struct names addresses, ids;
	/* images that the plan makes anew in their places, for loaders that keep copies of them */
	const struct initramfs_kernel *const *rebuilt;
	size_t n_rebuilt;
};

/* One file of the table. All steps go behind those that @plan has. */
struct bootloader {
	const char *name;  /* "grub-dropin" */
	const char *title; /* "GRUB with etc/default/grub.d" */
	/* Fills in all of @ret; evidence.n 0: nothing speaks for it. */
	void (*detect)(const struct boot_facts *facts, struct bootloader_candidate *ret);
	/*
	 * An entry for the next boot only; the default stays as it is. NULL: this loader has no
	 * such thing. -EOPNOTSUPP (ERR_REFUSED) with the reason when it cannot on this host.
	 */
	int (*trial)(const struct boot_setup *boot, const struct boot_change *change,
		     struct plan *plan, struct err *e);
	/* The words in every normal entry, an entry without them, and no trial entry any more. */
	int (*permanent)(const struct boot_setup *boot, const struct boot_change *change,
			 struct plan *plan, struct err *e);
	/*
	 * Entries that kernels installed since have got: steps that take @words out of them. NULL:
	 * they come and go with a file of ours, or are made anew by the step's regenerate.
	 */
	int (*leave)(const struct boot_setup *boot, const struct names *words, struct plan *plan,
		     struct err *e);
	/* What to do by hand, for a system that lets no program do it; NULL: trial and permanent.
	 */
	const char *(*by_hand)(const struct boot_setup *boot, const struct boot_change *change);
};

/* Reads what starts this host. @kernels and @initramfs have been read and live as long. */
void bootloader_read(struct host *host, const struct kernel_facts *kernels,
		     const struct initramfs_setup *initramfs, struct boot_setup *ret);

/*
 * The steps of the chosen loader. -EOPNOTSUPP (ERR_REFUSED) where it has no such thing, with the
 * reason in @e.
 */
MUST_CHECK int bootloader_trial(const struct boot_setup *boot, const struct boot_change *change,
				struct plan *plan, struct err *e);
MUST_CHECK int bootloader_permanent(const struct boot_setup *boot, const struct boot_change *change,
				    struct plan *plan, struct err *e);
/* Where none is chosen, from a rescue system say, out of the entries of all that count: only
 * exactly these words go. */
MUST_CHECK int bootloader_leave(const struct boot_setup *boot, const struct names *words,
				struct plan *plan, struct err *e);
/* A step that makes an image gets its commands. */
void bootloader_runs(struct step *step, struct initramfs_commands commands);
/* NULL when a program may do it. */
const char *bootloader_by_hand(const struct boot_setup *boot, const struct boot_change *change);
