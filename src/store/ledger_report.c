/* ledger_report.c - reports from rollups.
 *
 * A span of time is covered by whole months, days and hours, the largest first, and by
 * the attempts of what is left at both ends.  Sums are first added by group, which is one
 * number, and only then by what the report tells apart. */
#include "store/ledger_private.h"
#include "store/report.h"

#include "base/mem.h"

#include <time.h>

const struct report_dimension report_dimensions[REPORT_DIMENSIONS] = {
	{ STR_INIT("team"), REPORT_TEAM },
	{ STR_INIT("key"), REPORT_KEY },
	{ STR_INIT("user"), REPORT_USER },
	{ STR_INIT("provider"), REPORT_PROVIDER },
	{ STR_INIT("model"), REPORT_MODEL },
	{ STR_INIT("route"), REPORT_ROUTE },
	{ STR_INIT("operation"), REPORT_OPERATION },
	{ STR_INIT("tag"), REPORT_TAG },
	{ STR_INIT("client"), REPORT_CLIENT },
	{ STR_INIT("trial"), REPORT_TRIAL },
};

enum {
	BY_WHAT = REPORT_PROVIDER | REPORT_MODEL | REPORT_ROUTE | REPORT_OPERATION |
	          REPORT_TAG | REPORT_CLIENT | REPORT_TRIAL,
	BY_WHOM = REPORT_USER,
};
struct group {
	int64_t id; /* 0: free */
	struct sums sums;
};

struct work {
	struct ledger *l;
	const struct report_query *q;
	struct report *to;
	struct group *groups; /* a hash table by id */
	unsigned size, count;
	unsigned *at; /* another of to->rows: 1 + index, 0: free */
	unsigned at_size, room;
	const struct sums *sums; /* of the group at hand */
	usec from, until;        /* of the attempts that are read */
	bool ok;
};

/* ---- what a row of the report is ---- */

static bool is_or_any(str only, str value)
{
	return only.len == 0 || str_eq(only, value);
}

static bool is_wanted(const struct report_row *only, const struct attempt_row *g)
{
	return (!only->team || only->team == g->team) &&
	       (!only->key || only->key == g->key) && is_or_any(only->user, g->user) &&
	       is_or_any(only->provider, g->provider) &&
	       is_or_any(only->model, g->model) && is_or_any(only->route, g->route) &&
	       is_or_any(only->operation, g->operation) &&
	       is_or_any(only->client, g->agent) && is_or_any(only->trial, g->trial);
}

/* "env" of "app=chat,env=prod" is prod. */
static str tag_value(str tags, str name)
{
	while (tags.len) {
		str value = str_cut(&tags, ',');

		if (str_eq(value, STR("*")))
			return value;
		if (str_eq(str_cut(&value, '='), name))
			return value;
	}
	return STR_NONE;
}

static struct report_row row_of(const struct report_query *q, const struct attempt_row *g)
{
	struct report_row row = { 0 };

	row.team = q->by & REPORT_TEAM ? g->team : 0;
	row.key = q->by & REPORT_KEY ? g->key : 0;
	row.user = q->by & REPORT_USER ? g->user : STR_NONE;
	row.provider = q->by & REPORT_PROVIDER ? g->provider : STR_NONE;
	row.model = q->by & REPORT_MODEL ? g->model : STR_NONE;
	row.route = q->by & REPORT_ROUTE ? g->route : STR_NONE;
	row.operation = q->by & REPORT_OPERATION ? g->operation : STR_NONE;
	row.client = q->by & REPORT_CLIENT ? g->agent : STR_NONE;
	row.trial = q->by & REPORT_TRIAL ? g->trial : STR_NONE;
	if (q->by & REPORT_TAG)
		row.tag = q->tag.len ? tag_value(g->tags, q->tag) : g->tags;
	return row;
}

#define TEXTS(row)                                                                       \
	{                                                                                \
		&(row)->user, &(row)->provider, &(row)->model, &(row)->route,            \
		        &(row)->operation, &(row)->tag, &(row)->client, &(row)->trial    \
	}

static uint64_t hash_of(const struct report_row *row)
{
	const str *const texts[] = TEXTS(row);
	uint64_t h = row->team * 31 + row->key;

	for (unsigned i = 0; i < countof(texts); i++)
		h = (h ^ str_hash(*texts[i])) * 0x9e3779b97f4a7c15u;
	return h ^ (h >> 31);
}

