/* gemini.c - Google's generateContent: what a request asks for, and how a failure is
 * said.  The rest: see gemini.h.
 *
 * The model and the stream stand in the URL.  Facts: wire-formats 6.1, 6.7 and 12.3. */
#include "wire/gemini.h"

#include "codec/text.h"
#include "wire/error_body.h"

enum { MEMBERS_MOST = 128, TOKENS_MOST = INT32_MAX };

/* ---- the pass lane ---- */

static struct json_value find(const struct json_member *members, size_t count, str camel,
                              str snake, unsigned *times)
{
	struct json_value found = { 0 };

	for (size_t i = 0; i < count; i++) {
		struct json_value key = { JSON_STRING, str_of(members[i].key.ptr - 1,
			                                      members[i].key.len + 2) };

		if (!json_text_is(key, camel) && !json_text_is(key, snake))
			continue;
		++*times;
		found = members[i].value;
	}
	if (found.type == JSON_NULL)
		found.type = JSON_NONE;
	return found;
}

/* Counts that budgets are reserved from; both names at once are one member twice. */
static fault_t read_count(const struct json_member *members, size_t count, str camel,
                          str snake, uint64_t *ret, struct arena *keep, str *ret_detail)
{
	unsigned times = 0;
	struct json_value v = find(members, count, camel, snake, &times);
	uint64_t n;

	if (times > 1)
		return FAULT_JSON_DUPLICATE;
	if (v.type == JSON_NONE)
		return NULL;
	if (!json_u64(v, &n) || n > TOKENS_MOST) {
		*ret_detail =
		        arena_printf(keep, "\"%.*s\" must be an integer from 0 to %d",
		                     STR_ARG(camel), TOKENS_MOST);
		return FAULT_BAD_REQUEST;
	}
	*ret = n;
	return NULL;
}

static fault_t gemini_skim(str body, enum operation op, struct arena *keep,
                           struct skimmed *ret, str *ret_detail)
{
	struct json_member members[MEMBERS_MOST];
	struct json_value config;
	uint64_t most = 0, choices = 1;
	unsigned times = 0;
	size_t count;
	fault_t why;

	(void)op;
	*ret = (struct skimmed){ .choices = 1, .wants_usage = true };
	why = json_members(body, &json_limits_default, members, MEMBERS_MOST, &count);
	if (why)
		return why;
	config = find(members, count, STR("generationConfig"), STR("generation_config"),
	              &times);
	if (times > 1)
		return FAULT_JSON_DUPLICATE;
	if (config.type == JSON_NONE)
		return NULL;
	if (config.type != JSON_OBJECT) {
		*ret_detail = STR("\"generationConfig\" must be an object");
		return FAULT_BAD_REQUEST;
	}
	why = json_object_members(config, members, MEMBERS_MOST, &count);
	if (!why)
		why = read_count(members, count, STR("maxOutputTokens"),
		                 STR("max_output_tokens"), &most, keep, ret_detail);
	if (!why)
		why = read_count(members, count, STR("candidateCount"),
		                 STR("candidate_count"), &choices, keep, ret_detail);
	ret->max_tokens = most;
	ret->choices = (uint32_t)(choices ? choices : 1);
	return why;
}

/* ---- failures ---- */

static str status_of(int http)
{
	static const struct {
		int http;
		str name;
	} rows[] = {
		{ 400, STR_INIT("INVALID_ARGUMENT") },
		{ 401, STR_INIT("UNAUTHENTICATED") },
		{ 402, STR_INIT("RESOURCE_EXHAUSTED") },
		{ 403, STR_INIT("PERMISSION_DENIED") },
		{ 404, STR_INIT("NOT_FOUND") },
		{ 408, STR_INIT("DEADLINE_EXCEEDED") },
		{ 409, STR_INIT("ABORTED") },
		{ 429, STR_INIT("RESOURCE_EXHAUSTED") },
		{ 499, STR_INIT("CANCELLED") },
		{ 501, STR_INIT("UNIMPLEMENTED") },
		{ 503, STR_INIT("UNAVAILABLE") },
		{ 504, STR_INIT("DEADLINE_EXCEEDED") },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		if (rows[i].http == http)
			return rows[i].name;
	}
	return http < 500 ? STR("INVALID_ARGUMENT") : STR("INTERNAL");
}

