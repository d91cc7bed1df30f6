/* api_export.c - attempts for other programs: a span of time as CSV, JSON lines or FOCUS.
 *
 * It may be millions of them, so it is made while it goes out, some hundred attempts at a
 * time by a reader of its own.  Which attempts these are is settled when it begins; what
 * is told of each is what the ledger has of it when its turn comes. */
#include "admin/api.h"
#include "admin/export.h"
#include "admin/text.h"
#include "base/mem.h"

enum { PIECE_ROWS = 500, PIECE_BYTES = 64 * KiB };

enum export_format { EXPORT_CSV, EXPORT_JSONL, EXPORT_FOCUS, EXPORT_FORMATS };

static const struct {
	str name, media;
} formats[EXPORT_FORMATS] = {
	{ STR_INIT("csv"), STR_INIT("text/csv; charset=utf-8") },
	{ STR_INIT("jsonl"), STR_INIT("application/x-ndjson") },
	{ STR_INIT("focus"), STR_INIT("text/csv; charset=utf-8") },
};

struct export
{
	enum export_format format;
	usec since, until;
	uint64_t after, last; /* ids: what has gone, and what is the last to go */
	bool is_begun, has_more;
	unsigned count; /* in this piece */
	struct ledger *ledger;
	struct spend_names names;
	struct buf *to;
};

static bool add_row(void *arg, const struct attempt_row *row)
{
	struct export *x = arg;
	struct json_writer w = { .to = x->to };

	if (row->id > x->last)
		return false;
	switch (x->format) {
	case EXPORT_CSV:
		export_csv_row(x->to, &x->names, row);
		break;
	case EXPORT_JSONL:
		row_json(&w, row);
		buf_add_char(x->to, '\n');
		break;
	case EXPORT_FOCUS:
		export_focus_row(x->to, &x->names, row);
		break;
	case EXPORT_FORMATS:
		break;
	}
	x->after = row->id;
	x->has_more = ++x->count == PIECE_ROWS || x->to->len > PIECE_BYTES;
	return !x->has_more;
}

static enum admin_piece next_piece(void *arg, struct buf *to)
{
	struct export *x = arg;

	x->to = to;
	x->count = 0;
	x->has_more = false;
	if (!x->is_begun && x->format == EXPORT_CSV)
		export_csv_head(to);
	if (!x->is_begun && x->format == EXPORT_FOCUS)
		export_focus_head(to);
	x->is_begun = true;
	if (!ledger_span_after(x->ledger, x->after, x->since, x->until, add_row, x))
		return ADMIN_PIECE_FAILED;
	return x->has_more ? ADMIN_PIECE_MORE : ADMIN_PIECE_LAST;
}

static void export_free(void *arg)
{
	struct export *x = arg;

	ledger_close(&x->ledger);
	spend_names_done(&x->names);
	free(x);
}

int api_export(struct admin_call *c)
{
	str format = admin_query(c, "format");
	struct ledger *reader;
	struct export *x;
	unsigned i = 0;

	while (format.len && i < EXPORT_FORMATS && !str_eq(format, formats[i].name))
		i++;
	if (i == EXPORT_FORMATS)
		return admin_problem(c, 400, "invalid_parameter", "format",
		                     "csv, jsonl or focus");
	admin_flush(c);
	if (!(reader = admin_new_reader(c)))
		return 503;
	x = new_of(struct export);
	x->format = (enum export_format)i;
	x->since = admin_query_time(c, "since", 0);
	x->until = admin_query_time(c, "until", INT64_MAX);
	x->ledger = reader;
	x->last = ledger_last_id(reader);
	c->pieces = (struct admin_pieces){ next_piece, export_free, x };
	c->content_type = formats[i].media;
	if (spend_names_load(&x->names, reader))
		return 200;
	return admin_problem(c, 503, "ledger_unavailable", NULL,
	                     "the ledger cannot be read");
}
