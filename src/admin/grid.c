/* grid.c - see grid.h. */
#include "admin/grid.h"

#include "base/assert.h"
#include "base/mem.h"
#include "codec/utf8.h"
#include "admin/text.h"

void grid_column(struct grid *g, str name, bool is_figure)
{
	assert(g->count < GRID_COLUMNS_MOST && g->cell_count == 0);
	g->texts.ceiling = 256 * MiB;
	g->columns[g->count++] = (struct grid_column){ name, is_figure };
}

void grid_add(struct grid *g, str text)
{
	if (g->cell_count == g->room) {
		g->room = g->room ? g->room * 2 : 256;
		g->cells = mem_resize(g->cells, g->room * sizeof(*g->cells));
	}
	g->cells[g->cell_count++] = arena_copy(&g->texts, text);
}

void grid_addf(struct grid *g, const char *fmt, ...)
{
	struct buf text = BUF_LIMIT(4 * KiB);
	va_list args;

	va_start(args, fmt);
	buf_vaddf(&text, fmt, args);
	va_end(args);
	grid_add(g, buf_str(&text));
	buf_free(&text);
}

void grid_done(struct grid *g)
{
	free(g->cells);
	arena_done(&g->texts);
	*g = (struct grid){ 0 };
}

/* ---- figures ---- */

static void add_grouped(struct buf *to, uint64_t value)
{
	if (value >= 1000) {
		add_grouped(to, value / 1000);
		buf_addf(to, ",%03u", (unsigned)(value % 1000));
	} else {
		buf_addf(to, "%u", (unsigned)value);
	}
}

static uint64_t magnitude(struct buf *to, int64_t value)
{
	if (value >= 0)
		return (uint64_t)value;
	buf_add_char(to, '-');
	return -(uint64_t)value;
}

void grouped_int(struct buf *to, int64_t value)
{
	add_grouped(to, magnitude(to, value));
}

void money_text(struct buf *to, int64_t nano, bool grouped)
{
	uint64_t value = magnitude(to, nano), whole = value / 1000000000;

	if (grouped)
		add_grouped(to, whole);
	else
		buf_add_u64(to, whole);
	buf_addf(to, ".%09u", (unsigned)(value % 1000000000));
}

/* ---- cells ---- */

void csv_text(struct buf *to, str text)
{
	bool is_formula = text.len && str_find(STR("=+-@\t\r"), text.ptr[0]) < 6;

	if (!is_formula && str_find_any(text, STR(",\"\r\n")) == text.len) {
		buf_add(to, text);
		return;
	}
	buf_add_char(to, '"');
	if (is_formula)
		buf_add_char(to, '\'');
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '"')
			buf_add_char(to, '"');
		buf_add_char(to, text.ptr[i]);
	}
	buf_add_char(to, '"');
}

void html_text(struct buf *to, str text)
{
	for (size_t i = 0; i < text.len; i++) {
		switch (text.ptr[i]) {
		case '<':
			buf_add(to, STR("&lt;"));
			break;
		case '>':
			buf_add(to, STR("&gt;"));
			break;
		case '&':
			buf_add(to, STR("&amp;"));
			break;
		case '"':
			buf_add(to, STR("&quot;"));
			break;
		default:
			buf_add_char(to, text.ptr[i]);
		}
	}
}

static void md_text(struct buf *to, str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (str_find(STR("|\\`*_<>[]"), c) < 9)
			buf_add_char(to, '\\');
		buf_add_char(to, (unsigned char)c < ' ' ? ' ' : c);
	}
}

/* Characters, as far as a terminal is concerned. */
static unsigned width_of(str text)
{
	unsigned width = 0;

	for (size_t i = 0; i < text.len; i++)
		width += (text.ptr[i] & 0xc0) != 0x80;
	return width;
}

/* ---- the whole ---- */

static void add_padded(struct buf *to, str text, unsigned width, bool right, bool last)
{
	unsigned missing = width - min_of(width, width_of(text));

	for (unsigned i = 0; right && i < missing; i++)
		buf_add_char(to, ' ');
	text_safe(to, text);
	for (unsigned i = 0; !right && !last && i < missing; i++)
		buf_add_char(to, ' ');
}

static void print_text(const struct grid *g, struct buf *to)
{
	unsigned width[GRID_COLUMNS_MOST];
	unsigned rows = g->count ? g->cell_count / g->count : 0;

	for (unsigned c = 0; c < g->count; c++) {
		width[c] = width_of(g->columns[c].name);
		for (unsigned r = 0; r < rows; r++)
			width[c] = max_of(width[c], width_of(g->cells[r * g->count + c]));
	}
	for (unsigned r = 0; r <= rows; r++) {
		if (g->has_total && r == rows && rows > 1)
			buf_add_char(to, '\n');
		for (unsigned c = 0; c < g->count; c++) {
			str text =
			        r ? g->cells[(r - 1) * g->count + c] : g->columns[c].name;

			if (c)
				buf_add(to, STR("  "));
			add_padded(to, text, width[c], g->columns[c].is_figure,
			           c + 1 == g->count);
		}
		buf_add_char(to, '\n');
	}
}

static void print_csv(const struct grid *g, struct buf *to)
{
	for (unsigned c = 0; c < g->count; c++) {
		if (c)
			buf_add_char(to, ',');
		csv_text(to, g->columns[c].name);
	}
	buf_add_char(to, '\n');
	for (unsigned i = 0; i < g->cell_count; i++) {
		if (g->columns[i % g->count].is_figure)
			buf_add(to, g->cells[i]);
		else
			csv_text(to, g->cells[i]);
		buf_add_char(to, (i + 1) % g->count ? ',' : '\n');
	}
}

static void print_md(const struct grid *g, struct buf *to)
{
	for (unsigned c = 0; c < g->count; c++)
		buf_addf(to, "| %.*s ", STR_ARG(g->columns[c].name));
	buf_add(to, STR("|\n"));
	for (unsigned c = 0; c < g->count; c++)
		buf_add(to, g->columns[c].is_figure ? STR("|---:") : STR("|:---"));
	buf_add(to, STR("|\n"));
	for (unsigned i = 0; i < g->cell_count; i++) {
		buf_add(to, STR("| "));
		md_text(to, g->cells[i]);
		buf_add(to, (i + 1) % g->count ? STR(" ") : STR(" |\n"));
	}
}

static void print_html(const struct grid *g, struct buf *to)
{
	buf_add(to, STR("<table>\n<tr>"));
	for (unsigned c = 0; c < g->count; c++) {
		buf_add(to, g->columns[c].is_figure ? STR("<th class=n>") : STR("<th>"));
		html_text(to, g->columns[c].name);
	}
	for (unsigned i = 0; i < g->cell_count; i++) {
		if (i % g->count == 0)
			buf_add(to, STR("\n<tr>"));
		buf_add(to, g->columns[i % g->count].is_figure ? STR("<td class=n>")
		                                               : STR("<td>"));
		html_text(to, g->cells[i]);
	}
	buf_add(to, STR("\n</table>\n"));
}

void grid_print(const struct grid *g, enum grid_format format, struct buf *to)
{
	if (g->count == 0)
		return;
	switch (format) {
	case GRID_TEXT:
		print_text(g, to);
		break;
	case GRID_CSV:
		print_csv(g, to);
		break;
	case GRID_MD:
		print_md(g, to);
		break;
	case GRID_HTML:
		print_html(g, to);
		break;
	}
}
