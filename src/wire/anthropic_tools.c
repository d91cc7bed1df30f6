/* anthropic_tools.c - the tools of a Messages request and the choice among them, read and
 * written.  Facts: wire-formats 5.4, 13.4. */
#include "wire/anthropic.h"

/* ---- reading ---- */

enum tool_member {
	TOOL_TYPE,
	TOOL_NAME,
	TOOL_DESCRIPTION,
	TOOL_SCHEMA,
	TOOL_STRICT,
	TOOL_CACHE,
	TOOL_DEFER,
	TOOL_EXAMPLES,
	TOOL_EAGER,
	TOOL_CALLERS,
	TOOL_MEMBERS
};
static const str tool_names[TOOL_MEMBERS] = {
	[TOOL_TYPE] = STR_INIT("type"),
	[TOOL_NAME] = STR_INIT("name"),
	[TOOL_DESCRIPTION] = STR_INIT("description"),
	[TOOL_SCHEMA] = STR_INIT("input_schema"),
	[TOOL_STRICT] = STR_INIT("strict"),
	[TOOL_CACHE] = STR_INIT("cache_control"),
	[TOOL_DEFER] = STR_INIT("defer_loading"),
	[TOOL_EXAMPLES] = STR_INIT("input_examples"),
	/* These two change nothing that another vendor could do. */
	[TOOL_EAGER] = STR_INIT("eager_input_streaming"),
	[TOOL_CALLERS] = STR_INIT("allowed_callers"),
};

static void read_function(struct anthropic_reading *in, struct json_value tool)
{
	struct json_value v[TOOL_MEMBERS] = { 0 };
	struct chat_tool *t = chat_add_tool(in->r, TOOL_FUNCTION);

	chat_pick(in->r, tool, STR("tools[]"), tool_names, TOOL_MEMBERS, v);
	t->raw = tool;
	t->name = chat_text(in->r, v[TOOL_NAME]);
	t->description = chat_text(in->r, v[TOOL_DESCRIPTION]);
	if (v[TOOL_SCHEMA].type == JSON_OBJECT)
		t->schema = v[TOOL_SCHEMA];
	if (v[TOOL_STRICT].type == JSON_TRUE || v[TOOL_STRICT].type == JSON_FALSE)
		t->strict = v[TOOL_STRICT].type == JSON_TRUE ? TRI_YES : TRI_NO;
	t->cache = anthropic_read_cache(in->r, v[TOOL_CACHE]);
	chat_mark(in->r, CONCEPT_TOOLS);
	if (t->strict == TRI_YES)
		chat_mark(in->r, CONCEPT_TOOL_STRICT);
	if (v[TOOL_DEFER].type == JSON_TRUE)
		chat_mark(in->r, CONCEPT_TOOL_DEFERRED);
	if (!anthropic_is_absent(v[TOOL_EXAMPLES]))
		chat_mark(in->r, CONCEPT_TOOL_EXAMPLES);
	if (!t->name.len)
		anthropic_refuse(in, "tools.%u.name: is missing", in->item);
}

/* Tools which the vendor runs, or whose schema only the vendor knows; by their names up
 * to the date. */
static void read_hosted(struct anthropic_reading *in, struct json_value tool, str type)
{
	static const struct {
		str prefix;
		enum chat_tool_kind kind;
		enum concept concept;
	} rows[] = {
		{ STR_INIT("web_search_"), TOOL_WEB_SEARCH, CONCEPT_WEB_SEARCH },
		{ STR_INIT("web_fetch_"), TOOL_FETCH, CONCEPT_FETCH_TOOL },
		{ STR_INIT("code_execution_"), TOOL_CODE, CONCEPT_CODE_TOOL },
		/* Without it the deferred tools are all there from the start. */
		{ STR_INIT("tool_search_tool_"), TOOL_HOSTED, CONCEPT_TOOL_SEARCH },
		{ STR_INIT(""), TOOL_HOSTED, CONCEPT_HOSTED_TOOL },
	};
	size_t i = 0;

	while (!str_starts(type, rows[i].prefix))
		i++;
	struct chat_tool *t = chat_add_tool(in->r, rows[i].kind);
	t->raw = tool;
	t->name = chat_text(in->r, json_get(tool, STR("name")));
	t->cache = anthropic_read_cache(in->r, json_get(tool, STR("cache_control")));
	if (rows[i].concept == CONCEPT_HOSTED_TOOL)
		chat_mark_as(in->r, rows[i].concept, "tools[].%.*s", STR_ARG(type));
	else
		chat_mark(in->r, rows[i].concept);
}

