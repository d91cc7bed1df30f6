/* gemini_write.c - the neutral form as a generateContent body.
 *
 * What depends on the model's generation is asked of gemini_model.c.  Facts: wire-formats
 * 6.2, 13.1, 13.4-13.6. */
#include "wire/gemini.h"

enum { STOPS_MOST = 5 };

struct tools_in {
	unsigned functions, strict, servers;
	bool is_subset; /* functions that are not allowed are left out */
};

static bool is_offered(const struct chat_request *r, const struct tools_in *n,
                       const struct chat_tool *t)
{
	return t->kind == TOOL_FUNCTION && (!n->is_subset || chat_is_allowed(r, t));
}

static struct tools_in count_tools(const struct chat_request *r)
{
	struct tools_in n = { 0 };

	/* Google has a word for a subset only where one of it has to be called. */
	n.is_subset = r->choose == CHOOSE_UNSET || r->choose == CHOOSE_AUTO ||
	              !chat_allows_functions(r);
	for (const struct chat_tool *t = r->tools; t; t = t->next) {
		if (t->kind == TOOL_FUNCTION) {
			if (!is_offered(r, &n, t))
				continue;
			n.functions++;
			n.strict += t->strict == TRI_YES;
		} else if (t->kind != TOOL_HOSTED || r->from == WIRE_GEMINI) {
			n.servers++;
		}
	}
	return n;
}

/* ---- tools ---- */

static void write_declaration(struct json_writer *w, const struct chat_tool *t)
{
	json_open(w, '{');
	json_key_jstr(w, STR("name"), t->name);
	if (t->description.len)
		json_key_jstr(w, STR("description"), t->description);
	if (t->schema.type == JSON_OBJECT && t->schema.raw.len > 2) {
		json_key(w, STR("parametersJsonSchema"));
		gemini_schema_write(w, t->schema, STR_NONE);
	}
	json_close(w, '}');
}

static void write_server_tool(struct chat_request *r, struct json_writer *w,
                              const struct chat_tool *t)
{
	static const str names[] = {
		[TOOL_WEB_SEARCH] = STR_INIT("googleSearch"),
		[TOOL_CODE] = STR_INIT("codeExecution"),
		[TOOL_FETCH] = STR_INIT("urlContext"),
		[TOOL_HOSTED] = STR_INIT(""),
	};
	static const str of_code = STR_INIT("container.type");

	if (r->from == WIRE_GEMINI) {
		json_raw(w, t->raw.raw);
		return;
	}
	if (!names[t->kind].len) /* refused by chat_cross */
		return;
	chat_drop_options(r, t, t->kind == TOOL_CODE ? &of_code : NULL,
	                  t->kind == TOOL_CODE);
	json_open(w, '{');
	json_key(w, names[t->kind]);
	json_raw(w, STR("{}"));
	json_close(w, '}');
}

static void write_tools(struct chat_request *r, const struct tools_in *n,
                        struct json_writer *w)
{
	bool any = false;

	json_key(w, STR("tools"));
	json_open(w, '[');
	for (const struct chat_tool *t = r->tools; t; t = t->next) {
		if (!is_offered(r, n, t))
			continue;
		if (!any) {
			json_open(w, '{');
			json_key(w, STR("functionDeclarations"));
			json_open(w, '[');
		}
		any = true;
		write_declaration(w, t);
	}
	if (any) {
		json_close(w, ']');
		json_close(w, '}');
	}
	for (const struct chat_tool *t = n->servers ? r->tools : NULL; t; t = t->next) {
		if (t->kind != TOOL_FUNCTION && t->kind != TOOL_CUSTOM)
			write_server_tool(r, w, t);
	}
	json_close(w, ']');
}

static str mode_of(const struct chat_request *r, const struct tools_in *n)
{
	switch (r->choose) {
	case CHOOSE_NONE:
		return STR("NONE");
	case CHOOSE_ANY:
	case CHOOSE_ONE:
		return STR("ANY");
	case CHOOSE_AUTO:
	case CHOOSE_UNSET:
		break;
	}
	if (n->strict == n->functions ||
	    (r->from == WIRE_GEMINI && chat_is_marked(r, CONCEPT_TOOL_STRICT)))
		return STR("VALIDATED");
	return r->choose == CHOOSE_AUTO ? STR("AUTO") : STR_NONE;
}

