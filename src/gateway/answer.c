#include "gateway/answer.h"

#include "codec/json_write.h"
#include "codec/text.h"
#include "gateway/headers.h"

static const str json_type = STR_INIT("application/json");

fault_t answer_authorize(struct worker *w, const struct http_request *req,
                         uint64_t *ret_key)
{
	const struct config *c = w->plan->config;
	uint8_t mac[32];
	str key;
	fault_t why;

	*ret_key = 0;
	if (c->auth == AUTH_MODE_OPEN) {
		if (!c->insecure_open && !headers_are_local(req))
			return FAULT_OPEN_MODE_HOST;
		return NULL;
	}
	why = headers_credential(req, &key);
	if (why)
		return why;
	/* The same work for a key of the wrong form, a wrong and an unknown one. */
	if (!key_parse_id(key, ret_key))
		*ret_key = 0;
	key_hasher_mac(&w->hasher, str_first(key, 256), mac);
	if (keyring_check(w->gateway->keys, *ret_key, mac))
		return NULL;
	*ret_key = 0;
	return FAULT_BAD_KEY;
}

/* Answers without an exchange have an id too, so that a client can name them. */
static void add_request_id(struct worker *w, struct buf *to)
{
	buf_add(to, STR("x-request-id: "));
	buf_add_hex(to, journal_next_id(w->journal, w->loop.wall), 16);
	buf_add(to, STR("\r\n"));
}

static void answer_json(struct worker *w, struct http_conn *c, int status, str body)
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
	if (!why->again)
		buf_add(&lines, STR("x-should-retry: false\r\n"));
	if (why == FAULT_NO_KEY || why == FAULT_BAD_KEY)
		buf_add(&lines, STR("www-authenticate: Bearer\r\n"));
	http_answer(c, why->status, json_type, buf_str(&lines), buf_str(&body));
	w->counts.refused++;
	buf_free(&body);
	buf_free(&lines);
	buf_free(&text);
}

/* ---- models ---- */

static void write_model(struct json_writer *to, str id, str owner, uint32_t released)
{
	json_open(to, '{');
	json_key_str(to, STR("id"), id);
	json_key_str(to, STR("object"), STR("model"));
	/* yyyymmdd to seconds, near enough for sorting: the day in a year of 365.25. */
	int64_t days = 0;
	if (released) {
		int64_t y = released / 10000, m = released / 100 % 100,
		        d = released % 100;
		days = (y - 1970) * 1461 / 4 + (m > 0 ? (m - 1) * 3044 / 100 : 0) + d;
	}
	json_key_int(to, STR("created"), days * 86400);
	json_key_str(to, STR("owned_by"), owner);
	json_close(to, '}');
}

static void list_models(const struct config *c, struct json_writer *to)
{
	struct buf name = BUF_LIMIT(1024);
	struct catalog_model m;

	for (unsigned i = 0; i < c->route_count; i++)
		write_model(to, c->routes[i].name, STR("sluice"), 0);
	for (unsigned i = 0; i < c->provider_count; i++) {
		const struct provider *p = &c->providers[i];

		for (unsigned at = 0;
		     !p->disabled.len && catalog_next_of_provider(p->name, &at, &m);) {
			buf_set(&name, p->name);
			buf_add_char(&name, '/');
			buf_add(&name, m.id);
			write_model(to, buf_str(&name), p->name, m.released);
		}
	}
	buf_free(&name);
}

static void answer_models(struct worker *w, struct http_conn *c)
{
	struct buf body = BUF_LIMIT(8 * MiB);
	struct json_writer to = { .to = &body };

	json_open(&to, '{');
	json_key_str(&to, STR("object"), STR("list"));
	json_key(&to, STR("data"));
	json_open(&to, '[');
	list_models(w->plan->config, &to);
	json_close(&to, ']');
	json_close(&to, '}');
	answer_json(w, c, 200, buf_str(&body));
	buf_free(&body);
}

static void answer_model(struct worker *w, struct http_conn *c, const struct endpoint *e,
                         str raw_id)
{
	struct arena *keep = &w->loop.scratch;
	struct buf body = BUF_LIMIT(4 * KiB);
	struct json_writer to = { .to = &body };
	struct candidates found;
	fault_t why = FAULT_NO_SUCH_MODEL;
	str id = STR_NONE;

	if (raw_id.len <= 512 && url_decode(raw_id, arena_alloc(keep, raw_id.len), &id))
		why = resolve_model(w->plan->config, id, keep, &found);
	if (why) {
		answer_fault(w, c, e, why, STR_NONE, STR("model"), STR_NONE);
		return;
	}
	const struct target *first = &found.list[0];
	write_model(&to, id, found.route.len ? STR("sluice") : first->provider->name,
	            first->is_known && !found.route.len ? first->facts.released : 0);
	answer_json(w, c, 200, buf_str(&body));
	buf_free(&body);
}

/* ---- */

static void answer_alive(struct worker *w, struct http_conn *c)
{
	bool stopping = atomic_load(&w->gateway->stopping);
	str body = stopping ? STR("{\"status\":\"stopping\"}\n")
	                    : STR("{\"status\":\"ok\"}\n");

	answer_json(w, c, stopping ? 503 : 200, body);
}

void answer_own(struct worker *w, struct http_conn *c, const struct endpoint *e, str rest)
{
	switch (e->kind) {
	case ENDPOINT_MODELS:
		answer_models(w, c);
		return;
	case ENDPOINT_MODEL:
		answer_model(w, c, e, rest);
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
