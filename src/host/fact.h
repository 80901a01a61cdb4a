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
