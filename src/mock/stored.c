/* stored.c - responses which the mock provider keeps: the last few hundred, each for the
 * account (the credential) that asked for it, as OpenAI does.
 *
 * Kept is that there was one, and of which model; what it said is not. */
#include "mock/call.h"

static uint64_t account_of(const struct http_request *req)
{
	return str_hash(http_request_get(req, STR("authorization")));
}

void stored_note_account(struct call *c, const struct http_request *req)
{
	c->account = account_of(req);
}

static bool number_of(str id, uint64_t *ret)
{
	return str_skip(&id, STR("resp_mock")) && str_to_u64(id, ret) && *ret > 0;
}

/* NULL: never kept, deleted, too old, or of another account. */
static struct stored *find(struct mock *m, str id, uint64_t account)
{
	struct stored *s;
	uint64_t number;

	if (!number_of(id, &number))
		return NULL;
	s = &m->stored[number % STORED_MOST];
	return s->number == number && s->account == account ? s : NULL;
}

refusal_t stored_look_back(struct call *c)
{
	str nothing = STR("null");
	struct json_value root, previous;

	if (c->wire != &wire_openai_responses || c->op != OP_CHAT ||
	    json_check(buf_str(&c->body), &json_limits_default, &root))
		return NULL;
	c->keeps = json_get(root, STR("store")).type != JSON_FALSE;
	previous = json_get(root, STR("previous_response_id"));
	if (previous.type != JSON_STRING || previous.raw.len < nothing.len)
		return NULL;
	if (!find(c->mock, call_text(c, previous), c->account)) {
		c->detail = STR("Previous response not found.");
		return call_refuse(c, REFUSE_BAD_VALUE, STR("previous_response_id"));
	}
	/* What was said before is not kept: it answers what is said now. */
	char *at = c->body.ptr + (previous.raw.ptr - c->body.ptr);
	memset(at, ' ', previous.raw.len);
	memcpy(at, nothing.ptr, nothing.len);
	return NULL;
}

void stored_keep(struct call *c)
{
	if (c->keeps)
		c->mock->stored[c->number % STORED_MOST] =
		        (struct stored){ .number = c->number,
			                 .account = c->account,
			                 .created = c->created,
			                 .model = c->model };
}

static void write_response(const struct stored *s, str id, struct json_writer *w)
{
	json_open(w, '{');
	json_key_str(w, STR("id"), id);
	json_key_str(w, STR("object"), STR("response"));
	json_key_int(w, STR("created_at"), s->created);
	json_key_str(w, STR("status"), STR("completed"));
	json_key_str(w, STR("model"), s->model->id);
	json_key(w, STR("output"));
	json_raw(w, STR("[]"));
	json_key_bool(w, STR("store"), true);
	json_close(w, '}');
}

static void write_deleted(str id, struct json_writer *w)
{
	json_open(w, '{');
	json_key_str(w, STR("id"), id);
	json_key_str(w, STR("object"), STR("response"));
	json_key_bool(w, STR("deleted"), true);
	json_close(w, '}');
}

bool stored_answer(struct http_conn *conn, const struct http_request *req, str path)
{
	struct buf body = BUF_LIMIT(4 * KiB);
	struct json_writer w = { .to = &body };
	struct stored *s;
	str id;

	if (!str_skip(&path, STR("/responses/")))
		return false;
	id = str_cut(&path, '/');
	s = find(conn->server->owner, id, account_of(req));
	if (!s) {
		call_conn_refuse(conn, REFUSE_NO_RESPONSE, STR("id"));
		return true;
	}
	if (req->method == HTTP_DELETE && !path.len) {
		write_deleted(id, &w);
		*s = (struct stored){ 0 };
	} else if (req->method == HTTP_GET && str_eq(path, STR("input_items"))) {
		json_raw(&w, STR("{\"object\":\"list\",\"data\":[],\"has_more\":false,"
		                 "\"first_id\":null,\"last_id\":null}"));
	} else if ((req->method == HTTP_GET && !path.len) ||
	           (req->method == HTTP_POST && str_eq(path, STR("cancel")))) {
		write_response(s, id, &w);
	} else {
		call_conn_refuse(conn, REFUSE_NO_METHOD, STR_NONE);
		return true;
	}
	http_answer(conn, 200, STR("application/json"), STR_NONE, buf_str(&body));
	buf_free(&body);
	return true;
}
