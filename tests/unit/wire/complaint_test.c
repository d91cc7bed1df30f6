#include "wire/complaint.h"
#include "tests/check.h"

#define ERROR(inside) "{\"error\":{" inside "}}"
#define MESSAGE(text) ERROR("\"message\":\"" text "\"")

struct row {
	enum wire_format format;
	int status;
	const char *kind, *text;
	fault_t want;
};

static void check_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct complaint c = { .format = rows[i].format,
			               .status = rows[i].status,
			               .kind = str_from_z(rows[i].kind),
			               .text = str_from_z(rows[i].text) };
		fault_t got = complaint_fault(&c);

		if (got != rows[i].want)
			check_failed(__FILE__, __LINE__, "%d %s is %.*s, not %.*s",
			             rows[i].status, rows[i].text, STR_ARG(got->name),
			             STR_ARG(rows[i].want->name));
	}
}

TEST(every_status_has_a_row)
{
	static const struct {
		int status;
		fault_t want;
	} rows[] = {
		{ 101, FAULT_UPSTREAM_MALFORMED }, { 302, FAULT_UPSTREAM_REDIRECT },
		{ 400, FAULT_UPSTREAM_REFUSED },   { 401, FAULT_UPSTREAM_AUTH },
		{ 402, FAULT_UPSTREAM_QUOTA },     { 403, FAULT_UPSTREAM_AUTH },
		{ 404, FAULT_UPSTREAM_NO_MODEL },  { 408, FAULT_UPSTREAM_BUSY },
		{ 409, FAULT_UPSTREAM_BUSY },      { 413, FAULT_UPSTREAM_TOO_LARGE },
		{ 422, FAULT_UPSTREAM_REFUSED },   { 425, FAULT_UPSTREAM_BUSY },
		{ 429, FAULT_UPSTREAM_LIMITED },   { 498, FAULT_UPSTREAM_LIMITED },
		{ 499, FAULT_UPSTREAM_FAILED },    { 500, FAULT_UPSTREAM_FAILED },
		{ 502, FAULT_UPSTREAM_FAILED },    { 503, FAULT_UPSTREAM_BUSY },
		{ 504, FAULT_UPSTREAM_FAILED },    { 520, FAULT_UPSTREAM_FAILED },
		{ 529, FAULT_UPSTREAM_BUSY },      { 530, FAULT_UPSTREAM_FAILED },
		{ 599, FAULT_UPSTREAM_FAILED },    { 999, FAULT_UPSTREAM_MALFORMED },
	};

	for (unsigned f = WIRE_NONE; f < WIRE_FORMATS; f++) {
		for (size_t i = 0; i < countof(rows); i++) {
			struct row row = { (enum wire_format)f, rows[i].status, "",
				           f % 2 ? MESSAGE("it broke") : "<html>",
				           rows[i].want };

			check_rows(&row, 1);
		}
	}
}

