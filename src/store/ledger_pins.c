/* ledger_pins.c - what which account of a provider keeps, for the next start. */
#include "store/ledger_private.h"

bool ledger_pin_put(struct ledger *l, const struct pin_row *pin)
{
	sqlite3_stmt *st = ledger_get(l, pin->is_gone ? LEDGER_PIN_DROP : LEDGER_PIN_PUT);

	if (!st)
		return false;
	sqlite3_bind_blob(st, 1, pin->id, sizeof(pin->id), SQLITE_STATIC);
	if (!pin->is_gone) {
		sqlite3_bind_int64(st, 2, pin->kind);
		sqlite3_bind_int64(st, 3, (int64_t)pin->key);
		ledger_bind_str(st, 4, pin->provider);
		sqlite3_bind_int64(st, 5, (int64_t)pin->account);
		sqlite3_bind_int64(st, 6, pin->made_wall);
		sqlite3_bind_int64(st, 7, pin->phi);
	}
	return ledger_run(st);
}

bool ledger_pins(struct ledger *l, usec since_wall, unsigned most, ledger_pin_fn *each,
                 void *arg)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_PINS);

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, since_wall);
	sqlite3_bind_int64(st, 2, most);
	while (sqlite3_step(st) == SQLITE_ROW) {
		const void *id = sqlite3_column_blob(st, 0);
		struct pin_row pin = {
			.kind = (enum pin_kind)sqlite3_column_int64(st, 1),
			.key = (uint64_t)sqlite3_column_int64(st, 2),
			.provider = ledger_str(st, 3),
			.account = (uint64_t)sqlite3_column_int64(st, 4),
			.made_wall = sqlite3_column_int64(st, 5),
			.phi = sqlite3_column_int64(st, 6) != 0,
		};

		if (!id || sqlite3_column_bytes(st, 0) != PIN_ID ||
		    (unsigned)pin.kind >= PIN_KINDS)
			continue;
		memcpy(pin.id, id, PIN_ID);
		if (!each(arg, &pin))
			break;
	}
	return sqlite3_reset(st) == SQLITE_OK;
}

bool ledger_pins_prune(struct ledger *l, usec before_wall, unsigned keep, bool *ret_more)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_PINS_PRUNE);

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, before_wall);
	sqlite3_bind_int64(st, 2, keep);
	sqlite3_bind_int64(st, 3, LEDGER_PRUNED_AT_ONCE);
	if (!ledger_run(st))
		return false;
	*ret_more = sqlite3_changes(l->db) == LEDGER_PRUNED_AT_ONCE;
	return true;
}
