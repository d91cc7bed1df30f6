/* bedrock.c - Amazon Bedrock's Converse API: the pass lane's view of a request, how
 * failures are said, and what is special about which family of models.
 *
 * The model stands in the path and "stream" is the other operation's name, so a body says
 * little.  Streams are binary frames (codec/event_stream.h).  Facts: wire-formats 8. */
#include "wire/bedrock.h"

#include "codec/event_stream.h"
#include "codec/text.h"
#include "wire/error_body.h"

enum { MEMBERS_MOST = 64, TOKENS_MOST = INT32_MAX };

/* ---- the request, for the pass lane ---- */

static fault_t bedrock_skim(str body, enum operation op, struct arena *keep,
                            struct skimmed *ret, str *ret_detail)
{
	struct json_member members[MEMBERS_MOST], inner[MEMBERS_MOST];
	size_t count, inner_count = 0;
	fault_t why;

	*ret = (struct skimmed){ .choices = 1, .wants_usage = true };
	why = json_members(body, &json_limits_default, members, MEMBERS_MOST, &count);
	if (why)
		return why;
	for (size_t i = 0; i < count; i++) {
		if (str_eq(members[i].key, STR("inferenceConfig")) &&
		    (why = json_object_members(members[i].value, inner, MEMBERS_MOST,
		                               &inner_count)))
			return why;
	}
	for (size_t i = 0; i < inner_count; i++) {
		struct json_value v = inner[i].value;

		if (!str_eq(inner[i].key, STR("maxTokens")) || v.type == JSON_NULL)
			continue;
		if (!json_u64(v, &ret->max_tokens) || ret->max_tokens > TOKENS_MOST) {
			*ret_detail = STR("\"inferenceConfig.maxTokens\" must be an "
			                  "integer from 0 to 2147483647");
			return FAULT_BAD_REQUEST;
		}
	}
	return NULL;
}

static void bedrock_write_path(enum operation op, str model, bool stream, struct buf *to)
{
	/* Counting takes a model's own id, without the region an inference profile has.
	 */
	static const str regions[] = { STR_INIT("us."),     STR_INIT("eu."),
		                       STR_INIT("apac."),   STR_INIT("jp."),
		                       STR_INIT("au."),     STR_INIT("us-gov."),
		                       STR_INIT("global."), STR_INIT("ca.") };

	for (size_t i = 0; op == OP_COUNT && i < countof(regions); i++) {
		if (str_skip(&model, regions[i]))
			break;
	}
	buf_add(to, STR("/model/"));
	url_encode(to, model);
	if (op == OP_COUNT)
		buf_add(to, STR("/count-tokens"));
	else if (op == OP_EMBEDDINGS)
		buf_add(to, STR("/invoke"));
	else
		buf_add(to, stream ? STR("/converse-stream") : STR("/converse"));
}

static void bedrock_write_count(struct buf *to, uint64_t tokens)
{
	struct json_writer w = { .to = to };

	json_open(&w, '{');
	json_key_int(&w, STR("inputTokens"), (int64_t)tokens);
	json_close(&w, '}');
}

/* ---- failures ---- */

str bedrock_error_type(fault_t why)
{
	static const struct {
		int status;
		str type;
	} rows[] = {
		{ 401, STR_INIT("UnrecognizedClientException") },
		{ 402, STR_INIT("ServiceQuotaExceededException") },
		{ 403, STR_INIT("AccessDeniedException") },
		{ 404, STR_INIT("ResourceNotFoundException") },
		{ 408, STR_INIT("ModelTimeoutException") },
		{ 429, STR_INIT("ThrottlingException") },
		{ 503, STR_INIT("ServiceUnavailableException") },
		{ 504, STR_INIT("ModelTimeoutException") },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		if (rows[i].status == why->status)
			return rows[i].type;
	}
	if (why->status < 500)
		return STR("ValidationException");
	return fault_is_upstream(why) ? STR("ModelErrorException")
	                              : STR("InternalServerException");
}

/* ConverseStream declares these and no others. */
str bedrock_stream_error_type(fault_t why)
{
	if (why->status == 429)
		return STR("throttlingException");
	if (why->status < 500)
		return STR("validationException");
	if (why->status == 503)
		return STR("serviceUnavailableException");
	return fault_is_upstream(why) ? STR("modelStreamErrorException")
	                              : STR("internalServerException");
}

static void write_message(struct buf *to, fault_t why, str message)
{
	struct json_writer w = { .to = to };

	json_open(&w, '{');
	json_key_str(&w, STR("message"), message.len ? message : why->text);
	json_close(&w, '}');
}

static void bedrock_write_fault(struct buf *to, fault_t why, str message, str param)
{
	write_message(to, why, message);
}

static void bedrock_write_fault_lines(struct buf *to, fault_t why)
{
	buf_addf(to, "x-amzn-errortype: %.*s\r\n", STR_ARG(bedrock_error_type(why)));
}

static void bedrock_write_stream_fault(struct buf *to, fault_t why, str message)
{
	const struct aws_header headers[] = {
		{ STR(":exception-type"), bedrock_stream_error_type(why) },
		{ STR(":content-type"), STR("application/json") },
		{ STR(":message-type"), STR("exception") },
	};
	size_t at = aws_open(to, headers, countof(headers));

	write_message(to, why, message);
	aws_close(to, at);
}

static str bedrock_error_message(str body)
{
	static const char *const places[] = { "message", "Message", "originalMessage" };

	return error_body_words(body, places, countof(places));
}

/* ---- families of models ---- */

