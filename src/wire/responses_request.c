/* responses_request.c - a client's Responses request, read into the neutral form: all but
 * the items of its input.
 *
 * State that lives at OpenAI (earlier responses, conversations, stored prompts) is kept
 * as it was written, and marked: no other format has a word for it.
 *
 * Facts: wire-formats 3.2, 13.1, 13.4-13.6. */
#include "wire/responses.h"

enum root_member {
	ROOT_MODEL,
	ROOT_STREAM,
	ROOT_STREAM_OPTIONS,
	ROOT_INPUT,
	ROOT_INSTRUCTIONS,
	ROOT_MAX,
	ROOT_TOOLS,
	ROOT_CHOICE,
	ROOT_PARALLEL,
	ROOT_TEXT,
	ROOT_REASONING,
	ROOT_INCLUDE,
	ROOT_TOP_LOGPROBS,
	/* kept as they are */
	ROOT_PREVIOUS,
	ROOT_CONVERSATION,
	ROOT_BACKGROUND,
	ROOT_PROMPT,
	ROOT_STORE,
	ROOT_USER,
	ROOT_TIER,
	/* plain options of concept.def */
	ROOT_TRUNCATION,
	ROOT_PLAIN,
	ROOT_MEMBERS = ROOT_PLAIN + 7,
};

static const str root_names[ROOT_MEMBERS] = {
	[ROOT_MODEL] = STR_INIT("model"),
	[ROOT_STREAM] = STR_INIT("stream"),
	[ROOT_STREAM_OPTIONS] = STR_INIT("stream_options"),
	[ROOT_INPUT] = STR_INIT("input"),
	[ROOT_INSTRUCTIONS] = STR_INIT("instructions"),
	[ROOT_MAX] = STR_INIT("max_output_tokens"),
	[ROOT_TOOLS] = STR_INIT("tools"),
	[ROOT_CHOICE] = STR_INIT("tool_choice"),
	[ROOT_PARALLEL] = STR_INIT("parallel_tool_calls"),
	[ROOT_TEXT] = STR_INIT("text"),
	[ROOT_REASONING] = STR_INIT("reasoning"),
	[ROOT_INCLUDE] = STR_INIT("include"),
	[ROOT_TOP_LOGPROBS] = STR_INIT("top_logprobs"),
	[ROOT_PREVIOUS] = STR_INIT("previous_response_id"),
	[ROOT_CONVERSATION] = STR_INIT("conversation"),
	[ROOT_BACKGROUND] = STR_INIT("background"),
	[ROOT_PROMPT] = STR_INIT("prompt"),
	[ROOT_STORE] = STR_INIT("store"),
	[ROOT_USER] = STR_INIT("user"),
	[ROOT_TIER] = STR_INIT("service_tier"),
	[ROOT_TRUNCATION] = STR_INIT("truncation"),
	[ROOT_PLAIN] = STR_INIT("temperature"),
	STR_INIT("top_p"),
	STR_INIT("metadata"),
	STR_INIT("safety_identifier"),
	STR_INIT("prompt_cache_key"),
	STR_INIT("prompt_cache_retention"),
	STR_INIT("max_tool_calls"),
};

void responses_refuse(struct responses_reading *in, str detail)
{
	if (in->why)
		return;
	in->why = FAULT_BAD_REQUEST;
	in->detail = detail;
}

/* ---- tools ---- */

static const str tool_names[] = {
	STR_INIT("type"),       STR_INIT("name"),   STR_INIT("description"),
	STR_INIT("parameters"), STR_INIT("strict"), STR_INIT("tools"),
	STR_INIT("format"),
};
enum tool_member {
	TOOL_M_TYPE,
	TOOL_M_NAME,
	TOOL_M_DESCRIPTION,
	TOOL_M_PARAMETERS,
	TOOL_M_STRICT,
	TOOL_M_TOOLS,
	TOOL_M_FORMAT,
	TOOL_MEMBERS,
};

/* Where strict is not said OpenAI makes the schema strict itself.  For others that holds
 * only when it is so already. */
static enum chat_tri read_strict(struct json_value strict, struct json_value schema)
{
	if (strict.type == JSON_TRUE)
		return TRI_YES;
	if (strict.type == JSON_FALSE)
		return TRI_NO;
	return chat_is_closed(schema) ? TRI_YES : TRI_UNSET;
}

