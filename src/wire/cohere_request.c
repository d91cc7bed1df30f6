/* cohere_request.c - a Cohere chat request into the neutral form.
 *
 * What the assistant planned before it called tools (tool_plan) is reasoning. */
#include "wire/cohere.h"

static fault_t bad(str *ret_detail, str words)
{
	*ret_detail = words;
	return FAULT_BAD_REQUEST;
}

/* ---- content ---- */

static void read_image(struct chat_request *r, struct chat_message *m,
                       struct json_value v)
{
	static const str names[] = { STR_INIT("url"), STR_INIT("detail") };
	struct json_value i[countof(names)];
	struct chat_part *p = chat_add_part(r, m, CHAT_IMAGE);

	chat_pick(r, v, STR("messages[].content[].image_url"), names, countof(names), i);
	chat_set_url(p, chat_text(r, v.type == JSON_STRING ? v : i[0]));
	chat_mark(r, p->source == SOURCE_URL ? CONCEPT_IMAGE_URL : CONCEPT_IMAGE_INLINE);
	p->detail = chat_text(r, i[1]);
	if (p->detail.len)
		chat_mark(r, CONCEPT_IMAGE_DETAIL);
}

static void read_part(struct chat_request *r, struct chat_message *m, struct json_value v)
{
	static const str names[] = { STR_INIT("type"), STR_INIT("text"),
		                     STR_INIT("thinking"), STR_INIT("image_url") };
	struct json_value p[countof(names)];

	chat_pick_some(r, v, names, countof(names), p);
	if (json_text_is(p[0], STR("text"))) {
		chat_add_text(r, m, chat_text(r, p[1]));
	} else if (json_text_is(p[0], STR("image_url"))) {
		read_image(r, m, p[3]);
	} else if (json_text_is(p[0], STR("thinking")) && m->role == CHAT_ASSISTANT) {
		if (json_has_text(p[2]))
			chat_add_part(r, m, CHAT_REASONING)->text = chat_text(r, p[2]);
	} else {
		chat_add_part(r, m, CHAT_FOREIGN)->raw = v;
		chat_mark_as(r, chat_foreign_of(m), "messages[].content[].%.*s",
		             STR_ARG(chat_text(r, p[0])));
	}
}

static void read_content(struct chat_request *r, struct chat_message *m,
                         struct json_value v)
{
	struct json_member item;

	if (v.type == JSON_STRING) {
		chat_add_text(r, m, chat_text(r, v));
		return;
	}
	for (struct json_iter it = json_iter(v); json_next(&it, &item);)
		read_part(r, m, item.value);
}

/* ---- results ---- */

/* Data of a document: text, or an object which is told as its JSON. */
static void add_data(struct chat_request *r, struct chat_part *result,
                     struct json_value data)
{
	jstr text = data.type == JSON_STRING ? chat_text(r, data)
	            : chat_is_there(data)    ? chat_escape(r->keep, data.raw)
	                                     : STR_NONE;

	if (text.len)
		chat_add_inner(r, result, CHAT_TEXT)->text = text;
}

static void read_result(struct chat_request *r, struct json_value id,
                        struct json_value content)
{
	struct chat_message *m = chat_add_message(r, CHAT_TOOL);
	struct chat_part *result = chat_add_part(r, m, CHAT_RESULT);
	struct json_member item;

	result->id = chat_text(r, id);
	if (content.type == JSON_STRING)
		add_data(r, result, content);
	for (struct json_iter it = json_iter(content); json_next(&it, &item);) {
		struct json_value document = json_get(item.value, STR("document"));

		if (chat_is_there(document))
			add_data(r, result, json_get(document, STR("data")));
		else
			add_data(r, result, json_get(item.value, STR("text")));
	}
}

/* ---- messages ---- */

static void read_calls(struct chat_request *r, struct chat_message *m,
                       struct json_value calls)
{
	static const str names[] = { STR_INIT("id"), STR_INIT("function"),
		                     STR_INIT("type") };
	static const str inner[] = { STR_INIT("name"), STR_INIT("arguments") };
	struct json_value c[countof(names)], f[countof(inner)];
	struct json_member item;

