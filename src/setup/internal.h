/* SPDX-License-Identifier: MIT */
/* What the parts of a setup share: what is aimed at, the hooks of generators, images, units. */
#pragma once

#include "base/root_tree.h"
#include "setup/setup.h"

struct kernel;

/* What stands in SETUP_FILE. */
struct setup_record {
	enum setup_phase phase; /* SETUP_NONE: there is no such file */
	const char *kernel;     /* that the trial boots; NULL: no trial */
	bool confirm_auto;
	unsigned limit_s; /* 0: none */
	struct names words, trial_words;
};

/* What the host is to be like, whether it comes from a wish or from what is set up. */
struct setup_target {
	struct setup_record record; /* as the trial has it */
	struct reserve_record *records;
	size_t n_records;
	struct bytes devices; /* RESERVE_FILE */
	bool is_new;          /* nothing is set up yet */
};

/* A host on its way to being set up. */
struct setup_work {
	struct host *host;
	struct arena *arena; /* the host's */
	const struct host_facts *facts;
	struct setup_state state;
	struct setup_record record; /* as it stands there now */
	struct boot_setup *boot;
	struct initramfs_setup *initramfs; /* chosen NULL: no generator makes the images */
	const struct hook *hook;
	const struct initramfs_kernel *kernel; /* of the trial */
	struct setup_target target;
	const char *kept_image; /* where its old image stays, or does so already; NULL: nowhere */
};

/* ---- text.c, made at build time from src/early/hooks ---- */

struct setup_text {
	const char *name; /* "initramfs-tools-hook" */
	const char *text;
};

extern const struct setup_text setup_texts[]; /* one without name ends them */
/* Where the early helper and this program are installed, paths of the root. */
extern const char setup_helper[], setup_program[];

/* ---- record.c ---- */

MUST_CHECK int setup_record_read(struct host *host, struct setup_record *ret, struct err *e);
struct bytes record_text(struct arena *a, const struct setup_record *record);
/* Whether no record before @i names the driver of that one. */
bool record_driver_is_first(const struct setup_target *target, size_t i);

/* ---- wish.c ---- */

/* The words of a wish, for every entry and for the trial, in @ret. */
MUST_CHECK int wish_words(const struct setup_work *work, const struct setup_wish *wish,
			  struct setup_record *ret, struct err *e);

/* ---- device.c ---- */

/* Whether these functions may be reserved at all. */
MUST_CHECK int device_check(const struct setup_work *work, const struct setup_wish *wish,
			    struct err *e);
/* The records of a wish, and the text of the file. */
MUST_CHECK int device_records(const struct setup_work *work, const struct setup_wish *wish,
			      struct setup_target *ret, struct err *e);
/* Whether what is set up reserves just these functions. */
bool device_same(const struct setup_work *work, const struct setup_wish *wish);

bool device_is_wished(const struct setup_wish *wish, const struct pci_function *f);
/* Whether VFIO has @f for this boot only, so that after a reboot a driver of the host has it. */
bool device_comes_back(const struct setup_work *work, const struct pci_function *f);

/* ---- loss.c ---- */

/* What the host would lose: refused where it may not come up or not be reached, else a note. */
MUST_CHECK int loss_judge(const struct setup_work *work, const struct setup_wish *wish,
			  struct plan *plan, struct err *e);

/* ---- hook.c ---- */

struct hook_file {
	const char *path;
	const char *text; /* its name among setup_texts */
	mode_t mode;
};

/* How the helper gets into the images of one generator, and how it is called there. */
struct hook {
	const char *generator; /* NULL: no image has it, a unit of systemd calls it */
	const struct hook_file *files;
	size_t n_files;
	/* 0 when the image calls the helper before drivers are looked for */
	int (*called)(struct initramfs_image *image, struct arena *a, struct err *e);
	/* what depends on the host's own files; NULL: nothing */
	int (*steps)(const struct setup_work *work, struct plan *plan, struct err *e);
};

/* How it is done on this host. -EOPNOTSUPP (ERR_REFUSED). */
MUST_CHECK int hook_choose(const struct setup_work *work, const struct hook **ret, struct err *e);
MUST_CHECK int hook_steps(const struct setup_work *work, struct plan *plan, struct err *e);
const char *hook_text(const char *name);

