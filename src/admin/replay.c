/* replay.c - see replay.h. */
#include "admin/replay.h"

#include "admin/audit.h"
#include "base/assert.h"
#include "base/mem.h"
#include "codec/seal.h"
#include "config/key.h"

#include <openssl/crypto.h>
#include <stdio.h>

#define KEPT_FOR (24 * USEC_HOUR)

/* A MAC of the digests of parts, so that none runs into the next, and a body of any
 * length counts to its end. */
static void mac_of(const struct admin_call *c, const char *what, const str *parts,
                   size_t count, uint8_t ret[KEY_MAC])
{
	struct buf text = BUF_LIMIT(KiB);
	uint8_t digest[AUDIT_HASH];

	buf_addf(&text, "sluice replay, version 2, %s|", what);
	for (size_t i = 0; i < count; i++) {
		audit_digest(parts[i], digest);
		buf_add(&text, str_of((const char *)digest, sizeof(digest)));
	}
	assert(!text.over);
	key_mac(c->house->pepper, buf_str(&text), ret);
	mem_wipe(text.ptr, text.len);
	mem_wipe(digest, sizeof(digest));
	buf_free(&text);
}

/* Whose key it is: another's is another one. */
static void id_of(const struct admin_call *c, uint8_t ret[KEY_MAC])
{
	const str parts[] = { str_from_z(c->who.name), c->idempotency_key };

	mac_of(c, "id", parts, countof(parts), ret);
}

static void request_of(const struct admin_call *c, uint8_t ret[KEY_MAC])
{
	const str parts[] = { c->route->name, c->params[0], c->params[1],
		              c->query,       c->body,      c->if_match };

	mac_of(c, "request", parts, countof(parts), ret);
}

static void key_of(const struct admin_call *c, struct seal_key *ret)
{
	const str parts[] = { c->secret, c->idempotency_key };
	uint8_t mac[KEY_MAC];

	mac_of(c, "key", parts, countof(parts), mac);
	seal_key_init(ret, mac);
	mem_wipe(mac, sizeof(mac));
}

/* The ETag, a line end, the answer. */
static bool open_answer(struct admin_call *c, const struct admin_replay *r)
{
	struct buf text = BUF_LIMIT(ADMIN_ANSWER_MOST);
	struct seal_key key;
	bool is_open;
	str rest, etag;

	key_of(c, &key);
	is_open = seal_open(&key, str_of((const char *)r->id, sizeof(r->id)), r->answer,
	                    &text);
	rest = buf_str(&text);
	etag = str_cut(&rest, '\n');
	if (is_open) {
		buf_add(c->out, rest);
		snprintf(c->etag, sizeof(c->etag), "%.*s", STR_ARG(etag));
		mem_wipe(text.ptr, text.cap);
	}
	mem_wipe(&key, sizeof(key));
	buf_free(&text);
	return is_open;
}

bool replay_find(struct admin_call *c, int *ret_status)
{
	struct ledger *l = admin_reader(c);
	struct admin_replay r;
	uint8_t id[KEY_MAC], request[KEY_MAC];

	if (!l) {
		*ret_status = 503;
		return true;
	}
	id_of(c, id);
	if (!ledger_replay_find(l, id, c->wall - KEPT_FOR, &r))
		return false;
	request_of(c, request);
	*ret_status = r.status;
	if (CRYPTO_memcmp(request, r.request, sizeof(request)) != 0 ||
	    !open_answer(c, &r))
		*ret_status = admin_problem(c, 422, "idempotency_key_reused", NULL,
		                            "another request came with this "
		                            "Idempotency-Key before");
	else
		c->is_replayed = true;
	ledger_replay_done(l);
	return true;
}

bool replay_keep(struct admin_call *c, struct ledger *l, int status)
{
	struct admin_replay r = { .status = status, .made_wall = c->wall };
	struct buf text = BUF_LIMIT(ADMIN_ANSWER_MOST),
	           sealed = BUF_LIMIT(ADMIN_ANSWER_MOST);
	struct seal_key key;
	bool is_kept;

	id_of(c, r.id);
	request_of(c, r.request);
	key_of(c, &key);
	buf_addf(&text, "%s\n", c->etag);
	buf_add(&text, buf_str(c->out));
	is_kept = seal(&key, str_of((const char *)r.id, sizeof(r.id)), buf_str(&text),
	               &sealed);
	r.answer = buf_str(&sealed);
	is_kept = is_kept && ledger_replay_prune(l, c->wall - KEPT_FOR) &&
	          ledger_replay_put(l, &r);
	mem_wipe(text.ptr, text.cap);
	mem_wipe(&key, sizeof(key));
	buf_free(&text);
	buf_free(&sealed);
	return is_kept;
}