	for (struct json_iter it = json_iter(calls); json_next(&it, &item);) {
		struct chat_part *p = chat_add_part(r, m, CHAT_CALL);

		chat_pick(r, item.value, STR("messages[].tool_calls[]"), names,
		          countof(names), c);
		chat_pick(r, c[1], STR("messages[].tool_calls[].function"), inner,
		          countof(inner), f);
		p->id = chat_text(r, c[0]);
		p->name = chat_text(r, f[0]);
		p->args = f[1].type == JSON_OBJECT ? f[1].raw
		                                   : chat_args(r, chat_text(r, f[1]));
	}
}

static fault_t read_message(struct chat_request *r, struct json_value v, str *ret_detail)
{
	static const str names[] = { STR_INIT("role"),         STR_INIT("content"),
		                     STR_INIT("tool_calls"),   STR_INIT("tool_plan"),
		                     STR_INIT("tool_call_id"), STR_INIT("citations") };
	struct json_value f[countof(names)];
	struct chat_message *m;

	chat_pick(r, v, STR("messages[]"), names, countof(names), f);
	if (json_text_is(f[0], STR("tool"))) {
		read_result(r, f[4], f[1]);
		return NULL;
	}
	if (json_text_is(f[0], STR("user"))) {
		read_content(r, chat_add_message(r, CHAT_USER), f[1]);
		return NULL;
	}
	if (json_text_is(f[0], STR("system")) || json_text_is(f[0], STR("developer"))) {
		m = chat_add_message(r, CHAT_SYSTEM);
		m->is_developer = json_text_is(f[0], STR("developer"));
		read_content(r, m, f[1]);
		return NULL;
	}
	if (!json_text_is(f[0], STR("assistant")))
		return bad(ret_detail, STR("\"messages[].role\" must be system, user, "
		                           "assistant or tool"));
	m = chat_add_message(r, CHAT_ASSISTANT);
	if (json_has_text(f[3]))
		chat_add_part(r, m, CHAT_REASONING)->text = chat_text(r, f[3]);
	read_content(r, m, f[1]);
	read_calls(r, m, f[2]);
	if (chat_is_there(f[5]))
		chat_mark(r, CONCEPT_CITATIONS);
	return NULL;
}

/* ---- tools ---- */

static void read_tools(struct chat_request *r, struct json_value tools,
                       struct json_value strict)
{
	static const str names[] = { STR_INIT("type"), STR_INIT("function") };
	static const str inner[] = { STR_INIT("name"), STR_INIT("description"),
		                     STR_INIT("parameters") };
	struct json_value t[countof(names)], f[countof(inner)];
	struct json_member item;

	for (struct json_iter it = json_iter(tools); json_next(&it, &item);) {
		struct chat_tool *tool = chat_add_tool(r, TOOL_FUNCTION);

		chat_pick(r, item.value, STR("tools[]"), names, countof(names), t);
		chat_pick(r, t[1], STR("tools[].function"), inner, countof(inner), f);
		tool->name = chat_text(r, f[0]);
		tool->description = chat_text(r, f[1]);
		if (f[2].type == JSON_OBJECT)
			tool->schema = f[2];
		tool->raw = item.value;
		if (strict.type == JSON_TRUE) {
			tool->strict = TRI_YES;
			chat_mark(r, CONCEPT_TOOL_STRICT);
		}
		chat_mark(r, CONCEPT_TOOLS);
	}
}

static fault_t read_choice(struct chat_request *r, struct json_value v, str *ret_detail)
{
	if (!chat_is_there(v))
		return NULL;
	if (json_text_is(v, STR("REQUIRED")))
		r->choose = CHOOSE_ANY;
	else if (json_text_is(v, STR("NONE")))
		r->choose = CHOOSE_NONE;
	else
		return bad(ret_detail,
		           STR("\"tool_choice\" must be \"REQUIRED\" or \"NONE\""));
	return NULL;
}

/* ---- options ---- */

static void read_format(struct chat_request *r, struct json_value v)
{
	static const str names[] = { STR_INIT("type"), STR_INIT("json_schema"),
		                     STR_INIT("schema") };
	struct json_value f[countof(names)];

	chat_pick(r, v, STR("response_format"), names, countof(names), f);
	if (!json_text_is(f[0], STR("json_object")))
		return;
	r->schema = f[1].type == JSON_OBJECT ? f[1] : f[2];
	r->form = r->schema.type == JSON_OBJECT ? FORM_SCHEMA : FORM_JSON;
	chat_mark(r, r->form == FORM_SCHEMA ? CONCEPT_JSON_SCHEMA : CONCEPT_JSON_MODE);
}

