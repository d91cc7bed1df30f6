#include "gateway/answer.h"

#include "codec/json_write.h"
#include "codec/text.h"
#include "gateway/headers.h"
#include "gateway/models.h"
#include "gateway/known_key.h"

static const str json_type = STR_INIT("application/json");

/* Where the format allows it, the key may stand in the query: Gemini's ?key=. */
static fault_t find_credential(struct worker *w, const struct http_request *req,
                               const struct endpoint *e, str *ret)
{
	struct arena *keep = &w->loop.scratch;
	fault_t why = headers_credential(req, ret);
	unsigned count = 0;
	str raw, key;

	if (e->wire->format != WIRE_GEMINI ||
	    !url_query_get(req->query, STR("key"), &raw, &count))
		return why;
	if (raw.len > 512 || !url_decode(raw, arena_alloc(keep, raw.len), &key))
		key = STR_NONE;
	if (count > 1 || (why && why != FAULT_NO_KEY) || (!why && !str_eq(*ret, key)))
		return FAULT_KEYS_DIFFER;
	*ret = key;
	return NULL;
}

fault_t answer_authorize(struct worker *w, struct http_conn *c,
                         const struct http_request *req, const struct endpoint *e,
                         uint64_t *ret_key)
{
	const struct config *config = w->plan->config;
	struct known_key *known = known_key_of(c);
	uint8_t mac[32];
	str key;
	fault_t why;

	*ret_key = 0;
	if (config->auth == AUTH_MODE_OPEN) {
		if (!config->insecure_open &&
		    (!net_is_loopback(&c->peer) || !headers_are_local(req)))
			return FAULT_OPEN_MODE_HOST;
		return NULL;
	}
	why = find_credential(w, req, e, &key);
	if (why)
		return why;
	if (likely(known_key_is(known, key))) {
		why = keyring_check(w->gateway->keys, known->key, known->mac,
		                    w->loop.wall);
		*ret_key = why ? 0 : known->key;
		return why;
	}
	/* The same work for a key of the wrong form, a wrong and an unknown one. */
	if (!key_parse_id(key, ret_key))
		*ret_key = 0;
	key_hasher_mac(&w->hasher, str_first(key, 256), mac);
	why = keyring_check(w->gateway->keys, *ret_key, mac, w->loop.wall);
	if (why)
		*ret_key = 0;
	else
		known_key_keep(known, *ret_key, key, mac);
	return why;
}

/* Answers without an exchange have an id too, so that a client can name them. */
static void add_request_id(struct worker *w, struct buf *to)
{
	buf_add(to, STR("x-request-id: "));
	buf_add_hex(to, journal_next_id(w->journal, w->loop.wall), 16);
	buf_add(to, STR("\r\n"));
}

void answer_json(struct worker *w, struct http_conn *c, int status, str body)
{
	struct buf lines = BUF_LIMIT(128);

	add_request_id(w, &lines);
	http_answer(c, status, json_type, buf_str(&lines), body);
	buf_free(&lines);
}

void answer_fault(struct worker *w, struct http_conn *c, const struct endpoint *e,
                  fault_t why, str detail, str param, str extra)
{
	const struct wire *wire = e ? e->wire : &wire_openai_chat;
	struct buf body = BUF_LIMIT(64 * KiB), lines = BUF_LIMIT(16 * KiB);
	struct buf text = BUF_LIMIT(16 * KiB);

	buf_add(&text, why->text);
	if (detail.len)
		buf_addf(&text, ": %.*s", STR_ARG(detail));
	wire->write_fault(&body, why, buf_str(&text), param);
	if (extra.len)
		buf_add(&lines, extra);
	else
		add_request_id(w, &lines);
	if (wire->write_fault_lines)
		wire->write_fault_lines(&lines, why);
	if (!why->again)
		buf_add(&lines, STR("x-should-retry: false\r\n"));
	if (why->status == 401)
		buf_add(&lines, STR("www-authenticate: Bearer\r\n"));
	http_answer(c, wire_fault_status(wire, why), json_type, buf_str(&lines),
	            buf_str(&body));
	COUNT(w->counts.refused);
	buf_free(&body);
	buf_free(&lines);
	buf_free(&text);
}

/* Without room for records nobody is served but with `best-effort`. */
static bool is_unavailable(const struct worker *w, enum recorder_trouble trouble)
{
	return trouble && w->plan->config->ledger == LEDGER_STRICT &&
	       !journal_has_room(w->journal);
}

static void answer_alive(struct worker *w, struct http_conn *c)
{
	bool stopping = atomic_load(&w->gateway->stopping);
	struct recorder *recorder = w->gateway->recorder; /* NULL: simulated */
	enum recorder_trouble trouble =
	        recorder ? recorder_trouble(recorder) : RECORDER_WELL;
	bool unavailable = stopping || is_unavailable(w, trouble);
	struct buf body = BUF_LIMIT(KiB);
	struct json_writer to = { .to = &body };

	json_open(&to, '{');
	json_key_str(&to, STR("status"),
	             stopping      ? STR("stopping")
	             : unavailable ? STR("ledger_unavailable")
	             : trouble     ? STR("degraded")
	                           : STR("ok"));
	if (trouble)
		json_key_str(&to, STR("ledger"), recorder_trouble_text(trouble));
	json_close(&to, '}');
	buf_add_char(&body, '\n');
	answer_json(w, c, unavailable ? 503 : 200, buf_str(&body));
	buf_free(&body);
}

void answer_own(struct worker *w, struct http_conn *c, const struct endpoint *e,
                const struct http_request *req, uint64_t key, str rest)
{
	switch (e->kind) {
	case ENDPOINT_MODELS:
		models_answer(w, c, e, req, key);
		return;
	case ENDPOINT_MODEL:
		models_answer_one(w, c, e, key, rest);
		return;
	case ENDPOINT_ALIVE:
		answer_alive(w, c);
		return;
	case ENDPOINT_WEBSOCKET:
		answer_fault(w, c, e, FAULT_NO_SUCH_PATH, str_from_z(endpoint_list),
		             STR_NONE, STR_NONE);
		return;
	case ENDPOINT_EXCHANGE:
		break;
	}
	answer_fault(w, c, e, FAULT_INTERNAL, STR_NONE, STR_NONE, STR_NONE);
}
