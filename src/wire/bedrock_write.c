/* bedrock_write.c - the neutral form as a Converse request: options, tools, and what each
 * family of models is told in additionalModelRequestFields.  Its messages:
 * bedrock_turns.c.
 *
 * An unknown key there is a 400, so nothing is written that the family does not know;
 * what goes is named in the client's words. */
#include "wire/anthropic_model.h"
#include "wire/bedrock.h"

enum { STOPS_SURE = 4 };

enum {
	MARKS_MOST = 4, /* cache marks in a request */
	LEAST_BUDGET = 1024,
	METADATA_MOST = 16,
	METADATA_LENGTH = 256,
	NAMES_MOST = 64, /* tools made up for a history that has some */
};

/* ---- what is asked for, once the family has been looked at ---- */

/* Thinking with a budget forbids a few things; a tool loop without the thinking that led
 * to it is refused (wire-formats 5.5, 13.8). */
static bool loses_thinking(const struct chat_request *r)
{
	const struct chat_message *last = NULL;
	bool has_call = false, has_seal = false;

	for (const struct chat_message *m = r->messages; m; m = m->next) {
		if (m->role == CHAT_ASSISTANT)
			last = m;
		else if (m->role == CHAT_USER)
			last = NULL;
	}
	for (const struct chat_part *p = last ? last->parts : NULL; p; p = p->next) {
		has_call |= p->kind == CHAT_CALL;
		has_seal |= p->kind == CHAT_REASONING &&
		            chat_seal_fits(&p->seal, WIRE_BEDROCK);
	}
	return has_call && !has_seal;
}

static bool is_prefilled(const struct chat_request *r)
{
	return r->last_message && r->last_message->role == CHAT_ASSISTANT;
}

static bool wants_thinking(const struct chat_request *r)
{
	enum chat_effort effort = chat_wanted_effort(r);

	return effort != EFFORT_UNSET && effort != EFFORT_NONE;
}

static bool wants_forced_tool(const struct chat_request *r)
{
	return r->choose == CHOOSE_ANY || r->choose == CHOOSE_ONE;
}

/* The tokens to think, or 0: it cannot be here, and that was named. */
static uint64_t thinking_budget(struct bedrock_writing *w)
{
	uint64_t cap = chat_output_cap(w->r, w->t);
	uint64_t budget = max_of(chat_wanted_budget(w->r), (uint64_t)LEAST_BUDGET);

	if (!wants_thinking(w->r) || w->family->thinking != THINKS_BUDGET)
		return 0;
	if (cap <= LEAST_BUDGET || wants_forced_tool(w->r) || is_prefilled(w->r) ||
	    loses_thinking(w->r)) {
		bedrock_lose(w->r, w->r->budget ? CONCEPT_BUDGET : CONCEPT_EFFORT);
		return 0;
	}
	return budget < cap ? budget : max_of(cap / 2, (uint64_t)LEAST_BUDGET);
}

/* ---- inferenceConfig ---- */

/* An object that goes again when nothing was said in it. */
struct optional {
	struct json_writer before;
	size_t at, inner;
};

static struct optional begin_optional(struct bedrock_writing *w, str key)
{
	struct optional o = { .before = w->json, .at = w->json.to->len };

	json_key(&w->json, key);
	json_open(&w->json, '{');
	o.inner = w->json.to->len;
	return o;
}

static void end_optional(struct bedrock_writing *w, const struct optional *o)
{
	if (w->json.to->len != o->inner) {
		json_close(&w->json, '}');
		return;
	}
	w->json = o->before;
	w->json.to->len = min_of(o->at, w->json.to->len);
}