/* What other formats say as code and param. */
static void write_details(struct json_writer *w, fault_t why, str message, str param)
{
	if (!why->code.len && !param.len)
		return;
	json_key(w, STR("details"));
	json_open(w, '[');
	if (why->code.len) {
		json_open(w, '{');
		json_key_str(w, STR("@type"),
		             STR("type.googleapis.com/google.rpc.ErrorInfo"));
		json_key_str(w, STR("reason"), why->code);
		json_key_str(w, STR("domain"), STR("sluice"));
		json_close(w, '}');
	}
	if (param.len) {
		json_open(w, '{');
		json_key_str(w, STR("@type"),
		             STR("type.googleapis.com/google.rpc.BadRequest"));
		json_key(w, STR("fieldViolations"));
		json_open(w, '[');
		json_open(w, '{');
		json_key_str(w, STR("field"), param);
		json_key_str(w, STR("description"), message);
		json_close(w, '}');
		json_close(w, ']');
		json_close(w, '}');
	}
	json_close(w, ']');
}

void gemini_write_error(struct json_writer *w, fault_t why, str message, str param)
{
	if (!message.len)
		message = why->text;
	json_open(w, '{');
	json_key(w, STR("error"));
	json_open(w, '{');
	json_key_int(w, STR("code"), why->status);
	json_key_str(w, STR("message"), message);
	json_key_str(w, STR("status"), status_of(why->status));
	write_details(w, why, message, param);
	json_close(w, '}');
	json_close(w, '}');
}

static void gemini_write_fault(struct buf *to, fault_t why, str message, str param)
{
	struct json_writer w = { .to = to };

	gemini_write_error(&w, why, message, param);
	buf_add_char(to, '\n');
}

static void gemini_write_stream_fault(struct buf *to, fault_t why, str message)
{
	struct json_writer w = { .to = to };

	buf_add(to, STR("data: "));
	gemini_write_error(&w, why, message, STR_NONE);
	buf_add(to, STR("\n\n"));
}

/* Streams without alt=sse fail with an array of one error. */
static str gemini_error_message(str body)
{
	static const char *const places[] = { "error.message", "error", "message" };

	return error_body_words(body, places, countof(places));
}

/* ---- the URL ---- */

static void gemini_write_path(enum operation op, str model, bool stream, struct buf *to)
{
	str_skip(&model, STR("models/"));
	buf_add(to, STR("/models/"));
	url_encode(to, model);
	if (op == OP_CHAT)
		buf_add(to, stream ? STR(":streamGenerateContent?alt=sse")
		                   : STR(":generateContent"));
	else if (op == OP_EMBEDDINGS)
		buf_add(to, stream ? STR(":batchEmbedContents") : STR(":embedContent"));
	else if (op == OP_COUNT)
		buf_add(to, STR(":countTokens"));
}

static void gemini_write_count(struct buf *to, uint64_t tokens)
{
	struct json_writer w = { .to = to };

	json_open(&w, '{');
	json_key_int(&w, STR("totalTokens"), (int64_t)tokens);
	json_close(&w, '}');
}

static void rename_in(struct edit_copy *c, struct json_value object, str quoted)
{
	struct json_value v = json_get(object, STR("model"));

	if (v.type == JSON_STRING && !str_eq(v.raw, quoted))
		edit_copy_put(c, v.raw, quoted);
}

/* Has the body calls in its history?  Found by a letter that texts seldom have. */
static bool has_calls(str body)
{
	return str_has_by(body, STR("functionCall\""), 8) ||
	       str_has_by(body, STR("function_call\""), 8);
}

static struct json_value either(struct json_value object, str camel, str snake)
{
	struct json_value v = json_get(object, camel);

	return v.type == JSON_NONE ? json_get(object, snake) : v;
}

