/* ledger_odd.c - what providers sent that is not of their format, as last counted. */
#include "store/ledger_private.h"

bool ledger_odd_drop(struct ledger *l, str provider)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_ODD_DROP);

	if (!st)
		return false;
	ledger_bind_str(st, 1, provider);
	return ledger_run(st);
}

bool ledger_odd_put(struct ledger *l, const struct odd_row *row)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_ODD_PUT);

	if (!st)
		return false;
	ledger_bind_str(st, 1, row->provider);
	ledger_bind_str(st, 2, row->name);
	sqlite3_bind_int64(st, 3, (int64_t)row->count);
	sqlite3_bind_int64(st, 4, row->first_wall);
	sqlite3_bind_int64(st, 5, row->last_wall);
	return ledger_run(st);
}

bool ledger_odd(struct ledger *l, ledger_odd_fn *each, void *arg)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_ODD);

	if (!st)
		return false;
	while (sqlite3_step(st) == SQLITE_ROW) {
		const struct odd_row row = {
			.provider = ledger_str(st, 0),
			.name = ledger_str(st, 1),
			.count = (uint64_t)sqlite3_column_int64(st, 2),
			.first_wall = sqlite3_column_int64(st, 3),
			.last_wall = sqlite3_column_int64(st, 4),
		};

		if (!each(arg, &row))
			break;
	}
	return sqlite3_reset(st) == SQLITE_OK;
}
