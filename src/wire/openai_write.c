/* openai_write.c - a chat request written for one provider: its options.  Messages are
 * written in openai_history.c, tools in openai_tools.c.
 *
 * Every member goes through the rows of dialect.def, so "who" is asked nowhere else;
 * which levels of reasoning a model of OpenAI takes stands in openai_effort.c. */
#include "wire/openai_chat.h"
#include "wire/openai_effort.h"

#include <stdlib.h>

void openai_write_path(enum operation op, str model, bool stream, struct buf *to)
{
	buf_add(to, operations[op].path);
}

/* ---- the dialect ---- */

void openai_refuse(struct openai_writer *w, str path)
{
	if (w->why)
		return;
	w->why = FAULT_NOT_OFFERED;
	w->detail = path;
}

/* The last word of a path. */
static str member_of(str path)
{
	size_t dot = str_find_last(path, '.');

	return dot < path.len ? str_from(path, dot + 1) : path;
}

bool openai_put(struct openai_writer *w, str path)
{
	const struct dialect_row *fate = dialect_fate(&w->dialect, path);
	str name = member_of(path);

	if (fate && fate->op == DIALECT_RENAME)
		name = fate->to;
	if (fate && fate->op == DIALECT_REFUSE) {
		openai_refuse(w, path);
		return false;
	}
	if (fate && fate->op == DIALECT_DROP) {
		chat_drop(w->r, path);
		return false;
	}
	json_key(&w->json, name);
	return true;
}

/* ---- plain options ---- */

static bool is_above(str number, uint64_t bound)
{
	char text[32];

	number = str_first(number, sizeof(text) - 1);
	memcpy(text, number.ptr, number.len);
	text[number.len] = 0;
	return strtod(text, NULL) > (double)bound;
}

/* Models that always think refuse to be told how to roll the dice. */
static bool is_fixed(const struct openai_writer *w, unsigned concept)
{
	const struct catalog_model *facts = w->t->facts;

	return facts && (facts->bits & CATALOG_REASONING) &&
	       !(facts->bits & CATALOG_TEMPERATURE) &&
	       (concept == CONCEPT_TEMPERATURE || concept == CONCEPT_TOP_P ||
	        concept == CONCEPT_FREQUENCY || concept == CONCEPT_PRESENCE);
}

static void write_plain(struct openai_writer *w, unsigned concept)
{
	str path = concepts[concept].path[WIRE_OPENAI_CHAT];
	str raw = w->r->options[concept].raw;
	uint64_t bound = dialect_bound(&w->dialect, path, UINT64_MAX);

	if (is_fixed(w, concept)) {
		chat_drop(w->r, path);
		return;
	}
	if (!openai_put(w, path))
		return;
	if (bound != UINT64_MAX && w->r->options[concept].type == JSON_NUMBER &&
	    is_above(raw, bound)) {
		chat_dropf(w->r, "%.*s>%u", STR_ARG(path), (unsigned)bound);
		json_uint(&w->json, bound);
	} else {
		json_raw(&w->json, raw);
	}
}

static void write_plain_options(struct openai_writer *w)
{
	for (unsigned i = 0; i < CONCEPTS; i++) {
		if (concepts[i].kind == SCALAR &&
		    concepts[i].path[WIRE_OPENAI_CHAT].len &&
		    w->r->options[i].type != JSON_NONE)
			write_plain(w, i);
	}
}

/* ---- options of a shape ---- */

static void write_cap(struct openai_writer *w)
{
	uint64_t cap = w->r->max_tokens;
	const struct catalog_model *facts = w->t->facts;

	if (cap == 0)
		return;
	if (facts && facts->output && cap > facts->output) {
		cap = facts->output;
		chat_dropf(w->r, "max_tokens>%u", facts->output);
	}
	if (openai_put(w, STR("max_completion_tokens")))
		json_uint(&w->json, cap);
}

/* Those beyond the bound, or all where the model takes none, are ours to watch for. */
static void write_stops(struct openai_writer *w)
{
	const struct dialect_row *fate = dialect_fate(&w->dialect, STR("stop"));
	bool is_told = !fate || fate->op != DIALECT_DROP;
	uint64_t most = is_told ? dialect_bound(&w->dialect, STR("stop"), CHAT_STOPS) : 0;
	str detail = STR_NONE;

	if (chat_write_stops(w->r, &w->json, STR("stop"), most, true, &detail))
		openai_refuse(w, detail);
}

static void write_choices(struct openai_writer *w)
{
	uint64_t n = 1;

	if (!json_u64(w->r->options[CONCEPT_CHOICES], &n) || n <= 1)
		return;
	if (n > dialect_bound(&w->dialect, STR("n"), UINT64_MAX))
		openai_refuse(w, STR("n"));
	else if (openai_put(w, STR("n")))
		json_uint(&w->json, n);
}