/* False: the part is no call. */
static bool sign_call(struct edit_copy *c, struct json_value part)
{
	struct json_value call = either(part, STR("functionCall"), STR("function_call"));
	struct json_value sign =
	        either(part, STR("thoughtSignature"), STR("thought_signature"));

	if (call.type != JSON_OBJECT)
		return false;
	if (sign.type == JSON_NONE) /* behind the brace */
		edit_copy_put(c, str_of(part.raw.ptr + 1, 0),
		              STR("\"thoughtSignature\":\"" GEMINI_UNSIGNED "\","));
	else if (!json_has_text(sign))
		edit_copy_put(c, sign.raw, STR("\"" GEMINI_UNSIGNED "\""));
	return true;
}

/* The history may be an older model's, or another vendor's that does not think: its calls
 * have no signatures, for which Gemini 3 answers 400 (wire-formats 6.3). */
static bool sign_calls(str body, str model, struct buf *to)
{
	struct edit_copy c = { .text = body, .to = to };
	struct json_value content, part, one_content, one_part;
	struct json_iter contents, parts;

	if (!has_calls(body) || gemini_model_of(model)->generation < 3)
		return false;
	contents = gemini_items(json_get(chat_root(body), STR("contents")), &one_content);
	while (gemini_next(&contents, &one_content, &content)) {
		if (!json_text_is(json_get(content, STR("role")), STR("model")))
			continue;
		parts = gemini_items(json_get(content, STR("parts")), &one_part);
		while (gemini_next(&parts, &one_part, &part) && !sign_call(&c, part))
			; /* only the first of a turn needs one */
	}
	return edit_copy_end(&c);
}

/* Embeddings and counts name the model in the body as well, a batch for each text, and it
 * must be the URL's. */
static bool rename_model(str body, str model, struct buf *to)
{
	struct buf quoted = BUF_LIMIT(4 * KiB), name = BUF_LIMIT(KiB);
	struct json_writer w = { .to = &quoted };
	struct edit_copy c = { .text = body, .to = to };
	struct json_value root, requests;
	struct json_member m;
	bool is_changed;

	if (json_check(body, &json_limits_default, &root))
		return false;
	str_skip(&model, STR("models/"));
	buf_add(&name, STR("models/"));
	buf_add(&name, model);
	json_str(&w, buf_str(&name));
	rename_in(&c, root, buf_str(&quoted));
	requests = json_get(root, STR("requests"));
	for (struct json_iter it = json_iter(requests); json_next(&it, &m);)
		rename_in(&c, m.value, buf_str(&quoted));
	rename_in(&c, json_get(root, STR("generateContentRequest")), buf_str(&quoted));
	is_changed = edit_copy_end(&c);
	buf_free(&quoted);
	buf_free(&name);
	return is_changed;
}

static bool gemini_patch(enum operation op, str body, str model, struct buf *to)
{
	return op == OP_CHAT ? sign_calls(body, model, to)
	                     : rename_model(body, model, to);
}

const struct wire wire_gemini = {
	.name = STR_INIT("gemini"),
	.format = WIRE_GEMINI,
	.frames = FRAMES_SSE,
	.model_in_path = true,
	/* @google/genai 1.x in Gemini CLI: "Incomplete JSON segment at the end";
	 * @google/generative-ai below LangChain: "Failed to parse stream". */
	.no_comments = true,
	.unread_errors = true,
	.skim = gemini_skim,
	.error_message = gemini_error_message,
	.write_fault = gemini_write_fault,
	.cap_in = STR_INIT("generationConfig"),
	.cap_in_too = STR_INIT("generation_config"),
	.cap_names = { STR_INIT("maxOutputTokens"), STR_INIT("max_output_tokens") },
	.write_stream_fault = gemini_write_stream_fault,
	.keep_head = gemini_keep_head,
	.write_path = gemini_write_path,
	.read_request = gemini_read_request,
	.write_request = gemini_write_request,
	.read_reply = gemini_read_reply,
	.read_event = gemini_read_event,
	.read_eof = gemini_read_eof,
	.write_reply = gemini_write_reply,
	.emit = &gemini_emit,
	.write_count = gemini_write_count,
	.work = { [OP_EMBEDDINGS] = &embed_gemini, [OP_COUNT] = &count_gemini },
	.patch = gemini_patch,
};
