/* month.c - see month.h. */
#include "admin/month.h"

#include "admin/spend.h"
#include "loop/sys.h"

#include <stdlib.h>

static const struct section {
	const char *name, *title;
	const char *by;
} sections[] = {
	{ "days", "By day", "day" },
	{ "teams", "By team", "team" },
	{ "keys", "By key", "team,key" },
	{ "users", "By user", "user" },
	{ "models", "By model", "provider,model" },
	{ "routes", "By route", "route" },
	{ "clients", "By client", "client" },
	{ "tags", "By tags", "tag" },
	{ "operations", "By operation", "operation" },
};

/* The one table of the CSV. */
static const char all_of_it[] =
        "team,key,provider,model,route,operation,tag,client,trial";

struct monthly {
	struct ledger *ledger;
	struct spend_names names;
	enum month_format format;
	str month;
	usec from, until;
	struct buf *out;
	struct json_writer w;
	struct report whole;
	bool is_rounded; /* some part of it */
};

static bool read_sums(struct monthly *m, const struct spend_by *by, usec from, usec until,
                      struct report *ret)
{
	struct report_query q = { .since = from, .until = until, .by = by->by };

	bool ok = ledger_report(m->ledger, &q, ret);
	m->is_rounded |= ret->is_rounded;
	return ok;
}

/* ---- a section ---- */

static void add_rows(struct monthly *m, struct grid *g, const struct spend_by *by,
                     str when, const struct report *r)
{
	for (unsigned i = 0; i < r->count; i++) {
		if (m->format != MONTH_JSON) {
			spend_row(g, &m->names, by, m->format == MONTH_CSV, when,
			          &r->rows[i]);
			continue;
		}
		json_open(&m->w, '{');
		spend_json(&m->w, &m->names, by, when, &r->rows[i]);
		json_close(&m->w, '}');
	}
}

static bool add_days(struct monthly *m, struct grid *g, const struct spend_by *by)
{
	usec end = min_of(m->until, sys_wall() + 1);
	struct buf when = BUF_LIMIT(64);
	bool ok = true;

	for (usec at = m->from; ok && at < end;) {
		usec next = period_next(at, by->step);
		struct report r;

		buf_clear(&when);
		period_name(&when, at, by->step);
		ok = read_sums(m, by, at, next, &r);
		if (ok)
			add_rows(m, g, by, buf_str(&when), &r);
		report_done(&r);
		at = next;
	}
	buf_free(&when);
	return ok;
}

static bool add_grid(struct monthly *m, struct grid *g, const struct spend_by *by)
{
	struct report r;
	bool ok;

	if (by->has_step)
		return add_days(m, g, by);
	ok = read_sums(m, by, m->from, m->until, &r);
	if (ok)
		add_rows(m, g, by, STR_NONE, &r);
	report_done(&r);
	return ok;
}

static bool add_section(struct monthly *m, const struct section *s)
{
	struct spend_by by;
	struct grid g = { 0 };
	str wrong;
	bool ok = spend_by(str_from_z(s->by), &by, &wrong);

	if (m->format == MONTH_JSON) {
		json_key(&m->w, str_from_z(s->name));
		json_open(&m->w, '[');
		ok = ok && add_grid(m, &g, &by);
		json_close(&m->w, ']');
		return ok;
	}
	spend_columns(&g, &by, false);
	ok = ok && add_grid(m, &g, &by);
	spend_total(&g, &by, &m->whole.total);
	if (m->format == MONTH_MD)
		buf_addf(m->out, "\n## %s\n\n", s->title);
	else
		buf_addf(m->out, "<h2>%s</h2>\n", s->title);
	grid_print(&g, m->format == MONTH_MD ? GRID_MD : GRID_HTML, m->out);
	grid_done(&g);
	return ok;
}

/* ---- the document ---- */