/* Tools in a namespace may have the names of others: elsewhere they go by both, as MCP
 * tools do ("mcp__files__" and "read" are mcp__files__read). */
jstr responses_full_name(struct chat_request *r, jstr space, jstr name)
{
	str between = str_ends(space, STR("_")) ? STR_NONE : STR("__");
	size_t length = space.len + between.len + name.len;
	char *room = space.len ? arena_try(r->keep, length) : NULL;

	if (space.len && !room && !r->why)
		r->why = FAULT_JSON_LIMIT;
	if (!room)
		return name;
	memcpy(room, space.ptr, space.len);
	memcpy(room + space.len, "__", between.len);
	memcpy(room + space.len + between.len, name.ptr ? name.ptr : "", name.len);
	return str_of(room, length);
}

static void read_function(struct responses_reading *in, struct json_value tool,
                          jstr space)
{
	struct chat_request *r = in->r;
	struct json_value v[TOOL_MEMBERS];
	struct chat_tool *t = chat_add_tool(r, TOOL_FUNCTION);

	chat_pick(r, tool, STR("tools[]"), tool_names, TOOL_MEMBERS, v);
	t->raw = tool;
	t->name = responses_full_name(r, space, chat_text(r, v[TOOL_M_NAME]));
	t->description = chat_text(r, v[TOOL_M_DESCRIPTION]);
	if (v[TOOL_M_PARAMETERS].type == JSON_OBJECT)
		t->schema = v[TOOL_M_PARAMETERS];
	t->strict = read_strict(v[TOOL_M_STRICT], t->schema);
	t->is_strict_unsaid = v[TOOL_M_STRICT].type != JSON_TRUE;
	chat_mark(r, CONCEPT_TOOLS);
	if (t->strict == TRI_YES)
		chat_mark(r, CONCEPT_TOOL_STRICT);
	if (!json_has_text(v[TOOL_M_NAME]))
		responses_refuse(in, STR("a function in \"tools\" needs a \"name\""));
}

static void read_custom(struct responses_reading *in, struct json_value tool, jstr space)
{
	struct chat_request *r = in->r;
	struct json_value v[TOOL_MEMBERS];
	struct chat_tool *t = chat_add_tool(r, TOOL_CUSTOM);

	chat_pick(r, tool, STR("tools[]"), tool_names, TOOL_MEMBERS, v);
	t->raw = tool;
	t->name = responses_full_name(r, space, chat_text(r, v[TOOL_M_NAME]));
	t->description = chat_text(r, v[TOOL_M_DESCRIPTION]);
	chat_mark(r, CONCEPT_TOOL_CUSTOM);
	if (!json_has_text(v[TOOL_M_NAME]))
		responses_refuse(in, STR("a custom tool needs a \"name\""));
}

static void read_hosted(struct chat_request *r, struct json_value tool)
{
	struct json_value type = json_get(tool, STR("type"));
	enum chat_tool_kind kind = TOOL_HOSTED;
	enum concept concept = CONCEPT_HOSTED_TOOL;
	struct chat_tool *t;

	if (str_starts(chat_text(r, type), STR("web_search"))) {
		kind = TOOL_WEB_SEARCH;
		concept = CONCEPT_WEB_SEARCH;
	} else if (json_text_is(type, STR("code_interpreter"))) {
		kind = TOOL_CODE;
		concept = CONCEPT_CODE_TOOL;
	}
	t = chat_add_tool(r, kind);
	t->name = chat_text(r, type);
	t->raw = tool;
	if (concept == CONCEPT_HOSTED_TOOL)
		chat_mark_as(r, concept, "tools[].%.*s", STR_ARG(t->name));
	else
		chat_mark(r, concept);
}

