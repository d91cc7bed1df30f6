/* ledger_sql.c - every statement.  The tables they use are in ledger_schema.c.
 *
 * What several statements have to agree on (a list of columns, which rows are deleted at
 * once, what an attempt is charged) has a name above them; the files that bind parameters
 * and read columns keep the same order. */
#include "store/ledger_private.h"
#include "store/sums.h"

/* clang-format off */

/* By enum price_class. */
#define PRICE_FIGURES \
	"input_pico, cache_read_pico, cache_write_pico, cache_write_1h_pico," \
	" audio_input_pico, output_pico, reasoning_pico, audio_output_pico, image_pico," \
	" request_pico, search_pico"

/* As the view has it: what is not known as reserved, with what was said of it later. */
#define CORRECTED "(SELECT sum(delta_nano) FROM correction k WHERE k.attempt = a.id)"
#define CHARGED \
	"coalesce(a.cost_nano + coalesce(" CORRECTED ", 0), " CORRECTED ", a.reserved_nano, 0)"

/* What may go before the id with which an hour begins: none that began later, though its
 * id may be below, as the sums of that hour are held against its attempts. */
#define PRUNABLE "id < ?1 AND coalesce(began, id >> 8) < ?1 >> 8 AND state <> 0"
/* The ids that ledger_prune deletes at once. */
#define PRUNED "SELECT id FROM attempt WHERE " PRUNABLE " ORDER BY id LIMIT 5000"

/* The columns that read_row in ledger_attempts.c takes, in its order. */
#define ROW \
	"SELECT a.id, coalesce(a.exchange, a.id), a.number, a.state," \
	" coalesce(a.began, a.id >> 8), a.request_bytes, r.key, r.operation, r.asked, r.route," \
	" r.stream, r.provider, r.model, r.team, r.trial, a.conversation, s.user, s.tags," \
	" a.reserved_nano," \
	" " CORRECTED "," \
	" o.status, o.fault, o.answered_model, o.finish, o.usage_kind, o.client_status," \
	" a.detail, a.connect_us, a.first_byte_us, a.first_token_us, a.total_us," \
	" a.answer_bytes, a.input_tokens, a.output_tokens, a.cache_read_tokens," \
	" a.cache_write_tokens, a.reasoning_tokens, a.audio_input_tokens," \
	" a.audio_output_tokens, a.cache_write_1h_tokens, a.searches, a.images, a.cost_nano," \
	" a.caller IS NOT NULL, a.exchange_total_us," \
	" a.overhead_us, a.attempts, c.client, c.agent, o.flags," \
	" p.version, p.since, p.above, p.source, p.discount, " PRICE_FIGURES \
	" FROM attempt a LEFT JOIN request r ON r.id = a.request" \
	" LEFT JOIN outcome o ON o.id = a.outcome LEFT JOIN caller c ON c.id = a.caller" \
	" LEFT JOIN subject s ON s.id = a.subject LEFT JOIN price p ON p.id = a.price "

/* In the order of the values in ledger_attempts.c: what every row has, what priced ones
 * have besides, what is usual, and the rest. */
#define PLAIN_COLUMNS \
	"id, request, request_bytes, outcome, caller, first_byte_us, total_us, answer_bytes," \
	" input_tokens, output_tokens, exchange_total_us, overhead_us"
#define PRICED_COLUMNS PLAIN_COLUMNS ", cost_nano, price, reserved_nano"
#define USUAL_COLUMNS \
	PRICED_COLUMNS ", first_token_us, cache_read_tokens, reasoning_tokens, subject, began"
#define ALL_COLUMNS USUAL_COLUMNS \
	", exchange, number, state, detail, connect_us, cache_write_tokens," \
	" audio_input_tokens, audio_output_tokens, cache_write_1h_tokens, searches, images," \
	" attempts, conversation"
#define ALL_VALUES \
	"?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22," \
	"?23,?24,?25,?26,?27,?28,?29,?30,?31,?32,?33"
/* Known when it opens.  A row that grew in a full page would cost more than it did. */
#define OPEN_COLUMNS \
	"id, request, request_bytes, reserved_nano, subject, began, exchange, number, state," \
	" conversation"
#define OPEN_VALUES "?1,?2,?3,?15,?19,?20,?21,?22,?23,?33"
#define OPEN_ROOM "'................................', NULL"