/* Everything below 429 that is not the client's fault, and the other way round. */
TEST(words_weigh_more_than_a_status)
{
	static const struct row rows[] = {
		/* an empty account, under whatever status */
		{ WIRE_OPENAI_CHAT, 429, "",
		  ERROR("\"message\":\"You exceeded your current quota\",\"type\":"
		        "\"insufficient_quota\",\"param\":null,\"code\":"
		        "\"insufficient_quota\""),
		  FAULT_UPSTREAM_QUOTA },
		{ WIRE_OPENAI_CHAT, 429, "", ERROR("\"code\":\"billing_not_active\""),
		  FAULT_UPSTREAM_QUOTA },
		{ WIRE_OPENAI_RESPONSES, 429, "",
		  ERROR("\"code\":\"billing_hard_limit_reached\""),
		  FAULT_UPSTREAM_QUOTA },
		{ WIRE_ANTHROPIC, 400, "",
		  "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\","
		  "\"message\":\"Your credit balance is too low to access the Anthropic "
		  "API. Please go to Plans & Billing.\"}}",
		  FAULT_UPSTREAM_QUOTA },
		{ WIRE_ANTHROPIC, 402, "", ERROR("\"type\":\"billing_error\""),
		  FAULT_UPSTREAM_QUOTA },
		{ WIRE_OPENAI_CHAT, 402, "", MESSAGE("Insufficient Balance"),
		  FAULT_UPSTREAM_QUOTA },
		{ WIRE_OPENAI_CHAT, 400, "", ERROR("\"code\":\"Arrearage\""),
		  FAULT_UPSTREAM_QUOTA },
		{ WIRE_OPENAI_CHAT, 429, "", ERROR("\"code\":\"1113\""),
		  FAULT_UPSTREAM_QUOTA },
		{ WIRE_COHERE, 429, "",
		  "{\"message\":\"You are using a Trial key, which is limited to 1000 "
		  "API calls / month.\"}",
		  FAULT_UPSTREAM_QUOTA },
		{ WIRE_OPENAI_CHAT, 429, "",
		  ERROR("\"type\":\"requests\",\"code\":\"rate_limit_exceeded\""),
		  FAULT_UPSTREAM_LIMITED },
		/* a key that is wrong */
		{ WIRE_GEMINI, 400, "",
		  ERROR("\"code\":400,\"status\":\"INVALID_ARGUMENT\",\"message\":\"API "
		        "key not valid. Please pass a valid API key.\",\"details\":[{"
		        "\"@type\":\"t\",\"reason\":\"API_KEY_INVALID\"}]"),
		  FAULT_UPSTREAM_AUTH },
		{ WIRE_OPENAI_CHAT, 401, "", ERROR("\"code\":\"account_deactivated\""),
		  FAULT_UPSTREAM_AUTH },
		{ WIRE_BEDROCK, 400, "UnrecognizedClientException:http://aws/",
		  "{\"message\":\"The security token is invalid.\"}",
		  FAULT_UPSTREAM_AUTH },
		{ WIRE_BEDROCK, 403, "ExpiredTokenException", "", FAULT_UPSTREAM_AUTH },
		/* a filter */
		{ WIRE_OPENAI_CHAT, 400, "",
		  ERROR("\"code\":\"content_policy_violation\""),
		  FAULT_UPSTREAM_FILTERED },
		{ WIRE_OPENAI_CHAT, 400, "",
		  ERROR("\"code\":\"content_filter\",\"status\":400,\"innererror\":{"
		        "\"code\":\"ResponsibleAIPolicyViolation\"}"),
		  FAULT_UPSTREAM_FILTERED },
		{ WIRE_OPENAI_RESPONSES, 400, "", ERROR("\"code\":\"invalid_prompt\""),
		  FAULT_UPSTREAM_FILTERED },
		{ WIRE_ANTHROPIC, 400, "",
		  MESSAGE("Output blocked by content filtering policy"),
		  FAULT_UPSTREAM_FILTERED },
		{ WIRE_OPENAI_CHAT, 403, "",
		  MESSAGE("x requires moderation. Your input was flagged for \\\"y\\\"."),
		  FAULT_UPSTREAM_FILTERED },
		{ WIRE_OPENAI_CHAT, 400, "", MESSAGE("Content Exists Risk"),
		  FAULT_UPSTREAM_FILTERED },
		/* models, capacity */
		{ WIRE_OPENAI_RESPONSES, 400, "",
		  ERROR("\"param\":\"model\",\"code\":\"model_not_found\""),
		  FAULT_UPSTREAM_NO_MODEL },
		{ WIRE_BEDROCK, 400, "ValidationException",
		  "{\"message\":\"The provided model identifier is invalid.\"}",
		  FAULT_UPSTREAM_NO_MODEL },
		/* a key that is good, but not for this model */
		{ WIRE_OPENAI_CHAT, 403, "",
		  ERROR("\"message\":\"Project `proj_x` does not have access to model "
		        "`gpt-y`\",\"type\":\"invalid_request_error\",\"param\":null,"
		        "\"code\":\"model_not_found\""),
		  FAULT_UPSTREAM_NO_MODEL },
		{ WIRE_OPENAI_CHAT, 403, "",
		  ERROR("\"message\":\"Model access denied.\",\"code\":"
		        "\"Model.AccessDenied\""),
		  FAULT_UPSTREAM_NO_MODEL },
		{ WIRE_OPENAI_CHAT, 403, "",
		  ERROR("\"message\":\"Access to model denied.\",\"type\":"
		        "\"AccessDenied.Unpurchased\""),
		  FAULT_UPSTREAM_NO_MODEL },
		{ WIRE_BEDROCK, 403, "AccessDeniedException",
		  "{\"message\":\"You don't have access to the model with the "
		  "specified model ID.\"}",
		  FAULT_UPSTREAM_NO_MODEL },
		{ WIRE_BEDROCK, 403, "AccessDeniedException",
		  "{\"message\":\"User: arn:aws:iam::1:user/x is not authorized to "
		  "perform: bedrock:InvokeModel\"}",
		  FAULT_UPSTREAM_AUTH },
		{ WIRE_OPENAI_CHAT, 403, "",
		  ERROR("\"message\":\"Country not supported\",\"code\":"
		        "\"unsupported_country_region_territory\""),
		  FAULT_UPSTREAM_AUTH },
		{ WIRE_BEDROCK, 429, "ModelNotReadyException", "", FAULT_UPSTREAM_BUSY },
		{ WIRE_BEDROCK, 400, "ServiceQuotaExceededException", "",
		  FAULT_UPSTREAM_LIMITED },
		{ WIRE_BEDROCK, 424, "ModelErrorException", "", FAULT_UPSTREAM_FAILED },
		{ WIRE_OPENAI_CHAT, 413, "",
		  ERROR("\"message\":\"Request too large for model `m` on tokens per "
		        "minute (TPM): Limit 6000, Requested 9000\",\"code\":"
		        "\"rate_limit_exceeded\""),
		  FAULT_UPSTREAM_OVER_RATE },
		{ WIRE_OPENAI_CHAT, 429, "",
		  ERROR("\"message\":\"Request too large for gpt-4o in organization "
		        "org-x on tokens per min (TPM): Limit 30000, Requested 45000.\","
		        "\"type\":\"tokens\",\"code\":\"rate_limit_exceeded\""),
		  FAULT_UPSTREAM_OVER_RATE },
		{ WIRE_OPENAI_CHAT, 429, "",
		  ERROR("\"message\":\"Rate limit reached for gpt-4o in organization "
		        "org-x on tokens per min (TPM): Limit 30000, Used 29000, "
		        "Requested 4500.\",\"type\":\"tokens\",\"code\":"
		        "\"rate_limit_exceeded\""),
		  FAULT_UPSTREAM_LIMITED },
		{ WIRE_ANTHROPIC, 413, "", ERROR("\"type\":\"request_too_large\""),
		  FAULT_UPSTREAM_TOO_LARGE },
		/* a client's own words do not bench a key of ours */
		{ WIRE_OPENAI_CHAT, 400, "",
		  MESSAGE("Invalid value: 'Your credit balance is too low'"),
		  FAULT_UPSTREAM_REFUSED },
		{ WIRE_OPENAI_CHAT, 422, "",
		  "{\"detail\":[{\"msg\":\"Field required\",\"input\":\"API key not "
		  "valid insufficient_quota invalid_api_key\"}]}",
		  FAULT_UPSTREAM_REFUSED },
	};

	check_rows(rows, countof(rows));
}