static void write_allowed(const struct chat_request *r, struct json_writer *w)
{
	if (r->choose != CHOOSE_ONE && !(r->choose == CHOOSE_ANY && r->allowed_count))
		return;
	json_key(w, STR("allowedFunctionNames"));
	json_open(w, '[');
	if (r->choose == CHOOSE_ONE)
		json_jstr(w, r->choose_name);
	for (unsigned i = 0; r->choose == CHOOSE_ANY && i < r->allowed_count; i++) {
		const struct chat_tool *t = chat_named_tool(r, r->allowed[i]);

		if (!t || !chat_is_hosted(t))
			json_jstr(w, r->allowed[i]);
	}
	json_close(w, ']');
}

/* A functionCallingConfig without functions is refused by Google. */
static void write_choice(struct chat_request *r, const struct chat_target *t,
                         const struct tools_in *n, struct json_writer *w)
{
	str mode = n->functions ? mode_of(r, n) : STR_NONE;
	bool is_vertex = str_starts(t->provider, STR("google-vertex"));
	bool is_mixed = n->functions && n->servers && !is_vertex;

	if (n->strict && n->functions && !str_eq(mode, STR("VALIDATED")))
		chat_drop(r, STR("tools[].strict"));
	if (!mode.len && !is_mixed)
		return;
	json_key(w, STR("toolConfig"));
	json_open(w, '{');
	if (mode.len) {
		json_key(w, STR("functionCallingConfig"));
		json_open(w, '{');
		json_key_str(w, STR("mode"), mode);
		write_allowed(r, w);
		json_close(w, '}');
	}
	if (is_mixed)
		json_key_bool(w, STR("includeServerSideToolInvocations"), true);
	json_close(w, '}');
}

/* ---- generationConfig ---- */

static bool may_think(const struct gemini_model *m, const struct chat_target *t)
{
	return m->thinking != THINKS_NOT &&
	       !(t->facts && !(t->facts->bits & CATALOG_REASONING));
}

static void write_thinking(struct chat_request *r, const struct gemini_model *m,
                           const struct chat_target *t, struct json_writer *w)
{
	bool is_asked = r->effort != EFFORT_UNSET || r->budget;

	if (!is_asked && r->show_reasoning == TRI_UNSET)
		return;
	if (!may_think(m, t)) {
		if (is_asked && chat_wanted_effort(r) != EFFORT_NONE)
			chat_drop(r, r->budget ? concepts[CONCEPT_BUDGET].path[r->from]
			                       : concepts[CONCEPT_EFFORT].path[r->from]);
		return;
	}
	json_key(w, STR("thinkingConfig"));
	json_open(w, '{');
	if (r->show_reasoning != TRI_UNSET)
		json_key_bool(w, STR("includeThoughts"), r->show_reasoning == TRI_YES);
	if (is_asked && m->thinking == THINKS_LEVEL) {
		json_key_str(w, STR("thinkingLevel"),
		             gemini_level(m, chat_wanted_effort(r)));
	} else if (is_asked) {
		json_key(w, STR("thinkingBudget"));
		json_uint(w, gemini_budget(m, r));
	}
	json_close(w, '}');
}

/* Before Gemini 3 an answer in JSON, whatever its members, is not to be had beside
 * functions. */
static bool loses_json(const struct chat_request *r, const struct gemini_model *m)
{
	return r->form == FORM_JSON && m->generation < 3 && count_tools(r).functions;
}

static void write_form(const struct chat_request *r, const struct gemini_model *m,
                       struct json_writer *w)
{
	if (r->form == FORM_TEXT || loses_json(r, m))
		return;
	json_key_str(w, STR("responseMimeType"), STR("application/json"));
	if (r->form != FORM_SCHEMA || r->schema.type != JSON_OBJECT)
		return;
	json_key(w, STR("responseJsonSchema"));
	gemini_schema_write(w, r->schema, r->schema_name);
}

static void write_option(const struct chat_request *r, enum concept concept, str name,
                         struct json_writer *w)
{
	if (r->options[concept].type == JSON_NONE)
		return;
	json_key(w, name);
	json_raw(w, r->options[concept].raw);
}

