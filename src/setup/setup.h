/* SPDX-License-Identifier: MIT */
/*
 * The host that reserves devices for guests from its boot on: what is wished, what is there, and
 * the steps from one to the other.
 *
 * It goes in two changes (change/step.h). The first, the trial, adds and touches nothing that the
 * default entry of the boot loader uses: the reserved devices by identity, what the generator of
 * initramfs images needs for the early helper, one image of its own beside the others, and an entry
 * that is used once. When that boot has come up as planned, the second makes it permanent: the
 * images of all kernels, the words in every normal entry, and an entry without them. Undo takes
 * back both.
 *
 * Every effect at boot hangs on the word passthru.boot=1 of the kernel's command line.
 */
#pragma once

#include "bootloader/bootloader.h"
#include "reserve/reserve.h"

#include <stdbool.h>

#define SETUP_FILE "etc/passthru/setup"
#define SETUP_SWITCH "passthru.boot=1"

/* Pages of one size that the kernel sets aside when it starts. */
struct setup_pages {
	uint64_t size_bytes; /* 2 MiB, 1 GiB */
	uint64_t count;
	int node; /* -1: the kernel spreads them */
};

struct setup_wish {
	struct pci_function *const *functions; /* the closure, in this order */
	size_t n_functions;
	const struct setup_pages *pages;
	size_t n_pages;
	bool iommu_pt;            /* iommu=pt */
	struct names kvm;         /* "kvm.ignore_msrs=1", "kvm_intel.nested=1" */
	const char *isolated;     /* processors for guests alone, "2-7,10"; NULL: none */
	struct names blacklisted; /* drivers that are not to load at all */
	bool no_trial;            /* at once for every boot */
	bool confirm_auto;        /* a unit confirms the trial boot */
	unsigned limit_s;         /* a trial boot restarts then unless confirmed; 0: it does not */
	/* what the host may lose although it may not come up, or not be reached, without it:
	 * "disk", "network"; other words of bind's --allow lift nothing here */
	struct names allowed;
};

enum setup_phase {
	SETUP_NONE,      /* nothing is set up */
	SETUP_TRIAL,     /* waits for its trial boot, or for what comes after it */
	SETUP_PERMANENT, /* confirmed, or set up without a trial */
};

/* What is set up, from SETUP_FILE, RESERVE_FILE and the journal. */
struct setup_state {
	enum setup_phase phase;
	unsigned trial, permanent; /* the changes' numbers; 0: none */
	struct names words;        /* for every normal entry */
	const char *kernel;        /* release that the trial boots; NULL: no trial */
	bool confirm_auto;
	unsigned limit_s;
	struct reserve_record *records;
	size_t n_records;
	/* of the running kernel; false of a root that is not running */
	bool booted;       /* its command line has SETUP_SWITCH */
	bool booted_trial; /* it is the trial's: has BOOTLOADER_TRIAL_WORD, and began afterwards */
	/* 1: the trial was set up, or armed again, in the boot that runs, so it is yet to come; 0:
	 * before it; negative: not known, or no trial */
	int armed_in_this_boot;
};

/* A plan with what a document about it tells. */
struct setup_plan {
	enum setup_phase phase;      /* that @now leads to */
	struct plan now;             /* what setup does, only what is needed: n_steps 0, nothing */
	bool under_way;              /* this boot is the trial, as planned: only confirm is left */
	struct plan later;           /* what confirm does then; no steps: nothing */
	struct names words;          /* for every normal entry */
	struct names trial_words;    /* for the trial alone */
	const char *by_hand;         /* a text for the user to put in place himself; NULL */
	const char *no_trial_reason; /* why there can be no trial here; NULL: there can */
	struct boot_setup *boot;
	struct initramfs_setup *initramfs;
};

/* One reserved function after a boot. */
struct setup_arrival {
	const struct reserve_record *record;
	const struct pci_function *function; /* where it is now; NULL: nowhere, or not to be told */
	bool arrived;                        /* the VFIO driver has it */
	const char *driver;                  /* that has it; NULL: none */
	const char *why;                     /* one sentence with its evidence */
};

struct setup_arrivals {
	struct setup_arrival *list;
	size_t n;
	struct names missing; /* words that are planned and not on the command line */
	bool all;             /* everything came up as planned */
};

/* Reads what is set up. Reads only. */
MUST_CHECK int setup_read(struct host *host, struct setup_state *ret, struct err *e);

/*
 * Whether an update has replaced or removed the kernel that waits for its trial, so that its image
 * has modules of another one; setup again makes a trial of one that is there. Reads only, and as
 * root, as the kernel's file is looked for; host_read_facts() has been called.
 */
bool setup_trial_is_replaced(struct host *host, const struct setup_state *state);

/*
 * Puts right what a killed change has left: who is going to change something calls this before the
 * plan is made. Sentences in @ret; none when there was nothing. Until then what is set up cannot be
 * told, and all below refuse but setup_confirm() and setup_undo(), which do the same.
 */
MUST_CHECK int setup_recover(struct host *host, struct names *ret, struct err *e);

/*
 * The steps from what is there to @wish. Reads only; host_read_pci() has been called. -EOPNOTSUPP
 * and other refusals (ERR_REFUSED): a boot loader or generator that is not known for sure, no trial
 * possible without no_trial, another setup in place, the early helper not installed.
 */
MUST_CHECK int setup_make_plan(struct host *host, const struct setup_wish *wish,
			       struct setup_plan *ret, struct err *e);
/* Does @plan->now in a session of its own. *@ret_number 0: there was nothing to do. @ret_recovered
 * is set when something was put right before. */
MUST_CHECK int setup_apply(struct host *host, const struct setup_wish *wish,
			   const struct setup_plan *plan, unsigned *ret_number,
			   struct names *ret_recovered, struct err *e);

/* Who has the reserved functions on the running host, and why. Reads only. */
MUST_CHECK int setup_arrived(struct host *host, const struct setup_state *state,
			     struct setup_arrivals *ret, struct err *e);
/*
 * Makes the trial permanent. Refused when this boot is not the trial's, or did not come up as
 * planned (@ret_arrivals says what). *@ret_number is the change's; 0: it was permanent before.
 */
MUST_CHECK int setup_confirm(struct host *host, struct setup_arrivals *ret_arrivals,
			     unsigned *ret_number, struct err *e);

struct setup_undone {
	unsigned *numbers; /* of the changes taken back, the last first */
	size_t n;
	struct names recovered, also; /* done besides: entries and images of later kernels */
};

/*
 * Takes back the change @number with those that go on with it (0: the last one that is in place),
 * and what kernels installed since have got from it. On a root that is not running, from copies.
 */
MUST_CHECK int setup_undo(struct host *host, unsigned number, bool keep_changed,
			  struct setup_undone *ret, struct err *e);
