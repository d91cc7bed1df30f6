/* openai.c - the OpenAI formats (chat completions and the small endpoints around it): the
 * request's side, and how a failure is said.  What an answer means: openai_tap.c.
 *
 * Facts: wire-formats 2, 4 and 12.3 (OpenAI's OpenAPI document of 2026-08-21). */
#include "wire/openai.h"
#include "wire/error_body.h"
#include "wire/openai_chat.h"
#include "wire/openai_fold.h"
#include "wire/skim.h"

#include "codec/json.h"
#include "codec/json_write.h"

enum { MEMBERS_MOST = 128, TOKENS_MOST = INT32_MAX };

/* What is read of a request's members; the rest passes as it is. */
#define REQUEST_MEMBERS(MEMBER)                                                          \
	MEMBER(model)                                                                    \
	MEMBER(stream)                                                                   \
	MEMBER(stream_options)                                                           \
	MEMBER(max_tokens)                                                               \
	MEMBER(max_completion_tokens)                                                    \
	MEMBER(user)                                                                     \
	MEMBER(n)                                                                        \
	MEMBER(best_of)                                                                  \
	MEMBER(prompt)                                                                   \
	MEMBER(usage)

struct request_members {
#define MEMBER(name) struct json_value name;
	REQUEST_MEMBERS(MEMBER)
#undef MEMBER
};

/* A member's name as a string. */
static struct json_value key_of(const struct json_member *m)
{
	return (struct json_value){ JSON_STRING, str_of(m->key.ptr - 1, m->key.len + 2) };
}

