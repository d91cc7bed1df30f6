/* ledger_sweep.c - labels that no row points to any more go.
 *
 * Retention deletes attempts; who called, for whom and what came of it stand in labels
 * that rows share.  Nothing counts who points to a label, so all rows are looked at, some
 * thousand at a time, and the labels they have are marked; then what is not marked is
 * deleted, some thousand at a time as well.  Rows are written meanwhile: the cache of
 * labels is emptied first, so each label that is used from then on passes through
 * find_or_add (ledger_label.c), which marks it. */
#include "store/ledger_private.h"

enum { AT_ONCE = 5000 };

/* Where each kind is pointed to from; in the order of their deletion. */
static const struct kind {
	enum label_kind kind;
	const char *mark, *behind, *delete;
} kinds[] = {
#define KIND(label, name)                                                                \
	{                                                                                \
		label,                                                                   \
		        "INSERT OR IGNORE INTO temp.used SELECT DISTINCT ?3, " name      \
		        " FROM attempt"                                                  \
		        " WHERE id > ?1 AND id <= ?2 AND " name " IS NOT NULL",          \
		        "SELECT id FROM " name                                           \
		        " WHERE id > ?1 ORDER BY id LIMIT 1 OFFSET ?2",                  \
		        "DELETE FROM " name " WHERE id > ?1 AND id <= ?2"                \
		        " AND id NOT IN (SELECT id FROM temp.used WHERE kind = ?3)"      \
	}
	KIND(LABEL_REQUEST, "request"), KIND(LABEL_OUTCOME, "outcome"),
	KIND(LABEL_CALLER, "caller"),   KIND(LABEL_SUBJECT, "subject"),
	KIND(LABEL_PRICE, "price"),
#undef KIND
};

static const char start_sql[] =
        "CREATE TEMP TABLE IF NOT EXISTS used (kind INTEGER, id INTEGER,"
        " PRIMARY KEY (kind, id)) WITHOUT ROWID; DELETE FROM temp.used";
static const char mark_corrections[] =
        "INSERT OR IGNORE INTO temp.used SELECT ?3, old_price FROM correction"
        " WHERE old_price IS NOT NULL AND ?1 < ?2"
        " UNION SELECT ?3, new_price FROM correction WHERE new_price IS NOT NULL";

/* Runs it with these three; ret_first (may be NULL): the number it gives, else what it
 * was. */
static bool run(struct ledger *l, const char *sql, int64_t a, int64_t b, int64_t c,
                int64_t *ret_first)
{
	const int64_t values[] = { a, b, c };
	sqlite3_stmt *st = NULL;
	bool ok = sqlite3_prepare_v2(l->db, sql, -1, &st, NULL) == SQLITE_OK;

	for (int i = 0; ok && i < min_of(sqlite3_bind_parameter_count(st), 3); i++)
		sqlite3_bind_int64(st, i + 1, values[i]);
	if (ok && sqlite3_step(st) == SQLITE_ROW && ret_first)
		*ret_first = sqlite3_column_int64(st, 0);
	return sqlite3_finalize(st) == SQLITE_OK && ok;
}

static bool mark_some(struct ledger *l)
{
	static const char behind[] =
	        "SELECT id FROM attempt WHERE id > ?1 ORDER BY id LIMIT 1 OFFSET ?2";
	struct sweep *s = &l->sweep;
	int64_t until = INT64_MAX;
	bool ok = run(l, behind, s->after, AT_ONCE, 0, &until);

	for (unsigned i = 0; ok && i < countof(kinds); i++)
		ok = run(l, kinds[i].mark, s->after, until, kinds[i].kind, NULL);
	s->rows += AT_ONCE;
	s->after = until;
	if (until != INT64_MAX || !ok)
		return ok;
	s->stage = SWEEP_DELETE;
	s->after = INT64_MIN;
	s->kind = 0;
	return run(l, mark_corrections, 0, 1, LABEL_PRICE, NULL);
}

static bool delete_some(struct ledger *l)
{
	struct sweep *s = &l->sweep;
	const struct kind *k = &kinds[s->kind];
	int64_t until = INT64_MAX;
	bool ok = run(l, k->behind, s->after, AT_ONCE, 0, &until) &&
	          run(l, k->delete, s->after, until, k->kind, NULL);

	s->after = until;
	if (until == INT64_MAX) {
		s->after = INT64_MIN;
		s->kind++;
	}
	if (s->kind == countof(kinds))
		s->stage = SWEEP_NONE;
	return ok;
}

static bool start(struct ledger *l)
{
	struct sweep *s = &l->sweep;

	label_cache_clear(l->labels);
	s->stage = SWEEP_MARK;
	s->after = INT64_MIN;
	s->rows = s->deleted = 0;
	return sqlite3_exec(l->db, start_sql, NULL, NULL, NULL) == SQLITE_OK;
}

bool sweep_step(struct ledger *l)
{
	bool ok = ledger_begin(l);

	if (ok && l->sweep.stage == SWEEP_NONE)
		ok = start(l);
	else if (ok && l->sweep.stage == SWEEP_MARK)
		ok = mark_some(l);
	else if (ok)
		ok = delete_some(l);
	ok = ok && ledger_commit(l);
	if (!ok)
		sweep_stop(l);
	/* What was deleted may come back under an id that meant another group. */
	else if (l->sweep.stage != SWEEP_MARK)
		rollup_clear(l->rollup);
	return ok;
}

void sweep_stop(struct ledger *l)
{
	if (l->sweep.stage != SWEEP_NONE)
		l->sweep.deleted++; /* it is still to be done */
	l->sweep.stage = SWEEP_NONE;
}

bool sweep_mark(struct ledger *l, enum label_kind kind, int64_t id)
{
	return l->sweep.stage == SWEEP_NONE ||
	       run(l, "INSERT OR IGNORE INTO temp.used VALUES (?1, ?2)", kind, id, 0,
	           NULL);
}
