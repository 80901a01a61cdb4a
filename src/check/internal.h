/* SPDX-License-Identifier: MIT */
/* What the files of checks share. */
#pragma once

#include "check/check.h"

/* As verdict_set(), unless @v says something as bad or worse already: for checks with findings. */
void verdict_raise(struct verdict *v, enum verdict_kind kind, const char *format, ...)
	PRINTF_LIKE(3, 4);
/* "permission denied, needs root", "not recorded", ...: why a fact is not known. */
const char *verdict_reason(int error);

/* ---- parameters.c: values of the command line that several checks read ---- */

/* What turned the IOMMU off or on, the last one that does; NULL: nothing on the command line. */
const struct kernel_parameter *iommu_switch(const struct host_facts *facts, bool *ret_off);
/* The first word of a list between commas, cut off; NULL at its end. Empty ones are left out. */
const char *next_item(struct arena *a, const char **list);
/* Whether @item begins with one of @known, as the kernel compares; ended by NULL. */
bool is_known_item(const char *item, const char *const *known);

/* The maker of the processor. */
bool is_intel(const struct host_facts *facts);
bool is_amd(const struct host_facts *facts);
/*
 * Whose kind of IOMMU it is: what the firmware describes, and where that is nothing, what goes with
 * the processor. A virtual machine may have Intel's on a processor of AMD.
 */
bool iommu_is_intel(const struct host_facts *facts);
bool iommu_is_amd(const struct host_facts *facts);
