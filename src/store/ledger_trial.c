/* ledger_trial.c - trials: their rows, what they have spent, and which were stopped. */
#include "store/ledger_private.h"

bool ledger_trial_rows(struct ledger *l, str name, uint64_t after, ledger_row_fn *each,
                       void *arg)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_TRIAL_ROWS);

	if (!st)
		return false;
	ledger_bind_str(st, 1, name);
	sqlite3_bind_int64(st, 2, (int64_t)after);
	return ledger_read_rows(l, st, false, each, arg);
}

bool ledger_trial_spent(struct ledger *l, str name, nanousd *ret)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_TRIAL_SPENT);
	bool ok;

	if (!st)
		return false;
	ledger_bind_str(st, 1, name);
	sqlite3_bind_int64(st, 2, ROW_CANDIDATE);
	ok = sqlite3_step(st) == SQLITE_ROW;
	if (ok)
		*ret = sqlite3_column_int64(st, 0);
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