/* What a client's own id is answered with says nothing of our key, nor of the model. */
TEST(what_the_request_names_is_the_clients)
{
	static const struct row rows[] = {
		{ WIRE_GEMINI, 403, "",
		  ERROR("\"code\":403,\"message\":\"You do not have permission to access "
		        "the File abc-123 or it may not exist.\",\"status\":"
		        "\"PERMISSION_DENIED\""),
		  FAULT_UPSTREAM_LACKS },
		{ WIRE_GEMINI, 403, "",
		  ERROR("\"code\":403,\"message\":\"CachedContent not found (or "
		        "permission denied)\",\"status\":\"PERMISSION_DENIED\""),
		  FAULT_UPSTREAM_LACKS },
		{ WIRE_OPENAI_RESPONSES, 404, "",
		  MESSAGE("Conversation with id 'conv_nope' not found."),
		  FAULT_UPSTREAM_LACKS },
		{ WIRE_OPENAI_RESPONSES, 404, "",
		  MESSAGE("Item with id 'rs_1' not found. Items are not persisted when "
		          "`store` is set to false."),
		  FAULT_UPSTREAM_LACKS },
		{ WIRE_OPENAI_RESPONSES, 404, "",
		  ERROR("\"code\":\"previous_response_not_found\""),
		  FAULT_UPSTREAM_LACKS },
		{ WIRE_ANTHROPIC, 404, "",
		  ERROR("\"type\":\"not_found_error\",\"message\":\"File not found: "
		        "file_nope\""),
		  FAULT_UPSTREAM_LACKS },
		{ WIRE_OPENAI_RESPONSES, 400, "",
		  ERROR("\"code\":\"conversation_locked\""), FAULT_UPSTREAM_REFUSED },
		{ WIRE_OPENAI_RESPONSES, 409, "",
		  ERROR("\"code\":\"conversation_locked\""), FAULT_UPSTREAM_REFUSED },
		/* a key that is refused stays one */
		{ WIRE_GEMINI, 403, "",
		  ERROR("\"code\":403,\"message\":\"The caller does not have "
		        "permission\",\"status\":\"PERMISSION_DENIED\""),
		  FAULT_UPSTREAM_AUTH },
		{ WIRE_OPENAI_CHAT, 403, "",
		  MESSAGE("Forbidden: 'You do not have permission to access the File'"),
		  FAULT_UPSTREAM_AUTH },
		{ WIRE_OPENAI_CHAT, 401, "", MESSAGE("Item with id 'rs_1' not found."),
		  FAULT_UPSTREAM_AUTH },
	};

	check_rows(rows, countof(rows));
}

