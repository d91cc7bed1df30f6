/* openai_tap.c - what an answer in an OpenAI format means: is this event the first that
 * says something, is it an error, how many tokens were used, has it properly ended?
 *
 * The bytes are only looked at.  Usage figures that cannot be (negative, fractions, above
 * 2^31) are refused and remembered as bad, so that an estimate is made and shown as one.
 */
#include "wire/openai.h"

#include "base/mem.h"
#include "codec/json.h"

enum { COUNT_MOST = INT32_MAX };

static void keep_text(char *to, uint8_t *len, size_t room, struct json_value v)
{
	str text =
	        v.type == JSON_STRING ? str_of(v.raw.ptr + 1, v.raw.len - 2) : STR_NONE;

	if (text.len == 0 || text.len > room)
		return;
	memcpy(to, text.ptr, text.len);
	*len = (uint8_t)text.len;
}

/* ---- usage ---- */

/* Where the counts stand (wire-formats 12.2): a member of usage, or of one of its detail
 * objects.  Of several names for one count the first that comes wins. */
static const struct usage_name {
	str inside; /* the detail object, empty: usage itself */
	str name;
	size_t offset; /* in struct token_usage */
} usage_names[] = {
#define AT(member) offsetof(struct token_usage, member)
	{ STR_INIT(""), STR_INIT("prompt_tokens"), AT(input) },
	{ STR_INIT(""), STR_INIT("input_tokens"), AT(input) },
	{ STR_INIT(""), STR_INIT("completion_tokens"), AT(output) },
	{ STR_INIT(""), STR_INIT("output_tokens"), AT(output) },
	{ STR_INIT(""), STR_INIT("prompt_cache_hit_tokens"), AT(cache_read) },
	{ STR_INIT(""), STR_INIT("num_cached_tokens"), AT(cache_read) },
	{ STR_INIT(""), STR_INIT("cached_tokens"), AT(cache_read) },
	{ STR_INIT("prompt_tokens_details"), STR_INIT("cached_tokens"), AT(cache_read) },
	{ STR_INIT("prompt_tokens_details"), STR_INIT("cache_write_tokens"),
	  AT(cache_write) },
	{ STR_INIT("prompt_tokens_details"), STR_INIT("audio_tokens"), AT(audio_input) },
	{ STR_INIT("completion_tokens_details"), STR_INIT("reasoning_tokens"),
	  AT(reasoning) },
	{ STR_INIT("completion_tokens_details"), STR_INIT("audio_tokens"),
	  AT(audio_output) },
#undef AT
};

static bool take_count(const struct json_member *m, str inside, struct token_usage *found)
{
	for (size_t i = 0; i < countof(usage_names); i++) {
		const struct usage_name *n = &usage_names[i];
		uint64_t *to = (uint64_t *)(void *)((char *)found + n->offset);

		if (!str_eq(m->key, n->name) || !str_eq(inside, n->inside))
			continue;
		return *to != 0 || (json_u64(m->value, to) && *to <= COUNT_MOST);
	}
	return true;
}

/* Reads the counts of a usage object and of its detail objects; false: one of them cannot
 * be. */
static bool read_counts(const struct json_node *nodes, uint32_t at, str inside,
                        struct token_usage *found, uint64_t *total)
{
	for (uint32_t i = at + 1; i < nodes[at].next; i = nodes[i].next) {
		const struct json_member *m = &nodes[i].m;

		if (m->value.type == JSON_NULL)
			continue;
		if (m->value.type == JSON_OBJECT) {
			if (!read_counts(nodes, i, m->key, found, total))
				return false;
			continue;
		}
		if (inside.len == 0 && str_eq(m->key, STR("total_tokens")))
			json_u64(m->value, total);
		if (!take_count(m, inside, found))
			return false;
	}
	return true;
}

static bool read_usage(const struct json_node *nodes, uint32_t at, unsigned quirks,
                       struct token_usage *ret)
{
	struct token_usage found = { 0 };
	uint64_t total = 0;

