/* reconcile.c - sluice reconcile FILE: the ledger against what a provider says was used.
 *
 * By day (of UTC, as providers count) and model.  Providers may name a dated model where
 * we name the model, so dates at the end of names are passed over. */
#include "admin/spend.h"
#include "admin/usage_file.h"

#include "main/reading.h"
#include "admin/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { FILE_MOST = 256 * MiB };
#define DAY (24 * USEC_HOUR)

struct reconcile {
	struct command *c;
	struct ledger *ledger;
	struct usage_file theirs, ours;
	uint64_t tolerance; /* parts per million */
	struct grid grid;
	struct json_writer w;
	struct buf out;
	unsigned lines, different;
};

/* ---- ours ---- */

static void add_ours(struct reconcile *k, int64_t day, const struct report_row *row)
{
	struct usage_file *f = &k->ours;
	struct usage_line *line = usage_file_line(f, day, usage_model(row->model));

	line->input += (uint64_t)row->sums.of[SUM_INPUT];
	line->output += (uint64_t)row->sums.of[SUM_OUTPUT];
	line->requests += (uint64_t)row->sums.of[SUM_ATTEMPTS];
	line->amount += row->sums.of[SUM_COST];
}

static bool read_ours(struct reconcile *k, int64_t from, int64_t until)
{
	struct report_query q = { .by = REPORT_MODEL };
	bool ok = true;

	k->ours.texts.ceiling = 64 * MiB;
	q.only.provider = str_from_z(command_value(k->c, "provider"));
	for (int64_t day = from; ok && day < until; day++) {
		struct report r;

		q.since = day * DAY;
		q.until = q.since + DAY;
		ok = ledger_report(k->ledger, &q, &r);
		for (unsigned i = 0; ok && i < r.count; i++) {
			const int64_t *of = r.rows[i].sums.of;

			/* Refused requests, and attempts that used nothing. */
			if (r.rows[i].model.len &&
			    (of[SUM_COST] || of[SUM_INPUT] || of[SUM_OUTPUT]))
				add_ours(k, day, &r.rows[i]);
		}
		report_done(&r);
	}
	return ok;
}

/* ---- both ---- */

static bool is_near(const struct reconcile *k, uint64_t theirs, uint64_t ours)
{
	uint64_t apart = theirs > ours ? theirs - ours : ours - theirs;

	return (unsigned __int128)apart * 1000000 <=
	       (unsigned __int128)max_of(theirs, ours) * k->tolerance;
}

static str judge(const struct reconcile *k, const struct usage_line *theirs,
                 const struct usage_line *ours)
{
	const struct usage_file *f = &k->theirs;

	if (!theirs)
		return STR("not in the file");
	if (!ours)
		return STR("not in the ledger");
	if (f->has_amount && !is_near(k, (uint64_t)max_of(theirs->amount, (nanousd)0),
	                              (uint64_t)max_of(ours->amount, (nanousd)0)))
		return STR("amount differs");
	if (f->has_tokens && (!is_near(k, theirs->input, ours->input) ||
	                      !is_near(k, theirs->output, ours->output)))
		return STR("tokens differ");
	if (f->has_requests && theirs->requests &&
	    !is_near(k, theirs->requests, ours->requests))
		return STR("requests differ");
	return STR_NONE;
}

static void day_text(struct buf *to, int64_t day)
{
	time_t seconds = (time_t)(day * 86400);
	char text[16];
	struct tm utc;

	gmtime_r(&seconds, &utc);
	buf_add(to, str_of(text, strftime(text, sizeof(text), "%Y-%m-%d", &utc)));
}

static void add_figure(struct grid *g, bool is_known, int64_t value, bool is_money)
{
	struct buf text = BUF_LIMIT(64);

	if (!is_known)
		buf_add_char(&text, '-');
	else if (is_money)
		money_text(&text, value, true);
	else
		grouped_int(&text, value);
	grid_add(g, buf_str(&text));
	buf_free(&text);
}

static void add_json(struct reconcile *k, str day, str model,
                     const struct usage_line *theirs, const struct usage_line *ours,
                     str what)
{
	const struct usage_line *const both[] = { theirs, ours };
	static const str names[] = { STR_INIT("theirs"), STR_INIT("ours") };
	struct json_writer *w = &k->w;

	json_open(w, '{');
	json_key_str(w, STR("day"), day);
	json_key_str(w, STR("model"), model);
	json_key_str(w, STR("difference"), what);
	for (unsigned i = 0; i < 2; i++) {
		json_key(w, names[i]);
		if (!both[i]) {
			json_null(w);
			continue;
		}
		json_open(w, '{');
		json_key(w, STR("input_tokens"));
		json_uint(w, both[i]->input);
		json_key(w, STR("output_tokens"));
		json_uint(w, both[i]->output);
		json_key(w, STR("requests"));
		json_uint(w, both[i]->requests);
		json_key_int(w, STR("amount_nano"), both[i]->amount);
		json_close(w, '}');
	}
	json_close(w, '}');
}

static void add_pair(struct reconcile *k, const struct usage_line *theirs,
                     const struct usage_line *ours)
{
	const struct usage_file *f = &k->theirs;
	const struct usage_line none = { 0 };
	const struct usage_line *t = theirs ? theirs : &none, *o = ours ? ours : &none;
	str what = judge(k, theirs, ours), model = theirs ? t->model : o->model;
	struct buf day = BUF_LIMIT(32);

	k->lines++;
	k->different += what.len > 0;
	day_text(&day, theirs ? t->day : o->day);
	if (k->c->json) {
		add_json(k, buf_str(&day), model, theirs, ours, what);
	} else if (what.len || command_has(k->c, "all")) {
		grid_add(&k->grid, buf_str(&day));
		grid_add(&k->grid, model);
		add_figure(&k->grid, theirs && f->has_tokens, (int64_t)t->input, false);
		add_figure(&k->grid, ours, (int64_t)o->input, false);
		add_figure(&k->grid, theirs && f->has_tokens, (int64_t)t->output, false);
		add_figure(&k->grid, ours, (int64_t)o->output, false);
		add_figure(&k->grid, theirs && f->has_amount, t->amount, true);
		add_figure(&k->grid, ours, o->amount, true);
		grid_add(&k->grid, what);
	}
	buf_free(&day);
}

