/* ledger_keys.c - the virtual keys: a name, and a MAC to know the secret by. */
#include "store/ledger_private.h"

bool ledger_key_put(struct ledger *l, const struct key_row *key)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_KEY_PUT);

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, (int64_t)key->id);
	ledger_bind_str(st, 2, key->name);
	sqlite3_bind_blob(st, 3, key->mac, sizeof(key->mac), SQLITE_STATIC);
	sqlite3_bind_int64(st, 4, key->created_wall);
	sqlite3_bind_int64(st, 5, key->revoked_wall);
	return ledger_run(st);
}

static bool has_key(struct ledger *l, uint64_t id)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_KEY_FIND);
	bool found;

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, (int64_t)id);
	found = sqlite3_step(st) == SQLITE_ROW;
	sqlite3_reset(st);
	return found;
}

bool ledger_key_revoke(struct ledger *l, uint64_t id, usec wall, bool *ret_found)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_KEY_REVOKE);

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, (int64_t)id);
	sqlite3_bind_int64(st, 2, wall);
	if (!ledger_run(st))
		return false;
	/* One that is revoked already is found, and keeps its day. */
	*ret_found = sqlite3_changes(l->db) > 0 || has_key(l, id);
	return true;
}

bool ledger_keys(struct ledger *l, ledger_key_fn *each, void *arg)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_KEYS);

	if (!st)
		return false;
	while (sqlite3_step(st) == SQLITE_ROW) {
		const void *mac = sqlite3_column_blob(st, 2);
		struct key_row key = {
			.id = (uint64_t)sqlite3_column_int64(st, 0),
			.name = ledger_str(st, 1),
			.created_wall = sqlite3_column_int64(st, 3),
			.revoked_wall = sqlite3_column_int64(st, 4),
		};

		/* A MAC of another length fits no key. */
		if (!mac || sqlite3_column_bytes(st, 2) != (int)sizeof(key.mac))
			continue;
		memcpy(key.mac, mac, sizeof(key.mac));
		if (!each(arg, &key))
			break;
	}
	return sqlite3_reset(st) == SQLITE_OK;
}
