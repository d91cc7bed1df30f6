/* audit.c - see audit.h; how entries hang together is store/ledger_audit.c's. */
#include "admin/audit.h"

#include "base/assert.h"
#include "base/mem.h"
#include "codec/text.h"
#include "config/key.h"
#include "loop/sys.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

void audit_key(const uint8_t pepper[], uint8_t ret[AUDIT_KEY])
{
	_Static_assert((int)AUDIT_KEY == (int)KEY_MAC, "one HMAC is a key");
	key_mac(pepper, STR("sluice audit log, version 1"), ret);
}

void audit_digest(str text, uint8_t ret[AUDIT_HASH])
{
	unsigned size = AUDIT_HASH;

	assert(EVP_Digest(text.ptr ? text.ptr : "", text.len, ret, &size, EVP_sha256(),
	                  NULL) &&
	       size == AUDIT_HASH);
}

bool audit_call(struct admin_call *c, struct ledger *l)
{
	struct audit_row row = {
		.wall = c->wall,
		.who = str_from_z(c->who.name),
		.source = str_from_z(c->who.from),
		.action = c->route->name,
		.target = c->target.len ? c->target : c->params[0],
		.before = buf_str(&c->before),
		.after = buf_str(&c->after),
	};
	uint8_t key[AUDIT_KEY];
	bool is_added;

	audit_key(c->house->pepper, key);
	is_added = ledger_audit_add(l, key, &row);
	mem_wipe(key, sizeof(key));
	return is_added;
}

struct note {
	struct audit_row row;
	const uint8_t *pepper;
};

static bool add_note(void *arg, struct ledger *l, struct buf *why)
{
	struct note *n = arg;
	uint8_t key[AUDIT_KEY];
	bool is_added;

	(void)why;
	audit_key(n->pepper, key);
	is_added = ledger_audit_add(l, key, &n->row);
	mem_wipe(key, sizeof(key));
	return is_added;
}

bool audit_note(struct recorder *r, const uint8_t pepper[], const char *who,
                const char *from, const char *action, str after, struct buf *why)
{
	struct note n = { .row = { .wall = sys_wall(),
		                   .who = str_from_z(who),
		                   .source = str_from_z(from),
		                   .action = str_from_z(action),
		                   .after = after },
		          .pepper = pepper };

	return recorder_write(r, add_note, &n, why);
}

/* ---- is it whole? ---- */

struct verify {
	const uint8_t *key;
	const struct audit_head *expect;
	struct audit_verdict *verdict;
	bool saw_expected;
};

static bool same(const uint8_t *a, const uint8_t *b)
{
	return CRYPTO_memcmp(a, b, AUDIT_HASH) == 0;
}

static bool is_bad(struct verify *v, uint64_t seq, const char *problem)
{
	if (v->verdict->problem)
		return true;
	v->verdict->first_bad = seq;
	v->verdict->problem = problem;
	return true;
}

static bool verify_entry(void *arg, const struct audit_row *row)
{
	struct verify *v = arg;
	struct audit_verdict *verdict = v->verdict;
	struct audit_row made = *row;

	audit_seal(v->key, verdict->head.hash, &made);
	if (row->seq != verdict->head.seq + 1)
		is_bad(v, verdict->head.seq + 1, "an entry is missing here");
	else if (!same(made.hash, row->hash))
		is_bad(v, row->seq,
		       "this entry, or the one before it, is not as it was written");
	else if (!same(made.mac, row->mac))
		is_bad(v, row->seq, "this entry was not written by this gateway");
	verdict->entries++;
	verdict->head.seq = row->seq;
	memcpy(verdict->head.hash, row->hash, AUDIT_HASH);
	if (v->expect && v->expect->seq == row->seq)
		v->saw_expected = same(v->expect->hash, row->hash);
	return !verdict->problem;
}

static void verify_head(struct verify *v, const struct audit_head *head)
{
	struct audit_verdict *verdict = v->verdict;
	struct audit_head made = *head;

	audit_seal_head(v->key, &made);
	if (head->seq == 0 && verdict->entries > 0)
		is_bad(v, 0, "the record of its end is missing");
	else if (head->seq == 0)
		is_bad(v, 0, "there is no audit log; a gateway begins it when it starts");
	else if (!same(made.mac, head->mac))
		is_bad(v, 0, "the record of its end was not written by this gateway");
	else if (head->seq > verdict->head.seq)
		is_bad(v, verdict->head.seq + 1, "the last entries are missing");
	else if (head->seq < verdict->head.seq || !same(head->hash, verdict->head.hash))
		is_bad(v, head->seq, "its end is not the one that was written last");
	else if (v->expect && !v->saw_expected)
		is_bad(v, v->expect->seq, "the noted head is not in it");
}

bool audit_verify(struct ledger *l, const uint8_t key[AUDIT_KEY],
                  const struct audit_head *expect, struct audit_verdict *ret)
{
	struct verify v = { .key = key, .expect = expect, .verdict = ret };
	struct audit_head head;
	bool is_read;

	*ret = (struct audit_verdict){ 0 };
	/* Entries and head of one moment: others add to them meanwhile. */
	if (!ledger_begin_read(l))
		return false;
	is_read = ledger_audit(l, false, 0, INT32_MAX, verify_entry, &v) &&
	          ledger_audit_head(l, &head);
	if (!ledger_end_read(l) || !is_read)
		return false;
	if (!ret->problem)
		verify_head(&v, &head);
	ret->is_whole = !ret->problem;
	return true;
}

void audit_verdict_write(const struct audit_verdict *v, struct json_writer *to)
{
	struct buf head = BUF_LIMIT(256);

	json_open(to, '{');
	json_key_bool(to, STR("ok"), v->is_whole);
	json_key_uint(to, STR("entries"), v->entries);
	if (v->head.seq) {
		buf_add_u64(&head, v->head.seq);
		buf_add_char(&head, ':');
		hex_encode(&head, str_of((const char *)v->head.hash, AUDIT_HASH));
		json_key_str(to, STR("head"), buf_str(&head));
	}
	if (v->problem) {
		json_key_uint(to, STR("first_bad"), v->first_bad);
		json_key_str(to, STR("problem"), str_from_z(v->problem));
	}
	json_close(to, '}');
	buf_free(&head);
}

void audit_line(const struct audit_row *row, struct buf *to)
{
	struct buf text = BUF_LIMIT(4 * MiB);

	audit_text(row, &text);
	buf_add(to, str_first(buf_str(&text), text.len - 1));
	buf_add(to, STR(",\"hash\":\""));
	hex_encode(to, str_of((const char *)row->hash, AUDIT_HASH));
	buf_add(to, STR("\",\"mac\":\""));
	hex_encode(to, str_of((const char *)row->mac, AUDIT_HASH));
	buf_add(to, STR("\"}"));
	buf_free(&text);
}