static bool is_same(const struct report_row *a, const struct report_row *b)
{
	const str *const x[] = TEXTS(a), *const y[] = TEXTS(b);

	if (a->team != b->team || a->key != b->key)
		return false;
	for (unsigned i = 0; i < countof(x); i++) {
		if (!str_eq(*x[i], *y[i]))
			return false;
	}
	return true;
}

static unsigned *place_of(const struct work *w, const struct report_row *row)
{
	uint64_t at = hash_of(row);

	for (;; at++) {
		unsigned *place = &w->at[at & (w->at_size - 1)];

		if (!*place || is_same(&w->to->rows[*place - 1], row))
			return place;
	}
}

static void grow_rows(struct work *w)
{
	struct report *r = w->to;

	w->room = w->room ? w->room * 2 : 64;
	r->rows = mem_resize(r->rows, w->room * sizeof(*r->rows));
	free(w->at);
	w->at_size = w->room * 2;
	w->at = mem_new(w->at_size * sizeof(*w->at));
	for (unsigned i = 0; i < r->count; i++)
		*place_of(w, &r->rows[i]) = i + 1;
}

/* The row's sums; its texts are kept when it is new. */
static struct sums *sums_of(struct work *w, struct report_row *row)
{
	str *const texts[] = TEXTS(row);
	struct report *r = w->to;

	if (r->count == w->room)
		grow_rows(w);
	unsigned *place = place_of(w, row);
	if (!*place) {
		for (unsigned i = 0; i < countof(texts); i++) {
			void *copy = arena_try(&r->texts, texts[i]->len + 1);

			if (!copy)
				return NULL;
			if (texts[i]->len)
				memcpy(copy, texts[i]->ptr, texts[i]->len);
			texts[i]->ptr = copy;
		}
		r->rows[r->count++] = *row;
		*place = r->count;
	}
	return &r->rows[*place - 1].sums;
}

/* ---- from rollups ---- */

static struct group *group_at(const struct work *w, int64_t id)
{
	uint64_t at = (uint64_t)id * 0x9e3779b97f4a7c15u >> 20;

	for (;; at++) {
		struct group *g = &w->groups[at & (w->size - 1)];

		if (!g->id || g->id == id)
			return g;
	}
}

static void grow_groups(struct work *w)
{
	struct group *old = w->groups;
	unsigned size = w->size;

	w->size = size ? size * 2 : 256;
	w->groups = mem_new(w->size * sizeof(*w->groups));
	for (unsigned i = 0; i < size; i++) {
		if (old[i].id)
			*group_at(w, old[i].id) = old[i];
	}
	free(old);
}

static void take(struct work *w, sqlite3_stmt *st)
{
	if (w->count * 2 >= w->size)
		grow_groups(w);
	struct group *g = group_at(w, sqlite3_column_int64(st, 0));
	if (!g->id) {
		g->id = sqlite3_column_int64(st, 0);
		w->count++;
	}
	for (int i = 0; i < SUM_COUNT; i++)
		g->sums.of[i] += sqlite3_column_int64(st, 1 + i);
}

static bool read_periods(struct work *w, enum rollup_family family, enum rollup_span span,
                         int64_t from, int64_t until)
{
	sqlite3_stmt *st;

	if (from >= until)
		return true;
	st = ledger_get(w->l, LEDGER_ROLLUP_READ);
	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, family);
	sqlite3_bind_int64(st, 2, span);
	sqlite3_bind_int64(st, 3, from);
	sqlite3_bind_int64(st, 4, until);
	while (sqlite3_step(st) == SQLITE_ROW)
		take(w, st);
	return sqlite3_reset(st) == SQLITE_OK;
}

/* The first hour of that month. */
static int64_t hour_of_month(int64_t month)
{
	struct tm utc = { .tm_year = (int)(month / 12) - 1900,
		          .tm_mon = (int)(month % 12),
		          .tm_mday = 1 };

	return timegm(&utc) / 3600;
}

