/* SPDX-License-Identifier: MIT */
/* What the files about isolation share. */
#pragma once

#include "host/acpi.h"
#include "host/isolation.h"

struct isolation_function {
	bool has_config, judged;
	bool is_virtual;
	struct pci_config config;
	struct isolation_step step;
};

struct isolation_reader {
	struct host *host;
	struct isolation_function **functions; /* beside host->functions, made when first needed */
	/* 1: the firmware has an IVRS table (AMD), 0: it has none, -errno */
	int has_ivrs;
	bool ivrs_read;
	const struct ivrs *ivrs; /* NULL: none, or not readable */
	/* beside host->functions: isolation_dma_device() of each */
	struct pci_function **dma_device;
	/* room for all functions, used anew by every search */
	bool *in;
	struct pci_function **queue, **found;
};

/* ---- isolation_acs.c ---- */

/* The configuration space of @f, read once. */
const struct pci_config *isolation_config(struct isolation_reader *r, struct pci_function *f);
/* Whether @f isolates, and why: pci_acs_enabled() with all that the kernel demands. */
const struct isolation_step *isolation_judge(struct isolation_reader *r, struct pci_function *f);
/* As the kernel corrects it. 0, -ENOENT for a conventional function, or why it is not known. */
int isolation_express_type(struct isolation_reader *r, struct pci_function *f, uint8_t *ret);
bool isolation_is_multifunction(struct isolation_reader *r, struct pci_function *f);

/* ---- isolation_quirks.c ---- */

/* The table's word on @f: ret->reason is QUIRK_YES, QUIRK_NO or NOT_READ. False: it has none. */
bool isolation_quirk(struct isolation_reader *r, struct pci_function *f,
		     struct isolation_step *ret);
/* Controls that the kernel does without, because the device gets them wrong. */
uint16_t isolation_broken_acs(const struct pci_function *f);

/* ---- isolation_alias.c ---- */

/* Whether the kernel knows @f to send requests as @alias, a function of the same bus. */
bool isolation_is_alias(struct isolation_reader *r, const struct pci_function *f,
			const struct pci_function *alias);
/* Whether the firmware has an IVRS table: 0, 1, or -errno. Read once. */
int isolation_has_ivrs(struct isolation_reader *r);
/* The function above the root bus of @f, in whose name all behind it do DMA (Intel VMD), or NULL.
 * From its path; the reader has it for every function. */
struct pci_function *isolation_dma_device(const struct host *host, const struct pci_function *f);
