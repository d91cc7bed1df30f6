/* openai_tools.c - tools and the choice among them, read and written.
 *
 * Functions cross to every format; custom tools (free text) to those who have them; of
 * what only a vendor can run just the web search has a word elsewhere
 * (wire-formats 13.4). */
#include "wire/openai_chat.h"

static fault_t bad(str *ret_detail, const char *what)
{
	*ret_detail = str_from_z(what);
	return FAULT_BAD_REQUEST;
}

/* ---- reading ---- */

static fault_t read_function(struct chat_request *r, struct json_value tool,
                             struct json_value f, str *ret_detail)
{
	static const str names[] = { STR_INIT("name"), STR_INIT("description"),
		                     STR_INIT("parameters"), STR_INIT("strict") };
	enum { NAME, DESCRIPTION, PARAMETERS, STRICT };
	struct json_value v[countof(names)], mark;
	struct chat_tool *t = chat_add_tool(r, TOOL_FUNCTION);

	chat_pick(r, f, STR("tools[].function"), names, countof(names), v);
	t->raw = tool;
	t->name = chat_text(r, v[NAME]);
	if (!t->name.len)
		return bad(ret_detail, "a tool needs function.name");
	t->description = chat_text(r, v[DESCRIPTION]);
	if (v[PARAMETERS].type == JSON_OBJECT)
		t->schema = v[PARAMETERS];
	else if (v[PARAMETERS].type != JSON_NONE)
		return bad(ret_detail, "function.parameters of a tool must be an object");
	if (v[STRICT].type == JSON_TRUE || v[STRICT].type == JSON_FALSE)
		t->strict = v[STRICT].type == JSON_TRUE ? TRI_YES : TRI_NO;
	if (t->strict == TRI_YES)
		chat_mark(r, CONCEPT_TOOL_STRICT);
	mark = json_get(tool, STR("cache_control"));
	if (mark.type == JSON_OBJECT) {
		t->cache = json_text_is(json_get(mark, STR("ttl")), STR("1h")) ? CACHE_1H
		                                                               : CACHE_5M;
		chat_mark(r, CONCEPT_CACHE_MARK);
	}
	chat_mark(r, CONCEPT_TOOLS);
	return NULL;
}

static fault_t read_custom(struct chat_request *r, struct json_value tool,
                           str *ret_detail)
{
	struct json_value custom = json_get(tool, STR("custom"));
	struct chat_tool *t = chat_add_tool(r, TOOL_CUSTOM);

	t->raw = tool;
	t->name = chat_text(r, json_get(custom, STR("name")));
	t->description = chat_text(r, json_get(custom, STR("description")));
	chat_mark(r, CONCEPT_TOOL_CUSTOM);
	return t->name.len ? NULL : bad(ret_detail, "a tool needs custom.name");
}

static void read_hosted(struct chat_request *r, struct json_value tool, jstr type)
{
	bool is_search =
	        str_starts(type, STR("web_search")) || str_ends(type, STR(":web_search"));
	struct chat_tool *t = chat_add_tool(r, is_search ? TOOL_WEB_SEARCH : TOOL_HOSTED);

	t->raw = tool;
	t->name = type;
	if (is_search)
		chat_mark(r, CONCEPT_WEB_SEARCH);
	else
		chat_mark_as(r, CONCEPT_HOSTED_TOOL, "tools[].%.*s", STR_ARG(type));
}

/* Members beside the function that nobody knows. */
static void name_others(struct chat_request *r, struct json_value tool)
{
	static const str names[] = { STR_INIT("type"), STR_INIT("function"),
		                     STR_INIT("cache_control") };
	struct json_value v[countof(names)];

	chat_pick(r, tool, STR("tools[]"), names, countof(names), v);
}

fault_t openai_read_tools(struct chat_request *r, struct json_value tools,
                          str *ret_detail)
{
	struct json_member m;
	fault_t why = NULL;

	if (tools.type != JSON_NONE && tools.type != JSON_ARRAY)
		return bad(ret_detail, "\"tools\" must be a list");
	for (struct json_iter it = json_iter(tools); !why && json_next(&it, &m);) {
		struct json_value type = json_get(m.value, STR("type"));
		struct json_value f = json_get(m.value, STR("function"));

		if (f.type == JSON_OBJECT) {
			name_others(r, m.value);
			why = read_function(r, m.value, f, ret_detail);
		} else if (json_text_is(type, STR("custom")))
			why = read_custom(r, m.value, ret_detail);
		else if (json_has_text(type) && !json_text_is(type, STR("function")))
			read_hosted(r, m.value, chat_text(r, type));
		else
			why = bad(ret_detail, "a tool needs a type and its object");
		if (r->why)
			why = r->why;
	}
	return why;
}

