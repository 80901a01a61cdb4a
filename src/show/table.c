// SPDX-License-Identifier: MIT
// Tables of the text, laid out and printed by libsmartcols.
//
// Children are flattened: every line carries all it needs, so that grep finds whole facts.

#include "show/print.h"

#include <errno.h>
#include <libsmartcols.h>

struct column {
	const struct doc_column *doc;
	size_t cell; /* in the rows of its level */
	struct libscols_column *scols;
};

struct grid {
	struct printer *p;
	struct libscols_table *scols;
	struct column *column; /* those that the text shows */
	size_t n_columns;
	bool has_children;
};

static const char *upper_case(struct printer *p, const char *label)
{
	char *copy = arena_strdup(&p->scratch, label);

	/* labels are words of this program; a locale has no say in them */
	for (char *c = copy; *c; c++) {
		if (*c >= 'a' && *c <= 'z')
			*c = (char)(*c - 'a' + 'A');
	}
	return plain_trimmed(&p->scratch, copy);
}

/*
 * Columns are said to have lines of their own in their cells, and no cell has a second one: that
 * way the library asks for widths here, instead of taking every cell through mbrtowc(3) once more,
 * a fourth of the time of a table.
 */
static size_t line_width(const struct libscols_column *column, const char *text, void *data)
{
	(void)column;
	(void)data;
	return plain_width(text);
}

static char *next_line(const struct libscols_column *column, char *text, void *data)
{
	(void)column;
	(void)text;
	(void)data;
	return NULL;
}

static int grid_column(struct grid *g, const struct doc_column *doc, size_t cell)
{
	int flags = SCOLS_FL_WRAP | (doc->flags & DOC_RIGHT ? SCOLS_FL_RIGHT : 0) |
		    (doc->flags & DOC_TRUNCATE ? SCOLS_FL_TRUNC : 0);
	struct libscols_column *scols =
		scols_table_new_column(g->scols, upper_case(g->p, doc->label), 0, flags);

	if (!scols)
		return -ENOMEM;
	g->column[g->n_columns++] = (struct column){ .doc = doc, .cell = cell, .scols = scols };
	if (doc_column_level(doc) == 1)
		g->has_children = true;
	return scols_column_set_wrapfunc(scols, line_width, next_line, NULL);
}

static int grid_columns(struct grid *g, const struct doc_table *table)
{
	size_t cell[DOC_LEVELS] = { 0 };
	int error = 0;

	g->column = arena_array(&g->p->scratch, table->n_columns, sizeof(*g->column));
	for (size_t i = 0; i < table->n_columns && error == 0; i++) {
		const struct doc_column *doc = &table->columns[i];
		size_t at = cell[doc_column_level(doc)]++;

		if (doc->label)
			error = grid_column(g, doc, at);
	}
	return error;
}

static int grid_line(struct grid *g, const struct doc_row *row, const struct doc_row *child)
{
	static const struct doc_value none = { .kind = DOC_NONE };
	struct libscols_line *line = scols_table_new_line(g->scols, NULL);
	int error = line ? 0 : -ENOMEM;

	for (size_t i = 0; i < g->n_columns && error == 0; i++) {
		const struct column *column = &g->column[i];
		const struct doc_row *from = doc_column_level(column->doc) == 0 ? row : child;
		const struct doc_value *value = from ? &from->cell[column->cell] : &none;

		error = scols_line_set_data(line, i, print_value(g->p, value));
		if (error == 0 && value->kind == DOC_UNKNOWN)
			error = scols_cell_set_color(scols_line_get_cell(line, i), PRINT_YELLOW);
	}
	return error;
}

static int grid_lines(struct grid *g, const struct doc_table *table)
{
	int error = 0;

	for (const struct doc_row *row = table->rows; row && error == 0; row = row->next) {
		const struct doc_row *child = g->has_children ? row->children : NULL;

		do {
			error = grid_line(g, row, child);
			child = child ? child->next : NULL;
		} while (child && error == 0);
	}
	return error;
}

static int grid_options(struct grid *g, size_t indent)
{
	size_t columns = g->p->style->columns;
	int error = scols_table_set_column_separator(g->scols, PRINT_GAP);

	if (error == 0)
		error = scols_table_set_line_separator(
			g->scols, arena_printf(&g->p->scratch, "\n%*s", (int)indent, ""));
	scols_table_set_stream(g->scols, g->p->out);
	scols_table_enable_colors(g->scols, g->p->style->colour);
	/* cells are plain already; a backslash is to stay one */
	scols_table_enable_noencoding(g->scols, 1);
	/* no blanks at the end of a line */
	scols_table_enable_minout(g->scols, 1);
	scols_table_set_termforce(g->scols,
				  columns > 0 ? SCOLS_TERMFORCE_ALWAYS : SCOLS_TERMFORCE_NEVER);
	scols_table_set_termwidth(g->scols, columns > indent ? columns - indent : 1);
	return error;
}

static int cut_cell(struct grid *g, struct libscols_cell *cell, size_t columns)
{
	const char *text = scols_cell_get_data(cell);
	size_t width = plain_width(text);

	if (width <= columns)
		return 0;
	return scols_cell_set_data(cell, arena_printf(&g->p->scratch, "%.*s%s",
						      (int)plain_start(text, columns - 1, &width),
						      text, g->p->cut_mark));
}

/*
 * The library cuts without a mark, and a name that was cut must not pass for a whole one. The
 * widths that it decided on can be asked for when it has printed a line.
 */
static int grid_cut(struct grid *g)
{
	struct libscols_line *line = scols_table_get_line(g->scols, 0);
	struct libscols_iter *lines = scols_new_iter(SCOLS_ITER_FORWARD);
	CLEANUP_FREE char *printed = NULL;
	int error =
		lines ? scols_table_print_range_to_string(g->scols, NULL, line, &printed) : -ENOMEM;

	while (error == 0 && scols_table_next_line(g->scols, lines, &line) == 0) {
		for (size_t i = 0; i < g->n_columns && error == 0; i++) {
			const struct column *column = &g->column[i];

			if (column->doc->flags & DOC_TRUNCATE)
				error = cut_cell(g, scols_line_get_cell(line, i),
						 scols_column_get_width(column->scols));
		}
	}
	scols_free_iter(lines);
	return error;
}

static int grid_print(struct grid *g, const struct doc_table *table, size_t indent)
{
	int error = grid_options(g, indent);

	if (error == 0)
		error = grid_columns(g, table);
	if (error == 0)
		error = grid_lines(g, table);
	if (error == 0 && g->p->style->columns > 0)
		error = grid_cut(g);
	if (error < 0)
		return error;
	print_blanks(g->p, indent);
	return scols_print_table(g->scols);
}

void print_rows(struct printer *p, const struct doc_table *table, size_t indent)
{
	struct grid g = { .p = p, .scols = scols_new_table() };
	int error = g.scols ? grid_print(&g, table, indent) : -ENOMEM;

	if (error < 0)
		p->error = error;
	scols_unref_table(g.scols);
}
