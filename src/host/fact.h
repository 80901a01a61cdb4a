/* SPDX-License-Identifier: MIT */
/* A fact: a value, or why there is none. */
#pragma once

#include <errno.h>
#include <stdint.h>

/* 0, or the negative errno of reading it; -EBADMSG when the file did not make sense. */
struct fact_number {
	int error;
	uint64_t value;
};

struct fact_text {
	int error;
	const char *value;
};

/* "permission denied", "not recorded", ...: why a fact is not known. Lives forever. */
const char *fact_reason(int error);
