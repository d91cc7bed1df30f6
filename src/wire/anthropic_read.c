/* anthropic_read.c - a Messages request into the neutral form: its members, and its
 * messages but for their blocks (anthropic_blocks.c) and its tools (anthropic_tools.c).
 *
 * What a user's message answers to tools becomes a message of its own, in front of the
 * rest.  Facts: wire-formats 5.2, 5.5. */
#include "wire/anthropic.h"

#include <stdarg.h>
#include <stdio.h>

void anthropic_refuse(struct anthropic_reading *in, const char *fmt, ...)
{
	char text[192];
	va_list args;
	char *kept;
	int n;

	if (in->r->why)
		return;
	in->r->why = FAULT_BAD_REQUEST;
	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n < 0)
		return;
	str told = str_of(text, min_of((size_t)n, sizeof(text) - 1));
	if ((kept = arena_try(in->r->keep, told.len))) {
		memcpy(kept, told.ptr, told.len);
		*in->detail = str_of(kept, told.len);
	}
}

enum chat_cache anthropic_read_cache(struct chat_request *r, struct json_value v)
{
	if (v.type != JSON_OBJECT)
		return CACHE_NONE;
	chat_mark(r, CONCEPT_CACHE_MARK);
	return json_text_is(json_get(v, STR("ttl")), STR("1h")) ? CACHE_1H : CACHE_5M;
}

/* ---- messages ---- */

static void read_content(struct anthropic_reading *in, enum chat_role role,
                         struct json_value content)
{
	unsigned kinds;

	if (content.type == JSON_STRING) {
		in->to = chat_add_message(in->r, role);
		chat_add_text(in->r, in->to, chat_text(in->r, content));
		return;
	}
	if (content.type != JSON_ARRAY) {
		anthropic_refuse(in, "messages.%u.content: must be a string or an array",
		                 in->message);
		return;
	}
	kinds = anthropic_kinds_of(content);
	if (kinds & ANTHROPIC_RESULTS) {
		if (role != CHAT_USER) {
			anthropic_refuse(
			        in, "messages.%u: tool_result stands in user messages",
			        in->message);
			return;
		}
		in->to = chat_add_message(in->r, CHAT_TOOL);
		anthropic_read_blocks(in, content, true);
	}
	if (kinds & ANTHROPIC_OTHERS) {
		in->to = chat_add_message(in->r, role);
		anthropic_read_blocks(in, content, false);
	}
}

static void read_message(struct anthropic_reading *in, struct json_value message)
{
	enum { ROLE, MESSAGE_CONTENT };
	static const str names[] = { STR_INIT("role"), STR_INIT("content") };
	static const struct {
		str name;
		enum chat_role role;
	} roles[] = {
		{ STR_INIT("user"), CHAT_USER },
		{ STR_INIT("assistant"), CHAT_ASSISTANT },
		{ STR_INIT("system"), CHAT_SYSTEM },
	};
	struct json_value v[2] = { 0 };

	if (message.type != JSON_OBJECT) {
		anthropic_refuse(in, "messages.%u: must be an object", in->message);
		return;
	}
	chat_pick(in->r, message, STR("messages[]"), names, countof(names), v);
	for (size_t i = 0; i < countof(roles); i++) {
		if (!json_text_is(v[ROLE], roles[i].name))
			continue;
		read_content(in, roles[i].role, v[MESSAGE_CONTENT]);
		return;
	}
	anthropic_refuse(in, "messages.%u.role: must be user, assistant or system",
	                 in->message);
}

static void read_messages(struct anthropic_reading *in, struct json_value messages)
{
	struct json_member m;

	if (messages.type != JSON_ARRAY)
		anthropic_refuse(in, "messages: must be an array");
	for (struct json_iter it = json_iter(messages); json_next(&it, &m) && !in->r->why;
	     in->message++)
		read_message(in, m.value);
}

static void read_system(struct anthropic_reading *in, struct json_value system)
{
	if (anthropic_is_absent(system))
		return;
	if (system.type != JSON_STRING && system.type != JSON_ARRAY)
		anthropic_refuse(in,
		                 "system: must be a string or an array of text blocks");
	else
		read_content(in, CHAT_SYSTEM, system);
}

/* ---- options ---- */

