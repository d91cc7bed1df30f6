/* chat_say.c - what writers share: plain options, names of calls, caps, efforts.
 *
 * Numbers of the effort table: wire-formats 13.6. */
#include "wire/chat.h"

#include "base/assert.h"

#include <stdlib.h>

/* ---- strings ---- */

void json_jstr(struct json_writer *w, jstr text)
{
	json_raw(w, STR("\""));
	buf_add(w->to, text);
	buf_add_char(w->to, '"');
}

void json_key_jstr(struct json_writer *w, str key, jstr text)
{
	json_key(w, key);
	json_jstr(w, text);
}

void json_args_str(struct json_writer *w, const struct chat_part *call)
{
	if (call->is_custom)
		json_jstr(w, call->args);
	else
		json_str(w, call->args.len ? call->args : STR("{}"));
}

/* ---- options ---- */

/* The most a temperature may be: formats of 0..1 (wire-formats 13.1). */
static bool is_too_hot(enum wire_format to, str number)
{
	char text[32];

	if (to != WIRE_ANTHROPIC && to != WIRE_BEDROCK && to != WIRE_COHERE)
		return false;
	number = str_first(number, sizeof(text) - 1);
	memcpy(text, number.ptr, number.len);
	text[number.len] = 0;
	return strtod(text, NULL) > 1;
}

/* Google's seeds have 32 bits, those of others 64. */
static bool is_too_wide(const struct chat_request *r, enum wire_format to)
{
	str number = r->options[CONCEPT_SEED].raw;
	bool is_negative = str_skip(&number, STR("-"));
	uint64_t n;

	if (to != WIRE_GEMINI || r->from == to)
		return false;
	for (size_t i = 0; i < number.len; i++) {
		if (!char_is_digit(number.ptr[i]))
			return false; /* no seed at all, as they will say */
	}
	return !str_to_u64(number, &n) || n > (uint64_t)INT32_MAX + is_negative;
}

/* The member's name when the concept stands in that object of the format. */
static str member_in(unsigned concept, enum wire_format to, str prefix)
{
	str path = concepts[concept].path[to];

	if (concepts[concept].kind != SCALAR || !str_skip(&path, prefix))
		return STR_NONE;
	return str_find(path, '.') == path.len ? path : STR_NONE;
}

static bool is_excepted(const enum concept *except, unsigned i)
{
	for (; except && *except != CONCEPTS; except++) {
		if ((unsigned)*except == i)
			return true;
	}
	return false;
}

void chat_write_options(struct chat_request *r, enum wire_format to, const char *prefix,
                        const enum concept *except, struct json_writer *w)
{
	for (unsigned i = 0; i < CONCEPTS; i++) {
		str member;

		if (r->options[i].type == JSON_NONE)
			continue;
		member = member_in(i, to, str_from_z(prefix));
		if (!member.len || is_excepted(except, i))
			continue;
		if (i == CONCEPT_SEED && is_too_wide(r, to)) {
			chat_drop(r, concepts[i].path[r->from]);
			continue;
		}
		json_key(w, member);
		if (i == CONCEPT_TEMPERATURE && is_too_hot(to, r->options[i].raw)) {
			chat_drop(r, STR("temperature>1"));
			json_raw(w, STR("1"));
		} else {
			json_raw(w, r->options[i].raw);
		}
	}
}

bool chat_has_options(const struct chat_request *r, enum wire_format to,
                      const char *prefix)
{
	for (unsigned i = 0; i < CONCEPTS; i++) {
		if (r->options[i].type != JSON_NONE &&
		    member_in(i, to, str_from_z(prefix)).len)
			return true;
	}
	return false;
}

/* ---- stop sequences ---- */

static bool is_blank(str plain)
{
	for (size_t i = 0; i < plain.len; i++) {
		if (str_find(STR(" \t\r\n"), plain.ptr[i]) == 4)
			return false;
	}
	return true;
}

/* Can we watch for those the provider is not told? */
static fault_t judge_kept(const struct chat_request *r, str *ret_detail)
{
	for (unsigned i = 0; i < r->stop_count; i++) {
		if (r->stops_kept >> i & 1 && r->stops[i].len > CHAT_STOP_MOST) {
			*ret_detail = STR("a stop sequence is longer than 4096 bytes");
			return FAULT_NOT_OFFERED;
		}
	}
	if (r->stops_kept && (chat_is_marked(r, CONCEPT_LOGPROBS) ||
	                      r->options[CONCEPT_LOGPROBS].type == JSON_TRUE)) {
		*ret_detail =
		        STR("logprobs cannot be given for a text that is cut at stop "
		            "sequences here, not by the provider");
		return FAULT_NOT_OFFERED;
	}
	return NULL;
}

fault_t chat_write_stops(struct chat_request *r, struct json_writer *w, str name,
                         uint64_t most, bool takes_blank, str *ret_detail)
{
	uint64_t written = 0;

	r->stops_kept = 0;
	for (unsigned i = 0; i < r->stop_count; i++) {
		if (written == most ||
		    (!takes_blank && is_blank(chat_plain(r->keep, r->stops[i])))) {
			r->stops_kept |= 1u << i;
			continue;
		}
		if (written++ == 0) {
			json_key(w, name);
			json_open(w, '[');
		}
		json_jstr(w, r->stops[i]);
	}
	if (written)
		json_close(w, ']');
	return judge_kept(r, ret_detail);
}