static void read_list(struct anthropic_reading *in, struct json_value tools)
{
	struct json_member m;

	if (anthropic_is_absent(tools))
		return;
	if (tools.type != JSON_ARRAY)
		anthropic_refuse(in, "tools: must be an array");
	in->item = 0;
	for (struct json_iter it = json_iter(tools); json_next(&it, &m) && !in->r->why;
	     in->item++) {
		struct json_value type = json_get(m.value, STR("type"));

		if (m.value.type != JSON_OBJECT)
			anthropic_refuse(in, "tools.%u: must be an object", in->item);
		else if (anthropic_is_absent(type) || json_text_is(type, STR("custom")))
			read_function(in, m.value);
		else
			read_hosted(in, m.value, chat_text(in->r, type));
	}
}

static void read_choice(struct anthropic_reading *in, struct json_value choice)
{
	enum { CHOICE_TYPE, CHOICE_NAME, CHOICE_ALONE };
	static const str names[] = { STR_INIT("type"), STR_INIT("name"),
		                     STR_INIT("disable_parallel_tool_use") };
	static const struct {
		str type;
		enum chat_choose choose;
	} rows[] = {
		{ STR_INIT("auto"), CHOOSE_AUTO },
		{ STR_INIT("any"), CHOOSE_ANY },
		{ STR_INIT("none"), CHOOSE_NONE },
		{ STR_INIT("tool"), CHOOSE_ONE },
	};
	struct json_value v[3] = { 0 };

	if (anthropic_is_absent(choice))
		return;
	chat_pick(in->r, choice, STR("tool_choice"), names, countof(names), v);
	if (v[CHOICE_ALONE].type == JSON_TRUE) {
		in->r->parallel = TRI_NO;
		chat_mark(in->r, CONCEPT_PARALLEL_OFF);
	}
	for (size_t i = 0; i < countof(rows); i++) {
		if (!json_text_is(v[CHOICE_TYPE], rows[i].type))
			continue;
		in->r->choose = rows[i].choose;
		in->r->choose_name = chat_text(in->r, v[CHOICE_NAME]);
		return;
	}
	anthropic_refuse(in, "tool_choice.type: must be auto, any, none or tool");
}

void anthropic_read_tools(struct anthropic_reading *in, struct json_value tools,
                          struct json_value choice)
{
	read_list(in, tools);
	read_choice(in, choice);
}

/* ---- writing ---- */

static void write_function(struct anthropic_writing *c, const struct chat_tool *t)
{
	struct json_writer *w = c->w;
	bool is_strict =
	        (c->bits & CLAUDE_SCHEMA) && chat_says_strict(c->r, t, WIRE_ANTHROPIC);

	json_open(w, '{');
	json_key_jstr(w, STR("name"), t->name);
	if (t->description.len)
		json_key_jstr(w, STR("description"), t->description);
	json_key(w, STR("input_schema"));
	chat_write_schema(w, t->schema, is_strict);
	if (is_strict)
		json_key_bool(w, STR("strict"), true);
	else if (t->strict == TRI_YES && !(c->bits & CLAUDE_SCHEMA))
		anthropic_lose(c->r, CONCEPT_TOOL_STRICT);
	anthropic_write_cache(w, t->cache);
	json_close(w, '}');
}

/* What another vendor's web search was told that can be told here too: which places, and
 * from where. */
static void write_search_options(struct anthropic_writing *c, struct json_value raw)
{
	struct json_value where = json_get(raw, STR("user_location"));
	struct json_value near = json_get(where, STR("approximate"));
	struct json_value domains = json_path(raw, "filters.allowed_domains");
	struct json_member m;

	if (domains.type == JSON_ARRAY) {
		json_key(c->w, STR("allowed_domains"));
		json_raw(c->w, domains.raw);
	}
	if (near.type == JSON_OBJECT)
		where = near; /* as chat completions have it */
	if (where.type != JSON_OBJECT)
		return;
	json_key(c->w, STR("user_location"));
	json_open(c->w, '{');
	json_key_str(c->w, STR("type"), STR("approximate"));
	for (struct json_iter it = json_iter(where); json_next(&it, &m);) {
		static const str known[] = { STR_INIT("city"), STR_INIT("region"),
			                     STR_INIT("country"), STR_INIT("timezone") };

		for (size_t i = 0; i < countof(known); i++) {
			if (!str_eq(m.key, known[i]) || m.value.type != JSON_STRING)
				continue;
			json_key(c->w, known[i]);
			json_raw(c->w, m.value.raw);
		}
	}
	json_close(c->w, '}');
}

