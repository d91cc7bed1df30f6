/* export.c - sluice export: the attempts of a span of time, for other programs.
 *
 * What is printed is what the ledger held when it began: one read transaction, however
 * long the reader of our output takes. */
#include "admin/export.h"

#include "loop/sys.h"
#include "main/reading.h"
#include "main/zone.h"
#include "admin/text.h"

#include <stdio.h>

enum { FLUSH = 64 * KiB };

enum export_format { EXPORT_CSV, EXPORT_JSONL, EXPORT_FOCUS, EXPORT_NONE };

struct export
{
	struct command *c;
	enum export_format format;
	usec since, until;
	struct spend_names names;
	struct buf out;
};

static void flush(struct export *x)
{
	fwrite(x->out.ptr ? x->out.ptr : "", 1, x->out.len, stdout);
	buf_clear(&x->out);
}

static bool add_row(void *arg, const struct attempt_row *row)
{
	struct export *x = arg;
	struct json_writer w = { .to = &x->out };

	switch (x->format) {
	case EXPORT_CSV:
		export_csv_row(&x->out, &x->names, row);
		break;
	case EXPORT_JSONL:
		row_json(&w, row);
		buf_add_char(&x->out, '\n');
		break;
	case EXPORT_FOCUS:
		export_focus_row(&x->out, &x->names, row);
		break;
	case EXPORT_NONE:
		break;
	}
	if (x->out.len > FLUSH)
		flush(x);
	return !ferror(stdout);
}

static bool write_all(struct export *x, struct ledger *l)
{
	bool ok;

	if (!spend_names_load(&x->names, l))
		return false;
	if (x->format == EXPORT_CSV)
		export_csv_head(&x->out);
	if (x->format == EXPORT_FOCUS)
		export_focus_head(&x->out);
	ok = ledger_span(l, x->since, x->until, add_row, x);
	flush(x);
	return ok;
}

static enum export_format format_of(const struct command *c)
{
	static const char *const names[] = { "csv", "jsonl", "focus" };
	const char *text = command_value(c, "format");

	if (!text)
		return c->json ? EXPORT_JSONL : EXPORT_CSV;
	for (unsigned i = 0; i < countof(names); i++) {
		if (strcmp(text, names[i]) == 0)
			return (enum export_format)i;
	}
	return EXPORT_NONE;
}

static bool take_span(struct export *x)
{
	const char *since = command_value(x->c, "since");
	const char *until = command_value(x->c, "until");
	usec now = sys_wall();

	x->until = INT64_MAX;
	return (!since || period_moment(str_from_z(since), now, &x->since)) &&
	       (!until || period_moment(str_from_z(until), now, &x->until));
}

int export_command(struct command *c)
{
	struct export x = { .c = c, .format = format_of(c), .out = BUF_LIMIT(16 * MiB) };
	struct reading r;
	int result;

	zone_take(c);
	if (x.format == EXPORT_NONE)
		return command_misused(c, "export: --format takes csv, jsonl or focus");
	if (!take_span(&x))
		return command_misused(c, "export: --since and --until take a time like "
		                          "7d, today or 2026-11-01");
	result = reading_begin(c, &r);
	if (result != EXIT_OK)
		return result;
	if (!r.ledger)
		result = command_failed("nothing was recorded yet in %.*s",
		                        (int)r.dir.len, r.dir.ptr);
	else if (!write_all(&x, r.ledger))
		result = command_failed("%s", ledger_error(r.ledger, NULL));
	spend_names_done(&x.names);
	buf_free(&x.out);
	reading_done(&r);
	return result;
}
