/* SPDX-License-Identifier: MIT */
/* What the files of probe/ share: one session with its functions, and how steps are noted. */
#pragma once

#include "probe/probe.h"

/* What is tried together, as one VMM would have it. */
struct session {
	struct host *host;
	struct arena *a;
	const struct probe_options *options;
	struct probe *probe;
	struct vfio *v;
	enum vfio_backend kind;
	const char *backend; /* its name */
	bool first;          /* the first back end that has one of them open: everything is tried */
	struct trial *trials;
	size_t n;
};

/* One function in a session. */
struct trial {
	struct probe_function *probed;
	struct vfio_offer offer;
	struct vfio_device *device; /* NULL: not open */
	const struct vfio_facts *facts;
	const char *methods; /* reset_method as it was found; NULL: not there */
	int methods_error;
	struct bytes config_before;     /* of sysfs, before it was opened; n 0: not readable */
	uint32_t bar[VFIO_REGION_BARS]; /* their first words; all ones: not known */
};

/* ---- step.c ---- */

/* Valid until the next one is added to the same steps. */
struct probe_step *step_add(struct arena *a, struct probe_steps *steps, const char *name,
			    const char *backend, enum probe_weight weight);
void step_say(struct arena *a, struct probe_step *step, enum probe_answer answer,
	      const char *format, ...) PRINTF_LIKE(4, 5);
/* What an errno means for a step: no for what the kernel refuses, else unknown. */
void step_fail(struct arena *a, struct probe_step *step, int error, const struct err *e);
void step_took(struct probe_step *step, uint64_t ns);
struct probe_step *step_find(const struct probe_steps *steps, const char *name);

/* CLOCK_MONOTONIC. */
uint64_t clock_ns(void);

/* The configuration space in sysfs, now; @ret->n is 0 when it could not be read. */
int sysfs_config_read(struct host *host, const struct pci_function *f, struct bytes *ret);
/* All ones: nobody answers. */
bool config_is_silent(struct bytes config);

/* ---- device.c ---- */

/* Device info, BARs, ROM, configuration space, interrupts. */
void device_try(struct session *s, struct trial *t);
/* The name of a BAR that answered when t->bar was read and does not any more; NULL: none. */
const char *device_lost_bar(struct session *s, struct trial *t);

/* ---- reset.c, guard.c ---- */

void reset_read_methods(struct session *s);
void reset_read_affected(struct trial *t);
/* Each function by each of its methods, then the bus or slot. */
void reset_try(struct session *s);

struct guard {
	struct session *session;
	int pipe; /* -1: none was needed */
	int child;
};

/*
 * Starts a child that writes reset_method of all functions back when this process ends without
 * having called guard_end(). To be called before anything is opened: a child has what is open.
 */
MUST_CHECK int guard_start(struct session *s, struct guard *ret, struct err *e);
void guard_end(struct guard *guard);

/* ---- memory.c ---- */

void memory_try(struct session *s);