/* Beside what it means to all, thinking is kept as it was said. */
static void read_thinking_option(struct anthropic_reading *in, struct json_value v)
{
	enum { THINKING_TYPE, THINKING_BUDGET, THINKING_DISPLAY };
	static const str names[] = { STR_INIT("type"), STR_INIT("budget_tokens"),
		                     STR_INIT("display") };
	struct json_value got[3] = { 0 };
	struct chat_request *r = in->r;
	bool adaptive, enabled;

	if (anthropic_is_absent(v))
		return;
	chat_pick(r, v, STR("thinking"), names, countof(names), got);
	r->options[CONCEPT_THINKING] = v;
	adaptive = json_text_is(got[THINKING_TYPE], STR("adaptive"));
	enabled = json_text_is(got[THINKING_TYPE], STR("enabled"));
	if (json_text_is(got[THINKING_TYPE], STR("disabled"))) {
		r->effort = EFFORT_NONE;
		chat_mark(r, CONCEPT_EFFORT);
		return;
	}
	if (!adaptive && !enabled) {
		anthropic_refuse(in,
		                 "thinking.type: must be enabled, adaptive or disabled");
		return;
	}
	r->show_reasoning =
	        json_text_is(got[THINKING_DISPLAY], STR("omitted")) ? TRI_NO : TRI_YES;
	if (adaptive) {
		if (r->effort == EFFORT_UNSET)
			r->effort = EFFORT_HIGH; /* what Anthropic takes it for */
		chat_mark(r, CONCEPT_EFFORT);
		return;
	}
	if (!json_u64(got[THINKING_BUDGET], &r->budget) || r->budget == 0 ||
	    r->budget > INT32_MAX)
		anthropic_refuse(in,
		                 "thinking.budget_tokens: must be a positive integer");
	chat_mark(r, CONCEPT_BUDGET);
}

static void read_form(struct anthropic_reading *in, struct json_value v)
{
	enum { FORM_TYPE, FORM_OF };
	static const str names[] = { STR_INIT("type"), STR_INIT("schema") };
	struct json_value got[2] = { 0 };

	if (anthropic_is_absent(v))
		return;
	chat_pick(in->r, v, STR("output_config.format"), names, countof(names), got);
	if (!json_text_is(got[FORM_TYPE], STR("json_schema")) ||
	    got[FORM_OF].type != JSON_OBJECT) {
		anthropic_refuse(
		        in, "output_config.format: must be a json_schema with a schema");
		return;
	}
	in->r->form = FORM_SCHEMA;
	in->r->schema = got[FORM_OF];
	chat_mark(in->r, CONCEPT_JSON_SCHEMA);
}

static void read_output(struct anthropic_reading *in, struct json_value v)
{
	enum { OUTPUT_EFFORT, OUTPUT_FORMAT, OUTPUT_BUDGET };
	static const str names[] = { STR_INIT("effort"), STR_INIT("format"),
		                     STR_INIT("task_budget") };
	struct json_value got[3] = { 0 };

	if (anthropic_is_absent(v))
		return;
	chat_pick(in->r, v, STR("output_config"), names, countof(names), got);
	if (!anthropic_is_absent(got[OUTPUT_EFFORT])) {
		in->r->effort = chat_effort_find(chat_text(in->r, got[OUTPUT_EFFORT]));
		in->r->options[CONCEPT_EFFORT] = got[OUTPUT_EFFORT];
		chat_mark(in->r, CONCEPT_EFFORT);
		if (in->r->effort == EFFORT_UNSET)
			anthropic_refuse(in,
			                 "output_config.effort: is not a known level");
	}
	read_form(in, got[OUTPUT_FORMAT]);
	if (!anthropic_is_absent(got[OUTPUT_BUDGET]))
		chat_read_option(in->r, WIRE_ANTHROPIC, STR("output_config.task_budget"),
		                 got[OUTPUT_BUDGET]);
}

static void read_stops(struct anthropic_reading *in, struct json_value stops)
{
	struct chat_request *r = in->r;
	struct json_member m;

	for (struct json_iter it = json_iter(stops); json_next(&it, &m);) {
		if (m.value.type != JSON_STRING || r->stop_count == CHAT_STOPS) {
			anthropic_refuse(in, "stop_sequences: must be at most %d strings",
			                 CHAT_STOPS);
			return;
		}
		r->stops[r->stop_count++] = chat_text(r, m.value);
		chat_mark(r, CONCEPT_STOP);
	}
}