TEST(a_404_that_does_not_speak_of_the_model)
{
	static const struct {
		int status;
		str text;
		fault_t named,
		        unnamed; /* where the request names something, or nothing */
	} rows[] = {
		{ 404, STR_INIT(MESSAGE("Skill skill_1 not found")), FAULT_UPSTREAM_LACKS,
		  FAULT_UPSTREAM_NO_MODEL },
		{ 404, STR_INIT("Not Found"), FAULT_UPSTREAM_LACKS,
		  FAULT_UPSTREAM_NO_MODEL },
		{ 404, STR_INIT(MESSAGE("The Model `x` does not exist")),
		  FAULT_UPSTREAM_NO_MODEL, FAULT_UPSTREAM_NO_MODEL },
		{ 403, STR_INIT(MESSAGE("no")), FAULT_UPSTREAM_AUTH,
		  FAULT_UPSTREAM_AUTH },
		{ 400, STR_INIT(ERROR("\"code\":\"model_not_found\"")),
		  FAULT_UPSTREAM_NO_MODEL, FAULT_UPSTREAM_NO_MODEL },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct complaint c = { .status = rows[i].status, .text = rows[i].text };

		CHECK_STR_EQ(complaint_fault(&c)->name, rows[i].unnamed->name);
		c.names_kept = true;
		CHECK_STR_EQ(complaint_fault(&c)->name, rows[i].named->name);
	}
}

