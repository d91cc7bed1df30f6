/* gemini_tools.c - the tools of a request and what the model may do with them.
 *
 * One tool object may hold declarations and server tools at once.  Facts: wire-formats
 * 6.2 and 13.4. */
#include "wire/gemini.h"

static void read_declaration(struct chat_request *r, struct json_value declaration)
{
	enum { NAME, DESCRIPTION, OPENAPI, JSON, NAMES };
	static const struct gemini_name names[NAMES] = {
		[NAME] = GEMINI_ONE("name"),
		[DESCRIPTION] = GEMINI_ONE("description"),
		[OPENAPI] = GEMINI_ONE("parameters"),
		[JSON] = GEMINI_TWO("parametersJsonSchema", "parameters_json_schema"),
	};
	struct json_value v[NAMES];
	struct chat_tool *t = chat_add_tool(r, TOOL_FUNCTION);

	gemini_pick(r, declaration, STR("tools[].functionDeclarations[]"), names, NAMES,
	            v);
	chat_mark(r, CONCEPT_TOOLS);
	t->name = chat_text(r, v[NAME]);
	t->description = chat_text(r, v[DESCRIPTION]);
	t->schema =
	        v[JSON].type == JSON_OBJECT ? v[JSON] : gemini_schema_read(r, v[OPENAPI]);
	t->raw = declaration;
}

/* Tools that Google runs itself. */
static const struct {
	str name, snake;
	enum chat_tool_kind kind;
	enum concept concept;
} server_tools[] = {
	{ STR_INIT("googleSearch"), STR_INIT("google_search"), TOOL_WEB_SEARCH,
	  CONCEPT_WEB_SEARCH },
	{ STR_INIT("googleSearchRetrieval"), STR_INIT("google_search_retrieval"),
	  TOOL_WEB_SEARCH, CONCEPT_WEB_SEARCH },
	{ STR_INIT("codeExecution"), STR_INIT("code_execution"), TOOL_CODE,
	  CONCEPT_CODE_TOOL },
	{ STR_INIT("urlContext"), STR_INIT("url_context"), TOOL_FETCH,
	  CONCEPT_FETCH_TOOL },
};

static void read_server_tool(struct chat_request *r, const struct json_member *m)
{
	enum chat_tool_kind kind = TOOL_HOSTED;
	enum concept concept = CONCEPT_HOSTED_TOOL;
	size_t room = m->key.len + m->value.raw.len + 8;
	char *raw = arena_try(r->keep, room);
	struct chat_tool *t;
	size_t n = 0;

	for (size_t i = 0; i < countof(server_tools); i++) {
		if (str_eq(m->key, server_tools[i].name) ||
		    str_eq(m->key, server_tools[i].snake)) {
			kind = server_tools[i].kind;
			concept = server_tools[i].concept;
		}
	}
	t = chat_add_tool(r, kind);
	t->name = m->key;
	if (concept == CONCEPT_HOSTED_TOOL)
		chat_mark_as(r, concept, "tools[].%.*s", STR_ARG(m->key));
	else
		chat_mark(r, concept);
	if (!raw) {
		r->why = r->why ? r->why : FAULT_JSON_LIMIT;
		return;
	}
	/* alone, without what stood beside it */
	const str pieces[] = { STR("{\""), m->key, STR("\":"), m->value.raw, STR("}") };
	for (size_t i = 0; i < countof(pieces); i++) {
		if (pieces[i].len)
			memcpy(raw + n, pieces[i].ptr, pieces[i].len);
		n += pieces[i].len;
	}
	t->raw = (struct json_value){ JSON_OBJECT, str_of(raw, n) };
}

static void read_tool(struct chat_request *r, struct json_value tool)
{
	struct json_value single, v;
	struct json_member m;

	if (tool.type != JSON_OBJECT)
		return;
	for (struct json_iter it = json_iter(tool); json_next(&it, &m);) {
		if (m.value.type == JSON_NULL)
			continue;
		if (!str_eq(m.key, STR("functionDeclarations")) &&
		    !str_eq(m.key, STR("function_declarations"))) {
			read_server_tool(r, &m);
			continue;
		}
		for (struct json_iter each = gemini_items(m.value, &single);
		     gemini_next(&each, &single, &v);)
			read_declaration(r, v);
	}
}

void gemini_read_tools(struct chat_request *r, struct json_value tools)
{
	struct json_value single, tool;

	for (struct json_iter it = gemini_items(tools, &single);
	     gemini_next(&it, &single, &tool);)
		read_tool(r, tool);
}

/* ---- the choice ---- */

static void read_allowed(struct chat_request *r, struct json_value list)
{
	struct json_value single, v;

	for (struct json_iter it = gemini_items(list, &single);
	     gemini_next(&it, &single, &v);) {
		if (r->allowed_count == CHAT_NAMES) {
			chat_drop(r, STR("allowedFunctionNames"));
			return;
		}
		if (v.type == JSON_STRING)
			r->allowed[r->allowed_count++] = chat_text(r, v);
	}
}

/* Google holds calls to any schema; others do so only where the schema is closed, and
 * refuse the request where they are asked to and it is not. */
static void make_strict(struct chat_request *r, struct json_value mode)
{
	r->options[CONCEPT_TOOL_STRICT] = mode;
	chat_mark(r, CONCEPT_TOOL_STRICT);
	for (struct chat_tool *t = r->tools; t; t = t->next) {
		if (t->kind == TOOL_FUNCTION && chat_is_closed(t->schema))
			t->strict = TRI_YES;
	}
}

void gemini_read_choice(struct chat_request *r, struct json_value tool_config)
{
	static const struct gemini_name outer[] = {
		GEMINI_TWO("functionCallingConfig", "function_calling_config"),
		/* said again by the writer where it is needed */
		GEMINI_TWO("includeServerSideToolInvocations",
		           "include_server_side_tool_invocations"),
	};
	static const struct gemini_name inner[] = {
		GEMINI_ONE("mode"),
		GEMINI_TWO("allowedFunctionNames", "allowed_function_names"),
	};
	struct json_value v[2], config[2];

	gemini_pick(r, tool_config, STR("toolConfig"), outer, countof(outer), config);
	gemini_pick(r, config[0], STR("functionCallingConfig"), inner, countof(inner), v);
	read_allowed(r, v[1]);
	if (json_text_is(v[0], STR("NONE")))
		r->choose = CHOOSE_NONE;
	else if (json_text_is(v[0], STR("ANY")))
		r->choose = r->allowed_count == 1 ? CHOOSE_ONE : CHOOSE_ANY;
	else if (json_text_is(v[0], STR("AUTO")) || json_text_is(v[0], STR("VALIDATED")))
		r->choose = CHOOSE_AUTO;
	if (json_text_is(v[0], STR("VALIDATED")))
		make_strict(r, v[0]);
	if (r->choose == CHOOSE_ONE) {
		r->choose_name = r->allowed[0];
		r->allowed_count = 0;
	}
}
