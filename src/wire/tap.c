#include "wire/tap.h"

enum { COUNT_MOST = INT32_MAX };

static const str finish_names[] = {
	[FINISH_NONE] = STR_INIT(""),
	[FINISH_STOP] = STR_INIT("stop"),
	[FINISH_SEQUENCE] = STR_INIT("stop_sequence"),
	[FINISH_LENGTH] = STR_INIT("length"),
	[FINISH_CONTEXT] = STR_INIT("context"),
	[FINISH_CALLS] = STR_INIT("tool_calls"),
	[FINISH_FILTER] = STR_INIT("content_filter"),
	[FINISH_REFUSAL] = STR_INIT("refusal"),
	[FINISH_PAUSE] = STR_INIT("pause"),
	[FINISH_ERROR] = STR_INIT("error"),
};

static void keep_text(char *to, uint8_t *len, size_t room, str text)
{
	if (text.len == 0 || text.len > room)
		return;
	memcpy(to, text.ptr, text.len);
	*len = (uint8_t)text.len;
}

static void keep_id(struct tap_names *n, str id)
{
	if (n && n->id_len == 0)
		keep_text(n->id, &n->id_len, sizeof(n->id), id);
}

static void keep_seal(struct tap_names *n, str blob)
{
	str end = str_from(blob, blob.len - min_of(blob.len, (size_t)TAP_SEAL));

	if (n)
		keep_text(n->seal, &n->seal_len, sizeof(n->seal), end);
}

void tap_odd(struct tap *t, str name)
{
	t->unknown++;
	name = str_first(name, TAP_ODD_NAME);
	for (int i = 0; name.len && i < TAP_ODD; i++) {
		if (t->odd[i].count == 0) {
			memcpy(t->odd[i].name, name.ptr, name.len);
			t->odd[i].len = (uint8_t)name.len;
		} else if (!str_eq(str_of(t->odd[i].name, t->odd[i].len), name)) {
			continue;
		}
		t->odd[i].count++;
		return;
	}
}

static void take_usage(struct tap *t, const struct token_usage *u)
{
	t->other_tier |= t->reader && t->reader->other_tier;
	if (u->input > COUNT_MOST || u->output > COUNT_MOST ||
	    (t->has_usage && u->output < t->usage.output)) {
		t->bad_usage = true;
		return;
	}
	t->usage = *u;
	t->has_usage = true;
}

/* The output is still to be counted, or estimated. */
static void take_input(struct tap *t, const struct token_usage *u)
{
	t->other_tier |= t->reader && t->reader->other_tier;
	if (t->has_usage || u->input > COUNT_MOST)
		return;
	t->usage = *u;
	t->has_input = true;
}

static void take_finish(struct tap *t, const struct chat_event *e, struct tap_event *ret)
{
	uint64_t bit = e->choice < 64 ? (uint64_t)1 << e->choice : 0;

	if (!bit || !(t->finished_bits & bit))
		t->finished++;
	t->finished_bits |= bit;
	keep_text(t->finish, &t->finish_len, sizeof(t->finish), finish_names[e->finish]);
	if (e->finish == FINISH_ERROR) {
		ret->is_error = true;
		ret->why = FAULT_STREAM_ERROR;
	} else if (e->finish != FINISH_STOP && e->finish != FINISH_NONE)
		ret->is_meaningful =
		        true; /* cut by length, filtered: an answer of its kind */
}

