/* SPDX-License-Identifier: MIT */
/*
 * What a fuzz target is made of: one function, which replay.c calls with the
 * corpus and libFuzzer (meson -Dfuzz=true, clang) with what it makes of it:
 *
 *	CC=clang meson setup build-fuzz -Dfuzz=true && ninja -C build-fuzz
 *	build-fuzz/tests/fuzz/fuzz-uevent tests/fuzz/corpus/uevent
 *
 * Input that made a bug show becomes a file of the corpus, under a name that says what it is.
 * The files found-* reach code that the others do not (-merge=1 -use_counters=0).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What must hold whatever the input was; not assert(), which a build may leave out. */
#define HOLDS(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)