/* ---- calls ---- */

jstr chat_call_name(const struct chat_request *r, jstr id)
{
	jstr found = STR_NONE;

	for (const struct chat_message *m = r->messages; m; m = m->next) {
		if (m->role != CHAT_ASSISTANT)
			continue;
		for (const struct chat_part *p = m->parts; p; p = p->next) {
			if (p->kind == CHAT_CALL && str_eq(p->id, id))
				found = p->name;
		}
	}
	return found;
}

bool chat_has_calls(const struct chat_request *r)
{
	for (const struct chat_message *m = r->messages; m; m = m->next) {
		for (const struct chat_part *p = m->parts; p; p = p->next) {
			if (p->kind == CHAT_CALL || p->kind == CHAT_RESULT)
				return true;
		}
	}
	return false;
}

bool chat_has_functions(const struct chat_request *r)
{
	for (const struct chat_tool *t = r->tools; t; t = t->next) {
		if (t->kind == TOOL_FUNCTION || t->kind == TOOL_CUSTOM)
			return true;
	}
	return false;
}

bool chat_is_closed(struct json_value schema)
{
	return json_get(schema, STR("additionalProperties")).type == JSON_FALSE;
}

bool chat_is_allowed(const struct chat_request *r, const struct chat_tool *t)
{
	for (unsigned i = 0; i < r->allowed_count; i++) {
		if (str_eq(r->allowed[i], t->name))
			return true;
	}
	return r->allowed_count == 0;
}

uint64_t chat_output_cap(const struct chat_request *r, const struct chat_target *t)
{
	enum { CAP_UNKNOWN = 32000 };

	if (r->max_tokens)
		return r->max_tokens;
	return t->facts && t->facts->output ? t->facts->output : CAP_UNKNOWN;
}

jstr chat_join_text(struct chat_request *r, const struct chat_part *parts, jstr between)
{
	const struct chat_part *only = NULL;
	size_t length = 0;
	unsigned count = 0;
	char *room, *to;

	for (const struct chat_part *p = parts; p; p = p->next) {
		if (p->kind != CHAT_TEXT)
			continue;
		length += p->text.len + (count++ ? between.len : 0);
		only = p;
	}
	if (count <= 1)
		return only ? only->text : STR_NONE;
	room = to = arena_try(r->keep, length ? length : 1);
	if (!room) {
		r->why = r->why ? r->why : FAULT_JSON_LIMIT;
		return STR_NONE;
	}
	for (const struct chat_part *p = parts; p; p = p->next) {
		if (p->kind != CHAT_TEXT)
			continue;
		if (to != room && between.len) {
			memcpy(to, between.ptr, between.len);
			to += between.len;
		}
		if (p->text.len)
			memcpy(to, p->text.ptr, p->text.len);
		to += p->text.len;
	}
	return str_of(room, (size_t)(to - room));
}

/* ---- reasoning ---- */

static const struct {
	str name;
	uint64_t budget;  /* what the level is worth in tokens */
	uint64_t at_most; /* budgets up to this are of the level */
} efforts[] = {
	[EFFORT_UNSET] = { STR_INIT(""), 0, 0 },
	[EFFORT_NONE] = { STR_INIT("none"), 0, 0 },
	[EFFORT_MINIMAL] = { STR_INIT("minimal"), 1024, 1024 },
	[EFFORT_LOW] = { STR_INIT("low"), 2048, 4096 },
	[EFFORT_MEDIUM] = { STR_INIT("medium"), 10000, 12288 },
	[EFFORT_HIGH] = { STR_INIT("high"), 16384, 24576 },
	[EFFORT_XHIGH] = { STR_INIT("xhigh"), 32768, UINT64_MAX },
	[EFFORT_MAX] = { STR_INIT("max"), 65536, 0 },
};

str chat_effort_name(enum chat_effort e)
{
	return efforts[e].name;
}

enum chat_effort chat_effort_find(str name)
{
	for (unsigned i = EFFORT_NONE; i < countof(efforts); i++) {
		if (str_eq(efforts[i].name, name))
			return (enum chat_effort)i;
	}
	return EFFORT_UNSET;
}

uint64_t chat_effort_budget(enum chat_effort e)
{
	return efforts[e].budget;
}

enum chat_effort chat_budget_effort(uint64_t budget)
{
	unsigned i = EFFORT_MINIMAL;

	if (budget == 0)
		return EFFORT_NONE;
	while (i < EFFORT_XHIGH && budget > efforts[i].at_most)
		i++;
	return (enum chat_effort)i;
}

enum chat_effort chat_wanted_effort(const struct chat_request *r)
{
	if (r->effort != EFFORT_UNSET || r->budget == 0)
		return r->effort;
	return chat_budget_effort(r->budget);
}

uint64_t chat_wanted_budget(const struct chat_request *r)
{
	return r->budget ? r->budget : chat_effort_budget(r->effort);
}
