/* openai_messages.c - the messages of a chat request, read into the neutral form.
 *
 * A message of OpenAI's is flat: text, calls and thoughts are members beside each other.
 * The parts come out in the order in which a model said them: thoughts, text, calls; a
 * thought whose seal we have written ourselves knows its place better
 * (openai_seal.c).  Beside OpenAI's own members the common dialects' are known
 * (wire-formats 2.2 and 10). */
#include "wire/openai_chat.h"

enum message_member {
	M_ROLE,
	M_CONTENT,
	M_NAME,
	M_REFUSAL,
	M_REASONING_CONTENT,
	M_REASONING,
	M_REASONING_DETAILS,
	M_TOOL_CALLS,
	M_TOOL_CALL_ID,
	M_FUNCTION_CALL,
	M_ANNOTATIONS,
	M_AUDIO,
	M_PREFIX,
	M_PARTIAL,
	M_EXTRA_CONTENT,
	M_THOUGHT_SIGNATURE, /* the same as in extra_content, and beside it */
	M_COUNT,
};

static const str message_names[M_COUNT] = {
	[M_ROLE] = STR_INIT("role"),
	[M_CONTENT] = STR_INIT("content"),
	[M_NAME] = STR_INIT("name"),
	[M_REFUSAL] = STR_INIT("refusal"),
	[M_REASONING_CONTENT] = STR_INIT("reasoning_content"),
	[M_REASONING] = STR_INIT("reasoning"),
	[M_REASONING_DETAILS] = STR_INIT("reasoning_details"),
	[M_TOOL_CALLS] = STR_INIT("tool_calls"),
	[M_TOOL_CALL_ID] = STR_INIT("tool_call_id"),
	[M_FUNCTION_CALL] = STR_INIT("function_call"),
	[M_ANNOTATIONS] = STR_INIT("annotations"),
	[M_AUDIO] = STR_INIT("audio"),
	[M_PREFIX] = STR_INIT("prefix"),
	[M_PARTIAL] = STR_INIT("partial"),
	[M_EXTRA_CONTENT] = STR_INIT("extra_content"),
	[M_THOUGHT_SIGNATURE] = STR_INIT("thought_signature"),
};

/* ---- the assistant ---- */

/* A signature of Gemini's (its OpenAI-compatible endpoint puts it there). */
static void read_google_seal(struct openai_message_reading *g, struct json_value extra)
{
	jstr shown = chat_text(g->r, json_path(extra, "google.thought_signature"));

	if (shown.len)
		chat_add_part(g->r, g->m, CHAT_REASONING)->seal =
		        chat_seal_read(shown, WIRE_GEMINI);
}

static void add_thoughts(struct openai_message_reading *g,
                         const struct openai_thought *thoughts, unsigned count,
                         uint64_t from, uint64_t to)
{
	for (unsigned i = 0; i < count; i++) {
		if (thoughts[i].place < from || thoughts[i].place > to)
			continue;
		struct chat_part *p = chat_add_part(g->r, g->m, CHAT_REASONING);
		p->text = thoughts[i].text;
		p->seal = thoughts[i].seal;
	}
}

static fault_t read_call(struct openai_message_reading *g, struct json_value call)
{
	bool is_custom = json_text_is(json_get(call, STR("type")), STR("custom"));
	struct json_value what =
	        json_get(call, is_custom ? STR("custom") : STR("function"));
	jstr name = chat_text(g->r, json_get(what, STR("name")));
	struct chat_part *p;

	if (call.type != JSON_OBJECT || !name.len)
		return openai_bad_message(g, "a tool call needs function.name");
	read_google_seal(g, json_get(call, STR("extra_content")));
	p = chat_add_part(g->r, g->m, CHAT_CALL);
	p->name = name;
	p->id = chat_text(g->r, json_get(call, STR("id")));
	if (!p->id.len)
		return openai_bad_message(g, "a tool call needs an id");
	p->is_custom = is_custom;
	if (is_custom) {
		p->args = chat_text(g->r, json_get(what, STR("input")));
		chat_mark(g->r, CONCEPT_TOOL_CUSTOM);
		return NULL;
	}
	what = json_get(what, STR("arguments"));
	p->args = what.type == JSON_OBJECT ? what.raw
	                                   : chat_args(g->r, chat_text(g->r, what));
	return NULL;
}

/* As calls were before they had ids. */
static fault_t read_function_call(struct openai_message_reading *g,
                                  struct json_value call)
{
	jstr name = chat_text(g->r, json_get(call, STR("name")));
	struct chat_part *p;
	char *room;

	if (!name.len)
		return openai_bad_message(g, "function_call needs a name");
	p = chat_add_part(g->r, g->m, CHAT_CALL);
	p->name = name;
	p->args = chat_args(g->r, chat_text(g->r, json_get(call, STR("arguments"))));
	room = arena_try(g->r->keep, 32);
	if (!room)
		return FAULT_JSON_LIMIT;
	struct buf b = BUF_LIMIT(32);
	buf_addf(&b, "call_function%u", g->functions++);
	memcpy(room, b.ptr, b.len);
	g->function_id = p->id = str_of(room, b.len);
	buf_free(&b);
	return NULL;
}