static void read_metadata(struct anthropic_reading *in, struct json_value metadata)
{
	static const str names[] = { STR_INIT("user_id") };
	struct json_value got[1] = { 0 };

	if (anthropic_is_absent(metadata))
		return;
	chat_pick(in->r, metadata, STR("metadata"), names, 1, got);
	if (got[0].type != JSON_STRING)
		return;
	in->r->options[CONCEPT_USER] = got[0];
	chat_mark(in->r, CONCEPT_USER);
}

/* In OpenAI's words: "auto" is the same there, "standard_only" is "default". */
static void read_tier(struct anthropic_reading *in, struct json_value tier)
{
	if (anthropic_is_absent(tier))
		return;
	if (json_text_is(tier, STR("standard_only")))
		tier.raw = STR("\"default\"");
	in->r->options[CONCEPT_SERVICE_TIER] = tier;
	chat_mark(in->r, CONCEPT_SERVICE_TIER);
}

static void read_cap(struct anthropic_reading *in, struct json_value cap)
{
	if (anthropic_is_absent(cap))
		return; /* a body for count_tokens has none */
	if (!json_u64(cap, &in->r->max_tokens) || in->r->max_tokens > INT32_MAX)
		anthropic_refuse(in, "max_tokens: must be an integer");
	chat_mark(in->r, CONCEPT_MAX_TOKENS);
}

enum root_member {
	MODEL,
	STREAM,
	MAX_TOKENS,
	MESSAGES,
	SYSTEM,
	TOOLS,
	CHOICE,
	ROOT_THINKING,
	OUTPUT,
	OLD_FORMAT,
	STOPS,
	METADATA,
	TIER,
	OPTIONS, /* plain ones, from here on */
	ROOT_MEMBERS = OPTIONS + 9,
};
static const str root_names[ROOT_MEMBERS] = {
	[MODEL] = STR_INIT("model"),
	[STREAM] = STR_INIT("stream"),
	[MAX_TOKENS] = STR_INIT("max_tokens"),
	[MESSAGES] = STR_INIT("messages"),
	[SYSTEM] = STR_INIT("system"),
	[TOOLS] = STR_INIT("tools"),
	[CHOICE] = STR_INIT("tool_choice"),
	[ROOT_THINKING] = STR_INIT("thinking"),
	[OUTPUT] = STR_INIT("output_config"),
	[OLD_FORMAT] = STR_INIT("output_format"), /* of the beta */
	[STOPS] = STR_INIT("stop_sequences"),
	[METADATA] = STR_INIT("metadata"),
	[TIER] = STR_INIT("service_tier"),
	[OPTIONS] = STR_INIT("temperature"),
	STR_INIT("top_p"),
	STR_INIT("top_k"),
	STR_INIT("container"),
	STR_INIT("mcp_servers"),
	STR_INIT("context_management"),
	STR_INIT("speed"),
	STR_INIT("inference_geo"),
	STR_INIT("cache_control"),
};

static void read_root(struct anthropic_reading *in, const struct json_value *v)
{
	struct chat_request *r = in->r;

	r->model = chat_text(r, v[MODEL]);
	r->stream = v[STREAM].type == JSON_TRUE;
	r->stream_usage = true;
	read_cap(in, v[MAX_TOKENS]);
	read_system(in, v[SYSTEM]);
	read_messages(in, v[MESSAGES]);
	anthropic_read_tools(in, v[TOOLS], v[CHOICE]);
	read_output(in, v[OUTPUT]);
	read_form(in, v[OLD_FORMAT]);
	read_thinking_option(in, v[ROOT_THINKING]);
	read_stops(in, v[STOPS]);
	read_metadata(in, v[METADATA]);
	read_tier(in, v[TIER]);
	for (unsigned i = OPTIONS; i < ROOT_MEMBERS; i++) {
		if (!anthropic_is_absent(v[i]))
			chat_read_option(r, WIRE_ANTHROPIC, root_names[i], v[i]);
	}
}

fault_t anthropic_read_request(str body, struct chat_request *r, str *ret_detail)
{
	struct json_value root = chat_root(body), v[ROOT_MEMBERS] = { 0 };
	struct anthropic_reading in = { .r = r, .detail = ret_detail };

	if (root.type != JSON_OBJECT)
		return FAULT_BAD_JSON;
	chat_pick(r, root, STR_NONE, root_names, ROOT_MEMBERS, v);
	if (!r->why)
		read_root(&in, v);
	return r->why;
}
