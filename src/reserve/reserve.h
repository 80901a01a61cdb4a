/* SPDX-License-Identifier: MIT */
/*
 * Functions that are reserved for guests from the boot on, kept by identity and not by number: the
 * file, and which function of a host a line of it means.
 *
 * The program and the early helper share this. The helper is linked statically and runs before
 * anything else, so here are plain C and system calls only: no arena, no library, no allocation but
 * that of opendir(). Arrays belong to the caller.
 */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RESERVE_FILE "etc/passthru/devices"
/* The first line; another number is another format. */
#define RESERVE_HEADER "passthru-devices 1\n"

#define RESERVE_MAX 512             /* records in a file */
#define RESERVE_FUNCTIONS_MAX 16384 /* functions of a host, virtual ones included */
#define RESERVE_LINE_MAX 400
#define RESERVE_BYTES_MAX (256 * 1024)
#define RESERVE_ADDRESS_MAX 17 /* "ffffffff:ff:1f.7" and a NUL */
#define RESERVE_SLOT_MAX 128
#define RESERVE_DRIVER_MAX 56 /* as MODULE_NAME_LEN on 64 bits */

struct reserve_ids {
	uint16_t vendor, device;
	uint16_t subsystem_vendor, subsystem_device;
	uint32_t class_code; /* base class << 16 | sub class << 8 | interface */
};

/* A function, as a file remembers it and as a host has it. */
struct reserve_function {
	char address[RESERVE_ADDRESS_MAX]; /* "0000:41:00.0", as sysfs writes it */
	struct reserve_ids ids;
	/* "0000:40/01.1/00.0": the root bus and the device.function of each bridge below it;
	 * numbers of the buses between may change, this does not. "": not known */
	char slot[RESERVE_SLOT_MAX];
	bool has_serial;
	uint64_t serial; /* PCI Device Serial Number capability */
};

struct reserve_record {
	struct reserve_function function;
	/* Functions with the same ids that the host kept for itself when this was written. With one
	 * of those it is looked for elsewhere by its serial only, whatever it is. */
	unsigned twins;
	char driver[RESERVE_DRIVER_MAX]; /* vfio-pci or a variant of it */
	unsigned line;                   /* where it stands in the file */
};

/* ---- file.c ---- */

struct reserve_problem {
	unsigned line;
	const char *what; /* static: "the address is damaged" */
};

struct reserve_file {
	struct reserve_record *records; /* of the caller, room for RESERVE_MAX */
	size_t n_records;
	struct reserve_problem *problems; /* of the caller, room for max_problems; lines left out */
	size_t n_problems, max_problems;
};

/*
 * Reads the text of a file. A line that is not understood to its last character is left out and is
 * a problem; -EPROTONOSUPPORT when the first line is not that of this version: then there are no
 * records.
 */
MUST_CHECK int reserve_parse(const char *text, size_t n, struct reserve_file *ret);

/*
 * One line with its newline: its length, or -EINVAL when the record could not be read again as it
 * is.
 */
MUST_CHECK int reserve_format(const struct reserve_record *record, char line[RESERVE_LINE_MAX]);
/* The whole file; the number of bytes, or -EINVAL, -ENOSPC. */
MUST_CHECK long reserve_write(const struct reserve_record *records, size_t n, char *text,
			      size_t size);

/* vfio-pci, or a variant for certain devices: mlx5_vfio_pci, nvgrace_gpu_vfio_pci, ... */
bool reserve_is_driver(const char *name);

/* ---- slot.c ---- */

/* The form of sysfs, whole string. */
bool reserve_is_address(const char *text);
/*
 * From where a function is below sys/devices ("../../../devices/pci0000:40/0000:40:01.1/..."). ""
 * and false when it has no root bus, or is too deep.
 */
bool reserve_slot(const char *path, char ret[RESERVE_SLOT_MAX]);
/* What reserve_slot() gives, whole string. */
bool reserve_is_slot(const char *text);

/* ---- match.c ---- */

enum reserve_found {
	RESERVE_ABSENT,
	RESERVE_HERE,      /* at its place; the number of its bus may have changed */
	RESERVE_MOVED,     /* elsewhere, and it can be no other */
	RESERVE_AMBIGUOUS, /* some could be it, and nothing tells that it is: none is taken */
};

struct reserve_match {
	enum reserve_found found;
	size_t function;   /* HERE, MOVED: which one; AMBIGUOUS: one that it could be */
	size_t candidates; /* AMBIGUOUS: how many it could be */
};

struct reserve_host {
	struct reserve_function *functions;
	size_t n;
	/* Fills in the serial of a function when it has one; NULL: it is filled in already. Asked
	 * only where it decides, for it reads configuration space, which wakes a function. */
	void (*read_serial)(void *closure, struct reserve_function *f);
	void *closure;
};

/*
 * For each record the function that it means. First those at their slot with all ids equal (at
 * their address, where no slot is recorded), and the class, of which a display may change all but
 * the base; then, among the functions that no record has, the only
 * one with equal ids, serial and number of the function. Without a recorded serial ids are enough
 * for what a host comes up and is reached without (displays, sound, processors, accelerators), when
 * it was the only one of its kind; all else is AMBIGUOUS then, unless another function of its card
 * was found and it is at its side. No function is given to two records.
 */
void reserve_match(const struct reserve_record *records, size_t n, const struct reserve_host *host,
		   struct reserve_match *ret);

/* ---- host.c: functions of a host from its sysfs ---- */

/* A file below the directory @dir, @size bytes of it at most. Their number, or a negative errno. */
MUST_CHECK ssize_t reserve_read(int dir, const char *path, void *ret, size_t size);

/*
 * Reads the functions below the directory @root, per function a link and its modalias, neither of
 * which waits for a driver; one that cannot be read is left out. The number, or a negative errno.
 */
MUST_CHECK long reserve_read_host(int root, struct reserve_function *ret, size_t max);
/* As read_serial above; @closure points to the descriptor of the root. */
void reserve_read_serial(void *closure, struct reserve_function *f);
/* Whether it is the number of one device: some have none in it, and some that of their model. */
bool reserve_is_serial(uint64_t serial);
/* The serial out of configuration space; false when there is none in these bytes. */
bool reserve_serial(const uint8_t *config, size_t n, uint64_t *ret);
