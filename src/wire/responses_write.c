/* responses_write.c - a request in the neutral form, written as a Responses request: its
 * options; the conversation is responses_history.c, the tools are responses_tool.c.
 *
 * Nothing is left at the provider (store: false), so the whole conversation travels each
 * time, and its reasoning comes and goes encrypted.
 *
 * Facts: wire-formats 3.2, 13.1, 13.5, 13.6. */
#include "wire/responses.h"

#include "wire/openai_effort.h"

str responses_word(const struct chat_request *r, enum concept concept)
{
	str path = concepts[concept].path[r->from];

	return path.len ? path : concepts[concept].name;
}

static bool may_reason(const struct chat_target *t)
{
	return !t->facts || (t->facts->bits & CATALOG_REASONING);
}

static bool has_forced_reasoning(const struct chat_target *t)
{
	return t->facts && (t->facts->bits & CATALOG_REASONING);
}

/* Formats with a place for encrypted reasoning, which their clients send back. */
static bool can_carry_seals(enum wire_format from)
{
	return from != WIRE_COHERE;
}

static void write_reasoning_options(struct chat_request *r, const struct chat_target *t,
                                    struct json_writer *w)
{
	enum chat_effort effort = chat_wanted_effort(r);
	bool is_shown = r->show_reasoning == TRI_YES;

	if (effort != EFFORT_UNSET && effort != EFFORT_NONE && !may_reason(t)) {
		chat_drop(r, responses_word(r, CONCEPT_EFFORT));
		effort = EFFORT_UNSET;
	}
	is_shown = is_shown && may_reason(t) && effort != EFFORT_NONE;
	if (effort == EFFORT_NONE && !may_reason(t))
		effort = EFFORT_UNSET; /* it does not reason anyway */
	if (effort != EFFORT_UNSET) {
		enum chat_effort said = openai_effort(r, t);

		if (said == EFFORT_UNSET && effort != EFFORT_NONE)
			chat_drop(r, responses_word(r, CONCEPT_EFFORT));
		effort = said;
	}
	if (effort == EFFORT_UNSET && !is_shown)
		return;
	json_key(w, STR("reasoning"));
	json_open(w, '{');
	if (effort != EFFORT_UNSET)
		json_key_str(w, STR("effort"), chat_effort_name(effort));
	if (is_shown)
		json_key_str(w, STR("summary"), STR("auto"));
	json_close(w, '}');
}

static void write_include(struct chat_request *r, const struct chat_target *t,
                          struct json_writer *w)
{
	enum chat_effort effort = chat_wanted_effort(r);
	bool wants_reasoning =
	        effort != EFFORT_NONE && may_reason(t) &&
	        (effort != EFFORT_UNSET || r->show_reasoning == TRI_YES ||
	         has_forced_reasoning(t) || r->from == WIRE_OPENAI_RESPONSES);
	bool wants_logprobs = r->options[CONCEPT_LOGPROBS].type == JSON_TRUE;
	bool wants_seals = wants_reasoning && can_carry_seals(r->from);

	if (!wants_seals && !wants_logprobs)
		return;
	json_key(w, STR("include"));
	json_open(w, '[');
	if (wants_seals)
		json_str(w, STR("reasoning.encrypted_content"));
	if (wants_logprobs)
		json_str(w, STR("message.output_text.logprobs"));
	json_close(w, ']');
	if (wants_logprobs && r->options[CONCEPT_TOP_LOGPROBS].type == JSON_NUMBER) {
		json_key(w, STR("top_logprobs"));
		json_raw(w, r->options[CONCEPT_TOP_LOGPROBS].raw);
	}
}

static void write_text_options(struct chat_request *r, struct json_writer *w)
{
	bool has_options = chat_has_options(r, WIRE_OPENAI_RESPONSES, "text.");

	if (r->form == FORM_TEXT && !has_options)
		return;
	json_key(w, STR("text"));
	json_open(w, '{');
	if (r->form != FORM_TEXT) {
		json_key(w, STR("format"));
		json_open(w, '{');
		json_key_str(w, STR("type"),
		             r->form == FORM_JSON ? STR("json_object")
		                                  : STR("json_schema"));
		if (r->form == FORM_SCHEMA) {
			json_key_jstr(w, STR("name"),
			              r->schema_name.len ? r->schema_name
			                                 : STR("answer"));
			if (r->schema_description.len)
				json_key_jstr(w, STR("description"),
				              r->schema_description);
			json_key(w, STR("schema"));
			json_raw(w, r->schema.type == JSON_OBJECT ? r->schema.raw
			                                          : STR("{}"));
			json_key_bool(w, STR("strict"), r->schema_strict == TRI_YES);
		}
		json_close(w, '}');
	}
	chat_write_options(r, WIRE_OPENAI_RESPONSES, "text.", NULL, w);
	json_close(w, '}');
}

