/* openai_tap.c - what an answer in an OpenAI format means: is this event the first that
 * says something, is it an error, how many tokens were used, has it properly ended?
 *
 * The bytes are only looked at.  Usage figures that cannot be (negative, fractions, above
 * 2^31) are refused and remembered as bad, so that an estimate is made and shown as one.
 */
#include "wire/openai.h"

#include "base/mem.h"
#include "codec/json.h"
#include "wire/complaint.h"
#include "wire/tap.h"
#include "wire/work.h"

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

/* Reads the counts of a usage object and of its detail objects; false: one of them cannot
 * be. */
static bool read_counts(const struct json_node *nodes, uint32_t at,
                        enum openai_usage_part part, struct openai_counts *c)
{
	for (uint32_t i = at + 1; i < nodes[at].next; i = nodes[i].next) {
		const struct json_member *m = &nodes[i].m;
		enum openai_usage_part inner;

		if (m->value.type != JSON_OBJECT) {
			if (!openai_usage_take(c, part, m->key, m->value))
				return false;
			continue;
		}
		inner = part == OPENAI_USAGE_ROOT ? openai_usage_part(m->key)
		                                  : OPENAI_USAGE_NONE;
		if (inner != OPENAI_USAGE_NONE && !read_counts(nodes, i, inner, c))
			return false;
	}
	return true;
}

/* The last report wins, because some count up in every chunk (U30). */
static void take_usage(struct tap *t, const struct json_node *nodes, uint32_t at)
{
	struct openai_counts found = { .has_any = false };

	if (nodes[at].m.value.type != JSON_OBJECT)
		return;
	if (!read_counts(nodes, at, OPENAI_USAGE_ROOT, &found)) {
		t->bad_usage = true;
		return;
	}
	openai_usage_end(&found, t->quirks);
	/* Without a count (the seconds of a recording, say) it is no usage. */
	if (found.has_any && t->has_usage && found.usage.output < t->usage.output) {
		t->bad_usage = true;
		return;
	}
	if (found.has_any) {
		t->usage = found.usage;
		t->has_usage = true;
	}
	t->usage_is_empty = nodes[at].next == at + 1;
	t->usage_end = nodes[at].m.value.raw.ptr + nodes[at].m.value.raw.len - 1;
	for (uint32_t i = at + 1; i < nodes[at].next; i = nodes[i].next)
		if (str_eq(nodes[i].m.key, STR("cost")))
			t->usage_end = NULL;
}

/* ---- choices ---- */

static bool has_items(struct json_value container)
{
	struct json_iter it = json_iter(container);
	struct json_member m;

	return json_next(&it, &m);
}

/* Members of a delta or message that are the answer itself, not its frame. */
static bool is_content(const struct json_value *v)
{
	switch (v->type) {
	case JSON_STRING:
		return v->raw.len > 2;
	case JSON_ARRAY:
	case JSON_OBJECT:
		return v->raw.len > 2 && has_items(*v);
	case JSON_NONE:
	case JSON_NUMBER:
	case JSON_TRUE:
	case JSON_FALSE:
	case JSON_NULL:
		break;
	}
	return false;
}

/* What an event says in pieces of text, and whether it says anything else. */
struct said {
	str text, padding; /* insides of strings */
	unsigned texts;
	bool has_more;
	bool is_whole; /* it is an answer, not an event; set before */
};

static str inside_of(struct json_value string)
{
	return str_of(string.raw.ptr + 1, string.raw.len - 2);
}

static void say_text(struct tap *t, struct json_value v, struct said *said)
{
	t->text_bytes += v.raw.len;
	if (v.type == JSON_STRING) {
		said->text = inside_of(v);
		said->texts++;
	} else {
		said->has_more = true;
	}
}

/* The role alone says nothing; every other member that is not empty does. */
static bool look_at_delta(struct tap *t, const struct json_node *nodes, uint32_t at,
                          struct said *said)
{
	bool found = false;

	for (uint32_t i = at + 1; i < nodes[at].next; i = nodes[i].next) {
		const struct json_member *m = &nodes[i].m;

		if (str_eq(m->key, STR("role")) || !is_content(&m->value))
			continue;
		found = true;
		t->is_thinking = str_starts(m->key, STR("reasoning"));
		if (str_eq(m->key, STR("refusal")))
			t->refused = true;
		say_text(t, m->value, said);
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
                           struct tap_event *ret, struct said *said)
{
	struct json_value finish = { 0 };
	uint64_t index = 0;
	uint32_t says = 0; /* where its delta stands, or its message */