fault_t openai_read_functions(struct chat_request *r, struct json_value functions,
                              str *ret_detail)
{
	struct json_member m;
	fault_t why = NULL;

	if (functions.type != JSON_NONE && functions.type != JSON_ARRAY)
		return bad(ret_detail, "\"functions\" must be a list");
	for (struct json_iter it = json_iter(functions); !why && json_next(&it, &m);)
		why = read_function(r, (struct json_value){ 0 }, m.value, ret_detail);
	return why;
}

/* The name in a choice's or an allowed tool's object. */
static jstr chosen_name(struct chat_request *r, struct json_value v)
{
	static const char *const places[] = { "function.name", "custom.name", "name" };

	for (size_t i = 0; i < countof(places); i++) {
		jstr name = chat_text(r, json_path(v, places[i]));
		if (name.len)
			return name;
	}
	return STR_NONE;
}

static fault_t read_allowed(struct chat_request *r, struct json_value v, str *ret_detail)
{
	struct json_member m;
	struct json_value tools = json_get(v, STR("tools"));

	r->choose = json_text_is(json_get(v, STR("mode")), STR("required")) ? CHOOSE_ANY
	                                                                    : CHOOSE_AUTO;
	for (struct json_iter it = json_iter(tools); json_next(&it, &m);) {
		jstr name = chosen_name(r, m.value);

		if (r->allowed_count == CHAT_NAMES)
			return bad(ret_detail,
			           "\"tool_choice\" allows more than 64 tools");
		if (name.len)
			r->allowed[r->allowed_count++] = name;
	}
	return r->allowed_count ? NULL
	                        : bad(ret_detail, "\"tool_choice\" allows no tools");
}

fault_t openai_read_choice(struct chat_request *r, struct json_value v, str *ret_detail)
{
	static const struct {
		str word;
		enum chat_choose choose;
	} words[] = {
		{ STR_INIT("auto"), CHOOSE_AUTO },
		{ STR_INIT("none"), CHOOSE_NONE },
		{ STR_INIT("required"), CHOOSE_ANY },
		{ STR_INIT("any"), CHOOSE_ANY }, /* Mistral */
	};

	if (v.type == JSON_NONE)
		return NULL;
	for (size_t i = 0; i < countof(words); i++) {
		if (json_text_is(v, words[i].word)) {
			r->choose = words[i].choose;
			return NULL;
		}
	}
	if (json_text_is(json_get(v, STR("type")), STR("allowed_tools"))) {
		struct json_value inside = json_get(v, STR("allowed_tools"));

		return read_allowed(r, inside.type == JSON_OBJECT ? inside : v,
		                    ret_detail);
	}
	r->choose_name = chosen_name(r, v);
	if (!r->choose_name.len)
		return bad(ret_detail, "\"tool_choice\" must be none, auto, required or "
		                       "name a tool");
	r->choose = CHOOSE_ONE;
	return NULL;
}

/* ---- writing ---- */

static void write_function(struct openai_writer *w, const struct chat_tool *t)
{
	struct json_writer *j = &w->json;
	bool is_strict = chat_says_strict(w->r, t, WIRE_OPENAI_CHAT);

	json_open(j, '{');
	json_key_str(j, STR("type"), STR("function"));
	json_key(j, STR("function"));
	json_open(j, '{');
	json_key_jstr(j, STR("name"), t->name);
	if (t->description.len)
		json_key_jstr(j, STR("description"), t->description);
	json_key(j, STR("parameters"));
	json_raw(j, t->schema.type == JSON_OBJECT ? t->schema.raw
	                                          : chat_no_parameters(is_strict));
	if ((is_strict || t->strict == TRI_NO) &&
	    openai_put(w, STR("tools[].function.strict")))
		json_bool(j, is_strict);
	json_close(j, '}');
	if (t->cache != CACHE_NONE &&
	    dialect_keeps(&w->dialect, STR("messages[].content[].cache_control"))) {
		json_key(j, STR("cache_control"));
		json_raw(j, t->cache == CACHE_1H
		                    ? STR("{\"type\":\"ephemeral\",\"ttl\":\"1h\"}")
		                    : STR("{\"type\":\"ephemeral\"}"));
	}
	json_close(j, '}');
}