static void write_tier(struct openai_writer *w)
{
	static const str known[] = { STR_INIT("auto"),     STR_INIT("default"),
		                     STR_INIT("flex"),     STR_INIT("scale"),
		                     STR_INIT("priority"), STR_INIT("fast"),
		                     STR_INIT("on_demand") };
	jstr tier = chat_text(w->r, w->r->options[CONCEPT_SERVICE_TIER]);
	str path = STR("service_tier"), word = dialect_word(&w->dialect, path, tier);

	if (!tier.len)
		return;
	for (size_t i = 0; i < countof(known); i++) {
		if (str_eq(word, known[i])) {
			if (openai_put(w, path))
				json_str(&w->json, word);
			return;
		}
	}
	chat_drop(w->r, path);
}

static void write_bool_option(struct openai_writer *w, enum concept concept, str path)
{
	if (w->r->options[concept].type == JSON_TRUE && openai_put(w, path))
		json_bool(&w->json, true);
}

static void write_wishes(struct openai_writer *w)
{
	const struct json_value *o = w->r->options;
	uint64_t top = 0;

	write_choices(w);
	write_bool_option(w, CONCEPT_LOGPROBS, STR("logprobs"));
	if (json_u64(o[CONCEPT_TOP_LOGPROBS], &top) && top > 0 &&
	    o[CONCEPT_LOGPROBS].type == JSON_TRUE && openai_put(w, STR("top_logprobs")))
		json_uint(&w->json, top);
	if (json_has_text(o[CONCEPT_USER]) && openai_put(w, STR("user")))
		json_raw(&w->json, o[CONCEPT_USER].raw);
	write_tier(w);
	/* What Responses does by default must not reach others unasked. */
	if (w->r->from == WIRE_OPENAI_CHAT)
		write_bool_option(w, CONCEPT_STORE, STR("store"));
	if (o[CONCEPT_AUDIO_OUT].type == JSON_ARRAY && openai_put(w, STR("modalities")))
		json_raw(&w->json, o[CONCEPT_AUDIO_OUT].raw);
}

/* ---- structured output ---- */

static bool says_schema(const struct openai_writer *w)
{
	return str_eq(dialect_word(&w->dialect, STR("response_format.type"),
	                           STR("json_schema")),
	              STR("json_schema"));
}

static void write_schema(struct openai_writer *w)
{
	struct json_writer *j = &w->json;
	const struct chat_request *r = w->r;

	json_key_str(j, STR("type"), STR("json_schema"));
	json_key(j, STR("json_schema"));
	json_open(j, '{');
	json_key_jstr(j, STR("name"),
	              r->schema_name.len ? r->schema_name : STR("answer"));
	if (r->schema_description.len)
		json_key_jstr(j, STR("description"), r->schema_description);
	json_key(j, STR("schema"));
	json_raw(j, r->schema.raw);
	if (r->schema_strict != TRI_UNSET) {
		json_key(j, STR("strict"));
		json_bool(j, r->schema_strict == TRI_YES);
	}
	json_close(j, '}');
}

static void write_form(struct openai_writer *w)
{
	struct json_writer *j = &w->json;
	bool is_schema = w->r->form == FORM_SCHEMA && w->r->schema.type == JSON_OBJECT;

	if (w->r->form == FORM_TEXT)
		return;
	if (is_schema && !says_schema(w) && w->r->schema_strict == TRI_YES) {
		openai_refuse(w, STR("response_format.json_schema (strict)"));
		return;
	}
	if (!openai_put(w, STR("response_format")))
		return;
	json_open(j, '{');
	if (is_schema && says_schema(w))
		write_schema(w);
	else
		json_key_str(j, STR("type"), STR("json_object"));
	json_close(j, '}');
}

/* Who knows JSON but no schema is told it in words (wire-formats 13.5). */
void openai_write_schema_prompt(struct openai_writer *w)
{
	struct json_writer *j = &w->json;
	const struct chat_request *r = w->r;

	if (r->form != FORM_SCHEMA || r->schema.type != JSON_OBJECT || says_schema(w))
		return;
	chat_drop(w->r, STR("response_format.json_schema"));
	json_open(j, '{');
	json_key_str(j, STR("role"), STR("system"));
	json_key(j, STR("content"));
	json_raw(j, STR("\"Answer with one JSON object and nothing else. It must follow "
	                "this JSON schema: "));
	json_escape(j->to, r->schema.raw);
	buf_add_char(j->to, '"');
	json_close(j, '}');
	w->has_system = true;
}

/* ---- reasoning ---- */

/* Members that ask for it: "object.member" ones of one object are written together. */
struct wish {
	str path;
	str value; /* JSON text */
	char room[32];
};

struct wishes {
	struct wish list[4];
	unsigned count;
};

static void add_wish(struct wishes *to, str path, str value)
{
	struct wish *wish = &to->list[to->count++];

	wish->path = path;
	wish->value = str_first(value, sizeof(wish->room));
	memcpy(wish->room, value.ptr, wish->value.len);
	wish->value.ptr = wish->room;
}

