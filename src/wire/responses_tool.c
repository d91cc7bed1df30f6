/* responses_tool.c - tools and the choice among them, written as Responses wants them:
 * flat, and with `strict` always said, because its absence means yes here and no in the
 * formats requests come from.
 *
 * Facts: wire-formats 3.2, 13.4. */
#include "wire/responses.h"

static void write_function(struct chat_request *r, const struct chat_tool *t,
                           struct json_writer *w)
{
	bool is_strict = chat_says_strict(r, t, WIRE_OPENAI_RESPONSES);

	json_open(w, '{');
	json_key_str(w, STR("type"), STR("function"));
	json_key_jstr(w, STR("name"), t->name);
	if (t->description.len)
		json_key_jstr(w, STR("description"), t->description);
	json_key(w, STR("parameters"));
	chat_write_schema(w, t->schema, is_strict);
	json_key_bool(w, STR("strict"), is_strict);
	json_close(w, '}');
}

/* Chat completions has the same under "custom", and the grammar one level deeper. */
static void write_custom(const struct chat_tool *t, struct json_writer *w)
{
	struct json_value format = json_path(t->raw, "custom.format");
	struct json_value grammar = json_get(format, STR("grammar"));

	if (format.type == JSON_NONE)
		format = json_get(t->raw, STR("format"));
	json_open(w, '{');
	json_key_str(w, STR("type"), STR("custom"));
	json_key_jstr(w, STR("name"), t->name);
	if (t->description.len)
		json_key_jstr(w, STR("description"), t->description);
	if (format.type == JSON_OBJECT) {
		json_key(w, STR("format"));
		if (grammar.type == JSON_OBJECT) {
			struct json_value syntax = json_get(grammar, STR("syntax"));
			struct json_value text = json_get(grammar, STR("definition"));

			json_open(w, '{');
			json_key_str(w, STR("type"), STR("grammar"));
			json_key(w, STR("syntax"));
			json_raw(w, syntax.raw.len ? syntax.raw : STR("\"lark\""));
			json_key(w, STR("definition"));
			json_raw(w, text.raw.len ? text.raw : STR("\"\""));
			json_close(w, '}');
		} else {
			json_raw(w, format.raw);
		}
	}
	json_close(w, '}');
}

/* Web search in the words of chat completions, Anthropic and Gemini: where it may look,
 * and for whom. */
static void write_search(struct chat_request *r, const struct chat_tool *t,
                         struct json_writer *w)
{
	static const str used[] = {
		STR_INIT("search_context_size"),
		STR_INIT("allowed_domains"),
		CHAT_PLACE_PATHS,
	};
	static const str places[] = { STR_INIT("city"), STR_INIT("region"),
		                      STR_INIT("country"), STR_INIT("timezone") };
	struct json_value size = json_get(t->raw, STR("search_context_size"));
	struct json_value domains = json_get(t->raw, STR("allowed_domains"));
	struct json_value place = json_get(t->raw, STR("user_location"));
	struct json_value inner = json_get(place, STR("approximate"));

	json_open(w, '{');
	json_key_str(w, STR("type"), STR("web_search"));
	if (size.type == JSON_STRING) {
		json_key(w, STR("search_context_size"));
		json_raw(w, size.raw);
	}
	if (domains.type == JSON_ARRAY) {
		json_key(w, STR("filters"));
		json_open(w, '{');
		json_key(w, STR("allowed_domains"));
		json_raw(w, domains.raw);
		json_close(w, '}');
	}
	if (inner.type == JSON_OBJECT)
		place = inner;
	if (place.type == JSON_OBJECT) {
		json_key(w, STR("user_location"));
		json_open(w, '{');
		json_key_str(w, STR("type"), STR("approximate"));
		for (size_t i = 0; i < countof(places); i++) {
			struct json_value v = json_get(place, places[i]);

			if (v.type != JSON_STRING)
				continue;
			json_key(w, places[i]);
			json_raw(w, v.raw);
		}
		json_close(w, '}');
	}
	json_close(w, '}');
	chat_drop_options(r, t, used, countof(used));
}

static void write_code(struct chat_request *r, const struct chat_tool *t,
                       struct json_writer *w)
{
	json_raw(w, STR("{\"type\":\"code_interpreter\",\"container\":{\"type\":"
	                "\"auto\"}}"));
	chat_drop_options(r, t, NULL, 0);
}

static void write_tool(struct chat_request *r, const struct chat_tool *t,
                       struct json_writer *w)
{
	bool is_own = r->from == WIRE_OPENAI_RESPONSES && t->raw.type == JSON_OBJECT;

	switch (t->kind) {
	case TOOL_FUNCTION:
		write_function(r, t, w);
		break;
	case TOOL_CUSTOM:
		write_custom(t, w);
		break;
	case TOOL_WEB_SEARCH:
		is_own ? json_raw(w, t->raw.raw) : write_search(r, t, w);
		break;
	case TOOL_CODE:
		is_own ? json_raw(w, t->raw.raw) : write_code(r, t, w);
		break;
	case TOOL_FETCH:
	case TOOL_HOSTED:
		if (is_own)
			json_raw(w, t->raw.raw);
		break; /* others were refused before */
	}
}

/* ---- the choice ---- */

static void write_reference(const struct chat_request *r, jstr name,
                            struct json_writer *w)
{
	const struct chat_tool *t = chat_named_tool(r, name);
	bool is_own = r->from == WIRE_OPENAI_RESPONSES;

	json_open(w, '{');
	if (t && chat_is_hosted(t)) {
		json_key_jstr(w, STR("type"),
		              is_own                       ? name
		              : t->kind == TOOL_WEB_SEARCH ? STR("web_search")
		                                           : STR("code_interpreter"));
	} else {
		json_key_str(w, STR("type"),
		             t && t->kind == TOOL_CUSTOM ? STR("custom")
		                                         : STR("function"));
		json_key_jstr(w, STR("name"), name);
	}
	json_close(w, '}');
}

static void write_allowed(const struct chat_request *r, struct json_writer *w)
{
	json_open(w, '{');
	json_key_str(w, STR("type"), STR("allowed_tools"));
	json_key_str(w, STR("mode"),
	             r->choose == CHOOSE_ANY ? STR("required") : STR("auto"));
	json_key(w, STR("tools"));
	json_open(w, '[');
	for (unsigned i = 0; i < r->allowed_count; i++)
		write_reference(r, r->allowed[i], w);
	json_close(w, ']');
	json_close(w, '}');
}

static void write_choice(const struct chat_request *r, struct json_writer *w)
{
	static const str modes[] = {
		[CHOOSE_AUTO] = STR_INIT("auto"),
		[CHOOSE_ANY] = STR_INIT("required"),
		[CHOOSE_NONE] = STR_INIT("none"),
	};

	if (r->choose == CHOOSE_UNSET && !r->allowed_count)
		return;
	json_key(w, STR("tool_choice"));
	if (r->choose == CHOOSE_ONE)
		write_reference(r, r->choose_name, w);
	else if (r->allowed_count && r->choose != CHOOSE_NONE)
		write_allowed(r, w);
	else
		json_str(w, modes[r->choose]);
}

void responses_write_tools(struct chat_request *r, struct json_writer *w)
{
	if (!r->tools)
		return;
	json_key(w, STR("tools"));
	json_open(w, '[');
	for (const struct chat_tool *t = r->tools; t; t = t->next)
		write_tool(r, t, w);
	json_close(w, ']');
	write_choice(r, w);
	if (r->parallel != TRI_UNSET)
		json_key_bool(w, STR("parallel_tool_calls"), r->parallel == TRI_YES);
}