/* ---- image.c ---- */

/* The kernels of a host whose images nobody makes, into @images. */
void image_plain_kernels(struct host *host, const struct kernel_facts *facts,
			 struct initramfs_setup *images);
/* Which of the images the host is started from: the boot loader says so. */
void image_use_boot(struct host *host, const struct boot_setup *boot,
		    struct initramfs_setup *images);
/* Whether the path is that of a unified image, of this kernel or another. */
bool image_is_unified(const char *path);
/* Whether the images of all kernels can be made. */
MUST_CHECK int image_check_kernels(const struct setup_work *work, struct err *e);
/* The kernel of a trial: the running one, or the newest that can be booted. */
MUST_CHECK int image_choose_kernel(const struct setup_work *work, const char *release,
				   const struct initramfs_kernel **ret, struct err *e);
const char *image_trial_path(struct arena *a, const struct initramfs_kernel *kernel);
const char *image_kept_path(struct arena *a, const struct initramfs_kernel *kernel);
/* Whether its usual image is as image_steps() would make it. */
bool image_has_helper(const struct setup_work *work, const struct initramfs_kernel *kernel);
/* One of its own for the trial. */
void image_trial_step(const struct setup_work *work, struct plan *plan);
/* Those of all kernels, that of the trial at last; @keep: its old one stays beside. */
void image_steps(const struct setup_work *work, bool keep, struct plan *plan);
/* All images that are made anew then. */
void image_kernels(const struct setup_work *work, const struct initramfs_kernel *const **ret,
		   size_t *ret_n);
/* Whether there is room for what @plan makes; one clear refusal. */
MUST_CHECK int image_check_room(const struct setup_work *work, const struct plan *plan,
				struct err *e);
/* Images that still hold the helper although nothing is set up. */
void image_leave_steps(const struct setup_work *work, struct plan *plan);

/* ---- undo.c ---- */

/* How whatever is found half done is taken back. */
extern const struct change_undo_how undo_how;

/* ---- unit.c ---- */

/* Units of our own, of systemd. */
/* Those of a trial boot, as the target says: there, or not. */
void unit_trial_steps(const struct setup_work *work, struct plan *plan);
/* What restarts a trial boot is not there for the boots after it. */
void unit_permanent_steps(const struct setup_work *work, struct plan *plan);
bool unit_possible(struct host *host);
/* Whether a trial boot can be confirmed, or restarted, by itself, if that is wished. */
MUST_CHECK int unit_check(struct host *host, const struct setup_record *record, struct err *e);
/*
 * The restart of a trial boot that runs does not come in the midst of a change. *@ret_held: it
 * would have come; when the change fails, unit_let_restart() lets it come, at once when it is due.
 */
MUST_CHECK int unit_hold_restart(struct host *host, bool *ret_held, struct err *e);
void unit_let_restart(bool held);

/* ---- work.c ---- */

/* Whether there is such a file. */
bool work_has(struct host *host, const char *path);
/* NULL: there is no such kernel. */
const struct kernel *work_kernel(const struct setup_work *work, const char *release);
/* Reads what every part needs. */
MUST_CHECK int work_read(struct host *host, struct setup_work *ret, struct err *e);
/*
 * What a setup needs of the host: a boot loader, a generator, the helper, and a kernel, @release
 * when that can be. -EOPNOTSUPP and others (ERR_REFUSED).
 */
MUST_CHECK int work_check(struct setup_work *work, const char *release, struct err *e);
/* Aims at what is set up. */
void work_aim_at_state(struct setup_work *work);
/* When it is known what is aimed at: the image of the kernel is opened once. */
void work_look_at_image(struct setup_work *work);
void work_boot_change(const struct setup_work *work, struct boot_change *ret);
MUST_CHECK int work_plan_trial(const struct setup_work *work, struct plan *plan, struct err *e);
/* @after_trial: what the plan of the trial has put in place stays out of it. */
MUST_CHECK int work_plan_permanent(const struct setup_work *work, bool after_trial,
				   struct plan *plan, struct err *e);
/* "reserve 0000:41:00.0, 0000:41:00.1" */
const char *work_title(const struct setup_work *work, const char *verb);
