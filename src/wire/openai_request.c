/* openai_request.c - a chat request read into the neutral form: its options.  Messages
 * are read in openai_messages.c, tools in openai_tools.c.
 *
 * Known are OpenAI's members (wire-formats 2.2) and how the common dialects ask for
 * reasoning (10), because clients are written for those too.  Plain options come from
 * concept.def. */
#include "wire/openai_chat.h"

enum member {
	R_MODEL,
	R_MESSAGES,
	R_STREAM,
	R_STREAM_OPTIONS,
	R_MAX_TOKENS,
	R_MAX_COMPLETION_TOKENS,
	R_STOP,
	R_N,
	R_LOGPROBS,
	R_TOP_LOGPROBS,
	R_USER,
	R_SERVICE_TIER,
	R_STORE,
	R_RESPONSE_FORMAT,
	R_REASONING_EFFORT,
	R_REASONING,
	R_THINKING,
	R_ENABLE_THINKING,
	R_THINKING_BUDGET,
	R_INCLUDE_REASONING,
	R_USAGE,
	R_TOOLS,
	R_TOOL_CHOICE,
	R_PARALLEL,
	R_FUNCTIONS,
	R_FUNCTION_CALL,
	R_MODALITIES,
	R_AUDIO,
	R_WEB_SEARCH,
	R_OWN, /* plain options follow */
	R_MOST = 64,
};

static const str own_names[R_OWN] = {
	[R_MODEL] = STR_INIT("model"),
	[R_MESSAGES] = STR_INIT("messages"),
	[R_STREAM] = STR_INIT("stream"),
	[R_STREAM_OPTIONS] = STR_INIT("stream_options"),
	[R_MAX_TOKENS] = STR_INIT("max_tokens"),
	[R_MAX_COMPLETION_TOKENS] = STR_INIT("max_completion_tokens"),
	[R_STOP] = STR_INIT("stop"),
	[R_N] = STR_INIT("n"),
	[R_LOGPROBS] = STR_INIT("logprobs"),
	[R_TOP_LOGPROBS] = STR_INIT("top_logprobs"),
	[R_USER] = STR_INIT("user"),
	[R_SERVICE_TIER] = STR_INIT("service_tier"),
	[R_STORE] = STR_INIT("store"),
	[R_RESPONSE_FORMAT] = STR_INIT("response_format"),
	[R_REASONING_EFFORT] = STR_INIT("reasoning_effort"),
	[R_REASONING] = STR_INIT("reasoning"),
	[R_THINKING] = STR_INIT("thinking"),
	[R_ENABLE_THINKING] = STR_INIT("enable_thinking"),
	[R_THINKING_BUDGET] = STR_INIT("thinking_budget"),
	[R_INCLUDE_REASONING] = STR_INIT("include_reasoning"),
	[R_USAGE] = STR_INIT("usage"),
	[R_TOOLS] = STR_INIT("tools"),
	[R_TOOL_CHOICE] = STR_INIT("tool_choice"),
	[R_PARALLEL] = STR_INIT("parallel_tool_calls"),
	[R_FUNCTIONS] = STR_INIT("functions"),
	[R_FUNCTION_CALL] = STR_INIT("function_call"),
	[R_MODALITIES] = STR_INIT("modalities"),
	[R_AUDIO] = STR_INIT("audio"),
	[R_WEB_SEARCH] = STR_INIT("web_search_options"),
};

static fault_t bad(str *ret_detail, const char *what)
{
	*ret_detail = str_from_z(what);
	return FAULT_BAD_REQUEST;
}

/* ---- options of a shape ---- */

static fault_t read_stops(struct chat_request *r, struct json_value v, str *ret_detail)
{
	struct json_member m = { .value = v };
	struct json_iter it = json_iter(v);

	if (v.type == JSON_NONE)
		return NULL;
	if (v.type == JSON_STRING)
		r->stops[r->stop_count++] = chat_text(r, v);
	else if (v.type != JSON_ARRAY)
		return bad(ret_detail, "\"stop\" must be a string or a list of strings");
	while (json_next(&it, &m)) {
		if (m.value.type != JSON_STRING || r->stop_count == CHAT_STOPS)
			return bad(ret_detail, "\"stop\" must be at most 16 strings");
		r->stops[r->stop_count++] = chat_text(r, m.value);
	}
	if (r->stop_count)
		chat_mark(r, CONCEPT_STOP);
	return NULL;
}

static fault_t read_schema(struct chat_request *r, struct json_value v, str *ret_detail)
{
	struct json_value strict = json_get(v, STR("strict"));

	r->schema = json_get(v, STR("schema"));
	if (v.type != JSON_OBJECT || r->schema.type != JSON_OBJECT)
		return bad(ret_detail, "\"response_format\" needs json_schema.schema");
	r->form = FORM_SCHEMA;
	r->schema_name = chat_text(r, json_get(v, STR("name")));
	r->schema_description = chat_text(r, json_get(v, STR("description")));
	if (strict.type == JSON_TRUE || strict.type == JSON_FALSE)
		r->schema_strict = strict.type == JSON_TRUE ? TRI_YES : TRI_NO;
	chat_mark(r, CONCEPT_JSON_SCHEMA);
	return NULL;
}

