/* ledger_audit.c - the audit log: entries that hang together.
 *
 *	hash(n) = SHA-256(hash(n - 1) | the entry as a line of JSON)
 *	mac(n)  = HMAC-SHA-256(key, "entry" | n | hash(n))
 *	head    = n, hash(n), HMAC-SHA-256(key, "head" | n | hash(n))
 *
 * Whoever has an export can check the hashes; only who has the key can make MACs.  An
 * entry that is changed, lost or moved breaks the chain, one that is added lacks its MAC,
 * and when the last ones are gone the head says so. */
#include "store/ledger_private.h"

#include "base/assert.h"
#include "codec/json.h"
#include "codec/json_write.h"
#include "codec/text.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

static const struct json_limits limits = { 16, 4096, 256, 64 };

/* JSON as it stands, other text as text. */
static void add_value(struct json_writer *w, str key, str value)
{
	if (value.len == 0)
		return;
	json_key(w, key);
	if (json_check(value, &limits, NULL))
		json_str(w, value);
	else
		json_raw(w, value);
}

void audit_text(const struct audit_row *row, struct buf *to)
{
	struct json_writer w = { .to = to };
	char room[64];
	struct buf at = { room, .cap = sizeof(room), .limit = sizeof(room) };

	rfc3339_write(&at, row->wall);
	json_open(&w, '{');
	json_key_uint(&w, STR("seq"), row->seq);
	json_key_str(&w, STR("at"), buf_str(&at));
	json_key_int(&w, STR("at_us"), row->wall);
	json_key_str(&w, STR("who"), row->who);
	json_key_str(&w, STR("source"), row->source);
	json_key_str(&w, STR("action"), row->action);
	json_key_str(&w, STR("target"), row->target);
	add_value(&w, STR("before"), row->before);
	add_value(&w, STR("after"), row->after);
	json_close(&w, '}');
}

static void hash_of(const uint8_t before[AUDIT_HASH], str text, uint8_t ret[AUDIT_HASH])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned size = AUDIT_HASH;

	assert(ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) &&
	       EVP_DigestUpdate(ctx, before, AUDIT_HASH) &&
	       EVP_DigestUpdate(ctx, text.ptr, text.len) &&
	       EVP_DigestFinal_ex(ctx, ret, &size) && size == AUDIT_HASH);
	EVP_MD_CTX_free(ctx);
}

static void mac_of(const uint8_t key[AUDIT_KEY], const char what[8], uint64_t seq,
                   const uint8_t hash[AUDIT_HASH], uint8_t ret[AUDIT_HASH])
{
	uint8_t text[16 + AUDIT_HASH];
	unsigned size = AUDIT_HASH;

	memcpy(text, what, 8);
	for (int i = 0; i < 8; i++)
		text[8 + i] = (uint8_t)(seq >> (8 * (7 - i)));
	memcpy(text + 16, hash, AUDIT_HASH);
	assert(HMAC(EVP_sha256(), key, AUDIT_KEY, text, sizeof(text), ret, &size) &&
	       size == AUDIT_HASH);
}

void audit_seal(const uint8_t key[AUDIT_KEY], const uint8_t before[AUDIT_HASH],
                struct audit_row *row)
{
	struct buf text = BUF_LIMIT(4 * MiB);

	audit_text(row, &text);
	assert(!text.over);
	hash_of(before, buf_str(&text), row->hash);
	mac_of(key, "entry\0\0", row->seq, row->hash, row->mac);
	buf_free(&text);
}

void audit_seal_head(const uint8_t key[AUDIT_KEY], struct audit_head *head)
{
	mac_of(key, "head\0\0\0", head->seq, head->hash, head->mac);
}

/* The last entry's seq and hash; both 0 in an empty log. */
static bool last_entry(struct ledger *l, struct audit_head *ret)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_AUDIT_LAST);
	const void *hash;

	*ret = (struct audit_head){ 0 };
	if (!st)
		return false;
	if (sqlite3_step(st) == SQLITE_ROW) {
		ret->seq = (uint64_t)sqlite3_column_int64(st, 0);
		hash = sqlite3_column_blob(st, 1);
		if (hash && sqlite3_column_bytes(st, 1) == AUDIT_HASH)
			memcpy(ret->hash, hash, AUDIT_HASH);
	}
	return sqlite3_reset(st) == SQLITE_OK;
}