static int by_day(const void *a, const void *b)
{
	const struct usage_line *x = a, *y = b;

	if (x->day != y->day)
		return x->day < y->day ? -1 : 1;
	return str_cmp(x->model, y->model);
}

static bool compare(struct reconcile *k)
{
	int64_t from = INT64_MAX, until = 0;

	for (unsigned i = 0; i < k->theirs.count; i++) {
		from = min_of(from, k->theirs.lines[i].day);
		until = max_of(until, k->theirs.lines[i].day + 1);
	}
	if (!read_ours(k, from, until))
		return false;
	if (k->theirs.count)
		qsort(k->theirs.lines, k->theirs.count, sizeof(*k->theirs.lines), by_day);
	for (unsigned i = 0; i < k->theirs.count; i++) {
		const struct usage_line *line = &k->theirs.lines[i];

		add_pair(k, line, usage_file_find(&k->ours, line->day, line->model));
	}
	for (unsigned i = 0; i < k->ours.count; i++) {
		const struct usage_line *line = &k->ours.lines[i];

		if (!usage_file_find(&k->theirs, line->day, line->model))
			add_pair(k, NULL, line);
	}
	return true;
}

/* ---- the command ---- */

static int print(struct reconcile *k)
{
	static const str heads[] = { STR_INIT("input"),      STR_INIT("ours"),
		                     STR_INIT("output"),     STR_INIT("ours"),
		                     STR_INIT("amount USD"), STR_INIT("ours") };

	k->w.to = &k->out;
	if (k->c->json)
		json_open(&k->w, '[');
	grid_column(&k->grid, STR("day"), false);
	grid_column(&k->grid, STR("model"), false);
	for (unsigned i = 0; i < countof(heads); i++)
		grid_column(&k->grid, heads[i], true);
	grid_column(&k->grid, STR("difference"), false);
	if (!compare(k))
		return command_failed("%s", ledger_error(k->ledger, NULL));
	if (k->c->json) {
		json_close(&k->w, ']');
		buf_add_char(&k->out, '\n');
	} else if (k->grid.cell_count) {
		grid_print(&k->grid, GRID_TEXT, &k->out);
	}
	if (k->out.len)
		fwrite(k->out.ptr, 1, k->out.len, stdout);
	fprintf(stderr, "%u of %u days and models differ by more than %u.%04u %%\n",
	        k->different, k->lines, (unsigned)(k->tolerance / 10000),
	        (unsigned)(k->tolerance % 10000));
	if (k->theirs.skipped)
		fprintf(stderr, "%u of %u lines of the file name no day or no model\n",
		        k->theirs.skipped, k->theirs.rows);
	return k->different ? EXIT_FAILED : EXIT_OK;
}

static bool read_file(const char *path, struct buf *to, struct buf *why)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
	char chunk[16 * KiB];
	size_t n;

	if (!f) {
		buf_add(why, str_from_z(strerror(errno)));
		return false;
	}
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(to, str_of(chunk, n));
	if (to->over)
		buf_add(why, STR("it is larger than 256 MiB"));
	if (f != stdin)
		fclose(f);
	return !to->over;
}

/* "0.5%", "0.5" or "0": in parts per million. */
static bool parse_tolerance(const char *text, uint64_t *ret)
{
	str s = text ? str_from_z(text) : STR("0.5%");
	nanousd value;

	if (str_ends(s, STR("%")))
		s.len--;
	if (!usage_amount(s, &value) || value < 0 || value > 100000000000)
		return false;
	*ret = (uint64_t)value / 100000; /* of 10^9 for 1 % */
	return true;
}

static int run(struct reconcile *k, str csv)
{
	struct buf why = BUF_LIMIT(KiB);
	struct reading r;
	int result;

	if (!usage_file_read(&k->theirs, csv, &why)) {
		result =
		        command_failed("%s: %.*s", k->c->argv[0], STR_ARG(buf_str(&why)));
		buf_free(&why);
		return result;
	}
	result = reading_begin(k->c, &r);
	if (result != EXIT_OK)
		return result;
	k->ledger = r.ledger;
	result = r.ledger ? print(k)
	                  : command_failed("nothing was recorded yet in %.*s",
	                                   (int)r.dir.len, r.dir.ptr);
	reading_done(&r);
	return result;
}

int reconcile_command(struct command *c)
{
	struct reconcile k = { .c = c, .out = BUF_LIMIT(256 * MiB) };
	struct buf file = BUF_LIMIT(FILE_MOST), why = BUF_LIMIT(KiB);
	int result;

	if (c->argc == 0)
		return command_misused(c, "reconcile: give the provider's file (- for "
		                          "standard input)");
	if (!parse_tolerance(command_value(c, "tolerance"), &k.tolerance))
		return command_misused(c, "reconcile: --tolerance takes percent, like "
		                          "0.5%%");
	if (read_file(c->argv[0], &file, &why))
		result = run(&k, buf_str(&file));
	else
		result = command_failed("%s: %.*s", c->argv[0], STR_ARG(buf_str(&why)));
	usage_file_done(&k.theirs);
	usage_file_done(&k.ours);
	grid_done(&k.grid);
	buf_free(&k.out);
	buf_free(&file);
	buf_free(&why);
	return result;
}
