/* gemini_request.c - a generateContent or countTokens body into the neutral form.
 *
 * Facts: wire-formats 6.2, 13.1, 13.5, 13.6.  Contents: gemini_history.c, tools:
 * gemini_tools.c. */
#include "wire/gemini.h"

/* A string that has to be one of a few words; empty where it is none. */
static str word(struct chat_request *r, struct json_value v)
{
	return v.type == JSON_STRING ? chat_plain(r->keep, chat_text(r, v)) : STR_NONE;
}

/* ---- generationConfig ---- */

enum {
	MAX_TOKENS,
	STOPS,
	CANDIDATES,
	MIME,
	OPENAPI_SCHEMA,
	JSON_SCHEMA,
	OLD_JSON_SCHEMA,
	WANTS_LOGPROBS,
	LOGPROBS,
	MODALITIES,
	THINKING,
	/* carried as they are, by these names */
	TEMPERATURE,
	CONFIG_NAMES = TEMPERATURE + 11,
};

static const struct gemini_name config_names[CONFIG_NAMES] = {
	[MAX_TOKENS] = GEMINI_TWO("maxOutputTokens", "max_output_tokens"),
	[STOPS] = GEMINI_TWO("stopSequences", "stop_sequences"),
	[CANDIDATES] = GEMINI_TWO("candidateCount", "candidate_count"),
	[MIME] = GEMINI_TWO("responseMimeType", "response_mime_type"),
	[OPENAPI_SCHEMA] = GEMINI_TWO("responseSchema", "response_schema"),
	[JSON_SCHEMA] = GEMINI_TWO("responseJsonSchema", "response_json_schema"),
	[OLD_JSON_SCHEMA] = GEMINI_ONE("_responseJsonSchema"),
	[WANTS_LOGPROBS] = GEMINI_TWO("responseLogprobs", "response_logprobs"),
	[LOGPROBS] = GEMINI_ONE("logprobs"),
	[MODALITIES] = GEMINI_TWO("responseModalities", "response_modalities"),
	[THINKING] = GEMINI_TWO("thinkingConfig", "thinking_config"),
	[TEMPERATURE] = GEMINI_ONE("temperature"),
	[TEMPERATURE + 1] = GEMINI_TWO("topP", "top_p"),
	[TEMPERATURE + 2] = GEMINI_TWO("topK", "top_k"),
	[TEMPERATURE + 3] = GEMINI_ONE("seed"),
	[TEMPERATURE + 4] = GEMINI_TWO("frequencyPenalty", "frequency_penalty"),
	[TEMPERATURE + 5] = GEMINI_TWO("presencePenalty", "presence_penalty"),
	[TEMPERATURE + 6] = GEMINI_TWO("speechConfig", "speech_config"),
	[TEMPERATURE + 7] = GEMINI_TWO("imageConfig", "image_config"),
	[TEMPERATURE + 8] = GEMINI_TWO("mediaResolution", "media_resolution"),
	[TEMPERATURE + 9] =
	        GEMINI_TWO("enableEnhancedCivicAnswers", "enable_enhanced_civic_answers"),
	[TEMPERATURE + 10] = GEMINI_TWO("audioTimestamp", "audio_timestamp"),
};

static void read_plain(struct chat_request *r, str name, struct json_value v)
{
	char path[96];
	size_t n = sizeof("generationConfig.") - 1;

	memcpy(path, "generationConfig.", n);
	memcpy(path + n, name.ptr, name.len);
	chat_read_option(r, WIRE_GEMINI, str_of(path, n + name.len), v);
}

static fault_t read_stops(struct chat_request *r, struct json_value list, str *ret_detail)
{
	struct json_value single, v;

	for (struct json_iter it = gemini_items(list, &single);
	     gemini_next(&it, &single, &v);) {
		if (v.type != JSON_STRING || r->stop_count == CHAT_STOPS) {
			*ret_detail = STR("\"stopSequences\" must be a few strings");
			return FAULT_BAD_REQUEST;
		}
		chat_mark(r, CONCEPT_STOP);
		r->stops[r->stop_count++] = chat_text(r, v);
	}
	return NULL;
}