	if (!read_counts(nodes, at, STR_NONE, &found, &total))
		return false;
	if (total > 0 && total <= COUNT_MOST) {
		/* Embedding providers such as Voyage report a total alone. */
		if (found.input == 0 && found.output == 0)
			found.input = total;
		bool beside = quirks & QUIRK_REASONING_BESIDE;
		if (beside && total >= found.input + found.output + found.reasoning)
			found.output += found.reasoning;
		if ((quirks & QUIRK_TOTAL_MINUS_PROMPT) && total >= found.input)
			found.output = total - found.input;
	}
	*ret = found;
	return true;
}

/* The last report wins, because some count up in every chunk (U30). */
static void take_usage(struct tap *t, const struct json_node *nodes, uint32_t at)
{
	struct token_usage found;

	if (nodes[at].m.value.type != JSON_OBJECT)
		return;
	if (!read_usage(nodes, at, t->quirks, &found) ||
	    (t->has_usage && found.output < t->usage.output)) {
		t->bad_usage = true;
		return;
	}
	t->usage = found;
	t->has_usage = true;
}

/* ---- choices ---- */

/* Members of a delta or message that are the answer itself, not its frame. */
static bool is_content(const struct json_value *v)
{
	switch (v->type) {
	case JSON_STRING:
		return v->raw.len > 2;
	case JSON_ARRAY:
	case JSON_OBJECT: {
		struct json_iter it = json_iter(*v);
		struct json_member m;
		return json_next(&it, &m);
	}
	case JSON_NONE:
	case JSON_NUMBER:
	case JSON_TRUE:
	case JSON_FALSE:
	case JSON_NULL:
		break;
	}
	return false;
}

/* The role alone says nothing; every other member that is not empty does. */
static bool look_at_delta(struct tap *t, const struct json_node *nodes, uint32_t at)
{
	bool found = false;

	for (uint32_t i = at + 1; i < nodes[at].next; i = nodes[i].next) {
		const struct json_member *m = &nodes[i].m;

		if (str_eq(m->key, STR("role")) || !is_content(&m->value))
			continue;
		found = true;
		t->text_bytes += m->value.raw.len;
	}
	return found;
}

static void take_finish(struct tap *t, uint64_t bit, struct json_value finish,
                        struct tap_event *ret)
{
	str reason = str_of(finish.raw.ptr + 1, finish.raw.len - 2);

	if (!bit || !(t->finished_bits & bit))
		t->finished++;
	t->finished_bits |= bit;
	keep_text(t->finish, &t->finish_len, sizeof(t->finish), finish);
	if (str_eq(reason, STR("error")))
		ret->is_error = true;
	else if (!str_eq(reason, STR("stop")))
		ret->is_meaningful =
		        true; /* cut by length, filtered: an answer of its kind */
}

static void look_at_choice(struct tap *t, const struct json_node *nodes, uint32_t at,
                           struct tap_event *ret)
{
	struct json_value finish = { 0 };
	uint64_t index = 0;

	for (uint32_t i = at + 1; i < nodes[at].next; i = nodes[i].next) {
		const struct json_member *m = &nodes[i].m;

		if (str_eq(m->key, STR("delta")) || str_eq(m->key, STR("message"))) {
			if (look_at_delta(t, nodes, i))
				ret->is_meaningful = true;
		} else if (str_eq(m->key, STR("text")) && json_has_text(m->value)) {
			t->text_bytes += m->value.raw.len;
			ret->is_meaningful = true;
		} else if (str_eq(m->key, STR("finish_reason"))) {
			finish = m->value;
		} else if (str_eq(m->key, STR("index"))) {
			json_u64(m->value, &index);
		}
	}
	uint64_t bit = index < 64 ? (uint64_t)1 << index : 0;
	t->seen_bits |= bit;
	if (json_has_text(finish))
		take_finish(t, bit, finish, ret);
}

static unsigned look_at_choices(struct tap *t, const struct json_node *nodes, uint32_t at,
                                struct tap_event *ret)
{
	unsigned count = 0;

	for (uint32_t i = at + 1; i < nodes[at].next; i = nodes[i].next, count++)
		look_at_choice(t, nodes, i, ret);
	return count;
}

static str message_of(struct json_value root)
{
	struct json_value v = json_path(root, "error.message");

	if (v.type != JSON_STRING)
		v = json_get(root, STR("message"));
	return v.type == JSON_STRING ? str_of(v.raw.ptr + 1, v.raw.len - 2) : STR_NONE;
}

