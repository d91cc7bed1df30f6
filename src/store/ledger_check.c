/* ledger_check.c - are the rollups what the attempts add up to?
 *
 * Asked in SQL alone, so that it shares no line with what wrote them: every sum of every
 * hour by key, by user and by target, days against hours, months against days, group by
 * group. And is the file sound? */
#include "store/ledger_private.h"
#include "store/report.h"

/* clang-format off */

#define OF_NUMBERED(column) "sum(CASE WHEN a.number > 0 THEN coalesce(" column ", 0) ELSE 0 END)"
#define OF_FLAG(bit) "sum(coalesce((o.flags & " bit ") <> 0, 0))"
#define OF(column) "coalesce(sum(a." column "), 0)"

/* In the order of SUMS. */
#define ROW_SUMS \
	"sum(a.number > 0), sum(a.caller IS NOT NULL)," \
	" sum(a.caller IS NOT NULL AND o.client_status >= 400)," \
	" sum(a.caller IS NOT NULL AND a.number = 0)," \
	" sum(a.caller IS NOT NULL AND o.client_status < 400 AND a.attempts > 1)," \
	" sum(a.state = 1 AND a.number > 0 AND o.fault <> ''), sum(a.state = 2)," \
	" sum(a.number > 0 AND a.cost_nano IS NULL AND k.delta IS NULL)," \
	" sum(coalesce(o.usage_kind = 2, 0))," \
	OF("input_tokens") "," OF("cache_read_tokens") "," OF("cache_write_tokens") "," \
	OF("cache_write_1h_tokens") "," OF("output_tokens") "," OF("reasoning_tokens") "," \
	OF("audio_input_tokens") "," OF("audio_output_tokens") "," OF("images") "," \
	OF("searches") "," \
	" sum(coalesce(a.cost_nano, 0) + coalesce(k.delta, 0))," \
	" sum(coalesce(a.cost_nano + coalesce(k.delta, 0), k.delta, a.reserved_nano, 0))," \
	" coalesce(sum(k.delta), 0)," \
	OF_FLAG("1") "," OF_FLAG("2") "," OF_FLAG("4") "," OF_FLAG("8") "," \
	OF_FLAG("16") "," OF_FLAG("32") "," \
	OF_NUMBERED("a.total_us") "," OF_NUMBERED("a.first_token_us") "," \
	" sum(a.number > 0 AND coalesce(a.first_token_us, 0) > 0)"
#define ROW_HOUR "coalesce(a.began, a.id >> 8) / 3600000000"
#define ROW_TABLES \
	" FROM attempt a JOIN request r ON r.id = a.request" \
	" LEFT JOIN outcome o ON o.id = a.outcome" \
	" LEFT JOIN (SELECT attempt, sum(delta_nano) AS delta FROM correction" \
	" GROUP BY attempt) k ON k.attempt = a.id WHERE a.state <> 0 AND " ROW_HOUR " >= "
#define PLUS(id, name) ", u." #name
#define MINUS(id, name) ", -u." #name
#define PLUS_SUMS SUMS(PLUS)
#define MINUS_SUMS SUMS(MINUS)
#define KEPT "coalesce((SELECT hour FROM kept), 0)"
#define GROUPS " FROM rollup u JOIN usage_group g ON g.id = u.grp WHERE u.span = 0 AND "
#define FOLDED \
	"folded AS (SELECT DISTINCT u.period" GROUPS "u.family = 0 AND g.provider = '*')"
/* Keys of an hour whose users were folded into one. */
#define CROWDED \
	"crowded AS (SELECT DISTINCT u.period, g.key" GROUPS "u.family = 1 AND g.user = '*')"
#define USER_BUT(period, key, user) \
	"iif((" period ", " key ") IN crowded, '*', coalesce(" user ", ''))"
#define MONTH \
	"strftime('%Y', u.period * 86400, 'unixepoch') * 12" \
	" + strftime('%m', u.period * 86400, 'unixepoch') - 1"
/* Days and months in which some group was folded, into itself or out of what it is made
 * of: there groups cannot be held against groups. */
#define COARSE_OF(name, span, below) \
	name " AS (SELECT DISTINCT u.family, iif(u.span = " span ", u.period, " below ")" \
	" FROM rollup u JOIN usage_group g ON g.id = u.grp WHERE u.span IN (" span ", " \
	span " - 1) AND (g.user = '*' OR g.client = '*'))"
#define COARSE COARSE_OF("coarse_day", "1", "u.period / 24") "," \
	COARSE_OF("coarse_month", "2", MONTH)
#define GROUP_BUT(coarse, period) "iif((u.family, " period ") IN " coarse ", '', u.grp)"

