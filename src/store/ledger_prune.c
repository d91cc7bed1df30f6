/* ledger_prune.c - attempts go when they are old, or when there are too many.
 *
 * The sums of their hours stay for ever.  First the hour is written down before which
 * attempts may be missing, then they go, some thousand at a time: whoever adds them up
 * again knows which hours are whole (ledger_check.c, ledger_report.c).  A journal keeps
 * its records until a segment is full, which may be days after their rows have gone: how
 * far they were in the ledger is written down as well, so that who reads them again after
 * a crash does not count them twice. */
#include "store/ledger_private.h"

enum { VACUUM_PAGES = 1000 };

static bool ask(struct ledger *l, const char *sql, int64_t *ret)
{
	sqlite3_stmt *st = NULL;
	bool ok = sqlite3_prepare_v2(l->db, sql, -1, &st, NULL) == SQLITE_OK;

	*ret = ok && sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
	return sqlite3_finalize(st) == SQLITE_OK && ok;
}

static bool run_with(struct ledger *l, enum ledger_statement which, int64_t value)
{
	sqlite3_stmt *st = ledger_get(l, which);

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, value);
	return ledger_run(st);
}

/* The hour up to which attempts are to go; 0: none. */
static bool find_hour(struct ledger *l, usec before_wall, uint64_t max_bytes,
                      int64_t *ret)
{
	int64_t pages, free_pages, oldest, newest, hour = rollup_hour_of(before_wall);

	if (!ask(l, "PRAGMA page_count", &pages) ||
	    !ask(l, "PRAGMA freelist_count", &free_pages) ||
	    !ask(l, "SELECT id >> 8 FROM attempt WHERE state <> 0 ORDER BY id LIMIT 1",
	         &oldest) ||
	    !ask(l, "SELECT coalesce(max(id), 0) >> 8 FROM attempt", &newest))
		return false;
	*ret = oldest && rollup_hour_of(oldest) < hour ? hour : 0;
	/* Hour by hour, and never the one that is being written. */
	if (max_bytes && oldest && rollup_hour_of(oldest) < rollup_hour_of(newest) &&
	    (uint64_t)(pages - free_pages) * l->page_size > max_bytes)
		*ret = max_of(*ret, rollup_hour_of(oldest) + 1);
	return true;
}

/* What trials have spent outlives the attempts: max_cost is for all of them. */
static bool keep_trials(struct ledger *l, int64_t first_id)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_TRIAL_PRUNE);

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, first_id);
	sqlite3_bind_int64(st, 2, ROW_CANDIDATE);
	return ledger_run(st);
}

static bool keep_places(struct ledger *l, const struct ledger_places *places)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_PLACE_PUT);

	for (int i = 0; st && i < LEDGER_WORKERS; i++) {
		if (!places->of[i])
			continue;
		sqlite3_bind_int64(st, 1, i);
		sqlite3_bind_int64(st, 2, (int64_t)places->of[i]);
		if (!ledger_run(st))
			return false;
	}
	return st != NULL;
}

static bool delete_some(struct ledger *l, int64_t hour,
                        const struct ledger_places *places, bool *ret_more)
{
	int64_t first_id = hour * USEC_HOUR << 8;

	if (!run_with(l, LEDGER_KEEP_FROM, hour) || !keep_places(l, places) ||
	    !keep_trials(l, first_id) ||
	    !run_with(l, LEDGER_PRUNE_CORRECTIONS, first_id) ||
	    !run_with(l, LEDGER_PRUNE, first_id))
		return false;
	*ret_more = sqlite3_changes(l->db) == LEDGER_PRUNED_AT_ONCE;
	return true;
}

/* Pages that are free go back to the file system, some at a time. */
static bool shrink(struct ledger *l, bool *more)
{
	int64_t free_pages;
	char sql[64];

	if (!ask(l, "PRAGMA freelist_count", &free_pages))
		return false;
	if (free_pages < VACUUM_PAGES)
		return true;
	*more = true;
	sqlite3_snprintf(sizeof(sql), sql, "PRAGMA incremental_vacuum(%d)", VACUUM_PAGES);
	return sqlite3_exec(l->db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

bool ledger_prune(struct ledger *l, usec before_wall, uint64_t max_bytes,
                  const struct ledger_places *places, bool *ret_more)
{
	int64_t hour;
	bool more = false;

	if (!find_hour(l, max_of(before_wall, (usec)0), max_bytes, &hour))
		return false;
	if (hour && (!ledger_begin(l) || !delete_some(l, hour, places, &more) ||
	             !ledger_commit(l)))
		return false;
	if (hour && !more && max_bytes)
		more = true; /* the next hour may have to go as well */
	*ret_more = more;
	return more || shrink(l, ret_more);
}

bool ledger_pruned(struct ledger *l, struct ledger_places *ret, uint64_t *ret_below)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_PLACES);
	int64_t hour;

	*ret = (struct ledger_places){ 0 };
	if (!st || !ask(l, "SELECT coalesce(max(hour), 0) FROM kept", &hour))
		return false;
	while (sqlite3_step(st) == SQLITE_ROW) {
		int64_t worker = sqlite3_column_int64(st, 0);

		if (worker >= 0 && worker < LEDGER_WORKERS)
			ret->of[worker] = (uint64_t)sqlite3_column_int64(st, 1);
	}
	*ret_below = (uint64_t)(hour * USEC_HOUR) << 8;
	return sqlite3_reset(st) == SQLITE_OK;
}
