/* SPDX-License-Identifier: MIT */
/*
 * Unified kernel images, started by systemd-boot: which kernel has one, what makes it, where that
 * takes the command line from, and the steps that make it anew.
 */
#pragma once

#include "bootloader/systemd_boot.h"

enum uki_maker {
	UKI_MKINITCPIO, /* by a preset */
	UKI_DRACUT,
	UKI_UKIFY, /* run by kernel-install */
};

struct uki {
	const struct initramfs_kernel *kernel;
	const char *path;
	enum uki_maker maker;
	struct initramfs_unified now; /* what is in it; only of uki_check() */
};

/* Whether the kernel has one. */
bool uki_of(const struct initramfs_kernel *kernel, struct uki *ret);
/* The boot partition that the file is on; NULL: none that a boot loader reads. */
const char *uki_base(const struct boot_facts *facts, const char *path);

/* ---- uki_check.c ---- */

/*
 * What is in the file, with its command line, which has to be there: -ENOENT when it is not, or no
 * file is; -EBADMSG when that is no EFI program.
 */
MUST_CHECK int uki_read(struct host *host, const char *path, struct initramfs_unified *ret,
			struct err *e);
/* Reads the image of the kernel. -EOPNOTSUPP when none, or none like it, can be made. */
MUST_CHECK int uki_check(const struct boot_facts *facts, const struct initramfs_kernel *kernel,
			 struct uki *ret, struct err *e);
bool uki_secure_boot(const struct boot_facts *facts);

/* ---- uki_words.c ---- */

/* dracut is configured with a command line; @own: ours counts too. */
bool uki_dracut_has_line(const struct boot_facts *facts, bool own);
/* For the trial: images that are made meanwhile get the usual line, not the trial's. */
MUST_CHECK int uki_keep_usual(const struct boot_facts *facts, const struct uki *uki,
			      struct plan *plan, struct err *e);
/* The words where the maker of the image takes them from. */
MUST_CHECK int uki_plan_words(const struct boot_facts *facts, const struct uki *uki,
			      const struct names *words, struct plan *plan, struct err *e);

/* ---- uki_image.c ---- */

/* The image of the trial; one of a preset is made by the plan already. */
MUST_CHECK int uki_trial_image(const struct boot_facts *facts, const struct boot_change *change,
			       const struct uki *uki, struct plan *plan, const char **ret_path,
			       struct err *e);
/*
 * The image gets the words, in the step that makes it, or in one of its own. *@ret_kept: where the
 * old one stays, NULL: nowhere.
 */
MUST_CHECK int uki_image(const struct boot_facts *facts, const struct boot_change *change,
			 const struct uki *uki, struct plan *plan, const char **ret_kept,
			 struct err *e);
/* The words out of an image of ukify's that others have made. */
MUST_CHECK int uki_leave(const struct boot_facts *facts, const struct uki *uki,
			 const struct names *words, struct plan *plan, struct err *e);
