/* ledger_token.c - the tokens of the admin API, and its answers that may be asked for
 * again. */
#include "store/ledger_private.h"

bool ledger_token_put(struct ledger *l, const struct admin_token_row *token)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_TOKEN_PUT);

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, (int64_t)token->id);
	ledger_bind_str(st, 2, token->name);
	sqlite3_bind_int64(st, 3, token->scopes);
	sqlite3_bind_blob(st, 4, token->salt, sizeof(token->salt), SQLITE_STATIC);
	sqlite3_bind_blob(st, 5, token->hash, sizeof(token->hash), SQLITE_STATIC);
	sqlite3_bind_int64(st, 6, token->created_wall);
	sqlite3_bind_int64(st, 7, token->expires_wall);
	sqlite3_bind_int64(st, 8, token->revoked_wall);
	return ledger_run(st);
}

bool ledger_token_revoke(struct ledger *l, uint64_t id, usec wall, bool *ret_changed)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_TOKEN_REVOKE);

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, (int64_t)id);
	sqlite3_bind_int64(st, 2, wall);
	if (!ledger_run(st))
		return false;
	*ret_changed = sqlite3_changes(l->db) > 0;
	return true;
}

static bool read_blob(sqlite3_stmt *st, int column, void *to, size_t size)
{
	const void *blob = sqlite3_column_blob(st, column);

	if (!blob || sqlite3_column_bytes(st, column) != (int)size)
		return false;
	memcpy(to, blob, size);
	return true;
}

bool ledger_tokens(struct ledger *l, uint64_t id, ledger_token_fn *each, void *arg)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_TOKENS);

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, (int64_t)id);
	while (sqlite3_step(st) == SQLITE_ROW) {
		struct admin_token_row token = {
			.id = (uint64_t)sqlite3_column_int64(st, 0),
			.name = ledger_str(st, 1),
			.scopes = (unsigned)sqlite3_column_int64(st, 2),
			.created_wall = sqlite3_column_int64(st, 5),
			.expires_wall = sqlite3_column_int64(st, 6),
			.revoked_wall = sqlite3_column_int64(st, 7),
		};

		/* One of another length fits no text. */
		if (!read_blob(st, 3, token.salt, sizeof(token.salt)) ||
		    !read_blob(st, 4, token.hash, sizeof(token.hash)))
			continue;
		if (!each(arg, &token))
			break;
	}
	return sqlite3_reset(st) == SQLITE_OK;
}

/* ---- answers ---- */

bool ledger_replay_find(struct ledger *l, const uint8_t id[AUDIT_HASH], usec since,
                        struct admin_replay *ret)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_REPLAY_FIND);

	if (!st)
		return false;
	sqlite3_bind_blob(st, 1, id, AUDIT_HASH, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, since);
	/* Not reset: the answer is on loan until the next call, which does it. */
	sqlite3_reset(st);
	if (sqlite3_step(st) != SQLITE_ROW ||
	    !read_blob(st, 0, ret->request, sizeof(ret->request))) {
		sqlite3_reset(st);
		return false;
	}
	memcpy(ret->id, id, AUDIT_HASH);
	ret->status = sqlite3_column_int(st, 1);
	ret->answer =
	        str_of(sqlite3_column_blob(st, 2), (size_t)sqlite3_column_bytes(st, 2));
	return true;
}

bool ledger_replay_put(struct ledger *l, const struct admin_replay *replay)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_REPLAY_PUT);

	if (!st)
		return false;
	sqlite3_bind_blob(st, 1, replay->id, AUDIT_HASH, SQLITE_STATIC);
	sqlite3_bind_blob(st, 2, replay->request, AUDIT_HASH, SQLITE_STATIC);
	sqlite3_bind_int64(st, 3, replay->status);
	sqlite3_bind_blob(st, 4, replay->answer.len ? replay->answer.ptr : "",
	                  (int)replay->answer.len, SQLITE_STATIC);
	sqlite3_bind_int64(st, 5, replay->made_wall);
	return ledger_run(st);
}

bool ledger_replay_prune(struct ledger *l, usec before_wall)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_REPLAY_PRUNE);

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, before_wall);
	return ledger_run(st);
}