static void take(struct chat_sink *sink, const struct chat_event *e)
{
	struct tap_sink *s = container_of(sink, struct tap_sink, sink);
	struct tap *t = s->tap;

	switch (e->kind) {
	case CHAT_BEGIN:
		if (t->model_len == 0)
			keep_text(t->model, &t->model_len, sizeof(t->model), e->name);
		keep_id(t->names, e->id);
		break;
	case CHAT_OPEN:
		t->seen_bits |= e->choice < 64 ? (uint64_t)1 << e->choice : 0;
		t->text_bytes += e->text.len;
		t->is_thinking = e->what == CHAT_REASONING;
		if (e->what == CHAT_REFUSAL)
			t->refused = true;
		if (e->what == CHAT_CALL && e->name.len == 0)
			s->found->is_broken = true; /* nobody could answer it */
		if (e->what == CHAT_CALL || e->what == CHAT_IMAGE ||
		    e->what == CHAT_AUDIO || e->what == CHAT_FOREIGN)
			s->found->is_meaningful = true;
		break;
	case CHAT_PIECE:
		t->text_bytes += e->text.len;
		if (e->text.len)
			s->found->is_meaningful = true;
		break;
	case CHAT_SEALED:
		keep_seal(t->names, e->seal.blob);
		t->text_bytes += e->seal.blob.len;
		s->found->is_meaningful = true;
		break;
	case CHAT_FINISH:
		take_finish(t, e, s->found);
		break;
	case CHAT_USAGE:
		take_usage(t, e->billed ? e->billed : &e->usage);
		break;
	case CHAT_INPUT:
		take_input(t, &e->usage);
		break;
	case CHAT_FAULT:
		s->found->is_error = true;
		s->found->why = e->why;
		s->found->message = e->text;
		break;
	case CHAT_END:
		t->done = s->found->is_end = true;
		s->found->strip |= e->why != NULL;
		break;
	case CHAT_ODD:
		tap_odd(t, e->name);
		break;
	case CHAT_CLOSE:
		t->is_thinking = false;
		break;
	case CHAT_CITE:
		break;
	}
	if (s->next)
		chat_push(s->next, e);
}

void tap_sink_init(struct tap_sink *s, struct tap *t, struct tap_event *ret,
                   struct chat_sink *next)
{
	*s = (struct tap_sink){
		.sink = { .take = take }, .tap = t, .found = ret, .next = next
	};
}

void wire_tap_event(const struct wire *wire, struct tap *t, str name, str data,
                    struct tap_event *ret, struct chat_sink *next)
{
	struct tap_sink s;

	if (wire->tap_event && !next) {
		wire->tap_event(t, name, data, ret);
		return;
	}
	*ret = (struct tap_event){ 0 };
	tap_sink_init(&s, t, ret, next);
	if (wire->read_event(t->reader, name, data, &s.sink))
		ret->is_broken = true;
}

fault_t wire_tap_answer(const struct wire *wire, struct tap *t, str body,
                        str *ret_message, struct chat_sink *next)
{
	struct tap_event found = { 0 };
	struct tap_sink s;
	fault_t why;

	if (wire->tap_answer && (!next || !operations[t->operation].is_chat))
		return wire->tap_answer(t, body, ret_message);
	if (!operations[t->operation].is_chat) {
		struct json_value root;

		if (json_check(body, &json_limits_default, &root))
			return FAULT_UPSTREAM_MALFORMED;
		if (work_usage(wire, t->operation, root, &t->usage))
			t->has_usage = true;
		return NULL;
	}
	tap_sink_init(&s, t, &found, next);
	why = wire->read_reply(t->reader, body, &s.sink);
	if (why)
		return why;
	if (found.is_error) {
		*ret_message = found.message;
		return found.why;
	}
	return found.is_meaningful ? NULL : FAULT_EMPTY_ANSWER;
}

void tap_cut(struct tap *t, enum chat_finish finish)
{
	t->has_input |= t->has_usage;
	t->has_usage = false;
	keep_text(t->finish, &t->finish_len, sizeof(t->finish), finish_names[finish]);
}

bool tap_is_finished(const struct tap *t)
{
	return t->finished && t->finished >= t->choices &&
	       !(t->seen_bits & ~t->finished_bits) &&
	       !str_eq(tap_finish(t), finish_names[FINISH_ERROR]);
}

bool wire_is_complete(const struct wire *wire, const struct tap *t)
{
	return wire->is_complete && !t->reader ? wire->is_complete(t) : t->done;
}

bool wire_tap_eof(const struct wire *wire, struct tap *t, struct chat_sink *next)
{
	struct tap_event found = { 0 };
	struct tap_sink s;

	if (!t->reader || !wire->read_eof)
		return wire_is_complete(wire, t);
	if (t->whole)
		return true;
	tap_sink_init(&s, t, &found, next);
	t->whole = wire->read_eof(t->reader, &s.sink) && !found.is_error;
	t->late |= found.is_meaningful;
	return t->whole;
}