/* What another vendor runs, in the words of this one. */
static const struct {
	str type, name;
} hosted[] = {
	[TOOL_WEB_SEARCH] = { STR_INIT("web_search_20250305"), STR_INIT("web_search") },
	[TOOL_FETCH] = { STR_INIT("web_fetch_20260209"), STR_INIT("web_fetch") },
	[TOOL_CODE] = { STR_INIT("code_execution_20250825"), STR_INIT("code_execution") },
	[TOOL_HOSTED] = { STR_INIT(""), STR_INIT("") },
};

static void write_hosted(struct anthropic_writing *c, const struct chat_tool *t)
{
	static const str of_search[] = {
		STR_INIT("filters.allowed_domains"),
		CHAT_PLACE_PATHS,
	};
	static const str of_code[] = { STR_INIT("container.type") };
	bool is_search = t->kind == TOOL_WEB_SEARCH, is_code = t->kind == TOOL_CODE;

	json_open(c->w, '{');
	json_key_str(c->w, STR("type"), hosted[t->kind].type);
	json_key_str(c->w, STR("name"), hosted[t->kind].name);
	if (is_search)
		write_search_options(c, t->raw);
	json_close(c->w, '}');
	chat_drop_options(c->r, t, is_search ? of_search : of_code,
	                  is_search ? countof(of_search)
	                  : is_code ? 1
	                            : 0);
}

static void write_tool(struct anthropic_writing *c, const struct chat_tool *t)
{
	if (c->counting && t->kind != TOOL_FUNCTION &&
	    !(c->own &&
	      str_starts(chat_text(c->r, json_get(t->raw, STR("type"))), STR("memory_"))))
		return; /* count_tokens takes no tools of the vendor's */
	if (c->own && t->raw.type == JSON_OBJECT) {
		json_raw(c->w, t->raw.raw);
		return;
	}
	switch (t->kind) {
	case TOOL_FUNCTION:
		write_function(c, t);
		break;
	case TOOL_WEB_SEARCH:
	case TOOL_FETCH:
	case TOOL_CODE:
		write_hosted(c, t);
		break;
	case TOOL_CUSTOM:
	case TOOL_HOSTED:
		break; /* refused by chat_cross */
	}
}

static jstr chosen_name(const struct anthropic_writing *c)
{
	const struct chat_tool *t = chat_named_tool(c->r, c->r->choose_name);

	if (!t || c->own || !chat_is_hosted(t) || !hosted[t->kind].name.len)
		return c->r->choose_name;
	return hosted[t->kind].name;
}

static void write_choice(struct anthropic_writing *c)
{
	static const str types[] = {
		[CHOOSE_UNSET] = STR_INIT("auto"), [CHOOSE_AUTO] = STR_INIT("auto"),
		[CHOOSE_ANY] = STR_INIT("any"),    [CHOOSE_NONE] = STR_INIT("none"),
		[CHOOSE_ONE] = STR_INIT("tool"),
	};
	struct chat_request *r = c->r;
	bool is_alone = r->parallel == TRI_NO && r->choose != CHOOSE_NONE;
	enum chat_choose choose = r->choose;

	if ((choose == CHOOSE_ANY || choose == CHOOSE_ONE) && !c->force)
		choose = CHOOSE_AUTO;
	if (choose == CHOOSE_UNSET && !is_alone)
		return;
	json_key(c->w, STR("tool_choice"));
	json_open(c->w, '{');
	json_key_str(c->w, STR("type"), types[choose]);
	if (choose == CHOOSE_ONE)
		json_key_jstr(c->w, STR("name"), chosen_name(c));
	if (is_alone)
		json_key_bool(c->w, STR("disable_parallel_tool_use"), true);
	json_close(c->w, '}');
}

/* Where one tool is meant and cannot be forced, it is the only one that is offered. */
static bool is_offered(const struct anthropic_writing *c, const struct chat_tool *t)
{
	if (c->r->choose == CHOOSE_ONE && !c->force)
		return str_eq(t->name, c->r->choose_name);
	return chat_is_allowed(c->r, t);
}

void anthropic_write_tools(struct anthropic_writing *c)
{
	struct json_writer old = *c->w;
	size_t before = c->w->to->len, empty;

	if (!c->r->tools)
		return;
	json_key(c->w, STR("tools"));
	json_open(c->w, '[');
	empty = c->w->to->len;
	for (const struct chat_tool *t = c->r->tools; t; t = t->next) {
		if (is_offered(c, t))
			write_tool(c, t);
	}
	if (c->w->to->len == empty) {
		c->w->to->len = before;
		*c->w = old;
		return;
	}
	json_close(c->w, ']');
	write_choice(c);
}
