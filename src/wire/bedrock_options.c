/* bedrock_options.c - what a Converse request says beside its messages and tools, into
 * the neutral form: limits, a schema for the answer, and the fields of each family of
 * models.
 *
 * Those fields pass through Bedrock as they are, so their words are the vendors'.  What
 * is in none of the objects known here is named. */
#include "wire/bedrock.h"

static fault_t read_inference(struct chat_request *r, struct json_value v,
                              str *ret_detail)
{
	static const str names[] = { STR_INIT("maxTokens"), STR_INIT("stopSequences"),
		                     STR_INIT("temperature"), STR_INIT("topP") };
	struct json_value m[countof(names)];
	struct json_member stop;

	chat_pick(r, v, STR("inferenceConfig"), names, countof(names), m);
	chat_read_option(r, WIRE_BEDROCK, STR("inferenceConfig.temperature"), m[2]);
	chat_read_option(r, WIRE_BEDROCK, STR("inferenceConfig.topP"), m[3]);
	if (chat_is_there(m[0])) {
		if (!json_u64(m[0], &r->max_tokens)) {
			*ret_detail = STR("\"maxTokens\" must be an integer");
			return FAULT_BAD_REQUEST;
		}
		chat_mark(r, CONCEPT_MAX_TOKENS);
	}
	for (struct json_iter it = json_iter(m[1]); json_next(&it, &stop);) {
		if (r->stop_count == CHAT_STOPS) {
			*ret_detail = STR("too many \"stopSequences\"");
			return FAULT_BAD_REQUEST;
		}
		r->stops[r->stop_count++] = chat_text(r, stop.value);
		chat_mark(r, CONCEPT_STOP);
	}
	return NULL;
}

/* The schema comes as JSON text inside a string. */
static fault_t read_output(struct chat_request *r, struct json_value v, str *ret_detail)
{
	static const str forms[] = { STR_INIT("textFormat") };
	static const str shapes[] = { STR_INIT("type"), STR_INIT("structure") };
	static const str kinds[] = { STR_INIT("jsonSchema") };
	static const str names[] = { STR_INIT("schema"), STR_INIT("name"),
		                     STR_INIT("description") };
	struct json_value form, shape[countof(shapes)], kind, m[countof(names)];

	chat_pick(r, v, STR("outputConfig"), forms, 1, &form);
	if (!chat_is_there(form))
		return NULL;
	chat_pick(r, form, STR("outputConfig.textFormat"), shapes, countof(shapes),
	          shape);
	chat_pick(r, shape[1], STR("outputConfig.textFormat.structure"), kinds, 1, &kind);
	chat_pick(r, kind, STR("outputConfig.textFormat.structure.jsonSchema"), names,
	          countof(names), m);
	char *room = arena_try(r->keep, m[0].raw.len + 1);
	if (!room)
		return FAULT_JSON_LIMIT;
	if (json_check(json_text(m[0], room), &json_limits_default, &r->schema) ||
	    r->schema.type != JSON_OBJECT) {
		*ret_detail = STR("\"outputConfig.textFormat\" has no JSON schema");
		return FAULT_BAD_REQUEST;
	}
	r->form = FORM_SCHEMA;
	r->schema_name = chat_text(r, m[1]);
	r->schema_description = chat_text(r, m[2]);
	chat_mark(r, CONCEPT_JSON_SCHEMA);
	return NULL;
}

#define FIELDS "additionalModelRequestFields"

static void set_effort(struct chat_request *r, str where, struct json_value v)
{
	enum chat_effort effort = chat_effort_find(chat_text(r, v));

	if (effort != EFFORT_UNSET) {
		r->effort = effort;
		chat_mark(r, CONCEPT_EFFORT);
	} else if (chat_is_there(v)) {
		chat_drop(r, where);
	}
}