	for (uint32_t i = at + 1; i < nodes[at].next; i = nodes[i].next) {
		const struct json_member *m = &nodes[i].m;
		bool is_delta = str_eq(m->key, STR("delta"));

		if (is_delta || str_eq(m->key, STR("message"))) {
			/* Perplexity has both, of which one repeats what was said. */
			said->has_more |= says > 0;
			if (m->value.type == JSON_OBJECT &&
			    (!says || is_delta != said->is_whole))
				says = i;
		} else if (str_eq(m->key, STR("text")) && json_has_text(m->value)) {
			say_text(t, m->value, said);
			ret->is_meaningful = true;
		} else if (str_eq(m->key, STR("finish_reason"))) {
			finish = m->value;
		} else if (str_eq(m->key, STR("index"))) {
			json_u64(m->value, &index);
		}
	}
	if (says && look_at_delta(t, nodes, says, said))
		ret->is_meaningful = true;
	uint64_t bit = index < 64 ? (uint64_t)1 << index : 0;
	t->seen_bits |= bit;
	if (json_has_text(finish)) {
		said->has_more = true;
		take_finish(t, bit, finish, ret);
	}
}

static unsigned look_at_choices(struct tap *t, const struct json_node *nodes, uint32_t at,
                                struct tap_event *ret, struct said *said)
{
	unsigned count = 0;

	for (uint32_t i = at + 1; i < nodes[at].next; i = nodes[i].next, count++)
		look_at_choice(t, nodes, i, ret, said);
	return count;
}

static fault_t complaint(str text)
{
	return complaint_fault(
	        &(struct complaint){ .format = WIRE_OPENAI_CHAT, .text = text });
}

static str message_of(struct json_value root)
{
	struct json_value v = json_path(root, "error.message");

	if (v.type != JSON_STRING)
		v = json_get(root, STR("message"));
	return v.type == JSON_STRING ? str_of(v.raw.ptr + 1, v.raw.len - 2) : STR_NONE;
}

/* What something is called that is neither chunk nor answer. */
static str name_of_odd(const struct json_node *nodes)
{
	str first = STR_NONE;

	for (uint32_t i = 1; i < nodes[0].next; i = nodes[i].next) {
		const struct json_member *m = &nodes[i].m;

		if (str_eq(m->key, STR("object")) && m->value.type == JSON_STRING)
			return str_of(m->value.raw.ptr + 1, m->value.raw.len - 2);
		if (!first.len)
			first = m->key;
	}
	return first.len ? first : STR("{}");
}

/* What answers of other operations than chat have instead of choices. */
static bool is_answer(enum operation op, const struct json_node *nodes)
{
	static const struct {
		enum operation op;
		str member;
	} known[] = {
		{ OP_MODERATIONS, STR_INIT("results") },
		{ OP_RERANK, STR_INIT("results") },
		{ OP_EMBEDDINGS, STR_INIT("data") },
		{ OP_IMAGES, STR_INIT("data") },
		{ OP_IMAGES, STR_INIT("b64_json") },
		{ OP_IMAGE_EDITS, STR_INIT("data") },
		{ OP_IMAGE_EDITS, STR_INIT("b64_json") },
		{ OP_IMAGE_VARIATIONS, STR_INIT("data") },
		{ OP_TRANSCRIPTIONS, STR_INIT("text") },
		{ OP_TRANSLATIONS, STR_INIT("text") },
	};

	for (uint32_t i = 1; i < nodes[0].next; i = nodes[i].next)
		for (size_t k = 0; k < countof(known); k++)
			if (known[k].op == op && str_eq(nodes[i].m.key, known[k].member))
				return true;
	return false;
}

/* Pictures stand in `data`, or each in an event of its own, of which the partial ones do
 * not count. */
static void count_images(struct tap *t, const struct json_node *nodes, uint32_t at)
{
	const struct json_member *m = &nodes[at].m;

	if (str_eq(m->key, STR("data")) && m->value.type == JSON_ARRAY)
		for (uint32_t i = at + 1; i < nodes[at].next; i = nodes[i].next)
			t->images++;
	else if (str_eq(m->key, STR("type")) && m->value.type == JSON_STRING)
		t->images += str_ends(inside_of(m->value), STR(".completed"));
}

/* What the members of a chunk or of a whole answer say. */
static void look_at_root(struct tap *t, const struct json_node *nodes,
                         struct tap_event *ret, struct said *said)
{
	bool has_choices = false, has_usage = false, has_error = false;
	unsigned choices = 0;