static void read_thinking(struct chat_request *r, struct json_value v)
{
	static const str names[] = { STR_INIT("type"), STR_INIT("token_budget") };
	struct json_value t[countof(names)];

	if (!chat_is_there(v))
		return;
	chat_pick(r, v, STR("thinking"), names, countof(names), t);
	if (json_text_is(t[0], STR("disabled"))) {
		r->effort = EFFORT_NONE;
	} else if (json_u64(t[1], &r->budget) && r->budget > 0) {
		chat_mark(r, CONCEPT_BUDGET);
		return;
	} else {
		r->effort = EFFORT_HIGH; /* without a budget it thinks as it likes */
	}
	chat_mark(r, CONCEPT_EFFORT);
}

static fault_t read_numbers(struct chat_request *r, struct json_value most,
                            struct json_value stops, str *ret_detail)
{
	struct json_member stop;

	if (chat_is_there(most)) {
		if (!json_u64(most, &r->max_tokens))
			return bad(ret_detail, STR("\"max_tokens\" must be an integer"));
		chat_mark(r, CONCEPT_MAX_TOKENS);
	}
	for (struct json_iter it = json_iter(stops); json_next(&it, &stop);) {
		if (r->stop_count == CHAT_STOPS)
			return bad(ret_detail, STR("too many \"stop_sequences\""));
		r->stops[r->stop_count++] = chat_text(r, stop.value);
		chat_mark(r, CONCEPT_STOP);
	}
	return NULL;
}

fault_t cohere_read_request(str body, struct chat_request *r, str *ret_detail)
{
	enum {
		MODEL,
		STREAM,
		MESSAGES,
		MOST,
		STOPS,
		TOOLS,
		STRICT,
		CHOICE,
		FORMAT,
		THINKING,
		OPTIONS
	};
	static const str names[] = {
		[MODEL] = STR_INIT("model"),
		[STREAM] = STR_INIT("stream"),
		[MESSAGES] = STR_INIT("messages"),
		[MOST] = STR_INIT("max_tokens"),
		[STOPS] = STR_INIT("stop_sequences"),
		[TOOLS] = STR_INIT("tools"),
		[STRICT] = STR_INIT("strict_tools"),
		[CHOICE] = STR_INIT("tool_choice"),
		[FORMAT] = STR_INIT("response_format"),
		[THINKING] = STR_INIT("thinking"),
		/* carried as they are */
		[OPTIONS] = STR_INIT("temperature"),
		STR_INIT("p"),
		STR_INIT("k"),
		STR_INIT("seed"),
		STR_INIT("frequency_penalty"),
		STR_INIT("presence_penalty"),
		STR_INIT("safety_mode"),
		STR_INIT("documents"),
		STR_INIT("citation_options"),
		STR_INIT("priority"),
		STR_INIT("logprobs"),
	};
	struct json_value root = chat_root(body), m[countof(names)];
	struct json_member message;
	fault_t why;

	if (root.type != JSON_OBJECT)
		return FAULT_BAD_JSON;
	chat_pick(r, root, STR_NONE, names, countof(names), m);
	if (m[MESSAGES].type != JSON_ARRAY)
		return bad(ret_detail, STR("\"messages\" must be an array"));
	r->model = chat_text(r, m[MODEL]);
	r->stream = m[STREAM].type == JSON_TRUE;
	r->stream_usage = true;
	for (struct json_iter it = json_iter(m[MESSAGES]); json_next(&it, &message);) {
		if ((why = read_message(r, message.value, ret_detail)))
			return why;
	}
	if ((why = read_numbers(r, m[MOST], m[STOPS], ret_detail)) ||
	    (why = read_choice(r, m[CHOICE], ret_detail)))
		return why;
	read_tools(r, m[TOOLS], m[STRICT]);
	read_format(r, m[FORMAT]);
	read_thinking(r, m[THINKING]);
	for (size_t i = OPTIONS; i < countof(names); i++) {
		if (m[i].type != JSON_FALSE) /* logprobs: false asks for nothing */
			chat_read_option(r, WIRE_COHERE, names[i], m[i]);
	}
	return r->why;
}