static void add_head(struct monthly *m)
{
	static const char style[] =
	        "<style>body{font:14px system-ui,sans-serif;margin:2em auto;max-width:"
	        "70em}table{border-collapse:collapse}th,td{padding:.2em .8em;"
	        "border-bottom:1px solid #ddd;text-align:left}.n{text-align:right;"
	        "font-variant-numeric:tabular-nums}</style>\n";
	struct buf money = BUF_LIMIT(64);

	money_text(&money, m->whole.total.of[SUM_COST], true);
	if (m->format == MONTH_MD)
		buf_addf(m->out, "# Usage and cost, %.*s\n\n%.*s USD in all.\n",
		         STR_ARG(m->month), STR_ARG(buf_str(&money)));
	else
		buf_addf(m->out,
		         "<!doctype html>\n<meta charset=utf-8>\n<title>Usage and "
		         "cost, %.*s</title>\n%s<h1>Usage and cost, %.*s</h1>\n"
		         "<p>%.*s USD in all.</p>\n",
		         STR_ARG(m->month), style, STR_ARG(m->month),
		         STR_ARG(buf_str(&money)));
	buf_free(&money);
}

/* A paragraph for each thing that is not exact. */
static void add_notes(struct monthly *m)
{
	struct buf notes = BUF_LIMIT(16 * KiB);

	spend_notes(&notes, &m->whole.total, m->whole.from_rows, m->is_rounded);
	for (str rest = buf_str(&notes); rest.len;) {
		str line = str_cut(&rest, '\n');

		buf_add(m->out, m->format == MONTH_MD ? STR("\n") : STR("<p>"));
		buf_add(m->out, line);
		buf_add(m->out, m->format == MONTH_MD ? STR("\n") : STR("</p>\n"));
	}
	buf_free(&notes);
}

static bool write_document(struct monthly *m)
{
	bool ok = true;

	add_head(m);
	for (unsigned i = 0; ok && i < countof(sections); i++)
		ok = add_section(m, &sections[i]);
	add_notes(m);
	return ok;
}

static bool write_json(struct monthly *m)
{
	bool ok = true;

	m->w.to = m->out;
	json_open(&m->w, '{');
	json_key_str(&m->w, STR("month"), m->month);
	json_key(&m->w, STR("total"));
	json_open(&m->w, '{');
	spend_json_sums(&m->w, &m->whole.total);
	json_close(&m->w, '}');
	for (unsigned i = 0; ok && i < countof(sections); i++)
		ok = add_section(m, &sections[i]);
	json_key_bool(&m->w, STR("is_rounded"), m->is_rounded);
	json_close(&m->w, '}');
	buf_add_char(m->out, '\n');
	return ok;
}

static bool write_csv(struct monthly *m)
{
	struct spend_by by;
	struct grid g = { 0 };
	str wrong;
	bool ok = spend_by(str_from_z(all_of_it), &by, &wrong);

	spend_columns(&g, &by, true);
	ok = ok && add_grid(m, &g, &by);
	grid_print(&g, GRID_CSV, m->out);
	grid_done(&g);
	return ok;
}

static bool write_all(struct monthly *m)
{
	struct spend_by none = { 0 };

	if (!spend_names_load(&m->names, m->ledger) ||
	    !read_sums(m, &none, m->from, m->until, &m->whole))
		return false;
	switch (m->format) {
	case MONTH_JSON:
		return write_json(m);
	case MONTH_CSV:
		return write_csv(m);
	case MONTH_MD:
	case MONTH_HTML:
	case MONTH_FORMATS:
		break;
	}
	return write_document(m);
}

const struct month_kind month_kinds[MONTH_FORMATS] = {
	[MONTH_MD] = { STR_INIT("md"), STR_INIT("text/markdown; charset=utf-8") },
	[MONTH_CSV] = { STR_INIT("csv"), STR_INIT("text/csv; charset=utf-8") },
	[MONTH_JSON] = { STR_INIT("json"), STR_INIT("application/json") },
	[MONTH_HTML] = { STR_INIT("html"), STR_INIT("text/html; charset=utf-8") },
};

bool month_format_find(str name, enum month_format *ret)
{
	for (unsigned i = 0; i < MONTH_FORMATS; i++) {
		if (str_eq(name, month_kinds[i].name)) {
			*ret = (enum month_format)i;
			return true;
		}
	}
	return false;
}

bool month_write(struct ledger *l, str month, enum month_format format, struct buf *to)
{
	struct monthly m = { .ledger = l, .format = format, .month = month, .out = to };
	bool ok;

	if (!period_month(month, &m.from, &m.until) || !ledger_begin_read(l))
		return false;
	ok = write_all(&m);
	report_done(&m.whole);
	spend_names_done(&m.names);
	return ledger_end_read(l) && ok;
}
