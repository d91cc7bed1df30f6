/* anthropic_options.c - a Messages request, written: the whole, and all of it but its
 * messages and tools.
 *
 * Models differ in what they take (anthropic_models.def), so that first it is decided
 * what becomes of thinking, effort and a forced tool; then the members are written, in an
 * order that never changes, because prompt caches go by equal beginnings.
 * Facts: wire-formats 5.4, 5.5, 13.1, 13.4-13.7. */
#include "wire/anthropic.h"

enum { BUDGET_LEAST = 1024, MARKS_MOST = 4 };

void anthropic_lose(struct chat_request *r, enum concept concept)
{
	str path = concepts[concept].path[r->from];

	chat_drop(r, path.len ? path : concepts[concept].path[WIRE_ANTHROPIC]);
}

/* ---- thinking ---- */

/* The level as the model knows it. */
static enum chat_effort level(const struct anthropic_writing *c, enum chat_effort e)
{
	if (e == EFFORT_MINIMAL || e == EFFORT_NONE)
		return EFFORT_LOW;
	if (e == EFFORT_XHIGH && !(c->bits & CLAUDE_XHIGH))
		e = EFFORT_MAX;
	if (e == EFFORT_MAX && !(c->bits & CLAUDE_UTMOST))
		e = EFFORT_HIGH;
	if (e > EFFORT_HIGH && c->thinking == THINK_OFF && (c->bits & CLAUDE_OFF_CAPS))
		e = EFFORT_HIGH;
	return e;
}

static void lose_thinking(struct anthropic_writing *c)
{
	c->thinking = THINK_UNSAID;
	anthropic_lose(c->r, c->r->budget ? CONCEPT_BUDGET : CONCEPT_EFFORT);
}

/* A loop of tools goes on at the end of the history: does the turn with its calls begin
 * with the thinking that led to them?  Without it a budget is refused.  Clients of this
 * format know that; they lose what another vendor thought. */
static bool has_lost_thinking(const struct anthropic_writing *c)
{
	const struct chat_message *turn = NULL, *last = NULL;
	bool is_foreign = false;

	for (const struct chat_message *m = c->r->messages; m; m = m->next) {
		if (m->role == CHAT_ASSISTANT && (!last || last->role != CHAT_ASSISTANT))
			turn = m;
		last = m;
	}
	if (!turn || !last || last->role != CHAT_TOOL)
		return false;
	for (const struct chat_part *p = turn->parts; p; p = p->next) {
		if (p->kind == CHAT_REASONING && anthropic_keeps_reasoning(p))
			return false;
		if (p->kind == CHAT_REASONING)
			is_foreign = true;
		else if (!c->own || p->kind == CHAT_CALL)
			break;
	}
	return is_foreign || !c->own;
}

static void decide_budget(struct anthropic_writing *c)
{
	c->budget = max_of(chat_wanted_budget(c->r), (uint64_t)BUDGET_LEAST);
	if (c->force || has_lost_thinking(c)) {
		lose_thinking(c);
		return;
	}
	/* The cap is the client's word on money: it is the budget that gives way. */
	if (!c->counting && c->budget >= c->cap) {
		c->budget = max_of(c->cap - c->cap / 4, (uint64_t)BUDGET_LEAST);
		if (c->r->budget)
			anthropic_lose(c->r, CONCEPT_BUDGET);
	}
	if (!c->counting && c->budget >= c->cap)
		lose_thinking(c);
}

static enum anthropic_thinking wanted_thinking(const struct anthropic_writing *c)
{
	struct chat_request *r = c->r;
	struct json_value said = r->options[CONCEPT_THINKING];
	enum chat_effort wanted = chat_wanted_effort(r);

	if (c->own && said.type == JSON_NONE)
		return THINK_UNSAID; /* effort alone does not ask for thinking here */
	if (c->own && json_text_is(json_get(said, STR("type")), STR("disabled")))
		return THINK_OFF;
	if (wanted == EFFORT_UNSET)
		return THINK_UNSAID;
	if (wanted == EFFORT_NONE)
		return THINK_OFF;
	/* Models that take both get a budget where one was said. */
	if ((c->bits & CLAUDE_BUDGET) &&
	    (!(c->bits & CLAUDE_ADAPTIVE) || (r->budget && !c->force)))
		return THINK_BUDGET;
	return THINK_ADAPTIVE;
}

/* The effort that is said in its own words, beside thinking or without it. */
static enum chat_effort wanted_effort(struct anthropic_writing *c)
{
	struct chat_request *r = c->r;
	enum chat_effort e = EFFORT_UNSET;