/* Sampling the model refuses: always, or while it thinks. */
static const enum concept *refused_options(struct bedrock_writing *w, bool thinks)
{
	static const enum concept none[] = { CONCEPTS };
	static const enum concept hot[] = { CONCEPT_TEMPERATURE, CONCEPTS };
	static const enum concept all[] = { CONCEPT_TEMPERATURE, CONCEPT_TOP_P,
		                            CONCEPTS };
	static const enum concept second[] = { CONCEPT_TOP_P, CONCEPTS };
	bool is_one_of_two = (anthropic_model_bits(w->t->model) & CLAUDE_ONE_OF_TWO) &&
	                     w->r->options[CONCEPT_TEMPERATURE].type != JSON_NONE;
	const enum concept *found = (w->family->bits & BEDROCK_NO_SAMPLING) ? all
	                            : thinks                                ? hot
	                            : is_one_of_two                         ? second
	                                                                    : none;

	for (const enum concept *c = found; *c != CONCEPTS; c++) {
		if (w->r->options[*c].type != JSON_NONE)
			bedrock_lose(w->r, *c);
	}
	return found;
}

static void write_inference(struct bedrock_writing *w, bool thinks)
{
	struct optional o = begin_optional(w, STR("inferenceConfig"));
	uint64_t cap = w->r->max_tokens;
	bool is_claude = w->family->bits & BEDROCK_CLAUDE;
	fault_t why;

	/* Claude's default is far below what it can. */
	if (cap == 0 && is_claude)
		cap = chat_output_cap(w->r, w->t);
	if (cap) {
		json_key(&w->json, STR("maxTokens"));
		json_uint(&w->json, cap);
	}
	/* Nova takes four; how many the others take is not written down. */
	why = chat_write_stops(w->r, &w->json, STR("stopSequences"),
	                       is_claude ? CHAT_STOPS : STOPS_SURE, !is_claude,
	                       w->detail);
	w->why = w->why ? w->why : why;
	chat_write_options(w->r, WIRE_BEDROCK, "inferenceConfig.",
	                   refused_options(w, thinks), &w->json);
	end_optional(w, &o);
}

/* ---- tools ---- */

static void write_schema(struct bedrock_writing *w, struct json_value schema,
                         bool is_strict)
{
	json_key(&w->json, STR("inputSchema"));
	json_open(&w->json, '{');
	json_key(&w->json, STR("json"));
	chat_write_schema(&w->json, schema, is_strict);
	json_close(&w->json, '}');
}

static void write_spec(struct bedrock_writing *w, jstr name, jstr description,
                       struct json_value schema, bool is_strict)
{
	json_open(&w->json, '{');
	json_key(&w->json, STR("toolSpec"));
	json_open(&w->json, '{');
	json_key_jstr(&w->json, STR("name"), name);
	if (str_trim(description).len > 0)
		json_key_jstr(&w->json, STR("description"), description);
	write_schema(w, schema, is_strict);
	if (is_strict)
		json_key_bool(&w->json, STR("strict"), true);
	json_close(&w->json, '}');
	json_close(&w->json, '}');
}

static void write_tool(struct bedrock_writing *w, const struct chat_tool *t)
{
	unsigned bits = w->family->bits;

	if (t->kind == TOOL_FUNCTION) {
		if (t->strict == TRI_YES && !(bits & BEDROCK_STRICT))
			bedrock_lose(w->r, CONCEPT_TOOL_STRICT);
		write_spec(w, t->name, t->description, t->schema,
		           (bits & BEDROCK_STRICT) &&
		                   chat_says_strict(w->r, t, WIRE_BEDROCK));
	} else {
		json_raw(&w->json, t->raw.raw);
	}
	if (t->cache && (bits & BEDROCK_CACHE_TOOLS))
		bedrock_write_cache_point(&w->json, t->cache, true);
}

/* May it be offered?  Where one tool cannot be asked for, it is the only one.  Of hosted
 * tools only Bedrock's own; those of others were refused or named by their reader. */
static bool is_offered(const struct bedrock_writing *w, const struct chat_tool *t)
{
	const struct chat_request *r = w->r;

	if (t->kind != TOOL_FUNCTION &&
	    (t->kind != TOOL_HOSTED || r->from != WIRE_BEDROCK))
		return false;
	if (!chat_is_allowed(r, t))
		return false;
	return r->choose != CHOOSE_ONE || (w->family->bits & BEDROCK_CHOOSE_ONE) ||
	       str_eq(t->name, r->choose_name);
}

