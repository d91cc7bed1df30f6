/* grid.h - rows and columns for people (text, Markdown, HTML) and for programs (CSV).
 *
 * Cells are added row by row, as text; figures stand to the right, so that with a fixed
 * number of decimals they stand under each other. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum grid_format { GRID_TEXT, GRID_CSV, GRID_MD, GRID_HTML };

enum { GRID_COLUMNS_MOST = 64 };

struct grid_column {
	str name;
	bool is_figure;
};

struct grid {
	struct grid_column columns[GRID_COLUMNS_MOST];
	unsigned count; /* of columns */
	str *cells;
	unsigned cell_count, room;
	bool has_total; /* the last row is one */
	struct arena texts;
};

/* All columns before the first cell. */
void grid_column(struct grid *g, str name, bool is_figure);
/* The next cell, copied. */
void grid_add(struct grid *g, str text);
void grid_addf(struct grid *g, const char *fmt, ...) printf_like(2, 3);
void grid_print(const struct grid *g, enum grid_format format, struct buf *to);
void grid_done(struct grid *g);

/* A cell of CSV: in quotes where it must be, and with a ' before what a spreadsheet would
 * take for a formula. */
void csv_text(struct buf *to, str text);
void html_text(struct buf *to, str text);
/* 1234567 as 1,234,567. */
void grouped_int(struct buf *to, int64_t value);
/* An amount with all nine decimals: 1,234.567890123; with `grouped` commas as here. */
void money_text(struct buf *to, int64_t nano, bool grouped);