	if (c->own)
		e = chat_effort_find(chat_text(r, r->options[CONCEPT_EFFORT]));
	if (e == EFFORT_UNSET && c->thinking == THINK_ADAPTIVE && (!c->own || r->budget))
		e = chat_wanted_effort(r);
	if (e == EFFORT_UNSET || (c->bits & CLAUDE_EFFORT))
		return e == EFFORT_UNSET ? e : level(c, e);
	if (c->thinking == THINK_UNSAID)
		anthropic_lose(r, CONCEPT_EFFORT);
	return EFFORT_UNSET;
}

/* What thinking, effort and a forced tool become for this model; losses are named. */
static void decide(struct anthropic_writing *c)
{
	struct chat_request *r = c->r;

	c->force = r->tools && (r->choose == CHOOSE_ANY || r->choose == CHOOSE_ONE);
	if (c->force && (c->bits & CLAUDE_UNFORCED)) {
		c->force = false;
		chat_drop(r, STR("tool_choice"));
	}
	c->thinking = wanted_thinking(c);
	if (c->thinking == THINK_BUDGET)
		decide_budget(c);
	else if ((c->thinking == THINK_ADAPTIVE && !(c->bits & CLAUDE_ADAPTIVE)) ||
	         (c->thinking == THINK_OFF && (c->bits & CLAUDE_UNFORCED)))
		lose_thinking(c);
	else if (c->thinking == THINK_OFF &&
	         !(c->bits & (CLAUDE_ADAPTIVE | CLAUDE_BUDGET)))
		c->thinking = THINK_UNSAID; /* it cannot think anyway */
	c->effort = wanted_effort(c);
}

static void write_thinking(struct anthropic_writing *c)
{
	struct json_writer *w = c->w;

	if (c->thinking == THINK_UNSAID)
		return;
	json_key(w, STR("thinking"));
	json_open(w, '{');
	switch (c->thinking) {
	case THINK_UNSAID:
		break;
	case THINK_OFF:
		json_key_str(w, STR("type"), STR("disabled"));
		break;
	case THINK_BUDGET:
		json_key_str(w, STR("type"), STR("enabled"));
		json_key_int(w, STR("budget_tokens"), (int64_t)c->budget);
		break;
	case THINK_ADAPTIVE:
		json_key_str(w, STR("type"), STR("adaptive"));
		break;
	}
	if (c->own) {
		str display = chat_text(
		        c->r, json_get(c->r->options[CONCEPT_THINKING], STR("display")));
		if (display.len && c->thinking != THINK_OFF)
			json_key_jstr(w, STR("display"), display);
	} else if (c->thinking == THINK_ADAPTIVE) {
		if (c->r->show_reasoning == TRI_NO)
			json_key_str(w, STR("display"), STR("omitted"));
		else if (c->bits & CLAUDE_OMITS)
			json_key_str(w, STR("display"), STR("summarized"));
	}
	json_close(w, '}');
}

/* ---- the form of the answer ---- */

static void write_output(struct anthropic_writing *c)
{
	struct json_writer *w = c->w;
	bool has_schema = c->r->form == FORM_SCHEMA;

	if (!has_schema && c->effort == EFFORT_UNSET &&
	    !chat_has_options(c->r, WIRE_ANTHROPIC, "output_config."))
		return;
	json_key(w, STR("output_config"));
	json_open(w, '{');
	if (c->effort != EFFORT_UNSET)
		json_key_str(w, STR("effort"), chat_effort_name(c->effort));
	if (has_schema) {
		json_key(w, STR("format"));
		json_open(w, '{');
		json_key_str(w, STR("type"), STR("json_schema"));
		json_key(w, STR("schema"));
		json_raw(w, c->r->schema.raw);
		json_close(w, '}');
	}
	chat_write_options(c->r, WIRE_ANTHROPIC, "output_config.", NULL, w);
	json_close(w, '}');
}

/* ---- plain options ---- */

/* White space alone is refused there. */
static fault_t write_stops(struct anthropic_writing *c)
{
	return chat_write_stops(c->r, c->w, STR("stop_sequences"), CHAT_STOPS, false,
	                        &c->detail);
}

/* Anthropic wants no personal data there: an address of somebody is left out. */
static void write_user_id(struct anthropic_writing *c)
{
	struct json_value user = c->r->options[CONCEPT_USER];

	if (user.type != JSON_STRING)
		return;
	if (!c->own && str_find(user.raw, '@') < user.raw.len) {
		anthropic_lose(c->r, CONCEPT_USER);
		return;
	}
	json_key(c->w, STR("metadata"));
	json_open(c->w, '{');
	json_key_jstr(c->w, STR("user_id"), chat_text(c->r, user));
	json_close(c->w, '}');
}