/* Two that must be the same; what tells their rows apart is p, x and y. */
static const struct comparison {
	const char *what;
	const char *rows, *sums;
} comparisons[] = {
	{ "hour, team, key",
	  "SELECT " ROW_HOUR ", r.team, r.key, " ROW_SUMS ROW_TABLES KEPT " GROUP BY 1, 2, 3",
	  "SELECT u.period, g.team, g.key" MINUS_SUMS GROUPS
	  "u.family = 1 AND u.period >= " KEPT },
	/* Where users or targets were folded into one, they are so here. */
	{ "hour, key, user",
	  "SELECT " ROW_HOUR ", r.key, " USER_BUT(ROW_HOUR, "r.key",
	  "(SELECT user FROM subject WHERE id = a.subject)") ", " ROW_SUMS ROW_TABLES KEPT
	  " GROUP BY 1, 2, 3",
	  "SELECT u.period, g.key, " USER_BUT("u.period", "g.key", "g.user") MINUS_SUMS GROUPS
	  "u.family = 1 AND u.period >= " KEPT },
	{ "hour, provider, model",
	  "SELECT " ROW_HOUR ", iif(" ROW_HOUR " IN folded, '*', r.provider),"
	  " iif(" ROW_HOUR " IN folded, '*', r.model), " ROW_SUMS ROW_TABLES KEPT
	  " GROUP BY 1, 2, 3",
	  "SELECT u.period, iif(u.period IN folded, '*', g.provider),"
	  " iif(u.period IN folded, '*', g.model)" MINUS_SUMS GROUPS
	  "u.family = 0 AND u.period >= " KEPT },
	/* What no sum of an hour tells, whose group it is, shows here. */
	{ "day",
	  "SELECT u.period / 24, u.family, " GROUP_BUT("coarse_day", "u.period / 24")
	  PLUS_SUMS " FROM rollup u WHERE u.span = 0",
	  "SELECT u.period, u.family, " GROUP_BUT("coarse_day", "u.period") MINUS_SUMS
	  " FROM rollup u WHERE u.span = 1" },
	{ "month",
	  "SELECT " MONTH ", u.family, " GROUP_BUT("coarse_month", MONTH) PLUS_SUMS
	  " FROM rollup u WHERE u.span = 1",
	  "SELECT u.period, u.family, " GROUP_BUT("coarse_month", "u.period") MINUS_SUMS
	  " FROM rollup u WHERE u.span = 2" },
};

static const char folds[] = FOLDED "," CROWDED "," COARSE;
#define SUM(id, name) ", sum(" #name ") AS " #name
static const char totals[] = "p, x, y" SUMS(SUM);
#undef SUM
#define SUM(id, name) ", " #name
static const char columns[] = "p, x, y" SUMS(SUM);
#undef SUM
#define SUM(id, name) " OR sum(" #name ") <> 0"
static const char differs[] = "0" SUMS(SUM);
#undef SUM

/* clang-format on */

static void add_difference(struct buf *to, const struct comparison *c, sqlite3_stmt *st)
{
	buf_addf(to, "%s %lld %s %s: the attempts have", c->what,
	         (long long)sqlite3_column_int64(st, 0),
	         (const char *)sqlite3_column_text(st, 1),
	         (const char *)sqlite3_column_text(st, 2));
	for (int i = 0; i < SUM_COUNT; i++) {
		int64_t more = sqlite3_column_int64(st, 3 + i);

		if (more)
			buf_addf(to, " %s %+lld", sum_names[i], (long long)more);
	}
	buf_add_char(to, '\n');
}

static bool compare(struct ledger *l, const struct comparison *c, struct buf *ret)
{
	char *sql = sqlite3_mprintf("WITH %s, d(%s) AS (%s UNION ALL %s)"
	                            " SELECT %s FROM d GROUP BY p, x, y HAVING %s"
	                            " LIMIT 20",
	                            folds, columns, c->rows, c->sums, totals, differs);
	sqlite3_stmt *st = NULL;
	bool ok = sql && sqlite3_prepare_v2(l->db, sql, -1, &st, NULL) == SQLITE_OK;

	sqlite3_free(sql);
	while (ok && sqlite3_step(st) == SQLITE_ROW)
		add_difference(ret, c, st);
	return sqlite3_finalize(st) == SQLITE_OK && ok;
}

/* Pages, types, what must not be NULL: a damage that no sum shows yet. */
static bool check_file(struct ledger *l, struct buf *ret)
{
	sqlite3_stmt *st = NULL;
	bool ok = sqlite3_prepare_v2(l->db, "PRAGMA quick_check(20)", -1, &st, NULL) ==
	          SQLITE_OK;

	while (ok && sqlite3_step(st) == SQLITE_ROW) {
		str line = ledger_str(st, 0);

		if (!str_eq(line, STR("ok")))
			buf_addf(ret, "the file is damaged: %.*s\n", STR_ARG(line));
	}
	return sqlite3_finalize(st) == SQLITE_OK && ok;
}

static bool count_rows(struct ledger *l, uint64_t *ret)
{
	sqlite3_stmt *st = NULL;
	bool ok = sqlite3_prepare_v2(l->db, "SELECT count(*) FROM attempt", -1, &st,
	                             NULL) == SQLITE_OK &&
	          sqlite3_step(st) == SQLITE_ROW;

	if (ok)
		*ret = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return ok;
}

bool ledger_verify(struct ledger *l, struct buf *ret, uint64_t *ret_rows)
{
	/* All of it as of one moment, while the gateway goes on. */
	bool ok = ledger_run(ledger_get(l, LEDGER_BEGIN_READ)) && count_rows(l, ret_rows);

	for (unsigned i = 0; ok && i < countof(comparisons); i++)
		ok = compare(l, &comparisons[i], ret);
	ok = ok && check_file(l, ret);
	if (!ok) {
		buf_clear(ret);
		buf_add(ret, str_from_z(ledger_error(l, NULL)));
	}
	if (!sqlite3_get_autocommit(l->db) && !ledger_run(ledger_get(l, LEDGER_COMMIT)))
		return false;
	return ok;
}
