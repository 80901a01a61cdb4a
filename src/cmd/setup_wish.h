/* SPDX-License-Identifier: MIT */
/* What plan and setup have in common: their options, and from a request to a wish and its plan. */
#pragma once

#include "cmd/cmd.h"
#include "handover/handover.h"
#include "setup/setup.h"

struct setup_options {
	struct option_list hugepages, kvm, blacklist, allow;
	const char *isolate, *confirm, *for_time;
	bool iommu_pt, no_trial;
	/* of setup alone */
	bool yes, dry_run;
};

/* A file of boot configuration; grub.cfg is the largest. */
#define SETUP_FILE_MAX ((size_t)4 * 1024 * 1024)

/* The rows of both commands; a comma stands behind the last one. */
#define SETUP_OPTION(member) offsetof(struct setup_options, member)
/* clang-format off */
#define SETUP_ROWS \
	{ "hugepages", 0, OPTION_LIST, "SIZE=COUNT[@NODE]", \
	  "set huge pages aside at boot: 1G=16, 2M=512@0; may be repeated", SETUP_OPTION(hugepages) }, \
	{ "iommu-pt", 0, OPTION_FLAG, NULL, \
	  "let devices of the host reach memory untranslated (iommu=pt)", SETUP_OPTION(iommu_pt) }, \
	{ "kvm", 0, OPTION_LIST, "NAME=VALUE", \
	  "a parameter of kvm, kvm_intel or kvm_amd; may be repeated", SETUP_OPTION(kvm) }, \
	{ "isolate", 0, OPTION_STRING, "CPUS", \
	  "keep the host's processes off these processors: 2-7,10", SETUP_OPTION(isolate) }, \
	{ "blacklist", 0, OPTION_LIST, "DRIVER", \
	  "never load this driver, for no device; may be repeated", SETUP_OPTION(blacklist) }, \
	{ "allow", 0, OPTION_LIST, "USE", \
	  "reserve it although the host uses it: disk, network, display or input; may be repeated", \
	  SETUP_OPTION(allow) }, \
	{ "confirm", 0, OPTION_STRING, "auto", \
	  "a unit confirms the trial boot when everything came up", SETUP_OPTION(confirm) }, \
	{ "for", 0, OPTION_STRING, "TIME", \
	  "restart the trial boot after 30m, 2h, 1d unless it is confirmed", \
	  SETUP_OPTION(for_time) }, \
	{ "no-trial", 0, OPTION_FLAG, NULL, \
	  "for every boot at once, without a trial", SETUP_OPTION(no_trial) }
/* clang-format on */

/* A request with what is known of it before anything is changed. */
struct setup_ask {
	struct handover handover; /* the devices with what belongs to them */
	struct handover_refusals refusals;
	struct setup_wish wish;
	struct setup_plan plan;
	/* why there is no plan, a sentence of ERR_REFUSED; NULL: there is one */
	const char *refused;
};

/*
 * Reads options and devices, what stands against it, and makes the plan. What refuses is in @ret
 * and no error; an error is wrong usage, or what could not be found out.
 */
MUST_CHECK int setup_ask(struct request *request, const struct setup_options *options,
			 struct setup_ask *ret, struct err *e);
/* Whether setup would do it: nothing refuses, and a program may do it. */
bool setup_is_refused(const struct setup_ask *ask);
/* -EPERM (ERR_REFUSED) with the first of what refuses it; 0 when nothing does. */
MUST_CHECK int setup_refuse(struct request *request, const struct setup_ask *ask, struct err *e);
/* What snapshot records for both. */
void setup_ask_all(struct host *host);

/* ---- for tests ---- */

/* "1G=16", "2M=512@0". -EINVAL (ERR_USAGE). */
MUST_CHECK int setup_parse_pages(const char *text, struct setup_pages *ret, struct err *e);
/* "2-7,10": numbers and ranges, each above the one before. -EINVAL (ERR_USAGE). */
MUST_CHECK int setup_parse_processors(const char *text, struct err *e);
/* "ignore_msrs=1", "kvm_intel.nested=1"; as a word of the kernel. -EINVAL (ERR_USAGE). */
MUST_CHECK int setup_parse_kvm(struct arena *a, const char *text, const char **ret, struct err *e);
