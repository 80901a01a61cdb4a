/* SPDX-License-Identifier: MIT */
/*
 * Memory: huge pages per size and node, what is free, and how much a process may lock.
 *
 * Sources: Documentation/admin-guide/mm/hugetlbpage.rst, Documentation/filesystems/proc.rst
 * (meminfo, limits).
 */
#pragma once

#include "base/root.h"
#include "host/fact.h"

#include <stdbool.h>
#include <stddef.h>

struct host;

#define MEMORY_ALL_NODES (-1)
#define MEMORY_UNLIMITED UINT64_MAX

/* Huge pages of one size, of the host or of one node. */
struct hugepage_pool {
	uint64_t page_bytes;
	int node; /* MEMORY_ALL_NODES, or its number */
	const char *path;
	struct fact_number total, free; /* pages */
	struct fact_number reserved;    /* of the host only */
};

struct memory_node {
	unsigned number;
	const char *path;
	struct fact_number total_bytes, free_bytes;
};

struct memory_facts {
	struct fact_number total_bytes, available_bytes;
	int pools_error;
	struct hugepage_pool *pools; /* those of the host first */
	size_t n_pools;
	int nodes_error; /* -ENOENT: a kernel without NUMA */
	struct memory_node *nodes;
	size_t n_nodes;
	/* RLIMIT_MEMLOCK of the process that read it; MEMORY_UNLIMITED */
	struct fact_number lock_soft_bytes, lock_hard_bytes;
};

#define MEMORY_INFO "proc/meminfo"
#define MEMORY_LIMITS "proc/self/limits"

/* The size of a page as hugepagesz= and default_hugepagesz= have it: "1G", "2M", "2048k"
 * (memparse() in lib/cmdline.c). */
uint64_t memory_page_bytes(const char *text);
void host_read_memory(struct host *host, struct memory_facts *ret);