/* Nearly all names are plain, and then nearly all differ from these by their length. */
static void sort_member(struct request_members *to, const struct json_member *m,
                        bool is_plain)
{
#define MEMBER(name)                                                                     \
	if (is_plain ? str_eq(m->key, STR(#name))                                        \
	             : json_text_is(key_of(m), STR(#name))) {                            \
		to->name = m->value;                                                     \
		return;                                                                  \
	}
	REQUEST_MEMBERS(MEMBER)
#undef MEMBER
}

static bool is_absent(struct json_value v)
{
	return v.type == JSON_NONE || v.type == JSON_NULL;
}

/* A count that may be absent; anything but a small positive integer is refused, because
 * budgets are reserved from it. */
static fault_t read_count(struct json_value v, const char *name, struct arena *keep,
                          uint64_t *ret, str *ret_detail)
{
	uint64_t value;

	if (is_absent(v))
		return NULL;
	if (!json_u64(v, &value) || value > TOKENS_MOST) {
		*ret_detail = arena_printf(keep, "\"%s\" must be an integer from 0 to %d",
		                           name, TOKENS_MOST);
		return FAULT_BAD_REQUEST;
	}
	*ret = value;
	return NULL;
}

/* The smallest change that makes a stream report its usage. */
static fault_t read_stream_options(str body, const struct request_members *m,
                                   struct skimmed *ret, str *ret_detail)
{
	struct json_value options = m->stream_options, asked;
	struct json_member members[8];
	size_t count;
	fault_t why;

	ret->ask_usage = (struct edit){ .at = ret->model_at + ret->model_len };
	if (options.type == JSON_NONE) {
		ret->ask_usage.with = STR(",\"stream_options\":{\"include_usage\":true}");
		return NULL;
	}
	ret->ask_usage.at = (size_t)(options.raw.ptr - body.ptr);
	if (options.type == JSON_NULL) {
		ret->ask_usage.len = options.raw.len;
		ret->ask_usage.with = STR("{\"include_usage\":true}");
		return NULL;
	}
	if (options.type != JSON_OBJECT) {
		*ret_detail = STR("\"stream_options\" must be an object");
		return FAULT_BAD_REQUEST;
	}
	why = json_object_members(options, members, countof(members), &count);
	if (why)
		return why;
	asked = json_get(options, STR("include_usage"));
	ret->wants_usage = asked.type == JSON_TRUE;
	if (asked.type == JSON_NONE) {
		ret->ask_usage.at++; /* behind the brace */
		ret->ask_usage.with = count ? STR("\"include_usage\":true,")
		                            : STR("\"include_usage\":true");
	} else {
		ret->ask_usage.at = (size_t)(asked.raw.ptr - body.ptr);
		ret->ask_usage.len = asked.raw.len;
		ret->ask_usage.with = STR("true");
	}
	return NULL;
}

/* `"usage": {"include": true}` is OpenRouter's, who tells the cost by itself; to others
 * it goes without. */
static void read_cost_wish(str body, const struct json_member *members, size_t count,
                           struct json_value usage, struct skimmed *ret)
{
	size_t i = 0, from, end = (size_t)(usage.raw.ptr - body.ptr) + usage.raw.len;

	if (usage.type != JSON_OBJECT ||
	    json_get(usage, STR("include")).type != JSON_TRUE)
		return;
	ret->wants_cost = true;
	while (members[i].value.raw.ptr != usage.raw.ptr)
		i++;
	if (i > 0) { /* with the comma before it */
		str before = members[i - 1].value.raw;

		from = (size_t)(before.ptr - body.ptr) + before.len;
	} else { /* or behind it */
		from = (size_t)(members[0].key.ptr - 1 - body.ptr);
		if (count > 1)
			end = (size_t)(members[1].key.ptr - 1 - body.ptr);
	}
	ret->drop_cost = (struct edit){ .at = from, .len = end - from };
}

/* A prompt is a text or an array of tokens; an array of these is several. */
static uint64_t count_prompts(struct json_value prompt)
{
	struct json_iter it = json_iter(prompt);
	struct json_member one;
	uint64_t count = 0;

	while (prompt.type == JSON_ARRAY && json_next(&it, &one))
		count += one.value.type != JSON_NUMBER;
	return max_of(count, (uint64_t)1);
}

/* Completions answer each prompt n times, with the best of as many as are generated. */
static fault_t read_prompts(const struct request_members *m, struct arena *keep,
                            struct skimmed *ret, str *ret_detail)
{
	uint64_t prompts = count_prompts(m->prompt), best_of = 0;
	fault_t why = read_count(m->best_of, "best_of", keep, &best_of, ret_detail);

	ret->choices = (uint32_t)min_of(max_of(ret->choices, 1u) * prompts,
	                                (uint64_t)UINT32_MAX);
	ret->drafts = (uint32_t)min_of(best_of * prompts, (uint64_t)UINT32_MAX);
	return why;
}

static fault_t openai_skim(str body, enum operation op, struct arena *keep,
                           struct skimmed *ret, str *ret_detail)
{
	struct json_member members[MEMBERS_MOST];
	struct request_members m = { 0 };
	uint64_t n = 1, most = 0, most_too = 0;
	bool are_plain;
	size_t count;
	fault_t why;

	why = json_plain_members(body, &json_limits_default, members, MEMBERS_MOST,
	                         &count, &are_plain);
	if (why)
		return why;
	for (size_t i = 0; i < count; i++)
		sort_member(&m, &members[i], are_plain);
	*ret = (struct skimmed){ .choices = 1 };
	if ((why = skim_model(body, m.model, keep, ret, ret_detail)) ||
	    (why = read_count(m.max_tokens, "max_tokens", keep, &most, ret_detail)) ||
	    (why = read_count(m.max_completion_tokens, "max_completion_tokens", keep,
	                      &most_too, ret_detail)) ||
	    (why = read_count(m.n, "n", keep, &n, ret_detail)))
		return why;
	ret->max_tokens = max_of(most, most_too); /* hosts heed the one or the other */
	ret->choices = (uint32_t)n;
	ret->user = skim_user(m.user, keep);
	if (op == OP_COMPLETIONS && (why = read_prompts(&m, keep, ret, ret_detail)))
		return why;
	if (!is_absent(m.stream) && m.stream.type != JSON_TRUE &&
	    m.stream.type != JSON_FALSE) {
		*ret_detail = STR("\"stream\" must be true or false");
		return FAULT_BAD_REQUEST;
	}
	if (operations[op].is_chat)
		read_cost_wish(body, members, count, m.usage, ret);
	ret->stream = m.stream.type == JSON_TRUE && operations[op].may_stream;
	if (ret->stream && operations[op].is_chat)
		return read_stream_options(body, &m, ret, ret_detail);
	return NULL;
}

static void write_error_object(struct json_writer *w, fault_t why, str message, str param)
{
	json_open(w, '{');
	json_key(w, STR("error"));
	json_open(w, '{');
	json_key_str(w, STR("message"), message.len ? message : why->text);
	json_key_str(w, STR("type"), why->type);
	json_key(w, STR("param"));
	param.len ? json_str(w, param) : json_null(w);
	json_key(w, STR("code"));
	why->code.len ? json_str(w, why->code) : json_null(w);
	json_close(w, '}');
	json_close(w, '}');
}

static void openai_write_fault(struct buf *to, fault_t why, str message, str param)
{
	struct json_writer w = { .to = to };

	write_error_object(&w, why, message, param);
	buf_add_char(to, '\n');
}

static void openai_write_stream_fault(struct buf *to, fault_t why, str message)
{
	struct json_writer w = { .to = to };

	buf_add(to, STR("data: "));
	write_error_object(&w, why, message, STR_NONE);
	buf_add(to, STR("\n\n"));
}

/* Error bodies of compatible providers come in half a dozen shapes (wire-formats 10). */
static str openai_error_message(str body)
{
	static const char *const places[] = { "error.message", "message", "error",
		                              "detail", "fault.faultstring" };

	return error_body_words(body, places, countof(places));
}

const struct wire wire_openai_chat = {
	.name = STR_INIT("openai-chat"),
	.format = WIRE_OPENAI_CHAT,
	.skim = openai_skim,
	.tap_event = openai_tap_event,
	.tap_answer = openai_tap_answer,
	.is_complete = openai_is_complete,
	.unfold = openai_unfold,
	.fold = openai_fold,
	.error_message = openai_error_message,
	.write_fault = openai_write_fault,
	.cap_names = { STR_INIT("max_completion_tokens"), STR_INIT("max_tokens") },
	.write_stream_fault = openai_write_stream_fault,
	.keep_head = openai_keep_head,
	.write_end_mark = openai_write_end_mark,
	.write_late_usage = openai_write_late_usage,
	.write_path = openai_write_path,
	.read_request = openai_read_request,
	.write_request = openai_write_request,
	.read_reply = openai_read_reply,
	.read_event = openai_read_event,
	.read_eof = openai_read_eof,
	.write_reply = openai_write_reply,
	.emit = &openai_emit,
	.work = { [OP_EMBEDDINGS] = &embed_openai, [OP_RERANK] = &rank_openai },
};