static bool put_entry(struct ledger *l, const struct audit_row *row)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_AUDIT_PUT);

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, (int64_t)row->seq);
	sqlite3_bind_int64(st, 2, row->wall);
	ledger_bind_str(st, 3, row->who);
	ledger_bind_str(st, 4, row->source);
	ledger_bind_str(st, 5, row->action);
	ledger_bind_str(st, 6, row->target);
	ledger_bind_str(st, 7, row->before);
	ledger_bind_str(st, 8, row->after);
	sqlite3_bind_blob(st, 9, row->hash, AUDIT_HASH, SQLITE_STATIC);
	sqlite3_bind_blob(st, 10, row->mac, AUDIT_HASH, SQLITE_STATIC);
	return ledger_run(st);
}

static bool put_head(struct ledger *l, const struct audit_head *head)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_AUDIT_HEAD_PUT);

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, (int64_t)head->seq);
	sqlite3_bind_blob(st, 2, head->hash, AUDIT_HASH, SQLITE_STATIC);
	sqlite3_bind_blob(st, 3, head->mac, AUDIT_HASH, SQLITE_STATIC);
	return ledger_run(st);
}

static bool same(const uint8_t *a, const uint8_t *b)
{
	return CRYPTO_memcmp(a, b, AUDIT_HASH) == 0;
}

/* What a new entry follows: the head, as long as it is ours and fits.  Where it is ahead
 * of `last`, entries between them are gone, and that stays visible.  Where it is missing
 * or another's, or another entry stands where it was, nobody knows what came behind
 * `last`: a number is left out, so that the log is never whole again. */
static struct audit_head find_end(const uint8_t key[AUDIT_KEY],
                                  const struct audit_head *last,
                                  const struct audit_head *head)
{
	struct audit_head made = *head, end = *last;

	if (head->seq == 0 && last->seq == 0)
		return *head;
	audit_seal_head(key, &made);
	if (same(made.mac, head->mac) &&
	    (head->seq > last->seq ||
	     (head->seq == last->seq && same(head->hash, last->hash))))
		return *head;
	end.seq++;
	return end;
}

bool ledger_audit_add(struct ledger *l, const uint8_t key[AUDIT_KEY],
                      struct audit_row *row)
{
	struct audit_head last, head, end;

	if (!last_entry(l, &last) || !ledger_audit_head(l, &head))
		return false;
	end = find_end(key, &last, &head);
	row->seq = end.seq + 1;
	audit_seal(key, end.hash, row);
	head.seq = row->seq;
	memcpy(head.hash, row->hash, AUDIT_HASH);
	audit_seal_head(key, &head);
	return put_entry(l, row) && put_head(l, &head);
}

static void read_blob(sqlite3_stmt *st, int column, uint8_t to[AUDIT_HASH])
{
	const void *blob = sqlite3_column_blob(st, column);

	memset(to, 0, AUDIT_HASH);
	if (blob && sqlite3_column_bytes(st, column) == AUDIT_HASH)
		memcpy(to, blob, AUDIT_HASH);
}

bool ledger_audit(struct ledger *l, bool newest, uint64_t after, unsigned most,
                  ledger_audit_fn *each, void *arg)
{
	sqlite3_stmt *st = ledger_get(l, newest ? LEDGER_AUDIT_NEWEST : LEDGER_AUDIT);

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, (int64_t)after);
	sqlite3_bind_int64(st, 2, most);
	while (sqlite3_step(st) == SQLITE_ROW) {
		struct audit_row row = {
			.seq = (uint64_t)sqlite3_column_int64(st, 0),
			.wall = sqlite3_column_int64(st, 1),
			.who = ledger_str(st, 2),
			.source = ledger_str(st, 3),
			.action = ledger_str(st, 4),
			.target = ledger_str(st, 5),
			.before = ledger_str(st, 6),
			.after = ledger_str(st, 7),
		};

		read_blob(st, 8, row.hash);
		read_blob(st, 9, row.mac);
		if (!each(arg, &row))
			break;
	}
	return sqlite3_reset(st) == SQLITE_OK;
}

bool ledger_audit_head(struct ledger *l, struct audit_head *ret)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_AUDIT_HEAD);

	*ret = (struct audit_head){ 0 };
	if (!st)
		return false;
	if (sqlite3_step(st) == SQLITE_ROW) {
		ret->seq = (uint64_t)sqlite3_column_int64(st, 0);
		read_blob(st, 1, ret->hash);
		read_blob(st, 2, ret->mac);
	}
	return sqlite3_reset(st) == SQLITE_OK;
}
