/* SPDX-License-Identifier: MIT */
/*
 * A device with virtual functions on the machine of kernel.h. Its rules, and where they come from:
 *
 *   sriov_numvfs   -ERANGE above sriov_totalvfs; no change and no error for the number that there
 *                  is; -ENOENT when the function has no driver or one without sriov_configure;
 *                  -EBUSY from one number to another (sriov_numvfs_store() in
 *                  drivers/pci/iov.c)
 *   new functions  are offered to drivers only when sriov_drivers_autoprobe is 1, or they have an
 *                  override (pci_device_can_probe() in drivers/pci/pci-driver.c)
 *   settings       those of link_set(), all gone with the functions
 *   an NVMe drive  virtualization management as in NVM Express 1.4, 5.22: what the primary
 *                  controller keeps counts from its next reset on; a controller is given
 *                  resources while offline, and online only with two queues and one interrupt
 *
 * It stands around the root of fake_process(), which counts and makes go wrong what is written.
 */
#pragma once

#include "sriov/sriov.h"
#include "tests/fake/kernel.h"

#define FAKE_PF "0000:01:00.0"
#define FAKE_PF_PORT "0000:00:01.0"
#define FAKE_VFS 4

enum fake_sriov_kind { FAKE_CARD, FAKE_DRIVE };

struct fake_hidden; /* a node of a function that is not there now */

struct fake_controller {
	bool online;
	uint16_t queues, vectors;
};

struct fake_sriov {
	struct sriov_kernel kernel; /* what is not files */
	struct fake_kernel *k;
	enum fake_sriov_kind kind;
	unsigned n;           /* functions now */
	bool autoprobe;       /* sriov_drivers_autoprobe */
	bool cannot;          /* the driver has no sriov_configure */
	unsigned makes_less;  /* the driver leaves out so many */
	unsigned taken_early; /* functions that a driver of the host got when they were made */
	unsigned set_late;    /* settings of functions that had a driver already */
	unsigned driven;      /* functions that a driver of the host had when they went */
	struct fake_hidden *hidden;
	size_t n_hidden;
	/* a network card */
	struct vf_link links[FAKE_VFS];
	bool no_links; /* the driver cannot set the link state */
	bool ignores;  /* the driver takes settings and does nothing */
	/* a drive */
	struct nvme_resource queues, vectors;
	uint16_t next_queues, next_vectors; /* of the primary controller, from its reset on */
	struct fake_controller controller[FAKE_VFS];
	unsigned resets;
	bool cannot_reset;
	/* from 1 on: this call to the kernel that is no file fails with fail_call_with */
	unsigned calls, fail_call;
	int fail_call_with;
};

/* A machine with the device and its port; none of its functions is there yet. */
struct fake_sriov *fake_sriov_new(enum fake_sriov_kind kind);
void fake_sriov_free(struct fake_sriov *f);

/* As fake_process(). */
struct root *fake_sriov_process(struct fake_sriov *f);

/* What writing @text to an attribute of the device does; -EACCES for one that is not known. */
int fake_sriov_store(struct fake_sriov *f, const char *name, const char *text);

/* "0000:01:10.0", ...: the address of one. */
const char *fake_vf(unsigned index);