static void read_tool(struct responses_reading *in, struct json_value tool, jstr space)
{
	struct json_value type = json_get(tool, STR("type"));
	struct json_member m;

	if (tool.type != JSON_OBJECT || type.type != JSON_STRING) {
		responses_refuse(in, STR("a tool must be an object with a \"type\""));
	} else if (json_text_is(type, STR("function"))) {
		read_function(in, tool, space);
	} else if (json_text_is(type, STR("custom"))) {
		read_custom(in, tool, space);
	} else if (json_text_is(type, STR("namespace")) && !space.len) {
		struct json_value name = json_get(tool, STR("name"));
		struct json_iter it = json_iter(json_get(tool, STR("tools")));

		if (!json_has_text(name))
			responses_refuse(in, STR("a namespace needs a \"name\""));
		while (!in->why && json_next(&it, &m))
			read_tool(in, m.value, chat_text(in->r, name));
	} else {
		read_hosted(in->r, tool);
	}
}

void responses_read_tools(struct responses_reading *in, struct json_value tools)
{
	struct json_member m;

	if (tools.type == JSON_NONE)
		return;
	if (tools.type != JSON_ARRAY) {
		responses_refuse(in, STR("\"tools\" must be an array"));
		return;
	}
	for (struct json_iter it = json_iter(tools); !in->why && json_next(&it, &m);)
		read_tool(in, m.value, STR_NONE);
}

/* A hosted tool goes by its type, and a search by any of the types searches have. */
static jstr hosted_name(struct chat_request *r, jstr type)
{
	const struct chat_tool *t = type.len ? chat_named_tool(r, type) : NULL;

	if (t || !str_starts(type, STR("web_search")))
		return type;
	for (t = r->tools; t && t->kind != TOOL_WEB_SEARCH;)
		t = t->next;
	return t ? t->name : type;
}

/* From t on, the first of the client's own tools that has this name in its namespace. */
static const struct chat_tool *find_called(struct chat_request *r,
                                           const struct chat_tool *t, jstr name)
{
	for (; t; t = t->next) {
		struct json_value own = json_get(t->raw, STR("name"));

		if (!chat_is_hosted(t) && str_eq(chat_text(r, own), name))
			break;
	}
	return t;
}

/* The full name of the tool that a choice means: one in a namespace may go by its own
 * name, where no other has that. */
static jstr meant_name(struct chat_request *r, struct json_value choice)
{
	jstr name = chat_text(r, json_get(choice, STR("name")));
	const struct chat_tool *found;

	if (!name.len)
		return hosted_name(r, chat_text(r, json_get(choice, STR("type"))));
	name = responses_full_name(r, chat_text(r, json_get(choice, STR("namespace"))),
	                           name);
	if (chat_named_tool(r, name))
		return name;
	found = find_called(r, r->tools, name);
	return found && !find_called(r, found->next, name) ? found->name : name;
}

static bool read_mode(struct chat_request *r, struct json_value mode)
{
	static const struct {
		str name;
		enum chat_choose choose;
	} modes[] = {
		{ STR_INIT("auto"), CHOOSE_AUTO },
		{ STR_INIT("required"), CHOOSE_ANY },
		{ STR_INIT("none"), CHOOSE_NONE },
	};

	for (size_t i = 0; i < countof(modes); i++) {
		if (json_text_is(mode, modes[i].name)) {
			r->choose = modes[i].choose;
			return true;
		}
	}
	return false;
}

static void allow(struct responses_reading *in, jstr name)
{
	struct chat_request *r = in->r;

	if (r->allowed_count == CHAT_NAMES)
		responses_refuse(in, STR("\"tool_choice\" allows more than 64 tools"));
	else
		r->allowed[r->allowed_count++] = name;
}

static void read_allowed(struct responses_reading *in, struct json_value choice)
{
	struct chat_request *r = in->r;
	struct json_value tools = json_get(choice, STR("tools"));
	const struct chat_tool *t;
	struct json_member m;

	if (!read_mode(r, json_get(choice, STR("mode"))))
		responses_refuse(in, STR("the \"mode\" of allowed_tools must be auto or "
		                         "required"));
	for (struct json_iter it = json_iter(tools); !in->why && json_next(&it, &m);) {
		jstr name = meant_name(r, m.value);

		if (!name.len)
			continue;
		t = chat_named_tool(r, name) ? NULL : find_called(r, r->tools, name);
		if (!t)
			allow(in, name);
		for (; t; t = find_called(r, t->next, name)) /* in any namespace */
			allow(in, t->name);
	}
}