static fault_t read_form(struct chat_request *r, struct json_value v, str *ret_detail)
{
	struct json_value type = json_get(v, STR("type"));

	if (v.type == JSON_NONE || json_text_is(type, STR("text")))
		return NULL;
	if (json_text_is(type, STR("json_schema")))
		return read_schema(r, json_get(v, STR("json_schema")), ret_detail);
	if (!json_text_is(type, STR("json_object")))
		return bad(ret_detail, "\"response_format\" must be of type text, "
		                       "json_object or json_schema");
	r->form = FORM_JSON;
	chat_mark(r, CONCEPT_JSON_MODE);
	return NULL;
}

/* ---- reasoning ---- */

static void set_effort(struct chat_request *r, enum chat_effort effort)
{
	r->effort = effort;
	chat_mark(r, CONCEPT_EFFORT);
}

static void read_effort(struct chat_request *r, struct json_value v, const char *where)
{
	jstr word = chat_text(r, v);
	enum chat_effort effort = chat_effort_find(word);

	if (v.type == JSON_NONE || str_eq(word, STR("default")))
		return;
	if (effort == EFFORT_UNSET)
		chat_drop(r, str_from_z(where));
	else
		set_effort(r, effort);
}

static void read_budget(struct chat_request *r, struct json_value v)
{
	uint64_t budget;

	if (!json_u64(v, &budget) || budget == 0)
		return;
	r->budget = budget;
	chat_mark(r, CONCEPT_BUDGET);
}

/* On without a level is what the vendors with a switch do by default. */
static void read_switch(struct chat_request *r, bool is_on)
{
	if (!is_on)
		set_effort(r, EFFORT_NONE);
	else if (r->effort == EFFORT_UNSET && r->budget == 0)
		set_effort(r, EFFORT_HIGH);
}

static bool is_bool(struct json_value v)
{
	return v.type == JSON_TRUE || v.type == JSON_FALSE;
}

/* OpenRouter's object. */
static void read_reasoning_object(struct chat_request *r, struct json_value object)
{
	static const str names[] = { STR_INIT("effort"), STR_INIT("max_tokens"),
		                     STR_INIT("enabled"), STR_INIT("exclude") };
	enum { LEVEL, BUDGET, ENABLED, EXCLUDE };
	struct json_value v[countof(names)];

	chat_pick(r, object, STR("reasoning"), names, countof(names), v);
	read_effort(r, v[LEVEL], "reasoning.effort");
	read_budget(r, v[BUDGET]);
	if (is_bool(v[ENABLED]))
		read_switch(r, v[ENABLED].type == JSON_TRUE);
	if (v[EXCLUDE].type == JSON_TRUE)
		r->show_reasoning = TRI_NO;
}

/* DeepSeek's, Z.ai's and others'. */
static void read_thinking_object(struct chat_request *r, struct json_value object)
{
	static const str names[] = { STR_INIT("type"), STR_INIT("budget_tokens") };
	enum { TYPE, BUDGET };
	struct json_value v[countof(names)];

	chat_pick(r, object, STR("thinking"), names, countof(names), v);
	read_budget(r, v[BUDGET]);
	if (v[TYPE].type == JSON_STRING)
		read_switch(r, !json_text_is(v[TYPE], STR("disabled")));
}

static void read_reasoning(struct chat_request *r, const struct json_value *v)
{
	struct json_value show = v[R_INCLUDE_REASONING];

	read_effort(r, v[R_REASONING_EFFORT], "reasoning_effort");
	read_budget(r, v[R_THINKING_BUDGET]);
	read_reasoning_object(r, v[R_REASONING]);
	read_thinking_object(r, v[R_THINKING]);
	if (is_bool(v[R_ENABLE_THINKING]))
		read_switch(r, v[R_ENABLE_THINKING].type == JSON_TRUE);
	if (is_bool(show))
		r->show_reasoning = show.type == JSON_TRUE ? TRI_YES : TRI_NO;
}

/* ---- the rest ---- */

static void keep_option(struct chat_request *r, enum concept concept, struct json_value v)
{
	r->options[concept] = v;
	chat_mark(r, concept);
}

static void read_output_kinds(struct chat_request *r, const struct json_value *v)
{
	struct json_member m;

	for (struct json_iter it = json_iter(v[R_MODALITIES]); json_next(&it, &m);) {
		if (json_text_is(m.value, STR("audio")))
			keep_option(r, CONCEPT_AUDIO_OUT, v[R_MODALITIES]);
		else if (json_text_is(m.value, STR("image")))
			chat_mark(r, CONCEPT_IMAGE_OUT);
	}
}

