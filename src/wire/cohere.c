/* cohere.c - Cohere's chat, version 2: the pass lane's view of a request, and how
 * failures are said. */
#include "wire/cohere.h"
#include "wire/error_body.h"
#include "wire/skim.h"

enum { MEMBERS_MOST = 64, TOKENS_MOST = INT32_MAX };

static fault_t cohere_skim(str body, enum operation op, struct arena *keep,
                           struct skimmed *ret, str *ret_detail)
{
	static const str names[] = { STR_INIT("model"), STR_INIT("stream"),
		                     STR_INIT("max_tokens") };
	struct json_member members[MEMBERS_MOST];
	struct json_value m[countof(names)] = { { 0 } };
	size_t count;
	fault_t why =
	        json_members(body, &json_limits_default, members, MEMBERS_MOST, &count);

	if (why)
		return why;
	for (size_t i = 0; i < count; i++) {
		for (size_t n = 0; n < countof(names); n++) {
			if (str_eq(members[i].key, names[n]))
				m[n] = members[i].value;
		}
	}
	*ret = (struct skimmed){ .choices = 1, .wants_usage = true };
	if ((why = skim_model(body, m[0], keep, ret, ret_detail)))
		return why;
	if (m[2].type != JSON_NONE && m[2].type != JSON_NULL &&
	    (!json_u64(m[2], &ret->max_tokens) || ret->max_tokens > TOKENS_MOST)) {
		*ret_detail = STR("\"max_tokens\" must be an integer from 0 to "
		                  "2147483647");
		return FAULT_BAD_REQUEST;
	}
	if (m[1].type != JSON_NONE && m[1].type != JSON_NULL && m[1].type != JSON_TRUE &&
	    m[1].type != JSON_FALSE) {
		*ret_detail = STR("\"stream\" must be true or false");
		return FAULT_BAD_REQUEST;
	}
	ret->stream = m[1].type == JSON_TRUE && operations[op].may_stream;
	return NULL;
}

static void cohere_write_path(enum operation op, str model, bool stream, struct buf *to)
{
	buf_add(to, op == OP_EMBEDDINGS ? STR("/embed")
	            : op == OP_RERANK   ? STR("/rerank")
	                                : STR("/chat"));
}

/* ---- failures ---- */

static void cohere_write_fault(struct buf *to, fault_t why, str message, str param)
{
	struct json_writer w = { .to = to };

	json_open(&w, '{');
	json_key_str(&w, STR("message"), message.len ? message : why->text);
	json_close(&w, '}');
	buf_add_char(to, '\n');
}

/* A stream has no event for errors: it ends with one as its reason. */
static void cohere_write_stream_fault(struct buf *to, fault_t why, str message)
{
	struct json_writer w = { .to = to };

	buf_add(to, STR("event: message-end\ndata: "));
	json_open(&w, '{');
	json_key_str(&w, STR("type"), STR("message-end"));
	json_key(&w, STR("delta"));
	json_open(&w, '{');
	json_key_str(&w, STR("error"), message.len ? message : why->text);
	json_key_str(&w, STR("finish_reason"), STR("ERROR"));
	json_close(&w, '}');
	json_close(&w, '}');
	buf_add(to, STR("\n\n"));
}

static str cohere_error_message(str body)
{
	static const char *const places[] = { "message", "delta.error", "error.message",
		                              "error", "detail" };

	return error_body_words(body, places, countof(places));
}

const struct wire wire_cohere = {
	.name = STR_INIT("cohere"),
	.format = WIRE_COHERE,
	.skim = cohere_skim,
	.error_message = cohere_error_message,
	.write_fault = cohere_write_fault,
	.cap_names = { STR_INIT("max_tokens") },
	.write_stream_fault = cohere_write_stream_fault,
	.write_path = cohere_write_path,
	.read_request = cohere_read_request,
	.write_request = cohere_write_request,
	.read_reply = cohere_read_reply,
	.read_event = cohere_read_event,
	.read_eof = cohere_read_eof,
	.write_reply = cohere_write_reply,
	.emit = &cohere_emit,
	.work = { [OP_EMBEDDINGS] = &embed_cohere, [OP_RERANK] = &rank_cohere },
};
