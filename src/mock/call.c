/* call.c - one request to the mock provider: its head, its body, its model, its plan.
 *
 * Paths lead to operations, operations to plans, and either a plan succeeds or a row of
 * refusals.def is the answer.  How an answer goes out is deliver.c's. */
#include "mock/call.h"

#include "base/mem.h"
#include "codec/multipart.h"
#include "codec/text.h"

static const struct {
	str path;
	plan_fn *plan;
} endpoints[OPERATIONS] = {
	[OP_CHAT] = { STR_INIT("/chat/completions"), plan_text },
	[OP_COMPLETIONS] = { STR_INIT("/completions"), plan_text },
	[OP_EMBEDDINGS] = { STR_INIT("/embeddings"), plan_embeddings },
	[OP_MODERATIONS] = { STR_INIT("/moderations"), plan_moderations },
	[OP_IMAGES] = { STR_INIT("/images/generations"), plan_images },
	[OP_IMAGE_EDITS] = { STR_INIT("/images/edits"), plan_image_edits },
	[OP_IMAGE_VARIATIONS] = { STR_INIT("/images/variations"), plan_image_edits },
	[OP_SPEECH] = { STR_INIT("/audio/speech"), plan_speech },
	[OP_TRANSCRIPTIONS] = { STR_INIT("/audio/transcriptions"), plan_transcriptions },
	[OP_TRANSLATIONS] = { STR_INIT("/audio/translations"), plan_transcriptions },
	[OP_RERANK] = { STR_INIT("/rerank"), plan_rerank },
};

/* ---- answers ---- */

/* OpenAI's shape: {"error":{"message","type","param","code"}}. */
static void refusal_write(refusal_t why, str param, struct buf *to)
{
	struct json_writer w = { .to = to };

	json_open(&w, '{');
	json_key(&w, STR("error"));
	json_open(&w, '{');
	json_key_str(&w, STR("message"), why->text);
	json_key_str(&w, STR("type"), why->type);
	json_key(&w, STR("param"));
	param.len ? json_str(&w, param) : json_null(&w);
	json_key(&w, STR("code"));
	why->code.len ? json_str(&w, why->code) : json_null(&w);
	json_close(&w, '}');
	json_close(&w, '}');
}

void call_conn_refuse(struct http_conn *conn, refusal_t why, str param)
{
	struct buf body = BUF_LIMIT(4 * KiB);

	refusal_write(why, param, &body);
	http_answer(conn, why->status, STR("application/json"), why->headers,
	            buf_str(&body));
	buf_free(&body);
}

/* A fault of the HTTP layer, told in the same shape. */
static void conn_fault(struct http_conn *conn, fault_t why)
{
	struct refusal row = { .status = why->status,
		               .type = why->type,
		               .text = why->text };
	struct buf body = BUF_LIMIT(4 * KiB);

	refusal_write(&row, STR_NONE, &body);
	http_refuse(conn, why, STR("application/json"), STR_NONE, buf_str(&body));
	buf_free(&body);
}

/* ---- birth and death ---- */

static void bury(struct grave *g)
{
	struct call *c = container_of(g, struct call, grave);

	format_free(c);
	arena_done(&c->arena);
	buf_free(&c->out);
	free(c);
}

static void drop_body(struct call *c)
{
	c->mock->bodies -= c->body.len;
	buf_free(&c->body);
	c->body.len = 0;
}

void call_end(struct call *c)
{
	bill_write(c);
	drop_body(c);
	timer_done(&c->mock->loop, &c->timer);
	loop_bury(&c->mock->loop, &c->grave, bury);
}

/* ---- the request ---- */

static bool is_multipart(const struct call *c)
{
	return operations[c->op].multipart;
}

static refusal_t read_body(struct call *c)
{
	if (is_multipart(c))
		return c->boundary.len ? NULL : REFUSE_NOT_FORM;
	if (json_check(buf_str(&c->body), &json_limits_default, &c->json) ||
	    c->json.type != JSON_OBJECT)
		return REFUSE_NOT_JSON;
	return NULL;
}

/* It answers by the name it was asked by; at once where it stands for another. */
static const struct model *rename_model(struct call *c, const struct model *m, str id)
{
	struct model *named = arena_new(&c->arena, struct model);

	*named = *m;
	named->id = id;
	if (c->stands_for.len)
		named->first_ms = named->pace_ms = 0;
	return named;
}

static const struct model *with_fault(struct call *c, const struct model *m)
{
	struct model *ill = arena_new(&c->arena, struct model);

	*ill = *m;
	ill->ends = c->fault->ends;
	ill->first_ms += c->fault->silent_ms;
	return ill;
}