/* Tools for a history that calls some, when the request has none any more. */
static void make_up_tools(struct bedrock_writing *w)
{
	jstr names[NAMES_MOST];
	unsigned count = 0;

	for (const struct chat_message *m = w->r->messages; m; m = m->next) {
		for (const struct chat_part *p = m->parts; p; p = p->next) {
			unsigned i = 0;

			if (p->kind != CHAT_CALL || count == NAMES_MOST)
				continue;
			while (i < count && !str_eq(names[i], p->name))
				i++;
			if (i < count)
				continue;
			names[count++] = p->name;
			write_spec(w, p->name, STR_NONE, (struct json_value){ 0 }, false);
		}
	}
	if (count == 0) /* results alone */
		write_spec(w, STR("tool"), STR_NONE, (struct json_value){ 0 }, false);
}

static void write_choice(struct bedrock_writing *w)
{
	unsigned bits = w->family->bits;
	bool one = w->r->choose == CHOOSE_ONE;

	if (!one && w->r->choose != CHOOSE_ANY)
		return;
	if (!(bits & BEDROCK_CHOOSE_ANY) && !(one && (bits & BEDROCK_CHOOSE_ONE))) {
		chat_drop(w->r, STR("tool_choice"));
		return;
	}
	json_key(&w->json, STR("toolChoice"));
	json_open(&w->json, '{');
	json_key(&w->json, one && (bits & BEDROCK_CHOOSE_ONE) ? STR("tool") : STR("any"));
	json_open(&w->json, '{');
	if (one && (bits & BEDROCK_CHOOSE_ONE))
		json_key_jstr(&w->json, STR("name"), w->r->choose_name);
	json_close(&w->json, '}');
	json_close(&w->json, '}');
}

/* There is no "none": without tools nothing is called, but a history with calls needs
 * them (wire-formats 8.3). */
static void write_tools(struct bedrock_writing *w)
{
	bool needed = chat_has_calls(w->r), offers = false;

	for (const struct chat_tool *t = w->r->tools; t; t = t->next)
		offers |= is_offered(w, t);
	if (w->r->choose == CHOOSE_NONE) {
		if (needed)
			chat_drop(w->r, STR("tool_choice"));
		offers &= needed;
	}
	if (!needed && !offers)
		return;
	json_key(&w->json, STR("toolConfig"));
	json_open(&w->json, '{');
	json_key(&w->json, STR("tools"));
	json_open(&w->json, '[');
	for (const struct chat_tool *t = w->r->tools; t; t = t->next) {
		if (is_offered(w, t))
			write_tool(w, t);
	}
	if (!offers)
		make_up_tools(w);
	json_close(&w->json, ']');
	if (offers)
		write_choice(w);
	json_close(&w->json, '}');
}

/* ---- the rest ---- */

/* Does the model take a schema for its answer? */
static bool takes_schema(const struct bedrock_writing *w)
{
	if (w->r->from == WIRE_BEDROCK ||
	    (w->t->facts && (w->t->facts->bits & CATALOG_SCHEMA)))
		return true;
	if (w->family->bits & BEDROCK_CLAUDE)
		return anthropic_model_bits(w->t->model) & CLAUDE_SCHEMA;
	return !(w->family->bits & BEDROCK_NO_SCHEMA);
}

static void write_output(struct bedrock_writing *w)
{
	struct chat_request *r = w->r;

	if (r->form != FORM_SCHEMA || r->schema.type != JSON_OBJECT)
		return;
	json_key(&w->json, STR("outputConfig"));
	json_open(&w->json, '{');
	json_key(&w->json, STR("textFormat"));
	json_open(&w->json, '{');
	json_key_str(&w->json, STR("type"), STR("json_schema"));
	json_key(&w->json, STR("structure"));
	json_open(&w->json, '{');
	json_key(&w->json, STR("jsonSchema"));
	json_open(&w->json, '{');
	json_key_str(&w->json, STR("schema"), r->schema.raw);
	if (r->schema_name.len)
		json_key_jstr(&w->json, STR("name"), r->schema_name);
	if (r->schema_description.len)
		json_key_jstr(&w->json, STR("description"), r->schema_description);
	for (int i = 0; i < 4; i++)
		json_close(&w->json, '}');
}

