/* SPDX-License-Identifier: MIT */
/*
 * Known lines of the kernel, QEMU and libvirt: what they mean, what on this host would confirm
 * it, and what to do next.
 *
 * A log goes through a struct explain_log in pieces of any size; what it knows comes out as
 * findings, one per entry and device. It keeps no more of the log than one line and the findings,
 * whose number is bounded, and takes a time linear in the size of the log. Nothing is believed
 * of a log: any bytes are accepted.
 *
 * The tables are data (explain_kernel_*.c, explain_qemu.c, explain_libvirt.c). They know facts of
 * a host only by name (enum explain_evidence); looking them up is the work of the caller.
 */
#pragma once

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>

enum explain_severity {
	EXPLAIN_INFO,       /* harmless */
	EXPLAIN_MISLEADING, /* looks like proof or like an error, and is neither */
	EXPLAIN_PROBLEM,
};

/* A fact of the host that confirms or refutes a cause. Those of a device are of the finding's. */
enum explain_evidence {
	EVIDENCE_NONE,
	EVIDENCE_IOMMU,               /* units and groups the kernel has set up */
	EVIDENCE_FIRMWARE_TABLES,     /* DMAR, IVRS */
	EVIDENCE_INTERRUPT_REMAPPING, /* isolated MSI */
	EVIDENCE_GROUP_MEMBERS,       /* and their drivers */
	EVIDENCE_DRIVER,              /* driver and driver_override of the device */
	EVIDENCE_RESERVED_REGIONS,
	EVIDENCE_RESET_METHODS,
	EVIDENCE_POWER_STATE, /* power_state, d3cold_allowed */
	EVIDENCE_CONFIG_SPACE,
	EVIDENCE_BARS,
	EVIDENCE_ROM,
	EVIDENCE_LINK,
	EVIDENCE_SRIOV,
	EVIDENCE_MEMORY_MAP,   /* who owns the address range of a BAR */
	EVIDENCE_FRAMEBUFFER,  /* of the firmware, and boot_vga */
	EVIDENCE_DEVICE_USERS, /* processes, mounts, addresses in use */
	EVIDENCE_GUESTS,       /* other guests that have the device */
	EVIDENCE_STUCK_TASKS,
	EVIDENCE_MEMLOCK,
	EVIDENCE_FREE_MEMORY,
	EVIDENCE_HUGE_PAGES,
	EVIDENCE_ADDRESS_WIDTH, /* of the IOMMU and of the processor */
	EVIDENCE_KERNEL_VERSION,
	EVIDENCE_KERNEL_ARGUMENTS,
	EVIDENCE_KERNEL_CONFIG,
	EVIDENCE_MODULES,
	EVIDENCE_MODULE_OPTIONS, /* modprobe.d */
	EVIDENCE_LOCKDOWN,
	EVIDENCE_PROCESSOR,
	EVIDENCE_DEVICE_NODES, /* existence, owner and mode below dev */
	EVIDENCE_USB_DEVICES,
	EVIDENCE_COUNT,
};

#define EXPLAIN_PATTERNS_MAX 8
#define EXPLAIN_EVIDENCE_MAX 4
#define EXPLAIN_CAPTURES_MAX 4

/*
 * Patterns are literal text with placeholders, %{group} and the like, see explain_match.c; one
 * that is found anywhere in a line is a match. The first of the entries in table order explains
 * the line; a general one only if no other does.
 */
struct explain_entry {
	const char *id; /* stable: scripts and documentation refer to it */
	const char *patterns[EXPLAIN_PATTERNS_MAX];
	const char *source; /* the file that prints it, or the report it was seen in */
	enum explain_severity severity;
	bool general;    /* says that something failed, while its neighbours say what */
	bool about_host; /* one finding, whatever device its lines name */
	const char *cause;
	const char *next; /* with placeholders: explain_next() */
	enum explain_evidence evidence[EXPLAIN_EVIDENCE_MAX]; /* most telling first */
};

struct explain_table {
	const char *origin;                  /* "kernel", "QEMU", "libvirt" */
	const struct explain_entry *entries; /* an entry without id ends them */
};

/* A table without entries ends them. */
extern const struct explain_table explain_tables[];

/* NULL when there is none of that id. */
const struct explain_entry *explain_find(const char *id);
/* "kernel", "QEMU" or "libvirt". */
const char *explain_origin(const struct explain_entry *entry);
/* A stable name ("group-members"), and what it is in words. */
const char *explain_evidence_name(enum explain_evidence evidence);
const char *explain_evidence_text(enum explain_evidence evidence);

/* Of untrusted origin: bytes of a log, without NUL. */
struct explain_capture {
	const char *name; /* of the placeholder: "group" */
	const char *value;
};

/* What the lines that an entry explains say about one device. */
struct explain_finding {
	const struct explain_entry *entry;
	const char *address; /* "0000:01:00.0"; NULL when no line of it named a function */
	struct explain_capture captures[EXPLAIN_CAPTURES_MAX]; /* of the first line */
	size_t n_captures;
	const char *line; /* the first, without time and host, cut when long */
	size_t count;
	size_t first_line, last_line; /* from 1 */
	size_t n_others; /* lines about further devices, once there are too many to list */
};

struct explain_result {
	struct explain_finding *const *findings; /* problems first, then in the order of the log */
	size_t n;
	size_t n_lines;
	size_t n_explained; /* lines */
	size_t n_cut;       /* lines longer than what is looked at */
};

struct explain_log;

/* Everything lives in @a. */
struct explain_log *explain_log_new(struct arena *a);
/* The next @n bytes of the log. */
void explain_log_feed(struct explain_log *log, const char *data, size_t n);
/* The log is complete. */
void explain_log_end(struct explain_log *log, struct explain_result *ret);

/* What to do, with the address and so on of @finding in place of the placeholders. */
const char *explain_next(struct arena *a, const struct explain_finding *finding);
/*
 * A fault of the IOMMU in words: which function tried to do what at which address. NULL when the
 * finding is no such fault.
 */
const char *explain_fault(struct arena *a, const struct explain_finding *finding);
