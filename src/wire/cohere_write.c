/* cohere_write.c - the neutral form as a Cohere chat request.
 *
 * There is no way to ask for one tool: the others are left out and any is required.  An
 * assistant's message with neither text nor calls is refused there, so it is left out. */
#include "wire/cohere.h"

enum { STOPS_MOST = 5 };

struct writing {
	struct chat_request *r;
	const struct chat_target *t;
	struct json_writer json;
};

static void lose(struct chat_request *r, enum concept concept)
{
	str path = concepts[concept].path[r->from];

	chat_drop(r, path.len ? path : concepts[concept].name);
}

/* ---- content ---- */

static void open_message(struct writing *w, str role)
{
	json_open(&w->json, '{');
	json_key_str(&w->json, STR("role"), role);
}

static void write_text_part(struct writing *w, str type, jstr text)
{
	json_open(&w->json, '{');
	json_key_str(&w->json, STR("type"), type);
	json_key_jstr(&w->json, type, text);
	json_close(&w->json, '}');
}

static void write_image(struct writing *w, const struct chat_part *p)
{
	json_open(&w->json, '{');
	json_key_str(&w->json, STR("type"), STR("image_url"));
	json_key(&w->json, STR("image_url"));
	json_open(&w->json, '{');
	json_key(&w->json, STR("url"));
	json_raw(&w->json, STR("\""));
	if (p->source == SOURCE_BASE64) {
		buf_add(w->json.to, STR("data:"));
		buf_add(w->json.to, p->media_type.len ? p->media_type : STR("image/png"));
		buf_add(w->json.to, STR(";base64,"));
	}
	buf_add(w->json.to, p->data);
	buf_add_char(w->json.to, '"');
	if (p->detail.len)
		json_key_jstr(&w->json, STR("detail"), p->detail);
	json_close(&w->json, '}');
	json_close(&w->json, '}');
}

/* Plain files are told as text, as other formats have no place for them either. */
static jstr text_of(const struct chat_part *p)
{
	if (p->kind == CHAT_TEXT || p->kind == CHAT_REFUSAL)
		return p->text;
	if (p->kind == CHAT_FILE && p->source == SOURCE_TEXT)
		return p->data;
	return STR_NONE;
}

static bool is_image(const struct chat_part *p)
{
	return p->kind == CHAT_IMAGE &&
	       (p->source == SOURCE_BASE64 || p->source == SOURCE_URL);
}

static void write_system(struct writing *w, const struct chat_message *m)
{
	jstr text = chat_join_text(w->r, m->parts, STR("\\n\\n"));

	if (text.len == 0)
		return;
	open_message(w, STR("system"));
	json_key_jstr(&w->json, STR("content"), text);
	json_close(&w->json, '}');
}

static void write_user(struct writing *w, const struct chat_message *m)
{
	const struct chat_part *p = m->parts;

	while (p && !is_image(p) && text_of(p).len == 0 && p->kind != CHAT_FOREIGN)
		p = p->next;
	if (!p)
		return;
	open_message(w, STR("user"));
	json_key(&w->json, STR("content"));
	if (!p->next && p->kind == CHAT_TEXT) {
		json_jstr(&w->json, p->text);
	} else {
		json_open(&w->json, '[');
		for (; p; p = p->next) {
			jstr text = text_of(p);

			if (is_image(p))
				write_image(w, p);
			else if (text.len)
				write_text_part(w, STR("text"), text);
			else if (p->kind == CHAT_FOREIGN && w->r->from == WIRE_COHERE)
				json_raw(&w->json, p->raw.raw);
		}
		json_close(&w->json, ']');
	}
	json_close(&w->json, '}');
}

/* ---- the assistant ---- */

/* Cohere signs nothing, so what nobody signed may be its own. */
static bool is_ours(const struct chat_part *p)
{
	return p->kind == CHAT_REASONING && p->text.len > 0 &&
	       (p->seal.origin == WIRE_NONE || p->seal.origin == WIRE_COHERE);
}

struct content {
	unsigned texts, plans, calls;
};

static struct content look_at(struct writing *w, const struct chat_message *m)
{
	struct content c = { 0 };

	for (const struct chat_part *p = m->parts; p; p = p->next) {
		c.calls += p->kind == CHAT_CALL;
		c.texts += text_of(p).len > 0;
		if (is_ours(p))
			c.plans++;
		else if (p->kind == CHAT_REASONING)
			chat_drop(w->r, STR("reasoning"));
		else if (p->kind != CHAT_CALL && text_of(p).len == 0 &&
		         p->kind != CHAT_TEXT && p->kind != CHAT_FOREIGN)
			chat_drop(w->r, STR("messages[].content[].media"));
	}
	return c;
}