static refusal_t find_model(struct call *c)
{
	str id = is_multipart(c) ? call_field(c, STR("model"))
	                         : call_text(c, call_get(c, STR("model")));
	const struct model *m = models_find(id);
	unsigned asked;

	if (c->mock->any_model && id.len && (!m || c->stands_for.len))
		m = models_find(c->stands_for.len ? c->stands_for : STR("lorem"));

	if (!id.len)
		return call_refuse(c, REFUSE_MISSING, STR("model"));
	if (!m)
		return call_refuse(c, REFUSE_NO_MODEL, STR("model"));
	if (!(m->does & 1u << c->op))
		return call_refuse(c, REFUSE_WRONG_MODEL, STR("model"));
	c->model = c->base = m;
	asked = ++c->mock->asked[models_index(m)];
	if (c->mock->any_model)
		c->model = rename_model(c, m, id);
	if (!models_fault(c->ill, c->mock->name, id, &c->fault))
		return call_refuse(c, REFUSE_BAD_VALUE, STR("x-mock-fault"));
	if (c->fault)
		c->model = with_fault(c, c->model);
	if (c->fault && c->fault->refuses)
		return c->fault->refuses;
	return m->every && asked % m->every == 0 ? m->refuses : NULL;
}

static void call_answer_refusal(struct call *c, refusal_t why)
{
	struct buf body = BUF_LIMIT(4 * KiB);

	if (c->wire == &wire_openai_chat)
		refusal_write(why, c->param, &body);
	else
		format_refusal(c, why, &body);
	http_answer(c->conn, why->status, STR("application/json"), why->headers,
	            buf_str(&body));
	buf_free(&body);
}

static void answer(struct call *c)
{
	refusal_t why = stored_look_back(c);

	if (!why)
		why = format_request(c);
	if (!why)
		why = read_body(c);
	if (!why)
		why = find_model(c);
	if (!why)
		why = endpoints[c->op].plan(c);
	if (!why)
		format_answer(c);
	if (!why && c->out.over)
		why = REFUSE_BUSY;
	if (!why)
		stored_keep(c);
	drop_body(c);
	if (!why) {
		c->planned = true;
		deliver_begin(c);
		return;
	}
	call_answer_refusal(c, why);
	call_end(c);
}

static uint64_t header_count(const struct http_request *req, str name, uint64_t most)
{
	uint64_t value;

	if (!str_to_u64(http_request_get(req, name), &value))
		return UINT64_MAX;
	return min_of(value, most);
}

static struct call *call_begin(struct mock *m, struct http_conn *conn, enum operation op,
                               const struct http_request *req)
{
	struct call *c = new_of(struct call);
	str type = http_request_get(req, STR("content-type")), boundary;

	c->mock = m;
	c->conn = conn;
	c->op = op;
	c->wire = &wire_openai_chat;
	c->number = ++m->calls;
	c->created = m->loop.wall / USEC_SEC;
	c->delay_ms = header_count(req, STR("x-mock-delay-ms"), 600000);
	c->tokens = header_count(req, STR("x-mock-tokens"), TOKENS_MOST);
	c->arena = (struct arena){ .pool = &m->loop.blocks, .ceiling = 256 * MiB };
	c->body.limit = BODY_MOST;
	c->out.limit = ANSWER_MOST;
	c->type = STR("application/json");
	c->ill = arena_copy(&c->arena, http_request_get(req, STR("x-mock-fault")));
	c->client_id =
	        arena_copy(&c->arena, http_request_get(req, STR("x-client-request-id")));
	str_to_u64(http_request_get(req, STR("x-mock-cached")), &c->cached_asked);
	c->choices = 1;
	c->stands_for = arena_copy(&c->arena, http_request_get(req, STR("x-mock-model")));
	stored_note_account(c, req);
	if (type.len && multipart_boundary(type, &boundary))
		c->boundary = arena_copy(&c->arena, boundary);
	conn->owner = c;
	return c;
}

/* Something in one of the other formats; false: the path is none of theirs. */
static bool begin_foreign(struct http_conn *conn, const struct http_request *req,
                          str path)
{
	str model, alt;
	enum operation op;
	bool stream;
	const struct wire *wire = format_find(path, &op, &model, &stream);
	struct call *c;

	if (!wire || req->method != HTTP_POST)
		return false;
	c = call_begin(conn->server->owner, conn, op, req);
	c->wire = wire;
	c->path_stream = stream;
	if (!url_decode(model, arena_alloc(&c->arena, model.len + 1), &c->path_model))
		c->path_model = STR_NONE;
	c->as_array = wire == &wire_gemini && stream &&
	              !(url_query_get(req->query, STR("alt"), &alt, NULL) &&
	                str_eq(alt, STR("sse")));
	http_take_body(conn, BODY_MOST);
	return true;
}