#define CLAUDE                                                                           \
	(BEDROCK_CLAUDE | BEDROCK_LEADING | BEDROCK_CHOOSE_ANY | BEDROCK_CHOOSE_ONE |    \
	 BEDROCK_CACHE | BEDROCK_CACHE_TOOLS | BEDROCK_STRICT | BEDROCK_TOP_K)
#define CHOICE (BEDROCK_CHOOSE_ANY | BEDROCK_CHOOSE_ONE)

/* The first row that fits counts.  Facts: wire-formats 5.5 and 8.3. */
static const struct bedrock_family families[] = {
	{ STR_INIT("claude-opus-4-6"), CLAUDE, THINKS_ADAPTIVE },
	{ STR_INIT("claude-sonnet-4-6"), CLAUDE, THINKS_ADAPTIVE },
	{ STR_INIT("claude-opus-4-7"), CLAUDE | BEDROCK_XHIGH | BEDROCK_NO_SAMPLING,
	  THINKS_ADAPTIVE },
	{ STR_INIT("claude-opus-4-8"), CLAUDE | BEDROCK_XHIGH | BEDROCK_NO_SAMPLING,
	  THINKS_ADAPTIVE },
	{ STR_INIT("claude-opus-5"), CLAUDE | BEDROCK_XHIGH | BEDROCK_NO_SAMPLING,
	  THINKS_ADAPTIVE },
	{ STR_INIT("claude-sonnet-5"), CLAUDE | BEDROCK_XHIGH | BEDROCK_NO_SAMPLING,
	  THINKS_ADAPTIVE },
	{ STR_INIT("claude-fable"), CLAUDE | BEDROCK_XHIGH | BEDROCK_NO_SAMPLING,
	  THINKS_ADAPTIVE },
	{ STR_INIT("claude-mythos"), CLAUDE | BEDROCK_XHIGH | BEDROCK_NO_SAMPLING,
	  THINKS_ADAPTIVE },
	{ STR_INIT("claude-3-7"), CLAUDE, THINKS_BUDGET },
	{ STR_INIT("claude-3"), CLAUDE, THINKS_NOT },
	{ STR_INIT("claude-v2"), CLAUDE, THINKS_NOT },
	{ STR_INIT("claude-instant"), CLAUDE, THINKS_NOT },
	{ STR_INIT("claude"), CLAUDE, THINKS_BUDGET },
	{ STR_INIT("nova-2"),
	  CHOICE | BEDROCK_CACHE | BEDROCK_TOP_K_INSIDE | BEDROCK_NO_SCHEMA,
	  THINKS_NOVA },
	{ STR_INIT("nova"),
	  CHOICE | BEDROCK_CACHE | BEDROCK_TOP_K_INSIDE | BEDROCK_NO_SCHEMA, THINKS_NOT },
	{ STR_INIT("llama"), BEDROCK_ALONE, THINKS_NOT },
	{ STR_INIT("mistral"), BEDROCK_ALONE | BEDROCK_CHOOSE_ANY, THINKS_NOT },
	{ STR_INIT("gpt-oss"), 0, THINKS_EFFORT },
	{ STR_INIT("qwen"), BEDROCK_LEADING, THINKS_CONFIG },
	{ STR_INIT("palmyra"), BEDROCK_NO_STATUS, THINKS_NOT },
	{ STR_INIT("deepseek"), 0, THINKS_NOT },
	{ STR_INIT("cohere"), 0, THINKS_NOT },
	{ STR_INIT("jamba"), 0, THINKS_NOT },
	{ STR_INIT(""), CHOICE | BEDROCK_STRICT, THINKS_NOT },
};

const struct bedrock_family *bedrock_family_of(str model)
{
	const struct bedrock_family *f = families;

	while (!str_has(model, f->pattern) && f->pattern.len > 0)
		f++;
	return f;
}

/* ---- small things ---- */

void bedrock_write_args(struct json_writer *w, struct arena *keep, jstr text)
{
	str plain = str_trim(chat_plain(keep, text));
	struct json_value v;

	if (plain.len == 0) {
		json_raw(w, STR("{}"));
	} else if (!json_check(plain, &json_limits_default, &v) &&
	           v.type == JSON_OBJECT) {
		json_raw(w, v.raw);
	} else {
		json_open(w, '{');
		json_key_jstr(w, STR("_raw"), text);
		json_close(w, '}');
	}
}

void bedrock_lose(struct chat_request *r, enum concept concept)
{
	str path = concepts[concept].path[r->from];

	chat_drop(r, path.len ? path : concepts[concept].name);
}

const struct wire wire_bedrock = {
	.name = STR_INIT("bedrock"),
	.format = WIRE_BEDROCK,
	.frames = FRAMES_AWS,
	.model_in_path = true,
	.skim = bedrock_skim,
	.error_line = STR_INIT("x-amzn-errortype"),
	.error_message = bedrock_error_message,
	.write_fault = bedrock_write_fault,
	.cap_in = STR_INIT("inferenceConfig"),
	.cap_names = { STR_INIT("maxTokens") },
	.write_stream_fault = bedrock_write_stream_fault,
	.write_fault_lines = bedrock_write_fault_lines,
	.write_path = bedrock_write_path,
	.read_request = bedrock_read_request,
	.write_request = bedrock_write_request,
	.read_reply = bedrock_read_reply,
	.read_event = bedrock_read_event,
	.read_eof = bedrock_read_eof,
	.write_reply = bedrock_write_reply,
	.emit = &bedrock_emit,
	.write_count = bedrock_write_count,
	.work = { [OP_EMBEDDINGS] = &embed_bedrock, [OP_COUNT] = &count_bedrock },
	.tokens_line = STR_INIT("x-amzn-bedrock-input-token-count"),
};