static void read_thinking(struct chat_request *r, struct json_value config)
{
	enum { SHOW, BUDGET, LEVEL, NAMES };
	static const struct gemini_name names[NAMES] = {
		[SHOW] = GEMINI_TWO("includeThoughts", "include_thoughts"),
		[BUDGET] = GEMINI_TWO("thinkingBudget", "thinking_budget"),
		[LEVEL] = GEMINI_TWO("thinkingLevel", "thinking_level"),
	};
	struct json_value v[NAMES];
	int64_t budget;

	gemini_pick(r, config, STR("thinkingConfig"), names, NAMES, v);
	if (v[SHOW].type != JSON_NONE)
		r->show_reasoning = v[SHOW].type == JSON_TRUE ? TRI_YES : TRI_NO;
	r->effort = gemini_level_effort(word(r, v[LEVEL]));
	if (r->effort != EFFORT_UNSET)
		chat_mark(r, CONCEPT_EFFORT);
	/* -1 is dynamic: what everybody does unasked. */
	if (!json_i64(v[BUDGET], &budget) || budget < 0)
		return;
	if (budget == 0) {
		r->effort = EFFORT_NONE;
		chat_mark(r, CONCEPT_EFFORT);
	} else {
		r->budget = (uint64_t)budget;
		chat_mark(r, CONCEPT_BUDGET);
	}
}

static bool is_name(jstr text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = char_lower(text.ptr[i]);

		if (!(c >= 'a' && c <= 'z') && !char_is_digit(c) && c != '_' && c != '-')
			return false;
	}
	return text.len > 0 && text.len <= 64;
}

static fault_t read_form(struct chat_request *r, const struct json_value *v,
                         str *ret_detail)
{
	str mime = word(r, v[MIME]);

	r->schema =
	        v[JSON_SCHEMA].type != JSON_NONE ? v[JSON_SCHEMA] : v[OLD_JSON_SCHEMA];
	if (r->schema.type == JSON_NONE)
		r->schema = gemini_schema_read(r, v[OPENAPI_SCHEMA]);
	if (mime.len && !str_eq(mime, STR("application/json")) &&
	    !str_eq(mime, STR("text/plain"))) {
		*ret_detail = arena_printf(r->keep,
		                           "responseMimeType \"%.*s\" is not supported",
		                           STR_ARG(str_first(mime, 64)));
		return FAULT_NOT_OFFERED;
	}
	if (r->schema.type == JSON_OBJECT) {
		jstr title = chat_text(r, json_get(r->schema, STR("title")));

		r->form = FORM_SCHEMA;
		r->schema_name = is_name(title) ? title : STR_NONE;
		chat_mark(r, CONCEPT_JSON_SCHEMA);
	} else if (str_eq(mime, STR("application/json"))) {
		r->form = FORM_JSON;
		chat_mark(r, CONCEPT_JSON_MODE);
	}
	return NULL;
}

/* TEXT alone is what everybody answers. */
static void read_modalities(struct chat_request *r, struct json_value list)
{
	struct json_value single, v;

	for (struct json_iter it = gemini_items(list, &single);
	     gemini_next(&it, &single, &v);) {
		str name = word(r, v);

		if (str_eq_nocase(name, STR("IMAGE")))
			chat_mark(r, CONCEPT_IMAGE_OUT);
		else if (str_eq_nocase(name, STR("AUDIO")))
			chat_mark(r, CONCEPT_AUDIO_OUT);
	}
	if (chat_is_marked(r, CONCEPT_IMAGE_OUT))
		r->options[CONCEPT_IMAGE_OUT] = list;
	else if (chat_is_marked(r, CONCEPT_AUDIO_OUT))
		r->options[CONCEPT_AUDIO_OUT] = list;
}

static void read_counts(struct chat_request *r, const struct json_value *v)
{
	uint64_t n;

	if (json_u64(v[MAX_TOKENS], &n) && n > 0) {
		r->max_tokens = n;
		chat_mark(r, CONCEPT_MAX_TOKENS);
	}
	if (json_u64(v[CANDIDATES], &n) && n > 1) {
		r->options[CONCEPT_CHOICES] = v[CANDIDATES];
		chat_mark(r, CONCEPT_CHOICES);
	}
	if (v[WANTS_LOGPROBS].type == JSON_TRUE) {
		r->options[CONCEPT_LOGPROBS] = v[WANTS_LOGPROBS];
		chat_mark(r, CONCEPT_LOGPROBS);
		if (json_u64(v[LOGPROBS], &n)) {
			r->options[CONCEPT_TOP_LOGPROBS] = v[LOGPROBS];
			chat_mark(r, CONCEPT_TOP_LOGPROBS);
		}
	}
}