static fault_t write_config(struct chat_request *r, const struct gemini_model *m,
                            const struct chat_target *t, struct json_writer *w,
                            str *ret_detail)
{
	fault_t why;

	json_key(w, STR("generationConfig"));
	json_open(w, '{');
	chat_write_options(r, WIRE_GEMINI, "generationConfig.", NULL, w);
	if (r->max_tokens) {
		json_key(w, STR("maxOutputTokens"));
		json_uint(w, r->max_tokens);
	}
	why = chat_write_stops(r, w, STR("stopSequences"), STOPS_MOST, true, ret_detail);
	write_option(r, CONCEPT_CHOICES, STR("candidateCount"), w);
	if (r->options[CONCEPT_LOGPROBS].type == JSON_TRUE) {
		write_option(r, CONCEPT_LOGPROBS, STR("responseLogprobs"), w);
		write_option(r, CONCEPT_TOP_LOGPROBS, STR("logprobs"), w);
	} else if (r->options[CONCEPT_TOP_LOGPROBS].type != JSON_NONE) {
		chat_drop(r, concepts[CONCEPT_TOP_LOGPROBS].path[r->from]);
	}
	if (r->from == WIRE_GEMINI) {
		write_option(r, CONCEPT_IMAGE_OUT, STR("responseModalities"), w);
		write_option(r, CONCEPT_AUDIO_OUT, STR("responseModalities"), w);
	} else if (chat_is_marked(r, CONCEPT_IMAGE_OUT)) {
		json_key(w, STR("responseModalities"));
		json_raw(w, STR("[\"TEXT\",\"IMAGE\"]"));
	}
	write_form(r, m, w);
	write_thinking(r, m, t, w);
	json_close(w, '}');
	return why;
}

/* ---- the root ---- */

/* Before Gemini 3 Google's own tools do not stand beside functions. */
static void drop_servers(struct chat_request *r)
{
	static const enum concept own[] = { CONCEPT_WEB_SEARCH, CONCEPT_CODE_TOOL,
		                            CONCEPT_FETCH_TOOL };

	for (size_t i = 0; i < countof(own); i++) {
		if (chat_is_marked(r, own[i]))
			chat_drop(r, concepts[own[i]].path[r->from]);
	}
}

static fault_t look(struct chat_request *r, const struct gemini_model *m,
                    struct tools_in *n, str *ret_detail)
{
	if (n->functions && r->form == FORM_SCHEMA && m->generation < 3) {
		*ret_detail = STR("a response schema together with tools needs Gemini 3");
		return FAULT_NOT_OFFERED;
	}
	if (n->functions && n->servers && m->generation < 3) {
		drop_servers(r);
		n->servers = 0;
	}
	if (loses_json(r, m))
		chat_drop(r, concepts[CONCEPT_JSON_MODE].path[r->from]);
	return NULL;
}

/* Google knows standard, flex and priority; auto is what it does unasked. */
static void write_tier(struct chat_request *r, struct json_writer *w)
{
	struct json_value tier = r->options[CONCEPT_SERVICE_TIER];
	str name = tier.type == JSON_STRING ? str_of(tier.raw.ptr + 1, tier.raw.len - 2)
	                                    : STR_NONE;

	if (!name.len || str_eq(name, STR("auto")))
		return;
	if (str_eq(name, STR("default")))
		name = STR("standard");
	else if (!str_eq(name, STR("flex")) && !str_eq(name, STR("priority"))) {
		chat_drop(r, STR("service_tier"));
		return;
	}
	json_key_str(w, STR("serviceTier"), name);
}

fault_t gemini_write_request(struct chat_request *r, const struct chat_target *t,
                             struct buf *to, str *ret_detail)
{
	const struct gemini_model *m = gemini_model_of(t->model);
	struct tools_in n = count_tools(r);
	struct json_writer w = { .to = to };
	fault_t why = look(r, m, &n, ret_detail);

	if (why)
		return why;
	json_open(&w, '{');
	why = gemini_write_contents(r, m, &w, ret_detail);
	if (why)
		return why;
	if (r->tools)
		write_tools(r, &n, &w);
	write_choice(r, t, &n, &w);
	chat_write_options(r, WIRE_GEMINI, "", NULL, &w);
	write_tier(r, &w);
	write_option(r, CONCEPT_CACHED_CONTENT, STR("cachedContent"), &w);
	why = write_config(r, m, t, &w, ret_detail);
	json_close(&w, '}');
	if (to->over) {
		*ret_detail = STR("the translated request is too large or too deep");
		return FAULT_JSON_LIMIT;
	}
	return why ? why : r->why;
}
