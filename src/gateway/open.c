/* open.c - OPEN: is it let in, and what of its head do later steps need?  The bytes of
 * the head are on loan; what is kept is copied here (step.h). */
#include "gateway/step.h"

#include "codec/text.h"
#include "gateway/answer.h"
#include "gateway/headers.h"
#include "gateway/session.h"
#include "gateway/tags.h"
#include "meter/trace.h"

enum { AGENT_MOST = 128 };

static fault_t check_content_type(const struct exchange *x)
{
	str type = x->content_type, media = str_trim(str_cut(&type, ';'));

	if (x->endpoint->operation == OP_STORED) /* without a body, most of the time */
		return NULL;
	if (operations[x->endpoint->operation].multipart)
		return str_eq_nocase(media, STR("multipart/form-data"))
		               ? NULL
		               : FAULT_HTTP_CONTENT_TYPE;
	if (str_eq_nocase(media, STR("application/json")))
		return NULL;
	return FAULT_HTTP_CONTENT_TYPE;
}

/* What the client asks of us, beside the answer. */
static void keep_wishes(struct exchange *x)
{
	unsigned wishes = headers_wishes(x->req);

	x->strict = wishes & WISH_STRICT;
	x->no_resume = wishes & WISH_NO_RESUME;
	x->no_hold = wishes & WISH_NO_TOOL_HOLD;
	x->no_hedge = wishes & WISH_NO_HEDGE;
	x->user = arena_copy(&x->arena,
	                     str_first(http_request_get(x->req, STR("x-sluice-user")),
	                               TENANT_USER_NAME));
	x->tags = tags_join(&x->arena, STR_NONE,
	                    http_request_get(x->req, STR("x-sluice-tags")));
}

/* The trace that the client's request is part of.  A tracestate alone means nothing. */
static void keep_trace(struct exchange *x)
{
	str state = http_request_find(x->req, HTTP_NAME_TRACESTATE);
	struct trace_parent parent;

	if (!trace_parse(http_request_find(x->req, HTTP_NAME_TRACEPARENT), &parent))
		return;
	x->trace = arena_copy(&x->arena, str_of((const char *)&parent, sizeof(parent)));
	if (state.len <= TRACE_STATE_MOST)
		x->tracestate = arena_copy(&x->arena, state);
}

/* The lines that travel on, in one copy. */
static void keep_lines(struct exchange *x)
{
	struct buf *lines = &x->worker->head;
	size_t forward, features;
	str kept;

	buf_clear(lines);
	headers_to_upstream(x->req, lines);
	forward = lines->len;
	headers_features(x->req, x->endpoint->wire->format, lines);
	features = lines->len - forward;
	buf_add(lines, http_request_find(x->req, HTTP_NAME_CONTENT_TYPE));
	kept = arena_keep(&x->arena, buf_str(lines), &x->kept);
	x->forward = str_take(&kept, forward);
	x->features = str_take(&kept, features);
	x->content_type = kept;
}

/* Keeps of the head what later steps need: its bytes are on loan. */
static void keep_head(struct exchange *x)
{
	str key, alt; /* a credential in a query never travels on */

	keep_lines(x);
	x->agent = arena_copy(
	        &x->arena,
	        str_first(http_request_find(x->req, HTTP_NAME_USER_AGENT), AGENT_MOST));
	if (!url_query_get(x->req->query, STR("key"), &key, NULL))
		x->query = arena_copy(&x->arena, x->req->query);
	x->as_array = x->endpoint->wire->format == WIRE_GEMINI && x->endpoint->stream &&
	              !(url_query_get(x->req->query, STR("alt"), &alt, NULL) &&
	                str_eq(alt, STR("sse")));
	if (http_may_have(x->req->names, http_name_bit(HTTP_NAME_X_SLUICE_)))
		keep_wishes(x);
	if (http_may_have(x->req->names, http_name_bit(HTTP_NAME_TRACEPARENT)))
		keep_trace(x);
	if (x->plan->config->has_affinity || x->plan->config->trial_count)
		x->session = session_of_head(x, x->req);
	x->body_length = x->req->body == HTTP_BODY_LENGTH ? x->req->length : 0;
}

/* Nothing that a provider could read as another path. */
static bool is_plain_id(str id)
{
	for (size_t i = 0; i < id.len; i++) {
		char c = char_lower(id.ptr[i]);

		if (!(c >= 'a' && c <= 'z') && !char_is_digit(c) && c != '_' && c != '-')
			return false;
	}
	return id.len <= 256;
}

/* The model of formats that name it in the path; %2F is legal there alone. */
static fault_t keep_path_model(struct exchange *x)
{
	str raw = x->path_model;

	if (x->endpoint->of_id) {
		x->path_model = arena_copy(&x->arena, str_first(raw, 512));
		return is_plain_id(raw) ? NULL : FAULT_NO_SUCH_RESPONSE;
	}
	if (!x->endpoint->suffix.len)
		return NULL;
	if (raw.len > 512 ||
	    !url_decode(raw, arena_alloc(&x->arena, raw.len), &x->path_model))
		return FAULT_NO_SUCH_PATH;
	return NULL;
}

enum flow step_open(struct exchange *x)
{
	fault_t why =
	        answer_authorize(x->worker, x->client, x->req, x->endpoint, &x->key);

	if (!why &&
	    atomic_load_explicit(&x->worker->gateway->stopping, memory_order_relaxed))
		why = FAULT_SHUTTING_DOWN;
	keep_head(x);
	if (!why)
		why = keep_path_model(x);
	if (!why)
		why = check_content_type(x);
	if (why) {
		exchange_fail(x, why, STR_NONE);
		return GO;
	}
	return exchange_go(x, STEP_BODY);
}
