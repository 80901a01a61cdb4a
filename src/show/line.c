// SPDX-License-Identifier: MIT
// A document as one line, for commands that answer over and over: what a pipe, grep or a log
// collector takes as one record. People get the fields of the document without their labels, which
// would repeat on every line; sections and tables are for programs.

#include "base/text.h"
#include "show/print.h"

int doc_render_line(struct doc *d, FILE *out)
{
	const struct doc_style style = { 0 };
	struct printer p = { .out = out, .style = &style };
	bool first = true;

	for (const struct doc_item *item = d->root.items; item; item = item->next) {
		if (item->kind != DOC_ITEM_FIELD || !item->label)
			continue;
		fprintf(out, "%s%s", first ? "" : PRINT_GAP, print_value(&p, &item->value));
		first = false;
	}
	putc('\n', out);
	arena_free(&p.scratch);
	return print_finish(out, p.error);
}