/* Hours [from, until), by the largest spans that fit in. */
static bool read_hours(struct work *w, enum rollup_family family, int64_t from,
                       int64_t until)
{
	int64_t day = (from + 23) / 24, days_end = until / 24;

	if (day >= days_end)
		return read_periods(w, family, ROLLUP_HOUR, from, until);
	int64_t month = rollup_period(day * 24 - 1, ROLLUP_MONTH) + 1;
	int64_t months_end = rollup_period(days_end * 24, ROLLUP_MONTH);
	int64_t months_from = hour_of_month(month) / 24;
	int64_t months_until = hour_of_month(months_end) / 24;
	if (month >= months_end) /* none is whole */
		months_from = months_until = days_end;
	return read_periods(w, family, ROLLUP_HOUR, from, day * 24) &&
	       read_periods(w, family, ROLLUP_DAY, day, months_from) &&
	       read_periods(w, family, ROLLUP_MONTH, month, months_end) &&
	       read_periods(w, family, ROLLUP_DAY, months_until, days_end) &&
	       read_periods(w, family, ROLLUP_HOUR, days_end * 24, until);
}

static void add_group(void *arg, const struct attempt_row *group)
{
	struct work *w = arg;
	struct report_row row = row_of(w->q, group);
	struct sums *to;

	if (!is_wanted(&w->q->only, group))
		return;
	to = sums_of(w, &row);
	w->ok = to != NULL;
	if (to)
		sums_add(to, w->sums);
}

static bool add_groups(struct work *w)
{
	for (unsigned i = 0; w->ok && i < w->size; i++) {
		if (!w->groups[i].id)
			continue;
		w->sums = &w->groups[i].sums;
		if (!ledger_group(w->l, w->groups[i].id, add_group, w))
			return false;
	}
	return w->ok;
}

/* ---- from attempts ---- */

bool ledger_span(struct ledger *l, usec since, usec until, ledger_row_fn *each, void *arg)
{
	return ledger_span_after(l, 0, since, until, each, arg);
}

/* So far may ids be above and below the time their attempts began. */
static bool read_slack(struct ledger *l, usec *ret_ahead, usec *ret_behind)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_CLOCK);

	if (!st)
		return false;
	*ret_ahead = LEDGER_CLOCK_SLACK;
	*ret_behind = LEDGER_BEHIND_SLACK;
	if (sqlite3_step(st) == SQLITE_ROW) {
		*ret_ahead = max_of(*ret_ahead, (usec)sqlite3_column_int64(st, 0));
		*ret_behind = max_of(*ret_behind, (usec)sqlite3_column_int64(st, 1));
	}
	return sqlite3_reset(st) == SQLITE_OK;
}

bool ledger_span_after(struct ledger *l, uint64_t after, usec since, usec until,
                       ledger_row_fn *each, void *arg)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_SPAN);
	const usec longest = INT64_MAX >> 8;
	usec start = since > 0 ? min_of(since, longest) : 0;
	usec ahead, behind;

	if (!st || !read_slack(l, &ahead, &behind))
		return false;
	start = max_of(start - behind, (usec)0);
	sqlite3_bind_int64(st, 1, max_of(start * 256, (int64_t)after + (after > 0)));
	sqlite3_bind_int64(st, 2,
	                   until < longest - ahead ? (until + ahead) * 256 : INT64_MAX);
	sqlite3_bind_int64(st, 3, since);
	sqlite3_bind_int64(st, 4, until);
	return ledger_read_rows(l, st, each, arg);
}

static bool add_row(void *arg, const struct attempt_row *row)
{
	struct work *w = arg;
	struct attempt_row what, whom;
	struct report_row key;
	struct sums *to;

	if (row->state == ROW_OPEN)
		return true;
	rollup_group(row, ROLLUP_WHAT, &what);
	rollup_group(row, ROLLUP_WHOM, &whom);
	what.user = whom.user;
	if (!is_wanted(&w->q->only, &what))
		return true;
	key = row_of(w->q, &what);
	to = sums_of(w, &key);
	w->ok = to != NULL;
	if (to)
		sums_add_row(to, row);
	return w->ok;
}

static bool read_rows(struct work *w, usec since, usec until)
{
	if (since >= until)
		return true;
	return ledger_span(w->l, since, until, add_row, w) && w->ok;
}

/* ---- the whole ---- */