TEST(errors_inside_an_answer_are_the_same_rows)
{
	static const struct row rows[] = {
		{ WIRE_OPENAI_CHAT, 0, "", MESSAGE("it broke"), FAULT_STREAM_ERROR },
		{ WIRE_OPENAI_CHAT, 200, "", MESSAGE("it broke"), FAULT_STREAM_ERROR },
		{ WIRE_OPENAI_CHAT, 0, "", "{\"error\":\"gone\"}", FAULT_STREAM_ERROR },
		{ WIRE_OPENAI_CHAT, 0, "", "no JSON", FAULT_STREAM_ERROR },
		/* OpenRouter's code is the status */
		{ WIRE_OPENAI_CHAT, 0, "", ERROR("\"code\":429,\"message\":\"a\""),
		  FAULT_UPSTREAM_LIMITED },
		{ WIRE_OPENAI_CHAT, 0, "", ERROR("\"code\":502"), FAULT_UPSTREAM_FAILED },
		{ WIRE_OPENAI_CHAT, 0, "", ERROR("\"code\":503"), FAULT_UPSTREAM_BUSY },
		{ WIRE_OPENAI_CHAT, 0, "", ERROR("\"code\":\"529\""),
		  FAULT_UPSTREAM_BUSY },
		{ WIRE_OPENAI_CHAT, 0, "", ERROR("\"code\":402"), FAULT_UPSTREAM_QUOTA },
		{ WIRE_OPENAI_CHAT, 0, "", ERROR("\"code\":403"), FAULT_UPSTREAM_AUTH },
		{ WIRE_OPENAI_CHAT, 0, "",
		  ERROR("\"type\":\"insufficient_quota\",\"code\":null"),
		  FAULT_UPSTREAM_QUOTA },
		{ WIRE_OPENAI_CHAT, 0, "",
		  "{\"object\":\"error\",\"message\":\"too much\",\"code\":429}",
		  FAULT_UPSTREAM_LIMITED },
		{ WIRE_OPENAI_RESPONSES, 0, "",
		  "{\"code\":\"rate_limit_exceeded\",\"message\":\"a\"}",
		  FAULT_UPSTREAM_LIMITED },
		{ WIRE_OPENAI_RESPONSES, 0, "",
		  "{\"type\":\"response.failed\",\"response\":{\"status\":\"failed\","
		  "\"error\":{\"code\":\"server_error\",\"message\":\"a\"}}}",
		  FAULT_UPSTREAM_FAILED },
		{ WIRE_ANTHROPIC, 0, "error",
		  "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
		  "\"message\":\"Overloaded\"}}",
		  FAULT_UPSTREAM_BUSY },
		{ WIRE_ANTHROPIC, 0, "", ERROR("\"type\":\"rate_limit_error\""),
		  FAULT_UPSTREAM_LIMITED },
		{ WIRE_ANTHROPIC, 0, "", ERROR("\"type\":\"api_error\""),
		  FAULT_UPSTREAM_FAILED },
		{ WIRE_GEMINI, 0, "",
		  ERROR("\"code\":503,\"message\":\"a\",\"status\":\"UNAVAILABLE\""),
		  FAULT_UPSTREAM_BUSY },
		{ WIRE_GEMINI, 0, "",
		  "[{\"error\":{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\"}}]",
		  FAULT_UPSTREAM_LIMITED },
		{ WIRE_BEDROCK, 0, "throttlingException", "{\"message\":\"a\"}",
		  FAULT_UPSTREAM_LIMITED },
		{ WIRE_BEDROCK, 0, "modelStreamErrorException", "{}",
		  FAULT_UPSTREAM_FAILED },
		{ WIRE_BEDROCK, 0, "validationException",
		  "{\"message\":\"Input is too long for requested model.\"}",
		  FAULT_CONTEXT_TOO_LONG },
		{ WIRE_COHERE, 0, "message-end",
		  "{\"type\":\"message-end\",\"delta\":{\"error\":\"too many tokens: "
		  "9\",\"finish_reason\":\"ERROR\"}}",
		  FAULT_CONTEXT_TOO_LONG },
	};

	check_rows(rows, countof(rows));
}

