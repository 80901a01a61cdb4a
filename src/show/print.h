/* SPDX-License-Identifier: MIT */
/* What the renderers (text.c with its tables in table.c, json.c) share. */
#pragma once

#include "show/doc.h"
#include "show/plain.h"

/* What is below a heading stands this far to the right of it. */
#define PRINT_INDENT 2
/* Between a label and its value, and between columns. */
#define PRINT_GAP "  "

#define PRINT_BOLD "\033[1m"
#define PRINT_RED "\033[31m"
#define PRINT_GREEN "\033[32m"
#define PRINT_YELLOW "\033[33m"
#define PRINT_CYAN "\033[36m"
#define PRINT_RESET "\033[0m"

struct printer {
	FILE *out;
	struct arena scratch;
	const struct doc_style *style;
	const char *cut_mark; /* at the end of a cell that was cut; one column wide */
	int error;            /* other than those of @out */
};

void print_blanks(struct printer *p, size_t n);
/* What stands for @value in a cell: as short as it can be said. */
const char *print_value(struct printer *p, const struct doc_value *value);
/* The rows of a table, @indent columns from the left. */
void print_rows(struct printer *p, const struct doc_table *table, size_t indent);

/*
 * Hands what is buffered to the kernel. 0, @error, or the negative errno of the stream: an answer
 * of which a part is missing must not look complete, also when that part was written earlier.
 */
MUST_CHECK int print_finish(FILE *out, int error);
