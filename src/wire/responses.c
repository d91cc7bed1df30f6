/* responses.c - OpenAI's Responses: its table, what the pass lane needs of a request, and
 * how failures are said.
 *
 * The body of an error is the same as in chat completions.  Inside a stream it is two
 * events, as OpenAI's own server has it: `error`, at which the official SDKs throw (and
 * all that is built upon them), then response.failed, which ends the grammar; Codex heeds
 * that one alone.
 *
 * Facts: wire-formats 3, 12.3. */
#include "wire/responses.h"
#include "wire/skim.h"

#include "codec/json.h"
#include "codec/json_write.h"
#include "wire/fold.h"
#include "wire/kept.h"

enum { MEMBERS_MOST = 128, OBJECT_MEMBERS = 16, TOKENS_MOST = INT32_MAX };

/* ---- the request on the pass lane ---- */

static fault_t skim_stream(struct json_value stream, struct skimmed *ret, str *ret_detail)
{
	ret->stream = stream.type == JSON_TRUE;
	if (stream.type == JSON_NONE || stream.type == JSON_NULL ||
	    stream.type == JSON_TRUE || stream.type == JSON_FALSE)
		return NULL;
	*ret_detail = STR("\"stream\" must be true or false");
	return FAULT_BAD_REQUEST;
}

static fault_t skim_tokens(struct json_value most, struct skimmed *ret, str *ret_detail)
{
	if (most.type == JSON_NONE || most.type == JSON_NULL)
		return NULL;
	if (json_u64(most, &ret->max_tokens) && ret->max_tokens <= TOKENS_MOST)
		return NULL;
	*ret_detail =
	        STR("\"max_output_tokens\" must be an integer from 0 to 2147483647");
	return FAULT_BAD_REQUEST;
}

/* Of an id everything depends on what its provider reads, so what is no plain id goes
 * nowhere.  An empty one names nothing. */
static fault_t skim_id(struct json_value id, str name, struct arena *keep, str *ret,
                       str *ret_detail)
{
	char room[KEPT_ROOM];
	str text;

	if (id.type == JSON_NONE || id.type == JSON_NULL ||
	    (id.type == JSON_STRING && id.raw.len == 2))
		return NULL;
	if (kept_id(id, room, &text)) {
		*ret = arena_copy(keep, text);
		return NULL;
	}
	*ret_detail = arena_printf(keep, "\"%.*s\" is not an id", STR_ARG(name));
	return FAULT_BAD_REQUEST;
}

/* An id, or an object with one. */
static fault_t skim_conversation(struct json_value v, struct arena *keep, str *ret,
                                 str *ret_detail)
{
	struct json_member members[OBJECT_MEMBERS];
	struct json_value id = v;
	size_t count = 0;
	fault_t why;

	if (v.type == JSON_OBJECT) {
		id = (struct json_value){ 0 };
		why = json_object_members(v, members, OBJECT_MEMBERS, &count);
		if (why)
			return why;
	}
	for (size_t i = 0; i < count; i++) {
		if (fold_key_is(members[i].key, STR("id")))
			id = members[i].value;
	}
	return skim_id(id, STR("conversation"), keep, ret, ret_detail);
}

/* A model is required also where OpenAI takes it from a stored prompt or an earlier
 * response: the route depends on it. */
static fault_t responses_skim(str body, enum operation op, struct arena *keep,
                              struct skimmed *ret, str *ret_detail)
{
	struct json_member members[MEMBERS_MOST];
	struct json_value model = { 0 }, stream = { 0 }, most = { 0 };
	struct json_value previous = { 0 }, conversation = { 0 }, store = { 0 };
	struct json_value user = { 0 }, background = { 0 }, prompt = { 0 };
	size_t count;
	fault_t why;