/* The columns of a node, in the order of ledger_tenants.c. */
#define TENANT_CAPS(of) \
	of "rpm, " of "tpm, " of "concurrent, " of "budget_hour, " of "budget_day, " \
	of "budget_week, " of "budget_month, " of "budget_total"
#define TENANT_COLUMNS \
	"id, kind, parent, name, created, revoked, expires, serial, " TENANT_CAPS("") ", " \
	TENANT_CAPS("user_") ", soft, phi, on_exhausted, downgrade, routes, models," \
	" providers, regions, tags, metadata"
#define SECRET_COLUMNS "mac, previous, previous_until"
#define TENANT_VALUES \
	"?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22," \
	"?23,?24,?25,?26,?27,?28,?29,?30,?31,?32,?33,?34"
#define TENANT_SELECT "SELECT " TENANT_COLUMNS ", " SECRET_COLUMNS " FROM tenant "

/* The row that closes an exchange, or one whose process died, so that none ever will. */
#define ENDED "(a.caller IS NOT NULL OR a.state = 2)"

const char ledger_new_rows[] =
	"CREATE TABLE new_rows (" ALL_COLUMNS ")";

const char *const ledger_sql[LEDGER_STATEMENTS] = {
	[LEDGER_BEGIN] = "BEGIN IMMEDIATE",
	[LEDGER_COMMIT] = "COMMIT",
	[LEDGER_ROLLBACK] = "ROLLBACK",
	[LEDGER_PUT_OPEN] =
		"INSERT OR IGNORE INTO attempt (" OPEN_COLUMNS ", detail, attempts)"
		" VALUES (" OPEN_VALUES "," OPEN_ROOM ")",
	[LEDGER_PUT_DONE] =
		"INSERT OR IGNORE INTO attempt (" ALL_COLUMNS ") VALUES (" ALL_VALUES ")",
	/* A new row that is not new ends the transaction: no room is kept for a way back. */
	[LEDGER_PUT_QUEUE + QUEUE_OPEN] =
		"INSERT OR ROLLBACK INTO attempt (" OPEN_COLUMNS ", detail, attempts)"
		" SELECT " OPEN_COLUMNS "," OPEN_ROOM " FROM new_rows",
	[LEDGER_PUT_QUEUE + QUEUE_PLAIN] =
		"INSERT OR ROLLBACK INTO attempt (" PLAIN_COLUMNS ")"
		" SELECT " PLAIN_COLUMNS " FROM new_rows",
	[LEDGER_PUT_QUEUE + QUEUE_PRICED] =
		"INSERT OR ROLLBACK INTO attempt (" PRICED_COLUMNS ")"
		" SELECT " PRICED_COLUMNS " FROM new_rows",
	[LEDGER_PUT_QUEUE + QUEUE_USUAL] =
		"INSERT OR ROLLBACK INTO attempt (" USUAL_COLUMNS ")"
		" SELECT " USUAL_COLUMNS " FROM new_rows",
	[LEDGER_PUT_QUEUE + QUEUE_ANY] =
		"INSERT OR ROLLBACK INTO attempt (" ALL_COLUMNS ")"
		" SELECT " ALL_COLUMNS " FROM new_rows",
	/* What is known of it since it opened stays as it is. */
	[LEDGER_SETTLE] =
		"UPDATE attempt SET outcome = ?4, caller = ?5, first_byte_us = ?6, total_us = ?7,"
		" answer_bytes = ?8, input_tokens = ?9, output_tokens = ?10,"
		" exchange_total_us = ?11, overhead_us = ?12, cost_nano = ?13, price = ?14,"
		" reserved_nano = ?15, first_token_us = ?16, cache_read_tokens = ?17,"
		" reasoning_tokens = ?18, state = ?23, detail = ?24, connect_us = ?25,"
		" cache_write_tokens = ?26, audio_input_tokens = ?27, audio_output_tokens = ?28,"
		" cache_write_1h_tokens = ?29, searches = ?30, images = ?31, attempts = ?32,"
		" conversation = coalesce(conversation, ?33)"
		" WHERE id = ?1 AND state = 0",
	[LEDGER_OPEN_ROWS] = ROW "WHERE a.state = 0",
	[LEDGER_CLOSE_OPEN_ROWS] = "UPDATE attempt SET state = 2, detail = NULL WHERE state = 0",
	[LEDGER_LAST_ID] = "SELECT coalesce(max(id), 0) FROM attempt",
	[LEDGER_OPEN_IDS] = "SELECT id FROM attempt WHERE state = 0 ORDER BY id LIMIT ?1",
	[LEDGER_ATTEMPT] = ROW "WHERE a.id = ?1",
	[LEDGER_EXCHANGE] =
		ROW "WHERE a.id IN (SELECT ?1 UNION SELECT id FROM attempt WHERE exchange = ?1)"
		" ORDER BY a.id",
	[LEDGER_EXCHANGES] =
		ROW "WHERE a.id > ?1 AND a.id < ?2 AND " ENDED
		" ORDER BY a.id LIMIT ?3",
	[LEDGER_EXCHANGES_NEWEST] =
		ROW "WHERE a.id > ?1 AND a.id < ?2 AND " ENDED
		" ORDER BY a.id DESC LIMIT ?3",
	[LEDGER_FIND_REQUEST] =
		"SELECT key, operation, asked, route, stream, provider, model, team, trial"
		" FROM request WHERE id = ?1",
	[LEDGER_FIND_OUTCOME] =
		"SELECT status, fault, answered_model, finish, usage_kind, client_status, flags"
		" FROM outcome WHERE id = ?1",
	[LEDGER_FIND_CALLER] = "SELECT client, agent FROM caller WHERE id = ?1",
	[LEDGER_FIND_SUBJECT] = "SELECT user, tags FROM subject WHERE id = ?1",
	[LEDGER_FIND_PRICE] = "SELECT version, since, above, source, discount, "
			      PRICE_FIGURES " FROM price WHERE id = ?1",
	[LEDGER_FIND_GROUP] = "SELECT key, team, user, provider, model, route, operation, tags,"
			      " client, trial FROM usage_group WHERE id = ?1",
	[LEDGER_ADD_REQUEST] = "INSERT INTO request VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)",
	[LEDGER_ADD_OUTCOME] = "INSERT INTO outcome VALUES (?1,?2,?3,?4,?5,?6,?7,?8)",
	[LEDGER_ADD_CALLER] = "INSERT INTO caller VALUES (?1,?2,?3)",
	[LEDGER_ADD_SUBJECT] = "INSERT INTO subject VALUES (?1,?2,?3)",
	[LEDGER_ADD_PRICE] = "INSERT INTO price VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,"
			     "?12,?13,?14,?15,?16,?17)",
	[LEDGER_ADD_GROUP] = "INSERT INTO usage_group VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)",
	[LEDGER_PIN_PUT] = "INSERT OR REPLACE INTO pin (id, kind, key, provider, account, made, phi)"
			   " VALUES (?1,?2,?3,?4,?5,?6,?7)",
	[LEDGER_PIN_DROP] = "DELETE FROM pin WHERE id = ?1",
	[LEDGER_PINS] = "SELECT id, kind, key, provider, account, made, phi FROM pin"
			" WHERE made >= ?1 ORDER BY made DESC LIMIT ?2",
	[LEDGER_PINS_PRUNE] =
		"DELETE FROM pin WHERE id IN (SELECT id FROM pin WHERE made < max(?1,"
		" coalesce((SELECT made FROM pin ORDER BY made DESC LIMIT 1 OFFSET ?2), 0))"
		" ORDER BY made LIMIT ?3)",
	[LEDGER_ODD_DROP] = "DELETE FROM odd WHERE provider = ?1",
	[LEDGER_ODD_PUT] = "INSERT OR REPLACE INTO odd VALUES (?1,?2,?3,?4,?5)",
	[LEDGER_TRIAL_ROWS] =
		ROW "WHERE a.id > ?2 AND a.id <= ?3"
		" AND a.request IN (SELECT id FROM request WHERE trial = ?1) ORDER BY a.id",
	[LEDGER_TRIAL_KNOWN] = "SELECT 1 FROM request WHERE trial = ?1"
			       " UNION ALL SELECT 1 FROM trial_gone WHERE name = ?1"
			       " UNION ALL SELECT 1 FROM usage_group WHERE trial = ?1 LIMIT 1",
	[LEDGER_ID_BEHIND] = "SELECT id FROM attempt WHERE id > ?1 ORDER BY id LIMIT 1 OFFSET ?2",
	[LEDGER_TRIAL_SPENT] =
		/* The candidate is asked first, or not at all. */
		"SELECT coalesce(sum(charged), 0), coalesce(sum(exchanges), 0) FROM ("
		"SELECT sum(" CHARGED ") AS charged, sum(a.number = 1) AS exchanges"
		" FROM attempt a LEFT JOIN outcome o ON o.id = a.outcome"
		" WHERE coalesce(o.flags & ?2, 1) <> 0 AND a.state <> 0"
		" AND a.request IN (SELECT id FROM request WHERE trial = ?1)"
		" UNION ALL SELECT charged_nano, exchanges FROM trial_gone WHERE name = ?1)",
	[LEDGER_TRIAL_PRUNE] =
		"INSERT INTO trial_gone SELECT r.trial, sum(" CHARGED "), sum(a.number = 1)"
		" FROM attempt a JOIN request r ON r.id = a.request"
		" LEFT JOIN outcome o ON o.id = a.outcome"
		" WHERE a.id IN (" PRUNED ") AND r.trial <> ''"
		" AND coalesce(o.flags & ?2, 1) <> 0"
		" GROUP BY r.trial ON CONFLICT (name) DO UPDATE SET"
		" charged_nano = charged_nano + excluded.charged_nano,"
		" exchanges = exchanges + excluded.exchanges",
	[LEDGER_TRIAL_STOP] = "INSERT OR IGNORE INTO trial VALUES (?1,?2)",
	[LEDGER_TRIALS] = "SELECT name, stopped FROM trial ORDER BY name",
	[LEDGER_ODD] = "SELECT provider, name, count, first, last FROM odd"
		       " ORDER BY provider, name <> '', last DESC, name",
	[LEDGER_TENANT_ADD] =
		"INSERT INTO tenant (" TENANT_COLUMNS ", " SECRET_COLUMNS ")"
		" VALUES (" TENANT_VALUES ", ?35, ?36, ?37) ON CONFLICT (id) DO NOTHING",
	/* Without a MAC the secret stays what it is. */
	[LEDGER_TENANT_CHANGE] =
		"UPDATE tenant SET (" TENANT_COLUMNS ", " SECRET_COLUMNS ") = (" TENANT_VALUES ","
		" coalesce(?35, mac), iif(?35 IS NULL, previous, ?36),"
		" iif(?35 IS NULL, previous_until, ?37)) WHERE id = ?1 AND serial = ?8 - 1",
	[LEDGER_TENANTS] = TENANT_SELECT "ORDER BY kind, created, id",
	[LEDGER_TENANTS_OF] =
		TENANT_SELECT
		"WHERE kind = ?1 AND (created, id) > (?2, ?3) ORDER BY created, id LIMIT ?4",
	[LEDGER_TENANT] = TENANT_SELECT "WHERE id = ?1",
	[LEDGER_TENANTS_NAMED] =
		TENANT_SELECT "WHERE kind = ?1 AND name = ?2"
		" ORDER BY revoked <> 0, created, id",
/* Saturates: beyond int64 a sum would be a REAL, which the table refuses for ever. */
#define SUM(id, name) ", " #name " = max(-4611686018427387904, min(" #name " + ?, 4611686018427387904))"
	[LEDGER_ROLLUP_ADD] = "UPDATE rollup SET attempts = attempts + ?" SUMS_MORE(SUM)
			      " WHERE family = ? AND span = ? AND period = ? AND grp = ?",
#undef SUM
/* Calls of max and min cost more than all the rest: this one is for what comes every time,
 * and fails where that would become too large. */
#define SUM(id, name) ", " #name " = " #name " + ?"
	[LEDGER_ROLLUP_ADD_USUAL] = "UPDATE rollup SET attempts = attempts + ?" SUMS_USUAL(SUM)
				    " WHERE family = ? AND span = ? AND period = ? AND grp = ?",
#undef SUM
#define SUM(id, name) ",?"
	[LEDGER_ROLLUP_PUT] = "INSERT INTO rollup VALUES (?,?,?,?" SUMS(SUM) ")",
#undef SUM
	[LEDGER_ROLLUP_FILL] = "SELECT count(*) FROM rollup"
			       " WHERE family = ?1 AND span = ?2 AND period = ?3",
#define SUM(id, name) ", " #name
	[LEDGER_ROLLUP_READ] = "SELECT grp" SUMS(SUM) " FROM rollup"
			       " WHERE family = ?1 AND span = ?2 AND period >= ?3 AND period < ?4",
#undef SUM
	[LEDGER_KEPT] = "SELECT hour FROM kept",
	[LEDGER_KEEP_FROM] = "INSERT INTO kept VALUES (1, ?1)"
			     " ON CONFLICT (id) DO UPDATE SET hour = max(hour, ?1)",
	[LEDGER_PLACE_PUT] = "INSERT OR REPLACE INTO journal_place VALUES (?1,?2)",
	[LEDGER_PLACES] = "SELECT worker, place FROM journal_place",
	[LEDGER_CLOCK_PUT] = "INSERT INTO clock VALUES (1, ?1, ?2) ON CONFLICT (id)"
			     " DO UPDATE SET ahead = max(ahead, ?1), behind = max(behind, ?2)",
	[LEDGER_CLOCK] = "SELECT ahead, behind FROM clock",
	[LEDGER_PRUNABLE] = "SELECT max(id >> 8, coalesce(began, id >> 8)) FROM attempt WHERE "
			    PRUNABLE " ORDER BY id LIMIT 1",
	[LEDGER_PRUNE] = "DELETE FROM attempt WHERE id IN (" PRUNED ")",
	[LEDGER_PRUNE_CORRECTIONS] = "DELETE FROM correction WHERE attempt IN (" PRUNED ")",
	/* What is beyond the span is passed over before anything is joined to it. */
	[LEDGER_SPAN] = ROW "WHERE a.id >= ?1 AND a.id < ?2 AND coalesce(a.began, a.id >> 8) >= ?3"
			" AND coalesce(a.began, a.id >> 8) < ?4 ORDER BY a.id",
	[LEDGER_BEGIN_READ] = "BEGIN",
	[LEDGER_CORRECT] = "INSERT INTO correction (attempt, delta_nano, old_price, new_price,"
			   " made, why) VALUES (?1,?2,?3,?4,?5,?6)",
	[LEDGER_CORRECTIONS] =
		"SELECT k.id, k.attempt, k.delta_nano, coalesce(o.version, 0), coalesce(n.version, 0),"
		" k.made, k.why FROM correction k LEFT JOIN price o ON o.id = k.old_price"
		" LEFT JOIN price n ON n.id = k.new_price WHERE k.attempt = ?1 ORDER BY k.id",
	[LEDGER_TOKEN_PUT] = "INSERT INTO admin_token VALUES (?1,?2,?3,?4,?5,?6,?7,?8)",
	[LEDGER_TOKEN_REVOKE] =
		"UPDATE admin_token SET revoked = ?2 WHERE id = ?1 AND revoked = 0",
	[LEDGER_TOKENS] = "SELECT id, name, scopes, salt, hash, created, expires, revoked"
			  " FROM admin_token WHERE ?1 = 0 OR id = ?1 ORDER BY created, id",
	[LEDGER_AUDIT_LAST] = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1",
	[LEDGER_AUDIT_PUT] = "INSERT INTO audit VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)",
	[LEDGER_AUDIT_HEAD] = "SELECT seq, hash, mac FROM audit_head",
	[LEDGER_AUDIT_HEAD_PUT] = "INSERT OR REPLACE INTO audit_head VALUES (1,?1,?2,?3)",
	[LEDGER_AUDIT] =
		"SELECT seq, at, who, source, action, target, before, after, hash, mac"
		" FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2",
	[LEDGER_AUDIT_NEWEST] =
		"SELECT seq, at, who, source, action, target, before, after, hash, mac"
		" FROM audit WHERE ?1 = 0 OR seq < ?1 ORDER BY seq DESC LIMIT ?2",
	[LEDGER_REPLAY_FIND] =
		"SELECT request, status, answer FROM admin_replay WHERE id = ?1 AND made >= ?2",
	[LEDGER_REPLAY_PUT] = "INSERT OR REPLACE INTO admin_replay VALUES (?1,?2,?3,?4,?5)",
	[LEDGER_REPLAY_PRUNE] = "DELETE FROM admin_replay WHERE made < ?1",
	[LEDGER_KEY_USED] =
		"SELECT coalesce(max(period), -1) FROM rollup WHERE family = ?1 AND span = ?2"
		" AND period BETWEEN ?3 AND ?4"
		" AND grp IN (SELECT id FROM usage_group WHERE key = ?5)",
};
