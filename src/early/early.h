/* SPDX-License-Identifier: MIT */
/*
 * The early helper, which runs before udev looks for drivers: gives the functions that are reserved
 * to VFIO. It never fails: what cannot be done is said, and the boot goes on.
 *
 * Everything lies below the directory @root.
 */
#pragma once

#include "reserve/reserve.h"

#define EARLY_COMMAND_LINE "proc/cmdline"
#define EARLY_REPORT "run/passthru/early"
#define EARLY_RECORDS "run/passthru"
#define EARLY_TEXT_MAX 256

/* ---- cmdline.c ---- */

/*
 * Whether the kernel's command line has the word passthru.boot=1, by the kernel's own rules: the
 * last one counts, quotes belong to no value, what follows "--" is not the kernel's.
 */
bool early_is_asked(const char *text, size_t n);

/* ---- group.c ---- */

/*
 * Whether VFIO may be able to take the function: it is in an IOMMU group, or is not known to stay
 * without one.
 */
bool early_may_have_group(int root, const char *address);

/* ---- act.c: one function ---- */

enum early_result {
	EARLY_BOUND,    /* the VFIO driver has it */
	EARLY_RESERVED, /* no driver has it, and only that one may: its module is to be loaded */
	EARLY_KEPT,     /* the VFIO driver had it already */
	EARLY_REFUSED,  /* left alone, by a rule */
	EARLY_FAILED,   /* left alone, or put back */
	EARLY_STUCK,    /* the kernel has not come back */
	EARLY_ABSENT,   /* not on this host */
	EARLY_AMBIGUOUS,
};

const char *early_word(enum early_result result);

/* How a file is written: tests have a kernel of their own. Returns 0 or a negative errno. */
struct early_kernel {
	int (*write)(int root, const char *path, const char *text);
};
extern const struct early_kernel early_kernel_real;

struct early_task {
	const struct reserve_record *record;
	const struct reserve_function *function; /* that it is on this host */
};

struct early_outcome {
	enum early_result result;
	char text[EARLY_TEXT_MAX]; /* one sentence */
};

/* May not come back: a driver that does not let go. */
void early_act(int root, const struct early_kernel *kernel, const struct early_task *task,
	       struct early_outcome *ret);

/* ---- record.c: run/passthru/<address>, which `passthru release` reads ---- */

/* What the function was before. @driver, @override "" for none. -EINVAL when one is no plain text.
 */
MUST_CHECK int early_record(int root, const struct early_task *task, const char *driver,
			    const char *override);
bool early_has_record(int root, const struct early_task *task);
void early_forget(int root, const struct early_task *task);
/* Replaces a file as a whole. */
MUST_CHECK int early_replace(int root, const char *path, const char *text, size_t n);
/* The first bytes of a file, with a NUL; their number or a negative errno. */
MUST_CHECK long early_read(int root, const char *path, char *ret, size_t size);

/* ---- run.c ---- */

struct early_limits {
	unsigned one_ms; /* for one function */
	unsigned all_ms; /* after that no more is begun */
};

/*
 * Does all of it. The names of modules that are to be loaded then, one a line, go to @modules, a
 * descriptor.
 */
void early_run(int root, const struct early_kernel *kernel, struct early_limits limits,
	       int modules);

/* ---- say.c ---- */

enum early_level { EARLY_NOTICE = 5, EARLY_WARNING = 4 };

/* A line for the kernel's log. */
void early_say(int root, enum early_level level, const char *format, ...) PRINTF_LIKE(3, 4);
