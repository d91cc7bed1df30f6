/* ledger_correct.c - what is found out about an attempt's cost after it was settled.
 *
 * Rows are never changed: a correction is a row of its own, and the sums of the hour in
 * which the attempt began change in the same transaction. */
#include "store/ledger_private.h"

#include "store/sums.h"

struct correcting {
	struct ledger *l;
	const struct correction_row *to;
	nanousd cost;
	const struct price *price;
	nanousd charged; /* so much more */
	bool changed, ok;
};

static bool put_label(struct ledger *l, const struct price *price, sqlite3_stmt *st,
                      int at)
{
	struct attempt_row row = { .price = price };
	int64_t id;

	if (!price) {
		sqlite3_bind_null(st, at);
		return true;
	}
	if (!label_get(l, LABEL_PRICE, &row, &id))
		return false;
	sqlite3_bind_int64(st, at, id);
	return true;
}

static bool put(struct correcting *c, const struct attempt_row *row, nanousd delta)
{
	sqlite3_stmt *st = ledger_get(c->l, LEDGER_CORRECT);

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, (int64_t)row->id);
	sqlite3_bind_int64(st, 2, delta);
	if (!put_label(c->l, row->price, st, 3) || !put_label(c->l, c->price, st, 4))
		return false;
	sqlite3_bind_int64(st, 5, c->to->made_wall);
	ledger_bind_str(st, 6, c->to->why);
	return ledger_run(st);
}

static bool correct(void *arg, const struct attempt_row *row)
{
	struct correcting *c = arg;
	nanousd was = row_cost(row);
	nanousd delta = c->cost - (was == COST_UNKNOWN ? 0 : was);
	struct sums change = { 0 };

	if (row->state == ROW_OPEN || was == c->cost)
		return false;
	change.of[SUM_COST] = change.of[SUM_CORRECTED] = delta;
	change.of[SUM_CHARGED] = c->cost - row_charged(row);
	change.of[SUM_UNPRICED] = row->number > 0 && was == COST_UNKNOWN ? -1 : 0;
	c->ok = put(c, row, delta) && rollup_add_sums(c->l, row, &change);
	c->changed = c->ok;
	c->charged = change.of[SUM_CHARGED];
	return false;
}

bool ledger_correct(struct ledger *l, const struct correction_row *correction,
                    nanousd cost, const struct price *price, bool *ret_changed,
                    nanousd *ret_charged)
{
	struct correcting c = {
		.l = l, .to = correction, .cost = cost, .price = price, .ok = true
	};

	if (!ledger_attempt(l, correction->attempt, correct, &c) || !c.ok)
		return false;
	*ret_changed = c.changed;
	if (ret_charged)
		*ret_charged = c.charged;
	return true;
}

bool ledger_corrections(struct ledger *l, uint64_t attempt, ledger_correction_fn *each,
                        void *arg)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_CORRECTIONS);

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, (int64_t)attempt);
	while (sqlite3_step(st) == SQLITE_ROW) {
		struct correction_row row = {
			.attempt = (uint64_t)sqlite3_column_int64(st, 1),
			.delta = sqlite3_column_int64(st, 2),
			.old_version = (uint64_t)sqlite3_column_int64(st, 3),
			.new_version = (uint64_t)sqlite3_column_int64(st, 4),
			.made_wall = sqlite3_column_int64(st, 5),
			.why = ledger_str(st, 6),
		};

		if (!each(arg, &row))
			break;
	}
	return sqlite3_reset(st) == SQLITE_OK;
}