static void read_choice(struct responses_reading *in, struct json_value choice)
{
	struct chat_request *r = in->r;
	struct json_value type = json_get(choice, STR("type"));

	if (choice.type == JSON_NONE || read_mode(r, choice))
		return;
	if (choice.type != JSON_OBJECT || type.type != JSON_STRING) {
		responses_refuse(in,
		                 STR("\"tool_choice\" must be none, auto, required or "
		                     "an object with a \"type\""));
	} else if (json_text_is(type, STR("allowed_tools"))) {
		read_allowed(in, choice);
	} else {
		r->choose = CHOOSE_ONE;
		r->choose_name = meant_name(r, choice);
	}
}

/* ---- output ---- */

static void read_schema(struct chat_request *r, struct json_value format)
{
	static const str names[] = { STR_INIT("type"), STR_INIT("name"),
		                     STR_INIT("schema"), STR_INIT("strict"),
		                     STR_INIT("description") };
	struct json_value v[countof(names)];

	chat_pick(r, format, STR("text.format"), names, countof(names), v);
	r->form = FORM_SCHEMA;
	r->schema_name = chat_text(r, v[1]);
	if (v[2].type == JSON_OBJECT)
		r->schema = v[2];
	if (v[3].type == JSON_TRUE || v[3].type == JSON_FALSE)
		r->schema_strict = v[3].type == JSON_TRUE ? TRI_YES : TRI_NO;
	r->schema_description = chat_text(r, v[4]);
	chat_mark(r, CONCEPT_JSON_SCHEMA);
}

static void read_text(struct responses_reading *in, struct json_value text)
{
	static const str names[] = { STR_INIT("format"), STR_INIT("verbosity") };
	struct chat_request *r = in->r;
	struct json_value v[countof(names)], type;

	chat_pick(r, text, STR("text"), names, countof(names), v);
	chat_read_option(r, WIRE_OPENAI_RESPONSES, STR("text.verbosity"), v[1]);
	type = json_get(v[0], STR("type"));
	if (json_text_is(type, STR("json_schema"))) {
		read_schema(r, v[0]);
		if (r->schema.type == JSON_NONE)
			responses_refuse(in, STR("\"text.format\" needs a \"schema\""));
	} else if (json_text_is(type, STR("json_object"))) {
		r->form = FORM_JSON;
		chat_mark(r, CONCEPT_JSON_MODE);
	} else if (v[0].type != JSON_NONE && !json_text_is(type, STR("text"))) {
		responses_refuse(in, STR("the \"type\" of \"text.format\" must be text, "
		                         "json_object or json_schema"));
	}
}

static void read_reasoning(struct chat_request *r, struct json_value reasoning)
{
	static const str names[] = { STR_INIT("effort"), STR_INIT("summary"),
		                     STR_INIT("generate_summary") };
	struct json_value v[countof(names)];

	chat_pick(r, reasoning, STR("reasoning"), names, countof(names), v);
	if (json_has_text(v[0])) {
		r->effort = chat_effort_find(chat_text(r, v[0]));
		if (r->effort == EFFORT_UNSET)
			chat_drop(r, STR("reasoning.effort"));
		else
			chat_mark(r, CONCEPT_EFFORT);
	}
	if (json_has_text(v[1]) || json_has_text(v[2]))
		r->show_reasoning = TRI_YES;
}

/* What the answer should hold beside the usual.  Encrypted reasoning always comes. */
static void read_include(struct chat_request *r, struct json_value include)
{
	struct json_member m;

	for (struct json_iter it = json_iter(include); json_next(&it, &m);) {
		str name = str_first(chat_text(r, m.value), 64);

		if (str_eq(name, STR("message.output_text.logprobs"))) {
			r->options[CONCEPT_LOGPROBS] =
			        (struct json_value){ JSON_TRUE, STR("true") };
			chat_mark(r, CONCEPT_LOGPROBS);
		} else if (!str_eq(name, STR("reasoning.encrypted_content"))) {
			chat_dropf(r, "include[%.*s]", STR_ARG(name));
		}
	}
}

/* ---- all of it ---- */

static void keep_option(struct chat_request *r, enum concept concept, struct json_value v)
{
	if (chat_says_nothing(v))
		return;
	r->options[concept] = v;
	chat_mark(r, concept);
}