/* GET /models and GET /models/{id}; false: it is neither. */
static bool answer_models(struct http_conn *conn, str path)
{
	const struct model *one = NULL;
	struct buf body = BUF_LIMIT(16 * KiB);

	if (!str_skip(&path, STR("/models")) || (path.len && *path.ptr != '/'))
		return false;
	if (path.len)
		one = models_find(str_from(path, 1));
	if (path.len && !one) {
		call_conn_refuse(conn, REFUSE_NO_MODEL, STR("model"));
		return true;
	}
	models_write(one, &body);
	http_answer(conn, 200, STR("application/json"), STR_NONE, buf_str(&body));
	buf_free(&body);
	return true;
}

static void on_request(struct http_conn *conn, const struct http_request *req)
{
	bool is_read = req->method == HTTP_GET || req->method == HTTP_HEAD;
	str path = req->path;

	if (!str_skip(&path, STR("/v1beta")) && !str_skip(&path, STR("/v1")))
		str_skip(&path, STR("/v2"));
	if (begin_foreign(conn, req, req->path) || begin_foreign(conn, req, path))
		return;
	if (is_read && answer_models(conn, path))
		return;
	if (stored_answer(conn, req, path))
		return;
	for (unsigned op = 0; op < OPERATIONS; op++) {
		if (!endpoints[op].plan || !str_eq(path, endpoints[op].path))
			continue;
		if (req->method == HTTP_POST) {
			call_begin(conn->server->owner, conn, (enum operation)op, req);
			http_take_body(conn, BODY_MOST);
		} else {
			call_conn_refuse(conn, REFUSE_NO_METHOD, STR_NONE);
		}
		return;
	}
	call_conn_refuse(conn, REFUSE_NO_PATH, STR_NONE);
}

static void on_body(struct http_conn *conn, str bytes, bool is_end)
{
	struct call *c = conn->owner;

	if (c->mock->bodies + bytes.len > BODIES_MOST || !buf_add(&c->body, bytes)) {
		conn->keep_alive = false;
		call_conn_refuse(conn, REFUSE_BUSY, STR_NONE);
		call_end(c);
		return;
	}
	c->mock->bodies += bytes.len;
	if (is_end)
		answer(c);
}

static void on_body_fault(struct http_conn *conn, fault_t why)
{
	struct call *c = conn->owner;

	conn_fault(conn, why);
	call_end(c);
}

static void on_room(struct http_conn *conn)
{
	deliver(conn->owner);
}

static void on_gone(struct http_conn *conn)
{
	struct call *c = conn->owner;

	if (c)
		call_end(c);
}

const struct http_ops call_ops = {
	.on_request = on_request,
	.on_body = on_body,
	.on_body_fault = on_body_fault,
	.on_room = on_room,
	.on_gone = on_gone,
	.on_refused = conn_fault,
};

/* ---- what plans share ---- */

refusal_t call_refuse(struct call *c, refusal_t why, str param)
{
	c->param = param;
	return why;
}

str call_id(struct call *c, const char *prefix)
{
	return arena_printf(&c->arena, "%smock%08llu", prefix,
	                    (unsigned long long)c->number);
}

str call_text(struct call *c, struct json_value v)
{
	return arena_copy(&c->arena, json_text(v, arena_alloc(&c->arena, v.raw.len + 1)));
}

struct json_value call_get(const struct call *c, str name)
{
	return json_get(c->json, name);
}

str call_field(const struct call *c, str name)
{
	str value = STR_NONE;

	if (multipart_find(buf_str(&c->body), c->boundary, name, &value) !=
	    MULTIPART_FOUND)
		return STR_NONE;
	return value;
}

/* Reads the number where it stands; `value` stays as it is when there is none. */
static bool read_count(const struct call *c, str name, uint64_t *value)
{
	str field;
	struct json_value v;

	if (is_multipart(c)) {
		field = call_field(c, name);
		return !field.len || str_to_u64(field, value);
	}
	v = call_get(c, name);
	return v.type == JSON_NONE || v.type == JSON_NULL || json_u64(v, value);
}

bool call_count(const struct call *c, str name, uint64_t least, uint64_t most,
                uint64_t other, uint64_t *ret)
{
	uint64_t value = UINT64_MAX;

	if (!read_count(c, name, &value))
		return false;
	if (value == UINT64_MAX)
		value = other;
	else if (value < least || value > most)
		return false;
	*ret = value;
	return true;
}