/* Responses has the grammar's members flat, chat in an object of their own. */
static void write_format(struct json_writer *j, struct json_value format)
{
	struct json_value grammar = json_get(format, STR("grammar"));

	if (grammar.type == JSON_NONE)
		grammar = format;
	json_key(j, STR("format"));
	json_open(j, '{');
	if (json_text_is(json_get(format, STR("type")), STR("grammar"))) {
		struct json_value v;

		json_key_str(j, STR("type"), STR("grammar"));
		json_key(j, STR("grammar"));
		json_open(j, '{');
		if ((v = json_get(grammar, STR("definition"))).type == JSON_STRING) {
			json_key(j, STR("definition"));
			json_raw(j, v.raw);
		}
		if ((v = json_get(grammar, STR("syntax"))).type == JSON_STRING) {
			json_key(j, STR("syntax"));
			json_raw(j, v.raw);
		}
		json_close(j, '}');
	} else {
		json_key_str(j, STR("type"), STR("text"));
	}
	json_close(j, '}');
}

static void write_custom(struct openai_writer *w, const struct chat_tool *t)
{
	struct json_writer *j = &w->json;
	struct json_value format = json_get(t->raw, STR("format"));

	if (!dialect_keeps(&w->dialect, STR("tools[].custom"))) {
		openai_refuse(w, STR("tools[].custom"));
		return;
	}
	if (format.type == JSON_NONE)
		format = json_path(t->raw, "custom.format");
	json_open(j, '{');
	json_key_str(j, STR("type"), STR("custom"));
	json_key(j, STR("custom"));
	json_open(j, '{');
	json_key_jstr(j, STR("name"), t->name);
	if (t->description.len)
		json_key_jstr(j, STR("description"), t->description);
	if (format.type == JSON_OBJECT)
		write_format(j, format);
	json_close(j, '}');
	json_close(j, '}');
}

void openai_write_named(struct json_writer *j, const char *type, jstr name)
{
	json_open(j, '{');
	json_key_str(j, STR("type"), str_from_z(type));
	json_key(j, str_from_z(type));
	json_open(j, '{');
	json_key_jstr(j, STR("name"), name);
	json_close(j, '}');
	json_close(j, '}');
}

/* The search as OpenAI has it: an option beside the tools.  Where it looks is said in
 * another way by every vendor, and only how much it reads is the same. */
static void write_search(struct openai_writer *w, const struct chat_tool *t)
{
	static const str used = STR_INIT("search_context_size");
	struct json_value size = json_get(t->raw, used);
	const struct dialect_row *row =
	        dialect_fate(&w->dialect, STR("web_search_options"));

	if (row && row->op == DIALECT_REFUSE && chat_has_functions(w->r)) {
		chat_drop(w->r, concepts[CONCEPT_WEB_SEARCH].path[w->r->from]);
		return;
	}
	if (!openai_put(w, STR("web_search_options")))
		return;
	if (w->r->from == WIRE_OPENAI_CHAT &&
	    json_get(t->raw, STR("type")).type == JSON_NONE) {
		json_raw(&w->json, t->raw.raw);
		return;
	}
	json_open(&w->json, '{');
	if (size.type == JSON_STRING) {
		json_key(&w->json, used);
		json_raw(&w->json, size.raw);
	}
	json_close(&w->json, '}');
	chat_drop_options(w->r, t, &used, 1);
}

/* OpenRouter's is a tool among others. */
static bool search_is_tool(const struct openai_writer *w)
{
	const struct dialect_row *row =
	        dialect_fate(&w->dialect, STR("web_search_options"));

	return row && row->op == DIALECT_RENAME;
}

static void write_search_tool(struct openai_writer *w, const struct chat_tool *t)
{
	json_open(&w->json, '{');
	json_key_str(&w->json, STR("type"),
	             dialect_fate(&w->dialect, STR("web_search_options"))->to);
	json_close(&w->json, '}');
	chat_drop_options(w->r, t, NULL, 0);
}

static bool is_listed(const struct openai_writer *w, const struct chat_tool *t)
{
	if (t->kind == TOOL_WEB_SEARCH)
		return search_is_tool(w);
	/* One that may be missing was named by the reader; others chat_cross refused. */
	if (t->kind != TOOL_FUNCTION && t->kind != TOOL_CUSTOM &&
	    w->r->from != WIRE_OPENAI_CHAT)
		return false;
	return !w->is_subset || chat_is_allowed(w->r, t);
}

