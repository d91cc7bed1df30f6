/* reconcile.c - see reconcile.h. */
#include "admin/reconcile.h"

#include "admin/usage_value.h"
#include "store/report.h"

#define DAY (24 * USEC_HOUR)

/* ---- ours ---- */

static void add_ours(struct reconcile *k, int64_t day, const struct report_row *row)
{
	struct usage_line *line = usage_file_line(&k->ours, day, usage_model(row->model));

	line->input += (uint64_t)row->sums.of[SUM_INPUT];
	line->output += (uint64_t)row->sums.of[SUM_OUTPUT];
	line->requests += (uint64_t)row->sums.of[SUM_ATTEMPTS];
	line->failed += (uint64_t)row->sums.of[SUM_ERRORS];
	line->amount += row->sums.of[SUM_COST];
}

static bool read_day(struct reconcile *k, int64_t day)
{
	struct report_query q = { .since = day * DAY,
		                  .until = (day + 1) * DAY,
		                  .by = REPORT_MODEL,
		                  .only = { .provider = k->provider } };
	struct report r;
	bool ok = ledger_report(k->ledger, &q, &r);

	for (unsigned i = 0; ok && i < r.count; i++) {
		const int64_t *of = r.rows[i].sums.of;

		/* Refused requests, and attempts that used nothing. */
		if (r.rows[i].model.len &&
		    (of[SUM_COST] || of[SUM_INPUT] || of[SUM_OUTPUT]))
			add_ours(k, day, &r.rows[i]);
	}
	report_done(&r);
	return ok;
}

/* All days as of one moment. */
static bool read_ours(struct reconcile *k, int64_t from, int64_t until)
{
	bool ok = ledger_begin_read(k->ledger);

	k->ours.texts.ceiling = 64 * MiB;
	for (int64_t day = from; ok && day < until; day++)
		ok = read_day(k, day);
	return ledger_end_read(k->ledger) && ok;
}

/* ---- both ---- */

static bool is_near(const struct reconcile *k, uint64_t theirs, uint64_t ours)
{
	uint64_t apart = theirs > ours ? theirs - ours : ours - theirs;

	return (unsigned __int128)apart * 1000000 <=
	       (unsigned __int128)max_of(theirs, ours) * k->tolerance;
}

/* Is their count of requests one of ours?  What failed may be in it. */
static bool is_count(const struct reconcile *k, uint64_t theirs,
                     const struct usage_line *ours)
{
	uint64_t most = ours->requests, least = most - min_of(ours->failed, most);

	return (theirs >= least && theirs <= most) || is_near(k, theirs, most) ||
	       is_near(k, theirs, least);
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
	if (f->has_requests && theirs->requests && !is_count(k, theirs->requests, ours))
		return STR("requests differ");
	return STR_NONE;
}

static void add_pair(struct reconcile *k, const struct usage_line *theirs,
                     const struct usage_line *ours, reconcile_fn *each, void *arg)
{
	const struct usage_line *any = theirs ? theirs : ours;
	struct reconcile_pair pair = { any->day, any->model, theirs, ours,
		                       judge(k, theirs, ours) };

	k->lines++;
	k->different += pair.what.len > 0;
	each(arg, &pair);
}

bool reconcile_run(struct reconcile *k, reconcile_fn *each, void *arg, bool *ret_is_long,
                   struct buf *why)
{
	int64_t from = INT64_MAX, until = 0;

	*ret_is_long = false;
	for (unsigned i = 0; i < k->theirs.count; i++) {
		from = min_of(from, k->theirs.lines[i].day);
		until = max_of(until, k->theirs.lines[i].day + 1);
	}
	if (k->theirs.count && until - from > RECONCILE_DAYS_MOST) {
		*ret_is_long = true;
		buf_addf(why, "it covers more than %d days", RECONCILE_DAYS_MOST);
		return false;
	}
	if (!read_ours(k, from, until)) {
		buf_add(why, str_from_z(ledger_error(k->ledger, NULL)));
		return false;
	}
	usage_file_sort(&k->theirs);
	for (unsigned i = 0; i < k->theirs.count; i++) {
		const struct usage_line *line = &k->theirs.lines[i];

		add_pair(k, line, usage_file_find(&k->ours, line->day, line->model), each,
		         arg);
	}
	for (unsigned i = 0; i < k->ours.count; i++) {
		const struct usage_line *line = &k->ours.lines[i];

		if (!usage_file_find(&k->theirs, line->day, line->model))
			add_pair(k, NULL, line, each, arg);
	}
	return true;
}

void reconcile_done(struct reconcile *k)
{
	usage_file_done(&k->theirs);
	usage_file_done(&k->ours);
}

bool reconcile_tolerance(str text, uint64_t *ret)
{
	nanousd value;

	if (str_ends(text, STR("%")))
		text.len--;
	if (!usage_amount(text, &value) || value < 0 || value > 100000000000)
		return false;
	*ret = (uint64_t)value / 100000; /* of 10^9 for 1 % */
	return true;
}