static void read_kept(struct chat_request *r, const struct json_value *v)
{
	uint64_t count;

	keep_option(r, CONCEPT_PREVIOUS, v[ROOT_PREVIOUS]);
	keep_option(r, CONCEPT_CONVERSATION, v[ROOT_CONVERSATION]);
	if (v[ROOT_BACKGROUND].type == JSON_TRUE)
		keep_option(r, CONCEPT_BACKGROUND, v[ROOT_BACKGROUND]);
	keep_option(r, CONCEPT_PROMPT, v[ROOT_PROMPT]);
	keep_option(r, CONCEPT_STORE, v[ROOT_STORE]);
	keep_option(r, CONCEPT_USER, v[ROOT_USER]);
	keep_option(r, CONCEPT_SERVICE_TIER, v[ROOT_TIER]);
	if (!json_text_is(v[ROOT_TRUNCATION], STR("disabled"))) /* as it is anyway */
		keep_option(r, CONCEPT_TRUNCATION, v[ROOT_TRUNCATION]);
	if (json_u64(v[ROOT_TOP_LOGPROBS], &count) && count > 0)
		keep_option(r, CONCEPT_TOP_LOGPROBS, v[ROOT_TOP_LOGPROBS]);
	for (unsigned i = ROOT_PLAIN; i < ROOT_MEMBERS; i++) {
		if (v[i].type != JSON_NONE &&
		    !chat_read_option(r, WIRE_OPENAI_RESPONSES, root_names[i], v[i]))
			chat_drop(r, root_names[i]);
	}
}

static void read_limits(struct responses_reading *in, const struct json_value *v)
{
	struct chat_request *r = in->r;

	if (v[ROOT_MAX].type != JSON_NONE) {
		if (!json_u64(v[ROOT_MAX], &r->max_tokens))
			responses_refuse(in, STR("\"max_output_tokens\" must be a "
			                         "positive integer"));
		chat_mark(r, CONCEPT_MAX_TOKENS);
	}
	if (v[ROOT_PARALLEL].type == JSON_TRUE || v[ROOT_PARALLEL].type == JSON_FALSE)
		r->parallel = v[ROOT_PARALLEL].type == JSON_TRUE ? TRI_YES : TRI_NO;
	if (r->parallel == TRI_NO)
		chat_mark(r, CONCEPT_PARALLEL_OFF);
	if (json_get(v[ROOT_STREAM_OPTIONS], STR("include_obfuscation")).type ==
	    JSON_TRUE)
		chat_drop(r, STR("stream_options.include_obfuscation"));
}

fault_t responses_read_request(str body, struct chat_request *r, str *ret_detail)
{
	struct responses_reading in = { .r = r };
	struct json_value v[ROOT_MEMBERS], root = chat_root(body);
	bool has_past;

	if (root.type != JSON_OBJECT)
		return FAULT_BAD_JSON;
	chat_pick(r, root, STR_NONE, root_names, ROOT_MEMBERS, v);
	r->model = chat_text(r, v[ROOT_MODEL]);
	r->stream = v[ROOT_STREAM].type == JSON_TRUE;
	r->stream_usage = true;
	if (v[ROOT_INSTRUCTIONS].type == JSON_STRING)
		chat_add_text(r, chat_add_message(r, CHAT_SYSTEM),
		              chat_text(r, v[ROOT_INSTRUCTIONS]));
	else if (v[ROOT_INSTRUCTIONS].type != JSON_NONE)
		responses_refuse(&in, STR("\"instructions\" must be a string"));
	has_past = v[ROOT_PREVIOUS].type != JSON_NONE ||
	           v[ROOT_PROMPT].type != JSON_NONE ||
	           v[ROOT_CONVERSATION].type != JSON_NONE;
	if (v[ROOT_INPUT].type != JSON_NONE || !has_past)
		responses_read_input(&in, v[ROOT_INPUT]);
	chat_results_first(r);
	responses_read_tools(&in, v[ROOT_TOOLS]);
	read_choice(&in, v[ROOT_CHOICE]);
	read_text(&in, v[ROOT_TEXT]);
	read_reasoning(r, v[ROOT_REASONING]);
	read_include(r, v[ROOT_INCLUDE]);
	read_limits(&in, v);
	read_kept(r, v);
	if (in.why)
		*ret_detail = in.detail;
	return r->why ? r->why : in.why;
}
