/* SPDX-License-Identifier: MIT */
/*
 * Functions that are reserved for guests from the boot on, as this host has them: what the file
 * says, which function each record means now, and what the early helper said of it in this boot.
 * Who won and why is judged from this by check_judge_reserved() (check/check.h), for the check and
 * for the confirmation of a setup alike.
 *
 * Sources: reserve/reserve.h (the file and its matching), early/early.h (the report).
 */
#pragma once

#include "host/fact.h"
#include "reserve/reserve.h"

struct host;
struct kernel_facts;
struct pci_function;

/* Written by the early helper once per boot; its first line is the version. */
#define RESERVED_REPORT "run/passthru/early"
/* The one switch on the kernel's command line. */
#define RESERVED_SWITCH_NAME "passthru.boot"

struct reserved_function {
	const struct reserve_record *record;
	enum reserve_found found;
	size_t candidates;              /* RESERVE_AMBIGUOUS: how many it could be */
	struct pci_function *candidate; /* when that is one: which; else NULL */
	struct pci_function *function;  /* RESERVE_HERE, RESERVE_MOVED; else NULL */
	/* what has its address now and is another device; NULL: nothing has */
	struct pci_function *stranger;
	/* a serial that would have decided it could not be read: 0, or the errno */
	int serial_error;
	/* the last word of the helper in this boot: "bound", "reserved", "kept", "refused",
	 * "failed", "stuck", "absent", "ambiguous"; NULL: it said nothing of it */
	const char *result;
	const char *said; /* its sentence; NULL with @result */
};

struct reserved_facts {
	/* of RESERVE_FILE; -ENOENT: nothing is reserved, -EPROTONOSUPPORT: of another version */
	int file_error;
	struct reserve_problem *problems; /* lines that were left out */
	size_t n_problems;
	/* whether the switch is on the command line that the kernel runs with; -ENOENT: this root
	 * is not running */
	struct fact_number asked;
	/* of RESERVED_REPORT; -ENOENT: the helper has not run in this boot */
	int report_error;
	struct reserved_function *functions; /* one per record, in the order of the file */
	size_t n;
};

/* Part of host_read_facts(), into host->facts->reserved; host_read_pci() has been called. */
void host_read_reserved(struct host *host, const struct kernel_facts *kernel,
			struct reserved_facts *ret);

/*
 * @f as a record remembers it. The serial of a function that sleeps is not read, so that asking
 * wakes nothing: the same function may have one today and none tomorrow. Who compares a file with
 * what it would be now compares by reserve_match(), not by bytes.
 */
void host_reserve_function(struct host *host, const struct pci_function *f,
			   struct reserve_function *ret);
/* Functions of the host with the ids of @f that are not among @reserved: the twins of its record.
 */
unsigned host_count_twins(const struct host *host, const struct pci_function *f,
			  struct pci_function *const *reserved, size_t n_reserved);
/* Whether what is set up reserves @f. */
bool host_is_reserved(const struct reserved_facts *reserved, const struct pci_function *f);