	for (uint32_t i = 1; i < nodes[0].next; i = nodes[i].next) {
		const struct json_member *m = &nodes[i].m;

		if (str_eq(m->key, STR("choices"))) {
			has_choices = m->value.type == JSON_ARRAY;
			choices =
			        has_choices ? look_at_choices(t, nodes, i, ret, said) : 0;
		} else if (str_eq(m->key, STR("usage"))) {
			has_usage = m->value.type == JSON_OBJECT;
			take_usage(t, nodes, i);
		} else if (str_eq(m->key, STR("x_groq"))) {
			said->has_more = true;
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
		} else if (str_eq(m->key, STR("obfuscation")) &&
		           m->value.type == JSON_STRING) {
			said->padding = inside_of(m->value);
		} else if (str_eq(m->key, STR("service_tier"))) {
			t->other_tier |= chat_is_other_tier(m->value);
		} else if (operations[t->operation].makes_images) {
			count_images(t, nodes, i);
		}
	}
	if (has_error && choices == 0)
		ret->is_error = true;
	if (ret->is_error)
		ret->message = message_of(nodes[0].m.value);
	if (!has_choices && !has_usage && !has_error && !is_answer(t->operation, nodes))
		tap_odd(t, name_of_odd(nodes));
	said->has_more |= has_usage || has_error || ret->is_error || choices != 1;
	ret->strip = t->strip_usage && has_usage && has_choices && choices == 0;
}

/* Root, choices, a choice, its delta, what that says: down to depth 4.  Nearly every text
 * fits the small tape; one that does not gets one as long as it could need. */
static bool look_at(struct tap *t, str text, struct tap_event *ret, struct said *said)
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
		look_at_root(t, tape.nodes, ret, said);
	if (tape.nodes != nodes)
		free(tape.nodes);
	return is_object;
}

/* Does the event only say another piece of text than the last that did only that?  (What
 * it says beside is the same, and was noted then.) */
static bool is_like_the_last(struct tap *t, str name, str data, struct tap_event *ret)
{
	str text;

	if (name.len > 0 || !frame_holds(&t->frame, data, &text))
		return false;
	ret->is_again = true;
	ret->text = text;
	ret->is_meaningful = text.len > 0;
	if (text.len > 0)
		t->text_bytes += text.len + 2;
	return true;
}

/* OpenAI hides the lengths of its events with a member of random letters at their end. */
static bool keep_frame(struct tap *t, str data, const struct said *said)
{
	str holes[FRAME_HOLES] = { said->text, said->padding };
	bool is_padded = said->padding.ptr > said->text.ptr;

	if (said->texts != 1 || said->has_more || !operations[t->operation].is_chat)
		return false;
	frame_keep(&t->frame, data, holes, is_padded ? 2 : 1);
	return t->frame.pieces > 0;
}

void openai_tap_event(struct tap *t, str name, str data, struct tap_event *ret)
{
	struct said said = { .texts = 0 };

	*ret = (struct tap_event){ 0 };
	t->usage_end = NULL;
	if (str_starts(data, STR("[DONE]"))) {
		t->done = ret->is_end = true;
		return;
	}
	if (is_like_the_last(t, name, data, ret))
		return;
	if (!look_at(t, data, ret, &said)) {
		ret->is_broken = true;
		return;
	}
	ret->is_framed = keep_frame(t, data, &said);
	if (str_eq(name, STR("error")))
		ret->is_error = true;
	if (ret->is_error)
		ret->why = complaint(data);
	/* Images and audio have no choices: whatever comes is the answer. */
	if (!operations[t->operation].is_chat && !ret->is_error) {
		ret->is_meaningful = true;
		t->text_bytes += data.len;
	}
}

/* Search units of a ranking, which a host may say as Cohere does. */
static void take_units(struct tap *t, str body)
{
	struct token_usage units;
	struct json_value root;

	if (json_check(body, &json_limits_default, &root) ||
	    !work_usage(&wire_openai_chat, t->operation, root, &units))
		return;
	t->usage.searches = units.searches;
	t->has_usage = true;
}

fault_t openai_tap_answer(struct tap *t, str body, str *ret_message)
{
	struct tap_event found = { 0 };
	struct said said = { .is_whole = true };

	t->usage_end = NULL;
	if (!look_at(t, body, &found, &said))
		return FAULT_UPSTREAM_MALFORMED;
	if (found.is_error) {
		*ret_message = found.message;
		return complaint(body);
	}
	if (t->operation == OP_RERANK)
		take_units(t, body);
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