	(void)op;
	why = json_members(body, &json_limits_default, members, MEMBERS_MOST, &count);
	if (why)
		return why;
	for (size_t i = 0; i < count; i++) {
		if (fold_key_is(members[i].key, STR("model")))
			model = members[i].value;
		else if (fold_key_is(members[i].key, STR("stream")))
			stream = members[i].value;
		else if (fold_key_is(members[i].key, STR("max_output_tokens")))
			most = members[i].value;
		else if (fold_key_is(members[i].key, STR("previous_response_id")))
			previous = members[i].value;
		else if (fold_key_is(members[i].key, STR("conversation")))
			conversation = members[i].value;
		else if (fold_key_is(members[i].key, STR("store")))
			store = members[i].value;
		else if (fold_key_is(members[i].key, STR("user")))
			user = members[i].value;
		else if (fold_key_is(members[i].key, STR("background")))
			background = members[i].value;
		else if (fold_key_is(members[i].key, STR("prompt")))
			prompt = members[i].value;
	}
	*ret = (struct skimmed){ .choices = 1 };
	ret->has_kept_prompt = prompt.type == JSON_OBJECT;
	ret->wants_usage = true; /* a stream always has it */
	ret->unstored = store.type == JSON_FALSE;
	ret->background = background.type == JSON_TRUE;
	ret->user = skim_user(user, keep);
	if ((why = skim_id(previous, STR("previous_response_id"), keep, &ret->previous,
	                   ret_detail)) ||
	    (why = skim_conversation(conversation, keep, &ret->conversation,
	                             ret_detail)) ||
	    (why = skim_model(body, model, keep, ret, ret_detail)) ||
	    (why = skim_stream(stream, ret, ret_detail)) ||
	    (why = skim_tokens(most, ret, ret_detail)))
		return why;
	return NULL;
}

static void responses_write_path(enum operation op, str model, bool stream,
                                 struct buf *to)
{
	(void)stream;
	if (op == OP_STORED) { /* model: the response's id */
		buf_add(to, STR("/responses/"));
		buf_add(to, model);
		return;
	}
	buf_add(to, op == OP_CHAT    ? STR("/responses")
	            : op == OP_COUNT ? STR("/responses/input_tokens")
	                             : operations[op].path);
}

static void responses_write_count(struct buf *to, uint64_t tokens)
{
	struct json_writer w = { .to = to };

	json_open(&w, '{');
	json_key_str(&w, STR("object"), STR("response.input_tokens"));
	json_key_int(&w, STR("input_tokens"), (int64_t)tokens);
	json_close(&w, '}');
}

/* ---- failures ---- */

static str responses_error_message(str body)
{
	return wire_openai_chat.error_message(body);
}

static void responses_write_fault(struct buf *to, fault_t why, str message, str param)
{
	wire_openai_chat.write_fault(to, why, message, param);
}

/* Its clients show the words behind 400, and try again behind 402 (ux 5.4). */
static int responses_fault_status(fault_t why)
{
	return why == FAULT_BUDGET_EXCEEDED ? 400 : why->status;
}

str responses_fault_code(fault_t why)
{
	if (why == FAULT_BUDGET_EXCEEDED)
		return why->code;
	if (why->status == 429)
		return STR("rate_limit_exceeded");
	if (str_eq(why->code, STR("context_length_exceeded")))
		return why->code;
	return why->status < 500 ? STR("invalid_prompt") : STR("server_error");
}

void responses_write_error_event(struct buf *to, fault_t why, str message,
                                 uint64_t number)
{
	struct json_writer w = { .to = to };
	str code = responses_fault_code(why);

	if (!message.len)
		message = why->text;
	buf_add(to, STR("event: error\ndata: "));
	json_open(&w, '{');
	json_key_str(&w, STR("type"), STR("error"));
	json_key_int(&w, STR("sequence_number"), (int64_t)number);
	json_key_str(&w, STR("code"), code);
	json_key_str(&w, STR("message"), message);
	json_key(&w, STR("param"));
	json_null(&w);
	json_key(&w, STR("error"));
	json_open(&w, '{');
	json_key_str(&w, STR("type"), code);
	json_key_str(&w, STR("code"), code);
	json_key_str(&w, STR("message"), message);
	json_key(&w, STR("param"));
	json_null(&w);
	json_close(&w, '}');
	json_close(&w, '}');
	buf_add(to, STR("\n\n"));
}

/* For a stream whose events were not ours: its numbers and ids are not known here.  Often
 * it had none yet. */
static void responses_write_stream_fault(struct buf *to, fault_t why, str message)
{
	struct json_writer w = { .to = to };

	responses_write_error_event(to, why, message, 0);
	buf_add(to, STR("event: response.failed\ndata: "));
	json_open(&w, '{');
	json_key_str(&w, STR("type"), STR("response.failed"));
	json_key_int(&w, STR("sequence_number"), 1);
	json_key(&w, STR("response"));
	json_open(&w, '{');
	json_key_str(&w, STR("id"), STR("resp_failed"));
	json_key_str(&w, STR("object"), STR("response"));
	json_key_int(&w, STR("created_at"), 0);
	json_key_str(&w, STR("status"), STR("failed"));
	json_key(&w, STR("error"));
	json_open(&w, '{');
	json_key_str(&w, STR("code"), responses_fault_code(why));
	json_key_str(&w, STR("message"), message.len ? message : why->text);
	json_close(&w, '}');
	json_key(&w, STR("incomplete_details"));
	json_null(&w);
	json_key_str(&w, STR("model"), STR(""));
	json_key(&w, STR("output"));
	json_raw(&w, STR("[]"));
	buf_add_char(to, ',');
	responses_add_echo(to, STR_NONE);
	json_key(&w, STR("usage"));
	json_null(&w);
	json_close(&w, '}');
	json_close(&w, '}');
	buf_add(to, STR("\n\n"));
}

