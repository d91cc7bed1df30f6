/* ledger_trial.c - trials: their rows, what they have spent, and which were stopped. */
#include "store/ledger_private.h"

/* The id with so many others between it and `after`; INT64_MAX: there are less. */
static bool id_behind(struct ledger *l, uint64_t after, unsigned count, int64_t *ret)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_ID_BEHIND);

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, (int64_t)after);
	sqlite3_bind_int64(st, 2, count);
	*ret = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : INT64_MAX;
	return sqlite3_reset(st) == SQLITE_OK;
}

bool ledger_trial_rows(struct ledger *l, str name, uint64_t *after, unsigned most,
                       ledger_row_fn *each, void *arg, bool *ret_more)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_TRIAL_ROWS);
	int64_t until;

	if (!st || !id_behind(l, *after, most, &until))
		return false;
	ledger_bind_str(st, 1, name);
	sqlite3_bind_int64(st, 2, (int64_t)*after);
	sqlite3_bind_int64(st, 3, until);
	*after = (uint64_t)until;
	*ret_more = until != INT64_MAX;
	return ledger_read_rows(l, st, each, arg);
}

bool ledger_trial_is_known(struct ledger *l, str name)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_TRIAL_KNOWN);
	bool is_known;

	if (!st)
		return false;
	ledger_bind_str(st, 1, name);
	is_known = sqlite3_step(st) == SQLITE_ROW;
	sqlite3_reset(st);
	return is_known;
}

bool ledger_trial_spent(struct ledger *l, str name, nanousd *ret, uint64_t *ret_exchanges)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_TRIAL_SPENT);
	bool ok;

	if (!st)
		return false;
	ledger_bind_str(st, 1, name);
	sqlite3_bind_int64(st, 2, ROW_CANDIDATE);
	ok = sqlite3_step(st) == SQLITE_ROW;
	if (ok) {
		*ret = sqlite3_column_int64(st, 0);
		*ret_exchanges = (uint64_t)sqlite3_column_int64(st, 1);
	}
	return sqlite3_reset(st) == SQLITE_OK && ok;
}

bool ledger_trial_stop(struct ledger *l, str name, usec wall)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_TRIAL_STOP);

	if (!st)
		return false;
	ledger_bind_str(st, 1, name);
	sqlite3_bind_int64(st, 2, wall);
	return ledger_run(st);
}

bool ledger_trials(struct ledger *l, ledger_trial_fn *each, void *arg)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_TRIALS);

	if (!st)
		return false;
	while (sqlite3_step(st) == SQLITE_ROW)
		if (!each(arg, ledger_str(st, 0), sqlite3_column_int64(st, 1)))
			break;
	return sqlite3_reset(st) == SQLITE_OK;
}
