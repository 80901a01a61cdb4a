/* SPDX-License-Identifier: MIT */
/* What the files of `explain` share. */
#pragma once

#include "check/explain.h"

#include <stdint.h>

/* "ffffffff:ff:1f.7" and its NUL. */
#define EXPLAIN_ADDRESS_MAX 18

struct explain_placeholder {
	const char *name;
	uint8_t syntax;
	bool captured;
	bool tells_apart; /* lines that differ in it are about different things */
};

/* A piece of the line. */
struct explain_piece {
	const struct explain_placeholder *placeholder;
	const char *text;
	size_t n;
};

struct explain_match {
	const struct explain_entry *entry;
	size_t order;                      /* of the entry, over all tables */
	const struct explain_entry *also;  /* another one that matches, or NULL */
	char address[EXPLAIN_ADDRESS_MAX]; /* "" when the line has none */
	struct explain_piece pieces[EXPLAIN_CAPTURES_MAX];
	size_t n_pieces;
};

struct explain_matcher;

/* Compiles the patterns of @tables; a pattern that is not one is a bug and aborts. */
struct explain_matcher *explain_matcher_new(struct arena *a, const struct explain_table *tables);
/* How many entries there are, over all tables. */
size_t explain_matcher_size(const struct explain_matcher *m);
/* What explains @line; false when nothing does. Pieces point into @line. */
bool explain_matcher_line(struct explain_matcher *m, const char *line, size_t n,
			  struct explain_match *ret);

/* The placeholder that @text, "%{name}...", begins with, and its length; NULL when it is none. */
const struct explain_placeholder *explain_placeholder(const char *text, size_t *ret_n);

/* The address at the start of a text, domain 0 unless given; bytes used, 0 when there is none. */
size_t explain_address(const char *text, size_t n, char ret[EXPLAIN_ADDRESS_MAX]);

/* How many bytes of a line are time, host, process and level. */
size_t explain_prefix(const char *line, size_t n);

extern const struct explain_entry explain_kernel_vfio[], explain_kernel_iommu[],
	explain_kernel_pci[], explain_kernel_driver[], explain_kernel_system[], explain_qemu[],
	explain_qemu_guest[], explain_libvirt[];
