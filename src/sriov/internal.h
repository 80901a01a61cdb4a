/* SPDX-License-Identifier: MIT */
/* What the files of sriov/ share. */
#pragma once

#include "sriov/sriov.h"

struct nl_msg;
struct nlmsghdr;

/* ---- settings.c ---- */

bool vf_setting_same(const struct vf_setting *a, const struct vf_setting *b);

/* ---- link.c: rtnetlink ---- */

int link_read(const struct sriov_kernel *kernel, struct arena *a, unsigned interface,
	      struct vf_links *ret, struct err *e);
int link_set(const struct sriov_kernel *kernel, unsigned interface,
	     const struct vf_setting *setting, struct err *e);
/* The request that sets it; freed by nlmsg_free(). */
MUST_CHECK int link_build(unsigned interface, const struct vf_setting *setting, struct nl_msg **ret,
			  struct err *e);
/* The functions of an answer, or of such a request. */
MUST_CHECK int link_parse(struct arena *a, struct nlmsghdr *message, struct vf_links *ret,
			  struct err *e);

/* ---- nvme.c: one drive ---- */

/* Fills s->nvme; what could not be asked keeps its errno there. */
void nvme_read(struct sriov *s);
/* Gives @n resources of a kind to a secondary controller that is offline. */
MUST_CHECK int nvme_assign(struct sriov *s, uint16_t id, bool vectors, unsigned n, struct err *e);
/* What the primary controller keeps, from its next reset on. */
MUST_CHECK int nvme_keep(struct sriov *s, bool vectors, unsigned n, struct err *e);
MUST_CHECK int nvme_set_online(struct sriov *s, uint16_t id, bool online, struct err *e);

/* ---- nvme_share.c: queues and interrupts for each function ---- */

struct nvme_share {
	unsigned queues, vectors;
	bool reset; /* the primary controller has to let go of some, which takes a reset */
};

/*
 * What @request->count controllers get. ERR_USAGE when more was asked for than the drive has, and
 * -EPERM when it takes a reset and its disk is in use.
 */
MUST_CHECK int nvme_plan(struct sriov *s, const struct sriov_request *request,
			 struct nvme_share *ret, struct err *e);
/* Before there are functions: the primary controller lets go of its flexible resources. */
MUST_CHECK int nvme_let_go(struct sriov *s, unsigned limit_ms, struct err *e);
/* Gives @count controllers their share and sets them online. */
MUST_CHECK int nvme_give(struct sriov *s, unsigned count, const struct nvme_share *share,
			 struct err *e);
/* Sets all controllers offline and takes what they have. */
MUST_CHECK int nvme_take(struct sriov *s, struct err *e);

/* ---- record.c: what has to be put back after a run that was killed ---- */

struct sriov_record {
	const char *autoprobe; /* NULL: the kernel has no such switch */
	uint64_t count;        /* how many there were before */
};

/* The lock of @s's device; -EPERM (ERR_REFUSED) while another process changes it. */
MUST_CHECK int record_lock(struct sriov *s, int *ret_fd, struct err *e);
void record_unlock(struct sriov *s, int fd);
MUST_CHECK int record_write(struct sriov *s, const struct sriov_record *record, struct err *e);
/* False when there is none. */
bool record_read(struct sriov *s, struct sriov_record *ret);
void record_remove(struct sriov *s);

/* ---- read.c ---- */

/* An attribute of the physical function. */
const char *sriov_path(const struct sriov *s, const char *name);

/* ---- plan.c ---- */

#define SRIOV_AUTOPROBE "sriov_drivers_autoprobe"

struct change {
	struct sriov *s;
	const struct sriov_request *request;
	struct nvme_share share;
	bool manages_nvme;
	bool anew;               /* take away what there is, create what is wanted */
	uint64_t before;         /* how many there were */
	bool released;           /* those that were handed over are not any more */
	bool removed;            /* those are gone */
	const char *stopped;     /* units that were stopped for them; NULL: none */
	const char *auto_before; /* what the switch says when all is done; NULL: there is none */
	struct sriov_steps steps;
};

/* Checks, and fills *@c. */
MUST_CHECK int change_plan(struct change *c, struct sriov *s, const struct sriov_request *request,
			   struct err *e);
/* Adds a sentence to what is, or would be, done. */
void change_step(struct change *c, const char *format, ...) PRINTF_LIKE(2, 3);
/* "1 virtual function", "4 virtual functions" */
const char *change_functions(struct change *c, uint64_t n);
/* Whether the driver of the card says so already. */
bool sriov_is_set(const struct sriov *s, const struct vf_setting *setting);
bool sriov_are_with_vfio(const struct sriov *s);
/* The virtual functions that @fits (NULL: all) to be handed over or given back. */
MUST_CHECK int sriov_select(struct sriov *s, bool (*fits)(struct sriov *, const struct sriov_vf *),
			    struct handover *ret, struct err *e);

/* ---- check.c: refusals, before anything is changed ---- */

/* The number, what has the device now, settings against the kind of device. */
MUST_CHECK int check_request(struct sriov *s, const struct sriov_request *request, struct err *e);
/* -EPERM with the first function that somebody uses. */
MUST_CHECK int check_unused(struct sriov *s, struct err *e);
/* -EPERM when a file system or the like stands on the drive itself. */
MUST_CHECK int check_drive_unused(struct sriov *s, struct err *e);