/* What the members of a chunk or of a whole answer say. */
static void look_at_root(struct tap *t, const struct json_node *nodes,
                         struct tap_event *ret)
{
	bool has_choices = false, has_usage = false, has_error = false;
	unsigned choices = 0;

	for (uint32_t i = 1; i < nodes[0].next; i = nodes[i].next) {
		const struct json_member *m = &nodes[i].m;

		if (str_eq(m->key, STR("choices"))) {
			has_choices = m->value.type == JSON_ARRAY;
			choices = has_choices ? look_at_choices(t, nodes, i, ret) : 0;
		} else if (str_eq(m->key, STR("usage"))) {
			has_usage = m->value.type == JSON_OBJECT;
			take_usage(t, nodes, i);
		} else if (str_eq(m->key, STR("x_groq"))) {
			for (uint32_t u = i + 1; u < nodes[i].next; u = nodes[u].next) {
				if (str_eq(nodes[u].m.key, STR("usage")))
					take_usage(t, nodes, u);
			}
		} else if (str_eq(m->key, STR("error"))) {
			has_error =
			        m->value.type == JSON_OBJECT || json_has_text(m->value);
		} else if (str_eq(m->key, STR("object"))) {
			has_error |= json_text_is(m->value, STR("error"));
		} else if (str_eq(m->key, STR("model")) && t->model_len == 0) {
			keep_text(t->model, &t->model_len, sizeof(t->model), m->value);
		}
	}
	if (has_error && choices == 0)
		ret->is_error = true;
	if (ret->is_error)
		ret->message = message_of(nodes[0].m.value);
	if (!has_choices && !has_usage && !has_error)
		t->unknown++;
	ret->strip = t->strip_usage && has_usage && has_choices && choices == 0;
}

/* Root, choices, a choice, its delta, what that says: down to depth 4.  Nearly every text
 * fits the small tape; one that does not gets one as long as it could need. */
static bool look_at(struct tap *t, str text, struct tap_event *ret)
{
	enum { DEPTH = 4, SMALL = 160, LARGE = 100000 };
	struct json_node nodes[SMALL];
	struct json_tape tape = { .nodes = nodes, .most = SMALL };
	fault_t why = json_tape_read(text, &json_limits_default, DEPTH, &tape);

	if (why == FAULT_JSON_LIMIT && tape.count == SMALL) {
		tape.nodes = mem_new(LARGE * sizeof(struct json_node));
		tape.most = LARGE;
		why = json_tape_read(text, &json_limits_default, DEPTH, &tape);
	}
	bool is_object = !why && tape.nodes[0].m.value.type == JSON_OBJECT;
	if (is_object)
		look_at_root(t, tape.nodes, ret);
	if (tape.nodes != nodes)
		free(tape.nodes);
	return is_object;
}

void openai_tap_event(struct tap *t, str name, str data, struct tap_event *ret)
{
	*ret = (struct tap_event){ 0 };
	if (str_starts(data, STR("[DONE]"))) {
		t->done = ret->is_end = true;
		return;
	}
	if (!look_at(t, data, ret)) {
		ret->is_broken = true;
		return;
	}
	if (str_eq(name, STR("error")))
		ret->is_error = true;
	/* Images and audio have no choices: whatever comes is the answer. */
	if (!operations[t->operation].is_chat && !ret->is_error) {
		ret->is_meaningful = true;
		t->text_bytes += data.len;
	}
}

fault_t openai_tap_answer(struct tap *t, str body, str *ret_message)
{
	struct tap_event found = { 0 };

	if (!look_at(t, body, &found))
		return FAULT_UPSTREAM_MALFORMED;
	if (found.is_error) {
		*ret_message = found.message;
		return FAULT_STREAM_ERROR;
	}
	if (operations[t->operation].is_chat && !found.is_meaningful)
		return FAULT_EMPTY_ANSWER;
	return NULL;
}

/* Every choice that began has its finish reason.  Without the end mark all the choices
 * that the client wants must have finished: one of them may not have begun yet. */
bool openai_is_complete(const struct tap *t)
{
	if (!operations[t->operation].is_chat)
		return true;
	if (t->done && (t->quirks & QUIRK_NO_FINISH))
		return true;
	if (t->finished == 0 || (t->seen_bits & ~t->finished_bits))
		return false;
	return t->done || t->finished >= t->choices;
}