static void write_object(struct json_writer *w, str key, str name, str value)
{
	json_key(w, key);
	json_open(w, '{');
	json_key_str(w, name, value);
	json_close(w, '}');
}

static void write_effort(struct bedrock_writing *w)
{
	enum chat_effort effort = chat_wanted_effort(w->r);

	if (effort == EFFORT_MINIMAL)
		effort = EFFORT_LOW;
	if (effort == EFFORT_XHIGH && !(w->family->bits & BEDROCK_XHIGH))
		effort = EFFORT_MAX;
	json_key(&w->json, STR("thinking"));
	json_open(&w->json, '{');
	json_key_str(&w->json, STR("type"), STR("adaptive"));
	if (w->r->show_reasoning == TRI_YES)
		json_key_str(&w->json, STR("display"), STR("summarized"));
	json_close(&w->json, '}');
	write_object(&w->json, STR("output_config"), STR("effort"),
	             chat_effort_name(effort));
}

/* One of three levels. */
static str plain_level(const struct bedrock_writing *w)
{
	enum chat_effort effort = chat_wanted_effort(w->r);

	return chat_effort_name(effort <= EFFORT_LOW    ? EFFORT_LOW
	                        : effort >= EFFORT_HIGH ? EFFORT_HIGH
	                                                : EFFORT_MEDIUM);
}

static void write_thinking(struct bedrock_writing *w, uint64_t budget)
{
	if (!wants_thinking(w->r))
		return;
	switch (w->family->thinking) {
	case THINKS_NOT:
		bedrock_lose(w->r, w->r->budget ? CONCEPT_BUDGET : CONCEPT_EFFORT);
		break;
	case THINKS_BUDGET:
		if (budget == 0)
			break;
		json_key(&w->json, STR("thinking"));
		json_open(&w->json, '{');
		json_key_str(&w->json, STR("type"), STR("enabled"));
		json_key(&w->json, STR("budget_tokens"));
		json_uint(&w->json, budget);
		json_close(&w->json, '}');
		break;
	case THINKS_ADAPTIVE:
		write_effort(w);
		break;
	case THINKS_EFFORT:
		json_key_str(&w->json, STR("reasoning_effort"), plain_level(w));
		break;
	case THINKS_CONFIG:
		json_key_str(&w->json, STR("reasoning_config"),
		             str_eq(plain_level(w), STR("low")) ? STR("low")
		                                                : STR("high"));
		break;
	case THINKS_NOVA:
		json_key(&w->json, STR("reasoningConfig"));
		json_open(&w->json, '{');
		json_key_str(&w->json, STR("type"), STR("enabled"));
		json_key_str(&w->json, STR("maxReasoningEffort"), plain_level(w));
		json_close(&w->json, '}');
		break;
	}
}

static void write_top_k(struct bedrock_writing *w, bool thinks)
{
	struct json_value k = w->r->options[CONCEPT_TOP_K];
	unsigned bits = w->family->bits;

	if (k.type == JSON_NONE)
		return;
	if ((bits & BEDROCK_TOP_K) && !(bits & BEDROCK_NO_SAMPLING) && !thinks) {
		json_key(&w->json, STR("top_k"));
		json_raw(&w->json, k.raw);
	} else if (bits & BEDROCK_TOP_K_INSIDE) {
		json_key(&w->json, STR("inferenceConfig"));
		json_open(&w->json, '{');
		json_key(&w->json, STR("topK"));
		json_raw(&w->json, k.raw);
		json_close(&w->json, '}');
	} else {
		bedrock_lose(w->r, CONCEPT_TOP_K);
	}
}

static void write_additional(struct bedrock_writing *w, uint64_t budget)
{
	struct optional o = begin_optional(w, STR("additionalModelRequestFields"));

	write_top_k(w, budget > 0);
	write_thinking(w, budget);
	end_optional(w, &o);
}