/* Reasoning in front of calls is their plan. */
static void write_plan(struct writing *w, const struct chat_message *m)
{
	bool first = true;

	json_key(&w->json, STR("tool_plan"));
	json_raw(&w->json, STR("\""));
	for (const struct chat_part *p = m->parts; p; p = p->next) {
		if (!is_ours(p))
			continue;
		if (!first)
			buf_add(w->json.to, STR("\\n\\n"));
		buf_add(w->json.to, p->text);
		first = false;
	}
	buf_add_char(w->json.to, '"');
}

static void write_calls(struct writing *w, const struct chat_message *m)
{
	json_key(&w->json, STR("tool_calls"));
	json_open(&w->json, '[');
	for (const struct chat_part *p = m->parts; p; p = p->next) {
		if (p->kind != CHAT_CALL)
			continue;
		json_open(&w->json, '{');
		json_key_jstr(&w->json, STR("id"), p->id);
		json_key_str(&w->json, STR("type"), STR("function"));
		json_key(&w->json, STR("function"));
		json_open(&w->json, '{');
		json_key_jstr(&w->json, STR("name"), p->name);
		json_key(&w->json, STR("arguments"));
		json_args_str(&w->json, p);
		json_close(&w->json, '}');
		json_close(&w->json, '}');
	}
	json_close(&w->json, ']');
}

static void write_said(struct writing *w, const struct chat_message *m, bool with_plans)
{
	json_key(&w->json, STR("content"));
	json_open(&w->json, '[');
	for (const struct chat_part *p = m->parts; p; p = p->next) {
		jstr text = text_of(p);

		if (is_ours(p) && with_plans)
			write_text_part(w, STR("thinking"), p->text);
		else if (text.len)
			write_text_part(w, STR("text"), text);
	}
	json_close(&w->json, ']');
}

static void write_assistant(struct writing *w, const struct chat_message *m)
{
	struct content c = look_at(w, m);
	bool thinks = c.plans > 0 && c.calls == 0;

	if (c.texts == 0 && c.calls == 0)
		return;
	open_message(w, STR("assistant"));
	if (c.calls > 0 && c.plans > 0)
		write_plan(w, m);
	if (c.texts == 1 && !thinks) {
		const struct chat_part *p = m->parts;

		while (text_of(p).len == 0)
			p = p->next;
		json_key_jstr(&w->json, STR("content"), text_of(p));
	} else if (c.texts > 0) {
		write_said(w, m, thinks);
	}
	if (c.calls > 0)
		write_calls(w, m);
	json_close(&w->json, '}');
}

/* ---- results ---- */

static void write_result(struct writing *w, const struct chat_part *result)
{
	bool has_text = false;

	open_message(w, STR("tool"));
	json_key_jstr(&w->json, STR("tool_call_id"), result->id);
	json_key(&w->json, STR("content"));
	json_raw(&w->json, STR("\""));
	if (result->is_error)
		buf_add(w->json.to, STR("Error: "));
	for (const struct chat_part *p = result->parts; p; p = p->next) {
		jstr text = text_of(p);

		if (!is_image(p) && p->kind != CHAT_TEXT && p->kind != CHAT_FOREIGN &&
		    text.len == 0)
			chat_drop(w->r, STR("tool_result.file"));
		if (text.len && has_text)
			buf_add(w->json.to, STR("\\n\\n"));
		buf_add(w->json.to, text);
		has_text |= text.len > 0;
	}
	buf_add_char(w->json.to, '"');
	json_close(&w->json, '}');
}

static bool has_images(const struct chat_part *result)
{
	for (const struct chat_part *p = result->parts; p; p = p->next) {
		if (is_image(p))
			return true;
	}
	return false;
}

/* What tools have shown, which may only stand in a user's message. */
static void write_shown(struct writing *w, const struct chat_message *m,
                        const struct chat_message *end)
{
	for (; m != end; m = m->next) {
		for (const struct chat_part *r = m->parts; r; r = r->next) {
			if (!has_images(r))
				continue;
			open_message(w, STR("user"));
			json_key(&w->json, STR("content"));
			json_open(&w->json, '[');
			json_open(&w->json, '{');
			json_key_str(&w->json, STR("type"), STR("text"));
			json_key(&w->json, STR("text"));
			json_raw(&w->json, STR("\"Result of "));
			buf_add(w->json.to, r->id);
			buf_add(w->json.to, STR(":\""));
			json_close(&w->json, '}');
			for (const struct chat_part *p = r->parts; p; p = p->next) {
				if (is_image(p))
					write_image(w, p);
			}
			json_close(&w->json, ']');
			json_close(&w->json, '}');
		}
	}
}

/* All results in a row; returns what follows them. */
static const struct chat_message *write_results(struct writing *w,
                                                const struct chat_message *m)
{
	const struct chat_message *first = m;

	for (; m && m->role == CHAT_TOOL; m = m->next) {
		for (const struct chat_part *p = m->parts; p; p = p->next) {
			if (p->kind == CHAT_RESULT)
				write_result(w, p);
		}
	}
	write_shown(w, first, m);
	return m;
}