static void add_effort(struct openai_writer *w, struct wishes *to, str path)
{
	enum chat_effort wanted = chat_wanted_effort(w->r);
	enum chat_effort effort = openai_effort(w->r, w->t);
	str word = dialect_word(&w->dialect, STR("reasoning_effort"),
	                        chat_effort_name(effort));
	struct buf b = BUF_LIMIT(32);

	if (effort == EFFORT_UNSET && wanted > EFFORT_NONE)
		chat_drop(w->r, STR("reasoning_effort"));
	if (word.len) {
		buf_addf(&b, "\"%.*s\"", STR_ARG(word));
		add_wish(to, path, buf_str(&b));
	}
	buf_free(&b);
}

static void add_budget(struct openai_writer *w, struct wishes *to, str path)
{
	struct buf b = BUF_LIMIT(32);

	buf_add_u64(&b, chat_wanted_budget(w->r));
	add_wish(to, path, buf_str(&b));
	buf_free(&b);
}

static void collect_wishes(struct openai_writer *w, struct wishes *to)
{
	const struct dialect_row *effort = NULL, *budget = NULL, *turn = NULL;
	bool is_off = w->r->effort == EFFORT_NONE;

	for (unsigned i = w->dialect.count; i-- > 0;) {
		const struct dialect_row *row = w->dialect.rows[i];

		if (row->op == DIALECT_EFFORT)
			effort = row->path.len ? row : NULL;
		else if (row->op == DIALECT_BUDGET)
			budget = row->path.len ? row : NULL;
		else if (row->op == DIALECT_SWITCH)
			turn = row;
	}
	if (turn && (is_off ? turn->from : turn->to).len)
		add_wish(to, turn->path, is_off ? turn->from : turn->to);
	if (budget && !is_off && (w->r->budget || !effort))
		add_budget(w, to, budget->path);
	else if (effort)
		add_effort(w, to, effort->path);
	if (w->r->show_reasoning == TRI_NO && effort &&
	    str_starts(effort->path, STR("reasoning.")))
		add_wish(to, STR("reasoning.exclude"), STR("true"));
}

static void write_wish(struct openai_writer *w, const struct wishes *all, unsigned at,
                       uint32_t *written)
{
	str rest = all->list[at].path, object = str_cut(&rest, '.');

	if (rest.len == 0) {
		json_key(&w->json, object);
		json_raw(&w->json, all->list[at].value);
		return;
	}
	json_key(&w->json, object);
	json_open(&w->json, '{');
	for (unsigned i = at; i < all->count; i++) {
		str member = all->list[i].path;

		if (!str_eq(str_cut(&member, '.'), object) || !member.len)
			continue;
		json_key(&w->json, member);
		json_raw(&w->json, all->list[i].value);
		*written |= (uint32_t)1 << i;
	}
	json_close(&w->json, '}');
}

static void write_reasoning(struct openai_writer *w)
{
	const struct catalog_model *facts = w->t->facts;
	bool is_said = w->r->effort != EFFORT_UNSET || w->r->budget > 0;
	struct wishes all = { .count = 0 };
	uint32_t written = 0;

	if (!is_said)
		return;
	if (facts && !(facts->bits & CATALOG_REASONING)) {
		if (w->r->effort != EFFORT_NONE)
			chat_drop(w->r, STR("reasoning_effort"));
		return;
	}
	collect_wishes(w, &all);
	for (unsigned i = 0; i < all.count; i++) {
		if (!(written >> i & 1))
			write_wish(w, &all, i, &written);
	}
}

/* ---- all of it ---- */

static void write_defaults(struct openai_writer *w)
{
	for (unsigned i = 0; i < w->dialect.count; i++) {
		const struct dialect_row *row = w->dialect.rows[i];

		if (row->op != DIALECT_DEFAULT ||
		    str_find(row->path, '.') < row->path.len ||
		    dialect_row(&w->dialect, DIALECT_DEFAULT, row->path) != row)
			continue;
		json_key(&w->json, row->path);
		json_raw(&w->json, row->to);
	}
}

static void write_stream(struct openai_writer *w)
{
	bool asks = w->t->ask_usage && !(w->t->quirks & QUIRK_NO_STREAM_OPTIONS) &&
	            dialect_keeps(&w->dialect, STR("stream_options"));

	if (!w->t->stream)
		return;
	json_key_bool(&w->json, STR("stream"), true);
	if (asks) {
		json_key(&w->json, STR("stream_options"));
		json_raw(&w->json, STR("{\"include_usage\":true}"));
	}
}

fault_t openai_write_request(struct chat_request *r, const struct chat_target *t,
                             struct buf *to, str *ret_detail)
{
	struct openai_writer w = { .r = r, .t = t, .json = { .to = to } };

	dialect_find(t->provider, t->model, &w.dialect);
	if (!dialect_keeps(&w.dialect, STR("tools[].custom")))
		chat_wrap_custom(r, true);
	json_open(&w.json, '{');
	json_key_str(&w.json, STR("model"), t->model);
	openai_write_messages(&w);
	write_stream(&w);
	write_cap(&w);
	write_plain_options(&w);
	write_stops(&w);
	write_wishes(&w);
	write_form(&w);
	write_reasoning(&w);
	openai_write_tools(&w);
	write_defaults(&w);
	json_close(&w.json, '}');
	if (w.why)
		*ret_detail = w.detail;
	return w.why ? w.why : r->why;
}