static fault_t read_calls(struct openai_message_reading *g, struct json_value *v,
                          const struct openai_thought *thoughts, unsigned count)
{
	struct json_member m;
	uint64_t place = 1;
	fault_t why;

	if (v[M_TOOL_CALLS].type != JSON_NONE && v[M_TOOL_CALLS].type != JSON_ARRAY)
		return openai_bad_message(g, "tool_calls must be a list");
	for (struct json_iter it = json_iter(v[M_TOOL_CALLS]); json_next(&it, &m);) {
		add_thoughts(g, thoughts, count, place, place);
		place++;
		if ((why = read_call(g, m.value)))
			return why;
	}
	add_thoughts(g, thoughts, count, place, UINT64_MAX);
	return v[M_FUNCTION_CALL].type == JSON_OBJECT
	               ? read_function_call(g, v[M_FUNCTION_CALL])
	               : NULL;
}

static fault_t read_assistant(struct openai_message_reading *g, struct json_value *v)
{
	struct openai_thought thoughts[OPENAI_THOUGHTS];
	unsigned count =
	        openai_read_thoughts(g->r, v[M_REASONING_CONTENT], v[M_REASONING],
	                             v[M_REASONING_DETAILS], thoughts);
	bool has_calls =
	        v[M_TOOL_CALLS].type != JSON_NONE || v[M_FUNCTION_CALL].type != JSON_NONE;
	fault_t why;

	add_thoughts(g, thoughts, count, 0, 0);
	if (!has_calls)
		read_google_seal(g, v[M_EXTRA_CONTENT]);
	if ((why = openai_read_content(g, v[M_CONTENT])))
		return why;
	openai_add_text(g, CHAT_REFUSAL, chat_text(g->r, v[M_REFUSAL]));
	if (has_calls)
		read_google_seal(g, v[M_EXTRA_CONTENT]);
	if (v[M_ANNOTATIONS].type == JSON_ARRAY && v[M_ANNOTATIONS].raw.len > 2)
		chat_mark(g->r, CONCEPT_CITATIONS);
	if (v[M_AUDIO].type != JSON_NONE)
		chat_drop(g->r, STR("messages[].audio"));
	if (v[M_PREFIX].type == JSON_TRUE)
		chat_drop(g->r, STR("messages[].prefix"));
	if (v[M_PARTIAL].type == JSON_TRUE)
		chat_drop(g->r, STR("messages[].partial"));
	return read_calls(g, v, thoughts, count);
}

/* ---- the others ---- */

/* Results that follow one another are one message. */
static fault_t read_result(struct openai_message_reading *g, jstr id,
                           struct json_value content)
{
	fault_t why;

	if (!id.len)
		return openai_bad_message(g, "a tool's message needs tool_call_id");
	g->m = g->r->last_message;
	if (!g->m || g->m->role != CHAT_TOOL)
		g->m = chat_add_message(g->r, CHAT_TOOL);
	g->result = chat_add_part(g->r, g->m, CHAT_RESULT);
	g->result->id = id;
	why = openai_read_content(g, content);
	g->result = NULL;
	return why;
}

static fault_t read_tool(struct openai_message_reading *g, struct json_value *v)
{
	return read_result(g, chat_text(g->r, v[M_TOOL_CALL_ID]), v[M_CONTENT]);
}

static fault_t read_function(struct openai_message_reading *g, struct json_value *v)
{
	return read_result(g, g->function_id, v[M_CONTENT]);
}

static fault_t read_user(struct openai_message_reading *g, struct json_value *v)
{
	return openai_read_content(g, v[M_CONTENT]);
}

static fault_t read_developer(struct openai_message_reading *g, struct json_value *v)
{
	g->m->is_developer = true;
	return openai_read_content(g, v[M_CONTENT]);
}

static const struct {
	str word;
	enum chat_role role;
	fault_t (*read)(struct openai_message_reading *g, struct json_value *v);
} roles[] = {
	{ STR_INIT("user"), CHAT_USER, read_user },
	{ STR_INIT("assistant"), CHAT_ASSISTANT, read_assistant },
	{ STR_INIT("tool"), CHAT_TOOL, read_tool },
	{ STR_INIT("system"), CHAT_SYSTEM, read_user },
	{ STR_INIT("developer"), CHAT_SYSTEM, read_developer },
	{ STR_INIT("function"), CHAT_TOOL, read_function },
};

static fault_t read_message(struct openai_message_reading *g, struct json_value message)
{
	struct json_value v[M_COUNT];

	if (message.type != JSON_OBJECT)
		return openai_bad_message(g, "a message must be an object");
	chat_pick(g->r, message, STR("messages[]"), message_names, M_COUNT, v);
	for (size_t i = 0; i < countof(roles); i++) {
		if (!json_text_is(v[M_ROLE], roles[i].word))
			continue;
		if (roles[i].role != CHAT_TOOL) {
			g->m = chat_add_message(g->r, roles[i].role);
			if (v[M_NAME].type != JSON_NONE)
				chat_mark(g->r, CONCEPT_MESSAGE_NAME);
		}
		return roles[i].read(g, v);
	}
	return openai_bad_message(
	        g, "role must be system, developer, user, assistant, tool or "
	           "function");
}

fault_t openai_read_messages(struct chat_request *r, struct json_value list,
                             str *ret_detail)
{
	struct openai_message_reading g = { .r = r, .ret_detail = ret_detail };
	struct json_member m;
	fault_t why;

	if (list.type != JSON_ARRAY) {
		*ret_detail = STR("\"messages\" must be a list");
		return FAULT_BAD_REQUEST;
	}
	for (struct json_iter it = json_iter(list); json_next(&it, &m); g.at++) {
		if ((why = read_message(&g, m.value)))
			return why;
		if (r->why)
			return r->why;
	}
	if (!r->messages) {
		*ret_detail = STR("\"messages\" must not be empty");
		return FAULT_BAD_REQUEST;
	}
	chat_results_first(r);
	return NULL;
}