static bool needs(const struct report_query *q, unsigned by)
{
	const struct report_row *o = &q->only;
	unsigned named =
	        (o->user.len ? REPORT_USER : 0) |
	        (o->provider.len ? REPORT_PROVIDER : 0) |
	        (o->model.len ? REPORT_MODEL : 0) | (o->route.len ? REPORT_ROUTE : 0) |
	        (o->operation.len ? REPORT_OPERATION : 0) |
	        (o->client.len ? REPORT_CLIENT : 0) | (o->trial.len ? REPORT_TRIAL : 0);

	return ((q->by | named) & by) != 0;
}

/* Hours [from, until) from rollups; what lies before and behind them from attempts. */
struct cover {
	int64_t from, until;
	usec before, behind; /* where the parts end and begin */
};

/* Where the attempts of a part are gone, an end goes back to the beginning of its hour:
 * both ends do, so that of two spans that adjoin one alone has the hour. */
static struct cover cover_of(struct work *w, usec since, usec until)
{
	struct cover c = { rollup_hour_of(since), rollup_hour_of(until), since, until };
	usec kept = w->to->rows_kept;

	if (since > c.from * USEC_HOUR && c.from * USEC_HOUR >= kept) {
		c.from++;
		c.before = min_of(c.from * USEC_HOUR, until);
	} else if (since > c.from * USEC_HOUR) {
		w->to->is_rounded = true;
	}
	if (until > c.until * USEC_HOUR && c.until * USEC_HOUR >= kept) {
		c.behind = max_of(c.until * USEC_HOUR, c.before);
	} else if (until > c.until * USEC_HOUR) {
		w->to->is_rounded = true;
	}
	return c;
}

static bool read_all(struct work *w)
{
	const struct report_query *q = w->q;
	usec since = max_of(q->since, (usec)0);
	usec until = q->until ? q->until : INT64_MAX / USEC_HOUR * USEC_HOUR;

	w->to->from_rows = q->from_rows || (needs(q, BY_WHAT) && needs(q, BY_WHOM));
	if (w->to->from_rows) {
		w->to->is_rounded = since < w->to->rows_kept;
		return read_rows(w, since, until);
	}
	struct cover c = cover_of(w, since, until);
	return read_rows(w, since, c.before) &&
	       read_hours(w, needs(q, BY_WHAT) ? ROLLUP_WHAT : ROLLUP_WHOM, c.from,
	                  c.until) &&
	       read_rows(w, c.behind, until) && add_groups(w);
}

static bool read_kept(struct ledger *l, usec *ret)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_KEPT);

	if (!st)
		return false;
	*ret = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) * USEC_HOUR
	                                      : 0;
	return sqlite3_reset(st) == SQLITE_OK;
}

static int by_charge(const void *a, const void *b)
{
	const struct report_row *x = a, *y = b;
	const str *const p[] = TEXTS(x), *const q[] = TEXTS(y);
	int64_t more = y->sums.of[SUM_CHARGED] - x->sums.of[SUM_CHARGED];

	if (more)
		return more > 0 ? 1 : -1;
	if (x->team != y->team)
		return x->team < y->team ? -1 : 1;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	for (unsigned i = 0; i < countof(p); i++) {
		int order = str_cmp(*p[i], *q[i]);

		if (order)
			return order;
	}
	return 0;
}

bool ledger_report(struct ledger *l, const struct report_query *query, struct report *ret)
{
	struct work w = { .l = l, .q = query, .to = ret, .ok = true };

	*ret = (struct report){ .texts = { .ceiling = 256 * MiB } };
	/* All of it as of one moment. */
	bool begins = sqlite3_get_autocommit(l->db);
	bool ok = (!begins || ledger_run(ledger_get(l, LEDGER_BEGIN_READ))) &&
	          read_kept(l, &ret->rows_kept) && read_all(&w);
	if (begins && !sqlite3_get_autocommit(l->db) &&
	    !ledger_run(ledger_get(l, LEDGER_COMMIT)))
		ok = false;
	free(w.groups);
	free(w.at);
	for (unsigned i = 0; i < ret->count; i++)
		sums_add(&ret->total, &ret->rows[i].sums);
	if (ret->count)
		qsort(ret->rows, ret->count, sizeof(*ret->rows), by_charge);
	return ok;
}

void report_done(struct report *r)
{
	free(r->rows);
	arena_done(&r->texts);
	*r = (struct report){ 0 };
}