/* Claude's, under its name of today or the one it began with. */
static void read_thinking(struct chat_request *r, str where, struct json_value v)
{
	static const str names[] = { STR_INIT("type"), STR_INIT("budget_tokens"),
		                     STR_INIT("display") };
	struct json_value m[countof(names)];

	chat_pick(r, v, where, names, countof(names), m);
	if (json_text_is(m[0], STR("enabled")) && json_u64(m[1], &r->budget)) {
		chat_mark(r, CONCEPT_BUDGET);
	} else if (json_text_is(m[0], STR("adaptive"))) {
		/* What such models do when nobody says how much. */
		if (r->effort == EFFORT_UNSET)
			r->effort = EFFORT_HIGH;
		chat_mark(r, CONCEPT_EFFORT);
	} else if (json_text_is(m[0], STR("disabled"))) {
		r->effort = EFFORT_NONE;
		chat_mark(r, CONCEPT_EFFORT);
	} else if (chat_is_there(v)) {
		chat_drop(r, where);
	}
	if (chat_is_there(m[2]))
		r->show_reasoning = json_text_is(m[2], STR("omitted")) ? TRI_NO : TRI_YES;
}

/* Claude's level, and its own way to ask for a schema. */
static void read_output_config(struct chat_request *r, struct json_value v)
{
	static const str names[] = { STR_INIT("effort"), STR_INIT("format") };
	static const str forms[] = { STR_INIT("type"), STR_INIT("schema") };
	struct json_value m[countof(names)], f[countof(forms)];

	chat_pick(r, v, STR(FIELDS ".output_config"), names, countof(names), m);
	set_effort(r, STR(FIELDS ".output_config.effort"), m[0]);
	chat_pick(r, m[1], STR(FIELDS ".output_config.format"), forms, countof(forms), f);
	if (json_text_is(f[0], STR("json_schema")) && f[1].type == JSON_OBJECT &&
	    r->form == FORM_TEXT) {
		r->form = FORM_SCHEMA;
		r->schema = f[1];
		chat_mark(r, CONCEPT_JSON_SCHEMA);
	} else if (chat_is_there(m[1])) {
		chat_drop(r, STR(FIELDS ".output_config.format"));
	}
}

/* Nova's. */
static void read_nova(struct chat_request *r, struct json_value v)
{
	static const str names[] = { STR_INIT("type"), STR_INIT("maxReasoningEffort") };
	struct json_value m[countof(names)];

	chat_pick(r, v, STR(FIELDS ".reasoningConfig"), names, countof(names), m);
	if (json_text_is(m[0], STR("disabled"))) {
		r->effort = EFFORT_NONE;
		chat_mark(r, CONCEPT_EFFORT);
	} else {
		set_effort(r, STR(FIELDS ".reasoningConfig.maxReasoningEffort"), m[1]);
	}
}

/* Each family's own words; the same concepts (wire-formats 8.3). */
static void read_additional(struct chat_request *r, struct json_value v)
{
	static const str names[] = {
		STR_INIT("top_k"),
		STR_INIT("inferenceConfig"),
		STR_INIT("output_config"),
		STR_INIT("reasoning_effort"),
		STR_INIT("reasoning_config"),
		STR_INIT("thinking"),
		STR_INIT("reasoningConfig"),
	};
	static const str inference[] = { STR_INIT("topK") };
	struct json_value m[countof(names)], k;

	chat_pick(r, v, STR(FIELDS), names, countof(names), m);
	chat_pick(r, m[1], STR(FIELDS ".inferenceConfig"), inference, 1, &k);
	chat_read_option(r, WIRE_BEDROCK, STR(FIELDS ".top_k"),
	                 chat_is_there(m[0]) ? m[0] : k);
	read_output_config(r, m[2]);
	set_effort(r, STR(FIELDS ".reasoning_effort"), m[3]);
	if (m[4].type == JSON_OBJECT)
		read_thinking(r, STR(FIELDS ".reasoning_config"), m[4]);
	else
		set_effort(r, STR(FIELDS ".reasoning_config"), m[4]);
	read_nova(r, m[6]);
	read_thinking(r, STR(FIELDS ".thinking"), m[5]);
}

fault_t bedrock_read_options(struct chat_request *r, struct json_value inference,
                             struct json_value output, struct json_value fields,
                             str *ret_detail)
{
	fault_t why = read_inference(r, inference, ret_detail);

	if (!why)
		why = read_output(r, output, ret_detail);
	if (!why)
		read_additional(r, fields);
	return why;
}
