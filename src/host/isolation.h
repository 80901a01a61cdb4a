/* SPDX-License-Identifier: MIT */
/*
 * Why an IOMMU group is what it is.
 *
 * The kernel puts functions into one group when it cannot rule out that they reach each other
 * without the IOMMU seeing it: because they appear with one requester id, because a port on the
 * way up would turn a request around, or because functions of one device may talk inside of it.
 * This follows its rules on the same registers, names what each step of the way says, and compares
 * the outcome with the groups that are there.
 *
 * Source: pci_device_group() of drivers/iommu/iommu.c, pci_acs_enabled() of drivers/pci/pci.c,
 * pci_for_each_dma_alias() of drivers/pci/search.c and the tables of drivers/pci/quirks.c, read in
 * Linux 6.1.192 and 6.12.117, which agree.
 */
#pragma once

#include "host/config.h"
#include "host/host.h"

enum isolation_verdict {
	ISOLATION_UNKNOWN, /* its configuration space could not be read */
	ISOLATION_YES,     /* traffic through it, or from it, reaches the IOMMU */
	ISOLATION_NO,
};

enum isolation_reason {
	ISOLATION_NOT_READ,
	/* isolating: */
	ISOLATION_ACS_ON,          /* every ACS control that it has and that matters is on */
	ISOLATION_SINGLE_FUNCTION, /* nothing beside it that it could reach by itself */
	ISOLATION_QUIRK_YES,       /* the kernel's table: isolates without ACS */
	/* not isolating: */
	ISOLATION_NO_ACS,           /* a port without the capability */
	ISOLATION_ACS_OFF,          /* controls that it has are off: acs_missing */
	ISOLATION_FUNCTIONS_NO_ACS, /* one function of several, without the capability */
	ISOLATION_CONVENTIONAL,     /* a function of conventional PCI */
	ISOLATION_BRIDGE, /* to or from conventional PCI: what is behind it shares its id */
	ISOLATION_EVENT_COLLECTOR, /* never has ACS, and the kernel gives it no benefit of doubt */
	ISOLATION_QUIRK_NO,        /* the kernel's table: does not isolate, whatever it says */
};

struct isolation_step {
	struct pci_function *function;
	bool is_virtual; /* of SR-IOV: always counts as a single function */
	enum isolation_verdict verdict;
	enum isolation_reason reason;
	int error;        /* ISOLATION_NOT_READ: why */
	int express_type; /* PCI_EXP_TYPE_*, -1: conventional or unknown */
	uint16_t acs_supported, acs_enabled, acs_missing; /* PCI_ACS_*, 0 without ACS */
	const char *quirk; /* what the kernel's table is about, or NULL */
};

enum isolation_cause {
	ISOLATION_ALONE,         /* the group has one member */
	ISOLATION_CAUSE_UNKNOWN, /* depends on what could not be read */
	ISOLATION_SHARED_ID,     /* everything behind the culprit, a bridge, has its requester id */
	ISOLATION_PATH,          /* the culprit, a port, does not keep apart what is behind it */
	ISOLATION_FUNCTIONS,     /* functions of one device are not kept apart; the first of them */
	ISOLATION_DMA_ALIAS,     /* the culprit is known to use the requester id of another one */
};

enum isolation_agreement {
	ISOLATION_NO_GROUP, /* the kernel has put the function into no group */
	ISOLATION_AGREES,
	ISOLATION_DIFFERS, /* pcie_acs_override, a table of firmware, another kernel's rules */
	ISOLATION_UNDECIDED,
};

struct isolation {
	/* from the function up to its root port */
	const struct isolation_step *steps;
	size_t n_steps;
	enum isolation_cause cause;
	struct pci_function *culprit; /* NULL when alone or unknown */
	/* by address, the function among them; those that are certain */
	struct pci_function **members;
	size_t n_members;
	bool certain; /* nothing that could not be read can add one */
	enum isolation_agreement agreement;
};

struct isolation_reader;

/* Remembers the configuration spaces it has read; lives in the host's arena, after host_read_pci().
 */
struct isolation_reader *isolation_open(struct host *host);

/* Reads what it needs: bridges above, and functions that could share the group. */
void isolation_explain(struct isolation_reader *reader, struct pci_function *f,
		       struct isolation *ret);

/* "ACS on: SV RR CR UF", "root port without ACS", ... */
const char *isolation_step_text(struct arena *a, const struct isolation_step *step);
/* The names of ACS controls, "SV RR": PCI_ACS_* */
const char *isolation_acs_text(struct arena *a, uint16_t controls);