static fault_t read_config(struct chat_request *r, struct json_value config,
                           str *ret_detail)
{
	struct json_value v[CONFIG_NAMES];
	fault_t why;

	gemini_pick(r, config, STR("generationConfig"), config_names, CONFIG_NAMES, v);
	for (unsigned i = TEMPERATURE; i < CONFIG_NAMES; i++)
		read_plain(r, config_names[i].camel, v[i]);
	read_counts(r, v);
	read_modalities(r, v[MODALITIES]);
	if (v[THINKING].type != JSON_NONE)
		read_thinking(r, v[THINKING]);
	why = read_stops(r, v[STOPS], ret_detail);
	return why ? why : read_form(r, v, ret_detail);
}

/* ---- the root ---- */

/* Tiers in OpenAI's words, which the neutral form has. */
static void read_tier(struct chat_request *r, struct json_value tier)
{
	str name = word(r, tier);

	if (!name.len)
		return;
	str_skip(&name, STR("SERVICE_TIER_"));
	chat_mark(r, CONCEPT_SERVICE_TIER);
	r->options[CONCEPT_SERVICE_TIER] = tier;
	if (str_eq_nocase(name, STR("standard")))
		r->options[CONCEPT_SERVICE_TIER].raw = STR("\"default\"");
	else if (str_eq_nocase(name, STR("flex")))
		r->options[CONCEPT_SERVICE_TIER].raw = STR("\"flex\"");
	else if (str_eq_nocase(name, STR("priority")))
		r->options[CONCEPT_SERVICE_TIER].raw = STR("\"priority\"");
}

static fault_t read_root(struct json_value root, struct chat_request *r, str *ret_detail)
{
	enum {
		CONTENTS,
		SYSTEM,
		TOOLS,
		TOOL_CONFIG,
		CONFIG,
		CACHED,
		TIER,
		SAFETY,
		LABELS,
		ARMOR,
		MODEL,
		NAMES
	};
	static const struct gemini_name names[NAMES] = {
		[CONTENTS] = GEMINI_ONE("contents"),
		[SYSTEM] = GEMINI_TWO("systemInstruction", "system_instruction"),
		[TOOLS] = GEMINI_ONE("tools"),
		[TOOL_CONFIG] = GEMINI_TWO("toolConfig", "tool_config"),
		[CONFIG] = GEMINI_TWO("generationConfig", "generation_config"),
		[CACHED] = GEMINI_TWO("cachedContent", "cached_content"),
		[TIER] = GEMINI_TWO("serviceTier", "service_tier"),
		[SAFETY] = GEMINI_TWO("safetySettings", "safety_settings"),
		[LABELS] = GEMINI_ONE("labels"),
		[ARMOR] = GEMINI_TWO("modelArmorConfig", "model_armor_config"),
		[MODEL] = GEMINI_ONE("model"), /* as in the URL */
	};
	struct json_value v[NAMES];
	fault_t why;

	gemini_pick(r, root, STR_NONE, names, NAMES, v);
	chat_read_option(r, WIRE_GEMINI, STR("safetySettings"), v[SAFETY]);
	chat_read_option(r, WIRE_GEMINI, STR("labels"), v[LABELS]);
	chat_read_option(r, WIRE_GEMINI, STR("modelArmorConfig"), v[ARMOR]);
	if (!chat_says_nothing(v[CACHED])) {
		r->options[CONCEPT_CACHED_CONTENT] = v[CACHED];
		chat_mark(r, CONCEPT_CACHED_CONTENT);
	}
	read_tier(r, v[TIER]);
	gemini_read_tools(r, v[TOOLS]);
	gemini_read_choice(r, v[TOOL_CONFIG]);
	why = read_config(r, v[CONFIG], ret_detail);
	if (!why)
		why = gemini_read_contents(r, v[SYSTEM], v[CONTENTS], ret_detail);
	return why ? why : r->why;
}

fault_t gemini_read_request(str body, struct chat_request *r, str *ret_detail)
{
	struct json_value root = chat_root(body);

	if (root.type != JSON_OBJECT)
		return FAULT_BAD_JSON;
	r->stream_usage = true; /* a stream of this format always has it */
	return read_root(root, r, ret_detail);
}

fault_t gemini_read_count(str body, struct chat_request *r, str *ret_detail)
{
	struct json_value root, inner;
	fault_t why = json_check(body, &json_limits_default, &root);

	if (why)
		return why;
	inner = json_get(root, STR("generateContentRequest"));
	if (inner.type == JSON_NONE)
		inner = json_get(root, STR("generate_content_request"));
	if (inner.type == JSON_OBJECT)
		root = inner;
	if (root.type != JSON_OBJECT)
		return FAULT_BAD_JSON;
	return read_root(root, r, ret_detail);
}
