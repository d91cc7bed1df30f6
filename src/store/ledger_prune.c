/* ledger_prune.c - attempts go when they are old, or when there are too many.
 *
 * The sums of their hours stay for ever; what only they pointed to goes as well
 * (ledger_sweep.c).  First the hour is written down before which
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

/* What there is to be done. */
struct pruning {
	int64_t hour, due; /* attempts up to `hour` are to go by their age; up to `due`, a
	                      little further perhaps, by what the ledger takes; 0: none */
	bool is_too_large;
};

/* When one of those began, or was asked for, that may go before that hour: of the least
 * id.  0: there is none. */
static bool find_prunable(struct ledger *l, int64_t hour, int64_t *ret)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_PRUNABLE);

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, (int64_t)row_id_at(hour * USEC_HOUR));
	*ret = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
	return sqlite3_reset(st) == SQLITE_OK;
}

static bool look(struct ledger *l, usec before_wall, uint64_t max_bytes,
                 struct pruning *ret)
{
	int64_t pages, free_pages, old, oldest, newest;
	int64_t hour = rollup_hour_of(before_wall);

	if (!ask(l, "PRAGMA page_count", &pages) ||
	    !ask(l, "PRAGMA freelist_count", &free_pages) ||
	    !ask(l, "SELECT coalesce(max(id), 0) >> 8 FROM attempt", &newest) ||
	    !find_prunable(l, hour, &old) ||
	    /* Hour by hour, and never the one that is being written. */
	    !find_prunable(l, rollup_hour_of(newest), &oldest))
		return false;
	ret->hour = old ? hour : 0;
	ret->is_too_large =
	        max_bytes && (uint64_t)(pages - free_pages) * l->page_size > max_bytes;
	ret->due = oldest ? rollup_hour_of(oldest) + 1 : 0;
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
	int deleted = sqlite3_changes(l->db);
	l->sweep.deleted += (uint64_t)deleted;
	*ret_more = deleted == LEDGER_PRUNED_AT_ONCE;
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

/* A sweep looks at all rows: once a day of what goes by age, and as often as a quarter of
 * them went where there is too little room, or nothing else is left to go. */
static bool should_sweep(struct ledger *l, const struct pruning *p, usec before_wall)
{
	const struct sweep *s = &l->sweep;

	if (s->stage != SWEEP_NONE)
		return true;
	if (!s->deleted || p->hour)
		return false;
	return p->is_too_large ? !p->due || s->deleted * 4 >= s->rows
	                       : rollup_hour_of(before_wall) >= s->hour + 24;
}

static bool sweep(struct ledger *l, usec before_wall)
{
	if (l->sweep.stage == SWEEP_NONE)
		l->sweep.hour = rollup_hour_of(before_wall);
	return sweep_step(l);
}

/* Who deleted before this process may have left labels. */
static bool begin(struct ledger *l)
{
	int64_t hour;

	if (l->has_pruned)
		return true;
	if (!ask(l, "SELECT coalesce(max(hour), 0) FROM kept", &hour))
		return false;
	l->has_pruned = true;
	l->sweep.deleted += hour > 0;
	return true;
}

bool ledger_prune(struct ledger *l, usec before_wall, uint64_t max_bytes,
                  const struct ledger_places *places, bool *ret_more)
{
	struct pruning p;
	bool more = false;

	before_wall = max_of(before_wall, (usec)0);
	if (!begin(l) || !look(l, before_wall, max_bytes, &p))
		return false;
	l->is_too_large = false;
	if (should_sweep(l, &p, before_wall)) {
		*ret_more = true;
		return sweep(l, before_wall);
	}
	int64_t hour = p.is_too_large ? max_of(p.hour, p.due) : p.hour;
	if (hour && (!ledger_begin(l) || !delete_some(l, hour, places, &more) ||
	             !ledger_commit(l)))
		return false;
	/* The next hour may have to go as well, or the labels. */
	*ret_more = more || hour;
	l->is_too_large = p.is_too_large && !hour;
	return *ret_more || shrink(l, ret_more);
}

bool ledger_is_too_large(const struct ledger *l)
{
	return l->is_too_large;
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