/* ---- what a response repeats ---- */

static const struct {
	str name, otherwise;
} echoed[] = {
	{ STR_INIT("background"), STR_INIT("false") },
	{ STR_INIT("instructions"), STR_INIT("null") },
	{ STR_INIT("max_output_tokens"), STR_INIT("null") },
	{ STR_INIT("max_tool_calls"), STR_INIT("null") },
	{ STR_INIT("metadata"), STR_INIT("{}") },
	{ STR_INIT("parallel_tool_calls"), STR_INIT("true") },
	{ STR_INIT("previous_response_id"), STR_INIT("null") },
	{ STR_INIT("prompt_cache_key"), STR_INIT("null") },
	{ STR_INIT("reasoning"), STR_INIT("{\"effort\":null,\"summary\":null}") },
	{ STR_INIT("safety_identifier"), STR_INIT("null") },
	{ STR_INIT("service_tier"), STR_INIT("\"default\"") },
	{ STR_INIT("temperature"), STR_INIT("null") },
	{ STR_INIT("text"), STR_INIT("{\"format\":{\"type\":\"text\"}}") },
	{ STR_INIT("tool_choice"), STR_INIT("\"auto\"") },
	{ STR_INIT("tools"), STR_INIT("[]") },
	{ STR_INIT("top_logprobs"), STR_INIT("0") },
	{ STR_INIT("top_p"), STR_INIT("null") },
	{ STR_INIT("truncation"), STR_INIT("\"disabled\"") },
	{ STR_INIT("user"), STR_INIT("null") },
};

void responses_add_flat(struct buf *to, str json)
{
	while (json.len > 0) {
		size_t n = str_find_any(json, STR("\r\n"));

		buf_add(to, str_take(&json, n));
		str_take(&json, 1);
	}
}

void responses_add_echo(struct buf *to, str body)
{
	struct json_value values[countof(echoed)] = { 0 }, root;
	struct json_member m;

	if (!body.len || json_check(body, &json_limits_default, &root))
		root = (struct json_value){ 0 };
	for (struct json_iter it = json_iter(root); json_next(&it, &m);) {
		for (size_t i = 0; i < countof(echoed); i++) {
			if (fold_key_is(m.key, echoed[i].name))
				values[i] = m.value;
		}
	}
	for (size_t i = 0; i < countof(echoed); i++) {
		bool is_said = values[i].type != JSON_NONE && values[i].type != JSON_NULL;

		buf_add_char(to, '"');
		buf_add(to, echoed[i].name);
		buf_add(to, STR("\":"));
		responses_add_flat(to, is_said ? values[i].raw : echoed[i].otherwise);
		buf_add_char(to, ',');
	}
	buf_add(to, STR("\"store\":false")); /* we keep no answers */
}

str responses_echo(struct arena *keep, str body)
{
	struct buf text = BUF_LIMIT(body.len + 2 * KiB);
	char *room;

	responses_add_echo(&text, body);
	room = text.over ? NULL : arena_try(keep, text.len);
	if (room)
		memcpy(room, text.ptr, text.len);
	str echo = room ? str_of(room, text.len) : STR_NONE;
	buf_free(&text);
	return echo;
}

const struct wire wire_openai_responses = {
	.name = STR_INIT("openai-responses"),
	.format = WIRE_OPENAI_RESPONSES,
	.skim = responses_skim,
	.error_message = responses_error_message,
	.write_fault = responses_write_fault,
	.cap_names = { STR_INIT("max_output_tokens") },
	.cap_least = RESPONSES_OUTPUT_LEAST,
	.fault_status = responses_fault_status,
	.write_stream_fault = responses_write_stream_fault,
	.keep_head = responses_keep_head,
	.mark = responses_mark,
	.write_path = responses_write_path,
	.read_request = responses_read_request,
	.write_request = responses_write_request,
	.read_reply = responses_read_reply,
	.read_event = responses_read_event,
	.read_eof = responses_read_eof,
	.write_reply = responses_write_reply,
	.emit = &responses_emit,
	.write_count = responses_write_count,
	.work = { [OP_COUNT] = &count_responses },
};