static void write_tier(struct anthropic_writing *c)
{
	struct json_value tier = c->r->options[CONCEPT_SERVICE_TIER];

	if (json_text_is(tier, STR("auto")))
		json_key_str(c->w, STR("service_tier"), STR("auto"));
	else if (json_text_is(tier, STR("default")))
		json_key_str(c->w, STR("service_tier"), STR("standard_only"));
	else if (tier.type != JSON_NONE)
		anthropic_lose(c->r, CONCEPT_SERVICE_TIER);
}

static bool is_one(struct json_value number)
{
	return str_eq(number.raw, STR("1")) || str_eq(number.raw, STR("1.0"));
}

/* How the model picks its tokens: not all models let anybody say so, none while it
 * thinks. */
static void write_sampling(struct anthropic_writing *c)
{
	static const enum concept all[] = { CONCEPT_TEMPERATURE, CONCEPT_TOP_P,
		                            CONCEPT_TOP_K };
	struct json_value *options = c->r->options;
	bool thinks = c->thinking == THINK_BUDGET || c->thinking == THINK_ADAPTIVE;
	enum concept except[4];
	size_t count = 0;

	for (size_t i = 0; i < countof(all); i++) {
		bool lost = thinks || !(c->bits & CLAUDE_SAMPLING);

		if (all[i] == CONCEPT_TOP_P && (c->bits & CLAUDE_ONE_OF_TWO) &&
		    options[CONCEPT_TEMPERATURE].type != JSON_NONE)
			lost = true;
		if (options[all[i]].type == JSON_NONE || !lost)
			continue;
		except[count++] = all[i];
		if (all[i] == CONCEPT_TOP_K || !is_one(options[all[i]]))
			anthropic_lose(c->r, all[i]);
	}
	except[count] = CONCEPTS;
	chat_write_options(c->r, WIRE_ANTHROPIC, "", except, c->w);
}

/* ---- the whole ---- */

static unsigned count_marks(const struct chat_part *parts)
{
	unsigned marks = 0;

	for (; parts; parts = parts->next)
		marks += (parts->cache != CACHE_NONE) + count_marks(parts->parts);
	return marks;
}

/* Four marks are taken at most: those of tools and system stay, of the others the last.
 */
static unsigned marks_over(const struct chat_request *r)
{
	unsigned marks = r->options[CONCEPT_AUTO_CACHE].type != JSON_NONE;

	for (const struct chat_tool *t = r->tools; t; t = t->next)
		marks += t->cache != CACHE_NONE;
	for (const struct chat_message *m = r->messages; m; m = m->next)
		marks += count_marks(m->parts);
	return marks > MARKS_MOST ? marks - MARKS_MOST : 0;
}

static fault_t write_body(struct anthropic_writing *c, struct buf *to, str *ret_detail)
{
	struct json_writer w = { .to = to };
	struct chat_request *r = c->r;

	c->w = &w;
	c->bits = anthropic_model_bits(c->t->model);
	c->own = r->from == WIRE_ANTHROPIC;
	c->cap = chat_output_cap(r, c->t);
	if (c->t->facts && c->t->facts->output && c->cap > c->t->facts->output) {
		c->cap = c->t->facts->output; /* more is refused */
		anthropic_lose(r, CONCEPT_MAX_TOKENS);
	}
	if (r->form == FORM_SCHEMA && !(c->bits & CLAUDE_SCHEMA) && !c->counting &&
	    !chat_schema_to_tool(r)) {
		c->w = NULL;
		*ret_detail = STR("this model takes no JSON schema for its answer, and "
		                  "only an object can be a tool's arguments instead");
		return FAULT_NOT_OFFERED;
	}
	c->unmarked = marks_over(r);
	decide(c);
	json_open(&w, '{');
	json_key_str(&w, STR("model"), c->t->model);
	if (!c->counting)
		json_key_int(&w, STR("max_tokens"), (int64_t)c->cap);
	anthropic_write_tools(c);
	anthropic_write_system(c);
	anthropic_write_messages(c);
	write_thinking(c);
	if (!c->counting) {
		write_output(c);
		c->why = c->why ? c->why : write_stops(c);
		write_user_id(c);
		write_tier(c);
		write_sampling(c);
		if (c->t->stream)
			json_key_bool(&w, STR("stream"), true);
	}
	if (c->why) {
		*ret_detail = c->detail;
		return c->why;
	}
	json_close(&w, '}');
	return r->why;
}

fault_t anthropic_write_request(struct chat_request *r, const struct chat_target *t,
                                struct buf *to, str *ret_detail)
{
	struct anthropic_writing c = { .r = r, .t = t };

	return write_body(&c, to, ret_detail);
}

fault_t anthropic_write_count_request(struct chat_request *r, const struct chat_target *t,
                                      struct buf *to, str *ret_detail)
{
	struct anthropic_writing c = { .r = r, .t = t, .counting = true };

	return write_body(&c, to, ret_detail);
}
