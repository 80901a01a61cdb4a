/* SPDX-License-Identifier: MIT */
/*
 * Libraries that few commands need are loaded when they are: linking libarchive and libkmod
 * would cost every listing more time in the dynamic loader than reading the host does.
 *
 * The symbols of a library are one list of its user's, used twice:
 *
 *	#define SYMBOLS(X) X(archive_read_new) X(archive_read_free)
 *	static struct { SYMBOLS(DL_POINTER) } la;
 *	static const struct dl_symbol symbols[] = { SYMBOLS(DL_ROW(la)) };
 *
 * which gives la.archive_read_new() the type of the header's declaration.
 */
#pragma once

#include "base/err.h"

#include <stddef.h>

struct dl_symbol {
	const char *name;
	void **where;
};

#define DL_POINTER(symbol) __typeof__(&symbol) symbol;
#define DL_ROW(table, symbol) { #symbol, (void **)&(table).symbol },

/*
 * Loads @soname, which stays loaded, and fills all of @symbols; does nothing the second time.
 * -ENOENT when the library is not installed, -ENXIO when it lacks a symbol.
 */
MUST_CHECK int dl_load(const char *soname, const struct dl_symbol *symbols, size_t n,
		       struct err *e);
