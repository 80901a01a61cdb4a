/* SPDX-License-Identifier: MIT */
/*
 * From the facts of a host to verdicts. A check opens no file and prints nothing: it
 * judges what host/ has read, and names the file and the value behind each verdict.
 *
 * A check is one file, check/<id with underscores>.c, that ends in a
 * `const struct check check_<id>`, its name in the list of check/meson.build, and its
 * documentation, docs/checks/<id with dashes>.md.
 */
#pragma once

#include "base/arena.h"
#include "check/explain.h"
#include "host/host.h"

enum verdict_kind {
	VERDICT_SKIP, /* does not apply here */
	VERDICT_PASS,
	VERDICT_UNKNOWN, /* what decides it could not be read */
	VERDICT_WARN,    /* works, but not as well as it could, or not for long */
	VERDICT_FAIL,    /* a guest cannot have the device, or the host would lose something */
};

/* Where it stands and what stands there: "sys/class/iommu", "dmar0, dmar1". */
struct evidence {
	const char *where;
	const char *what;
};

#define VERDICT_EVIDENCE_MAX 16

struct verdict {
	const struct check *check;
	const struct pci_function *function; /* NULL: the host */
	enum verdict_kind kind;
	const char *sentence;
	struct evidence evidence[VERDICT_EVIDENCE_MAX]; /* what does not fit is left out */
	size_t n_evidence;
	const char *fix;     /* what to do, a sentence; NULL: nothing */
	const char *command; /* that does it; NULL: none */
	struct arena *arena;
};

enum check_scope { CHECK_HOST, CHECK_DEVICE };

struct check {
	const char *id;    /* "iommu-active" */
	const char *title; /* "IOMMU in use" */
	const char *area;  /* "platform", "kernel", "configuration", "resources", "device" */
	enum check_scope scope;
	/* @f is NULL for CHECK_HOST. @v is VERDICT_SKIP with an empty sentence before. */
	void (*judge)(struct host *host, struct pci_function *f, struct verdict *v);
};

/* All checks in the order of the list in check/meson.build; NULL ends it. */
extern const struct check *const checks[];

/* NULL when there is none of that id. */
const struct check *check_find(const char *id);

/* The documentation of a check, as it stands in docs/checks. */
struct check_page {
	const char *id;
	const char *text;
};

/* A page without id ends them. */
extern const struct check_page check_pages[];

/*
 * Judges the host, and then each of @functions; @ret has one verdict per check and function,
 * without the skipped ones. The facts of the host must have been read, host_read_pci() and
 * host_read_facts(); those of the functions are read here, host_read_device().
 */
void check_run(struct host *host, const struct selection *functions, struct arena *a,
	       struct verdict **ret, size_t *ret_n);

/*
 * Who has a reserved function, and why: one that the VFIO driver has passes. @ret has its arena
 * set. The facts of the host must have been read, host_read_facts().
 */
void check_judge_reserved(struct host *host, const struct reserved_function *reserved,
			  struct verdict *ret);

/*
 * Whether vfio-pci is told to take @f by its ids, in modprobe.d or on the command line. The facts
 * of the host must have been read, host_read_facts().
 */
bool check_ids_take(struct host *host, const struct pci_function *f);

/* ---- for the files of checks ---- */

void verdict_set(struct verdict *v, enum verdict_kind kind, const char *format, ...)
	PRINTF_LIKE(3, 4);
void verdict_evidence(struct verdict *v, const char *where, const char *format, ...)
	PRINTF_LIKE(3, 4);
/* Both sentences live in the arena of the verdict; @command may be NULL. */
void verdict_fix(struct verdict *v, const char *command, const char *format, ...) PRINTF_LIKE(3, 4);
/* VERDICT_UNKNOWN: "<where>: permission denied" (needs root), "... not recorded", ... */
void verdict_unknown(struct verdict *v, const char *where, int error);
