/* anthropic.c - Anthropic Messages: the table of its functions, what the pass lane needs
 * of a request, and how failures are said.
 *
 * Usage is part of every answer here, so nothing has to be asked for.
 * Facts: wire-formats 5.1, 5.10 and 12.3. */
#include "wire/anthropic.h"
#include "wire/error_body.h"
#include "wire/skim.h"

enum { MEMBERS_MOST = 128, TOKENS_MOST = INT32_MAX };

/* What is read of a request's members; the rest passes as it is. */
static void sort_member(const struct json_member *m, struct json_value *model,
                        struct json_value *stream, struct json_value *max_tokens,
                        struct json_value *metadata)
{
	const struct {
		str name;
		struct json_value *value;
	} read[] = {
		{ STR("model"), model },
		{ STR("stream"), stream },
		{ STR("max_tokens"), max_tokens },
		{ STR("metadata"), metadata },
	};
	struct json_value key = { JSON_STRING, str_of(m->key.ptr - 1, m->key.len + 2) };

	for (size_t i = 0; i < countof(read); i++) {
		if (json_text_is(key, read[i].name))
			*read[i].value = m->value;
	}
}

static fault_t anthropic_skim(str body, enum operation op, struct arena *keep,
                              struct skimmed *ret, str *ret_detail)
{
	struct json_member members[MEMBERS_MOST];
	struct json_value model = { 0 }, stream = { 0 }, max_tokens = { 0 };
	struct json_value metadata = { 0 };
	size_t count;
	fault_t why;

	why = json_members(body, &json_limits_default, members, MEMBERS_MOST, &count);
	if (why)
		return why;
	for (size_t i = 0; i < count; i++)
		sort_member(&members[i], &model, &stream, &max_tokens, &metadata);
	*ret = (struct skimmed){ .choices = 1, .wants_usage = true };
	why = skim_model(body, model, keep, ret, ret_detail);
	if (why)
		return why;
	if (!anthropic_is_absent(max_tokens) &&
	    (!json_u64(max_tokens, &ret->max_tokens) || ret->max_tokens > TOKENS_MOST)) {
		*ret_detail =
		        STR("\"max_tokens\" must be an integer from 0 to 2147483647");
		return FAULT_BAD_REQUEST;
	}
	if (!anthropic_is_absent(stream) && stream.type != JSON_TRUE &&
	    stream.type != JSON_FALSE) {
		*ret_detail = STR("\"stream\" must be true or false");
		return FAULT_BAD_REQUEST;
	}
	ret->stream = stream.type == JSON_TRUE && operations[op].may_stream;
	if (metadata.type == JSON_OBJECT)
		ret->user = skim_user(json_get(metadata, STR("user_id")), keep);
	return NULL;
}

/* ---- failures ---- */

static str error_type(int status)
{
	static const struct {
		int status;
		str type;
	} rows[] = {
		{ 401, STR_INIT("authentication_error") },
		{ 402, STR_INIT("billing_error") },
		{ 403, STR_INIT("permission_error") },
		{ 404, STR_INIT("not_found_error") },
		{ 408, STR_INIT("timeout_error") },
		{ 413, STR_INIT("request_too_large") },
		{ 429, STR_INIT("rate_limit_error") },
		{ 503, STR_INIT("overloaded_error") },
		{ 504, STR_INIT("timeout_error") },
		{ 529, STR_INIT("overloaded_error") },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		if (rows[i].status == status)
			return rows[i].type;
	}
	return status >= 500 ? STR("api_error") : STR("invalid_request_error");
}

void anthropic_write_error(struct json_writer *w, fault_t why, str message)
{
	/* Clients know a full window by these words alone. */
	str known = STR("prompt is too long");
	struct buf text = BUF_LIMIT(64 * KiB);

	if (!message.len)
		message = why->text;
	if (why == FAULT_CONTEXT_TOO_LONG && !str_has(message, known)) {
		buf_add(&text, known);
		buf_add(&text, STR(": "));
		if (buf_add(&text, message))
			message = buf_str(&text);
	}
	json_open(w, '{');
	json_key_str(w, STR("type"), STR("error"));
	json_key(w, STR("error"));
	json_open(w, '{');
	json_key_str(w, STR("type"), error_type(why->status));
	json_key_str(w, STR("message"), message);
	json_close(w, '}');
	json_close(w, '}');
	buf_free(&text);
}

static void anthropic_write_fault(struct buf *to, fault_t why, str message, str param)
{
	struct json_writer w = { .to = to };

	anthropic_write_error(&w, why, message);
	buf_add_char(to, '\n');
}

static void anthropic_write_end_mark(struct buf *to)
{
	buf_add(to, STR("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
}

/* Its clients know an overloaded provider by a status of Anthropic's own. */
static int anthropic_fault_status(fault_t why)
{
	return why == FAULT_UPSTREAM_BUSY ? 529 : why->status;
}

static void anthropic_write_stream_fault(struct buf *to, fault_t why, str message)
{
	struct json_writer w = { .to = to };

	buf_add(to, STR("event: error\ndata: "));
	anthropic_write_error(&w, why, message);
	buf_add(to, STR("\n\n"));
}

/* Bedrock, Vertex and proxies in front have shapes of their own. */
static str anthropic_error_message(str body)
{
	static const char *const places[] = { "error.message", "message", "error",
		                              "detail" };

	return error_body_words(body, places, countof(places));
}

/* ---- the neutral form ---- */

static void anthropic_write_path(enum operation op, str model, bool stream,
                                 struct buf *to)
{
	if (op == OP_CHAT)
		buf_add(to, STR("/messages"));
	else if (op == OP_COUNT)
		buf_add(to, STR("/messages/count_tokens"));
}

bool anthropic_read_count(str body, uint64_t *ret_tokens)
{
	struct json_value root;

	return !json_check(body, &json_limits_default, &root) &&
	       json_u64(json_get(root, STR("input_tokens")), ret_tokens);
}

void anthropic_write_count(struct buf *to, uint64_t tokens)
{
	struct json_writer w = { .to = to };

	json_open(&w, '{');
	json_key_int(&w, STR("input_tokens"), (int64_t)tokens);
	json_close(&w, '}');
}

const struct wire wire_anthropic = {
	.name = STR_INIT("anthropic"),
	.format = WIRE_ANTHROPIC,
	.frames = FRAMES_SSE,
	.needed_header = STR_INIT("anthropic-version: 2023-06-01"),
	.skim = anthropic_skim,
	.error_message = anthropic_error_message,
	.write_fault = anthropic_write_fault,
	.cap_names = { STR_INIT("max_tokens") },
	.fault_status = anthropic_fault_status,
	.write_stream_fault = anthropic_write_stream_fault,
	.write_end_mark = anthropic_write_end_mark,
	.write_path = anthropic_write_path,
	.read_request = anthropic_read_request,
	.write_request = anthropic_write_request,
	.read_reply = anthropic_read_reply,
	.read_event = anthropic_read_event,
	.read_eof = anthropic_read_eof,
	.write_reply = anthropic_write_reply,
	.emit = &anthropic_emit_ops,
	.write_count = anthropic_write_count,
	.work = { [OP_COUNT] = &count_anthropic },
};