static void write_tool(struct openai_writer *w, const struct chat_tool *t)
{
	switch (t->kind) {
	case TOOL_FUNCTION:
		write_function(w, t);
		break;
	case TOOL_CUSTOM:
		write_custom(w, t);
		break;
	case TOOL_WEB_SEARCH:
		write_search_tool(w, t);
		break;
	case TOOL_HOSTED:
	case TOOL_CODE:
	case TOOL_FETCH:
		if (w->r->from == WIRE_OPENAI_CHAT)
			json_raw(&w->json, t->raw.raw);
		else
			openai_refuse(w, t->name.len ? t->name : STR("tools[]"));
		break;
	}
}

static bool is_custom_name(const struct chat_request *r, jstr name)
{
	const struct chat_tool *t = chat_named_tool(r, name);

	return t && t->kind == TOOL_CUSTOM;
}

static void write_allowed(struct openai_writer *w, str mode)
{
	struct json_writer *j = &w->json;

	json_key(j, STR("tool_choice"));
	json_open(j, '{');
	json_key_str(j, STR("type"), STR("allowed_tools"));
	json_key(j, STR("allowed_tools"));
	json_open(j, '{');
	json_key_str(j, STR("mode"), mode);
	json_key(j, STR("tools"));
	json_open(j, '[');
	for (unsigned i = 0; i < w->r->allowed_count; i++) {
		jstr name = w->r->allowed[i];
		const struct chat_tool *t = chat_named_tool(w->r, name);

		if (!t || !chat_is_hosted(t)) /* which stand beside the list */
			openai_write_named(
			        j, t && t->kind == TOOL_CUSTOM ? "custom" : "function",
			        name);
	}
	json_close(j, ']');
	json_close(j, '}');
	json_close(j, '}');
}

static void write_choice(struct openai_writer *w)
{
	static const str words[] = {
		[CHOOSE_UNSET] = STR_INIT(""),       [CHOOSE_AUTO] = STR_INIT("auto"),
		[CHOOSE_ANY] = STR_INIT("required"), [CHOOSE_NONE] = STR_INIT("none"),
		[CHOOSE_ONE] = STR_INIT("function"),
	};
	const struct chat_request *r = w->r;
	bool names = r->allowed_count && r->choose != CHOOSE_ONE &&
	             dialect_keeps(&w->dialect, STR("tool_choice.allowed_tools"));
	str word = words[r->choose], theirs;

	if (names && r->choose != CHOOSE_NONE) {
		write_allowed(w, r->choose == CHOOSE_ANY ? STR("required") : STR("auto"));
		return;
	}
	theirs = dialect_word(&w->dialect, STR("tool_choice"), word);
	if (!theirs.len || !openai_put(w, STR("tool_choice")))
		return;
	if (str_eq(theirs, STR("auto")) && !str_eq(theirs, word))
		chat_drop(w->r, STR("tool_choice"));
	if (str_eq(theirs, STR("function")))
		openai_write_named(&w->json,
		                   is_custom_name(r, r->choose_name) ? "custom"
		                                                     : "function",
		                   r->choose_name);
	else
		json_str(&w->json, theirs);
}

/* Some do not understand "none": then the tools are not shown at all. */
static bool hides_tools(const struct openai_writer *w)
{
	return w->r->choose == CHOOSE_NONE &&
	       dialect_word(&w->dialect, STR("tool_choice"), STR("none")).len == 0;
}

void openai_write_tools(struct openai_writer *w)
{
	const struct chat_tool *t;
	bool has_any = false;

	w->is_subset = w->r->allowed_count &&
	               (!dialect_keeps(&w->dialect, STR("tool_choice.allowed_tools")) ||
	                !chat_allows_functions(w->r));
	for (t = w->r->tools; t; t = t->next) {
		has_any |= is_listed(w, t);
		if (t->kind == TOOL_WEB_SEARCH && !search_is_tool(w))
			write_search(w, t);
	}
	if (!has_any || hides_tools(w) || !openai_put(w, STR("tools")))
		return;
	json_open(&w->json, '[');
	for (t = w->r->tools; t; t = t->next) {
		if (is_listed(w, t))
			write_tool(w, t);
	}
	json_close(&w->json, ']');
	write_choice(w);
	if (w->r->parallel != TRI_UNSET && openai_put(w, STR("parallel_tool_calls")))
		json_bool(&w->json, w->r->parallel == TRI_YES);
}