/* The tiers of others in OpenAI's words. */
static void write_tier(struct chat_request *r, struct json_writer *w)
{
	static const str tiers[][2] = {
		{ STR_INIT("auto"), STR_INIT("auto") },
		{ STR_INIT("default"), STR_INIT("default") },
		{ STR_INIT("flex"), STR_INIT("flex") },
		{ STR_INIT("scale"), STR_INIT("scale") },
		{ STR_INIT("priority"), STR_INIT("priority") },
		{ STR_INIT("standard"), STR_INIT("default") },
		{ STR_INIT("standard_only"), STR_INIT("default") },
	};
	struct json_value tier = r->options[CONCEPT_SERVICE_TIER];

	for (size_t i = 0; i < countof(tiers); i++) {
		if (json_text_is(tier, tiers[i][0])) {
			json_key_str(w, STR("service_tier"), tiers[i][1]);
			return;
		}
	}
	if (tier.type != JSON_NONE)
		chat_drop(r, responses_word(r, CONCEPT_SERVICE_TIER));
}

/* What only this format has, for a client who speaks it too. */
static void write_own(struct chat_request *r, struct json_writer *w)
{
	static const enum concept own[] = { CONCEPT_PREVIOUS, CONCEPT_CONVERSATION,
		                            CONCEPT_BACKGROUND, CONCEPT_PROMPT };

	for (size_t i = 0; i < countof(own); i++) {
		if (r->options[own[i]].type == JSON_NONE)
			continue;
		json_key(w, concepts[own[i]].path[WIRE_OPENAI_RESPONSES]);
		json_raw(w, r->options[own[i]].raw);
	}
}

static void write_plain_options(struct chat_request *r, const struct chat_target *t,
                                struct json_writer *w)
{
	static const enum concept sampling[] = { CONCEPT_TEMPERATURE, CONCEPT_TOP_P,
		                                 CONCEPTS };
	bool may_sample =
	        !has_forced_reasoning(t) || (t->facts->bits & CATALOG_TEMPERATURE);

	for (size_t i = 0; !may_sample && sampling[i] != CONCEPTS; i++) {
		if (r->options[sampling[i]].type != JSON_NONE)
			chat_drop(r, responses_word(r, sampling[i]));
	}
	chat_write_options(r, WIRE_OPENAI_RESPONSES, "", may_sample ? NULL : sampling, w);
	if (r->options[CONCEPT_USER].type == JSON_STRING) {
		json_key(w, STR("user"));
		json_raw(w, r->options[CONCEPT_USER].raw);
	}
	write_tier(r, w);
}

/* OpenAI takes no less than 16. */
static void write_limit(struct chat_request *r, struct json_writer *w)
{
	if (!r->max_tokens)
		return;
	if (r->max_tokens < RESPONSES_OUTPUT_LEAST)
		chat_dropf(r, "%.*s<16", STR_ARG(responses_word(r, CONCEPT_MAX_TOKENS)));
	json_key(w, STR("max_output_tokens"));
	json_uint(w, max_of(r->max_tokens, (uint64_t)RESPONSES_OUTPUT_LEAST));
}

/* Images and files may be URLs, sounds may not. */
static bool has_far_audio(const struct chat_part *p)
{
	for (; p; p = p->next) {
		if ((p->kind == CHAT_AUDIO && p->source != SOURCE_BASE64) ||
		    has_far_audio(p->parts))
			return true;
	}
	return false;
}

fault_t responses_write_request(struct chat_request *r, const struct chat_target *t,
                                struct buf *to, str *ret_detail)
{
	struct json_writer w = { .to = to };
	fault_t why = chat_write_stops(r, &w, STR_NONE, 0, true, ret_detail);

	if (why)
		return why;
	for (const struct chat_message *m = r->messages; m; m = m->next) {
		if (has_far_audio(m->parts)) {
			*ret_detail = STR("audio has to be sent as base64");
			return FAULT_NOT_OFFERED;
		}
	}
	json_open(&w, '{');
	json_key_str(&w, STR("model"), t->model);
	responses_write_conversation(r, t, &w);
	responses_write_tools(r, &w);
	write_text_options(r, &w);
	write_reasoning_options(r, t, &w);
	write_include(r, t, &w);
	write_limit(r, &w);
	write_plain_options(r, t, &w);
	if (r->from == WIRE_OPENAI_RESPONSES)
		write_own(r, &w);
	json_key_bool(&w, STR("store"), false);
	if (r->options[CONCEPT_STORE].type == JSON_TRUE)
		chat_drop(r, STR("store"));
	if (t->stream)
		json_key_bool(&w, STR("stream"), true);
	json_close(&w, '}');
	return r->why;
}