/* What is only worth a word when it is not what happens anyway. */
static void read_wishes(struct chat_request *r, const struct json_value *v)
{
	uint64_t n = 1, top = 0;

	json_u64(v[R_N], &n);
	if (n > 1)
		keep_option(r, CONCEPT_CHOICES, v[R_N]);
	json_u64(v[R_TOP_LOGPROBS], &top);
	if (v[R_LOGPROBS].type == JSON_TRUE)
		keep_option(r, CONCEPT_LOGPROBS, v[R_LOGPROBS]);
	if (top > 0)
		keep_option(r, CONCEPT_TOP_LOGPROBS, v[R_TOP_LOGPROBS]);
	if (json_has_text(v[R_USER]))
		keep_option(r, CONCEPT_USER, v[R_USER]);
	if (json_has_text(v[R_SERVICE_TIER]) &&
	    !json_text_is(v[R_SERVICE_TIER], STR("auto")))
		keep_option(r, CONCEPT_SERVICE_TIER, v[R_SERVICE_TIER]);
	if (v[R_STORE].type == JSON_TRUE)
		keep_option(r, CONCEPT_STORE, v[R_STORE]);
	if (v[R_PARALLEL].type == JSON_TRUE)
		r->parallel = TRI_YES;
	if (v[R_PARALLEL].type == JSON_FALSE) {
		r->parallel = TRI_NO;
		chat_mark(r, CONCEPT_PARALLEL_OFF);
	}
	if (v[R_WEB_SEARCH].type == JSON_OBJECT) {
		chat_add_tool(r, TOOL_WEB_SEARCH)->raw = v[R_WEB_SEARCH];
		chat_mark(r, CONCEPT_WEB_SEARCH);
	}
}

/* Usage in a stream is asked for in OpenAI's words, or in OpenRouter's, and then with
 * what it cost. */
static void read_usage(struct chat_request *r, const struct json_value *v)
{
	static const str names[] = { STR_INIT("include") };
	struct json_value include;

	chat_pick(r, v[R_USAGE], STR("usage"), names, countof(names), &include);
	r->wants_cost = include.type == JSON_TRUE;
	r->stream_usage =
	        r->stream &&
	        (r->wants_cost ||
	         json_get(v[R_STREAM_OPTIONS], STR("include_usage")).type == JSON_TRUE);
}

static void read_cap(struct chat_request *r, const struct json_value *v)
{
	uint64_t most = 0;

	json_u64(v[R_MAX_TOKENS], &most);
	json_u64(v[R_MAX_COMPLETION_TOKENS], &most);
	r->max_tokens = most;
	if (most)
		chat_mark(r, CONCEPT_MAX_TOKENS);
}

/* Plain options of the format are picked beside the others. */
static unsigned add_plain_names(str *names)
{
	unsigned count = R_OWN;

	for (unsigned i = 0; i < CONCEPTS && count < R_MOST; i++) {
		str path = concepts[i].path[WIRE_OPENAI_CHAT];

		if (concepts[i].kind == SCALAR && path.len)
			names[count++] = path;
	}
	return count;
}

static void read_root(struct chat_request *r, struct json_value root,
                      struct json_value *values)
{
	str names[R_MOST];
	unsigned count;

	memcpy(names, own_names, sizeof(own_names));
	count = add_plain_names(names);
	chat_pick(r, root, STR_NONE, names, count, values);
	for (unsigned i = R_OWN; i < count; i++)
		chat_read_option(r, WIRE_OPENAI_CHAT, names[i], values[i]);
}

fault_t openai_read_request(str body, struct chat_request *r, str *ret_detail)
{
	struct json_value v[R_MOST] = { 0 }, root = chat_root(body);
	fault_t why;

	if (root.type != JSON_OBJECT)
		return FAULT_BAD_JSON;
	read_root(r, root, v);
	r->model = chat_text(r, v[R_MODEL]);
	r->stream = v[R_STREAM].type == JSON_TRUE;
	read_usage(r, v);
	read_cap(r, v);
	read_reasoning(r, v);
	read_output_kinds(r, v);
	read_wishes(r, v);
	if ((why = read_stops(r, v[R_STOP], ret_detail)) ||
	    (why = read_form(r, v[R_RESPONSE_FORMAT], ret_detail)) ||
	    (why = openai_read_functions(r, v[R_FUNCTIONS], ret_detail)) ||
	    (why = openai_read_tools(r, v[R_TOOLS], ret_detail)) ||
	    (why = openai_read_choice(r, v[R_FUNCTION_CALL], ret_detail)) ||
	    (why = openai_read_choice(r, v[R_TOOL_CHOICE], ret_detail)) ||
	    (why = openai_read_messages(r, v[R_MESSAGES], ret_detail)))
		return why;
	return r->why;
}