static void write_messages(struct writing *w)
{
	const struct chat_message *m = w->r->messages;

	json_key(&w->json, STR("messages"));
	json_open(&w->json, '[');
	while (m) {
		if (m->role == CHAT_TOOL) {
			m = write_results(w, m);
			continue;
		}
		if (m->role == CHAT_SYSTEM)
			write_system(w, m);
		else if (m->role == CHAT_USER)
			write_user(w, m);
		else
			write_assistant(w, m);
		m = m->next;
	}
	json_close(&w->json, ']');
}

/* ---- tools ---- */

static bool is_offered(const struct chat_request *r, const struct chat_tool *t)
{
	return t->kind == TOOL_FUNCTION && chat_is_allowed(r, t) &&
	       (r->choose != CHOOSE_ONE || str_eq(t->name, r->choose_name));
}

static void write_tool(struct writing *w, const struct chat_tool *t)
{
	json_open(&w->json, '{');
	json_key_str(&w->json, STR("type"), STR("function"));
	json_key(&w->json, STR("function"));
	json_open(&w->json, '{');
	json_key_jstr(&w->json, STR("name"), t->name);
	if (t->description.len)
		json_key_jstr(&w->json, STR("description"), t->description);
	json_key(&w->json, STR("parameters"));
	chat_write_schema(&w->json, t->schema, false);
	json_close(&w->json, '}');
	json_close(&w->json, '}');
}

static void write_tools(struct writing *w)
{
	struct chat_request *r = w->r;
	unsigned count = 0, strict = 0;

	for (const struct chat_tool *t = r->tools; t; t = t->next) {
		if (!is_offered(r, t))
			continue;
		if (count++ == 0) {
			json_key(&w->json, STR("tools"));
			json_open(&w->json, '[');
		}
		strict += t->strict == TRI_YES;
		write_tool(w, t);
	}
	if (count == 0)
		return;
	json_close(&w->json, ']');
	if (r->choose == CHOOSE_ANY || r->choose == CHOOSE_ONE)
		json_key_str(&w->json, STR("tool_choice"), STR("REQUIRED"));
	else if (r->choose == CHOOSE_NONE)
		json_key_str(&w->json, STR("tool_choice"), STR("NONE"));
	/* One switch for all of them. */
	if (strict == count)
		json_key_bool(&w->json, STR("strict_tools"), true);
	else if (strict > 0)
		lose(r, CONCEPT_TOOL_STRICT);
}

/* ---- options ---- */

static void write_format(struct writing *w)
{
	if (w->r->form == FORM_TEXT)
		return;
	json_key(&w->json, STR("response_format"));
	json_open(&w->json, '{');
	json_key_str(&w->json, STR("type"), STR("json_object"));
	if (w->r->form == FORM_SCHEMA && w->r->schema.type == JSON_OBJECT) {
		json_key(&w->json, STR("json_schema"));
		json_raw(&w->json, w->r->schema.raw);
	}
	json_close(&w->json, '}');
}

static bool can_reason(const struct chat_target *t)
{
	return t->facts ? t->facts->bits & CATALOG_REASONING
	                : str_has(t->model, STR("reasoning"));
}

static void write_thinking(struct writing *w)
{
	enum chat_effort effort = chat_wanted_effort(w->r);

	if (effort == EFFORT_UNSET)
		return;
	if (!can_reason(w->t)) {
		if (effort != EFFORT_NONE)
			lose(w->r, w->r->budget ? CONCEPT_BUDGET : CONCEPT_EFFORT);
		return;
	}
	json_key(&w->json, STR("thinking"));
	json_open(&w->json, '{');
	json_key_str(&w->json, STR("type"),
	             effort == EFFORT_NONE ? STR("disabled") : STR("enabled"));
	if (effort != EFFORT_NONE) {
		json_key(&w->json, STR("token_budget"));
		json_uint(&w->json, chat_wanted_budget(w->r));
	}
	json_close(&w->json, '}');
}

fault_t cohere_write_request(struct chat_request *r, const struct chat_target *t,
                             struct buf *to, str *ret_detail)
{
	struct writing w = { .r = r, .t = t, .json = { .to = to } };
	fault_t why;

	json_open(&w.json, '{');
	json_key_str(&w.json, STR("model"), t->model);
	write_messages(&w);
	if (t->stream)
		json_key_bool(&w.json, STR("stream"), true);
	if (r->max_tokens) {
		json_key(&w.json, STR("max_tokens"));
		json_uint(&w.json, r->max_tokens);
	}
	why = chat_write_stops(r, &w.json, STR("stop_sequences"), STOPS_MOST, true,
	                       ret_detail);
	chat_write_options(r, WIRE_COHERE, "", NULL, &w.json);
	write_tools(&w);
	write_format(&w);
	write_thinking(&w);
	json_close(&w.json, '}');
	return why ? why : r->why;
}