/* Each vendor's words for a prompt that is too long, and the limit they name. */
TEST(context_errors_of_all_vendors)
{
	static const struct {
		const char *text;
		uint64_t limit;
	} rows[] = {
		{ MESSAGE("This model's maximum context length is 8192 tokens. However, "
		          "your messages resulted in 9001 tokens."),
		  8192 },
		{ ERROR("\"code\":\"context_length_exceeded\",\"message\":\"Your input "
		        "exceeds the context window of this model.\""),
		  0 },
		{ MESSAGE("prompt is too long: 210000 tokens > 200000 maximum"), 200000 },
		{ MESSAGE("input length and `max_tokens` exceed context limit: 197000 + "
		          "8192 > 200000, decrease input length"),
		  200000 },
		{ MESSAGE("The input token count (1200000) exceeds the maximum number "
		          "of tokens allowed (1048576)."),
		  1048576 },
		{ "{\"message\":\"Input is too long for requested model.\"}", 0 },
		{ "{\"message\":\"Too many input tokens. Max input tokens: 8192, request "
		  "input token count: 9000\"}",
		  8192 },
		{ "{\"message\":\"too many tokens: size limit exceeded by 10 tokens. The "
		  "limit for this model is 4096 tokens.\"}",
		  4096 },
		{ "{\"object\":\"error\",\"message\":\"Prompt contains 40000 tokens and "
		  "0 draft tokens, too large for model with 32768 maximum context "
		  "length\"}",
		  32768 },
		{ MESSAGE("Please reduce the length of the messages or completion."), 0 },
		{ MESSAGE("`inputs` tokens + `max_new_tokens` must be <= 4097. Given: "
		          "5000 `inputs` tokens"),
		  4097 },
		{ MESSAGE("This model's maximum prompt length is 131072 but the request "
		          "contains 200000 tokens."),
		  131072 },
		{ MESSAGE("The prompt is too long: 10000, model maximum context length: "
		          "8191"),
		  8191 },
		{ MESSAGE("The decoder prompt (length 9000) is longer than the maximum "
		          "model length of 4096."),
		  4096 },
		{ ERROR("\"type\":\"exceed_context_size_error\",\"n_ctx\":4096"), 4096 },
		{ MESSAGE("This endpoint's maximum context length is 32,768 tokens."),
		  32768 },
		{ MESSAGE("Invalid request: Your request exceeded model token limit: "
		          "8192"),
		  8192 },
		{ MESSAGE("Range of input length should be [1, 30720]"), 30720 },
		{ ERROR("\"message\":\"Provider returned error\",\"code\":400,"
		        "\"metadata\":{\"raw\":\"{\\\"error\\\":{\\\"code\\\":"
		        "\\\"context_length_exceeded\\\"}}\"}"),
		  0 },
		{ "This model's maximum context length is 7 tokens", 7 },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct row row = { WIRE_NONE, 400, "", rows[i].text,
			           FAULT_CONTEXT_TOO_LONG };
		uint64_t limit = complaint_limit(str_from_z(rows[i].text));

		check_rows(&row, 1);
		if (limit != rows[i].limit)
			check_failed(__FILE__, __LINE__, "%s: limit %llu", rows[i].text,
			             (unsigned long long)limit);
	}
	CHECK_INT(complaint_limit(STR_NONE), 0);
	CHECK_INT(complaint_limit(STR("maximum context length is ")), 0);
}

TEST(waits_in_prose)
{
	static const struct {
		str text;
		usec want;
	} rows[] = {
		{ STR_INIT("Please try again in 5.289s. Visit"), 5289 * USEC_MS },
		{ STR_INIT("Please try again in 6m0s."), 360 * USEC_SEC },
		{ STR_INIT("try again in 120ms"), 120 * USEC_MS },
		{ STR_INIT("Please retry after 26 seconds."), 26 * USEC_SEC },
		{ STR_INIT("Please retry in 34.07s."), 34070 * USEC_MS },
		{ STR_INIT("Try again in 1 minute"), 60 * USEC_SEC },
		{ STR_INIT("try again in 200 milliseconds"), 200 * USEC_MS },
		{ STR_INIT("{\"details\":[{\"retryDelay\": \"13s\"}]}"), 13 * USEC_SEC },
		{ STR_INIT("{\"retryDelay\":\"0.5s\"}"), 500 * USEC_MS },
		{ STR_INIT("try again in a while"), 0 },
		{ STR_INIT("try again in "), 0 },
		{ STR_INIT("try again later"), 0 },
		{ STR_INIT(""), 0 },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		usec got = complaint_wait(rows[i].text);

		if (got != rows[i].want)
			check_failed(__FILE__, __LINE__, "\"%.*s\": %lld",
			             STR_ARG(rows[i].text), (long long)got);
	}
}