/* Letters, digits, blanks and a few signs; as many as other formats allow. */
static bool is_metadata(jstr text, bool is_key)
{
	static const str signs = STR_INIT(" :_@$#=/+,-.");

	if (text.len > METADATA_LENGTH || (is_key && text.len == 0))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i], lower = char_lower(c);

		if (!char_is_digit(c) && !(lower >= 'a' && lower <= 'z') &&
		    str_find(signs, c) == signs.len)
			return false;
	}
	return true;
}

static void write_metadata(struct bedrock_writing *w)
{
	struct json_iter it = json_iter(w->r->options[CONCEPT_METADATA]);
	struct json_member m;
	unsigned count = 0;

	while (json_next(&it, &m)) {
		jstr value = chat_text(w->r, m.value);

		if (count == METADATA_MOST || m.value.type != JSON_STRING ||
		    !is_metadata(m.key, true) || !is_metadata(value, false)) {
			chat_dropf(w->r, "metadata.%.*s", STR_ARG(str_first(m.key, 64)));
			continue;
		}
		if (count++ == 0) {
			json_key(&w->json, STR("requestMetadata"));
			json_open(&w->json, '{');
		}
		json_key_jstr(&w->json, m.key, value);
	}
	if (count > 0)
		json_close(&w->json, '}');
}

static void write_tier(struct bedrock_writing *w)
{
	static const str tiers[] = { STR_INIT("default"), STR_INIT("priority"),
		                     STR_INIT("flex"), STR_INIT("reserved") };
	struct json_value tier = w->r->options[CONCEPT_SERVICE_TIER];

	if (tier.type == JSON_NONE || json_text_is(tier, STR("auto")))
		return;
	for (size_t i = 0; i < countof(tiers); i++) {
		if (json_text_is(tier, tiers[i])) {
			write_object(&w->json, STR("serviceTier"), STR("type"), tiers[i]);
			return;
		}
	}
	bedrock_lose(w->r, CONCEPT_SERVICE_TIER);
}

/* Of too many marks the oldest in the messages go (wire-formats 5.6). */
static unsigned marks_to_skip(const struct bedrock_writing *w)
{
	unsigned count = 0, in_messages = 0;
	bool leading = true;

	for (const struct chat_tool *t = w->r->tools; t; t = t->next)
		count += t->cache && (w->family->bits & BEDROCK_CACHE_TOOLS);
	for (const struct chat_message *m = w->r->messages; m; m = m->next) {
		leading &= m->role == CHAT_SYSTEM;
		for (const struct chat_part *p = m->parts; p; p = p->next)
			*(leading ? &count : &in_messages) += p->cache != CACHE_NONE;
	}
	if (count + in_messages <= MARKS_MOST)
		return 0;
	return min_of(in_messages, count + in_messages - MARKS_MOST);
}

fault_t bedrock_write_request(struct chat_request *r, const struct chat_target *t,
                              struct buf *to, str *ret_detail)
{
	static const enum concept except[] = { CONCEPT_METADATA, CONCEPTS };
	struct bedrock_writing w = {
		.r = r,
		.t = t,
		.family = bedrock_family_of(t->model),
		.json = { .to = to },
		.detail = ret_detail,
		.role = CHAT_SYSTEM,
	};
	uint64_t budget;

	if (r->form == FORM_SCHEMA && !takes_schema(&w) && !chat_schema_to_tool(r)) {
		*ret_detail = STR("this model takes no JSON schema for its answer, and "
		                  "only an object can be a tool's arguments instead");
		return FAULT_NOT_OFFERED;
	}
	budget = thinking_budget(&w);
	w.marks_to_skip = marks_to_skip(&w);
	json_open(&w.json, '{');
	bedrock_write_messages(&w);
	bedrock_write_system(&w);
	write_inference(&w, budget > 0);
	write_tools(&w);
	write_output(&w);
	write_additional(&w, budget);
	write_metadata(&w);
	write_tier(&w);
	chat_write_options(r, WIRE_BEDROCK, "", except, &w.json);
	json_close(&w.json, '}');
	return w.why ? w.why : r->why;
}
